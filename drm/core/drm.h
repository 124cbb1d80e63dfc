/* SPDX-License-Identifier: MIT */
/*
 * drm/core: the DRM/KMS server. It serves card0 and renderD128 with Linux's uAPI (drm.h, drm_mode.h) and holds every object that a client can see.
 *
 *   main.c  start-up, tree      file.c  open files, events, master      ioctl.c  the table of commands
 *   gem.c   buffers, PRIME      fb.c    frame buffers                   blob.c   property blobs
 *   kms.c   outputs, state      prop.c  properties                      get.c    GETRESOURCES ... GETPLANE
 *   atomic.c  check and commit  legacy.c  SETCRTC, PAGE_FLIP, CURSOR    vblank.c the clock that paces flips
 *   backend.c the driver below  sysfs.c /sys and udev records           syncobj.c synchronisation objects
 *
 * One output is one CRTC, encoder, connector, primary plane and cursor plane. State changes only as a whole (kms_state): a commit is
 * checked on a copy, which then becomes the current state and is told to the driver.
 */
#ifndef DRM_DRM_H
#define DRM_DRM_H

#include "vfs.h"
#include <drm.h>
#include <drm_fourcc.h>
#include <drm_mode.h>
#include <native/call.h>
#include <native/gpuproto.h>
#include <native/loop.h>
#include <fcntl.h>

/* Of newer headers than Debian 12's. */
#ifndef DRM_IOCTL_MODE_CLOSEFB
struct drm_mode_closefb {
	u32 fb_id, pad;
};
#endif
enum { PLANE_TYPE_OVERLAY, PLANE_TYPE_PRIMARY, PLANE_TYPE_CURSOR }; /* the values of the property "type" */

#define MAX_OUTPUTS GPUP_OUTPUTS
#define MAX_HANDLES 4096
#define MAX_EVENTS 128
#define MIN_SIZE 1
#define MAX_SIZE 8192

#define ID_CRTC 0x20u
#define ID_ENCODER 0x30u
#define ID_CONNECTOR 0x40u
#define ID_PLANE 0x50u /* primary 2i, cursor 2i + 1 */
#define ID_PROP 0x80u
#define ID_FIRST_DYNAMIC 0x100u

struct rect {
	u32 x1, y1, x2, y2; /* empty: x1 == x2 */
};
struct rect rect_union(struct rect a, struct rect b);
struct rect rect_clip(struct rect a, u32 w, u32 h);

/* A buffer. Handles, frame buffers and the driver hold it. */
struct gem {
	u32 refs;
	i32 mem;
	u64 size;
	u64 object; /* kernel number of the memory object: PRIME imports find it again */
	u32 width, height, pitch, bpp; /* dumb buffers */
	struct fs_list link;
};

struct fb {
	u32 id, refs;
	u32 width, height, pitch, offset, format;
	struct gem *gem;
	struct drmfile *owner; /* NULL: closed, lives until it is not shown */
	u32 backend_id; /* 0: the driver does not know it */
	struct rect damage; /* not yet given to the driver */
	struct fs_list link;
};

struct blob {
	u32 id, refs;
	u32 len;
	struct drmfile *owner;
	struct fs_list link;
	u8 data[];
};

struct event {
	struct fs_list link;
	u32 len;
	u8 data[40];
};

struct drmfile {
	struct handle *h;
	bool named, render, authenticated, atomic, universal, aspect, writeback;
	u32 magic;
	struct gem *handles[MAX_HANDLES]; /* handle n is handles[n - 1] */
	struct syncobj **syncobjs;
	u32 nsyncobjs;
	struct fs_list events;
	u32 nevents, reserved_events;
	struct fs_list readers; /* kept reads */
	u32 retry_tid; /* asked to come again with what its data names */
	struct fs_list link;
};

struct plane_state {
	u32 fb, output; /* output + 1, 0: off */
	i32 x, y;
	u32 w, h, sx, sy, sw, sh;
	i32 hot_x, hot_y;
	u32 damage; /* blob */
};
struct output_state {
	bool active, vrr;
	u16 zero; /* states are compared as bytes: no hole may be left */
	u32 mode_blob;
	struct drm_mode_modeinfo mode;
	u32 connector_crtc; /* output + 1, 0: off */
	u32 dpms;
};
struct kms_state {
	struct output_state out[MAX_OUTPUTS];
	struct plane_state plane[2 * MAX_OUTPUTS];
};

struct flip { /* an event to send at the next vblank */
	struct drmfile *file;
	u64 user_data;
	u32 type;
	i32 fence; /* to signal, or -1 */
	u64 sequence; /* CRTC_QUEUE_SEQUENCE, WAIT_VBLANK: not before */
	struct fs_list link;
};

struct output {
	bool connected;
	u32 width, height;
	u32 edid_blob;
	struct drm_mode_modeinfo modes[24];
	u32 nmodes;
	/* vblank.c */
	struct loop_timer timer;
	i64 base_ns, period_ns;
	u64 sequence; /* of the last vblank that was looked at */
	struct fs_list flips;
	bool busy; /* a flip is on its way: a further one is -EBUSY */
	bool flushing;
	u32 flush_seq;
	/* for legacy calls */
	u32 cursor_fb;
	u16 gamma[3][256];
};

extern struct fs tree;
extern struct output outputs[MAX_OUTPUTS];
extern u32 noutputs;
extern struct kms_state kms;
extern struct drmfile *master;
extern struct fs_list files;
extern struct gpup_hello hello;
extern u32 next_id;

/* file.c */
extern const struct node_ops card_ops, render_ops;
int event_reserve(struct drmfile *f);
void event_send(struct drmfile *f, const void *data, u32 len);
struct drmfile *file_of(const struct fsreq *r);

