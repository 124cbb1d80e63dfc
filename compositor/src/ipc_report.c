/* SPDX-License-Identifier: MIT */
/* What the control socket tells, as JSON. */
#include <stdio.h>
#include <stdlib.h>

#include "ipc.h"
#include "keyboard.h"
#include "lock.h"
#include "output.h"
#include "seat.h"
#include "view.h"
#include "workspace.h"

/* Writes a JSON string; with `markup` also safe inside pango markup. */
static void put_string(FILE *f, const char *s, bool markup)
{
	fputc('"', f);
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (markup && c == '&') {
			fputs("&amp;", f);
		} else if (markup && c == '<') {
			fputs("&lt;", f);
		} else if (c == '"' || c == '\\') {
			fprintf(f, "\\%c", c);
		} else if (c < 0x20) {
			fprintf(f, "\\u%04x", c);
		} else {
			fputc(c, f);
		}
	}
	fputc('"', f);
}

static void put_box(FILE *f, const char *name, struct wlr_box b)
{
	fprintf(f, "\"%s\":{\"x\":%d,\"y\":%d,\"width\":%d,\"height\":%d}", name, b.x, b.y, b.width,
		b.height);
}

static const char *tile_name(enum tile tile)
{
	static const char *const names[16] = {
		[TILE_NONE] = "none",
		[TILE_TOP] = "up",
		[TILE_BOTTOM] = "down",
		[TILE_LEFT] = "left",
		[TILE_RIGHT] = "right",
		[TILE_TOP | TILE_LEFT] = "up-left",
		[TILE_TOP | TILE_RIGHT] = "up-right",
		[TILE_BOTTOM | TILE_LEFT] = "down-left",
		[TILE_BOTTOM | TILE_RIGHT] = "down-right",
		[TILE_ALL] = "maximised",
	};

	return names[tile & 15] != NULL ? names[tile & 15] : "none";
}

static const char *boolean(bool b)
{
	return b ? "true" : "false";
}

static void put_view(FILE *f, struct view *view)
{
	fprintf(f, "{\"id\":%u,\"pid\":%d,\"title\":", view->id, (int)view->pid);
	put_string(f, view->title, false);
	fputs(",\"app_id\":", f);
	put_string(f, view->app_id, false);
	fprintf(f, ",\"workspace\":%d,\"output\":", view->workspace + 1);
	put_string(f, view->output != NULL ? view->output->wlr_output->name : "", false);
	fprintf(f, ",\"tile\":\"%s\"", tile_name(view->tile));
	fprintf(f, ",\"focused\":%s,\"visible\":%s,\"fullscreen\":%s,\"minimised\":%s",
		boolean(view->activated), boolean(view_visible(view)), boolean(view->fullscreen),
		boolean(view->minimised));
	fprintf(f, ",\"above\":%s,\"sticky\":%s,\"urgent\":%s,\"decorated\":%s,",
		boolean(view->above), boolean(view->sticky), boolean(view->urgent),
		boolean(view->decorated));
	put_box(f, "content", view->box);
	fputc(',', f);
	put_box(f, "frame", view_frame(view));
	fputc('}', f);
}

static void put_windows(FILE *f, struct server *server)
{
	struct view *view;
	bool first = true;

	fputs("[", f);
	wl_list_for_each(view, &server->views, link)
	{
		fputs(first ? "" : ",", f);
		put_view(f, view);
		first = false;
	}
	fputs("]", f);
}

struct tally {
	int windows;
	bool urgent;
};

static struct tally count_windows(struct server *server, int workspace)
{
	struct tally tally = {0};
	struct view *view;

	wl_list_for_each(view, &server->views, link)
	{
		if (view->workspace == workspace) {
			tally.windows++;
			tally.urgent |= view->urgent;
		}
	}
	return tally;
}

static void put_workspaces(FILE *f, struct server *server)
{
	struct workspaces *w = server->workspaces;

	fputs("[", f);
	for (int i = 0; i < w->count; i++) {
		struct tally tally = count_windows(server, i);

		fprintf(f, "%s{\"number\":%d,\"current\":%s,\"windows\":%d,\"urgent\":%s}",
			i > 0 ? "," : "", i + 1, boolean(i == w->current), tally.windows,
			boolean(tally.urgent));
	}
	fputs("]", f);
}

