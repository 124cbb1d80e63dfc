/* SPDX-License-Identifier: MIT */
/*
 * Channels: two connected ends (stream, datagram, seqpacket), and unconnected datagram endpoints (a
 * receiver, and a sender's capability that can be handed out). A pipe is a channel of one direction
 * without messages. Half-closes follow Linux's unix sockets.
 */
#include "chan_impl.h"

#define LIMIT_DEFAULT 212992u
#define LIMIT_MAX     (8u << 20)
#define PIPE_DEFAULT  65536u
#define PIPE_MAX      (1u << 20)

static const struct obj_ops chan_ops;

struct queue *queue_of(struct object *o)
{
	return o->ops == &chan_ops && chan_of(o)->type != CHAN_PIPE ? &chan_of(o)->rx : NULL;
}

/* There is room in q again: POLLOUT of the end that sends to it. */
static void tell_room(struct queue *q)
{
	struct chan_end *from = chan_of(q->owner)->peer;

	if (from)
		object_notify(&from->obj, WEFT_POLLOUT);
}

static u32 chan_ready(struct object *o)
{
	struct chan_end *e = chan_of(o);
	bool pipe = e->type == CHAN_PIPE;
	u32 bits = 0;

	if (!e->connected)
		return WEFT_POLLOUT | WEFT_POLLHUP;
	if (e->role == ROLE_SENDER && e->shut_snd)
		return WEFT_POLLOUT | WEFT_POLLERR | (pipe ? 0 : WEFT_POLLHUP);
	if (queue_has(&e->rx))
		bits |= WEFT_POLLIN;
	if (pipe && e->role == ROLE_RECEIVER)
		return bits | (e->rx.ended ? WEFT_POLLHUP : 0);
	if (e->role == ROLE_RECEIVER) /* sending goes to others: as far as it knows, it can */
		return bits | WEFT_POLLOUT;
	if (e->rx.ended)
		bits |= WEFT_POLLIN | WEFT_POLLRDHUP;
	if (e->rx.ended && e->shut_snd)
		bits |= WEFT_POLLHUP;
	if (e->rx.err)
		bits |= WEFT_POLLERR;
	if (e->shut_snd || !e->peer || queue_writable(&e->peer->rx, ATOMIC))
		bits |= WEFT_POLLOUT;
	return bits;
}

static void tell_end(struct chan_end *e)
{
	waitq_wake(&e->rx.readers, ~0u, 0);
	waitq_wake(&e->rx.writers, ~0u, 0);
	object_notify(&e->obj, chan_ready(&e->obj));
}

static i64 chan_shutdown(struct chan_end *e, u64 how)
{
	struct chan_end *p = e->peer;

	if (!how || how > 3)
		return -EINVAL;
	if (!e->connected)
		return -ENOTCONN;
	e->rx.ended |= (how & 1) != 0;
	e->shut_snd |= (how & 2) != 0;
	tell_end(e);
	if (p && !p->closed) {
		p->shut_snd |= (how & 1) != 0;
		p->rx.ended |= (how & 2) != 0;
		tell_end(p);
	}
	return 0;
}

/* Bytes that one read can give. */
static i64 avail(const struct chan_end *e, const struct queue *q)
{
	if (!chan_has_borders(e) || list_empty(&q->msgs))
		return q->len;
	return list_first(&q->msgs, struct msg, link)->len;
}

static i64 set_peer(struct chan_end *e, u64 a, u64 b)
{
	struct identity *id;

	TRY(resource_require((i32)(a >> 32), WEFT_RES_IDENT, NULL));
	id = identity_get((u32)b);
	if (!id)
		return -EINVAL;
	identity_put(e->peer_ident);
	e->peer_ident = id;
	e->peer_pid = (u32)a;
	return 0;
}

static i64 set_limit(struct queue *q, u64 a)
{
	if (a) {
		q->limit = MAX((u32)MIN(a, LIMIT_MAX), ATOMIC);
		waitq_wake(&q->writers, ~0u, 0);
		tell_room(q);
	}
	return q->limit;
}

static u32 pipe_round(u64 want)
{
	u32 cap = ATOMIC;

	while (cap < want)
		cap *= 2;
	return cap;
}

static i64 pipe_size(struct queue *q, u64 want)
{
	if (want > PIPE_MAX)
		return -EPERM;
	if (want && q->len > pipe_round(want))
		return -EBUSY;
	return set_limit(q, want ? pipe_round(want) : 0);
}

static void join(struct chan_end *a, struct chan_end *b)
{
	a->peer = b;
	b->peer = a;
	a->connected = b->connected = true;
	a->rx.ended = a->shut_snd = false;
}

static struct chan_end *end_create(u32 kind, u32 type)
{
	struct thread *t = current_thread();
	struct chan_end *e = object_new(sizeof(*e), kind, &chan_ops);

	if (!e)
		return NULL;
	e->obj.status = 2; /* O_RDWR */
	e->type = (u8)type;
	queue_init(&e->rx, &e->obj, LIMIT_DEFAULT);
	e->rx.room = tell_room;
	e->peer_pid = t->proc->pid;
	e->peer_ident = thread_identity(t);
	e->peer_ident->refs++;
	return e;
}

