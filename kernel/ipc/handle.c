/* SPDX-License-Identifier: MIT */
/*
 * Handles: open nodes of a scheme. Reading and writing go straight to the attached memory object,
 * or become requests. The shared offset belongs to the handle and is held busy while an operation
 * that moves it is under way.
 *
 * `notice` tells the server about the handle: REATTACH while it is live (withdrawn if it is closed
 * before it was received), and CLOSE once, after which nothing refers to the handle but that
 * notice.
 */
#include "scheme_impl.h"

#define IO_MAX 0x7ffff000ul
enum { SEEK_SET_, SEEK_CUR_, SEEK_END_, SEEK_DATA_, SEEK_HOLE_ };

/* All handles that have an id, of all schemes. */
#define BUCKETS 4096u
static struct list by_id[BUCKETS];

static struct list *bucket(const struct scheme *s, u64 id)
{
	struct list *l = &by_id[((id + s->obj.id) * 0x9e3779b97f4a7c15ul >> 32) % BUCKETS];

	if (!l->next)
		list_init(l);
	return l;
}

struct handle *scheme_find(struct scheme *s, u64 id)
{
	struct handle *h;

	list_for_each(h, bucket(s, id), hash_link)
		if (h->id == id && h->s == s)
			return h;
	return NULL;
}

static void detach_mem(struct handle *h)
{
	if (!h->mem)
		return;
	memobj_detach(h->mem);
	object_put(memobj_object(h->mem));
	h->mem = NULL;
}

/* From now on it has no name to its server. */
static void handle_forget(struct handle *h)
{
	list_del(&h->notice.q.link);
	list_del(&h->link);
	list_del(&h->hash_link);
	list_del(&h->watch_link);
	detach_mem(h);
}

void handle_set_ready(struct handle *h, u32 mask, bool edge)
{
	u32 risen = mask & ~h->ready;

	h->ready = mask;
	if ((edge || risen) && !list_empty(&h->obj.watchers))
		object_notify(&h->obj, edge ? mask : risen);
}

void handle_abandon(struct handle *h)
{
	if (h->abandoned)
		return;
	h->abandoned = true;
	list_del(&h->notice.q.link);
	object_notify(&h->obj, WEFT_POLLERR | WEFT_POLLHUP);
}

static u32 handle_ready(struct object *o)
{
	struct handle *h = container_of(o, struct handle, obj);

	if (h->abandoned || h->s->gone)
		return h->ready | WEFT_POLLERR | WEFT_POLLHUP;
	return h->mem ? WEFT_POLLIN | WEFT_POLLOUT : h->ready;
}

static void notice_done(struct oneway *w)
{
	if (w->op == WEFT_OP_CLOSE)
		object_put(&container_of(w, struct handle, notice)->obj);
}

void handle_reattach(struct handle *h)
{
	if (h->abandoned || !h->obj.fds)
		return;
	h->notice.args[0] = h->attr.ino;
	h->notice.args[1] = h->obj.status;
	scheme_one_way(h->s, &h->notice, WEFT_OP_REATTACH, h->id);
}

/* A process that has used a handle while it was watched. */
struct owner {
	struct list link;   /* in handle.owners */
	struct oneway gone; /* args[0]: its pid */
};

static void owner_done(struct oneway *w)
{
	struct owner *o = container_of(w, struct owner, gone);

	list_del(&o->link);
	kfree(o);
}

int handle_note_owner(struct handle *h, u32 pid)
{
	struct owner *o;

	list_for_each(o, &h->owners, link)
		if (o->gone.args[0] == pid && !oneway_queued(&o->gone))
			return 0;
	o = kzalloc(sizeof(*o));
	if (!o)
		return -ENOMEM;
	oneway_init(&o->gone);
	o->gone.done = owner_done;
	o->gone.args[0] = pid;
	list_add_tail(&h->owners, &o->link);
	return 0;
}

void ipc_process_exited(struct process *p)
{
	struct scheme *s;
	struct handle *h;
	struct owner *o;

	list_for_each(s, &schemes, all_link)
		list_for_each(h, &s->watched, watch_link)
			list_for_each(o, &h->owners, link)
				if (o->gone.args[0] == p->pid)
					scheme_one_way(s, &o->gone, WEFT_OP_OWNER_GONE, h->id);
}

static void handle_closed(struct object *o)
{
	struct handle *h = container_of(o, struct handle, obj);
	struct owner *w;
	/* A new server that never heard of it need not hear of its end. */
	bool known = !oneway_queued(&h->notice) && !h->abandoned;

	handle_forget(h);
	list_for_each(w, &h->owners, link)
		oneway_drop(&w->gone);
	if (!h->id || !known)
		return;
	object_get(o);
	scheme_one_way(h->s, &h->notice, WEFT_OP_CLOSE, h->id);
}

