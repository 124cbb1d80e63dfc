/* SPDX-License-Identifier: MIT */
/*
 * The native side of `./weft bench ipc`: the same rows, by the same methods, as ci/bench/ipc.c has for Linux. A measurement repeats its
 * body in batches of 30 ms and prints the median batch, in nanoseconds per repetition.
 */
#include <native/call.h>
#include <native/fork.h>
#include <native/start.h>
#include <native/thread.h>
#include <native/time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCHES 11
#define BATCH_NS 30000000l
#define OP_IN (WEFT_OP_USER + 1) /* reads buffer 0 whole, answers its length */
#define AREA 65536

static void fail(const char *what, i64 error)
{
	printf("bench-ipc: %s: error %ld\n", what, -error);
	exit(1);
}

static i64 check(const char *what, i64 r)
{
	if (r < 0)
		fail(what, r);
	return r;
}

static void sort(u64 *v, u32 n)
{
	for (u32 i = 1; i < n; i++) {
		u64 x = v[i];
		u32 k = i;
		for (; k && v[k - 1] > x; k--)
			v[k] = v[k - 1];
		v[k] = x;
	}
}

static void measure(const char *name, void (*body)(void *arg, long n), void *arg)
{
	u64 times[BATCHES]; /* tenths of ns */
	long n = 1;
	for (;;) {
		i64 start = time_monotonic();
		body(arg, n);
		i64 took = time_monotonic() - start;
		if (took > BATCH_NS / 4 || n > 1l << 28) {
			n = (long)((double)n * BATCH_NS / (double)(took ? took : 1));
			if (n < 1)
				n = 1;
			break;
		}
		n *= 4;
	}
	for (u32 i = 0; i < BATCHES; i++) {
		i64 start = time_monotonic();
		body(arg, n);
		times[i] = (u64)(time_monotonic() - start) * 10 / (u64)n;
	}
	sort(times, BATCHES);
	printf("@@row %s ns %lu.%lu lower\n", name, times[BATCHES / 2] / 10, times[BATCHES / 2] % 10);
}

static void null_call(void *arg, long n)
{
	(void)arg;
	while (n--)
		weft_null_call();
}

/* Scheme round trips: the server is another process that copies the request's buffer in and answers. */
struct client {
	i32 handle;
	struct weft_req req;
	struct weft_buf buf;
};

static void scheme_trips(void *arg, long n)
{
	struct client *c = arg;
	while (n--) {
		i64 r = weft_fd_call(c->handle, PTR(&c->req));
		if (r != (i64)c->buf.len)
			fail("fd_call", r < 0 ? r : -EPROTO);
	}
}

static void serve(i32 fd)
{
	static u8 area[AREA];
	struct weft_sqe sqe[8];
	struct weft_cqe cqe[8];
	u32 ncqe = 0;
	memset(cqe, 0, sizeof cqe);
	memset(area, 1, sizeof area);
	for (;;) {
		i64 n = weft_scheme_serve(fd, PTR(cqe), ncqe, PTR(sqe), 8, WEFT_FOREVER);
		ncqe = 0;
		if (n < 0)
			exit(1);
		for (i64 i = 0; i < n; i++) {
			if (!sqe[i].tag)
				continue;
			i64 r = 0;
			if (sqe[i].nbufs && sqe[i].len[0])
				r = weft_req_copy(fd, sqe[i].tag, WEFT_COPY_IN, 0, PTR(area), sqe[i].len[0]);
			if (r == -WEFT_EREDELIVER)
				continue;
			cqe[ncqe].tag = sqe[i].tag;
			cqe[ncqe++].result = r;
		}
	}
}

static void kill_child(i32 pid, i32 proc)
{
	struct weft_exit e;
	weft_proc_ctl(proc, WEFT_PROC_KILL, 9, 0, 0);
	weft_proc_wait(1, pid, 4, PTR(&e));
	weft_fd_close(proc);
}

