/* SPDX-License-Identifier: MIT */
/* Properties: one table says what each is and which objects have it. */
#include "drm.h"

#define PLANE 1u
#define CURSOR 2u
#define CRTC 4u
#define CONNECTOR 8u
#define ATOMIC DRM_MODE_PROP_ATOMIC

static const struct {
	const char *name;
	u32 flags, on;
	u64 low, high; /* of ranges; object type in low */
	const char *const *names; /* of enums, ended by NULL */
} props[P_COUNT] = {
	[P_TYPE] = {"type", DRM_MODE_PROP_ENUM | DRM_MODE_PROP_IMMUTABLE, PLANE | CURSOR, 0, 0, (const char *const[]){"Overlay", "Primary", "Cursor", NULL}},
	[P_FB_ID] = {"FB_ID", DRM_MODE_PROP_OBJECT | ATOMIC, PLANE | CURSOR, DRM_MODE_OBJECT_FB, 0, NULL},
	[P_IN_FENCE_FD] = {"IN_FENCE_FD", DRM_MODE_PROP_SIGNED_RANGE | ATOMIC, PLANE | CURSOR, (u64)-1, INT32_MAX, NULL},
	[P_CRTC_ID] = {"CRTC_ID", DRM_MODE_PROP_OBJECT | ATOMIC, PLANE | CURSOR | CONNECTOR, DRM_MODE_OBJECT_CRTC, 0, NULL},
	[P_CRTC_X] = {"CRTC_X", DRM_MODE_PROP_SIGNED_RANGE | ATOMIC, PLANE | CURSOR, (u64)INT32_MIN, INT32_MAX, NULL},
	[P_CRTC_Y] = {"CRTC_Y", DRM_MODE_PROP_SIGNED_RANGE | ATOMIC, PLANE | CURSOR, (u64)INT32_MIN, INT32_MAX, NULL},
	[P_CRTC_W] = {"CRTC_W", DRM_MODE_PROP_RANGE | ATOMIC, PLANE | CURSOR, 0, INT32_MAX, NULL},
	[P_CRTC_H] = {"CRTC_H", DRM_MODE_PROP_RANGE | ATOMIC, PLANE | CURSOR, 0, INT32_MAX, NULL},
	[P_SRC_X] = {"SRC_X", DRM_MODE_PROP_RANGE | ATOMIC, PLANE | CURSOR, 0, UINT32_MAX, NULL},
	[P_SRC_Y] = {"SRC_Y", DRM_MODE_PROP_RANGE | ATOMIC, PLANE | CURSOR, 0, UINT32_MAX, NULL},
	[P_SRC_W] = {"SRC_W", DRM_MODE_PROP_RANGE | ATOMIC, PLANE | CURSOR, 0, UINT32_MAX, NULL},
	[P_SRC_H] = {"SRC_H", DRM_MODE_PROP_RANGE | ATOMIC, PLANE | CURSOR, 0, UINT32_MAX, NULL},
	[P_FB_DAMAGE_CLIPS] = {"FB_DAMAGE_CLIPS", DRM_MODE_PROP_BLOB | ATOMIC, PLANE, 0, 0, NULL},
	[P_HOTSPOT_X] = {"HOTSPOT_X", DRM_MODE_PROP_SIGNED_RANGE | ATOMIC, CURSOR, (u64)INT32_MIN, INT32_MAX, NULL},
	[P_HOTSPOT_Y] = {"HOTSPOT_Y", DRM_MODE_PROP_SIGNED_RANGE | ATOMIC, CURSOR, (u64)INT32_MIN, INT32_MAX, NULL},
	[P_ACTIVE] = {"ACTIVE", DRM_MODE_PROP_RANGE | ATOMIC, CRTC, 0, 1, NULL},
	[P_MODE_ID] = {"MODE_ID", DRM_MODE_PROP_BLOB | ATOMIC, CRTC, 0, 0, NULL},
	[P_OUT_FENCE_PTR] = {"OUT_FENCE_PTR", DRM_MODE_PROP_RANGE | ATOMIC, CRTC, 0, UINT64_MAX, NULL},
	[P_VRR_ENABLED] = {"VRR_ENABLED", DRM_MODE_PROP_RANGE, CRTC, 0, 1, NULL},
	[P_EDID] = {"EDID", DRM_MODE_PROP_BLOB | DRM_MODE_PROP_IMMUTABLE, CONNECTOR, 0, 0, NULL},
	[P_DPMS] = {"DPMS", DRM_MODE_PROP_ENUM, CONNECTOR, 0, 0, (const char *const[]){"On", "Standby", "Suspend", "Off", NULL}},
	[P_LINK_STATUS] = {"link-status", DRM_MODE_PROP_ENUM, CONNECTOR, 0, 0, (const char *const[]){"Good", "Bad", NULL}},
	[P_NON_DESKTOP] = {"non-desktop", DRM_MODE_PROP_RANGE | DRM_MODE_PROP_IMMUTABLE, CONNECTOR, 0, 1, NULL},
	[P_TILE] = {"TILE", DRM_MODE_PROP_BLOB | DRM_MODE_PROP_IMMUTABLE, CONNECTOR, 0, 0, NULL},
};

