/* SPDX-License-Identifier: MIT */
#include "pci.h"

#include <native/call.h>
#include <native/start.h>
#include <native/time.h>
#include <stdio.h>
#include <string.h>

#define CMD 0x04
#define CMD_IO 1u
#define CMD_MEM 2u
#define CMD_MASTER 4u
#define CMD_NO_INTX 0x400u
#define STATUS_CAPS 0x10u /* bit 4 of the status register */
#define HEADER 0x0e
#define CAP_MSI 5
#define CAP_PCIE 0x10
#define CAP_MSIX 0x11

struct device devices[MAX_DEVICES];
u32 ndevices;
struct lock config_lock;
i32 res_mem, res_msi, res_dma;

static volatile void *ecam;
static u32 ecam_first, ecam_last; /* buses */

u32 config_read(const struct device *d, u32 offset, u32 width)
{
	u64 at = d->config + offset;
	return width == 1 ? mmio_read8(ecam, at) : width == 2 ? mmio_read16(ecam, at) : mmio_read32(ecam, at);
}

void config_write(const struct device *d, u32 offset, u32 width, u32 value)
{
	u64 at = d->config + offset;
	if (width == 1)
		mmio_write8(ecam, at, (u8)value);
	else if (width == 2)
		mmio_write16(ecam, at, (u16)value);
	else
		mmio_write32(ecam, at, value);
}

/* Firmware Specification 3.3, 4.1.2: the first segment's entry, as the kernel hands it over. */
int config_init(void)
{
	struct {
		union {
			struct {
				char signature[4];
				u32 nth;
			};
			u8 header[44];
		};
		u64 base;
		u16 segment;
		u8 first, last;
	} __attribute__((packed)) mcfg = {.signature = "MCFG"};
	i64 e = weft_sys_ctl((u64)native_fd("res:log"), WEFT_SYS_BOOT, WEFT_BOOT_ACPI, PTR(&mcfg), sizeof(mcfg));
	if (e < 0)
		return (int)e;
	if (e < (i64)sizeof(mcfg))
		return -ENOENT;
	res_mem = native_fd("res:mem");
	res_msi = native_fd("res:msi");
	res_dma = native_fd("res:dma");
	if (res_mem < 0 || res_msi < 0 || res_dma < 0)
		return -EPERM;
	ecam_first = mcfg.first;
	ecam_last = mcfg.last;
	return mmio_map(res_mem, mcfg.base + ((u64)mcfg.first << 20), (u64)(mcfg.last - mcfg.first + 1) << 20, WEFT_MEM_CACHE_UC, &ecam);
}

static void find_capabilities(struct device *d)
{
	if (!(config_read(d, 6, 2) & STATUS_CAPS))
		return;
	u32 at = config_read(d, 0x34, 1) & 0xfc;
	for (u32 n = 0; at && n < 48; n++) {
		u32 v = config_read(d, at, 2);
		if ((v & 0xff) == CAP_MSI) {
			d->msi_cap = at;
			d->info.msi = (u16)(1u << (config_read(d, at + 2, 2) >> 1 & 7));
		} else if ((v & 0xff) == CAP_MSIX) {
			d->msix_cap = at;
			d->info.msix = (u16)((config_read(d, at + 2, 2) & 0x7ff) + 1);
		} else if ((v & 0xff) == CAP_PCIE) {
			d->pcie_cap = at;
		}
		at = v >> 8 & 0xfc;
	}
}

