/* SPDX-License-Identifier: MIT */
#include "drm.h"

i64 get_resources(struct fsreq *r)
{
	struct drm_mode_card_res a;
	u32 crtcs[MAX_OUTPUTS], encoders[MAX_OUTPUTS], connectors[MAX_OUTPUTS];
	u32 ncrtcs = 0, nconnectors = 0;
	int e = ARG_GET(r, a);
	for (u32 i = 0; i < noutputs; i++) {
		if (leased_to(file_of(r), ID_CRTC + i))
			crtcs[ncrtcs++] = ID_CRTC + i;
		if (leased_to(file_of(r), ID_CONNECTOR + i))
			connectors[nconnectors++] = ID_CONNECTOR + i;
		encoders[i] = ID_ENCODER + i;
	}
	if (!e)
		e = put_list(r, 2, crtcs, ncrtcs, 4, a.count_crtcs);
	if (!e)
		e = put_list(r, 3, connectors, nconnectors, 4, a.count_connectors);
	if (!e)
		e = put_list(r, 4, encoders, noutputs, 4, a.count_encoders);
	if (e)
		return e;
	a.count_fbs = 0;
	a.count_crtcs = ncrtcs;
	a.count_connectors = nconnectors;
	a.count_encoders = noutputs;
	a.min_width = a.min_height = MIN_SIZE;
	a.max_width = a.max_height = MAX_SIZE;
	return ARG_PUT(r, a);
}

i64 get_crtc(struct fsreq *r)
{
	struct drm_mode_crtc a;
	int e = ARG_GET(r, a);
	int i = e || !leased_to(file_of(r), a.crtc_id) ? -1 : output_of_crtc(a.crtc_id);
	if (i < 0)
		return e ? e : -ENOENT;
	const struct output_state *o = &kms.out[i];
	a.fb_id = kms.plane[2 * i].fb;
	a.x = kms.plane[2 * i].sx >> 16;
	a.y = kms.plane[2 * i].sy >> 16;
	a.gamma_size = 256;
	a.mode_valid = o->mode_blob != 0;
	a.mode = o->mode;
	return ARG_PUT(r, a);
}

i64 get_encoder(struct fsreq *r)
{
	struct drm_mode_get_encoder a;
	int e = ARG_GET(r, a);
	if (e)
		return e;
	u32 i = a.encoder_id - ID_ENCODER;
	if (i >= noutputs)
		return -ENOENT;
	a.encoder_type = DRM_MODE_ENCODER_VIRTUAL;
	a.crtc_id = kms.out[i].connector_crtc ? ID_CRTC + i : 0;
	a.possible_crtcs = crtc_mask_for(file_of(r), 1u << i);
	a.possible_clones = 1u << i;
	return ARG_PUT(r, a);
}

i64 get_connector(struct fsreq *r)
{
	struct drm_mode_get_connector a;
	int e = ARG_GET(r, a);
	int i = e || !leased_to(file_of(r), a.connector_id) ? -1 : output_of_connector(a.connector_id);
	if (i < 0)
		return e ? e : -ENOENT;
	const struct output *o = &outputs[i];
	u32 encoder = ID_ENCODER + (u32)i, nmodes = o->connected ? o->nmodes : 0;
	/* Properties: as OBJ_GETPROPERTIES gives them; here only their number where there is no room. */
	static const u32 all[] = {P_EDID, P_DPMS, P_LINK_STATUS, P_NON_DESKTOP, P_TILE, P_CRTC_ID};
	u32 ids[6], n = file_of(r)->atomic ? 6 : 5;
	u64 values[6] = {o->edid_blob, kms.out[i].dpms, 0, 0, 0, kms.out[i].connector_crtc ? ID_CRTC + (u32)i : 0};
	for (u32 k = 0; k < n; k++)
		ids[k] = ID_PROP + all[k];
	e = put_list(r, 1, &encoder, 1, 4, a.count_encoders);
	if (!e)
		e = put_list(r, 2, o->modes, nmodes, sizeof(o->modes[0]), a.count_modes);
	if (!e)
		e = put_list(r, 3, ids, n, 4, a.count_props);
	if (!e)
		e = put_list(r, 4, values, n, 8, a.count_props);
	if (e)
		return e;
	a.count_encoders = 1;
	a.count_modes = nmodes;
	a.count_props = n;
	a.encoder_id = kms.out[i].connector_crtc ? encoder : 0;
	a.connector_type = DRM_MODE_CONNECTOR_VIRTUAL;
	a.connector_type_id = (u32)i + 1;
	a.connection = o->connected ? 1 : 2;
	a.mm_width = o->mm_width;
	a.mm_height = o->mm_height;
	a.subpixel = 0; /* unknown */
	a.pad = 0;
	return ARG_PUT(r, a);
}

i64 get_plane_resources(struct fsreq *r)
{
	struct drm_mode_get_plane_res a;
	u32 ids[2 * MAX_OUTPUTS], n = 0;
	int e = ARG_GET(r, a);
	if (e)
		return e;
	/* Without universal planes only overlays are shown, and there are none. */
	for (u32 p = 0; p < 2 * noutputs && file_of(r)->universal; p++)
		if ((p % 2 == 0 || hello.cursor_size) && leased_to(file_of(r), ID_PLANE + p))
			ids[n++] = ID_PLANE + p;
	e = put_list(r, 1, ids, n, 4, a.count_planes);
	a.count_planes = n;
	return e ? e : ARG_PUT(r, a);
}

i64 get_plane(struct fsreq *r)
{
	struct drm_mode_get_plane a;
	int e = ARG_GET(r, a);
	int p = e || !leased_to(file_of(r), a.plane_id) ? -1 : plane_of(a.plane_id);
	if (p < 0)
		return e ? e : -ENOENT;
	u32 formats[1] = {p % 2 ? DRM_FORMAT_ARGB8888 : DRM_FORMAT_XRGB8888};
	e = put_list(r, 1, formats, 1, 4, a.count_format_types);
	if (e)
		return e;
	a.crtc_id = kms.plane[p].output ? ID_CRTC + kms.plane[p].output - 1 : 0;
	a.fb_id = kms.plane[p].fb;
	a.possible_crtcs = crtc_mask_for(file_of(r), 1u << (p / 2));
	a.gamma_size = 0;
	a.count_format_types = 1;
	return ARG_PUT(r, a);
}
