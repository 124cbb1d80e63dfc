/* SPDX-License-Identifier: MIT */
/*
 * Runs of page-table entries: dropping, protecting, copying, moving.
 *
 * A frame whose entry is dropped may be freed only when no other CPU can still use it: where the
 * address space is loaded on another CPU, frames are gathered and put after a shootdown. On this
 * CPU alone they are put at once and the flush follows before user mode runs.
 */
#include "as.h"

#define GATHER 128u

struct gather {
	struct as *as;
	u64 start, end; /* still to be flushed */
	u32 n;
	bool remote;
	struct frame *f[GATHER];
};

static bool loaded_elsewhere(const struct as *a)
{
	return (a->arch.cpus & ~(1ul << this_cpu()->id)) != 0;
}

void as_flush(struct as *a, u64 start, u64 end)
{
	if (a->arch.cpus)
		tlb_shootdown(&a->arch, start, end);
}

static void gather_reset(struct gather *g)
{
	g->start = WEFT_USER_MAX;
	g->end = 0;
}

static void gather_init(struct gather *g, struct as *a)
{
	g->as = a;
	g->n = 0;
	g->remote = loaded_elsewhere(a);
	gather_reset(g);
}

static void gather_flush(struct gather *g)
{
	if (g->start < g->end)
		as_flush(g->as, g->start, g->end);
	gather_reset(g);
	while (g->n)
		frame_put(g->f[--g->n]);
}

static void gather_note(struct gather *g, u64 addr)
{
	g->start = MIN(g->start, addr);
	g->end = MAX(g->end, addr + PAGE_SIZE);
}

static void account_drop(struct as *a, struct frame *f)
{
	a->resident--;
	if (!f || !(f->flags & FRAME_ANON))
		a->shared--;
}

static void gather_drop(struct gather *g, pte_t *pte, u64 addr)
{
	struct frame *f = frame_of(arch_pte_phys(*pte));

	*pte = 0;
	account_drop(g->as, f);
	gather_note(g, addr);
	if (!g->remote || !f || f->refs > 1) {
		frame_put(f);
		return;
	}
	g->f[g->n++] = f;
	if (g->n == GATHER)
		gather_flush(g);
}

/* The next entry in use after p (NULL: from *addr on); *addr becomes its address. */
static pte_t *entry_next(struct as *a, u64 *addr, u64 end, pte_t *p)
{
	if (p) {
		p++;
		*addr += PAGE_SIZE;
	}
	for (;;) {
		if (*addr >= end)
			return NULL;
		if (!p || !(*addr % ARCH_PTE_SPAN)) {
			p = arch_pte_next(&a->arch, addr, end);
			if (!p)
				return NULL;
		}
		if (*p)
			return p;
		p++;
		*addr += PAGE_SIZE;
	}
}

/* The body sees each entry in use in [start, end) as *pte, and its address as addr. It may clear
 * entries. */
#define for_each_entry(a, addr, start, end, pte)                                                   \
	for (u64 addr = (start), once_ = 1; once_; once_ = 0)                                      \
		for (pte_t *pte = entry_next(a, &addr, end, NULL); pte;                            \
			pte = entry_next(a, &addr, end, pte))

void as_zap(struct as *a, u64 start, u64 end, struct memobj *m)
{
	bool all = !m || memobj_is_phys(m);
	struct gather g;

	gather_init(&g, a);
	for_each_entry(a, addr, start, end, pte) {
		struct frame *f = frame_of(arch_pte_phys(*pte));

		if (all || !f || !(f->flags & FRAME_ANON))
			gather_drop(&g, pte, addr);
	}
	gather_flush(&g);
}

u32 vma_pte_flags(const struct vma *v, bool write)
{
	u32 flags = ARCH_PTE_USER;

	if (v->flags & VMA_PROT)
		flags |= ARCH_PTE_R;
	if (write && (v->flags & WEFT_PROT_WRITE))
		flags |= ARCH_PTE_W;
	if (v->flags & WEFT_PROT_EXEC)
		flags |= ARCH_PTE_X;
	if (v->m && v->m->cache == WEFT_MEM_CACHE_WC)
		flags |= ARCH_PTE_WC;
	else if (v->m && v->m->cache == WEFT_MEM_CACHE_UC)
		flags |= ARCH_PTE_UC;
	return flags;
}

