/* SPDX-License-Identifier: MIT */
/*
 * Pipes: a ring of bytes on pages that are allocated as they are reached. One reader and one writer
 * may be copying at a time (rbusy, wbusy), with the BKL possibly dropped under them: the reader
 * owns [head, head + len), the writer the rest, and each commits its move afterwards. Writes of up
 * to PIPE_BUF bytes are atomic: they wait until all fits.
 */
#include "scheme_impl.h"

#define PIPE_BUF    4096u
#define CAP_DEFAULT 65536u
#define CAP_MAX	    (1u << 20)
#define IN_USE_KEEP 1u

struct pipe_end {
	struct object obj; /* WEFT_OBJ_PIPE */
	struct pipe *p;
};

struct pipe {
	struct pipe_end r, w;
	u32 cap, head, len;
	bool rbusy, wbusy, rclosed, wclosed;
	u8 ends; /* objects not destroyed yet */
	struct waitq readers, writers;
	char **page; /* cap / PAGE_SIZE */
};

static struct pipe *pipe_of(struct object *o)
{
	return container_of(o, struct pipe_end, obj)->p;
}

static void pages_free(struct pipe *p, u32 keep)
{
	for (u32 i = keep; i < p->cap / PAGE_SIZE; i++) {
		kfree(p->page[i]);
		p->page[i] = NULL;
	}
}

static i64 wait(struct waitq *q, u32 flags, struct object *o)
{
	if (flags & WEFT_IO_NONBLOCK || o->status & K_O_NONBLOCK)
		return -EAGAIN;
	return thread_block(q, (u64)WEFT_FOREVER, BLOCK_INTERRUPTIBLE) == -EINTR ? -EINTR : 0;
}

static void wake_readers(struct pipe *p)
{
	if (!list_empty(&p->readers.threads))
		waitq_wake(&p->readers, 1, 0);
	if (!list_empty(&p->r.obj.watchers))
		object_notify(&p->r.obj, WEFT_POLLIN);
}

static void wake_writers(struct pipe *p)
{
	if (!list_empty(&p->writers.threads))
		waitq_wake(&p->writers, 1, 0);
	if (!list_empty(&p->w.obj.watchers))
		object_notify(&p->w.obj, WEFT_POLLOUT);
}

static i64 pipe_read(struct object *o, struct uio *u, i64 off, u32 flags)
{
	struct pipe *p = pipe_of(o);
	i64 got = 0, n;

	if (off != -1)
		return -ESPIPE;
	if (!u->left)
		return 0;
	while (p->rbusy || !p->len) {
		if (!p->rbusy && p->wclosed)
			return 0;
		n = wait(&p->readers, flags, o);
		if (n)
			return n;
	}
	p->rbusy = true;
	while (u->left && got < p->len) {
		u32 at = (p->head + (u32)got) % p->cap;
		u32 k = (u32)MIN(MIN(PAGE_SIZE - at % PAGE_SIZE, p->len - (u64)got), u->left);

		n = uio_copy_out(u, p->page[at / PAGE_SIZE] + at % PAGE_SIZE, k);
		if (n < 0) {
			got = got ? got : n;
			break;
		}
		got += n;
		if (n < k)
			break;
	}
	p->rbusy = false;
	if (got > 0 && !(flags & WEFT_IO_PEEK)) {
		bool was_full = p->cap - p->len < PIPE_BUF;

		p->len -= (u32)got;
		p->head = (p->head + (u32)got) % p->cap;
		if (!p->len && !p->wbusy) {
			p->head = 0;
			if (p->cap > PAGE_SIZE)
				pages_free(p, IN_USE_KEEP);
		}
		if (!list_empty(&p->writers.threads) || was_full)
			wake_writers(p);
	}
	/* Another reader may have waited for this one. */
	if (!list_empty(&p->readers.threads) && (p->len || p->wclosed))
		waitq_wake(&p->readers, 1, 0);
	return got;
}

/* Copies up to n bytes behind what is there. -> bytes, or an error if there were none. */
static i64 fill(struct pipe *p, struct uio *u, u32 n)
{
	u32 base = p->head + p->len, done = 0;
	i64 k;

	while (done < n) {
		u32 at = (base + done) % p->cap;
		u32 want = (u32)MIN(PAGE_SIZE - at % PAGE_SIZE, n - done);
		char **page = &p->page[at / PAGE_SIZE];

		if (!*page) {
			*page = kmalloc(PAGE_SIZE);
			if (!*page)
				return done ? (i64)done : -ENOMEM;
		}
		k = uio_copy_in(u, *page + at % PAGE_SIZE, want);
		if (k < 0)
			return done ? (i64)done : k;
		done += (u32)k;
		if (k < want)
			break;
	}
	return done;
}

static i64 pipe_write(struct object *o, struct uio *u, i64 off, u32 flags)
{
	struct pipe *p = pipe_of(o);
	u64 total = u->left;
	i64 done = 0, n = 0;

	if (off != -1)
		return -ESPIPE;
	while (u->left || !total) {
		u32 room = p->cap - p->len, need = total <= MIN(PIPE_BUF, p->cap) ? (u32)total : 1;

		if (p->rclosed) {
			n = -EPIPE;
			break;
		}
		if (!total)
			break;
		if (p->wbusy || room < need) {
			n = wait(&p->writers, flags, o);
			if (n)
				break;
			continue;
		}
		p->wbusy = true;
		n = fill(p, u, (u32)MIN(room, u->left));
		p->wbusy = false;
		if (n > 0) {
			/* All or nothing for a small one; a fault in the middle leaves nothing
			 * behind. */
			if (total <= PIPE_BUF && (u64)n < total) {
				n = -EFAULT;
				break;
			}
			p->len += (u32)n;
			done += n;
			n = 0;
			wake_readers(p);
		} else if (n < 0) {
			break;
		}
	}
	if (!list_empty(&p->writers.threads) && p->len < p->cap)
		waitq_wake(&p->writers, 1, 0);
	return done ? done : n;
}

