/* SPDX-License-Identifier: MIT */
/* A tree's meeting with the server loop (native/server.h). One tree per process. */
#include "vfs.h"

#include <native/call.h>
#include <native/server.h>
#include <native/start.h>
#include <native/time.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static struct fs *tree;
void (*vfs_enter)(void), (*vfs_leave)(void);
static struct server server;
static struct loop loop;

int fsreq_in(struct fsreq *r, u32 buffer, u64 offset, void *to, u64 len)
{
	if (buffer >= r->sqe->nbufs)
		return -EINVAL;
	return request_in_all(r->rq, buffer, offset, to, len);
}

int fsreq_out(struct fsreq *r, u32 buffer, u64 offset, const void *from, u64 len)
{
	if (buffer >= r->sqe->nbufs)
		return -EINVAL;
	return request_out_all(r->rq, buffer, offset, from, len);
}

void *fs_keep(struct fsreq *r)
{
	struct request *k = request_keep(r->rq);
	if (k) {
		k->data = node_get(r->h->node);
		r->deferred = true;
	}
	return k;
}

void fs_finish(void *kept, i64 result)
{
	struct request *k = kept;
	struct node *n = k->data;
	request_reply(k, result);
	node_put(n);
}

struct node *fs_kept_node(void *kept)
{
	return ((struct request *)kept)->data;
}

i64 fsreq_spread(struct fsreq *r, u64 offset, const void *from, u64 len)
{
	return request_out_spread(r->rq, 0, offset, from, len);
}

i64 fsreq_gather(struct fsreq *r, void *to, u64 len)
{
	return request_in_gather(r->rq, 0, 0, to, len);
}

i32 fs_take_fd(struct fsreq *r)
{
	return request_take_fd(r->rq, 0);
}

/* Identities are immutable, so they are cached by number. */
const struct weft_identity *fs_identity(u32 number)
{
	static struct {
		u32 number;
		bool valid;
		struct weft_identity id;
	} cache[64];
	__typeof__(&cache[0]) c = &cache[number % 64];
	if (!c->valid || c->number != number) {
		c->valid = weft_ident_ctl((u64)-1, WEFT_IDENT_GET, number, PTR(&c->id)) >= 0;
		c->number = number;
	}
	return c->valid ? &c->id : NULL;
}

i64 fs_now(void)
{
	return time_realtime();
}

struct handle *fs_identify(struct fs *fs, i32 fd)
{
	u64 id;
	return server_identify(&server, fd, &id) == 0 ? handle_find(fs, id) : NULL;
}

i64 fs_post(i32 fd, const void *data, u64 len)
{
	struct weft_iov iov = {PTR(data), len};
	struct weft_msg m = {.iov = PTR(&iov), .niov = 1, .dest = -1};
	return weft_chan_send((u64)fd, PTR(&m), WEFT_CHAN_NONBLOCK);
}

u64 fs_queue_number(i32 fd)
{
	struct weft_fd_info info;
	return weft_fd_ctl((u64)fd, WEFT_FD_INFO, PTR(&info), 0) < 0 || info.type != WEFT_OBJ_CHANNEL ? 0 : info.object;
}

bool fs_queue_closed(i32 fd)
{
	return weft_fd_ctl((u64)fd, WEFT_FD_READY, 0, 0) & (WEFT_POLLHUP | WEFT_POLLERR);
}

void fs_close_fd(i32 fd)
{
	weft_fd_close((u64)fd);
}

int fs_mem_create(u64 size)
{
	return (int)weft_mem_create(WEFT_MEM_ANON, size, 0, 0,
		WEFT_MEM_CLOEXEC | WEFT_MEM_PRIVATE_FD | WEFT_MEM_SEALABLE);
}

int fs_mem_resize(i32 mem, u64 size)
{
	return (int)weft_mem_ctl((u64)mem, WEFT_MEM_RESIZE, size, 0, 0);
}

void *fs_mem_map(i32 mem, u64 size)
{
	i64 at = weft_mem_map((u64)-1, 0, size, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_SHARED, (u64)mem, 0);
	return at < 0 ? NULL : (void *)at;
}

