/* SPDX-License-Identifier: MIT */
/*
 * Synchronisation objects. One holds points: value and fence, values rising; a binary one holds a single point of value 0. The fence of a
 * point is signalled only when those before it are. Points that are over are dropped, and the highest value of them is kept.
 *
 *   timeline.c  objects and points    syncobj.c  the commands    syncwait.c  those that wait: WAIT, TRANSFER, EVENTFD
 */
#ifndef DRM_SYNCOBJ_H
#define DRM_SYNCOBJ_H

#include "drm.h"

#define MAX_ARRAY 64 /* objects in one command */

struct syncobj {
	u32 refs;
	u32 npoints;
	u64 done; /* highest value that is signalled */
	u64 last; /* highest value that was submitted */
	bool timeline; /* points have values */
	struct fs_list points;
	struct fs_list watches;
};

/* Somebody waits for a point: an entry of a wait, or an eventfd. Every change of the object makes it look again. */
struct watch {
	struct fs_list link; /* in the object's watches */
	struct syncobj *object;
	u64 value;
	struct fence *fence; /* once it is known: what the object gets later is not waited for */
	struct fence_cb cb;
	void (*look)(struct watch *w);
	struct wait *wait; /* whose entry it is */
};

struct syncobj *syncobj_new(void);
struct syncobj *syncobj_get(struct syncobj *s);
void syncobj_put(struct syncobj *s);
/** The one fence of a binary object; NULL takes it away. */
i64 syncobj_replace(struct syncobj *s, struct fence *fence);
/** A further point; with value 0 the same as syncobj_replace. */
i64 syncobj_point(struct syncobj *s, u64 value, struct fence *fence);
/** The fence of a point, not referenced. NULL: not submitted yet; *over: it was, and is signalled. */
struct fence *syncobj_fence(struct syncobj *s, u64 value, bool *over);
/** A reference to it, or NULL with *e. */
struct fence *syncobj_take(struct syncobj *s, u64 value, i64 *e);
u64 syncobj_done(struct syncobj *s); /* the highest value that is signalled */

/* syncobj.c */
struct syncobj *syncobj_find(struct drmfile *f, u32 handle);
/** The objects that buffer 1 names by n handles, not referenced. */
i64 syncobj_array(struct fsreq *r, u32 n, struct syncobj **out);

/* syncwait.c */
i64 syncobj_wait(struct fsreq *r);
i64 syncobj_timeline_wait(struct fsreq *r);
i64 syncobj_transfer(struct fsreq *r);
i64 syncobj_eventfd(struct fsreq *r);
void syncobj_events_end(struct drmfile *f);

#endif
