/* SPDX-License-Identifier: MIT */
#include "drm.h"

#include <native/server.h>
#include <stdlib.h>

#define MAX_BYTES (512ull << 20)

struct gem *gem_get(struct gem *g)
{
	g->refs++;
	return g;
}

void gem_put(struct gem *g)
{
	if (!g || --g->refs)
		return;
	fence_unwait(&g->reading_cb);
	fence_unwait(&g->writing_cb);
	fence_put(g->reading);
	fence_put(g->writing);
	fs_close_fd(g->mem);
	free(g);
}

/* size bytes from start of a memory object, which becomes the buffer's; whole: that is all of it. */
struct gem *gem_new(i32 mem, u64 start, u64 size, bool whole)
{
	static u64 last;
	struct gem *g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	*g = (struct gem){.refs = 1, .mem = mem, .start = start, .size = size, .whole = whole, .number = ++last};
	fsl_init(&g->exports);
	return g;
}

struct gem *gem_find(struct drmfile *f, u32 handle)
{
	return handle >= 1 && handle <= MAX_HANDLES ? f->handles[handle - 1] : NULL;
}

i64 gem_handle(struct drmfile *f, struct gem *g)
{
	u32 free_at = MAX_HANDLES;
	for (u32 i = MAX_HANDLES; i-- > 0;) {
		if (f->handles[i] == g)
			return i + 1;
		if (!f->handles[i])
			free_at = i;
	}
	if (free_at == MAX_HANDLES)
		return -ENOSPC;
	f->handles[free_at] = gem_get(g);
	return free_at + 1;
}

i64 gem_create_dumb(struct fsreq *r)
{
	struct drm_mode_create_dumb a;
	int e = ARG_GET(r, a);
	if (e)
		return e;
	if (!a.width || !a.height || !a.bpp || a.bpp > 32 || a.width > 16384 || a.height > 16384)
		return -EINVAL;
	a.pitch = (a.width * ((a.bpp + 7) / 8) + 63) & ~63u;
	a.size = ((u64)a.pitch * a.height + 4095) & ~4095ull;
	if (a.size > MAX_BYTES)
		return -ENOMEM;
	i32 mem = fs_mem_create(a.size);
	if (mem < 0)
		return mem;
	struct gem *g = gem_new(mem, 0, a.size, true);
	if (!g) {
		fs_close_fd(mem);
		return -ENOMEM;
	}
	g->width = a.width;
	g->height = a.height;
	g->pitch = a.pitch;
	g->bpp = a.bpp;
	i64 h = gem_handle(file_of(r), g);
	gem_put(g);
	if (h < 0)
		return h;
	a.handle = (u32)h;
	return ARG_PUT(r, a);
}

i64 gem_map_dumb(struct fsreq *r)
{
	struct drm_mode_map_dumb a;
	int e = ARG_GET(r, a);
	if (e)
		return e;
	if (!gem_find(file_of(r), a.handle))
		return -ENOENT;
	a.offset = (u64)a.handle << 32;
	return ARG_PUT(r, a);
}

static i64 drop(struct drmfile *f, u32 handle)
{
	struct gem *g = gem_find(f, handle);
	if (!g)
		return -EINVAL;
	f->handles[handle - 1] = NULL;
	gem_put(g);
	return 0;
}

i64 gem_destroy_dumb(struct fsreq *r)
{
	struct drm_mode_destroy_dumb a;
	int e = ARG_GET(r, a);
	return e ? e : drop(file_of(r), a.handle);
}

i64 gem_close(struct fsreq *r)
{
	struct drm_gem_close a;
	int e = ARG_GET(r, a);
	return e ? e : drop(file_of(r), a.handle);
}

i64 gem_prime_to_fd(struct fsreq *r)
{
	struct drm_prime_handle a;
	int e = ARG_GET(r, a);
	if (e)
		return e;
	struct gem *g = gem_find(file_of(r), a.handle);
	if (!g)
		return -ENOENT;
	if (a.flags & ~(u32)(DRM_CLOEXEC | DRM_RDWR))
		return -EINVAL;
	return dmabuf_give(r, g, a.flags & DRM_RDWR);
}

i64 gem_prime_from_fd(struct fsreq *r)
{
	struct drm_prime_handle a;
	int e = ARG_GET(r, a);
	if (e)
		return e;
	if (r->sqe->nfds < 1)
		return -EBADF;
	struct gem *g = dmabuf_gem(r->sqe->fds[0]);
	if (!g)
		return -EINVAL;
	i64 h = gem_handle(file_of(r), g);
	if (h < 0)
		return h;
	a.handle = (u32)h;
	return ARG_PUT(r, a);
}

/* Answers an mmap of a part of a buffer with its memory. */
i64 gem_map(struct fsreq *r, struct gem *g, u64 offset, bool writable)
{
	u64 len = r->sqe->args[1];
	if (offset > g->size || len > ((g->size - offset + 4095) & ~4095ull))
		return -EINVAL;
	r->out[0] = g->start + offset;
	return request_give_fd(vfs_request(r), g->mem, WEFT_RIGHT_READ | WEFT_RIGHT_MAP | (writable ? WEFT_RIGHT_WRITE : 0), 0);
}

/* mmap of the card at an offset from MAP_DUMB. */
i64 gem_mmap(struct fsreq *r)
{
	u64 at = r->sqe->args[0];
	struct gem *g = at >> 32 <= MAX_HANDLES ? gem_find(file_of(r), (u32)(at >> 32)) : NULL;
	return g ? gem_map(r, g, at & 0xffffffff, true) : -EINVAL;
}

void gem_release_all(struct drmfile *f)
{
	for (u32 i = 0; i < MAX_HANDLES; i++) {
		gem_put(f->handles[i]);
		f->handles[i] = NULL;
	}
}
