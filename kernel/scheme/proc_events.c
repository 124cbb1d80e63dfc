/* SPDX-License-Identifier: MIT */
/*
 * The stream of process events that servers/proc reads: a seqpacket channel whose other end the
 * kernel keeps. A reader that does not read loses nothing but memory up to the limit, then events;
 * an event that was lost is told by one with what = 0.
 */
#include "builtin.h"

#define LISTENERS 8u

struct listener {
	struct object *read, *kernel; /* both referenced; the kernel's end holds a capability */
	bool lost;
};
static struct listener listeners[LISTENERS];

static void drop(struct listener *l)
{
	struct listener was = *l;

	memset(l, 0, sizeof(*l));
	object_put(was.read);
	object_fd_put(was.kernel);
	object_put(was.kernel);
}

int proc_events_create(struct object **out)
{
	struct object *end[2];
	struct listener *l = NULL;
	int err;

	for (u32 i = 0; i < LISTENERS; i++)
		if (!listeners[i].read)
			l = &listeners[i];
	if (!l)
		return -EBUSY;
	err = channel_create(WEFT_CHAN_SEQPACKET, end);
	if (err)
		return err;
	object_fd_get(end[1]);
	object_get(end[0]);
	*l = (struct listener){end[0], end[1], false};
	*out = end[0];
	return 0;
}

static bool tell(struct listener *l, u32 what, u32 pid, u32 ppid, u32 arg)
{
	struct weft_proc_event ev = {what, pid, ppid, arg};
	int err = chan_post(l->read, &ev, sizeof(ev));

	if (err == -EPIPE)
		drop(l);
	return !err;
}

void proc_event(u32 what, struct process *p, u32 arg)
{
	for (u32 i = 0; i < LISTENERS; i++) {
		struct listener *l = &listeners[i];

		if (!l->read)
			continue;
		if (l->lost)
			l->lost = !tell(l, 0, 0, 0, 0);
		if (l->read && !l->lost)
			l->lost = !tell(l, what, p->pid, p->parent ? p->parent->pid : 0, arg) &&
				l->read;
	}
}
