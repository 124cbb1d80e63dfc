/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>

#include "common.h"

static const uint32_t default_colours[THEME_COLOUR_COUNT] = {
	[THEME_ACCENT] = 0x5ec4b6ff,
	[THEME_TITLE_ACTIVE] = 0x2b3442ff,
	[THEME_TITLE_INACTIVE] = 0x222934ff,
	[THEME_TEXT_ACTIVE] = 0xe6ebf2ff,
	[THEME_TEXT_INACTIVE] = 0x8a95a5ff,
	[THEME_BORDER_ACTIVE] = 0x3f4b5dff,
	[THEME_BORDER_INACTIVE] = 0x2a323eff,
	[THEME_PANEL] = 0x1b212af2,
	[THEME_PANEL_TEXT] = 0xe6ebf2ff,
	[THEME_PANEL_DIM] = 0x8a95a5ff,
	[THEME_CLOSE] = 0xe06c75ff,
	[THEME_URGENT] = 0xe5a75cff,
	[THEME_WALL_TOP] = 0x16202cff,
	[THEME_WALL_BOTTOM] = 0x2f5d62ff,
};

struct config *config_create(void)
{
	struct config *c = mem_zalloc(sizeof(*c));

	c->workspaces = 4;
	c->gap = 6;
	c->snap_distance = 12;
	c->drop_distance = 8;
	c->shadow = true;
	c->xwayland = true;
	c->font = mem_strdup("Sans 10");
	memcpy(c->colours, default_colours, sizeof(c->colours));
	c->kb_layout = mem_strdup("us");
	c->repeat_rate = 30;
	c->repeat_delay = 400;
	c->tap_to_click = true;
	c->cursor_size = 24;
	wl_list_init(&c->bindings);
	wl_list_init(&c->mouse_bindings);
	wl_list_init(&c->menus);
	wl_list_init(&c->outputs);
	wl_list_init(&c->rules);
	wl_list_init(&c->spawns);
	wl_list_init(&c->env);
	wl_list_init(&c->idles);
	return c;
}

static void destroy_bindings(struct config *c)
{
	struct key_binding *b, *b_next;
	struct mouse_binding *m, *m_next;

	wl_list_for_each_safe(b, b_next, &c->bindings, link)
	{
		wl_list_remove(&b->link);
		free(b->keys);
		free(b->description);
		free(b->section);
		action_finish(&b->action);
		free(b);
	}
	wl_list_for_each_safe(m, m_next, &c->mouse_bindings, link)
	{
		wl_list_remove(&m->link);
		action_finish(&m->action);
		free(m);
	}
}

static void destroy_menus(struct config *c)
{
	struct menu_config *menu, *menu_next;
	struct menu_item_config *item, *item_next;

	wl_list_for_each_safe(menu, menu_next, &c->menus, link)
	{
		wl_list_for_each_safe(item, item_next, &menu->items, link)
		{
			wl_list_remove(&item->link);
			free(item->label);
			action_finish(&item->action);
			free(item);
		}
		wl_list_remove(&menu->link);
		free(menu->name);
		free(menu);
	}
}

static void destroy_rules(struct config *c)
{
	struct rule_config *rule, *rule_next;
	struct rule_action *ra, *ra_next;

	wl_list_for_each_safe(rule, rule_next, &c->rules, link)
	{
		wl_list_for_each_safe(ra, ra_next, &rule->actions, link)
		{
			wl_list_remove(&ra->link);
			action_finish(&ra->action);
			free(ra);
		}
		wl_list_remove(&rule->link);
		free(rule->app_id);
		free(rule->title);
		free(rule);
	}
}

