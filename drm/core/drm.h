/* SPDX-License-Identifier: MIT */
/*
 * drm/core: the DRM/KMS server. It serves card0 and renderD128 with Linux's uAPI (drm.h, drm_mode.h) and holds every object that a client can see.
 *
 *   main.c  start-up, tree      file.c  open files, events, master      ioctl.c  the table of commands
 *   gem.c   buffers, PRIME      fb.c    frame buffers                   blob.c   property blobs
 *   kms.c   outputs, state      prop.c  properties                      get.c    GETRESOURCES ... GETPLANE
 *   atomic.c  check and commit  legacy.c  SETCRTC, PAGE_FLIP, CURSOR    vblank.c the clock that paces flips
 *   backend.c the driver below  sysfs.c /sys and udev records           syncobj.c synchronisation objects
 *   fence.c fences              syncfile.c sync files                   dmabuf.c dma-bufs, udmabuf
 *   lease.c masters, leases     wait.c  requests answered later         edid.c   what an EDID says
 *
 * One output is one CRTC, encoder, connector, primary plane and cursor plane. State changes only as a whole (kms_state): a commit is
 * checked on a copy, which then becomes the current state and is told to the driver.
 */
#ifndef DRM_DRM_H
#define DRM_DRM_H

#include "edid.h"
#include "fence.h"
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
#define MAX_MODES 64
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

