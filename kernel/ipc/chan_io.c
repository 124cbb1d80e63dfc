/* SPDX-License-Identifier: MIT */
/*
 * Sending and receiving on channels and pipes. A message becomes readable when it is complete, copy
 * and fds. Small writes to pipes and streams are atomic; larger ones go in parts as there is room.
 */
#include "chan_impl.h"

#define INFLIGHT_MAX 65536u
#define COLLECT_AT   256u
#define NAME_MAX     108u

/* Whether e can send: 0, and e->peer is there. It can vanish and, in an end made alone, be another
 * one after each sleep: ask again. */
static int can_send(const struct chan_end *e)
{
	if (!e->connected)
		return -ENOTCONN;
	if (e->type == WEFT_CHAN_DGRAM && (!e->peer || e->peer->closed))
		return -ECONNREFUSED;
	return e->shut_snd || !e->peer ? -EPIPE : 0;
}

struct send {
	struct uio *u;
	u64 ufds;
	u64 uname;
	u32 nfds;
	u32 name_len;
	u32 flags; /* WEFT_CHAN_* */
};

/* The message that s describes, but for its bytes. */
static int send_msg(const struct send *s, struct msg **out)
{
	struct msg *m = msg_new(current_thread(), s->name_len);
	int err = 0;

	*out = m;
	if (!m)
		return -ENOMEM;
	if (s->name_len && copy_from_user(m->name, s->uname, s->name_len))
		return -EFAULT;
	if (!s->nfds)
		return 0;
	if (inflight_total > COLLECT_AT)
		chan_maybe_collect();
	if (inflight_total >= INFLIGHT_MAX)
		return -ETOOMANYREFS;
	m->fds = kmalloc(s->nfds * sizeof(*m->fds));
	if (!m->fds)
		return -ENOMEM;
	err = passed_take(m->fds, s->ufds, s->nfds);
	if (!err)
		m->nfds = s->nfds;
	return err;
}

/* Waits for room for `need` bytes where `from` sends to, and takes the writer's side of that. */
static int send_begin(struct chan_end *from, u32 need, u32 flags, struct queue **out)
{
	struct queue *q;
	int err;

	for (;;) {
		err = can_send(from);
		if (err)
			return err;
		q = &from->peer->rx;
		if (!queue_writable(q, need))
			err = wait_io(&q->writers, flags);
		else if (q->wbusy)
			err = wait_io(&q->writers, 0);
		else
			break;
		if (err)
			return err;
	}
	object_get(q->owner);
	q->wbusy = true;
	*out = q;
	return 0;
}

/* One message, or a part of a stream: all of it if it is small. */
static i64 send_some(struct chan_end *from, struct send *s)
{
	u64 total = s->u->left;
	bool whole = chan_has_borders(from) || total <= ATOMIC;
	struct msg *m = NULL;
	struct queue *q;
	i64 n, err;

	n = send_begin(from, whole ? (u32)total : 1, s->flags, &q);
	if (n)
		return n;
	if (from->type != CHAN_PIPE)
		n = send_msg(s, &m);
	if (!n)
		n = queue_fill(q, s->u, MIN(total, queue_room(q)));
	if (n >= 0 && whole && (u64)n < total)
		n = -EFAULT;
	err = can_send(from);
	if (n >= 0 && (err || q->owner != &from->peer->obj))
		n = err ? err : -EPIPE;
	queue_commit(q, n, m, from->type == WEFT_CHAN_STREAM);
	object_put(q->owner);
	return n;
}

static i64 send_all(struct chan_end *from, struct send *s)
{
	bool borders = chan_has_borders(from);
	i64 done = 0, n = can_send(from);

	if (n)
		return n;
	if (borders && s->u->left > from->peer->rx.limit)
		return -EMSGSIZE;
	while (s->u->left || borders) {
		n = send_some(from, s);
		if (n < 0)
			return done ? done : n;
		done += n;
		s->nfds = 0; /* they went with the first byte */
		borders = false;
	}
	return done;
}

/* What a receive brings besides bytes. */
struct receipt {
	struct passed *fds;
	u32 nfds;
	u32 pid;
	struct identity *ident;
	u32 flags;
	u64 full_len;
	u32 name_len;
	char name[NAME_MAX];
};

