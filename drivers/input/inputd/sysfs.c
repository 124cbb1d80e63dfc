/* SPDX-License-Identifier: MIT */
/* What libudev and libinput read of an input device. The ID_INPUT_* words follow from its capabilities as udev's input_id makes them. */
#include "inputd.h"

#include <native/devproto.h>
#include <native/start.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#define FILE_MODE (S_IFREG | 0444)
#define LINK_MODE (S_IFLNK | 0777)

static void put(const char *path, u32 mode, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void put(const char *path, u32 mode, const char *fmt, ...)
{
	char text[2048];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	struct weft_buf bufs[2] = {{PTR(path), (u32)strlen(path), WEFT_BUF_IN}, {PTR(text), (u32)n, WEFT_BUF_IN}};
	struct weft_req r = {.op = DEVP_PUT, .args = {mode, 0, 0, 0}, .nbufs = 2, .bufs = PTR(bufs)};
	weft_fd_call((u64)native_fd("open:dev"), PTR(&r));
}

static void hex_words(char *out, u64 size, const u8 *set, u32 bytes)
{
	int at = 0;
	bool started = false;
	for (int w = (int)((bytes + 7) / 8) - 1; w >= 0; w--) {
		u64 v = 0;
		for (u32 k = 0; k < 8 && (u32)w * 8 + k < bytes; k++)
			v |= (u64)set[(u32)w * 8 + k] << 8 * k;
		if (!v && !started && w)
			continue;
		at += snprintf(out + at, size - (u64)at, started ? " %llx" : "%llx", (unsigned long long)v);
		started = true;
	}
}

static u32 classify(const struct input *in, char *text, u64 size)
{
	const struct inputp_device *d = &in->d;
	bool keyboard = bit(d->ev, EV_KEY) && bit(d->key, KEY_Q) && bit(d->key, KEY_SPACE);
	bool keys = false;
	for (u32 k = 1; k < BTN_MISC; k++)
		keys |= bit(d->key, k);
	bool abs_xy = bit(d->abs, ABS_X) && bit(d->abs, ABS_Y), rel_xy = bit(d->rel, REL_X) && bit(d->rel, REL_Y);
	bool buttons = bit(d->key, BTN_LEFT), stylus = bit(d->key, BTN_STYLUS) || bit(d->key, BTN_TOOL_PEN), touch = bit(d->key, BTN_TOUCH);
	bool finger = bit(d->key, BTN_TOOL_FINGER) && !bit(d->key, BTN_TOOL_PEN);
	bool mouse = (rel_xy || (abs_xy && !stylus && !touch)) && buttons;
	return (u32)snprintf(text, size, "E:ID_INPUT=1\n%s%s%s%s%s%s", keys ? "E:ID_INPUT_KEY=1\n" : "", keyboard ? "E:ID_INPUT_KEYBOARD=1\n" : "",
		mouse ? "E:ID_INPUT_MOUSE=1\n" : "", abs_xy && stylus ? "E:ID_INPUT_TABLET=1\n" : "",
		abs_xy && touch && finger ? "E:ID_INPUT_TOUCHPAD=1\n" : "", abs_xy && touch && !finger && !stylus ? "E:ID_INPUT_TOUCHSCREEN=1\n" : "");
}

static void event(const struct input *in, const char *dir)
{
	char msg[512];
	int n = snprintf(msg, sizeof(msg), "add@/%s/event%u", dir, in->number) + 1;
	n += snprintf(msg + n, sizeof(msg) - (u32)n, "ACTION=add") + 1;
	n += snprintf(msg + n, sizeof(msg) - (u32)n, "DEVPATH=/%s/event%u", dir, in->number) + 1;
	n += snprintf(msg + n, sizeof(msg) - (u32)n, "SUBSYSTEM=input") + 1;
	n += snprintf(msg + n, sizeof(msg) - (u32)n, "MAJOR=13") + 1;
	n += snprintf(msg + n, sizeof(msg) - (u32)n, "MINOR=%u", 64 + in->number) + 1;
	n += snprintf(msg + n, sizeof(msg) - (u32)n, "DEVNAME=input/event%u", in->number) + 1;
	struct weft_buf buf = {PTR(msg), (u32)n, WEFT_BUF_IN};
	struct weft_req r = {.op = DEVP_EVENT, .args = {1}, .nbufs = 1, .bufs = PTR(&buf)};
	weft_fd_call((u64)native_fd("open:dev"), PTR(&r));
}

void sysfs_add(struct input *in)
{
	const struct inputp_device *d = &in->d;
	char dir[128], path[256], text[512], key[256], abs[64];
	u32 n = in->number;
	snprintf(dir, sizeof(dir), "%.63s/input/input%u", d->parent[0] ? d->parent : "devices/virtual", n);
	hex_words(key, sizeof(key), d->key, sizeof(d->key));
	hex_words(abs, sizeof(abs), d->abs, sizeof(d->abs));
	snprintf(path, sizeof(path), "sys/%s/uevent", dir);
	put(path, FILE_MODE, "PRODUCT=%x/%x/%x/%x\nNAME=\"%s\"\nPHYS=\"%s\"\nPROP=%x\nEV=%x\nKEY=%s\nABS=%s\n", d->bus, d->vendor, d->product, d->version,
		d->name, d->phys, d->props[0], d->ev[0] | d->ev[1] << 8 | d->ev[2] << 16, key, abs);
	snprintf(path, sizeof(path), "sys/%s/name", dir);
	put(path, FILE_MODE, "%s\n", d->name);
	snprintf(path, sizeof(path), "sys/%s/id/bustype", dir);
	put(path, FILE_MODE, "%04x\n", d->bus);
	snprintf(path, sizeof(path), "sys/%s/id/vendor", dir);
	put(path, FILE_MODE, "%04x\n", d->vendor);
	snprintf(path, sizeof(path), "sys/%s/id/product", dir);
	put(path, FILE_MODE, "%04x\n", d->product);
	snprintf(path, sizeof(path), "sys/%s/capabilities/key", dir);
	put(path, FILE_MODE, "%s\n", key);
	snprintf(path, sizeof(path), "sys/%s/subsystem", dir);
	put(path, LINK_MODE, "/sys/class/input");
	snprintf(path, sizeof(path), "sys/%s/event%u/uevent", dir, n);
	put(path, FILE_MODE, "MAJOR=13\nMINOR=%u\nDEVNAME=input/event%u\n", 64 + n, n);
	snprintf(path, sizeof(path), "sys/%s/event%u/dev", dir, n);
	put(path, FILE_MODE, "13:%u\n", 64 + n);
	snprintf(path, sizeof(path), "sys/%s/event%u/subsystem", dir, n);
	put(path, LINK_MODE, "/sys/class/input");
	snprintf(path, sizeof(path), "sys/%s/event%u/device", dir, n);
	put(path, LINK_MODE, "../../input%u", n);
	snprintf(path, sizeof(path), "sys/class/input/event%u", n);
	put(path, LINK_MODE, "../../%s/event%u", dir, n);
	snprintf(path, sizeof(path), "sys/class/input/input%u", n);
	put(path, LINK_MODE, "../../%s", dir);
	snprintf(path, sizeof(path), "sys/dev/char/13:%u", 64 + n);
	put(path, LINK_MODE, "../../%s/event%u", dir, n);
	classify(in, text, sizeof(text));
	snprintf(path, sizeof(path), "udev/data/c13:%u", 64 + n);
	put(path, S_IFREG | 0644, "I:1\n%sE:ID_SERIAL=noserial\nG:seat\nQ:seat\nV:1\n", text);
	snprintf(path, sizeof(path), "udev/data/+input:input%u", n);
	put(path, S_IFREG | 0644, "I:1\n%sG:seat\nQ:seat\nV:1\n", text);
	event(in, dir);
}
