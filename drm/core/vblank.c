/* SPDX-License-Identifier: MIT */
/*
 * The clock that paces an output: vblanks at the mode's rate since the mode was set. It ticks only while somebody waits. A flip is
 * complete at the first vblank after its commit at which the driver has shown it (or has been silent for SILENCE).
 */
#include "drm.h"

#include <native/time.h>
#include <stdlib.h>

#define SILENCE 500000000l

static i64 period_of(const struct drm_mode_modeinfo *m)
{
	u64 dots = (u64)m->htotal * m->vtotal;
	return m->clock && dots ? (i64)(dots * 1000000 / m->clock) : 16666667;
}

u64 vblank_now(u32 i, i64 *when)
{
	struct output *o = &outputs[i];
	i64 now = time_monotonic();
	if (!o->period_ns) {
		o->period_ns = period_of(&kms.out[i].mode);
		o->base_ns = now;
	}
	u64 n = (u64)((now - o->base_ns) / o->period_ns);
	if (when)
		*when = o->base_ns + (i64)n * o->period_ns;
	return n;
}

void vblank_mode_set(u32 i)
{
	struct output *o = &outputs[i];
	i64 when;
	u64 n = o->period_ns ? vblank_now(i, &when) : 0;
	o->period_ns = period_of(&kms.out[i].mode);
	o->base_ns = time_monotonic() - (i64)n * o->period_ns; /* the count goes on */
}

/* The answer to WAIT_VBLANK. */
static i64 vblank_reply(struct fsreq *r, u64 sequence, i64 when)
{
	union drm_wait_vblank a;
	i64 e = ARG_GET(r, a);
	if (e)
		return e;
	a.reply.sequence = (u32)sequence;
	a.reply.tval_sec = when / 1000000000;
	a.reply.tval_usec = when / 1000 % 1000000;
	return ARG_PUT(r, a);
}

static void complete(u32 i, struct flip *f, u64 sequence, i64 when)
{
	fsl_remove(&f->link);
	if (f->file && f->type == DRM_EVENT_CRTC_SEQUENCE) {
		struct drm_event_crtc_sequence e = {.base = {f->type, sizeof(e)}, .user_data = f->user_data, .time_ns = when, .sequence = sequence};
		event_send(f->file, &e, sizeof(e));
	} else if (f->file) {
		struct drm_event_vblank e = {.base = {f->type, sizeof(e)}, .user_data = f->user_data, .tv_sec = (u32)(when / 1000000000),
			.tv_usec = (u32)(when / 1000 % 1000000), .sequence = (u32)sequence, .crtc_id = ID_CRTC + i};
		event_send(f->file, &e, sizeof(e));
	}
	fence_signal(f->fence, 0);
	fence_put(f->fence);
	struct sleeper *s = f->sleeper;
	bool flip = f->type == DRM_EVENT_FLIP_COMPLETE;
	free(f);
	if (s && flip) {
		s->wake(s, 0);
	} else if (s) {
		struct fsreq r = sleeper_request(s);
		sleeper_end(s, vblank_reply(&r, sequence, when));
	}
}

/* Commits that came while a flip was on its way: each tries again. */
static struct fs_list blocked = {&blocked, &blocked};
struct blocked {
	struct fs_list link;
	struct sleeper *sleeper;
};

void vblank_blocked(struct sleeper *s)
{
	struct blocked *b = calloc(1, sizeof(*b));
	if (!b) {
		s->wake(s, -ENOMEM);
		return;
	}
	b->sleeper = s;
	fsl_append(&blocked, &b->link);
}

static void wake_blocked(void)
{
	struct fs_list now;
	fsl_init(&now);
	while (!fsl_empty(&blocked)) {
		struct fs_list *l = blocked.next;
		fsl_remove(l);
		fsl_append(&now, l);
	}
	while (!fsl_empty(&now)) {
		struct blocked *b = fsl_entry(now.next, struct blocked, link);
		struct sleeper *s = b->sleeper;
		fsl_remove(&b->link);
		free(b);
		s->wake(s, 0);
	}
}

