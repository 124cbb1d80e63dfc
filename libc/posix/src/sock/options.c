/* SPDX-License-Identifier: MIT */
/* Socket options of unix sockets. SO_PASSCRED is remembered here, by the number of the channel end. */
#include "sock.h"
#include "../core/calls.h"
#include <native/netlink.h>

#define SOL_SOCKET 1u
enum { SO_DEBUG = 1, SO_REUSEADDR, SO_TYPE, SO_ERROR, SO_DONTROUTE, SO_BROADCAST, SO_SNDBUF, SO_RCVBUF, SO_KEEPALIVE, SO_OOBINLINE, SO_PRIORITY = 12, SO_LINGER,
	SO_REUSEPORT = 15, SO_PASSCRED, SO_PEERCRED, SO_RCVLOWAT, SO_SNDLOWAT, SO_RCVTIMEO, SO_SNDTIMEO, SO_ATTACH_FILTER = 26, SO_DETACH_FILTER,
	SO_TIMESTAMP = 29, SO_ACCEPTCONN, SO_PEERSEC, SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_PASSSEC, SO_PROTOCOL = 38, SO_DOMAIN, SO_PEERGROUPS = 59,
	SO_PASSPIDFD = 76, SO_PEERPIDFD };

bool rt_sock_passcred(u64 object)
{
	struct rt_proc *p = rt_proc();

	for (u32 i = 0; i < RT_PASSCREDS; i++)
		if (p->passcred[i] == object)
			return true;
	return false;
}

static i64 set_passcred(u64 object, bool on)
{
	struct rt_proc *p = rt_proc();
	u32 free = RT_PASSCREDS;

	rt_lock_take(&p->misc_lock);
	for (u32 i = 0; i < RT_PASSCREDS; i++) {
		if (p->passcred[i] == object)
			p->passcred[i] = 0;
		if (!p->passcred[i])
			free = i;
	}
	/* Numbers are never used twice: the oldest entry may belong to a socket long closed. */
	if (on) {
		if (free == RT_PASSCREDS)
			free = p->passcred_next++ % RT_PASSCREDS;
		p->passcred[free] = object;
	}
	rt_lock_drop(&p->misc_lock);
	return 0;
}

static i64 put_option(u64 val, u64 lenp, const void *from, u32 n)
{
	u32 room;

	if (get_u32(&room, lenp))
		return -EFAULT;
	if ((i32)room < 0)
		return -EINVAL;
	n = MIN(n, room);
	if (copy_out(val, from, n))
		return -EFAULT;
	return put_u32(lenp, n);
}

static i64 peer_cred(i32 fd, struct linux_ucred *out)
{
	u32 who[2];
	struct weft_identity id = {0};
	i64 r = NC(FD_CTL, fd, WEFT_CHAN_PEER, who, 0);

	*out = (struct linux_ucred){0, ~0u, ~0u};
	if (r < 0)
		return r == -ENOTCONN ? 0 : r;
	r = NC(IDENT_CTL, -1, WEFT_IDENT_GET, who[1], &id);
	if (r < 0)
		return r;
	*out = (struct linux_ucred){who[0], id.euid, id.egid};
	return 0;
}

static i32 rt_inet_option(u64 level, u64 name)
{
	if (level == 6)
		return name == 2 ? 32768 : name == 1 ? 1 : 0; /* TCP_MAXSEG, TCP_NODELAY */
	return level == 0 && name == 2 ? 64 : 0; /* IP_TTL */
}

static i64 get_net(i32 fd, u64 level, u64 name, u64 val, u64 lenp)
{
	u32 room;

	if (get_u32(&room, lenp))
		return -EFAULT;
	struct weft_buf b[2] = {{0, 0, WEFT_BUF_IN}, {val, MIN(room, 4096u), WEFT_BUF_OUT}};
	struct weft_req q = {.op = NETP_GETSOCKOPT, .flags = WEFT_REQ_NOINTR, .nbufs = 2, .args = {level, name}, .bufs = (u64)b};
	i64 r = NC(FD_CALL, fd, &q);
	return r < 0 ? r : put_u32(lenp, q.out[0]);
}

