/* SPDX-License-Identifier: MIT */
/*
 * vfs: what every server of a tree of nodes shares (fs, dev, proc, pty, input, drm): walking, permissions, handles and all FSP_*
 * operations. A server makes a tree of memory nodes, gives some of them node_ops of its own, and runs vfs_run.
 *
 *   serve.c  the meeting with the server loop    walk.c   path walking
 *   ops.c    one handler per FSP_* operation     node.c   nodes and dentries (the name cache)
 *   perm.c   permission checks                   memfs.c  trees in memory
 *   lock.c   flock and record locks              watch.c  inotify      handle.c  open nodes
 *   cache.c  the name cache that clients read: vcache_refresh(n) after each change of n's attributes
 *
 * A node is an inode, a dentry a name. memfs keeps its dentries for good (they are the directory); ext4's are a cache, negative
 * ones included; a directory with a lookup of its own (proc) has none. Contents of regular files live in kernel memory
 * objects attached to handles, so their reads, writes and mappings do not come here. A server is single threaded;
 * an operation that must wait is deferred.
 */
#ifndef VFS_VFS_H
#define VFS_VFS_H

#include <native/fsproto.h>
#include <weft/event.h>
#include <weft/errno.h>
#include <weft/mem.h>
#include <string.h>

struct fs;
struct node;
struct dentry;
struct fsreq;
struct handle;

