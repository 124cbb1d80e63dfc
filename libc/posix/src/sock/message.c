/* SPDX-License-Identifier: MIT */
/* sendmsg and recvmsg: Linux's control messages become the channel's fds and credentials, and back. */
#include "inet.h"
#include "../core/calls.h"
#include <native/ipcproto.h>
#include <native/netlink.h>

#define SOL_SOCKET 1
#define SCM_RIGHTS 1
#define SCM_CREDENTIALS 2
#define FDS_MAX 253
#define DGRAM_MAX 65507 /* of UDP */
#define IOV_MAX 1024
#define CMSG_ALIGN(n) (((n) + 7) & ~7ul)

/* What the control buffer of a send asks for. */
struct control {
	i32 fds[FDS_MAX];
	u32 nfds;
	bool creds;
};

static i64 control_in(struct control *c, u64 buf, u64 len)
{
	struct linux_cmsghdr h;
	struct linux_ucred cred;
	struct weft_identity id;

	c->nfds = 0;
	c->creds = false;
	if (len > 65536)
		return -ENOBUFS;
	while (len >= sizeof(h)) {
		if (copy_in(&h, buf, sizeof(h)))
			return -EFAULT;
		if (h.len < sizeof(h) || h.len > len)
			return -EINVAL;
		u64 n = h.len - sizeof(h);
		if (h.level == SOL_SOCKET && h.type == SCM_RIGHTS) {
			if (n / 4 > FDS_MAX - c->nfds)
				return -EINVAL;
			if (copy_in(c->fds + c->nfds, buf + sizeof(h), n & ~3ul))
				return -EFAULT;
			for (u32 i = 0; i < n / 4; i++)
				if ((u32)c->fds[c->nfds + i] >= WEFT_FD_PRIVATE)
					return -EBADF;
			c->nfds += n / 4;
		} else if (h.level == SOL_SOCKET && h.type == SCM_CREDENTIALS) {
			if (n != sizeof(cred))
				return -EINVAL;
			if (copy_in(&cred, buf + sizeof(h), sizeof(cred)))
				return -EFAULT;
			NC(IDENT_CTL, -1, WEFT_IDENT_GET, 0xffffffffu, &id);
			/* Anything but our own credentials would need a minted identity. */
			if ((u32)cred.pid != rt_tp()->pid || (cred.uid != id.uid && cred.uid != id.euid && cred.uid != id.suid) ||
				(cred.gid != id.gid && cred.gid != id.egid && cred.gid != id.sgid)) {
				if (!(id.cap_effective & (1ul << 6 | 1ul << 7 | 1ul << 21)))
					return -EPERM;
			}
			c->creds = true;
		} else if (h.level == SOL_SOCKET) {
			return -EINVAL;
		}
		u64 step = CMSG_ALIGN(h.len);
		if (step >= len)
			break;
		buf += step;
		len -= step;
	}
	return 0;
}

static u32 chan_flags(u64 flags)
{
	return (flags & MSG_DONTWAIT ? WEFT_CHAN_NONBLOCK : 0) | (flags & MSG_PEEK ? WEFT_CHAN_PEEK : 0) | (flags & MSG_WAITALL ? WEFT_CHAN_WAITALL : 0) |
	       (flags & MSG_CMSG_CLOEXEC ? WEFT_CHAN_CLOEXEC : 0);
}

static i64 net_send(i32 fd, const struct linux_msghdr *h, u64 flags)
{
	struct weft_buf b[WEFT_REQ_BUFS] = {{h->name, h->name ? MIN(h->namelen, 256u) : 0, WEFT_BUF_IN}, {0, 0, WEFT_BUF_OUT}};
	struct weft_iov iov[WEFT_REQ_BUFS - 2];
	u32 n = MIN(h->iovlen, ARRAY_SIZE(iov));

	if (copy_in(iov, h->iov, n * sizeof(iov[0])))
		return -EFAULT;
	for (u32 i = 0; i < n; i++)
		b[2 + i] = (struct weft_buf){iov[i].base, MIN(iov[i].len, 0x100000ul), WEFT_BUF_IN};
	struct weft_req q = {.op = NETP_SEND, .nbufs = 2 + n, .args = {flags}, .bufs = (u64)b};
	return UNLESS_IGNORED(NC(FD_CALL, fd, &q));
}

