/* SPDX-License-Identifier: MIT */
/*
 * The kernel's counters as text, of which the kernel knows nothing: cpu mem proc lock log trace
 * calls unserved objects schemes, and fds/PID.
 */
#ifndef NATIVE_SYSTEXT_H
#define NATIVE_SYSTEXT_H

#include <stddef.h>
#include <weft/types.h>

/*
 * Writes node into buf, which always ends with a NUL; what is too long is cut off. log: a resource
 * with WEFT_RES_LOG (what `sys` in a namespace opens as); procs: one with WEFT_RES_PROCS, for proc and fds.
 * -> length; -ENOENT: no such node; the kernel's error otherwise.
 */
i64 native_sys_text(i32 log, i32 procs, const char *node, char *buf, size_t n);

#endif
