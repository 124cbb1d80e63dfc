/* SPDX-License-Identifier: MIT */
/*
 * Which disk blocks a file has. Files with extents go through libext2fs's extent handle, a run at a
 * time; files mapped by block lists go through its bmap, a block at a time. What was looked up last
 * is remembered in the node (runs[]) until the map changes.
 */
#include "ext4.h"

#include <stdlib.h>

#define LEN_MAX		  32768u /* blocks of one extent with contents */
#define LEN_MAX_UNWRITTEN 32767u

void map_forget(struct node *n)
{
	struct ext4_node *xn = ext4_node(n);
	memset(xn->runs, 0, sizeof(xn->runs));
}

static bool remembered(struct ext4_node *xn, u64 lblk, u64 max, struct run *r)
{
	for (u32 i = 0; i < RUN_CACHE; i++) {
		const struct run *k = &xn->runs[i];
		if (lblk < k->lblk || lblk - k->lblk >= k->len)
			continue;
		u64 skip = lblk - k->lblk;
		*r = (struct run){lblk, k->pblk ? k->pblk + skip : 0,
			k->len - skip < max ? k->len - skip : max, k->unwritten};
		return true;
	}
	return false;
}

static int open_extents(struct node *n, ext2_extent_handle_t *h)
{
	struct ext4 *x = ext4_of(n->fs);
	return ext4_errno(x, ext2fs_extent_open(x->e2, (ext2_ino_t)n->ino, h), "the block map",
		n->ino);
}

/* The blocks lie in the file system's range and are not those of the superblock. */
static bool in_range(struct ext4 *x, u64 pblk, u64 len)
{
	u64 all = ext2fs_blocks_count(x->e2->super);
	return pblk > x->e2->super->s_first_data_block && pblk < all && len <= all - pblk;
}

static int find_extent(struct node *n, u64 lblk, struct run *r)
{
	struct ext4 *x = ext4_of(n->fs);
	struct ext2fs_extent e;
	ext2_extent_handle_t h = NULL;
	int err = open_extents(n, &h);
	if (err)
		return err;
	*r = (struct run){.lblk = lblk, .len = UINT32_MAX - lblk};
	errcode_t c = ext2fs_extent_goto(h, lblk);
	if (c == 0)
		c = ext2fs_extent_get(h, EXT2_EXTENT_CURRENT, &e);
	else if (c == EXT2_ET_EXTENT_NOT_FOUND)
		c = ext2fs_extent_get(h, EXT2_EXTENT_CURRENT, &e);
	if (c == EXT2_ET_NO_CURRENT_NODE || c == EXT2_ET_EXTENT_NO_NEXT) {
		c = 0; /* nothing at all: a hole to the end */
	} else if (c == 0 && e.e_lblk <= lblk && lblk - e.e_lblk < e.e_len) {
		*r = (struct run){e.e_lblk, e.e_pblk, e.e_len,
			e.e_flags & EXT2_EXTENT_FLAGS_UNINIT};
		if (!in_range(x, r->pblk, r->len)) {
			ext4_corrupt(x, "the block map", n->ino);
			err = -EUCLEAN;
		}
	} else if (c == 0) {
		/* A hole: up to the extent after it. */
		while (c == 0 && e.e_lblk <= lblk)
			c = ext2fs_extent_get(h, EXT2_EXTENT_NEXT_LEAF, &e);
		if (c == 0)
			r->len = e.e_lblk - lblk;
		else if (c == EXT2_ET_EXTENT_NO_NEXT)
			c = 0;
	}
	ext2fs_extent_free(h);
	return err ? err : ext4_errno(x, c, "the block map", n->ino);
}

static int find_block(struct node *n, u64 lblk, u64 max, struct run *r)
{
	struct ext4 *x = ext4_of(n->fs);
	struct ext2_inode_large in;
	int e = inode_read_raw(x, n->ino, &in);
	*r = (struct run){.lblk = lblk};
	for (; !e && r->len < max && r->len < 1024; r->len++) {
		blk64_t p = 0;
		e = ext4_errno(x,
			ext2fs_bmap2(x->e2, (ext2_ino_t)n->ino, (struct ext2_inode *)&in, NULL, 0,
				lblk + r->len, NULL, &p),
			"the block map", n->ino);
		if (e)
			break;
		if (r->len == 0)
			r->pblk = p;
		else if (r->pblk ? p != r->pblk + r->len : p != 0)
			break;
		if (p && !in_range(x, p, 1)) {
			ext4_corrupt(x, "the block map", n->ino);
			e = -EUCLEAN;
		}
	}
	return e;
}

