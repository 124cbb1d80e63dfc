/* SPDX-License-Identifier: MIT */
#include "gpt.h"

#include <weft/errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_MIN  92u
#define ARRAY_MAX   (256u * 1024)
#define ENTRY_MIN   128u
#define ENTRY_LIMIT 4096u

struct header {
	u8 signature[8];
	u32 revision, size, crc, reserved;
	u64 here, other, first_usable, last_usable;
	u8 id[16];
	u64 entries_at;
	u32 nentries, entry_size, entries_crc;
} __attribute__((packed));
_Static_assert(sizeof(struct header) == HEADER_MIN, "GPT header");

struct entry {
	u8 type[16], id[16];
	u64 first, last, attributes;
	u16 name[36];
} __attribute__((packed));
_Static_assert(sizeof(struct entry) == ENTRY_MIN, "GPT entry");

u32 gpt_crc32(const void *data, u64 len)
{
	u32 crc = ~0u;

	for (const u8 *p = data; len--; p++) {
		crc ^= *p;
		for (u32 bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

void gpt_guid_text(const u8 g[16], char *out)
{
	snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", g[3],
		g[2], g[1], g[0], g[5], g[4], g[7], g[6], g[8], g[9], g[10], g[11], g[12], g[13],
		g[14], g[15]);
}

/* Names are for people: what is no character, or would be a line's end in a text file, becomes '?'. */
static void name_text(const struct entry *e, char *out)
{
	u32 at = 0;
	u16 name[36];

	memcpy(name, e->name, sizeof(name));
	for (u32 i = 0; i < 36 && name[i]; i++) {
		u32 c = name[i];

		if (c < 0x20 || c == 0x7f || (c >= 0xd800 && c < 0xe000))
			c = '?';
		if (c < 0x80) {
			out[at++] = (char)c;
		} else if (c < 0x800) {
			out[at++] = (char)(0xc0 | c >> 6);
			out[at++] = (char)(0x80 | (c & 0x3f));
		} else {
			out[at++] = (char)(0xe0 | c >> 12);
			out[at++] = (char)(0x80 | (c >> 6 & 0x3f));
			out[at++] = (char)(0x80 | (c & 0x3f));
		}
	}
	out[at] = 0;
}

/* 0; -ENOENT: no header at all; -EINVAL: one that is not sound. */
static int read_header(const struct gpt_disk *d, u64 at, struct header *h)
{
	u8 *block = malloc(d->block_size);
	int e = block ? d->read(d, at, 1, block) : -ENOMEM;
	u32 crc;

	if (e)
		goto out;
	memcpy(h, block, sizeof(*h));
	e = -ENOENT;
	if (memcmp(h->signature, "EFI PART", 8) != 0)
		goto out;
	e = -EINVAL;
	if (h->revision >> 16 != 1 || h->size < HEADER_MIN || h->size > d->block_size)
		goto out;
	crc = h->crc;
	memset(block + offsetof(struct header, crc), 0, 4);
	if (gpt_crc32(block, h->size) != crc || h->here != at)
		goto out;
	if (h->first_usable > h->last_usable || h->last_usable >= d->blocks ||
		h->entries_at < 2 || h->entries_at >= d->blocks)
		goto out;
	if (h->entry_size < ENTRY_MIN || h->entry_size > ENTRY_LIMIT ||
		(h->entry_size & (h->entry_size - 1)) || h->nentries == 0 ||
		h->nentries > ARRAY_MAX / h->entry_size)
		goto out;
	e = 0;
out:
	free(block);
	return e;
}

static int overlaps(const struct gpt *g, u64 first, u64 count)
{
	for (u32 i = 0; i < g->n; i++) {
		const struct gpt_partition *p = &g->part[i];

		if (first < p->first + p->count && p->first < first + count)
			return 1;
	}
	return 0;
}

static int take_entries(const struct header *h, const u8 *array, struct gpt *out)
{
	static const u8 unused[16];

	for (u32 i = 0; i < h->nentries; i++) {
		struct entry e;

		memcpy(&e, array + (u64)i * h->entry_size, sizeof(e));
		if (memcmp(e.type, unused, 16) == 0)
			continue;
		if (out->n == GPT_MAX || e.first > e.last || e.first < h->first_usable ||
			e.last > h->last_usable || overlaps(out, e.first, e.last - e.first + 1))
			return -EINVAL;
		struct gpt_partition *p = &out->part[out->n++];

		*p = (struct gpt_partition){.number = i + 1, .first = e.first,
			.count = e.last - e.first + 1, .attributes = e.attributes};
		memcpy(p->type, e.type, 16);
		memcpy(p->id, e.id, 16);
		name_text(&e, p->name);
	}
	return 0;
}

static int read_table(const struct gpt_disk *d, u64 at, struct gpt *out)
{
	struct header h;
	int e = read_header(d, at, &h);

	if (e)
		return e;
	u64 size = (u64)h.nentries * h.entry_size;
	u32 blocks = (u32)((size + d->block_size - 1) / d->block_size);

	/* The array lies outside of what partitions may use, and on the disk. */
	if (blocks > d->blocks - h.entries_at ||
		(h.entries_at <= h.last_usable && h.entries_at + blocks > h.first_usable))
		return -EINVAL;
	u8 *array = malloc((u64)blocks * d->block_size);

	if (!array)
		return -ENOMEM;
	memset(out, 0, sizeof(*out));
	memcpy(out->id, h.id, 16);
	e = d->read(d, h.entries_at, blocks, array);
	if (!e && gpt_crc32(array, size) != h.entries_crc)
		e = -EINVAL;
	if (!e)
		e = take_entries(&h, array, out);
	free(array);
	return e;
}

int gpt_read(const struct gpt_disk *d, struct gpt *out)
{
	if (d->block_size < 512 || d->block_size > 4096 || d->blocks < 6)
		return -ENOENT;
	int first = read_table(d, 1, out);

	if (first == 0)
		return 0;
	int second = read_table(d, d->blocks - 1, out);

	if (second == 0) {
		out->backup = true;
		return 0;
	}
	out->n = 0;
	/* A table that was there is worth more words than one that never was. */
	return first == -ENOENT ? second : first;
}
