/* SPDX-License-Identifier: MIT */
/*
 * Write-back. A timer looks every FLUSH_PERIOD at the objects with dirty pages and sends PAGE_OUT
 * for those dirty for FLUSH_AGE, for all of them when more than the background share of memory is
 * dirty. Writers wait when twice as much is dirty. Requests come from a reserved pool, so that
 * write-back works when no memory is left; the pool's size also bounds how many are in flight.
 */
#include "pager.h"
#include <kernel/ipc.h>

#define RUN_MAX	     64ul /* pages of one PAGE_OUT */
#define POOL	     32u
#define FLUSH_PERIOD 500000000ul
#define FLUSH_AGE    3000000000ul

static struct list dirty_pagers;
static struct waitq throttled, pool_wait;
static struct page_req pool[POOL];
static u32 pool_used;
static struct ktimer flush_timer;

static u64 background_limit(void)
{
	return frames_total / 10;
}

static void timer_fired(struct ktimer *t)
{
	pager_flush();
	ktimer_arm(t, now_ns() + FLUSH_PERIOD);
}

void writeback_init(void)
{
	list_init(&dirty_pagers);
	waitq_init(&throttled);
	waitq_init(&pool_wait);
	ktimer_init(&flush_timer, timer_fired);
}

/* Page states. */

void pager_set_dirty(struct memobj *m, struct frame *f, u64 idx)
{
	struct pager *p = m->pager;

	kassert(f->owner == m && f->index == idx);
	list_del(&f->link); /* of lru, or none */
	f->flags |= FRAME_DIRTY;
	list_add_tail(&p->dirty, &f->link);
	mm_stats.dirty++;
	if (p->ndirty++ == 0) {
		p->dirty_since = now_ns();
		if (list_empty(&dirty_pagers))
			ktimer_arm(&flush_timer, p->dirty_since + FLUSH_PERIOD);
		list_add_tail(&dirty_pagers, &p->dirty_link);
	}
}

static void set_clean(struct pager *p, struct frame *f)
{
	if (!(f->flags & FRAME_DIRTY))
		return;
	f->flags &= ~FRAME_DIRTY;
	list_del(&f->link);
	mm_stats.dirty--;
	if (--p->ndirty == 0) {
		list_del(&p->dirty_link);
		if (list_empty(&dirty_pagers))
			ktimer_cancel(&flush_timer);
	}
	if (!list_empty(&throttled.threads) && mm_stats.dirty < 2 * background_limit())
		waitq_wake(&throttled, ~0u, 0);
}

void pager_forget(struct memobj *m, struct frame *f)
{
	set_clean(m->pager, f);
	list_del(&f->link);
	if (f->flags & FRAME_WRITEBACK) {
		f->flags &= ~FRAME_WRITEBACK;
		m->pager->nwriteback--;
	}
	mm_stats.cache--;
}

void writeback_discard(struct pager *p)
{
	u64 n = 0;

	while (!list_empty(&p->dirty)) {
		struct frame *f = list_first(&p->dirty, struct frame, link);

		set_clean(p, f);
		lru_add(f);
		n++;
	}
	if (n)
		klog("mm: %lu dirty pages of node %lu are lost: the scheme is gone\n", n, p->node);
}

/* PAGE_OUT. */

static bool extent_dirty(struct memobj *m, u64 extent)
{
	for (u64 i = 0; i < EXTENT_PAGES; i++) {
		struct frame *f = memobj_page(m, extent * EXTENT_PAGES + i);

		if (f && (f->flags & (FRAME_DIRTY | FRAME_WRITEBACK)))
			return true;
	}
	return false;
}

/* Reservations in [first, end bytes) of what is clean are forgotten. */
void writeback_release(struct pager *p, u64 first, u64 end)
{
	for (u64 e = first / EXTENT_PAGES;
		radix_next(&p->reserved, &e) && e * EXTENT_PAGES << PAGE_SHIFT < end; e++)
		if (!extent_dirty(p->m, e))
			radix_del(&p->reserved, e);
}

/* What the dead server had fetched may not be written: all of it is dirty again, and goes to the
 * successor. */
void writeback_again(struct page_req *r)
{
	for (u64 i = r->first; i < r->first + r->n; i++) {
		struct frame *f = memobj_page(r->m, i);

		if (f && (f->flags & FRAME_WRITEBACK) && !(f->flags & FRAME_DIRTY))
			pager_set_dirty(r->m, f, i);
	}
}

void writeback_done(struct page_req *r, int error)
{
	struct memobj *m = r->m;
	struct pager *p = m->pager;

	if (error && !p->gone)
		writeback_again(r);
	for (u64 i = r->first; i < r->first + r->n; i++) {
		struct frame *f = memobj_page(m, i);

		if (!f || !(f->flags & FRAME_WRITEBACK))
			continue;
		f->flags &= ~FRAME_WRITEBACK;
		p->nwriteback--;
		if (!(f->flags & FRAME_DIRTY)) {
			mm_stats.written_back++;
			lru_add(f);
		}
	}
	if (error) {
		p->wb_error = error;
		p->dirty_since = now_ns(); /* not again at once */
	} else {
		writeback_release(p, r->first, (r->first + r->n) << PAGE_SHIFT);
	}
	r->m = NULL;
	pool_used--;
	waitq_wake(&pool_wait, 1, 0);
}

static bool wants_out(const struct frame *f)
{
	return f && (f->flags & FRAME_DIRTY) && !(f->flags & FRAME_WRITEBACK);
}

