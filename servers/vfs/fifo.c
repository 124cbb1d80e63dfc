/* SPDX-License-Identifier: MIT */
/*
 * Named pipes. The bytes are here, in a ring on the node, so that readers and writers are known by their handles. An open that has to wait for
 * the other side is answered with FSP_OPENED_WAIT, and the client waits by FSP_FIFO_WAIT on the handle; it counts as open meanwhile.
 * Blocked reads and writes wait on the node's list and are tried again, in order, after each change.
 */
#include "vfs.h"

#include <fcntl.h>
#include <native/server.h>
#include <stdlib.h>
#include <sys/stat.h>

#define RING 65536u
#define ATOMIC 4096u /* PIPE_BUF */
#define FIONREAD 0x541b

struct fifo {
	u8 ring[RING];
	u32 head, len;
	u32 readers, writers;
	u32 reader_opens, writer_opens; /* ever */
	struct fs_list waiters;
	bool busy;
};
struct fifo_waiter {
	struct fs_list link;
	void *kept;
	struct handle *h;
	i64 (*again)(struct fsreq *r);
};

static bool reads(const struct handle *h)
{
	return (h->flags & O_ACCMODE) != O_WRONLY;
}

static bool writes(const struct handle *h)
{
	return (h->flags & O_ACCMODE) != O_RDONLY;
}

static u32 readiness(const struct fifo *f, const struct handle *h)
{
	u32 m = 0;
	if (reads(h))
		m |= (f->len ? WEFT_POLLIN : 0) | (!f->writers && f->writer_opens != (u32)h->pos ? WEFT_POLLHUP : 0);
	if (writes(h))
		m |= f->readers ? (RING - f->len >= ATOMIC ? WEFT_POLLOUT : 0) : WEFT_POLLOUT | WEFT_POLLERR;
	return m;
}

/* Tries the waiting requests, then tells the handles' pollers. */
static void changed(struct node *n)
{
	struct fifo *f = n->priv;
	bool again = true;
	if (f->busy)
		return;
	f->busy = true;
	while (again) {
		again = false;
		fsl_for_each (w, &f->waiters, struct fifo_waiter, link) {
			struct request *k = w->kept;
			struct fsreq r = {.fs = n->fs, .rq = k, .sqe = k->sqe, .h = w->h};
			i64 e = w->again(&r);
			if (e == -EAGAIN)
				continue;
			fsl_remove(&w->link);
			free(w);
			node_get(n);
			fs_finish(k, e);
			again = true;
			node_put(n);
			break;
		}
	}
	f->busy = false;
	fsl_for_each (h, &n->handles, struct handle, by_node)
		if (!(h->flags & O_PATH))
			vfs_ready(n->fs, h, readiness(f, h), true);
}

static i64 wait_for(struct fsreq *r, i64 (*again)(struct fsreq *r))
{
	struct fifo *f = r->h->node->priv;
	struct fifo_waiter *w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->kept = fs_keep(r);
	if (!w->kept) {
		free(w);
		return -ENOMEM;
	}
	w->h = r->h;
	w->again = again;
	fsl_append(&f->waiters, &w->link);
	return 0;
}

static void fifo_cancel(struct fsreq *r, void *kept)
{
	(void)r;
	struct fifo *f = fs_kept_node(kept)->priv;
	fsl_for_each (w, &f->waiters, struct fifo_waiter, link) {
		if (w->kept != kept)
			continue;
		fsl_remove(&w->link);
		free(w);
		fs_finish(kept, -EINTR);
		return;
	}
	lock_cancel(kept);
}

static i64 fifo_open(struct fsreq *r, struct handle *h)
{
	struct node *n = h->node;
	struct fifo *f = n->priv;
	if (!f) {
		f = calloc(1, sizeof(*f));
		if (!f)
			return -ENOMEM;
		fsl_init(&f->waiters);
		n->priv = f;
	}
	bool nonblock = h->flags & O_NONBLOCK;
	if (writes(h) && !reads(h) && !f->readers && nonblock)
		return -ENXIO;
	/* Which opens of the other side came before this one. */
	h->pos = reads(h) ? f->writer_opens : f->reader_opens;
	if (reads(h)) {
		f->readers++;
		f->reader_opens++;
	}
	if (writes(h)) {
		f->writers++;
		f->writer_opens++;
	}
	bool both = reads(h) && writes(h);
	if (!both && !nonblock && (reads(h) ? !f->writers : !f->readers))
		r->out[2] |= FSP_OPENED_WAIT;
	r->fd.flags |= WEFT_HANDLE_NO_OFFSET;
	r->fd.ready = readiness(f, h);
	changed(n);
	return 0;
}

