/* SPDX-License-Identifier: MIT */
/*
 * ext-session-lock. From the moment a client asks for the lock until it unlocks, every output
 * shows black or the client's lock surface and nothing else gets input. If the client dies the
 * session stays locked; a new client may take over.
 */
#ifndef WEFT_LOCK_H
#define WEFT_LOCK_H

#include "server.h"

struct output;

struct session_lock *session_lock_create(struct server *server);
void session_lock_destroy(struct session_lock *lock);

bool session_locked(struct server *server);
/** The lock surface that should have the keyboard; NULL. */
struct wlr_surface *session_lock_focus(struct server *server);
/** Fits covers and lock surfaces to the outputs. */
void session_lock_arrange(struct server *server);
/** An output has drawn a frame. */
void session_lock_frame(struct server *server, struct output *output);
void session_lock_output_removed(struct server *server, struct output *output);

#endif
