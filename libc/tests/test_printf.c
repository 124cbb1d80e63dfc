/* SPDX-License-Identifier: MIT */
/* The freestanding vsnprintf, compared with the host's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define vsnprintf native_vsnprintf
#define snprintf native_snprintf
#define printf native_printf
#define dprintf native_dprintf
#define puts native_puts
#include "../native/free/printf.c"
#undef vsnprintf
#undef snprintf

int snprintf(char *to, size_t n, const char *fmt, ...);

#define SAME(...)                                                                                  \
	do {                                                                                       \
		char a[128], b[128];                                                               \
		int x = native_snprintf(a, sizeof a, __VA_ARGS__), y = snprintf(b, sizeof b, __VA_ARGS__); \
		assert_string_equal(a, b);                                                         \
		assert_int_equal(x, y);                                                            \
	} while (0)

static void test_numbers(void **state)
{
	(void)state;
	SAME("%d %i %u", -5, 7, 4000000000u);
	SAME("%ld %lu %lld", INT64_MIN, UINT64_MAX, -1ll);
	SAME("%5d|%-5d|%05d|%+d", 42, 42, -42, 42);
	SAME("%.3d|%8.3d|%.0d|%.0d", 7, 7, 0, 1);
	SAME("%x %X %08x %lx %o", 0xbeefu, 0xBEEFu, 0x1u, 0x123456789abcul, 8u);
	SAME("%hhu %hd %zu", 300, 70000, (size_t)99);
	SAME("%*d|%-*d", 6, 1, 6, 2);
	SAME("%p", (void *)0x1234);
}

static void test_text(void **state)
{
	(void)state;
	SAME("%s|%10s|%-10s|%.2s|%c|%%", "abc", "right", "left", "cut", 'x');
	SAME("%.*s", 3, "abcdef");
	SAME("nothing");
	SAME("%s", "");
}

static void test_room(void **state)
{
	(void)state;
	char a[4] = "zzz";
	assert_int_equal(native_snprintf(a, 0, "%d", 12345), 5);
	assert_string_equal(a, "zzz");
	assert_int_equal(native_snprintf(a, 4, "%d", 12345), 5);
	assert_string_equal(a, "123");
	assert_int_equal(native_snprintf(a, 1, "x"), 1);
	assert_string_equal(a, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers), cmocka_unit_test(test_text), cmocka_unit_test(test_room)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