i64 rt_sys_getsockopt(u64 fd, u64 level, u64 name, u64 val, u64 lenp)
{
	static const u32 linux_type[] = {[WEFT_CHAN_STREAM] = SOCK_STREAM, [WEFT_CHAN_DGRAM] = SOCK_DGRAM, [WEFT_CHAN_SEQPACKET] = SOCK_SEQPACKET};
	struct weft_fd_info info;
	struct linux_ucred cred;
	i64 r = rt_sock_check(fd, &info);
	i32 v = 0;
	u64 two[2] = {0, 0};

	if (r)
		return r;
	if (info.type == WEFT_OBJ_HANDLE)
		return get_net(fd, level, name, val, lenp);
	if (level != SOL_SOCKET) {
		/* TCP's and IP's options have their defaults on the loopback. */
		if (!rt_sock_inet(fd, info.object))
			return -EOPNOTSUPP;
		v = rt_inet_option(level, name);
		return put_option(val, lenp, &v, 4);
	}
	switch (name) {
	case SO_TYPE:
		r = info.type == WEFT_OBJ_DGRAM ? WEFT_CHAN_DGRAM : NC(FD_CTL, (i32)fd, WEFT_CHAN_TYPE, 0, 0);
		v = r >= 0 && r <= WEFT_CHAN_SEQPACKET ? linux_type[r] : SOCK_DGRAM;
		break;
	case SO_DOMAIN:
		v = rt_sock_inet(fd, info.object);
		v = v ? v : AF_UNIX;
		break;
	case SO_PROTOCOL:
		v = rt_sock_inet(fd, info.object) ? 6 : 0;
		break;
	case SO_ERROR:
	case SO_REUSEADDR:
	case SO_KEEPALIVE:
	case SO_BROADCAST:
	case SO_PRIORITY:
	case SO_DEBUG:
	case SO_OOBINLINE:
	case SO_DONTROUTE:
	case SO_REUSEPORT:
	case SO_TIMESTAMP:
	case SO_PASSSEC:
		break;
	case SO_RCVLOWAT:
	case SO_SNDLOWAT:
		v = 1;
		break;
	case SO_ACCEPTCONN: {
		/* servers/ipc knows: asking for a name tells it. A listener is a channel whose peer is the server. */
		u32 who[2];
		v = NC(FD_CTL, (i32)fd, WEFT_CHAN_PEER, who, 0) >= 0 && rt_sock_listening(fd);
		break;
	}
	case SO_SNDBUF:
	case SO_RCVBUF:
		r = NC(FD_CTL, (i32)fd, WEFT_CHAN_BUFFER, 0, 0);
		v = r < 0 ? 212992 : r;
		break;
	case SO_PASSCRED:
		v = rt_sock_passcred(info.object);
		break;
	case SO_PEERCRED:
		r = peer_cred(fd, &cred);
		return r < 0 ? r : put_option(val, lenp, &cred, sizeof(cred));
	case SO_LINGER:
		return put_option(val, lenp, two, 8);
	case SO_RCVTIMEO:
	case SO_SNDTIMEO:
		return put_option(val, lenp, two, 16);
	case SO_PEERGROUPS: {
		u32 who[2];
		struct weft_identity id;
		r = NC(FD_CTL, (i32)fd, WEFT_CHAN_PEER, who, 0);
		if (r >= 0)
			r = NC(IDENT_CTL, -1, WEFT_IDENT_GET, who[1], &id);
		if (r < 0)
			return -ENODATA;
		u32 room;
		if (get_u32(&room, lenp))
			return -EFAULT;
		if (room < id.ngroups * 4) {
			put_u32(lenp, id.ngroups * 4);
			return -ERANGE;
		}
		return put_option(val, lenp, id.groups, id.ngroups * 4);
	}
	default:
		return -ENOPROTOOPT;
	}
	return put_option(val, lenp, &v, 4);
}

i64 rt_sys_setsockopt(u64 fd, u64 level, u64 name, u64 val, u64 len)
{
	struct weft_fd_info info;
	i64 r = rt_sock_check(fd, &info);
	i32 v = 0;

	if (r)
		return r;
	if (info.type == WEFT_OBJ_HANDLE) {
		struct weft_buf b = {val, MIN(len, 4096ul), WEFT_BUF_IN};
		struct weft_req q = {.op = NETP_SETSOCKOPT, .flags = WEFT_REQ_NOINTR, .nbufs = 1, .args = {level, name}, .bufs = (u64)&b};
		return NC(FD_CALL, (i32)fd, &q);
	}
	if (level != SOL_SOCKET)
		return rt_sock_inet(fd, info.object) ? 0 : -EOPNOTSUPP;
	if (len < 4)
		return -EINVAL;
	if (copy_in(&v, val, 4))
		return -EFAULT;
	switch (name) {
	case SO_PASSCRED:
		return set_passcred(info.object, v);
	case SO_SNDBUF:
	case SO_RCVBUF:
	case SO_SNDBUFFORCE:
	case SO_RCVBUFFORCE:
		NC(FD_CTL, (i32)fd, WEFT_CHAN_BUFFER, MAX(MIN((u32)v, 212992u), 2048u) * 2, 0);
		return 0;
	case SO_REUSEADDR:
	case SO_KEEPALIVE:
	case SO_BROADCAST:
	case SO_PRIORITY:
	case SO_OOBINLINE:
	case SO_DONTROUTE:
	case SO_REUSEPORT:
	case SO_LINGER:
	case SO_RCVLOWAT:
	case SO_TIMESTAMP:
	case SO_PASSSEC:
		return 0;
	case SO_RCVTIMEO:
	case SO_SNDTIMEO: {
		struct timeval64 tv;
		if (len < sizeof(tv))
			return -EINVAL;
		if (copy_in(&tv, val, sizeof(tv)))
			return -EFAULT;
		return tv.sec || tv.usec ? -EOPNOTSUPP : 0; /* no timeout is what there is */
	}
	}
	return -ENOPROTOOPT;
}
