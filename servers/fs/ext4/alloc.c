/* SPDX-License-Identifier: MIT */
/*
 * Free blocks, and promises of them. Blocks are allocated when dirty pages are written, so that a
 * file lies in one piece; but room is promised when a page becomes dirty, so that a writer hears of
 * a full disk and no page is lost later. x->reserved is the sum of all promises. A promise is for a
 * unit of 64 KiB of a file: as many blocks as that has holes. x->set_aside stays free for what a
 * block map needs beside.
 *
 * The kernel forgets a promise when it has nothing dirty left in a unit; ours may stay longer,
 * until reserve_trim asks the kernel.
 */
#include "ext4.h"

#include <stdlib.h>

#define GOOD_RUN 64u /* a free run of this many blocks is looked for ... */
#define LOOKS	 32u /* ... in so many places */

u64 alloc_available(struct ext4 *x)
{
	u64 nfree = ext2fs_free_blocks_count(x->e2->super), taken = x->reserved + x->set_aside;
	return nfree > taken ? nfree - taken : 0;
}

u64 alloc_goal(struct node *n, u64 lblk)
{
	struct ext4 *x = ext4_of(n->fs);
	struct ext4_node *xn = ext4_node(n);
	struct run r;
	if (lblk && map_find(n, lblk - 1, 1, &r) == 0 && r.pblk)
		return r.pblk + 1;
	if (xn->goal)
		return xn->goal;
	return ext2fs_group_first_block2(x->e2,
		(dgrp_t)((n->ino - 1) / x->e2->super->s_inodes_per_group));
}

/* The first free run in [from, end) of at least `least` blocks, or the longest of those looked at.
 */
static bool search(struct ext4 *x, u64 from, u64 end, u64 least, struct run *best)
{
	ext2fs_block_bitmap map = x->e2->block_map;
	for (u32 looks = 0; from < end && looks < LOOKS; looks++) {
		blk64_t first, after;
		if (ext2fs_find_first_zero_block_bitmap2(map, from, end - 1, &first))
			break;
		u64 last = first + least - 1 < end - 1 ? first + least - 1 : end - 1;
		if (ext2fs_find_first_set_block_bitmap2(map, first, last, &after))
			after = last + 1;
		if (after - first > best->len) {
			best->pblk = first;
			best->len = after - first;
		}
		if (best->len >= least)
			return true;
		from = after + 1;
	}
	return best->len > 0;
}

int alloc_run(struct ext4 *x, u64 goal, u64 want, bool metadata, struct run *r)
{
	ext2_filsys e2 = x->e2;
	u64 first = e2->super->s_first_data_block, end = ext2fs_blocks_count(e2->super);
	int e = ext4_need_bitmaps(x);
	if (e)
		return e;
	/* Metadata has no promise of its own: it may take what is set aside, but nothing that was
	 * promised. */
	if (metadata && ext2fs_free_blocks_count(e2->super) <= x->reserved)
		return -ENOSPC;
	if (goal < first || goal >= end)
		goal = first;
	*r = (struct run){0};
	u64 least = want < GOOD_RUN ? want : GOOD_RUN;
	if (!search(x, goal, end, least, r) || r->len < least)
		search(x, first, goal, least, r);
	if (!r->len)
		return -ENOSPC;
	if (r->len == least && least < want) {
		blk64_t after;
		u64 last = r->pblk + want - 1 < end - 1 ? r->pblk + want - 1 : end - 1;
		if (ext2fs_find_first_set_block_bitmap2(e2->block_map, r->pblk, last, &after))
			after = last + 1;
		r->len = after - r->pblk;
	}
	ext2fs_block_alloc_stats_range(e2, r->pblk, (blk_t)r->len, 1);
	return 0;
}

void alloc_free(struct ext4 *x, u64 pblk, u64 len)
{
	ext2fs_block_alloc_stats_range(x->e2, pblk, (blk_t)len, -1);
	/* Or an old directory's block would be written over what comes to lie there. */
	cache_forget(pblk, len);
}

/* Promises. */

/* The first at or after unit. */
static u32 position(const struct ext4_node *xn, u64 unit)
{
	u32 lo = 0, hi = xn->nreserved;
	while (lo < hi) {
		u32 mid = (lo + hi) / 2;
		if (xn->reserved[mid].unit < unit)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int reserve_unit(struct node *n, u64 unit, u32 blocks)
{
	struct ext4 *x = ext4_of(n->fs);
	struct ext4_node *xn = ext4_node(n);
	u32 at = position(xn, unit);
	bool there = at < xn->nreserved && xn->reserved[at].unit == unit;
	u32 had = there ? xn->reserved[at].blocks : 0;
	if (blocks > had && blocks - had > alloc_available(x))
		return -ENOSPC;
	if (!there && blocks) {
		if (xn->nreserved == xn->room_reserved) {
			u32 room = xn->room_reserved ? 2 * xn->room_reserved : 8;
			struct reservation *r = realloc(xn->reserved, room * sizeof(*r));
			if (!r)
				return -ENOMEM;
			xn->reserved = r;
			xn->room_reserved = room;
		}
		memmove(xn->reserved + at + 1, xn->reserved + at,
			(xn->nreserved - at) * sizeof(*xn->reserved));
		xn->nreserved++;
		there = true;
	}
	if (there)
		xn->reserved[at] = (struct reservation){unit, blocks};
	x->reserved = x->reserved - had + blocks;
	return 0;
}

void reserve_used(struct node *n, u64 unit, u32 blocks)
{
	struct ext4_node *xn = ext4_node(n);
	u32 at = position(xn, unit);
	if (at == xn->nreserved || xn->reserved[at].unit != unit)
		return;
	if (blocks > xn->reserved[at].blocks)
		blocks = xn->reserved[at].blocks;
	xn->reserved[at].blocks -= blocks;
	ext4_of(n->fs)->reserved -= blocks;
	if (xn->reserved[at].blocks == 0) {
		xn->nreserved--;
		memmove(xn->reserved + at, xn->reserved + at + 1,
			(xn->nreserved - at) * sizeof(*xn->reserved));
	}
}

void reserve_drop(struct node *n, u64 from_unit)
{
	struct ext4_node *xn = ext4_node(n);
	for (u32 at = position(xn, from_unit); at < xn->nreserved; at++)
		ext4_of(n->fs)->reserved -= xn->reserved[at].blocks;
	xn->nreserved = position(xn, from_unit);
}

void reserve_trim(struct node *n)
{
	struct weft_mem_info info;
	/* Only where nothing is dirty after the kernel has forgotten: then all promises are void.
	 */
	if (!ext4_node(n)->nreserved || fs_mem_release(n->mem) || fs_mem_info(n->mem, &info) ||
		info.dirty || ext4_node(n)->writing)
		return;
	reserve_drop(n, 0);
}
