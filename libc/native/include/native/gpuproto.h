/* SPDX-License-Identifier: MIT */
/*
 * Between drm/core and a GPU driver (its back end). The driver registers on scheme `gpu` with a SEQPACKET channel; then struct gpup_msg go both ways.
 * The core holds everything that a client can see; a driver that dies registers again and gets everything anew: it keeps nothing.
 */
#ifndef NATIVE_GPUPROTO_H
#define NATIVE_GPUPROTO_H

#include <weft/scheme.h>

#define GPUP_OUTPUTS 4
#define GPUP_EDID 1024
#define GPUP_FIXED_MODE 1u /* the size cannot be changed */

struct gpup_output {
	u32 connected, width, height; /* preferred size */
	u32 edid_len;
	u8 edid[GPUP_EDID];
};
struct gpup_hello {
	char driver[16]; /* DRM_IOCTL_VERSION's name */
	u32 noutputs;
	u32 cursor_size; /* side in pixels, 0: no cursor plane */
	u32 flags;	 /* GPUP_FIXED_MODE */
	u8 pci_bus, pci_dev, pci_fn, pci_revision;
	u16 vendor, device, sub_vendor, sub_device;
	u32 class;
	struct gpup_output output[GPUP_OUTPUTS];
};

enum gpup_op {
	/* Buffer 0 IN: struct gpup_hello; fds[0]: the driver's peer end of the channel. Replaces a driver that is gone; -EBUSY beside a living one */
	GPUP_REGISTER = WEFT_OP_USER,
};

enum gpup_command {
	/* core -> driver */
	GPUP_BUFFER = 1, /* a: id, width, height, pitch, fourcc; fd: memory object with the pixels */
	GPUP_FORGET,	 /* a: id: no longer shown; answered with FORGOTTEN when no DMA reads it */
	GPUP_SCANOUT,	 /* a: output, id or 0, x, y, width, height in the buffer */
	GPUP_FLUSH,	 /* a: output, id, x, y, width, height: changed pixels; answered with DONE */
	GPUP_CURSOR,	 /* a: output, id or 0, hot x, hot y, x, y */
	GPUP_MOVE,	 /* a: output, x, y */
	/* driver -> core */
	GPUP_DONE = 0x100, /* seq as in FLUSH; a[0]: 0 or errno */
	GPUP_FORGOTTEN,	   /* a: id */
	GPUP_OUTPUT,	   /* a: output; struct gpup_output follows in the same message: it has changed */
};
struct gpup_msg {
	u32 command, seq;
	u32 a[14];
};
_Static_assert(sizeof(struct gpup_msg) == 64, "gpup_msg");

#endif
