/* SPDX-License-Identifier: MIT */
/* Poll, poll sets, counters, timers, fences, futexes, sleep, clocks. */
#include "t.h"

static i32 set_new(void)
{
	return t_obj(WEFT_OBJ_POLLSET, 0, 0);
}

static i64 ctl(i32 set, u32 op, i32 fd, u32 events, u64 data)
{
	struct weft_poll_event e = {.events = events, .data = data};
	return weft_poll_ctl(set, op, fd, PTR(&e));
}

/* Collects up to 8; -> how many. The first is in *e. */
static i64 wait(i32 set, struct weft_poll_event *e, i64 ms)
{
	struct weft_poll_event all[8];
	i64 n = weft_poll_wait(set, PTR(all), 8, ms ? t_after(ms) : WEFT_NOW);
	if (n > 0)
		*e = all[0];
	return n;
}

static void put(i32 counter, u64 n)
{
	EQ(weft_fd_write(counter, PTR(&n), 8, -1, WEFT_IO_NONBLOCK), 8);
}

static u64 get(i32 counter)
{
	u64 n = 0;
	EQ(weft_fd_read(counter, PTR(&n), 8, -1, WEFT_IO_NONBLOCK), 8);
	return n;
}

TEST(poll_basics)
{
	i32 p[2];
	t_pipe(p);
	struct weft_pollfd f[3] = {{.fd = p[0], .events = WEFT_POLLIN}, {.fd = p[1], .events = WEFT_POLLOUT}, {.fd = -1}};
	EQ(weft_fd_poll(PTR(f), 3, WEFT_NOW), 1);
	EQ(f[0].revents, 0);
	EQ(f[1].revents, WEFT_POLLOUT);
	f[2].fd = NOFD;
	EQ(weft_fd_poll(PTR(f), 3, WEFT_NOW), 2);
	EQ(f[2].revents, WEFT_POLLNVAL);
}

TEST(poll_deadline)
{
	i32 p[2];
	t_pipe(p);
	i64 start = time_monotonic();
	EQ(t_poll(p[0], WEFT_POLLIN, 30), 0);
	CHECK(time_monotonic() - start >= 30 * MS);
	EQ(weft_fd_poll(0, 0, t_after(10)), 0);
}

TEST(poll_errors)
{
	ERR(weft_fd_poll(BADPTR, 1, WEFT_NOW), EFAULT);
	CHECK(weft_fd_poll(BADPTR, 1ul << 40, WEFT_NOW) < 0);
}

TEST(pollset_level)
{
	i32 s = set_new(), c = t_obj(WEFT_OBJ_COUNTER, 0, 0);
	struct weft_poll_event e;
	EQ(ctl(s, WEFT_POLL_ADD, c, WEFT_POLLIN, 77), 0);
	EQ(wait(s, &e, 0), 0);
	put(c, 1);
	EQ(wait(s, &e, 0), 1);
	EQ(e.data, 77);
	EQ(e.events, WEFT_POLLIN);
	EQ(wait(s, &e, 0), 1);
	get(c);
	EQ(wait(s, &e, 0), 0);
}

TEST(pollset_edge)
{
	i32 s = set_new(), c = t_obj(WEFT_OBJ_COUNTER, 0, 0);
	struct weft_poll_event e;
	EQ(ctl(s, WEFT_POLL_ADD, c, WEFT_POLLIN | WEFT_POLLET, 1), 0);
	put(c, 1);
	EQ(wait(s, &e, 0), 1);
	EQ(wait(s, &e, 0), 0);
	put(c, 1); /* new though nobody read */
	EQ(wait(s, &e, 0), 1);
	EQ(wait(s, &e, 0), 0);
}

TEST(pollset_edge_when_added_ready)
{
	i32 s = set_new(), c = t_obj(WEFT_OBJ_COUNTER, 5, 0);
	struct weft_poll_event e;
	EQ(ctl(s, WEFT_POLL_ADD, c, WEFT_POLLIN | WEFT_POLLET, 1), 0);
	EQ(wait(s, &e, 0), 1);
	EQ(wait(s, &e, 0), 0);
	EQ(ctl(s, WEFT_POLL_MOD, c, WEFT_POLLIN | WEFT_POLLET, 2), 0);
	EQ(wait(s, &e, 0), 1);
	EQ(e.data, 2);
}

