/* SPDX-License-Identifier: MIT */
/*
 * Timers: timerfd is the kernel's timer object; interval timers and timer_create keep one in a private fd that posts its signal. A forked
 * child has none (NOFORK fds; its table is cleared), exec keeps interval timers and drops timer_create's.
 */
#include "clock.h"
#include "../core/calls.h"

#define TFD_TIMER_ABSTIME 1u
#define TFD_TIMER_CANCEL_ON_SET 2u

static i64 native_clock(i32 id, bool cpu)
{
	switch (id) {
	case 0:
	case 8:
	case 11:
		return WEFT_CLOCK_REALTIME;
	case 1:
	case 7:
	case 9:
		return WEFT_CLOCK_MONOTONIC;
	case 2:
		return cpu ? WEFT_CLOCK_PROCESS_CPU : -EINVAL;
	case 3:
		return cpu ? WEFT_CLOCK_THREAD_CPU : -EINVAL;
	}
	return -EINVAL;
}

static i64 spec_in(u64 user, struct weft_timer_spec *s)
{
	i64 r = rt_timespec_in(user, &s->interval);

	return r ? r : rt_timespec_in(user + sizeof(struct timespec64), &s->value);
}

static int spec_out(u64 user, const struct weft_timer_spec *s)
{
	struct itimerspec64 out = {.interval = rt_timespec(s->interval), .value = rt_timespec(s->value)};

	return copy_out(user, &out, sizeof(out));
}

i64 rt_sys_timerfd_create(u64 clock, u64 flags)
{
	i64 c = native_clock(clock, false);

	if (c < 0 || (flags & ~(u64)(O_CLOEXEC | O_NONBLOCK)))
		return -EINVAL;
	return rt_obj_create(WEFT_OBJ_TIMER, c, 0, flags);
}

static i64 timer_fd_check(u64 fd)
{
	struct weft_fd_info info;

	if ((u32)fd >= WEFT_FD_PRIVATE)
		return -EBADF;
	i64 r = rt_fd_info(fd, &info);
	return r < 0 ? r : info.type == WEFT_OBJ_TIMER ? 0 : -EINVAL;
}

