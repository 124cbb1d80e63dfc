/* SPDX-License-Identifier: MIT */
/* Modes and sizes out of an EDID (edid.c). Stands alone: the host tests use it without the rest of the core. */
#ifndef DRM_EDID_H
#define DRM_EDID_H

#include <drm_mode.h>
#include <stdbool.h>
#include <weft/types.h>

#define EDID_MODES 48

struct edid_info {
	u32 mm_width, mm_height; /* of the picture; 0: not said */
	bool exact; /* in millimetres, from a descriptor, and not rounded to centimetres */
	char name[14];
	struct drm_mode_modeinfo modes[EDID_MODES];
	u32 nmodes;
};

/** Length of the whole blocks of an EDID with right header and checksums, at most len; 0: it is none. */
u32 edid_length(const u8 *p, u32 len);
/** Fills *out. 0, or -1: not an EDID. Any bytes may be given. */
int edid_parse(const u8 *p, u32 len, struct edid_info *out);

/** A mode with the timings of CVT reduced blanking. */
void mode_make(struct drm_mode_modeinfo *m, u32 w, u32 h, u32 hz);
void mode_name(struct drm_mode_modeinfo *m);

#endif
