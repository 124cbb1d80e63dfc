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
	struct frame *f[GATHER];
};

void as_flush(struct as *a, u64 start, u64 end)
{
	if (a->arch.cpus)
		tlb_shootdown(&a->arch, start, end);
}

static void gather_init(struct gather *g, struct as *a)
{
	g->as = a;
	g->start = WEFT_USER_MAX;
	g->end = 0;
	g->n = 0;
}

static void gather_flush(struct gather *g)
{
	if (g->start < g->end)
		as_flush(g->as, g->start, g->end);
	while (g->n)
		frame_put(g->f[--g->n]);
	gather_init(g, g->as);
}

static void gather_note(struct gather *g, u64 addr)
{
	g->start = MIN(g->start, addr);
	g->end = MAX(g->end, addr + PAGE_SIZE);
}

/* An entry for the frame has come (1) or gone (-1). */
static void account(struct as *a, const struct frame *f, i64 n)
{
	a->resident += n;
	if (!f || !(f->flags & FRAME_ANON))
		a->shared += n;
}

void as_enter(struct as *a, pte_t *pte, u64 phys, u32 flags)
{
	if (*pte)
		account(a, frame_of(arch_pte_phys(*pte)), -1);
	account(a, frame_of(phys), 1);
	*pte = arch_pte_make(phys, flags);
}

static void gather_drop(struct gather *g, pte_t *pte, u64 addr)
{
	struct frame *f = frame_of(arch_pte_phys(*pte));
	bool remote = g->as->arch.cpus & ~(1ul << this_cpu()->id);

	*pte = 0;
	account(g->as, f, -1);
	gather_note(g, addr);
	if (!remote || !f || f->refs > 1) {
		frame_put(f);
		return;
	}
	g->f[g->n++] = f;
	if (g->n == GATHER)
		gather_flush(g);
}

/* The next entry in use from p on, that of *addr (NULL: to be found); *addr becomes its address. */
static pte_t *entry_next(struct as *a, u64 *addr, u64 end, pte_t *p)
{
	for (; *addr < end; p++, *addr += PAGE_SIZE) {
		if (!p || !(*addr % ARCH_PTE_SPAN))
			p = arch_pte_next(&a->arch, addr, end);
		if (!p || *p)
			return p;
	}
	return NULL;
}

/* The body sees each entry in use in [start, end) as *pte, and its address as addr. It may clear
 * entries. */
#define for_each_entry(a, addr, start, end, pte)                                                   \
	for (u64 addr = (start), once_ = 1; once_; once_ = 0)                                      \
		for (pte_t *pte = entry_next(a, &addr, end, NULL); pte;                            \
			addr += PAGE_SIZE, pte = entry_next(a, &addr, end, pte + 1))

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

/* Whether a page of v may be written at once, without a fault that copies or reserves. */
static bool writable_now(const struct vma *v, const struct frame *f)
{
	if (f && (f->flags & FRAME_ANON))
		return f->refs == 1;
	return v->m && (v->flags & WEFT_MAP_SHARED) && memobj_page_writable(v->m, f);
}

void as_reprotect(struct vma *v, u64 start, u64 end)
{
	struct gather g;

	gather_init(&g, v->as);
	for_each_entry(v->as, addr, start, end, pte) {
		u64 phys = arch_pte_phys(*pte);
		bool write = writable_now(v, frame_of(phys));
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

int as_copy_pages(struct as *to, struct vma *v)
{
	bool cow = !(v->flags & WEFT_MAP_SHARED);
	pte_t *dst = NULL;
	u64 table = 0;

	if (v->m && !(v->flags & VMA_ANON) && v->end - v->start > COPY_CLEAN_MAX)
		return 0;
	for_each_entry(v->as, addr, v->start, v->end, pte) {
		struct frame *f = frame_of(arch_pte_phys(*pte));

		if (cow)
			*pte = arch_pte_read_only(*pte);
		if (!dst || addr / ARCH_PTE_SPAN != table) {
			table = addr / ARCH_PTE_SPAN;
			dst = arch_pte(&to->arch, addr, true);
			if (!dst)
				return -ENOMEM;
			dst -= (addr % ARCH_PTE_SPAN) >> PAGE_SHIFT;
		}
		frame_get(f);
		dst[(addr % ARCH_PTE_SPAN) >> PAGE_SHIFT] = *pte;
		account(to, f, 1);
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
