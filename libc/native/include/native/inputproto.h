/* SPDX-License-Identifier: MIT */
/*
 * Between input drivers and inputd. A driver registers each device on scheme `inputdev` with a SEQPACKET channel of its own, then sends batches of struct
 * inputp_event; inputd sends EV_LED and EV_SND events back. A driver that died registers the same `phys` again and its device goes on.
 */
#ifndef NATIVE_INPUTPROTO_H
#define NATIVE_INPUTPROTO_H

#include <weft/scheme.h>

#define INPUTP_KEYS 768
#define INPUTP_ABS 64

struct inputp_abs {
	i32 value, min, max, fuzz, flat, resolution;
};
struct inputp_device {
	char name[80], phys[64], uniq[64];
	char parent[64]; /* directory in sys/ to live below, such as "devices/pci0000:00/0000:00:02.0/virtio1" */
	u16 bus, vendor, product, version;
	u8 props[4];
	u8 ev[4], key[INPUTP_KEYS / 8], rel[2], abs[8], msc[1], led[2], snd[1], sw[3];
	struct inputp_abs absinfo[INPUTP_ABS];
};
struct inputp_event {
	u16 type, code;
	i32 value;
};
enum inputp_op {
	/* Buffer 0 IN: struct inputp_device; fds[0]: the driver's peer end of its channel. -> number of the event node */
	INPUTP_REGISTER = WEFT_OP_USER,
};

#endif
