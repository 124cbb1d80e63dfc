/* SPDX-License-Identifier: MIT */
/* fork for freestanding programs without a runtime: tests and benchmarks. */
#ifndef NATIVE_FORK_H
#define NATIVE_FORK_H

#include <weft/thread.h>

/** Stores the registers that the caller has after this call, with rax = 1. -> 0 now, 1 where a new thread starts from them. */
u32 native_save_regs(struct weft_regs *r) __attribute__((returns_twice));

/**
 * A copy of the caller with one thread. flags: WEFT_PROC_* besides COPY_AS; COPY_FDS unless WEFT_PROC_SHARE_FDS is there. *proc gets
 * a private process fd if it is not NULL. -> pid, 0 in the child, or a negative errno.
 */
i32 native_fork(u32 flags, i32 *proc) __attribute__((returns_twice));

#endif
