/* SPDX-License-Identifier: MIT */
#include "help.h"

#include <stdio.h>
#include <stdlib.h>

#include "canvas.h"
#include "lock.h"
#include "output.h"
#include "seat.h"

#define ROW	   24
#define HEAD	   34
#define TITLE	   56
#define PADDING	   28
#define COLUMN_GAP 36

struct help {
	struct wlr_scene_tree *tree;
};

/* One line of the screen: a section's head, or a binding. */
struct line {
	const char *head;
	const struct key_binding *binding;
	int column, y;
};

struct sheet {
	struct line *lines;
	int count, columns, column_width, keys_width, width, height;
};

static bool shown(const struct key_binding *b)
{
	return b->description != NULL;
}

static const char *section_of(const struct key_binding *b)
{
	return b->section != NULL ? b->section : "Keys";
}

static void collect_lines(struct server *server, struct sheet *sheet)
{
	struct key_binding *b;
	const char *section = NULL;

	sheet->lines = mem_zalloc(
		(size_t)(2 * wl_list_length(&server->config->bindings) + 1) * sizeof(struct line));
	wl_list_for_each(b, &server->config->bindings, link)
	{
		if (!shown(b)) {
			continue;
		}
		if (section == NULL || strcmp(section, section_of(b)) != 0) {
			section = section_of(b);
			sheet->lines[sheet->count++].head = section;
		}
		sheet->lines[sheet->count++].binding = b;
	}
}

void help_key_label(const char *keys, char *out, size_t size)
{
	static const struct {
		const char *name, *label;
	} names[] = {{"Return", "Enter"}, {"Prior", "Page Up"}, {"Next", "Page Down"},
		{"XF86AudioRaiseVolume", "Volume up"}, {"XF86AudioLowerVolume", "Volume down"},
		{"space", "Space"}, {"Escape", "Esc"}, {"grave", "`"}, {"slash", "/"}};
	const char *last = strrchr(keys, '+');

	last = last != NULL ? last + 1 : keys;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(names[i].name, last) == 0) {
			snprintf(out, size, "%.*s%s", (int)(last - keys), keys, names[i].label);
			return;
		}
	}
	if (strlen(last) == 1) {
		snprintf(out, size, "%.*s%c", (int)(last - keys), keys,
			*last >= 'a' && *last <= 'z' ? *last - 32 : *last);
		return;
	}
	snprintf(out, size, "%s", keys);
}

static void measure_columns(struct server *server, struct sheet *sheet)
{
	const char *font = server->config->font;
	int text_width = 0;

	for (int i = 0; i < sheet->count; i++) {
		const struct key_binding *b = sheet->lines[i].binding;
		char keys[128];
		int w, h;

		if (b == NULL) {
			continue;
		}
		help_key_label(b->keys, keys, sizeof(keys));
		canvas_measure(font, keys, true, &w, &h);
		sheet->keys_width = int_max(sheet->keys_width, w + 16);
		canvas_measure(font, b->description, false, &w, &h);
		text_width = int_max(text_width, w + 8);
	}
	sheet->column_width = sheet->keys_width + text_width;
}

/* Fills columns of a height from the top; a section's head never ends one. -> their number */
static int flow_columns(struct sheet *sheet, int room)
{
	int y = 0, column = 0, tallest = 0;

	for (int i = 0; i < sheet->count; i++) {
		struct line *line = &sheet->lines[i];
		int height = line->head != NULL ? HEAD : ROW;
		int needed = line->head != NULL ? HEAD + 2 * ROW : ROW;

		if (y > 0 && y + needed > room) {
			column++;
			y = 0;
		}
		line->column = column;
		line->y = y;
		y += height;
		tallest = int_max(tallest, y);
	}
	sheet->columns = column + 1;
	sheet->height = TITLE + tallest + 2 * PADDING - 8;
	return sheet->columns;
}

/* As few columns as the screen has room for, of about the same height. */
static void flow(struct sheet *sheet, struct wlr_box area)
{
	int room = area.height - TITLE - 2 * PADDING - 40;
	int columns = flow_columns(sheet, room);

	while (room > ROW && flow_columns(sheet, room - ROW) == columns) {
		room -= ROW;
	}
	flow_columns(sheet, room);
	sheet->width = sheet->columns * sheet->column_width + (sheet->columns - 1) * COLUMN_GAP +
		       2 * PADDING;
}

