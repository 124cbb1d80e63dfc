/* SPDX-License-Identifier: MIT */
/* servers/fs on the host: requests are made by hand, memory objects are plain buffers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cpio.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>

/* What main.c provides in the guest. */
static struct {
	char *data;
	u64 size;
	i64 mtime, ctime; /* of the last write, as the kernel keeps them */
	bool used;
} mems[4096];
struct client {
	void *buf[4];
	u32 len[4];
	i32 fds[1];
	u32 nfds;
	u64 out[4];
	u64 handle; /* of a reply with a new handle */
	i64 result;
	bool waiting;
	struct node *node;
};
static struct weft_identity ids[3];
static char posted[4096];
static u32 nposted;
static i32 fd_handles[64]; /* fd -> handle id, for fs_identify */
static int redeliver_in; /* makes that copy fail once */

int fsreq_in(struct fsreq *r, u32 b, u64 off, void *to, u64 len)
{
	struct client *c = r->rq;
	if (redeliver_in && --redeliver_in == 0)
		return -WEFT_EREDELIVER;
	if (b >= r->sqe->nbufs || off + len > c->len[b])
		return -EINVAL;
	memcpy(to, (char *)c->buf[b] + off, len);
	return 0;
}
int fsreq_out(struct fsreq *r, u32 b, u64 off, const void *from, u64 len)
{
	struct client *c = r->rq;
	if (redeliver_in && --redeliver_in == 0)
		return -WEFT_EREDELIVER;
	if (b >= r->sqe->nbufs || off + len > c->len[b])
		return -EINVAL;
	memcpy((char *)c->buf[b] + off, from, len);
	return 0;
}
i64 fsreq_spread(struct fsreq *r, u64 offset, const void *from, u64 len)
{
	int e = fsreq_out(r, 0, offset, from, len);
	return e ? e : (i64)len;
}
i64 fsreq_gather(struct fsreq *r, void *to, u64 len)
{
	int e = fsreq_in(r, 0, 0, to, len);
	return e ? e : (i64)len;
}
void *fs_keep(struct fsreq *r)
{
	struct client *c = r->rq;
	c->waiting = true;
	c->node = r->h->node;
	r->deferred = true;
	return c;
}
void fs_finish(void *kept, i64 result)
{
	struct client *c = kept;
	assert_true(c->waiting);
	c->waiting = false;
	c->result = result;
}
struct node *fs_kept_node(void *kept)
{
	return ((struct client *)kept)->node;
}
i32 fs_take_fd(struct fsreq *r)
{
	struct client *c = r->rq;
	return c->nfds ? c->fds[0] : -EBADF;
}
const struct weft_identity *fs_identity(u32 n)
{
	return n < 3 ? &ids[n] : NULL;
}
static i64 clock_ns = 1000;
i64 fs_now(void)
{
	return ++clock_ns;
}
struct handle *fs_identify(struct fs *fs, i32 fd)
{
	return fd >= 0 && fd < 64 && fd_handles[fd] ? handle_find(fs, (u64)fd_handles[fd]) : NULL;
}
void vfs_ready(struct fs *fs, struct handle *h, u32 mask, bool edge)
{
	(void)fs;
	(void)h;
	(void)mask;
	(void)edge;
}

static bool queue_closed, queue_full;

