/* SPDX-License-Identifier: MIT */
/*
 * Unix sockets (native/ipcproto.h): a socket is a channel end from birth; names are servers/ipc's. Datagram sockets are kernel
 * endpoints whose sender ends are looked up by name. The address family decides which server: AF_INET is scheme net's.
 */
#include "inet.h"
#include "../core/calls.h"
#include <native/ipcproto.h>
#include <native/netlink.h>

i64 rt_sock_check(u64 fd, struct weft_fd_info *info)
{
	PROGRAM_FD(fd);
	i64 r = rt_fd_info(fd, info);
	if (r < 0)
		return r;
	if (info->status & O_PATH)
		return -EBADF;
	if (info->type == WEFT_OBJ_CHANNEL || info->type == WEFT_OBJ_DGRAM)
		return 0;
	return info->type == WEFT_OBJ_HANDLE && (info->attr.mode & S_IFMT) == S_IFSOCK ? 0 : -ENOTSOCK;
}

static i64 native_type(u32 type)
{
	switch (type) {
	case SOCK_STREAM:
		return WEFT_CHAN_STREAM;
	case SOCK_DGRAM:
	case SOCK_RAW:
		return WEFT_CHAN_DGRAM;
	case SOCK_SEQPACKET:
		return WEFT_CHAN_SEQPACKET;
	}
	return type >= SOCK_TYPES ? -EINVAL : -ESOCKTNOSUPPORT;
}

static i64 open_scheme_socket(i32 root, u64 family, u64 type, u64 protocol)
{
	i32 got[1];
	struct weft_req q = {.op = NETP_SOCKET, .flags = type & SOCK_CLOEXEC ? WEFT_REQ_CLOEXEC : 0, .max_fds = 1,
		.args = {family, type & SOCK_TYPE_MASK, protocol}, .fds_out = (u64)got};
	i64 r = NC(FD_CALL, root, &q);

	if (r < 0)
		return r;
	if (q.nfds_out != 1)
		return -EIO;
	if (type & SOCK_NONBLOCK)
		NC(FD_CTL, got[0], WEFT_FD_SET_STATUS, O_NONBLOCK, 0);
	return got[0];
}

/* Sockets of the loopback (inet.h). */
static i64 loopback_socket(u64 family, u64 type, u64 protocol)
{
	struct weft_fd_info info;

	if ((type & SOCK_TYPE_MASK) == SOCK_DGRAM)
		return protocol == 0 || protocol == 17 ? rt_dgram_socket(type, family) : -EPROTONOSUPPORT;
	if ((type & SOCK_TYPE_MASK) == SOCK_RAW)
		return -EPERM; /* nothing below the sockets is there to be seen */
	if ((type & SOCK_TYPE_MASK) != SOCK_STREAM)
		return -ESOCKTNOSUPPORT;
	if (protocol != 0 && protocol != 6)
		return -EPROTONOSUPPORT;
	i64 fd = rt_obj_create(WEFT_OBJ_CHANNEL, WEFT_CHAN_STREAM, 1, type);
	if (fd >= 0 && rt_fd_info(fd, &info) >= 0)
		rt_inet_remember(info.object, family);
	return fd;
}

