/* SPDX-License-Identifier: MIT */
/* Address spaces: placing, splitting, merging, protection, remap, fork, stacks, kernel pages. */
#include "host.h"

#define RW   (WEFT_PROT_READ | WEFT_PROT_WRITE)
#define BASE 0x10000000ul

static struct as *fresh(void)
{
	struct as *a;

	host_reset();
	a = as_create_empty();
	assert_false(IS_ERR(a));
	current_process()->as = a;
	as_switch(a);
	return a;
}

static u64 map(struct as *a, u64 addr, u64 pages, u32 flags)
{
	assert_int_equal(as_map(a, &addr, pages * PAGE_SIZE, flags, NULL, 0), 0);
	return addr;
}

static u64 read_ok(struct as *a, u64 addr)
{
	u64 v;

	assert_int_equal(host_read(a, addr, &v), 0);
	return v;
}

static void check_tree(struct as *a, struct vma *v, u64 *last, u32 *n)
{
	u64 m;

	if (!v)
		return;
	if (v->child[0]) {
		assert_ptr_equal(v->child[0]->parent, v);
		assert_true(vma_prio(v->child[0]) <= vma_prio(v));
	}
	if (v->child[1]) {
		assert_ptr_equal(v->child[1]->parent, v);
		assert_true(vma_prio(v->child[1]) <= vma_prio(v));
	}
	check_tree(a, v->child[0], last, n);
	assert_true(v->start >= *last && v->end > v->start);
	m = (v->flags & WEFT_MAP_STACK ? MIN(v->grow_min, v->start) : v->start);
	m = m > MAX(*last, WEFT_USER_MIN) ? m - MAX(*last, WEFT_USER_MIN) : 0;
	assert_int_equal(v->gap, m);
	m = MAX(m,
		MAX(v->child[0] ? v->child[0]->max_gap : 0,
			v->child[1] ? v->child[1]->max_gap : 0));
	assert_int_equal(v->max_gap, m);
	*last = v->end;
	++*n;
	check_tree(a, v->child[1], last, n);
}

static void check(struct as *a)
{
	u64 last = 0, mapped = 0;
	struct vma *v;
	u32 n = 0, listed = 0;

	check_tree(a, a->root, &last, &n);
	list_for_each(v, &a->vmas, link) {
		listed++;
		mapped += v->end - v->start;
	}
	assert_int_equal(n, a->nvmas);
	assert_int_equal(listed, n);
	assert_int_equal(mapped, a->mapped);
}

static void placing(void **state)
{
	struct as *a = fresh();
	u64 x = map(a, 0, 4, RW), y = map(a, 0, 4, RW), z;

	assert_int_equal(x, WEFT_RT_MIN - 4 * PAGE_SIZE);
	assert_int_equal(y, x - 4 * PAGE_SIZE);
	assert_int_equal(a->nvmas, 1); /* merged */
	assert_int_equal(as_unmap(a, x, PAGE_SIZE), 0);
	z = map(a, 0, 1, WEFT_PROT_READ);
	assert_int_equal(z, x); /* the highest gap that fits */
	z = map(a, 0, 2, WEFT_PROT_READ);
	assert_int_equal(z, y - 2 * PAGE_SIZE);
	z = map(a, BASE, 2, RW);
	assert_int_equal(z, BASE);
	z = map(a, BASE, 2, RW); /* a hint that is taken */
	assert_int_not_equal(z, BASE);
	z = map(a, 0, 2, RW | WEFT_MAP_RUNTIME);
	assert_int_equal(z, WEFT_RT_MAX - 2 * PAGE_SIZE);
	z = map(a, 0, 2, RW | WEFT_MAP_32BIT);
	assert_true(z + 2 * PAGE_SIZE <= 1ul << 31);
	check(a);
	as_put(a);
}

