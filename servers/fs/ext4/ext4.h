/* SPDX-License-Identifier: MIT */
/*
 * ext4 as a back end of the tree library (vfs.h), through libext2fs.
 *
 *   super.c  mounting, features, state     inode.c  nodes and inodes on disk      orphan.c  inodes
 * without a name cache.c  metadata blocks, io_manager   extent.c file blocks to disk blocks alloc.c
 * free blocks, reservations dir.c    directory blocks              htree.c  their index name.c
 * create, link, unlink, rename data.c   page-in, page-out, reserve    size.c   truncate, fallocate,
 * holes    xattr.c   extended attributes sync.c   what is dirty, to the disk    work.c   threads
 * that wait for disk    main.c    the server
 *
 * One lock (ext4_lock) guards everything here, the tree library and libext2fs. The server's thread
 * holds it while it serves a request; workers drop it while they read or write the disk. Metadata
 * goes through the cache, file contents never do.
 */
#ifndef EXT4_H
#define EXT4_H

#include "vfs.h"

#include <sys/types.h>
#include <ext2fs/ext2fs.h>

#define EXT4_MAGIC     0xEF53u
#define PAGE	       4096u
#define RESERVE_UNIT   65536u /* the kernel asks for room in these pieces, aligned */
#define EXT4_LINK_MAX  65000u
#define EXT4_INODE_MAX 4096u	  /* largest inode on disk */
#define PAGE_RUN_MAX   (1u << 20) /* most bytes of one page-in or page-out that is served at once */

/* device.c: the disk below, by bytes. 0 or a negative errno. May block; called with and without the
 * lock. */
struct ext4_device;
int device_read(struct ext4_device *d, u64 off, void *to, u64 len);
int device_write(struct ext4_device *d, u64 off, const void *from, u64 len);
int device_flush(struct ext4_device *d);
u64 device_size(struct ext4_device *d);

/* memory.c: what only a pager does with its memory objects; the host tests have their own. */
int fs_mem_pager(struct fs *fs, u64 node, u64 size); /* -> fd */
int fs_mem_supply(i32 mem, u64 off, const void *data, u64 len);
i64 fs_mem_fetch(i32 mem, u64 off, void *to,
	u64 len);			      /* -> bytes; those pages are clean from now on */
int fs_mem_drop(i32 mem, u64 off, u64 len);   /* whole pages, dirty ones too */
int fs_mem_evict(i32 mem, u64 off, u64 len);  /* whole pages, clean ones only */
int fs_mem_sync(i32 mem);		      /* waits for page-outs: never with the lock */
int fs_mem_release(i32 mem);		      /* the kernel forgets reservations of what is clean */
int fs_mem_dirty(i32 mem, u64 *pairs, u64 n); /* -> runs of {offset, length} */
int fs_mem_set_id(i32 mem, u64 dev, u64 ino); /* what /proc/PID/maps shows */

/* The lock, and waiting for a change that another thread makes (ext4_wait drops it meanwhile). */
void ext4_lock(void);
void ext4_unlock(void);
void ext4_wait(void);
void ext4_changed(void);

/* A metadata block in memory. Held (pinned) between cache_get and cache_put. */
struct cbuf {
	struct cbuf *hash_next;
	struct fs_list lru, dirty_link;
	u64 block;
	u8 *data;
	u32 pins;
	bool dirty;
	bool checked; /* dir.c has found it sound */
};

struct reservation {
	u64 unit;   /* offset / RESERVE_UNIT */
	u32 blocks; /* counted in ext4.reserved */
};

/* A run of blocks of a file. */
struct run {
	u64 lblk, pblk; /* pblk 0: a hole */
	u64 len;
	bool unwritten;
};

#define RUN_CACHE 8u

/* node.priv */
struct ext4_node {
	struct node *node;
	u32 flags; /* i_flags */
	u32 generation;
	u64 valid_to; /* bytes of the file beyond this may be anything on disk */
	u32 writing;  /* page-outs at the disk: blocks must not be freed */
	u64 goal;     /* where its next block is wanted */
	struct reservation *reserved;
	u32 nreserved, room_reserved;
	struct run runs[RUN_CACHE]; /* recently looked up */
	u32 next_run;
	u64 insert_hint; /* directory: no room before this block */
	bool orphan;
	struct fs_list orphan_link;
	struct fs_list mem_link; /* in ext4.mems while it has a memory object, the least recently
				    opened first */
};

/* One page-in or page-out at work. */
struct page_job {
	struct page_job *next; /* in work.c's queue */
	struct fs_list active; /* in ext4.page_ins while it reads */
	struct node *node;     /* referenced */
	void *kept;	       /* the request */
	u64 off, len;
	u16 op;
	bool stale; /* what is being read may have changed: read again */
};

