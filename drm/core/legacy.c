/* SPDX-License-Identifier: MIT */
/* The calls from before atomic commits, made of the same state. */
#include "drm.h"

#include <stdlib.h>

i64 legacy_set_crtc(struct fsreq *r)
{
	struct drm_mode_crtc a;
	u32 connector = 0;
	struct commit c = {.file = file_of(r), .state = kms};
	i64 e = ARG_GET(r, a);
	int i = e || !leased_to(file_of(r), a.crtc_id) ? -1 : output_of_crtc(a.crtc_id);
	if (i < 0)
		return e ? e : -ENOENT;
	struct output_state *o = &c.state.out[i];
	struct plane_state *p = &c.state.plane[2 * i];
	struct blob *mode = NULL;
	if (!a.mode_valid) {
		memset(p, 0, sizeof(*p));
		memset(&c.state.plane[2 * i + 1], 0, sizeof(*p));
		*o = (struct output_state){0};
	} else {
		struct fb *fb = fb_find(a.fb_id == (u32)-1 ? p->fb : a.fb_id);
		if (!fb)
			return -ENOENT;
		if (a.count_connectors != 1)
			return -EINVAL;
		e = fsreq_in(r, 1, 0, &connector, 4);
		if (e)
			return e;
		if (output_of_connector(connector) != i || !leased_to(file_of(r), connector))
			return -EINVAL;
		mode = blob_new(NULL, &a.mode, sizeof(a.mode));
		if (!mode)
			return -ENOMEM;
		*o = (struct output_state){.active = true, .mode_blob = mode->id, .mode = a.mode, .connector_crtc = (u32)i + 1};
		*p = (struct plane_state){.fb = fb->id, .output = (u32)i + 1, .w = a.mode.hdisplay, .h = a.mode.vdisplay, .sx = a.x << 16,
			.sy = a.y << 16, .sw = (u32)a.mode.hdisplay << 16, .sh = (u32)a.mode.vdisplay << 16};
	}
	e = kms_check(&c.state, true);
	if (!e)
		kms_commit(&c);
	blob_put(mode);
	return e;
}

i64 legacy_page_flip(struct fsreq *r)
{
	struct drm_mode_crtc_page_flip a;
	struct commit c = {.file = file_of(r), .state = kms};
	i64 e = ARG_GET(r, a);
	int i = e || !leased_to(file_of(r), a.crtc_id) ? -1 : output_of_crtc(a.crtc_id);
	if (i < 0)
		return e ? e : -ENOENT;
	if (a.flags & ~(u32)DRM_MODE_PAGE_FLIP_EVENT || a.reserved)
		return -EINVAL;
	if (!c.state.plane[2 * i].fb || !c.state.out[i].active)
		return -EBUSY;
	if (outputs[i].busy)
		return -EBUSY;
	if (!fb_find(a.fb_id))
		return -ENOENT;
	c.state.plane[2 * i].fb = a.fb_id;
	e = kms_check(&c.state, false);
	c.event = a.flags & DRM_MODE_PAGE_FLIP_EVENT;
	c.user_data = a.user_data;
	c.named = 1u << i;
	if (!e && c.event)
		e = event_reserve(file_of(r));
	if (!e)
		kms_commit(&c);
	return e;
}

