/* SPDX-License-Identifier: MIT */
/*
 * Reclaim and out-of-memory policy.
 *
 * Clean pager pages are on one list, oldest first. A page used since it was last looked at
 * (FRAME_REFERENCED) goes to the end once more; others are unmapped and freed, unless pinned or in
 * a locked mapping. Dirty pages are sent off by the flusher and come later.
 *
 * When nothing can be reclaimed, a call fails with -ENOMEM. A page fault waits up to a second while
 * dirty pages are being written; then a process is killed: the one with most resident private
 * memory among those whose identity is not the system's (that of servers and drivers), else the
 * current one. Process 1 is never chosen for another's fault.
 */
#include "as.h"
#include "pager.h"

#define WAIT_NS 20000000ul
#define WAITS	50u

struct list lru;

void lru_add(struct frame *f)
{
	if (list_empty(&f->link))
		list_add_tail(&lru, &f->link);
}

static bool locked(const struct memobj *m, u64 idx)
{
	struct vma *v;

	list_for_each(v, &m->mappings, obj_link)
		if ((v->flags & WEFT_MAP_LOCKED) && idx >= v->off >> PAGE_SHIFT &&
			idx - (v->off >> PAGE_SHIFT) < (v->end - v->start) >> PAGE_SHIFT)
			return true;
	return false;
}

u64 reclaim_pages(u64 want, bool hard)
{
	u64 got = 0, budget = hard ? mm_stats.cache * 2 : want * 8 + 256;

	while (got < want && budget-- && !list_empty(&lru)) {
		struct frame *f = list_first(&lru, struct frame, link);
		struct memobj *m = f->owner;

		list_del(&f->link);
		list_add_tail(&lru, &f->link);
		if (f->flags & FRAME_REFERENCED) {
			f->flags &= ~FRAME_REFERENCED;
			continue;
		}
		if ((f->flags & (FRAME_PINNED | FRAME_WRITEBACK | FRAME_DIRTY)) || !m)
			continue;
		if (f->refs > 1) {
			if (locked(m, f->index))
				continue;
			memobj_unmap_range(m, f->index, 1, false);
			if (!hard || f->refs > 1) /* or someone copies from it now */
				continue;
		}
		memobj_drop_page(m, f->index);
		mm_stats.evicted++;
		got++;
	}
	return got;
}

static struct process *victim(void)
{
	struct process *p, *worst = NULL;
	u64 most = 0;

	list_for_each(p, &process_list, all_link) {
		u64 n = p->as && !p->exiting ? p->as->resident - p->as->shared : 0;

		if (p->pid != 1 && p->ident != identity_system && n > most) {
			most = n;
			worst = p;
		}
	}
	return worst ? worst : current_process();
}

int oom_wait(u32 tries)
{
	struct process *p;

	pager_flush();
	if (reclaim_pages(64, true))
		return 0;
	if (tries < WAITS && writeback_busy()) {
		thread_block(NULL, now_ns() + WAIT_NS, BLOCK_KILLABLE);
		return 0;
	}
	p = victim();
	klog("mm: out of memory: killing %u (%s), %lu KiB resident\n", p->pid, p->name,
		p->as ? p->as->resident * 4 : 0);
	mm_stats.oom_kills++;
	if (p == current_process())
		return -ENOMEM;
	process_kill(p, 9);
	thread_block(NULL, now_ns() + WAIT_NS, BLOCK_KILLABLE);
	return 0;
}
