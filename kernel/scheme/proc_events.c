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

void proc_event(u32 what, struct process *p, u32 arg)
{
	struct weft_proc_event ev[2] = {{0}, {what, p->pid, p->parent ? p->parent->pid : 0, arg}};
	int err;

	for (struct listener *l = listeners; l < listeners + LISTENERS; l++) {
		if (!l->end)
			continue;
		err = l->lost ? chan_post(l->end, &ev[0], sizeof(ev[0])) : 0;
		if (!err)
			err = chan_post(l->end, &ev[1], sizeof(ev[1]));
		l->lost = err;
		if (err == -EPIPE) {
			object_put(l->end);
			l->end = NULL;
		}
	}
}
