/* SPDX-License-Identifier: MIT */
/* What arch/ offers to the rest. arch/x86_64/arch_types.h defines struct arch_thread, struct
 * arch_cpu, this_cpu(), arch_irq_window(). */
#ifndef KERNEL_ARCH_H
#define KERNEL_ARCH_H

#include <kernel/kernel.h>
#include <weft/thread.h>
#include <weft/sys.h>
#include <arch_types.h> /* -Ikernel/arch/x86_64/include or, in host tests, kernel/tests/host */

struct thread;
struct as;
struct cpu;

/* Boot (arch/x86_64/boot.*): what firmware told, copied out of the loader's memory before
 * frames_init. */
struct boot_range {
	u64 base, len;
	u32 type; /* 1 usable (E820) */
};
struct boot_info {
	u32 nranges;
	struct boot_range ranges[128];
	u64 archive_phys, archive_size; /* the boot module: concatenated cpio archives */
	u64 acpi_root;			/* physical address of the RSDT or XSDT, 0: none */
	char cmdline[2048];
	struct weft_fb fb; /* width 0: none */
	u64 entry_tsc;
};
/* Its usable ranges hold neither the kernel nor the archive nor what boot_alloc gave. */
extern struct boot_info boot_info;
/* Before frames_init: memory below 4 GiB that is never freed; panics when there is none. */
u64 boot_alloc(u64 len, u64 align);
/* init/main.c: called on the boot CPU's stack with the direct map up. */
NORETURN void kernel_main(void);

#define KERNEL_BASE 0xffffffff80000000ul
#ifndef DIRECT_MAP /* host tests have their own */
#define DIRECT_MAP 0xffff800000000000ul
#endif
/* arch_kernel_map takes addresses of the stacks (KSTACK_AREA below) and of this range of 64 GiB,
 * for devices. */
#define KERNEL_MMIO 0xffffffa000000000ul
static inline void *phys_to_virt(u64 p)
{
	return (void *)(p + DIRECT_MAP);
}

/* Paging (arch/x86_64/paging.c). Page tables hold frames; changes of live mappings are followed by
 * tlb_shootdown. */
typedef u64 pte_t;
#define ARCH_PTE_R    1u
#define ARCH_PTE_W    2u
#define ARCH_PTE_X    4u
#define ARCH_PTE_USER 8u
#define ARCH_PTE_WC   16u
#define ARCH_PTE_UC   32u
struct arch_as {
	u64 root;   /* physical address of the top table */
	u64 cpus;   /* CPUs that have it loaded (bit mask) */
	u64 tables; /* frames used by page tables */
};
int arch_as_init(struct arch_as *a);
/* Frees the tables; leaf frames are the caller's business, done before. */
void arch_as_destroy(struct arch_as *a);
/* arch_pte_make(phys, flags), arch_pte_phys, arch_pte_flags, arch_pte_read_only
 * (of an entry) */
#include <arch_pte.h>
/*
 * Leaf entries. 0: nothing there. An entry made with flags that lack R keeps its frame, but every
 * access faults (PROT_NONE: not present to the CPU, yet arch_pte_phys and arch_pte_flags give back
 * what was put in). The entries of the addresses up to the next multiple of ARCH_PTE_SPAN follow
 * the one returned, in order.
 */
#define ARCH_PTE_SPAN (2ul << 20)
/* NULL: no table there, or (create) no memory for one. */
pte_t *arch_pte(struct arch_as *a, u64 addr, bool create);
/* The first leaf table that covers part of [*addr, end): its entry for *addr, which is moved up to
 * the table's start if below; NULL: none. Skips empty upper tables. */
pte_t *arch_pte_next(struct arch_as *a, u64 *addr, u64 end);
/* Frees the tables that cover nothing outside [start, end), where nothing is mapped now. The caller
 * flushes (tlb_shootdown) first. */
void arch_prune(struct arch_as *a, u64 start, u64 end);
void arch_as_load(struct arch_as *a);
void tlb_flush_page(u64 addr);
/* After changing mappings in [start, end): flushes here and on every CPU that has it loaded, and
 * waits for them. a NULL: the kernel half, on every CPU. */
