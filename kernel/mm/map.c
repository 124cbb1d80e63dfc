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
	p = v ? vma_prev(v) : vma_last(a);
	start = MIN(start, p ? p->end : 0);
	end = MAX(end, v ? v->start : WEFT_USER_MAX);
	as_flush(a, start, end);
	arch_prune(&a->arch, start, end);
}

/* Splits so that VMAs begin at start and end at end. */
static int cut(struct as *a, u64 start, u64 end)
{
	struct vma *v = vma_find(a, start);

	if (v && v->start < start)
		TRY(vma_split(v, start));
	v = vma_find(a, end);
	return v && v->start < end ? vma_split(v, end) : 0;
}

int as_unmap(struct as *a, u64 addr, u64 len)
{
	u64 end = addr + ALIGN_UP(len, PAGE_SIZE);
	struct vma *v;

	if (len > WEFT_USER_MAX || !range_ok(addr, end - addr))
		return -EINVAL;
	for (v = vma_find_from(a, addr); v && v->start < end; v = vma_next(v))
		if (v->flags & VMA_FRAME)
			return -EPERM;
	if (is_free(a, addr, end - addr))
		return 0;
	TRY(cut(a, addr, end));
	as_zap(a, addr, end, NULL);
	while ((v = vma_find_from(a, addr)) && v->start < end)
		vma_remove(v);
	maybe_prune(a, addr, end);
	return 0;
}

int as_map_flags(struct as *a, u64 *addr, u64 len, u32 flags, u32 max_prot, struct memobj *m,
	u64 off)
{
	bool shared = flags & WEFT_MAP_SHARED, fixed = flags & WEFT_MAP_FIXED;
	bool sealed = m && shared && (m->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE));
	HELD struct memobj *own = NULL;
	struct vma *v;
	u64 at = *addr;
	int r;

	if (!len || len > WEFT_USER_MAX || (off & (PAGE_SIZE - 1)) || off > INT64_MAX)
		return -EINVAL;
	len = ALIGN_UP(len, PAGE_SIZE);
	if (fixed && !range_ok(at, len))
		return -EINVAL;
	if (m &&
		(off + len < off ||
			(memobj_is_phys(m) && off + len > ALIGN_UP(m->size, PAGE_SIZE))))
		return -EINVAL;
	if (sealed && (flags & WEFT_PROT_WRITE))
		return -EPERM;
	if (sealed)
		max_prot &= ~WEFT_PROT_WRITE;
	if (!shared && (flags & WEFT_PROT_WRITE) && !(flags & WEFT_MAP_NORESERVE) &&
		len >> PAGE_SHIFT > frames_total)
		return -ENOMEM;
	TRY(check_limit(a, len));
	if ((flags & WEFT_MAP_NOREPLACE) && !is_free(a, at, len))
		return -EEXIST;
	if (!fixed && !(at = place(a, at, len, flags)))
		return -ENOMEM;
	if (shared && !m) {
		TRY(memobj_create_anon(len, &own));
		m = own;
		off = 0;
	}
	v = vma_new(a,
		&(struct vma){
			.start = at,
			.end = at + len,
			.flags = flags & (VMA_PROT | VMA_GIVEN | VMA_FRAME),
			.max_prot = max_prot,
			.m = m,
			.off = m ? off : 0,
			.grow_min = MAX(at, WEFT_USER_MIN + STACK_GROW_MAX) - STACK_GROW_MAX,
		});
	if (!v)
		return -ENOMEM;
	r = fixed ? as_unmap(a, at, len) : 0;
	if (r) {
		vma_free(v);
		return r;
	}
	vma_insert(v);
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
	vma_set_start(v, start);
	*out = v;
	return 0;
}

int as_populate(struct as *a, u64 start, u64 end)
{
	struct vma *v;

	for (; (v = vma_find_from(a, start)) && MAX(start, v->start) < end; start += PAGE_SIZE) {
		bool write = (v->flags & WEFT_PROT_WRITE) && !(v->flags & WEFT_MAP_SHARED);
		pte_t *pte;

		if (!(v->flags & VMA_PROT) || (v->flags & VMA_FRAME)) {
			start = v->end - PAGE_SIZE;
			continue;
		}
		start = MAX(start, v->start);
		pte = arch_pte(&a->arch, start, false);
		if (pte && *pte)
			continue;
		if (frames_low() && write)
			return -ENOMEM; /* nobody is killed for what was only wished for */
		if (as_fault(a, start, write, false))
			return current_thread()->killed ? -EINTR : -ENOMEM;
		if ((start >> PAGE_SHIFT) % 64 == 63)
			TRY(mm_pause());
	}
	return 0;
}

