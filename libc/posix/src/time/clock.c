/* SPDX-License-Identifier: MIT */
/* Clocks and sleeping. */
#include "clock.h"
#include "timepage.h"
#include "../core/calls.h"
#include <native/procproto.h>

enum { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS, CLOCK_THREAD, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME,
	CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM, CLOCK_TAI = 11 };
#define TIMER_ABSTIME 1u

u64 rt_now(void)
{
	u64 off;

	return timepage_read(&off);
}

u64 rt_realtime_off(void)
{
	u64 off;

	timepage_read(&off);
	return off;
}

i64 rt_timespec_in(u64 ts, u64 *ns)
{
	struct timespec64 t;

	if (copy_in(&t, ts, sizeof(t)))
		return -EFAULT;
	if (t.sec < 0 || t.nsec < 0 || t.nsec >= (i64)NSEC)
		return -EINVAL;
	*ns = t.sec > INT64_MAX / (i64)NSEC - 1 ? INT64_MAX : t.sec * NSEC + t.nsec;
	return 0;
}

i64 rt_deadline_after(u64 ns)
{
	u64 now = rt_now();

	return ns >= (u64)INT64_MAX - now ? WEFT_FOREVER : (i64)(now + ns);
}

i64 rt_deadline_relative(u64 ts, i64 *deadline)
{
	u64 ns;
	i64 r = rt_timespec_in(ts, &ns);

	if (!r)
		*deadline = rt_deadline_after(ns);
	return r;
}

i64 rt_obj_flags(u64 flags)
{
	return flags & O_CLOEXEC ? WEFT_DUP_CLOEXEC : 0;
}

i64 rt_obj_create(u32 kind, u64 a, u64 b, u64 flags)
{
	i32 fds[2];
	i64 r = NC(OBJ_CREATE, kind, a, b, rt_obj_flags(flags), fds);

	if (r < 0)
		return r;
	if (flags & O_NONBLOCK)
		NC(FD_CTL, fds[0], WEFT_FD_SET_STATUS, O_NONBLOCK, 0);
	return fds[0];
}

/* CPU clocks of a process or thread, by Linux's encoding: (~id << 3) | 4 for a thread | 2. */
static i64 cpu_clock(i32 id, u64 *ns)
{
	u32 who = ~(u32)(id >> 3);
	struct weft_thread_info ti;

	if ((id & 3) == 3)
		return -EINVAL;
	if (!(id & 4)) {
		if (who && who != rt_tp()->pid)
			return -EINVAL;
		return NC(SYS_CTL, -1, WEFT_SYS_CLOCK_GET, WEFT_CLOCK_PROCESS_CPU, 0, 0);
	}
	i64 r = NC(THREAD_CTL, -1, who, WEFT_THREAD_INFO, &ti, 0);
	if (r < 0)
		return -EINVAL;
	*ns = ti.used.user_ns + ti.used.system_ns;
	return 1;
}

static i64 clock_read(i32 id, u64 *ns)
{
	u64 off, now;
	i64 r;

	switch (id) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI:
		now = timepage_read(&off);
		*ns = now + off;
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		*ns = timepage_read(&off);
		return 0;
	case CLOCK_PROCESS:
		r = NC(SYS_CTL, -1, WEFT_SYS_CLOCK_GET, WEFT_CLOCK_PROCESS_CPU, 0, 0);
		break;
	case CLOCK_THREAD:
		r = NC(SYS_CTL, -1, WEFT_SYS_CLOCK_GET, WEFT_CLOCK_THREAD_CPU, 0, 0);
		break;
	default:
		if (id >= 0)
			return -EINVAL;
		r = cpu_clock(id, ns);
		if (r == 1)
			return 0;
	}
	if (r < 0)
		return r;
	*ns = r;
	return 0;
}

i64 rt_sys_clock_gettime(u64 id, u64 ts)
{
	u64 ns;
	i64 r = clock_read(id, &ns);

	if (r < 0)
		return r;
	struct timespec64 t = rt_timespec(ns);
	return copy_out(ts, &t, sizeof(t));
}

i64 rt_sys_clock_getres(u64 id, u64 ts)
{
	u64 ns;
	i64 r = clock_read(id, &ns);

	if (r < 0)
		return r;
	bool coarse = (i32)id == CLOCK_REALTIME_COARSE || (i32)id == CLOCK_MONOTONIC_COARSE;
	struct timespec64 t = {.sec = 0, .nsec = coarse ? 4000000 : 1};
	return ts ? copy_out(ts, &t, sizeof(t)) : 0;
}

static i64 set_realtime(u64 ns)
{
	struct rt_proc *p = rt_proc();
	struct weft_req q = {.op = PROCP_SET_CLOCK, .flags = WEFT_REQ_NOINTR, .args = {ns}};

	return p->proc < 0 ? -EPERM : NC(FD_CALL, p->proc, &q);
}

