/* SPDX-License-Identifier: MIT */
/*
 * Watches the configuration file and reloads it when it changes. The folder is watched, since
 * editors replace the file.
 */
#ifndef WEFT_CONFIG_WATCH_H
#define WEFT_CONFIG_WATCH_H

struct server;
struct config_watch;

/** Returns NULL where the system cannot watch files; reloading by key or signal works anyway. */
struct config_watch *config_watch_create(struct server *server);
/** Accepts NULL. */
void config_watch_destroy(struct config_watch *watch);

#endif
