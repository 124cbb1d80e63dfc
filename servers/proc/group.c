/* SPDX-License-Identifier: MIT */
/* Process groups and sessions (setpgid(2), setsid(2)): parts of an identity, so that every server sees them. */
#include "proc.h"

struct search {
	u32 pgid, sid;
	bool found;
};

static bool in_group(u32 pid, const struct weft_proc_info *info, void *arg)
{
	struct search *s = arg;
	const struct weft_identity *id = fs_identity(info->identity);
	(void)pid;
	s->found |= id && id->pgid == s->pgid && (!s->sid || id->sid == s->sid);
	return s->found;
}

static bool group_exists(u32 pgid, u32 sid)
{
	struct search s = {.pgid = pgid, .sid = sid};
	process_each(in_group, &s);
	return s.found;
}

i64 op_setpgid(struct fsreq *r)
{
	u32 pid = (u32)r->sqe->args[0], pgid = (u32)r->sqe->args[1];
	struct weft_proc_info info;
	struct weft_identity me = *r->cred;
	if ((i32)pid < 0 || (i32)pgid < 0)
		return -EINVAL;
	if (!pid)
		pid = r->sqe->pid;
	if (!pgid)
		pgid = pid;
	if (process_info(pid, &info))
		return -ESRCH;
	const struct weft_identity *t = fs_identity(info.identity);
	if (!t || (pid != r->sqe->pid && info.ppid != r->sqe->pid))
		return -ESRCH;
	struct weft_identity n = *t;
	if (n.sid == pid || n.sid != me.sid)
		return -EPERM;
	/* A child that has become another program is no longer its parent's to move. */
	if (pid != r->sqe->pid && (info.flags & 1))
		return -EACCES;
	if (pgid != pid && !group_exists(pgid, me.sid))
		return -EPERM;
	if (n.pgid == pgid)
		return 0;
	n.pgid = pgid;
	return set_identity(pid, 0, &n);
}

i64 op_setsid(struct fsreq *r)
{
	struct weft_identity n = *r->cred;
	u32 pid = r->sqe->pid;
	if (n.pgid == pid || group_exists(pid, 0))
		return -EPERM;
	n.sid = n.pgid = pid;
	int e = set_identity(pid, 0, &n);
	return e ? e : (i64)pid;
}

static const struct weft_identity *target(struct fsreq *r)
{
	u32 pid = (u32)r->sqe->args[0];
	return pid && pid != r->sqe->pid ? process_identity(pid) : r->cred;
}

i64 op_getpgid(struct fsreq *r)
{
	const struct weft_identity *t = target(r);
	return t ? (i64)t->pgid : -ESRCH;
}

i64 op_getsid(struct fsreq *r)
{
	const struct weft_identity *t = target(r);
	return t ? (i64)t->sid : -ESRCH;
}
