/* SPDX-License-Identifier: MIT */
/*
 * Channels: two connected ends (stream, datagram, seqpacket), and unconnected datagram endpoints (a
 * receiver, and a sender's capability that can be handed out). A message is built completely, copy
 * and fds, before the receiver's queue is looked at for good; a receiver holds its queue (rbusy)
 * while it copies, since that may drop the BKL.
 *
 * Half-closes follow Linux's unix sockets: shut_rcv: nothing more will come (RDHUP), shut_snd:
 * nothing more may be sent (EPIPE).
 */
#include "chan_impl.h"

#define LIMIT_DEFAULT 212992u
#define LIMIT_MIN     4096u
#define LIMIT_MAX     (8u << 20)
#define CHUNK	      65536u
#define FDS_MAX	      253u
#define NAME_MAX      108u
#define INFLIGHT_MAX  65536u
#define COLLECT_AT    256u

struct chan_end {
	struct object obj; /* WEFT_OBJ_CHANNEL */
	struct rxq rx;
	struct chan_end *peer; /* NULL: none yet, or destroyed */
	u8 type;
	u8 role;
	bool half;	/* made alone: connected by OPEN_PEER */
	bool connected; /* the peer is open, or something was sent while it was */
	bool shut_rcv, shut_snd, closed;
	int err; /* reported once, when the queue is empty */
	u32 peer_pid;
	struct identity *peer_ident;
};

/* Of an unconnected datagram endpoint, the receiver; its peer is the sender's capability, which
 * only sends. */
enum { ROLE_END, ROLE_RECEIVER, ROLE_SENDER };

static const struct obj_ops chan_ops;

static struct chan_end *end_of(struct object *o)
{
	return container_of(o, struct chan_end, obj);
}

struct rxq *rxq_of(struct object *o)
{
	return o->ops == &chan_ops ? &end_of(o)->rx : NULL;
}

static bool nonblock(struct object *o, u32 flags)
{
	return flags & WEFT_CHAN_NONBLOCK || o->status & K_O_NONBLOCK;
}

static int wait(struct waitq *q)
{
	return thread_block(q, (u64)WEFT_FOREVER, BLOCK_INTERRUPTIBLE) == -EINTR ? -EINTR : 0;
}

static void wake_reader(struct object *o, struct rxq *q)
{
	if (!list_empty(&q->readers.threads))
		waitq_wake(&q->readers, 1, 0);
	if (!list_empty(&o->watchers))
		object_notify(o, WEFT_POLLIN);
}

/* There is room in q again: for who sends, and for the object that polls it as POLLOUT. */
static void wake_writers(struct rxq *q)
{
	struct chan_end *from = end_of(q->owner)->peer;

	waitq_wake(&q->writers, ~0u, 0);
	if (from && !list_empty(&from->obj.watchers))
		object_notify(&from->obj, WEFT_POLLOUT);
}

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
	u32 nfds;
	u64 uname;
	u32 name_len;
	u32 flags;
};

static int attach(struct msg *m, const struct send *s)
{
	int err;

	if (s->name_len) {
		m->name = kmalloc(s->name_len);
		if (!m->name)
			return -ENOBUFS;
		if (copy_from_user(m->name, s->uname, s->name_len))
			return -EFAULT;
		m->name_len = s->name_len;
	}
	if (!s->nfds)
		return 0;
	if (inflight_total > COLLECT_AT)
		chan_maybe_collect();
	if (inflight_total >= INFLIGHT_MAX)
		return -ETOOMANYREFS;
	err = msg_take_fds(m, s->ufds, s->nfds);
	return err;
}