static void put_outputs(FILE *f, struct server *server)
{
	struct output *output;
	bool first = true;

	fputs("[", f);
	wl_list_for_each(output, &server->outputs, link)
	{
		struct wlr_output *o = output->wlr_output;

		fprintf(f, "%s{\"name\":", first ? "" : ",");
		put_string(f, o->name, false);
		fprintf(f, ",\"enabled\":%s,\"power\":%s,\"scale\":%g,\"refresh\":%d,",
			boolean(o->enabled || output->power_off), boolean(o->enabled), o->scale,
			o->refresh);
		put_box(f, "box", output->box);
		fputc(',', f);
		put_box(f, "usable", output->usable);
		fputc('}', f);
		first = false;
	}
	fputs("]", f);
}

static void put_layout(FILE *f, struct server *server)
{
	fprintf(f, "{\"index\":%d,\"count\":%d,\"name\":", keyboard_layout(server->seat) + 1,
		keyboard_layout_count(server->seat));
	put_string(f, keyboard_layout_name(server->seat), false);
	fprintf(f, ",\"locked\":%s}", boolean(session_locked(server)));
}

typedef void (*put_fn)(FILE *f, struct server *server);

static char *collect(struct server *server, put_fn put)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL) {
		abort();
	}
	put(f, server);
	fputc('\n', f);
	if (fclose(f) != 0) {
		abort();
	}
	return text;
}

char *ipc_report(struct server *server, enum ipc_topic topic)
{
	static const put_fn reports[IPC_TOPICS] = {
		[IPC_WORKSPACES] = put_workspaces,
		[IPC_WINDOWS] = put_windows,
		[IPC_OUTPUTS] = put_outputs,
		[IPC_LAYOUT] = put_layout,
	};

	return collect(server, reports[topic]);
}

/* One mark for each workspace: filled when shown, a ring when it has windows, a dot when not. */
static void panel_workspaces(FILE *f, struct server *server)
{
	struct workspaces *w = server->workspaces;

	fputs("{\"text\":\"", f);
	for (int i = 0; i < w->count; i++) {
		struct tally tally = count_windows(server, i);
		uint32_t colour = tally.urgent	      ? server->config->colours[THEME_URGENT]
				  : i == w->current   ? server->config->colours[THEME_ACCENT]
				  : tally.windows > 0 ? server->config->colours[THEME_PANEL_TEXT]
						      : server->config->colours[THEME_PANEL_DIM];

		fprintf(f, "%s<span color='#%06x'%s>%d</span>", i > 0 ? "  " : "", colour >> 8,
			i == w->current ? " weight='bold' underline='single'" : "", i + 1);
	}
	fprintf(f, "\",\"tooltip\":\"Workspace %d of %d\",\"class\":\"workspaces\"}",
		w->current + 1, w->count);
}

static void panel_layout(FILE *f, struct server *server)
{
	const char *name = keyboard_layout_name(server->seat);
	char code[3] = {0};

	/* With one layout there is nothing to tell. */
	if (keyboard_layout_count(server->seat) < 2) {
		fputs("{\"text\":\"\"}", f);
		return;
	}
	for (int i = 0; i < 2 && name[i] != '\0'; i++) {
		code[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i]);
	}
	fputs("{\"text\":", f);
	put_string(f, code, true);
	fputs(",\"tooltip\":", f);
	put_string(f, name, true);
	fputs("}", f);
}

static void panel_windows(FILE *f, struct server *server)
{
	struct view *focused = server->seat->focused;

	fputs("{\"text\":", f);
	put_string(f, focused != NULL ? focused->title : "", true);
	fputs("}", f);
}

static void panel_outputs(FILE *f, struct server *server)
{
	fprintf(f, "{\"text\":\"%d\"}", wl_list_length(&server->outputs));
}

char *ipc_report_panel(struct server *server, enum ipc_topic topic)
{
	static const put_fn reports[IPC_TOPICS] = {
		[IPC_WORKSPACES] = panel_workspaces,
		[IPC_WINDOWS] = panel_windows,
		[IPC_OUTPUTS] = panel_outputs,
		[IPC_LAYOUT] = panel_layout,
	};

	return collect(server, reports[topic]);
}
