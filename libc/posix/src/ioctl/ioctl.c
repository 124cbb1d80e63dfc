/* SPDX-License-Identifier: MIT */
/* ioctl: what every fd has is done here; the rest goes to the handle's server as the tables say. */
#include "ioctl.h"
#include "../core/calls.h"
#include "console.h"
#include <native/fsproto.h>

#define ARG_MAX 512
#define FIONREAD 0x541b
#define FIONBIO 0x5421
#define FIONCLEX 0x5450
#define FIOCLEX 0x5451
#define FIOASYNC 0x5452
#define FIOQSIZE 0x5460
#define DRM_ATOMIC IOC(3, 'd', 0xbc, 56)

static const struct ioctl_desc *find_in(const struct ioctl_class *c, u32 cmd)
{
	for (u32 i = 0; i < c->count; i++)
		if ((cmd & c->desc[i].mask) == c->desc[i].cmd)
			return &c->desc[i];
	return NULL;
}

const struct ioctl_desc *rt_ioctl_find(u32 cmd)
{
	static const struct ioctl_class *const classes[] = {&rt_ioctl_tty, &rt_ioctl_misc};

	if ((cmd >> 8 & 0xff) == 'd')
		return find_in(&rt_ioctl_drm, cmd);
	if ((cmd >> 8 & 0xff) == 'E')
		return find_in(&rt_ioctl_input, cmd);
	for (u32 i = 0; i < ARRAY_SIZE(classes); i++) {
		const struct ioctl_desc *d = find_in(classes[i], cmd);
		if (d)
			return d;
	}
	return NULL;
}

/* One ioctl on its way: the argument's copy and the buffers made of it. */
struct job {
	u8 arg[ARG_MAX];
	struct weft_buf bufs[WEFT_REQ_BUFS];
	i32 fds[WEFT_REQ_FDS], got[WEFT_REQ_FDS];
	u64 fd_out_ptr[WEFT_REQ_FDS];
	u32 nbufs, nfds, nptrs;
	u32 resolved; /* places that the server asked for: args[2] */
};

static u64 field(const struct job *j, u32 at, bool wide)
{
	u64 v = 0;

	memcpy(&v, j->arg + at, wide ? 8 : 4);
	return v;
}

static i64 add_buffer(struct job *j, u64 addr, u64 len, u32 dir)
{
	if (j->nbufs == WEFT_REQ_BUFS || len > 0x4000000)
		return -EINVAL;
	j->bufs[j->nbufs++] = (struct weft_buf){addr, addr ? len : 0, (dir & ARG_IN ? WEFT_BUF_IN : 0) | (dir & ARG_OUT ? WEFT_BUF_OUT : 0)};
	return 0;
}

static i64 add_nested(struct job *j, const struct ioctl_desc *d)
{
	for (u32 i = 0; i < d->nested; i++) {
		const struct ioctl_nested *n = &d->n[i];
		u64 count = n->count_at == 0xffff ? 1 : field(j, n->count_at, n->count_wide);
		i64 r = count > 0x4000000 ? -EINVAL : add_buffer(j, field(j, n->at, true), count * n->size, n->dir);
		if (r)
			return r;
	}
	if (d->cmd == DRM_ATOMIC) {
		/* The two last lists are as long as the second says in all. */
		u64 objects = field(j, 4, false), counts = field(j, 16, true), sum = 0;
		for (u64 i = 0; i < objects && i < 4096; i++) {
			u32 n;
			if (get_u32(&n, counts + i * 4))
				return -EFAULT;
			sum += n;
		}
		if (sum > 65536)
			return -EINVAL;
		i64 r = add_buffer(j, field(j, 24, true), sum * 4, ARG_IN);
		if (!r)
			r = add_buffer(j, field(j, 32, true), sum * 8, ARG_IN);
		return r;
	}
	return 0;
}

/* The server found pointers or fds in the data: they become buffers and fds, and the request is made again. */
static i64 resolve(struct job *j, const u64 out[4])
{
	for (u32 i = 0; i < 4 && out[i]; i++) {
		u32 b = RETRY_BUF(out[i]), at = RETRY_AT(out[i]);
		u64 v = 0;
		if (b >= j->nbufs || at > j->bufs[b].len || j->bufs[b].len - at < (RETRY_KIND(out[i]) == RETRY_FD_IN ? 4u : 8u))
			return -EIO;
		if (copy_in(&v, j->bufs[b].addr + at, RETRY_KIND(out[i]) == RETRY_FD_IN ? 4 : 8))
			return -EFAULT;
		i64 r = 0;
		switch (RETRY_KIND(out[i])) {
		case RETRY_FD_IN:
			if ((u32)v >= WEFT_FD_PRIVATE)
				return -EBADF;
			if (j->nfds == ARRAY_SIZE(j->fds))
				return -EIO;
			j->fds[j->nfds++] = v;
			break;
		case RETRY_PTR_OUT:
			r = add_buffer(j, v, RETRY_LEN(out[i]), ARG_OUT);
			break;
		case RETRY_PTR_IN:
			r = add_buffer(j, v, RETRY_LEN(out[i]), ARG_IN);
			break;
		case RETRY_FD_OUT_PTR:
			if (j->nptrs == ARRAY_SIZE(j->fd_out_ptr))
				return -EIO;
			j->fd_out_ptr[j->nptrs++] = v;
			break;
		default:
			return -EIO;
		}
		if (r)
			return r;
		j->resolved++;
	}
	return 0;
}

