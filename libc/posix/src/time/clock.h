/* SPDX-License-Identifier: MIT */
#ifndef RT_CLOCK_H
#define RT_CLOCK_H

#include "../core/rt.h"

#define NSEC 1000000000ul
/* A relative timespec of the program becomes a monotonic deadline, saturated. 0, -EFAULT, -EINVAL. */
i64 rt_deadline_relative(u64 ts, i64 *deadline);
i64 rt_deadline_after(u64 ns);
/* A timespec as nanoseconds, saturated. 0, -EFAULT, -EINVAL */
i64 rt_timespec_in(u64 ts, u64 *ns);
i64 rt_restart(void);
bool rt_drop_ignored(void);
i64 rt_obj_flags(u64 linux_flags); /* O_CLOEXEC of a call's flags as obj_create's */
/* obj_create for one public fd, with O_CLOEXEC and O_NONBLOCK of flags. -> fd */
i64 rt_obj_create(u32 kind, u64 a, u64 b, u64 flags);

static inline struct timespec64 rt_timespec(u64 ns)
{
	return (struct timespec64){.sec = ns / NSEC, .nsec = ns % NSEC};
}

#endif
