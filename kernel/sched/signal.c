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

	return b & ~(SIG_BIT(SIGNO_KILL) | SIG_BIT(SIGNO_STOP) | t->sig_waiting);
}

bool signal_deliverable(struct thread *t)
{
	return signal_pending(t) & ~signal_blocked(t);
}

static void sigq_set(struct sigq *q, u64 pending)
{
	q->pending = pending;
	if (q->mirror)
		__atomic_exchange_n(q->mirror, pending, __ATOMIC_SEQ_CST);
}

void sigq_drop(struct sigq *q, u64 mask)
{
	struct sigentry *e;

	if (!(q->pending & mask))
		return;
	list_for_each(e, &q->entries, link)
		if (SIG_BIT(e->si.signo) & mask) {
			list_del(&e->link);
			kfree(e);
			q->n--;
		}
	sigq_set(q, q->pending & ~mask);
}

void sigq_move(struct sigq *to, struct sigq *from)
{
	sigq_drop(to, ~0ul);
	list_add_after(&from->entries, &to->entries); /* in the other's place */
	list_del(&from->entries);
	to->n = from->n;
	sigq_set(to, from->pending);
}

/* Discards pending signals everywhere in the process: stop signals at CONT, CONT at a stop signal.
 */
static void drop_all(struct process *p, u64 mask)
{
	struct thread *t;

	sigq_drop(&p->sigq, mask);
	list_for_each(t, &p->threads, proc_link)
		sigq_drop(&t->sigq, mask);
}

/* Tells t that something is pending. True if it will take it. */
static bool tell(struct thread *t, u64 bit)
{
	if (signal_blocked(t) & bit || t->killed)
		return false;
	thread_poke(t);
	return true;
}

static void tell_process(struct process *p, u64 bit)
{
	struct thread *t;

	list_for_each(t, &p->threads, proc_link)
		if ((t->sig_waiting & bit) && tell(t, bit))
			return;
	list_for_each(t, &p->threads, proc_link)
		if (tell(t, bit))
			return;
}

/* After a thread has blocked signals: what is pending for the process goes to one that has not. */
void signal_retarget(struct process *p)
{
	for (u64 bits = p->sigq.pending; bits; bits &= bits - 1)
		tell_process(p, bits & -bits);
}

/* limit: of the queue's length, for signals that need their details. */
static int enqueue(struct sigq *q, u64 limit, const struct weft_siginfo *si)
{
	u64 bit = SIG_BIT(si->signo);
	struct sigentry *e;

	if (si->code == SI_TIMER) /* the same timer again is an overrun */
		list_for_each(e, &q->entries, link)
			if (e->si.signo == si->signo && e->si.code == si->code &&
				e->si.status == si->status) {
				e->si.overrun++;
				return 0;
			}
	if (si->signo < FIRST_RT && (q->pending & bit))
		return 0;
	e = q->n < MIN(limit, MAX_QUEUED) ? kmalloc(sizeof(*e)) : NULL;
	if (e) {
		e->si = *si;
		list_add_tail(&q->entries, &e->link);
		q->n++;
	} else if (si->signo >= FIRST_RT) {
		return -EAGAIN; /* a standard signal is never lost, only its details are */
	}
	sigq_set(q, q->pending | bit);
	return 0;
}

int signal_post(struct process *p, struct thread *t, const struct weft_siginfo *si)
{
	u64 bit;

	if (!si->signo || si->signo > 64)
		return -EINVAL;
	if (p->exiting || !p->nthreads)
		return 0;
	bit = SIG_BIT(si->signo);
	if ((si->signo == SIGNO_KILL || si->signo == SIGNO_STOP) && p->pid == 1)
		return 0;
	if (bit & STOP_SIGNALS)
		drop_all(p, SIG_BIT(SIGNO_CONT));
	switch (si->signo) {
	case SIGNO_KILL:
		process_kill(p, SIGNO_KILL);
		return 0;
	case SIGNO_STOP:
		process_stop(p, SIGNO_STOP);
		return 0;
	case SIGNO_CONT:
		drop_all(p, STOP_SIGNALS);
		process_cont(p);
	}
	TRY(enqueue(t ? &t->sigq : &p->sigq, p->limits[WEFT_LIMIT_SIGNALS], si));
	if (t)
		tell(t, bit);
	else
		tell_process(p, bit);
	signals_notify(bit);
	return 0;
}

static bool take_from(struct sigq *q, u32 signo, struct weft_siginfo *out)
{
	struct sigentry *e, *found = NULL;
	u32 n = 0;

	if (!(q->pending & SIG_BIT(signo)))
		return false;
	list_for_each(e, &q->entries, link)
		if (e->si.signo == signo && !n++)
			found = e;
	*out = (struct weft_siginfo){.signo = signo};
	if (found) {
		*out = found->si;
		list_del(&found->link);
		kfree(found);
		q->n--;
	}
	if (n < 2)
		sigq_set(q, q->pending & ~SIG_BIT(signo));
	return true;
}

i64 signal_take(struct thread *t, u64 mask, struct weft_siginfo *out)
{
	/* Faults and the like first, as they belong to an instruction: SEGV, BUS, ILL, TRAP, FPE,
	 * SYS. */
	const u64 sync =
		SIG_BIT(11) | SIG_BIT(7) | SIG_BIT(4) | SIG_BIT(5) | SIG_BIT(8) | SIG_BIT(31);
	u64 all = signal_pending(t) & mask, first = t->sigq.pending & mask & sync;
	u32 signo;

	if (!all)
		return 0;
	signo = (u32)__builtin_ctzl(first ? first : all) + 1;
	if (!take_from(&t->sigq, signo, out))
		take_from(&t->proc->sigq, signo, out);
	return signo;
}

int signal_wait(struct thread *t, u64 mask, u64 deadline)
{
	int r;

	t->sig_waiting = mask;
	r = thread_block(NULL, deadline, BLOCK_INTERRUPTIBLE);
	t->sig_waiting = 0;
	return signal_pending(t) & mask ? 0 : r;
}

i64 sys_sig_take(u64 a0, u64 a1, u64 a2)
{
	struct thread *t = current_thread();
	struct weft_siginfo si;
	i64 signo;
	int r = 0;

	if ((i64)a2 < 0)
		return -EINVAL;
	while (!r && !(signo = signal_take(t, a0, &si)))
		r = a2 == (u64)WEFT_NOW ? -EAGAIN : signal_wait(t, a0, a2);
	if (r)
		return r == -ETIMEDOUT ? -EAGAIN : r;
	if (a1)
		TRY(copy_to_user(a1, &si, sizeof(si)));
	return signo;
}

/* Forging who sent it needs CONTROL over the target (or being the target). */
i64 sys_sig_post(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct thread *me = current_thread(), *t = NULL;
	struct weft_siginfo si = {.signo = (u32)a2};
	HELD struct process *p = NULL;
	struct fd_entry *e;
	bool trusted = a3;

	if (a2 > 64)
		return -EINVAL;
	TRY(process_get((i32)a0, WEFT_RIGHT_WRITE, &p));
	if ((i32)a0 != -1) {
		e = fd_peek((i32)a0);
		trusted &= e && (e->rights & WEFT_RIGHT_CONTROL);
	}
	if (a3)
		TRY(copy_from_user(&si, a3, sizeof(si)));
	si.signo = (u32)a2;
	if (!trusted) {
		si.pid = me->proc->pid;
		si.uid = me->ident->id.uid;
	}
	if (a1)
		t = thread_find(p, (u32)a1);
	if (p->exited || (a1 && !t))
		return -ESRCH;
	return a2 ? signal_post(p, t, &si) : 0;
}
