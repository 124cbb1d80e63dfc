/* SPDX-License-Identifier: MIT */
/*
 * Metadata blocks in memory, and libext2fs's io_manager on them.
 *
 * Every block is clean, or dirty (on `dirty`, in the order of the first change). A block that is
 * freed is forgotten, so that an old copy of it is never written over what comes to lie there. A
 * flush copies neighbouring dirty blocks, drops the lock and writes them; meanwhile their place
 * stands in x->flush_at, and whoever writes file contents there waits (cache_await). Before the
 * file system's block size is known nothing is kept.
 */
#include "ext4.h"

#include <stdlib.h>

#define BUCKETS	     4096u
#define FLUSH_BLOCKS 32u
#define READ_AHEAD   16u

static struct ext4 *owner;
static struct ext4_device *device;
static struct cbuf *buckets[BUCKETS];
static struct fs_list lru, dirty;
static u32 unit, count, limit;
static u64 device_blocks;

int cache_init(struct ext4 *x, struct ext4_device *dev, u32 blocks)
{
	owner = x;
	device = dev;
	limit = blocks;
	fsl_init(&lru);
	fsl_init(&dirty);
	return 0;
}

void cache_set_unit(u32 block_size)
{
	unit = block_size;
	device_blocks = device_size(device) / unit;
}

static struct cbuf **bucket(u64 block)
{
	return &buckets[(block * 0x9e3779b97f4a7c15ull >> 40) % BUCKETS];
}

static struct cbuf *find(u64 block)
{
	struct cbuf *b = *bucket(block);
	while (b && b->block != block)
		b = b->hash_next;
	return b;
}

static void unhash(struct cbuf *b)
{
	struct cbuf **p = bucket(b->block);
	while (*p != b)
		p = &(*p)->hash_next;
	*p = b->hash_next;
}

static void drop(struct cbuf *b)
{
	unhash(b);
	fsl_remove(&b->lru);
	fsl_remove(&b->dirty_link);
	count--;
	free(b->data);
	free(b);
}

void cache_finish(void)
{
	for (u32 i = 0; i < BUCKETS; i++)
		while (buckets[i])
			drop(buckets[i]);
	unit = 0;
}

static int write_one(struct cbuf *b)
{
	int e = device_write(device, b->block * unit, b->data, unit);
	if (!e) {
		b->dirty = false;
		fsl_remove(&b->dirty_link);
	}
	return e;
}

/* Room for one more: the least recently used goes; where all of them are dirty, the first is
 * written here and now. */
static void make_room(void)
{
	u32 tries = 64;
	if (count < limit)
		return;
	fsl_for_each(b, &lru, struct cbuf, lru)
	{
		if (!b->pins && !b->dirty) {
			drop(b);
			return;
		}
		if (!--tries)
			break;
	}
	fsl_for_each(b, &lru, struct cbuf,
		lru) if (!b->pins && (!b->dirty || (!owner->flushing && write_one(b) == 0)))
	{
		drop(b);
		return;
	}
	/* All are in use, or cannot be written now: it grows for a while. */
}

static struct cbuf *add(u64 block)
{
	make_room();
	struct cbuf *b = calloc(1, sizeof(*b));
	u8 *data = malloc(unit);
	if (!b || !data) {
		free(b);
		free(data);
		return NULL;
	}
	b->block = block;
	b->data = data;
	fsl_init(&b->dirty_link);
	fsl_append(&lru, &b->lru);
	b->hash_next = *bucket(block);
	*bucket(block) = b;
	count++;
	return b;
}

static struct cbuf *use(struct cbuf *b)
{
	fsl_remove(&b->lru);
	fsl_append(&lru, &b->lru);
	b->pins++;
	return b;
}

/* Reads up to n blocks that are not there, from block on, until one is. */
static int fill(u64 block, u32 n)
{
	static u8 *buf;
	u32 absent = 0;
	if (block >= device_blocks)
		return -EIO;
	while (absent < n && absent < READ_AHEAD && block + absent < device_blocks &&
		!find(block + absent))
		absent++;
	if (!buf)
		buf = malloc(READ_AHEAD * EXT2_MAX_BLOCK_SIZE);
	if (!buf)
		return -ENOMEM;
	int e = absent ? device_read(device, block * unit, buf, (u64)absent * unit) : 0;
	for (u32 i = 0; i < absent && !e; i++) {
		struct cbuf *b = add(block + i);
		if (!b)
			return i ? 0 : -ENOMEM;
		memcpy(b->data, buf + (u64)i * unit, unit);
	}
	return e;
}

int cache_get(u64 block, struct cbuf **out)
{
	struct cbuf *b = find(block);
	if (!b) {
		int e = fill(block, 1);
		if (e)
			return e;
		b = find(block);
		if (!b)
			return -ENOMEM;
	}
	*out = use(b);
	return 0;
}

int cache_new(u64 block, struct cbuf **out)
{
	struct cbuf *b = find(block);
	if (block >= device_blocks)
		return -EIO;
	if (!b)
		b = add(block);
	if (!b)
		return -ENOMEM;
	memset(b->data, 0, unit);
	b->checked = false;
	*out = use(b);
	return 0;
}

void cache_put(struct cbuf *b)
{
	if (b)
		b->pins--;
}

void cache_dirty(struct cbuf *b)
{
	if (b->dirty)
		return;
	b->dirty = true;
	fsl_append(&dirty, &b->dirty_link);
	ext4_arm_flush();
}

bool cache_is_dirty(void)
{
	return !fsl_empty(&dirty);
}

