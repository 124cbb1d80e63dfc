/* SPDX-License-Identifier: MIT */
/*
 * Memory objects: life, pages, size. (See memobj.h for what the kinds mean.)
 *
 * A page may be replaced or dropped whenever the BKL is dropped or the thread blocks. Whoever
 * copies holds a reference of the frame meanwhile, and looks the page up again before it relies on
 * its being the object's.
 */
#include "as.h"
#include "pager.h"

/* The page leaves the object. */
static void forget_page(struct memobj *m, struct frame *f, u64 idx)
{
	radix_del(&m->pages, idx);
	if (m->pager)
		pager_forget(m, f);
	else
		mm_stats.shared--;
	if (f->owner == m)
		f->owner = NULL;
	frame_put(f);
}

static void destroy(struct object *o)
{
	struct memobj *m = container_of(o, struct memobj, obj);
	u64 idx = 0;
	struct frame *f;

	kassert(list_empty(&m->mappings));
	while ((f = radix_next(&m->pages, &idx)))
		forget_page(m, f, idx);
	if (m->pager)
		pager_destroy(m);
	if (m->hold)
		dma_object_gone(m);
	kfree(m->name);
	kfree(m);
}

static i64 op_read(struct object *o, struct uio *u, i64 off, u32 flags)
{
	struct memobj *m = container_of(o, struct memobj, obj);
	i64 n = memobj_read(m, u, off < 0 ? m->pos : (u64)off, flags);

	if (off < 0 && n > 0)
		m->pos += n;
	return n;
}

static i64 op_write(struct object *o, struct uio *u, i64 off, u32 flags)
{
	struct memobj *m = container_of(o, struct memobj, obj);
	i64 n;

	if (off < 0 && (o->status & 02000)) /* O_APPEND */
		flags |= WEFT_IO_APPEND;
	n = memobj_write(m, u, off < 0 ? m->pos : (u64)off, flags);
	if (off < 0 && n > 0)
		m->pos = flags & WEFT_IO_APPEND ? m->size : m->pos + n;
	return n;
}

static i64 op_ctl(struct object *o, u32 op, u64 a, u64 b)
{
	struct memobj *m = container_of(o, struct memobj, obj);
	i64 base, to;

	if (op == WEFT_FD_AVAIL)
		return m->pos < m->size ? (i64)(m->size - m->pos) : 0;
	if (op != WEFT_FD_SEEK)
		return -EINVAL;
	if (b > 2)
		return -EINVAL;
	base = b == 0 ? 0 : b == 1 ? (i64)m->pos : (i64)m->size;
	if (__builtin_add_overflow(base, (i64)a, &to))
		return -EOVERFLOW;
	if (to < 0)
		return -EINVAL;
	m->pos = to;
	return to;
}

static struct memobj *op_mem(struct object *o)
{
	return container_of(o, struct memobj, obj);
}

const struct obj_ops memobj_ops = {
	.read = op_read,
	.write = op_write,
	.ctl = op_ctl,
	.mem = op_mem,
	.destroy = destroy,
};

struct object *memobj_object(struct memobj *m)
{
	return &m->obj;
}

u64 memobj_size(struct memobj *m)
{
	return m->size;
}

struct memobj *memobj_of(struct object *o)
{
	return o->ops->mem ? o->ops->mem(o) : NULL;
}

int memobj_create(u32 kind, u64 size, u32 flags, struct memobj **out)
{
	struct memobj *m;

	if (size > INT64_MAX - PAGE_SIZE)
		return -EFBIG;
	m = object_new(sizeof(*m), WEFT_OBJ_MEM, &memobj_ops);
	if (!m)
		return -ENOMEM;
	m->kind = kind;
	m->cache = flags & WEFT_MEM_CACHE_MASK;
	m->seals = flags & WEFT_MEM_SEALABLE ? 0 : F_SEAL_SEAL;
	m->size = size;
	list_init(&m->mappings);
	waitq_init(&m->io_wait);
	*out = m;
	return 0;
}

int memobj_create_anon(u64 size, struct memobj **out)
{
	return memobj_create(WEFT_MEM_ANON, size, 0, out);
}

int memobj_create_phys(u64 phys, u64 size, u32 cache, struct memobj **out)
{
	int r;

	if ((phys & (PAGE_SIZE - 1)) || phys + size < phys || (phys + size) >> 52 ||
		cache > WEFT_MEM_CACHE_UC)
		return -EINVAL;
	r = memobj_create(WEFT_MEM_PHYS, size, cache, out);
	if (!r)
		(*out)->phys = phys;
	return r;
}

/* Gives the clone m the page f of src, whose reference it takes: shared, or copied where src's is
 * not to be (the server's, or pinned, when a device may be writing). */
