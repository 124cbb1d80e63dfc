/* SPDX-License-Identifier: MIT */
/*
 * Memory objects. Pages are frames in a radix tree by page index; each holds one reference of the
 * object.
 *
 * ANON: absent pages read as zeros. PHYS, DMA: no tree, `phys` is the first address. PAGER: absent
 * pages come from the server. CLONE makes an ANON object with copies of the pages. A frame of an
 * object has owner = the object and index = its place.
 */
#ifndef MM_MEMOBJ_H
#define MM_MEMOBJ_H

#include "frame.h"
#include "radix.h"
#include <kernel/thread.h>
#include <linux/fcntl.h>

struct pager;
struct dma_hold;

struct memobj {
	struct object obj;
	u8 kind;      /* enum weft_mem_kind; CLONE becomes ANON */
	u8 cache;     /* WEFT_MEM_CACHE_* */
	bool io_held; /* a writer is at work */
	u32 seals;
	u64 size; /* bytes */
	struct radix pages;
	struct list mappings;	  /* vma.obj_link */
	u32 nmappings, nwritable; /* VMAs; of these shared with write access possible */
	u32 users;		  /* handles: memobj_attach */
	u64 mtime, ctime;	  /* realtime ns */
	u64 pos;		  /* the shared offset of its fds */
	u64 phys;
	struct pager *pager;
	struct dma_hold *hold;
	struct waitq io_wait;
	char *name; /* kmalloc'ed, or NULL */
	u64 dev, ino;
};

extern const struct obj_ops memobj_ops;

static inline u64 memobj_pages(const struct memobj *m)
{
	return (m->size + PAGE_SIZE - 1) >> PAGE_SHIFT;
}
static inline bool memobj_is_phys(const struct memobj *m)
{
	return m->kind == WEFT_MEM_PHYS || m->kind == WEFT_MEM_DMA;
}
/* Whether a page may be mapped writable as it is, without asking anyone. */
static inline bool memobj_page_writable(const struct memobj *m, const struct frame *f)
{
	return !m->pager || (f->flags & FRAME_DIRTY);
}
static inline struct frame *memobj_page(const struct memobj *m, u64 idx)
{
	return radix_get(&m->pages, idx);
}

int memobj_create(u32 kind, u64 size, u32 flags, struct memobj **out); /* refs 1 */
int memobj_clone(struct memobj *src, struct memobj **out);
/*
 * The page at idx, made present, with a reference for the caller. write: private to this object,
 * reserved and marked dirty. May block and may drop the BKL. -EFAULT beyond the end, -EIO (or the
 * pager's error) , -ENOSPC, -ENOMEM, -EINTR (must die). PHYS and DMA: NULL for a device's.
 */
int memobj_get_page(struct memobj *m, u64 idx, bool write, struct frame **out);
/* overwrite: the caller replaces all bytes, so an absent page needs no contents. */
int memobj_get_page_for(struct memobj *m, u64 idx, bool write, bool overwrite, u64 grow_to,
	struct frame **out);
int memobj_resize(struct memobj *m, u64 size);
int memobj_punch(struct memobj *m, u64 off, u64 len);
int memobj_commit(struct memobj *m, u64 off, u64 len);
/* Makes f, whose reference it takes, the page at idx, unless there is one already. -ENOMEM. */
int memobj_insert(struct memobj *m, u64 idx, struct frame *f);
void memobj_drop_range(struct memobj *m, u64 first, u64 end, bool private_too);
void memobj_drop_page(struct memobj *m, u64 idx); /* unmaps it everywhere and forgets it */
void memobj_touch(struct memobj *m);		  /* mtime and ctime */
i64 memobj_ctl(struct memobj *m, u32 rights, u64 op, u64 a, u64 b);

/* rmap.c: in all mappings of [first, first + n). */
void memobj_unmap_range(struct memobj *m, u64 first, u64 n, bool private_too);
void memobj_reprotect_page(struct memobj *m, u64 idx); /* what may be done with it has changed */

/* pin.c: what a device may still write to. */
/* Takes its own reference of res. */
int dma_create(struct resource *res, u64 size, u32 flags, struct memobj **out);
void dma_gone(struct dma_hold *h); /* of an object: it is no more */
int pin_create(struct memobj *m, u64 first, u64 n, struct resource *res, u64 *bus,
	struct object **out);
int dma_release(struct object *o); /* WEFT_MEM_RELEASE */

#endif
