/* SPDX-License-Identifier: MIT */
/*
 * Blocking, waking and choosing what runs. Everything here is under the BKL, which a switch hands
 * from thread to thread.
 *
 * Placement: a woken thread goes to the waker's own CPU, where it runs as soon as the waker blocks:
 * so that a ping-pong of two threads stays on one CPU without an interrupt. If it is still waiting
 * there after `SPREAD`, the tick offers it to an idle CPU, and CPUs that become idle take it.
 * Ticks exist only while somebody is ready: at the end of a slice equals take turns; higher ones
 * preempt at once. Among equals one that hardly uses the CPU goes before one that computes, once
 * that has run for GRAIN. A thread that has waited long under higher ones gets one slice.
 *
 * Lingering: switching address spaces costs more than a short wait. So where there are several
 * CPUs, a thread that blocks and would leave its CPU idle stays on it for LINGER, as long as
 * that has paid off lately; its waker then only lets it go on. A CPU that hops between address
 * spaces very often wakes an idle one, which polls for POLL and is given the next woken thread.
 * Where a hypervisor has other work for the CPUs, so that one waits long for another, all that is
 * left off for CROWDED.
 */
#include "internal.h"

struct cpu *cpus[MAX_CPUS];
u32 ncpus;
u64 load_avg[3], first_user_ns;
static struct thread idle_threads[MAX_CPUS];
static u64 idle_cpus;		     /* bit map */
static u64 crowded_until;	     /* TSC: no lingering and polling before */
static u64 polling_cpus;	     /* those of them that poll */
#define SLICE	    (tsc_hz / 200)   /* 5 ms */
#define SPREAD	    (tsc_hz / 5000)  /* 200 us */
#define GRAIN	    (tsc_hz / 1000)  /* 1 ms */
#define LINGER	    (tsc_hz / 25000) /* 40 us */
#define POLL	    (tsc_hz / 5000)  /* 200 us */
#define CROWDED	    (tsc_hz / 10)    /* 100 ms */
#define LINGER_LUCK 4
#define HOPS	    16 /* in a millisecond are many */

static u64 cpu_bit(const struct cpu *c)
{
	return 1ul << c->id;
}

static void tick_by(struct cpu *c, u64 tsc)
{
	if (tsc >= c->tick_at)
		return;
	c->tick_at = tsc;
	timer_program(c, tsc_to_ns(tsc));
}

static void kick(struct cpu *c)
{
	c->need_resched = true;
	if (c != this_cpu() && !c->polling)
		arch_send_resched(c->id);
}

/* The CPU that t is put on: of those where it may run one that polls, this one, an idle one, its
 * last, the first. */
static struct cpu *choose_cpu(struct thread *t)
{
	u64 all = t->affinity, here = cpu_bit(this_cpu());
	u64 may = (all & polling_cpus & ~here)
		?: (all & here) ?: (all & idle_cpus) ?: (all & cpu_bit(cpus[t->cpu])) ?: all;

	return cpus[__builtin_ctzl(may)];
}

/* A light thread need not wait for the end of the slice of one that computes. */
static bool goes_before(const struct thread *t, const struct thread *running, u64 tsc)
{
	return t->light && t->prio == running->prio &&
		usage_at(running, tsc) + (tsc - running->run_since) > USAGE_LIGHT;
}

void sched_ready(struct thread *t)
{
	struct cpu *here = this_cpu(), *c = choose_cpu(t);
	u64 now = here->acct_stamp;

	t->state = T_READY;
	t->ready_since = now;
	t->light = usage_at(t, now) <= USAGE_LIGHT;
	runq_push(c, t, false);
	if (c->current == c->idle || c->linger || t->prio > c->current->prio || c != here) {
		kick(c); /* another CPU sets its own tick */
		if (c != here || c->current == c->idle)
			return;
	}
	if (t->affinity & idle_cpus)
		tick_by(c, now + SPREAD);
	else
		tick_by(c,
			goes_before(t, c->current, now) ? MAX(c->current->run_since + GRAIN, now)
							: now + SLICE);
}

/* Takes a thread from a busy CPU; true if there is something to run now. */
static bool steal(struct cpu *c)
{
	struct thread *t;
	bool later = false;
	u64 now = c->acct_stamp;

	for (u32 i = 0; i < ncpus; i++) {
		struct cpu *v = cpus[i];
		if (v == c || !v->online || !v->nready || v->current == v->idle)
			continue;
		t = runq_steal(v, c->id, now - SPREAD / 2);
		if (t) {
			runq_remove(v, t);
			runq_push(c, t, false);
			return true;
		}
		later |= runq_steal(v, c->id, now) != NULL;
	}
	if (later)
		tick_by(c, now + SPREAD);
	return false;
}

