/* SPDX-License-Identifier: MIT */
/* dup and fcntl. */
#include "fd.h"
#include "../core/calls.h"
#include <native/fsproto.h>

enum { F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_SETOWN, F_GETOWN, F_SETSIG, F_GETSIG,
	F_SETOWN_EX = 15, F_GETOWN_EX, F_GETOWNER_UIDS, F_OFD_GETLK = 36, F_OFD_SETLK, F_OFD_SETLKW, F_SETLEASE = 1024, F_GETLEASE, F_NOTIFY,
	F_DUPFD_QUERY, F_DUPFD_CLOEXEC = 1030, F_SETPIPE_SZ, F_GETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS, F_GET_RW_HINT, F_SET_RW_HINT, F_GET_FILE_RW_HINT,
	F_SET_FILE_RW_HINT };

i64 rt_sys_dup(u64 fd)
{
	PROGRAM_FD(fd);
	return NC(FD_DUP, (i32)fd, 0, 0, WEFT_RIGHT_ALL);
}

static i64 dup_to(u64 fd, u64 to, u32 flags)
{
	PROGRAM_FD(fd);
	PROGRAM_FD(to);
	return NC(FD_DUP, (i32)fd, (i32)to, WEFT_DUP_EXACT | flags, WEFT_RIGHT_ALL);
}

i64 rt_sys_dup2(u64 fd, u64 to)
{
	if ((i32)fd == (i32)to) {
		PROGRAM_FD(fd);
		i64 r = NC(FD_CTL, (i32)fd, WEFT_FD_GET_FLAGS, 0, 0);
		return r < 0 ? r : (i64)(i32)fd;
	}
	return dup_to(fd, to, 0);
}

i64 rt_sys_dup3(u64 fd, u64 to, u64 flags)
{
	if ((flags & ~(u64)O_CLOEXEC) || (i32)fd == (i32)to)
		return -EINVAL;
	return dup_to(fd, to, flags ? WEFT_DUP_CLOEXEC : 0);
}

struct linux_flock {
	i16 type, whence;
	i32 pad0;
	i64 start, len;
	i32 pid, pad1;
};
_Static_assert(sizeof(struct linux_flock) == 32, "struct flock");

static i64 record_lock(u64 fd, u32 cmd, u64 arg)
{
	bool ofd = cmd >= F_OFD_GETLK;
	struct weft_fd_info info;
	struct linux_flock l;
	i64 base = 0;

	if (copy_in(&l, arg, sizeof(l)))
		return -EFAULT;
	if (ofd)
		cmd -= F_OFD_GETLK - F_GETLK;
	i64 r = rt_fd_info(fd, &info);
	if (r < 0)
		return r;
	if (info.status & O_PATH)
		return -EBADF;
	if ((ofd && l.pid) || (u16)l.type > 2 || (u16)l.whence > 2)
		return -EINVAL;
	if (info.type != WEFT_OBJ_HANDLE)
		return -EINVAL;
	u32 acc = info.status & O_ACCMODE;
	if (cmd != F_GETLK && ((l.type == 0 && acc == O_WRONLY) || (l.type == 1 && acc == O_RDONLY)))
		return -EBADF;
	if (l.whence == 1)
		base = NC(FD_CTL, (i32)fd, WEFT_FD_SEEK, 0, 1);
	else if (l.whence == 2) {
		i64 at = NC(FD_CTL, (i32)fd, WEFT_FD_SEEK, 0, 1);
		base = NC(FD_CTL, (i32)fd, WEFT_FD_SEEK, 0, 2);
		NC(FD_CTL, (i32)fd, WEFT_FD_SEEK, at, 0);
	}
	if (base < 0)
		return base;
	struct fsp_lock k = {.type = l.type, .pid = rt_tp()->pid, .start = base + l.start, .len = l.len};
	if (k.len < 0) {
		k.start += k.len;
		k.len = -k.len;
	}
	if (k.start < 0)
		return -EINVAL;
	struct weft_buf buf = {.addr = (u64)&k, .len = sizeof(k), .flags = WEFT_BUF_IN | WEFT_BUF_OUT};
	struct weft_req q = {.op = FSP_LOCK, .nbufs = 1, .args = {cmd, ofd}, .bufs = (u64)&buf};
	r = UNLESS_IGNORED(NC(FD_CALL, (i32)fd, &q));
	if (r < 0)
		return rt_intr(r, ERESTARTSYS);
	if (cmd == F_GETLK) {
		l.type = k.type;
		if (k.type != 2) {
			l.whence = 0;
			l.start = k.start;
			l.len = k.len;
			l.pid = ofd ? -1 : (i32)k.pid;
		}
		return copy_out(arg, &l, sizeof(l));
	}
	return 0;
}

