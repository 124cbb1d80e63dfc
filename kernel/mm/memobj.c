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
		dma_gone(m->hold);
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
	if (op != WEFT_FD_SEEK || b > 2)
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
	if ((phys & (PAGE_SIZE - 1)) || phys + size < phys || (phys + size) >> 52 ||
		cache > WEFT_MEM_CACHE_UC)
		return -EINVAL;
	TRY(memobj_create(WEFT_MEM_PHYS, size, cache, out));
	(*out)->phys = phys;
	return 0;
}

int memobj_clone(struct memobj *src, struct memobj **out)
{
	HELD struct memobj *m = NULL;

	if (memobj_is_phys(src))
		return -EINVAL;
	TRY(memobj_create(WEFT_MEM_ANON, src->size, WEFT_MEM_SEALABLE, &m));
	for (u64 idx = 0; idx < memobj_pages(m); idx++) {
		HELD_FRAME struct frame *f = NULL;
		struct frame *copy;

		if (!src->pager && (!radix_next(&src->pages, &idx) || idx >= memobj_pages(m)))
			break;
		TRY(memobj_get_page(src, idx, false, &f));
		copy = frame_alloc_copy(frame_virt(f));
		TRY(copy ? memobj_insert(m, idx, copy) : -ENOMEM);
		if (idx % 16 == 15)
			TRY(mm_pause());
	}
	*out = m;
	m = NULL;
	return 0;
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
	list_init(&f->link);
	if (m->pager) {
		mm_stats.cache++;
		lru_add(f);
	} else {
		mm_stats.shared++;
	}
	return 0;
}

int memobj_get_page_for(struct memobj *m, u64 idx, bool write, bool overwrite, u64 grow_to,
	struct frame **out)
{
	for (u32 tries = 0; tries < 64; tries++) {
		struct frame *f = memobj_page(m, idx);
		bool content = !overwrite && idx < memobj_pages(m);
		bool dirtying = m->pager && write && f && !(f->flags & FRAME_DIRTY);

		if (idx >= MAX(memobj_pages(m), (grow_to + PAGE_SIZE - 1) >> PAGE_SHIFT))
			return -EFAULT;
		if (memobj_is_phys(m)) {
			*out = frame_of(m->phys + (idx << PAGE_SHIFT));
			frame_get(*out);
			return 0;
		}
		if (!f && m->pager && content) {
			TRY(pager_page_in(m, idx));
		} else if ((dirtying || (!f && m->pager)) && !pager_reserved(m, idx)) {
			TRY(pager_reserve(m, idx, 1, MAX(m->size, grow_to)));
		} else if (!f) {
			f = frame_alloc_copy(NULL);
			TRY(f ? memobj_insert(m, idx, f) : -ENOMEM);
		} else if (!dirtying || !pager_throttle()) {
			if (dirtying) {
				pager_set_dirty(m, f, idx);
				memobj_touch(m);
			}
			f->flags |= FRAME_REFERENCED;
			frame_get(f);
			*out = f;
			return 0;
		}
	}
	return -EIO; /* the page vanishes as soon as it comes */
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
static void zero_part(struct memobj *m, u64 off, u64 len)
{
	struct frame *f = memobj_page(m, off >> PAGE_SHIFT);

	if (f)
		memset((char *)frame_virt(f) + (off & (PAGE_SIZE - 1)), 0, len);
}

int memobj_resize(struct memobj *m, u64 size)
{
	if (memobj_is_phys(m))
		return -EINVAL;
	if (size > INT64_MAX - PAGE_SIZE)
		return -EFBIG;
	if (size < m->size) {
		zero_part(m, size, ALIGN_UP(size, PAGE_SIZE) - size);
		m->size = size;
		memobj_drop_range(m, memobj_pages(m), ~0ul, true);
	}
	m->size = size;
	memobj_touch(m);
	return 0;
}

/* Whole pages are dropped; the ends are zeroed. A pager's pages become zero and dirty instead: the
 * server frees its blocks by its own protocol. */
int memobj_punch(struct memobj *m, u64 off, u64 len)
{
	u64 end = MIN(off + len, ALIGN_UP(m->size, PAGE_SIZE));

	if (memobj_is_phys(m) || off + len < off)
		return -EINVAL;
	if (off >= end)
		return 0;
	for (u64 at = off, n; at < end; at += n) {
		HELD_FRAME struct frame *f = NULL;

		n = MIN(end - at, PAGE_SIZE - (at & (PAGE_SIZE - 1)));
		if (n == PAGE_SIZE && !m->pager) {
			n = ALIGN_DOWN(end - at, PAGE_SIZE);
			memobj_drop_range(m, at >> PAGE_SHIFT, (at + n) >> PAGE_SHIFT, false);
			continue;
		}
		if (m->pager)
			TRY(memobj_get_page_for(m, at >> PAGE_SHIFT, true, n == PAGE_SIZE, 0, &f));
		zero_part(m, at, n);
		if ((at + n) % (16 * PAGE_SIZE) == 0)
			TRY(mm_pause());
	}
	memobj_touch(m);
	return 0;
}

int memobj_commit(struct memobj *m, u64 off, u64 len)
{
	if (memobj_is_phys(m) || !len || off + len < off ||
		off + len > ALIGN_UP(m->size, PAGE_SIZE))
		return -EINVAL;
	for (u64 idx = off >> PAGE_SHIFT; idx <= (off + len - 1) >> PAGE_SHIFT; idx++) {
		HELD_FRAME struct frame *f = NULL;
		int r = memobj_get_page(m, idx, false, &f);

		if (r)
			return r == -EFAULT ? -EINVAL : r;
		if (idx % 16 == 15 && (mm_pause() || thread_interrupted(current_thread())))
			return -EINTR;
	}
	return 0;
}

void memobj_touch(struct memobj *m)
{
	m->ctime = m->mtime = now_ns() + realtime_off;
}

void memobj_attach(struct memobj *m)
{
	m->users++;
}

void memobj_detach(struct memobj *m)
{
	kassert(m->users > 0);
	m->users--;
	pager_idle_check(m);
}
