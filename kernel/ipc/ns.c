/* SPDX-License-Identifier: MIT */
/*
 * Namespaces: which names a process can open. A name leads to a scheme's endpoint (opening makes a
 * root handle, id 0) or to a built-in root object (which is opened as it is). An entry holds a
 * capability of its endpoint, so that a published scheme can get a successor. A process's own
 * namespace can only shrink; names are added through an fd with CONTROL.
 */
#include "scheme_impl.h"

struct ns_entry {
	struct list link;
	char name[WEFT_NAME_MAX + 1];
	struct object *o;
};

#define NS_ENTRIES_MAX 256u
#define LIST_MAX       (64ul << 10)

static struct ns_entry *ns_find(const struct namespace *n, const char *name)
{
	struct ns_entry *e;

	list_for_each(e, &n->entries, link)
		if (!strcmp(e->name, name))
			return e;
	return NULL;
}

static void entry_free(struct namespace *n, struct ns_entry *e)
{
	list_del(&e->link);
	n->n--;
	object_fd_put(e->o);
	kfree(e);
}

static void ns_destroy(struct object *o)
{
	struct namespace *n = container_of(o, struct namespace, obj);

	while (!list_empty(&n->entries))
		entry_free(n, list_first(&n->entries, struct ns_entry, link));
	kfree(n);
}

static const struct obj_ops ns_ops = {.destroy = ns_destroy};

struct namespace *ns_create_root(void)
{
	struct namespace *n = object_new(sizeof(*n), WEFT_OBJ_NS, &ns_ops);

	if (n)
		list_init(&n->entries);
	return n;
}

int ns_publish(struct namespace *n, const char *name, struct object *o)
{
	struct ns_entry *e;

	if (ns_find(n, name))
		return -EEXIST;
	if (n->n >= NS_ENTRIES_MAX)
		return -ENOSPC;
	e = kzalloc(sizeof(*e));
	if (!e)
		return -ENOMEM;
	strlcpy(e->name, name, sizeof(e->name));
	e->o = o;
	object_fd_get(o);
	list_add_tail(&n->entries, &e->link);
	n->n++;
	return 0;
}

/* Keeps the names of a '\n'-separated list, which may be long; without one all. */
static int ns_copy(struct namespace *n, const struct namespace *from, u64 ulist, u64 len)
{
	HELD_MEM char *list = len > LIST_MAX ? NULL : kmalloc(len + 1);
	struct ns_entry *e;
	int err;

	if (!list)
		return len > LIST_MAX ? -E2BIG : -ENOMEM;
	TRY(copy_from_user(list, ulist, len));
	if (!len)
		list_for_each(e, &from->entries, link)
			TRY(ns_publish(n, e->name, e->o));
	for (u64 at = 0, end; at < len; at = end + 1) {
		for (end = at; end < len && list[end] != '\n'; end++)
			;
		list[end] = 0;
		if (end == at)
			continue;
		e = ns_find(from, list + at);
		err = e ? ns_publish(n, e->name, e->o) : -ENOENT;
		if (err && err != -EEXIST)
			return err;
	}
	return 0;
}

bool ns_subset(struct namespace *small, struct namespace *big)
{
	struct ns_entry *e, *f;

	list_for_each(e, &small->entries, link) {
		f = ns_find(big, e->name);
		if (!f || f->o != e->o)
			return false;
	}
	return true;
}

static i64 ns_open(struct namespace *n, const char *name, u64 flags)
{
	struct ns_entry *e = ns_find(n, name);
	HELD struct object *o = NULL;

	if (!e)
		return -ENOENT;
	if (e->o->type == WEFT_OBJ_ENDPOINT) {
		TRY(handle_create(container_of(e->o, struct scheme, obj), 0, (void *)&o));
	} else {
		o = e->o;
		object_get(o);
	}
	return fd_install(current_process(), o, WEFT_RIGHT_ALL, flags & FD_NEW);
}

static i64 ns_list(struct namespace *n, u64 to, u64 len)
{
	HELD_MEM char *buf = kmalloc(n->n * (WEFT_NAME_MAX + 1ul) + 1);
	struct ns_entry *e;
	u64 at = 0;

	if (!buf)
		return -ENOMEM;
	list_for_each(e, &n->entries, link)
		at += (u64)snprintf(buf + at, sizeof(e->name) + 1, "%s\n", e->name);
	if (at > len)
		return -ERANGE;
	TRY(copy_to_user(to, buf, at));
	return (i64)at;
}

static i64 clone(struct namespace *n, u64 ulist, u64 len, u64 flags, u32 rights)
{
	HELD struct namespace *new = ns_create_root();

	if (!new)
		return -ENOMEM;
	TRY(ns_copy(new, n, ulist, len));
	return fd_install(current_process(), &new->obj, rights, flags & FD_NEW);
}

static i64 publish(struct namespace *n, const char *name, i32 fd)
{
	HELD struct object *o = NULL;

	TRY(fd_get(fd, WEFT_OBJ_ENDPOINT, WEFT_RIGHT_CONTROL, &o));
	return ns_publish(n, name, o);
}

/* The caller's namespace from now on: takes over the reference. */
static i64 enter(struct namespace *n)
{
	HELD struct namespace *old = NULL;

	if (!n)
		return -ENOMEM;
	old = current_process()->ns;
	current_process()->ns = n;
	return 0;
}

static int take_name(u64 uname, u64 len, char name[WEFT_NAME_MAX + 1])
{
	if (len > WEFT_NAME_MAX)
		return -ENAMETOOLONG;
	TRY(copy_from_user(name, uname, len));
	name[len] = 0;
	for (u64 i = 0; i < len; i++)
		if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') ||
			    name[i] == '_' || name[i] == '.' || name[i] == '-'))
			return -EINVAL;
	return len ? 0 : -EINVAL;
}

i64 sys_ns_ctl(u64 fd, u64 op, u64 uname, u64 len, u64 a)
{
	struct namespace *mine = current_process()->ns;
	bool own = (i32)fd == -1, control;
	u32 rights = WEFT_RIGHT_ALL & ~WEFT_RIGHT_CONTROL;
	char name[WEFT_NAME_MAX + 1];
	HELD struct namespace *n = NULL;
	struct ns_entry *e;

	if (op == WEFT_NS_NULL)
		return enter(ns_create_root());
	if (own && !mine)
		return -ENOENT;
	if (own)
		object_get(&mine->obj);
	else
		TRY(fd_get_in(current_process(), (i32)fd, WEFT_OBJ_NS, 0, (void *)&n, &rights));
	n = own ? mine : n;
	control = rights & WEFT_RIGHT_CONTROL;
	if (op == WEFT_NS_OPEN || op == WEFT_NS_PUBLISH || op == WEFT_NS_REMOVE)
		TRY(take_name(uname, len, name));
	switch (op) {
	case WEFT_NS_OPEN:
		return ns_open(n, name, a);
	case WEFT_NS_PUBLISH:
		return control ? publish(n, name, (i32)a) : -EPERM;
	case WEFT_NS_REMOVE:
		if (!own && !control)
			return -EPERM;
		e = ns_find(n, name);
		if (e)
			entry_free(n, e);
		return e ? 0 : -ENOENT;
	case WEFT_NS_CLONE:
		return clone(n, uname, len, a, rights);
	case WEFT_NS_LIST:
		return ns_list(n, uname, len);
	case WEFT_NS_ENTER:
		if (own)
			break;
		if (!control && !(mine && ns_subset(n, mine)))
			return -EPERM;
		object_get(&n->obj);
		return enter(n);
	}
	return -EINVAL;
}
