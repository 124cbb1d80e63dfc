/* SPDX-License-Identifier: MIT */
/* Operations that the other files do not reach. */
#include "t.h"

TEST(chan_peer_made_later)
{
	i32 c[2] = {-1, -1};
	char b[8] = "";
	OK(weft_obj_create(WEFT_OBJ_CHANNEL, WEFT_CHAN_STREAM, 1, 0, PTR(c)));
	EQ(c[1], -1);
	ERR(weft_fd_write(c[0], PTR("x"), 1, -1, 0), ENOTCONN);
	ERR(weft_fd_read(c[0], PTR(b), 1, -1, 0), ENOTCONN);
	EQ(t_poll(c[0], WEFT_POLLIN | WEFT_POLLOUT, 0), WEFT_POLLOUT | WEFT_POLLHUP);
	i64 peer = OK(weft_fd_ctl(c[0], WEFT_CHAN_OPEN_PEER, 0, 0));
	CHECK(peer >= WEFT_FD_PRIVATE);
	EQ(weft_fd_write(c[0], PTR("hello"), 5, -1, 0), 5);
	EQ(weft_fd_read(peer, PTR(b), 8, -1, 0), 5);
	CHECK(weft_fd_ctl(c[0], WEFT_CHAN_OPEN_PEER, 0, 0) < 0);
	CHECK(weft_fd_ctl(peer, WEFT_CHAN_OPEN_PEER, 0, 0) < 0);
}

TEST(chan_peer_set_with_authority)
{
	i32 c[2];
	struct {
		u32 pid, identity;
	} peer = {0};
	struct weft_identity id = {.uid = 5};
	i64 n = OK(weft_ident_ctl(t_root, WEFT_IDENT_MINT, 0, PTR(&id)));
	t_chan(WEFT_CHAN_STREAM, c);
	EQ(weft_fd_ctl(c[0], WEFT_CHAN_SET_PEER, 4242 | (u64)(u32)t_root << 32, n), 0);
	u32 seen = 0;
	for (int i = 0; i < 2; i++) {
		EQ(weft_fd_ctl(c[i], WEFT_CHAN_PEER, PTR(&peer), 0), 0);
		seen += peer.pid == 4242 && peer.identity == (u32)n;
	}
	EQ(seen, 1);
	ERR(weft_fd_ctl(c[0], WEFT_CHAN_PEER, BADPTR, 0), EFAULT);
}

TEST(chan_buffer_size)
{
	i32 c[2];
	char *big = calloc(1, 1 << 20);
	t_chan(WEFT_CHAN_STREAM, c);
	i64 old = OK(weft_fd_ctl(c[0], WEFT_CHAN_BUFFER, 0, 0));
	CHECK(old >= 65536);
	i64 now = OK(weft_fd_ctl(c[0], WEFT_CHAN_BUFFER, 8192, 0));
	CHECK(now >= 8192 && now < old);
	i64 n = OK(weft_fd_write(c[0], PTR(big), 1 << 20, -1, WEFT_IO_NONBLOCK));
	CHECK(n <= now);
	EQ(weft_fd_ctl(c[1], WEFT_FD_AVAIL, 0, 0), n);
}

TEST(chan_message_too_long)
{
	i32 c[2];
	char *big = calloc(1, 4 << 20);
	struct weft_iov iov = {PTR(big), 4 << 20};
	struct weft_msg m = {.iov = PTR(&iov), .niov = 1, .dest = -1};
	t_chan(WEFT_CHAN_SEQPACKET, c);
	ERR(weft_chan_send(c[0], PTR(&m), WEFT_CHAN_NONBLOCK), EMSGSIZE);
}

TEST(chan_nonblocking_by_status)
{
	i32 c[2];
	char b;
	t_chan(WEFT_CHAN_STREAM, c);
	EQ(weft_fd_ctl(c[0], WEFT_FD_SET_STATUS, 04000, 0), 0);
	ERR(weft_fd_read(c[0], PTR(&b), 1, -1, 0), EAGAIN);
}

