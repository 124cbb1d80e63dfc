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

/* The table that fd belongs to, and its place in that. */
static struct fd_table *table_of(struct fds *f, i32 fd, u32 *n)
{
	bool private = fd >= WEFT_FD_PRIVATE;

	*n = (u32)fd - (private ? WEFT_FD_PRIVATE : 0);
	return private ? &f->priv : &f->pub;
}

static struct fd_entry *table_entry(struct fds *f, i32 fd)
{
	u32 n;
	struct fd_table *t = table_of(f, fd, &n);

	return n < t->cap && t->e[n].o ? &t->e[n] : NULL;
}

static int entry_set(struct fd_table *t, u32 n, struct object *o, u32 rights, u32 flags)
{
	struct object *old;
	int r = table_reserve(t, n + 1);

	if (r)
		return r;
	old = t->e[n].o;
	t->used += !old;
	object_fd_get(o);
	t->e[n] = (struct fd_entry){o, rights, !!(flags & WEFT_DUP_CLOEXEC),
		!!(flags & WEFT_DUP_NOFORK)};
	object_fd_put(old);
	return 0;
}

static i32 table_install(struct fd_table *t, u32 from, u32 limit, struct object *o, u32 rights,
	u32 flags)
{
	u32 n = MAX(from, t->hint);
	int r;

	while (n < t->cap && t->e[n].o)
		n++;
	if (n >= limit)
		return -EMFILE;
	r = entry_set(t, n, o, rights, flags);
	if (!r && from <= t->hint)
		t->hint = n + 1;
	return r ? r : (i32)n;
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
	i32 n;

	if (!f)
		return -ESRCH;
	if (!(flags & WEFT_DUP_PRIVATE))
		return table_install(&f->pub, from, f->limit, o, rights, flags & ~WEFT_DUP_NOFORK);
	n = table_install(&f->priv, 0, PRIVATE_LIMIT, o, rights, flags);
	return n < 0 ? n : n + WEFT_FD_PRIVATE;
}

i32 fd_install(struct process *p, struct object *o, u32 rights, u32 flags)
{
	return fd_install_from(p, o, rights, flags, 0);
}

i32 fd_install_at(struct process *p, struct object *o, u32 rights, u32 flags, i32 at)
{
	struct fds *f = p->fds;
	struct fd_table *t;
	u32 n;
	int r;

	if (!f)
		return -ESRCH;
	t = table_of(f, at, &n);
	if (t == &f->pub)
		flags &= ~WEFT_DUP_NOFORK;
	if (n >= (t == &f->pub ? f->limit : PRIVATE_LIMIT))
		return -EBADF;
	r = entry_set(t, n, o, rights, flags);
	return r ? r : at;
}

int fd_close(struct process *p, i32 fd)
{
	struct fd_entry *e = p->fds ? table_entry(p->fds, fd) : NULL;
	struct fd_table *t;
	u32 n;

	if (!e)
		return -EBADF;
	t = table_of(p->fds, fd, &n);
	entry_close(t, n);
	return 0;
}

struct fds *fds_create(void)
{
	struct fds *f = kzalloc(sizeof(*f));

	if (f)
		*f = (struct fds){.refs = 1, .limit = 1024};
	return f;
}

static int table_copy(struct fd_table *to, const struct fd_table *from)
{
	u32 top = from->cap;
	int r;

	while (top && !from->e[top - 1].o)
		top--;
	r = table_reserve(to, top);
	for (u32 n = 0; !r && n < top; n++) {
		if (!from->e[n].o || from->e[n].nofork)
			continue;
		to->e[n] = from->e[n];
		to->used++;
		object_fd_get(to->e[n].o);
	}
	while (to->hint < to->cap && to->e[to->hint].o)
		to->hint++;
	return r;
}

int fds_copy(struct fds *from, struct fds **out)
{
	struct fds *f = fds_create();
	int r;

	if (!f)
		return -ENOMEM;
	f->limit = from->limit;
	r = table_copy(&f->pub, &from->pub);
	if (!r)
		r = table_copy(&f->priv, &from->priv);
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
			entry_close(t, n);
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
