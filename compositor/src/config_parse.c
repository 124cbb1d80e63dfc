/* SPDX-License-Identifier: MIT */
/*
 * Reads directives. A line is split into words; double quotes keep spaces together and allow \"
 * and \\; '#' where a word could begin starts a comment; a backslash at the end joins the next
 * line. Directives that take an action or a command get the rest of the line as it was written,
 * so that the shell's quoting is the shell's own.
 */
#include <ctype.h>
#include <errno.h>
#include <linux/input-event-codes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <wayland-server-protocol.h>

#include "common.h"
#include "config.h"

#define WORDS_MAX	  24
#define INCLUDE_DEPTH_MAX 4

struct parser {
	struct config *config;
	struct config_errors *errors;
	const char *name;
	int line;
	int depth;
	char *section;
	struct menu_config *menu;
	int menu_line;
	/* The line at hand: words, whether each was quoted, and the text from each on. */
	char *words[WORDS_MAX];
	bool quoted[WORDS_MAX];
	const char *rest[WORDS_MAX + 1];
	int count;
};

static int read_file(struct parser *parent, struct config *config, const char *path,
	struct config_errors *errors, int depth);

__attribute__((format(printf, 2, 3))) static void fail(struct parser *p, const char *format, ...)
{
	struct config_error *e = mem_zalloc(sizeof(*e));
	char what[400], text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	snprintf(text, sizeof(text), "%s:%d: %s", p->name, p->line, what);
	e->text = mem_strdup(text);
	wl_list_insert(p->errors->list.prev, &e->link);
	p->errors->count++;
}

static bool parse_int(struct parser *p, const char *word, int low, int high, int *out)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(word, &end, 10);
	if (*word == '\0' || *end != '\0' || errno != 0 || n < low || n > high) {
		fail(p, "'%s' is not a whole number from %d to %d", word, low, high);
		return false;
	}
	*out = (int)n;
	return true;
}

static bool parse_double(struct parser *p, const char *word, double low, double high, double *out)
{
	char *end;
	double n = strtod(word, &end);

	if (*word == '\0' || *end != '\0' || !isfinite(n) || n < low || n > high) {
		fail(p, "'%s' is not a number from %g to %g", word, low, high);
		return false;
	}
	*out = n;
	return true;
}

static bool parse_switch(struct parser *p, const char *word, bool *out)
{
	if (strcmp(word, "on") == 0 || strcmp(word, "yes") == 0) {
		*out = true;
	} else if (strcmp(word, "off") == 0 || strcmp(word, "no") == 0) {
		*out = false;
	} else {
		fail(p, "'%s' is neither 'on' nor 'off'", word);
		return false;
	}
	return true;
}

static bool parse_colour(struct parser *p, const char *word, uint32_t *out)
{
	const char *hex = *word == '#' ? word + 1 : word;
	size_t len = strlen(hex);

	if ((len != 6 && len != 8) || strspn(hex, "0123456789abcdefABCDEF") != len) {
		fail(p, "'%s' is not a colour (RRGGBB or RRGGBBAA)", word);
		return false;
	}
	*out = (uint32_t)strtoul(hex, NULL, 16);
	if (len == 6) {
		*out = *out << 8 | 0xff;
	}
	return true;
}

static bool expect_words(struct parser *p, int low, int high)
{
	int n = p->count - 1;

	if (n < low) {
		fail(p, "'%s' needs %s", p->words[0], low == 1 ? "a value" : "more values");
		return false;
	}
	if (n > high) {
		fail(p, "'%s' does not take '%s'", p->words[0],
			p->words[int_min(high + 1, WORDS_MAX - 1)]);
		return false;
	}
	return true;
}

/* A command is the rest of the line as written; other actions end where a comment begins. */
static bool parse_action_at(struct parser *p, int word, struct action *out)
{
	char error[300], joined[1024];
	const char *text = p->rest[word];
	size_t len = 0;

	if (word < p->count && strcmp(p->words[word], "exec") != 0) {
		for (int i = word; i < p->count && len < sizeof(joined); i++) {
			len += snprintf(joined + len, sizeof(joined) - len, "%s%s",
				i > word ? " " : "", p->words[i]);
		}
		text = joined;
	}
	if (action_parse(text, out, error, sizeof(error)) < 0) {
		fail(p, "%s", error);
		return false;
	}
	return true;
}