i64 rt_sys_clock_settime(u64 id, u64 ts)
{
	u64 ns;
	i64 r = rt_timespec_in(ts, &ns);

	if (r)
		return r;
	return (i32)id == CLOCK_REALTIME ? set_realtime(ns) : -EINVAL;
}

/* The time zone is the user's: what Linux keeps of it is read by nobody. */
i64 rt_sys_settimeofday(u64 tv, u64 tz)
{
	i64 t[2];

	(void)tz;
	if (!tv)
		return 0;
	if (copy_in(t, tv, sizeof(t)))
		return -EFAULT;
	if (t[0] < 0 || t[0] > INT64_MAX / (i64)NSEC - 1 || t[1] < 0 || t[1] >= 1000000)
		return -EINVAL;
	return set_realtime(t[0] * NSEC + t[1] * 1000);
}

i64 rt_sys_gettimeofday(u64 tv, u64 tz)
{
	u64 off, ns = timepage_read(&off);
	u32 zone[2] = {0, 0};

	ns += off;
	struct timeval64 v = {.sec = ns / NSEC, .usec = ns % NSEC / 1000};
	if (tv && copy_out(tv, &v, sizeof(v)))
		return -EFAULT;
	return tz ? copy_out(tz, zone, sizeof(zone)) : 0;
}

i64 rt_sys_time(u64 p)
{
	u64 off, ns = timepage_read(&off);
	u64 sec = (ns + off) / NSEC;

	if (p && put_u64(p, sec))
		return -EFAULT;
	return sec;
}

/* A relative sleep that a signal cut short goes on to the same moment. */
static i64 sleep_until(i64 deadline, u64 rem)
{
	i64 r;

	do
		r = NC(SLEEP, WEFT_CLOCK_MONOTONIC, deadline);
	while (r == -EINTR && rt_drop_ignored());
	if (r != -EINTR)
		return r == -ETIMEDOUT ? 0 : r;
	if (rem) {
		i64 now = rt_now();
		struct timespec64 left = rt_timespec(deadline > now ? deadline - now : 0);
		if (copy_out(rem, &left, sizeof(left)))
			return -EFAULT;
	}
	struct rt_thread *t = rt_thread();
	t->restart_kind = RESTART_SLEEP;
	t->restart_deadline = deadline;
	t->restart_args[0] = rem;
	return -ERESTART_BLOCK;
}

i64 rt_sys_nanosleep(u64 req, u64 rem)
{
	i64 deadline;
	i64 r = rt_deadline_relative(req, &deadline);

	return r ? r : sleep_until(deadline, rem);
}

i64 rt_sys_clock_nanosleep(u64 id, u64 flags, u64 req, u64 rem)
{
	i64 r, clock = WEFT_CLOCK_MONOTONIC;
	u64 ns;

	switch ((i32)id) {
	case CLOCK_REALTIME:
	case CLOCK_TAI:
	case CLOCK_REALTIME_ALARM:
		clock = WEFT_CLOCK_REALTIME;
		break;
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		break;
	case CLOCK_PROCESS:
		clock = WEFT_CLOCK_PROCESS_CPU;
		break;
	case CLOCK_THREAD:
		return -EINVAL;
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
		return -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
	r = rt_timespec_in(req, &ns);
	if (r)
		return r;
	if (clock == WEFT_CLOCK_PROCESS_CPU)
		return -EOPNOTSUPP;
	if (!(flags & TIMER_ABSTIME))
		return sleep_until(rt_deadline_after(ns), rem);
	do
		r = NC(SLEEP, clock, ns > INT64_MAX ? INT64_MAX : ns);
	while (r == -EINTR && rt_drop_ignored());
	return r == -ETIMEDOUT ? 0 : rt_intr(r, ERESTARTNOHAND);
}

i64 rt_poll_restart(void);
i64 rt_futex_restart(void);

i64 rt_restart(void)
{
	struct rt_thread *t = rt_thread();
	u32 kind = t->restart_kind;

	t->restart_kind = RESTART_NONE;
	switch (kind) {
	case RESTART_SLEEP:
		return sleep_until(t->restart_deadline, t->restart_args[0]);
	case RESTART_POLL:
		return rt_poll_restart();
	case RESTART_FUTEX:
		return rt_futex_restart();
	}
	return -EINTR;
}

i64 rt_sys_adjtimex(u64 p)
{
	u32 modes;
	u8 out[208];

	if (get_u32(&modes, p))
		return -EFAULT;
	if (modes)
		return -EPERM;
	memset(out, 0, sizeof(out));
	*(i64 *)(out + 80) = 10000; /* tick */
	*(i32 *)(out + 40) = 0x40;  /* STA_UNSYNC */
	u64 off, ns = timepage_read(&off);
	*(i64 *)(out + 72 - 0) = 0;
	*(i64 *)(out + 64 + 8) = (ns + off) / NSEC;
	return copy_out(p, out, sizeof(out)) ? -EFAULT : 5; /* TIME_ERROR: not synchronised */
}
