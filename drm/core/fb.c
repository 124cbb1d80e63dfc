/* SPDX-License-Identifier: MIT */
#include "drm.h"

#include <stdlib.h>

static struct fs_list all = {&all, &all};

struct rect rect_union(struct rect a, struct rect b)
{
	if (a.x1 >= a.x2 || a.y1 >= a.y2)
		return b;
	if (b.x1 >= b.x2 || b.y1 >= b.y2)
		return a;
	return (struct rect){a.x1 < b.x1 ? a.x1 : b.x1, a.y1 < b.y1 ? a.y1 : b.y1, a.x2 > b.x2 ? a.x2 : b.x2, a.y2 > b.y2 ? a.y2 : b.y2};
}

struct rect rect_clip(struct rect a, u32 w, u32 h)
{
	a.x2 = a.x2 < w ? a.x2 : w;
	a.y2 = a.y2 < h ? a.y2 : h;
	if (a.x1 >= a.x2 || a.y1 >= a.y2)
		return (struct rect){0};
	return a;
}

u32 format_bpp(u32 f)
{
	return f == DRM_FORMAT_XRGB8888 || f == DRM_FORMAT_ARGB8888 ? 32 : 0;
}

struct fb *fb_find(u32 id)
{
	fsl_for_each (fb, &all, struct fb, link)
		if (fb->id == id)
			return fb;
	return NULL;
}

void fb_put(struct fb *fb)
{
	if (!fb || --fb->refs)
		return;
	backend_forget(fb);
	fsl_remove(&fb->link);
	gem_put(fb->gem);
	free(fb);
}

struct fb *fb_new(struct drmfile *f, struct gem *g, u32 w, u32 h, u32 pitch, u32 offset, u32 format)
{
	struct fb *fb = calloc(1, sizeof(*fb));
	if (!fb)
		return NULL;
	*fb = (struct fb){.id = next_id++, .refs = 1, .width = w, .height = h, .pitch = pitch, .offset = offset, .format = format,
		.gem = gem_get(g), .owner = f, .damage = {0, 0, w, h}};
	fsl_append(&all, &fb->link);
	return fb;
}

static i64 make(struct drmfile *f, u32 handle, u32 w, u32 h, u32 pitch, u32 offset, u32 format, u32 *id)
{
	struct gem *g = gem_find(f, handle);
	u32 bpp = format_bpp(format);
	if (!bpp || w < MIN_SIZE || h < MIN_SIZE || w > MAX_SIZE || h > MAX_SIZE)
		return -EINVAL;
	if (!g)
		return -ENOENT;
	if (pitch < w * (bpp / 8) || pitch % 4 || offset % 4 || (u64)pitch * (h - 1) + w * (bpp / 8) + offset > g->size)
		return -EINVAL;
	struct fb *fb = fb_new(f, g, w, h, pitch, offset, format);
	if (!fb)
		return -ENOMEM;
	*id = fb->id;
	return 0;
}

i64 fb_add(struct fsreq *r)
{
	struct drm_mode_fb_cmd a;
	i64 e = ARG_GET(r, a);
	if (e)
		return e;
	u32 format = a.bpp == 32 && a.depth == 24 ? DRM_FORMAT_XRGB8888 : a.bpp == 32 && a.depth == 32 ? DRM_FORMAT_ARGB8888 : 0;
	e = make(file_of(r), a.handle, a.width, a.height, a.pitch, 0, format, &a.fb_id);
	return e ? e : ARG_PUT(r, a);
}

i64 fb_add2(struct fsreq *r)
{
	struct drm_mode_fb_cmd2 a;
	i64 e = ARG_GET(r, a);
	if (e)
		return e;
	if (a.flags & ~(u32)DRM_MODE_FB_MODIFIERS)
		return -EINVAL;
	if ((a.flags & DRM_MODE_FB_MODIFIERS) && a.modifier[0] != DRM_FORMAT_MOD_LINEAR && a.modifier[0] != DRM_FORMAT_MOD_INVALID)
		return -EINVAL;
	for (u32 i = 1; i < 4; i++)
		if (a.handles[i] || a.pitches[i] || a.offsets[i])
			return -EINVAL;
	e = make(file_of(r), a.handles[0], a.width, a.height, a.pitches[0], a.offsets[0], a.pixel_format, &a.fb_id);
	return e ? e : ARG_PUT(r, a);
}

