/* SPDX-License-Identifier: MIT */
/*
 * servers/ipc: names of unix sockets and System V objects (native/ipcproto.h).
 *
 *   main.c   streams: bind, listen, connect     dgram.c  datagrams    names.c  the tables
 *   sysv.c   identifiers and permissions of System V's objects, which are in shm.c, sem.c and msg.c
 */
#ifndef IPC_IPC_H
#define IPC_IPC_H

#include "names.h"
#include <native/ipcproto.h>
#include <native/loop.h>
#include <native/server.h>

extern struct loop ipc_loop;

/* main.c. The kernel object of the request's socket fds[i]; -ENOTSOCK. */
int object_of(struct request *r, u32 i, u64 *object);
/* Names of the loopback (libc/posix, inet.h): the port is the name, the address behind it is only told. */
#define INET_KEY 6
bool is_inet(const struct addr *a);
void key_of(const struct addr *a, struct key *k); /* of a name without an inode */
/* The address in buffer 0 and the key it means; the inode's handle is fds[inode_at]. */
int name_of(struct request *r, bool has_inode, u32 inode_at, struct addr *a, struct key *k);
/* Gives the socket fds[0] the name in buffer 0 (autobind: and tells it in buffer 1), the inode's handle being fds[1]. */
int bind_name(struct request *r, bool inode, u64 *socket, struct binding **out);

int claim(const struct key *k); /* the name is free now; -EADDRINUSE, -ENOBUFS */

/* dgram.c */
struct dgram;
bool dgram_unbound(u64 socket, struct addr *out); /* what an unnamed socket of the loopback is called */
bool dgram_held(const struct dgram *d); /* its receiving end is open */
void dgram_free(struct dgram *d);
i64 op_dgram_new(struct request *r);
i64 op_dgram_bind(struct request *r);
i64 op_dgram_connect(struct request *r);
i64 op_dgram_lookup(struct request *r);

#endif