/* The directives: each is called with its line split up. */

static void do_workspaces(struct parser *p)
{
	if (expect_words(p, 1, 1)) {
		parse_int(p, p->words[1], 1, CONFIG_WORKSPACES_MAX, &p->config->workspaces);
	}
}

static void do_focus(struct parser *p)
{
	if (!expect_words(p, 1, 1)) {
		return;
	}
	if (strcmp(p->words[1], "click") == 0) {
		p->config->focus_follows_pointer = false;
	} else if (strcmp(p->words[1], "pointer") == 0) {
		p->config->focus_follows_pointer = true;
	} else {
		fail(p, "'focus' takes 'click' or 'pointer', not '%s'", p->words[1]);
	}
}

static void do_gap(struct parser *p)
{
	if (expect_words(p, 1, 1)) {
		parse_int(p, p->words[1], 0, 100, &p->config->gap);
	}
}

static void do_snap_distance(struct parser *p)
{
	if (expect_words(p, 1, 1)) {
		parse_int(p, p->words[1], 0, 100, &p->config->snap_distance);
	}
}

static void do_drop_distance(struct parser *p)
{
	if (expect_words(p, 1, 1)) {
		parse_int(p, p->words[1], 0, 100, &p->config->drop_distance);
	}
}

static void do_shadow(struct parser *p)
{
	if (expect_words(p, 1, 1)) {
		parse_switch(p, p->words[1], &p->config->shadow);
	}
}

static void do_xwayland(struct parser *p)
{
	if (expect_words(p, 1, 1)) {
		parse_switch(p, p->words[1], &p->config->xwayland);
	}
}

static void do_font(struct parser *p)
{
	if (expect_words(p, 1, 1)) {
		mem_replace(&p->config->font, p->words[1]);
	}
}

static void do_colour(struct parser *p)
{
	static const char *const names[THEME_COLOUR_COUNT] = {
		[THEME_ACCENT] = "accent",
		[THEME_TITLE_ACTIVE] = "title-active",
		[THEME_TITLE_INACTIVE] = "title-inactive",
		[THEME_TEXT_ACTIVE] = "text-active",
		[THEME_TEXT_INACTIVE] = "text-inactive",
		[THEME_BORDER_ACTIVE] = "border-active",
		[THEME_BORDER_INACTIVE] = "border-inactive",
		[THEME_PANEL] = "panel",
		[THEME_PANEL_TEXT] = "panel-text",
		[THEME_PANEL_DIM] = "panel-dim",
		[THEME_CLOSE] = "close",
		[THEME_URGENT] = "urgent",
		[THEME_WALL_TOP] = "wallpaper-top",
		[THEME_WALL_BOTTOM] = "wallpaper-bottom",
	};

	if (!expect_words(p, 2, 2)) {
		return;
	}
	for (int i = 0; i < THEME_COLOUR_COUNT; i++) {
		if (strcmp(names[i], p->words[1]) == 0) {
			parse_colour(p, p->words[2], &p->config->colours[i]);
			return;
		}
	}
	fail(p, "there is no colour '%s'", p->words[1]);
}

static void do_wallpaper(struct parser *p)
{
	struct config *c = p->config;
	const char *kind;

	if (!expect_words(p, 1, 2)) {
		return;
	}
	kind = p->words[1];
	if (strcmp(kind, "drawn") == 0 && p->count == 2) {
		c->wallpaper = WALLPAPER_DRAWN;
	} else if (strcmp(kind, "none") == 0 && p->count == 2) {
		c->wallpaper = WALLPAPER_NONE;
	} else if (strcmp(kind, "colour") == 0 && p->count == 3) {
		if (parse_colour(p, p->words[2], &c->wallpaper_colour)) {
			c->wallpaper = WALLPAPER_COLOUR;
		}
	} else if (strcmp(kind, "image") == 0 && p->count == 3) {
		c->wallpaper = WALLPAPER_IMAGE;
		mem_replace(&c->wallpaper_path, p->words[2]);
	} else {
		fail(p, "'wallpaper' takes 'drawn', 'none', 'colour RRGGBB' or 'image FILE.png'");
	}
}

