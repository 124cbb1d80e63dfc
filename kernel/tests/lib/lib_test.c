/* SPDX-License-Identifier: MIT */
/* The kernel's formatting and string functions, against the C library's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define memcpy	  k_memcpy
#define memset	  k_memset
#define memcmp	  k_memcmp
#define strlen	  k_strlen
#define strcmp	  k_strcmp
#define strlcpy	  k_strlcpy
#define vsnprintf k_vsnprintf
#define snprintf  k_snprintf
#include "lib/string.c"
#include "lib/printf.c"
#undef memcpy
#undef memset
#undef memcmp
#undef strlen
#undef strcmp
#undef snprintf

#define AGREE(...)                                                                                 \
	do {                                                                                       \
		char ours[256], theirs[256];                                                       \
		int n = k_snprintf(ours, sizeof(ours), __VA_ARGS__);                               \
		assert_int_equal(n, snprintf(theirs, sizeof(theirs), __VA_ARGS__));                \
		assert_string_equal(ours, theirs);                                                 \
	} while (0)

static void test_format(void **state)
{
	(void)state;
	AGREE("plain %%");
	AGREE("%d %d %u", 0, -1, -1);
	AGREE("%d %ld", INT32_MIN, INT64_MIN);
	AGREE("%lu %lx %lx", UINT64_MAX, UINT64_MAX, 0xabcdeful);
	AGREE("[%5d] [%05d] [%5d] [%05d]", 42, 42, -42, -42);
	AGREE("[%s] [%10s] [%.2s] [%.*s]", "abc", "abc", "abc", 1, "abc");
	AGREE("%016lx %08x [%8x]", 0x1234ul, 0x12u, 8u);
}

static void test_format_limits(void **state)
{
	char buf[8] = "xxxxxxx";
	const char *const broken = "%", *const text = "%s";

	(void)state;
	assert_int_equal(k_snprintf(buf, 4, "%s", "abcdef"), 6);
	assert_string_equal(buf, "abc");
	assert_int_equal(k_snprintf(NULL, 0, "%d", 1234), 4);
	assert_int_equal(k_snprintf(buf, sizeof(buf), text, (char *)NULL), 6);
	assert_int_equal(k_snprintf(buf, sizeof(buf), broken), 0);
}

static void test_copies(void **state)
{
	u8 a[400], b[400], c[400];

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t n = rand() % 150, from = rand() % 200, to = rand() % 200;

		for (size_t i = 0; i < sizeof(a); i++)
			a[i] = b[i] = c[i] = rand();
		k_memcpy(a + to, c + from, n);
		memcpy(b + to, c + from, n);
		assert_memory_equal(a, b, sizeof(a));
		k_memset(a + from, round, n);
		memset(b + from, round, n);
		assert_memory_equal(a, b, sizeof(a));
		if (n)
			a[rand() % sizeof(a)] ^= rand() % 3;
		int x = k_memcmp(a, b, sizeof(a)), y = memcmp(a, b, sizeof(a));
		assert_true((x > 0) == (y > 0) && (x < 0) == (y < 0));
	}
}

static void test_strings(void **state)
{
	char buf[4];

	(void)state;
	assert_int_equal(k_strlen(""), 0);
	assert_int_equal(k_strlen("abc"), 3);
	assert_true(k_strcmp("a", "b") < 0 && k_strcmp("b", "a") > 0 && k_strcmp("a", "a") == 0 &&
		k_strcmp("a", "ab") < 0);
	assert_true(k_strcmp("\x80", "a") > 0);
	assert_int_equal(k_strlcpy(buf, "abcdef", sizeof(buf)), 6);
	assert_string_equal(buf, "abc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_format_limits),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
