/* SPDX-License-Identifier: MIT */
/*
 * Mounting and unmounting. While it is mounted for writing the superblock does not say "valid"; it
 * says so again after a clean end, if it did at the start and nothing wrong was found. Features
 * that this server does not know are refused by name: those that change the format altogether, and
 * for writing also those that change what must be kept up to date.
 *
 * The journal is neither replayed nor written (its place: a transaction would be what sync_meta
 * writes). A file system whose journal holds changes is mounted read-only; so is one whose list of
 * orphans is in a file.
 */
#include "ext4.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define KNOWN_INCOMPAT                                                                             \
	(EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_RECOVER |                          \
		EXT2_FEATURE_INCOMPAT_META_BG | EXT3_FEATURE_INCOMPAT_EXTENTS |                    \
		EXT4_FEATURE_INCOMPAT_64BIT | EXT4_FEATURE_INCOMPAT_FLEX_BG |                      \
		EXT4_FEATURE_INCOMPAT_EA_INODE | EXT4_FEATURE_INCOMPAT_CSUM_SEED |                 \
		EXT4_FEATURE_INCOMPAT_LARGEDIR)
#define KNOWN_RO_COMPAT                                                                            \
	(EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |                 \
		EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM |               \
		EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |            \
		EXT4_FEATURE_RO_COMPAT_METADATA_CSUM)
#define CACHE_BYTES  (16u << 20)
#define MESSAGES_MAX 50u /* about corruption: a broken disk must not fill the log */

int ext4_errno(struct ext4 *x, errcode_t e, const char *what, u64 ino)
{
	switch (e) {
	case 0:
		return 0;
	case EXT2_ET_NO_MEMORY:
		return -ENOMEM;
	case EXT2_ET_BLOCK_ALLOC_FAIL:
	case EXT2_ET_INODE_ALLOC_FAIL:
	case EXT2_ET_DIR_NO_SPACE:
	case EXT2_ET_EXTENT_NO_SPACE:
	case EXT2_ET_CANT_INSERT_EXTENT:
	case EXT2_ET_EA_NO_SPACE:
		return -ENOSPC;
	case EXT2_ET_RO_FILSYS:
		return -EROFS;
	case EXT2_ET_SHORT_READ:
	case EXT2_ET_SHORT_WRITE:
		return -EIO;
	case EXT2_ET_FILE_TOO_BIG:
		return -EFBIG;
	case EXT2_ET_EA_KEY_NOT_FOUND:
		return -ENODATA;
	default:
		if (e > 0 && e < 256)
			return (int)-e;
		ext4_corrupt(x, what, ino);
		return -EUCLEAN;
	}
}

void ext4_corrupt(struct ext4 *x, const char *what, u64 ino)
{
	static u32 messages;
	if (messages++ < MESSAGES_MAX)
		ext4_log("inode %llu: %s is damaged", (unsigned long long)ino, what);
	if (!x->failed) {
		x->failed = true;
		x->e2->super->s_state |= EXT2_ERROR_FS;
		ext2fs_mark_super_dirty(x->e2);
	}
}

static const char *feature_name(bool incompat, u32 mask)
{
	static const struct {
		bool incompat;
		u32 mask;
		const char *name;
	} names[] = {
		{true, EXT2_FEATURE_INCOMPAT_COMPRESSION, "compression"},
		{true, EXT3_FEATURE_INCOMPAT_JOURNAL_DEV, "journal_dev"},
		{true, EXT4_FEATURE_INCOMPAT_MMP, "mmp"},
		{true, EXT4_FEATURE_INCOMPAT_INLINE_DATA, "inline_data"},
		{true, EXT4_FEATURE_INCOMPAT_ENCRYPT, "encrypt"},
		{true, EXT4_FEATURE_INCOMPAT_CASEFOLD, "casefold"},
		{false, EXT4_FEATURE_RO_COMPAT_QUOTA, "quota"},
		{false, EXT4_FEATURE_RO_COMPAT_BIGALLOC, "bigalloc"},
		{false, EXT4_FEATURE_RO_COMPAT_PROJECT, "project"},
		{false, EXT4_FEATURE_RO_COMPAT_VERITY, "verity"},
		{false, EXT4_FEATURE_RO_COMPAT_READONLY, "readonly"},
		{false, EXT4_FEATURE_RO_COMPAT_SHARED_BLOCKS, "shared_blocks"},
		{false, EXT4_FEATURE_RO_COMPAT_ORPHAN_PRESENT, "orphan_present"},
	};
	for (u32 i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].incompat == incompat && (names[i].mask & mask))
			return names[i].name;
	return "one without a name";
}

