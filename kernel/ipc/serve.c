/* SPDX-License-Identifier: MIT */
/*
 * The server's side: scheme_serve (reply and receive), req_copy.
 *
 * Nothing is trusted of a server but its own memory: results are checked against what was asked,
 * tags against the table. What blocks (a fault in the server's own memory) happens only while no
 * node is half delivered: a copy that must not block is tried first, and where it fails the page is
 * brought in and the step is done again.
 */
#include "scheme_impl.h"

#define BATCH_MAX  64u
#define COPY_SLICE (64ul << 10) /* how much req_copy moves before it lets others have the lock */

static int reply_fd(struct server *sv, const struct weft_reply_fd *f, struct passed *to)
{
	HELD struct handle *h = NULL;

	if (f->kind == WEFT_REPLY_NEW) {
		TRY(handle_mint(sv->s, f, &h));
		*to = (struct passed){&h->obj, f->rights & WEFT_RIGHT_ALL};
		object_fd_get(to->o);
		return 0;
	}
	if (f->kind != WEFT_REPLY_FD)
		return -EINVAL;
	TRY(passed_peek(f->fd, to));
	to->rights &= f->rights;
	if (f->flags & WEFT_REPLY_MOVE)
		fd_close(current_process(), f->fd);
	return 0;
}

/* The fds of a reply. All or none. May block. */
static int reply_fds(struct server *sv, u64 ufds, u32 n, struct passed *to)
{
	struct weft_reply_fd f;
	int err;

	if (n > WEFT_REQ_FDS)
		return -EINVAL;
	for (u32 i = 0; i < n; i++) {
		err = copy_from_user(&f, ufds + i * sizeof(f), sizeof(f));
		if (!err)
			err = reply_fd(sv, &f, &to[i]);
		if (err) {
			passed_drop(to, i);
			return err;
		}
	}
	return 0;
}

static int serve_reply(struct server *sv, u64 ucqe)
{
	struct scheme *s = sv->s;
	struct passed fds[WEFT_REQ_FDS];
	struct weft_cqe c;
	struct request *r;
	u32 taken = 0;
	bool bad;

	if (unlikely(copy_from_user_nofault(&c, ucqe, sizeof(c))))
		TRY(copy_from_user(&c, ucqe, sizeof(c)));
	bad = unlikely(c.nfds) && reply_fds(sv, c.fds, c.nfds, fds);
	if (unlikely(bad))
		c.nfds = 0;
	r = request_by_tag(s, c.tag);
	if (likely(r && r->thread)) {
		request_drop_fds(r);
		for (; unlikely(taken < MIN(c.nfds, r->sqe.max_fds)); taken++)
			r->fds[taken] = fds[taken];
		r->sqe.nfds = (u8)taken;
	}
	/* Where nobody takes them, a new handle gets its CLOSE. */
	passed_drop(fds + taken, c.nfds - taken);
	if (unlikely(!r)) {
		s->dead_replies++;
		return 0;
	}
	if (r->sqe.op == WEFT_OP_READ || r->sqe.op == WEFT_OP_WRITE)
		bad |= c.result > (i64)r->sqe.args[1] || c.result < -4095;
	if (unlikely(bad)) {
		s->bad_replies++;
		c.result = -EPROTO;
		c.flags &= ~WEFT_CQE_OUT;
	}
	if (c.flags & WEFT_CQE_READY && r->h) {
		handle_set_ready(r->h, c.ready, c.edge != r->h->edge);
		r->h->edge = c.edge;
	}
	if (c.flags & WEFT_CQE_OUT) {
		r->has_out = true;
		for (u32 i = 0; i < 4; i++)
			r->out[i] = c.out[i];
	}
	request_finish(r, c.result);
	return 0;
}

static int copy_sqe(u64 to, const struct weft_sqe *q)
{
	TRY(copy_to_user_nofault(to, q,
		offsetof(struct weft_sqe, len) + q->nbufs * sizeof(q->len[0])));
	return likely(!q->nfds) ? 0
				: copy_to_user_nofault(to + offsetof(struct weft_sqe, fds), q->fds,
					  q->nfds * sizeof(q->fds[0]));
}

static int deliver_oneway(struct oneway *w, u64 to)
{
	struct weft_sqe q = {.op = w->op, .handle = w->handle, .args = {w->args[0], w->args[1]}};

	TRY(copy_sqe(to, &q));
	oneway_drop(w);
	return 0;
}

/* 0: delivered; -EFAULT: the server's memory is absent; 1: completed with an error for want of room
 * for its fds. */
static int deliver_request(struct scheme *s, struct request *r, u64 to)
{
	struct weft_sqe *q = &r->sqe;

	q->tag = ++s->last_tag;
	for (u32 i = 0; i < q->nbufs; i++)
		q->len[i] = r->bufs[i].len;
	if (unlikely(q->nfds) &&
		passed_install(r->fds, q->nfds, FD_NEW | WEFT_DUP_NOFORK, true, q->fds) < 0) {
		request_fail(r, -ENFILE);
		return 1;
	}
	if (unlikely(copy_sqe(to, q))) {
		passed_uninstall(q->fds, q->nfds);
		return -EFAULT;
	}
	list_add_tail(&s->tags[q->tag % TAG_BUCKETS], &r->tag_link);
	r->state = REQ_DELIVERED;
	list_del(&r->q.link);
	list_add_tail(&s->delivered, &r->q.link);
	return 0;
}