static void destroy_rest(struct config *c)
{
	struct output_config *o, *o_next;
	struct spawn_config *s, *s_next;
	struct env_config *e, *e_next;
	struct idle_config *i, *i_next;

	wl_list_for_each_safe(o, o_next, &c->outputs, link)
	{
		wl_list_remove(&o->link);
		free(o->name);
		free(o);
	}
	wl_list_for_each_safe(s, s_next, &c->spawns, link)
	{
		wl_list_remove(&s->link);
		free(s->command);
		free(s);
	}
	wl_list_for_each_safe(e, e_next, &c->env, link)
	{
		wl_list_remove(&e->link);
		free(e->name);
		free(e->value);
		free(e);
	}
	wl_list_for_each_safe(i, i_next, &c->idles, link)
	{
		wl_list_remove(&i->link);
		action_finish(&i->action);
		action_finish(&i->resume);
		free(i);
	}
}

void config_destroy(struct config *c)
{
	if (c == NULL) {
		return;
	}
	destroy_bindings(c);
	destroy_menus(c);
	destroy_rules(c);
	destroy_rest(c);
	free(c->font);
	free(c->wallpaper_path);
	free(c->locker);
	free(c->kb_layout);
	free(c->kb_variant);
	free(c->kb_options);
	free(c->kb_model);
	free(c->cursor_theme);
	free(c);
}

void config_errors_init(struct config_errors *errors)
{
	wl_list_init(&errors->list);
	errors->count = 0;
}

void config_errors_finish(struct config_errors *errors)
{
	struct config_error *e, *next;

	wl_list_for_each_safe(e, next, &errors->list, link)
	{
		wl_list_remove(&e->link);
		free(e->text);
		free(e);
	}
	errors->count = 0;
}

struct menu_config *config_find_menu(const struct config *config, const char *name)
{
	struct menu_config *menu;

	wl_list_for_each(menu, &config->menus, link)
	{
		if (strcmp(menu->name, name) == 0) {
			return menu;
		}
	}
	return NULL;
}

bool config_pattern_match(const char *pattern, const char *text)
{
	return pattern == NULL || fnmatch(pattern, text != NULL ? text : "", 0) == 0;
}

static const struct {
	const char *name;
	uint32_t mod;
	xkb_keysym_t sym;
} modifiers[] = {
	{"Super", MOD_SUPER, XKB_KEY_Super_L},
	{"Logo", MOD_SUPER, XKB_KEY_Super_L},
	{"Alt", MOD_ALT, XKB_KEY_Alt_L},
	{"Ctrl", MOD_CTRL, XKB_KEY_Control_L},
	{"Control", MOD_CTRL, XKB_KEY_Control_L},
	{"Shift", MOD_SHIFT, XKB_KEY_Shift_L},
};

int config_parse_keys(const char *keys, uint32_t *mods, xkb_keysym_t *sym, bool *tap, char *error,
	size_t error_size)
{
	const char *p = keys;

	*mods = 0;
	*sym = XKB_KEY_NoSymbol;
	*tap = false;
	while (*p != '\0') {
		size_t len = strcspn(p + 1, "+") + 1, i;
		bool last = p[len] == '\0';
		char name[64];

		snprintf(name, sizeof(name), "%.*s", (int)len, p);
		for (i = 0; i < ARRAY_LEN(modifiers); i++) {
			if (strcasecmp(modifiers[i].name, name) == 0) {
				break;
			}
		}
		if (i < ARRAY_LEN(modifiers) && !last) {
			*mods |= modifiers[i].mod;
		} else if (i < ARRAY_LEN(modifiers)) {
			*sym = modifiers[i].sym;
			*tap = true;
		} else if (last) {
			*sym = xkb_keysym_to_lower(
				xkb_keysym_from_name(name, XKB_KEYSYM_CASE_INSENSITIVE));
		} else {
			snprintf(error, error_size, "'%s' is no modifier", name);
			return -EINVAL;
		}
		p += len + !last;
	}
	if (*sym == XKB_KEY_NoSymbol) {
		snprintf(error, error_size, "'%s' is no key", keys);
		return -EINVAL;
	}
	return 0;
}
