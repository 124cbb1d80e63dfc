/* SPDX-License-Identifier: MIT */
/* Interactive move and resize, and presses on a decoration's buttons. */
#include <math.h>
#include <stdlib.h>

#include "canvas.h"
#include "cursor.h"
#include "output.h"
#include "seat.h"
#include "view.h"

/* How far the pointer goes with a title before its window comes along. */
#define MOVE_START 4

static void hide_preview(struct cursor *cursor)
{
	if (cursor->preview != NULL) {
		wlr_scene_node_destroy(&cursor->preview->node);
		cursor->preview = NULL;
	}
	cursor->preview_tile = TILE_NONE;
}

static void show_preview(struct cursor *cursor, struct output *output, enum tile tile)
{
	struct server *server = cursor->seat->server;
	struct wlr_box box;
	struct wlr_scene_rect *rect;
	float colour[4];

	if (cursor->preview_tile == tile && cursor->preview_output == output) {
		return;
	}
	hide_preview(cursor);
	cursor->preview_tile = tile;
	cursor->preview_output = output;
	if (tile == TILE_NONE) {
		return;
	}
	box = layout_tile_box(output->usable, tile, int_max(server->config->gap, 6));
	cursor->preview = wlr_scene_tree_create(server->layers[LAYER_ABOVE]);
	canvas_colour_floats((server->config->colours[THEME_ACCENT] & ~0xffu) | 0x38, colour);
	rect = wlr_scene_rect_create(cursor->preview, box.width, box.height, colour);
	wlr_scene_node_set_position(&rect->node, box.x, box.y);
}

static void begin(struct cursor *cursor, struct view *view, enum cursor_mode mode)
{
	cursor_end_grab(cursor);
	cursor->mode = mode;
	cursor->grab_view = view;
	cursor->grab_x = cursor->wlr->x;
	cursor->grab_y = cursor->wlr->y;
	cursor->grab_box = view->box;
	wlr_seat_pointer_notify_clear_focus(cursor->seat->wlr);
}

/* Makes a tiled window float under the pointer, at the same place of its title. */
static void lift(struct cursor *cursor, struct view *view)
{
	struct wlr_box frame = view_frame(view), box = view->natural;
	double part = (cursor->grab_x - frame.x) / int_max(frame.width, 1);

	part = fmin(fmax(part, 0), 1);
	view->natural.x = (int)(cursor->grab_x - part * box.width);
	view->natural.y = view->box.y;
	view_set_tile(view, TILE_NONE, NULL);
	cursor->grab_box = view->natural;
}

void cursor_begin_move(struct cursor *cursor, struct view *view)
{
	if (view->fullscreen) {
		return;
	}
	begin(cursor, view, CURSOR_MOVE);
	cursor_set_image(cursor, "grabbing");
}

static enum tile nearest_edges(struct cursor *cursor, struct view *view)
{
	double x = (cursor->wlr->x - view->box.x) / int_max(view->box.width, 1);
	double y = (cursor->wlr->y - view->box.y) / int_max(view->box.height, 1);

	return (x < 0.5 ? TILE_LEFT : TILE_RIGHT) | (y < 0.5 ? TILE_TOP : TILE_BOTTOM);
}

void cursor_begin_resize(struct cursor *cursor, struct view *view, enum tile edges)
{
	static const char *const corner[] = {"nw-resize", "sw-resize", "ne-resize", "se-resize"};

	if (view->fullscreen || view->tile == TILE_ALL) {
		return;
	}
	begin(cursor, view, CURSOR_RESIZE);
	if (view->tile != TILE_NONE) {
		/* It keeps its place and floats from now on. */
		view->natural = view->box;
		view_set_tile(view, TILE_NONE, NULL);
	}
	if (edges == TILE_NONE) {
		edges = nearest_edges(cursor, view);
		cursor_set_image(cursor,
			corner[(edges & TILE_RIGHT ? 2 : 0) + (edges & TILE_BOTTOM ? 1 : 0)]);
	}
	cursor->grab_edges = edges;
	view->resize_edges = edges;
	view->impl->set_resizing(view, true);
}

void cursor_end_grab(struct cursor *cursor)
{
	struct view *view = cursor->grab_view;

	if (cursor->mode == CURSOR_RESIZE && view != NULL) {
		view->impl->set_resizing(view, false);
	}
	if (cursor->hover_view != NULL) {
		decoration_set_hover(cursor->hover_view->decoration, PART_NONE, false);
		cursor->hover_view = NULL;
	}
	hide_preview(cursor);
	cursor->mode = CURSOR_PASS;
	cursor->grab_view = NULL;
	cursor->grab_part = PART_NONE;
}

