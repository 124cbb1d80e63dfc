/* SPDX-License-Identifier: MIT */
/* read and write in all their forms; the kernel does the work for every kind of fd. */
#include "fd.h"
#include "../core/calls.h"

i64 rt_raise(int signo)
{
	struct weft_siginfo si = {.signo = signo, .code = SI_KERNEL};

	return NC(SIG_POST, -1, rt_tp()->tid, signo, &si);
}

i64 rt_fd_type(u64 fd)
{
	struct weft_fd_info info;

	PROGRAM_FD(fd);
	i64 r = rt_fd_info(fd, &info);
	return r < 0 ? r : info.type;
}

/* An fd that lacks the right was not opened so; with it, the object itself refuses: a seal. */
static i64 refused(i32 fd, u32 right)
{
	struct weft_fd_info info;

	return rt_fd_info(fd, &info) < 0 || (info.status & O_PATH) || !(info.rights & right) ? -EBADF : -EPERM;
}

static i64 done_read(i32 fd, i64 r)
{
	if (likely(r >= 0))
		return r;
	if (r == -EPERM)
		return refused(fd, WEFT_RIGHT_READ);
	return r == -EINTR ? -ERESTARTSYS : r;
}

static i64 done_write(i32 fd, i64 r)
{
	if (likely(r >= 0))
		return r;
	if (r == -EPIPE)
		rt_raise(SIGPIPE);
	if (r == -EPERM)
		return refused(fd, WEFT_RIGHT_WRITE);
	return r == -EINTR ? -ERESTARTSYS : r;
}

i64 rt_sys_read(u64 fd, u64 buf, u64 n)
{
	PROGRAM_FD(fd);
	return done_read(fd, SOCK_TIMED(fd, false, NC(FD_READ, (i32)fd, buf, MIN(n, RW_MAX), -1l, 0),
		NC(FD_READ, (i32)fd, buf, MIN(n, RW_MAX), -1l, WEFT_IO_NONBLOCK)));
}

i64 rt_sys_write(u64 fd, u64 buf, u64 n)
{
	PROGRAM_FD(fd);
	i64 r = SOCK_TIMED(fd, true, NC(FD_WRITE, (i32)fd, buf, MIN(n, RW_MAX), -1l, 0),
		NC(FD_WRITE, (i32)fd, buf, MIN(n, RW_MAX), -1l, WEFT_IO_NONBLOCK));
	if (unlikely(r == -EDESTADDRREQ)) {
		struct weft_iov iov = {buf, MIN(n, RW_MAX)};
		return rt_sock_write(fd, (u64)&iov, 1);
	}
	return done_write(fd, r);
}

i64 rt_sys_pread64(u64 fd, u64 buf, u64 n, u64 off)
{
	PROGRAM_FD(fd);
	if ((i64)off < 0)
		return -EINVAL;
	return done_read(fd, UNLESS_IGNORED(NC(FD_READ, (i32)fd, buf, MIN(n, RW_MAX), off, 0)));
}

i64 rt_sys_pwrite64(u64 fd, u64 buf, u64 n, u64 off)
{
	PROGRAM_FD(fd);
	if ((i64)off < 0)
		return -EINVAL;
	return done_write(fd, UNLESS_IGNORED(NC(FD_WRITE, (i32)fd, buf, MIN(n, RW_MAX), off, 0)));
}

static i64 vector_check(u64 n)
{
	return n > 1024 ? -EINVAL : 0;
}

i64 rt_sys_readv(u64 fd, u64 iov, u64 n)
{
	PROGRAM_FD(fd);
	if (vector_check(n))
		return -EINVAL;
	return done_read(fd, SOCK_TIMED(fd, false, NC(FD_READ, (i32)fd, iov, n, -1l, WEFT_IO_VEC),
		NC(FD_READ, (i32)fd, iov, n, -1l, WEFT_IO_VEC | WEFT_IO_NONBLOCK)));
}

i64 rt_sys_writev(u64 fd, u64 iov, u64 n)
{
	PROGRAM_FD(fd);
	if (vector_check(n))
		return -EINVAL;
	i64 r = SOCK_TIMED(fd, true, NC(FD_WRITE, (i32)fd, iov, n, -1l, WEFT_IO_VEC),
		NC(FD_WRITE, (i32)fd, iov, n, -1l, WEFT_IO_VEC | WEFT_IO_NONBLOCK));
	return unlikely(r == -EDESTADDRREQ) ? rt_sock_write(fd, iov, n) : done_write(fd, r);
}

