/* SPDX-License-Identifier: MIT */
/*
 * Nodes and dentries. A dentry holds its parent and its node; a node lives while a dentry or a handle holds it.
 * Where the back end says cache_only, unused dentries are kept on an LRU list up to DENTRY_CACHE.
 */
#include "vfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define HASH_SIZE 4096
#define DENTRY_CACHE 16384

static struct fs_list hash_table[HASH_SIZE];
static struct fs_list lru;
static u32 lru_count;

struct node *node_new(struct fs *fs, u64 ino, u32 mode, u32 uid, u32 gid)
{
	struct node *n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->fs = fs;
	n->ino = ino;
	n->dev = fs->dev;
	n->magic = fs->magic;
	n->mode = mode;
	n->uid = uid;
	n->gid = gid;
	n->refs = 1;
	n->nlink = 1;
	n->mem = -1;
	n->atime = n->mtime = n->ctime = n->btime = fs_now();
	fsl_init(&n->flocks);
	fsl_init(&n->locks);
	fsl_init(&n->lock_waiters);
	fsl_init(&n->watches);
	fsl_init(&n->handles);
	fsl_init(&n->hash);
	fsl_init(&n->dirty_link);
	return n;
}

struct node *node_get(struct node *n)
{
	n->refs++;
	return n;
}

void node_put(struct node *n)
{
	if (!n || --n->refs)
		return;
	vcache_forget(n);
	if (n->nops && n->nops->free)
		n->nops->free(n);
	if (n->fs->ops->evict)
		n->fs->ops->evict(n);
	fsl_remove(&n->hash);
	if (n->mem >= 0)
		fs_close_fd(n->mem);
	free(n->link);
	free(n);
}

void node_dirty(struct node *n)
{
	n->dirty = true;
	if (n->fs->ops->dirtied)
		n->fs->ops->dirtied(n);
	vcache_refresh(n);
}

static u32 name_hash(const struct dentry *dir, const char *name, u32 len)
{
	u64 h = (u64)dir * 0x9e3779b97f4a7c15ull;
	for (u32 i = 0; i < len; i++)
		h = (h ^ (u8)name[i]) * 0x100000001b3ull;
	return (h ^ h >> 29) % HASH_SIZE;
}

static struct dentry *dentry_new(struct dentry *parent, const char *name, u32 len, struct node *node)
{
	struct dentry *d = calloc(1, sizeof(*d));
	char *copy = malloc(len + 1);
	if (!d || !copy) {
		free(d);
		free(copy);
		return NULL;
	}
	memcpy(copy, name, len);
	copy[len] = 0;
	d->name = copy;
	d->parent = parent;
	d->node = node ? node_get(node) : NULL;
	d->refs = 1;
	d->name_len = len;
	fsl_init(&d->hash);
	fsl_init(&d->siblings);
	fsl_init(&d->children);
	fsl_init(&d->lru);
	return d;
}

int fs_init_root(struct fs *fs, struct node *root)
{
	if (!hash_table[0].next) {
		for (u32 i = 0; i < HASH_SIZE; i++)
			fsl_init(&hash_table[i]);
		fsl_init(&lru);
	}
	fs->root = dentry_new(NULL, "", 0, root);
	node_put(root);
	if (!fs->root)
		return -ENOMEM;
	fs->root->parent = fs->root;
	return 0;
}

struct dentry *dentry_get(struct dentry *d)
{
	if (d->refs++ == 0 && !fsl_empty(&d->lru)) {
		fsl_remove(&d->lru);
		lru_count--;
	}
	return d;
}

static void dentry_free(struct dentry *d)
{
	struct dentry *parent = d->parent;
	fsl_remove(&d->hash);
	fsl_remove(&d->siblings);
	node_put(d->node);
	free(d->name);
	free(d);
	dentry_put(parent);
}

/* memfs: the reference of the name itself keeps a living dentry (see dentry_add). */
void dentry_put(struct dentry *d)
{
	if (!d || --d->refs)
		return;
	if (d->dead || d->floating || !fsl_empty(&d->lru)) {
		dentry_free(d);
		return;
	}
	fsl_append(&lru, &d->lru);
	if (++lru_count <= DENTRY_CACHE)
		return;
	struct dentry *old = fsl_entry(lru.next, struct dentry, lru);
	fsl_remove(&old->lru);
	lru_count--;
	dentry_free(old);
}

static struct dentry *find(struct dentry *dir, const char *name, u32 len)
{
	struct fs_list *head = &hash_table[name_hash(dir, name, len)];
	fsl_for_each (d, head, struct dentry, hash)
		if (d->parent == dir && d->name_len == len && memcmp(d->name, name, len) == 0)
			return d;
	return NULL;
}