static void do_keyboard(struct parser *p)
{
	struct config *c = p->config;
	const char *what;

	if (!expect_words(p, 2, 3)) {
		return;
	}
	what = p->words[1];
	if (strcmp(what, "repeat") == 0) {
		if (p->count != 4) {
			fail(p, "'keyboard repeat' takes a rate in Hz and a delay in ms");
			return;
		}
		parse_int(p, p->words[2], 0, 200, &c->repeat_rate);
		parse_int(p, p->words[3], 50, 5000, &c->repeat_delay);
		return;
	}
	if (!expect_words(p, 2, 2)) {
		return;
	}
	if (strcmp(what, "layout") == 0) {
		mem_replace(&c->kb_layout, p->words[2]);
	} else if (strcmp(what, "variant") == 0) {
		mem_replace(&c->kb_variant, p->words[2]);
	} else if (strcmp(what, "options") == 0) {
		mem_replace(&c->kb_options, p->words[2]);
	} else if (strcmp(what, "model") == 0) {
		mem_replace(&c->kb_model, p->words[2]);
	} else if (strcmp(what, "numlock") == 0) {
		parse_switch(p, p->words[2], &c->numlock);
	} else {
		fail(p, "there is no keyboard setting '%s'", what);
	}
}

static void do_pointer(struct parser *p)
{
	struct config *c = p->config;
	const char *what;

	if (!expect_words(p, 2, 2)) {
		return;
	}
	what = p->words[1];
	if (strcmp(what, "acceleration") == 0) {
		c->has_accel |= parse_double(p, p->words[2], -1, 1, &c->accel);
	} else if (strcmp(what, "natural-scroll") == 0) {
		parse_switch(p, p->words[2], &c->natural_scroll);
	} else if (strcmp(what, "tap-to-click") == 0) {
		parse_switch(p, p->words[2], &c->tap_to_click);
	} else if (strcmp(what, "left-handed") == 0) {
		parse_switch(p, p->words[2], &c->left_handed);
	} else {
		fail(p, "there is no pointer setting '%s'", what);
	}
}

static void do_cursor(struct parser *p)
{
	if (!expect_words(p, 2, 2)) {
		return;
	}
	mem_replace(&p->config->cursor_theme, p->words[1]);
	parse_int(p, p->words[2], 8, 256, &p->config->cursor_size);
}

static bool parse_mode(struct parser *p, const char *word, struct output_config *o)
{
	double hz = 0;
	int n = 0;

	if (sscanf(word, "%dx%d%n", &o->width, &o->height, &n) != 2 || o->width < 1 ||
		o->height < 1 || o->width > 16384 || o->height > 16384 ||
		(word[n] != '\0' && word[n] != '@')) {
		fail(p, "'%s' is not a mode (WIDTHxHEIGHT or WIDTHxHEIGHT@HZ)", word);
		return false;
	}
	if (word[n] == '@' && !parse_double(p, word + n + 1, 1, 1000, &hz)) {
		return false;
	}
	o->refresh = (int)lround(hz * 1000);
	return true;
}

static bool parse_transform(struct parser *p, const char *word, int *out)
{
	static const char *const names[] = {
		[WL_OUTPUT_TRANSFORM_NORMAL] = "normal",
		[WL_OUTPUT_TRANSFORM_90] = "90",
		[WL_OUTPUT_TRANSFORM_180] = "180",
		[WL_OUTPUT_TRANSFORM_270] = "270",
		[WL_OUTPUT_TRANSFORM_FLIPPED] = "flipped",
		[WL_OUTPUT_TRANSFORM_FLIPPED_90] = "flipped-90",
		[WL_OUTPUT_TRANSFORM_FLIPPED_180] = "flipped-180",
		[WL_OUTPUT_TRANSFORM_FLIPPED_270] = "flipped-270",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(names[i], word) == 0) {
			*out = (int)i;
			return true;
		}
	}
	fail(p, "'%s' is no transform (normal, 90, 180, 270, flipped, flipped-90 ...)", word);
	return false;
}

