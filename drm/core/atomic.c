/* SPDX-License-Identifier: MIT */
/*
 * DRM_IOCTL_MODE_ATOMIC. Buffers: 1 objects, 2 properties of each, 3 property ids, 4 values. Fences are named by the data:
 * IN_FENCE_FD (an fd among the values) and OUT_FENCE_PTR (a pointer among them), so the first time such a request comes it is
 * answered with -WEFT_ERETRY and the places, and the second time the runtime has resolved them.
 */
#include "drm.h"

#include <native/server.h>
#include <stdlib.h>

#define MAX_OBJECTS 64
#define MAX_PROPS 512

/* libc/posix's ioctl.h: a place in a declared buffer. */
#define RETRY(kind, buf, at) ((u64)(kind) << 60 | (u64)(buf) << 56 | (u64)(at))
enum { RETRY_FD_IN = 1, RETRY_FD_OUT_PTR = 4 };

struct list {
	u32 objects[MAX_OBJECTS], counts[MAX_OBJECTS], props[MAX_PROPS];
	u64 values[MAX_PROPS];
	u32 nobjects, nprops;
};

static i64 get_lists(struct fsreq *r, struct drm_mode_atomic *a, struct list *l)
{
	i64 e = ARG_GET(r, *a);
	if (e)
		return e;
	if (a->flags & ~(u32)DRM_MODE_ATOMIC_FLAGS || a->reserved)
		return -EINVAL;
	if ((a->flags & DRM_MODE_PAGE_FLIP_EVENT) && (a->flags & DRM_MODE_ATOMIC_TEST_ONLY))
		return -EINVAL;
	if (a->flags & DRM_MODE_PAGE_FLIP_ASYNC)
		return -EINVAL;
	if (a->count_objs > MAX_OBJECTS || r->sqe->nbufs < 5)
		return -EINVAL;
	l->nobjects = a->count_objs;
	e = l->nobjects ? fsreq_in(r, 1, 0, l->objects, l->nobjects * 4) : 0;
	if (!e)
		e = l->nobjects ? fsreq_in(r, 2, 0, l->counts, l->nobjects * 4) : 0;
	l->nprops = 0;
	for (u32 i = 0; !e && i < l->nobjects; i++) {
		if (l->counts[i] > MAX_PROPS || l->nprops + l->counts[i] > MAX_PROPS)
			return -EINVAL;
		l->nprops += l->counts[i];
	}
	if (!e && l->nprops)
		e = fsreq_in(r, 3, 0, l->props, l->nprops * 4);
	if (!e && l->nprops)
		e = fsreq_in(r, 4, 0, l->values, l->nprops * 8);
	return e;
}

/* Asks for what the values name. -> -WEFT_ERETRY, or 0 when there is nothing or it has come. outs: which outputs want a fence. */
static i64 fences(struct fsreq *r, const struct list *l, u32 *outs)
{
	struct drmfile *f = file_of(r);
	u32 k = 0, n = 0;
	*outs = 0;
	for (u32 i = 0; i < l->nobjects; i++) {
		for (u32 j = 0; j < l->counts[i]; j++, k++) {
			bool in = l->props[k] == ID_PROP + P_IN_FENCE_FD && (i32)l->values[k] >= 0;
			bool out = l->props[k] == ID_PROP + P_OUT_FENCE_PTR && l->values[k];
			int o = output_of_crtc(l->objects[i]);
			if (out && o < 0)
				return -EINVAL;
			if (out)
				*outs |= 1u << o;
			if ((in || out) && n < 4)
				r->out[n++] = RETRY(in ? RETRY_FD_IN : RETRY_FD_OUT_PTR, 4, k * 8);
		}
	}
	if (!n)
		return 0;
	if (f->retry_tid == r->sqe->tid) {
		f->retry_tid = 0;
		return 0;
	}
	f->retry_tid = r->sqe->tid;
	return -WEFT_ERETRY;
}

/* A fence object for an output: the waiting end goes to the client. -> the signalling end. */
static i32 out_fence(struct fsreq *r)
{
	i32 fds[2];
	i64 e = weft_obj_create(WEFT_OBJ_FENCE, 0, 0, WEFT_DUP_PRIVATE | WEFT_DUP_CLOEXEC, PTR(fds));
	if (e < 0)
		return (i32)e;
	e = request_give_fd(vfs_request(r), fds[0], WEFT_RIGHT_ALL, WEFT_REPLY_MOVE);
	return e < 0 ? (i32)e : fds[1];
}

/* An in-fence that has not signalled: rendering here is by the CPU, so a producer's fence is signalled when it is given; if not, wait shortly. */
static int wait_fences(struct fsreq *r)
{
	for (u32 i = 0; i < r->sqe->nfds; i++) {
		i64 ready = weft_fd_ctl((u64)r->sqe->fds[i], WEFT_FD_READY, 0, 0);
		if (ready < 0 || !(ready & WEFT_POLLIN))
			return -EAGAIN;
	}
	return 0;
}

i64 atomic_commit(struct fsreq *r)
{
	static struct list l;
	struct drm_mode_atomic a;
	struct drmfile *f = file_of(r);
	struct kms_state s = kms;
	u32 outs, k = 0;
	if (!f->atomic)
		return -EINVAL;
	i64 e = get_lists(r, &a, &l);
	if (!e)
		e = fences(r, &l, &outs);
	for (u32 i = 0; !e && i < l.nobjects; i++)
		for (u32 j = 0; !e && j < l.counts[i]; j++, k++)
			e = prop_set(&s, l.objects[i], l.props[k], l.values[k], f);
	if (!e)
		e = kms_check(&s, a.flags & DRM_MODE_ATOMIC_ALLOW_MODESET);
	if (e || (a.flags & DRM_MODE_ATOMIC_TEST_ONLY))
		return e;
	for (u32 i = 0; i < noutputs; i++)
		if ((a.flags & DRM_MODE_ATOMIC_NONBLOCK) && outputs[i].busy)
			return -EBUSY;
	bool event = a.flags & DRM_MODE_PAGE_FLIP_EVENT;
	if (event && event_reserve(f))
		return -ENOMEM;
	e = wait_fences(r);
	if (e)
		return e;
	i32 signal[MAX_OUTPUTS];
	for (u32 i = 0; i < MAX_OUTPUTS; i++)
		signal[i] = outs >> i & 1 ? out_fence(r) : -1;
	kms_commit(f, &s, event, a.user_data, signal);
	return 0;
}
