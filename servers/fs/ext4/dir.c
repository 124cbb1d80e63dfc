/* SPDX-License-Identifier: MIT */
/*
 * Directories: blocks of entries that fill them without gaps. An entry without an inode is free
 * room, and so is what an entry has beyond its name; with checksums the last 12 bytes are one
 * (looking like a free entry). The blocks of an index (htree.c) look like one free entry to those
 * who do not know them, so every search can fall back to looking through all blocks.
 */
#include "ext4.h"

#include <stdlib.h>
#include <sys/stat.h>

#define ENTRY(b, at) ((struct ext2_dir_entry *)((b) + (at)))

static u32 name_len(const struct ext2_dir_entry *d)
{
	return d->name_len & 0xff;
}

u32 dir_entry_size(u32 len)
{
	return (8 + len + 3) & ~3u;
}

static bool has_tail(const struct ext4 *x)
{
	return ext2fs_has_feature_metadata_csum(x->e2->super);
}

u32 dir_room(const struct ext4 *x)
{
	return x->bs - (has_tail(x) ? (u32)sizeof(struct ext2_dir_entry_tail) : 0);
}

static const u32 mode_of_type[8] = {0, S_IFREG, S_IFDIR, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK,
	S_IFLNK};

static u8 type_of(const struct ext4 *x, u32 mode)
{
	u8 type = ext2fs_has_feature_filetype(x->e2->super) ? 7 : 0;
	while (type && mode_of_type[type] != (mode & S_IFMT))
		type--;
	return type;
}

static bool entries_sound(const struct ext4 *x, const u8 *data)
{
	for (u32 at = 0; at < x->bs;) {
		const struct ext2_dir_entry *d = ENTRY(data, at);
		u32 len = d->rec_len;
		if (len < 8 || (len & 3) || len > x->bs - at || name_len(d) + 8 > len ||
			d->inode > x->e2->super->s_inodes_count)
			return false;
		at += len;
	}
	return true;
}

int dir_block(struct node *dir, u64 lblk, struct cbuf **out)
{
	struct ext4 *x = ext4_of(dir->fs);
	struct run r;
	int e = map_find(dir, lblk, 1, &r);
	if (e)
		return e;
	if (!r.pblk || r.unwritten)
		goto damaged;
	e = cache_get(r.pblk, out);
	if (e)
		return e;
	if (!(*out)->checked) {
		struct ext2_dir_entry *d = ENTRY((*out)->data, 0);
		if (!entries_sound(x, (*out)->data) ||
			!ext2fs_dir_block_csum_verify(x->e2, (ext2_ino_t)dir->ino, d)) {
			cache_put(*out);
			goto damaged;
		}
		(*out)->checked = true;
	}
	return 0;
damaged:
	ext4_corrupt(x, "the directory", dir->ino);
	return -EUCLEAN;
}

int dir_changed(struct node *dir, struct cbuf *b)
{
	struct ext4 *x = ext4_of(dir->fs);
	cache_dirty(b);
	b->checked = true;
	return ext4_errno(x,
		ext2fs_dir_block_csum_set(x->e2, (ext2_ino_t)dir->ino, ENTRY(b->data, 0)),
		"the directory", dir->ino);
}

void dir_empty_leaf(struct ext4 *x, u8 *data)
{
	memset(data, 0, x->bs);
	ENTRY(data, 0)->rec_len = (u16)dir_room(x);
	if (has_tail(x))
		ext2fs_initialize_dirent_tail(x->e2, EXT2_DIRENT_TAIL(data, x->bs));
}

int dir_append(struct node *dir, u64 *lblk, struct cbuf **out)
{
	struct ext4 *x = ext4_of(dir->fs);
	struct run r;
	*lblk = dir->size >> x->bits;
	int e = alloc_run(x, alloc_goal(dir, *lblk), 1, true, &r);
	if (e)
		return e;
	e = cache_new(r.pblk, out);
	if (e)
		goto fail;
	dir_empty_leaf(x, (*out)->data);
	e = map_insert(dir, *lblk, r.pblk, 1);
	if (!e)
		e = dir_changed(dir, *out);
	if (e) {
		cache_put(*out);
		goto fail;
	}
	dir->size += x->bs;
	node_dirty(dir);
	return 0;
fail:
	alloc_free(x, r.pblk, 1);
	return e;
}