/* Parses one property from word i; returns the number of words taken, or 0 after an error. */
static int parse_output_property(struct parser *p, struct output_config *o, int i)
{
	const char *what = p->words[i];
	bool value = i + 1 < p->count;

	if (strcmp(what, "off") == 0) {
		o->off = true;
		return 1;
	}
	if (strcmp(what, "mode") == 0 && value) {
		return parse_mode(p, p->words[i + 1], o) ? 2 : 0;
	}
	if (strcmp(what, "scale") == 0 && value) {
		return parse_double(p, p->words[i + 1], 0.5, 8, &o->scale) ? 2 : 0;
	}
	if (strcmp(what, "transform") == 0 && value) {
		return parse_transform(p, p->words[i + 1], &o->transform) ? 2 : 0;
	}
	if (strcmp(what, "position") == 0 && i + 2 < p->count) {
		o->has_position = parse_int(p, p->words[i + 1], -32768, 32767, &o->x) &&
				  parse_int(p, p->words[i + 2], -32768, 32767, &o->y);
		return o->has_position ? 3 : 0;
	}
	fail(p, "'%s' is no output property, or its value is missing", what);
	return 0;
}

static void do_output(struct parser *p)
{
	struct output_config *o;

	if (!expect_words(p, 2, WORDS_MAX)) {
		return;
	}
	o = mem_zalloc(sizeof(*o));
	o->transform = -1;
	for (int i = 2, n; i < p->count; i += n) {
		n = parse_output_property(p, o, i);
		if (n == 0) {
			free(o);
			return;
		}
	}
	o->name = mem_strdup(p->words[1]);
	wl_list_insert(p->config->outputs.prev, &o->link);
}

static void do_section(struct parser *p)
{
	if (expect_words(p, 1, 1)) {
		mem_replace(&p->section, p->words[1]);
	}
}

/* A later binding of the same keys takes the place of an earlier one. */
static void remove_same_keys(struct config *c, const struct key_binding *b)
{
	struct key_binding *old, *next;

	wl_list_for_each_safe(old, next, &c->bindings, link)
	{
		if (old->mods == b->mods && old->sym == b->sym) {
			wl_list_remove(&old->link);
			free(old->keys);
			free(old->description);
			free(old->section);
			action_finish(&old->action);
			free(old);
		}
	}
}

static void do_bind(struct parser *p)
{
	struct key_binding b = {0}, *copy;
	char error[200];
	int i = 1;

	for (; i < p->count && strncmp(p->words[i], "--", 2) == 0; i++) {
		if (strcmp(p->words[i], "--locked") == 0) {
			b.locked = true;
		} else if (strcmp(p->words[i], "--always") == 0) {
			b.always = true;
		} else {
			fail(p, "'bind' has no option '%s'", p->words[i]);
			return;
		}
	}
	if (i >= p->count) {
		fail(p, "'bind' needs keys and an action");
		return;
	}
	if (config_parse_keys(p->words[i], &b.mods, &b.sym, &b.tap, error, sizeof(error)) < 0) {
		fail(p, "%s", error);
		return;
	}
	b.keys = p->words[i++];
	if (i < p->count && p->quoted[i]) {
		b.description = p->words[i++];
	}
	if (!parse_action_at(p, i, &b.action)) {
		return;
	}
	remove_same_keys(p->config, &b);
	copy = mem_zalloc(sizeof(*copy));
	*copy = b;
	copy->keys = mem_strdup(b.keys);
	copy->description = mem_strdup(b.description);
	copy->section = mem_strdup(p->section);
	wl_list_insert(p->config->bindings.prev, &copy->link);
}

