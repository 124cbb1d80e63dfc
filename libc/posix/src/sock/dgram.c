/* SPDX-License-Identifier: MIT */
/*
 * Unix datagram sockets, and UDP over the loopback (inet.h): kernel endpoints, whose sender ends servers/ipc keeps from their birth (native/ipcproto.h). To whom a connected
 * socket sends is the server's to know, so that it holds in every process which has the socket; the last destinations are kept here
 * as well, until they refuse.
 */
#include "inet.h"
#include "../core/calls.h"
#include <native/ipcproto.h>

static i64 ask(u32 op, u64 a, u64 b, const struct sockaddr_un_ *un, u32 len, const i32 *fds, u32 nfds, struct rt_dest *out)
{
	struct rt_proc *p = rt_proc();
	i32 got[1];
	struct weft_buf bufs[2] = {{(u64)un, len, WEFT_BUF_IN}, {(u64)(out ? out->name : NULL), out ? sizeof(out->name) : 0, WEFT_BUF_OUT}};
	struct weft_req q = {.op = op, .flags = WEFT_REQ_NOINTR | WEFT_REQ_PRIVATE | WEFT_REQ_CLOEXEC, .nbufs = out ? 2 : 1, .nfds = nfds,
		.max_fds = out ? 1 : 0, .args = {a, b}, .bufs = (u64)bufs, .fds = (u64)fds, .fds_out = (u64)got};

	if (p->ipc < 0)
		return -EOPNOTSUPP;
	i64 r = NC(FD_CALL, p->ipc, &q);
	if (r < 0 || !out)
		return r;
	if (r == IPCP_UNHEARD)
		return r;
	if (q.nfds_out != 1)
		return -EIO;
	out->fd = got[0];
	out->name_len = MIN(q.out[0], sizeof(out->name));
	return 0;
}

i64 rt_dgram_socket(u64 type, u64 family)
{
	i32 fds[2];
	i64 r = NC(OBJ_CREATE, WEFT_OBJ_DGRAM, 0, 0, WEFT_DUP_PRIVATE | WEFT_DUP_CLOEXEC, fds);

	if (r < 0)
		return r;
	r = ask(IPCP_DGRAM_NEW, family, 0, NULL, 0, fds, 2, NULL);
	NC(FD_CLOSE, fds[1]);
	if (r == 0 || r == -EOPNOTSUPP) /* without the server it has no name and no peer */
		r = NC(FD_DUP, fds[0], 0, rt_obj_flags(type), WEFT_RIGHT_ALL);
	NC(FD_CLOSE, fds[0]);
	if (r >= 0 && (type & SOCK_NONBLOCK))
		NC(FD_CTL, r, WEFT_FD_SET_STATUS, O_NONBLOCK, 0);
	return r;
}

/* The destination that is kept for a connected socket is dropped. */
static void forget(u64 object)
{
	struct rt_proc *p = rt_proc();

	rt_lock_take(&p->misc_lock);
	for (u32 i = 0; i < RT_DGRAMS; i++)
		if (p->dgram[i].object == object) {
			NC(FD_CLOSE, p->dgram[i].fd);
			p->dgram[i].object = 0;
		}
	rt_lock_drop(&p->misc_lock);
}

i64 rt_dgram_name(u32 op, i32 fd, const struct weft_fd_info *info, const struct sockaddr_un_ *un, u32 len, i32 inode)
{
	i32 fds[2] = {fd, inode};
	i64 r;

	forget(info->object);
	r = ask(op, inode >= 0, 0, un, len, fds, inode >= 0 ? 2 : 1, NULL);
	if (inode >= 0)
		NC(FD_CLOSE, inode);
	return r;
}

i64 rt_dgram_connect(i32 fd, const struct weft_fd_info *info, u64 addr, u64 len)
{
	struct sockaddr_un_ un = {0};
	i32 inode;
	u16 family;

	if (len >= 2 && !get_u16(&family, addr) && family == 0) {
		forget(info->object);
		return ask(IPCP_DGRAM_CONNECT, 0, 1, &un, 2, &fd, 1, NULL);
	}
	i64 r;
	if (rt_is_inet(addr, len)) {
		r = rt_udp_name(addr, len, false, &un);
		return r ? r : rt_dgram_name(IPCP_DGRAM_CONNECT, fd, info, &un, INET_NAME_LEN, -1);
	}
	r = rt_sock_address(addr, len, &un, false, &inode);
	return r < 0 ? r : rt_dgram_name(IPCP_DGRAM_CONNECT, fd, info, &un, len, inode);
}

/* A copy of what is kept: the fd is our own, as another thread may forget it. */
static bool recall(const struct weft_fd_info *info, struct rt_dest *out)
{
	struct rt_proc *p = rt_proc();
	bool found = false;

	rt_lock_take(&p->misc_lock);
	for (u32 i = 0; i < RT_DGRAMS && !found; i++) {
		const struct rt_dgram *k = &p->dgram[i];
		if (k->object != info->object)
			continue;
		i64 fd = NC(FD_DUP, k->fd, 0, WEFT_DUP_PRIVATE | WEFT_DUP_CLOEXEC, WEFT_RIGHT_ALL);
		found = fd >= 0;
		out->fd = fd;
		out->name_len = k->name_len;
		memcpy(out->name, k->name, sizeof(out->name));
	}
	rt_lock_drop(&p->misc_lock);
	return found;
}

static void keep(u64 object, const struct rt_dest *d)
{
	struct rt_proc *p = rt_proc();
	i64 fd = NC(FD_DUP, d->fd, 0, WEFT_DUP_PRIVATE | WEFT_DUP_CLOEXEC, WEFT_RIGHT_ALL);

	if (fd < 0)
		return;
	rt_lock_take(&p->misc_lock);
	struct rt_dgram *k = &p->dgram[p->dgram_next++ % RT_DGRAMS];
	if (k->object)
		NC(FD_CLOSE, k->fd);
	*k = (struct rt_dgram){.object = object, .fd = fd, .name_len = d->name_len};
	memcpy(k->name, d->name, sizeof(k->name));
	rt_lock_drop(&p->misc_lock);
}

i64 rt_dgram_dest(i32 fd, const struct weft_fd_info *info, u64 addr, u64 len, struct rt_dest *out)
{
	struct sockaddr_un_ un = {0};
	i32 fds[2] = {fd, -1};
	i64 r;

	if (!addr) {
		if (recall(info, out))
			return 0;
		r = ask(IPCP_DGRAM_LOOKUP, 0, 1, &un, 2, fds, 1, out);
		if (!r)
			keep(info->object, out);
		return r;
	}
	if (rt_is_inet(addr, len)) {
		r = rt_udp_name(addr, len, false, &un);
		return r ? r : ask(IPCP_DGRAM_LOOKUP, 0, 0, &un, INET_NAME_LEN, fds, 1, out);
	}
	r = rt_sock_address(addr, len, &un, false, &fds[1]);
	if (r < 0)
		return r;
	r = ask(IPCP_DGRAM_LOOKUP, fds[1] >= 0, 0, &un, len, fds, fds[1] >= 0 ? 2 : 1, out);
	if (fds[1] >= 0)
		NC(FD_CLOSE, fds[1]);
	return r;
}

void rt_dgram_sent(const struct weft_fd_info *info, const struct rt_dest *d, i64 result)
{
	if (d->fd < 0)
		return;
	NC(FD_CLOSE, d->fd);
	if (result == -ECONNREFUSED)
		forget(info->object);
}
