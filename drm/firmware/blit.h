/* SPDX-License-Identifier: MIT */
/* From XRGB8888 images, with a cursor above them, to a linear frame buffer of any true-colour layout. */
#ifndef FIRMWARE_BLIT_H
#define FIRMWARE_BLIT_H

#include <stdbool.h>
#include <weft/sys.h>

struct image {
	const u8 *pixels;
	u32 width, height, pitch;
};
struct cursor {
	struct image image; /* ARGB8888, premultiplied; pixels NULL: none */
	i32 x, y;
};
struct screen {
	u8 *base;
	struct weft_fb fb;
};

/** Whether pixels of this layout can be written. */
bool screen_usable(const struct weft_fb *fb);
/** Draws the rectangle x, y, w, h of the screen, which shows src from (src_x, src_y) on. What is outside of any of them is left out. */
void screen_draw(const struct screen *s, const struct image *src, u32 src_x, u32 src_y, const struct cursor *c, u32 x, u32 y, u32 w, u32 h);
void screen_clear(const struct screen *s);

#endif
