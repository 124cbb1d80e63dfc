/* SPDX-License-Identifier: MIT */
/* Queues of bytes and messages: see queue.h. */
#include "queue.h"

#define SEGMENT	     (PAGE_SIZE - sizeof(struct segment))
#define SEGMENT_LESS (512 - sizeof(struct segment)) /* for few bytes */
#define MSG_COST     128u
#define FD_COST	     64u

void queue_init(struct queue *q, struct object *owner, u32 limit)
{
	q->owner = owner;
	q->limit = limit;
	list_init(&q->msgs);
	waitq_init(&q->readers);
	waitq_init(&q->writers);
	list_init(&q->carrier_link);
	list_init(&q->gc_link);
}

static void free_chain(struct segment **link)
{
	struct segment *s;

	while ((s = *link)) {
		*link = s->next;
		kfree(s);
	}
}

void queue_kill(struct queue *q)
{
	q->dead = true;
	if (q->rbusy || q->wbusy)
		return;
	while (!list_empty(&q->msgs))
		queue_unlink(q, list_first(&q->msgs, struct msg, link));
	free_chain(&q->first);
	q->last = NULL;
	q->at = q->len = 0;
}

bool queue_writable(struct queue *q, u32 need)
{
	bool yes = queue_room(q) >= need;

	q->tight |= !yes;
	return yes;
}

int queue_read_begin(struct queue *q, u32 flags)
{
	int err;

	while (q->rbusy || !queue_has(q)) {
		if (!q->rbusy && (q->err || q->ended)) {
			err = q->err;
			q->err = 0;
			return err ? err : 1;
		}
		TRY(wait_io(&q->readers, flags));
	}
	q->rbusy = true;
	return 0;
}

void queue_read_end(struct queue *q)
{
	q->rbusy = false;
	if (q->dead)
		queue_kill(q);
	if (q->tight && queue_room(q)) {
		q->tight = false;
		waitq_wake(&q->writers, ~0u, 0);
		if (q->room)
			q->room(q);
	}
	/* Another reader may have waited for this one. */
	if (!list_empty(&q->readers.threads) && (queue_has(q) || q->ended))
		waitq_wake(&q->readers, 1, 0);
}

i64 queue_copy_out(const struct queue *q, u32 off, struct uio *u, u64 n)
{
	const struct segment *s = q->first;
	u64 done = 0, at = q->at + off;
	i64 k;

	while (done < n) {
		if (at >= s->size) {
			at -= s->size;
			s = s->next;
			continue;
		}
		k = uio_copy_out(u, s->data + at, MIN(n - done, s->size - at));
		if (k < 0)
			return done ? (i64)done : k;
		done += (u64)k;
		at += (u64)k;
	}
	return (i64)done;
}

void queue_consume(struct queue *q, u32 n)
{
	struct segment *s;

	q->len -= n;
	q->at += n;
	while (q->len && q->at >= q->first->size) {
		s = q->first;
		q->first = s->next;
		q->at -= s->size;
		kfree(s);
	}
	if (q->len || q->wbusy || !q->first)
		return;
	/* Empty: one segment is kept for what comes next. */
	free_chain(&q->first->next);
	q->last = NULL;
	q->at = 0;
}

i64 queue_read(struct queue *q, struct uio *u, u32 flags)
{
	i64 n;

	if (!u->left || TRY(queue_read_begin(q, flags)))
		return 0;
	n = queue_copy_out(q, 0, u, MIN(u->left, q->len));
	if (n > 0 && !(flags & WEFT_IO_PEEK))
		queue_consume(q, (u32)n);
	queue_read_end(q);
	return n;
}

i64 queue_fill(struct queue *q, struct uio *u, u64 n)
{
	struct segment **link, *s;
	u64 done = 0, size;
	i64 k;

	q->mark = q->last;
	q->mark_end = q->end;
	while (done < n) {
		if (!q->last || q->end == q->last->size) {
			/* There may be segments that an earlier fill has left. */
			link = q->last ? &q->last->next : &q->first;
			if (!*link) {
				size = n - done > SEGMENT_LESS ? SEGMENT : SEGMENT_LESS;
				s = kmalloc(sizeof(*s) + size);
				if (!s)
					return -ENOMEM;
				s->next = NULL;
				s->size = (u32)size;
				*link = s;
			}
			q->last = *link;
			q->end = 0;
		}
		k = uio_copy_in(u, q->last->data + q->end, MIN(n - done, q->last->size - q->end));
		if (k < 0)
			return done ? (i64)done : k;
		q->end += (u32)k;
		done += (u64)k;
	}
	return (i64)done;
}

struct msg *msg_new(struct thread *from, u32 name_len)
{
	struct msg *m = kzalloc(sizeof(*m) + name_len);

	if (!m)
		return NULL;
	m->name_len = name_len;
	if (from) {
		m->pid = from->proc->pid;
		m->ident = thread_identity(from);
		m->ident->refs++;
	}
	return m;
}

void msg_drop_fds(struct queue *q, struct msg *m)
{
	u32 n = m->nfds;

	if (!n)
		return;
	if (q)
		inflight_move(q, m, -1);
	m->nfds = 0; /* before what may look for garbage */
	passed_drop(m->fds, n);
}

static void msg_free(struct queue *q, struct msg *m)
{
	msg_drop_fds(q, m);
	if (m->ident)
		identity_put(m->ident);
	kfree(m->fds);
	kfree(m);
}

static void add_msg(struct queue *q, u32 n, struct msg *m, bool join)
{
	struct msg *tail = list_entry(q->msgs.prev, struct msg, link);

	if (join && !list_empty(&q->msgs) && !m->nfds && !tail->nfds && tail->pid == m->pid &&
		tail->ident == m->ident) {
		tail->len += n;
		msg_free(NULL, m);
		return;
	}
	m->len = n;
	m->cost = MSG_COST + m->nfds * FD_COST;
	q->cost += m->cost;
	list_add_tail(&q->msgs, &m->link);
	if (m->nfds)
		inflight_move(q, m, 1);
}

void queue_commit(struct queue *q, i64 n, struct msg *m, bool join)
{
	q->wbusy = false;
	if (n < 0) {
		q->last = q->mark;
		q->end = q->mark_end;
		if (m)
			msg_free(NULL, m);
	} else {
		q->len += (u32)n;
		q->used = true;
		if (m)
			add_msg(q, (u32)n, m, join);
		if (!list_empty(&q->readers.threads))
			waitq_wake(&q->readers, 1, 0);
		object_notify(q->owner, WEFT_POLLIN);
	}
	if (!list_empty(&q->writers.threads))
		waitq_wake(&q->writers, ~0u, 0);
	if (q->dead)
		queue_kill(q);
}

int queue_put(struct queue *q, const void *data, u32 len, struct msg *m)
{
	struct weft_iov v;
	struct uio u;
	i64 n;

	uio_kernel(&u, &v, (void *)data, len);
	n = queue_fill(q, &u, len);
	queue_commit(q, n, m, false);
	return (int)MIN(n, 0);
}

void queue_unlink(struct queue *q, struct msg *m)
{
	list_del(&m->link);
	q->cost -= m->cost;
	queue_consume(q, m->len);
	msg_free(q, m);
}
