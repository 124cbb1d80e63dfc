/* SPDX-License-Identifier: MIT */
/* What waits for points of synchronisation objects: for their fences, or (WAIT_FOR_SUBMIT) for points that do not exist yet. */
#include "syncobj.h"

#include <native/time.h>
#include <stdlib.h>

#define TRANSFER_WAIT 5000000000l

struct wait {
	struct sleeper s; /* first */
	u32 flags, n;
	bool timeline, looking;
	struct syncobj *to; /* TRANSFER that waits for the submission: where it goes */
	u64 to_point;
	struct watch watch[];
};
struct event_watch {
	struct watch w;
	struct fs_list link; /* in its file's list */
	bool available;
	i32 fd;
};

static void unwatch(struct watch *w)
{
	if (!w->object)
		return;
	fsl_remove(&w->link);
	fence_unwait(&w->cb);
	fence_put(w->fence);
	syncobj_put(w->object);
	w->object = NULL;
	w->fence = NULL;
}

static void fence_came(struct fence_cb *cb)
{
	struct watch *w = fsl_entry(cb, struct watch, cb);
	w->look(w);
}

/* Whether what is watched for is there; if not it will be told. */
static bool watch_ready(struct watch *w, bool available)
{
	bool over = false;
	if (!w->fence)
		w->fence = fence_get(syncobj_fence(w->object, w->value, &over));
	if (over || (w->fence && (available || w->fence->signalled)))
		return true;
	w->cb.fn = fence_came;
	if (w->fence && !w->cb.fence)
		fence_wait(w->fence, &w->cb);
	return false;
}

static void wait_end(struct wait *w, i64 result)
{
	w->looking = true;
	for (u32 i = 0; i < w->n; i++)
		unwatch(&w->watch[i]);
	syncobj_put(w->to);
	sleeper_end(&w->s, result);
}

/* -> index of the first that is ready, or -ETIME while it is not over. */
static i64 wait_look(struct wait *w)
{
	u32 ready = 0, first = 0;
	for (u32 i = w->n; i-- > 0;)
		if (watch_ready(&w->watch[i], w->flags & DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE)) {
			ready++;
			first = i;
		}
	return ready == w->n || (ready && !(w->flags & DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL)) ? (i64)first : -ETIME;
}

static void wait_done(struct wait *w, i64 first)
{
	struct fsreq r = sleeper_request(&w->s);
	u32 value = (u32)first;
	if (!w->to) {
		wait_end(w, fsreq_out(&r, 0, w->timeline ? offsetof(struct drm_syncobj_timeline_wait, first_signaled) : offsetof(struct drm_syncobj_wait, first_signaled), &value, 4));
		return;
	}
	struct fence *fence = w->watch[0].fence ? fence_get(w->watch[0].fence) : fence_done();
	i64 e = fence ? syncobj_point(w->to, w->to_point, fence) : -ENOMEM;
	fence_put(fence);
	wait_end(w, e);
}

static void wait_again(struct watch *watch)
{
	struct wait *w = watch->wait;
	if (w->looking)
		return;
	w->looking = true;
	i64 first = wait_look(w);
	w->looking = false;
	if (first >= 0)
		wait_done(w, first);
}

static void wait_woken(struct sleeper *s, i64 why)
{
	wait_end((struct wait *)s, why);
}

/* Sleeps unless it is over already. what: flags, n, and what a transfer needs. */
static i64 wait_start(struct fsreq *r, const struct wait *what, struct syncobj **list, const u64 *points, i64 deadline)
{
	struct wait *w = (struct wait *)sleeper_new(r, (u32)(sizeof(struct wait) + what->n * sizeof(struct watch)), wait_woken);
	if (!w)
		return -ENOMEM;
	w->flags = what->flags;
	w->n = what->n;
	w->timeline = what->timeline;
	w->to = what->to ? syncobj_get(what->to) : NULL;
	w->to_point = what->to_point;
	w->looking = true;
	for (u32 i = 0; i < w->n; i++) {
		w->watch[i] = (struct watch){.object = syncobj_get(list[i]), .value = points[i], .look = wait_again, .wait = w};
		fsl_append(&list[i]->watches, &w->watch[i].link);
	}
	i64 first = wait_look(w);
	w->looking = false;
	if (first >= 0)
		wait_done(w, first);
	else if (deadline <= time_monotonic())
		wait_end(w, -ETIME);
	else
		sleeper_deadline(&w->s, deadline);
	return 0;
}

