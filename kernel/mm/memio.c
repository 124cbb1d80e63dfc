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

/* Pages that are held, from that of the first byte on. */
struct batch {
	u32 n;
	struct frame *f[BATCH];
};

/* -> bytes copied */
static u64 batch_copy(struct batch *b, struct uio *u, u64 off, u64 len, bool out)
{
	bool big = len > BIG;
	u64 done = 0;

	if (big)
		bkl_drop();
	for (u32 i = 0; i < b->n; i++) {
		u64 in = (off + done) & (PAGE_SIZE - 1), part = MIN(len - done, PAGE_SIZE - in);
		u64 n = uio_move(u, (char *)frame_virt(b->f[i]) + in, part, out);

		done += n;
		if (n < part)
			break;
	}
	if (big)
		bkl_retake();
	return done;
}

/* A page that was fetched for write-back while we copied is dirty again. */
static void batch_put(struct batch *b, struct memobj *m, u64 off, bool written)
{
	while (b->n--) {
		struct frame *f = b->f[b->n];
		u64 idx = (off >> PAGE_SHIFT) + b->n;

		if (written && m->pager && memobj_page(m, idx) == f && !(f->flags & FRAME_DIRTY))
			pager_set_dirty(m, f, idx);
		frame_put(f);
	}
}

/* The page for a read of what is there or for a write, held. -EAGAIN: it has to be waited for,
 * which is not done while others are held. */
static int hold_page(struct memobj *m, u64 idx, bool write, bool whole, u64 end, bool held,
	struct frame **out)
{
	if (memobj_is_phys(m)) {
		if (m->cache != WEFT_MEM_CACHE_WB)
			return -EIO;
		TRY(memobj_get_page(m, idx, write, out));
		return *out ? 0 : -EIO;
	}
	if (write)
		return memobj_get_page_for(m, idx, true, whole, end, out);
	*out = memobj_page(m, idx);
	if (!*out && m->pager)
		return held ? -EAGAIN : memobj_get_page(m, idx, false, out);
	if (!*out)
		*out = zero_frame;
	(*out)->flags |= FRAME_REFERENCED;
	frame_get(*out);
	return 0;
}

/* Makes the first pages of [off, off + *len) present and holds them; *len becomes that of these. */
static int gather(struct memobj *m, struct batch *b, u64 off, u64 *len, bool write)
{
	u64 first = off >> PAGE_SHIFT, end = MIN(off + *len, (first + BATCH) << PAGE_SHIFT);
	u64 at = off, part;
	int r = 0;

	if (write && m->pager)
		TRY(pager_reserve(m, first, ((end + PAGE_SIZE - 1) >> PAGE_SHIFT) - first,
			MAX(m->size, end)));
	for (b->n = 0; at < end; at += part, b->n++) {
		part = MIN(end - at, PAGE_SIZE - (at & (PAGE_SIZE - 1)));
		r = hold_page(m, at >> PAGE_SHIFT, write, part == PAGE_SIZE, end, b->n,
			&b->f[b->n]);
		if (r)
			break;
	}
	*len = at - off;
	return b->n ? 0 : r;
}

static i64 transfer(struct memobj *m, struct uio *u, u64 off, bool write)
{
	bool fixed = !write || memobj_is_phys(m) || (m->seals & F_SEAL_GROW);
	u64 total = 0, done;
	struct batch b;
	int r;

	while (u->left) {
		u64 room = fixed ? m->size - MIN(m->size, off) : INT64_MAX - PAGE_SIZE - off;
		u64 len = MIN(u->left, room);

		if (!room && !write)
			break;
		if (room)
			r = gather(m, &b, off, &len, write);
		else
			r = memobj_is_phys(m) ? -ENOSPC : -EPERM;
		if (r == -EFAULT && !write) /* it has shrunk meanwhile */
			break;
		if (r)
			return total ? (i64)total : r;
		done = batch_copy(&b, u, off, len, !write);
		batch_put(&b, m, off, write);
		total += done;
		off += done;
		if (write && done && off > m->size)
			m->size = off;
		if (done < len || (u->left && mm_pause()))
			return total ? (i64)total : -EFAULT;
	}
	return total;
}

i64 memobj_read(struct memobj *m, struct uio *u, u64 off, u32)
{
	return off > INT64_MAX ? -EINVAL : transfer(m, u, off, false);
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
	while (m->io_held)
		TRY(thread_block(&m->io_wait, WEFT_FOREVER, BLOCK_INTERRUPTIBLE));
	m->io_held = true;
	if (flags & WEFT_IO_APPEND)
		off = m->size;
	n = off >= INT64_MAX - PAGE_SIZE ? -EFBIG : transfer(m, u, off, true);
	if (n > 0)
		memobj_touch(m);
	m->io_held = false;
	waitq_wake(&m->io_wait, 1, 0);
	return n;
}
