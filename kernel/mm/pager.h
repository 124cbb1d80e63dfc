/* SPDX-License-Identifier: MIT */
/*
 * Pager-backed objects, inside mm/.
 *
 * A page is absent, clean (on the LRU list), dirty (FRAME_DIRTY, on pager.dirty) or being written
 * (FRAME_WRITEBACK; perhaps dirty again). PAGE_IN fills absent pages; PAGE_RESERVE comes before the
 * first dirtying in an extent of EXTENT_PAGES; PAGE_OUT asks the server to take dirty pages: its
 * FETCH makes them clean and write-protects them, its reply ends the write-back.
 */
#ifndef MM_PAGER_H
#define MM_PAGER_H

#include "memobj.h"
#include <kernel/ipc.h>

#define EXTENT_PAGES 16ul

struct pager {
	struct memobj *m;
	struct scheme *scheme; /* referenced */
	u64 node;
	bool gone;    /* the scheme will never have a server again */
	int wb_error; /* of a failed write-back, until a sync has told it */
	struct list hash_link;
	struct oneway idle;   /* PAGE_IDLE */
	struct list requests; /* struct page_req in flight */
	struct list dirty;    /* frames, the longest dirty first */
	u64 ndirty, nwriteback;
	struct list dirty_link; /* in dirty_pagers while ndirty */
	u64 dirty_since;
	struct radix reserved; /* by extent */
	u64 ra_next, ra_pages; /* sequential page-ins: where the next is expected, and how much to
				  ask for */
};

/* A request in flight. Who waits on it is woken with its error when it ends, and with 0 when pages
 * have come: the request itself may be gone then. */
struct page_req {
	struct list link;
	struct request req;
	struct memobj *m; /* referenced; NULL: free, one of the pool for write-back */
	u16 op;
	int error;    /* what the server has said by PAGER_FAIL */
	u64 first, n; /* pages */
	u64 new_size;
	struct waitq wait;
};

/* Or the one that exists. */
int pager_create(struct scheme *s, u64 node, u64 size, u32 flags, struct memobj **out);
void pager_destroy(struct memobj *m);
/* Fills r and sends it: PAGE_IN, PAGE_RESERVE, PAGE_OUT. When it ends, writeback_done has it or it
 * is freed. */
int pager_request(struct page_req *r, struct memobj *m, u16 op, u64 first, u64 n, u64 new_size);
struct page_req *pager_find(struct pager *p, u16 op, u64 idx);
/* Waits until idx may be present: 0: look again. */
int pager_page_in(struct memobj *m, u64 idx);
/* 0 at once when reserved already. */
int pager_reserve(struct memobj *m, u64 first, u64 n, u64 new_size);
bool pager_reserved(struct memobj *m, u64 idx);
void pager_set_dirty(struct memobj *m, struct frame *f, u64 idx);
/* The page leaves the object: off every list. */
void pager_forget(struct memobj *m, struct frame *f);
int pager_sync(struct memobj *m, u64 off, u64 len);
/* A writer waits here while too much is dirty; whether it did. May block. */
bool pager_throttle(void);
void pager_flush(void); /* the background flusher's step; from its timer */
void pager_idle_check(struct memobj *m);
i64 pager_copy(struct memobj *m, u64 op, u64 off, u64 buf, u64 len, u64 flags);
u64 pager_dirty_runs(struct memobj *m, u64 *pairs, u64 n);
void pager_init(void);

/* writeback.c: dirty pages on their way to the server. */
void writeback_init(void);
void writeback_again(struct page_req *r); /* it goes to another server */
void writeback_done(struct page_req *r, int error);
i64 writeback_fetch(struct memobj *m, u64 off, u64 buf, u64 len);
void writeback_release(struct pager *p, u64 first, u64 end);
bool writeback_busy(void);		 /* dirty pages may become clean by themselves */
void writeback_discard(struct pager *p); /* nobody will ever write them */

#endif
