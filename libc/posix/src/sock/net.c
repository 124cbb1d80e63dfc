/* SPDX-License-Identifier: MIT */
/* Sockets that are handles of a server (native/netlink.h): scheme net, and netlink's kobject-uevents of servers/dev. */
#include "sock.h"
#include "../core/calls.h"
#include <native/netlink.h>

i64 rt_net_call(i32 fd, u32 op, u64 arg, u64 in, u64 inlen, u64 out, u64 outlenp)
{
	u32 room = 0;

	if (out && get_u32(&room, outlenp))
		return -EFAULT;
	struct weft_buf b[2] = {{in, MIN(inlen, 256ul), WEFT_BUF_IN}, {out, MIN(room, 256u), WEFT_BUF_OUT}};
	struct weft_req q = {.op = op, .nbufs = 2, .args = {arg}, .bufs = (u64)b};
	i64 r = UNLESS_IGNORED(NC(FD_CALL, fd, &q));
	if (r >= 0 && out && put_u32(outlenp, q.out[0]))
		return -EFAULT;
	return rt_intr(r, ERESTARTSYS);
}

i64 rt_net_accept(i32 fd, u64 addr, u64 lenp, u64 flags)
{
	u32 room = 0;
	i32 got[1];

	if (addr && get_u32(&room, lenp))
		return -EFAULT;
	struct weft_buf b[2] = {{0, 0, WEFT_BUF_IN}, {addr, MIN(room, 256u), WEFT_BUF_OUT}};
	struct weft_req q = {.op = NETP_ACCEPT, .flags = flags & SOCK_CLOEXEC ? WEFT_REQ_CLOEXEC : 0, .nbufs = 2, .max_fds = 1, .bufs = (u64)b,
		.fds_out = (u64)got};
	i64 r = UNLESS_IGNORED(NC(FD_CALL, fd, &q));
	if (r < 0)
		return rt_intr(r, ERESTARTSYS);
	if (!q.nfds_out)
		return -EIO;
	if (flags & SOCK_NONBLOCK)
		NC(FD_CTL, got[0], WEFT_FD_SET_STATUS, O_NONBLOCK, 0);
	return addr && put_u32(lenp, q.out[0]) ? -EFAULT : got[0];
}

/* The uevent socket is opened as a node of servers/dev; without that server it is a channel that never becomes readable. */
i64 rt_netlink_socket(u64 type, u64 protocol)
{
	if (protocol != 15)
		return -EPROTONOSUPPORT;
	i64 fd = rt_open_private("/dev/.netlink-uevent", O_RDWR);
	if (fd < 0)
		return -EPROTONOSUPPORT;
	i64 r = NC(FD_DUP, fd, 0, rt_obj_flags(type), WEFT_RIGHT_ALL);
	NC(FD_CLOSE, fd);
	if (r >= 0 && (type & SOCK_NONBLOCK))
		NC(FD_CTL, r, WEFT_FD_SET_STATUS, O_NONBLOCK, 0);
	return r;
}

int rt_netlink_name(i32 fd, const struct weft_fd_info *info, u64 addr, u64 lenp)
{
	(void)fd;
	(void)info;
	(void)addr;
	(void)lenp;
	return -ENOENT; /* handles answer for themselves */
}
