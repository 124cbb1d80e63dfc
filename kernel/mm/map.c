/* SPDX-License-Identifier: MIT */
/*
 * Changing address spaces: map, unmap, protect, remap, advise.
 *
 * Overcommit: a mapping reserves no memory, but a single private writable one (without NORESERVE)
 * larger than all RAM is refused. Frames are taken when pages are first touched; what happens when
 * there are none is in reclaim.c.
 */
#include "as.h"
#include "pager.h"

#define SEARCH_MIN  0x10000ul
#define PRUNE_BELOW 64u /* tables that are always tolerated */

static bool range_ok(u64 addr, u64 len)
{
	return !(addr & (PAGE_SIZE - 1)) && len && addr >= WEFT_USER_MIN && addr + len > addr &&
		addr + len <= WEFT_USER_MAX;
}

static bool is_free(struct as *a, u64 addr, u64 len)
{
	struct vma *v = vma_find_from(a, addr);

	return !v || v->start >= addr + len;
}

static int check_limit(struct as *a, u64 more)
{
	const struct process *p = current_process();
	u64 limit = p && p->as == a ? p->limits[WEFT_LIMIT_AS] : 0;

	return limit && a->mapped + more > limit ? -ENOMEM : 0;
}

static u64 place(struct as *a, u64 hint, u64 len, u32 flags)
{
	u64 lo = SEARCH_MIN, hi = WEFT_RT_MIN;

	if (flags & WEFT_MAP_RUNTIME) {
		lo = WEFT_RT_MIN;
		hi = WEFT_RT_MAX;
	} else if (flags & WEFT_MAP_32BIT) {
		hi = 1ul << 31;
	}
	hint &= ~(PAGE_SIZE - 1);
	if (hint >= lo && hint + len > hint && hint + len <= hi && is_free(a, hint, len))
		return hint;
	return vma_find_free(a, len, lo, hi);
}

/* After an unmapping: tables that cover nothing now are freed once there are many more of them than
 * the resident pages explain. */
static void maybe_prune(struct as *a, u64 start, u64 end)
{
	struct vma *v = vma_find_from(a, start), *p;

	if (a->arch.tables < PRUNE_BELOW + a->resident / 64)
		return;
	p = v			       ? vma_prev(v)
		: list_empty(&a->vmas) ? NULL
				       : list_entry(a->vmas.prev, struct vma, link);
	start = MIN(start, p ? p->end : 0);
	end = MAX(end, v ? v->start : WEFT_USER_MAX);
	as_flush(a, start, end);
	arch_prune(&a->arch, start, end);
}

int as_unmap(struct as *a, u64 addr, u64 len)
{
	struct vma *v, *first;
	u64 end;
	int r;

	if (len > WEFT_USER_MAX)
		return -EINVAL;
	len = ALIGN_UP(len, PAGE_SIZE);
	if (!range_ok(addr, len))
		return -EINVAL;
	end = addr + len;
	first = vma_find_from(a, addr);
	for (v = first; v && v->start < end; v = vma_next(v))
		if (v->flags & VMA_FRAME)
			return -EPERM;
	if (!first || first->start >= end)
		return 0;
	if (first->start < addr) {
		r = vma_split(first, addr);
		if (r)
			return r;
		first = vma_next(first);
	}
	for (v = first; v && v->end <= end; v = vma_next(v))
		;
	if (v && v->start < end) {
		r = vma_split(v, end);
		if (r)
			return r;
	}
	as_zap(a, first->start, end);
	while (first && first->start < end) {
		v = vma_next(first);
		vma_remove(first);
		first = v;
	}
	maybe_prune(a, addr, end);
	return 0;
}

