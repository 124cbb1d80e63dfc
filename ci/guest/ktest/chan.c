/* SPDX-License-Identifier: MIT */
/* Pipes, channels, datagram endpoints, cycles of fds in flight. */
#include "t.h"

static i64 send_fds(i32 fd, const char *text, u32 len, i32 *fds, u32 nfds, u32 flags)
{
	struct weft_iov iov = {PTR(text), len};
	struct weft_msg m = {.iov = PTR(&iov), .niov = 1, .fds = PTR(fds), .nfds = nfds, .dest = -1};
	return weft_chan_send(fd, PTR(&m), flags);
}

static i64 recv_fds(i32 fd, char *text, u32 len, i32 *fds, struct weft_msg *m, u32 nfds, u32 flags)
{
	struct weft_iov iov = {PTR(text), len};
	*m = (struct weft_msg){.iov = PTR(&iov), .niov = 1, .fds = PTR(fds), .nfds = nfds, .dest = -1};
	return weft_chan_recv(fd, PTR(m), flags);
}

static i64 recv_text(i32 fd, char *text, u32 len, u32 flags)
{
	struct weft_msg m;
	return recv_fds(fd, text, len, NULL, &m, 0, flags);
}

TEST(pipe_bytes)
{
	i32 p[2];
	char b[8] = "";
	t_pipe(p);
	EQ(weft_fd_write(p[1], PTR("hello"), 5, -1, 0), 5);
	EQ(weft_fd_ctl(p[0], WEFT_FD_AVAIL, 0, 0), 5);
	EQ(weft_fd_read(p[0], PTR(b), 8, -1, 0), 5);
	CHECK(strcmp(b, "hello") == 0);
	ERR(weft_fd_read(p[0], PTR(b), 8, -1, WEFT_IO_NONBLOCK), EAGAIN);
}

TEST(pipe_end_and_broken)
{
	i32 p[2], q[2];
	char b;
	t_pipe(p);
	t_pipe(q);
	EQ(weft_fd_write(p[1], PTR("x"), 1, -1, 0), 1);
	weft_fd_close(p[1]);
	EQ(weft_fd_read(p[0], PTR(&b), 1, -1, 0), 1);
	EQ(weft_fd_read(p[0], PTR(&b), 1, -1, 0), 0);
	CHECK(t_poll(p[0], WEFT_POLLIN, 0) & WEFT_POLLHUP);
	weft_fd_close(q[0]);
	ERR(weft_fd_write(q[1], PTR("x"), 1, -1, 0), EPIPE);
}

TEST(pipe_full)
{
	i32 p[2];
	char *big = calloc(1, 1 << 20);
	t_pipe(p);
	i64 size = OK(weft_fd_ctl(p[1], WEFT_FD_PIPE_SIZE, 0, 0));
	CHECK(size >= 65536);
	EQ(weft_fd_write(p[1], PTR(big), 1 << 20, -1, WEFT_IO_NONBLOCK), size);
	ERR(weft_fd_write(p[1], PTR(big), 1, -1, WEFT_IO_NONBLOCK), EAGAIN);
	EQ(t_poll(p[1], WEFT_POLLOUT, 0), 0);
	EQ(weft_fd_read(p[0], PTR(big), 8192, -1, 0), 8192);
	CHECK(t_poll(p[1], WEFT_POLLOUT, 0) & WEFT_POLLOUT);
}

TEST(pipe_atomic_small_writes)
{
	/* Up to 4096 bytes go whole or not at all. */
	i32 p[2];
	char *big = calloc(1, 1 << 20);
	t_pipe(p);
	i64 size = OK(weft_fd_ctl(p[1], WEFT_FD_PIPE_SIZE, 0, 0));
	EQ(weft_fd_write(p[1], PTR(big), size - 100, -1, WEFT_IO_NONBLOCK), size - 100);
	ERR(weft_fd_write(p[1], PTR(big), 4096, -1, WEFT_IO_NONBLOCK), EAGAIN);
	EQ(weft_fd_write(p[1], PTR(big), 100, -1, WEFT_IO_NONBLOCK), 100);
}

