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
	u32 cap = t->cap ? t->cap : FIRST_SIZE;
	struct fd_entry *e;

	if (n <= t->cap)
		return 0;
	while (cap < n)
		cap *= 2;
	e = krealloc_zero(t->e, t->cap * sizeof(*e), cap * sizeof(*e));
	if (!e)
		return -ENOMEM;
	t->e = e;
	t->cap = cap;
	return 0;
}

static struct fd_table *table_of(struct fds *f, i32 fd)
{
	return fd >= WEFT_FD_PRIVATE ? &f->priv : &f->pub;
}

static struct fd_entry *table_entry(struct fds *f, i32 fd)
{
	struct fd_table *t = f ? table_of(f, fd) : NULL;
	u32 n = t ? (u32)(fd - t->base) : 0;

	return t && n < t->cap && t->e[n].o ? &t->e[n] : NULL;
}

static i32 entry_set(struct fd_table *t, u32 n, struct object *o, u32 rights, u32 flags)
{
	struct object *old;

	TRY(table_reserve(t, n + 1));
	old = t->e[n].o;
	t->used += !old;
	object_fd_get(o);
	t->e[n] = (struct fd_entry){o, rights, !!(flags & WEFT_DUP_CLOEXEC),
		t->base && (flags & WEFT_DUP_NOFORK)};
	object_fd_put(old);
	return (i32)n + t->base;
}

static void entry_close(struct fd_table *t, struct fd_entry *e)
{
	struct object *o = e->o;

	e->o = NULL;
	t->used--;
	t->hint = MIN(t->hint, (u32)(e - t->e));
	object_fd_put(o);
}

struct fd_entry *fd_peek(i32 fd)
{
	return table_entry(current_process()->fds, fd);
}

int fd_get_in(struct process *p, i32 fd, u32 type, u32 rights, struct object **out, u32 *rights_out)
{
	struct fd_entry *e = table_entry(p->fds, fd);

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

/* As fd_install, at index `from` or above. */
i32 fd_install_from(struct process *p, struct object *o, u32 rights, u32 flags, u32 from)
{
	struct fd_table *t;
	u32 n;
	i32 fd;

	if (!p->fds)
		return -ESRCH;
	t = flags & WEFT_DUP_PRIVATE ? &p->fds->priv : &p->fds->pub;
	n = MAX(from, t->hint);
	while (n < t->cap && t->e[n].o)
		n++;
	if (n >= t->limit)
		return -EMFILE;
	fd = TRY(entry_set(t, n, o, rights, flags));
	if (from <= t->hint)
		t->hint = n + 1;
	return fd;
}

i32 fd_install(struct process *p, struct object *o, u32 rights, u32 flags)
{
	return fd_install_from(p, o, rights, flags, 0);
}

i32 fd_install_at(struct process *p, struct object *o, u32 rights, u32 flags, i32 at)
{
	struct fd_table *t = p->fds ? table_of(p->fds, at) : NULL;

	if (!t)
		return -ESRCH;
	if ((u32)(at - t->base) >= t->limit)
		return -EBADF;
	return entry_set(t, (u32)(at - t->base), o, rights, flags);
}

int fd_close(struct process *p, i32 fd)
{
	struct fd_entry *e = table_entry(p->fds, fd);

	if (!e)
		return -EBADF;
	entry_close(table_of(p->fds, fd), e);
	return 0;
}

struct fds *fds_create(void)
{
	struct fds *f = kzalloc(sizeof(*f));

	if (f)
		*f = (struct fds){.refs = 1,
			.pub.limit = 1024,
			.priv = {.limit = PRIVATE_LIMIT, .base = WEFT_FD_PRIVATE}};
	return f;
}

static int table_copy(struct fd_table *to, const struct fd_table *from)
{
	TRY(table_reserve(to, from->cap));
	for (u32 n = 0; n < from->cap; n++) {
		if (!from->e[n].o || from->e[n].nofork)
			continue;
		to->e[n] = from->e[n];
		to->used++;
		object_fd_get(to->e[n].o);
	}
	to->limit = from->limit;
	return 0;
}

int fds_copy(struct fds *from, struct fds **out)
{
	struct fds *f = fds_create();
	int r;

	if (!f)
		return -ENOMEM;
	r = table_copy(&f->pub, &from->pub) ?: table_copy(&f->priv, &from->priv);
	if (r)
		fds_put(f);
	else
		*out = f;
	return r;
}

static void table_close(struct fd_table *t, bool all)
{
	for (u32 n = 0; n < t->cap && t->used; n++)
		if (t->e[n].o && (all || t->e[n].cloexec))
			entry_close(t, &t->e[n]);
}

void fds_put(struct fds *f)
{
	if (!f || --f->refs)
		return;
	table_close(&f->pub, true);
	table_close(&f->priv, true);
	kfree(f->pub.e);
	kfree(f->priv.e);
	kfree(f);
}

void fds_close_exec(struct process *p)
{
	table_close(&p->fds->pub, false);
	table_close(&p->fds->priv, false);
}