int as_map_flags(struct as *a, u64 *addr, u64 len, u32 flags, u32 max_prot, struct memobj *m,
	u64 off)
{
	bool shared = flags & WEFT_MAP_SHARED, fixed = flags & WEFT_MAP_FIXED;
	struct memobj *own = NULL;
	struct vma *v;
	u64 at;
	int r;

	if (!len || len > WEFT_USER_MAX || (off & (PAGE_SIZE - 1)) || off > INT64_MAX)
		return -EINVAL;
	len = ALIGN_UP(len, PAGE_SIZE);
	if (fixed && !range_ok(*addr, len))
		return -EINVAL;
	if (m &&
		(off + len < off ||
			(memobj_is_phys(m) && off + len > ALIGN_UP(m->size, PAGE_SIZE))))
		return -EINVAL;
	if (m && shared && (m->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))) {
		if (flags & WEFT_PROT_WRITE)
			return -EPERM;
		max_prot &= ~WEFT_PROT_WRITE;
	}
	if (!shared && (flags & WEFT_PROT_WRITE) && !(flags & WEFT_MAP_NORESERVE) &&
		len >> PAGE_SHIFT > frames_total)
		return -ENOMEM;
	r = check_limit(a, len);
	if (r)
		return r;
	if (fixed) {
		at = *addr;
		if ((flags & WEFT_MAP_NOREPLACE) && !is_free(a, at, len))
			return -EEXIST;
	} else {
		at = place(a, *addr, len, flags);
		if (!at)
			return -ENOMEM;
	}
	if (shared && !m) {
		r = memobj_create_anon(len, &own);
		if (r)
			return r;
		m = own;
		off = 0;
	}
	v = vma_new(a);
	r = v ? 0 : -ENOMEM;
	if (!r && fixed)
		r = as_unmap(a, at, len);
	if (r) {
		kfree(v);
		if (own)
			object_put(&own->obj);
		return r;
	}
	v->start = at;
	v->end = at + len;
	v->flags = flags & (VMA_PROT | VMA_GIVEN);
	v->max_prot = max_prot;
	v->m = m;
	v->off = m ? off : 0;
	if (m && !own)
		object_get(&m->obj);
	if (flags & WEFT_MAP_STACK)
		v->grow_min =
			at > STACK_GROW_MAX + WEFT_USER_MIN ? at - STACK_GROW_MAX : WEFT_USER_MIN;
	vma_insert(a, v);
	vma_merge(v);
	*addr = at;
	if (flags & (WEFT_MAP_POPULATE | WEFT_MAP_LOCKED))
		return as_populate(a, at, at + len) == -EINTR ? -EINTR : 0;
	return 0;
}

int as_map(struct as *a, u64 *addr, u64 len, u32 prot_flags, struct memobj *m, u64 off)
{
	return as_map_flags(a, addr, len, prot_flags, VMA_PROT, m, off);
}

int as_grow_stack(struct as *a, u64 addr, struct vma **out)
{
	struct vma *v = vma_find_from(a, addr), *p;
	u64 start = addr & ~(PAGE_SIZE - 1);

	if (!v || !(v->flags & WEFT_MAP_STACK) || start < v->grow_min ||
		check_limit(a, v->start - start))
		return -ENOMEM;
	p = vma_prev(v);
	if (p && start < p->end + STACK_GUARD)
		return -ENOMEM;
	vma_set_start(v, start, 0);
	*out = v;
	return 0;
}

int as_populate(struct as *a, u64 start, u64 end)
{
	while (start < end) {
		struct vma *v = vma_find_from(a, start);
		u64 stop;

		if (!v || v->start >= end)
			return 0;
		start = MAX(start, v->start);
		stop = MIN(end, v->end);
		if (!(v->flags & VMA_PROT) || (v->flags & VMA_FRAME)) {
			start = stop;
			continue;
		}
		for (; start < stop; start += PAGE_SIZE) {
			bool write = (v->flags & WEFT_PROT_WRITE) && !(v->flags & WEFT_MAP_SHARED);
			pte_t *pte = arch_pte(&a->arch, start, false);
			u64 gen = a->gen;

			if (pte && *pte)
				continue;
			if (frames_low() && write)
				return -ENOMEM; /* nobody is killed for what was only wished for */
			if (as_fault(a, start, write, false))
				return current_thread() && current_thread()->killed ? -EINTR
										    : -ENOMEM;
			if ((start >> PAGE_SHIFT) % 64 == 63 && mm_pause())
				return -EINTR;
			if (a->gen != gen) {
				start += PAGE_SIZE;
				break;
			}
		}
	}
	return 0;
}

/* Splits so that VMAs begin at start and end at end; the range is known to be mapped there. */
static int cut(struct as *a, u64 start, u64 end)
{
	struct vma *v = vma_find(a, start);
	int r = v && v->start < start ? vma_split(v, start) : 0;

	if (r)
		return r;
	v = vma_find(a, end);
	return v && v->start < end ? vma_split(v, end) : 0;
}

/* The whole range is mapped, by VMAs that user mode may change: 0. A hole: -ENOMEM; else -EPERM. */
static int check_mapped(struct as *a, u64 start, u64 end)
{
	struct vma *v = vma_find(a, start);

	for (;; v = vma_next(v)) {
		if (!v || v->start > start)
			return -ENOMEM;
		if (v->flags & VMA_FRAME)
			return -EPERM;
		start = v->end;
		if (start >= end)
			return 0;
	}
}

