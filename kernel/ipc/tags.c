/* SPDX-License-Identifier: MIT */
/*
 * Tags of requests that a server holds. Slot numbers are reused, generations are not: a late reply
 * or copy with an old tag finds nothing. The table only grows; the last freed slot is used first,
 * so that a busy server touches one line.
 */
#include "scheme_impl.h"

#define NO_SLOT 0xffffffffu

int tags_reserve(struct tags *t, u32 n)
{
	struct tag_slot *slot;
	u32 size;

	if (likely(n <= t->n))
		return 0;
	if (n > TAGS_MAX)
		return -ENOMEM;
	size = t->n ? t->n : 16;
	while (size < n)
		size *= 2;
	slot = krealloc_zero(t->slot, t->n * sizeof(*slot), size * sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	if (!t->n)
		t->free = NO_SLOT;
	for (u32 i = size; i > t->n; i--) {
		slot[i - 1].next = t->free;
		t->free = i - 1;
	}
	t->slot = slot;
	t->n = size;
	return 0;
}

u64 tags_add(struct tags *t, struct request *r)
{
	struct tag_slot *slot;
	u32 i = t->free;

	kassert(i < t->n);
	slot = &t->slot[i];
	t->free = slot->next;
	slot->r = r;
	slot->gen++;
	t->used++;
	return slot->gen << 16 | i;
}

struct request *tags_find(const struct tags *t, u64 tag)
{
	u32 i = tag & 0xffff;

	if (i >= t->n || t->slot[i].gen != tag >> 16)
		return NULL;
	return t->slot[i].r;
}

void tags_del(struct tags *t, u64 tag)
{
	u32 i = tag & 0xffff;

	kassert(tags_find(t, tag));
	t->slot[i].r = NULL;
	t->slot[i].next = t->free;
	t->free = i;
	t->used--;
}

void tags_finish(struct tags *t)
{
	kfree(t->slot);
	t->slot = NULL;
	t->n = 0;
}
