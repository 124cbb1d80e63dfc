/* SPDX-License-Identifier: MIT */
/* The kernel's side of every native call: i64 sys_NAME(u64 a0 ... a5); each takes as many as its
 * row says, all u64. */
#ifndef KERNEL_CALLS_H
#define KERNEL_CALLS_H

#include <kernel/kernel.h>
#include <weft/call.h>

#define SYS_ARGS_0 void
#define SYS_ARGS_1 u64 a0
#define SYS_ARGS_2 u64 a0, u64 a1
#define SYS_ARGS_3 u64 a0, u64 a1, u64 a2
#define SYS_ARGS_4 u64 a0, u64 a1, u64 a2, u64 a3
#define SYS_ARGS_5 u64 a0, u64 a1, u64 a2, u64 a3, u64 a4
#define SYS_ARGS_6 u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5
#define X(N, n, c) i64 sys_##n(SYS_ARGS_##c);
WEFT_CALLS(X)
#undef X

#endif
