/* SPDX-License-Identifier: MIT */
/* Permission checks, as path_resolution(7), capabilities(7) and chmod(2) state them. */
#include "vfs.h"

#include <sys/stat.h>

bool cred_capable(const struct weft_identity *c, u32 cap)
{
	return c->cap_effective >> cap & 1;
}

bool cred_in_group(const struct weft_identity *c, u32 gid)
{
	if (c->fsgid == gid)
		return true;
	for (u32 i = 0; i < c->ngroups && i < WEFT_IDENT_GROUPS; i++)
		if (c->groups[i] == gid)
			return true;
	return false;
}

static int check(const struct node *n, const struct weft_identity *c, u32 uid, bool in_group, u32 may)
{
	u32 bits = n->mode & 7;
	if (uid == n->uid)
		bits = n->mode >> 6 & 7;
	else if (in_group)
		bits = n->mode >> 3 & 7;
	if ((bits & may) == may)
		return 0;
	bool dir = S_ISDIR(n->mode);
	if (cred_capable(c, CAP_DAC_OVERRIDE) && (!(may & MAY_X) || dir || (n->mode & 0111)))
		return 0;
	if (cred_capable(c, CAP_DAC_READ_SEARCH) && (may == MAY_R || (dir && !(may & MAY_W))))
		return 0;
	return -EACCES;
}

int perm_check(const struct node *n, const struct weft_identity *c, u32 may)
{
	if ((may & MAY_W) && n->fs->read_only &&
		(S_ISREG(n->mode) || S_ISDIR(n->mode) || S_ISLNK(n->mode)))
		return -EROFS;
	return check(n, c, c->fsuid, cred_in_group(c, n->gid), may);
}

/* access(2) asks for the real ids: capabilities count only for real uid 0. */
int perm_access(const struct node *n, const struct weft_identity *c, u32 may, bool effective)
{
	if (effective)
		return perm_check(n, c, may);
	struct weft_identity real = *c;
	real.fsuid = c->uid;
	real.fsgid = c->gid;
	real.cap_effective = c->uid == 0 ? c->cap_permitted : 0;
	return perm_check(n, &real, may);
}

int perm_delete(const struct node *dir, const struct node *n, const struct weft_identity *c)
{
	int e = perm_check(dir, c, MAY_W | MAY_X);
	if (e)
		return e;
	if ((dir->mode & S_ISVTX) && c->fsuid != n->uid && c->fsuid != dir->uid &&
		!cred_capable(c, CAP_FOWNER))
		return -EPERM;
	return 0;
}

/* Checks a change of attributes, and clears the set-id bits where the rules say so. */
int perm_setattr(const struct node *n, const struct weft_identity *c, struct fsp_setattr *a)
{
	bool owner = c->fsuid == n->uid;
	if (n->fs->read_only)
		return -EROFS;
	if (a->valid & FSP_SET_UID) {
		bool same = owner && a->uid == n->uid;
		if (!same && !cred_capable(c, CAP_CHOWN))
			return -EPERM;
	}
	if (a->valid & FSP_SET_GID) {
		bool allowed = owner && (a->gid == n->gid || cred_in_group(c, a->gid));
		if (!allowed && !cred_capable(c, CAP_CHOWN))
			return -EPERM;
	}
	if (a->valid & FSP_SET_MODE) {
		if (!owner && !cred_capable(c, CAP_FOWNER))
			return -EPERM;
		u32 gid = a->valid & FSP_SET_GID ? a->gid : n->gid;
		if ((a->mode & S_ISGID) && !cred_in_group(c, gid) && !cred_capable(c, CAP_FSETID))
			a->mode &= ~(u32)S_ISGID;
	} else if ((a->valid & (FSP_SET_UID | FSP_SET_GID)) && !S_ISDIR(n->mode) &&
		   (n->mode & (S_ISUID | S_ISGID))) {
		a->mode = n->mode & 07777 & ~(u32)S_ISUID;
		if (n->mode & S_IXGRP)
			a->mode &= ~(u32)S_ISGID;
		a->valid |= FSP_SET_MODE;
	}
	u32 explicit_times = FSP_SET_ATIME | FSP_SET_MTIME;
	if ((a->valid & explicit_times) && !owner && !cred_capable(c, CAP_FOWNER))
		return -EPERM;
	if ((a->valid & (FSP_SET_ATIME_NOW | FSP_SET_MTIME_NOW)) && !owner &&
		!cred_capable(c, CAP_FOWNER)) {
		int e = perm_check(n, c, MAY_W);
		if (e)
			return e;
	}
	return 0;
}
