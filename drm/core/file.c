/* SPDX-License-Identifier: MIT */
/* Open files of the card and the render node: events to read, master and authentication, the end of what a client owned. */
#include "drm.h"

#include <native/server.h>
#include <stdlib.h>

struct fs_list files = {&files, &files};
static u32 last_magic;

struct drmfile *file_of(const struct fsreq *r)
{
	return r->h->priv;
}

static i64 open_file(struct fsreq *r, struct handle *h, bool render)
{
	struct drmfile *f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->h = h;
	f->render = render;
	f->magic = ++last_magic;
	f->pid = r->sqe->pid;
	fsl_init(&f->events);
	fsl_init(&f->event_watches);
	fsl_init(&f->readers);
	if (!render && master_open(f)) {
		free(f);
		return -ENOMEM;
	}
	fsl_append(&files, &f->link);
	h->priv = f;
	if (cred_capable(r->cred, CAP_SYS_ADMIN))
		f->authenticated = true;
	r->fd.ready = 0;
	return 0;
}

static i64 card_open(struct fsreq *r, struct handle *h)
{
	return open_file(r, h, false);
}

static i64 render_open(struct fsreq *r, struct handle *h)
{
	return open_file(r, h, true);
}

struct reader {
	struct fs_list link;
	void *kept;
};

static void file_close(struct handle *h)
{
	struct drmfile *f = h->priv;
	if (!f)
		return;
	vblank_file_closed(f);
	fb_release_all(f);
	blob_release_all(f);
	gem_release_all(f);
	syncobj_release_all(f);
	master_close(f);
	fsl_for_each (e, &f->events, struct event, link)
		free(e);
	fsl_for_each (w, &f->readers, struct reader, link) {
		fs_finish(w->kept, -EIO);
		free(w);
	}
	fsl_remove(&f->link);
	free(f);
	h->priv = NULL;
}

int event_reserve(struct drmfile *f)
{
	return f->nevents + f->reserved_events < MAX_EVENTS ? 0 : -ENOMEM;
}

/* Whole events, as many as fit (drm(7)). */
static i64 read_try(struct fsreq *r)
{
	struct drmfile *f = file_of(r);
	u8 buf[MAX_EVENTS * 40];
	u32 len = 0, n = 0;
	if (fsl_empty(&f->events))
		return -EAGAIN;
	fsl_for_each (e, &f->events, struct event, link) {
		if (len + e->len > r->sqe->args[1] || len + e->len > sizeof(buf))
			break;
		memcpy(buf + len, e->data, e->len);
		len += e->len;
		n++;
	}
	if (!n)
		return -EINVAL;
	i64 sent = fsreq_spread(r, 0, buf, len);
	if (sent < 0)
		return sent;
	while (n--) {
		struct event *e = fsl_entry(f->events.next, struct event, link);
		fsl_remove(&e->link);
		free(e);
		f->nevents--;
	}
	if (fsl_empty(&f->events))
		vfs_ready(&tree, f->h, 0, false);
	return sent;
}

static i64 file_read(struct fsreq *r)
{
	struct drmfile *f = file_of(r);
	i64 n = read_try(r);
	if (n != -EAGAIN || (r->sqe->args[2] & WEFT_IO_NONBLOCK))
		return n;
	struct reader *w = malloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->kept = fs_keep(r);
	if (!w->kept) {
		free(w);
		return -ENOMEM;
	}
	fsl_append(&f->readers, &w->link);
	return 0;
}

static void cancel(struct fsreq *r, void *kept)
{
	struct drmfile *f = r->h ? r->h->priv : NULL;
	if (!f)
		return;
	fsl_for_each (w, &f->readers, struct reader, link) {
		if (w->kept != kept)
			continue;
		fsl_remove(&w->link);
		free(w);
		fs_finish(kept, -EINTR);
		return;
	}
	sleeper_cancel(r, kept);
}

void event_send(struct drmfile *f, const void *data, u32 len)
{
	struct event *e = malloc(sizeof(*e));
	if (f->reserved_events)
		f->reserved_events--;
	if (!e)
		return;
	e->len = len;
	memcpy(e->data, data, len);
	fsl_append(&f->events, &e->link);
	f->nevents++;
	if (!fsl_empty(&f->readers)) {
		struct reader *w = fsl_entry(f->readers.next, struct reader, link);
		struct request *k = w->kept;
		struct fsreq r = {.fs = &tree, .rq = k, .sqe = k->sqe, .h = f->h};
		i64 n = read_try(&r);
		fsl_remove(&w->link);
		free(w);
		fs_finish(k, n);
	}
	if (!fsl_empty(&f->events))
		vfs_ready(&tree, f->h, WEFT_POLLIN, true);
}

static i64 other(struct fsreq *r)
{
	return r->sqe->op == FSP_MMAP ? gem_mmap(r) : -ENOSYS;
}

const struct node_ops card_ops = {.open = card_open, .close = file_close, .read = file_read, .ioctl = drm_ioctl, .other = other, .cancel = cancel};
const struct node_ops render_ops = {.open = render_open, .close = file_close, .read = file_read, .ioctl = drm_ioctl, .other = other,
	.cancel = cancel};
