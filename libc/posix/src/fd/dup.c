/* SPDX-License-Identifier: MIT */
/* dup and fcntl. */
#include "fd.h"
#include "../core/calls.h"

i64 rt_sys_dup(u64 fd)
{
	PROGRAM_FD(fd);
	return NC(FD_DUP, (i32)fd, 0, 0, WEFT_RIGHT_ALL);
}

static i64 dup_to(u64 fd, u64 to, u32 flags)
{
	PROGRAM_FD(fd);
	PROGRAM_FD(to);
	rt_lock_closing(to);
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
		return rt_record_lock(fd, cmd, arg);
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
		r = rt_fd_type(fd);
		return r < 0 ? r : r == WEFT_OBJ_MEM ? NC(MEM_CTL, (i32)fd, WEFT_MEM_ADD_SEALS, arg, 0, 0) : -EINVAL;
	case F_GET_SEALS:
		r = rt_fd_type(fd);
		return r < 0 ? r : r == WEFT_OBJ_MEM ? NC(MEM_CTL, (i32)fd, WEFT_MEM_GET_SEALS, 0, 0, 0) : -EINVAL;
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
