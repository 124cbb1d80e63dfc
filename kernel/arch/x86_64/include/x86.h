/* SPDX-License-Identifier: MIT */
/* Instructions, registers and numbers of the x86-64 that only arch/x86_64 names; and what its files
 * share. */
#ifndef X86_H
#define X86_H

#define KERNEL_CS 0x08
#define KERNEL_DS 0x10
#define USER_DS	  0x23
#define USER_CS	  0x2b
#define TSS_SEL	  0x30

#define VEC_NMI	      2
#define VEC_DB	      1
#define VEC_DF	      8
#define VEC_PF	      14
#define VEC_MCE	      18
#define VEC_DEVICE    0x20 /* first for devices */
#define NDEVICE	      192
#define VEC_TIMER     0xf0
#define VEC_RESCHED   0xf1
#define VEC_SHOOTDOWN 0xf2
#define VEC_SPURIOUS  0xff

#define REGS_SIZE 144 /* struct weft_regs */

#ifndef __ASSEMBLER__
#include <kernel/arch.h>

#define MSR_APIC_BASE	   0x1b
#define MSR_TSC_DEADLINE   0x6e0
#define MSR_X2APIC	   0x800
#define MSR_PAT		   0x277
#define MSR_STAR	   0xc0000081
#define MSR_LSTAR	   0xc0000082
#define MSR_SFMASK	   0xc0000084
#define MSR_FS_BASE	   0xc0000100
#define MSR_GS_BASE	   0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

#define CR4_PGE	    (1ul << 7)
#define CR4_UMIP    (1ul << 11)
#define CR4_OSXSAVE (1ul << 18)
#define CR4_SMEP    (1ul << 20)
#define CR4_SMAP    (1ul << 21)

static inline void outb(u16 port, u8 v)
{
	__asm__ volatile("outb %0, %1" ::"a"(v), "Nd"(port));
}
static inline u8 inb(u16 port)
{
	u8 v;
	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}
static inline u32 inl(u16 port)
{
	u32 v;
	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}
static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (u64)hi << 32 | lo;
}
static inline void wrmsr(u32 msr, u64 v)
{
	__asm__ volatile("wrmsr" ::"a"((u32)v), "d"((u32)(v >> 32)), "c"(msr) : "memory");
}
static inline void cpuid(u32 leaf, u32 sub, u32 r[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
			 : "a"(leaf), "c"(sub));
}
#define READ_CR(n)                                                                                 \
	({                                                                                         \
		u64 v_;                                                                            \
		__asm__ volatile("mov %%cr" #n ", %0" : "=r"(v_));                                 \
		v_;                                                                                \
	})
#define WRITE_CR(n, v) __asm__ volatile("mov %0, %%cr" #n ::"r"((u64)(v)) : "memory")
static inline void invlpg(u64 a)
{
	__asm__ volatile("invlpg (%0)" ::"r"(a) : "memory");
}

/* What CPUID said of the boot CPU; the others are taken to be alike. */
struct x86_features {
	bool smap, x2apic, tsc_deadline, xsaveopt, rdrand;
	u64 cr4;  /* the bits to set in it */
	u64 xcr0; /* 0: FXSAVE */
};
extern struct x86_features x86;

/* boot.c */
extern char kernel_start[], text_start[], text_end[], data_start[], kernel_end[];
/* paging.c */
/* By PCD, PWT: write-back, write-combining, uncached-, uncached. */
#define PAT_VALUE 0x0007040600070106ul
/* The kernel's own mapping of a device or of firmware's tables; NULL: no memory. */
void *map_phys(u64 phys, u64 len, u32 flags);
#define DEVICE (ARCH_PTE_R | ARCH_PTE_W | ARCH_PTE_UC)
void paging_init(void);
extern u64 kernel_root; /* physical address of the kernel's own top table */
/* cpu.c */
void cpu_detect(void);
enum { EAX, EBX, ECX, EDX };
bool cpu_leaf(u32 leaf, u32 r[4]); /* false where CPUID does not know it */
/* Tables and control registers of the CPU that runs this; GS leads to c. */
void cpu_init(struct cpu *c);
extern struct cpu cpu0;
/* thread.c */
void fpu_init(void);
/* tlb.c */
/* acpi.c */
struct acpi_info {
	u64 lapic;
	u32 ncpus, apic_ids[64]; /* the boot CPU among them */
	u32 nioapics;
	struct {
		u32 phys, gsi, n; /* [gsi, gsi + n) */
		volatile u32 *regs;
	} ioapics[8];
	struct {
		bool level, low;
	} isa[16]; /* what the first system interrupts are like */
	u32 com1_gsi;
	u32 pm_timer; /* its port, 0: none */
};
extern struct acpi_info acpi;
void acpi_init(void);
/* apic.c */
void apic_init(void);
void lapic_init_cpu(void);
void lapic_eoi(void);
void lapic_ipi(u32 apic_id, u32 low);
void lapic_timer(u32 count);
u32 lapic_timer_count(void);
void irq_interrupt(u32 vector);
#define IPI_NMI	    0x400u
#define IPI_INIT    0x4500u
#define IPI_STARTUP 0x4600u
/* time.c */
void tsc_init(void);
void delay_us(u32 us);
/* uart.c */
void uart_init(void);
/* trap.c */
void trap_user(struct weft_regs *r, u32 vector, u64 error);
void trap_kernel(struct weft_regs *r, u32 vector, u64 error);
/* entry.S */
extern char syscall_entry[], isr_table[], usercopy_start[], usercopy_end[], usercopy_fixup[],
	usercopy_bytes[], usercopy_bytes_fixup[];
void switch_stack(u64 *save_rsp, u64 rsp);
void thread_entry_user(void);
/* boot.S */
extern char boot_pml4[], trampoline_start[], trampoline_end[];
#endif
#endif
