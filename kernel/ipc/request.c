/* SPDX-License-Identifier: MIT */
/*
 * The client's side of a request: fd_call, and what the kernel itself asks of a server.
 *
 * The fast path is fd_call -> request_enqueue -> direct switch to a server thread that waits ->
 * (its reply) -> direct switch back: no allocation, and nothing touched but the request, the
 * scheme and the two stacks.
 */
#include "scheme_impl.h"

#define REDELIVERIES_MAX 256u
#define FAULT_AHEAD	 (256ul << 10)

static void cancel_done(struct oneway *w)
{
	struct request *r = container_of(w, struct request, cancel);

	/* Its client died while the notice was on its way. */
	if (!r->thread)
		kfree(r);
}

static void request_init(struct request *r)
{
	memset(r, 0, sizeof(*r));
	list_init(&r->q.link);
	list_init(&r->serve_link);
	list_init(&r->tag_link);
	list_init(&r->cancel.q.link);
}

struct request *request_own(struct thread *t)
{
	struct request *r = t->req;
	struct client_request *c;

	if (likely(r))
		return r;
	c = kzalloc(sizeof(*c));
	if (!c)
		return NULL;
	r = &c->r;
	request_init(r);
	r->bufs = c->bufs;
	r->fds = c->fds;
	r->cancel.op = WEFT_OP_CANCEL;
	r->cancel.done = cancel_done;
	r->thread = t;
	t->req = r;
	return r;
}

struct request *request_begin(u16 op, u16 flags)
{
	struct request *r = request_own(current_thread());

	if (!r)
		return NULL;
	r->op = op;
	r->flags = flags;
	r->nfds = r->max_fds = r->nbufs = 0;
	memset(r->args, 0, sizeof(r->args));
	return r;
}

void ipc_thread_dying(struct thread *t)
{
	struct request *r = t->req;

	if (!r)
		return;
	/* Its request was detached by request_run already: here it can only be idle. */
	kassert(r->state == REQ_IDLE);
	scheme_unserve(r);
	t->req = NULL;
	r->thread = NULL;
	if (!oneway_queued(&r->cancel))
		kfree(r);
}

void request_drop_fds(struct request *r)
{
	passed_drop(r->fds, r->nfds);
	r->nfds = 0;
}

struct request *request_by_tag(struct scheme *s, u64 tag)
{
	struct request *r;

	list_for_each(r, &s->tags[tag % TAG_BUCKETS], tag_link)
		if (r->tag == tag)
			return r;
	return NULL;
}

int request_enqueue(struct request *r, bool first)
{
	struct scheme *s = r->s;

	if (unlikely(!s->server && s->expired))
		return -EIO;
	r->q.kind = Q_REQUEST;
	r->state = REQ_QUEUED;
	list_add_after(first ? &s->queue : s->queue.prev, &r->q.link);
	scheme_wake_server(s, r->prio, r->client);
	return 0;
}

/* Takes it out of whatever it is in; its tag is dead afterwards. */
static void request_unlink(struct request *r)
{
	list_del(&r->tag_link);
	list_del(&r->q.link);
}

void request_finish(struct request *r, i64 result, bool direct)
{
	struct scheme *s = r->s;

	request_unlink(r);
	r->result = result;
	r->state = REQ_DONE;
	if (likely(r->client)) {
		if (likely(direct))
			thread_wake_direct(r->client, 0);
		else
			thread_wake(r->client, 0);
		return;
	}
	r->fn(r, result);
	scheme_put(s);
}

/* The server that had received it is dead. */
void request_server_died(struct request *r)
{
	bool again =
		r->flags & WEFT_REQ_IDEMPOTENT || (r->op == WEFT_OP_READ && (i64)r->args[0] >= 0);

	if (!r->client) {
		request_finish(r, -WEFT_EREDELIVER, false);
		return;
	}
	if (!again || r->cancelled) {
		request_finish(r, again ? -EINTR : -EIO, false);
		return;
	}
	request_unlink(r);
	r->sqe_flags |= WEFT_SQE_REDELIVERED;
	r->state = REQ_QUEUED;
	list_add_after(&r->s->queue, &r->q.link);
}

