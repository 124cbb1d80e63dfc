/* SPDX-License-Identifier: MIT */
/* The i8042: two ports, a keyboard and a mouse behind them. Commands wait for their answers here, with an end to every wait. */
#ifndef PS2_I8042_H
#define PS2_I8042_H

#include <weft/types.h>

/** Resets the controller, turns interrupts and translation on. 0; -ENODEV: there is none. *aux: it has a second channel. */
int i8042_start(bool *aux);
/** A byte that is there: true, with where it came from. */
bool i8042_poll(u8 *byte, bool *aux);
/** Sends without waiting for an answer. 0 or -ETIMEDOUT. */
int i8042_send(bool aux, u8 byte);
/** Sends a command byte and waits for its acknowledgement; then reads n answers. 0, -ETIMEDOUT, -EIO (refused). */
int i8042_command(bool aux, u8 byte, u8 *answer, u32 n);
void i8042_flush(void);

#endif
