/* SPDX-License-Identifier: MIT */
#include "seat.h"

#include <libinput.h>
#include <stdlib.h>
#include <wlr/backend/libinput.h>
#include <wlr/types/wlr_data_device.h>
#include <wlr/types/wlr_idle_notify_v1.h>
#include <wlr/types/wlr_pointer.h>
#include <wlr/types/wlr_primary_selection.h>
#include <wlr/types/wlr_touch.h>
#include <wlr/types/wlr_virtual_keyboard_v1.h>
#include <wlr/types/wlr_virtual_pointer_v1.h>
#include <wlr/types/wlr_xdg_shell.h>

#include "constraint.h"
#include "cursor.h"
#include "idle.h"
#include "ipc.h"
#include "keyboard.h"
#include "layer.h"
#include "lock.h"
#include "output.h"
#include "protocols.h"
#include "text_input.h"
#include "view.h"

/* A pointer or touch screen. */
struct device {
	struct wl_list link;
	struct seat *seat;
	struct wlr_input_device *wlr;
	struct wl_listener destroy;
};

static void update_capabilities(struct seat *seat)
{
	uint32_t caps = WL_SEAT_CAPABILITY_POINTER;
	struct device *device;

	if (!wl_list_empty(&seat->keyboards)) {
		caps |= WL_SEAT_CAPABILITY_KEYBOARD;
	}
	wl_list_for_each(device, &seat->devices, link)
	{
		if (device->wlr->type == WLR_INPUT_DEVICE_TOUCH) {
			caps |= WL_SEAT_CAPABILITY_TOUCH;
		}
	}
	wlr_seat_set_capabilities(seat->wlr, caps);
}

static void configure_libinput(struct seat *seat, struct wlr_input_device *wlr)
{
	const struct config *config = seat->server->config;
	struct libinput_device *dev;

	if (!wlr_input_device_is_libinput(wlr)) {
		return;
	}
	dev = wlr_libinput_get_device_handle(wlr);
	if (libinput_device_config_tap_get_finger_count(dev) > 0) {
		libinput_device_config_tap_set_enabled(dev, config->tap_to_click
								    ? LIBINPUT_CONFIG_TAP_ENABLED
								    : LIBINPUT_CONFIG_TAP_DISABLED);
	}
	if (libinput_device_config_scroll_has_natural_scroll(dev)) {
		libinput_device_config_scroll_set_natural_scroll_enabled(
			dev, config->natural_scroll);
	}
	if (libinput_device_config_left_handed_is_available(dev)) {
		libinput_device_config_left_handed_set(dev, config->left_handed);
	}
	if (config->has_accel && libinput_device_config_accel_is_available(dev)) {
		libinput_device_config_accel_set_speed(dev, config->accel);
	}
}

static void handle_device_destroy(struct wl_listener *listener, void *data)
{
	struct device *device = wl_container_of(listener, device, destroy);
	struct seat *seat = device->seat;

	(void)data;
	cursor_detach(seat->cursor, device->wlr);
	listener_remove(&device->destroy);
	wl_list_remove(&device->link);
	free(device);
	update_capabilities(seat);
}

static void map_to_output(struct seat *seat, struct wlr_input_device *wlr)
{
	struct output *output = NULL;
	const char *name = NULL;

	if (wlr->type == WLR_INPUT_DEVICE_TOUCH) {
		name = wlr_touch_from_input_device(wlr)->output_name;
	} else if (wlr->type == WLR_INPUT_DEVICE_POINTER) {
		name = wlr_pointer_from_input_device(wlr)->output_name;
	}
	output = name != NULL ? output_find(seat->server, NULL, name) : NULL;
	cursor_map_device(seat->cursor, wlr, output);
}

static void add_device(struct seat *seat, struct wlr_input_device *wlr)
{
	struct device *device = mem_zalloc(sizeof(*device));

	device->seat = seat;
	device->wlr = wlr;
	wl_list_insert(&seat->devices, &device->link);
	listener_add(&wlr->events.destroy, &device->destroy, handle_device_destroy);
	configure_libinput(seat, wlr);
	cursor_attach(seat->cursor, wlr);
	map_to_output(seat, wlr);
	update_capabilities(seat);
}

static void keyboards_changed(struct seat *seat)
{
	update_capabilities(seat);
}

