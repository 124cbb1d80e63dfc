/* SPDX-License-Identifier: MIT */
/*
 * The kernel log: a ring of bytes; positions count from boot and never wrap. Lines also go to the
 * debug port, and with "klog=serial" on the command line to the console. Writers take a lock of
 * their own that gives up after a while, so that an NMI or a panic in the middle of a line can
 * still speak.
 */
#include <kernel/thread.h>

#define RING (256u << 10)

static char ring[RING];
static u64 head; /* bytes ever written */
static u32 lock;
static int serial = -1;

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
	size_t n = strlen(word);

	for (const char *p = line; *p; p++)
		if ((p == line || p[-1] == ' ') && strncmp(p, word, n) == 0 &&
			(p[n] == 0 || p[n] == ' '))
			return true;
	return false;
}

static void write(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ring[head++ % RING] = s[i];
		arch_debug_putc(s[i]);
	}
	if (serial < 0)
		serial = boot_option("klog=serial");
	if (serial)
		console_write(s, n);
}

static void vlog(const char *prefix, const char *fmt, __builtin_va_list ap)
{
	char line[1200];
	u64 us = now_ns() / 1000;
	int n = snprintf(line, sizeof(line), "[%5lu.%06lu] ", us / 1000000, us % 1000000);
	bool taken;

	n += strlcpy(line + n, prefix, sizeof(line) - n);
	n += vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	n = MIN(n, (int)sizeof(line) - 2);
	line[n++] = '\n';
	taken = take();
	write(line, n);
	drop(taken);
}

void klog(const char *fmt, ...)
{
	__builtin_va_list ap;

	__builtin_va_start(ap, fmt);
	vlog("", fmt, ap);
	__builtin_va_end(ap);
}

size_t klog_read(u64 *cursor, char *buf, size_t n)
{
	bool taken = take();
	u64 from = *cursor, oldest = head > RING ? head - RING : 0;

	if (from < oldest)
		from = oldest;
	if (from > head)
		from = head;
	n = MIN(n, head - from);
	for (size_t i = 0; i < n; i++)
		buf[i] = ring[(from + i) % RING];
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
	vlog("@@panic ", fmt, ap);
	__builtin_va_end(ap);
	n = arch_backtrace((u64)__builtin_frame_address(0), frames, ARRAY_SIZE(frames));
	for (u32 i = 0, at = 0; i < n; i++)
		at += snprintf(trace + at, sizeof(trace) - at, " %lx", frames[i]);
	klog("@@bt%s", trace);
	if (boot_option("panic=off"))
		arch_exit(127);
	arch_halt();
}
