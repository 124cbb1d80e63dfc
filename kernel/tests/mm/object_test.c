/* SPDX-License-Identifier: MIT */
/* Memory objects without a pager: streams, size, seals, clones, shared and private mappings, DMA
 * and pins. */
#include "host.h"

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif

#define RW   (WEFT_PROT_READ | WEFT_PROT_WRITE)
#define BASE 0x10000000ul

static struct as *a;

static struct memobj *fresh(u64 size)
{
	struct memobj *m;

	host_reset();
	a = as_create_empty();
	current_process()->as = a;
	as_switch(a);
	assert_int_equal(memobj_create(WEFT_MEM_ANON, size, WEFT_MEM_SEALABLE, &m), 0);
	return m;
}

static u64 map(struct memobj *m, u64 addr, u64 pages, u32 flags, u64 off)
{
	assert_int_equal(as_map(a, &addr, pages * PAGE_SIZE, flags, m, off), 0);
	return addr;
}

static i64 wr(struct memobj *m, u64 off, const void *from, u64 n, u32 flags)
{
	struct weft_iov v;
	struct uio u;

	uio_kernel(&u, &v, (void *)from, n);
	return memobj_write(m, &u, off, flags);
}

static i64 rd(struct memobj *m, u64 off, void *to, u64 n)
{
	struct weft_iov v;
	struct uio u;

	uio_kernel(&u, &v, to, n);
	return memobj_read(m, &u, off, 0);
}

static u64 peek(u64 addr)
{
	u64 v;

	assert_int_equal(host_read(a, addr, &v), 0);
	return v;
}

static void streams(void **state)
{
	struct memobj *m = fresh(0);
	static u8 in[70000], out[70000];
	char c;

	for (u32 i = 0; i < sizeof(in); i++)
		in[i] = i * 13 + i / 256;
	assert_int_equal(rd(m, 0, out, 10), 0);
	assert_int_equal(wr(m, 5000, in, 3, 0), 3);
	assert_int_equal(memobj_size(m), 5003);
	assert_int_equal(rd(m, 4998, out, 100), 5);
	assert_memory_equal(out, "\0\0", 2);
	assert_memory_equal(out + 2, in, 3);
	assert_int_equal(wr(m, 0, in, sizeof(in), 0), sizeof(in));
	assert_int_equal(rd(m, 0, out, sizeof(out)), sizeof(out));
	assert_memory_equal(in, out, sizeof(in));
	assert_int_equal(wr(m, 3, "xyz", 3, WEFT_IO_APPEND), 3);
	assert_int_equal(memobj_size(m), sizeof(in) + 3);
	assert_int_equal(rd(m, sizeof(in) + 2, &c, 1), 1);
	assert_int_equal(c, 'z');
	assert_int_equal(rd(m, sizeof(in) + 3, &c, 1), 0);
	assert_int_equal(rd(m, ~0ul, &c, 1), -EINVAL);
	assert_int_equal(wr(m, INT64_MAX - 5, &c, 1, 0), -EFBIG);
	assert_true(m->mtime > 0 && m->mtime == m->ctime);
	/* through user memory, part of which is not there */
	u64 ua = map(NULL, BASE, 2, RW, 0);
	struct weft_iov v;
	struct uio u;
	assert_int_equal(uio_init(&u, &v, 1, ua, 3 * PAGE_SIZE, false), 0);
	assert_int_equal(memobj_read(m, &u, 1, 0), 2 * PAGE_SIZE);
	assert_int_equal(peek(ua) & 0xff, in[1]);
	assert_int_equal(uio_init(&u, &v, 1, ua + PAGE_SIZE, 2 * PAGE_SIZE, false), 0);
	assert_int_equal(memobj_write(m, &u, 100000, 0), PAGE_SIZE);
	assert_int_equal(memobj_size(m), 100000 + PAGE_SIZE);
	assert_int_equal(uio_init(&u, &v, 1, ua + 2 * PAGE_SIZE, 10, false), 0);
	assert_int_equal(memobj_write(m, &u, 0, 0), -EFAULT);
	assert_int_equal(uio_init(&u, &v, 1, WEFT_USER_MAX - 5, 10, false), -EFAULT);
	object_put(&m->obj);
	as_put(a);
}

