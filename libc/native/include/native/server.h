/* SPDX-License-Identifier: MIT */
/*
 * The scheme server loop. A server names the operations that it serves in a table; the loop receives in batches, calls the handlers
 * and sends their results with the next receive. A handler's result is the reply, unless it is SERVER_LATER.
 *
 * Redelivery: where request_in or request_out gives -WEFT_EREDELIVER the handler undoes what it did and returns that; the same request
 * comes again. So copy first, then act. Cancel: a kept request's cancel hook runs when its client was interrupted; the request still wants
 * its one reply. A handle's close hook runs after the last kept request on it was replied to.
 */
#ifndef NATIVE_SERVER_H
#define NATIVE_SERVER_H

#include <native/loop.h>
#include <native/thread.h>
#include <weft/scheme.h>

#define SERVER_LATER INT64_MIN
#define SERVER_BATCH 16

struct server;

/* One request. The loop's own until request_keep; a kept one lives until request_reply. */
struct request {
	struct server *server;
	struct weft_sqe *sqe;
	u64 out[4];	/* extra results, sent if has_out */
	u32 ready, edge; /* the handle's readiness, sent if has_ready */
	bool has_out, has_ready, cancelled, dead, kept, queued;
	u8 nfds;	/* of fds[] */
	struct weft_reply_fd *fds; /* filled by request_give_* */
	struct weft_reply_fd fd_room[2]; /* more are allocated */
	void *data;	/* the handler's */
	/* The loop's own. */
	const struct server_op *op;
	struct weft_sqe own;
	struct request *next, *prev, *work_next;
};

struct server_op {
	u16 op;		/* WEFT_OP_* */
	u8 min_bufs;	/* fewer: -EINVAL without a call of the handler */
	u8 min_fds;
	u32 flags;	/* SERVER_WORKER */
	i64 (*fn)(struct request *r);
};
#define SERVER_WORKER 0x1u /* may block: runs on a worker thread, as a kept request */

struct server_ops {
	const struct server_op *table; /* ended by op 0 */
	i64 (*other)(struct request *r); /* operations not in the table; NULL: -ENOSYS */
	void (*close)(struct server *s, u64 handle);
	/* A kept request's client wants it to end early. NULL, or where it is not running: replied with -EINTR. */
	void (*cancel)(struct request *r);
	/* A new server takes back a handle of its predecessor. 0, or a negative errno: the handle is abandoned. NULL: all are. */
	int (*reattach)(struct server *s, u64 handle, u64 cookie, u64 status);
	void (*owner_gone)(struct server *s, u32 pid, u64 handle);
	/* A handle that allowed it (WEFT_HANDLE_REOPEN) was opened once more. 0, or a negative errno: the new handle is abandoned. */
	int (*reopened)(struct server *s, u64 handle, u64 from, u64 status);
	/* After each batch, before waiting. */
	void (*idle)(struct server *s);
};

struct server_worker;
struct server {
	i32 fd;
	const struct server_ops *ops;
	void *ctx;
	struct loop *loop;
	struct server *loop_next;
	struct loop_source source;
	struct request *kept;	/* every kept request */
	struct request *work_head, *work_tail;
	struct server_closing *closing;
	struct lock lock;	/* guards the lists above */
	u32 work_seq;
	u32 nworkers;
	bool stop;
	struct server_worker *workers;
	u64 served, redelivered, cancelled;
	/* Replies that wait for the next call, with their fds. */
	u32 ncqe;
	struct weft_cqe cqe[SERVER_BATCH];
	struct weft_reply_fd reply_fds[SERVER_BATCH];
	u32 nreply_fds;
	struct weft_sqe sqe[SERVER_BATCH];
};

/** Serves the scheme whose server end is fd (often native_fd("scheme:NAME")). *s is large: not for small stacks. */
int server_init(struct server *s, i32 fd, const struct server_ops *ops, void *ctx);
void server_finish(struct server *s);
/** Starts n threads for the operations marked SERVER_WORKER. */
int server_start_workers(struct server *s, u32 n);
/** Serves in the calling thread until server_stop or the scheme is gone. */
int server_run(struct server *s);
void server_stop(struct server *s);
/** Serves as a part of a loop with other fds and timers. */
int server_attach(struct server *s, struct loop *l);
/** One turn: sends waiting replies, receives what there is until the deadline. -> requests served, or a negative errno. */
i64 server_turn(struct server *s, i64 deadline);
/** Sends waiting replies now. For a handler that will be long. */
int server_flush(struct server *s);

/** Copies between declared buffer `buf` at `offset` and local memory. -> bytes, or -WEFT_EREDELIVER (return it), -EFAULT, -EINVAL. */
i64 request_in(struct request *r, u32 buf, u64 offset, void *to, u64 len);
i64 request_out(struct request *r, u32 buf, u64 offset, const void *from, u64 len);
/** The same, where fewer than len bytes are an error (-EINVAL). 0 or a negative errno. */
int request_in_all(struct request *r, u32 buf, u64 offset, void *to, u64 len);
int request_out_all(struct request *r, u32 buf, u64 offset, const void *from, u64 len);
/** Copies buffer `buf` as a string of at most size-1 bytes without NUL inside. -> length, -EINVAL, -ENAMETOOLONG, -WEFT_EREDELIVER. */
i64 request_string(struct request *r, u32 buf, char *to, u64 size);
/** Spreads bytes over all buffers from `first` on, as for WEFT_OP_READ; the second collects, as for WEFT_OP_WRITE. */
i64 request_out_spread(struct request *r, u32 first, u64 offset, const void *from, u64 len);
i64 request_in_gather(struct request *r, u32 first, u64 offset, void *to, u64 len);

/** Adds an fd to the reply: a duplicate (or, with WEFT_REPLY_MOVE in flags, the fd itself) or a new handle. */
int request_give_fd(struct request *r, i32 fd, u32 rights, u32 flags);
int request_give_handle(struct request *r, const struct weft_reply_fd *h);
/** The handler will reply later: returns the request to keep, NULL without memory. The handler then returns SERVER_LATER. */
struct request *request_keep(struct request *r);
/** Replies to a kept request and frees it. From any thread. 0, or a negative errno (the client is gone): nothing to do then. */
int request_reply(struct request *kept, i64 result);
/** Takes over the i-th fd that came with the request; the others are closed after the reply. -> fd or -EBADF. */
i32 request_take_fd(struct request *r, u32 i);

/** Tells the kernel a handle's readiness; edge: there is something new even if the mask is as before. From any thread. */
int server_ready(struct server *s, u64 handle, u32 mask, bool edge);
/** The id of a received fd that is a handle of this scheme, in *handle. 0 or -EXDEV. */
int server_identify(struct server *s, i32 fd, u64 *handle);

#endif
