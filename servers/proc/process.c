/* SPDX-License-Identifier: MIT */
#include "proc.h"

#include <posix/public.h>

i32 process_open(u32 pid)
{
	return (i32)weft_proc_ctl((u64)procs, WEFT_PROC_OPEN, pid, 0, 0);
}

int process_info(u32 pid, struct weft_proc_info *out)
{
	i32 fd = process_open(pid);
	if (fd < 0)
		return fd;
	i64 e = weft_proc_ctl((u64)fd, WEFT_PROC_INFO, PTR(out), 0, 0);
	weft_fd_close((u64)fd);
	return e < 0 ? (int)e : 0;
}

const struct weft_identity *process_identity(u32 pid)
{
	struct weft_proc_info info;
	return process_info(pid, &info) ? NULL : fs_identity(info.identity);
}

void process_each(bool (*fn)(u32 pid, const struct weft_proc_info *info, void *arg), void *arg)
{
	static u32 pids[MAX_PIDS];
	i64 n = weft_proc_ctl((u64)procs, WEFT_PROC_LIST, PTR(pids), MAX_PIDS, 0);
	for (i64 i = 0; i < n && i < MAX_PIDS; i++) {
		struct weft_proc_info info;
		if (process_info(pids[i], &info) == 0 && fn(pids[i], &info, arg))
			return;
	}
}

int process_may_look(u32 pid, const struct weft_identity *c)
{
	const struct weft_identity *t = process_identity(pid);
	if (!t)
		return -ESRCH;
	bool same = c->fsuid == t->uid && c->fsuid == t->euid && c->fsuid == t->suid &&
		    c->fsgid == t->gid && c->fsgid == t->egid && c->fsgid == t->sgid;
	struct posix_public pub = {0};
	if (same)
		read_public(pid, &pub);
	return (same && !pub.undumpable) || cred_capable(c, CAP_SYS_PTRACE) ? 0 : -EACCES;
}

int set_identity(u32 pid, u32 tid, const struct weft_identity *id)
{
	i64 number = weft_ident_ctl((u64)identities, WEFT_IDENT_MINT, 0, PTR(id));
	if (number < 0)
		return (int)number;
	i32 fd = process_open(pid);
	if (fd < 0)
		return fd;
	i64 e = weft_proc_ctl((u64)fd, WEFT_PROC_SET_IDENTITY, (u64)number, (u64)identities, tid);
	weft_fd_close((u64)fd);
	return e < 0 ? (int)e : 0;
}
