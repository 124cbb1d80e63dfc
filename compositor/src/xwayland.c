/* SPDX-License-Identifier: MIT */
#include "xwayland.h"

#include <stdlib.h>
#include <unistd.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_xcursor_manager.h>
#include <wlr/util/log.h>
#include <wlr/xwayland.h>
#include <wlr/xwayland/server.h>

#include "cursor.h"
#include "foreign.h"
#include "output.h"
#include "seat.h"
#include "view.h"
#include "workspace.h"

struct xwayland {
	struct server *server;
	struct wlr_xwayland *wlr;
	struct wl_listener ready, new_surface;
};

/* Any window of X: a view, or an override-redirect one that has only a place. */
struct x_window {
	struct view base;
	struct wlr_xwayland_surface *xs;
	struct server *server;
	bool is_view;		      /* else override-redirect */
	struct wlr_scene_tree *loose; /* an override-redirect window on the screen; NULL */
	struct wl_listener associate, dissociate, map, unmap, destroy;
	struct wl_listener request_configure, request_move, request_resize, request_minimize;
	struct wl_listener request_maximize, request_fullscreen, request_activate;
	struct wl_listener set_title, set_class, set_parent, set_geometry, set_decorations;
	struct wl_listener set_override_redirect;
};

static struct wlr_xwayland_surface *x_surface(struct view *view)
{
	return ((struct x_window *)view)->xs;
}

/* X knows no acknowledgement: the new box takes effect at once. */
static uint32_t impl_configure(struct view *view, struct wlr_box box)
{
	wlr_xwayland_surface_configure(x_surface(view), (int16_t)box.x, (int16_t)box.y,
		(uint16_t)box.width, (uint16_t)box.height);
	return 0;
}

static void impl_set_activated(struct view *view, bool activated)
{
	struct wlr_xwayland_surface *xs = x_surface(view);

	wlr_xwayland_surface_activate(xs, activated);
	if (activated) {
		wlr_xwayland_surface_set_minimized(xs, false);
		wlr_xwayland_surface_restack(xs, NULL, XCB_STACK_MODE_ABOVE);
	}
}

static void impl_set_resizing(struct view *view, bool resizing)
{
	(void)view;
	(void)resizing;
}

static void impl_send_state(struct view *view)
{
	struct wlr_xwayland_surface *xs = x_surface(view);

	wlr_xwayland_surface_set_maximized(xs, view->tile == TILE_ALL);
	wlr_xwayland_surface_set_fullscreen(xs, view->fullscreen);
	wlr_xwayland_surface_set_minimized(xs, view->minimised);
}

static void impl_close(struct view *view)
{
	wlr_xwayland_surface_close(x_surface(view));
}

static void impl_size_limits(struct view *view, struct wlr_box *min, struct wlr_box *max)
{
	xcb_size_hints_t *hints = x_surface(view)->size_hints;

	*min = (struct wlr_box){0, 0, 60, 30};
	*max = (struct wlr_box){0};
	if (hints == NULL) {
		return;
	}
	if (hints->flags & XCB_ICCCM_SIZE_HINT_P_MIN_SIZE) {
		min->width = int_max(min->width, hints->min_width);
		min->height = int_max(min->height, hints->min_height);
	}
	if (hints->flags & XCB_ICCCM_SIZE_HINT_P_MAX_SIZE) {
		max->width = int_max(0, hints->max_width);
		max->height = int_max(0, hints->max_height);
	}
}

static void impl_destroy_popups(struct view *view)
{
	(void)view;
}

static struct view *impl_parent(struct view *view)
{
	struct wlr_xwayland_surface *parent = x_surface(view)->parent;
	struct x_window *window = parent != NULL ? parent->data : NULL;

	return window != NULL && window->is_view && window->base.mapped ? &window->base : NULL;
}

static const struct view_impl x_impl = {
	.configure = impl_configure,
	.set_activated = impl_set_activated,
	.set_resizing = impl_set_resizing,
	.send_state = impl_send_state,
	.close = impl_close,
	.size_limits = impl_size_limits,
	.destroy_popups = impl_destroy_popups,
	.parent = impl_parent,
};

