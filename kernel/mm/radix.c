/* SPDX-License-Identifier: MIT */
/* Radix tree: the root covers [0, 64^height). Nodes without a slot in use are freed; the height
 * shrinks only when the tree is empty. */
#include "radix.h"
#include <kernel/mm.h>

/* Empties the slot of idx in the subtree at *at, and frees the nodes on the way that hold nothing
 * then. */
static void *take(struct radix_node **at, u32 shift, u64 idx)
{
	struct radix_node *n = *at;
	void **slot = &n->slot[(idx >> shift) % RADIX_FAN], *p = *slot;

	if (p) {
		if (shift)
			p = take((struct radix_node **)slot, shift - RADIX_BITS, idx);
		else
			*slot = NULL;
		n->count -= !*slot;
	}
	if (!n->count) {
		kfree(n);
		*at = NULL;
	}
	return p;
}

void *radix_del(struct radix *r, u64 idx)
{
	void *p = NULL;

	if (r->root && radix_covers(r, idx))
		p = take(&r->root, (r->height - 1) * RADIX_BITS, idx);
	if (!r->root)
		r->height = 0;
	r->count -= p != NULL;
	return p;
}

int radix_set(struct radix *r, u64 idx, void *p)
{
	void **slot = (void **)&r->root;
	u64 none = 0, *count = &none; /* of the node that slot is in */

	while (!radix_covers(r, idx)) {
		struct radix_node *n = r->root ? kzalloc(sizeof(*n)) : NULL;

		if (r->root && !n)
			return -ENOMEM;
		if (n) {
			n->slot[0] = r->root;
			n->count = 1;
			r->root = n;
		}
		r->height++;
	}
	for (u32 shift = r->height * RADIX_BITS; shift;) {
		struct radix_node *n = *slot ? *slot : kzalloc(sizeof(*n));

		if (!n) {
			radix_del(r, idx); /* the nodes that were made for it */
			return -ENOMEM;
		}
		*count += !*slot;
		*slot = n;
		shift -= RADIX_BITS;
		slot = &n->slot[(idx >> shift) % RADIX_FAN];
		count = &n->count;
	}
	*count += !*slot;
	r->count += !*slot;
	*slot = p;
	return 0;
}

void *radix_next(const struct radix *r, u64 *idx)
{
	u64 i = *idx;

	while (radix_covers(r, i)) {
		struct radix_node *n = r->root;
		u32 shift = (r->height - 1) * RADIX_BITS;

		for (;; shift -= RADIX_BITS) {
			u32 s = (i >> shift) % RADIX_FAN;

			while (s < RADIX_FAN && !n->slot[s])
				s++, i = (i >> shift << shift) + (1ul << shift);
			if (s == RADIX_FAN) /* nothing more here: i is now the first index after
					       this node */
				break;
			if (!shift) {
				*idx = i;
				return n->slot[s];
			}
			n = n->slot[s];
		}
		if (!i)
			return NULL; /* wrapped */
	}
	return NULL;
}
