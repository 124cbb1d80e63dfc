/* SPDX-License-Identifier: MIT */
/* The native calls on fds: close, dup, ctl, read, write, and obj_create. */
#include "internal.h"
#include <linux/fcntl.h>

#define IO_MAX	 0x7ffff000ul
#define SETTABLE (O_APPEND | O_NONBLOCK | FASYNC | O_DIRECT | O_NOATIME)

i64 sys_fd_close(u64 a0)
{
	return fd_close(current_process(), (i32)a0);
}

i64 sys_fd_close_range(u64 a0, u64 a1, u64 a2)
{
	struct process *p = current_process();
	u64 hi = MIN(a1, (u64)WEFT_FD_PRIVATE - 1);

	if (a0 > a1 || (a2 & ~(u64)WEFT_CLOSE_CLOEXEC))
		return -EINVAL;
	for (u64 fd = a0; fd <= hi && fd < p->fds->pub.cap; fd++) {
		struct fd_entry *e = &p->fds->pub.e[fd];
		if (!e->o)
			continue;
		if (a2 & WEFT_CLOSE_CLOEXEC)
			e->cloexec = 1;
		else
			fd_close(p, (i32)fd);
	}
	return 0;
}

i64 sys_fd_dup(u64 a0, u64 a1, u64 a2, u64 a3)
{
	const u32 known = WEFT_DUP_CLOEXEC | WEFT_DUP_EXACT | WEFT_DUP_PRIVATE | WEFT_DUP_NOFORK |
		WEFT_DUP_MOVE | WEFT_DUP_REOPEN;
	struct process *p = current_process();
	i32 fd = (i32)a0, where = (i32)a1;
	u32 flags = (u32)a2, rights;
	HELD struct object *o = NULL;

	if (a2 & ~(u64)known)
		return -EINVAL;
	TRY(fd_get_in(p, fd, 0, WEFT_RIGHT_DUP, &o, &rights));
	rights &= (u32)a3;
	if (flags & WEFT_DUP_REOPEN)
		TRY(handle_reopen(&o));
	if (flags & WEFT_DUP_EXACT)
		where = where == fd ? -EINVAL : fd_install_at(p, o, rights, flags, where);
	else if (flags & WEFT_DUP_PRIVATE)
		where = fd_install(p, o, rights, flags);
	else if ((u32)where < p->fds->pub.limit)
		where = fd_install_from(p, o, rights, flags, (u32)where);
	else
		return -EINVAL;
	if (where >= 0 && (flags & WEFT_DUP_MOVE))
		fd_close(p, fd);
	return where;
}

i64 fd_describe(struct process *p, i32 fd, u64 user)
{
	HELD struct object *o = NULL;
	struct weft_fd_info info = {0};

	TRY(fd_get_in(p, fd, 0, 0, &o, &info.rights));
	info.type = o->type;
	info.object = o->id;
	info.status = o->status;
	if (o->ops->info)
		o->ops->info(o, &info);
	return copy_to_user(user, &info, sizeof(info));
}

static i64 fd_limit(struct process *p, u64 a)
{
	if ((i64)a == -1)
		return p->fds->pub.limit;
	if (a > MIN(p->limits[WEFT_LIMIT_FDS], 1ul << 20))
		return -EPERM;
	return p->fds->pub.limit = (u32)a;
}

static i64 set_status(struct object *o, u64 a)
{
	i64 r = o->ops->ctl ? o->ops->ctl(o, WEFT_FD_SET_STATUS, a, 0) : -EINVAL;

	if (r != -EINVAL)
		return r;
	o->status = (o->status & ~SETTABLE) | ((u32)a & SETTABLE);
	return 0;
}

i64 sys_fd_ctl(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct process *p = current_process();
	struct fd_entry *e = fd_peek((i32)a0), *other;
	HELD struct object *o = NULL;
	bool control;

	if (a1 == WEFT_FD_LIMIT)
		return fd_limit(p, a2);
	if (!e)
		return -EBADF;
	o = e->o;
	object_get(o);
	control = e->rights & WEFT_RIGHT_CONTROL;
	switch (a1) {
	case WEFT_FD_GET_FLAGS:
		return e->cloexec;
	case WEFT_FD_SET_FLAGS:
		if (a2 > 1)
			return -EINVAL;
		e->cloexec = (u16)a2;
		return 0;
	case WEFT_FD_GET_STATUS:
		return o->status;
	case WEFT_FD_SET_STATUS:
		return control ? set_status(o, a2) : -EPERM;
	case WEFT_FD_INFO:
		return fd_describe(p, (i32)a0, a2);
	case WEFT_FD_READY:
		return object_ready(o);
	case WEFT_FD_SAME:
		other = fd_peek((i32)a2);
		return other ? other->o == o : -EBADF;
	case WEFT_FD_SEEK:
		if (o->ops->stream || !o->ops->ctl)
			return -ESPIPE;
		break;
	case WEFT_FD_AVAIL:
		break;
	default:
		if (a1 != WEFT_FD_PIPE_SIZE && (a1 < 0x100 || a1 > ~0u))
			return -EINVAL;
		if (!control && (a1 != WEFT_FD_PIPE_SIZE || a2))
			return -EPERM;
	}
	return o->ops->ctl ? o->ops->ctl(o, (u32)a1, a2, a3) : -EINVAL;
}

