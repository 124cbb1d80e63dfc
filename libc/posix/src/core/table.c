/* SPDX-License-Identifier: MIT */
/* The dispatch table that entry.S indexes, made from calls.def; and what assembly and C must agree on. */
#include "rt.h"
#include "calls.h"

const rt_call_fn rt_call_table[RT_CALLS] = {
	[0 ... RT_CALLS - 1] = (rt_call_fn)rt_sys_none,
#define CALL(nr, name, args, state) [nr] = (rt_call_fn)rt_sys_##name,
#define NONE(nr, name, args)
#include "calls.def"
#undef CALL
#undef NONE
};

#define TP(field, off) _Static_assert(offsetof(struct weft_tp, field) == (off), #field)
TP(self, TP_SELF);
TP(ret_rip, TP_RET_RIP);
TP(ret_rflags, TP_RET_RFLAGS);
TP(scratch, TP_SCRATCH0);
TP(rt_stack, TP_RT_STACK);
TP(blocked, TP_BLOCKED);
TP(pending, TP_PENDING);
TP(proc_page, TP_PROC_PAGE);
TP(program, TP_PROGRAM);
TP(runtime, TP_RUNTIME);
TP(rt, TP_RT);
_Static_assert(offsetof(struct weft_pp, pending) == PP_PENDING, "pending");
#define REG(field, off) _Static_assert(offsetof(struct weft_regs, field) == (off), #field)
REG(rax, REG_RAX);
REG(rbx, REG_RBX);
REG(rcx, REG_RCX);
REG(rdx, REG_RDX);
REG(rsi, REG_RSI);
REG(rdi, REG_RDI);
REG(rbp, REG_RBP);
REG(rsp, REG_RSP);
REG(r8, REG_R8);
REG(r9, REG_R9);
REG(r10, REG_R10);
REG(r11, REG_R11);
REG(r12, REG_R12);
REG(r13, REG_R13);
REG(r14, REG_R14);
REG(r15, REG_R15);
REG(rip, REG_RIP);
REG(rflags, REG_RFLAGS);
_Static_assert(offsetof(struct rt_frame, orig) == FRAME_ORIG, "orig");