static i64 net_recv(i32 fd, struct linux_msghdr *h, u64 flags)
{
	struct weft_buf b[WEFT_REQ_BUFS] = {{0, 0, WEFT_BUF_IN}, {h->name, h->name ? MIN(h->namelen, 256u) : 0, WEFT_BUF_OUT}};
	struct weft_iov iov[WEFT_REQ_BUFS - 2];
	u32 n = MIN(h->iovlen, ARRAY_SIZE(iov));

	if (copy_in(iov, h->iov, n * sizeof(iov[0])))
		return -EFAULT;
	for (u32 i = 0; i < n; i++)
		b[2 + i] = (struct weft_buf){iov[i].base, MIN(iov[i].len, 0x100000ul), WEFT_BUF_OUT};
	struct weft_req q = {.op = NETP_RECV, .nbufs = 2 + n, .args = {flags}, .bufs = (u64)b};
	i64 r = UNLESS_IGNORED(NC(FD_CALL, fd, &q));
	if (r >= 0) {
		h->namelen = q.out[0];
		h->flags = q.out[1];
		h->controllen = 0;
	}
	return r;
}

static i64 send_result(i64 r, u64 flags)
{
	if (r == -EPIPE && !(flags & MSG_NOSIGNAL))
		rt_raise(SIGPIPE);
	return rt_intr(r, ERESTARTSYS);
}

static i64 length_of(const struct linux_msghdr *h)
{
	struct weft_iov v;
	i64 n = 0;

	for (u64 i = 0; i < h->iovlen; i++) {
		if (copy_in(&v, h->iov + i * sizeof(v), sizeof(v)))
			return -EFAULT;
		n += MIN(v.len, RW_MAX);
	}
	return n > DGRAM_MAX ? -EMSGSIZE : n;
}

static i64 send_one(i32 fd, const struct weft_fd_info *info, const struct linux_msghdr *h, u64 flags)
{
	struct rt_dest d = {.fd = -1};
	struct control c;
	i64 r;

	if (h->iovlen > IOV_MAX)
		return -EMSGSIZE;
	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (info->type == WEFT_OBJ_HANDLE)
		return send_result(net_send(fd, h, flags), flags);
	r = control_in(&c, h->control, h->control ? h->controllen : 0);
	if (r)
		return r;
	if (h->name && h->namelen && info->type == WEFT_OBJ_CHANNEL)
		return NC(FD_CTL, fd, WEFT_FD_READY, 0, 0) & WEFT_POLLHUP ? -EOPNOTSUPP : -EISCONN;
	if (info->type == WEFT_OBJ_DGRAM) {
		r = rt_dgram_dest(fd, info, h->namelen ? h->name : 0, h->namelen, &d);
		if (r)
			return r == IPCP_UNHEARD ? length_of(h) : r;
	}
	struct weft_msg m = {.iov = h->iov, .niov = h->iovlen, .nfds = c.nfds, .fds = (u64)c.fds, .dest = d.fd,
		.name = (u64)d.name + 2, .name_len = d.name_len > 2 ? d.name_len - 2 : 0};
	if (flags & MSG_DONTWAIT)
		r = UNLESS_IGNORED(NC(CHAN_SEND, fd, &m, chan_flags(flags)));
	else
		r = SOCK_TIMED(fd, true, NC(CHAN_SEND, fd, &m, chan_flags(flags)), NC(CHAN_SEND, fd, &m, chan_flags(flags | MSG_DONTWAIT)));
	rt_dgram_sent(info, &d, r);
	return send_result(r, flags);
}

static i64 header_in(u64 user, struct linux_msghdr *h)
{
	if (copy_in(h, user, sizeof(*h)))
		return -EFAULT;
	return (i32)h->namelen < 0 ? -EINVAL : 0;
}

/* write(2) and its like on a datagram socket, which the kernel refuses for want of a destination. */
i64 rt_sock_write(i32 fd, u64 iov, u64 n)
{
	struct weft_fd_info info;
	struct linux_msghdr h = {.iov = iov, .iovlen = n};
	i64 r = rt_sock_check(fd, &info);

	return r ? r : send_one(fd, &info, &h, 0);
}

