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

/* The message that w describes, but for its bytes. */
static int send_msg(const struct weft_msg *w, struct msg **out)
{
	struct msg *m = msg_new(current_thread(), w->name_len);

	*out = m;
	if (!m)
		return -ENOMEM;
	if (w->name_len)
		TRY(copy_from_user(m->name, w->name, w->name_len));
	if (!w->nfds)
		return 0;
	if (inflight_total > COLLECT_AT)
		chan_maybe_collect();
	if (inflight_total >= INFLIGHT_MAX)
		return -ETOOMANYREFS;
	m->fds = kmalloc(w->nfds * sizeof(*m->fds));
	if (!m->fds)
		return -ENOMEM;
	TRY(passed_take(m->fds, w->fds, w->nfds));
	m->nfds = w->nfds;
	return 0;
}

/* Waits for room for `need` bytes where `from` sends to, and takes the writer's side of that. */
static int send_begin(struct chan_end *from, u32 need, u32 flags, struct queue **out)
{
	struct queue *q;

	for (;;) {
		TRY(can_send(from));
		q = &from->peer->rx;
		if (!queue_writable(q, need))
			TRY(wait_io(&q->writers, flags));
		else if (q->wbusy)
			TRY(wait_io(&q->writers, 0));
		else
			break;
	}
	object_get(q->owner);
	q->wbusy = true;
	*out = q;
	return 0;
}

/* One message, or a part of a stream: all of it if it is small. */
static i64 send_some(struct chan_end *from, struct uio *u, const struct weft_msg *w, u32 flags)
{
	u64 total = u->left;
	bool whole = chan_has_borders(from) || total <= ATOMIC;
	struct msg *m = NULL;
	struct queue *q;
	i64 n = 0, err;

	TRY(send_begin(from, whole ? (u32)total : 1, flags, &q));
	if (from->type != CHAN_PIPE)
		n = send_msg(w, &m);
	if (!n)
		n = queue_fill(q, u, MIN(total, queue_room(q)));
	if (n >= 0 && whole && (u64)n < total)
		n = -EFAULT;
	err = can_send(from);
	if (n >= 0 && (err || q->owner != &from->peer->obj))
		n = err ? err : -EPIPE;
	queue_commit(q, n, m, from->type == WEFT_CHAN_STREAM);
	object_put(q->owner);
	return n;
}

static i64 send_all(struct chan_end *from, struct uio *u, struct weft_msg *w, u32 flags)
{
	bool borders = chan_has_borders(from);
	i64 done = 0, n;

	TRY(can_send(from));
	if (borders && u->left > from->peer->rx.limit)
		return -EMSGSIZE;
	while (u->left || borders) {
		n = send_some(from, u, w, flags);
		if (n < 0)
			return done ? done : n;
		done += n;
		w->nfds = 0; /* they went with the first byte */
		borders = false;
	}
	return done;
}

/* Gives what comes with m besides its bytes. */
static int give_rest(struct weft_msg *w, const struct msg *m, u32 flags)
{
	u32 n = MIN(m->nfds, w->nfds), k = MIN(m->name_len, w->name_len);

	if (k)
		TRY(copy_to_user(w->name, m->name, k));
	w->nfds = (u32)TRY(passed_give(m->fds, n, w->fds, flags & FD_NEW, false));
	w->flags = w->nfds < m->nfds ? WEFT_MSG_CTRUNC : 0;
	w->pid = m->pid;
	w->identity = msg_identity(m);
	w->name_len = m->name_len;
	w->full_len = m->len;
	return 0;
}

/* With the reader's side held: one message, or what is there of a stream. -> bytes in all; *stop:
 * not to be joined with what comes. */
static i64 take(struct chan_end *e, struct uio *u, u32 flags, struct weft_msg *w, i64 got,
	bool *stop)
{
	bool borders = chan_has_borders(e);
	struct queue *q = &e->rx;
	struct msg *m;
	u32 off = 0;
	u64 want;
	i64 n;

	list_for_each(m, &q->msgs, link) {
		/* Bytes of different senders, or on the two sides of fds, are not joined. */
		*stop |= got && (m->nfds || m->pid != w->pid || msg_identity(m) != w->identity);
		if (*stop || (!u->left && !borders))
			break;
		want = MIN(u->left, m->len);
		n = queue_copy_out(q, off, u, want);
		if (n >= 0 && !got && give_rest(w, m, flags))
			n = -EFAULT;
		*stop = borders || m->nfds || n < (i64)want;
		if (n < 0)
			return got ? got : n;
		if (borders && n < m->len)
			w->flags |= WEFT_MSG_TRUNC;
		got += n;
		off += m->len;
		if (flags & WEFT_CHAN_PEEK)
			continue;
		off = 0;
		msg_drop_fds(q, m);
		m->len -= (u32)n;
		queue_consume(q, (u32)n);
		if (borders || !m->len)
			queue_unlink(q, m);
	}
	return got;
}

