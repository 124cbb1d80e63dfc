/* SPDX-License-Identifier: MIT */
/*
 * Schemes: making them, the life and death of servers, the queue. See scheme_impl.h for the
 * protocol.
 *
 * Death of a server (its server end's last fd is gone) happens inside some fd close: nothing here
 * may block.
 */
#include "scheme_impl.h"

#define ORPHAN_NS_DEFAULT 2000000000ul
#define REQUESTS_DEFAULT  1024u
#define REQUESTS_MAX	  32768u

struct list schemes = {&schemes, &schemes};

static const struct obj_ops endpoint_ops, server_ops;

void scheme_get(struct scheme *s)
{
	object_get(&s->obj);
}

void scheme_put(struct scheme *s)
{
	object_put(&s->obj);
}

int user_touch(u64 addr, u64 len, bool write)
{
	struct as *as = current_process()->as;

	if (!user_range(addr, len))
		return -EFAULT;
	for (u64 a = ALIGN_DOWN(addr, PAGE_SIZE); a < addr + len; a += PAGE_SIZE)
		if (as_fault(as, MAX(a, addr), write, false))
			return -EFAULT;
	return 0;
}

static u32 server_ready(struct object *o)
{
	struct server *sv = container_of(o, struct server, obj);

	if (sv->s->server != sv)
		return WEFT_POLLERR | WEFT_POLLHUP;
	return list_empty(&sv->s->queue) ? 0 : WEFT_POLLIN;
}

/* What completes may try to queue again, and is refused. */
static void fail_queued(struct scheme *s)
{
	struct qnode *q;

	while (!list_empty(&s->queue)) {
		q = list_first(&s->queue, struct qnode, link);
		if (q->kind == Q_REQUEST)
			request_fail(container_of(q, struct request, q), -EIO);
		else
			oneway_drop(container_of(q, struct oneway, q));
	}
	waitq_wake(&s->room, ~0u, 0);
}

/* No server, and none can come any more. */
static void scheme_gone(struct scheme *s)
{
	struct handle *h;

	s->gone = s->expired = true;
	ktimer_cancel(&s->orphan_timer);
	fail_queued(s);
	list_for_each(h, &s->handles, link)
		handle_abandon(h);
	pager_scheme_died(s, true);
}

static void orphan_expired(struct ktimer *t)
{
	HELD struct scheme *s = container_of(t, struct scheme, orphan_timer);

	scheme_get(s);
	s->expired = true;
	fail_queued(s);
}

/* The server end's last fd is closed: the server is dead. */
static void server_closed(struct object *o)
{
	struct server *sv = container_of(o, struct server, obj);
	struct scheme *s = sv->s;
	struct qnode *q;

	kassert(s->server == sv);
	s->server = NULL;
	while (!list_empty(&s->threads))
		scheme_unserve(list_first(&s->threads, struct request, serve_link));
	waitq_wake(&s->servers, ~0u, 0);
	/* Notices were for the dead one: a successor learns of live handles by REATTACH. */
	list_for_each(q, &s->queue, link) {
		struct oneway *w = container_of(q, struct oneway, q);

		if (q->kind == Q_ONEWAY && w->op != WEFT_OP_PAGE_IDLE)
			oneway_drop(w);
	}
	/* Last received, first queued again: their order stays. */
	while (!list_empty(&s->delivered)) {
		q = list_entry(s->delivered.prev, struct qnode, link);
		request_server_died(container_of(q, struct request, q));
	}
	if (!s->obj.fds) {
		scheme_gone(s);
	} else {
		pager_scheme_died(s, false);
		if (s->orphan_ns < (u64)WEFT_FOREVER - now_ns())
			ktimer_arm(&s->orphan_timer, now_ns() + s->orphan_ns);
	}
}

static void server_destroy(struct object *o)
{
	struct server *sv = container_of(o, struct server, obj);

	scheme_put(sv->s);
	kfree(sv);
}

static void endpoint_closed(struct object *o)
{
	struct scheme *s = container_of(o, struct scheme, obj);

	if (!s->server)
		scheme_gone(s);
}

static void endpoint_destroy(struct object *o)
{
	struct scheme *s = container_of(o, struct scheme, obj);

	ktimer_cancel(&s->orphan_timer);
	kassert(list_empty(&s->delivered) && list_empty(&s->handles) && list_empty(&s->queue));
	list_del(&s->all_link);
	kfree(s);
}

static u32 endpoint_ready(struct object *o)
{
	/* Readable while it wants a server: init polls it to restart what has died. */
	return container_of(o, struct scheme, obj)->server ? WEFT_POLLOUT : WEFT_POLLIN;
}

static const struct obj_ops endpoint_ops = {
	.ready = endpoint_ready,
	.closed = endpoint_closed,
	.destroy = endpoint_destroy,
};
static const struct obj_ops server_ops = {
	.ready = server_ready,
	.closed = server_closed,
	.destroy = server_destroy,
};

static struct scheme *scheme_new(const struct weft_scheme_limits *l)
{
	struct scheme *s = object_new(sizeof(*s), WEFT_OBJ_ENDPOINT, &endpoint_ops);

