/* SPDX-License-Identifier: MIT */
/* What a program may ask without entering the runtime: clocks from the time page, the CPU from the thread page. The rest makes the call. */
#include "../time/timepage.h"

struct timespec64 {
	i64 sec, nsec;
};
struct timeval64 {
	i64 sec, usec;
};
#define NSEC 1000000000ul

static long call2(long nr, long a, long b)
{
	long r;

	asm volatile("syscall" : "=a"(r) : "0"(nr), "D"(a), "S"(b) : "rcx", "r11", "memory");
	return r;
}

int __vdso_clock_gettime(int id, struct timespec64 *ts);
int __vdso_clock_gettime(int id, struct timespec64 *ts)
{
	u64 off, ns;

	switch (id) {
	case 0:
	case 5:
	case 11:
		ns = timepage_read(&off);
		ns += off;
		break;
	case 1:
	case 4:
	case 6:
	case 7:
		ns = timepage_read(&off);
		break;
	default:
		return call2(228, id, (long)ts);
	}
	ts->sec = ns / NSEC;
	ts->nsec = ns % NSEC;
	return 0;
}

int __vdso_clock_getres(int id, struct timespec64 *ts);
int __vdso_clock_getres(int id, struct timespec64 *ts)
{
	return call2(229, id, (long)ts);
}

int __vdso_gettimeofday(struct timeval64 *tv, int *tz);
int __vdso_gettimeofday(struct timeval64 *tv, int *tz)
{
	u64 off, ns = timepage_read(&off);

	ns += off;
	if (tv) {
		tv->sec = ns / NSEC;
		tv->usec = ns % NSEC / 1000;
	}
	if (tz)
		tz[0] = tz[1] = 0;
	return 0;
}

long __vdso_time(long *t);
long __vdso_time(long *t)
{
	u64 off, ns = timepage_read(&off);
	long sec = (ns + off) / NSEC;

	if (t)
		*t = sec;
	return sec;
}

long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused);
long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused)
{
	unsigned c;

	(void)unused;
	asm volatile("movl %%gs:0x50, %0" : "=r"(c));
	if (cpu)
		*cpu = c;
	if (node)
		*node = 0;
	return 0;
}