i64 rt_sys_timerfd_settime(u64 fd, u64 flags, u64 new, u64 old)
{
	struct weft_timer_spec s = {0}, o;

	if (flags & ~(u64)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
		return -EINVAL;
	i64 r = spec_in(new, &s);
	if (r)
		return r;
	r = timer_fd_check(fd);
	if (r)
		return r;
	s.flags = (flags & TFD_TIMER_ABSTIME ? 0 : WEFT_TIMER_RELATIVE) | (flags & TFD_TIMER_CANCEL_ON_SET ? WEFT_TIMER_CANCEL_ON_SET : 0);
	r = NC(TIMER_SET, (i32)fd, &s, &o);
	if (r < 0)
		return r;
	return old ? spec_out(old, &o) : 0;
}

i64 rt_sys_timerfd_gettime(u64 fd, u64 cur)
{
	struct weft_timer_spec o;
	i64 r = timer_fd_check(fd);

	if (!r)
		r = NC(TIMER_SET, (i32)fd, 0, &o);
	return r < 0 ? r : spec_out(cur, &o);
}

/* Interval timers: ITIMER_REAL, VIRTUAL, PROF. */
static const struct {
	u32 clock;
	int signo;
} itimers[3] = {
	{WEFT_CLOCK_MONOTONIC, SIGALRM},
	{WEFT_CLOCK_PROCESS_CPU, SIGVTALRM},
	{WEFT_CLOCK_PROCESS_CPU, SIGPROF},
};

static i64 private_timer(u32 clock)
{
	i32 fds[2];
	i64 r = NC(OBJ_CREATE, WEFT_OBJ_TIMER, clock, 0, WEFT_DUP_PRIVATE, fds);

	if (r < 0)
		return r;
	r = NC(FD_DUP, fds[0], 0, WEFT_DUP_PRIVATE | WEFT_DUP_NOFORK | WEFT_DUP_MOVE, WEFT_RIGHT_ALL);
	if (r < 0)
		NC(FD_CLOSE, fds[0]);
	return r;
}

static i64 itimer_set(u32 which, const struct weft_timer_spec *s, struct weft_timer_spec *old)
{
	struct rt_proc *p = rt_proc();
	struct weft_timer_spec spec = {0};
	i64 r = 0;

	memset(old, 0, sizeof(*old));
	rt_lock_take(&p->timer_lock);
	if (p->itimer_fd[which] < 0 && s && s->value) {
		r = private_timer(itimers[which].clock);
		if (r >= 0)
			p->itimer_fd[which] = r;
	}
	if (r >= 0 && p->itimer_fd[which] >= 0) {
		if (s) {
			spec = *s;
			spec.flags = WEFT_TIMER_RELATIVE | WEFT_TIMER_SIGNAL;
			spec.signo = itimers[which].signo;
			spec.id = -1; /* an interval timer: its siginfo says SI_KERNEL */
		}
		r = NC(TIMER_SET, p->itimer_fd[which], s ? &spec : NULL, old);
	}
	rt_lock_drop(&p->timer_lock);
	return r < 0 ? r : 0;
}

static int itimerval_out(u64 user, const struct weft_timer_spec *s)
{
	struct itimerval64 v = {
		.interval = {s->interval / NSEC, s->interval % NSEC / 1000},
		.value = {s->value / NSEC, s->value % NSEC / 1000},
	};
	if (s->value && !v.value.sec && !v.value.usec)
		v.value.usec = 1;
	return copy_out(user, &v, sizeof(v));
}

static bool timeval_in(const struct timeval64 *v, u64 *ns)
{
	if (v->sec < 0 || v->usec < 0 || v->usec >= 1000000)
		return false;
	*ns = v->sec > INT64_MAX / (i64)NSEC - 1 ? INT64_MAX : v->sec * NSEC + v->usec * 1000;
	return true;
}

i64 rt_sys_setitimer(u64 which, u64 new, u64 old)
{
	struct weft_timer_spec s = {0}, o;
	struct itimerval64 v = {0};

	if (which > 2)
		return -EINVAL;
	if (new && copy_in(&v, new, sizeof(v)))
		return -EFAULT;
	if (!timeval_in(&v.interval, &s.interval) || !timeval_in(&v.value, &s.value))
		return -EINVAL;
	i64 r = itimer_set(which, &s, &o);
	if (r)
		return r;
	return old ? itimerval_out(old, &o) : 0;
}

i64 rt_sys_getitimer(u64 which, u64 cur)
{
	struct weft_timer_spec o;

	if (which > 2)
		return -EINVAL;
	i64 r = itimer_set(which, NULL, &o);
	return r ? r : itimerval_out(cur, &o);
}

i64 rt_sys_alarm(u64 seconds)
{
	struct weft_timer_spec s = {.value = (u32)seconds * NSEC}, o;
	i64 r = itimer_set(0, &s, &o);

	if (r)
		return r;
	/* Rounded to the nearest second, but never to 0 while it runs. */
	u64 left = (o.value + NSEC / 2) / NSEC;
	return o.value && !left ? 1 : (i64)left;
}

/* timer_create */
#define SIGEV_SIGNAL 0
#define SIGEV_NONE 1
#define SIGEV_THREAD_ID 4
struct linux_sigevent {
	u64 value;
	i32 signo, notify, tid, pad[11];
};
_Static_assert(sizeof(struct linux_sigevent) == 64, "sigevent");

static struct rt_timer *timer_get(struct rt_proc *p, u64 id)
{
	return id < RT_TIMERS && p->timers[id].fd >= 0 ? &p->timers[id] : NULL;
}

i64 rt_sys_timer_create(u64 clock, u64 event, u64 id_out)
{
	struct rt_proc *p = rt_proc();
	struct linux_sigevent ev = {.signo = SIGALRM, .notify = SIGEV_SIGNAL};
	i64 c = native_clock(clock, true), r = -EAGAIN;
	u32 id;

	if (c < 0)
		return c;
	if (event && copy_in(&ev, event, sizeof(ev)))
		return -EFAULT;
	if (ev.notify != SIGEV_NONE && ev.notify != SIGEV_SIGNAL && ev.notify != SIGEV_THREAD_ID && ev.notify != 2)
		return -EINVAL;
	if (ev.notify != SIGEV_NONE && (ev.signo < 1 || ev.signo > 64))
		return -EINVAL;
	if (ev.notify == SIGEV_THREAD_ID) {
		struct weft_thread_info ti;
		if (ev.tid <= 0 || NC(THREAD_CTL, -1, ev.tid, WEFT_THREAD_INFO, &ti, 0) < 0)
			return -EINVAL;
	}
	rt_lock_take(&p->timer_lock);
	for (id = 0; id < RT_TIMERS && p->timers[id].fd >= 0; id++)
		;
	if (id < RT_TIMERS && (r = private_timer(c)) >= 0) {
		p->timers[id] = (struct rt_timer){
			.fd = r, .signo = ev.signo, .notify = ev.notify, .tid = ev.notify == SIGEV_THREAD_ID ? ev.tid : 0,
			.value = event ? ev.value : id, .clock = clock};
		r = put_u32(id_out, id);
		if (r) {
			NC(FD_CLOSE, p->timers[id].fd);
			p->timers[id].fd = -1;
		}
	}
	rt_lock_drop(&p->timer_lock);
	return r;
}

i64 rt_sys_timer_settime(u64 id, u64 flags, u64 new, u64 old)
{
	struct rt_proc *p = rt_proc();
	struct weft_timer_spec s = {0}, o;
	struct rt_timer *t;
	i64 r = -EINVAL;

	if (!new)
		return -EINVAL;
	r = spec_in(new, &s);
	if (r)
		return r;
	rt_lock_take(&p->timer_lock);
	t = timer_get(p, id);
	if (t) {
		s.flags = (flags & 1 ? 0 : WEFT_TIMER_RELATIVE) | (t->notify == SIGEV_NONE ? 0 : WEFT_TIMER_SIGNAL);
		s.signo = t->signo;
		s.id = id;
		s.tid = t->tid;
		s.sigval = t->value;
		r = NC(TIMER_SET, t->fd, &s, &o);
	} else {
		r = -EINVAL;
	}
	rt_lock_drop(&p->timer_lock);
	if (r < 0)
		return r;
	return old ? spec_out(old, &o) : 0;
}

i64 rt_sys_timer_gettime(u64 id, u64 cur)
{
	struct rt_proc *p = rt_proc();
	struct weft_timer_spec o;
	i64 r = -EINVAL;

	rt_lock_take(&p->timer_lock);
	struct rt_timer *t = timer_get(p, id);
	if (t)
		r = NC(TIMER_SET, t->fd, 0, &o);
	rt_lock_drop(&p->timer_lock);
	return r < 0 ? r : spec_out(cur, &o);
}

i64 rt_sys_timer_getoverrun(u64 id)
{
	struct rt_proc *p = rt_proc();

	rt_lock_take(&p->timer_lock);
	struct rt_timer *t = timer_get(p, id);
	i64 r = t ? (i64)t->overrun : -EINVAL;
	rt_lock_drop(&p->timer_lock);
	return r;
}

i64 rt_sys_timer_delete(u64 id)
{
	struct rt_proc *p = rt_proc();
	i64 r = -EINVAL;

	rt_lock_take(&p->timer_lock);
	struct rt_timer *t = timer_get(p, id);
	if (t) {
		NC(FD_CLOSE, t->fd);
		t->fd = -1;
		r = 0;
	}
	rt_lock_drop(&p->timer_lock);
	return r;
}
