/* SPDX-License-Identifier: MIT */
/* Carries out actions. Each handler gets a view if the action's definition says it needs one. */
#include <errno.h>
#include <stdlib.h>
#include <wlr/backend/session.h>

#include "action.h"
#include "cursor.h"
#include "help.h"
#include "keyboard.h"
#include "lock.h"
#include "menu.h"
#include "output.h"
#include "seat.h"
#include "spawner.h"
#include "switcher.h"
#include "view.h"
#include "workspace.h"

static bool toggled(const struct action *a, bool now)
{
	return strcmp(a->text, "toggle") == 0 ? !now : strcmp(a->text, "on") == 0;
}

static enum tile edge_named(const char *word)
{
	return strcmp(word, "left") == 0    ? TILE_LEFT
	       : strcmp(word, "right") == 0 ? TILE_RIGHT
	       : strcmp(word, "up") == 0    ? TILE_TOP
					    : TILE_BOTTOM;
}

static enum tile tile_named(const char *word)
{
	enum tile tile = TILE_NONE;

	tile |= strncmp(word, "up", 2) == 0 ? TILE_TOP : 0;
	tile |= strncmp(word, "down", 4) == 0 ? TILE_BOTTOM : 0;
	tile |= strstr(word, "left") != NULL ? TILE_LEFT : 0;
	tile |= strstr(word, "right") != NULL ? TILE_RIGHT : 0;
	return tile;
}

static void set_tile(struct view *view, enum tile tile)
{
	if (view->fullscreen) {
		view_set_fullscreen(view, false, NULL);
	}
	view_set_tile(view, tile, NULL);
}

static int run_push(struct view *view, const struct action *a)
{
	bool minimise;
	enum tile tile = layout_push(view->tile, edge_named(a->text), &minimise);

	if (minimise) {
		view_set_minimised(view, true);
	} else {
		set_tile(view, tile);
	}
	return 0;
}

static int run_restore(struct view *view)
{
	if (view->minimised) {
		seat_focus_view(view->server->seat, view, true);
	} else if (view->fullscreen) {
		view_set_fullscreen(view, false, NULL);
	} else {
		view_set_tile(view, TILE_NONE, NULL);
	}
	return 0;
}

static int run_move_by(struct view *view, const struct action *a)
{
	struct wlr_box box = view->pending;

	box.x += a->number;
	box.y += a->second;
	view_set_box(view, box);
	return 0;
}

static int run_resize_by(struct view *view, const struct action *a)
{
	struct wlr_box min, max, box = view->pending;

	view->impl->size_limits(view, &min, &max);
	view->resize_edges = TILE_NONE;
	view_set_box(view, layout_resize(box, TILE_RIGHT | TILE_BOTTOM, a->number, a->second,
				   min.width, min.height, max.width, max.height));
	return 0;
}

static int focus_beside(struct server *server, enum tile toward)
{
	struct view *from = server->seat->focused, *view, **views;
	struct wlr_box *boxes;
	size_t count = 0, total = wl_list_length(&server->views);
	int found;

	if (from == NULL) {
		return -ENOENT;
	}
	views = mem_zalloc((total + 1) * sizeof(struct view *));
	boxes = mem_zalloc((total + 1) * sizeof(*boxes));
	wl_list_for_each(view, &server->views, link)
	{
		if (view != from && view_visible(view)) {
			views[count] = view;
			boxes[count++] = view_frame(view);
		}
	}
	found = layout_neighbour(view_frame(from), toward, boxes, count);
	if (found >= 0) {
		seat_focus_view(server->seat, views[found], true);
	}
	free(views);
	free(boxes);
	return found >= 0 ? 0 : -ENOENT;
}

/* Next and previous go round all visible windows without a list on the screen. */
static int focus_cycle(struct server *server, bool next)
{
	struct view *view, *last = NULL;

	wl_list_for_each(view, &server->views, link)
	{
		if (view_visible(view) && view != server->seat->focused) {
			last = view;
			if (!next) {
				break;
			}
		}
	}
	if (last == NULL) {
		return -ENOENT;
	}
	seat_focus_view(server->seat, last, true);
	return 0;
}

static int run_focus(struct server *server, const struct action *a)
{
	if (strcmp(a->text, "next") == 0 || strcmp(a->text, "previous") == 0) {
		return focus_cycle(server, *a->text == 'n');
	}
	return focus_beside(server, edge_named(a->text));
}

static int run_workspace(struct server *server, const struct action *a)
{
	int index = workspace_by_name(server, a->text, a->number);

	if (index < 0) {
		return -ENOENT;
	}
	workspace_switch(server, index);
	return 0;
}

static int run_send_to_workspace(struct view *view, const struct action *a)
{
	int index = workspace_by_name(view->server, a->text, a->number);

	if (index < 0) {
		return -ENOENT;
	}
	view_set_workspace(view, index);
	return 0;
}

static int run_send_to_output(struct view *view, const struct action *a)
{
	struct output *output = output_find(view->server, view->output, a->text);

	if (output == NULL) {
		return -ENOENT;
	}
	view_set_output(view, output);
	return 0;
}

