/* SPDX-License-Identifier: MIT */
/* Dirty pages on their way to the server. (mm/writeback.c) */
#ifndef MM_WRITEBACK_H
#define MM_WRITEBACK_H

#include "pager.h"

void writeback_init(void);
void writeback_again(struct page_req *r); /* it goes to another server */
void writeback_done(struct page_req *r, int error);
i64 writeback_fetch(struct memobj *m, u64 off, u64 buf, u64 len);
void writeback_release(struct pager *p, u64 first, u64 end);
bool writeback_busy(void);		 /* dirty pages may become clean by themselves */
void writeback_discard(struct pager *p); /* nobody will ever write them */

#endif
