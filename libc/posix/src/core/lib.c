/* SPDX-License-Identifier: MIT */
/* Small things that every part of the runtime needs. */
#include <stdarg.h>
#include "rt.h"

void rt_lock_take(rt_lock *l)
{
	u32 free = 0;

	if (__atomic_compare_exchange_n(&l->word, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	/* A native wait ends early for a pending signal; the lock must be had all the same, and signals wait for the tail. */
	while (__atomic_exchange_n(&l->word, 2, __ATOMIC_ACQUIRE)) {
		if (NC(FUTEX, WEFT_FUTEX_WAIT | WEFT_FUTEX_PRIVATE, &l->word, 2, WEFT_FOREVER, 0, ~0u) == -EINTR)
			NC(YIELD);
	}
}

void rt_lock_drop(rt_lock *l)
{
	if (__atomic_exchange_n(&l->word, 0, __ATOMIC_RELEASE) == 2)
		NC(FUTEX, WEFT_FUTEX_WAKE | WEFT_FUTEX_PRIVATE, &l->word, 1, 0, 0, ~0u);
}

void rt_locks_take(struct rt_proc *p)
{
	rt_lock_take(&p->fs_lock);
	rt_lock_take(&p->mm_lock);
	rt_lock_take(&p->sig_lock);
	rt_lock_take(&p->timer_lock);
	rt_lock_take(&p->misc_lock);
}

void rt_locks_drop(struct rt_proc *p)
{
	rt_lock_drop(&p->misc_lock);
	rt_lock_drop(&p->timer_lock);
	rt_lock_drop(&p->sig_lock);
	rt_lock_drop(&p->mm_lock);
	rt_lock_drop(&p->fs_lock);
}

struct out {
	char *p, *end;
};

static void put(struct out *o, char c)
{
	if (o->p < o->end)
		*o->p++ = c;
}

static void put_number(struct out *o, u64 v, u32 base, int width, char pad)
{
	char d[24];
	int n = 0;

	do
		d[n++] = "0123456789abcdef"[v % base];
	while (v /= base);
	while (width-- > n)
		put(o, pad);
	while (n)
		put(o, d[--n]);
}

/* %d %u %x %o %s %c %% with l, a width and a leading 0. Truncates; always ends with a NUL. -> length written */
static int format(char *buf, size_t n, const char *fmt, va_list ap)
{
	struct out o = {buf, buf + n - 1};

	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		char pad = ' ';
		int width = 0, longs = 0;
		if (*++fmt == '0')
			pad = '0';
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = width * 10 + *fmt - '0';
		for (; *fmt == 'l' || *fmt == 'z'; fmt++)
			longs++;
		switch (*fmt) {
		case 'd': {
			i64 v = longs ? va_arg(ap, i64) : va_arg(ap, int);
			if (v < 0)
				put(&o, '-');
			put_number(&o, v < 0 ? -(u64)v : (u64)v, 10, width, pad);
			break;
		}
		case 'u':
		case 'x':
		case 'o': {
			u64 v = longs ? va_arg(ap, u64) : va_arg(ap, u32);
			put_number(&o, v, *fmt == 'u' ? 10 : *fmt == 'x' ? 16 : 8, width, pad);
			break;
		}
		case 's': {
			const char *s = va_arg(ap, const char *);
			for (; *s; s++, width--)
				put(&o, *s);
			while (width-- > 0)
				put(&o, ' ');
			break;
		}
		case 'c':
			put(&o, va_arg(ap, int));
			break;
		default:
			put(&o, *fmt);
		}
	}
	*o.p = 0;
	return o.p - buf;
}

int rt_format(char *buf, size_t n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int r = format(buf, n, fmt, ap);
	va_end(ap);
	return r;
}

void rt_log(const char *fmt, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	int n = format(line, sizeof(line), fmt, ap);
	va_end(ap);
	NC(SYS_CTL, -1, WEFT_SYS_LOG, line, n, 0);
}

void rt_string_set(char *dst, size_t n, const char *src)
{
	size_t i = 0;

	for (; i + 1 < n && src[i]; i++)
		dst[i] = src[i];
	dst[i] = 0;
}

int rt_string_eq(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return *a == *b;
}

void rt_die(u32 wait_status)
{
	for (;;)
		NC(PROC_EXIT, wait_status);
}

i64 rt_fd_info(int fd, struct weft_fd_info *info)
{
	return NC(FD_CTL, fd, WEFT_FD_INFO, info, 0);
}

int rt_private(i64 fd)
{
	if (fd < 0 || fd >= WEFT_FD_PRIVATE)
		return fd;
	return NC(FD_DUP, fd, 0, WEFT_DUP_PRIVATE | WEFT_DUP_MOVE, WEFT_RIGHT_ALL);
}

/* A fault of the runtime's own that is in no table: a bug, or a program that wrote over our memory. */
void rt_bug(struct weft_tp *t);
void rt_bug(struct weft_tp *t)
{
	struct weft_upcall *u = &t->runtime;

	rt_log("posix: pid %u tid %u call %ld: fault in the runtime at %lx: cause %u vector %u address %lx rsp %lx rdi %lx rsi %lx", t->pid, t->tid,
		rt_frame()->orig, u->regs.rip, u->cause, u->vector, u->address, u->regs.rsp, u->regs.rdi, u->regs.rsi);
	rt_die(SIGSEGV);
}
