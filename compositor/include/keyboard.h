/* SPDX-License-Identifier: MIT */
/*
 * A keyboard. A key goes, in this order, to: the switcher, a menu or the help screen if one is
 * open; a key binding; an input method that grabbed the keyboard; the focused client. Its release
 * goes where its press went.
 */
#ifndef WEFT_KEYBOARD_H
#define WEFT_KEYBOARD_H

#include <wlr/types/wlr_keyboard.h>

#include "config.h"
#include "server.h"

struct seat;

struct keyboard {
	struct wl_list link; /* seat.keyboards */
	struct seat *seat;
	struct wlr_keyboard *wlr;
	bool is_virtual;
	/** Keys whose press was not sent to a client. */
	uint32_t taken[WLR_KEYBOARD_KEYS_CAP];
	size_t taken_count;
	/** The modifier that may become a tap, or 0. */
	uint32_t tap_key;
	/** The binding that repeats while its key is held; NULL. */
	const struct action *repeat_action;
	uint32_t repeat_key;
	struct wl_event_source *repeat_timer;
	void (*changed)(struct seat *seat);
	struct wl_listener key, modifiers, destroy;
};

struct keyboard *keyboard_create(struct seat *seat, struct wlr_keyboard *wlr, bool is_virtual,
	void (*changed)(struct seat *seat));
void keyboard_apply_config(struct keyboard *keyboard);
/** Forgets what the old configuration's bindings were doing. */
void keyboard_stop_repeat(struct seat *seat);
/** A pointer button was pressed: a modifier that is held is no tap. */
void keyboard_cancel_taps(struct seat *seat);

/** The pressed keys that clients know of; returns how many. */
size_t keyboard_client_keys(struct wlr_keyboard *wlr, uint32_t keys[static WLR_KEYBOARD_KEYS_CAP]);

/** Switches all keyboards to a layout; returns its index, or -ENOENT. */
int keyboard_set_layout(struct seat *seat, int index);
int keyboard_layout(struct seat *seat);
int keyboard_layout_count(struct seat *seat);
const char *keyboard_layout_name(struct seat *seat);

#endif
