/* SPDX-License-Identifier: MIT */
#include "syncobj.h"

#include <stdlib.h>

#define MAX_SYNCOBJS 4096
#define EXPORT_TIMELINE 2u

static struct anon shared;

struct syncobj *syncobj_find(struct drmfile *f, u32 handle)
{
	return handle >= 1 && handle <= f->nsyncobjs ? f->syncobjs[handle - 1] : NULL;
}

static i64 add_handle(struct drmfile *f, struct syncobj *s)
{
	u32 i = 0;
	while (i < f->nsyncobjs && f->syncobjs[i])
		i++;
	if (i == MAX_SYNCOBJS)
		return -ENOMEM;
	if (i == f->nsyncobjs) {
		struct syncobj **p = realloc(f->syncobjs, (i + 32) * sizeof(*p));
		if (!p)
			return -ENOMEM;
		memset(p + i, 0, 32 * sizeof(*p));
		f->syncobjs = p;
		f->nsyncobjs = i + 32;
	}
	f->syncobjs[i] = s;
	return i + 1;
}

static i64 create(struct fsreq *r, struct drmfile *f)
{
	struct drm_syncobj_create a;
	i64 e = ARG_GET(r, a);
	if (e)
		return e;
	if (a.flags & ~(u32)DRM_SYNCOBJ_CREATE_SIGNALED)
		return -EINVAL;
	struct syncobj *s = syncobj_new();
	struct fence *done = a.flags ? fence_done() : NULL;
	if (!s || (a.flags && !done)) {
		syncobj_put(s);
		return -ENOMEM;
	}
	e = done ? syncobj_replace(s, done) : 0;
	fence_put(done);
	if (!e)
		e = add_handle(f, s);
	if (e < 0) {
		syncobj_put(s);
		return e;
	}
	a.handle = (u32)e;
	return ARG_PUT(r, a);
}

static i64 destroy(struct fsreq *r, struct drmfile *f)
{
	struct drm_syncobj_destroy a;
	i64 e = ARG_GET(r, a);
	struct syncobj *s = e ? NULL : syncobj_find(f, a.handle);
	if (!s)
		return e ? e : -EINVAL;
	if (a.pad)
		return -EINVAL;
	f->syncobjs[a.handle - 1] = NULL;
	syncobj_put(s);
	return 0;
}

static i64 shared_open(struct fsreq *r, struct handle *h)
{
	if (!shared.giving)
		return -ENXIO;
	h->priv = shared.giving;
	r->fd.ready = 0;
	return 0;
}

static void shared_close(struct handle *h)
{
	syncobj_put(h->priv);
}

static const struct node_ops shared_ops = {.open = shared_open, .close = shared_close};

int syncobj_start(void)
{
	return anon_start(&shared, "syncobj", &shared_ops);
}

/* struct drm_syncobj_handle, which has got a point at its end since. */
struct handle_arg {
	u32 handle, flags;
	i32 fd;
	u32 pad;
	u64 point;
};

static i64 handle_arg(struct fsreq *r, struct handle_arg *a)
{
	memset(a, 0, sizeof(*a));
	i64 e = fsreq_in(r, 0, 0, a, r->sqe->nbufs && r->sqe->len[0] < sizeof(*a) ? 16 : sizeof(*a));
	if (e)
		return e;
	return a->pad || a->flags & ~3u || (a->point && !(a->flags & EXPORT_TIMELINE)) ? -EINVAL : 0;
}

static i64 to_fd(struct fsreq *r, struct drmfile *f)
{
	struct handle_arg a;
	i64 e = handle_arg(r, &a);
	struct syncobj *s = e ? NULL : syncobj_find(f, a.handle);
	if (!s)
		return e ? e : -ENOENT;
	if (!(a.flags & DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE)) {
		if (a.flags)
			return -EINVAL;
		e = anon_give(r, &shared, syncobj_get(s), O_RDWR);
		if (e)
			syncobj_put(s);
		return e;
	}
	struct fence *fence = syncobj_take(s, a.point, &e);
	if (!fence)
		return e;
	e = sync_file_give(r, fence, "syncobj");
	fence_put(fence);
	return e;
}

