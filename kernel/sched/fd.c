/* SPDX-License-Identifier: MIT */
/*
 * Fd tables. A process has a numbered table (0 .. limit-1, lowest free number first) and a private
 * one (WEFT_FD_PRIVATE + index). An open entry holds one fd and one reference of its object.
 * `hint`: no entry below it is free.
 */
#include "internal.h"

#define PRIVATE_LIMIT 65536u
#define FIRST_SIZE    16u

static int table_reserve(struct fd_table *t, u32 n)
{
	if (n <= t->cap)
		return 0;
	u32 cap = t->cap ? t->cap : FIRST_SIZE;
	while (cap < n)
		cap *= 2;
	struct fd_entry *e = krealloc_zero(t->e, t->cap * sizeof(*e), cap * sizeof(*e));
	if (!e)
		return -ENOMEM;
	t->e = e;
	t->cap = cap;
	return 0;
}

static struct fd_entry *table_entry(struct fds *f, i32 fd)
{
	struct fd_table *t = &f->pub;
	u32 n = (u32)fd;

	if (fd < 0)
		return NULL;
	if (n >= WEFT_FD_PRIVATE) {
		t = &f->priv;
		n -= WEFT_FD_PRIVATE;
	}
	if (n >= t->cap || !t->e[n].o)
		return NULL;
	return &t->e[n];
}

static i32 table_install(struct fd_table *t, u32 from, u32 limit, struct object *o, u32 rights,
	u32 flags)
{
	u32 n = MAX(from, t->hint);

	while (n < t->cap && t->e[n].o)
		n++;
	if (n >= limit)
		return -EMFILE;
	int r = table_reserve(t, n + 1);
	if (r)
		return r;
	if (from <= t->hint)
		t->hint = n + 1;
	t->used++;
	t->e[n] = (struct fd_entry){o, rights, flags & WEFT_DUP_CLOEXEC ? 1 : 0,
		flags & WEFT_DUP_NOFORK ? 1 : 0};
	object_fd_get(o);
	return (i32)n;
}

static void entry_close(struct fd_table *t, u32 n)
{
	struct object *o = t->e[n].o;

	t->e[n].o = NULL;
	t->used--;
	if (n < t->hint)
		t->hint = n;
	object_fd_put(o);
}

struct fd_entry *fd_peek(i32 fd)
{
	return table_entry(current_process()->fds, fd);
}

int fd_get_in(struct process *p, i32 fd, u32 type, u32 rights, struct object **out, u32 *rights_out)
{
	struct fd_entry *e = p->fds ? table_entry(p->fds, fd) : NULL;

	if (!e)
		return -EBADF;
	if (type && e->o->type != type)
		return -EINVAL;
	if ((e->rights & rights) != rights)
		return -EPERM;
	if (rights_out)
		*rights_out = e->rights;
	object_get(e->o);
	*out = e->o;
	return 0;
}

int fd_get(i32 fd, u32 type, u32 rights, struct object **out)
{
	return fd_get_in(current_process(), fd, type, rights, out, NULL);
}

/* As fd_install, at `from` or above in the numbered table. */
i32 fd_install_from(struct process *p, struct object *o, u32 rights, u32 flags, u32 from)
{
	struct fds *f = p->fds;

	if (!f)
		return -ESRCH;
	if (!(flags & WEFT_DUP_PRIVATE))
		return table_install(&f->pub, from, f->limit, o, rights, flags & ~WEFT_DUP_NOFORK);
	i32 n = table_install(&f->priv, 0, PRIVATE_LIMIT, o, rights, flags);
	return n < 0 ? n : n + WEFT_FD_PRIVATE;
}

i32 fd_install(struct process *p, struct object *o, u32 rights, u32 flags)
{
	return fd_install_from(p, o, rights, flags, 0);
}

i32 fd_install_at(struct process *p, struct object *o, u32 rights, u32 flags, i32 at)
{
	struct fds *f = p->fds;

	if (!f)
		return -ESRCH;
	if (at < 0)
		return -EBADF;
	bool priv = at >= WEFT_FD_PRIVATE;
	u32 n = priv ? (u32)at - WEFT_FD_PRIVATE : (u32)at;
	struct fd_table *t = priv ? &f->priv : &f->pub;
	if (n >= (priv ? PRIVATE_LIMIT : f->limit))
		return -EBADF;
	int r = table_reserve(t, n + 1);
	if (r)
		return r;
	struct object *old = t->e[n].o;
	if (!old)
		t->used++;
	object_fd_get(o);
	t->e[n] = (struct fd_entry){o, rights, flags & WEFT_DUP_CLOEXEC ? 1 : 0,
		priv && (flags & WEFT_DUP_NOFORK) ? 1 : 0};
	if (old)
		object_fd_put(old);
	return at;
}

int fd_close(struct process *p, i32 fd)
{
	struct fds *f = p->fds;
	struct fd_entry *e = f ? table_entry(f, fd) : NULL;

	if (!e)
		return -EBADF;
	struct fd_table *t = fd >= WEFT_FD_PRIVATE ? &f->priv : &f->pub;
	entry_close(t, (u32)(e - t->e));
	return 0;
}

struct fds *fds_create(void)
{
	struct fds *f = kzalloc(sizeof(*f));

	if (!f)
		return NULL;
	f->refs = 1;
	f->limit = 1024;
	return f;
}

static int table_copy(struct fd_table *to, const struct fd_table *from)
{
	u32 top = from->cap;

	while (top && !from->e[top - 1].o)
		top--;
	int r = table_reserve(to, top);
	if (r)
		return r;
	for (u32 n = 0; n < top; n++) {
		if (!from->e[n].o || from->e[n].nofork)
			continue;
		to->e[n] = from->e[n];
		to->used++;
		object_fd_get(to->e[n].o);
	}
	while (to->hint < to->cap && to->e[to->hint].o)
		to->hint++;
	return 0;
}

int fds_copy(struct fds *from, struct fds **out)
{
	struct fds *f = fds_create();

	if (!f)
		return -ENOMEM;
	f->limit = from->limit;
	int r = table_copy(&f->pub, &from->pub);
	if (!r)
		r = table_copy(&f->priv, &from->priv);
	if (r) {
		fds_put(f);
		return r;
	}
	*out = f;
	return 0;
}

static void table_close(struct fd_table *t)
{
	for (u32 n = 0; n < t->cap && t->used; n++) {
		if (t->e[n].o)
			entry_close(t, n);
	}
	kfree(t->e);
}

void fds_put(struct fds *f)
{
	if (!f || --f->refs)
		return;
	table_close(&f->pub);
	table_close(&f->priv);
	kfree(f);
}

static void table_close_exec(struct fd_table *t)
{
	for (u32 n = 0; n < t->cap; n++) {
		if (t->e[n].o && t->e[n].cloexec)
			entry_close(t, n);
	}
}

void fds_close_exec(struct process *p)
{
	table_close_exec(&p->fds->pub);
	table_close_exec(&p->fds->priv);
}
