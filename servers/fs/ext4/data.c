/* SPDX-License-Identifier: MIT */
/*
 * The pager. Page-in reads the runs of blocks behind the pages asked for, page-out gives dirty
 * pages blocks and writes them, reserve promises room.
 *
 * The lock is dropped while the disk works. So a page-in notes itself in x->page_ins, and whoever
 * changes or frees these blocks meanwhile marks it stale: it reads again. A page-out raises
 * writing, and whoever frees blocks waits until that is 0. New blocks enter the file's map after
 * they are written, so what a file shows after a crash was once its own.
 *
 * Bytes of the last block beyond valid_to (the size that the disk has been told) may be anything:
 * they are zeroed on the way in; on the way out those beyond the size are.
 */
#include "ext4.h"

#include <stdlib.h>

#define RUNS 256u

struct piece {
	u64 off, len; /* in the file */
	u64 at;	      /* on the device; 0: zeros */
	struct run run;
	bool new, unwritten;
};

struct plan {
	u32 n;
	u64 end; /* of what is planned */
	struct piece piece[RUNS];
};

static int unit_holes(struct node *n, u64 unit, u64 *holes)
{
	struct ext4 *x = ext4_of(n->fs);
	u32 per = RESERVE_UNIT >> x->bits;
	return map_count_holes(n, unit * per, per, holes);
}

int data_reserve(struct fs *fs, u64 ino, u64 off, u64 len, u64 size)
{
	struct ext4 *x = ext4_of(fs);
	struct node *n = inode_cached(ino);
	if (fs->read_only)
		return -EROFS;
	if (!n)
		return -EIO;
	if (size > x->max_size || off + len > x->max_size + RESERVE_UNIT)
		return -EFBIG;
	u64 end = (off + len + RESERVE_UNIT - 1) / RESERVE_UNIT;
	for (u64 unit = off / RESERVE_UNIT; unit < end; unit++) {
		u64 holes;
		int e = unit_holes(n, unit, &holes);
		if (!e)
			e = reserve_unit(n, unit, (u32)holes);
		if (e == -ENOSPC) {
			/* Promises that nobody needs any more may be in the way. */
			fsl_for_each(xn, &x->mems, struct ext4_node, mem_link)
				reserve_trim(xn->node);
			e = reserve_unit(n, unit, (u32)holes);
		}
		if (e)
			return e;
	}
	return 0;
}

void data_stale(struct ext4 *x, struct node *n, u64 from, u64 to)
{
	fsl_for_each(j, &x->page_ins, struct page_job,
		active) if (j->node == n && j->off < to && from < j->off + j->len) j->stale = true;
}

void data_await_writes(struct node *n)
{
	while (ext4_node(n)->writing)
		ext4_wait();
}

/* The pieces of [off, end), as they are mapped now. */
static int make_plan(struct node *n, u64 off, u64 end, struct plan *p)
{
	struct ext4 *x = ext4_of(n->fs);
	for (p->n = 0; off < end && p->n < RUNS; p->n++) {
		struct piece *c = &p->piece[p->n];
		u64 lblk = off >> x->bits, in = off & (x->bs - 1);
		int e = map_find(n, lblk, ((end - 1) >> x->bits) - lblk + 1, &c->run);
		if (e)
			return e;
		c->off = off;
		c->len = (c->run.len << x->bits) - in;
		if (c->len > end - off)
			c->len = end - off;
		c->at = c->run.pblk && !c->run.unwritten ? (c->run.pblk << x->bits) + in : 0;
		c->new = false;
		c->unwritten = c->run.pblk && c->run.unwritten;
		off += c->len;
	}
	p->end = off;
	return 0;
}

static int read_plan(struct ext4 *x, const struct plan *p, u64 off, u8 *buf)
{
	int e = 0;
	for (u32 i = 0; i < p->n && !e; i++) {
		const struct piece *c = &p->piece[i];
		if (c->at)
			e = device_read(x->dev, c->at, buf + (c->off - off), c->len);
		else
			memset(buf + (c->off - off), 0, c->len);
	}
	return e;
}

/* Zeroes what lies beyond `to` in a buffer of [off, end). */
static void zero_beyond(u8 *buf, u64 off, u64 end, u64 to)
{
	if (to < end)
		memset(buf + (to > off ? to - off : 0), 0, to > off ? end - to : end - off);
}

