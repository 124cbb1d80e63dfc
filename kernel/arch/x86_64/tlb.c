/* SPDX-License-Identifier: MIT */
/*
 * TLB shootdown. The sender holds the BKL, so there is one at a time: it fills `shoot`, sets the
 * bits of the CPUs concerned, sends them an interrupt and waits until all bits are gone. A CPU
 * answers from the interrupt, or from tlb_poll while it waits for the BKL with interrupts off;
 * those that run without the BKL in the kernel (long copies) answer when they take it again.
 */
#include <kernel/thread.h>
#include "x86.h"

#define FLUSH_PAGES 32 /* more than that, and all goes */

static struct {
	struct arch_as *as;
	u64 start, end;
	u64 pending;
} shoot __attribute__((aligned(64)));

void tlb_flush_page(u64 addr)
{
	invlpg(addr);
}

static void flush_all(void)
{
	u64 cr4 = READ_CR(4);

	WRITE_CR(4, cr4 & ~CR4_PGE); /* global entries too */
	WRITE_CR(4, cr4);
}

static void flush(struct arch_as *a, u64 start, u64 end)
{
	if (a && this_cpu()->arch.as != a)
		return;
	if (end - start <= FLUSH_PAGES * PAGE_SIZE) {
		for (u64 at = ALIGN_DOWN(start, PAGE_SIZE); at < end; at += PAGE_SIZE)
			invlpg(at);
	} else if (a) {
		WRITE_CR(3, a->root);
	} else {
		flush_all();
	}
}

static void answer(struct cpu *c)
{
	flush(shoot.as, shoot.start, shoot.end);
	c->shootdowns++;
	__atomic_and_fetch(&shoot.pending, ~(1ul << c->id), __ATOMIC_RELEASE);
}

void tlb_poll(void)
{
	struct cpu *c = this_cpu();

	if (unlikely(__atomic_load_n(&shoot.pending, __ATOMIC_ACQUIRE) & 1ul << c->id))
		answer(c);
}

void tlb_shootdown(struct arch_as *a, u64 start, u64 end)
{
	u64 targets = 0;

	flush(a, start, end);
	if (a) {
		targets = a->cpus;
	} else {
		for (u32 i = 0; i < ncpus; i++)
			if (cpus[i]->online)
				targets |= 1ul << i;
	}
	targets &= ~(1ul << this_cpu()->id);
	if (likely(!targets))
		return;
	shoot.as = a;
	shoot.start = start;
	shoot.end = end;
	__atomic_store_n(&shoot.pending, targets, __ATOMIC_RELEASE);
	for (u32 i = 0; i < ncpus; i++)
		if (targets & 1ul << i)
			lapic_ipi(cpus[i]->apic_id, VEC_SHOOTDOWN);
	while (__atomic_load_n(&shoot.pending, __ATOMIC_ACQUIRE))
		cpu_relax();
}