TEST(pollset_oneshot)
{
	i32 s = set_new(), c = t_obj(WEFT_OBJ_COUNTER, 1, 0);
	struct weft_poll_event e;
	EQ(ctl(s, WEFT_POLL_ADD, c, WEFT_POLLIN | WEFT_POLLONESHOT, 1), 0);
	EQ(wait(s, &e, 0), 1);
	put(c, 1);
	EQ(wait(s, &e, 0), 0);
	EQ(ctl(s, WEFT_POLL_MOD, c, WEFT_POLLIN | WEFT_POLLONESHOT, 3), 0);
	EQ(wait(s, &e, 0), 1);
	EQ(e.data, 3);
}

TEST(pollset_nested)
{
	i32 outer = set_new(), inner = set_new(), c = t_obj(WEFT_OBJ_COUNTER, 0, 0);
	struct weft_poll_event e;
	EQ(ctl(inner, WEFT_POLL_ADD, c, WEFT_POLLIN, 1), 0);
	EQ(ctl(outer, WEFT_POLL_ADD, inner, WEFT_POLLIN, 2), 0);
	EQ(wait(outer, &e, 0), 0);
	put(c, 1);
	EQ(wait(outer, &e, 100), 1);
	EQ(e.data, 2);
	CHECK(t_poll(outer, WEFT_POLLIN, 0) & WEFT_POLLIN);
	get(c);
	EQ(wait(outer, &e, 0), 0);
}

TEST(pollset_loop_refused)
{
	i32 a = set_new(), b = set_new();
	ERR(ctl(a, WEFT_POLL_ADD, a, WEFT_POLLIN, 0), EINVAL);
	EQ(ctl(a, WEFT_POLL_ADD, b, WEFT_POLLIN, 0), 0);
	ERR(ctl(b, WEFT_POLL_ADD, a, WEFT_POLLIN, 0), ELOOP);
}

TEST(pollset_ctl_errors)
{
	i32 s = set_new(), c = t_obj(WEFT_OBJ_COUNTER, 0, 0);
	EQ(ctl(s, WEFT_POLL_ADD, c, WEFT_POLLIN, 0), 0);
	ERR(ctl(s, WEFT_POLL_ADD, c, WEFT_POLLIN, 0), EEXIST);
	EQ(ctl(s, WEFT_POLL_DEL, c, 0, 0), 0);
	ERR(ctl(s, WEFT_POLL_DEL, c, 0, 0), ENOENT);
	ERR(ctl(s, WEFT_POLL_MOD, c, WEFT_POLLIN, 0), ENOENT);
	ERR(ctl(s, WEFT_POLL_ADD, NOFD, WEFT_POLLIN, 0), EBADF);
	ERR(ctl(NOFD, WEFT_POLL_ADD, c, WEFT_POLLIN, 0), EBADF);
	ERR(ctl(c, WEFT_POLL_ADD, s, WEFT_POLLIN, 0), EINVAL);
	ERR(ctl(s, 9, c, WEFT_POLLIN, 0), EINVAL);
	ERR(weft_poll_ctl(s, WEFT_POLL_ADD, c, BADPTR), EFAULT);
}

TEST(pollset_wait_errors)
{
	i32 s = set_new(), c = t_obj(WEFT_OBJ_COUNTER, 1, 0);
	struct weft_poll_event e;
	ERR(weft_poll_wait(NOFD, PTR(&e), 1, WEFT_NOW), EBADF);
	ERR(weft_poll_wait(s, PTR(&e), 0, WEFT_NOW), EINVAL);
	ERR(weft_poll_wait(c, PTR(&e), 1, WEFT_NOW), EINVAL);
	EQ(ctl(s, WEFT_POLL_ADD, c, WEFT_POLLIN, 0), 0);
	ERR(weft_poll_wait(s, BADPTR, 1, WEFT_NOW), EFAULT);
}

TEST(pollset_forgets_closed)
{
	i32 s = set_new(), c = t_obj(WEFT_OBJ_COUNTER, 1, 0);
	struct weft_poll_event e;
	EQ(ctl(s, WEFT_POLL_ADD, c, WEFT_POLLIN, 0), 0);
	i64 d = OK(weft_fd_dup(c, 0, 0, WEFT_RIGHT_ALL));
	weft_fd_close(c);
	EQ(wait(s, &e, 0), 1); /* the description lives on, as with epoll */
	weft_fd_close(d);
	EQ(wait(s, &e, 0), 0);
}