bool vblank_waits(const struct sleeper *s)
{
	for (u32 i = 0; i < noutputs; i++)
		fsl_for_each (f, &outputs[i].flips, struct flip, link)
			if (f->sleeper == s)
				return true;
	return false;
}

/* A sleeper ends before its time: nothing wakes it any more. */
void vblank_forget(struct sleeper *s)
{
	fsl_for_each (b, &blocked, struct blocked, link)
		if (b->sleeper == s) {
			fsl_remove(&b->link);
			free(b);
		}
	for (u32 i = 0; i < noutputs; i++)
		fsl_for_each (f, &outputs[i].flips, struct flip, link)
			if (f->sleeper == s)
				f->sleeper = NULL;
}

static void tick(struct loop_timer *t)
{
	u32 i = (u32)((struct output *)t->ctx - outputs);
	struct output *o = &outputs[i];
	i64 when;
	u64 now = vblank_now(i, &when);
	bool shown = !o->flushing || time_monotonic() - o->base_ns - (i64)o->sequence * o->period_ns > SILENCE;
	bool late = o->late.cb.fence, left = false, freed = false;
	struct fs_list due;
	fsl_init(&due);
	if (late)
		shown = false;
	if (shown && o->busy) {
		o->busy = o->flushing = false;
		freed = true;
	}
	fsl_for_each (f, &o->flips, struct flip, link) {
		bool flip = f->type == DRM_EVENT_FLIP_COMPLETE;
		if (flip ? shown : f->sequence <= now) {
			fsl_remove(&f->link);
			fsl_append(&due, &f->link);
		} else {
			left |= !flip || !late;
		}
	}
	if (shown)
		o->sequence = now;
	if (left || (o->busy && !late))
		loop_timer_set(vfs_loop(&tree), t, o->base_ns + (i64)(now + 1) * o->period_ns);
	while (!fsl_empty(&due))
		complete(i, fsl_entry(due.next, struct flip, link), now, when);
	if (freed)
		wake_blocked();
}

void vblank_start(u32 i)
{
	struct output *o = &outputs[i];
	i64 when;
	u64 now = vblank_now(i, &when);
	if (o->timer.armed)
		return;
	o->sequence = now;
	o->timer.fn = tick;
	o->timer.ctx = o;
	loop_timer_set(vfs_loop(&tree), &o->timer, when + o->period_ns);
}

/* A flip is complete at the next vblank after it has been shown; anything else when its time has come, which may be now. */
void vblank_add(u32 i, struct flip *f)
{
	struct output *o = &outputs[i];
	i64 when;
	u64 now = vblank_now(i, &when);
	fsl_append(&o->flips, &f->link);
	if (f->type != DRM_EVENT_FLIP_COMPLETE && f->sequence <= now)
		complete(i, f, now, when);
	else if (f->type != DRM_EVENT_FLIP_COMPLETE || !o->late.cb.fence)
		vblank_start(i);
}

void vblank_flushed(u32 i)
{
	outputs[i].flushing = false;
}

void vblank_file_closed(struct drmfile *f)
{
	for (u32 i = 0; i < noutputs; i++)
		fsl_for_each (fl, &outputs[i].flips, struct flip, link)
			if (fl->file == f)
				fl->file = NULL;
}

static i64 queue(struct fsreq *r, u32 i, u32 type, u64 sequence, u64 user_data)
{
	struct drmfile *f = file_of(r);
	if (event_reserve(f))
		return -ENOMEM;
	struct flip *fl = calloc(1, sizeof(*fl));
	if (!fl)
		return -ENOMEM;
	*fl = (struct flip){.file = f, .user_data = user_data, .type = type, .sequence = sequence};
	f->reserved_events++;
	vblank_add(i, fl);
	return 0;
}

static void wait_woken(struct sleeper *s, i64 why)
{
	vblank_forget(s);
	sleeper_end(s, why);
}

