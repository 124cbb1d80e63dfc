/* SPDX-License-Identifier: MIT */
/* servers/fs/ext4 on images that mke2fs makes; e2fsck has the last word in each test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ext4_world.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MIB (1u << 20)

static u8 pattern(u64 at, u32 seed)
{
	u64 v = (at + 1) * 0x9e3779b97f4a7c15ull + seed;
	return (u8)(v >> 32);
}

static void put(u64 h, u64 off, u64 len, u32 seed)
{
	u8 *b = malloc(len);
	for (u64 i = 0; i < len; i++)
		b[i] = pattern(off + i, seed);
	SAME(file_write(h, off, b, len), len);
	free(b);
}

static void expect(u64 h, u64 off, u64 len, u32 seed)
{
	u8 *b = malloc(len);
	SAME(file_read(h, off, b, len), len);
	for (u64 i = 0; i < len; i++)
		if (b[i] != pattern(off + i, seed)) {
			fprintf(stderr, "byte %llu differs\n", (unsigned long long)(off + i));
			CHECK(false);
		}
	free(b);
}

static void expect_zeros(u64 h, u64 off, u64 len)
{
	u8 *b = malloc(len);
	SAME(file_read(h, off, b, len), len);
	for (u64 i = 0; i < len; i++)
		CHECK(b[i] == 0);
	free(b);
}

/* Files, directories and links, seen again after a remount. */

static void basic_write(void)
{
	u64 h = file_open("small", O_CREAT | O_RDWR);
	SAME(file_write(h, 0, "hello", 5), 5);
	file_close(h);
	h = file_open("big", O_CREAT | O_RDWR);
	put(h, 0, 5 * MIB + 123, 1);
	file_close(h);
	SAME(do_mkdir("d"), 0);
	SAME(do_mkdir("d/e"), 0);
	SAME(do_mkdir("d/e"), -EEXIST);
	h = file_open("d/e/x", O_CREAT | O_RDWR);
	put(h, 100000, 50000, 2); /* a hole before */
	file_close(h);
	SAME(do_symlink("d/e/x", "short"), 0);
	char target[201] = "";
	memset(target, 'x', 200);
	SAME(do_symlink(target, "long"), 0);
	SAME(do_link("small", "d/second"), 0);
	SAME(op_path(FSP_MKNOD, "fifo", S_IFIFO | 0600, 0, 0, NULL, 0), 0);
	SAME(op_path(FSP_MKNOD, "null", S_IFCHR | 0666, 0, 0x103, NULL, 0), 0);
	h = file_open("gone", O_CREAT | O_RDWR);
	put(h, 0, MIB, 3);
	file_flush(h);
	SAME(do_unlink("gone"), 0);
	expect(h, 0, MIB, 3);
	file_close(h);
	SAME(do_rmdir("d/e"), -ENOTEMPTY);
	SAME(do_mkdir("d/f"), 0);
	SAME(do_rename("d/f", "f"), 0);
	SAME(do_rename("f", "f/g"), -EINVAL);
}

static void basic_read(void)
{
	struct fsp_stat st;
	char buf[16];
	u64 h = file_open("small", O_RDONLY);
	SAME(file_read(h, 0, buf, sizeof(buf)), 5);
	CHECK(memcmp(buf, "hello", 5) == 0);
	file_close(h);
	h = file_open("big", O_RDWR);
	expect(h, 0, 5 * MIB + 123, 1);
	put(h, 4000, 200, 9); /* across pages, in the middle */
	expect(h, 4000, 200, 9);
	expect(h, 4200, 10000, 1);
	file_close(h);
	h = file_open("short", O_RDONLY);
	expect_zeros(h, 0, 100000);
	expect(h, 100000, 50000, 2);
	file_close(h);
	SAME(do_stat("d/second", &st), 0);
	SAME(st.nlink, 2);
	SAME(st.size, 5);
	SAME(do_stat("null", &st), 0);
	SAME(st.rdev, 0x103);
	SAME(do_stat("long", &st), 0);
	SAME(st.size, 200);
	SAME(do_stat("gone", &st), -ENOENT);
	SAME(do_stat("f", &st), 0);
	SAME(do_rmdir("f"), 0);
	SAME(do_stat("d", &st), 0);
	SAME(st.nlink, 3);
}

