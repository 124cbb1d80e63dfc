/* SPDX-License-Identifier: MIT */
/*
 * The run queues of one CPU: 32 lists, first in first out, and a map of those that are not empty. A
 * running thread is in none. Invariant: t->queued says that t is in runq[t->prio] of cpus[t->cpu].
 */
#include "internal.h"

void runq_push(struct cpu *c, struct thread *t, bool head)
{
	struct list *q = &c->runq[t->prio], *at = head || t->light ? q : q->prev;
	u32 n = 0;

	while (!head && at->next != q && list_entry(at->next, struct thread, run_link)->light) {
		at = at->next;
		if (++n == 8)
			/* Where many are light, none is served better by looking through them. */
			at = q->prev;
	}
	list_add_after(at, &t->run_link);
	c->run_bits |= 1u << t->prio;
	c->nready++;
	t->queued = true;
	t->cpu = c->id;
}

void runq_remove(struct cpu *c, struct thread *t)
{
	list_del(&t->run_link);
	if (list_empty(&c->runq[t->prio]))
		c->run_bits &= ~(1u << t->prio);
	c->nready--;
	t->queued = false;
	if (c->direct == t)
		c->direct = NULL;
}

struct thread *runq_top(struct cpu *c)
{
	if (!c->run_bits)
		return NULL;
	return list_first(&c->runq[31 - __builtin_clz(c->run_bits)], struct thread, run_link);
}

struct thread *runq_steal(struct cpu *c, u32 cpu, u64 before)
{
	struct thread *t;

	for (u32 bits = c->run_bits; bits; bits &= ~(1u << (31 - __builtin_clz(bits)))) {
		list_for_each(t, &c->runq[31 - __builtin_clz(bits)], run_link) {
			if ((t->affinity >> cpu & 1) && (i64)(before - t->ready_since) >= 0)
				return t;
		}
	}
	return NULL;
}

u64 usage_at(const struct thread *t, u64 now)
{
	u64 gone = now - t->usage_at;

	if (gone >> USAGE_SHIFT)
		return 0;
	return t->usage - (t->usage * gone >> USAGE_SHIFT);
}

void usage_charge(struct thread *t, u64 now)
{
	u64 ran = now - t->run_since;

	t->usage = usage_at(t, now) + MIN(ran, 1ul << USAGE_SHIFT);
	if (t->usage >> USAGE_SHIFT)
		t->usage = 1ul << USAGE_SHIFT;
	t->usage_at = t->run_since = now;
}