i64 fs_post(i32 fd, const void *data, u64 len)
{
	(void)fd;
	if (queue_full)
		return -EAGAIN;
	assert_true(nposted + len <= sizeof(posted));
	memcpy(posted + nposted, data, len);
	nposted += (u32)len;
	return 0;
}
u64 fs_queue_number(i32 fd)
{
	return (u64)fd;
}
bool fs_queue_closed(i32 fd)
{
	return fd == 50 && queue_closed;
}
void fs_close_fd(i32 fd)
{
	if (fd >= 0 && fd < 4096 && mems[fd].used) {
		free(mems[fd].data);
		memset(&mems[fd], 0, sizeof(mems[fd]));
	}
}
int fs_mem_create(u64 size)
{
	for (int i = 100; i < 4096; i++)
		if (!mems[i].used) {
			mems[i].used = true;
			mems[i].size = size;
			mems[i].data = calloc(1, size + 1);
			return i;
		}
	return -ENOMEM;
}
int fs_mem_resize(i32 m, u64 size)
{
	if (size > 1 << 20)
		return -EFBIG;
	char *p = calloc(1, size + 1);
	memcpy(p, mems[m].data, size < mems[m].size ? size : mems[m].size);
	free(mems[m].data);
	mems[m].data = p;
	mems[m].size = size;
	return 0;
}
int fs_mem_info(i32 m, struct weft_mem_info *out)
{
	*out = (struct weft_mem_info){.size = mems[m].size, .resident = mems[m].size,
		.mtime_ns = (u64)mems[m].mtime, .ctime_ns = (u64)mems[m].ctime};
	return 0;
}
int fs_mem_set_times(i32 m, i64 mtime, i64 ctime)
{
	mems[m].mtime = mtime;
	mems[m].ctime = ctime;
	return 0;
}
int fs_mem_punch(i32 m, u64 off, u64 len)
{
	(void)m;
	(void)off;
	(void)len;
	return 0;
}
void *fs_mem_map(i32 m, u64 size)
{
	(void)m;
	return calloc(1, size);
}
int fs_mem_write(i32 m, u64 off, const void *d, u64 len)
{
	memcpy(mems[m].data + off, d, len);
	mems[m].mtime = mems[m].ctime = fs_now();
	return 0;
}
i64 fs_mem_write_from(struct fsreq *r, i32 mem, u64 off, u64 len)
{
	(void)r;
	(void)mem;
	(void)off;
	return (i64)len;
}
int fs_mem_trap(struct fs *fs, struct handle *h, bool trap, bool owned)
{
	(void)fs;
	(void)h;
	(void)trap;
	(void)owned;
	return 0;
}
int fs_memory(u64 *t, u64 *f)
{
	*t = *f = 1 << 30;
	return 0;
}

static struct fs tree;

static i64 request(struct client *c, u32 who, u32 pid, u64 handle, u16 op, const char *path, u64 a0,
	u64 walk, u64 a2, void *data, u32 data_len)
{
	static char rest[FSP_REST_MAX];
	struct weft_sqe sqe = {.tag = 1, .op = op, .handle = handle, .args = {a0, walk, a2}, .pid = pid,
		.identity = who};
	c->buf[0] = path ? (void *)path : data;
	c->len[0] = path ? (u32)strlen(path) : data_len;
	c->buf[1] = rest;
	c->len[1] = sizeof(rest);
	c->buf[2] = data;
	c->len[2] = data_len;
	sqe.nbufs = path ? 3 : 1;
	for (int i = 0; i < 3; i++)
		sqe.len[i] = c->len[i];
	sqe.nfds = (u8)c->nfds;
	sqe.fds[0] = c->fds[0];
	struct fsreq r = {.fs = &tree, .rq = c, .sqe = &sqe, .cred = fs_identity(who)};
	r.h = handle_find(&tree, handle);
	assert_non_null(r.h);
	c->result = fs_serve(&r);
	memcpy(c->out, r.out, sizeof(r.out));
	c->handle = 0;
	if (r.has_fd) {
		if (c->result < 0)
			handle_close(&tree, handle_find(&tree, r.fd.handle));
		else
			c->handle = r.fd.handle;
	}
	return c->result;
}

static i64 path_op(u32 who, u16 op, const char *path, u64 a0, u64 walk, u64 a2, void *data, u32 len)
{
	struct client c = {0};
	return request(&c, who, 1, 0, op, path, a0, walk, a2, data, len);
}

static u64 open_path(u32 who, const char *path, u32 flags, u32 mode)
{
	struct client c = {0};
	assert_int_equal(request(&c, who, 1, 0, FSP_OPEN, path, flags, 0, mode, NULL, 0), 0);
	return c.handle;
}

static i64 open_error(u32 who, const char *path, u32 flags, u32 mode)
{
	struct client c = {0};
	i64 e = request(&c, who, 1, 0, FSP_OPEN, path, flags, 0, mode, NULL, 0);
	if (c.handle)
		handle_close(&tree, handle_find(&tree, c.handle));
	return e;
}

static void close_id(u64 id)
{
	handle_close(&tree, handle_find(&tree, id));
}

static void remove_all(struct dentry *d)
{
	fsl_for_each (c, &d->children, struct dentry, siblings) {
		dentry_get(c);
		remove_all(c);
		dentry_drop(c);
		dentry_put(c);
	}
}

static int setup(void **state)
{
	(void)state;
	memset(&tree, 0, sizeof(tree));
	memset(ids, 0, sizeof(ids));
	ids[0].cap_effective = ids[0].cap_permitted = ~0ull;
	ids[1].uid = ids[1].euid = ids[1].fsuid = 1000;
	ids[1].gid = ids[1].egid = ids[1].fsgid = 1000;
	ids[2] = ids[1];
	ids[2].uid = ids[2].euid = ids[2].fsuid = 1001;
	ids[2].fsgid = 1001;
	ids[2].ngroups = 1;
	ids[2].groups[0] = 1000;
	nposted = 0;
	return memfs_create(&tree, 7, 0x01021994);
}

