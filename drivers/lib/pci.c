/* SPDX-License-Identifier: MIT */
#include <driver/pci.h>

#include <native/call.h>
#include <native/start.h>
#include <stdio.h>
#include <string.h>

static i64 ask(struct pci_device *d, u16 op, u64 a0, u64 a1, u64 a2, struct weft_buf *buf, i32 *fd, u64 *out)
{
	struct weft_req r = {.op = op, .args = {a0, a1, a2}, .nbufs = buf ? 1 : 0, .bufs = PTR(buf),
		.max_fds = fd ? 1 : 0, .fds_out = PTR(fd), .flags = WEFT_REQ_PRIVATE | WEFT_REQ_CLOEXEC};
	i64 e = weft_fd_call((u64)d->handle, PTR(&r));
	if (out)
		*out = r.out[0];
	return e;
}

int pci_open(struct pci_device *d)
{
	struct weft_buf buf = {PTR(&d->info), sizeof(d->info), WEFT_BUF_OUT};
	d->handle = native_fd("pci");
	d->dma = native_fd("dma");
	if (d->handle < 0)
		return d->handle;
	return (int)ask(d, PCIP_INFO, 0, 0, 0, &buf, NULL, NULL);
}

int pci_enable(struct pci_device *d, u32 bits)
{
	return (int)ask(d, PCIP_ENABLE, bits, 0, 0, NULL, NULL, NULL);
}

int pci_read(struct pci_device *d, u32 offset, u32 width, u32 *out)
{
	i64 v = ask(d, PCIP_READ, offset, width, 0, NULL, NULL, NULL);
	*out = (u32)v;
	return v < 0 ? (int)v : 0;
}

int pci_write(struct pci_device *d, u32 offset, u32 width, u32 value)
{
	return (int)ask(d, PCIP_WRITE, offset, width, value, NULL, NULL, NULL);
}

int pci_map_bar(struct pci_device *d, u32 bar, u64 offset, u64 len, u32 cache, volatile void **out)
{
	char name[8];
	if (bar > 5 || offset > d->info.bar[bar].len || len > d->info.bar[bar].len - offset)
		return -EINVAL;
	snprintf(name, sizeof(name), "bar%u", bar);
	i32 res = native_fd(name);
	if (res < 0)
		return res;
	/* Whole pages of the BAR; the caller's part begins inside. */
	u64 start = offset & ~(WEFT_PAGE_SIZE - 1), end = (offset + len + WEFT_PAGE_SIZE - 1) & ~(WEFT_PAGE_SIZE - 1);
	volatile void *p;
	int e = mmio_map(res, start, end - start, cache, &p);
	if (!e)
		*out = (volatile char *)p + (offset - start);
	return e;
}

i32 pci_vector(struct pci_device *d, u32 index, bool *msix)
{
	i32 fd = -1;
	u64 kind = 0;
	i64 e = ask(d, PCIP_VECTOR, index, 0, 0, NULL, &fd, &kind);
	if (msix)
		*msix = kind == 2;
	return e < 0 ? (i32)e : fd;
}

int pci_capability(struct pci_device *d, u8 id, u32 *pos)
{
	u32 v, at = *pos;
	int e = pci_read(d, at ? at + 1 : 0x34, 1, &v);
	for (u32 n = 0; !e && (v & 0xfc) && n < 48; n++) {
		at = v & 0xfc;
		e = pci_read(d, at, 2, &v);
		if (!e && (v & 0xff) == id) {
			*pos = at;
			return 0;
		}
		v >>= 8;
	}
	return e ? e : -ENOENT;
}
