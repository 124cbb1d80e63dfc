/* SPDX-License-Identifier: MIT */
#include "t.h"

#define RW (WEFT_PROT_READ | WEFT_PROT_WRITE)

static u64 size_of(i32 m)
{
	struct weft_mem_info info;
	EQ(weft_mem_ctl(m, WEFT_MEM_INFO, PTR(&info), 0, 0), 0);
	return info.size;
}

TEST(mem_anon_zero)
{
	u8 *p = t_anon(16 * PAGE);
	for (u64 i = 0; i < 16 * PAGE; i += 512)
		EQ(p[i], 0);
	memset(p, 0xa5, 16 * PAGE);
	EQ(p[16 * PAGE - 1], 0xa5);
	EQ(weft_mem_unmap(-1, PTR(p), 16 * PAGE), 0);
}

TEST(mem_create_errors)
{
	ERR(weft_mem_create(99, PAGE, -1, 0, 0), EINVAL);
	ERR(weft_mem_create(WEFT_MEM_ANON, PAGE, -1, 0, 0x8000), EINVAL);
	CHECK(weft_mem_create(WEFT_MEM_ANON, UINT64_MAX, -1, 0, 0) < 0);
	ERR(weft_mem_create(WEFT_MEM_PHYS, PAGE, NOFD, 0, 0), EPERM);
	ERR(weft_mem_create(WEFT_MEM_DMA, PAGE, NOFD, 0, 0), EPERM);
	ERR(weft_mem_create(WEFT_MEM_PAGER, PAGE, NOFD, 0, 0), EBADF);
	ERR(weft_mem_create(WEFT_MEM_CLONE, PAGE, NOFD, 0, 0), EBADF);
}

TEST(mem_create_private_fd)
{
	i64 m = OK(weft_mem_create(WEFT_MEM_ANON, PAGE, -1, 0, WEFT_MEM_PRIVATE_FD | WEFT_MEM_CLOEXEC));
	CHECK(m >= WEFT_FD_PRIVATE);
	EQ(weft_fd_ctl(m, WEFT_FD_GET_FLAGS, 0, 0), 1);
}

TEST(mem_phys_needs_authority)
{
	i32 m = t_mem(PAGE);
	/* An fd of another kind is no authority. */
	CHECK(weft_mem_create(WEFT_MEM_PHYS, PAGE, m, 0, 0) < 0);
	struct weft_res res = {.kinds = WEFT_RES_MEM, .base = 0xb8000, .len = PAGE};
	i64 r = OK(weft_sys_ctl(t_root, WEFT_SYS_RES_DERIVE, PTR(&res), 0, 0));
	CHECK(weft_mem_create(WEFT_MEM_PHYS, 2 * PAGE, r, 0, 0) < 0);
	CHECK(weft_mem_create(WEFT_MEM_PHYS, PAGE, r, PAGE, 0) < 0);
	i64 v = OK(weft_mem_create(WEFT_MEM_PHYS, PAGE, r, 0, WEFT_MEM_CACHE_UC));
	volatile u16 *text = t_map((i32)v, PAGE);
	(void)text[0];
	EQ(weft_mem_ctl(v, WEFT_MEM_PHYS_ADDR, 0, 0, 0), 0xb8000);
}

TEST_FLAGS(mem_dma, T_LEAKS)
{
	struct weft_res res = {.kinds = WEFT_RES_DMA, .len = UINT64_MAX};
	i64 r = OK(weft_sys_ctl(t_root, WEFT_SYS_RES_DERIVE, PTR(&res), 0, 0));
	i64 m = OK(weft_mem_create(WEFT_MEM_DMA, 8 * PAGE, r, 0, WEFT_MEM_LOW));
	u64 bus = (u64)OK(weft_mem_ctl(m, WEFT_MEM_PHYS_ADDR, 0, 0, 0));
	CHECK(bus && bus < 1ul << 32);
	EQ(weft_mem_ctl(m, WEFT_MEM_PHYS_ADDR, 5 * PAGE, 0, 0), bus + 5 * PAGE);
	u8 *p = t_map((i32)m, 8 * PAGE);
	for (u64 i = 0; i < 8 * PAGE; i += 64)
		EQ(p[i], 0);
	/* Once the device is quiet its memory can be had again. */
	OK(weft_mem_unmap(-1, PTR(p), 8 * PAGE));
	OK(weft_fd_close(m));
	EQ(weft_sys_ctl(t_root, WEFT_SYS_RES_RESET, r, 0, 0), 0);
}