/* May block. -> bytes; 0 with WEFT_MSG_EOF in w->flags at the end. */
static i64 receive(struct object *o, struct uio *u, u32 flags, struct weft_msg *w)
{
	static const struct msg nothing;
	struct chan_end *e = chan_of(o);
	struct queue *q = &e->rx;
	bool stop = false;
	i64 got = 0, n;

	if (!u->left && !chan_has_borders(e))
		return give_rest(w, &nothing, 0);
	if (e->role == ROLE_SENDER)
		return -ENOTSOCK;
	if (!e->connected)
		return -ENOTCONN;
	if (o->status & K_O_NONBLOCK)
		flags |= WEFT_CHAN_NONBLOCK;
	while (!stop) {
		n = got && q->err ? 1 : queue_read_begin(q, flags);
		if (n < 0)
			return got ? got : n;
		if (n)
			break;
		n = take(e, u, flags, w, got, &stop);
		queue_read_end(q);
		got = TRY(n);
		stop |= !u->left ||
			(flags & (WEFT_CHAN_WAITALL | WEFT_CHAN_PEEK)) != WEFT_CHAN_WAITALL;
	}
	if (!got && !stop) {
		give_rest(w, &nothing, 0);
		w->flags = WEFT_MSG_EOF;
	}
	return got;
}

i64 chan_read(struct object *o, struct uio *u, i64 off, u32 flags)
{
	struct weft_msg w = {0};

	return chan_of(o)->type == CHAN_PIPE
		? queue_read(&chan_of(o)->rx, u, flags)
		: receive(o, u, flags & (WEFT_IO_NONBLOCK | WEFT_IO_PEEK), &w);
}

i64 chan_write(struct object *o, struct uio *u, i64 off, u32 flags)
{
	struct weft_msg w = {0};

	return chan_of(o)->role == ROLE_RECEIVER ? -EDESTADDRREQ
						 : send_all(chan_of(o), u, &w, flags);
}

/* From which end chan_send(o) sends. *dest: a reference to keep, or NULL. */
static int send_from(struct object *o, const struct weft_msg *m, struct chan_end **from,
	struct object **dest)
{
	*from = queue_of(o) ? chan_of(o) : NULL;
	if (!*from)
		return -ENOTSOCK;
	if ((*from)->role != ROLE_RECEIVER)
		return 0;
	if (m->dest < 0)
		return -EDESTADDRREQ;
	TRY(fd_get(m->dest, WEFT_OBJ_DGRAM, WEFT_RIGHT_WRITE, dest));
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
	i64 n;

	if (flags & ~(u64)WEFT_CHAN_NONBLOCK)
		return -EINVAL;
	TRY(copy_from_user(&m, umsg, sizeof(m)));
	if (m.nfds > PASSED_MAX || m.name_len > NAME_MAX)
		return -EINVAL;
	TRY(fd_get((i32)fd, 0, WEFT_RIGHT_WRITE, &o));
	TRY(send_from(o, &m, &from, &dest));
	TRY(uio_init(&u, iov, ARRAY_SIZE(iov), m.iov, m.niov, true));
	if (!from->role)
		m.name_len = 0;
	if (o->status & K_O_NONBLOCK)
		flags |= WEFT_IO_NONBLOCK;
	n = send_all(from, &u, &m, (u32)flags);
	uio_free(&u, iov);
	return n;
}

#define RECV_FLAGS                                                                                 \
	(WEFT_CHAN_NONBLOCK | WEFT_CHAN_PEEK | WEFT_CHAN_WAITALL | WEFT_CHAN_CLOEXEC |             \
		WEFT_CHAN_PRIVATE)

i64 sys_chan_recv(u64 fd, u64 umsg, u64 flags)
{
	struct object *o HELD = NULL;
	struct weft_iov iov[8];
	struct weft_msg m;
	struct uio u;
	i64 n;

	if (flags & ~(u64)RECV_FLAGS)
		return -EINVAL;
	TRY(copy_from_user(&m, umsg, sizeof(m)));
	TRY(fd_get((i32)fd, 0, WEFT_RIGHT_READ, &o));
	if (!queue_of(o))
		return -ENOTSOCK;
	TRY(uio_init(&u, iov, ARRAY_SIZE(iov), m.iov, m.niov, true));
	n = receive(o, &u, (u32)flags, &m);
	uio_free(&u, iov);
	TRY(n);
	if (!chan_has_borders(chan_of(o)))
		m.full_len = (u64)n;
	TRY(copy_to_user(umsg, &m, sizeof(m)));
	return n;
}