static void handle_destroy(struct object *o)
{
	struct handle *h = container_of(o, struct handle, obj);

	/* It may never have had an fd: then closed() did not run, and its server has not heard of
	 * it. */
	handle_forget(h);
	scheme_put(h->s);
	kfree(h);
}

static int offset_lock(struct handle *h)
{
	while (h->off_busy)
		TRY(thread_block(&h->offq, (u64)WEFT_FOREVER, BLOCK_KILLABLE));
	h->off_busy = true;
	return 0;
}

static void offset_unlock(struct handle *h)
{
	h->off_busy = false;
	waitq_wake(&h->offq, 1, 0);
}

/* A read or write that the server does. */
static i64 remote_io(struct handle *h, struct uio *u, i64 off, u32 flags, bool write)
{
	u16 idempotent = h->flags & WEFT_HANDLE_RANDOM ? WEFT_REQ_IDEMPOTENT : 0;
	struct request *r = request_begin(write ? WEFT_OP_WRITE : WEFT_OP_READ, idempotent);
	u64 total = 0, at = u->at;

	if (!r)
		return -ENOMEM;
	kassert(!u->kernel);
	/* What does not fit into one request is a short count. */
	for (u32 i = u->idx; i < u->niov && r->sqe.nbufs < WEFT_REQ_BUFS && total < IO_MAX;
		i++, at = 0) {
		u64 n = MIN(u->iov[i].len - at, IO_MAX - total);

		if (!n)
			continue;
		r->bufs[r->sqe.nbufs++] = (struct weft_buf){u->iov[i].base + at, (u32)n,
			write ? WEFT_BUF_IN : WEFT_BUF_OUT};
		total += n;
	}
	memcpy(r->sqe.args, (u64[]){(u64)off, total, flags, h->obj.status}, 4 * sizeof(u64));
	return request_run(r, h);
}

static i64 io_at(struct handle *h, struct memobj *m, struct uio *u, i64 off, u32 flags, bool write)
{
	if (!m || (write && h->flags & WEFT_HANDLE_TRAP_WRITE))
		return remote_io(h, u, off, flags, write);
	return (write ? memobj_write : memobj_read)(m, u, (u64)off, flags);
}

static i64 handle_io(struct object *o, struct uio *u, i64 off, u32 flags, bool write)
{
	struct handle *h = container_of(o, struct handle, obj);
	struct memobj *m = h->mem;
	HELD struct object *held = m ? memobj_object(m) : NULL;
	i64 n;

	if (held)
		object_get(held);
	if (h->abandoned)
		return -EIO;
	if (off != -1 || (!m && !(h->flags & WEFT_HANDLE_RANDOM)))
		return io_at(h, m, u, off, flags, write);
	TRY(offset_lock(h));
	n = io_at(h, m, u, (i64)h->offset, flags, write);
	if (n > 0)
		h->offset =
			m && write && flags & WEFT_IO_APPEND ? memobj_size(m) : h->offset + (u64)n;
	offset_unlock(h);
	return n;
}

static i64 handle_read(struct object *o, struct uio *u, i64 off, u32 flags)
{
	return handle_io(o, u, off, flags, false);
}

static i64 handle_write(struct object *o, struct uio *u, i64 off, u32 flags)
{
	return handle_io(o, u, off, flags, true);
}

static i64 seek_remote(struct handle *h, u64 off, u64 whence)
{
	struct request *r = request_begin(WEFT_OP_SEEK, 0);

	if (!r)
		return -ENOMEM;
	r->sqe.args[0] = off;
	r->sqe.args[1] = whence;
	return request_run(r, h);
}

/* Where a seek in a file of this size leads to. */
static i64 seek_to(u64 at, u64 size, i64 off, u64 whence)
{
	const u64 base[] = {[SEEK_CUR_] = at, [SEEK_END_] = size, [SEEK_HOLE_] = size - (u64)off};

	/* Without extents known here the whole file is data, with the one hole at its end. */
	if (whence >= SEEK_DATA_ && (u64)off >= size)
		return -ENXIO;
	return __builtin_add_overflow((i64)base[whence], off, &off) || off < 0 ? -EINVAL : off;
}

static i64 handle_seek(struct handle *h, i64 off, u64 whence)
{
	if (h->flags & WEFT_HANDLE_NO_OFFSET)
		return -ESPIPE;
	if (h->abandoned)
		return -EIO;
	if (whence > SEEK_HOLE_)
		return -EINVAL;
	if (!h->mem && !(h->flags & WEFT_HANDLE_RANDOM))
		return seek_remote(h, (u64)off, whence);
	if (!h->mem && whence == SEEK_END_) {
		off = TRY(seek_remote(h, (u64)off, whence));
		whence = SEEK_SET_;
	}
	TRY(offset_lock(h));
	off = seek_to(h->offset, h->mem ? memobj_size(h->mem) : 0, off, whence);
	if (off >= 0)
		h->offset = (u64)off;
	offset_unlock(h);
	return off;
}