void seat_handle_new_input(struct wl_listener *listener, void *data)
{
	struct server *server = wl_container_of(listener, server, new_input);
	struct wlr_input_device *wlr = data;

	switch (wlr->type) {
	case WLR_INPUT_DEVICE_KEYBOARD:
		keyboard_create(server->seat, wlr_keyboard_from_input_device(wlr), false,
			keyboards_changed);
		break;
	case WLR_INPUT_DEVICE_POINTER:
	case WLR_INPUT_DEVICE_TOUCH:
	case WLR_INPUT_DEVICE_TABLET:
		add_device(server->seat, wlr);
		break;
	default:
		break;
	}
	update_capabilities(server->seat);
}

void seat_apply_config(struct seat *seat)
{
	struct keyboard *keyboard;
	struct device *device;

	wl_list_for_each(keyboard, &seat->keyboards, link)
	{
		keyboard_apply_config(keyboard);
	}
	wl_list_for_each(device, &seat->devices, link)
	{
		configure_libinput(seat, device->wlr);
	}
	cursor_apply_config(seat->cursor);
}

/* Gives the keyboard to a surface, or to none. */
static void keyboard_enter(struct seat *seat, struct wlr_surface *surface)
{
	struct wlr_keyboard *kb = wlr_seat_get_keyboard(seat->wlr);
	uint32_t keys[WLR_KEYBOARD_KEYS_CAP];
	size_t count;

	if (surface == NULL) {
		wlr_seat_keyboard_notify_clear_focus(seat->wlr);
		return;
	}
	if (kb == NULL) {
		wlr_seat_keyboard_notify_enter(seat->wlr, surface, NULL, 0, NULL);
		return;
	}
	/* Keys that a binding took are not the new surface's business. */
	count = keyboard_client_keys(kb, keys);
	wlr_seat_keyboard_notify_enter(seat->wlr, surface, keys, count, &kb->modifiers);
}

void seat_refresh_focus(struct seat *seat)
{
	struct server *server = seat->server;
	struct layer_surface *exclusive;
	struct view *old = seat->focused;

	if (session_locked(server)) {
		keyboard_enter(seat, session_lock_focus(server));
		return;
	}
	if (seat->focused == NULL || !view_visible(seat->focused)) {
		seat->focused = view_topmost(server, NULL);
	}
	if (old != NULL && old != seat->focused && old->mapped) {
		view_set_activated(old, false);
	}
	if (seat->focused != NULL) {
		view_set_activated(seat->focused, true);
	}
	exclusive = layer_exclusive(server);
	if (exclusive != NULL) {
		keyboard_enter(seat, exclusive->scene->layer_surface->surface);
	} else if (seat->focused_layer != NULL) {
		keyboard_enter(seat, seat->focused_layer->scene->layer_surface->surface);
	} else {
		keyboard_enter(seat, seat->focused != NULL ? seat->focused->surface : NULL);
	}
}

void seat_focus_view(struct seat *seat, struct view *view, bool raise)
{
	struct view *old = seat->focused;

	if (view != NULL && !view->mapped) {
		return;
	}
	seat->focused_layer = NULL;
	if (view != NULL) {
		view->shown_desktop = false;
		view_set_minimised(view, false);
		wl_list_remove(&view->link);
		wl_list_insert(&seat->server->views, &view->link);
		view_update_visibility(view);
	}
	if (old != NULL && old != view && old->mapped) {
		view_set_activated(old, false);
		if (view != NULL) {
			old->impl->destroy_popups(old);
		}
	}
	seat->focused = view;
	seat_refresh_focus(seat);
	if (view != NULL && raise) {
		view_raise(view);
	}
	ipc_notify(seat->server, IPC_WINDOWS);
}

void seat_focus_layer(struct seat *seat, struct layer_surface *layer)
{
	seat->focused_layer = layer;
	seat_refresh_focus(seat);
}

void seat_view_hidden(struct seat *seat, struct view *view)
{
	cursor_forget_view(seat->cursor, view);
	if (seat->focused != view) {
		return;
	}
	view_set_activated(view, false);
	seat->focused = NULL;
	seat_focus_view(seat, view_topmost(seat->server, view), false);
}

void seat_forget_view(struct seat *seat, struct view *view)
{
	cursor_forget_view(seat->cursor, view);
	if (seat->focused == view) {
		seat->focused = NULL;
	}
}

