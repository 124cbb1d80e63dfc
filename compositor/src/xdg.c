/* SPDX-License-Identifier: MIT */
/*
 * xdg-shell: makes a view of each toplevel and puts popups into the scene. A toplevel's wishes
 * from before its first commit (maximised, fullscreen) shape its first configure.
 */
#include <stdlib.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_xdg_decoration_v1.h>
#include <wlr/types/wlr_xdg_shell.h>
#include <wlr/util/log.h>

#include "cursor.h"
#include "foreign.h"
#include "ipc.h"
#include "layer.h"
#include "menu.h"
#include "output.h"
#include "seat.h"
#include "view.h"

struct xdg_view {
	struct view base;
	struct wlr_xdg_toplevel *toplevel;
	struct wl_listener map, unmap, commit, destroy;
	struct wl_listener request_maximize, request_fullscreen, request_minimize;
	struct wl_listener request_move, request_resize, request_menu;
	struct wl_listener set_title, set_app_id, set_parent;
};

struct xdg_popup {
	struct wlr_xdg_popup *popup;
	struct server *server;
	struct wl_listener commit, reposition, destroy;
};

static struct xdg_view *xdg_view(struct view *view)
{
	return (struct xdg_view *)view;
}

static uint32_t impl_configure(struct view *view, struct wlr_box box)
{
	struct wlr_xdg_toplevel *toplevel = xdg_view(view)->toplevel;

	/* The size that a client chose itself it need not be told. */
	if (toplevel->scheduled.width == 0 && toplevel->scheduled.height == 0 &&
		view->box.width == box.width && view->box.height == box.height) {
		return 0;
	}
	if (toplevel->scheduled.width == box.width && toplevel->scheduled.height == box.height &&
		toplevel->current.width == box.width && toplevel->current.height == box.height &&
		view->box.width == box.width && view->box.height == box.height) {
		return 0;
	}
	return wlr_xdg_toplevel_set_size(toplevel, box.width, box.height);
}

static void impl_set_activated(struct view *view, bool activated)
{
	wlr_xdg_toplevel_set_activated(xdg_view(view)->toplevel, activated);
}

static void impl_set_resizing(struct view *view, bool resizing)
{
	wlr_xdg_toplevel_set_resizing(xdg_view(view)->toplevel, resizing);
}

static void impl_send_state(struct view *view)
{
	struct wlr_xdg_toplevel *toplevel = xdg_view(view)->toplevel;
	uint32_t tiled = 0;

	if (!toplevel->base->initialized) {
		return;
	}
	/* The bits of enum tile are those of enum wlr_edges. A half touches three edges. */
	if (view->tile != TILE_NONE) {
		bool wide = !(view->tile & (TILE_LEFT | TILE_RIGHT));
		bool tall = !(view->tile & (TILE_TOP | TILE_BOTTOM));

		tiled = view->tile | (wide ? TILE_LEFT | TILE_RIGHT : 0) |
			(tall ? TILE_TOP | TILE_BOTTOM : 0);
	}
	wlr_xdg_toplevel_set_maximized(toplevel, view->tile == TILE_ALL);
	wlr_xdg_toplevel_set_tiled(toplevel, tiled);
	wlr_xdg_toplevel_set_fullscreen(toplevel, view->fullscreen);
	wlr_xdg_toplevel_set_suspended(toplevel, view->mapped && !view_visible(view));
}

static void impl_close(struct view *view)
{
	wlr_xdg_toplevel_send_close(xdg_view(view)->toplevel);
}

static void impl_size_limits(struct view *view, struct wlr_box *min, struct wlr_box *max)
{
	struct wlr_xdg_toplevel_state *state = &xdg_view(view)->toplevel->current;

	*min = (struct wlr_box){
		0, 0, int_max(state->min_width, 60), int_max(state->min_height, 30)};
	*max = (struct wlr_box){0, 0, state->max_width, state->max_height};
}

static void impl_destroy_popups(struct view *view)
{
	struct wlr_xdg_popup *popup, *next;

	wl_list_for_each_safe(popup, next, &xdg_view(view)->toplevel->base->popups, link)
	{
		wlr_xdg_popup_destroy(popup);
	}
}

