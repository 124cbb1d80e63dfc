/* SPDX-License-Identifier: MIT */
/* The table of commands: who may use them, and what serves them. */
#include "drm.h"

#include <native/server.h>
#include <stdio.h>
#include <stdlib.h>
#include <virtgpu_drm.h>

#define MASTER 2u
#define RENDER 4u /* allowed on render nodes */

int put_list(struct fsreq *r, u32 buffer, const void *p, u32 n, u32 size, u32 room)
{
	if (n == 0 || room < n || buffer >= r->sqe->nbufs || r->sqe->len[buffer] < n * size)
		return 0;
	return fsreq_out(r, buffer, 0, p, (u64)n * size);
}

static i64 put_string(struct fsreq *r, u32 buffer, const char *s, u64 room)
{
	u64 n = strlen(s) < room ? strlen(s) : room;
	return n ? fsreq_out(r, buffer, 0, s, n) : 0;
}

static i64 do_version(struct fsreq *r)
{
	struct drm_version a;
	i64 e = ARG_GET(r, a);
	const char *name = hello.driver[0] ? hello.driver : "weft";
	if (!e)
		e = put_string(r, 1, name, a.name_len);
	if (!e)
		e = put_string(r, 2, "0", a.date_len);
	if (!e)
		e = put_string(r, 3, "Weft display", a.desc_len);
	a.version_major = 0;
	a.version_minor = 1;
	a.version_patchlevel = 0;
	a.name_len = strlen(name);
	a.date_len = 1;
	a.desc_len = strlen("Weft display");
	return e ? e : ARG_PUT(r, a);
}

static i64 do_unique(struct fsreq *r)
{
	struct drm_unique a;
	char name[32] = "";
	/* Empty until SET_VERSION: libdrm takes a card that has a name for one in use. */
	if (file_of(r)->named)
		snprintf(name, sizeof(name), "pci:0000:%02x:%02x.%x", hello.pci_bus, hello.pci_dev, hello.pci_fn);
	i64 e = ARG_GET(r, a);
	if (!e)
		e = a.unique_len >= strlen(name) ? put_string(r, 1, name, a.unique_len) : 0;
	a.unique_len = strlen(name);
	return e ? e : ARG_PUT(r, a);
}

static i64 do_set_version(struct fsreq *r)
{
	struct drm_set_version a;
	i64 e = ARG_GET(r, a);
	if (e)
		return e;
	file_of(r)->named = true;
	a = (struct drm_set_version){.drm_di_major = 1, .drm_di_minor = 4, .drm_dd_major = 0, .drm_dd_minor = 1};
	return ARG_PUT(r, a);
}

static i64 do_get_cap(struct fsreq *r)
{
	struct drm_get_cap a;
	i64 e = ARG_GET(r, a);
	if (e)
		return e;
	switch (a.capability) {
	case DRM_CAP_DUMB_BUFFER:
	case DRM_CAP_TIMESTAMP_MONOTONIC:
	case DRM_CAP_CRTC_IN_VBLANK_EVENT:
	case DRM_CAP_VBLANK_HIGH_CRTC:
	case DRM_CAP_SYNCOBJ:
	case DRM_CAP_SYNCOBJ_TIMELINE:
		a.value = 1;
		break;
	case DRM_CAP_PRIME:
		a.value = DRM_PRIME_CAP_IMPORT | DRM_PRIME_CAP_EXPORT;
		break;
	case DRM_CAP_DUMB_PREFERRED_DEPTH:
		a.value = 24;
		break;
	case DRM_CAP_CURSOR_WIDTH:
	case DRM_CAP_CURSOR_HEIGHT:
		a.value = hello.cursor_size ? hello.cursor_size : 64;
		break;
	case DRM_CAP_DUMB_PREFER_SHADOW:
	case DRM_CAP_ASYNC_PAGE_FLIP:
	case DRM_CAP_ADDFB2_MODIFIERS:
	case DRM_CAP_PAGE_FLIP_TARGET:
	case 0x15: /* DRM_CAP_ATOMIC_ASYNC_PAGE_FLIP */
		a.value = 0;
		break;
	default:
		return -EINVAL;
	}
	return ARG_PUT(r, a);
}

static i64 do_client_cap(struct fsreq *r)
{
	struct drm_set_client_cap a;
	struct drmfile *f = file_of(r);
	i64 e = ARG_GET(r, a);
	if (e)
		return e;
	switch (a.capability) {
	case DRM_CLIENT_CAP_STEREO_3D:
	case DRM_CLIENT_CAP_ASPECT_RATIO:
	case DRM_CLIENT_CAP_UNIVERSAL_PLANES:
	case 6: /* CURSOR_PLANE_HOTSPOT */
		if (a.value > 1)
			return -EINVAL;
		if (a.capability == 6 && !f->atomic)
			return -EINVAL;
		if (a.capability == DRM_CLIENT_CAP_UNIVERSAL_PLANES)
			f->universal = a.value;
		if (a.capability == DRM_CLIENT_CAP_ASPECT_RATIO)
			f->aspect = a.value;
		return 0;
	case DRM_CLIENT_CAP_ATOMIC:
		if (a.value > 2)
			return -EINVAL;
		f->atomic = f->universal = a.value;
		return 0;
	case DRM_CLIENT_CAP_WRITEBACK_CONNECTORS:
		return f->atomic && a.value <= 1 ? 0 : -EINVAL;
	}
	return -EINVAL;
}