i64 rt_sys_sendmsg(u64 fd, u64 msg, u64 flags)
{
	struct weft_fd_info info;
	struct linux_msghdr h;
	i64 r = rt_sock_check(fd, &info);

	if (!r)
		r = header_in(msg, &h);
	return r ? r : send_one(fd, &info, &h, flags);
}

i64 rt_sys_sendto(u64 fd, u64 buf, u64 n, u64 flags, u64 addr, u64 addrlen)
{
	struct weft_fd_info info;
	struct weft_iov iov = {buf, MIN(n, RW_MAX)};
	struct linux_msghdr h = {.name = addr, .namelen = addr ? addrlen : 0, .iov = (u64)&iov, .iovlen = 1};
	i64 r = rt_sock_check(fd, &info);

	return r ? r : send_one(fd, &info, &h, flags);
}

/* Writes the received fds and credentials as control messages. What finds no room is closed and MSG_CTRUNC told. */
static i64 control_out(const struct linux_msghdr *h, const struct weft_msg *m, const i32 *fds, bool passcred, u64 *used, u32 *flags)
{
	u64 at = 0, room = h->control ? h->controllen : 0;
	struct linux_cmsghdr c = {.level = SOL_SOCKET};

	if (passcred) {
		struct weft_identity id = {0};
		NC(IDENT_CTL, -1, WEFT_IDENT_GET, m->identity, &id);
		struct linux_ucred cred = {m->pid, id.uid, id.gid};
		c.type = SCM_CREDENTIALS;
		c.len = sizeof(c) + sizeof(cred);
		if (room < c.len) {
			*flags |= MSG_CTRUNC;
		} else {
			if (copy_out(h->control, &c, sizeof(c)) || copy_out(h->control + sizeof(c), &cred, sizeof(cred)))
				return -EFAULT;
			at = MIN(CMSG_ALIGN(c.len), room);
		}
	}
	if (m->nfds) {
		u32 fit = room >= at + sizeof(c) + 4 ? (room - at - sizeof(c)) / 4 : 0, n = MIN(m->nfds, fit);
		for (u32 i = n; i < m->nfds; i++)
			NC(FD_CLOSE, fds[i]);
		if (n < m->nfds)
			*flags |= MSG_CTRUNC;
		if (n) {
			c.type = SCM_RIGHTS;
			c.len = sizeof(c) + n * 4;
			if (copy_out(h->control + at, &c, sizeof(c)) || copy_out(h->control + at + sizeof(c), fds, n * 4))
				return -EFAULT;
			at = MIN(at + CMSG_ALIGN(c.len), room);
		}
	}
	*used = at;
	return 0;
}

static i64 recv_one(i32 fd, const struct weft_fd_info *info, struct linux_msghdr *h, u64 flags)
{
	i32 fds[FDS_MAX];
	u8 name[110];
	u64 used = 0;
	u32 out = 0;
	i64 r;

	if (h->iovlen > IOV_MAX)
		return -EMSGSIZE;
	if (flags & MSG_OOB)
		return -EINVAL;
	if (info->type == WEFT_OBJ_HANDLE)
		return rt_intr(net_recv(fd, h, flags), ERESTARTSYS);
	bool passcred = rt_sock_passcred(info->object);
	struct weft_msg m = {.iov = h->iov, .niov = h->iovlen, .nfds = h->control && h->controllen >= 20 ? FDS_MAX : 0, .fds = (u64)fds, .dest = -1,
		.name = (u64)name + 2, .name_len = 108};
	if (flags & MSG_DONTWAIT)
		r = UNLESS_IGNORED(NC(CHAN_RECV, fd, &m, chan_flags(flags)));
	else
		r = SOCK_TIMED(fd, false, NC(CHAN_RECV, fd, &m, chan_flags(flags)), NC(CHAN_RECV, fd, &m, chan_flags(flags | MSG_DONTWAIT)));
	if (r < 0)
		return rt_intr(r == -ENOTCONN && NC(FD_CTL, fd, WEFT_CHAN_TYPE, 0, 0) == WEFT_CHAN_STREAM ? -EINVAL : r, ERESTARTSYS);
	out |= m.flags & WEFT_MSG_TRUNC ? MSG_TRUNC : 0;
	out |= m.flags & WEFT_MSG_CTRUNC ? MSG_CTRUNC : 0;
	out |= flags & MSG_CMSG_CLOEXEC;
	i64 e = control_out(h, &m, fds, passcred && !(m.flags & WEFT_MSG_EOF), &used, &out);
	if (e)
		return e;
	if (h->name) {
		u32 n = m.name_len ? m.name_len + 2 : 0;
		u8 inet[28];
		name[0] = AF_UNIX;
		name[1] = 0;
		if (n && rt_inet_is_name(name, n)) {
			n = rt_inet_address(name, inet);
			memcpy(name, inet, n);
		}
		if (n && copy_out(h->name, name, MIN(n, h->namelen)))
			return -EFAULT;
		h->namelen = n;
	}
	h->controllen = used;
	h->flags = out;
	if ((flags & MSG_TRUNC) && (m.flags & WEFT_MSG_TRUNC))
		r = m.full_len;
	return r;
}