static void test_basic(void **state)
{
	static const char *const kinds[] = {"", "-b 1024", "-b 2048 -O ^metadata_csum",
		"-O ^extent,^64bit,^metadata_csum", "-I 128 -O ^has_journal",
		"-O ^flex_bg,^uninit_bg,^metadata_csum,uninit_bg",
		"-O metadata_csum_seed,orphan_file"};
	(void)state;
	for (u32 i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		make_image(64, kinds[i]);
		print_message("mke2fs %s\n", kinds[i]);
		assert_int_equal(session(basic_write), 0);
		assert_int_equal(check_image(), 0);
		assert_int_equal(session(basic_read), 0);
		assert_int_equal(check_image(), 0);
		assert_int_equal(session_read_only(NULL ? NULL : flush_all), 0);
	}
}

/* Truncation, holes, room. */

static void sizes(void)
{
	struct fsp_stat st;
	u64 h = file_open("t", O_CREAT | O_RDWR);
	put(h, 0, 300000, 1);
	file_flush(h);
	SAME(file_truncate(h, 100001), 0);
	SAME(file_truncate(h, 200000), 0);
	expect(h, 0, 100001, 1);
	expect_zeros(h, 100001, 99999);
	file_flush(h);
	file_evict(h);
	expect(h, 0, 100001, 1);
	expect_zeros(h, 100001, 99999);
	/* The tail must not come back when the file grows past it without it in memory. */
	SAME(file_truncate(h, 50001), 0);
	file_evict(h);
	put(h, 80000, 10, 4);
	file_flush(h);
	file_evict(h);
	expect_zeros(h, 50001, 29999);
	expect(h, 80000, 10, 4);
	SAME(file_truncate(h, 0), 0);
	SAME(do_stat("t", &st), 0);
	SAME(st.size, 0);
	SAME(st.blocks, 0);
	SAME(file_fallocate(h, 0, 0, MIB), 0);
	SAME(do_stat("t", &st), 0);
	SAME(st.size, MIB);
	SAME(st.blocks >= MIB / 512, 1);
	expect_zeros(h, 0, MIB);
	put(h, 5000, 20000, 5);
	file_flush(h);
	file_evict(h);
	expect_zeros(h, 0, 5000);
	expect(h, 5000, 20000, 5);
	expect_zeros(h, 25000, MIB - 25000);
	SAME(file_fallocate(h, 1, 2 * MIB, MIB), 0); /* beyond the end, kept */
	put(h, 0, MIB, 6);
	SAME(file_fallocate(h, 3, 10000, 500000), 0);
	expect(h, 0, 10000, 6);
	expect_zeros(h, 10000, 500000);
	expect(h, 510000, 10000, 6);
	file_flush(h);
	file_evict(h);
	expect(h, 0, 10000, 6);
	expect_zeros(h, 10000, 500000);
	expect(h, 510000, MIB - 510000, 6);
	SAME(file_fallocate(h, 3, 0, 10 * MIB), 0);
	expect_zeros(h, 0, MIB);
	SAME(file_fallocate(h, 8, 0, 4096), -EOPNOTSUPP);
	put(h, 0, MIB, 7);
	SAME(file_fallocate(h, 16, 4096, 8192), 0);
	expect_zeros(h, 4096, 8192);
	expect(h, 12288, 1000, 7);
	SAME(file_truncate(h, 1ull << 60), -EFBIG);
	SAME(do_truncate("t", 777), 0);
	expect(h, 0, 777, 7);
	file_close(h);
	/* Sparse and far. */
	h = file_open("far", O_CREAT | O_RDWR);
	put(h, 300ull << 20, 5000, 8);
	file_flush(h);
	file_evict(h);
	expect(h, 300ull << 20, 5000, 8);
	expect_zeros(h, (300ull << 20) - 5000, 5000);
	file_close(h);
}

static void test_sizes(void **state)
{
	(void)state;
	make_image(64, "");
	assert_int_equal(session(sizes), 0);
	assert_int_equal(check_image(), 0);
}

/* A full disk: the writer hears of it, nothing that was taken is lost. */

static u64 taken;

