/* SPDX-License-Identifier: MIT */
/*
 * The timer heap: a skew heap whose nodes are the timers themselves, so that arming needs no
 * memory.
 */
#include "internal.h"

struct ktimer *heap_top;

/* Puts a and b, melded, to *at, which is below `parent`: down the right edges, whose nodes'
 * children change sides, so that no edge stays long. */
static void meld(struct ktimer **at, struct ktimer *parent, struct ktimer *a, struct ktimer *b)
{
	struct ktimer *t;

	while (a && b) {
		if (b->deadline < a->deadline) {
			t = a;
			a = b;
			b = t;
		}
		a->parent = parent;
		*at = parent = a;
		t = a->right;
		a->right = a->left;
		at = &a->left;
		a = t;
	}
	*at = a ? a : b;
	if (*at)
		(*at)->parent = parent;
}

void heap_insert(struct ktimer *t)
{
	t->left = t->right = NULL;
	t->armed = true;
	meld(&heap_top, NULL, heap_top, t);
}

void heap_remove(struct ktimer *t)
{
	struct ktimer **at = &heap_top;

	if (t->parent)
		at = t->parent->left == t ? &t->parent->left : &t->parent->right;
	t->armed = false;
	meld(at, t->parent, t->left, t->right);
}
