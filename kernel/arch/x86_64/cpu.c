/* SPDX-License-Identifier: MIT */
/*
 * What the CPU can do, and each CPU's tables: GDT, TSS with stacks of their own for NMI, double
 * fault and machine check, the shared IDT, control registers and the SYSCALL registers. Interrupt
 * gates throughout: the kernel runs with interrupts off.
 */
#include <kernel/mm.h>
#include <kernel/thread.h>
#include "x86.h"

struct x86_features x86;
bool arch_emulated;
struct cpu cpu0 __attribute__((aligned(4096)));
static struct {
	u16 low, sel;
	u8 ist, type;
	u16 mid;
	u32 high, zero;
} idt[256] __attribute__((aligned(4096)));

bool cpu_leaf(u32 leaf, u32 r[4])
{
	cpuid(1, 0, r);
	if (leaf >= 0x40000000 && !(r[ECX] >> 31)) /* a hypervisor's, and there is none */
		return false;
	cpuid(leaf & 0x40000000, 0, r);
	if (r[EAX] < leaf)
		return false;
	cpuid(leaf, 0, r);
	return true;
}

static bool has(u32 leaf, u32 reg, u32 bit)
{
	u32 r[4];

	return cpu_leaf(leaf, r) && r[reg] >> bit & 1;
}

void cpu_detect(void)
{
	u32 r[4];

	arch_emulated = cpu_leaf(0x40000000, r) && memcmp(r + 1, "TCGTCGTCGTCG", 12) == 0;
	x86.x2apic = has(1, ECX, 21);
	x86.tsc_deadline = has(1, ECX, 24);
	x86.rdrand = has(1, ECX, 30);
	x86.smap = has(7, EBX, 20);
	x86.cr4 = (x86.smap ? CR4_SMAP : 0) | (has(7, EBX, 7) ? CR4_SMEP : 0) |
		(has(7, ECX, 2) ? CR4_UMIP : 0);
	if (has(1, ECX, 26)) {
		x86.cr4 |= CR4_OSXSAVE;
		cpuid(0xd, 0, r);
		x86.xcr0 = r[EAX] & 0xe7; /* x87, SSE, AVX, AVX-512 */
		if ((x86.xcr0 & 0xe4) != 0xe4)
			x86.xcr0 &= 7;
		cpuid(0xd, 1, r);
		x86.xsaveopt = r[EAX] & 1;
	}
}

static void idt_init(void)
{
	for (u32 v = 0; v < 256; v++) {
		u64 to = (u64)isr_table + 16 * v;

		idt[v].low = to;
		idt[v].sel = KERNEL_CS;
		idt[v].ist = v == VEC_DF ? 1 : v == VEC_NMI ? 2 : v == VEC_MCE ? 3 : 0;
		idt[v].type = v == 3 || v == 4 ? 0xee : 0x8e; /* int3 and into are open to users */
		idt[v].mid = to >> 16;
		idt[v].high = to >> 32;
	}
}

static void load_tables(struct cpu *c)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) p;
	u64 tss = (u64)&c->arch.tss, limit = sizeof(c->arch.tss) + sizeof(c->arch.io_bitmap) - 1;

	memcpy(c->arch.gdt,
		(u64[8]){
			0,
			0x00af9a000000ffff,
			0x00cf92000000ffff,
			0x00cffa000000ffff,
			0x00cff2000000ffff,
			0x00affa000000ffff,
			limit | (tss & 0xffffff) << 16 | 0x89ul << 40 | (tss >> 24 & 0xff) << 56,
			tss >> 32,
		},
		sizeof(c->arch.gdt));
	p.limit = sizeof(c->arch.gdt) - 1;
	p.base = (u64)c->arch.gdt;
	__asm__ volatile("lgdt %0" ::"m"(p));
	p.limit = sizeof(idt) - 1;
	p.base = (u64)idt;
	__asm__ volatile("lidt %0" ::"m"(p));
	__asm__ volatile("ltr %w0; movw %w1, %%ss; movw %w1, %%ds; movw %w1, %%es; movw %w2, %%fs; "
			 "movw %w2, %%gs; lldt %w2" ::"r"(TSS_SEL),
		"r"(KERNEL_DS), "r"(0));
}

void cpu_init(struct cpu *c)
{
	if (!idt[0].sel)
		idt_init();
	memset(c->arch.io_bitmap, 0xff, sizeof(c->arch.io_bitmap));
	c->arch.tss.iomap = 0xffff; /* beyond the limit: no ports */
	for (u32 i = 0; i < ARRAY_SIZE(c->arch.stacks); i++)
		c->arch.tss.ist[i] = (u64)(c->arch.stacks + i + 1);
	load_tables(c);
	c->self = c;
	wrmsr(MSR_GS_BASE, (u64)c);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	wrmsr(MSR_PAT, PAT_VALUE);
	WRITE_CR(4, READ_CR(4) | x86.cr4);
	wrmsr(MSR_STAR, (u64)KERNEL_CS << 32 | 0x1bul << 48); /* sysret: SS 0x23, CS 0x2b */
	wrmsr(MSR_LSTAR, (u64)syscall_entry);
	wrmsr(MSR_SFMASK, 0x257fd5); /* all but the fixed ones: no IF, DF, TF, AC, NT */
	if (x86.xcr0)
		__asm__ volatile("xsetbv" ::"c"(0), "a"((u32)x86.xcr0), "d"((u32)(x86.xcr0 >> 32)));
	__asm__ volatile("fninit");
}

NORETURN void arch_halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

bool arch_random(u64 *out)
{
	u8 ok;

	for (u32 i = 0; x86.rdrand && i < 10; i++) {
		__asm__ volatile("rdrand %0; setc %1" : "=r"(*out), "=qm"(ok)::"cc");
		if (ok)
			return true;
	}
	return false;
}
