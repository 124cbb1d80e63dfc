/* SPDX-License-Identifier: MIT */
/* The machine as programs ask about it. */
#include "../fd/fd.h"
#include "calls.h"
#include <native/procproto.h>

i64 rt_sys_uname(u64 out)
{
	struct procp_uts uts = {"weft", "(none)"}; /* where nobody serves processes */
	struct weft_buf b = {(u64)&uts, sizeof(uts), WEFT_BUF_OUT};
	char u[6][65];

	memset(u, 0, sizeof(u));
	rt_ask_proc(PROCP_UTS, 0, 0, 0, 0, &b);
	rt_string_set(u[0], 65, "Linux");
	memcpy(u[1], uts.host, sizeof(uts.host));
	rt_string_set(u[2], 65, "6.12.0-weft");
	rt_string_set(u[3], 65, "#1 SMP Weft 0.1");
	rt_string_set(u[4], 65, "x86_64");
	memcpy(u[5], uts.domain, sizeof(uts.domain));
	return copy_out(out, u, sizeof(u));
}

struct linux_sysinfo {
	i64 uptime;
	u64 loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	u16 procs, pad;
	u64 totalhigh, freehigh;
	u32 mem_unit;
};
_Static_assert(sizeof(struct linux_sysinfo) == 112, "sysinfo");

i64 rt_sys_sysinfo(u64 out)
{
	struct weft_sys_info i;
	i64 r = NC(SYS_CTL, -1, WEFT_SYS_INFO, &i, 0, 0);

	if (r < 0)
		return r;
	struct linux_sysinfo s = {.uptime = i.uptime_ns / NSEC, .loads = {i.load[0], i.load[1], i.load[2]}, .totalram = i.mem_total, .freeram = i.mem_free,
		.sharedram = i.mem.shared * WEFT_PAGE_SIZE, .bufferram = i.mem.cache * WEFT_PAGE_SIZE, .procs = i.processes, .mem_unit = 1};
	return copy_out(out, &s, sizeof(s));
}

i64 rt_sys_getrandom(u64 buf, u64 n, u64 flags)
{
	u64 done = 0;

	if ((flags & ~7ul) || (flags & 6) == 6)
		return -EINVAL;
	n = MIN(n, 0x1fffffful);
	while (done < n) {
		u64 part = MIN(n - done, 1ul << 20);
		i64 r = NC(SYS_CTL, -1, WEFT_SYS_RANDOM, buf + done, part, 0);
		if (r < 0)
			return done ? (i64)done : r;
		done += part;
	}
	return done;
}

i64 rt_sys_personality(u64 p)
{
	return (u32)p == ~0u || (u32)p == 0 ? 0 : -EINVAL;
}

#define SYSLOG_READ_ALL 3
#define SYSLOG_SIZE_BUFFER 10
i64 rt_sys_syslog(u64 op, u64 buf, u64 n)
{
	(void)buf;
	(void)n;
	return op == SYSLOG_SIZE_BUFFER ? 262144 : -EPERM;
}

/* Calls that nobody serves are counted by number, and told once per process when it is traced. */
i64 rt_unserved(u64 nr)
{
	NC(SYS_CTL, -1, WEFT_SYS_UNSERVED, nr, 0, 0);
	return -ENOSYS;
}

/* Empty places of the table, and calls that we do not serve. */
i64 rt_sys_none(void)
{
	return rt_unserved(rt_frame()->orig);
}