int map_find(struct node *n, u64 lblk, u64 max, struct run *r)
{
	struct ext4_node *xn = ext4_node(n);
	if (lblk >= UINT32_MAX)
		return -EFBIG;
	if (remembered(xn, lblk, max, r))
		return 0;
	int e = xn->flags & EXT4_EXTENTS_FL ? find_extent(n, lblk, r)
					    : find_block(n, lblk, max > 64 ? max : 64, r);
	if (e)
		return e;
	xn->runs[xn->next_run++ % RUN_CACHE] = *r;
	u64 skip = lblk - r->lblk;
	r->lblk = lblk;
	r->pblk += r->pblk ? skip : 0;
	r->len = r->len - skip < max ? r->len - skip : max;
	return 0;
}

int map_count_holes(struct node *n, u64 lblk, u64 len, u64 *holes)
{
	*holes = 0;
	while (len) {
		struct run r;
		int e = map_find(n, lblk, len, &r);
		if (e)
			return e;
		if (!r.pblk)
			*holes += r.len;
		lblk += r.len;
		len -= r.len;
	}
	return 0;
}

void map_changed(struct node *n)
{
	struct ext4 *x = ext4_of(n->fs);
	struct ext2_inode_large in;
	if (inode_read_raw(x, n->ino, &in) == 0)
		n->blocks = ext2fs_get_stat_i_blocks(x->e2, (struct ext2_inode *)&in);
}

static int count_blocks(struct node *n, u64 blocks)
{
	struct ext4 *x = ext4_of(n->fs);
	struct ext2_inode_large in;
	int e = inode_read_raw(x, n->ino, &in);
	if (e)
		return e;
	e = ext4_errno(x, ext2fs_iblk_add_blocks(x->e2, (struct ext2_inode *)&in, blocks),
		"the inode", n->ino);
	if (!e)
		e = inode_write_raw(x, n->ino, &in);
	n->blocks = ext2fs_get_stat_i_blocks(x->e2, (struct ext2_inode *)&in);
	return e;
}

static errcode_t insert_extent(ext2_extent_handle_t h, u64 lblk, u64 pblk, u64 len)
{
	struct ext2fs_extent e, new = {.e_lblk = lblk, .e_pblk = pblk, .e_len = (u32)len};
	errcode_t c = ext2fs_extent_goto(h, lblk);
	if (c == 0)
		return EEXIST;
	if (c != EXT2_ET_EXTENT_NOT_FOUND && c != EXT2_ET_NO_CURRENT_NODE)
		return c;
	c = ext2fs_extent_get(h, EXT2_EXTENT_CURRENT, &e);
	if (c && c != EXT2_ET_NO_CURRENT_NODE)
		return c;
	if (c == EXT2_ET_NO_CURRENT_NODE)
		return ext2fs_extent_insert(h, 0, &new);
	if (e.e_lblk < lblk && !(e.e_flags & EXT2_EXTENT_FLAGS_UNINIT) &&
		e.e_lblk + e.e_len == lblk && e.e_pblk + e.e_len == pblk &&
		e.e_len + len <= LEN_MAX) {
		e.e_len += (u32)len;
		return ext2fs_extent_replace(h, 0, &e);
	}
	c = ext2fs_extent_insert(h, e.e_lblk < lblk ? EXT2_EXTENT_INSERT_AFTER : 0, &new);
	return c ? c : ext2fs_extent_fix_parents(h);
}

int map_insert(struct node *n, u64 lblk, u64 pblk, u64 len)
{
	struct ext4 *x = ext4_of(n->fs);
	int e = 0;
	map_forget(n);
	if (ext4_node(n)->flags & EXT4_EXTENTS_FL) {
		ext2_extent_handle_t h = NULL;
		e = open_extents(n, &h);
		for (u64 done = 0; !e && done < len;) {
			u64 some = len - done < LEN_MAX ? len - done : LEN_MAX;
			e = ext4_errno(x, insert_extent(h, lblk + done, pblk + done, some),
				"the block map", n->ino);
			done += some;
		}
		if (h)
			ext2fs_extent_free(h);
		return e ? e : count_blocks(n, len);
	}
	struct ext2_inode_large in;
	e = inode_read_raw(x, n->ino, &in);
	for (u64 i = 0; i < len && !e; i++) {
		blk64_t p = pblk + i;
		/* Blocks of the lists themselves are counted by libext2fs; ours are not. */
		e = ext4_errno(x,
			ext2fs_bmap2(x->e2, (ext2_ino_t)n->ino, (struct ext2_inode *)&in, NULL,
				BMAP_SET | BMAP_ALLOC, lblk + i, NULL, &p),
			"the block map", n->ino);
	}
	if (!e)
		e = inode_write_raw(x, n->ino, &in);
	return e ? e : count_blocks(n, len);
}