TEST(pipe_resize)
{
	i32 p[2];
	t_pipe(p);
	EQ(weft_fd_ctl(p[0], WEFT_FD_PIPE_SIZE, 4096, 0), 4096);
	char *big = calloc(1, 8192);
	EQ(weft_fd_write(p[1], PTR(big), 4096, -1, 0), 4096);
	CHECK(weft_fd_ctl(p[0], WEFT_FD_PIPE_SIZE, 1ul << 40, 0) < 0);
	EQ(weft_fd_ctl(p[0], WEFT_FD_PIPE_SIZE, 65536, 0), 65536);
	EQ(weft_fd_ctl(p[0], WEFT_FD_AVAIL, 0, 0), 4096);
}

static void write_later(void *arg)
{
	t_sleep(50);
	weft_fd_write(((i32 *)arg)[1], PTR("late"), 4, -1, 0);
}

TEST(pipe_blocking_read)
{
	i32 p[2];
	char b[8] = "";
	t_pipe(p);
	i32 pid = t_child(write_later, p, NULL);
	EQ(weft_fd_read(p[0], PTR(b), 8, -1, 0), 4);
	t_wait_ok(pid);
}

static void drain(void *arg)
{
	char *b = malloc(1 << 16);
	u64 total = 0;
	i64 n;
	weft_fd_close(((i32 *)arg)[1]);
	while ((n = weft_fd_read(((i32 *)arg)[0], PTR(b), 1 << 16, -1, 0)) > 0) {
		for (i64 i = 0; i < n; i++, total++)
			EQ((u8)b[i], (u8)(total * 7));
	}
	EQ(total, 1 << 20);
}

TEST(pipe_blocking_write_1_mib)
{
	i32 p[2];
	u8 *b = malloc(1 << 20);
	for (u32 i = 0; i < 1 << 20; i++)
		b[i] = (u8)(i * 7);
	t_pipe(p);
	i32 pid = t_child(drain, p, NULL);
	EQ(weft_fd_write(p[1], PTR(b), 1 << 20, -1, 0), 1 << 20);
	weft_fd_close(p[1]);
	t_wait_ok(pid);
}

TEST(chan_stream)
{
	i32 c[2];
	char b[16] = "";
	t_chan(WEFT_CHAN_STREAM, c);
	EQ(weft_fd_ctl(c[0], WEFT_CHAN_TYPE, 0, 0), WEFT_CHAN_STREAM);
	EQ(send_fds(c[0], "abc", 3, NULL, 0, 0), 3);
	EQ(weft_fd_write(c[0], PTR("def"), 3, -1, 0), 3);
	EQ(recv_text(c[1], b, 16, 0), 6);
	CHECK(strcmp(b, "abcdef") == 0);
	EQ(weft_fd_write(c[1], PTR("back"), 4, -1, 0), 4);
	EQ(weft_fd_read(c[0], PTR(b), 16, -1, 0), 4);
}

TEST(chan_stream_peek_and_waitall)
{
	i32 c[2];
	char b[16] = "";
	t_chan(WEFT_CHAN_STREAM, c);
	EQ(send_fds(c[0], "abc", 3, NULL, 0, 0), 3);
	EQ(recv_text(c[1], b, 2, WEFT_CHAN_PEEK), 2);
	EQ(recv_text(c[1], b, 16, WEFT_CHAN_PEEK), 3);
	EQ(recv_text(c[1], b, 16, 0), 3);
	ERR(recv_text(c[1], b, 16, WEFT_CHAN_NONBLOCK), EAGAIN);
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		for (int i = 0; i < 4; i++) {
			send_fds(c[0], "12", 2, NULL, 0, 0);
			t_sleep(10);
		}
		weft_proc_exit(0);
	}
	EQ(recv_text(c[1], b, 8, WEFT_CHAN_WAITALL), 8);
	t_wait_ok(pid);
}

TEST(chan_seqpacket_keeps_borders)
{
	i32 c[2];
	char b[16];
	struct weft_msg m;
	t_chan(WEFT_CHAN_SEQPACKET, c);
	EQ(send_fds(c[0], "one", 3, NULL, 0, 0), 3);
	EQ(send_fds(c[0], "second", 6, NULL, 0, 0), 6);
	EQ(recv_text(c[1], b, 16, 0), 3);
	EQ(recv_fds(c[1], b, 2, NULL, &m, 0, 0), 2);
	CHECK(m.flags & WEFT_MSG_TRUNC);
	EQ(m.full_len, 6);
	ERR(recv_text(c[1], b, 16, WEFT_CHAN_NONBLOCK), EAGAIN);
	weft_fd_close(c[0]);
	EQ(recv_fds(c[1], b, 16, NULL, &m, 0, 0), 0);
	CHECK(m.flags & WEFT_MSG_EOF);
}