TEST(pollset_fair)
{
	/* More ready fds than room: all are told in turn. */
	i32 s = set_new();
	struct weft_poll_event e[4];
	u32 seen = 0;
	for (u64 i = 0; i < 16; i++)
		EQ(ctl(s, WEFT_POLL_ADD, t_obj(WEFT_OBJ_COUNTER, 1, 0), WEFT_POLLIN, i), 0);
	for (int k = 0; k < 4; k++) {
		EQ(weft_poll_wait(s, PTR(e), 4, WEFT_NOW), 4);
		for (int i = 0; i < 4; i++)
			seen |= 1u << e[i].data;
	}
	EQ(seen, 0xffff);
}

static void put_later(void *arg)
{
	t_sleep(40);
	put(*(i32 *)arg, 1);
}

TEST(pollset_wakes)
{
	i32 s = set_new(), c = t_obj(WEFT_OBJ_COUNTER, 0, 0);
	struct weft_poll_event e;
	EQ(ctl(s, WEFT_POLL_ADD, c, WEFT_POLLIN, 5), 0);
	i32 pid = t_child(put_later, &c, NULL);
	EQ(wait(s, &e, 2000), 1);
	t_wait_ok(pid);
}

TEST(pollset_deadline)
{
	i32 s = set_new();
	struct weft_poll_event e;
	i64 start = time_monotonic();
	EQ(wait(s, &e, 25), 0);
	CHECK(time_monotonic() - start >= 25 * MS);
}

TEST(counter)
{
	i32 c = t_obj(WEFT_OBJ_COUNTER, 3, 0);
	u64 n = 4;
	put(c, 4);
	EQ(get(c), 7);
	ERR(weft_fd_read(c, PTR(&n), 8, -1, WEFT_IO_NONBLOCK), EAGAIN);
	ERR(weft_fd_read(c, PTR(&n), 4, -1, WEFT_IO_NONBLOCK), EINVAL);
	n = UINT64_MAX;
	ERR(weft_fd_write(c, PTR(&n), 8, -1, WEFT_IO_NONBLOCK), EINVAL);
	n = UINT64_MAX - 1;
	EQ(weft_fd_write(c, PTR(&n), 8, -1, WEFT_IO_NONBLOCK), 8);
	EQ(t_poll(c, WEFT_POLLOUT, 0), 0);
	n = 1;
	ERR(weft_fd_write(c, PTR(&n), 8, -1, WEFT_IO_NONBLOCK), EAGAIN);
}

TEST(counter_semaphore)
{
	i32 c = t_obj(WEFT_OBJ_COUNTER, 2, 1);
	u64 n;
	EQ(get(c), 1);
	EQ(get(c), 1);
	ERR(weft_fd_read(c, PTR(&n), 8, -1, WEFT_IO_NONBLOCK), EAGAIN);
}

TEST(timer_once)
{
	i32 t = t_obj(WEFT_OBJ_TIMER, WEFT_CLOCK_MONOTONIC, 0);
	struct weft_timer_spec s = {.value = (u64)t_after(30)}, old;
	u64 n;
	ERR(weft_fd_read(t, PTR(&n), 8, -1, WEFT_IO_NONBLOCK), EAGAIN);
	EQ(weft_timer_set(t, PTR(&s), 0), 0);
	CHECK(t_poll(t, WEFT_POLLIN, 2000) & WEFT_POLLIN);
	CHECK(time_monotonic() >= (i64)s.value);
	EQ(weft_fd_read(t, PTR(&n), 8, -1, 0), 8);
	EQ(n, 1);
	EQ(weft_timer_set(t, 0, PTR(&old)), 0);
	EQ(old.value, 0);
}

TEST(timer_interval)
{
	i32 t = t_obj(WEFT_OBJ_TIMER, WEFT_CLOCK_MONOTONIC, 0);
	struct weft_timer_spec s = {.value = 10 * MS, .interval = 10 * MS, .flags = WEFT_TIMER_RELATIVE}, off = {0}, old;
	u64 n;
	EQ(weft_timer_set(t, PTR(&s), 0), 0);
	t_sleep(65);
	EQ(weft_fd_read(t, PTR(&n), 8, -1, 0), 8);
	CHECK(n >= 5 && n < 100);
	EQ(weft_timer_set(t, PTR(&off), PTR(&old)), 0);
	EQ(old.interval, 10 * MS);
	ERR(weft_fd_read(t, PTR(&n), 8, -1, WEFT_IO_NONBLOCK), EAGAIN);
}