static int teardown(void **state)
{
	(void)state;
	remove_all(tree.root);
	dentry_put(tree.root->parent == tree.root ? NULL : tree.root);
	node_put(tree.root->node);
	free(tree.root->name);
	free(tree.root);
	for (int i = 0; i < 4096; i++)
		assert_false(mems[i].used); /* every file's memory is gone with its last name and handle */
	return 0;
}

static void test_create(void **state)
{
	(void)state;
	assert_int_equal(open_error(0, "a", O_RDONLY, 0), -ENOENT);
	u64 h = open_path(0, "a", O_CREAT | O_RDWR, 0640);
	assert_int_equal(open_error(0, "a", O_CREAT | O_EXCL | O_RDWR, 0640), -EEXIST);
	assert_int_equal(open_error(0, "a/b", O_RDONLY, 0), -ENOTDIR);
	assert_int_equal(open_error(0, "a/", O_RDONLY, 0), -ENOTDIR);
	assert_int_equal(open_error(0, "a", O_DIRECTORY, 0), -ENOTDIR);
	assert_int_equal(open_error(0, "x/", O_CREAT | O_RDWR, 0), -EISDIR);
	struct fsp_stat st;
	assert_int_equal(path_op(0, FSP_STAT, "a", 0, 0, 0, &st, sizeof(st)), 0);
	assert_int_equal(st.mode, S_IFREG | 0640);
	assert_int_equal(st.nlink, 1);
	assert_int_equal(path_op(0, FSP_UNLINK, "a", 0, 0, 0, NULL, 0), 0);
	assert_int_equal(open_error(0, "a", O_RDONLY, 0), -ENOENT);
	char path[64];
	struct client c = {0};
	assert_int_equal(request(&c, 0, 1, h, FSP_PATH, NULL, 0, 0, 0, path, sizeof(path)), 0);
	assert_int_equal(c.out[1], strlen("a (deleted)"));
	assert_memory_equal(path, "a (deleted)", 11);
	close_id(h);
}

static void test_dirs(void **state)
{
	(void)state;
	struct fsp_stat st;
	assert_int_equal(path_op(0, FSP_MKDIR, "d", 0755, 0, 0, NULL, 0), 0);
	assert_int_equal(path_op(0, FSP_MKDIR, "d/e/", 0755, 0, 0, NULL, 0), 0);
	assert_int_equal(path_op(0, FSP_MKDIR, "d", 0755, 0, 0, NULL, 0), -EEXIST);
	assert_int_equal(path_op(0, FSP_MKDIR, "q/e", 0755, 0, 0, NULL, 0), -ENOENT);
	assert_int_equal(path_op(0, FSP_STAT, "d", 0, 0, 0, &st, sizeof(st)), 0);
	assert_int_equal(st.nlink, 3);
	assert_int_equal(path_op(0, FSP_UNLINK, "d", 0x200, 0, 0, NULL, 0), -ENOTEMPTY);
	assert_int_equal(path_op(0, FSP_UNLINK, "d", 0, 0, 0, NULL, 0), -EISDIR);
	assert_int_equal(path_op(0, FSP_UNLINK, "d/.", 0x200, 0, 0, NULL, 0), -EINVAL);
	assert_int_equal(path_op(0, FSP_UNLINK, "d/e", 0x200, 0, 0, NULL, 0), 0);
	u64 h = open_path(0, "d", O_DIRECTORY, 0);
	for (int i = 0; i < 100; i++) {
		char n[16];
		snprintf(n, sizeof(n), "d/f%d", i);
		close_id(open_path(0, n, O_CREAT | O_WRONLY, 0600));
	}
	char buf[512];
	int seen = 0;
	for (;;) {
		struct client c = {0};
		i64 n = request(&c, 0, 1, h, FSP_GETDENTS, NULL, 0, 0, 0, buf, sizeof(buf));
		assert_true(n >= 0);
		if (n == 0)
			break;
		for (i64 at = 0; at < n; seen++)
			at += ((struct dirent64 *)(buf + at))->d_reclen;
	}
	assert_int_equal(seen, 102);
	struct client c = {0};
	assert_int_equal(request(&c, 0, 1, h, FSP_GETDENTS, NULL, 0, 0, 0, buf, 10), 0); /* at the end */
	assert_int_equal(request(&c, 0, 1, h, WEFT_OP_SEEK, NULL, 0, SEEK_SET, 0, NULL, 0), 0);
	assert_int_equal(request(&c, 0, 1, h, FSP_GETDENTS, NULL, 0, 0, 0, buf, 10), -EINVAL);
	close_id(h);
}