i64 prop_get(struct fsreq *r)
{
	struct drm_mode_get_property a;
	u64 values[8];
	struct drm_mode_property_enum enums[8];
	u32 nvalues = 0, nenums = 0;
	int e = ARG_GET(r, a);
	if (e)
		return e;
	if (a.prop_id < ID_PROP || a.prop_id >= ID_PROP + P_COUNT)
		return -ENOENT;
	u32 p = a.prop_id - ID_PROP;
	u32 type = props[p].flags & (DRM_MODE_PROP_LEGACY_TYPE | DRM_MODE_PROP_EXTENDED_TYPE);
	if (type == DRM_MODE_PROP_RANGE || type == DRM_MODE_PROP_SIGNED_RANGE) {
		values[nvalues++] = props[p].low;
		values[nvalues++] = props[p].high;
	} else if (type == DRM_MODE_PROP_OBJECT) {
		values[nvalues++] = props[p].low;
	}
	for (; props[p].names && props[p].names[nenums]; nenums++) {
		values[nvalues++] = nenums;
		memset(&enums[nenums], 0, sizeof(enums[0]));
		enums[nenums].value = nenums;
		strncpy(enums[nenums].name, props[p].names[nenums], DRM_PROP_NAME_LEN - 1);
	}
	e = put_list(r, 1, values, nvalues, 8, a.count_values);
	if (!e && type != DRM_MODE_PROP_BLOB)
		e = put_list(r, 2, enums, nenums, sizeof(enums[0]), a.count_enum_blobs);
	if (e)
		return e;
	memset(a.name, 0, sizeof(a.name));
	strncpy(a.name, props[p].name, sizeof(a.name) - 1);
	a.flags = props[p].flags;
	a.count_values = nvalues;
	a.count_enum_blobs = nenums;
	return ARG_PUT(r, a);
}

/* What kind of object an id is, and its index; 0: none. */
static u32 kind_of(u32 id, u32 *index)
{
	int i;
	if ((i = plane_of(id)) >= 0) {
		*index = (u32)i;
		return i % 2 ? CURSOR : PLANE;
	}
	if ((i = output_of_crtc(id)) >= 0) {
		*index = (u32)i;
		return CRTC;
	}
	i = output_of_connector(id);
	*index = (u32)i;
	return i >= 0 ? CONNECTOR : 0;
}

static u64 value_of(u32 kind, u32 i, u32 p)
{
	const struct plane_state *pl = &kms.plane[i];
	const struct output_state *o = &kms.out[i];
	switch (p) {
	case P_TYPE: return kind == PLANE ? PLANE_TYPE_PRIMARY : PLANE_TYPE_CURSOR;
	case P_FB_ID: return pl->fb;
	case P_IN_FENCE_FD: return (u64)-1;
	case P_CRTC_ID:
		if (kind == CONNECTOR)
			return o->connector_crtc ? ID_CRTC + o->connector_crtc - 1 : 0;
		return pl->output ? ID_CRTC + pl->output - 1 : 0;
	case P_CRTC_X: return (u64)(i64)pl->x;
	case P_CRTC_Y: return (u64)(i64)pl->y;
	case P_CRTC_W: return pl->w;
	case P_CRTC_H: return pl->h;
	case P_SRC_X: return pl->sx;
	case P_SRC_Y: return pl->sy;
	case P_SRC_W: return pl->sw;
	case P_SRC_H: return pl->sh;
	case P_HOTSPOT_X: return (u64)(i64)pl->hot_x;
	case P_HOTSPOT_Y: return (u64)(i64)pl->hot_y;
	case P_ACTIVE: return o->active;
	case P_MODE_ID: return o->mode_blob;
	case P_VRR_ENABLED: return o->vrr;
	case P_EDID: return outputs[i].edid_blob;
	case P_DPMS: return o->dpms;
	}
	return 0;
}

