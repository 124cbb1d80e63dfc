/* SPDX-License-Identifier: MIT */
/*
 * Window geometry as pure functions: tiles, snapping, placement. Nothing here knows of Wayland
 * objects, so that all of it is tested on its own. Boxes are in layout coordinates; a "frame" is a
 * window with its decoration, "content" is what the client draws.
 */
#ifndef WEFT_LAYOUT_H
#define WEFT_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <wlr/util/box.h>

/** Which edges of the usable area a window touches; two neighbours make a quarter. */
enum tile {
	TILE_NONE = 0,
	TILE_TOP = 1 << 0,
	TILE_BOTTOM = 1 << 1,
	TILE_LEFT = 1 << 2,
	TILE_RIGHT = 1 << 3,
	/** All four: the window is maximised. */
	TILE_ALL = 15,
};

struct margins {
	int top, right, bottom, left;
};

struct wlr_box layout_add_margins(struct wlr_box content, struct margins m);
struct wlr_box layout_remove_margins(struct wlr_box frame, struct margins m);

/** The frame of a tile in `area`, with `gap` pixels around and between tiles. */
struct wlr_box layout_tile_box(struct wlr_box area, enum tile tile, int gap);

/**
 * What a window in state `current` becomes when it is pushed toward one edge (one bit). Pushing
 * a half toward a side edge makes a quarter, pushing back undoes, up from floating maximises.
 * Sets *minimise when a floating window is pushed down.
 */
enum tile layout_push(enum tile current, enum tile toward, bool *minimise);

/** The tile that dropping a window at (x, y) asks for; the corners of an edge give quarters. */
enum tile layout_drop_tile(struct wlr_box output, double x, double y, int threshold);

/** Moves `frame` so that edges within `threshold` of another's edge or the area's line up. */
struct wlr_box layout_snap_move(struct wlr_box frame, struct wlr_box area,
	const struct wlr_box *others, size_t count, int threshold);

/** A position for a new frame: least overlap with the others, then nearest to the middle. */
struct wlr_box layout_place(
	struct wlr_box frame, struct wlr_box area, const struct wlr_box *others, size_t count);

/** Moves a frame so that it lies in the area, or at least its top left corner does. */
struct wlr_box layout_fit(struct wlr_box frame, struct wlr_box area);

/**
 * The frame of an interactive resize: `start` with the edges in `edges` moved by (dx, dy), never
 * smaller than min or larger than max (a max of 0 has no limit).
 */
struct wlr_box layout_resize(struct wlr_box start, enum tile edges, int dx, int dy, int min_width,
	int min_height, int max_width, int max_height);

/**
 * The index of the box nearest to `from` in a direction, or -1. Only boxes whose centre lies
 * beyond that of `from` count; sideways distance weighs double.
 */
int layout_neighbour(
	struct wlr_box from, enum tile toward, const struct wlr_box *boxes, size_t count);

#endif