i64 rt_sys_flock(u64 fd, u64 op)
{
	PROGRAM_FD(fd);
	struct weft_req q = {.op = FSP_FLOCK, .args = {op}};
	u32 what = op & ~4u;

	if (what != 1 && what != 2 && what != 8)
		return -EINVAL;
	struct weft_fd_info info;
	i64 r = rt_fd_info(fd, &info);
	if (r < 0)
		return r;
	if (info.status & O_PATH)
		return -EBADF;
	if (info.type != WEFT_OBJ_HANDLE)
		return info.type == WEFT_OBJ_MEM ? 0 : -EINVAL;
	r = UNLESS_IGNORED(NC(FD_CALL, (i32)fd, &q));
	return rt_intr(r, ERESTARTSYS);
}

static i64 set_status(u64 fd, u64 arg)
{
	struct weft_fd_info info;
	i64 r = rt_fd_info(fd, &info);

	if (r < 0)
		return r;
	if (info.status & O_PATH)
		return -EBADF;
	return NC(FD_CTL, (i32)fd, WEFT_FD_SET_STATUS, arg & (O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME), 0);
}

i64 rt_sys_fcntl(u64 fd, u64 cmd, u64 arg)
{
	i64 r;

	PROGRAM_FD(fd);
	switch ((u32)cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC: {
		i64 limit = NC(FD_CTL, 0, WEFT_FD_LIMIT, -1l, 0);
		if (NC(FD_CTL, (i32)fd, WEFT_FD_GET_FLAGS, 0, 0) < 0)
			return -EBADF;
		if ((i32)arg < 0 || (i64)(i32)arg >= limit)
			return -EINVAL;
		return NC(FD_DUP, (i32)fd, (i32)arg, cmd == F_DUPFD ? 0 : WEFT_DUP_CLOEXEC, WEFT_RIGHT_ALL);
	}
	case F_DUPFD_QUERY:
		PROGRAM_FD(arg);
		return NC(FD_CTL, (i32)fd, WEFT_FD_SAME, (i32)arg, 0);
	case F_GETFD:
		return NC(FD_CTL, (i32)fd, WEFT_FD_GET_FLAGS, 0, 0);
	case F_SETFD:
		return NC(FD_CTL, (i32)fd, WEFT_FD_SET_FLAGS, arg & 1, 0);
	case F_GETFL: {
		struct weft_fd_info info;
		r = NC(FD_CTL, (i32)fd, WEFT_FD_GET_STATUS, 0, 0);
		if (r >= 0 && !(r & O_ACCMODE) && rt_fd_info(fd, &info) >= 0 && info.type == WEFT_OBJ_MEM && (info.rights & WEFT_RIGHT_WRITE))
			r |= O_RDWR;
		return r;
	}
	case F_SETFL:
		return set_status(fd, arg);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return record_lock(fd, cmd, arg);
	case F_SETPIPE_SZ:
		r = rt_fd_type(fd);
		if (r < 0)
			return r;
		if (r != WEFT_OBJ_PIPE)
			return -EBADF;
		if ((i32)arg < 0)
			return -EINVAL;
		return NC(FD_CTL, (i32)fd, WEFT_FD_PIPE_SIZE, MAX((u32)arg, 4096u), 0);
	case F_GETPIPE_SZ:
		r = rt_fd_type(fd);
		if (r < 0)
			return r;
		return r == WEFT_OBJ_PIPE ? NC(FD_CTL, (i32)fd, WEFT_FD_PIPE_SIZE, 0, 0) : -EBADF;
	case F_ADD_SEALS:
		if (arg & ~0x3ful)
			return -EINVAL;
		return NC(MEM_CTL, (i32)fd, WEFT_MEM_ADD_SEALS, arg, 0, 0);
	case F_GET_SEALS:
		return NC(MEM_CTL, (i32)fd, WEFT_MEM_GET_SEALS, 0, 0, 0);
	case F_GETOWN:
	case F_GETSIG:
	case F_GETLEASE:
		r = NC(FD_CTL, (i32)fd, WEFT_FD_GET_FLAGS, 0, 0);
		return r < 0 ? r : cmd == F_GETLEASE ? 2 : 0;
	case F_GET_RW_HINT:
	case F_GET_FILE_RW_HINT:
		r = NC(FD_CTL, (i32)fd, WEFT_FD_GET_FLAGS, 0, 0);
		return r < 0 ? r : put_u64(arg, 0);
	default:
		r = NC(FD_CTL, (i32)fd, WEFT_FD_GET_FLAGS, 0, 0);
		return r < 0 ? r : -EINVAL;
	}
}
