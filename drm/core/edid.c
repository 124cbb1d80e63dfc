/* SPDX-License-Identifier: MIT */
/*
 * What the core itself reads of an EDID (VESA E-EDID 1.4; CTA-861 for its extension): modes, preferred first, and the size of the picture.
 * Everything else is the clients' to read, from the blob, with libdisplay-info.
 *
 * Base block, 128 bytes: header, 21 and 22 size in cm, 35 to 37 established timings, 38 to 53 standard timings, 54 to 125 four
 * descriptors, 126 number of extensions, 127 checksum. Extension: tag 2, revision, where its descriptors begin.
 */
#include "edid.h"

#include <stdio.h>
#include <string.h>

#define BLOCK 128
#define DESCRIPTOR 18

void mode_name(struct drm_mode_modeinfo *m)
{
	snprintf(m->name, sizeof(m->name), "%ux%u%s", m->hdisplay, m->vdisplay, m->flags & DRM_MODE_FLAG_INTERLACE ? "i" : "");
}

/* Timings as VESA CVT 1.2 reduced blanking version 2 has them: 80 pixels of horizontal blanking, at least 460 us of vertical. */
void mode_make(struct drm_mode_modeinfo *m, u32 w, u32 h, u32 hz)
{
	u32 vblank = 1;
	while ((u64)vblank * 1000000 < 460ull * hz * (h + vblank))
		vblank++;
	if (vblank < 15)
		vblank = 15;
	*m = (struct drm_mode_modeinfo){.hdisplay = (u16)w, .hsync_start = (u16)(w + 8), .hsync_end = (u16)(w + 40), .htotal = (u16)(w + 80),
		.vdisplay = (u16)h, .vsync_start = (u16)(h + vblank - 14), .vsync_end = (u16)(h + vblank - 6), .vtotal = (u16)(h + vblank),
		.vrefresh = hz, .flags = DRM_MODE_FLAG_PHSYNC | DRM_MODE_FLAG_NVSYNC, .type = DRM_MODE_TYPE_DRIVER};
	m->clock = (u32)((u64)m->htotal * m->vtotal * hz / 1000);
	mode_name(m);
}

/* Adds a mode unless there is one of its size and rate. */
static void add(struct edid_info *out, const struct drm_mode_modeinfo *m)
{
	for (u32 i = 0; i < out->nmodes; i++)
		if (out->modes[i].hdisplay == m->hdisplay && out->modes[i].vdisplay == m->vdisplay && out->modes[i].vrefresh == m->vrefresh &&
			!((out->modes[i].flags ^ m->flags) & DRM_MODE_FLAG_INTERLACE)) {
			out->modes[i].type |= m->type & DRM_MODE_TYPE_PREFERRED;
			return;
		}
	if (out->nmodes < EDID_MODES)
		out->modes[out->nmodes++] = *m;
}

