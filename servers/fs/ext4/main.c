/* SPDX-License-Identifier: MIT */
/*
 * servers/fs on a disk. Arguments: the name of the scheme's fd ("scheme:fs"), the node of the
 * scheme `disk` ("vda3"), a device number for stat, and "ro" to mount it read-only.
 */
#include "device.h"

#include <native/call.h>
#include <native/start.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct fs tree;
static struct ext4_device disk;
static const char *name = "?";

void ext4_log(const char *format, ...)
{
	char text[256];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	native_log("ext4: %s: %s", name, text);
}

int main(int argc, char **argv)
{
	const char *scheme = argc > 1 ? argv[1] : "scheme:fs", *why = "cannot be opened";
	name = argc > 2 ? argv[2] : "vda3";
	if (strncmp(name, "/dev/", 5) == 0)
		name += 5;
	tree.dev = tree.mount = argc > 3 ? strtoull(argv[3], NULL, 0) : 0xfe03;
	bool read_only = argc > 4 && strcmp(argv[4], "ro") == 0;
	int e = device_open(&disk, native_fd("open:disk"), name);
	if (!e)
		e = vfs_init(&tree, scheme);
	ext4_lock();
	if (!e)
		e = ext4_mount(&tree, &disk, read_only, &why);
	if (!e) {
		why = "has no memory for its name cache";
		e = vcache_start(&tree);
	}
	ext4_unlock();
	if (e) {
		ext4_log("%s (error %d)", why, -e);
		return 1;
	}
	vfs_enter = ext4_lock;
	vfs_leave = ext4_unlock;
	e = work_start(ext4_of(&tree));
	if (!e)
		e = vfs_run(&tree);
	ext4_log("ended: error %d", -e);
	return 1;
}