static void sizes(void **state)
{
	struct memobj *m = fresh(3 * PAGE_SIZE);
	u64 s = map(m, BASE, 4, RW | WEFT_MAP_SHARED, 0), p = map(m, BASE + 0x100000, 4, RW, 0), v;

	for (u64 i = 0; i < 3; i++)
		assert_int_equal(host_write(a, s + i * PAGE_SIZE, i + 1), 0);
	assert_int_equal(host_write(a, s + 3 * PAGE_SIZE, 1), WEFT_CAUSE_BEYOND);
	assert_int_equal(peek(p + 2 * PAGE_SIZE), 3);
	assert_int_equal(host_write(a, p + 2 * PAGE_SIZE, 33), 0);
	assert_int_equal(peek(s + 2 * PAGE_SIZE), 3);
	assert_int_equal(host_write(a, s + PAGE_SIZE + 100, 77), 0);
	assert_int_equal(memobj_resize(m, PAGE_SIZE + 50), 0);
	assert_int_equal(host_read(a, s + 2 * PAGE_SIZE, &v), WEFT_CAUSE_BEYOND);
	assert_int_equal(host_read(a, p + 2 * PAGE_SIZE, &v), WEFT_CAUSE_BEYOND);
	assert_int_equal(peek(s + PAGE_SIZE), 2);
	assert_int_equal(peek(s + PAGE_SIZE + 100), 0); /* the tail was zeroed */
	assert_int_equal(memobj_resize(m, 4 * PAGE_SIZE), 0);
	assert_int_equal(peek(s + 2 * PAGE_SIZE), 0);
	assert_int_equal(peek(p + 2 * PAGE_SIZE), 0);
	assert_int_equal(memobj_resize(m, ~0ul), -EFBIG);
	assert_int_equal(host_write(a, s + 3 * PAGE_SIZE, 9), 0);
	assert_int_equal(memobj_punch(m, 10, 4 * PAGE_SIZE), 0);
	assert_int_equal(peek(s), 1);
	assert_int_equal(peek(s + 3 * PAGE_SIZE), 0);
	assert_int_equal(m->pages.count, 2); /* read faults have made the one at the end again */
	assert_int_equal(memobj_commit(m, 0, 4 * PAGE_SIZE), 0);
	assert_int_equal(m->pages.count, 4);
	assert_int_equal(memobj_commit(m, 0, 5 * PAGE_SIZE), -EINVAL);
	assert_int_equal(as_advise(a, s, PAGE_SIZE, WEFT_ADV_REMOVE), 0);
	assert_int_equal(peek(s), 0);
	assert_int_equal(as_advise(a, p, PAGE_SIZE, WEFT_ADV_REMOVE), -EINVAL);
	object_put(&m->obj);
	as_put(a);
	assert_int_equal(mm_stats.shared, 0);
	assert_int_equal(mm_stats.anon, 0);
	assert_int_equal(object_count[WEFT_OBJ_MEM], 0);
}

