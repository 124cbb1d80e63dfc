/* SPDX-License-Identifier: MIT */
/* Radix tree: the root covers [0, 64^height). Nodes without a slot in use are freed; the height
 * shrinks only when the tree is empty. */
#include "radix.h"
#include <kernel/mm.h>

#define LEVELS_MAX 11u /* 66 bits */

static bool covers(const struct radix *r, u64 idx)
{
	return r->height && (r->height * RADIX_BITS >= 64 || !(idx >> (r->height * RADIX_BITS)));
}

/* Frees the nodes of path that hold nothing, from the leaf up. */
static void trim(struct radix *r, struct radix_node **path, u32 n, u64 idx)
{
	while (n && !path[n - 1]->count) {
		kfree(path[--n]);
		if (!n) {
			r->root = NULL;
			r->height = 0;
			return;
		}
		path[n - 1]->slot[(idx >> ((r->height - n) * RADIX_BITS)) % RADIX_FAN] = NULL;
		path[n - 1]->count--;
	}
}

int radix_set(struct radix *r, u64 idx, void *p)
{
	struct radix_node *path[LEVELS_MAX], *n;
	void **slot;

	while (!covers(r, idx)) {
		n = kzalloc(sizeof(*n));
		if (!n) {
			trim(r, &r->root, r->root && !r->root->count, 0);
			return -ENOMEM;
		}
		if (r->root && r->root->count) {
			n->slot[0] = r->root;
			n->count = 1;
		} else {
			kfree(r->root); /* an empty one from the last round */
		}
		r->root = n;
		r->height++;
	}
	n = r->root;
	for (u32 level = 0;; level++) {
		u32 shift = (r->height - 1 - level) * RADIX_BITS;

		path[level] = n;
		slot = &n->slot[(idx >> shift) % RADIX_FAN];
		if (!shift)
			break;
		if (!*slot) {
			*slot = kzalloc(sizeof(*n));
			if (!*slot) {
				trim(r, path, level + 1, idx);
				return -ENOMEM;
			}
			n->count++;
		}
		n = *slot;
	}
	if (!*slot) {
		n->count++;
		r->count++;
	}
	*slot = p;
	return 0;
}

void *radix_del(struct radix *r, u64 idx)
{
	struct radix_node *path[LEVELS_MAX], *n = r->root;
	u32 level = 0;
	void *p;

	if (!covers(r, idx))
		return NULL;
	for (; n; level++) {
		u32 shift = (r->height - 1 - level) * RADIX_BITS;
		void **slot = &n->slot[(idx >> shift) % RADIX_FAN];

		path[level] = n;
		if (shift) {
			n = *slot;
			continue;
		}
		p = *slot;
		if (!p)
			return NULL;
		*slot = NULL;
		n->count--;
		r->count--;
		trim(r, path, level + 1, idx);
		return p;
	}
	return NULL;
}

void *radix_next(const struct radix *r, u64 *idx)
{
	u64 i = *idx;

	while (covers(r, i)) {
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
