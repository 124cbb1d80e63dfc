/* SPDX-License-Identifier: MIT */
/* Calls that change the tree: make, remove, rename, link, and a node's attributes. */
#include "path.h"
#include "../core/calls.h"

static i64 path_op(u32 op, i32 dirfd, u64 user, u64 arg0, u64 arg2, u32 walk, u32 flags)
{
	char path[PATH_MAX];
	i64 n = rt_path_in(path, user, flags & AT_EMPTY_PATH);

	if (n < 0)
		return n;
	struct path_call c = {.op = op, .req_flags = WEFT_REQ_NOINTR, .dirfd = dirfd, .path = path, .len = n, .arg0 = arg0, .arg2 = arg2, .walk = walk};
	return rt_path_do(&c);
}

i64 rt_sys_mkdirat(u64 dirfd, u64 path, u64 mode)
{
	return path_op(FSP_MKDIR, dirfd, path, mode & 01777 & ~rt_proc()->umask, 0, FSP_WALK_NOFOLLOW, 0);
}

i64 rt_sys_mkdir(u64 path, u64 mode)
{
	return rt_sys_mkdirat((u64)AT_FDCWD, path, mode);
}

i64 rt_sys_mknodat(u64 dirfd, u64 path, u64 mode, u64 dev)
{
	switch (mode & S_IFMT) {
	case 0:
		mode |= S_IFREG;
		break;
	case S_IFREG:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	return path_op(FSP_MKNOD, dirfd, path, (mode & S_IFMT) | (mode & 07777 & ~rt_proc()->umask), (u32)dev, FSP_WALK_NOFOLLOW, 0);
}

i64 rt_sys_mknod(u64 path, u64 mode, u64 dev)
{
	return rt_sys_mknodat((u64)AT_FDCWD, path, mode, dev);
}

i64 rt_sys_unlinkat(u64 dirfd, u64 path, u64 flags)
{
	if (flags & ~(u64)AT_REMOVEDIR)
		return -EINVAL;
	rt_reopen_drop();
	return path_op(FSP_UNLINK, dirfd, path, flags, 0, FSP_WALK_NOFOLLOW, 0);
}

i64 rt_sys_unlink(u64 path)
{
	return rt_sys_unlinkat((u64)AT_FDCWD, path, 0);
}

i64 rt_sys_rmdir(u64 path)
{
	return rt_sys_unlinkat((u64)AT_FDCWD, path, AT_REMOVEDIR);
}

i64 rt_sys_symlinkat(u64 target, u64 dirfd, u64 user)
{
	char path[PATH_MAX];
	i64 len = rt_string_length((const char *)target, PATH_MAX);

	if (len < 0)
		return len;
	if (!len)
		return -ENOENT;
	if (len == PATH_MAX)
		return -ENAMETOOLONG;
	i64 n = rt_path_in(path, user, false);
	if (n < 0)
		return n;
	struct path_call c = {.op = FSP_SYMLINK, .req_flags = WEFT_REQ_NOINTR, .dirfd = dirfd, .path = path, .len = n, .walk = FSP_WALK_NOFOLLOW,
		.extra = {{target, len, WEFT_BUF_IN}}, .nextra = 1};
	return rt_path_do(&c);
}

i64 rt_sys_symlink(u64 target, u64 path)
{
	return rt_sys_symlinkat(target, (u64)AT_FDCWD, path);
}

/* Splits off the last component. *name points into path; the parent is left in path ("." for none). Trailing slashes are kept out of name. */
static i64 open_parent(i32 dirfd, char *path, u64 n, char *name, bool *slash)
{
	*slash = false;
	while (n > 1 && path[n - 1] == '/') {
		path[--n] = 0;
		*slash = true;
	}
	u64 at = n;
	while (at && path[at - 1] != '/')
		at--;
	if (n - at > 255)
		return -ENAMETOOLONG;
	memcpy(name, path + at, n - at);
	name[n - at] = 0;
	if (!name[0] || rt_string_eq(name, ".") || rt_string_eq(name, ".."))
		return -EBUSY;
	path[at] = 0;
	if (!at) {
		path[0] = '.';
		path[1] = 0;
		at = 1;
	}
	return rt_open_at(dirfd, false, path, at, O_PATH | O_DIRECTORY, 0, FSP_WALK_DIRECTORY, WEFT_REQ_PRIVATE | WEFT_REQ_CLOEXEC, NULL);
}

i64 rt_sys_linkat(u64 olddir, u64 old, u64 newdir, u64 new, u64 flags)
{
	char path[PATH_MAX];
	i64 node, n;

	if (flags & ~(u64)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	n = rt_path_in(path, old, flags & AT_EMPTY_PATH);
	if (n < 0)
		return n;
	if (n)
		node = rt_open_at(olddir, false, path, n, O_PATH | (flags & AT_SYMLINK_FOLLOW ? 0 : O_NOFOLLOW), 0, 0, WEFT_REQ_PRIVATE | WEFT_REQ_CLOEXEC, NULL);
	else if ((u32)olddir >= WEFT_FD_PRIVATE)
		node = -EBADF;
	else
		node = NC(FD_DUP, (i32)olddir, 0, WEFT_DUP_PRIVATE | WEFT_DUP_CLOEXEC, WEFT_RIGHT_ALL);
	if (node < 0)
		return node;
	n = rt_path_in(path, new, false);
	if (n >= 0) {
		/* The server that has the new parent gets the node; one on the way there could not know it. */
		char name[256];
		bool slash;
		i64 parent = open_parent(newdir, path, n, name, &slash);
		n = parent == -EBUSY ? -EEXIST : slash ? -ENOENT : parent;
		if (n >= 0) {
			struct path_call c = {.op = FSP_LINK, .req_flags = WEFT_REQ_NOINTR, .dirfd = parent, .internal = true, .path = name, .len = strlen(name),
				.walk = FSP_WALK_NOFOLLOW, .send = {node}, .nsend = 1};
			rt_string_set(path, sizeof(path), name);
			c.path = path;
			n = rt_path_do(&c);
		}
		if (parent >= 0)
			NC(FD_CLOSE, parent);
	}
	NC(FD_CLOSE, node);
	return n;
}

i64 rt_sys_link(u64 old, u64 new)
{
	return rt_sys_linkat((u64)AT_FDCWD, old, (u64)AT_FDCWD, new, 0);
}

i64 rt_sys_renameat2(u64 olddir, u64 old, u64 newdir, u64 new, u64 flags)
{
	char path[PATH_MAX], from[256], to[256];
	bool slash_from, slash_to;
	i64 n, a, b, r;

	if ((flags & ~7ul) || ((flags & 2) && (flags & 5)))
		return -EINVAL;
	n = rt_path_in(path, old, false);
	if (n < 0)
		return n;
	a = open_parent(olddir, path, n, from, &slash_from);
	if (a < 0)
		return a;
	n = rt_path_in(path, new, false);
	b = n < 0 ? n : open_parent(newdir, path, n, to, &slash_to);
	if (b < 0) {
		NC(FD_CLOSE, a);
		return b;
	}
	i32 parent = b;
	u32 dir = slash_from || slash_to ? FSP_WALK_DIRECTORY : 0;
	struct weft_buf bufs[3] = {{(u64)from, strlen(from), WEFT_BUF_IN}, {0, 0, WEFT_BUF_OUT}, {(u64)to, strlen(to), WEFT_BUF_IN}};
	rt_reopen_drop();
	struct weft_req q = {.op = FSP_RENAME, .flags = WEFT_REQ_NOINTR, .nbufs = 3, .nfds = 1, .args = {flags, dir}, .bufs = (u64)bufs, .fds = (u64)&parent};
	struct weft_fd_info ia, ib;
	if (rt_fd_info(a, &ia) >= 0 && rt_fd_info(b, &ib) >= 0 && ia.scheme != ib.scheme)
		r = -EXDEV;
	else
		r = NC(FD_CALL, a, &q);
	NC(FD_CLOSE, a);
	NC(FD_CLOSE, b);
	return r > 0 ? -EBUSY : r; /* a mount point */
}

i64 rt_sys_renameat(u64 olddir, u64 old, u64 newdir, u64 new)
{
	return rt_sys_renameat2(olddir, old, newdir, new, 0);
}

i64 rt_sys_rename(u64 old, u64 new)
{
	return rt_sys_renameat2((u64)AT_FDCWD, old, (u64)AT_FDCWD, new, 0);
}

/* Attributes. */
static i64 setattr_path(i32 dirfd, u64 user, u32 flags, struct fsp_setattr *set)
{
	char path[PATH_MAX];
	i64 n = rt_path_in(path, user, flags & AT_EMPTY_PATH);

	if (n < 0)
		return n;
	struct path_call c = {.op = FSP_SETATTR, .req_flags = WEFT_REQ_NOINTR, .dirfd = dirfd, .path = path, .len = n,
		.walk = flags & AT_SYMLINK_NOFOLLOW ? FSP_WALK_NOFOLLOW : 0, .extra = {{(u64)set, sizeof(*set), WEFT_BUF_IN}}, .nextra = 1};
	return rt_path_do(&c);
}

static i64 setattr_fd(i32 fd, struct fsp_setattr *set, bool path_ok)
{
	struct weft_buf bufs[3] = {{0, 0, WEFT_BUF_IN}, {0, 0, WEFT_BUF_OUT}, {(u64)set, sizeof(*set), WEFT_BUF_IN}};
	struct weft_req q = {.op = FSP_SETATTR, .flags = WEFT_REQ_NOINTR, .nbufs = 3, .bufs = (u64)bufs};
	struct weft_fd_info info;

	PROGRAM_FD(fd);
	i64 r = rt_fd_info(fd, &info);
	if (r < 0)
		return r;
	if ((info.status & O_PATH) && !path_ok)
		return -EBADF;
	if (info.type != WEFT_OBJ_HANDLE)
		return 0; /* anonymous inodes take what they are told and forget it */
	return NC(FD_CALL, fd, &q);
}

i64 rt_sys_fchmodat(u64 dirfd, u64 path, u64 mode)
{
	struct fsp_setattr s = {.valid = FSP_SET_MODE, .mode = mode & 07777};

	return setattr_path(dirfd, path, 0, &s);
}

i64 rt_sys_fchmodat2(u64 dirfd, u64 path, u64 mode, u64 flags)
{
	struct fsp_setattr s = {.valid = FSP_SET_MODE, .mode = mode & 07777};

	if (flags & ~(u64)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return setattr_path(dirfd, path, flags, &s);
}

i64 rt_sys_chmod(u64 path, u64 mode)
{
	return rt_sys_fchmodat((u64)AT_FDCWD, path, mode);
}

i64 rt_sys_fchmod(u64 fd, u64 mode)
{
	struct fsp_setattr s = {.valid = FSP_SET_MODE, .mode = mode & 07777};

	return setattr_fd(fd, &s, false);
}

static struct fsp_setattr owner(u64 uid, u64 gid)
{
	return (struct fsp_setattr){.valid = ((u32)uid != ~0u ? FSP_SET_UID : 0) | ((u32)gid != ~0u ? FSP_SET_GID : 0), .uid = uid, .gid = gid};
}

i64 rt_sys_fchownat(u64 dirfd, u64 path, u64 uid, u64 gid, u64 flags)
{
	struct fsp_setattr s = owner(uid, gid);

	if (flags & ~(u64)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return setattr_path(dirfd, path, flags, &s);
}

i64 rt_sys_chown(u64 path, u64 uid, u64 gid)
{
	return rt_sys_fchownat((u64)AT_FDCWD, path, uid, gid, 0);
}

i64 rt_sys_lchown(u64 path, u64 uid, u64 gid)
{
	return rt_sys_fchownat((u64)AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW);
}

i64 rt_sys_fchown(u64 fd, u64 uid, u64 gid)
{
	struct fsp_setattr s = owner(uid, gid);

	return setattr_fd(fd, &s, false);
}

i64 rt_sys_truncate(u64 path, u64 size)
{
	struct fsp_setattr s = {.valid = FSP_SET_SIZE, .size = size};

	return (i64)size < 0 ? -EINVAL : setattr_path(AT_FDCWD, path, 0, &s);
}

i64 rt_sys_ftruncate(u64 fd, u64 size)
{
	struct fsp_setattr s = {.valid = FSP_SET_SIZE, .size = size};
	struct weft_fd_info info;

	PROGRAM_FD(fd);
	if ((i64)size < 0)
		return -EINVAL;
	i64 r = rt_fd_info(fd, &info);
	if (r < 0)
		return r;
	if (info.status & O_PATH)
		return -EBADF;
	if (info.type == WEFT_OBJ_MEM)
		return NC(MEM_CTL, (i32)fd, WEFT_MEM_RESIZE, size, 0, 0);
	if (info.type != WEFT_OBJ_HANDLE || (info.status & O_ACCMODE) == O_RDONLY || (info.attr.mode & S_IFMT) != S_IFREG)
		return -EINVAL;
	return setattr_fd(fd, &s, false);
}

#define UTIME_NOW ((1l << 30) - 1)
#define UTIME_OMIT ((1l << 30) - 2)

static i64 utimes_set(i32 dirfd, u64 path, struct fsp_setattr *s, u64 flags)
{
	if (!s->valid)
		return 0;
	if (!path || (flags & AT_EMPTY_PATH && rt_string_length((const char *)path, 1) == 0))
		return dirfd == AT_FDCWD ? -EFAULT : setattr_fd(dirfd, s, flags & AT_EMPTY_PATH);
	return setattr_path(dirfd, path, flags, s);
}

i64 rt_sys_utimensat(u64 dirfd, u64 path, u64 times, u64 flags)
{
	struct fsp_setattr s = {.valid = FSP_SET_ATIME_NOW | FSP_SET_MTIME_NOW};
	struct timespec64 t[2];

	if (flags & ~(u64)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (times) {
		if (copy_in(t, times, sizeof(t)))
			return -EFAULT;
		s.valid = 0;
		for (u32 i = 0; i < 2; i++) {
			u32 set = i ? FSP_SET_MTIME : FSP_SET_ATIME, now = i ? FSP_SET_MTIME_NOW : FSP_SET_ATIME_NOW;
			if (t[i].nsec == UTIME_OMIT)
				continue;
			if (t[i].nsec == UTIME_NOW) {
				s.valid |= now;
				continue;
			}
			if (t[i].nsec < 0 || t[i].nsec >= (i64)NSEC)
				return -EINVAL;
			s.valid |= set;
			i64 ns = t[i].sec * (i64)NSEC + t[i].nsec;
			*(i ? &s.mtime_ns : &s.atime_ns) = ns;
		}
	}
	return utimes_set(dirfd, path, &s, flags);
}

i64 rt_sys_futimesat(u64 dirfd, u64 path, u64 times)
{
	struct fsp_setattr s = {.valid = FSP_SET_ATIME_NOW | FSP_SET_MTIME_NOW};
	struct timeval64 t[2];

	if (times) {
		if (copy_in(t, times, sizeof(t)))
			return -EFAULT;
		if (t[0].usec < 0 || t[0].usec > 999999 || t[1].usec < 0 || t[1].usec > 999999)
			return -EINVAL;
		s.valid = FSP_SET_ATIME | FSP_SET_MTIME;
		s.atime_ns = t[0].sec * (i64)NSEC + t[0].usec * 1000;
		s.mtime_ns = t[1].sec * (i64)NSEC + t[1].usec * 1000;
	}
	return utimes_set(dirfd, path, &s, 0);
}

i64 rt_sys_utimes(u64 path, u64 times)
{
	return rt_sys_futimesat((u64)AT_FDCWD, path, times);
}

i64 rt_sys_utime(u64 path, u64 times)
{
	struct fsp_setattr s = {.valid = FSP_SET_ATIME_NOW | FSP_SET_MTIME_NOW};
	i64 t[2];

	if (times) {
		if (copy_in(t, times, sizeof(t)))
			return -EFAULT;
		s.valid = FSP_SET_ATIME | FSP_SET_MTIME;
		s.atime_ns = t[0] * (i64)NSEC;
		s.mtime_ns = t[1] * (i64)NSEC;
	}
	return utimes_set(AT_FDCWD, path, &s, 0);
}

/* Extended attributes. */
static i64 xattr(u32 op, i32 fd, u64 user, bool follow, u64 name, u64 value, u64 size, u32 value_flags, u64 arg0)
{
	char path[PATH_MAX], key[256];
	i64 n = 0, k = 0;

	if (name) {
		k = rt_copy_string(key, (const char *)name, sizeof(key));
		if (k < 0)
			return k;
		if (k == 0 || k == sizeof(key))
			return -ERANGE;
	}
	path[0] = 0;
	if (fd < 0) {
		n = rt_path_in(path, user, false);
		if (n < 0)
			return n;
	} else {
		i64 type = rt_fd_type(fd);
		if (type != WEFT_OBJ_HANDLE)
			return type < 0 ? type : -EOPNOTSUPP;
	}
	struct path_call c = {.op = op, .req_flags = WEFT_REQ_NOINTR, .dirfd = fd < 0 ? AT_FDCWD : fd, .path = path, .len = n, .arg0 = arg0,
		.walk = follow ? 0 : FSP_WALK_NOFOLLOW, .extra = {{(u64)key, k, WEFT_BUF_IN}, {value, MIN(size, 65536ul), value_flags}},
		.nextra = 2};
	i64 r = rt_path_do(&c);
	if (r == -ENOSYS)
		r = -EOPNOTSUPP;
	if (r)
		return r;
	if (c.magic >= 0)
		return -EOPNOTSUPP;
	return op == FSP_GETXATTR || op == FSP_LISTXATTR ? (i64)c.out[2] : 0;
}

#define XATTR_FAMILY(prefix, first, first_fd, first_path, follow)                                                                        \
	i64 rt_sys_##prefix##getxattr(u64 first, u64 name, u64 value, u64 size)                                                            \
	{                                                                                                                                  \
		return xattr(FSP_GETXATTR, first_fd, first_path, follow, name, value, size, WEFT_BUF_OUT, 0);                              \
	}                                                                                                                                  \
	i64 rt_sys_##prefix##setxattr(u64 first, u64 name, u64 value, u64 size, u64 flags)                                                 \
	{                                                                                                                                  \
		return size > 65536 ? -E2BIG : xattr(FSP_SETXATTR, first_fd, first_path, follow, name, value, size, WEFT_BUF_IN, flags);    \
	}                                                                                                                                  \
	i64 rt_sys_##prefix##listxattr(u64 first, u64 list, u64 size)                                                                      \
	{                                                                                                                                  \
		return xattr(FSP_LISTXATTR, first_fd, first_path, follow, 0, list, size, WEFT_BUF_OUT, 0);                                 \
	}                                                                                                                                  \
	i64 rt_sys_##prefix##removexattr(u64 first, u64 name)                                                                              \
	{                                                                                                                                  \
		return xattr(FSP_REMOVEXATTR, first_fd, first_path, follow, name, 0, 0, WEFT_BUF_IN, 0);                                   \
	}
XATTR_FAMILY(, path, -1, path, true)
XATTR_FAMILY(l, path, -1, path, false)
XATTR_FAMILY(f, fd, ((i32)fd < 0 ? WEFT_FD_PRIVATE - 1 : (i32)fd), 0, true)
