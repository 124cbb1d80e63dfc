/* SPDX-License-Identifier: MIT */
/* EDIDs as QEMU and monitors give them, and bytes that are none. */
#include "edid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void seal(u8 *b)
{
	u8 sum = 0;
	for (u32 i = 0; i < 127; i++)
		sum = (u8)(sum + b[i]);
	b[127] = (u8)-sum;
}

/* A monitor of 1920x1080 at 60 Hz, 527x296 mm, with a CTA extension of two formats and one more timing. */
static void monitor(u8 e[256])
{
	static const u8 head[] = {0, 255, 255, 255, 255, 255, 255, 0, 0x10, 0xac, 1, 0, 0, 0, 0, 0, 1, 30, 1, 4, 0xb5, 53, 30, 120, 0x3b};
	static const u8 dtd[18] = {0x02, 0x3a, 0x80, 0x18, 0x71, 0x38, 0x2d, 0x40, 0x58, 0x2c, 0x45, 0x00, 0x0f, 0x28, 0x21, 0x00, 0x00, 0x1e};
	static const u8 name[18] = {0, 0, 0, 0xfc, 0, 'W', 'e', 'f', 't', ' ', '2', '4', '\n', ' ', ' ', ' ', ' ', ' '};
	static const u8 small[18] = {0x01, 0x1d, 0x00, 0x72, 0x51, 0xd0, 0x1e, 0x20, 0x6e, 0x28, 0x55, 0x00, 0x0f, 0x28, 0x21, 0x00, 0x00, 0x1e};
	memset(e, 0, 256);
	memcpy(e, head, sizeof(head));
	memset(e + 38, 1, 16);
	e[35] = 0x20; /* 640x480 at 60 */
	e[36] = 0x08; /* 1024x768 at 60 */
	e[38] = 1680 / 8 - 31; /* 16:10 at 60 */
	e[39] = 0;
	memcpy(e + 54, dtd, 18);
	memcpy(e + 72, name, 18);
	e[126] = 1;
	seal(e);
	u8 *x = e + 128;
	x[0] = 2;
	x[1] = 3;
	x[2] = 4 + 3;
	x[4] = 2 << 5 | 2;
	x[5] = 0x80 | 16;
	x[6] = 4;
	memcpy(x + 7, small, 18);
	seal(x);
}

static const struct drm_mode_modeinfo *find(const struct edid_info *i, u32 w, u32 h)
{
	for (u32 k = 0; k < i->nmodes; k++)
		if (i->modes[k].hdisplay == w && i->modes[k].vdisplay == h)
			return &i->modes[k];
	return NULL;
}

static void test_monitor(void **state)
{
	u8 e[256];
	struct edid_info i;
	(void)state;
	monitor(e);
	assert_int_equal(edid_parse(e, sizeof(e), &i), 0);
	assert_string_equal(i.name, "Weft 24");
	assert_int_equal(i.mm_width, 527);
	assert_int_equal(i.mm_height, 296);
	assert_int_equal(i.modes[0].hdisplay, 1920);
	assert_int_equal(i.modes[0].vdisplay, 1080);
	assert_int_equal(i.modes[0].clock, 148500);
	assert_int_equal(i.modes[0].htotal, 2200);
	assert_int_equal(i.modes[0].vtotal, 1125);
	assert_int_equal(i.modes[0].hsync_start, 2008);
	assert_int_equal(i.modes[0].vrefresh, 60);
	assert_int_equal(i.modes[0].flags, DRM_MODE_FLAG_PHSYNC | DRM_MODE_FLAG_PVSYNC);
	assert_true(i.modes[0].type & DRM_MODE_TYPE_PREFERRED);
	assert_string_equal(i.modes[0].name, "1920x1080");
	assert_non_null(find(&i, 640, 480));
	assert_non_null(find(&i, 1024, 768));
	assert_non_null(find(&i, 1680, 1050));
	assert_non_null(find(&i, 1280, 720));
	/* the CTA format 16 is the preferred one again: once in the list */
	u32 n = 0;
	for (u32 k = 0; k < i.nmodes; k++)
		n += i.modes[k].hdisplay == 1920 && i.modes[k].vdisplay == 1080;
	assert_int_equal(n, 1);
	for (u32 k = 1; k < i.nmodes; k++)
		assert_false(i.modes[k].type & DRM_MODE_TYPE_PREFERRED);
}

static void test_lengths(void **state)
{
	u8 e[1024] = {0};
	(void)state;
	monitor(e);
	assert_int_equal(edid_length(e, sizeof(e)), 256); /* as QEMU pads it */
	assert_int_equal(edid_length(e, 200), 128);
	assert_int_equal(edid_length(e, 127), 0);
	e[200] ^= 1;
	assert_int_equal(edid_length(e, sizeof(e)), 128); /* the extension is spoilt */
	e[60] ^= 1;
	assert_int_equal(edid_length(e, sizeof(e)), 0);
}

static void test_centimetres(void **state)
{
	u8 e[256];
	struct edid_info i;
	(void)state;
	monitor(e);
	e[66] = e[67] = e[68] = 0;
	seal(e);
	assert_int_equal(edid_parse(e, 128, &i), 0);
	assert_int_equal(i.mm_width, 530);
	assert_int_equal(i.mm_height, 300);
	e[21] = 0; /* a projector */
	seal(e);
	assert_int_equal(edid_parse(e, 128, &i), 0);
	assert_int_equal(i.mm_width, 0);
}

static void test_any_bytes(void **state)
{
	(void)state;
	srand(1);
	for (u32 round = 0; round < 20000; round++) {
		u8 base[1024];
		u32 len = (u32)rand() % (sizeof(base) + 1);
		memset(base, 0, sizeof(base));
		monitor(base);
		for (u32 k = 0; k < 1 + (u32)rand() % 40; k++)
			base[(u32)rand() % sizeof(base)] = (u8)rand();
		for (u32 b = 0; b < 8; b++)
			if (rand() % 8)
				seal(base + b * 128);
		u8 *tight = malloc(len ? len : 1); /* reads beyond the end are seen */
		struct edid_info i;
		memcpy(tight, base, len);
		if (edid_parse(tight, len, &i) == 0) {
			assert_true(i.nmodes <= EDID_MODES);
			for (u32 k = 0; k < i.nmodes; k++) {
				const struct drm_mode_modeinfo *m = &i.modes[k];
				assert_true(m->clock && m->vrefresh);
				assert_true(m->hdisplay <= m->hsync_start && m->hsync_start <= m->hsync_end && m->hsync_end <= m->htotal);
				assert_true(m->vdisplay <= m->vsync_start && m->vsync_start <= m->vsync_end && m->vsync_end <= m->vtotal);
			}
		}
		free(tight);
	}
}

static void test_made_modes(void **state)
{
	struct drm_mode_modeinfo m;
	(void)state;
	mode_make(&m, 1280, 800, 60);
	double hz = m.clock * 1000.0 / m.htotal / m.vtotal;
	assert_true(hz > 59.9 && hz < 60.01);
	assert_true((m.vtotal - m.vdisplay) * 1e6 / (hz * m.vtotal) >= 460);
	assert_string_equal(m.name, "1280x800");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_monitor), cmocka_unit_test(test_lengths), cmocka_unit_test(test_centimetres),
		cmocka_unit_test(test_any_bytes), cmocka_unit_test(test_made_modes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
