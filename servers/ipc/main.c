/* SPDX-License-Identifier: MIT */
/* servers/ipc: bind, listen, connect of unix sockets (native/ipcproto.h). Connected data never comes here. */
#include "ipc.h"
#include "sysv.h"

#include <native/call.h>
#include <native/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BINDINGS 16384
#define BACKLOG_MAX 4096

struct loop ipc_loop;
static struct server server;
static i32 authority;

/*
 * A connect that waits for room in the listener's queue. Over the loopback one that must not block is told that it is under way, and
 * nobody asks: req is NULL.
 */
struct waiting {
	struct waiting *next;
	struct request *req;
	u32 pid, identity;
	struct binding *to;
	struct addr asked;
	i32 end;
	u64 socket;
};
static struct waiting *waiting;

struct watch {
	struct loop_source source;
	struct binding *b;
};

static void drain(struct binding *b);

static void free_binding(struct binding *b)
{
	struct watch *w = b->watch;
	if (w) {
		loop_remove(&ipc_loop, &w->source);
		free(w);
	}
	if (b->fd >= 0)
		weft_fd_close((u64)b->fd);
	for (struct waiting **at = &waiting; *at;) {
		struct waiting *x = *at;
		if (x->to != b) {
			at = &x->next;
			continue;
		}
		*at = x->next;
		weft_fd_close((u64)x->end);
		if (x->req)
			request_reply(x->req, -ECONNREFUSED);
		free(x);
	}
	binding_remove(b);
}

static void end_event(struct loop_source *s, u32 ready)
{
	struct watch *w = s->ctx;
	if (ready & (WEFT_POLLHUP | WEFT_POLLERR))
		free_binding(w->b);
	else if (ready & WEFT_POLLOUT)
		drain(w->b);
}

static int watch_end(struct binding *b)
{
	struct watch *w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->b = b;
	w->source = (struct loop_source){.fn = end_event, .ctx = w, .fd = b->fd, .events = 0};
	int e = loop_add(&ipc_loop, &w->source);
	if (e)
		free(w);
	else
		b->watch = w;
	return e;
}

int object_of(struct request *r, u32 i, u64 *object)
{
	struct weft_fd_info info;
	if (i >= r->sqe->nfds)
		return -EINVAL;
	i64 e = weft_fd_ctl((u64)r->sqe->fds[i], WEFT_FD_INFO, PTR(&info), 0);
	if (e < 0)
		return (int)e;
	if (info.type != WEFT_OBJ_CHANNEL && info.type != WEFT_OBJ_DGRAM)
		return -ENOTSOCK;
	*object = info.object;
	return 0;
}

bool is_inet(const struct addr *a)
{
	return a->len == AF_UNIX_LEN + INET_KEY + 16 && a->bytes[2] == 0 && a->bytes[3] == 1 &&
	       (a->bytes[4] == 'i' || a->bytes[4] == 'u');
}

void key_of(const struct addr *a, struct key *k)
{
	memset(k, 0, sizeof(*k));
	k->len = is_inet(a) ? INET_KEY : a->len - AF_UNIX_LEN;
	memcpy(k->bytes, a->bytes + AF_UNIX_LEN, k->len);
}

int name_of(struct request *r, bool has_inode, u32 inode_at, struct addr *a, struct key *k)
{
	memset(a, 0, sizeof(*a));
	memset(k, 0, sizeof(*k));
	if (r->sqe->nbufs < 1 || r->sqe->len[0] < AF_UNIX_LEN || r->sqe->len[0] > ADDR_MAX)
		return -EINVAL;
	a->len = r->sqe->len[0];
	int e = request_in_all(r, 0, 0, a->bytes, a->len);
	if (e)
		return e;
	if (has_inode) {
		struct weft_fd_info info;
		if (inode_at >= r->sqe->nfds)
			return -EINVAL;
		i64 x = weft_fd_ctl((u64)r->sqe->fds[inode_at], WEFT_FD_INFO, PTR(&info), 0);
		if (x < 0)
			return (int)x;
		if (info.type != WEFT_OBJ_HANDLE || (info.attr.mode & 0170000) != 0140000)
			return -ECONNREFUSED;
		k->scheme = info.scheme;
		k->node = info.attr.ino;
		return 0;
	}
	if (a->len > AF_UNIX_LEN && a->bytes[2] != 0)
		return -EINVAL; /* a path without its inode */
	key_of(a, k);
	return 0;
}

