/* SPDX-License-Identifier: MIT */
/* ptrace: servers/proc does it. Requests that it does not know are counted as unserved. */
#include "../fd/fd.h"
#include "../core/calls.h"
#include <native/procproto.h>

#define PTRACE_PEEKTEXT 1
#define PTRACE_PEEKDATA 2
#define STOP_POLL 1000000 /* ns: how often is looked whether a tracee has reached its stop */

static i64 request(u32 op, u64 a, u64 b, u64 c, u64 d, u64 *out)
{
	struct rt_proc *p = rt_proc();
	struct weft_req q = {.op = op, .flags = WEFT_REQ_NOINTR, .args = {a, b, c, d}};

	if (p->proc < 0)
		return -ENOSYS;
	i64 r = NC(FD_CALL, p->proc, &q);
	*out = q.out[0];
	return r;
}

i64 rt_sys_ptrace(u64 what, u64 pid, u64 addr, u64 data)
{
	u64 word;

	switch (what) {
	case PTRACE_PEEKTEXT:
	case PTRACE_PEEKDATA: {
		i64 r = request(PROCP_PTRACE, PROCP_PTRACE_PEEK, (u32)pid, addr, 0, &word);
		return r ? r : put_u64(data, word);
	}
	case PROCP_PTRACE_ATTACH:
		__atomic_store_n(&rt_proc()->tracing, true, __ATOMIC_RELAXED);
		return request(PROCP_PTRACE, what, (u32)pid, 0, 0, &word);
	case PROCP_PTRACE_CONT:
	case PROCP_PTRACE_KILL:
	case PROCP_PTRACE_DETACH:
		return request(PROCP_PTRACE, what, (u32)pid, 0, data, &word);
	}
	return rt_unserved(101);
}

i64 rt_trace_wait(u32 which, i32 id, u64 options, u32 *status)
{
	u64 out = 0;
	i64 r;

	if (!rt_proc()->tracing || which > 1)
		return 0;
	while ((r = request(PROCP_PTRACE_WAIT, which == 1 ? (u32)id : 0, 0, 0, 0, &out)) == -EAGAIN) {
		if (options & WNOHANG)
			return 0;
		i64 s = NC(SLEEP, WEFT_CLOCK_MONOTONIC, rt_now() + STOP_POLL);
		if (s == -EINTR && !rt_drop_ignored())
			return rt_intr(s, ERESTARTSYS);
	}
	if (r == -ECHILD && which == 0)
		__atomic_store_n(&rt_proc()->tracing, false, __ATOMIC_RELAXED);
	*status = out;
	return MAX(r, 0);
}
