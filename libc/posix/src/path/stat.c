/* SPDX-License-Identifier: MIT */
/* stat in all its forms, statfs, access, readlink. */
#include "path.h"
#include "../core/calls.h"

#define FLAGS_IDLE (WEFT_REQ_NOINTR | WEFT_REQ_IDEMPOTENT)
#define STATX_BASIC 0x7ffu
#define STATX_BTIME 0x800u
#define STATX_MNT_ID 0x1000u

/* An fd of an object that no server knows. */
static void stat_object(const struct weft_fd_info *info, i32 fd, struct fsp_stat *st)
{
	struct weft_mem_info mem;

	memset(st, 0, sizeof(*st));
	st->dev = 0xe;
	st->ino = info->object;
	st->nlink = 1;
	st->blksize = 4096;
	st->mount = 0;
	switch (info->type) {
	case WEFT_OBJ_PIPE:
		st->mode = S_IFIFO | 0600;
		st->dev = 0xd;
		break;
	case WEFT_OBJ_CHANNEL:
	case WEFT_OBJ_DGRAM:
		st->mode = S_IFSOCK | 0777;
		st->dev = 8;
		break;
	case WEFT_OBJ_MEM:
		st->mode = S_IFREG | 0777;
		st->dev = 1;
		if (NC(MEM_CTL, fd, WEFT_MEM_INFO, &mem, 0, 0) >= 0) {
			st->size = mem.size;
			st->blocks = mem.resident / 512;
			st->mtime_ns = mem.mtime_ns;
			st->ctime_ns = mem.ctime_ns;
			if (mem.seals & 0x20)
				st->mode = S_IFREG | 0666;
		}
		break;
	case WEFT_OBJ_SYS:
	case WEFT_OBJ_NONE:
		st->mode = S_IFCHR | 0620;
		st->rdev = 0x501; /* /dev/console */
		st->dev = 5;
		break;
	default:
		st->mode = 0600;
	}
	struct weft_identity id;
	if (NC(IDENT_CTL, -1, WEFT_IDENT_GET, 0xffffffffu, &id) >= 0) {
		st->uid = id.euid;
		st->gid = id.egid;
	}
}

i64 rt_stat_fd(i32 fd, struct fsp_stat *st)
{
	struct weft_buf bufs[3] = {{0, 0, WEFT_BUF_IN}, {0, 0, WEFT_BUF_OUT}, {(u64)st, sizeof(*st), WEFT_BUF_OUT}};
	struct weft_req q = {.op = FSP_STAT, .flags = FLAGS_IDLE, .nbufs = 3, .bufs = (u64)bufs};
	struct weft_fd_info info;
	i64 r = rt_fd_info(fd, &info);

	if (r < 0)
		return r;
	if (info.type != WEFT_OBJ_HANDLE) {
		stat_object(&info, fd, st);
		return 0;
	}
	return rt_cache_fstat(fd, &info, st) ? 0 : NC(FD_CALL, fd, &q);
}

static i64 stat_path(i32 dirfd, u64 user, u32 flags, struct fsp_stat *st)
{
	char path[PATH_MAX];
	i64 n = rt_path_in(path, user, true);

	if (n < 0)
		return n;
	if (!n) {
		if (!(flags & AT_EMPTY_PATH))
			return -ENOENT;
		if (dirfd != AT_FDCWD) {
			PROGRAM_FD(dirfd);
			return rt_stat_fd(dirfd, st);
		}
	}
	i64 r = n ? rt_cache_stat(dirfd, path, flags & AT_SYMLINK_NOFOLLOW ? FSP_WALK_NOFOLLOW : 0, st) : 1;
	if (r <= 0)
		return r;
	struct path_call c = {.op = FSP_STAT, .req_flags = FLAGS_IDLE | WEFT_REQ_PRIVATE | WEFT_REQ_CLOEXEC, .may_fd = true, .dirfd = dirfd, .path = path, .len = n,
		.walk = flags & AT_SYMLINK_NOFOLLOW ? FSP_WALK_NOFOLLOW : 0, .extra = {{(u64)st, sizeof(*st), WEFT_BUF_OUT}}, .nextra = 1};
	r = rt_path_do(&c);
	if (!r && c.magic >= 0)
		return rt_stat_fd(c.magic, st);
	if (!r && c.fd >= 0)
		rt_cache_live(st->ino, c.fd);
	return r;
}

static struct timespec64 time_of(i64 ns)
{
	i64 sec = ns / (i64)NSEC, rest = ns % (i64)NSEC;

