/* SPDX-License-Identifier: MIT */
/*
 * Decoders of what keyboards and mice send over PS/2, free of any hardware. A keyboard speaks set 2, which the controller
 * translates to set 1; a mouse sends packets of three bytes, or four with a wheel (IntelliMouse).
 */
#ifndef PS2_PS2_H
#define PS2_PS2_H

#include <weft/types.h>

struct ps2_keyboard {
	u8 prefix; /* 0xe0 or 0xe1, 0: none */
	u8 skip;   /* bytes of Pause that follow */
};

struct ps2_key {
	u16 code;  /* KEY_*, 0: nothing known */
	u16 scan;  /* for MSC_SCAN */
	bool down;
};

/** One byte. -> true when *out is a key's change. */
bool ps2_keyboard_byte(struct ps2_keyboard *k, u8 byte, struct ps2_key *out);
/** Sets the bit of each key that the decoder can give. */
void ps2_keyboard_keys(u8 *set);

enum { PS2_MOUSE = 0, PS2_WHEEL = 3, PS2_EXPLORER = 4 }; /* as a mouse answers to "get id" */

struct ps2_mouse {
	u8 id;
	u8 n;
	u8 packet[4];
	i64 last_ns;
};

struct ps2_motion {
	i32 dx, dy, wheel, hwheel; /* dy and wheel grow downwards and away, as REL_Y and REL_WHEEL */
	u8 buttons;		   /* 1 left, 2 right, 4 middle, 8 side, 16 extra */
};

/** One byte, with the time it came at. -> true when *out is a whole packet. */
bool ps2_mouse_byte(struct ps2_mouse *m, u8 byte, i64 now_ns, struct ps2_motion *out);

#endif
