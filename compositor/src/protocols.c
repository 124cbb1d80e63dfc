/* SPDX-License-Identifier: MIT */
#include "protocols.h"

#include <stdlib.h>
#include <wlr/types/wlr_alpha_modifier_v1.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_content_type_v1.h>
#include <wlr/types/wlr_cursor_shape_v1.h>
#include <wlr/types/wlr_data_control_v1.h>
#include <wlr/types/wlr_data_device.h>
#include <wlr/types/wlr_drm_lease_v1.h>
#include <wlr/types/wlr_export_dmabuf_v1.h>
#include <wlr/types/wlr_ext_foreign_toplevel_list_v1.h>
#include <wlr/types/wlr_foreign_toplevel_management_v1.h>
#include <wlr/types/wlr_fractional_scale_v1.h>
#include <wlr/types/wlr_gamma_control_v1.h>
#include <wlr/types/wlr_keyboard_shortcuts_inhibit_v1.h>
#include <wlr/types/wlr_pointer_constraints_v1.h>
#include <wlr/types/wlr_pointer_gestures_v1.h>
#include <wlr/types/wlr_presentation_time.h>
#include <wlr/types/wlr_primary_selection_v1.h>
#include <wlr/types/wlr_relative_pointer_v1.h>
#include <wlr/types/wlr_screencopy_v1.h>
#include <wlr/types/wlr_security_context_v1.h>
#include <wlr/types/wlr_server_decoration.h>
#include <wlr/types/wlr_single_pixel_buffer_v1.h>
#include <wlr/types/wlr_subcompositor.h>
#include <wlr/types/wlr_tearing_control_v1.h>
#include <wlr/types/wlr_viewporter.h>
#include <wlr/types/wlr_virtual_keyboard_v1.h>
#include <wlr/types/wlr_virtual_pointer_v1.h>
#include <wlr/types/wlr_xdg_activation_v1.h>
#include <wlr/types/wlr_xdg_decoration_v1.h>
#include <wlr/types/wlr_xdg_foreign_registry.h>
#include <wlr/types/wlr_xdg_foreign_v1.h>
#include <wlr/types/wlr_xdg_foreign_v2.h>
#include <wlr/types/wlr_xdg_output_v1.h>
#include <wlr/types/wlr_xdg_shell.h>

#include "output.h"
#include "seat.h"
#include "view.h"
#include "workspace.h"

/* A decoration object of xdg-decoration or of KDE's older protocol. */
struct xdg_decoration {
	struct wlr_xdg_toplevel_decoration_v1 *wlr;
	struct server *server;
	struct wl_listener request_mode, commit, destroy;
};

struct kde_decoration {
	struct wlr_server_decoration *wlr;
	struct server *server;
	struct wl_listener mode, destroy, map;
};

/* A view is found by its tree: it may not be mapped yet. */
static struct view *view_of_toplevel(struct wlr_xdg_toplevel *toplevel)
{
	struct wlr_scene_tree *content = toplevel->base->data;
	const struct node_owner *owner = content != NULL ? node_owner_of(&content->node) : NULL;

	return owner != NULL && owner->kind == NODE_VIEW ? owner->object : NULL;
}

static void apply_xdg_decoration(struct xdg_decoration *d)
{
	enum wlr_xdg_toplevel_decoration_v1_mode mode = d->wlr->requested_mode;
	struct view *view = view_of_toplevel(d->wlr->toplevel);

	if (mode == WLR_XDG_TOPLEVEL_DECORATION_V1_MODE_NONE) {
		mode = WLR_XDG_TOPLEVEL_DECORATION_V1_MODE_SERVER_SIDE;
	}
	if (d->wlr->toplevel->base->initialized) {
		wlr_xdg_toplevel_decoration_v1_set_mode(d->wlr, mode);
	}
	if (view != NULL) {
		view_set_decorated(view, mode == WLR_XDG_TOPLEVEL_DECORATION_V1_MODE_SERVER_SIDE);
	}
}

static void handle_decoration_mode(struct wl_listener *listener, void *data)
{
	struct xdg_decoration *d = wl_container_of(listener, d, request_mode);

	(void)data;
	apply_xdg_decoration(d);
}

static void handle_decoration_commit(struct wl_listener *listener, void *data)
{
	struct xdg_decoration *d = wl_container_of(listener, d, commit);

	(void)data;
	if (d->wlr->toplevel->base->initial_commit) {
		apply_xdg_decoration(d);
	}
}

static void handle_decoration_destroy(struct wl_listener *listener, void *data)
{
	struct xdg_decoration *d = wl_container_of(listener, d, destroy);
	struct view *view = view_of_toplevel(d->wlr->toplevel);

	(void)data;
	listener_remove(&d->request_mode);
	listener_remove(&d->commit);
	listener_remove(&d->destroy);
	/* Without the object the client draws its own, as the protocol has it. */
	if (view != NULL && view->mapped) {
		view_set_decorated(view, false);
	}
	free(d);
}

