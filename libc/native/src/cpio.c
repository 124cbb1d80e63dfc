/* SPDX-License-Identifier: MIT */
/*
 * newc: a header of 6 magic bytes and 13 fields of 8 hex digits, the name with its NUL, padding to 4, the data, padding to 4. The entry
 * "TRAILER!!!" ends an archive; zero bytes may lie between archives. Every length is checked against what is there.
 */
#include <native/cpio.h>
#include <weft/errno.h>
#include <string.h>

#define HEADER 110

static int hex_field(const u8 *p, u32 *out)
{
	u32 value = 0;
	for (int i = 0; i < 8; i++) {
		u8 c = p[i];
		u32 digit;
		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if (c >= 'a' && c <= 'f')
			digit = c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			digit = c - 'A' + 10;
		else
			return -EINVAL;
		value = value << 4 | digit;
	}
	*out = value;
	return 0;
}

static int parse_entry(const u8 *base, u64 size, u64 *at, struct cpio_entry *out)
{
	if (size - *at < HEADER || memcmp(base + *at, "070701", 6) != 0)
		return -EINVAL;
	u32 f[13];
	for (int i = 0; i < 13; i++) {
		if (hex_field(base + *at + 6 + 8 * i, &f[i]) < 0)
			return -EINVAL;
	}
	u64 name = *at + HEADER, name_len = f[11], data_len = f[6];
	u64 data = (name + name_len + 3) & ~3ul;
	if (name_len == 0 || data > size || data_len > size - data || base[name + name_len - 1] != 0)
		return -EINVAL;
	const char *text = (const char *)base + name;
	while (*text == '/')
		text++;
	*out = (struct cpio_entry){.name = text, .mode = f[1], .uid = f[2], .gid = f[3], .mtime = f[5],
		.rdev_major = f[9], .rdev_minor = f[10], .data = base + data, .size = data_len};
	u64 next = (data + data_len + 3) & ~3ul;
	*at = next > size ? size : next;
	return 0;
}

int cpio_next(const void *base, u64 size, u64 *at, struct cpio_entry *out)
{
	const u8 *bytes = base;
	for (;;) {
		while (*at < size && bytes[*at] == 0)
			(*at)++;
		if (*at >= size)
			return 0;
		int r = parse_entry(bytes, size, at, out);
		if (r < 0)
			return r;
		if (strcmp(out->name, "TRAILER!!!") != 0)
			return 1;
	}
}

int cpio_find(const void *base, u64 size, const char *name, struct cpio_entry *out)
{
	struct cpio_entry e;
	u64 at = 0;
	int r, found = -ENOENT;
	while (*name == '/')
		name++;
	while ((r = cpio_next(base, size, &at, &e)) > 0) {
		if (strcmp(e.name, name) == 0) {
			*out = e;
			found = 0;
		}
	}
	return r < 0 ? r : found;
}