/* Without 3D: Mesa asks, and then draws by itself. */
static i64 virtgpu_param(struct fsreq *r)
{
	struct drm_virtgpu_getparam a;
	i64 e = ARG_GET(r, a);
	int v = 0;
	if (e)
		return e;
	switch (a.param) {
	case VIRTGPU_PARAM_3D_FEATURES:
	case 3: /* RESOURCE_BLOB */
	case 4: /* HOST_VISIBLE */
	case 5: /* CROSS_DEVICE */
	case 6: /* CONTEXT_INIT */
	case 7: /* SUPPORTED_CAPSET_IDs */
		break;
	case VIRTGPU_PARAM_CAPSET_QUERY_FIX:
		v = 1;
		break;
	default:
		return -EINVAL;
	}
	return fsreq_out(r, 1, 0, &v, sizeof(v));
}

static i64 not_served(struct fsreq *r)
{
	(void)r;
	return -ENOSYS;
}

static const struct {
	u8 nr;
	u8 flags;
	i64 (*fn)(struct fsreq *r);
} table[] = {
	{0x00, RENDER, do_version}, {0x01, 0, do_unique}, {0x02, 0, master_magic}, {0x07, MASTER, do_set_version},
	{0x09, RENDER, gem_close}, {0x0c, RENDER, do_get_cap}, {0x0d, 0, do_client_cap}, {0x11, MASTER, master_auth},
	{0x1e, 0, master_set}, {0x1f, 0, master_drop}, {0x2d, RENDER, gem_prime_to_fd}, {0x2e, RENDER, gem_prime_from_fd},
	{0x3a, 0, vblank_wait}, {0x3b, 0, vblank_get_sequence}, {0x3c, 0, vblank_queue_sequence},
	{0x43, RENDER, virtgpu_param}, {0x49, RENDER, not_served},
	{0xa0, 0, get_resources}, {0xa1, 0, get_crtc}, {0xa2, MASTER, legacy_set_crtc}, {0xa3, MASTER, legacy_cursor}, {0xa4, 0, legacy_get_gamma},
	{0xa5, MASTER, legacy_set_gamma}, {0xa6, 0, get_encoder}, {0xa7, 0, get_connector}, {0xaa, 0, prop_get},
	{0xab, MASTER, legacy_set_property}, {0xac, 0, blob_get}, {0xad, 0, fb_get}, {0xae, 0, fb_add}, {0xaf, 0, fb_remove},
	{0xb0, MASTER, legacy_page_flip}, {0xb1, MASTER, fb_dirty}, {0xb2, 0, gem_create_dumb}, {0xb3, 0, gem_map_dumb},
	{0xb4, 0, gem_destroy_dumb}, {0xb5, 0, get_plane_resources}, {0xb6, 0, get_plane}, {0xb7, MASTER, legacy_set_plane}, {0xb8, 0, fb_add2},
	{0xb9, 0, prop_object}, {0xba, MASTER, legacy_set_property}, {0xbb, MASTER, legacy_cursor}, {0xbc, MASTER, atomic_commit},
	{0xbd, 0, blob_create}, {0xbe, 0, blob_destroy}, {0xbf, RENDER, syncobj_ioctl}, {0xc0, RENDER, syncobj_ioctl},
	{0xc1, RENDER, syncobj_ioctl}, {0xc2, RENDER, syncobj_ioctl}, {0xc3, RENDER, syncobj_ioctl}, {0xc4, RENDER, syncobj_ioctl},
	{0xc5, RENDER, syncobj_ioctl}, {0xca, RENDER, syncobj_ioctl}, {0xcb, RENDER, syncobj_ioctl}, {0xcc, RENDER, syncobj_ioctl},
	{0xcd, RENDER, syncobj_ioctl}, {0xcf, RENDER, syncobj_ioctl}, {0xc6, MASTER, lease_create}, {0xc7, MASTER, lease_list},
	{0xc8, MASTER, lease_get}, {0xc9, MASTER, lease_revoke}, {0xce, 0, fb_get2}, {0xd0, 0, fb_close},
};

i64 drm_ioctl(struct fsreq *r)
{
	struct drmfile *f = file_of(r);
	u32 cmd = (u32)r->sqe->args[0];
	if ((cmd >> 8 & 0xff) != 'd')
		return -ENOTTY;
	for (u32 i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].nr != (cmd & 0xff))
			continue;
		if (f->render && !(table[i].flags & RENDER))
			return -EACCES;
		if ((table[i].flags & MASTER) && !is_master(f))
			return -EACCES;
		return table[i].fn(r);
	}
	return -EINVAL;
}
