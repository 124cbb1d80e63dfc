/* SPDX-License-Identifier: MIT */
/*
 * virtio-gpu, 2D (virtio 1.2, 5.7), as a back end of drm/core (native/gpuproto.h). Queue 0 carries control commands, queue 1 cursor
 * commands. A buffer is a host resource whose backing is the pinned memory object; a flush copies a rectangle to the host
 * and shows it. Commands are asynchronous: a slot in the command area belongs to a command until the device has used it.
 */
#include <driver/enrol.h>
#include <driver/virtio.h>
#include <native/call.h>
#include <native/gpuproto.h>
#include <native/loop.h>
#include <native/start.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define F_EDID 1
#define EVENT_DISPLAY 1u
#define FOURCC_XR24 0x34325258u
#define FOURCC_AR24 0x34325241u
#define SLOT 512
#define SLOTS 128
#define MAX_BUFFERS 256
#define CURSOR 64

/* 5.7.6.7 */
enum {
	CMD_GET_DISPLAY_INFO = 0x100, CMD_RESOURCE_CREATE_2D, CMD_RESOURCE_UNREF, CMD_SET_SCANOUT, CMD_RESOURCE_FLUSH, CMD_TRANSFER_TO_HOST_2D,
	CMD_ATTACH_BACKING, CMD_DETACH_BACKING, CMD_GET_CAPSET_INFO, CMD_GET_CAPSET, CMD_GET_EDID,
	CMD_UPDATE_CURSOR = 0x300, CMD_MOVE_CURSOR,
	RESP_OK_NODATA = 0x1100, RESP_OK_DISPLAY_INFO, RESP_OK_CAPSET_INFO, RESP_OK_CAPSET, RESP_OK_EDID,
};
#define FORMAT_B8G8R8A8 1
#define FORMAT_B8G8R8X8 2

struct hdr {
	u32 type, flags;
	u64 fence;
	u32 ctx;
	u8 ring, pad[3];
};
struct gpu_rect {
	u32 x, y, w, h;
};
struct display_info {
	struct hdr h;
	struct {
		struct gpu_rect r;
		u32 enabled, flags;
	} mode[16];
};
struct edid_response {
	struct hdr h;
	u32 size, pad;
	u8 edid[1024];
};
struct mem_entry {
	u64 addr;
	u32 len, pad;
};

struct buffer {
	u32 id, width, height, pitch, offset;
	u32 resource;
	i32 mem, pin;
	struct dma entries;
};

struct slot {
	bool used;
	u32 done_seq; /* tells the core when this command is over */
	bool tell;
};

static struct virtio dev;
static struct virtqueue control, cursor;
static struct dma area; /* SLOTS command slots, then one large response */
static struct slot slots[SLOTS];
static struct buffer buffers[MAX_BUFFERS];
static u32 next_resource = 1;
static struct loop loop;
static i32 channel;
static struct gpup_hello hello;
static i32 irq_control, irq_config;

static void fatal(const char *what, int e)
{
	native_log("virtio-gpu: %s: %d", what, -e);
	weft_proc_exit(1 << 8);
}

static void *slot_va(u32 i)
{
	return (char *)area.va + (u64)i * SLOT;
}

static void tell_core(u32 command, u32 seq, u32 a0, u32 a1, u32 a2, u32 a3)
{
	struct gpup_msg m = {.command = command, .seq = seq, .a = {a0, a1, a2, a3}};
	struct weft_iov iov = {PTR(&m), sizeof(m)};
	struct weft_msg msg = {.iov = PTR(&iov), .niov = 1, .dest = -1};
	weft_chan_send((u64)channel, PTR(&msg), 0);
}

static void reap(struct virtqueue *q)
{
	struct slot *s;
	u32 len;
	while ((s = vq_take(q, &len)) != NULL) {
		const struct hdr *resp = (const struct hdr *)((char *)slot_va((u32)(s - slots)) + SLOT / 2);
		if (q == &control && len >= sizeof(*resp) && resp->type >= 0x1200)
			native_log("virtio-gpu: command %x failed: %x", *(u32 *)slot_va((u32)(s - slots)), resp->type);
		if (s->tell)
			tell_core(GPUP_DONE, s->done_seq, 0, 0, 0, 0);
		s->used = false;
	}
	if (q->broken)
		fatal("the device broke a queue", -EIO);
}

/* Until the device has done something. What was not kicked yet it does not know of, and would never do. */
static void wait_device(void)
{
	vq_kick(&control);
	vq_kick(&cursor);
	irq_wait(irq_control, WEFT_FOREVER);
	irq_ack(irq_control);
	reap(&control);
	reap(&cursor);
}

