/* SPDX-License-Identifier: MIT */
/*
 * Delivery: runs on the way out, with the program's registers in the frame. The kernel queues signals and sets pending bits; only
 * sig_take clears them. Everything that decides what a signal does is here: handlers, default actions, restart of calls.
 */
#include "rt.h"

#define SYNCHRONOUS (SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGFPE) | SIGBIT(SIGSYS))
#define DEFAULT_IGNORE (SIGBIT(SIGCHLD) | SIGBIT(SIGCONT) | SIGBIT(SIGURG) | SIGBIT(SIGWINCH))
#define DEFAULT_STOP (SIGBIT(SIGSTOP) | SIGBIT(SIGTSTP) | SIGBIT(SIGTTIN) | SIGBIT(SIGTTOU))

bool rt_signal_ignored(const struct rt_proc *p, int signo)
{
	u64 h = p->act[signo].handler;

	return h == SIG_IGN || (h == SIG_DFL && (DEFAULT_IGNORE & SIGBIT(signo)));
}

void rt_update_ignored(struct rt_proc *p)
{
	u64 set = 0;

	for (int s = 1; s <= 64; s++)
		if (rt_signal_ignored(p, s))
			set |= SIGBIT(s);
	__atomic_store_n(&p->ignored, set, __ATOMIC_RELEASE);
}

/* The mask of blocked signals is ours to store; the kernel reads it when it looks for a thread to wake. */
void rt_set_mask(u64 mask)
{
	struct weft_tp *tp = rt_tp();
	u64 old = tp->blocked, more;

	mask &= ~UNBLOCKABLE;
	if (mask == old)
		return;
	/* Store, fence, then the tail's load of the pending words. */
	__atomic_exchange_n(&tp->blocked, mask, __ATOMIC_SEQ_CST);
	more = mask & ~old;
	if (more & __atomic_load_n(&rt_pp()->pending, __ATOMIC_ACQUIRE))
		NC(THREAD_CTL, -1, 0, WEFT_THREAD_SIGMASK_CHANGED, 0, 0);
}

int rt_push_mask(u64 user_mask, u64 size)
{
	u64 mask;

	if (!user_mask)
		return 0;
	if (size != 8)
		return -EINVAL;
	if (get_u64(&mask, user_mask))
		return -EFAULT;
	struct rt_thread *t = rt_thread();
	t->saved_mask = rt_tp()->blocked;
	t->have_saved_mask = 1;
	rt_set_mask(mask);
	return 0;
}

/* After the call: an interrupted one keeps the temporary mask until delivery has used it. */
void rt_pop_mask(i64 result)
{
	struct rt_thread *t = rt_thread();

	if (!t->have_saved_mask || (result <= -ERESTART_FIRST && result >= -ERESTART_LAST) || result == -EINTR)
		return;
	t->have_saved_mask = 0;
	rt_set_mask(t->saved_mask);
}

void rt_siginfo_linux(struct linux_siginfo *o, const struct weft_siginfo *si)
{
	memset(o, 0, sizeof(*o));
	o->signo = si->signo;
	o->code = si->code;
	if (si->code == SI_TIMER) {
		o->timer.id = si->status;
		o->timer.overrun = si->overrun;
		o->timer.value = si->value;
	} else if (si->signo == SIGCHLD && si->code > 0 && si->code != SI_KERNEL) {
		o->chld.pid = si->pid;
		o->chld.uid = si->uid;
		o->chld.status = si->status;
	} else if ((SYNCHRONOUS & SIGBIT(si->signo)) && si->code > 0) {
		o->fault.addr = si->addr;
	} else {
		o->rt.pid = si->pid;
		o->rt.uid = si->uid;
		o->rt.value = si->value;
	}
}

void rt_siginfo_native(struct weft_siginfo *o, const struct linux_siginfo *in)
{
	*o = (struct weft_siginfo){.signo = in->signo, .code = in->code};
	o->pid = in->rt.pid;
	o->uid = in->rt.uid;
	o->value = in->rt.value;
	if (in->code == SI_TIMER) {
		o->status = in->timer.id;
		o->overrun = in->timer.overrun;
	}
}

/* A call that was cut short by a handler: what it answers, or from where it begins again. */
static void restart_for_handler(struct rt_frame *f, u64 sa_flags)
{
	if (f->orig < 0)
		return;
	switch (-(i64)f->regs.rax) {
	case ERESTARTSYS:
		if (!(sa_flags & SA_RESTART)) {
			f->regs.rax = -EINTR;
			break;
		}
		/* fallthrough */
	case ERESTARTNOINTR:
		f->regs.rax = f->orig;
		f->regs.rip -= 2;
		break;
	case ERESTARTNOHAND:
	case ERESTART_BLOCK:
		f->regs.rax = -EINTR;
	}
	f->orig = -1;
}

static void restart_without_handler(struct rt_frame *f)
{
	if (f->orig < 0)
		return;
	switch (-(i64)f->regs.rax) {
	case ERESTART_BLOCK:
		f->regs.rax = 219; /* restart_syscall */
		f->regs.rip -= 2;
		break;
	case ERESTARTSYS:
	case ERESTARTNOINTR:
	case ERESTARTNOHAND:
		f->regs.rax = f->orig;
		f->regs.rip -= 2;
		break;
	}
	f->orig = -1;
}

static void run_handler(struct rt_frame *f, int signo, const struct weft_siginfo *si, const struct rt_action *act)
{
	struct rt_thread *t = rt_thread();
	u64 blocked = rt_tp()->blocked;
	u64 saved = t->have_saved_mask ? t->saved_mask : blocked;

	restart_for_handler(f, act->flags);
	if (rt_frame_push(f, signo, si, act, saved)) {
		struct weft_siginfo segv = {.signo = SIGSEGV, .code = SI_KERNEL};
		if (signo == SIGSEGV)
			rt_die(SIGSEGV);
		rt_force_signal(f, SIGSEGV, &segv);
		return;
	}
	t->have_saved_mask = 0;
	rt_set_mask(blocked | act->mask | (act->flags & SA_NODEFER ? 0 : SIGBIT(signo)));
}

