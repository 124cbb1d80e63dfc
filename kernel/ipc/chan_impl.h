/* SPDX-License-Identifier: MIT */
/* Inside channels: messages, receive queues, collection of what only queues reach. */
#ifndef KERNEL_IPC_CHAN_IMPL_H
#define KERNEL_IPC_CHAN_IMPL_H

#include "scheme_impl.h"

struct passed {
	struct object *o; /* with a capability */
	u32 rights;
};

struct seg {
	struct seg *next;
	u32 len;
	char data[];
};
#define SEG_DATA (PAGE_SIZE - sizeof(struct seg))

struct msg {
	struct list link;
	u32 len, off; /* off: bytes already taken (stream) */
	u32 nfds, cost;
	struct passed *fds;
	struct identity *ident; /* the sender's, referenced */
	u32 pid;
	u32 name_len;
	char *name;
	struct seg *segs;
	u32 first; /* bytes in data[] */
	char data[];
};

/* What receives. Guarded by the BKL; while rbusy the message at the head is being copied from, and
 * stays. */
struct rxq {
	struct object *owner;
	struct list msgs;
	u32 bytes, limit;
	bool rbusy, used; /* used: something was ever in it */
	bool dead; /* the owner's last fd is gone, or it is garbage: the queue is emptied as soon as
		      no one copies */
	struct waitq readers, writers;
	/* Collection (chan_gc.c). */
	u32 inflight; /* how many queued messages' fds name the owner */
	u32 gc_out;
	bool gc_candidate;
	struct list inflight_link, gc_link;
};

void rxq_init(struct rxq *q, struct object *owner);
void rxq_append(struct rxq *q, struct msg *m);
void rxq_unlink(struct rxq *q, struct msg *m);
void rxq_kill(struct rxq *q); /* empties it now or when its reader is done */
u32 rxq_room(const struct rxq *q);
struct rxq *rxq_of(struct object *o); /* NULL: receives nothing */

/* msg.c */
int msg_create(struct uio *u, u64 len, struct msg **out); /* may block */
int msg_create_kernel(const void *data, u32 len, struct msg **out);
i64 msg_copy_out(const struct msg *m, u32 off, struct uio *u, u64 n); /* may block */
int msg_take_fds(struct msg *m, u64 ufds, u32 n);
void msg_fds_left(
	struct msg *m);	      /* its fds are no longer in flight: nfds and fds stay the caller's */
void msg_free(struct msg *m); /* and closes its fds */

/* chan_gc.c */
void inflight_add(struct object *o);
void inflight_del(struct object *o);
extern u64 inflight_total;
void chan_collect(void);
void chan_maybe_collect(void);

#endif
