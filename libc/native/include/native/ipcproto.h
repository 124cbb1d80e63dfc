/* SPDX-License-Identifier: MIT */
/*
 * Names of unix sockets: what the POSIX runtime asks of servers/ipc, on the root handle of scheme `ipc`.
 *
 * A stream or seqpacket socket is from birth one end of a channel (obj_create(CHANNEL, type, 1): no peer yet). To bind, listen or connect
 * it, the runtime makes the other end (WEFT_CHAN_OPEN_PEER) and gives it to the server, so that the program's fd, its
 * copies and its poll registrations stay what they are:
 *   listen   the server keeps the other end and sends on it, for each connection, one struct ipcp_incoming with the connected channel as
 *            its only fd. accept is a receive. When the program's end hangs up the name is free again.
 *   connect  the server passes the other end to the listener that has the name; -ECONNREFUSED without one, -EAGAIN (non-blocking) or
 *            a reply when there is room with a full backlog. It sets both ends' peers (WEFT_CHAN_SET_PEER) to the credentials
 *            of listen and of connect.
 * A name is either abstract (buffer 0: the bytes after the leading NUL) or a socket inode (fds[0]: a handle from FSP_SOCKET, whose scheme and
 * node the server asks the kernel about). Buffer 0 is always the whole sockaddr_un as the program gave it, for getsockname.
 * Datagram sockets are kernel endpoints (WEFT_OBJ_DGRAM); the server maps names to sender fds, and knows who is connected to whom.
 */
#ifndef NATIVE_IPCPROTO_H
#define NATIVE_IPCPROTO_H

#include <weft/scheme.h>

enum ipcp_op {
	/* args: socket type, has_inode, 1: only remember the name. Buffer 0 IN: sockaddr. fds: {the socket itself, inode handle if has_inode,
	 * its other end}: while the server has that, it knows whether the socket is open. An empty name (sa_family only) asks for an abstract one of the server's choice: out[0] = its length, buffer 1 OUT */
	IPCP_BIND = WEFT_OP_USER + 0x400, /* no operation of the file protocol: paths below /scheme come here too */
	/* args: backlog. fds: {the socket itself, its other end unless bind gave it}. -EINVAL if it is not bound. A second listen: new backlog */
	IPCP_LISTEN,
	/* args: socket type, has_inode, 1 non-blocking, 1 the other end comes (0: bind gave it). Buffer 0 IN: sockaddr. fds: {the socket itself, its
	 * other end, inode handle} */
	IPCP_CONNECT,
	/* args: 0 own name, 1 the peer's. fds: {socket}. Buffer 0 OUT: sockaddr. out[0] = length (2: unnamed), out[1] = 1 if it listens */
	IPCP_NAME,
	/* Datagrams: every socket is known here from its birth, until its receiving end is closed. args: 0, or AF_INET, AF_INET6: UDP over the
	 * loopback. fds: {the receiving end, its sender end} */
	IPCP_DGRAM_NEW,
	/* args: has_inode. Buffer 0 IN: sockaddr, as for BIND. fds: {socket, inode handle} */
	IPCP_DGRAM_BIND,
	/* args: has_inode, 1: connected no longer. Buffer 0 IN: sockaddr. fds: {socket, inode handle} */
	IPCP_DGRAM_CONNECT,
	/* args: has_inode, 1: the socket's peer. Buffer 0 IN: sockaddr; buffer 1 OUT: the sending socket's own name. fds: {socket, inode handle}.
	 * -> fds_out[0]: the sender end of the other; out[0] = length of the own name (2: none). -ENOTCONN, -ECONNREFUSED, -EPERM: it is
	 * connected to a third one. IPCP_UNHEARD, without an fd: UDP that nobody hears */
	IPCP_DGRAM_LOOKUP,
};

#define IPCP_UNHEARD 1

struct ipcp_incoming {
	u32 len;
	u8 addr[108 + 2]; /* the connecting socket's name */
	u8 pad[2];
};
_Static_assert(sizeof(struct ipcp_incoming) == 116, "ipcp_incoming");

#endif