/* Takes the message's fds into the receipt: moved, or duplicated for a peek. */
static void receipt_fds(struct receipt *r, struct msg *m, bool peek)
{
	if (!m->nfds)
		return;
	r->fds = m->fds;
	if (peek)
		r->fds = kmalloc(m->nfds * sizeof(*r->fds));
	if (!r->fds) {
		r->flags |= WEFT_MSG_CTRUNC;
		return;
	}
	r->nfds = m->nfds;
	for (u32 i = 0; peek && i < m->nfds; i++) {
		r->fds[i] = m->fds[i];
		object_fd_get(r->fds[i].o);
	}
	if (peek)
		return;
	msg_fds_left(m);
	m->fds = NULL;
	m->nfds = 0;
}

static void receipt_drop(struct receipt *r)
{
	passed_drop(r->fds, r->nfds);
	kfree(r->fds);
	if (r->ident)
		identity_put(r->ident);
}

static void receipt_sender(struct receipt *r, struct msg *m)
{
	r->pid = m->pid;
	r->ident = m->ident;
	if (r->ident)
		r->ident->refs++;
}

/* -> bytes in all; *stop: not to be joined with what comes. */
static i64 take_stream(struct queue *q, struct uio *u, u32 flags, struct receipt *r, i64 got,
	bool *stop)
{
	bool peek = flags & WEFT_CHAN_PEEK;
	struct msg *m;
	u32 off = 0;
	u64 want;
	i64 n;

	list_for_each(m, &q->msgs, link) {
		/* Bytes of different senders, or on the two sides of fds, are not joined. */
		*stop |= got && (m->nfds || m->pid != r->pid || m->ident != r->ident);
		if (*stop || !u->left)
			break;
		want = MIN(u->left, m->len);
		n = queue_copy_out(q, off, u, want);
		if (n < 0) {
			*stop = true;
			return got ? got : n;
		}
		if (!got)
			receipt_sender(r, m);
		got += n;
		*stop = m->nfds || (u64)n < want;
		receipt_fds(r, m, peek);
		if (peek) {
			off += m->len;
			continue;
		}
		m->len -= (u32)n;
		queue_consume(q, (u32)n);
		if (!m->len)
			queue_unlink(q, m);
	}
	return got;
}

static i64 take_message(struct queue *q, struct uio *u, u32 flags, struct receipt *r)
{
	struct msg *m = list_first(&q->msgs, struct msg, link);
	i64 n = queue_copy_out(q, 0, u, MIN(u->left, m->len));

	if (n < 0)
		return n;
	if (n < m->len)
		r->flags |= WEFT_MSG_TRUNC;
	r->full_len = m->len;
	receipt_sender(r, m);
	r->name_len = m->name_len;
	memcpy(r->name, m->name, m->name_len);
	receipt_fds(r, m, flags & WEFT_CHAN_PEEK);
	if (!(flags & WEFT_CHAN_PEEK))
		queue_unlink(q, m);
	return n;
}

/* May block. -> bytes; 0 with WEFT_MSG_EOF in r->flags at the end. */
static i64 receive(struct object *o, struct uio *u, u32 flags, struct receipt *r)
{
	struct chan_end *e = chan_of(o);
	struct queue *q = &e->rx;
	bool borders = chan_has_borders(e), stop = false;
	i64 got = 0, n;

	if (!borders && !u->left)
		return 0;
	if (e->role == ROLE_SENDER)
		return -ENOTSOCK;
	if (!e->connected)
		return -ENOTCONN;
	if (o->status & K_O_NONBLOCK)
		flags |= WEFT_CHAN_NONBLOCK;
	do {
		n = got && q->err ? 1 : queue_read_begin(q, flags);
		if (n > 0 && !got)
			r->flags |= WEFT_MSG_EOF;
		if (n)
			return got || n > 0 ? got : n;
		n = borders ? take_message(q, u, flags, r)
			    : take_stream(q, u, flags, r, got, &stop);
		queue_read_end(q);
		if (n < 0)
			return n;
		got = n;
	} while (!borders && !stop && u->left && flags & WEFT_CHAN_WAITALL &&
		!(flags & WEFT_CHAN_PEEK));
	return got;
}

i64 chan_read(struct object *o, struct uio *u, i64 off, u32 flags)
{
	struct receipt r = {0};
	i64 n;

	if (chan_of(o)->type == CHAN_PIPE)
		return queue_read(&chan_of(o)->rx, u, flags);
	n = receive(o, u, flags & (WEFT_IO_NONBLOCK | WEFT_IO_PEEK), &r);
	receipt_drop(&r);
	return n;
}

