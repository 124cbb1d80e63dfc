/* SPDX-License-Identifier: MIT */
/*
 * Interrupt controllers: each CPU's local APIC (x2APIC where there is one), the I/O APICs, the
 * masked PICs; and device interrupts: slot i of `irqs` has vector VEC_DEVICE + i. A level line is
 * masked when it comes, until each of those who share it has called arch_irq_unmask; they have
 * slots of their own, and the line has the vector of the first. Device interrupts go to the boot
 * CPU.
 */
#include <kernel/thread.h>
#include "x86.h"

#define LAPIC_ID	   0x20
#define LAPIC_EOI	   0xb0
#define LAPIC_SPURIOUS	   0xf0
#define LAPIC_ICR	   0x300
#define LAPIC_ICR_HIGH	   0x310
#define LAPIC_LVT_TIMER	   0x320
#define LAPIC_LVT_LINT0	   0x350
#define LAPIC_LVT_ERROR	   0x370
#define LAPIC_TIMER_INIT   0x380
#define LAPIC_TIMER_COUNT  0x390
#define LAPIC_TIMER_DIVIDE 0x3e0
#define MASKED		   (1u << 16)

struct irq {
	void (*handler)(void *arg);
	void *arg;
	u32 gsi; /* or WEFT_IRQ_MSI */
	bool level;
	bool waiting; /* it was told of an interrupt, and has not yet unmasked the line */
};
static struct irq irqs[NDEVICE];
static volatile u8 *lapic;

static u32 lapic_read(u32 reg)
{
	return lapic ? *(volatile u32 *)(lapic + reg) : (u32)rdmsr(MSR_X2APIC + reg / 16);
}

static void lapic_write(u32 reg, u32 v)
{
	if (lapic)
		*(volatile u32 *)(lapic + reg) = v;
	else
		wrmsr(MSR_X2APIC + reg / 16, v);
}

void lapic_eoi(void)
{
	lapic_write(LAPIC_EOI, 0);
}

void lapic_ipi(u32 apic_id, u32 low)
{
	this_cpu()->ipis++;
	if (!lapic) { /* its writes do not order what was stored before */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		wrmsr(MSR_X2APIC + LAPIC_ICR / 16, (u64)apic_id << 32 | low);
		return;
	}
	while (lapic_read(LAPIC_ICR) & 1u << 12)
		cpu_relax();
	lapic_write(LAPIC_ICR_HIGH, apic_id << 24);
	lapic_write(LAPIC_ICR, low);
}

void lapic_init_cpu(void)
{
	if (!lapic)
		wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 3u << 10);
	lapic_write(LAPIC_SPURIOUS, 0x100 | VEC_SPURIOUS);
	lapic_write(LAPIC_LVT_LINT0, MASKED);
	lapic_write(LAPIC_LVT_ERROR, MASKED);
	lapic_write(LAPIC_TIMER_DIVIDE, 0xb); /* by 1 */
	lapic_write(LAPIC_LVT_TIMER, VEC_TIMER | (x86.tsc_deadline ? 2u << 17 : 0));
	this_cpu()->apic_id = lapic ? lapic_read(LAPIC_ID) >> 24 : lapic_read(LAPIC_ID);
}

void lapic_timer(u32 count)
{
	lapic_write(LAPIC_TIMER_INIT, count);
}

u32 lapic_timer_count(void)
{
	return lapic_read(LAPIC_TIMER_COUNT);
}

static u32 ioapic_read(u32 i, u32 reg)
{
	acpi.ioapics[i].regs[0] = reg;
	return acpi.ioapics[i].regs[4];
}

static void ioapic_write(u32 i, u32 reg, u32 v)
{
	acpi.ioapics[i].regs[0] = reg;
	acpi.ioapics[i].regs[4] = v;
}

static bool ioapic_of(u32 gsi, u32 *i, u32 *reg)
{
	for (*i = 0; *i < acpi.nioapics; ++*i) {
		*reg = 0x10 + 2 * (gsi - acpi.ioapics[*i].gsi);
		if (gsi - acpi.ioapics[*i].gsi < acpi.ioapics[*i].n)
			return true;
	}
	return false;
}

static void line_mask(u32 gsi, bool masked)
{
	u32 i, reg;

	if (ioapic_of(gsi, &i, &reg))
		ioapic_write(i, reg, (ioapic_read(i, reg) & ~MASKED) | (masked ? MASKED : 0));
}