void seat_forget_surface(struct seat *seat, struct wlr_surface *surface)
{
	if (seat->focused_layer != NULL &&
		seat->focused_layer->scene->layer_surface->surface == surface) {
		seat->focused_layer = NULL;
	}
	seat_refresh_focus(seat);
}

void seat_scene_changed(struct seat *seat)
{
	if (seat != NULL) {
		cursor_schedule_rebase(seat->cursor);
	}
}

void seat_outputs_changed(struct seat *seat)
{
	struct device *device;

	if (seat == NULL) {
		return;
	}
	cursor_load_theme(seat->cursor);
	wl_list_for_each(device, &seat->devices, link)
	{
		map_to_output(seat, device->wlr);
	}
	seat_scene_changed(seat);
}

void seat_pointer_position(struct seat *seat, double *x, double *y)
{
	*x = seat->cursor->wlr->x;
	*y = seat->cursor->wlr->y;
}

void seat_activity(struct seat *seat)
{
	idle_activity(seat->server->idle);
}

bool seat_validate_grab(struct seat *seat, struct wlr_surface *surface, uint32_t serial)
{
	struct wlr_surface *focus = seat->wlr->pointer_state.focused_surface;
	struct wlr_touch_point *point;

	if (wlr_seat_validate_touch_grab_serial(seat->wlr, NULL, serial, &point)) {
		return true;
	}
	return focus != NULL && wlr_seat_validate_pointer_grab_serial(seat->wlr, NULL, serial) &&
	       wl_resource_get_client(focus->resource) == wl_resource_get_client(surface->resource);
}

static void handle_set_cursor(struct wl_listener *listener, void *data)
{
	struct seat *seat = wl_container_of(listener, seat, request_set_cursor);
	struct wlr_seat_pointer_request_set_cursor_event *event = data;

	if (seat->wlr->pointer_state.focused_client == event->seat_client) {
		cursor_set_client_surface(
			seat->cursor, event->surface, event->hotspot_x, event->hotspot_y);
	}
}

static void handle_set_shape(struct wl_listener *listener, void *data)
{
	struct seat *seat = wl_container_of(listener, seat, request_set_shape);
	struct wlr_cursor_shape_manager_v1_request_set_shape_event *event = data;

	if (event->device_type == WLR_CURSOR_SHAPE_MANAGER_V1_DEVICE_TYPE_POINTER &&
		seat->wlr->pointer_state.focused_client == event->seat_client) {
		cursor_set_client_shape(seat->cursor, wlr_cursor_shape_v1_name(event->shape));
	}
}

static void handle_set_selection(struct wl_listener *listener, void *data)
{
	struct seat *seat = wl_container_of(listener, seat, request_set_selection);
	struct wlr_seat_request_set_selection_event *event = data;

	wlr_seat_set_selection(seat->wlr, event->source, event->serial);
}

static void handle_set_primary(struct wl_listener *listener, void *data)
{
	struct seat *seat = wl_container_of(listener, seat, request_set_primary);
	struct wlr_seat_request_set_primary_selection_event *event = data;

	wlr_seat_set_primary_selection(seat->wlr, event->source, event->serial);
}

static void handle_request_start_drag(struct wl_listener *listener, void *data)
{
	struct seat *seat = wl_container_of(listener, seat, request_start_drag);
	struct wlr_seat_request_start_drag_event *event = data;
	struct wlr_touch_point *point;

	if (wlr_seat_validate_pointer_grab_serial(seat->wlr, event->origin, event->serial)) {
		wlr_seat_start_pointer_drag(seat->wlr, event->drag, event->serial);
	} else if (wlr_seat_validate_touch_grab_serial(
			   seat->wlr, event->origin, event->serial, &point)) {
		wlr_seat_start_touch_drag(seat->wlr, event->drag, event->serial, point);
	} else {
		wlr_data_source_destroy(event->drag->source);
	}
}

static void handle_drag_destroy(struct wl_listener *listener, void *data)
{
	struct seat *seat = wl_container_of(listener, seat, drag_destroy);

	(void)data;
	listener_remove(&seat->drag_destroy);
	/* The icon's own node is gone with it; this is the tree around it. */
	wlr_scene_node_destroy(&seat->drag_icon->node);
	seat->drag_icon = NULL;
	seat_refresh_focus(seat);
	seat_scene_changed(seat);
}

