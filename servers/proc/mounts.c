/* SPDX-License-Identifier: MIT */
/*
 * What is mounted where, as session/mount told: for /proc/PID/mounts and mountinfo, and for the programs that this server builds. A
 * mount's id is that of its root's handle (attr.mount), which is what statx gives.
 */
#include "proc.h"

#include <posix/start.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define MOUNTS_MAX 64

static struct posix_mount mounts[MOUNTS_MAX];
static struct {
	struct weft_fd_info at, root;
} about[MOUNTS_MAX];
static u32 nmounts;
struct session session = {-1, -1, -1, -1, -1};

const struct posix_mount *mounts_all(u32 *n)
{
	*n = nmounts;
	return mounts;
}

static int look_at(i32 fd, struct weft_fd_info *out)
{
	i64 e = weft_fd_ctl((u64)fd, WEFT_FD_INFO, PTR(out), 0);
	if (e >= 0 && out->type != WEFT_OBJ_HANDLE)
		e = -EINVAL;
	return e < 0 ? (int)e : 0;
}

/* Where a part of a scheme is mounted nosuid, no part of it has set-id programs: its nodes can be reached through any handle of it. */
bool mounts_suid(u64 scheme)
{
	struct weft_fd_info root;
	bool found = session.root >= 0 && look_at(session.root, &root) == 0 && root.scheme == scheme;
	for (u32 i = 0; i < nmounts; i++) {
		if (about[i].root.scheme != scheme)
			continue;
		if (mounts[i].flags & MS_NOSUID)
			return false;
		found = true;
	}
	return found;
}

/* Empty for the root, and for what is not mounted. */
const char *mounts_place(u64 scheme, u64 node)
{
	for (u32 i = nmounts; i-- > 0;)
		if (about[i].root.scheme == scheme && about[i].root.attr.ino == node)
			return mounts[i].path;
	return "";
}

i64 op_session(struct fsreq *r)
{
	i32 *const to[] = {&session.root, &session.proc, &session.ipc, &session.ns, &session.net};
	if (!cred_capable(r->cred, CAP_SYS_ADMIN))
		return -EPERM;
	if (r->sqe->nfds < 4)
		return -EINVAL;
	for (u32 i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		if (*to[i] >= 0)
			weft_fd_close((u64)*to[i]);
		i32 fd = request_take_fd(vfs_request(r), i);
		*to[i] = fd < 0 ? -1 : fd;
	}
	return 0;
}

i64 op_mount(struct fsreq *r)
{
	struct posix_mount m;
	if (!cred_capable(r->cred, CAP_SYS_ADMIN))
		return -EPERM;
	if (nmounts == MOUNTS_MAX)
		return -ENOSPC;
	if (r->sqe->nfds < 2)
		return -EINVAL;
	int e = fsreq_in(r, 0, 0, &m, sizeof(m));
	if (!e)
		e = look_at(r->sqe->fds[0], &about[nmounts].at);
	if (!e)
		e = look_at(r->sqe->fds[1], &about[nmounts].root);
	if (e)
		return e;
	m.fstype[sizeof(m.fstype) - 1] = m.source[sizeof(m.source) - 1] = m.path[sizeof(m.path) - 1] = 0;
	m.at = request_take_fd(vfs_request(r), 0);
	m.root = request_take_fd(vfs_request(r), 1);
	mounts[nmounts++] = m;
	return 0;
}

static void options(struct text *t, u32 flags)
{
	text_add(t, "%s%s%s%s,relatime", flags & MS_RDONLY ? "ro" : "rw", flags & MS_NOSUID ? ",nosuid" : "",
		flags & MS_NODEV ? ",nodev" : "", flags & MS_NOEXEC ? ",noexec" : "");
}

static void line(struct text *t, bool info, const struct posix_mount *m, u64 parent, const struct weft_fd_info *root)
{
	const char *path = m->path[0] ? m->path : "/";
	u64 dev = root->attr.dev;
	if (info)
		text_add(t, "%llu %llu %u:%u / %s ", (unsigned long long)root->attr.mount, (unsigned long long)parent,
			(unsigned)(dev >> 8 & 0xfff), (unsigned)((dev & 0xff) | (dev >> 12 & 0xfff00)), path);
	else
		text_add(t, "%s %s %s ", m->source, path, m->fstype);
	options(t, m->flags);
	if (info)
		text_add(t, " - %s %s rw\n", m->fstype, m->source);
	else
		text_add(t, " 0 0\n");
}

void mounts_text(struct text *t, bool info)
{
	struct posix_mount top = {.path = "/"};
	struct weft_fd_info root;
	if (session.root >= 0 && look_at(session.root, &root) == 0) {
		memcpy(top.fstype, root.attr.fs_magic == 0xef53 ? "ext4" : "tmpfs", 6);
		memcpy(top.source, "root", 5);
		line(t, info, &top, 0, &root);
	}
	for (u32 i = 0; i < nmounts; i++)
		if (S_ISDIR(about[i].root.attr.mode) && S_ISDIR(about[i].at.attr.mode))
			line(t, info, &mounts[i], about[i].at.attr.mount, &about[i].root);
}