static void seals(void **state)
{
	struct memobj *m = fresh(PAGE_SIZE);
	u64 addr = BASE, s;

	s = map(m, BASE, 1, RW | WEFT_MAP_SHARED, 0);
	assert_int_equal(memobj_ctl(m, WEFT_RIGHT_ALL, WEFT_MEM_ADD_SEALS, F_SEAL_WRITE, 0),
		-EBUSY);
	assert_int_equal(as_unmap(a, s, PAGE_SIZE), 0);
	assert_int_equal(memobj_ctl(m, WEFT_RIGHT_READ, WEFT_MEM_ADD_SEALS, F_SEAL_WRITE, 0),
		-EPERM);
	assert_int_equal(memobj_ctl(m, WEFT_RIGHT_ALL, WEFT_MEM_ADD_SEALS, 0x100, 0), -EINVAL);
	assert_int_equal(memobj_ctl(m, WEFT_RIGHT_ALL, WEFT_MEM_ADD_SEALS, F_SEAL_GROW, 0), 0);
	assert_int_equal(memobj_ctl(m, WEFT_RIGHT_ALL, WEFT_MEM_RESIZE, 2 * PAGE_SIZE, 0), -EPERM);
	assert_int_equal(wr(m, PAGE_SIZE - 2, "abcd", 4, 0), 2);
	assert_int_equal(wr(m, PAGE_SIZE, "abcd", 4, 0), -EPERM);
	assert_int_equal(memobj_ctl(m, WEFT_RIGHT_ALL, WEFT_MEM_ADD_SEALS,
				 F_SEAL_SHRINK | F_SEAL_WRITE, 0),
		0);
	assert_int_equal(memobj_ctl(m, WEFT_RIGHT_ALL, WEFT_MEM_RESIZE, 0, 0), -EPERM);
	assert_int_equal(memobj_ctl(m, WEFT_RIGHT_ALL, WEFT_MEM_PUNCH, 0, 10), -EPERM);
	assert_int_equal(wr(m, 0, "a", 1, 0), -EPERM);
	assert_int_equal(as_map(a, &addr, PAGE_SIZE, RW | WEFT_MAP_SHARED, m, 0), -EPERM);
	addr = map(m, BASE, 1, WEFT_PROT_READ | WEFT_MAP_SHARED, 0);
	assert_int_equal(as_protect(a, addr, PAGE_SIZE, RW), -EACCES);
	map(m, 0, 1, RW, 0);
	assert_int_equal(memobj_ctl(m, WEFT_RIGHT_ALL, WEFT_MEM_ADD_SEALS, F_SEAL_SEAL, 0), 0);
	assert_int_equal(memobj_ctl(m, WEFT_RIGHT_ALL, WEFT_MEM_ADD_SEALS, F_SEAL_EXEC, 0), -EPERM);
	assert_int_equal(memobj_ctl(m, 0, WEFT_MEM_GET_SEALS, 0, 0), 0xf);
	object_put(&m->obj);
	as_put(a);
}

static void clones(void **state)
{
	struct memobj *m = fresh(8 * PAGE_SIZE), *c, *d;
	u64 s = map(m, BASE, 8, RW | WEFT_MAP_SHARED, 0), t, x;

	for (u64 i = 0; i < 6; i++)
		assert_int_equal(host_write(a, s + i * PAGE_SIZE, i + 1), 0);
	assert_int_equal(memobj_clone(m, &c), 0);
	assert_int_equal(memobj_clone(c, &d), 0);
	t = map(c, BASE + 0x100000, 8, RW | WEFT_MAP_SHARED, 0);
	assert_int_equal(peek(t), 1);
	assert_int_equal(host_write(a, s, 100), 0); /* through the entry that was writable */
	assert_int_equal(peek(t), 1);
	assert_int_equal(host_write(a, t + PAGE_SIZE, 200), 0);
	assert_int_equal(peek(s + PAGE_SIZE), 2);
	assert_int_equal(wr(d, 2 * PAGE_SIZE, "\x2c\x01\0\0\0\0\0\0", 8, 0), 8);
	assert_int_equal(peek(t + 2 * PAGE_SIZE), 3);
	assert_int_equal(rd(d, 2 * PAGE_SIZE, &x, 8), 8);
	assert_int_equal(x, 300);
	assert_int_equal(memobj_resize(d, 10), 0);
	assert_int_equal(rd(d, 0, &x, 8), 8);
	assert_int_equal(x, 1);
	assert_int_equal(memobj_resize(m, 5),
		0); /* zeroes the tail of a page that the clones still show */
	assert_int_equal(peek(t + 5 * PAGE_SIZE), 6);
	assert_int_equal(wr(m, 0, "\0\0\0\0\0\0\0\0", 8, 0), 8);
	assert_int_equal(peek(t), 1);
	object_put(&m->obj);
	object_put(&c->obj);
	object_put(&d->obj);
	as_put(a);
	assert_int_equal(mm_stats.shared, 0);
	assert_int_equal(object_count[WEFT_OBJ_MEM], 0);
}

