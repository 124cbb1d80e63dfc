/* SPDX-License-Identifier: MIT */
/*
 * The VMAs of an address space: a treap by start address, with a list in the same order.
 *
 * gap is the free room below a VMA down to the end of the one before (or WEFT_USER_MIN); a stack's
 * room to grow is not free. max_gap is the largest gap in a subtree. Whoever changes a start or an
 * end goes through vma_set_start and vma_set_end, which mend both.
 */
#include "as.h"
#include "pager.h"

struct vma *vma_next(struct vma *v)
{
	return v->link.next == &v->as->vmas ? NULL : list_entry(v->link.next, struct vma, link);
}

struct vma *vma_prev(struct vma *v)
{
	return v->link.prev == &v->as->vmas ? NULL : list_entry(v->link.prev, struct vma, link);
}

static u64 max_gap(const struct vma *v)
{
	return v ? v->max_gap : 0;
}

/* -> whether it changed */
static bool update(struct vma *v)
{
	u64 m = MAX(v->gap, MAX(max_gap(v->child[0]), max_gap(v->child[1])));
	bool changed = m != v->max_gap;

	v->max_gap = m;
	return changed;
}

static void update_up(struct vma *v)
{
	while (v && update(v))
		v = v->parent;
}

static void set_gap(struct vma *v)
{
	struct vma *p = vma_prev(v);
	u64 low = v->flags & WEFT_MAP_STACK ? MIN(v->grow_min, v->start) : v->start;
	u64 below = p ? p->end : WEFT_USER_MIN;

	v->gap = low > below ? low - below : 0;
	update_up(v);
}

static struct vma **place_of(struct vma *v)
{
	struct vma *p = v->parent;

	return !p ? &v->as->root : &p->child[p->child[1] == v];
}

/* Lifts v above its parent. */
static void rotate_up(struct vma *v)
{
	struct vma *p = v->parent;
	bool side = p->child[1] == v;

	*place_of(p) = v;
	v->parent = p->parent;
	p->child[side] = v->child[!side];
	if (p->child[side])
		p->child[side]->parent = p;
	v->child[!side] = p;
	p->parent = v;
	update(p);
	update(v);
}

struct vma *vma_find_from(struct as *a, u64 addr)
{
	struct vma *v = a->hot, *best = NULL;

	if (v && addr >= v->start && addr < v->end)
		return v;
	for (v = a->root; v; v = v->child[v->end <= addr])
		if (v->end > addr)
			best = v;
	if (best && best->start <= addr)
		a->hot = best;
	return best;
}

struct vma *vma_new(struct as *a, const struct vma *like)
{
	struct vma *v = a->nvmas < VMAS_MAX ? kmalloc(sizeof(*v)) : NULL;

	if (!v)
		return NULL;
	*v = *like;
	v->as = a;
	if (v->m)
		object_get(&v->m->obj);
	return v;
}

void vma_free(struct vma *v)
{
	if (v->m)
		object_put(&v->m->obj);
	kfree(v);
}

struct vma *vma_last(const struct as *a)
{
	return list_empty(&a->vmas) ? NULL : list_entry(a->vmas.prev, struct vma, link);
}

/* A mapping of v's object has come (1) or goes (-1). */
static void count_mapping(struct vma *v, int n)
{
	v->as->nvmas += n;
	v->as->mapped += (u64)(n * (i64)(v->end - v->start));
	v->as->gen++;
	if (!v->m)
		return;
	v->m->nmappings += n;
	if ((v->flags & WEFT_MAP_SHARED) && (v->max_prot & WEFT_PROT_WRITE))
		v->m->nwritable += n;
}

