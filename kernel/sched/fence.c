/* SPDX-License-Identifier: MIT */
/*
 * Fences: two objects. The wait end becomes readable, for good, when the signal end is written an
 * i32 status (0 and above: done; below: failed) or when the last fd of the signal end goes without
 * that (-ECANCELED). A read of the wait end waits, then gives { i32 status; u32 0; u64 time in ns
 * }.
 */
#include "internal.h"

struct fence_result {
	i32 status;
	u32 pad;
	u64 time; /* 0: not done */
};
/* Either end. */
struct fence {
	struct object obj;
	struct fence *wait; /* of a signal end: the wait end, referenced */
	struct fence_result result;
	struct waitq waiters;
};

static u32 fence_ready(struct object *o)
{
	const struct fence_result *r = &container_of(o, struct fence, obj)->result;

	return r->time ? WEFT_POLLIN | (r->status < 0 ? WEFT_POLLERR : 0) : 0;
}

static void complete(struct fence *f, i32 status)
{
	f->result = (struct fence_result){.status = status, .time = now_ns()};
	waitq_wake(&f->waiters, ~0u, 0);
	object_notify(&f->obj, fence_ready(&f->obj));
}

static i64 fence_read(struct object *o, struct uio *u, i64, u32 flags)
{
	struct fence *f = container_of(o, struct fence, obj);

	while (!f->result.time)
		TRY(wait_io(&f->waiters, flags));
	return uio_copy_out(u, &f->result, MIN(u->left, sizeof(f->result)));
}

static i64 signal_write(struct object *o, struct uio *u, i64, u32)
{
	struct fence *f = container_of(o, struct fence, obj)->wait;
	i32 status;

	if (u->left != sizeof(status))
		return -EINVAL;
	if (uio_copy_in(u, &status, sizeof(status)) != sizeof(status))
		return -EFAULT;
	if (f->result.time)
		return -EALREADY;
	complete(f, status);
	return sizeof(status);
}

static u32 signal_ready(struct object *o)
{
	return container_of(o, struct fence, obj)->wait->result.time ? WEFT_POLLERR : WEFT_POLLOUT;
}

static void signal_closed(struct object *o)
{
	struct fence *f = container_of(o, struct fence, obj)->wait;

	if (!f->result.time)
		complete(f, -ECANCELED);
}

static void signal_destroy(struct object *o)
{
	object_put(&container_of(o, struct fence, obj)->wait->obj);
	object_free(o);
}

static const struct obj_ops wait_ops = {.stream = true,
	.record = sizeof(i32),
	.read = fence_read,
	.ready = fence_ready,
	.destroy = object_free};
static const struct obj_ops signal_ops = {.stream = true,
	.record = sizeof(i32),
	.write = signal_write,
	.ready = signal_ready,
	.closed = signal_closed,
	.destroy = signal_destroy};

int fence_create(u64, u64, struct object *out[2])
{
	struct fence *f = object_new(sizeof(*f), WEFT_OBJ_FENCE, &wait_ops);
	struct fence *signal = f ? object_new(sizeof(*f), WEFT_OBJ_FENCE, &signal_ops) : NULL;

	if (!signal) {
		object_put(&f->obj);
		return -ENOMEM;
	}
	waitq_init(&f->waiters);
	signal->wait = f;
	signal->obj.status = 1; /* O_WRONLY */
	object_get(&f->obj);
	out[0] = &f->obj;
	out[1] = &signal->obj;
	return 0;
}