/* The arguments of protect and advise; *end is addr for an empty range. -ENOMEM: a hole, -EPERM:
 * what user mode may not change. */
static int mapped_range(struct as *a, u64 addr, u64 len, u64 *end)
{
	struct vma *v = vma_find(a, addr);

	*end = addr + ALIGN_UP(len, PAGE_SIZE);
	if ((addr & (PAGE_SIZE - 1)) || len > WEFT_USER_MAX)
		return -EINVAL;
	if (*end != addr && !range_ok(addr, *end - addr))
		return -ENOMEM;
	for (u64 at = addr; at < *end; at = v->end, v = vma_next(v)) {
		if (!v || v->start > at)
			return -ENOMEM;
		if (v->flags & VMA_FRAME)
			return -EPERM;
	}
	return 0;
}

static int change_flags(struct as *a, u64 start, u64 end, u32 set, u32 clear)
{
	struct vma *v;

	TRY(cut(a, start, end));
	for (v = vma_find(a, start); v && v->start < end; v = vma_next(v)) {
		u32 flags = (v->flags & ~clear) | set;

		if (flags != v->flags) {
			v->flags = flags;
			a->gen++;
			if (clear & VMA_PROT)
				as_reprotect(v, v->start, v->end);
		}
		v = vma_merge(v);
	}
	v = vma_find(a, end);
	if (v && v->start == end)
		vma_merge(v);
	return 0;
}

int as_protect(struct as *a, u64 addr, u64 len, u64 prot)
{
	u64 end;
	int r = prot > VMA_PROT ? -EINVAL : mapped_range(a, addr, len, &end);

	if (r || end == addr)
		return r;
	for (struct vma *v = vma_find(a, addr); v && v->start < end; v = vma_next(v))
		if (prot & ~v->max_prot)
			return -EACCES;
	return change_flags(a, addr, end, prot, VMA_PROT);
}

/* Moves [addr, addr + old) to a VMA of len bytes at `to`, where nothing is. */
static int move(struct as *a, u64 addr, u64 old, u64 len, u64 to, bool keep)
{
	struct vma *n;
	int r;

	TRY(cut(a, addr, addr + old));
	n = vma_new(a, vma_find(a, addr));
	if (!n)
		return -ENOMEM;
	n->start = to;
	n->end = to + len;
	n->flags &= ~WEFT_MAP_STACK;
	vma_insert(n);
	r = as_move_pages(a, addr, to, MIN(old, len));
	if (r) {
		vma_remove(n);
		return r;
	}
	if (!keep)
		as_unmap(a, addr, old); /* whole VMAs: needs no memory */
	vma_merge(n);
	return 0;
}

/* Lets v go up to `end`, if nothing is in the way. */
static bool grow(struct vma *v, u64 end)
{
	struct vma *n = vma_next(v);
	u64 limit = !n ? WEFT_USER_MAX : n->flags & WEFT_MAP_STACK ? n->grow_min : n->start;

	if (end > limit || end < v->end)
		return false;
	vma_set_end(v, end);
	vma_merge(v);
	return true;
}

