/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts, and the first way out of a new thread. From user mode everything ends
 * in return_work; from the kernel only a fault of a user copy is survived, and interrupts come only
 * while a CPU idles (with the BKL not held).
 */
#include <kernel/mm.h>
#include <kernel/thread.h>
#include "x86.h"

#define PF_WRITE 2u
#define PF_USER	 4u
#define PF_FETCH 16u

static const char *const names[32] = {"divide error", "debug", "NMI", "breakpoint", "overflow",
	"bound range", "invalid opcode", "no coprocessor", "double fault", "", "invalid TSS",
	"segment not present", "stack fault", "general protection", "page fault", "", "x87 error",
	"alignment check", "machine check", "SIMD error", "virtualization", "control protection"};

static inline void user_access_off(void)
{
	if (x86.smap)
		__asm__ volatile("clac" ::: "cc");
}

/* With the BKL held, on the way to user mode. */
static inline void return_work(struct weft_regs *r)
{
	struct cpu *c = this_cpu();
	struct thread *t = c->current;

	if (unlikely(user_work_wanted(c, t)))
		user_return_work(r);
}

void thread_first_return(struct weft_regs *r);
void thread_first_return(struct weft_regs *r)
{
	return_work(r);
	bkl_unlock();
}

static void dump(struct weft_regs *r, const char *what, u64 error, u64 address)
{
	struct thread *t = this_cpu()->current;

	klog("%s, error %lx, address %lx, cpu %u, cr3 %lx, thread %u (%s)", what, error, address,
		this_cpu()->id, READ_CR(3), t ? t->tid : 0, t ? t->name : "none");
	klog("rip %016lx rsp %016lx rflags %08lx rax %016lx", r->rip, r->rsp, r->rflags, r->rax);
	klog("rbx %016lx rcx %016lx rdx %016lx rsi %016lx", r->rbx, r->rcx, r->rdx, r->rsi);
	klog("rdi %016lx rbp %016lx r8  %016lx r9  %016lx", r->rdi, r->rbp, r->r8, r->r9);
	klog("r10 %016lx r11 %016lx r12 %016lx r13 %016lx", r->r10, r->r11, r->r12, r->r13);
	klog("r14 %016lx r15 %016lx", r->r14, r->r15);
}

static void interrupt(u32 vector)
{
	struct cpu *c = this_cpu();

	c->interrupts++;
	ktrace("interrupt", vector, 0);
	switch (vector) {
	case VEC_TIMER:
		lapic_eoi();
		ktimer_interrupt();
		break;
	case VEC_RESCHED:
		lapic_eoi();
		c->need_resched = true;
		break;
	default:
		if (vector < VEC_DEVICE + NDEVICE)
			irq_interrupt(vector);
	}
}

static void user_exception(struct weft_regs *r, u32 vector, u64 error, u64 address)
{
	u32 cause = WEFT_CAUSE_CPU;

	ktrace("exception", (u64)vector << 32 | error, address);
	if (vector == VEC_PF) {
		cause = as_fault(this_cpu()->as, address, error & PF_WRITE, error & PF_FETCH);
		if (cause == WEFT_CAUSE_NONE)
			return;
	}
	user_fault(r, cause, vector, error, address);
}

/* What is answered without the BKL. */
static bool answered(u32 vector)
{
	user_access_off();
	if (vector == VEC_SHOOTDOWN) {
		tlb_poll();
		lapic_eoi();
	}
	return vector == VEC_SHOOTDOWN || vector == VEC_SPURIOUS;
}

void trap_user(struct weft_regs *r, u32 vector, u64 error)
{
	u64 address = vector == VEC_PF ? READ_CR(2) : 0;

	if (answered(vector))
		return;
	bkl_lock();
	if (vector < 32)
		user_exception(r, vector, error, address);
	else
		interrupt(vector);
	return_work(r);
	bkl_unlock();
}

/* A fault inside arch_copy_user: resolved like the user's own, or answered by the copy's fix-up. */
static bool copy_fault(struct weft_regs *r, u32 vector, u64 error, u64 address)
{
	struct cpu *c = this_cpu();
	bool take = c->lock_depth == 0;

	if (r->rip < (u64)usercopy_start || r->rip >= (u64)usercopy_end)
		return false;
	if (vector == VEC_PF && !c->arch.nofault && c->as && address < WEFT_USER_MAX) {
		u32 cause;

		if (take)
			bkl_lock();
		cause = as_fault(c->as, address, error & PF_WRITE, false);
		if (take)
			bkl_unlock();
		if (cause == WEFT_CAUSE_NONE)
			return true;
	}
	r->rip = r->rip < (u64)usercopy_bytes ? (u64)usercopy_fixup : (u64)usercopy_bytes_fixup;
	return true;
}

void trap_kernel(struct weft_regs *r, u32 vector, u64 error)
{
	u64 address = vector == VEC_PF ? READ_CR(2) : 0;

	if (answered(vector) || vector == VEC_DB)
		return;
	if (vector >= 32) {
		bkl_lock();
		interrupt(vector);
		bkl_unlock();
	} else if ((vector != VEC_PF && vector != 13) || !copy_fault(r, vector, error, address)) {
		dump(r, names[vector], error, address);
		panic("%s in the kernel at %lx", names[vector], r->rip);
	}
}

void trap_paranoid(struct weft_regs *r, u32 vector, u64 error);
void trap_paranoid(struct weft_regs *r, u32 vector, u64 error)
{
	extern bool cpus_stopping;

	if (vector == VEC_NMI && cpus_stopping)
		arch_halt();
	if (vector == VEC_NMI) {
		klog("%s at %lx", names[vector], r->rip);
		return;
	}
	dump(r, names[vector], error, READ_CR(2));
	panic("%s at %lx", names[vector], r->rip);
}

u32 arch_backtrace(u64 rbp, u64 *to, u32 max)
{
	u64 end = rbp + KSTACK_SIZE, *frame;
	u32 n = 0;

	while (n < max && rbp % 8 == 0 && rbp < end) {
		frame = (u64 *)rbp;
		if (frame[1] < (u64)text_start || frame[1] >= (u64)text_end)
			break;
		to[n++] = frame[1];
		if (frame[0] <= rbp)
			break;
		rbp = frame[0];
	}
	return n;
}
