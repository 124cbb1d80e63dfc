/* SPDX-License-Identifier: MIT */
#include "decoration.h"

#include <math.h>
#include <stdlib.h>

#include "canvas.h"
#include "node.h"
#include "output.h"
#include "shadow.h"
#include "view.h"

#define RADIUS	     8
#define BUTTON	     30
#define BUTTON_COUNT 3
#define PADDING	     12

struct decoration {
	struct view *view;
	struct node_owner owner;
	struct wlr_scene_tree *tree; /* below the content */
	struct wlr_scene_buffer *title;
	struct wlr_scene_rect *border[3]; /* left, right, bottom */
	struct wlr_scene_rect *grips;	  /* clear, takes input around the frame */
	struct shadow *shadow;
	enum decoration_part hover;
	bool pressed;
	/* What the title bar was last drawn for. */
	struct {
		int width;
		double scale;
		bool active, maximised, urgent, flat, pressed;
		enum decoration_part hover;
		char *text;
	} drawn;
};

struct margins decoration_margins(bool maximised)
{
	int border = maximised ? 0 : DECORATION_BORDER;

	return (struct margins){DECORATION_TITLE, border, border, border};
}

static const uint32_t *colours(struct decoration *d)
{
	return d->view->server->config->colours;
}

/* The finest scale of any output, so that text is sharp everywhere. */
static double drawing_scale(struct server *server)
{
	struct output *output;
	double scale = 1;

	wl_list_for_each(output, &server->outputs, link)
	{
		scale = fmax(scale, output->wlr_output->scale);
	}
	return scale;
}

static const enum decoration_part buttons[BUTTON_COUNT] = {
	PART_MINIMISE,
	PART_MAXIMISE,
	PART_CLOSE,
};

static int button_x(int width, int index)
{
	return width - BUTTON * (BUTTON_COUNT - index) - 4;
}

static void draw_glyph(cairo_t *c, enum decoration_part part, bool maximised, double x, double y)
{
	cairo_set_line_width(c, 1.3);
	cairo_set_line_cap(c, CAIRO_LINE_CAP_ROUND);
	switch (part) {
	case PART_MINIMISE:
		cairo_move_to(c, x - 4.5, y + 0.5);
		cairo_line_to(c, x + 4.5, y + 0.5);
		break;
	case PART_MAXIMISE:
		if (maximised) {
			cairo_rectangle(c, x - 4.5, y - 2.5, 7, 7);
			cairo_move_to(c, x - 2, y - 4.5);
			cairo_line_to(c, x + 4.5, y - 4.5);
			cairo_line_to(c, x + 4.5, y + 2);
		} else {
			canvas_rounded(c, x - 4.5, y - 4.5, 9, 9, 1.5, true);
		}
		break;
	default:
		cairo_move_to(c, x - 4, y - 4);
		cairo_line_to(c, x + 4, y + 4);
		cairo_move_to(c, x + 4, y - 4);
		cairo_line_to(c, x - 4, y + 4);
		break;
	}
	cairo_stroke(c);
}

static void draw_button(struct decoration *d, cairo_t *c, int width, int index)
{
	enum decoration_part part = buttons[index];
	const uint32_t *col = colours(d);
	bool active = d->view->activated, hover = d->hover == part;
	double x = button_x(width, index) + BUTTON / 2.0, y = DECORATION_TITLE / 2.0;

	if (hover) {
		uint32_t back = part == PART_CLOSE ? col[THEME_CLOSE] : col[THEME_TEXT_ACTIVE];

		canvas_colour(c, part == PART_CLOSE ? back : (back & ~0xffu) | 0x28);
		cairo_arc(c, x, y, d->pressed ? 9.5 : 11, 0, 2 * M_PI);
		cairo_fill(c);
	}
	canvas_colour(c, hover && part == PART_CLOSE ? col[THEME_TITLE_ACTIVE]
			 : active || hover	     ? col[THEME_TEXT_ACTIVE]
						     : col[THEME_TEXT_INACTIVE]);
	draw_glyph(c, part, d->view->tile == TILE_ALL, x, y);
}

