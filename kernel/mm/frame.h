/* SPDX-License-Identifier: MIT */
/* Inside mm/ only: user pages, page clearing, marks. */
#ifndef MM_FRAME_H
#define MM_FRAME_H

#include <kernel/mm.h>

#define FRAME_MAX_ORDER 14u /* 64 MiB */

/*
 * A frame for user data or the page cache, not zeroed, refs 1. Leaves the kernel's reserve alone;
 * tries to reclaim clean pages before it gives up with NULL. Reclaim unmaps pages and changes
 * object trees: call it only where no tree or table is half changed.
 */
struct frame *frame_alloc_user(void);
/* One with a copy of the page at src, which its caller holds, or (NULL) zeros. Drops the BKL. */
struct frame *frame_alloc_copy(const void *src);
bool frames_low(void); /* under the low mark: reclaim in the background */
void slab_init(void);
extern u64 frames_min, frames_low_mark;
extern struct frame *zero_frame; /* mapped read-only wherever nothing was written yet */

/* These never use rep: unrolled stores are several times faster under emulation and no slower on
 * hardware. */
void page_clear(void *page);
void page_copy(void *restrict to, const void *restrict from);

/* usercopy.c: moving bytes without touching the BKL. */
u64 uio_move(struct uio *u, void *kernel, u64 n,
	bool out); /* out: kernel -> uio. -> bytes moved, short at a fault or the end */

/* reclaim.c: clean pager pages in the order of their last use; then, by policy, a process. */
extern struct list lru;
void lru_add(
	struct frame *f); /* a clean pager page, unless it is there: may be evicted from now on */
/*
 * -> frames freed. Never blocks, allocates nothing. A mapped page is unmapped first and freed when
 * it comes round again without having been used; hard: at once.
 */
u64 reclaim_pages(u64 want, bool hard);
/*
 * Out of memory in a page fault, for the tries-th time. Waits for write-back, then kills the
 * process that holds most memory (see the policy in reclaim.c) and waits a moment for its frames.
 * 0: try again. -ENOMEM: the current process is the victim. May block.
 */
int oom_wait(u32 tries);

#endif
