/* SPDX-License-Identifier: MIT */
/* The list of devices in memory that outlives this process (`state` in its manifest). */
#include "pci.h"

#include <native/call.h>
#include <native/start.h>
#include <string.h>

#define MAGIC 0x49435057u

struct saved {
	u32 magic, n;
	struct found found[MAX_DEVICES];
};
_Static_assert(sizeof(struct saved) <= 65536, "the manifest's size");
_Static_assert(offsetof(struct found, pcie_cap) == offsetof(struct device, pcie_cap), "the same beginning");

static struct saved *saved;

static void new_device(struct device *d)
{
	for (u32 i = 0; i < MAX_VECTORS; i++)
		d->vectors[i] = -1;
	d->dma = -1;
}

bool state_load(void)
{
	i32 fd = native_fd("state");
	i64 at = fd < 0 ? fd :
		weft_mem_map(-1, 0, 65536, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_SHARED,
			(u64)fd, 0);

	if (at <= 0)
		return false;
	saved = (struct saved *)at;
	if (saved->magic != MAGIC || saved->n > MAX_DEVICES)
		return false;
	for (u32 i = 0; i < saved->n; i++) {
		memcpy(&devices[i], &saved->found[i], sizeof(saved->found[i]));
		new_device(&devices[i]);
	}
	ndevices = saved->n;
	return true;
}

void state_save(void)
{
	if (!saved)
		return;
	for (u32 i = 0; i < ndevices; i++)
		memcpy(&saved->found[i], &devices[i], sizeof(saved->found[i]));
	saved->n = ndevices;
	__atomic_store_n(&saved->magic, MAGIC, __ATOMIC_RELEASE);
}