static i64 handle_ctl(struct object *o, u32 op, u64 a, u64 b)
{
	struct handle *h = container_of(o, struct handle, obj);

	if (op == WEFT_FD_SEEK)
		return handle_seek(h, (i64)a, b);
	if (op != WEFT_FD_AVAIL || !h->mem)
		return -EINVAL;
	return memobj_size(h->mem) > h->offset ? (i64)(memobj_size(h->mem) - h->offset) : 0;
}

void handle_info(struct object *o, struct weft_fd_info *out)
{
	struct handle *h = container_of(o, struct handle, obj);

	out->scheme = h->s->obj.id;
	out->attr = h->attr;
	if (h->mem)
		out->flags |= WEFT_INFO_HAS_MEM;
	if (!h->s->server)
		out->flags |= WEFT_INFO_ORPHAN;
}

static struct memobj *handle_mem(struct object *o)
{
	return container_of(o, struct handle, obj)->mem;
}

static const struct obj_ops handle_ops = {
	.read = handle_read,
	.write = handle_write,
	.ready = handle_ready,
	.ctl = handle_ctl,
	.info = handle_info,
	.mem = handle_mem,
	.closed = handle_closed,
	.destroy = handle_destroy,
};

int handle_create(struct scheme *s, u64 id, struct handle **out)
{
	struct handle *h;

	if (s->gone)
		return -EIO;
	if (id && scheme_find(s, id))
		return -EEXIST;
	h = object_new(sizeof(*h), WEFT_OBJ_HANDLE, &handle_ops);
	if (!h)
		return -ENOMEM;
	h->s = s;
	h->id = id;
	waitq_init(&h->offq);
	list_init(&h->link);
	list_init(&h->watch_link);
	list_init(&h->hash_link);
	list_init(&h->notice.q.link);
	h->notice.done = notice_done;
	list_init(&h->owners);
	scheme_get(s);
	if (id) {
		list_add_tail(bucket(s, id), &h->hash_link);
		list_add_tail(&s->handles, &h->link);
	}
	*out = h;
	return 0;
}

#define HANDLE_FLAGS                                                                               \
	(WEFT_HANDLE_TRAP_WRITE | WEFT_HANDLE_WATCH_OWNER | WEFT_HANDLE_NO_OFFSET |                \
		WEFT_HANDLE_RANDOM | WEFT_HANDLE_REOPEN)

int handle_attach_mem(struct handle *h, i32 fd, u32 flags)
{
	HELD struct object *o = NULL;
	struct memobj *m = NULL;

	if (flags & ~HANDLE_FLAGS)
		return -EINVAL;
	if (fd >= 0) {
		TRY(fd_get(fd, 0, 0, &o));
		m = memobj_of(o);
		if (!m)
			return -EINVAL;
		object_get(memobj_object(m));
		memobj_attach(m);
	}
	detach_mem(h);
	h->mem = m;
	h->flags = flags;
	list_del(&h->watch_link);
	if (flags & WEFT_HANDLE_WATCH_OWNER)
		list_add_tail(&h->s->watched, &h->watch_link);
	return 0;
}

int handle_mint(struct scheme *s, const struct weft_reply_fd *f, struct handle **out)
{
	HELD struct handle *h = NULL;

	if (f->kind != WEFT_REPLY_NEW || !f->handle)
		return -EINVAL;
	TRY(handle_create(s, f->handle, &h));
	h->obj.status = f->status;
	h->attr = f->attr;
	h->ready = f->ready;
	/* If that fails it never had an fd, and the server hears nothing of it. */
	TRY(handle_attach_mem(h, f->fd, f->flags & HANDLE_FLAGS));
	*out = h;
	h = NULL;
	return 0;
}

/* Its server hears of it by a notice that wakes nobody, but comes before all that is asked of it.
 */
int handle_reopen(struct object **o)
{
	static u64 last_id = WEFT_ID_KERNEL;
	struct handle *h = container_of(*o, struct handle, obj), *n;
	u32 me = thread_identity(current_thread())->number + 1;

	if ((*o)->type != WEFT_OBJ_HANDLE)
		return -EINVAL;
	if (h->opener && h->opener != me)
		return -EPERM;
	if (h->flags != WEFT_HANDLE_REOPEN || h->abandoned || !h->s->server || !h->mem)
		return -EAGAIN;
	TRY(handle_create(h->s, ++last_id, &n));
	n->obj.status = h->obj.status;
	n->attr = h->attr;
	n->flags = h->flags;
	n->opener = me;
	n->mem = h->mem;
	object_get(memobj_object(n->mem));
	memobj_attach(n->mem);
	n->notice.args[0] = h->id;
	n->notice.args[1] = n->obj.status;
	scheme_one_way(n->s, &n->notice, WEFT_OP_REOPENED, n->id);
	object_put(*o);
	*o = &n->obj;
	return 0;
}
