/* SPDX-License-Identifier: MIT */
/* Pager-backed objects against a server that answers whenever someone blocks. */
#include "host.h"

#define RW   (WEFT_PROT_READ | WEFT_PROT_WRITE)
#define BASE 0x10000000ul

static struct as *a;

static void fresh(u64 pages)
{
	host_reset();
	a = as_create_empty();
	current_process()->as = a;
	as_switch(a);
	host_server(pages);
}

static void done(void)
{
	as_put(a);
	object_put(&server.m->obj);
	while (host_serve())
		;
	assert_int_equal(mm_stats.cache, 0);
	assert_int_equal(mm_stats.dirty, 0);
	host_server_done();
}

static u64 map(u64 addr, u64 pages, u32 flags)
{
	assert_int_equal(as_map(a, &addr, pages * PAGE_SIZE, flags, server.m, 0), 0);
	return addr;
}

static i64 wr(u64 off, const void *from, u64 n)
{
	struct weft_iov v;
	struct uio u;

	uio_kernel(&u, &v, (void *)from, n);
	return memobj_write(server.m, &u, off, 0);
}

static i64 rd(u64 off, void *to, u64 n)
{
	struct weft_iov v;
	struct uio u;

	uio_kernel(&u, &v, to, n);
	return memobj_read(server.m, &u, off, 0);
}

static void reading(void **state)
{
	static u8 buf[200 * PAGE_SIZE];
	u64 s, v;

	fresh(200);
	assert_int_equal(rd(0, buf, sizeof(buf)), sizeof(buf));
	assert_memory_equal(buf, server.disk, sizeof(buf));
	assert_true(server.page_ins <= 6); /* read-ahead */
	assert_int_equal(server.reserves, 0);
	s = map(BASE, 200, WEFT_PROT_READ | WEFT_MAP_SHARED);
	a->faults_minor = 0;
	for (u64 i = 0; i < 200; i++) {
		assert_int_equal(host_read(a, s + i * PAGE_SIZE, &v), 0);
		assert_memory_equal(&v, server.disk + i * PAGE_SIZE, 8);
	}
	assert_true(a->faults_minor <= 14); /* neighbours come along */
	assert_true(server.page_ins <= 6);
	assert_int_equal(as_unmap(a, s, 200 * PAGE_SIZE), 0);
	assert_int_equal(server.idles, 1);
	done();
}

static void failing(void **state)
{
	u64 s, v;
	char c;

	fresh(10);
	server.refuse_in = true;
	assert_int_equal(rd(0, &c, 1), -EIO);
	s = map(BASE, 12, RW | WEFT_MAP_SHARED);
	assert_int_equal(host_read(a, s, &v), WEFT_CAUSE_BEYOND);
	server.refuse_in = false;
	server.silent = true;
	assert_int_equal(rd(0, &c, 1), -EIO);
	server.silent = false;
	assert_int_equal(rd(0, &c, 1), 1);
	server.die_once = true;
	assert_int_equal(memobj_ctl(server.m, WEFT_RIGHT_ALL, WEFT_MEM_EVICT, 0, ~0ul), 0);
	assert_int_equal(server.m->pages.count, 0);
	assert_int_equal(rd(5, &c, 1), 1); /* asked again of the successor */
	assert_int_equal((u8)c, server.disk[5]);
	assert_int_equal(host_read(a, s + 10 * PAGE_SIZE, &v), WEFT_CAUSE_BEYOND);
	pager_scheme_died(server.m->pager->scheme, true);
	memobj_ctl(server.m, WEFT_RIGHT_ALL, WEFT_MEM_EVICT, 0, ~0ul);
	assert_int_equal(rd(0, &c, 1), -EIO);
	done();
}

static void writing(void **state)
{
	static u8 buf[50 * PAGE_SIZE], back[50 * PAGE_SIZE];
	u64 pairs[8];

	fresh(10);
	memset(buf, 0x5a, sizeof(buf));
	assert_int_equal(wr(100, buf, 10), 10);
	assert_int_equal(server.page_ins, 1); /* part of a page: its bytes are needed */
	assert_int_equal(server.reserves, 1);
	assert_int_equal(wr(PAGE_SIZE, buf, 10), 10);
	assert_int_equal(server.reserves, 1); /* same extent */
	assert_int_equal(wr(0, buf, sizeof(buf)), sizeof(buf));
	assert_int_equal(memobj_size(server.m), sizeof(buf));
	assert_int_equal(server.m->pager->ndirty, 50);
	assert_int_equal(mm_stats.dirty, 50);
	assert_int_equal(pager_dirty_runs(server.m, pairs, 4), 1);
	assert_int_equal(pairs[1], sizeof(buf));
	server.disk = realloc(server.disk, sizeof(buf));
	assert_int_equal(pager_sync(server.m, 0, ~0ul), 0);
	assert_int_equal(server.m->pager->ndirty, 0);
	assert_int_equal(server.m->pager->nwriteback, 0);
	assert_memory_equal(server.disk, buf, sizeof(buf));
	assert_false(pager_reserved(server.m, 0)); /* used up */
	server.refuse_reserve = true;
	assert_int_equal(wr(0, buf, 10), -ENOSPC);
	u64 s = map(BASE, 10, RW | WEFT_MAP_SHARED), v;
	assert_int_equal(host_read(a, s, &v), 0);
	assert_int_equal(host_write(a, s, 1), WEFT_CAUSE_BEYOND);
	server.refuse_reserve = false;
	assert_int_equal(rd(0, back, sizeof(back)), sizeof(back));
	assert_memory_equal(back, buf, sizeof(buf));
	done();
}