static i64 transfer(i32 fd, u64 buf, u64 len, i64 off, u64 flags, bool write)
{
	struct fd_entry *e = fd_peek(fd);
	HELD struct object *o = NULL;
	struct weft_iov iov[8];
	struct uio u;
	i64 r;

	/* As where a file is not open for that; -EPERM is a seal's. */
	if (!e || !(e->rights & (write ? WEFT_RIGHT_WRITE : WEFT_RIGHT_READ)))
		return -EBADF;
	if (off < -1 ||
		(flags & ~(u64)(WEFT_IO_VEC | WEFT_IO_NONBLOCK | WEFT_IO_APPEND | WEFT_IO_PEEK)))
		return -EINVAL;
	if (!(write ? e->o->ops->write : e->o->ops->read))
		return -EINVAL;
	if (e->o->ops->stream && off != -1)
		return -ESPIPE;
	if (!(flags & WEFT_IO_VEC))
		len = MIN(len, IO_MAX);
	o = e->o;
	object_get(o);
	TRY(uio_init(&u, iov, ARRAY_SIZE(iov), buf, len, flags & WEFT_IO_VEC));
	if (o->status & O_NONBLOCK)
		flags |= WEFT_IO_NONBLOCK;
	if (o->status & O_APPEND)
		flags |= WEFT_IO_APPEND;
	r = u.left < o->ops->record
		? -EINVAL
		: (write ? o->ops->write : o->ops->read)(o, &u, off, (u32)flags);
	uio_free(&u, iov);
	return r;
}

i64 sys_fd_read(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	return transfer((i32)a0, a1, a2, (i64)a3, a4, false);
}

i64 sys_fd_write(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	return transfer((i32)a0, a1, a2, (i64)a3, a4, true);
}

static create_fn *const creators[] = {[WEFT_OBJ_PIPE] = pipe_create,
	[WEFT_OBJ_CHANNEL] = channel_create,
	[WEFT_OBJ_DGRAM] = dgram_create,
	[WEFT_OBJ_FENCE] = fence_create,
	[WEFT_OBJ_POLLSET] = pollset_create,
	[WEFT_OBJ_COUNTER] = counter_create,
	[WEFT_OBJ_TIMER] = timer_create_object,
	[WEFT_OBJ_SIGNALS] = signals_create,
	[WEFT_OBJ_IRQ] = irq_create};

i64 sys_obj_create(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	const u32 one_way[2] = {WEFT_RIGHT_WRITE, WEFT_RIGHT_READ}; /* what each end lacks */
	struct process *p = current_process();
	struct object *o[2] = {NULL, NULL};
	i32 fds[2] = {-1, -1};
	u32 n, rights;
	int r;

	if ((a3 & ~(u64)(WEFT_DUP_CLOEXEC | WEFT_DUP_PRIVATE | WEFT_DUP_NOFORK)) ||
		a0 >= ARRAY_SIZE(creators) || !creators[a0])
		return -EINVAL;
	r = TRY(creators[a0](a1, a2, o));
	for (n = 0; n < 2 && o[n]; n++) {
		rights = WEFT_RIGHT_ALL & ~WEFT_RIGHT_EXEC;
		if (a0 == WEFT_OBJ_PIPE || a0 == WEFT_OBJ_FENCE)
			rights &= ~one_way[n];
		object_fd_get(o[n]); /* one that gets no fd is closed as if it had had one */
		if (r >= 0)
			r = fds[n] = fd_install(p, o[n], rights, (u32)a3);
		object_fd_put(o[n]);
		object_put(o[n]);
	}
	if (r >= 0)
		r = copy_to_user(a4, fds, n * sizeof(i32));
	for (u32 i = 0; i < n && r < 0; i++)
		fd_close(p, fds[i]);
	return MIN(r, 0);
}
