/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "firmware.h"

static void test_clock(void **state)
{
	(void)state;
	assert_int_equal(rtc_seconds((u8[]){0, 0, 0, 1, 1, 70, 19, 6}), 0);
	assert_int_equal(rtc_seconds((u8[]){0x59, 0x59, 0x23, 0x29, 0x02, 0x24, 0x20, 2}),
		1709251199);
	assert_int_equal(rtc_seconds((u8[]){0, 0, 0, 1, 3, 24, 20, 6}), 1709251200);
	/* A register that is no century; half days, of which the twelfth hour is the first. */
	assert_int_equal(rtc_seconds((u8[]){0, 0, 0x12, 0x01, 0x03, 0x24, 0x00, 0}), 1709251200);
	assert_int_equal(rtc_seconds((u8[]){0, 0, 0x92, 0x01, 0x03, 0x24, 0x00, 0}),
		1709251200 + 12 * 3600);
	assert_int_equal(rtc_seconds((u8[]){0, 0, 0x81, 1, 3, 24, 0, 4}), 1709251200 + 13 * 3600);
}

static void test_off(void **state)
{
	u8 t[80] = {0}, type[2];
	(void)state;
	assert_false(dsdt_off(t, sizeof t, type));
	memcpy(t + 40, "\x08_S5_\x12\x06\x04\x00\x0a\x05\x00\x00", 13);
	assert_true(dsdt_off(t, sizeof t, type));
	assert_int_equal(type[0], 0);
	assert_int_equal(type[1], 5);
	assert_false(dsdt_off(t, 50, type));
	t[48] = 0x70; /* neither constant */
	assert_false(dsdt_off(t, sizeof t, type));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
