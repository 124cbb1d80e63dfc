/* SPDX-License-Identifier: MIT */
/*
 * Windows as panels see them: wlr-foreign-toplevel-management and ext-foreign-toplevel-list.
 */
#ifndef WEFT_FOREIGN_H
#define WEFT_FOREIGN_H

struct view;

void foreign_create(struct view *view);
void foreign_destroy(struct view *view);
void foreign_update_names(struct view *view);
void foreign_update_state(struct view *view);
void foreign_update_output(struct view *view);
void foreign_update_parent(struct view *view);

#endif