static struct thread *pick(struct cpu *c)
{
	struct thread *t = runq_top(c);

	if (!t)
		return c->idle;
	if (c->direct && c->direct->prio >= t->prio)
		t = c->direct;
	runq_remove(c, t);
	return t;
}

/* What lingering gains and loses: a switch saved is worth an eighth of the time that it may take.
 */
static void balance(struct cpu *c, bool saved, u64 lost)
{
	static i64 sum;

	sum += (i64)(saved ? LINGER / 8 : 0) - (i64)lost;
	if (sum > (i64)POLL * 4)
		sum = (i64)POLL * 4;
	if (sum < -(i64)POLL * 4) {
		crowded_until = c->hold_stamp + CROWDED;
		sum = 0;
	}
}

static void count_hop(struct cpu *c, u64 now)
{
	u64 sleeping = idle_cpus & ~polling_cpus;

	if (++c->hops < HOPS)
		return;
	if (now - c->hops_since < tsc_hz / 1000 && sleeping && !polling_cpus &&
		now >= crowded_until) {
		struct cpu *v = cpus[__builtin_ctzl(sleeping)];

		v->poll_until = now + POLL;
		kick(v);
	}
	c->hops = 0;
	c->hops_since = now;
}

/* The current thread t has blocked and nobody else wants to run: true if it was woken meanwhile and
 * just goes on. */
static bool linger(struct cpu *c, struct thread *t)
{
	u64 now, lost;

	if (c->hold_stamp < crowded_until || (!t->linger_luck && ++t->linger_skip % 16))
		return false;
	c->linger = t;
	c->polling = true;
	c->need_resched = false;
	bkl_unlock();
	lost = arch_linger((void *const *)&c->linger, t, &c->need_resched, c->acct_stamp + LINGER,
		LINGER / 4);
	now = arch_tsc();
	c->idle_ns += tsc_delta_ns(now - c->acct_stamp);
	c->acct_stamp = now;
	bkl_lock();
	balance(c, !c->linger, lost + (c->hold_stamp - now));
	c->polling = false;
	if (c->linger) {
		c->linger = NULL;
		if (t->linger_luck)
			t->linger_luck--;
		return false;
	}
	t->linger_luck = LINGER_LUCK;
	return true;
}

/* next NULL: the first of those that are ready. */
static void switch_to(struct cpu *c, struct thread *next)
{
	struct thread *prev = c->current;
	u64 now;

	if (!next)
		next = pick(c);
	c->need_resched = false;
	c->direct = NULL;
	if (next == prev) {
		next->state = T_RUNNING;
		return;
	}
	now = arch_tsc();
	acct(c, now, false);
	usage_charge(prev, now);
	next->run_since = now;
	c->switches++;
	ktrace("switch", next->tid, next->prio);
	next->state = T_RUNNING;
	if (next == c->idle) {
		idle_cpus |= cpu_bit(c);
		as_switch(NULL);
	} else {
		idle_cpus &= ~cpu_bit(c);
		next->slice_end = now + SLICE;
		if (c->as != next->proc->as) {
			as_switch(next->proc->as);
			if (idle_cpus && prev != c->idle)
				count_hop(c, now);
		}
		if (c->nready)
			tick_by(c, idle_cpus ? now + SPREAD : next->slice_end);
	}
	next->cpu = c->id;
	arch_switch(prev, next);
}

void sched_switch_away(void)
{
	switch_to(this_cpu(), NULL);
}

/* When the current thread has to give way to the first in the queue, an equal. */
static u64 turn_end(struct cpu *c, u64 tsc)
{
	const struct thread *t = c->current;

	return goes_before(runq_top(c), t, tsc) ? MIN(t->run_since + GRAIN, t->slice_end)
						: t->slice_end;
}

/* The current thread goes back to its queue, and `next` (NULL: the first of all) runs. */
static void give_way(struct cpu *c, bool head, struct thread *next)
{
	struct thread *t = c->current;

	t->state = T_READY;
	t->ready_since = c->acct_stamp;
	t->light = false;
	runq_push(c, t, head);
	switch_to(c, next);
}

/* A thread below that has waited for half a second gets a slice, as if it were an equal. */
static struct thread *starved(struct cpu *c, u64 tsc)
{
	u32 low = __builtin_ctz(c->run_bits);
	struct thread *t = list_first(&c->runq[low], struct thread, run_link);

