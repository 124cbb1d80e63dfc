/* SPDX-License-Identifier: MIT */
/*
 * Pointer constraints: a client locks the pointer in place or confines it to a region. A
 * constraint is active while its surface has the keyboard focus and the pointer.
 */
#ifndef WEFT_CONSTRAINT_H
#define WEFT_CONSTRAINT_H

#include <stdbool.h>

struct cursor;
struct wlr_surface;

void constraint_connect(struct cursor *cursor);
void constraint_disconnect(struct cursor *cursor);
/** The keyboard focus went to a surface, or to none. */
void constraint_focus(struct cursor *cursor, struct wlr_surface *surface);
/** Shortens a motion; false when the pointer must stay. */
bool constraint_limit(struct cursor *cursor, double *dx, double *dy);

#endif
