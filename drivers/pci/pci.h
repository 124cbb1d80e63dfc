/* SPDX-License-Identifier: MIT */
/*
 * drivers/pci: the only one that touches configuration space (ECAM, PCI Express Base 4.0, 7.2.2).
 *   config.c  configuration access, enumeration, capabilities, vectors
 *   serve.c   scheme pci (native/pciproto.h)
 *   state.c   what a successor of this process must know
 *   start.c   a thread for each device that has a driver: starts it, waits for its end, quiets the device, starts it again
 */
#ifndef PCI_PCI_H
#define PCI_PCI_H

#include <native/io.h>
#include <native/pciproto.h>
#include <native/server.h>
#include <native/thread.h>

#define MAX_DEVICES 128
#define MAX_VECTORS 64
#define HANDLE_DEVICE 0xffffu

struct found {
	struct pcip_info info;
	u64 config;	/* offset of its function in the ECAM window */
	u32 msix_cap, msi_cap, pcie_cap;
};

struct device {
	struct pcip_info info; /* begins as struct found does */
	u64 config;
	u32 msix_cap, msi_cap, pcie_cap;
	volatile void *msix_table;
	i32 vectors[MAX_VECTORS]; /* interrupt objects, -1: not made */
	i32 dma;	/* resource that owns what the driver pinned */
	struct nthread thread;
	u32 starts;
};

extern struct device devices[MAX_DEVICES];
extern u32 ndevices;
extern struct lock config_lock; /* configuration space and vectors */
extern i32 res_mem, res_msi, res_dma;
extern struct server server;

int config_init(void);
void config_scan(void);
u32 config_read(const struct device *d, u32 offset, u32 width);
void config_write(const struct device *d, u32 offset, u32 width, u32 value);
bool config_writable(const struct device *d, u32 offset, u32 width);
/* The interrupt object of a vector, made at the first call. -> fd; *kind as PCIP_VECTOR says. */
i32 vector_get(struct device *d, u32 index, u64 *kind);
/* After its driver's death: no more DMA or interrupts, then a reset if it can. */
void device_quiet(struct device *d);

/* What a predecessor found: true, and the devices are as it had them. BARs must not be sized again while drivers use them. */
bool state_load(void);
void state_save(void);

int serve_run(void);
void drivers_start(int argc, char **argv);

#endif
