/* SPDX-License-Identifier: MIT */
/*
 * A view is one application window. Its scene tree's origin is the top left of the client's
 * content; the decoration hangs around it. `box` is the content as it is on the screen, `pending`
 * what the client was last asked to become; they differ only until the client has acknowledged
 * `serial` and committed, and position and size change together at that commit.
 *
 * A view is floating, tiled (edges in `tile`, all four when maximised) or fullscreen; `natural` is
 * the floating box that the others return to.
 */
#ifndef WEFT_VIEW_H
#define WEFT_VIEW_H

#include "layout.h"
#include "node.h"
#include "server.h"

struct output;
struct view;

/** What differs between kinds of windows. */
struct view_impl {
	/** Asks for a content box; returns the serial to wait for, 0 if it took effect already. */
	uint32_t (*configure)(struct view *view, struct wlr_box box);
	void (*set_activated)(struct view *view, bool activated);
	void (*set_resizing)(struct view *view, bool resizing);
	/** Tells the client about tile, fullscreen and suspended. */
	void (*send_state)(struct view *view);
	void (*close)(struct view *view);
	void (*size_limits)(struct view *view, struct wlr_box *min, struct wlr_box *max);
	void (*destroy_popups)(struct view *view);
	struct view *(*parent)(struct view *view);
};

struct view {
	struct wl_list link; /* server.views, while mapped */
	struct server *server;
	const struct view_impl *impl;
	struct wlr_surface *surface;
	char *title, *app_id; /* never NULL once created */
	unsigned id;
	pid_t pid;

	struct wlr_scene_tree *tree;
	struct wlr_scene_tree *content;
	struct wlr_scene_rect *backdrop; /* black, behind a fullscreen window; NULL */
	struct node_owner owner;
	struct decoration *decoration; /* NULL: none drawn */
	bool decorated;		       /* server-side decoration is agreed */

	struct wlr_box box, pending, natural;
	bool waiting;
	uint32_t serial;
	enum tile resize_edges; /* edges that move in the resize under way */

	int workspace; /* from 0 */
	struct output *output;
	enum tile tile;
	bool mapped, fullscreen, minimised, above, sticky, urgent, activated, shown_desktop;

	struct foreign_toplevel *foreign;
};

void view_init(struct view *view, struct server *server, const struct view_impl *impl);
/** Frees what view_init() made; the view must be unmapped. */
void view_finish(struct view *view);

/** First shows the view: `box` holds the size that it chose. */
void view_map(struct view *view, int width, int height);
void view_unmap(struct view *view);
/** The client committed: `geometry` is its content box, `serial` the last it acknowledged. */
void view_committed(struct view *view, int width, int height, uint32_t serial);

struct margins view_margins(struct view *view);
struct wlr_box view_frame(struct view *view);
/** Whether its workspace is shown and it is not minimised. */
bool view_visible(struct view *view);
bool view_is_floating(struct view *view);

/** Asks for a new floating content box; leaves tiled and fullscreen alone. */
void view_set_box(struct view *view, struct wlr_box box);
void view_set_tile(struct view *view, enum tile tile, struct output *output);
void view_set_fullscreen(struct view *view, bool fullscreen, struct output *output);
void view_set_minimised(struct view *view, bool minimised);
void view_set_above(struct view *view, bool above);
void view_set_sticky(struct view *view, bool sticky);
void view_set_decorated(struct view *view, bool decorated);
void view_set_workspace(struct view *view, int workspace);
void view_set_output(struct view *view, struct output *output);
void view_set_title(struct view *view, const char *title);
void view_set_app_id(struct view *view, const char *app_id);
void view_set_urgent(struct view *view, bool urgent);
void view_set_activated(struct view *view, bool activated);
void view_centre(struct view *view);
void view_raise(struct view *view);
void view_lower(struct view *view);
void view_close(struct view *view);
/** Computes the box from the state and the output's usable area, and asks for it. */
void view_arrange(struct view *view);
/** Enables the scene tree according to workspace and state, and puts it in the right layer. */
void view_update_visibility(struct view *view);

/** The view that a surface belongs to, through subsurfaces and popups; NULL. */
struct view *view_from_surface(struct server *server, struct wlr_surface *surface);
/** The frames of the other visible windows on the view's output; the caller frees *out. */
size_t view_other_frames(struct view *view, struct wlr_box **out);
/** The most recently focused visible view other than `except`; NULL. */
struct view *view_topmost(struct server *server, struct view *except);

/* xdg.c */
void xdg_handle_new_toplevel(struct wl_listener *listener, void *data);
void xdg_handle_new_popup(struct wl_listener *listener, void *data);

/* rules.c: runs the actions of the rules that match a view about to be shown. */
void rules_apply(struct view *view);

#endif