int as_remap(struct as *a, u64 addr, u64 old_len, u64 len, u64 flags, u64 *to)
{
	const u64 known = WEFT_REMAP_MAYMOVE | WEFT_REMAP_FIXED | WEFT_REMAP_DONTUNMAP;
	bool fixed = flags & WEFT_REMAP_FIXED, keep = flags & WEFT_REMAP_DONTUNMAP;
	struct vma *v;
	u64 at = addr;

	if ((flags & ~known) || (addr & (PAGE_SIZE - 1)) || !len || len > WEFT_USER_MAX ||
		old_len > WEFT_USER_MAX)
		return -EINVAL;
	len = ALIGN_UP(len, PAGE_SIZE);
	old_len = ALIGN_UP(old_len, PAGE_SIZE);
	if (((fixed || keep) && !(flags & WEFT_REMAP_MAYMOVE)) || (keep && old_len != len))
		return -EINVAL;
	v = vma_find(a, addr);
	if (!v || addr + old_len > v->end || addr + old_len < addr)
		return -EFAULT;
	if (v->flags & VMA_FRAME)
		return -EPERM;
	if ((!old_len && !(v->flags & WEFT_MAP_SHARED)) || (keep && v->m))
		return -EINVAL;
	if (fixed) {
		at = *to;
		if (!range_ok(at, len) || (at < addr + old_len && addr < at + len))
			return -EINVAL;
		TRY(as_unmap(a, at, len));
	} else if (!keep && old_len && len <= old_len) {
		*to = addr;
		return len < old_len ? as_unmap(a, addr + len, old_len - len) : 0;
	} else {
		TRY(check_limit(a, len - (keep ? 0 : old_len)));
		if (keep || !old_len || addr + old_len != v->end || !grow(v, addr + len))
			at = flags & WEFT_REMAP_MAYMOVE
				? place(a, 0, len, v->flags & WEFT_MAP_RUNTIME)
				: 0;
		if (!at)
			return -ENOMEM;
	}
	if (at != addr)
		TRY(move(a, addr, old_len, len, at, keep || !old_len));
	*to = at;
	v = vma_find(a, at);
	if (v && (v->flags & WEFT_MAP_LOCKED))
		as_populate(a, at, at + len);
	return 0;
}

/* REMOVE and SYNC go through the objects, and may block: VMAs are found again after each. */
static int each_object(struct as *a, u64 start, u64 end, bool remove)
{
	struct vma *v;

	for (u64 stop; (v = vma_find_from(a, start)) && MAX(start, v->start) < end; start = stop) {
		HELD struct memobj *m = v->flags & WEFT_MAP_SHARED ? v->m : NULL;
		u64 off;

		start = MAX(start, v->start);
		stop = MIN(v->end, end);
		off = v->off + (start - v->start);
		if (m)
			object_get(&m->obj);
		if (remove && (!m || memobj_is_phys(m)))
			return -EINVAL;
		if (remove && (!(v->max_prot & WEFT_PROT_WRITE) || (m->seals & F_SEAL_WRITE)))
			return -EACCES;
		if (remove)
			TRY(memobj_punch(m, off, stop - start));
		else if (m && m->pager)
			TRY(pager_sync(m, off, stop - start));
	}
	return 0;
}

int as_advise(struct as *a, u64 addr, u64 len, u64 advice)
{
	static const struct {
		u32 set, clear;
	} change[] = {[WEFT_ADV_DONTFORK] = {WEFT_MAP_NOFORK, 0},
		[WEFT_ADV_DOFORK] = {0, WEFT_MAP_NOFORK},
		[WEFT_ADV_WIPEONFORK] = {VMA_WIPEONFORK, 0},
		[WEFT_ADV_KEEPONFORK] = {0, VMA_WIPEONFORK},
		[WEFT_ADV_LOCK] = {WEFT_MAP_LOCKED, 0},
		[WEFT_ADV_UNLOCK] = {0, WEFT_MAP_LOCKED}};
	u64 end;
	int r = advice > WEFT_ADV_SYNC ? -EINVAL : mapped_range(a, addr, len, &end);

	if (r || end == addr)
		return r;
	if (advice == WEFT_ADV_REMOVE || advice == WEFT_ADV_SYNC)
		return each_object(a, addr, end, advice == WEFT_ADV_REMOVE);
	for (struct vma *v = vma_find(a, addr); v && v->start < end; v = vma_next(v))
		if (advice == WEFT_ADV_DONTNEED ? v->flags & WEFT_MAP_LOCKED
						: advice == WEFT_ADV_WIPEONFORK && v->m)
			return -EINVAL; /* wiping is for private anonymous memory only */
	if (advice == WEFT_ADV_DONTNEED)
		as_zap(a, addr, end, NULL);
	else if (advice != WEFT_ADV_WILLNEED)
		TRY(change_flags(a, addr, end, change[advice].set, change[advice].clear));
	if (advice == WEFT_ADV_WILLNEED || advice == WEFT_ADV_LOCK)
		return as_populate(a, addr, end);
	return 0;
}
