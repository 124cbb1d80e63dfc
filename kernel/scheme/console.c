/* SPDX-License-Identifier: MIT */
/*
 * The built-in scheme `debug`: the console. Input is raw: no echo, no lines; what comes while the
 * ring is full is lost. Output is written in slices, so that a long text does not hold the lock.
 */
#include "builtin.h"

#define RING  4096u
#define SLICE 256u

static struct {
	struct object obj;
	struct waitq readers;
	u32 head, len;
	bool made;
	char ring[RING];
} con;

static void console_input(void)
{
	int c;

	while ((c = console_read_char()) >= 0)
		if (con.len < RING)
			con.ring[(con.head + con.len++) % RING] = (char)c;
	if (!con.len)
		return;
	random_stir(arch_tsc());
	waitq_wake(&con.readers, 1, 0);
	object_notify(&con.obj, WEFT_POLLIN);
}

static i64 console_read(struct object *o, struct uio *u, i64 off, u32 flags)
{
	i64 got = 0, n;
	u32 k;

	(void)off;
	while (!con.len) {
		if (flags & WEFT_IO_NONBLOCK || o->status & K_O_NONBLOCK)
			return -EAGAIN;
		if (thread_block(&con.readers, (u64)WEFT_FOREVER, BLOCK_INTERRUPTIBLE) == -EINTR)
			return -EINTR;
	}
	while (u->left && con.len) {
		char part[64];

		k = (u32)MIN(MIN(con.len, RING - con.head), MIN(u->left, sizeof(part)));
		memcpy(part, con.ring + con.head, k);
		con.head = (con.head + k) % RING;
		con.len -= k;
		n = uio_copy_out(u, part, k);
		if (n < 0)
			return got ? got : n;
		got += n;
	}
	return got;
}

static i64 console_put(struct object *o, struct uio *u, i64 off, u32 flags)
{
	char part[SLICE];
	i64 done = 0, n;

	(void)o;
	(void)off;
	(void)flags;
	while (u->left) {
		n = uio_copy_in(u, part, MIN(u->left, SLICE));
		if (n <= 0)
			return done ? done : n;
		console_write(part, (size_t)n);
		done += n;
		bkl_drop();
		bkl_retake();
		if (current_thread()->killed)
			break;
	}
	return done;
}

static u32 console_ready(struct object *o)
{
	(void)o;
	return WEFT_POLLOUT | (con.len ? WEFT_POLLIN : 0);
}

static i64 console_ctl(struct object *o, u32 op, u64 a, u64 b)
{
	(void)o;
	(void)a;
	(void)b;
	if (op == WEFT_FD_AVAIL)
		return con.len;
	return op == WEFT_FD_SEEK ? -ESPIPE : -EINVAL;
}

static void console_destroy(struct object *o)
{
	(void)o; /* it holds a reference to itself */
}

static const struct obj_ops console_ops = {
	.name = "console",
	.read = console_read,
	.write = console_put,
	.ready = console_ready,
	.ctl = console_ctl,
	.destroy = console_destroy,
};

int console_object(struct object **out)
{
	if (!con.made) {
		con.made = true;
		waitq_init(&con.readers);
		object_init(&con.obj, WEFT_OBJ_SYS, &console_ops);
		con.obj.status = 2; /* O_RDWR */
		console_set_input(console_input);
	}
	object_get(&con.obj);
	*out = &con.obj;
	return 0;
}