/* A free slot; waits for the device when all are in flight. */
static u32 take_slot(void)
{
	for (;;) {
		for (u32 i = 0; i < SLOTS; i++)
			if (!slots[i].used) {
				memset(slot_va(i), 0, SLOT);
				slots[i] = (struct slot){.used = true};
				return i;
			}
		wait_device();
	}
}

/* Sends what stands in the slot: `len` bytes of command, optionally more in device memory, and a short response. */
static void submit(struct virtqueue *q, u32 i, u32 len, const struct dma *more, u32 more_len)
{
	struct vq_part p[3];
	u32 n = 0;
	p[n++] = (struct vq_part){area.bus + (u64)i * SLOT, len, false};
	if (more)
		p[n++] = (struct vq_part){more->bus, more_len, false};
	if (q == &control)
		p[n++] = (struct vq_part){area.bus + (u64)i * SLOT + SLOT / 2, sizeof(struct hdr), true};
	while (vq_add(q, p, n, &slots[i]) == -EAGAIN)
		wait_device();
}

/* A command at start-up whose answer is large; waits for it. */
static int ask(u32 type, u32 arg, void *answer, u32 size)
{
	u64 at = (u64)SLOTS * SLOT;
	struct hdr *h = slot_va(0);
	static struct slot done;
	memset(h, 0, SLOT);
	h->type = type;
	*(u32 *)(h + 1) = arg;
	struct vq_part p[2] = {{area.bus, sizeof(*h) + 8, false}, {area.bus + at, size, true}};
	int e = vq_add(&control, p, 2, &done);
	if (e)
		return e;
	vq_kick(&control);
	u32 len = 0;
	while (!vq_take(&control, &len)) {
		if (control.broken)
			return -EIO;
		irq_wait(irq_control, WEFT_FOREVER);
		irq_ack(irq_control);
	}
	memcpy(answer, (char *)area.va + at, size);
	return len < size && type == CMD_GET_DISPLAY_INFO ? -EIO : 0;
}

/* What the host says of its outputs now. 0, or -EIO. */
static int read_outputs(void)
{
	static struct display_info info;
	static struct edid_response edid;
	int e = ask(CMD_GET_DISPLAY_INFO, 0, &info, sizeof(info));
	if (e || info.h.type != RESP_OK_DISPLAY_INFO)
		return e ? e : -EIO;
	for (u32 i = 0; i < hello.noutputs; i++) {
		struct gpup_output *o = &hello.output[i];
		o->connected = info.mode[i].enabled;
		o->width = info.mode[i].r.w;
		o->height = info.mode[i].r.h;
		if (!virtio_has(&dev, F_EDID) || ask(CMD_GET_EDID, i, &edid, sizeof(edid)) || edid.h.type != RESP_OK_EDID)
			continue;
		/* The host gives its whole buffer; the EDID is as long as its first block says. */
		u32 len = edid.size < GPUP_EDID ? edid.size : GPUP_EDID, blocks = (edid.edid[126] + 1u) * 128;
		o->edid_len = len < blocks ? len : blocks;
		memcpy(o->edid, edid.edid, o->edid_len);
	}
	return 0;
}

static void find_outputs(void)
{
	u32 scanouts = 1;
	virtio_config(&dev, 8, &scanouts, 4);
	hello.noutputs = scanouts < 1 ? 1 : scanouts > GPUP_OUTPUTS ? GPUP_OUTPUTS : scanouts;
	int e = read_outputs();
	if (e)
		fatal("display info", e);
}

static struct buffer *buffer_find(u32 id)
{
	for (u32 i = 0; id && i < MAX_BUFFERS; i++)
		if (buffers[i].id == id)
			return &buffers[i];
	return NULL;
}

