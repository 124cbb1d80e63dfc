/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <errno.h>
#include <linux/input-event-codes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"

struct outcome {
	struct config *config;
	struct config_errors errors;
	int ret;
};

/* The list of errors points to itself, so an outcome stays where it is. */
static struct outcome *outcome_create(void)
{
	struct outcome *o = calloc(1, sizeof(*o));

	o->config = config_create();
	config_errors_init(&o->errors);
	return o;
}

static struct outcome *read_text(const char *text)
{
	struct outcome *o = outcome_create();

	o->ret = config_read_text(o->config, text, "file", &o->errors);
	return o;
}

static struct outcome *read_path(const char *path)
{
	struct outcome *o = outcome_create();

	o->ret = config_read_file(o->config, path, &o->errors);
	return o;
}

static void finish(struct outcome *o)
{
	config_errors_finish(&o->errors);
	config_destroy(o->config);
	free(o);
}

static void assert_one_error(const char *text, const char *wanted)
{
	struct outcome *o = read_text(text);
	struct config_error *e;

	assert_int_equal(o->ret, -EINVAL);
	assert_int_equal(o->errors.count, 1);
	wl_list_for_each(e, &o->errors.list, link)
	{
		if (strstr(e->text, wanted) == NULL) {
			fail_msg("'%s' is not in '%s'", wanted, e->text);
		}
	}
	finish(o);
}

static void settings_are_read(void **state)
{
	struct outcome *o = read_text("workspaces 7\n"
				      "  focus pointer   # follows\n"
				      "gap 3\n\n# nothing\n"
				      "font \"Inter 11\"\n"
				      "colour accent 112233\n"
				      "colour panel 11223344\n"
				      "keyboard layout \"us,de\"\n"
				      "keyboard repeat 40 250\n"
				      "pointer acceleration -0.5\n"
				      "wallpaper colour 445566\n"
				      "shadow off\r\n"
				      "env A \"b c\"\n");

	(void)state;
	assert_int_equal(o->ret, 0);
	assert_int_equal(o->config->workspaces, 7);
	assert_true(o->config->focus_follows_pointer);
	assert_int_equal(o->config->gap, 3);
	assert_string_equal(o->config->font, "Inter 11");
	assert_int_equal(o->config->colours[THEME_ACCENT], 0x112233ff);
	assert_int_equal(o->config->colours[THEME_PANEL], 0x11223344);
	assert_string_equal(o->config->kb_layout, "us,de");
	assert_int_equal(o->config->repeat_rate, 40);
	assert_int_equal(o->config->repeat_delay, 250);
	assert_true(o->config->has_accel && o->config->accel == -0.5);
	assert_int_equal(o->config->wallpaper, WALLPAPER_COLOUR);
	assert_int_equal(o->config->wallpaper_colour, 0x445566ff);
	assert_false(o->config->shadow);
	assert_int_equal(wl_list_length(&o->config->env), 1);
	finish(o);
}

static void errors_name_file_and_line(void **state)
{
	(void)state;
	assert_one_error("gap 1\n\nnonsense 3\n", "file:3: there is no directive 'nonsense'");
	assert_one_error("gap \\\n  1\nworkspaces none\n", "file:3: 'none' is not a whole number");
	assert_one_error("workspaces 11\n", "file:1: '11' is not a whole number from 1 to 10");
	assert_one_error("workspaces\n", "needs a value");
	assert_one_error("workspaces 1 2\n", "does not take '2'");
	assert_one_error("font \"Inter\n", "a quote is not closed");
	assert_one_error("colour accent 12345\n", "is not a colour");
	assert_one_error("colour acent 123456\n", "there is no colour 'acent'");
	assert_one_error("shadow maybe\n", "neither 'on' nor 'off'");
	assert_one_error("focus sloppy\n", "'click' or 'pointer'");
	assert_one_error("keyboard rate 3\n", "no keyboard setting 'rate'");
	assert_one_error("keyboard repeat 3\n", "a rate in Hz and a delay");
	assert_one_error("pointer acceleration nan\n", "is not a number");
	assert_one_error("wallpaper image\n", "'wallpaper' takes");
	assert_one_error("env A=B c\n", "no name of a variable");
}

static void binding_errors(void **state)
{
	(void)state;
	assert_one_error("bind\n", "needs keys and an action");
	assert_one_error("bind Super+Nokey close\n", "is no key");
	assert_one_error("bind Sper+Q close\n", "'Sper' is no modifier");
	assert_one_error("bind Super+Q\n", "an action is missing");
	assert_one_error("bind Super+Q \"Close\"\n", "an action is missing");
	assert_one_error("bind Super+Q clos\n", "no action 'clos'");
	assert_one_error("bind --loud Super+Q close\n", "no option '--loud'");
	assert_one_error("mouse Super+Q close\n", "is no button");
	assert_one_error("mouse left\n", "needs more values");
	assert_one_error("idle 0 close\n", "from 1 to");
	assert_one_error("rule close\n", "needs app=PATTERN");
	assert_one_error("rule app=x nothing\n", "no action 'nothing'");
}

