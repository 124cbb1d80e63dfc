/* SPDX-License-Identifier: MIT */
#include "ps2.h"

#include <linux/input-event-codes.h>

#define STALE_NS 500000000l /* bytes of one packet come closer together than this */

/* Set 1, plain: up to 0x53 Linux's codes are these numbers. */
static const u8 plain[0x80] = {
	[0x54] = KEY_SYSRQ, [0x56] = KEY_102ND, [0x57] = KEY_F11, [0x58] = KEY_F12,
	[0x59] = KEY_KPEQUAL, [0x64] = KEY_F13, [0x65] = KEY_F14, [0x66] = KEY_F15, [0x67] = KEY_F16,
	[0x68] = KEY_F17, [0x69] = KEY_F18, [0x6a] = KEY_F19, [0x6b] = KEY_F20, [0x6c] = KEY_F21,
	[0x6d] = KEY_F22, [0x6e] = KEY_F23, [0x70] = KEY_KATAKANAHIRAGANA, [0x73] = KEY_RO,
	[0x76] = KEY_F24, [0x79] = KEY_HENKAN, [0x7b] = KEY_MUHENKAN, [0x7d] = KEY_YEN,
	[0x7e] = KEY_KPCOMMA,
};

/* Behind 0xe0. What is 0 is a shift that the keyboard makes up around such keys. */
static const u8 extended[0x80] = {
	[0x10] = KEY_PREVIOUSSONG, [0x19] = KEY_NEXTSONG, [0x1c] = KEY_KPENTER,
	[0x1d] = KEY_RIGHTCTRL, [0x20] = KEY_MUTE, [0x21] = KEY_CALC, [0x22] = KEY_PLAYPAUSE,
	[0x24] = KEY_STOPCD, [0x2e] = KEY_VOLUMEDOWN, [0x30] = KEY_VOLUMEUP, [0x32] = KEY_HOMEPAGE,
	[0x35] = KEY_KPSLASH, [0x37] = KEY_SYSRQ, [0x38] = KEY_RIGHTALT, [0x46] = KEY_PAUSE,
	[0x47] = KEY_HOME, [0x48] = KEY_UP, [0x49] = KEY_PAGEUP, [0x4b] = KEY_LEFT,
	[0x4d] = KEY_RIGHT, [0x4f] = KEY_END, [0x50] = KEY_DOWN, [0x51] = KEY_PAGEDOWN,
	[0x52] = KEY_INSERT, [0x53] = KEY_DELETE, [0x5b] = KEY_LEFTMETA, [0x5c] = KEY_RIGHTMETA,
	[0x5d] = KEY_COMPOSE, [0x5e] = KEY_POWER, [0x5f] = KEY_SLEEP, [0x63] = KEY_WAKEUP,
	[0x65] = KEY_SEARCH, [0x66] = KEY_BOOKMARKS, [0x67] = KEY_REFRESH, [0x68] = KEY_STOP,
	[0x69] = KEY_FORWARD, [0x6a] = KEY_BACK, [0x6b] = KEY_COMPUTER, [0x6c] = KEY_MAIL,
	[0x6d] = KEY_MEDIA,
};

static u16 plain_code(u8 scan)
{
	if (scan <= 0x53)
		return scan;
	return scan < sizeof(plain) ? plain[scan] : 0;
}

void ps2_keyboard_keys(u8 *set)
{
	for (u32 i = 0; i < 0x80; i++) {
		u16 codes[2] = {plain_code((u8)i), extended[i]};

		for (u32 k = 0; k < 2; k++)
			if (codes[k])
				set[codes[k] / 8] |= (u8)(1u << codes[k] % 8);
	}
}

bool ps2_keyboard_byte(struct ps2_keyboard *k, u8 byte, struct ps2_key *out)
{
	u8 scan = byte & 0x7f;

	if (byte == 0xe0 || byte == 0xe1) {
		k->prefix = byte;
		k->skip = byte == 0xe1 ? 1 : 0;
		return false;
	}
	/* Pause is e1 1d 45: what looks like Control belongs to it. */
	if (k->prefix == 0xe1 && k->skip) {
		k->skip--;
		return false;
	}
	u16 code = k->prefix == 0xe1 ? (scan == 0x45 ? KEY_PAUSE : 0) :
		   k->prefix	     ? extended[scan] :
				       plain_code(scan);

	*out = (struct ps2_key){.code = code, .scan = k->prefix ? (u16)(0x80 | scan) : scan,
		.down = !(byte & 0x80)};
	k->prefix = 0;
	return code != 0;
}

static i32 nibble(u8 v)
{
	return (i32)(v & 7) - (i32)(v & 8);
}

bool ps2_mouse_byte(struct ps2_mouse *m, u8 byte, i64 now_ns, struct ps2_motion *out)
{
	if (m->n && now_ns - m->last_ns > STALE_NS)
		m->n = 0;
	m->last_ns = now_ns;
	/* Bit 3 of the first byte is always set: without it we are out of step. */
	if (m->n == 0 && !(byte & 8))
		return false;
	m->packet[m->n++] = byte;
	if (m->n < (m->id ? 4 : 3))
		return false;
	m->n = 0;
	const u8 *p = m->packet;

	*out = (struct ps2_motion){.buttons = p[0] & 7};
	if (!(p[0] & 0x40))
		out->dx = (i32)p[1] - (p[0] & 0x10 ? 256 : 0);
	if (!(p[0] & 0x80))
		out->dy = -((i32)p[2] - (p[0] & 0x20 ? 256 : 0));
	if (m->id == PS2_WHEEL)
		out->wheel = -(i32)(i8)p[3];
	if (m->id != PS2_EXPLORER)
		return true;
	switch (p[3] & 0xc0) {
	case 0x80: /* scrolling only, as A4Tech's do it */
		out->wheel = (i32)(p[3] & 0x20) - (i32)(p[3] & 0x1f);
		break;
	case 0x40:
		out->hwheel = (i32)(p[3] & 0x20) - (i32)(p[3] & 0x1f);
		break;
	default:
		out->wheel = -nibble(p[3]);
		out->buttons |= (u8)((p[3] & 0x30) >> 1);
	}
	return true;
}