int dir_init(struct node *dir, u64 parent)
{
	struct ext4 *x = ext4_of(dir->fs);
	struct cbuf *b;
	u64 lblk;
	int e = dir_append(dir, &lblk, &b);
	if (e)
		return e;
	struct ext2_dir_entry *d = ENTRY(b->data, 0);
	*d = (struct ext2_dir_entry){.inode = (u32)dir->ino,
		.rec_len = 12,
		.name_len = (u16)(1 | type_of(x, S_IFDIR) << 8)};
	memcpy(d->name, ".", 1);
	d = ENTRY(b->data, 12);
	d->inode = (u32)parent;
	d->rec_len = (u16)(dir_room(x) - 12);
	d->name_len = (u16)(2 | type_of(x, S_IFDIR) << 8);
	memcpy(d->name, "..", 2);
	e = dir_changed(dir, b);
	cache_put(b);
	return e ? e : inode_write(dir);
}

int dir_search_block(struct node *dir, u64 lblk, const char *name, u32 len, struct dir_slot *s)
{
	struct ext4 *x = ext4_of(dir->fs);
	struct cbuf *b;
	int e = dir_block(dir, lblk, &b);
	if (e)
		return e;
	for (u32 at = 0, before = 0; at < x->bs; before = at, at += ENTRY(b->data, at)->rec_len) {
		const struct ext2_dir_entry *d = ENTRY(b->data, at);
		if (!d->inode || name_len(d) != len || memcmp(d->name, name, len) != 0)
			continue;
		*s = (struct dir_slot){lblk, at, before, d->inode};
		e = 1;
		break;
	}
	cache_put(b);
	return e;
}

int dir_find(struct node *dir, const char *name, u32 len, struct dir_slot *s)
{
	struct ext4 *x = ext4_of(dir->fs);
	if (htree_is(dir)) {
		int e = htree_find(dir, name, len, s);
		if (e != -EUCLEAN)
			return e;
	}
	for (u64 lblk = 0; lblk < dir->size >> x->bits; lblk++) {
		int e = dir_search_block(dir, lblk, name, len, s);
		if (e)
			return e;
	}
	return 0;
}

int dir_insert_block(struct node *dir, struct cbuf *b, const char *name, u32 len, u32 ino, u8 type)
{
	struct ext4 *x = ext4_of(dir->fs);
	u32 need = dir_entry_size(len), room = dir_room(x);
	for (u32 at = 0; at < room; at += ENTRY(b->data, at)->rec_len) {
		struct ext2_dir_entry *d = ENTRY(b->data, at);
		u32 used = d->inode ? dir_entry_size(name_len(d)) : 0;
		if (d->rec_len < used + need || at + d->rec_len > room)
			continue;
		if (used) {
			struct ext2_dir_entry *next = ENTRY(b->data, at + used);
			next->rec_len = (u16)(d->rec_len - used);
			d->rec_len = (u16)used;
			d = next;
		}
		d->inode = ino;
		d->name_len = (u16)(len | (u32)type << 8);
		memcpy(d->name, name, len);
		int e = dir_changed(dir, b);
		return e ? e : 1;
	}
	return 0;
}

static int add_linear(struct node *dir, const char *name, u32 len, u32 ino, u8 type)
{
	struct ext4 *x = ext4_of(dir->fs);
	struct ext4_node *xn = ext4_node(dir);
	struct cbuf *b;
	u64 blocks = dir->size >> x->bits, lblk;
	for (lblk = xn->insert_hint < blocks ? xn->insert_hint : 0; lblk < blocks; lblk++) {
		int e = dir_block(dir, lblk, &b);
		if (e)
			return e;
		e = dir_insert_block(dir, b, name, len, ino, type);
		cache_put(b);
		if (e)
			return e < 0 ? e : 0;
		if (len <= 16)
			xn->insert_hint = lblk + 1; /* not even a short name has room */
	}
	if (blocks == 1 && ext2fs_has_feature_dir_index(x->e2->super)) {
		int e = htree_make(dir);
		return e ? e : htree_add(dir, name, len, ino, type);
	}
	int e = dir_append(dir, &lblk, &b);
	if (e)
		return e;
	e = dir_insert_block(dir, b, name, len, ino, type);
	cache_put(b);
	return e < 0 ? e : 0;
}

