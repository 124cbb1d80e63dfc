/* SPDX-License-Identifier: MIT */
/*
 * Starts programs: what keys and menus ask for, what is started with the session, and services,
 * which are started again when they end (with a growing pause when they end quickly).
 */
#ifndef WEFT_SPAWN_H
#define WEFT_SPAWN_H

struct server;
struct spawner;

struct spawner *spawner_create(struct server *server);
/** Ends services. Accepts NULL. */
void spawner_destroy(struct spawner *spawner);
/** Runs a command with the shell; returns 0 or a negative errno. */
int spawner_run(struct spawner *spawner, const char *command);
/** Starts the session's programs, once. */
void spawner_start_session(struct spawner *spawner);
/** Stops services that are no longer in the configuration and starts new ones. */
void spawner_apply_config(struct spawner *spawner);
/** A child has ended. */
void spawner_reap(struct spawner *spawner);

#endif