/* The number of the wanted vblank in full: a client says the lower half. */
static u64 wanted(const union drm_wait_vblank *a, u64 now)
{
	u32 type = a->request.type;
	u64 want = (type & _DRM_VBLANK_TYPES_MASK) == _DRM_VBLANK_RELATIVE ? now + a->request.sequence :
									      now + (u64)(i64)(i32)(a->request.sequence - (u32)now);
	if (want > now + (1u << 23) && want - now > UINT64_MAX / 2)
		want = 0; /* long ago */
	if (type & _DRM_VBLANK_NEXTONMISS && want <= now)
		want = now + 1;
	return want;
}

/* WAIT_VBLANK: answers at the vblank, or at once with an event to follow. */
i64 vblank_wait(struct fsreq *r)
{
	const u32 known = _DRM_VBLANK_TYPES_MASK | _DRM_VBLANK_FLAGS_MASK | _DRM_VBLANK_HIGH_CRTC_MASK;
	union drm_wait_vblank a;
	i64 e = ARG_GET(r, a), when;
	if (e)
		return e;
	u32 index = (a.request.type & _DRM_VBLANK_HIGH_CRTC_MASK) >> _DRM_VBLANK_HIGH_CRTC_SHIFT;
	if (a.request.type & _DRM_VBLANK_SECONDARY)
		index = 1;
	int i = crtc_at(file_of(r), index);
	if (a.request.type & ~known || a.request.type & (_DRM_VBLANK_SIGNAL | _DRM_VBLANK_FLIP) || i < 0 || !kms.out[i].active)
		return -EINVAL;
	u64 now = vblank_now((u32)i, &when), want = wanted(&a, now);
	if (a.request.type & _DRM_VBLANK_EVENT) {
		e = vblank_reply(r, want > now ? want : now, when);
		return e ? e : queue(r, (u32)i, DRM_EVENT_VBLANK, want, a.request.signal);
	}
	if (want <= now)
		return vblank_reply(r, now, when);
	struct flip *fl = calloc(1, sizeof(*fl));
	struct sleeper *s = fl ? sleeper_new(r, sizeof(*s), wait_woken) : NULL;
	if (!s) {
		free(fl);
		return -ENOMEM;
	}
	*fl = (struct flip){.type = DRM_EVENT_VBLANK, .sequence = want, .sleeper = s};
	vblank_add((u32)i, fl);
	return 0;
}

i64 vblank_get_sequence(struct fsreq *r)
{
	struct drm_crtc_get_sequence a;
	i64 e = ARG_GET(r, a), when = 0;
	int i = e || !leased_to(file_of(r), a.crtc_id) ? -1 : output_of_crtc(a.crtc_id);
	if (i < 0)
		return e ? e : -ENOENT;
	a.active = kms.out[i].active;
	a.sequence = vblank_now((u32)i, &when);
	a.sequence_ns = when;
	return ARG_PUT(r, a);
}

i64 vblank_queue_sequence(struct fsreq *r)
{
	struct drm_crtc_queue_sequence a;
	i64 e = ARG_GET(r, a);
	int i = e || !leased_to(file_of(r), a.crtc_id) ? -1 : output_of_crtc(a.crtc_id);
	if (i < 0)
		return e ? e : -ENOENT;
	if (a.flags & ~(u32)(DRM_CRTC_SEQUENCE_RELATIVE | DRM_CRTC_SEQUENCE_NEXT_ON_MISS) || !kms.out[i].active)
		return -EINVAL;
	u64 now = vblank_now((u32)i, NULL), want = a.sequence;
	if (a.flags & DRM_CRTC_SEQUENCE_RELATIVE)
		want += now;
	if ((a.flags & DRM_CRTC_SEQUENCE_NEXT_ON_MISS) && want <= now)
		want = now + 1;
	a.sequence = want;
	e = ARG_PUT(r, a);
	return e ? e : queue(r, (u32)i, DRM_EVENT_CRTC_SEQUENCE, want, a.user_data);
}
