/* SPDX-License-Identifier: MIT */
/* Extended attributes through libext2fs: in the inode, or in a block that several inodes may share.
 */
#include "ext4.h"

#include <sys/xattr.h>

static int open_attrs(struct node *n, struct ext2_xattr_handle **h)
{
	struct ext4 *x = ext4_of(n->fs);
	*h = NULL;
	errcode_t c = ext2fs_xattrs_open(x->e2, (ext2_ino_t)n->ino, h);
	if (!c)
		c = ext2fs_xattrs_read(*h);
	if (c && *h)
		ext2fs_xattrs_close(h);
	return ext4_errno(x, c, "the attributes", n->ino);
}

i64 xattr_get(struct node *n, const char *name, void *to, u64 room)
{
	struct ext2_xattr_handle *h;
	void *value = NULL;
	size_t len = 0;
	int e = open_attrs(n, &h);
	if (e)
		return e;
	e = ext4_errno(ext4_of(n->fs), ext2fs_xattr_get(h, name, &value, &len), "the attributes",
		n->ino);
	ext2fs_xattrs_close(&h);
	if (!e && len <= room)
		memcpy(to, value, len);
	ext2fs_free_mem(&value);
	return e ? e : len > room ? -ERANGE : (i64)len;
}

struct listing {
	char *to;
	u64 len, room;
};

static int list_one(char *name, char *value, size_t value_len, void *arg)
{
	struct listing *l = arg;
	u64 len = strlen(name) + 1;
	(void)value;
	(void)value_len;
	if (strncmp(name, "system.", 7) == 0)
		return 0;
	if (l->len + len <= l->room)
		memcpy(l->to + l->len, name, len);
	l->len += len;
	return 0;
}

i64 xattr_list(struct node *n, char *to, u64 room)
{
	struct ext2_xattr_handle *h;
	struct listing l = {to, 0, room};
	int e = open_attrs(n, &h);
	if (e)
		return e;
	ext2fs_xattrs_iterate(h, list_one, &l);
	ext2fs_xattrs_close(&h);
	return l.len > room ? -ERANGE : (i64)l.len;
}

static bool exists(struct ext2_xattr_handle *h, const char *name)
{
	void *value = NULL;
	size_t len;
	bool there = ext2fs_xattr_get(h, name, &value, &len) == 0;
	ext2fs_free_mem(&value);
	return there;
}

int xattr_set(struct node *n, const char *name, const void *value, u64 len, u32 flags)
{
	struct ext4 *x = ext4_of(n->fs);
	struct ext2_xattr_handle *h;
	int e = ext4_need_bitmaps(x);
	if (!e)
		e = inode_write(n); /* libext2fs works on the inode as it is on the disk */
	if (!e)
		e = open_attrs(n, &h);
	if (e)
		return e;
	bool there = exists(h, name);
	if (there && (flags & XATTR_CREATE))
		e = -EEXIST;
	else if (!there && (flags & XATTR_REPLACE))
		e = -ENODATA;
	else
		e = ext4_errno(x, ext2fs_xattr_set(h, name, value, len), "the attributes", n->ino);
	ext2fs_xattrs_close(&h);
	return e;
}

int xattr_remove(struct node *n, const char *name)
{
	struct ext4 *x = ext4_of(n->fs);
	struct ext2_xattr_handle *h;
	int e = ext4_need_bitmaps(x);
	if (!e)
		e = inode_write(n);
	if (!e)
		e = open_attrs(n, &h);
	if (e)
		return e;
	e = !exists(h, name)
		? -ENODATA
		: ext4_errno(x, ext2fs_xattr_remove(h, name), "the attributes", n->ino);
	ext2fs_xattrs_close(&h);
	return e;
}
