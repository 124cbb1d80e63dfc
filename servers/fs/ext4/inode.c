/* SPDX-License-Identifier: MIT */
/*
 * Nodes of inodes. A node is found by its number as long as anything holds it; a regular file's
 * memory object, with the pages cached in it, holds its node too, until inode_shrink or the file's
 * end. A node has the attributes; what libext2fs changes by itself (block map, i_blocks) is only in
 * the inode. inode_write joins the two.
 */
#include "ext4.h"

#include <stdlib.h>
#include <sys/stat.h>

#define HASH	 4096u
#define MEMS_MAX 8192u

static struct fs_list table[HASH];

static struct fs_list *bucket(u64 ino)
{
	struct fs_list *b = &table[ino % HASH];
	if (!b->next)
		fsl_init(b);
	return b;
}

struct node *inode_cached(u64 ino)
{
	fsl_for_each(n, bucket(ino), struct node, hash) if (n->ino == ino) return n;
	return NULL;
}

/* Raw inodes. */

int inode_read_raw(struct ext4 *x, u64 ino, struct ext2_inode_large *to)
{
	struct ext2_super_block *sb = x->e2->super;
	u32 group = (u32)((ino - 1) / sb->s_inodes_per_group),
	    index = (u32)((ino - 1) % sb->s_inodes_per_group);
	u32 size = EXT2_INODE_SIZE(sb), at = index * size / x->bs,
	    room = x->e2->inode_blocks_per_group;
	memset(to, 0, sizeof(*to));
	if (ino == 0 || ino > sb->s_inodes_count)
		return -EUCLEAN;
	cache_prefetch(ext2fs_inode_table_loc(x->e2, group) + at, room - at);
	if (size > sizeof(*to))
		size = sizeof(*to);
	return ext4_errno(x,
		ext2fs_read_inode_full(x->e2, (ext2_ino_t)ino, (struct ext2_inode *)to, (int)size),
		"the inode", ino);
}

int inode_write_raw(struct ext4 *x, u64 ino, struct ext2_inode_large *from)
{
	u32 size = EXT2_INODE_SIZE(x->e2->super);
	if (size > sizeof(*from))
		size = sizeof(*from);
	return ext4_errno(x,
		ext2fs_write_inode_full(x->e2, (ext2_ino_t)ino, (struct ext2_inode *)from,
			(int)size),
		"the inode", ino);
}

/* Times: 34 bits of seconds and 30 of nanoseconds, where the inode has room. */
static bool has_extra(const struct ext4 *x, const struct ext2_inode_large *in, u64 end)
{
	return EXT2_INODE_SIZE(x->e2->super) > EXT2_GOOD_OLD_INODE_SIZE &&
		EXT2_GOOD_OLD_INODE_SIZE + (u64)in->i_extra_isize >= end;
}
#define HAS(x, in, field)                                                                          \
	has_extra(x, in, offsetof(struct ext2_inode_large, field) + sizeof((in)->field))

static i64 time_get(u32 low, u32 extra)
{
	u32 ns = extra >> 2;
	return ((i64)(i32)low + ((i64)(extra & 3) << 32)) * 1000000000 + (ns < 1000000000 ? ns : 0);
}

static void time_put(i64 t, u32 *low, u32 *extra)
{
	i64 s = t / 1000000000, ns = t % 1000000000;
	if (ns < 0) {
		s--;
		ns += 1000000000;
	}
	if (s < INT32_MIN)
		s = INT32_MIN;
	if (s > INT32_MAX && !extra)
		s = INT32_MAX;
	*low = (u32)s;
	if (extra)
		*extra = (u32)(((s - (i32)s) >> 32) & 3) | (u32)ns << 2;
}

