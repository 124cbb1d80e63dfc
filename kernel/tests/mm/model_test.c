/* SPDX-License-Identifier: MIT */
/*
 * Random sequences of map, unmap, protect, remap, write, resize, fork and exit in several address
 * spaces over several objects, compared page by page with a model that knows nothing of frames.
 * Accesses go through a TLB that forgets only what it was told to flush.
 */
#include "host.h"

#define BASE	0x10000000ul
#define PAGES	96u
#define SPACES	4u
#define OBJECTS 64u
#define OPAGES	24u

struct mobj {
	struct memobj *m; /* NULL: free; mapped only: no reference of ours */
	bool mine;
	u32 size, maps;
	u64 val[OPAGES];
};
struct mpage {
	bool mapped, shared, own;
	u32 prot, opage;
	i32 obj; /* -1: anonymous */
	u64 val;
};
struct mspace {
	struct as *as;
	struct mpage p[PAGES];
};
static struct mobj objs[OBJECTS];
static struct mspace spaces[SPACES];
static u64 seed;

static u32 rnd(u32 n)
{
	seed = seed * 6364136223846793005ul + 1442695040888963407ul;
	return (seed >> 33) % n;
}

static void forget(struct mpage *p)
{
	if (p->mapped && p->obj >= 0 && --objs[p->obj].maps == 0 && !objs[p->obj].mine)
		objs[p->obj].m = NULL;
	memset(p, 0, sizeof(*p));
	p->obj = -1;
}

static void compare_page(struct mspace *s, u32 i)
{
	struct mpage *p = &s->p[i];
	u32 want = !p->mapped				       ? WEFT_CAUSE_PAGE
		: !p->prot				       ? WEFT_CAUSE_ACCESS
		: p->obj >= 0 && p->opage >= objs[p->obj].size ? WEFT_CAUSE_BEYOND
							       : 0;
	u64 v = 0, expect;

	assert_int_equal(host_read(s->as, BASE + i * PAGE_SIZE, &v), want);
	if (want)
		return;
	expect = p->obj >= 0 && !p->own ? objs[p->obj].val[p->opage] : p->val;
	assert_int_equal(v, expect);
}

static void compare(struct mspace *s)
{
	for (u32 i = 0; i < PAGES; i++)
		compare_page(s, i);
}

static void do_map(struct mspace *s, u32 first, u32 n)
{
	bool shared = rnd(2);
	i32 obj = rnd(3) ? (i32)rnd(8) : -1;
	u32 prot = rnd(8) ? WEFT_PROT_READ | (rnd(3) ? WEFT_PROT_WRITE : 0) : 0, opage = 0;
	u64 addr = BASE + first * PAGE_SIZE;

	if (obj >= 0)
		opage = rnd(OPAGES - 1);
	n = MIN(n, OPAGES - opage);
	assert_int_equal(as_map(s->as, &addr, n * PAGE_SIZE,
				 prot | WEFT_MAP_FIXED | (shared ? WEFT_MAP_SHARED : 0),
				 obj >= 0 ? objs[obj].m : NULL, opage * PAGE_SIZE),
		0);
	for (u32 i = 0; i < n; i++)
		forget(&s->p[first + i]);
	if (obj < 0 && shared) {
		for (obj = 8; objs[obj].m; obj++)
			assert_true(obj < (i32)OBJECTS - 1);
		memset(&objs[obj], 0, sizeof(objs[obj]));
		objs[obj].m = vma_find(s->as, addr)->m;
		objs[obj].size = n;
	}
	for (u32 i = 0; i < n; i++) {
		s->p[first + i] = (struct mpage){.mapped = true,
			.shared = shared,
			.prot = prot,
			.opage = opage + i,
			.obj = obj};
		if (obj >= 0)
			objs[obj].maps++;
	}
}

static void do_write(struct mspace *s, u32 i)
{
	struct mpage *p = &s->p[i];
	u64 v = seed | 1;
	u32 want = !p->mapped				       ? WEFT_CAUSE_PAGE
		: !(p->prot & WEFT_PROT_WRITE)		       ? WEFT_CAUSE_ACCESS
		: p->obj >= 0 && p->opage >= objs[p->obj].size ? WEFT_CAUSE_BEYOND
							       : 0;

	assert_int_equal(host_write(s->as, BASE + i * PAGE_SIZE, v), want);
	if (want)
		return;
	if (p->obj >= 0 && p->shared) {
		objs[p->obj].val[p->opage] = v;
	} else {
		p->own = true;
		p->val = v;
	}
}

static void do_protect(struct mspace *s, u32 first, u32 n)
{
	u32 prot = rnd(6) ? WEFT_PROT_READ | (rnd(2) ? WEFT_PROT_WRITE : 0) : 0;
	bool hole = false;

	for (u32 i = 0; i < n; i++)
		hole |= !s->p[first + i].mapped;
	assert_int_equal(as_protect(s->as, BASE + first * PAGE_SIZE, n * PAGE_SIZE, prot),
		hole ? -ENOMEM : 0);
	for (u32 i = 0; i < n && !hole; i++)
		s->p[first + i].prot = prot;
}

static void do_dontneed(struct mspace *s, u32 first, u32 n)
{
	bool hole = false;

	for (u32 i = 0; i < n; i++)
		hole |= !s->p[first + i].mapped;
	assert_int_equal(as_advise(s->as, BASE + first * PAGE_SIZE, n * PAGE_SIZE,
				 WEFT_ADV_DONTNEED),
		hole ? -ENOMEM : 0);
	for (u32 i = 0; i < n && !hole; i++) {
		s->p[first + i].own = false;
		s->p[first + i].val = 0;
	}
}

