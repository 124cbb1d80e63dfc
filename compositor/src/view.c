/* SPDX-License-Identifier: MIT */
#include "view.h"

#include <stdlib.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_subcompositor.h>
#include <wlr/types/wlr_xdg_shell.h>

#include "decoration.h"
#include "foreign.h"
#include "ipc.h"
#include "menu.h"
#include "output.h"
#include "seat.h"
#include "switcher.h"
#include "workspace.h"

void view_init(struct view *view, struct server *server, const struct view_impl *impl)
{
	static unsigned next_id = 1;

	view->server = server;
	view->impl = impl;
	view->id = next_id++;
	view->title = mem_strdup("");
	view->app_id = mem_strdup("");
	view->workspace = workspace_current(server);
	view->tree = wlr_scene_tree_create(server->layers[LAYER_WINDOWS]);
	view->owner = (struct node_owner){NODE_VIEW, view};
	node_set_owner(&view->tree->node, &view->owner);
	wlr_scene_node_set_enabled(&view->tree->node, false);
	wl_list_init(&view->link);
}

void view_finish(struct view *view)
{
	seat_forget_view(view->server->seat, view);
	decoration_destroy(view->decoration);
	wlr_scene_node_destroy(&view->tree->node);
	free(view->title);
	free(view->app_id);
}

struct margins view_margins(struct view *view)
{
	if (!view->decorated || view->fullscreen) {
		return (struct margins){0};
	}
	return decoration_margins(view->tile == TILE_ALL);
}

struct wlr_box view_frame(struct view *view)
{
	return layout_add_margins(view->box, view_margins(view));
}

bool view_visible(struct view *view)
{
	return view->mapped && !view->minimised && !view->shown_desktop &&
	       (view->sticky || view->workspace == workspace_current(view->server));
}

bool view_is_floating(struct view *view)
{
	return view->tile == TILE_NONE && !view->fullscreen;
}

static struct output *view_usable_output(struct view *view)
{
	if (view->output == NULL) {
		view->output = output_current(view->server);
	}
	return view->output;
}

/* Takes over a content box: the client is there already, or its commit just arrived. */
static void take_box(struct view *view, struct wlr_box box)
{
	struct output *output;

	view->box = box;
	wlr_scene_node_set_position(&view->tree->node, box.x, box.y);
	if (view_is_floating(view) && view->mapped) {
		view->natural = box;
		output = output_at(view->server, box.x + box.width / 2.0, box.y + box.height / 2.0);
		if (output != NULL) {
			view->output = output;
		}
	}
	if (view->backdrop != NULL && view->output != NULL) {
		struct wlr_box screen = view->output->box;

		wlr_scene_node_set_position(
			&view->backdrop->node, screen.x - box.x, screen.y - box.y);
		wlr_scene_rect_set_size(view->backdrop, screen.width, screen.height);
	}
	decoration_update(view->decoration);
	if (view->mapped) {
		foreign_update_output(view);
		seat_scene_changed(view->server->seat);
	}
}

static void configure(struct view *view, struct wlr_box box)
{
	view->pending = box;
	if (box.width == view->box.width && box.height == view->box.height && !view->waiting) {
		view->impl->configure(view, box);
		take_box(view, box);
		return;
	}
	view->serial = view->impl->configure(view, box);
	view->waiting = view->serial != 0;
	if (!view->waiting) {
		take_box(view, box);
	}
}

/* Where a window of a size other than asked for goes: the edges that do not move stay. */
static struct wlr_box anchored(struct view *view, int width, int height)
{
	struct wlr_box box = view->pending;

	if (view->resize_edges & TILE_LEFT || (view->tile != TILE_ALL && view->tile & TILE_RIGHT)) {
		box.x += box.width - width;
	}
	if (view->resize_edges & TILE_TOP) {
		box.y += box.height - height;
	}
	if (view->fullscreen && view->output != NULL) {
		/* A client that is smaller than the screen sits in its middle. */
		box.x = view->output->box.x + (view->output->box.width - width) / 2;
		box.y = view->output->box.y + (view->output->box.height - height) / 2;
	}
	box.width = width;
	box.height = height;
	return box;
}

