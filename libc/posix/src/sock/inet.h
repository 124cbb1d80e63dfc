/* SPDX-License-Identifier: MIT */
/*
 * TCP and UDP over the loopback without a network: 127.0.0.0/8 and ::1 are names of servers/ipc, connections are channels and UDP's sockets
 * datagram endpoints, as for unix sockets. A port is the abstract name {0, 1, 'i', family, port}; UDP's has 'u' for 'i'. Where scheme net is, its sockets are used instead.
 */
#ifndef RT_INET_H
#define RT_INET_H

#include "sock.h"

struct sockaddr_in_ {
	u16 family, port;
	u8 addr[4];
	u8 zero[8];
};
struct sockaddr_in6_ {
	u16 family, port;
	u32 flow;
	u8 addr[16];
	u32 scope;
};
#define INET_NAME_LEN 24 /* of the sockaddr_un: family, six bytes, and the address, which is told but not compared */

/* A program's sockaddr_in or in6 as a name. -> 0; *any: the address is not bound to one interface */
i64 rt_inet_name(u64 addr, u64 len, bool bind, struct sockaddr_un_ *un, u16 *port);
void rt_inet_set_port(struct sockaddr_un_ *un, u16 port);
bool rt_is_inet(u64 addr, u64 len); /* the program's address is AF_INET's or AF_INET6's */
i64 rt_udp_name(u64 addr, u64 len, bool bind, struct sockaddr_un_ *un);
bool rt_inet_is_name(const u8 *un, u32 len);
/* The reverse. -> length of the sockaddr */
u32 rt_inet_address(const u8 *un, u8 out[28]);
/* Sockets whose family cannot be told from a name yet. */
void rt_inet_remember(u64 object, u32 family);
u32 rt_inet_family(u64 object);
u16 rt_inet_random_port(void);

#endif
