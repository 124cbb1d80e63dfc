/* SPDX-License-Identifier: MIT */
/*
 * PS/2 keyboard and mouse through the i8042, for inputd. It has its two ports and interrupt lines 1 and 12 from its manifest, and
 * nothing else; where there is no such controller it ends well and stays away.
 */
#include "i8042.h"
#include "ps2.h"

#include <driver/enrol.h>
#include <linux/input.h>
#include <native/call.h>
#include <native/io.h>
#include <native/start.h>
#include <native/time.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUS_PS2 0x11 /* BUS_I8042 */

static struct loop loop;
static struct input_link keyboard, mouse;
static struct ps2_keyboard keys;
static struct ps2_mouse packets;
static bool has_keyboard, has_mouse;
static u8 buttons, leds;
static struct loop_source irq1, irq12;

static void set_bit(u8 *set, u32 bit)
{
	set[bit / 8] |= (u8)(1u << bit % 8);
}

static void on_key(u8 byte)
{
	struct ps2_key k;

	if (!ps2_keyboard_byte(&keys, byte, &k))
		return;
	struct inputp_event e[3] = {{EV_MSC, MSC_SCAN, k.scan}, {EV_KEY, k.code, k.down},
		{EV_SYN, SYN_REPORT, 0}};

	input_link_send(&keyboard, e, 3);
}