static u32 pipe_rready(struct object *o)
{
	struct pipe *p = pipe_of(o);

	return (p->len ? WEFT_POLLIN : 0) | (p->wclosed ? WEFT_POLLHUP : 0);
}

static u32 pipe_wready(struct object *o)
{
	struct pipe *p = pipe_of(o);

	if (p->rclosed)
		return WEFT_POLLOUT | WEFT_POLLERR;
	return p->cap - p->len >= MIN(PIPE_BUF, p->cap) ? WEFT_POLLOUT : 0;
}

/* A new size keeps what is inside. */
static i64 set_capacity(struct pipe *p, u64 want)
{
	u32 cap, n = p->len;
	char **page;

	if (!want)
		return p->cap;
	if (want > CAP_MAX)
		return -EPERM;
	cap = PAGE_SIZE;
	while (cap < want)
		cap *= 2;
	if (p->len > cap || p->rbusy || p->wbusy)
		return -EBUSY;
	page = kzalloc(cap / PAGE_SIZE * sizeof(*page));
	if (!page)
		return -ENOMEM;
	for (u32 i = 0; i < (n + PAGE_SIZE - 1) / PAGE_SIZE; i++) {
		page[i] = kmalloc(PAGE_SIZE);
		if (!page[i]) {
			while (i--)
				kfree(page[i]);
			kfree(page);
			return -ENOMEM;
		}
	}
	for (u32 done = 0, k; done < n; done += k) {
		u32 at = (p->head + done) % p->cap;

		k = (u32)MIN(MIN(PAGE_SIZE - at % PAGE_SIZE, PAGE_SIZE - done % PAGE_SIZE),
			n - done);
		memcpy(page[done / PAGE_SIZE] + done % PAGE_SIZE,
			p->page[at / PAGE_SIZE] + at % PAGE_SIZE, k);
	}
	pages_free(p, 0);
	kfree(p->page);
	p->page = page;
	p->cap = cap;
	p->head = 0;
	wake_writers(p);
	return cap;
}

static i64 pipe_ctl(struct object *o, u32 op, u64 a, u64 b)
{
	struct pipe *p = pipe_of(o);

	(void)b;
	switch (op) {
	case WEFT_FD_AVAIL:
		return p->len;
	case WEFT_FD_PIPE_SIZE:
		return set_capacity(p, a);
	case WEFT_FD_SEEK:
		return -ESPIPE;
	}
	return -EINVAL;
}

static void pipe_info(struct object *o, struct weft_fd_info *out)
{
	struct pipe *p = pipe_of(o);

	out->koid2 = o == &p->r.obj ? p->w.obj.id : p->r.obj.id;
}

static void pipe_rclosed(struct object *o)
{
	struct pipe *p = pipe_of(o);

	p->rclosed = true;
	waitq_wake(&p->writers, ~0u, 0);
	object_notify(&p->w.obj, WEFT_POLLOUT | WEFT_POLLERR);
}

static void pipe_wclosed(struct object *o)
{
	struct pipe *p = pipe_of(o);

	p->wclosed = true;
	waitq_wake(&p->readers, ~0u, 0);
	object_notify(&p->r.obj, WEFT_POLLIN | WEFT_POLLHUP);
}

static void pipe_destroy(struct object *o)
{
	struct pipe *p = pipe_of(o);

	if (--p->ends)
		return;
	pages_free(p, 0);
	kfree(p->page);
	kfree(p);
}

static const struct obj_ops pipe_rops = {
	.name = "pipe",
	.read = pipe_read,
	.ready = pipe_rready,
	.ctl = pipe_ctl,
	.info = pipe_info,
	.closed = pipe_rclosed,
	.destroy = pipe_destroy,
};
static const struct obj_ops pipe_wops = {
	.name = "pipe",
	.write = pipe_write,
	.ready = pipe_wready,
	.ctl = pipe_ctl,
	.info = pipe_info,
	.closed = pipe_wclosed,
	.destroy = pipe_destroy,
};

int pipe_create(u64 cap, struct object *out[2])
{
	struct pipe *p;

	if (cap > CAP_MAX)
		return -EINVAL;
	p = kzalloc(sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->cap = CAP_DEFAULT;
	if (cap)
		for (p->cap = PAGE_SIZE; p->cap < cap;)
			p->cap *= 2;
	p->page = kzalloc(p->cap / PAGE_SIZE * sizeof(*p->page));
	if (!p->page) {
		kfree(p);
		return -ENOMEM;
	}
	waitq_init(&p->readers);
	waitq_init(&p->writers);
	p->ends = 2;
	p->r.p = p->w.p = p;
	object_init(&p->r.obj, WEFT_OBJ_PIPE, &pipe_rops);
	object_init(&p->w.obj, WEFT_OBJ_PIPE, &pipe_wops);
	p->w.obj.status = 1; /* O_WRONLY */
	out[0] = &p->r.obj;
	out[1] = &p->w.obj;
	return 0;
}
