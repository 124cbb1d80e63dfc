/* SPDX-License-Identifier: MIT */
/*
 * Server-side decoration of one view: a title bar with buttons, a thin border and a shadow, all
 * children of the view's scene tree. Nothing is drawn anew unless what it shows has changed.
 */
#ifndef WEFT_DECORATION_H
#define WEFT_DECORATION_H

#include "layout.h"

struct view;
struct server;
struct decoration;

#define DECORATION_TITLE  30
#define DECORATION_BORDER 1
/** How far outside the frame a press still resizes. */
#define DECORATION_GRIP 6

enum decoration_part {
	PART_NONE,
	PART_TITLE,
	PART_MENU,
	PART_MINIMISE,
	PART_MAXIMISE,
	PART_CLOSE,
	/** A resize grip; which edges is in `edges`. */
	PART_EDGE,
};

struct margins decoration_margins(bool maximised);

struct decoration *decoration_create(struct view *view);
/** Accepts NULL. */
void decoration_destroy(struct decoration *decoration);
/** Brings size, colours, title and buttons up to date; accepts NULL. */
void decoration_update(struct decoration *decoration);
/** Draws all of it again, for a new theme or scale; accepts NULL. */
void decoration_redraw(struct decoration *decoration);

/** The part at a point of the layout, and the edges of a grip. */
enum decoration_part decoration_part_at(
	struct decoration *decoration, double lx, double ly, enum tile *edges);
/** Highlights a button: under the pointer, or pressed. */
void decoration_set_hover(struct decoration *decoration, enum decoration_part part, bool pressed);

/** Frees what all decorations share. */
void decoration_finish_shared(struct server *server);

#endif
