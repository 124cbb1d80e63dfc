/* SPDX-License-Identifier: MIT */
/*
 * Datagram sockets. The kernel carries the datagrams; here is what each socket is called and connected to. A socket's record lives as
 * long as its receiving end: when that is closed the sender end, which is kept here, hangs up. Nobody but this server and who has
 * looked a socket up can send to it.
 *
 * UDP over the loopback is the same under names {0, 1, 'u', family, port}. It differs in what is told: a socket without a name gets a
 * port when it first sends, a peer is a name and not a socket, and what nobody hears is lost without a word to those who are not connected.
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
	u32 family; /* of a socket of the loopback, or 0 */
	struct addr to; /* its peer; len 0: none */
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
	d->family = (u32)r->sqe->args[0] & 0xff;
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

/* Ports */

#define INET_FAMILY 5 /* places in addr.bytes */
#define INET_PORT   6
#define INET_HOST   8
#define INET_LEN    (AF_UNIX_LEN + INET_KEY + 16)
#define PORT_FIRST  32768u
#define PORTS	    28232u

static bool no_port(const struct addr *a)
{
	return !a->bytes[INET_PORT] && !a->bytes[INET_PORT + 1];
}

static void inet_any(struct addr *a, u32 family)
{
	*a = (struct addr){.len = INET_LEN, .bytes = {1, 0, 0, 1, 'u', (u8)family}};
}

static bool is_any(const struct addr *a)
{
	static const u8 zero[16];
	return memcmp(a->bytes + INET_HOST, zero, sizeof(zero)) == 0;
}

static void set_loopback(struct addr *a)
{
	static const u8 v4[4] = {127, 0, 0, 1};
	if (a->bytes[INET_FAMILY] == 2)
		memcpy(a->bytes + INET_HOST, v4, sizeof(v4));
	else
		a->bytes[INET_HOST + 15] = 1;
}

static int free_port(struct addr *a, struct key *k)
{
	u32 first = 0;
	weft_sys_ctl((u64)-1, WEFT_SYS_RANDOM, PTR(&first), sizeof(first), 0);
	for (u32 i = 0; i < PORTS; i++) {
		u32 port = PORT_FIRST + (first + i) % PORTS;
		a->bytes[INET_PORT] = (u8)(port >> 8);
		a->bytes[INET_PORT + 1] = (u8)port;
		key_of(a, k);
		if (!binding_find(k))
			return 0;
	}
	return -EADDRINUSE;
}

static int name_it(struct dgram *d, const struct key *k, const struct addr *a, const struct request *r)
{
	d->name = binding_add(k, a, d->socket);
	if (!d->name)
		return -ENOMEM;
	d->name->pid = r->sqe->pid;
	d->name->identity = r->sqe->identity;
	d->name->type = WEFT_CHAN_DGRAM;
	d->name->watch = d;
	name_remember(d->socket, a, NULL);
	return 0;
}

/* A socket that sends without a name gets a port; one that is connected also an address. */
static int inet_autobind(struct dgram *d, const struct request *r, bool connected)
{
	struct addr a;
	struct key k;
	if (d->name) {
		if (connected && is_any(&d->name->addr)) {
			set_loopback(&d->name->addr);
			name_remember(d->socket, &d->name->addr, NULL);
		}
		return 0;
	}
	inet_any(&a, d->family);
	if (connected)
		set_loopback(&a);
	int e = free_port(&a, &k);
	return e ? e : name_it(d, &k, &a, r);
}

bool dgram_unbound(u64 socket, struct addr *out)
{
	const struct dgram *d = find(socket);
	if (!d || !d->family || d->name)
		return false;
	inet_any(out, d->family);
	return true;
}

static int inet_name(struct request *r, const struct dgram *d, struct addr *a, struct key *k)
{
	int e = name_of(r, false, 1, a, k);
	if (!e && (!is_inet(a) || a->bytes[4] != 'u' || a->bytes[INET_FAMILY] != d->family))
		e = -EAFNOSUPPORT;
	return e;
}

static int inet_bind(struct request *r, struct dgram *d)
{
	struct addr a;
	struct key k;
	int e = inet_name(r, d, &a, &k);
	if (!e && no_port(&a))
		e = free_port(&a, &k);
	if (!e)
		e = claim(&k);
	return e ? e : name_it(d, &k, &a, r);
}

/* Who hears what `d` sends to `a`. NULL: nobody. */
static struct dgram *inet_hearer(const struct dgram *d, const struct addr *a)
{
	struct key k, of_peer;
	key_of(a, &k);
	struct binding *b = binding_find(&k);
	struct dgram *to = b ? b->watch : NULL;
	if (!to || !dgram_held(to))
		return NULL;
	if (!to->to.len)
		return to;
	key_of(&to->to, &of_peer);
	key_of(&d->name->addr, &k);
	return k.len == of_peer.len && memcmp(k.bytes, of_peer.bytes, k.len) == 0 ? to : NULL;
}

static int inet_connect(struct request *r, struct dgram *d)
{
	static const struct addr none;
	struct addr a;
	struct key k;
	int e = 0;
	if (r->sqe->args[1]) {
		a = none;
	} else {
		e = inet_name(r, d, &a, &k);
		if (!e)
			e = inet_autobind(d, r, true);
	}
	if (e)
		return e;
	d->to = a;
	name_remember(d->socket, NULL, &a);
	return 0;
}

static i64 inet_lookup(struct request *r, struct dgram *d)
{
	struct addr a = d->to, own_name;
	struct key k;
	bool connected = r->sqe->args[1];
	if (connected && !a.len)
		return -EDESTADDRREQ;
	int e = connected ? 0 : inet_name(r, d, &a, &k);
	if (!e && no_port(&a))
		e = -EINVAL;
	if (!e)
		e = inet_autobind(d, r, false);
	if (e)
		return e;
	const struct dgram *to = inet_hearer(d, &a);
	if (!to)
		return connected ? -ECONNREFUSED : IPCP_UNHEARD;
	own_name = d->name->addr;
	if (is_any(&own_name))
		set_loopback(&own_name);
	r->out[0] = own_name.len;
	r->has_out = true;
	e = request_out_all(r, 1, 0, own_name.bytes, own_name.len < r->sqe->len[1] ? own_name.len : r->sqe->len[1]);
	return e ? e : request_give_fd(r, to->sender, WEFT_RIGHT_WRITE | WEFT_RIGHT_DUP, 0);
}

i64 op_dgram_bind(struct request *r)
{
	struct dgram *d;
	u64 socket;
	int e = own(r, &d);
	if (!e && d->name)
		e = -EINVAL;
	if (e || d->family)
		return e ? e : inet_bind(r, d);
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
	if (is_inet(&a))
		return -EINVAL;
	if (b->type != WEFT_CHAN_DGRAM)
		return -EPROTOTYPE;
	*out = b->watch;
	return (*out)->peer && (*out)->peer != from->socket ? -EPERM : 0;
}

i64 op_dgram_connect(struct request *r)
{
	struct dgram *d, *to;
	int e = own(r, &d);
	if (e || d->family)
		return e ? e : inet_connect(r, d);
	if (r->sqe->args[1]) {
		static const struct addr none;
		d->peer = 0;
		name_remember(d->socket, NULL, &none);
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
	if (e || d->family)
		return e ? e : inet_lookup(r, d);
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