TEST(mem_map_errors)
{
	i32 m = t_mem(PAGE);
	ERR(weft_mem_map(-1, 0, 0, RW, -1, 0), EINVAL);
	ERR(weft_mem_map(NOFD, 0, PAGE, RW, -1, 0), EBADF);
	ERR(weft_mem_map(-1, 0, PAGE, RW, NOFD, 0), EBADF);
	ERR(weft_mem_map(-1, 0, PAGE, RW, m, 1), EINVAL);
	ERR(weft_mem_map(-1, 0x1001, PAGE, RW | WEFT_MAP_FIXED, -1, 0), EINVAL);
	CHECK(weft_mem_map(-1, 0, PAGE, RW | WEFT_MAP_FIXED, -1, 0) < 0);
	CHECK(weft_mem_map(-1, WEFT_USER_MAX, PAGE, RW | WEFT_MAP_FIXED, -1, 0) < 0);
	CHECK(weft_mem_map(-1, KERNELPTR, PAGE, RW | WEFT_MAP_FIXED, -1, 0) < 0);
	CHECK(weft_mem_map(-1, 0, UINT64_MAX - PAGE + 1, RW, -1, 0) < 0);
	CHECK(weft_mem_map(-1, WEFT_USER_MAX - PAGE, UINT64_MAX - PAGE, RW | WEFT_MAP_FIXED, -1, 0) < 0);
	i32 p[2];
	t_pipe(p);
	CHECK(weft_mem_map(-1, 0, PAGE, WEFT_PROT_READ, p[0], 0) < 0);
}

TEST(mem_map_fixed_and_noreplace)
{
	u8 *p = t_anon(4 * PAGE);
	p[PAGE] = 9;
	ERR(weft_mem_map(-1, PTR(p), PAGE, RW | WEFT_MAP_FIXED | WEFT_MAP_NOREPLACE, -1, 0), EEXIST);
	EQ(weft_mem_map(-1, PTR(p + PAGE), PAGE, RW | WEFT_MAP_FIXED, -1, 0), PTR(p + PAGE));
	EQ(p[PAGE], 0);
}

TEST(mem_shared_between_mappings)
{
	i32 m = t_mem(2 * PAGE);
	u8 *a = t_map(m, 2 * PAGE), *b = t_map(m, 2 * PAGE);
	a[5000] = 77;
	EQ(b[5000], 77);
	u8 c = 0;
	EQ(weft_fd_read(m, PTR(&c), 1, 5000, 0), 1);
	EQ(c, 77);
}

TEST(mem_private_is_copied_on_write)
{
	i32 m = t_mem(PAGE);
	u8 *shared = t_map(m, PAGE);
	u8 *priv = (u8 *)OK(weft_mem_map(-1, 0, PAGE, RW, m, 0));
	shared[0] = 1;
	EQ(priv[0], 1);
	priv[0] = 2;
	EQ(shared[0], 1);
	shared[0] = 3;
	EQ(priv[0], 2);
}

TEST(mem_rights_and_protection)
{
	i32 m = t_mem(PAGE);
	i64 ro = OK(weft_fd_dup(m, 0, 0, WEFT_RIGHT_READ | WEFT_RIGHT_MAP));
	ERR(weft_mem_map(-1, 0, PAGE, RW | WEFT_MAP_SHARED, ro, 0), EACCES);
	OK(weft_mem_map(-1, 0, PAGE, RW, ro, 0));
	ERR(weft_mem_map(-1, 0, PAGE, WEFT_PROT_READ | WEFT_PROT_EXEC, ro, 0), EACCES);
	i64 at = OK(weft_mem_map(-1, 0, PAGE, WEFT_PROT_READ | WEFT_MAP_SHARED, ro, 0));
	CHECK(weft_mem_protect(-1, at, PAGE, RW) < 0);
}

