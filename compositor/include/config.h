/* SPDX-License-Identifier: MIT */
/*
 * The compositor's configuration, read from one text file of directives, one to a line (see
 * session/etc/weft/compositor.conf, which explains each). Reading never stops at the first
 * mistake: every wrong line is reported with file and line, and the rest takes effect when the
 * compositor starts. A reload takes effect only when there is no mistake at all.
 */
#ifndef WEFT_CONFIG_H
#define WEFT_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-util.h>
#include <xkbcommon/xkbcommon.h>

#include "action.h"

#define CONFIG_WORKSPACES_MAX 10

/** Colours as 0xRRGGBBAA. */
enum theme_colour {
	THEME_ACCENT,
	THEME_TITLE_ACTIVE,
	THEME_TITLE_INACTIVE,
	THEME_TEXT_ACTIVE,
	THEME_TEXT_INACTIVE,
	THEME_BORDER_ACTIVE,
	THEME_BORDER_INACTIVE,
	THEME_PANEL,
	THEME_PANEL_TEXT,
	THEME_PANEL_DIM,
	THEME_CLOSE,
	THEME_URGENT,
	THEME_WALL_TOP,
	THEME_WALL_BOTTOM,
	THEME_COLOUR_COUNT,
};

enum config_mods {
	MOD_SHIFT = 1 << 0,
	MOD_CTRL = 1 << 2,
	MOD_ALT = 1 << 3,
	MOD_SUPER = 1 << 6,
	MOD_MASK = MOD_SHIFT | MOD_CTRL | MOD_ALT | MOD_SUPER,
};

struct key_binding {
	struct wl_list link; /* config.bindings, in the file's order */
	uint32_t mods;
	xkb_keysym_t sym;
	/** A modifier pressed and released by itself. */
	bool tap;
	/** Works while the session is locked. */
	bool locked;
	/** Works while a client inhibits shortcuts. */
	bool always;
	char *keys;	   /* as written, for the help screen */
	char *description; /* NULL: not in the help screen */
	char *section;	   /* NULL before the first section */
	struct action action;
};

struct mouse_binding {
	struct wl_list link; /* config.mouse_bindings */
	uint32_t mods;
	uint32_t button; /* linux/input-event-codes.h */
	struct action action;
};

struct menu_item_config {
	struct wl_list link; /* menu_config.items */
	char *label;	     /* NULL: a separator */
	struct action action;
};

struct menu_config {
	struct wl_list link; /* config.menus */
	char *name;
	struct wl_list items;
};

struct output_config {
	struct wl_list link; /* config.outputs */
	char *name;	     /* "*" for any */
	bool off;
	int width, height; /* 0: the preferred mode */
	int refresh;	   /* mHz; 0: any */
	double scale;	   /* 0: not set */
	int transform;	   /* enum wl_output_transform; -1: not set */
	bool has_position;
	int x, y;
};

struct rule_config {
	struct wl_list link;	/* config.rules */
	char *app_id, *title;	/* patterns with * and ?; NULL: any */
	struct wl_list actions; /* rule_action.link */
};

struct rule_action {
	struct wl_list link;
	struct action action;
};

struct spawn_config {
	struct wl_list link; /* config.spawns */
	char *command;
	/** Started again when it ends. */
	bool service;
};

struct env_config {
	struct wl_list link; /* config.env */
	char *name, *value;
};

struct idle_config {
	struct wl_list link; /* config.idles */
	int seconds;
	struct action action;
	/** Runs when there is input again; def is NULL when there is none. */
	struct action resume;
};

enum wallpaper_kind {
	WALLPAPER_DRAWN,
	WALLPAPER_COLOUR,
	WALLPAPER_IMAGE,
	WALLPAPER_NONE,
};

struct config {
	int workspaces;
	bool focus_follows_pointer;
	int gap, snap_distance, drop_distance;
	bool shadow;
	bool xwayland;
	char *font;
	uint32_t colours[THEME_COLOUR_COUNT];
	enum wallpaper_kind wallpaper;
	uint32_t wallpaper_colour;
	char *wallpaper_path;
	char *locker; /* started when the lock program died; NULL: none */

	char *kb_layout, *kb_variant, *kb_options, *kb_model;
	int repeat_rate, repeat_delay;
	bool numlock;

	bool has_accel, natural_scroll, tap_to_click, left_handed;
	double accel;
	char *cursor_theme; /* NULL: the default */
	int cursor_size;

	struct wl_list bindings, mouse_bindings, menus, outputs, rules, spawns, env, idles;
};

struct config_error {
	struct wl_list link;
	char *text; /* "FILE:LINE: what is wrong" */
};

struct config_errors {
	struct wl_list list;
	int count;
};

void config_errors_init(struct config_errors *errors);
void config_errors_finish(struct config_errors *errors);

/** A configuration with the built-in values and no bindings. */
struct config *config_create(void);
/** Accepts NULL. */
void config_destroy(struct config *config);

/**
 * Reads a file into `config`. Returns 0, the negative errno of opening it, or -EINVAL when there
 * are errors; what was right is in `config` all the same.
 */
int config_read_file(struct config *config, const char *path, struct config_errors *errors);
/** As config_read_file(), from memory; `name` is used in errors. */
int config_read_text(
	struct config *config, const char *text, const char *name, struct config_errors *errors);

struct menu_config *config_find_menu(const struct config *config, const char *name);

/** A shell pattern with * and ?; NULL matches all. */
bool config_pattern_match(const char *pattern, const char *text);

/** Parses "Super+Shift+Left". Returns 0 or -EINVAL with a sentence in `error`. */
int config_parse_keys(const char *keys, uint32_t *mods, xkb_keysym_t *sym, bool *tap, char *error,
	size_t error_size);

#endif
