/* SPDX-License-Identifier: MIT */
#include "canvas.h"

#include <drm_fourcc.h>
#include <math.h>
#include <pango/pangocairo.h>
#include <stdlib.h>
#include <wlr/interfaces/wlr_buffer.h>

#include "common.h"

static void buffer_destroy(struct wlr_buffer *base)
{
	struct canvas *canvas = wl_container_of(base, canvas, base);

	if (canvas->cairo != NULL) {
		cairo_destroy(canvas->cairo);
	}
	cairo_surface_destroy(canvas->surface);
	free(canvas);
}

static bool buffer_begin(
	struct wlr_buffer *base, uint32_t flags, void **data, uint32_t *format, size_t *stride)
{
	struct canvas *canvas = wl_container_of(base, canvas, base);

	if (flags & WLR_BUFFER_DATA_PTR_ACCESS_WRITE) {
		return false;
	}
	*data = cairo_image_surface_get_data(canvas->surface);
	*stride = cairo_image_surface_get_stride(canvas->surface);
	*format = cairo_image_surface_get_format(canvas->surface) == CAIRO_FORMAT_RGB24
			  ? DRM_FORMAT_XRGB8888
			  : DRM_FORMAT_ARGB8888;
	return true;
}

static void buffer_end(struct wlr_buffer *base)
{
	(void)base;
}

static const struct wlr_buffer_impl buffer_impl = {
	.destroy = buffer_destroy,
	.begin_data_ptr_access = buffer_begin,
	.end_data_ptr_access = buffer_end,
};

struct canvas *canvas_create(int width, int height, double scale, bool opaque)
{
	int w = (int)ceil(width * scale), h = (int)ceil(height * scale);
	struct canvas *canvas;

	if (w < 1 || h < 1 || w > 16384 || h > 16384) {
		return NULL;
	}
	canvas = mem_zalloc(sizeof(*canvas));
	canvas->scale = scale;
	canvas->surface =
		cairo_image_surface_create(opaque ? CAIRO_FORMAT_RGB24 : CAIRO_FORMAT_ARGB32, w, h);
	if (cairo_surface_status(canvas->surface) != CAIRO_STATUS_SUCCESS) {
		cairo_surface_destroy(canvas->surface);
		free(canvas);
		return NULL;
	}
	canvas->cairo = cairo_create(canvas->surface);
	cairo_scale(canvas->cairo, scale, scale);
	wlr_buffer_init(&canvas->base, &buffer_impl, w, h);
	return canvas;
}

void canvas_show(struct canvas *canvas, struct wlr_scene_buffer *node, int width, int height)
{
	cairo_destroy(canvas->cairo);
	canvas->cairo = NULL;
	cairo_surface_flush(canvas->surface);
	wlr_scene_buffer_set_buffer(node, &canvas->base);
	wlr_scene_buffer_set_dest_size(node, width, height);
	wlr_buffer_drop(&canvas->base);
}

void canvas_drop(struct canvas *canvas)
{
	wlr_buffer_drop(&canvas->base);
}

void canvas_colour(cairo_t *cairo, uint32_t rgba)
{
	cairo_set_source_rgba(cairo, (rgba >> 24) / 255.0, (rgba >> 16 & 0xff) / 255.0,
		(rgba >> 8 & 0xff) / 255.0, (rgba & 0xff) / 255.0);
}

void canvas_colour_floats(uint32_t rgba, float out[static 4])
{
	float alpha = (float)(rgba & 0xff) / 255.0f;

	out[0] = (float)(rgba >> 24) / 255.0f * alpha;
	out[1] = (float)(rgba >> 16 & 0xff) / 255.0f * alpha;
	out[2] = (float)(rgba >> 8 & 0xff) / 255.0f * alpha;
	out[3] = alpha;
}

void canvas_rounded(cairo_t *cairo, double x, double y, double width, double height, double radius,
	bool bottom_too)
{
	cairo_new_sub_path(cairo);
	cairo_arc(cairo, x + radius, y + radius, radius, M_PI, 1.5 * M_PI);
	cairo_arc(cairo, x + width - radius, y + radius, radius, 1.5 * M_PI, 2 * M_PI);
	if (bottom_too) {
		cairo_arc(cairo, x + width - radius, y + height - radius, radius, 0, 0.5 * M_PI);
		cairo_arc(cairo, x + radius, y + height - radius, radius, 0.5 * M_PI, M_PI);
	} else {
		cairo_line_to(cairo, x + width, y + height);
		cairo_line_to(cairo, x, y + height);
	}
	cairo_close_path(cairo);
}

static PangoLayout *make_layout(cairo_t *cairo, const char *font, const char *text, bool bold)
{
	PangoLayout *layout = pango_cairo_create_layout(cairo);
	PangoFontDescription *desc = pango_font_description_from_string(font);

	if (bold) {
		pango_font_description_set_weight(desc, PANGO_WEIGHT_SEMIBOLD);
	}
	pango_layout_set_font_description(layout, desc);
	pango_font_description_free(desc);
	pango_layout_set_single_paragraph_mode(layout, TRUE);
	pango_layout_set_text(layout, text, -1);
	return layout;
}

void canvas_text(cairo_t *cairo, const char *font, uint32_t rgba, const char *text, double x,
	double y, double width, double height, enum text_align align, bool bold)
{
	static const PangoAlignment alignments[] = {
		[TEXT_LEFT] = PANGO_ALIGN_LEFT,
		[TEXT_CENTRE] = PANGO_ALIGN_CENTER,
		[TEXT_RIGHT] = PANGO_ALIGN_RIGHT,
	};
	PangoLayout *layout;
	int text_height;

	if (width < 1) {
		return;
	}
	layout = make_layout(cairo, font, text, bold);
	pango_layout_set_width(layout, (int)(width * PANGO_SCALE));
	pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
	pango_layout_set_alignment(layout, alignments[align]);
	pango_layout_get_pixel_size(layout, NULL, &text_height);
	canvas_colour(cairo, rgba);
	cairo_move_to(cairo, x, y + floor((height - text_height) / 2));
	pango_cairo_show_layout(cairo, layout);
	g_object_unref(layout);
}

void canvas_measure(const char *font, const char *text, bool bold, int *width, int *height)
{
	static cairo_surface_t *surface;
	cairo_t *cairo;
	PangoLayout *layout;

	if (surface == NULL) {
		surface = cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1);
	}
	cairo = cairo_create(surface);
	layout = make_layout(cairo, font, text, bold);
	pango_layout_get_pixel_size(layout, width, height);
	g_object_unref(layout);
	cairo_destroy(cairo);
}