static int clone_page(struct memobj *m, struct memobj *src, u64 idx, struct frame *f)
{
	bool copy = src->pager || f->flags & FRAME_PINNED;
	struct frame *c = copy ? frame_alloc_user() : f;
	int r;

	if (copy && c)
		page_copy(frame_virt(c), frame_virt(f));
	if (copy)
		frame_put(f);
	r = c ? memobj_insert(m, idx, c) : -ENOMEM;
	if (!r && !copy) {
		f->flags |= FRAME_COW;
		f->owner = NULL;
	}
	return r;
}

int memobj_clone(struct memobj *src, struct memobj **out)
{
	HELD struct memobj *m = NULL;
	struct frame *f;
	int r = memobj_is_phys(src) ? -EINVAL : 0;

	if (!r)
		r = memobj_create(WEFT_MEM_ANON, src->size, WEFT_MEM_SEALABLE, &m);
	for (u64 idx = 0; !r && idx < memobj_pages(src); idx++) {
		if (src->pager) {
			r = memobj_get_page(src, idx, false, &f);
		} else {
			f = radix_next(&src->pages, &idx);
			if (!f)
				break;
			frame_get(f);
		}
		if (!r)
			r = clone_page(m, src, idx, f);
	}
	if (r)
		return r;
	if (!src->pager)
		memobj_protect_range(src, 0, ~0ul);
	*out = m;
	m = NULL;
	return 0;
}

bool memobj_page_writable(const struct memobj *m, const struct frame *f)
{
	if (f->flags & FRAME_COW)
		return false;
	return !m->pager || (f->flags & FRAME_DIRTY);
}

int memobj_insert(struct memobj *m, u64 idx, struct frame *f)
{
	int r = memobj_page(m, idx) ? -EEXIST : radix_set(&m->pages, idx, f);

	if (r) {
		frame_put(f);
		return r == -EEXIST ? 0 : r;
	}
	f->owner = m;
	f->index = idx;
	if (m->pager) {
		mm_stats.cache++;
		lru_add(f);
	} else {
		mm_stats.shared++;
	}
	return 0;
}

static int insert_zero(struct memobj *m, u64 idx)
{
	struct frame *f = frame_alloc_copy(NULL);

	return f ? memobj_insert(m, idx, f) : -ENOMEM;
}

static int uncow(struct memobj *m, u64 idx, struct frame *f)
{
	struct frame *c = f;

	if (f->refs > 1) {
		frame_get(f);
		c = frame_alloc_copy(frame_virt(f));
		frame_put(f);
		if (!c)
			return -ENOMEM;
		if (memobj_page(m, idx) != f || !(f->flags & FRAME_COW)) {
			frame_put(c);
			return 0;
		}
		radix_set(&m->pages, idx, c); /* replaces: cannot fail */
		memobj_unmap_range(m, idx, 1, false);
		frame_put(f);
	}
	c->flags &= ~FRAME_COW;
	c->owner = m;
	c->index = idx;
	return 0;
}

int memobj_get_page_for(struct memobj *m, u64 idx, bool write, bool overwrite, u64 grow_to,
	struct frame **out)
{
	int r = 0;

	for (u32 tries = 0; tries < 64 && !r; tries++) {
		struct frame *f = memobj_page(m, idx);
		bool content = !overwrite && idx < memobj_pages(m);
		bool dirtying = m->pager && write && f && !(f->flags & FRAME_DIRTY);

		if (idx >= MAX(memobj_pages(m), (grow_to + PAGE_SIZE - 1) >> PAGE_SHIFT))
			return -EFAULT;
		if (!f && m->pager && content) {
			r = pager_page_in(m, idx);
		} else if ((dirtying || (!f && m->pager)) && !pager_reserved(m, idx)) {
			r = pager_reserve(m, idx, 1, MAX(m->size, grow_to));
		} else if (!f) {
			r = insert_zero(m, idx);
		} else if (write && (f->flags & FRAME_COW)) {
			r = uncow(m, idx, f);
		} else if (!dirtying || !pager_throttle()) {
			if (dirtying) {
				pager_set_dirty(m, f, idx);
				memobj_touch(m, true);
			}
			f->flags |= FRAME_REFERENCED;
			frame_get(f);
			*out = f;
			return 0;
		}
	}
	return r ? r : -EIO; /* the page vanishes as soon as it comes */
}

int memobj_get_page(struct memobj *m, u64 idx, bool write, struct frame **out)
{
	int r;

	object_get(&m->obj); /* it may be unmapped while we wait */
	r = memobj_get_page_for(m, idx, write, false, 0, out);
	object_put(&m->obj);
	return r;
}

void memobj_drop_page(struct memobj *m, u64 idx)
{
	struct frame *f = memobj_page(m, idx);

	if (f && f->refs > 1)
		memobj_unmap_range(m, idx, 1, false);
	if (f)
		forget_page(m, f, idx);
}