int fs_mem_info(i32 mem, struct weft_mem_info *out)
{
	return (int)weft_mem_ctl((u64)mem, WEFT_MEM_INFO, PTR(out), 0, 0);
}

int fs_mem_set_times(i32 mem, i64 mtime, i64 ctime)
{
	return (int)weft_mem_ctl((u64)mem, WEFT_MEM_SET_TIMES, (u64)mtime, (u64)ctime, 0);
}

int fs_mem_punch(i32 mem, u64 off, u64 len)
{
	return (int)weft_mem_ctl((u64)mem, WEFT_MEM_PUNCH, off, len, 0);
}

int fs_mem_write(i32 mem, u64 off, const void *data, u64 len)
{
	i64 n = weft_fd_write((u64)mem, PTR(data), len, off, 0);
	return n < 0 ? (int)n : (u64)n == len ? 0 : -ENOSPC;
}

i64 fs_mem_write_from(struct fsreq *r, i32 mem, u64 off, u64 len)
{
	char chunk[16384];
	u64 done = 0;
	while (done < len) {
		u64 n = len - done < sizeof(chunk) ? len - done : sizeof(chunk);
		i64 got = request_in_gather(r->rq, 0, done, chunk, n);
		if (got <= 0)
			return done && got != -WEFT_EREDELIVER ? (i64)done : got;
		int e = fs_mem_write(mem, off + done, chunk, (u64)got);
		if (e)
			return done ? (i64)done : e;
		done += (u64)got;
	}
	return (i64)done;
}

int fs_mem_trap(struct fs *fs, struct handle *h, bool trap, bool owned)
{
	return (int)weft_scheme_ctl((u64)fs->server, WEFT_SCHEME_ATTACH_MEM, h->id, (u64)h->node->mem,
		(trap ? WEFT_HANDLE_TRAP_WRITE : 0u) | (owned ? WEFT_HANDLE_WATCH_OWNER : 0u));
}

int fs_memory(u64 *total, u64 *free_bytes)
{
	struct weft_sys_info info;
	i64 e = weft_sys_ctl((u64)-1, WEFT_SYS_INFO, PTR(&info), 0, 0);
	*total = e < 0 ? 0 : info.mem_total / 2;
	*free_bytes = e < 0 ? 0 : info.mem_free < *total ? info.mem_free : *total;
	return (int)e;
}

static void enter(void)
{
	if (vfs_enter)
		vfs_enter();
}

static void leave(void)
{
	if (vfs_leave)
		vfs_leave();
}

static i64 serve_node(struct request *rq)
{
	struct fsreq r = {.fs = tree, .rq = rq, .sqe = rq->sqe};
	r.h = handle_find(tree, rq->sqe->handle);
	r.cred = fs_identity(rq->sqe->identity);
	if (!r.h)
		return -EBADF;
	if (!r.cred)
		return -EPERM;
	i64 result = fs_serve(&r);
	if (r.deferred)
		return SERVER_LATER;
	if (r.has_fd) {
		int e = result < 0 ? (int)result :
			r.fd.kind == WEFT_REPLY_FD ? request_give_fd(rq, r.fd.fd, r.fd.rights, r.fd.flags) :
						     request_give_handle(rq, &r.fd);
		if (e && r.fd.kind == WEFT_REPLY_FD) {
			if (r.fd.flags & WEFT_REPLY_MOVE)
				fs_close_fd(r.fd.fd);
			return e;
		}
		if (e) {
			handle_close(tree, handle_find(tree, r.fd.handle));
			return e;
		}
	}
	if (result >= 0 || result == -WEFT_ERETRY) { /* which says in them where to look */
		memcpy(rq->out, r.out, sizeof(r.out));
		rq->has_out = true;
	}
	return result;
}

static i64 serve(struct request *rq)
{
	enter();
	i64 result = serve_node(rq);
	leave();
	return result;
}