void cache_forget(u64 block, u64 n)
{
	if (!unit)
		return;
	for (u64 i = 0; i < n; i++) {
		struct cbuf *b = find(block + i);
		if (!b)
			continue;
		b->dirty = false;
		fsl_remove(&b->dirty_link);
		if (!b->pins)
			drop(b);
	}
}

void cache_prefetch(u64 block, u32 n)
{
	if (unit && !find(block))
		fill(block, n);
}

void cache_await(struct ext4 *x, u64 off, u64 len)
{
	while (x->flush_len && off < x->flush_at + x->flush_len && x->flush_at < off + len)
		ext4_wait();
}

static int by_block(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;
	return x < y ? -1 : x > y;
}

/* Writes the dirty neighbours from blocks[0] on; -> how many of the list that was, or an error. */
static i64 flush_run(struct ext4 *x, const u64 *blocks, u64 n, u8 *buf)
{
	u32 some = 0;
	while (some < n && some < FLUSH_BLOCKS && blocks[some] == blocks[0] + some) {
		struct cbuf *b = find(blocks[some]);
		if (!b || !b->dirty)
			break;
		memcpy(buf + (u64)some * unit, b->data, unit);
		b->dirty = false;
		fsl_remove(&b->dirty_link);
		some++;
	}
	if (!some)
		return 1; /* it was freed or written meanwhile */
	x->flush_at = blocks[0] * unit;
	x->flush_len = (u64)some * unit;
	ext4_unlock();
	int e = device_write(device, x->flush_at, buf, x->flush_len);
	ext4_lock();
	x->flush_len = 0;
	ext4_changed();
	for (u32 i = 0; e && i < some; i++) {
		struct cbuf *b = find(blocks[i]);
		if (b)
			cache_dirty(b);
	}
	return e ? e : (i64)some;
}

int cache_flush(struct ext4 *x)
{
	u64 n = 0, done = 0;
	while (x->flushing)
		ext4_wait();
	fsl_for_each(b, &dirty, struct cbuf, dirty_link) n++;
	if (!n)
		return 0;
	u64 *blocks = malloc(n * sizeof(*blocks));
	u8 *buf = malloc((u64)FLUSH_BLOCKS * unit);
	if (!blocks || !buf) {
		free(blocks);
		free(buf);
		return -ENOMEM;
	}
	n = 0;
	fsl_for_each(b, &dirty, struct cbuf, dirty_link) blocks[n++] = b->block;
	qsort(blocks, n, sizeof(*blocks), by_block);
	x->flushing = true;
	i64 e = 0;
	while (done < n && (e = flush_run(x, blocks + done, n - done, buf)) > 0)
		done += (u64)e;
	x->flushing = false;
	ext4_changed();
	free(blocks);
	free(buf);
	return e < 0 ? (int)e : 0;
}

/* The io_manager: bytes [off, off + len), piece by piece. */
static int transfer(u64 off, void *data, u64 len, bool write)
{
	if (!unit)
		return write ? device_write(device, off, data, len)
			     : device_read(device, off, data, len);
	while (len) {
		u64 in = off % unit, part = len < unit - in ? len : unit - in;
		struct cbuf *b;
		bool fresh = write && part == unit && !find(off / unit);
		int e = fresh ? cache_new(off / unit, &b) : cache_get(off / unit, &b);
		if (e)
			return e;
		if (!write) {
			memcpy(data, b->data + in, part);
		} else if (fresh || memcmp(b->data + in, data, part) != 0) {
			memcpy(b->data + in, data, part);
			b->checked = false;
			cache_dirty(b);
		}
		cache_put(b);
		off += part;
		len -= part;
		data = (u8 *)data + part;
	}
	return 0;
}

static errcode_t io_transfer(io_channel io, u64 block, int n, void *data, bool write)
{
	u64 len = n < 0 ? (u64) - (i64)n : (u64)n * (u32)io->block_size;
	if (block > device_size(device) / (u32)io->block_size)
		return write ? EXT2_ET_SHORT_WRITE : EXT2_ET_SHORT_READ;
	return -transfer(block * (u32)io->block_size, data, len, write);
}

static errcode_t io_open(const char *name, int flags, io_channel *out)
{
	io_channel io = calloc(1, sizeof(*io));
	(void)flags;
	if (!io)
		return ENOMEM;
	io->magic = EXT2_ET_MAGIC_IO_CHANNEL;
	io->manager = &cache_manager;
	io->name = strdup(name);
	io->block_size = 1024;
	io->refcount = 1;
	*out = io;
	return 0;
}

static errcode_t io_close(io_channel io)
{
	if (--io->refcount > 0)
		return 0;
	free(io->name);
	free(io);
	return 0;
}

static errcode_t io_set_blksize(io_channel io, int size)
{
	io->block_size = size;
	return 0;
}

static errcode_t io_read64(io_channel io, unsigned long long block, int n, void *data)
{
	return io_transfer(io, block, n, data, false);
}

static errcode_t io_write64(io_channel io, unsigned long long block, int n, const void *data)
{
	return io_transfer(io, block, n, (void *)(uintptr_t)data, true);
}

static errcode_t io_read(io_channel io, unsigned long block, int n, void *data)
{
	return io_read64(io, block, n, data);
}

static errcode_t io_write(io_channel io, unsigned long block, int n, const void *data)
{
	return io_write64(io, block, n, data);
}

static errcode_t io_flush(io_channel io)
{
	(void)io; /* when the disk is flushed is sync.c's to say */
	return 0;
}

struct struct_io_manager cache_manager = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER,
	.name = "weft",
	.open = io_open,
	.close = io_close,
	.set_blksize = io_set_blksize,
	.read_blk = io_read,
	.write_blk = io_write,
	.flush = io_flush,
	.read_blk64 = io_read64,
	.write_blk64 = io_write64,
};
