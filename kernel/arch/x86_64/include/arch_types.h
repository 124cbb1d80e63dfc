/* SPDX-License-Identifier: MIT */
/* The parts of struct thread and struct cpu that only arch/x86_64 looks into, and how the CPU finds
 * its own data. */
#ifndef ARCH_TYPES_H
#define ARCH_TYPES_H

#include <weft/types.h>

struct cpu;
struct thread;
struct arch_as;

struct arch_thread {
	u64 rsp;	/* 0: saved kernel stack pointer; read by switch.S */
	u64 kstack_top; /* from kstack_alloc; the user's struct weft_regs lie just below */
	u64 fs_base;	/* the user's; FSGSBASE is off, so that the kernel always knows it */
	void *fpu;	/* save area, 64-byte aligned; NULL: kernel thread */
	u32 fpu_cpu;	/* CPU whose registers may still hold its state */
};

struct arch_tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, iomap; /* where the ports' bitmap is; beyond the limit: none are granted */
} __attribute__((packed));

struct arch_cpu {
	bool nofault;		   /* set around user copies that must not fault pages in */
	struct arch_as *as;	   /* whose tables CR3 holds */
	struct thread *user_owner; /* whose FPU, FS and GS bases are in the registers */
	u64 gdt[8];
	struct arch_tss tss;
	/* Behind the TSS: a bit per port and a byte of ones; set: not granted. */
	u8 io_bitmap[8192 + 1];
	u8 stacks[3][4096] __attribute__((aligned(16))); /* for NMI, double fault, machine check */
};

static inline struct cpu *this_cpu(void)
{
	struct cpu *c;

	/* volatile: a thread that blocks may go on elsewhere. */
	__asm__ volatile("movq %%gs:0, %0" : "=r"(c));
	return c;
}
static inline u64 arch_tsc(void)
{
	return __builtin_ia32_rdtsc();
}
/* By TCG, where pause leaves the translated code and costs a microsecond. */
extern bool arch_emulated;
/* Takes the interrupts that wait. The BKL is not held. */
static inline void arch_irq_window(void)
{
	__asm__ volatile("sti\n\tnop\n\tcli" ::: "memory");
}
static inline void cpu_relax(void)
{
	if (arch_emulated)
		__asm__ volatile("" ::: "memory");
	else
		__asm__ volatile("pause" ::: "memory");
}

#endif