void as_write_protect(struct as *a, u64 start, u64 end)
{
	struct gather g;

	gather_init(&g, a);
	for_each_entry(a, addr, start, end, pte)
		if (arch_pte_writable(*pte)) {
			*pte = arch_pte_read_only(*pte);
			gather_note(&g, addr);
		}
	gather_flush(&g);
}

/* Whether a page of v may be written at once, without a fault that copies or reserves. */
static bool writable_now(const struct vma *v, u64 addr, const struct frame *f)
{
	if (f && (f->flags & FRAME_ANON))
		return f->refs == 1;
	if (!v->m || !(v->flags & WEFT_MAP_SHARED))
		return false;
	if (memobj_is_phys(v->m))
		return true;
	return f && f == memobj_page(v->m, vma_index(v, addr)) && memobj_page_writable(v->m, f);
}

/* After v's protection has changed. */
void as_reprotect(struct vma *v, u64 start, u64 end)
{
	struct gather g;

	gather_init(&g, v->as);
	for_each_entry(v->as, addr, start, end, pte) {
		u64 phys = arch_pte_phys(*pte);
		bool write = writable_now(v, addr, frame_of(phys));
		pte_t new = arch_pte_make(phys, vma_pte_flags(v, write));

		if (*pte != new) {
			*pte = new;
			gather_note(&g, addr);
		}
	}
	gather_flush(&g);
}

/* File pages that are only read come cheaply again by a fault with its neighbours; few are worth
 * copying. */
#define COPY_CLEAN_MAX (32 * PAGE_SIZE)

int as_copy_pages(struct as *to, struct vma *v, bool *protected)
{
	bool cow = !(v->flags & WEFT_MAP_SHARED),
	     skip = v->m && !(v->flags & VMA_ANON) && v->end - v->start > COPY_CLEAN_MAX;
	struct as *from = v->as;
	pte_t *dst = NULL;
	u64 table = 0;

	if (skip)
		return 0;
	for_each_entry(from, addr, v->start, v->end, pte) {
		struct frame *f = frame_of(arch_pte_phys(*pte));

		if (cow && arch_pte_writable(*pte)) {
			*pte = arch_pte_read_only(*pte);
			*protected = true;
		}
		if (!dst || addr / ARCH_PTE_SPAN != table) {
			table = addr / ARCH_PTE_SPAN;
			dst = arch_pte(&to->arch, addr, true);
			if (!dst)
				return -ENOMEM;
			dst -= (addr % ARCH_PTE_SPAN) >> PAGE_SHIFT;
		}
		frame_get(f);
		dst[(addr % ARCH_PTE_SPAN) >> PAGE_SHIFT] = *pte;
		to->resident++;
		if (!f || !(f->flags & FRAME_ANON))
			to->shared++;
	}
	return 0;
}

/* The tables of the target are made first, so that a failure moves nothing. */
int as_move_pages(struct as *a, u64 from, u64 to, u64 len)
{
	for_each_entry(a, addr, from, from + len, pte)
		if (!arch_pte(&a->arch, to + (addr - from), true))
			return -ENOMEM;
	for_each_entry(a, addr, from, from + len, pte) {
		*arch_pte(&a->arch, to + (addr - from), false) = *pte;
		*pte = 0;
	}
	as_flush(a, from, from + len);
	return 0;
}

u64 as_count(struct as *a, u64 start, u64 end, u64 *anon)
{
	u64 n = 0;

	*anon = 0;
	for_each_entry(a, addr, start, end, pte) {
		struct frame *f = frame_of(arch_pte_phys(*pte));

		n++;
		if (f && (f->flags & FRAME_ANON))
			++*anon;
	}
	return n;
}
