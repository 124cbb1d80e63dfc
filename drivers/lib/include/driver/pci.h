/* SPDX-License-Identifier: MIT */
/* A driver's own PCI device, through drivers/pci (native/pciproto.h). Every function: 0 or a negative errno. */
#ifndef DRIVER_PCI_H
#define DRIVER_PCI_H

#include <native/io.h>
#include <native/pciproto.h>

struct pci_device {
	i32 handle, dma;
	struct pcip_info info;
};

int pci_open(struct pci_device *d);
int pci_enable(struct pci_device *d, u32 bits);
int pci_read(struct pci_device *d, u32 offset, u32 width, u32 *out);
int pci_write(struct pci_device *d, u32 offset, u32 width, u32 value);
int pci_map_bar(struct pci_device *d, u32 bar, u64 offset, u64 len, u32 cache, volatile void **out);
/** An interrupt fd for a vector; *msix tells whether it is an MSI-X one (NULL allowed). -> fd or a negative errno. */
i32 pci_vector(struct pci_device *d, u32 index, bool *msix);
/** Walks the capability list: the next one with this id after *pos (0: from the start). -ENOENT at the end. */
int pci_capability(struct pci_device *d, u8 id, u32 *pos);

#endif
