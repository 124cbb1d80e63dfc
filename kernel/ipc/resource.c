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
	struct resource *n = object_new(sizeof(*n), WEFT_OBJ_RESOURCE, &resource_ops);

	if (!n)
		return -ENOMEM;
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
	HELD struct resource *parent = NULL, *r = NULL;
	struct weft_res w;
	int err = resource_require(fd, 0, &parent);

	if (err)
		return err;
	if (copy_from_user(&w, ures, sizeof(w)))
		return -EFAULT;
	if (!w.kinds || w.kinds & ~WEFT_RES_ALL)
		return -EINVAL;
	if (w.kinds & ~parent->r.kinds)
		return -EPERM;
	if (!(w.kinds & RANGED)) {
		w.base = parent->r.base;
		w.len = parent->r.len;
	} else if (!w.len || !resource_covers(&parent->r, w.base, w.len)) {
		return -EPERM;
	}
	w.pad = 0;
	err = resource_create(&w, &r);
	if (err)
		return err;
	r->parent = parent->obj.id;
	return fd_install(current_process(), &r->obj, WEFT_RIGHT_ALL, FD_NEW);
}

/* The DMA resource's parent says that the device has been reset. */
i64 resource_reset(i32 fd, u64 dma, u64 b, u64 c)
{
	HELD struct object *p = NULL, *o = NULL;
	struct resource *r;
	int err;

	if (fd_get(fd, WEFT_OBJ_RESOURCE, WEFT_RIGHT_CONTROL, &p))
		return -EPERM;
	err = fd_get((i32)dma, WEFT_OBJ_RESOURCE, 0, &o);
	if (err)
		return err;
	r = container_of(o, struct resource, obj);
	if (!(r->r.kinds & WEFT_RES_DMA))
		return -EINVAL;
	if (r->parent != p->id)
		return -EPERM;
	mem_pins_release(r);
	return 0;
}