struct ext4 {
	ext2_filsys e2;
	struct fs *fs;
	struct ext4_device *dev;
	u32 bs, bits; /* block size and its logarithm */
	u64 max_size; /* of a file */
	bool extents, bitmaps, was_clean, failed;
	u64 reserved;  /* blocks promised to dirty pages */
	u64 set_aside; /* blocks that only metadata may have */
	struct fs_list mems;
	u32 nmems;
	struct fs_list orphans; /* in the order of the list on disk, newest first */
	struct fs_list page_ins;
	struct fs_list dirty_nodes;
	u64 flush_at, flush_len; /* bytes of the device that a flush is writing now */
	bool flushing;
	u32 jobs; /* page jobs at work */
	u64 page_ins_done, page_outs_done, bytes_in, bytes_out;
};

static inline struct ext4 *ext4_of(const struct fs *fs)
{
	return fs->priv;
}
static inline struct ext4_node *ext4_node(const struct node *n)
{
	return n->priv;
}

/* super.c */
/** Mounts; on success fs is ready for vfs. why: what is wrong, in words. */
int ext4_mount(struct fs *fs, struct ext4_device *dev, bool read_only, const char **why);
/** Writes all there is and marks the file system clean. Nobody else may be at work. */
int ext4_unmount(struct fs *fs);
int ext4_statfs(struct fs *fs, struct fsp_statfs *out);
int ext4_errno(struct ext4 *x, errcode_t e, const char *what,
	u64 ino); /* logs what is wrong on the disk */
void ext4_corrupt(struct ext4 *x, const char *what, u64 ino);
void ext4_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
int ext4_need_bitmaps(struct ext4 *x); /* read before the first change */

/* cache.c */
int cache_init(struct ext4 *x, struct ext4_device *dev, u32 blocks);
void cache_finish(void);
void cache_set_unit(u32 block_size);	     /* from now on blocks are kept */
int cache_get(u64 block, struct cbuf **out); /* read if it is not there */
int cache_new(u64 block, struct cbuf **out); /* zeroed, without reading */
void cache_put(struct cbuf *b);
void cache_dirty(struct cbuf *b);
void cache_forget(u64 block, u64 n); /* freed: their contents do not matter */
void cache_prefetch(u64 block, u32 n);
/** Writes all dirty blocks; drops the lock while it writes. */
int cache_flush(struct ext4 *x);
/** Waits until no flush is writing these bytes; drops the lock meanwhile. */
void cache_await(struct ext4 *x, u64 off, u64 len);
bool cache_is_dirty(void);
extern struct struct_io_manager cache_manager;

/* inode.c */
int inode_node(struct ext4 *x, u64 ino, struct node **out); /* referenced */
struct node *inode_cached(u64 ino);			    /* not referenced, or NULL */
int inode_write(struct node *n);			    /* attributes to the inode */
int inode_create(struct ext4 *x, struct node *dir, u32 mode, u64 rdev, u32 uid, u32 gid,
	const char *link, struct node **out);
void inode_delete(struct node *n); /* its last reference is going: blocks and inode become free */
void inode_evict(struct node *n);
int inode_readlink(struct node *n);
int inode_read_raw(struct ext4 *x, u64 ino, struct ext2_inode_large *to);
int inode_write_raw(struct ext4 *x, u64 ino, struct ext2_inode_large *from);
void inode_dirtied(struct node *n);
int inode_open_mem(struct node *n);
void inode_unused(struct node *n); /* no handle left */
void inode_drop_mem(struct node *n);
void inode_shrink(struct ext4 *x, u32 keep); /* closes memory objects that nobody uses */

/* orphan.c */
int orphan_add(struct node *n);
void orphan_remove(struct node *n);
int orphan_recover(struct ext4 *x);
void orphan_end(struct ext4 *x); /* frees those that are still open: nobody will use them */

/* extent.c */
int map_find(struct node *n, u64 lblk, u64 max, struct run *r); /* r->len at most max, at least 1 */
int map_insert(struct node *n, u64 lblk, u64 pblk, u64 len);	/* into a hole */
int map_written(struct node *n, u64 lblk, u64 pblk,
	u64 len);				    /* an unwritten run now has contents */
int map_remove(struct node *n, u64 first, u64 end); /* frees the blocks [first, end) */
int map_free_all(struct node *n);
void map_forget(struct node *n);
void map_changed(struct node *n); /* by libext2fs itself: how many blocks it has now */
int map_count_holes(struct node *n, u64 lblk, u64 len, u64 *holes);

/* alloc.c */
int alloc_run(struct ext4 *x, u64 goal, u64 want, bool metadata,
	struct run *r); /* r->pblk, r->len <= want; -ENOSPC */