TEST(mem_unmap_errors)
{
	ERR(weft_mem_unmap(-1, 0x1001, PAGE), EINVAL);
	ERR(weft_mem_unmap(-1, 0x10000, 0), EINVAL);
	ERR(weft_mem_unmap(NOFD, 0x10000, PAGE), EBADF);
	CHECK(weft_mem_unmap(-1, KERNELPTR, PAGE) < 0);
	/* Nothing there is no error, as on Linux. */
	EQ(weft_mem_unmap(-1, 0x200000000, PAGE), 0);
}

static void touch_read(void *arg)
{
	(void)*(volatile u8 *)arg;
}

static void touch_write(void *arg)
{
	*(volatile u8 *)arg = 1;
}

static bool survives(void (*fn)(void *), void *arg)
{
	return t_wait(t_child(fn, arg, NULL)) == 0;
}

TEST(mem_unmap_part)
{
	u8 *p = t_anon(4 * PAGE);
	memset(p, 1, 4 * PAGE);
	EQ(weft_mem_unmap(-1, PTR(p + PAGE), 2 * PAGE), 0);
	EQ(p[0], 1);
	EQ(p[3 * PAGE], 1);
	CHECK(!survives(touch_read, p + PAGE));
	CHECK(!survives(touch_read, p + 3 * PAGE - 1));
	CHECK(survives(touch_read, p + 3 * PAGE));
}

TEST(mem_protect)
{
	u8 *p = t_anon(3 * PAGE);
	memset(p, 5, 3 * PAGE);
	EQ(weft_mem_protect(-1, PTR(p + PAGE), PAGE, WEFT_PROT_READ), 0);
	EQ(p[PAGE], 5);
	CHECK(!survives(touch_write, p + PAGE));
	CHECK(survives(touch_write, p));
	EQ(weft_mem_protect(-1, PTR(p + PAGE), PAGE, 0), 0);
	CHECK(!survives(touch_read, p + PAGE));
	EQ(weft_mem_protect(-1, PTR(p), 3 * PAGE, RW), 0);
	EQ(p[PAGE], 5);
	p[PAGE] = 6;
}

TEST(mem_protect_errors)
{
	u8 *p = t_anon(PAGE);
	ERR(weft_mem_protect(-1, PTR(p) + 1, PAGE, RW), EINVAL);
	ERR(weft_mem_protect(-1, 0x200000000, PAGE, RW), ENOMEM);
	ERR(weft_mem_protect(NOFD, PTR(p), PAGE, RW), EBADF);
}

static const u8 code[] = {0xb8, 42, 0, 0, 0, 0xc3}; /* mov $42, %eax; ret */

static void call_code(void *arg)
{
	if (((int (*)(void))arg)() != 42)
		FAIL("wrong code");
}

TEST(mem_no_execute)
{
	u8 *p = t_anon(PAGE);
	memcpy(p, code, sizeof code);
	CHECK(!survives(call_code, p));
	EQ(weft_mem_protect(-1, PTR(p), PAGE, WEFT_PROT_READ | WEFT_PROT_EXEC), 0);
	CHECK(survives(call_code, p));
}

TEST(mem_null_and_last_page)
{
	CHECK(!survives(touch_read, (void *)0));
	CHECK(!survives(touch_read, (void *)WEFT_USER_MAX));
	CHECK(!survives(touch_read, (void *)KERNELPTR));
	CHECK(!survives(touch_write, (void *)0xffffffff80100000ul));
}

