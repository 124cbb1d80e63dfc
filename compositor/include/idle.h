/* SPDX-License-Identifier: MIT */
/*
 * Idleness: tells clients (ext-idle-notify), honours inhibitors of visible windows, and runs the
 * configuration's idle actions. Activity only notes the time; one timer is armed for the next
 * action that is due, so that typing wakes nothing.
 */
#ifndef WEFT_IDLE_H
#define WEFT_IDLE_H

struct server;
struct idle;

struct idle *idle_create(struct server *server);
/** Accepts NULL. */
void idle_destroy(struct idle *idle);
void idle_activity(struct idle *idle);
/** The configuration's idle actions have changed. */
void idle_apply_config(struct idle *idle);
/** Windows were shown or hidden: inhibitors may count or not. */
void idle_update_inhibited(struct idle *idle);

#endif
