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
static struct object *closing, *dying;

void object_init(struct object *o, u32 type, const struct obj_ops *ops)
{
	o->ops = ops;
	o->type = type;
	o->refs = 1;
	o->fds = 0;
	o->status = 0;
	o->id = ++last_id;
	o->defer = NULL;
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

void object_release(void *pointer)
{
	object_put(*(struct object **)pointer);
}

static void object_destroy(struct object *o)
{
	object_count[o->type]--;
	o->ops->destroy(o);
}

static void run_deferred(void)
{
	struct object *o;

	while (closing || dying) {
		if (closing) {
			o = closing;
			closing = o->defer;
			o->defer = NULL;
			o->ops->closed(o);
			object_put(o);
		} else {
			o = dying;
			dying = o->defer;
			object_destroy(o);
		}
	}
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
	if (depth >= DEPTH) {
		o->defer = dying;
		dying = o;
		return;
	}
	depth++;
	object_destroy(o);
	if (depth == 1)
		run_deferred();
	depth--;
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
	if (--o->fds) {
		object_put(o);
		return;
	}
	if (!list_empty(&o->watchers))
		watch_closed(o);
	if (!o->ops->closed) {
		object_put(o);
		return;
	}
	if (depth >= DEPTH) {
		o->defer = closing; /* with the reference of the fd */
		closing = o;
		return;
	}
	depth++;
	o->ops->closed(o);
	if (depth == 1)
		run_deferred();
	depth--;
	object_put(o);
}
