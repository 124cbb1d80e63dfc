/* SPDX-License-Identifier: MIT */
#include "cursor.h"

#include <linux/input-event-codes.h>
#include <stdio.h>
#include <stdlib.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_pointer.h>
#include <wlr/types/wlr_relative_pointer_v1.h>
#include <wlr/types/wlr_xcursor_manager.h>

#include "constraint.h"
#include "help.h"
#include "keyboard.h"
#include "layer.h"
#include "lock.h"
#include "menu.h"
#include "notice.h"
#include "output.h"
#include "protocols.h"
#include "seat.h"
#include "view.h"

#define DOUBLE_CLICK_MS 400

void cursor_set_image(struct cursor *cursor, const char *name)
{
	if (cursor->image != NULL && strcmp(cursor->image, name) == 0) {
		return;
	}
	cursor->image = name;
	if (cursor->theme_loaded) {
		wlr_cursor_set_xcursor(cursor->wlr, cursor->theme, name);
	}
}

void cursor_set_client_surface(
	struct cursor *cursor, struct wlr_surface *surface, int hotspot_x, int hotspot_y)
{
	if (cursor->mode == CURSOR_PASS) {
		cursor->image = NULL;
		wlr_cursor_set_surface(cursor->wlr, surface, hotspot_x, hotspot_y);
	}
}

void cursor_set_client_shape(struct cursor *cursor, const char *name)
{
	if (cursor->mode == CURSOR_PASS) {
		cursor->image = NULL;
		wlr_cursor_set_xcursor(cursor->wlr, cursor->theme, name);
	}
}

static void set_hover(
	struct cursor *cursor, struct view *view, enum decoration_part part, bool pressed)
{
	if (cursor->hover_view != NULL && cursor->hover_view != view) {
		decoration_set_hover(cursor->hover_view->decoration, PART_NONE, false);
	}
	cursor->hover_view = view;
	if (view != NULL) {
		decoration_set_hover(view->decoration, part, pressed);
	}
}

static const char *edge_image(enum tile edges)
{
	static const char *const names[16] = {
		[TILE_TOP] = "n-resize",
		[TILE_BOTTOM] = "s-resize",
		[TILE_LEFT] = "w-resize",
		[TILE_RIGHT] = "e-resize",
		[TILE_TOP | TILE_LEFT] = "nw-resize",
		[TILE_TOP | TILE_RIGHT] = "ne-resize",
		[TILE_BOTTOM | TILE_LEFT] = "sw-resize",
		[TILE_BOTTOM | TILE_RIGHT] = "se-resize",
	};

	return names[edges & 15] != NULL ? names[edges & 15] : "default";
}

static void over_decoration(struct cursor *cursor, struct view *view)
{
	enum tile edges;
	enum decoration_part part =
		decoration_part_at(view->decoration, cursor->wlr->x, cursor->wlr->y, &edges);

	set_hover(cursor, view, part, false);
	cursor_set_image(cursor, part == PART_EDGE ? edge_image(edges) : "default");
	wlr_seat_pointer_notify_clear_focus(cursor->seat->wlr);
}

static struct view *hit_view(const struct node_hit *hit)
{
	if (hit->owner == NULL ||
		(hit->owner->kind != NODE_VIEW && hit->owner->kind != NODE_DECORATION)) {
		return NULL;
	}
	return hit->owner->object;
}

static void follow_pointer(struct cursor *cursor, const struct node_hit *hit)
{
	struct view *view = hit_view(hit);
	struct server *server = cursor->seat->server;

	if (server->config->focus_follows_pointer && view != NULL && !session_locked(server) &&
		cursor->seat->focused != view) {
		seat_focus_view(cursor->seat, view, false);
	}
}

/* A button is held on a surface: it keeps getting the motion. */
static bool motion_held(struct cursor *cursor, uint32_t time)
{
	struct wlr_seat *seat = cursor->seat->wlr;

	if (seat->pointer_state.button_count == 0 || seat->drag != NULL ||
		seat->pointer_state.focused_surface == NULL) {
		return false;
	}
	wlr_seat_pointer_notify_motion(
		seat, time, cursor->wlr->x - cursor->press_dx, cursor->wlr->y - cursor->press_dy);
	return true;
}

