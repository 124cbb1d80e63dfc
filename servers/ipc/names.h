/* SPDX-License-Identifier: MIT */
/*
 * The tables of servers/ipc. A name is the bytes of an abstract address or an inode (scheme, node); at most one binding has it. What a
 * socket is called (getsockname, getpeername) is remembered by the number of its kernel object, for the last NAME_MEMORY sockets:
 * sockets do not tell when they end.
 */
#ifndef IPC_NAMES_H
#define IPC_NAMES_H

#include <weft/types.h>

#define ADDR_MAX 110 /* sizeof(struct sockaddr_un) */
#define AF_UNIX_LEN 2
#define NAME_MEMORY 8192

struct key {
	u64 scheme, node; /* an inode; scheme 0: abstract */
	u32 len;
	u8 bytes[ADDR_MAX];
};

struct addr {
	u32 len;
	u8 bytes[ADDR_MAX];
};

struct binding {
	struct binding *next;
	struct key key;
	struct addr addr;
	u64 socket; /* kernel object of the bound socket */
	u32 pid, identity; /* of bind, then of listen */
	u32 type;
	bool listening;
	i32 fd; /* the other end (listening) or the sender (datagrams), or -1 */
	void *watch; /* main.c's, or the datagram socket */
};

struct binding *binding_find(const struct key *k);
struct binding *binding_of(u64 socket);
struct binding *binding_add(const struct key *k, const struct addr *a, u64 socket); /* NULL: no memory */
void binding_remove(struct binding *b); /* frees it; its fd is the caller's */
u32 binding_count(void);

void name_remember(u64 socket, const struct addr *own, const struct addr *peer); /* either may be NULL */
bool name_recall(u64 socket, bool peer, struct addr *out);

#endif
