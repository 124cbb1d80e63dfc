/* SPDX-License-Identifier: MIT */
/*
 * The timer heap: a pairing heap whose nodes are the timers themselves, so that arming needs no
 * memory. `prev` is the left sibling, or the parent for a first child; the root has none.
 */
#include "internal.h"

static struct ktimer *root;

static struct ktimer *meld(struct ktimer *a, struct ktimer *b)
{
	struct ktimer *t;

	if (!a)
		return b;
	if (!b)
		return a;
	if (b->deadline < a->deadline) {
		t = a;
		a = b;
		b = t;
	}
	b->prev = a;
	b->next = a->child;
	if (a->child)
		a->child->prev = b;
	a->child = b;
	return a;
}

/* Melds a list of siblings in pairs from the left, then the pairs from the right. */
static struct ktimer *meld_all(struct ktimer *list)
{
	struct ktimer *pairs = NULL, *top = NULL, *a, *b, *rest;

	while (list) {
		a = list;
		b = a->next;
		rest = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
		list = rest;
	}
	while (pairs) {
		rest = pairs->next;
		pairs->next = NULL;
		top = meld(top, pairs);
		pairs = rest;
	}
	return top;
}

struct ktimer *heap_top(void)
{
	return root;
}

void heap_insert(struct ktimer *t)
{
	t->child = t->next = t->prev = NULL;
	t->armed = true;
	root = meld(root, t);
}

void heap_remove(struct ktimer *t)
{
	struct ktimer *below = meld_all(t->child);

	t->armed = false;
	t->child = NULL;
	if (t == root) {
		root = below;
		return;
	}
	if (t->prev->child == t)
		t->prev->child = t->next;
	else
		t->prev->next = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->next = t->prev = NULL;
	root = meld(root, below);
}
