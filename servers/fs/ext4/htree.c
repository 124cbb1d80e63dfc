/* SPDX-License-Identifier: MIT */
/*
 * The index of a large directory: block 0 is its root, behind "." and ".."; nodes and root hold
 * (hash, block) pairs in order, the first one without a hash; the leaves are ordinary blocks of
 * entries. Bit 0 of a pair's hash says that names of that hash begin in the leaf before. Up to two
 * levels of nodes below the root are read; one is written, which is room for millions of names.
 *
 * What looks wrong is -EUCLEAN for a search, which then goes through all blocks.
 */
#include "ext4.h"

#include <stdlib.h>

#define LEVELS 3

struct frame {
	struct cbuf *b;
	struct ext2_dx_entry *entries; /* entry 0's hash is limit and count */
	u32 at;
	u64 lblk;
};

struct path {
	struct frame f[LEVELS];
	u32 n;
	u32 version;
};

static struct ext2_dx_countlimit *counts(const struct frame *f)
{
	return (struct ext2_dx_countlimit *)f->entries;
}

bool htree_is(const struct node *dir)
{
	return (ext4_node(dir)->flags & EXT2_INDEX_FL) &&
		ext2fs_has_feature_dir_index(ext4_of(dir->fs)->e2->super);
}

static int hash_name(struct ext4 *x, u32 version, const char *name, u32 len, u32 *hash)
{
	ext2_dirhash_t h, minor;
	if (version <= EXT2_HASH_TEA && (x->e2->super->s_flags & EXT2_FLAGS_UNSIGNED_HASH))
		version += 3;
	if (ext2fs_dirhash2((int)version, name, (int)len, NULL, 0, x->e2->super->s_hash_seed, &h,
		    &minor))
		return -EUCLEAN;
	*hash = h & ~1u;
	return 0;
}

static void path_end(struct path *p)
{
	while (p->n)
		cache_put(p->f[--p->n].b);
}

/* Bytes at the end of an index block that are not pairs. */
static u32 tail(const struct ext4 *x)
{
	return ext2fs_has_feature_metadata_csum(x->e2->super) ? (u32)sizeof(struct ext2_dx_tail)
							      : 0;
}

static bool frame_sound(const struct ext4 *x, const struct frame *f)
{
	u32 at = (u32)((u8 *)f->entries - f->b->data), limit = counts(f)->limit,
	    count = counts(f)->count;
	return limit == (x->bs - at - tail(x)) / 8 && count >= 1 && count <= limit;
}

