/* SPDX-License-Identifier: MIT */
/*
 * Receive queues, and the collection of channels that can be reached only through queues.
 *
 * An owner all of whose capabilities are in flight (fds == inflight) is a candidate. It is garbage
 * unless one of those capabilities lies in the queue of an owner that is alive. So: take from each
 * candidate what candidates' own queues hold of it; those with something left are alive, and so is,
 * again and again, all that the living hold in their queues. The rest is emptied. It runs when a
 * channel closes and when fds are sent, but only after so many of these as make its cost small for
 * each; and always before the objects are counted.
 */
#include "queue.h"

static struct list inflight_list = {&inflight_list, &inflight_list};
u64 inflight_total;

void inflight_add(struct object *o)
{
	struct queue *q = queue_of(o);

	if (!q)
		return;
	if (!q->inflight++)
		list_add_tail(&inflight_list, &q->inflight_link);
	inflight_total++;
}

void inflight_del(struct object *o)
{
	struct queue *q = queue_of(o);

	if (!q)
		return;
	if (!--q->inflight)
		list_del(&q->inflight_link);
	inflight_total--;
}

static void found_alive(struct queue *q, struct list *work)
{
	q->gc_candidate = false;
	list_add_tail(work, &q->gc_link);
}

/* What q's messages hold of candidates: work NULL: is taken from them, else is alive. */
static void visit(struct queue *q, struct list *work)
{
	struct msg *m;
	struct queue *to;

	list_for_each(m, &q->msgs, link) {
		for (u32 i = 0; i < m->nfds; i++) {
			to = queue_of(m->fds[i].o);
			if (!to || !to->gc_candidate)
				continue;
			if (!work)
				to->gc_out--;
			else
				found_alive(to, work);
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
	static bool running;
	struct list work, garbage;
	struct queue *q;

	if (running || !inflight_total)
		return;
	running = true;
	list_init(&work);
	list_init(&garbage);
	list_for_each(q, &inflight_list, inflight_link) {
		q->gc_candidate = q->owner->fds == q->inflight && !q->rbusy;
		q->gc_out = q->inflight;
	}
	list_for_each(q, &inflight_list, inflight_link)
		if (q->gc_candidate)
			visit(q, NULL);
	list_for_each(q, &inflight_list, inflight_link)
		if (q->gc_candidate && q->gc_out)
			found_alive(q, &work);
	while (!list_empty(&work)) {
		q = list_first(&work, struct queue, gc_link);
		list_del(&q->gc_link);
		visit(q, &work);
	}
	list_for_each(q, &inflight_list, inflight_link) {
		if (!q->gc_candidate)
			continue;
		q->gc_candidate = false;
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