static void take_action(struct rt_proc *p, int signo, struct rt_action *act)
{
	rt_lock_take(&p->sig_lock);
	*act = p->act[signo];
	if (act->handler > SIG_IGN && (act->flags & SA_RESETHAND)) {
		p->act[signo].handler = SIG_DFL;
		rt_update_ignored(p);
	}
	rt_lock_drop(&p->sig_lock);
}

/* A signal that must not be lost: a CPU fault. Blocked or ignored, it kills. */
void rt_force_signal(struct rt_frame *f, int signo, const struct weft_siginfo *si)
{
	struct rt_proc *p = rt_proc();
	struct rt_action act;

	if (p->trace >= 0)
		rt_trace_signal(signo);
	take_action(p, signo, &act);
	if (act.handler <= SIG_IGN || (rt_tp()->blocked & SIGBIT(signo)))
		rt_die(signo);
	run_handler(f, signo, si, &act);
}

static void default_action(struct rt_proc *p, int signo)
{
	(void)p;
	if (DEFAULT_STOP & SIGBIT(signo)) {
		NC(PROC_CTL, -1, WEFT_PROC_STOP, signo, 0, 0);
		return;
	}
	rt_die(signo);
}

void rt_deliver(struct rt_frame *f)
{
	struct rt_proc *p = rt_proc();
	struct rt_thread *t = rt_thread();
	struct weft_siginfo si;
	struct rt_action act;
	u64 set;

	while ((set = rt_pending() & ~rt_tp()->blocked)) {
		int signo = __builtin_ctzl(set & SYNCHRONOUS ? set & SYNCHRONOUS : set) + 1;
		/* Another thread may have been faster with a signal of the process. */
		if (NC(SIG_TAKE, SIGBIT(signo), &si, WEFT_NOW) != signo)
			continue;
		if (p->trace >= 0)
			rt_trace_signal(signo);
		take_action(p, signo, &act);
		if (act.handler == SIG_IGN || (act.handler == SIG_DFL && (DEFAULT_IGNORE & SIGBIT(signo))))
			continue;
		if (act.handler == SIG_DFL)
			default_action(p, signo);
		else
			run_handler(f, signo, &si, &act);
	}
	restart_without_handler(f);
	if (t->have_saved_mask) {
		t->have_saved_mask = 0;
		rt_set_mask(t->saved_mask); /* the tail looks at the pending words again */
	}
}

/* Takes signals that would be ignored out of the queues. -> true if nothing deliverable remains: the call may go on as if never interrupted */
bool rt_drop_ignored(void)
{
	struct rt_proc *p = rt_proc();
	struct weft_siginfo si;
	u64 set;

	while ((set = rt_pending() & ~rt_tp()->blocked)) {
		if (set & ~__atomic_load_n(&p->ignored, __ATOMIC_ACQUIRE))
			return false;
		NC(SIG_TAKE, set, &si, WEFT_NOW);
	}
	return true;
}

/* vector of a CPU exception -> signal and code; address is rip for those that name an instruction */
static const struct {
	u8 signo, code;
	bool has_rip;
} exceptions[32] = {
	[0 ... 31] = {SIGSEGV, SI_KERNEL, false},
	[0] = {SIGFPE, FPE_INTDIV, true},
	[1] = {SIGTRAP, TRAP_TRACE, true},
	[3] = {SIGTRAP, SI_KERNEL, false},
	[6] = {SIGILL, ILL_ILLOPN, true},
	[11] = {SIGBUS, SI_KERNEL, false},
	[12] = {SIGBUS, SI_KERNEL, false},
	[16] = {SIGFPE, FPE_FLTINV, true},
	[17] = {SIGBUS, BUS_ADRALN, false},
	[19] = {SIGFPE, FPE_FLTINV, true},
};

void rt_handle_upcall(struct rt_frame *f);
void rt_handle_upcall(struct rt_frame *f)
{
	const struct weft_upcall *u = &rt_tp()->program;
	struct weft_siginfo si = {.addr = u->address};

	switch (u->cause) {
	case WEFT_CAUSE_PAGE:
		si.signo = SIGSEGV;
		si.code = SEGV_MAPERR;
		break;
	case WEFT_CAUSE_ACCESS:
		si.signo = SIGSEGV;
		si.code = SEGV_ACCERR;
		break;
	case WEFT_CAUSE_BEYOND:
		si.signo = SIGBUS;
		si.code = BUS_ADRERR;
		break;
	case WEFT_CAUSE_OOM:
		rt_die(SIGKILL);
	case WEFT_CAUSE_CPU:
		si.signo = exceptions[u->vector & 31].signo;
		si.code = exceptions[u->vector & 31].code;
		si.addr = exceptions[u->vector & 31].has_rip ? u->regs.rip : 0;
		break;
	default:
		return; /* a signal: the tail sees it */
	}
	if (rt_proc()->trace >= 0)
		rt_trace_fault(f, u);
	rt_force_signal(f, si.signo, &si);
}

/* exec: caught signals go back to their default; ignored ones stay so. */
void rt_signals_reset_for_exec(struct rt_proc *p)
{
	for (int s = 1; s <= 64; s++) {
		bool ignored = p->act[s].handler == SIG_IGN;
		p->act[s] = (struct rt_action){.handler = ignored ? SIG_IGN : SIG_DFL};
	}
	rt_update_ignored(p);
}
