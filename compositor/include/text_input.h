/* SPDX-License-Identifier: MIT */
/*
 * Joins text-input-v3 (programs that take text) to one input-method-v2 client (what composes it).
 * While an input method has the keyboard grabbed, keys go to it and not to the focused client.
 */
#ifndef WEFT_TEXT_INPUT_H
#define WEFT_TEXT_INPUT_H

#include <stdbool.h>
#include <wlr/types/wlr_keyboard.h>

struct seat;
struct keyboard;
struct text_input;
struct wlr_surface;

struct text_input *text_input_create(struct seat *seat);
void text_input_destroy(struct text_input *relay);
void text_input_focus(struct text_input *relay, struct wlr_surface *surface);
/** True when the input method took the key. */
bool text_input_key(
	struct text_input *relay, struct keyboard *kb, const struct wlr_keyboard_key_event *event);
bool text_input_modifiers(struct text_input *relay, struct keyboard *kb);

#endif
