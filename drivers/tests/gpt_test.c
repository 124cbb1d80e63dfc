/* SPDX-License-Identifier: MIT */
/* The GPT parser on tables that are sound, damaged, and made to hurt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gpt.h"
#include <weft/errno.h>

#define BLOCKS 4096u

struct image {
	u8 *bytes;
	u32 block_size;
	int fail; /* block that cannot be read, or -1 */
};

static int read_image(const struct gpt_disk *d, u64 block, u32 n, void *to)
{
	const struct image *m = d->ctx;

	assert_true(block < d->blocks && n <= d->blocks - block);
	if (m->fail >= 0 && block <= (u64)m->fail && (u64)m->fail < block + n)
		return -EIO;
	memcpy(to, m->bytes + block * m->block_size, (u64)n * m->block_size);
	return 0;
}

static void put32(u8 *p, u32 v)
{
	memcpy(p, &v, 4);
}

static void put64(u8 *p, u64 v)
{
	memcpy(p, &v, 8);
}

static void seal(struct image *m, u64 at)
{
	u8 *h = m->bytes + at * m->block_size;
	u64 entries;
	u32 n, size;

	memcpy(&entries, h + 72, 8);
	memcpy(&n, h + 80, 4);
	memcpy(&size, h + 84, 4);
	if (entries < BLOCKS && (u64)n * size <= (BLOCKS - entries) * m->block_size)
		put32(h + 88, gpt_crc32(m->bytes + entries * m->block_size, (u64)n * size));
	put32(h + 16, 0);
	put32(h + 16, gpt_crc32(h, 92));
}

static void entry(struct image *m, u64 array, u32 i, u64 first, u64 last, const char *name)
{
	u8 *e = m->bytes + array * m->block_size + i * 128;

	memset(e, 0, 128);
	memset(e, 0x11 + (int)i, 16);
	memset(e + 16, 0x51 + (int)i, 16);
	put64(e + 32, first);
	put64(e + 40, last);
	for (u32 k = 0; name[k]; k++)
		e[56 + 2 * k] = (u8)name[k];
}

static void header(struct image *m, u64 here, u64 other, u64 array)
{
	u8 *h = m->bytes + here * m->block_size;

	memcpy(h, "EFI PART", 8);
	put32(h + 8, 0x10000);
	put32(h + 12, 92);
	put64(h + 24, here);
	put64(h + 32, other);
	put64(h + 40, 40);
	put64(h + 48, BLOCKS - 41);
	memset(h + 56, 0xab, 16);
	put64(h + 72, array);
	put32(h + 80, 128);
	put32(h + 84, 128);
}

static void make(struct image *m, struct gpt_disk *d, u32 block_size)
{
	m->bytes = calloc(BLOCKS, block_size);
	m->block_size = block_size;
	m->fail = -1;
	*d = (struct gpt_disk){.blocks = BLOCKS, .block_size = block_size, .read = read_image, .ctx = m};
	for (u32 k = 0; k < 2; k++) {
		u64 array = k ? BLOCKS - 33 : 2;

		header(m, k ? BLOCKS - 1 : 1, k ? 1 : BLOCKS - 1, array);
		entry(m, array, 0, 40, 99, "first");
		entry(m, array, 2, 100, 4000, "weft-root");
		seal(m, k ? BLOCKS - 1 : 1);
	}
}

static void test_sound(void **state)
{
	static struct gpt g;
	(void)state;
	for (u32 size = 512; size <= 4096; size *= 8) {
		struct image m;
		struct gpt_disk d;
		char text[37];

		make(&m, &d, size);
		assert_int_equal(gpt_read(&d, &g), 0);
		assert_int_equal(g.n, 2);
		assert_false(g.backup);
		assert_int_equal(g.part[0].number, 1);
		assert_int_equal(g.part[1].number, 3);
		assert_int_equal(g.part[1].first, 100);
		assert_int_equal(g.part[1].count, 3901);
		assert_string_equal(g.part[1].name, "weft-root");
		gpt_guid_text(g.part[0].type, text);
		assert_string_equal(text, "11111111-1111-1111-1111-111111111111");
		free(m.bytes);
	}
}

static void test_backup(void **state)
{
	static struct gpt g;
	struct image m;
	struct gpt_disk d;
	(void)state;
	make(&m, &d, 512);
	m.bytes[512 + 40] ^= 1; /* the header's CRC is wrong now */
	assert_int_equal(gpt_read(&d, &g), 0);
	assert_true(g.backup);
	assert_int_equal(g.n, 2);
	m.bytes[512 + 40] ^= 1;
	m.bytes[2 * 512 + 60] ^= 1; /* the array's */
	assert_int_equal(gpt_read(&d, &g), 0);
	assert_true(g.backup);
	m.fail = 1; /* the primary cannot be read */
	assert_int_equal(gpt_read(&d, &g), 0);
	assert_true(g.backup);
	m.bytes[(BLOCKS - 1) * 512 + 24] ^= 1;
	assert_int_equal(gpt_read(&d, &g), -EIO);
	m.fail = -1;
	assert_int_equal(gpt_read(&d, &g), -EINVAL);
	free(m.bytes);
}