TEST(mem_resize)
{
	i32 m = t_mem(PAGE);
	EQ(weft_mem_ctl(m, WEFT_MEM_RESIZE, 3 * PAGE, 0, 0), 0);
	EQ(size_of(m), 3 * PAGE);
	u8 *p = t_map(m, 3 * PAGE);
	memset(p, 1, 3 * PAGE);
	EQ(weft_mem_ctl(m, WEFT_MEM_RESIZE, PAGE + 10, 0, 0), 0);
	EQ(p[PAGE + 9], 1);
	EQ(p[PAGE + 11], 0); /* the tail of the last page is zero */
	CHECK(!survives(touch_read, p + 2 * PAGE));
	EQ(weft_mem_ctl(m, WEFT_MEM_RESIZE, 3 * PAGE, 0, 0), 0);
	EQ(p[2 * PAGE], 0);
}

TEST(mem_punch)
{
	i32 m = t_mem(4 * PAGE);
	u8 *p = t_map(m, 4 * PAGE);
	memset(p, 1, 4 * PAGE);
	EQ(weft_mem_ctl(m, WEFT_MEM_PUNCH, PAGE + 5, PAGE, 0), 0);
	EQ(p[PAGE + 4], 1);
	EQ(p[PAGE + 5], 0);
	EQ(p[2 * PAGE + 4], 0);
	EQ(p[2 * PAGE + 5], 1);
}

TEST(mem_commit)
{
	i32 m = t_mem(4 * PAGE);
	struct weft_mem_info info;
	EQ(weft_mem_ctl(m, WEFT_MEM_COMMIT, 0, 2 * PAGE, 0), 0);
	EQ(weft_mem_ctl(m, WEFT_MEM_INFO, PTR(&info), 0, 0), 0);
	EQ(info.resident, 2 * PAGE);
}

TEST(mem_seals)
{
	i64 m = OK(weft_mem_create(WEFT_MEM_ANON, 2 * PAGE, -1, 0, WEFT_MEM_SEALABLE));
	EQ(weft_mem_ctl(m, WEFT_MEM_GET_SEALS, 0, 0, 0), 0);
	EQ(weft_mem_ctl(m, WEFT_MEM_ADD_SEALS, 2 | 4, 0, 0), 0); /* SHRINK, GROW */
	ERR(weft_mem_ctl(m, WEFT_MEM_RESIZE, PAGE, 0, 0), EPERM);
	ERR(weft_mem_ctl(m, WEFT_MEM_RESIZE, 4 * PAGE, 0, 0), EPERM);
	u8 *p = t_map((i32)m, PAGE);
	p[0] = 1;
	ERR(weft_mem_ctl(m, WEFT_MEM_ADD_SEALS, 8, 0, 0), EBUSY); /* WRITE while mapped writable */
	EQ(weft_mem_unmap(-1, PTR(p), PAGE), 0);
	EQ(weft_mem_ctl(m, WEFT_MEM_ADD_SEALS, 8 | 1, 0, 0), 0);
	ERR(weft_fd_write(m, PTR("x"), 1, 0, 0), EPERM);
	ERR(weft_mem_map(-1, 0, PAGE, RW | WEFT_MAP_SHARED, m, 0), EPERM);
	ERR(weft_mem_ctl(m, WEFT_MEM_ADD_SEALS, 2, 0, 0), EPERM); /* SEAL was set */
	EQ(weft_mem_ctl(m, WEFT_MEM_GET_SEALS, 0, 0, 0), 15);
}

TEST(mem_not_sealable)
{
	i32 m = t_mem(PAGE);
	EQ(weft_mem_ctl(m, WEFT_MEM_GET_SEALS, 0, 0, 0), 1);
	ERR(weft_mem_ctl(m, WEFT_MEM_ADD_SEALS, 2, 0, 0), EPERM);
}

TEST(mem_clone)
{
	i32 m = t_mem(4 * PAGE);
	u8 *a = t_map(m, 4 * PAGE);
	memset(a, 1, 4 * PAGE);
	i64 c = OK(weft_mem_create(WEFT_MEM_CLONE, 4 * PAGE, m, 0, 0));
	u8 *b = t_map((i32)c, 4 * PAGE);
	EQ(b[PAGE], 1);
	a[PAGE] = 2;
	EQ(b[PAGE], 1);
	b[2 * PAGE] = 3;
	EQ(a[2 * PAGE], 1);
	/* The clone outlives its origin. */
	EQ(weft_mem_unmap(-1, PTR(a), 4 * PAGE), 0);
	EQ(weft_fd_close(m), 0);
	EQ(b[3 * PAGE], 1);
}