TEST(chan_dgram_pair)
{
	i32 c[2];
	char b[16];
	t_chan(WEFT_CHAN_DGRAM, c);
	EQ(send_fds(c[0], "", 0, NULL, 0, 0), 0);
	EQ(send_fds(c[0], "xy", 2, NULL, 0, 0), 2);
	EQ(recv_text(c[1], b, 16, 0), 0);
	EQ(recv_text(c[1], b, 16, 0), 2);
}

TEST(chan_fds)
{
	i32 c[2], p[2], got[4];
	char b[4] = "";
	struct weft_msg m;
	t_chan(WEFT_CHAN_STREAM, c);
	t_pipe(p);
	EQ(send_fds(c[0], "x", 1, p, 2, 0), 1);
	weft_fd_close(p[0]);
	weft_fd_close(p[1]);
	EQ(recv_fds(c[1], b, 4, got, &m, 4, WEFT_CHAN_CLOEXEC), 1);
	EQ(m.nfds, 2);
	EQ(weft_fd_ctl(got[0], WEFT_FD_GET_FLAGS, 0, 0), 1);
	EQ(weft_fd_write(got[1], PTR("thru"), 4, -1, 0), 4);
	EQ(weft_fd_read(got[0], PTR(b), 4, -1, 0), 4);
}

TEST(chan_fds_private)
{
	i32 c[2], p[2], got[2];
	char b[4];
	struct weft_msg m;
	t_chan(WEFT_CHAN_SEQPACKET, c);
	t_pipe(p);
	EQ(send_fds(c[0], "x", 1, p, 1, 0), 1);
	EQ(recv_fds(c[1], b, 4, got, &m, 2, WEFT_CHAN_PRIVATE), 1);
	EQ(m.nfds, 1);
	CHECK(got[0] >= WEFT_FD_PRIVATE);
}

TEST(chan_fds_no_room)
{
	/* What the receiver has no room for is closed, and it is told. */
	i32 c[2], p[2], got[1];
	char b[4];
	struct weft_msg m;
	t_chan(WEFT_CHAN_STREAM, c);
	t_pipe(p);
	EQ(send_fds(c[0], "x", 1, p, 2, 0), 1);
	weft_fd_close(p[1]);
	EQ(recv_fds(c[1], b, 4, got, &m, 1, 0), 1);
	EQ(m.nfds, 1);
	CHECK(m.flags & WEFT_MSG_CTRUNC);
	CHECK(t_poll(got[0], WEFT_POLLIN, 0) & WEFT_POLLHUP);
}

TEST(chan_fds_stay_with_their_bytes)
{
	i32 c[2], p[2], got[4];
	char b[16];
	struct weft_msg m;
	t_chan(WEFT_CHAN_STREAM, c);
	t_pipe(p);
	EQ(send_fds(c[0], "aa", 2, p, 1, 0), 2);
	EQ(send_fds(c[0], "bb", 2, p + 1, 1, 0), 2);
	EQ(recv_fds(c[1], b, 16, got, &m, 4, 0), 2);
	EQ(m.nfds, 1);
	EQ(weft_fd_ctl(got[0], WEFT_FD_SAME, p[0], 0), 1);
	EQ(recv_fds(c[1], b, 16, got, &m, 4, 0), 2);
	EQ(weft_fd_ctl(got[0], WEFT_FD_SAME, p[1], 0), 1);
}

TEST(chan_fd_without_dup_right)
{
	i32 c[2], p[2];
	t_chan(WEFT_CHAN_STREAM, c);
	t_pipe(p);
	i32 r = (i32)OK(weft_fd_dup(p[0], 0, 0, WEFT_RIGHT_READ));
	ERR(send_fds(c[0], "x", 1, &r, 1, 0), EPERM);
	i32 bad = NOFD;
	ERR(send_fds(c[0], "x", 1, &bad, 1, 0), EBADF);
	i32 many[254];
	for (int i = 0; i < 254; i++)
		many[i] = p[0];
	ERR(send_fds(c[0], "x", 1, many, 254, 0), EINVAL);
	EQ(send_fds(c[0], "x", 1, many, 253, 0), 1);
}

