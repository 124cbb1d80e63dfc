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

static void complete(u32 i, struct flip *f, u64 sequence, i64 when)
{
	if (f->file && f->type == DRM_EVENT_CRTC_SEQUENCE) {
		struct drm_event_crtc_sequence e = {.base = {f->type, sizeof(e)}, .user_data = f->user_data, .time_ns = when, .sequence = sequence};
		event_send(f->file, &e, sizeof(e));
	} else if (f->file) {
		struct drm_event_vblank e = {.base = {f->type, sizeof(e)}, .user_data = f->user_data, .tv_sec = (u32)(when / 1000000000),
			.tv_usec = (u32)(when / 1000 % 1000000), .sequence = (u32)sequence, .crtc_id = ID_CRTC + i};
		event_send(f->file, &e, sizeof(e));
	}
	fence_signal(f->fence, 0);
	fsl_remove(&f->link);
	free(f);
}

static void tick(struct loop_timer *t)
{
	u32 i = (u32)((struct output *)t->ctx - outputs);
	struct output *o = &outputs[i];
	i64 when;
	u64 now = vblank_now(i, &when);
	bool shown = !o->flushing || time_monotonic() - o->base_ns - (i64)o->sequence * o->period_ns > SILENCE;
	bool left = false;
	if (shown && o->busy) {
		o->busy = false;
		o->flushing = false;
	}
	fsl_for_each (f, &o->flips, struct flip, link) {
		bool flip = f->type == DRM_EVENT_FLIP_COMPLETE;
		if (flip ? shown : f->sequence <= now)
			complete(i, f, now, when);
		else
			left = true;
	}
	if (shown)
		o->sequence = now;
	if (left || o->busy)
		loop_timer_set(vfs_loop(&tree), t, o->base_ns + (i64)(now + 1) * o->period_ns);
}

void vblank_add(u32 i, struct flip *f)
{
	struct output *o = &outputs[i];
	i64 when;
	u64 now = vblank_now(i, &when);
	fsl_append(&o->flips, &f->link);
	if (!o->timer.armed) {
		o->sequence = now;
		o->timer.fn = tick;
		o->timer.ctx = o;
		loop_timer_set(vfs_loop(&tree), &o->timer, when + o->period_ns);
	}
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
	*fl = (struct flip){.file = f, .user_data = user_data, .type = type, .fence = -1, .sequence = sequence};
	f->reserved_events++;
	vblank_add(i, fl);
	return 0;
}

/* WAIT_VBLANK: with an event; waiting in the call only for what has passed already. */
i64 vblank_wait(struct fsreq *r)
{
	union drm_wait_vblank a;
	i64 e = ARG_GET(r, a);
	if (e)
		return e;
	u32 i = (a.request.type & _DRM_VBLANK_HIGH_CRTC_MASK) >> _DRM_VBLANK_HIGH_CRTC_SHIFT;
	if (a.request.type & _DRM_VBLANK_SECONDARY)
		i = 1;
	if (i >= noutputs || !kms.out[i].active)
		return -EINVAL;
	i64 when;
	u64 now = vblank_now(i, &when), want = a.request.sequence;
	u64 user_data = a.request.signal;
	if ((a.request.type & _DRM_VBLANK_TYPES_MASK) == _DRM_VBLANK_RELATIVE)
		want += now;
	if ((a.request.type & _DRM_VBLANK_NEXTONMISS) && want <= now)
		want = now + 1;
	if (a.request.type & _DRM_VBLANK_EVENT) {
		e = queue(r, i, DRM_EVENT_VBLANK, want, user_data);
		if (e)
			return e;
	} else if (want > now) {
		return -EOPNOTSUPP; /* sleeping in the call: use an event */
	}
	a.reply.sequence = (u32)(a.request.type & _DRM_VBLANK_EVENT ? want : now);
	a.reply.tval_sec = when / 1000000000;
	a.reply.tval_usec = when / 1000 % 1000000;
	return ARG_PUT(r, a);
}

i64 vblank_get_sequence(struct fsreq *r)
{
	struct drm_crtc_get_sequence a;
	i64 e = ARG_GET(r, a), when = 0;
	int i = e ? -1 : output_of_crtc(a.crtc_id);
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
	int i = e ? -1 : output_of_crtc(a.crtc_id);
	if (i < 0)
		return e ? e : -ENOENT;
	if (!kms.out[i].active)
		return -EINVAL;
	u64 now = vblank_now((u32)i, NULL), want = a.sequence;
	if (a.flags & DRM_CRTC_SEQUENCE_RELATIVE)
		want += now;
	if ((a.flags & DRM_CRTC_SEQUENCE_NEXT_ON_MISS) && want <= now)
		want = now + 1;
	e = queue(r, (u32)i, DRM_EVENT_CRTC_SEQUENCE, want, a.user_data);
	a.sequence = want;
	return e ? e : ARG_PUT(r, a);
}
