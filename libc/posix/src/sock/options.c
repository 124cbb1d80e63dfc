/* SPDX-License-Identifier: MIT */
/* Socket options. */
#include "sock.h"
#include "../core/calls.h"
#include <native/netlink.h>

#define SOL_IP 0u
#define SOL_SOCKET 1u
#define SOL_TCP 6u
#define SOL_IPV6 41u
enum { SO_DEBUG = 1, SO_REUSEADDR, SO_TYPE, SO_ERROR, SO_DONTROUTE, SO_BROADCAST, SO_SNDBUF, SO_RCVBUF, SO_KEEPALIVE, SO_OOBINLINE, SO_NO_CHECK, SO_PRIORITY, SO_LINGER,
	SO_REUSEPORT = 15, SO_PASSCRED, SO_PEERCRED, SO_RCVLOWAT, SO_SNDLOWAT, SO_RCVTIMEO, SO_SNDTIMEO, SO_ATTACH_FILTER = 26, SO_DETACH_FILTER,
	SO_TIMESTAMP = 29, SO_ACCEPTCONN, SO_PEERSEC, SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_PASSSEC, SO_TIMESTAMPNS, SO_MARK, SO_PROTOCOL = 38, SO_DOMAIN, SO_BUSY_POLL = 46, SO_INCOMING_CPU = 49, SO_COOKIE = 57, SO_PEERGROUPS = 59,
	SO_PASSPIDFD = 76, SO_PEERPIDFD };
enum { TCP_NODELAY = 1, TCP_MAXSEG, TCP_CORK, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT, TCP_DEFER_ACCEPT = 9, TCP_QUICKACK = 12,
	TCP_USER_TIMEOUT = 18, TCP_FASTOPEN = 23, TCP_NOTSENT_LOWAT = 25 };
enum { IP_TOS = 1, IP_TTL, IP_PKTINFO = 8, IP_MTU_DISCOVER = 10, IP_RECVERR, IP_FREEBIND = 15 };
enum { IPV6_UNICAST_HOPS = 16, IPV6_RECVERR = 25, IPV6_V6ONLY, IPV6_RECVPKTINFO = 49, IPV6_TCLASS = 67 };

/*
 * What programs may set, and what there is until they do. The values are kept here, by the number of the channel end (numbers are never used
 * twice): they are the process's own view of its sockets, and the oldest is forgotten for a new one.
 */
enum kind { BOOL, INT, LINGER, TIMEVAL };
static const struct option {
	u16 level, name;
	u8 kind;
	bool inet;
	i32 first, min, max;
} options[] = {
	{SOL_SOCKET, SO_REUSEADDR, BOOL}, {SOL_SOCKET, SO_KEEPALIVE, BOOL}, {SOL_SOCKET, SO_BROADCAST, BOOL}, {SOL_SOCKET, SO_OOBINLINE, BOOL},
	{SOL_SOCKET, SO_DONTROUTE, BOOL}, {SOL_SOCKET, SO_REUSEPORT, BOOL}, {SOL_SOCKET, SO_TIMESTAMP, BOOL}, {SOL_SOCKET, SO_TIMESTAMPNS, BOOL},
	{SOL_SOCKET, SO_PASSSEC, BOOL}, {SOL_SOCKET, SO_PASSCRED, BOOL}, {SOL_SOCKET, SO_DEBUG, BOOL}, {SOL_SOCKET, SO_NO_CHECK, BOOL},
	{SOL_SOCKET, SO_PRIORITY, INT, false, 0, 0, 6}, {SOL_SOCKET, SO_RCVLOWAT, INT, false, 1, 0, INT32_MAX}, {SOL_SOCKET, SO_MARK, INT, false, 0, 0, INT32_MAX},
	{SOL_SOCKET, SO_BUSY_POLL, INT, false, 0, 0, INT32_MAX}, {SOL_SOCKET, SO_LINGER, LINGER}, {SOL_SOCKET, SO_RCVTIMEO, TIMEVAL}, {SOL_SOCKET, SO_SNDTIMEO, TIMEVAL},
	{SOL_TCP, TCP_NODELAY, BOOL, true}, {SOL_TCP, TCP_CORK, BOOL, true}, {SOL_TCP, TCP_QUICKACK, BOOL, true, 1}, {SOL_TCP, TCP_MAXSEG, INT, true, 32768, 88, 32767},
	{SOL_TCP, TCP_KEEPIDLE, INT, true, 7200, 1, 32767}, {SOL_TCP, TCP_KEEPINTVL, INT, true, 75, 1, 32767}, {SOL_TCP, TCP_KEEPCNT, INT, true, 9, 1, 127},
	{SOL_TCP, TCP_SYNCNT, INT, true, 6, 1, 127}, {SOL_TCP, TCP_DEFER_ACCEPT, INT, true, 0, 0, INT32_MAX}, {SOL_TCP, TCP_USER_TIMEOUT, INT, true, 0, 0, INT32_MAX},
	{SOL_TCP, TCP_NOTSENT_LOWAT, INT, true, 0, 0, INT32_MAX}, {SOL_TCP, TCP_FASTOPEN, INT, true, 0, 0, INT32_MAX}, {SOL_IP, IP_TOS, INT, true, 0, 0, 255},
	{SOL_IP, IP_TTL, INT, true, 64, 1, 255}, {SOL_IP, IP_MTU_DISCOVER, INT, true, 1, 0, 5}, {SOL_IP, IP_RECVERR, BOOL, true}, {SOL_IP, IP_FREEBIND, BOOL, true},
	{SOL_IP, IP_PKTINFO, BOOL, true}, {SOL_IPV6, IPV6_V6ONLY, BOOL, true}, {SOL_IPV6, IPV6_UNICAST_HOPS, INT, true, 64, -1, 255},
	{SOL_IPV6, IPV6_TCLASS, INT, true, 0, -1, 255}, {SOL_IPV6, IPV6_RECVPKTINFO, BOOL, true}, {SOL_IPV6, IPV6_RECVERR, BOOL, true},
};

