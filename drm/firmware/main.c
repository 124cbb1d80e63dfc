/* SPDX-License-Identifier: MIT */
/*
 * A back end of drm/core (native/gpuproto.h) on the linear frame buffer that the firmware left (VBE, GOP), for any display device that has no driver of
 * its own. One output of one size. The buffers that the core shows are mapped here and copied to video memory where they have changed; so the
 * cursor is drawn on the way, and video memory, which is slow to read, is only written.
 */
#include "blit.h"
#include "firmware.h"
#include <driver/enrol.h>
#include <native/call.h>
#include <native/loop.h>
#include <native/start.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BUFFERS 64
#define CURSOR 64

struct buffer {
	u32 id;
	struct image image;
	void *map;
	u64 len;
};

static struct pci_device dev;
static struct gpup_hello hello;
static struct screen screen;
static struct buffer buffers[MAX_BUFFERS];
static struct buffer *shown; /* NULL: dark */
static u32 from_x, from_y; /* what part of it */
static struct buffer *pointer;
static struct cursor cursor;
static struct loop loop;
static i32 channel;

static void fatal(const char *what, int e)
{
	native_log("firmware: %s: %d", what, -e);
	weft_proc_exit(1 << 8);
}

static struct buffer *find(u32 id)
{
	for (u32 i = 0; id && i < MAX_BUFFERS; i++)
		if (buffers[i].id == id)
			return &buffers[i];
	return NULL;
}

static void tell(u32 command, u32 seq, u32 a0)
{
	struct gpup_msg m = {.command = command, .seq = seq, .a = {a0}};
	struct weft_iov iov = {PTR(&m), sizeof(m)};
	struct weft_msg msg = {.iov = PTR(&iov), .niov = 1, .dest = -1};
	weft_chan_send((u64)channel, PTR(&msg), 0);
}

/* a: id, width, height, pitch, fourcc, offset */
static void make_buffer(const struct gpup_msg *m, i32 mem)
{
	struct buffer *b = NULL;
	for (u32 i = 0; i < MAX_BUFFERS && !b; i++)
		if (!buffers[i].id)
			b = &buffers[i];
	u64 len = ((u64)m->a[5] + (u64)m->a[3] * m->a[2] + WEFT_PAGE_SIZE - 1) & ~(WEFT_PAGE_SIZE - 1);
	i64 map = -ENOMEM;
	if (b && mem >= 0)
		map = weft_mem_map((u64)-1, 0, len, WEFT_PROT_READ | WEFT_MAP_SHARED, (u64)mem, 0);
	if (mem >= 0)
		weft_fd_close((u64)mem);
	if (map < 0) {
		native_log("firmware: a buffer of %ux%u: %d", m->a[1], m->a[2], (int)-map);
		return;
	}
	*b = (struct buffer){.id = m->a[0], .image = {(const u8 *)map + m->a[5], m->a[1], m->a[2], m->a[3]}, .map = (void *)map, .len = len};
}

static void draw(u32 x, u32 y, u32 w, u32 h)
{
	if (shown)
		screen_draw(&screen, &shown->image, from_x, from_y, &cursor, x, y, w, h);
}

static void draw_all(void)
{
	if (shown)
		draw(0, 0, screen.fb.width, screen.fb.height);
	else
		screen_clear(&screen);
}

/* Draws anew where a cursor's image is, or was. */
static void draw_under(const struct cursor *c)
{
	u32 x = c->x > 0 ? (u32)c->x : 0, y = c->y > 0 ? (u32)c->y : 0;
	i64 right = (i64)c->x + c->image.width, bottom = (i64)c->y + c->image.height;
	if (c->image.pixels && right > x && bottom > y)
		draw(x, y, (u32)(right - x), (u32)(bottom - y));
}

static void set_cursor(struct buffer *b, i32 x, i32 y)
{
	struct cursor old = cursor;
	pointer = b;
	cursor = (struct cursor){.x = x, .y = y};
	if (b)
		cursor.image = b->image;
	draw_under(&old);
	draw_under(&cursor);
}

static void forget_buffer(u32 id)
{
	struct buffer *b = find(id);
	if (!b)
		return;
	if (b == pointer)
		set_cursor(NULL, 0, 0);
	if (b == shown) {
		shown = NULL;
		draw_all();
	}
	weft_mem_unmap((u64)-1, PTR(b->map), b->len);
	memset(b, 0, sizeof(*b));
	tell(GPUP_FORGOTTEN, 0, id);
}

