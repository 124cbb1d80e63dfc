/* SPDX-License-Identifier: MIT */
/*
 * What a process tells about itself, at the start of weft_pp.rt: servers/proc reads it (through the process's address space) for /proc/PID. It is the
 * process's own word: nobody may trust it for more than display. Its process page is at POSIX_SLOT(0) + POSIX_SLOT_PP,
 * but in a vfork child before its exec.
 */
#ifndef POSIX_PUBLIC_H
#define POSIX_PUBLIC_H

#include <weft/types.h>

struct posix_public {
	u64 state; /* the runtime's own */
	u64 arg_start, arg_end, env_start, env_end, auxv, auxv_end;
	u64 brk_start, brk_end, stack_top;
	u64 ignored, caught; /* signals */
	i32 root, cwd, exe;  /* private fds, for PROC_GET_FD */
	u32 umask;
	i32 nice;
	u32 undumpable; /* only root may look inside (PR_SET_DUMPABLE) */
};

#endif