/* Sizes by writing ones, with decoding off (PCI Local Bus 3.0, 6.2.5.1). */
static void size_bars(struct device *d)
{
	u32 command = config_read(d, CMD, 2);
	config_write(d, CMD, 2, command & ~(CMD_IO | CMD_MEM));
	for (u32 i = 0; i < 6; i++) {
		u32 reg = 0x10 + 4 * i, old = config_read(d, reg, 4);
		struct pcip_bar *b = &d->info.bar[i];
		config_write(d, reg, 4, 0xffffffff);
		u32 mask = config_read(d, reg, 4);
		config_write(d, reg, 4, old);
		if (mask == 0 || mask == 0xffffffff)
			continue;
		if (old & 1) {
			b->flags = PCIP_BAR_IO;
			b->addr = old & ~3u;
			b->len = (~((mask & ~3u) | 0xffff0000u) + 1) & 0xffff;
			continue;
		}
		u64 addr = old & ~15u;
		u64 size_mask = mask & ~15u;
		b->flags = old & 8 ? PCIP_BAR_PREFETCH : 0;
		if ((old & 6) == 4 && i < 5) {
			u32 high = config_read(d, reg + 4, 4);
			config_write(d, reg + 4, 4, 0xffffffff);
			size_mask |= (u64)config_read(d, reg + 4, 4) << 32;
			config_write(d, reg + 4, 4, high);
			addr |= (u64)high << 32;
			i++;
		} else {
			size_mask |= 0xffffffff00000000ull;
		}
		b->addr = addr;
		b->len = addr ? ~size_mask + 1 : 0;
	}
	config_write(d, CMD, 2, command);
}

static bool add_function(u32 bus, u32 dev, u32 fn)
{
	struct device probe = {.config = (u64)(bus - ecam_first) << 20 | dev << 15 | fn << 12};
	u32 id = config_read(&probe, 0, 4);
	if ((id & 0xffff) == 0xffff || ndevices == MAX_DEVICES)
		return false;
	u32 header = config_read(&probe, HEADER, 1);
	struct device *d = &devices[ndevices++];
	*d = probe;
	for (u32 i = 0; i < MAX_VECTORS; i++)
		d->vectors[i] = -1;
	d->dma = -1;
	d->info = (struct pcip_info){.bus = (u8)bus, .dev = (u8)dev, .fn = (u8)fn, .vendor = (u16)id, .device = (u16)(id >> 16),
		.revision = (u8)config_read(d, 8, 1), .class = config_read(d, 8, 4) >> 8};
	if ((header & 0x7f) == 0) {
		u32 sub = config_read(d, 0x2c, 4);
		d->info.sub_vendor = (u16)sub;
		d->info.sub_device = (u16)(sub >> 16);
		size_bars(d);
	}
	find_capabilities(d);
	return header & 0x80;
}

/* Whose memory holds the frame buffer that the firmware set up. */
static void find_framebuffer(void)
{
	struct weft_fb fb;
	if (weft_sys_ctl((u64)native_fd("res:log"), WEFT_SYS_BOOT, WEFT_BOOT_FB, PTR(&fb), sizeof(fb)) < 0)
		return;
	for (u32 i = 0; i < ndevices; i++)
		for (u32 k = 0; k < 6; k++) {
			const struct pcip_bar *b = &devices[i].info.bar[k];
			if (!(b->flags & PCIP_BAR_IO) && fb.phys >= b->addr && fb.phys - b->addr < b->len)
				devices[i].info.fb = fb;
		}
}

void config_scan(void)
{
	for (u32 bus = ecam_first; bus <= ecam_last; bus++)
		for (u32 dev = 0; dev < 32; dev++)
			if (add_function(bus, dev, 0))
				for (u32 fn = 1; fn < 8; fn++)
					add_function(bus, dev, fn);
	find_framebuffer();
}

static u32 capability_end(const struct device *d, u32 at)
{
	if (at == d->msix_cap)
		return at + 12;
	return at + (config_read(d, at + 2, 2) & 0x80 ? 24 : 20);
}

bool config_writable(const struct device *d, u32 offset, u32 width)
{
	u32 guarded[3] = {d->msi_cap, d->msix_cap, d->pcie_cap};
	if (offset < 0x40 || offset + width > 4096)
		return false;
	for (u32 i = 0; i < 3; i++) {
		u32 end = guarded[i] == d->pcie_cap ? guarded[i] + 60 : guarded[i] ? capability_end(d, guarded[i]) : 0;
		if (guarded[i] && offset < end && guarded[i] < offset + width)
			return false;
	}
	return true;
}