static void fifo_close(struct handle *h)
{
	struct fifo *f = h->node->priv;
	if (reads(h))
		f->readers--;
	if (writes(h))
		f->writers--;
	if (!f->readers && !f->writers)
		f->len = f->head = 0;
	changed(h->node);
}

static i64 read_try(struct fsreq *r)
{
	struct fifo *f = r->h->node->priv;
	u8 buf[8192];
	u32 n = f->len;
	if (!n)
		return f->writers ? -EAGAIN : 0;
	if (n > r->sqe->args[1])
		n = (u32)r->sqe->args[1];
	if (n > sizeof(buf))
		n = sizeof(buf);
	for (u32 i = 0; i < n; i++)
		buf[i] = f->ring[(f->head + i) % RING];
	i64 got = fsreq_spread(r, 0, buf, n);
	if (got > 0 && !(r->sqe->args[2] & WEFT_IO_PEEK)) {
		f->head = (f->head + (u32)got) % RING;
		f->len -= (u32)got;
		changed(r->h->node);
	}
	return got;
}

static i64 write_try(struct fsreq *r)
{
	struct fifo *f = r->h->node->priv;
	u8 buf[ATOMIC * 2];
	u64 want = r->sqe->args[1];
	u32 room = RING - f->len;
	if (!f->readers)
		return -EPIPE;
	if (!want)
		return 0;
	if (room < (want <= ATOMIC ? want : 1))
		return -EAGAIN;
	if (want > room)
		want = room;
	if (want > sizeof(buf))
		want = sizeof(buf);
	i64 got = fsreq_gather(r, buf, want);
	for (i64 i = 0; i < got; i++)
		f->ring[(f->head + f->len + (u32)i) % RING] = buf[i];
	if (got > 0) {
		f->len += (u32)got;
		changed(r->h->node);
	}
	return got;
}

static i64 fifo_read(struct fsreq *r)
{
	if (!r->sqe->args[1])
		return 0;
	i64 e = read_try(r);
	return e == -EAGAIN && !(r->sqe->args[2] & WEFT_IO_NONBLOCK) ? wait_for(r, read_try) : e;
}

static i64 fifo_write(struct fsreq *r)
{
	i64 e = write_try(r);
	return e == -EAGAIN && !(r->sqe->args[2] & WEFT_IO_NONBLOCK) ? wait_for(r, write_try) : e;
}

static i64 opened_try(struct fsreq *r)
{
	struct fifo *f = r->h->node->priv;
	u32 ever = reads(r->h) ? f->writer_opens : f->reader_opens;
	u32 now = reads(r->h) ? f->writers : f->readers;
	return now || ever != (u32)r->h->pos ? 0 : -EAGAIN;
}

static i64 fifo_other(struct fsreq *r)
{
	if (r->sqe->op != FSP_FIFO_WAIT)
		return -ENOSYS;
	i64 e = opened_try(r);
	return e == -EAGAIN ? wait_for(r, opened_try) : e;
}

static i64 fifo_ioctl(struct fsreq *r)
{
	struct fifo *f = r->h->node->priv;
	if (r->sqe->args[0] != FIONREAD)
		return -ENOTTY;
	return fsreq_out(r, 0, 0, &f->len, sizeof(f->len));
}

static void fifo_free(struct node *n)
{
	free(n->priv);
}

const struct node_ops fifo_ops = {
	.open = fifo_open,
	.close = fifo_close,
	.read = fifo_read,
	.write = fifo_write,
	.ioctl = fifo_ioctl,
	.other = fifo_other,
	.cancel = fifo_cancel,
	.free = fifo_free,
};