i64 chan_write(struct object *o, struct uio *u, i64 off, u32 flags)
{
	struct send s = {.u = u, .flags = flags};

	return chan_of(o)->role == ROLE_RECEIVER ? -EDESTADDRREQ : send_all(chan_of(o), &s);
}

/* From which end chan_send(o) sends. *dest: a reference to keep, or NULL. */
static int send_from(struct object *o, const struct weft_msg *m, struct chan_end **from,
	struct object **dest)
{
	int err;

	*from = queue_of(o) ? chan_of(o) : NULL;
	if (!*from)
		return -ENOTSOCK;
	if ((*from)->role != ROLE_RECEIVER)
		return 0;
	if (m->dest < 0)
		return -EDESTADDRREQ;
	err = fd_get(m->dest, WEFT_OBJ_DGRAM, WEFT_RIGHT_WRITE, dest);
	if (err)
		return err;
	*from = chan_of(*dest);
	return (*from)->role == ROLE_SENDER ? 0 : -EINVAL;
}

i64 sys_chan_send(u64 fd, u64 umsg, u64 flags)
{
	struct object *o HELD = NULL, *dest HELD = NULL;
	struct weft_iov iov[8];
	struct chan_end *from;
	struct weft_msg m;
	struct uio u;
	struct send s;
	i64 n;

	if (flags & ~(u64)WEFT_CHAN_NONBLOCK)
		return -EINVAL;
	if (copy_from_user(&m, umsg, sizeof(m)))
		return -EFAULT;
	if (m.nfds > PASSED_MAX || m.name_len > NAME_MAX)
		return -EINVAL;
	n = fd_get((i32)fd, 0, WEFT_RIGHT_WRITE, &o);
	if (!n)
		n = send_from(o, &m, &from, &dest);
	if (!n)
		n = uio_init(&u, iov, ARRAY_SIZE(iov), m.iov, m.niov, true);
	if (n)
		return n;
	s = (struct send){.u = &u,
		.ufds = m.fds,
		.nfds = m.nfds,
		.uname = m.name,
		.flags = (u32)flags};
	if (from->role)
		s.name_len = m.name_len;
	if (o->status & K_O_NONBLOCK)
		s.flags |= WEFT_IO_NONBLOCK;
	n = send_all(from, &s);
	uio_free(&u, iov);
	return n;
}

static i64 give_receipt(struct receipt *r, struct weft_msg *m, u64 umsg, u32 flags, i64 n)
{
	u32 k = MIN(r->name_len, m->name_len);
	i64 given = passed_give(r->fds, MIN(r->nfds, m->nfds), m->fds, flags & FD_NEW, false);

	if (given < 0)
		return given;
	if (given < r->nfds)
		r->flags |= WEFT_MSG_CTRUNC;
	m->nfds = (u32)given;
	m->pid = r->pid;
	m->identity = r->ident ? r->ident->number : 0;
	m->flags = r->flags;
	m->full_len = r->full_len ? r->full_len : (u64)n;
	if (k && copy_to_user(m->name, r->name, k))
		return -EFAULT;
	m->name_len = r->name_len;
	return copy_to_user(umsg, m, sizeof(*m)) ? -EFAULT : n;
}

i64 sys_chan_recv(u64 fd, u64 umsg, u64 flags)
{
	struct object *o HELD = NULL;
	struct receipt r = {0};
	struct weft_iov iov[8];
	struct weft_msg m;
	struct uio u;
	i64 n;

	if (flags &
		~(u64)(WEFT_CHAN_NONBLOCK | WEFT_CHAN_PEEK | WEFT_CHAN_WAITALL | WEFT_CHAN_CLOEXEC |
			WEFT_CHAN_PRIVATE))
		return -EINVAL;
	if (copy_from_user(&m, umsg, sizeof(m)))
		return -EFAULT;
	n = fd_get((i32)fd, 0, WEFT_RIGHT_READ, &o);
	if (n)
		return n;
	if (!queue_of(o))
		return -ENOTSOCK;
	n = uio_init(&u, iov, ARRAY_SIZE(iov), m.iov, m.niov, true);
	if (n)
		return n;
	n = receive(o, &u, (u32)flags, &r);
	uio_free(&u, iov);
	if (n >= 0)
		n = give_receipt(&r, &m, umsg, (u32)flags, n);
	receipt_drop(&r);
	return n;
}
