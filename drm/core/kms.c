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

/* Of a CRTC, connector or plane; -1: none of these. */
int output_of_object(u32 id)
{
	int i = plane_of(id);
	if (i >= 0)
		return i / 2;
	i = output_of_crtc(id);
	return i >= 0 ? i : output_of_connector(id);
}

static void add_mode(struct output *o, const struct drm_mode_modeinfo *m)
{
	for (u32 i = 0; i < o->nmodes; i++)
		if (o->modes[i].hdisplay == m->hdisplay && o->modes[i].vdisplay == m->vdisplay && o->modes[i].vrefresh == m->vrefresh)
			return;
	if (o->nmodes < MAX_MODES)
		o->modes[o->nmodes++] = *m;
}

/* The size that the driver wants comes first: with the timings of the EDID where that has it. */
static void make_modes(struct output *o, const struct edid_info *edid)
{
	static const u16 sizes[][2] = {{1920, 1080}, {1680, 1050}, {1600, 900}, {1440, 900}, {1366, 768}, {1280, 1024}, {1280, 800},
		{1280, 720}, {1024, 768}, {800, 600}, {640, 480}};
	struct drm_mode_modeinfo m;
	bool fixed = hello.flags & GPUP_FIXED_MODE;
	o->nmodes = 0;
	for (u32 i = 0; i < edid->nmodes; i++)
		if (edid->modes[i].hdisplay == o->width && edid->modes[i].vdisplay == o->height && !(edid->modes[i].flags & DRM_MODE_FLAG_INTERLACE))
			add_mode(o, &edid->modes[i]);
	if (!o->nmodes) {
		mode_make(&m, o->width, o->height, HZ);
		add_mode(o, &m);
	}
	for (u32 i = 0; i < edid->nmodes && !fixed; i++)
		if (!(edid->modes[i].flags & DRM_MODE_FLAG_INTERLACE))
			add_mode(o, &edid->modes[i]);
	for (u32 i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && !fixed; i++) {
		mode_make(&m, sizes[i][0], sizes[i][1], HZ);
		add_mode(o, &m);
	}
	for (u32 i = 0; i < o->nmodes; i++)
		o->modes[i].type &= ~(u32)DRM_MODE_TYPE_PREFERRED;
	o->modes[0].type |= DRM_MODE_TYPE_PREFERRED;
}

/* -> whether anything that a client can see is another than before. */
static bool output_set(u32 i, const struct gpup_output *g)
{
	struct output *o = &outputs[i];
	struct edid_info edid = {0};
	struct blob *old = o->edid_blob ? blob_find(o->edid_blob) : NULL;
	u32 len = g->edid_len <= GPUP_EDID ? edid_length(g->edid, g->edid_len) : 0;
	bool changed = o->connected != (bool)g->connected;
	o->connected = g->connected;
	if (len)
		edid_parse(g->edid, len, &edid);
	if ((old ? old->len : 0) != len || (len && memcmp(old->data, g->edid, len) != 0)) {
		struct blob *b = len ? blob_new(NULL, g->edid, len) : NULL;
		blob_put(old);
		o->edid_blob = b ? b->id : 0;
		changed = true;
	}
	if (g->connected && g->width && g->height && g->width <= MAX_SIZE && g->height <= MAX_SIZE &&
		(o->width != g->width || o->height != g->height)) {
		o->width = g->width;
		o->height = g->height;
		changed = true;
	}
	if (changed || !o->nmodes)
		make_modes(o, &edid);
	o->mm_width = edid.mm_width ? edid.mm_width : o->width * 254 / 960;
	o->mm_height = edid.mm_height ? edid.mm_height : o->height * 254 / 960;
	return changed;
}

void output_changed(u32 i, const struct gpup_output *g)
{
	if (i < noutputs && output_set(i, g))
		sysfs_hotplug();
}

void outputs_set(const struct gpup_hello *h)
{
	bool first = noutputs == 0, changed = false;
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
		changed |= output_set(i, &h->output[i]);
	}
	if (changed && !first)
		sysfs_hotplug();
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
		if (n->mode_blob && (hello.flags & GPUP_FIXED_MODE) &&
			(n->mode.hdisplay != outputs[i].width || n->mode.vdisplay != outputs[i].height))
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

static bool same_mode(const struct output_state *a, const struct output_state *b)
{
	return memcmp(&a->mode, &b->mode, sizeof(a->mode)) == 0;
}

/* Tells the driver what an output shows now. */
static void show(u32 i, bool geometry, bool image)
{
	struct fb *fb = kms.out[i].active ? fb_find(kms.plane[2 * i].fb) : NULL;
	if (geometry)
		backend_scanout(i);
	if (fb)
		backend_flush(i, fb);
	if (image)
		backend_cursor(i, true);
}

