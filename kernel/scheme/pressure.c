/* SPDX-License-Identifier: MIT */
/* The object behind WEFT_SYS_MEMORY_PRESSURE: like a counter, it rises each time that free memory falls under its low mark. One for each who asks. */
#include "builtin.h"

struct pressure {
	struct object obj; /* WEFT_OBJ_COUNTER */
	u64 count;
	struct waitq readers;
	struct list link;
};
static struct list all = {&all, &all};

static void pressure_rise(void)
{
	struct pressure *p;

	list_for_each(p, &all, link) {
		p->count++;
		waitq_wake(&p->readers, 1, 0);
		object_notify(&p->obj, WEFT_POLLIN);
	}
}

static i64 pressure_read(struct object *o, struct uio *u, i64 off, u32 flags)
{
	struct pressure *p = container_of(o, struct pressure, obj);
	u64 n;
	i64 k;

	(void)off;
	if (u->left < sizeof(n))
		return -EINVAL;
	while (!p->count) {
		if (flags & WEFT_IO_NONBLOCK || o->status & K_O_NONBLOCK)
			return -EAGAIN;
		if (thread_block(&p->readers, (u64)WEFT_FOREVER, BLOCK_INTERRUPTIBLE) == -EINTR)
			return -EINTR;
	}
	n = p->count;
	p->count = 0;
	k = uio_copy_out(u, &n, sizeof(n));
	return k < 0 ? k : (i64)sizeof(n);
}

static u32 pressure_ready(struct object *o)
{
	return container_of(o, struct pressure, obj)->count ? WEFT_POLLIN : 0;
}

static void pressure_destroy(struct object *o)
{
	struct pressure *p = container_of(o, struct pressure, obj);

	list_del(&p->link);
	kfree(p);
}

static const struct obj_ops pressure_ops = {
	.name = "pressure", .read = pressure_read, .ready = pressure_ready, .destroy = pressure_destroy,
};

int pressure_counter(struct object **out)
{
	struct pressure *p = kzalloc(sizeof(*p));

	if (!p)
		return -ENOMEM;
	object_init(&p->obj, WEFT_OBJ_COUNTER, &pressure_ops);
	waitq_init(&p->readers);
	list_add_tail(&all, &p->link);
	mm_pressure_hook = pressure_rise;
	*out = &p->obj;
	return 0;
}
