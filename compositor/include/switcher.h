/* SPDX-License-Identifier: MIT */
/*
 * The window switcher: while the modifier of its key is held, a list of the workspace's windows,
 * most recently used first; letting go focuses the chosen one.
 */
#ifndef WEFT_SWITCHER_H
#define WEFT_SWITCHER_H

#include <stdbool.h>
#include <stdint.h>
#include <xkbcommon/xkbcommon.h>

struct server;
struct view;

/** Opens the switcher, or moves on in it. Without a held modifier it chooses at once. */
void switcher_step(struct server *server, int direction);
void switcher_cancel(struct server *server);
void switcher_forget_view(struct server *server, struct view *view);
/** The modifiers have changed: when none is held any more the choice is made. */
void switcher_modifiers(struct server *server, uint32_t mods);
/** Returns whether the open switcher took the key (arrows, Escape). */
bool switcher_key(struct server *server, xkb_keysym_t sym);

#endif