/* The server has it: it is told, once, that the client wants no more than its final reply. */
static void request_cancel(struct request *r)
{
	if (r->cancelled || oneway_queued(&r->cancel))
		return;
	r->cancelled = true;
	r->cancel.handle = r->id;
	r->cancel.args[0] = r->tag;
	scheme_queue_oneway(r->s, &r->cancel, false);
}

/* The client gives up a request that a server may have: after this no byte of the client is
 * touched. */
static i64 request_detach(struct request *r)
{
	bool delivered = r->state == REQ_DELIVERED;

	request_unlink(r);
	r->state = REQ_IDLE;
	if (delivered)
		request_cancel(r);
	return -EINTR;
}

/* A server met an absent page of ours: bring it in, as much as the server will want, and ask again.
 */
static int request_fault_in(struct request *r)
{
	struct as *as = current_process()->as;
	u64 end = MIN(r->fault_end, r->fault_addr + FAULT_AHEAD);

	if (r->cancelled)
		return -EINTR;
	if (++r->tries > REDELIVERIES_MAX || as_fault(as, r->fault_addr, r->fault_write, false))
		return -EFAULT;
	for (u64 a = ALIGN_UP(r->fault_addr + 1, PAGE_SIZE); a < end; a += PAGE_SIZE)
		if (current_thread()->killed || as_fault(as, a, r->fault_write, false))
			break;
	if (current_thread()->killed)
		return -EINTR;
	r->sqe_flags |= WEFT_SQE_REDELIVERED;
	return request_enqueue(r, true);
}

static i64 request_wait(struct request *r)
{
	enum block_mode mode = r->flags & WEFT_REQ_NOINTR ? BLOCK_KILLABLE : BLOCK_INTERRUPTIBLE;
	int err;

	while (r->state != REQ_DONE) {
		if (r->state == REQ_ABSENT) {
			err = request_fault_in(r);
			if (err)
				return err;
			continue;
		}
		err = thread_block(NULL, (u64)WEFT_FOREVER, mode);
		if (likely(err != -EINTR) || r->state == REQ_DONE)
			continue;
		if (current_thread()->killed || r->state == REQ_QUEUED)
			return request_detach(r);
		if (r->state == REQ_DELIVERED) {
			request_cancel(r);
			mode = BLOCK_KILLABLE;
		}
	}
	return r->result;
}

/*
 * Sends r (op, flags, args, bufs and fds are set) to h's server and waits for the result. May
 * block. Takes no reference: the caller holds a capability of h. Received fds are in r->fds on
 * return; the caller takes them or drops them.
 */
i64 request_run(struct request *r, struct handle *h)
{
	struct thread *t = current_thread();
	struct scheme *s = h->s;
	i64 result;
	int err;

	if (unlikely(h->abandoned || s->gone)) {
		request_drop_fds(r);
		return -EIO;
	}
	if (unlikely(oneway_queued(&r->cancel)))
		list_del(&r->cancel.q.link);
	while (unlikely(s->nreq >= s->max)) {
		err = thread_block(&s->room, (u64)WEFT_FOREVER,
			r->flags & WEFT_REQ_NOINTR ? BLOCK_KILLABLE : BLOCK_INTERRUPTIBLE);
		if (err == -EINTR || s->gone) {
			request_drop_fds(r);
			return err == -EINTR ? -EINTR : -EIO;
		}
	}
	r->s = s;
	r->h = h;
	r->id = h->id;
	r->client = t;
	r->pid = t->proc->pid;
	r->tid = t->tid;
	r->identity = thread_identity(t)->number;
	r->prio = t->prio;
	r->sqe_flags = h->obj.status & K_O_NONBLOCK ? WEFT_SQE_NONBLOCK : 0;
	r->cancelled = r->has_out = false;
	r->tries = 0;
	s->nreq++;
	err = unlikely(h->flags & WEFT_HANDLE_WATCH_OWNER) ? handle_note_owner(h, r->pid) : 0;
	if (likely(!err))
		err = request_enqueue(r, false);
	result = likely(!err) ? request_wait(r) : err;
	s->nreq--;
	if (unlikely(!list_empty(&s->room.threads)))
		waitq_wake(&s->room, 1, 0);
	if (unlikely(r->state != REQ_DONE))
		request_drop_fds(r);
	/* A notice that never reached the server has become pointless, unless we die (IDLE): then
	 * it is the last word. */
	if (unlikely(oneway_queued(&r->cancel)) && r->state != REQ_IDLE)
		list_del(&r->cancel.q.link);
	r->state = REQ_IDLE;
	r->client = NULL;
	return result;
}

