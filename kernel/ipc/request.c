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
#define REQ_FLAGS	 (WEFT_REQ_CLOEXEC | WEFT_REQ_PRIVATE | WEFT_REQ_NOINTR | WEFT_REQ_IDEMPOTENT)

static void cancel_done(struct oneway *w)
{
	struct request *r = container_of(w, struct request, cancel);

	/* Its client died while the notice was on its way. */
	if (!r->thread)
		kfree(r);
}

struct request *request_own(struct thread *t)
{
	struct request *r = t->req;

	if (likely(r))
		return r;
	r = kzalloc(sizeof(*r) + WEFT_REQ_BUFS * sizeof(*r->bufs) + WEFT_REQ_FDS * sizeof(*r->fds));
	if (!r)
		return NULL;
	r->bufs = (struct weft_buf *)(r + 1);
	r->fds = (struct passed *)(r->bufs + WEFT_REQ_BUFS);
	list_init(&r->tag_link);
	oneway_init(&r->cancel);
	r->cancel.done = cancel_done;
	r->thread = t;
	t->req = r;
	return r;
}

struct request *request_begin(u16 op, u16 flags)
{
	struct request *r = request_own(current_thread());

	if (unlikely(!r))
		return NULL;
	r->flags = flags;
	r->sqe.op = op;
	r->sqe.nbufs = r->sqe.nfds = r->sqe.max_fds = 0;
	for (u32 i = 0; i < ARRAY_SIZE(r->sqe.args); i++)
		r->sqe.args[i] = 0;
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
	passed_drop(r->fds, r->sqe.nfds);
	r->sqe.nfds = 0;
}

struct request *request_by_tag(struct scheme *s, u64 tag)
{
	struct request *r;

	list_for_each(r, &s->tags[tag % TAG_BUCKETS], tag_link)
		if (r->sqe.tag == tag)
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
	scheme_wake_server(s, r->sqe.prio, r->thread);
	return 0;
}

/* Takes it out of whatever it is in; its tag is dead afterwards. */
static void request_unlink(struct request *r)
{
	list_del(&r->tag_link);
	list_del(&r->q.link);
}

void request_finish(struct request *r, i64 result)
{
	struct scheme *s = r->s;

	request_unlink(r);
	r->result = result;
	r->state = REQ_DONE;
	if (likely(r->thread)) {
		thread_wake_direct(r->thread, 0);
	} else {
		r->fn(r, result);
		scheme_put(s);
	}
}

/* No server will answer: what it was sent goes, too. */
void request_fail(struct request *r, i64 error)
{
	request_drop_fds(r);
	request_finish(r, error);
}

/* The server that had received it is dead. */
void request_server_died(struct request *r)
{
	bool again = r->flags & WEFT_REQ_IDEMPOTENT ||
		(r->sqe.op == WEFT_OP_READ && (i64)r->sqe.args[0] >= 0);

	if (!r->thread || !again || r->cancelled) {
		request_fail(r, !r->thread ? -WEFT_EREDELIVER : again ? -EINTR : -EIO);
		return;
	}
	request_unlink(r);
	r->sqe.flags |= WEFT_SQE_REDELIVERED;
	kassert(!request_enqueue(r, true));
}

/* The server has it: it is told, once, that the client wants no more than its final reply. */
static void request_cancel(struct request *r)
{
	if (r->cancelled || oneway_queued(&r->cancel))
		return;
	r->cancelled = true;
	r->cancel.args[0] = r->sqe.tag;
	scheme_one_way(r->s, &r->cancel, WEFT_OP_CANCEL, r->sqe.handle);
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
	r->sqe.flags |= WEFT_SQE_REDELIVERED;
	return request_enqueue(r, true);
}

