/* SPDX-License-Identifier: MIT */
/*
 * Kernel objects, fd tables, readiness.
 *
 * `refs` counts every reference of the kernel; at 0 the object is destroyed. `fds` counts
 * capabilities (open fds and fds in flight); when it falls to 0 ops->closed runs once (handles send
 * CLOSE, pipes hang up). An fd holds one of each.
 */
#ifndef KERNEL_OBJECT_H
#define KERNEL_OBJECT_H

#include <kernel/kernel.h>
#include <weft/object.h>
#include <weft/event.h>

struct process;
struct thread;
struct object;
struct memobj;
struct weft_pollfd;

/* A scatter list in user or kernel memory, for read and write. Positions advance as it is consumed.
 * (mm/usercopy.c) */
struct uio {
	const struct weft_iov *iov; /* kernel copy */
	u32 niov, idx;
	u64 at;	     /* offset in iov[idx] */
	u64 left;    /* bytes left in all */
	bool kernel; /* iov bases are kernel addresses */
};

struct obj_ops {
	bool stream; /* reads and writes at an offset are -ESPIPE */
	u32 record;  /* those of fewer bytes are -EINVAL */
	/* May block, unless flags has WEFT_IO_NONBLOCK. off -1: the object's shared offset or no
	 * meaning. -> bytes or -errno. NULL: -EINVAL */
	i64 (*read)(struct object *o, struct uio *u, i64 off, u32 flags);
	i64 (*write)(struct object *o, struct uio *u, i64 off, u32 flags);
	u32 (*ready)(struct object *o); /* POLL* now. NULL: always IN|OUT */
	/* fd_ctl operations >= 0x100, SEEK, AVAIL, PIPE_SIZE, SET_STATUS. NULL: -EINVAL */
	i64 (*ctl)(struct object *o, u32 op, u64 a, u64 b);
	/* Fills what is particular; may be NULL. */
	void (*info)(struct object *o, struct weft_fd_info *out);
	struct memobj *(*mem)(struct object *o); /* memory behind it for mem_map, no reference
						    taken; NULL: not mappable */
	void (*closed)(struct object *o);	 /* the last fd is gone; may be NULL */
	void (*destroy)(struct object *o);	 /* the last reference is gone: free it */
};

struct object {
	const struct obj_ops *ops;
	u32 type; /* enum weft_obj */
	u32 refs;
	u32 fds;
	u32 status;	      /* O_* bits of the open description (APPEND, NONBLOCK ...) */
	u64 id;		      /* unique, never reused */
	struct list watchers; /* struct watch: poll sets and blocked pollers */
	struct object *defer; /* next on the list of those to be closed or destroyed (object.c) */
};

/* sched/object.c. object_init: refs 1, fds 0, counted by type (object_count[]). */
extern u64 object_count[WEFT_OBJ_COUNT];
void object_init(struct object *o, u32 type, const struct obj_ops *ops);
void object_get(struct object *o);
void object_put(struct object *o);    /* accepts NULL */
void object_fd_get(struct object *o); /* one more capability (takes a ref too) */
void object_fd_put(struct object *o); /* one less: may run closed() and destroy() */
/* For what begins with struct object: zeroed memory with the object initialised, or NULL; and
 * ops->destroy of what holds nothing else. */
void *object_new(size_t size, u32 type, const struct obj_ops *ops);
void object_free(struct object *o);
/* A local pointer to what begins with struct object, or NULL: the reference is put where it goes
 * out of scope. */
#define HELD __attribute__((cleanup(object_release)))
static inline void object_release(void *pointer)
{
	object_put(*(struct object **)pointer);
}

/*
 * Readiness (ipc/poll.c). An object calls object_notify with the bits that (may) have become true;
 * edge says that new data came even if the bits were set already. Watchers are told; they ask
 * ops->ready for the truth.
 */
struct watch {
	struct list link; /* in object.watchers */
	struct object *o; /* referenced; NULL if not armed */
	void (*fire)(struct watch *w, u32 bits);
	bool exclusive; /* of those that are, only the first whose fire sets `took` is told */
	bool took;
};
/* In bits of fire: the object's last fd is gone; the watch must be deleted. */
#define WATCH_CLOSED 0x10000u
void watch_closed(struct object *o); /* object_fd_put calls it at fds 0, before ops->closed */
void watch_add(struct watch *w, struct object *o, void (*fire)(struct watch *w, u32 bits));
void watch_del(struct watch *w); /* accepts one not armed */
void object_notify(struct object *o, u32 bits);
static inline u32 object_ready(struct object *o)
{
	return o->ops->ready ? o->ops->ready(o) : WEFT_POLLIN | WEFT_POLLOUT;
}

/* How new fds are made that no program asked for; the flags of a call that say how. */
#define FD_NEW (WEFT_DUP_CLOEXEC | WEFT_DUP_PRIVATE)

/* Fd tables (sched/fd.c). */
struct fd_entry {
	struct object *o;
	u32 rights;
	u16 cloexec;
	u16 nofork;
};
struct fd_table {
	struct fd_entry *e;
	u32 cap, used, limit;
	u32 hint; /* no free entry below it */
	i32 base; /* the number of the first: 0 or WEFT_FD_PRIVATE */
};
struct fds {
	u32 refs; /* shared by CLONE_FILES */
	struct fd_table pub, priv;
};
/* Looks up fd in the current process. On success *out is referenced (object_put it). -EBADF; -EPERM
 * if a right is missing; type 0 = any, else -EINVAL. */
int fd_get(i32 fd, u32 type, u32 rights, struct object **out);
int fd_get_in(struct process *p, i32 fd, u32 type, u32 rights, struct object **out,
	u32 *rights_out);
/* Fast path: the entry without a reference; valid until anything blocks. NULL if not open. */
struct fd_entry *fd_peek(i32 fd);
/* Installs o (takes its own references). flags: WEFT_DUP_CLOEXEC|PRIVATE|NOFORK. -> fd or
 * -EMFILE/-ENOMEM. */
i32 fd_install(struct process *p, struct object *o, u32 rights, u32 flags);
/* As fd_install, in place of what is there. */
i32 fd_install_at(struct process *p, struct object *o, u32 rights, u32 flags, i32 at);
int fd_close(struct process *p, i32 fd);
struct fds *fds_create(void);
int fds_copy(struct fds *from, struct fds **out); /* fork */
void fds_put(struct fds *f);			  /* closes all at the last one */
void fds_close_exec(struct process *p);

/* obj_create(kind, a, b, ...): one new object, or two; refs 1, fds 0. */
typedef int create_fn(u64 a, u64 b, struct object *out[2]);

#endif
