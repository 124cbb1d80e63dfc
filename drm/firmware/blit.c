/* SPDX-License-Identifier: MIT */
#include "blit.h"

#include <string.h>

#define MAX_LINE 8192

bool screen_usable(const struct weft_fb *fb)
{
	u32 bytes = fb->bpp / 8;
	if (fb->bpp != 16 && fb->bpp != 24 && fb->bpp != 32)
		return false;
	if (!fb->width || !fb->height || fb->width > MAX_LINE || fb->height > MAX_LINE || fb->pitch < fb->width * bytes || fb->pitch > MAX_LINE * 8)
		return false;
	return fb->red_size && fb->red_size <= 8 && fb->green_size && fb->green_size <= 8 && fb->blue_size && fb->blue_size <= 8 &&
	       fb->red_pos + fb->red_size <= fb->bpp && fb->green_pos + fb->green_size <= fb->bpp && fb->blue_pos + fb->blue_size <= fb->bpp;
}

static bool is_xrgb(const struct weft_fb *fb)
{
	return fb->bpp == 32 && fb->red_pos == 16 && fb->green_pos == 8 && fb->blue_pos == 0 && fb->red_size == 8 && fb->green_size == 8 &&
	       fb->blue_size == 8;
}

static u32 channel(u32 value, u32 size, u32 pos)
{
	return value >> (8 - size) << pos;
}

static void put_line(const struct weft_fb *fb, u8 *to, const u32 *line, u32 n)
{
	u32 bytes = fb->bpp / 8;
	if (is_xrgb(fb)) {
		memcpy(to, line, n * 4ul);
		return;
	}
	for (u32 i = 0; i < n; i++, to += bytes) {
		u32 p = line[i];
		p = channel(p >> 16 & 0xff, fb->red_size, fb->red_pos) | channel(p >> 8 & 0xff, fb->green_size, fb->green_pos) |
		    channel(p & 0xff, fb->blue_size, fb->blue_pos);
		for (u32 b = 0; b < bytes; b++)
			to[b] = (u8)(p >> 8 * b);
	}
}

/* over, premultiplied: above + below * (255 - alpha) / 255, rounded; the sum of a broken image's channels is cut off. */
static u32 over(u32 above, u32 below)
{
	u32 rest = 255 - (above >> 24), out = 0;
	for (u32 shift = 0; shift < 24; shift += 8) {
		u32 v = (above >> shift & 0xff) + ((below >> shift & 0xff) * rest + 127) / 255;
		out |= (v > 255 ? 255 : v) << shift;
	}
	return out;
}

/* The part of a cursor that lies on n pixels of line y from x on. */
static void blend(u32 *line, u32 x, u32 y, u32 n, const struct cursor *c)
{
	i64 row = (i64)y - c->y;
	if (!c->image.pixels || row < 0 || row >= c->image.height)
		return;
	for (u32 i = 0; i < c->image.width; i++) {
		i64 at = (i64)c->x + i - x;
		u32 above;
		if (at < 0 || at >= n)
			continue;
		memcpy(&above, c->image.pixels + (u64)row * c->image.pitch + i * 4ul, 4);
		line[at] = over(above, line[at]);
	}
}

void screen_draw(const struct screen *s, const struct image *src, u32 src_x, u32 src_y, const struct cursor *c, u32 x, u32 y, u32 w, u32 h)
{
	static u32 line[MAX_LINE];
	const struct weft_fb *fb = &s->fb;
	if (!src->pixels || src_x >= src->width || src_y >= src->height)
		return;
	u32 right = src->width - src_x < fb->width ? src->width - src_x : fb->width;
	u32 bottom = src->height - src_y < fb->height ? src->height - src_y : fb->height;
	if (x >= right || y >= bottom)
		return;
	w = w < right - x ? w : right - x;
	h = h < bottom - y ? h : bottom - y;
	for (u32 row = y; row < y + h; row++) {
		memcpy(line, src->pixels + (u64)(src_y + row) * src->pitch + (src_x + x) * 4ul, w * 4ul);
		blend(line, x, row, w, c);
		put_line(fb, s->base + (u64)row * fb->pitch + (u64)x * (fb->bpp / 8), line, w);
	}
}

void screen_clear(const struct screen *s)
{
	for (u32 row = 0; row < s->fb.height; row++)
		memset(s->base + (u64)row * s->fb.pitch, 0, (u64)s->fb.width * (s->fb.bpp / 8));
}
