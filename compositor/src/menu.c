/* SPDX-License-Identifier: MIT */
#include "menu.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "canvas.h"
#include "help.h"
#include "lock.h"
#include "node.h"
#include "output.h"
#include "seat.h"
#include "view.h"
#include "workspace.h"

#define ITEM_HEIGHT	 28
#define SEPARATOR_HEIGHT 9
#define PADDING		 6
#define MIN_WIDTH	 180

struct menu_item {
	char *label; /* NULL: a separator */
	char *hint;  /* the keys that do the same; NULL */
	struct action action;
	int y, height;
};

struct menu {
	struct server *server;
	struct wlr_scene_tree *tree;
	struct wlr_scene_buffer *picture;
	struct node_owner owner;
	struct menu_item *items;
	int count, selected; /* -1: none */
	int x, y, width, height;
	struct view *view;     /* of a window menu */
	double open_x, open_y; /* of the pointer */
	bool moved;	       /* since it opened: a release may choose */
	bool pressed;
};

void menu_close(struct server *server)
{
	struct menu *menu = server->menu;

	if (menu == NULL) {
		return;
	}
	server->menu = NULL;
	wlr_scene_node_destroy(&menu->tree->node);
	for (int i = 0; i < menu->count; i++) {
		free(menu->items[i].label);
		free(menu->items[i].hint);
		action_finish(&menu->items[i].action);
	}
	free(menu->items);
	free(menu);
	seat_scene_changed(server->seat);
}

void menu_forget_view(struct server *server, struct view *view)
{
	if (server->menu != NULL && server->menu->view == view) {
		menu_close(server);
	}
}

static double menu_scale(struct menu *menu)
{
	struct output *output = output_at(menu->server, menu->x, menu->y);

	return output != NULL ? output->wlr_output->scale : 1;
}

static void draw_item(struct menu *menu, cairo_t *c, int index)
{
	const struct config *config = menu->server->config;
	const uint32_t *col = config->colours;
	struct menu_item *item = &menu->items[index];
	double inner = menu->width - 2 * PADDING;
	bool selected = menu->selected == index;

	if (item->label == NULL) {
		canvas_colour(c, col[THEME_BORDER_ACTIVE]);
		cairo_rectangle(c, PADDING + 6, item->y + SEPARATOR_HEIGHT / 2, inner - 12, 1);
		cairo_fill(c);
		return;
	}
	if (selected) {
		canvas_colour(c, (col[THEME_ACCENT] & ~0xffu) | 0x30);
		canvas_rounded(c, PADDING, item->y, inner, item->height, 5, true);
		cairo_fill(c);
	}
	canvas_text(c, config->font, col[THEME_PANEL_TEXT], item->label, PADDING + 10, item->y,
		inner - 20, item->height, TEXT_LEFT, selected);
	if (item->hint != NULL) {
		canvas_text(c, config->font, col[THEME_PANEL_DIM], item->hint, PADDING + 10,
			item->y, inner - 20, item->height, TEXT_RIGHT, false);
	}
}

static void draw(struct menu *menu)
{
	const uint32_t *col = menu->server->config->colours;
	struct canvas *canvas = canvas_create(menu->width, menu->height, menu_scale(menu), false);
	cairo_t *c;

	if (canvas == NULL) {
		return;
	}
	c = canvas->cairo;
	canvas_rounded(c, 0.5, 0.5, menu->width - 1, menu->height - 1, 9, true);
	canvas_colour(c, col[THEME_PANEL]);
	cairo_fill_preserve(c);
	canvas_colour(c, col[THEME_BORDER_ACTIVE]);
	cairo_set_line_width(c, 1);
	cairo_stroke(c);
	for (int i = 0; i < menu->count; i++) {
		draw_item(menu, c, i);
	}
	canvas_show(canvas, menu->picture, menu->width, menu->height);
}

