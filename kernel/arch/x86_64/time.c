/* SPDX-License-Identifier: MIT */
/*
 * The TSC is the clock. Its rate comes from CPUID or the hypervisor where they tell it, else it is
 * measured for some milliseconds against the ACPI PM timer; the local APIC's timer is measured at
 * the same time.
 */
#include <kernel/thread.h>
#include "x86.h"

#define MEASURE_US 5000
#define NS	   1000000000ul
#define PM_HZ	   3579545ul
#define PM_MASK	   0xffffffu

u64 tsc_hz, tsc_mult;
u32 tsc_shift = 32;
static u64 lapic_hz;

/* a * b / c, where the result fits. */
static u64 mul_div(u64 a, u64 b, u64 c)
{
	u64 lo, hi;

	__asm__("mulq %3; divq %4" : "=&a"(lo), "=&d"(hi) : "0"(a), "rm"(b), "r"(c) : "cc");
	return lo;
}

static u64 known_hz(void)
{
	u32 r[4];

	if (cpu_leaf(0x15, r) && r[EAX] && r[EBX] && r[ECX])
		return (u64)r[ECX] * r[EBX] / r[EAX];
	return cpu_leaf(0x40000010, r) ? r[EAX] * 1000ul : 0; /* a hypervisor's leaf */
}

/* PM timer and TSC at one moment: of some tries the one with the least time around the read. */
static u32 sample(u64 *tsc)
{
	u64 best = ~0ul;
	u32 value = 0;

	for (u32 i = 0; i < 8; i++) {
		u64 before = arch_tsc();
		u32 v = inl(acpi.pm_timer);
		u64 after = arch_tsc();

		if (after - before < best) {
			best = after - before;
			value = v;
			*tsc = before + best / 2;
		}
	}
	return value;
}

static void measure(void)
{
	u64 tsc_start = 0, tsc_end = 0;
	u32 start, ticks, count;

	if (!acpi.pm_timer)
		panic("time: neither CPUID nor an ACPI PM timer tells the TSC's rate");
	start = sample(&tsc_start);
	lapic_timer(~0u);
	while (((inl(acpi.pm_timer) - start) & PM_MASK) < PM_HZ * MEASURE_US / 1000000)
		;
	count = lapic_timer_count();
	ticks = (sample(&tsc_end) - start) & PM_MASK;
	lapic_timer(0);
	if (!tsc_hz)
		tsc_hz = mul_div(tsc_end - tsc_start, PM_HZ, ticks);
	lapic_hz = mul_div(~0u - count, PM_HZ, ticks);
}

void tsc_init(void)
{
	tsc_hz = known_hz();
	if (!tsc_hz || !x86.tsc_deadline)
		measure();
	tsc_mult = mul_div(NS, 1ul << tsc_shift, tsc_hz);
}

void arch_timer_set(u64 deadline_ns)
{
	u64 now = now_ns(), delta = deadline_ns > now ? MIN(deadline_ns - now, 3600 * NS) : 1;

	if (x86.tsc_deadline)
		wrmsr(MSR_TSC_DEADLINE, arch_tsc() + mul_div(delta, tsc_hz, NS));
	else
		lapic_timer(MAX(MIN(mul_div(delta, lapic_hz, NS), 0xfffffffful), 1));
}

void delay_us(u32 us)
{
	u64 until = arch_tsc() + tsc_hz / 1000000 * us;

	while (arch_tsc() < until)
		cpu_relax();
}
