/* SPDX-License-Identifier: MIT */
/*
 * Advisory locks. Record locks are the process's: whichever fd of the file it closes, they end. The server does not see such closes (other fds
 * of the handle may live on), so the runtime remembers which files it has locked, and unlocks them before it closes an fd of theirs.
 */
#include "fd.h"
#include "../core/calls.h"
#include <native/fsproto.h>

#define LOCK_NONE 2 /* F_UNLCK */

static void note(u64 scheme, u64 node)
{
	struct rt_proc *p = rt_proc();

	rt_lock_take(&p->misc_lock);
	u32 n = p->nlocked;
	for (u32 i = 0; i < MIN(n, (u32)RT_LOCKED); i++)
		if (p->locked[i].scheme == scheme && p->locked[i].node == node)
			goto out;
	if (n < RT_LOCKED) {
		p->locked[n].scheme = scheme;
		p->locked[n].node = node;
	}
	p->nlocked = MIN(n + 1, RT_LOCKED + 1u); /* beyond: any file may be locked */
out:
	rt_lock_drop(&p->misc_lock);
}

void rt_lock_closing_any(struct rt_proc *p, i32 fd)
{
	struct weft_fd_info info;
	bool known = p->nlocked > RT_LOCKED;

	if (rt_fd_info(fd, &info) < 0 || info.type != WEFT_OBJ_HANDLE || (info.status & O_PATH) || (info.attr.mode & S_IFMT) != S_IFREG)
		return;
	for (u32 i = 0; i < p->nlocked && !known; i++)
		known = p->locked[i].scheme == info.scheme && p->locked[i].node == info.attr.ino;
	if (!known)
		return;
	struct fsp_lock all = {.type = LOCK_NONE};
	struct weft_buf buf = {(u64)&all, sizeof(all), WEFT_BUF_IN | WEFT_BUF_OUT};
	struct weft_req q = {.op = FSP_LOCK, .flags = WEFT_REQ_NOINTR, .nbufs = 1, .args = {F_SETLK, 0}, .bufs = (u64)&buf};
	NC(FD_CALL, fd, &q);
}

void rt_lock_closing_range(u32 lo, u32 hi, bool cloexec_only)
{
	struct rt_proc *p = rt_proc();
	i32 fds[64];

	if (likely(!p->nlocked))
		return;
	/* The list is in ascending order and begins at 0: long tables are looked at one by one. */
	i64 n = NC(PROC_CTL, -1, WEFT_PROC_FD_LIST, fds, ARRAY_SIZE(fds), 0);
	i64 limit = n > (i64)ARRAY_SIZE(fds) ? NC(FD_CTL, 0, WEFT_FD_LIMIT, -1l, 0) : n;
	for (i64 i = 0; i < limit; i++) {
		u32 fd = n > (i64)ARRAY_SIZE(fds) ? (u32)i : (u32)fds[i];
		if (fd >= lo && fd <= hi && (!cloexec_only || NC(FD_CTL, fd, WEFT_FD_GET_FLAGS, 0, 0) == 1))
			rt_lock_closing_any(p, fd);
	}
}

struct linux_flock {
	i16 type, whence;
	i32 pad0;
	i64 start, len;
	i32 pid, pad1;
};
_Static_assert(sizeof(struct linux_flock) == 32, "struct flock");

i64 rt_record_lock(u64 fd, u32 cmd, u64 arg)
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
	if (!ofd && cmd != F_GETLK && l.type != LOCK_NONE)
		note(info.scheme, info.attr.ino);
	do /* the first lock through a handle is asked for twice: the kernel watches its holders from then on */
		r = UNLESS_IGNORED(NC(FD_CALL, (i32)fd, &q));
	while (r == -WEFT_ERETRY);
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
