/* SPDX-License-Identifier: MIT */
/*
 * The file protocol: what the POSIX runtime asks of every scheme that serves nodes (fs, dev, proc, pty, drm, input ...).
 *
 * A request goes to a handle (a directory for path operations) and names by convention:
 *   buffer 0  IN   the path, relative to the handle, no NUL, at most 4095 bytes; empty means the handle's own node
 *   buffer 1  OUT  room for the rest of the path when the walk stops (FSP_REST_MAX bytes)
 *   buffer 2       the operation's data
 * The server walks as far as it serves. Where the walk leaves it, nothing is done, the result is one of FSP_STOP_* (> 0),
 * buffer 1 holds the rest of the path, out[0] the node at which it stopped and out[1] the length of the rest;
 * the runtime goes on from the mount table. A path operation that was carried out answers 0, an error is a negative errno.
 * Symbolic links inside are followed by the server (at most 40: -ELOOP). Permissions are checked against the
 * identity in the SQE (fsuid, fsgid, groups, CAP_DAC_*, CAP_FOWNER, CAP_CHOWN ...), never against anything in the request.
 */
#ifndef NATIVE_FSPROTO_H
#define NATIVE_FSPROTO_H

#include <weft/scheme.h>

#define FSP_PATH_MAX 4096
#define FSP_REST_MAX 4096

enum fsp_stop {
	FSP_STOP_MOUNT = 1,  /* the node out[0] is a mount point; go on with the rest in what is mounted there */
	FSP_STOP_ROOT = 2,   /* an absolute link was met: go on with the rest (no leading slash) at the process's root */
	FSP_STOP_PARENT = 3, /* ".." over this scheme's root: go on with the rest (which begins after the "..") at the parent of the mount point */
	FSP_STOP_MAGIC = 4,  /* a magic link (/proc/self/fd/N, exe, cwd, root): fds_out[0] is a handle to the target itself; the rest (maybe empty) goes on there */
	FSP_STOP_SCHEME = 5, /* in /scheme: the rest begins with a scheme's name; go on behind it at that scheme's root, if the process can name it */
};

/* args[1] of path operations */
#define FSP_WALK_NOFOLLOW  0x1u /* do not follow the last component */
#define FSP_WALK_DIRECTORY 0x2u /* the last component must be a directory (trailing slash) */
#define FSP_WALK_BENEATH   0x4u
#define FSP_WALK_NO_LINKS  0x8u
#define FSP_WALK_EFFECTIVE 0x10u /* FSP_ACCESS: effective instead of real ids */

