/* SPDX-License-Identifier: MIT */
/*
 * Signals: bounded queues of siginfo per thread and process. sig_pending is the truth and is
 * mirrored in the thread page or process page, where the runtime looks; what is blocked is the
 * runtime's word. Posting sets the mirror (a full barrier), then reads `blocked`; unblocking stores
 * `blocked`, fences, then reads both mirrors: one of the two sees the other. Standard signals
 * coalesce; from 32 on each one is queued. KILL, STOP and CONT act at once and need no cooperation.
 */
#include "internal.h"

#define STOP_SIGNALS (SIG_BIT(19) | SIG_BIT(20) | SIG_BIT(21) | SIG_BIT(22))
#define FIRST_RT     32
#define MAX_QUEUED   65536u

u64 signal_blocked(const struct thread *t)
{
	u64 b = t->tp ? __atomic_load_n(&t->tp->blocked, __ATOMIC_SEQ_CST) : t->sig_blocked;

	return b & ~(SIG_BIT(SIGNO_KILL) | SIG_BIT(SIGNO_STOP));
}

bool signal_deliverable(struct thread *t)
{
	u64 pending = t->sig_pending | t->proc->sig_pending;

	return pending && (pending & ~signal_blocked(t));
}

void signal_set_page(struct thread *t)
{
	if (t->tp)
		__atomic_exchange_n(&t->tp->pending, t->sig_pending, __ATOMIC_SEQ_CST);
	if (t->proc->pp)
		__atomic_exchange_n(&t->proc->pp->pending, t->proc->sig_pending, __ATOMIC_SEQ_CST);
}

static void set_pending(struct process *p, struct thread *t, u64 pending)
{
	if (t) {
		t->sig_pending = pending;
		if (t->tp)
			__atomic_exchange_n(&t->tp->pending, pending, __ATOMIC_SEQ_CST);
	} else {
		p->sig_pending = pending;
		if (p->pp)
			__atomic_exchange_n(&p->pp->pending, pending, __ATOMIC_SEQ_CST);
	}
}

void sigq_flush(struct list *q, u32 *n)
{
	struct sigentry *e;

	list_for_each(e, q, link)
	{
		list_del(&e->link);
		kfree(e);
	}
	*n = 0;
}

static void drop_from(struct process *p, struct thread *t, u64 mask)
{
	struct list *q = t ? &t->sigq : &p->sigq;
	u32 *n = t ? &t->nsigq : &p->nsigq;
	u64 pending = t ? t->sig_pending : p->sig_pending;
	struct sigentry *e;

	if (!(pending & mask))
		return;
	list_for_each(e, q, link)
	{
		if (SIG_BIT(e->si.signo) & mask) {
			list_del(&e->link);
			kfree(e);
			--*n;
		}
	}
	set_pending(p, t, pending & ~mask);
}

/* Discards pending signals everywhere in the process: stop signals at CONT, CONT at a stop signal.
 */
void signal_drop(struct process *p, u64 mask)
{
	struct thread *t;

	drop_from(p, NULL, mask);
	list_for_each(t, &p->threads, proc_link) drop_from(p, t, mask);
}

/* Tells t that something is pending. True if it will take it. */
static bool tell(struct thread *t, u64 bit)
{
	if (t->sig_waiting & bit) {
		thread_wake(t, 0);
		return true;
	}
	if (signal_blocked(t) & bit || t->killed)
		return false;
	thread_poke(t);
	return true;
}

static void tell_process(struct process *p, u64 bit)
{
	struct thread *t;

	list_for_each(t, &p->threads, proc_link)
	{
		if (t->sig_waiting & bit) {
			thread_wake(t, 0);
			return;
		}
	}
	list_for_each(t, &p->threads, proc_link)
	{
		if (tell(t, bit))
			return;
	}
}

/* After a thread has blocked signals: what is pending for the process goes to one that has not. */
void signal_retarget(struct process *p)
{
	for (u64 bits = p->sig_pending; bits; bits &= bits - 1)
		tell_process(p, bits & -bits);
}

static struct sigentry *find_timer(struct list *q, const struct weft_siginfo *si)
{
	struct sigentry *e;

	list_for_each(e, q, link)
	{
		if (e->si.signo == si->signo && e->si.code == si->code &&
			e->si.status == si->status)
			return e;
	}
	return NULL;
}

static int enqueue(struct process *p, struct thread *t, const struct weft_siginfo *si)
{
	struct list *q = t ? &t->sigq : &p->sigq;
	u32 *n = t ? &t->nsigq : &p->nsigq;
	u64 pending = t ? t->sig_pending : p->sig_pending, bit = SIG_BIT(si->signo);
	struct sigentry *e;

	if (si->code == -2 &&
		(e = find_timer(q, si))) { /* SI_TIMER: the same timer again is an overrun */
		e->si.overrun++;
		return 0;
	}
	if (si->signo < FIRST_RT && (pending & bit))
		return 0;
	e = *n < MIN(p->limits[WEFT_LIMIT_SIGNALS], MAX_QUEUED) ? kmalloc(sizeof(*e)) : NULL;
	if (!e) {
		/* A standard signal is never lost, only its details are. */
		if (si->signo >= FIRST_RT)
			return -EAGAIN;
	} else {
		e->si = *si;
		list_add_tail(q, &e->link);
		++*n;
	}
	set_pending(p, t, pending | bit);
	return 0;
}

