/* SPDX-License-Identifier: MIT */
/*
 * DMA memory and pins. Frames that a device may write to are held by a struct dma_hold on the
 * resource's list, which keeps the resource alive.
 *
 * When the object or pin goes, its hold stays (`orphan`) with the frames until RES_RESET says that
 * the device is quiet, unless its user has said so itself by WEFT_MEM_RELEASE. So a driver's death
 * frees nothing that its device still writes to.
 */
#include "pager.h"
#include <kernel/ipc.h>

struct dma_hold {
	struct list link; /* resource.pins */
	struct resource *res;
	bool orphan, quiet;
	u64 n;
	struct frame **f; /* pins: each frame, referenced, or NULL; f NULL: n frames from first */
	struct frame *first;
};

struct pin {
	struct object obj;
	struct dma_hold *hold;
};

static void hold_free(struct dma_hold *h)
{
	for (u64 i = 0; i < h->n; i++) {
		struct frame *f = h->f ? h->f[i] : h->first + i;

		if (h->f && f && --f->order == 0)
			f->flags &= ~FRAME_PINNED;
		frame_put(f);
	}
	if (!h->f)
		mm_stats.dma -= h->n;
	list_del(&h->link);
	object_put(&h->res->obj);
	kfree(h->f);
	kfree(h);
}

void dma_gone(struct dma_hold *h)
{
	if (h->quiet || !h->n)
		hold_free(h);
	else
		h->orphan = true;
}

static struct dma_hold *hold_new(struct resource *res)
{
	struct dma_hold *h = kzalloc(sizeof(*h));

	if (!h)
		return NULL;
	h->res = res;
	object_get(&res->obj);
	list_add_tail(&res->pins, &h->link);
	return h;
}

void mem_pins_release(struct resource *r)
{
	struct dma_hold *h;

	object_get(&r->obj);
	list_for_each(h, &r->pins, link)
		if (h->orphan)
			hold_free(h);
	object_put(&r->obj);
}

int dma_create(struct resource *res, u64 size, u32 flags, struct memobj **out)
{
	u64 n = (size + PAGE_SIZE - 1) >> PAGE_SHIFT;
	HELD struct memobj *m = NULL;
	struct dma_hold *h;
	u32 order = 0;

	if (!size || (flags & WEFT_MEM_CACHE_MASK) == WEFT_MEM_CACHE_MASK)
		return -EINVAL;
	if (n > 1ul << FRAME_MAX_ORDER)
		return -ENOMEM;
	while (1ul << order < n)
		order++;
	TRY(memobj_create(WEFT_MEM_DMA, n << PAGE_SHIFT, flags, &m));
	h = m->hold = hold_new(res);
	if (h && frames_free > frames_min + (1ul << order))
		h->first = frame_alloc(order, flags & WEFT_MEM_LOW);
	if (!h || !h->first)
		return -ENOMEM;
	h->n = n;
	mm_stats.dma += n;
	for (u64 i = 0; i < 1ul << order; i++) {
		h->first[i] = (struct frame){.refs = 1, .flags = i < n ? FRAME_PINNED : 0};
		if (i >= n)
			frame_put(h->first + i); /* the unneeded end */
	}
	m->phys = frame_phys(h->first);
	bkl_drop();
	for (u64 i = 0; i < n; i++)
		page_clear(frame_virt(h->first + i));
	bkl_retake();
	*out = m;
	m = NULL;
	return 0;
}

static void pin_destroy(struct object *o)
{
	struct pin *p = container_of(o, struct pin, obj);

	if (p->hold)
		dma_gone(p->hold);
	kfree(p);
}

static const struct obj_ops pin_ops = {.destroy = pin_destroy};

int dma_release(struct object *o)
{
	struct dma_hold *h = o->type == WEFT_OBJ_PIN ? container_of(o, struct pin, obj)->hold
						     : container_of(o, struct memobj, obj)->hold;

	if (!h)
		return -EINVAL;
	h->quiet = true;
	return 0;
}

static int pin_page(struct dma_hold *h, struct memobj *m, u64 idx, u64 *bus)
{
	HELD_FRAME struct frame *f = NULL;
	int r = memobj_get_page(m, idx, true, &f);

	if (r)
		return r == -EFAULT ? -EINVAL : r;
	*bus = memobj_is_phys(m) ? m->phys + (idx << PAGE_SHIFT) : frame_phys(f);
	if (f && f->order == 0xffff)
		return -EBUSY;
	if (f) {
		f->flags |= FRAME_PINNED;
		f->order++; /* pins of this frame */
	}
	h->f[h->n++] = f;
	f = NULL;
	return 0;
}

int pin_create(struct memobj *m, u64 first, u64 n, struct resource *res, u64 *bus,
	struct object **out)
{
	HELD struct pin *p = object_new(sizeof(*p), WEFT_OBJ_PIN, &pin_ops);
	struct dma_hold *h = p ? hold_new(res) : NULL;

	if (!h)
		return -ENOMEM;
	p->hold = h;
	h->quiet = true; /* no device has heard of it yet */
	h->f = kmalloc(n * sizeof(struct frame *));
	if (!h->f)
		return -ENOMEM;
	for (u64 i = 0; i < n; i++)
		TRY(pin_page(h, m, first + i, &bus[i]));
	h->quiet = false;
	*out = &p->obj;
	p = NULL;
	return 0;
}