i64 rt_sys_socket(u64 family, u64 type, u64 protocol)
{
	struct rt_proc *p = rt_proc();
	i64 t;

	if (type & ~(u64)(SOCK_TYPE_MASK | SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	switch (family) {
	case AF_UNIX:
		if (protocol > 1)
			return -EPROTONOSUPPORT;
		t = native_type(type & SOCK_TYPE_MASK);
		if (t < 0)
			return t;
		if (t == WEFT_CHAN_DGRAM)
			return rt_dgram_socket(type, 0);
		return rt_obj_create(WEFT_OBJ_CHANNEL, t, 1, type);
	case AF_NETLINK:
		if ((type & SOCK_TYPE_MASK) != SOCK_RAW && (type & SOCK_TYPE_MASK) != SOCK_DGRAM)
			return -ESOCKTNOSUPPORT;
		return rt_netlink_socket(type, protocol);
	case AF_INET:
	case AF_INET6:
		if (p->net >= 0)
			return open_scheme_socket(p->net, family, type, protocol);
		return loopback_socket(family, type, protocol);
	}
	return -EAFNOSUPPORT;
}

i64 rt_sys_socketpair(u64 family, u64 type, u64 protocol, u64 out)
{
	i32 fds[2];
	i64 t, r;

	if (type & ~(u64)(SOCK_TYPE_MASK | SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	if (family != AF_UNIX)
		return family == AF_INET || family == AF_INET6 ? -EOPNOTSUPP : -EAFNOSUPPORT;
	if (protocol > 1)
		return -EPROTONOSUPPORT;
	t = native_type(type & SOCK_TYPE_MASK);
	if (t < 0)
		return t;
	r = NC(OBJ_CREATE, WEFT_OBJ_CHANNEL, t, 0, rt_obj_flags(type), fds);
	if (r < 0)
		return r;
	if (type & SOCK_NONBLOCK) {
		NC(FD_CTL, fds[0], WEFT_FD_SET_STATUS, O_NONBLOCK, 0);
		NC(FD_CTL, fds[1], WEFT_FD_SET_STATUS, O_NONBLOCK, 0);
	}
	if (copy_out(out, fds, sizeof(fds))) {
		NC(FD_CLOSE, fds[0]);
		NC(FD_CLOSE, fds[1]);
		return -EFAULT;
	}
	return 0;
}

/* The program's address. *inode: a handle that proves which socket inode the path names, -1 for abstract names. */
i64 rt_sock_address(u64 addr, u64 len, struct sockaddr_un_ *un, bool bind, i32 *inode)
{
	char path[PATH_MAX];

	*inode = -1;
	if (len < 2 || len > sizeof(*un))
		return -EINVAL;
	memset(un, 0, sizeof(*un));
	if (copy_in(un, addr, len))
		return -EFAULT;
	if (un->family != AF_UNIX)
		return -EINVAL;
	if (len == 2)
		return bind ? 0 : -EINVAL;
	if (!un->path[0])
		return 0;
	u32 n = 0;
	while (n < len - 2 && un->path[n])
		n++;
	memcpy(path, un->path, n);
	path[n] = 0;
	struct path_call c = {.op = FSP_SOCKET, .req_flags = WEFT_REQ_PRIVATE | WEFT_REQ_CLOEXEC, .dirfd = AT_FDCWD, .path = path, .len = n, .want_fd = true};
	if (bind) {
		char copy[PATH_MAX];
		memcpy(copy, path, n + 1);
		struct path_call m = {.op = FSP_MKNOD, .req_flags = WEFT_REQ_NOINTR, .dirfd = AT_FDCWD, .path = copy, .len = n, .walk = FSP_WALK_NOFOLLOW,
			.arg0 = S_IFSOCK | (0777 & ~rt_proc()->umask)};
		i64 r = rt_path_do(&m);
		if (r < 0)
			return r == -EEXIST ? -EADDRINUSE : r;
	}
	i64 r = rt_path_do(&c);
	if (r < 0)
		return r == -EOPNOTSUPP || r == -EINVAL ? -ECONNREFUSED : r;
	*inode = c.fd;
	return 0;
}

static i64 chan_type(i32 fd)
{
	return NC(FD_CTL, fd, WEFT_CHAN_TYPE, 0, 0);
}

static i64 ipc_call(u32 op, u64 a, u64 b, u64 c, const void *addr, u32 len, const i32 *fds, u32 nfds, struct weft_req *q)
{
	struct rt_proc *p = rt_proc();
	struct weft_buf buf = {(u64)addr, len, WEFT_BUF_IN};

	if (p->ipc < 0)
		return -EOPNOTSUPP;
	q->op = op;
	q->nbufs = 1;
	q->bufs = (u64)&buf;
	q->nfds = nfds;
	q->fds = (u64)fds;
	q->args[0] = a;
	q->args[1] = b;
	q->args[2] = c;
	return NC(FD_CALL, p->ipc, q);
}

/* Port 0 takes one that is free. args[2] of a bind: the name is only remembered, for a connecting socket */
static i64 inet_bind(i32 fd, struct sockaddr_un_ *un, u16 port, bool only_name)
{
	i64 r = -EADDRINUSE, peer = only_name ? -1 : NC(FD_CTL, fd, WEFT_CHAN_OPEN_PEER, 0, 0);
	i32 fds[2] = {fd, peer};

	for (u32 tries = 0; tries < 64 && r == -EADDRINUSE; tries++) {
		struct weft_req q = {.flags = WEFT_REQ_NOINTR};
		rt_inet_set_port(un, port ? port : rt_inet_random_port());
		r = ipc_call(IPCP_BIND, WEFT_CHAN_STREAM, 0, only_name, un, INET_NAME_LEN, fds, peer >= 0 ? 2 : 1, &q);
		if (port)
			break;
	}
	if (peer >= 0)
		NC(FD_CLOSE, peer);
	return r;
}

i64 rt_sys_bind(u64 fd, u64 addr, u64 len)
{
	struct weft_fd_info info;
	struct sockaddr_un_ un;
	struct weft_req q = {.flags = WEFT_REQ_NOINTR};
	i32 inode, fds[3];
	u32 nfds = 0;
	i64 r = rt_sock_check(fd, &info), peer;

	if (r)
		return r;
	if (info.type == WEFT_OBJ_HANDLE)
		return rt_net_call(fd, NETP_BIND, 0, addr, len, 0, 0);
	if (rt_is_inet(addr, len)) {
		u16 port;
		if (info.type == WEFT_OBJ_DGRAM) {
			r = rt_udp_name(addr, len, true, &un);
			return r ? r : rt_dgram_name(IPCP_DGRAM_BIND, fd, &info, &un, INET_NAME_LEN, -1);
		}
		r = rt_inet_name(addr, len, true, &un, &port);
		return r ? r : inet_bind(fd, &un, port, false);
	}
	r = rt_sock_address(addr, len, &un, true, &inode);
	if (r < 0)
		return r;
	if (info.type == WEFT_OBJ_DGRAM)
		return rt_dgram_name(IPCP_DGRAM_BIND, fd, &info, &un, len, inode);
	fds[nfds++] = fd;
	if (inode >= 0)
		fds[nfds++] = inode;
	peer = info.type == WEFT_OBJ_CHANNEL && chan_type(fd) != WEFT_CHAN_DGRAM ? NC(FD_CTL, (i32)fd, WEFT_CHAN_OPEN_PEER, 0, 0) : -1;
	if (peer >= 0)
		fds[nfds++] = peer;
	r = ipc_call(IPCP_BIND, chan_type(fd), inode >= 0, 0, &un, len, fds, nfds, &q);
	while (nfds > 1)
		NC(FD_CLOSE, fds[--nfds]);
	return r;
}

i64 rt_sys_listen(u64 fd, u64 backlog)
{
	struct weft_fd_info info;
	struct weft_req q = {.flags = WEFT_REQ_NOINTR};
	i32 fds[2] = {fd, -1};
	i64 r = rt_sock_check(fd, &info), peer;

	if (r)
		return r;
	if (info.type == WEFT_OBJ_HANDLE)
		return rt_net_call(fd, NETP_LISTEN, backlog, 0, 0, 0, 0);
	if (info.type != WEFT_OBJ_CHANNEL || chan_type(fd) == WEFT_CHAN_DGRAM)
		return -EOPNOTSUPP;
	peer = NC(FD_CTL, (i32)fd, WEFT_CHAN_OPEN_PEER, 0, 0);
	fds[1] = peer;
	u32 family = rt_inet_family(info.object);
	if (family) { /* listening without a name takes a port; a bound socket refuses a second one */
		struct sockaddr_un_ un = {.family = AF_UNIX, .path = {0, 1, 'i', family}};
		inet_bind(fd, &un, 0, false);
	}
	r = ipc_call(IPCP_LISTEN, MIN((u32)backlog, 4096u), 0, 0, NULL, 0, fds, peer >= 0 ? 2 : 1, &q);
	if (peer >= 0)
		NC(FD_CLOSE, peer);
	return r;
}

i64 rt_sys_connect(u64 fd, u64 addr, u64 len)
{
	struct weft_fd_info info;
	struct sockaddr_un_ un;
	struct weft_req q = {0};
	i32 inode, fds[3];
	u32 nfds = 0;
	i64 r = rt_sock_check(fd, &info), peer;
	u16 family;

	if (r)
		return r;
	if (info.type == WEFT_OBJ_HANDLE)
		return rt_net_call(fd, NETP_CONNECT, 0, addr, len, 0, 0);
	if (info.type == WEFT_OBJ_DGRAM)
		return rt_dgram_connect(fd, &info, addr, len);
	if (len >= 2 && !get_u16(&family, addr) && family == 0)
		return 0; /* AF_UNSPEC: nothing to dissolve */
	peer = NC(FD_CTL, (i32)fd, WEFT_CHAN_OPEN_PEER, 0, 0);
	if (rt_is_inet(addr, len)) {
		struct sockaddr_un_ own;
		u16 port;
		r = rt_inet_name(addr, len, false, &un, &port);
		if (r)
			goto out;
		own = un;
		if (peer >= 0)
			inet_bind(fd, &own, 0, true);
		len = INET_NAME_LEN;
		inode = -1;
	} else {
		r = rt_sock_address(addr, len, &un, false, &inode);
		if (r < 0)
			goto out;
	}
	/* A bound socket's is with servers/ipc already, which also knows one that is connected. */
	fds[nfds++] = fd;
	if (peer >= 0)
		fds[nfds++] = peer;
	if (inode >= 0)
		fds[nfds++] = inode;
	q.args[3] = peer >= 0;
	r = UNLESS_IGNORED(ipc_call(IPCP_CONNECT, chan_type(fd), inode >= 0, !!(info.status & O_NONBLOCK), &un, len, fds, nfds, &q));
	/* TCP never connects at once: programs that do not block are told so, and find it writable. */
	if (!r && rt_inet_is_name((const u8 *)&un, len) && (info.status & O_NONBLOCK))
		r = -EINPROGRESS;
	if (inode >= 0)
		NC(FD_CLOSE, inode);
out:
	if (peer >= 0)
		NC(FD_CLOSE, peer);
	return rt_intr(r, ERESTARTSYS);
}

static i64 put_address(u64 addr, u64 lenp, const void *from, u32 n)
{
	u32 room;

	if (!addr)
		return 0;
	if (get_u32(&room, lenp))
		return -EFAULT;
	if ((i32)room < 0)
		return -EINVAL;
	if (copy_out(addr, from, MIN(room, n)))
		return -EFAULT;
	return put_u32(lenp, n);
}

i64 rt_sys_accept4(u64 fd, u64 addr, u64 lenp, u64 flags)
{
	struct weft_fd_info info;
	struct ipcp_incoming in;
	i32 got[1] = {-1};
	struct weft_iov iov = {(u64)&in, sizeof(in)};
	i64 r = rt_sock_check(fd, &info);

	if (r)
		return r;
	if (flags & ~(u64)(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	if (info.type == WEFT_OBJ_HANDLE)
		return rt_net_accept(fd, addr, lenp, flags);
	if (info.type != WEFT_OBJ_CHANNEL || chan_type(fd) == WEFT_CHAN_DGRAM)
		return -EOPNOTSUPP;
	struct weft_msg m = {.iov = (u64)&iov, .niov = 1, .nfds = 1, .fds = (u64)got, .dest = -1};
	u32 how = flags & SOCK_CLOEXEC ? WEFT_CHAN_CLOEXEC : 0;
	r = SOCK_TIMED(fd, false, NC(CHAN_RECV, (i32)fd, &m, how), NC(CHAN_RECV, (i32)fd, &m, how | WEFT_CHAN_NONBLOCK));
	if (r == -ENOTCONN)
		return -EINVAL; /* not listening */
	if (r < 0)
		return rt_intr(r, ERESTARTSYS);
	if (!m.nfds)
		return r == 0 ? -EINVAL : -EIO;
	if (flags & SOCK_NONBLOCK)
		NC(FD_CTL, got[0], WEFT_FD_SET_STATUS, O_NONBLOCK, 0);
	u32 n = r == sizeof(in) ? MIN(in.len, 110u) : 0;
	if (n < 2) {
		n = 2;
		in.addr[0] = AF_UNIX;
		in.addr[1] = 0;
	}
	u8 inet[28];
	if (rt_inet_is_name(in.addr, n)) {
		n = rt_inet_address(in.addr, inet);
		r = put_address(addr, lenp, inet, n);
	} else {
		r = put_address(addr, lenp, in.addr, n);
	}
	if (r < 0) {
		NC(FD_CLOSE, got[0]);
		return r;
	}
	return got[0];
}

i64 rt_sys_accept(u64 fd, u64 addr, u64 lenp)
{
	return rt_sys_accept4(fd, addr, lenp, 0);
}

static i64 name_of(u64 fd, u64 addr, u64 lenp, bool peer)
{
	struct weft_fd_info info;
	u8 un[128] = {AF_UNIX};
	i64 r = rt_sock_check(fd, &info);

	if (r)
		return r;
	if (info.type == WEFT_OBJ_HANDLE)
		return rt_net_call(fd, peer ? NETP_PEERNAME : NETP_SOCKNAME, 0, 0, 0, addr, lenp);
	if (rt_netlink_name(fd, &info, addr, lenp) == 0)
		return 0;
	/* What the kernel says of an end that has no other. */
	if (peer && info.type != WEFT_OBJ_DGRAM && NC(FD_CTL, (i32)fd, WEFT_FD_READY, 0, 0) == (WEFT_POLLOUT | WEFT_POLLHUP))
		return -ENOTCONN;
	struct rt_proc *p = rt_proc();
	i32 send = fd;
	struct weft_buf b = {(u64)un, sizeof(un), WEFT_BUF_OUT};
	struct weft_req q = {.op = IPCP_NAME, .flags = WEFT_REQ_NOINTR, .nbufs = 1, .nfds = 1, .args = {peer}, .bufs = (u64)&b, .fds = (u64)&send};
	r = p->ipc < 0 ? -ENOENT : NC(FD_CALL, p->ipc, &q);
	u32 n = r < 0 || q.out[0] < 2 ? 2 : MIN(q.out[0], 110ul);
	if (r == -ENOTCONN || (peer && n == 2 && info.type == WEFT_OBJ_DGRAM))
		return -ENOTCONN;
	u8 inet[28] = {0};
	if (rt_inet_is_name(un, n)) {
		n = rt_inet_address(un, inet);
		return put_address(addr, lenp, inet, n);
	}
	u32 family = n == 2 ? rt_inet_family(info.object) : 0;
	if (family) {
		inet[0] = family;
		return put_address(addr, lenp, inet, family == AF_INET ? 16 : 28);
	}
	un[0] = AF_UNIX;
	un[1] = 0;
	return put_address(addr, lenp, un, n);
}

/* AF_INET, AF_INET6, or 0 for a unix socket. */
u32 rt_sock_inet(i32 fd, u64 object)
{
	struct rt_proc *p = rt_proc();
	u8 un[128] = {0};
	i32 send = fd;
	u32 family = rt_inet_family(object);
	struct weft_buf b = {(u64)un, sizeof(un), WEFT_BUF_OUT};

	for (u32 peer = 0; peer < 2 && !family && p->ipc >= 0; peer++) {
		struct weft_req q = {.op = IPCP_NAME, .flags = WEFT_REQ_NOINTR, .nbufs = 1, .nfds = 1, .args = {peer}, .bufs = (u64)&b, .fds = (u64)&send};
		if (NC(FD_CALL, p->ipc, &q) >= 0 && rt_inet_is_name(un, q.out[0]))
			family = un[5];
	}
	return family;
}

i64 rt_sys_getsockname(u64 fd, u64 addr, u64 lenp)
{
	return name_of(fd, addr, lenp, false);
}

i64 rt_sys_getpeername(u64 fd, u64 addr, u64 lenp)
{
	return name_of(fd, addr, lenp, true);
}

/* Whether servers/ipc holds the other end as a listener's. */
bool rt_sock_listening(i32 fd)
{
	struct rt_proc *p = rt_proc();
	i32 send = fd;
	struct weft_req q = {.op = IPCP_NAME, .flags = WEFT_REQ_NOINTR, .nfds = 1, .args = {0}, .fds = (u64)&send};

	return p->ipc >= 0 && NC(FD_CALL, p->ipc, &q) >= 0 && q.out[1] == 1;
}

i64 rt_sys_shutdown(u64 fd, u64 how)
{
	struct weft_fd_info info;
	i64 r = rt_sock_check(fd, &info);

	if (r)
		return r;
	if (how > 2)
		return -EINVAL;
	if (info.type == WEFT_OBJ_HANDLE)
		return rt_net_call(fd, NETP_SHUTDOWN, how, 0, 0, 0, 0);
	return NC(FD_CTL, (i32)fd, WEFT_CHAN_SHUTDOWN, how + 1, 0);
}
