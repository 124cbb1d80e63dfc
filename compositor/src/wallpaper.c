/* SPDX-License-Identifier: MIT */
#include "wallpaper.h"

#include <math.h>
#include <stdlib.h>
#include <wlr/util/log.h>

#include "canvas.h"
#include "output.h"

struct wallpaper {
	struct wlr_scene_tree *tree;
	int width, height;
	double scale;
	bool valid;
};

static void add_stop(cairo_pattern_t *pattern, double at, uint32_t rgba, double alpha)
{
	cairo_pattern_add_color_stop_rgba(pattern, at, (rgba >> 24) / 255.0,
		(rgba >> 16 & 0xff) / 255.0, (rgba >> 8 & 0xff) / 255.0, alpha);
}

/* A band of threads that waves across the picture; its lower side fades out. */
static void draw_band(cairo_t *c, double w, double h, double level, double swing, double phase,
	uint32_t colour, double alpha)
{
	cairo_pattern_t *fade = cairo_pattern_create_linear(0, h * level - swing, 0, h);
	const int steps = 24;

	add_stop(fade, 0, colour, alpha);
	add_stop(fade, 1, colour, 0);
	cairo_move_to(c, 0, h);
	for (int i = 0; i <= steps; i++) {
		double x = w * i / steps;

		cairo_line_to(c, x, h * level + swing * sin(phase + 5.2 * i / steps));
	}
	cairo_line_to(c, w, h);
	cairo_close_path(c);
	cairo_set_source(c, fade);
	cairo_fill(c);
	cairo_pattern_destroy(fade);
}

/* Fine lines that follow the bands, like warp threads. */
static void draw_threads(cairo_t *c, double w, double h, uint32_t colour)
{
	cairo_set_line_width(c, 1);
	for (int t = 0; t < 14; t++) {
		double level = 0.46 + 0.028 * t, phase = 0.5 + 0.16 * t;

		for (int i = 0; i <= 48; i++) {
			double x = w * i / 48;
			double y = h * level + h * 0.075 * sin(phase + 5.2 * i / 48);

			if (i == 0) {
				cairo_move_to(c, x, y);
			} else {
				cairo_line_to(c, x, y);
			}
		}
		cairo_set_source_rgba(c, (colour >> 24) / 255.0, (colour >> 16 & 0xff) / 255.0,
			(colour >> 8 & 0xff) / 255.0, 0.05 + 0.012 * t);
		cairo_stroke(c);
	}
}

static void draw_woven(cairo_t *c, double w, double h, const uint32_t *colours)
{
	cairo_pattern_t *sky = cairo_pattern_create_linear(0, 0, w * 0.25, h);
	uint32_t top = colours[THEME_WALL_TOP], bottom = colours[THEME_WALL_BOTTOM];

	add_stop(sky, 0, top, 1);
	add_stop(sky, 1, bottom, 1);
	cairo_set_source(c, sky);
	cairo_paint(c);
	cairo_pattern_destroy(sky);
	draw_band(c, w, h, 0.50, h * 0.08, 0.4, colours[THEME_ACCENT], 0.16);
	draw_band(c, w, h, 0.64, h * 0.07, 2.1, top, 0.55);
	draw_band(c, w, h, 0.78, h * 0.06, 3.9, colours[THEME_ACCENT], 0.18);
	draw_threads(c, w, h, colours[THEME_ACCENT]);
}

/* Scales the picture so that it covers the output, and centres it. */
static bool draw_image(cairo_t *c, const char *path, double w, double h)
{
	cairo_surface_t *image = cairo_image_surface_create_from_png(path);
	cairo_status_t status = cairo_surface_status(image);
	double iw, ih, zoom;

	if (status != CAIRO_STATUS_SUCCESS) {
		wlr_log(WLR_ERROR, "wallpaper %s: %s", path, cairo_status_to_string(status));
		cairo_surface_destroy(image);
		return false;
	}
	iw = cairo_image_surface_get_width(image);
	ih = cairo_image_surface_get_height(image);
	zoom = fmax(w / iw, h / ih);
	cairo_save(c);
	cairo_translate(c, (w - iw * zoom) / 2, (h - ih * zoom) / 2);
	cairo_scale(c, zoom, zoom);
	cairo_set_source_surface(c, image, 0, 0);
	cairo_pattern_set_filter(cairo_get_source(c), CAIRO_FILTER_GOOD);
	cairo_paint(c);
	cairo_restore(c);
	cairo_surface_destroy(image);
	return true;
}

/* One colour needs no picture, and a picture of one pixel would be blurred when it is scaled. */
static void draw_plain(struct wallpaper *wp, uint32_t rgba)
{
	float colour[4];

	canvas_colour_floats(rgba, colour);
	wlr_scene_rect_create(wp->tree, wp->width, wp->height, colour);
}

static void draw(struct wallpaper *wp, const struct config *config)
{
	int w = wp->width, h = wp->height;
	struct wlr_scene_node *old, *next;
	struct canvas *canvas;

	wl_list_for_each_safe(old, next, &wp->tree->children, link)
	{
		wlr_scene_node_destroy(old);
	}
	if (config->wallpaper == WALLPAPER_COLOUR) {
		draw_plain(wp, config->wallpaper_colour);
		return;
	}
	canvas = canvas_create(w, h, wp->scale, true);
	if (canvas == NULL) {
		return;
	}
	if (config->wallpaper != WALLPAPER_IMAGE ||
		!draw_image(canvas->cairo, config->wallpaper_path, w, h)) {
		draw_woven(canvas->cairo, w, h, config->colours);
	}
	canvas_show(canvas, wlr_scene_buffer_create(wp->tree, NULL), w, h);
}

void wallpaper_update(struct output *output)
{
	struct wallpaper *wp = output->wallpaper;
	struct server *server = output->server;
	double scale = output->wlr_output->scale;

	if (server->config->wallpaper == WALLPAPER_NONE || output->box.width < 1) {
		wallpaper_destroy(wp);
		output->wallpaper = NULL;
		return;
	}
	if (wp == NULL) {
		wp = output->wallpaper = mem_zalloc(sizeof(*wp));
		wp->tree = wlr_scene_tree_create(server->layers[LAYER_WALLPAPER]);
	}
	wlr_scene_node_set_position(&wp->tree->node, output->box.x, output->box.y);
	if (wp->valid && wp->width == output->box.width && wp->height == output->box.height &&
		wp->scale == scale) {
		return;
	}
	wp->width = output->box.width;
	wp->height = output->box.height;
	wp->scale = scale;
	wp->valid = true;
	draw(wp, server->config);
}

void wallpaper_invalidate(struct wallpaper *wallpaper)
{
	if (wallpaper != NULL) {
		wallpaper->valid = false;
	}
}

void wallpaper_destroy(struct wallpaper *wallpaper)
{
	if (wallpaper != NULL) {
		wlr_scene_node_destroy(&wallpaper->tree->node);
		free(wallpaper);
	}
}