static void placing_random(void **state)
{
	struct as *a = fresh();
	u64 at[400];
	u32 n = 0, seed = 99;

	for (u32 i = 0; i < 20000; i++) {
		seed = seed * 1664525 + 1013904223;
		if (n < 400 && (seed >> 20) % 5 < 3) {
			u64 pages = 1 + (seed >> 8) % 9;

			at[n++] = map(a, 0, pages, (seed >> 12) % 2 ? RW : WEFT_PROT_READ);
		} else if (n) {
			u32 k = (seed >> 8) % n;

			assert_int_equal(as_unmap(a, at[k], PAGE_SIZE * (1 + (seed >> 16) % 9)), 0);
			at[k] = at[--n];
		}
		if (i % 100 == 0) {
			struct as *b = as_copy(a);

			check(a);
			check(b);
			as_put(b);
		}
	}
	as_put(a);
}

static void bad_arguments(void **state)
{
	struct as *a = fresh();
	u64 addr = BASE + 1;

	assert_int_equal(as_map(a, &addr, PAGE_SIZE, RW | WEFT_MAP_FIXED, NULL, 0), -EINVAL);
	addr = 0;
	assert_int_equal(as_map(a, &addr, PAGE_SIZE, RW | WEFT_MAP_FIXED, NULL, 0), -EINVAL);
	addr = WEFT_USER_MAX - PAGE_SIZE;
	assert_int_equal(as_map(a, &addr, 2 * PAGE_SIZE, RW | WEFT_MAP_FIXED, NULL, 0), -EINVAL);
	assert_int_equal(as_map(a, &addr, 0, RW, NULL, 0), -EINVAL);
	assert_int_equal(as_map(a, &addr, ~0ul, RW, NULL, 0), -EINVAL);
	assert_int_equal(as_map(a, &addr, 1ul << 46, RW, NULL, 0), -ENOMEM); /* more than all RAM */
	assert_int_equal(as_map(a, &addr, 1ul << 46, WEFT_PROT_READ, NULL, 0), 0);
	addr = BASE;
	assert_int_equal(as_map(a, &addr, PAGE_SIZE, RW | WEFT_MAP_FIXED, NULL, 0), 0);
	assert_int_equal(as_map(a, &addr, PAGE_SIZE, RW | WEFT_MAP_FIXED | WEFT_MAP_NOREPLACE, NULL,
				 0),
		-EEXIST);
	assert_int_equal(as_unmap(a, BASE + 1, PAGE_SIZE), -EINVAL);
	assert_int_equal(as_unmap(a, BASE, 0), -EINVAL);
	assert_int_equal(as_unmap(a, BASE, ~0ul), -EINVAL);
	assert_int_equal(as_unmap(a, ~0xffful, PAGE_SIZE), -EINVAL);
	assert_int_equal(as_protect(a, BASE, 2 * PAGE_SIZE, RW), -ENOMEM);
	assert_int_equal(as_protect(a, BASE, PAGE_SIZE, 8), -EINVAL);
	assert_int_equal(as_advise(a, BASE, 2 * PAGE_SIZE, WEFT_ADV_DONTNEED), -ENOMEM);
	assert_int_equal(as_advise(a, BASE, PAGE_SIZE, 99), -EINVAL);
	current_process()->limits[WEFT_LIMIT_AS] = a->mapped + PAGE_SIZE;
	addr = 0;
	assert_int_equal(as_map(a, &addr, 2 * PAGE_SIZE, RW, NULL, 0), -ENOMEM);
	assert_int_equal(as_map(a, &addr, PAGE_SIZE, RW, NULL, 0), 0);
	as_put(a);
}

