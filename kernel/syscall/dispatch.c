/* SPDX-License-Identifier: MIT */
/*
 * Native calls, from the entry's assembly with the user's registers saved. The number was checked
 * there. -> true if registers other than rax may have been changed, so that all of them must be
 * loaded on the way out.
 */
#include <kernel/calls.h>
#include <kernel/thread.h>

typedef i64 (*call_fn)(u64, u64, u64, u64, u64, u64);

static const call_fn calls[WEFT_CALL_COUNT] = {
#define X(N, n, c) [WEFT_CALL_IDX_##N] = (call_fn)(void (*)(void))sys_##n,
	WEFT_CALLS(X)
#undef X
};

_Static_assert(WEFT_CALL_BASE == 0x1000, "the entry's assembly knows it");
_Static_assert(sizeof(struct weft_regs) == 144, "the entry's assembly knows it");
_Static_assert(offsetof(struct cpu, scratch2) == 48, "the entry's assembly knows it");
_Static_assert(offsetof(struct weft_tp, ret_rip) == 8 && offsetof(struct weft_tp, ret_rflags) == 16,
	"the entry's assembly knows it");

bool native_call(struct weft_regs *r);
bool native_call(struct weft_regs *r)
{
	/* The entry's assembly compares with this symbol. */
	__asm__(".globl WEFT_CALL_NUMBER\n\t.set WEFT_CALL_NUMBER, %c0" ::"i"(WEFT_CALL_COUNT));
	struct thread *t;
	struct cpu *c;
	bool full = false;

	bkl_lock();
	c = this_cpu();
	t = c->current;
	c->syscalls++;
	ktrace("call", r->rax, r->rdi);
	r->rax = calls[r->rax - WEFT_CALL_BASE](r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9);
	ktrace("result", r->rax, 0);
	c = this_cpu();
	if (unlikely(user_work_wanted(c, t))) {
		user_return_work(r);
		full = true;
	}
	bkl_unlock();
	return full;
}
