/* SPDX-License-Identifier: MIT */
#include "layout.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>

#include "common.h"

struct wlr_box layout_add_margins(struct wlr_box content, struct margins m)
{
	return (struct wlr_box){
		.x = content.x - m.left,
		.y = content.y - m.top,
		.width = content.width + m.left + m.right,
		.height = content.height + m.top + m.bottom,
	};
}

struct wlr_box layout_remove_margins(struct wlr_box frame, struct margins m)
{
	return (struct wlr_box){
		.x = frame.x + m.left,
		.y = frame.y + m.top,
		.width = int_max(1, frame.width - m.left - m.right),
		.height = int_max(1, frame.height - m.top - m.bottom),
	};
}

/* One axis of a tile: `low` and `high` say which ends are touched; neither or both is all of it. */
static void tile_span(int start, int length, bool low, bool high, int gap, int *pos, int *size)
{
	int half = (length - 3 * gap) / 2;

	if (low == high) {
		*pos = start + gap;
		*size = length - 2 * gap;
	} else if (low) {
		*pos = start + gap;
		*size = half;
	} else {
		*pos = start + 2 * gap + half;
		*size = length - 3 * gap - half;
	}
}

struct wlr_box layout_tile_box(struct wlr_box area, enum tile tile, int gap)
{
	struct wlr_box box;

	if (tile == TILE_ALL) {
		gap = 0;
	}
	tile_span(area.x, area.width, tile & TILE_LEFT, tile & TILE_RIGHT, gap, &box.x, &box.width);
	tile_span(
		area.y, area.height, tile & TILE_TOP, tile & TILE_BOTTOM, gap, &box.y, &box.height);
	box.width = int_max(1, box.width);
	box.height = int_max(1, box.height);
	return box;
}

static enum tile tile_opposite(enum tile edge)
{
	switch (edge) {
	case TILE_TOP:
		return TILE_BOTTOM;
	case TILE_BOTTOM:
		return TILE_TOP;
	case TILE_LEFT:
		return TILE_RIGHT;
	case TILE_RIGHT:
		return TILE_LEFT;
	default:
		return TILE_NONE;
	}
}

enum tile layout_push(enum tile current, enum tile toward, bool *minimise)
{
	enum tile back = tile_opposite(toward);

	*minimise = false;
	if (current == TILE_ALL) {
		return toward == TILE_TOP ? TILE_ALL : toward == TILE_BOTTOM ? TILE_NONE : toward;
	}
	if (current == TILE_NONE) {
		if (toward == TILE_BOTTOM) {
			*minimise = true;
			return TILE_NONE;
		}
		return toward == TILE_TOP ? TILE_ALL : toward;
	}
	if (current & back) {
		return current & ~back;
	}
	if (current & toward) {
		/* A quarter that is pushed on grows into the half along that edge. */
		return current == TILE_TOP ? TILE_ALL : toward;
	}
	return current | toward;
}

enum tile layout_drop_tile(struct wlr_box output, double x, double y, int threshold)
{
	/* Corners reach further along their edge than the edge is deep, or they are hard to hit. */
	int corner_x = int_max(threshold, output.width / 8);
	int corner_y = int_max(threshold, output.height / 8);
	double left = x - output.x, right = output.x + output.width - 1 - x;
	double top = y - output.y, bottom = output.y + output.height - 1 - y;
	int tile = TILE_NONE;

	if (left < 0 || right < 0 || top < 0 || bottom < 0) {
		return TILE_NONE;
	}
	if (left < threshold || right < threshold) {
		tile |= left < right ? TILE_LEFT : TILE_RIGHT;
		if (top < corner_y) {
			tile |= TILE_TOP;
		} else if (bottom < corner_y) {
			tile |= TILE_BOTTOM;
		}
		return tile;
	}
	if (top < threshold) {
		if (left < corner_x) {
			return TILE_TOP | TILE_LEFT;
		}
		return right < corner_x ? TILE_TOP | TILE_RIGHT : TILE_ALL;
	}
	if (bottom < threshold) {
		if (left < corner_x) {
			return TILE_BOTTOM | TILE_LEFT;
		}
		if (right < corner_x) {
			return TILE_BOTTOM | TILE_RIGHT;
		}
	}
	return TILE_NONE;
}

