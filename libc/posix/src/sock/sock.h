/* SPDX-License-Identifier: MIT */
#ifndef RT_SOCK_H
#define RT_SOCK_H

#include "../path/path.h"

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16
#define SOCK_STREAM 1u
#define SOCK_DGRAM 2u
#define SOCK_RAW 3u
#define SOCK_SEQPACKET 5u
#define SOCK_TYPE_MASK 0xfu
#define SOCK_TYPES 11u
#define SOCK_NONBLOCK O_NONBLOCK
#define SOCK_CLOEXEC O_CLOEXEC

#define MSG_OOB 1u
#define MSG_PEEK 2u
#define MSG_CTRUNC 8u
#define MSG_TRUNC 0x20u
#define MSG_DONTWAIT 0x40u
#define MSG_EOR 0x80u
#define MSG_WAITALL 0x100u
#define MSG_NOSIGNAL 0x4000u
#define MSG_CMSG_CLOEXEC 0x40000000u

struct sockaddr_un_ {
	u16 family;
	char path[108];
};
struct linux_msghdr {
	u64 name;
	u32 namelen, pad0;
	u64 iov, iovlen, control, controllen;
	i32 flags, pad1;
};
struct linux_cmsghdr {
	u64 len;
	i32 level, type;
};
struct linux_ucred {
	i32 pid;
	u32 uid, gid;
};

i64 rt_sock_check(u64 fd, struct weft_fd_info *info);
u32 rt_sock_inet(i32 fd, u64 object);
/* The program's address. *inode: a handle that proves which socket inode the path names, -1 for abstract names. */
i64 rt_sock_address(u64 addr, u64 len, struct sockaddr_un_ *un, bool bind, i32 *inode);

/* dgram.c: unix datagram sockets. */
struct rt_dest {
	i32 fd; /* private: the destination's sender end; -1: nobody hears it */
	u32 name_len;
	u8 name[110]; /* of the sending socket: a sockaddr_un */
};
i64 rt_dgram_socket(u64 type, u64 family); /* family 0: AF_UNIX */
i64 rt_dgram_name(u32 op, i32 fd, const struct weft_fd_info *info, const struct sockaddr_un_ *un, u32 len, i32 inode);
i64 rt_dgram_connect(i32 fd, const struct weft_fd_info *info, u64 addr, u64 len);
i64 rt_dgram_dest(i32 fd, const struct weft_fd_info *info, u64 addr, u64 len, struct rt_dest *out); /* addr 0: the peer */
void rt_dgram_sent(const struct weft_fd_info *info, const struct rt_dest *d, i64 result);
/* A request to a socket that is a handle; addresses in the program's memory. */
i64 rt_net_call(i32 fd, u32 op, u64 arg, u64 in, u64 inlen, u64 out, u64 outlenp);
i64 rt_net_accept(i32 fd, u64 addr, u64 lenp, u64 flags);
i64 rt_netlink_socket(u64 type, u64 protocol);
int rt_netlink_name(i32 fd, const struct weft_fd_info *info, u64 addr, u64 lenp);

#endif
