/* SPDX-License-Identifier: MIT */
/*
 * Timers on the CPUs' one-shot interrupts. Invariant: some CPU is programmed to be interrupted no
 * later than the heap's top is due, and each CPU no later than its tick_at. A cancelled timer
 * leaves an early interrupt behind, which costs less than programming the hardware at each cancel;
 * an early interrupt only looks again.
 */
#include "internal.h"

void timer_program(struct cpu *c, u64 deadline_ns)
{
	if (deadline_ns >= c->timer_at)
		return;
	c->timer_at = deadline_ns;
	arch_timer_set(deadline_ns);
}

static void cover_top(struct cpu *c)
{
	struct ktimer *top = heap_top;

	if (!top)
		return;
	for (u32 i = 0; i < ncpus; i++) {
		if (cpus[i]->online && cpus[i]->timer_at <= top->deadline)
			return;
	}
	timer_program(c, top->deadline);
}

void ktimer_init(struct ktimer *t, void (*fn)(struct ktimer *t))
{
	*t = (struct ktimer){.deadline = WEFT_FOREVER, .fn = fn};
}

void ktimer_cancel(struct ktimer *t)
{
	if (t->armed)
		heap_remove(t);
}

void ktimer_arm(struct ktimer *t, u64 deadline)
{
	ktimer_cancel(t);
	t->deadline = deadline;
	if (deadline >= (u64)WEFT_FOREVER)
		return;
	heap_insert(t);
	if (heap_top == t)
		cover_top(this_cpu());
}

void ktimer_interrupt(void)
{
	struct cpu *c = this_cpu();
	struct ktimer *t;
	u64 tsc = arch_tsc(), now = tsc_to_ns(tsc);

	c->timer_at = WEFT_FOREVER;
	while ((t = heap_top) && t->deadline <= now) {
		heap_remove(t);
		t->fn(t);
	}
	sched_tick(c, tsc);
	cover_top(c);
}
