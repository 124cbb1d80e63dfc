/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <wlr/util/box.h>

#include "layout.h"

static const struct wlr_box area = {0, 34, 1280, 766};

static void assert_box(struct wlr_box box, int x, int y, int width, int height)
{
	assert_int_equal(box.x, x);
	assert_int_equal(box.y, y);
	assert_int_equal(box.width, width);
	assert_int_equal(box.height, height);
}

static void margins_undo_each_other(void **state)
{
	struct margins m = {30, 1, 2, 3};
	struct wlr_box box = {100, 100, 400, 300};

	(void)state;
	assert_box(layout_add_margins(box, m), 97, 70, 404, 332);
	assert_box(layout_remove_margins(layout_add_margins(box, m), m), 100, 100, 400, 300);
	/* A frame too small for its decoration still has a pixel of content. */
	box = layout_remove_margins((struct wlr_box){0, 0, 2, 2}, m);
	assert_int_equal(box.width, 1);
	assert_int_equal(box.height, 1);
}

static void tiles_cover_the_area_without_overlap(void **state)
{
	(void)state;
	assert_box(layout_tile_box(area, TILE_ALL, 6), 0, 34, 1280, 766);
	assert_box(layout_tile_box(area, TILE_LEFT, 0), 0, 34, 640, 766);
	assert_box(layout_tile_box(area, TILE_RIGHT, 0), 640, 34, 640, 766);
	assert_box(layout_tile_box(area, TILE_TOP, 0), 0, 34, 1280, 383);
	assert_box(layout_tile_box(area, TILE_BOTTOM | TILE_RIGHT, 0), 640, 417, 640, 383);
	for (int gap = 0; gap <= 20; gap++) {
		struct wlr_box left = layout_tile_box(area, TILE_LEFT, gap);
		struct wlr_box right = layout_tile_box(area, TILE_RIGHT, gap);

		assert_int_equal(left.x, gap);
		assert_int_equal(left.x + left.width + gap, right.x);
		assert_int_equal(right.x + right.width + gap, area.width);
	}
}

static void tile_of_a_tiny_area_is_not_empty(void **state)
{
	struct wlr_box box = layout_tile_box((struct wlr_box){0, 0, 4, 4}, TILE_LEFT, 50);

	(void)state;
	assert_true(box.width >= 1 && box.height >= 1);
}

