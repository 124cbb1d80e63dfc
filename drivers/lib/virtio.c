/* SPDX-License-Identifier: MIT */
#include <driver/virtio.h>
#include <native/call.h>
#include <native/time.h>

#include <stdlib.h>
#include <string.h>

/* struct virtio_pci_common_cfg, 4.1.4.3 */
enum {
	C_DEVICE_FEATURE_SELECT = 0, C_DEVICE_FEATURE = 4, C_DRIVER_FEATURE_SELECT = 8, C_DRIVER_FEATURE = 12,
	C_MSIX_CONFIG = 16, C_NUM_QUEUES = 18, C_STATUS = 20, C_GENERATION = 21, C_QUEUE_SELECT = 22, C_QUEUE_SIZE = 24,
	C_QUEUE_MSIX = 26, C_QUEUE_ENABLE = 28, C_QUEUE_NOTIFY_OFF = 30, C_QUEUE_DESC = 32, C_QUEUE_DRIVER = 40,
	C_QUEUE_DEVICE = 48,
};
/* struct virtio_pci_cap, 4.1.4 */
enum { CAP_COMMON = 1, CAP_NOTIFY, CAP_ISR, CAP_DEVICE };
#define PCI_CAP_VENDOR 9
#define RESET_TIMEOUT_NS 2000000000l

static int map_structures(struct virtio *v)
{
	u32 pos = 0;
	while (pci_capability(&v->pci, PCI_CAP_VENDOR, &pos) == 0) {
		u32 type, bar, off, len;
		if (pci_read(&v->pci, pos + 3, 1, &type) || pci_read(&v->pci, pos + 4, 1, &bar) ||
			pci_read(&v->pci, pos + 8, 4, &off) || pci_read(&v->pci, pos + 12, 4, &len))
			return -EIO;
		volatile void **to = type == CAP_COMMON ? &v->common : type == CAP_ISR ? &v->isr :
					 type == CAP_DEVICE ? &v->device : type == CAP_NOTIFY ? (volatile void **)&v->notify : NULL;
		if (!to || *to || bar > 5)
			continue;
		int e = pci_map_bar(&v->pci, bar, off, len, WEFT_MEM_CACHE_UC, to);
		if (e)
			return e;
		if (type == CAP_NOTIFY && pci_read(&v->pci, pos + 16, 4, &v->notify_multiplier))
			return -EIO;
		if (type == CAP_DEVICE)
			v->device_len = len;
	}
	return v->common && v->notify && v->isr ? 0 : -ENODEV;
}

u8 virtio_status(struct virtio *v)
{
	return mmio_read8(v->common, C_STATUS);
}

static void add_status(struct virtio *v, u8 bits)
{
	mmio_write8(v->common, C_STATUS, virtio_status(v) | bits);
}

static u64 offered(struct virtio *v)
{
	u64 f;
	mmio_write32(v->common, C_DEVICE_FEATURE_SELECT, 0);
	f = mmio_read32(v->common, C_DEVICE_FEATURE);
	mmio_write32(v->common, C_DEVICE_FEATURE_SELECT, 1);
	return f | (u64)mmio_read32(v->common, C_DEVICE_FEATURE) << 32;
}