i64 rt_sys_recvmsg(u64 fd, u64 msg, u64 flags)
{
	struct weft_fd_info info;
	struct linux_msghdr h;
	i64 r = rt_sock_check(fd, &info);

	if (!r)
		r = header_in(msg, &h);
	if (r)
		return r;
	r = recv_one(fd, &info, &h, flags);
	if (r < 0)
		return r;
	if ((h.name && put_u32(msg + offsetof(struct linux_msghdr, namelen), h.namelen)) ||
		put_u64(msg + offsetof(struct linux_msghdr, controllen), h.controllen) ||
		put_u32(msg + offsetof(struct linux_msghdr, flags), h.flags))
		return -EFAULT;
	return r;
}

i64 rt_sys_recvfrom(u64 fd, u64 buf, u64 n, u64 flags, u64 addr, u64 lenp)
{
	struct weft_fd_info info;
	struct weft_iov iov = {buf, MIN(n, RW_MAX)};
	struct linux_msghdr h = {.name = addr, .iov = (u64)&iov, .iovlen = 1};
	i64 r = rt_sock_check(fd, &info);

	if (r)
		return r;
	if (addr) {
		if (get_u32(&h.namelen, lenp))
			return -EFAULT;
		if ((i32)h.namelen < 0)
			return -EINVAL;
	}
	r = recv_one(fd, &info, &h, flags);
	if (r >= 0 && addr && put_u32(lenp, h.namelen))
		return -EFAULT;
	return r;
}

struct linux_mmsghdr {
	struct linux_msghdr h;
	u32 len, pad;
};

i64 rt_sys_sendmmsg(u64 fd, u64 vec, u64 n, u64 flags)
{
	u32 done = 0;
	i64 r = 0;

	for (n = MIN(n, (u64)IOV_MAX); done < n; done++) {
		u64 at = vec + done * sizeof(struct linux_mmsghdr);
		r = rt_sys_sendmsg(fd, at, flags);
		if (r < 0)
			break;
		if (put_u32(at + offsetof(struct linux_mmsghdr, len), r))
			return -EFAULT;
	}
	return done ? done : r;
}

#define MSG_WAITFORONE 0x10000u
i64 rt_sys_recvmmsg(u64 fd, u64 vec, u64 n, u64 flags, u64 timeout)
{
	i64 deadline = WEFT_FOREVER, r = 0;
	u32 done = 0;

	if (timeout) {
		r = rt_deadline_relative(timeout, &deadline);
		if (r)
			return r;
	}
	for (n = MIN(n, (u64)IOV_MAX); done < n; done++) {
		u64 at = vec + done * sizeof(struct linux_mmsghdr);
		r = rt_sys_recvmsg(fd, at, (flags & ~(u64)MSG_WAITFORONE) | (done && (flags & MSG_WAITFORONE) ? MSG_DONTWAIT : 0));
		if (r < 0)
			break;
		if (put_u32(at + offsetof(struct linux_mmsghdr, len), r))
			return -EFAULT;
		if ((i64)rt_now() >= deadline)
			return done + 1;
	}
	return done ? done : r;
}