static void draw_line(struct server *server, cairo_t *c, struct sheet *sheet, struct line *line)
{
	const uint32_t *col = server->config->colours;
	const char *font = server->config->font;
	double x = PADDING + line->column * (sheet->column_width + COLUMN_GAP);
	double y = TITLE + PADDING - 8 + line->y;
	char keys[128];

	if (line->head != NULL) {
		canvas_text(c, font, col[THEME_ACCENT], line->head, x, y, sheet->column_width, HEAD,
			TEXT_LEFT, true);
		return;
	}
	help_key_label(line->binding->keys, keys, sizeof(keys));
	canvas_text(c, font, col[THEME_PANEL_TEXT], keys, x, y, sheet->keys_width, ROW, TEXT_LEFT,
		true);
	canvas_text(c, font, col[THEME_PANEL_DIM], line->binding->description,
		x + sheet->keys_width, y, sheet->column_width - sheet->keys_width, ROW, TEXT_LEFT,
		false);
}

static void draw(struct server *server, struct sheet *sheet, struct canvas *canvas)
{
	const uint32_t *col = server->config->colours;
	cairo_t *c = canvas->cairo;

	canvas_rounded(c, 0.5, 0.5, sheet->width - 1, sheet->height - 1, 12, true);
	canvas_colour(c, col[THEME_PANEL]);
	cairo_fill_preserve(c);
	canvas_colour(c, col[THEME_BORDER_ACTIVE]);
	cairo_set_line_width(c, 1);
	cairo_stroke(c);
	canvas_text(c, "Sans 15", col[THEME_PANEL_TEXT], "Keys", PADDING, 10,
		sheet->width - 2 * PADDING, TITLE - 10, TEXT_LEFT, true);
	canvas_text(c, server->config->font, col[THEME_PANEL_DIM], "any key closes this", PADDING,
		10, sheet->width - 2 * PADDING, TITLE - 10, TEXT_RIGHT, false);
	for (int i = 0; i < sheet->count; i++) {
		draw_line(server, c, sheet, &sheet->lines[i]);
	}
}

static void help_open(struct server *server)
{
	static const float dim[4] = {0, 0, 0, 0.45f};
	struct output *output = output_current(server);
	struct sheet sheet = {0};
	struct canvas *canvas;
	struct wlr_scene_buffer *picture;

	if (output == NULL || session_locked(server)) {
		return;
	}
	collect_lines(server, &sheet);
	measure_columns(server, &sheet);
	flow(&sheet, output->usable);
	canvas = canvas_create(sheet.width, sheet.height, output->wlr_output->scale, false);
	if (canvas != NULL) {
		server->help = mem_zalloc(sizeof(*server->help));
		server->help->tree = wlr_scene_tree_create(server->layers[LAYER_OSD]);
		wlr_scene_node_set_position(
			&server->help->tree->node, output->box.x, output->box.y);
		wlr_scene_rect_create(
			server->help->tree, output->box.width, output->box.height, dim);
		picture = wlr_scene_buffer_create(server->help->tree, NULL);
		wlr_scene_node_set_position(&picture->node, (output->box.width - sheet.width) / 2,
			int_max(0, (output->box.height - sheet.height) / 2));
		draw(server, &sheet, canvas);
		canvas_show(canvas, picture, sheet.width, sheet.height);
	}
	free(sheet.lines);
	seat_scene_changed(server->seat);
}

void help_close(struct server *server)
{
	if (server->help != NULL) {
		wlr_scene_node_destroy(&server->help->tree->node);
		free(server->help);
		server->help = NULL;
		seat_scene_changed(server->seat);
	}
}

void help_toggle(struct server *server)
{
	if (server->help != NULL) {
		help_close(server);
	} else {
		help_open(server);
	}
}

bool help_key(struct server *server, xkb_keysym_t sym)
{
	(void)sym;
	if (server->help == NULL) {
		return false;
	}
	help_close(server);
	return true;
}

bool help_press(struct server *server)
{
	return help_key(server, XKB_KEY_NoSymbol);
}
