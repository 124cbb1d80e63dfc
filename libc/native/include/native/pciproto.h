/* SPDX-License-Identifier: MIT */
/*
 * What a PCI driver asks of drivers/pci. It is started with: "pci", a handle of scheme `pci` for its own device only; "bar0" .. "bar5", a WEFT_RES_MEM
 * resource for each memory BAR (PCI Local Bus 3.0, 6.2.5.1); "dma", a WEFT_RES_DMA resource. Anybody may list the devices on the root handle.
 */
#ifndef NATIVE_PCIPROTO_H
#define NATIVE_PCIPROTO_H

#include <weft/scheme.h>
#include <weft/sys.h>

enum pcip_op {
	/* Device handle. Buffer 0 OUT: struct pcip_info */
	PCIP_INFO = WEFT_OP_USER,
	/* Device handle. args: offset, width 1, 2 or 4 (aligned). -> value */
	PCIP_READ,
	/* Device handle. args: offset, width, value. Only from 0x40 on, and not MSI, MSI-X and power capabilities: -EPERM */
	PCIP_WRITE,
	/* Device handle. args: bits of the command register wanted: 1 ports, 2 memory, 4 bus master */
	PCIP_ENABLE,
	/* Device handle. args: vector index. -> fds_out[0]: interrupt object (sys.h). MSI-X entry, MSI (index 0), or the line; out[0] = 2, 1, 0 */
	PCIP_VECTOR,
	/* Root handle. Buffer 0 OUT: struct pcip_info[]. -> number of devices */
	PCIP_LIST,
};

struct pcip_bar {
	u64 addr, len;	/* len 0: none */
	u32 flags;	/* PCIP_BAR_* */
	u32 pad;
};
#define PCIP_BAR_IO 0x1u
#define PCIP_BAR_PREFETCH 0x2u
struct pcip_info {
	u16 segment;
	u8 bus, dev, fn;
	u8 revision;
	u16 vendor, device, sub_vendor, sub_device;
	u32 class;	/* base << 16 | sub << 8 | interface */
	u16 msix;	/* vectors, 0: none */
	u16 msi;
	struct pcip_bar bar[6];
	char driver[32]; /* manifest that serves it; empty: none */
	struct weft_fb fb; /* the frame buffer that the firmware left in its memory; width 0: none */
};

#endif
