/* SPDX-License-Identifier: MIT */
/* Changes of credentials, as credentials(7), setresuid(2) and capabilities(7) state them. Each gives the thread a new identity. */
#include "proc.h"

#define NONE ((u32)-1)
#define CAP_LAST 40
#define CAP_ALL ((1ull << (CAP_LAST + 1)) - 1)

/* capabilities(7), "Effect of user ID changes on capabilities". */
static void uids_changed(struct weft_identity *n, const struct weft_identity *old, bool keep)
{
	bool had_root = old->uid == 0 || old->euid == 0 || old->suid == 0;
	bool has_root = n->uid == 0 || n->euid == 0 || n->suid == 0;
	if (had_root && !has_root) {
		n->cap_effective = n->cap_ambient = 0;
		if (!keep)
			n->cap_permitted = 0;
	}
	if (old->euid == 0 && n->euid != 0)
		n->cap_effective = 0;
	if (old->euid != 0 && n->euid == 0)
		n->cap_effective = n->cap_permitted;
}

static void fsuid_changed(struct weft_identity *n, u32 old)
{
	static const u64 fs_caps = 1ull << 0 | 1ull << 1 | 1ull << 2 | 1ull << 3 | 1ull << 4 | 1ull << 27 | 1ull << 9;
	if (old == 0 && n->fsuid != 0)
		n->cap_effective &= ~fs_caps;
	else if (old != 0 && n->fsuid == 0)
		n->cap_effective |= n->cap_permitted & fs_caps;
}

/* What any exec does: the saved and file system ids follow the effective ones, capabilities are computed anew. Files have none here. */
void cred_after_exec(struct weft_identity *n)
{
	bool root = n->uid == 0 || n->euid == 0;
	n->suid = n->fsuid = n->euid;
	n->sgid = n->fsgid = n->egid;
	n->cap_permitted = root ? n->cap_inheritable | n->cap_bounding : n->cap_ambient;
	n->cap_effective = n->euid == 0 ? n->cap_permitted : n->cap_ambient;
}

static bool one_of(u32 id, u32 a, u32 b, u32 c)
{
	return id == a || id == b || id == c;
}

static int set_uids(struct weft_identity *n, const struct weft_identity *o, u32 op, u32 a, u32 b, u32 c, bool keep)
{
	bool cap = cred_capable(o, CAP_SETUID);
	switch (op) {
	case PROCP_SETUID:
		if (cap)
			n->uid = n->euid = n->suid = a;
		else if (a == o->uid || a == o->suid)
			n->euid = a;
		else
			return -EPERM;
		break;
	case PROCP_SETREUID:
		if (a != NONE && !cap && a != o->uid && a != o->euid)
			return -EPERM;
		if (b != NONE && !cap && !one_of(b, o->uid, o->euid, o->suid))
			return -EPERM;
		if (a != NONE)
			n->uid = a;
		if (b != NONE)
			n->euid = b;
		if (a != NONE || (b != NONE && b != o->uid))
			n->suid = n->euid;
		break;
	default:
		if ((a != NONE && !cap && !one_of(a, o->uid, o->euid, o->suid)) ||
			(b != NONE && !cap && !one_of(b, o->uid, o->euid, o->suid)) ||
			(c != NONE && !cap && !one_of(c, o->uid, o->euid, o->suid)))
			return -EPERM;
		n->uid = a == NONE ? n->uid : a;
		n->euid = b == NONE ? n->euid : b;
		n->suid = c == NONE ? n->suid : c;
	}
	n->fsuid = n->euid;
	uids_changed(n, o, keep);
	return 0;
}

static int set_gids(struct weft_identity *n, const struct weft_identity *o, u32 op, u32 a, u32 b, u32 c)
{
	bool cap = cred_capable(o, CAP_SETGID);
	switch (op) {
	case PROCP_SETGID:
		if (cap)
			n->gid = n->egid = n->sgid = a;
		else if (a == o->gid || a == o->sgid)
			n->egid = a;
		else
			return -EPERM;
		break;
	case PROCP_SETREGID:
		if (a != NONE && !cap && a != o->gid && a != o->egid)
			return -EPERM;
		if (b != NONE && !cap && !one_of(b, o->gid, o->egid, o->sgid))
			return -EPERM;
		if (a != NONE)
			n->gid = a;
		if (b != NONE)
			n->egid = b;
		if (a != NONE || (b != NONE && b != o->gid))
			n->sgid = n->egid;
		break;
	default:
		if ((a != NONE && !cap && !one_of(a, o->gid, o->egid, o->sgid)) ||
			(b != NONE && !cap && !one_of(b, o->gid, o->egid, o->sgid)) ||
			(c != NONE && !cap && !one_of(c, o->gid, o->egid, o->sgid)))
			return -EPERM;
		n->gid = a == NONE ? n->gid : a;
		n->egid = b == NONE ? n->egid : b;
		n->sgid = c == NONE ? n->sgid : c;
	}
	n->fsgid = n->egid;
	return 0;
}