int signal_post(struct process *p, struct thread *t, const struct weft_siginfo *si)
{
	u64 bit;
	int r;

	if (!si->signo || si->signo > 64)
		return -EINVAL;
	if (p->exiting || !p->nthreads)
		return 0;
	bit = SIG_BIT(si->signo);
	if (si->signo == SIGNO_KILL || si->signo == SIGNO_STOP) {
		if (p->pid == 1)
			return 0;
		if (si->signo == SIGNO_KILL) {
			process_kill(p, SIGNO_KILL);
		} else {
			signal_drop(p, SIG_BIT(SIGNO_CONT));
			process_stop(p, SIGNO_STOP);
		}
		return 0;
	}
	if (si->signo == SIGNO_CONT) {
		signal_drop(p, STOP_SIGNALS);
		process_cont(p);
	} else if (bit & STOP_SIGNALS) {
		signal_drop(p, SIG_BIT(SIGNO_CONT));
	}
	r = enqueue(p, t, si);
	if (r)
		return r;
	if (t)
		tell(t, bit);
	else
		tell_process(p, bit);
	signals_notify(bit);
	return 0;
}

static bool take_from(struct process *p, struct thread *t, u32 signo, struct weft_siginfo *out)
{
	struct list *q = t ? &t->sigq : &p->sigq;
	u64 pending = t ? t->sig_pending : p->sig_pending;
	struct sigentry *e, *found = NULL;
	bool more = false;

	if (!(pending & SIG_BIT(signo)))
		return false;
	list_for_each(e, q, link)
	{
		if (e->si.signo != signo)
			continue;
		if (found) {
			more = true;
			break;
		}
		found = e;
	}
	*out = (struct weft_siginfo){.signo = signo};
	if (found) {
		*out = found->si;
		list_del(&found->link);
		kfree(found);
		if (t)
			t->nsigq--;
		else
			p->nsigq--;
	}
	if (!more)
		set_pending(p, t, pending & ~SIG_BIT(signo));
	return true;
}

i64 signal_take(struct thread *t, u64 mask, struct weft_siginfo *out)
{
	/* Faults and the like first, as they belong to an instruction: SEGV, BUS, ILL, TRAP, FPE,
	 * SYS. */
	const u64 sync =
		SIG_BIT(11) | SIG_BIT(7) | SIG_BIT(4) | SIG_BIT(5) | SIG_BIT(8) | SIG_BIT(31);
	u64 own = t->sig_pending & mask, all = own | (t->proc->sig_pending & mask);
	u32 signo;

	if (!all)
		return 0;
	if (own & sync)
		all = own & sync;
	signo = (u32)__builtin_ctzl(all) + 1;
	if (!take_from(t->proc, t, signo, out))
		take_from(t->proc, NULL, signo, out);
	return signo;
}

i64 sys_sig_take(u64 a0, u64 a1, u64 a2)
{
	struct thread *t = current_thread();
	struct weft_siginfo si;
	i64 signo;
	int r;

	if ((i64)a2 < 0)
		return -EINVAL;
	while (!(signo = signal_take(t, a0, &si))) {
		if (a2 == (u64)WEFT_NOW)
			return -EAGAIN;
		t->sig_waiting = a0;
		r = thread_block(NULL, a2, BLOCK_INTERRUPTIBLE);
		t->sig_waiting = 0;
		if (r == -ETIMEDOUT)
			r = -EAGAIN;
		if (r && !((t->sig_pending | t->proc->sig_pending) & a0))
			return r;
	}
	if (a1 && copy_to_user(a1, &si, sizeof(si)))
		return -EFAULT;
	return signo;
}

/* Forging who sent it needs CONTROL over the target (or being the target). */
i64 sys_sig_post(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct thread *me = current_thread(), *t = NULL;
	struct weft_siginfo si = {.signo = (u32)a2};
	struct process *p;
	struct fd_entry *e;
	bool trusted = true;
	int r;

	if (a2 > 64)
		return -EINVAL;
	r = process_get((i32)a0, WEFT_RIGHT_WRITE, &p);
	if (r)
		return r;
	if ((i32)a0 != -1) {
		e = fd_peek((i32)a0);
		trusted = e && (e->rights & WEFT_RIGHT_CONTROL);
	}
	if (a3 && copy_from_user(&si, a3, sizeof(si))) {
		r = -EFAULT;
		goto out;
	}
	si.signo = (u32)a2;
	if (!a3 || !trusted) {
		si.pid = me->proc->pid;
		si.uid = me->ident->id.uid;
	}
	if (p->exited) {
		r = -ESRCH;
		goto out;
	}
	if (a1) {
		t = thread_find(p, (u32)a1);
		if (!t) {
			r = -ESRCH;
			goto out;
		}
	}
	if (a2)
		r = signal_post(p, t, &si);
out:
	object_put(&p->obj);
	return r;
}
