/* SPDX-License-Identifier: MIT */
/*
 * dma-bufs (linux/dma-buf.h): handles of this scheme to which the buffer's memory object is attached, so that mapping and seeking need nobody.
 * Fences that say who still reads or writes a buffer are the buffer's, whichever fd they came by. /dev/udmabuf makes dma-bufs of memfds.
 */
#include "drm.h"

#include <native/server.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <stdlib.h>

#define SEAL_SHRINK 2u
#define SEAL_WRITE 8u
#define UDMABUF_MAX (512ull << 20)

struct dmabuf {
	struct gem *gem;
	struct handle *h;
	struct fs_list link; /* in the buffer's */
	bool writable;
};

static struct anon anon;

/* The fence that an access has to wait for: readers wait for the writer, writers for all. New reference or NULL. */
struct fence *gem_fence(struct gem *g, bool write)
{
	int e;
	struct fence *f = write ? fence_both(g->writing, g->reading, &e) : fence_get(g->writing);
	if (f && f->signalled) {
		fence_put(f);
		return NULL;
	}
	return f;
}

static u32 ready_of(struct gem *g)
{
	bool w = !g->writing || g->writing->signalled, r = !g->reading || g->reading->signalled;
	return (w ? WEFT_POLLIN : 0) | (w && r ? WEFT_POLLOUT : 0);
}

static void tell(struct gem *g)
{
	fsl_for_each (d, &g->exports, struct dmabuf, link)
		vfs_ready(&tree, d->h, ready_of(g), true);
}

static void read_over(struct fence_cb *cb)
{
	tell(fsl_entry(cb, struct gem, reading_cb));
}

static void write_over(struct fence_cb *cb)
{
	tell(fsl_entry(cb, struct gem, writing_cb));
}

/* The buffer is in use until f is signalled. */
static i64 reserve(struct gem *g, struct fence *f, bool write)
{
	struct fence **slot = write ? &g->writing : &g->reading;
	struct fence_cb *cb = write ? &g->writing_cb : &g->reading_cb;
	int e;
	struct fence *both = fence_both(*slot && (*slot)->signalled ? NULL : *slot, f, &e);
	if (e)
		return e;
	fence_unwait(cb);
	fence_put(*slot);
	*slot = both;
	cb->fn = write ? write_over : read_over;
	fence_wait(both, cb);
	tell(g);
	return 0;
}

static i64 buf_open(struct fsreq *r, struct handle *h)
{
	struct dmabuf *d = anon.giving;
	if (!d)
		return -ENXIO;
	h->priv = d;
	d->h = h;
	fsl_append(&d->gem->exports, &d->link);
	r->fd.fd = d->gem->whole ? d->gem->mem : -1;
	r->fd.attr.ino = d->gem->number;
	r->fd.ready = ready_of(d->gem);
	return 0;
}

static void buf_close(struct handle *h)
{
	struct dmabuf *d = h->priv;
	if (!d)
		return;
	fsl_remove(&d->link);
	gem_put(d->gem);
	free(d);
}

i64 dmabuf_give(struct fsreq *r, struct gem *g, bool writable)
{
	struct dmabuf *d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	*d = (struct dmabuf){.gem = gem_get(g), .writable = writable};
	fsl_init(&d->link);
	i64 e = anon_give(r, &anon, d, writable ? O_RDWR : O_RDONLY);
	if (e) {
		fsl_remove(&d->link);
		gem_put(g);
		free(d);
	}
	return e;
}

struct gem *dmabuf_gem(i32 fd)
{
	struct handle *h = fs_identify(&tree, fd);
	return h && h->node == anon.dentry->node ? ((struct dmabuf *)h->priv)->gem : NULL;
}

static void sync_woken(struct sleeper *s, i64 why)
{
	sleeper_end(s, why);
}

/* SYNC: the start of an access waits for the others; memory is coherent. */
static i64 sync_access(struct fsreq *r, struct gem *g)
{
	struct dma_buf_sync a;
	i64 e = ARG_GET(r, a);
	if (e)
		return e;
	if (a.flags & ~(u64)DMA_BUF_SYNC_VALID_FLAGS_MASK || !(a.flags & DMA_BUF_SYNC_RW))
		return -EINVAL;
	struct fence *f = a.flags & DMA_BUF_SYNC_END ? NULL : gem_fence(g, a.flags & DMA_BUF_SYNC_WRITE);
	if (!f)
		return 0;
	struct sleeper *s = sleeper_new(r, sizeof(*s), sync_woken);
	if (s)
		sleeper_fence(s, f);
	fence_put(f);
	return s ? 0 : -ENOMEM;
}