static void get_attributes(struct ext4 *x, struct node *n, const struct ext2_inode_large *in)
{
	n->uid = in->i_uid | (u32)in->osd2.linux2.l_i_uid_high << 16;
	n->gid = in->i_gid | (u32)in->osd2.linux2.l_i_gid_high << 16;
	n->nlink = in->i_links_count;
	n->atime = time_get(in->i_atime, HAS(x, in, i_atime_extra) ? in->i_atime_extra : 0);
	n->mtime = time_get(in->i_mtime, HAS(x, in, i_mtime_extra) ? in->i_mtime_extra : 0);
	n->ctime = time_get(in->i_ctime, HAS(x, in, i_ctime_extra) ? in->i_ctime_extra : 0);
	n->btime =
		HAS(x, in, i_crtime_extra) ? time_get(in->i_crtime, in->i_crtime_extra) : n->ctime;
	n->size = EXT2_I_SIZE(in);
	n->blocks = ext2fs_get_stat_i_blocks(x->e2, (struct ext2_inode *)(uintptr_t)in);
	if (S_ISCHR(n->mode) || S_ISBLK(n->mode))
		n->rdev = in->i_block[0] ? ((in->i_block[0] & 0xff00) | (in->i_block[0] & 0xff))
					 : in->i_block[1];
}

static void put_attributes(struct ext4 *x, const struct node *n, struct ext2_inode_large *in)
{
	in->i_mode = (u16)n->mode;
	in->i_uid = (u16)n->uid;
	in->osd2.linux2.l_i_uid_high = (u16)(n->uid >> 16);
	in->i_gid = (u16)n->gid;
	in->osd2.linux2.l_i_gid_high = (u16)(n->gid >> 16);
	in->i_links_count = (u16)n->nlink;
	time_put(n->atime, &in->i_atime, HAS(x, in, i_atime_extra) ? &in->i_atime_extra : NULL);
	time_put(n->mtime, &in->i_mtime, HAS(x, in, i_mtime_extra) ? &in->i_mtime_extra : NULL);
	time_put(n->ctime, &in->i_ctime, HAS(x, in, i_ctime_extra) ? &in->i_ctime_extra : NULL);
	if (HAS(x, in, i_crtime_extra))
		time_put(n->btime, &in->i_crtime, &in->i_crtime_extra);
	in->i_size = (u32)n->size;
	in->i_size_high = (u32)(n->size >> 32);
	if (S_ISREG(n->mode) && ext2fs_needs_large_file_feature(n->size) &&
		!ext2fs_has_feature_large_file(x->e2->super)) {
		ext2fs_set_feature_large_file(x->e2->super);
		ext2fs_mark_super_dirty(x->e2);
	}
}

/* Nodes. */

static bool sound(struct ext4 *x, u64 ino, const struct ext2_inode_large *in)
{
	u32 type = in->i_mode & S_IFMT;
	u64 size = EXT2_I_SIZE(in);
	if (type != S_IFREG && type != S_IFDIR && type != S_IFLNK && type != S_IFCHR &&
		type != S_IFBLK && type != S_IFIFO && type != S_IFSOCK)
		return false;
	if (type == S_IFDIR && (size == 0 || size % x->bs || size >> x->bits > UINT32_MAX))
		return false;
	if (type == S_IFLNK && (size == 0 || size > x->bs))
		return false;
	return size <= (type == S_IFREG ? x->max_size : INT64_MAX) && ino != 0;
}

static struct node *attach(struct ext4 *x, u64 ino, u32 mode, u32 uid, u32 gid)
{
	struct node *n = node_new(x->fs, ino, mode, uid, gid);
	struct ext4_node *xn = calloc(1, sizeof(*xn));
	if (!n || !xn) {
		free(xn);
		node_put(n);
		return NULL;
	}
	xn->node = n;
	fsl_init(&xn->orphan_link);
	fsl_init(&xn->mem_link);
	n->priv = xn;
	fsl_append(bucket(ino), &n->hash);
	return n;
}