static struct view *impl_parent(struct view *view)
{
	struct wlr_xdg_toplevel *parent = xdg_view(view)->toplevel->parent;

	return parent != NULL ? view_from_surface(view->server, parent->base->surface) : NULL;
}

static const struct view_impl xdg_impl = {
	.configure = impl_configure,
	.set_activated = impl_set_activated,
	.set_resizing = impl_set_resizing,
	.send_state = impl_send_state,
	.close = impl_close,
	.size_limits = impl_size_limits,
	.destroy_popups = impl_destroy_popups,
	.parent = impl_parent,
};

static void send_first_configure(struct xdg_view *xv)
{
	struct view *view = &xv->base;
	struct wlr_xdg_toplevel *toplevel = xv->toplevel;
	struct output *output = output_current(view->server);
	struct wlr_box area;

	if (output == NULL) {
		wlr_xdg_surface_schedule_configure(toplevel->base);
		return;
	}
	view->output = output;
	wlr_xdg_toplevel_set_wm_capabilities(
		toplevel, WLR_XDG_TOPLEVEL_WM_CAPABILITIES_WINDOW_MENU |
				  WLR_XDG_TOPLEVEL_WM_CAPABILITIES_MAXIMIZE |
				  WLR_XDG_TOPLEVEL_WM_CAPABILITIES_FULLSCREEN |
				  WLR_XDG_TOPLEVEL_WM_CAPABILITIES_MINIMIZE);
	area = layout_remove_margins(output->usable, view_margins(view));
	wlr_xdg_toplevel_set_bounds(toplevel, area.width, area.height);
	if (toplevel->requested.fullscreen) {
		view->fullscreen = true;
		wlr_xdg_toplevel_set_size(toplevel, output->box.width, output->box.height);
	} else if (toplevel->requested.maximized) {
		view->tile = TILE_ALL;
		area = layout_remove_margins(output->usable, view_margins(view));
		wlr_xdg_toplevel_set_size(toplevel, area.width, area.height);
	} else {
		wlr_xdg_toplevel_set_size(toplevel, 0, 0);
	}
	impl_send_state(view);
}

static void handle_commit(struct wl_listener *listener, void *data)
{
	struct xdg_view *xv = wl_container_of(listener, xv, commit);
	struct wlr_box geometry;

	(void)data;
	if (xv->toplevel->base->initial_commit) {
		send_first_configure(xv);
		return;
	}
	if (xv->base.mapped) {
		wlr_xdg_surface_get_geometry(xv->toplevel->base, &geometry);
		view_committed(&xv->base, geometry.width, geometry.height,
			xv->toplevel->base->current.configure_serial);
	}
}

static void handle_map(struct wl_listener *listener, void *data)
{
	struct xdg_view *xv = wl_container_of(listener, xv, map);
	struct wlr_box geometry;

	(void)data;
	wlr_xdg_surface_get_geometry(xv->toplevel->base, &geometry);
	view_map(&xv->base, geometry.width, geometry.height);
}

static void handle_unmap(struct wl_listener *listener, void *data)
{
	struct xdg_view *xv = wl_container_of(listener, xv, unmap);

	(void)data;
	view_unmap(&xv->base);
}

static void handle_destroy(struct wl_listener *listener, void *data)
{
	struct xdg_view *xv = wl_container_of(listener, xv, destroy);
	struct wl_listener *listeners[] = {&xv->map, &xv->unmap, &xv->commit, &xv->destroy,
		&xv->request_maximize, &xv->request_fullscreen, &xv->request_minimize,
		&xv->request_move, &xv->request_resize, &xv->request_menu, &xv->set_title,
		&xv->set_app_id, &xv->set_parent};

	(void)data;
	for (size_t i = 0; i < ARRAY_LEN(listeners); i++) {
		listener_remove(listeners[i]);
	}
	xv->toplevel->base->data = NULL;
	view_finish(&xv->base);
	free(xv);
}

static void handle_request_maximize(struct wl_listener *listener, void *data)
{
	struct xdg_view *xv = wl_container_of(listener, xv, request_maximize);

	(void)data;
	if (!xv->toplevel->base->initialized) {
		return;
	}
	if (xv->base.mapped) {
		view_set_tile(
			&xv->base, xv->toplevel->requested.maximized ? TILE_ALL : TILE_NONE, NULL);
	}
	wlr_xdg_surface_schedule_configure(xv->toplevel->base);
}

