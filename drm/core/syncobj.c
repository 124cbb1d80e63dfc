/* SPDX-License-Identifier: MIT */
/*
 * Binary synchronisation objects: each holds at most one fence, as the waiting end of a kernel fence (a sync file is just that). Timelines are not
 * served: DRM_CAP_SYNCOBJ_TIMELINE says 0.
 */
#include "drm.h"

#include <native/server.h>
#include <stdlib.h>

#define MAX_SYNCOBJS 4096

struct syncobj {
	i32 fence; /* waiting end, or -1 */
};

static struct syncobj *find(struct drmfile *f, u32 handle)
{
	return handle >= 1 && handle <= f->nsyncobjs ? f->syncobjs[handle - 1] : NULL;
}

static i64 signalled_fence(void)
{
	i32 fds[2];
	i64 e = weft_obj_create(WEFT_OBJ_FENCE, 0, 0, WEFT_DUP_PRIVATE | WEFT_DUP_CLOEXEC, PTR(fds));
	if (e < 0)
		return e;
	fence_signal(fds[1], 0);
	return fds[0];
}

static i64 create(struct fsreq *r, struct drmfile *f)
{
	struct drm_syncobj_create a;
	i64 e = ARG_GET(r, a);
	if (e)
		return e;
	if (a.flags & ~1u)
		return -EINVAL;
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
	struct syncobj *s = malloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->fence = a.flags & 1 ? (i32)signalled_fence() : -1;
	f->syncobjs[i] = s;
	a.handle = i + 1;
	return ARG_PUT(r, a);
}

static void forget(struct syncobj *s)
{
	if (s->fence >= 0)
		weft_fd_close((u64)s->fence);
	free(s);
}

static i64 set_fence(struct syncobj *s, i32 fence)
{
	if (s->fence >= 0)
		weft_fd_close((u64)s->fence);
	s->fence = fence;
	return 0;
}

static i64 each(struct fsreq *r, struct drmfile *f, bool signal)
{
	struct drm_syncobj_array a;
	u32 handles[64];
	i64 e = ARG_GET(r, a);
	if (e)
		return e;
	if (!a.count_handles || a.count_handles > 64)
		return -EINVAL;
	e = fsreq_in(r, 1, 0, handles, a.count_handles * 4);
	for (u32 i = 0; !e && i < a.count_handles; i++) {
		struct syncobj *s = find(f, handles[i]);
		if (!s)
			return -ENOENT;
		i64 fence = signal ? signalled_fence() : -1;
		e = signal && fence < 0 ? fence : set_fence(s, (i32)fence);
	}
	return e;
}

/* Whether it is over already; a wait that would sleep is answered as if its time had run out. */
static i64 wait(struct fsreq *r, struct drmfile *f)
{
	struct drm_syncobj_wait a = {0};
	u32 handles[64], done = 0, first = 0;
	u64 size = r->sqe->len[0] < sizeof(a) ? r->sqe->len[0] : sizeof(a);
	i64 e = fsreq_in(r, 0, 0, &a, size);
	if (e)
		return e;
	if (!a.count_handles || a.count_handles > 64)
		return -EINVAL;
	e = fsreq_in(r, 1, 0, handles, a.count_handles * 4);
	if (e)
		return e;
	for (u32 i = a.count_handles; i-- > 0;) {
		struct syncobj *s = find(f, handles[i]);
		if (!s)
			return -ENOENT;
		if (s->fence < 0 && !(a.flags & DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT))
			return -EINVAL;
		i64 ready = s->fence < 0 ? 0 : weft_fd_ctl((u64)s->fence, WEFT_FD_READY, 0, 0);
		if (ready > 0 && (ready & WEFT_POLLIN)) {
			done++;
			first = i;
		}
	}
	if (done == 0 || ((a.flags & DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL) && done < a.count_handles))
		return -ETIME;
	a.first_signaled = first;
	return fsreq_out(r, 0, 0, &a, size);
}

i64 syncobj_ioctl(struct fsreq *r, u32 cmd)
{
	struct drmfile *f = file_of(r);
	struct drm_syncobj_handle h = {0};
	struct drm_syncobj_destroy d;
	struct syncobj *s;
	i64 e;
	switch (cmd & 0xff) {
	case 0xbf:
		return create(r, f);
	case 0xc0:
		e = ARG_GET(r, d);
		s = e ? NULL : find(f, d.handle);
		if (!s)
			return e ? e : -EINVAL;
		f->syncobjs[d.handle - 1] = NULL;
		forget(s);
		return 0;
	case 0xc1: /* HANDLE_TO_FD: as a sync file */
		e = fsreq_in(r, 0, 0, &h, 16);
		s = e ? NULL : find(f, h.handle);
		if (!s)
			return e ? e : -ENOENT;
		if (!(h.flags & DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE))
			return -EOPNOTSUPP;
		return s->fence < 0 ? -EINVAL : request_give_fd(vfs_request(r), s->fence, WEFT_RIGHT_ALL, 0);
	case 0xc2:
		e = fsreq_in(r, 0, 0, &h, 16);
		if (e)
			return e;
		if (!(h.flags & DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE))
			return -EOPNOTSUPP;
		s = find(f, h.handle);
		if (!s)
			return -ENOENT;
		i32 fd = fs_take_fd(r);
		return fd < 0 ? fd : set_fence(s, fd);
	case 0xc3:
		return wait(r, f);
	case 0xc4:
		return each(r, f, false);
	case 0xc5:
		return each(r, f, true);
	}
	return -EOPNOTSUPP;
}

void syncobj_release_all(struct drmfile *f)
{
	for (u32 i = 0; i < f->nsyncobjs; i++)
		if (f->syncobjs[i])
			forget(f->syncobjs[i]);
	free(f->syncobjs);
}