struct fs_list {
	struct fs_list *next, *prev;
};
static inline void fsl_init(struct fs_list *l)
{
	l->next = l->prev = l;
}
static inline bool fsl_empty(const struct fs_list *l)
{
	return l->next == l;
}
static inline void fsl_append(struct fs_list *head, struct fs_list *n)
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}
static inline void fsl_remove(struct fs_list *n)
{
	n->next->prev = n->prev;
	n->prev->next = n->next;
	fsl_init(n);
}
#define fsl_entry(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))
#define fsl_for_each(it, head, type, member)                                                       \
	for (type *it = fsl_entry((head)->next, type, member),                                     \
		  *it##_n = fsl_entry(it->member.next, type, member);                              \
		&it->member != (head); it = it##_n, it##_n = fsl_entry(it##_n->member.next, type, member))

/* The inode. Times are nanoseconds since 1970. */
struct node {
	struct fs *fs;
	u64 ino;
	u64 dev; /* the tree's, or of the part that is mounted by itself (/sys in servers/dev) */
	u32 magic;
	u32 mode, uid, gid, nlink;
	u64 rdev;
	i64 atime, mtime, ctime, btime;
	u32 refs; /* dentries, handles and operations in progress */
	i32 mem; /* memory object of a regular file, or -1 */
	u64 size; /* of what is not a regular file with memory */
	char *link; /* symbolic link's target (memfs; ext4 fills it at first use) */
	u32 marked; /* FSP_MARK_* or 0 */
	struct fs_list flocks, locks, lock_waiters; /* lock.c */
	struct fs_list watches; /* watch.c */
	struct fs_list handles;
	struct fs_list hash; /* by ino (ext4's node cache) */
	u64 parent_ino; /* of a directory, for ".." in getdents */
	const struct node_ops *nops; /* or NULL */
	void *priv; /* the back end's */
	struct mem_xattr *xattrs; /* memxattr.c */
	u32 cached; /* cache.c: its place + 1 */
	u64 blocks; /* of 512 bytes, where the back end says cache_only */
	u64 in_flight; /* bytes that are neither dirty nor yet in blocks */
	bool dirty; /* attributes not yet written: node_dirty */
	struct fs_list dirty_link; /* the back end's */
	bool dead; /* no name left */
	bool linkable; /* never had a name (O_TMPFILE), and may get one */
};

/* A name in a directory. node NULL: known to be absent. */
struct dentry {
	struct dentry *parent;
	struct node *node;
	u32 refs;
	u32 name_len;
	struct fs_list hash;
	struct fs_list siblings; /* in parent's children, in order of making */
	struct fs_list children;
	struct fs_list lru; /* unused dentries of a cache */
	u64 seq; /* position for getdents in memfs */
	bool dead; /* unlinked: its path is "(deleted)" */
	bool floating; /* in no table: goes with its last reference */
	char *name;
};

/* What a node does by itself. Every entry may be NULL. Results are 0 or more, or a negative errno. */
struct node_ops {
	/* After the checks of permissions, before the handle is given. May set h->priv, r->fd.ready, r->fd.flags (WEFT_HANDLE_NO_OFFSET), r->fd.fd. */
	i64 (*open)(struct fsreq *r, struct handle *h);
	void (*close)(struct handle *h);
	i64 (*read)(struct fsreq *r); /* args[0] offset or -1, args[1] length; see vfs_read_text */
	i64 (*write)(struct fsreq *r);
	i64 (*ioctl)(struct fsreq *r); /* args[0] command, args[1] number */
	i64 (*other)(struct fsreq *r); /* private operations on an open handle */
	i64 (*fsync)(struct fsreq *r); /* instead of the tree's */
	i32 (*redirect)(struct node *n); /* an open goes on at this handle, our own fd: a device of another server */
	void (*cancel)(struct fsreq *r, void *kept); /* of a kept request */
	/* A directory whose entries are not kept: the node, referenced; -ENOENT. */
	int (*lookup)(struct node *dir, const char *name, u32 len, const struct fsreq *r, struct node **out);
	int (*readdir)(struct node *dir, u64 *pos,
		bool (*emit)(void *arg, const char *name, u32 len, u64 ino, u32 mode, u64 next), void *arg, const struct fsreq *r);
	int (*readlink)(struct node *n, const struct fsreq *r); /* fills n->link anew */
	/* A magic link: a handle to the target, our own fd, to be moved to the client. -ENOSYS: an ordinary link. */
	i32 (*magic)(struct node *n, const struct fsreq *r);
	void (*stat)(struct node *n, struct fsp_stat *st);
	void (*free)(struct node *n);
};

struct fs_ops {
	bool cache_only; /* dentries are a cache: a miss must ask lookup */
	int (*lookup)(struct node *dir, const char *name, u32 len, struct node **out); /* referenced; -ENOENT */
	/* Makes a node and enters it in dir. mode has the type; link: target of a symbolic link. *out referenced. */
	int (*create)(struct node *dir, const char *name, u32 len, u32 mode, u64 rdev, u32 uid, u32 gid,
		const char *link, struct node **out);
	int (*link)(struct node *dir, const char *name, u32 len, struct node *node);
	/* Removes the name; the node's nlink is already lowered by the caller afterwards. */
	int (*unlink)(struct node *dir, const char *name, u32 len, struct node *node);
	int (*rename)(struct node *from, const char *name, u32 len, struct node *node, struct node *to,
		const char *new_name, u32 new_len, struct node *replaced);
	int (*is_empty)(struct node *dir); /* 1, 0 or -errno; NULL: the dentries tell */
	int (*readlink)(struct node *n); /* fills n->link */
	/* Calls emit for each entry after *pos; stops when emit returns false. NULL: the dentries tell. */
	int (*readdir)(struct node *dir, u64 *pos,
		bool (*emit)(void *arg, const char *name, u32 len, u64 ino, u32 mode, u64 next), void *arg);
	int (*open_mem)(struct node *n); /* makes n->mem for a regular file */
	int (*set_size)(struct node *n, u64 size);
	int (*write_attr)(struct node *n);
	int (*statfs)(struct fs *fs, struct fsp_statfs *out);
	/* These may answer later (r->deferred). */
	i64 (*fsync)(struct fsreq *r, struct node *n, bool data_only);
	i64 (*syncfs)(struct fsreq *r);
	i64 (*fallocate)(struct fsreq *r, struct node *n, u32 mode, u64 off, u64 len);
	void (*forget)(struct node *n, u64 off, u64 end); /* whole clean pages of it may leave memory; NULL: nothing is a cache */
	i64 (*write)(struct fsreq *r, struct node *n); /* a trapped write; NULL: into the memory object here and now */
	i64 (*page)(struct fsreq *r); /* PAGE_* requests of the kernel, whose handle is the node's number */
	void (*dirtied)(struct node *n); /* attributes have changed */
	void (*unused)(struct node *n); /* its last handle, or its last name, is gone */
	void (*evict)(struct node *n); /* last reference gone; dead: free its storage */
	/* A regular file without a name. */
	int (*tmpfile)(struct node *dir, u32 mode, u32 uid, u32 gid, struct node **out);
	/* Extended attributes; NULL: there are none. Results are lengths; a too small room is -ERANGE. */
	i64 (*getxattr)(struct node *n, const char *name, void *to, u64 room);
	i64 (*listxattr)(struct node *n, char *to, u64 room);
	int (*setxattr)(struct node *n, const char *name, const void *value, u64 len, u32 flags);
	int (*removexattr)(struct node *n, const char *name);
};

struct fs {
	const struct fs_ops *ops;
	/* A successor is told of a node that its predecessor had open: its dentry, referenced, or NULL (the handle is abandoned). NULL: all are. */
	struct dentry *(*reattach)(struct fs *fs, const struct weft_attr *attr);
	struct dentry *root;
	i32 server; /* server end */
	u64 dev, mount;
	u32 magic;
	u64 next_ino, next_seq;
	void *priv;
	bool read_only;
};

/* An open node. Its address is the server's handle id (checked through a table). */
struct handle {
	struct dentry *dentry;
	struct node *node;
	u32 flags; /* O_* */
	u64 pos; /* of a directory, or of a text being read */
	char *text; /* vfs_read_text */
	u64 text_len;
	void *priv; /* the node_ops' */
	u64 id;
	struct fs_list by_id;
	struct fs_list by_node; /* in node.handles */
	bool trapped;
	bool reopens; /* it may be opened again without asking: WEFT_HANDLE_REOPEN */
	bool owned; /* the kernel tells when processes that used it exit: record locks */
};

/* A request being served. rq is the server loop's (NULL in host tests). */
struct fsreq {
	struct fs *fs;
	void *rq;
	const struct weft_sqe *sqe;
	u64 out[4];
	bool has_fd;
	bool deferred; /* answered later through fs_finish */
	struct weft_reply_fd fd; /* with has_fd: the new handle */
	const struct weft_identity *cred;
	struct handle *h;
};

/* main.c (and the tests' stand-in): copies between the client's declared buffers and here. 0, -WEFT_EREDELIVER (return it at once), -EFAULT, -EINVAL. */
int fsreq_in(struct fsreq *r, u32 buffer, u64 offset, void *to, u64 len);
int fsreq_out(struct fsreq *r, u32 buffer, u64 offset, const void *from, u64 len);
i64 fsreq_spread(struct fsreq *r, u64 offset, const void *from, u64 len); /* answers a read: over all buffers; -> bytes */
i64 fsreq_gather(struct fsreq *r, void *to, u64 len); /* takes a write's bytes */
void *fs_keep(struct fsreq *r); /* the answer comes later; NULL: no memory */
void fs_finish(void *kept, i64 result);
struct node *fs_kept_node(void *kept);
i32 fs_take_fd(struct fsreq *r); /* the request's first fd becomes ours; -EBADF */
const struct weft_identity *fs_identity(u32 number);
i64 fs_now(void); /* realtime ns */
struct handle *fs_identify(struct fs *fs, i32 fd); /* a received fd that is a handle of this scheme, or NULL */
i64 fs_post(i32 fd, const void *data, u64 len); /* inotify events: never blocks */
u64 fs_queue_number(i32 fd); /* of the channel behind it, 0: it is none */
bool fs_queue_closed(i32 fd);
void fs_close_fd(i32 fd);
/* Memory objects: thin wrappers that the host tests replace. */
int fs_mem_create(u64 size);
int fs_memory(u64 *total, u64 *free_bytes);
i64 fs_mem_write_from(struct fsreq *r, i32 mem, u64 off, u64 len); /* a trapped write */
int fs_mem_resize(i32 mem, u64 size);
void *fs_mem_map(i32 mem, u64 size); /* NULL: no memory */
int fs_mem_info(i32 mem, struct weft_mem_info *out);
int fs_mem_set_times(i32 mem, i64 mtime, i64 ctime);
int fs_mem_punch(i32 mem, u64 off, u64 len);
int fs_mem_write(i32 mem, u64 off, const void *data, u64 len);
int fs_mem_trap(struct fs *fs, struct handle *h, bool trap, bool owned); /* watched files send their writes here */

/* node.c */
struct node *node_new(struct fs *fs, u64 ino, u32 mode, u32 uid, u32 gid);
struct node *node_get(struct node *n);
void node_put(struct node *n);
void node_dirty(struct node *n); /* its attributes have changed: to be written and published */
int fs_init_root(struct fs *fs, struct node *root); /* takes the reference */
struct dentry *dentry_get(struct dentry *d);
void dentry_put(struct dentry *d);
/* The child's dentry, referenced; node NULL if absent. ERR by return. */
int dentry_lookup(struct dentry *dir, const char *name, u32 len, const struct fsreq *r, struct dentry **out);
struct dentry *dentry_add(struct dentry *dir, const char *name, u32 len, struct node *node); /* referenced; NULL: no memory */
void dentry_drop(struct dentry *d); /* its name is gone */
int dentry_move(struct dentry *d, struct dentry *new_dir, const char *name, u32 len);
int dentry_path(struct dentry *d, char *buf, u64 size, u64 *top); /* from the root of its mount, whose number is *top -> length */
bool dentry_below(struct dentry *d, struct dentry *dir); /* d is dir or inside it */

/* perm.c */
#define MAY_X 1u
#define MAY_W 2u
#define MAY_R 4u
bool cred_capable(const struct weft_identity *c, u32 cap);
bool cred_in_group(const struct weft_identity *c, u32 gid);
int perm_check(const struct node *n, const struct weft_identity *c, u32 may);
int perm_access(const struct node *n, const struct weft_identity *c, u32 may, bool effective);
int perm_delete(const struct node *dir, const struct node *n, const struct weft_identity *c);
int perm_setattr(const struct node *n, const struct weft_identity *c, struct fsp_setattr *a);
#define CAP_CHOWN 0
#define CAP_DAC_OVERRIDE 1
#define CAP_DAC_READ_SEARCH 2
#define CAP_FOWNER 3
#define CAP_FSETID 4
#define CAP_LINUX_IMMUTABLE 9
#define CAP_SYS_ADMIN 21
#define CAP_MKNOD 27
#define CAP_LEASE 28

/* walk.c */
struct walk {
	struct dentry *dir; /* parent of the last component (referenced), NULL when the walk ended at its start */
	struct dentry *at; /* the last component (referenced); its node may be NULL */
	const char *last; /* name of the last component, in buf */
	u32 last_len;
	bool trailing_slash;
	u32 stop; /* FSP_STOP_* or 0 */
	u64 stop_node;
	const char *rest;
	u64 rest_len;
	i32 magic; /* with FSP_STOP_MAGIC */
	char buf[2 * FSP_PATH_MAX + 8]; /* path being walked; links are spliced in */
};
/* Walks path from h. -> 0 (see stop) or -errno. walk_end frees the references. */
int walk_path(struct walk *w, struct dentry *from, const char *path, u64 len, u32 flags, const struct fsreq *r);
void walk_end(struct walk *w);
int node_readlink(struct node *n, const struct fsreq *r); /* makes sure that n->link holds the target */

/* ops.c */
i64 fs_serve(struct fsreq *r); /* one request with a live handle; the result unless deferred or dropped */
struct handle *handle_find(struct fs *fs, u64 id);
struct handle *handle_new(struct fs *fs, struct dentry *d, u32 flags);
struct handle *handle_restore(struct fs *fs, struct dentry *d, u32 flags, u64 id);
void handle_close(struct fs *fs, struct handle *h);
void handle_attr(const struct handle *h, struct weft_attr *a);
void fs_stat(struct node *n, struct fsp_stat *st);

extern u32 fs_watch_count; /* watches that exist: 0 makes events free */

/* lock.c */
i64 lock_flock(struct fsreq *r, u32 how);
i64 lock_record(struct fsreq *r, u32 cmd, bool ofd);
void lock_handle_closed(struct handle *h);
void lock_release_pid(struct node *n, u32 pid);
void lock_cancel(void *kept); /* its client was interrupted: answered with -EINTR */

/* cache.c. All but vcache_start do nothing in a server that has not called it. */
int vcache_start(struct fs *fs);
i32 vcache_object(void); /* what clients map, or -1 */
void vcache_put(struct dentry *d); /* after it was looked up: publishes it if it may be */
void vcache_absent(struct dentry *dir, const char *name, u32 len);
void vcache_refresh(struct node *n); /* its attributes have changed */
void vcache_forget(struct node *n); /* its attributes are about to change without us: opened for writing */
void vcache_name(struct dentry *dir, const char *name, u32 len); /* the name means something else now */
bool vcache_live(const struct node *n); /* clients ask the kernel for its size */
u64 vcache_hint(const struct dentry *d); /* attr.user of handles: the set to look in + 1 */

/* fifo.c: named pipes; set when the first is opened */
extern const struct node_ops fifo_ops;

/* watch.c */
/** -> watch descriptor; fd is taken in any case. */
i64 watch_add(struct dentry *at, u32 mask, i32 fd);
i64 watch_remove(i32 fd, i32 wd);
bool watch_traps(const struct dentry *d); /* writes to the file must come here */
bool watch_heard(const struct dentry *d); /* somebody hears what happens to it, be it by its directory */
/** To those who watch the node itself: name is one in a directory, or NULL. */
void watch_event(struct node *n, u32 mask, u32 cookie, const char *name, u32 len);
/** Something happened to what has this name: told to its watches and to its directory's. */
void watch_file(struct dentry *d, u32 mask);

/* memxattr.c: the attributes of a tree in memory, each for the entry of fs_ops that it is named after */
i64 mem_getxattr(struct node *n, const char *name, void *to, u64 room);
i64 mem_listxattr(struct node *n, char *to, u64 room);
int mem_setxattr(struct node *n, const char *name, const void *value, u64 len, u32 flags);
int mem_removexattr(struct node *n, const char *name);
void mem_xattrs_free(struct node *n);

/* memfs.c. vfs_add: the node at a path below dir (made with its directories, owner root), not referenced; NULL: no memory. */
int memfs_create(struct fs *fs, u64 dev, u32 magic);
struct node *vfs_add(struct fs *fs, const char *path, u32 mode, u64 rdev, const struct node_ops *ops);
struct node *vfs_add_link(struct fs *fs, const char *path, const char *target);
struct node *vfs_add_text(struct fs *fs, const char *path, u32 mode, const char *text);
struct node *vfs_find(struct fs *fs, const char *path); /* not referenced, or NULL */
int vfs_remove(struct fs *fs, const char *path); /* with all below it; open handles stay */
/* For fs.reattach: a device by its number, another node by its inode number (the same in each life, if the tree is). */
struct dentry *memfs_reattach(struct fs *fs, const struct weft_attr *attr);

/* ops.c. Serves a read of text that is generated at offset 0: make returns malloc'ed text and its length. */
i64 vfs_read_text(struct fsreq *r, char *(*make)(struct node *n, const struct fsreq *r, u64 *len));
/* A handle for d, as the answer to an open (checks are the caller's). */
i64 vfs_give_handle(struct fsreq *r, struct dentry *d, u32 flags);
/* Walks a path operation's path to an existing node. 0: walk_end is the caller's; else the answer. */
i64 vfs_begin_node(struct fsreq *r, struct walk *w);

/* xattr.c: the four operations on extended attributes */
i64 vfs_xattr(struct fsreq *r);

/* serve.c */
struct loop;
struct server;
int vfs_init(struct fs *fs, const char *scheme_fd_name); /* after the tree is made */
void vfs_take_back(struct fs *fs); /* a predecessor's handles (fs.reattach), before anything else is served for long */
int vfs_run(struct fs *fs);
struct loop *vfs_loop(struct fs *fs); /* to add fds and timers: before vfs_run */
struct server *vfs_server(struct fs *fs);
struct request *vfs_request(struct fsreq *r);
void vfs_ready(struct fs *fs, struct handle *h, u32 mask, bool edge);
/* Where other threads work on the tree too: called around everything that the loop does to it. NULL: nobody else does. */
extern void (*vfs_enter)(void), (*vfs_leave)(void);
i64 vfs_trapped_write(struct fsreq *r, struct node *n); /* what fs_ops.write does at last; may block on the memory's pager */
extern bool (*vfs_other)(struct fs *fs, struct fsreq *r, i64 *result); /* private operations on the root handle; false: not known */

#endif