static void make_buffer(const struct gpup_msg *m, i32 mem)
{
	struct buffer *b = NULL;
	for (u32 i = 0; i < MAX_BUFFERS && !b; i++)
		if (!buffers[i].id)
			b = &buffers[i];
	/* The host copies rows of the resource's own width: a buffer with another pitch is a resource as wide as its pitch. */
	u32 width = m->a[3] / 4;
	u64 size = (u64)m->a[3] * m->a[2] + m->a[5];
	u32 pages = (u32)((size + WEFT_PAGE_SIZE - 1) / WEFT_PAGE_SIZE);
	u64 *bus = malloc(pages * sizeof(*bus));
	struct buffer n = {.id = m->a[0], .width = m->a[1], .height = m->a[2], .pitch = m->a[3], .offset = m->a[5], .mem = mem};
	if (!b || !bus || mem < 0)
		goto fail;
	n.pin = (i32)weft_mem_pin((u64)mem, 0, pages * WEFT_PAGE_SIZE, (u64)dev.pci.dma, PTR(bus), pages);
	if (n.pin < 0 || dma_alloc(dev.pci.dma, pages * sizeof(struct mem_entry), false, &n.entries))
		goto fail;
	struct mem_entry *e = n.entries.va;
	u32 count = 0;
	for (u32 i = 0; i < pages; i++) {
		if (count && e[count - 1].addr + e[count - 1].len == bus[i])
			e[count - 1].len += WEFT_PAGE_SIZE;
		else
			e[count++] = (struct mem_entry){.addr = bus[i], .len = WEFT_PAGE_SIZE};
	}
	n.resource = next_resource++;
	u32 s = take_slot();
	u32 *c = slot_va(s);
	c[0] = CMD_RESOURCE_CREATE_2D;
	c[6] = n.resource;
	c[7] = m->a[4] == FOURCC_AR24 ? FORMAT_B8G8R8A8 : FORMAT_B8G8R8X8;
	c[8] = width;
	c[9] = n.height;
	submit(&control, s, 40, NULL, 0);
	s = take_slot();
	c = slot_va(s);
	c[0] = CMD_ATTACH_BACKING;
	c[6] = n.resource;
	c[7] = count;
	submit(&control, s, 32, &n.entries, count * (u32)sizeof(struct mem_entry));
	*b = n;
	free(bus);
	return;
fail:
	native_log("virtio-gpu: no memory for a buffer of %ux%u", m->a[1], m->a[2]);
	free(bus);
	if (mem >= 0)
		weft_fd_close((u64)mem);
}

static void wait_idle(void)
{
	reap(&control);
	reap(&cursor);
	for (u32 i = 0; i < SLOTS; i++)
		while (slots[i].used)
			wait_device();
}

static void forget_buffer(u32 id)
{
	struct buffer *b = buffer_find(id);
	if (!b)
		return;
	u32 s = take_slot();
	u32 *c = slot_va(s);
	c[0] = CMD_DETACH_BACKING;
	c[6] = b->resource;
	submit(&control, s, 32, NULL, 0);
	s = take_slot();
	c = slot_va(s);
	c[0] = CMD_RESOURCE_UNREF;
	c[6] = b->resource;
	submit(&control, s, 32, NULL, 0);
	wait_idle(); /* the device reads the pages no more */
	weft_mem_ctl((u64)b->pin, WEFT_MEM_RELEASE, 0, 0, 0);
	weft_fd_close((u64)b->pin);
	weft_fd_close((u64)b->mem);
	dma_free(&b->entries);
	tell_core(GPUP_FORGOTTEN, 0, id, 0, 0, 0);
	memset(b, 0, sizeof(*b));
}

static void transfer(const struct buffer *b, const u32 r[4])
{
	u32 s = take_slot();
	u32 *c = slot_va(s);
	c[0] = CMD_TRANSFER_TO_HOST_2D;
	memcpy(c + 6, r, 16);
	u64 offset = b->offset + (u64)r[1] * b->pitch + r[0] * 4ull;
	memcpy(c + 10, &offset, 8);
	c[12] = b->resource;
	submit(&control, s, 56, NULL, 0);
}

static void flush(const struct gpup_msg *m)
{
	const struct buffer *b = buffer_find(m->a[1]);
	if (!b) {
		tell_core(GPUP_DONE, m->seq, ENOENT, 0, 0, 0);
		return;
	}
	transfer(b, &m->a[2]);
	u32 s = take_slot();
	u32 *c = slot_va(s);
	c[0] = CMD_RESOURCE_FLUSH;
	memcpy(c + 6, &m->a[2], 16);
	c[10] = b->resource;
	slots[s].tell = true;
	slots[s].done_seq = m->seq;
	submit(&control, s, 48, NULL, 0);
}

static void scanout(const struct gpup_msg *m)
{
	const struct buffer *b = buffer_find(m->a[1]);
	u32 s = take_slot();
	u32 *c = slot_va(s);
	c[0] = CMD_SET_SCANOUT;
	if (b)
		memcpy(c + 6, &m->a[2], 16);
	c[10] = m->a[0];
	c[11] = b ? b->resource : 0;
	submit(&control, s, 48, NULL, 0);
}

