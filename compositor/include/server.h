/* SPDX-License-Identifier: MIT */
/*
 * The compositor's root object. Everything runs on one thread, in callbacks of one event loop;
 * no object here is locked. Parts keep their own state in their own structs and are reached from
 * here; the globals that need no code of ours beyond creating them live in protocols.c.
 */
#ifndef WEFT_SERVER_H
#define WEFT_SERVER_H

#include <wayland-server-core.h>
#include <wlr/types/wlr_scene.h>

#include "common.h"
#include "config.h"

/** Scene layers from the bottom up. */
enum layer {
	LAYER_WALLPAPER,
	LAYER_SHELL_BACKGROUND,
	LAYER_SHELL_BOTTOM,
	LAYER_WINDOWS,
	LAYER_ABOVE,
	LAYER_SHELL_TOP,
	LAYER_FULLSCREEN,
	LAYER_SHELL_OVERLAY,
	LAYER_POPUPS,
	LAYER_OSD,
	LAYER_LOCK,
	LAYER_DRAG,
	LAYER_COUNT,
};

struct server {
	struct wl_display *display;
	struct wl_event_loop *loop;
	struct wlr_backend *backend;
	struct wlr_session *session; /* NULL when nested or headless */
	struct wlr_renderer *renderer;
	struct wlr_allocator *allocator;
	struct wlr_compositor *compositor;
	struct wlr_scene *scene;
	struct wlr_scene_output_layout *scene_layout;
	struct wlr_scene_tree *layers[LAYER_COUNT];
	struct wlr_output_layout *output_layout;
	struct wlr_xdg_shell *xdg_shell;
	struct wlr_layer_shell_v1 *layer_shell;
	struct wlr_drm_lease_v1_manager *drm_lease;
	const char *socket;
	const char *startup_command; /* from the command line; NULL */
	char *config_path;	     /* NULL: the built-in configuration */
	bool config_given;	     /* the path came from the command line */
	struct config *config;

	struct wl_list outputs; /* output.link */
	/** All mapped windows, the most recently focused first. */
	struct wl_list views;	       /* view.link */
	struct wl_list layer_surfaces; /* layer_surface.link */

	struct seat *seat;
	struct workspaces *workspaces;
	struct protocols *protocols;
	struct session_lock *lock;
	struct idle *idle;
	struct spawner *spawner;
	struct ipc *ipc;
	struct xwayland *xwayland;
	struct menu *menu;
	struct switcher *switcher;
	struct help *help;
	struct notice *notice;
	struct config_watch *config_watch;

	struct wl_listener new_output;
	struct wl_listener new_input;
	struct wl_listener layout_change;
	struct wl_listener renderer_lost;
	struct wl_listener new_toplevel;
	struct wl_listener new_popup;
	struct wl_listener new_layer_surface;
	struct wl_event_source *signals[4];
	struct wl_event_source *first_frame_idle; /* set once, not to be removed */
	bool started;
	int exit_status;
};

struct server_options {
	const char *config_path;
	const char *startup_command;
	const char *socket;
};

/** Returns 0, or a negative errno after logging what failed. */
int server_create(const struct server_options *options, struct server **out);
/** Starts the backend, runs until server_quit(), returns the exit status. */
int server_run(struct server *server);
void server_quit(struct server *server, int status);
/** Accepts NULL. */
void server_destroy(struct server *server);

/** Reads the configuration again and applies it; on errors the old one stays and is reported. */
void server_reload(struct server *server);

/** Connects the protocols that need no code but their creation, and the small handlers. */
struct protocols *protocols_create(struct server *server);
void protocols_destroy(struct protocols *protocols);

/* renderer.c: makes the renderer and allocator, and makes them anew when the GPU is lost. */
int renderer_init(struct server *server);
void renderer_finish(struct server *server);

#endif
