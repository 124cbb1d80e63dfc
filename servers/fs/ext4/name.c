/* SPDX-License-Identifier: MIT */
/*
 * The tree library's hooks: names and their inodes. The library checks permissions and keeps link
 * counts and times in the nodes, which inode_write brings to the disk; here the directories change,
 * and an inode that loses its last name becomes an orphan until nobody uses it.
 */
#include "ext4.h"

#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>

static int ext4_lookup(struct node *dir, const char *name, u32 len, struct node **out)
{
	struct ext4 *x = ext4_of(dir->fs);
	struct dir_slot s;
	int e = dir_find(dir, name, len, &s);
	if (e <= 0)
		return e ? e : -ENOENT;
	return inode_node(x, s.ino, out);
}

static int ext4_create(struct node *dir, const char *name, u32 len, u32 mode, u64 rdev, u32 uid,
	u32 gid, const char *link, struct node **out)
{
	struct ext4 *x = ext4_of(dir->fs);
	struct node *n;
	if (S_ISDIR(mode) && dir->nlink >= EXT4_LINK_MAX)
		return -EMLINK;
	int e = inode_create(x, dir, mode, rdev, uid, gid, link, &n);
	if (e)
		return e;
	e = dir_add(dir, name, len, (u32)n->ino, mode);
	if (e) {
		n->nlink = 0;
		n->dead = true;
		node_put(n);
		return e;
	}
	if (S_ISDIR(mode))
		n->parent_ino = dir->ino;
	*out = n;
	return 0;
}

static int ext4_tmpfile(struct node *dir, u32 mode, u32 uid, u32 gid, struct node **out)
{
	struct node *n;
	int e = inode_create(ext4_of(dir->fs), dir, mode, 0, uid, gid, NULL, &n);
	if (e)
		return e;
	n->nlink = 0;
	e = inode_write(n);
	if (!e)
		e = orphan_add(n);
	if (e) {
		n->dead = true;
		node_put(n);
		return e;
	}
	*out = n;
	return 0;
}

static int ext4_link(struct node *dir, const char *name, u32 len, struct node *n)
{
	if (n->nlink >= EXT4_LINK_MAX)
		return -EMLINK;
	int e = dir_add(dir, name, len, (u32)n->ino, n->mode);
	if (!e)
		orphan_remove(n);
	return e;
}

/* The node is about to lose a name. */
static int lose(struct node *n)
{
	return S_ISDIR(n->mode) || n->nlink <= 1 ? orphan_add(n) : 0;
}

static int ext4_unlink(struct node *dir, const char *name, u32 len, struct node *n)
{
	int e = dir_remove(dir, name, len);
	return e ? e : lose(n);
}

static int ext4_rename(struct node *from, const char *name, u32 len, struct node *n,
	struct node *to, const char *new_name, u32 new_len, struct node *replaced)
{
	bool dir_moves = S_ISDIR(n->mode) && from != to;
	if (dir_moves && !replaced && to->nlink >= EXT4_LINK_MAX)
		return -EMLINK;
	int e = replaced ? dir_replace(to, new_name, new_len, (u32)n->ino, n->mode)
			 : dir_add(to, new_name, new_len, (u32)n->ino, n->mode);
	if (!e)
		e = dir_remove(from, name, len);
	if (!e && dir_moves) {
		e = dir_set_parent(n, to->ino);
		n->parent_ino = to->ino;
	}
	return !e && replaced ? lose(replaced) : e;
}

/* What waits for the disk's cache, or for page-outs that this server itself serves, runs where it
 * may block. */

static i64 fsync_now(struct later *l)
{
	struct ext4 *x = ext4_of(l->fs);
	ext4_lock();
	int e = sync_meta(x);
	ext4_unlock();
	int e2 = device_flush(x->dev);
	return e ? e : e2;
}

static i64 ext4_fsync(struct fsreq *r, struct node *n, bool data_only)
{
	(void)data_only; /* the data are the kernel's part and written already; what points to them
			    is needed in any case */
	return r->fs->read_only ? 0 : ext4_defer(r, n, fsync_now);
}

static i64 sync_all(struct later *l)
{
	struct ext4 *x = ext4_of(l->fs);
	u32 n = 0;
	i64 first = 0;
	ext4_lock();
	struct node **nodes = malloc((x->nmems + 1) * sizeof(*nodes));
	if (nodes)
		fsl_for_each(xn, &x->mems, struct ext4_node, mem_link) nodes[n++] =
			node_get(xn->node);
	ext4_unlock();
	if (!nodes)
		return -ENOMEM;
	for (u32 i = 0; i < n; i++) {
		/* The reference keeps the node; its memory object may go while it waits, which only
		 * ends the wait. */
		i64 e = nodes[i]->mem >= 0 ? fs_mem_sync(nodes[i]->mem) : 0;
		if (e == -EIO || e == -ENOSPC)
			first = first ? first : e;
	}
	ext4_lock();
	while (n)
		node_put(nodes[--n]);
	ext4_unlock();
	free(nodes);
	i64 e = fsync_now(l);
	return first ? first : e;
}