static int run_menu(struct server *server, const struct action *a)
{
	double x, y;

	seat_pointer_position(server->seat, &x, &y);
	return menu_open(server, a->text, (int)x, (int)y);
}

static int run_layout(struct server *server, const struct action *a)
{
	struct seat *seat = server->seat;
	int count = keyboard_layout_count(seat), index = a->number - 1;

	if (count == 0) {
		return -ENOENT;
	}
	if (a->number == 0) {
		index = keyboard_layout(seat) + (strcmp(a->text, "next") == 0 ? 1 : count - 1);
		index %= count;
	}
	return keyboard_set_layout(seat, index) < 0 ? -ENOENT : 0;
}

static int run_output_power(struct server *server, const struct action *a)
{
	struct output *output;
	bool any_on = false;

	wl_list_for_each(output, &server->outputs, link)
	{
		any_on |= output->wlr_output->enabled;
	}
	wl_list_for_each(output, &server->outputs, link)
	{
		if (output->wlr_output->enabled || output->power_off) {
			output_set_power(output, toggled(a, any_on));
		}
	}
	return 0;
}

static int run_vt(struct server *server, const struct action *a)
{
	if (server->session == NULL) {
		return -ENOENT;
	}
	return wlr_session_change_vt(server->session, (unsigned)a->number) ? 0 : -EIO;
}

static int run_on_view(struct server *server, const struct action *a, struct view *view)
{
	switch (a->def->id) {
	case ACTION_CLOSE:
		view_close(view);
		return 0;
	case ACTION_MOVE:
		cursor_begin_move(server->seat->cursor, view);
		return 0;
	case ACTION_RESIZE:
		cursor_begin_resize(server->seat->cursor, view, TILE_NONE);
		return 0;
	case ACTION_RAISE:
		view_raise(view);
		return 0;
	case ACTION_LOWER:
		view_lower(view);
		seat_focus_view(server->seat, view_topmost(server, NULL), false);
		return 0;
	case ACTION_MAXIMISE:
		set_tile(view, toggled(a, view->tile == TILE_ALL) ? TILE_ALL : TILE_NONE);
		return 0;
	case ACTION_FULLSCREEN:
		view_set_fullscreen(view, toggled(a, view->fullscreen), NULL);
		return 0;
	case ACTION_MINIMISE:
		view_set_minimised(view, true);
		return 0;
	case ACTION_RESTORE:
		return run_restore(view);
	case ACTION_SNAP:
		set_tile(view, tile_named(a->text));
		return 0;
	case ACTION_PUSH:
		return run_push(view, a);
	case ACTION_CENTRE:
		view_centre(view);
		return 0;
	case ACTION_ABOVE:
		view_set_above(view, toggled(a, view->above));
		return 0;
	case ACTION_STICKY:
		view_set_sticky(view, toggled(a, view->sticky));
		return 0;
	case ACTION_DECORATION:
		view_set_decorated(view, toggled(a, view->decorated));
		return 0;
	case ACTION_MOVE_BY:
		return run_move_by(view, a);
	case ACTION_RESIZE_BY:
		return run_resize_by(view, a);
	case ACTION_SEND_TO_WORKSPACE:
		return run_send_to_workspace(view, a);
	case ACTION_SEND_TO_OUTPUT:
		return run_send_to_output(view, a);
	case ACTION_WINDOW_MENU:
		menu_open_window(server, view, view->box.x, view->box.y);
		return 0;
	default:
		return -EINVAL;
	}
}

static int run_global(struct server *server, const struct action *a)
{
	switch (a->def->id) {
	case ACTION_NONE:
		return 0;
	case ACTION_EXEC:
		return spawner_run(server->spawner, a->text);
	case ACTION_FOCUS:
		return run_focus(server, a);
	case ACTION_SWITCH_WINDOW:
		switcher_step(server, strcmp(a->text, "next") == 0 ? 1 : -1);
		return 0;
	case ACTION_SHOW_DESKTOP:
		workspace_show_desktop(server);
		return 0;
	case ACTION_WORKSPACE:
		return run_workspace(server, a);
	case ACTION_MENU:
		return run_menu(server, a);
	case ACTION_HELP:
		help_toggle(server);
		return 0;
	case ACTION_KEYBOARD_LAYOUT:
		return run_layout(server, a);
	case ACTION_OUTPUT_POWER:
		return run_output_power(server, a);
	case ACTION_RELOAD:
		server_reload(server);
		return 0;
	case ACTION_VT:
		return run_vt(server, a);
	case ACTION_QUIT:
		server_quit(server, 0);
		return 0;
	default:
		return -EINVAL;
	}
}

int action_run(struct server *server, const struct action *action, struct view *view)
{
	if (!action->def->needs_view) {
		return run_global(server, action);
	}
	if (session_locked(server)) {
		return -EPERM;
	}
	if (view == NULL) {
		view = server->seat->focused;
	}
	return view != NULL && view->mapped ? run_on_view(server, action, view) : -ENOENT;
}
