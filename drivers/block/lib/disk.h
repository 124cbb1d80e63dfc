/* SPDX-License-Identifier: MIT */
/*
 * What block drivers share: the scheme `disk` with the whole disk and its partitions as block nodes, the pool
 * of memory that the device reaches, and the cutting of requests into what the device takes.
 *
 *   disk.c  nodes, ioctls, partitions     io.c  reads, writes, flushes in flight
 *   gpt.c   partition tables              publish.c  /dev, /sys, udev records, uevents
 *
 * A driver fills a struct disk, calls disk_open and disk_run, and gives start(); it reports with io_done. It
 * may die at any instant: a node's handles are found again by their device number, reads and writes
 * that were under way come again by themselves, and nothing else is kept here.
 */
#ifndef BLOCK_DISK_H
#define BLOCK_DISK_H

#include <native/io.h>
#include <vfs.h>

#define DISK_SECTOR   512u
#define DISK_CHUNK    65536u /* a piece of the pool: contiguous for the device */
#define DISK_CHUNKS   64u
#define DISK_IO_MAX   (1u << 20) /* bytes of one command */
#define DISK_IO_PARTS (DISK_IO_MAX / DISK_CHUNK + 1)

struct chunk {
	struct dma dma;
	struct chunk *next;
};

enum io_op { IO_READ, IO_WRITE, IO_FLUSH, IO_DISCARD, IO_ZERO };

/* One command of the device, made of a request or a part of it. */
struct io {
	enum io_op op;
	u64 sector; /* on the disk, in units of 512 */
	u32 bytes;
	u32 nchunks;
	struct chunk *chunk[DISK_IO_PARTS];
	struct io *next;
	/* io.c: the request behind it. */
	void *kept;
	struct node *node;
	u64 at, left, done; /* bytes on the node; of the request */
	u32 skip;	    /* unaligned reads: wanted bytes begin so far into the first chunk */
	u32 tid;
};

struct disk {
	char name[12]; /* "vda" */
	u32 major, minor;
	u64 sectors;
	u32 block_size, physical_size, optimal_size;
	u32 max_parts; /* data parts of one command */
	u64 max_discard; /* sectors of one command, 0: none */
	u64 max_zero;
	bool read_only, flush;
	char serial[24];
	char parent[80]; /* directory in sys/ that it lives below */
	i32 dma_res;
	/* Hands a command to the device. 0; -EAGAIN: no room until another one is done. */
	int (*start)(struct io *io);
	void (*kick)(void); /* after one or more starts */
	/* Waits for one command (before the loop runs): calls io_done. */
	void (*wait)(void);
	struct fs tree;
};
extern struct disk disk;

/* A node of the tree: the disk or a partition. */
struct part {
	u64 first, sectors;
	u32 number; /* 0: the whole */
	char name[24];
	char label[112], id[37], type[37];
	struct part *next;
};
extern struct part *parts;

/** Makes pool and nodes: reads the partition table. 0 or a negative errno. */
int disk_open(void);
/** Serves until the scheme ends. */
int disk_run(void);
struct loop *disk_loop(void);
/** From the driver: a command that start() took is over; result 0 or a negative errno. */
void io_done(struct io *io, int result);
/** The device has changed its size. */
void disk_resized(u64 sectors);

/* io.c */
int io_init(void);
/** A request on a node: answered later, or a result at once. */
i64 io_request(struct fsreq *r, enum io_op op, u64 at, u64 len);
/** Reads before there is a loop. */
int io_read_now(u64 sector, u32 bytes, void *to);

/* publish.c: from a thread of its own, as /dev is not below this server. */
struct publication {
	i32 handle; /* O_PATH, to the node */
	const struct part *part;
};
void publish(const struct publication *list, u32 n);

#endif
