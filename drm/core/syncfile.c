/* SPDX-License-Identifier: MIT */
/*
 * Sync files (linux/sync_file.h): handles of this scheme whose readiness is the fence's, so that poll needs nobody, while MERGE and FILE_INFO
 * come here. Nodes without a name carry them, as they do dma-bufs and shared synchronisation objects: see anon_give.
 */
#include "drm.h"

#include <native/server.h>
#include <linux/sync_file.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct sync_file {
	struct fence *fence;
	struct fence_cb cb;
	struct handle *h;
	char name[32];
};

static struct anon sync_anon;

int anon_start(struct anon *a, const char *name, const struct node_ops *ops)
{
	struct node *n;
	int e = tree.ops->create(tree.root->node, name, (u32)strlen(name), S_IFREG | 0600, 0, 0, 0, NULL, &n);
	if (e)
		return e;
	n->nops = ops;
	n->nlink = 1;
	a->dentry = dentry_add(tree.root, name, (u32)strlen(name), n);
	node_put(n);
	if (!a->dentry)
		return -ENOMEM;
	dentry_drop(a->dentry);
	return 0;
}

/* A handle on an anonymous node as the request's next fd. The object becomes the handle's, whose node_ops' open finds it in a->giving. */
i64 anon_give(struct fsreq *r, struct anon *a, void *object, u32 flags)
{
	struct fsreq one = {.fs = r->fs, .rq = r->rq, .sqe = r->sqe, .h = r->h, .cred = r->cred};
	a->giving = object;
	i64 e = vfs_give_handle(&one, a->dentry, flags);
	a->giving = NULL;
	if (e < 0)
		return e;
	e = request_give_handle(vfs_request(r), &one.fd);
	if (e) {
		struct handle *h = handle_find(&tree, one.fd.handle);
		h->priv = NULL; /* the caller keeps the object */
		handle_close(&tree, h);
	}
	return e;
}

static u32 ready_of(const struct fence *f)
{
	return f->signalled ? WEFT_POLLIN : 0;
}

static void signalled(struct fence_cb *cb)
{
	struct sync_file *s = fsl_entry(cb, struct sync_file, cb);
	server_flush(vfs_server(&tree)); /* the reply that makes the handle may still wait to be sent */
	vfs_ready(&tree, s->h, WEFT_POLLIN, true);
}

static i64 sync_open(struct fsreq *r, struct handle *h)
{
	struct sync_file *s = sync_anon.giving;
	if (!s)
		return -ENXIO;
	h->priv = s;
	s->h = h;
	s->cb.fn = signalled;
	fence_wait(s->fence, &s->cb);
	r->fd.ready = ready_of(s->fence);
	r->fd.flags |= WEFT_HANDLE_NO_OFFSET;
	return 0;
}

static void sync_close(struct handle *h)
{
	struct sync_file *s = h->priv;
	if (!s)
		return;
	fence_unwait(&s->cb);
	fence_put(s->fence);
	free(s);
}

i64 sync_file_give(struct fsreq *r, struct fence *f, const char *name)
{
	struct sync_file *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->fence = fence_get(f);
	strncpy(s->name, name, sizeof(s->name) - 1);
	i64 e = anon_give(r, &sync_anon, s, O_RDWR);
	if (e) {
		fence_unwait(&s->cb);
		fence_put(s->fence);
		free(s);
	}
	return e;
}

/* A request that slept answers with sync files: they may have been signalled meanwhile. */
void sync_file_refresh(struct fsreq *r)
{
	struct request *k = vfs_request(r);
	for (u32 i = 0; i < k->nfds; i++) {
		struct handle *h = k->fds[i].kind == WEFT_REPLY_NEW ? handle_find(&tree, k->fds[i].handle) : NULL;
		if (h && h->node == sync_anon.dentry->node)
			k->fds[i].ready = ready_of(((struct sync_file *)h->priv)->fence);
	}
}

static struct sync_file *of_fd(i32 fd)
{
	struct handle *h = fs_identify(&tree, fd);
	return h && h->node == sync_anon.dentry->node ? h->priv : NULL;
}

struct fence *sync_file_fence(i32 fd)
{
	struct sync_file *s = of_fd(fd);
	return s ? fence_get(s->fence) : NULL;
}

static i64 merge(struct fsreq *r, struct sync_file *s)
{
	struct sync_merge_data a;
	int e = ARG_GET(r, a);
	if (e)
		return e;
	struct sync_file *other = r->sqe->nfds ? of_fd(r->sqe->fds[0]) : NULL;
	if (!other)
		return -ENOENT;
	if (a.flags || a.pad)
		return -EINVAL;
	a.name[sizeof(a.name) - 1] = 0;
	struct fence *f = fence_both(s->fence, other->fence, &e);
	if (e)
		return e;
	i64 x = sync_file_give(r, f, a.name);
	fence_put(f);
	return x;
}

static void describe(const struct fence *f, struct sync_fence_info *i)
{
	memset(i, 0, sizeof(*i));
	snprintf(i->obj_name, sizeof(i->obj_name), "weft");
	snprintf(i->driver_name, sizeof(i->driver_name), "%.15s", hello.driver);
	i->status = f->signalled ? f->error ? f->error : 1 : 0;
	i->timestamp_ns = f->signalled ? (u64)f->when : 0;
}

/* Buffer 1 is the list. With room for none only their number is told. */
static i64 file_info(struct fsreq *r, struct sync_file *s)
{
	struct sync_file_info a;
	struct sync_fence_info list[FENCE_PARTS];
	int e = ARG_GET(r, a);
	if (e)
		return e;
	if (a.flags || a.pad)
		return -EINVAL;
	u32 n = s->fence->nparts ? s->fence->nparts : 1;
	if (a.num_fences && a.num_fences < n)
		return -EINVAL;
	for (u32 i = 0; i < n; i++)
		describe(s->fence->nparts ? s->fence->parts[i].fence : s->fence, &list[i]);
	e = put_list(r, 1, list, n, sizeof(list[0]), a.num_fences);
	memcpy(a.name, s->name, sizeof(a.name));
	a.status = s->fence->signalled ? s->fence->error ? s->fence->error : 1 : 0;
	a.num_fences = n;
	return e ? e : ARG_PUT(r, a);
}

static i64 sync_ioctl(struct fsreq *r)
{
	struct sync_file *s = r->h->priv;
	switch ((u32)r->sqe->args[0]) {
	case SYNC_IOC_MERGE:
		return merge(r, s);
	case SYNC_IOC_FILE_INFO:
		return file_info(r, s);
	case 0x40103e05: /* SYNC_IOC_SET_DEADLINE: a hint */
		return 0;
	}
	return -ENOTTY;
}

static i64 no_io(struct fsreq *r)
{
	(void)r;
	return -EINVAL;
}

static const struct node_ops sync_ops = {.open = sync_open, .close = sync_close, .ioctl = sync_ioctl, .read = no_io, .write = no_io};

int sync_start(void)
{
	return anon_start(&sync_anon, "sync_file", &sync_ops);
}