static const char *check_features(struct ext4 *x, bool *read_only)
{
	static char text[80];
	struct ext2_super_block *sb = x->e2->super;
	u32 bad = sb->s_feature_incompat & ~KNOWN_INCOMPAT,
	    odd = sb->s_feature_ro_compat & ~KNOWN_RO_COMPAT;
	if (bad) {
		snprintf(text, sizeof(text), "has a feature that is not known: %s",
			feature_name(true, bad));
		return text;
	}
	if (x->e2->blocksize > PAGE)
		return "has blocks larger than a page";
	if (sb->s_inode_size > EXT4_INODE_MAX)
		return "has too large inodes";
	if (odd && !*read_only) {
		ext4_log("mounted read-only: it has the feature %s", feature_name(false, odd));
		*read_only = true;
	}
	if (ext2fs_has_feature_journal_needs_recovery(sb) && !*read_only) {
		ext4_log("mounted read-only: its journal holds changes that were not carried out; "
			 "run e2fsck on it");
		*read_only = true;
	}
	return NULL;
}

int ext4_need_bitmaps(struct ext4 *x)
{
	ext2_filsys e2 = x->e2;
	if (x->bitmaps)
		return 0;
	if (x->fs->read_only)
		return -EROFS;
	for (dgrp_t g = 0; g < e2->group_desc_count; g++) {
		cache_prefetch(ext2fs_block_bitmap_loc(e2, g), 16);
		cache_prefetch(ext2fs_inode_bitmap_loc(e2, g), 16);
	}
	int e = ext4_errno(x, ext2fs_read_bitmaps(e2), "a bitmap", 0);
	x->bitmaps = e == 0;
	return e;
}

/*
 * Of freed blocks nothing is kept. (Taken ones may have been written before they are counted.) The hook for ranges is of no use: libext2fs
 * calls it when it has counted the range down to nothing. Only regular files' blocks, which are not kept, are freed so by itself; alloc_free
 * forgets its own.
 */
static void handle_block(ext2_filsys e2, blk64_t block, int inuse)
{
	(void)e2;
	if (inuse < 0)
		cache_forget(block, 1);
}

static int write_super(struct ext4 *x)
{
	ext2fs_mark_super_dirty(x->e2);
	int e = sync_meta(x);
	return e ? e : device_flush(x->dev);
}

static int begin_writing(struct ext4 *x)
{
	struct ext2_super_block *sb = x->e2->super;
	x->was_clean = (sb->s_state & EXT2_VALID_FS) && !(sb->s_state & EXT2_ERROR_FS);
	if (!x->was_clean)
		ext4_log("was not unmounted cleanly: e2fsck should look at it");
	int e = ext4_need_bitmaps(x);
	if (!e)
		e = orphan_recover(x);
	if (e)
		return e;
	sb->s_state &= (u16)~EXT2_VALID_FS;
	sb->s_mtime = (u32)time(NULL);
	sb->s_mnt_count++;
	strncpy((char *)sb->s_last_mounted, "/", sizeof(sb->s_last_mounted));
	return write_super(x);
}

static u64 largest_file(const struct ext4 *x)
{
	/* Logical block numbers have 32 bits; mapped by blocks, there are three levels of
	 * indirection. */
	u64 n = 0xffffffffull, per = x->bs / 4;
	if (!x->extents && per * per * per + per * per + per + 12 < n)
		n = per * per * per + per * per + per + 12;
	return n << x->bits;
}

static const char *open_it(struct ext4 *x, errcode_t *e)
{
	*e = ext2fs_open2("disk", NULL, EXT2_FLAG_RW | EXT2_FLAG_64BITS, 0, 0, &cache_manager,
		&x->e2);
	if (*e == EXT2_ET_UNSUPP_FEATURE || *e == EXT2_ET_RO_UNSUPP_FEATURE)
		/* Once more, to say which, or to read only. */
		*e = ext2fs_open2("disk", NULL,
			EXT2_FLAG_RW | EXT2_FLAG_64BITS | EXT2_FLAG_FORCE |
				EXT2_FLAG_SOFTSUPP_FEATURES,
			0, 0, &cache_manager, &x->e2);
	if (*e)
		return *e == EXT2_ET_BAD_MAGIC ? "has no ext4 file system" : error_message(*e);
	if (ext2fs_blocks_count(x->e2->super) > device_size(x->dev) / x->e2->blocksize)
		return "is smaller than its file system";
	*e = ext2fs_check_desc(x->e2);
	return *e ? "has damaged group descriptors" : NULL;
}

