/* SPDX-License-Identifier: MIT */
/*
 * Linux's rt_sigframe on the program's stack, as the kernel there builds it: below the red zone (or at the top of the alternate
 * stack) the FPU state, 64-byte aligned; below that the frame, so that (sp + 8) is a multiple of 16 as after a call.
 * FPU state is FXSAVE's 512 bytes or XSAVE's standard form, with the software words that say which.
 */
#include "rt.h"
#include "sigframe.h"

static u64 fpu_size(const struct rt_proc *p)
{
	return p->xsave_size ? p->xsave_size + 4 : 512;
}

static int fpu_save(const struct rt_proc *p, u64 fp)
{
	if (!p->xsave_size)
		return rt_fxsave((void *)fp);
	struct linux_fpx_sw sw = {
		.magic1 = FP_XSTATE_MAGIC1,
		.extended_size = p->xsave_size + 4,
		.xfeatures = p->xsave_mask,
		.xstate_size = p->xsave_size,
	};
	/* XSAVE writes only the first word of its header. */
	if (rt_clear((void *)(fp + 512), 64) || rt_xsave((void *)fp, p->xsave_mask) || copy_out(fp + 464, &sw, sizeof(sw)))
		return -EFAULT;
	return put_u32(fp + p->xsave_size, FP_XSTATE_MAGIC2);
}

static int fpu_restore(const struct rt_proc *p, u64 fp)
{
	struct linux_fpx_sw sw;
	u32 magic2;

	if (fp & 15)
		return -EFAULT;
	if (!p->xsave_size)
		return rt_fxrstor((const void *)fp);
	if (fp & 63 || copy_in(&sw, fp + 464, sizeof(sw)))
		return -EFAULT;
	if (sw.magic1 != FP_XSTATE_MAGIC1 || sw.xstate_size != p->xsave_size ||
		get_u32(&magic2, fp + sw.xstate_size) || magic2 != FP_XSTATE_MAGIC2)
		return rt_fxrstor((const void *)fp);
	return rt_xrstor((const void *)fp, p->xsave_mask);
}

/* Handlers begin with the FPU's control words as at the start of a program. */
static void fpu_init(void)
{
	u32 mxcsr = 0x1f80;

	asm volatile("fninit\nldmxcsr %0" ::"m"(mxcsr));
}

int rt_frame_push(struct rt_frame *f, int signo, const struct weft_siginfo *si, const struct rt_action *act, u64 mask)
{
	struct rt_proc *p = rt_proc();
	struct rt_thread *t = rt_thread();
	struct weft_regs *r = &f->regs;
	struct sigframe_place place;
	struct linux_sigframe out;

	sigframe_place(&place, r->rsp, act->flags & SA_ONSTACK, t->alt_sp, t->alt_size, t->alt_flags, fpu_size(p));
	if (place.overflow || !(act->flags & SA_RESTORER))
		return -EFAULT;

	memset(&out, 0, sizeof(out));
	out.pretcode = act->restorer;
	out.uc.flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS | (p->xsave_size ? UC_FP_XSTATE : 0);
	out.uc.stack.sp = t->alt_sp;
	out.uc.stack.size = t->alt_size;
	out.uc.stack.flags = t->alt_size ? (int)(t->alt_flags | (place.was_on_alt ? SS_ONSTACK : 0)) : (int)SS_DISABLE;
	out.uc.sigmask = mask;
	sigcontext_from_regs(&out.uc.mc, r);
	const struct weft_upcall *u = &rt_tp()->program;
	if (si->code > 0 && si->code != SI_KERNEL && f->orig == -1) {
		out.uc.mc.err = u->error;
		out.uc.mc.trapno = u->cause == WEFT_CAUSE_CPU ? u->vector : 14;
		out.uc.mc.cr2 = u->address;
	}
	out.uc.mc.oldmask = mask;
	out.uc.mc.fpstate = place.fp;
	rt_siginfo_linux(&out.info, si);

	if (fpu_save(p, place.fp) || copy_out(place.frame, &out, sizeof(out)))
		return -EFAULT;
	fpu_init();
	if (t->alt_flags & SS_AUTODISARM)
		t->alt_sp = t->alt_size = t->alt_flags = 0;
	r->rdi = signo;
	r->rsi = place.frame + offsetof(struct linux_sigframe, info);
	r->rdx = place.frame + offsetof(struct linux_sigframe, uc);
	r->rax = 0;
	r->rip = act->handler;
	r->rsp = place.frame;
	r->rflags &= ~0x10500ul; /* DF, TF, RF */
	f->orig = -1;
	return 0;
}

int rt_frame_pop(struct rt_frame *f, u64 *mask)
{
	struct rt_thread *t = rt_thread();
	struct linux_ucontext uc;
	u64 frame = f->regs.rsp - 8;

	if (copy_in(&uc, frame + offsetof(struct linux_sigframe, uc), sizeof(uc)))
		return -EFAULT;
	if (uc.mc.fpstate) {
		if (fpu_restore(rt_proc(), uc.mc.fpstate))
			return -EFAULT;
	} else {
		fpu_init();
	}
	sigcontext_to_regs(&f->regs, &uc.mc);
	*mask = uc.sigmask & ~UNBLOCKABLE;
	/* As sigaltstack() would, without its refusal to change the stack in use. */
	if (uc.stack.flags & (int)SS_DISABLE)
		t->alt_sp = t->alt_size = t->alt_flags = 0;
	else if (uc.stack.size >= MINSIGSTKSZ) {
		t->alt_sp = uc.stack.sp;
		t->alt_size = uc.stack.size;
		t->alt_flags = uc.stack.flags & SS_AUTODISARM;
	}
	f->orig = -1;
	return 0;
}
