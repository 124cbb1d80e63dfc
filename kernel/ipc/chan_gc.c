/* SPDX-License-Identifier: MIT */
/*
 * Receive queues, and the collection of channels that can be reached only through queues.
 *
 * A queue with fds of others in its messages is a carrier. It is alive if not all capabilities of
 * its owner are in flight (fds != inflight; nor is what is being closed, and empties itself), or if
 * a queue that is alive carries one of its owner; carriers that are not are emptied, and what only
 * they held goes with them. It runs when a channel closes and when fds are sent, but only after so
 * many of these as make its cost small for each; and always before the objects are counted.
 */
#include "queue.h"

static struct list carriers = {&carriers, &carriers};
u64 inflight_total;

void inflight_move(struct queue *q, const struct msg *m, i32 by)
{
	struct queue *to;

	for (u32 i = 0; i < m->nfds; i++) {
		to = queue_of(m->fds[i].o);
		if (!to)
			continue;
		to->inflight += (u32)by;
		q->carried += (u32)by;
		inflight_total += (u64)(i64)by;
	}
	list_del(&q->carrier_link);
	if (q->carried)
		list_add_tail(&carriers, &q->carrier_link);
}

/* What q carries is alive: to be looked at. */
static void mark(struct queue *q, struct list *work)
{
	struct msg *m;
	struct queue *to;

	list_for_each(m, &q->msgs, link) {
		for (u32 i = 0; i < m->nfds; i++) {
			to = queue_of(m->fds[i].o);
			if (!to || to->alive)
				continue;
			to->alive = true;
			list_add_tail(work, &to->gc_link);
		}
	}
}

/* Something happened that may leave garbage. */
void chan_maybe_collect(void)
{
	static u64 events;

	if (++events < inflight_total / 8)
		return;
	events = 0;
	chan_collect();
}

void chan_collect(void)
{
	struct list work = {&work, &work}, garbage = {&garbage, &garbage};
	static bool running;
	struct queue *q;

	if (running || !inflight_total)
		return;
	running = true;
	list_for_each(q, &carriers, carrier_link) {
		q->alive = !q->inflight || q->inflight != q->owner->fds || q->rbusy;
		if (q->alive)
			list_add_tail(&work, &q->gc_link);
	}
	while (!list_empty(&work)) {
		q = list_first(&work, struct queue, gc_link);
		list_del(&q->gc_link);
		mark(q, &work);
	}
	list_for_each(q, &carriers, carrier_link) {
		if (q->alive)
			continue;
		object_get(q->owner);
		list_add_tail(&garbage, &q->gc_link);
	}
	while (!list_empty(&garbage)) {
		q = list_first(&garbage, struct queue, gc_link);
		list_del(&q->gc_link);
		queue_kill(q);
		object_put(q->owner);
	}
	running = false;
}