static void fill(void)
{
	char buf[10000];
	u64 h = file_open("fill", O_CREAT | O_RDWR), off = 0;
	i64 n;
	memset(buf, 'f', sizeof(buf));
	while ((n = file_write(h, off, buf, sizeof(buf))) == sizeof(buf))
		off += (u64)n;
	if (n > 0)
		off += (u64)n;
	SAME(n < 0 ? n : file_write(h, off, buf, sizeof(buf)), -ENOSPC);
	CHECK(off > 10 * MIB);
	flush_all(); /* every dirty page has its block */
	SAME(file_write(h, off + MIB, buf, sizeof(buf)), -ENOSPC);
	SAME(file_fallocate(h, 0, off, 4 * MIB), -ENOSPC);
	char name[32];
	int e = 0;
	for (u32 i = 0; i < 20000 && !e; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		e = do_mkdir(name);
	}
	SAME(e, -ENOSPC);
	SAME(file_truncate(h, 10 * MIB), 0);
	put(h, 10 * MIB, 4 * MIB, 1);
	file_flush(h);
	file_evict(h);
	expect(h, 10 * MIB, 4 * MIB, 1);
	SAME(do_unlink("fill"), 0);
	file_close(h);
	struct fsp_statfs before, after;
	SAME(op_path(FSP_STATFS, "", 0, 0, 0, &before, sizeof(before)), 0);
	h = file_open("again", O_CREAT | O_RDWR);
	put(h, 0, 8 * MIB, 2);
	SAME(op_path(FSP_STATFS, "", 0, 0, 0, &after, sizeof(after)), 0);
	CHECK(after.bfree <= before.bfree - 8 * MIB / before.bsize);
	file_close(h);
	(void)taken;
}

static void test_full(void **state)
{
	(void)state;
	make_image(32, "-N 4096 -O ^has_journal");
	assert_int_equal(session(fill), 0);
	assert_int_equal(check_image(), 0);
	make_image(32, "-N 30000 -b 1024");
	assert_int_equal(session(fill), 0);
	assert_int_equal(check_image(), 0);
}

/* Large directories. */

static u64 sum;

static void count_name(const char *name, u64 ino, u32 type)
{
	(void)ino;
	(void)type;
	sum += strtoul(name + 5, NULL, 10);
}

static void many_names(void)
{
	char name[300];
	SAME(do_mkdir("big"), 0);
	for (u32 i = 0; i < 6000; i++) {
		snprintf(name, sizeof(name), "big/name-%u-%.*s", i, (int)(i % 90),
			"--------------------------------------------------------------------------"
			"--------------------");
		u64 h = file_open(name, O_CREAT | O_EXCL | O_RDWR);
		file_close(h);
	}
	for (u32 i = 0; i < 6000; i += 2) {
		snprintf(name, sizeof(name), "big/name-%u-%.*s", i, (int)(i % 90),
			"--------------------------------------------------------------------------"
			"--------------------");
		SAME(do_unlink(name), 0);
	}
	u64 h = file_open("big", O_RDONLY | O_DIRECTORY);
	sum = 0;
	SAME(file_list(h, count_name), 3000);
	SAME(sum, 9000000);
	file_close(h);
	SAME(do_rmdir("big"), -ENOTEMPTY);
}

static void many_names_again(void)
{
	char name[300];
	struct fsp_stat st;
	for (u32 i = 0; i < 6000; i++) {
		snprintf(name, sizeof(name), "big/name-%u-%.*s", i, (int)(i % 90),
			"--------------------------------------------------------------------------"
			"--------------------");
		SAME(do_stat(name, &st), i % 2 ? 0 : -ENOENT);
		if (i % 2)
			SAME(do_unlink(name), 0);
	}
	SAME(do_rmdir("big"), 0);
}

static void test_names(void **state)
{
	static const char *const kinds[] = {"", "-b 1024", "-O ^dir_index",
		"-O ^metadata_csum -b 1024"};
	(void)state;
	for (u32 i = 0; i < 4; i++) {
		make_image(64, kinds[i]);
		assert_int_equal(session(many_names), 0);
		assert_int_equal(check_image(), 0);
		assert_int_equal(session(many_names_again), 0);
		assert_int_equal(check_image(), 0);
	}
}

/* Files without a name when the machine stops. */

static void leave_orphans(void)
{
	for (u32 i = 0; i < 5; i++) {
		char name[16];
		snprintf(name, sizeof(name), "o%u", i);
		u64 h = file_open(name, O_CREAT | O_RDWR);
		put(h, 0, 200000, i);
		file_flush(h);
		SAME(do_unlink(name), 0);
		if (i == 2)
			file_close(h); /* out of the middle of the list */
	}
	SAME(file_open("", O_TMPFILE | O_RDWR) != 0, 1);
	SAME(do_sync(), 0);
	crash();
}

static void nothing(void)
{
}

static void test_orphans(void **state)
{
	(void)state;
	make_image(32, "-O ^has_journal");
	assert_int_equal(session(leave_orphans), 0);
	assert_int_equal(session(nothing), 0);
	assert_int_equal(check_image(), 0);
}

