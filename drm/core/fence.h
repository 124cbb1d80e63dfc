/* SPDX-License-Identifier: MIT */
/*
 * Fences: something that will have been done, with an error or without. Sync files, points of synchronisation objects and the
 * reservations of buffers all hold them. A fence is signalled once. An array is signalled when all of its parts are.
 * Who waits gives a callback, which holds a reference until it has run or is taken back.
 */
#ifndef DRM_FENCE_H
#define DRM_FENCE_H

#include "vfs.h"

#define FENCE_PARTS 64

struct fence;
struct fence_cb {
	struct fs_list link;
	struct fence *fence; /* NULL: not waiting */
	void (*fn)(struct fence_cb *cb);
};
struct fence_part { /* of an array */
	struct fence_cb cb;
	struct fence *array, *fence;
};
struct fence {
	u32 refs;
	bool signalled;
	int error; /* 0 or negative */
	i64 when; /* monotonic ns */
	u64 context, seqno;
	struct fs_list callbacks;
	/* arrays */
	struct fence_part *parts;
	u32 nparts, left;
};

/** A new one of a context (a line of work in order); with one reference. NULL: no memory. */
struct fence *fence_new(u64 context);
struct fence *fence_done(void); /* a new reference to one that is signalled */
u64 fence_context(void); /* a new context */
struct fence *fence_get(struct fence *f);
void fence_put(struct fence *f);
void fence_signal(struct fence *f, int error);
/** Runs cb->fn at the signal. false: it is signalled already, and fn will not run. */
bool fence_wait(struct fence *f, struct fence_cb *cb);
void fence_unwait(struct fence_cb *cb);
/** One that is signalled when both are (each may be NULL); new reference. NULL with *error 0: both were NULL. */
struct fence *fence_both(struct fence *a, struct fence *b, int *error);

/* Sync files: fds that are fences. */
int sync_start(void); /* at start-up */
i64 sync_file_give(struct fsreq *r, struct fence *f, const char *name); /* as the request's next fd */
void sync_file_refresh(struct fsreq *r); /* before a kept request with sync files in its answer is answered */
/** The fence behind an fd that came with a request; new reference. NULL: it is no sync file. */
struct fence *sync_file_fence(i32 fd);

#endif