static i32 msix_vector(struct device *d, u32 index, i32 irq)
{
	u64 address;
	u32 data, table = config_read(d, d->msix_cap + 4, 4), bar = table & 7;
	if (!d->msix_table) {
		u64 len = ((u64)d->info.msix * 16 + 4095) & ~4095ull;
		if (bar > 5 || !d->info.bar[bar].len)
			return -EIO;
		u64 at = d->info.bar[bar].addr + (table & ~7u), page = at & ~4095ull;
		volatile void *p;
		int e = mmio_map(res_mem, page, len + 4096, WEFT_MEM_CACHE_UC, &p);
		if (e)
			return e;
		d->msix_table = (volatile char *)p + (at - page);
		config_write(d, CMD, 2, config_read(d, CMD, 2) | CMD_MEM | CMD_NO_INTX);
	}
	int e = irq_msi(irq, &address, &data);
	if (e)
		return e;
	mmio_write32(d->msix_table, index * 16ull + 12, 1);
	mmio_write32(d->msix_table, index * 16ull, (u32)address);
	mmio_write32(d->msix_table, index * 16ull + 4, (u32)(address >> 32));
	mmio_write32(d->msix_table, index * 16ull + 8, data);
	mmio_write32(d->msix_table, index * 16ull + 12, 0);
	config_write(d, d->msix_cap + 2, 2, (config_read(d, d->msix_cap + 2, 2) & 0x3fffu) | 0x8000u);
	return 0;
}

static i32 msi_vector(struct device *d, i32 irq)
{
	u64 address;
	u32 data, control = config_read(d, d->msi_cap + 2, 2);
	bool wide = control & 0x80;
	int e = irq_msi(irq, &address, &data);
	if (e)
		return e;
	config_write(d, d->msi_cap + 4, 4, (u32)address);
	if (wide)
		config_write(d, d->msi_cap + 8, 4, (u32)(address >> 32));
	config_write(d, d->msi_cap + (wide ? 12 : 8), 2, data);
	config_write(d, d->msi_cap + 2, 2, (control & ~0x70u) | 1);
	config_write(d, CMD, 2, config_read(d, CMD, 2) | CMD_NO_INTX);
	return 0;
}

i32 vector_get(struct device *d, u32 index, u64 *kind)
{
	*kind = d->info.msix ? 2 : 1;
	u32 n = d->info.msix ? d->info.msix : d->info.msi ? 1 : 0;
	if (n == 0)
		return -EOPNOTSUPP; /* lines need the firmware's routing tables */
	if (index >= n || index >= MAX_VECTORS)
		return -EINVAL;
	if (d->vectors[index] >= 0)
		return d->vectors[index];
	i32 irq = irq_open(res_msi, WEFT_IRQ_MSI);
	if (irq < 0)
		return irq;
	i32 e = d->info.msix ? msix_vector(d, index, irq) : msi_vector(d, irq);
	if (e < 0) {
		weft_fd_close((u64)irq);
		return e;
	}
	d->vectors[index] = irq;
	return irq;
}

static void function_level_reset(struct device *d)
{
	/* PCI Express Base 4.0, 6.6.2: 100 ms for the function to come back. Addresses are restored by hand. */
	u32 saved[16];
	if (!d->pcie_cap || !(config_read(d, d->pcie_cap + 4, 4) >> 28 & 1))
		return;
	for (u32 i = 0; i < 16; i++)
		saved[i] = config_read(d, 4 * i, 4);
	config_write(d, d->pcie_cap + 8, 2, config_read(d, d->pcie_cap + 8, 2) | 0x8000);
	weft_sleep(WEFT_CLOCK_MONOTONIC, (u64)(time_monotonic() + 100000000));
	for (u32 i = 4; i < 16; i++)
		config_write(d, 4 * i, 4, saved[i]);
}

void device_quiet(struct device *d)
{
	lock_take(&config_lock);
	config_write(d, CMD, 2, (config_read(d, CMD, 2) & ~CMD_MASTER) | CMD_NO_INTX);
	if (d->msix_cap)
		config_write(d, d->msix_cap + 2, 2, config_read(d, d->msix_cap + 2, 2) & 0x3fffu);
	if (d->msi_cap)
		config_write(d, d->msi_cap + 2, 2, config_read(d, d->msi_cap + 2, 2) & ~1u);
	for (u32 i = 0; i < MAX_VECTORS; i++) {
		if (d->vectors[i] >= 0)
			weft_fd_close((u64)d->vectors[i]);
		d->vectors[i] = -1;
	}
	function_level_reset(d);
	lock_drop(&config_lock);
}
