/* SPDX-License-Identifier: MIT */
/*
 * Frames: a buddy allocator over an array of struct frame, one per page of RAM, indexed by physical
 * page number.
 *
 * Two zones, below and above 4 GiB. A free block of 2^order frames is aligned to its size; its
 * first frame has FRAME_FREE, the order, and is on the zone's list. Single frames pass through a
 * small stack (hot, last in first out: they are in the caches and in the TLB) and through a pool of
 * zeroed frames, which idle CPUs fill. Frames of both count as free. All under the BKL. The last
 * frames_min frames are for the kernel: page tables, slabs, stacks. User data is not given them.
 */
#include "pager.h"
#include <kernel/arch.h>
#include <kernel/thread.h>

#define ZONE_SPLIT (1ul << (32 - PAGE_SHIFT))
#define CHUNK	   (1ul << FRAME_MAX_ORDER)
#define HOT_MAX	   256u
#define ZEROED_MAX 512u

u64 frames_total, frames_free, frames_min, frames_low_mark, frames_end;
struct weft_mem_stats mm_stats;
struct frame *frames, *zero_frame;

static struct list zones[2][FRAME_MAX_ORDER + 1]; /* free blocks by order */
static struct frame *hot[HOT_MAX], *zeroed[ZEROED_MAX];
static u32 nhot, nzeroed, zeroed_want;

static void block_add(struct frame *f, u32 order)
{
	f->flags = FRAME_FREE;
	f->order = order;
	f->refs = 0;
	list_add_after(&zones[(u64)(f - frames) >= ZONE_SPLIT][order], &f->link);
}

static void buddy_give(struct frame *f, u32 order)
{
	u64 pfn = f - frames;

	for (; order < FRAME_MAX_ORDER; order++) {
		u64 other = pfn ^ (1ul << order);
		struct frame *b = &frames[other];

		if (other >= frames_end || !(b->flags & FRAME_FREE) || b->order != order)
			break;
		list_del(&b->link);
		b->flags = 0;
		pfn &= other;
	}
	block_add(&frames[pfn], order);
}

static struct frame *buddy_take(const struct list *zone, u32 order)
{
	for (u32 o = order; o <= FRAME_MAX_ORDER; o++) {
		struct frame *f;

		if (list_empty(&zone[o]))
			continue;
		f = list_first(&zone[o], struct frame, link);
		list_del(&f->link);
		for (u64 i = 1; f->flags & FRAME_LAZY && i < CHUNK; i++)
			f[i].flags = 0;
		while (o > order) {
			o--;
			block_add(f + (1ul << o), o);
		}
		return f;
	}
	return NULL;
}

static void drain_stacks(void)
{
	while (nhot)
		buddy_give(hot[--nhot], 0);
	while (nzeroed)
		buddy_give(zeroed[--nzeroed], 0);
}

static struct frame *take(u32 order, bool low)
{
	struct frame *f = low ? NULL : buddy_take(zones[1], order);

	return f ? f : buddy_take(zones[0], order);
}

static struct frame *started(struct frame *f, u32 order)
{
	*f = (struct frame){.refs = 1, .order = order};
	frames_free -= 1ul << order;
	return f;
}

struct frame *frame_alloc(u32 order, bool low)
{
	struct frame *f;

	if (unlikely(order > FRAME_MAX_ORDER))
		return NULL;
	if (likely(order == 0 && !low && nhot))
		return started(hot[--nhot], 0);
	f = take(order, low);
	if (!f && nhot + nzeroed) {
		drain_stacks();
		f = take(order, low);
	}
	return f ? started(f, order) : NULL;
}

struct frame *frame_alloc_zero(void)
{
	struct frame *f;

	if (nzeroed)
		return started(zeroed[--nzeroed], 0);
	f = frame_alloc(0, false);
	if (f)
		page_clear(frame_virt(f));
	return f;
}

struct frame *frame_alloc_user(void)
{
	if (unlikely(frames_free <= frames_low_mark)) {
		if (mm_stats.dirty)
			pager_flush();
		reclaim_pages(64, frames_free <= frames_min);
	}
	if (unlikely(frames_free <= frames_min)) {
		/* Servers and drivers go on a little longer: what they do may free memory. */
		const struct process *p = current_process();

		if (!p || p->ident != identity_system || frames_free <= frames_min / 2)
			return NULL;
	}
	return frame_alloc(0, false);
}

struct frame *frame_alloc_copy(const void *src)
{
	struct frame *f;

	if (!src && nzeroed && likely(frames_free > frames_min))
		return started(zeroed[--nzeroed], 0);
	if (!src)
		zeroed_want = ZEROED_MAX;
	f = frame_alloc_user();
	if (!f)
		return NULL;
	bkl_drop();
	if (src)
		page_copy(frame_virt(f), src);
	else
		page_clear(frame_virt(f));
	bkl_retake();
	return f;
}

bool frames_low(void)
{
	return frames_free < frames_low_mark;
}