/* orphan: only inodes without links are wanted. */
static int load(struct ext4 *x, u64 ino, bool orphan, struct node **out)
{
	struct ext2_inode_large in;
	struct ext2_super_block *sb = x->e2->super;
	if (ino > sb->s_inodes_count || (ino != EXT2_ROOT_INO && ino < EXT2_FIRST_INODE(sb))) {
		ext4_corrupt(x, "a directory entry for the inode", ino);
		return -EUCLEAN;
	}
	int e = inode_read_raw(x, ino, &in);
	if (e)
		return e;
	if (!sound(x, ino, &in) || (!in.i_links_count && !orphan)) {
		ext4_corrupt(x, "the inode", ino);
		return -EUCLEAN;
	}
	struct node *n = attach(x, ino, in.i_mode, 0, 0);
	if (!n)
		return -ENOMEM;
	struct ext4_node *xn = ext4_node(n);
	get_attributes(x, n, &in);
	xn->flags = in.i_flags;
	xn->generation = in.i_generation;
	xn->valid_to = n->size;
	*out = n;
	return 0;
}

int inode_node(struct ext4 *x, u64 ino, struct node **out)
{
	struct node *n = inode_cached(ino);
	if (n) {
		*out = node_get(n);
		return 0;
	}
	return load(x, ino, false, out);
}

int inode_orphan(struct ext4 *x, u64 ino, struct node **out)
{
	return load(x, ino, true, out);
}

/* Size and times of a file with memory are the kernel's. */
static void take_memory(struct node *n)
{
	struct weft_mem_info info;
	if (n->mem < 0 || fs_mem_info(n->mem, &info))
		return;
	n->size = info.size;
	if ((i64)info.mtime_ns > n->mtime)
		n->mtime = (i64)info.mtime_ns;
	if ((i64)info.ctime_ns > n->ctime)
		n->ctime = (i64)info.ctime_ns;
}

int inode_write(struct node *n)
{
	struct ext4 *x = ext4_of(n->fs);
	struct ext2_inode_large in;
	n->dirty = false;
	fsl_remove(&n->dirty_link);
	if (x->fs->read_only)
		return 0;
	int e = inode_read_raw(x, n->ino, &in);
	if (e)
		return e;
	take_memory(n);
	put_attributes(x, n, &in); /* but not i_dtime: it is the orphans' list */
	in.i_flags = (in.i_flags & ~(u32)EXT2_INDEX_FL) | (ext4_node(n)->flags & EXT2_INDEX_FL);
	e = inode_write_raw(x, n->ino, &in);
	n->blocks = ext2fs_get_stat_i_blocks(x->e2, (struct ext2_inode *)&in);
	if (e)
		node_dirty(n);
	return e;
}

void inode_dirtied(struct node *n)
{
	struct ext4 *x = ext4_of(n->fs);
	if (fsl_empty(&n->dirty_link) && !x->fs->read_only)
		fsl_append(&x->dirty_nodes, &n->dirty_link);
	ext4_arm_flush();
}

/* New and dead ones. */

static void init_map(struct ext4 *x, struct ext2_inode_large *in)
{
	struct ext3_extent_header *h = (void *)in->i_block;
	if (!x->extents)
		return;
	in->i_flags |= EXT4_EXTENTS_FL;
	h->eh_magic = EXT3_EXT_MAGIC;
	h->eh_max = (sizeof(in->i_block) - sizeof(*h)) / sizeof(struct ext3_extent);
}

static int put_link(struct ext4 *x, struct node *n, struct ext2_inode_large *in, const char *link)
{
	u64 len = strlen(link);
	n->link = strdup(link);
	n->size = len;
	if (!n->link)
		return -ENOMEM;
	if (len < sizeof(in->i_block)) {
		memcpy(in->i_block, link, len);
		return 0;
	}
	if (len >= x->bs)
		return -ENAMETOOLONG;
	init_map(x, in);
	return 0;
}