/* A free abstract name: five hexadecimal digits, as unix(7) says of autobind. */
static int autobind(struct addr *a, struct key *k)
{
	static u32 serial;
	for (u32 tries = 0; tries < 1u << 20; tries++) {
		char digits[8];
		snprintf(digits, sizeof(digits), "%05x", ++serial & 0xfffffu);
		a->len = AF_UNIX_LEN + 6;
		a->bytes[0] = 1; /* AF_UNIX */
		a->bytes[1] = 0;
		a->bytes[2] = 0;
		memcpy(a->bytes + 3, digits, 5);
		k->len = 6;
		memcpy(k->bytes, a->bytes + AF_UNIX_LEN, 6);
		if (!binding_find(k))
			return 0;
	}
	return -ENOSPC;
}

static bool process_lives(u32 pid)
{
	i32 procs = native_fd("res:procs");
	if (procs < 0)
		return true;
	i64 fd = weft_proc_ctl((u64)procs, WEFT_PROC_OPEN, pid, 0, 0);
	if (fd < 0)
		return fd != -ESRCH;
	i64 ready = weft_fd_ctl((u64)fd, WEFT_FD_READY, 0, 0);
	weft_fd_close((u64)fd);
	return ready < 0 || !(ready & WEFT_POLLIN);
}

/* Whether the socket that has the name is still open somewhere: what its end's closing says may not have come yet. */
static bool is_held(const struct binding *b)
{
	if (b->type == WEFT_CHAN_DGRAM)
		return dgram_held(b->watch);
	if (b->fd < 0)
		return process_lives(b->pid);
	i64 ready = weft_fd_ctl((u64)b->fd, WEFT_FD_READY, 0, 0);
	return ready < 0 || !(ready & (WEFT_POLLHUP | WEFT_POLLERR));
}

int claim(const struct key *k)
{
	struct binding *b = binding_find(k);
	if (!b)
		return binding_count() < MAX_BINDINGS ? 0 : -ENOBUFS;
	if (is_held(b))
		return -EADDRINUSE;
	if (b->type == WEFT_CHAN_DGRAM)
		dgram_free(b->watch);
	else
		free_binding(b);
	return 0;
}

/* The bound socket's other end, the request's fd i: it tells when the socket is closed. */
static int take_end(struct request *r, u32 i, struct binding *b)
{
	b->fd = request_take_fd(r, i);
	int e = b->fd < 0 ? b->fd : watch_end(b);
	if (e && b->fd >= 0) {
		weft_fd_close((u64)b->fd);
		b->fd = -1;
	}
	return e;
}

int bind_name(struct request *r, bool inode, u64 *socket, struct binding **out)
{
	struct addr a;
	struct key k;
	int e = object_of(r, 0, socket);
	if (!e)
		e = name_of(r, inode, 1, &a, &k);
	if (!e && binding_of(*socket))
		e = -EINVAL;
	if (!e && !inode && k.len == 0)
		e = autobind(&a, &k);
	if (!e)
		e = claim(&k);
	if (!e && r->sqe->nbufs > 1)
		e = request_out_all(r, 1, 0, a.bytes, a.len);
	if (e)
		return e;
	struct binding *b = binding_add(&k, &a, *socket);
	if (!b)
		return -ENOMEM;
	b->pid = r->sqe->pid;
	b->identity = r->sqe->identity;
	name_remember(*socket, &a, NULL);
	r->out[0] = a.len;
	r->has_out = true;
	*out = b;
	return 0;
}

static i64 op_bind(struct request *r)
{
	struct binding *b;
	u64 socket = 0;
	bool inode = r->sqe->args[1];
	if (r->sqe->args[2]) { /* only what it is called: nobody connects to it */
		struct addr a;
		struct key k;
		int e = object_of(r, 0, &socket);
		if (!e)
			e = name_of(r, inode, 1, &a, &k);
		if (!e)
			name_remember(socket, &a, NULL);
		return e;
	}
	int e = bind_name(r, inode, &socket, &b);
	if (e)
		return e;
	b->type = (u32)r->sqe->args[0];
	e = r->sqe->nfds > 1u + inode ? take_end(r, 1u + inode, b) : 0;
	if (e)
		free_binding(b);
	return e;
}

static void set_backlog(struct binding *b, u64 backlog)
{
	u64 n = backlog < BACKLOG_MAX ? backlog + 1 : BACKLOG_MAX;
	weft_fd_ctl((u64)b->fd, WEFT_CHAN_BUFFER, n * sizeof(struct ipcp_incoming), 0);
}

