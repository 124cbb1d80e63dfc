/* SPDX-License-Identifier: MIT */
/* Channels: bytes and borders, fds, half-closes, ends made later; and the collection of cycles
 * against a model of reachability. */
#include "host.h"
#include "ipc/queue.h"

static struct process *p;

static int setup(void **state)
{
	host_begin();
	p = host_process();
	return 0;
}

static int teardown(void **state)
{
	host_exit(p);
	chan_collect();
	assert_int_equal(inflight_total, 0);
	host_end();
	return 0;
}

static void pair(u32 type, i32 fds[2])
{
	struct object *o[2];

	IS(channel_create(type, false, o), 0);
	for (u32 i = 0; i < 2; i++) {
		fds[i] = fd_install(p, o[i], WEFT_RIGHT_ALL, 0);
		object_put(o[i]);
	}
}

static i64 send(i32 fd, const void *from, u64 n, const i32 *fds, u32 nfds)
{
	struct weft_iov v = {U(from), n};
	struct weft_msg m = {.iov = U(&v), .niov = 1, .fds = U(fds), .nfds = nfds, .dest = -1};

	return sys_chan_send((u64)fd, U(&m), WEFT_CHAN_NONBLOCK);
}

static i64 recv(i32 fd, void *to, u64 n, i32 *fds, u32 *nfds, u32 *mflags, u32 flags)
{
	struct weft_iov v = {U(to), n};
	struct weft_msg m = {.iov = U(&v), .niov = 1, .fds = U(fds), .nfds = nfds ? *nfds : 0};
	i64 r = sys_chan_recv((u64)fd, U(&m), WEFT_CHAN_NONBLOCK | flags);

	if (nfds)
		*nfds = m.nfds;
	if (mflags)
		*mflags = m.flags;
	return r;
}

static void stream_model(void **state)
{
	static u8 model[1 << 20], in[100000], out[100000];
	u32 head = 0, len = 0;
	u8 next = 0;
	i32 c[2];

	pair(WEFT_CHAN_STREAM, c);
	srand(3);
	for (u32 round = 0; round < 3000; round++) {
		u32 n = 1 + (u32)rand() % (rand() & 3 ? 3000 : 90000);
		i64 r;

		if (rand() & 1) {
			for (u32 i = 0; i < n; i++)
				in[i] = next + (u8)i;
			r = send(c[0], in, n, NULL, 0);
			if (r == -EAGAIN) {
				assert_true(len > 0);
				continue;
			}
			assert_true(r > 0 && r <= n);
			for (i64 i = 0; i < r; i++)
				model[(head + len++) % sizeof(model)] = in[i];
			next += (u8)r;
		} else {
			u32 flags = rand() & 3 ? 0 : WEFT_CHAN_PEEK;

			r = recv(c[1], out, n, NULL, NULL, NULL, flags);
			assert_int_equal(r, len ? (i64)MIN(n, len) : -EAGAIN);
			for (i64 i = 0; i < r; i++)
				assert_int_equal(out[i], model[(head + i) % sizeof(model)]);
			if (r > 0 && !flags) {
				head = (head + (u32)r) % sizeof(model);
				len -= (u32)r;
			}
		}
		assert_true(len <= 212992 + 65536);
	}
	/* The other end is gone: what is queued can still be read. */
	fd_close(p, c[0]);
	while (len) {
		i64 r = recv(c[1], out, sizeof(out), NULL, NULL, NULL, 0);

		assert_true(r > 0);
		len -= (u32)r;
	}
	assert_int_equal(recv(c[1], out, 1, NULL, NULL, NULL, 0), 0);
	assert_int_equal(send(c[1], out, 1, NULL, 0), -EPIPE);
}

static void borders(void **state)
{
	char b[8];
	u32 flags;
	i32 c[2];

	pair(WEFT_CHAN_SEQPACKET, c);
	assert_int_equal(send(c[0], "abcdef", 6, NULL, 0), 6);
	assert_int_equal(send(c[0], "", 0, NULL, 0), 0);
	assert_int_equal(send(c[0], "xy", 2, NULL, 0), 2);
	assert_int_equal(recv(c[1], b, 4, NULL, NULL, &flags, 0), 4);
	assert_true(flags & WEFT_MSG_TRUNC);
	assert_int_equal(recv(c[1], b, 8, NULL, NULL, &flags, 0), 0);
	assert_false(flags & WEFT_MSG_EOF);
	assert_int_equal(recv(c[1], b, 8, NULL, NULL, &flags, 0), 2);
	fd_close(p, c[0]);
	assert_int_equal(recv(c[1], b, 8, NULL, NULL, &flags, 0), 0);
	assert_true(flags & WEFT_MSG_EOF);
}

