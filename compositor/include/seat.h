/* SPDX-License-Identifier: MIT */
/*
 * The seat: input devices, keyboard focus, selections and drags. Keyboard focus is decided in one
 * place, seat_refresh_focus(), in this order: the lock surface while the session is locked; a
 * layer surface that wants the keyboard exclusively; a layer surface that was clicked and takes it
 * on demand; the most recently focused visible window; nothing.
 */
#ifndef WEFT_SEAT_H
#define WEFT_SEAT_H

#include <wlr/types/wlr_seat.h>

#include "server.h"

struct view;
struct layer_surface;

struct seat {
	struct server *server;
	struct wlr_seat *wlr;
	struct cursor *cursor;
	struct text_input *text_input;
	struct wl_list keyboards; /* keyboard.link */
	struct wl_list devices;	  /* pointers, touch screens: device.link */
	struct view *focused;	  /* the active window, even while a panel has the keyboard */
	struct layer_surface *focused_layer; /* took the focus on demand; NULL */
	struct wlr_scene_tree *drag_icon;    /* NULL: no drag */
	struct wl_listener request_set_cursor, request_set_shape;
	struct wl_listener request_set_selection, request_set_primary;
	struct wl_listener request_start_drag, start_drag, drag_destroy;
	struct wl_listener new_virtual_keyboard, new_virtual_pointer;
	struct wl_listener keyboard_focus_change;
};

struct seat *seat_create(struct server *server);
/** Accepts NULL. */
void seat_destroy(struct seat *seat);
void seat_handle_new_input(struct wl_listener *listener, void *data);
/** Applies the configuration to all devices and the cursor. */
void seat_apply_config(struct seat *seat);

/** Makes a window the active one; NULL for none. Restores it if it is minimised. */
void seat_focus_view(struct seat *seat, struct view *view, bool raise);
void seat_focus_layer(struct seat *seat, struct layer_surface *layer);
void seat_refresh_focus(struct seat *seat);
/** A view can no longer be seen: the focus goes on. */
void seat_view_hidden(struct seat *seat, struct view *view);
/** A view or surface goes away: nothing may keep a pointer to it. */
void seat_forget_view(struct seat *seat, struct view *view);
void seat_forget_surface(struct seat *seat, struct wlr_surface *surface);

/** What is under the pointer may have changed; it is looked up once the event loop is idle. */
void seat_scene_changed(struct seat *seat);
void seat_outputs_changed(struct seat *seat);
void seat_pointer_position(struct seat *seat, double *x, double *y);
/** Input came in: clients that wait for idleness are told. */
void seat_activity(struct seat *seat);
/** Whether a serial is of a press on the surface, so that a client may start a move with it. */
bool seat_validate_grab(struct seat *seat, struct wlr_surface *surface, uint32_t serial);
void seat_update_drag_icon(struct seat *seat);

#endif
