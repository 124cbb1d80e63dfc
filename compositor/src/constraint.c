/* SPDX-License-Identifier: MIT */
#include "constraint.h"

#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_seat.h>
#include <wlr/util/region.h>

#include "cursor.h"
#include "protocols.h"
#include "seat.h"
#include "view.h"

static void deactivate(struct cursor *cursor, bool warp)
{
	struct wlr_pointer_constraint_v1 *c = cursor->constraint;
	struct view *view;

	if (c == NULL) {
		return;
	}
	listener_remove(&cursor->constraint_destroy);
	cursor->constraint = NULL;
	view = view_from_surface(cursor->seat->server, c->surface);
	if (warp && c->current.cursor_hint.enabled && view != NULL && view->surface == c->surface) {
		int x, y;

		wlr_scene_node_coords(&view->content->node, &x, &y);
		wlr_cursor_warp(cursor->wlr, NULL, x + c->current.cursor_hint.x,
			y + c->current.cursor_hint.y);
		wlr_seat_pointer_warp(
			cursor->seat->wlr, c->current.cursor_hint.x, c->current.cursor_hint.y);
	}
}

static void handle_destroy(struct wl_listener *listener, void *data)
{
	struct cursor *cursor = wl_container_of(listener, cursor, constraint_destroy);

	(void)data;
	deactivate(cursor, true);
}

static void activate(struct cursor *cursor, struct wlr_pointer_constraint_v1 *c)
{
	struct wlr_pointer_constraint_v1 *old = cursor->constraint;

	if (old == c) {
		return;
	}
	if (old != NULL) {
		deactivate(cursor, true);
		wlr_pointer_constraint_v1_send_deactivated(old);
	}
	if (c != NULL) {
		cursor->constraint = c;
		listener_add(&c->events.destroy, &cursor->constraint_destroy, handle_destroy);
		wlr_pointer_constraint_v1_send_activated(c);
	}
}

static void handle_new(struct wl_listener *listener, void *data)
{
	struct cursor *cursor = wl_container_of(listener, cursor, new_constraint);
	struct wlr_pointer_constraint_v1 *c = data;

	if (c->surface == cursor->seat->wlr->keyboard_state.focused_surface) {
		activate(cursor, c);
	}
}

void constraint_focus(struct cursor *cursor, struct wlr_surface *surface)
{
	struct wlr_pointer_constraint_v1 *c = NULL;

	if (surface != NULL) {
		c = wlr_pointer_constraints_v1_constraint_for_surface(
			cursor->seat->server->protocols->constraints, surface, cursor->seat->wlr);
	}
	activate(cursor, c);
}

bool constraint_limit(struct cursor *cursor, double *dx, double *dy)
{
	struct wlr_pointer_constraint_v1 *c = cursor->constraint;
	struct wlr_seat_pointer_state *pointer = &cursor->seat->wlr->pointer_state;
	double x, y;

	if (c == NULL || cursor->mode != CURSOR_PASS || pointer->focused_surface != c->surface) {
		return true;
	}
	if (c->type == WLR_POINTER_CONSTRAINT_V1_LOCKED) {
		return false;
	}
	if (!wlr_region_confine(&c->region, pointer->sx, pointer->sy, pointer->sx + *dx,
		    pointer->sy + *dy, &x, &y)) {
		return false;
	}
	*dx = x - pointer->sx;
	*dy = y - pointer->sy;
	return true;
}

void constraint_connect(struct cursor *cursor)
{
	listener_add(&cursor->seat->server->protocols->constraints->events.new_constraint,
		&cursor->new_constraint, handle_new);
}

void constraint_disconnect(struct cursor *cursor)
{
	deactivate(cursor, false);
	listener_remove(&cursor->new_constraint);
}