int as_protect(struct as *a, u64 addr, u64 len, u32 prot)
{
	struct vma *v;
	u64 end;
	int r;

	if ((prot & ~VMA_PROT) || (addr & (PAGE_SIZE - 1)) || len > WEFT_USER_MAX)
		return -EINVAL;
	len = ALIGN_UP(len, PAGE_SIZE);
	if (!len)
		return 0;
	if (!range_ok(addr, len))
		return -ENOMEM;
	end = addr + len;
	r = check_mapped(a, addr, end);
	if (r)
		return r;
	for (v = vma_find(a, addr); v && v->start < end; v = vma_next(v))
		if (prot & ~v->max_prot)
			return -EACCES;
	r = cut(a, addr, end);
	if (r)
		return r;
	for (v = vma_find(a, addr); v && v->start < end; v = vma_next(v)) {
		u64 from = v->start, to = v->end;

		if ((v->flags & VMA_PROT) != prot) {
			vma_set_flags(v, (v->flags & ~VMA_PROT) | prot);
			as_reprotect(v, from, to);
		}
		v = vma_merge(v);
	}
	v = vma_find(a, end);
	if (v && v->start == end)
		vma_merge(v);
	return 0;
}

/* Moves v's [addr, addr + old) to a VMA of len bytes at `to`, where nothing is. */
static int move(struct as *a, struct vma *v, u64 addr, u64 old, u64 len, u64 to, bool keep)
{
	struct vma *n = vma_new(a);
	u64 moved = MIN(old, len);
	int r;

	if (!n)
		return -ENOMEM;
	r = cut(a, addr, addr + old);
	if (!r)
		r = moved ? as_move_pages(a, addr, to, moved) : 0;
	if (r) {
		kfree(n);
		return r;
	}
	v = vma_find(a, addr);
	n->start = to;
	n->end = to + len;
	n->flags = v->flags & ~WEFT_MAP_STACK;
	n->max_prot = v->max_prot;
	n->m = v->m;
	n->off = v->off;
	if (n->m)
		object_get(&n->m->obj);
	vma_insert(a, n);
	if (!keep)
		as_unmap(a, addr, old); /* whole VMAs: needs no memory */
	vma_merge(n);
	return 0;
}

int as_remap(struct as *a, u64 addr, u64 old_len, u64 len, u32 flags, u64 *to)
{
	struct vma *v;
	u64 at;
	int r;

	if ((flags & ~(WEFT_REMAP_MAYMOVE | WEFT_REMAP_FIXED | WEFT_REMAP_DONTUNMAP)) ||
		(addr & (PAGE_SIZE - 1)) || !len || len > WEFT_USER_MAX || old_len > WEFT_USER_MAX)
		return -EINVAL;
	if ((flags & (WEFT_REMAP_FIXED | WEFT_REMAP_DONTUNMAP)) && !(flags & WEFT_REMAP_MAYMOVE))
		return -EINVAL;
	len = ALIGN_UP(len, PAGE_SIZE);
	old_len = ALIGN_UP(old_len, PAGE_SIZE);
	if ((flags & WEFT_REMAP_DONTUNMAP) && old_len != len)
		return -EINVAL;
	v = vma_find(a, addr);
	if (!v || addr + old_len > v->end || addr + old_len < addr)
		return -EFAULT;
	if (v->flags & VMA_FRAME)
		return -EPERM;
	if (!old_len && !(v->flags & WEFT_MAP_SHARED))
		return -EINVAL;
	if ((flags & WEFT_REMAP_DONTUNMAP) && v->m)
		return -EINVAL;
	if (flags & WEFT_REMAP_FIXED) {
		at = *to;
		if (!range_ok(at, len) || (at < addr + old_len && addr < at + len))
			return -EINVAL;
		r = as_unmap(a, at, len);
		if (r)
			return r;
		v = vma_find(a, addr);
	} else {
		if (!(flags & WEFT_REMAP_DONTUNMAP) && old_len && len <= old_len) {
			*to = addr;
			return len < old_len ? as_unmap(a, addr + len, old_len - len) : 0;
		}
		r = check_limit(a, len - (flags & WEFT_REMAP_DONTUNMAP ? 0 : old_len));
		if (r)
			return r;
		if (!(flags & WEFT_REMAP_DONTUNMAP) && old_len && addr + old_len == v->end &&
			addr + len <= WEFT_USER_MAX && addr + len > addr &&
			is_free(a, v->end, len - old_len)) {
			struct vma *n = vma_next(v);
			u64 low = n && (n->flags & WEFT_MAP_STACK) ? n->grow_min : WEFT_USER_MAX;

			if (addr + len <= low) {
				vma_set_end(v, addr + len);
				v = vma_merge(v);
				*to = addr;
				goto grown;
			}
		}
		if (!(flags & WEFT_REMAP_MAYMOVE))
			return -ENOMEM;
		at = place(a, 0, len, v->flags & WEFT_MAP_RUNTIME);
		if (!at)
			return -ENOMEM;
	}
	r = move(a, v, addr, old_len, len, at, (flags & WEFT_REMAP_DONTUNMAP) || !old_len);
	if (r)
		return r;
	*to = at;
grown:
	v = vma_find(a, *to);
	if (v && (v->flags & WEFT_MAP_LOCKED))
		as_populate(a, *to, *to + len);
	return 0;
}

