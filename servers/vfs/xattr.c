/* SPDX-License-Identifier: MIT */
/* Extended attributes, as xattr(7) has them: who may see and change which names. The back end keeps
 * them. */
#include "vfs.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define NAME_ROOM   256
#define VALUE_MAX   65536u
#define CAP_SETFCAP 31

static bool begins(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* ACLs are not enforced, so they are not taken either: system.* is refused. */
static int may_use(const struct node *n, const struct weft_identity *c, const char *name,
	bool write)
{
	if (write && n->fs->read_only)
		return -EROFS;
	if (begins(name, "user.")) {
		if (!S_ISREG(n->mode) && !S_ISDIR(n->mode))
			return write ? -EPERM : -ENODATA;
		if (write && S_ISDIR(n->mode) && (n->mode & S_ISVTX) && c->fsuid != n->uid &&
			!cred_capable(c, CAP_FOWNER))
			return -EPERM;
		return perm_check(n, c, write ? MAY_W : MAY_R);
	}
	if (begins(name, "trusted."))
		return cred_capable(c, CAP_SYS_ADMIN) ? 0 : write ? -EPERM : -ENODATA;
	if (strcmp(name, "security.capability") == 0)
		return !write || cred_capable(c, CAP_SETFCAP) ? 0 : -EPERM;
	if (begins(name, "security."))
		return !write || cred_capable(c, CAP_SYS_ADMIN) ? 0 : -EPERM;
	return -EOPNOTSUPP;
}

/* trusted.* is not even told to others. */
static u64 hide_trusted(char *list, u64 len)
{
	u64 kept = 0, step;
	for (u64 at = 0; at < len; at += step) {
		step = strlen(list + at) + 1;
		if (begins(list + at, "trusted."))
			continue;
		memmove(list + kept, list + at, step);
		kept += step;
	}
	return kept;
}

static i64 get(struct fsreq *r, struct node *n, const char *name)
{
	u64 room = r->sqe->len[3] < VALUE_MAX ? r->sqe->len[3] : VALUE_MAX;
	i64 e = name ? may_use(n, r->cred, name, false) : 0;
	char *value = malloc(VALUE_MAX);
	if (!value)
		return -ENOMEM;
	if (!e)
		e = name ? n->fs->ops->getxattr(n, name, value, VALUE_MAX)
			 : n->fs->ops->listxattr(n, value, VALUE_MAX);
	if (e > 0 && !name && !cred_capable(r->cred, CAP_SYS_ADMIN))
		e = (i64)hide_trusted(value, (u64)e);
	if (e > 0 && room && (u64)e > room)
		e = -ERANGE;
	if (e >= 0) {
		r->out[2] = (u64)e;
		e = e && room ? fsreq_out(r, 3, 0, value, (u64)e) : 0;
	}
	free(value);
	return e;
}

static i64 change(struct fsreq *r, struct node *n, const char *name)
{
	u32 flags = (u32)r->sqe->args[0];
	u64 len = r->sqe->len[3];
	i64 e = may_use(n, r->cred, name, true);
	if (!e && (flags & ~(u32)(XATTR_CREATE | XATTR_REPLACE)))
		e = -EINVAL;
	if (!e && r->sqe->op == FSP_SETXATTR) {
		char *value = malloc(len ? len : 1);
		e = !value ? -ENOMEM : len ? fsreq_in(r, 3, 0, value, len) : 0;
		if (!e)
			e = n->fs->ops->setxattr(n, name, value, len, flags);
		free(value);
	} else if (!e) {
		e = n->fs->ops->removexattr(n, name);
	}
	if (!e) {
		n->ctime = fs_now();
		node_dirty(n);
	}
	return e;
}

i64 vfs_xattr(struct fsreq *r)
{
	char name[NAME_ROOM] = "";
	struct walk w;
	u16 op = r->sqe->op;
	if (r->sqe->nbufs < 4 || r->sqe->len[3] > VALUE_MAX)
		return -EINVAL;
	if (op != FSP_LISTXATTR && (r->sqe->len[2] == 0 || r->sqe->len[2] >= sizeof(name)))
		return -ERANGE;
	i64 e = op == FSP_LISTXATTR ? 0 : fsreq_in(r, 2, 0, name, r->sqe->len[2]);
	if (!e)
		e = vfs_begin_node(r, &w);
	if (e)
		return e;
	struct node *n = w.at->node;
	if (!n->fs->ops->getxattr || n->nops)
		e = op == FSP_LISTXATTR ? 0 : -EOPNOTSUPP;
	else if (op == FSP_SETXATTR || op == FSP_REMOVEXATTR)
		e = change(r, n, name);
	else
		e = get(r, n, op == FSP_LISTXATTR ? NULL : name);
	walk_end(&w);
	return e;
}
