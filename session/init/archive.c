/* SPDX-License-Identifier: MIT */
/* An index of the boot archive's files by hash, and the memory objects made of those that were asked for. */
#include "init.h"

#include <stdlib.h>
#include <string.h>

struct image {
	struct image *next;
	const void *data;
	u64 size;
	i32 fd;
};
static const void *base;
static u64 base_size;
static struct cpio_entry *entries;
static u32 *slots, nentries, nslots; /* slots: index + 1 */
static struct image *images;

static u32 hash(const char *s)
{
	u32 h = 2166136261u;
	for (; *s; s++)
		h = (h ^ (u8)*s) * 16777619u;
	return h;
}

static void insert(u32 index)
{
	const char *name = entries[index].name;
	for (u32 i = hash(name);; i++) {
		u32 *slot = &slots[i & (nslots - 1)];
		/* A later file of the same name takes the place of the earlier one. */
		if (*slot == 0 || strcmp(entries[*slot - 1].name, name) == 0) {
			*slot = index + 1;
			return;
		}
	}
}

int archive_open(const struct weft_start *boot)
{
	struct cpio_entry e;
	u64 at = 0;
	int r;
	base_size = boot->boot_size;
	i64 a = weft_mem_map(-1, 0, (base_size + WEFT_PAGE_SIZE - 1) & ~(u64)(WEFT_PAGE_SIZE - 1),
		WEFT_PROT_READ | WEFT_MAP_SHARED, (u64)boot->boot, 0);
	if (a < 0)
		return (int)a;
	base = (const void *)a;
	while ((r = cpio_next(base, base_size, &at, &e)) > 0)
		nentries++;
	for (nslots = 64; nslots < 2 * nentries; nslots *= 2)
		;
	entries = calloc(nentries + 1, sizeof *entries);
	slots = calloc(nslots, sizeof *slots);
	if (!entries || !slots)
		return -ENOMEM;
	at = 0;
	for (u32 i = 0; i < nentries && cpio_next(base, base_size, &at, &entries[i]) > 0; i++)
		insert(i);
	return r;
}

int archive_find(const char *path, struct cpio_entry *out)
{
	while (*path == '/')
		path++;
	if (!nslots)
		return -ENOENT;
	for (u32 i = hash(path);; i++) {
		u32 slot = slots[i & (nslots - 1)];
		if (slot == 0)
			return -ENOENT;
		if (strcmp(entries[slot - 1].name, path) == 0) {
			*out = entries[slot - 1];
			return 0;
		}
	}
}

i32 archive_image(const char *path, u64 *size)
{
	struct cpio_entry e;
	int r = archive_find(path, &e);
	if (r < 0)
		return r;
	if ((e.mode & 0170000) != 0100000)
		return -EACCES;
	*size = e.size;
	for (struct image *i = images; i; i = i->next) {
		if (i->data == e.data && i->size == e.size)
			return i->fd;
	}
	struct image *i = malloc(sizeof *i);
	if (!i)
		return -ENOMEM;
	i32 fd = spawn_image(e.data, e.size);
	if (fd < 0) {
		free(i);
		return fd;
	}
	weft_mem_ctl(fd, WEFT_MEM_SET_NAME, PTR(e.name), strnlen(e.name, 255), 0);
	/* What many processes map must not be written by one. */
	i64 read_only = weft_fd_dup(fd, 0, WEFT_DUP_CLOEXEC | WEFT_DUP_PRIVATE | WEFT_DUP_MOVE,
		WEFT_RIGHT_READ | WEFT_RIGHT_EXEC | WEFT_RIGHT_MAP | WEFT_RIGHT_DUP);
	if (read_only >= 0)
		fd = (i32)read_only;
	*i = (struct image){.next = images, .data = e.data, .size = e.size, .fd = fd};
	images = i;
	return fd;
}

void archive_each(const char *prefix, void (*fn)(const struct cpio_entry *e))
{
	size_t n = strlen(prefix);
	struct cpio_entry now;
	for (u32 i = 0; i < nentries; i++) {
		if (strncmp(entries[i].name, prefix, n) != 0 || archive_find(entries[i].name, &now) < 0)
			continue;
		/* Hidden ones are passed over: a later file of that name comes by itself. */
		if (now.data == entries[i].data && now.name == entries[i].name)
			fn(&now);
	}
}
