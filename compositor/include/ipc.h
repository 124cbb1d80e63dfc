/* SPDX-License-Identifier: MIT */
/*
 * The control socket, $XDG_RUNTIME_DIR/weft-$WAYLAND_DISPLAY.sock, used by weft-msg, the panel
 * and the tests. One request is one line:
 *
 *	do ACTION ...        -> "ok" or "error: ..."
 *	get TOPIC            -> one line of JSON
 *	watch TOPIC          -> one line of JSON now and after each change
 *	watch-panel TOPIC    -> the same, as a waybar module reads it
 *
 * TOPIC is workspaces, windows, outputs or layout. "get display" tells the X11 display's name.
 */
#ifndef WEFT_IPC_H
#define WEFT_IPC_H

struct server;
struct ipc;

enum ipc_topic {
	IPC_WORKSPACES,
	IPC_WINDOWS,
	IPC_OUTPUTS,
	IPC_LAYOUT,
	IPC_TOPICS,
};

/** Returns NULL after logging when the socket cannot be made; the compositor goes on without. */
struct ipc *ipc_create(struct server *server);
/** Accepts NULL. */
void ipc_destroy(struct ipc *ipc);
/** Something of a topic may have changed; watchers hear of it once the loop is idle. */
void ipc_notify(struct server *server, enum ipc_topic topic);

/* ipc_report.c: writes a topic as JSON; the caller frees the text, which ends with a newline. */
char *ipc_report(struct server *server, enum ipc_topic topic);
char *ipc_report_panel(struct server *server, enum ipc_topic topic);

#endif
