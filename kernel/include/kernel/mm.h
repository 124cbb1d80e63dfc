/* SPDX-License-Identifier: MIT */
/* Frames, slabs, memory objects, address spaces, user copies. (mm/) */
#ifndef KERNEL_MM_H
#define KERNEL_MM_H

#include <kernel/object.h>
#include <kernel/arch.h>
#include <weft/mem.h>
#include <weft/sys.h>

/* One per physical page of RAM (mm/frame.c). */
struct frame {
	u32 refs;	      /* mappings' and objects' hold; 0 = free */
	u16 order;	      /* of a free block's first frame */
	u16 flags;	      /* FRAME_* */
	struct list link;     /* buddy free list, the owner's, or (clean pager pages) lru */
	struct memobj *owner; /* and the page's place in it */
	u64 index;
};
#define FRAME_FREE	1u
#define FRAME_DIRTY	2u
#define FRAME_PINNED	4u
#define FRAME_KERNEL	8u
#define FRAME_WRITEBACK 16u
/* Not managed: kernel image, boot archive, shared zero page; refs are not counted. */
#define FRAME_RESERVED	 32u
#define FRAME_SLAB	 64u
#define FRAME_ANON	 128u /* private to the mappings that hold it: belongs to no object */
#define FRAME_REFERENCED 512u
/* Of a free block that was never taken: flags of the others mean nothing. */
#define FRAME_LAZY 2048u

void frames_init(void); /* from boot_info's memory map */
/* 2^order contiguous frames, refs 1, not zeroed. low: below 4 GiB. NULL when there are none
 * (reclaim was tried). */
struct frame *frame_alloc(u32 order, bool low);
struct frame *frame_alloc_zero(void); /* one; may use a pre-zeroed pool */
/* These two accept NULL and ignore reserved frames. */
static inline void frame_get(struct frame *f)
{
	if (f && !(f->flags & FRAME_RESERVED))
		f->refs++;
}
void frame_put(struct frame *f); /* frees at 0 (order 0) */
/* A single frame of the caller's alone whose bytes are all 0: a page table's. */
void frame_free_zeroed(struct frame *f);
void frame_free(struct frame *f, u32 order);
extern struct frame *frames; /* by page number, below frames_end */
extern u64 frames_end;
static inline struct frame *frame_of(u64 phys) /* NULL if not RAM */
{
	u64 pfn = phys >> PAGE_SHIFT;

	return pfn < frames_end ? &frames[pfn] : NULL;
}
static inline u64 frame_phys(const struct frame *f)
{
	return (u64)(f - frames) << PAGE_SHIFT;
}
static inline void *frame_virt(const struct frame *f) /* in the direct map */
{
	return phys_to_virt(frame_phys(f));
}
/* A local frame, or NULL: put where it goes out of scope. */
#define HELD_FRAME __attribute__((cleanup(frame_release)))
static inline void frame_release(struct frame **f)
{
	frame_put(*f);
}
extern u64 frames_total, frames_free;
extern struct weft_mem_stats mm_stats;
/* Called by the idle loop with the BKL held: does a little work (zeroes a page for the pool,
 * dropping the BKL meanwhile). false: nothing to do, halt. */
bool mm_idle(void);
/* Once, before the first thread runs: makes the tables that as_switch(NULL) loads. */
void mm_start(void);

/* Slabs (mm/slab.c): sizes to 2 KiB from slabs, larger from frames. kmalloc returns NULL when out
 * of memory. */
void *kmalloc(size_t n);
void *kzalloc(size_t n);
void kfree(void *p); /* accepts NULL */
/* A local pointer, or NULL: freed where it goes out of scope. */
#define HELD_MEM __attribute__((cleanup(kfree_release)))
static inline void kfree_release(void *pointer)
{
	kfree(*(void **)pointer);
}
void *krealloc_zero(void *p, size_t old, size_t n);
extern u64 slab_bytes;

/* Kernel stacks with guard pages, per-CPU areas (mm/kstack.c). */
u64 kstack_alloc(void); /* -> top, or 0 */
void kstack_free(u64 top);
#define KSTACK_SIZE 16384

/* Memory objects (mm/memobj.c, mm/pager.c). */
struct memobj; /* struct in mm/memobj.h; first member is struct object */
int memobj_create_anon(u64 size, struct memobj **out);
int memobj_create_phys(u64 phys, u64 size, u32 cache, struct memobj **out);
struct object *memobj_object(struct memobj *m);
u64 memobj_size(struct memobj *m);
/* Stream I/O: at off, honouring size; write grows anon and pager objects. May block (pager): the
 * caller holds a reference. */