int map_written(struct node *n, u64 lblk, u64 pblk, u64 len)
{
	struct ext4 *x = ext4_of(n->fs);
	ext2_extent_handle_t h = NULL;
	int e = open_extents(n, &h);
	map_forget(n);
	for (u64 i = 0; !e && i < len; i++)
		e = ext4_errno(x, ext2fs_extent_set_bmap(h, lblk + i, pblk + i, 0), "the block map",
			n->ino);
	if (h)
		ext2fs_extent_free(h);
	return e;
}

int map_remove(struct node *n, u64 first, u64 end)
{
	struct ext4 *x = ext4_of(n->fs);
	map_forget(n);
	int e = first < end ? ext4_need_bitmaps(x) : 0;
	if (e || first >= end)
		return e;
	/* What is not there is no error for an empty map. */
	errcode_t c = ext2fs_punch(x->e2, (ext2_ino_t)n->ino, NULL, NULL, first,
		end >= UINT32_MAX ? ~0ull : end - 1);
	map_changed(n);
	return ext4_errno(x, c, "the block map", n->ino);
}

struct extent_list {
	struct run *r;
	u64 n, room;
};

static int remember(struct extent_list *l, u64 pblk, u64 len)
{
	if (l->n && l->r[l->n - 1].pblk + l->r[l->n - 1].len == pblk) {
		l->r[l->n - 1].len += len;
		return 0;
	}
	if (l->n == l->room) {
		u64 room = l->room ? 2 * l->room : 64;
		struct run *r = realloc(l->r, room * sizeof(*r));
		if (!r)
			return -ENOMEM;
		l->r = r;
		l->room = room;
	}
	l->r[l->n++] = (struct run){.pblk = pblk, .len = len};
	return 0;
}

static int all_extents(struct node *n, struct extent_list *l)
{
	struct ext4 *x = ext4_of(n->fs);
	struct ext2fs_extent e;
	ext2_extent_handle_t h = NULL;
	int err = open_extents(n, &h);
	if (err)
		return err;
	errcode_t c = ext2fs_extent_get(h, EXT2_EXTENT_ROOT, &e);
	for (; c == 0 && !err; c = ext2fs_extent_get(h, EXT2_EXTENT_NEXT, &e)) {
		bool leaf = e.e_flags & EXT2_EXTENT_FLAGS_LEAF;
		if (!leaf && (e.e_flags & EXT2_EXTENT_FLAGS_SECOND_VISIT))
			continue;
		if (!in_range(x, e.e_pblk, leaf ? e.e_len : 1)) {
			ext4_corrupt(x, "the block map", n->ino);
			err = -EUCLEAN;
		} else {
			err = remember(l, e.e_pblk, leaf ? e.e_len : 1);
		}
	}
	ext2fs_extent_free(h);
	if (c == EXT2_ET_EXTENT_NO_NEXT || c == EXT2_ET_NO_CURRENT_NODE)
		c = 0;
	return err ? err : ext4_errno(x, c, "the block map", n->ino);
}

int map_free_all(struct node *n)
{
	struct ext4 *x = ext4_of(n->fs);
	struct extent_list l = {0};
	struct ext2_inode_large in;
	int e = ext4_need_bitmaps(x);
	map_forget(n);
	if (!e)
		e = inode_read_raw(x, n->ino, &in);
	if (e || !ext2fs_inode_has_valid_blocks2(x->e2, (struct ext2_inode *)&in))
		return e;
	if (!(in.i_flags & EXT4_EXTENTS_FL))
		return map_remove(n, 0, UINT32_MAX);
	e = all_extents(n, &l);
	if (!e) {
		/* First the inode lets go of them. */
		struct ext3_extent_header *h = (void *)in.i_block;
		h->eh_entries = h->eh_depth = 0;
		memset(h + 1, 0, sizeof(in.i_block) - sizeof(*h));
		ext2fs_iblk_set(x->e2, (struct ext2_inode *)&in, 0);
		e = inode_write_raw(x, n->ino, &in);
	}
	for (u64 i = 0; i < l.n && !e; i++)
		alloc_free(x, l.r[i].pblk, l.r[i].len);
	free(l.r);
	return e;
}
