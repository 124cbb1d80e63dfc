/* SPDX-License-Identifier: MIT */
/*
 * Requests in flight. A request waits in a queue until the pool has room for its next command; a long one is
 * several commands, one after the other. Bytes go through the pool: client memory is never the device's.
 *
 * Where the client's buffer is not present after a read, the same request comes again (redelivery); the read's
 * bytes are stashed until then, so that it need not ask the device twice. A write makes every stash stale.
 */
#include "disk.h"

#include <native/call.h>
#include <native/server.h>
#include <native/start.h>
#include <stdlib.h>

#define STASHES 4

static struct chunk chunks[DISK_CHUNKS];
static struct chunk *free_chunks;
static u32 nfree, nchunks;
static struct io *head, **tail = &head; /* wait for room */
static struct io *stash[STASHES];
static u32 next_stash;

int io_init(void)
{
	for (u32 i = 0; i < DISK_CHUNKS; i++) {
		int e = dma_alloc(disk.dma_res, DISK_CHUNK, false, &chunks[i].dma);

		/* A machine short of memory makes do with a smaller pool. */
		if (e && i < DISK_IO_PARTS)
			return e;
		if (e)
			break;
		chunks[i].next = free_chunks;
		free_chunks = &chunks[i];
		nchunks++;
	}
	nfree = nchunks;
	return 0;
}

static void give_back(struct io *io)
{
	while (io->nchunks) {
		struct chunk *c = io->chunk[--io->nchunks];

		c->next = free_chunks;
		free_chunks = c;
		nfree++;
	}
}

static void drop_stash(struct io **s)
{
	if (!*s)
		return;
	give_back(*s);
	free(*s);
	*s = NULL;
}

static void drop_stashes(void)
{
	for (u32 i = 0; i < STASHES; i++)
		drop_stash(&stash[i]);
}

static bool take_chunks(struct io *io, u32 bytes)
{
	u32 n = (bytes + DISK_CHUNK - 1) / DISK_CHUNK;

	if (n > nfree)
		drop_stashes();
	if (n > nfree)
		return false;
	while (io->nchunks < n) {
		struct chunk *c = free_chunks;

		free_chunks = c->next;
		nfree--;
		io->chunk[io->nchunks++] = c;
	}
	return true;
}

static void enqueue(struct io *io)
{
	io->next = NULL;
	*tail = io;
	tail = &io->next;
}

static void finish(struct io *io, i64 result)
{
	give_back(io);
	fs_finish(io->kept, result);
	free(io);
}

/* The bytes of `bytes` that lie in chunk i. */
static u32 chunk_part(const struct io *io, u32 i, u32 bytes)
{
	u32 begin = i * DISK_CHUNK;

	(void)io;
	return bytes - begin < DISK_CHUNK ? bytes - begin : DISK_CHUNK;
}

/* Copies a write's next bytes from the client. 0, or what ends the request. */
static i64 fetch(struct io *io)
{
	for (u32 i = 0; i < io->nchunks; i++) {
		u32 n = chunk_part(io, i, io->bytes);
		i64 got = request_in_gather(io->kept, 0, io->done + (u64)i * DISK_CHUNK,
			io->chunk[i]->dma.va, n);

		if (got != (i64)n)
			return got < 0 ? got : -EFAULT;
	}
	return 0;
}

/* Copies what a read brought to the client. */
static i64 deliver(struct io *io, u64 want)
{
	u64 sent = 0;

	for (u32 i = 0; i < io->nchunks && sent < want; i++) {
		u32 skip = i ? 0 : io->skip, n = chunk_part(io, i, io->bytes) - skip;

		if (n > want - sent)
			n = (u32)(want - sent);
		i64 got = request_out_spread(io->kept, 0, io->done + sent,
			(char *)io->chunk[i]->dma.va + skip, n);

		if (got != (i64)n)
			return got < 0 ? got : -EFAULT;
		sent += n;
	}
	return 0;
}

