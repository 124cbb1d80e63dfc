/* SPDX-License-Identifier: MIT */
/*
 * Schemes. A server owns the server end; init owns the endpoint, which is published under a name in
 * namespaces. ns_ctl(OPEN) makes the root handle (server id 0) of a scheme. fd_call on a handle
 * becomes an SQE for the server, and the server's CQE becomes the result.
 *
 * A request names up to 16 declared buffers and 16 fds each way. req_copy moves bytes between a
 * declared buffer and the server, in the kernel. If the client's page is absent, req_copy fails
 * with -WEFT_EREDELIVER, the tag is dead, and the same request is delivered again after the
 * client's own thread has faulted the page in.
 */
#ifndef WEFT_SCHEME_H
#define WEFT_SCHEME_H

#include <weft/object.h>

#define WEFT_REQ_BUFS 16
#define WEFT_REQ_FDS  16

/* Operations below WEFT_OP_USER are made by the kernel; the rest is the scheme's protocol. */
enum weft_op {
	WEFT_OP_CLOSE = 1, /* one-way (tag 0): the last fd of the handle is gone */
	WEFT_OP_CANCEL,	  /* one-way: args[0] is the tag to finish early; the tag still gets its one
			     final reply */
	WEFT_OP_READ,	  /* fd_read on a handle without memory: args[0] offset (-1 shared), args[1]
			     total length, args[2] IO flags, args[3] status bits; buffers OUT */
	WEFT_OP_WRITE,	  /* the same, buffers IN */
	WEFT_OP_REATTACH, /* one-way, to a new server: handle, args[0] = cookie (the handle's
			     attr.ino), args[1] = status bits; attr by scheme_ctl(HANDLE_INFO) */
	WEFT_OP_PAGE_IN,  /* handle = the memory object's node; args[0] offset, args[1] length:
			     supply with pager_copy, then reply */
	WEFT_OP_PAGE_RESERVE, /* args[0] offset, args[1] length about to be dirtied, args[2] new
				 size if it grows the file: reply 0 or -ENOSPC */
	WEFT_OP_PAGE_OUT, /* args[0] offset, args[1] length: take with pager_copy, write, reply; the
			     pages are clean then */
	WEFT_OP_PAGE_IDLE, /* one-way: the memory object has no fd but the server's and no mapping
			      (last close) */
	WEFT_OP_SEEK, /* fd_ctl(SEEK) on a handle without memory whose attr says directory: args[0]
			 offset, args[1] whence */
	WEFT_OP_OWNER_GONE, /* one-way: args[0] = pid that held handles with WEFT_HANDLE_WATCH_OWNER
			       and has exited (lock holders) */
	WEFT_OP_REOPENED, /* one-way: handle is a new open of the one whose id is args[0]; args[1] =
			     status bits. It wakes nobody: it comes with the next request, and not
			     at all if the handle is closed before */
	WEFT_OP_USER = 0x100,
};

#define WEFT_BUF_IN  0x1u /* the server may read it */
#define WEFT_BUF_OUT 0x2u /* the server may write it */
struct weft_buf {
	u64 addr;
	u32 len, flags;
};

/* fd_call's argument. */
struct weft_req {
	u16 op;		      /* >= WEFT_OP_USER */
	u16 flags;	      /* WEFT_REQ_* */
	u8 nbufs, nfds;	      /* fds sent */
	u8 max_fds, nfds_out; /* room in fds_out; out: fds received */
	u64 args[6];
	u64 bufs;    /* struct weft_buf[nbufs] */
	u64 fds;     /* i32[nfds] */
	u64 fds_out; /* i32[max_fds] */
	u64 out[4];  /* out: the server's extra results */
};
#define WEFT_REQ_CLOEXEC WEFT_DUP_CLOEXEC /* received fds get cloexec */
#define WEFT_REQ_NOINTR	 0x2u		  /* signals do not interrupt it (death does) */
#define WEFT_REQ_PRIVATE WEFT_DUP_PRIVATE /* received fds go to the private table */
/* If the server dies while it has it, its successor gets it again. */
#define WEFT_REQ_IDEMPOTENT 0x8u