TEST(mem_names_and_numbers)
{
	i32 m = t_mem(PAGE);
	struct weft_vma v;
	struct weft_mem_info a, b;
	EQ(weft_mem_ctl(m, WEFT_MEM_SET_NAME, PTR("memfd:named"), 11, 0), 0);
	ERR(weft_mem_ctl(m, WEFT_MEM_SET_NAME, BADPTR, 11, 0), EFAULT);
	CHECK(weft_mem_ctl(m, WEFT_MEM_SET_NAME, PTR("x"), 1000, 0) < 0);
	EQ(weft_mem_ctl(m, WEFT_MEM_SET_ID, 7, 99, 0), 0);
	u8 *p = t_map(m, PAGE);
	EQ(weft_mem_query(-1, WEFT_QUERY_VMAS, PTR(p), PAGE, PTR(&v), 1), 1);
	CHECK(strcmp(v.name, "memfd:named") == 0);
	EQ(v.dev, 7);
	EQ(v.ino, 99);
	EQ(weft_mem_ctl(m, WEFT_MEM_INFO, PTR(&a), 0, 0), 0);
	EQ(weft_mem_ctl(t_mem(PAGE), WEFT_MEM_INFO, PTR(&b), 0, 0), 0);
	CHECK(a.id != b.id);
	EQ(v.mem, a.id);
	EQ(a.mappings, 1);
	EQ(a.writable_mappings, 1);
	EQ(a.kind, WEFT_MEM_ANON);
}

TEST(mem_times)
{
	i32 m = t_mem(PAGE);
	struct weft_mem_info i;
	i64 before = time_realtime();
	EQ(weft_fd_write(m, PTR("x"), 1, 0, 0), 1);
	EQ(weft_mem_ctl(m, WEFT_MEM_INFO, PTR(&i), 0, 0), 0);
	CHECK((i64)i.mtime_ns >= before - 1000 * MS && (i64)i.mtime_ns <= time_realtime());
	EQ(weft_mem_ctl(m, WEFT_MEM_SET_TIMES, 1000, 2000, 0), 0);
	EQ(weft_mem_ctl(m, WEFT_MEM_INFO, PTR(&i), 0, 0), 0);
	EQ(i.mtime_ns, 1000);
	EQ(i.ctime_ns, 2000);
}

TEST(mem_32bit_and_runtime_ranges)
{
	u64 low = (u64)OK(weft_mem_map(-1, 0, PAGE, WEFT_PROT_READ | WEFT_MAP_32BIT, -1, 0));
	CHECK(low < 1ul << 32);
	u64 rt = (u64)OK(weft_mem_map(-1, 0, PAGE, WEFT_PROT_READ | WEFT_MAP_RUNTIME, -1, 0));
	CHECK(rt >= WEFT_RT_MIN && rt < WEFT_RT_MAX);
	u64 other = (u64)OK(weft_mem_map(-1, 0, PAGE, WEFT_PROT_READ, -1, 0));
	CHECK(other < WEFT_RT_MIN);
}

TEST(mem_stack_grows)
{
	u8 *base = t_anon(1024 * PAGE);
	OK(weft_mem_unmap(-1, PTR(base), 1024 * PAGE));
	u8 *top = base + 1024 * PAGE;
	EQ(weft_mem_map(-1, PTR(top - PAGE), PAGE, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_FIXED | WEFT_MAP_STACK, -1, 0), PTR(top - PAGE));
	/* Pages below it appear as they are touched, downwards. */
	for (u64 i = 2; i < 200; i++)
		top[-(i64)(i * PAGE)] = (u8)i;
	for (u64 i = 2; i < 200; i++)
		EQ(top[-(i64)(i * PAGE)], (u8)i);
}

TEST(thread_names)
{
	struct weft_thread_info t;
	EQ(weft_thread_ctl(-1, 0, WEFT_THREAD_SET_NAME, PTR("worker"), 6), 0);
	EQ(weft_thread_ctl(-1, 0, WEFT_THREAD_INFO, PTR(&t), 0), 0);
	CHECK(strcmp(t.name, "worker") == 0);
	ERR(weft_thread_ctl(-1, 0, WEFT_THREAD_SET_NAME, BADPTR, 6), EFAULT);
	EQ(t.prio, WEFT_PRIO_NORMAL);
	CHECK(t.rip < WEFT_USER_MAX);
}

TEST(fence_tells_when)
{
	i32 f[2], status = 1;
	struct {
		i32 status;
		u32 pad;
		u64 ns;
	} got = {0};
	OK(weft_obj_create(WEFT_OBJ_FENCE, 0, 0, 0, PTR(f)));
	i64 before = time_monotonic();
	EQ(weft_fd_write(f[1], PTR(&status), 4, -1, 0), 4);
	EQ(weft_fd_read(f[0], PTR(&got), sizeof got, -1, 0), sizeof got);
	EQ(got.status, 1);
	CHECK((i64)got.ns >= before && (i64)got.ns <= time_monotonic());
}

