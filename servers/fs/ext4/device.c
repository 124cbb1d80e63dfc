/* SPDX-License-Identifier: MIT */
/*
 * The disk below: a node of the scheme `disk`, whose reads and writes are whole sectors at byte
 * offsets and whose fsync empties the disk's own cache. When the driver is replaced the calls wait;
 * a call that the dead driver had taken fails and is made again, which changes nothing.
 */
#include "device.h"

#include <native/call.h>
#include <native/fsproto.h>
#include <native/start.h>
#include <time.h>

#define RDWR   2u
#define IO_MAX (1u << 20)
#define TRIES  20u
#define PAUSE  250000000

static i64 call(i32 fd, u32 op, struct weft_buf *bufs, u32 nbufs, u64 arg, i32 *got)
{
	struct weft_req r = {.op = (u16)op,
		.nbufs = (u8)nbufs,
		.bufs = PTR(bufs),
		.args = {arg},
		.max_fds = got ? 1 : 0,
		.fds_out = PTR(got),
		.flags = WEFT_REQ_PRIVATE | WEFT_REQ_CLOEXEC | WEFT_REQ_NOINTR |
			WEFT_REQ_IDEMPOTENT};
	return weft_fd_call((u64)fd, PTR(&r));
}

int device_open(struct ext4_device *d, i32 root, const char *path)
{
	static char rest[FSP_REST_MAX];
	struct fsp_stat st;
	struct weft_buf bufs[3] = {{PTR(path), (u32)strlen(path), WEFT_BUF_IN},
		{PTR(rest), sizeof(rest), WEFT_BUF_OUT}, {PTR(&st), sizeof(st), WEFT_BUF_OUT}};
	i64 e = call(root, FSP_OPEN, bufs, 2, RDWR, &d->fd);
	if (e)
		return e < 0 ? (int)e : -EXDEV;
	bufs[0].len = 0;
	e = call(d->fd, FSP_STAT, bufs, 3, 0, NULL);
	if (e)
		return e < 0 ? (int)e : -EXDEV;
	d->size = st.size;
	return 0;
}

u64 device_size(struct ext4_device *d)
{
	return d->size;
}

/* One transfer of at most IO_MAX bytes, again where the driver died under it. */
static i64 transfer(struct ext4_device *d, u64 off, u64 data, u64 len, bool write)
{
	i64 n = 0;
	for (u32 i = 0; i < TRIES; i++) {
		n = write ? weft_fd_write((u64)d->fd, data, len, off, 0)
			  : weft_fd_read((u64)d->fd, data, len, off, 0);
		if (n != -EIO && n != -EINTR)
			break;
		nanosleep(&(struct timespec){.tv_nsec = PAUSE}, NULL);
	}
	return n;
}

static int all(struct ext4_device *d, u64 off, u64 data, u64 len, bool write)
{
	if (off > d->size || len > d->size - off)
		return -EIO;
	while (len) {
		i64 n = transfer(d, off, data, len < IO_MAX ? len : IO_MAX, write);
		if (n <= 0)
			return n < 0 ? (int)n : -EIO;
		off += (u64)n;
		data += (u64)n;
		len -= (u64)n;
	}
	return 0;
}

int device_read(struct ext4_device *d, u64 off, void *to, u64 len)
{
	return all(d, off, PTR(to), len, false);
}

int device_write(struct ext4_device *d, u64 off, const void *from, u64 len)
{
	return all(d, off, PTR(from), len, true);
}

int device_flush(struct ext4_device *d)
{
	i64 e = 0;
	for (u32 i = 0; i < TRIES; i++) {
		e = call(d->fd, FSP_FSYNC, NULL, 0, 0, NULL);
		if (e != -EIO)
			break;
		nanosleep(&(struct timespec){.tv_nsec = PAUSE}, NULL);
	}
	return (int)e;
}
