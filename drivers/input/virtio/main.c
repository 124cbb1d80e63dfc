/* SPDX-License-Identifier: MIT */
/* virtio-input (virtio 1.2, 5.8): the device's own evdev description and events, passed to inputd as they are. */
#include <driver/enrol.h>
#include <driver/virtio.h>
#include <native/call.h>
#include <native/loop.h>
#include <native/start.h>

#include <stdio.h>
#include <string.h>

/* 5.8.4: struct virtio_input_config */
enum { CFG_SELECT = 0, CFG_SUBSEL = 1, CFG_SIZE = 2, CFG_DATA = 8 };
enum { ID_NAME = 1, ID_SERIAL, ID_DEVIDS, PROP_BITS = 0x10, EV_BITS, ABS_INFO };
#define EV_KEY 1
#define EV_REL 2
#define EV_ABS 3
#define EV_MSC 4
#define EV_SW 5
#define EV_LED 0x11
#define EV_REP 0x14
#define EVENTS 64

struct vevent {
	u16 type, code;
	u32 value;
};

static struct virtio dev;
static struct virtqueue events, status;
static struct dma area; /* EVENTS received, then one to send */
static struct input_link link;
static i32 irq;
static struct loop loop;
static char sending; /* cookie */

static void fatal(const char *what, int e)
{
	native_log("virtio-input: %s: %d", what, -e);
	weft_proc_exit(1 << 8);
}

static u32 config(u8 select, u8 sub, void *to, u32 size)
{
	u8 len;
	virtio_config_write8(&dev, CFG_SELECT, select);
	virtio_config_write8(&dev, CFG_SUBSEL, sub);
	if (virtio_config(&dev, CFG_SIZE, &len, 1))
		return 0;
	if (len > size)
		len = (u8)size;
	return len && virtio_config(&dev, CFG_DATA, to, len) == 0 ? len : 0;
}

static void describe(void)
{
	static const struct {
		u8 type;
		u32 offset, size;
	} sets[] = {{EV_KEY, offsetof(struct inputp_device, key), sizeof(link.d.key)}, {EV_REL, offsetof(struct inputp_device, rel), sizeof(link.d.rel)},
		{EV_ABS, offsetof(struct inputp_device, abs), sizeof(link.d.abs)}, {EV_MSC, offsetof(struct inputp_device, msc), sizeof(link.d.msc)},
		{EV_SW, offsetof(struct inputp_device, sw), sizeof(link.d.sw)}, {EV_LED, offsetof(struct inputp_device, led), sizeof(link.d.led)}};
	u16 ids[4] = {0};
	u8 any[1];
	config(ID_NAME, 0, link.d.name, sizeof(link.d.name) - 1);
	if (!link.d.name[0])
		snprintf(link.d.name, sizeof(link.d.name), "virtio input");
	config(ID_SERIAL, 0, link.d.uniq, sizeof(link.d.uniq) - 1);
	config(ID_DEVIDS, 0, ids, sizeof(ids));
	link.d.bus = ids[0] ? ids[0] : 6; /* BUS_VIRTUAL */
	link.d.vendor = ids[1];
	link.d.product = ids[2];
	link.d.version = ids[3];
	config(PROP_BITS, 0, link.d.props, sizeof(link.d.props));
	link.d.ev[0] = 1; /* EV_SYN */
	for (u32 i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		if (config(EV_BITS, sets[i].type, (char *)&link.d + sets[i].offset, sets[i].size))
			link.d.ev[sets[i].type / 8] |= (u8)(1u << sets[i].type % 8);
	if (config(EV_BITS, EV_REP, any, 1))
		link.d.ev[EV_REP / 8] |= (u8)(1u << EV_REP % 8);
	for (u32 a = 0; a < INPUTP_ABS; a++) {
		u32 info[5] = {0};
		if ((link.d.abs[a / 8] >> a % 8 & 1) && config(ABS_INFO, (u8)a, info, sizeof(info)))
			link.d.absinfo[a] = (struct inputp_abs){0, (i32)info[0], (i32)info[1], (i32)info[2], (i32)info[3], (i32)info[4]};
	}
	const struct pcip_info *p = &dev.pci.info;
	snprintf(link.d.phys, sizeof(link.d.phys), "pci-0000:%02x:%02x.%x/input0", p->bus, p->dev, p->fn);
	snprintf(link.d.parent, sizeof(link.d.parent), "devices/pci0000:00/0000:%02x:%02x.%x/virtio%u", p->bus, p->dev, p->fn, p->dev);
}

static void offer(u32 i)
{
	struct vq_part p = {area.bus + i * sizeof(struct vevent), sizeof(struct vevent), true};
	vq_add(&events, &p, 1, (char *)area.va + i * sizeof(struct vevent));
}

static void on_irq(struct loop_source *s, u32 ready)
{
	struct inputp_event batch[EVENTS];
	u32 n = 0, len;
	struct vevent *e;
	(void)ready;
	irq_ack(s->fd);
	while (vq_take(&status, &len))
		;
	while (n < EVENTS && (e = vq_take(&events, &len)) != NULL) {
		if (len == sizeof(*e))
			batch[n++] = (struct inputp_event){e->type, e->code, (i32)e->value};
		offer((u32)(e - (struct vevent *)area.va));
	}
	if (events.broken)
		fatal("the device broke its queue", -EIO);
	vq_kick(&events);
	input_link_send(&link, batch, n);
	if (n == EVENTS)
		on_irq(s, 0);
}

/* inputd sets an LED. One at a time: there is one place to send from. */
static void on_inputd(struct input_link *l, const struct inputp_event *in)
{
	struct vevent *out = (struct vevent *)area.va + EVENTS;
	u32 len;
	(void)l;
	if (vq_room(&status) < status.size) {
		while (!vq_take(&status, &len) && !status.broken)
			irq_wait(irq, WEFT_FOREVER);
	}
	*out = (struct vevent){in->type, in->code, (u32)in->value};
	struct vq_part p = {area.bus + EVENTS * sizeof(struct vevent), sizeof(*out), false};
	if (vq_add(&status, &p, 1, &sending) == 0)
		vq_kick(&status);
}

int main(void)
{
	static struct loop_source irq_source;
	int e = virtio_start(&dev, 0, 0);
	if (e)
		fatal("no device", e);
	irq = pci_vector(&dev.pci, 0, NULL);
	if (irq < 0)
		fatal("interrupt", irq);
	e = virtio_queue(&dev, 0, EVENTS, 0, &events);
	if (!e)
		e = virtio_queue(&dev, 1, 8, 0, &status);
	if (!e)
		e = dma_alloc(dev.pci.dma, 4096, false, &area);
	if (e)
		fatal("queues", e);
	describe();
	e = loop_init(&loop);
	link.on_event = on_inputd;
	if (!e)
		e = input_link_open(&link, &loop);
	if (e)
		fatal("registering", e);
	virtio_ready(&dev);
	for (u32 i = 0; i < events.size && i < EVENTS; i++)
		offer(i);
	vq_kick(&events);
	irq_source = (struct loop_source){.fn = on_irq, .fd = irq, .events = WEFT_POLLIN};
	if (loop_add(&loop, &irq_source))
		fatal("loop", -ENOMEM);
	return loop_run(&loop);
}
