/* SPDX-License-Identifier: MIT */
#include "inputd.h"

#include <native/time.h>

u32 code_max(u32 type)
{
	switch (type) {
	case EV_SYN: return 16;
	case EV_KEY: return INPUTP_KEYS;
	case EV_REL: return REL_CNT;
	case EV_ABS: return ABS_CNT;
	case EV_MSC: return MSC_CNT;
	case EV_SW: return SW_CNT;
	case EV_LED: return LED_CNT;
	case EV_SND: return SND_CNT;
	case EV_FF: return FF_CNT;
	}
	return 0;
}

static void pass(struct input *in, u32 type, u32 code, i32 value)
{
	i64 real = time_realtime(), mono = time_monotonic();
	if (in->grab) {
		client_event(in->grab, type, code, value, real, mono);
		return;
	}
	fsl_for_each (c, &in->clients, struct client, link)
		client_event(c, type, code, value, real, mono);
}

static void end_packet(struct input *in)
{
	pass(in, EV_SYN, SYN_REPORT, 0);
	fsl_for_each (c, &in->clients, struct client, link)
		client_wake(c);
}

static void repeat_tick(struct loop_timer *t)
{
	struct input *in = t->ctx;
	if (!in->repeat_key || !bit(in->keys, in->repeat_key))
		return;
	pass(in, EV_KEY, in->repeat_key, 2);
	pass(in, EV_SYN, SYN_REPORT, 1);
	fsl_for_each (c, &in->clients, struct client, link)
		client_wake(c);
	if (in->repeat_period)
		loop_timer_set(vfs_loop(&tree), t, time_monotonic() + (i64)in->repeat_period * 1000000);
}

static void key(struct input *in, u32 code, i32 value)
{
	bool down = value != 0;
	if (value == 2 || bit(in->keys, code) == down)
		return; /* repeats are made here; nothing changed */
	set_bit(in->keys, code, down);
	pass(in, EV_KEY, code, value);
	if (!bit(in->d.ev, EV_REP) || !in->repeat_delay)
		return;
	if (down) {
		in->repeat_key = code;
		in->repeat.fn = repeat_tick;
		in->repeat.ctx = in;
		loop_timer_set(vfs_loop(&tree), &in->repeat, time_monotonic() + (i64)in->repeat_delay * 1000000);
	} else if (in->repeat_key == code) {
		in->repeat_key = 0;
		loop_timer_clear(vfs_loop(&tree), &in->repeat);
	}
}

/* What the device said it can send, and only changes of it, as input_handle_event does on Linux. */
static void one(struct input *in, const struct inputp_event *e)
{
	const u8 *caps[] = {[EV_KEY] = in->d.key, [EV_REL] = in->d.rel, [EV_ABS] = in->d.abs, [EV_MSC] = in->d.msc, [EV_SW] = in->d.sw,
		[EV_LED] = in->d.led, [EV_SND] = in->d.snd};
	if (e->type == EV_SYN) {
		if (e->code == SYN_REPORT)
			end_packet(in);
		else if (e->code == SYN_MT_REPORT)
			pass(in, EV_SYN, SYN_MT_REPORT, 0);
		return;
	}
	if (e->type >= sizeof(caps) / sizeof(caps[0]) || !caps[e->type] || e->code >= code_max(e->type) || !bit(caps[e->type], e->code))
		return;
	switch (e->type) {
	case EV_KEY:
		key(in, e->code, e->value);
		return;
	case EV_REL:
		if (e->value)
			pass(in, EV_REL, e->code, e->value);
		return;
	case EV_ABS:
		if (e->code < ABS_MT_SLOT) {
			if (in->d.absinfo[e->code].value == e->value)
				return;
			in->d.absinfo[e->code].value = e->value;
		}
		pass(in, EV_ABS, e->code, e->value);
		return;
	case EV_SW:
		if (bit(in->sws, e->code) == !!e->value)
			return;
		set_bit(in->sws, e->code, e->value);
		break;
	case EV_LED:
		if (bit(in->leds, e->code) == !!e->value)
			return;
		set_bit(in->leds, e->code, e->value);
		state_input(in);
		break;
	}
	pass(in, e->type, e->code, e->value);
}

void input_feed(struct input *in, const struct inputp_event *e, u32 n)
{
	for (u32 i = 0; i < n; i++)
		one(in, &e[i]);
}

static void to_driver(struct input *in, const struct inputp_event *e)
{
	struct weft_iov iov = {PTR(e), sizeof(*e)};
	struct weft_msg m = {.iov = PTR(&iov), .niov = 1, .dest = -1};
	if (in->channel >= 0)
		weft_chan_send((u64)in->channel, PTR(&m), WEFT_CHAN_NONBLOCK);
}

void input_inject(struct input *in, const struct inputp_event *e)
{
	if (e->type == EV_LED && e->code < LED_CNT && bit(in->d.led, e->code)) {
		if (bit(in->leds, e->code) != !!e->value)
			to_driver(in, e);
		one(in, e);
	} else if (e->type == EV_SND && e->code < SND_CNT && bit(in->d.snd, e->code)) {
		set_bit(in->snds, e->code, e->value);
		to_driver(in, e);
	} else if (e->type == EV_REP && e->code <= REP_MAX && e->value >= 0) {
		*(e->code == REP_DELAY ? &in->repeat_delay : &in->repeat_period) = (u32)e->value;
	} else if (e->type == EV_SYN || e->type == EV_KEY || e->type == EV_REL || e->type == EV_ABS) {
		one(in, e);
	}
}

void input_driver_gone(struct input *in)
{
	bool released = false;
	loop_remove(vfs_loop(&tree), &in->source);
	weft_fd_close((u64)in->channel);
	in->channel = -1;
	for (u32 k = 0; k < INPUTP_KEYS; k++)
		if (bit(in->keys, k)) {
			key(in, k, 0);
			released = true;
		}
	if (released)
		end_packet(in);
}
