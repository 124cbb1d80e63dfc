/* SPDX-License-Identifier: MIT */
/*
 * Fences: two objects. The wait end becomes readable, for good, when the signal end is written an
 * i32 status (0 and above: done; below: failed) or when the last fd of the signal end goes without
 * that (-ECANCELED). A read of the wait end waits, then gives { i32 status; u32 0; u64 time in ns
 * }.
 */
#include "internal.h"

struct fence {
	struct object wait, signal;
	bool done;
	i32 status;
	u64 time;
	struct waitq waiters;
	u32 ends; /* of the two objects, those that live */
};
struct fence_result {
	i32 status;
	u32 pad;
	u64 time;
};

static const struct obj_ops wait_ops;

static struct fence *of_wait(struct object *o)
{
	return container_of(o, struct fence, wait);
}

static struct fence *of_signal(struct object *o)
{
	return container_of(o, struct fence, signal);
}

static void complete(struct fence *f, i32 status)
{
	f->done = true;
	f->status = status;
	f->time = now_ns();
	if (!f->wait.refs)
		return;
	object_get(&f->wait);
	waitq_wake(&f->waiters, ~0u, 0);
	object_notify(&f->wait, WEFT_POLLIN | (status < 0 ? WEFT_POLLERR : 0));
	object_put(&f->wait);
}

static i64 fence_read(struct object *o, struct uio *u, i64, u32 flags)
{
	struct fence *f = of_wait(o);
	struct fence_result res;
	int r;

	while (!f->done) {
		r = wait_io(&f->waiters, flags);
		if (r)
			return r;
	}
	res = (struct fence_result){.status = f->status, .time = f->time};
	return uio_copy_out(u, &res, MIN(u->left, sizeof(res)));
}

static i64 fence_write(struct object *o, struct uio *u, i64, u32)
{
	struct fence *f = of_signal(o);
	i32 status;

	if (u->left != sizeof(status))
		return -EINVAL;
	if (uio_copy_in(u, &status, sizeof(status)) != sizeof(status))
		return -EFAULT;
	if (f->done)
		return -EALREADY;
	complete(f, status);
	return sizeof(status);
}

static u32 fence_ready(struct object *o)
{
	struct fence *f = of_wait(o);

	return f->done ? WEFT_POLLIN | (f->status < 0 ? WEFT_POLLERR : 0) : 0;
}

static u32 signal_ready(struct object *o)
{
	return of_signal(o)->done ? WEFT_POLLERR : WEFT_POLLOUT;
}

static void signal_closed(struct object *o)
{
	struct fence *f = of_signal(o);

	if (!f->done)
		complete(f, -ECANCELED);
}

static struct fence *of_end(struct object *o)
{
	return o->ops == &wait_ops ? of_wait(o) : of_signal(o);
}

static void fence_destroy(struct object *o)
{
	if (!--of_end(o)->ends)
		kfree(of_end(o));
}

static void fence_info(struct object *o, struct weft_fd_info *out)
{
	out->koid2 = (o->ops == &wait_ops ? &of_end(o)->signal : &of_end(o)->wait)->id;
}

static const struct obj_ops wait_ops = {.stream = true,
	.record = sizeof(i32),
	.read = fence_read,
	.ready = fence_ready,
	.info = fence_info,
	.destroy = fence_destroy};
static const struct obj_ops signal_ops = {.stream = true,
	.record = sizeof(i32),
	.write = fence_write,
	.ready = signal_ready,
	.info = fence_info,
	.closed = signal_closed,
	.destroy = fence_destroy};

int fence_create(struct object *out[2])
{
	struct fence *f = kzalloc(sizeof(*f));

	if (!f)
		return -ENOMEM;
	object_init(&f->wait, WEFT_OBJ_FENCE, &wait_ops);
	object_init(&f->signal, WEFT_OBJ_FENCE, &signal_ops);
	f->signal.status = 1; /* O_WRONLY */
	f->ends = 2;
	waitq_init(&f->waiters);
	out[0] = &f->wait;
	out[1] = &f->signal;
	return 0;
}