/* The last pair whose hash is at most this one. */
static u32 search(const struct frame *f, u32 hash)
{
	u32 lo = 1, hi = counts(f)->count;
	while (lo < hi) {
		u32 mid = (lo + hi) / 2;
		if (f->entries[mid].hash > hash)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo - 1;
}

static u64 target(const struct frame *f)
{
	return f->entries[f->at].block & EXT4_DX_BLOCK_MASK;
}

static int push(struct node *dir, struct path *p, u64 lblk, u32 skip, u32 hash)
{
	struct frame *f = &p->f[p->n];
	int e = dir_block(dir, lblk, &f->b);
	if (e)
		return e;
	p->n++;
	f->lblk = lblk;
	f->entries = (struct ext2_dx_entry *)(f->b->data + skip);
	if (!frame_sound(ext4_of(dir->fs), f))
		return -EUCLEAN;
	f->at = search(f, hash);
	return 0;
}

/* From the root to the pair of the leaf for a name. On success path_end is the caller's. */
static int walk_name(struct node *dir, const char *name, u32 len, struct path *p, u32 *hash)
{
	struct ext4 *x = ext4_of(dir->fs);
	struct cbuf *b;
	p->n = 0;
	int e = dir_block(dir, 0, &b);
	if (e)
		return e;
	const struct ext2_dx_root_info *info = (const void *)(b->data + 24);
	u32 version = info->hash_version, skip = 24 + info->info_length,
	    levels = info->indirect_levels;
	cache_put(b);
	if (version > EXT2_HASH_TEA || skip != 32 || levels >= LEVELS)
		return -EUCLEAN;
	p->version = version;
	e = hash_name(x, version, name, len, hash);
	if (!e)
		e = push(dir, p, 0, skip, *hash);
	for (u32 i = 0; i < levels && !e; i++)
		e = push(dir, p, target(&p->f[i]), 8, *hash);
	if (e)
		path_end(p);
	return e;
}

/* Moves to the next leaf if it may have names of this hash too. 1, 0 or an error. */
static int next_leaf(struct node *dir, struct path *p, u32 hash)
{
	u32 level = p->n - 1, levels = p->n;
	while (p->f[level].at + 1 >= counts(&p->f[level])->count) {
		if (level == 0)
			return 0;
		level--;
	}
	p->f[level].at++;
	u32 h = p->f[level].entries[p->f[level].at].hash;
	if (!(h & 1) || (h & ~1u) != hash)
		return 0;
	while (p->n > level + 1)
		cache_put(p->f[--p->n].b);
	while (p->n < levels) {
		int e = push(dir, p, target(&p->f[p->n - 1]), 8, 0);
		if (e)
			return e;
		p->f[p->n - 1].at = 0;
	}
	return 1;
}

int htree_find(struct node *dir, const char *name, u32 len, struct dir_slot *s)
{
	struct path p;
	u32 hash;
	/* These two are in the root. */
	if (len <= 2 && name[0] == '.' && (len == 1 || name[1] == '.'))
		return dir_search_block(dir, 0, name, len, s);
	int e = walk_name(dir, name, len, &p, &hash);
	if (e)
		return e;
	do {
		e = dir_search_block(dir, target(&p.f[p.n - 1]), name, len, s);
		if (e == 0)
			e = next_leaf(dir, &p, hash) ?: -ENOENT;
		else
			break;
	} while (e == 1);
	path_end(&p);
	return e == -ENOENT ? 0 : e;
}

/* Adding. */

static int insert_pair(struct node *dir, struct frame *f, u32 after, u32 hash, u64 lblk)
{
	struct ext2_dx_entry *at = f->entries + after + 1;
	u32 count = counts(f)->count;
	memmove(at + 1, at, (count - after - 1) * sizeof(*at));
	*at = (struct ext2_dx_entry){hash, (u32)lblk};
	counts(f)->count = (u16)(count + 1);
	return dir_changed(dir, f->b);
}

static void init_node(struct ext4 *x, struct cbuf *b)
{
	struct ext2_dir_entry *d = (void *)b->data;
	struct ext2_dx_countlimit *c = (void *)(b->data + 8);
	memset(b->data, 0, x->bs);
	d->rec_len = (u16)x->bs;
	c->limit = (u16)((x->bs - 8 - tail(x)) / 8);
}

/* The root is full and has leaves right below it: its pairs go into a node of their own. */
static int deepen(struct node *dir, struct path *p)
{
	struct ext4 *x = ext4_of(dir->fs);
	struct frame *root = &p->f[0], *f = &p->f[1];
	int e = dir_append(dir, &f->lblk, &f->b);
	if (e)
		return e;
	p->n = 2;
	init_node(x, f->b);
	f->entries = (struct ext2_dx_entry *)(f->b->data + 8);
	f->at = root->at;
	u16 limit = counts(f)->limit, count = counts(root)->count;
	memcpy(f->entries, root->entries, count * sizeof(*f->entries));
	*counts(f) = (struct ext2_dx_countlimit){limit, count};
	root->entries[0].block = (u32)f->lblk;
	counts(root)->count = 1;
	root->at = 0;
	((struct ext2_dx_root_info *)(root->b->data + 24))->indirect_levels = 1;
	e = dir_changed(dir, f->b);
	return e ? e : dir_changed(dir, root->b);
}

/* The node is full: its upper half goes into another; the path follows. */
static int split_node(struct node *dir, struct path *p)
{
	struct ext4 *x = ext4_of(dir->fs);
	struct frame *root = &p->f[0], *f = &p->f[1], new;
	if (counts(root)->count >= counts(root)->limit)
		return -ENOSPC;
	int e = dir_append(dir, &new.lblk, &new.b);
	if (e)
		return e;
	init_node(x, new.b);
	new.entries = (struct ext2_dx_entry *)(new.b->data + 8);
	u32 count = counts(f)->count, keep = count / 2, hash = f->entries[keep].hash;
	u16 limit = counts(&new)->limit;
	memcpy(new.entries, f->entries + keep, (count - keep) * sizeof(*f->entries));
	*counts(&new) = (struct ext2_dx_countlimit){limit, (u16)(count - keep)};
	counts(f)->count = (u16)keep;
	e = dir_changed(dir, f->b);
	if (!e)
		e = dir_changed(dir, new.b);
	if (!e)
		e = insert_pair(dir, root, root->at, hash, new.lblk);
	if (f->at >= keep) {
		new.at = f->at - keep;
		root->at++;
		cache_put(f->b);
		*f = new;
	} else {
		cache_put(new.b);
	}
	return e;
}

static int room_for_pair(struct node *dir, struct path *p)
{
	struct frame *last = &p->f[p->n - 1];
	if (counts(last)->count < counts(last)->limit)
		return 0;
	return p->n == 1 ? deepen(dir, p) : p->n == 2 ? split_node(dir, p) : -ENOSPC;
}

struct named {
	u32 hash, at, size;
};

static int by_hash(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	return x->hash != y->hash ? (x->hash < y->hash ? -1 : 1)
		: x->at < y->at	  ? -1
				  : x->at > y->at;
}

/* Packs entries of `from` into the empty leaf `to`. */
static void pack(struct ext4 *x, u8 *to, const u8 *from, const struct named *e, u32 n)
{
	struct ext2_dir_entry *d = (void *)to;
	u32 at = 0;
	dir_empty_leaf(x, to);
	for (u32 i = 0; i < n; i++) {
		d = (void *)(to + at);
		memcpy(d, from + e[i].at, e[i].size);
		d->rec_len = (u16)e[i].size;
		at += e[i].size;
	}
	if (n)
		d->rec_len = (u16)(d->rec_len + dir_room(x) - at);
}

/* The entries of a leaf in the order of their hashes. -> how many, or an error */
static int sorted(struct node *dir, u32 version, const u8 *data, u32 from, struct named *e)
{
	struct ext4 *x = ext4_of(dir->fs);
	int n = 0;
	for (u32 at = from; at < dir_room(x);) {
		const struct ext2_dir_entry *d = (const void *)(data + at);
		u32 len = d->name_len & 0xff;
		if (d->inode) {
			int r = hash_name(x, version, d->name, len, &e[n].hash);
			if (r)
				return r;
			e[n].at = at;
			e[n++].size = dir_entry_size(len);
		}
		at += d->rec_len;
	}
	qsort(e, (size_t)n, sizeof(*e), by_hash);
	return n;
}

/* Splits the full leaf of the path, whose pairs have room. */
static int split_leaf(struct node *dir, struct path *p, struct cbuf *leaf)
{
	struct ext4 *x = ext4_of(dir->fs);
	struct frame *f = &p->f[p->n - 1];
	struct named *e = malloc((x->bs / 12 + 1) * sizeof(*e));
	u8 *copy = malloc(x->bs);
	struct cbuf *upper;
	u64 lblk;
	int n = e && copy ? sorted(dir, p->version, leaf->data, 0, e) : -ENOMEM;
	int r = n < 0 ? n : n < 2 ? -EUCLEAN : dir_append(dir, &lblk, &upper);
	if (!r) {
		u32 keep = 1, bytes = e[0].size;
		while (keep < (u32)n - 1 && bytes + e[keep].size <= x->bs / 2)
			bytes += e[keep++].size;
		u32 hash = e[keep].hash | (e[keep].hash == e[keep - 1].hash ? 1 : 0);
		memcpy(copy, leaf->data, x->bs);
		pack(x, upper->data, copy, e + keep, (u32)n - keep);
		pack(x, leaf->data, copy, e, keep);
		r = dir_changed(dir, upper);
		cache_put(upper);
		if (!r)
			r = dir_changed(dir, leaf);
		if (!r)
			r = insert_pair(dir, f, f->at, hash, lblk);
	}
	free(e);
	free(copy);
	return r;
}

int htree_add(struct node *dir, const char *name, u32 len, u32 ino, u8 type)
{
	for (u32 tries = 0; tries < 4; tries++) {
		struct cbuf *leaf;
		struct path p;
		u32 hash;
		int e = walk_name(dir, name, len, &p, &hash);
		if (e)
			return e;
		e = dir_block(dir, target(&p.f[p.n - 1]), &leaf);
		if (!e) {
			e = dir_insert_block(dir, leaf, name, len, ino, type);
			bool full = e == 0;
			if (full)
				e = room_for_pair(dir, &p);
			if (full && !e)
				e = split_leaf(dir, &p, leaf);
			cache_put(leaf);
			if (!full || e) {
				path_end(&p);
				return e < 0 ? e : 0;
			}
		}
		path_end(&p);
		if (e)
			return e;
	}
	return -ENOSPC;
}

int htree_make(struct node *dir)
{
	struct ext4 *x = ext4_of(dir->fs);
	struct cbuf *root, *leaf;
	u64 lblk;
	int e = dir_block(dir, 0, &root);
	if (e)
		return e;
	u32 version = x->e2->super->s_def_hash_version;
	if (version > EXT2_HASH_TEA)
		version = EXT2_HASH_HALF_MD4;
	struct ext2_dir_entry *dot = (void *)root->data, *up = (void *)(root->data + 12);
	struct named *names = malloc((x->bs / 12 + 1) * sizeof(*names));
	if (dot->rec_len != 12 || (dot->name_len & 0xff) != 1 || (up->name_len & 0xff) != 2 ||
		!names) {
		e = names ? -EUCLEAN : -ENOMEM;
		goto out;
	}
	int n = sorted(dir, version, root->data, 12 + up->rec_len, names);
	e = n < 0 ? n : dir_append(dir, &lblk, &leaf);
	if (e)
		goto out;
	pack(x, leaf->data, root->data, names, (u32)n);
	e = dir_changed(dir, leaf);
	cache_put(leaf);
	up->rec_len = (u16)(x->bs - 12);
	memset(root->data + 24, 0, x->bs - 24);
	*(struct ext2_dx_root_info *)(root->data + 24) =
		(struct ext2_dx_root_info){.hash_version = (u8)version, .info_length = 8};
	struct frame f = {.b = root, .entries = (struct ext2_dx_entry *)(root->data + 32)};
	*counts(&f) = (struct ext2_dx_countlimit){(u16)((x->bs - 32 - tail(x)) / 8), 1};
	f.entries[0].block = (u32)lblk;
	if (!e)
		e = dir_changed(dir, root);
	ext4_node(dir)->flags |= EXT2_INDEX_FL;
	ext4_node(dir)->insert_hint = 0;
	node_dirty(dir);
out:
	free(names);
	cache_put(root);
	return e;
}
