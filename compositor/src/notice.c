/* SPDX-License-Identifier: MIT */
#include "notice.h"

#include <stdlib.h>

#include "canvas.h"
#include "node.h"
#include "output.h"
#include "seat.h"

#define ROW	  22
#define PADDING	  14
#define LINES_MAX 8

struct notice {
	struct wlr_scene_tree *tree;
	struct node_owner owner;
};

void notice_close(struct server *server)
{
	if (server->notice != NULL) {
		wlr_scene_node_destroy(&server->notice->tree->node);
		free(server->notice);
		server->notice = NULL;
	}
}

void notice_show(struct server *server, const char *title, const char *const *lines, int count)
{
	struct output *output = output_current(server);
	const struct config *config = server->config;
	int shown = int_min(count, LINES_MAX), width, height, w, h;
	struct wlr_scene_buffer *picture;
	struct canvas *canvas;

	notice_close(server);
	if (output == NULL) {
		return;
	}
	canvas_measure(config->font, title, true, &width, &h);
	for (int i = 0; i < shown; i++) {
		canvas_measure(config->font, lines[i], false, &w, &h);
		width = int_max(width, w);
	}
	width = int_min(width + 2 * PADDING + 12, output->usable.width - 40);
	height = (shown + 1) * ROW + 2 * PADDING;
	canvas = canvas_create(width, height, output->wlr_output->scale, false);
	if (canvas == NULL) {
		return;
	}
	server->notice = mem_zalloc(sizeof(*server->notice));
	server->notice->tree = wlr_scene_tree_create(server->layers[LAYER_OSD]);
	server->notice->owner = (struct node_owner){NODE_OSD, server->notice};
	node_set_owner(&server->notice->tree->node, &server->notice->owner);
	wlr_scene_node_set_position(&server->notice->tree->node,
		output->usable.x + (output->usable.width - width) / 2, output->usable.y + 12);
	canvas_rounded(canvas->cairo, 0.5, 0.5, width - 1, height - 1, 9, true);
	canvas_colour(canvas->cairo, config->colours[THEME_PANEL]);
	cairo_fill_preserve(canvas->cairo);
	canvas_colour(canvas->cairo, config->colours[THEME_URGENT]);
	cairo_set_line_width(canvas->cairo, 1);
	cairo_stroke(canvas->cairo);
	canvas_text(canvas->cairo, config->font, config->colours[THEME_URGENT], title, PADDING,
		PADDING, width - 2 * PADDING, ROW, TEXT_LEFT, true);
	for (int i = 0; i < shown; i++) {
		canvas_text(canvas->cairo, config->font, config->colours[THEME_PANEL_TEXT],
			lines[i], PADDING, PADDING + (i + 1) * ROW, width - 2 * PADDING, ROW,
			TEXT_LEFT, false);
	}
	picture = wlr_scene_buffer_create(server->notice->tree, NULL);
	canvas_show(canvas, picture, width, height);
}