static int page_in_once(struct ext4 *x, struct page_job *j, struct plan *p, u64 off, u8 *buf,
	u64 *next)
{
	struct weft_mem_info info;
	struct node *n = j->node;
	int e = fs_mem_info(n->mem, &info);
	u64 end = j->off + j->len < info.size ? j->off + j->len : info.size;
	*next = end;
	if (e || off >= end)
		return e;
	j->stale = false;
	e = make_plan(n, off, (end + x->bs - 1) & ~(u64)(x->bs - 1), p);
	if (e)
		return e;
	ext4_unlock();
	e = read_plan(x, p, off, buf);
	ext4_lock();
	if (e || j->stale) {
		*next = off;
		return e;
	}
	if (p->end < end) /* many pieces: whole pages of them */
		end = p->end & ~(u64)(PAGE - 1);
	zero_beyond(buf, off, end, ext4_node(n)->valid_to);
	*next = end;
	return end > off ? fs_mem_supply(n->mem, off, buf, end - off) : -EIO;
}

int data_page_in(struct ext4 *x, struct page_job *j, void *buf)
{
	struct plan *p = malloc(sizeof(*p));
	u64 off = j->off;
	int e = p && j->len <= PAGE_RUN_MAX ? 0 : p ? -EINVAL : -ENOMEM;
	fsl_append(&x->page_ins, &j->active);
	while (!e && off < j->off + j->len) {
		u64 next;
		e = page_in_once(x, j, p, off, buf, &next);
		if (!e && next == off && !j->stale)
			break; /* the rest lies beyond the end */
		off = next;
		struct weft_mem_info info;
		if (!e && fs_mem_info(j->node->mem, &info) == 0 && off >= info.size)
			break;
	}
	fsl_remove(&j->active);
	free(p);
	x->page_ins_done++;
	x->bytes_in += j->len;
	return e;
}

/* Gives the holes of a plan blocks. A hole may become several pieces. */
static int give_blocks(struct node *n, u64 off, u64 end, struct plan *p)
{
	struct ext4 *x = ext4_of(n->fs);
	u32 nholes = 0;
	int e = make_plan(n, off, end, p);
	if (e)
		return e;
	for (u32 i = 0; i < p->n; i++)
		nholes += !p->piece[i].run.pblk;
	if (!nholes)
		return 0;
	struct plan *out = malloc(sizeof(*out));
	if (!out)
		return -ENOMEM;
	out->n = 0;
	for (u32 i = 0; i < p->n && out->n < RUNS && !e; i++) {
		struct piece c = p->piece[i];
		if (c.run.pblk) {
			out->piece[out->n++] = c;
			continue;
		}
		u64 lblk = c.off >> x->bits, left = ((c.off + c.len - 1) >> x->bits) - lblk + 1,
		    at = c.off;
		while (left && out->n < RUNS) {
			struct run r;
			u64 goal = out->n && out->piece[out->n - 1].run.pblk
				? out->piece[out->n - 1].run.pblk + out->piece[out->n - 1].run.len
				: alloc_goal(n, lblk);
			e = alloc_run(x, goal, left, false, &r);
			if (e)
				break;
			r.lblk = lblk;
			u64 len = (r.len << x->bits) - (at & (x->bs - 1));
			out->piece[out->n++] = (struct piece){.off = at,
				.len = len,
				.at = (r.pblk << x->bits) + (at & (x->bs - 1)),
				.run = r,
				.new = true};
			ext4_node(n)->goal = r.pblk + r.len;
			lblk += r.len;
			left -= r.len;
			at += len;
		}
	}
	struct piece *last = out->n ? &out->piece[out->n - 1] : NULL;
	out->end = last ? last->off + last->len : off;
	*p = *out;
	free(out);
	return e && p->n == 0 ? e : 0;
}

static int write_plan(struct ext4 *x, const struct plan *p, u64 off, u64 end, const u8 *buf)
{
	int e = 0;
	for (u32 i = 0; i < p->n && !e; i++) {
		const struct piece *c = &p->piece[i];
		u64 at = c->unwritten ? (c->run.pblk << x->bits) + (c->off & (x->bs - 1)) : c->at;
		if (c->off < end)
			e = device_write(x->dev, at, buf + (c->off - off),
				c->off + c->len < end ? c->len : end - c->off);
	}
	return e;
}

