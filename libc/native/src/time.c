/* SPDX-License-Identifier: MIT */
/* The kernel writes the time page under a sequence count: odd while it changes, and another value afterwards. */
#include <native/call.h>
#include <native/time.h>

static const struct weft_time_page *page;

void time_use_page(const struct weft_time_page *p)
{
	page = p;
}

static u64 read_tsc(void)
{
	u32 lo, hi;
	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (u64)hi << 32 | lo;
}

static i64 read_page(bool realtime)
{
	const volatile struct weft_time_page *p = page;
	u32 seq;
	u64 ns;
	do {
		seq = __atomic_load_n(&p->seq, __ATOMIC_ACQUIRE);
		u64 ticks = read_tsc() - p->base_tsc;
		ns = p->base_ns + (u64)(((unsigned __int128)ticks * p->mult) >> p->shift);
		if (realtime)
			ns += p->realtime_off;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while ((seq & 1) || p->seq != seq);
	return (i64)ns;
}

i64 time_monotonic(void)
{
	if (page)
		return read_page(false);
	return weft_sys_ctl(-1, WEFT_SYS_CLOCK_GET, WEFT_CLOCK_MONOTONIC, 0, 0);
}

i64 time_realtime(void)
{
	if (page)
		return read_page(true);
	return weft_sys_ctl(-1, WEFT_SYS_CLOCK_GET, WEFT_CLOCK_REALTIME, 0, 0);
}
