/* SPDX-License-Identifier: MIT */
/*
 * A machine for servers/fs/ext4 on the host: the disk is a file, memory objects have pages that are
 * absent, clean or dirty, as the kernel has them, and the kernel's side of a file (open, read,
 * write, flush) is played by file_*. A mount lives in a process of its own, so that each begins
 * with nothing in memory.
 */
#ifndef EXT4_WORLD_H
#define EXT4_WORLD_H

#include "ext4.h"

#include <stdio.h>
#include <stdlib.h>

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #x);            \
			_Exit(99);                                                                 \
		}                                                                                  \
	} while (0)
#define SAME(a, b)                                                                                 \
	do {                                                                                       \
		long long a_ = (long long)(a), b_ = (long long)(b);                                \
		if (a_ != b_) {                                                                    \
			fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #a,   \
				a_, b_);                                                           \
			_Exit(99);                                                                 \
		}                                                                                  \
	} while (0)

extern char image_path[300], work_dir[256];
extern struct fs tree;
extern const char *mount_error;

/** mke2fs with these options, over a file of so many MiB. */
void make_image(u32 mib, const char *options);
/** e2fsck -fn: 0 is clean. */
int check_image(void);
int run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Runs fn in a process with the image mounted; unmounts after it (unless it ends by crash()). ->
 * its exit status */
int session(void (*fn)(void));
int session_read_only(void (*fn)(void));
void crash(void); /* ends the session at once; nothing more is written */
/** -> 0 or the mount's error, in a process of its own. */
int try_mount(void (*fn)(void));

/* Path operations as root: 0 or a negative errno. */
i64 op_path(u16 op, const char *path, u64 a0, u64 walk, u64 a2, void *data, u32 len);
int do_mkdir(const char *path);
int do_unlink(const char *path);
int do_rmdir(const char *path);
int do_symlink(const char *target, const char *path);
int do_link(const char *from, const char *to);
int do_rename(const char *from, const char *to);
int do_stat(const char *path, struct fsp_stat *st);
int do_truncate(const char *path, u64 size);
int do_sync(void);
i64 do_xattr(u16 op, const char *path, const char *name, void *value, u32 len, u32 flags);

/* Open files. */
u64 file_open(const char *path, u32 flags);
int file_error(const char *path, u32 flags); /* of an open that should fail */
void file_close(u64 h);
i64 file_write(u64 h, u64 off, const void *data, u64 len);
i64 file_read(u64 h, u64 off, void *to, u64 len);
int file_truncate(u64 h, u64 size);
int file_fallocate(u64 h, u32 mode, u64 off, u64 len);
void file_flush(u64 h); /* its dirty pages */
void file_evict(u64 h); /* its clean pages are forgotten */
u64 file_list(u64 h,
	void (*each)(const char *name, u64 ino, u32 type)); /* -> entries, without . and .. */
void flush_all(void);

extern u64 disk_reads, disk_writes;
extern u64 disk_fail_at; /* the n-th access from now on fails; 0: none */

#endif
