/* SPDX-License-Identifier: MIT */
/*
 * The other CPUs. Their structs exist (and ncpus counts them) before the first process runs; they
 * are told to start and arrive in their own time. Each takes the struct, and the stack from
 * cpu_stacks, that its place in the order of arrival gives it.
 */
#include <kernel/mm.h>
#include <kernel/thread.h>
#include "x86.h"

#define TRAMPOLINE 0x8000ul /* a page below 1 MiB; frames do not manage it */

static u8 boot_stack[KSTACK_SIZE] __attribute__((aligned(4096)));
u64 cpu_stacks[ARRAY_SIZE(acpi.apic_ids)] = {(u64)(boot_stack + KSTACK_SIZE)};
bool cpus_stopping;
u32 cpus_arrived;

NORETURN void ap_main(u32 n);

void arch_init_early(void)
{
	cpu_init(&cpu0);
	fpu_init();
	acpi_init();
	apic_init();
	tsc_init();
	for (; ncpus < acpi.ncpus; ncpus++) {
		cpus[ncpus] = kzalloc(sizeof(struct cpu));
		cpu_stacks[ncpus] = kstack_alloc();
		if (!cpus[ncpus] || !cpu_stacks[ncpus])
			panic("smp: no memory for CPU %u", ncpus);
		cpus[ncpus]->id = ncpus;
	}
}

static void tell_others(u32 ipi)
{
	for (u32 i = 0; i < acpi.ncpus; i++)
		if (acpi.apic_ids[i] != cpu0.apic_id)
			lapic_ipi(acpi.apic_ids[i], ipi);
	delay_us(200);
}

void arch_start_cpus(void)
{
	/* The page of real-mode code is written through the direct map; it runs in the boot tables'
	 * identity mapping. */
	memcpy(phys_to_virt(TRAMPOLINE), phys_to_virt((u64)trampoline_start),
		trampoline_end - trampoline_start);
	tell_others(IPI_INIT);
	tell_others(IPI_STARTUP | TRAMPOLINE >> 12);
	if (__atomic_load_n(&cpus_arrived, __ATOMIC_ACQUIRE) < ncpus)
		tell_others(IPI_STARTUP | TRAMPOLINE >> 12);
}

void ap_main(u32 n)
{
	cpu_init(cpus[n]);
	lapic_init_cpu();
	sched_start_cpu();
}

void arch_idle(void)
{
	__asm__ volatile("sti; hlt; cli" ::: "memory");
}

u64 arch_linger(void *const *stop, const void *value, const bool *also, u64 until, u64 gap)
{
	u64 now = arch_tsc(), before, held_up = 0;

	__asm__ volatile("sti" ::: "memory");
	while (__atomic_load_n(stop, __ATOMIC_ACQUIRE) == value &&
		!__atomic_load_n(also, __ATOMIC_RELAXED)) {
		before = now;
		now = arch_tsc();
		if (now - before > gap)
			held_up += now - before;
		if (now >= until)
			break;
		cpu_relax();
	}
	__asm__ volatile("cli" ::: "memory");
	return held_up;
}

void arch_send_resched(u32 cpu)
{
	if (cpu < ncpus && cpus[cpu]->online)
		lapic_ipi(cpus[cpu]->apic_id, VEC_RESCHED);
}

void arch_stop_others(void)
{
	cpus_stopping = true;
	for (u32 i = 0; i < ncpus; i++)
		if (cpus[i] != this_cpu() && cpus[i]->online)
			lapic_ipi(cpus[i]->apic_id, IPI_NMI);
}