static bool parse_button(struct parser *p, const char *keys, uint32_t *mods, uint32_t *button)
{
	static const struct {
		const char *name;
		uint32_t code;
	} buttons[] = {{"left", BTN_LEFT}, {"right", BTN_RIGHT}, {"middle", BTN_MIDDLE},
		{"side", BTN_SIDE}, {"extra", BTN_EXTRA}};
	const char *last = strrchr(keys, '+');
	char error[200], with_key[128];
	xkb_keysym_t sym;
	bool tap;

	last = last != NULL ? last + 1 : keys;
	for (size_t i = 0; i < ARRAY_LEN(buttons); i++) {
		if (strcasecmp(buttons[i].name, last) == 0) {
			/* The modifiers are parsed as those of some key. */
			snprintf(with_key, sizeof(with_key), "%.*sa", (int)(last - keys), keys);
			if (config_parse_keys(with_key, mods, &sym, &tap, error, sizeof(error)) <
				0) {
				fail(p, "%s", error);
				return false;
			}
			*button = buttons[i].code;
			return true;
		}
	}
	fail(p, "'%s' is no button (left, right, middle, side, extra)", last);
	return false;
}

static void do_mouse(struct parser *p)
{
	struct mouse_binding b = {0}, *copy;

	if (!expect_words(p, 2, WORDS_MAX) || !parse_button(p, p->words[1], &b.mods, &b.button) ||
		!parse_action_at(p, 2, &b.action)) {
		return;
	}
	copy = mem_zalloc(sizeof(*copy));
	*copy = b;
	wl_list_insert(p->config->mouse_bindings.prev, &copy->link);
}

static void do_menu(struct parser *p)
{
	if (!expect_words(p, 1, 1)) {
		return;
	}
	if (p->menu != NULL) {
		fail(p, "the menu of line %d has no 'end'", p->menu_line);
	}
	if (config_find_menu(p->config, p->words[1]) != NULL) {
		fail(p, "there is a menu '%s' already", p->words[1]);
	}
	p->menu = mem_zalloc(sizeof(*p->menu));
	p->menu->name = mem_strdup(p->words[1]);
	p->menu_line = p->line;
	wl_list_init(&p->menu->items);
	wl_list_insert(p->config->menus.prev, &p->menu->link);
}

static bool in_menu(struct parser *p)
{
	if (p->menu == NULL) {
		fail(p, "'%s' belongs between 'menu' and 'end'", p->words[0]);
		return false;
	}
	return true;
}

static void do_item(struct parser *p)
{
	struct menu_item_config *item;
	struct action action;

	if (!in_menu(p) || !expect_words(p, 2, WORDS_MAX) || !parse_action_at(p, 2, &action)) {
		return;
	}
	item = mem_zalloc(sizeof(*item));
	item->label = mem_strdup(p->words[1]);
	item->action = action;
	wl_list_insert(p->menu->items.prev, &item->link);
}

static void do_separator(struct parser *p)
{
	if (in_menu(p) && expect_words(p, 0, 0)) {
		struct menu_item_config *item = mem_zalloc(sizeof(*item));

		wl_list_insert(p->menu->items.prev, &item->link);
	}
}

static void do_end(struct parser *p)
{
	if (in_menu(p) && expect_words(p, 0, 0)) {
		p->menu = NULL;
	}
}

static void do_rule(struct parser *p)
{
	struct rule_config *rule = mem_zalloc(sizeof(*rule));
	struct rule_action *ra;
	int i = 1;

	wl_list_init(&rule->actions);
	wl_list_insert(p->config->rules.prev, &rule->link);
	for (; i < p->count; i++) {
		if (strncmp(p->words[i], "app=", 4) == 0) {
			mem_replace(&rule->app_id, p->words[i] + 4);
		} else if (strncmp(p->words[i], "title=", 6) == 0) {
			mem_replace(&rule->title, p->words[i] + 6);
		} else {
			break;
		}
	}
	if (i == 1) {
		fail(p, "'rule' needs app=PATTERN or title=PATTERN");
		return;
	}
	ra = mem_zalloc(sizeof(*ra));
	if (!parse_action_at(p, i, &ra->action)) {
		free(ra);
		return;
	}
	wl_list_insert(rule->actions.prev, &ra->link);
}

static void do_spawn(struct parser *p)
{
	struct spawn_config *s;

	if (!expect_words(p, 1, WORDS_MAX)) {
		return;
	}
	s = mem_zalloc(sizeof(*s));
	s->command = mem_strdup(p->rest[1]);
	s->service = strcmp(p->words[0], "service") == 0;
	wl_list_insert(p->config->spawns.prev, &s->link);
}