/* Extended attributes. */

static void attributes(void)
{
	char buf[2000] = "", list[100] = "";
	file_close(file_open("a", O_CREAT | O_RDWR));
	SAME(do_xattr(FSP_GETXATTR, "a", "user.x", buf, sizeof(buf), 0), -ENODATA);
	SAME(do_xattr(FSP_SETXATTR, "a", "user.x", "value", 5, XATTR_CREATE), 0);
	SAME(do_xattr(FSP_SETXATTR, "a", "user.x", "value", 5, XATTR_CREATE), -EEXIST);
	SAME(do_xattr(FSP_SETXATTR, "a", "user.y", "value", 5, XATTR_REPLACE), -ENODATA);
	memset(buf, 'b', sizeof(buf));
	SAME(do_xattr(FSP_SETXATTR, "a", "user.big", buf, 1500, 0), 0);
	SAME(do_xattr(FSP_SETXATTR, "a", "security.capability", buf, 20, 0), 0);
	SAME(do_xattr(FSP_SETXATTR, "a", "system.posix_acl_access", buf, 20, 0), -EOPNOTSUPP);
	SAME(do_xattr(FSP_GETXATTR, "a", "user.x", NULL, 0, 0), 5);
	SAME(do_xattr(FSP_GETXATTR, "a", "user.x", buf, 2, 0), -ERANGE);
	SAME(do_xattr(FSP_GETXATTR, "a", "user.x", buf, 100, 0), 5);
	CHECK(memcmp(buf, "value", 5) == 0);
	SAME(do_xattr(FSP_LISTXATTR, "a", NULL, list, sizeof(list), 0), 7 + 9 + 20);
	SAME(do_xattr(FSP_REMOVEXATTR, "a", "user.x", NULL, 0, 0), 0);
	SAME(do_xattr(FSP_REMOVEXATTR, "a", "user.x", NULL, 0, 0), -ENODATA);
	file_close(file_open("b", O_CREAT | O_RDWR));
	SAME(do_xattr(FSP_SETXATTR, "b", "user.big", buf, 1500, 0), 0);
	SAME(do_unlink("b"), 0);
}

/*
 * A directory's blocks, changed and then freed before they were written, become a file's: the file's contents are written first, and
 * nothing of the directory after them.
 */
static void reused(void)
{
	char name[300];
	for (u32 round = 0; round < 6; round++) {
		SAME(do_mkdir("old"), 0);
		for (u32 i = 0; i < 400; i++) {
			snprintf(name, sizeof(name), "old/%0200u", i);
			file_close(file_open(name, O_CREAT | O_RDWR));
		}
		SAME(do_sync(), 0);
		for (u32 i = 0; i < 400; i++) {
			snprintf(name, sizeof(name), "old/%0200u", i);
			SAME(do_unlink(name), 0);
		}
		SAME(do_rmdir("old"), 0);
		/* All that is free. */
		u64 h = file_open("new", O_CREAT | O_RDWR), off = 0;
		static u8 piece[MIB];
		memset(piece, 'a' + (int)round, sizeof(piece));
		while (file_write(h, off, piece, MIB) == (i64)MIB) {
			file_flush(h);
			off += MIB;
		}
		SAME(off > 4 * MIB, 1);
		SAME(do_sync(), 0);
		file_evict(h);
		for (u64 at = 0; at < off; at += MIB) {
			static u8 got[MIB];
			SAME(file_read(h, at, got, MIB), MIB);
			SAME(memcmp(got, piece, MIB), 0);
		}
		file_close(h);
		SAME(do_unlink("new"), 0);
	}
}

static void test_reused(void **state)
{
	(void)state;
	make_image(16, "-O ^has_journal");
	SAME(session(reused), 0);
	SAME(check_image(), 0);
}

static void test_xattr(void **state)
{
	(void)state;
	make_image(16, "-b 4096");
	assert_int_equal(session(attributes), 0);
	assert_int_equal(check_image(), 0);
}

static int setup(void **state)
{
	(void)state;
	snprintf(work_dir, sizeof(work_dir), "%s/ext4-test.XXXXXX",
		getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(work_dir))
		return -1;
	snprintf(image_path, sizeof(image_path), "%s/image", work_dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return run("rm -rf %s", work_dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_basic),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_orphans),
		cmocka_unit_test(test_reused),
		cmocka_unit_test(test_xattr),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