static void schemes(void)
{
	static const char name[] = "bench";
	i32 fds[2], proc, ns = native_fd("ns");
	struct weft_scheme_limits limits = {.authority = native_fd("res:root")};
	check("scheme_create", weft_scheme_create(0, PTR(fds), PTR(&limits)));
	check("publish", weft_ns_ctl(ns, WEFT_NS_PUBLISH, PTR(name), sizeof name - 1, fds[1]));
	struct client c = {.req = {.op = OP_IN}};
	c.handle = (i32)check("open", weft_ns_ctl(ns, WEFT_NS_OPEN, PTR(name), sizeof name - 1, 0));
	weft_ns_ctl(ns, WEFT_NS_REMOVE, PTR(name), sizeof name - 1, 0);
	i32 pid = native_fork(0, &proc);
	if (pid == 0)
		serve(fds[0]);
	check("fork", pid);
	weft_fd_close(fds[0]);
	u8 *data = malloc(AREA);
	memset(data, 2, AREA);
	measure("scheme-0", scheme_trips, &c);
	c.buf = (struct weft_buf){.addr = PTR(data), .len = 4096, .flags = WEFT_BUF_IN};
	c.req.bufs = PTR(&c.buf);
	c.req.nbufs = 1;
	measure("scheme-4k", scheme_trips, &c);
	c.buf.len = 65536;
	measure("scheme-64k", scheme_trips, &c);
	free(data);
	kill_child(pid, proc);
	weft_fd_close(c.handle);
	weft_fd_close(fds[1]);
}

/* One byte there, one byte back. */
struct pair {
	i32 in, out;
};

static void byte_trips(void *arg, long n)
{
	struct pair *p = arg;
	char byte = 0;
	while (n--) {
		if (weft_fd_write(p->out, PTR(&byte), 1, -1, 0) != 1 || weft_fd_read(p->in, PTR(&byte), 1, -1, 0) != 1)
			fail("ping-pong", -EIO);
	}
}

static void answer_bytes(i32 in, i32 out)
{
	char byte;
	while (weft_fd_read(in, PTR(&byte), 1, -1, 0) == 1)
		weft_fd_write(out, PTR(&byte), 1, -1, 0);
	exit(0);
}

static void ping_pong(const char *name, i32 in, i32 out, i32 theirs_in, i32 theirs_out)
{
	struct pair p = {in, out};
	i32 proc;
	i32 pid = native_fork(0, &proc);
	if (pid == 0) {
		weft_fd_close(in);
		if (out != in)
			weft_fd_close(out);
		answer_bytes(theirs_in, theirs_out);
	}
	check("fork", pid);
	measure(name, byte_trips, &p);
	kill_child(pid, proc);
}

static void channels(void)
{
	i32 c[2], there[2], back[2];
	check("channel", weft_obj_create(WEFT_OBJ_CHANNEL, WEFT_CHAN_STREAM, 0, 0, PTR(c)));
	ping_pong("socketpair", c[0], c[0], c[1], c[1]);
	check("pipe", weft_obj_create(WEFT_OBJ_PIPE, 0, 0, 0, PTR(there)));
	check("pipe", weft_obj_create(WEFT_OBJ_PIPE, 0, 0, 0, PTR(back)));
	ping_pong("pipe", back[0], there[1], there[0], back[1]);
	weft_fd_close_range(c[0] < c[1] ? c[0] : c[1], 64, 0);
}

/* Two processes pass a word to and fro through one futex each. */
static void shared_wait(u32 *word, u32 value)
{
	while (__atomic_load_n(word, __ATOMIC_SEQ_CST) == value)
		weft_futex(WEFT_FUTEX_WAIT, PTR(word), value, WEFT_FOREVER, 0, ~0u);
}

static void shared_bump(u32 *word)
{
	__atomic_add_fetch(word, 1, __ATOMIC_SEQ_CST);
	weft_futex(WEFT_FUTEX_WAKE, PTR(word), 1, 0, 0, ~0u);
}

