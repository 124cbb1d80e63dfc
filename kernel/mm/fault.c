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

static void install(struct as *a, pte_t *pte, u64 phys, u32 flags, bool anon)
{
	*pte = arch_pte_make(phys, flags);
	a->resident++;
	if (anon)
		mm_stats.anon++;
	else
		a->shared++;
}

/* How many entries from pte on are free and in v, at most n. */
static u32 free_run(const struct vma *v, const pte_t *pte, u64 page, u32 n)
{
	u64 end = MIN(v->end, ALIGN_UP(page + 1, ARCH_PTE_SPAN));
	u32 i;

	n = MIN(n, (end - page) >> PAGE_SHIFT);
	for (i = 0; i < n && !pte[i]; i++)
		;
	return i;
}

static u32 cluster_size(struct vma *v, const pte_t *pte, u64 page)
{
	u32 n = 1;

	if (page == v->next_fault && !frames_low()) {
		v->run++;
		n = free_run(v, pte, page, v->run < 3 ? 1u << v->run : CLUSTER);
	} else {
		v->run = 0;
	}
	v->next_fault = page + n * PAGE_SIZE;
	return n;
}

static bool over_limit(const struct as *a)
{
	const struct process *p = current_process();
	u64 limit = p && p->as == a ? p->limits[WEFT_LIMIT_RESIDENT] : 0;

	return limit && a->resident >= limit >> PAGE_SHIFT;
}

static int fault_anon(struct as *a, struct vma *v, u64 page, pte_t *pte, bool write)
{
	struct frame *f[CLUSTER];
	u32 n, got = 0, flags;
	u64 gen = a->gen;

	if (!write) {
		install(a, pte, frame_phys(zero_frame), vma_pte_flags(v, false), false);
		return 0;
	}
	if (over_limit(a))
		return -ENOMEM;
	n = cluster_size(v, pte, page);
	while (got < n && (f[got] = frame_alloc_copy(NULL)))
		got++;
	if (!got)
		return -ENOMEM;
	if (a->gen != gen || *pte) {
		while (got)
			frame_put(f[--got]);
		return AGAIN;
	}
	v->flags |= VMA_ANON;
	flags = vma_pte_flags(v, true);
	for (u32 i = 0; i < got; i++) {
		if (pte[i]) { /* taken while we cleared */
			frame_put(f[i]);
			continue;
		}
		f[i]->flags |= FRAME_ANON;
		install(a, pte + i, frame_phys(f[i]), flags, true);
	}
	return 0;
}

/* Makes a private copy of the page that src shows (held by its caller) for the entry, which still
 * holds `old`. */
static int copy_private(struct as *a, struct vma *v, u64 page, pte_t *pte, const void *src)
{
	struct frame *f, *of;
	pte_t old = *pte;
	u64 gen = a->gen;

	if (over_limit(a))
		return -ENOMEM;
	f = frame_alloc_copy(src == frame_virt(zero_frame) ? NULL : src);
	if (!f)
		return -ENOMEM;
	if (a->gen != gen || *pte != old) {
		frame_put(f);
		return AGAIN;
	}
	f->flags |= FRAME_ANON;
	v->flags |= VMA_ANON;
	if (!old) {
		install(a, pte, frame_phys(f), vma_pte_flags(v, true), true);
		return 0;
	}
	of = frame_of(arch_pte_phys(old));
	*pte = arch_pte_make(frame_phys(f), vma_pte_flags(v, true));
	mm_stats.anon++;
	if (!of || !(of->flags & FRAME_ANON))
		a->shared--;
	as_flush(a, page, page + PAGE_SIZE);
	frame_put(of);
	return 0;
}

static int set_writable(struct as *a, struct vma *v, u64 page, pte_t *pte)
{
	*pte = arch_pte_make(arch_pte_phys(*pte), vma_pte_flags(v, true));
	if (this_cpu()->as == a)
		tlb_flush_page(page); /* elsewhere a stale entry only faults once more */
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
		struct frame *f = *p && p != pte ? frame_of(arch_pte_phys(*p)) : NULL;

		if (f && (f->flags & FRAME_ANON) && f->refs == 1)
			*p = arch_pte_make(arch_pte_phys(*p), vma_pte_flags(v, true));
	}
	return set_writable(a, v, page, pte);
}

