/* SPDX-License-Identifier: MIT */
/* How a driver joins the server that holds its clients' state: by a message with its description and one end of a channel. */
#ifndef DRIVER_ENROL_H
#define DRIVER_ENROL_H

#include <native/inputproto.h>
#include <native/loop.h>

/**
 * Sends op with the description to the handle in the named fd; *channel is our end of a SEQPACKET channel. Waits while that server is
 * being started again. 0 or a negative errno.
 */
int driver_enrol(const char *fd_name, u16 op, const void *what, u32 len, i32 *channel);

/* An input device's line to inputd. When inputd dies the device enrols with the next one: the driver goes on. */
struct input_link {
	struct inputp_device d;	 /* filled by the driver */
	void (*on_event)(struct input_link *l, const struct inputp_event *e); /* an LED, a sound */
	struct loop *loop;
	struct loop_source source;
	i32 channel;
};

/** Enrols and adds itself to the loop. 0 or a negative errno. */
int input_link_open(struct input_link *l, struct loop *loop);
/** At most 64 events. They are lost while there is no inputd. */
void input_link_send(struct input_link *l, const struct inputp_event *e, u32 n);

#endif