/* Sends the run of dirty pages around idx, not below lo. -EAGAIN: the pool is empty. *next: the
 * first page after the run. */
static int page_out(struct pager *p, u64 idx, u64 lo, u64 *next)
{
	struct memobj *m = p->m;
	struct page_req *r = pool;
	u64 first = idx, end = idx + 1;
	int e;

	while (first > lo && end - first < RUN_MAX && wants_out(memobj_page(m, first - 1)))
		first--;
	while (end - first < RUN_MAX && wants_out(memobj_page(m, end)))
		end++;
	if (pool_used == POOL)
		return -EAGAIN;
	while (r->m)
		r++;
	e = pager_request(r, m, WEFT_OP_PAGE_OUT, first, end - first, 0);
	if (e) {
		r->m = NULL;
		return e;
	}
	pool_used++;
	for (u64 i = first; i < end; i++)
		memobj_page(m, i)->flags |= FRAME_WRITEBACK;
	p->nwriteback += end - first;
	*next = end;
	return 0;
}

/* The page that has been dirty longest of those that are not on their way yet. */
static struct frame *oldest_dirty(struct pager *p)
{
	struct frame *f;

	list_for_each(f, &p->dirty, link)
		if (!(f->flags & FRAME_WRITEBACK))
			return f;
	return NULL;
}

void pager_flush(void)
{
	bool all = mm_stats.dirty > background_limit() || frames_low();
	u64 now = now_ns(), next;
	struct pager *p;
	struct frame *f;

	list_for_each(p, &dirty_pagers, dirty_link) {
		if (!all && now - p->dirty_since < FLUSH_AGE)
			continue;
		for (u32 n = 0; n < 8 && (f = oldest_dirty(p)); n++)
			if (page_out(p, f->index, 0, &next))
				return;
	}
}

i64 writeback_fetch(struct memobj *m, u64 off, u64 buf, u64 len)
{
	for (u64 done = 0; done < len; done += PAGE_SIZE) {
		u64 idx = (off + done) >> PAGE_SHIFT;
		HELD_FRAME struct frame *f = memobj_page(m, idx);
		int r;

		if (!f)
			return done ? (i64)done : -ENODATA;
		frame_get(f);
		if (f->flags & FRAME_DIRTY) {
			set_clean(m->pager, f);
			memobj_reprotect_page(m, idx);
			/* Taken without a PAGE_OUT: the server answers for it from now on. */
			if (!(f->flags & FRAME_WRITEBACK))
				lru_add(f);
		}
		r = copy_to_user(buf + done, frame_virt(f), MIN(len - done, PAGE_SIZE));
		if (r) {
			/* It still has to be written. */
			if (memobj_page(m, idx) == f && !(f->flags & FRAME_DIRTY))
				pager_set_dirty(m, f, idx);
			return r;
		}
	}
	return len;
}

/* Waits until page idx, which is being written, is not any more. */
static int await_written(struct pager *p, u64 idx)
{
	struct page_req *r = pager_find(p, WEFT_OP_PAGE_OUT, idx);

	return r && thread_block(&r->wait, WEFT_FOREVER, BLOCK_KILLABLE) == -EINTR ? -EINTR : 0;
}

int pager_sync(struct memobj *m, u64 off, u64 len)
{
	struct pager *p = m->pager;
	u64 from = off >> PAGE_SHIFT, idx = from, end = memobj_pages(m);
	struct frame *f;
	int r;

	if (len < (end << PAGE_SHIFT) - MIN(off, end << PAGE_SHIFT))
		end = (off + len + PAGE_SIZE - 1) >> PAGE_SHIFT;
	if (!p->ndirty && !p->nwriteback)
		end = 0;
	while (idx < end && (f = radix_next(&m->pages, &idx)) && idx < end) {
		if (!(f->flags & FRAME_DIRTY)) {
			idx++;
		} else if (f->flags & FRAME_WRITEBACK) { /* dirty again: once more after that */
			TRY(await_written(p, idx));
		} else {
			r = page_out(p, idx, from, &idx);
			TRY(r == -EAGAIN ? thread_block(&pool_wait, WEFT_FOREVER, BLOCK_KILLABLE)
					 : r);
		}
	}
	for (idx = from; idx < end && (f = radix_next(&m->pages, &idx)) && idx < end;) {
		if (f->flags & FRAME_WRITEBACK)
			TRY(await_written(p, idx));
		else
			idx++;
	}
	r = p->wb_error;
	p->wb_error = 0;
	return r;
}

bool pager_throttle(void)
{
	bool waited = false;

	for (; mm_stats.dirty > 2 * background_limit(); waited = true) {
		pager_flush();
		if (thread_block(&throttled, now_ns() + FLUSH_PERIOD, BLOCK_KILLABLE) == -EINTR)
			return false;
	}
	return waited;
}

bool writeback_busy(void)
{
	return mm_stats.dirty || pool_used;
}

u64 pager_dirty_runs(struct memobj *m, u64 *pairs, u64 n)
{
	u64 runs = 0, end = 0;
	struct frame *f;

	for (u64 idx = 0; (f = radix_next(&m->pages, &idx)); idx++) {
		if (!(f->flags & FRAME_DIRTY))
			continue;
		if (!runs || idx != end) {
			if (runs == n)
				break;
			pairs[2 * runs] = idx << PAGE_SHIFT;
			pairs[2 * runs++ + 1] = 0;
		}
		pairs[2 * runs - 1] += PAGE_SIZE;
		end = idx + 1;
	}
	return runs;
}