static int write_present(struct as *a, struct vma *v, u64 page, pte_t *pte)
{
	u64 phys = arch_pte_phys(*pte), gen = a->gen;
	struct frame *f = frame_of(phys), *now;
	pte_t old = *pte;
	int r;

	if (!v->m || !(v->flags & WEFT_MAP_SHARED)) {
		if (f && (f->flags & FRAME_ANON) && f->refs == 1)
			return set_writable_around(a, v, page, pte);
		if (!f)
			return -EFAULT; /* a private copy of a device's register makes no sense */
		frame_get(f);
		r = copy_private(a, v, page, pte, frame_virt(f));
		frame_put(f);
		return r;
	}
	if (memobj_is_phys(v->m))
		return set_writable(a, v, page, pte);
	r = memobj_get_page(v->m, vma_index(v, page), true, &now);
	if (r)
		return r;
	if (a->gen == gen && *pte == old && now == f)
		set_writable(a, v, page, pte);
	else
		r = AGAIN;
	frame_put(now);
	return r;
}

static int fault_present(struct as *a, struct vma *v, u64 page, pte_t *pte, bool write)
{
	u32 flags = arch_pte_flags(*pte);

	if (write && !(flags & ARCH_PTE_W))
		return write_present(a, v, page, pte);
	/* Another CPU was faster, or this one's TLB is stale. */
	if (this_cpu()->as == a)
		tlb_flush_page(page);
	return 0;
}

static int fault_phys(struct as *a, struct vma *v, u64 page, pte_t *pte, bool write)
{
	u64 off = v->off + (page - v->start);
	bool shared = v->flags & WEFT_MAP_SHARED;
	u32 flags = vma_pte_flags(v, shared), n;

	if (off >= v->m->size)
		return -EFAULT;
	if (write && !shared) {
		struct frame *f = frame_of(v->m->phys + off);

		return f ? copy_private(a, v, page, pte, frame_virt(f)) : -EFAULT;
	}
	n = free_run(v, pte, page,
		MIN(AROUND_PHYS, (v->m->size - off + PAGE_SIZE - 1) >> PAGE_SHIFT));
	for (u32 i = 0; i < n; i++) {
		u64 phys = v->m->phys + off + i * PAGE_SIZE;
		struct frame *f = frame_of(phys);

		frame_get(f);
		install(a, pte + i, phys, flags, false);
	}
	return 0;
}

/* Maps the neighbours of page idx that are resident, in its aligned group. */
static void map_around(struct as *a, struct vma *v, u64 page, pte_t *pte, u64 idx)
{
	struct frame **slots = (struct frame **)radix_leaf(&v->m->pages, idx);
	u64 lo = idx & ~(AROUND - 1), hi = MIN(lo + AROUND, memobj_pages(v->m)), at;
	u64 base = MAX(v->start, page & ~(ARCH_PTE_SPAN - 1)),
	    end = MIN(v->end, (page & ~(ARCH_PTE_SPAN - 1)) + ARCH_PTE_SPAN);
	bool shared = v->flags & WEFT_MAP_SHARED;

	if (!slots)
		return;
	lo = MAX(lo, idx - MIN(idx, (page - base) >> PAGE_SHIFT));
	hi = MIN(hi, idx + ((end - page) >> PAGE_SHIFT));
	for (at = lo; at < hi; at++) {
		struct frame *f = slots[at % RADIX_FAN];
		pte_t *p = pte + (i64)(at - idx);

		if (!f || *p)
			continue;
		frame_get(f);
		install(a, p, frame_phys(f),
			vma_pte_flags(v, shared && memobj_page_writable(v->m, f)), false);
	}
}

static int fault_object(struct as *a, struct vma *v, u64 page, pte_t *pte, bool write)
{
	struct memobj *m = v->m;
	u64 idx = vma_index(v, page), gen = a->gen;
	bool shared = v->flags & WEFT_MAP_SHARED;
	struct frame *f;
	int r;

	if (memobj_is_phys(m))
		return fault_phys(a, v, page, pte, write);
	r = memobj_get_page(m, idx, shared && write, &f);
	if (r)
		return r;
	if (a->gen != gen || *pte) {
		frame_put(f);
		return AGAIN;
	}
	if (write && !shared) {
		r = copy_private(a, v, page, pte, frame_virt(f));
		frame_put(f);
		return r;
	}
	install(a, pte, frame_phys(f), vma_pte_flags(v, shared && memobj_page_writable(m, f)),
		false);
	map_around(a, v, page, pte, idx);
	return 0;
}

static u32 cause_of(int r)
{
	return r == -ENOMEM ? WEFT_CAUSE_OOM : WEFT_CAUSE_BEYOND;
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
		if (!(v->flags & need))
			return WEFT_CAUSE_ACCESS;
		if (unlikely(v->flags & VMA_FRAME))
			return WEFT_CAUSE_ACCESS;
		pte = arch_pte(&a->arch, page, true);
		if (!pte)
			r = -ENOMEM;
		else if (*pte)
			r = fault_present(a, v, page, pte, write);
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
		return cause_of(r);
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
