/* SPDX-License-Identifier: MIT */
/* Fills a tree in memory from newc archives, one after another. 0, or -EINVAL for a bad archive, -ENOMEM. */
#ifndef FS_CPIO_H
#define FS_CPIO_H

#include "vfs.h"

/** wanted: only what begins with one of these words, which NULL ends; NULL: all. */
int cpio_load(struct fs *fs, const void *data, u64 size, char *const *wanted);

#endif
