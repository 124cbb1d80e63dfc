/* SPDX-License-Identifier: MIT */
/*
 * GUID partition tables (UEFI 2.10, 5.3). The table is not trusted: whatever a disk holds, reading it ends
 * with a sound list of partitions or with an error.
 */
#ifndef BLOCK_GPT_H
#define BLOCK_GPT_H

#include <weft/types.h>

#define GPT_MAX 128  /* partitions; one beyond that is an error */
#define GPT_NAME 112 /* 36 characters of UTF-16 as UTF-8, NUL-terminated */

struct gpt_partition {
	u32 number;	  /* 1 for the first entry */
	u64 first, count; /* logical blocks */
	u64 attributes;
	u8 type[16], id[16]; /* as on the disk */
	char name[GPT_NAME];
};

struct gpt {
	u8 id[16];
	bool backup; /* the primary table was bad */
	u32 n;
	struct gpt_partition part[GPT_MAX]; /* by number */
};

struct gpt_disk {
	u64 blocks;
	u32 block_size; /* 512 to 4096 */
	/* Reads n blocks. 0 or a negative errno. */
	int (*read)(const struct gpt_disk *d, u64 block, u32 n, void *to);
	void *ctx;
};

/**
 * Reads the primary table, or the backup where that is bad. 0; -ENOENT: neither is there; -EINVAL: there is
 * one, but none that is sound; -ENOMEM; or what read gave. Blocks as read does.
 */
int gpt_read(const struct gpt_disk *d, struct gpt *out);
/** "4F68BCE3-..." as lower case text; out has 37 bytes. */
void gpt_guid_text(const u8 guid[16], char *out);
u32 gpt_crc32(const void *data, u64 len);

#endif