TEST(timer_realtime)
{
	i32 t = t_obj(WEFT_OBJ_TIMER, WEFT_CLOCK_REALTIME, 0);
	struct weft_timer_spec s = {.value = (u64)time_realtime() + 20 * MS};
	EQ(weft_timer_set(t, PTR(&s), 0), 0);
	CHECK(t_poll(t, WEFT_POLLIN, 2000) & WEFT_POLLIN);
}

TEST(timer_errors)
{
	i32 t = t_obj(WEFT_OBJ_TIMER, WEFT_CLOCK_MONOTONIC, 0), c = t_obj(WEFT_OBJ_COUNTER, 0, 0);
	struct weft_timer_spec s = {.value = 1};
	u64 n;
	ERR(weft_timer_set(NOFD, PTR(&s), 0), EBADF);
	ERR(weft_timer_set(c, PTR(&s), 0), EINVAL);
	ERR(weft_timer_set(t, BADPTR, 0), EFAULT);
	ERR(weft_fd_read(t, PTR(&n), 4, -1, WEFT_IO_NONBLOCK), EINVAL);
	s.flags = 0x8000;
	ERR(weft_timer_set(t, PTR(&s), 0), EINVAL);
	/* Long past: at once. */
	s.flags = 0;
	EQ(weft_timer_set(t, PTR(&s), 0), 0);
	CHECK(t_poll(t, WEFT_POLLIN, 1000) & WEFT_POLLIN);
}

TEST(timer_many)
{
	/* A thousand at once, in a bad order. */
	i32 t[100];
	i64 base = t_after(50);
	for (u64 i = 0; i < 100; i++) {
		struct weft_timer_spec s = {.value = (u64)base + (i * 37 % 100) * 100000};
		t[i] = t_obj(WEFT_OBJ_TIMER, WEFT_CLOCK_MONOTONIC, 0);
		EQ(weft_timer_set(t[i], PTR(&s), 0), 0);
	}
	for (u64 i = 0; i < 100; i++)
		CHECK(t_poll(t[i], WEFT_POLLIN, 2000) & WEFT_POLLIN);
}

TEST(fence)
{
	i32 f[2], status = 0;
	OK(weft_obj_create(WEFT_OBJ_FENCE, 0, 0, 0, PTR(f)));
	EQ(t_poll(f[0], WEFT_POLLIN, 0), 0);
	EQ(weft_fd_write(f[1], PTR(&status), 4, -1, 0), 4);
	CHECK(t_poll(f[0], WEFT_POLLIN, 0) & WEFT_POLLIN);
	CHECK(weft_fd_write(f[1], PTR(&status), 4, -1, 0) < 0);
}

TEST(fence_fails_with_its_signaller)
{
	i32 f[2], status = 7;
	OK(weft_obj_create(WEFT_OBJ_FENCE, 0, 0, 0, PTR(f)));
	weft_fd_close(f[1]);
	CHECK(t_poll(f[0], WEFT_POLLIN, 0) & (WEFT_POLLIN | WEFT_POLLERR));
	EQ(weft_fd_read(f[0], PTR(&status), 4, -1, WEFT_IO_NONBLOCK), 4);
	CHECK(status < 0);
}

TEST(fence_error_status)
{
	i32 f[2], status = -EIO, got = 0;
	OK(weft_obj_create(WEFT_OBJ_FENCE, 0, 0, 0, PTR(f)));
	EQ(weft_fd_write(f[1], PTR(&status), 4, -1, 0), 4);
	EQ(weft_fd_read(f[0], PTR(&got), 4, -1, WEFT_IO_NONBLOCK), 4);
	EQ(got, -EIO);
}

struct shared {
	u32 word, word2, done, woken;
};
static struct shared *share(void)
{
	return (struct shared *)OK(weft_mem_map(-1, 0, PAGE, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_SHARED, -1, 0));
}

TEST(futex_wait_value)
{
	u32 w = 5;
	ERR(weft_futex(WEFT_FUTEX_WAIT, PTR(&w), 4, WEFT_FOREVER, 0, ~0u), EAGAIN);
	ERR(weft_futex(WEFT_FUTEX_WAIT, PTR(&w), 5, t_after(20), 0, ~0u), ETIMEDOUT);
	ERR(weft_futex(WEFT_FUTEX_WAIT | WEFT_FUTEX_PRIVATE, PTR(&w), 5, t_after(20), 0, ~0u), ETIMEDOUT);
	ERR(weft_futex(WEFT_FUTEX_WAIT | WEFT_FUTEX_REALTIME, PTR(&w), 5, (u64)time_realtime() + 20 * MS, 0, ~0u), ETIMEDOUT);
	EQ(weft_futex(WEFT_FUTEX_WAKE, PTR(&w), 1, 0, 0, ~0u), 0);
}