static i64 open_peer(struct chan_end *e)
{
	struct chan_end *p HELD = NULL;
	i32 fd;

	if (!e->half)
		return -EINVAL;
	if (e->connected)
		return -EISCONN;
	p = end_create(WEFT_OBJ_CHANNEL, e->type);
	if (!p)
		return -ENOMEM;
	fd = fd_install(current_process(), &p->obj, WEFT_RIGHT_ALL, FD_NEW);
	if (fd >= 0) {
		if (e->peer)
			e->peer->peer = NULL; /* an earlier one, closed, but referred to */
		join(e, p);
		tell_end(e);
	}
	return fd;
}

static i64 chan_ctl(struct object *o, u32 op, u64 a, u64 b)
{
	struct chan_end *e = chan_of(o);
	struct queue *to = e->role == ROLE_RECEIVER ? &e->rx : e->peer ? &e->peer->rx : NULL;
	u32 who[2];

	if (op == WEFT_FD_AVAIL)
		return avail(e, e->type == CHAN_PIPE && to ? to : &e->rx);
	if (op == WEFT_FD_PIPE_SIZE && e->type == CHAN_PIPE)
		return to ? pipe_size(to, a) : PIPE_DEFAULT;
	if (e->type == CHAN_PIPE)
		return -EINVAL;
	if (op == WEFT_CHAN_BUFFER)
		return to ? set_limit(to, e->role == ROLE_SENDER ? 0 : a) : LIMIT_DEFAULT;
	if (op == WEFT_CHAN_TYPE)
		return e->type;
	if (e->role)
		return -EINVAL;
	switch (op) {
	case WEFT_CHAN_SHUTDOWN:
		return chan_shutdown(e, a);
	case WEFT_CHAN_PEER:
		who[0] = e->peer_pid;
		who[1] = e->peer_ident->number;
		return copy_to_user(a, who, sizeof(who));
	case WEFT_CHAN_SET_PEER:
		return set_peer(e, a, b);
	case WEFT_CHAN_OPEN_PEER:
		return open_peer(e);
	}
	return -EINVAL;
}

static void chan_info(struct object *o, struct weft_fd_info *out)
{
	out->koid2 = chan_of(o)->peer ? chan_of(o)->peer->obj.id : 0;
}

static void chan_closed(struct object *o)
{
	struct chan_end *e = chan_of(o), *p = e->peer;
	bool unread = queue_has(&e->rx);

	e->closed = true;
	if (p && !p->closed && (e->role != ROLE_SENDER || e->type == CHAN_PIPE)) {
		if (unread && e->type != WEFT_CHAN_DGRAM)
			p->rx.err = -ECONNRESET;
		p->shut_snd = p->rx.ended = true;
		/* Turned away before anything was said: it may try another. */
		if (p->half && !p->rx.used && !e->rx.used) {
			p->connected = false;
			p->rx.err = 0;
		}
		tell_end(p);
	}
	e->rx.ended = e->shut_snd = true;
	queue_kill(&e->rx);
	tell_end(e);
	chan_maybe_collect();
}

static void chan_destroy(struct object *o)
{
	struct chan_end *e = chan_of(o);

	if (e->peer)
		e->peer->peer = NULL;
	queue_kill(&e->rx);
	identity_put(e->peer_ident);
	kfree(e);
}

static const struct obj_ops chan_ops = {
	.stream = true,
	.read = chan_read,
	.write = chan_write,
	.ready = chan_ready,
	.ctl = chan_ctl,
	.info = chan_info,
	.closed = chan_closed,
	.destroy = chan_destroy,
};

/* A pair, or half of one. */
static int create(u32 kind, u32 type, bool half, struct object *out[2])
{
	HELD struct chan_end *a = end_create(kind, type);
	struct chan_end *b = a && !half ? end_create(kind, type) : NULL;

	if (!a || (!b && !half))
		return -ENOMEM;
	a->half = half;
	out[0] = &a->obj;
	if (b) {
		join(a, b);
		out[1] = &b->obj;
	}
	a = NULL;
	return 0;
}

int channel_create(u64 type, u64 half, struct object *out[2])
{
	if ((type != WEFT_CHAN_STREAM && type != WEFT_CHAN_DGRAM && type != WEFT_CHAN_SEQPACKET) ||
		half > 1)
		return -EINVAL;
	return create(WEFT_OBJ_CHANNEL, (u32)type, half, out);
}

static int create_one_way(u32 kind, u32 type, struct object *out[2])
{
	TRY(create(kind, type, false, out));
	chan_of(out[0])->role = ROLE_RECEIVER;
	chan_of(out[1])->role = ROLE_SENDER;
	out[1]->status = 1; /* O_WRONLY */
	return 0;
}

int dgram_create(u64, u64, struct object *out[2])
{
	return create_one_way(WEFT_OBJ_DGRAM, WEFT_CHAN_DGRAM, out);
}

int pipe_create(u64 cap, u64, struct object *out[2])
{
	if (cap > PIPE_MAX)
		return -EINVAL;
	TRY(create_one_way(WEFT_OBJ_PIPE, CHAN_PIPE, out));
	out[0]->status = 0; /* O_RDONLY */
	chan_of(out[0])->rx.limit = cap ? pipe_round(cap) : PIPE_DEFAULT;
	return 0;
}