static void map_loose(struct x_window *w)
{
	w->loose = wlr_scene_tree_create(w->server->layers[LAYER_POPUPS]);
	wlr_scene_subsurface_tree_create(w->loose, w->xs->surface);
	wlr_scene_node_set_position(&w->loose->node, w->xs->x, w->xs->y);
	seat_scene_changed(w->server->seat);
}

static void handle_map(struct wl_listener *listener, void *data)
{
	struct x_window *w = wl_container_of(listener, w, map);
	struct wlr_xwayland_surface *xs = w->xs;

	(void)data;
	if (!w->is_view) {
		map_loose(w);
		return;
	}
	w->base.surface = xs->surface;
	w->base.content = wlr_scene_subsurface_tree_create(w->base.tree, xs->surface);
	w->base.pid = xs->pid;
	w->base.decorated = xs->decorations == WLR_XWAYLAND_SURFACE_DECORATIONS_ALL;
	w->base.fullscreen = xs->fullscreen;
	w->base.tile = xs->maximized_horz && xs->maximized_vert ? TILE_ALL : TILE_NONE;
	view_set_title(&w->base, xs->title);
	view_set_app_id(&w->base, xs->class);
	view_map(&w->base, xs->width, xs->height);
}

static void unmap(struct x_window *w)
{
	if (w->loose != NULL) {
		wlr_scene_node_destroy(&w->loose->node);
		w->loose = NULL;
		seat_scene_changed(w->server->seat);
	}
	if (w->is_view && w->base.mapped) {
		view_unmap(&w->base);
		wlr_scene_node_destroy(&w->base.content->node);
		w->base.content = NULL;
		w->base.surface = NULL;
	}
}

static void handle_unmap(struct wl_listener *listener, void *data)
{
	struct x_window *w = wl_container_of(listener, w, unmap);

	(void)data;
	unmap(w);
}

static void handle_associate(struct wl_listener *listener, void *data)
{
	struct x_window *w = wl_container_of(listener, w, associate);

	(void)data;
	listener_add(&w->xs->surface->events.map, &w->map, handle_map);
	listener_add(&w->xs->surface->events.unmap, &w->unmap, handle_unmap);
	/*
	 * Which surface is a window's comes over another connection than the surface's picture, which
	 * may be here already. wlroots 0.18 would wait for the next picture, which a program that
	 * stands still never draws.
	 */
	if (wlr_surface_has_buffer(w->xs->surface)) {
		wlr_surface_map(w->xs->surface);
	}
}

static void handle_dissociate(struct wl_listener *listener, void *data)
{
	struct x_window *w = wl_container_of(listener, w, dissociate);

	(void)data;
	unmap(w);
	listener_remove(&w->map);
	listener_remove(&w->unmap);
}

static void handle_request_configure(struct wl_listener *listener, void *data)
{
	struct x_window *w = wl_container_of(listener, w, request_configure);
	struct wlr_xwayland_surface_configure_event *e = data;

	if (!w->is_view || !w->base.mapped) {
		wlr_xwayland_surface_configure(w->xs, e->x, e->y, e->width, e->height);
		return;
	}
	if (view_is_floating(&w->base)) {
		view_set_box(&w->base, (struct wlr_box){e->x, e->y, e->width, e->height});
	} else {
		/* The answer that X clients wait for: the size that it has. */
		impl_configure(&w->base, w->base.box);
	}
}

static void handle_set_geometry(struct wl_listener *listener, void *data)
{
	struct x_window *w = wl_container_of(listener, w, set_geometry);

	(void)data;
	if (w->loose != NULL) {
		wlr_scene_node_set_position(&w->loose->node, w->xs->x, w->xs->y);
	}
}

static void handle_request_move(struct wl_listener *listener, void *data)
{
	struct x_window *w = wl_container_of(listener, w, request_move);

	(void)data;
	if (w->base.mapped && w->server->seat->wlr->pointer_state.button_count > 0) {
		cursor_begin_move(w->server->seat->cursor, &w->base);
	}
}