/* Queues it and waits for its result. */
static i64 request_wait(struct request *r, enum block_mode mode)
{
	if (unlikely(r->h->abandoned))
		return -EIO;
	if (unlikely(r->h->flags & WEFT_HANDLE_WATCH_OWNER))
		TRY(handle_note_owner(r->h, r->sqe.pid));
	TRY(request_enqueue(r, false));
	while (r->state != REQ_DONE) {
		if (r->state == REQ_ABSENT) {
			TRY(request_fault_in(r));
			continue;
		}
		if (likely(thread_block(NULL, (u64)WEFT_FOREVER, mode) != -EINTR))
			continue;
		if (r->state == REQ_DONE)
			break;
		if (r->state == REQ_DELIVERED) {
			request_cancel(r);
			mode = BLOCK_KILLABLE;
		}
		/* After this no byte of the client is touched. */
		if (current_thread()->killed || r->state == REQ_QUEUED) {
			request_unlink(r);
			r->state = REQ_IDLE;
			return -EINTR;
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
	enum block_mode mode = r->flags & WEFT_REQ_NOINTR ? BLOCK_KILLABLE : BLOCK_INTERRUPTIBLE;
	struct thread *t = current_thread();
	struct scheme *s = h->s;
	i64 result = 0;

	if (unlikely(oneway_queued(&r->cancel)))
		list_del(&r->cancel.q.link);
	while (unlikely(s->nreq >= s->max && !s->gone && !result))
		result = thread_block(&s->room, (u64)WEFT_FOREVER, mode);
	r->s = s;
	r->h = h;
	r->sqe.handle = h->id;
	r->sqe.pid = t->proc->pid;
	r->sqe.tid = t->tid;
	r->sqe.identity = thread_identity(t)->number;
	r->sqe.prio = t->prio;
	r->sqe.flags = h->obj.status & K_O_NONBLOCK ? WEFT_SQE_NONBLOCK : 0;
	r->cancelled = r->has_out = false;
	r->tries = 0;
	s->nreq++;
	if (likely(!result))
		result = request_wait(r, mode);
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
	return result;
}

static int take_bufs(struct request *r, const struct weft_req *q)
{
	if (q->nbufs > WEFT_REQ_BUFS || q->nfds > WEFT_REQ_FDS || q->max_fds > WEFT_REQ_FDS)
		return -EINVAL;
	if (q->nbufs)
		TRY(copy_from_user(r->bufs, q->bufs, q->nbufs * sizeof(*r->bufs)));
	for (u32 i = 0; i < q->nbufs; i++) {
		const struct weft_buf *b = &r->bufs[i];

		if (b->flags & ~(WEFT_BUF_IN | WEFT_BUF_OUT))
			return -EINVAL;
		if (!user_range(b->addr, b->len))
			return -EFAULT;
	}
	r->sqe.nbufs = q->nbufs;
	r->sqe.max_fds = q->max_fds;
	if (q->nfds)
		TRY(passed_take(r->fds, q->fds, q->nfds));
	r->sqe.nfds = q->nfds;
	return 0;
}

/* Installs what the server gave. All or nothing. */
static i64 give_fds(struct request *r, const struct weft_req *q, u64 ureq)
{
	i64 n = copy_to_user(ureq + offsetof(struct weft_req, nfds_out), &r->sqe.nfds,
		sizeof(r->sqe.nfds));

	if (!n)
		n = passed_give(r->fds, r->sqe.nfds, q->fds_out, q->flags & FD_NEW, true);
	request_drop_fds(r);
	return n;
}

static i64 call(struct handle *h, u64 ureq)
{
	struct weft_req q;
	struct request *r;
	i64 result, err;

	if (unlikely(copy_from_user_nofault(&q, ureq, sizeof(q))))
		TRY(copy_from_user(&q, ureq, sizeof(q)));
	if (unlikely(q.op < WEFT_OP_USER || q.flags & ~REQ_FLAGS))
		return -EINVAL;
	r = request_begin(q.op, q.flags);
	if (unlikely(!r))
		return -ENOMEM;
	for (u32 i = 0; i < ARRAY_SIZE(q.args); i++)
		r->sqe.args[i] = q.args[i];
	if (q.nbufs | q.nfds | q.max_fds)
		TRY(take_bufs(r, &q));
	result = request_run(r, h);
	if (r->has_out &&
		copy_to_user(ureq + offsetof(struct weft_req, out), r->out, sizeof(r->out)))
		result = -EFAULT;
	err = q.max_fds ? give_fds(r, &q, ureq) : 0;
	return unlikely(err < 0) ? err : result;
}

i64 sys_fd_call(u64 fd, u64 ureq)
{
	struct fd_entry *e = fd_peek((i32)fd);
	struct object *o;
	i64 result;

	if (unlikely(!e))
		return -EBADF;
	o = e->o;
	if (unlikely(o->type != WEFT_OBJ_HANDLE))
		return -EINVAL;
	object_fd_get(o);
	result = call(container_of(o, struct handle, obj), ureq);
	object_fd_put(o);
	return result;
}

int scheme_kernel_request(struct request *r, struct scheme *s, u16 op, u64 handle,
	const u64 args[6], void (*fn)(struct request *r, i64 result))
{
	*r = (struct request){.s = s,
		.fn = fn,
		.sqe = {.op = op, .handle = handle, .prio = WEFT_PRIO_NORMAL}};
	memcpy(r->sqe.args, args, sizeof(r->sqe.args));
	list_init(&r->tag_link);
	TRY(request_enqueue(r, false));
	scheme_get(s);
	return 0;
}
