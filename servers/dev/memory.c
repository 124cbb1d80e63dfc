/* SPDX-License-Identifier: MIT */
/* The memory devices of major 1, as null(4), zero(4), full(4), random(4) describe them; numbers from Linux's devices.txt. */
#include "dev.h"

#include <native/call.h>
#include <sys/stat.h>

#define CHUNK 65536
static char chunk[CHUNK];
static const char zeroes[CHUNK];

/* Answers a read piece by piece. */
static i64 fill(struct fsreq *r, const char *from, int (*make)(char *to, u64 len))
{
	u64 left = r->sqe->args[1], done = 0;
	while (left) {
		u64 n = left < CHUNK ? left : CHUNK;
		int e = make ? make(chunk, n) : 0;
		i64 sent = e ? e : fsreq_spread(r, done, make ? chunk : from, n);
		if (sent <= 0)
			return sent == -WEFT_EREDELIVER || !done ? sent : (i64)done;
		done += (u64)sent;
		left -= (u64)sent;
	}
	return (i64)done;
}

static i64 stream_open(struct fsreq *r, struct handle *h)
{
	(void)h;
	r->fd.ready = WEFT_POLLIN | WEFT_POLLOUT;
	return 0;
}

static i64 null_read(struct fsreq *r)
{
	(void)r;
	return 0;
}

static i64 null_write(struct fsreq *r)
{
	return (i64)r->sqe->args[1];
}

static i64 zero_read(struct fsreq *r)
{
	return fill(r, zeroes, NULL);
}

static i64 full_write(struct fsreq *r)
{
	(void)r;
	return -ENOSPC;
}

static int random_bytes(char *to, u64 len)
{
	i64 e = weft_sys_ctl((u64)-1, WEFT_SYS_RANDOM, PTR(to), len, 0);
	return e < 0 ? (int)e : 0;
}

static i64 random_read(struct fsreq *r)
{
	return fill(r, NULL, random_bytes);
}

#define RNDGETENTCNT 0x80045200u
static i64 random_ioctl(struct fsreq *r)
{
	int bits = 256;
	if (r->sqe->args[0] != RNDGETENTCNT)
		return -EINVAL;
	return fsreq_out(r, 0, 0, &bits, sizeof(bits));
}

static i64 kmsg_write(struct fsreq *r)
{
	char line[1024];
	u64 n = r->sqe->args[1] < sizeof(line) ? r->sqe->args[1] : sizeof(line);
	i64 got = fsreq_gather(r, line, n);
	if (got <= 0)
		return got;
	i64 e = weft_sys_ctl((u64)-1, WEFT_SYS_LOG, PTR(line), (u64)got, 0);
	return e < 0 ? e : (i64)r->sqe->args[1];
}

static const struct node_ops null_ops = {.open = stream_open, .read = null_read, .write = null_write};
static const struct node_ops zero_ops = {.open = stream_open, .read = zero_read, .write = null_write};
static const struct node_ops full_ops = {.open = stream_open, .read = zero_read, .write = full_write};
static const struct node_ops random_ops = {.open = stream_open, .read = random_read, .write = null_write,
	.ioctl = random_ioctl};
static const struct node_ops kmsg_ops = {.open = stream_open, .write = kmsg_write};

int memory_devices(struct fs *fs)
{
	static const struct {
		const char *path;
		u32 mode;
		u32 minor;
		const struct node_ops *ops;
	} devices[] = {
		{"dev/null", 0666, 3, &null_ops},
		{"dev/zero", 0666, 5, &zero_ops},
		{"dev/full", 0666, 7, &full_ops},
		{"dev/random", 0666, 8, &random_ops},
		{"dev/urandom", 0666, 9, &random_ops},
		{"dev/kmsg", 0644, 11, &kmsg_ops},
	};
	for (u32 i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		if (!vfs_add(fs, devices[i].path, S_IFCHR | devices[i].mode, 1u << 8 | devices[i].minor,
			    devices[i].ops))
			return -ENOMEM;
	return 0;
}