void memobj_drop_range(struct memobj *m, u64 first, u64 end, bool private_too)
{
	u64 idx = first;

	memobj_unmap_range(m, first, end - first, private_too);
	while (radix_next(&m->pages, &idx) && idx < end)
		memobj_drop_page(m, idx);
}

/* Zeroes part of a page, where it is present; a page that is not stays so, and its bytes come
 * zeroed or from the server. */
static int zero_part(struct memobj *m, u64 off, u64 len)
{
	u64 idx = off >> PAGE_SHIFT;
	struct frame *f = memobj_page(m, idx);
	int r;

	if (!len)
		return 0;
	while ((f = memobj_page(m, idx)) && (f->flags & FRAME_COW)) {
		r = uncow(m, idx, f);
		if (r)
			return r;
	}
	if (f)
		memset((char *)frame_virt(f) + (off & (PAGE_SIZE - 1)), 0, len);
	return 0;
}

int memobj_resize(struct memobj *m, u64 size)
{
	if (memobj_is_phys(m))
		return -EINVAL;
	if (size > INT64_MAX - PAGE_SIZE)
		return -EFBIG;
	if (size < m->size) {
		int r = zero_part(m, size, ALIGN_UP(size, PAGE_SIZE) - size);

		if (r)
			return r;
		m->size = size;
		memobj_drop_range(m, memobj_pages(m), ~0ul, true);
	}
	m->size = size;
	memobj_touch(m, true);
	return 0;
}

/* Whole pages are dropped; the ends are zeroed. A pager's pages become zero and dirty instead: the
 * server frees its blocks by its own protocol. */
int memobj_punch(struct memobj *m, u64 off, u64 len)
{
	u64 end, first, last;
	int r = 0;

	if (memobj_is_phys(m) || off + len < off)
		return -EINVAL;
	end = MIN(off + len, ALIGN_UP(m->size, PAGE_SIZE));
	if (off >= end)
		return 0;
	for (u64 at = off, n; m->pager && at < end; at += n) {
		struct frame *f;

		n = MIN(end - at, PAGE_SIZE - (at & (PAGE_SIZE - 1)));
		r = memobj_get_page_for(m, at >> PAGE_SHIFT, true, n == PAGE_SIZE, 0, &f);
		if (r)
			return r;
		memset((char *)frame_virt(f) + (at & (PAGE_SIZE - 1)), 0, n);
		frame_put(f);
		if ((at + n) % (16 * PAGE_SIZE) == 0 && mm_pause())
			return -EINTR;
	}
	first = ALIGN_UP(off, PAGE_SIZE);
	last = ALIGN_DOWN(end, PAGE_SIZE);
	if (!m->pager && first > last) { /* within one page */
		r = zero_part(m, off, end - off);
	} else if (!m->pager) {
		r = zero_part(m, off, first - off);
		if (!r)
			r = zero_part(m, last, end - last);
		if (!r)
			memobj_drop_range(m, first >> PAGE_SHIFT, last >> PAGE_SHIFT, false);
	}
	if (!r)
		memobj_touch(m, true);
	return r;
}

int memobj_commit(struct memobj *m, u64 off, u64 len)
{
	if (memobj_is_phys(m) || !len || off + len < off)
		return -EINVAL;
	if (off + len > ALIGN_UP(m->size, PAGE_SIZE))
		return -EINVAL;
	for (u64 idx = off >> PAGE_SHIFT; idx <= (off + len - 1) >> PAGE_SHIFT; idx++) {
		struct frame *f;
		int r = memobj_get_page(m, idx, false, &f);

		if (r)
			return r == -EFAULT ? -EINVAL : r;
		frame_put(f);
		if (idx % 16 == 15 && (mm_pause() || thread_interrupted(current_thread())))
			return -EINTR;
	}
	return 0;
}

void memobj_touch(struct memobj *m, bool data)
{
	m->ctime = now_ns() + realtime_off;
	if (data)
		m->mtime = m->ctime;
}

void memobj_attach(struct memobj *m)
{
	m->users++;
}

void memobj_detach(struct memobj *m)
{
	kassert(m->users > 0);
	m->users--;
	if (m->pager)
		pager_idle_check(m);
}

void memobj_map_added(struct memobj *m, bool shared_write)
{
	m->nmappings++;
	m->nwritable += shared_write;
}

void memobj_map_removed(struct memobj *m, bool shared_write)
{
	m->nmappings--;
	m->nwritable -= shared_write;
	if (m->pager)
		pager_idle_check(m);
}

int memobj_io_lock(struct memobj *m)
{
	while (m->io_held)
		if (thread_block(&m->io_wait, WEFT_FOREVER, BLOCK_INTERRUPTIBLE) == -EINTR)
			return -EINTR;
	m->io_held = true;
	return 0;
}

void memobj_io_unlock(struct memobj *m)
{
	m->io_held = false;
	waitq_wake(&m->io_wait, 1, 0);
}
