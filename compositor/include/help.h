/* SPDX-License-Identifier: MIT */
/* The help screen: the key bindings in force, by section, in the middle of the screen. */
#ifndef WEFT_HELP_H
#define WEFT_HELP_H

#include <stdbool.h>
#include <stddef.h>
#include <xkbcommon/xkbcommon.h>

struct server;

void help_toggle(struct server *server);
void help_close(struct server *server);
/* Input; each returns whether the open help screen took it. */
bool help_key(struct server *server, xkb_keysym_t sym);
bool help_press(struct server *server);
/* "Super+Return" with the names that are printed on keys, for this screen and for menus. */
void help_key_label(const char *keys, char *out, size_t size);

#endif
