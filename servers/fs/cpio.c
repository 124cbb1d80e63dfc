/* SPDX-License-Identifier: MIT */
/*
 * The boot archive: one or more "newc" cpio archives, one after another, padded with zeroes (Linux's
 * Documentation/driver-api/early-userspace/buffer-format.rst). Later entries replace earlier ones. Bad entries end the load with an error.
 */
#include "cpio.h"

#include <stdlib.h>
#include <sys/stat.h>

struct newc {
	char magic[6];
	char field[13][8]; /* ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check */
};
_Static_assert(sizeof(struct newc) == 110, "newc header");
enum { F_INO, F_MODE, F_UID, F_GID, F_NLINK, F_MTIME, F_SIZE, F_DEVMAJ, F_DEVMIN, F_RMAJ, F_RMIN, F_NAME };

static bool hex(const char *s, u32 *out)
{
	u32 v = 0;
	for (int i = 0; i < 8; i++) {
		char ch = s[i];
		u32 d;
		if (ch >= '0' && ch <= '9')
			d = (u32)(ch - '0');
		else if ((ch | 32) >= 'a' && (ch | 32) <= 'f')
			d = (u32)((ch | 32) - 'a' + 10);
		else
			return false;
		v = v << 4 | d;
	}
	*out = v;
	return true;
}

/* Finds or makes the directory of path; *name is its last component. */
static int parent_of(struct fs *fs, const char *path, struct dentry **dir, const char **name)
{
	struct dentry *at = dentry_get(fs->root);
	for (;;) {
		while (*path == '/')
			path++;
		const char *slash = strchr(path, '/');
		if (!slash || !slash[1])
			break;
		struct dentry *d;
		u32 len = (u32)(slash - path);
		int e = dentry_lookup(at, path, len, NULL, &d);
		if (!e && !d->node) {
			struct node *n;
			dentry_put(d);
			e = fs->ops->create(at->node, path, len, S_IFDIR | 0755, 0, 0, 0, NULL, &n);
			if (!e) {
				at->node->nlink++;
				d = dentry_add(at, path, len, n);
				node_put(n);
				if (!d)
					e = -ENOMEM;
			}
		}
		dentry_put(at);
		if (e)
			return e;
		if (!S_ISDIR(d->node->mode)) {
			dentry_put(d);
			return -ENOTDIR;
		}
		at = d;
		path = slash + 1;
	}
	*dir = at;
	*name = path;
	return 0;
}

/* Hard links: archives name the inode again; the data comes with the last of them. */
#define LINKS 8192
static struct {
	u32 ino, dev;
	struct node *node;
} *links;
static u32 nlinks;

static int add(struct fs *fs, const char *path, const u32 *f, const char *data)
{
	struct dentry *dir, *d;
	const char *name;
	while (*path == '.' && (path[1] == '/' || !path[1]))
		path += path[1] ? 2 : 1;
	if (!*path) {
		fs->root->node->mode = f[F_MODE];
		return 0;
	}
	int e = parent_of(fs, path, &dir, &name);
	if (e)
		return e;
	u32 len = (u32)strcspn(name, "/");
	e = dentry_lookup(dir, name, len, NULL, &d);
	if (e) {
		dentry_put(dir);
		return e;
	}
	u32 mode = f[F_MODE];
	struct node *n = NULL;
	if (d->node && S_ISDIR(d->node->mode) && S_ISDIR(mode)) {
		n = node_get(d->node);
		n->mode = mode;
	} else {
		if (d->node) {
			d->node->nlink--;
			dentry_drop(d);
		}
		bool multi = S_ISREG(mode) && f[F_NLINK] > 1;
		for (u32 i = 0; multi && i < nlinks; i++)
			if (links[i].ino == f[F_INO] && links[i].dev == (f[F_DEVMAJ] << 20 | f[F_DEVMIN]))
				n = node_get(links[i].node);
		if (n) {
			n->nlink++;
		} else {
			char *target = S_ISLNK(mode) ? strndup(data, f[F_SIZE]) : NULL;
			e = fs->ops->create(dir->node, name, len, mode, (u64)f[F_RMAJ] << 8 | f[F_RMIN],
				f[F_UID], f[F_GID], target, &n);
			free(target);
			if (!e && multi && nlinks < LINKS) {
				links[nlinks].ino = f[F_INO];
				links[nlinks].dev = f[F_DEVMAJ] << 20 | f[F_DEVMIN];
				links[nlinks++].node = n;
			}
		}
		if (!e) {
			struct dentry *nd = dentry_add(dir, name, len, n);
			if (!nd)
				e = -ENOMEM;
			else if (S_ISDIR(mode))
				dir->node->nlink++;
			dentry_put(nd);
		}
	}
	if (!e && S_ISREG(mode) && f[F_SIZE]) {
		n->size = 0;
		e = fs->ops->set_size(n, f[F_SIZE]);
		if (!e)
			e = fs_mem_write(n->mem, 0, data, f[F_SIZE]);
	}
	if (!e) {
		n->mtime = n->ctime = n->atime = (i64)f[F_MTIME] * 1000000000;
		if (n->mem >= 0) /* which has the time of its filling */
			fs_mem_set_times(n->mem, n->mtime, n->ctime);
	}
	if (n)
		node_put(n);
	dentry_put(d);
	dentry_put(dir);
	return e;
}

static bool is_wanted(const char *name, char *const *wanted)
{
	if (!wanted)
		return true;
	while (*name == '/' || (name[0] == '.' && name[1] == '/'))
		name++;
	for (; *wanted; wanted++)
		if (strncmp(name, *wanted, strlen(*wanted)) == 0)
			return true;
	return false;
}

int cpio_load(struct fs *fs, const void *data, u64 size, char *const *wanted)
{
	const char *p = data;
	u64 at = 0;
	int e = 0;
	links = calloc(LINKS, sizeof(*links));
	nlinks = 0;
	if (!links)
		return -ENOMEM;
	while (!e && at + sizeof(struct newc) <= size) {
		const struct newc *h = (const void *)(p + at);
		if (p[at] == 0) { /* padding between archives */
			at += 4 - (at & 3);
			continue;
		}
		u32 f[13];
		if (memcmp(h->magic, "070701", 6) != 0 && memcmp(h->magic, "070702", 6) != 0) {
			e = -EINVAL;
			break;
		}
		for (int i = 0; i < 13 && !e; i++)
			if (!hex(h->field[i], &f[i]))
				e = -EINVAL;
		if (e)
			break;
		u64 name_at = at + sizeof(*h);
		u64 data_at = (name_at + f[F_NAME] + 3) & ~3ull;
		u64 next = (data_at + f[F_SIZE] + 3) & ~3ull;
		if (f[F_NAME] == 0 || f[F_NAME] > FSP_PATH_MAX || data_at > size || data_at + f[F_SIZE] > size ||
			p[name_at + f[F_NAME] - 1] != 0) {
			e = -EINVAL;
			break;
		}
		if (strcmp(p + name_at, "TRAILER!!!") != 0)
			e = is_wanted(p + name_at, wanted) ? add(fs, p + name_at, f, p + data_at) : 0;
		else
			nlinks = 0; /* inode numbers are the archive's own */
		at = next;
	}
	free(links);
	links = NULL;
	return e;
}