TEST(chan_cycle_of_two)
{
	/* Each end lies in the queue of the other; nobody else holds them. The leak check is the test. */
	i32 c[2];
	t_chan(WEFT_CHAN_STREAM, c);
	EQ(send_fds(c[0], "x", 1, &c[0], 1, 0), 1);
	EQ(send_fds(c[1], "x", 1, &c[1], 1, 0), 1);
	weft_fd_close(c[0]);
	weft_fd_close(c[1]);
}

TEST(chan_cycle_of_itself)
{
	i32 c[2];
	t_chan(WEFT_CHAN_DGRAM, c);
	EQ(send_fds(c[0], "x", 1, &c[1], 1, 0), 1);
	weft_fd_close(c[0]);
	weft_fd_close(c[1]);
}

TEST(chan_cycle_of_many)
{
	i32 c[16][2];
	for (int i = 0; i < 16; i++)
		t_chan(WEFT_CHAN_STREAM, c[i]);
	for (int i = 0; i < 16; i++) {
		EQ(send_fds(c[i][0], "x", 1, c[(i + 1) % 16], 2, 0), 1);
		EQ(send_fds(c[i][1], "x", 1, c[(i + 5) % 16], 2, 0), 1);
	}
	EQ(weft_fd_close_range(c[0][0], c[15][1], 0), 0);
}

TEST(chan_cycle_still_reachable)
{
	/* A cycle of which one end is held must stay whole. */
	i32 c[2], d[2], got[2];
	char b[4];
	struct weft_msg m;
	t_chan(WEFT_CHAN_STREAM, c);
	t_chan(WEFT_CHAN_STREAM, d);
	EQ(send_fds(c[0], "x", 1, d, 2, 0), 1);
	EQ(send_fds(d[0], "x", 1, &c[0], 1, 0), 1);
	weft_fd_close(d[0]);
	weft_fd_close(d[1]);
	weft_fd_close(c[0]);
	/* Sending more makes the collector look. */
	i32 e[2];
	t_chan(WEFT_CHAN_STREAM, e);
	EQ(send_fds(e[0], "x", 1, &e[1], 1, 0), 1);
	weft_fd_close(e[0]);
	weft_fd_close(e[1]);
	EQ(recv_fds(c[1], b, 4, got, &m, 2, 0), 1);
	EQ(m.nfds, 2);
	EQ(recv_fds(got[1], b, 4, got, &m, 2, 0), 1);
	EQ(m.nfds, 1);
	EQ(weft_fd_write(got[0], PTR("y"), 1, -1, 0), 1);
	EQ(weft_fd_read(c[1], PTR(b), 1, -1, 0), 1);
}

TEST(chan_shutdown)
{
	i32 c[2];
	char b[4];
	t_chan(WEFT_CHAN_STREAM, c);
	EQ(weft_fd_ctl(c[0], WEFT_CHAN_SHUTDOWN, 2, 0), 0);
	ERR(send_fds(c[0], "x", 1, NULL, 0, 0), EPIPE);
	EQ(recv_text(c[1], b, 4, 0), 0);
	CHECK(t_poll(c[1], WEFT_POLLIN, 0) & WEFT_POLLIN);
	EQ(send_fds(c[1], "y", 1, NULL, 0, 0), 1);
	EQ(recv_text(c[0], b, 4, 0), 1);
	EQ(weft_fd_ctl(c[0], WEFT_CHAN_SHUTDOWN, 3, 0), 0);
	CHECK(t_poll(c[1], WEFT_POLLIN, 0) & WEFT_POLLHUP);
	ERR(weft_fd_ctl(c[0], WEFT_CHAN_SHUTDOWN, 7, 0), EINVAL);
}

TEST(chan_peer_gone)
{
	i32 c[2];
	char b[4];
	t_chan(WEFT_CHAN_STREAM, c);
	weft_fd_close(c[0]);
	EQ(recv_text(c[1], b, 4, 0), 0);
	ERR(send_fds(c[1], "x", 1, NULL, 0, 0), EPIPE);
	CHECK(t_poll(c[1], WEFT_POLLIN, 0) & WEFT_POLLHUP);
}

