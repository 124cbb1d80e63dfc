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

static void fill(struct process *c, u32 code, u32 status, struct weft_exit *out)
{
	process_usage(c, out);
	out->pid = c->pid;
	out->status = status;
	out->uid = c->ident->id.uid;
	out->code = code;
	out->user_ns += c->child_user_ns;
	out->system_ns += c->child_system_ns;
}

/* True if this child has something to report; takes it unless WNOWAIT. */
static bool report(const struct wait *w, struct process *c, struct weft_exit *out)
{
	bool take = !(w->options & WNOWAIT);
	u32 s = c->exit_status;

	if (c->exited && (w->options & WEXITED)) {
		fill(c, exit_code(s), s, out);
		if (take) {
			c->parent->child_user_ns += out->user_ns;
			c->parent->child_system_ns += out->system_ns;
			process_reap(c);
		}
		return true;
	}
	if (c->exited)
		return false;
	if (c->stop_code == CLD_STOPPED_ && (w->options & WSTOPPED)) {
		fill(c, CLD_STOPPED_, c->stop_signal << 8 | 0x7f, out);
	} else if (c->stop_code == CLD_CONTINUED_ && (w->options & WCONTINUED)) {
		fill(c, CLD_CONTINUED_, 0xffff, out);
	} else {
		return false;
	}
	if (take)
		c->stop_code = 0;
	return true;
}

static i64 wait_for(const struct wait *w, struct weft_exit *out)
{
	struct process *me = current_process(), *c;
	bool any;
	int r;

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
		r = thread_block(&me->wait_children, WEFT_FOREVER, BLOCK_INTERRUPTIBLE);
		if (r)
			return r;
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
		r = process_get((i32)a1, 0, &target);
		if (r)
			return r;
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
