/* SPDX-License-Identifier: MIT */
/*
 * Pictures that the compositor draws itself: a canvas is a wlr_buffer with a cairo surface, drawn
 * once and then handed to a scene node. Text goes through pango. Sizes are logical; `scale` maps
 * them to pixels.
 */
#ifndef WEFT_CANVAS_H
#define WEFT_CANVAS_H

#include <cairo.h>
#include <stdint.h>
#include <wlr/types/wlr_buffer.h>
#include <wlr/types/wlr_scene.h>

struct canvas {
	struct wlr_buffer base;
	cairo_surface_t *surface;
	cairo_t *cairo; /* until canvas_show() */
	double scale;
};

/** A clear canvas; NULL when the size is not possible. */
struct canvas *canvas_create(int width, int height, double scale, bool opaque);
/** Ends the drawing and gives the buffer to the node, which then owns it. */
void canvas_show(struct canvas *canvas, struct wlr_scene_buffer *node, int width, int height);
void canvas_drop(struct canvas *canvas);

void canvas_colour(cairo_t *cairo, uint32_t rgba);
/** A path: a rectangle with corners of a radius, at the top only or all round. */
void canvas_rounded(cairo_t *cairo, double x, double y, double width, double height, double radius,
	bool bottom_too);

enum text_align {
	TEXT_LEFT,
	TEXT_CENTRE,
	TEXT_RIGHT,
};

/** Draws one line of text in a box, with an ellipsis when it is too long. */
void canvas_text(cairo_t *cairo, const char *font, uint32_t rgba, const char *text, double x,
	double y, double width, double height, enum text_align align, bool bold);
/** The size that a line of text takes. */
void canvas_measure(const char *font, const char *text, bool bold, int *width, int *height);

/** A colour as the scene wants it: four premultiplied floats. */
void canvas_colour_floats(uint32_t rgba, float out[static 4]);

#endif