/*
 * scheme_serve(fd, cqes, ncqe, sqes, nsqe, deadline) -> SQEs received, 0 at the deadline. The
 * replies are taken first, in order; whatever the wait then gives (-EINTR, -EBADF when another
 * thread closed the server end), they are not to be sent again. A reply to a dead tag (client gone,
 * redelivered, replied to already) is dropped, and fds that it would have given are closed (new
 * handles get their CLOSE). A reply that is wrong (bad fd, handle id in use, more bytes than asked)
 * completes the request with -EPROTO. ncqe and nsqe are at most 64.
 */
struct weft_sqe {
	u64 tag; /* 0: one-way */
	u16 op;
	u16 flags;		      /* WEFT_SQE_* */
	u8 nbufs, nfds, max_fds, pad; /* max_fds: how many the client takes */
	u64 handle;		      /* the server's id for the handle */
	u64 args[6];
	u32 pid, tid, identity, prio;
	u32 len[WEFT_REQ_BUFS]; /* only the first nbufs are written */
	i32 fds[WEFT_REQ_FDS];	/* only the first nfds are written; they are the server's own
				   (private, cloexec) fds */
};
#define WEFT_SQE_REDELIVERED 0x1u
#define WEFT_SQE_NONBLOCK    0x2u /* the open description has O_NONBLOCK */

/* How one fd of a reply comes about. */
struct weft_reply_fd {
	u32 kind; /* WEFT_REPLY_* */
	i32 fd;	  /* FD: the server's fd, duplicated to the client. NEW: memory object to attach, or
		     -1 */
	u32 rights;
	u32 status;	       /* NEW: O_* bits of the open description */
	u64 handle;	       /* NEW: the server's id */
	struct weft_attr attr; /* NEW */
	u32 ready;	       /* NEW: first readiness mask */
	u32 flags;	       /* NEW: WEFT_HANDLE_*; FD: WEFT_REPLY_MOVE closes the server's fd */
};
#define WEFT_REPLY_FD	1
#define WEFT_REPLY_NEW	2
#define WEFT_REPLY_MOVE 0x100u
/* Writes go to the server though it has memory (watched or set-id file). */
#define WEFT_HANDLE_TRAP_WRITE	0x1u
#define WEFT_HANDLE_WATCH_OWNER 0x2u /* OWNER_GONE is wanted */
#define WEFT_HANDLE_NO_OFFSET	0x4u /* a stream: seeking is ESPIPE */
/* Without memory: the shared offset is the kernel's, and what is read and written may be so twice
 * (a disk): all its READs and WRITEs outlive the server. */
#define WEFT_HANDLE_RANDOM 0x8u
/* fd_dup(REOPEN) of it makes a handle with the same node, memory, status and rights, an id of the
 * kernel's (WEFT_ID_KERNEL and up) and an offset of its own, without asking. -EAGAIN where the
 * server no longer allows it; -EPERM to another identity than the one that made the first such
 * handle from it. For servers that receive in one thread. */
#define WEFT_HANDLE_REOPEN 0x10u
#define WEFT_ID_KERNEL	   (1ul << 63)

struct weft_cqe {
	u64 tag;
	i64 result; /* what fd_call returns */
	u32 flags;  /* WEFT_CQE_* */
	u32 ready;  /* with READY: the handle's new readiness mask */
	u32 edge;   /* with READY: edge counter; a change is an edge */
	u32 nfds;
	u64 fds; /* struct weft_reply_fd[nfds] in the server's memory */
	u64 out[4];
};
#define WEFT_CQE_READY 0x1u
#define WEFT_CQE_OUT   0x2u /* out[] is meant */

/*
 * scheme_create(flags, fds, limits): fds[0] = server end, fds[1] = endpoint (both private,
 * cloexec). limits.authority names a resource with WEFT_RES_SCHEME (-EPERM without). orphan_ns and
 * max_requests 0: 2 s, 1024. flags: 0.
 *
 * The server end is one life of the server: when its last fd closes, the scheme is orphaned.
 * Requests that no server has received yet wait for a successor, up to orphan_ns, and so do new
 * ones. Requests which the dead server had received fail with -EIO, but for those that may safely
 * be done twice, which are delivered again to the successor with WEFT_SQE_REDELIVERED: WEFT_OP_READ
 * at a given offset, and those with WEFT_REQ_IDEMPOTENT. After orphan_ns everything fails with -EIO
 * until there is a successor. If the endpoint's last fd is closed too (a name in a namespace counts
 * as one), no successor can come: all fails with -EIO at once, and handles poll POLLERR|POLLHUP.
 */
