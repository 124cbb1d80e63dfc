/* SPDX-License-Identifier: MIT */
/* DMA memory and pins: what a device may still write to. (mm/pin.c) */
#ifndef MM_PIN_H
#define MM_PIN_H

#include "memobj.h"

int dma_create(struct resource *res, u64 size, u32 flags,
	struct memobj **out); /* takes its own reference of res */
void dma_object_gone(struct memobj *m);
int pin_create(struct memobj *m, u64 first, u64 n, struct resource *res, u64 *bus,
	struct object **out);
int dma_release(struct object *o); /* WEFT_MEM_RELEASE */

#endif