/* Not `moved`: the scene changed under the pointer. */
static void motion_pass(struct cursor *cursor, uint32_t time, bool moved)
{
	struct server *server = cursor->seat->server;
	struct node_hit hit;

	if (motion_held(cursor, time)) {
		return;
	}
	if (menu_motion(server, cursor->wlr->x, cursor->wlr->y)) {
		set_hover(cursor, NULL, PART_NONE, false);
		wlr_seat_pointer_notify_clear_focus(cursor->seat->wlr);
		cursor_set_image(cursor, "default");
		return;
	}
	hit = node_at(server->scene, cursor->wlr->x, cursor->wlr->y);
	if (moved) {
		follow_pointer(cursor, &hit);
	}
	if (hit.owner != NULL && hit.owner->kind == NODE_DECORATION) {
		over_decoration(cursor, hit.owner->object);
		return;
	}
	set_hover(cursor, NULL, PART_NONE, false);
	if (hit.surface == NULL) {
		cursor_set_image(cursor, "default");
		wlr_seat_pointer_notify_clear_focus(cursor->seat->wlr);
		return;
	}
	wlr_seat_pointer_notify_enter(cursor->seat->wlr, hit.surface, hit.sx, hit.sy);
	wlr_seat_pointer_notify_motion(cursor->seat->wlr, time, hit.sx, hit.sy);
}

void cursor_process_motion(struct cursor *cursor, uint32_t time)
{
	seat_update_drag_icon(cursor->seat);
	if (cursor->mode == CURSOR_PASS) {
		motion_pass(cursor, time, true);
	} else {
		grab_motion(cursor);
	}
}

static uint32_t now_msec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

/* Looks up what is under the pointer; a client hears of it only if something is different. */
static void rebase(struct cursor *cursor)
{
	struct wlr_seat_pointer_state *state = &cursor->seat->wlr->pointer_state;
	double sx = state->sx, sy = state->sy;

	motion_pass(cursor, now_msec(), false);
	if (state->focused_surface != NULL && (state->sx != sx || state->sy != sy)) {
		wlr_seat_pointer_notify_frame(cursor->seat->wlr);
	}
}

static void handle_rebase(void *data)
{
	struct cursor *cursor = data;

	cursor->rebase = NULL;
	if (cursor->mode == CURSOR_PASS) {
		rebase(cursor);
	}
}

void cursor_schedule_rebase(struct cursor *cursor)
{
	if (cursor->rebase == NULL) {
		cursor->rebase =
			wl_event_loop_add_idle(cursor->seat->server->loop, handle_rebase, cursor);
	}
}

static void handle_motion(struct wl_listener *listener, void *data)
{
	struct cursor *cursor = wl_container_of(listener, cursor, motion);
	struct wlr_pointer_motion_event *event = data;
	double dx = event->delta_x, dy = event->delta_y;

	seat_activity(cursor->seat);
	wlr_relative_pointer_manager_v1_send_relative_motion(
		cursor->seat->server->protocols->relative_pointer, cursor->seat->wlr,
		(uint64_t)event->time_msec * 1000, dx, dy, event->unaccel_dx, event->unaccel_dy);
	if (!constraint_limit(cursor, &dx, &dy)) {
		return;
	}
	wlr_cursor_move(cursor->wlr, &event->pointer->base, dx, dy);
	cursor_process_motion(cursor, event->time_msec);
}

static void handle_motion_absolute(struct wl_listener *listener, void *data)
{
	struct cursor *cursor = wl_container_of(listener, cursor, motion_absolute);
	struct wlr_pointer_motion_absolute_event *event = data;
	double lx, ly, dx, dy;

	seat_activity(cursor->seat);
	wlr_cursor_absolute_to_layout_coords(
		cursor->wlr, &event->pointer->base, event->x, event->y, &lx, &ly);
	dx = lx - cursor->wlr->x;
	dy = ly - cursor->wlr->y;
	wlr_relative_pointer_manager_v1_send_relative_motion(
		cursor->seat->server->protocols->relative_pointer, cursor->seat->wlr,
		(uint64_t)event->time_msec * 1000, dx, dy, dx, dy);
	if (!constraint_limit(cursor, &dx, &dy)) {
		return;
	}
	wlr_cursor_move(cursor->wlr, &event->pointer->base, dx, dy);
	cursor_process_motion(cursor, event->time_msec);
}

static bool run_mouse_binding(struct cursor *cursor, const struct node_hit *hit, uint32_t button)
{
	struct server *server = cursor->seat->server;
	struct wlr_keyboard *kb = wlr_seat_get_keyboard(cursor->seat->wlr);
	uint32_t mods = kb != NULL ? wlr_keyboard_get_modifiers(kb) & MOD_MASK : 0;
	struct view *view = hit_view(hit);
	struct mouse_binding *b;

	/* Without a modifier a binding is for the desktop itself. */
	if (mods == 0 && hit->owner != NULL) {
		return false;
	}
	wl_list_for_each(b, &server->config->mouse_bindings, link)
	{
		if (b->button != button || b->mods != mods ||
			(b->action.def->needs_view && view == NULL)) {
			continue;
		}
		if (view != NULL) {
			seat_focus_view(cursor->seat, view, true);
		}
		action_run(server, &b->action, view);
		return true;
	}
	return false;
}

