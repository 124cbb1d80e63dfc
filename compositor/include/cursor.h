/* SPDX-License-Identifier: MIT */
/*
 * The pointer and touch screens. In PASS mode events go to the surface under the pointer; while a
 * button is held they stay with the surface that it was pressed on. MOVE and RESIZE are the
 * interactive grabs of a window; PRESS holds a decoration part until the button is released.
 */
#ifndef WEFT_CURSOR_H
#define WEFT_CURSOR_H

#include <wlr/types/wlr_cursor.h>
#include <wlr/types/wlr_cursor_shape_v1.h>
#include <wlr/types/wlr_pointer_constraints_v1.h>

#include "decoration.h"
#include "node.h"
#include "server.h"

struct seat;
struct output;

enum cursor_mode {
	CURSOR_PASS,
	CURSOR_PRESS,
	CURSOR_MOVE,
	CURSOR_RESIZE,
};

struct cursor {
	struct seat *seat;
	struct wlr_cursor *wlr;
	struct wlr_xcursor_manager *theme;
	bool theme_loaded; /* a theme is a hundred files: they wait for the first frame */
	enum cursor_mode mode;
	struct view *grab_view;
	enum decoration_part grab_part;
	double grab_x, grab_y;	 /* where the grab began */
	struct wlr_box grab_box; /* the content then */
	enum tile grab_edges;
	struct view *hover_view;   /* its decoration shows a hovered part; NULL */
	double press_dx, press_dy; /* layout minus surface coordinates at the press */
	uint32_t click_time;	   /* of the last press on a title, for double clicks */
	struct view *click_view;
	struct wlr_scene_tree *preview; /* where a dragged window would snap; NULL */
	enum tile preview_tile;
	struct output *preview_output;
	const char *image; /* the theme's image that is shown; NULL: the client's */
	struct wl_event_source *rebase;

	/* Touches that went to a surface: it keeps them wherever they go. */
	struct cursor_touch {
		bool down;
		int32_t id;
		double dx, dy; /* layout minus surface coordinates */
	} touches[16];
	int32_t pointer_touch; /* the touch that acts as the pointer, or -1 */

	struct wlr_pointer_constraint_v1 *constraint; /* the active one; NULL */
	struct wl_listener constraint_destroy, new_constraint;

	struct wl_listener motion, motion_absolute, button, axis, frame;
	struct wl_listener swipe_begin, swipe_update, swipe_end;
	struct wl_listener pinch_begin, pinch_update, pinch_end, hold_begin, hold_end;
	struct wl_listener touch_down, touch_up, touch_motion, touch_cancel, touch_frame;
	struct wl_listener tool_axis, tool_tip;
};

struct cursor *cursor_create(struct seat *seat);
void cursor_destroy(struct cursor *cursor);
void cursor_attach(struct cursor *cursor, struct wlr_input_device *device);
void cursor_detach(struct cursor *cursor, struct wlr_input_device *device);
void cursor_map_device(
	struct cursor *cursor, struct wlr_input_device *device, struct output *output);
void cursor_apply_config(struct cursor *cursor);
/** Loads cursor images for the scales of all outputs. */
void cursor_load_theme(struct cursor *cursor);

/** The first picture is on its way to a screen: now there is time to load cursor images. */
void cursor_first_frame(struct cursor *cursor);

void cursor_begin_move(struct cursor *cursor, struct view *view);
/** With no edges, those nearest to the pointer move. */
void cursor_begin_resize(struct cursor *cursor, struct view *view, enum tile edges);
/** Ends a grab and leaves the window where it is. */
void cursor_end_grab(struct cursor *cursor);
void cursor_forget_view(struct cursor *cursor, struct view *view);

/** Looks up what is under the pointer once the event loop is idle. */
void cursor_schedule_rebase(struct cursor *cursor);
void cursor_set_image(struct cursor *cursor, const char *name);
void cursor_set_client_surface(
	struct cursor *cursor, struct wlr_surface *surface, int hotspot_x, int hotspot_y);
void cursor_set_client_shape(struct cursor *cursor, const char *name);

/* grab.c: the interactive modes. */
void grab_motion(struct cursor *cursor);
void grab_release(struct cursor *cursor);

/* touch.c: touch screens, gestures and tablet tools. */
void touch_connect(struct cursor *cursor);
void touch_disconnect(struct cursor *cursor);

/* pointer events that other devices make: moves to a place, presses, with the usual handling */
void cursor_process_motion(struct cursor *cursor, uint32_t time);
void cursor_process_button(struct cursor *cursor, uint32_t time, uint32_t button, bool pressed);

#endif