static void mapped_writes(void **state)
{
	u64 s, v;

	fresh(20);
	s = map(BASE, 20, RW | WEFT_MAP_SHARED);
	assert_int_equal(host_read(a, s, &v), 0);
	assert_int_equal(server.m->pager->ndirty, 0);
	assert_int_equal(host_write(a, s, 11), 0);
	assert_int_equal(host_write(a, s + 8, 12), 0);
	assert_int_equal(server.m->pager->ndirty, 1);
	assert_int_equal(server.reserves, 1);
	assert_int_equal(as_advise(a, s, 20 * PAGE_SIZE, WEFT_ADV_SYNC), 0);
	assert_int_equal(*(u64 *)server.disk, 11);
	assert_int_equal(server.m->pager->ndirty, 0);
	assert_int_equal(host_write(a, s, 13), 0); /* write-protected again, so it counts */
	assert_int_equal(server.m->pager->ndirty, 1);
	server.refuse_out = true;
	assert_int_equal(as_advise(a, s, 20 * PAGE_SIZE, WEFT_ADV_SYNC), -EIO);
	assert_int_equal(server.m->pager->ndirty, 1);
	server.refuse_out = false;
	assert_int_equal(as_advise(a, s, 20 * PAGE_SIZE, WEFT_ADV_SYNC), 0);
	assert_int_equal(*(u64 *)server.disk, 13);
	server.die_once = true;
	assert_int_equal(host_write(a, s, 14), 0);
	server.die_once = true;
	assert_int_equal(as_advise(a, s, 20 * PAGE_SIZE, WEFT_ADV_SYNC), 0);
	assert_int_equal(*(u64 *)server.disk, 14);
	/* private: never dirty, never written */
	u64 p = map(BASE + 0x100000, 20, RW);
	assert_int_equal(host_write(a, p, 99), 0);
	assert_int_equal(server.m->pager->ndirty, 0);
	assert_int_equal(host_read(a, s, &v), 0);
	assert_int_equal(v, 14);
	done();
}

static void flusher(void **state)
{
	static u8 buf[100 * PAGE_SIZE];

	fresh(200);
	memset(buf, 3, sizeof(buf));
	assert_int_equal(wr(0, buf, sizeof(buf)), sizeof(buf));
	pager_flush();
	while (host_serve())
		;
	assert_int_equal(server.m->pager->ndirty, 100); /* too young */
	for (u32 i = 0; i < 4000000; i++)
		now_ns();
	for (u32 i = 0; i < 4; i++) {
		pager_flush();
		while (host_serve())
			;
	}
	assert_int_equal(server.m->pager->ndirty, 0);
	assert_memory_equal(server.disk, buf, sizeof(buf));
	done();
}

static void throttling_and_reclaim(void **state)
{
	u64 n = 3000, v;
	u8 page[PAGE_SIZE];

	fresh(n);
	for (u64 i = 0; i < n; i++) {
		memset(page, i, sizeof(page));
		assert_int_equal(wr(i * PAGE_SIZE, page, PAGE_SIZE), PAGE_SIZE);
		assert_true(mm_stats.dirty <= frames_total / 5 + 1);
	}
	assert_int_equal(pager_sync(server.m, 0, ~0ul), 0);
	for (u64 i = 0; i < n; i++)
		assert_int_equal(server.disk[i * PAGE_SIZE + 5], (u8)i);
	/* Now use up the rest: clean pages make way, mapped ones too. */
	u64 s = map(BASE, n, WEFT_PROT_READ | WEFT_MAP_SHARED), x = 0x40000000;
	for (u64 i = 0; i < n; i++)
		assert_int_equal(host_read(a, s + i * PAGE_SIZE, &v), 0);
	assert_int_equal(as_map(a, &x, 3000 * PAGE_SIZE, RW | WEFT_MAP_FIXED, NULL, 0), 0);
	for (u64 i = 0; i < 3000; i++)
		assert_int_equal(host_write(a, x + i * PAGE_SIZE, i), 0);
	assert_true(mm_stats.evicted > 1000);
	assert_int_equal(mm_stats.oom_kills, 0);
	for (u64 i = 0; i < n; i += 17) {
		assert_int_equal(host_read(a, s + i * PAGE_SIZE, &v), 0);
		assert_int_equal((u8)v, (u8)i);
	}
	for (u64 i = 0; i < 3000; i += 13) {
		assert_int_equal(host_read(a, x + i * PAGE_SIZE, &v), 0);
		assert_int_equal(v, i);
	}
	done();
}

