/* SPDX-License-Identifier: MIT */
/*
 * An output: one screen. It draws the scene when the backend asks for a frame, keeps the area
 * that panels leave free, and follows the configuration file, output-management clients and
 * power-management clients.
 */
#ifndef WEFT_OUTPUT_H
#define WEFT_OUTPUT_H

#include <wlr/types/wlr_output.h>

#include "server.h"

struct output {
	struct wl_list link; /* server.outputs */
	struct server *server;
	struct wlr_output *wlr_output;
	struct wlr_scene_output *scene_output;
	/** In layout coordinates; all of the output, and what panels leave. */
	struct wlr_box box, usable;
	/** Off for power saving: still in the layout, unlike an output that is disabled. */
	bool power_off;
	bool gamma_dirty;
	bool framed;
	unsigned refused; /* frames in a row that the backend did not take */
	struct wl_event_source *retry;
	struct wallpaper *wallpaper;
	struct wl_listener frame;
	struct wl_listener request_state;
	struct wl_listener destroy;
};

struct output_manager;

void output_handle_new(struct server *server, struct wlr_output *wlr_output);
void output_handle_layout_change(struct server *server);

/** The output at a point of the layout, or the nearest; NULL only when there is none. */
struct output *output_at(struct server *server, double lx, double ly);
/** The output under the pointer. */
struct output *output_current(struct server *server);
struct output *output_from_wlr(struct server *server, struct wlr_output *wlr_output);
/** The next output in a list order, by name, or in a direction; NULL if there is none. */
struct output *output_find(struct server *server, struct output *from, const char *name);

/** Commits a state and updates the layout and the clients that watch outputs. */
bool output_commit(struct output *output, const struct wlr_output_state *state);
void output_set_power(struct output *output, bool on);
/** Applies the configuration file's directives to one output. */
void output_apply_config(struct output *output);

/* output_management.c */
void output_management_create(struct server *server);
void output_management_update(struct server *server);

#endif
