/* SPDX-License-Identifier: MIT */
/* Frame buffers of all layouts, cursors at all edges. */
#include "blit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct weft_fb xrgb = {.width = 40, .height = 30, .pitch = 176, .bpp = 32, .red_pos = 16, .red_size = 8, .green_pos = 8, .green_size = 8,
	.blue_pos = 0, .blue_size = 8};
static const struct weft_fb rgb24 = {.width = 40, .height = 30, .pitch = 120, .bpp = 24, .red_pos = 16, .red_size = 8, .green_pos = 8, .green_size = 8,
	.blue_pos = 0, .blue_size = 8};
static const struct weft_fb bgr = {.width = 40, .height = 30, .pitch = 160, .bpp = 32, .red_pos = 0, .red_size = 8, .green_pos = 8, .green_size = 8,
	.blue_pos = 16, .blue_size = 8};
static const struct weft_fb r565 = {.width = 40, .height = 30, .pitch = 80, .bpp = 16, .red_pos = 11, .red_size = 5, .green_pos = 5, .green_size = 6,
	.blue_pos = 0, .blue_size = 5};

static u32 pixels[30 * 40];
static const struct image source = {(const u8 *)pixels, 40, 30, 160};
static const struct cursor no_cursor;

static struct screen screen_of(const struct weft_fb *fb)
{
	/* Exactly as long as it has to be: a write beyond is seen. */
	struct screen s = {malloc((u64)fb->pitch * fb->height), *fb};
	memset(s.base, 0xee, (u64)fb->pitch * fb->height);
	return s;
}

static u32 get(const struct screen *s, u32 x, u32 y)
{
	u32 p = 0;
	memcpy(&p, s->base + (u64)y * s->fb.pitch + (u64)x * (s->fb.bpp / 8), s->fb.bpp / 8);
	return p;
}

static void fill(void)
{
	for (u32 i = 0; i < 30 * 40; i++)
		pixels[i] = 0xff000000u | i * 0x010305;
}

static void test_layouts(void **state)
{
	(void)state;
	fill();
	const struct weft_fb *all[] = {&xrgb, &rgb24, &bgr, &r565};
	for (u32 k = 0; k < 4; k++) {
		struct screen s = screen_of(all[k]);
		assert_true(screen_usable(all[k]));
		screen_draw(&s, &source, 0, 0, &no_cursor, 0, 0, 40, 30);
		for (u32 y = 0; y < 30; y++)
			for (u32 x = 0; x < 40; x++) {
				u32 p = pixels[y * 40 + x], r = p >> 16 & 255, g = p >> 8 & 255, b = p & 255;
				u32 want = k == 3 ? r >> 3 << 11 | g >> 2 << 5 | b >> 3 : k == 2 ? b << 16 | g << 8 | r : p & 0xffffff;
				assert_int_equal(get(&s, x, y) & 0xffffff, want);
			}
		screen_clear(&s);
		assert_int_equal(get(&s, 39, 29), 0);
		free(s.base);
	}
}

static void test_part(void **state)
{
	struct screen s = screen_of(&xrgb);
	(void)state;
	fill();
	screen_draw(&s, &source, 3, 2, &no_cursor, 5, 6, 7, 8);
	for (u32 y = 0; y < 30; y++)
		for (u32 x = 0; x < 40; x++) {
			bool in = x >= 5 && x < 12 && y >= 6 && y < 14;
			assert_int_equal(get(&s, x, y), in ? pixels[(y + 2) * 40 + x + 3] : 0xeeeeeeee);
		}
	free(s.base);
}

static void test_cursor(void **state)
{
	static u32 red[16 * 16];
	struct screen s = screen_of(&xrgb);
	struct cursor c = {{(const u8 *)red, 16, 16, 64}, -10, -12};
	(void)state;
	for (u32 i = 0; i < 30 * 40; i++)
		pixels[i] = 0xff0000c8;
	for (u32 i = 0; i < 256; i++)
		red[i] = 0x80800000; /* half */
	screen_draw(&s, &source, 0, 0, &c, 0, 0, 40, 30);
	assert_int_equal(get(&s, 5, 3) & 0xffffff, 0x800064);
	assert_int_equal(get(&s, 6, 3) & 0xffffff, 0x0000c8);
	assert_int_equal(get(&s, 5, 4) & 0xffffff, 0x0000c8);
	c.x = 36;
	c.y = 28;
	screen_draw(&s, &source, 0, 0, &c, 0, 0, 40, 30);
	assert_int_equal(get(&s, 39, 29) & 0xffffff, 0x800064);
	assert_int_equal(get(&s, 5, 3) & 0xffffff, 0x0000c8);
	free(s.base);
}

static void test_nonsense(void **state)
{
	(void)state;
	srand(2);
	fill();
	for (u32 i = 0; i < 20000; i++) {
		struct screen s = screen_of(i & 1 ? &xrgb : &rgb24);
		struct cursor c = {source, rand(), rand()};
		if (i & 2) {
			c.x = rand() % 100 - 50;
			c.y = rand() % 100 - 50;
		}
		u32 v[6];
		for (u32 k = 0; k < 6; k++)
			v[k] = rand() % 3 ? (u32)rand() % 64 : (u32)rand() * 2;
		screen_draw(&s, &source, v[0], v[1], &c, v[2], v[3], v[4], v[5]);
		free(s.base);
	}
	struct weft_fb bad = xrgb;
	bad.pitch = 100;
	assert_false(screen_usable(&bad));
	bad = xrgb;
	bad.bpp = 8;
	assert_false(screen_usable(&bad));
	bad = r565;
	bad.red_pos = 12;
	assert_false(screen_usable(&bad));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_layouts), cmocka_unit_test(test_part), cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_nonsense)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
