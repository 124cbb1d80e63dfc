/* SPDX-License-Identifier: MIT */
/*
 * A soft shadow around a frame, put together from one small picture that all shadows share:
 * corners are cut out of it, edges are a strip of it stretched. What reaches under the frame is
 * hidden by the window and costs nothing.
 */
#ifndef WEFT_SHADOW_H
#define WEFT_SHADOW_H

#include <wlr/types/wlr_scene.h>

struct shadow;

struct shadow *shadow_create(struct wlr_scene_tree *parent);
/** Accepts NULL. */
void shadow_destroy(struct shadow *shadow);
void shadow_update(struct shadow *shadow, struct wlr_box frame, bool strong, bool enabled);
/** Frees the shared picture. */
void shadow_finish_shared(void);

#endif
