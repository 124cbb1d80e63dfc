/* SPDX-License-Identifier: MIT */
/* servers/dev: the trees of /dev, /sys and /run/udev (native/devproto.h). */
#ifndef DEV_DEV_H
#define DEV_DEV_H

#include "vfs.h"

/* memory.c: null, zero, full, random, urandom, kmsg. 0 or -ENOMEM. */
int memory_devices(struct fs *fs);
/* uevent.c */
i64 uevent_send(struct fsreq *r);
i64 uevent_subscribe(struct fsreq *r);

/* netlink.c */
int netlink_node(struct fs *fs);
void netlink_broadcast(u32 group, const char *data, u32 len);

#endif