TEST(futex_errors)
{
	u32 w[2] = {0};
	ERR(weft_futex(WEFT_FUTEX_WAIT, PTR(w) + 1, 0, WEFT_NOW, 0, ~0u), EINVAL);
	ERR(weft_futex(WEFT_FUTEX_WAIT, BADPTR & ~3ul, 0, WEFT_NOW, 0, ~0u), EFAULT);
	ERR(weft_futex(WEFT_FUTEX_WAIT, KERNELPTR, 0, WEFT_NOW, 0, ~0u), EFAULT);
	ERR(weft_futex(WEFT_FUTEX_WAIT, PTR(w), 0, WEFT_FOREVER, 0, 0), EINVAL);
	ERR(weft_futex(99, PTR(w), 0, 0, 0, ~0u), ENOSYS);
	ERR(weft_futex(WEFT_FUTEX_WAKE_OP + 1, PTR(w), 0, 0, 0, ~0u), ENOSYS);
}

static void futex_waiter(void *arg)
{
	struct shared *s = arg;
	while (__atomic_load_n(&s->word, __ATOMIC_SEQ_CST) == 0) {
		if (weft_futex(WEFT_FUTEX_WAIT, PTR(&s->word), 0, t_after(5000), 0, ~0u) == -ETIMEDOUT)
			FAIL("not woken");
	}
	__atomic_add_fetch(&s->woken, 1, __ATOMIC_SEQ_CST);
}

TEST(futex_between_processes)
{
	struct shared *s = share();
	i32 pid = t_child(futex_waiter, s, NULL);
	t_sleep(30);
	__atomic_store_n(&s->word, 1, __ATOMIC_SEQ_CST);
	EQ(weft_futex(WEFT_FUTEX_WAKE, PTR(&s->word), 1, 0, 0, ~0u), 1);
	t_wait_ok(pid);
}

TEST(futex_private_is_per_process)
{
	/* A private wake in another process does not reach a waiter on the same page. */
	struct shared *s = share();
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		i64 r = weft_futex(WEFT_FUTEX_WAIT | WEFT_FUTEX_PRIVATE, PTR(&s->word), 0, t_after(120), 0, ~0u);
		EQ(r, -ETIMEDOUT);
		weft_proc_exit(0);
	}
	t_sleep(30);
	EQ(weft_futex(WEFT_FUTEX_WAKE | WEFT_FUTEX_PRIVATE, PTR(&s->word), 1, 0, 0, ~0u), 0);
	t_wait_ok(pid);
}

static u32 thread_word, thread_woken;
static void thread_waiter(void *arg)
{
	(void)arg;
	if (weft_futex(WEFT_FUTEX_WAIT | WEFT_FUTEX_PRIVATE, PTR(&thread_word), 0, t_after(5000), 0, PTR(arg)) == 0)
		__atomic_add_fetch(&thread_woken, 1, __ATOMIC_SEQ_CST);
}

TEST(futex_wake_count)
{
	struct nthread t[4];
	for (int i = 0; i < 4; i++)
		EQ(nthread_create(&t[i], thread_waiter, (void *)~0u, 0), 0);
	t_sleep(50);
	EQ(weft_futex(WEFT_FUTEX_WAKE | WEFT_FUTEX_PRIVATE, PTR(&thread_word), 3, 0, 0, ~0u), 3);
	t_sleep(30);
	EQ(thread_woken, 3);
	EQ(weft_futex(WEFT_FUTEX_WAKE | WEFT_FUTEX_PRIVATE, PTR(&thread_word), INT32_MAX, 0, 0, ~0u), 1);
	for (int i = 0; i < 4; i++)
		nthread_join(&t[i]);
}

TEST(futex_bitset)
{
	struct nthread t[2];
	EQ(nthread_create(&t[0], thread_waiter, (void *)1ul, 0), 0);
	EQ(nthread_create(&t[1], thread_waiter, (void *)2ul, 0), 0);
	t_sleep(50);
	EQ(weft_futex(WEFT_FUTEX_WAKE | WEFT_FUTEX_PRIVATE, PTR(&thread_word), 9, 0, 0, 4), 0);
	EQ(weft_futex(WEFT_FUTEX_WAKE | WEFT_FUTEX_PRIVATE, PTR(&thread_word), 9, 0, 0, 2), 1);
	EQ(weft_futex(WEFT_FUTEX_WAKE | WEFT_FUTEX_PRIVATE, PTR(&thread_word), 9, 0, 0, 3), 1);
	nthread_join(&t[0]);
	nthread_join(&t[1]);
}

