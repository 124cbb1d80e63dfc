/* SPDX-License-Identifier: MIT */
/* A radix tree from page index to pointer, 64 ways. Only inserting allocates. */
#ifndef MM_RADIX_H
#define MM_RADIX_H

#include <kernel/kernel.h>

#define RADIX_BITS 6u
#define RADIX_FAN  (1u << RADIX_BITS)

struct radix_node {
	u64 count; /* slots in use */
	void *slot[RADIX_FAN];
};
struct radix {
	struct radix_node *root;
	u32 height; /* levels of nodes; 0: empty */
	u64 count;
};

static inline bool radix_covers(const struct radix *r, u64 idx)
{
	return r->height && (r->height * RADIX_BITS >= 64 || !(idx >> (r->height * RADIX_BITS)));
}
/* The leaf's slots for the aligned group of RADIX_FAN indices that idx is in, or NULL. Valid until
 * the tree changes. */
static inline void **radix_leaf(const struct radix *r, u64 idx)
{
	struct radix_node *n = r->root;

	if (!radix_covers(r, idx))
		return NULL;
	for (u32 shift = (r->height - 1) * RADIX_BITS; shift && n; shift -= RADIX_BITS)
		n = n->slot[(idx >> shift) % RADIX_FAN];
	return n ? n->slot : NULL;
}
static inline void *radix_get(const struct radix *r, u64 idx)
{
	void **leaf = radix_leaf(r, idx);

	return leaf ? leaf[idx % RADIX_FAN] : NULL;
}
/* p not NULL; replaces. -ENOMEM changes nothing. */
int radix_set(struct radix *r, u64 idx, void *p);
void *radix_del(struct radix *r, u64 idx); /* -> what was there or NULL */
/* The first at or after *idx, which becomes its index; NULL: none. */
void *radix_next(const struct radix *r, u64 *idx);

#endif
