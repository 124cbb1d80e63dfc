/* SPDX-License-Identifier: MIT */
/*
 * servers/fs: a tree in memory, filled from the boot archive if one was given (fd "boot").
 * Arguments: the name of the scheme's fd ("scheme:fs"), a device number for stat, and maybe directories to be there: "run" is made, "host/" is
 * made and filled from the archive. Without any, all of the archive is loaded.
 */
#include "cpio.h"

#include <native/call.h>
#include <native/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static struct fs tree;

static int load_archive(char *const *wanted)
{
	i32 fd = native_fd("boot");
	struct weft_mem_info info;
	if (fd < 0)
		return 0;
	int e = fs_mem_info(fd, &info);
	if (e)
		return e;
	u64 len = (info.size + 4095) & ~4095ull;
	i64 at = weft_mem_map((u64)-1, 0, len, WEFT_PROT_READ | WEFT_MAP_SHARED, (u64)fd, 0);
	if (at < 0)
		return (int)at;
	e = cpio_load(&tree, (const void *)at, info.size, wanted);
	weft_mem_unmap((u64)-1, (u64)at, len);
	fs_close_fd(fd); /* the last user of the archive: its memory comes free */
	return e;
}

/* Each is mounted by itself, and so has a device number of its own. */
static int make_parts(int n, char **names, u64 dev)
{
	for (int i = 0; i < n; i++) {
		struct node *part = vfs_add(&tree, names[i], S_IFDIR | (strcmp(names[i], "tmp") ? 0755 : 01777), 0, NULL);
		if (!part)
			return -ENOMEM;
		part->dev = dev + 1 + (u64)i;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *scheme = argc > 1 ? argv[1] : "scheme:fs";
	u64 dev = argc > 2 ? strtoull(argv[2], NULL, 0) : 0x15;
	int e = memfs_create(&tree, dev, 0x01021994);
	if (!e)
		e = make_parts(argc - 3, argv + 3, dev);
	if (!e)
		e = load_archive(argc > 3 ? argv + 3 : NULL);
	if (!e)
		e = vcache_start(&tree);
	if (!e)
		e = vfs_init(&tree, scheme);
	if (!e)
		e = vfs_run(&tree);
	native_log("fs: %s: %s", scheme, strerror(-e));
	return 1;
}