static void test_links(void **state)
{
	(void)state;
	char target[64];
	struct client c = {0};
	path_op(0, FSP_MKDIR, "d", 0755, 0, 0, NULL, 0);
	close_id(open_path(0, "d/f", O_CREAT | O_WRONLY, 0600));
	assert_int_equal(path_op(0, FSP_SYMLINK, "l", 0, 0, 0, "d/f", 3), 0);
	assert_int_equal(path_op(0, FSP_SYMLINK, "dl", 0, 0, 0, "d", 1), 0);
	assert_int_equal(path_op(0, FSP_SYMLINK, "loop", 0, 0, 0, "loop", 4), 0);
	assert_int_equal(path_op(0, FSP_SYMLINK, "abs", 0, 0, 0, "//d/f", 5), 0);
	assert_int_equal(path_op(0, FSP_SYMLINK, "up", 0, 0, 0, "../x", 4), 0);
	close_id(open_path(0, "l", O_RDONLY, 0));
	close_id(open_path(0, "dl/f", O_RDONLY, 0));
	assert_int_equal(open_error(0, "loop", O_RDONLY, 0), -ELOOP);
	assert_int_equal(open_error(0, "l", O_NOFOLLOW, 0), -ELOOP);
	assert_int_equal(open_error(0, "l/", O_RDONLY, 0), -ENOTDIR);
	assert_int_equal(request(&c, 0, 1, 0, FSP_OPEN, "abs/more", 0, 0, 0, NULL, 0), FSP_STOP_ROOT);
	assert_int_equal(c.out[1], 8);
	assert_memory_equal(c.buf[1], "d/f/more", 8);
	assert_int_equal(request(&c, 0, 1, 0, FSP_OPEN, "up", 0, 0, 0, NULL, 0), FSP_STOP_PARENT);
	assert_memory_equal(c.buf[1], "x", 1);
	assert_int_equal(request(&c, 0, 1, 0, FSP_READLINK, "l", 0, FSP_WALK_NOFOLLOW, 0, target, 64), 0);
	assert_int_equal(c.out[2], 3);
	close_id(open_path(0, "dl/new", O_CREAT | O_WRONLY, 0600));
	close_id(open_path(0, "d/new", O_RDONLY, 0));
	/* Creating through a dangling link makes its target. */
	path_op(0, FSP_SYMLINK, "dang", 0, 0, 0, "made", 4);
	close_id(open_path(0, "dang", O_CREAT | O_WRONLY, 0600));
	close_id(open_path(0, "made", O_RDONLY, 0));
	/* Hard links share the inode. */
	u64 h = open_path(0, "d/f", O_PATH, 0);
	fd_handles[5] = (i32)h;
	struct client l = {.nfds = 1, .fds = {5}};
	assert_int_equal(request(&l, 0, 1, 0, FSP_LINK, "hard", 0, 0, 0, NULL, 0), 0);
	struct fsp_stat a, b;
	path_op(0, FSP_STAT, "hard", 0, 0, 0, &a, sizeof(a));
	path_op(0, FSP_STAT, "d/f", 0, 0, 0, &b, sizeof(b));
	assert_int_equal(a.ino, b.ino);
	assert_int_equal(a.nlink, 2);
	close_id(h);
	fd_handles[5] = 0;
}

static void test_mounts(void **state)
{
	(void)state;
	struct client c = {0};
	path_op(0, FSP_MKDIR, "m", 0755, 0, 0, NULL, 0);
	u64 h = open_path(0, "m", O_PATH, 0);
	assert_int_equal(request(&c, 1, 1, h, FSP_MARK, NULL, 0, 1, 0, NULL, 0), -EPERM);
	assert_int_equal(request(&c, 0, 1, h, FSP_MARK, NULL, 0, 1, 0, NULL, 0), 0);
	assert_int_equal(request(&c, 0, 1, 0, FSP_OPEN, "m//a/b", 0, 0, 0, NULL, 0), FSP_STOP_MOUNT);
	assert_int_equal(c.out[0], handle_find(&tree, h)->node->ino);
	assert_memory_equal(c.buf[1], "a/b", 3);
	assert_int_equal(path_op(0, FSP_UNLINK, "m/", 0x200, 0, 0, NULL, 0), FSP_STOP_MOUNT);
	request(&c, 0, 1, h, FSP_MARK, NULL, 0, 0, 0, NULL, 0);
	close_id(h);
}