i64 memobj_read(struct memobj *m, struct uio *u, u64 off, u32 flags);
i64 memobj_write(struct memobj *m, struct uio *u, u64 off, u32 flags);
/* kipc: a handle with memory behind it counts as a user of the object (PAGE_IDLE comes when no
 * handle and no mapping is left). Not a reference. */
void memobj_attach(struct memobj *m);
void memobj_detach(struct memobj *m);
/* WEFT_OBJ_MEM: itself; else ops->mem or NULL; no reference taken. */
struct memobj *memobj_of(struct object *o);
/*
 * The scheme has lost its server (gone false: a successor may come; requests wait in the scheme) or
 * is gone for good (true: page-ins fail and dirty pages are lost). A successor gets at the memory
 * objects of its predecessor by mem_create(PAGER) with the same node.
 */
struct scheme;
void pager_scheme_died(struct scheme *s, bool gone);
/* RES_RESET: the devices of this resource are quiet. Frees what waits in r->pins and is no longer
 * held by an fd. */
struct resource;
void mem_pins_release(struct resource *r);

/* Address spaces (mm/as.c, mm/vma.c, mm/fault.c). */
struct as;
/* The address space of an fd with this right, or the caller's own for -1: referenced. -EBADF,
 * -EINVAL (no address space), -EPERM. */
int as_get_fd(i32 fd, u32 right, struct as **out);
struct as *as_create_empty(void);    /* refs 1, ERR_PTR on failure */
struct as *as_copy(struct as *from); /* fork: copy-on-write; kernel-owned frames (as_map_frame) are
					left out; ERR_PTR */
void as_get(struct as *a);
void as_put(struct as *a);
struct object *as_object(struct as *a); /* the WEFT_OBJ_AS object for fds */
void as_switch(struct as *a); /* loads CR3 if another is loaded, and sets this_cpu()->as; NULL: the
				 kernel's own tables (idle) */
/* A fault of user mode or of the kernel's user copy in the current address space. May block
 * (pager). 0: resolved; else a weft_cause. */
u32 as_fault(struct as *a, u64 addr, bool write, bool exec);
/* Maps a kernel-owned frame (thread page, process page) at a fixed free user address. The AS holds
 * a frame ref until as_unmap_frame. */
int as_map_frame(struct as *a, u64 addr, struct frame *f);
void as_unmap_frame(struct as *a, u64 addr);
int as_unmap(struct as *a, u64 addr, u64 len);
/* m NULL: anonymous. */
int as_map(struct as *a, u64 *addr, u64 len, u32 prot_flags, struct memobj *m, u64 off);
/*
 * The present page behind a user address of any address space, for req_copy: kernel pointer to the
 * byte, valid until the BKL is dropped; NULL if absent or not accessible so. write also breaks
 * nothing: a copy-on-write page is "absent" for write.
 */
void *as_peek(struct as *a, u64 addr, bool write);
/* Identity of a user word for futexes: private: (as, addr); shared: (object id, offset). -EFAULT.
 */
int as_futex_key(struct as *a, u64 addr, bool is_private, u64 key[2]);
void as_usage(struct as *a, struct weft_as_usage *out);

/* Between the steps of long work, with nothing looked up: lets interrupts and other threads in.
 * -EINTR: the thread must die. May block. */
int mm_pause(void);
/* User copies in the current address space (mm/usercopy.c). May block on a pager, or drop the BKL
 * for more than 1 KiB. 0 or -EFAULT. */
int copy_from_user(void *to, u64 from, size_t n);
int copy_to_user(u64 to, const void *from, size_t n);
/* The same, but never block and never fault in: for the IPC fast path and server copies. -EFAULT
 * when absent. */
int copy_from_user_nofault(void *to, u64 from, size_t n);
int copy_to_user_nofault(u64 to, const void *from, size_t n);
/* uio: from a read/write call's arguments. iov memory is in buf[] when it fits, else kmalloc'ed:
 * uio_free. */
int uio_init(struct uio *u, struct weft_iov *buf, u32 nbuf, u64 base, u64 len, bool vec);
void uio_free(struct uio *u, struct weft_iov *buf);
void uio_kernel(struct uio *u, struct weft_iov *buf, void *base, u64 len);
/* Kernel -> uio; -> bytes copied (short at a fault if > 0) or -EFAULT. */
i64 uio_copy_out(struct uio *u, const void *from, u64 n);
i64 uio_copy_in(struct uio *u, void *to, u64 n); /* uio -> kernel */

#endif
