/* SPDX-License-Identifier: MIT */
/* Opening, and what a directory handle is for: chdir, getcwd, getdents. */
#include "path.h"
#include "../core/calls.h"

i64 rt_open_at(i32 dirfd, bool internal, char *path, u32 len, u32 flags, u32 mode, u32 walk, u32 req_flags, u32 *mode_out)
{
	struct path_call c = {.op = FSP_OPEN, .dirfd = dirfd, .internal = internal, .path = path, .len = len, .walk = walk, .want_fd = true,
		.arg0 = flags & ~O_CLOEXEC, .arg2 = mode, .req_flags = req_flags};

	if (flags & O_PATH)
		c.arg0 = flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW);
	if ((flags & O_NOFOLLOW) || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		c.walk |= FSP_WALK_NOFOLLOW;
	i64 r = rt_path_do(&c);
	if (r)
		return r;
	if (mode_out)
		*mode_out = c.magic < 0 ? c.out[3] : 0;
	if (c.magic < 0) {
		if (c.out[2] & FSP_OPENED_WAIT) {
			struct weft_req q = {.op = FSP_FIFO_WAIT};
			r = UNLESS_IGNORED(NC(FD_CALL, c.fd, &q));
			if (r < 0) {
				NC(FD_CLOSE, c.fd);
				return rt_intr(r, ERESTARTSYS);
			}
		}
		return c.fd;
	}
	/* An object without a node: the same object again. */
	if (flags & (O_DIRECTORY | O_CREAT) & ~O_CREAT)
		return -ENOTDIR;
	return NC(FD_DUP, c.magic, 0, (req_flags & WEFT_REQ_CLOEXEC ? WEFT_DUP_CLOEXEC : 0) | (req_flags & WEFT_REQ_PRIVATE ? WEFT_DUP_PRIVATE : 0),
		WEFT_RIGHT_ALL);
}

i64 rt_open_private(const char *path, u32 flags)
{
	char buf[PATH_MAX];

	rt_string_set(buf, sizeof(buf), path);
	return rt_open_at(AT_FDCWD, true, buf, strlen(buf), flags, 0, 0, WEFT_REQ_PRIVATE, NULL);
}

static i64 open_user(i32 dirfd, u64 user, u64 flags, u64 mode, u32 walk)
{
	char path[PATH_MAX];
	i64 n = rt_path_in(path, user, false);

	if (n < 0)
		return n;
	if ((flags & O_TMPFILE) == O_TMPFILE && (flags & O_ACCMODE) == O_RDONLY)
		return -EINVAL;
	if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY) && (flags & O_TMPFILE) != O_TMPFILE)
		return -EINVAL;
	/* Programs look for files in many places: most are not there. And some they open often. */
	struct fsp_stat st;
	i64 known = flags & O_CREAT || walk ? 1 : rt_cache_name(dirfd, path, flags & O_NOFOLLOW ? FSP_WALK_NOFOLLOW : 0, &st);
	if (known == -ENOENT)
		return known;
	bool again = !known && rt_reopen_fits(flags, &st);
	i64 fd = again ? rt_reopen(&st, flags) : -EAGAIN;
	if (fd != -EAGAIN)
		return fd;
	u32 m = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? mode & 07777 & ~rt_proc()->umask : 0;
	fd = rt_open_at(dirfd, false, path, n, flags | O_LARGEFILE, m, walk, flags & O_CLOEXEC ? WEFT_REQ_CLOEXEC : 0, NULL);
	if (again && fd >= 0)
		rt_reopen_note(&st, flags, fd);
	return fd;
}

i64 rt_sys_openat(u64 dirfd, u64 path, u64 flags, u64 mode)
{
	return open_user(dirfd, path, flags, mode, 0);
}

i64 rt_sys_open(u64 path, u64 flags, u64 mode)
{
	return open_user(AT_FDCWD, path, flags, mode, 0);
}

i64 rt_sys_creat(u64 path, u64 mode)
{
	return open_user(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode, 0);
}