static void on_motion(u8 byte)
{
	static const u16 codes[] = {BTN_LEFT, BTN_RIGHT, BTN_MIDDLE, BTN_SIDE, BTN_EXTRA};
	struct ps2_motion m;
	struct inputp_event e[12];
	u32 n = 0;

	if (!ps2_mouse_byte(&packets, byte, time_monotonic(), &m))
		return;
	for (u32 i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if ((m.buttons ^ buttons) >> i & 1)
			e[n++] = (struct inputp_event){EV_KEY, codes[i], m.buttons >> i & 1};
	buttons = m.buttons;
	const i32 moves[] = {m.dx, m.dy, m.wheel, m.hwheel};
	static const u16 axes[] = {REL_X, REL_Y, REL_WHEEL, REL_HWHEEL};

	for (u32 i = 0; i < 4; i++)
		if (moves[i])
			e[n++] = (struct inputp_event){EV_REL, axes[i], moves[i]};
	if (!n)
		return;
	e[n++] = (struct inputp_event){EV_SYN, SYN_REPORT, 0};
	input_link_send(&mouse, e, n);
}

static void on_irq(struct loop_source *s, u32 ready)
{
	u8 byte;
	bool aux;

	(void)ready;
	/* Edges: first open the line again, then empty the controller, or one would be lost. */
	irq_ack(s->fd);
	while (i8042_poll(&byte, &aux)) {
		if (aux && has_mouse)
			on_motion(byte);
		else if (!aux && has_keyboard)
			on_key(byte);
	}
}

/* Bytes that come while the keyboard takes the command are keys; a lost one would be a key stuck in its state. */
static bool acknowledged(void)
{
	i64 until = time_monotonic() + 100 * NSEC_PER_MSEC;
	u8 byte;
	bool aux;

	while (time_monotonic() < until) {
		if (!i8042_poll(&byte, &aux)) {
			weft_sleep(WEFT_CLOCK_MONOTONIC, (u64)(time_monotonic() + 100000));
			continue;
		}
		if (aux)
			on_motion(byte);
		else if (byte == 0xfa)
			return true;
		else if (byte == 0xfe)
			return false;
		else
			on_key(byte);
	}
	return false;
}

static void on_led(struct input_link *l, const struct inputp_event *e)
{
	/* In the keyboard's order: scroll, num, caps. */
	static const u8 bits[] = {[LED_NUML] = 2, [LED_CAPSL] = 4, [LED_SCROLLL] = 1};

	(void)l;
	if (e->type != EV_LED || e->code > LED_SCROLLL)
		return;
	leds = (u8)(e->value ? leds | bits[e->code] : leds & ~bits[e->code]);
	if (i8042_send(false, 0xed) == 0 && acknowledged() && i8042_send(false, leds) == 0)
		acknowledged();
}

static void describe(struct input_link *l, const char *name, u32 port, u16 vendor, u16 product,
	u16 version)
{
	snprintf(l->d.name, sizeof(l->d.name), "%s", name);
	snprintf(l->d.phys, sizeof(l->d.phys), "isa0060/serio%u/input0", port);
	snprintf(l->d.parent, sizeof(l->d.parent), "devices/platform/i8042/serio%u", port);
	l->d.bus = BUS_PS2;
	l->d.vendor = vendor;
	l->d.product = product;
	l->d.version = version;
	set_bit(l->d.ev, EV_SYN);
	set_bit(l->d.ev, EV_KEY);
}

/* Set 2, which the controller translates; LEDs off; then keys may come. */
static void start_keyboard(void)
{
	u8 id[2];

	if (i8042_command(false, 0xf5, NULL, 0) || i8042_command(false, 0xf2, id, 1))
		return;
	has_keyboard = true;
	i8042_flush(); /* the second byte of the id */
	if (i8042_command(false, 0xf0, NULL, 0) == 0)
		i8042_command(false, 2, NULL, 0);
	if (i8042_command(false, 0xed, NULL, 0) == 0)
		i8042_command(false, 0, NULL, 0);
	describe(&keyboard, "AT Translated Set 2 keyboard", 0, 1, 1, 0xab41);
	static const u8 kinds[] = {EV_MSC, EV_LED, EV_REP};

	for (u32 i = 0; i < sizeof(kinds); i++)
		set_bit(keyboard.d.ev, kinds[i]);
	set_bit(keyboard.d.msc, MSC_SCAN);
	for (u32 led = LED_NUML; led <= LED_SCROLLL; led++)
		set_bit(keyboard.d.led, led);
	ps2_keyboard_keys(keyboard.d.key);
	keyboard.on_event = on_led;
}

/* The rates that a wheel mouse knows as a knock: then it calls itself by another id. */
static u8 knock(u8 a, u8 b, u8 c)
{
	u8 rates[3] = {a, b, c}, id = 0;

	for (u32 i = 0; i < 3; i++)
		if (i8042_command(true, 0xf3, NULL, 0) || i8042_command(true, rates[i], NULL, 0))
			return 0;
	return i8042_command(true, 0xf2, &id, 1) ? 0 : id;
}

static void start_mouse(void)
{
	static const char *const names[] = {[PS2_MOUSE] = "PS/2 Generic Mouse",
		[PS2_WHEEL] = "ImPS/2 Generic Wheel Mouse",
		[PS2_EXPLORER] = "ImExPS/2 Generic Explorer Mouse"};
	static const u8 products[] = {[PS2_MOUSE] = 1, [PS2_WHEEL] = 5, [PS2_EXPLORER] = 6};
	u8 answer[2];

	if (i8042_command(true, 0xff, answer, 2) || answer[0] != 0xaa)
		return;
	has_mouse = true;
	if (knock(200, 100, 80) == PS2_WHEEL)
		packets.id = knock(200, 200, 80) == PS2_EXPLORER ? PS2_EXPLORER : PS2_WHEEL;
	if (i8042_command(true, 0xf3, NULL, 0) == 0)
		i8042_command(true, 100, NULL, 0);
	describe(&mouse, names[packets.id], 1, 2, products[packets.id], packets.id);
	set_bit(mouse.d.ev, EV_REL);
	for (u32 b = BTN_LEFT; b <= (packets.id == PS2_EXPLORER ? BTN_EXTRA : BTN_MIDDLE); b++)
		set_bit(mouse.d.key, b);
	set_bit(mouse.d.rel, REL_X);
	set_bit(mouse.d.rel, REL_Y);
	if (packets.id)
		set_bit(mouse.d.rel, REL_WHEEL);
	if (packets.id == PS2_EXPLORER)
		set_bit(mouse.d.rel, REL_HWHEEL);
	set_bit(mouse.d.props, INPUT_PROP_POINTER);
}

static int listen(struct loop_source *s, const char *resource, u32 line)
{
	s->fd = irq_open(native_fd(resource), line);
	s->fn = on_irq;
	s->events = WEFT_POLLIN;
	return s->fd < 0 ? s->fd : loop_add(&loop, s);
}

int main(void)
{
	bool aux = false;
	int e = port_grant(native_fd("res:ports"));

	if (!e)
		e = port_grant(native_fd("res:ports.1"));
	if (!e)
		e = i8042_start(&aux);
	if (e == -ENODEV)
		return 0;
	if (!e) {
		start_keyboard();
		if (aux)
			start_mouse();
		e = loop_init(&loop);
	}
	if (!e && has_keyboard)
		e = input_link_open(&keyboard, &loop);
	if (!e && has_mouse)
		e = input_link_open(&mouse, &loop);
	if (!e && has_keyboard)
		e = listen(&irq1, "res:irq", 1);
	if (!e && has_mouse)
		e = listen(&irq12, "res:irq.1", 12);
	if (e) {
		native_log("ps2: error %d", -e);
		return 1;
	}
	if (!has_keyboard && !has_mouse)
		return 0;
	i8042_flush();
	if (has_keyboard)
		i8042_command(false, 0xf4, NULL, 0);
	if (has_mouse)
		i8042_command(true, 0xf4, NULL, 0);
	return loop_run(&loop) < 0;
}