/* CURSOR and CURSOR2: the size of the argument tells them apart. */
i64 legacy_cursor(struct fsreq *r)
{
	struct drm_mode_cursor2 a = {0};
	bool two = (u32)r->sqe->args[0] == DRM_IOCTL_MODE_CURSOR2;
	i64 e = fsreq_in(r, 0, 0, &a, two ? sizeof(a) : sizeof(struct drm_mode_cursor));
	int i = e || !leased_to(file_of(r), a.crtc_id) ? -1 : output_of_crtc(a.crtc_id);
	if (i < 0)
		return e ? e : -ENOENT;
	if (!a.flags || a.flags & ~(u32)DRM_MODE_CURSOR_FLAGS)
		return -EINVAL;
	struct commit c = {.file = file_of(r), .state = kms};
	struct plane_state *p = &c.state.plane[2 * i + 1];
	struct fb *made = NULL;
	if (a.flags & DRM_MODE_CURSOR_BO) {
		if (a.handle) {
			struct gem *g = gem_find(file_of(r), a.handle);
			if (!g)
				return -ENOENT;
			if (!a.width || !a.height || a.width > hello.cursor_size || a.height > hello.cursor_size ||
				g->size < (u64)a.width * a.height * 4)
				return -EINVAL;
			made = fb_new(NULL, g, a.width, a.height, g->pitch ? g->pitch : a.width * 4, 0, DRM_FORMAT_ARGB8888);
			if (!made)
				return -ENOMEM;
			p->fb = made->id;
			p->output = (u32)i + 1;
			p->w = a.width;
			p->h = a.height;
			p->sw = a.width << 16;
			p->sh = a.height << 16;
			p->sx = p->sy = 0;
			p->hot_x = a.hot_x;
			p->hot_y = a.hot_y;
		} else {
			*p = (struct plane_state){.x = p->x, .y = p->y};
		}
	}
	if (a.flags & DRM_MODE_CURSOR_MOVE) {
		p->x = a.x;
		p->y = a.y;
	}
	e = kms_check(&c.state, false);
	if (!e)
		kms_commit(&c);
	fb_put(made);
	return e;
}

i64 legacy_set_plane(struct fsreq *r)
{
	struct drm_mode_set_plane a;
	struct commit c = {.file = file_of(r), .state = kms};
	i64 e = ARG_GET(r, a);
	int p = e || !leased_to(file_of(r), a.plane_id) ? -1 : plane_of(a.plane_id);
	if (p < 0)
		return e ? e : -ENOENT;
	int i = a.fb_id ? output_of_crtc(a.crtc_id) : p / 2;
	if (i < 0)
		return -ENOENT;
	c.state.plane[p] = a.fb_id ? (struct plane_state){.fb = a.fb_id, .output = (u32)i + 1, .x = a.crtc_x, .y = a.crtc_y, .w = a.crtc_w, .h = a.crtc_h,
				      .sx = a.src_x, .sy = a.src_y, .sw = a.src_w, .sh = a.src_h} :
			       (struct plane_state){0};
	if (a.fb_id && !fb_find(a.fb_id))
		return -ENOENT;
	e = kms_check(&c.state, false);
	if (!e)
		kms_commit(&c);
	return e;
}

i64 legacy_set_property(struct fsreq *r)
{
	struct drm_mode_obj_set_property a;
	struct commit c = {.file = file_of(r), .state = kms};
	i64 e;
	if ((u32)r->sqe->args[0] == DRM_IOCTL_MODE_SETPROPERTY) {
		struct drm_mode_connector_set_property c;
		e = ARG_GET(r, c);
		a = (struct drm_mode_obj_set_property){.value = c.value, .prop_id = c.prop_id, .obj_id = c.connector_id};
	} else {
		e = ARG_GET(r, a);
	}
	if (!e)
		e = !leased_to(file_of(r), a.obj_id) ? -ENOENT : prop_set(&c.state, a.obj_id, a.prop_id, a.value, file_of(r));
	int i = e ? -1 : output_of_connector(a.obj_id);
	if (!e && i >= 0 && a.prop_id == ID_PROP + P_DPMS)
		c.state.out[i].active = a.value == 0 && c.state.out[i].mode_blob;
	if (!e)
		e = kms_check(&c.state, true);
	if (!e)
		kms_commit(&c);
	return e;
}

static i64 gamma_table(struct fsreq *r, bool set)
{
	struct drm_mode_crtc_lut a;
	i64 e = ARG_GET(r, a);
	int i = e || !leased_to(file_of(r), a.crtc_id) ? -1 : output_of_crtc(a.crtc_id);
	if (i < 0)
		return e ? e : -ENOENT;
	if (a.gamma_size != 256)
		return -EINVAL;
	for (u32 c = 0; !e && c < 3; c++)
		e = set ? fsreq_in(r, c + 1, 0, outputs[i].gamma[c], 512) : fsreq_out(r, c + 1, 0, outputs[i].gamma[c], 512);
	return e;
}

/* Remembered; the virtual drivers have no tables for it. */
i64 legacy_set_gamma(struct fsreq *r)
{
	return gamma_table(r, true);
}

i64 legacy_get_gamma(struct fsreq *r)
{
	return gamma_table(r, false);
}
