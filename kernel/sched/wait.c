/* SPDX-License-Identifier: MIT */
/* proc_wait: waitid's semantics over the children of the calling process, whichever of its threads
 * made them. */
#include "internal.h"
#include <linux/wait.h>

struct wait {
	u32 which, options;
	u32 id;
	struct process *target;
};

static bool matches(const struct wait *w, const struct process *c)
{
	switch (w->which) {
	case P_PID:
		return c->pid == w->id;
	case P_PGID:
		return c->ident->id.pgid == (w->id ? w->id : current_thread()->ident->id.pgid);
	case P_PIDFD:
		return c == w->target;
	default:
		return true;
	}
}

/* True if this child has something to report; takes it unless WNOWAIT. */
static bool report(const struct wait *w, struct process *c, struct weft_exit *out)
{
	const u32 wanted = c->exited	      ? WEXITED
		: c->stop_code == CLD_STOPPED ? WSTOPPED
		: c->stop_code		      ? WCONTINUED
					      : 0;

	if (!(w->options & wanted))
		return false;
	*out = (struct weft_exit){.pid = c->pid,
		.status = c->exited	     ? c->exit_status
			: wanted == WSTOPPED ? c->stop_signal << 8 | 0x7f
					     : 0xffff,
		.uid = c->ident->id.uid,
		.code = c->exited ? exit_code(c->exit_status) : c->stop_code,
		.used = process_usage(c)};
	usage_add(&out->used, &c->children_used);
	if (w->options & WNOWAIT)
		return true;
	if (c->exited) {
		usage_add(&c->parent->children_used, &out->used);
		process_reap(c);
	} else {
		c->stop_code = 0;
	}
	return true;
}

static i64 wait_for(const struct wait *w, struct weft_exit *out)
{
	struct process *me = current_process(), *c;
	bool any;

	for (;;) {
		any = false;
		list_for_each(c, &me->children, sibling) {
			if (!matches(w, c))
				continue;
			any = true;
			if (report(w, c, out))
				return out->pid;
		}
		if (!any)
			return -ECHILD;
		if (w->options & WNOHANG)
			return 0;
		TRY(thread_block(&me->wait_children, WEFT_FOREVER, BLOCK_INTERRUPTIBLE));
	}
}

i64 sys_proc_wait(u64 a0, u64 a1, u64 a2, u64 a3)
{
	const u64 what = WSTOPPED | WEXITED | WCONTINUED;
	struct wait w = {.which = (u32)a0, .options = (u32)a2, .id = (u32)a1};
	HELD struct process *target = NULL;
	struct weft_exit e = {0};
	i64 r;

	if (a0 > P_PIDFD || (a2 & ~(what | WNOHANG | WNOWAIT)) || !(a2 & what))
		return -EINVAL;
	if (w.which == P_PIDFD) {
		TRY(process_get((i32)a1, 0, &target));
		if (target == current_process())
			return (i32)a1 == -1 ? -EBADF : -ECHILD;
		w.target = target;
	}
	r = wait_for(&w, &e);
	if (r > 0)
		sched_reap();
	if (r >= 0 && a3 && copy_to_user(a3, &e, sizeof(e)))
		return -EFAULT;
	return r;
}
