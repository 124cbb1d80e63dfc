/* SPDX-License-Identifier: MIT */
/* EVIOC* of linux/input.h. Those whose number carries a length give at most so many bytes and answer with how many. */
#include "inputd.h"

#include <stdlib.h>
#include <time.h>

static i64 give(struct fsreq *r, const void *p, u64 n, u64 room)
{
	u64 len = n < room ? n : room;
	i64 e = len ? fsreq_out(r, 0, 0, p, len) : 0;
	return e ? e : (i64)len;
}

static i64 give_string(struct fsreq *r, const char *s, u64 room)
{
	return s[0] ? give(r, s, strlen(s) + 1, room) : -ENOENT;
}

static i64 get_bits(struct fsreq *r, struct input *in, u32 type, u64 room)
{
	static const u8 none[16];
	switch (type) {
	case 0: {
		u8 ev[4];
		memcpy(ev, in->d.ev, 4);
		return give(r, ev, 4, room);
	}
	case EV_KEY: return give(r, in->d.key, sizeof(in->d.key), room);
	case EV_REL: {
		u8 v[8] = {in->d.rel[0], in->d.rel[1]};
		return give(r, v, 8, room);
	}
	case EV_ABS: return give(r, in->d.abs, 8, room);
	case EV_MSC: {
		u8 v[8] = {in->d.msc[0]};
		return give(r, v, 8, room);
	}
	case EV_LED: {
		u8 v[8] = {in->d.led[0], in->d.led[1]};
		return give(r, v, 8, room);
	}
	case EV_SND: {
		u8 v[8] = {in->d.snd[0]};
		return give(r, v, 8, room);
	}
	case EV_SW: {
		u8 v[8] = {in->d.sw[0], in->d.sw[1], in->d.sw[2]};
		return give(r, v, 8, room);
	}
	case EV_FF: return give(r, none, 16, room);
	}
	return -EINVAL;
}

static i64 state(struct fsreq *r, struct client *c, u32 type, const u8 *set, u32 bytes, u64 room)
{
	u8 padded[INPUTP_KEYS / 8] = {0};
	memcpy(padded, set, bytes);
	client_flush_type(c, type);
	return give(r, padded, bytes < 8 ? 8 : bytes, room);
}

static i64 get_abs(struct fsreq *r, struct input *in, u32 axis, u64 room)
{
	if (axis >= ABS_CNT || !bit(in->d.abs, axis))
		return -EINVAL;
	const struct inputp_abs *a = &in->d.absinfo[axis];
	struct input_absinfo out = {.value = a->value, .minimum = a->min, .maximum = a->max, .fuzz = a->fuzz, .flat = a->flat,
		.resolution = a->resolution};
	i64 e = fsreq_out(r, 0, 0, &out, room < sizeof(out) ? room : sizeof(out));
	return e;
}

static i64 set_abs(struct fsreq *r, struct input *in, u32 axis, u64 size)
{
	struct input_absinfo a = {0};
	if (axis >= ABS_CNT || !bit(in->d.abs, axis) || axis == ABS_MT_SLOT)
		return -EINVAL;
	i64 e = fsreq_in(r, 0, 0, &a, size < sizeof(a) ? size : sizeof(a));
	if (!e)
		in->d.absinfo[axis] = (struct inputp_abs){a.value, a.minimum, a.maximum, a.fuzz, a.flat, a.resolution};
	return e;
}

static i64 repeat(struct fsreq *r, struct input *in, bool set)
{
	u32 v[2] = {in->repeat_delay, in->repeat_period};
	if (!bit(in->d.ev, EV_REP))
		return -ENOSYS;
	i64 e = set ? fsreq_in(r, 0, 0, v, sizeof(v)) : fsreq_out(r, 0, 0, v, sizeof(v));
	if (!e && set) {
		in->repeat_delay = v[0];
		in->repeat_period = v[1];
	}
	return e;
}

static i64 grab(struct client *c, bool on)
{
	struct input *in = c->in;
	if (on) {
		if (in->grab)
			return -EBUSY;
		in->grab = c;
		return 0;
	}
	if (in->grab != c)
		return -EINVAL;
	in->grab = NULL;
	return 0;
}

