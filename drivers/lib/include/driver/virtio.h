/* SPDX-License-Identifier: MIT */
/*
 * Virtio 1.2 over PCI (4.1), non-transitional interface, split virtqueues (2.7). One thread drives a device. Nothing that the device writes is
 * trusted: descriptor indices and lengths in the used ring are checked, a bad one marks the queue broken.
 */
#ifndef DRIVER_VIRTIO_H
#define DRIVER_VIRTIO_H

#include <driver/pci.h>

#define VIRTIO_F_RING_INDIRECT_DESC 28
#define VIRTIO_F_RING_EVENT_IDX 29
#define VIRTIO_F_VERSION_1 32
#define VIRTIO_F_ACCESS_PLATFORM 33

#define VIRTIO_ACKNOWLEDGE 1
#define VIRTIO_DRIVER 2
#define VIRTIO_DRIVER_OK 4
#define VIRTIO_FEATURES_OK 8
#define VIRTIO_NEEDS_RESET 64
#define VIRTIO_FAILED 128

struct vq_desc {
	u64 addr;
	u32 len;
	u16 flags;	/* 1 next, 2 device writes */
	u16 next;
};
struct vq_used {
	u32 id, len;
};

/* A part of a request in bus addresses. */
struct vq_part {
	u64 bus;
	u32 len;
	bool device_writes;
};

/* One split virtqueue in memory that both sides reach. Usable on plain memory in tests. */
struct virtqueue {
	u16 size, index;
	u16 free_head, nfree;
	u16 last_used;
	u16 pending;	/* added since the last kick */
	bool broken;
	struct vq_desc *desc;
	u16 *avail;	/* flags, idx, ring[size] */
	volatile u16 *used; /* flags, idx, then struct vq_used[size] */
	void **cookie;	/* by head descriptor */
	u16 *chain;	/* its length */
	struct dma dma;
	volatile u16 *notify;
};

/** Bytes that a queue of `size` needs; lays it out in zeroed memory at va. cookie and chain have `size` entries. */
u64 vq_bytes(u16 size);
void vq_layout(struct virtqueue *q, u16 size, void *va, void **cookie, u16 *chain);
/** Adds a request of n parts. 0; -EAGAIN: no room; -EIO: broken. cookie must not be NULL. */
int vq_add(struct virtqueue *q, const struct vq_part *parts, u32 n, void *cookie);
/** The same with one entry of the ring, for a table of n descriptors that the device reaches at `bus` (2.7.5.3). */
int vq_add_indirect(struct virtqueue *q, struct vq_desc *table, u64 bus, const struct vq_part *parts, u32 n, void *cookie);
/** The next finished request, or NULL. *len: bytes the device wrote. */
void *vq_take(struct virtqueue *q, u32 *len);
void vq_kick(struct virtqueue *q);
u16 vq_room(const struct virtqueue *q);

struct virtio {
	struct pci_device pci;
	volatile void *common, *isr, *device;
	volatile char *notify;
	u32 notify_multiplier, device_len;
	u64 features;	/* accepted */
	u16 nqueues;
};

/** Finds the device's structures, resets it, and agrees on features: `wanted` are accepted where offered, `needed` must be offered (-ENOTSUP). */
int virtio_start(struct virtio *v, u64 wanted, u64 needed);
/** Sets queue `index` up with at most max entries. irq_vector: MSI-X vector index, or 0xffff. */
int virtio_queue(struct virtio *v, u16 index, u16 max, u16 irq_vector, struct virtqueue *q);
void virtio_ready(struct virtio *v);	/* DRIVER_OK */
u8 virtio_status(struct virtio *v);
/** For a line interrupt: reading says why and quiets it. Bit 0 queue, bit 1 configuration. */
u8 virtio_isr(struct virtio *v);
/** MSI-X vector for configuration changes. */
void virtio_config_vector(struct virtio *v, u16 vector);
/** Reads device configuration consistently (4.1.4.3.1). */
int virtio_config(struct virtio *v, u32 offset, void *to, u32 len);
void virtio_config_write8(struct virtio *v, u32 offset, u8 value);
static inline bool virtio_has(const struct virtio *v, u32 feature)
{
	return v->features >> feature & 1;
}

#endif