static void press_title(struct cursor *cursor, struct view *view, uint32_t time)
{
	bool twice = cursor->click_view == view && time - cursor->click_time < DOUBLE_CLICK_MS;

	cursor->click_view = twice ? NULL : view;
	cursor->click_time = time;
	if (twice) {
		cursor_end_grab(cursor);
		view_set_tile(view, view->tile == TILE_ALL ? TILE_NONE : TILE_ALL, NULL);
	}
}

static void press_decoration(
	struct cursor *cursor, struct view *view, uint32_t time, uint32_t button)
{
	enum tile edges;
	enum decoration_part part =
		decoration_part_at(view->decoration, cursor->wlr->x, cursor->wlr->y, &edges);

	if (part == PART_EDGE) {
		if (button == BTN_LEFT) {
			cursor_begin_resize(cursor, view, edges);
		}
		return;
	}
	if (button == BTN_RIGHT || (button == BTN_LEFT && part == PART_MENU)) {
		menu_open_window(
			cursor->seat->server, view, (int)cursor->wlr->x, (int)cursor->wlr->y);
		return;
	}
	if (button == BTN_MIDDLE && part == PART_TITLE) {
		view_lower(view);
		seat_focus_view(cursor->seat, view_topmost(view->server, NULL), false);
		return;
	}
	if (button != BTN_LEFT) {
		return;
	}
	cursor->mode = CURSOR_PRESS;
	cursor->grab_view = view;
	cursor->grab_part = part;
	cursor->grab_x = cursor->wlr->x;
	cursor->grab_y = cursor->wlr->y;
	set_hover(cursor, view, part, true);
	if (part == PART_TITLE) {
		press_title(cursor, view, time);
	}
}

static void focus_by_press(struct cursor *cursor, const struct node_hit *hit)
{
	struct view *view = hit_view(hit);
	struct layer_surface *layer;

	if (view != NULL) {
		seat_focus_view(cursor->seat, view, true);
	} else if (hit->owner != NULL && hit->owner->kind == NODE_LAYER) {
		layer = hit->owner->object;
		if (layer->mapped && layer->scene->layer_surface->current.keyboard_interactive) {
			seat_focus_layer(cursor->seat, layer);
		}
	} else if (cursor->seat->focused_layer != NULL) {
		seat_focus_layer(cursor->seat, NULL);
	}
}

/* Returns whether the client under the pointer should get the press. */
static bool press(struct cursor *cursor, uint32_t time, uint32_t button)
{
	struct server *server = cursor->seat->server;
	struct node_hit hit;

	keyboard_cancel_taps(cursor->seat);
	if (menu_press(server, cursor->wlr->x, cursor->wlr->y) || help_press(server)) {
		return false;
	}
	if (cursor->mode != CURSOR_PASS) {
		return false;
	}
	hit = node_at(server->scene, cursor->wlr->x, cursor->wlr->y);
	cursor->press_dx = cursor->wlr->x - hit.sx;
	cursor->press_dy = cursor->wlr->y - hit.sy;
	if (session_locked(server)) {
		return true;
	}
	if (hit.owner != NULL && hit.owner->kind == NODE_OSD) {
		notice_close(server);
		cursor_schedule_rebase(cursor);
		return false;
	}
	if (run_mouse_binding(cursor, &hit, button)) {
		return false;
	}
	if (wlr_seat_pointer_has_grab(cursor->seat->wlr)) {
		/* A popup's grab: the press outside closes it and does no more. */
		return true;
	}
	focus_by_press(cursor, &hit);
	if (hit.owner != NULL && hit.owner->kind == NODE_DECORATION) {
		press_decoration(cursor, hit.owner->object, time, button);
		return false;
	}
	return hit.surface != NULL;
}

void cursor_process_button(struct cursor *cursor, uint32_t time, uint32_t button, bool pressed)
{
	struct wlr_seat *seat = cursor->seat->wlr;

	if (pressed) {
		/* The first button's press decides; more buttons follow it to its surface. */
		if (seat->pointer_state.button_count > 0 || press(cursor, time, button)) {
			wlr_seat_pointer_notify_button(
				seat, time, button, WL_POINTER_BUTTON_STATE_PRESSED);
		}
		return;
	}
	if (menu_release(cursor->seat->server, cursor->wlr->x, cursor->wlr->y)) {
		return;
	}
	if (cursor->mode != CURSOR_PASS) {
		grab_release(cursor);
		cursor_schedule_rebase(cursor);
		/* The press of a move that a client asked for went to that client. */
	}
	for (size_t i = 0; i < seat->pointer_state.button_count; i++) {
		if (seat->pointer_state.buttons[i] == button) {
			wlr_seat_pointer_notify_button(
				seat, time, button, WL_POINTER_BUTTON_STATE_RELEASED);
			break;
		}
	}
	if (seat->pointer_state.button_count == 0) {
		cursor_schedule_rebase(cursor);
	}
}