static i64 op_listen(struct request *r)
{
	u64 socket = 0;
	int e = object_of(r, 0, &socket);
	if (e)
		return e;
	struct binding *b = binding_of(socket);
	if (!b)
		return -EINVAL;
	if (b->fd < 0) {
		e = r->sqe->nfds < 2 ? -EINVAL : take_end(r, 1, b);
		if (e)
			return e;
	}
	b->listening = true;
	b->pid = r->sqe->pid;
	b->identity = r->sqe->identity;
	set_backlog(b, r->sqe->args[0]);
	return 0;
}

/* Gives `end` to the listener. -EAGAIN: its queue is full. A connection over the loopback has the address that was asked for. */
static i64 deliver(struct binding *b, const struct addr *asked, u64 socket, i32 end, u32 pid, u32 identity)
{
	struct weft_fd_info info;
	struct addr own = {0};
	struct ipcp_incoming in = {.len = AF_UNIX_LEN};
	in.addr[0] = 1;
	if (name_recall(socket, false, &own)) {
		in.len = own.len;
		memcpy(in.addr, own.bytes, own.len);
	}
	i64 e = weft_fd_ctl((u64)end, WEFT_FD_INFO, PTR(&info), 0);
	if (e < 0)
		return e;
	e = weft_fd_ctl((u64)end, WEFT_CHAN_SET_PEER, (u64)pid | (u64)(u32)authority << 32, identity);
	if (e < 0)
		return e;
	struct weft_iov iov = {PTR(&in), sizeof(in)};
	struct weft_msg m = {.iov = PTR(&iov), .niov = 1, .fds = PTR(&end), .nfds = 1, .dest = -1};
	e = weft_chan_send((u64)b->fd, PTR(&m), WEFT_CHAN_NONBLOCK);
	if (e < 0)
		return e == -EPIPE ? -ECONNREFUSED : e;
	const struct addr *name = is_inet(asked) ? asked : &b->addr;
	name_remember(info.object, name, own.len ? &own : NULL);
	name_remember(socket, NULL, name);
	weft_fd_close((u64)end);
	return 0;
}

static i64 op_connect(struct request *r)
{
	struct addr a;
	struct key k;
	u64 socket = 0, end = 0;
	bool inode = r->sqe->args[1], has_end = r->sqe->args[3];
	struct binding *own = NULL;
	int e = object_of(r, 0, &socket);
	if (!e && has_end)
		e = object_of(r, 1, &end);
	if (!e)
		e = name_of(r, inode, 1u + has_end, &a, &k);
	if (e)
		return e;
	if (!has_end) { /* a bound socket: its other end has been here since */
		own = binding_of(socket);
		if (!own || own->fd < 0 || own->listening)
			return -EISCONN;
	}
	struct binding *b = binding_find(&k);
	if (b && b->type != (u32)r->sqe->args[0])
		return -EPROTOTYPE;
	if (!b || !b->listening)
		return -ECONNREFUSED;
	i64 x = weft_fd_ctl((u64)r->sqe->fds[0], WEFT_CHAN_SET_PEER, (u64)b->pid | (u64)(u32)authority << 32,
		b->identity);
	if (x < 0)
		return x;
	i32 fd = own ? (i32)weft_fd_dup((u64)own->fd, 0, WEFT_DUP_PRIVATE, WEFT_RIGHT_ALL) :
		request_take_fd(r, 1);
	if (fd < 0)
		return fd;
	x = deliver(b, &a, socket, fd, r->sqe->pid, r->sqe->identity);
	bool under_way = r->sqe->args[2] && is_inet(&a);
	if (x != -EAGAIN || (r->sqe->args[2] && !under_way)) {
		if (x < 0)
			weft_fd_close((u64)fd);
		else if (own)
			free_binding(own); /* connected: nobody can bind to find it */
		return x;
	}
	struct waiting *w = calloc(1, sizeof(*w));
	struct request *kept = w && !under_way ? request_keep(r) : NULL;
	if (!w || (!kept && !under_way)) {
		free(w);
		weft_fd_close((u64)fd);
		return -ENOMEM;
	}
	*w = (struct waiting){.req = kept, .pid = r->sqe->pid, .identity = r->sqe->identity, .to = b, .asked = a, .end = fd, .socket = socket};
	if (own)
		free_binding(own);
	struct waiting **at = &waiting;
	while (*at)
		at = &(*at)->next;
	*at = w;
	loop_modify(&ipc_loop, &((struct watch *)b->watch)->source, WEFT_POLLOUT);
	return under_way ? -EINPROGRESS : SERVER_LATER;
}