static i64 page(struct request *rq)
{
	struct fsreq r = {.fs = tree, .rq = rq, .sqe = rq->sqe};
	enter();
	i64 result = tree->ops->page ? tree->ops->page(&r) : -ENOSYS;
	leave();
	return r.deferred ? SERVER_LATER : result;
}

static void closed(struct server *s, u64 handle)
{
	(void)s;
	if (!handle)
		return;
	enter();
	handle_close(tree, handle_find(tree, handle));
	leave();
}

static void cancel(struct request *rq)
{
	struct node *n = fs_kept_node(rq);
	if (!n)
		return; /* a worker has it, which answers it */
	enter();
	if (n->nops && n->nops->cancel) {
		struct fsreq r = {.fs = tree, .rq = rq, .sqe = rq->sqe};
		r.h = handle_find(tree, rq->sqe->handle);
		n->nops->cancel(&r, rq);
	} else {
		lock_cancel(rq);
	}
	leave();
}

static void owner_gone(struct server *s, u32 pid, u64 handle)
{
	(void)s;
	enter();
	struct handle *h = handle_find(tree, handle);
	if (h)
		lock_release_pid(h->node, pid);
	leave();
}

static int reattach(struct server *s, u64 id, u64 cookie, u64 status)
{
	struct weft_fd_info info;
	(void)cookie;
	if (!tree->reattach || weft_scheme_ctl((u64)s->fd, WEFT_SCHEME_HANDLE_INFO, id, PTR(&info), 0) < 0)
		return -EIO;
	struct dentry *d = tree->reattach(tree, &info.attr);
	struct handle *h = d ? handle_restore(tree, d, (u32)status, id) : NULL;
	dentry_put(d);
	if (!h)
		return -EIO;
	if (h->node->nops && h->node->nops->open && !(h->flags & O_PATH)) {
		struct fsreq r = {.fs = tree, .h = h};
		if (h->node->nops->open(&r, h) < 0) {
			h->flags |= O_PATH;
			handle_close(tree, h);
			return -EIO;
		}
		server_ready(s, id, r.fd.ready, false);
	}
	return 0;
}

static int reopened(struct server *s, u64 id, u64 from, u64 status)
{
	(void)s;
	enter();
	struct handle *h = handle_find(tree, from);
	struct handle *n = h && from ? handle_restore(tree, h->dentry, (u32)status, id) : NULL;
	if (n)
		n->reopens = h->reopens;
	leave();
	return n ? 0 : -EIO;
}

static const struct server_op server_table[] = {
	{.op = WEFT_OP_PAGE_IN, .fn = page},
	{.op = WEFT_OP_PAGE_RESERVE, .fn = page},
	{.op = WEFT_OP_PAGE_OUT, .fn = page},
	{.op = WEFT_OP_PAGE_IDLE, .fn = page},
	{0},
};

static const struct server_ops server_ops = {
	.table = server_table,
	.other = serve,
	.reattach = reattach,
	.close = closed,
	.cancel = cancel,
	.owner_gone = owner_gone,
	.reopened = reopened,
};

struct loop *vfs_loop(struct fs *fs)
{
	(void)fs;
	return &loop;
}

struct server *vfs_server(struct fs *fs)
{
	(void)fs;
	return &server;
}

struct request *vfs_request(struct fsreq *r)
{
	return r->rq;
}

void vfs_ready(struct fs *fs, struct handle *h, u32 mask, bool edge)
{
	(void)fs;
	server_ready(&server, h->id, mask, edge);
}

int vfs_init(struct fs *fs, const char *name)
{
	tree = fs;
	fs->server = native_fd(name);
	if (fs->server < 0)
		return fs->server;
	int e = loop_init(&loop);
	if (!e)
		e = server_init(&server, fs->server, &server_ops, fs);
	return e ? e : server_attach(&server, &loop);
}

void vfs_take_back(struct fs *fs)
{
	(void)fs;
	/* REATTACH comes before requests; where clients never pause, this many turns are enough for it. */
	for (u32 i = 0; i < 256 && server_turn(&server, WEFT_NOW) > 0; i++)
		;
}

int vfs_run(struct fs *fs)
{
	(void)fs;
	return loop_run(&loop);
}
