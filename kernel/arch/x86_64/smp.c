/* SPDX-License-Identifier: MIT */
/*
 * The other CPUs. Their structs exist (and ncpus counts them) before the first process runs; they
 * are told to start and arrive in their own time, each with a stack from ap_stacks by order of
 * arrival, and run nothing before arch.online is set.
 */
#include <kernel/mm.h>
#include <kernel/thread.h>
#include "x86.h"

#define TRAMPOLINE 0x8000ul /* a page below 1 MiB; frames do not manage it */

bool cpus_stopping;
u32 ap_arrived;
u64 ap_stacks[64];

NORETURN void ap_main(void);

static void find_cpus(void)
{
	struct cpu *c;

	for (u32 i = 0; i < acpi.ncpus && ncpus < ARRAY_SIZE(ap_stacks); i++) {
		if (acpi.apic_ids[i] == cpu0.apic_id || (acpi.apic_ids[i] > 254 && !x86.x2apic))
			continue;
		if (cpu_alloc(ncpus, acpi.apic_ids[i], &c)) {
			klog("smp: no memory for CPU %u", ncpus);
			return;
		}
		cpus[ncpus++] = c;
	}
}

void arch_init_early(void)
{
	struct cpu *c;

	cpu_alloc(0, 0, &c);
	cpu_init(c);
	c->arch.online = true;
	fpu_init();
	acpi_init();
	apic_init();
	tsc_init();
	uart_irq_init();
	find_cpus();
}

void arch_start_cpus(void)
{
	u32 first = 1;

	if (ncpus == 1)
		return;
	/* The page of real-mode code is written through the direct map; it runs in the boot tables'
	 * identity mapping. */
	memcpy(phys_to_virt(TRAMPOLINE), phys_to_virt((u64)trampoline_start),
		(u64)trampoline_end - (u64)trampoline_start);
	for (u32 i = first; i < ncpus; i++) {
		ap_stacks[i - 1] = kstack_alloc();
		if (!ap_stacks[i - 1]) {
			klog("smp: no stack for CPU %u", i);
			ncpus = i;
		}
	}
	for (u32 i = first; i < ncpus; i++)
		lapic_ipi(cpus[i]->apic_id, IPI_INIT);
	delay_us(200);
	for (u32 n = 0; n < 2; n++) {
		for (u32 i = first; i < ncpus; i++)
			if (!__atomic_load_n(&cpus[i]->arch.online, __ATOMIC_ACQUIRE))
				lapic_ipi(cpus[i]->apic_id, IPI_STARTUP | TRAMPOLINE >> 12);
		delay_us(n == 0 ? 200 : 0);
		if (__atomic_load_n(&ap_arrived, __ATOMIC_ACQUIRE) == ncpus - 1)
			break;
	}
}

void ap_main(void)
{
	u32 i = 1, r[4];

	cpuid(1, 0, r);
	while (i < ncpus && (cpus[i]->apic_id & 0xff) != r[1] >> 24)
		i++;
	if (i == ncpus)
		arch_halt();
	cpu_init(cpus[i]);
	lapic_init_cpu();
	if (x86.tsc_deadline)
		lapic_timer_mode(true);
	__atomic_store_n(&cpus[i]->arch.online, true, __ATOMIC_RELEASE);
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
	if (cpu < ncpus && cpus[cpu]->arch.online) {
		this_cpu()->ipis++;
		lapic_ipi(cpus[cpu]->apic_id, VEC_RESCHED);
	}
}

void arch_stop_others(void)
{
	cpus_stopping = true;
	for (u32 i = 0; i < ncpus; i++)
		if (cpus[i] != this_cpu() && cpus[i]->arch.online)
			lapic_ipi(cpus[i]->apic_id, IPI_NMI);
}
