/* SPDX-License-Identifier: MIT */
/*
 * Timer objects: timerfd's semantics, and POSIX timers' when they post a signal. `value` is
 * absolute in the timer's clock, 0 disarmed. CPU-time timers are looked at when they could be due
 * at the earliest, and again until they are.
 */
#include "internal.h"

/* ns: a shorter period counts expirations, but does not interrupt more often */
#define REARM_MIN     50000ul
#define CPU_POLL_MIN  1000000ul
#define CPU_POLL_IDLE 10000000ul
#define SIGNO_XCPU    24

struct timer {
	struct object obj;
	struct ktimer kt;
	struct weft_timer_spec spec; /* value: absolute */
	u32 clock;
	u32 pid, tid; /* of the creator: whose CPU time, and who gets the signal */
	u64 expired;
	bool cancelled; /* the clock was set */
	struct waitq readers;
	struct list link; /* realtime timers */
};
static struct list realtime_timers = {&realtime_timers, &realtime_timers};

static bool cpu_clock(const struct timer *t)
{
	return t->clock == WEFT_CLOCK_PROCESS_CPU || t->clock == WEFT_CLOCK_THREAD_CPU;
}

/* Now, on the timer's clock; false if whose clock it was is gone. */
static bool clock_now(const struct timer *t, u64 *now)
{
	struct process *p = cpu_clock(t) ? process_find(t->pid) : NULL;
	struct thread *th = p ? thread_find(p, t->tid) : NULL;

	if (t->clock == WEFT_CLOCK_PROCESS_CPU ? !p || p->exited : cpu_clock(t) && !th)
		return false;
	*now = t->clock == WEFT_CLOCK_PROCESS_CPU ? process_cpu_ns(p) : clock_ns(t->clock, th);
	return true;
}

/* Looks again when CPU time that is `used` now could have come to `at` on all CPUs. */
static void arm_by_usage(struct ktimer *kt, u64 at, u64 used, u64 min)
{
	u64 wait = at > used ? (at - used) / ncpus : 0;

	ktimer_arm(kt, now_ns() + MAX(wait, wait < CPU_POLL_IDLE ? min : CPU_POLL_IDLE));
}

static void arm(struct timer *t, u64 floor)
{
	u64 at = t->spec.value, now;

	if (!at) {
		ktimer_cancel(&t->kt);
	} else if (cpu_clock(t)) {
		if (clock_now(t, &now))
			arm_by_usage(&t->kt, at, now, CPU_POLL_MIN);
	} else {
		if (t->clock == WEFT_CLOCK_REALTIME)
			at = monotonic(at);
		ktimer_arm(&t->kt, MAX(at, floor));
	}
}

static void post(struct timer *t, u64 overrun)
{
	struct process *p = process_find(t->pid);
	struct thread *th = p && t->spec.tid ? thread_find(p, t->spec.tid) : NULL;
	struct weft_siginfo si = {.signo = (u32)t->spec.signo,
		.code = SI_TIMER,
		.status = t->spec.id,
		.overrun = (i32)MIN(overrun, 0x7ffffffful),
		.value = t->spec.sigval};

	if (p && !p->exited && (th || !t->spec.tid))
		signal_post(p, th, &si);
}

/* It has something to tell. */
static void ring(struct timer *t)
{
	waitq_wake(&t->readers, ~0u, 0);
	object_notify(&t->obj, WEFT_POLLIN);
}

static void expire(struct ktimer *kt)
{
	struct timer *t = container_of(kt, struct timer, kt);
	u64 now, n = 1;

	if (!t->spec.value || !clock_now(t, &now))
		return;
	if (now < t->spec.value) {
		arm(t, 0);
		return;
	}
	if (t->spec.interval) {
		n += (now - t->spec.value) / t->spec.interval;
		t->spec.value += n * t->spec.interval;
	} else {
		t->spec.value = 0;
	}
	t->expired += n;
	if (t->spec.flags & WEFT_TIMER_SIGNAL)
		post(t, n - 1);
	arm(t, now_ns() + REARM_MIN);
	ring(t);
}

static i64 timer_read(struct object *o, struct uio *u, i64, u32 flags)
{
	struct timer *t = container_of(o, struct timer, obj);
	u64 n;

	while (!t->expired && !t->cancelled)
		TRY(wait_io(&t->readers, flags));
	n = t->cancelled ? 0 : t->expired;
	t->cancelled = false;
	t->expired = 0;
	if (!n)
		return -ECANCELED;
	return uio_copy_out(u, &n, sizeof(n)) == sizeof(n) ? (i64)sizeof(n) : -EFAULT;
}

