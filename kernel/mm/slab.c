/* SPDX-License-Identifier: MIT */
/*
 * kmalloc: slabs of one page for each size class, frames for more than 2 KiB.
 *
 * A slab's frame has FRAME_SLAB: owner = its class, index = the first free object (each holds the
 * next), order = objects in use. Slabs with a free object are on the class's list; one that becomes
 * empty goes back to the frames unless it is alone there. Larger blocks keep their order in the
 * frame.
 */
#include "frame.h"
#include <kernel/arch.h>

#define SLAB_MAX 2048u

struct slab_class {
	u32 size, count;
	struct list partial;
};

static const u16 sizes[] = {16, 32, 48, 64, 80, 96, 128, 160, 192, 256, 320, 400, 512, 576, 672,
	816, 1024, 1360, SLAB_MAX};
static struct slab_class classes[ARRAY_SIZE(sizes)];
static u8 class_of[SLAB_MAX / 16 + 1]; /* by (size + 15) / 16 */
u64 slab_bytes;

void slab_init(void)
{
	for (u32 i = 0, c = 0; i <= SLAB_MAX / 16; i++) {
		c += sizes[c] < i * 16;
		class_of[i] = c;
	}
	for (u32 c = 0; c < ARRAY_SIZE(sizes); c++) {
		classes[c] = (struct slab_class){.size = sizes[c], .count = PAGE_SIZE / sizes[c]};
		list_init(&classes[c].partial);
	}
}

static struct frame *slab_new(struct slab_class *c)
{
	struct frame *f = frame_alloc(0, false);
	char *p, *last;

	if (!f)
		return NULL;
	p = frame_virt(f);
	f->flags = FRAME_KERNEL | FRAME_SLAB;
	f->owner = (struct memobj *)c;
	f->index = (u64)p;
	f->order = 0;
	last = p + (u64)(c->count - 1) * c->size;
	for (; p < last; p += c->size)
		*(char **)p = p + c->size;
	*(char **)last = NULL;
	list_add_after(&c->partial, &f->link);
	return f;
}

static void *large_alloc(size_t n)
{
	u32 order = 0;
	struct frame *f;

	while ((PAGE_SIZE << order) < n)
		if (++order > FRAME_MAX_ORDER)
			return NULL;
	f = frame_alloc(order, false);
	if (!f)
		return NULL;
	f->flags = FRAME_KERNEL;
	slab_bytes += PAGE_SIZE << order;
	return frame_virt(f);
}

void *kmalloc(size_t n)
{
	struct slab_class *c;
	struct frame *f;
	void *p;

	if (unlikely(n > SLAB_MAX))
		return large_alloc(n);
	c = &classes[class_of[(n + 15) / 16]];
	if (unlikely(list_empty(&c->partial))) {
		f = slab_new(c);
		if (!f)
			return NULL;
	} else {
		f = list_first(&c->partial, struct frame, link);
	}
	p = (void *)f->index;
	f->index = (u64) * (void **)p;
	f->order++;
	if (!f->index)
		list_del(&f->link);
	slab_bytes += c->size;
	return p;
}

void *kzalloc(size_t n)
{
	void *p = kmalloc(n);

	if (p)
		memset(p, 0, n);
	return p;
}

void kfree(void *p)
{
	struct slab_class *c;
	struct frame *f;

	if (!p)
		return;
	f = frame_of((u64)p - DIRECT_MAP);
	kassert(f && (f->flags & FRAME_KERNEL));
	if (unlikely(!(f->flags & FRAME_SLAB))) {
		kassert(!((u64)p & (PAGE_SIZE - 1)));
		slab_bytes -= PAGE_SIZE << f->order;
		frame_free(f, f->order);
		return;
	}
	c = (struct slab_class *)f->owner;
	kassert(f->order > 0);
	slab_bytes -= c->size;
	if (!f->index)
		list_add_after(&c->partial, &f->link);
	*(u64 *)p = f->index;
	f->index = (u64)p;
	if (--f->order == 0 && c->partial.next != c->partial.prev) {
		list_del(&f->link);
		frame_free(f, 0);
	}
}

void *krealloc_zero(void *p, size_t old, size_t n)
{
	void *q = kmalloc(n);

	if (!q)
		return NULL;
	if (p)
		memcpy(q, p, MIN(old, n));
	if (n > old)
		memset((char *)q + old, 0, n - old);
	kfree(p);
	return q;
}
