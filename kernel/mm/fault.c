/* SPDX-License-Identifier: MIT */
/*
 * Page faults, and looking through page tables without one.
 *
 * Where the BKL is dropped or the thread blocks, as.gen and the entry itself tell afterwards
 * whether the world is still the same; if not, what was prepared is thrown away and the fault
 * starts again. A fault maps more than one page where that is likely to save another fault:
 * anonymous pages in sequence, and up to AROUND neighbours of an object's page that are resident.
 */
#include "as.h"

#define AGAIN	    1 /* start again */
#define AROUND	    16ul
#define AROUND_PHYS 128ul
#define CLUSTER	    8u

static u32 cluster_size(struct vma *v, const pte_t *pte, u64 page)
{
	u64 end = MIN(v->end, ALIGN_UP(page + 1, ARCH_PTE_SPAN));
	u32 n = 1, max;

	v->run = page == v->next_fault && !frames_low() ? v->run + 1 : 0;
	max = MIN(v->run < 3 ? 1u << v->run : CLUSTER, (end - page) >> PAGE_SHIFT);
	while (n < max && !pte[n])
		n++;
	v->next_fault = page + n * PAGE_SIZE;
	return n;
}

static bool over_limit(const struct as *a)
{
	const struct process *p = current_process();
	u64 limit = p && p->as == a ? p->limits[WEFT_LIMIT_RESIDENT] : 0;

	return limit && a->resident >= limit >> PAGE_SHIFT;
}

/* Enters f, whose reference it takes, as a page of v's own. */
static void enter_private(struct vma *v, pte_t *pte, struct frame *f, u32 flags)
{
	f->flags |= FRAME_ANON;
	mm_stats.anon++;
	v->flags |= VMA_ANON;
	as_enter(v->as, pte, frame_phys(f), flags);
}

/* Makes a private copy of src for the entry, in place of what it holds. */
static int copy_private(struct as *a, struct vma *v, u64 page, pte_t *pte, struct frame *src)
{
	struct frame *f, *was;
	pte_t old = *pte;
	u64 gen = a->gen;

	if (over_limit(a))
		return -ENOMEM;
	frame_get(src);
	f = frame_alloc_copy(src != zero_frame ? frame_virt(src) : NULL);
	frame_put(src);
	if (!f)
		return -ENOMEM;
	if (a->gen != gen || *pte != old) {
		frame_put(f);
		return AGAIN;
	}
	was = old ? frame_of(arch_pte_phys(old)) : NULL;
	enter_private(v, pte, f, vma_pte_flags(v, true));
	if (old)
		as_flush(a, page, page + PAGE_SIZE);
	frame_put(was);
	return 0;
}

static int fault_anon(struct as *a, struct vma *v, u64 page, pte_t *pte, bool write)
{
	u32 n, flags = vma_pte_flags(v, write);
	u64 gen = a->gen;

	if (!write) {
		as_enter(a, pte, frame_phys(zero_frame), flags);
		return 0;
	}
	if (over_limit(a))
		return -ENOMEM;
	n = cluster_size(v, pte, page);
	for (u32 i = 0; i < n; i++) {
		struct frame *f = frame_alloc_copy(NULL);

		if (!f)
			return i ? 0 : -ENOMEM;
		if (a->gen != gen || pte[i]) {
			frame_put(f);
			return i ? 0 : AGAIN;
		}
		enter_private(v, pte + i, f, flags);
	}
	return 0;
}

/* Elsewhere a stale entry only faults once more. */
static int flush_here(struct as *a, u64 page)
{
	if (this_cpu()->as == a)
		tlb_flush_page(page);
	return 0;
}

/* After a fork's child has gone, a parent's pages are its own again, one by one: give back the
 * right to write to a group of them. */
static int set_writable_around(struct as *a, struct vma *v, u64 page, pte_t *pte)
{
	u64 lo = MAX(page & ~(AROUND * PAGE_SIZE - 1), v->start),
	    hi = MIN((page | (AROUND * PAGE_SIZE - 1)) + 1, v->end);
	pte_t *p = pte - ((page - lo) >> PAGE_SHIFT);

	for (; lo < hi; lo += PAGE_SIZE, p++) {
		struct frame *f = *p ? frame_of(arch_pte_phys(*p)) : NULL;

		if (f && (f->flags & FRAME_ANON) && f->refs == 1)
			*p = arch_pte_make(arch_pte_phys(*p), vma_pte_flags(v, true));
	}
	return flush_here(a, page);
}

static int write_present(struct as *a, struct vma *v, u64 page, pte_t *pte)
{
	u64 phys = arch_pte_phys(*pte), gen = a->gen;
	HELD_FRAME struct frame *now = NULL;
	struct frame *f = frame_of(phys);
	pte_t old = *pte;

	if (!(v->flags & WEFT_MAP_SHARED)) {
		if (f && (f->flags & FRAME_ANON) && f->refs == 1)
			return set_writable_around(a, v, page, pte);
		/* A private copy of a device's register makes no sense. */
		return f ? copy_private(a, v, page, pte, f) : -EFAULT;
	}
	TRY(memobj_get_page(v->m, vma_index(v, page), true, &now));
	if (a->gen != gen || *pte != old || now != f)
		return AGAIN;
	*pte = arch_pte_make(phys, vma_pte_flags(v, true));
	return flush_here(a, page);
}

