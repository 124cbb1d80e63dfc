/* SPDX-License-Identifier: MIT */
/* A tree in memory (tmpfs, and the root made from the boot archive). The dentries are the directories. */
#include "fs.h"

#include <stdlib.h>
#include <sys/stat.h>

static int mem_create(struct node *dir, const char *name, u32 len, u32 mode, u64 rdev, u32 uid, u32 gid,
	const char *link, struct node **out)
{
	(void)name;
	(void)len;
	struct fs *fs = dir->fs;
	struct node *n = node_new(fs, ++fs->next_ino, mode, uid, gid);
	if (!n)
		return -ENOMEM;
	n->rdev = rdev;
	if (link) {
		n->link = strdup(link);
		if (!n->link) {
			node_put(n);
			return -ENOMEM;
		}
		n->size = strlen(link);
	}
	if (S_ISDIR(mode)) {
		n->nlink = 2;
		n->size = 4096;
		n->parent_ino = dir->ino;
	}
	*out = n;
	return 0;
}

static int mem_link(struct node *dir, const char *name, u32 len, struct node *node)
{
	(void)dir;
	(void)name;
	(void)len;
	(void)node;
	return 0;
}

static int mem_rename(struct node *from, const char *name, u32 len, struct node *node, struct node *to,
	const char *new_name, u32 new_len, struct node *replaced)
{
	(void)from;
	(void)name;
	(void)len;
	(void)new_name;
	(void)new_len;
	(void)replaced;
	if (S_ISDIR(node->mode))
		node->parent_ino = to->ino;
	return 0;
}

static int mem_open(struct node *n)
{
	if (n->mem >= 0)
		return 0;
	int fd = fs_mem_create(n->size);
	if (fd < 0)
		return fd;
	n->mem = fd;
	return 0;
}

static int mem_set_size(struct node *n, u64 size)
{
	int e = mem_open(n);
	return e ? e : fs_mem_resize(n->mem, size);
}

static int mem_statfs(struct fs *fs, struct fsp_statfs *out)
{
	u64 total = 0, free_bytes = 0;
	fs_memory(&total, &free_bytes);
	*out = (struct fsp_statfs){.type = fs->magic, .bsize = 4096, .frsize = 4096, .namelen = 255,
		.blocks = total / 4096, .bfree = free_bytes / 4096, .bavail = free_bytes / 4096,
		.files = 1u << 20, .ffree = (1u << 20) - (fs->next_ino & ((1u << 20) - 1)),
		.fsid = fs->dev};
	return 0;
}

static int mem_fsync(struct node *n, bool data_only)
{
	(void)n;
	(void)data_only;
	return 0;
}

static int mem_syncfs(struct fs *fs)
{
	(void)fs;
	return 0;
}

static int mem_fallocate(struct node *n, u32 mode, u64 off, u64 len)
{
	if (mode & ~3u) /* KEEP_SIZE, PUNCH_HOLE */
		return -EOPNOTSUPP;
	if (mode & 2)
		return mode & 1 ? fs_mem_punch(n->mem, off, len) : -EOPNOTSUPP;
	struct weft_mem_info info;
	int e = fs_mem_info(n->mem, &info);
	if (e || (mode & 1) || off + len <= info.size)
		return e;
	return fs_mem_resize(n->mem, off + len);
}

static const struct fs_ops memfs_ops = {
	.create = mem_create,
	.link = mem_link,
	.rename = mem_rename,
	.open_mem = mem_open,
	.set_size = mem_set_size,
	.statfs = mem_statfs,
	.fsync = mem_fsync,
	.syncfs = mem_syncfs,
	.fallocate = mem_fallocate,
};

int memfs_create(struct fs *fs, u64 dev, u32 magic)
{
	fs->ops = &memfs_ops;
	fs->dev = fs->mount = dev;
	fs->magic = magic;
	fs->next_ino = 1;
	struct node *root = node_new(fs, 1, S_IFDIR | 0755, 0, 0);
	if (!root)
		return -ENOMEM;
	root->nlink = 2;
	root->size = 4096;
	root->parent_ino = 1;
	return fs_init_root(fs, root);
}
