/* SPDX-License-Identifier: MIT */
/*
 * The receive loop. Replies of one batch wait in cqe[] for the next receive call, so that a busy server makes one call per batch. A
 * kept request is a heap copy in s->kept until its reply; s->lock guards that list, the work queue and the closings.
 */
#include <native/server.h>

#include <native/call.h>
#include <stdlib.h>
#include <string.h>

struct server_closing {
	struct server_closing *next;
	u64 handle;
};
struct server_worker {
	struct nthread thread;
	struct server *server;
};

int server_init(struct server *s, i32 fd, const struct server_ops *ops, void *ctx)
{
	if (fd < 0)
		return fd;
	memset(s, 0, sizeof *s);
	s->fd = fd;
	s->ops = ops;
	s->ctx = ctx;
	return 0;
}

static void close_untaken(struct weft_sqe *e)
{
	for (u32 i = 0; i < e->nfds && i < WEFT_REQ_FDS; i++) {
		if (e->fds[i] >= 0)
			weft_fd_close(e->fds[i]);
		e->fds[i] = -1;
	}
}

static void drop_reply_fds(struct request *r)
{
	for (u32 i = 0; i < r->nfds; i++) {
		if (r->fds[i].kind == WEFT_REPLY_FD && (r->fds[i].flags & WEFT_REPLY_MOVE))
			weft_fd_close(r->fds[i].fd);
	}
	r->nfds = 0;
}

static void free_reply_fds(struct request *r)
{
	if (r->fds != r->fd_room)
		free(r->fds);
	r->fds = r->fd_room;
	r->nfds = 0;
}

static void fill_cqe(const struct request *r, i64 result, struct weft_cqe *c)
{
	c->tag = r->sqe->tag;
	c->result = result;
	c->flags = 0;
	c->nfds = r->nfds;
	c->fds = PTR(r->fds);
	if (r->has_ready) {
		c->flags |= WEFT_CQE_READY;
		c->ready = r->ready;
		c->edge = r->edge;
	}
	if (r->has_out) {
		c->flags |= WEFT_CQE_OUT;
		memcpy(c->out, r->out, sizeof c->out);
	}
}

int server_flush(struct server *s)
{
	if (s->ncqe == 0)
		return 0;
	i64 n = weft_scheme_serve(s->fd, PTR(s->cqe), s->ncqe, 0, 0, WEFT_NOW);
	s->ncqe = 0;
	s->nreply_fds = 0;
	return n < 0 && n != -EAGAIN && n != -ETIMEDOUT ? (int)n : 0;
}

/* The reply of a request that was not kept: it waits for the next call. */
static void queue_reply(struct server *s, struct request *r, i64 result)
{
	if (result < 0)
		drop_reply_fds(r);
	if (s->ncqe == SERVER_BATCH || s->nreply_fds + r->nfds > SERVER_BATCH)
		server_flush(s);
	struct weft_cqe *c = &s->cqe[s->ncqe++];
	fill_cqe(r, result, c);
	if (r->nfds) {
		memcpy(&s->reply_fds[s->nreply_fds], r->fds, r->nfds * sizeof r->fds[0]);
		c->fds = PTR(&s->reply_fds[s->nreply_fds]);
		s->nreply_fds += r->nfds;
	}
}

static const struct server_op *find_op(const struct server *s, u16 op)
{
	for (const struct server_op *o = s->ops->table; o && o->op; o++) {
		if (o->op == op)
			return o;
	}
	return NULL;
}

struct request *request_keep(struct request *r)
{
	if (r->kept)
		return r;
	struct request *k = malloc(sizeof *k);
	if (!k)
		return NULL;
	struct server *s = r->server;
	*k = *r;
	k->own = *r->sqe;
	k->sqe = &k->own;
	if (r->fds == r->fd_room)
		k->fds = k->fd_room;
	/* The copy owns the fds now. */
	r->sqe->nfds = 0;
	r->fds = r->fd_room;
	r->nfds = 0;
	k->kept = true;
	lock_take(&s->lock);
	k->prev = NULL;
	k->next = s->kept;
	if (s->kept)
		s->kept->prev = k;
	s->kept = k;
	lock_drop(&s->lock);
	return k;
}

static bool handle_is_kept(const struct server *s, u64 handle)
{
	for (const struct request *k = s->kept; k; k = k->next) {
		if (k->sqe->handle == handle)
			return true;
	}
	return false;
}

/* Takes a kept request off the list; -> its handle's close is due now. */
static bool unlink_kept(struct request *k)
{
	struct server *s = k->server;
	bool close_now = false;
	lock_take(&s->lock);
	if (k->prev)
		k->prev->next = k->next;
	else
		s->kept = k->next;
	if (k->next)
		k->next->prev = k->prev;
	for (struct server_closing **p = &s->closing; *p; p = &(*p)->next) {
		struct server_closing *c = *p;
		if (c->handle == k->sqe->handle && !handle_is_kept(s, c->handle)) {
			*p = c->next;
			free(c);
			close_now = true;
			break;
		}
	}
	lock_drop(&s->lock);
	return close_now;
}