static void test_permissions(void **state)
{
	(void)state;
	path_op(0, FSP_MKDIR, "pub", 01777, 0, 0, NULL, 0);
	struct fsp_setattr sticky = {.valid = FSP_SET_MODE, .mode = 01777};
	path_op(0, FSP_SETATTR, "pub", 0, 0, 0, &sticky, sizeof(sticky));
	close_id(open_path(1, "pub/mine", O_CREAT | O_WRONLY, 0640));
	assert_int_equal(open_error(1, "rootfile", O_CREAT | O_WRONLY, 0600), -EACCES);
	assert_int_equal(open_error(2, "pub/mine", O_WRONLY, 0), -EACCES);
	close_id(open_path(2, "pub/mine", O_RDONLY, 0)); /* by its group */
	assert_int_equal(path_op(2, FSP_UNLINK, "pub/mine", 0, 0, 0, NULL, 0), -EPERM);
	struct fsp_setattr a = {.valid = FSP_SET_MODE, .mode = 0777};
	assert_int_equal(path_op(2, FSP_SETATTR, "pub/mine", 0, 0, 0, &a, sizeof(a)), -EPERM);
	a = (struct fsp_setattr){.valid = FSP_SET_UID, .uid = 1001};
	assert_int_equal(path_op(1, FSP_SETATTR, "pub/mine", 0, 0, 0, &a, sizeof(a)), -EPERM);
	a = (struct fsp_setattr){.valid = FSP_SET_MODE, .mode = 04755};
	assert_int_equal(path_op(1, FSP_SETATTR, "pub/mine", 0, 0, 0, &a, sizeof(a)), 0);
	a = (struct fsp_setattr){.valid = FSP_SET_UID, .uid = 5};
	assert_int_equal(path_op(0, FSP_SETATTR, "pub/mine", 0, 0, 0, &a, sizeof(a)), 0);
	struct fsp_stat st;
	path_op(0, FSP_STAT, "pub/mine", 0, 0, 0, &st, sizeof(st));
	assert_int_equal(st.mode & 07777, 0755); /* a change of owner drops set-uid */
	path_op(0, FSP_MKDIR, "priv", 0700, 0, 0, NULL, 0);
	assert_int_equal(open_error(1, "priv/x", O_RDONLY, 0), -EACCES);
	assert_int_equal(path_op(1, FSP_ACCESS, "pub", 7, 0, 0, NULL, 0), 0);
	assert_int_equal(path_op(1, FSP_ACCESS, "priv", 4, 0, 0, NULL, 0), -EACCES);
	assert_int_equal(path_op(1, FSP_MKNOD, "pub/null", S_IFCHR | 0666, 0, 0x103, NULL, 0), -EPERM);
}

static i64 do_rename(const char *from, const char *to, u64 from_dir, u64 to_dir, u32 flags)
{
	struct client c = {.nfds = 1, .fds = {9}};
	fd_handles[9] = (i32)to_dir;
	return request(&c, 0, 1, from_dir, FSP_RENAME, from, flags, 0, 0, (void *)to, (u32)strlen(to));
}

static void test_rename(void **state)
{
	(void)state;
	path_op(0, FSP_MKDIR, "a", 0755, 0, 0, NULL, 0);
	path_op(0, FSP_MKDIR, "b", 0755, 0, 0, NULL, 0);
	path_op(0, FSP_MKDIR, "a/sub", 0755, 0, 0, NULL, 0);
	close_id(open_path(0, "a/f", O_CREAT | O_WRONLY, 0600));
	close_id(open_path(0, "b/g", O_CREAT | O_WRONLY, 0600));
	u64 a = open_path(0, "a", O_PATH, 0), b = open_path(0, "b", O_PATH, 0);
	u64 sub = open_path(0, "a/sub", O_PATH, 0);
	assert_int_equal(do_rename("f", "g", a, b, 1), -EEXIST);
	assert_int_equal(do_rename("f", "g", a, b, 0), 0);
	assert_int_equal(do_rename("f", "g", a, b, 0), -ENOENT);
	assert_int_equal(do_rename("sub", "g", a, b, 0), -ENOTDIR);
	assert_int_equal(do_rename("g", "sub", b, a, 0), -EISDIR);
	assert_int_equal(do_rename("sub", "moved", a, b, 0), 0);
	char path[64];
	struct client c = {0};
	assert_int_equal(request(&c, 0, 1, sub, FSP_PATH, NULL, 0, 0, 0, path, sizeof(path)), 0);
	assert_memory_equal(path, "b/moved", 7);
	u64 root = open_path(0, "", O_PATH, 0);
	assert_int_equal(do_rename("b", "x", root, sub, 0), -EINVAL); /* into itself */
	assert_int_equal(do_rename("..", "x", a, b, 0), -EBUSY);
	close_id(a);
	close_id(b);
	close_id(sub);
	close_id(root);
	fd_handles[9] = 0;
}

