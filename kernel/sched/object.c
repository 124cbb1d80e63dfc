/* SPDX-License-Identifier: MIT */
/*
 * Reference counts of kernel objects. Closing one object may close others that it holds (a channel
 * with fds in flight, which are channels ...), to any depth that user mode likes. So at most DEPTH
 * levels run as nested calls; deeper ones are put on a list that the outermost call works off.
 */
#include "internal.h"

#define DEPTH 4

u64 object_count[WEFT_OBJ_COUNT];
static u64 last_id;
static u32 depth;
static struct object *deferred;

void object_init(struct object *o, u32 type, const struct obj_ops *ops)
{
	*o = (struct object){.ops = ops, .type = type, .refs = 1, .id = ++last_id};
	list_init(&o->watchers);
	object_count[type]++;
}

void *object_new(size_t size, u32 type, const struct obj_ops *ops)
{
	struct object *o = kzalloc(size);

	if (o)
		object_init(o, type, ops);
	return o;
}

void object_free(struct object *o)
{
	kfree(o);
}

/* Closes o, whose last fd's reference is still there, or destroys it. */
static void finish_now(struct object *o)
{
	if (o->refs) {
		o->ops->closed(o);
		object_put(o);
	} else {
		object_count[o->type]--;
		o->ops->destroy(o);
	}
}

static void finish(struct object *o)
{
	if (depth >= DEPTH) {
		o->defer = deferred;
		deferred = o;
		return;
	}
	depth++;
	finish_now(o);
	while (depth == 1 && (o = deferred)) {
		deferred = o->defer;
		finish_now(o);
	}
	depth--;
}

void object_get(struct object *o)
{
	kassert(o->refs && o->refs < 0xfffffff0u);
	o->refs++;
}

void object_put(struct object *o)
{
	if (!o)
		return;
	kassert(o->refs);
	if (--o->refs)
		return;
	kassert(!o->fds);
	finish(o);
}

void object_fd_get(struct object *o)
{
	object_get(o);
	o->fds++;
}

void object_fd_put(struct object *o)
{
	if (!o)
		return;
	kassert(o->fds);
	if (!--o->fds && !list_empty(&o->watchers))
		watch_closed(o);
	if (!o->fds && o->ops->closed)
		finish(o);
	else
		object_put(o);
}
