/* SPDX-License-Identifier: MIT */
/* Resources: authority as fds. One is derived from another and is never wider; nothing else makes
 * one but the boot. */
#include "scheme_impl.h"

#define RANGED (WEFT_RES_MEM | WEFT_RES_PORTS | WEFT_RES_IRQ)

static void resource_destroy(struct object *o)
{
	/* What waits for a reset stays allocated for good: nobody can say any more that the device
	 * is quiet. */
	list_del(&container_of(o, struct resource, obj)->pins);
	object_free(o);
}

static const struct obj_ops resource_ops = {.destroy = resource_destroy};

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
	HELD struct resource *r = NULL;

	if (fd_get(fd, WEFT_OBJ_RESOURCE, 0, (void *)&r) || (r->r.kinds & kind) != kind)
		return -EPERM;
	if (out) {
		*out = r;
		r = NULL;
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

	TRY(resource_require(fd, 0, &parent));
	TRY(copy_from_user(&w, ures, sizeof(w)));
	if (!w.kinds || w.kinds & ~WEFT_RES_ALL)
		return -EINVAL;
	if (w.kinds & ~parent->r.kinds)
		return -EPERM;
	if (!(w.kinds & RANGED))
		w = (struct weft_res){w.kinds, 0, parent->r.base, parent->r.len};
	else if (!w.len || !resource_covers(&parent->r, w.base, w.len))
		return -EPERM;
	TRY(resource_create(&w, &r));
	r->parent = parent->obj.id;
	return fd_install(current_process(), &r->obj, WEFT_RIGHT_ALL, FD_NEW);
}

/* The DMA resource's parent says that the device has been reset. */
i64 resource_reset(i32 fd, u64 dma, u64 b, u64 c)
{
	HELD struct resource *p = NULL, *r = NULL;

	if (fd_get(fd, WEFT_OBJ_RESOURCE, WEFT_RIGHT_CONTROL, (void *)&p))
		return -EPERM;
	TRY(fd_get((i32)dma, WEFT_OBJ_RESOURCE, 0, (void *)&r));
	if (!(r->r.kinds & WEFT_RES_DMA))
		return -EINVAL;
	if (r->parent != p->obj.id)
		return -EPERM;
	mem_pins_release(r);
	return 0;
}
