/* SPDX-License-Identifier: MIT */
#include "workspace.h"

#include "ipc.h"
#include "seat.h"
#include "view.h"

struct workspaces *workspaces_create(int count)
{
	struct workspaces *w = mem_zalloc(sizeof(*w));

	w->count = count;
	return w;
}

void workspaces_destroy(struct workspaces *workspaces)
{
	free(workspaces);
}

int workspace_current(struct server *server)
{
	return server->workspaces->current;
}

static void refresh_views(struct server *server)
{
	struct view *view;

	wl_list_for_each(view, &server->views, link)
	{
		if (view->sticky) {
			view->workspace = server->workspaces->current;
		}
		view_update_visibility(view);
	}
}

void workspace_switch(struct server *server, int index)
{
	struct workspaces *w = server->workspaces;

	if (index < 0 || index >= w->count || index == w->current) {
		return;
	}
	w->last = w->current;
	w->current = index;
	refresh_views(server);
	seat_focus_view(server->seat, view_topmost(server, NULL), false);
	ipc_notify(server, IPC_WORKSPACES);
}

void workspace_set_count(struct server *server, int count)
{
	struct workspaces *w = server->workspaces;
	struct view *view;

	if (count == w->count) {
		return;
	}
	w->count = count;
	wl_list_for_each(view, &server->views, link)
	{
		view->workspace = int_min(view->workspace, count - 1);
	}
	w->current = int_min(w->current, count - 1);
	w->last = int_min(w->last, count - 1);
	refresh_views(server);
	seat_refresh_focus(server->seat);
	ipc_notify(server, IPC_WORKSPACES);
}

int workspace_by_name(struct server *server, const char *word, int number)
{
	struct workspaces *w = server->workspaces;

	if (number > 0) {
		return number <= w->count ? number - 1 : -1;
	}
	if (strcmp(word, "next") == 0) {
		return (w->current + 1) % w->count;
	}
	if (strcmp(word, "previous") == 0) {
		return (w->current + w->count - 1) % w->count;
	}
	return strcmp(word, "last") == 0 ? w->last : -1;
}

void workspace_show_desktop(struct server *server)
{
	bool any = false;
	struct view *view;

	wl_list_for_each(view, &server->views, link)
	{
		any |= view_visible(view);
	}
	wl_list_for_each(view, &server->views, link)
	{
		if (view->workspace == server->workspaces->current) {
			view->shown_desktop = any && !view->minimised;
			view_update_visibility(view);
		}
	}
	seat_focus_view(server->seat, view_topmost(server, NULL), false);
}