static u32 timer_ready(struct object *o)
{
	const struct timer *t = container_of(o, struct timer, obj);

	return t->expired || t->cancelled ? WEFT_POLLIN : 0;
}

static void timer_destroy(struct object *o)
{
	struct timer *t = container_of(o, struct timer, obj);

	ktimer_cancel(&t->kt);
	list_del(&t->link);
	kfree(t);
}

static const struct obj_ops timer_ops = {.stream = true,
	.record = sizeof(u64),
	.read = timer_read,
	.ready = timer_ready,
	.destroy = timer_destroy};

int timer_create_object(u64 clock, u64, struct object *out[2])
{
	struct thread *me = current_thread();
	struct timer *t;

	if (clock > WEFT_CLOCK_THREAD_CPU && clock != WEFT_CLOCK_BOOTTIME)
		return -EINVAL;
	t = object_new(sizeof(*t), WEFT_OBJ_TIMER, &timer_ops);
	if (!t)
		return -ENOMEM;
	ktimer_init(&t->kt, expire);
	t->obj.status = 2;
	t->clock = (u32)clock;
	t->pid = me->proc->pid;
	t->tid = me->tid;
	waitq_init(&t->readers);
	list_init(&t->link);
	if (clock == WEFT_CLOCK_REALTIME)
		list_add_tail(&realtime_timers, &t->link);
	*out = &t->obj;
	return 0;
}

void timers_clock_set(void)
{
	struct timer *t;

	list_for_each(t, &realtime_timers, link) {
		if (!t->spec.value)
			continue;
		arm(t, 0);
		if (t->spec.flags & WEFT_TIMER_CANCEL_ON_SET) {
			t->cancelled = true;
			ring(t);
		}
	}
}

static int set(struct timer *t, struct weft_timer_spec *s)
{
	u64 now;

	if (s->flags & ~(WEFT_TIMER_RELATIVE | WEFT_TIMER_SIGNAL | WEFT_TIMER_CANCEL_ON_SET))
		return -EINVAL;
	if ((i64)s->value < 0 || (i64)s->interval < 0)
		return -EINVAL;
	if ((s->flags & WEFT_TIMER_SIGNAL) && (s->signo < 1 || s->signo > 64))
		return -EINVAL;
	if (s->value && (s->flags & WEFT_TIMER_RELATIVE)) {
		if (!clock_now(t, &now))
			return -ESRCH;
		s->value += now;
	}
	s->flags &= ~WEFT_TIMER_RELATIVE;
	t->spec = *s;
	t->expired = 0;
	t->cancelled = false;
	ktimer_cancel(&t->kt);
	expire(&t->kt); /* at once, if its time has passed; else it is armed */
	return 0;
}

i64 sys_timer_set(u64 a0, u64 a1, u64 a2)
{
	HELD struct object *o = NULL;
	struct weft_timer_spec s, old;
	struct timer *t;
	u64 now;

	TRY(fd_get((i32)a0, WEFT_OBJ_TIMER, WEFT_RIGHT_CONTROL, &o));
	t = container_of(o, struct timer, obj);
	if (a1)
		TRY(copy_from_user(&s, a1, sizeof(s)));
	old = t->spec;
	if (old.value && clock_now(t, &now))
		old.value = old.value > now ? old.value - now : 1; /* what is left */
	if (a1)
		TRY(set(t, &s));
	return a2 ? copy_to_user(a2, &old, sizeof(old)) : 0;
}

/* WEFT_LIMIT_CPU_NS: looked at when it could be reached at the earliest, as CPU-time timers are. */
static void cpu_limit_check(struct ktimer *kt)
{
	struct process *p = container_of(kt, struct process, cpu_timer);
	struct weft_siginfo si = {.signo = SIGNO_XCPU, .code = 0x80};
	u64 used = process_cpu_ns(p);

	if (used >= p->cpu_next) {
		p->cpu_next = used + 1000000000ul;
		if (p->rt.upcall)
			signal_post(p, NULL, &si);
		else
			process_kill(p, SIGNO_XCPU);
	}
	arm_by_usage(kt, p->cpu_next, used, CPU_POLL_IDLE);
}

void cpu_limit_arm(struct process *p)
{
	ktimer_cancel(&p->cpu_timer);
	ktimer_init(&p->cpu_timer, cpu_limit_check);
	p->cpu_next = p->limits[WEFT_LIMIT_CPU_NS];
	if (p->cpu_next < ~0ul >> 1)
		arm_by_usage(&p->cpu_timer, p->cpu_next, process_cpu_ns(p), CPU_POLL_IDLE);
}