static void futex_trips(void *arg, long n)
{
	u32 *words = arg;
	while (n--) {
		u32 now = __atomic_load_n(&words[16], __ATOMIC_SEQ_CST);
		shared_bump(&words[0]);
		shared_wait(&words[16], now);
	}
}

static void futexes(void)
{
	i32 proc;
	u32 *words = (u32 *)check("map", weft_mem_map(-1, 0, 4096, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_SHARED, -1, 0));
	i32 pid = native_fork(0, &proc);
	if (pid == 0) {
		for (u32 seen = 0;; seen++) {
			shared_wait(&words[0], seen);
			shared_bump(&words[16]);
		}
	}
	check("fork", pid);
	measure("futex", futex_trips, words);
	kill_child(pid, proc);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void threads(void *arg, long n)
{
	(void)arg;
	while (n--) {
		struct nthread t;
		check("thread_create", nthread_create(&t, nothing, NULL, 65536));
		nthread_join(&t);
	}
}

static void forks(void *arg, long n)
{
	(void)arg;
	while (n--) {
		struct weft_exit e;
		i32 pid = native_fork(0, NULL);
		if (pid == 0)
			weft_proc_exit(0);
		check("fork", pid);
		check("wait", weft_proc_wait(1, pid, 4, PTR(&e)));
	}
}

/* n first touches of anonymous pages, in areas of 256 pages. */
static void faults(void *arg, long n)
{
	(void)arg;
	while (n > 0) {
		long pages = n < 256 ? n : 256;
		volatile u8 *area = (volatile u8 *)check("map", weft_mem_map(-1, 0, pages * 4096, WEFT_PROT_READ | WEFT_PROT_WRITE, -1, 0));
		for (long i = 0; i < pages; i++)
			area[i * 4096] = 1;
		weft_mem_unmap(-1, PTR(area), pages * 4096);
		n -= pages;
	}
}

static void maps(void *arg, long n)
{
	(void)arg;
	while (n--) {
		i64 at = check("map", weft_mem_map(-1, 0, 65536, WEFT_PROT_READ | WEFT_PROT_WRITE, -1, 0));
		weft_mem_unmap(-1, at, 65536);
	}
}

static void yields(void *arg, long n)
{
	(void)arg;
	while (n--)
		weft_yield();
}

static u32 stop;

static void yielder(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST))
		weft_yield();
}

static void sleeper(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST))
		futex_wait(&stop, 0, WEFT_FOREVER);
}

/* Two threads on one CPU yield to each other, while `sleeping` more wait on a futex. */
static void yield_with(const char *name, u32 sleeping)
{
	struct nthread other, *waiting = calloc(sleeping + 1, sizeof *waiting);
	if (!waiting)
		fail("memory", -ENOMEM);
	__atomic_store_n(&stop, 0, __ATOMIC_SEQ_CST);
	for (u32 i = 0; i < sleeping; i++)
		check("thread_create", nthread_create(&waiting[i], sleeper, NULL, 16384));
	check("thread_create", nthread_create(&other, yielder, NULL, 16384));
	measure(name, yields, NULL);
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	futex_wake(&stop, INT32_MAX);
	nthread_join(&other);
	for (u32 i = 0; i < sleeping; i++)
		nthread_join(&waiting[i]);
	free(waiting);
}

int main(void)
{
	measure("null-call", null_call, NULL);
	schemes();
	channels();
	futexes();
	measure("thread", threads, NULL);
	measure("fork-exit", forks, NULL);
	measure("page-fault", faults, NULL);
	measure("mmap-munmap", maps, NULL);
	check("affinity", weft_thread_ctl(-1, 0, WEFT_THREAD_SET_AFFINITY, 1, 0));
	yield_with("yield-2", 0);
	check("limit", weft_proc_ctl(-1, WEFT_PROC_LIMIT, WEFT_LIMIT_THREADS, 20000, 0));
	yield_with("yield-2-of-10000", 10000);
	return 0;
}