TEST(futex_requeue)
{
	struct nthread t[3];
	u32 other = 0;
	for (int i = 0; i < 3; i++)
		EQ(nthread_create(&t[i], thread_waiter, (void *)~0u, 0), 0);
	t_sleep(50);
	ERR(weft_futex(WEFT_FUTEX_REQUEUE | WEFT_FUTEX_PRIVATE | WEFT_FUTEX_CMP, PTR(&thread_word), 1, 9, PTR(&other), 55), EAGAIN);
	EQ(weft_futex(WEFT_FUTEX_REQUEUE | WEFT_FUTEX_PRIVATE | WEFT_FUTEX_CMP, PTR(&thread_word), 1, 9, PTR(&other), 0), 3);
	EQ(weft_futex(WEFT_FUTEX_WAKE | WEFT_FUTEX_PRIVATE, PTR(&thread_word), 9, 0, 0, ~0u), 0);
	EQ(weft_futex(WEFT_FUTEX_WAKE | WEFT_FUTEX_PRIVATE, PTR(&other), 9, 0, 0, ~0u), 2);
	for (int i = 0; i < 3; i++)
		nthread_join(&t[i]);
	EQ(thread_woken, 3);
}

TEST(futex_wake_op)
{
	/* op SET 7, cmp EQ 3: *addr2 = 7; if the old value was 3, wakes addr2 too. */
	u32 a = 0, b = 3, op = 0u << 28 | 0u << 24 | 7u << 12 | 3u;
	EQ(weft_futex(WEFT_FUTEX_WAKE_OP | WEFT_FUTEX_PRIVATE, PTR(&a), 1, 1, PTR(&b), op), 0);
	EQ(b, 7);
}

TEST(sleep_until)
{
	i64 at = t_after(25);
	EQ(weft_sleep(WEFT_CLOCK_MONOTONIC, at), 0);
	i64 now = time_monotonic();
	CHECK(now >= at);
	EQ(weft_sleep(WEFT_CLOCK_REALTIME, (u64)time_realtime() + 5 * MS), 0);
	EQ(weft_sleep(WEFT_CLOCK_MONOTONIC, 1), 0);
	ERR(weft_sleep(99, at), EINVAL);
}

TEST(yield)
{
	for (int i = 0; i < 100; i++)
		EQ(weft_yield(), 0);
}

TEST(time_page_agrees)
{
	for (int i = 0; i < 100; i++) {
		i64 a = time_monotonic();
		i64 b = weft_sys_ctl(-1, WEFT_SYS_CLOCK_GET, WEFT_CLOCK_MONOTONIC, 0, 0);
		i64 c = time_monotonic();
		CHECK(a <= b && b <= c);
	}
	i64 r = weft_sys_ctl(-1, WEFT_SYS_CLOCK_GET, WEFT_CLOCK_REALTIME, 0, 0);
	CHECK(r > 1600000000l * NSEC_PER_SEC);
	i64 d = time_realtime() - r;
	CHECK(d >= 0 && d < NSEC_PER_SEC);
}

TEST(time_page_is_read_only)
{
	/* The fd does not allow a writable mapping. */
	i32 page = native_fd("time");
	CHECK(page >= 0);
	CHECK(weft_mem_map(-1, 0, PAGE, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_SHARED, page, 0) < 0);
	CHECK(weft_fd_write(page, PTR("x"), 1, 0, 0) < 0);
}

TEST(cpu_clocks)
{
	i64 a = weft_sys_ctl(-1, WEFT_SYS_CLOCK_GET, WEFT_CLOCK_THREAD_CPU, 0, 0);
	i64 until = t_after(30);
	while (time_monotonic() < until)
		;
	i64 b = weft_sys_ctl(-1, WEFT_SYS_CLOCK_GET, WEFT_CLOCK_THREAD_CPU, 0, 0);
	CHECK(b - a >= 1 * MS && b - a <= 500 * MS);
	i64 p = weft_sys_ctl(-1, WEFT_SYS_CLOCK_GET, WEFT_CLOCK_PROCESS_CPU, 0, 0);
	CHECK(p >= b);
	t_sleep(30);
	i64 c = weft_sys_ctl(-1, WEFT_SYS_CLOCK_GET, WEFT_CLOCK_THREAD_CPU, 0, 0);
	CHECK(c - b < 25 * MS);
}
