/* SPDX-License-Identifier: MIT */
#include "foreign.h"

#include <stdlib.h>
#include <wlr/types/wlr_ext_foreign_toplevel_list_v1.h>
#include <wlr/types/wlr_foreign_toplevel_management_v1.h>

#include "output.h"
#include "protocols.h"
#include "seat.h"
#include "view.h"
#include "workspace.h"

struct foreign_toplevel {
	struct view *view;
	struct wlr_foreign_toplevel_handle_v1 *wlr;
	struct wlr_ext_foreign_toplevel_handle_v1 *ext;
	struct wlr_output *output;
	struct wl_listener output_destroy;
	struct wl_listener maximize, minimize, activate, fullscreen, close;
};

static void handle_maximize(struct wl_listener *listener, void *data)
{
	struct foreign_toplevel *f = wl_container_of(listener, f, maximize);
	struct wlr_foreign_toplevel_handle_v1_maximized_event *event = data;

	view_set_tile(f->view, event->maximized ? TILE_ALL : TILE_NONE, NULL);
}

static void handle_minimize(struct wl_listener *listener, void *data)
{
	struct foreign_toplevel *f = wl_container_of(listener, f, minimize);
	struct wlr_foreign_toplevel_handle_v1_minimized_event *event = data;

	if (event->minimized) {
		view_set_minimised(f->view, true);
	} else {
		seat_focus_view(f->view->server->seat, f->view, true);
	}
}

static void handle_activate(struct wl_listener *listener, void *data)
{
	struct foreign_toplevel *f = wl_container_of(listener, f, activate);

	(void)data;
	if (!f->view->sticky) {
		workspace_switch(f->view->server, f->view->workspace);
	}
	seat_focus_view(f->view->server->seat, f->view, true);
}

static void handle_fullscreen(struct wl_listener *listener, void *data)
{
	struct foreign_toplevel *f = wl_container_of(listener, f, fullscreen);
	struct wlr_foreign_toplevel_handle_v1_fullscreen_event *event = data;
	struct output *output =
		event->output != NULL ? output_from_wlr(f->view->server, event->output) : NULL;

	view_set_fullscreen(f->view, event->fullscreen, output);
}

static void handle_close(struct wl_listener *listener, void *data)
{
	struct foreign_toplevel *f = wl_container_of(listener, f, close);

	(void)data;
	view_close(f->view);
}

static void handle_output_destroy(struct wl_listener *listener, void *data)
{
	struct foreign_toplevel *f = wl_container_of(listener, f, output_destroy);

	(void)data;
	listener_remove(&f->output_destroy);
	f->output = NULL;
}

void foreign_create(struct view *view)
{
	struct protocols *p = view->server->protocols;
	struct foreign_toplevel *f = mem_zalloc(sizeof(*f));
	struct wlr_ext_foreign_toplevel_handle_v1_state state = {view->title, view->app_id};

	f->view = view;
	view->foreign = f;
	f->wlr = wlr_foreign_toplevel_handle_v1_create(p->foreign);
	f->ext = wlr_ext_foreign_toplevel_handle_v1_create(p->ext_foreign, &state);
	listener_add(&f->wlr->events.request_maximize, &f->maximize, handle_maximize);
	listener_add(&f->wlr->events.request_minimize, &f->minimize, handle_minimize);
	listener_add(&f->wlr->events.request_activate, &f->activate, handle_activate);
	listener_add(&f->wlr->events.request_fullscreen, &f->fullscreen, handle_fullscreen);
	listener_add(&f->wlr->events.request_close, &f->close, handle_close);
	foreign_update_names(view);
	foreign_update_output(view);
	foreign_update_parent(view);
}

void foreign_destroy(struct view *view)
{
	struct foreign_toplevel *f = view->foreign;

	if (f == NULL) {
		return;
	}
	listener_remove(&f->output_destroy);
	listener_remove(&f->maximize);
	listener_remove(&f->minimize);
	listener_remove(&f->activate);
	listener_remove(&f->fullscreen);
	listener_remove(&f->close);
	wlr_foreign_toplevel_handle_v1_destroy(f->wlr);
	wlr_ext_foreign_toplevel_handle_v1_destroy(f->ext);
	free(f);
	view->foreign = NULL;
}

void foreign_update_names(struct view *view)
{
	struct wlr_ext_foreign_toplevel_handle_v1_state state = {view->title, view->app_id};

	if (view->foreign != NULL) {
		wlr_foreign_toplevel_handle_v1_set_title(view->foreign->wlr, view->title);
		wlr_foreign_toplevel_handle_v1_set_app_id(view->foreign->wlr, view->app_id);
		wlr_ext_foreign_toplevel_handle_v1_update_state(view->foreign->ext, &state);
	}
}

void foreign_update_state(struct view *view)
{
	struct wlr_foreign_toplevel_handle_v1 *wlr;

	if (view->foreign == NULL) {
		return;
	}
	wlr = view->foreign->wlr;
	wlr_foreign_toplevel_handle_v1_set_maximized(wlr, view->tile == TILE_ALL);
	wlr_foreign_toplevel_handle_v1_set_minimized(wlr, view->minimised);
	wlr_foreign_toplevel_handle_v1_set_activated(wlr, view->activated);
	wlr_foreign_toplevel_handle_v1_set_fullscreen(wlr, view->fullscreen);
}

void foreign_update_output(struct view *view)
{
	struct foreign_toplevel *f = view->foreign;
	struct wlr_output *output = view->output != NULL ? view->output->wlr_output : NULL;

	if (f == NULL || f->output == output) {
		return;
	}
	if (f->output != NULL) {
		wlr_foreign_toplevel_handle_v1_output_leave(f->wlr, f->output);
		listener_remove(&f->output_destroy);
	}
	f->output = output;
	if (output != NULL) {
		wlr_foreign_toplevel_handle_v1_output_enter(f->wlr, output);
		listener_add(&output->events.destroy, &f->output_destroy, handle_output_destroy);
	}
}

void foreign_update_parent(struct view *view)
{
	struct view *parent = view->impl->parent(view);

	if (view->foreign != NULL) {
		wlr_foreign_toplevel_handle_v1_set_parent(view->foreign->wlr,
			parent != NULL && parent->foreign != NULL ? parent->foreign->wlr : NULL);
	}
}
