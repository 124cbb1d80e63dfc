/* SPDX-License-Identifier: MIT */
/* Host unit tests: one CPU, which the test's shims define. */
#ifndef ARCH_TYPES_H
#define ARCH_TYPES_H

#include <weft/types.h>

struct cpu;
struct thread;
struct arch_as;

struct arch_thread {
	u64 rsp, kstack_top, fs_base;
	void *fpu, *fpu_mem;
	u32 fpu_cpu;
};
struct arch_cpu {
	bool nofault, online;
	struct arch_as *as;
	struct thread *user_owner;
	u64 timer_deadline;
};

extern struct cpu *host_cpu;
static inline struct cpu *this_cpu(void)
{
	return host_cpu;
}
u64 arch_tsc(void);
static inline void cpu_relax(void)
{
}
static inline void arch_irq_window(void)
{
}

#endif