void tlb_shootdown(struct arch_as *a, u64 start, u64 end);
void tlb_poll(void); /* answers shootdowns while waiting for the BKL */
int arch_kernel_map(u64 vaddr, u64 phys, u32 flags); /* kernel half: stacks, MMIO */
u64 arch_kernel_unmap(u64 vaddr); /* -> the physical page that was there, 0: none. Does not flush:
				     tlb_shootdown(NULL, ...) after it */
/* Kernel stacks (mm/kstack.c), in every address space. */
#define KSTACK_AREA	 0xffffff8000000000ul
#define KSTACK_AREA_SIZE (64ul << 30)

/* User copies with fault fix-up (arch/x86_64/usercopy.S): run with interrupts off; -> bytes NOT
 * copied at the first unresolvable fault. The page-fault handler calls as_fault for them unless
 * this_cpu()->arch.nofault; it takes the BKL for that if lock_depth is 0. */
u64 arch_copy_user(void *to, const void *from, u64 n);

/* Threads. arch_thread_init: first switch enters user mode with regs (through arch_thread_start ->
 * user_return). */
int arch_thread_init(struct thread *t, const struct weft_regs *regs, u64 fs_base);
void arch_thread_copy_fpu(struct thread *to, struct thread *from);
void arch_thread_free(struct thread *t);
/* Saves the old, loads the new: kernel stack, FPU, FS base, GS = tp_addr,
 * cpu->{kstack,tp,rt_entry,current}, I/O bitmap. AS was switched by the caller. Returns when the
 * old runs again. */
void arch_switch(struct thread *from, struct thread *to);
/* Its saved user registers, at the top of its kernel stack. */
struct weft_regs *arch_user_regs(struct thread *t);
void arch_set_fs(struct thread *t, u64 base);
void arch_runtime_changed(void); /* current process's rt, tp or io_bitmap (bit set: granted)
				    changed: refresh the cpu's copies */

/* Interrupts, CPUs, time. */
/* After frames: GDT, IDT, ACPI tables, LAPIC, IOAPIC, TSC calibration, the other CPUs' structs. */
void arch_init_early(void);
void arch_start_cpus(void); /* starts the others: each ends in sched_start_cpu */
void arch_idle(void);	    /* sti; hlt; cli with the BKL not held */
/*
 * Waits, with interrupts on and the BKL not held, until *stop is not `value`, or *also is set, or
 * the TSC is at `until`. -> how long the CPU was held up meanwhile, in pieces of `gap` of the TSC
 * or more: a hypervisor runs others on it.
 */
u64 arch_linger(void *const *stop, const void *value, const bool *also, u64 until, u64 gap);
/* u64 arch_tsc(void): inline, in arch_types.h */
extern u64 tsc_hz, tsc_mult;
extern u32 tsc_shift;
void arch_timer_set(u64 deadline_ns); /* one-shot on this CPU */
void arch_send_resched(u32 cpu);
void arch_stop_others(void);   /* panic */
NORETURN void arch_halt(void); /* this CPU, for good */
/* Where there is a debug-exit device, QEMU ends with the status (code << 1) | 1; 0: nothing. */
void arch_exit(u64 code);
NORETURN void arch_reset(void);
bool arch_random(u64 *out); /* RDRAND, false if there is none */
/* The return addresses of the frames from rbp outwards -> how many. */
u32 arch_backtrace(u64 rbp, u64 *to, u32 max);
void arch_debug_putc(char c);		       /* port 0xe9 */
void console_write(const char *s, size_t n);   /* COM1 */
int console_read_char(void);		       /* -1: none */
void console_set_input(void (*fn)(void *arg)); /* called from the UART's interrupt */
/* Device interrupts. handler runs with the BKL held; level lines stay masked until arch_irq_unmask.
 */
/* gsi WEFT_IRQ_MSI: an MSI vector. */
int arch_irq_alloc(u32 gsi, void (*handler)(void *arg), void *arg, u32 *id);
int arch_irq_msi(u32 id, u64 *address, u32 *data);
void arch_irq_unmask(u32 id);
void arch_irq_free(u32 id);
void *acpi_find(const char sig[4], u32 nth); /* mapped table or NULL */

#endif
