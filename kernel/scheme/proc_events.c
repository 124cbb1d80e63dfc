/* SPDX-License-Identifier: MIT */
/*
 * The stream of process events that servers/proc reads: a seqpacket channel's end that only the
 * kernel sends to. A reader that does not read loses nothing but memory up to the limit, then
 * events; an event that was lost is told by one with what = 0.
 */
#include "../ipc/chan_impl.h"

#define LISTENERS 8u

static struct listener {
	struct chan_end *end; /* what is read, referenced */
	bool lost;
} listeners[LISTENERS];

int proc_events_create(struct object **out)
{
	struct object *end[2];

	for (struct listener *l = listeners; l < listeners + LISTENERS; l++) {
		if (l->end)
			continue;
		TRY(channel_create(WEFT_CHAN_SEQPACKET, true, end));
		l->end = chan_of(end[0]);
		l->end->role = ROLE_RECEIVER;
		l->end->connected = true;
		*out = end[0];
		object_get(*out);
		return 0;
	}
	return -EBUSY;
}

static bool post(struct chan_end *to, const struct weft_proc_event *ev)
{
	struct msg *m = queue_room(&to->rx) >= sizeof(*ev) ? msg_new(NULL, 0) : NULL;

	return m && !queue_put(&to->rx, ev, sizeof(*ev), m);
}

void proc_event(u32 what, struct process *p, u32 arg)
{
	const struct weft_proc_event ev[] = {{0},
		{what, p->pid, p->parent ? p->parent->pid : 0, arg}};

	for (struct listener *l = listeners; l < listeners + LISTENERS; l++) {
		if (l->end && l->end->rx.ended) {
			object_put(&l->end->obj);
			l->end = NULL;
		}
		if (l->end)
			l->lost = (l->lost && !post(l->end, &ev[0])) || !post(l->end, &ev[1]);
	}
}
