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
/* One already zeroed, or NULL at once: from the pool that mm_idle fills. */
struct frame *frame_take_zeroed(void);
/* Between the steps of long work, with nothing looked up: lets interrupts and other threads in.
 * -EINTR: the thread must die. May block. */
int mm_pause(void);
bool frames_low(void); /* under the low mark: reclaim in the background */
void slab_init(void);
extern u64 frames_min, frames_low_mark;
extern struct frame *zero_frame; /* mapped read-only wherever nothing was written yet */

/* These never use rep: unrolled stores are several times faster under emulation and no slower on
 * hardware. */
void page_clear(void *page);
void page_copy(void *restrict to, const void *restrict from);

#endif