static void handle_request_fullscreen(struct wl_listener *listener, void *data)
{
	struct xdg_view *xv = wl_container_of(listener, xv, request_fullscreen);
	struct wlr_xdg_toplevel_requested *requested = &xv->toplevel->requested;
	struct output *output = NULL;

	(void)data;
	if (!xv->toplevel->base->initialized) {
		return;
	}
	if (requested->fullscreen_output != NULL) {
		output = output_from_wlr(xv->base.server, requested->fullscreen_output);
	}
	if (xv->base.mapped) {
		view_set_fullscreen(&xv->base, requested->fullscreen, output);
	}
	wlr_xdg_surface_schedule_configure(xv->toplevel->base);
}

static void handle_request_minimize(struct wl_listener *listener, void *data)
{
	struct xdg_view *xv = wl_container_of(listener, xv, request_minimize);

	(void)data;
	if (xv->base.mapped) {
		view_set_minimised(&xv->base, xv->toplevel->requested.minimized);
	}
}

static void handle_request_move(struct wl_listener *listener, void *data)
{
	struct xdg_view *xv = wl_container_of(listener, xv, request_move);
	struct wlr_xdg_toplevel_move_event *event = data;
	struct seat *seat = xv->base.server->seat;

	if (xv->base.mapped && seat_validate_grab(seat, xv->base.surface, event->serial)) {
		cursor_begin_move(seat->cursor, &xv->base);
	}
}

static void handle_request_resize(struct wl_listener *listener, void *data)
{
	struct xdg_view *xv = wl_container_of(listener, xv, request_resize);
	struct wlr_xdg_toplevel_resize_event *event = data;
	struct seat *seat = xv->base.server->seat;

	if (xv->base.mapped && seat_validate_grab(seat, xv->base.surface, event->serial)) {
		cursor_begin_resize(seat->cursor, &xv->base, (enum tile)event->edges);
	}
}

static void handle_request_menu(struct wl_listener *listener, void *data)
{
	struct xdg_view *xv = wl_container_of(listener, xv, request_menu);
	struct wlr_xdg_toplevel_show_window_menu_event *event = data;

	if (xv->base.mapped) {
		menu_open_window(xv->base.server, &xv->base, xv->base.box.x + event->x,
			xv->base.box.y + event->y);
	}
}

static void handle_set_title(struct wl_listener *listener, void *data)
{
	struct xdg_view *xv = wl_container_of(listener, xv, set_title);

	(void)data;
	view_set_title(&xv->base, xv->toplevel->title);
}

static void handle_set_app_id(struct wl_listener *listener, void *data)
{
	struct xdg_view *xv = wl_container_of(listener, xv, set_app_id);

	(void)data;
	view_set_app_id(&xv->base, xv->toplevel->app_id);
}

static void handle_set_parent(struct wl_listener *listener, void *data)
{
	struct xdg_view *xv = wl_container_of(listener, xv, set_parent);

	(void)data;
	foreign_update_parent(&xv->base);
}

static void connect_requests(struct xdg_view *xv)
{
	struct wlr_xdg_toplevel *t = xv->toplevel;

	listener_add(&t->events.request_maximize, &xv->request_maximize, handle_request_maximize);
	listener_add(
		&t->events.request_fullscreen, &xv->request_fullscreen, handle_request_fullscreen);
	listener_add(&t->events.request_minimize, &xv->request_minimize, handle_request_minimize);
	listener_add(&t->events.request_move, &xv->request_move, handle_request_move);
	listener_add(&t->events.request_resize, &xv->request_resize, handle_request_resize);
	listener_add(&t->events.request_show_window_menu, &xv->request_menu, handle_request_menu);
	listener_add(&t->events.set_title, &xv->set_title, handle_set_title);
	listener_add(&t->events.set_app_id, &xv->set_app_id, handle_set_app_id);
	listener_add(&t->events.set_parent, &xv->set_parent, handle_set_parent);
}

