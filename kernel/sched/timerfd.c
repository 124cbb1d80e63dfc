/* SPDX-License-Identifier: MIT */
/*
 * Timer objects: timerfd's semantics, and POSIX timers' when they post a signal. `value` is
 * absolute in the timer's clock, 0 disarmed. CPU-time timers are looked at when they could be due
 * at the earliest, and again until they are.
 */
#include "internal.h"

#define REARM_MIN                                                                                  \
	50000ul /* ns: a shorter period counts expirations, but does not interrupt more often */
#define CPU_POLL_MIN  1000000ul
#define CPU_POLL_IDLE 10000000ul
#define SI_TIMER_     (-2)

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

static struct timer *of(struct object *o)
{
	return container_of(o, struct timer, obj);
}

static bool cpu_clock(const struct timer *t)
{
	return t->clock == WEFT_CLOCK_PROCESS_CPU || t->clock == WEFT_CLOCK_THREAD_CPU;
}

/* Now, on the timer's clock; false if whose clock it was is gone. */
static bool clock_now(const struct timer *t, u64 *now)
{
	struct process *p = cpu_clock(t) ? process_find(t->pid) : NULL;
	struct thread *th;

	switch (t->clock) {
	case WEFT_CLOCK_REALTIME:
		*now = now_ns() + realtime_off;
		return true;
	case WEFT_CLOCK_PROCESS_CPU:
		if (!p || p->exited)
			return false;
		*now = process_cpu_ns(p, NULL, NULL);
		return true;
	case WEFT_CLOCK_THREAD_CPU:
		th = p ? thread_find(p, t->tid) : NULL;
		if (!th)
			return false;
		*now = thread_cpu_ns(th, NULL, NULL);
		return true;
	default:
		*now = now_ns();
		return true;
	}
}

static void arm(struct timer *t, u64 floor)
{
	u64 at = t->spec.value, now;

	if (!at) {
		ktimer_cancel(&t->kt);
		return;
	}
	if (cpu_clock(t)) {
		if (!clock_now(t, &now))
			return;
		at = at > now ? (at - now) / ncpus : 0;
		at = now_ns() + MAX(at, at < CPU_POLL_IDLE ? CPU_POLL_MIN : CPU_POLL_IDLE);
	} else if (t->clock == WEFT_CLOCK_REALTIME) {
		at = at > realtime_off ? at - realtime_off : 0;
	}
	ktimer_arm(&t->kt, MIN(MAX(at, floor), (u64)WEFT_FOREVER - 1));
}

static void post(struct timer *t, u64 overrun)
{
	struct process *p = process_find(t->pid);
	struct thread *th = NULL;
	struct weft_siginfo si = {.signo = (u32)t->spec.signo,
		.code = SI_TIMER_,
		.status = t->spec.id,
		.overrun = (i32)MIN(overrun, 0x7ffffffful),
		.value = t->spec.sigval};

	if (!p || p->exited)
		return;
	if (t->spec.tid && !(th = thread_find(p, t->spec.tid)))
		return;
	signal_post(p, th, &si);
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
	waitq_wake(&t->readers, ~0u, 0);
	object_notify(&t->obj, WEFT_POLLIN);
}

static i64 timer_read(struct object *o, struct uio *u, i64 off, u32 flags)
{
	struct timer *t = of(o);
	u64 n;
	int r;

	if (off != -1)
		return -ESPIPE;
	if (u->left < sizeof(n))
		return -EINVAL;
	while (!t->expired && !t->cancelled) {
		if (flags & WEFT_IO_NONBLOCK)
			return -EAGAIN;
		r = thread_block(&t->readers, WEFT_FOREVER, BLOCK_INTERRUPTIBLE);
		if (r)
			return r;
	}
	if (t->cancelled) {
		t->cancelled = false;
		t->expired = 0;
		return -ECANCELED;
	}
	n = t->expired;
	t->expired = 0;
	return uio_copy_out(u, &n, sizeof(n)) == sizeof(n) ? (i64)sizeof(n) : -EFAULT;
}

static u32 timer_ready(struct object *o)
{
	return of(o)->expired || of(o)->cancelled ? WEFT_POLLIN : 0;
}

static void timer_closed(struct object *o)
{
	of(o)->spec.value = 0;
	ktimer_cancel(&of(o)->kt);
}