	if (!s)
		return NULL;
	list_init(&s->queue);
	list_init(&s->delivered);
	list_init(&s->threads);
	list_init(&s->handles);
	list_init(&s->watched);
	for (u32 i = 0; i < TAG_BUCKETS; i++)
		list_init(&s->tags[i]);
	waitq_init(&s->servers);
	waitq_init(&s->room);
	ktimer_init(&s->orphan_timer, orphan_expired);
	list_add_tail(&schemes, &s->all_link);
	s->orphan_ns = l->orphan_ns ? l->orphan_ns : ORPHAN_NS_DEFAULT;
	s->max = MIN(l->max_requests ? l->max_requests : REQUESTS_DEFAULT, REQUESTS_MAX);
	s->rank = l->rank;
	return s;
}

i64 sys_scheme_create(u64 flags, u64 ufds, u64 ulimits)
{
	HELD struct scheme *s = NULL;
	struct weft_scheme_limits l;
	i32 fds[2];
	int err;

	if (flags)
		return -EINVAL;
	if (!ulimits)
		return -EPERM;
	TRY(copy_from_user(&l, ulimits, sizeof(l)));
	TRY(resource_require(l.authority, WEFT_RES_SCHEME, NULL));
	s = scheme_new(&l);
	if (!s)
		return -ENOMEM;
	fds[0] = TRY(scheme_succeed(s));
	fds[1] = fd_install(current_process(), &s->obj, WEFT_RIGHT_ALL, FD_NEW);
	err = fds[1] < 0 ? fds[1] : copy_to_user(ufds, fds, sizeof(fds));
	if (err)
		passed_uninstall(fds, 2);
	return err;
}

/* endpoint: SUCCEED. A new server end; REATTACH for each handle goes before all requests that wait.
 */
i32 scheme_succeed(struct scheme *s)
{
	HELD struct server *sv = NULL;
	i32 fd;

	if (s->server)
		return -EBUSY;
	if (s->gone)
		return -EIO;
	sv = object_new(sizeof(*sv), WEFT_OBJ_SCHEME, &server_ops);
	if (!sv)
		return -ENOMEM;
	sv->s = s;
	scheme_get(s);
	fd = fd_install(current_process(), &sv->obj, WEFT_RIGHT_ALL, FD_NEW);
	if (fd >= 0) {
		ktimer_cancel(&s->orphan_timer);
		s->expired = false;
		s->server = sv;
		/* Backwards, each to the front: the oldest handle comes first. */
		for (struct list *p = s->handles.prev; p != &s->handles; p = p->prev)
			handle_reattach(list_entry(p, struct handle, link));
	}
	return fd;
}

void scheme_wake_server(struct scheme *s, u32 prio, bool direct)
{
	struct request *r;

	if (!list_empty(&s->servers.threads)) {
		struct thread *t = list_first(&s->servers.threads, struct thread, wait_link);

		if (direct)
			thread_wake_direct(t, 0);
		else
			thread_wake(t, 0);
		return;
	}
	if (!s->server)
		return;
	if (!list_empty(&s->server->obj.watchers))
		object_notify(&s->server->obj, WEFT_POLLIN);
	/* All of its threads are busy: they go on with the priority of who waits for them. */
	if (prio <= s->boost)
		return;
	s->boost = prio;
	list_for_each(r, &s->threads, serve_link)
		if (r->thread->prio < prio)
			sched_set_prio(r->thread, prio);
}

void scheme_unserve(struct request *r)
{
	if (!r->serving)
		return;
	r->serving = NULL;
	list_del(&r->serve_link);
	if (r->thread->prio != r->thread->base_prio)
		sched_set_prio(r->thread, r->thread->base_prio);
}

void scheme_one_way(struct scheme *s, struct oneway *w, u16 op, u64 handle)
{
	if (oneway_queued(w))
		return;
	w->op = op;
	w->handle = handle;
	w->q.kind = Q_ONEWAY;
	if (s->gone || (!s->server && op != WEFT_OP_PAGE_IDLE)) {
		oneway_drop(w);
		return;
	}
	/* A new server hears of its handles before anything else. */
	list_add_after(op == WEFT_OP_REATTACH ? &s->queue : s->queue.prev, &w->q.link);
	if (op != WEFT_OP_REOPENED)
		scheme_wake_server(s, 0, false);
}

struct scheme *scheme_of_server_fd(i32 fd)
{
	HELD struct server *sv = NULL;
	int err = scheme_of_fd(fd, &sv);

	if (err)
		return ERR_PTR(err);
	scheme_get(sv->s);
	return sv->s;
}

int scheme_of_fd(i32 fd, struct server **out)
{
	struct fd_entry *e = fd_peek(fd);
	struct server *sv;

	if (!e)
		return -EBADF;
	if (e->o->type != WEFT_OBJ_SCHEME)
		return -EINVAL;
	if (!(e->rights & WEFT_RIGHT_CONTROL))
		return -EPERM;
	sv = container_of(e->o, struct server, obj);
	if (sv->s->server != sv)
		return -EBADF;
	object_get(e->o);
	*out = sv;
	return 0;
}
