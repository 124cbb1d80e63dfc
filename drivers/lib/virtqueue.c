/* SPDX-License-Identifier: MIT */
#include <driver/virtio.h>
#include <native/call.h>

#include <string.h>

#define DESC_NEXT 1u
#define DESC_WRITE 2u
#define DESC_INDIRECT 4u
#define AVAIL_IDX 1
#define AVAIL_RING 2
#define USED_IDX 1

static u64 used_offset(u16 size)
{
	u64 n = 16ull * size + 2ull * (3 + size);
	return (n + 3) & ~3ull;
}

u64 vq_bytes(u16 size)
{
	return used_offset(size) + 2 * 3 + 8ull * size;
}

void vq_layout(struct virtqueue *q, u16 size, void *va, void **cookie, u16 *chain)
{
	q->size = size;
	q->desc = va;
	q->avail = (u16 *)((char *)va + 16ull * size);
	q->used = (volatile u16 *)((char *)va + used_offset(size));
	q->cookie = cookie;
	q->chain = chain;
	q->free_head = 0;
	q->nfree = size;
	q->last_used = 0;
	q->pending = 0;
	q->broken = false;
	for (u16 i = 0; i < size; i++) {
		q->desc[i].next = (u16)(i + 1);
		cookie[i] = NULL;
	}
}

u16 vq_room(const struct virtqueue *q)
{
	return q->nfree;
}

/* A chain is the device's from here on. */
static void offer(struct virtqueue *q, u16 head, u16 n, void *cookie)
{
	q->cookie[head] = cookie;
	q->chain[head] = n;
	u16 idx = q->avail[AVAIL_IDX];
	q->avail[AVAIL_RING + idx % q->size] = head;
	dma_wmb();
	*(volatile u16 *)&q->avail[AVAIL_IDX] = (u16)(idx + 1);
	q->pending++;
}

int vq_add(struct virtqueue *q, const struct vq_part *parts, u32 n, void *cookie)
{
	if (q->broken)
		return -EIO;
	if (n == 0 || n > q->size)
		return -EINVAL;
	if (n > q->nfree)
		return -EAGAIN;
	u16 head = q->free_head, at = head;
	for (u32 i = 0; i < n; i++) {
		struct vq_desc *d = &q->desc[at];
		d->addr = parts[i].bus;
		d->len = parts[i].len;
		d->flags = (u16)((parts[i].device_writes ? DESC_WRITE : 0) | (i + 1 < n ? DESC_NEXT : 0));
		at = d->next;
	}
	q->free_head = at;
	q->nfree = (u16)(q->nfree - n);
	offer(q, head, (u16)n, cookie);
	return 0;
}

int vq_add_indirect(struct virtqueue *q, struct vq_desc *table, u64 bus, const struct vq_part *parts, u32 n, void *cookie)
{
	if (q->broken)
		return -EIO;
	if (n == 0 || n > q->size)
		return -EINVAL;
	if (!q->nfree)
		return -EAGAIN;
	for (u32 i = 0; i < n; i++)
		table[i] = (struct vq_desc){.addr = parts[i].bus, .len = parts[i].len,
			.flags = (u16)((parts[i].device_writes ? DESC_WRITE : 0) | (i + 1 < n ? DESC_NEXT : 0)), .next = (u16)(i + 1)};
	u16 head = q->free_head;
	struct vq_desc *d = &q->desc[head];
	q->free_head = d->next;
	q->nfree--;
	/* next stays: it links the free list */
	d->addr = bus;
	d->len = n * (u32)sizeof(*table);
	d->flags = DESC_INDIRECT;
	offer(q, head, 1, cookie);
	return 0;
}

void *vq_take(struct virtqueue *q, u32 *len)
{
	if (q->broken || q->used[USED_IDX] == q->last_used)
		return NULL;
	dma_mb();
	const volatile struct vq_used *u = (const volatile struct vq_used *)(q->used + 2) + q->last_used % q->size;
	u32 head = u->id;
	u32 wrote = u->len;
	if (head >= q->size || !q->cookie[head]) {
		q->broken = true;
		return NULL;
	}
	q->last_used++;
	void *cookie = q->cookie[head];
	q->cookie[head] = NULL;
	/* Back to the free list: its own chain, as vq_add linked it. */
	u16 at = (u16)head;
	for (u16 i = 1; i < q->chain[head]; i++)
		at = q->desc[at].next;
	q->desc[at].next = q->free_head;
	q->free_head = (u16)head;
	q->nfree = (u16)(q->nfree + q->chain[head]);
	if (len)
		*len = wrote;
	return cookie;
}

void vq_kick(struct virtqueue *q)
{
	if (!q->pending)
		return;
	q->pending = 0;
	dma_mb();
	if (q->notify && !(q->used[0] & 1))
		*q->notify = q->index;
}
