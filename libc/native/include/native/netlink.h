/* SPDX-License-Identifier: MIT */
/*
 * Sockets that are handles of a server: scheme `net` (AF_INET, AF_INET6) and the kobject-uevent netlink of servers/dev. read and write are
 * plain; everything else is one of these on the handle. Addresses are Linux's sockaddrs.
 */
#ifndef NATIVE_NETLINK_H
#define NATIVE_NETLINK_H

#include <native/fsproto.h>

enum netp_op {
	NETP_SOCKET = FSP_PRIVATE + 0x100, /* on the scheme's root. args: family, type, protocol. -> fds_out[0] with attr.mode S_IFSOCK */
	NETP_BIND,	/* buffer 0 IN: address */
	NETP_LISTEN,	/* args: backlog */
	NETP_CONNECT,	/* buffer 0 IN: address. -EINPROGRESS when O_NONBLOCK */
	NETP_ACCEPT,	/* buffer 1 OUT: address, out[0] = its length. -> fds_out[0] */
	NETP_SOCKNAME,	/* buffer 1 OUT, out[0] */
	NETP_PEERNAME,
	NETP_SHUTDOWN,	/* args: 0 read, 1 write, 2 both */
	NETP_SEND,	/* args: MSG_*. buffers: 0 IN address (may be empty), 1 OUT empty, 2.. IN data */
	NETP_RECV,	/* args: MSG_*. buffers: 0 IN empty, 1 OUT address, 2.. OUT data. out[0] = address length, out[1] = MSG_* of the result */
	NETP_GETSOCKOPT, /* args: level, name. buffer 1 OUT value, out[0] = its length */
	NETP_SETSOCKOPT, /* args: level, name. buffer 0 IN value */
};

#endif
