/* SPDX-License-Identifier: MIT */
/*
 * What the CPU can do, and each CPU's tables: GDT, TSS with stacks of their own for NMI, double
 * fault and machine check, the shared IDT, control registers and the SYSCALL registers. Interrupt
 * gates throughout: the kernel runs with interrupts off.
 */
#include <kernel/mm.h>
#include <kernel/thread.h>
#include "x86.h"

#define EXCEPTION_STACK	  4096
#define NEXCEPTION_STACKS 3

/* The TSS is followed by its I/O bitmap: a bit per port and a byte of ones. */
struct tss_block {
	struct arch_tss tss;
	u8 bitmap[8192 + 1];
} __attribute__((packed));

struct x86_features x86;
bool arch_emulated;
struct cpu cpu0 __attribute__((aligned(4096)));
static struct tss_block tss0 __attribute__((aligned(16)));
static u8 stacks0[NEXCEPTION_STACKS * EXCEPTION_STACK] __attribute__((aligned(4096)));
static struct {
	u16 low, sel;
	u8 ist, type;
	u16 mid;
	u32 high, zero;
} idt[256] __attribute__((aligned(4096)));

void cpu_detect(void)
{
	u32 r[4], max, max_ext;

	cpuid(0, 0, r);
	max = r[0];
	cpuid(0x80000000, 0, r);
	max_ext = r[0];
	cpuid(1, 0, r);
	if (r[2] & 1u << 31) {
		u32 h[4];

		cpuid(0x40000000, 0, h);
		arch_emulated = memcmp(h + 1, "TCGTCGTCGTCG", 12) == 0;
	}
	x86.pge = r[3] & 1u << 13;
	x86.x2apic = r[2] & 1u << 21;
	x86.tsc_deadline = r[2] & 1u << 24;
	x86.xsave = r[2] & 1u << 26;
	x86.rdrand = r[2] & 1u << 30;
	if (max >= 7) {
		cpuid(7, 0, r);
		x86.smep = r[1] & 1u << 7;
		x86.smap = r[1] & 1u << 20;
		x86.umip = r[2] & 1u << 2;
	}
	if (max_ext >= 0x80000001) {
		cpuid(0x80000001, 0, r);
		x86.gib_pages = r[3] & 1u << 26;
	}
	x86.xsave_size = 512;
	if (x86.xsave && max >= 0xd) {
		cpuid(0xd, 0, r);
		x86.xcr0 = r[0] & 0xe7; /* x87, SSE, AVX, AVX-512 */
		if ((x86.xcr0 & 0xe4) != 0xe4)
			x86.xcr0 &= 7;
		cpuid(0xd, 1, r);
		x86.xsaveopt = r[0] & 1;
	} else {
		x86.xsave = false;
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
	u64 tss = (u64)c->arch.tss, limit = sizeof(struct tss_block) - 1;

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
	u64 cr4 = READ_CR(4) | CR4_OSFXSR | CR4_OSXMMEXCPT;

	if (!idt[0].sel)
		idt_init();
	load_tables(c);
	c->self = c;
	wrmsr(MSR_GS_BASE, (u64)c);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	wrmsr(MSR_PAT, PAT_VALUE);
	if (x86.pge)
		cr4 |= CR4_PGE;
	if (x86.smep)
		cr4 |= CR4_SMEP;
	if (x86.smap)
		cr4 |= CR4_SMAP;
	if (x86.umip)
		cr4 |= CR4_UMIP;
	if (x86.xsave)
		cr4 |= CR4_OSXSAVE;
	WRITE_CR(4, cr4);
	wrmsr(MSR_STAR, (u64)KERNEL_CS << 32 | 0x1bul << 48); /* sysret: SS 0x23, CS 0x2b */
	wrmsr(MSR_LSTAR, (u64)syscall_entry);
	wrmsr(MSR_SFMASK, 0x257fd5); /* all but the fixed ones: no IF, DF, TF, AC, NT */
	fpu_init_cpu();
}

/* The tables of a CPU that is still to start. CPU 0's are static. */
int cpu_alloc(u32 id, u32 apic_id, struct cpu **out)
{
	struct tss_block *t = &tss0;
	u8 *stacks = stacks0;
	struct cpu *c = &cpu0;

	if (id != 0) {
		struct frame *f =
			frame_alloc(ALIGN_UP(sizeof(*c), PAGE_SIZE) > PAGE_SIZE ? 1 : 0, false);
		struct frame *g = frame_alloc(2, false), *h = frame_alloc(2, false);

		if (!f || !g || !h)
			return -ENOMEM;
		c = frame_virt(f);
		t = frame_virt(g);
		stacks = frame_virt(h);
		memset(c, 0, sizeof(*c));
	}
	memset(t, 0, sizeof(struct arch_tss));
	memset(t->bitmap, 0xff, sizeof(t->bitmap));
	t->tss.iomap = 0xffff; /* beyond the limit: no ports */
	for (u32 i = 0; i < NEXCEPTION_STACKS; i++)
		t->tss.ist[i] = (u64)stacks + (i + 1) * EXCEPTION_STACK;
	c->self = c;
	c->id = id;
	c->apic_id = apic_id;
	c->arch.tss = &t->tss;
	*out = c;
	return 0;
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
