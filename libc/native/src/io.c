/* SPDX-License-Identifier: MIT */
/* Driver helpers on the native calls; every resource is an fd that was given. */
#include <native/call.h>
#include <native/io.h>
#include <string.h>

int mmio_map(i32 res, u64 offset, u64 len, u32 cache, volatile void **out)
{
	u64 skip = offset & (WEFT_PAGE_SIZE - 1);
	u64 span = (skip + len + WEFT_PAGE_SIZE - 1) & ~(WEFT_PAGE_SIZE - 1);
	u32 flags = (cache & WEFT_MEM_CACHE_MASK) | WEFT_MEM_CLOEXEC | WEFT_MEM_PRIVATE_FD;
	i64 mem = weft_mem_create(WEFT_MEM_PHYS, span, res, offset - skip, flags);
	if (mem < 0)
		return (int)mem;
	i64 at = weft_mem_map(-1, 0, span, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_SHARED | WEFT_MAP_NOFORK, mem, 0);
	weft_fd_close(mem);
	if (at < 0)
		return (int)at;
	*out = (volatile char *)at + skip;
	return 0;
}

void mmio_unmap(volatile void *p, u64 len)
{
	u64 skip = PTR(p) & (WEFT_PAGE_SIZE - 1);
	weft_mem_unmap(-1, PTR(p) - skip, (skip + len + WEFT_PAGE_SIZE - 1) & ~(WEFT_PAGE_SIZE - 1));
}

int port_grant(i32 res)
{
	return (int)weft_proc_ctl(-1, WEFT_PROC_GRANT_PORTS, res, 0, 0);
}

i32 irq_open(i32 res, u32 line)
{
	i32 fds[2] = {-1, -1};
	i64 r = weft_obj_create(WEFT_OBJ_IRQ, res, line, WEFT_DUP_CLOEXEC | WEFT_DUP_PRIVATE, PTR(fds));
	return r < 0 ? (i32)r : fds[0];
}

int irq_msi(i32 irq, u64 *address, u32 *data)
{
	struct weft_irq_info info;
	i64 r = weft_fd_ctl(irq, WEFT_IRQ_GET_INFO, PTR(&info), 0);
	if (r < 0)
		return (int)r;
	*address = info.msi_address;
	*data = info.msi_data;
	return 0;
}

i64 irq_ack(i32 irq)
{
	u64 count = 0;
	i64 r = weft_fd_read(irq, PTR(&count), sizeof count, -1, WEFT_IO_NONBLOCK);
	if (r == -EAGAIN)
		return 0;
	return r < 0 ? r : (i64)count;
}

int irq_wait(i32 irq, i64 deadline)
{
	struct weft_pollfd p = {.fd = irq, .events = WEFT_POLLIN};
	i64 r = weft_fd_poll(PTR(&p), 1, deadline);
	if (r < 0)
		return (int)r;
	return r == 0 ? -ETIMEDOUT : 0;
}

int dma_alloc(i32 res, u64 len, bool low, struct dma *out)
{
	u64 span = (len + WEFT_PAGE_SIZE - 1) & ~(WEFT_PAGE_SIZE - 1);
	u32 flags = (low ? WEFT_MEM_LOW : 0) | WEFT_MEM_CLOEXEC | WEFT_MEM_PRIVATE_FD;
	i64 mem = weft_mem_create(WEFT_MEM_DMA, span, res, 0, flags);
	if (mem < 0)
		return (int)mem;
	i64 bus = weft_mem_ctl(mem, WEFT_MEM_PHYS_ADDR, 0, 0, 0);
	i64 at = bus < 0 ? bus : weft_mem_map(-1, 0, span, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_SHARED | WEFT_MAP_NOFORK, mem, 0);
	if (at < 0) {
		weft_fd_close(mem);
		return (int)at;
	}
	*out = (struct dma){.va = (void *)at, .bus = bus, .len = span, .fd = (i32)mem};
	return 0;
}

void dma_free(struct dma *d)
{
	if (!d || !d->va)
		return;
	weft_mem_unmap(-1, PTR(d->va), d->len);
	weft_fd_close(d->fd);
	memset(d, 0, sizeof *d);
	d->fd = -1;
}