static void draw_title(struct decoration *d, int width, double scale, bool flat)
{
	struct view *view = d->view;
	const uint32_t *col = colours(d);
	bool active = view->activated;
	struct canvas *canvas = canvas_create(width, DECORATION_TITLE, scale, flat);
	double left = 4 + BUTTON, right;
	cairo_t *c;

	if (canvas == NULL) {
		return;
	}
	c = canvas->cairo;
	if (flat) {
		cairo_rectangle(c, 0, 0, width, DECORATION_TITLE);
	} else {
		canvas_rounded(c, 0, 0, width, DECORATION_TITLE, RADIUS, false);
	}
	canvas_colour(c, col[active ? THEME_BORDER_ACTIVE : THEME_BORDER_INACTIVE]);
	cairo_fill(c);
	if (flat) {
		cairo_rectangle(c, 0, 0, width, DECORATION_TITLE);
	} else {
		canvas_rounded(c, 1, 1, width - 2, DECORATION_TITLE - 1, RADIUS - 1, false);
	}
	canvas_colour(c, col[active ? THEME_TITLE_ACTIVE : THEME_TITLE_INACTIVE]);
	cairo_fill(c);
	/* The mark at the left opens the window's menu and carries the accent of the focus. */
	canvas_colour(c, view->urgent ? col[THEME_URGENT]
			 : active     ? col[THEME_ACCENT]
				      : col[THEME_BORDER_ACTIVE]);
	cairo_arc(c, 4 + BUTTON / 2.0, DECORATION_TITLE / 2.0, d->hover == PART_MENU ? 5.5 : 4, 0,
		2 * M_PI);
	cairo_fill(c);
	right = button_x(width, 0) - 4;
	if (right - left > 24) {
		/* Centred over the window as long as it clears the buttons. */
		double side = fmax(left, width - right);
		int text_width, text_height;

		canvas_measure(
			view->server->config->font, view->title, active, &text_width, &text_height);
		if (text_width < width - 2 * side) {
			left = side;
			right = width - side;
		}
		canvas_text(c, view->server->config->font,
			col[active ? THEME_TEXT_ACTIVE : THEME_TEXT_INACTIVE], view->title, left, 0,
			right - left, DECORATION_TITLE, TEXT_CENTRE, active);
	}
	for (int i = 0; i < BUTTON_COUNT; i++) {
		draw_button(d, c, width, i);
	}
	canvas_show(canvas, d->title, width, DECORATION_TITLE);
}

static void update_title(struct decoration *d, int width)
{
	struct view *view = d->view;
	double scale = drawing_scale(view->server);
	bool flat = view->tile == TILE_ALL;

	if (d->drawn.text != NULL && d->drawn.width == width && d->drawn.scale == scale &&
		d->drawn.active == view->activated && d->drawn.urgent == view->urgent &&
		d->drawn.flat == flat && d->drawn.hover == d->hover &&
		d->drawn.pressed == d->pressed && strcmp(d->drawn.text, view->title) == 0) {
		return;
	}
	d->drawn.width = width;
	d->drawn.scale = scale;
	d->drawn.active = view->activated;
	d->drawn.urgent = view->urgent;
	d->drawn.flat = flat;
	d->drawn.hover = d->hover;
	d->drawn.pressed = d->pressed;
	mem_replace(&d->drawn.text, view->title);
	draw_title(d, width, scale, flat);
}

static void set_rect(struct wlr_scene_rect *rect, int x, int y, int width, int height)
{
	wlr_scene_node_set_position(&rect->node, x, y);
	wlr_scene_rect_set_size(rect, int_max(width, 0), int_max(height, 0));
}

void decoration_update(struct decoration *d)
{
	struct margins m;
	struct wlr_box frame;
	float colour[4];
	struct view *view;

	if (d == NULL) {
		return;
	}
	view = d->view;
	wlr_scene_node_set_enabled(&d->tree->node, !view->fullscreen);
	if (view->fullscreen || !view->mapped) {
		return;
	}
	m = view_margins(view);
	frame = layout_add_margins((struct wlr_box){0, 0, view->box.width, view->box.height}, m);
	wlr_scene_node_set_position(&d->title->node, frame.x, frame.y);
	update_title(d, frame.width);
	canvas_colour_floats(
		colours(d)[view->activated ? THEME_BORDER_ACTIVE : THEME_BORDER_INACTIVE], colour);
	set_rect(d->border[0], frame.x, 0, m.left, view->box.height);
	set_rect(d->border[1], view->box.width, 0, m.right, view->box.height);
	set_rect(d->border[2], frame.x, view->box.height, frame.width, m.bottom);
	for (int i = 0; i < 3; i++) {
		wlr_scene_rect_set_color(d->border[i], colour);
	}
	wlr_scene_node_set_enabled(&d->grips->node, view->tile != TILE_ALL);
	set_rect(d->grips, frame.x - DECORATION_GRIP, frame.y - DECORATION_GRIP,
		frame.width + 2 * DECORATION_GRIP, frame.height + 2 * DECORATION_GRIP);
	shadow_update(d->shadow, frame, view->activated,
		view->server->config->shadow && view->tile == TILE_NONE);
}