static void handle_new_decoration(struct wl_listener *listener, void *data)
{
	struct protocols *p = wl_container_of(listener, p, new_decoration);
	struct wlr_xdg_toplevel_decoration_v1 *wlr = data;
	struct xdg_decoration *d = mem_zalloc(sizeof(*d));

	d->wlr = wlr;
	d->server = p->server;
	listener_add(&wlr->events.request_mode, &d->request_mode, handle_decoration_mode);
	listener_add(
		&wlr->toplevel->base->surface->events.commit, &d->commit, handle_decoration_commit);
	listener_add(&wlr->events.destroy, &d->destroy, handle_decoration_destroy);
	apply_xdg_decoration(d);
}

static void apply_kde_decoration(struct kde_decoration *d)
{
	struct wlr_xdg_toplevel *toplevel = wlr_xdg_toplevel_try_from_wlr_surface(d->wlr->surface);
	struct view *view = toplevel != NULL ? view_of_toplevel(toplevel) : NULL;

	if (view != NULL) {
		view_set_decorated(view, d->wlr->mode == WLR_SERVER_DECORATION_MANAGER_MODE_SERVER);
	}
}

static void handle_kde_mode(struct wl_listener *listener, void *data)
{
	struct kde_decoration *d = wl_container_of(listener, d, mode);

	(void)data;
	apply_kde_decoration(d);
}

static void handle_kde_commit(struct wl_listener *listener, void *data)
{
	struct kde_decoration *d = wl_container_of(listener, d, map);
	struct wlr_surface *surface = data;
	struct wlr_xdg_toplevel *toplevel = wlr_xdg_toplevel_try_from_wlr_surface(surface);

	/* The object may be made before the surface is a window. */
	if (toplevel != NULL && toplevel->base->initial_commit) {
		apply_kde_decoration(d);
	}
}

static void handle_kde_destroy(struct wl_listener *listener, void *data)
{
	struct kde_decoration *d = wl_container_of(listener, d, destroy);

	(void)data;
	listener_remove(&d->mode);
	listener_remove(&d->map);
	listener_remove(&d->destroy);
	free(d);
}

static void handle_new_kde_decoration(struct wl_listener *listener, void *data)
{
	struct protocols *p = wl_container_of(listener, p, new_kde_decoration);
	struct wlr_server_decoration *wlr = data;
	struct kde_decoration *d = mem_zalloc(sizeof(*d));

	d->wlr = wlr;
	d->server = p->server;
	listener_add(&wlr->events.mode, &d->mode, handle_kde_mode);
	listener_add(&wlr->events.destroy, &d->destroy, handle_kde_destroy);
	listener_add(&wlr->surface->events.commit, &d->map, handle_kde_commit);
	apply_kde_decoration(d);
}

/*
 * A token counts when it came with input (a seat) or from the compositor, which makes tokens for
 * what it starts. A client without one may only ask for attention.
 */
static void handle_request_activate(struct wl_listener *listener, void *data)
{
	struct protocols *p = wl_container_of(listener, p, request_activate);
	struct wlr_xdg_activation_v1_request_activate_event *event = data;
	struct view *view = view_from_surface(p->server, event->surface);
	bool ours = event->token->surface == NULL && event->token->seat == NULL &&
		    event->token->app_id == NULL;

	if (view == NULL) {
		return;
	}
	if (event->token->seat == NULL && !ours) {
		view_set_urgent(view, !view->activated);
		return;
	}
	if (!view->sticky) {
		workspace_switch(p->server, view->workspace);
	}
	seat_focus_view(p->server->seat, view, true);
}

static void handle_set_gamma(struct wl_listener *listener, void *data)
{
	struct protocols *p = wl_container_of(listener, p, set_gamma);
	struct wlr_gamma_control_manager_v1_set_gamma_event *event = data;
	struct output *output = output_from_wlr(p->server, event->output);

	if (output != NULL) {
		output->gamma_dirty = true;
		wlr_output_schedule_frame(output->wlr_output);
	}
}

static void handle_lease_request(struct wl_listener *listener, void *data)
{
	struct wlr_drm_lease_request_v1 *request = data;

	(void)listener;
	/* Only outputs that are no desktop were offered. */
	if (wlr_drm_lease_request_v1_grant(request) == NULL) {
		wlr_drm_lease_request_v1_reject(request);
	}
}

static void handle_new_inhibitor(struct wl_listener *listener, void *data)
{
	(void)listener;
	wlr_keyboard_shortcuts_inhibitor_v1_activate(data);
}

/* Protocols that can spy on or steer other programs: hidden from sandboxed clients. */
static const char *const privileged[] = {
	"zwlr_screencopy_manager_v1",
	"zwlr_export_dmabuf_manager_v1",
	"zwlr_data_control_manager_v1",
	"zwlr_virtual_pointer_manager_v1",
	"zwp_virtual_keyboard_manager_v1",
	"zwp_input_method_manager_v2",
	"zwlr_foreign_toplevel_manager_v1",
	"ext_foreign_toplevel_list_v1",
	"zwlr_layer_shell_v1",
	"zwlr_output_manager_v1",
	"zwlr_output_power_manager_v1",
	"zwlr_gamma_control_manager_v1",
	"ext_session_lock_manager_v1",
	"wp_security_context_manager_v1",
	"wp_drm_lease_device_v1",
};

