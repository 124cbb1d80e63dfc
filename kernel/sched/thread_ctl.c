/* SPDX-License-Identifier: MIT */
/* thread_ctl: operations on one thread of the caller's process, or of another whose process fd has
 * CONTROL. */
#include "internal.h"

static i64 set_prio(struct thread *t, u64 prio)
{
	if (!prio || prio > WEFT_PRIO_MAX)
		return -EINVAL;
	if (prio > current_thread()->ceiling)
		return -EPERM;
	/* An inherited priority stays until the request that lent it is done. */
	bool lent = t->prio > t->base_prio;
	t->base_prio = (u8)prio;
	if (!lent || prio > t->prio)
		sched_set_prio(t, (u32)prio);
	return 0;
}

static i64 set_affinity(struct thread *t, u64 mask)
{
	mask &= ALL_CPUS;
	if (!mask)
		return -EINVAL;
	t->affinity = mask;
	if (mask >> t->cpu & 1)
		return 0;
	if (t->queued) {
		runq_remove(cpus[t->cpu], t);
		sched_ready(t);
	} else {
		thread_poke(t);
	}
	return 0;
}

static u32 state_of(const struct thread *t)
{
	if (t->state == T_RUNNING || t->state == T_READY)
		return 'R';
	if (t->state == T_STOPPED)
		return 'T';
	return t->block_mode == BLOCK_INTERRUPTIBLE ? 'S' : 'D';
}

static i64 info(struct thread *t, u64 out)
{
	struct weft_thread_info i = {.tid = t->tid,
		.pid = t->proc->pid,
		.state = state_of(t),
		.cpu = t->cpu,
		.prio = t->prio,
		.identity = t->ident->number,
		.used = thread_usage(t),
		.pending = t->sigq.pending,
		.blocked = signal_blocked(t),
		.affinity = t->affinity & ALL_CPUS,
		.rip = arch_user_regs(t)->rip,
		.rsp = arch_user_regs(t)->rsp};

	strlcpy(i.name, t->name, sizeof(i.name));
	return copy_to_user(out, &i, sizeof(i));
}

static i64 regs(struct thread *t, u64 user, bool set)
{
	struct weft_regs r;

	if (t == current_thread())
		return -EINVAL;
	if (t->state != T_STOPPED)
		return -EBUSY;
	if (!set)
		return copy_to_user(user, arch_user_regs(t), sizeof(r));
	TRY(copy_from_user(&r, user, sizeof(r)));
	if (r.rip >= WEFT_USER_MAX)
		return -EINVAL;
	if (t->state != T_STOPPED)
		return -EBUSY;
	*arch_user_regs(t) = r;
	return 0;
}

static i64 apply(struct thread *t, u64 op, u64 a, u64 b)
{
	bool own = t == current_thread();

	switch (op) {
	case WEFT_THREAD_GET_REGS:
	case WEFT_THREAD_SET_REGS:
		return regs(t, a, op == WEFT_THREAD_SET_REGS);
	case WEFT_THREAD_STOP:
	case WEFT_THREAD_START:
		t->stop_own = op == WEFT_THREAD_STOP;
		thread_update(t);
		return 0;
	case WEFT_THREAD_SET_FS:
		if (!own || a >= WEFT_USER_MAX)
			return -EINVAL;
		arch_set_fs(t, a);
		return 0;
	case WEFT_THREAD_GET_FS:
		return (i64)t->arch.fs_base;
	case WEFT_THREAD_SET_CLEAR_TID:
		if ((a & 3) || a >= WEFT_USER_MAX)
			return -EINVAL;
		t->clear_tid = a;
		return t->tid;
	case WEFT_THREAD_SET_ROBUST:
		if (a >= WEFT_USER_MAX)
			return -EINVAL;
		t->robust = a;
		return 0;
	case WEFT_THREAD_SET_PRIO:
		return set_prio(t, a);
	case WEFT_THREAD_GET_PRIO:
		return t->base_prio;
	case WEFT_THREAD_SET_AFFINITY:
		return set_affinity(t, a);
	case WEFT_THREAD_GET_AFFINITY:
		return (i64)(t->affinity & ALL_CPUS);
	case WEFT_THREAD_INFO:
		return info(t, a);
	case WEFT_THREAD_SET_NAME:
		return set_name(t->name, a, b);
	case WEFT_THREAD_SIGMASK_CHANGED:
		signal_retarget(t->proc);
		return 0;
	default:
		return -EINVAL;
	}
}

i64 sys_thread_ctl(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	HELD struct process *p = NULL;
	HELD struct thread *t = NULL;
	struct thread *me = current_thread();

	if ((i32)a0 == -1 && (!a1 || (u32)a1 == me->tid))
		return apply(me, a2, a3, a4);
	TRY(process_get((i32)a0, WEFT_RIGHT_CONTROL, &p));
	if (a1)
		t = thread_find(p, (u32)a1);
	else if (!list_empty(&p->threads)) /* the first thread of the process */
		t = list_first(&p->threads, struct thread, proc_link);
	if (!t)
		return -ESRCH;
	object_get(&t->obj);
	return apply(t, a2, a3, a4);
}