static void push_goes_round_as_described(void **state)
{
	static const struct {
		enum tile from, toward, to;
		bool minimise;
	} cases[] = {
		{TILE_NONE, TILE_LEFT, TILE_LEFT, false},
		{TILE_NONE, TILE_TOP, TILE_ALL, false},
		{TILE_NONE, TILE_BOTTOM, TILE_NONE, true},
		{TILE_ALL, TILE_BOTTOM, TILE_NONE, false},
		{TILE_ALL, TILE_TOP, TILE_ALL, false},
		{TILE_ALL, TILE_RIGHT, TILE_RIGHT, false},
		{TILE_LEFT, TILE_TOP, TILE_LEFT | TILE_TOP, false},
		{TILE_LEFT, TILE_RIGHT, TILE_NONE, false},
		{TILE_LEFT | TILE_TOP, TILE_BOTTOM, TILE_LEFT, false},
		{TILE_LEFT | TILE_TOP, TILE_TOP, TILE_TOP, false},
		{TILE_TOP, TILE_TOP, TILE_ALL, false},
		{TILE_LEFT, TILE_LEFT, TILE_LEFT, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool minimise = !cases[i].minimise;

		assert_int_equal(
			layout_push(cases[i].from, cases[i].toward, &minimise), cases[i].to);
		assert_int_equal(minimise, cases[i].minimise);
	}
}

static void drops_at_edges_and_corners(void **state)
{
	struct wlr_box screen = {0, 0, 1280, 800};

	(void)state;
	assert_int_equal(layout_drop_tile(screen, 640, 400, 8), TILE_NONE);
	assert_int_equal(layout_drop_tile(screen, 2, 400, 8), TILE_LEFT);
	assert_int_equal(layout_drop_tile(screen, 1278, 400, 8), TILE_RIGHT);
	assert_int_equal(layout_drop_tile(screen, 640, 1, 8), TILE_ALL);
	assert_int_equal(layout_drop_tile(screen, 640, 799, 8), TILE_NONE);
	assert_int_equal(layout_drop_tile(screen, 2, 20, 8), TILE_LEFT | TILE_TOP);
	assert_int_equal(layout_drop_tile(screen, 30, 1, 8), TILE_LEFT | TILE_TOP);
	assert_int_equal(layout_drop_tile(screen, 1270, 799, 8), TILE_RIGHT | TILE_BOTTOM);
	assert_int_equal(layout_drop_tile(screen, 640, 0, 0), TILE_NONE);
	assert_int_equal(layout_drop_tile(screen, -5, 400, 8), TILE_NONE);
}

static void moving_lines_up_edges(void **state)
{
	struct wlr_box other = {300, 200, 200, 200};
	struct wlr_box box;

	(void)state;
	/* The area's edge. */
	box = layout_snap_move((struct wlr_box){7, 300, 100, 100}, area, NULL, 0, 12);
	assert_int_equal(box.x, 0);
	/* The near edge of another window, and its aligned top. */
	box = layout_snap_move((struct wlr_box){193, 205, 100, 100}, area, &other, 1, 12);
	assert_box(box, 200, 200, 100, 100);
	/* Too far away in the other direction: no snapping to that window. */
	box = layout_snap_move((struct wlr_box){193, 600, 100, 100}, area, &other, 1, 12);
	assert_int_equal(box.x, 193);
	box = layout_snap_move((struct wlr_box){7, 300, 100, 100}, area, NULL, 0, 0);
	assert_int_equal(box.x, 7);
}

static void places_where_least_is_covered(void **state)
{
	struct wlr_box frame = {0, 0, 500, 400}, others[2], box;

	(void)state;
	box = layout_place(frame, area, NULL, 0);
	assert_box(box, 390, 217, 500, 400);
	/* The left half is taken: the new window goes right of it. */
	others[0] = (struct wlr_box){0, 34, 640, 766};
	box = layout_place(frame, area, others, 1);
	assert_true(box.x >= 640);
	/* Everything is taken: it stays on the screen all the same. */
	others[1] = (struct wlr_box){0, 34, 1280, 766};
	box = layout_place(frame, area, others, 2);
	assert_true(box.x >= area.x && box.y >= area.y);
	assert_true(box.x + box.width <= 1280 && box.y + box.height <= 800);
	/* Larger than the area: its title stays in sight. */
	box = layout_place((struct wlr_box){0, 0, 3000, 2000}, area, NULL, 0);
	assert_int_equal(box.x, area.x);
	assert_int_equal(box.y, area.y);
}

static void resize_keeps_the_far_edge(void **state)
{
	struct wlr_box start = {100, 100, 400, 300}, box;

	(void)state;
	box = layout_resize(start, TILE_LEFT | TILE_TOP, 50, 20, 60, 30, 0, 0);
	assert_box(box, 150, 120, 350, 280);
	/* At the smallest size the far corner still stays. */
	box = layout_resize(start, TILE_LEFT | TILE_TOP, 1000, 1000, 60, 30, 0, 0);
	assert_box(box, 440, 370, 60, 30);
	box = layout_resize(start, TILE_RIGHT | TILE_BOTTOM, 1000, 1000, 60, 30, 500, 350);
	assert_box(box, 100, 100, 500, 350);
	/* A maximum below the minimum is the client's mistake; the minimum counts. */
	box = layout_resize(start, TILE_RIGHT, 10, 0, 200, 30, 100, 0);
	assert_int_equal(box.width, 200);
}

static void neighbours_by_direction(void **state)
{
	struct wlr_box from = {500, 300, 100, 100};
	struct wlr_box boxes[] = {{100, 300, 100, 100}, {300, 310, 100, 100}, {900, 300, 100, 100},
		{500, 0, 100, 100}};

	(void)state;
	assert_int_equal(layout_neighbour(from, TILE_LEFT, boxes, 4), 1);
	assert_int_equal(layout_neighbour(from, TILE_RIGHT, boxes, 4), 2);
	assert_int_equal(layout_neighbour(from, TILE_TOP, boxes, 4), 3);
	assert_int_equal(layout_neighbour(from, TILE_BOTTOM, boxes, 1), -1);
	assert_int_equal(layout_neighbour(from, TILE_LEFT, NULL, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(margins_undo_each_other),
		cmocka_unit_test(tiles_cover_the_area_without_overlap),
		cmocka_unit_test(tile_of_a_tiny_area_is_not_empty),
		cmocka_unit_test(push_goes_round_as_described),
		cmocka_unit_test(drops_at_edges_and_corners),
		cmocka_unit_test(moving_lines_up_edges),
		cmocka_unit_test(places_where_least_is_covered),
		cmocka_unit_test(resize_keeps_the_far_edge),
		cmocka_unit_test(neighbours_by_direction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