/* struct virtio_gpu_update_cursor: position {scanout, x, y, pad}, resource, hot x, hot y, pad */
static void set_cursor(u32 type, u32 output, u32 x, u32 y, const struct buffer *b, u32 hot_x, u32 hot_y)
{
	u32 s = take_slot();
	u32 *c = slot_va(s);
	c[0] = type;
	c[6] = output;
	c[7] = x;
	c[8] = y;
	c[10] = b ? b->resource : 0;
	c[11] = hot_x;
	c[12] = hot_y;
	submit(&cursor, s, 56, NULL, 0);
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
		const struct buffer *b;
		switch (m.command) {
		case GPUP_BUFFER:
			make_buffer(&m, msg.nfds ? fd : -1);
			break;
		case GPUP_FORGET:
			forget_buffer(m.a[0]);
			break;
		case GPUP_SCANOUT:
			scanout(&m);
			break;
		case GPUP_FLUSH:
			flush(&m);
			break;
		case GPUP_CURSOR:
			b = buffer_find(m.a[1]);
			if (b) {
				u32 all[4] = {0, 0, b->width, b->height};
				transfer(b, all);
				wait_idle(); /* the image must be there before the other queue names it */
			}
			set_cursor(CMD_UPDATE_CURSOR, m.a[0], m.a[4], m.a[5], b, m.a[2], m.a[3]);
			break;
		case GPUP_MOVE:
			set_cursor(CMD_MOVE_CURSOR, m.a[0], m.a[1], m.a[2], NULL, 0, 0);
			break;
		}
	}
	vq_kick(&control);
	vq_kick(&cursor);
	if (ready & WEFT_POLLHUP)
		fatal("the core hung up", -EPIPE);
}

static void on_queue(struct loop_source *src, u32 ready)
{
	(void)ready;
	irq_ack(src->fd);
	reap(&control);
	reap(&cursor);
}

/* 5.7.4: the host wants another size. */
static void on_config(struct loop_source *src, u32 ready)
{
	(void)ready;
	irq_ack(src->fd);
	u32 events = 0;
	if (virtio_config(&dev, 0, &events, 4))
		return;
	if (!(events & EVENT_DISPLAY))
		return;
	virtio_config_write8(&dev, 4, EVENT_DISPLAY);
	wait_idle();
	if (read_outputs())
		return;
	for (u32 i = 0; i < hello.noutputs; i++) {
		struct gpup_msg m = {.command = GPUP_OUTPUT, .a = {i}};
		struct weft_iov iov[2] = {{PTR(&m), sizeof(m)}, {PTR(&hello.output[i]), sizeof(hello.output[i])}};
		struct weft_msg msg = {.iov = PTR(iov), .niov = 2, .dest = -1};
		weft_chan_send((u64)channel, PTR(&msg), 0);
	}
}

int main(void)
{
	static struct loop_source core, queue_irq, config_irq;
	int e = virtio_start(&dev, 1ull << F_EDID, 0);
	if (e)
		fatal("no device", e);
	irq_config = pci_vector(&dev.pci, 0, NULL);
	irq_control = pci_vector(&dev.pci, 1, NULL);
	if (irq_config < 0 || irq_control < 0)
		fatal("interrupts", irq_config < 0 ? irq_config : irq_control);
	virtio_config_vector(&dev, 0);
	e = virtio_queue(&dev, 0, 256, 1, &control);
	if (!e)
		e = virtio_queue(&dev, 1, 64, 1, &cursor);
	if (!e)
		e = dma_alloc(dev.pci.dma, (u64)SLOTS * SLOT + 4096, false, &area);
	if (e)
		fatal("queues", e);
	virtio_ready(&dev);
	snprintf(hello.driver, sizeof(hello.driver), "virtio_gpu");
	hello.cursor_size = CURSOR;
	const struct pcip_info *p = &dev.pci.info;
	hello.pci_bus = p->bus;
	hello.pci_dev = p->dev;
	hello.pci_fn = p->fn;
	hello.pci_revision = p->revision;
	hello.vendor = p->vendor;
	hello.device = p->device;
	hello.sub_vendor = p->sub_vendor;
	hello.sub_device = p->sub_device;
	hello.class = p->class;
	find_outputs();
	e = loop_init(&loop);
	if (!e)
		e = driver_enrol("open:gpu", GPUP_REGISTER, &hello, sizeof(hello), &channel);
	if (e)
		fatal("registering", e);
	core = (struct loop_source){.fn = on_core, .fd = channel, .events = WEFT_POLLIN};
	queue_irq = (struct loop_source){.fn = on_queue, .fd = irq_control, .events = WEFT_POLLIN};
	config_irq = (struct loop_source){.fn = on_config, .fd = irq_config, .events = WEFT_POLLIN};
	if (loop_add(&loop, &core) || loop_add(&loop, &queue_irq) || loop_add(&loop, &config_irq))
		fatal("loop", -ENOMEM);
	return loop_run(&loop);
}