void alloc_free(struct ext4 *x, u64 pblk, u64 len);
u64 alloc_available(struct ext4 *x); /* free blocks that nobody was promised */
u64 alloc_goal(struct node *n, u64 lblk);
int reserve_unit(struct node *n, u64 unit, u32 blocks); /* -ENOSPC */
void reserve_used(struct node *n, u64 unit,
	u32 blocks); /* of what was reserved, this much was allocated */
void reserve_drop(struct node *n, u64 from_unit); /* those from that unit on */
void reserve_trim(struct node *n);		  /* those of what is clean */

/* dir.c */
struct dir_slot { /* an entry in a block */
	u64 lblk;
	u32 at, before; /* offsets of the entry and of the one before it (or at) */
	u32 ino;
};
int dir_block(struct node *dir, u64 lblk, struct cbuf **out);	/* checked */
int dir_changed(struct node *dir, struct cbuf *b);		/* its checksum anew; dirty */
int dir_append(struct node *dir, u64 *lblk, struct cbuf **out); /* a new empty leaf */
int dir_search_block(struct node *dir, u64 lblk, const char *name, u32 len,
	struct dir_slot *s); /* 1 found, 0 not */
int dir_insert_block(struct node *dir, struct cbuf *b, const char *name, u32 len, u32 ino,
	u8 type); /* 1 done, 0 no room */
int dir_find(struct node *dir, const char *name, u32 len, struct dir_slot *s);
int dir_add(struct node *dir, const char *name, u32 len, u32 ino, u32 mode);
int dir_remove(struct node *dir, const char *name, u32 len);
int dir_replace(struct node *dir, const char *name, u32 len, u32 ino, u32 mode);
int dir_init(struct node *dir, u64 parent); /* "." and ".." */
int dir_set_parent(struct node *dir, u64 parent);
int dir_is_empty(struct node *dir);
int dir_readdir(struct node *dir, u64 *pos,
	bool (*emit)(void *arg, const char *name, u32 len, u64 ino, u32 mode, u64 next), void *arg);
u32 dir_entry_size(u32 name_len);
u32 dir_room(const struct ext4 *x); /* bytes of a block that entries may use */
void dir_empty_leaf(struct ext4 *x, u8 *data);

/* htree.c */
bool htree_is(const struct node *dir);
int htree_find(struct node *dir, const char *name, u32 len,
	struct dir_slot *s); /* 1, 0, -errno; -EUCLEAN: look through all */
int htree_add(struct node *dir, const char *name, u32 len, u32 ino, u8 type);
int htree_make(struct node *dir); /* of a directory with one full block */

/* data.c */
int data_reserve(struct fs *fs, u64 ino, u64 off, u64 len, u64 size);
int data_page_in(struct ext4 *x, struct page_job *j,
	void *buf); /* with the lock, which it drops while it reads */
int data_page_out(struct ext4 *x, struct page_job *j, void *buf); /* the same while it writes */
void data_stale(struct ext4 *x, struct node *n, u64 from, u64 to);
void data_await_writes(struct node *n);

/* size.c */
int size_set(struct node *n, u64 size);
int size_allocate(struct node *n, u32 mode, u64 off, u64 len);
int size_punch(struct node *n, u64 off,
	u64 len); /* whole blocks inside; the edges are the caller's */

/* xattr.c */
i64 xattr_get(struct node *n, const char *name, void *to, u64 room);
i64 xattr_list(struct node *n, char *to, u64 room);
int xattr_set(struct node *n, const char *name, const void *value, u64 len, u32 flags);
int xattr_remove(struct node *n, const char *name);

/* name.c, and the table of hooks */
extern const struct fs_ops ext4_ops;

/* sync.c */
int sync_meta(struct ext4 *x); /* attributes, bitmaps, cache; with the lock, which it drops while it
				  writes. No device flush */
int sync_data_here(struct ext4 *x); /* all dirty pages, in this thread: when nobody else serves */

/* work.c, or the tests: what may wait for the disk, or for this very server. */
struct later {
	struct fs *fs;
	struct node *node;	    /* referenced, or NULL */
	u64 args[6];		    /* the request's */
	struct fsreq r;		    /* to copy from the client */
	i64 (*fn)(struct later *l); /* without the lock */
	struct later *next;
};
i64 ext4_defer(struct fsreq *r, struct node *n,
	i64 (*fn)(struct later *l)); /* its result is the answer */
int work_start(struct ext4 *x);
i64 work_page(struct ext4 *x, struct fsreq *r, struct node *n);
void ext4_arm_flush(void); /* something is dirty: a flush comes within seconds */

#endif
