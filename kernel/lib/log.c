/* SPDX-License-Identifier: MIT */
/*
 * The kernel log: a ring of bytes; positions count from boot and never wrap. Lines also go to the
 * debug port, and with "klog=serial" on the command line to the console. Writers take a lock of
 * their own that gives up after a while, so that an NMI or a panic in the middle of a line can
 * still speak.
 */
#include <kernel/thread.h>

#define RING (256u << 10)

static struct ring {
	char bytes[RING];
	u64 head; /* bytes ever written */
} rings[LOG_RINGS];
static u32 lock;
static int serial = -1;
bool trace_on;

static bool take(void)
{
	for (u32 i = 0; i < 1000000; i++) {
		if (!__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
			return true;
		cpu_relax();
	}
	return false;
}

static void drop(bool taken)
{
	if (taken)
		__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

bool boot_option(const char *word)
{
	const char *line = boot_info.cmdline;
	size_t n;

	for (const char *p = line; *p; p++) {
		for (n = 0; word[n] && p[n] == word[n];)
			n++;
		if ((p == line || p[-1] == ' ') && !word[n] && (p[n] == 0 || p[n] == ' '))
			return true;
	}
	return false;
}

static void write(enum log_ring ring, const char *s, size_t n)
{
	struct ring *r = &rings[ring];
	bool taken = take();

	for (size_t i = 0; i < n; i++) {
		r->bytes[r->head++ % RING] = s[i];
		if (ring == LOG_KERNEL)
			arch_debug_putc(s[i]);
	}
	if (serial < 0)
		serial = boot_option("klog=serial");
	if (serial && ring == LOG_KERNEL)
		console_write(s, n);
	drop(taken);
}

static void vlog(enum log_ring ring, const char *prefix, const char *fmt, __builtin_va_list ap)
{
	char line[1200];
	u64 us = now_ns() / 1000;
	int n = snprintf(line, sizeof(line), "[%5lu.%06lu] %s", us / 1000000, us % 1000000, prefix);

	n += vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	n = MIN(n, (int)sizeof(line) - 2);
	line[n++] = '\n';
	write(ring, line, n);
}

void klog(const char *fmt, ...)
{
	__builtin_va_list ap;

	__builtin_va_start(ap, fmt);
	vlog(LOG_KERNEL, "", fmt, ap);
	__builtin_va_end(ap);
}

void trace_add(const char *fmt, ...)
{
	struct cpu *c = this_cpu();
	char who[32];
	__builtin_va_list ap;

	snprintf(who, sizeof(who), "cpu%u t%u ", c->id, c->current ? c->current->tid : 0);
	__builtin_va_start(ap, fmt);
	vlog(LOG_TRACE, who, fmt, ap);
	__builtin_va_end(ap);
}

size_t klog_read(enum log_ring ring, u64 *cursor, char *buf, size_t n)
{
	struct ring *r = &rings[ring];
	bool taken = take();
	u64 oldest = r->head > RING ? r->head - RING : 0, from = MIN(MAX(*cursor, oldest), r->head);

	n = MIN(n, r->head - from);
	for (size_t i = 0; i < n; i++)
		buf[i] = r->bytes[(from + i) % RING];
	*cursor = from + n;
	drop(taken);
	return n;
}

/* --- the end --- */

void panic(const char *fmt, ...)
{
	static u32 panicking;
	char trace[512] = "";
	u64 frames[24];
	u32 n;
	__builtin_va_list ap;

	if (__atomic_exchange_n(&panicking, 1, __ATOMIC_ACQ_REL))
		arch_halt(); /* the first one speaks */
	arch_stop_others();
	serial = 1;
	__builtin_va_start(ap, fmt);
	vlog(LOG_KERNEL, "@@panic ", fmt, ap);
	__builtin_va_end(ap);
	n = arch_backtrace((u64)__builtin_frame_address(0), frames, ARRAY_SIZE(frames));
	for (u32 i = 0, at = 0; i < n; i++)
		at += snprintf(trace + at, sizeof(trace) - at, " %lx", frames[i]);
	klog("@@bt%s", trace);
	if (boot_option("panic=off"))
		arch_exit(127);
	arch_halt();
}