static i64 wait(struct fsreq *r, bool timeline)
{
	struct {
		u64 handles, points; /* pointers: buffers 1 and 2 */
		i64 deadline;
		u32 n, flags;
	} a;
	struct syncobj *list[MAX_ARRAY];
	u64 points[MAX_ARRAY] = {0};
	i64 e;
	if (timeline) {
		struct drm_syncobj_timeline_wait t;
		e = fsreq_in(r, 0, 0, &t, offsetof(struct drm_syncobj_timeline_wait, pad) + 4);
		a = (__typeof__(a)){t.handles, t.points, t.timeout_nsec, t.count_handles, t.flags};
	} else {
		struct drm_syncobj_wait t;
		e = fsreq_in(r, 0, 0, &t, offsetof(struct drm_syncobj_wait, pad) + 4);
		a = (__typeof__(a)){t.handles, 0, t.timeout_nsec, t.count_handles, t.flags};
	}
	if (e)
		return e;
	if (a.flags & ~0xfu || (!timeline && a.flags & DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE))
		return -EINVAL;
	if (!a.n)
		return 0;
	e = syncobj_array(r, a.n, list);
	if (!e && timeline)
		e = fsreq_in(r, 2, 0, points, a.n * 8);
	for (u32 i = 0; !e && i < a.n; i++) {
		bool over;
		if (!(a.flags & (DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT | DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE)) && !syncobj_fence(list[i], points[i], &over) && !over)
			return -EINVAL;
	}
	if (e)
		return e;
	return wait_start(r, &(struct wait){.flags = a.flags, .n = a.n, .timeline = timeline}, list, points, a.deadline);
}

i64 syncobj_wait(struct fsreq *r)
{
	return wait(r, false);
}

i64 syncobj_timeline_wait(struct fsreq *r)
{
	return wait(r, true);
}

/* TRANSFER: the fence of a point of one becomes a point of another. */
i64 syncobj_transfer(struct fsreq *r)
{
	struct drmfile *f = file_of(r);
	struct drm_syncobj_transfer a;
	i64 e = ARG_GET(r, a);
	struct syncobj *from = e ? NULL : syncobj_find(f, a.src_handle), *to = e ? NULL : syncobj_find(f, a.dst_handle);
	if (!from || !to)
		return e ? e : -ENOENT;
	if (a.pad || a.flags & ~(u32)DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT)
		return -EINVAL;
	struct fence *fence = syncobj_take(from, a.src_point, &e);
	if (!fence && a.flags && e == -EINVAL)
		return wait_start(r, &(struct wait){.flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE, .n = 1, .to = to, .to_point = a.dst_point}, &from,
			&(u64){a.src_point}, time_monotonic() + TRANSFER_WAIT);
	e = fence ? syncobj_point(to, a.dst_point, fence) : e;
	fence_put(fence);
	return e;
}

static void event_end(struct event_watch *ev)
{
	unwatch(&ev->w);
	fsl_remove(&ev->link);
	fs_close_fd(ev->fd);
	free(ev);
}

static void event_look(struct watch *w)
{
	struct event_watch *ev = fsl_entry(w, struct event_watch, w);
	if (watch_ready(w, ev->available)) {
		sys_count(ev->fd);
		event_end(ev);
	}
}

/* SYNCOBJ_EVENTFD: {handle, flags, point, fd, pad}. */
i64 syncobj_eventfd(struct fsreq *r)
{
	struct drmfile *f = file_of(r);
	struct {
		u32 handle, flags;
		u64 point;
		i32 fd;
		u32 pad;
	} a;
	i64 e = ARG_GET(r, a);
	if (e)
		return e;
	if (a.flags & ~(u32)DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE || a.pad)
		return -EINVAL;
	struct syncobj *s = syncobj_find(f, a.handle);
	if (!s)
		return -ENOENT;
	if (r->sqe->nfds < 1 || !sys_is_counter(r->sqe->fds[0]))
		return -EBADF;
	struct event_watch *ev = calloc(1, sizeof(*ev));
	if (!ev)
		return -ENOMEM;
	ev->fd = fs_take_fd(r);
	ev->available = a.flags;
	ev->w = (struct watch){.object = syncobj_get(s), .value = a.point, .look = event_look};
	fsl_append(&s->watches, &ev->w.link);
	fsl_append(&f->event_watches, &ev->link);
	event_look(&ev->w);
	return 0;
}


void syncobj_events_end(struct drmfile *f)
{
	fsl_for_each (ev, &f->event_watches, struct event_watch, link)
		event_end(ev);
}