void xdg_handle_new_toplevel(struct wl_listener *listener, void *data)
{
	struct server *server = wl_container_of(listener, server, new_toplevel);
	struct wlr_xdg_toplevel *toplevel = data;
	struct wlr_surface *surface = toplevel->base->surface;
	struct xdg_view *xv = mem_zalloc(sizeof(*xv));

	xv->toplevel = toplevel;
	view_init(&xv->base, server, &xdg_impl);
	xv->base.surface = surface;
	wl_client_get_credentials(
		wl_resource_get_client(toplevel->resource), &xv->base.pid, NULL, NULL);
	xv->base.content = wlr_scene_xdg_surface_create(xv->base.tree, toplevel->base);
	toplevel->base->data = xv->base.content;
	listener_add(&surface->events.map, &xv->map, handle_map);
	listener_add(&surface->events.unmap, &xv->unmap, handle_unmap);
	listener_add(&surface->events.commit, &xv->commit, handle_commit);
	listener_add(&toplevel->events.destroy, &xv->destroy, handle_destroy);
	connect_requests(xv);
}

/* Keeps a popup on the output where its parent is. */
static void popup_unconstrain(struct xdg_popup *p)
{
	struct view *view = view_from_surface(p->server, p->popup->parent);
	struct layer_surface *layer =
		view == NULL ? layer_from_surface(p->server, p->popup->parent) : NULL;
	struct wlr_box area;
	int x, y;

	if (view != NULL && view->output != NULL) {
		area = view->fullscreen ? view->output->box : view->output->usable;
		x = view->box.x;
		y = view->box.y;
	} else if (layer != NULL && layer->output != NULL) {
		area = layer->output->box;
		wlr_scene_node_coords(&layer->scene->tree->node, &x, &y);
	} else {
		return;
	}
	area.x -= x;
	area.y -= y;
	wlr_xdg_popup_unconstrain_from_box(p->popup, &area);
}

static void handle_popup_commit(struct wl_listener *listener, void *data)
{
	struct xdg_popup *p = wl_container_of(listener, p, commit);

	(void)data;
	if (p->popup->base->initial_commit) {
		popup_unconstrain(p);
		wlr_xdg_surface_schedule_configure(p->popup->base);
	}
}

static void handle_popup_reposition(struct wl_listener *listener, void *data)
{
	struct xdg_popup *p = wl_container_of(listener, p, reposition);

	(void)data;
	popup_unconstrain(p);
}

static void handle_popup_destroy(struct wl_listener *listener, void *data)
{
	struct xdg_popup *p = wl_container_of(listener, p, destroy);

	(void)data;
	listener_remove(&p->commit);
	listener_remove(&p->reposition);
	listener_remove(&p->destroy);
	seat_scene_changed(p->server->seat);
	free(p);
}

/* The scene tree that a popup's parent draws in; NULL if the parent is not ours. */
static struct wlr_scene_tree *parent_tree(struct server *server, struct wlr_surface *parent)
{
	struct wlr_xdg_surface *xdg;
	struct layer_surface *layer;

	if (parent == NULL) {
		return NULL;
	}
	xdg = wlr_xdg_surface_try_from_wlr_surface(parent);
	if (xdg != NULL) {
		return xdg->data;
	}
	layer = layer_from_surface(server, parent);
	return layer != NULL ? layer->popups : NULL;
}

void xdg_handle_new_popup(struct wl_listener *listener, void *data)
{
	struct server *server = wl_container_of(listener, server, new_popup);
	struct wlr_xdg_popup *popup = data;
	struct wlr_scene_tree *parent = parent_tree(server, popup->parent);
	struct xdg_popup *p;

	if (parent == NULL) {
		/* A layer surface adopts its popups later; see layer_handle_new_popup(). */
		if (popup->parent != NULL) {
			wlr_xdg_popup_destroy(popup);
			return;
		}
	} else {
		popup->base->data = wlr_scene_xdg_surface_create(parent, popup->base);
	}
	p = mem_zalloc(sizeof(*p));
	p->popup = popup;
	p->server = server;
	listener_add(&popup->base->surface->events.commit, &p->commit, handle_popup_commit);
	listener_add(&popup->events.reposition, &p->reposition, handle_popup_reposition);
	listener_add(&popup->events.destroy, &p->destroy, handle_popup_destroy);
}
