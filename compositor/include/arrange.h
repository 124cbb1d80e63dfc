/* SPDX-License-Identifier: MIT */
/*
 * Puts layer surfaces and windows in order after outputs or panels have changed.
 */
#ifndef WEFT_ARRANGE_H
#define WEFT_ARRANGE_H

#include "server.h"

struct output;

/** Places layer surfaces and computes every output's usable area. */
void arrange_layers(struct server *server);
/** Windows follow their output's usable area; those on no output move to one. */
void arrange_views(struct server *server);
/** Called before an output is freed: nothing may keep a pointer to it. */
void arrange_output_removed(struct server *server, struct output *output);

#endif