enum fsp_op {
	/* args: flags (Linux O_*), walk, mode (umask applied). -> 0 and fds_out[0]: a handle whose attr is set and to whose file the memory object is attached
	 * (regular files: reads, writes, seeks and mappings then stay in the kernel). out[2] = FSP_OPENED_*, out[3] = the file's mode */
	FSP_OPEN = WEFT_OP_USER,
	/* args: -, walk. Buffer 2 OUT: struct fsp_stat. -> maybe fds_out[0]: the memory object of a LIVE entry (native/fscache.h), without rights */
	FSP_STAT,
	/* args: R_OK|W_OK|X_OK, walk */
	FSP_ACCESS,
	/* args: -, walk(NOFOLLOW meant). Buffer 2 OUT: target. out[2] = its length (not truncated to the buffer) */
	FSP_READLINK,
	/* args: mode, walk */
	FSP_MKDIR,
	/* args: mode with S_IFMT, walk, rdev */
	FSP_MKNOD,
	/* args: 0 or AT_REMOVEDIR (0x200), walk */
	FSP_UNLINK,
	/* args: -, walk. Buffer 2 IN: target */
	FSP_SYMLINK,
	/* args: -, walk. Path is the new name; fds[0]: handle of the node to link */
	FSP_LINK,
	/* args: RENAME_* flags. The handle is the old parent, fds[0] the new parent; buffer 0 the old name, buffer 2 IN the new name (single components) */
	FSP_RENAME,
	/* args: -, walk. Buffer 2 IN: struct fsp_setattr */
	FSP_SETATTR,
	/* args: -, walk. Buffer 2 OUT: struct fsp_statfs */
	FSP_STATFS,
	/* On an open directory. Buffer 0 OUT: Linux's struct linux_dirent64 records. -> bytes, 0 at the end. The position is the server's; WEFT_OP_SEEK moves it.
	 * -WEFT_ERETRY: the directory is /scheme, whose entries are the caller's own names: buffer 1 IN, as WEFT_NS_LIST gives them */
	FSP_GETDENTS,
	/* args: 1 data only. Everything is on the medium when it answers */
	FSP_FSYNC,
	/* args: FALLOC_FL_*, offset, length */
	FSP_FALLOCATE,
	/* args: LOCK_SH|EX|UN|NB */
	FSP_FLOCK,
	/* args: F_GETLK|F_SETLK|F_SETLKW, 1 if OFD. Buffer 0 IN|OUT: struct fsp_lock. -> 0, or 1: ask again, now the kernel will tell of the
	 * owner's end */
	FSP_LOCK,
	/* On any handle. Buffer 0 OUT: the path from the root of its mount, or of the scheme ("" for that), " (deleted)" appended if so; out[0] = the node
	 * at which the path begins, out[1] = length */
	FSP_PATH,
	/* args: XATTR flags, walk. Buffer 2 IN name, buffer 3 value */
	FSP_GETXATTR, FSP_SETXATTR, FSP_LISTXATTR /* buffer 3 OUT */, FSP_REMOVEXATTR,
	/* args: cmd, arg (when it is a number). Buffers by the runtime's ioctl table. May answer -WEFT_ERETRY */
	FSP_IOCTL,
	/* On any handle; CAP_SYS_ADMIN. args: -, FSP_MARK_* or 0 */
	FSP_MARK,
	/* inotify. args: mask, walk. fds[0]: sender end of a channel (SEQPACKET) on which struct fsp_event is posted. out[2] = watch descriptor, unlike any of another server */
	FSP_WATCH,
	/* args: watch descriptor. fds[0]: as above */
	FSP_UNWATCH,
	/* A socket node. args: -, walk. -> fds_out[0]: a handle of this scheme naming the inode, as proof for servers/ipc; checks write permission */
	FSP_SOCKET,
	/* Whole file system of the handle to disk */
	FSP_SYNCFS,
	/* mmap of a handle without memory of its own (drm). args: offset, length, PROT_* bits, 1 if shared. -> fds_out[0]: memory object, out[0] = offset in it */
	FSP_MMAP,
	/* On any handle. -> fds_out[0]: the server's name cache (native/fscache.h); -EOPNOTSUPP: it has none */
	FSP_CACHE,
	/* posix_fadvise(DONTNEED). args: offset, length (0: to the end). Whole clean pages there leave memory; where there are none it is 0 as well */
	FSP_FORGET,
	/* First operation of other protocols on the same handles: tty, drm and input use FSP_IOCTL; private server protocols start here */
	FSP_PRIVATE = 0x200,
};
#define FSP_O_EXEC 0x20u /* FSP_OPEN: to be executed: wants that permission too, and a regular file */
#define FSP_OPENED_CREATED 0x1u
#define FSP_OPENED_WAIT	   0x2u /* a named pipe whose other side is not open: wait with FSP_FIFO_WAIT */
/* On such a handle: answers 0 once the other side has been opened */
#define FSP_FIFO_WAIT (FSP_PRIVATE + 0x1f0)

struct fsp_stat {
	u64 dev, ino, nlink;
	u32 mode, uid, gid, blksize;
	u64 rdev, size, blocks; /* 512-byte blocks */
	i64 atime_ns, mtime_ns, ctime_ns, btime_ns; /* since 1970 */
	u64 mount;
	u64 attributes; /* STATX_ATTR_* */
};

#define FSP_MARK_POINT	 1u /* a mount point: walks stop there */
#define FSP_MARK_ROOT	 2u /* the root of a mount: ".." stops there */
#define FSP_MARK_SCHEMES 3u /* the directory /scheme: FSP_STOP_SCHEME */

#define FSP_ATTR_MOUNT_ROOT 0x2000u /* STATX_ATTR_MOUNT_ROOT */

struct fsp_setattr {
	u32 valid; /* FSP_SET_* */
	u32 mode, uid, gid;
	u64 size;
	i64 atime_ns, mtime_ns;
};
#define FSP_SET_MODE 0x01u
#define FSP_SET_UID 0x02u
#define FSP_SET_GID 0x04u
#define FSP_SET_SIZE 0x08u
#define FSP_SET_ATIME 0x10u
#define FSP_SET_MTIME 0x20u
#define FSP_SET_ATIME_NOW 0x40u
#define FSP_SET_MTIME_NOW 0x80u

struct fsp_statfs {
	u64 type, bsize, blocks, bfree, bavail, files, ffree, fsid, namelen, frsize, flags;
};

struct fsp_lock {
	i16 type;	/* F_RDLCK 0, F_WRLCK 1, F_UNLCK 2 */
	i16 whence;	/* always SEEK_SET: the runtime has resolved it */
	u32 pid;
	i64 start, len; /* len 0: to the end */
};

struct fsp_event { /* as struct inotify_event, with the name behind */
	i32 wd;
	u32 mask, cookie, len;
	char name[];
};

#endif