void view_committed(struct view *view, int width, int height, uint32_t serial)
{
	bool done = view->waiting && (int32_t)(serial - view->serial) >= 0;

	if (done) {
		view->waiting = false;
	} else if (width == view->box.width && height == view->box.height) {
		return;
	}
	if (done || !view->waiting) {
		take_box(view, anchored(view, width, height));
		view->pending = view->box;
	} else {
		/* An older size on the way: anchor it, so that the far edge stays in place. */
		take_box(view, anchored(view, width, height));
	}
}

void view_arrange(struct view *view)
{
	struct output *output = view_usable_output(view);
	struct wlr_box box = view->natural;

	if (!view->mapped || output == NULL) {
		return;
	}
	if (view->fullscreen) {
		box = output->box;
	} else if (view->tile != TILE_NONE) {
		box = layout_tile_box(output->usable, view->tile, view->server->config->gap);
		box = layout_remove_margins(box, view_margins(view));
	}
	configure(view, box);
}

void view_set_box(struct view *view, struct wlr_box box)
{
	if (!view_is_floating(view)) {
		return;
	}
	box.width = int_max(1, box.width);
	box.height = int_max(1, box.height);
	configure(view, box);
}

static void state_changed(struct view *view)
{
	view->impl->send_state(view);
	foreign_update_state(view);
	view_update_visibility(view);
	view_arrange(view);
	decoration_update(view->decoration);
	ipc_notify(view->server, IPC_WINDOWS);
}

void view_set_tile(struct view *view, enum tile tile, struct output *output)
{
	if (output != NULL) {
		view->output = output;
	}
	view->tile = tile;
	state_changed(view);
}

static void update_backdrop(struct view *view)
{
	static const float black[4] = {0, 0, 0, 1};

	if (view->fullscreen && view->backdrop == NULL) {
		view->backdrop = wlr_scene_rect_create(view->tree, 0, 0, black);
		wlr_scene_node_lower_to_bottom(&view->backdrop->node);
	} else if (!view->fullscreen && view->backdrop != NULL) {
		wlr_scene_node_destroy(&view->backdrop->node);
		view->backdrop = NULL;
	}
}

void view_set_fullscreen(struct view *view, bool fullscreen, struct output *output)
{
	if (output != NULL) {
		view->output = output;
	}
	view->fullscreen = fullscreen;
	update_backdrop(view);
	state_changed(view);
}

void view_set_minimised(struct view *view, bool minimised)
{
	if (view->minimised == minimised) {
		return;
	}
	view->minimised = minimised;
	state_changed(view);
	if (minimised) {
		seat_view_hidden(view->server->seat, view);
	}
}

void view_set_above(struct view *view, bool above)
{
	view->above = above;
	state_changed(view);
	view_raise(view);
}

void view_set_sticky(struct view *view, bool sticky)
{
	view->sticky = sticky;
	view->workspace = workspace_current(view->server);
	state_changed(view);
}

void view_set_decorated(struct view *view, bool decorated)
{
	if (view->decorated == decorated && (view->decoration != NULL) == decorated) {
		return;
	}
	view->decorated = decorated;
	if (decorated) {
		view->decoration = decoration_create(view);
	} else {
		decoration_destroy(view->decoration);
		view->decoration = NULL;
	}
	view_arrange(view);
}

void view_set_workspace(struct view *view, int workspace)
{
	if (view->workspace == workspace) {
		return;
	}
	view->workspace = workspace;
	state_changed(view);
	if (!view_visible(view)) {
		seat_view_hidden(view->server->seat, view);
	}
	ipc_notify(view->server, IPC_WORKSPACES);
}

/* Moves a window to another output at the same relative place. */
void view_set_output(struct view *view, struct output *output)
{
	struct output *old = view->output;
	struct wlr_box frame;

	if (old == output) {
		return;
	}
	if (old != NULL) {
		view->natural.x += output->usable.x - old->usable.x;
		view->natural.y += output->usable.y - old->usable.y;
	}
	frame = layout_fit(layout_add_margins(view->natural, view_margins(view)), output->usable);
	view->natural = layout_remove_margins(frame, view_margins(view));
	view->output = output;
	view_arrange(view);
}

