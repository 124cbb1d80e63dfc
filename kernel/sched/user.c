/* SPDX-License-Identifier: MIT */
/*
 * On the way to user mode. Outside its runtime a thread with a deliverable signal is sent to
 * rt.upcall with its registers in tp->program; in the runtime's exit tail it is put back to the
 * tail's start, which looks at the pending words again; elsewhere in the runtime nothing happens,
 * as the runtime looks by itself before it leaves.
 */
#include "internal.h"

#define FLAGS_CLEAN 0x202ul

static bool within(u64 rip, u64 start, u64 end)
{
	return rip >= start && rip < end;
}

static void stop_here(struct thread *t)
{
	while (t->stop_wanted && !t->killed) {
		t->state = T_STOPPED;
		process_check_stopped(t->proc);
		sched_switch_away();
	}
}

static void deliver(struct thread *t, struct weft_regs *frame)
{
	struct weft_runtime *rt = &t->proc->rt;

	if (!rt->upcall || !t->tp)
		return;
	if (within(frame->rip, rt->tail_start, rt->tail_end)) {
		frame->rip = rt->tail_start;
		return;
	}
	if (within(frame->rip, rt->start, rt->end))
		return;
	t->tp->program.regs = *frame;
	t->tp->program.cause = WEFT_CAUSE_SIGNAL;
	frame->rip = rt->upcall;
	frame->rflags = FLAGS_CLEAN;
}

void user_return_work(struct weft_regs *frame)
{
	struct thread *t = current_thread();

	while (unlikely(t->killed | t->stop_wanted | this_cpu()->need_resched)) {
		if (t->killed)
			thread_exit_current();
		if (t->stop_wanted)
			stop_here(t);
		else
			sched_preempt();
	}
	sched_reap();
	if (unlikely(signal_pending(t)) && signal_deliverable(t))
		deliver(t, frame);
}

/* The signal of a fault: Linux's number. */
static u32 fault_status(u32 cause, u32 vector)
{
	static const u8 of_vector[32] =
		{[0] = 8, [1] = 5, [3] = 5, [6] = 4, [16] = 8, [17] = 7, [19] = 8};
	u32 signo = cause == WEFT_CAUSE_CPU && vector < 32 ? of_vector[vector] : 0;

	if (cause == WEFT_CAUSE_BEYOND)
		signo = 7;
	if (cause == WEFT_CAUSE_OOM)
		signo = 9;
	return signo ? signo : 11;
}

void user_fault(struct weft_regs *frame, u32 cause, u32 vector, u64 error, u64 address)
{
	struct thread *t = current_thread();
	struct weft_runtime *rt = &t->proc->rt;
	struct weft_upcall *u = NULL;
	u64 to = 0;

	if (t->killed)
		return; /* user_return_work ends it */
	if (t->tp && within(frame->rip, rt->start, rt->end)) {
		u = &t->tp->runtime;
		/* A fault entry that cannot be run would fault for ever. */
		to = frame->rip == rt->fault ? 0 : rt->fault;
	} else if (t->tp) {
		u = &t->tp->program;
		to = rt->upcall;
	}
	if (!to) {
		u32 signo = fault_status(cause, vector);
		klog("%s[%u:%u]: killed by signal %u: cause %u vector %u error %lx address %lx rip "
		     "%lx rsp %lx",
			t->proc->name, t->proc->pid, t->tid, signo, cause, vector, error, address,
			frame->rip, frame->rsp);
		process_kill(t->proc, signo);
		return;
	}
	*u = (struct weft_upcall){*frame, cause, vector, error, address};
	frame->rip = to;
	frame->rflags = FLAGS_CLEAN;
}
