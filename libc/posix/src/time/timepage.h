/* SPDX-License-Identifier: MIT */
/* The clock without a call: shared by the runtime and the vDSO. */
#ifndef RT_TIMEPAGE_H
#define RT_TIMEPAGE_H

#include <weft/event.h>
#include <posix/start.h>

static inline u64 timepage_read(u64 *realtime_off)
{
	const volatile struct weft_time_page *p = (const volatile struct weft_time_page *)POSIX_TIME_ADDR;
	u32 seq, lo, hi;
	u64 ns;

	do {
		while ((seq = p->seq) & 1)
			asm volatile("pause");
		asm volatile("" ::: "memory");
		asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
		u64 tsc = lo | (u64)hi << 32, base = p->base_tsc;
		u64 delta = tsc > base ? tsc - base : 0;
		ns = p->base_ns + (u64)(((unsigned __int128)delta * p->mult) >> p->shift);
		*realtime_off = p->realtime_off;
		asm volatile("" ::: "memory");
	} while (p->seq != seq);
	return ns;
}

#endif