#define RWF_HIPRI 1u
#define RWF_DSYNC 2u
#define RWF_SYNC 4u
#define RWF_NOWAIT 8u
#define RWF_APPEND 16u

static i64 rw_flags(u64 flags, u32 *io)
{
	if (flags & ~(u64)(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND))
		return -EOPNOTSUPP;
	*io = WEFT_IO_VEC | (flags & RWF_NOWAIT ? WEFT_IO_NONBLOCK : 0) | (flags & RWF_APPEND ? WEFT_IO_APPEND : 0);
	return 0;
}

/* The high half of the offset is for 32-bit machines. -1 is the shared offset, for the second versions only. */
i64 rt_sys_preadv2(u64 fd, u64 iov, u64 n, u64 lo, u64 hi, u64 flags)
{
	u32 io;
	i64 r;

	(void)hi;
	PROGRAM_FD(fd);
	if (vector_check(n) || (i64)lo < -1)
		return -EINVAL;
	r = rw_flags(flags, &io);
	return r ? r : done_read(fd, UNLESS_IGNORED(NC(FD_READ, (i32)fd, iov, n, lo, io)));
}

i64 rt_sys_pwritev2(u64 fd, u64 iov, u64 n, u64 lo, u64 hi, u64 flags)
{
	u32 io;
	i64 r;

	(void)hi;
	PROGRAM_FD(fd);
	if (vector_check(n) || (i64)lo < -1)
		return -EINVAL;
	r = rw_flags(flags, &io);
	if (r)
		return r;
	r = done_write(fd, UNLESS_IGNORED(NC(FD_WRITE, (i32)fd, iov, n, lo, io)));
	if (r > 0 && (flags & (RWF_DSYNC | RWF_SYNC)))
		rt_sys_fsync(fd);
	return r;
}

i64 rt_sys_preadv(u64 fd, u64 iov, u64 n, u64 lo, u64 hi)
{
	if ((i64)lo < 0)
		return -EINVAL;
	return rt_sys_preadv2(fd, iov, n, lo, hi, 0);
}

i64 rt_sys_pwritev(u64 fd, u64 iov, u64 n, u64 lo, u64 hi)
{
	if ((i64)lo < 0)
		return -EINVAL;
	return rt_sys_pwritev2(fd, iov, n, lo, hi, 0);
}

i64 rt_sys_close(u64 fd)
{
	PROGRAM_FD(fd);
	rt_lock_closing(fd);
	return NC(FD_CLOSE, (i32)fd);
}

#define CLOSE_RANGE_UNSHARE 2u
#define CLOSE_RANGE_CLOEXEC 4u
i64 rt_sys_close_range(u64 lo, u64 hi, u64 flags)
{
	if ((flags & ~(u64)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) || (u32)lo > (u32)hi)
		return -EINVAL;
	if ((u32)lo >= WEFT_FD_PRIVATE)
		return 0;
	if (!(flags & CLOSE_RANGE_CLOEXEC))
		rt_lock_closing_range(lo, hi, false);
	return NC(FD_CLOSE_RANGE, (u32)lo, MIN((u32)hi, (u32)WEFT_FD_PRIVATE - 1), flags & CLOSE_RANGE_CLOEXEC ? WEFT_CLOSE_CLOEXEC : 0);
}

i64 rt_sys_lseek(u64 fd, u64 off, u64 whence)
{
	PROGRAM_FD(fd);
	if (whence > 4)
		return -EINVAL;
	if (whence >= 3) { /* SEEK_DATA, SEEK_HOLE: a file without known holes is all data */
		i64 at = NC(FD_CTL, (i32)fd, WEFT_FD_SEEK, 0, 1);
		if (at < 0)
			return at;
		i64 end = NC(FD_CTL, (i32)fd, WEFT_FD_SEEK, 0, 2);
		if (end < 0)
			return end;
		i64 to = whence == 3 ? (i64)off : end;
		if ((i64)off < 0 || (i64)off >= end) {
			NC(FD_CTL, (i32)fd, WEFT_FD_SEEK, at, 0);
			return -ENXIO;
		}
		return NC(FD_CTL, (i32)fd, WEFT_FD_SEEK, to, 0);
	}
	return NC(FD_CTL, (i32)fd, WEFT_FD_SEEK, off, whence);
}
