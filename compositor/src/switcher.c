/* SPDX-License-Identifier: MIT */
#include "switcher.h"

#include <stdlib.h>
#include <wlr/types/wlr_keyboard.h>

#include "canvas.h"
#include "output.h"
#include "seat.h"
#include "view.h"
#include "workspace.h"

#define ROW	34
#define WIDTH	460
#define PADDING 10

struct switcher {
	struct server *server;
	struct view **views;
	int count, selected;
	struct wlr_scene_tree *tree;
	struct wlr_scene_buffer *picture;
};

static uint32_t held_modifiers(struct server *server)
{
	struct wlr_keyboard *kb = wlr_seat_get_keyboard(server->seat->wlr);

	return kb != NULL ? wlr_keyboard_get_modifiers(kb) & (MOD_ALT | MOD_SUPER | MOD_CTRL) : 0;
}

static void draw_row(struct switcher *sw, cairo_t *c, int index)
{
	const struct config *config = sw->server->config;
	const uint32_t *col = config->colours;
	struct view *view = sw->views[index];
	double y = PADDING + index * ROW;
	bool selected = index == sw->selected;

	if (selected) {
		canvas_colour(c, (col[THEME_ACCENT] & ~0xffu) | 0x30);
		canvas_rounded(c, PADDING, y, WIDTH - 2 * PADDING, ROW, 6, true);
		cairo_fill(c);
	}
	canvas_colour(c, view->minimised ? col[THEME_BORDER_ACTIVE] : col[THEME_ACCENT]);
	cairo_arc(c, PADDING + 16, y + ROW / 2.0, 4, 0, 6.3);
	cairo_fill(c);
	canvas_text(c, config->font, col[THEME_PANEL_TEXT],
		*view->title != '\0' ? view->title : "(no title)", PADDING + 32, y,
		WIDTH - 2 * PADDING - 150, ROW, TEXT_LEFT, selected);
	canvas_text(c, config->font, col[THEME_PANEL_DIM], view->app_id, WIDTH - PADDING - 120, y,
		108, ROW, TEXT_RIGHT, false);
}

static void draw(struct switcher *sw)
{
	const uint32_t *col = sw->server->config->colours;
	int height = sw->count * ROW + 2 * PADDING;
	struct output *output = output_current(sw->server);
	struct canvas *canvas;
	cairo_t *c;

	if (output == NULL) {
		return;
	}
	canvas = canvas_create(WIDTH, height, output->wlr_output->scale, false);
	if (canvas == NULL) {
		return;
	}
	c = canvas->cairo;
	canvas_rounded(c, 0.5, 0.5, WIDTH - 1, height - 1, 12, true);
	canvas_colour(c, col[THEME_PANEL]);
	cairo_fill_preserve(c);
	canvas_colour(c, col[THEME_BORDER_ACTIVE]);
	cairo_set_line_width(c, 1);
	cairo_stroke(c);
	for (int i = 0; i < sw->count; i++) {
		draw_row(sw, c, i);
	}
	wlr_scene_node_set_position(&sw->tree->node,
		output->box.x + (output->box.width - WIDTH) / 2,
		output->box.y + (output->box.height - height) / 2);
	canvas_show(canvas, sw->picture, WIDTH, height);
}

void switcher_cancel(struct server *server)
{
	struct switcher *sw = server->switcher;

	if (sw == NULL) {
		return;
	}
	server->switcher = NULL;
	wlr_scene_node_destroy(&sw->tree->node);
	free(sw->views);
	free(sw);
	seat_scene_changed(server->seat);
}

static void choose(struct server *server)
{
	struct view *view = server->switcher->views[server->switcher->selected];

	switcher_cancel(server);
	seat_focus_view(server->seat, view, true);
}

/* Windows of this workspace that the list fits on the screen; minimised ones too. */
static bool open_switcher(struct server *server)
{
	struct switcher *sw;
	struct view *view;
	struct output *output = output_current(server);
	int room = output != NULL ? (output->box.height - 2 * PADDING) / ROW : 0;

	sw = mem_zalloc(sizeof(*sw));
	sw->server = server;
	sw->views =
		mem_zalloc((size_t)(wl_list_length(&server->views) + 1) * sizeof(struct view *));
	wl_list_for_each(view, &server->views, link)
	{
		if (sw->count < room &&
			(view->sticky || view->workspace == workspace_current(server))) {
			sw->views[sw->count++] = view;
		}
	}
	if (sw->count == 0) {
		free(sw->views);
		free(sw);
		return false;
	}
	sw->tree = wlr_scene_tree_create(server->layers[LAYER_OSD]);
	sw->picture = wlr_scene_buffer_create(sw->tree, NULL);
	/* With no window focused, the first one forward is the one to go to. */
	sw->selected = server->seat->focused == sw->views[0] ? 0 : -1;
	server->switcher = sw;
	return true;
}

void switcher_step(struct server *server, int direction)
{
	struct switcher *sw;

	if (server->switcher == NULL && !open_switcher(server)) {
		return;
	}
	sw = server->switcher;
	sw->selected = (sw->selected + direction + 2 * sw->count) % sw->count;
	if (held_modifiers(server) == 0) {
		choose(server);
		return;
	}
	draw(sw);
}

void switcher_forget_view(struct server *server, struct view *view)
{
	struct switcher *sw = server->switcher;

	for (int i = 0; sw != NULL && i < sw->count; i++) {
		if (sw->views[i] == view) {
			switcher_cancel(server);
			return;
		}
	}
}

void switcher_modifiers(struct server *server, uint32_t mods)
{
	if (server->switcher != NULL && (mods & (MOD_ALT | MOD_SUPER | MOD_CTRL)) == 0) {
		choose(server);
	}
}

bool switcher_key(struct server *server, xkb_keysym_t sym)
{
	if (server->switcher == NULL) {
		return false;
	}
	switch (sym) {
	case XKB_KEY_Escape:
		switcher_cancel(server);
		return true;
	case XKB_KEY_Up:
	case XKB_KEY_Left:
		switcher_step(server, -1);
		return true;
	case XKB_KEY_Down:
	case XKB_KEY_Right:
		switcher_step(server, 1);
		return true;
	default:
		return false;
	}
}