/* The keys bound to the same action, for the right side of an entry. */
static char *find_hint(struct server *server, const struct action *action)
{
	struct key_binding *b;

	wl_list_for_each(b, &server->config->bindings, link)
	{
		const struct action *a = &b->action;

		if (a->def == action->def && a->number == action->number &&
			a->second == action->second &&
			(a->text == action->text || (a->text != NULL && action->text != NULL &&
							    strcmp(a->text, action->text) == 0))) {
			char label[128];

			help_key_label(b->keys, label, sizeof(label));
			return mem_strdup(label);
		}
	}
	return NULL;
}

/* Adds an entry, or a separator without label; the menu takes the action over. */
static void add_entry(struct menu *menu, const char *label, struct action action)
{
	struct menu_item *item;

	menu->items = realloc(menu->items, (size_t)(menu->count + 1) * sizeof(*menu->items));
	if (menu->items == NULL) {
		abort();
	}
	item = &menu->items[menu->count++];
	*item = (struct menu_item){.label = mem_strdup(label), .action = action};
	item->hint = label != NULL ? find_hint(menu->server, &item->action) : NULL;
}

/* As add_entry(), for the entries of this file. */
static void add_item(struct menu *menu, const char *label, const char *action_text)
{
	struct action action = {0};
	char error[100];

	if (label != NULL && action_parse(action_text, &action, error, sizeof(error)) < 0) {
		abort();
	}
	add_entry(menu, label, action);
}

static void measure(struct menu *menu)
{
	const char *font = menu->server->config->font;
	int y = PADDING;

	menu->width = MIN_WIDTH;
	for (int i = 0; i < menu->count; i++) {
		struct menu_item *item = &menu->items[i];
		int label = 0, hint = 0, h;

		item->y = y;
		item->height = item->label != NULL ? ITEM_HEIGHT : SEPARATOR_HEIGHT;
		y += item->height;
		if (item->label != NULL) {
			canvas_measure(font, item->label, true, &label, &h);
		}
		if (item->hint != NULL) {
			canvas_measure(font, item->hint, false, &hint, &h);
			hint += 28;
		}
		menu->width = int_max(menu->width, label + hint + 2 * PADDING + 24);
	}
	menu->height = y + PADDING;
}

static struct menu *begin_menu(struct server *server)
{
	struct menu *menu = mem_zalloc(sizeof(*menu));

	menu_close(server);
	menu->server = server;
	menu->selected = -1;
	return menu;
}

static void show(struct menu *menu, int x, int y)
{
	struct server *server = menu->server;
	struct output *output = output_at(server, x, y);
	struct wlr_box box;

	measure(menu);
	box = (struct wlr_box){x, y, menu->width, menu->height};
	if (output != NULL) {
		box = layout_fit(box, output->usable);
	}
	menu->x = box.x;
	menu->y = box.y;
	menu->tree = wlr_scene_tree_create(server->layers[LAYER_OSD]);
	menu->owner = (struct node_owner){NODE_MENU, menu};
	node_set_owner(&menu->tree->node, &menu->owner);
	wlr_scene_node_set_position(&menu->tree->node, menu->x, menu->y);
	menu->picture = wlr_scene_buffer_create(menu->tree, NULL);
	seat_pointer_position(server->seat, &menu->open_x, &menu->open_y);
	server->menu = menu;
	draw(menu);
	seat_scene_changed(server->seat);
}

int menu_open(struct server *server, const char *name, int x, int y)
{
	struct menu_config *mc = config_find_menu(server->config, name);
	struct menu_item_config *ic;
	struct menu *menu;

	if (mc == NULL || session_locked(server)) {
		return -ENOENT;
	}
	menu = begin_menu(server);
	wl_list_for_each(ic, &mc->items, link)
	{
		struct action action = {0};

		action_copy(&action, &ic->action);
		add_entry(menu, ic->label, action);
	}
	show(menu, x, y);
	return 0;
}