void vma_insert(struct vma *v)
{
	struct as *a = v->as;
	struct vma *p = vma_last(a), *above = NULL, **at = &a->root;

	/* The highest of all, as fork inserts them: its place is down the right edge from the last
	 * one. */
	if (p && p->end <= v->start)
		at = &p->child[1];
	else
		p = NULL;
	while (*at) {
		p = *at;
		if (v->start < p->start)
			above = p;
		at = &p->child[v->start >= p->start];
	}
	*at = v;
	v->parent = p;
	v->child[0] = v->child[1] = NULL;
	v->gap = v->max_gap = 0;
	list_add_tail(above ? &above->link : &a->vmas, &v->link);
	while (v->parent && vma_prio(v->parent) < vma_prio(v))
		rotate_up(v);
	set_gap(v);
	if (above)
		set_gap(above);
	if (v->m)
		list_add_tail(&v->m->mappings, &v->obj_link);
	count_mapping(v, 1);
}

void vma_remove(struct vma *v)
{
	struct as *a = v->as;
	struct vma *next = vma_next(v);

	while (v->child[0] || v->child[1]) {
		struct vma *l = v->child[0], *r = v->child[1];

		rotate_up(!l || (r && vma_prio(r) >= vma_prio(l)) ? r : l);
	}
	*place_of(v) = NULL;
	update_up(v->parent);
	list_del(&v->link);
	if (next)
		set_gap(next);
	if (a->hot == v)
		a->hot = NULL;
	count_mapping(v, -1);
	if (v->m) {
		list_del(&v->obj_link);
		pager_idle_check(v->m);
	}
	vma_free(v);
}

void vma_set_start(struct vma *v, u64 start)
{
	v->as->mapped += v->start - start;
	v->as->gen++;
	v->start = start;
	set_gap(v);
}

void vma_set_end(struct vma *v, u64 end)
{
	struct vma *n = vma_next(v);

	v->as->mapped += end - v->end;
	v->as->gen++;
	v->end = end;
	if (n)
		set_gap(n);
}

int vma_split(struct vma *v, u64 at)
{
	struct vma *n = vma_new(v->as, v);

	if (!n)
		return -ENOMEM;
	n->start = at;
	n->off += at - v->start;
	n->flags &= ~WEFT_MAP_STACK; /* only the lowest part grows */
	vma_set_end(v, at);
	vma_insert(n);
	return 0;
}

static bool mergeable(const struct vma *low, const struct vma *high)
{
	u32 same = ~(u32)(WEFT_MAP_STACK | VMA_ANON);

	return low->end == high->start && low->m == high->m && !(high->flags & WEFT_MAP_STACK) &&
		!(low->flags & VMA_FRAME) && (low->flags & same) == (high->flags & same) &&
		low->max_prot == high->max_prot &&
		(!low->m || low->off + (low->end - low->start) == high->off);
}

static void absorb(struct vma *low, struct vma *high)
{
	u64 end = high->end;

	low->flags |= high->flags & VMA_ANON;
	vma_remove(high);
	vma_set_end(low, end);
}

struct vma *vma_merge(struct vma *v)
{
	struct vma *p = vma_prev(v), *n = vma_next(v);

	if (n && mergeable(v, n))
		absorb(v, n);
	if (p && mergeable(p, v)) {
		absorb(p, v);
		v = p;
	}
	return v;
}

/* The highest free len bytes within [lo, hi) in the gaps of v's subtree; 0: none. */
static u64 find_in(struct vma *v, u64 len, u64 lo, u64 hi)
{
	while (v && v->max_gap >= len) {
		u64 top, bottom, got;

		if (v->start < hi) {
			got = find_in(v->child[1], len, lo, hi);
			if (got)
				return got;
		}
		top = v->flags & WEFT_MAP_STACK ? MIN(v->grow_min, v->start) : v->start;
		bottom = MAX(top - v->gap, lo);
		top = MIN(top, hi);
		if (v->gap >= len && top > bottom && top - bottom >= len)
			return top - len;
		if (v->end <= lo)
			return 0; /* everything to the left is lower still */
		v = v->child[0];
	}
	return 0;
}

u64 vma_find_free(struct as *a, u64 len, u64 lo, u64 hi)
{
	const struct vma *v = vma_last(a);
	u64 bottom = v ? MAX(lo, v->end) : lo;

	if (hi > bottom && hi - bottom >= len)
		return hi - len;
	return find_in(a->root, len, lo, hi);
}