static void enter(struct dentry *d)
{
	struct dentry *dir = d->parent;
	fsl_append(&hash_table[name_hash(dir, d->name, d->name_len)], &d->hash);
	fsl_append(&dir->children, &d->siblings);
	d->seq = ++dir->node->fs->next_seq;
}

struct dentry *dentry_add(struct dentry *dir, const char *name, u32 len, struct node *node)
{
	vcache_name(dir, name, len);
	struct dentry *d = find(dir, name, len);
	if (d) { /* a negative one becomes positive */
		dentry_get(d);
		node_put(d->node);
		d->node = node ? node_get(node) : NULL;
	} else {
		d = dentry_new(dentry_get(dir), name, len, node);
		if (!d) {
			dentry_put(dir);
			return NULL;
		}
		enter(d);
	}
	if (node && !dir->node->fs->ops->cache_only)
		d->refs++; /* the name's own */
	return d;
}

int dentry_lookup(struct dentry *dir, const char *name, u32 len, const struct fsreq *r, struct dentry **out)
{
	const struct fs_ops *ops = dir->node->fs->ops;
	struct dentry *d = find(dir, name, len);
	if (d) {
		*out = dentry_get(d);
		return 0;
	}
	struct node *n = NULL;
	bool own = dir->node->nops && dir->node->nops->lookup;
	int e = own ? dir->node->nops->lookup(dir->node, name, len, r, &n) :
		      ops->cache_only ? ops->lookup(dir->node, name, len, &n) : -ENOENT;
	if (e && e != -ENOENT)
		return e;
	if (e)
		n = NULL;
	if (own || (!n && !ops->cache_only)) {
		/* Nothing to remember: a dentry for the caller alone, outside the tables. */
		d = dentry_new(dentry_get(dir), name, len, n);
		node_put(n);
		if (!d) {
			dentry_put(dir);
			return -ENOMEM;
		}
		d->floating = true;
		*out = d;
		return 0;
	}
	d = dentry_add(dir, name, len, n);
	node_put(n);
	if (!d)
		return -ENOMEM;
	*out = d;
	return 0;
}

void dentry_drop(struct dentry *d)
{
	/* Known absences below a directory that goes: they would hold it. */
	fsl_for_each (c, &d->children, struct dentry, siblings)
		if (!c->refs && !c->node) {
			if (!fsl_empty(&c->lru))
				lru_count--;
			fsl_remove(&c->lru);
			dentry_free(c);
		}
	bool own = d->node && !d->node->fs->ops->cache_only && !d->dead;
	vcache_name(d->parent, d->name, d->name_len);
	fsl_remove(&d->hash);
	fsl_remove(&d->siblings);
	d->dead = true;
	if (own)
		dentry_put(d);
}

/* In place, so that handles see the new path. The target's name must be free by now. */
int dentry_move(struct dentry *d, struct dentry *new_dir, const char *name, u32 len)
{
	char *copy = malloc(len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, name, len);
	copy[len] = 0;
	vcache_name(d->parent, d->name, d->name_len);
	vcache_name(new_dir, name, len);
	free(d->name);
	d->name = copy;
	d->name_len = len;
	fsl_remove(&d->hash);
	fsl_remove(&d->siblings);
	struct dentry *old = d->parent;
	d->parent = dentry_get(new_dir);
	dentry_put(old);
	enter(d);
	return 0;
}

bool dentry_below(struct dentry *d, struct dentry *dir)
{
	for (;; d = d->parent) {
		if (d->node == dir->node)
			return true;
		if (d->parent == d)
			return false;
	}
}

static bool is_top(const struct dentry *d)
{
	return d->parent == d || (d->node && d->node->marked == FSP_MARK_ROOT);
}

int dentry_path(struct dentry *d, char *buf, u64 size, u64 *top)
{
	static const char deleted[] = " (deleted)";
	u64 at = size;
	if (d->dead) {
		if (at < sizeof(deleted))
			return -ERANGE;
		at -= sizeof(deleted) - 1;
		memcpy(buf + at, deleted, sizeof(deleted) - 1);
	}
	for (; !is_top(d); d = d->parent) {
		if (at < d->name_len + 1u)
			return -ERANGE;
		at -= d->name_len;
		memcpy(buf + at, d->name, d->name_len);
		if (!is_top(d->parent))
			buf[--at] = '/';
	}
	*top = d->node ? d->node->ino : 0;
	memmove(buf, buf + at, size - at);
	return (int)(size - at);
}
