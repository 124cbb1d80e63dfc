/* SPDX-License-Identifier: MIT */
/*
 * An action is what a key, a button, a menu entry or weft-msg can ask of the compositor: a name
 * from one table, with an argument of the kind that the table states. Parsing needs no running
 * compositor, so that a configuration can be checked by itself; action_run() is in
 * action_run.c.
 */
#ifndef WEFT_ACTION_H
#define WEFT_ACTION_H

#include <stdbool.h>
#include <stddef.h>

struct server;
struct view;

enum action_id {
	ACTION_NONE,
	ACTION_EXEC,
	ACTION_CLOSE,
	ACTION_MOVE,
	ACTION_RESIZE,
	ACTION_RAISE,
	ACTION_LOWER,
	ACTION_MAXIMISE,
	ACTION_FULLSCREEN,
	ACTION_MINIMISE,
	ACTION_RESTORE,
	ACTION_SNAP,
	ACTION_PUSH,
	ACTION_CENTRE,
	ACTION_ABOVE,
	ACTION_STICKY,
	ACTION_DECORATION,
	ACTION_MOVE_BY,
	ACTION_RESIZE_BY,
	ACTION_FOCUS,
	ACTION_SWITCH_WINDOW,
	ACTION_SHOW_DESKTOP,
	ACTION_WORKSPACE,
	ACTION_SEND_TO_WORKSPACE,
	ACTION_SEND_TO_OUTPUT,
	ACTION_MENU,
	ACTION_WINDOW_MENU,
	ACTION_HELP,
	ACTION_KEYBOARD_LAYOUT,
	ACTION_OUTPUT_POWER,
	ACTION_RELOAD,
	ACTION_VT,
	ACTION_QUIT,
};

enum action_arg {
	ARG_NONE,
	/** The rest of the line, for the shell. */
	ARG_COMMAND,
	/** One word of the definition's list, or a number if that is allowed. */
	ARG_WORD,
	/** Two whole numbers. */
	ARG_PAIR,
	/** A name that is looked up when the action runs. */
	ARG_NAME,
};

struct action_def {
	const char *name;
	enum action_id id;
	enum action_arg arg;
	/** For ARG_WORD: the words, separated by '|'; "#" stands for a number from 1. */
	const char *words;
	/** Runs again while its key is held. */
	bool repeats;
	/** Acts on a window: the focused one, or the one under the pointer. */
	bool needs_view;
};

struct action {
	const struct action_def *def;
	/** The command, the word or the name; NULL when there is none. Owned. */
	char *text;
	/** The number of an ARG_WORD "#" (else 0), or the first of an ARG_PAIR. */
	int number;
	int second;
};

/** The table, for help texts; *count is its length. */
const struct action_def *action_table(size_t *count);

/**
 * Parses "NAME ARGUMENT...". Returns 0, or -EINVAL with a sentence in `error`. `out` is then
 * empty and need not be finished.
 */
int action_parse(const char *text, struct action *out, char *error, size_t error_size);
void action_finish(struct action *action);
void action_copy(struct action *out, const struct action *in);

/**
 * Runs an action; `view` is the window it was asked for, or NULL for the focused one. Returns 0,
 * -ENOENT when there is no such window, menu or output, or -EPERM when the session is locked.
 */
int action_run(struct server *server, const struct action *action, struct view *view);

#endif
