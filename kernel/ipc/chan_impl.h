/* SPDX-License-Identifier: MIT */
/* Inside channels and pipes. */
#ifndef KERNEL_IPC_CHAN_IMPL_H
#define KERNEL_IPC_CHAN_IMPL_H

#include "queue.h"

/* Bytes of a write that goes whole or not at all; any queue can hold as many. */
#define ATOMIC	  4096u
#define CHAN_PIPE 0 /* beside enum weft_chan_type */

/* What only receives: a pipe's read end, an unconnected datagram endpoint. Its peer, a pipe's write
 * end, the endpoint's capability, only sends. */
enum chan_role { ROLE_END, ROLE_RECEIVER, ROLE_SENDER };

struct chan_end {
	struct object obj;     /* WEFT_OBJ_CHANNEL, DGRAM, PIPE */
	struct queue rx;       /* rx.ended: shut down for receiving (RDHUP) */
	struct chan_end *peer; /* NULL: none yet, or destroyed */
	u8 type, role;
	bool half;	/* made alone: connected by OPEN_PEER */
	bool connected; /* the peer is open, or something was sent while it was */
	bool shut_snd;	/* nothing more may be sent (EPIPE) */
	bool closed;
	u32 peer_pid;
	struct identity *peer_ident;
};

static inline struct chan_end *chan_of(struct object *o)
{
	return container_of(o, struct chan_end, obj);
}
static inline bool chan_has_borders(const struct chan_end *e)
{
	return e->type == WEFT_CHAN_DGRAM || e->type == WEFT_CHAN_SEQPACKET;
}

/* chan_io.c */
i64 chan_read(struct object *o, struct uio *u, i64 off, u32 flags);
i64 chan_write(struct object *o, struct uio *u, i64 off, u32 flags);

#endif