void decoration_redraw(struct decoration *d)
{
	if (d != NULL) {
		free(d->drawn.text);
		d->drawn.text = NULL;
		decoration_update(d);
	}
}

struct decoration *decoration_create(struct view *view)
{
	static const float clear[4] = {0, 0, 0, 0};
	struct decoration *d = mem_zalloc(sizeof(*d));

	d->view = view;
	d->tree = wlr_scene_tree_create(view->tree);
	d->owner = (struct node_owner){NODE_DECORATION, view};
	node_set_owner(&d->tree->node, &d->owner);
	wlr_scene_node_lower_to_bottom(&d->tree->node);
	d->shadow = shadow_create(d->tree);
	d->grips = wlr_scene_rect_create(d->tree, 0, 0, clear);
	for (int i = 0; i < 3; i++) {
		d->border[i] = wlr_scene_rect_create(d->tree, 0, 0, clear);
	}
	d->title = wlr_scene_buffer_create(d->tree, NULL);
	decoration_update(d);
	return d;
}

void decoration_destroy(struct decoration *d)
{
	if (d == NULL) {
		return;
	}
	shadow_destroy(d->shadow);
	wlr_scene_node_destroy(&d->tree->node);
	free(d->drawn.text);
	free(d);
}

/* The edges whose grip holds a point relative to the frame; near corners both edges count. */
static enum tile grip_edges(struct wlr_box frame, double x, double y)
{
	const double corner = 16;
	enum tile edges = TILE_NONE;
	bool outside = x < frame.x + 1 || x >= frame.x + frame.width - 1 || y < frame.y + 3 ||
		       y >= frame.y + frame.height - 1;

	if (!outside) {
		return TILE_NONE;
	}
	edges |= x < frame.x + corner ? TILE_LEFT : 0;
	edges |= x >= frame.x + frame.width - corner ? TILE_RIGHT : 0;
	edges |= y < frame.y + corner ? TILE_TOP : 0;
	edges |= y >= frame.y + frame.height - corner ? TILE_BOTTOM : 0;
	if ((edges & (TILE_LEFT | TILE_RIGHT)) == (TILE_LEFT | TILE_RIGHT)) {
		edges &= ~TILE_LEFT;
	}
	if ((edges & (TILE_TOP | TILE_BOTTOM)) == (TILE_TOP | TILE_BOTTOM)) {
		edges &= ~TILE_TOP;
	}
	return edges;
}

enum decoration_part decoration_part_at(
	struct decoration *d, double lx, double ly, enum tile *edges)
{
	struct wlr_box frame;
	double x, y;

	*edges = TILE_NONE;
	if (d == NULL) {
		return PART_NONE;
	}
	frame = view_frame(d->view);
	if (d->view->tile != TILE_ALL) {
		*edges = grip_edges(frame, lx, ly);
		if (*edges != TILE_NONE) {
			return PART_EDGE;
		}
	}
	x = lx - frame.x;
	y = ly - frame.y;
	if (y < 0 || y >= DECORATION_TITLE || x < 0 || x >= frame.width) {
		return PART_NONE;
	}
	for (int i = 0; i < BUTTON_COUNT; i++) {
		int bx = button_x(frame.width, i);

		if (x >= bx && x < bx + BUTTON) {
			return buttons[i];
		}
	}
	return x < 4 + BUTTON ? PART_MENU : PART_TITLE;
}

void decoration_set_hover(struct decoration *d, enum decoration_part part, bool pressed)
{
	if (d == NULL || (d->hover == part && d->pressed == pressed)) {
		return;
	}
	d->hover = part;
	d->pressed = pressed;
	decoration_update(d);
}
