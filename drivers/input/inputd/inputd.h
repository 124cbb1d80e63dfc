/* SPDX-License-Identifier: MIT */
/*
 * inputd: /dev/input/event* with the evdev ABI (linux/input.h). It holds all that clients see: key state, LEDs, grabs, queues. Drivers only
 * feed it (native/inputproto.h) and may come and go; a device whose driver is gone has its keys released and stays.
 *
 *   main.c  start-up, registration   device.c  state, repeat, distribution   client.c  open files and their queues
 *   ioctl.c EVIOC*                   sysfs.c   /sys, udev records, uevents
 *   state.c what outlives this process: clients' files stay open when it dies
 */
#ifndef INPUTD_INPUTD_H
#define INPUTD_INPUTD_H

#include "vfs.h"
#include <linux/input.h>
#include <native/call.h>
#include <native/inputproto.h>
#include <native/loop.h>

#define MAX_INPUTS 32
#define QUEUE 512 /* events of a client; a power of two */

struct client;
struct input {
	u32 number;
	struct inputp_device d;
	i32 channel; /* to its driver, -1: none */
	struct loop_source source;
	u8 keys[INPUTP_KEYS / 8], leds[2], snds[1], sws[3];
	struct fs_list clients;
	struct client *grab;
	u32 repeat_key;
	u32 repeat_delay, repeat_period; /* ms */
	struct loop_timer repeat;
};

struct client {
	struct input *in;
	struct handle *h;
	struct fs_list link, readers;
	struct input_event queue[QUEUE];
	u32 head, tail; /* tail - head events; those before `packet` are whole packets */
	u32 packet;
	int clock;
	bool revoked;
	u8 *masks[EV_CNT]; /* EVIOCSMASK: allowed codes, NULL: all */
};

extern struct fs tree;
extern struct input *inputs[MAX_INPUTS];

/* device.c */
void input_feed(struct input *in, const struct inputp_event *e, u32 n);
void input_inject(struct input *in, const struct inputp_event *e); /* from a client's write */
void input_driver_gone(struct input *in);
u32 code_max(u32 type); /* number of codes of an event type, 0: none */

/* client.c */
extern const struct node_ops event_ops;
void client_event(struct client *c, u32 type, u32 code, i32 value, i64 realtime, i64 monotonic);
void client_wake(struct client *c);
void client_flush_type(struct client *c, u32 type);
struct client *client_of(const struct fsreq *r);

/* state.c: what a successor must know; to be called after each change */
void state_load(struct input *(*make)(const struct inputp_device *d));
void state_sweep(void); /* after the handles have come back */
void state_input(const struct input *in);
void state_client(const struct client *c);
void state_client_gone(const struct client *c);
bool state_restore(struct client *c); /* true: it was open before this process began */

/* ioctl.c, sysfs.c */
i64 input_ioctl(struct fsreq *r);
void sysfs_add(struct input *in);

static inline bool bit(const u8 *set, u32 i)
{
	return set[i / 8] >> i % 8 & 1;
}
static inline void set_bit(u8 *set, u32 i, bool on)
{
	set[i / 8] = (u8)((set[i / 8] & ~(1u << i % 8)) | (u32)on << i % 8);
}

#endif
