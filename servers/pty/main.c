/* SPDX-License-Identifier: MIT */
#include "pty.h"

#include <native/start.h>
#include <stdlib.h>
#include <sys/stat.h>

#define DEVPTS_MAGIC 0x1cd1u /* linux/magic.h: DEVPTS_SUPER_MAGIC */

struct fs tree;

static int make_tree(void)
{
	struct node *pts = vfs_add(&tree, "pts", S_IFDIR | 0755, 0, NULL);
	if (!pts)
		return -ENOMEM;
	pts->magic = DEVPTS_MAGIC;
	pts->dev = 0x18;
	if (!vfs_add(&tree, "ptmx", S_IFCHR | 0666, 0x502, &ptmx_ops) ||
		!vfs_add(&tree, "pts/ptmx", S_IFCHR | 0666, 0x502, &ptmx_ops) ||
		!vfs_add(&tree, "tty", S_IFCHR | 0666, 0x500, &tty_ops) ||
		!vfs_add(&tree, "console", S_IFCHR | 0600, 0x501, &console_ops))
		return -ENOMEM;
	return vt_make(&tree);
}

int main(void)
{
	int e = memfs_create(&tree, 7, 0x01021994);
	if (!e)
		e = make_tree();
	if (!e)
		e = vfs_init(&tree, "scheme:pty");
	if (!e)
		e = console_start(vfs_loop(&tree));
	if (!e)
		e = job_start(vfs_loop(&tree));
	if (!e)
		e = vfs_run(&tree);
	native_log("pty: %s", strerror(-e));
	return 1;
}