static i64 give_fds(struct job *j, const struct ioctl_desc *d, const struct weft_req *q, u64 user, i64 r)
{
	u32 used = 0;

	if (q->nfds_out && d->fd_out == NO_FD) {
		r = j->got[used++];
	} else if (q->nfds_out && d->fd_out) {
		if (put_u32(user + d->fd_out - 1, j->got[used]))
			return -EFAULT;
		used++;
	}
	for (u32 i = 0; i < j->nptrs && used < q->nfds_out; i++)
		if (j->fd_out_ptr[i] && put_u32(j->fd_out_ptr[i], j->got[used++]))
			return -EFAULT;
	while (used < q->nfds_out)
		NC(FD_CLOSE, j->got[used++]);
	return r;
}

static i64 ask(i32 fd, u32 cmd, u64 arg, const struct ioctl_desc *d)
{
	struct job j;
	u32 size = d->size ? d->size : IOC_SIZE(cmd), dir = d->dir;
	u64 number = 0;
	i64 r;

	j.nbufs = j.nfds = j.nptrs = j.resolved = 0;
	if (!dir)
		dir = (IOC_DIR(cmd) & IOC_WRITE ? ARG_IN : 0) | (IOC_DIR(cmd) & IOC_READ ? ARG_OUT : 0);
	if (dir == ARG_NUMBER) {
		number = arg;
	} else {
		r = add_buffer(&j, arg, size, dir);
		if (r)
			return r;
		if (d->nested || d->fd_in || d->cloexec_at) {
			if (size > ARG_MAX || copy_in(j.arg, arg, size))
				return -EFAULT;
			r = add_nested(&j, d);
			if (r)
				return r;
			if (d->fd_in && (i32)field(&j, d->fd_in - 1, false) >= 0) {
				u32 f = field(&j, d->fd_in - 1, false);
				if (f >= WEFT_FD_PRIVATE)
					return -EBADF;
				j.fds[j.nfds++] = f;
			}
		}
	}
	u32 flags = !d->cloexec_at || (field(&j, d->cloexec_at - 1, false) & (d->fd_out == NO_FD ? 1u : O_CLOEXEC)) ? WEFT_REQ_CLOEXEC : 0;
	for (u32 round = 0;; round++) {
		struct weft_req q = {.op = FSP_IOCTL, .flags = flags, .nbufs = j.nbufs, .nfds = j.nfds, .max_fds = ARRAY_SIZE(j.got), .args = {cmd, number, j.resolved},
			.bufs = (u64)j.bufs, .fds = (u64)j.fds, .fds_out = (u64)j.got};
		r = UNLESS_IGNORED(NC(FD_CALL, fd, &q));
		if (r == -WEFT_ERETRY && round < 4) {
			r = resolve(&j, q.out);
			if (r)
				return r;
			continue;
		}
		if (r >= 0)
			r = give_fds(&j, d, &q, arg, r);
		return r;
	}
}

/* On every fd, whoever serves it. 1: not one of these */
static i64 generic(i32 fd, u32 cmd, u64 arg, const struct weft_fd_info *info)
{
	u32 v;
	i64 r;

	switch (cmd) {
	case FIOCLEX:
		return NC(FD_CTL, fd, WEFT_FD_SET_FLAGS, 1, 0);
	case FIONCLEX:
		return NC(FD_CTL, fd, WEFT_FD_SET_FLAGS, 0, 0);
	case FIONBIO:
	case FIOASYNC:
		if (get_u32(&v, arg))
			return -EFAULT;
		r = NC(FD_CTL, fd, WEFT_FD_GET_STATUS, 0, 0);
		if (r < 0)
			return r;
		u32 bit = cmd == FIONBIO ? O_NONBLOCK : O_ASYNC;
		v = v ? (u32)r | bit : (u32)r & ~bit;
		return NC(FD_CTL, fd, WEFT_FD_SET_STATUS, v & (O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME), 0);
	case FIONREAD:
		if (info->type == WEFT_OBJ_HANDLE && !(info->flags & WEFT_INFO_HAS_MEM))
			return 1;
		if (info->type == WEFT_OBJ_HANDLE || info->type == WEFT_OBJ_MEM) {
			i64 at = NC(FD_CTL, fd, WEFT_FD_SEEK, 0, 1), end = NC(FD_CTL, fd, WEFT_FD_SEEK, 0, 2);
			NC(FD_CTL, fd, WEFT_FD_SEEK, at, 0);
			r = end - at;
		} else {
			r = NC(FD_CTL, fd, WEFT_FD_AVAIL, 0, 0);
		}
		return r < 0 ? -ENOTTY : put_u32(arg, MIN(r, (i64)INT32_MAX));
	}
	return 1;
}

i64 rt_sys_ioctl(u64 fd, u64 cmd, u64 arg)
{
	static const struct ioctl_desc none = {.dir = ARG_NUMBER};
	const struct ioctl_desc *d;
	struct weft_fd_info info;
	i64 r;

	PROGRAM_FD(fd);
	cmd = (u32)cmd;
	r = rt_fd_info(fd, &info);
	if (r < 0)
		return r;
	if (info.status & O_PATH)
		return -EBADF;
	r = generic(fd, cmd, arg, &info);
	if (r <= 0)
		return r;
	if (info.type != WEFT_OBJ_HANDLE)
		return rt_console_ioctl(fd, &info, cmd, arg);
	d = rt_ioctl_find(cmd);
	if (!d) {
		if (IOC_DIR(cmd) != IOC_NONE || cmd < 0x10000)
			return -ENOTTY;
		d = &none;
	}
	r = ask(fd, cmd, arg, d);
	return r == -ENOSYS || r == -EOPNOTSUPP ? -ENOTTY : rt_intr(r, ERESTARTSYS);
}
