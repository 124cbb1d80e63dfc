/* SPDX-License-Identifier: MIT */
/*
 * Touch screens, touchpad gestures and tablet tools. Touches go to clients as touches; a touch on
 * a decoration or the desktop acts as the pointer. Tools move the pointer, their tip is its left
 * button.
 */
#include <linux/input-event-codes.h>
#include <wlr/types/wlr_pointer.h>
#include <wlr/types/wlr_pointer_gestures_v1.h>
#include <wlr/types/wlr_tablet_tool.h>
#include <wlr/types/wlr_touch.h>

#include "cursor.h"
#include "lock.h"
#include "protocols.h"
#include "seat.h"
#include "view.h"

static struct cursor_touch *find_touch(struct cursor *cursor, int32_t id, bool down)
{
	for (size_t i = 0; i < ARRAY_LEN(cursor->touches); i++) {
		struct cursor_touch *t = &cursor->touches[i];

		if (t->down == down && (!down || t->id == id)) {
			return t;
		}
	}
	return NULL;
}

static void release_touch(struct cursor *cursor, int32_t id)
{
	struct cursor_touch *t = find_touch(cursor, id, true);

	if (t != NULL) {
		t->down = false;
	}
}

static void handle_touch_down(struct wl_listener *listener, void *data)
{
	struct cursor *cursor = wl_container_of(listener, cursor, touch_down);
	struct wlr_touch_down_event *event = data;
	struct seat *seat = cursor->seat;
	struct cursor_touch *slot;
	struct node_hit hit;
	double lx, ly;

	seat_activity(seat);
	wlr_cursor_absolute_to_layout_coords(
		cursor->wlr, &event->touch->base, event->x, event->y, &lx, &ly);
	hit = node_at(seat->server->scene, lx, ly);
	slot = find_touch(cursor, 0, false);
	if (hit.surface != NULL && slot != NULL &&
		wlr_surface_accepts_touch(seat->wlr, hit.surface)) {
		struct view *view = view_from_surface(seat->server, hit.surface);

		if (view != NULL && !session_locked(seat->server)) {
			seat_focus_view(seat, view, true);
		}
		*slot = (struct cursor_touch){true, event->touch_id, lx - hit.sx, ly - hit.sy};
		wlr_seat_touch_notify_down(
			seat->wlr, hit.surface, event->time_msec, event->touch_id, hit.sx, hit.sy);
		return;
	}
	if (cursor->pointer_touch < 0) {
		cursor->pointer_touch = event->touch_id;
		wlr_cursor_warp(cursor->wlr, NULL, lx, ly);
		cursor_process_motion(cursor, event->time_msec);
		cursor_process_button(cursor, event->time_msec, BTN_LEFT, true);
	}
}

static void handle_touch_up(struct wl_listener *listener, void *data)
{
	struct cursor *cursor = wl_container_of(listener, cursor, touch_up);
	struct wlr_touch_up_event *event = data;

	seat_activity(cursor->seat);
	if (cursor->pointer_touch == event->touch_id) {
		cursor->pointer_touch = -1;
		cursor_process_button(cursor, event->time_msec, BTN_LEFT, false);
		return;
	}
	release_touch(cursor, event->touch_id);
	wlr_seat_touch_notify_up(cursor->seat->wlr, event->time_msec, event->touch_id);
}

static void handle_touch_motion(struct wl_listener *listener, void *data)
{
	struct cursor *cursor = wl_container_of(listener, cursor, touch_motion);
	struct wlr_touch_motion_event *event = data;
	struct seat *seat = cursor->seat;
	struct cursor_touch *slot;
	double lx, ly;

	seat_activity(seat);
	wlr_cursor_absolute_to_layout_coords(
		cursor->wlr, &event->touch->base, event->x, event->y, &lx, &ly);
	if (cursor->pointer_touch == event->touch_id) {
		wlr_cursor_warp(cursor->wlr, NULL, lx, ly);
		cursor_process_motion(cursor, event->time_msec);
		return;
	}
	slot = find_touch(cursor, event->touch_id, true);
	if (slot != NULL) {
		wlr_seat_touch_notify_motion(
			seat->wlr, event->time_msec, event->touch_id, lx - slot->dx, ly - slot->dy);
	}
}

static void handle_touch_cancel(struct wl_listener *listener, void *data)
{
	struct cursor *cursor = wl_container_of(listener, cursor, touch_cancel);
	struct wlr_touch_cancel_event *event = data;
	struct wlr_touch_point *point =
		wlr_seat_touch_get_point(cursor->seat->wlr, event->touch_id);

	release_touch(cursor, event->touch_id);
	if (point != NULL && point->client != NULL) {
		wlr_seat_touch_notify_cancel(cursor->seat->wlr, point->client);
	}
}

static void handle_touch_frame(struct wl_listener *listener, void *data)
{
	struct cursor *cursor = wl_container_of(listener, cursor, touch_frame);

	(void)data;
	wlr_seat_touch_notify_frame(cursor->seat->wlr);
}

static void handle_tool_axis(struct wl_listener *listener, void *data)
{
	struct cursor *cursor = wl_container_of(listener, cursor, tool_axis);
	struct wlr_tablet_tool_axis_event *event = data;

	seat_activity(cursor->seat);
	if (event->updated_axes & (WLR_TABLET_TOOL_AXIS_X | WLR_TABLET_TOOL_AXIS_Y)) {
		wlr_cursor_warp_absolute(cursor->wlr, &event->tablet->base, event->x, event->y);
		cursor_process_motion(cursor, event->time_msec);
		wlr_seat_pointer_notify_frame(cursor->seat->wlr);
	}
}

