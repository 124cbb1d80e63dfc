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

struct namespace
{
	struct object obj; /* WEFT_OBJ_NS */
	struct list entries;
	u32 n;
};
#define NS_ENTRIES_MAX 256u

static struct ns_entry *ns_find(struct namespace *n, const char *name)
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

static void ns_clear(struct namespace *n)
{
	while (!list_empty(&n->entries))
		entry_free(n, list_first(&n->entries, struct ns_entry, link));
}

static void ns_destroy(struct object *o)
{
	struct namespace *n = container_of(o, struct namespace, obj);

	ns_clear(n);
	kfree(n);
}

static const struct obj_ops ns_ops = {.name = "namespace", .destroy = ns_destroy};

struct namespace *ns_create_root(void)
{
	struct namespace *n = kzalloc(sizeof(*n));

	if (!n)
		return NULL;
	list_init(&n->entries);
	object_init(&n->obj, WEFT_OBJ_NS, &ns_ops);
	return n;
}

void ns_get(struct namespace *n)
{
	object_get(&n->obj);
}

void ns_put(struct namespace *n)
{
	if (n)
		object_put(&n->obj);
}

struct object *ns_object(struct namespace *n)
{
	return &n->obj;
}

struct namespace *ns_of_object(struct object *o)
{
	return o->type == WEFT_OBJ_NS ? container_of(o, struct namespace, obj) : NULL;
}

static bool name_ok(const char *name, size_t len)
{
	if (!len || len > WEFT_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') ||
			    name[i] == '_' || name[i] == '.' || name[i] == '-'))
			return false;
	return true;
}