void frame_free(struct frame *f, u32 order)
{
	kassert(!(f->flags & (FRAME_FREE | FRAME_RESERVED)));
	if (f->flags & FRAME_ANON)
		mm_stats.anon--;
	f->refs = 0;
	f->flags = 0;
	frames_free += 1ul << order;
	if (order == 0 && nhot < HOT_MAX) {
		hot[nhot++] = f;
		return;
	}
	/* Half of the stack goes back at once, so that frees near its end stay cheap. */
	for (u32 i = 0; order == 0 && i < HOT_MAX / 2; i++)
		buddy_give(hot[--nhot], 0);
	buddy_give(f, order);
}

void frame_put(struct frame *f)
{
	if (!f || f->flags & FRAME_RESERVED)
		return;
	kassert(f->refs > 0);
	if (--f->refs == 0)
		frame_free(f, 0);
}

void frame_free_zeroed(struct frame *f)
{
	if (nzeroed == ZEROED_MAX) {
		frame_put(f);
		return;
	}
	f->refs = 0;
	f->flags = 0;
	frames_free++;
	zeroed[nzeroed++] = f;
}

bool mm_idle(void)
{
	struct frame *f;

	if (nzeroed >= zeroed_want || frames_free <= 2 * frames_low_mark) {
		zeroed_want = nzeroed < ZEROED_MAX / 4 ? ZEROED_MAX : 0;
		return nzeroed < zeroed_want && frames_free > 2 * frames_low_mark;
	}
	f = nhot > HOT_MAX / 2 ? hot[--nhot] : take(0, false);
	if (!f)
		return false;
	f->flags = 0;
	bkl_drop();
	page_clear(frame_virt(f));
	bkl_retake();
	if (nzeroed < ZEROED_MAX)
		zeroed[nzeroed++] = f;
	else
		buddy_give(f, 0);
	mm_stats.zero_pool = nzeroed;
	return nzeroed < zeroed_want;
}

/* Boot. */

/* How many of the n pages from pfn on are usable. */
static u64 usable(u64 pfn, u64 n)
{
	u64 sum = 0;

	for (const struct boot_range *r = boot_info.ranges;
		r < boot_info.ranges + boot_info.nranges; r++) {
		u64 start = MAX(pfn, ALIGN_UP(r->base, PAGE_SIZE) >> PAGE_SHIFT),
		    end = MIN(pfn + n, (r->base + r->len) >> PAGE_SHIFT);

		if (r->type == 1 && start < end)
			sum += end - start;
	}
	return sum;
}

/* Gives what is usable of a block. Frames of a whole chunk are first looked at when it is taken: to
 * touch them here would be most of the time that start-up takes. */
static void give(u64 pfn, u32 order)
{
	u64 n = 1ul << order, have = usable(pfn, n);

	if (have && have < n) {
		give(pfn, order - 1);
		give(pfn + n / 2, order - 1);
		return;
	}
	for (u64 i = pfn; !(have && n == CHUNK) && i < MIN(pfn + n, frames_end); i++)
		frames[i].flags = have ? 0 : FRAME_RESERVED;
	if (!have)
		return;
	block_add(&frames[pfn], order);
	frames[pfn].flags |= n == CHUNK ? FRAME_LAZY : 0;
	frames_free += n;
}

void frames_init(void)
{
	frames_end = 0;
	for (const struct boot_range *r = boot_info.ranges;
		r < boot_info.ranges + boot_info.nranges; r++)
		if (r->type == 1)
			frames_end = MAX(frames_end, (r->base + r->len) >> PAGE_SHIFT);
	frames = phys_to_virt(boot_alloc(frames_end * sizeof(struct frame), PAGE_SIZE));
	for (u32 z = 0; z < 2; z++)
		for (u32 o = 0; o <= FRAME_MAX_ORDER; o++)
			list_init(&zones[z][o]);
	nhot = nzeroed = 0;
	frames_free = 0;
	for (u64 pfn = 0; pfn < frames_end; pfn += CHUNK)
		give(pfn, FRAME_MAX_ORDER);
	frames_total = frames_free;
	frames_min = MIN(MAX(frames_total / 128, 64ul), 2048ul);
	frames_low_mark = 2 * frames_min;
	zeroed_want = ZEROED_MAX;
	zero_frame = frame_alloc_zero();
	kassert(zero_frame);
	zero_frame->flags = FRAME_RESERVED;
	slab_init();
	pager_init();
}

/* The kernel is compiled so that no such loop becomes a call of memset or memcpy. */

void page_clear(void *page)
{
	u64 *p = page;

#pragma GCC unroll 16
	for (u32 i = 0; i < PAGE_SIZE / 8; i++)
		p[i] = 0;
}

void page_copy(void *restrict to, const void *restrict from)
{
	u64 *d = to;
	const u64 *s = from;

#pragma GCC unroll 16
	for (u32 i = 0; i < PAGE_SIZE / 8; i++)
		d[i] = s[i];
}