/* A buffer: a part of a memory object. Handles, dma-bufs, frame buffers and the driver hold it. */
struct gem {
	u32 refs;
	i32 mem;
	bool whole; /* all of its memory object */
	u64 start, size;
	u64 number;
	u32 width, height, pitch, bpp; /* dumb buffers */
	struct fs_list exports; /* dma-bufs */
	struct fence *reading, *writing; /* who still does, or NULL */
	struct fence_cb reading_cb, writing_cb;
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

/* Who may set modes: see lease.c. */
struct master {
	u32 refs;
	struct master *lessor; /* NULL: not a lessee */
	u32 id; /* a lessee's */
	u32 objects; /* leased to it */
	struct fs_list link;
};

struct drmfile {
	struct handle *h;
	bool named, render, authenticated, atomic, universal, aspect, writeback;
	bool is_master, was_master;
	struct master *master; /* its own, or the card's when it was opened */
	u32 magic, pid;
	struct gem *handles[MAX_HANDLES]; /* handle n is handles[n - 1] */
	struct syncobj **syncobjs;
	u32 nsyncobjs;
	struct fs_list event_watches; /* syncobj.c */
	struct fs_list events;
	u32 nevents, reserved_events;
	struct fs_list readers; /* kept reads */
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

/* A request that is answered later. Whoever starts one gives what it is woken by; why: 0, -ETIME or -EINTR. */
struct sleeper {
	struct fs_list link;
	void *kept;
	struct fence_cb cb;
	struct loop_timer timer;
	void (*wake)(struct sleeper *s, i64 why);
};

struct flip { /* what happens at a vblank */
	struct drmfile *file; /* whom to send an event, or NULL */
	u64 user_data;
	u32 type;
	struct fence *fence; /* to signal, or NULL */
	struct sleeper *sleeper; /* to wake, or NULL */
	u64 sequence; /* CRTC_QUEUE_SEQUENCE, WAIT_VBLANK: not before */
	struct fs_list link;
};

/* A commit: the new state and who is told of it. */
struct commit {
	struct drmfile *file;
	struct kms_state state;
	u32 named; /* the outputs that the client speaks of: only they send events */
	bool event;
	u64 user_data;
	struct fence *in; /* not shown before it is signalled; NULL: at once */
	struct fence *out[MAX_OUTPUTS]; /* signalled when it is shown; the commit takes the references */
	struct sleeper *sleeper; /* woken when all of it is shown */
};

struct output {
	bool connected;
	u32 width, height;
	u32 edid_blob;
	u32 mm_width, mm_height;
	struct drm_mode_modeinfo modes[MAX_MODES];
	u32 nmodes;
	/* vblank.c */
	struct loop_timer timer;
	i64 base_ns, period_ns;
	u64 sequence; /* of the last vblank that was looked at */
	struct fs_list flips;
	bool busy; /* a flip is on its way: a further one is -EBUSY */
	u64 context; /* of its out-fences */
	struct { /* a commit that waits for its fence */
		struct fence_cb cb;
		bool geometry, image;
		struct fb *shown[2]; /* held until the new ones are */
	} late;
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
extern struct master *card_master;
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
struct gem *gem_new(i32 mem, u64 start, u64 size, bool whole); /* NULL: no memory */
i64 gem_create_dumb(struct fsreq *r);
i64 gem_map_dumb(struct fsreq *r);
i64 gem_destroy_dumb(struct fsreq *r);
i64 gem_close(struct fsreq *r);
i64 gem_prime_to_fd(struct fsreq *r);
i64 gem_prime_from_fd(struct fsreq *r);
i64 gem_mmap(struct fsreq *r);
i64 gem_map(struct fsreq *r, struct gem *g, u64 offset, bool writable);
void gem_release_all(struct drmfile *f);

/* dmabuf.c */
extern const struct node_ops udmabuf_ops;
int dmabuf_start(void);
i64 dmabuf_give(struct fsreq *r, struct gem *g, bool writable); /* as the request's next fd */
struct gem *dmabuf_gem(i32 fd); /* of an fd that came with a request, not referenced; NULL: it is no dma-buf */
struct fence *gem_fence(struct gem *g, bool write); /* what an access has to wait for; new reference or NULL */

/* lease.c */
int master_open(struct drmfile *f);
void master_close(struct drmfile *f);
bool is_master(const struct drmfile *f);
bool leased_to(const struct drmfile *f, u32 id); /* whether a file sees an object */
u32 crtc_mask_for(const struct drmfile *f, u32 mask);
int crtc_at(const struct drmfile *f, u32 index); /* or -1 */
i64 master_set(struct fsreq *r);
i64 master_drop(struct fsreq *r);
i64 master_magic(struct fsreq *r);
i64 master_auth(struct fsreq *r);
i64 lease_create(struct fsreq *r);
i64 lease_list(struct fsreq *r);
i64 lease_get(struct fsreq *r);
i64 lease_revoke(struct fsreq *r);

/* wait.c */
struct sleeper *sleeper_new(struct fsreq *r, u32 size, void (*wake)(struct sleeper *s, i64 why)); /* size of what it is the head of */
struct fsreq sleeper_request(const struct sleeper *s);
void sleeper_end(struct sleeper *s, i64 result); /* frees it */
bool sleeper_fence(struct sleeper *s, struct fence *f); /* false: signalled already */
void sleeper_deadline(struct sleeper *s, i64 deadline);
void sleeper_cancel(struct fsreq *r, void *kept);

/* sys.c */
int sys_fd_info(i32 fd, struct weft_fd_info *info);
bool sys_is_counter(i32 fd);
void sys_count(i32 fd);

/* syncfile.c: nodes without names, whose handles carry an object */
struct anon {
	struct dentry *dentry;
	void *giving; /* for the node's open */
};
int anon_start(struct anon *a, const char *name, const struct node_ops *ops);
i64 anon_give(struct fsreq *r, struct anon *a, void *object, u32 flags);

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
void output_changed(u32 i, const struct gpup_output *g);
int kms_check(const struct kms_state *s, bool modeset_allowed);
void kms_commit(struct commit *c);
bool kms_busy(const struct drmfile *f); /* a flip of an output that the file sees is on its way */
void kms_fb_gone(struct fb *fb); /* nothing shows it any more */
int output_of_crtc(u32 id); /* index or -1 */
int plane_of(u32 id);
int output_of_connector(u32 id);
int output_of_object(u32 id);

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
void vblank_start(u32 i); /* what waits is shown from now on */
void vblank_blocked(struct sleeper *s); /* woken when an output is no longer busy */
bool vblank_waits(const struct sleeper *s); /* a flip will wake it */
void vblank_forget(struct sleeper *s);	/* before a sleeper ends that a vblank would wake */
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
void sysfs_lease(void);
int syncobj_start(void);
i64 syncobj_ioctl(struct fsreq *r);
void syncobj_release_all(struct drmfile *f);

/* The argument in buffer 0. */
#define ARG_GET(r, a) fsreq_in(r, 0, 0, &(a), sizeof(a))
#define ARG_PUT(r, a) fsreq_out(r, 0, 0, &(a), sizeof(a))
/* Copies n elements to a declared list if it has room for them all; its room was `room` elements. */
int put_list(struct fsreq *r, u32 buffer, const void *p, u32 n, u32 size, u32 room);

#endif
