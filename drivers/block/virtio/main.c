/* SPDX-License-Identifier: MIT */
/*
 * virtio-blk (virtio 1.2, 5.2): one queue. A command takes a slot: its header, its status byte and its table of
 * descriptors lie in memory that both sides reach, the data in chunks of the pool (block/lib). Each command is one
 * entry of the ring (indirect descriptors), or a chain where the device has no such thing.
 */
#include <disk.h>
#include <driver/virtio.h>
#include <native/call.h>
#include <native/loop.h>
#include <native/start.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 5.2.3 */
enum { F_SIZE_MAX = 1, F_SEG_MAX = 2, F_RO = 5, F_BLK_SIZE = 6, F_FLUSH = 9, F_TOPOLOGY = 10,
	F_DISCARD = 13, F_WRITE_ZEROES = 14 };
/* 5.2.4: struct virtio_blk_config */
enum { CFG_CAPACITY = 0, CFG_SIZE_MAX = 8, CFG_SEG_MAX = 12, CFG_BLK_SIZE = 20, CFG_PHYSICAL_EXP = 24,
	CFG_OPT_IO = 28, CFG_MAX_DISCARD = 36, CFG_MAX_ZEROES = 48 };
/* 5.2.6 */
enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum { S_OK = 0, S_IOERR, S_UNSUPP };

#define QUEUE	   128
#define SLOTS	   64
#define SLOT_PARTS (DISK_IO_PARTS + 2)

struct command {
	u32 type, reserved;
	u64 sector;
};
struct range { /* 5.2.6: discard and write zeroes */
	u64 sector;
	u32 sectors, flags;
};

/* What the device sees of a slot. */
struct shared {
	struct command command;
	struct range range;
	u8 id[20];
	u8 status;
	struct vq_desc table[SLOT_PARTS] __attribute__((aligned(16)));
};

struct slot {
	struct io *io;
	struct shared *shared;
	u64 bus;
	struct slot *next;
};

static struct virtio dev;
static struct virtqueue queue;
static struct dma area;
static struct slot slots[SLOTS], *free_slots;
static struct loop_source irq_source, config_source;
static i32 irq;

static void fatal(const char *what, int e)
{
	native_log("virtio-blk: %s: error %d", what, -e);
	exit(1);
}

static struct slot *take_slot(void)
{
	struct slot *s = free_slots;

	if (s)
		free_slots = s->next;
	return s;
}

static void put_slot(struct slot *s)
{
	s->next = free_slots;
	free_slots = s;
}

static int submit(struct slot *s, struct vq_part *p, u32 n)
{
	/* The first and the last part are those of the slot. */
	p[0] = (struct vq_part){s->bus + offsetof(struct shared, command), sizeof(struct command), false};
	p[n++] = (struct vq_part){s->bus + offsetof(struct shared, status), 1, true};
	s->shared->status = 0xff;
	if (virtio_has(&dev, VIRTIO_F_RING_INDIRECT_DESC))
		return vq_add_indirect(
			&queue, s->shared->table, s->bus + offsetof(struct shared, table), p, n, s);
	return vq_add(&queue, p, n, s);
}

static int start(struct io *io)
{
	static const u32 types[] = {[IO_READ] = T_IN, [IO_WRITE] = T_OUT, [IO_FLUSH] = T_FLUSH,
		[IO_DISCARD] = T_DISCARD, [IO_ZERO] = T_WRITE_ZEROES};
	struct vq_part p[SLOT_PARTS];
	struct slot *s = take_slot();
	u32 n = 1, left = io->bytes;

	if (!s)
		return -EAGAIN;
	s->io = io;
	s->shared->command = (struct command){
		.type = types[io->op], .sector = io->op <= IO_WRITE ? io->sector : 0};
	if (io->op == IO_DISCARD || io->op == IO_ZERO) {
		s->shared->range =
			(struct range){.sector = io->sector, .sectors = io->bytes / DISK_SECTOR};
		p[n++] = (struct vq_part){
			s->bus + offsetof(struct shared, range), sizeof(struct range), false};
	}
	for (u32 i = 0; i < io->nchunks; i++, n++) {
		u32 size = left < DISK_CHUNK ? left : DISK_CHUNK;

		p[n] = (struct vq_part){io->chunk[i]->dma.bus, size, io->op == IO_READ};
		left -= size;
	}
	int e = submit(s, p, n);

	if (e)
		put_slot(s);
	return e;
}

