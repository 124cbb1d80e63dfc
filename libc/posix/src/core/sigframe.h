/* SPDX-License-Identifier: MIT */
/* Where a signal frame goes, and registers to and from a sigcontext: arithmetic only, tested on the host. */
#ifndef RT_SIGFRAME_H
#define RT_SIGFRAME_H

#include "linux.h"
#include <weft/thread.h>

#define REDZONE 128

struct sigframe_place {
	u64 frame, fp;
	bool was_on_alt, overflow;
};

static inline bool on_alt_stack(u64 sp, u64 alt_sp, u64 alt_size, u32 alt_flags)
{
	return !(alt_flags & SS_AUTODISARM) && sp > alt_sp && sp - alt_sp <= alt_size;
}

static inline void sigframe_place(struct sigframe_place *pl, u64 sp, bool want_alt, u64 alt_sp, u64 alt_size, u32 alt_flags, u64 fpu_size)
{
	bool entering = false;

	pl->was_on_alt = on_alt_stack(sp, alt_sp, alt_size, alt_flags);
	sp -= REDZONE;
	if (want_alt && alt_size && !pl->was_on_alt) {
		sp = alt_sp + alt_size;
		entering = true;
	}
	pl->fp = (sp - fpu_size) & ~63ul;
	pl->frame = ((pl->fp - sizeof(struct linux_sigframe)) & ~15ul) - 8;
	/* A frame that would run out of the alternate stack goes nowhere. */
	pl->overflow = (pl->was_on_alt || entering) && (pl->frame < alt_sp || pl->frame > alt_sp + alt_size);
}

static inline void sigcontext_from_regs(struct linux_sigcontext *mc, const struct weft_regs *r)
{
	mc->r8 = r->r8, mc->r9 = r->r9, mc->r10 = r->r10, mc->r11 = r->r11;
	mc->r12 = r->r12, mc->r13 = r->r13, mc->r14 = r->r14, mc->r15 = r->r15;
	mc->rdi = r->rdi, mc->rsi = r->rsi, mc->rbp = r->rbp, mc->rbx = r->rbx;
	mc->rdx = r->rdx, mc->rax = r->rax, mc->rcx = r->rcx, mc->rsp = r->rsp;
	mc->rip = r->rip, mc->rflags = r->rflags;
	mc->cs = 0x33, mc->ss = 0x2b;
}

/* Flags that a program may set for itself: CF PF AF ZF SF TF DF OF RF AC. */
#define FIX_EFLAGS 0x50dd5ul

static inline void sigcontext_to_regs(struct weft_regs *r, const struct linux_sigcontext *mc)
{
	r->r8 = mc->r8, r->r9 = mc->r9, r->r10 = mc->r10, r->r11 = mc->r11;
	r->r12 = mc->r12, r->r13 = mc->r13, r->r14 = mc->r14, r->r15 = mc->r15;
	r->rdi = mc->rdi, r->rsi = mc->rsi, r->rbp = mc->rbp, r->rbx = mc->rbx;
	r->rdx = mc->rdx, r->rax = mc->rax, r->rcx = mc->rcx, r->rsp = mc->rsp;
	r->rip = mc->rip;
	r->rflags = (r->rflags & ~FIX_EFLAGS) | (mc->rflags & FIX_EFLAGS & ~0x100ul) | 2;
}

#endif