TEST(timer_asks_and_replaces)
{
	i32 t = t_obj(WEFT_OBJ_TIMER, WEFT_CLOCK_MONOTONIC, 0);
	struct weft_timer_spec s = {.value = 5000 * MS, .flags = WEFT_TIMER_RELATIVE}, old = {0};
	EQ(weft_timer_set(t, PTR(&s), 0), 0);
	EQ(weft_timer_set(t, 0, PTR(&old)), 0);
	CHECK(old.value > 4000 * MS && old.value <= 5000 * MS);
	s.value = 10 * MS;
	EQ(weft_timer_set(t, PTR(&s), PTR(&old)), 0);
	CHECK(old.value > 4000 * MS);
	CHECK(t_poll(t, WEFT_POLLIN, 2000) & WEFT_POLLIN);
	ERR(weft_timer_set(t, 0, BADPTR), EFAULT);
}

TEST(poll_exclusive)
{
	/* Two sets wait for one counter exclusively: one event wakes one of them. */
	i32 c = t_obj(WEFT_OBJ_COUNTER, 0, 0), pid[2];
	i32 done[2];
	t_pipe(done);
	for (int i = 0; i < 2; i++) {
		pid[i] = native_fork(0, NULL);
		if (pid[i] == 0) {
			i32 set = t_obj(WEFT_OBJ_POLLSET, 0, 0);
			struct weft_poll_event e = {.events = WEFT_POLLIN | WEFT_POLLEXCLUSIVE | WEFT_POLLET};
			OK(weft_poll_ctl(set, WEFT_POLL_ADD, c, PTR(&e)));
			i64 n = weft_poll_wait(set, PTR(&e), 1, t_after(400));
			if (n == 1)
				weft_fd_write(done[1], PTR("w"), 1, -1, 0);
			weft_proc_exit(0);
		}
	}
	t_sleep(150);
	u64 one = 1;
	EQ(weft_fd_write(c, PTR(&one), 8, -1, 0), 8);
	for (int i = 0; i < 2; i++)
		t_wait_ok(pid[i]);
	EQ(weft_fd_ctl(done[0], WEFT_FD_AVAIL, 0, 0), 1);
}

TEST(proc_limit_bound)
{
	/* Who holds the process can set a bound that the process itself cannot pass. */
	i32 proc, go[2];
	t_pipe(go);
	i32 pid = native_fork(0, &proc);
	if (pid == 0) {
		char c;
		weft_fd_read(go[0], PTR(&c), 1, -1, 0);
		ERR(weft_proc_ctl(-1, WEFT_PROC_LIMIT, WEFT_LIMIT_THREADS, 51, 0), EPERM);
		EQ(weft_proc_ctl(-1, WEFT_PROC_LIMIT, WEFT_LIMIT_THREADS, 20, 0), 50);
		EQ(weft_proc_ctl(-1, WEFT_PROC_LIMIT, WEFT_LIMIT_THREADS, 50, 0), 20);
		weft_proc_exit(0);
	}
	OK(weft_proc_ctl(proc, WEFT_PROC_LIMIT, WEFT_LIMIT_THREADS, 50, 0));
	weft_fd_write(go[1], PTR("g"), 1, -1, 0);
	t_wait_ok(pid);
}

TEST(clock_set)
{
	i64 now = time_realtime(), mono = time_monotonic();
	ERR(weft_sys_ctl(-1, WEFT_SYS_CLOCK_SET, now, 0, 0), EPERM);
	EQ(weft_sys_ctl(t_root, WEFT_SYS_CLOCK_SET, now + 3600 * NSEC_PER_SEC, 0, 0), 0);
	i64 later = time_realtime();
	CHECK(later >= now + 3600 * NSEC_PER_SEC && later < now + 3660 * NSEC_PER_SEC);
	CHECK(time_monotonic() - mono < 60 * NSEC_PER_SEC);
	EQ(weft_sys_ctl(t_root, WEFT_SYS_CLOCK_SET, now + (time_monotonic() - mono), 0, 0), 0);
}

TEST(fd_in_flight_keeps_its_object)
{
	/* The only fd of a pipe's writer lies in a queue: the reader sees no end until the queue is gone. */
	i32 c[2], p[2];
	char b = 'x';
	struct weft_iov iov = {PTR(&b), 1};
	t_chan(WEFT_CHAN_STREAM, c);
	t_pipe(p);
	struct weft_msg m = {.iov = PTR(&iov), .niov = 1, .fds = PTR(&p[1]), .nfds = 1, .dest = -1};
	EQ(weft_chan_send(c[0], PTR(&m), 0), 1);
	weft_fd_close(p[1]);
	EQ(t_poll(p[0], WEFT_POLLIN, 20), 0);
	weft_fd_close(c[0]);
	weft_fd_close(c[1]);
	CHECK(t_poll(p[0], WEFT_POLLIN, 1000) & WEFT_POLLHUP);
}