static void kick(void)
{
	vq_kick(&queue);
}

static void reap(void)
{
	struct slot *s;
	u32 len;

	while ((s = vq_take(&queue, &len)) != NULL) {
		u8 status = s->shared->status;
		struct io *io = s->io;

		put_slot(s);
		if (status != S_OK && status != S_UNSUPP)
			native_log("%s: error at sector %llu", disk.name,
				(unsigned long long)io->sector);
		io_done(io, status == S_OK ? 0 : status == S_UNSUPP ? -EOPNOTSUPP : -EIO);
	}
	if (queue.broken)
		fatal("the device broke its queue", -EIO);
}

static void wait(void)
{
	irq_wait(irq, WEFT_FOREVER);
	irq_ack(irq);
	reap();
}

static void on_irq(struct loop_source *s, u32 ready)
{
	(void)ready;
	irq_ack(s->fd);
	reap();
	if (virtio_status(&dev) & VIRTIO_NEEDS_RESET)
		fatal("the device needs a reset", -EIO); /* the next start resets it */
}

static u64 capacity(void)
{
	u64 sectors;

	if (virtio_config(&dev, CFG_CAPACITY, &sectors, 8) || sectors > 1ull << 52)
		fatal("no capacity", -EIO);
	return sectors;
}

static void on_config(struct loop_source *s, u32 ready)
{
	(void)ready;
	irq_ack(s->fd);
	disk_resized(capacity());
}

static u32 config32(u32 feature, u32 offset, u32 otherwise)
{
	u32 v;

	return virtio_has(&dev, feature) && virtio_config(&dev, offset, &v, 4) == 0 ? v : otherwise;
}

/* The names say in which order drivers/pci found the disks. */
static void describe(void)
{
	const struct pcip_info *i = &dev.pci.info;
	const char *instance = getenv("INSTANCE");
	u32 number = instance ? (u32)strtoul(instance, NULL, 10) : 0;
	u8 exponent = 0;

	if (number > 15)
		fatal("more disks than Linux's minor numbers leave room for", -ENOSPC);
	snprintf(disk.name, sizeof(disk.name), "vd%c", 'a' + number);
	snprintf(disk.parent, sizeof(disk.parent), "devices/pci0000:00/0000:%02x:%02x.%x/virtio%u",
		i->bus, i->dev, i->fn, i->dev);
	disk.major = 254;
	disk.minor = 16 * number;
	disk.sectors = capacity();
	disk.read_only = virtio_has(&dev, F_RO);
	disk.flush = virtio_has(&dev, F_FLUSH);
	disk.block_size = config32(F_BLK_SIZE, CFG_BLK_SIZE, DISK_SECTOR);
	if (disk.block_size < DISK_SECTOR || disk.block_size > 4096 ||
		(disk.block_size & (disk.block_size - 1)))
		fatal("block size", -EINVAL);
	if (virtio_has(&dev, F_TOPOLOGY))
		virtio_config(&dev, CFG_PHYSICAL_EXP, &exponent, 1);
	disk.physical_size = disk.block_size << (exponent < 8 ? exponent : 0);
	disk.optimal_size = config32(F_TOPOLOGY, CFG_OPT_IO, 0) * disk.block_size;
	disk.max_parts = config32(F_SEG_MAX, CFG_SEG_MAX, 1);
	if (disk.max_parts == 0)
		disk.max_parts = 1;
	if (!virtio_has(&dev, VIRTIO_F_RING_INDIRECT_DESC) && disk.max_parts > queue.size - 2u)
		disk.max_parts = queue.size - 2u;
	if (config32(F_SIZE_MAX, CFG_SIZE_MAX, DISK_CHUNK) < DISK_CHUNK)
		fatal("it takes pieces only that are smaller than ours", -EOPNOTSUPP);
	disk.max_discard = config32(F_DISCARD, CFG_MAX_DISCARD, 0);
	disk.max_zero = config32(F_WRITE_ZEROES, CFG_MAX_ZEROES, 0);
	/* A command's length is 32 bits of bytes here. */
	if (disk.max_discard > 1u << 22)
		disk.max_discard = 1u << 22;
	if (disk.max_zero > 1u << 22)
		disk.max_zero = 1u << 22;
}