/* The next command of a request: which sectors, how many bytes. */
static void plan(struct io *io)
{
	const struct part *p = io->node->priv;
	u64 len = io->left, limit = DISK_IO_MAX;

	if ((u64)disk.max_parts * DISK_CHUNK < limit)
		limit = (u64)disk.max_parts * DISK_CHUNK;
	io->sector = p->first + io->at / DISK_SECTOR;
	io->skip = 0;
	switch (io->op) {
	case IO_READ:
		io->skip = (u32)(io->at % disk.block_size);
		io->sector = p->first + (io->at - io->skip) / DISK_SECTOR;
		len = (io->skip + len + disk.block_size - 1) / disk.block_size * disk.block_size;
		break;
	case IO_WRITE:
		break;
	case IO_FLUSH:
		len = 0;
		break;
	default:
		limit = (io->op == IO_DISCARD ? disk.max_discard : disk.max_zero) * DISK_SECTOR;
	}
	io->bytes = (u32)(len < limit ? len : limit);
}

/* What of the request this command does. */
static u64 share(const struct io *io)
{
	u64 n = io->bytes - io->skip;

	return n < io->left ? n : io->left;
}

/* Starts what there is room for, in order. */
static void pump(void)
{
	bool any = false;

	while (head) {
		struct io *io = head;

		plan(io);
		bool data = io->op == IO_READ || io->op == IO_WRITE;
		if (data && !take_chunks(io, io->bytes))
			break;
		i64 e = io->op == IO_WRITE ? fetch(io) : 0;
		if (!e && io->op != IO_READ && io->op != IO_FLUSH)
			drop_stashes();
		if (!e)
			e = disk.start(io);
		if (e == -EAGAIN) {
			give_back(io);
			break;
		}
		head = io->next;
		if (!head)
			tail = &head;
		if (e)
			finish(io, e);
		else
			any = true;
	}
	if (any)
		disk.kick();
}

static void keep_stash(struct io *io)
{
	struct io **s = &stash[next_stash++ % STASHES];

	drop_stash(s);
	*s = io;
}

/* The bytes of a command are where they belong, or here in the pool: on with the request. */
static void advance(struct io *io)
{
	u64 n = share(io);
	i64 e = io->op == IO_READ ? deliver(io, n) : 0;

	if (e == -WEFT_EREDELIVER) {
		fs_finish(io->kept, e);
		keep_stash(io);
		return;
	}
	io->at += n;
	io->left -= n;
	io->done += n;
	if (e || !io->left) {
		finish(io, e ? e : io->op <= IO_WRITE ? (i64)io->done : 0);
	} else {
		give_back(io);
		enqueue(io);
	}
}

void io_done(struct io *io, int result)
{
	if (!io->kept) { /* io_read_now */
		io->left = 0;
		io->done = (u64)(i64)result;
		return;
	}
	if (result)
		finish(io, result);
	else
		advance(io);
	pump();
}

/* A redelivered read of which a part is here already. */
static struct io *from_stash(const struct fsreq *r, u64 at, u64 len)
{
	for (u32 i = 0; i < STASHES; i++) {
		struct io *io = stash[i];

		if (io && io->tid == r->sqe->tid && io->node == r->h->node &&
			io->at - io->done == at && io->left + io->done == len) {
			stash[i] = NULL;
			return io;
		}
	}
	return NULL;
}

i64 io_request(struct fsreq *r, enum io_op op, u64 at, u64 len)
{
	struct io *io = NULL;

	if (op == IO_READ && (r->sqe->flags & WEFT_SQE_REDELIVERED))
		io = from_stash(r, at, len);
	bool here = io;

	if (!io)
		io = calloc(1, sizeof(*io));
	if (!io)
		return -ENOMEM;
	if (!here)
		*io = (struct io){.op = op, .at = at, .left = len, .node = r->h->node,
			.tid = r->sqe->tid};
	io->kept = fs_keep(r);
	if (!io->kept) {
		give_back(io);
		free(io);
		return -ENOMEM;
	}
	if (here)
		advance(io);
	else
		enqueue(io);
	pump();
	return 0;
}

int io_read_now(u64 sector, u32 bytes, void *to)
{
	struct io io = {.op = IO_READ, .sector = sector, .bytes = bytes, .left = 1};

	if (bytes > DISK_IO_MAX || !take_chunks(&io, bytes))
		return -ENOMEM;
	int e = disk.start(&io);

	if (!e) {
		disk.kick();
		while (io.left)
			disk.wait();
		e = (int)(i64)io.done;
	}
	for (u32 i = 0; !e && i < io.nchunks; i++)
		memcpy((char *)to + (u64)i * DISK_CHUNK, io.chunk[i]->dma.va,
			chunk_part(&io, i, bytes));
	give_back(&io);
	return e;
}
