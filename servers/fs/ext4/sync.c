/* SPDX-License-Identifier: MIT */
/*
 * What is dirty goes to the disk: attributes into inodes, bitmaps and superblock into the cache,
 * the cache to the device. A journal would take the blocks of one cache_flush as one transaction.
 */
#include "ext4.h"

#include <stdlib.h>
#include <sys/stat.h>

static int write_nodes(struct ext4 *x)
{
	int first = 0;
	/* A node that fails stays in the list: the list is taken once, not until it is empty. */
	u64 n = 0;
	fsl_for_each(d, &x->dirty_nodes, struct node, dirty_link) n++;
	while (n-- && !fsl_empty(&x->dirty_nodes)) {
		struct node *d = fsl_entry(x->dirty_nodes.next, struct node, dirty_link);
		fsl_remove(&d->dirty_link);
		int e = inode_write(d);
		if (e && !first)
			first = e;
	}
	return first;
}

int sync_meta(struct ext4 *x)
{
	if (x->fs->read_only)
		return 0;
	int e = write_nodes(x);
	if (x->e2->flags & (EXT2_FLAG_BB_DIRTY | EXT2_FLAG_IB_DIRTY)) {
		int e2 = ext4_errno(x, ext2fs_write_bitmaps(x->e2), "a bitmap", 0);
		e = e ? e : e2;
	}
	if (x->e2->flags & EXT2_FLAG_DIRTY) {
		int e2 = ext4_errno(x, ext2fs_flush2(x->e2, EXT2_FLAG_FLUSH_NO_SYNC),
			"the superblock", 0);
		e = e ? e : e2;
	}
	int e2 = cache_flush(x);
	return e ? e : e2;
}

static int write_run(struct ext4 *x, struct node *n, u64 off, u64 len, void *buf)
{
	struct page_job j = {.node = n, .op = WEFT_OP_PAGE_OUT};
	int e = 0;
	while (len && !e) {
		j.off = off;
		j.len = len < PAGE_RUN_MAX ? len : PAGE_RUN_MAX;
		e = data_page_out(x, &j, buf);
		off += j.len;
		len -= j.len;
	}
	return e;
}

int sync_data_here(struct ext4 *x)
{
	enum { RUNS = 64 };
	u64 pairs[2 * RUNS];
	void *buf = malloc(PAGE_RUN_MAX);
	int first = 0;
	if (!buf)
		return -ENOMEM;
	fsl_for_each(xn, &x->mems, struct ext4_node, mem_link)
	{
		struct node *n = xn->node;
		int runs;
		if (n->dead)
			continue;
		while ((runs = fs_mem_dirty(n->mem, pairs, RUNS)) > 0) {
			int e = 0;
			for (int i = 0; i < runs && !e; i++)
				e = write_run(x, n, pairs[2 * i], pairs[2 * i + 1], buf);
			if (e) {
				ext4_log("inode %llu: its contents could not be written: error %d",
					(unsigned long long)n->ino, -e);
				first = first ? first : e;
				break;
			}
		}
	}
	free(buf);
	return first;
}
