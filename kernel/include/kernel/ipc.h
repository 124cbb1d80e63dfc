/* SPDX-License-Identifier: MIT */
/* What ipc/ offers to the rest: schemes, namespaces, pipes, channels, poll sets, resources. */
#ifndef KERNEL_IPC_H
#define KERNEL_IPC_H

#include <kernel/thread.h>
#include <weft/chan.h>
#include <weft/sys.h>

struct namespace
{
	struct object obj; /* WEFT_OBJ_NS */
	struct list entries;
	u32 n;
};
struct namespace *ns_create_root(void); /* empty; NULL: no memory */
bool ns_subset(struct namespace *small, struct namespace *big);

/* For obj_create: new objects, refs 1, fds 0. */
/* CHANNEL with half: one end, whose peer comes by WEFT_CHAN_OPEN_PEER. */
create_fn pipe_create, channel_create, dgram_create, pollset_create, irq_create;
/* The channel end that yields struct weft_proc_event. */
int proc_events_create(struct object **out);

/* fd_dup(REOPEN): *o, referenced, becomes a handle of its own for the same node. -EINVAL: no
 * handle; -EPERM, -EAGAIN: weft/scheme.h; -ENOMEM. */
int handle_reopen(struct object **o);

struct resource {
	struct object obj; /* WEFT_OBJ_RESOURCE */
	struct weft_res r;
	u64 parent;	  /* object id of the resource it was derived from */
	struct list pins; /* DMA objects and pins that wait for RES_RESET */
};
int resource_create(const struct weft_res *r, struct resource **out);
/* Checks that fd names a resource of this kind; *out referenced. -EPERM otherwise. */
int resource_require(i32 fd, u32 kind, struct resource **out);
bool resource_covers(const struct weft_res *r, u64 base, u64 len); /* [base, base + len) */

/*
 * What waits for a server: requests, and one-way notices. A notice lies in whatever it tells about,
 * so that sending it cannot fail; while it is queued it is not queued again, and it is withdrawn
 * (list_del) before its home is freed.
 */
enum qkind { Q_REQUEST, Q_ONEWAY };
struct qnode {
	struct list link;
	u8 kind;
};

struct oneway {
	struct qnode q;
	u16 op;
	u64 handle, args[2];
	/* Delivered or dropped; may free what it is embedded in. NULL: nothing to do. */
	void (*done)(struct oneway *w);
};
static inline bool oneway_queued(const struct oneway *w)
{
	return !list_empty(&w->q.link);
}

struct scheme;
static inline void oneway_init(struct oneway *w)
{
	*w = (struct oneway){.q.link = {&w->q.link, &w->q.link}};
}
void scheme_one_way(struct scheme *s, struct oneway *w, u16 op, u64 handle);
/* A capability on its way from one process to another. */
struct passed {
	struct object *o;
	u32 rights;
};

enum req_state { REQ_IDLE, REQ_QUEUED, REQ_DELIVERED, REQ_ABSENT, REQ_DONE };

struct handle;
struct request {
	struct qnode q; /* in scheme.queue or scheme.delivered */
	u8 state;
	bool cancelled, has_out, fault_write;
	u16 flags;	     /* WEFT_REQ_* */
	struct weft_sqe sqe; /* what its server is told; sqe.nfds: of fds */
	struct scheme *s;
	struct handle *h;
	i64 result;
	u64 out[4];
	struct thread *thread;	/* whose this is; NULL: the kernel's, or the thread is dead */
	struct scheme *serving; /* the thread is one of this scheme's server threads */
	struct list serve_link; /* in scheme.threads */
	struct list tag_link;	/* in scheme.tags */
	u32 tries;
	u64 fault_addr, fault_end;
	void (*fn)(struct request *r, i64 result); /* in place of client */
	struct oneway cancel;
	struct weft_buf *bufs;
	struct passed *fds; /* sent, then received */
};

/*
 * A request of the kernel itself to a scheme's server (pager), in the caller's memory. Never
 * blocks; fn runs at completion with the BKL held, once, and never from within the call. A request
 * that was delivered to a server which then died completes with -WEFT_EREDELIVER, and fn sends it
 * again at once, to be queued for the successor; with -EIO once the orphan limit is over. An error
 * return means that fn will not run: -EIO: the scheme is gone for good.
 */
int scheme_kernel_request(struct request *r, struct scheme *s, u16 op, u64 handle,
	const u64 args[6], void (*fn)(struct request *r, i64 result));
void scheme_get(struct scheme *s);
void scheme_put(struct scheme *s);
struct scheme *scheme_of_server_fd(i32 fd); /* referenced, ERR_PTR */

/* The memory of a handle's file, for mem_map (through obj_ops.mem), and death notices. */
void ipc_process_exited(struct process *p); /* OWNER_GONE */
/* Detaches its request: buffers revoked, late fds closed. */
void ipc_thread_dying(struct thread *t);

void builtin_init(struct namespace *root); /* publishes debug, sys */
struct object *console_object(void);	   /* the first process's fds 0, 1, 2; no reference taken */
void random_bytes(void *to, size_t n);	   /* ChaCha20 with fast key erasure */
void random_stir(u64 sample);		   /* cheap; from interrupts */
void proc_event(u32 what, struct process *p, u32 arg);

#endif