static void do_locker(struct parser *p)
{
	if (expect_words(p, 1, WORDS_MAX)) {
		mem_replace(&p->config->locker, p->rest[1]);
	}
}

static void do_env(struct parser *p)
{
	struct env_config *e;

	if (!expect_words(p, 2, 2)) {
		return;
	}
	if (strchr(p->words[1], '=') != NULL) {
		fail(p, "'%s' is no name of a variable", p->words[1]);
		return;
	}
	e = mem_zalloc(sizeof(*e));
	e->name = mem_strdup(p->words[1]);
	e->value = mem_strdup(p->words[2]);
	wl_list_insert(p->config->env.prev, &e->link);
}

static void do_idle(struct parser *p)
{
	struct idle_config idle = {0}, *copy;

	if (!expect_words(p, 2, WORDS_MAX) || !parse_int(p, p->words[1], 1, 86400, &idle.seconds) ||
		!parse_action_at(p, 2, &idle.action)) {
		return;
	}
	/* What switches screens off must switch them on again. */
	if (idle.action.def->id == ACTION_OUTPUT_POWER && strcmp(idle.action.text, "off") == 0) {
		char error[100];

		action_parse("output-power on", &idle.resume, error, sizeof(error));
	}
	copy = mem_zalloc(sizeof(*copy));
	*copy = idle;
	wl_list_insert(p->config->idles.prev, &copy->link);
}

static void do_include(struct parser *p)
{
	char path[4096];
	const char *slash;
	int ret;

	if (!expect_words(p, 1, 1)) {
		return;
	}
	if (p->depth >= INCLUDE_DEPTH_MAX) {
		fail(p, "files include each other too deeply");
		return;
	}
	slash = strrchr(p->name, '/');
	if (p->words[1][0] == '/' || slash == NULL) {
		snprintf(path, sizeof(path), "%s", p->words[1]);
	} else {
		snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - p->name), p->name,
			p->words[1]);
	}
	ret = read_file(p, p->config, path, p->errors, p->depth + 1);
	if (ret < 0 && ret != -EINVAL) {
		fail(p, "cannot read %s: %s", path, strerror(-ret));
	}
}

static const struct {
	const char *name;
	void (*fn)(struct parser *p);
} directives[] = {
	{"autostart", do_spawn},
	{"bind", do_bind},
	{"colour", do_colour},
	{"cursor", do_cursor},
	{"drop-distance", do_drop_distance},
	{"end", do_end},
	{"env", do_env},
	{"focus", do_focus},
	{"font", do_font},
	{"gap", do_gap},
	{"idle", do_idle},
	{"include", do_include},
	{"item", do_item},
	{"keyboard", do_keyboard},
	{"locker", do_locker},
	{"menu", do_menu},
	{"mouse", do_mouse},
	{"output", do_output},
	{"pointer", do_pointer},
	{"rule", do_rule},
	{"section", do_section},
	{"separator", do_separator},
	{"service", do_spawn},
	{"shadow", do_shadow},
	{"snap-distance", do_snap_distance},
	{"wallpaper", do_wallpaper},
	{"workspaces", do_workspaces},
	{"xwayland", do_xwayland},
};

/* Copies one word to `out` (as long as the line) and returns where it ended, or NULL. */
static const char *split_word(const char *s, char *out, bool *quoted)
{
	*quoted = *s == '"';
	if (!*quoted) {
		while (*s != '\0' && !isspace((unsigned char)*s)) {
			*out++ = *s++;
		}
		*out = '\0';
		return s;
	}
	for (s++; *s != '"'; s++) {
		if (*s == '\\' && (s[1] == '"' || s[1] == '\\')) {
			s++;
		}
		if (*s == '\0') {
			return NULL;
		}
		*out++ = *s;
	}
	*out = '\0';
	return s + 1;
}