static void do_resize(void)
{
	u32 k = rnd(8), size = 1 + rnd(OPAGES);
	struct mobj *o = &objs[k];

	assert_int_equal(memobj_resize(o->m, size * PAGE_SIZE), 0);
	for (u32 i = size; i < OPAGES; i++)
		o->val[i] = 0;
	for (u32 s = 0; s < SPACES; s++)
		for (u32 i = 0; spaces[s].as && i < PAGES; i++) {
			struct mpage *p = &spaces[s].p[i];

			if (size < o->size && p->mapped && p->obj == (i32)k && p->opage >= size)
				p->own = false, p->val = 0;
		}
	o->size = size;
}

static void do_move(struct mspace *s, u32 first, u32 n, u32 to)
{
	struct mpage moved[PAGES];
	struct vma *v = vma_find(s->as, BASE + first * PAGE_SIZE);
	u64 at = BASE + to * PAGE_SIZE;
	int want;

	if (first < to + n && to < first + n)
		want = -EINVAL;
	else
		want = !v || BASE + (first + n) * PAGE_SIZE > v->end ? -EFAULT : 0;
	if (!v)
		want = -EFAULT;
	else if (BASE + (first + n) * PAGE_SIZE > v->end)
		want = -EFAULT;
	assert_int_equal(as_remap(s->as, BASE + first * PAGE_SIZE, n * PAGE_SIZE, n * PAGE_SIZE,
				 WEFT_REMAP_MAYMOVE | WEFT_REMAP_FIXED, &at),
		want);
	if (want)
		return;
	for (u32 i = 0; i < n; i++) {
		moved[i] = s->p[first + i];
		if (moved[i].obj >= 0)
			objs[moved[i].obj].maps++; /* the move holds it */
	}
	for (u32 i = 0; i < n; i++)
		forget(&s->p[first + i]);
	for (u32 i = 0; i < n; i++) {
		forget(&s->p[to + i]);
		s->p[to + i] = moved[i];
	}
}

static void do_exit(struct mspace *s)
{
	for (u32 i = 0; i < PAGES; i++)
		forget(&s->p[i]);
	as_put(s->as);
	s->as = NULL;
}

static void do_fork(struct mspace *from, struct mspace *to)
{
	if (to->as || from == to || !from->as)
		return;
	*to = *from;
	to->as = as_copy(from->as);
	assert_false(IS_ERR(to->as));
	for (u32 i = 0; i < PAGES; i++)
		if (to->p[i].mapped && to->p[i].obj >= 0)
			objs[to->p[i].obj].maps++;
}

static struct mspace *dropping;
static void on_drop(void)
{
	/* Another thread gets in while a page is zeroed or copied. */
	host_on_drop = NULL;
	if (rnd(3) == 0)
		compare_page(dropping, rnd(PAGES));
	else if (rnd(2))
		do_write(dropping, rnd(PAGES));
	host_on_drop = on_drop;
	as_switch(dropping->as);
}

static void step(void)
{
	struct mspace *s = &spaces[rnd(SPACES)];
	u32 first = rnd(PAGES), n = 1 + rnd(rnd(2) ? 4 : 30);

	n = MIN(n, PAGES - first);
	if (!s->as) {
		do_fork(&spaces[rnd(SPACES)], s);
		if (!s->as || !spaces[0].as)
			return;
	}
	dropping = s;
	host_on_drop = rnd(4) ? NULL : on_drop;
	switch (rnd(16)) {
	case 0:
	case 1:
		do_map(s, first, n);
		break;
	case 2:
		assert_int_equal(as_unmap(s->as, BASE + first * PAGE_SIZE, n * PAGE_SIZE), 0);
		for (u32 i = 0; i < n; i++)
			forget(&s->p[first + i]);
		break;
	case 3:
		do_protect(s, first, n);
		break;
	case 4:
		do_dontneed(s, first, n);
		break;
	case 5:
		do_move(s, first, MIN(n, 8u), rnd(PAGES - 8));
		break;
	case 6:
		if (rnd(3) == 0)
			do_resize();
		break;
	case 7:
		if (s != &spaces[0] && rnd(4) == 0)
			do_exit(s);
		break;
	case 8:
		compare(s);
		break;
	case 9:
		for (u32 i = 0; i < n; i++)
			do_write(s, first + i);
		break;
	case 10:
		do_fork(s, &spaces[rnd(SPACES)]);
		break;
	default:
		do_write(s, first);
	}
	host_on_drop = NULL;
}

static void random_sequences(void **state)
{
	for (u32 run = 1; run <= 12; run++) {
		u64 slab, before;

		host_reset();
		seed = run;
		memset(objs, 0, sizeof(objs));
		memset(spaces, 0, sizeof(spaces));
		slab = slab_bytes;
		before = frames_free;
		for (u32 i = 0; i < 8; i++) {
			assert_int_equal(memobj_create_anon(OPAGES * PAGE_SIZE, &objs[i].m), 0);
			objs[i].mine = true;
			objs[i].size = OPAGES;
		}
		for (u32 i = 0; i < PAGES; i++)
			spaces[0].p[i].obj = -1;
		spaces[0].as = as_create_empty();
		for (u32 i = 0; i < 4000; i++)
			step();
		for (u32 i = 0; i < SPACES; i++)
			if (spaces[i].as) {
				compare(&spaces[i]);
				do_exit(&spaces[i]);
			}
		for (u32 i = 0; i < 8; i++)
			object_put(&objs[i].m->obj);
		assert_int_equal(object_count[WEFT_OBJ_MEM], 0);
		assert_int_equal(mm_stats.anon, 0);
		assert_int_equal(mm_stats.shared, 0);
		assert_int_equal(slab_bytes, slab);
		assert_true(frames_free + 8 >= before);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(random_sequences)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
