/* SPDX-License-Identifier: MIT */
/* The disk as main.c opens it. */
#ifndef EXT4_DEVICE_H
#define EXT4_DEVICE_H

#include "ext4.h"

struct ext4_device {
	i32 fd;
	u64 size;
};

/** Opens a node of the scheme whose root handle is given. */
int device_open(struct ext4_device *d, i32 root, const char *path);

#endif
