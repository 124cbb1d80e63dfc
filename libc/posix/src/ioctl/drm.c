/* SPDX-License-Identifier: MIT */
/* DRM: the uAPI of drm.h, drm_mode.h and virtgpu_drm.h. Offsets are those of the structures there. */
#include "ioctl.h"

#define D(nr, size, ...) {.cmd = IOC(IOC_READ | IOC_WRITE, 'd', nr, size), .mask = ~0u, ##__VA_ARGS__}
#define DW(nr, size, ...) {.cmd = IOC(IOC_WRITE, 'd', nr, size), .mask = ~0u, ##__VA_ARGS__}
#define DR(nr, size) {.cmd = IOC(IOC_READ, 'd', nr, size), .mask = ~0u}
#define D0(nr) {.cmd = IOC(IOC_NONE, 'd', nr, 0), .mask = ~0u, .dir = ARG_NUMBER}
#define PTR(at, count, size, dir) {at, count, size, dir, 0}
#define PTR64(at, count, size, dir) {at, count, size, dir, 1}

static const struct ioctl_desc drm[] = {
	D(0x00, 64, .nested = 3, .n = {PTR64(24, 16, 1, ARG_OUT), PTR64(40, 32, 1, ARG_OUT), PTR64(56, 48, 1, ARG_OUT)}), /* VERSION */
	D(0x01, 16, .nested = 1, .n = {PTR64(8, 0, 1, ARG_OUT)}),	/* GET_UNIQUE */
	DR(0x02, 4),							/* GET_MAGIC */
	D(0x05, 40),							/* GET_CLIENT */
	D(0x06, 120 + 128),						/* GET_STATS */
	D(0x07, 16),							/* SET_VERSION */
	DW(0x09, 8),							/* GEM_CLOSE */
	D(0x0a, 8), D(0x0b, 16),					/* GEM_FLINK, GEM_OPEN */
	D(0x0c, 16),							/* GET_CAP */
	DW(0x0d, 16),							/* SET_CLIENT_CAP */
	DW(0x11, 4),							/* AUTH_MAGIC */
	D0(0x1e), D0(0x1f),						/* SET_MASTER, DROP_MASTER */
	D(0x2d, 12, .fd_out = 9, .cloexec_at = 5),			/* PRIME_HANDLE_TO_FD */
	D(0x2e, 12, .fd_in = 9),					/* PRIME_FD_TO_HANDLE */
	D(0x3a, 24),							/* WAIT_VBLANK */
	D(0x3b, 24), D(0x3c, 24),					/* CRTC_GET_SEQUENCE, CRTC_QUEUE_SEQUENCE */
	D(0xa0, 64, .nested = 4, .n = {PTR(0, 32, 4, ARG_OUT), PTR(8, 36, 4, ARG_OUT), PTR(16, 40, 4, ARG_OUT), PTR(24, 44, 4, ARG_OUT)}), /* GETRESOURCES */
	D(0xa1, 104),							/* GETCRTC */
	D(0xa2, 104, .nested = 1, .n = {PTR(0, 8, 4, ARG_IN)}),		/* SETCRTC */
	D(0xa3, 28), D(0xbb, 36),					/* CURSOR, CURSOR2 */
	D(0xa4, 32, .nested = 3, .n = {PTR(8, 4, 2, ARG_OUT), PTR(16, 4, 2, ARG_OUT), PTR(24, 4, 2, ARG_OUT)}), /* GETGAMMA */
	D(0xa5, 32, .nested = 3, .n = {PTR(8, 4, 2, ARG_IN), PTR(16, 4, 2, ARG_IN), PTR(24, 4, 2, ARG_IN)}),	/* SETGAMMA */
	D(0xa6, 20),							/* GETENCODER */
	D(0xa7, 80, .nested = 4, .n = {PTR(0, 40, 4, ARG_OUT), PTR(8, 32, 68, ARG_OUT), PTR(16, 36, 4, ARG_OUT), PTR(24, 36, 8, ARG_OUT)}), /* GETCONNECTOR */
	D(0xaa, 64, .nested = 2, .n = {PTR(0, 56, 8, ARG_OUT), PTR(8, 60, 40, ARG_OUT)}), /* GETPROPERTY */
	D(0xab, 16),							/* SETPROPERTY */
	D(0xac, 16, .nested = 1, .n = {PTR(8, 4, 1, ARG_OUT)}),		/* GETPROPBLOB */
	D(0xad, 28), D(0xae, 28), D(0xaf, 4),				/* GETFB, ADDFB, RMFB */
	D(0xb0, 24),							/* PAGE_FLIP */
	D(0xb1, 24, .nested = 1, .n = {PTR(16, 12, 8, ARG_IN)}),	/* DIRTYFB */
	D(0xb2, 32), D(0xb3, 16), D(0xb4, 4),				/* CREATE_DUMB, MAP_DUMB, DESTROY_DUMB */
	D(0xb5, 16, .nested = 1, .n = {PTR(0, 8, 4, ARG_OUT)}),		/* GETPLANERESOURCES */
	D(0xb6, 32, .nested = 1, .n = {PTR(24, 20, 4, ARG_OUT)}),	/* GETPLANE */
	D(0xb7, 48),							/* SETPLANE */
	D(0xb8, 104),							/* ADDFB2 */
	D(0xb9, 32, .nested = 2, .n = {PTR(0, 16, 4, ARG_OUT), PTR(8, 16, 8, ARG_OUT)}), /* OBJ_GETPROPERTIES */
	D(0xba, 24),							/* OBJ_SETPROPERTY */
	/* ATOMIC: objects, properties per object, then property ids and values, whose number is the sum of the second list: see ioctl.c */
	D(0xbc, 56, .nested = 2, .n = {PTR(8, 4, 4, ARG_IN), PTR(16, 4, 4, ARG_IN)}),
	D(0xbd, 16, .nested = 1, .n = {PTR(0, 8, 1, ARG_IN)}),		/* CREATEPROPBLOB */
	D(0xbe, 4),							/* DESTROYPROPBLOB */
	D(0xbf, 8), D(0xc0, 8),						/* SYNCOBJ_CREATE, DESTROY */
	D(0xc1, 24, .fd_out = 9), D(0xc2, 24, .fd_in = 9),		/* SYNCOBJ_HANDLE_TO_FD, FD_TO_HANDLE */
	D(0xc1, 16, .fd_out = 9), D(0xc2, 16, .fd_in = 9),
	D(0xc3, 40, .nested = 1, .n = {PTR(0, 16, 4, ARG_IN)}),		/* SYNCOBJ_WAIT */
	D(0xc3, 32, .nested = 1, .n = {PTR(0, 16, 4, ARG_IN)}),
	D(0xc4, 16, .nested = 1, .n = {PTR(0, 8, 4, ARG_IN)}),		/* SYNCOBJ_RESET */
	D(0xc5, 16, .nested = 1, .n = {PTR(0, 8, 4, ARG_IN)}),		/* SYNCOBJ_SIGNAL */
	D(0xc6, 24, .fd_out = 21, .cloexec_at = 13, .nested = 1, .n = {PTR(0, 8, 4, ARG_IN)}), /* CREATE_LEASE */
	D(0xc7, 16, .nested = 1, .n = {PTR(8, 0, 4, ARG_OUT)}),		/* LIST_LESSEES */
	D(0xc8, 16, .nested = 1, .n = {PTR(8, 0, 4, ARG_OUT)}),		/* GET_LEASE */
	D(0xc9, 4),							/* REVOKE_LEASE */
	D(0xca, 48, .nested = 2, .n = {PTR(0, 24, 4, ARG_IN), PTR(8, 24, 8, ARG_IN)}), /* SYNCOBJ_TIMELINE_WAIT */
	D(0xca, 40, .nested = 2, .n = {PTR(0, 24, 4, ARG_IN), PTR(8, 24, 8, ARG_IN)}),
	D(0xcb, 24, .nested = 2, .n = {PTR(0, 16, 4, ARG_IN), PTR(8, 16, 8, ARG_OUT)}), /* SYNCOBJ_QUERY */
	D(0xcc, 32),							/* SYNCOBJ_TRANSFER */
	D(0xcd, 24, .nested = 2, .n = {PTR(0, 16, 4, ARG_IN), PTR(8, 16, 8, ARG_IN)}), /* SYNCOBJ_TIMELINE_SIGNAL */
	D(0xcf, 24, .fd_in = 17),					/* SYNCOBJ_EVENTFD */
	D(0xce, 104), D(0xd0, 8),					/* GETFB2, CLOSEFB */
	D(0xd1, 24, .nested = 1, .n = {PTR(8, 4, 1, ARG_IN)}),		/* SET_CLIENT_NAME */
	/* virtio-gpu */
	D(0x41, 16),							/* MAP */
	D(0x42, 64, .nested = 2, .n = {PTR(8, 4, 1, ARG_IN), PTR(16, 24, 4, ARG_IN)}), /* EXECBUFFER; its fence fd by RETRY */
	D(0x42, 32, .nested = 2, .n = {PTR(8, 4, 1, ARG_IN), PTR(16, 24, 4, ARG_IN)}),
	D(0x43, 16, .nested = 1, .n = {PTR(8, 0xffff, 8, ARG_OUT)}),	/* GETPARAM */
	D(0x44, 56), D(0x45, 16),					/* RESOURCE_CREATE, RESOURCE_INFO */
	D(0x46, 44), D(0x47, 44), D(0x48, 8),				/* TRANSFER_FROM_HOST, TO_HOST, WAIT */
	D(0x49, 24, .nested = 1, .n = {PTR(8, 16, 1, ARG_OUT)}),	/* GET_CAPS */
	D(0x4a, 48, .nested = 1, .n = {PTR(32, 28, 1, ARG_IN)}),	/* RESOURCE_CREATE_BLOB */
	D(0x4b, 16, .nested = 1, .n = {PTR(8, 0, 16, ARG_IN)}),		/* CONTEXT_INIT */
};
const struct ioctl_class rt_ioctl_drm = {drm, ARRAY_SIZE(drm)};
