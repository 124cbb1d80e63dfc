/* SPDX-License-Identifier: MIT */
/* What stands in for a call that no part of the kernel serves. */
#include <kernel/calls.h>

#pragma GCC diagnostic ignored "-Wunused-parameter"
#define X(N, n, c) i64 __attribute__((weak)) sys_##n(SYS_ARGS_##c) { return -ENOSYS; }
WEFT_CALLS(X)
#undef X