i64 prop_object(struct fsreq *r)
{
	struct drm_mode_obj_get_properties a;
	u32 ids[P_COUNT], n = 0, index;
	u64 values[P_COUNT];
	int e = ARG_GET(r, a);
	if (e)
		return e;
	u32 kind = leased_to(file_of(r), a.obj_id) ? kind_of(a.obj_id, &index) : 0;
	if (!kind)
		return a.obj_type == DRM_MODE_OBJECT_ENCODER || fb_find(a.obj_id) ? -EINVAL : -ENOENT;
	for (u32 p = 0; p < P_COUNT; p++) {
		if (!(props[p].on & kind) || ((props[p].flags & ATOMIC) && !file_of(r)->atomic))
			continue;
		ids[n] = ID_PROP + p;
		values[n++] = value_of(kind, index, p);
	}
	e = put_list(r, 1, ids, n, 4, a.count_props);
	if (!e)
		e = put_list(r, 2, values, n, 8, a.count_props);
	a.count_props = n;
	return e ? e : ARG_PUT(r, a);
}

static int set_mode(struct output_state *o, u64 id)
{
	struct blob *b = id ? blob_find((u32)id) : NULL;
	if (id && (!b || b->len != sizeof(o->mode)))
		return -EINVAL;
	o->mode_blob = (u32)id;
	memset(&o->mode, 0, sizeof(o->mode));
	if (b)
		memcpy(&o->mode, b->data, sizeof(o->mode));
	return 0;
}

int prop_set(struct kms_state *s, u32 object, u32 prop, u64 v, const struct drmfile *f)
{
	u32 i, kind = kind_of(object, &i), p = prop - ID_PROP;
	(void)f;
	if (!kind || p >= P_COUNT || !(props[p].on & kind))
		return -ENOENT;
	if (props[p].flags & DRM_MODE_PROP_IMMUTABLE)
		return -EINVAL;
	u32 type = props[p].flags & (DRM_MODE_PROP_LEGACY_TYPE | DRM_MODE_PROP_EXTENDED_TYPE);
	if (type == DRM_MODE_PROP_RANGE && (v < props[p].low || v > props[p].high))
		return -EINVAL;
	if (type == DRM_MODE_PROP_SIGNED_RANGE && ((i64)v < (i64)props[p].low || (i64)v > (i64)props[p].high))
		return -EINVAL;
	struct plane_state *pl = &s->plane[i];
	struct output_state *o = &s->out[i];
	int crtc;
	switch (p) {
	case P_FB_ID:
		if (v && !fb_find((u32)v))
			return -EINVAL;
		pl->fb = (u32)v;
		return 0;
	case P_CRTC_ID:
		crtc = v ? output_of_crtc((u32)v) : -1;
		if (v && crtc < 0)
			return -EINVAL;
		if (kind == CONNECTOR)
			o->connector_crtc = (u32)(crtc + 1);
		else
			pl->output = (u32)(crtc + 1);
		return 0;
	case P_CRTC_X: pl->x = (i32)v; return 0;
	case P_CRTC_Y: pl->y = (i32)v; return 0;
	case P_CRTC_W: pl->w = (u32)v; return 0;
	case P_CRTC_H: pl->h = (u32)v; return 0;
	case P_SRC_X: pl->sx = (u32)v; return 0;
	case P_SRC_Y: pl->sy = (u32)v; return 0;
	case P_SRC_W: pl->sw = (u32)v; return 0;
	case P_SRC_H: pl->sh = (u32)v; return 0;
	case P_HOTSPOT_X: pl->hot_x = (i32)v; return 0;
	case P_HOTSPOT_Y: pl->hot_y = (i32)v; return 0;
	case P_FB_DAMAGE_CLIPS:
		if (v) {
			struct blob *b = blob_find((u32)v);
			if (!b || b->len % sizeof(struct drm_mode_rect))
				return -EINVAL;
		}
		pl->damage = (u32)v;
		return 0;
	case P_ACTIVE: o->active = v; return 0;
	case P_MODE_ID: return set_mode(o, v);
	case P_VRR_ENABLED: o->vrr = v; return 0;
	case P_DPMS:
		if (v > 3)
			return -EINVAL;
		o->dpms = (u32)v;
		return 0;
	case P_LINK_STATUS: return v > 1 ? -EINVAL : 0;
	case P_IN_FENCE_FD:
	case P_OUT_FENCE_PTR: return 0; /* atomic.c has seen to them */
	}
	return -EINVAL;
}