/* Maps page idx, which is present, and those neighbours in its aligned group that are too. */
static void map_around(struct as *a, struct vma *v, u64 page, pte_t *pte, u64 idx)
{
	const struct memobj *m = v->m;
	bool phys = memobj_is_phys(m), shared = v->flags & WEFT_MAP_SHARED;
	u64 group = phys ? AROUND_PHYS : AROUND, table = ALIGN_DOWN(page, ARCH_PTE_SPAN);
	u64 below = (page - MAX(v->start, table)) >> PAGE_SHIFT,
	    above = (MIN(v->end, table + ARCH_PTE_SPAN) - page) >> PAGE_SHIFT;
	u64 at = MAX(ALIGN_DOWN(idx, group), idx - MIN(idx, below)),
	    end = MIN(MIN(ALIGN_DOWN(idx, group) + group, memobj_pages(m)), idx + above);
	struct frame **slots = (struct frame **)radix_leaf(&m->pages, idx);

	for (; at < end; at++) {
		u64 to = m->phys + (at << PAGE_SHIFT);
		struct frame *f = phys ? frame_of(to) : slots[at % RADIX_FAN];
		pte_t *p = pte + (i64)(at - idx);

		if (*p || !(f || phys))
			continue;
		frame_get(f);
		as_enter(a, p, phys ? to : frame_phys(f),
			vma_pte_flags(v, shared && memobj_page_writable(m, f)));
	}
}

static int fault_object(struct as *a, struct vma *v, u64 page, pte_t *pte, bool write)
{
	u64 idx = vma_index(v, page), gen = a->gen;
	bool shared = v->flags & WEFT_MAP_SHARED;
	HELD_FRAME struct frame *f = NULL;

	TRY(memobj_get_page(v->m, idx, shared && write, &f));
	if (a->gen != gen || *pte)
		return AGAIN;
	if (write && !shared)
		return f ? copy_private(a, v, page, pte, f) : -EFAULT;
	map_around(a, v, page, pte, idx);
	return 0;
}

u32 as_fault(struct as *a, u64 addr, bool write, bool exec)
{
	u64 page = addr & ~(PAGE_SIZE - 1);
	u32 need = exec ? WEFT_PROT_EXEC
		: write ? WEFT_PROT_WRITE
			: WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_PROT_EXEC;

	if (addr >= WEFT_USER_MAX || addr < WEFT_USER_MIN)
		return WEFT_CAUSE_PAGE;
	a->faults_minor++;
	if (this_cpu()->as == a && current_process())
		current_process()->used.faults_minor++;
	for (u32 tries = 0;; tries++) {
		struct vma *v = vma_find(a, addr);
		pte_t *pte;
		int r;

		if (!v && as_grow_stack(a, addr, &v))
			return WEFT_CAUSE_PAGE;
		if (!(v->flags & need) || unlikely(v->flags & VMA_FRAME))
			return WEFT_CAUSE_ACCESS;
		pte = arch_pte(&a->arch, page, true);
		if (!pte)
			r = -ENOMEM;
		else if (*pte && write && !(arch_pte_flags(*pte) & ARCH_PTE_W))
			r = write_present(a, v, page, pte);
		else if (*pte) /* another CPU was faster, or this one's TLB is stale */
			r = flush_here(a, page);
		else if (v->m)
			r = fault_object(a, v, page, pte, write);
		else
			r = fault_anon(a, v, page, pte, write);
		if (likely(!r))
			return 0;
		if (r == AGAIN && tries < 1000)
			continue;
		if (r == -ENOMEM && !over_limit(a) && tries < 100 && !oom_wait(tries))
			continue;
		return r == -ENOMEM ? WEFT_CAUSE_OOM : WEFT_CAUSE_BEYOND;
	}
}

void *as_peek(struct as *a, u64 addr, bool write)
{
	pte_t *pte =
		addr < WEFT_USER_MAX ? arch_pte(&a->arch, addr & ~(PAGE_SIZE - 1), false) : NULL;
	u32 flags;

	if (!pte || !*pte)
		return NULL;
	flags = arch_pte_flags(*pte);
	if (!(flags & ARCH_PTE_R) || (write && !(flags & ARCH_PTE_W)) ||
		(flags & (ARCH_PTE_UC | ARCH_PTE_WC)))
		return NULL;
	if (!frame_of(arch_pte_phys(*pte)))
		return NULL; /* a device: not to be read by the kernel */
	return (char *)phys_to_virt(arch_pte_phys(*pte)) + (addr & (PAGE_SIZE - 1));
}

int as_futex_key(struct as *a, u64 addr, bool is_private, u64 key[2])
{
	struct vma *v;

	if (addr >= WEFT_USER_MAX)
		return -EFAULT;
	key[0] = (u64)a;
	key[1] = addr;
	if (is_private)
		return 0;
	v = vma_find(a, addr);
	if (!v)
		return -EFAULT;
	if (v->m && (v->flags & WEFT_MAP_SHARED)) {
		key[0] = v->m->obj.id;
		key[1] = v->off + (addr - v->start);
	}
	return 0;
}