static int advise_flags(struct as *a, u64 start, u64 end, u32 set, u32 clear)
{
	struct vma *v;
	int r = cut(a, start, end);

	if (r)
		return r;
	for (v = vma_find(a, start); v && v->start < end; v = vma_next(v)) {
		vma_set_flags(v, (v->flags & ~clear) | set);
		v = vma_merge(v);
	}
	v = vma_find(a, end);
	if (v && v->start == end)
		vma_merge(v);
	return 0;
}

static int dontneed(struct as *a, u64 start, u64 end)
{
	struct vma *v;

	for (v = vma_find(a, start); v && v->start < end; v = vma_next(v))
		if (v->flags & WEFT_MAP_LOCKED)
			return -EINVAL;
	for (v = vma_find(a, start); v && v->start < end; v = vma_next(v))
		v->run = 0;
	as_zap(a, start, end);
	return 0;
}

/* REMOVE and SYNC go through the objects, and may block: VMAs are found again after each. */
static int each_object(struct as *a, u64 start, u64 end, bool remove)
{
	while (start < end) {
		struct vma *v = vma_find_from(a, start);
		struct memobj *m;
		u64 off, stop;
		int r = 0;

		if (!v || v->start >= end)
			return 0;
		start = MAX(start, v->start);
		stop = MIN(v->end, end);
		m = v->flags & WEFT_MAP_SHARED ? v->m : NULL;
		off = v->off + (start - v->start);
		if (remove && (!m || memobj_is_phys(m)))
			return -EINVAL;
		if (remove && (!(v->max_prot & WEFT_PROT_WRITE) || (m->seals & F_SEAL_WRITE)))
			return -EACCES;
		if (m && (remove || m->pager)) {
			object_get(&m->obj);
			r = remove ? memobj_punch(m, off, stop - start)
				   : pager_sync(m, off, stop - start);
			object_put(&m->obj);
		}
		if (r)
			return r;
		start = stop;
	}
	return 0;
}

int as_advise(struct as *a, u64 addr, u64 len, u32 advice)
{
	u64 end;
	int r;

	if ((addr & (PAGE_SIZE - 1)) || advice > WEFT_ADV_SYNC || len > WEFT_USER_MAX)
		return -EINVAL;
	len = ALIGN_UP(len, PAGE_SIZE);
	if (!len)
		return 0;
	if (!range_ok(addr, len))
		return -ENOMEM;
	end = addr + len;
	r = check_mapped(a, addr, end);
	if (r)
		return r;
	switch (advice) {
	case WEFT_ADV_DONTNEED:
		return dontneed(a, addr, end);
	case WEFT_ADV_WILLNEED:
		return as_populate(a, addr, end);
	case WEFT_ADV_DONTFORK:
		return advise_flags(a, addr, end, WEFT_MAP_NOFORK, 0);
	case WEFT_ADV_DOFORK:
		return advise_flags(a, addr, end, 0, WEFT_MAP_NOFORK);
	case WEFT_ADV_WIPEONFORK:
		for (struct vma *v = vma_find(a, addr); v && v->start < end; v = vma_next(v))
			if (v->m)
				return -EINVAL; /* private anonymous memory only */
		return advise_flags(a, addr, end, VMA_WIPEONFORK, 0);
	case WEFT_ADV_KEEPONFORK:
		return advise_flags(a, addr, end, 0, VMA_WIPEONFORK);
	case WEFT_ADV_REMOVE:
		return each_object(a, addr, end, true);
	case WEFT_ADV_LOCK:
		r = advise_flags(a, addr, end, WEFT_MAP_LOCKED, 0);
		return r ? r : as_populate(a, addr, end);
	case WEFT_ADV_UNLOCK:
		return advise_flags(a, addr, end, 0, WEFT_MAP_LOCKED);
	default:
		return each_object(a, addr, end, false);
	}
}