static i64 lock(struct client *c, u64 h, u32 pid, u32 cmd, i16 type, i64 start, i64 len)
{
	static struct fsp_lock l[8];
	static int at;
	struct fsp_lock *p = &l[at++ % 8];
	*p = (struct fsp_lock){.type = type, .start = start, .len = len};
	i64 e = request(c, 0, pid, h, FSP_LOCK, NULL, cmd, 0, 0, p, sizeof(*p));
	/* The first lock through a handle is asked for again, once the kernel watches. */
	return e == -WEFT_ERETRY ? request(c, 0, pid, h, FSP_LOCK, NULL, cmd, 0, 0, p, sizeof(*p)) : e;
}

static void test_locks(void **state)
{
	(void)state;
	struct client c = {0}, w = {0}, w2 = {0};
	u64 h1 = open_path(0, "f", O_CREAT | O_RDWR, 0600), h2 = open_path(0, "f", O_RDWR, 0);
	assert_int_equal(request(&c, 0, 1, h1, FSP_FLOCK, NULL, LOCK_EX, 0, 0, NULL, 0), 0);
	assert_int_equal(request(&c, 0, 2, h2, FSP_FLOCK, NULL, LOCK_SH | LOCK_NB, 0, 0, NULL, 0), -EAGAIN);
	request(&w, 0, 2, h2, FSP_FLOCK, NULL, LOCK_SH, 0, 0, NULL, 0);
	assert_true(w.waiting);
	assert_int_equal(request(&c, 0, 1, h1, FSP_FLOCK, NULL, LOCK_UN, 0, 0, NULL, 0), 0);
	assert_false(w.waiting);
	assert_int_equal(w.result, 0);
	assert_int_equal(lock(&c, h1, 1, F_SETLK, F_WRLCK, 0, 100), 0);
	assert_int_equal(lock(&c, h2, 2, F_SETLK, F_RDLCK, 50, 10), -EAGAIN);
	assert_int_equal(lock(&c, h1, 1, F_SETLK, F_UNLCK, 40, 30), 0); /* splits it */
	assert_int_equal(lock(&c, h2, 2, F_SETLK, F_WRLCK, 50, 10), 0);
	assert_int_equal(lock(&c, h2, 2, F_SETLK, F_RDLCK, 75, 1), -EAGAIN);
	lock(&w, h2, 2, F_SETLKW, F_WRLCK, 0, 10);
	assert_true(w.waiting);
	assert_int_equal(lock(&c, h1, 1, F_SETLKW, F_WRLCK, 50, 5), -EDEADLK);
	lock(&w2, h2, 3, F_SETLKW, F_WRLCK, 0, 10);
	assert_true(w2.waiting);
	lock_cancel(&w2);
	assert_int_equal(w2.result, -EINTR);
	lock_release_pid(handle_find(&tree, h1)->node, 1);
	assert_false(w.waiting);
	assert_int_equal(w.result, 0);
	assert_int_equal(lock(&c, h1, 9, F_GETLK, F_WRLCK, 0, 0), 0);
	assert_int_equal(((struct fsp_lock *)c.buf[0])->pid, 2);
	lock_release_pid(handle_find(&tree, h1)->node, 2);
	close_id(h1);
	close_id(h2);
}

/* The next event that was posted. */
static void expect_event(u32 *at, i64 wd, u32 mask, const char *name)
{
	struct fsp_event *e = (void *)(posted + *at);
	assert_true(*at < nposted);
	assert_int_equal(e->mask, mask);
	assert_int_equal(e->wd, wd);
	assert_string_equal(e->len ? e->name : "", name);
	*at += (u32)sizeof(*e) + e->len;
}

static i64 watch(const char *path, u32 mask, i32 fd)
{
	struct client c = {.nfds = 1, .fds = {fd}};
	i64 e = request(&c, 0, 1, 0, FSP_WATCH, path, mask, 0, 0, NULL, 0);
	return e ? e : (i64)c.out[2];
}

static i64 unwatch(i64 wd, i32 fd)
{
	struct client c = {.nfds = 1, .fds = {fd}};
	return request(&c, 0, 1, 0, FSP_UNWATCH, "", (u64)wd, 0, 0, NULL, 0);
}