static i64 ext4_syncfs(struct fsreq *r)
{
	return r->fs->read_only ? 0 : ext4_defer(r, NULL, sync_all);
}

#define KEEP_SIZE  1u
#define PUNCH_HOLE 2u
#define ZERO_RANGE 16u

static int zero_bytes(struct node *n, u64 from, u64 to)
{
	static const char zeros[PAGE];
	return from < to ? fs_mem_write(n->mem, from, zeros, to - from) : 0;
}

/* The partial pages at the ends are written with zeros; the pages between go. */
static i64 punch_now(struct later *l)
{
	struct node *n = l->node;
	u64 off = l->args[1], end = off + l->args[2], mode = l->args[0];
	struct weft_mem_info info;
	int e = fs_mem_info(n->mem, &info);
	u64 first = (off + PAGE - 1) & ~(u64)(PAGE - 1), last = end & ~(u64)(PAGE - 1);
	u64 size = info.size, stop = end < size ? end : size;
	if (!e && off < size)
		e = zero_bytes(n, off, first < stop ? first : stop);
	if (!e && last >= first && last < size)
		e = zero_bytes(n, last, stop);
	ext4_lock();
	if (!e)
		e = size_punch(n, off, end - off);
	if (!e && (mode & ZERO_RANGE))
		e = size_allocate(n, (u32)mode & KEEP_SIZE, off, end - off);
	ext4_unlock();
	return e;
}

static i64 ext4_fallocate(struct fsreq *r, struct node *n, u32 mode, u64 off, u64 len)
{
	if (r->fs->read_only)
		return -EROFS;
	if (mode == (PUNCH_HOLE | KEEP_SIZE) || (mode & ~KEEP_SIZE) == ZERO_RANGE)
		return ext4_defer(r, n, punch_now);
	return size_allocate(n, mode, off, len);
}

static void ext4_forget(struct node *n, u64 off, u64 end)
{
	struct weft_mem_info info;
	if (fs_mem_info(n->mem, &info))
		return;
	off = off > info.size ? info.size : (off + PAGE - 1) / PAGE * PAGE;
	/* The file's last page is whole as far as it goes. */
	end = end < info.size ? end / PAGE * PAGE : info.size;
	if (off < end)
		fs_mem_evict(n->mem, off, end - off);
}

static i64 write_now(struct later *l)
{
	i64 done = vfs_trapped_write(&l->r, l->node);
	if (done > 0) {
		ext4_lock();
		struct handle *h = handle_find(l->fs, l->r.sqe->handle);
		if (h)
			watch_file(h->dentry, IN_MODIFY);
		ext4_unlock();
	}
	return done;
}

static i64 ext4_write(struct fsreq *r, struct node *n)
{
	return ext4_defer(r, n, write_now);
}

static i64 ext4_page(struct fsreq *r)
{
	struct ext4 *x = ext4_of(r->fs);
	const struct weft_sqe *q = r->sqe;
	struct node *n = inode_cached(q->handle);
	switch (q->op) {
	case WEFT_OP_PAGE_RESERVE:
		return data_reserve(r->fs, q->handle, q->args[0], q->args[1], q->args[2]);
	case WEFT_OP_PAGE_IDLE:
		if (n)
			inode_unused(n);
		return 0;
	default:
		return n && n->mem >= 0 ? work_page(x, r, n) : -EIO;
	}
}

static int ext4_set_size(struct node *n, u64 size)
{
	int e = inode_open_mem(n);
	return e ? e : size_set(n, size);
}

const struct fs_ops ext4_ops = {
	.cache_only = true,
	.lookup = ext4_lookup,
	.create = ext4_create,
	.link = ext4_link,
	.unlink = ext4_unlink,
	.rename = ext4_rename,
	.is_empty = dir_is_empty,
	.readlink = inode_readlink,
	.readdir = dir_readdir,
	.open_mem = inode_open_mem,
	.set_size = ext4_set_size,
	.statfs = ext4_statfs,
	.fsync = ext4_fsync,
	.syncfs = ext4_syncfs,
	.fallocate = ext4_fallocate,
	.forget = ext4_forget,
	.write = ext4_write,
	.page = ext4_page,
	.dirtied = inode_dirtied,
	.unused = inode_unused,
	.evict = inode_evict,
	.tmpfile = ext4_tmpfile,
	.getxattr = xattr_get,
	.listxattr = xattr_list,
	.setxattr = xattr_set,
	.removexattr = xattr_remove,
};
