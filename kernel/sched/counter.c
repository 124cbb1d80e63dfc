/* SPDX-License-Identifier: MIT */
/* Counters: eventfd's semantics. A read takes all (semaphore: one); a write adds, and waits where
 * the sum would reach 2^64 - 1. */
#include "internal.h"

#define TOP (~0ul - 1)

struct counter {
	struct object obj;
	u64 value;
	bool semaphore;
	struct waitq readers, writers;
};

static struct counter *of(struct object *o)
{
	return container_of(o, struct counter, obj);
}

static i64 counter_read(struct object *o, struct uio *u, i64 off, u32 flags)
{
	struct counter *c = of(o);
	u64 v;
	int r;

	if (off != -1)
		return -ESPIPE;
	if (u->left < sizeof(v))
		return -EINVAL;
	while (!c->value) {
		if (flags & WEFT_IO_NONBLOCK)
			return -EAGAIN;
		r = thread_block(&c->readers, WEFT_FOREVER, BLOCK_INTERRUPTIBLE);
		if (r)
			return r;
	}
	v = c->semaphore ? 1 : c->value;
	c->value -= v;
	waitq_wake(&c->writers, ~0u, 0);
	object_notify(o, WEFT_POLLOUT);
	return uio_copy_out(u, &v, sizeof(v)) == sizeof(v) ? (i64)sizeof(v) : -EFAULT;
}

static i64 counter_write(struct object *o, struct uio *u, i64 off, u32 flags)
{
	struct counter *c = of(o);
	u64 v;
	int r;

	if (off != -1)
		return -ESPIPE;
	if (u->left < sizeof(v))
		return -EINVAL;
	if (uio_copy_in(u, &v, sizeof(v)) != sizeof(v))
		return -EFAULT;
	if (v > TOP)
		return -EINVAL;
	while (v > TOP - c->value) {
		if (flags & WEFT_IO_NONBLOCK)
			return -EAGAIN;
		r = thread_block(&c->writers, WEFT_FOREVER, BLOCK_INTERRUPTIBLE);
		if (r)
			return r;
	}
	c->value += v;
	if (v) {
		waitq_wake(&c->readers, c->semaphore ? (u32)MIN(v, 0xfffffffful) : 1, 0);
		object_notify(o, WEFT_POLLIN);
	}
	return sizeof(v);
}

static u32 counter_ready(struct object *o)
{
	struct counter *c = of(o);

	return (c->value ? WEFT_POLLIN : 0) | (c->value < TOP ? WEFT_POLLOUT : 0);
}

static void counter_destroy(struct object *o)
{
	kfree(of(o));
}

static const struct obj_ops counter_ops = {
	.name = "counter",
	.read = counter_read,
	.write = counter_write,
	.ready = counter_ready,
	.destroy = counter_destroy,
};

int counter_create(u64 initial, bool semaphore, struct object **out)
{
	struct counter *c;

	if (initial > TOP)
		return -EINVAL;
	c = kzalloc(sizeof(*c));
	if (!c)
		return -ENOMEM;
	object_init(&c->obj, WEFT_OBJ_COUNTER, &counter_ops);
	c->obj.status = 2; /* O_RDWR */
	c->value = initial;
	c->semaphore = semaphore;
	waitq_init(&c->readers);
	waitq_init(&c->writers);
	*out = &c->obj;
	return 0;
}

/* For the kernel's own counters (memory pressure): adds, never waits. */
void counter_add(struct object *o, u64 n)
{
	struct counter *c = of(o);

	c->value += MIN(n, TOP - c->value);
	waitq_wake(&c->readers, ~0u, 0);
	object_notify(o, WEFT_POLLIN);
}