static void handle_request_resize(struct wl_listener *listener, void *data)
{
	struct x_window *w = wl_container_of(listener, w, request_resize);
	struct wlr_xwayland_resize_event *e = data;

	if (w->base.mapped && w->server->seat->wlr->pointer_state.button_count > 0) {
		cursor_begin_resize(w->server->seat->cursor, &w->base, (enum tile)e->edges);
	}
}

static void handle_request_minimize(struct wl_listener *listener, void *data)
{
	struct x_window *w = wl_container_of(listener, w, request_minimize);
	struct wlr_xwayland_minimize_event *e = data;

	if (w->base.mapped) {
		view_set_minimised(&w->base, e->minimize);
	}
}

static void handle_request_maximize(struct wl_listener *listener, void *data)
{
	struct x_window *w = wl_container_of(listener, w, request_maximize);
	bool maximise = w->xs->maximized_horz && w->xs->maximized_vert;

	(void)data;
	if (w->base.mapped) {
		view_set_tile(&w->base, maximise ? TILE_ALL : TILE_NONE, NULL);
	}
}

static void handle_request_fullscreen(struct wl_listener *listener, void *data)
{
	struct x_window *w = wl_container_of(listener, w, request_fullscreen);

	(void)data;
	if (w->base.mapped) {
		view_set_fullscreen(&w->base, w->xs->fullscreen, NULL);
	}
}

static void handle_request_activate(struct wl_listener *listener, void *data)
{
	struct x_window *w = wl_container_of(listener, w, request_activate);

	(void)data;
	if (w->is_view && w->base.mapped) {
		view_set_urgent(&w->base, !w->base.activated);
	}
}

static void handle_set_title(struct wl_listener *listener, void *data)
{
	struct x_window *w = wl_container_of(listener, w, set_title);

	(void)data;
	if (w->is_view) {
		view_set_title(&w->base, w->xs->title);
	}
}

static void handle_set_class(struct wl_listener *listener, void *data)
{
	struct x_window *w = wl_container_of(listener, w, set_class);

	(void)data;
	if (w->is_view) {
		view_set_app_id(&w->base, w->xs->class);
	}
}

static void handle_set_parent(struct wl_listener *listener, void *data)
{
	struct x_window *w = wl_container_of(listener, w, set_parent);

	(void)data;
	if (w->is_view) {
		foreign_update_parent(&w->base);
	}
}

static void handle_set_decorations(struct wl_listener *listener, void *data)
{
	struct x_window *w = wl_container_of(listener, w, set_decorations);

	(void)data;
	if (w->is_view && w->base.mapped) {
		view_set_decorated(
			&w->base, w->xs->decorations == WLR_XWAYLAND_SURFACE_DECORATIONS_ALL);
	}
}

static void make_view(struct x_window *w)
{
	view_init(&w->base, w->server, &x_impl);
	w->is_view = true;
}

/* A window may change its mind before it is mapped again. */
static void handle_set_override_redirect(struct wl_listener *listener, void *data)
{
	struct x_window *w = wl_container_of(listener, w, set_override_redirect);
	bool shown = w->loose != NULL || (w->is_view && w->base.mapped);

	(void)data;
	if (w->is_view != w->xs->override_redirect) {
		return;
	}
	unmap(w);
	if (w->is_view) {
		view_finish(&w->base);
		w->is_view = false;
	} else {
		make_view(w);
	}
	if (shown && w->xs->surface != NULL && w->xs->surface->mapped) {
		handle_map(&w->map, NULL);
	}
}

static void handle_destroy(struct wl_listener *listener, void *data)
{
	struct x_window *w = wl_container_of(listener, w, destroy);
	struct wl_listener *listeners[] = {&w->associate, &w->dissociate, &w->map, &w->unmap,
		&w->destroy, &w->request_configure, &w->request_move, &w->request_resize,
		&w->request_minimize, &w->request_maximize, &w->request_fullscreen,
		&w->request_activate, &w->set_title, &w->set_class, &w->set_parent,
		&w->set_geometry, &w->set_decorations, &w->set_override_redirect};

	(void)data;
	unmap(w);
	for (size_t i = 0; i < ARRAY_LEN(listeners); i++) {
		listener_remove(listeners[i]);
	}
	if (w->is_view) {
		view_finish(&w->base);
	}
	w->xs->data = NULL;
	free(w);
}