int dir_add(struct node *dir, const char *name, u32 len, u32 ino, u32 mode)
{
	struct ext4 *x = ext4_of(dir->fs);
	int e = ext4_need_bitmaps(x);
	if (e)
		return e;
	if (htree_is(dir))
		return htree_add(dir, name, len, ino, type_of(x, mode));
	return add_linear(dir, name, len, ino, type_of(x, mode));
}

/* The block with the entry of that name. */
static int held_slot(struct node *dir, const char *name, u32 len, struct dir_slot *s,
	struct cbuf **b)
{
	int e = dir_find(dir, name, len, s);
	if (e <= 0)
		return e ? e : -ENOENT;
	return dir_block(dir, s->lblk, b);
}

int dir_remove(struct node *dir, const char *name, u32 len)
{
	struct dir_slot s;
	struct cbuf *b;
	int e = held_slot(dir, name, len, &s, &b);
	if (e)
		return e;
	struct ext2_dir_entry *d = ENTRY(b->data, s.at);
	if (s.before != s.at)
		ENTRY(b->data, s.before)->rec_len += d->rec_len;
	d->inode = 0;
	e = dir_changed(dir, b);
	cache_put(b);
	if (ext4_node(dir)->insert_hint > s.lblk)
		ext4_node(dir)->insert_hint = s.lblk;
	return e;
}

int dir_replace(struct node *dir, const char *name, u32 len, u32 ino, u32 mode)
{
	struct ext4 *x = ext4_of(dir->fs);
	struct dir_slot s;
	struct cbuf *b;
	int e = held_slot(dir, name, len, &s, &b);
	if (e)
		return e;
	struct ext2_dir_entry *d = ENTRY(b->data, s.at);
	d->inode = ino;
	d->name_len = (u16)(len | (u32)type_of(x, mode) << 8);
	e = dir_changed(dir, b);
	cache_put(b);
	return e;
}

int dir_set_parent(struct node *dir, u64 parent)
{
	return dir_replace(dir, "..", 2, (u32)parent, S_IFDIR);
}

static bool is_dot(const struct ext2_dir_entry *d)
{
	return (name_len(d) == 1 && d->name[0] == '.') ||
		(name_len(d) == 2 && d->name[0] == '.' && d->name[1] == '.');
}

int dir_is_empty(struct node *dir)
{
	struct ext4 *x = ext4_of(dir->fs);
	for (u64 lblk = 0; lblk < dir->size >> x->bits; lblk++) {
		struct cbuf *b;
		int e = dir_block(dir, lblk, &b);
		if (e)
			return e;
		bool empty = true;
		for (u32 at = 0; at < x->bs && empty; at += ENTRY(b->data, at)->rec_len)
			empty = !ENTRY(b->data, at)->inode || is_dot(ENTRY(b->data, at));
		cache_put(b);
		if (!empty)
			return 0;
	}
	return 1;
}

/* Positions: 2 + the entry's offset; after it: 2 + the offset of its end. */
int dir_readdir(struct node *dir, u64 *pos,
	bool (*emit)(void *arg, const char *name, u32 len, u64 ino, u32 mode, u64 next), void *arg)
{
	struct ext4 *x = ext4_of(dir->fs);
	u64 off = *pos > 2 ? *pos - 2 : 0;
	for (u64 lblk = off >> x->bits; lblk < dir->size >> x->bits; lblk++) {
		struct cbuf *b;
		int e = dir_block(dir, lblk, &b);
		if (e)
			return e;
		bool more = true;
		for (u32 at = 0; at < x->bs && more; at += ENTRY(b->data, at)->rec_len) {
			const struct ext2_dir_entry *d = ENTRY(b->data, at);
			u64 here = (lblk << x->bits) + at;
			if (here < off || !d->inode || is_dot(d))
				continue;
			u32 type = d->name_len >> 8;
			more = emit(arg, d->name, name_len(d), d->inode,
				type < 8 ? mode_of_type[type] : 0, here + d->rec_len + 2);
		}
		cache_put(b);
		if (!more)
			break;
	}
	return 0;
}