int ns_publish(struct namespace *n, const char *name, struct object *o)
{
	struct ns_entry *e;

	if (!name_ok(name, strlen(name)))
		return -EINVAL;
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

/* Keeps the names of a '\n'-separated list. A name that is not there is an error: -ENOENT. */
int ns_copy(struct namespace *from, const char *list, size_t len, struct namespace **out)
{
	struct namespace *n = ns_create_root();
	struct ns_entry *e;
	char name[WEFT_NAME_MAX + 1];
	int err = 0;

	if (!n)
		return -ENOMEM;
	if (!len)
		list_for_each(e, &from->entries, link)
			if (!err)
				err = ns_publish(n, e->name, e->o);
	for (size_t at = 0, end; at < len && !err; at = end + 1) {
		for (end = at; end < len && list[end] != '\n'; end++)
			;
		if (end == at)
			continue;
		if (!name_ok(list + at, end - at)) {
			err = -EINVAL;
			break;
		}
		memcpy(name, list + at, end - at);
		name[end - at] = 0;
		e = ns_find(from, name);
		err = e ? ns_publish(n, name, e->o) : -ENOENT;
		if (err == -EEXIST)
			err = 0;
	}
	if (err)
		ns_put(n);
	else
		*out = n;
	return err;
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

static u32 fd_flags(u64 a)
{
	return (a & WEFT_REQ_CLOEXEC ? WEFT_DUP_CLOEXEC : 0) |
		(a & WEFT_REQ_PRIVATE ? WEFT_DUP_PRIVATE : 0);
}

static i64 ns_open(struct namespace *n, const char *name, u64 flags)
{
	struct ns_entry *e = ns_find(n, name);
	struct handle *h;
	i32 fd;
	int err;

	if (!e)
		return -ENOENT;
	if (e->o->type != WEFT_OBJ_ENDPOINT)
		return fd_install(current_process(), e->o, WEFT_RIGHT_ALL, fd_flags(flags));
	err = handle_create(container_of(e->o, struct scheme, obj), 0, &h);
	if (err)
		return err;
	fd = fd_install(current_process(), &h->obj, WEFT_RIGHT_ALL, fd_flags(flags));
	object_put(&h->obj);
	return fd;
}

static i64 ns_list(struct namespace *n, u64 to, u64 len)
{
	struct ns_entry *e;
	u64 at = 0, k;
	char *buf = kmalloc(n->n * (WEFT_NAME_MAX + 1ul) + 1);
	int err;

	if (!buf)
		return -ENOMEM;
	list_for_each(e, &n->entries, link) {
		k = strlen(e->name);
		memcpy(buf + at, e->name, k);
		at += k;
		buf[at++] = '\n';
	}
	if (at > len)
		err = -ERANGE;
	else
		err = at && copy_to_user(to, buf, at) ? -EFAULT : 0;
	kfree(buf);
	return err ? err : (i64)at;
}

static i64 clone(struct namespace *n, const char *list, u64 len, u64 flags, u32 rights)
{
	struct namespace *new;
	i32 fd;
	int err = ns_copy(n, list, len, &new);

	if (err)
		return err;
	fd = fd_install(current_process(), &new->obj, rights, fd_flags(flags));
	ns_put(new);
	return fd;
}

static i64 publish(struct namespace *n, const char *name, i32 fd)
{
	struct object *o;
	int err = fd_get(fd, WEFT_OBJ_ENDPOINT, WEFT_RIGHT_CONTROL, &o);

	if (err)
		return err;
	err = ns_publish(n, name, o);
	object_put(o);
	return err;
}

static int enter(struct namespace *n, bool control)
{
	struct process *p = current_process();
	struct namespace *old = p->ns;

	if (!n)
		return -EINVAL;
	if (!control && !(old && ns_subset(n, old)))
		return -EPERM;
	ns_get(n);
	p->ns = n;
	ns_put(old);
	return 0;
}

static int enter_null(void)
{
	struct process *p = current_process();
	struct namespace *n = ns_create_root();

	if (!n)
		return -ENOMEM;
	ns_put(p->ns);
	p->ns = n;
	return 0;
}

/* Takes the name or list argument: a NUL-terminated copy. Lists may be long. */
static int take_name(u64 op, u64 uname, u64 len, char **out)
{
	u64 max = op == WEFT_NS_CLONE ? 64ul << 10 : WEFT_NAME_MAX;
	char *s;

	*out = NULL;
	if (op != WEFT_NS_OPEN && op != WEFT_NS_PUBLISH && op != WEFT_NS_REMOVE &&
		op != WEFT_NS_CLONE)
		return 0;
	if (len > max)
		return op == WEFT_NS_CLONE ? -E2BIG : -ENAMETOOLONG;
	s = kmalloc(len + 1);
	if (!s)
		return -ENOMEM;
	if (len && copy_from_user(s, uname, len)) {
		kfree(s);
		return -EFAULT;
	}
	s[len] = 0;
	*out = s;
	if (op != WEFT_NS_CLONE && !name_ok(s, len))
		return -EINVAL;
	return 0;
}

i64 sys_ns_ctl(u64 fd, u64 op, u64 uname, u64 len, u64 a)
{
	struct namespace *n = current_process()->ns;
	struct ns_entry *e;
	struct object *o = NULL;
	u32 rights = WEFT_RIGHT_ALL & ~WEFT_RIGHT_CONTROL;
	bool own = (i32)fd == -1;
	char *name = NULL;
	i64 r;

	if (op == WEFT_NS_NULL)
		return enter_null();
	if (own) {
		if (!n)
			return -ENOENT;
		object_get(&n->obj);
		o = &n->obj;
	} else {
		r = fd_get_in(current_process(), (i32)fd, WEFT_OBJ_NS, 0, &o, &rights);
		if (r)
			return r;
		n = container_of(o, struct namespace, obj);
	}
	r = take_name(op, uname, len, &name);
	if (r)
		goto out;
	switch (op) {
	case WEFT_NS_OPEN:
		r = ns_open(n, name, a);
		break;
	case WEFT_NS_PUBLISH:
		r = rights & WEFT_RIGHT_CONTROL ? publish(n, name, (i32)a) : -EPERM;
		break;
	case WEFT_NS_REMOVE:
		e = ns_find(n, name);
		if (!own && !(rights & WEFT_RIGHT_CONTROL))
			r = -EPERM;
		else if (!e)
			r = -ENOENT;
		else
			entry_free(n, e);
		break;
	case WEFT_NS_CLONE:
		r = clone(n, name, len, a, rights);
		break;
	case WEFT_NS_LIST:
		r = ns_list(n, uname, len);
		break;
	case WEFT_NS_ENTER:
		r = enter(own ? NULL : n, rights & WEFT_RIGHT_CONTROL);
		break;
	default:
		r = -EINVAL;
	}
out:
	kfree(name);
	object_put(o);
	return r;
}
