/* SPDX-License-Identifier: MIT */
/* The nodes of a disk and what is asked of them; reads and writes are io.c's. */
#include "disk.h"
#include "gpt.h"

#include <native/call.h>
#include <native/loop.h>
#include <native/server.h>
#include <native/start.h>
#include <native/thread.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define GROUP_DISK 6 /* Debian's "disk"; servers know numbers only */
#define READ_LIMIT (8ull << 20) /* longer reads are short: their buffers may be absent, page by page */
#define HDIO_GETGEO 0x0301u

struct disk disk;
struct part *parts;
static const struct node_ops block_ops;

static struct part *part_of(const struct fsreq *r)
{
	return r->h->node->priv;
}

static i64 block_read(struct fsreq *r)
{
	u64 size = r->h->node->size, at = r->sqe->args[0], len = r->sqe->args[1];

	if ((i64)at < 0)
		return -EINVAL;
	if (at >= size || !len)
		return 0;
	if (len > size - at)
		len = size - at;
	return io_request(r, IO_READ, at, len < READ_LIMIT ? len : READ_LIMIT);
}

/* Unaligned writes would be a read first, and not one step for others. */
static bool aligned(u64 at, u64 len)
{
	return at % disk.block_size == 0 && len % disk.block_size == 0;
}

static i64 block_write(struct fsreq *r)
{
	u64 size = r->h->node->size, at = r->sqe->args[0], len = r->sqe->args[1];

	if (disk.read_only)
		return -EPERM;
	if ((i64)at < 0 || !aligned(at, len))
		return -EINVAL;
	if (!len)
		return 0;
	if (at >= size)
		return -ENOSPC;
	return io_request(r, IO_WRITE, at, len < size - at ? len : size - at);
}

static i64 block_fsync(struct fsreq *r)
{
	return disk.flush ? io_request(r, IO_FLUSH, 0, 0) : 0;
}

static i64 give(struct fsreq *r, u64 value, u32 size)
{
	return fsreq_out(r, 0, 0, &value, size);
}

static i64 geometry(struct fsreq *r)
{
	const struct part *p = part_of(r);
	u64 cylinders = p->sectors / (255 * 63);
	struct {
		u8 heads, sectors;
		u16 cylinders;
		u64 start;
	} g = {255, 63, (u16)(cylinders < 65535 ? cylinders : 65535), p->first};

	return fsreq_out(r, 0, 0, &g, sizeof(g));
}

