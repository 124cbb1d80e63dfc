/* SPDX-License-Identifier: MIT */
#include "shadow.h"

#include <drm_fourcc.h>
#include <math.h>
#include <stdlib.h>

#include "canvas.h"
#include "common.h"

/* How far the shadow reaches, how far a corner piece goes in, and how low the light puts it. */
#define REACH  22
#define INSET  22
#define DROP   6
#define CORNER (REACH + INSET)
#define SIDE   (2 * CORNER + 1)

/* The eight pieces: a corner or an edge, row by row. */
enum piece { TL, T, TR, L, R, BL, B, BR, PIECES };

struct shadow {
	struct wlr_scene_tree *tree;
	struct wlr_scene_buffer *pieces[PIECES];
};

static struct wlr_buffer *shared;

/* The share of the light that a box blurred with a smooth kernel takes at a distance. */
static double cover(double d)
{
	double t = (d + REACH) / (2.0 * REACH);

	t = t < 0 ? 0 : t > 1 ? 1 : t;
	return t * t * (3 - 2 * t);
}

static double axis_cover(int i)
{
	/* The box spans the middle, REACH from either end. */
	return cover(fmin(i + 0.5 - REACH, SIDE - i - 0.5 - REACH));
}

static struct wlr_buffer *shared_buffer(void)
{
	struct canvas *canvas;
	unsigned char *data;
	int stride;

	if (shared != NULL) {
		return shared;
	}
	canvas = canvas_create(SIDE, SIDE, 1, false);
	if (canvas == NULL) {
		return NULL;
	}
	cairo_surface_flush(canvas->surface);
	data = cairo_image_surface_get_data(canvas->surface);
	stride = cairo_image_surface_get_stride(canvas->surface);
	for (int y = 0; y < SIDE; y++) {
		uint32_t *row = (uint32_t *)(void *)(data + (size_t)y * stride);

		for (int x = 0; x < SIDE; x++) {
			double a = 0.42 * axis_cover(x) * axis_cover(y);

			row[x] = (uint32_t)lround(a * 255) << 24;
		}
	}
	cairo_surface_mark_dirty(canvas->surface);
	shared = wlr_buffer_lock(&canvas->base);
	wlr_buffer_drop(shared);
	return shared;
}

void shadow_finish_shared(void)
{
	if (shared != NULL) {
		wlr_buffer_unlock(shared);
		shared = NULL;
	}
}

static bool never(struct wlr_scene_buffer *buffer, double *sx, double *sy)
{
	(void)buffer;
	(void)sx;
	(void)sy;
	return false;
}

struct shadow *shadow_create(struct wlr_scene_tree *parent)
{
	struct shadow *shadow = mem_zalloc(sizeof(*shadow));

	shadow->tree = wlr_scene_tree_create(parent);
	wlr_scene_node_lower_to_bottom(&shadow->tree->node);
	wlr_scene_node_set_enabled(&shadow->tree->node, false);
	return shadow;
}

void shadow_destroy(struct shadow *shadow)
{
	if (shadow != NULL) {
		wlr_scene_node_destroy(&shadow->tree->node);
		free(shadow);
	}
}

static void create_pieces(struct shadow *shadow)
{
	struct wlr_buffer *buffer = shared_buffer();

	for (int i = 0; i < PIECES; i++) {
		shadow->pieces[i] = wlr_scene_buffer_create(shadow->tree, buffer);
		shadow->pieces[i]->point_accepts_input = never;
	}
}

static void place(struct wlr_scene_buffer *piece, struct wlr_fbox src, int x, int y, int w, int h)
{
	wlr_scene_node_set_enabled(&piece->node, w > 0 && h > 0);
	if (w > 0 && h > 0) {
		wlr_scene_buffer_set_source_box(piece, &src);
		wlr_scene_buffer_set_dest_size(piece, w, h);
		wlr_scene_node_set_position(&piece->node, x, y);
	}
}

void shadow_update(struct shadow *s, struct wlr_box frame, bool strong, bool enabled)
{
	/* Corners shrink with small frames, so that opposite ones do not meet. */
	int cx = int_min(CORNER, REACH + frame.width / 2);
	int cy = int_min(CORNER, REACH + frame.height / 2);
	int left = frame.x - REACH, top = frame.y - REACH + DROP;
	int right = frame.x + frame.width + REACH - cx;
	int bottom = frame.y + frame.height + REACH + DROP - cy;
	int mid_w = right - left - cx, mid_h = bottom - top - cy;
	double far_x = SIDE - cx, far_y = SIDE - cy;

	wlr_scene_node_set_enabled(&s->tree->node, enabled);
	if (!enabled) {
		return;
	}
	if (s->pieces[0] == NULL) {
		create_pieces(s);
	}
	place(s->pieces[TL], (struct wlr_fbox){0, 0, cx, cy}, left, top, cx, cy);
	place(s->pieces[TR], (struct wlr_fbox){far_x, 0, cx, cy}, right, top, cx, cy);
	place(s->pieces[BL], (struct wlr_fbox){0, far_y, cx, cy}, left, bottom, cx, cy);
	place(s->pieces[BR], (struct wlr_fbox){far_x, far_y, cx, cy}, right, bottom, cx, cy);
	place(s->pieces[T], (struct wlr_fbox){CORNER, 0, 1, cy}, left + cx, top, mid_w, cy);
	place(s->pieces[B], (struct wlr_fbox){CORNER, far_y, 1, cy}, left + cx, bottom, mid_w, cy);
	place(s->pieces[L], (struct wlr_fbox){0, CORNER, cx, 1}, left, top + cy, cx, mid_h);
	place(s->pieces[R], (struct wlr_fbox){far_x, CORNER, cx, 1}, right, top + cy, cx, mid_h);
	for (int i = 0; i < PIECES; i++) {
		wlr_scene_buffer_set_opacity(s->pieces[i], strong ? 1.0f : 0.55f);
	}
}