void view_set_title(struct view *view, const char *title)
{
	mem_replace(&view->title, title != NULL ? title : "");
	decoration_update(view->decoration);
	foreign_update_names(view);
	ipc_notify(view->server, IPC_WINDOWS);
}

void view_set_app_id(struct view *view, const char *app_id)
{
	mem_replace(&view->app_id, app_id != NULL ? app_id : "");
	foreign_update_names(view);
	ipc_notify(view->server, IPC_WINDOWS);
}

void view_set_urgent(struct view *view, bool urgent)
{
	if (view->urgent == urgent) {
		return;
	}
	view->urgent = urgent;
	decoration_update(view->decoration);
	ipc_notify(view->server, IPC_WORKSPACES);
}

void view_set_activated(struct view *view, bool activated)
{
	if (view->activated == activated) {
		return;
	}
	view->activated = activated;
	view->impl->set_activated(view, activated);
	decoration_update(view->decoration);
	foreign_update_state(view);
	if (activated) {
		view_set_urgent(view, false);
	}
	ipc_notify(view->server, IPC_WINDOWS);
}

void view_centre(struct view *view)
{
	struct output *output = view_usable_output(view);
	struct wlr_box frame;

	if (!view_is_floating(view) || output == NULL) {
		return;
	}
	frame = layout_place(view_frame(view), output->usable, NULL, 0);
	view_set_box(view, layout_remove_margins(frame, view_margins(view)));
}

/* The layer that a view belongs in; a fullscreen window is over panels only while it is on top. */
static struct wlr_scene_tree *view_layer(struct view *view)
{
	struct wlr_scene_tree **layers = view->server->layers;

	if (view->fullscreen) {
		return layers[LAYER_FULLSCREEN];
	}
	return layers[view->above ? LAYER_ABOVE : LAYER_WINDOWS];
}

/* Fullscreen windows that another window comes over go below the panels. */
static void lower_fullscreen(struct view *except)
{
	struct view *view;

	wl_list_for_each(view, &except->server->views, link)
	{
		if (view != except && view->fullscreen && view->output == except->output &&
			view->tree->node.parent == view->server->layers[LAYER_FULLSCREEN]) {
			wlr_scene_node_reparent(
				&view->tree->node, view->server->layers[LAYER_WINDOWS]);
		}
	}
}

static bool is_child_of(struct view *view, struct view *parent)
{
	for (int depth = 0; view != NULL && depth < 16; depth++) {
		view = view->impl->parent(view);
		if (view == parent) {
			return true;
		}
	}
	return false;
}

void view_raise(struct view *view)
{
	struct view *child;

	lower_fullscreen(view);
	if (view->tree->node.parent != view_layer(view)) {
		wlr_scene_node_reparent(&view->tree->node, view_layer(view));
	}
	wlr_scene_node_raise_to_top(&view->tree->node);
	/* Dialogs stay over their window. */
	wl_list_for_each_reverse(child, &view->server->views, link)
	{
		if (child != view && is_child_of(child, view)) {
			wlr_scene_node_reparent(&child->tree->node, view->tree->node.parent);
			wlr_scene_node_raise_to_top(&child->tree->node);
		}
	}
	seat_scene_changed(view->server->seat);
}

void view_lower(struct view *view)
{
	if (view->fullscreen) {
		wlr_scene_node_reparent(&view->tree->node, view->server->layers[LAYER_WINDOWS]);
	}
	wlr_scene_node_lower_to_bottom(&view->tree->node);
	wl_list_remove(&view->link);
	wl_list_insert(view->server->views.prev, &view->link);
	seat_scene_changed(view->server->seat);
}

void view_close(struct view *view)
{
	view->impl->close(view);
}

void view_update_visibility(struct view *view)
{
	struct wlr_scene_tree *layer = view_layer(view);
	bool on_top = view->tree->node.parent == layer;

	if (!on_top && !(view->fullscreen && !view->activated)) {
		wlr_scene_node_reparent(&view->tree->node, layer);
	}
	wlr_scene_node_set_enabled(&view->tree->node, view_visible(view));
	if (view->mapped) {
		view->impl->send_state(view);
	}
	seat_scene_changed(view->server->seat);
}