/* Keeps the smallest correction that brings `edge` onto `target`. */
static void snap_try(int edge, int target, int threshold, int *best)
{
	int delta = target - edge;

	if (abs(delta) <= threshold && abs(delta) < abs(*best)) {
		*best = delta;
	}
}

static bool spans_touch(int a, int a_size, int b, int b_size, int slack)
{
	return a < b + b_size + slack && b < a + a_size + slack;
}

struct wlr_box layout_snap_move(struct wlr_box frame, struct wlr_box area,
	const struct wlr_box *others, size_t count, int threshold)
{
	int none = threshold + 1, dx = none, dy = none;

	if (threshold <= 0) {
		return frame;
	}
	snap_try(frame.x, area.x, threshold, &dx);
	snap_try(frame.x + frame.width, area.x + area.width, threshold, &dx);
	snap_try(frame.y, area.y, threshold, &dy);
	snap_try(frame.y + frame.height, area.y + area.height, threshold, &dy);
	for (size_t i = 0; i < count; i++) {
		struct wlr_box o = others[i];

		if (spans_touch(frame.y, frame.height, o.y, o.height, threshold)) {
			snap_try(frame.x, o.x + o.width, threshold, &dx);
			snap_try(frame.x + frame.width, o.x, threshold, &dx);
			snap_try(frame.x, o.x, threshold, &dx);
			snap_try(frame.x + frame.width, o.x + o.width, threshold, &dx);
		}
		if (spans_touch(frame.x, frame.width, o.x, o.width, threshold)) {
			snap_try(frame.y, o.y + o.height, threshold, &dy);
			snap_try(frame.y + frame.height, o.y, threshold, &dy);
			snap_try(frame.y, o.y, threshold, &dy);
			snap_try(frame.y + frame.height, o.y + o.height, threshold, &dy);
		}
	}
	frame.x += dx == none ? 0 : dx;
	frame.y += dy == none ? 0 : dy;
	return frame;
}

/* How much of one span lies in another. */
static int64_t common_span(int a, int a_size, int b, int b_size)
{
	return int_max(0, int_min(a + a_size, b + b_size) - int_max(a, b));
}

static int64_t overlap_area(struct wlr_box f, const struct wlr_box *others, size_t count)
{
	int64_t sum = 0;

	for (size_t i = 0; i < count; i++) {
		struct wlr_box o = others[i];

		sum += common_span(f.x, f.width, o.x, o.width) *
		       common_span(f.y, f.height, o.y, o.height);
	}
	return sum;
}

struct place_search {
	struct wlr_box frame, area, best;
	const struct wlr_box *others;
	size_t count;
	int64_t best_overlap, best_distance;
};

static void place_try(struct place_search *s, int x, int y)
{
	struct wlr_box f = s->frame;
	int64_t dx, dy, overlap, distance;

	f.x = x;
	f.y = y;
	f = layout_fit(f, s->area);
	overlap = overlap_area(f, s->others, s->count);
	dx = 2 * (f.x - s->area.x) + f.width - s->area.width;
	dy = 2 * (f.y - s->area.y) + f.height - s->area.height;
	distance = dx * dx + dy * dy;
	if (overlap < s->best_overlap ||
		(overlap == s->best_overlap && distance < s->best_distance)) {
		s->best = f;
		s->best_overlap = overlap;
		s->best_distance = distance;
	}
}

