/* SPDX-License-Identifier: MIT */
/*
 * Many at once: clients that call with buffers, fds and deadlines and are killed at random, servers with several threads that reply late, twice
 * or never and die. Whatever happens, those that are alive get the right answers, and nothing stays behind.
 */
#include "t.h"

#define HANDLE 7
#define CLIENTS 6
#define ROUNDS 60

struct stress {
	u64 calls, wrong, deaths;
	u32 stop;
};
static struct stress *shared;

static u64 rnd(u64 *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Replies to what it received before, in any order; the answer is the sum of the bytes in buffer 0, and buffer 1 gets them back. */
static void server_thread(void *arg)
{
	i32 fd = (i32)(u64)arg;
	struct weft_sqe e[8];
	struct weft_cqe c[8];
	u8 bytes[3000];
	u64 seed = 99 + PTR(&seed), nc = 0;

	for (;;) {
		i64 n = weft_scheme_serve((u64)fd, PTR(c), nc, PTR(e), 1 + rnd(&seed) % 8, t_after(50));
		nc = 0;
		if (n == -EINTR)
			continue;
		if (n < 0 || __atomic_load_n(&shared->stop, __ATOMIC_RELAXED))
			return;
		for (i64 i = n - 1; i >= 0; i--) {
			if (!e[i].tag)
				continue;
			i64 sum = 0, k = 0;
			if (e[i].nbufs)
				k = weft_req_copy((u64)fd, e[i].tag, 0, 0, PTR(bytes), sizeof bytes);
			for (i64 b = 0; b < k; b++)
				sum += bytes[b];
			if (e[i].nbufs > 1 && k > 0)
				k = weft_req_copy((u64)fd, e[i].tag, 1 | WEFT_COPY_OUT, 0, PTR(bytes), (u64)k);
			/* They are ours even if the request is not any more: it brings new ones when it comes again. */
			for (u32 f = 0; f < e[i].nfds; f++)
				weft_fd_close((u64)e[i].fds[f]);
			if (k == -WEFT_EREDELIVER || k == -ESTALE)
				continue;
			c[nc++] = (struct weft_cqe){.tag = e[i].tag, .result = k < 0 ? k : sum + (i64)e[i].args[0]};
			if (rnd(&seed) % 16 == 0 && nc < 8)
				c[nc++] = (struct weft_cqe){.tag = e[i].tag, .result = -1}; /* twice */
		}
	}
}

static void server(void *arg)
{
	struct nthread t[2];

	for (u32 i = 0; i < 2; i++)
		nthread_create(&t[i], server_thread, arg, 0);
	server_thread(arg);
	for (u32 i = 0; i < 2; i++)
		nthread_join(&t[i]);
}

static void client(void *arg)
{
	i32 h = (i32)(u64)arg, pipe[2];
	u64 seed = (u64)time_monotonic() | 1;

	t_pipe(pipe);
	for (;;) {
		u64 len = rnd(&seed) % 3000, off = rnd(&seed) % 4096;
		u8 *out = t_anon(8192), *in = t_anon(8192); /* fresh: absent until touched */
		struct weft_buf b[2] = {{PTR(out) + off, (u32)len, WEFT_BUF_IN}, {PTR(in) + off, (u32)len, WEFT_BUF_OUT}};
		struct weft_req r = {.op = 0x100, .flags = WEFT_REQ_IDEMPOTENT, .args = {1000}, .nbufs = 2, .bufs = PTR(b)};
		i64 want = 1000, got;

		if (rnd(&seed) & 1) {
			r.nfds = 2;
			r.fds = PTR(pipe);
		}
		for (u64 i = 0; i < len && rnd(&seed) % 64; i++) {
			out[off + i] = (u8)rnd(&seed);
			want += out[off + i];
		}
		got = weft_fd_call((u64)h, PTR(&r));
		if (got == want) {
			for (u64 i = 0; i < len; i++)
				if (in[off + i] != out[off + i])
					got = -1;
		}
		if (got != want && got != -EIO && got != -EINTR)
			__atomic_fetch_add(&shared->wrong, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(&shared->calls, 1, __ATOMIC_RELAXED);
		weft_mem_unmap(-1, PTR(out), 8192);
		weft_mem_unmap(-1, PTR(in), 8192);
	}
}

TEST(stress_scheme)
{
	i32 s[2], h, pid[CLIENTS], proc[CLIENTS], server_pid, server_proc;
	u64 seed = 12345;

	shared = (struct stress *)OK(weft_mem_map(-1, 0, 4096, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_SHARED, -1, 0));
	t_scheme(s);
	h = t_handle(s[0], HANDLE);
	server_pid = t_child(server, (void *)(u64)s[0], &server_proc);
	OK(weft_fd_close((u64)s[0]));
	for (u32 i = 0; i < CLIENTS; i++)
		pid[i] = t_child(client, (void *)(u64)h, &proc[i]);
	for (u32 k = 0; k < ROUNDS; k++) {
		u32 i = (u32)(rnd(&seed) % CLIENTS);
		t_sleep(5 + (i64)(rnd(&seed) % 20));
		OK(weft_proc_ctl((u64)proc[i], WEFT_PROC_KILL, 9, 0, 0));
		t_wait(pid[i]);
		OK(weft_fd_close((u64)proc[i]));
		pid[i] = t_child(client, (void *)(u64)h, &proc[i]);
		if (k % 10 == 9) {
			OK(weft_proc_ctl((u64)server_proc, WEFT_PROC_KILL, 9, 0, 0));
			t_wait(server_pid);
			OK(weft_fd_close((u64)server_proc));
			i64 fd;
			/* The forks above hold no server end: it is orphaned when its process is gone. */
			while ((fd = weft_scheme_ctl((u64)s[1], WEFT_SCHEME_SUCCEED, 0, 0, 0)) == -EBUSY)
				t_sleep(1);
			OK(fd);
			server_pid = t_child(server, (void *)(u64)fd, &server_proc);
			OK(weft_fd_close((u64)fd));
		}
	}
	for (u32 i = 0; i < CLIENTS; i++) {
		OK(weft_proc_ctl((u64)proc[i], WEFT_PROC_KILL, 9, 0, 0));
		t_wait(pid[i]);
	}
	shared->stop = 1;
	t_wait(server_pid);
	EQ(shared->wrong, 0);
	CHECK(shared->calls > 100);
}

/* Channel ends and fds thrown at each other by processes that die. */
static void thrower(void *arg)
{
	i32 *c = arg;
	u64 seed = (u64)time_monotonic() | 1;
	char bytes[5000];

	for (;;) {
		i32 fresh[2], got[4];
		u32 k = (u32)(rnd(&seed) % 2);
		struct weft_iov v = {PTR(bytes), rnd(&seed) % sizeof bytes};
		struct weft_msg m = {.iov = PTR(&v), .niov = 1, .dest = -1, .fds = PTR(fresh), .nfds = (u32)(rnd(&seed) % 3)};

		t_chan(rnd(&seed) & 1 ? WEFT_CHAN_STREAM : WEFT_CHAN_SEQPACKET, fresh);
		if (m.nfds && rnd(&seed) % 4 == 0) {
			/* One end into the other's queue, and both forgotten: garbage. */
			struct weft_msg g = m;
			g.fds = PTR(&fresh[1]);
			g.nfds = 1;
			weft_chan_send((u64)fresh[0], PTR(&g), WEFT_CHAN_NONBLOCK);
		}
		weft_chan_send((u64)c[k], PTR(&m), WEFT_CHAN_NONBLOCK);
		weft_fd_close((u64)fresh[0]);
		weft_fd_close((u64)fresh[1]);
		m = (struct weft_msg){.iov = PTR(&v), .niov = 1, .fds = PTR(got), .nfds = 4};
		if (weft_chan_recv((u64)c[!k], PTR(&m), WEFT_CHAN_NONBLOCK) >= 0)
			for (u32 i = 0; i < m.nfds; i++)
				weft_fd_close((u64)got[i]);
		__atomic_fetch_add(&shared->calls, 1, __ATOMIC_RELAXED);
	}
}

TEST(stress_channels)
{
	i32 c[2], pid[4], proc[4];
	u64 seed = 777;

	shared = (struct stress *)OK(weft_mem_map(-1, 0, 4096, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_SHARED, -1, 0));
	t_chan(WEFT_CHAN_SEQPACKET, c);
	for (u32 i = 0; i < 4; i++)
		pid[i] = t_child(thrower, c, &proc[i]);
	for (u32 k = 0; k < 40; k++) {
		u32 i = (u32)(rnd(&seed) % 4);
		t_sleep(5 + (i64)(rnd(&seed) % 20));
		OK(weft_proc_ctl((u64)proc[i], WEFT_PROC_KILL, 9, 0, 0));
		t_wait(pid[i]);
		OK(weft_fd_close((u64)proc[i]));
		pid[i] = t_child(thrower, c, &proc[i]);
	}
	for (u32 i = 0; i < 4; i++) {
		OK(weft_proc_ctl((u64)proc[i], WEFT_PROC_KILL, 9, 0, 0));
		t_wait(pid[i]);
	}
	CHECK(shared->calls > 100);
}
