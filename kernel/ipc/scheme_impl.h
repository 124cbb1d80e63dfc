/* SPDX-License-Identifier: MIT */
/*
 * Inside schemes. Everything here is guarded by the BKL.
 *
 * A scheme is its endpoint object; it outlives its servers. Each life of a server is a struct
 * server (the server end). What waits for the server is one queue of nodes, requests and one-way
 * notices, in order. A one-way node is embedded in whatever it tells about (a handle's CLOSE in the
 * handle, a CANCEL in the request), so that sending it cannot fail.
 *
 * A request belongs to its client's thread, which sleeps in request_run until the state is DONE:
 *   IDLE -> QUEUED -> DELIVERED (has a tag) -> DONE
 *                  <- (server died, safe to repeat)
 *                        DELIVERED -> ABSENT (tag dead; the client faults its page in) -> QUEUED
 * A request of the kernel has no client, but a function that is called in place of DONE.
 */
#ifndef KERNEL_IPC_SCHEME_IMPL_H
#define KERNEL_IPC_SCHEME_IMPL_H

#include <kernel/ipc.h>
#include <kernel/mm.h>

#define K_O_NONBLOCK 0x800u

/* Readiness as poll and epoll may ask for it: IN and OUT have the aliases POLLRDNORM and
 * POLLWRNORM. */
static inline u32 poll_aliases(u32 bits)
{
	return bits | (bits & WEFT_POLLIN ? 0x40 : 0) | (bits & WEFT_POLLOUT ? 0x100 : 0);
}

#define PASSED_MAX 253u

/* A capability of the caller's fd. */
int passed_peek(i32 fd, struct passed *to);
/* Of several. All or none. */
int passed_take(struct passed *p, u64 ufds, u32 n);
/* Installs them in the current process: as many as it has room for, or with `all` all or none. ->
 * how many, or -errno. The capabilities stay the caller's. */
i64 passed_install(const struct passed *p, u32 n, u32 dup_flags, bool all, i32 *fds);
void passed_uninstall(const i32 *fds, u32 n);
/* The same, and their numbers are told. */
i64 passed_give(const struct passed *p, u32 n, u64 ufds, u32 dup_flags, bool all);
void passed_drop(struct passed *p, u32 n);

#define TAG_BUCKETS 32u

struct server {
	struct object obj; /* WEFT_OBJ_SCHEME */
	struct scheme *s;
};

struct scheme {
	struct object obj; /* WEFT_OBJ_ENDPOINT */
	struct server *server;
	struct list queue, delivered;
	struct waitq servers;	       /* threads that wait in scheme_serve */
	u64 last_tag;		       /* a tag is never given twice */
	struct list tags[TAG_BUCKETS]; /* delivered requests, by tag_link */
	u32 nreq;		       /* live requests of clients */
	u32 max, rank;
	u32 server_pid; /* whose thread served last */
	u8 boost;	/* no server thread is known to have less than this */
	bool expired, gone;
	struct waitq room;
	struct list threads;
	u64 orphan_ns;
	struct ktimer orphan_timer;
	struct list handles; /* all but root handles */
	struct list watched; /* handles with WATCH_OWNER, by watch_link */
	u64 served, dead_replies, bad_replies;
	struct list all_link;
};
extern struct list schemes; /* all, by all_link */

struct handle {
	struct object obj; /* WEFT_OBJ_HANDLE */
	struct scheme *s;
	u64 id;
	u32 ready, edge;
	u32 flags;  /* WEFT_HANDLE_* */
	u32 opener; /* of one made by REOPEN: number of the identity, + 1 */
	bool abandoned, off_busy;
	struct memobj *mem;
	u64 offset;
	struct waitq offq;
	struct weft_attr attr;
	struct list link, watch_link, hash_link; /* scheme.handles, scheme.watched, by id */
	struct oneway notice;			 /* REATTACH, REOPENED or CLOSE */
	struct list owners;			 /* those to be told of by OWNER_GONE */
};

/* It was delivered, or is not to be. */
static inline void oneway_drop(struct oneway *w)
{
	list_del(&w->q.link);
	if (w->done)
		w->done(w);
}

/* scheme.c */
i32 scheme_succeed(struct scheme *s);
void scheme_wake_server(struct scheme *s, u32 prio, bool direct);
void scheme_unserve(struct request *r); /* the thread stops being one of its scheme's servers */
struct handle *scheme_find(struct scheme *s, u64 id);
/* Referenced server end that is its scheme's server; -EBADF ... */
int scheme_of_fd(i32 fd, struct server **out);

/* request.c */
struct request *request_own(struct thread *t);	  /* NULL: no memory */
struct request *request_begin(u16 op, u16 flags); /* the current thread's, with nothing in it */
int request_enqueue(struct request *r, bool first);
void request_finish(struct request *r, i64 result);
void request_fail(struct request *r, i64 error);
void request_drop_fds(struct request *r);
struct request *request_by_tag(struct scheme *s, u64 tag);
i64 request_run(struct request *r, struct handle *h);
void request_server_died(struct request *r);

/* handle.c */
int handle_create(struct scheme *s, u64 id, struct handle **out); /* refs 1 */
int handle_mint(struct scheme *s, const struct weft_reply_fd *f, struct handle **out);
void handle_set_ready(struct handle *h, u32 mask, bool edge);
void handle_abandon(struct handle *h);
void handle_reattach(struct handle *h);
int handle_attach_mem(struct handle *h, i32 fd, u32 flags);
int handle_note_owner(struct handle *h, u32 pid);
void handle_info(struct object *o, struct weft_fd_info *out);

static inline bool user_range(u64 addr, u64 len)
{
	return !len ||
		(addr >= WEFT_USER_MIN && addr < WEFT_USER_MAX && len <= WEFT_USER_MAX - addr);
}

/* Makes user memory of the current process present and writable or readable. May block. 0 or
 * -EFAULT. */
int user_touch(u64 addr, u64 len, bool write);

static inline struct identity *thread_identity(struct thread *t)
{
	return t->ident ? t->ident : t->proc->ident;
}

#endif
