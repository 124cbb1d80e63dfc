/* SPDX-License-Identifier: MIT */
/*
 * Memory objects and address spaces. Lengths and offsets are bytes; mappings are in whole pages.
 */
#ifndef WEFT_MEM_H
#define WEFT_MEM_H

#include <weft/types.h>

/* mem_create(kind, size, fd, arg, flags) */
enum weft_mem_kind {
	WEFT_MEM_ANON, /* zero-filled on demand; growable with MEM_RESIZE */
	WEFT_MEM_PHYS, /* fd = resource (WEFT_RES_MEM), arg = offset in it, size */
	WEFT_MEM_DMA, /* physically contiguous, zeroed, below 4 GiB with WEFT_MEM_LOW; fd = resource
			 WEFT_RES_DMA. Stays allocated after the fd closes until its resource is
			 reset */
	WEFT_MEM_PAGER, /* fd = the server end of a scheme, arg = node: PAGE_* operations carry it
			   as handle. If a memory object with that node still lives (a
			   predecessor's), this is an fd for it */
	WEFT_MEM_CLONE, /* fd = a memory object: a private copy of all of it as it is now */
};
#define WEFT_MEM_CACHE_WB   0x0u
#define WEFT_MEM_CACHE_WC   0x1u
#define WEFT_MEM_CACHE_UC   0x2u
#define WEFT_MEM_CACHE_MASK 0x3u
#define WEFT_MEM_LOW	    0x4u
#define WEFT_MEM_SEALABLE   0x8u /* seals start empty; else F_SEAL_SEAL is set */
#define WEFT_MEM_CLOEXEC    0x10u
#define WEFT_MEM_PRIVATE_FD 0x20u /* the new fd goes to the private table */

/* mem_map's fourth argument. prot bits are Linux's. */
#define WEFT_PROT_READ	   0x1u
#define WEFT_PROT_WRITE	   0x2u
#define WEFT_PROT_EXEC	   0x4u
#define WEFT_MAP_SHARED	   0x100u /* else private, copy-on-write */
#define WEFT_MAP_FIXED	   0x200u /* replaces what is there */
#define WEFT_MAP_NOREPLACE 0x400u /* with FIXED: -EEXIST instead */
#define WEFT_MAP_POPULATE  0x800u
/* Grows down to at most 8 MiB below (the process's stack limit in addr is the caller's business).
 */
#define WEFT_MAP_STACK	   0x1000u
#define WEFT_MAP_NORESERVE 0x2000u
/* Without FIXED: searched in [WEFT_RT_MIN, WEFT_RT_MAX), else below WEFT_RT_MIN, top down. */
#define WEFT_MAP_RUNTIME 0x4000u
#define WEFT_MAP_NOFORK	 0x8000u /* not copied by PROC_COPY_AS */
#define WEFT_MAP_LOCKED	 0x10000u
#define WEFT_MAP_32BIT	 0x20000u

#define WEFT_REMAP_MAYMOVE   0x1u
#define WEFT_REMAP_FIXED     0x2u
#define WEFT_REMAP_DONTUNMAP 0x4u

enum weft_advice {
	WEFT_ADV_DONTNEED, /* private: back to zero or the object's bytes */
	WEFT_ADV_WILLNEED, /* populate */
	WEFT_ADV_DONTFORK,
	WEFT_ADV_DOFORK,
	WEFT_ADV_WIPEONFORK,
	WEFT_ADV_KEEPONFORK,
	WEFT_ADV_REMOVE, /* punch a hole in the shared object */
	WEFT_ADV_LOCK,
	WEFT_ADV_UNLOCK,
	WEFT_ADV_SYNC, /* msync: write dirty pages of shared pager mappings back and wait */
};

enum weft_query {
	WEFT_QUERY_VMAS,     /* struct weft_vma[n], those that intersect [addr, addr+len) */
	WEFT_QUERY_RESIDENT, /* u8[n], one per page from addr: mincore */
	WEFT_QUERY_READ, /* copies n bytes from addr of that address space (needs an as fd with READ
			    or own) */
	WEFT_QUERY_WRITE, /* the reverse (as fd with WRITE) */
	WEFT_QUERY_USAGE, /* struct weft_as_usage */
};
#define WEFT_VMA_NAME 56
struct weft_vma {
	u64 start, end;
	u64 offset;
	u64 mem;	/* unique number of the memory object, 0 anonymous */
	u32 prot_flags; /* as given to mem_map, minus the placement bits */
	u32 resident;	/* pages */
	u32 dirty;	/* pages written here (private) */
	u32 pad;
	u64 dev, ino;		  /* of the memory object, where its pager has set them */
	char name[WEFT_VMA_NAME]; /* tail of the name of the memory object */
};
struct weft_as_usage {
	u64 mapped, resident, shared, limit, page_tables; /* bytes */
	u64 faults_minor, faults_major;
};

enum weft_mem_op {
	WEFT_MEM_INFO,	 /* a: struct weft_mem_info * */
	WEFT_MEM_RESIZE, /* a: new size; pages beyond are dropped from every mapping (SIGBUS there).
			    PAGER: only with CONTROL (the server) */
	WEFT_MEM_PUNCH,	 /* a: offset, b: length -> zeroes */
	WEFT_MEM_COMMIT, /* a: offset, b: length: make present (fallocate) */
	WEFT_MEM_GET_SEALS, /* -> F_SEAL_* */
	WEFT_MEM_ADD_SEALS, /* a */
	WEFT_MEM_SET_NAME,  /* a: bytes, b: length <= 255 */
	WEFT_MEM_SET_ID,    /* a: dev, b: ino (shown in maps) */
	WEFT_MEM_SYNC,	/* a: offset, b: length: write dirty pages back and wait (fsync's data half)
			 */
	WEFT_MEM_EVICT, /* a: offset, b: length: drop clean pages */
	WEFT_MEM_SET_TIMES, /* a: mtime ns, b: ctime ns (realtime) */
	WEFT_MEM_DIRTY,	    /* a: u64 offsets[], b: n -> number of dirty runs written as {offset,
			       length} pairs */
	WEFT_MEM_PHYS_ADDR, /* a: offset -> bus address: DMA and PHYS objects only, needs CONTROL */
	WEFT_MEM_RELEASE, /* DMA object or pin fd: the device uses it no longer, so it need not wait
			     for RES_RESET when it is closed */
};
struct weft_mem_info {
	u64 size;
	u64 resident, dirty;	/* bytes */
	u64 mtime_ns, ctime_ns; /* realtime of the last change through the kernel; 0 none yet */
	u64 id, node;
	u32 kind, seals;
	u32 mappings; /* number of VMAs */
	u32 writable_mappings;
};

/* pager_copy(mem fd, op, offset, buf, len, flags): the server's side; needs CONTROL on a PAGER
 * object. */
enum weft_pager_op {
	WEFT_PAGER_SUPPLY,  /* fills absent pages from buf (len 0..: whole pages; the tail of the
			       last page is zeroed) and wakes waiters */
	WEFT_PAGER_ZERO,    /* supplies zero pages for [offset, len) */
	WEFT_PAGER_FAIL,    /* waiters for the range get SIGBUS or -EIO (flags: errno) */
	WEFT_PAGER_FETCH,   /* copies present pages out to buf (for write-back); pages dirtied after
			       this stay dirty */
	WEFT_PAGER_DROP,    /* whole pages vanish, dirty ones too: before the server frees what is
			       behind them */
	WEFT_PAGER_RELEASE, /* reservations of what is not dirty are forgotten: a next write asks
			       again */
};

#endif