static const struct option *option_find(u64 level, u64 name)
{
	for (u32 i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].level == level && options[i].name == name)
			return &options[i];
	return NULL;
}

static struct rt_sockopt *stored(struct rt_proc *p, u64 object, u32 level, u32 name)
{
	for (u32 i = 0; i < RT_SOCKOPTS; i++)
		if (p->sockopt[i].object == object && p->sockopt[i].level == level && p->sockopt[i].name == name)
			return &p->sockopt[i];
	return NULL;
}

static void store(u64 object, u32 level, u32 name, const u64 value[2])
{
	struct rt_proc *p = rt_proc();

	rt_lock_take(&p->misc_lock);
	struct rt_sockopt *o = stored(p, object, level, name);
	if (!o)
		o = stored(p, 0, 0, 0);
	if (!o)
		o = &p->sockopt[p->sockopt_next++ % RT_SOCKOPTS];
	*o = (struct rt_sockopt){.object = object, .level = level, .name = name, .value = {value[0], value[1]}};
	rt_lock_drop(&p->misc_lock);
}

static bool stored_value(u64 object, u32 level, u32 name, u64 value[2])
{
	struct rt_proc *p = rt_proc();

	rt_lock_take(&p->misc_lock);
	const struct rt_sockopt *o = stored(p, object, level, name);
	if (o)
		memcpy(value, o->value, sizeof(o->value));
	rt_lock_drop(&p->misc_lock);
	return o != NULL;
}

bool rt_sock_passcred(u64 object)
{
	u64 value[2];

	return rt_proc()->sock_special && stored_value(object, SOL_SOCKET, SO_PASSCRED, value) && value[0];
}

u64 rt_sock_timeout_any(i32 fd, bool send)
{
	struct weft_fd_info info;
	u64 value[2];

	if (rt_fd_info(fd, &info) < 0 || (info.type != WEFT_OBJ_CHANNEL && info.type != WEFT_OBJ_DGRAM) || (info.status & O_NONBLOCK) ||
		!stored_value(info.object, SOL_SOCKET, send ? SO_SNDTIMEO : SO_RCVTIMEO, value) || (!value[0] && !value[1]))
		return (u64)WEFT_FOREVER;
	return rt_now() + value[0] * NSEC + value[1] * 1000;
}

