/* SPDX-License-Identifier: MIT */
/*
 * fd_poll: one-time waiting on an array of fds. The objects are watched only while the caller
 * sleeps; a watch that fires only wakes the thread, which then asks every object again.
 */
#include "scheme_impl.h"

#define ON_STACK   16u
#define FDS_ALWAYS 256u

struct poller {
	struct watch w;
	struct thread *t;
	u32 want;
};

static void poller_fire(struct watch *w, u32 bits)
{
	struct poller *p = container_of(w, struct poller, w);

	if (poll_aliases(bits) & (p->want | WATCH_CLOSED))
		thread_wake(p->t, 0);
}

static u32 scan(struct weft_pollfd *f, u32 n, struct poller *p)
{
	struct fd_entry *e;
	u32 ready = 0;

	for (u32 i = 0; i < n; i++) {
		f[i].revents = 0;
		if (f[i].fd < 0)
			continue;
		e = fd_peek(f[i].fd);
		p[i].want = ((u32)f[i].events & 0xffff) | WEFT_POLLERR | WEFT_POLLHUP;
		f[i].revents =
			(i16)(e ? poll_aliases(object_ready(e->o)) & p[i].want : WEFT_POLLNVAL);
		ready += f[i].revents != 0;
	}
	return ready;
}

/* After a scan that found nothing. */
static int block(struct weft_pollfd *f, u32 n, struct poller *p, u64 deadline)
{
	int err;

	for (u32 i = 0; i < n; i++) {
		p[i].w.o = NULL;
		p[i].w.exclusive = false;
		p[i].t = current_thread();
		if (f[i].fd >= 0)
			watch_add(&p[i].w, fd_peek(f[i].fd)->o, poller_fire);
	}
	err = thread_block(NULL, deadline, BLOCK_INTERRUPTIBLE);
	for (u32 i = 0; i < n; i++)
		watch_del(&p[i].w);
	return err;
}

i64 sys_fd_poll(u64 ufds, u64 n, u64 deadline)
{
	struct weft_pollfd few[ON_STACK], *f = few;
	struct poller few_p[ON_STACK], *p = few_p;
	HELD_MEM void *many = NULL;
	i64 got;
	int err = 0;

	/* As Linux bounds it: by how many fds one may have. */
	if (n > MAX(current_process()->fds->pub.limit, FDS_ALWAYS))
		return -EINVAL;
	if (n > ON_STACK) {
		many = p = kmalloc(n * (sizeof(*p) + sizeof(*f)));
		if (!many)
			return -ENOMEM;
		f = (struct weft_pollfd *)(p + n);
	}
	TRY(copy_from_user(f, ufds, n * sizeof(*f)));
	for (;;) {
		got = scan(f, (u32)n, p);
		if (got || err || deadline == WEFT_NOW)
			break;
		err = block(f, (u32)n, p, deadline);
	}
	TRY(copy_to_user(ufds, f, n * sizeof(*f)));
	return got || err != -EINTR ? got : -EINTR;
}