static void place_search(struct place_search *s)
{
	struct wlr_box frame = s->frame, area = s->area;
	int middle_x = area.x + (area.width - frame.width) / 2;
	int middle_y = area.y + (area.height - frame.height) / 2;
	const int step = 32;

	s->best_overlap = s->best_distance = INT64_MAX;
	place_try(s, middle_x, middle_y);
	for (size_t i = 0; i < s->count && s->best_overlap > 0; i++) {
		struct wlr_box o = s->others[i];
		int xs[] = {o.x - frame.width, o.x + o.width, middle_x, area.x,
			area.x + area.width - frame.width};
		int ys[] = {o.y - frame.height, o.y + o.height, middle_y, area.y,
			area.y + area.height - frame.height};

		for (size_t a = 0; a < ARRAY_LEN(xs); a++) {
			for (size_t b = 0; b < ARRAY_LEN(ys); b++) {
				place_try(s, xs[a], ys[b]);
			}
		}
		/* Where all is covered, a step aside keeps the title below in sight. */
		place_try(s, o.x + step, o.y + step);
	}
}

struct wlr_box layout_place(
	struct wlr_box frame, struct wlr_box area, const struct wlr_box *others, size_t count)
{
	struct place_search s = {.frame = frame, .area = area, .others = others, .count = count};
	struct wlr_box clear;
	const int margin = 24;

	/* Away from the edges if there is room, or if being there helps nobody. */
	if (frame.width <= area.width - 2 * margin && frame.height <= area.height - 2 * margin) {
		s.area = (struct wlr_box){area.x + margin, area.y + margin, area.width - 2 * margin,
			area.height - 2 * margin};
		place_search(&s);
		clear = s.best;
		if (s.best_overlap == 0) {
			return clear;
		}
		s.area = area;
		place_search(&s);
		return s.best_overlap == 0 ? s.best : clear;
	}
	place_search(&s);
	return s.best;
}

struct wlr_box layout_fit(struct wlr_box frame, struct wlr_box area)
{
	frame.x = int_min(frame.x, area.x + area.width - frame.width);
	frame.y = int_min(frame.y, area.y + area.height - frame.height);
	frame.x = int_max(frame.x, area.x);
	frame.y = int_max(frame.y, area.y);
	return frame;
}

static int limit_size(int size, int min, int max)
{
	size = int_max(size, int_max(min, 1));
	return max > 0 ? int_min(size, int_max(max, int_max(min, 1))) : size;
}

struct wlr_box layout_resize(struct wlr_box start, enum tile edges, int dx, int dy, int min_width,
	int min_height, int max_width, int max_height)
{
	struct wlr_box box = start;

	if (edges & TILE_LEFT) {
		box.width = limit_size(start.width - dx, min_width, max_width);
		box.x = start.x + start.width - box.width;
	} else if (edges & TILE_RIGHT) {
		box.width = limit_size(start.width + dx, min_width, max_width);
	}
	if (edges & TILE_TOP) {
		box.height = limit_size(start.height - dy, min_height, max_height);
		box.y = start.y + start.height - box.height;
	} else if (edges & TILE_BOTTOM) {
		box.height = limit_size(start.height + dy, min_height, max_height);
	}
	return box;
}

int layout_neighbour(
	struct wlr_box from, enum tile toward, const struct wlr_box *boxes, size_t count)
{
	int from_x = from.x + from.width / 2, from_y = from.y + from.height / 2;
	int best = -1;
	int64_t best_cost = INT64_MAX;

	for (size_t i = 0; i < count; i++) {
		int64_t dx = boxes[i].x + boxes[i].width / 2 - from_x;
		int64_t dy = boxes[i].y + boxes[i].height / 2 - from_y;
		bool sideways = toward == TILE_LEFT || toward == TILE_RIGHT;
		int64_t ahead = sideways ? dx : dy, aside = sideways ? dy : dx;
		int64_t cost;

		if (toward == TILE_LEFT || toward == TILE_TOP) {
			ahead = -ahead;
		}
		if (ahead <= 0) {
			continue;
		}
		cost = ahead + 2 * llabs(aside);
		if (cost < best_cost) {
			best_cost = cost;
			best = (int)i;
		}
	}
	return best;
}