static void test_watch(void **state)
{
	(void)state;
	u32 at = 0;
	nposted = 0;
	path_op(0, FSP_MKDIR, "d", 0755, 0, 0, NULL, 0);
	i64 wd = watch("d", IN_CREATE | IN_DELETE | IN_CLOSE_WRITE | IN_CLOSE_NOWRITE | IN_ATTRIB, 50);
	assert_true(wd > 0);
	assert_int_equal(watch("d", IN_CREATE | IN_MASK_CREATE, 50), -EEXIST);
	assert_int_equal(watch("d", IN_MASK_ADD | IN_OPEN, 50), wd);
	assert_int_equal(watch("d", 0, 50), -EINVAL);
	assert_int_equal(watch("absent", IN_OPEN, 50), -ENOENT);
	/* No handle of the directory is open: its files' events come all the same. */
	close_id(open_path(0, "d/new", O_CREAT | O_WRONLY, 0600));
	expect_event(&at, wd, IN_CREATE, "new");
	expect_event(&at, wd, IN_OPEN, "new");
	expect_event(&at, wd, IN_CLOSE_WRITE, "new");
	close_id(open_path(0, "d/new", O_RDONLY, 0));
	expect_event(&at, wd, IN_OPEN, "new");
	expect_event(&at, wd, IN_CLOSE_NOWRITE, "new");
	i64 file = watch("d/new", IN_DELETE_SELF, 51);
	assert_true(file > 0 && file != wd);
	assert_int_equal(path_op(0, FSP_UNLINK, "d/new", 0, 0, 0, NULL, 0), 0);
	expect_event(&at, file, IN_DELETE_SELF, "");
	expect_event(&at, file, IN_IGNORED, "");
	expect_event(&at, wd, IN_DELETE, "new");
	assert_int_equal(unwatch(file, 51), -EINVAL);
	/* A full queue is told of when there is room again. */
	queue_full = true;
	close_id(open_path(0, "d/lost", O_CREAT | O_WRONLY, 0600));
	queue_full = false;
	assert_int_equal(path_op(0, FSP_UNLINK, "d/lost", 0, 0, 0, NULL, 0), 0);
	expect_event(&at, -1, IN_Q_OVERFLOW, "");
	expect_event(&at, wd, IN_DELETE, "lost");
	assert_int_equal(unwatch(wd, 52), -EINVAL);
	assert_int_equal(unwatch(wd, 50), 0);
	expect_event(&at, wd, IN_IGNORED, "");
	assert_int_equal(at, nposted);
	/* Of a queue whose reader has gone nothing is kept once another watch is made. */
	watch("d", IN_CREATE, 50);
	queue_closed = true;
	i64 other = watch("d", IN_CREATE, 52);
	assert_int_equal(fs_watch_count, 1);
	queue_closed = false;
	unwatch(other, 52);
	assert_int_equal(fs_watch_count, 0);
}

/* A copy that fails with "redeliver" at any point leaves nothing behind, and the request then succeeds. */
static void test_redelivery(void **state)
{
	(void)state;
	for (int at = 1; at < 4; at++) {
		char n[8] = {'r', (char)('0' + at), 0};
		redeliver_in = at;
		i64 e = open_error(0, n, O_CREAT | O_EXCL | O_RDWR, 0600);
		if (e == -WEFT_EREDELIVER)
			e = open_error(0, n, O_CREAT | O_EXCL | O_RDWR, 0600);
		assert_int_equal(e, 0);
		redeliver_in = 0;
	}
}