TEST(mem_ctl_errors)
{
	i32 m = t_mem(PAGE), p[2];
	t_pipe(p);
	ERR(weft_mem_ctl(NOFD, WEFT_MEM_INFO, 0, 0, 0), EBADF);
	ERR(weft_mem_ctl(p[0], WEFT_MEM_INFO, 0, 0, 0), ENODEV);
	ERR(weft_mem_ctl(m, 999, 0, 0, 0), EINVAL);
	ERR(weft_mem_ctl(m, WEFT_MEM_INFO, BADPTR, 0, 0), EFAULT);
	CHECK(weft_mem_ctl(m, WEFT_MEM_RESIZE, UINT64_MAX, 0, 0) < 0);
	CHECK(weft_mem_ctl(m, WEFT_MEM_PHYS_ADDR, 0, 0, 0) < 0);
}

TEST(mem_remap)
{
	u8 *p = t_anon(4 * PAGE);
	memset(p, 7, 4 * PAGE);
	EQ(weft_mem_remap(PTR(p), 4 * PAGE, 2 * PAGE, 0, 0), PTR(p));
	CHECK(!survives(touch_read, p + 2 * PAGE));
	u8 *q = (u8 *)OK(weft_mem_remap(PTR(p), 2 * PAGE, 64 * PAGE, WEFT_REMAP_MAYMOVE, 0));
	EQ(q[2 * PAGE - 1], 7);
	EQ(q[2 * PAGE], 0);
	q[63 * PAGE] = 1;
}

TEST(mem_remap_fixed)
{
	u8 *p = t_anon(2 * PAGE), *q = t_anon(4 * PAGE);
	p[0] = 3;
	q[0] = 4;
	EQ(weft_mem_remap(PTR(p), 2 * PAGE, 2 * PAGE, WEFT_REMAP_MAYMOVE | WEFT_REMAP_FIXED, PTR(q)), PTR(q));
	EQ(q[0], 3);
	CHECK(!survives(touch_read, p));
}

TEST(mem_remap_errors)
{
	u8 *p = t_anon(2 * PAGE);
	ERR(weft_mem_remap(PTR(p) + 1, PAGE, PAGE, 0, 0), EINVAL);
	ERR(weft_mem_remap(PTR(p), PAGE, 0, 0, 0), EINVAL);
	ERR(weft_mem_remap(0x200000000, PAGE, 2 * PAGE, WEFT_REMAP_MAYMOVE, 0), EFAULT);
	/* Without MAYMOVE it grows in place or not at all. */
	EQ(weft_mem_map(-1, PTR(p) + PAGE, PAGE, RW | WEFT_MAP_FIXED, -1, 0), PTR(p) + PAGE);
	i32 m = t_mem(PAGE);
	EQ(weft_mem_map(-1, PTR(p) + PAGE, PAGE, RW | WEFT_MAP_FIXED | WEFT_MAP_SHARED, m, 0), PTR(p) + PAGE);
	ERR(weft_mem_remap(PTR(p), PAGE, 2 * PAGE, 0, 0), ENOMEM);
}

TEST(mem_advise_dontneed)
{
	u8 *p = t_anon(4 * PAGE);
	memset(p, 1, 4 * PAGE);
	EQ(weft_mem_advise(PTR(p + PAGE), PAGE, WEFT_ADV_DONTNEED), 0);
	EQ(p[PAGE], 0);
	EQ(p[0], 1);
	ERR(weft_mem_advise(PTR(p) + 1, PAGE, WEFT_ADV_DONTNEED), EINVAL);
	ERR(weft_mem_advise(PTR(p), PAGE, 99), EINVAL);
	ERR(weft_mem_advise(0x200000000, PAGE, WEFT_ADV_DONTNEED), ENOMEM);
}