	return tsc - t->ready_since > tsc_hz / 2 ? t : NULL;
}

void sched_preempt(void)
{
	struct cpu *c = this_cpu();
	struct thread *t = c->current, *low = NULL;
	u64 now = c->acct_stamp;
	bool turn;

	c->need_resched = false;
	if (!(t->affinity & cpu_bit(c))) {
		t->used.switches_forced++;
		sched_ready(t);
		sched_switch_away();
		return;
	}
	if (!c->nready)
		return;
	/* To a higher one at once, to an equal when this one's turn has ended. */
	turn = runq_top(c)->prio <= t->prio && (i64)(now - turn_end(c, now)) >= 0;
	if (runq_top(c)->prio < t->prio || (runq_top(c)->prio == t->prio && !turn)) {
		low = turn ? starved(c, now) : NULL;
		if (!low) {
			tick_by(c, turn ? now + SLICE : turn_end(c, now));
			return;
		}
		runq_remove(c, low);
	}
	t->used.switches_forced++;
	give_way(c, !turn, low);
}

/* In the timer interrupt: the slice is over, or ready threads have waited long enough for another
 * CPU to help. */
void sched_tick(struct cpu *c, u64 tsc)
{
	if (tsc < c->tick_at) {
		if (c->tick_at != (u64)WEFT_FOREVER)
			timer_program(c, tsc_to_ns(c->tick_at));
		return;
	}
	c->tick_at = WEFT_FOREVER;
	if (c->current == c->idle || !c->nready)
		return; /* the idle loop looks for work */
	for (u64 idle = idle_cpus; idle; idle &= idle - 1) {
		u32 id = (u32)__builtin_ctzl(idle);
		if (runq_steal(c, id, tsc - SPREAD / 2)) {
			kick(cpus[id]);
			break;
		}
	}
	u64 end = turn_end(c, tsc);
	if ((i64)(tsc - end) >= 0)
		c->need_resched = true;
	else
		tick_by(c, idle_cpus ? MIN(tsc + SPREAD, end) : end);
}

void sched_yield(void)
{
	struct cpu *c = this_cpu();
	struct thread *t = c->current, *top = runq_top(c);

	if (!top || top->prio < t->prio)
		return;
	t->used.switches_voluntary++;
	give_way(c, false, NULL);
}

bool thread_interrupted(struct thread *t)
{
	return t->killed || t->stop_wanted || signal_deliverable(t);
}

static void thread_slept(struct ktimer *timer)
{
	thread_wake(container_of(timer, struct thread, sleep), -ETIMEDOUT);
}

/* Whether what wakes it early has happened. */
static bool block_ends(struct thread *t)
{
	return t->block_mode == BLOCK_INTERRUPTIBLE ? thread_interrupted(t)
						    : t->block_mode == BLOCK_KILLABLE && t->killed;
}

int thread_block(struct waitq *q, u64 deadline, enum block_mode mode)
{
	struct thread *t = current_thread();
	struct cpu *c = this_cpu();

	t->block_mode = (u8)mode;
	if (block_ends(t))
		return -EINTR;
	if (deadline < (u64)WEFT_FOREVER) {
		if (deadline <= now_ns())
			return -ETIMEDOUT;
		t->sleep.fn = thread_slept;
		ktimer_arm(&t->sleep, deadline);
	}
	t->state = T_BLOCKED;
	if (q)
		list_add_tail(&q->threads, &t->wait_link);
	t->used.switches_voluntary++;
	if (c->nready || ncpus == 1 || !linger(c, t)) {
		sched_switch_away();
		sched_reap();
	}
	ktimer_cancel(&t->sleep);
	return t->wake_result;
}

void thread_wake(struct thread *t, int result)
{
	struct cpu *c = cpus[t->cpu];

	if (t->state != T_BLOCKED)
		return;
	list_del(&t->wait_link);
	t->wake_result = result;
	if (c->linger != t) {
		sched_ready(t);
		return;
	}
	/* It goes on where it lingers. */
	t->state = T_RUNNING;
	c->need_resched |= !(t->affinity & cpu_bit(c));
	__atomic_store_n(&c->linger, NULL, __ATOMIC_RELEASE);
}

void thread_wake_direct(struct thread *t, int result)
{
	thread_wake(t, result);
	if (t->queued && t->cpu == this_cpu()->id)
		this_cpu()->direct = t;
}

u32 waitq_wake(struct waitq *q, u32 n, int result)
{
	u32 woken = 0;

	for (; woken < n && !list_empty(&q->threads); woken++)
		thread_wake(list_first(&q->threads, struct thread, wait_link), result);
	return woken;
}

