/* SPDX-License-Identifier: MIT */
/* Reads cpio archives in the newc format that lie one after another in memory. A later entry hides an earlier one. */
#ifndef NATIVE_CPIO_H
#define NATIVE_CPIO_H

#include <weft/types.h>

struct cpio_entry {
	const char *name; /* NUL-terminated in the archive, without leading slash */
	u32 mode, uid, gid, mtime;
	u32 rdev_major, rdev_minor;
	const void *data;
	u64 size;
};

/** Steps through the archives: *at starts at 0. 1: *out is an entry; 0: the end; -EINVAL: not an archive. */
int cpio_next(const void *base, u64 size, u64 *at, struct cpio_entry *out);
/** The last entry of this name. 0 or -ENOENT, -EINVAL. */
int cpio_find(const void *base, u64 size, const char *name, struct cpio_entry *out);

#endif
