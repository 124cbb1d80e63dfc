/* SPDX-License-Identifier: MIT */
/*
 * Kernel stacks: slots of KSTACK_SIZE + one guard page below, in KSTACK_AREA, which every address
 * space shares.
 *
 * A freed stack stays mapped in a cache, so that making a thread costs no page-table work. When the
 * cache is full, half of it is unmapped, flushed with one shootdown, and its frames are freed.
 * Unmapped slots are linked through an array of indices that grows as slots are first used.
 */
#include "frame.h"
#include <kernel/arch.h>

#define SLOT_PAGES (KSTACK_SIZE / PAGE_SIZE)
#define SLOT_SIZE  (KSTACK_SIZE + PAGE_SIZE)
#define SLOTS_MAX  ((u32)(KSTACK_AREA_SIZE / SLOT_SIZE))
#define CACHE_MAX  64u

static u32 *spare, nspare, cap; /* slots that are not in use ... */
static u32 nmapped;		/* ... of which the last so many have their frames */
static u32 slots_used;

static u64 slot_base(u32 slot)
{
	return KSTACK_AREA + (u64)slot * SLOT_SIZE + PAGE_SIZE;
}

/* Unmaps a slot and notes its frames in f; they stay allocated until the caller has flushed. */
static void slot_unmap(u32 slot, struct frame **f)
{
	for (u32 i = 0; i < SLOT_PAGES; i++) {
		u64 phys = arch_kernel_unmap(slot_base(slot) + i * PAGE_SIZE);

		f[i] = phys ? frame_of(phys) : NULL;
		mm_stats.kstacks -= phys != 0;
	}
}

static void flush_and_free(struct frame **f, u32 n)
{
	tlb_shootdown(NULL, KSTACK_AREA, KSTACK_AREA + (u64)slots_used * SLOT_SIZE);
	while (n)
		frame_put(f[--n]);
}

static int slot_map(u32 slot)
{
	struct frame *f, *done[SLOT_PAGES];

	for (u32 i = 0; i < SLOT_PAGES; i++) {
		f = frame_alloc(0, false);
		if (!f ||
			arch_kernel_map(slot_base(slot) + i * PAGE_SIZE, frame_phys(f),
				ARCH_PTE_R | ARCH_PTE_W)) {
			frame_put(f);
			slot_unmap(slot, done);
			flush_and_free(done, SLOT_PAGES);
			return -ENOMEM;
		}
		f->flags |= FRAME_KERNEL;
		mm_stats.kstacks++;
	}
	nmapped++;
	return 0;
}

/* Room for every slot in `spare` is made when the slot is first used, so that freeing never
 * allocates. */
static int slot_new(void)
{
	u32 more = cap ? cap * 2 : 256, *p;

	if (slots_used == SLOTS_MAX)
		return -ENOMEM;
	if (slots_used == cap) {
		p = krealloc_zero(spare, cap * sizeof(u32), more * sizeof(u32));
		if (!p)
			return -ENOMEM;
		spare = p;
		cap = more;
	}
	spare[nspare++] = slots_used++;
	return 0;
}

u64 kstack_alloc(void)
{
	if (!nspare && slot_new())
		return 0;
	if (!nmapped && slot_map(spare[nspare - 1]))
		return 0;
	nmapped--;
	return slot_base(spare[--nspare]) + KSTACK_SIZE;
}

void kstack_free(u64 top)
{
	u32 slot = (u32)((top - KSTACK_SIZE - PAGE_SIZE - KSTACK_AREA) / SLOT_SIZE), n = 0;
	struct frame *f[CACHE_MAX / 2 * SLOT_PAGES];

	kassert(slot < slots_used && slot_base(slot) + KSTACK_SIZE == top);
	spare[nspare++] = slot;
	if (++nmapped <= CACHE_MAX)
		return;
	for (u32 i = nspare - nmapped; n < ARRAY_SIZE(f); i++, n += SLOT_PAGES)
		slot_unmap(spare[i], f + n);
	nmapped -= CACHE_MAX / 2;
	flush_and_free(f, n);
}