void menu_open_window(struct server *server, struct view *view, int x, int y)
{
	struct menu *menu = begin_menu(server);
	char label[64], action[64];

	menu->view = view;
	add_item(menu, "Minimise", "minimise");
	add_item(menu, view->tile == TILE_ALL ? "Restore" : "Maximise", "maximise toggle");
	add_item(menu, view->fullscreen ? "Leave full screen" : "Full screen", "fullscreen toggle");
	add_item(menu, NULL, NULL);
	add_item(menu, "Left half", "push left");
	add_item(menu, "Right half", "push right");
	add_item(menu, "Centre", "centre");
	add_item(menu, NULL, NULL);
	add_item(menu, view->above ? "Not always on top" : "Always on top", "above toggle");
	add_item(menu, view->sticky ? "Only on this workspace" : "On all workspaces",
		"sticky toggle");
	for (int i = 0; i < server->workspaces->count; i++) {
		if (i != view->workspace && !view->sticky) {
			snprintf(label, sizeof(label), "Send to workspace %d", i + 1);
			snprintf(action, sizeof(action), "send-to-workspace %d", i + 1);
			add_item(menu, label, action);
		}
	}
	add_item(menu, NULL, NULL);
	add_item(menu, "Close", "close");
	show(menu, x, y);
}

static void choose(struct server *server)
{
	struct menu *menu = server->menu;
	struct view *view = menu->view;
	struct action action;

	if (menu->selected < 0) {
		return;
	}
	/* The action outlives the menu: it may open another. */
	action = menu->items[menu->selected].action;
	menu->items[menu->selected].action = (struct action){0};
	menu_close(server);
	action_run(server, &action, view);
	action_finish(&action);
}

static void select_item(struct menu *menu, int index)
{
	if (menu->selected != index) {
		menu->selected = index;
		draw(menu);
	}
}

static void step(struct menu *menu, int direction)
{
	int index = menu->selected;

	if (index < 0 && direction < 0) {
		index = menu->count;
	}
	for (int i = 0; i < menu->count; i++) {
		index = (index + direction + menu->count) % menu->count;
		if (menu->items[index].label != NULL) {
			select_item(menu, index);
			return;
		}
	}
}

bool menu_key(struct server *server, xkb_keysym_t sym)
{
	struct menu *menu = server->menu;

	if (menu == NULL) {
		return false;
	}
	switch (sym) {
	case XKB_KEY_Up:
	case XKB_KEY_ISO_Left_Tab:
		step(menu, -1);
		break;
	case XKB_KEY_Down:
	case XKB_KEY_Tab:
		step(menu, 1);
		break;
	case XKB_KEY_Return:
	case XKB_KEY_KP_Enter:
	case XKB_KEY_space:
		choose(server);
		break;
	case XKB_KEY_Shift_L:
	case XKB_KEY_Shift_R:
		break;
	default:
		menu_close(server);
		break;
	}
	return true;
}

static int item_at(struct menu *menu, double x, double y)
{
	if (x < menu->x || x >= menu->x + menu->width) {
		return -1;
	}
	for (int i = 0; i < menu->count; i++) {
		struct menu_item *item = &menu->items[i];

		if (item->label != NULL && y >= menu->y + item->y &&
			y < menu->y + item->y + item->height) {
			return i;
		}
	}
	return -1;
}

bool menu_motion(struct server *server, double x, double y)
{
	struct menu *menu = server->menu;
	int index;

	if (menu == NULL) {
		return false;
	}
	index = item_at(menu, x, y);
	menu->moved |= fabs(x - menu->open_x) > 4 || fabs(y - menu->open_y) > 4;
	if (index >= 0) {
		select_item(menu, index);
	}
	return true;
}

bool menu_press(struct server *server, double x, double y)
{
	struct menu *menu = server->menu;

	if (menu == NULL) {
		return false;
	}
	if (x < menu->x || y < menu->y || x >= menu->x + menu->width ||
		y >= menu->y + menu->height) {
		menu_close(server);
		return true;
	}
	menu->pressed = true;
	return true;
}

bool menu_release(struct server *server, double x, double y)
{
	struct menu *menu = server->menu;

	if (menu == NULL) {
		return false;
	}
	/* A press that opened the menu may be held, moved to an entry and let go there. */
	if ((menu->pressed || menu->moved) && item_at(menu, x, y) >= 0) {
		menu->selected = item_at(menu, x, y);
		choose(server);
	}
	return true;
}