TEST(mem_advise_remove_is_shared)
{
	i32 m = t_mem(2 * PAGE);
	u8 *a = t_map(m, 2 * PAGE), *b = t_map(m, 2 * PAGE);
	memset(a, 1, 2 * PAGE);
	EQ(weft_mem_advise(PTR(a), PAGE, WEFT_ADV_REMOVE), 0);
	EQ(b[0], 0);
	EQ(b[PAGE], 1);
}

static void expect_zero(void *arg)
{
	if (*(volatile u8 *)arg != 0)
		FAIL("not wiped");
}

TEST(mem_advise_fork)
{
	u8 *p = t_anon(3 * PAGE);
	memset(p, 1, 3 * PAGE);
	EQ(weft_mem_advise(PTR(p), PAGE, WEFT_ADV_DONTFORK), 0);
	EQ(weft_mem_advise(PTR(p + PAGE), PAGE, WEFT_ADV_WIPEONFORK), 0);
	CHECK(!survives(touch_read, p));
	CHECK(survives(expect_zero, p + PAGE));
	CHECK(survives(touch_read, p + 2 * PAGE));
	EQ(p[PAGE], 1);
}

TEST(mem_fork_copies)
{
	u8 *p = t_anon(PAGE);
	i32 m = t_mem(PAGE);
	u8 *shared = t_map(m, PAGE);
	p[0] = 1;
	CHECK(survives(touch_write, shared));
	EQ(shared[0], 1);
	p[0] = 9;
	CHECK(survives(touch_write, p));
	EQ(p[0], 9);
}

TEST(mem_query_vmas)
{
	u8 *p = t_anon(4 * PAGE);
	struct weft_vma v[4];
	p[0] = 1;
	EQ(weft_mem_protect(-1, PTR(p + 2 * PAGE), PAGE, WEFT_PROT_READ), 0);
	i64 n = OK(weft_mem_query(-1, WEFT_QUERY_VMAS, PTR(p), 4 * PAGE, PTR(v), 4));
	EQ(n, 3);
	CHECK(v[0].start <= PTR(p));
	EQ(v[1].start, PTR(p + 2 * PAGE));
	EQ(v[1].end, PTR(p + 3 * PAGE));
	EQ(v[1].prot_flags & 7, WEFT_PROT_READ);
	ERR(weft_mem_query(-1, WEFT_QUERY_VMAS, PTR(p), PAGE, BADPTR, 4), EFAULT);
	ERR(weft_mem_query(-1, 99, PTR(p), PAGE, PTR(v), 4), EINVAL);
	ERR(weft_mem_query(NOFD, WEFT_QUERY_VMAS, PTR(p), PAGE, PTR(v), 4), EBADF);
}

TEST(mem_query_resident)
{
	u8 *p = t_anon(4 * PAGE), r[4];
	p[PAGE] = 1;
	EQ(weft_mem_query(-1, WEFT_QUERY_RESIDENT, PTR(p), 4 * PAGE, PTR(r), 4), 4);
	EQ(r[0] & 1, 0);
	EQ(r[1] & 1, 1);
	EQ(weft_mem_advise(PTR(p), 4 * PAGE, WEFT_ADV_WILLNEED), 0);
	EQ(weft_mem_query(-1, WEFT_QUERY_RESIDENT, PTR(p), 4 * PAGE, PTR(r), 4), 4);
	EQ(r[3] & 1, 1);
}

TEST(mem_populate)
{
	u8 r[4];
	i64 at = OK(weft_mem_map(-1, 0, 4 * PAGE, RW | WEFT_MAP_POPULATE, -1, 0));
	EQ(weft_mem_query(-1, WEFT_QUERY_RESIDENT, at, 4 * PAGE, PTR(r), 4), 4);
	for (int i = 0; i < 4; i++)
		EQ(r[i] & 1, 1);
}

