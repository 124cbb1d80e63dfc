/* SPDX-License-Identifier: MIT */
/* Threads without thread page: the kernel clears and wakes t->tid at the end, which is what join waits for. */
#include <native/call.h>
#include <native/thread.h>
#include <string.h>

static void thread_main(struct nthread *t)
{
	t->fn(t->arg);
	weft_thread_exit();
	__builtin_unreachable();
}

int nthread_create(struct nthread *t, void (*fn)(void *arg), void *arg, u64 stack)
{
	if (stack == 0)
		stack = 64 << 10;
	stack = (stack + WEFT_PAGE_SIZE - 1) & ~(WEFT_PAGE_SIZE - 1);
	i64 at = weft_mem_map(-1, 0, stack, WEFT_PROT_READ | WEFT_PROT_WRITE, -1, 0);
	if (at < 0)
		return (int)at;
	struct weft_thread_new n;
	memset(&n, 0, sizeof n);
	t->stack = (u64)at;
	t->stack_len = stack;
	t->fn = fn;
	t->arg = arg;
	/* As after a call: rsp is 8 below a multiple of 16. */
	n.regs.rip = PTR(thread_main);
	n.regs.rdi = PTR(t);
	n.regs.rsp = t->stack + stack - 24;
	n.regs.rflags = 0x202;
	n.proc = -1;
	n.clear_tid = PTR(&t->tid);
	n.set_tid = PTR(&t->tid);
	i64 tid = weft_thread_create(PTR(&n), sizeof n);
	if (tid < 0) {
		weft_mem_unmap(-1, t->stack, stack);
		return (int)tid;
	}
	return 0;
}

void nthread_join(struct nthread *t)
{
	u32 tid;
	while ((tid = __atomic_load_n(&t->tid, __ATOMIC_ACQUIRE)) != 0)
		weft_futex(WEFT_FUTEX_WAIT, PTR(&t->tid), tid, WEFT_FOREVER, 0, 0xffffffffu);
	weft_mem_unmap(-1, t->stack, t->stack_len);
}