static i64 set_clock(struct fsreq *r, struct client *c)
{
	int clk;
	i64 e = fsreq_in(r, 0, 0, &clk, sizeof(clk));
	if (e)
		return e;
	if (clk != CLOCK_REALTIME && clk != CLOCK_MONOTONIC && clk != CLOCK_BOOTTIME)
		return -EINVAL;
	if (c->clock != clk) {
		c->clock = clk;
		c->head = c->packet = c->tail; /* old time stamps are of the other clock */
	}
	return 0;
}

static i64 mask(struct fsreq *r, struct client *c, bool set)
{
	struct input_mask m;
	i64 e = fsreq_in(r, 0, 0, &m, sizeof(m));
	u32 n = e ? 0 : code_max(m.type), bytes = (n + 7) / 8;
	if (e)
		return e;
	if (!n)
		return 0;
	u8 bits[INPUTP_KEYS / 8];
	u32 len = m.codes_size < bytes ? m.codes_size : bytes;
	if (set) {
		memset(bits, 0, sizeof(bits));
		e = len ? fsreq_in(r, 1, 0, bits, len) : 0;
		u8 *copy = e ? NULL : malloc(bytes);
		if (!copy)
			return e ? e : -ENOMEM;
		memcpy(copy, bits, bytes);
		free(c->masks[m.type]);
		c->masks[m.type] = copy;
		return 0;
	}
	memset(bits, 0xff, sizeof(bits));
	if (c->masks[m.type])
		memcpy(bits, c->masks[m.type], bytes);
	return len ? fsreq_out(r, 1, 0, bits, len) : 0;
}

static i64 serve(struct fsreq *r)
{
	struct client *c = client_of(r);
	struct input *in = c->in;
	u32 cmd = (u32)r->sqe->args[0], nr = cmd & 0xff;
	u64 size = cmd >> 16 & 0x3fff;
	bool out = cmd >> 31;
	int version = EV_VERSION;
	if (c->revoked)
		return -ENODEV;
	if ((cmd >> 8 & 0xff) != 'E')
		return -ENOTTY;
	switch (cmd) {
	case EVIOCGVERSION: return fsreq_out(r, 0, 0, &version, sizeof(version));
	case EVIOCGID: {
		struct input_id id = {in->d.bus, in->d.vendor, in->d.product, in->d.version};
		return fsreq_out(r, 0, 0, &id, sizeof(id));
	}
	case EVIOCGREP: return repeat(r, in, false);
	case EVIOCSREP: return repeat(r, in, true);
	case EVIOCGRAB: return grab(c, r->sqe->args[1]);
	case EVIOCREVOKE:
		if (r->sqe->args[1])
			return -EINVAL;
		c->revoked = true;
		if (in->grab == c)
			in->grab = NULL;
		vfs_ready(&tree, c->h, WEFT_POLLHUP | WEFT_POLLERR, true);
		return 0;
	case EVIOCSCLOCKID: return set_clock(r, c);
	case EVIOCGMASK: return mask(r, c, false);
	case EVIOCSMASK: return mask(r, c, true);
	}
	if (!out)
		return nr >= 0xc0 ? set_abs(r, in, nr - 0xc0, size) : -EINVAL;
	switch (nr) {
	case 0x06: return give_string(r, in->d.name, size);
	case 0x07: return give_string(r, in->d.phys, size);
	case 0x08: return give_string(r, in->d.uniq, size);
	case 0x09: {
		u8 props[8] = {in->d.props[0], in->d.props[1], in->d.props[2], in->d.props[3]};
		return give(r, props, 8, size);
	}
	case 0x18: return state(r, c, EV_KEY, in->keys, sizeof(in->keys), size);
	case 0x19: return state(r, c, EV_LED, in->leds, sizeof(in->leds), size);
	case 0x1a: return state(r, c, EV_SND, in->snds, sizeof(in->snds), size);
	case 0x1b: return state(r, c, EV_SW, in->sws, sizeof(in->sws), size);
	}
	if (nr >= 0x20 && nr < 0x40)
		return get_bits(r, in, nr - 0x20, size);
	if (nr >= 0x40 && nr < 0x80)
		return get_abs(r, in, nr - 0x40, size);
	return -EINVAL;
}

i64 input_ioctl(struct fsreq *r)
{
	i64 result = serve(r);
	/* What is set by _IOW has changed something of the file or of the device. */
	if (result >= 0 && (r->sqe->args[0] >> 30 & 3) == 1) {
		state_client(client_of(r));
		state_input(client_of(r)->in);
	}
	return result;
}
