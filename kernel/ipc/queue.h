/* SPDX-License-Identifier: MIT */
/*
 * Queues of bytes, and of the messages that the bytes belong to: what channels, pipes and the
 * console receive from.
 *
 * The bytes lie in segments, appended at `last` and taken from `first`. One reader and one writer
 * may be copying at a time (rbusy, wbusy), with the BKL possibly dropped under them: the reader
 * owns the `len` bytes that are there, the writer what lies behind them, and each commits its move
 * afterwards. So a reader frees no segment that a writer may still be behind.
 */
#ifndef KERNEL_IPC_QUEUE_H
#define KERNEL_IPC_QUEUE_H

#include "scheme_impl.h"

/* One message, or what one sender has put into a stream without fds between. */
struct msg {
	struct list link;
	u32 len;  /* bytes that are not taken yet */
	u32 cost; /* what it adds to its bytes */
	u32 nfds;
	struct passed *fds;
	struct identity *ident; /* the sender's, referenced; NULL: the kernel */
	u32 pid;
	u32 name_len;
	char name[];
};

struct segment {
	struct segment *next;
	u32 size;
	char data[];
};

struct queue {
	struct object *owner;
	struct segment *first, *last; /* last NULL: nothing was written since it was empty */
	u32 at, end;		      /* of the first byte in first; of the next one in last */
	u32 len, cost, limit;
	struct segment *mark; /* last and end before the writer began */
	u32 mark_end;
	struct list msgs; /* not for pipes and the console */
	bool rbusy, wbusy;
	bool used;  /* something was ever in it */
	bool tight; /* somebody found no room: to be told when there is some */
	bool ended; /* nothing more will come */
	bool dead;  /* the owner's last fd is gone, or it is garbage: emptied when nobody copies */
	int err;    /* reported once, when there is nothing to read */
	struct waitq readers, writers;
	void (*room)(struct queue *q); /* tells those who poll for room; or NULL */
	/* Collection (chan_gc.c). */
	u32 inflight; /* how many queued messages' fds name the owner */
	u32 carried;  /* how many fds of such owners lie in this queue */
	bool alive;
	struct list carrier_link, gc_link;
};

void queue_init(struct queue *q, struct object *owner, u32 limit);
void queue_kill(struct queue *q);

static inline u32 queue_room(const struct queue *q)
{
	return q->len + q->cost < q->limit ? q->limit - q->len - q->cost : 0;
}
static inline bool queue_has(const struct queue *q)
{
	return q->len || !list_empty(&q->msgs);
}
/* Where a poll finds no room it is told later. */
bool queue_writable(struct queue *q, u32 need);

/*
 * Reading: begin waits for something (flags: WEFT_IO_NONBLOCK) and takes the reader's side: 0; 1:
 * there is nothing and never will be; -EAGAIN, -EINTR or what is to be reported. end gives it back.
 */
int queue_read_begin(struct queue *q, u32 flags);
i64 queue_copy_out(const struct queue *q, u32 off, struct uio *u, u64 n);
void queue_consume(struct queue *q, u32 n);
void queue_unlink(struct queue *q, struct msg *m); /* takes m's rest with it */
void queue_read_end(struct queue *q);
/* All of it, where there are no messages. */
i64 queue_read(struct queue *q, struct uio *u, u32 flags);

/*
 * Writing, with the writer's side held: fill copies n bytes in (less at a fault), commit makes
 * them readable as message m (NULL: as bytes) or, with n negative, drops them and m; and gives the
 * writer's side back.
 */
i64 queue_fill(struct queue *q, struct uio *u, u64 n);
void queue_commit(struct queue *q, i64 n, struct msg *m, bool join);
/* The kernel's own bytes, in a queue that nobody else writes to. */
int queue_put(struct queue *q, const void *data, u32 len, struct msg *m);

struct msg *msg_new(struct thread *from, u32 name_len); /* from NULL: the kernel */
void msg_drop_fds(struct queue *q, struct msg *m);	/* q NULL: it was never in one */
static inline u32 msg_identity(const struct msg *m)
{
	return m->ident ? m->ident->number : 0;
}

/* chan.c, chan_gc.c */
struct queue *queue_of(struct object *o); /* of what can have fds in its queue, or NULL */
/* m's fds lie in q from now on (by 1), or do so no more (-1). */
void inflight_move(struct queue *q, const struct msg *m, i32 by);
extern u64 inflight_total;
void chan_collect(void);
void chan_maybe_collect(void);

#endif