static void on_core(struct loop_source *src, u32 ready)
{
	(void)src;
	for (;;) {
		struct gpup_msg m;
		i32 fd = -1;
		struct weft_iov iov = {PTR(&m), sizeof(m)};
		struct weft_msg msg = {.iov = PTR(&iov), .niov = 1, .fds = PTR(&fd), .nfds = 1, .dest = -1};
		i64 n = weft_chan_recv((u64)channel, PTR(&msg), WEFT_CHAN_NONBLOCK | WEFT_CHAN_PRIVATE | WEFT_CHAN_CLOEXEC);
		if (n == -EAGAIN)
			break;
		if (n != sizeof(m))
			fatal("the core is gone", n < 0 ? (int)n : -EPIPE);
		switch (m.command) {
		case GPUP_BUFFER:
			make_buffer(&m, msg.nfds ? fd : -1);
			break;
		case GPUP_FORGET:
			forget_buffer(m.a[0]);
			break;
		case GPUP_SCANOUT:
			shown = find(m.a[1]);
			from_x = m.a[2];
			from_y = m.a[3];
			draw_all();
			break;
		case GPUP_FLUSH:
			if (shown && shown->id == m.a[1]) { /* in the buffer; drawn where that is on the screen */
				u32 x = m.a[2] > from_x ? m.a[2] - from_x : 0, y = m.a[3] > from_y ? m.a[3] - from_y : 0;
				draw(x, y, m.a[4], m.a[5]);
			}
			tell(GPUP_DONE, m.seq, 0);
			break;
		case GPUP_CURSOR: /* its position is that of the image, not of its hot spot */
			set_cursor(find(m.a[1]), (i32)m.a[4], (i32)m.a[5]);
			break;
		case GPUP_MOVE:
			set_cursor(pointer, (i32)m.a[1], (i32)m.a[2]);
			break;
		}
	}
	if (ready & WEFT_POLLHUP)
		fatal("the core hung up", -EPIPE);
}

/* Maps the frame buffer, which lies in one of the device's BARs. */
static int map_screen(const struct weft_fb *fb)
{
	u64 len = (u64)fb->pitch * fb->height;
	for (u32 i = 0; i < 6; i++) {
		const struct pcip_bar *b = &dev.info.bar[i];
		volatile void *base;
		if (b->flags & PCIP_BAR_IO || fb->phys < b->addr || len > b->len || fb->phys - b->addr > b->len - len)
			continue;
		int e = pci_map_bar(&dev, i, fb->phys - b->addr, len, WEFT_MEM_CACHE_WC, &base);
		if (e)
			return e;
		screen = (struct screen){.base = (u8 *)(unsigned long)base, .fb = *fb};
		return 0;
	}
	return -ENODEV;
}

int main(void)
{
	static struct loop_source core;
	int e = pci_open(&dev);
	if (e)
		fatal("no device", e);
	struct weft_fb fb = dev.info.fb;
	struct gpup_output *o = &hello.output[0];
	e = pci_enable(&dev, 3);
	if (!e && bochs_is(&dev))
		e = bochs_start(&dev, o, &fb);
	if (!e && !fb.width) {
		/* Nothing to show pictures on: sleep for good, so that nobody starts this again and again. */
		native_log("firmware: the firmware has left no frame buffer on %04x:%04x", dev.info.vendor, dev.info.device);
		weft_sleep(WEFT_CLOCK_MONOTONIC, WEFT_FOREVER);
	}
	if (!e && !screen_usable(&fb))
		e = -EINVAL;
	if (!e)
		e = map_screen(&fb);
	if (e)
		fatal("frame buffer", e);
	snprintf(hello.driver, sizeof(hello.driver), "simpledrm");
	hello.noutputs = 1;
	hello.cursor_size = CURSOR;
	hello.flags = GPUP_FIXED_MODE;
	hello.pci_bus = dev.info.bus;
	hello.pci_dev = dev.info.dev;
	hello.pci_fn = dev.info.fn;
	hello.pci_revision = dev.info.revision;
	hello.vendor = dev.info.vendor;
	hello.device = dev.info.device;
	hello.sub_vendor = dev.info.sub_vendor;
	hello.sub_device = dev.info.sub_device;
	hello.class = dev.info.class;
	o->connected = 1;
	o->width = fb.width;
	o->height = fb.height;
	e = loop_init(&loop);
	if (!e)
		e = driver_enrol("open:gpu", GPUP_REGISTER, &hello, sizeof(hello), &channel);
	if (e)
		fatal("registering", e);
	native_log("firmware: %ux%u, %u bits", fb.width, fb.height, fb.bpp);
	core = (struct loop_source){.fn = on_core, .fd = channel, .events = WEFT_POLLIN};
	if (loop_add(&loop, &core))
		fatal("loop", -ENOMEM);
	return loop_run(&loop);
}