static void physical(void **state)
{
	struct memobj *m = fresh(0), *p;
	u64 s, t, v;

	object_put(&m->obj);
	assert_int_equal(memobj_create_phys(0x300000, 2 * PAGE_SIZE, 0, &p), 0);
	strcpy(phys_to_virt(0x300000), "archive");
	s = map(p, BASE, 2, WEFT_PROT_READ | WEFT_MAP_SHARED, 0);
	assert_int_equal(peek(s), *(u64 *)"archive");
	t = map(p, BASE + 0x100000, 2, RW, 0);
	assert_int_equal(host_write(a, t, 5), 0);
	assert_int_equal(peek(s), *(u64 *)"archive");
	assert_int_equal(peek(t + PAGE_SIZE), peek(s + PAGE_SIZE));
	assert_int_equal(rd(p, 0, &v, 8), 8);
	assert_int_equal(v, *(u64 *)"archive");
	assert_int_equal(memobj_resize(p, 0), -EINVAL);
	object_put(&p->obj);
	assert_int_equal(memobj_create_phys(0xfee00000, PAGE_SIZE, WEFT_MEM_CACHE_UC, &p), 0);
	s = map(p, BASE + 0x200000, 1, RW | WEFT_MAP_SHARED, 0);
	assert_int_equal(as_fault(a, s, true, false), 0);
	assert_true(arch_pte_flags(*arch_pte(&a->arch, s, false)) & ARCH_PTE_UC);
	assert_null(as_peek(a, s, false));
	assert_int_equal(rd(p, 0, &v, 8), -EIO);
	object_put(&p->obj);
	assert_int_equal(memobj_create_phys(5, PAGE_SIZE, 0, &p), -EINVAL);
	assert_int_equal(memobj_create_phys(~0xffful, 2 * PAGE_SIZE, 0, &p), -EINVAL);
	as_put(a);
	assert_int_equal(object_count[WEFT_OBJ_MEM], 0);
}

static void res_gone(struct object *o)
{
}
static const struct obj_ops res_ops = {.destroy = res_gone};

static void dma_and_pins(void **state)
{
	struct memobj *m = fresh(4 * PAGE_SIZE), *d;
	struct resource res = {.r.kinds = WEFT_RES_DMA};
	struct object *pin;
	u64 bus[4], before, s;

	object_init(&res.obj, WEFT_OBJ_RESOURCE, &res_ops);
	list_init(&res.pins);
	before = frames_free;
	assert_int_equal(dma_create(&res, 5 * PAGE_SIZE, WEFT_MEM_LOW, &d), 0);
	assert_true(frames_free >= before - 6 && frames_free <= before - 5);
	s = map(d, BASE, 5, RW | WEFT_MAP_SHARED, 0);
	assert_int_equal(host_write(a, s + 4 * PAGE_SIZE, 7), 0);
	assert_int_equal(*(u64 *)phys_to_virt(d->phys + 4 * PAGE_SIZE), 7);
	assert_int_equal(as_unmap(a, s, 5 * PAGE_SIZE), 0);
	object_put(&d->obj); /* its driver is dead, its device is not */
	before = frames_free;
	mem_pins_release(&res);
	assert_true(frames_free >= before + 5);
	assert_int_equal(mm_stats.dma, 0);

	assert_int_equal(dma_create(&res, PAGE_SIZE, 0, &d), 0);
	assert_int_equal(dma_release(&d->obj), 0);
	object_put(&d->obj);
	assert_true(list_empty(&res.pins));

	assert_int_equal(pin_create(m, 0, 4, &res, bus, &pin), 0);
	s = map(m, BASE, 4, RW | WEFT_MAP_SHARED, 0);
	assert_int_equal(host_write(a, s, 9), 0);
	assert_int_equal(*(u64 *)phys_to_virt(bus[0]), 9);
	assert_int_equal(memobj_resize(m, 0), 0);
	*(u64 *)phys_to_virt(bus[3]) = 1; /* the device still may */
	object_put(pin);
	assert_false(list_empty(&res.pins));
	mem_pins_release(&res);
	assert_true(list_empty(&res.pins));
	assert_int_equal(pin_create(m, 0, 1, &res, bus, &pin),
		-EINVAL); /* beyond the end */
	assert_true(list_empty(&res.pins));
	assert_int_equal(res.obj.refs, 1);
	object_put(&m->obj);
	as_put(a);
	assert_int_equal(mm_stats.shared, 0);
}