static void test_hostile(void **state)
{
	(void)state;
	char *big = malloc(5000);
	memset(big, 'x', 5000);
	big[4999] = 0;
	assert_int_equal(open_error(0, big, O_RDONLY, 0), -ENAMETOOLONG);
	big[300] = 0;
	assert_int_equal(open_error(0, big, O_CREAT | O_RDWR, 0), -ENAMETOOLONG);
	free(big);
	srand(1);
	static const u16 ops[] = {FSP_OPEN, FSP_STAT, FSP_ACCESS, FSP_READLINK, FSP_MKDIR, FSP_MKNOD,
		FSP_UNLINK, FSP_SYMLINK, FSP_LINK, FSP_RENAME, FSP_SETATTR, FSP_STATFS, FSP_GETDENTS,
		FSP_FALLOCATE, FSP_FLOCK, FSP_LOCK, FSP_PATH, FSP_IOCTL, FSP_SOCKET, WEFT_OP_SEEK, 0xffff};
	u64 open_ids[32] = {0};
	for (int i = 0; i < 100000; i++) {
		static const char *const names[] = {"a", "b", "a/b", "a/../b", "c/d/e", "./a", "..", "", "/",
			"b/c", "c", "c/a", "c/d", "a/b/"};
		static char data[4096];
		struct client c = {.nfds = (u32)rand() % 2, .fds = {rand() % 64}};
		u32 k = (u32)rand() % 32;
		fd_handles[rand() % 8] = (i32)open_ids[rand() % 32];
		for (int j = 0; j < 16; j++)
			data[j] = (char)("abc/."[rand() % 5]);
		u16 op = ops[(u32)rand() % (sizeof(ops) / sizeof(ops[0]))];
		bool by_path = op <= FSP_STATFS || op == FSP_SOCKET;
		u64 from = rand() % 2 ? open_ids[rand() % 32] : 0;
		i64 e = request(&c, (u32)rand() % 3, 1 + (u32)rand() % 3, from, op,
			by_path ? names[(u32)rand() % 14] : NULL,
			rand() % 3 ? (u64)rand() & 0x3ff : ((u64)rand() << 33) ^ (u64)rand(),
			(u64)rand() & 3, (u64)rand() & 0777, data, (u32)rand() % (op == FSP_SYMLINK ? 16 : 4096));
		(void)e;
		if (c.waiting)
			lock_cancel(&c);
		if (c.handle) {
			for (int j = 0; j < 64; j++)
				if (fd_handles[j] && (u64)fd_handles[j] == open_ids[k])
					fd_handles[j] = 0;
			if (open_ids[k])
				close_id(open_ids[k]);
			open_ids[k] = c.handle;
		}
	}
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 32; k++)
			if (open_ids[k])
				lock_release_pid(handle_find(&tree, open_ids[k])->node, (u32)i + 1);
	for (int k = 0; k < 32; k++)
		close_id(open_ids[k]);
	memset(fd_handles, 0, sizeof(fd_handles));
}

static void put_cpio(char *out, u64 *at, const char *name, u32 mode, const char *data, u32 size, u32 ino, u32 nlink)
{
	*at += (u64)sprintf(out + *at, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", ino, mode,
		0, 0, nlink, 1, size, 0, 0, 0, 0, (u32)strlen(name) + 1, 0);
	strcpy(out + *at, name);
	*at = (*at + strlen(name) + 1 + 3) & ~3ull;
	memcpy(out + *at, data, size);
	*at = (*at + size + 3) & ~3ull;
}

static void test_cpio(void **state)
{
	(void)state;
	char *buf = calloc(1, 16384);
	u64 at = 0;
	put_cpio(buf, &at, ".", S_IFDIR | 0755, "", 0, 1, 2);
	put_cpio(buf, &at, "bin/sh", S_IFREG | 0755, "hello", 5, 2, 2);
	put_cpio(buf, &at, "bin/bash", S_IFREG | 0755, "", 0, 2, 2);
	put_cpio(buf, &at, "lib", S_IFLNK | 0777, "usr/lib", 7, 3, 1);
	put_cpio(buf, &at, "TRAILER!!!", 0, "", 0, 0, 1);
	at = (at + 511) & ~511ull;
	put_cpio(buf, &at, "./bin/sh", S_IFREG | 0700, "again", 5, 2, 1);
	put_cpio(buf, &at, "TRAILER!!!", 0, "", 0, 0, 1);
	clock_ns = 5000 * (i64)1000000000;
	assert_int_equal(cpio_load(&tree, buf, at, NULL), 0);
	struct fsp_stat st;
	assert_int_equal(path_op(0, FSP_STAT, "bin/sh", 0, 0, 0, &st, sizeof(st)), 0);
	/* The archive's time, not that of the filling, which is later. */
	assert_int_equal(st.mtime_ns, 1000000000);
	assert_int_equal(st.ctime_ns, 1000000000);
	assert_int_equal(st.mode, S_IFREG | 0700);
	assert_int_equal(st.size, 5);
	assert_int_equal(path_op(0, FSP_STAT, "bin/bash", 0, 0, 0, &st, sizeof(st)), 0);
	assert_int_equal(st.size, 5);
	assert_int_equal(path_op(0, FSP_STAT, "lib", 0, FSP_WALK_NOFOLLOW, 0, &st, sizeof(st)), 0);
	/* Truncated and corrupt archives are errors, not crashes. */
	srand(2);
	for (int i = 0; i < 2000; i++) {
		u64 n = 1 + (u64)rand() % at;
		char *copy = malloc(n);
		memcpy(copy, buf, n);
		copy[(u64)rand() % n] = (char)rand();
		cpio_load(&tree, copy, n, NULL);
		free(copy);
	}
	free(buf);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {T(test_create), T(test_dirs), T(test_links), T(test_mounts),
		T(test_permissions), T(test_rename), T(test_locks), T(test_watch), T(test_redelivery),
		T(test_hostile), T(test_cpio)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
