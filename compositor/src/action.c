/* SPDX-License-Identifier: MIT */
#include "action.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common.h"

#define EDGES  "left|right|up|down"
#define TOGGLE "toggle|on|off"

static const struct action_def table[] = {
	{"none", ACTION_NONE, ARG_NONE, NULL, false, false},
	{"exec", ACTION_EXEC, ARG_COMMAND, NULL, false, false},
	{"close", ACTION_CLOSE, ARG_NONE, NULL, false, true},
	{"move", ACTION_MOVE, ARG_NONE, NULL, false, true},
	{"resize", ACTION_RESIZE, ARG_NONE, NULL, false, true},
	{"raise", ACTION_RAISE, ARG_NONE, NULL, false, true},
	{"lower", ACTION_LOWER, ARG_NONE, NULL, false, true},
	{"maximise", ACTION_MAXIMISE, ARG_WORD, TOGGLE, false, true},
	{"fullscreen", ACTION_FULLSCREEN, ARG_WORD, TOGGLE, false, true},
	{"minimise", ACTION_MINIMISE, ARG_NONE, NULL, false, true},
	{"restore", ACTION_RESTORE, ARG_NONE, NULL, false, true},
	{"snap", ACTION_SNAP, ARG_WORD, "left|right|up|down|up-left|up-right|down-left|down-right",
		false, true},
	{"push", ACTION_PUSH, ARG_WORD, EDGES, false, true},
	{"centre", ACTION_CENTRE, ARG_NONE, NULL, false, true},
	{"above", ACTION_ABOVE, ARG_WORD, TOGGLE, false, true},
	{"sticky", ACTION_STICKY, ARG_WORD, TOGGLE, false, true},
	{"decoration", ACTION_DECORATION, ARG_WORD, TOGGLE, false, true},
	{"move-by", ACTION_MOVE_BY, ARG_PAIR, NULL, true, true},
	{"resize-by", ACTION_RESIZE_BY, ARG_PAIR, NULL, true, true},
	{"focus", ACTION_FOCUS, ARG_WORD, EDGES "|next|previous", true, false},
	{"switch-window", ACTION_SWITCH_WINDOW, ARG_WORD, "next|previous", true, false},
	{"show-desktop", ACTION_SHOW_DESKTOP, ARG_NONE, NULL, false, false},
	{"workspace", ACTION_WORKSPACE, ARG_WORD, "#|next|previous|last", true, false},
	{"send-to-workspace", ACTION_SEND_TO_WORKSPACE, ARG_WORD, "#|next|previous", false, true},
	{"send-to-output", ACTION_SEND_TO_OUTPUT, ARG_NAME, NULL, false, true},
	{"menu", ACTION_MENU, ARG_NAME, NULL, false, false},
	{"window-menu", ACTION_WINDOW_MENU, ARG_NONE, NULL, false, true},
	{"help", ACTION_HELP, ARG_NONE, NULL, false, false},
	{"keyboard-layout", ACTION_KEYBOARD_LAYOUT, ARG_WORD, "#|next|previous", false, false},
	{"output-power", ACTION_OUTPUT_POWER, ARG_WORD, TOGGLE, false, false},
	{"reload", ACTION_RELOAD, ARG_NONE, NULL, false, false},
	{"vt", ACTION_VT, ARG_WORD, "#", false, false},
	{"quit", ACTION_QUIT, ARG_NONE, NULL, false, false},
};

const struct action_def *action_table(size_t *count)
{
	*count = ARRAY_LEN(table);
	return table;
}

static const struct action_def *find_def(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (strlen(table[i].name) == len && strncmp(table[i].name, name, len) == 0) {
			return &table[i];
		}
	}
	return NULL;
}

/* True when `word` is in a '|' list; a list with "#" takes any whole number from 1 too. */
static bool word_in_list(const char *list, const char *word, int *number)
{
	size_t len = strlen(word);

	*number = 0;
	for (const char *p = list; p != NULL; p = strchr(p, '|')) {
		const char *end;

		p += *p == '|';
		end = p + strcspn(p, "|");
		if (*p == '#') {
			char *rest;
			long n = strtol(word, &rest, 10);

			if (len > 0 && *rest == '\0' && n >= 1 && n <= 99) {
				*number = (int)n;
				return true;
			}
		} else if ((size_t)(end - p) == len && strncmp(p, word, len) == 0) {
			return true;
		}
	}
	return false;
}

static int parse_word(
	const struct action_def *def, const char *arg, struct action *out, char *error, size_t size)
{
	/* Toggles may leave their word out. */
	if (*arg == '\0' && strcmp(def->words, TOGGLE) == 0) {
		arg = "toggle";
	}
	if (!word_in_list(def->words, arg, &out->number)) {
		snprintf(error, size, "'%s' takes one of %s, not '%s'", def->name, def->words, arg);
		return -EINVAL;
	}
	out->text = mem_strdup(arg);
	return 0;
}

static int parse_pair(
	const struct action_def *def, const char *arg, struct action *out, char *error, size_t size)
{
	char junk;

	if (sscanf(arg, "%d %d %c", &out->number, &out->second, &junk) != 2 ||
		abs(out->number) > 10000 || abs(out->second) > 10000) {
		snprintf(error, size, "'%s' takes two whole numbers, not '%s'", def->name, arg);
		return -EINVAL;
	}
	return 0;
}

static int parse_argument(
	const struct action_def *def, const char *arg, struct action *out, char *error, size_t size)
{
	switch (def->arg) {
	case ARG_WORD:
		return parse_word(def, arg, out, error, size);
	case ARG_PAIR:
		return parse_pair(def, arg, out, error, size);
	case ARG_COMMAND:
	case ARG_NAME:
		if (*arg == '\0') {
			snprintf(error, size, "'%s' needs an argument", def->name);
			return -EINVAL;
		}
		out->text = mem_strdup(arg);
		return 0;
	default:
		if (*arg != '\0') {
			snprintf(error, size, "'%s' takes no argument", def->name);
			return -EINVAL;
		}
		return 0;
	}
}

int action_parse(const char *text, struct action *out, char *error, size_t error_size)
{
	const struct action_def *def;
	char *arg;
	size_t len, end;
	int ret;

	*out = (struct action){0};
	text += strspn(text, " \t");
	len = strcspn(text, " \t\n");
	if (len == 0) {
		snprintf(error, error_size, "an action is missing");
		return -EINVAL;
	}
	def = find_def(text, len);
	if (def == NULL) {
		snprintf(error, error_size, "there is no action '%.*s'", (int)len, text);
		return -EINVAL;
	}
	arg = mem_strdup(text + len + strspn(text + len, " \t"));
	end = strlen(arg);
	while (end > 0 && strchr(" \t\r\n", arg[end - 1]) != NULL) {
		arg[--end] = '\0';
	}
	ret = parse_argument(def, arg, out, error, error_size);
	free(arg);
	if (ret == 0) {
		out->def = def;
	}
	return ret;
}

void action_finish(struct action *action)
{
	free(action->text);
	*action = (struct action){0};
}

void action_copy(struct action *out, const struct action *in)
{
	*out = *in;
	out->text = mem_strdup(in->text);
}