void cursor_forget_view(struct cursor *cursor, struct view *view)
{
	if (cursor->grab_view == view) {
		cursor->mode = cursor->mode == CURSOR_RESIZE ? CURSOR_PRESS : cursor->mode;
		cursor_end_grab(cursor);
		cursor_schedule_rebase(cursor);
	}
	if (cursor->hover_view == view) {
		cursor->hover_view = NULL;
	}
	if (cursor->click_view == view) {
		cursor->click_view = NULL;
	}
}

static void motion_move(struct cursor *cursor)
{
	struct view *view = cursor->grab_view;
	const struct config *config = cursor->seat->server->config;
	struct output *output = output_at(view->server, cursor->wlr->x, cursor->wlr->y);
	double dx = cursor->wlr->x - cursor->grab_x, dy = cursor->wlr->y - cursor->grab_y;
	struct wlr_box frame, box = cursor->grab_box, *others;
	size_t count;

	if (view->tile != TILE_NONE) {
		if (fabs(dx) < 2 * MOVE_START && fabs(dy) < 2 * MOVE_START) {
			return;
		}
		lift(cursor, view);
		box = cursor->grab_box;
	}
	/* The size may still be on its way back from tiled: only the place is ours here. */
	box.width = view->pending.width;
	box.height = view->pending.height;
	box.x += (int)dx;
	box.y += (int)dy;
	if (output != NULL) {
		frame = layout_add_margins(box, view_margins(view));
		count = view_other_frames(view, &others);
		frame = layout_snap_move(
			frame, output->usable, others, count, config->snap_distance);
		free(others);
		box = layout_remove_margins(frame, view_margins(view));
		show_preview(cursor, output,
			layout_drop_tile(output->box, cursor->wlr->x, cursor->wlr->y,
				config->drop_distance));
	}
	view_set_box(view, box);
}

static void motion_resize(struct cursor *cursor)
{
	struct view *view = cursor->grab_view;
	struct wlr_box min, max, box;

	view->impl->size_limits(view, &min, &max);
	box = layout_resize(cursor->grab_box, cursor->grab_edges,
		(int)(cursor->wlr->x - cursor->grab_x), (int)(cursor->wlr->y - cursor->grab_y),
		min.width, min.height, max.width, max.height);
	view_set_box(view, box);
}

static void motion_press(struct cursor *cursor)
{
	struct view *view = cursor->grab_view;
	double x = cursor->grab_x, y = cursor->grab_y;
	enum tile edges;
	enum decoration_part part =
		decoration_part_at(view->decoration, cursor->wlr->x, cursor->wlr->y, &edges);

	if (cursor->grab_part != PART_TITLE) {
		/* A button stays pressed only while the pointer is on it. */
		bool on = part == cursor->grab_part;

		decoration_set_hover(view->decoration, on ? part : PART_NONE, on);
		return;
	}
	if (fabs(cursor->wlr->x - x) >= MOVE_START || fabs(cursor->wlr->y - y) >= MOVE_START) {
		cursor_begin_move(cursor, view);
		/* From where the button went down, so that the title stays under the pointer. */
		cursor->grab_x = x;
		cursor->grab_y = y;
		cursor->click_view = NULL;
		if (cursor->mode == CURSOR_MOVE) {
			motion_move(cursor);
		}
	}
}

void grab_motion(struct cursor *cursor)
{
	switch (cursor->mode) {
	case CURSOR_MOVE:
		motion_move(cursor);
		break;
	case CURSOR_RESIZE:
		motion_resize(cursor);
		break;
	case CURSOR_PRESS:
		motion_press(cursor);
		break;
	default:
		break;
	}
}

static void press_done(struct view *view, enum decoration_part part)
{
	switch (part) {
	case PART_CLOSE:
		view_close(view);
		break;
	case PART_MAXIMISE:
		view_set_tile(view, view->tile == TILE_ALL ? TILE_NONE : TILE_ALL, NULL);
		break;
	case PART_MINIMISE:
		view_set_minimised(view, true);
		break;
	default:
		break;
	}
}

void grab_release(struct cursor *cursor)
{
	enum cursor_mode mode = cursor->mode;
	struct view *view = cursor->grab_view;
	enum decoration_part part = cursor->grab_part;
	enum tile tile = cursor->preview_tile, edges;
	struct output *output = cursor->preview_output;

	cursor_end_grab(cursor);
	if (view == NULL) {
		return;
	}
	if (mode == CURSOR_MOVE && tile != TILE_NONE) {
		view_set_tile(view, tile, output);
	} else if (mode == CURSOR_PRESS && decoration_part_at(view->decoration, cursor->wlr->x,
						   cursor->wlr->y, &edges) == part) {
		press_done(view, part);
	}
}
