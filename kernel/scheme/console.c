/* SPDX-License-Identifier: MIT */
/*
 * The built-in scheme `debug`: the console. Input is raw: no echo, no lines; what comes while the
 * ring is full is lost. Output is written in slices, so that a long text does not hold the lock.
 */
#include "../ipc/queue.h"
#include "builtin.h"

#define LIMIT 4096u
#define SLICE 256u

static struct {
	struct object obj;
	struct queue in;
} con;

static void console_input(void *arg)
{
	for (int c; (c = console_read_char()) >= 0;)
		if (queue_room(&con.in))
			queue_put(&con.in, &c, 1, NULL); /* its low byte */
	random_stir(arch_tsc());
}

static i64 console_read(struct object *o, struct uio *u, i64 off, u32 flags)
{
	return queue_read(&con.in, u, flags);
}

static i64 console_put(struct object *o, struct uio *u, i64 off, u32 flags)
{
	char part[SLICE];
	i64 done = 0, n;

	while (u->left) {
		n = uio_copy_in(u, part, MIN(u->left, SLICE));
		if (n <= 0)
			return done ? done : n;
		console_write(part, (size_t)n);
		done += n;
		if (mm_pause())
			break;
	}
	return done;
}

static u32 console_ready(struct object *o)
{
	return WEFT_POLLOUT | (queue_has(&con.in) ? WEFT_POLLIN : 0);
}

static i64 console_ctl(struct object *o, u32 op, u64 a, u64 b)
{
	return op == WEFT_FD_AVAIL ? (i64)con.in.len : -EINVAL;
}

static const struct obj_ops console_ops = {
	.stream = true,
	.read = console_read,
	.write = console_put,
	.ready = console_ready,
	.ctl = console_ctl,
};

struct object *console_object(void)
{
	if (con.obj.refs)
		return &con.obj;
	object_init(&con.obj, WEFT_OBJ_SYS, &console_ops);
	con.obj.status = 2; /* O_RDWR */
	queue_init(&con.in, &con.obj, LIMIT);
	console_set_input(console_input);
	return &con.obj;
}