/* gem.c */
struct gem *gem_get(struct gem *g);
void gem_put(struct gem *g);
struct gem *gem_find(struct drmfile *f, u32 handle);
i64 gem_handle(struct drmfile *f, struct gem *g); /* a new handle, or the one it has */
i64 gem_create_dumb(struct fsreq *r);
i64 gem_map_dumb(struct fsreq *r);
i64 gem_destroy_dumb(struct fsreq *r);
i64 gem_close(struct fsreq *r);
i64 gem_prime_to_fd(struct fsreq *r);
i64 gem_prime_from_fd(struct fsreq *r);
i64 gem_mmap(struct fsreq *r);
void gem_release_all(struct drmfile *f);

/* fb.c */
struct fb *fb_find(u32 id);
void fb_put(struct fb *fb);
struct fb *fb_new(struct drmfile *f, struct gem *g, u32 w, u32 h, u32 pitch, u32 offset, u32 format);
i64 fb_add(struct fsreq *r);
i64 fb_add2(struct fsreq *r);
i64 fb_remove(struct fsreq *r);
i64 fb_close(struct fsreq *r);
i64 fb_dirty(struct fsreq *r);
i64 fb_get(struct fsreq *r);
i64 fb_get2(struct fsreq *r);
void fb_release_all(struct drmfile *f);
u32 format_bpp(u32 fourcc); /* 0: not supported */

/* blob.c */
struct blob *blob_find(u32 id);
struct blob *blob_new(struct drmfile *f, const void *data, u32 len);
void blob_put(struct blob *b);
i64 blob_create(struct fsreq *r);
i64 blob_destroy(struct fsreq *r);
i64 blob_get(struct fsreq *r);
void blob_release_all(struct drmfile *f);

/* kms.c */
void outputs_set(const struct gpup_hello *h);
void output_changed(u32 i, bool connected, u32 w, u32 h);
void mode_make(struct drm_mode_modeinfo *m, u32 w, u32 h, u32 hz);
int kms_check(const struct kms_state *s, bool modeset_allowed);
void kms_commit(struct drmfile *f, struct kms_state *s, bool event, u64 user_data, const i32 *fences);
void kms_fb_gone(struct fb *fb); /* nothing shows it any more */
int output_of_crtc(u32 id); /* index or -1 */
int plane_of(u32 id);
int output_of_connector(u32 id);

/* prop.c */
enum prop {
	P_TYPE, P_FB_ID, P_IN_FENCE_FD, P_CRTC_ID, P_CRTC_X, P_CRTC_Y, P_CRTC_W, P_CRTC_H, P_SRC_X, P_SRC_Y, P_SRC_W, P_SRC_H,
	P_FB_DAMAGE_CLIPS, P_HOTSPOT_X, P_HOTSPOT_Y, P_ACTIVE, P_MODE_ID, P_OUT_FENCE_PTR, P_VRR_ENABLED, P_EDID, P_DPMS,
	P_LINK_STATUS, P_NON_DESKTOP, P_TILE, P_COUNT
};
i64 prop_get(struct fsreq *r);
i64 prop_object(struct fsreq *r);
/* Sets one in a state. fence_at: where OUT_FENCE_PTR was given. 0 or -errno. */
int prop_set(struct kms_state *s, u32 object, u32 prop, u64 value, const struct drmfile *f);

/* get.c */
i64 get_resources(struct fsreq *r);
i64 get_crtc(struct fsreq *r);
i64 get_encoder(struct fsreq *r);
i64 get_connector(struct fsreq *r);
i64 get_plane_resources(struct fsreq *r);
i64 get_plane(struct fsreq *r);

/* atomic.c, legacy.c */
i64 atomic_commit(struct fsreq *r);
i64 legacy_set_crtc(struct fsreq *r);
i64 legacy_page_flip(struct fsreq *r);
i64 legacy_cursor(struct fsreq *r);
i64 legacy_set_plane(struct fsreq *r);
i64 legacy_set_property(struct fsreq *r);
i64 legacy_get_gamma(struct fsreq *r);
i64 legacy_set_gamma(struct fsreq *r);

/* vblank.c */
void vblank_mode_set(u32 i);
void vblank_add(u32 i, struct flip *f);
void vblank_file_closed(struct drmfile *f);
u64 vblank_now(u32 i, i64 *when);
void vblank_flushed(u32 i);
i64 vblank_wait(struct fsreq *r);
i64 vblank_get_sequence(struct fsreq *r);
i64 vblank_queue_sequence(struct fsreq *r);

/* backend.c */
int backend_start(struct loop *l);
void backend_scanout(u32 i); /* tells the driver what output i shows now */
void backend_flush(u32 i, struct fb *fb);
void backend_cursor(u32 i, bool image);
void backend_forget(struct fb *fb);
bool backend_alive(void);

/* ioctl.c, sysfs.c, syncobj.c */
i64 drm_ioctl(struct fsreq *r);
void sysfs_publish(void);
void sysfs_hotplug(void);
i64 syncobj_ioctl(struct fsreq *r, u32 cmd);
void syncobj_release_all(struct drmfile *f);
void fence_signal(i32 fd, int error); /* and closes it */

/* The argument in buffer 0. */
#define ARG_GET(r, a) fsreq_in(r, 0, 0, &(a), sizeof(a))
#define ARG_PUT(r, a) fsreq_out(r, 0, 0, &(a), sizeof(a))
/* Copies n elements to a declared list if it has room for them all; its room was `room` elements. */
int put_list(struct fsreq *r, u32 buffer, const void *p, u32 n, u32 size, u32 room);

#endif
