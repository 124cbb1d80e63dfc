/* SPDX-License-Identifier: MIT */
/* Resources: authority as fds. One is derived from another and is never wider; nothing else makes
 * one but the boot. */
#include "scheme_impl.h"

#define RANGED (WEFT_RES_MEM | WEFT_RES_PORTS | WEFT_RES_IRQ)

static void resource_destroy(struct object *o)
{
	struct resource *r = container_of(o, struct resource, obj);

	/* What waits for a reset stays allocated for good: nobody can say any more that the device
	 * is quiet. */
	list_del(&r->pins);
	kfree(r);
}

static const struct obj_ops resource_ops = {.name = "resource", .destroy = resource_destroy};

int resource_create(const struct weft_res *r, struct resource **out)
{
	struct resource *n = kzalloc(sizeof(*n));

	if (!n)
		return -ENOMEM;
	object_init(&n->obj, WEFT_OBJ_RESOURCE, &resource_ops);
	n->r = *r;
	list_init(&n->pins);
	*out = n;
	return 0;
}

int resource_require(i32 fd, u32 kind, struct resource **out)
{
	HELD struct object *o = NULL;
	struct resource *r;

	if (fd_get(fd, WEFT_OBJ_RESOURCE, 0, &o))
		return -EPERM;
	r = container_of(o, struct resource, obj);
	if ((r->r.kinds & kind) != kind)
		return -EPERM;
	if (out) {
		*out = r;
		o = NULL;
	}
	return 0;
}

/* Is [base, base + len) inside r? */
bool resource_covers(const struct weft_res *r, u64 base, u64 len)
{
	return base >= r->base && len <= r->len && base - r->base <= r->len - len;
}

i64 resource_derive(i32 fd, u64 ures, u64 b, u64 c)
{
	struct resource *parent, *r;
	struct object *o;
	struct weft_res w;
	i64 n;
	int err = fd_get(fd, WEFT_OBJ_RESOURCE, 0, &o);

	if (err)
		return -EPERM;
	parent = container_of(o, struct resource, obj);
	n = -EFAULT;
	if (copy_from_user(&w, ures, sizeof(w)))
		goto out;
	n = -EINVAL;
	if (!w.kinds || w.kinds & ~WEFT_RES_ALL)
		goto out;
	n = -EPERM;
	if (w.kinds & ~parent->r.kinds)
		goto out;
	if (w.kinds & RANGED) {
		if (!w.len || !resource_covers(&parent->r, w.base, w.len))
			goto out;
	} else {
		w.base = parent->r.base;
		w.len = parent->r.len;
	}
	w.pad = 0;
	n = resource_create(&w, &r);
	if (n)
		goto out;
	r->parent = parent->obj.id;
	n = fd_install(current_process(), &r->obj, WEFT_RIGHT_ALL, FD_NEW);
	object_put(&r->obj);
out:
	object_put(o);
	return n;
}

/* The DMA resource's parent says that the device has been reset. */
i64 resource_reset(i32 fd, u64 dma, u64 b, u64 c)
{
	struct object *p, *o;
	struct resource *r;
	i64 err = fd_get(fd, WEFT_OBJ_RESOURCE, WEFT_RIGHT_CONTROL, &p);

	if (err)
		return -EPERM;
	err = fd_get((i32)dma, WEFT_OBJ_RESOURCE, 0, &o);
	if (!err) {
		r = container_of(o, struct resource, obj);
		if (!(r->r.kinds & WEFT_RES_DMA))
			err = -EINVAL;
		else if (r->parent != p->id)
			err = -EPERM;
		else
			mem_pins_release(r);
		object_put(o);
	}
	object_put(p);
	return err;
}