static void split_and_merge(void **state)
{
	struct as *a = fresh();

	map(a, BASE, 8, RW);
	for (u64 i = 0; i < 8; i++)
		assert_int_equal(host_write(a, BASE + i * PAGE_SIZE, i + 100), 0);
	assert_int_equal(as_protect(a, BASE + 2 * PAGE_SIZE, 3 * PAGE_SIZE, WEFT_PROT_READ), 0);
	assert_int_equal(a->nvmas, 3);
	assert_int_equal(host_write(a, BASE + 2 * PAGE_SIZE, 1), WEFT_CAUSE_ACCESS);
	assert_int_equal(host_write(a, BASE + 5 * PAGE_SIZE, 105), 0);
	assert_int_equal(as_protect(a, BASE + 2 * PAGE_SIZE, PAGE_SIZE, 0), 0);
	assert_int_equal(a->nvmas, 4);
	u64 v;
	assert_int_equal(host_read(a, BASE + 2 * PAGE_SIZE, &v), WEFT_CAUSE_ACCESS);
	assert_null(as_peek(a, BASE + 2 * PAGE_SIZE, false));
	assert_int_equal(as_protect(a, BASE, 8 * PAGE_SIZE, RW), 0);
	assert_int_equal(a->nvmas, 1);
	for (u64 i = 0; i < 8; i++)
		assert_int_equal(read_ok(a, BASE + i * PAGE_SIZE), i + 100);
	assert_int_equal(as_unmap(a, BASE + PAGE_SIZE, PAGE_SIZE), 0);
	assert_int_equal(host_read(a, BASE + PAGE_SIZE, &v), WEFT_CAUSE_PAGE);
	map(a, BASE + PAGE_SIZE, 1, RW | WEFT_MAP_FIXED);
	assert_int_equal(a->nvmas, 1);
	assert_int_equal(read_ok(a, BASE + PAGE_SIZE), 0);
	check(a);
	as_put(a);
}

static void everything_is_given_back(void **state)
{
	struct as *a = fresh(), *b;
	u64 before, bytes;

	as_put(a);
	current_process()->as = NULL;
	before = frames_free;
	bytes = slab_bytes;
	a = as_create_empty();
	for (u64 i = 0; i < 50; i++)
		map(a, BASE + i * (3ul << 20), 5, i % 2 ? RW : RW | WEFT_MAP_SHARED);
	for (u64 i = 0; i < 50; i++)
		assert_int_equal(host_write(a, BASE + i * (3ul << 20) + PAGE_SIZE, i), 0);
	b = as_copy(a);
	assert_int_equal(host_write(b, BASE + PAGE_SIZE, 5), 0);
	assert_int_equal(read_ok(a, BASE + PAGE_SIZE), 5); /* shared */
	assert_int_equal(host_write(b, BASE + (3ul << 20) + PAGE_SIZE, 5), 0);
	assert_int_equal(read_ok(a, BASE + (3ul << 20) + PAGE_SIZE), 1); /* private */
	as_put(a);
	assert_int_equal(read_ok(b, BASE + (3ul << 20) + PAGE_SIZE), 5);
	as_put(b);
	assert_int_equal(slab_bytes, bytes);
	assert_true(frames_free >= before - 4); /* an empty slab of some classes is kept */
	assert_int_equal(mm_stats.anon, 0);
	assert_int_equal(mm_stats.shared, 0);
	assert_int_equal(object_count[WEFT_OBJ_MEM], 0);
}

static void clusters(void **state)
{
	struct as *a = fresh();

	map(a, BASE, 64, RW);
	for (u64 i = 0; i < 30; i++)
		assert_int_equal(host_write(a, BASE + i * PAGE_SIZE, i), 0);
	assert_true(a->resident < 40);
	assert_true(a->faults_minor < 12);
	for (u64 i = 0; i < 30; i++)
		assert_int_equal(read_ok(a, BASE + i * PAGE_SIZE), i);
	for (u64 i = 30; i < 64; i++)
		assert_int_equal(read_ok(a, BASE + i * PAGE_SIZE), 0);
	as_put(a);
}

static struct as *racing;
static void unmap_in_race(void)
{
	host_on_drop = NULL;
	assert_int_equal(as_unmap(racing, BASE, PAGE_SIZE), 0);
}
static void write_in_race(void)
{
	host_on_drop = NULL;
	assert_int_equal(host_write(racing, BASE, 77), 0);
}
static void fork_in_race(void)
{
	host_on_drop = NULL;
	struct as *b = as_copy(racing);
	assert_int_equal(host_write(b, BASE, 99), 0);
	as_put(b);
	as_switch(racing);
}