/* Chooses where a new window goes: over its parent, or where the least is covered. */
static void place_new(struct view *view, int width, int height)
{
	struct view *parent = view->impl->parent(view);
	struct output *output;
	struct wlr_box frame, *others;
	size_t count;

	if (parent != NULL && parent->output != NULL) {
		view->output = parent->output;
		view->workspace = parent->workspace;
	}
	output = view_usable_output(view);
	frame = layout_add_margins((struct wlr_box){0, 0, width, height}, view_margins(view));
	if (output == NULL) {
		view->natural = layout_remove_margins(frame, view_margins(view));
		return;
	}
	if (view->tile != TILE_NONE || view->fullscreen) {
		/* It starts as large as the screen; what it returns to is ours to choose. */
		frame.width = output->usable.width * 7 / 10;
		frame.height = output->usable.height * 7 / 10;
	}
	if (parent != NULL) {
		frame.x = parent->box.x + (parent->box.width - frame.width) / 2;
		frame.y = parent->box.y + (parent->box.height - frame.height) / 2;
		frame = layout_fit(frame, output->usable);
	} else {
		count = view_other_frames(view, &others);
		frame = layout_place(frame, output->usable, others, count);
		free(others);
	}
	view->natural = layout_remove_margins(frame, view_margins(view));
}

void view_map(struct view *view, int width, int height)
{
	view->mapped = true;
	wl_list_insert(&view->server->views, &view->link);
	place_new(view, width, height);
	view->waiting = false;
	view->box = view->pending = view->natural;
	if (view->decorated && view->decoration == NULL) {
		view->decoration = decoration_create(view);
	}
	foreign_create(view);
	rules_apply(view);
	update_backdrop(view);
	state_changed(view);
	if (view_is_floating(view)) {
		take_box(view, view->natural);
	}
	if (view_visible(view)) {
		seat_focus_view(view->server->seat, view, true);
	}
	ipc_notify(view->server, IPC_WORKSPACES);
}

void view_unmap(struct view *view)
{
	view->mapped = false;
	wl_list_remove(&view->link);
	wl_list_init(&view->link);
	foreign_destroy(view);
	menu_forget_view(view->server, view);
	switcher_forget_view(view->server, view);
	wlr_scene_node_set_enabled(&view->tree->node, false);
	seat_view_hidden(view->server->seat, view);
	seat_forget_view(view->server->seat, view);
	/* If it is mapped again it starts as a new window. */
	view->fullscreen = view->minimised = view->urgent = view->activated = false;
	view->shown_desktop = false;
	view->tile = TILE_NONE;
	view->waiting = false;
	update_backdrop(view);
	ipc_notify(view->server, IPC_WORKSPACES);
}

struct view *view_from_surface(struct server *server, struct wlr_surface *surface)
{
	struct wlr_surface *root = surface;
	struct view *view;

	for (int depth = 0; root != NULL && depth < 32; depth++) {
		struct wlr_xdg_popup *popup;

		root = wlr_surface_get_root_surface(root);
		popup = wlr_xdg_popup_try_from_wlr_surface(root);
		if (popup == NULL) {
			break;
		}
		root = popup->parent;
	}
	wl_list_for_each(view, &server->views, link)
	{
		if (root != NULL && view->surface == root) {
			return view;
		}
	}
	return NULL;
}

size_t view_other_frames(struct view *view, struct wlr_box **out)
{
	struct wlr_box *boxes =
		mem_zalloc((wl_list_length(&view->server->views) + 1) * sizeof(*boxes));
	struct view *other;
	size_t count = 0;

	wl_list_for_each(other, &view->server->views, link)
	{
		if (other != view && view_visible(other) && other->output == view->output) {
			boxes[count++] = view_frame(other);
		}
	}
	*out = boxes;
	return count;
}

struct view *view_topmost(struct server *server, struct view *except)
{
	struct view *view;

	wl_list_for_each(view, &server->views, link)
	{
		if (view != except && view_visible(view)) {
			return view;
		}
	}
	return NULL;
}
