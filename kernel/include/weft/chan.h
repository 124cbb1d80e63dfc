/* SPDX-License-Identifier: MIT */
/* Connected socket pairs and unconnected datagram endpoints, with fds and the sender's identity. */
#ifndef WEFT_CHAN_H
#define WEFT_CHAN_H

#include <weft/object.h>

enum weft_chan_type { WEFT_CHAN_STREAM = 1, WEFT_CHAN_DGRAM = 2, WEFT_CHAN_SEQPACKET = 5 };

struct weft_msg {
	u64 iov; /* struct weft_iov[niov] */
	u32 niov;
	u32 nfds;	   /* send: how many; recv: room, then how many came */
	u64 fds;	   /* i32[], at most 253 */
	u32 pid, identity; /* recv: the sender's at the time of sending */
	u32 flags;	   /* recv out: WEFT_MSG_* */
	u32 name_len;	   /* DGRAM: send: length of name of the sender; recv: room, then length */
	u64 name;	   /* bytes, at most 108 */
	u64 full_len;	   /* recv out: the message's real length (datagram, seqpacket) */
	i32 dest;	   /* DGRAM endpoints: fd of the destination's sender cap, or -1 */
	u32 pad;
};
#define WEFT_MSG_TRUNC	0x1u
#define WEFT_MSG_CTRUNC 0x2u
#define WEFT_MSG_EOF	0x4u

/* flags of chan_send and chan_recv; those for received fds are fd_dup's, two are fd_read's */
#define WEFT_CHAN_CLOEXEC  WEFT_DUP_CLOEXEC
#define WEFT_CHAN_NONBLOCK WEFT_IO_NONBLOCK
#define WEFT_CHAN_PRIVATE  WEFT_DUP_PRIVATE
#define WEFT_CHAN_PEEK	   WEFT_IO_PEEK
#define WEFT_CHAN_WAITALL  0x10u

/* fd_ctl operations on channels, from 0x100. */
enum weft_chan_op {
	WEFT_CHAN_SHUTDOWN = 0x100, /* a: 1 read, 2 write, 3 both */
	WEFT_CHAN_PEER,	     /* a: struct { u32 pid, identity; } * captured at creation, or set by
				SET_PEER */
	WEFT_CHAN_SET_PEER,  /* a: pid | (u64)authority fd << 32, b: identity: needs WEFT_RES_IDENT
				(servers/ipc) */
	WEFT_CHAN_BUFFER,    /* a: new send buffer size or 0 -> size */
	WEFT_CHAN_TYPE,	     /* -> enum weft_chan_type */
	WEFT_CHAN_OPEN_PEER, /* an end made with obj_create(CHANNEL, type, 1), whose peer is not
				open: makes a new peer end -> fd (private, cloexec). Before it,
				reads and writes are -ENOTCONN, readiness is OUT|HUP; after the
				first peer closed again before a byte was sent, likewise */
};

#endif
