/* SPDX-License-Identifier: MIT */
/* The native calls on fds: close, dup, ctl, read, write, and obj_create. */
#include "internal.h"

#define IO_MAX 0x7ffff000ul
#define STATUS_SETTABLE                                                                            \
	(02000u | 04000u | 020000u | 040000u |                                                     \
		01000000u) /* O_APPEND, NONBLOCK, ASYNC, DIRECT, NOATIME */
#define STATUS_NONBLOCK 04000u
#define STATUS_APPEND	02000u

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
	struct process *p = current_process();
	i32 fd = (i32)a0, where = (i32)a1;
	u32 flags = (u32)a2, rights;
	struct object *o;
	i64 r;

	if (a2 &
		~(u64)(WEFT_DUP_CLOEXEC | WEFT_DUP_EXACT | WEFT_DUP_PRIVATE | WEFT_DUP_NOFORK |
			WEFT_DUP_MOVE))
		return -EINVAL;
	r = fd_get_in(p, fd, 0, WEFT_RIGHT_DUP, &o, &rights);
	if (r)
		return r;
	rights &= (u32)a3;
	if (flags & WEFT_DUP_EXACT)
		r = where == fd ? -EINVAL : fd_install_at(p, o, rights, flags, where);
	else if (!(flags & WEFT_DUP_PRIVATE) && (where < 0 || (u32)where >= p->fds->limit))
		r = -EINVAL;
	else
		r = fd_install_from(p, o, rights, flags, (u32)where);
	if (r >= 0 && (flags & WEFT_DUP_MOVE))
		fd_close(p, fd);
	object_put(o);
	return r;
}

static void describe(const struct fd_entry *e, struct weft_fd_info *out)
{
	struct object *o = e->o;

	*out = (struct weft_fd_info){.type = o->type,
		.rights = e->rights,
		.object = o->id,
		.status = o->status};
	if (o->ops->info)
		o->ops->info(o, out);
}

int fd_describe(struct process *p, i32 fd, struct weft_fd_info *out)
{
	struct object *o;
	struct fd_entry e = {0};
	int r = fd_get_in(p, fd, 0, 0, &o, &e.rights);

	if (r)
		return r;
	e.o = o;
	describe(&e, out);
	object_put(o);
	return 0;
}

i64 fd_list(struct process *p, u64 user, u64 n)
{
	i32 batch[64];
	u32 at = 0;
	u64 done = 0, count = 0;

	for (u32 fd = 0; p->fds && fd < p->fds->pub.cap; fd++) {
		if (!p->fds->pub.e[fd].o)
			continue;
		count++;
		if (done + at >= n)
			continue;
		batch[at++] = (i32)fd;
		if (at < ARRAY_SIZE(batch))
			continue;
		if (copy_to_user(user + done * sizeof(i32), batch, sizeof(batch)))
			return -EFAULT;
		done += at;
		at = 0;
	}
	if (at && copy_to_user(user + done * sizeof(i32), batch, at * sizeof(i32)))
		return -EFAULT;
	return (i64)count;
}

static i64 fd_limit(struct process *p, u64 a)
{
	if ((i64)a == -1)
		return p->fds->limit;
	if (a > MIN(p->limits[WEFT_LIMIT_FDS], 1ul << 20))
		return -EPERM;
	p->fds->limit = (u32)a;
	return (i64)a;
}

static i64 set_status(struct object *o, u64 a)
{
	i64 r = o->ops->ctl ? o->ops->ctl(o, WEFT_FD_SET_STATUS, a, 0) : -EINVAL;

	if (r != -EINVAL)
		return r;
	o->status = (o->status & ~STATUS_SETTABLE) | ((u32)a & STATUS_SETTABLE);
	return 0;
}

static i64 ctl(struct fd_entry *e, u64 op, u64 a, u64 b)
{
	struct weft_fd_info info;
	struct fd_entry *other;

	switch (op) {
	case WEFT_FD_GET_STATUS:
		return e->o->status;
	case WEFT_FD_SET_STATUS:
		return e->rights & WEFT_RIGHT_CONTROL ? set_status(e->o, a) : -EPERM;
	case WEFT_FD_INFO:
		describe(e, &info);
		return copy_to_user(a, &info, sizeof(info));
	case WEFT_FD_READY:
		return object_ready(e->o);
	case WEFT_FD_SAME:
		other = fd_peek((i32)a);
		return other ? other->o == e->o : -EBADF;
	case WEFT_FD_SEEK:
		if (e->o->ops->stream || !e->o->ops->ctl)
			return -ESPIPE;
		return e->o->ops->ctl(e->o, WEFT_FD_SEEK, a, b);
	case WEFT_FD_AVAIL:
	case WEFT_FD_PIPE_SIZE:
		break;
	default:
		if (op < 0x100 || op > 0xffffffffu)
			return -EINVAL;
		if (!(e->rights & WEFT_RIGHT_CONTROL))
			return -EPERM;
		break;
	}
	if (op == WEFT_FD_PIPE_SIZE && a && !(e->rights & WEFT_RIGHT_CONTROL))
		return -EPERM;
	return e->o->ops->ctl ? e->o->ops->ctl(e->o, (u32)op, a, b) : -EINVAL;
}

