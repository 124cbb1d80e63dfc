/* SPDX-License-Identifier: MIT */
/*
 * The TSC is the clock. Its rate comes from CPUID or the hypervisor where they tell it, else it is
 * measured for some milliseconds against the HPET, the ACPI PM timer or the PIT; the local APIC's
 * timer is measured at the same time.
 */
#include <kernel/thread.h>
#include "x86.h"

#define MEASURE_US 5000
#define NS	   1000000000ul

u64 tsc_hz, tsc_mult;
u32 tsc_shift = 32;
static u64 lapic_hz;
static volatile u8 *hpet;
static bool deadline_mode;

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

	cpuid(0, 0, r);
	if (r[0] >= 0x15) {
		cpuid(0x15, 0, r);
		if (r[0] && r[1] && r[2])
			return (u64)r[2] * r[1] / r[0];
	}
	cpuid(1, 0, r);
	if (r[2] & 1u << 31) { /* a hypervisor's leaf: kHz */
		cpuid(0x40000000, 0, r);
		if (r[0] >= 0x40000010) {
			cpuid(0x40000010, 0, r);
			if (r[0])
				return r[0] * 1000ul;
		}
	}
	return 0;
}

/* A counter that runs at *hz and wraps at *mask. */
static u64 counter_read(void)
{
	if (hpet)
		return mmio_read(hpet + 0xf0);
	if (acpi.pm_timer)
		return inl(acpi.pm_timer);
	outb(0x43, 0x80); /* latch PIT channel 2, which counts down */
	return 0xffff - (inb(0x42) | inb(0x42) << 8);
}

static u64 counter_start(u64 *mask)
{
	if (acpi.hpet && (hpet = arch_map_mmio(acpi.hpet, PAGE_SIZE))) {
		u32 period = mmio_read(hpet + 4); /* femtoseconds */

		if (period >= 100000 && period <= 100000000) {
			mmio_write(hpet + 0x10, mmio_read(hpet + 0x10) | 1);
			*mask = 0xffffffff;
			return 1000000000000000ul / period;
		}
		hpet = NULL;
	}
	*mask = acpi.pm_timer_32 ? 0xffffffff : 0xffffff;
	if (acpi.pm_timer)
		return 3579545;
	*mask = 0xffff;
	outb(0x61, (inb(0x61) & ~2) | 1);
	outb(0x43, 0xb0);
	outb(0x42, 0xff);
	outb(0x42, 0xff);
	return 1193182;
}

/* Counter and TSC at one moment: of some tries the one with the least time around the read. */
static u64 sample(u64 *tsc)
{
	u64 best = ~0ul, value = 0;

	for (u32 i = 0; i < 8; i++) {
		u64 before = arch_tsc(), v = counter_read(), after = arch_tsc();

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
	u64 mask, hz = counter_start(&mask), start, end, tsc_start, tsc_end, ticks;
	u32 count;

	lapic_timer_mode(false);
	start = sample(&tsc_start);
	lapic_timer(0xffffffff);
	while (((counter_read() - start) & mask) < hz * MEASURE_US / 1000000)
		;
	count = lapic_timer_count();
	end = sample(&tsc_end);
	ticks = (end - start) & mask;
	lapic_timer(0);
	if (!tsc_hz)
		tsc_hz = mul_div(tsc_end - tsc_start, hz, ticks);
	lapic_hz = mul_div(0xffffffff - count, hz, ticks);
}

void tsc_init(void)
{
	tsc_hz = known_hz();
	deadline_mode = x86.tsc_deadline;
	if (!tsc_hz || !deadline_mode)
		measure();
	tsc_mult = mul_div(NS, 1ul << tsc_shift, tsc_hz);
	if (deadline_mode)
		lapic_timer_mode(true);
}

void arch_timer_set(u64 deadline_ns)
{
	struct cpu *c = this_cpu();
	u64 now, delta, ticks;

	if (c->arch.timer_deadline == deadline_ns)
		return;
	c->arch.timer_deadline = deadline_ns;
	if (deadline_ns >= (u64)WEFT_FOREVER) {
		if (deadline_mode)
			wrmsr(MSR_TSC_DEADLINE, 0);
		else
			lapic_timer(0);
		return;
	}
	now = now_ns();
	delta = deadline_ns > now ? MIN(deadline_ns - now, 3600 * NS) : 1;
	if (deadline_mode) {
		wrmsr(MSR_TSC_DEADLINE, arch_tsc() + mul_div(delta, tsc_hz, NS));
		return;
	}
	ticks = mul_div(delta, lapic_hz, NS);
	lapic_timer(MAX(MIN(ticks, 0xfffffffful), 1));
}

void delay_us(u32 us)
{
	u64 until = arch_tsc() + tsc_hz / 1000000 * us;

	while (arch_tsc() < until)
		cpu_relax();
}

static u32 cmos(u8 reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

u64 arch_rtc_read(void)
{
	u32 v[7], again[7];
	const u8 regs[7] = {0, 2, 4, 7, 8, 9, acpi.century ? acpi.century : 0x32};
	u64 y, m, days;

	do { /* until two readings outside an update agree */
		for (u32 i = 0; i < 7; i++)
			v[i] = cmos(regs[i]);
		for (u32 i = 0; i < 7; i++)
			again[i] = cmos(regs[i]);
	} while (cmos(0xa) & 0x80 || memcmp(v, again, sizeof(v)) != 0);
	bool pm = v[2] & 0x80;
	v[2] &= 0x7f;
	if (!(cmos(0xb) & 4))
		for (u32 i = 0; i < 7; i++)
			v[i] = (v[i] & 15) + (v[i] >> 4) * 10;
	if (!(cmos(0xb) & 2))
		v[2] = v[2] % 12 + (pm ? 12 : 0);
	y = v[5] + (v[6] >= 19 && v[6] < 30 ? v[6] * 100 : 2000);
	m = v[4];
	y -= m <= 2; /* days from civil: years begin in March */
	days = y * 365 + y / 4 - y / 100 + y / 400 + (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 +
		v[3] - 1 - 719468;
	return days * 86400 + v[2] * 3600 + v[1] * 60 + v[0];
}