void thread_poke(struct thread *t)
{
	if (t->state == T_BLOCKED) {
		if (block_ends(t))
			thread_wake(t, -EINTR);
	} else if (t->state == T_RUNNING) {
		kick(cpus[t->cpu]);
	} else if (t->state == T_STOPPED && (t->killed || !t->stop_wanted)) {
		sched_ready(t);
	}
}

void sched_set_prio(struct thread *t, u32 prio)
{
	struct cpu *c = cpus[t->cpu];
	bool queued = t->queued, direct = c->direct == t, lower = prio < t->prio;

	if (prio == t->prio)
		return;
	if (queued)
		runq_remove(c, t);
	t->prio = (u8)prio;
	if (queued)
		runq_push(c, t, false);
	if (direct)
		c->direct = t;
	if (queued ? prio > c->current->prio : lower && t->state == T_RUNNING && c->nready)
		kick(c);
}

/* Load averages as Unix has them: every 5 seconds, exponentially damped, 16.16 fixed point. */
static void load_sample(struct ktimer *timer)
{
	/* 65536 * exp(-5/60), exp(-5/300), exp(-5/900) */
	static const u64 factor[3] = {60283, 64453, 65173};
	u64 n = 0;

	for (u32 i = 0; i < ncpus; i++)
		n += cpus[i]->nready + (cpus[i]->online && cpus[i]->current != cpus[i]->idle);
	for (u32 i = 0; i < 3; i++)
		load_avg[i] = (load_avg[i] * factor[i] + (n << 16) * (65536 - factor[i])) >> 16;
	ktimer_arm(timer, now_ns() + 5000000000ul);
}

static struct ktimer load_timer = {.fn = load_sample};

static void cpu_init(struct cpu *c)
{
	struct thread *t = &idle_threads[c->id];

	for (u32 i = 0; i < ARRAY_SIZE(c->runq); i++)
		list_init(&c->runq[i]);
	t->state = T_RUNNING;
	t->affinity = cpu_bit(c);
	t->proc = &kernel_process;
	t->cpu = c->id;
	t->ident = identity_system;
	strlcpy(t->name, "idle", sizeof(t->name));
	c->idle = c->current = t;
	c->timer_at = c->tick_at = WEFT_FOREVER;
	c->acct_stamp = c->hold_stamp = arch_tsc();
	c->online = true;
	idle_cpus |= cpu_bit(c);
}

void sched_init(void)
{
	kernel_process.ident = identity_system;
	cpu_init(this_cpu());
	time_init();
	load_sample(&load_timer);
}

/* The context that called this becomes the CPU's idle thread. */
void sched_start_cpu(void)
{
	struct cpu *c = this_cpu();

	if (!c->idle)
		c->acct_stamp = arch_tsc();
	bkl_lock();
	if (!c->idle)
		cpu_init(c);
	for (;;) {
		sched_reap();
		c->need_resched = false;
		if (c->nready || steal(c)) {
			if (unlikely(!first_user_ns))
				first_user_ns = now_ns();
			c->idle->state = T_READY;
			c->poll_until = 0;
			sched_switch_away();
			continue;
		}
		if (c->poll_until > c->acct_stamp) {
			polling_cpus |= cpu_bit(c);
			c->polling = true;
			bkl_unlock();
			arch_linger((void *const *)&c->linger, NULL, &c->need_resched,
				c->poll_until, POLL);
			bkl_lock();
			c->polling = false;
			polling_cpus &= ~cpu_bit(c);
			continue;
		}
		if (c->poll_until && c->acct_stamp - c->poll_until > POLL)
			crowded_until = c->acct_stamp + CROWDED; /* it did not come in time */
		c->poll_until = 0;
		if (mm_idle())
			continue;
		bkl_unlock();
		arch_idle();
		bkl_lock();
	}
}

i64 sys_yield(void)
{
	sched_yield();
	return 0;
}

i64 sys_null_call(void)
{
	return 0;
}

i64 sys_sleep(u64 a0, u64 a1)
{
	bool real = a0 == WEFT_CLOCK_REALTIME;
	int r;

	if ((!real && a0 != WEFT_CLOCK_MONOTONIC && a0 != WEFT_CLOCK_BOOTTIME) || (i64)a1 < 0)
		return -EINVAL;
	r = thread_block(NULL, real ? monotonic(a1) : a1, BLOCK_INTERRUPTIBLE);
	return r == -ETIMEDOUT ? 0 : r;
}
