/* SPDX-License-Identifier: MIT */
/*
 * Workspaces: numbered from 0, one shown at a time on all outputs. Windows keep their number;
 * sticky ones are on whichever is shown.
 */
#ifndef WEFT_WORKSPACE_H
#define WEFT_WORKSPACE_H

#include "server.h"

struct view;

struct workspaces {
	int count, current, last;
};

struct workspaces *workspaces_create(int count);
void workspaces_destroy(struct workspaces *workspaces);

int workspace_current(struct server *server);
void workspace_switch(struct server *server, int index);
/** Changes how many there are; windows of those that go move to the last one. */
void workspace_set_count(struct server *server, int count);
/** The workspace that "next", "previous", "last" or a number from 1 names; -1 if none. */
int workspace_by_name(struct server *server, const char *word, int number);
/** Minimises all windows of the current workspace, or brings them back. */
void workspace_show_desktop(struct server *server);

#endif
