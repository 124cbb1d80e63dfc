/* SPDX-License-Identifier: MIT */
#ifndef FIRMWARE_FIRMWARE_H
#define FIRMWARE_FIRMWARE_H

#include <driver/pci.h>
#include <native/gpuproto.h>

#include <stdbool.h>

/* bochs.c. bochs_start: fills the output's EDID; sets a mode, and fills fb, where that is empty. 0 or a negative errno. */
bool bochs_is(const struct pci_device *d);
int bochs_start(struct pci_device *d, struct gpup_output *o, struct weft_fb *fb);

#endif
