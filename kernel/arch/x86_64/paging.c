/* SPDX-License-Identifier: MIT */
/*
 * Page tables of 4 levels. The upper half is the kernel's and the same everywhere: its top entries
 * are made at boot and copied into each address space. Nothing in it is writable and executable,
 * the direct map's view of the kernel's text included.
 *
 * A leaf that may not be read (PROT_NONE) is not present to the CPU; its
 * other bits stay as they were.
 */
#include <kernel/arch.h>
#include <kernel/mm.h>
#include <kernel/thread.h>
#include "x86.h"

/* Covered by one entry: 0 is a page, 3 a top entry. */
#define SPAN(level) (1ul << (12 + 9 * (level)))

static pte_t kernel_top[512] __attribute__((aligned(4096)));
u64 kernel_root = (u64)boot_pml4; /* until the final one is made */
static u64 mmio_next = KERNEL_MMIO;
extern u64 smap_sites[], smap_sites_end[];

static inline u32 slot(u64 addr, u32 level)
{
	return addr >> (12 + 9 * level) & 511;
}
static inline pte_t *table(pte_t e)
{
	return phys_to_virt(e & PTE_ADDR);
}

int arch_as_init(struct arch_as *a)
{
	struct frame *f = frame_alloc_zero();

	if (!f)
		return -ENOMEM;
	*a = (struct arch_as){.root = frame_phys(f), .tables = 1};
	list_init(&f->link);
	memcpy((pte_t *)frame_virt(f) + 256, kernel_top + 256, 2048);
	return 0;
}

/*
 * The tables of an address space are on a list that begins at the root's frame. In the frame of an
 * upper table, index says which groups of 8 entries were ever used: so all are zeroed in a moment,
 * and serve as zeroed frames again. A leaf's entries were cleared by its user.
 */
static void free_table(struct frame *f)
{
	pte_t *t = frame_virt(f);

	for (; f->index; f->index &= f->index - 1)
		memset(t + __builtin_ctzl(f->index) * 8, 0, 64);
	frame_free_zeroed(f);
}

void arch_as_destroy(struct arch_as *a)
{
	struct frame *root = a->root ? frame_of(a->root) : NULL;

	if (!root)
		return;
	kassert(!a->cpus);
	while (!list_empty(&root->link)) {
		struct frame *f = list_first(&root->link, struct frame, link);

		list_del(&f->link);
		free_table(f);
	}
	memset((pte_t *)frame_virt(root) + 256, 0, 2048);
	free_table(root);
	*a = (struct arch_as){0};
}

pte_t *arch_pte(struct arch_as *a, u64 addr, bool create)
{
	pte_t *t = phys_to_virt(a->root);

	for (u32 level = 3; level > 0; level--) {
		pte_t *e = &t[slot(addr, level)];

		if (unlikely(!(*e & PTE_P))) {
			struct frame *f = create ? frame_alloc_zero() : NULL;

			if (!f)
				return NULL;
			*e = frame_phys(f) | PTE_P | PTE_W | PTE_U | PTE_A;
			frame_of((u64)t - DIRECT_MAP)->index |= 1ul << slot(addr, level) / 8;
			list_add_after(&frame_of(a->root)->link, &f->link);
			a->tables++;
		}
		t = table(*e);
	}
	return &t[slot(addr, 0)];
}

pte_t *arch_pte_next(struct arch_as *a, u64 *addr, u64 end)
{
	while (*addr < end) {
		pte_t *t = phys_to_virt(a->root);
		u32 level = 3;

		while (level > 0 && t[slot(*addr, level)] & PTE_P)
			t = table(t[slot(*addr, level--)]);
		if (level == 0)
			return &t[slot(*addr, 0)];
		*addr = ALIGN_DOWN(*addr, SPAN(level)) + SPAN(level);
	}
	return NULL;
}

/* Unlinks the tables under t that lie within [start, end) and collects their frames in *freed. t
 * covers from base on. */
static void prune(struct arch_as *a, pte_t *t, u32 level, u64 base, u64 start, u64 end,
	struct list *freed)
{
	u64 first = MAX(base, start), last = MIN(base + 512 * SPAN(level), end);

	for (u64 at = ALIGN_DOWN(first, SPAN(level)); at < last; at += SPAN(level)) {
		pte_t *e = &t[slot(at, level)];
		struct frame *f;

		if (!(*e & PTE_P))
			continue;
		if (level > 1)
			prune(a, table(*e), level - 1, at, start, end, freed);
		if (at < start || at + SPAN(level) > end)
			continue;
		f = frame_of(*e & PTE_ADDR);
		*e = 0;
		list_del(&f->link);
		list_add_tail(freed, &f->link);
		a->tables--;
	}
}

void arch_prune(struct arch_as *a, u64 start, u64 end)
{
	struct list freed, *l;

	list_init(&freed);
	prune(a, phys_to_virt(a->root), 3, 0, start, end, &freed);
	if (list_empty(&freed))
		return;
	/* A CPU may still hold the upper entries in its paging-structure caches: any invlpg empties
	 * those. */
	tlb_shootdown(a, start, start + PAGE_SIZE);
	while ((l = freed.next) != &freed) {
		list_del(l);
		free_table(list_entry(l, struct frame, link));
	}
}

