/* SPDX-License-Identifier: MIT */
/* Outputs and the display state. */
#include "drm.h"

#include <native/time.h>
#include <stdio.h>
#include <stdlib.h>

#define HZ 60

struct output outputs[MAX_OUTPUTS];
u32 noutputs;
struct kms_state kms;
struct gpup_hello hello;

int output_of_crtc(u32 id)
{
	return id >= ID_CRTC && id < ID_CRTC + noutputs ? (int)(id - ID_CRTC) : -1;
}

int output_of_connector(u32 id)
{
	return id >= ID_CONNECTOR && id < ID_CONNECTOR + noutputs ? (int)(id - ID_CONNECTOR) : -1;
}

int plane_of(u32 id)
{
	return id >= ID_PLANE && id < ID_PLANE + 2 * noutputs ? (int)(id - ID_PLANE) : -1;
}

/* Timings as VESA CVT 1.2 reduced blanking version 2 has them: 80 pixels of horizontal blanking, at least 460 us of vertical. */
void mode_make(struct drm_mode_modeinfo *m, u32 w, u32 h, u32 hz)
{
	u32 vblank = 1;
	while ((u64)vblank * 1000000 < 460ull * hz * (h + vblank))
		vblank++;
	if (vblank < 15)
		vblank = 15;
	*m = (struct drm_mode_modeinfo){.hdisplay = (u16)w, .hsync_start = (u16)(w + 8), .hsync_end = (u16)(w + 40), .htotal = (u16)(w + 80),
		.vdisplay = (u16)h, .vsync_start = (u16)(h + vblank - 14), .vsync_end = (u16)(h + vblank - 6), .vtotal = (u16)(h + vblank),
		.vrefresh = hz, .flags = DRM_MODE_FLAG_PHSYNC | DRM_MODE_FLAG_NVSYNC, .type = DRM_MODE_TYPE_DRIVER};
	m->clock = (u32)((u64)m->htotal * m->vtotal * hz / 1000);
	snprintf(m->name, sizeof(m->name), "%ux%u", w, h);
}

