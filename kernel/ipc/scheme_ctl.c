/* SPDX-License-Identifier: MIT */
/* scheme_ctl: what a server says about its handles outside replies, and how init gives an orphaned
 * endpoint a new server. */
#include "scheme_impl.h"

i64 scheme_succeed(struct scheme *s);

static i64 endpoint_ctl(i32 fd, u64 op)
{
	HELD struct object *o = NULL;
	int err = fd_get(fd, WEFT_OBJ_ENDPOINT, WEFT_RIGHT_CONTROL, &o);

	if (err)
		return err;
	return op == WEFT_SCHEME_SUCCEED ? scheme_succeed(container_of(o, struct scheme, obj))
					 : -EINVAL;
}

static i64 new_handle(struct scheme *s, u64 urfd)
{
	HELD struct handle *h = NULL;
	struct weft_reply_fd f;
	i32 fd;
	int err;

	if (copy_from_user(&f, urfd, sizeof(f)))
		return -EFAULT;
	err = handle_mint(s, &f, &h);
	if (err)
		return err;
	fd = fd_install(current_process(), &h->obj, f.rights & WEFT_RIGHT_ALL, FD_NEW);
	if (fd < 0)
		h->abandoned =
			true; /* the call fails: no CLOSE for what the server does not have */
	return fd;
}

static i64 identify(struct scheme *s, i32 fd)
{
	struct fd_entry *e = fd_peek(fd);
	struct handle *h;

	if (!e)
		return -EBADF;
	if (e->o->type != WEFT_OBJ_HANDLE)
		return -EXDEV;
	h = container_of(e->o, struct handle, obj);
	return h->s == s ? (i64)h->id : -EXDEV;
}

static i64 info(struct handle *h, u64 to)
{
	struct weft_fd_info i;

	memset(&i, 0, sizeof(i));
	i.type = WEFT_OBJ_HANDLE;
	i.object = h->obj.id;
	i.status = h->obj.status;
	handle_info(&h->obj, &i);
	i.handle = h->id;
	return copy_to_user(to, &i, sizeof(i)) ? -EFAULT : 0;
}

static i64 handle_ctl(struct handle *h, u64 op, u64 b, u64 c)
{
	switch (op) {
	case WEFT_SCHEME_READY:
		handle_set_ready(h, (u32)b, c == 1);
		return 0;
	case WEFT_SCHEME_ATTACH_MEM:
		return handle_attach_mem(h, (i32)b, (u32)c);
	case WEFT_SCHEME_HANDLE_INFO:
		return info(h, b);
	case WEFT_SCHEME_ABANDON:
		handle_abandon(h);
		return 0;
	}
	return -EINVAL;
}

i64 sys_scheme_ctl(u64 fd, u64 op, u64 a, u64 b, u64 c)
{
	struct fd_entry *e = fd_peek((i32)fd);
	HELD struct server *sv = NULL;
	HELD struct handle *h = NULL;
	int err;

	if (e && e->o->type == WEFT_OBJ_ENDPOINT)
		return endpoint_ctl((i32)fd, op);
	err = scheme_of_fd((i32)fd, &sv);
	if (err)
		return err;
	if (op == WEFT_SCHEME_NEW_HANDLE)
		return new_handle(sv->s, a);
	if (op == WEFT_SCHEME_IDENTIFY)
		return identify(sv->s, (i32)a);
	if (op == WEFT_SCHEME_SUCCEED || op > WEFT_SCHEME_ABANDON)
		return -EINVAL;
	h = scheme_find(sv->s, a);
	if (!h)
		return -ENOENT;
	object_get(&h->obj);
	return handle_ctl(h, op, b, c);
}