struct open_how {
	u64 flags, mode, resolve;
};
#define RESOLVE_NO_XDEV 1u
#define RESOLVE_NO_MAGICLINKS 2u
#define RESOLVE_NO_SYMLINKS 4u
#define RESOLVE_BENEATH 8u
#define RESOLVE_IN_ROOT 16u
#define RESOLVE_CACHED 32u
i64 rt_sys_openat2(u64 dirfd, u64 path, u64 how, u64 size)
{
	struct open_how h;
	u32 walk = 0;

	if (size < sizeof(h))
		return -EINVAL;
	if (copy_in(&h, how, sizeof(h)))
		return -EFAULT;
	for (u64 at = sizeof(h); at < MIN(size, 4096ul); at++) {
		u8 b;
		if (get_u8(&b, how + at))
			return -EFAULT;
		if (b)
			return -E2BIG;
	}
	if (h.resolve & ~63ul || (h.mode & ~07777ul) || (h.mode && !(h.flags & (O_CREAT | 020000000u))))
		return -EINVAL;
	if (h.resolve & RESOLVE_CACHED)
		return -EAGAIN;
	if (h.resolve & (RESOLVE_IN_ROOT | RESOLVE_NO_XDEV))
		return -EOPNOTSUPP;
	walk |= h.resolve & RESOLVE_BENEATH ? FSP_WALK_BENEATH : 0;
	walk |= h.resolve & RESOLVE_NO_SYMLINKS ? FSP_WALK_NO_LINKS : 0;
	return open_user(dirfd, path, h.flags, h.mode, walk);
}

/* A directory that the caller may search, for chdir and chroot. -> private fd */
static i64 open_dir(i32 dirfd, u64 user)
{
	char path[PATH_MAX];
	i64 n = rt_path_in(path, user, false), r;

	if (n < 0)
		return n;
	r = rt_open_at(dirfd, false, path, n, O_PATH | O_DIRECTORY, 0, FSP_WALK_DIRECTORY, WEFT_REQ_PRIVATE, NULL);
	if (r < 0)
		return r;
	path[0] = 0;
	struct path_call c = {.op = FSP_ACCESS, .dirfd = r, .internal = true, .path = path, .len = 0, .arg0 = 1, .walk = FSP_WALK_EFFECTIVE};
	i64 err = rt_path_do(&c);
	if (err < 0) {
		NC(FD_CLOSE, r);
		return err;
	}
	return r;
}

static void replace_dir(i32 *which, i32 to)
{
	struct rt_proc *p = rt_proc();

	rt_lock_take(&p->fs_lock);
	i32 old = *which;
	*which = to;
	(which == &p->root ? &p->root_place : &p->cwd_place)->known = 0;
	rt_publish(p);
	rt_lock_drop(&p->fs_lock);
	NC(FD_CLOSE, old);
}

i64 rt_sys_chdir(u64 path)
{
	i64 r = open_dir(AT_FDCWD, path);

	if (r < 0)
		return r;
	replace_dir(&rt_proc()->cwd, r);
	return 0;
}

i64 rt_sys_fchdir(u64 fd)
{
	struct weft_fd_info info;
	char empty[8] = "";

	PROGRAM_FD(fd);
	i64 r = rt_fd_info(fd, &info);
	if (r < 0)
		return r;
	if (info.type != WEFT_OBJ_HANDLE || (info.attr.mode & S_IFMT) != S_IFDIR)
		return -ENOTDIR;
	struct path_call c = {.op = FSP_ACCESS, .dirfd = fd, .path = empty, .arg0 = 1, .walk = FSP_WALK_EFFECTIVE};
	r = rt_path_do(&c);
	if (r < 0)
		return r;
	r = NC(FD_DUP, (i32)fd, 0, WEFT_DUP_PRIVATE, WEFT_RIGHT_ALL);
	if (r < 0)
		return r;
	replace_dir(&rt_proc()->cwd, r);
	return 0;
}

i64 rt_sys_chroot(u64 path)
{
	struct weft_identity id;

	i64 r = NC(IDENT_CTL, -1, WEFT_IDENT_GET, 0xffffffffu, &id);
	if (r < 0)
		return r;
	if (!(id.cap_effective & (1ul << 18)))
		return -EPERM;
	r = open_dir(AT_FDCWD, path);
	if (r < 0)
		return r;
	replace_dir(&rt_proc()->root, r);
	return 0;
}

