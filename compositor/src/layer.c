/* SPDX-License-Identifier: MIT */
#include "layer.h"

#include <stdlib.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_xdg_shell.h>

#include "arrange.h"
#include "output.h"
#include "seat.h"

static struct wlr_scene_tree *scene_layer(
	struct server *server, enum zwlr_layer_shell_v1_layer layer)
{
	static const enum layer map[] = {
		[ZWLR_LAYER_SHELL_V1_LAYER_BACKGROUND] = LAYER_SHELL_BACKGROUND,
		[ZWLR_LAYER_SHELL_V1_LAYER_BOTTOM] = LAYER_SHELL_BOTTOM,
		[ZWLR_LAYER_SHELL_V1_LAYER_TOP] = LAYER_SHELL_TOP,
		[ZWLR_LAYER_SHELL_V1_LAYER_OVERLAY] = LAYER_SHELL_OVERLAY,
	};

	return server->layers[map[layer]];
}

void layer_place(struct layer_surface *ls, const struct wlr_box *full, struct wlr_box *usable)
{
	wlr_scene_layer_surface_v1_configure(ls->scene, full, usable);
	wlr_scene_node_set_position(
		&ls->popups->node, ls->scene->tree->node.x, ls->scene->tree->node.y);
}

struct layer_surface *layer_from_surface(struct server *server, struct wlr_surface *surface)
{
	struct wlr_surface *root = surface;
	struct layer_surface *ls;

	for (int depth = 0; root != NULL && depth < 32; depth++) {
		struct wlr_xdg_popup *popup;

		root = wlr_surface_get_root_surface(root);
		popup = wlr_xdg_popup_try_from_wlr_surface(root);
		if (popup == NULL) {
			break;
		}
		root = popup->parent;
	}
	wl_list_for_each(ls, &server->layer_surfaces, link)
	{
		if (root != NULL && ls->scene->layer_surface->surface == root) {
			return ls;
		}
	}
	return NULL;
}

struct layer_surface *layer_exclusive(struct server *server)
{
	struct layer_surface *ls, *best = NULL;

	wl_list_for_each(ls, &server->layer_surfaces, link)
	{
		struct wlr_layer_surface_v1_state *state = &ls->scene->layer_surface->current;

		if (ls->mapped &&
			state->keyboard_interactive ==
				ZWLR_LAYER_SURFACE_V1_KEYBOARD_INTERACTIVITY_EXCLUSIVE &&
			state->layer >= ZWLR_LAYER_SHELL_V1_LAYER_TOP &&
			(best == NULL ||
				state->layer >= best->scene->layer_surface->current.layer)) {
			best = ls;
		}
	}
	return best;
}

static void handle_map(struct wl_listener *listener, void *data)
{
	struct layer_surface *ls = wl_container_of(listener, ls, map);

	(void)data;
	ls->mapped = true;
	arrange_layers(ls->server);
	seat_refresh_focus(ls->server->seat);
	seat_scene_changed(ls->server->seat);
}

static void handle_unmap(struct wl_listener *listener, void *data)
{
	struct layer_surface *ls = wl_container_of(listener, ls, unmap);

	(void)data;
	ls->mapped = false;
	seat_forget_surface(ls->server->seat, ls->scene->layer_surface->surface);
	arrange_layers(ls->server);
	seat_scene_changed(ls->server->seat);
}

static void handle_commit(struct wl_listener *listener, void *data)
{
	struct layer_surface *ls = wl_container_of(listener, ls, commit);
	struct wlr_layer_surface_v1 *wlr = ls->scene->layer_surface;
	uint32_t committed = wlr->current.committed;

	(void)data;
	if (committed & WLR_LAYER_SURFACE_V1_STATE_LAYER) {
		wlr_scene_node_reparent(
			&ls->scene->tree->node, scene_layer(ls->server, wlr->current.layer));
	}
	if (wlr->initial_commit || committed != 0) {
		arrange_layers(ls->server);
		if (ls->mapped) {
			seat_refresh_focus(ls->server->seat);
			seat_scene_changed(ls->server->seat);
		}
	}
}

static void handle_new_popup(struct wl_listener *listener, void *data)
{
	struct layer_surface *ls = wl_container_of(listener, ls, new_popup);
	struct wlr_xdg_popup *popup = data;

	popup->base->data = wlr_scene_xdg_surface_create(ls->popups, popup->base);
}

static void handle_destroy(struct wl_listener *listener, void *data)
{
	struct layer_surface *ls = wl_container_of(listener, ls, destroy);

	(void)data;
	listener_remove(&ls->map);
	listener_remove(&ls->unmap);
	listener_remove(&ls->commit);
	listener_remove(&ls->new_popup);
	listener_remove(&ls->destroy);
	wl_list_remove(&ls->link);
	wlr_scene_node_destroy(&ls->popups->node);
	free(ls);
}

void layer_handle_new(struct wl_listener *listener, void *data)
{
	struct server *server = wl_container_of(listener, server, new_layer_surface);
	struct wlr_layer_surface_v1 *wlr = data;
	struct output *output =
		wlr->output != NULL ? output_from_wlr(server, wlr->output) : output_current(server);
	struct layer_surface *ls;

	if (output == NULL) {
		wlr_layer_surface_v1_destroy(wlr);
		return;
	}
	wlr->output = output->wlr_output;
	ls = mem_zalloc(sizeof(*ls));
	ls->server = server;
	ls->output = output;
	ls->scene = wlr_scene_layer_surface_v1_create(scene_layer(server, wlr->pending.layer), wlr);
	ls->popups = wlr_scene_tree_create(server->layers[LAYER_POPUPS]);
	ls->owner = (struct node_owner){NODE_LAYER, ls};
	node_set_owner(&ls->scene->tree->node, &ls->owner);
	node_set_owner(&ls->popups->node, &ls->owner);
	wl_list_insert(&server->layer_surfaces, &ls->link);
	listener_add(&wlr->surface->events.map, &ls->map, handle_map);
	listener_add(&wlr->surface->events.unmap, &ls->unmap, handle_unmap);
	listener_add(&wlr->surface->events.commit, &ls->commit, handle_commit);
	listener_add(&wlr->events.new_popup, &ls->new_popup, handle_new_popup);
	listener_add(&wlr->events.destroy, &ls->destroy, handle_destroy);
}
