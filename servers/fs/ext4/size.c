/* SPDX-License-Identifier: MIT */
/*
 * Sizes, room and holes. Blocks are freed only while no page-out of the file is at the disk. The
 * kernel drops the pages first, then the blocks go; a page-in that comes between waits for the lock
 * and finds the hole.
 */
#include "ext4.h"

#include <stdlib.h>

#define KEEP_SIZE  1u
#define PUNCH_HOLE 2u
#define ZERO_RANGE 16u

/* The last block's bytes beyond the size are zeroed on the disk, or they would show when the file
 * grows over them. */
static int zero_tail(struct node *n, u64 size)
{
	struct ext4 *x = ext4_of(n->fs);
	u64 in = size & (x->bs - 1);
	struct run r;
	u8 block[PAGE];
	if (!in)
		return 0;
	int e = map_find(n, size >> x->bits, 1, &r);
	if (e || !r.pblk || r.unwritten)
		return e;
	cache_await(x, r.pblk << x->bits, x->bs);
	e = device_read(x->dev, r.pblk << x->bits, block, x->bs);
	if (e)
		return e;
	memset(block + in, 0, x->bs - in);
	return device_write(x->dev, r.pblk << x->bits, block, x->bs);
}

int size_set(struct node *n, u64 size)
{
	struct ext4 *x = ext4_of(n->fs);
	struct ext4_node *xn = ext4_node(n);
	struct weft_mem_info info;
	if (n->fs->read_only)
		return -EROFS;
	if (size > x->max_size)
		return -EFBIG;
	data_await_writes(n);
	int e = fs_mem_info(n->mem, &info);
	if (e)
		return e;
	u64 old = info.size > xn->valid_to ? info.size : xn->valid_to;
	e = fs_mem_resize(n->mem, size);
	if (e)
		return e;
	if (size < old) {
		data_stale(x, n, size & ~(u64)(PAGE - 1), ~0ull);
		reserve_drop(n, (size + RESERVE_UNIT - 1) / RESERVE_UNIT);
		e = map_remove(n, (size + x->bs - 1) >> x->bits, UINT32_MAX);
		if (!e && size < xn->valid_to)
			e = zero_tail(n, size);
		if (xn->valid_to > size)
			xn->valid_to = size;
	}
	node_dirty(n);
	return e;
}

static int allocate(struct node *n, u64 off, u64 len)
{
	struct ext4 *x = ext4_of(n->fs);
	u64 first = off >> x->bits, count = ((off + len - 1) >> x->bits) - first + 1, holes;
	int e = ext4_need_bitmaps(x);
	if (!e)
		e = map_count_holes(n, first, count, &holes);
	if (!e && holes > alloc_available(x))
		e = -ENOSPC;
	if (e || !holes)
		return e;
	map_forget(n);
	errcode_t c = ext2fs_fallocate(x->e2, EXT2_FALLOCATE_FORCE_UNINIT, (ext2_ino_t)n->ino, NULL,
		alloc_goal(n, first), first, count);
	map_forget(n);
	map_changed(n);
	return ext4_errno(x, c, "the block map", n->ino);
}

int size_allocate(struct node *n, u32 mode, u64 off, u64 len)
{
	struct ext4 *x = ext4_of(n->fs);
	struct weft_mem_info info;
	if (n->fs->read_only)
		return -EROFS;
	if (mode & ~KEEP_SIZE)
		return -EOPNOTSUPP;
	if (!(ext4_node(n)->flags & EXT4_EXTENTS_FL))
		return -EOPNOTSUPP;
	if (off + len > x->max_size)
		return -EFBIG;
	data_await_writes(n);
	int e = inode_open_mem(n);
	if (!e)
		e = fs_mem_info(n->mem, &info);
	if (!e)
		e = allocate(n, off, len);
	if (!e && !(mode & KEEP_SIZE) && off + len > info.size)
		e = fs_mem_resize(n->mem, off + len);
	node_dirty(n);
	return e;
}

int size_punch(struct node *n, u64 off, u64 len)
{
	struct ext4 *x = ext4_of(n->fs);
	u64 first = (off + PAGE - 1) & ~(u64)(PAGE - 1), end = (off + len) & ~(u64)(PAGE - 1);
	struct weft_mem_info info;
	if (n->fs->read_only)
		return -EROFS;
	data_await_writes(n);
	int e = fs_mem_info(n->mem, &info);
	if (!e && end >= info.size)
		end = (info.size + PAGE - 1) & ~(u64)(PAGE - 1);
	if (e || first >= end)
		return e;
	data_stale(x, n, first, end);
	e = fs_mem_drop(n->mem, first, end - first);
	if (!e)
		e = map_remove(n, first >> x->bits, end >> x->bits);
	node_dirty(n);
	return e;
}