/* Fills sqes from the queue. -> how many, or -EFAULT. May block on the server's own memory. */
static i64 deliver(struct server *sv, u64 sqes, u32 max)
{
	struct scheme *s = sv->s;
	struct thread *t = current_thread();
	u32 n = 0, prio = t->base_prio;
	struct qnode *q;
	int err;

	while (n < max && s->server == sv && !list_empty(&s->queue)) {
		u64 to = sqes + n * sizeof(struct weft_sqe);

		q = list_first(&s->queue, struct qnode, link);
		if (likely(q->kind == Q_REQUEST)) {
			struct request *r = container_of(q, struct request, q);

			prio = MAX(prio, r->sqe.prio);
			err = deliver_request(s, r, to);
		} else {
			err = deliver_oneway(container_of(q, struct oneway, q), to);
		}
		if (likely(!err))
			n++;
		else if (err < 0 && user_touch(to, sizeof(struct weft_sqe), true))
			return n ? (i64)n : -EFAULT;
	}
	s->served += n;
	if (n && t->prio != prio)
		sched_set_prio(t, prio);
	return n;
}

i64 sys_scheme_serve(u64 fd, u64 cqes, u64 ncqe, u64 sqes, u64 nsqe, u64 deadline)
{
	struct thread *t = current_thread();
	HELD struct server *sv = NULL;
	struct request *own;
	struct scheme *s;
	i64 n = 0;
	int err = 0;

	if (unlikely(ncqe > BATCH_MAX || nsqe > BATCH_MAX))
		return -EINVAL;
	TRY(scheme_of_fd((i32)fd, &sv));
	s = sv->s;
	own = request_own(t);
	if (unlikely(!own))
		return -ENOMEM;
	if (unlikely(own->serving != s)) {
		scheme_unserve(own);
		own->serving = s;
		list_add_tail(&s->threads, &own->serve_link);
		s->server_pid = t->proc->pid;
	}
	s->boost = 0;
	for (u32 i = 0; i < ncqe; i++)
		TRY(serve_reply(sv, cqes + i * sizeof(struct weft_cqe)));
	while (nsqe) {
		n = deliver(sv, sqes, (u32)nsqe);
		if (n || err || deadline == WEFT_NOW)
			break;
		if (unlikely(s->server != sv))
			return -EBADF;
		err = thread_block(&s->servers, deadline, BLOCK_INTERRUPTIBLE);
	}
	/* More than one thread can take: let another one have the rest. */
	if (n > 0 && unlikely(!list_empty(&s->queue)) && !list_empty(&s->servers.threads))
		scheme_wake_server(s, 0, false);
	return n || err != -EINTR ? n : -EINTR;
}

/* The client's page is absent: the tag dies, the client's own thread is woken to bring it in and to
 * ask again. */
static i64 redeliver(struct request *r, u64 addr, u64 end, bool write)
{
	list_del(&r->tag_link);
	list_del(&r->q.link);
	r->state = REQ_ABSENT;
	r->fault_addr = addr;
	r->fault_end = end;
	r->fault_write = write;
	thread_wake(r->thread, 0);
	return -WEFT_EREDELIVER;
}

i64 sys_req_copy(u64 fd, u64 tag, u64 which, u64 offset, u64 local, u64 len)
{
	bool out = which & WEFT_COPY_OUT;
	u32 idx = which & 0xff;
	HELD struct server *sv = NULL;
	struct request *r;
	struct scheme *s;
	struct weft_buf b;
	u64 done = 0;
	int err;

	TRY(scheme_of_fd((i32)fd, &sv));
	s = sv->s;
	r = request_by_tag(s, tag);
	if (unlikely(!r || !r->thread))
		return -ESTALE;
	if (unlikely(which & ~0x1fful || idx >= r->sqe.nbufs))
		return -EINVAL;
	b = r->bufs[idx];
	if (unlikely(offset > b.len))
		return -EINVAL;
	if (unlikely(!(b.flags & (out ? WEFT_BUF_OUT : WEFT_BUF_IN))))
		return -EACCES;
	len = MIN(len, b.len - offset);
	if (unlikely(!user_range(local, len)))
		return -EFAULT;
	while (done < len) {
		u64 addr = b.addr + offset + done;
		u64 n = MIN(PAGE_SIZE - (addr & (PAGE_SIZE - 1)), len - done);
		char *p = as_peek(r->thread->proc->as, addr, out);

		if (unlikely(!p))
			return redeliver(r, addr, b.addr + offset + len, out);
		err = out ? copy_from_user_nofault(p, local + done, n)
			  : copy_to_user_nofault(local + done, p, n);
		if (likely(!err)) {
			done += n;
			if (likely(done % COPY_SLICE >= n || done == len))
				continue;
			mm_pause();
		} else if (user_touch(local + done, n, !out)) {
			return -EFAULT;
		}
		if (s->server != sv || request_by_tag(s, tag) != r)
			return -ESTALE;
	}
	return (i64)done;
}
