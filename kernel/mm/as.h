/* SPDX-License-Identifier: MIT */
/*
 * Address spaces, inside mm/: VMAs in a treap ordered by address, also in a list, each with the
 * free gap below it and the largest gap of its subtree (so that a free range is found in O(log n)).
 *
 * A page-table entry holds one reference of its frame, unless the frame is FRAME_RESERVED or no
 * RAM. Frames with FRAME_ANON belong to the mappings only: one that is not write-enabled is copied
 * before a write unless its reference count is 1.
 */
#ifndef MM_AS_H
#define MM_AS_H

#include "memobj.h"

struct vma {
	struct vma *child[2], *parent; /* left and right */
	struct list link;	       /* as.vmas */
	u64 start, end;
	u64 gap, max_gap; /* free bytes below start (below grow_min for a stack), and the largest of
			     the subtree */
	struct as *as;
	u32 flags;    /* WEFT_PROT_* and WEFT_MAP_{SHARED,STACK,NORESERVE,RUNTIME,NOFORK,LOCKED} and
			 VMA_* */
	u32 max_prot; /* what mprotect may grant */
	u32 run;      /* faults in sequence */
	u64 next_fault;
	u64 grow_min;	      /* stacks: start may come down to here */
	struct memobj *m;     /* referenced; NULL: anonymous */
	u64 off;	      /* in m, of start */
	struct list obj_link; /* memobj.mappings */
};
/* Flags as they were given that stay with the mapping. */
#define VMA_GIVEN                                                                                  \
	(WEFT_MAP_SHARED | WEFT_MAP_STACK | WEFT_MAP_NORESERVE | WEFT_MAP_RUNTIME |                \
		WEFT_MAP_NOFORK | WEFT_MAP_LOCKED)
#define VMA_FRAME      0x100000u /* a kernel-owned page (as_map_frame): user mode cannot change it */
#define VMA_WIPEONFORK 0x200000u
#define VMA_ANON       0x400000u /* may hold FRAME_ANON pages */
#define VMA_PROT       (WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_PROT_EXEC)
#define STACK_GROW_MAX (8ul << 20)
#define STACK_GUARD    (16 * PAGE_SIZE)

struct as {
	struct object obj;
	struct arch_as arch;
	struct vma *root, *hot; /* hot: the last one found */
	struct list vmas;
	u32 nvmas, loads;	      /* loads: CPUs that have it in this_cpu()->as */
	u64 gen;		      /* changes with every change of the VMAs */
	u64 mapped, resident, shared; /* bytes, pages, pages of objects */
	u64 faults_minor, faults_major;
	bool dead;
};
#define VMAS_MAX 65530u

/* vma.c: the tree. None of these touches page tables. */
struct vma *vma_find_from(struct as *a, u64 addr);	   /* the first with end > addr, or NULL */
static inline struct vma *vma_find(struct as *a, u64 addr) /* that contains addr, or NULL */
{
	struct vma *v = vma_find_from(a, addr);

	return v && v->start <= addr ? v : NULL;
}
struct vma *vma_next(struct vma *v);
struct vma *vma_prev(struct vma *v);
struct vma *vma_last(const struct as *a); /* or NULL */
/* One with the range, flags, object and offset of `like`; takes its own reference of the object. */
struct vma *vma_new(struct as *a, const struct vma *like);
void vma_free(struct vma *v); /* not inserted */
void vma_insert(struct vma *v);
void vma_remove(struct vma *v); /* and frees it */
void vma_set_start(struct vma *v, u64 start);
void vma_set_end(struct vma *v, u64 end);
int vma_split(struct vma *v, u64 at); /* v keeps [start, at) */
struct vma *vma_merge(struct vma *v); /* with equal neighbours -> the VMA that holds it now */
u64 vma_find_free(struct as *a, u64 len, u64 lo, u64 hi); /* the highest free range, or 0 */
/* In the treap's heap order: as good as random. */
static inline u64 vma_prio(const struct vma *v)
{
	return (u64)v * 0x9e3779b97f4a7c15ul;
}
static inline u64 vma_index(const struct vma *v, u64 addr)
{
	return (v->off + (addr - v->start)) >> PAGE_SHIFT;
}

/* table.c: runs of page-table entries. */
/* Drops the pages there (of m only, if it is not NULL: no private copies) and flushes. */
void as_zap(struct as *a, u64 start, u64 end, struct memobj *m);
/* v's protection, or what its pages allow, has changed. */
void as_reprotect(struct vma *v, u64 start, u64 end);
int as_copy_pages(struct as *to, struct vma *v); /* v of the parent; the caller flushes that */
/* Sets the entry, which takes over the caller's reference of the frame there; that of the frame
 * that was there is the caller's now. */
void as_enter(struct as *a, pte_t *pte, u64 phys, u32 flags);
int as_move_pages(struct as *a, u64 from, u64 to, u64 len);
u32 vma_pte_flags(const struct vma *v, bool write);
u64 as_count(struct as *a, u64 start, u64 end, u64 *anon);
void as_flush(struct as *a, u64 start, u64 end);

/* map.c */
int as_map_flags(struct as *a, u64 *addr, u64 len, u32 flags, u32 max_prot, struct memobj *m,
	u64 off);
int as_protect(struct as *a, u64 addr, u64 len, u64 prot);
int as_remap(struct as *a, u64 addr, u64 old_len, u64 len, u64 flags, u64 *to);
int as_advise(struct as *a, u64 addr, u64 len, u64 advice);
int as_populate(struct as *a, u64 start, u64 end); /* may block; best effort but for -EINTR */
int as_grow_stack(struct as *a, u64 addr, struct vma **out);

/* query.c */
i64 as_query(struct as *a, u64 op, u64 addr, u64 len, u64 buf, u64 n);

#endif