static void races(void **state)
{
	struct as *a = fresh(), *b;
	u64 v;

	racing = a;
	map(a, BASE, 1, RW);
	host_on_drop = unmap_in_race;
	assert_int_equal(host_write(a, BASE, 1), WEFT_CAUSE_PAGE);
	map(a, BASE, 1, RW);
	host_on_drop = write_in_race;
	assert_int_equal(host_write(a, BASE + 8, 1), 0);
	assert_int_equal(read_ok(a, BASE), 77);
	b = as_copy(a);
	host_on_drop = fork_in_race; /* while a's page is being copied */
	assert_int_equal(host_write(a, BASE + 8, 2), 0);
	assert_int_equal(read_ok(a, BASE), 77);
	assert_int_equal(read_ok(b, BASE + 8), 1);
	host_on_drop = unmap_in_race;
	racing = b;
	assert_int_equal(host_write(b, BASE, 3), 0); /* the only holder: no copy, no drop */
	host_on_drop = NULL;
	assert_int_equal(host_read(b, BASE, &v), 0);
	as_put(b);
	as_put(a);
}

static void remapping(void **state)
{
	struct as *a = fresh();
	u64 to, v;

	map(a, BASE, 4, RW);
	for (u64 i = 0; i < 4; i++)
		assert_int_equal(host_write(a, BASE + i * PAGE_SIZE, i + 1), 0);
	assert_int_equal(as_remap(a, BASE, 4 * PAGE_SIZE, 8 * PAGE_SIZE, 0, &to), 0); /* in place */
	assert_int_equal(to, BASE);
	assert_int_equal(read_ok(a, BASE + 7 * PAGE_SIZE), 0);
	map(a, BASE + 8 * PAGE_SIZE, 1, WEFT_PROT_READ | WEFT_MAP_FIXED);
	assert_int_equal(as_remap(a, BASE, 8 * PAGE_SIZE, 16 * PAGE_SIZE, 0, &to), -ENOMEM);
	assert_int_equal(as_remap(a, BASE, 8 * PAGE_SIZE, 16 * PAGE_SIZE, WEFT_REMAP_MAYMOVE, &to),
		0);
	assert_int_not_equal(to, BASE);
	for (u64 i = 0; i < 4; i++)
		assert_int_equal(read_ok(a, to + i * PAGE_SIZE), i + 1);
	assert_int_equal(host_read(a, BASE, &v), WEFT_CAUSE_PAGE);
	assert_int_equal(as_remap(a, to, 16 * PAGE_SIZE, PAGE_SIZE, 0, &v), 0);
	assert_int_equal(v, to);
	assert_int_equal(host_read(a, to + PAGE_SIZE, &v), WEFT_CAUSE_PAGE);
	v = BASE;
	assert_int_equal(as_remap(a, to, PAGE_SIZE, PAGE_SIZE,
				 WEFT_REMAP_MAYMOVE | WEFT_REMAP_FIXED, &v),
		0);
	assert_int_equal(read_ok(a, BASE), 1);
	assert_int_equal(as_remap(a, BASE, PAGE_SIZE, PAGE_SIZE,
				 WEFT_REMAP_MAYMOVE | WEFT_REMAP_DONTUNMAP, &to),
		0);
	assert_int_equal(read_ok(a, to), 1);
	assert_int_equal(read_ok(a, BASE), 0);
	assert_int_equal(as_remap(a, BASE, 2 * PAGE_SIZE, PAGE_SIZE, 0, &to), -EFAULT);
	assert_int_equal(as_remap(a, BASE, PAGE_SIZE, 0, 0, &to), -EINVAL);
	assert_int_equal(as_remap(a, BASE + 1, PAGE_SIZE, PAGE_SIZE, 0, &to), -EINVAL);
	assert_int_equal(as_remap(a, BASE, PAGE_SIZE, PAGE_SIZE, WEFT_REMAP_FIXED, &to), -EINVAL);
	assert_int_equal(as_remap(a, BASE, PAGE_SIZE, PAGE_SIZE, 64, &to), -EINVAL);
	check(a);
	as_put(a);
}