static void calls(void **state)
{
	struct memobj *m = fresh(0);
	u64 ua = map(NULL, BASE, 4, RW, 0), s;
	struct weft_mem_info info;
	i64 fd, fd2;

	object_put(&m->obj);
	fd = sys_mem_create(WEFT_MEM_ANON, 3 * PAGE_SIZE, -1, 0, WEFT_MEM_SEALABLE);
	assert_true(fd >= 0);
	assert_int_equal(sys_mem_create(99, 0, -1, 0, 0), -EINVAL);
	assert_int_equal(sys_mem_create(WEFT_MEM_ANON, 0, -1, 0, 0x1000), -EINVAL);
	assert_int_equal(sys_mem_create(WEFT_MEM_ANON, ~0ul, -1, 0, 0), -EFBIG);
	assert_int_equal(sys_mem_create(WEFT_MEM_PHYS, PAGE_SIZE, 60, 0, 0), -EBADF);
	assert_int_equal(sys_mem_create(WEFT_MEM_DMA, PAGE_SIZE, fd, 0, 0), -EINVAL);
	assert_int_equal(sys_mem_create(WEFT_MEM_PAGER, PAGE_SIZE, fd, 0, 0), -EBADF);
	s = sys_mem_map(-1, BASE + 0x100000, 3 * PAGE_SIZE, RW | WEFT_MAP_SHARED | WEFT_MAP_FIXED,
		fd, 0);
	assert_int_equal(s, BASE + 0x100000);
	assert_int_equal(sys_mem_map(-1, 0, PAGE_SIZE, RW, 60, 0), -EBADF);
	assert_int_equal(sys_mem_map(-1, 0, PAGE_SIZE, RW, fd, 1), -EINVAL);
	assert_int_equal(sys_mem_map(-1, 0, PAGE_SIZE, 1u << 30, fd, 0), -EINVAL);
	assert_int_equal(host_write(a, s + PAGE_SIZE, 5), 0);
	fd2 = sys_mem_create(WEFT_MEM_CLONE, 0, fd, 0, 0);
	assert_true(fd2 >= 0);
	assert_int_equal(sys_mem_ctl(fd2, WEFT_MEM_INFO, ua, 0, 0), 0);
	memcpy(&info, as_peek(a, ua, false), sizeof(info));
	assert_int_equal(info.size, 3 * PAGE_SIZE);
	assert_int_equal(info.resident, PAGE_SIZE);
	fd_peek(fd2)->rights = WEFT_RIGHT_READ | WEFT_RIGHT_MAP;
	assert_int_equal(sys_mem_map(-1, 0, PAGE_SIZE, RW | WEFT_MAP_SHARED, fd2, 0), -EACCES);
	assert_int_equal(sys_mem_map(-1, 0, PAGE_SIZE, WEFT_PROT_EXEC, fd2, 0), -EACCES);
	assert_int_equal(sys_mem_ctl(fd2, WEFT_MEM_RESIZE, 0, 0, 0), -EPERM);
	assert_int_equal(sys_mem_ctl(fd2, WEFT_MEM_SET_ID, 0, 0, 0), -EPERM);
	assert_int_equal(sys_mem_ctl(fd, WEFT_MEM_SET_ID, 3, 4, 0), 0);
	assert_int_equal(sys_mem_ctl(fd, WEFT_MEM_PHYS_ADDR, 0, 0, 0), -EINVAL);
	assert_int_equal(sys_mem_ctl(fd, 77, 0, 0, 0), -EINVAL);
	assert_int_equal(sys_mem_ctl(fd, WEFT_MEM_SET_NAME, ua, 256, 0), -EINVAL);
	assert_int_equal(sys_mem_ctl(fd, WEFT_MEM_SET_NAME, 0x500000, 6, 0), -EFAULT);
	assert_int_equal(sys_mem_ctl(fd, WEFT_MEM_SET_NAME, ua, 6, 0), 0);
	assert_int_equal(sys_mem_pin(fd, 0, PAGE_SIZE, 60, ua, 1), -EBADF);
	assert_int_equal(sys_mem_pin(fd, 1, PAGE_SIZE, 60, ua, 1), -EINVAL);
	assert_int_equal(sys_pager_copy(fd, WEFT_PAGER_SUPPLY, 0, ua, PAGE_SIZE, 0), -EINVAL);
	assert_int_equal(sys_mem_query(-1, 77, 0, 0, 0, 0), -EINVAL);
	assert_int_equal(sys_mem_query(fd, WEFT_QUERY_VMAS, 0, 0, 0, 0), -EINVAL);
	assert_int_equal(sys_as_create(1u << 20), -EINVAL);
	i64 as = sys_as_create(0);
	assert_int_equal(sys_mem_map(as, BASE, PAGE_SIZE, RW | WEFT_MAP_FIXED, -1, 0), BASE);
	assert_int_equal(sys_mem_query(as, WEFT_QUERY_WRITE, BASE + 8, 0, ua, 8), 8);
	assert_int_equal(sys_mem_protect(as, BASE, PAGE_SIZE, WEFT_PROT_READ), 0);
	assert_int_equal(sys_mem_query(as, WEFT_QUERY_WRITE, BASE + 8, 0, ua, 8), -EIO);
	assert_int_equal(sys_mem_unmap(as, BASE, PAGE_SIZE), 0);
	fd_peek(as)->rights = 0;
	assert_int_equal(sys_mem_map(as, BASE, PAGE_SIZE, RW, -1, 0), -EPERM);
	fd_close(NULL, as);
	fd_close(NULL, fd);
	fd_close(NULL, fd2);
	as_put(a);
	assert_int_equal(object_count[WEFT_OBJ_MEM], 0);
	assert_int_equal(object_count[WEFT_OBJ_AS], 0);
}