static int link_block(struct ext4 *x, struct node *n)
{
	struct run r;
	struct cbuf *b;
	int e = alloc_run(x, alloc_goal(n, 0), 1, true, &r);
	if (e)
		return e;
	e = cache_new(r.pblk, &b);
	if (!e) {
		memcpy(b->data, n->link, n->size);
		cache_dirty(b);
		cache_put(b);
		e = map_insert(n, 0, r.pblk, 1);
	}
	if (e)
		alloc_free(x, r.pblk, 1);
	return e;
}

static void undo_create(struct ext4 *x, struct node *n)
{
	n->nlink = 0;
	n->dead = true;
	(void)x;
	node_put(n); /* inode_evict frees the rest */
}

int inode_create(struct ext4 *x, struct node *dir, u32 mode, u64 rdev, u32 uid, u32 gid,
	const char *link, struct node **out)
{
	struct ext2_inode_large in = {0};
	ext2_ino_t ino;
	int e = ext4_need_bitmaps(x);
	if (!e)
		e = ext4_errno(x,
			ext2fs_new_inode(x->e2, (ext2_ino_t)dir->ino, (int)mode, NULL, &ino),
			"a bitmap", dir->ino);
	if (e)
		return e;
	struct node *n = attach(x, ino, mode, uid, gid);
	if (!n)
		return -ENOMEM;
	ext2fs_inode_alloc_stats2(x->e2, ino, 1, S_ISDIR(mode));
	ext2fs_mark_ib_dirty(x->e2);
	struct ext4_node *xn = ext4_node(n);
	n->rdev = rdev;
	n->nlink = S_ISDIR(mode) ? 2 : 1;
	if (EXT2_INODE_SIZE(x->e2->super) > EXT2_GOOD_OLD_INODE_SIZE)
		in.i_extra_isize = sizeof(in) - EXT2_GOOD_OLD_INODE_SIZE;
	in.i_generation = xn->generation = (u32)(n->btime ^ (i64)ino * 2654435761);
	if (S_ISREG(mode) || S_ISDIR(mode))
		init_map(x, &in);
	if (S_ISCHR(mode) || S_ISBLK(mode))
		in.i_block[1] = (u32)rdev;
	e = S_ISLNK(mode) ? put_link(x, n, &in, link) : 0;
	xn->flags = in.i_flags;
	put_attributes(x, n, &in);
	/* The whole inode is new, whatever lies in its place. */
	u8 whole[EXT4_INODE_MAX] __attribute__((aligned(8))) = {0};
	memcpy(whole, &in, sizeof(in));
	int e2 = ext4_errno(x,
		ext2fs_write_inode_full(x->e2, ino, (struct ext2_inode *)whole,
			EXT2_INODE_SIZE(x->e2->super)),
		"the inode", ino);
	e = e ? e : e2;
	if (!e && S_ISLNK(mode) && n->size >= sizeof(in.i_block))
		e = link_block(x, n);
	if (!e && S_ISDIR(mode))
		e = dir_init(n, dir->ino);
	if (e) {
		undo_create(x, n);
		return e;
	}
	*out = n;
	return 0;
}

void inode_delete(struct node *n)
{
	struct ext4 *x = ext4_of(n->fs);
	struct ext2_inode_large in;
	int e = inode_read_raw(x, n->ino, &in);
	bool dir = S_ISDIR(n->mode);
	if (!e && in.i_file_acl)
		e = ext4_errno(x, ext2fs_free_ext_attr(x->e2, (ext2_ino_t)n->ino, &in),
			"the attributes", n->ino);
	if (!e)
		e = map_free_all(n);
	orphan_remove(n);
	e = inode_read_raw(x, n->ino, &in);
	if (e)
		return;
	in.i_links_count = 0;
	in.i_size = in.i_size_high = 0;
	in.i_dtime = (u32)(fs_now() / 1000000000);
	if (inode_write_raw(x, n->ino, &in) == 0) {
		ext2fs_inode_alloc_stats2(x->e2, (ext2_ino_t)n->ino, -1, dir);
		ext2fs_mark_ib_dirty(x->e2);
	}
}