static void stacks(void **state)
{
	struct as *a = fresh();
	u64 top = 0x40000000, v;

	map(a, top - PAGE_SIZE, 1, RW | WEFT_MAP_STACK | WEFT_MAP_FIXED);
	assert_int_equal(host_write(a, top - 10 * PAGE_SIZE, 3), 0);
	assert_int_equal(host_write(a, top - 5 * PAGE_SIZE, 4), 0);
	assert_int_equal(read_ok(a, top - 10 * PAGE_SIZE), 3);
	assert_int_equal(host_write(a, top - STACK_GROW_MAX - 2 * PAGE_SIZE, 1), WEFT_CAUSE_PAGE);
	map(a, top - 100 * PAGE_SIZE, 1, RW | WEFT_MAP_FIXED);
	assert_int_equal(host_write(a, top - 99 * PAGE_SIZE, 1), WEFT_CAUSE_PAGE); /* the guard */
	assert_int_equal(host_write(a, top - 80 * PAGE_SIZE, 1), 0);
	assert_int_equal(host_read(a, top, &v), WEFT_CAUSE_PAGE);
	check(a);
	as_put(a);
}

static void forking_flags(void **state)
{
	struct as *a = fresh(), *b;
	u64 v;

	map(a, BASE, 3, RW);
	for (u64 i = 0; i < 3; i++)
		assert_int_equal(host_write(a, BASE + i * PAGE_SIZE, i + 1), 0);
	assert_int_equal(as_advise(a, BASE, PAGE_SIZE, WEFT_ADV_DONTFORK), 0);
	assert_int_equal(as_advise(a, BASE + PAGE_SIZE, PAGE_SIZE, WEFT_ADV_WIPEONFORK), 0);
	b = as_copy(a);
	assert_int_equal(host_read(b, BASE, &v), WEFT_CAUSE_PAGE);
	assert_int_equal(read_ok(b, BASE + PAGE_SIZE), 0);
	assert_int_equal(read_ok(b, BASE + 2 * PAGE_SIZE), 3);
	assert_int_equal(as_advise(a, BASE, PAGE_SIZE, WEFT_ADV_DOFORK), 0);
	assert_int_equal(as_advise(a, BASE + PAGE_SIZE, PAGE_SIZE, WEFT_ADV_KEEPONFORK), 0);
	assert_int_equal(a->nvmas, 1);
	assert_int_equal(as_advise(a, BASE, 3 * PAGE_SIZE, WEFT_ADV_DONTNEED), 0);
	assert_int_equal(read_ok(a, BASE + 2 * PAGE_SIZE), 0);
	assert_int_equal(read_ok(b, BASE + 2 * PAGE_SIZE), 3);
	as_put(a);
	as_put(b);
}

static void kernel_pages(void **state)
{
	struct as *a = fresh(), *b;
	struct frame *f = frame_alloc_zero();
	u64 to, v;

	assert_int_equal(as_map_frame(a, BASE, f), 0);
	assert_int_equal(as_map_frame(a, BASE, f), -EEXIST);
	assert_int_equal(as_map_frame(a, BASE + 8, f), -EINVAL);
	*(u64 *)frame_virt(f) = 55;
	assert_int_equal(read_ok(a, BASE), 55);
	assert_int_equal(as_unmap(a, BASE, PAGE_SIZE), -EPERM);
	assert_int_equal(as_protect(a, BASE, PAGE_SIZE, 0), -EPERM);
	assert_int_equal(as_remap(a, BASE, PAGE_SIZE, 2 * PAGE_SIZE, 1, &to), -EPERM);
	assert_int_equal(as_advise(a, BASE, PAGE_SIZE, WEFT_ADV_DONTNEED), -EPERM);
	to = BASE;
	assert_int_equal(as_map(a, &to, PAGE_SIZE, RW | WEFT_MAP_FIXED, NULL, 0), -EPERM);
	b = as_copy(a);
	assert_int_equal(host_read(b, BASE, &v), WEFT_CAUSE_PAGE);
	as_put(b);
	assert_int_equal(f->refs, 2);
	as_unmap_frame(a, BASE);
	assert_int_equal(f->refs, 1);
	assert_int_equal(host_read(a, BASE, &v), WEFT_CAUSE_PAGE);
	frame_put(f);
	as_put(a);
}

