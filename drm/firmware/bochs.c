/* SPDX-License-Identifier: MIT */
/*
 * QEMU's standard VGA (docs/specs/standard-vga): BAR 0 is video memory, BAR 2 has the EDID at 0 and, at 0x500, the 16-bit registers of
 * Bochs' display interface. Used where no firmware has set a mode.
 */
#include "firmware.h"

#include <weft/errno.h>

#include <string.h>

#define REGISTERS 0x500
enum { DISPI_ID, DISPI_WIDTH, DISPI_HEIGHT, DISPI_BPP, DISPI_ENABLE, DISPI_BANK, DISPI_VIRT_WIDTH, DISPI_VIRT_HEIGHT, DISPI_X, DISPI_Y };
#define ENABLED 0x01
#define LINEAR 0x40
#define VBE_INDEX 0x400 /* VGA ports 0x3c0.. in memory */

bool bochs_is(const struct pci_device *d)
{
	return d->info.vendor == 0x1234 && d->info.device == 0x1111 && d->info.bar[2].len >= 0x600;
}

static void put(volatile void *mmio, u32 reg, u16 value)
{
	mmio_write16(mmio, REGISTERS + reg * 2, value);
}

int bochs_start(struct pci_device *d, struct gpup_output *o, struct weft_fb *fb)
{
	volatile void *mmio;
	int e = pci_map_bar(d, 2, 0, 0x1000 < d->info.bar[2].len ? 0x1000 : d->info.bar[2].len, WEFT_MEM_CACHE_UC, &mmio);
	if (e)
		return e;
	for (u32 i = 0; i < 256; i++)
		o->edid[i] = mmio_read8(mmio, i);
	o->edid_len = o->edid[0] == 0 && o->edid[1] == 0xff ? 256 : 0;
	if (fb->width)
		return 0;
	if ((mmio_read16(mmio, REGISTERS) & 0xfff0) != 0xb0c0)
		return -ENODEV;
	/* The first timing of the EDID is what the display likes best. */
	const u8 *t = o->edid + 54;
	u32 w = t[2] | (t[4] & 0xf0) << 4, h = t[5] | (t[7] & 0xf0) << 4;
	if (!o->edid_len || w < 640 || h < 480 || (u64)w * h * 4 > d->info.bar[0].len) {
		w = 1024;
		h = 768;
	}
	put(mmio, DISPI_ENABLE, 0);
	put(mmio, DISPI_BPP, 32);
	put(mmio, DISPI_WIDTH, (u16)w);
	put(mmio, DISPI_HEIGHT, (u16)h);
	put(mmio, DISPI_VIRT_WIDTH, (u16)w);
	put(mmio, DISPI_VIRT_HEIGHT, (u16)h);
	put(mmio, DISPI_BANK, 0);
	put(mmio, DISPI_X, 0);
	put(mmio, DISPI_Y, 0);
	put(mmio, DISPI_ENABLE, ENABLED | LINEAR);
	mmio_write8(mmio, VBE_INDEX, 0x20); /* attribute controller: the screen is on */
	*fb = (struct weft_fb){.phys = d->info.bar[0].addr, .width = w, .height = h, .pitch = w * 4, .bpp = 32, .red_pos = 16, .red_size = 8,
		.green_pos = 8, .green_size = 8, .blue_pos = 0, .blue_size = 8};
	return 0;
}