struct weft_scheme_limits {
	u64 orphan_ns;	  /* how long requests wait while there is no server */
	u32 max_requests; /* in flight, over that clients wait */
	u32 rank;
	i32 authority;
	u32 pad;
};

enum weft_scheme_op {
	WEFT_SCHEME_READY, /* server end: a = handle, b = mask, c = 1 if this is an edge even when
			      the mask stays */
	WEFT_SCHEME_NEW_HANDLE,	 /* server end: a = struct weft_reply_fd (kind NEW) * -> fd in the
				    caller, to be passed on */
	WEFT_SCHEME_ATTACH_MEM,	 /* server end: a = handle, b = mem fd or -1, c = WEFT_HANDLE_* */
	WEFT_SCHEME_HANDLE_INFO, /* server end: a = handle, b = struct weft_fd_info * */
	WEFT_SCHEME_IDENTIFY, /* server end: a = fd received -> its handle id if it is a handle of
				 this scheme, else -EXDEV */
	WEFT_SCHEME_SUCCEED,  /* endpoint: makes a new server end for an orphaned endpoint -> fd;
				 REATTACH for each handle is queued */
	WEFT_SCHEME_ABANDON,  /* server end: a = handle that could not be taken back; later calls on
				 it fail with -EIO, POLLERR|POLLHUP */
};

/* req_copy's third argument: buffer index, and direction. */
#define WEFT_COPY_IN  0x000u /* client -> server */
#define WEFT_COPY_OUT 0x100u /* server -> client */

/* ns_ctl(ns or -1 for the caller's own, op, name, len, a). Names are 1..31 bytes, [a-z0-9_.-]. */
#define WEFT_NAME_MAX 31
enum weft_ns_op {
	WEFT_NS_OPEN,	 /* -> fd of the root handle; flags in a: WEFT_REQ_CLOEXEC|PRIVATE */
	WEFT_NS_PUBLISH, /* a = endpoint fd; needs CONTROL on the ns fd (the process's own implicit
			    namespace never has it) */
	WEFT_NS_REMOVE,	 /* allowed on the own namespace too: it can only shrink. All processes that
			    share the object lose the name */
	WEFT_NS_CLONE,	 /* name = list of names separated by '\n' to keep, len 0 = all, a: flags ->
			    fd of the new namespace, with CONTROL only if the source had it */
	WEFT_NS_LIST,	 /* name, len = buffer for '\n'-separated names -> bytes */
	WEFT_NS_ENTER,	 /* ns = fd: becomes the caller's namespace, only if it is a subset of the
			    current one or the fd has CONTROL */
	WEFT_NS_NULL,	 /* the caller's namespace becomes empty, for good */
};

/* Identities: immutable. Minting needs an authority fd with WEFT_RES_IDENT (sys.h). Identity 0 is
 * the system (all zero ids, all capabilities). */
#define WEFT_IDENT_GROUPS 64
struct weft_identity {
	u32 uid, euid, suid, fsuid;
	u32 gid, egid, sgid, fsgid;
	u64 cap_effective, cap_permitted, cap_inheritable, cap_bounding, cap_ambient;
	u32 sid, pgid; /* session, process group */
	u32 flags;     /* WEFT_IDENT_* */
	u32 ngroups;   /* at most WEFT_IDENT_GROUPS */
	u32 groups[WEFT_IDENT_GROUPS];
};
#define WEFT_IDENT_NO_NEW_PRIVS 0x1u
#define WEFT_IDENT_MINTERS	0xffff0000u /* what they mean is the minting server's business */
enum weft_ident_op {
	WEFT_IDENT_MINT, /* -> number (the same contents may give the same number) */
	WEFT_IDENT_GET,	 /* number: fills the struct -> number; number 0xffffffff: the caller's own
			  */
};

#endif