static void out_of_memory(void **state)
{
	struct as *a = fresh(), *b;
	u64 n = RAM_PAGES + 100, i, before;

	as_put(a);
	before = frames_free;
	a = as_create_empty();
	current_process()->as = a;
	map(a, BASE, n, RW | WEFT_MAP_NORESERVE);
	for (i = 0; i < n; i++)
		if (host_write(a, BASE + i * PAGE_SIZE, i))
			break;
	assert_true(i < n);
	assert_true(frames_free >= frames_min / 2); /* the kernel keeps its reserve */
	assert_true(mm_stats.oom_kills > 0);
	for (u64 j = 0; j < i; j += 97)
		assert_int_equal(read_ok(a, BASE + j * PAGE_SIZE), j);
	b = as_copy(a); /* there is room for its tables */
	assert_false(IS_ERR(b));
	assert_int_equal(host_write(b, BASE, 5), WEFT_CAUSE_OOM);
	assert_int_equal(read_ok(b, BASE + PAGE_SIZE), 1);
	as_put(b);
	as_put(a);
	current_process()->as = NULL;
	assert_true(frames_free >= before - 4);
}

static void prune(void **state)
{
	struct as *a = fresh();
	u64 before = frames_free;

	for (u64 i = 0; i < 1000; i++) {
		u64 at = BASE + i * ARCH_PTE_SPAN;

		map(a, at, 1, RW);
		assert_int_equal(host_write(a, at, i), 0);
		assert_int_equal(as_unmap(a, at, PAGE_SIZE), 0);
	}
	assert_true(a->arch.tables < 70);
	assert_true(frames_free > before - 80);
	as_put(a);
}

static void queries(void **state)
{
	struct as *a = fresh();
	u8 *res;
	u64 buf = BASE + 0x100000;
	struct weft_vma *v;

	map(a, buf, 8, RW | WEFT_MAP_POPULATE);
	map(a, BASE, 4, RW);
	assert_int_equal(host_write(a, BASE + PAGE_SIZE, 9), 0);
	assert_int_equal(as_query(a, WEFT_QUERY_RESIDENT, BASE, 0, buf, 4), 4);
	res = as_peek(a, buf, false);
	assert_int_equal(res[0], 0);
	assert_int_equal(res[1], 1);
	assert_int_equal(res[2], 0);
	assert_int_equal(as_query(a, WEFT_QUERY_RESIDENT, BASE, 0, buf, 5), -ENOMEM);
	assert_int_equal(as_query(a, WEFT_QUERY_RESIDENT, BASE + 1, 0, buf, 1), -EINVAL);
	assert_int_equal(as_query(a, WEFT_QUERY_VMAS, 0, ~0ul, buf, 10), 2);
	v = as_peek(a, buf, false);
	assert_int_equal(v[0].start, BASE);
	assert_int_equal(v[0].end, BASE + 4 * PAGE_SIZE);
	assert_int_equal(v[0].resident, 1);
	assert_int_equal(v[0].prot_flags, RW);
	assert_int_equal(as_query(a, WEFT_QUERY_READ, BASE + PAGE_SIZE - 4, 0, buf, 12), 12);
	assert_int_equal(((u8 *)as_peek(a, buf, false))[4], 9);
	assert_int_equal(as_query(a, WEFT_QUERY_WRITE, BASE + 3 * PAGE_SIZE, 0, buf, 8), 8);
	assert_int_equal(as_query(a, WEFT_QUERY_READ, BASE + 3 * PAGE_SIZE, 0, buf, 2 * PAGE_SIZE),
		PAGE_SIZE);
	assert_int_equal(as_query(a, WEFT_QUERY_READ, BASE + 4 * PAGE_SIZE, 0, buf, 8), -EIO);
	assert_int_equal(as_query(a, WEFT_QUERY_READ, BASE, 0, 0x500000, 8), -EFAULT);
	as_put(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(placing),
		cmocka_unit_test(placing_random),
		cmocka_unit_test(bad_arguments),
		cmocka_unit_test(split_and_merge),
		cmocka_unit_test(everything_is_given_back),
		cmocka_unit_test(clusters),
		cmocka_unit_test(races),
		cmocka_unit_test(remapping),
		cmocka_unit_test(stacks),
		cmocka_unit_test(forking_flags),
		cmocka_unit_test(kernel_pages),
		cmocka_unit_test(out_of_memory),
		cmocka_unit_test(prune),
		cmocka_unit_test(queries),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