static struct fb *owned(struct fsreq *r, u32 id)
{
	struct fb *fb = fb_find(id);
	return fb && fb->owner == file_of(r) ? fb : NULL;
}

i64 fb_remove(struct fsreq *r)
{
	u32 id;
	int e = ARG_GET(r, id);
	struct fb *fb = e ? NULL : owned(r, id);
	if (!fb)
		return e ? e : -ENOENT;
	fb->owner = NULL;
	kms_fb_gone(fb);
	fb_put(fb);
	return 0;
}

/* Like RMFB, but what shows it goes on doing so. */
i64 fb_close(struct fsreq *r)
{
	struct drm_mode_closefb a;
	int e = ARG_GET(r, a);
	struct fb *fb = e ? NULL : owned(r, a.fb_id);
	if (!fb)
		return e ? e : -ENOENT;
	if (a.pad)
		return -EINVAL;
	fb->owner = NULL;
	fb_put(fb);
	return 0;
}

i64 fb_dirty(struct fsreq *r)
{
	struct drm_mode_fb_dirty_cmd a;
	struct drm_clip_rect c[64];
	struct rect d = {0};
	int e = ARG_GET(r, a);
	struct fb *fb = e ? NULL : fb_find(a.fb_id);
	if (!fb)
		return e ? e : -ENOENT;
	if (a.num_clips > 256)
		return -EINVAL;
	u32 n = a.num_clips < 64 ? a.num_clips : 0;
	e = n ? fsreq_in(r, 1, 0, c, n * sizeof(c[0])) : 0;
	if (e)
		return e;
	for (u32 i = 0; i < n; i++)
		d = rect_union(d, rect_clip((struct rect){c[i].x1, c[i].y1, c[i].x2, c[i].y2}, fb->width, fb->height));
	if (!n)
		d = (struct rect){0, 0, fb->width, fb->height};
	fb->damage = rect_union(fb->damage, d);
	for (u32 i = 0; i < noutputs; i++)
		if (kms.plane[2 * i].fb == fb->id)
			backend_flush(i, fb);
	return 0;
}

i64 fb_get(struct fsreq *r)
{
	struct drm_mode_fb_cmd a;
	i64 e = ARG_GET(r, a);
	struct fb *fb = e ? NULL : fb_find(a.fb_id);
	if (!fb)
		return e ? e : -ENOENT;
	a.width = fb->width;
	a.height = fb->height;
	a.pitch = fb->pitch;
	a.bpp = 32;
	a.depth = fb->format == DRM_FORMAT_ARGB8888 ? 32 : 24;
	a.handle = 0;
	if (is_master(file_of(r)) || cred_capable(r->cred, CAP_SYS_ADMIN)) {
		e = gem_handle(file_of(r), fb->gem);
		if (e < 0)
			return e;
		a.handle = (u32)e;
	}
	return ARG_PUT(r, a);
}

i64 fb_get2(struct fsreq *r)
{
	struct drm_mode_fb_cmd2 a;
	i64 e = ARG_GET(r, a);
	struct fb *fb = e ? NULL : fb_find(a.fb_id);
	if (!fb)
		return e ? e : -ENOENT;
	a = (struct drm_mode_fb_cmd2){.fb_id = fb->id, .width = fb->width, .height = fb->height, .pixel_format = fb->format,
		.pitches = {fb->pitch}, .offsets = {fb->offset}};
	if (is_master(file_of(r)) || cred_capable(r->cred, CAP_SYS_ADMIN)) {
		e = gem_handle(file_of(r), fb->gem);
		if (e < 0)
			return e;
		a.handles[0] = (u32)e;
	}
	return ARG_PUT(r, a);
}

void fb_release_all(struct drmfile *f)
{
	fsl_for_each (fb, &all, struct fb, link)
		if (fb->owner == f) {
			fb->owner = NULL;
			kms_fb_gone(fb);
			fb_put(fb);
		}
}
