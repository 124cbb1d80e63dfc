/* SPDX-License-Identifier: MIT */
/*
 * Threads and children. A new thread begins at rt_child on its own runtime stack, at the top of which its frame already lies.
 *   fork     copies the address space: the child has the same slot, pages and stack; its frame is the caller's, copied.
 *   thread   gets a slot of its own; frame written there beforehand.
 *   vfork    (CLONE_VM without CLONE_THREAD) the same, and copies of the process page's and the state area's contents.
 */
#include "../fd/fd.h"
#include "../core/calls.h"
#include <posix/public.h>

#define MAP_OWN (WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_FIXED | WEFT_MAP_NOREPLACE | WEFT_MAP_RUNTIME)

/* Marks a free slot as used. -> its number, -EAGAIN */
static i64 slot_mark(struct rt_proc *p)
{
	u32 words = ARRAY_SIZE(p->slot_used), first = __atomic_load_n(&p->slot_hint, __ATOMIC_RELAXED);

	for (u32 i = 0; i < words; i++) {
		u32 w = (first + i) % words;
		u64 used = __atomic_load_n(&p->slot_used[w], __ATOMIC_RELAXED);
		while (~used) {
			u32 bit = __builtin_ctzl(~used);
			if (!__atomic_compare_exchange_n(&p->slot_used[w], &used, used | 1ul << bit, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
				continue;
			__atomic_store_n(&p->slot_hint, w, __ATOMIC_RELAXED);
			return w * 64 + bit;
		}
	}
	return -EAGAIN;
}

static void slot_unmark(struct rt_proc *p, u32 slot)
{
	u32 w = slot / 64;

	__atomic_fetch_and(&p->slot_used[w], ~(1ul << slot % 64), __ATOMIC_RELEASE);
	if (w < __atomic_load_n(&p->slot_hint, __ATOMIC_RELAXED))
		__atomic_store_n(&p->slot_hint, w, __ATOMIC_RELAXED);
}

/* A leaving thread gives its mark back before the kernel has unmapped its pages: such a slot is passed over, and free again soon. */
i64 rt_slot_take(bool process)
{
	struct rt_proc *p = rt_proc();
	u64 passed[64];
	u32 npassed = 0;
	i64 r = -EAGAIN, slot;

	while (npassed < ARRAY_SIZE(passed)) {
		slot = slot_mark(p);
		if (slot < 0) {
			r = slot;
			break;
		}
		u64 base = POSIX_SLOT(slot);
		r = NC(MEM_MAP, -1, base + POSIX_SLOT_STACK, POSIX_STACK_SIZE, MAP_OWN, -1, 0);
		if (r >= 0 && process) {
			r = NC(MEM_MAP, -1, base + POSIX_SLOT_STATE, POSIX_STATE_SIZE, MAP_OWN, -1, 0);
			if (r < 0)
				NC(MEM_UNMAP, -1, base + POSIX_SLOT_STACK, POSIX_STACK_SIZE);
		}
		if (r >= 0) {
			r = slot;
			break;
		}
		passed[npassed++] = slot;
		if (r != -EEXIST)
			break;
		r = -EAGAIN;
	}
	while (npassed)
		slot_unmark(p, passed[--npassed]);
	return r;
}

void rt_slot_release(u32 slot)
{
	u64 base = POSIX_SLOT(slot);

	NC(MEM_UNMAP, -1, base + POSIX_SLOT_STACK, POSIX_STACK_SIZE);
	NC(MEM_UNMAP, -1, base + POSIX_SLOT_STATE, POSIX_STATE_SIZE);
	slot_unmark(rt_proc(), slot);
}

/* The only thread of a forked child: the other slots' pages were copied too, and go. */
static void drop_other_slots(struct rt_proc *ps, u32 own)
{
	for (u32 w = 0; w < ARRAY_SIZE(ps->slot_used); w++) {
		for (u64 used = ps->slot_used[w]; used; used &= used - 1) {
			u32 slot = w * 64 + __builtin_ctzl(used);
			if (slot != own && slot)
				NC(MEM_UNMAP, -1, POSIX_SLOT(slot), POSIX_SLOT_SIZE);
		}
		ps->slot_used[w] = 0;
	}
	ps->slot_used[0] = 1;
	ps->slot_used[own / 64] |= 1ul << own % 64;
	ps->slot_hint = 0;
}

/* What a forked child does not inherit. Runs in the child, or on its copy. */
static void child_state(struct rt_proc *ps)
{
	for (u32 i = 0; i < 3; i++)
		ps->itimer_fd[i] = -1;
	for (u32 i = 0; i < RT_TIMERS; i++)
		ps->timers[i].fd = -1;
	ps->nlocked = 0;
	memset(ps->live, 0, sizeof(ps->live));
	memset(ps->templates, 0, sizeof(ps->templates));
	ps->ntemplates = 0;
}

void rt_child_begin(struct rt_proc *ps, struct rt_frame *f)
{
	struct rt_thread *t = rt_thread();

	if (ps) { /* a new process in our own or in its parent's memory */
		((struct posix_public *)rt_pp()->rt)->state = (u64)ps;
		child_state(ps);
		rt_locks_drop(ps);
		if ((u64)ps == POSIX_SLOT(0) + POSIX_SLOT_STATE)
			drop_other_slots(ps, t->slot);
	}
	f->orig = -1;
	f->regs.rax = 0;
	t->have_saved_mask = 0;
	t->restart_kind = RESTART_NONE;
	if (t->child_tid)
		put_u32(t->child_tid, rt_tp()->tid);
	t->child_tid = 0;
}

struct clone_args {
	u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

static u64 fs_base(void)
{
	i64 base = NC(THREAD_CTL, -1, 0, WEFT_THREAD_GET_FS, 0, 0);

	return base < 0 ? 0 : base;
}

static void prepare(struct weft_thread_new *n, const struct clone_args *a, u32 slot, struct rt_thread *rt)
{
	const struct rt_frame *f = rt_frame();

	*rt = (struct rt_thread){
		.flags = rt_thread()->flags,
		.slot = slot,
		.child_tid = a->flags & CLONE_CHILD_SETTID ? a->child_tid : 0,
		.sched_policy = rt_thread()->sched_policy,
		.sched_prio = rt_thread()->sched_prio,
		.nice = rt_thread()->nice,
	};
	n->regs = f->regs;
	n->regs.rip = (u64)rt_child;
	n->regs.rsp = POSIX_SLOT(slot) + POSIX_SLOT_TP - FRAME_SIZE;
	n->regs.rdi = 0;
	n->regs.rflags = 0x202;
	n->fs_base = a->flags & CLONE_SETTLS ? a->tls : fs_base();
	n->tp = POSIX_SLOT(slot) + POSIX_SLOT_TP;
	n->rt_stack = n->tp;
	n->clear_tid = a->flags & CLONE_CHILD_CLEARTID ? a->child_tid : 0;
	n->blocked = rt_tp()->blocked;
	memcpy(n->tp_rt, rt, sizeof(n->tp_rt));
	n->proc = -1;
}

/* The new thread's frame, in a slot of this address space. */
static void write_frame(u32 slot, const struct clone_args *a)
{
	struct rt_frame *child = (struct rt_frame *)(POSIX_SLOT(slot) + POSIX_SLOT_TP - FRAME_SIZE);

	*child = *rt_frame();
	if (a->stack)
		child->regs.rsp = a->stack + a->stack_size;
}

static i64 clone_thread(const struct clone_args *a)
{
	struct weft_thread_new n = {0};
	struct rt_thread rt;
	i64 slot = rt_slot_take(false);

	if (slot < 0)
		return slot == -ENOMEM ? -EAGAIN : slot;
	prepare(&n, a, slot, &rt);
	write_frame(slot, a);
	n.free_addr = POSIX_SLOT(slot) + POSIX_SLOT_STACK;
	n.free_len = POSIX_STACK_SIZE;
	n.set_tid = a->flags & CLONE_PARENT_SETTID ? a->parent_tid : 0;
	i64 r = NC(THREAD_CREATE, &n, sizeof(n));
	if (r < 0)
		rt_slot_release(slot);
	return r == -ENOMEM ? -EAGAIN : r;
}

/* Gives a process fd from proc_create to the program as a pidfd. */
static i64 give_pidfd(const struct clone_args *a, i32 fd)
{
	return put_u32(a->pidfd, fd);
}

static i64 clone_process(const struct clone_args *a)
{
	struct rt_proc *ps = rt_proc();
	struct weft_proc_new n = {.as = -1, .ns = -1, .ident_auth = -1, .proc_fd = -1};
	struct rt_thread rt;
	bool shared = a->flags & CLONE_VM;
	i64 slot = rt_thread()->slot, r;
	u32 saved_rsp_set = 0;
	u64 saved_rsp = 0;
	struct rt_frame *f = rt_frame();

	n.flags = shared ? WEFT_PROC_SHARE_AS : WEFT_PROC_COPY_AS;
	n.flags |= a->flags & CLONE_FILES ? WEFT_PROC_SHARE_FDS : WEFT_PROC_COPY_FDS;
	n.flags |= a->flags & CLONE_VFORK ? WEFT_PROC_VFORK : 0;
	n.flags |= a->flags & CLONE_PARENT ? WEFT_PROC_SIBLING : 0;
	n.flags |= a->flags & CLONE_PIDFD ? WEFT_PROC_FD | WEFT_PROC_FD_PUBLIC : 0;
	n.exit_signal = a->exit_signal;
	memcpy(n.name, ps->comm, sizeof(n.name));
	if (shared) {
		slot = rt_slot_take(true);
		if (slot < 0)
			return slot;
	}
	prepare(&n.thread, a, slot, &rt);
	n.pp = POSIX_SLOT(slot) + POSIX_SLOT_PP;
	n.thread.regs.rdi = (u64)ps;
	n.thread.set_tid = a->flags & CLONE_PARENT_SETTID ? a->parent_tid : 0;
	rt_locks_take(ps);
	if (shared) {
		struct rt_proc *copy = (struct rt_proc *)(POSIX_SLOT(slot) + POSIX_SLOT_STATE);
		memcpy(copy, ps, sizeof(*copy));
		write_frame(slot, a);
		n.thread.regs.rdi = (u64)copy;
		n.thread.free_addr = POSIX_SLOT(slot);
		n.thread.free_len = POSIX_SLOT_TP;
		if (a->flags & CLONE_CLEAR_SIGHAND)
			rt_signals_reset_for_exec(copy);
		/* We sleep until its exec: nobody else may find our locks held so long. */
		rt_locks_drop(ps);
	} else {
		struct rt_thread *t = rt_thread();
		n.pp = (u64)rt_pp();
		n.thread.tp = (u64)rt_tp();
		n.thread.rt_stack = rt_tp()->rt_stack;
		n.thread.regs.rsp = (u64)f;
		t->child_tid = rt.child_tid;
		if (a->stack) {
			saved_rsp_set = 1;
			saved_rsp = f->regs.rsp;
			f->regs.rsp = a->stack + a->stack_size;
		}
	}
	r = NC(PROC_CREATE, &n, sizeof(n));
	if (!shared) {
		rt_thread()->child_tid = 0;
		if (saved_rsp_set)
			f->regs.rsp = saved_rsp;
		rt_locks_drop(ps);
	} else if (r < 0) {
		rt_slot_release(slot);
	} else if (a->flags & CLONE_VFORK) {
		slot_unmark(ps, slot); /* the child's pages there are gone */
	}
	if (r < 0)
		return r == -ENOMEM ? -EAGAIN : r;
	if (a->flags & CLONE_PIDFD)
		give_pidfd(a, n.proc_fd);
	return r;
}

static i64 do_clone(struct clone_args *a)
{
	if (a->flags & (CLONE_NEW_ANY | CLONE_INTO_CGROUP))
		return a->flags & CLONE_NEW_ANY ? -EPERM : -EOPNOTSUPP;
	if ((a->flags & CLONE_THREAD) && !(a->flags & CLONE_SIGHAND))
		return -EINVAL;
	if ((a->flags & CLONE_SIGHAND) && !(a->flags & CLONE_VM))
		return -EINVAL;
	if ((a->flags & CLONE_CLEAR_SIGHAND) && (a->flags & CLONE_SIGHAND))
		return -EINVAL;
	if ((a->flags & CLONE_PIDFD) && (a->flags & CLONE_THREAD))
		return -EINVAL;
	if (a->exit_signal > 64)
		return -EINVAL;
	/* A parent's tid word must be there before anything is made. */
	if ((a->flags & CLONE_PARENT_SETTID) && put_u32(a->parent_tid, 0))
		return -EFAULT;
	return a->flags & CLONE_THREAD ? clone_thread(a) : clone_process(a);
}

i64 rt_sys_clone(u64 flags, u64 stack, u64 parent_tid, u64 child_tid, u64 tls)
{
	struct clone_args a = {
		.flags = (u32)flags & ~0xffu,
		.exit_signal = flags & 0xff,
		.stack = stack,
		.parent_tid = parent_tid,
		.child_tid = child_tid,
		.tls = tls,
		.pidfd = parent_tid,
	};

	if ((flags & CLONE_PIDFD) && (flags & CLONE_PARENT_SETTID))
		return -EINVAL;
	return do_clone(&a);
}

i64 rt_sys_clone3(u64 args, u64 size)
{
	struct clone_args a = {0};

	if (size < 64)
		return -EINVAL;
	if (size > 4096)
		return -E2BIG;
	if (copy_in(&a, args, MIN(size, sizeof(a))))
		return -EFAULT;
	for (u64 at = sizeof(a); at < size; at++) {
		u8 b;
		if (get_u8(&b, args + at))
			return -EFAULT;
		if (b)
			return -E2BIG;
	}
	if ((a.flags & 0xff) || a.exit_signal > 64 || (a.flags & CLONE_DETACHED))
		return -EINVAL;
	if ((a.flags & (CLONE_THREAD | CLONE_PARENT)) && a.exit_signal)
		return -EINVAL;
	if (!a.stack != !a.stack_size)
		return -EINVAL;
	if (a.set_tid || a.set_tid_size)
		return a.set_tid_size > 32 ? -EINVAL : -EPERM;
	return do_clone(&a);
}

i64 rt_sys_fork(void)
{
	struct clone_args a = {.exit_signal = SIGCHLD};

	return do_clone(&a);
}

i64 rt_sys_vfork(void)
{
	struct clone_args a = {.flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD};

	return do_clone(&a);
}

i64 rt_sys_exit(u64 code)
{
	struct rt_proc *p = rt_proc();

	if (rt_pp()->threads <= 1)
		rt_die((code & 0xff) << 8);
	u32 slot = rt_thread()->slot;
	if (slot)
		slot_unmark(p, slot);
	for (;;)
		NC(THREAD_EXIT);
}

i64 rt_sys_exit_group(u64 code)
{
	rt_die((code & 0xff) << 8);
}