static void bindings_are_read(void **state)
{
	struct outcome *o = read_text("section \"One\"\n"
				      "bind Super+Shift+Q \"Close it\" close # comment\n"
				      "section \"Two\"\n"
				      "bind --locked --always XF86AudioMute exec true # kept\n"
				      "bind Super \"Menu\" menu root\n"
				      "bind Super+1 workspace 1\n"
				      "mouse Super+left move\n"
				      "mouse right menu root\n");
	struct key_binding *b;
	struct mouse_binding *m;

	(void)state;
	assert_int_equal(o->ret, 0);
	assert_int_equal(wl_list_length(&o->config->bindings), 4);
	b = wl_container_of(o->config->bindings.next, b, link);
	assert_int_equal(b->mods, MOD_SUPER | MOD_SHIFT);
	assert_int_equal(b->sym, XKB_KEY_q);
	assert_string_equal(b->description, "Close it");
	assert_string_equal(b->section, "One");
	assert_string_equal(b->keys, "Super+Shift+Q");
	assert_int_equal(b->action.def->id, ACTION_CLOSE);
	b = wl_container_of(b->link.next, b, link);
	assert_true(b->locked && b->always && !b->tap);
	assert_string_equal(b->section, "Two");
	assert_null(b->description);
	/* What follows exec is the shell's, its comments too. */
	assert_string_equal(b->action.text, "true # kept");
	b = wl_container_of(b->link.next, b, link);
	assert_true(b->tap);
	assert_int_equal(b->sym, XKB_KEY_Super_L);
	assert_int_equal(b->mods, 0);
	m = wl_container_of(o->config->mouse_bindings.next, m, link);
	assert_int_equal(m->button, BTN_LEFT);
	assert_int_equal(m->mods, MOD_SUPER);
	m = wl_container_of(m->link.next, m, link);
	assert_int_equal(m->button, BTN_RIGHT);
	assert_int_equal(m->mods, 0);
	finish(o);
}

static void later_bindings_win(void **state)
{
	struct outcome *o = read_text("bind Super+Q close\nbind Super+q maximise\n");
	struct key_binding *b;

	(void)state;
	assert_int_equal(wl_list_length(&o->config->bindings), 1);
	b = wl_container_of(o->config->bindings.next, b, link);
	assert_int_equal(b->action.def->id, ACTION_MAXIMISE);
	finish(o);
}

static void menus(void **state)
{
	struct outcome *o = read_text("menu root\nitem \"A \\\"b\\\"\" exec true\nseparator\n"
				      "item Keys help\nend\nmenu empty\nend\n");
	struct menu_config *menu;
	struct menu_item_config *item;

	(void)state;
	assert_int_equal(o->ret, 0);
	menu = config_find_menu(o->config, "root");
	assert_non_null(menu);
	assert_int_equal(wl_list_length(&menu->items), 3);
	item = wl_container_of(menu->items.next, item, link);
	assert_string_equal(item->label, "A \"b\"");
	assert_null(config_find_menu(o->config, "none"));
	finish(o);
	assert_one_error("menu a\nitem x help\n", "file:1: this menu has no 'end'");
	assert_one_error("item x help\n", "between 'menu' and 'end'");
	assert_one_error("end\n", "between 'menu' and 'end'");
	assert_one_error("menu a\nend\nmenu a\nend\n", "there is a menu 'a' already");
}

static void outputs(void **state)
{
	struct outcome *o = read_text("output HDMI-A-1 mode 1920x1080@59.94 scale 1.5 "
				      "position -10 20 transform flipped-90\noutput * off\n");
	struct output_config *oc;

	(void)state;
	assert_int_equal(o->ret, 0);
	oc = wl_container_of(o->config->outputs.next, oc, link);
	assert_string_equal(oc->name, "HDMI-A-1");
	assert_int_equal(oc->width, 1920);
	assert_int_equal(oc->height, 1080);
	assert_int_equal(oc->refresh, 59940);
	assert_true(oc->scale == 1.5 && oc->has_position && oc->x == -10 && oc->y == 20);
	assert_int_equal(oc->transform, 5);
	oc = wl_container_of(oc->link.next, oc, link);
	assert_true(oc->off);
	finish(o);
	assert_one_error("output A mode 1920\n", "is not a mode");
	assert_one_error("output A mode 0x10\n", "is not a mode");
	assert_one_error("output A mode 10x10@x\n", "is not a number");
	assert_one_error("output A scale 0\n", "is not a number from 0.5");
	assert_one_error("output A transform 45\n", "is no transform");
	assert_one_error("output A position 3\n", "no output property");
	assert_one_error("output A\n", "needs more values");
}

