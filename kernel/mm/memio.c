/* SPDX-License-Identifier: MIT */
/*
 * Stream reads and writes of memory objects, in batches: the pages are made present and held, the
 * BKL is dropped, the bytes are copied.
 *
 * Writers take the object's I/O lock, so that a write is whole and appends do not overlap; readers
 * do not. A resize takes it neither: a server may shrink a file while a writer waits for that same
 * server. The size grows after the bytes are there.
 */
#include "memobj.h"
#include "pager.h"

#define BATCH 16u
#define BIG   1024u /* bytes from which on the BKL is dropped */

struct batch {
	u32 n;
	char *at[BATCH]; /* first byte to copy in each page */
	u32 len[BATCH];
	struct frame *f[BATCH]; /* referenced, or NULL: nothing to put */
	u64 bytes;
};

static void batch_add(struct batch *b, struct frame *f, char *page, u64 off, u64 limit)
{
	u32 in = off & (PAGE_SIZE - 1);

	b->f[b->n] = f;
	b->at[b->n] = page + in;
	b->len[b->n] = MIN(limit, PAGE_SIZE - in);
	b->bytes += b->len[b->n++];
}

static void batch_put(struct batch *b)
{
	for (u32 i = 0; i < b->n; i++)
		if (b->f[i])
			frame_put(b->f[i]);
}

/* -> bytes copied */
static u64 batch_copy(struct batch *b, struct uio *u, bool out)
{
	bool big = b->bytes > BIG;
	u64 done = 0;

	if (big)
		bkl_drop();
	for (u32 i = 0; i < b->n; i++) {
		u64 n = uio_move(u, b->at[i], b->len[i], out);

		done += n;
		if (n < b->len[i])
			break;
	}
	if (big)
		bkl_retake();
	return done;
}

/* The direct map's address of a byte of a PHYS or DMA object that is RAM. */
static char *phys_page(struct memobj *m, u64 off)
{
	u64 phys = m->phys + (off & ~(PAGE_SIZE - 1));

	return frame_of(phys) && m->cache == WEFT_MEM_CACHE_WB ? phys_to_virt(phys) : NULL;
}

/* The page for a read of what is there (NULL: zeros) or for a write, held. -EAGAIN: it has to be
 * waited for, which is not done while others are held. */
static int hold_page(struct memobj *m, u64 idx, bool write, bool whole, u64 end, bool held,
	struct frame **out)
{
	*out = write ? NULL : memobj_page(m, idx);
	if (write)
		return memobj_get_page_for(m, idx, true, whole, end, out);
	if (*out) {
		(*out)->flags |= FRAME_REFERENCED;
		frame_get(*out);
		return 0;
	}
	if (!m->pager)
		return 0;
	return held ? -EAGAIN : memobj_get_page(m, idx, false, out);
}

/* Makes the first pages of [off, off + len) present and holds them. */
static int gather(struct memobj *m, struct batch *b, u64 off, u64 len, bool write)
{
	u64 end = off + MIN(len, (u64)BATCH << PAGE_SHIFT), first = off >> PAGE_SHIFT;
	int r = 0;

	b->n = 0;
	b->bytes = 0;
	if (write && m->pager)
		r = pager_reserve(m, first, ((end + PAGE_SIZE - 1) >> PAGE_SHIFT) - first,
			MAX(m->size, end));
	while (!r && off < end && b->n < BATCH) {
		u64 part = MIN(end - off, PAGE_SIZE - (off & (PAGE_SIZE - 1)));
		struct frame *f = NULL;
		char *page = NULL;

		if (memobj_is_phys(m)) {
			page = phys_page(m, off);
			r = page ? 0 : -EIO;
		} else {
			r = hold_page(m, off >> PAGE_SHIFT, write, part == PAGE_SIZE, end, b->n,
				&f);
			page = frame_virt(f ? f : zero_frame);
		}
		if (!r)
			batch_add(b, f, page, off, part);
		off += part;
	}
	return b->n ? 0 : r;
}

/* A page that was fetched for write-back while we copied is dirty again. */
static void mark_dirty(struct memobj *m, struct batch *b, u64 off)
{
	for (u32 i = 0; i < b->n; i++) {
		u64 idx = (off >> PAGE_SHIFT) + i;

		if (memobj_page(m, idx) == b->f[i] && !(b->f[i]->flags & FRAME_DIRTY))
			pager_set_dirty(m, b->f[i], idx);
	}
}

static i64 transfer(struct memobj *m, struct uio *u, u64 off, bool write)
{
	bool fixed = !write || memobj_is_phys(m) || (m->seals & F_SEAL_GROW);
	u64 total = 0, done;
	struct batch b;
	int r;

	while (u->left) {
		u64 room = fixed ? m->size - MIN(m->size, off) : INT64_MAX - PAGE_SIZE - off;

		if (!room && !write)
			break;
		if (room)
			r = gather(m, &b, off, MIN(u->left, room), write);
		else
			r = memobj_is_phys(m) ? -ENOSPC : -EPERM;
		if (r == -EFAULT && !write) /* it has shrunk meanwhile */
			break;
		if (r)
			return total ? (i64)total : r;
		done = batch_copy(&b, u, !write);
		if (write && m->pager)
			mark_dirty(m, &b, off);
		batch_put(&b);
		total += done;
		off += done;
		if (write && done && off > m->size)
			m->size = off;
		if (done < b.bytes || (u->left && mm_pause()))
			return total ? (i64)total : -EFAULT;
	}
	return total;
}

i64 memobj_read(struct memobj *m, struct uio *u, u64 off, u32)
{
	i64 n;

	if (off > INT64_MAX)
		return -EINVAL;
	object_get(&m->obj);
	n = transfer(m, u, off, false);
	object_put(&m->obj);
	return n;
}

i64 memobj_write(struct memobj *m, struct uio *u, u64 off, u32 flags)
{
	i64 n;

	if (off > INT64_MAX)
		return -EINVAL;
	if (m->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	if (!u->left)
		return 0;
	n = memobj_io_lock(m);
	if (n)
		return n;
	object_get(&m->obj);
	if (flags & WEFT_IO_APPEND)
		off = m->size;
	n = off >= INT64_MAX - PAGE_SIZE ? -EFBIG : transfer(m, u, off, true);
	if (n > 0)
		memobj_touch(m, true);
	memobj_io_unlock(m);
	object_put(&m->obj);
	return n;
}