static void drain(struct binding *b)
{
	bool left = false;
	for (struct waiting **at = &waiting; *at;) {
		struct waiting *w = *at;
		i64 e = w->to != b ? -EAGAIN :
				     deliver(b, &w->asked, w->socket, w->end, w->pid, w->identity);
		if (e == -EAGAIN) {
			left |= w->to == b;
			at = &w->next;
			continue;
		}
		*at = w->next;
		if (e < 0)
			weft_fd_close((u64)w->end);
		if (w->req)
			request_reply(w->req, e);
		free(w);
	}
	if (!left)
		loop_modify(&ipc_loop, &((struct watch *)b->watch)->source, 0);
}

static void cancel(struct request *r)
{
	if (sysv_cancel(r))
		return;
	for (struct waiting **at = &waiting; *at; at = &(*at)->next) {
		struct waiting *w = *at;
		if (w->req != r)
			continue;
		*at = w->next;
		weft_fd_close((u64)w->end);
		request_reply(r, -EINTR);
		free(w);
		return;
	}
}

static i64 op_name(struct request *r)
{
	static const u8 unnamed[AF_UNIX_LEN] = {1, 0};
	u64 socket = 0;
	struct addr a;
	int e = object_of(r, 0, &socket);
	if (e)
		return e;
	if (r->sqe->nbufs < 1)
		return -EINVAL;
	const struct binding *b = binding_of(socket);
	bool stream = b && b->type != WEFT_CHAN_DGRAM;
	if (stream && r->sqe->args[0])
		return -ENOTCONN; /* its other end is here */
	if (!name_recall(socket, r->sqe->args[0], &a) && (r->sqe->args[0] || !dgram_unbound(socket, &a))) {
		a.len = AF_UNIX_LEN;
		memcpy(a.bytes, unnamed, sizeof(unnamed));
	}
	u32 n = a.len < r->sqe->len[0] ? a.len : r->sqe->len[0];
	e = request_out_all(r, 0, 0, a.bytes, n);
	if (e)
		return e;
	r->out[0] = a.len;
	r->out[1] = stream && b->listening;
	r->has_out = true;
	return 0;
}

static const struct server_op table[] = {
	{IPCP_BIND, 1, 1, 0, op_bind},
	{IPCP_LISTEN, 0, 1, 0, op_listen},
	{IPCP_CONNECT, 1, 1, 0, op_connect},
	{IPCP_NAME, 1, 1, 0, op_name},
	{IPCP_DGRAM_NEW, 0, 2, 0, op_dgram_new},
	{IPCP_DGRAM_BIND, 1, 1, 0, op_dgram_bind},
	{IPCP_DGRAM_CONNECT, 1, 1, 0, op_dgram_connect},
	{IPCP_DGRAM_LOOKUP, 2, 1, 0, op_dgram_lookup},
	{SYSVP_SHM_GET, 0, 0, 0, op_shm_get},
	{SYSVP_SHM_AT, 0, 0, 0, op_shm_at},
	{SYSVP_SHM_DT, 0, 0, 0, op_shm_dt},
	{SYSVP_SHM_CTL, 1, 0, 0, op_shm_ctl},
	{SYSVP_SEM_GET, 0, 0, 0, op_sem_get},
	{SYSVP_SEM_OP, 1, 0, 0, op_sem_op},
	{SYSVP_SEM_CTL, 1, 0, 0, op_sem_ctl},
	{SYSVP_MSG_GET, 0, 0, 0, op_msg_get},
	{SYSVP_MSG_SEND, 1, 0, 0, op_msg_send},
	{SYSVP_MSG_RECEIVE, 1, 0, 0, op_msg_receive},
	{SYSVP_MSG_CTL, 1, 0, 0, op_msg_ctl},
	{0, 0, 0, 0, NULL},
};
static const struct server_ops ops = {.table = table, .cancel = cancel};

int main(void)
{
	i32 fd = native_fd("scheme:ipc");
	authority = native_fd("res:ident");
	if (fd < 0 || authority < 0) {
		native_log("ipc: needs scheme:ipc and res:ident");
		return 1;
	}
	int e = loop_init(&ipc_loop);
	if (!e)
		e = server_init(&server, fd, &ops, NULL);
	if (!e)
		e = server_attach(&server, &ipc_loop);
	if (!e)
		e = loop_run(&ipc_loop);
	native_log("ipc: %s", strerror(-e));
	return 1;
}