/* One message of len bytes from s->u. May block. */
static int send_one(struct object *o, struct chan_end *from, struct send *s, u64 len, u32 need)
{
	struct rxq *q;
	struct msg *m;
	int err;

	for (;;) {
		err = can_send(from);
		if (err)
			return err;
		q = &from->peer->rx;
		if (rxq_room(q) >= need || list_empty(&q->msgs))
			break;
		if (nonblock(o, s->flags))
			return -EAGAIN;
		err = wait(&q->writers);
		if (err)
			return err;
	}
	err = msg_create(s->u, len, &m);
	if (err)
		return err;
	err = attach(m, s);
	if (!err)
		err = can_send(from);
	if (err) {
		msg_free(m);
		return err;
	}
	q = &from->peer->rx;
	rxq_append(q, m);
	wake_reader(q->owner, q);
	return 0;
}

static i64 send_all(struct object *o, struct chan_end *from, struct send *s)
{
	u64 total = s->u->left, room, len;
	i64 done = 0;
	int err;

	err = can_send(from);
	if (err)
		return err;
	if (from->type != WEFT_CHAN_STREAM) {
		if (total > from->peer->rx.limit)
			return -EMSGSIZE;
		err = send_one(o, from, s, total, (u32)total + 1);
		return err ? err : (i64)total;
	}
	while (s->u->left) {
		err = can_send(from);
		if (err)
			return done ? done : err;
		room = MAX(rxq_room(&from->peer->rx), LIMIT_MIN);
		len = MIN(MIN(s->u->left, room), CHUNK);
		err = send_one(o, from, s, len, (u32)MIN(len, LIMIT_MIN));
		if (err)
			return done ? done : err;
		done += (i64)len;
		s->nfds = 0; /* they went with the first byte */
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
	char name[NAME_MAX];
	u32 name_len;
};

/* Takes the message's fds into the receipt: moved, or duplicated for a peek. */
static int receipt_fds(struct receipt *r, struct msg *m, bool peek)
{
	if (!m->nfds)
		return 0;
	if (!peek) {
		msg_fds_left(m);
		r->fds = m->fds;
		r->nfds = m->nfds;
		m->fds = NULL;
		m->nfds = 0;
		return 0;
	}
	r->fds = kmalloc(m->nfds * sizeof(*r->fds));
	if (!r->fds)
		return -ENOBUFS;
	for (u32 i = 0; i < m->nfds; i++) {
		r->fds[i] = m->fds[i];
		object_fd_get(r->fds[i].o);
	}
	r->nfds = m->nfds;
	return 0;
}

static void receipt_drop(struct receipt *r)
{
	while (r->nfds)
		object_fd_put(r->fds[--r->nfds].o);
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

static i64 take_stream(struct rxq *q, struct uio *u, u32 flags, struct receipt *r, i64 got,
	bool *stop)
{
	struct list *p = q->msgs.next;
	bool peek = flags & WEFT_CHAN_PEEK, had_fds;
	struct msg *m;
	u64 want;
	i64 n;

	while (p != &q->msgs && u->left && !*stop) {
		m = list_entry(p, struct msg, link);
		p = p->next;
		/* Bytes of different senders, or on the two sides of fds, are not joined. */
		*stop = got && (m->nfds || m->pid != r->pid || m->ident != r->ident);
		if (*stop)
			break;
		want = MIN(u->left, (u64)m->len - m->off);
		n = msg_copy_out(m, m->off, u, want);
		if (n < 0) {
			*stop = true;
			return got ? got : n;
		}
		if (!got)
			receipt_sender(r, m);
		got += n;
		had_fds = m->nfds;
		if (receipt_fds(r, m, peek))
			r->flags |= WEFT_MSG_CTRUNC;
		*stop = had_fds || (u64)n < want;
		if (peek)
			continue;
		m->off += (u32)n;
		if (m->off == m->len) {
			rxq_unlink(q, m);
			msg_free(m);
		}
	}
	return got;
}

static i64 take_message(struct rxq *q, struct uio *u, u32 flags, struct receipt *r)
{
	struct msg *m = list_first(&q->msgs, struct msg, link);
	i64 n = m->len ? msg_copy_out(m, 0, u, u->left) : 0;

	if (n < 0)
		return n;
	if (n < m->len)
		r->flags |= WEFT_MSG_TRUNC;
	r->full_len = m->len;
	receipt_sender(r, m);
	r->name_len = m->name_len;
	if (m->name_len)
		memcpy(r->name, m->name, m->name_len);
	if (receipt_fds(r, m, flags & WEFT_CHAN_PEEK))
		r->flags |= WEFT_MSG_CTRUNC;
	if (!(flags & WEFT_CHAN_PEEK)) {
		rxq_unlink(q, m);
		msg_free(m);
	}
	return n;
}

/* May block. -> bytes; 0 with WEFT_MSG_EOF in r->flags at the end. */
static i64 receive(struct object *o, struct uio *u, u32 flags, struct receipt *r)
{
	struct chan_end *e = end_of(o);
	struct rxq *q = &e->rx;
	bool stream = e->type == WEFT_CHAN_STREAM, stop = false;
	u32 before;
	i64 got = 0, n;

	if (stream && !u->left)
		return 0;
	if (e->role == ROLE_SENDER)
		return -ENOTSOCK;
	if (!e->connected)
		return -ENOTCONN;
	for (;;) {
		while (q->rbusy || list_empty(&q->msgs)) {
			if (!q->rbusy && e->err && !got) {
				n = e->err;
				e->err = 0;
				return n;
			}
			if (!q->rbusy && e->shut_rcv) {
				if (!got)
					r->flags |= WEFT_MSG_EOF;
				return got;
			}
			if (nonblock(o, flags))
				return got ? got : -EAGAIN;
			n = wait(&q->readers);
			if (n)
				return got ? got : n;
		}
		q->rbusy = true;
		before = q->bytes;
		n = stream ? take_stream(q, u, flags, r, got, &stop) : take_message(q, u, flags, r);
		q->rbusy = false;
		if (q->dead)
			rxq_kill(q);
		else if (q->bytes < before)
			wake_writers(q);
		if (!list_empty(&q->readers.threads) && !list_empty(&q->msgs))
			waitq_wake(&q->readers, 1, 0);
		if (n < 0)
			return n;
		got = n;
		if (!stream || !(flags & WEFT_CHAN_WAITALL) || flags & WEFT_CHAN_PEEK || stop ||
			!u->left)
			return got;
	}
}

static i64 chan_read(struct object *o, struct uio *u, i64 off, u32 flags)
{
	struct receipt r = {0};
	i64 n;

	if (off != -1)
		return -ESPIPE;
	n = receive(o, u,
		(flags & WEFT_IO_NONBLOCK ? WEFT_CHAN_NONBLOCK : 0) |
			(flags & WEFT_IO_PEEK ? WEFT_CHAN_PEEK : 0),
		&r);
	receipt_drop(&r);
	return n;
}

static i64 chan_write(struct object *o, struct uio *u, i64 off, u32 flags)
{
	struct send s = {.u = u, .flags = flags & WEFT_IO_NONBLOCK ? WEFT_CHAN_NONBLOCK : 0};

	if (off != -1)
		return -ESPIPE;
	return end_of(o)->role == ROLE_RECEIVER ? -EDESTADDRREQ : send_all(o, end_of(o), &s);
}

/* From which end chan_send(o) sends. *dest: a reference to keep, or NULL. */
static int send_from(struct object *o, const struct weft_msg *m, struct chan_end **from,
	struct object **dest)
{
	u32 rights;
	int err;

	*dest = NULL;
	if (o->ops != &chan_ops)
		return -ENOTSOCK;
	*from = end_of(o);
	if ((*from)->role != ROLE_RECEIVER)
		return 0;
	if (m->dest < 0)
		return -EDESTADDRREQ;
	err = fd_get_in(current_process(), m->dest, WEFT_OBJ_DGRAM, WEFT_RIGHT_WRITE, dest,
		&rights);
	if (err)
		return err;
	*from = end_of(*dest);
	if ((*from)->role == ROLE_SENDER)
		return 0;
	object_put(*dest);
	return -EINVAL;
}

static bool creds_ok(const struct weft_msg *m)
{
	return m->pid == current_process()->pid &&
		m->identity == thread_identity(current_thread())->number;
}

i64 sys_chan_send(u64 fd, u64 umsg, u64 flags)
{
	struct object *o, *dest;
	struct weft_iov iov[8];
	struct chan_end *from;
	struct weft_msg m;
	struct uio u;
	struct send s;
	i64 n;

	if (flags & ~(u64)(WEFT_CHAN_NONBLOCK | WEFT_CHAN_CREDS))
		return -EINVAL;
	if (copy_from_user(&m, umsg, sizeof(m)))
		return -EFAULT;
	if (m.nfds > FDS_MAX || m.name_len > NAME_MAX)
		return -EINVAL;
	if (flags & WEFT_CHAN_CREDS && !creds_ok(&m))
		return -EPERM;
	n = fd_get((i32)fd, 0, WEFT_RIGHT_WRITE, &o);
	if (n)
		return n;
	n = send_from(o, &m, &from, &dest);
	if (n)
		goto out;
	n = uio_init(&u, iov, ARRAY_SIZE(iov), m.iov, m.niov, true);
	if (n)
		goto out_dest;
	s = (struct send){.u = &u,
		.ufds = m.fds,
		.nfds = m.nfds,
		.uname = m.name,
		.name_len = from->role ? m.name_len : 0,
		.flags = (u32)flags};
	n = send_all(o, from, &s);
	uio_free(&u, iov);
out_dest:
	object_put(dest);
out:
	object_put(o);
	return n;
}

/* Installs up to m->nfds of the receipt's fds; the rest is closed with CTRUNC. */
static int give_fds(struct receipt *r, struct weft_msg *m, u32 flags)
{
	u32 how = (flags & WEFT_CHAN_CLOEXEC ? WEFT_DUP_CLOEXEC : 0) |
		(flags & WEFT_CHAN_PRIVATE ? WEFT_DUP_PRIVATE : 0);
	u32 n = 0;
	i32 fd;

	if (r->nfds > m->nfds)
		r->flags |= WEFT_MSG_CTRUNC;
	while (n < r->nfds && n < m->nfds) {
		fd = fd_install(current_process(), r->fds[n].o, r->fds[n].rights, how);
		if (fd < 0) {
			r->flags |= WEFT_MSG_CTRUNC;
			break;
		}
		if (copy_to_user(m->fds + n * sizeof(fd), &fd, sizeof(fd))) {
			fd_close(current_process(), fd);
			return -EFAULT;
		}
		n++;
	}
	m->nfds = n;
	return 0;
}

static i64 give_receipt(struct receipt *r, struct weft_msg *m, u64 umsg, u32 flags, i64 n)
{
	u32 k = MIN(r->name_len, m->name_len);

	if (give_fds(r, m, flags))
		return -EFAULT;
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
	struct receipt r = {0};
	struct weft_iov iov[8];
	struct object *o;
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
	n = -ENOTSOCK;
	if (!rxq_of(o))
		goto out;
	n = uio_init(&u, iov, ARRAY_SIZE(iov), m.iov, m.niov, true);
	if (n)
		goto out;
	n = receive(o, &u, (u32)flags, &r);
	uio_free(&u, iov);
	if (n >= 0)
		n = give_receipt(&r, &m, umsg, (u32)flags, n);
	receipt_drop(&r);
out:
	object_put(o);
	return n;
}

static u32 chan_ready(struct object *o)
{
	struct chan_end *e = end_of(o);
	u32 bits = 0;

	if (!e->connected)
		return WEFT_POLLOUT | WEFT_POLLHUP;
	if (e->role == ROLE_SENDER && e->shut_snd)
		return WEFT_POLLOUT | WEFT_POLLERR | WEFT_POLLHUP;
	if (!list_empty(&e->rx.msgs))
		bits |= WEFT_POLLIN;
	if (e->role == ROLE_RECEIVER) /* sending goes to others: as far as this one knows, it can */
		return bits | WEFT_POLLOUT;
	if (e->shut_rcv)
		bits |= WEFT_POLLIN | WEFT_POLLRDHUP;
	if (e->shut_rcv && e->shut_snd)
		bits |= WEFT_POLLHUP;
	if (e->err)
		bits |= WEFT_POLLERR;
	if (e->shut_snd || !e->peer || rxq_room(&e->peer->rx) >= LIMIT_MIN ||
		list_empty(&e->peer->rx.msgs))
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
	e->shut_rcv |= (how & 1) != 0;
	e->shut_snd |= (how & 2) != 0;
	tell_end(e);
	if (p && !p->closed) {
		p->shut_snd |= (how & 1) != 0;
		p->shut_rcv |= (how & 2) != 0;
		tell_end(p);
	}
	return 0;
}

static i64 avail(const struct rxq *q, bool stream)
{
	struct msg *m;
	i64 n = 0;

	list_for_each(m, &q->msgs, link)
	{
		n += m->len - m->off;
		if (!stream)
			break;
	}
	return n;
}

static i64 set_peer(struct chan_end *e, u64 a, u64 b)
{
	struct identity *id;
	struct resource *auth;
	int err = resource_require((i32)(a >> 32), WEFT_RES_IDENT, &auth);

	if (err)
		return err;
	object_put(&auth->obj);
	id = identity_get((u32)b);
	if (!id)
		return -EINVAL;
	identity_put(e->peer_ident);
	e->peer_ident = id;
	e->peer_pid = (u32)a;
	return 0;
}

static i64 set_limit(struct rxq *q, u64 a)
{
	if (a > LIMIT_MAX)
		a = LIMIT_MAX;
	if (a) {
		q->limit = MAX((u32)a, LIMIT_MIN);
		wake_writers(q);
	}
	return q->limit;
}

static void join(struct chan_end *a, struct chan_end *b)
{
	a->peer = b;
	b->peer = a;
	a->connected = b->connected = true;
	a->shut_rcv = a->shut_snd = false;
}

static struct chan_end *end_create(u32 type)
{
	struct thread *t = current_thread();
	struct chan_end *e = kzalloc(sizeof(*e));

	if (!e)
		return NULL;
	object_init(&e->obj, WEFT_OBJ_CHANNEL, &chan_ops);
	e->obj.status = 2; /* O_RDWR */
	e->type = (u8)type;
	rxq_init(&e->rx, &e->obj);
	e->rx.limit = LIMIT_DEFAULT;
	e->peer_pid = t->proc->pid;
	e->peer_ident = thread_identity(t);
	e->peer_ident->refs++;
	return e;
}

static i64 open_peer(struct chan_end *e)
{
	struct chan_end *p;
	i32 fd;

	if (!e->half)
		return -EINVAL;
	if (e->connected)
		return -EISCONN;
	p = end_create(e->type);
	if (!p)
		return -ENOMEM;
	fd = fd_install(current_process(), &p->obj, WEFT_RIGHT_ALL,
		WEFT_DUP_CLOEXEC | WEFT_DUP_PRIVATE);
	if (fd >= 0) {
		if (e->peer)
			e->peer->peer =
				NULL; /* an earlier one, closed, that somebody still refers to */
		join(e, p);
		tell_end(e);
	}
	object_put(&p->obj);
	return fd;
}

static i64 chan_ctl(struct object *o, u32 op, u64 a, u64 b)
{
	struct chan_end *e = end_of(o);
	u32 who[2];

	if (e->role && op != WEFT_FD_AVAIL && op != WEFT_FD_SEEK && op != WEFT_CHAN_BUFFER &&
		op != WEFT_CHAN_TYPE)
		return -EINVAL;
	switch (op) {
	case WEFT_FD_AVAIL:
		return avail(&e->rx, e->type == WEFT_CHAN_STREAM);
	case WEFT_FD_SEEK:
		return -ESPIPE;
	case WEFT_CHAN_SHUTDOWN:
		return chan_shutdown(e, a);
	case WEFT_CHAN_PEER:
		who[0] = e->peer_pid;
		who[1] = e->peer_ident->number;
		return copy_to_user(a, who, sizeof(who)) ? -EFAULT : 0;
	case WEFT_CHAN_SET_PEER:
		return set_peer(e, a, b);
	case WEFT_CHAN_BUFFER:
		if (e->role == ROLE_RECEIVER)
			return set_limit(&e->rx, a);
		return e->peer ? set_limit(&e->peer->rx, e->role ? 0 : a) : LIMIT_DEFAULT;
	case WEFT_CHAN_TYPE:
		return e->type;
	case WEFT_CHAN_OPEN_PEER:
		return open_peer(e);
	}
	return -EINVAL;
}

static void chan_info(struct object *o, struct weft_fd_info *out)
{
	out->koid2 = end_of(o)->peer ? end_of(o)->peer->obj.id : 0;
}

static void chan_closed(struct object *o)
{
	struct chan_end *e = end_of(o), *p = e->peer;

	e->closed = true;
	if (p && !p->closed && e->role != ROLE_SENDER) {
		if (!list_empty(&e->rx.msgs) && e->type != WEFT_CHAN_DGRAM)
			p->err = -ECONNRESET;
		p->shut_snd = p->shut_rcv = true;
		/* Turned away before anything was said: it may try another. */
		if (p->half && !p->rx.used && !e->rx.used) {
			p->connected = false;
			p->err = 0;
		}
		waitq_wake(&e->rx.writers, ~0u, 0);
		tell_end(p);
	}
	e->shut_rcv = e->shut_snd = true;
	rxq_kill(&e->rx);
	tell_end(e);
	chan_maybe_collect();
}

static void chan_destroy(struct object *o)
{
	struct chan_end *e = end_of(o);

	if (e->peer)
		e->peer->peer = NULL;
	rxq_kill(&e->rx);
	identity_put(e->peer_ident);
	kfree(e);
}

static const struct obj_ops chan_ops = {
	.name = "channel",
	.read = chan_read,
	.write = chan_write,
	.ready = chan_ready,
	.ctl = chan_ctl,
	.info = chan_info,
	.closed = chan_closed,
	.destroy = chan_destroy,
};
static bool type_ok(u32 type)
{
	return type == WEFT_CHAN_STREAM || type == WEFT_CHAN_DGRAM || type == WEFT_CHAN_SEQPACKET;
}

int channel_create_half(u32 type, struct object **out)
{
	struct chan_end *e;

	if (!type_ok(type))
		return -EINVAL;
	e = end_create(type);
	if (!e)
		return -ENOMEM;
	e->half = true;
	*out = &e->obj;
	return 0;
}

static int create_pair(u32 type, struct object *out[2])
{
	struct chan_end *a = end_create(type), *b = a ? end_create(type) : NULL;

	if (!b) {
		if (a)
			object_put(&a->obj);
		return -ENOMEM;
	}
	join(a, b);
	out[0] = &a->obj;
	out[1] = &b->obj;
	return 0;
}

int channel_create(u32 type, struct object *out[2])
{
	return type_ok(type) ? create_pair(type, out) : -EINVAL;
}

int dgram_create(struct object *out[2])
{
	int err = create_pair(WEFT_CHAN_DGRAM, out);

	if (err)
		return err;
	for (u32 i = 0; i < 2; i++) {
		object_count[WEFT_OBJ_CHANNEL]--;
		object_count[WEFT_OBJ_DGRAM]++;
		out[i]->type = WEFT_OBJ_DGRAM;
	}
	end_of(out[0])->role = ROLE_RECEIVER;
	end_of(out[1])->role = ROLE_SENDER;
	out[1]->status = 1; /* O_WRONLY */
	return 0;
}

/* The kernel's own message on the channel of which `to` is the receiving end; never waits for room.
 */
int chan_post(struct object *to, const void *data, u32 len)
{
	struct chan_end *e = end_of(to);
	struct msg *m;
	int err;

	if (e->shut_rcv)
		return -EPIPE;
	err = msg_create_kernel(data, len, &m);
	if (err)
		return err;
	rxq_append(&e->rx, m);
	wake_reader(to, &e->rx);
	return 0;
}
