/* SPDX-License-Identifier: MIT */
/*
 * Datagram sockets. The kernel carries the datagrams; here is what each socket is called and connected to. A socket's record lives as
 * long as its receiving end: when that is closed the sender end, which is kept here, hangs up. Nobody but this server and who has
 * looked a socket up can send to it.
 */
#include "ipc.h"

#include <native/call.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024
#define SOCKETS_MAX 16384

struct dgram {
	struct dgram *next;
	u64 socket;
	i32 sender;
	struct loop_source source;
	struct binding *name; /* or NULL */
	u64 peer; /* socket, 0: none. A number is never used twice: one that is gone refuses */
};
static struct dgram *buckets[BUCKETS];
static u32 count;

static struct dgram *find(u64 socket)
{
	struct dgram *d = buckets[socket % BUCKETS];
	while (d && d->socket != socket)
		d = d->next;
	return d;
}

void dgram_free(struct dgram *d)
{
	struct dgram **at = &buckets[d->socket % BUCKETS];
	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	count--;
	if (d->name)
		binding_remove(d->name);
	loop_remove(&ipc_loop, &d->source);
	weft_fd_close((u64)d->sender);
	free(d);
}

bool dgram_held(const struct dgram *d)
{
	i64 ready = weft_fd_ctl((u64)d->sender, WEFT_FD_READY, 0, 0);
	return ready < 0 || !(ready & (WEFT_POLLHUP | WEFT_POLLERR));
}

static void closed(struct loop_source *s, u32 ready)
{
	if (ready & (WEFT_POLLHUP | WEFT_POLLERR))
		dgram_free(s->ctx);
}

i64 op_dgram_new(struct request *r)
{
	struct weft_fd_info info[2];
	for (u32 i = 0; i < 2; i++) {
		i64 e = weft_fd_ctl((u64)r->sqe->fds[i], WEFT_FD_INFO, PTR(&info[i]), 0);
		if (e < 0 || info[i].type != WEFT_OBJ_DGRAM)
			return -ENOTSOCK;
	}
	if (find(info[0].object) || info[1].koid2 != info[0].object)
		return -EINVAL;
	if (count == SOCKETS_MAX)
		return -ENOBUFS;
	struct dgram *d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->socket = info[0].object;
	d->sender = request_take_fd(r, 1);
	d->source = (struct loop_source){.fn = closed, .ctx = d, .fd = d->sender, .events = 0};
	int e = loop_add(&ipc_loop, &d->source);
	if (e) {
		weft_fd_close((u64)d->sender);
		free(d);
		return e;
	}
	d->next = buckets[d->socket % BUCKETS];
	buckets[d->socket % BUCKETS] = d;
	count++;
	return 0;
}

static int own(struct request *r, struct dgram **out)
{
	u64 socket = 0;
	int e = object_of(r, 0, &socket);
	if (e)
		return e;
	*out = find(socket);
	return *out ? 0 : -EINVAL;
}

i64 op_dgram_bind(struct request *r)
{
	struct dgram *d;
	u64 socket;
	int e = own(r, &d);
	if (!e && d->name)
		e = -EINVAL;
	if (!e)
		e = bind_name(r, r->sqe->args[0], &socket, &d->name);
	if (e)
		return e;
	d->name->type = WEFT_CHAN_DGRAM;
	d->name->watch = d;
	return 0;
}

/* Whom buffer 0 names. A socket that is connected hears only its peer. */
static int named(struct request *r, const struct dgram *from, struct dgram **out)
{
	struct addr a;
	struct key k;
	int e = name_of(r, r->sqe->args[0], 1, &a, &k);
	if (e)
		return e;
	struct binding *b = binding_find(&k);
	if (!b)
		return -ECONNREFUSED;
	if (b->type != WEFT_CHAN_DGRAM)
		return -EPROTOTYPE;
	*out = b->watch;
	return (*out)->peer && (*out)->peer != from->socket ? -EPERM : 0;
}

i64 op_dgram_connect(struct request *r)
{
	struct dgram *d, *to;
	int e = own(r, &d);
	if (e)
		return e;
	if (r->sqe->args[1]) {
		d->peer = 0;
		return 0;
	}
	e = named(r, d, &to);
	if (e)
		return e;
	d->peer = to->socket;
	name_remember(d->socket, NULL, &to->name->addr);
	return 0;
}

i64 op_dgram_lookup(struct request *r)
{
	struct dgram *d, *to;
	int e = own(r, &d);
	if (e)
		return e;
	if (r->sqe->args[1]) {
		if (!d->peer)
			return -ENOTCONN;
		to = find(d->peer);
		e = !to ? -ECONNREFUSED : to->peer && to->peer != d->socket ? -EPERM : 0;
	} else {
		e = named(r, d, &to);
	}
	if (e)
		return e;
	r->out[0] = AF_UNIX_LEN;
	r->has_out = true;
	if (d->name) {
		u32 n = d->name->addr.len < r->sqe->len[1] ? d->name->addr.len : r->sqe->len[1];
		e = request_out_all(r, 1, 0, d->name->addr.bytes, n);
		r->out[0] = d->name->addr.len;
	}
	return e ? e : request_give_fd(r, to->sender, WEFT_RIGHT_WRITE | WEFT_RIGHT_DUP, 0);
}
