/* SPDX-License-Identifier: MIT */
/*
 * A thread's registers. Its FPU state and FS and GS bases stay in the CPU when the kernel or an
 * idle thread runs; they are saved when it is switched away from and loaded again unless they are
 * still there: cpu->arch.user_owner is the thread whose they are, and thread.arch.fpu_cpu the CPU
 * where it ran last.
 */
#include <kernel/mm.h>
#include <kernel/thread.h>
#include "x86.h"

static void *fpu_clean;	   /* the state that threads start with */
static u32 fpu_area = 512; /* a power of two: kmalloc aligns those to themselves */

void fpu_init(void)
{
	u32 r[4] = {0};
	u8 *f;

	if (x86.xcr0)
		cpuid(0xd, 0, r);
	while (fpu_area < r[1])
		fpu_area *= 2;
	f = kzalloc(fpu_area);
	kassert(f);
	*(u16 *)f = 0x37f;	   /* control word */
	*(u32 *)(f + 24) = 0x1f80; /* MXCSR */
	fpu_clean = f;
}

static inline void fpu_save(void *area)
{
	if (x86.xsaveopt)
		__asm__ volatile("xsaveopt64 (%0)" ::"r"(area), "a"(-1), "d"(-1) : "memory");
	else if (x86.xcr0)
		__asm__ volatile("xsave64 (%0)" ::"r"(area), "a"(-1), "d"(-1) : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" ::"r"(area) : "memory");
}

static inline void fpu_load(void *area)
{
	if (x86.xcr0)
		__asm__ volatile("xrstor64 (%0)" ::"r"(area), "a"(-1), "d"(-1) : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" ::"r"(area) : "memory");
}

struct weft_regs *arch_user_regs(struct thread *t)
{
	return (struct weft_regs *)(t->arch.kstack_top - REGS_SIZE);
}

int arch_thread_init(struct thread *t, const struct weft_regs *regs, u64 fs_base)
{
	u64 top = kstack_alloc(), *sp = (u64 *)(top - REGS_SIZE);
	void *fpu = top ? kmalloc(fpu_area) : NULL;

	if (!fpu) {
		if (top)
			kstack_free(top);
		return -ENOMEM;
	}
	/* Below the registers: what switch_stack pops, and where it returns to. */
	*--sp = (u64)thread_entry_user;
	sp -= 6;
	memset(sp, 0, 6 * sizeof(*sp));
	t->arch = (struct arch_thread){.rsp = (u64)sp,
		.kstack_top = top,
		.fs_base = fs_base,
		.fpu = fpu,
		.fpu_cpu = ~0u};
	memcpy(t->arch.fpu, fpu_clean, fpu_area);
	*arch_user_regs(t) = *regs;
	return 0;
}

void arch_thread_copy_fpu(struct thread *to, struct thread *from)
{
	if (this_cpu()->arch.user_owner == from)
		fpu_save(from->arch.fpu);
	memcpy(to->arch.fpu, from->arch.fpu, fpu_area);
}

void arch_thread_free(struct thread *t)
{
	for (u32 i = 0; i < ncpus; i++)
		if (cpus[i]->arch.user_owner == t)
			cpus[i]->arch.user_owner = NULL;
	kfree(t->arch.fpu);
	if (t->arch.kstack_top)
		kstack_free(t->arch.kstack_top);
	t->arch = (struct arch_thread){0};
}

static void load_ports(struct cpu *c, struct thread *t)
{
	u64 *granted = t->proc->io_bitmap, *bits = (u64 *)c->arch.io_bitmap;

	c->arch.tss.iomap = granted ? sizeof(struct arch_tss) : 0xffff; /* beyond the limit: none */
	for (u32 i = 0; granted && i < 1024; i++)
		bits[i] = ~granted[i];
}

static void load_runtime(struct cpu *c, struct thread *t)
{
	u64 entry = t->tp ? t->proc->rt.entry : 0;

	c->tp = t->tp;
	c->rt_entry = entry < WEFT_USER_MAX ? entry : 0;
	if (t->tp && t->tp->cpu != c->id)
		t->tp->cpu = c->id;
}

void arch_switch(struct thread *from, struct thread *to)
{
	struct cpu *c = this_cpu();

	if (to->arch.fpu) { /* a user thread */
		struct thread *owner = c->arch.user_owner;

		load_runtime(c, to);
		if (owner != to || to->arch.fpu_cpu != c->id) {
			if (owner == from && from->arch.fpu)
				fpu_save(from->arch.fpu);
			fpu_load(to->arch.fpu);
			wrmsr(MSR_FS_BASE, to->arch.fs_base);
			wrmsr(MSR_KERNEL_GS_BASE, to->tp_addr);
			c->arch.user_owner = to;
			to->arch.fpu_cpu = c->id;
		}
		if (unlikely(c->arch.tss.iomap != 0xffff || to->proc->io_bitmap))
			load_ports(c, to);
	} else if (c->arch.user_owner == from && from->arch.fpu) {
		fpu_save(from->arch.fpu);
	}
	c->kstack = to->arch.kstack_top;
	c->arch.tss.rsp[0] = to->arch.kstack_top - REGS_SIZE;
	c->current = to;
	switch_stack(&from->arch.rsp, to->arch.rsp);
}

void arch_set_fs(struct thread *t, u64 base)
{
	t->arch.fs_base = base;
	if (this_cpu()->arch.user_owner == t)
		wrmsr(MSR_FS_BASE, base);
}

void arch_runtime_changed(void)
{
	struct cpu *c = this_cpu();

	load_runtime(c, c->current);
	load_ports(c, c->current);
	wrmsr(MSR_KERNEL_GS_BASE, c->current->tp_addr);
}