int ext4_mount(struct fs *fs, struct ext4_device *dev, bool read_only, const char **why)
{
	struct ext4 *x = calloc(1, sizeof(*x));
	struct node *root;
	errcode_t err = 0;
	*why = "there is no memory";
	if (!x)
		return -ENOMEM;
	x->dev = dev;
	x->fs = fs;
	fs->priv = x;
	fs->ops = &ext4_ops;
	fs->magic = EXT4_MAGIC;
	fsl_init(&x->mems);
	fsl_init(&x->orphans);
	fsl_init(&x->page_ins);
	fsl_init(&x->dirty_nodes);
	initialize_ext2_error_table();
	cache_init(x, dev, CACHE_BYTES / 4096);
	*why = open_it(x, &err);
	if (!*why)
		*why = check_features(x, &read_only);
	int e = err ? -EIO : -EINVAL;
	if (*why)
		goto fail;
	struct ext2_super_block *sb = x->e2->super;
	x->bs = x->e2->blocksize;
	x->bits = EXT2_BLOCK_SIZE_BITS(sb);
	x->extents = ext2fs_has_feature_extents(sb);
	x->max_size = largest_file(x);
	x->set_aside = ext2fs_r_blocks_count(sb);
	if (x->set_aside < 64)
		x->set_aside = 64;
	x->e2->flags |= EXT2_FLAG_MASTER_SB_ONLY;
	x->e2->flags &= ~EXT2_FLAG_DIRTY;
	fs->read_only = read_only;
	ext2fs_set_block_alloc_stats_callback(x->e2, handle_block, NULL);
	cache_set_unit(x->bs);
	*why = "could not be made ready for writing";
	e = read_only ? 0 : begin_writing(x);
	if (!e) {
		*why = "has no root directory";
		e = inode_node(x, EXT2_ROOT_INO, &root);
	}
	if (!e && !S_ISDIR(root->mode)) {
		node_put(root);
		e = -EUCLEAN;
	}
	if (!e)
		e = fs_init_root(fs, root);
	if (e)
		goto fail;
	return 0;
fail:
	if (x->e2)
		ext2fs_free(x->e2);
	cache_finish();
	free(x);
	fs->priv = NULL;
	return e;
}

int ext4_unmount(struct fs *fs)
{
	struct ext4 *x = ext4_of(fs);
	if (fs->read_only)
		return 0;
	orphan_end(x);
	int e = sync_data_here(x), e2 = sync_meta(x);
	if (!e)
		e = e2;
	if (!e)
		e = device_flush(x->dev);
	if (e)
		return e;
	if (x->was_clean && !x->failed)
		x->e2->super->s_state |= EXT2_VALID_FS;
	e = write_super(x);
	fs->read_only = true; /* nothing may change any more */
	return e;
}

int ext4_statfs(struct fs *fs, struct fsp_statfs *out)
{
	struct ext4 *x = ext4_of(fs);
	struct ext2_super_block *sb = x->e2->super;
	u64 overhead = sb->s_first_data_block +
		(u64)x->e2->group_desc_count * (2 + x->e2->inode_blocks_per_group);
	u64 blocks = ext2fs_blocks_count(sb), nfree = ext2fs_free_blocks_count(sb);
	nfree -= x->reserved < nfree ? x->reserved : nfree;
	u64 root_only = ext2fs_r_blocks_count(sb);
	*out = (struct fsp_statfs){.type = EXT4_MAGIC,
		.bsize = x->bs,
		.frsize = x->bs,
		.namelen = EXT2_NAME_LEN,
		.blocks = blocks - (overhead < blocks ? overhead : 0),
		.bfree = nfree,
		.bavail = nfree > root_only ? nfree - root_only : 0,
		.files = sb->s_inodes_count,
		.ffree = sb->s_free_inodes_count,
		.fsid = fs->dev};
	return 0;
}