void inode_evict(struct node *n)
{
	struct ext4_node *xn = ext4_node(n);
	if (!xn)
		return;
	reserve_drop(n, 0);
	if (n->dead && n->nlink == 0 && !n->fs->read_only)
		inode_delete(n);
	else if (n->dirty && !n->fs->read_only)
		inode_write(n);
	fsl_remove(&n->dirty_link);
	fsl_remove(&xn->orphan_link);
	free(xn->reserved);
	free(xn);
	n->priv = NULL;
}

int inode_readlink(struct node *n)
{
	struct ext4 *x = ext4_of(n->fs);
	struct ext2_inode_large in;
	int e = inode_read_raw(x, n->ino, &in);
	if (e)
		return e;
	char *link = calloc(1, n->size + 1);
	if (!link)
		return -ENOMEM;
	if (n->size < sizeof(in.i_block) && !(in.i_flags & EXT4_EXTENTS_FL)) {
		memcpy(link, in.i_block, n->size);
	} else {
		struct run r;
		struct cbuf *b;
		e = map_find(n, 0, 1, &r);
		if (!e && (!r.pblk || n->size > x->bs))
			e = -EUCLEAN;
		if (!e)
			e = cache_get(r.pblk, &b);
		if (!e) {
			memcpy(link, b->data, n->size);
			cache_put(b);
		}
	}
	if (e || strlen(link) == 0) {
		free(link);
		return e ? e : -EUCLEAN;
	}
	n->link = link;
	return 0;
}

/* Memory objects. */

int inode_open_mem(struct node *n)
{
	struct ext4 *x = ext4_of(n->fs);
	struct ext4_node *xn = ext4_node(n);
	if (n->mem >= 0) {
		fsl_remove(&xn->mem_link);
		fsl_append(&x->mems, &xn->mem_link);
		return 0;
	}
	if (x->nmems >= MEMS_MAX)
		inode_shrink(x, MEMS_MAX / 8 * 7);
	int fd = fs_mem_pager(n->fs, n->ino, n->size);
	if (fd < 0)
		return fd;
	n->mem = fd;
	fs_mem_set_id(fd, n->dev, n->ino);
	fsl_append(&x->mems, &xn->mem_link);
	x->nmems++;
	node_get(n);
	return 0;
}

void inode_drop_mem(struct node *n)
{
	struct ext4 *x = ext4_of(n->fs);
	if (n->mem < 0)
		return;
	take_memory(n);
	reserve_drop(n, 0);
	fs_close_fd(n->mem);
	n->mem = -1;
	fsl_remove(&ext4_node(n)->mem_link);
	x->nmems--;
	node_put(n);
}

static bool in_use(struct node *n, struct weft_mem_info *info)
{
	return !fsl_empty(&n->handles) || ext4_node(n)->writing || fs_mem_info(n->mem, info) ||
		info->mappings;
}

void inode_unused(struct node *n)
{
	struct weft_mem_info info;
	if (n->mem < 0 || in_use(n, &info))
		return;
	if (n->dead && n->nlink == 0) {
		inode_drop_mem(n);
		return;
	}
	if (info.size != n->size || (i64)info.mtime_ns > n->mtime)
		node_dirty(n);
	if (!info.dirty)
		reserve_trim(n);
}

void inode_shrink(struct ext4 *x, u32 keep)
{
	u32 look = x->nmems;
	fsl_for_each(xn, &x->mems, struct ext4_node, mem_link)
	{
		struct weft_mem_info info;
		if (x->nmems <= keep || !look--)
			return;
		if (!in_use(xn->node, &info) && !info.dirty)
			inode_drop_mem(xn->node);
	}
}