	if (rest < 0) {
		rest += NSEC;
		sec--;
	}
	return (struct timespec64){sec, rest};
}

static i64 put_stat(u64 out, const struct fsp_stat *s)
{
	struct linux_stat l = {
		.dev = s->dev, .ino = s->ino, .nlink = s->nlink, .mode = s->mode, .uid = s->uid, .gid = s->gid, .rdev = s->rdev,
		.size = s->size, .blksize = s->blksize, .blocks = s->blocks,
		.atime = time_of(s->atime_ns), .mtime = time_of(s->mtime_ns), .ctime = time_of(s->ctime_ns),
	};

	return copy_out(out, &l, sizeof(l));
}

i64 rt_sys_newfstatat(u64 dirfd, u64 path, u64 out, u64 flags)
{
	struct fsp_stat st;

	if (flags & ~(u64)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT))
		return -EINVAL;
	i64 r = stat_path(dirfd, path, flags, &st);
	return r < 0 ? r : put_stat(out, &st);
}

i64 rt_sys_stat(u64 path, u64 out)
{
	return rt_sys_newfstatat((u64)AT_FDCWD, path, out, 0);
}

i64 rt_sys_lstat(u64 path, u64 out)
{
	return rt_sys_newfstatat((u64)AT_FDCWD, path, out, AT_SYMLINK_NOFOLLOW);
}

i64 rt_sys_fstat(u64 fd, u64 out)
{
	struct fsp_stat st;

	PROGRAM_FD(fd);
	i64 r = rt_stat_fd(fd, &st);
	return r < 0 ? r : put_stat(out, &st);
}

static u32 dev_major(u64 d)
{
	return (d >> 8 & 0xfff) | (u32)(d >> 32 & ~0xffful);
}

static u32 dev_minor(u64 d)
{
	return (d & 0xff) | (d >> 12 & 0xffffff00u);
}

static struct linux_statx_time statx_time(i64 ns)
{
	struct timespec64 t = time_of(ns);

	return (struct linux_statx_time){.sec = t.sec, .nsec = t.nsec};
}

i64 rt_sys_statx(u64 dirfd, u64 path, u64 flags, u64 mask, u64 out)
{
	struct fsp_stat s;
	u8 first = 0;

	if (flags & ~(u64)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE) || (mask & 0x80000000u) ||
		(flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	if (!path && !(flags & AT_EMPTY_PATH))
		return -EFAULT;
	(void)first;
	i64 r = stat_path(dirfd, path, flags, &s);
	if (r < 0)
		return r;
	struct linux_statx x = {
		.mask = STATX_BASIC | STATX_MNT_ID | (s.btime_ns ? STATX_BTIME : 0), .blksize = s.blksize, .attributes = s.attributes,
		.nlink = s.nlink, .uid = s.uid, .gid = s.gid, .mode = s.mode, .ino = s.ino, .size = s.size, .blocks = s.blocks,
		.attributes_mask = 0x2000 | s.attributes,
		.atime = statx_time(s.atime_ns), .btime = statx_time(s.btime_ns), .ctime = statx_time(s.ctime_ns), .mtime = statx_time(s.mtime_ns),
		.rdev_major = dev_major(s.rdev), .rdev_minor = dev_minor(s.rdev), .dev_major = dev_major(s.dev), .dev_minor = dev_minor(s.dev),
		.mnt_id = s.mount,
	};
	return copy_out(out, &x, sizeof(x));
}

static i64 access_path(i32 dirfd, u64 user, u64 mode, u32 flags)
{
	char path[PATH_MAX];

	if (mode & ~7ul)
		return -EINVAL;
	i64 n = rt_path_in(path, user, flags & AT_EMPTY_PATH);
	if (n < 0)
		return n;
	i64 r = n && !(flags & AT_SYMLINK_NOFOLLOW) ? rt_cache_access(dirfd, path, mode) : 1;
	if (r <= 0)
		return r;
	struct path_call c = {.op = FSP_ACCESS, .req_flags = FLAGS_IDLE, .dirfd = dirfd, .path = path, .len = n, .arg0 = mode,
		.walk = (flags & AT_SYMLINK_NOFOLLOW ? FSP_WALK_NOFOLLOW : 0) | (flags & AT_EACCESS ? FSP_WALK_EFFECTIVE : 0)};
	return rt_path_do(&c);
}

i64 rt_sys_access(u64 path, u64 mode)
{
	return access_path(AT_FDCWD, path, mode, 0);
}

i64 rt_sys_faccessat(u64 dirfd, u64 path, u64 mode)
{
	return access_path(dirfd, path, mode, 0);
}

i64 rt_sys_faccessat2(u64 dirfd, u64 path, u64 mode, u64 flags)
{
	if (flags & ~(u64)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_EACCESS))
		return -EINVAL;
	return access_path(dirfd, path, mode, flags);
}