int request_reply(struct request *k, i64 result)
{
	struct server *s = k->server;
	u64 handle = k->sqe->handle;
	i64 r = 0;
	/* Off the list first: once the reply is out, a CANCEL of this tag must find nothing. */
	bool close_now = unlink_kept(k);
	if (!k->dead && result != -WEFT_EREDELIVER) {
		struct weft_cqe c;
		if (result < 0)
			drop_reply_fds(k);
		fill_cqe(k, result, &c);
		r = weft_scheme_serve(s->fd, PTR(&c), 1, 0, 0, WEFT_NOW);
		if (r == -EAGAIN || r == -ETIMEDOUT)
			r = 0;
	} else {
		drop_reply_fds(k);
	}
	close_untaken(k->sqe);
	free_reply_fds(k);
	free(k);
	if (close_now && s->ops->close)
		s->ops->close(s, handle);
	return r < 0 ? (int)r : 0;
}

static void queue_work(struct server *s, struct request *k)
{
	lock_take(&s->lock);
	k->queued = true;
	k->work_next = NULL;
	if (s->work_tail)
		s->work_tail->work_next = k;
	else
		s->work_head = k;
	s->work_tail = k;
	__atomic_add_fetch(&s->work_seq, 1, __ATOMIC_RELEASE);
	lock_drop(&s->lock);
	futex_wake(&s->work_seq, 1);
}

static struct request *take_work(struct server *s)
{
	lock_take(&s->lock);
	struct request *k = s->work_head;
	if (k) {
		s->work_head = k->work_next;
		if (!s->work_head)
			s->work_tail = NULL;
		k->queued = false;
	}
	lock_drop(&s->lock);
	return k;
}

static void worker_main(void *arg)
{
	struct server *s = ((struct server_worker *)arg)->server;
	for (;;) {
		u32 seq = __atomic_load_n(&s->work_seq, __ATOMIC_ACQUIRE);
		struct request *k = take_work(s);
		if (k) {
			i64 result = k->op->fn(k);
			if (result != SERVER_LATER)
				request_reply(k, result);
		} else if (__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
			return;
		} else {
			futex_wait(&s->work_seq, seq, WEFT_FOREVER);
		}
	}
}

int server_start_workers(struct server *s, u32 n)
{
	s->workers = calloc(n, sizeof *s->workers);
	if (!s->workers)
		return -ENOMEM;
	for (u32 i = 0; i < n; i++) {
		s->workers[i].server = s;
		int r = nthread_create(&s->workers[i].thread, worker_main, &s->workers[i], 0);
		if (r < 0)
			return r;
		s->nworkers++;
	}
	return 0;
}

static void take_off_queue(struct server *s, struct request *k)
{
	struct request *before = NULL;
	for (struct request *w = s->work_head; w; before = w, w = w->work_next) {
		if (w != k)
			continue;
		if (before)
			before->work_next = k->work_next;
		else
			s->work_head = k->work_next;
		if (s->work_tail == k)
			s->work_tail = before;
		k->queued = false;
		return;
	}
}

static void handle_cancel(struct server *s, u64 tag)
{
	struct request *found = NULL;
	bool running = false;
	lock_take(&s->lock);
	for (struct request *k = s->kept; k && !found; k = k->next) {
		if (k->sqe->tag == tag)
			found = k;
	}
	if (found) {
		s->cancelled++;
		found->cancelled = true;
		if (found->queued)
			take_off_queue(s, found);
		else
			running = found->op && (found->op->flags & SERVER_WORKER) && s->nworkers;
	}
	lock_drop(&s->lock);
	/* One that a worker runs sees ->cancelled; it may be replied to and gone by now. */
	if (!found || running)
		return;
	if (s->ops->cancel)
		s->ops->cancel(found);
	else
		request_reply(found, -EINTR);
}

static void handle_close(struct server *s, u64 handle)
{
	struct server_closing *c = NULL;
	lock_take(&s->lock);
	if (handle_is_kept(s, handle))
		c = malloc(sizeof *c);
	if (c) {
		c->handle = handle;
		c->next = s->closing;
		s->closing = c;
	}
	lock_drop(&s->lock);
	if (!c && s->ops->close)
		s->ops->close(s, handle);
}

static void handle_one_way(struct server *s, struct weft_sqe *e)
{
	switch (e->op) {
	case WEFT_OP_CLOSE:
		handle_close(s, e->handle);
		break;
	case WEFT_OP_CANCEL:
		handle_cancel(s, e->args[0]);
		break;
	case WEFT_OP_REATTACH:
		if (!s->ops->reattach || s->ops->reattach(s, e->handle, e->args[0], e->args[1]) < 0)
			weft_scheme_ctl(s->fd, WEFT_SCHEME_ABANDON, e->handle, 0, 0);
		break;
	case WEFT_OP_REOPENED:
		if (!s->ops->reopened || s->ops->reopened(s, e->handle, e->args[0], e->args[1]) < 0)
			weft_scheme_ctl(s->fd, WEFT_SCHEME_ABANDON, e->handle, 0, 0);
		break;
	case WEFT_OP_OWNER_GONE:
		if (s->ops->owner_gone)
			s->ops->owner_gone(s, (u32)e->args[0], e->handle);
		break;
	default: {
		/* Other one-way operations (PAGE_IDLE) are the table's; there is nobody to reply to. */
		const struct server_op *o = find_op(s, e->op);
		struct request r = {.server = s, .sqe = e, .op = o};
		r.fds = r.fd_room;
		if (o)
			o->fn(&r);
	}
	}
	close_untaken(e);
}