static void shrinking(void **state)
{
	u64 s, v;

	fresh(20);
	s = map(BASE, 20, RW | WEFT_MAP_SHARED);
	for (u64 i = 0; i < 20; i++)
		assert_int_equal(host_write(a, s + i * PAGE_SIZE, i), 0);
	pager_flush();
	assert_int_equal(memobj_ctl(server.m, WEFT_RIGHT_WRITE, WEFT_MEM_RESIZE, 0, 0), -EPERM);
	assert_int_equal(memobj_ctl(server.m, WEFT_RIGHT_ALL, WEFT_MEM_RESIZE, 2 * PAGE_SIZE + 4,
				 0),
		0);
	assert_int_equal(server.m->pager->ndirty, 3);
	assert_int_equal(host_read(a, s + 3 * PAGE_SIZE, &v), WEFT_CAUSE_BEYOND);
	assert_int_equal(host_read(a, s + 2 * PAGE_SIZE, &v), 0);
	assert_int_equal(v, 2);
	done();
}

static void cloning(void **state)
{
	struct memobj *c;
	u64 v;

	fresh(20);
	assert_int_equal(wr(0, "dirty!!!", 8), 8);
	assert_int_equal(memobj_clone(server.m, &c), 0);
	u64 at = BASE;
	assert_int_equal(as_map(a, &at, 20 * PAGE_SIZE, RW | WEFT_MAP_SHARED, c, 0), 0);
	assert_int_equal(host_read(a, at, &v), 0);
	assert_memory_equal(&v, "dirty!!!", 8);
	assert_int_equal(host_read(a, at + 19 * PAGE_SIZE, &v),
		0); /* not there before: from the server */
	assert_memory_equal(&v, server.disk + 19 * PAGE_SIZE, 8);
	assert_int_equal(host_write(a, at + 19 * PAGE_SIZE, 1), 0);
	assert_int_equal(server.m->pager->ndirty, 1);
	assert_int_equal(memobj_punch(c, 0, 20 * PAGE_SIZE), 0);
	assert_int_equal(host_read(a, at + 5 * PAGE_SIZE, &v), 0);
	assert_int_equal(v, 0);
	object_put(&c->obj);
	done();
}

static void adoption(void **state)
{
	struct memobj *m;

	fresh(4);
	assert_int_equal(pager_create(server.m->pager->scheme, 42, 9, 0, &m), 0);
	assert_ptr_equal(m, server.m);
	object_put(&m->obj);
	done();
}

static void supply_errors(void **state)
{
	fresh(4);
	assert_int_equal(pager_copy(server.m, WEFT_PAGER_SUPPLY, 1, BASE, 10, 0), -EINVAL);
	assert_int_equal(pager_copy(server.m, WEFT_PAGER_SUPPLY, 0, BASE, 0, 0), -EINVAL);
	assert_int_equal(pager_copy(server.m, WEFT_PAGER_SUPPLY, 0, BASE, 10, 0), -EFAULT);
	assert_int_equal(pager_copy(server.m, WEFT_PAGER_FETCH, 0, BASE, 10, 0), -ENODATA);
	assert_int_equal(pager_copy(server.m, WEFT_PAGER_FAIL, 0, BASE, 10, 5000), -EINVAL);
	assert_int_equal(pager_copy(server.m, 9, 0, BASE, 10, 0), -EINVAL);
	assert_int_equal(pager_copy(server.m, WEFT_PAGER_ZERO, 0, 0, 100 * PAGE_SIZE, 0),
		0); /* no more than the size */
	assert_int_equal(server.m->pages.count, 4);
	done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading),
		cmocka_unit_test(failing),
		cmocka_unit_test(writing),
		cmocka_unit_test(mapped_writes),
		cmocka_unit_test(flusher),
		cmocka_unit_test(throttling_and_reclaim),
		cmocka_unit_test(shrinking),
		cmocka_unit_test(cloning),
		cmocka_unit_test(adoption),
		cmocka_unit_test(supply_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
