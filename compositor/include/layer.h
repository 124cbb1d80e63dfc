/* SPDX-License-Identifier: MIT */
/*
 * A layer surface: a panel, a launcher, a notification, a wallpaper. It belongs to one output and
 * may reserve part of it.
 */
#ifndef WEFT_LAYER_H
#define WEFT_LAYER_H

#include <wlr/types/wlr_layer_shell_v1.h>
#include <wlr/types/wlr_scene.h>

#include "node.h"
#include "server.h"

struct output;

struct layer_surface {
	struct wl_list link; /* server.layer_surfaces */
	struct server *server;
	struct output *output; /* NULL once the output is gone */
	struct wlr_scene_layer_surface_v1 *scene;
	/** Its popups, over everything but the on-screen displays. */
	struct wlr_scene_tree *popups;
	struct node_owner owner;
	bool mapped;
	struct wl_listener map, unmap, commit, new_popup, destroy;
};

void layer_handle_new(struct wl_listener *listener, void *data);
/** Configures and positions the surface; shrinks *usable if it reserves space. */
void layer_place(struct layer_surface *ls, const struct wlr_box *full, struct wlr_box *usable);
struct layer_surface *layer_from_surface(struct server *server, struct wlr_surface *surface);
/** The topmost mapped surface that asks for the keyboard exclusively; NULL. */
struct layer_surface *layer_exclusive(struct server *server);

#endif