static int set_groups(struct fsreq *r, struct weft_identity *n)
{
	u32 bytes = r->sqe->nbufs ? r->sqe->len[0] : 0;
	if (!cred_capable(r->cred, CAP_SETGID))
		return -EPERM;
	if (bytes % 4 || bytes / 4 > WEFT_IDENT_GROUPS)
		return -EINVAL;
	int e = bytes ? fsreq_in(r, 0, 0, n->groups, bytes) : 0;
	n->ngroups = bytes / 4;
	memset(n->groups + n->ngroups, 0, sizeof(n->groups) - bytes);
	return e;
}

/* capset(2): what is asked must lie within what may be had. */
static int set_caps(struct fsreq *r, struct weft_identity *n)
{
	const struct weft_identity *o = r->cred;
	u64 c[3];
	if (r->sqe->nbufs < 1 || r->sqe->len[0] < sizeof(c))
		return -EINVAL;
	int e = fsreq_in(r, 0, 0, c, sizeof(c));
	if (e)
		return e;
	u64 inheritable_limit = cred_capable(o, CAP_SETPCAP) ? o->cap_inheritable | o->cap_bounding :
							       o->cap_inheritable | o->cap_permitted;
	if ((c[1] & ~o->cap_permitted) || (c[0] & ~c[1]) || (c[2] & ~inheritable_limit))
		return -EPERM;
	n->cap_effective = c[0];
	n->cap_permitted = c[1];
	n->cap_inheritable = c[2];
	n->cap_ambient &= c[1] & c[2];
	return 0;
}

static i64 ambient(const struct fsreq *r, struct weft_identity *n, u64 what, u64 cap)
{
	switch (what) {
	case 1: /* IS_SET */
		return cap > CAP_LAST ? -EINVAL : (i64)(n->cap_ambient >> cap & 1);
	case 2: /* RAISE */
		if (cap > CAP_LAST)
			return -EINVAL;
		if (!(r->cred->cap_permitted & r->cred->cap_inheritable & 1ull << cap))
			return -EPERM;
		n->cap_ambient |= 1ull << cap;
		return 0;
	case 3: /* LOWER */
		if (cap > CAP_LAST)
			return -EINVAL;
		n->cap_ambient &= ~(1ull << cap);
		return 0;
	case 4: /* CLEAR_ALL */
		n->cap_ambient = 0;
		return 0;
	}
	return -EINVAL;
}

i64 op_cred(struct fsreq *r)
{
	struct weft_identity n = *r->cred;
	const struct weft_identity *o = r->cred;
	u32 op = (u32)r->sqe->args[0];
	u32 a = (u32)r->sqe->args[1], b = (u32)r->sqe->args[2], c = (u32)r->sqe->args[3];
	i64 result = 0;
	switch (op) {
	case PROCP_SETUID:
	case PROCP_SETREUID:
	case PROCP_SETRESUID:
		result = op == PROCP_SETUID && a == NONE ? -EINVAL : set_uids(&n, o, op, a, b, c, r->sqe->args[4]);
		break;
	case PROCP_SETGID:
	case PROCP_SETREGID:
	case PROCP_SETRESGID:
		result = op == PROCP_SETGID && a == NONE ? -EINVAL : set_gids(&n, o, op, a, b, c);
		break;
	case PROCP_SETFSUID:
		result = o->fsuid;
		if (one_of(a, o->uid, o->euid, o->suid) || a == o->fsuid || cred_capable(o, CAP_SETUID)) {
			n.fsuid = a;
			fsuid_changed(&n, o->fsuid);
		}
		break;
	case PROCP_SETFSGID:
		result = o->fsgid;
		if (one_of(a, o->gid, o->egid, o->sgid) || a == o->fsgid || cred_capable(o, CAP_SETGID))
			n.fsgid = a;
		break;
	case PROCP_SETGROUPS:
		result = set_groups(r, &n);
		break;
	case PROCP_CAPSET:
		result = set_caps(r, &n);
		break;
	case PROCP_EXEC:
		cred_after_exec(&n);
		break;
	case PROCP_NO_NEW_PRIVS:
		n.flags |= WEFT_IDENT_NO_NEW_PRIVS;
		break;
	case PROCP_CAP_DROP_BOUNDING:
		if (!cred_capable(o, CAP_SETPCAP))
			result = -EPERM;
		else if (r->sqe->args[1] > CAP_LAST)
			result = -EINVAL;
		else
			n.cap_bounding &= ~(1ull << r->sqe->args[1]);
		break;
	case PROCP_CAP_AMBIENT:
		result = ambient(r, &n, r->sqe->args[1], r->sqe->args[2]);
		break;
	default:
		result = -EINVAL;
	}
	if (result < 0 || memcmp(&n, o, sizeof(n)) == 0)
		return result;
	int e = set_identity(r->sqe->pid, r->sqe->tid, &n);
	return e ? e : result;
}

i64 op_capget(struct fsreq *r)
{
	u32 pid = (u32)r->sqe->args[0];
	const struct weft_identity *t = pid && pid != r->sqe->pid ? process_identity(pid) : r->cred;
	if ((i32)pid < 0)
		return -EINVAL;
	if (!t)
		return -ESRCH;
	u64 c[3] = {t->cap_effective & CAP_ALL, t->cap_permitted & CAP_ALL, t->cap_inheritable & CAP_ALL};
	return fsreq_out(r, 0, 0, c, sizeof(c));
}