/* A detailed timing descriptor (3.10.2). false: it is not one, or nonsense. */
static bool detailed(const u8 *d, struct drm_mode_modeinfo *m, struct edid_info *size)
{
	u32 clock = (d[0] | d[1] << 8) * 10;
	u32 ha = d[2] | (d[4] & 0xf0) << 4, hb = d[3] | (d[4] & 0xf) << 8, va = d[5] | (d[7] & 0xf0) << 4, vb = d[6] | (d[7] & 0xf) << 8;
	u32 hso = d[8] | (d[11] & 0xc0) << 2, hsw = d[9] | (d[11] & 0x30) << 4;
	u32 vso = d[10] >> 4 | (d[11] & 0xc) << 2, vsw = (d[10] & 0xf) | (d[11] & 3) << 4;
	if (!clock || ha < 64 || va < 64 || !hb || !vb || hso + hsw > hb || vso + vsw > vb)
		return false;
	*m = (struct drm_mode_modeinfo){.clock = clock, .hdisplay = (u16)ha, .hsync_start = (u16)(ha + hso), .hsync_end = (u16)(ha + hso + hsw),
		.htotal = (u16)(ha + hb), .vdisplay = (u16)va, .vsync_start = (u16)(va + vso), .vsync_end = (u16)(va + vso + vsw),
		.vtotal = (u16)(va + vb), .type = DRM_MODE_TYPE_DRIVER};
	if ((d[17] & 0x18) == 0x18)
		m->flags = (d[17] & 2 ? DRM_MODE_FLAG_PHSYNC : DRM_MODE_FLAG_NHSYNC) | (d[17] & 4 ? DRM_MODE_FLAG_PVSYNC : DRM_MODE_FLAG_NVSYNC);
	if (d[17] & 0x80) { /* fields: the frame has twice as many lines, and one more */
		m->flags |= DRM_MODE_FLAG_INTERLACE;
		m->vdisplay = (u16)(2 * m->vdisplay);
		m->vsync_start = (u16)(2 * m->vsync_start);
		m->vsync_end = (u16)(2 * m->vsync_end);
		m->vtotal = (u16)(2 * m->vtotal + 1);
	}
	u32 dots = (u32)m->htotal * m->vtotal;
	m->vrefresh = (u32)(((u64)clock * 1000 * (m->flags & DRM_MODE_FLAG_INTERLACE ? 2 : 1) + dots / 2) / dots);
	if (!m->vrefresh || m->vrefresh > 1000)
		return false;
	mode_name(m);
	if (size && !size->exact) {
		u32 w = d[12] | (d[14] & 0xf0) << 4, h = d[13] | (d[14] & 0xf) << 8;
		if (w && h) {
			size->mm_width = w;
			size->mm_height = h;
			size->exact = true;
		}
	}
	return true;
}

static void established(const u8 *e, struct edid_info *out)
{
	static const struct {
		u16 w, h;
		u8 hz; /* 0: an interlaced or Macintosh mode that is left out */
	} table[17] = {{800, 600, 60}, {800, 600, 56}, {640, 480, 75}, {640, 480, 72}, {640, 480, 67}, {640, 480, 60}, {720, 400, 88},
		{720, 400, 70}, {1280, 1024, 75}, {1024, 768, 75}, {1024, 768, 70}, {1024, 768, 60}, {1024, 768, 0}, {832, 624, 75},
		{800, 600, 75}, {800, 600, 72}, {1152, 870, 75}};
	u32 bits = e[0] | (u32)e[1] << 8 | (u32)(e[2] >> 7) << 16;
	for (u32 i = 0; i < 17; i++) {
		struct drm_mode_modeinfo m;
		if (!(bits >> i & 1) || !table[i].hz)
			continue;
		mode_make(&m, table[i].w, table[i].h, table[i].hz);
		add(out, &m);
	}
}

/* 3.9: width, ratio and rate in two bytes. */
static void standard(const u8 *s, bool old, struct edid_info *out)
{
	struct drm_mode_modeinfo m;
	u32 w = (s[0] + 31u) * 8, h;
	if (s[0] == 0 || (s[0] == 1 && s[1] == 1))
		return;
	switch (s[1] >> 6) {
	case 0:
		h = old ? w : w * 10 / 16;
		break;
	case 1:
		h = w * 3 / 4;
		break;
	case 2:
		h = w * 4 / 5;
		break;
	default:
		h = w * 9 / 16;
	}
	mode_make(&m, w, h, (s[1] & 0x3f) + 60u);
	add(out, &m);
}

