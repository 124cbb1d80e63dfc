/* SPDX-License-Identifier: MIT */
/*
 * DRM_IOCTL_MODE_ATOMIC. Buffers: 1 objects, 2 properties of each, 3 property ids, 4 values. Fences are named by the data:
 * IN_FENCE_FD (an fd among the values) and OUT_FENCE_PTR (a pointer among them), so such a request is answered with -WEFT_ERETRY and
 * up to four places, and comes again with args[2] saying how many places the runtime has resolved so far.
 *
 * A commit without NONBLOCK sleeps twice: while a flip is on its way, and then until its own is shown.
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

/* What the values name, in their order. */
struct named {
	u32 outs; /* outputs that want a fence */
	u8 order[MAX_OUTPUTS]; /* of them */
	u32 nouts, nins;
};

/* Asks for what is not resolved yet. -> -WEFT_ERETRY, or 0 when everything is there. */
static i64 resolve(struct fsreq *r, const struct list *l, struct named *named)
{
	u32 n = 0, seen = 0, done = (u32)r->sqe->args[2];
	*named = (struct named){0};
	for (u32 i = 0, k = 0; i < l->nobjects; i++) {
		for (u32 j = 0; j < l->counts[i]; j++, k++) {
			bool in = l->props[k] == ID_PROP + P_IN_FENCE_FD && (i32)l->values[k] >= 0;
			bool out = l->props[k] == ID_PROP + P_OUT_FENCE_PTR && l->values[k];
			int o = output_of_crtc(l->objects[i]);
			if (out && (o < 0 || named->outs >> o & 1))
				return -EINVAL;
			if (out) {
				named->outs |= 1u << o;
				named->order[named->nouts++] = (u8)o;
			}
			named->nins += in;
			if ((in || out) && seen++ >= done && n < 4)
				r->out[n++] = RETRY(in ? RETRY_FD_IN : RETRY_FD_OUT_PTR, 4, k * 8);
		}
	}
	if (n)
		return -WEFT_ERETRY;
	return named->nins == r->sqe->nfds && named->nouts <= r->sqe->max_fds ? 0 : -EINVAL;
}

/* One fence for all that has to be waited for: those given, and of planes without one those of their buffers. */
static i64 in_fences(struct fsreq *r, const struct kms_state *s, struct fence **out)
{
	int e = 0;
	*out = NULL;
	u32 n = r->sqe->nfds;
	for (u32 i = 0; !e && i < (n ? n : 2 * noutputs); i++) {
		const struct fb *fb = n || s->plane[i].fb == kms.plane[i].fb ? NULL : fb_find(s->plane[i].fb);
		struct fence *f = n ? sync_file_fence(r->sqe->fds[i]) : fb ? gem_fence(fb->gem, false) : NULL, *both;
		if (n && !f)
			e = -EINVAL;
		both = e ? NULL : fence_both(*out, f, &e);
		fence_put(f);
		fence_put(*out);
		*out = both;
	}
	return e;
}

static i64 make_out_fences(struct fsreq *r, struct commit *c, const struct named *named)
{
	for (u32 k = 0; k < named->nouts; k++) {
		u32 o = named->order[k];
		if (!outputs[o].context)
			outputs[o].context = fence_context();
		c->out[o] = fence_new(outputs[o].context);
		i64 e = c->out[o] ? sync_file_give(r, c->out[o], "crtc") : -ENOMEM;
		if (e)
			return e;
	}
	return 0;
}

/* A commit that sleeps. */
struct commit_sleeper {
	struct sleeper s; /* first */
	bool committed;
};

static i64 commit(struct fsreq *r, struct commit_sleeper *s);

static void woken(struct sleeper *s, i64 why)
{
	struct commit_sleeper *c = (struct commit_sleeper *)s;
	if (!why && c->committed && vblank_waits(s))
		return; /* one output is done, another is not */
	if (!why && !c->committed) {
		struct fsreq r = sleeper_request(s);
		commit(&r, c);
		return;
	}
	vblank_forget(s);
	struct fsreq r = sleeper_request(s);
	sync_file_refresh(&r);
	/* What is committed is committed: a signal does not undo it. */
	sleeper_end(s, c->committed ? 0 : why);
}

static i64 end(struct commit_sleeper *s, i64 result)
{
	if (s)
		sleeper_end(&s->s, result);
	return s ? 0 : result;
}

/* Checks and acts, or sleeps and is called again with the sleeper. The result, unless there is a sleeper, which has it then. */
static i64 commit(struct fsreq *r, struct commit_sleeper *s)
{
	static struct list l;
	static struct commit c;
	struct drm_mode_atomic a;
	struct drmfile *f = file_of(r);
	struct named named;
	c = (struct commit){.file = f, .state = kms};
	i64 e = get_lists(r, &a, &l);
	if (!e)
		e = resolve(r, &l, &named);
	for (u32 i = 0, k = 0; !e && i < l.nobjects; i++) {
		int o = output_of_object(l.objects[i]);
		if (o >= 0)
			c.named |= 1u << o;
		if (!leased_to(f, l.objects[i]))
			e = -ENOENT;
		for (u32 j = 0; !e && j < l.counts[i]; j++, k++)
			e = prop_set(&c.state, l.objects[i], l.props[k], l.values[k], f);
	}
	if (!e)
		e = kms_check(&c.state, a.flags & DRM_MODE_ATOMIC_ALLOW_MODESET);
	if (e || (a.flags & DRM_MODE_ATOMIC_TEST_ONLY))
		return end(s, e);
	bool wait = !(a.flags & DRM_MODE_ATOMIC_NONBLOCK);
	if (!wait && kms_busy(f))
		return end(s, -EBUSY);
	if (wait && !s) {
		s = (struct commit_sleeper *)sleeper_new(r, sizeof(*s), woken);
		if (!s)
			return -ENOMEM;
		*r = sleeper_request(&s->s); /* from here on it is the kept request that is answered */
		r->deferred = true;
	}
	if (wait && kms_busy(f)) {
		vblank_blocked(&s->s);
		return 0;
	}
	c.event = a.flags & DRM_MODE_PAGE_FLIP_EVENT;
	c.user_data = a.user_data;
	if (c.event && event_reserve(f))
		e = -ENOMEM;
	if (!e)
		e = in_fences(r, &c.state, &c.in);
	if (!e)
		e = make_out_fences(r, &c, &named);
	if (e) {
		for (u32 i = 0; i < noutputs; i++) {
			fence_signal(c.out[i], (int)e);
			fence_put(c.out[i]);
		}
		fence_put(c.in);
		return end(s, e);
	}
	c.sleeper = s ? &s->s : NULL;
	if (s)
		s->committed = true;
	struct fence *in = c.in;
	kms_commit(&c);
	fence_put(in);
	return 0;
}

i64 atomic_commit(struct fsreq *r)
{
	return file_of(r)->atomic ? commit(r, NULL) : -EINVAL;
}