static void test_absent(void **state)
{
	static struct gpt g;
	struct image m;
	struct gpt_disk d;
	(void)state;
	make(&m, &d, 512);
	memset(m.bytes, 0, BLOCKS * 512);
	assert_int_equal(gpt_read(&d, &g), -ENOENT);
	for (d.blocks = 0; d.blocks < 8; d.blocks++)
		assert_int_equal(gpt_read(&d, &g), -ENOENT);
	free(m.bytes);
}

/* One field of both headers is set to a value and sealed again: never a table, never a crash. */
static void test_hostile_headers(void **state)
{
	static const struct {
		u32 at, size;
		u64 value;
	} bad[] = {
		{8, 4, 0x20000}, {12, 4, 0}, {12, 4, 91}, {12, 4, 513}, {12, 4, ~0u}, {24, 8, 2},
		{40, 8, ~0ull}, {48, 8, BLOCKS}, {48, 8, ~0ull}, {48, 8, 39}, {72, 8, 0}, {72, 8, 1},
		{72, 8, BLOCKS}, {72, 8, ~0ull}, {72, 8, BLOCKS - 1}, {72, 8, 50}, {80, 4, 0},
		{80, 4, ~0u}, {80, 4, 4096}, {84, 4, 0}, {84, 4, 64}, {84, 4, 129}, {84, 4, 192},
		{84, 4, 1u << 31}, {84, 4, ~0u},
	};
	static struct gpt g;
	(void)state;
	for (u32 i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct image m;
		struct gpt_disk d;

		make(&m, &d, 512);
		for (u32 k = 0; k < 2; k++) {
			u64 here = k ? BLOCKS - 1 : 1;

			memcpy(m.bytes + here * 512 + bad[i].at, &bad[i].value, bad[i].size);
			if (bad[i].at != 72 || bad[i].value < BLOCKS)
				seal(&m, here);
		}
		assert_int_equal(gpt_read(&d, &g), -EINVAL);
		assert_int_equal(g.n, 0);
		free(m.bytes);
	}
}

static void test_hostile_entries(void **state)
{
	static const struct {
		u64 first, last;
	} bad[] = {{39, 50}, {0, 10}, {200, 199}, {4000, BLOCKS - 40}, {~0ull, ~0ull}, {50, ~0ull},
		{0, ~0ull}, {99, 100}, {40, 99}, {3000, 4010}};
	static struct gpt g;
	(void)state;
	for (u32 i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct image m;
		struct gpt_disk d;

		make(&m, &d, 512);
		for (u32 k = 0; k < 2; k++) {
			entry(&m, k ? BLOCKS - 33 : 2, 5, bad[i].first, bad[i].last, "bad");
			seal(&m, k ? BLOCKS - 1 : 1);
		}
		assert_int_equal(gpt_read(&d, &g), -EINVAL);
		free(m.bytes);
	}
}

/* Every byte of header and array damaged in turn, and noise with a right CRC. */
static void test_noise(void **state)
{
	static struct gpt g;
	struct image m;
	struct gpt_disk d;
	u32 seed = 12345;
	(void)state;
	make(&m, &d, 512);
	for (u32 at = 512; at < 512 + 92; at++) {
		m.bytes[at] ^= 0x5a;
		assert_int_equal(gpt_read(&d, &g), 0);
		assert_true(g.backup || at == 512);
		m.bytes[at] ^= 0x5a;
	}
	for (u32 round = 0; round < 3000; round++) {
		u8 *h = m.bytes + 512;
		u32 at = 8 + (seed = seed * 1664525 + 1013904223) % 84;

		for (u32 k = 0; k < 1 + seed % 5; k++)
			h[8 + (at + k * 7) % 84] = (u8)((seed = seed * 1664525 + 1013904223) >> 24);
		u8 *e = m.bytes + 1024 + (seed >> 8) % (128 * 128);

		*e = (u8)(seed >> 3);
		seal(&m, 1);
		int r = gpt_read(&d, &g);

		assert_true(r == 0 || r == -EINVAL);
		for (u32 i = 0; i < g.n; i++)
			assert_true(g.part[i].first + g.part[i].count <= BLOCKS);
		if (round % 8 == 0) {
			header(&m, 1, BLOCKS - 1, 2);
			put32(h + 16, 0);
		}
	}
	free(m.bytes);
}

static void test_names(void **state)
{
	static struct gpt g;
	struct image m;
	struct gpt_disk d;
	(void)state;
	make(&m, &d, 512);
	u8 *e = m.bytes + 1024 + 56;

	memset(e, 0xff, 72); /* 36 characters of three bytes each */
	seal(&m, 1);
	assert_int_equal(gpt_read(&d, &g), 0);
	assert_int_equal(strlen(g.part[0].name), 108);
	e[0] = '\n';
	e[1] = 0;
	e[2] = 0;
	e[3] = 0xd8;
	e[4] = e[5] = 0;
	seal(&m, 1);
	assert_int_equal(gpt_read(&d, &g), 0);
	assert_string_equal(g.part[0].name, "??");
	free(m.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound), cmocka_unit_test(test_backup),
		cmocka_unit_test(test_absent), cmocka_unit_test(test_hostile_headers),
		cmocka_unit_test(test_hostile_entries), cmocka_unit_test(test_noise),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
