/* SPDX-License-Identifier: MIT */
/*
 * X11 programs through Xwayland, which is started when the first one connects. Their windows are
 * views like all others; those that X calls override-redirect (menus, tooltips) are only shown
 * where they put themselves.
 */
#ifndef WEFT_XWAYLAND_H
#define WEFT_XWAYLAND_H

struct server;
struct xwayland;

/** Returns NULL when there is no Xwayland; Wayland programs do not care. */
struct xwayland *xwayland_create(struct server *server);
/** Accepts NULL. */
void xwayland_destroy(struct xwayland *xwayland);

#endif