static int take_bufs(struct request *r, const struct weft_req *q)
{
	if (q->nbufs > WEFT_REQ_BUFS || q->nfds > WEFT_REQ_FDS || q->max_fds > WEFT_REQ_FDS)
		return -EINVAL;
	if (q->nbufs && copy_from_user(r->bufs, q->bufs, q->nbufs * sizeof(*r->bufs)))
		return -EFAULT;
	for (u32 i = 0; i < q->nbufs; i++) {
		const struct weft_buf *b = &r->bufs[i];

		if (b->flags & ~(WEFT_BUF_IN | WEFT_BUF_OUT))
			return -EINVAL;
		if (!user_range(b->addr, b->len))
			return -EFAULT;
	}
	return 0;
}

/* Installs what the server gave. All or nothing. */
static i64 give_fds(struct request *r, const struct weft_req *q, u64 ureq)
{
	i64 n = r->nfds;

	if (copy_to_user(ureq + offsetof(struct weft_req, nfds_out), &r->nfds, sizeof(r->nfds)))
		n = -EFAULT;
	else if (n)
		n = passed_give(r->fds, r->nfds, q->fds_out, q->flags & FD_NEW, true);
	request_drop_fds(r);
	return n;
}

i64 sys_fd_call(u64 fd, u64 ureq)
{
	struct fd_entry *e = fd_peek((i32)fd);
	struct weft_req q;
	struct request *r;
	struct object *o;
	i64 result, err;

	if (unlikely(!e))
		return -EBADF;
	o = e->o;
	if (unlikely(o->type != WEFT_OBJ_HANDLE))
		return -EINVAL;
	r = request_own(current_thread());
	if (unlikely(!r))
		return -ENOMEM;
	object_fd_get(o);
	r->nfds = 0;
	result = -EFAULT;
	if (unlikely(copy_from_user_nofault(&q, ureq, sizeof(q)) &&
		    copy_from_user(&q, ureq, sizeof(q))))
		goto out;
	result = -EINVAL;
	if (unlikely(q.op < WEFT_OP_USER ||
		    q.flags &
			    ~(WEFT_REQ_CLOEXEC | WEFT_REQ_PRIVATE | WEFT_REQ_NOINTR |
				    WEFT_REQ_IDEMPOTENT)))
		goto out;
	r->op = q.op;
	r->flags = q.flags;
	r->nbufs = q.nbufs;
	r->max_fds = q.max_fds;
	for (u32 i = 0; i < 6; i++)
		r->args[i] = q.args[i];
	if (q.nbufs | q.nfds | q.max_fds) {
		result = take_bufs(r, &q);
		if (!result && q.nfds)
			result = passed_take(r->fds, q.fds, q.nfds);
		if (unlikely(result))
			goto out;
		r->nfds = q.nfds;
	}
	result = request_run(r, container_of(o, struct handle, obj));
	if (r->has_out &&
		copy_to_user(ureq + offsetof(struct weft_req, out), r->out, sizeof(r->out)))
		result = -EFAULT;
	if (q.max_fds) {
		err = give_fds(r, &q, ureq);
		if (unlikely(err < 0))
			result = err;
	}
out:
	object_fd_put(o);
	return result;
}

int scheme_kernel_request(struct request *r, struct scheme *s, u16 op, u64 handle,
	const u64 args[6], void (*fn)(struct request *r, i64 result))
{
	int err;

	request_init(r);
	r->s = s;
	r->op = op;
	r->id = handle;
	memcpy(r->args, args, sizeof(r->args));
	r->fn = fn;
	r->prio = WEFT_PRIO_NORMAL;
	err = s->gone ? -EIO : request_enqueue(r, false);
	if (!err)
		scheme_get(s);
	return err;
}