static void fds_and_bytes(void **state)
{
	i32 c[2], x[2], got[4];
	char b[16];
	u32 n = 4;

	pair(WEFT_CHAN_STREAM, c);
	pair(WEFT_CHAN_STREAM, x);
	assert_int_equal(send(c[0], "aa", 2, NULL, 0), 2);
	assert_int_equal(send(c[0], "bb", 2, x, 2), 2);
	assert_int_equal(send(c[0], "cc", 2, NULL, 0), 2);
	assert_int_equal(recv(c[1], b, 16, got, &n, NULL, 0), 2); /* not past the fds */
	assert_int_equal(n, 0);
	n = 4;
	assert_int_equal(recv(c[1], b, 16, got, &n, NULL, WEFT_CHAN_PEEK), 2);
	assert_int_equal(n, 2);
	n = 4;
	assert_int_equal(recv(c[1], b, 1, got + 2, &n, NULL, 0), 1);
	assert_int_equal(n, 2);
	n = 4;
	assert_int_equal(recv(c[1], b, 16, got, &n, NULL, 0), 3); /* the rest of bb and cc */
	assert_int_equal(n, 0);
	assert_int_equal(send(got[2], "hi", 2, NULL, 0), 2);
	assert_int_equal(recv(got[3], b, 16, NULL, NULL, NULL, 0), 2);
	got[0] = 999;
	assert_int_equal(send(c[0], "dd", 2, got, 1), -EBADF);
	assert_int_equal(recv(c[1], b, 16, NULL, NULL, NULL, 0), -EAGAIN);
}

static u32 ready(i32 fd)
{
	return object_ready(fd_peek(fd)->o);
}

static void half_closes(void **state)
{
	i32 c[2];
	char b[4];

	pair(WEFT_CHAN_STREAM, c);
	assert_int_equal(ready(c[0]), WEFT_POLLOUT);
	assert_int_equal(fd_peek(c[0])->o->ops->ctl(fd_peek(c[0])->o, WEFT_CHAN_SHUTDOWN, 2, 0), 0);
	assert_int_equal(send(c[0], "x", 1, NULL, 0), -EPIPE);
	assert_int_equal(ready(c[1]), WEFT_POLLIN | WEFT_POLLRDHUP | WEFT_POLLOUT);
	assert_int_equal(recv(c[1], b, 4, NULL, NULL, NULL, 0), 0);
	assert_int_equal(send(c[1], "back", 4, NULL, 0), 4);
	assert_int_equal(recv(c[0], b, 4, NULL, NULL, NULL, 0), 4);
	assert_int_equal(send(c[1], "lost", 4, NULL, 0), 4);
	fd_close(p, c[0]); /* with bytes unread */
	assert_true(ready(c[1]) & WEFT_POLLHUP && ready(c[1]) & WEFT_POLLERR);
	assert_int_equal(recv(c[1], b, 4, NULL, NULL, NULL, 0), -ECONNRESET);
	assert_int_equal(recv(c[1], b, 4, NULL, NULL, NULL, 0), 0);
}

static void made_later(void **state)
{
	struct object *half[2], *o;
	char b[4];
	i64 peer;
	i32 fd;

	IS(channel_create(WEFT_CHAN_STREAM, true, half), 0);
	o = half[0];
	fd = fd_install(p, o, WEFT_RIGHT_ALL, 0);
	object_put(o);
	assert_int_equal(send(fd, "x", 1, NULL, 0), -ENOTCONN);
	assert_int_equal(recv(fd, b, 1, NULL, NULL, NULL, 0), -ENOTCONN);
	assert_int_equal(ready(fd), WEFT_POLLOUT | WEFT_POLLHUP);
	peer = o->ops->ctl(o, WEFT_CHAN_OPEN_PEER, 0, 0);
	assert_true(peer >= WEFT_FD_PRIVATE);
	assert_int_equal(o->ops->ctl(o, WEFT_CHAN_OPEN_PEER, 0, 0), -EISCONN);
	assert_int_equal(ready(fd), WEFT_POLLOUT);
	fd_close(p, (i32)peer); /* turned away */
	assert_int_equal(send(fd, "x", 1, NULL, 0), -ENOTCONN);
	peer = o->ops->ctl(o, WEFT_CHAN_OPEN_PEER, 0, 0);
	assert_true(peer >= 0);
	assert_int_equal(send(fd, "abc", 3, NULL, 0), 3);
	assert_int_equal(recv((i32)peer, b, 4, NULL, NULL, NULL, 0), 3);
	fd_close(p, (i32)peer);
	assert_int_equal(send(fd, "x", 1, NULL, 0), -EPIPE);
	assert_int_equal(o->ops->ctl(o, WEFT_CHAN_OPEN_PEER, 0, 0), -EISCONN);
}

