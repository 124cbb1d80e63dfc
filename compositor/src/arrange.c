/* SPDX-License-Identifier: MIT */
#include "arrange.h"

#include "layer.h"
#include "output.h"
#include "view.h"

static void arrange_layer(struct output *output, enum zwlr_layer_shell_v1_layer layer,
	bool exclusive, struct wlr_box *usable)
{
	struct layer_surface *ls;

	wl_list_for_each(ls, &output->server->layer_surfaces, link)
	{
		struct wlr_layer_surface_v1 *wlr = ls->scene->layer_surface;

		if (ls->output == output && wlr->initialized && wlr->current.layer == layer &&
			(wlr->current.exclusive_zone > 0) == exclusive) {
			layer_place(ls, &output->box, usable);
		}
	}
}

static bool arrange_output(struct output *output)
{
	struct wlr_box usable = output->box, old = output->usable;

	/* Surfaces that reserve space come first, so that the others keep clear of them. */
	for (int exclusive = 1; exclusive >= 0; exclusive--) {
		for (int layer = ZWLR_LAYER_SHELL_V1_LAYER_OVERLAY;
			layer >= ZWLR_LAYER_SHELL_V1_LAYER_BACKGROUND; layer--) {
			arrange_layer(output, layer, exclusive, &usable);
		}
	}
	output->usable = usable;
	return !wlr_box_equal(&usable, &old);
}

void arrange_layers(struct server *server)
{
	struct output *output;
	bool changed = false;

	wl_list_for_each(output, &server->outputs, link)
	{
		changed |= arrange_output(output);
	}
	if (changed) {
		arrange_views(server);
	}
}

static void arrange_view(struct view *view)
{
	struct wlr_box frame, on;

	if (view->output == NULL) {
		view->output = output_current(view->server);
	}
	if (view->output == NULL) {
		return;
	}
	if (view_is_floating(view) && !view->waiting) {
		/* Only a window that is out of sight is moved. */
		frame = view_frame(view);
		if (wlr_box_intersection(&on, &frame, &view->output->usable) && on.width >= 40 &&
			frame.y >= view->output->usable.y) {
			return;
		}
		frame = layout_fit(frame, view->output->usable);
		view->natural = layout_remove_margins(frame, view_margins(view));
	}
	view_arrange(view);
}

void arrange_views(struct server *server)
{
	struct view *view;

	wl_list_for_each(view, &server->views, link)
	{
		arrange_view(view);
	}
}

void arrange_output_removed(struct server *server, struct output *output)
{
	struct layer_surface *ls, *next;
	struct view *view;

	wl_list_for_each_safe(ls, next, &server->layer_surfaces, link)
	{
		if (ls->output == output) {
			ls->output = NULL;
			wlr_layer_surface_v1_destroy(ls->scene->layer_surface);
		}
	}
	wl_list_for_each(view, &server->views, link)
	{
		if (view->output == output) {
			view->output =
				wl_list_empty(&server->outputs)
					? NULL
					: wl_container_of(server->outputs.next, output, link);
		}
	}
	/* The layout is told by wlroots after this, and then windows are arranged. */
}