static void handle_tool_tip(struct wl_listener *listener, void *data)
{
	struct cursor *cursor = wl_container_of(listener, cursor, tool_tip);
	struct wlr_tablet_tool_tip_event *event = data;

	seat_activity(cursor->seat);
	cursor_process_button(
		cursor, event->time_msec, BTN_LEFT, event->state == WLR_TABLET_TOOL_TIP_DOWN);
	wlr_seat_pointer_notify_frame(cursor->seat->wlr);
}

static struct wlr_pointer_gestures_v1 *gestures(struct cursor *cursor)
{
	seat_activity(cursor->seat);
	return cursor->seat->server->protocols->gestures;
}

static void handle_swipe_begin(struct wl_listener *listener, void *data)
{
	struct cursor *cursor = wl_container_of(listener, cursor, swipe_begin);
	struct wlr_pointer_swipe_begin_event *e = data;

	wlr_pointer_gestures_v1_send_swipe_begin(
		gestures(cursor), cursor->seat->wlr, e->time_msec, e->fingers);
}

static void handle_swipe_update(struct wl_listener *listener, void *data)
{
	struct cursor *cursor = wl_container_of(listener, cursor, swipe_update);
	struct wlr_pointer_swipe_update_event *e = data;

	wlr_pointer_gestures_v1_send_swipe_update(
		gestures(cursor), cursor->seat->wlr, e->time_msec, e->dx, e->dy);
}

static void handle_swipe_end(struct wl_listener *listener, void *data)
{
	struct cursor *cursor = wl_container_of(listener, cursor, swipe_end);
	struct wlr_pointer_swipe_end_event *e = data;

	wlr_pointer_gestures_v1_send_swipe_end(
		gestures(cursor), cursor->seat->wlr, e->time_msec, e->cancelled);
}

static void handle_pinch_begin(struct wl_listener *listener, void *data)
{
	struct cursor *cursor = wl_container_of(listener, cursor, pinch_begin);
	struct wlr_pointer_pinch_begin_event *e = data;

	wlr_pointer_gestures_v1_send_pinch_begin(
		gestures(cursor), cursor->seat->wlr, e->time_msec, e->fingers);
}

static void handle_pinch_update(struct wl_listener *listener, void *data)
{
	struct cursor *cursor = wl_container_of(listener, cursor, pinch_update);
	struct wlr_pointer_pinch_update_event *e = data;

	wlr_pointer_gestures_v1_send_pinch_update(gestures(cursor), cursor->seat->wlr, e->time_msec,
		e->dx, e->dy, e->scale, e->rotation);
}

static void handle_pinch_end(struct wl_listener *listener, void *data)
{
	struct cursor *cursor = wl_container_of(listener, cursor, pinch_end);
	struct wlr_pointer_pinch_end_event *e = data;

	wlr_pointer_gestures_v1_send_pinch_end(
		gestures(cursor), cursor->seat->wlr, e->time_msec, e->cancelled);
}

static void handle_hold_begin(struct wl_listener *listener, void *data)
{
	struct cursor *cursor = wl_container_of(listener, cursor, hold_begin);
	struct wlr_pointer_hold_begin_event *e = data;

	wlr_pointer_gestures_v1_send_hold_begin(
		gestures(cursor), cursor->seat->wlr, e->time_msec, e->fingers);
}

static void handle_hold_end(struct wl_listener *listener, void *data)
{
	struct cursor *cursor = wl_container_of(listener, cursor, hold_end);
	struct wlr_pointer_hold_end_event *e = data;

	wlr_pointer_gestures_v1_send_hold_end(
		gestures(cursor), cursor->seat->wlr, e->time_msec, e->cancelled);
}

void touch_connect(struct cursor *c)
{
	struct wlr_cursor *w = c->wlr;

	c->pointer_touch = -1;
	listener_add(&w->events.touch_down, &c->touch_down, handle_touch_down);
	listener_add(&w->events.touch_up, &c->touch_up, handle_touch_up);
	listener_add(&w->events.touch_motion, &c->touch_motion, handle_touch_motion);
	listener_add(&w->events.touch_cancel, &c->touch_cancel, handle_touch_cancel);
	listener_add(&w->events.touch_frame, &c->touch_frame, handle_touch_frame);
	listener_add(&w->events.tablet_tool_axis, &c->tool_axis, handle_tool_axis);
	listener_add(&w->events.tablet_tool_tip, &c->tool_tip, handle_tool_tip);
	listener_add(&w->events.swipe_begin, &c->swipe_begin, handle_swipe_begin);
	listener_add(&w->events.swipe_update, &c->swipe_update, handle_swipe_update);
	listener_add(&w->events.swipe_end, &c->swipe_end, handle_swipe_end);
	listener_add(&w->events.pinch_begin, &c->pinch_begin, handle_pinch_begin);
	listener_add(&w->events.pinch_update, &c->pinch_update, handle_pinch_update);
	listener_add(&w->events.pinch_end, &c->pinch_end, handle_pinch_end);
	listener_add(&w->events.hold_begin, &c->hold_begin, handle_hold_begin);
	listener_add(&w->events.hold_end, &c->hold_end, handle_hold_end);
}

void touch_disconnect(struct cursor *c)
{
	struct wl_listener *listeners[] = {&c->touch_down, &c->touch_up, &c->touch_motion,
		&c->touch_cancel, &c->touch_frame, &c->tool_axis, &c->tool_tip, &c->swipe_begin,
		&c->swipe_update, &c->swipe_end, &c->pinch_begin, &c->pinch_update, &c->pinch_end,
		&c->hold_begin, &c->hold_end};

	for (size_t i = 0; i < ARRAY_LEN(listeners); i++) {
		listener_remove(listeners[i]);
	}
}