static void rules_and_spawns(void **state)
{
	struct outcome *o = read_text("rule app=org.* title=*x maximise on\n"
				      "service waybar -c \"a b\"\nautostart foot\n"
				      "idle 30 output-power off\nidle 20 exec lock\n");
	struct spawn_config *s;
	struct idle_config *i;

	(void)state;
	assert_int_equal(o->ret, 0);
	s = wl_container_of(o->config->spawns.next, s, link);
	assert_true(s->service);
	assert_string_equal(s->command, "waybar -c \"a b\"");
	i = wl_container_of(o->config->idles.next, i, link);
	assert_non_null(i->resume.def);
	i = wl_container_of(i->link.next, i, link);
	assert_null(i->resume.def);
	finish(o);
	assert_true(config_pattern_match(NULL, "x"));
	assert_true(config_pattern_match("org.*", "org.foo"));
	assert_false(config_pattern_match("org.*", "com.foo"));
	assert_true(config_pattern_match("", NULL));
}

static void includes(void **state)
{
	char dir[] = "/tmp/weft-config-XXXXXX", a[64], b[64];
	struct outcome *o;
	struct config_error *e;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(a, sizeof(a), "%s/a", dir);
	snprintf(b, sizeof(b), "%s/b", dir);
	f = fopen(a, "w");
	fputs("gap 1\ninclude b\ninclude missing\n", f);
	fclose(f);
	f = fopen(b, "w");
	fputs("workspaces 9\nwrong\n", f);
	fclose(f);
	o = read_path(a);
	assert_int_equal(o->ret, -EINVAL);
	assert_int_equal(o->config->workspaces, 9);
	assert_int_equal(o->errors.count, 2);
	e = wl_container_of(o->errors.list.next, e, link);
	assert_non_null(strstr(e->text, "/b:2: there is no directive 'wrong'"));
	e = wl_container_of(e->link.next, e, link);
	assert_non_null(strstr(e->text, "/a:3: cannot read"));
	finish(o);
	/* A file that includes itself ends with an error. */
	f = fopen(b, "w");
	fputs("include b\n", f);
	fclose(f);
	o = read_path(b);
	assert_int_equal(o->ret, -EINVAL);
	assert_int_equal(o->errors.count, 1);
	finish(o);
	o = read_path("/nowhere/x");
	assert_int_equal(o->ret, -ENOENT);
	finish(o);
	o = read_path(dir);
	assert_int_equal(o->ret, -EISDIR);
	finish(o);
	unlink(a);
	unlink(b);
	rmdir(dir);
}

/* No text may crash the parser: random lines made of the pieces of real ones. */
static void hostile_text(void **state)
{
	static const char *const pieces[] = {"bind", "menu", "item", "end", "\"", "\\", "\\\n", "#",
		"\n", " ", "Super+", "exec", "output", "mode", "1x1@", "rule", "app=", "include",
		"\t", "keyboard", "+", "++", "mouse", "left", "99999999999999999999", "-1", "\r",
		"idle", "section", "\xff\xfe", "workspace 1"};
	unsigned seed = 12345;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		char text[2048] = "";
		struct outcome *o;

		for (int i = 0; i < 40; i++) {
			seed = seed * 1103515245u + 12345u;
			strcat(text, pieces[(seed >> 16) % (sizeof(pieces) / sizeof(pieces[0]))]);
			if (seed >> 28 < 8) {
				strcat(text, " ");
			}
		}
		o = read_text(text);
		assert_int_equal(o->ret<0, o->errors.count> 0);
		finish(o);
	}
}

static void many_words_and_long_lines(void **state)
{
	char *text = malloc(300000);
	struct outcome *o;

	(void)state;
	memset(text, 'a', 299999);
	text[299999] = '\0';
	o = read_text(text);
	assert_int_equal(o->ret, -EINVAL);
	finish(o);
	for (int i = 0; i < 299998; i += 2) {
		memcpy(text + i, "x ", 2);
	}
	memcpy(text, "rule ", 5);
	o = read_text(text);
	assert_int_equal(o->ret, -EINVAL);
	finish(o);
	free(text);
}

static void installed_file_is_right(void **state)
{
	struct outcome *o = read_path(DEFAULT_CONFIG);
	struct config_error *e;
	struct key_binding *b;
	int shown = 0;

	(void)state;
	wl_list_for_each(e, &o->errors.list, link)
	{
		print_message("%s\n", e->text);
	}
	assert_int_equal(o->ret, 0);
	wl_list_for_each(b, &o->config->bindings, link)
	{
		shown += b->description != NULL;
		/* Every menu that a key opens exists. */
		if (b->action.def->id == ACTION_MENU) {
			assert_non_null(config_find_menu(o->config, b->action.text));
		}
	}
	assert_true(shown >= 30);
	finish(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_are_read),
		cmocka_unit_test(errors_name_file_and_line),
		cmocka_unit_test(binding_errors),
		cmocka_unit_test(bindings_are_read),
		cmocka_unit_test(later_bindings_win),
		cmocka_unit_test(menus),
		cmocka_unit_test(outputs),
		cmocka_unit_test(rules_and_spawns),
		cmocka_unit_test(includes),
		cmocka_unit_test(hostile_text),
		cmocka_unit_test(many_words_and_long_lines),
		cmocka_unit_test(installed_file_is_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
