/* SPDX-License-Identifier: MIT */
/*
 * Files that are opened for reading again and again. The second time a handle is kept (a template); from then on WEFT_DUP_REOPEN of
 * it opens the file without asking its server. That is right while the name cache says of the path what it said at the time of
 * the template: the server would have given the same answer. Whether the identity is still the same is the kernel's to see. The table is
 * not inherited; a template keeps a deleted file's space until the process deletes or opens others, executes or ends.
 */
#include "path.h"
#include <native/fsproto.h>

static bool same(const struct rt_template *t, const struct fsp_stat *st)
{
	return t->node == st->ino && t->mode == st->mode && t->uid == st->uid && t->gid == st->gid;
}

static struct rt_template *find(struct rt_proc *p, const struct fsp_stat *st, u32 flags)
{
	for (u32 i = 0; i < RT_TEMPLATES; i++)
		if (p->templates[i].node && p->templates[i].flags == flags && same(&p->templates[i], st))
			return &p->templates[i];
	return NULL;
}

/* The table's entry becomes *to. -> its handle that is to be closed, or -1 */
static i32 replace(struct rt_template *t, const struct rt_template *to)
{
	i32 old = t->node ? t->fd : -1;

	*t = *to;
	return old;
}

static void drop(i32 fd)
{
	if (fd >= 0)
		NC(FD_CLOSE, fd);
}

bool rt_reopen_fits(u32 flags, const struct fsp_stat *st)
{
	return !(flags & ~(O_CLOEXEC | O_LARGEFILE | O_NOCTTY | O_NOFOLLOW)) && (st->mode & S_IFMT) == S_IFREG;
}

i64 rt_reopen(const struct fsp_stat *st, u32 flags)
{
	struct rt_proc *p = rt_proc();
	i64 r = -EAGAIN;
	i32 old = -1;

	if (!p->ntemplates)
		return r;
	rt_lock_take(&p->fs_lock);
	struct rt_template *t = find(p, st, flags & ~O_CLOEXEC);
	if (t && t->fd >= 0) {
		r = NC(FD_DUP, t->fd, 0, WEFT_DUP_REOPEN | (flags & O_CLOEXEC ? WEFT_DUP_CLOEXEC : 0), WEFT_RIGHT_ALL);
		if (r < 0 && r != -EMFILE) /* somebody watches the file, or we are somebody else: the server is asked */
			old = replace(t, &(struct rt_template){0});
	}
	rt_lock_drop(&p->fs_lock);
	drop(old);
	return r == -EMFILE ? r : r < 0 ? -EAGAIN : r;
}

void rt_reopen_note(const struct fsp_stat *st, u32 flags, i32 fd)
{
	struct rt_proc *p = rt_proc();
	struct rt_template now = {.node = st->ino, .mode = st->mode, .uid = st->uid, .gid = st->gid, .flags = flags & ~O_CLOEXEC, .fd = -1};
	struct weft_fd_info info;

	rt_lock_take(&p->fs_lock);
	struct rt_template *t = find(p, st, now.flags);
	if (!t)
		t = &p->templates[p->template_next++ % RT_TEMPLATES];
	else if (rt_fd_info(fd, &info) >= 0 && info.attr.ino == st->ino && info.scheme == p->cache_scheme)
		now.fd = NC(FD_DUP, fd, 0, WEFT_DUP_REOPEN | WEFT_DUP_PRIVATE | WEFT_DUP_CLOEXEC | WEFT_DUP_NOFORK, WEFT_RIGHT_ALL);
	p->ntemplates |= now.fd >= 0;
	i32 old = replace(t, &now);
	rt_lock_drop(&p->fs_lock);
	drop(old);
}

void rt_reopen_drop(void)
{
	struct rt_proc *p = rt_proc();
	i32 old[RT_TEMPLATES];

	if (!p->ntemplates)
		return;
	rt_lock_take(&p->fs_lock);
	for (u32 i = 0; i < RT_TEMPLATES; i++)
		old[i] = replace(&p->templates[i], &(struct rt_template){0});
	p->ntemplates = 0;
	rt_lock_drop(&p->fs_lock);
	for (u32 i = 0; i < RT_TEMPLATES; i++)
		drop(old[i]);
}
