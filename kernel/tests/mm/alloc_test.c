/* SPDX-License-Identifier: MIT */
/* Frames, slabs, kernel stacks, radix trees. */
#include "host.h"

static u32 rnd(void)
{
	static u32 x = 12345;

	x = x * 1664525 + 1013904223;
	return x >> 8;
}

static void frames_all_and_back(void **state)
{
	struct frame **f = calloc(RAM_PAGES, sizeof(*f));
	u64 before, n = 0;

	host_reset();
	before = frames_free;
	while ((f[n] = frame_alloc(0, false))) {
		assert_int_equal(f[n]->refs, 1);
		*(u64 *)frame_virt(f[n]) = n;
		n++;
	}
	assert_int_equal(n, before);
	assert_int_equal(frames_free, 0);
	for (u64 i = 0; i < n; i++)
		assert_int_equal(*(u64 *)frame_virt(f[i]), i); /* none was given twice */
	for (u64 i = 0; i < n; i++)
		frame_put(f[i]);
	assert_int_equal(frames_free, before);
	free(f);
}

static void frames_merge(void **state)
{
	struct frame *f[64];
	struct frame *big;

	host_reset();
	big = frame_alloc(10, false);
	assert_non_null(big);
	frame_free(big, 10);
	for (u32 i = 0; i < 64; i++)
		f[i] = frame_alloc(i % 4, false);
	for (u32 i = 0; i < 64; i++) {
		assert_int_equal((frame_phys(f[i]) >> PAGE_SHIFT) & ((1u << i % 4) - 1), 0);
		frame_free(f[i], i % 4);
	}
	big = frame_alloc(10, true);
	assert_non_null(big);
	frame_free(big, 10);
	assert_null(frame_alloc(FRAME_MAX_ORDER + 1, false));
	assert_null(frame_alloc(FRAME_MAX_ORDER, false)); /* more than there is */
}

static void frames_reserved(void **state)
{
	host_reset();
	for (u64 p = 0x200000; p < 0x280000; p += PAGE_SIZE)
		assert_true(frame_of(p)->flags & FRAME_RESERVED);
	assert_true(frame_of(boot_info.archive_phys)->flags & FRAME_RESERVED);
	assert_true(frame_of(boot_info.archive_phys + 0x1000)->flags & FRAME_RESERVED);
	assert_false(frame_of(boot_info.archive_phys + 0x2000)->flags & FRAME_RESERVED);
	assert_true(frame_of(0)->flags & FRAME_RESERVED);
	assert_null(frame_of(0x100000 + RAM_PAGES * PAGE_SIZE));
}

static void frames_random(void **state)
{
	struct {
		struct frame *f;
		u32 order;
	} held[200] = {0};
	u64 before;

	host_reset();
	before = frames_free;
	for (u32 i = 0; i < 20000; i++) {
		u32 k = rnd() % 200;

		if (held[k].f) {
			assert_int_equal(*(u32 *)frame_virt(held[k].f), k);
			frame_free(held[k].f, held[k].order);
			held[k].f = NULL;
			continue;
		}
		held[k].order = rnd() % 6 ? 0 : rnd() % 5;
		held[k].f = frame_alloc(held[k].order, rnd() % 2);
		if (held[k].f)
			for (u32 j = 0; j < 1u << held[k].order; j++)
				*(u32 *)frame_virt(held[k].f + j) = k;
	}
	for (u32 k = 0; k < 200; k++)
		if (held[k].f)
			frame_free(held[k].f, held[k].order);
	assert_int_equal(frames_free, before);
}

static void zero_pool(void **state)
{
	u64 before;
	u32 n = 0;

	host_reset();
	before = frames_free;
	for (u32 i = 0; i < 300; i++) {
		struct frame *f = frame_alloc(0, false);

		memset(frame_virt(f), 0xaa, PAGE_SIZE);
		frame_put(f);
	}
	while (mm_idle())
		n++;
	assert_true(n > 100);
	assert_false(mm_idle());
	assert_int_equal(frames_free, before);
	for (u32 i = 0; i < 600; i++) {
		struct frame *f = frame_alloc_zero();
		const u64 *p = frame_virt(f);

		for (u32 j = 0; j < 512; j++)
			assert_int_equal(p[j], 0);
	}
	assert_int_equal(frames_free, before - 600);
	assert_true(mm_idle()); /* it is wanted again */
}

static void slab_sizes(void **state)
{
	u64 bytes;

	host_reset();
	kfree(kmalloc(1));
	bytes = slab_bytes;
	for (size_t n = 0; n < 20000; n += n < 3000 ? 7 : 501) {
		u8 *p = kmalloc(n), *q = kzalloc(n);

		assert_non_null(p);
		assert_int_equal((u64)p % 16, 0);
		memset(p, 0xff, n);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(q[i], 0);
		kfree(p);
		kfree(q);
	}
	assert_int_equal(slab_bytes, bytes);
	kfree(NULL);
}

static void slab_random(void **state)
{
	struct {
		u8 *p;
		size_t n;
	} held[500] = {0};
	u64 before;

	host_reset();
	before = slab_bytes;
	for (u32 i = 0; i < 100000; i++) {
		u32 k = rnd() % 500;

		if (held[k].p) {
			for (size_t j = 0; j < held[k].n; j++)
				if (held[k].p[j] != (u8)k)
					fail_msg("block of %zu bytes was overwritten", held[k].n);
			kfree(held[k].p);
			held[k].p = NULL;
			continue;
		}
		held[k].n = rnd() % 10 ? rnd() % 300 : rnd() % 5000;
		held[k].p = kmalloc(held[k].n);
		assert_non_null(held[k].p);
		memset(held[k].p, k, held[k].n);
	}
	for (u32 k = 0; k < 500; k++)
		kfree(held[k].p);
	assert_int_equal(slab_bytes, before);
}

