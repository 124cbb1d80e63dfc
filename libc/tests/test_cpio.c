/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <native/cpio.h>

/* A heap copy of exactly the archive's size, so that ASan sees each byte read beyond it. */
static char *build(size_t *size, const char *const (*files)[2], size_t n)
{
	char *text = NULL;
	size_t len = 0;
	for (size_t i = 0; i <= n; i++) {
		const char *name = i < n ? files[i][0] : "TRAILER!!!", *data = i < n ? files[i][1] : "";
		char head[128];
		snprintf(head, sizeof head, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", 1, 0100644, 5, 6, 1, 7,
			strlen(data), 0, 0, 0, 0, strlen(name) + 1, 0);
		size_t total = (110 + strlen(name) + 1 + 3) & ~3ul;
		text = realloc(text, len + total + strlen(data) + 8);
		memset(text + len, 0, total + strlen(data) + 8);
		memcpy(text + len, head, 110);
		strcpy(text + len + 110, name);
		memcpy(text + len + total, data, strlen(data));
		len += (total + strlen(data) + 3) & ~3ul;
	}
	char *exact = malloc(len);
	memcpy(exact, text, len);
	free(text);
	*size = len;
	return exact;
}

static const char *const two[][2] = {{"bin/a", "first"}, {"etc/b", "xy"}};

static void test_steps_through(void **state)
{
	(void)state;
	size_t size;
	char *a = build(&size, two, 2);
	struct cpio_entry e;
	u64 at = 0;
	assert_int_equal(cpio_next(a, size, &at, &e), 1);
	assert_string_equal(e.name, "bin/a");
	assert_int_equal(e.size, 5);
	assert_memory_equal(e.data, "first", 5);
	assert_int_equal(e.uid, 5);
	assert_int_equal(e.gid, 6);
	assert_int_equal(cpio_next(a, size, &at, &e), 1);
	assert_string_equal(e.name, "etc/b");
	assert_int_equal(cpio_next(a, size, &at, &e), 0);
	free(a);
}

static void test_later_archives_win(void **state)
{
	(void)state;
	static const char *const over[][2] = {{"bin/a", "second"}};
	size_t n1, n2;
	char *a = build(&n1, two, 2), *b = build(&n2, over, 1);
	char *both = calloc(1, n1 + 512 + n2);
	memcpy(both, a, n1);
	memcpy(both + n1 + 512, b, n2); /* zeros between them */
	struct cpio_entry e;
	assert_int_equal(cpio_find(both, n1 + 512 + n2, "/bin/a", &e), 0);
	assert_int_equal(e.size, 6);
	assert_int_equal(cpio_find(both, n1 + 512 + n2, "etc/b", &e), 0);
	assert_int_equal(cpio_find(both, n1 + 512 + n2, "no", &e), -ENOENT);
	free(a);
	free(b);
	free(both);
}

static void test_cut_short(void **state)
{
	(void)state;
	size_t size;
	char *a = build(&size, two, 2);
	/* Whatever the length, nothing beyond it is read. */
	for (size_t n = 0; n < size; n++) {
		char *part = malloc(n ? n : 1);
		memcpy(part, a, n);
		struct cpio_entry e;
		u64 at = 0;
		while (cpio_next(part, n, &at, &e) > 0)
			assert_true((const char *)e.data + e.size <= part + n);
		free(part);
	}
	free(a);
}

static void test_hostile_fields(void **state)
{
	(void)state;
	size_t size;
	struct cpio_entry e;
	for (int field = 0; field < 13; field++) {
		char *a = build(&size, two, 2);
		u64 at = 0;
		memcpy(a + 6 + 8 * field, "ffffffff", 8);
		int r = cpio_next(a, size, &at, &e);
		assert_int_equal(r, field == 6 || field == 11 ? -EINVAL : 1);
		at = 0;
		memcpy(a + 6 + 8 * field, "zzzzzzzz", 8);
		assert_int_equal(cpio_next(a, size, &at, &e), -EINVAL);
		free(a);
	}
	char *a = build(&size, two, 2);
	u64 at = 0;
	a[115] = 'x'; /* the name's NUL */
	assert_int_equal(cpio_next(a, size, &at, &e), -EINVAL);
	free(a);
	at = 0;
	assert_int_equal(cpio_next("garbage garbage", 15, &at, &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_steps_through), cmocka_unit_test(test_later_archives_win),
		cmocka_unit_test(test_cut_short), cmocka_unit_test(test_hostile_fields)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
