/* SPDX-License-Identifier: MIT */
/* A tree in memory (tmpfs, and the root made from the boot archive). The dentries are the directories. */
#include "vfs.h"

#include <stdlib.h>
#include <sys/inotify.h>
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
	n->dev = dir->dev;
	n->magic = dir->magic;
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

static i64 mem_fsync(struct fsreq *r, struct node *n, bool data_only)
{
	(void)r;
	(void)n;
	(void)data_only;
	return 0;
}

static i64 mem_syncfs(struct fsreq *r)
{
	(void)r;
	return 0;
}

static i64 mem_fallocate(struct fsreq *r, struct node *n, u32 mode, u64 off, u64 len)
{
	(void)r;
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
	.evict = mem_xattrs_free,
	.getxattr = mem_getxattr,
	.listxattr = mem_listxattr,
	.setxattr = mem_setxattr,
	.removexattr = mem_removexattr,
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

/* The dentry at path, made where needed (directories 0755). NULL: no memory, or a non-directory in the way. */
static struct dentry *reach(struct fs *fs, const char *path, u32 mode, u64 rdev, const char *link, bool make)
{
	struct dentry *at = dentry_get(fs->root);
	while (*path) {
		while (*path == '/')
			path++;
		u32 len = 0;
		while (path[len] && path[len] != '/')
			len++;
		if (!len)
			break;
		struct dentry *d = NULL;
		bool last = !path[len];
		if (dentry_lookup(at, path, len, NULL, &d) == 0 && !d->node) {
			struct node *n;
			dentry_put(d);
			d = NULL;
			u32 m = last ? mode : S_IFDIR | 0755;
			if (make && fs->ops->create(at->node, path, len, m, last ? rdev : 0, 0, 0, last ? link : NULL, &n) == 0) {
				d = dentry_add(at, path, len, n);
				node_put(n);
				if (d && S_ISDIR(m))
					at->node->nlink++;
				vcache_refresh(at->node);
				if (d)
					watch_event(at->node, IN_CREATE, 0, path, len);
			}
		}
		dentry_put(at);
		if (!d)
			return NULL;
		at = d;
		path += len;
	}
	return at;
}

struct node *vfs_add(struct fs *fs, const char *path, u32 mode, u64 rdev, const struct node_ops *ops)
{
	struct dentry *d = reach(fs, path, mode, rdev, NULL, true);
	struct node *n = d ? d->node : NULL;
	if (n && ops)
		n->nops = ops;
	dentry_put(d);
	return n;
}

struct node *vfs_add_link(struct fs *fs, const char *path, const char *target)
{
	struct dentry *d = reach(fs, path, S_IFLNK | 0777, 0, target, true);
	struct node *n = d ? d->node : NULL;
	dentry_put(d);
	return n;
}

struct node *vfs_add_text(struct fs *fs, const char *path, u32 mode, const char *text)
{
	struct node *n = vfs_add(fs, path, S_IFREG | mode, 0, NULL);
	u64 len = strlen(text);
	if (!n || fs->ops->set_size(n, len) || fs_mem_write(n->mem, 0, text, len))
		return NULL;
	return n;
}

struct node *vfs_find(struct fs *fs, const char *path)
{
	struct dentry *d = reach(fs, path, 0, 0, NULL, false);
	struct node *n = d ? d->node : NULL;
	dentry_put(d);
	return n;
}

static struct dentry *search(struct dentry *d, const struct weft_attr *attr)
{
	const struct node *n = d->node;
	if (n && ((n->mode ^ attr->mode) & S_IFMT) == 0 &&
		(S_ISCHR(n->mode) || S_ISBLK(n->mode) ? n->rdev == attr->rdev : n->ino == attr->ino))
		return dentry_get(d);
	fsl_for_each (c, &d->children, struct dentry, siblings) {
		struct dentry *found = search(c, attr);
		if (found)
			return found;
	}
	return NULL;
}

struct dentry *memfs_reattach(struct fs *fs, const struct weft_attr *attr)
{
	return search(fs->root, attr);
}

static void drop_tree(struct dentry *d)
{
	fsl_for_each (c, &d->children, struct dentry, siblings) {
		dentry_get(c);
		drop_tree(c);
		dentry_put(c);
	}
	struct node *dir = d->parent->node;
	if (S_ISDIR(d->node->mode))
		dir->nlink--;
	d->node->nlink = 0;
	d->node->dead = true;
	vcache_forget(d->node);
	vcache_refresh(dir);
	dentry_drop(d);
	watch_event(dir, IN_DELETE, 0, d->name, d->name_len);
}

int vfs_remove(struct fs *fs, const char *path)
{
	struct dentry *d = reach(fs, path, 0, 0, NULL, false);
	if (!d || d == fs->root) {
		dentry_put(d);
		return d ? -EBUSY : -ENOENT;
	}
	drop_tree(d);
	dentry_put(d);
	return 0;
}