/* CTA-861 5.1: the formats that displays do have, by their code. */
static void video_code(u8 code, struct edid_info *out)
{
	static const struct {
		u8 code, hz;
		u16 w, h, htotal, vtotal, hso, hsw, vso, vsw;
		u32 clock;
		bool positive;
	} table[] = {
		{1, 60, 640, 480, 800, 525, 16, 96, 10, 2, 25175, false},
		{4, 60, 1280, 720, 1650, 750, 110, 40, 5, 5, 74250, true},
		{16, 60, 1920, 1080, 2200, 1125, 88, 44, 4, 5, 148500, true},
		{19, 50, 1280, 720, 1980, 750, 440, 40, 5, 5, 74250, true},
		{31, 50, 1920, 1080, 2640, 1125, 528, 44, 4, 5, 148500, true},
		{32, 24, 1920, 1080, 2750, 1125, 638, 44, 4, 5, 74250, true},
		{34, 30, 1920, 1080, 2200, 1125, 88, 44, 4, 5, 74250, true},
		{95, 30, 3840, 2160, 4400, 2250, 176, 88, 8, 10, 297000, true},
		{97, 60, 3840, 2160, 4400, 2250, 176, 88, 8, 10, 594000, true},
	};
	for (u32 i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		__typeof__(&table[0]) t = &table[i];
		if (t->code != code)
			continue;
		struct drm_mode_modeinfo m = {.clock = t->clock, .hdisplay = t->w, .hsync_start = t->w + t->hso, .hsync_end = t->w + t->hso + t->hsw,
			.htotal = t->htotal, .vdisplay = t->h, .vsync_start = t->h + t->vso, .vsync_end = t->h + t->vso + t->vsw, .vtotal = t->vtotal,
			.vrefresh = t->hz, .type = DRM_MODE_TYPE_DRIVER,
			.flags = t->positive ? DRM_MODE_FLAG_PHSYNC | DRM_MODE_FLAG_PVSYNC : DRM_MODE_FLAG_NHSYNC | DRM_MODE_FLAG_NVSYNC};
		mode_name(&m);
		add(out, &m);
	}
}

static void cta_extension(const u8 *b, struct edid_info *out)
{
	struct drm_mode_modeinfo m;
	u32 end = b[2] >= 4 && b[2] <= BLOCK - 1 ? b[2] : 4;
	for (u32 at = end; b[2] >= 4 && at + DESCRIPTOR < BLOCK; at += DESCRIPTOR)
		if (detailed(b + at, &m, NULL))
			add(out, &m);
	if (b[1] < 3)
		return;
	for (u32 at = 4; at < end;) {
		u32 tag = b[at] >> 5, len = b[at] & 0x1f;
		for (u32 i = 1; tag == 2 && i <= len && at + i < end; i++)
			video_code(b[at + i] & 0x80 && (b[at + i] & 0x7f) <= 64 ? b[at + i] & 0x7f : b[at + i], out);
		at += 1 + len;
	}
}

static bool checksum(const u8 *b)
{
	u8 sum = 0;
	for (u32 i = 0; i < BLOCK; i++)
		sum = (u8)(sum + b[i]);
	return sum == 0;
}

u32 edid_length(const u8 *p, u32 len)
{
	static const u8 header[8] = {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};
	if (len < BLOCK || memcmp(p, header, sizeof(header)) != 0 || !checksum(p))
		return 0;
	u32 blocks = 1;
	while (blocks <= p[126] && (blocks + 1) * BLOCK <= len && checksum(p + blocks * BLOCK))
		blocks++;
	return blocks * BLOCK;
}

int edid_parse(const u8 *p, u32 len, struct edid_info *out)
{
	struct drm_mode_modeinfo m;
	memset(out, 0, sizeof(*out));
	len = edid_length(p, len);
	if (!len || p[18] != 1)
		return -1;
	if (p[21] && p[22]) {
		out->mm_width = p[21] * 10u;
		out->mm_height = p[22] * 10u;
	}
	/* The first descriptor is the preferred mode: since 1.4 always, before that if bit 1 of the features says so. */
	bool preferred = p[19] >= 4 || (p[24] & 2);
	for (u32 i = 0; i < 4; i++) {
		const u8 *d = p + 54 + i * DESCRIPTOR;
		if (detailed(d, &m, out)) {
			if (i == 0 && preferred)
				m.type |= DRM_MODE_TYPE_PREFERRED;
			add(out, &m);
		} else if (!d[0] && !d[1] && d[3] == 0xfc) {
			memcpy(out->name, d + 5, 13);
			for (u32 k = 0; k < 13; k++)
				if (out->name[k] == '\n')
					memset(out->name + k, 0, 13 - k);
		} else if (!d[0] && !d[1] && d[3] == 0xfa) {
			for (u32 k = 0; k < 6; k++)
				standard(d + 5 + 2 * k, p[19] < 3, out);
		}
	}
	for (u32 k = 0; k < 8; k++)
		standard(p + 38 + 2 * k, p[19] < 3, out);
	established(p + 35, out);
	for (u32 at = BLOCK; at < len; at += BLOCK)
		if (p[at] == 2)
			cta_extension(p + at, out);
	return 0;
}
