/* SPDX-License-Identifier: MIT */
/*
 * Menus that the compositor draws: those of the configuration file, and the window menu. One is
 * open at a time; it takes the keyboard and the pointer until it closes.
 */
#ifndef WEFT_MENU_H
#define WEFT_MENU_H

#include <stdbool.h>
#include <xkbcommon/xkbcommon.h>

struct server;
struct view;

/** Opens a menu of the configuration at a point; -ENOENT if there is none of the name. */
int menu_open(struct server *server, const char *name, int x, int y);
void menu_open_window(struct server *server, struct view *view, int x, int y);
void menu_close(struct server *server);
/** The open menu may act on this view no more. */
void menu_forget_view(struct server *server, struct view *view);

/* Input; each returns whether an open menu took it. */
bool menu_key(struct server *server, xkb_keysym_t sym);
bool menu_motion(struct server *server, double x, double y);
bool menu_press(struct server *server, double x, double y);
bool menu_release(struct server *server, double x, double y);

#endif
