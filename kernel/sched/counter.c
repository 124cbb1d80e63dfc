/* SPDX-License-Identifier: MIT */
/* Counters: eventfd's semantics. A read takes all (semaphore: one); a write adds, and waits where
 * the sum would reach 2^64 - 1. */
#include "internal.h"

#define TOP (~0ul - 1)

struct counter {
	struct object obj;
	u64 value;
	bool semaphore;
	struct waitq waiters; /* at 0 readers, else writers */
};

static i64 counter_read(struct object *o, struct uio *u, i64, u32 flags)
{
	struct counter *c = container_of(o, struct counter, obj);
	u64 v;

	while (!c->value)
		TRY(wait_io(&c->waiters, flags));
	v = c->semaphore ? 1 : c->value;
	c->value -= v;
	waitq_wake(&c->waiters, ~0u, 0);
	object_notify(o, WEFT_POLLOUT);
	return uio_copy_out(u, &v, sizeof(v)) == sizeof(v) ? (i64)sizeof(v) : -EFAULT;
}

static i64 counter_write(struct object *o, struct uio *u, i64, u32 flags)
{
	struct counter *c = container_of(o, struct counter, obj);
	u64 v;

	if (uio_copy_in(u, &v, sizeof(v)) != sizeof(v))
		return -EFAULT;
	if (v > TOP)
		return -EINVAL;
	while (v > TOP - c->value)
		TRY(wait_io(&c->waiters, flags));
	c->value += v;
	if (v) {
		waitq_wake(&c->waiters, c->semaphore ? (u32)MIN(v, 0xfffffffful) : 1, 0);
		object_notify(o, WEFT_POLLIN);
	}
	return sizeof(v);
}

static u32 counter_ready(struct object *o)
{
	struct counter *c = container_of(o, struct counter, obj);

	return (c->value ? WEFT_POLLIN : 0) | (c->value < TOP ? WEFT_POLLOUT : 0);
}

static const struct obj_ops counter_ops = {.stream = true,
	.record = sizeof(u64),
	.read = counter_read,
	.write = counter_write,
	.ready = counter_ready,
	.destroy = object_free};

int counter_create(u64 initial, u64 semaphore, struct object *out[2])
{
	struct counter *c;

	if (initial > TOP)
		return -EINVAL;
	c = object_new(sizeof(*c), WEFT_OBJ_COUNTER, &counter_ops);
	if (!c)
		return -ENOMEM;
	c->obj.status = 2; /* O_RDWR */
	c->value = initial;
	c->semaphore = semaphore;
	waitq_init(&c->waiters);
	*out = &c->obj;
	return 0;
}
