/* SPDX-License-Identifier: MIT */
/* Space, sync and copies between fds. */
#include "../path/path.h"
#include "../core/calls.h"

#define FALLOC_KEEP_SIZE 1u
#define FALLOC_PUNCH_HOLE 2u
#define FALLOC_ZERO_RANGE 16u

static i64 mem_fallocate(i32 fd, u64 mode, u64 off, u64 len)
{
	struct weft_mem_info m;
	i64 r = NC(MEM_CTL, fd, WEFT_MEM_INFO, &m, 0, 0);

	if (r < 0)
		return r;
	if (mode == (FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE)) {
		if (off >= m.size)
			return 0;
		return NC(MEM_CTL, fd, WEFT_MEM_PUNCH, off, MIN(len, m.size - off), 0);
	}
	if (mode & ~(u64)FALLOC_KEEP_SIZE)
		return -EOPNOTSUPP;
	if (off + len > m.size) {
		if (mode & FALLOC_KEEP_SIZE)
			return 0;
		r = NC(MEM_CTL, fd, WEFT_MEM_RESIZE, off + len, 0, 0);
		if (r < 0)
			return r;
	}
	return NC(MEM_CTL, fd, WEFT_MEM_COMMIT, off, len, 0);
}

i64 rt_sys_fallocate(u64 fd, u64 mode, u64 off, u64 len)
{
	struct weft_fd_info info;

	PROGRAM_FD(fd);
	if ((i64)off < 0 || (i64)len <= 0)
		return -EINVAL;
	if ((i64)(off + len) < 0)
		return -EFBIG;
	i64 r = rt_fd_info(fd, &info);
	if (r < 0)
		return r;
	/* What a memfd may is in its rights: it was not opened, and has no access mode. */
	if (info.type == WEFT_OBJ_MEM)
		return info.rights & WEFT_RIGHT_WRITE ? mem_fallocate(fd, mode, off, len) : -EBADF;
	if ((info.status & O_PATH) || (info.status & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	if (info.type != WEFT_OBJ_HANDLE)
		return info.type == WEFT_OBJ_PIPE ? -ESPIPE : -ENODEV;
	struct weft_req q = {.op = FSP_FALLOCATE, .flags = WEFT_REQ_NOINTR, .args = {mode, off, len}};
	return NC(FD_CALL, (i32)fd, &q);
}

static i64 sync_fd(u64 fd, u32 op, u64 arg)
{
	struct weft_fd_info info;
	/* Twice is as good as once, should the server die meanwhile. */
	struct weft_req q = {.op = op, .flags = WEFT_REQ_NOINTR | WEFT_REQ_IDEMPOTENT, .args = {arg}};

	PROGRAM_FD(fd);
	i64 r = rt_fd_info(fd, &info);
	if (r < 0)
		return r;
	if (info.status & O_PATH)
		return -EBADF;
	if (info.type == WEFT_OBJ_MEM)
		return 0;
	if (info.type != WEFT_OBJ_HANDLE)
		return op == FSP_SYNCFS ? 0 : -EINVAL;
	if (op == FSP_FSYNC && (info.flags & WEFT_INFO_HAS_MEM)) {
		r = NC(MEM_CTL, (i32)fd, WEFT_MEM_SYNC, 0, ~0ul >> 1, 0);
		if (r == -EIO || r == -ENOSPC)
			return r;
	}
	r = NC(FD_CALL, (i32)fd, &q);
	return r == -ENOSYS ? -EINVAL : r;
}

i64 rt_sys_fsync(u64 fd)
{
	return sync_fd(fd, FSP_FSYNC, 0);
}

i64 rt_sys_fdatasync(u64 fd)
{
	return sync_fd(fd, FSP_FSYNC, 1);
}

i64 rt_sys_syncfs(u64 fd)
{
	return sync_fd(fd, FSP_SYNCFS, 0);
}

i64 rt_sys_sync(void)
{
	struct rt_proc *p = rt_proc();

	for (u32 i = 0; i <= p->nmounts; i++) {
		struct weft_req q = {.op = FSP_SYNCFS, .flags = WEFT_REQ_NOINTR};
		NC(FD_CALL, i < p->nmounts ? p->mounts[i].root : p->root, &q);
	}
	return 0;
}

i64 rt_sys_sync_file_range(u64 fd, u64 off, u64 len, u64 flags)
{
	if ((i64)off < 0 || (i64)len < 0 || (flags & ~7ul))
		return -EINVAL;
	i64 type = rt_fd_type(fd);
	return type < 0 ? type : type == WEFT_OBJ_HANDLE || type == WEFT_OBJ_MEM ? rt_sys_fdatasync(fd) : -ESPIPE;
}

i64 rt_sys_fadvise64(u64 fd, u64 off, u64 len, u64 advice)
{
	enum { DONTNEED = 4, NOREUSE = 5 };
	struct weft_req q = {.op = FSP_FORGET, .flags = WEFT_REQ_NOINTR | WEFT_REQ_IDEMPOTENT, .args = {off, len}};
	i64 type = rt_fd_type(fd);

	if (type < 0)
		return type;
	if (type == WEFT_OBJ_PIPE || type == WEFT_OBJ_CHANNEL)
		return -ESPIPE;
	if (advice > NOREUSE || (i64)len < 0)
		return -EINVAL;
	/* A hint: who has no use for it, or knows it not, has done nothing wrong. */
	if (advice == DONTNEED && type == WEFT_OBJ_HANDLE)
		NC(FD_CALL, (i32)fd, &q);
	return 0;
}

i64 rt_sys_readahead(u64 fd, u64 off, u64 n)
{
	i64 type = rt_fd_type(fd);

	(void)off;
	(void)n;
	return type < 0 ? type : type == WEFT_OBJ_HANDLE || type == WEFT_OBJ_MEM ? 0 : -EINVAL;
}

/* Copies by way of our own stack; offsets -1: the fd's own. -> bytes */
static i64 pump(i32 in, i64 *in_off, i32 out, i64 *out_off, u64 n, u32 in_flags, u32 out_flags)
{
	u8 buf[8192];
	u64 done = 0;

	while (done < n) {
		i64 r = UNLESS_IGNORED(NC(FD_READ, in, buf, MIN(n - done, sizeof(buf)), in_off ? *in_off : -1l, done ? in_flags | WEFT_IO_NONBLOCK : in_flags));
		if (r <= 0)
			return done ? (i64)done : r;
		u64 put = 0;
		while (put < (u64)r) {
			i64 w = UNLESS_IGNORED(NC(FD_WRITE, out, buf + put, r - put, out_off ? *out_off : -1l, out_flags));
			if (w <= 0) {
				/* What was read and cannot be written goes back where that is possible. */
				if (!in_off)
					NC(FD_CTL, in, WEFT_FD_SEEK, (i64)put - r, 1);
				else
					*in_off += put;
				if (w == -EPIPE)
					rt_raise(SIGPIPE);
				return done + put ? (i64)(done + put) : w;
			}
			put += w;
			if (out_off)
				*out_off += w;
		}
		if (in_off)
			*in_off += r;
		done += r;
		if ((u64)r < MIN(n - done + r, sizeof(buf)))
			break;
	}
	return done;
}

i64 rt_sys_sendfile(u64 out, u64 in, u64 offp, u64 n)
{
	i64 off, r;

	PROGRAM_FD(out);
	PROGRAM_FD(in);
	i64 type = rt_fd_type(in);
	if (type < 0)
		return type;
	if (type != WEFT_OBJ_HANDLE && type != WEFT_OBJ_MEM)
		return -EINVAL;
	if (offp) {
		if (get_u64((u64 *)&off, offp))
			return -EFAULT;
		if (off < 0)
			return -EINVAL;
	}
	r = pump(in, offp ? &off : NULL, out, NULL, MIN(n, RW_MAX), 0, 0);
	if (offp && put_u64(offp, off))
		return -EFAULT;
	return rt_intr(r, ERESTARTSYS);
}

static i64 file_check(const struct weft_fd_info *f, u32 right)
{
	u32 type = f->attr.mode & S_IFMT;

	if (f->type != WEFT_OBJ_MEM && (f->type != WEFT_OBJ_HANDLE || type != S_IFREG))
		return f->type == WEFT_OBJ_HANDLE && type == S_IFDIR ? -EISDIR : -EINVAL;
	return (f->status & O_PATH) || !(f->rights & right) || (right == WEFT_RIGHT_WRITE && (f->status & O_APPEND)) ? -EBADF : 0;
}

i64 rt_sys_copy_file_range(u64 in, u64 inp, u64 out, u64 outp, u64 n, u64 flags)
{
	i64 a = 0, b = 0, r;

	PROGRAM_FD(in);
	PROGRAM_FD(out);
	if (flags)
		return -EINVAL;
	struct weft_fd_info from, to;
	if (rt_fd_info(in, &from) < 0 || rt_fd_info(out, &to) < 0)
		return -EBADF;
	r = file_check(&from, WEFT_RIGHT_READ);
	if (!r)
		r = file_check(&to, WEFT_RIGHT_WRITE);
	if (r)
		return r;
	if ((inp && get_u64((u64 *)&a, inp)) || (outp && get_u64((u64 *)&b, outp)))
		return -EFAULT;
	if (a < 0 || b < 0)
		return -EINVAL;
	n = MIN(n, RW_MAX);
	if (from.type == to.type && (from.type == WEFT_OBJ_MEM ? from.object == to.object : from.scheme == to.scheme && from.attr.ino == to.attr.ino)) {
		i64 x = inp ? a : NC(FD_CTL, (i32)in, WEFT_FD_SEEK, 0, 1), y = outp ? b : NC(FD_CTL, (i32)out, WEFT_FD_SEEK, 0, 1);
		if (x < y + (i64)n && y < x + (i64)n)
			return -EINVAL;
	}
	r = pump(in, inp ? &a : NULL, out, outp ? &b : NULL, n, 0, 0);
	if ((inp && put_u64(inp, a)) || (outp && put_u64(outp, b)))
		return -EFAULT;
	return r;
}

#define SPLICE_F_NONBLOCK 2u
i64 rt_sys_splice(u64 in, u64 inp, u64 out, u64 outp, u64 n, u64 flags)
{
	i64 a = 0, b = 0, r;

	PROGRAM_FD(in);
	PROGRAM_FD(out);
	i64 ti = rt_fd_type(in), to = rt_fd_type(out);
	if (ti < 0 || to < 0)
		return -EBADF;
	if (ti != WEFT_OBJ_PIPE && to != WEFT_OBJ_PIPE)
		return -EINVAL;
	if ((ti == WEFT_OBJ_PIPE && inp) || (to == WEFT_OBJ_PIPE && outp))
		return -ESPIPE;
	if ((inp && get_u64((u64 *)&a, inp)) || (outp && get_u64((u64 *)&b, outp)))
		return -EFAULT;
	u32 io = flags & SPLICE_F_NONBLOCK ? WEFT_IO_NONBLOCK : 0;
	/* Never more than the pipe takes at once, so that nothing read is lost. */
	r = pump(in, inp ? &a : NULL, out, outp ? &b : NULL, MIN(n, 4096ul), io, io);
	if (r >= 0 && ((inp && put_u64(inp, a)) || (outp && put_u64(outp, b))))
		return -EFAULT;
	return rt_intr(r, ERESTARTSYS);
}

i64 rt_sys_tee(u64 in, u64 out, u64 n, u64 flags)
{
	u8 buf[4096];

	PROGRAM_FD(in);
	PROGRAM_FD(out);
	if (rt_fd_type(in) != WEFT_OBJ_PIPE || rt_fd_type(out) != WEFT_OBJ_PIPE)
		return -EINVAL;
	u32 io = flags & SPLICE_F_NONBLOCK ? WEFT_IO_NONBLOCK : 0;
	i64 r = UNLESS_IGNORED(NC(FD_READ, (i32)in, buf, MIN(n, sizeof(buf)), -1l, WEFT_IO_PEEK | io));
	if (r > 0)
		r = UNLESS_IGNORED(NC(FD_WRITE, (i32)out, buf, r, -1l, io));
	return rt_intr(r, ERESTARTSYS);
}

i64 rt_sys_vmsplice(u64 fd, u64 iov, u64 n, u64 flags)
{
	PROGRAM_FD(fd);
	if (rt_fd_type(fd) != WEFT_OBJ_PIPE)
		return -EBADF;
	i64 status = NC(FD_CTL, (i32)fd, WEFT_FD_GET_STATUS, 0, 0);
	(void)flags;
	return (status & O_ACCMODE) == O_RDONLY ? rt_sys_readv(fd, iov, n) : rt_sys_writev(fd, iov, n);
}