static void endpoints(void **state)
{
	struct object *o[2];
	struct weft_iov v;
	struct weft_msg m;
	char b[8], name[8];
	i32 fd[2], other;

	IS(dgram_create(0, 0, o), 0);
	for (u32 i = 0; i < 2; i++) {
		fd[i] = fd_install(p, o[i], WEFT_RIGHT_ALL, 0);
		object_put(o[i]);
	}
	IS(dgram_create(0, 0, o), 0);
	other = fd_install(p, o[0], WEFT_RIGHT_ALL, 0);
	object_put(o[0]);
	object_put(o[1]);
	v = (struct weft_iov){U("hello"), 5};
	m = (struct weft_msg){.iov = U(&v),
		.niov = 1,
		.dest = fd[1],
		.name = U("me"),
		.name_len = 2};
	assert_int_equal(sys_chan_send((u64)other, U(&m), 0), 5);
	m.dest = -1;
	assert_int_equal(sys_chan_send((u64)other, U(&m), 0), -EDESTADDRREQ);
	m.dest = fd[0];
	assert_int_equal(sys_chan_send((u64)other, U(&m), 0), -EINVAL);
	v = (struct weft_iov){U(b), 8};
	m = (struct weft_msg){.iov = U(&v), .niov = 1, .name = U(name), .name_len = 8};
	assert_int_equal(sys_chan_recv((u64)fd[0], U(&m), 0), 5);
	assert_int_equal(m.name_len, 2);
	assert_memory_equal(name, "me", 2);
	fd_close(p, fd[0]);
	v = (struct weft_iov){U("hello"), 5};
	m = (struct weft_msg){.iov = U(&v), .niov = 1, .dest = fd[1]};
	assert_int_equal(sys_chan_send((u64)other, U(&m), 0), -ECONNREFUSED);
}

/*
 * Random graphs: N pairs of channels, ends sent through ends, then fds closed at random. What a
 * walk from the open fds through queues does not reach must be gone after a collection, and nothing
 * else.
 */
#define N 24
static void cycles(void **state)
{
	struct object *obj[2 * N];
	i32 fd[2 * N];
	u64 id[2 * N];

	srand(4);
	for (u32 round = 0; round < 400; round++) {
		bool sent[2 * N][2 * N] = {{false}}, open[2 * N], live[2 * N];
		u32 nlive = 0;
		bool more = true;

		for (u32 i = 0; i < N; i++)
			pair(WEFT_CHAN_SEQPACKET, fd + 2 * i);
		for (u32 i = 0; i < 2 * N; i++) {
			obj[i] = fd_peek(fd[i])->o;
			id[i] = obj[i]->id;
			open[i] = true;
		}
		for (u32 k = 0; k < 3 * N; k++) {
			u32 a = (u32)rand() % (2 * N), b = (u32)rand() % (2 * N);

			/* fd b goes into the queue of a: sent on a's peer. */
			assert_int_equal(send(fd[a ^ 1], "m", 1, &fd[b], 1), 1);
			sent[a][b] = true;
		}
		for (u32 i = 0; i < 2 * N; i++) {
			if (rand() % 8) {
				open[i] = false;
				fd_close(p, fd[i]);
			}
		}
		chan_collect();
		for (u32 i = 0; i < 2 * N; i++)
			live[i] = open[i];
		while (more) {
			more = false;
			for (u32 a = 0; a < 2 * N; a++)
				for (u32 b = 0; b < 2 * N; b++)
					if (live[a] && sent[a][b] && !live[b])
						more = live[b] = true;
		}
		for (u32 i = 0; i < 2 * N; i++)
			nlive += live[i];
		assert_int_equal(object_count[WEFT_OBJ_CHANNEL], nlive);
		for (u32 i = 0; i < 2 * N; i++) {
			if (live[i])
				assert_int_equal(obj[i]->id, id[i]);
		}
		for (u32 i = 0; i < 2 * N; i++)
			if (open[i])
				fd_close(p, fd[i]);
		chan_collect();
		assert_int_equal(object_count[WEFT_OBJ_CHANNEL], 0);
		assert_int_equal(inflight_total, 0);
	}
}

/* A chain of queues, each holding the next: closing the first must not recurse as deep as the chain
 * is long. */
static void long_chain(void **state)
{
	i32 c[2], next[2];

	pair(WEFT_CHAN_STREAM, c);
	for (u32 i = 0; i < 20000; i++) {
		pair(WEFT_CHAN_STREAM, next);
		IS(send(next[0], "x", 1, c, 2), 1); /* into next[1]'s queue */
		fd_close(p, c[0]);
		fd_close(p, c[1]);
		c[0] = next[0];
		c[1] = next[1];
	}
	assert_int_equal(object_count[WEFT_OBJ_CHANNEL], 40002);
	fd_close(p, c[0]);
	fd_close(p, c[1]);
	chan_collect();
	assert_int_equal(object_count[WEFT_OBJ_CHANNEL], 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {T(stream_model), T(borders), T(fds_and_bytes),
		T(half_closes), T(made_later), T(endpoints), T(cycles), T(long_chain)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