static void make_modes(struct output *o)
{
	static const u16 sizes[][2] = {{1920, 1080}, {1680, 1050}, {1600, 900}, {1440, 900}, {1366, 768}, {1280, 1024}, {1280, 800},
		{1280, 720}, {1024, 768}, {800, 600}, {640, 480}};
	o->nmodes = 0;
	mode_make(&o->modes[o->nmodes], o->width, o->height, HZ);
	o->modes[o->nmodes++].type |= DRM_MODE_TYPE_PREFERRED;
	for (u32 i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (sizes[i][0] != o->width || sizes[i][1] != o->height)
			mode_make(&o->modes[o->nmodes++], sizes[i][0], sizes[i][1], HZ);
}

void output_changed(u32 i, bool connected, u32 w, u32 h)
{
	struct output *o = &outputs[i];
	if (i >= noutputs)
		return;
	bool changed = o->connected != connected || (connected && (o->width != w || o->height != h));
	o->connected = connected;
	if (connected && w && h && w <= MAX_SIZE && h <= MAX_SIZE) {
		o->width = w;
		o->height = h;
		make_modes(o);
	}
	if (changed)
		sysfs_hotplug();
}

void outputs_set(const struct gpup_hello *h)
{
	bool first = noutputs == 0;
	hello = *h;
	if (first)
		noutputs = h->noutputs < MAX_OUTPUTS ? h->noutputs : MAX_OUTPUTS;
	for (u32 i = 0; i < noutputs; i++) {
		struct output *o = &outputs[i];
		if (first) {
			fsl_init(&o->flips);
			o->width = 1024;
			o->height = 768;
		}
		if (h->output[i].edid_len && h->output[i].edid_len <= GPUP_EDID) {
			blob_put(blob_find(o->edid_blob));
			struct blob *b = blob_new(NULL, h->output[i].edid, h->output[i].edid_len);
			o->edid_blob = b ? b->id : 0;
		}
		output_changed(i, h->output[i].connected, h->output[i].width, h->output[i].height);
		if (!o->nmodes)
			make_modes(o);
	}
}

static int check_plane(const struct kms_state *s, u32 p)
{
	const struct plane_state *st = &s->plane[p];
	if (!st->fb != !st->output)
		return -EINVAL;
	if (!st->fb)
		return 0;
	const struct fb *fb = fb_find(st->fb);
	const struct output_state *o = &s->out[p / 2];
	if (!fb || st->output - 1 != p / 2)
		return -EINVAL;
	if (st->sw >> 16 != st->w || st->sh >> 16 != st->h || (st->sx | st->sy | st->sw | st->sh) & 0xffff)
		return -ERANGE; /* no scaling, whole pixels */
	if ((u64)st->sx + st->sw > (u64)fb->width << 16 || (u64)st->sy + st->sh > (u64)fb->height << 16)
		return -ENOSPC;
	if (p % 2)
		return st->w <= hello.cursor_size && st->h <= hello.cursor_size ? 0 : -EINVAL;
	if (o->active && (st->x || st->y || st->w != o->mode.hdisplay || st->h != o->mode.vdisplay))
		return -EINVAL; /* the primary plane covers its CRTC */
	return 0;
}

int kms_check(const struct kms_state *s, bool modeset_allowed)
{
	for (u32 i = 0; i < noutputs; i++) {
		const struct output_state *n = &s->out[i], *o = &kms.out[i];
		if (n->connector_crtc && n->connector_crtc != i + 1)
			return -EINVAL;
		if ((n->active || n->connector_crtc) && !n->mode_blob)
			return -EINVAL;
		if (n->mode_blob && !n->connector_crtc)
			return -EINVAL;
		bool modeset = n->active != o->active || n->mode_blob != o->mode_blob || n->connector_crtc != o->connector_crtc;
		if (modeset && n->mode_blob && o->mode_blob && n->active == o->active && n->connector_crtc == o->connector_crtc)
			modeset = memcmp(&n->mode, &o->mode, sizeof(n->mode)) != 0;
		if (modeset && !modeset_allowed)
			return -EINVAL;
		if (n->mode_blob && (n->mode.hdisplay < 64 || n->mode.vdisplay < 64 || n->mode.hdisplay > MAX_SIZE || n->mode.vdisplay > MAX_SIZE))
			return -EINVAL;
	}
	for (u32 p = 0; p < 2 * noutputs; p++) {
		int e = check_plane(s, p);
		if (e)
			return e;
	}
	return 0;
}

/* The part of the primary plane that a client says has changed, from FB_DAMAGE_CLIPS. */
static struct rect damage_of(const struct plane_state *p, const struct fb *fb)
{
	struct rect all = {0, 0, fb->width, fb->height}, d = {0};
	const struct blob *b = p->damage ? blob_find(p->damage) : NULL;
	u32 n = b ? b->len / sizeof(struct drm_mode_rect) : 0;
	if (!n)
		return all;
	for (u32 i = 0; i < n; i++) {
		struct drm_mode_rect c;
		memcpy(&c, b->data + i * sizeof(c), sizeof(c));
		if (c.x1 < 0 || c.y1 < 0 || c.x2 < c.x1 || c.y2 < c.y1)
			return all;
		d = rect_union(d, rect_clip((struct rect){(u32)c.x1, (u32)c.y1, (u32)c.x2, (u32)c.y2}, fb->width, fb->height));
	}
	return d;
}

static void commit_output(u32 i, const struct kms_state *old)
{
	const struct plane_state *p = &kms.plane[2 * i], *c = &kms.plane[2 * i + 1], *oc = &old->plane[2 * i + 1];
	struct fb *fb = kms.out[i].active ? fb_find(p->fb) : NULL;
	bool geometry = old->out[i].active != kms.out[i].active || old->plane[2 * i].fb != p->fb || old->plane[2 * i].sx != p->sx ||
			old->plane[2 * i].sy != p->sy || memcmp(&old->out[i].mode, &kms.out[i].mode, sizeof(kms.out[i].mode)) != 0;
	if (memcmp(&old->out[i].mode, &kms.out[i].mode, sizeof(kms.out[i].mode)) != 0)
		vblank_mode_set(i);
	if (fb) {
		struct rect d = damage_of(p, fb);
		/* Clips speak of this buffer against what was on screen; a buffer that was not on screen last may miss more. */
		if (old->plane[2 * i].fb != p->fb)
			d = (struct rect){0, 0, fb->width, fb->height};
		fb->damage = rect_union(fb->damage, d);
	}
	if (geometry)
		backend_scanout(i);
	if (fb)
		backend_flush(i, fb);
	if (c->fb != oc->fb || c->hot_x != oc->hot_x || c->hot_y != oc->hot_y || c->output != oc->output)
		backend_cursor(i, true);
	else if (c->fb && (c->x != oc->x || c->y != oc->y))
		backend_cursor(i, false);
}

static void hold(const struct kms_state *s)
{
	for (u32 p = 0; p < 2 * noutputs; p++) {
		struct fb *fb = s->plane[p].fb ? fb_find(s->plane[p].fb) : NULL;
		if (fb)
			fb->refs++;
	}
	for (u32 i = 0; i < noutputs; i++) {
		struct blob *b = s->out[i].mode_blob ? blob_find(s->out[i].mode_blob) : NULL;
		if (b)
			b->refs++;
	}
}

static void release(const struct kms_state *s)
{
	for (u32 p = 0; p < 2 * noutputs; p++)
		if (s->plane[p].fb)
			fb_put(fb_find(s->plane[p].fb));
	for (u32 i = 0; i < noutputs; i++)
		if (s->out[i].mode_blob)
			blob_put(blob_find(s->out[i].mode_blob));
}

static void add_flip(u32 i, struct drmfile *f, u64 user_data, bool event, i32 fence)
{
	struct flip *fl = calloc(1, sizeof(*fl));
	if (!fl) {
		fence_signal(fence, 0);
		return;
	}
	*fl = (struct flip){.file = event ? f : NULL, .user_data = user_data, .type = DRM_EVENT_FLIP_COMPLETE, .fence = fence};
	if (event)
		f->reserved_events++;
	outputs[i].busy = true;
	vblank_add(i, fl);
}

void kms_commit(struct drmfile *f, struct kms_state *s, bool event, u64 user_data, const i32 *fences)
{
	struct kms_state old = kms;
	hold(s);
	kms = *s;
	for (u32 i = 0; i < noutputs; i++) {
		bool touched = memcmp(&old.out[i], &kms.out[i], sizeof(old.out[i])) != 0 ||
			       memcmp(&old.plane[2 * i], &kms.plane[2 * i], 2 * sizeof(old.plane[0])) != 0 || kms.plane[2 * i].damage ||
			       (event && kms.out[i].active);
		i32 fence = fences ? fences[i] : -1;
		if (touched)
			commit_output(i, &old);
		kms.plane[2 * i].damage = kms.plane[2 * i + 1].damage = 0;
		if ((touched && event) || fence >= 0)
			add_flip(i, f, user_data, event && touched, fence);
	}
	release(&old);
}

/* RMFB and the end of its owner take a frame buffer off every plane; a primary plane's CRTC goes dark. */
void kms_fb_gone(struct fb *fb)
{
	struct kms_state s = kms;
	bool shown = false;
	for (u32 p = 0; p < 2 * noutputs; p++) {
		if (s.plane[p].fb != fb->id)
			continue;
		shown = true;
		memset(&s.plane[p], 0, sizeof(s.plane[p]));
		if (p % 2 == 0) {
			s.out[p / 2].active = false;
			s.out[p / 2].mode_blob = 0;
			s.out[p / 2].connector_crtc = 0;
			memset(&s.out[p / 2].mode, 0, sizeof(s.out[0].mode));
		}
	}
	if (shown)
		kms_commit(NULL, &s, false, 0, NULL);
}