/* BLKDISCARD, BLKZEROOUT */
static i64 clear(struct fsreq *r, enum io_op op)
{
	u64 range[2], size = r->h->node->size;
	int e = fsreq_in(r, 0, 0, range, sizeof(range));

	if (e)
		return e;
	if ((r->h->flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	if (disk.read_only)
		return -EPERM;
	if (!(op == IO_DISCARD ? disk.max_discard : disk.max_zero))
		return -EOPNOTSUPP;
	if (!aligned(range[0], range[1]) || range[0] > size || range[1] > size - range[0])
		return -EINVAL;
	return range[1] ? io_request(r, op, range[0], range[1]) : 0;
}

static i64 block_ioctl(struct fsreq *r)
{
	u64 size = r->h->node->size;

	switch ((u32)r->sqe->args[0]) {
	case BLKGETSIZE64:
		return give(r, size, 8);
	case BLKGETSIZE:
		return give(r, size / DISK_SECTOR, 8);
	case BLKSSZGET:
		return give(r, disk.block_size, 4);
	case BLKPBSZGET:
	case BLKIOMIN:
		return give(r, disk.physical_size, 4);
	case BLKIOOPT:
		return give(r, disk.optimal_size, 4);
	case BLKBSZGET:
		return give(r, 4096, 4);
	case BLKBSZSET:
	case BLKRASET:
		return 0;
	case BLKROGET:
		return give(r, disk.read_only, 4);
	case BLKRAGET:
		return give(r, 256, 8);
	case BLKSECTGET:
		return give(r, DISK_IO_MAX / DISK_SECTOR, 2);
	case BLKALIGNOFF:
	case BLKDISCARDZEROES:
		return give(r, 0, 4);
	case BLKROTATIONAL:
		return give(r, 1, 2);
	case BLKFLSBUF:
		return block_fsync(r);
	case BLKDISCARD:
		return clear(r, IO_DISCARD);
	case BLKZEROOUT:
		return clear(r, IO_ZERO);
	case HDIO_GETGEO:
		return geometry(r);
	}
	return -ENOTTY;
}

static void block_stat(struct node *n, struct fsp_stat *st)
{
	st->blksize = 4096;
	st->blocks = 0;
	st->size = n->size;
}

/* An interrupted client still waits for its reply, and a command ends soon: nothing is to be done. */
static void block_cancel(struct fsreq *r, void *kept)
{
	(void)r;
	(void)kept;
}

static const struct node_ops block_ops = {.read = block_read, .write = block_write,
	.fsync = block_fsync, .ioctl = block_ioctl, .stat = block_stat, .cancel = block_cancel};

static struct node *node_of(const struct part *p)
{
	return vfs_find(&disk.tree, p->name);
}

static int add(u32 number, u64 first, u64 sectors, struct part **out)
{
	struct part *p = calloc(1, sizeof(*p)), **last = &parts;

	if (!p)
		return -ENOMEM;
	p->number = number;
	p->first = first;
	p->sectors = sectors;
	if (number)
		snprintf(p->name, sizeof(p->name), "%s%u", disk.name, number);
	else
		snprintf(p->name, sizeof(p->name), "%s", disk.name);
	struct node *n = vfs_add(&disk.tree, p->name, S_IFBLK | 0660,
		disk.major << 8 | (disk.minor + number), &block_ops);

	if (!n) {
		free(p);
		return -ENOMEM;
	}
	n->gid = GROUP_DISK;
	n->size = sectors * DISK_SECTOR;
	n->priv = p;
	while (*last)
		last = &(*last)->next;
	*last = p;
	*out = p;
	return 0;
}

static int read_blocks(const struct gpt_disk *d, u64 block, u32 n, void *to)
{
	return io_read_now(block * (d->block_size / DISK_SECTOR), n * d->block_size, to);
}

static int add_partitions(void)
{
	static struct gpt g;
	struct gpt_disk d = {.blocks = disk.sectors * DISK_SECTOR / disk.block_size,
		.block_size = disk.block_size, .read = read_blocks};
	u32 scale = disk.block_size / DISK_SECTOR;
	struct part *p;
	int e = gpt_read(&d, &g);

	if (e == -ENOENT)
		return 0;
	if (e) {
		native_log("%s: its partition table is not sound: error %d", disk.name, -e);
		return 0; /* the disk as a whole can still be used */
	}
	if (g.backup)
		native_log("%s: the backup partition table is used", disk.name);
	for (u32 i = 0; i < g.n && !e; i++) {
		const struct gpt_partition *q = &g.part[i];

		if (q->number > 15) /* Linux's minor numbers have room for so many */
			continue;
		e = add(q->number, q->first * scale, q->count * scale, &p);
		if (e)
			break;
		memcpy(p->label, q->name, sizeof(p->label));
		gpt_guid_text(q->id, p->id);
		gpt_guid_text(q->type, p->type);
	}
	return e;
}

int disk_open(void)
{
	struct part *whole;
	int e = memfs_create(&disk.tree, 7, 0x01021994);

	disk.tree.reattach = memfs_reattach;
	if (!e)
		e = io_init();
	if (!e)
		e = add(0, 0, disk.sectors, &whole);
	if (!e)
		e = add_partitions();
	return e ? e : vfs_init(&disk.tree, "scheme:disk");
}

struct loop *disk_loop(void)
{
	return vfs_loop(&disk.tree);
}

void disk_resized(u64 sectors)
{
	struct part *whole = parts;

	if (sectors == whole->sectors)
		return;
	disk.sectors = whole->sectors = sectors;
	node_of(whole)->size = sectors * DISK_SECTOR;
}

static struct publication published[17];
static u32 npublished;

static void publisher(void *arg)
{
	(void)arg;
	publish(published, npublished);
}

/* Handles for /dev. The first turn of the loop has told of the predecessor's handles, so numbers are free. */
static void prepare(struct loop_timer *t)
{
	static struct nthread thread;

	(void)t;
	for (const struct part *p = parts; p; p = p->next) {
		struct dentry *d;

		if (dentry_lookup(disk.tree.root, p->name, (u32)strlen(p->name), NULL, &d))
			continue;
		struct handle *h = handle_new(&disk.tree, d, O_PATH);

		dentry_put(d);
		if (!h)
			continue;
		struct weft_reply_fd f = {.kind = WEFT_REPLY_NEW, .fd = -1, .rights = WEFT_RIGHT_ALL,
			.status = O_PATH, .handle = h->id};

		handle_attr(h, &f.attr);
		i64 fd = weft_scheme_ctl((u64)disk.tree.server, WEFT_SCHEME_NEW_HANDLE, PTR(&f), 0, 0);

		published[npublished++] = (struct publication){.handle = (i32)fd, .part = p};
	}
	if (nthread_create(&thread, publisher, NULL, 0))
		native_log("%s: no thread to publish it", disk.name);
}

int disk_run(void)
{
	static struct loop_timer soon;

	soon.fn = prepare;
	vfs_take_back(&disk.tree);
	loop_timer_set(disk_loop(), &soon, WEFT_NOW);
	return vfs_run(&disk.tree);
}
