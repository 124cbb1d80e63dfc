/* SPDX-License-Identifier: MIT */
/* Taking memory back: clean pager pages in the order of their last use; then, by policy, a process.
 * (mm/reclaim.c) */
#ifndef MM_RECLAIM_H
#define MM_RECLAIM_H

#include <kernel/mm.h>

void lru_init(void);
void lru_add(struct frame *f); /* a clean pager page: may be evicted from now on */
void lru_del(struct frame *f); /* accepts one that is not on the list */
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