/* Splits the line into words that live in `store`. */
static bool split_line(struct parser *p, const char *line, char *store)
{
	const char *s = line;

	p->count = 0;
	for (;;) {
		s += strspn(s, " \t\r");
		if (*s == '\0' || *s == '#' || p->count == WORDS_MAX) {
			break;
		}
		p->rest[p->count] = s;
		p->words[p->count] = store;
		s = split_word(s, store, &p->quoted[p->count]);
		if (s == NULL) {
			fail(p, "a quote is not closed");
			return false;
		}
		store += strlen(store) + 1;
		p->count++;
	}
	for (int i = p->count; i <= WORDS_MAX; i++) {
		p->rest[i] = "";
	}
	return true;
}

static void parse_line(struct parser *p, char *line)
{
	/* Words and their ends need at most as much again as the line and one more byte. */
	char *store = mem_zalloc(2 * strlen(line) + 2);
	size_t i;

	for (size_t end = strlen(line); end > 0 && isspace((unsigned char)line[end - 1]); end--) {
		line[end - 1] = '\0';
	}
	if (split_line(p, line, store) && p->count > 0) {
		for (i = 0; i < ARRAY_LEN(directives); i++) {
			if (strcmp(directives[i].name, p->words[0]) == 0) {
				directives[i].fn(p);
				break;
			}
		}
		if (i == ARRAY_LEN(directives)) {
			fail(p, "there is no directive '%s'", p->words[0]);
		}
	}
	free(store);
}

/* Takes one line off *text, with those that a backslash joins to it; the caller frees it. */
static char *take_line(const char **text, int *lines)
{
	const char *s = *text, *end = strchr(s, '\n');
	char *line;
	size_t len = 0;

	while (end != NULL && end > s && end[-1] == '\\') {
		end = strchr(end + 1, '\n');
	}
	line = mem_zalloc((end != NULL ? (size_t)(end - s) : strlen(s)) + 1);
	*lines = 0;
	for (; *s != '\0'; s++) {
		if (*s == '\\' && s[1] == '\n') {
			line[len++] = ' ';
			s++;
			++*lines;
		} else if (*s == '\n') {
			s++;
			break;
		} else {
			line[len++] = *s;
		}
	}
	++*lines;
	*text = s;
	return line;
}

static int read_text(struct config *config, const char *text, const char *name,
	struct config_errors *errors, int depth, char **section)
{
	struct parser p = {.config = config, .errors = errors, .name = name, .depth = depth};
	int before = errors->count, lines;

	p.line = 1;
	p.section = mem_strdup(*section);
	while (*text != '\0') {
		char *line = take_line(&text, &lines);

		parse_line(&p, line);
		free(line);
		p.line += lines;
	}
	if (p.menu != NULL) {
		p.line = p.menu_line;
		fail(&p, "this menu has no 'end'");
	}
	free(*section);
	*section = p.section;
	return errors->count > before ? -EINVAL : 0;
}

static int read_all(const char *path, char **out)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t len = 0, size = 0, n;

	if (f == NULL) {
		return -errno;
	}
	do {
		if (size - len < 4096) {
			size = size * 2 + 8192;
			text = realloc(text, size);
			if (text == NULL) {
				abort();
			}
		}
		n = fread(text + len, 1, size - len - 1, f);
		len += n;
	} while (n > 0);
	if (ferror(f)) {
		/* A directory opens, but does not read. */
		int err = errno != 0 ? errno : EIO;

		free(text);
		fclose(f);
		return -err;
	}
	text[len] = '\0';
	fclose(f);
	*out = text;
	return 0;
}

static int read_file(struct parser *parent, struct config *config, const char *path,
	struct config_errors *errors, int depth)
{
	char *text = NULL, *own_section = NULL;
	int ret = read_all(path, &text);

	if (ret < 0) {
		return ret;
	}
	ret = read_text(config, text, path, errors, depth,
		parent != NULL ? &parent->section : &own_section);
	free(own_section);
	free(text);
	return ret;
}

int config_read_file(struct config *config, const char *path, struct config_errors *errors)
{
	return read_file(NULL, config, path, errors, 0);
}

int config_read_text(
	struct config *config, const char *text, const char *name, struct config_errors *errors)
{
	char *section = NULL;
	int ret = read_text(config, text, name, errors, 0, &section);

	free(section);
	return ret;
}