static void handle_button(struct wl_listener *listener, void *data)
{
	struct cursor *cursor = wl_container_of(listener, cursor, button);
	struct wlr_pointer_button_event *event = data;

	seat_activity(cursor->seat);
	cursor_process_button(cursor, event->time_msec, event->button,
		event->state == WL_POINTER_BUTTON_STATE_PRESSED);
}

static void handle_axis(struct wl_listener *listener, void *data)
{
	struct cursor *cursor = wl_container_of(listener, cursor, axis);
	struct wlr_pointer_axis_event *event = data;

	seat_activity(cursor->seat);
	wlr_seat_pointer_notify_axis(cursor->seat->wlr, event->time_msec, event->orientation,
		event->delta, event->delta_discrete, event->source, event->relative_direction);
}

static void handle_frame(struct wl_listener *listener, void *data)
{
	struct cursor *cursor = wl_container_of(listener, cursor, frame);

	(void)data;
	wlr_seat_pointer_notify_frame(cursor->seat->wlr);
}

void cursor_attach(struct cursor *cursor, struct wlr_input_device *device)
{
	wlr_cursor_attach_input_device(cursor->wlr, device);
}

void cursor_detach(struct cursor *cursor, struct wlr_input_device *device)
{
	wlr_cursor_detach_input_device(cursor->wlr, device);
}

void cursor_map_device(
	struct cursor *cursor, struct wlr_input_device *device, struct output *output)
{
	wlr_cursor_map_input_to_output(
		cursor->wlr, device, output != NULL ? output->wlr_output : NULL);
}

void cursor_first_frame(struct cursor *cursor)
{
	if (!cursor->theme_loaded) {
		cursor->theme_loaded = true;
		cursor_load_theme(cursor);
		cursor->image = NULL;
		cursor_set_image(cursor, "default");
		cursor_schedule_rebase(cursor);
	}
}

void cursor_load_theme(struct cursor *cursor)
{
	struct output *output;

	if (!cursor->theme_loaded) {
		return;
	}
	wl_list_for_each(output, &cursor->seat->server->outputs, link)
	{
		wlr_xcursor_manager_load(cursor->theme, output->wlr_output->scale);
	}
}

static void make_theme(struct cursor *cursor)
{
	const struct config *config = cursor->seat->server->config;
	char size[16];

	cursor->theme = wlr_xcursor_manager_create(config->cursor_theme, config->cursor_size);
	if (cursor->theme == NULL) {
		abort();
	}
	/* Programs that draw their own cursor follow these. */
	snprintf(size, sizeof(size), "%d", config->cursor_size);
	setenv("XCURSOR_SIZE", size, 1);
	if (config->cursor_theme != NULL) {
		setenv("XCURSOR_THEME", config->cursor_theme, 1);
	}
}

void cursor_apply_config(struct cursor *cursor)
{
	struct wlr_xcursor_manager *old = cursor->theme;

	make_theme(cursor);
	cursor_load_theme(cursor);
	cursor->image = NULL;
	cursor_set_image(cursor, "default");
	cursor_schedule_rebase(cursor);
	wlr_xcursor_manager_destroy(old);
}

struct cursor *cursor_create(struct seat *seat)
{
	struct cursor *cursor = mem_zalloc(sizeof(*cursor));

	cursor->seat = seat;
	cursor->wlr = wlr_cursor_create();
	if (cursor->wlr == NULL) {
		abort();
	}
	make_theme(cursor);
	wlr_cursor_attach_output_layout(cursor->wlr, seat->server->output_layout);
	listener_add(&cursor->wlr->events.motion, &cursor->motion, handle_motion);
	listener_add(&cursor->wlr->events.motion_absolute, &cursor->motion_absolute,
		handle_motion_absolute);
	listener_add(&cursor->wlr->events.button, &cursor->button, handle_button);
	listener_add(&cursor->wlr->events.axis, &cursor->axis, handle_axis);
	listener_add(&cursor->wlr->events.frame, &cursor->frame, handle_frame);
	touch_connect(cursor);
	constraint_connect(cursor);
	cursor_set_image(cursor, "default");
	return cursor;
}

void cursor_destroy(struct cursor *cursor)
{
	cursor_end_grab(cursor);
	listener_remove(&cursor->motion);
	listener_remove(&cursor->motion_absolute);
	listener_remove(&cursor->button);
	listener_remove(&cursor->axis);
	listener_remove(&cursor->frame);
	touch_disconnect(cursor);
	constraint_disconnect(cursor);
	if (cursor->rebase != NULL) {
		wl_event_source_remove(cursor->rebase);
	}
	wlr_xcursor_manager_destroy(cursor->theme);
	wlr_cursor_destroy(cursor->wlr);
	free(cursor);
}