/* Blocks that were meant for what lies beyond end are not needed. */
static void cut_piece(struct ext4 *x, struct piece *c, u64 end)
{
	u64 used = c->off < end ? ((end - 1) >> x->bits) - (c->off >> x->bits) + 1 : 0;
	if (used >= c->run.len)
		return;
	if (c->new)
		alloc_free(x, c->run.pblk + used, c->run.len - used);
	c->run.len = used;
}

/* What was written, up to end, becomes the file's. */
static int enter_plan(struct node *n, struct plan *p, u64 end, int error)
{
	struct ext4 *x = ext4_of(n->fs);
	u32 per = RESERVE_UNIT >> x->bits;
	int first = error;
	for (u32 i = 0; i < p->n; i++) {
		struct piece *c = &p->piece[i];
		int e = 0;
		cut_piece(x, c, end);
		if (!c->run.len)
			continue;
		if (c->new &&first) {
			alloc_free(x, c->run.pblk, c->run.len);
			continue;
		}
		if (c->new)
			e = map_insert(n, c->run.lblk, c->run.pblk, c->run.len);
		else if (c->unwritten && !first)
			e = map_written(n, c->run.lblk, c->run.pblk, c->run.len);
		if (e && c->new)
			alloc_free(x, c->run.pblk, c->run.len);
		first = first ? first : e;
		for (u64 b = c->run.lblk; c->new && !e &&b < c->run.lblk + c->run.len; b++)
			reserve_used(n, b / per, 1);
	}
	return first;
}

static int page_out_once(struct ext4 *x, struct node *n, u64 off, u64 len, struct plan *p, u8 *buf,
	u64 *next)
{
	struct weft_mem_info info;
	int e = fs_mem_info(n->mem, &info);
	u64 end = off + len, size = (info.size + x->bs - 1) & ~(u64)(x->bs - 1);
	if (end > size)
		end = size;
	*next = off + len;
	if (e || off >= end)
		return e;
	e = give_blocks(n, off, end, p);
	if (e)
		return e;
	if (p->end < end)
		end = p->end & ~(u64)(PAGE - 1); /* the rest comes in the next round */
	ext4_node(n)->writing++;
	data_stale(x, n, off, end);
	for (u32 i = 0; i < p->n; i++)
		cache_await(x, p->piece[i].run.pblk << x->bits, p->piece[i].run.len << x->bits);
	ext4_unlock();
	i64 got = end > off
		? fs_mem_fetch(n->mem, off, buf, (end - off + PAGE - 1) & ~(u64)(PAGE - 1))
		: -ENOSPC;
	e = got < 0 ? (int)got : fs_mem_info(n->mem, &info);
	if (!e) {
		if (off + (u64)got < end)
			end = off + (u64)got;
		zero_beyond(buf, off, end, info.size);
		e = write_plan(x, p, off, end, buf);
	}
	ext4_lock();
	e = enter_plan(n, p, end, e);
	if (!e && ext4_node(n)->valid_to < (end < info.size ? end : info.size))
		ext4_node(n)->valid_to = end < info.size ? end : info.size;
	ext4_node(n)->writing--;
	data_stale(x, n, off, end);
	ext4_changed();
	node_dirty(n);
	x->bytes_out += end - off;
	*next = end;
	return e;
}

int data_page_out(struct ext4 *x, struct page_job *j, void *buf)
{
	struct plan *p = malloc(sizeof(*p));
	u64 off = j->off, end = j->off + j->len;
	int e = p && j->len <= PAGE_RUN_MAX ? 0 : p ? -EINVAL : -ENOMEM;
	if (!e && x->fs->read_only)
		e = -EROFS;
	/* Fetched pages are clean, and may have no blocks for a while yet. */
	j->node->in_flight += j->len;
	while (!e && off < end) {
		u64 next = end;
		e = page_out_once(x, j->node, off, end - off, p, buf, &next);
		if (!e && next <= off)
			e = -EIO;
		off = next;
	}
	j->node->in_flight -= j->len;
	free(p);
	x->page_outs_done++;
	/* A page that is gone need not be written. */
	return e == -ENODATA ? 0 : e;
}