static void user_copies(void **state)
{
	struct memobj *m = fresh(0);
	u64 ua = map(NULL, BASE, 2, RW, 0);
	struct weft_iov buf[2];
	char big[3000];
	struct uio u;

	object_put(&m->obj);
	assert_int_equal(copy_to_user_nofault(ua, "abc", 4), -EFAULT);
	assert_int_equal(copy_to_user(ua + PAGE_SIZE - 2, "abc", 4), 0);
	assert_int_equal(copy_to_user_nofault(ua, "abc", 4), 0);
	memset(big, 'x', sizeof(big));
	assert_int_equal(copy_to_user(ua + 2 * PAGE_SIZE - 100, big, 3000), -EFAULT);
	assert_int_equal(copy_to_user(~0ul - 10, big, 100), -EFAULT);
	assert_int_equal(copy_from_user(big, ua, 3000), 0);
	struct weft_iov vec[3] = {{ua, 3}, {ua, 0}, {ua + 10, 5}};
	assert_int_equal(copy_to_user(ua + 200, vec, sizeof(vec)), 0);
	assert_int_equal(uio_init(&u, buf, 2, ua + 200, 3, true), 0);
	assert_int_equal(u.left, 8);
	assert_int_equal(uio_copy_out(&u, "hello world", 11), 8);
	assert_int_equal(uio_copy_out(&u, "x", 1), 0);
	uio_free(&u, buf);
	assert_memory_equal(as_peek(a, ua, false), "hel", 3);
	assert_memory_equal(as_peek(a, ua + 10, false), "lo wo", 5);
	assert_int_equal(uio_init(&u, buf, 2, ua + 200, 1025, true), -EINVAL);
	assert_int_equal(uio_init(&u, buf, 2, 0x500000, 3, true), -EFAULT);
	as_put(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams),
		cmocka_unit_test(sizes),
		cmocka_unit_test(seals),
		cmocka_unit_test(clones),
		cmocka_unit_test(physical),
		cmocka_unit_test(dma_and_pins),
		cmocka_unit_test(calls),
		cmocka_unit_test(user_copies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
