/* SPDX-License-Identifier: MIT */
/* Poll sets, poll, timers, futexes, clocks. Readiness bits are Linux's POLL and EPOLL values, which
 * agree. */
#ifndef WEFT_EVENT_H
#define WEFT_EVENT_H

#include <weft/types.h>

#define WEFT_POLLIN	   0x001u
#define WEFT_POLLPRI	   0x002u
#define WEFT_POLLOUT	   0x004u
#define WEFT_POLLERR	   0x008u
#define WEFT_POLLHUP	   0x010u
#define WEFT_POLLNVAL	   0x020u
#define WEFT_POLLRDHUP	   0x2000u
#define WEFT_POLLEXCLUSIVE (1u << 28)
#define WEFT_POLLONESHOT   (1u << 30)
#define WEFT_POLLET	   (1u << 31)

struct weft_pollfd { /* Linux's struct pollfd */
	i32 fd;
	i16 events, revents;
};
struct weft_poll_event { /* Linux's struct epoll_event (packed on x86-64) */
	u32 events;
	u64 data;
} __attribute__((packed));
enum weft_poll_op { WEFT_POLL_ADD = 1, WEFT_POLL_DEL = 2, WEFT_POLL_MOD = 3 };

enum weft_clock {
	WEFT_CLOCK_REALTIME = 0,
	WEFT_CLOCK_MONOTONIC = 1,
	WEFT_CLOCK_PROCESS_CPU = 2,
	WEFT_CLOCK_THREAD_CPU = 3,
	WEFT_CLOCK_BOOTTIME = 7
};

/* Mapped read-only by everyone who wants the time without a call. Seqlock: read seq (even), fields,
 * seq again. */
struct weft_time_page {
	u32 seq;
	u32 shift; /* ns = base_ns + (((tsc - base_tsc) * mult) >> shift) */
	u64 mult, base_tsc;
	u64 base_ns;	  /* monotonic */
	u64 realtime_off; /* realtime = monotonic + this */
};

struct weft_timer_spec { /* absolute ns of the timer's clock; 0 disarms. timer_set(fd, 0, old) only
			    asks; old.value is what is left */
	u64 value, interval;
	u32 flags; /* WEFT_TIMER_* */
	i32 signo; /* TIMER_SIGNAL: posted to `tid` or the process at each expiry (siginfo code
		      SI_TIMER, status = id, value) */
	i32 id;
	u32 tid;
	u64 sigval;
};
#define WEFT_TIMER_RELATIVE	 0x1u
#define WEFT_TIMER_SIGNAL	 0x2u
#define WEFT_TIMER_CANCEL_ON_SET 0x4u

enum weft_futex_op {
	WEFT_FUTEX_WAIT,    /* addr, val, deadline, -, bitset: -EAGAIN if *addr != val; -ETIMEDOUT;
			       -EINTR */
	WEFT_FUTEX_WAKE,    /* addr, n, -, -, bitset -> woken */
	WEFT_FUTEX_REQUEUE, /* addr, wake n, requeue n, addr2, expected value (WEFT_FUTEX_CMP) ->
			       woken + moved */
	WEFT_FUTEX_WAKE_OP, /* addr, n, n2, addr2, Linux's encoded op */
};
#define WEFT_FUTEX_PRIVATE  0x80u
#define WEFT_FUTEX_CMP	    0x100u
#define WEFT_FUTEX_REALTIME 0x200u /* the deadline is realtime */

#endif