static bool filter_global(
	const struct wl_client *client, const struct wl_global *global, void *data)
{
	struct server *server = data;
	const struct wl_interface *interface = wl_global_get_interface(global);

	if (server->protocols == NULL || wlr_security_context_manager_v1_lookup_client(
						 server->protocols->security, client) == NULL) {
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(privileged); i++) {
		if (strcmp(privileged[i], interface->name) == 0) {
			return false;
		}
	}
	return true;
}

static void create_plain(struct wl_display *display, struct server *server)
{
	struct wlr_xdg_foreign_registry *registry = wlr_xdg_foreign_registry_create(display);

	wlr_subcompositor_create(display);
	wlr_data_device_manager_create(display);
	wlr_primary_selection_v1_device_manager_create(display);
	wlr_data_control_manager_v1_create(display);
	wlr_screencopy_manager_v1_create(display);
	wlr_export_dmabuf_manager_v1_create(display);
	wlr_viewporter_create(display);
	wlr_single_pixel_buffer_manager_v1_create(display);
	wlr_fractional_scale_manager_v1_create(display, 1);
	wlr_content_type_manager_v1_create(display, 1);
	wlr_tearing_control_manager_v1_create(display, 1);
	wlr_alpha_modifier_v1_create(display);
	wlr_presentation_create(display, server->backend);
	wlr_xdg_output_manager_v1_create(display, server->output_layout);
	wlr_xdg_foreign_v1_create(display, registry);
	wlr_xdg_foreign_v2_create(display, registry);
}

static void create_decorations(struct protocols *p, struct wl_display *display)
{
	struct wlr_server_decoration_manager *kde = wlr_server_decoration_manager_create(display);
	struct wlr_xdg_decoration_manager_v1 *xdg = wlr_xdg_decoration_manager_v1_create(display);

	wlr_server_decoration_manager_set_default_mode(
		kde, WLR_SERVER_DECORATION_MANAGER_MODE_SERVER);
	listener_add(
		&kde->events.new_decoration, &p->new_kde_decoration, handle_new_kde_decoration);
	listener_add(
		&xdg->events.new_toplevel_decoration, &p->new_decoration, handle_new_decoration);
}

struct protocols *protocols_create(struct server *server)
{
	struct protocols *p = mem_zalloc(sizeof(*p));
	struct wl_display *display = server->display;

	p->server = server;
	server->protocols = p;
	create_plain(display, server);
	create_decorations(p, display);
	p->activation = wlr_xdg_activation_v1_create(display);
	p->foreign = wlr_foreign_toplevel_manager_v1_create(display);
	p->ext_foreign = wlr_ext_foreign_toplevel_list_v1_create(display, 1);
	p->gamma = wlr_gamma_control_manager_v1_create(display);
	p->cursor_shape = wlr_cursor_shape_manager_v1_create(display, 1);
	p->virtual_keyboard = wlr_virtual_keyboard_manager_v1_create(display);
	p->virtual_pointer = wlr_virtual_pointer_manager_v1_create(display);
	p->relative_pointer = wlr_relative_pointer_manager_v1_create(display);
	p->constraints = wlr_pointer_constraints_v1_create(display);
	p->gestures = wlr_pointer_gestures_v1_create(display);
	p->shortcuts_inhibit = wlr_keyboard_shortcuts_inhibit_v1_create(display);
	p->security = wlr_security_context_manager_v1_create(display);
	listener_add(&p->activation->events.request_activate, &p->request_activate,
		handle_request_activate);
	listener_add(&p->gamma->events.set_gamma, &p->set_gamma, handle_set_gamma);
	listener_add(&p->shortcuts_inhibit->events.new_inhibitor, &p->new_inhibitor,
		handle_new_inhibitor);
	server->drm_lease = wlr_drm_lease_v1_manager_create(display, server->backend);
	if (server->drm_lease != NULL) {
		listener_add(&server->drm_lease->events.request, &p->lease_request,
			handle_lease_request);
	}
	output_management_create(server);
	wl_display_set_global_filter(display, filter_global, server);
	return p;
}

void protocols_destroy(struct protocols *p)
{
	struct wl_listener *listeners[] = {&p->request_activate, &p->set_gamma, &p->new_decoration,
		&p->new_kde_decoration, &p->lease_request, &p->new_inhibitor, &p->output_apply,
		&p->output_test, &p->output_power_mode};

	for (size_t i = 0; i < ARRAY_LEN(listeners); i++) {
		listener_remove(listeners[i]);
	}
	p->server->protocols = NULL;
	free(p);
}