static void timer_destroy(struct object *o)
{
	struct timer *t = of(o);

	ktimer_cancel(&t->kt);
	list_del(&t->link);
	kfree(t);
}

static const struct obj_ops timer_ops = {.name = "timer",
	.read = timer_read,
	.ready = timer_ready,
	.closed = timer_closed,
	.destroy = timer_destroy};

int timer_create_object(u32 clock, struct object **out)
{
	struct thread *me = current_thread();
	struct timer *t;

	if (clock > WEFT_CLOCK_THREAD_CPU && clock != WEFT_CLOCK_BOOTTIME)
		return -EINVAL;
	t = kzalloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	object_init(&t->obj, WEFT_OBJ_TIMER, &timer_ops);
	ktimer_init(&t->kt, expire);
	t->obj.status = 2;
	t->clock = clock;
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

	list_for_each(t, &realtime_timers, link)
	{
		if (!t->spec.value)
			continue;
		arm(t, 0);
		if (t->spec.flags & WEFT_TIMER_CANCEL_ON_SET) {
			t->cancelled = true;
			waitq_wake(&t->readers, ~0u, 0);
			object_notify(&t->obj, WEFT_POLLIN);
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
		s->value = MIN(s->value + now, (u64)WEFT_FOREVER - 1);
	}
	s->flags &= ~WEFT_TIMER_RELATIVE;
	t->spec = *s;
	t->expired = 0;
	t->cancelled = false;
	arm(t, 0);
	return 0;
}

i64 sys_timer_set(u64 a0, u64 a1, u64 a2)
{
	struct weft_timer_spec s, old;
	struct object *o;
	struct timer *t;
	u64 now;
	i64 r;

	r = fd_get((i32)a0, WEFT_OBJ_TIMER, WEFT_RIGHT_CONTROL, &o);
	if (r)
		return r;
	t = of(o);
	if (a1 && copy_from_user(&s, a1, sizeof(s))) {
		r = -EFAULT;
		goto out;
	}
	old = t->spec;
	if (old.value && clock_now(t, &now))
		old.value = old.value > now ? old.value - now : 1; /* what is left */
	if (a1)
		r = set(t, &s);
	if (!r && a2)
		r = copy_to_user(a2, &old, sizeof(old));
out:
	object_put(o);
	return r;
}

/* WEFT_LIMIT_CPU_NS: looked at when it could be reached at the earliest, as CPU-time timers are. */
#define SIGNO_XCPU 24
struct cpu_limit {
	struct ktimer kt;
	struct process *p;
	u64 next; /* CPU time at which SIGXCPU is posted */
};

static void cpu_limit_rearm(struct cpu_limit *l, u64 used)
{
	u64 left = l->next > used ? (l->next - used) / ncpus : 0;

	ktimer_arm(&l->kt, MIN(now_ns() + MAX(left, CPU_POLL_IDLE), (u64)WEFT_FOREVER - 1));
}

static void cpu_limit_check(struct ktimer *kt)
{
	struct cpu_limit *l = container_of(kt, struct cpu_limit, kt);
	struct weft_siginfo si = {.signo = SIGNO_XCPU, .code = 0x80};
	u64 used = process_cpu_ns(l->p, NULL, NULL);

	if (used >= l->next) {
		l->next = used + 1000000000ul;
		if (l->p->rt.upcall)
			signal_post(l->p, NULL, &si);
		else
			process_kill(l->p, SIGNO_XCPU);
	}
	cpu_limit_rearm(l, used);
}

void cpu_limit_end(struct process *p)
{
	if (!p->cpu_timer)
		return;
	ktimer_cancel(p->cpu_timer);
	kfree(container_of(p->cpu_timer, struct cpu_limit, kt));
	p->cpu_timer = NULL;
}

int cpu_limit_arm(struct process *p, u64 limit)
{
	struct cpu_limit *l;

	cpu_limit_end(p);
	if (limit >= ~0ul >> 1 || p->exited)
		return 0;
	l = kzalloc(sizeof(*l));
	if (!l)
		return -ENOMEM;
	ktimer_init(&l->kt, cpu_limit_check);
	l->p = p;
	l->next = limit;
	p->cpu_timer = &l->kt;
	cpu_limit_rearm(l, process_cpu_ns(p, NULL, NULL));
	return 0;
}
