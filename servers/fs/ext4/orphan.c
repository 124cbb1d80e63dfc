/* SPDX-License-Identifier: MIT */
/*
 * Inodes that have no name any more but are still in use. On the disk they are a list: the
 * superblock names the newest, each one's i_dtime names the next. Here x->orphans has them in the
 * same order. What is still in the list at mounting is freed (or cut to its size, if it has a
 * name).
 */
#include "ext4.h"

int inode_orphan(struct ext4 *x, u64 ino, struct node **out);

static int set_next(struct ext4 *x, u64 ino, u32 next)
{
	struct ext2_inode_large in;
	int e = inode_read_raw(x, ino, &in);
	if (e)
		return e;
	in.i_dtime = next;
	return inode_write_raw(x, ino, &in);
}

int orphan_add(struct node *n)
{
	struct ext4 *x = ext4_of(n->fs);
	struct ext4_node *xn = ext4_node(n);
	if (xn->orphan)
		return 0;
	int e = set_next(x, n->ino, x->e2->super->s_last_orphan);
	if (e)
		return e;
	x->e2->super->s_last_orphan = (u32)n->ino;
	ext2fs_mark_super_dirty(x->e2);
	xn->orphan = true;
	/* At the head. */
	fsl_append(x->orphans.next, &xn->orphan_link);
	return 0;
}

void orphan_remove(struct node *n)
{
	struct ext4 *x = ext4_of(n->fs);
	struct ext4_node *xn = ext4_node(n);
	struct ext2_inode_large in;
	if (!xn->orphan)
		return;
	if (inode_read_raw(x, n->ino, &in) == 0) {
		if (xn->orphan_link.prev == &x->orphans) {
			x->e2->super->s_last_orphan = in.i_dtime;
			ext2fs_mark_super_dirty(x->e2);
		} else {
			set_next(x,
				fsl_entry(xn->orphan_link.prev, struct ext4_node, orphan_link)
					->node->ino,
				in.i_dtime);
		}
		in.i_dtime = 0;
		inode_write_raw(x, n->ino, &in);
	}
	xn->orphan = false;
	fsl_remove(&xn->orphan_link);
}

int orphan_recover(struct ext4 *x)
{
	struct ext2_super_block *sb = x->e2->super;
	u32 freed = 0, most = sb->s_inodes_count;
	while (sb->s_last_orphan && most--) {
		u32 ino = sb->s_last_orphan;
		struct ext2_inode_large in;
		struct node *n;
		int e = inode_read_raw(x, ino <= sb->s_inodes_count ? ino : 0, &in);
		if (!e)
			e = inode_orphan(x, ino, &n);
		if (e) {
			ext4_corrupt(x, "the list of orphans at the inode", ino);
			sb->s_last_orphan = 0;
			break;
		}
		sb->s_last_orphan = in.i_dtime;
		in.i_dtime = 0;
		e = inode_write_raw(x, ino, &in);
		if (!e && n->nlink) {
			e = map_remove(n, (n->size + x->bs - 1) >> x->bits, UINT32_MAX);
		} else if (!e) {
			n->dead = true;
			freed++;
		}
		node_put(n);
		ext2fs_mark_super_dirty(x->e2);
		if (e)
			return e;
	}
	if (freed)
		ext4_log("%u files without a name were freed", freed);
	return 0;
}

void orphan_end(struct ext4 *x)
{
	fsl_for_each(xn, &x->orphans, struct ext4_node, orphan_link)
	{
		xn->node->dead = false; /* it is deleted once only */
		inode_delete(xn->node);
		fsl_remove(&xn->node->dirty_link);
	}
}
