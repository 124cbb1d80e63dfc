/* SPDX-License-Identifier: MIT */
/* Namespaces and the names of the machine: servers/proc has them, by the caller's identity. */
#include "../fd/fd.h"
#include "../core/calls.h"
#include <native/procproto.h>

static i64 set_name(u64 which, u64 name, u64 len)
{
	struct weft_buf b = {name, (i32)len, WEFT_BUF_IN};

	if ((i32)len < 0 || (i32)len > 64)
		return -EINVAL;
	return rt_ask_proc(PROCP_SET_UTS, which, 0, 0, 0, &b);
}

i64 rt_sys_sethostname(u64 name, u64 len)
{
	return set_name(0, name, len);
}

i64 rt_sys_setdomainname(u64 name, u64 len)
{
	return set_name(1, name, len);
}

#define OF_THREADS (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM) /* nothing to be done in a process of one thread */
#define SHARED_BY_THREADS (CLONE_FILES | CLONE_FS | CLONE_SYSVSEM)

i64 rt_sys_unshare(u64 flags)
{
	struct weft_proc_info i;

	if (flags & ~(u64)(OF_THREADS | SHARED_BY_THREADS | CLONE_NEW_ANY))
		return -EINVAL;
	i64 r = NC(PROC_CTL, -1, WEFT_PROC_INFO, &i, 0, 0);
	if (r < 0)
		return r;
	if (i.threads > 1 && (flags & OF_THREADS))
		return -EINVAL;
	if (i.threads > 1 && (flags & SHARED_BY_THREADS))
		return -ENOSYS; /* a thread has no fds, directory or semaphores of its own here */
	return flags & CLONE_NEW_ANY ? rt_ask_proc(PROCP_UNSHARE, flags & CLONE_NEW_ANY, 0, 0, 0, NULL) : 0;
}

i64 rt_sys_setns(u64 fd, u64 type)
{
	struct rt_proc *p = rt_proc();
	i32 send = (i32)fd;

	PROGRAM_FD(fd);
	if (NC(FD_CTL, send, WEFT_FD_GET_FLAGS, 0, 0) < 0)
		return -EBADF;
	struct weft_req q = {.op = PROCP_SETNS, .flags = WEFT_REQ_NOINTR, .nfds = 1, .args = {(u32)type}, .fds = (u64)&send};
	return p->proc < 0 ? -ENOSYS : NC(FD_CALL, p->proc, &q);
}