static i64 call_handler(struct server *s, struct request *r)
{
	const struct server_op *o = r->op;
	if (!o)
		return s->ops->other ? s->ops->other(r) : -ENOSYS;
	if (r->sqe->nbufs < o->min_bufs || r->sqe->nfds < o->min_fds)
		return -EINVAL;
	if ((o->flags & SERVER_WORKER) && s->nworkers) {
		struct request *k = request_keep(r);
		if (!k)
			return -ENOMEM;
		queue_work(s, k);
		return SERVER_LATER;
	}
	return o->fn(r);
}

static void handle_request(struct server *s, struct weft_sqe *e)
{
	struct request r;
	r.server = s;
	r.sqe = e;
	r.has_out = r.has_ready = r.cancelled = r.dead = r.kept = r.queued = false;
	r.nfds = 0;
	r.fds = r.fd_room;
	r.data = NULL;
	r.op = find_op(s, e->op);
	s->served++;
	i64 result = call_handler(s, &r);
	if (result == SERVER_LATER)
		return;
	if (r.dead || result == -WEFT_EREDELIVER) {
		s->redelivered++;
		drop_reply_fds(&r);
	} else {
		queue_reply(s, &r, result);
	}
	if (e->nfds)
		close_untaken(e);
	if (r.fds != r.fd_room)
		free_reply_fds(&r);
}

i64 server_turn(struct server *s, i64 deadline)
{
	i64 n = weft_scheme_serve(s->fd, PTR(s->cqe), s->ncqe, PTR(s->sqe), SERVER_BATCH, deadline);
	s->ncqe = 0;
	s->nreply_fds = 0;
	for (i64 i = 0; i < n; i++) {
		if (s->sqe[i].tag)
			handle_request(s, &s->sqe[i]);
		else
			handle_one_way(s, &s->sqe[i]);
	}
	if (n > 0 && s->ops->idle)
		s->ops->idle(s);
	return n;
}

int server_run(struct server *s)
{
	while (!s->stop) {
		i64 n = server_turn(s, WEFT_FOREVER);
		if (n < 0 && n != -EINTR && n != -EAGAIN && n != -ETIMEDOUT)
			return (int)n;
	}
	return server_flush(s);
}

void server_stop(struct server *s)
{
	__atomic_store_n(&s->stop, true, __ATOMIC_RELEASE);
	__atomic_add_fetch(&s->work_seq, 1, __ATOMIC_RELEASE);
	futex_wake(&s->work_seq, INT32_MAX);
}

static void server_source_ready(struct loop_source *src, u32 ready)
{
	struct server *s = src->server;
	if (!(ready & WEFT_POLLIN)) {
		if (ready & (WEFT_POLLHUP | WEFT_POLLERR))
			loop_stop(s->loop);
		return;
	}
	while (server_turn(s, WEFT_NOW) > 0 && !s->loop->stop)
		;
}

int server_attach(struct server *s, struct loop *l)
{
	s->source = (struct loop_source){.fn = server_source_ready, .fd = s->fd, .events = WEFT_POLLIN, .server = s};
	int r = loop_add(l, &s->source);
	if (r < 0)
		return r;
	s->loop = l;
	s->loop_next = l->servers;
	l->servers = s;
	l->nservers++;
	return 0;
}

void server_finish(struct server *s)
{
	server_stop(s);
	for (u32 i = 0; i < s->nworkers; i++)
		nthread_join(&s->workers[i].thread);
	free(s->workers);
	s->workers = NULL;
	s->nworkers = 0;
	while (s->kept)
		request_reply(s->kept, -EIO);
	if (s->loop) {
		loop_remove(s->loop, &s->source);
		for (struct server **p = &s->loop->servers; *p; p = &(*p)->loop_next) {
			if (*p == s) {
				*p = s->loop_next;
				s->loop->nservers--;
				break;
			}
		}
		s->loop = NULL;
	}
	server_flush(s);
	weft_fd_close(s->fd);
}

int server_ready(struct server *s, u64 handle, u32 mask, bool edge)
{
	return (int)weft_scheme_ctl(s->fd, WEFT_SCHEME_READY, handle, mask, edge);
}

int server_identify(struct server *s, i32 fd, u64 *handle)
{
	i64 r = weft_scheme_ctl(s->fd, WEFT_SCHEME_IDENTIFY, fd, 0, 0);
	if (r < 0)
		return (int)r;
	*handle = (u64)r;
	return 0;
}
