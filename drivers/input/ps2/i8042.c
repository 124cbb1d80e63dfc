/* SPDX-License-Identifier: MIT */
#include "i8042.h"

#include <native/call.h>
#include <native/io.h>
#include <native/time.h>

#define DATA   0x60
#define STATUS 0x64 /* read; commands are written there */

#define STATUS_FULL  0x01 /* a byte for us */
#define STATUS_BUSY  0x02 /* it has not taken ours yet */
#define STATUS_AUX   0x20
#define STATUS_ABSENT 0xff

#define CONFIG_KEYBOARD_IRQ 0x01
#define CONFIG_AUX_IRQ	    0x02
#define CONFIG_KEYBOARD_OFF 0x10
#define CONFIG_AUX_OFF	    0x20
#define CONFIG_TRANSLATE    0x40

#define READY_NS  (50 * NSEC_PER_MSEC)
#define ANSWER_NS (500 * NSEC_PER_MSEC)
#define PAUSE_NS  (100000l)

#define ACK    0xfa
#define RESEND 0xfe

static int wait_ready(void)
{
	i64 until = time_monotonic() + READY_NS;

	while (port_in8(STATUS) & STATUS_BUSY) {
		if (time_monotonic() > until)
			return -ETIMEDOUT;
		weft_sleep(WEFT_CLOCK_MONOTONIC, (u64)(time_monotonic() + PAUSE_NS));
	}
	return 0;
}

static int control(u8 command)
{
	int e = wait_ready();

	if (!e)
		port_out8(STATUS, command);
	return e;
}

static int control_data(u8 command, u8 data)
{
	int e = control(command);

	if (!e)
		e = wait_ready();
	if (!e)
		port_out8(DATA, data);
	return e;
}

bool i8042_poll(u8 *byte, bool *aux)
{
	u8 status = port_in8(STATUS);

	if (!(status & STATUS_FULL) || status == STATUS_ABSENT)
		return false;
	*aux = status & STATUS_AUX;
	*byte = port_in8(DATA);
	return true;
}

static int read_from(int channel, u8 *byte, i64 limit)
{
	i64 until = time_monotonic() + limit;
	bool aux;

	for (;;) {
		if (i8042_poll(byte, &aux) && (channel < 0 || aux == channel))
			return 0;
		if (time_monotonic() > until)
			return -ETIMEDOUT;
		weft_sleep(WEFT_CLOCK_MONOTONIC, (u64)(time_monotonic() + PAUSE_NS));
	}
}

static int control_read(u8 command, u8 *answer)
{
	int e = control(command);

	return e ? e : read_from(-1, answer, ANSWER_NS);
}

void i8042_flush(void)
{
	u8 byte;
	bool aux;

	for (u32 i = 0; i < 64 && i8042_poll(&byte, &aux); i++)
		;
}

int i8042_send(bool aux, u8 byte)
{
	if (aux)
		return control_data(0xd4, byte);
	int e = wait_ready();

	if (!e)
		port_out8(DATA, byte);
	return e;
}

int i8042_command(bool aux, u8 byte, u8 *answer, u32 n)
{
	u8 got = 0;
	int e = -EIO;

	for (u32 tries = 0; tries < 3; tries++) {
		e = i8042_send(aux, byte);
		if (!e)
			e = read_from(aux, &got, ANSWER_NS);
		if (e || got != RESEND)
			break;
	}
	if (!e && got != ACK)
		e = -EIO;
	for (u32 i = 0; i < n && !e; i++)
		e = read_from(aux, &answer[i], ANSWER_NS);
	return e;
}

int i8042_start(bool *aux)
{
	u8 config, answer;

	if (port_in8(STATUS) == STATUS_ABSENT)
		return -ENODEV;
	control(0xad); /* both channels off, so that nothing comes between */
	control(0xa7);
	i8042_flush();
	if (control_read(0x20, &config))
		return -ENODEV;
	if (control_read(0xaa, &answer) || answer != 0x55)
		return -ENODEV;
	/* The second channel is there if it can be switched on. */
	control(0xa8);
	*aux = control_read(0x20, &answer) == 0 && !(answer & CONFIG_AUX_OFF);
	config &= (u8) ~(CONFIG_KEYBOARD_OFF | CONFIG_AUX_OFF);
	config |= CONFIG_KEYBOARD_IRQ | CONFIG_TRANSLATE;
	if (*aux)
		config |= CONFIG_AUX_IRQ;
	int e = control_data(0x60, config);

	if (!e)
		e = control(0xae);
	i8042_flush();
	return e;
}