void arch_as_load(struct arch_as *a)
{
	struct cpu *c = this_cpu();
	u64 bit = 1ul << c->id;

	if (c->arch.as == a)
		return;
	if (c->arch.as)
		c->arch.as->cpus &= ~bit;
	if (a)
		a->cpus |= bit;
	c->arch.as = a;
	WRITE_CR(3, a ? a->root : kernel_root);
}

static u64 table_alloc(void)
{
	struct frame *f;
	u64 p;

	if (!frames_total) {
		p = boot_alloc(PAGE_SIZE, PAGE_SIZE);
		memset(phys_to_virt(p), 0, PAGE_SIZE);
		return p;
	}
	f = frame_alloc_zero();
	if (f)
		f->flags |= FRAME_KERNEL;
	return f ? frame_phys(f) : 0;
}

/* The kernel's entry for vaddr at a level; the tables above it are made. NULL: no memory. All that
 * is mapped after boot lies below top entries that are there. */
static pte_t *kernel_pte(u64 vaddr, u32 level)
{
	pte_t *t = kernel_top;

	for (u32 l = 3; l > level; l--) {
		pte_t *e = &t[slot(vaddr, l)];
		u64 p = *e & PTE_P ? 0 : table_alloc();

		if (p)
			*e = p | PTE_P | PTE_W | PTE_A;
		else if (!(*e & PTE_P))
			return NULL;
		kassert(!(*e & PTE_PS));
		t = table(*e);
	}
	return &t[slot(vaddr, level)];
}

int arch_kernel_map(u64 vaddr, u64 phys, u32 flags)
{
	pte_t *e = kernel_pte(vaddr, 0);

	if (!e)
		return -ENOMEM;
	*e = arch_pte_make(phys, flags & ~ARCH_PTE_USER);
	return 0;
}

u64 arch_kernel_unmap(u64 vaddr)
{
	pte_t *e = kernel_pte(vaddr, 0);
	u64 phys = e ? arch_pte_phys(*e) : 0;

	if (e)
		*e = 0;
	return phys;
}

void *map_phys(u64 phys, u64 len, u32 flags)
{
	u64 start = ALIGN_DOWN(phys, PAGE_SIZE), end = ALIGN_UP(phys + len, PAGE_SIZE),
	    at = mmio_next;

	mmio_next += end - start + PAGE_SIZE;
	for (u64 p = start; p < end; p += PAGE_SIZE)
		if (arch_kernel_map(at + (p - start), p, flags))
			return NULL;
	return (void *)(at + (phys - start));
}

/* --- the final tables, at boot --- */

/* Read-only for text and constants, in whichever view; only text can be executed, and only at its
 * own address. The boot sections are in the direct map alone. */
static void map_image(void)
{
	u64 image = ALIGN_DOWN((u64)kernel_start, SPAN(1)),
	    end = ALIGN_UP((u64)kernel_end, SPAN(1));

	for (u64 v = image; v < end; v += PAGE_SIZE) {
		u64 p = v - KERNEL_BASE;
		bool text = v >= (u64)text_start && v < (u64)text_end;
		bool constant = v >= (u64)text_start && v < (u64)data_start;
		u32 flags = ARCH_PTE_R | (constant ? 0 : ARCH_PTE_W);

		arch_kernel_map(p + DIRECT_MAP, p, flags);
		if (v >= (u64)text_start && v < (u64)kernel_end)
			arch_kernel_map(v, p, flags | (text ? ARCH_PTE_X : 0));
	}
}

/* Leaves what is mapped already. */
static void map_ram(u64 start, u64 end)
{
	for (u64 p = ALIGN_DOWN(start, SPAN(1)); p < end; p += SPAN(1)) {
		pte_t *e = kernel_pte(DIRECT_MAP + p, 1);

		if (!(*e & PTE_P))
			*e = arch_pte_make(p, ARCH_PTE_R | ARCH_PTE_W) | PTE_PS;
	}
}

static void patch_smap(void)
{
	static const u8 stac[3] = {0x0f, 0x01, 0xcb}, clac[3] = {0x0f, 0x01, 0xca};

	for (u32 i = 0; x86.smap && smap_sites + i < smap_sites_end; i++)
		memcpy((void *)smap_sites[i], i % 2 ? clac : stac, 3);
}

void paging_init(void)
{
	struct boot_range ranges[ARRAY_SIZE(boot_info.ranges)];
	u32 n = boot_info.nranges;

	patch_smap();					  /* while text can still be written */
	memcpy(ranges, boot_info.ranges, sizeof(ranges)); /* boot_alloc splits them */
	kernel_root = (u64)kernel_top - KERNEL_BASE;
	map_image();
	map_ram(0, 0x100000);
	for (u32 i = 0; i < n; i++)
		if (ranges[i].type != 2 && ranges[i].type != 5) /* neither reserved nor bad */
			map_ram(ranges[i].base, ranges[i].base + ranges[i].len);
	WRITE_CR(3, kernel_root);
}
