/* SPDX-License-Identifier: MIT */
/* The calls about signals. */
#include "rt.h"
#include "calls.h"
#include "../time/clock.h"

i64 rt_sys_rt_sigaction(u64 signo, u64 act, u64 old, u64 size)
{
	struct rt_proc *p = rt_proc();
	struct rt_action new, prev;

	if (size != 8 || signo < 1 || signo > 64 || (act && (SIGBIT(signo) & UNBLOCKABLE)))
		return -EINVAL;
	/* The kernel's struct: handler, flags, restorer, mask: ours. */
	if (act && copy_in(&new, act, sizeof(new)))
		return -EFAULT;
	rt_lock_take(&p->sig_lock);
	prev = p->act[signo];
	if (act) {
		new.mask &= ~UNBLOCKABLE;
		new.flags &= SA_KNOWN & ~SA_EXPOSE_TAGBITS;
		p->act[signo] = new;
		rt_update_ignored(p);
	}
	rt_lock_drop(&p->sig_lock);
	if (act && signo == SIGCHLD) {
		bool was = prev.handler == SIG_IGN || (prev.flags & SA_NOCLDWAIT);
		bool is = new.handler == SIG_IGN || (new.flags & SA_NOCLDWAIT);
		if (was != is)
			NC(PROC_CTL, -1, WEFT_PROC_SET_AUTOREAP, is, 0, 0);
	}
	if (act && (p->ignored & SIGBIT(signo)) && (rt_pending() & SIGBIT(signo))) {
		/* Becoming ignored discards what is pending, blocked or not. */
		struct weft_siginfo si;
		while (NC(SIG_TAKE, SIGBIT(signo), &si, WEFT_NOW) > 0)
			;
	}
	if (old && copy_out(old, &prev, sizeof(prev)))
		return -EFAULT;
	return 0;
}

i64 rt_sys_rt_sigprocmask(u64 how, u64 set, u64 old, u64 size)
{
	u64 before = rt_tp()->blocked, mask;

	if (size != 8)
		return -EINVAL;
	if (set) {
		if (get_u64(&mask, set))
			return -EFAULT;
		switch ((int)how) {
		case SIG_BLOCK:
			mask |= before;
			break;
		case SIG_UNBLOCK:
			mask = before & ~mask;
			break;
		case SIG_SETMASK:
			break;
		default:
			return -EINVAL;
		}
		rt_set_mask(mask);
	}
	return old ? put_u64(old, before) : 0;
}

i64 rt_sys_rt_sigreturn(void)
{
	struct rt_frame *f = rt_frame();
	u64 mask;

	if (rt_frame_pop(f, &mask)) {
		struct weft_siginfo si = {.signo = SIGSEGV, .code = SI_KERNEL};
		f->orig = -1;
		rt_force_signal(f, SIGSEGV, &si);
		return f->regs.rax;
	}
	rt_set_mask(mask);
	return f->regs.rax; /* may look like a restart code: orig is -1, so it is left alone */
}

i64 rt_sys_rt_sigpending(u64 set, u64 size)
{
	if (size > 8)
		return -EINVAL;
	u64 v = rt_pending() & rt_tp()->blocked;
	return copy_out(set, &v, size);
}

i64 rt_sys_rt_sigsuspend(u64 set, u64 size)
{
	int err = set ? rt_push_mask(set, size) : -EFAULT;

	if (err)
		return err;
	do
		NC(SLEEP, WEFT_CLOCK_MONOTONIC, WEFT_FOREVER);
	while (rt_drop_ignored());
	return -ERESTARTNOHAND;
}

i64 rt_sys_pause(void)
{
	do
		NC(SLEEP, WEFT_CLOCK_MONOTONIC, WEFT_FOREVER);
	while (rt_drop_ignored());
	return -ERESTARTNOHAND;
}

i64 rt_sys_rt_sigtimedwait(u64 set, u64 info, u64 timeout, u64 size)
{
	struct linux_siginfo li;
	struct weft_siginfo si;
	u64 mask;
	i64 deadline = WEFT_FOREVER, r;

	if (size != 8)
		return -EINVAL;
	if (get_u64(&mask, set))
		return -EFAULT;
	if (timeout) {
		r = rt_deadline_relative(timeout, &deadline);
		if (r)
			return r;
	}
	mask &= ~UNBLOCKABLE;
	do
		r = NC(SIG_TAKE, mask, &si, deadline);
	while (r == -EINTR && rt_drop_ignored());
	if (r == -ETIMEDOUT)
		r = -EAGAIN;
	if (r > 0 && info) {
		rt_siginfo_linux(&li, &si);
		if (copy_out(info, &li, sizeof(li)))
			return -EFAULT;
	}
	return r;
}

i64 rt_sys_sigaltstack(u64 new, u64 old)
{
	struct rt_thread *t = rt_thread();
	struct linux_stack s, o = {.sp = t->alt_sp, .size = t->alt_size};
	u64 sp = rt_frame()->regs.rsp;
	bool on = t->alt_size && !(t->alt_flags & SS_AUTODISARM) && sp > t->alt_sp && sp - t->alt_sp <= t->alt_size;

	o.flags = t->alt_size ? (int)(t->alt_flags | (on ? SS_ONSTACK : 0)) : (int)SS_DISABLE;
	if (new) {
		if (copy_in(&s, new, sizeof(s)))
			return -EFAULT;
		u32 mode = s.flags & ~SS_AUTODISARM;
		if (on)
			return -EPERM;
		if (mode != 0 && mode != SS_DISABLE && mode != SS_ONSTACK)
			return -EINVAL;
		if (mode == SS_DISABLE) {
			s.sp = s.size = 0;
			s.flags = 0;
		} else if (s.size < MINSIGSTKSZ) {
			return -ENOMEM;
		}
		t->alt_sp = s.sp;
		t->alt_size = s.size;
		t->alt_flags = s.flags & SS_AUTODISARM;
	}
	return old ? copy_out(old, &o, sizeof(o)) : 0;
}

i64 rt_sys_restart_syscall(void)
{
	return rt_restart();
}

i64 rt_sys_signalfd4(u64 fd, u64 mask, u64 size, u64 flags)
{
	u64 set;

	if (flags & ~(u64)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	if (size != 8)
		return -EINVAL;
	if (get_u64(&set, mask))
		return -EFAULT;
	set &= ~UNBLOCKABLE;
	if ((i32)fd != -1) {
		struct weft_fd_info info;
		i64 r = rt_fd_info(fd, &info);
		if (r < 0)
			return r;
		if (info.type != WEFT_OBJ_SIGNALS)
			return -EINVAL;
		r = NC(FD_CTL, fd, WEFT_SIGNALS_SET_MASK, set, 0);
		return r < 0 ? r : (i64)(i32)fd;
	}
	return rt_obj_create(WEFT_OBJ_SIGNALS, set, 0, flags);
}

i64 rt_sys_signalfd(u64 fd, u64 mask, u64 size)
{
	return rt_sys_signalfd4(fd, mask, size, 0);
}