static void read_serial(void)
{
	struct slot *s = take_slot(), *done = NULL;
	struct vq_part p[3] = {[1] = {s->bus + offsetof(struct shared, id), 20, true}};

	s->shared->command = (struct command){.type = T_GET_ID};
	if (submit(s, p, 2) == 0) {
		vq_kick(&queue);
		while (!(done = vq_take(&queue, NULL)) && !queue.broken) {
			irq_wait(irq, WEFT_FOREVER);
			irq_ack(irq);
		}
	}
	if (done && s->shared->status == S_OK)
		memcpy(disk.serial, s->shared->id, 20);
	for (char *c = disk.serial; *c; c++)
		if (*c <= ' ' || *c > '~')
			*c = '_';
	put_slot(s);
}

static int make_slots(void)
{
	u64 size = (sizeof(struct shared) + 63) & ~63ull;
	int e = dma_alloc(dev.pci.dma, SLOTS * size, false, &area);

	for (u32 i = 0; i < SLOTS && !e; i++) {
		slots[i].shared = (struct shared *)((char *)area.va + i * size);
		slots[i].bus = area.bus + i * size;
		put_slot(&slots[i]);
	}
	return e;
}

static void set_up(void)
{
	bool msix;
	u64 wanted = 1ull << F_SIZE_MAX | 1ull << F_SEG_MAX | 1ull << F_RO | 1ull << F_BLK_SIZE |
		     1ull << F_FLUSH | 1ull << F_TOPOLOGY | 1ull << F_DISCARD |
		     1ull << F_WRITE_ZEROES | 1ull << VIRTIO_F_RING_INDIRECT_DESC;
	int e = virtio_start(&dev, wanted, 0);

	if (e)
		fatal("no device", e);
	irq = pci_vector(&dev.pci, 0, &msix);
	if (irq < 0)
		fatal("interrupt", irq);
	i32 config_irq = msix ? pci_vector(&dev.pci, 1, NULL) : -1;

	if (config_irq >= 0)
		virtio_config_vector(&dev, 1);
	e = virtio_queue(&dev, 0, QUEUE, 0, &queue);
	if (!e)
		e = make_slots();
	if (e)
		fatal("queue", e);
	describe();
	virtio_ready(&dev);
	irq_source = (struct loop_source){.fn = on_irq, .fd = irq, .events = WEFT_POLLIN};
	config_source =
		(struct loop_source){.fn = on_config, .fd = config_irq, .events = WEFT_POLLIN};
}

int main(void)
{
	set_up();
	read_serial();
	disk.dma_res = dev.pci.dma;
	disk.start = start;
	disk.kick = kick;
	disk.wait = wait;
	int e = disk_open();

	if (!e)
		e = loop_add(disk_loop(), &irq_source);
	if (!e && config_source.fd >= 0)
		e = loop_add(disk_loop(), &config_source);
	if (!e)
		e = disk_run();
	native_log("virtio-blk: %s", strerror(-e));
	return 1;
}