i64 sys_fd_ctl(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct fd_entry *e, copy;
	i64 r;

	if (a1 == WEFT_FD_LIST)
		return fd_list(current_process(), a2, a3);
	if (a1 == WEFT_FD_LIMIT)
		return fd_limit(current_process(), a2);
	e = fd_peek((i32)a0);
	if (!e)
		return -EBADF;
	if (a1 == WEFT_FD_GET_FLAGS)
		return e->cloexec;
	if (a1 == WEFT_FD_SET_FLAGS) {
		if (a2 > 1)
			return -EINVAL;
		e->cloexec = (u16)a2;
		return 0;
	}
	copy = *e;
	object_get(copy.o);
	r = ctl(&copy, a1, a2, a3);
	object_put(copy.o);
	return r;
}

static i64 transfer(i32 fd, u64 buf, u64 len, i64 off, u64 flags, bool write)
{
	const u32 right = write ? WEFT_RIGHT_WRITE : WEFT_RIGHT_READ;
	struct fd_entry *e = fd_peek(fd);
	struct weft_iov iov[8];
	struct object *o;
	struct uio u;
	i64 r;

	if (!e)
		return -EBADF;
	if (!(e->rights & right))
		return -EBADF; /* as where a file is not open for that; -EPERM is a seal's */
	if (off < -1 ||
		(flags & ~(u64)(WEFT_IO_VEC | WEFT_IO_NONBLOCK | WEFT_IO_APPEND | WEFT_IO_PEEK)))
		return -EINVAL;
	o = e->o;
	if (!(write ? o->ops->write : o->ops->read))
		return -EINVAL;
	if (o->ops->stream && off != -1)
		return -ESPIPE;
	if (!(flags & WEFT_IO_VEC))
		len = MIN(len, IO_MAX);
	object_get(o);
	r = uio_init(&u, iov, ARRAY_SIZE(iov), buf, len, flags & WEFT_IO_VEC);
	if (r)
		goto out;
	r = -EINVAL;
	if (u.left < o->ops->record)
		goto free;
	if (o->status & STATUS_NONBLOCK)
		flags |= WEFT_IO_NONBLOCK;
	if (o->status & STATUS_APPEND)
		flags |= WEFT_IO_APPEND;
	r = write ? o->ops->write(o, &u, off, (u32)flags) : o->ops->read(o, &u, off, (u32)flags);
free:
	uio_free(&u, iov);
out:
	object_put(o);
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

/* -> how many objects (1 or 2), with the rights of each. */
static int create(u64 kind, u64 a, u64 b, struct object *o[2], u32 rights[2])
{
	int r;

	rights[0] = rights[1] = WEFT_RIGHT_ALL & ~WEFT_RIGHT_EXEC;
	switch (kind) {
	case WEFT_OBJ_PIPE:
		rights[0] &= ~WEFT_RIGHT_WRITE;
		rights[1] &= ~WEFT_RIGHT_READ;
		r = pipe_create(a, o);
		return r ? r : 2;
	case WEFT_OBJ_CHANNEL:
		if (b > 1)
			return -EINVAL;
		if (b) {
			r = channel_create_half ? channel_create_half((u32)a, &o[0]) : -ENOSYS;
			break;
		}
		r = channel_create((u32)a, o);
		return r ? r : 2;
	case WEFT_OBJ_DGRAM:
		r = dgram_create(o);
		return r ? r : 2;
	case WEFT_OBJ_FENCE:
		rights[0] &= ~WEFT_RIGHT_WRITE;
		rights[1] &= ~WEFT_RIGHT_READ;
		r = fence_create(o);
		return r ? r : 2;
	case WEFT_OBJ_POLLSET:
		r = pollset_create(&o[0]);
		break;
	case WEFT_OBJ_COUNTER:
		r = counter_create(a, b, &o[0]);
		break;
	case WEFT_OBJ_TIMER:
		r = timer_create_object((u32)a, &o[0]);
		break;
	case WEFT_OBJ_SIGNALS:
		r = signals_create(a, &o[0]);
		break;
	case WEFT_OBJ_IRQ:
		r = irq_create((i32)a, (u32)b, &o[0]);
		break;
	default:
		return -EINVAL;
	}
	return r ? r : 1;
}

i64 sys_obj_create(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct process *p = current_process();
	struct object *o[2] = {NULL, NULL};
	u32 rights[2];
	i32 fds[2] = {-1, -1};
	int n, r = 0;

	if (a3 & ~(u64)(WEFT_DUP_CLOEXEC | WEFT_DUP_PRIVATE | WEFT_DUP_NOFORK))
		return -EINVAL;
	n = create(a0, a1, a2, o, rights);
	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		if (r >= 0)
			r = fds[i] = fd_install(p, o[i], rights[i], (u32)a3);
		/* An object that got no fd is closed as if it had had one. */
		if (r < 0) {
			object_fd_get(o[i]);
			object_fd_put(o[i]);
		}
		object_put(o[i]);
	}
	if (r >= 0)
		r = copy_to_user(a4, fds, (u64)n * sizeof(i32));
	for (int i = 0; i < n && r < 0; i++) {
		if (fds[i] >= 0)
			fd_close(p, fds[i]);
	}
	return r < 0 ? r : 0;
}