int virtio_start(struct virtio *v, u64 wanted, u64 needed)
{
	memset(v, 0, sizeof(*v));
	int e = pci_open(&v->pci);
	if (!e)
		e = pci_enable(&v->pci, 2 | 4);
	if (!e)
		e = map_structures(v);
	if (e)
		return e;
	mmio_write8(v->common, C_STATUS, 0);
	i64 until = time_monotonic() + RESET_TIMEOUT_NS;
	while (virtio_status(v) != 0) { /* 4.1.4.3.2: a driver waits for the reset to end */
		if (time_monotonic() > until)
			return -ETIMEDOUT;
		weft_yield();
	}
	add_status(v, VIRTIO_ACKNOWLEDGE);
	add_status(v, VIRTIO_DRIVER);
	needed |= 1ull << VIRTIO_F_VERSION_1;
	u64 has = offered(v);
	if (needed & ~has) {
		add_status(v, VIRTIO_FAILED);
		return -EOPNOTSUPP;
	}
	v->features = has & (wanted | needed);
	mmio_write32(v->common, C_DRIVER_FEATURE_SELECT, 0);
	mmio_write32(v->common, C_DRIVER_FEATURE, (u32)v->features);
	mmio_write32(v->common, C_DRIVER_FEATURE_SELECT, 1);
	mmio_write32(v->common, C_DRIVER_FEATURE, (u32)(v->features >> 32));
	add_status(v, VIRTIO_FEATURES_OK);
	if (!(virtio_status(v) & VIRTIO_FEATURES_OK)) {
		add_status(v, VIRTIO_FAILED);
		return -EOPNOTSUPP;
	}
	v->nqueues = mmio_read16(v->common, C_NUM_QUEUES);
	return 0;
}

int virtio_queue(struct virtio *v, u16 index, u16 max, u16 irq_vector, struct virtqueue *q)
{
	memset(q, 0, sizeof(*q));
	if (index >= v->nqueues)
		return -ENXIO;
	mmio_write16(v->common, C_QUEUE_SELECT, index);
	u16 size = mmio_read16(v->common, C_QUEUE_SIZE);
	if (size == 0)
		return -ENXIO;
	while (size > max)
		size >>= 1;
	void **cookie = calloc(size, sizeof(*cookie));
	u16 *chain = calloc(size, sizeof(*chain));
	int e = cookie && chain ? dma_alloc(v->pci.dma, vq_bytes(size), false, &q->dma) : -ENOMEM;
	if (e) {
		free(cookie);
		free(chain);
		return e;
	}
	vq_layout(q, size, q->dma.va, cookie, chain);
	q->index = index;
	mmio_write16(v->common, C_QUEUE_SIZE, size);
	mmio_write16(v->common, C_QUEUE_MSIX, irq_vector);
	if (irq_vector != 0xffff && mmio_read16(v->common, C_QUEUE_MSIX) == 0xffff)
		return -ENOSPC;
	u64 bus = q->dma.bus;
	u64 addresses[3] = {bus, bus + 16ull * size, bus + (u64)((const char *)q->used - (const char *)q->dma.va)};
	for (u32 i = 0; i < 3; i++) {
		mmio_write32(v->common, C_QUEUE_DESC + 8 * i, (u32)addresses[i]);
		mmio_write32(v->common, C_QUEUE_DESC + 8 * i + 4, (u32)(addresses[i] >> 32));
	}
	u16 off = mmio_read16(v->common, C_QUEUE_NOTIFY_OFF);
	q->notify = (volatile u16 *)(v->notify + (u64)off * v->notify_multiplier);
	mmio_write16(v->common, C_QUEUE_ENABLE, 1);
	return 0;
}

void virtio_ready(struct virtio *v)
{
	add_status(v, VIRTIO_DRIVER_OK);
}

u8 virtio_isr(struct virtio *v)
{
	return mmio_read8(v->isr, 0);
}

void virtio_config_vector(struct virtio *v, u16 vector)
{
	mmio_write16(v->common, C_MSIX_CONFIG, vector);
}

int virtio_config(struct virtio *v, u32 offset, void *to, u32 len)
{
	if (!v->device || offset > v->device_len || len > v->device_len - offset)
		return -EINVAL;
	for (u32 tries = 0; tries < 100; tries++) {
		u8 before = mmio_read8(v->common, C_GENERATION);
		for (u32 i = 0; i < len; i++)
			((u8 *)to)[i] = mmio_read8(v->device, offset + i);
		if (mmio_read8(v->common, C_GENERATION) == before)
			return 0;
	}
	return -EIO;
}

void virtio_config_write8(struct virtio *v, u32 offset, u8 value)
{
	mmio_write8(v->device, offset, value);
}