void irq_interrupt(u32 vector)
{
	struct irq *q = &irqs[vector - VEC_DEVICE];

	if (q->level)
		line_mask(q->gsi, true);
	lapic_eoi();
	if (!q->level && q->handler)
		q->handler(q->arg);
	for (u32 i = 0; q->level && i < NDEVICE; i++) {
		if (irqs[i].handler && irqs[i].level && irqs[i].gsi == q->gsi) {
			irqs[i].waiting = true;
			irqs[i].handler(irqs[i].arg);
		}
	}
}

/* One who has the line, or who has still to look at it. */
static struct irq *find_line(u32 gsi, bool waiting)
{
	for (u32 i = 0; i < NDEVICE; i++)
		if (irqs[i].handler && irqs[i].gsi == gsi && irqs[i].waiting >= waiting)
			return &irqs[i];
	return NULL;
}

/* Lets the line come again if nobody who shares it still has to look. */
static void line_settle(u32 gsi)
{
	if (!find_line(gsi, true))
		line_mask(gsi, false);
}

/* Masked if it is level. ISA lines as ACPI says, else edge and high; PCI lines level and low. */
static bool line_route(u32 gsi, u32 vector, bool *level)
{
	bool isa = gsi < ARRAY_SIZE(acpi.isa), low = isa ? acpi.isa[gsi].low : true;
	u32 i, reg;

	*level = isa ? acpi.isa[gsi].level : true;
	if (!ioapic_of(gsi, &i, &reg))
		return false;
	ioapic_write(i, reg + 1, cpu0.apic_id << 24);
	ioapic_write(i, reg,
		vector | (low ? 1u << 13 : 0) | (*level ? 1u << 15 : 0) | (*level ? MASKED : 0));
	return true;
}

int arch_irq_alloc(u32 gsi, void (*handler)(void *arg), void *arg, u32 *id)
{
	struct irq *shared = gsi == WEFT_IRQ_MSI ? NULL : find_line(gsi, false);

	if (shared && !shared->level)
		return -EBUSY;
	for (u32 i = 0; i < NDEVICE; i++) {
		/* Spread over the priority classes. */
		struct irq *q = &irqs[(i * 16 + i / 12) % NDEVICE];

		if (q->handler)
			continue;
		*q = (struct irq){handler, arg, gsi, shared, false};
		*id = q - irqs;
		if (shared || gsi == WEFT_IRQ_MSI)
			return 0;
		if (!line_route(gsi, VEC_DEVICE + *id, &q->level)) {
			q->handler = NULL;
			return -EINVAL;
		}
		line_mask(gsi, false);
		return 0;
	}
	return -ENOSPC;
}

int arch_irq_msi(u32 id, u64 *address, u32 *data)
{
	if (irqs[id].gsi != WEFT_IRQ_MSI)
		return -EINVAL;
	*address = 0xfee00000 | cpu0.apic_id << 12;
	*data = VEC_DEVICE + id;
	return 0;
}

void arch_irq_unmask(u32 id)
{
	if (!irqs[id].level)
		return;
	irqs[id].waiting = false;
	line_settle(irqs[id].gsi);
}

void arch_irq_free(u32 id)
{
	struct irq *q = &irqs[id], *other;

	q->handler = NULL;
	if (q->gsi == WEFT_IRQ_MSI)
		return;
	other = find_line(q->gsi, false);
	line_mask(q->gsi, true);
	if (other) { /* the vector may have been this one's */
		line_route(q->gsi, VEC_DEVICE + (other - irqs), &other->level);
		line_settle(q->gsi);
	}
}

void apic_init(void)
{
	/* The PICs: moved out of the exceptions' way, and masked. */
	static const struct {
		u8 port, value;
	} pics[] = {{0x20, 0x11}, {0xa0, 0x11}, {0x21, 0xf0}, {0xa1, 0xf8}, {0x21, 4}, {0xa1, 2},
		{0x21, 1}, {0xa1, 1}, {0x21, 0xff}, {0xa1, 0xff}};

	for (u32 i = 0; i < ARRAY_SIZE(pics); i++)
		outb(pics[i].port, pics[i].value);
	if (!x86.x2apic) {
		lapic = map_phys(acpi.lapic, PAGE_SIZE, DEVICE);
		kassert(lapic);
	}
	lapic_init_cpu();
	for (u32 i = 0; i < acpi.nioapics; i++) {
		acpi.ioapics[i].regs = map_phys(acpi.ioapics[i].phys, PAGE_SIZE, DEVICE);
		kassert(acpi.ioapics[i].regs);
		acpi.ioapics[i].n = (ioapic_read(i, 1) >> 16 & 0xff) + 1;
		for (u32 n = 0; n < acpi.ioapics[i].n; n++)
			ioapic_write(i, 0x10 + 2 * n, MASKED);
	}
}
