/* SPDX-License-Identifier: MIT */
#ifndef RT_FD_H
#define RT_FD_H

#include "../time/clock.h"

/* A program names numbered fds only: the private range does not exist for it. */
#define PROGRAM_FD(fd)                                                                             \
	do {                                                                                       \
		if (unlikely((u32)(fd) >= WEFT_FD_PRIVATE))                                        \
			return -EBADF;                                                             \
	} while (0)
/* Repeats an interrupted native call while only ignored signals are pending. */
#define UNLESS_IGNORED(call)                                                                       \
	({                                                                                         \
		i64 r_;                                                                            \
		do                                                                                 \
			r_ = (call);                                                               \
		while (unlikely(r_ == -EINTR) && rt_drop_ignored());                               \
		r_;                                                                                \
	})

/* enum weft_obj of a program's fd, or -EBADF */
i64 rt_fd_type(u64 fd);
i64 rt_raise(int signo); /* to the calling thread, as the kernel's own doing */
#define RW_MAX 0x7ffff000ul

#endif