static i64 from_fd(struct fsreq *r, struct drmfile *f)
{
	struct handle_arg a;
	i64 e = handle_arg(r, &a);
	if (e)
		return e;
	if (!r->sqe->nfds)
		return -EBADF;
	if (!(a.flags & DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE)) {
		struct handle *h = fs_identify(&tree, r->sqe->fds[0]);
		if (a.flags || !h || h->node != shared.dentry->node)
			return -EINVAL;
		struct syncobj *s = syncobj_get(h->priv);
		e = add_handle(f, s);
		if (e < 0) {
			syncobj_put(s);
			return e;
		}
		a.handle = (u32)e;
		return fsreq_out(r, 0, 0, &a, 16);
	}
	struct syncobj *s = syncobj_find(f, a.handle);
	if (!s)
		return -ENOENT;
	struct fence *fence = sync_file_fence(r->sqe->fds[0]);
	if (!fence)
		return -EINVAL;
	e = syncobj_point(s, a.point, fence);
	fence_put(fence);
	return e;
}

i64 syncobj_array(struct fsreq *r, u32 n, struct syncobj **out)
{
	struct drmfile *f = file_of(r);
	u32 handles[MAX_ARRAY];
	if (!n || n > MAX_ARRAY)
		return -EINVAL;
	i64 e = fsreq_in(r, 1, 0, handles, n * 4);
	if (e)
		return e;
	for (u32 i = 0; i < n; i++) {
		struct syncobj *s = syncobj_find(f, handles[i]);
		if (!s)
			return -ENOENT;
		out[i] = s;
	}
	return 0;
}

/* RESET and SIGNAL. */
static i64 each(struct fsreq *r, bool signal)
{
	struct drm_syncobj_array a;
	struct syncobj *list[MAX_ARRAY];
	i64 e = ARG_GET(r, a);
	if (!e)
		e = a.pad ? -EINVAL : syncobj_array(r, a.count_handles, list);
	for (u32 i = 0; !e && i < a.count_handles; i++) {
		struct fence *done = signal ? fence_done() : NULL;
		e = signal && !done ? -ENOMEM : syncobj_replace(list[i], done);
		fence_put(done);
	}
	return e;
}

static i64 timeline_signal(struct fsreq *r)
{
	struct drm_syncobj_timeline_array a;
	struct syncobj *list[MAX_ARRAY];
	u64 points[MAX_ARRAY] = {0};
	i64 e = ARG_GET(r, a);
	if (!e)
		e = a.flags ? -EINVAL : syncobj_array(r, a.count_handles, list);
	if (!e && a.points)
		e = fsreq_in(r, 2, 0, points, a.count_handles * 8);
	for (u32 i = 0; !e && i < a.count_handles; i++) {
		struct fence *done = fence_done();
		e = !done ? -ENOMEM : syncobj_point(list[i], points[i], done);
		fence_put(done);
	}
	return e;
}

static i64 query(struct fsreq *r)
{
	struct drm_syncobj_timeline_array a;
	struct syncobj *list[MAX_ARRAY];
	u64 points[MAX_ARRAY];
	i64 e = ARG_GET(r, a);
	if (!e)
		e = a.flags & ~(u32)DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED ? -EINVAL : syncobj_array(r, a.count_handles, list);
	for (u32 i = 0; !e && i < a.count_handles; i++) {
		points[i] = syncobj_done(list[i]);
		if (list[i]->timeline && a.flags & DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED)
			points[i] = list[i]->last;
	}
	return e ? e : fsreq_out(r, 2, 0, points, a.count_handles * 8);
}

i64 syncobj_ioctl(struct fsreq *r)
{
	struct drmfile *f = file_of(r);
	switch (r->sqe->args[0] & 0xff) {
	case 0xbf:
		return create(r, f);
	case 0xc0:
		return destroy(r, f);
	case 0xc1:
		return to_fd(r, f);
	case 0xc2:
		return from_fd(r, f);
	case 0xc3:
		return syncobj_wait(r);
	case 0xc4:
		return each(r, false);
	case 0xc5:
		return each(r, true);
	case 0xca:
		return syncobj_timeline_wait(r);
	case 0xcb:
		return query(r);
	case 0xcc:
		return syncobj_transfer(r);
	case 0xcd:
		return timeline_signal(r);
	case 0xcf:
		return syncobj_eventfd(r);
	}
	return -EINVAL;
}

void syncobj_release_all(struct drmfile *f)
{
	syncobj_events_end(f);
	for (u32 i = 0; i < f->nsyncobjs; i++)
		syncobj_put(f->syncobjs[i]);
	free(f->syncobjs);
	f->syncobjs = NULL;
	f->nsyncobjs = 0;
}
