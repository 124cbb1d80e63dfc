/* SPDX-License-Identifier: MIT */
/* Shared by spawn.c, spawn_native.c and spawn_posix.c. */
#ifndef SPAWN_IMPL_H
#define SPAWN_IMPL_H

#include <native/call.h>
#include <native/spawn.h>

#define SPAWN_FDS_MAX 96
#define SPAWN_STRINGS_MAX (128ul << 10)
#define SPAWN_VECTOR_MAX 1024

struct build {
	const struct spawn_args *a;
	i32 as;
	struct weft_proc_new n;
	/* The fds to give: the caller's named ones first. */
	u32 ngive, nnames, next_private;
	struct weft_fd_give give[SPAWN_FDS_MAX];
	struct native_fd names[SPAWN_FDS_MAX];
};

/** Gives fd to the child as its number `to`, or as the next private one if -1. -> the child's number or a negative errno. */
i32 spawn_give(struct build *b, i32 fd, i32 to, u32 rights);

/** Fill the address space and b->n.thread. */
int spawn_fill_native(struct build *b);
int spawn_fill_posix(struct build *b);

#endif
