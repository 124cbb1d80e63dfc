/* SPDX-License-Identifier: MIT */
/* scheme_ctl: what a server says about its handles outside replies, and how init gives an orphaned
 * endpoint a new server. */
#include "scheme_impl.h"

static i64 endpoint_ctl(i32 fd, u64 op)
{
	HELD struct scheme *s = NULL;

	TRY(fd_get(fd, WEFT_OBJ_ENDPOINT, WEFT_RIGHT_CONTROL, (void *)&s));
	return op == WEFT_SCHEME_SUCCEED ? scheme_succeed(s) : -EINVAL;
}

static i64 new_handle(struct scheme *s, u64 urfd)
{
	HELD struct handle *h = NULL;
	struct weft_reply_fd f;

	TRY(copy_from_user(&f, urfd, sizeof(f)));
	TRY(handle_mint(s, &f, &h));
	return fd_install(current_process(), &h->obj, f.rights & WEFT_RIGHT_ALL, FD_NEW);
}

static i64 identify(struct scheme *s, i32 fd)
{
	struct fd_entry *e = fd_peek(fd);
	struct handle *h;

	if (!e)
		return -EBADF;
	h = container_of(e->o, struct handle, obj);
	return e->o->type == WEFT_OBJ_HANDLE && h->s == s ? (i64)h->id : -EXDEV;
}

static i64 info(struct handle *h, u64 to)
{
	struct weft_fd_info i = {.type = WEFT_OBJ_HANDLE,
		.object = h->obj.id,
		.status = h->obj.status};

	handle_info(&h->obj, &i);
	return copy_to_user(to, &i, sizeof(i));
}

i64 sys_scheme_ctl(u64 fd, u64 op, u64 a, u64 b, u64 c)
{
	struct fd_entry *e = fd_peek((i32)fd);
	HELD struct server *sv = NULL;
	HELD struct handle *h = NULL;

	if (e && e->o->type == WEFT_OBJ_ENDPOINT)
		return endpoint_ctl((i32)fd, op);
	TRY(scheme_of_fd((i32)fd, &sv));
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
	switch (op) {
	case WEFT_SCHEME_READY:
		handle_set_ready(h, (u32)b, c == 1);
		break;
	case WEFT_SCHEME_ATTACH_MEM:
		return handle_attach_mem(h, (i32)b, (u32)c);
	case WEFT_SCHEME_HANDLE_INFO:
		return info(h, b);
	case WEFT_SCHEME_ABANDON:
		handle_abandon(h);
	}
	return 0;
}
