/* SPDX-License-Identifier: MIT */
/*
 * Fds name kernel objects plus rights. A process has two tables: numbered fds (0 .. limit-1, lowest
 * free first) and private fds (WEFT_FD_PRIVATE + index), which fd_close_range and plain dup never
 * reach.
 */
#ifndef WEFT_OBJECT_H
#define WEFT_OBJECT_H

#include <weft/types.h>

#define WEFT_FD_PRIVATE 0x40000000

enum weft_obj {
	WEFT_OBJ_NONE,
	WEFT_OBJ_PROCESS,  /* pollable: readable when it has exited */
	WEFT_OBJ_AS,	   /* address space */
	WEFT_OBJ_MEM,	   /* memory object; read/write at an offset when used as a file */
	WEFT_OBJ_PIN,	   /* pinned pages of a memory object (DMA) */
	WEFT_OBJ_SCHEME,   /* the server's end of a scheme */
	WEFT_OBJ_ENDPOINT, /* the name side of a scheme: outlives its server */
	WEFT_OBJ_HANDLE,   /* an open node of a scheme */
	WEFT_OBJ_NS,	   /* namespace */
	WEFT_OBJ_PIPE, /* obj_create(PIPE, capacity or 0, 0): fds[0] read end, fds[1] write end */
	WEFT_OBJ_CHANNEL, /* obj_create(CHANNEL, enum weft_chan_type, 0): two connected ends; (..,
			     .., 1): fds[0] only, its peer is made later by WEFT_CHAN_OPEN_PEER */
	WEFT_OBJ_DGRAM,	  /* obj_create(DGRAM, 0, 0): fds[0] receiving endpoint, fds[1] sender
			     (sendable cap) */
	WEFT_OBJ_POLLSET,
	WEFT_OBJ_COUNTER, /* obj_create(COUNTER, initial, semaphore?): an eventfd: 8-byte reads and
			     writes */
	WEFT_OBJ_TIMER,	  /* obj_create(TIMER, clock, 0): a timerfd; with signal: see event.h */
	WEFT_OBJ_SIGNALS, /* obj_create(SIGNALS, mask, 0): readable while the *reader* has pending
			     signals of mask; reads yield Linux's struct signalfd_siginfo[];
			     fd_ctl(WEFT_SIGNALS_SET_MASK, a: mask) */
	WEFT_OBJ_FENCE, /* obj_create(FENCE, 0, 0): fds[0] waits (readable when signalled; read: i32
			   status, u32 0, u64 ns), fds[1] signals by write of i32 status; closed
			   without: -ECANCELED */
	WEFT_OBJ_IRQ,	/* obj_create(IRQ, res fd, line or WEFT_IRQ_MSI): see sys.h */
	WEFT_OBJ_RESOURCE, /* authority over ports, memory ranges, interrupts, the system: see sys.h
			    */
	WEFT_OBJ_SYS,	   /* an open node of a built-in scheme */
	WEFT_OBJ_COUNT
};

/* Rights of an fd. fd_dup can only remove some. */
#define WEFT_RIGHT_READ	 0x0001u
#define WEFT_RIGHT_WRITE 0x0002u
#define WEFT_RIGHT_EXEC	 0x0004u /* may be mapped executable */
#define WEFT_RIGHT_MAP	 0x0008u
#define WEFT_RIGHT_DUP	 0x0010u /* may be duplicated and passed */
/* fd_ctl setters, poll_ctl, scheme_ctl, timer_set, proc_ctl, mem_ctl ... */
#define WEFT_RIGHT_CONTROL 0x0020u
#define WEFT_RIGHT_ALL	   0x003fu
/* Process fds from PROC_OPEN: they hold for guarded processes too. */
#define WEFT_RIGHT_GUARDED 0x0040u

/* fd_dup(fd, where, flags, rights): where is a lower bound, or the exact number with EXACT (which
 * closes what was there). */
#define WEFT_DUP_CLOEXEC 0x1u
#define WEFT_DUP_EXACT	 0x2u
#define WEFT_DUP_PRIVATE 0x4u  /* to the private table; where is ignored */
#define WEFT_DUP_NOFORK	 0x8u  /* private fds only: not inherited by PROC_COPY_FDS */
#define WEFT_DUP_MOVE	 0x10u /* close fd on success */
#define WEFT_DUP_REOPEN                                                                            \
	0x20u /* not the same open file but a new one of the same node: see WEFT_HANDLE_REOPEN */

/* fd_close_range flags; hi is inclusive and clamped. */
#define WEFT_CLOSE_CLOEXEC 0x1u /* set cloexec instead of closing */

enum weft_fd_op {
	WEFT_FD_GET_FLAGS,  /* -> 1 if cloexec */
	WEFT_FD_SET_FLAGS,  /* a: 0 or 1 */
	WEFT_FD_GET_STATUS, /* -> O_* status bits of the open description (Linux values: access
			       mode, APPEND, NONBLOCK, PATH ...) */
	WEFT_FD_SET_STATUS, /* a: new O_APPEND|O_NONBLOCK|O_ASYNC|O_DIRECT|O_NOATIME bits */
	WEFT_FD_INFO,	    /* a: struct weft_fd_info * */
	WEFT_FD_SEEK,	    /* a: offset, b: whence (SET, CUR, END=by size of its memory object) ->
			       offset; the shared offset */
	WEFT_FD_READY,	    /* -> readiness mask now (POLL* values) */
	WEFT_FD_LIMIT,	    /* fd ignored; a: new limit of numbered fds, or -1 to read -> limit */
	WEFT_FD_SAME,	    /* a: other fd -> 1 if both name the same object */
	WEFT_FD_AVAIL,	    /* -> bytes readable now (FIONREAD) for pipes, channels, endpoints */
	WEFT_FD_PIPE_SIZE,  /* a: new capacity or 0 to read -> capacity */
};

/* Immutable attributes of a handle, set by its server in the reply that made it. */
struct weft_attr {
	u32 mode;     /* S_IFMT bits and whatever the server regards as fixed */
	u32 fs_magic; /* statfs f_type */
	u64 dev;      /* st_dev */
	u64 ino;      /* st_ino */
	u64 rdev;     /* st_rdev */
	u64 mount;    /* mount id */
	u64 user;     /* free for the server's protocol */
};

struct weft_fd_info {
	u32 type, rights; /* enum weft_obj */
	u64 object; /* unique number of the kernel object (two fds with the same number name the
		       same object) */
	u64 scheme; /* HANDLE: unique number of its endpoint; else 0 */
	u64 koid2;  /* PROCESS: pid; CHANNEL/PIPE: number of the peer */
	u32 status; /* O_* bits */
	u32 flags;  /* WEFT_INFO_* */
	struct weft_attr attr; /* HANDLE */
};
#define WEFT_INFO_HAS_MEM 0x1u /* reads, writes and mappings go to a memory object */
#define WEFT_INFO_ORPHAN  0x2u /* the scheme has no server now */

#define WEFT_SIGNALS_SET_MASK 0x100u /* fd_ctl on a SIGNALS object: a: the new mask */

/* fd_read/fd_write: -EBADF without the right to it; offset -1 uses and moves the shared offset
 * (where the object has one). */
#define WEFT_IO_VEC	 0x1u /* the buffer is struct weft_iov[len] (at most 1024) */
#define WEFT_IO_NONBLOCK 0x2u
#define WEFT_IO_APPEND	 0x4u
#define WEFT_IO_PEEK	 0x8u
struct weft_iov {
	u64 base, len;
};

#endif
