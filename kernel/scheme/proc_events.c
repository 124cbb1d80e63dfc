/* SPDX-License-Identifier: MIT */
/*
 * The stream of process events that servers/proc reads: a seqpacket channel's end that only the
 * kernel sends to. A reader that does not read loses nothing but memory up to the limit, then
 * events; an event that was lost is told by one with what = 0.
 */
#include "builtin.h"

#define LISTENERS 8u

static struct listener {
	struct object *end; /* what is read, referenced */
	bool lost;
} listeners[LISTENERS];

int proc_events_create(struct object **out)
{
	for (struct listener *l = listeners; l < listeners + LISTENERS; l++) {
		if (l->end)
			continue;
		*out = l->end = chan_create_reader();
		if (!l->end)
			return -ENOMEM;
		object_get(l->end);
		return 0;
	}
	return -EBUSY;
}

static void tell(struct listener *l, u32 what, u32 pid, u32 ppid, u32 arg)
{
	struct weft_proc_event ev = {what, pid, ppid, arg};
	int err = chan_post(l->end, &ev, sizeof(ev));

	l->lost = err;
	if (err != -EPIPE)
		return;
	object_put(l->end);
	l->end = NULL;
}

void proc_event(u32 what, struct process *p, u32 arg)
{
	for (struct listener *l = listeners; l < listeners + LISTENERS; l++) {
		if (l->end && l->lost)
			tell(l, 0, 0, 0, 0);
		if (l->end && !l->lost)
			tell(l, what, p->pid, p->parent ? p->parent->pid : 0, arg);
	}
}