TEST(as_create_and_fill)
{
	i64 as = OK(weft_as_create(0));
	struct weft_as_usage u;
	i64 at = OK(weft_mem_map(as, 0x400000, 2 * PAGE, RW | WEFT_MAP_FIXED, -1, 0));
	EQ(at, 0x400000);
	char text[8] = "";
	EQ(weft_mem_query(as, WEFT_QUERY_WRITE, at + PAGE - 2, 5, PTR("weft"), 5), 5);
	EQ(weft_mem_query(as, WEFT_QUERY_READ, at + PAGE - 2, 5, PTR(text), 5), 5);
	CHECK(strcmp(text, "weft") == 0);
	EQ(weft_mem_query(as, WEFT_QUERY_USAGE, 0, 0, PTR(&u), 1) >= 0, 1);
	EQ(u.mapped, 2 * PAGE);
	EQ(u.resident, 2 * PAGE);
	CHECK(weft_mem_query(as, WEFT_QUERY_READ, 0x900000, 5, PTR(text), 5) <= 0);
	EQ(weft_mem_unmap(as, at, 2 * PAGE), 0);
	ERR(weft_as_create(0x8000), EINVAL);
}

TEST(mem_as_limit)
{
	OK(weft_proc_ctl(-1, WEFT_PROC_LIMIT, WEFT_LIMIT_AS, 64ul << 20, 0));
	ERR(weft_mem_map(-1, 0, 65ul << 20, RW, -1, 0), ENOMEM);
	OK(weft_mem_map(-1, 0, 8ul << 20, RW, -1, 0));
}

TEST(mem_shared_anonymous_survives_fork)
{
	u8 *p = (u8 *)OK(weft_mem_map(-1, 0, PAGE, RW | WEFT_MAP_SHARED, -1, 0));
	CHECK(survives(touch_write, p));
	EQ(p[0], 1);
}

TEST(mem_pin)
{
	struct weft_res res = {.kinds = WEFT_RES_DMA, .len = UINT64_MAX};
	i64 r = OK(weft_sys_ctl(t_root, WEFT_SYS_RES_DERIVE, PTR(&res), 0, 0));
	i32 m = t_mem(4 * PAGE);
	u64 bus[4] = {0};
	u8 *p = t_map(m, 4 * PAGE);
	p[0] = 1;
	i64 pin = OK(weft_mem_pin(m, 0, 4 * PAGE, r, PTR(bus), 4));
	for (int i = 0; i < 4; i++) {
		CHECK(bus[i] && !(bus[i] & (PAGE - 1)));
		for (int k = 0; k < i; k++)
			CHECK(bus[i] != bus[k]);
	}
	ERR(weft_mem_pin(m, 0, 4 * PAGE, r, BADPTR, 4), EFAULT);
	CHECK(weft_mem_pin(m, 3 * PAGE, 2 * PAGE, r, PTR(bus), 4) < 0);
	ERR(weft_mem_pin(NOFD, 0, PAGE, r, PTR(bus), 4), EBADF);
	CHECK(weft_mem_pin(m, 0, PAGE, NOFD, PTR(bus), 4) < 0);
	EQ(weft_mem_ctl(pin, WEFT_MEM_RELEASE, 0, 0, 0), 0);
	EQ(weft_fd_close(pin), 0);
}

TEST(mem_many_mappings)
{
	/* 2,000 areas that cannot be joined, then holes, then all gone. */
	u8 *p = t_anon(4000 * PAGE);
	for (u64 i = 0; i < 4000; i += 2)
		EQ(weft_mem_protect(-1, PTR(p + i * PAGE), PAGE, WEFT_PROT_READ), 0);
	for (u64 i = 1; i < 4000; i += 400)
		p[i * PAGE] = 1;
	for (u64 i = 0; i < 4000; i += 4)
		EQ(weft_mem_unmap(-1, PTR(p + i * PAGE), PAGE), 0);
	EQ(weft_mem_unmap(-1, PTR(p), 4000 * PAGE), 0);
}

TEST(mem_out_of_memory_is_an_error)
{
	struct weft_sys_info info;
	OK(weft_sys_ctl(-1, WEFT_SYS_INFO, PTR(&info), 0, 0));
	i32 m = t_mem(info.mem_total * 2);
	ERR(weft_mem_ctl(m, WEFT_MEM_COMMIT, 0, info.mem_total * 2, 0), ENOMEM);
}
