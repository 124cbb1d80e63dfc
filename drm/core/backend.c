/* SPDX-License-Identifier: MIT */
/*
 * The driver below. What it has been told is only in its process: when it is gone every frame buffer's backend_id is forgotten, and when it (or
 * another) registers, what is shown now is told again.
 */
#include "drm.h"

#include <native/server.h>
#include <native/start.h>
#include <stdio.h>

static struct server server; /* scheme gpu */
static struct loop_source source;
static i32 channel = -1;
static u32 last_id, last_seq;
static u32 generation; /* of the driver: backend ids of an older one mean nothing */

bool backend_alive(void)
{
	return channel >= 0;
}

static void gone(void)
{
	if (channel < 0)
		return;
	loop_remove(vfs_loop(&tree), &source);
	weft_fd_close((u64)channel);
	channel = -1;
	generation++;
	for (u32 i = 0; i < noutputs; i++)
		vblank_flushed(i);
	native_log("drm: the driver is gone; clients go on");
}

static void send(const struct gpup_msg *m, i32 fd)
{
	struct weft_iov iov = {PTR(m), sizeof(*m)};
	struct weft_msg msg = {.iov = PTR(&iov), .niov = 1, .fds = PTR(&fd), .nfds = fd >= 0 ? 1 : 0, .dest = -1};
	if (channel < 0)
		return;
	i64 e = weft_chan_send((u64)channel, PTR(&msg), WEFT_CHAN_NONBLOCK);
	if (e < 0) {
		native_log("drm: the driver does not listen (%d)", (int)-e);
		gone();
	}
}

/* ids carry the generation, so that none of an earlier driver is taken for one of this. */
static u32 make_known(struct fb *fb)
{
	if (fb->backend_id && fb->backend_id >> 20 == (generation & 0xfff))
		return fb->backend_id;
	fb->backend_id = (generation & 0xfff) << 20 | (++last_id & 0xfffff);
	fb->damage = (struct rect){0, 0, fb->width, fb->height};
	struct gpup_msg m = {.command = GPUP_BUFFER, .a = {fb->backend_id, fb->width, fb->height, fb->pitch, fb->format, (u32)fb->gem->start + fb->offset}};
	send(&m, fb->gem->mem);
	return fb->backend_id;
}

void backend_scanout(u32 i)
{
	const struct plane_state *p = &kms.plane[2 * i];
	struct fb *fb = kms.out[i].active ? fb_find(p->fb) : NULL;
	struct gpup_msg m = {.command = GPUP_SCANOUT, .a = {i}};
	if (channel < 0)
		return;
	if (fb) {
		m.a[1] = make_known(fb);
		m.a[2] = p->sx >> 16;
		m.a[3] = p->sy >> 16;
		m.a[4] = p->w;
		m.a[5] = p->h;
	}
	send(&m, -1);
}

void backend_flush(u32 i, struct fb *fb)
{
	if (channel < 0)
		return;
	u32 id = make_known(fb);
	struct rect d = rect_clip(fb->damage, fb->width, fb->height);
	fb->damage = (struct rect){0};
	if (d.x1 == d.x2)
		return;
	struct gpup_msg m = {.command = GPUP_FLUSH, .seq = ++last_seq, .a = {i, id, d.x1, d.y1, d.x2 - d.x1, d.y2 - d.y1}};
	outputs[i].flushing = true;
	outputs[i].flush_seq = last_seq;
	send(&m, -1);
}

void backend_cursor(u32 i, bool image)
{
	const struct plane_state *c = &kms.plane[2 * i + 1];
	struct fb *fb = c->fb ? fb_find(c->fb) : NULL;
	if (channel < 0)
		return;
	struct gpup_msg m = {.command = image ? GPUP_CURSOR : GPUP_MOVE};
	if (image) {
		u32 a[] = {i, fb ? make_known(fb) : 0, (u32)c->hot_x, (u32)c->hot_y, (u32)c->x, (u32)c->y};
		memcpy(m.a, a, sizeof(a));
	} else {
		u32 a[] = {i, (u32)c->x, (u32)c->y};
		memcpy(m.a, a, sizeof(a));
	}
	send(&m, -1);
}

void backend_forget(struct fb *fb)
{
	if (channel < 0 || !fb->backend_id || fb->backend_id >> 20 != (generation & 0xfff))
		return;
	struct gpup_msg m = {.command = GPUP_FORGET, .a = {fb->backend_id}};
	send(&m, -1);
}

static void on_message(struct loop_source *s, u32 ready)
{
	(void)s;
	for (;;) {
		static struct gpup_output output;
		struct gpup_msg m;
		struct weft_iov iov[2] = {{PTR(&m), sizeof(m)}, {PTR(&output), sizeof(output)}};
		struct weft_msg msg = {.iov = PTR(iov), .niov = 2, .dest = -1};
		i64 n = weft_chan_recv((u64)channel, PTR(&msg), WEFT_CHAN_NONBLOCK);
		if (n == -EAGAIN)
			break;
		if (n != sizeof(m) && !(n == sizeof(m) + sizeof(output) && m.command == GPUP_OUTPUT)) {
			gone();
			return;
		}
		if (m.command == GPUP_DONE) {
			for (u32 i = 0; i < noutputs; i++)
				if (outputs[i].flush_seq == m.seq)
					vblank_flushed(i);
		} else if (m.command == GPUP_OUTPUT && n > (i64)sizeof(m)) {
			output_changed(m.a[0], &output);
		}
	}
	if (ready & (WEFT_POLLHUP | WEFT_POLLERR))
		gone();
}

static bool plausible(struct gpup_hello *h)
{
	h->driver[sizeof(h->driver) - 1] = 0;
	if (!h->driver[0] || h->noutputs == 0 || h->noutputs > GPUP_OUTPUTS || h->cursor_size > 512)
		return false;
	for (u32 i = 0; i < h->noutputs; i++)
		if (h->output[i].edid_len > GPUP_EDID)
			return false;
	return true;
}

static i64 op_register(struct request *r)
{
	static struct gpup_hello h;
	int e = request_in_all(r, 0, 0, &h, sizeof(h));
	if (e)
		return e;
	if (!plausible(&h))
		return -EINVAL;
	if (channel >= 0) {
		i64 ready = weft_fd_ctl((u64)channel, WEFT_FD_READY, 0, 0);
		if (ready >= 0 && !(ready & WEFT_POLLHUP))
			return -EBUSY;
		gone();
	}
	i32 fd = request_take_fd(r, 0);
	if (fd < 0)
		return fd;
	bool first = noutputs == 0;
	channel = fd;
	source = (struct loop_source){.fn = on_message, .fd = fd, .events = WEFT_POLLIN};
	loop_add(vfs_loop(&tree), &source);
	outputs_set(&h);
	if (first)
		sysfs_publish();
	for (u32 i = 0; i < noutputs; i++) {
		struct fb *fb = kms.out[i].active ? fb_find(kms.plane[2 * i].fb) : NULL;
		if (!fb)
			continue;
		backend_scanout(i);
		backend_flush(i, fb);
		backend_cursor(i, true);
	}
	return 0;
}

static const struct server_op table[] = {{GPUP_REGISTER, 1, 1, 0, op_register}, {0, 0, 0, 0, NULL}};
static const struct server_ops ops = {.table = table};

int backend_start(struct loop *l)
{
	i32 fd = native_fd("scheme:gpu");
	if (fd < 0)
		return fd;
	int e = server_init(&server, fd, &ops, NULL);
	return e ? e : server_attach(&server, l);
}