static void connect_requests(struct x_window *w)
{
	struct wlr_xwayland_surface *xs = w->xs;

	listener_add(
		&xs->events.request_configure, &w->request_configure, handle_request_configure);
	listener_add(&xs->events.request_move, &w->request_move, handle_request_move);
	listener_add(&xs->events.request_resize, &w->request_resize, handle_request_resize);
	listener_add(&xs->events.request_minimize, &w->request_minimize, handle_request_minimize);
	listener_add(&xs->events.request_maximize, &w->request_maximize, handle_request_maximize);
	listener_add(
		&xs->events.request_fullscreen, &w->request_fullscreen, handle_request_fullscreen);
	listener_add(&xs->events.request_activate, &w->request_activate, handle_request_activate);
	listener_add(&xs->events.set_title, &w->set_title, handle_set_title);
	listener_add(&xs->events.set_class, &w->set_class, handle_set_class);
	listener_add(&xs->events.set_parent, &w->set_parent, handle_set_parent);
	listener_add(&xs->events.set_geometry, &w->set_geometry, handle_set_geometry);
	listener_add(&xs->events.set_decorations, &w->set_decorations, handle_set_decorations);
	listener_add(&xs->events.set_override_redirect, &w->set_override_redirect,
		handle_set_override_redirect);
}

static void handle_new_surface(struct wl_listener *listener, void *data)
{
	struct xwayland *x = wl_container_of(listener, x, new_surface);
	struct wlr_xwayland_surface *xs = data;
	struct x_window *w = mem_zalloc(sizeof(*w));

	w->xs = xs;
	w->server = x->server;
	xs->data = w;
	if (!xs->override_redirect) {
		make_view(w);
	}
	listener_add(&xs->events.associate, &w->associate, handle_associate);
	listener_add(&xs->events.dissociate, &w->dissociate, handle_dissociate);
	listener_add(&xs->events.destroy, &w->destroy, handle_destroy);
	connect_requests(w);
}

static void handle_ready(struct wl_listener *listener, void *data)
{
	struct xwayland *x = wl_container_of(listener, x, ready);
	struct cursor *cursor = x->server->seat->cursor;
	struct wlr_xcursor *xcursor;

	(void)data;
	/*
	 * The connection of the window manager is libxcb's by now, but wlroots 0.18 remembers its
	 * number, and when the X server dies it closes it a second time: by then it may be the
	 * number of somebody else's connection.
	 */
	x->wlr->server->wm_fd[0] = -1;
	wlr_xwayland_set_seat(x->wlr, x->server->seat->wlr);
	xcursor = wlr_xcursor_manager_get_xcursor(cursor->theme, "default", 1);
	if (xcursor != NULL) {
		struct wlr_xcursor_image *image = xcursor->images[0];

		wlr_xwayland_set_cursor(x->wlr, image->buffer, image->width * 4, image->width,
			image->height, (int32_t)image->hotspot_x, (int32_t)image->hotspot_y);
	}
}

struct xwayland *xwayland_create(struct server *server)
{
	struct xwayland *x;
	struct wlr_xwayland *wlr;

	if (!server->config->xwayland || access("/usr/bin/Xwayland", X_OK) != 0) {
		unsetenv("DISPLAY");
		return NULL;
	}
	wlr = wlr_xwayland_create(server->display, server->compositor, true);
	if (wlr == NULL) {
		wlr_log(WLR_ERROR, "X11 programs cannot be used");
		unsetenv("DISPLAY");
		return NULL;
	}
	x = mem_zalloc(sizeof(*x));
	x->server = server;
	x->wlr = wlr;
	setenv("DISPLAY", wlr->display_name, 1);
	listener_add(&wlr->events.ready, &x->ready, handle_ready);
	listener_add(&wlr->events.new_surface, &x->new_surface, handle_new_surface);
	return x;
}

void xwayland_destroy(struct xwayland *x)
{
	if (x == NULL) {
		return;
	}
	listener_remove(&x->ready);
	listener_remove(&x->new_surface);
	wlr_xwayland_destroy(x->wlr);
	free(x);
}