/* {flags, fd} */
struct sync_arg {
	u32 flags;
	i32 fd;
};

static i64 export_fence(struct fsreq *r, struct gem *g)
{
	struct sync_arg a;
	i64 e = ARG_GET(r, a);
	if (e)
		return e;
	if (a.flags & ~(u32)DMA_BUF_SYNC_RW || !a.flags)
		return -EINVAL;
	struct fence *f = gem_fence(g, a.flags & DMA_BUF_SYNC_WRITE);
	if (!f)
		f = fence_done();
	if (!f)
		return -ENOMEM;
	e = sync_file_give(r, f, "dma-buf");
	fence_put(f);
	return e;
}

static i64 import_fence(struct fsreq *r, struct gem *g)
{
	struct sync_arg a;
	i64 e = ARG_GET(r, a);
	if (e)
		return e;
	if (a.flags & ~(u32)DMA_BUF_SYNC_RW || !a.flags)
		return -EINVAL;
	struct fence *f = r->sqe->nfds ? sync_file_fence(r->sqe->fds[0]) : NULL;
	if (!f)
		return -EINVAL;
	e = f->signalled ? 0 : reserve(g, f, a.flags & DMA_BUF_SYNC_WRITE);
	fence_put(f);
	return e;
}

static i64 buf_ioctl(struct fsreq *r)
{
	struct dmabuf *d = r->h->priv;
	switch ((u32)r->sqe->args[0]) {
	case DMA_BUF_IOCTL_SYNC:
		return sync_access(r, d->gem);
	case DMA_BUF_SET_NAME_A:
	case DMA_BUF_SET_NAME_B:
		return 0; /* a name to be seen in a list that does not exist */
	case DMA_BUF_IOCTL_EXPORT_SYNC_FILE:
		return export_fence(r, d->gem);
	case DMA_BUF_IOCTL_IMPORT_SYNC_FILE:
		return import_fence(r, d->gem);
	}
	return -ENOTTY;
}

static i64 buf_other(struct fsreq *r)
{
	struct dmabuf *d = r->h->priv;
	return r->sqe->op == FSP_MMAP ? gem_map(r, d->gem, r->sqe->args[0], d->writable) : -ENOSYS;
}

static i64 no_io(struct fsreq *r)
{
	(void)r;
	return -EINVAL;
}

static const struct node_ops buf_ops = {.open = buf_open, .close = buf_close, .ioctl = buf_ioctl, .other = buf_other, .read = no_io, .write = no_io, .cancel = sleeper_cancel};

/* UDMABUF_CREATE: pages of a memfd that cannot shrink and may be written (udmabuf.c's rules). */
static i64 udmabuf_create(struct fsreq *r)
{
	struct udmabuf_create a;
	struct weft_mem_info mem;
	struct weft_fd_info info;
	i64 e = ARG_GET(r, a);
	if (e)
		return e;
	if (a.flags & ~(u32)UDMABUF_FLAGS_CLOEXEC || a.offset % WEFT_PAGE_SIZE || !a.size || a.size % WEFT_PAGE_SIZE)
		return -EINVAL;
	if (r->sqe->nfds < 1 || sys_fd_info(r->sqe->fds[0], &info))
		return -EBADF;
	if (info.type != WEFT_OBJ_MEM || fs_mem_info(r->sqe->fds[0], &mem) || mem.kind != WEFT_MEM_ANON)
		return -EBADFD;
	if (!(mem.seals & SEAL_SHRINK) || mem.seals & SEAL_WRITE || a.size > UDMABUF_MAX || a.offset > mem.size || a.size > mem.size - a.offset)
		return -EINVAL;
	i32 fd = fs_take_fd(r);
	if (fd < 0)
		return fd;
	struct gem *g = gem_new(fd, a.offset, a.size, a.offset == 0 && a.size == mem.size);
	if (!g) {
		fs_close_fd(fd);
		return -ENOMEM;
	}
	e = dmabuf_give(r, g, true);
	gem_put(g);
	return e;
}

static i64 udmabuf_ioctl(struct fsreq *r)
{
	return (u32)r->sqe->args[0] == UDMABUF_CREATE ? udmabuf_create(r) : -ENOTTY;
}

const struct node_ops udmabuf_ops = {.ioctl = udmabuf_ioctl, .read = no_io, .write = no_io};

int dmabuf_start(void)
{
	return anon_start(&anon, "dmabuf", &buf_ops);
}