/* Where a node is mounted, or the scheme whose root it is. No slash at the end: the root directory is empty. -> length */
static u32 place_of(struct rt_proc *p, u64 scheme, u64 top, char *to, u32 size)
{
	struct weft_fd_info root;

	for (u32 i = p->nmounts; i-- > 0;)
		if (p->mounts[i].at >= 0 && p->mounts[i].mounted == scheme && p->mounts[i].top == top)
			return rt_format(to, size - 1, "%s", p->mounts[i].path);
	if (p->root >= 0 && rt_fd_info(p->root, &root) >= 0 && root.scheme == scheme)
		return 0;
	return rt_scheme_place(scheme, to, size - 1);
}

/* The path from the root of its mount, behind the place of that. */
i64 rt_fd_path(i32 fd, char *buf, u32 size)
{
	struct weft_fd_info info;
	i64 r = rt_fd_info(fd, &info);

	if (r < 0)
		return r;
	switch (info.type) {
	case WEFT_OBJ_HANDLE:
		break;
	case WEFT_OBJ_PIPE:
		return rt_format(buf, size, "pipe:[%lu]", info.object);
	case WEFT_OBJ_CHANNEL:
	case WEFT_OBJ_DGRAM:
		return rt_format(buf, size, "socket:[%lu]", info.object);
	case WEFT_OBJ_POLLSET:
		return rt_format(buf, size, "anon_inode:[eventpoll]");
	case WEFT_OBJ_COUNTER:
		return rt_format(buf, size, "anon_inode:[eventfd]");
	case WEFT_OBJ_TIMER:
		return rt_format(buf, size, "anon_inode:[timerfd]");
	case WEFT_OBJ_SIGNALS:
		return rt_format(buf, size, "anon_inode:[signalfd]");
	case WEFT_OBJ_PROCESS:
		return rt_format(buf, size, "anon_inode:[pidfd]");
	case WEFT_OBJ_FENCE:
		return rt_format(buf, size, "anon_inode:sync_file");
	case WEFT_OBJ_MEM:
		return rt_format(buf, size, "/memfd: (deleted)");
	default:
		return rt_format(buf, size, "/dev/console");
	}
	struct weft_buf b = {(u64)buf, size, WEFT_BUF_OUT};
	struct weft_req q = {.op = FSP_PATH, .nbufs = 1, .bufs = (u64)&b, .flags = WEFT_REQ_NOINTR};
	r = NC(FD_CALL, fd, &q);
	if (r < 0)
		return r == -ERANGE ? -ENAMETOOLONG : r;
	char place[64];
	u64 k = place_of(rt_proc(), info.scheme, q.out[0], place, sizeof(place)), n = q.out[1];
	if (n || !k)
		place[k++] = '/';
	if (k + n >= size)
		return -ENAMETOOLONG;
	memmove(buf + k, buf, n);
	memcpy(buf, place, k);
	buf[k + n] = 0;
	return k + n;
}

i64 rt_sys_getcwd(u64 out, u64 size)
{
	struct rt_proc *p = rt_proc();
	char buf[PATH_MAX];

	if (p->cwd < 0)
		return -ENOENT;
	i64 n = rt_fd_path(p->cwd, buf, sizeof(buf));
	if (n < 0)
		return n;
	if (n > 10 && rt_string_eq(buf + n - 10, " (deleted)"))
		return -ENOENT;
	if ((u64)n + 1 > size)
		return -ERANGE;
	return copy_out(out, buf, n + 1) ? -EFAULT : n + 1;
}

i64 rt_sys_getdents64(u64 fd, u64 buf, u64 size)
{
	PROGRAM_FD(fd);
	struct weft_buf b = {buf, MIN((u32)size, 0x100000u), WEFT_BUF_OUT};
	struct weft_req q = {.op = FSP_GETDENTS, .nbufs = 1, .bufs = (u64)&b, .flags = WEFT_REQ_NOINTR};
	struct weft_fd_info info;
	i64 r = NC(FD_CALL, (i32)fd, &q);

	if (r == -WEFT_ERETRY)
		r = rt_scheme_getdents(fd, &b);
	if (r >= 0)
		return r;
	if (rt_fd_info(fd, &info) < 0 || (info.status & O_PATH))
		return -EBADF;
	if (info.type != WEFT_OBJ_HANDLE || (info.attr.mode & S_IFMT) != S_IFDIR)
		return -ENOTDIR;
	return r;
}

i64 rt_sys_umask(u64 mask)
{
	struct rt_proc *p = rt_proc();
	u32 old = __atomic_exchange_n(&p->umask, mask & 0777, __ATOMIC_RELAXED);

	rt_publish(p);
	return old;
}