i64 rt_sock_wait(i32 fd, bool send, u64 deadline)
{
	struct weft_pollfd p = {.fd = fd, .events = send ? WEFT_POLLOUT : WEFT_POLLIN};
	i64 r = UNLESS_IGNORED(NC(FD_POLL, &p, 1, deadline));

	return r > 0 ? 0 : r == 0 ? -EAGAIN : rt_intr(r, ERESTARTNOHAND);
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

static i64 peer_pidfd(i32 fd, u64 val, u64 lenp)
{
	struct linux_ucred cred;
	i64 r = peer_cred(fd, &cred);

	if (r < 0 || !cred.pid)
		return r < 0 ? r : -ENODATA;
	i32 got = rt_sys_pidfd_open(cred.pid, 0);
	if (got < 0)
		return got;
	r = put_option(val, lenp, &got, sizeof(got));
	if (r < 0)
		NC(FD_CLOSE, got);
	return r;
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
	const struct option *o = option_find(level, name);
	if (o && o->inet && !rt_sock_inet(fd, info.object))
		return -EOPNOTSUPP;
	if (o) {
		two[0] = (u64)o->first;
		stored_value(info.object, level, name, two);
		v = two[0];
		u32 pair[2] = {two[0], two[1]};
		return o->kind == TIMEVAL ? put_option(val, lenp, two, 16) : o->kind == LINGER ? put_option(val, lenp, pair, 8) : put_option(val, lenp, &v, 4);
	}
	if (level != SOL_SOCKET)
		return rt_sock_inet(fd, info.object) ? -ENOPROTOOPT : -EOPNOTSUPP;
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
		v = !rt_sock_inet(fd, info.object) ? 0 : info.type == WEFT_OBJ_DGRAM ? 17 : 6;
		break;
	case SO_ERROR:
		break;
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
	case SO_COOKIE:
		two[0] = info.object;
		return put_option(val, lenp, two, 8);
	case SO_INCOMING_CPU:
		v = -1;
		break;
	case SO_PEERPIDFD:
		return peer_pidfd(fd, val, lenp);
	case SO_PEERCRED:
		r = peer_cred(fd, &cred);
		return r < 0 ? r : put_option(val, lenp, &cred, sizeof(cred));
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

static i64 set_option(u64 object, const struct option *o, u64 val, u64 len)
{
	struct rt_proc *p = rt_proc();
	u64 value[2] = {0, 0};
	u32 pair[2];
	i32 v;

	if (o->kind == TIMEVAL) {
		if (len < sizeof(value))
			return -EINVAL;
		if (copy_in(value, val, sizeof(value)))
			return -EFAULT;
		if (value[1] >= 1000000)
			return -EDOM;
		if ((i64)value[0] < 0)
			value[0] = value[1] = 0;
		value[0] = MIN(value[0], 1ul << 32);
	} else if (o->kind == LINGER) {
		if (len < sizeof(pair))
			return -EINVAL;
		if (copy_in(pair, val, sizeof(pair)))
			return -EFAULT;
		value[0] = !!pair[0];
		value[1] = pair[1];
	} else {
		if (len < 4)
			return -EINVAL;
		if (copy_in(&v, val, 4))
			return -EFAULT;
		if (o->kind == INT && (v < o->min || v > o->max))
			return -EINVAL;
		value[0] = o->kind == BOOL ? !!v : (u64)v;
	}
	store(object, o->level, o->name, value);
	if (o->kind == TIMEVAL || (o->level == SOL_SOCKET && o->name == SO_PASSCRED))
		p->sock_special = true;
	return 0;
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
	const struct option *o = option_find(level, name);
	if (!o && level != SOL_SOCKET)
		return rt_sock_inet(fd, info.object) ? -ENOPROTOOPT : -EOPNOTSUPP;
	if (o && o->inet && !rt_sock_inet(fd, info.object))
		return -EOPNOTSUPP;
	if (o)
		return set_option(info.object, o, val, len);
	if (len < 4)
		return -EINVAL;
	if (copy_in(&v, val, 4))
		return -EFAULT;
	switch (name) {
	case SO_SNDBUF:
	case SO_RCVBUF:
	case SO_SNDBUFFORCE:
	case SO_RCVBUFFORCE:
		NC(FD_CTL, (i32)fd, WEFT_CHAN_BUFFER, MAX(MIN((u32)v, 212992u), 2048u) * 2, 0);
		return 0;
	case SO_DETACH_FILTER:
		return -ENOENT;
	}
	return -ENOPROTOOPT;
}