static void slab_exhausted(void **state)
{
	struct block {
		struct block *next;
	} *all = NULL, *b;
	u64 before;

	host_reset();
	before = frames_free;
	while ((b = kmalloc(1000))) {
		b->next = all;
		all = b;
	}
	assert_int_equal(frames_free, 0);
	while ((b = all)) {
		all = b->next;
		kfree(b);
	}
	assert_true(frames_free >= before - 1); /* one empty slab may be kept */
}

static void realloc_zero(void **state)
{
	u8 *p;

	host_reset();
	p = krealloc_zero(NULL, 0, 10);
	memset(p, 1, 10);
	p = krealloc_zero(p, 10, 5000);
	for (u32 i = 0; i < 5000; i++)
		assert_int_equal(p[i], i < 10);
	kfree(p);
}

static void kernel_stacks(void **state)
{
	u64 top[300], before;

	host_reset();
	before = frames_free;
	for (u32 i = 0; i < 300; i++) {
		top[i] = kstack_alloc();
		assert_true(top[i]);
		assert_int_equal(top[i] % PAGE_SIZE, 0);
		for (u32 j = 0; j < i; j++)
			assert_true(top[j] + KSTACK_SIZE + PAGE_SIZE <= top[i] ||
				top[i] + KSTACK_SIZE + PAGE_SIZE <= top[j]);
	}
	assert_true(frames_free <= before - 300 * KSTACK_SIZE / PAGE_SIZE);
	for (u32 i = 0; i < 300; i++)
		kstack_free(top[i]);
	assert_true(frames_free >= before - 64 * KSTACK_SIZE / PAGE_SIZE - 4);
	assert_true(kstack_alloc() != 0);
}

static void radix_random(void **state)
{
	static u8 there[4096];
	struct radix r = {0};
	u64 count = 0, bytes;

	host_reset();
	bytes = slab_bytes;
	memset(there, 0, sizeof(there));
	for (u32 i = 0; i < 50000; i++) {
		u32 k = rnd() % 4096;
		u64 idx = (u64)k * k * k; /* spread over 36 bits */

		if (rnd() % 2) {
			assert_int_equal(radix_set(&r, idx, &there[k]), 0);
			count += !there[k];
			there[k] = 1;
		} else {
			assert_ptr_equal(radix_del(&r, idx), there[k] ? &there[k] : NULL);
			count -= there[k];
			there[k] = 0;
		}
		assert_int_equal(r.count, count);
	}
	u64 idx = 0, k = 0;

	for (void *p; (p = radix_next(&r, &idx)); idx++, k++) {
		while (!there[k])
			k++;
		assert_int_equal(idx, k * k * k);
		assert_ptr_equal(p, &there[k]);
		assert_ptr_equal(radix_get(&r, idx), p);
		assert_null(
			radix_get(&r, idx + 1 == (k + 1) * (k + 1) * (k + 1) ? idx + 2 : idx + 1));
	}
	for (u64 j = k; j < 4096; j++)
		assert_false(there[j]);
	idx = 0;
	while (radix_next(&r, &idx))
		radix_del(&r, idx);
	assert_int_equal(r.count, 0);
	assert_null(r.root);
	assert_int_equal(slab_bytes, bytes);
}

static void radix_edges(void **state)
{
	struct radix r = {0};
	u64 idx = 0;
	int x;

	host_reset();
	assert_null(radix_next(&r, &idx));
	assert_null(radix_del(&r, 5));
	assert_int_equal(radix_set(&r, ~0ul, &x), 0);
	assert_ptr_equal(radix_next(&r, &idx), &x);
	assert_int_equal(idx, ~0ul);
	assert_ptr_equal(radix_get(&r, ~0ul), &x);
	assert_ptr_equal(radix_del(&r, ~0ul), &x);
	assert_null(r.root);
	assert_int_equal(radix_set(&r, 64, &x), 0);
	idx = 65;
	assert_null(radix_next(&r, &idx));
	radix_del(&r, 64);
}

static void radix_no_memory(void **state)
{
	struct radix r = {0};
	struct frame *last = NULL, *f;
	int x;

	host_reset();
	assert_int_equal(radix_set(&r, 3, &x), 0);
	while ((f = frame_alloc(0, false))) {
		f->owner = (void *)last;
		last = f;
	}
	for (u64 i = 0; i < 1000; i++)
		if (radix_set(&r, i << 40, &x) == -ENOMEM)
			break;
	assert_ptr_equal(radix_get(&r, 3), &x);
	while ((f = last)) {
		last = (void *)f->owner;
		frame_put(f);
	}
	for (u64 i = 0, n = 0; radix_next(&r, &i); n++)
		radix_del(&r, i);
	assert_int_equal(r.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_all_and_back),
		cmocka_unit_test(frames_merge),
		cmocka_unit_test(frames_reserved),
		cmocka_unit_test(frames_random),
		cmocka_unit_test(zero_pool),
		cmocka_unit_test(slab_sizes),
		cmocka_unit_test(slab_random),
		cmocka_unit_test(slab_exhausted),
		cmocka_unit_test(realloc_zero),
		cmocka_unit_test(kernel_stacks),
		cmocka_unit_test(radix_random),
		cmocka_unit_test(radix_edges),
		cmocka_unit_test(radix_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