static void show_late(struct fence_cb *cb)
{
	u32 i = (u32)(fsl_entry(cb, struct output, late.cb) - outputs);
	struct output *o = &outputs[i];
	show(i, o->late.geometry, o->late.image);
	o->late.geometry = o->late.image = false;
	for (u32 k = 0; k < 2; k++) {
		fb_put(o->late.shown[k]);
		o->late.shown[k] = NULL;
	}
	vblank_start(i);
}

/* When the fence of a commit is not signalled yet, what is on screen stays there, and is held, until it is. */
static void commit_output(u32 i, const struct kms_state *old, struct fence *in)
{
	const struct plane_state *p = &kms.plane[2 * i], *op = &old->plane[2 * i], *c = &kms.plane[2 * i + 1], *oc = &old->plane[2 * i + 1];
	struct output *o = &outputs[i];
	struct fb *fb = kms.out[i].active ? fb_find(p->fb) : NULL;
	bool geometry = old->out[i].active != kms.out[i].active || op->fb != p->fb || op->sx != p->sx || op->sy != p->sy ||
			!same_mode(&old->out[i], &kms.out[i]);
	bool image = c->fb != oc->fb || c->hot_x != oc->hot_x || c->hot_y != oc->hot_y || c->output != oc->output;
	if (!same_mode(&old->out[i], &kms.out[i]))
		vblank_mode_set(i);
	if (fb) {
		/* Clips speak of this buffer against what was on screen; a buffer that was not on screen last may miss more. */
		struct rect d = op->fb != p->fb ? (struct rect){0, 0, fb->width, fb->height} : damage_of(p, fb);
		fb->damage = rect_union(fb->damage, d);
	}
	if (in && !in->signalled && fb && !o->late.cb.fence) {
		o->late.cb.fn = show_late;
		fence_wait(in, &o->late.cb);
		o->late.geometry = geometry;
		o->late.image = image;
		for (u32 k = 0; k < 2; k++) {
			o->late.shown[k] = old->plane[2 * i + k].fb ? fb_find(old->plane[2 * i + k].fb) : NULL;
			if (o->late.shown[k])
				o->late.shown[k]->refs++;
		}
		return;
	}
	show(i, geometry, image);
	if (!image && c->fb && (c->x != oc->x || c->y != oc->y))
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

static bool add_flip(u32 i, struct commit *c, bool event)
{
	struct flip *fl = calloc(1, sizeof(*fl));
	if (!fl) {
		fence_signal(c->out[i], -ENOMEM);
		fence_put(c->out[i]);
		return false;
	}
	*fl = (struct flip){.file = event ? c->file : NULL, .user_data = c->user_data, .type = DRM_EVENT_FLIP_COMPLETE, .fence = c->out[i],
		.sleeper = c->sleeper};
	if (event)
		c->file->reserved_events++;
	outputs[i].busy = true;
	vblank_add(i, fl);
	return true;
}

bool kms_busy(const struct drmfile *f)
{
	for (u32 i = 0; i < noutputs; i++)
		if (outputs[i].busy && leased_to(f, ID_CRTC + i))
			return true;
	return false;
}

static bool touched(u32 i, const struct kms_state *old, const struct commit *c)
{
	return memcmp(&old->out[i], &kms.out[i], sizeof(old->out[i])) != 0 ||
	       memcmp(&old->plane[2 * i], &kms.plane[2 * i], 2 * sizeof(old->plane[0])) != 0 || kms.plane[2 * i].damage ||
	       ((c->named >> i & 1) && kms.out[i].active);
}

void kms_commit(struct commit *c)
{
	struct kms_state old = kms;
	bool waiting = false;
	hold(&c->state);
	kms = c->state;
	for (u32 i = 0; i < noutputs; i++) {
		bool mine = touched(i, &old, c);
		if (mine)
			commit_output(i, &old, c->in);
		kms.plane[2 * i].damage = kms.plane[2 * i + 1].damage = 0;
		bool shows = mine && ((c->event && c->named >> i & 1) || c->sleeper) && (kms.out[i].active || old.out[i].active);
		if (shows || c->out[i])
			waiting |= add_flip(i, c, mine && c->event && (c->named >> i & 1));
	}
	release(&old);
	if (c->sleeper && !waiting)
		c->sleeper->wake(c->sleeper, 0);
}

/* RMFB and the end of its owner take a frame buffer off every plane; a primary plane's CRTC goes dark. */
void kms_fb_gone(struct fb *fb)
{
	struct commit c = {.state = kms};
	struct kms_state *s = &c.state;
	bool shown = false;
	for (u32 p = 0; p < 2 * noutputs; p++) {
		if (s->plane[p].fb != fb->id)
			continue;
		shown = true;
		memset(&s->plane[p], 0, sizeof(s->plane[p]));
		if (p % 2 == 0) {
			s->out[p / 2].active = false;
			s->out[p / 2].mode_blob = 0;
			s->out[p / 2].connector_crtc = 0;
			memset(&s->out[p / 2].mode, 0, sizeof(s->out[0].mode));
		}
	}
	if (shown)
		kms_commit(&c);
}