static void handle_start_drag(struct wl_listener *listener, void *data)
{
	struct seat *seat = wl_container_of(listener, seat, start_drag);
	struct wlr_drag *drag = data;

	seat->drag_icon = wlr_scene_tree_create(seat->server->layers[LAYER_DRAG]);
	listener_add(&drag->events.destroy, &seat->drag_destroy, handle_drag_destroy);
	if (drag->icon != NULL) {
		wlr_scene_drag_icon_create(seat->drag_icon, drag->icon);
	}
	seat_update_drag_icon(seat);
}

void seat_update_drag_icon(struct seat *seat)
{
	if (seat->drag_icon != NULL) {
		wlr_scene_node_set_position(&seat->drag_icon->node, (int)seat->cursor->wlr->x,
			(int)seat->cursor->wlr->y);
	}
}

static void handle_new_virtual_keyboard(struct wl_listener *listener, void *data)
{
	struct seat *seat = wl_container_of(listener, seat, new_virtual_keyboard);
	struct wlr_virtual_keyboard_v1 *vk = data;

	keyboard_create(seat, &vk->keyboard, true, keyboards_changed);
	update_capabilities(seat);
}

static void handle_new_virtual_pointer(struct wl_listener *listener, void *data)
{
	struct seat *seat = wl_container_of(listener, seat, new_virtual_pointer);
	struct wlr_virtual_pointer_v1_new_pointer_event *event = data;
	struct wlr_input_device *wlr = &event->new_pointer->pointer.base;

	add_device(seat, wlr);
	if (event->suggested_output != NULL) {
		cursor_map_device(
			seat->cursor, wlr, output_from_wlr(seat->server, event->suggested_output));
	}
}

static void handle_keyboard_focus(struct wl_listener *listener, void *data)
{
	struct seat *seat = wl_container_of(listener, seat, keyboard_focus_change);
	struct wlr_seat_keyboard_focus_change_event *event = data;

	text_input_focus(seat->text_input, event->new_surface);
	constraint_focus(seat->cursor, event->new_surface);
}

static void connect_seat(struct seat *seat)
{
	struct wlr_seat *wlr = seat->wlr;
	struct protocols *p = seat->server->protocols;

	listener_add(&wlr->events.request_set_cursor, &seat->request_set_cursor, handle_set_cursor);
	listener_add(&wlr->events.request_set_selection, &seat->request_set_selection,
		handle_set_selection);
	listener_add(&wlr->events.request_set_primary_selection, &seat->request_set_primary,
		handle_set_primary);
	listener_add(&wlr->events.request_start_drag, &seat->request_start_drag,
		handle_request_start_drag);
	listener_add(&wlr->events.start_drag, &seat->start_drag, handle_start_drag);
	listener_add(&wlr->keyboard_state.events.focus_change, &seat->keyboard_focus_change,
		handle_keyboard_focus);
	listener_add(&p->cursor_shape->events.request_set_shape, &seat->request_set_shape,
		handle_set_shape);
	listener_add(&p->virtual_keyboard->events.new_virtual_keyboard, &seat->new_virtual_keyboard,
		handle_new_virtual_keyboard);
	listener_add(&p->virtual_pointer->events.new_virtual_pointer, &seat->new_virtual_pointer,
		handle_new_virtual_pointer);
}

struct seat *seat_create(struct server *server)
{
	struct seat *seat = mem_zalloc(sizeof(*seat));

	seat->server = server;
	wl_list_init(&seat->keyboards);
	wl_list_init(&seat->devices);
	seat->wlr = wlr_seat_create(server->display, "seat0");
	seat->cursor = cursor_create(seat);
	seat->text_input = text_input_create(seat);
	connect_seat(seat);
	update_capabilities(seat);
	return seat;
}

void seat_destroy(struct seat *seat)
{
	struct wl_listener *listeners[] = {&seat->request_set_cursor, &seat->request_set_shape,
		&seat->request_set_selection, &seat->request_set_primary, &seat->request_start_drag,
		&seat->start_drag, &seat->drag_destroy, &seat->new_virtual_keyboard,
		&seat->new_virtual_pointer, &seat->keyboard_focus_change};

	for (size_t i = 0; i < ARRAY_LEN(listeners); i++) {
		listener_remove(listeners[i]);
	}
	text_input_destroy(seat->text_input);
	cursor_destroy(seat->cursor);
	free(seat);
}