static i64 readlink_path(i32 dirfd, u64 user, u64 out, u64 size)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *rest;

	if ((i32)size <= 0)
		return -EINVAL;
	i64 n = rt_path_in(path, user, true);
	if (n < 0)
		return n;
	if (!n && dirfd == AT_FDCWD)
		return -ENOENT;
	i32 own = rt_fd_of_path(path, &rest);
	bool exe = rt_string_eq(path, "/proc/self/exe");
	if (exe || (own >= 0 && !*rest && path[1] == 'p')) {
		if (own >= 0 && rt_fd_type(own) < 0)
			return -ENOENT;
		n = rt_fd_path(exe ? rt_proc()->exe : own, target, sizeof(target));
		if (exe && n < 0) /* started from the boot archive: no path but the one given */
			n = rt_format(target, sizeof(target), "%s", rt_proc()->exe_path);
		if (n < 0)
			return n;
		n = MIN((u64)n, (u64)(u32)size);
		return copy_out(out, target, n) ? -EFAULT : n;
	}
	struct path_call c = {.op = FSP_READLINK, .req_flags = FLAGS_IDLE, .dirfd = dirfd, .path = path, .len = n, .walk = FSP_WALK_NOFOLLOW,
		.extra = {{out, MIN((u32)size, (u32)PATH_MAX), WEFT_BUF_OUT}}, .nextra = 1};
	i64 r = rt_path_do(&c);
	if (r < 0)
		return r;
	return MIN(c.out[2], (u64)(u32)size);
}

i64 rt_sys_readlink(u64 path, u64 out, u64 size)
{
	return readlink_path(AT_FDCWD, path, out, size);
}

i64 rt_sys_readlinkat(u64 dirfd, u64 path, u64 out, u64 size)
{
	return readlink_path(dirfd, path, out, size);
}

static i64 put_statfs(u64 out, const struct fsp_statfs *s)
{
	struct linux_statfs l = {.type = s->type, .bsize = s->bsize, .blocks = s->blocks, .bfree = s->bfree, .bavail = s->bavail, .files = s->files,
		.ffree = s->ffree, .fsid = {(i32)s->fsid, (i32)(s->fsid >> 32)}, .namelen = s->namelen, .frsize = s->frsize, .flags = s->flags};

	return copy_out(out, &l, sizeof(l));
}

i64 rt_sys_statfs(u64 user, u64 out)
{
	char path[PATH_MAX];
	struct fsp_statfs st = {0};
	i64 n = rt_path_in(path, user, false);

	if (n < 0)
		return n;
	struct path_call c = {.op = FSP_STATFS, .req_flags = FLAGS_IDLE, .dirfd = AT_FDCWD, .path = path, .len = n,
		.extra = {{(u64)&st, sizeof(st), WEFT_BUF_OUT}}, .nextra = 1};
	i64 r = rt_path_do(&c);
	return r < 0 ? r : put_statfs(out, &st);
}

i64 rt_sys_fstatfs(u64 fd, u64 out)
{
	struct fsp_statfs st = {.bsize = 4096, .frsize = 4096, .namelen = 255};
	struct weft_fd_info info;
	char empty[8] = "";

	PROGRAM_FD(fd);
	i64 r = rt_fd_info(fd, &info);
	if (r < 0)
		return r;
	if (info.type != WEFT_OBJ_HANDLE) {
		st.type = info.type == WEFT_OBJ_PIPE ? 0x50495045 : info.type == WEFT_OBJ_CHANNEL ? 0x534f434b :
			info.type == WEFT_OBJ_MEM ? 0x01021994 : 0x09041934;
		return put_statfs(out, &st);
	}
	struct path_call c = {.op = FSP_STATFS, .req_flags = FLAGS_IDLE, .dirfd = fd, .path = empty,
		.extra = {{(u64)&st, sizeof(st), WEFT_BUF_OUT}}, .nextra = 1};
	r = rt_path_do(&c);
	return r < 0 ? r : put_statfs(out, &st);
}
