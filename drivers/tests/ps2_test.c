/* SPDX-License-Identifier: MIT */
/* What keyboards and mice send, and what nobody should: the decoders take any bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/input-event-codes.h>

#include "ps2.h"

#define MS 1000000l

static void test_keys(void **state)
{
	static const struct {
		u8 bytes[6];
		u16 code;
		bool down;
	} cases[] = {
		{{0x1e}, KEY_A, true}, {{0x9e}, KEY_A, false}, {{0x2a}, KEY_LEFTSHIFT, true},
		{{0xaa}, KEY_LEFTSHIFT, false}, {{0xe0, 0x4b}, KEY_LEFT, true},
		{{0xe0, 0xcb}, KEY_LEFT, false}, {{0xe0, 0x2a, 0xe0, 0x37}, KEY_SYSRQ, true},
		{{0xe1, 0x1d, 0x45}, KEY_PAUSE, true}, {{0xe1, 0x9d, 0xc5}, KEY_PAUSE, false},
		{{0x58}, KEY_F12, true}, {{0x56}, KEY_102ND, true}, {{0xe0, 0x5b}, KEY_LEFTMETA, true},
		{{0xe0, 0xe0, 0x1d}, KEY_RIGHTCTRL, true},
	};
	(void)state;
	struct ps2_keyboard k = {0};

	for (u32 i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ps2_key out = {0};
		u32 n = 0;

		for (u32 b = 0; b < 6 && cases[i].bytes[b]; b++)
			n += ps2_keyboard_byte(&k, cases[i].bytes[b], &out);
		assert_int_equal(n, 1);
		assert_int_equal(out.code, cases[i].code);
		assert_int_equal(out.down, cases[i].down);
	}
}

static void test_any_byte(void **state)
{
	struct ps2_keyboard k = {0};
	struct ps2_mouse m[3] = {{.id = PS2_MOUSE}, {.id = PS2_WHEEL}, {.id = PS2_EXPLORER}};
	u8 set[96] = {0};
	u32 seed = 7;
	(void)state;

	ps2_keyboard_keys(set);
	for (u32 i = 0; i < 200000; i++) {
		u8 byte = (u8)((seed = seed * 1664525 + 1013904223) >> 24);
		struct ps2_key key;
		struct ps2_motion motion;

		if (ps2_keyboard_byte(&k, byte, &key))
			assert_true(key.code < 768 && set[key.code / 8] >> key.code % 8 & 1);
		for (u32 j = 0; j < 3; j++)
			if (ps2_mouse_byte(&m[j], byte, i * MS, &motion))
				assert_true(motion.dx >= -256 && motion.dx <= 255 && motion.wheel >= -128 &&
					    motion.wheel <= 128);
	}
}

static bool packet(struct ps2_mouse *m, const u8 *p, u32 n, i64 at, struct ps2_motion *out)
{
	bool done = false;

	for (u32 i = 0; i < n; i++)
		done = ps2_mouse_byte(m, p[i], at, out);
	return done;
}

static void test_mouse(void **state)
{
	struct ps2_mouse m = {.id = PS2_EXPLORER};
	struct ps2_motion o;
	(void)state;

	assert_true(packet(&m, (u8[]){0x18, 0xf6, 0x05, 0x0f}, 4, 0, &o));
	assert_int_equal(o.dx, -10);
	assert_int_equal(o.dy, -5);
	assert_int_equal(o.wheel, 1);
	assert_true(packet(&m, (u8[]){0x29, 0, 0xff, 0x11}, 4, 0, &o));
	assert_int_equal(o.dy, 1);
	assert_int_equal(o.wheel, -1);
	assert_int_equal(o.buttons, 9);
	/* Out of step: a byte without bit 3 at the start is passed over; half a packet is forgotten. */
	assert_false(ps2_mouse_byte(&m, 0x01, 0, &o));
	assert_false(packet(&m, (u8[]){0x08, 1}, 2, MS, &o));
	assert_true(packet(&m, (u8[]){0x08, 2, 3, 0}, 4, 900 * MS, &o));
	assert_int_equal(o.dx, 2);
	m = (struct ps2_mouse){.id = PS2_MOUSE};
	assert_true(packet(&m, (u8[]){0x0a, 1, 0}, 3, 0, &o));
	assert_int_equal(o.buttons, 2);
	/* An overflow has no meaning as a distance. */
	assert_true(packet(&m, (u8[]){0x48, 200, 3}, 3, 0, &o));
	assert_int_equal(o.dx, 0);
	m = (struct ps2_mouse){.id = PS2_WHEEL};
	assert_true(packet(&m, (u8[]){0x08, 0, 0, 0xff}, 4, 0, &o));
	assert_int_equal(o.wheel, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_any_byte),
		cmocka_unit_test(test_mouse),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