TEST(chan_full)
{
	i32 c[2];
	char *big = calloc(1, 1 << 20);
	t_chan(WEFT_CHAN_STREAM, c);
	i64 n = OK(send_fds(c[0], big, 1 << 20, NULL, 0, WEFT_CHAN_NONBLOCK));
	CHECK(n >= 65536 && n < 1 << 20);
	ERR(send_fds(c[0], big, 1, NULL, 0, WEFT_CHAN_NONBLOCK), EAGAIN);
	EQ(t_poll(c[0], WEFT_POLLOUT, 0), 0);
}

TEST(chan_identity)
{
	i32 c[2];
	char b[4];
	struct weft_msg m;
	struct {
		u32 pid, identity;
	} peer;
	t_chan(WEFT_CHAN_STREAM, c);
	struct weft_proc_info me;
	EQ(weft_proc_ctl(-1, WEFT_PROC_INFO, PTR(&me), 0, 0), 0);
	EQ(weft_fd_ctl(c[0], WEFT_CHAN_PEER, PTR(&peer), 0), 0);
	EQ(peer.pid, me.pid);
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		send_fds(c[0], "x", 1, NULL, 0, 0);
		weft_proc_exit(0);
	}
	EQ(recv_fds(c[1], b, 4, NULL, &m, 0, 0), 1);
	EQ(m.pid, pid);
	EQ(m.identity, me.identity);
	t_wait_ok(pid);
}

TEST(chan_set_peer_needs_authority)
{
	i32 c[2];
	t_chan(WEFT_CHAN_STREAM, c);
	CHECK(weft_fd_ctl(c[0], WEFT_CHAN_SET_PEER, 1, 0) < 0);
}

TEST(chan_errors)
{
	i32 c[2], p[2];
	char b[4];
	struct weft_msg m = {.dest = -1};
	t_chan(WEFT_CHAN_STREAM, c);
	t_pipe(p);
	ERR(weft_chan_send(NOFD, PTR(&m), 0), EBADF);
	ERR(weft_chan_recv(NOFD, PTR(&m), 0), EBADF);
	CHECK(weft_chan_send(p[1], PTR(&m), 0) < 0);
	ERR(weft_chan_send(c[0], BADPTR, 0), EFAULT);
	ERR(weft_chan_recv(c[0], BADPTR, 0), EFAULT);
	m.niov = 1;
	m.iov = BADPTR;
	ERR(weft_chan_send(c[0], PTR(&m), 0), EFAULT);
	m.niov = 100000;
	ERR(weft_chan_send(c[0], PTR(&m), 0), EINVAL);
	struct weft_iov iov = {BADPTR, 4};
	m = (struct weft_msg){.iov = PTR(&iov), .niov = 1, .dest = -1};
	ERR(weft_chan_send(c[0], PTR(&m), 0), EFAULT);
	EQ(send_fds(c[0], "x", 1, NULL, 0, 0), 1);
	ERR(weft_chan_recv(c[1], PTR(&m), 0), EFAULT);
	(void)b;
}

TEST(dgram_endpoint)
{
	i32 d[2], mine[2];
	char b[16], name[32];
	OK(weft_obj_create(WEFT_OBJ_DGRAM, 0, 0, 0, PTR(d)));
	OK(weft_obj_create(WEFT_OBJ_DGRAM, 0, 0, 0, PTR(mine)));
	struct weft_iov out = {PTR("hi"), 2}, in = {PTR(b), sizeof b};
	struct weft_msg m = {.iov = PTR(&out), .niov = 1, .dest = d[1], .name = PTR("/me"), .name_len = 3};
	EQ(weft_chan_send(mine[0], PTR(&m), 0), 2);
	m = (struct weft_msg){.iov = PTR(&in), .niov = 1, .name = PTR(name), .name_len = sizeof name, .dest = -1};
	EQ(weft_chan_recv(d[0], PTR(&m), 0), 2);
	EQ(m.name_len, 3);
	CHECK(memcmp(name, "/me", 3) == 0);
	ERR(weft_chan_recv(d[0], PTR(&m), WEFT_CHAN_NONBLOCK), EAGAIN);
	weft_fd_close(d[0]);
	m = (struct weft_msg){.iov = PTR(&out), .niov = 1, .dest = d[1]};
	ERR(weft_chan_send(mine[0], PTR(&m), 0), ECONNREFUSED);
}
