/* SPDX-License-Identifier: MIT */
/* The pipe's ring against a model, atomic small writes, capacity, broken pipes, faults in the
 * middle. */
#include "host.h"

static struct object *end[2];
static struct process *p;

static int setup(void **state)
{
	host_begin();
	p = host_process();
	assert_int_equal(pipe_create(8192, 0, end), 0);
	object_fd_get(end[0]);
	object_fd_get(end[1]);
	end[0]->status |= 0x800;
	end[1]->status |= 0x800;
	return 0;
}

static void drop(u32 i)
{
	if (end[i]) {
		object_fd_put(end[i]);
		object_put(end[i]);
		end[i] = NULL;
	}
}

static int teardown(void **state)
{
	drop(0);
	drop(1);
	host_exit(p);
	host_end();
	return 0;
}

static u32 io_flags(u32 i)
{
	return end[i]->status & 0x800 ? WEFT_IO_NONBLOCK : 0;
}

static i64 rd(void *to, u64 n)
{
	struct weft_iov v;
	struct uio u;

	uio_init(&u, &v, 1, U(to), n, false);
	return end[0]->ops->read(end[0], &u, -1, io_flags(0));
}

static i64 wr(const void *from, u64 n)
{
	struct weft_iov v;
	struct uio u;

	uio_init(&u, &v, 1, U(from), n, false);
	return end[1]->ops->write(end[1], &u, -1, io_flags(1));
}

static void random_model(void **state)
{
	static u8 model[65536], out[20000], in[20000];
	u32 head = 0, len = 0, cap = 8192;
	u8 next = 0;

	srand(2);
	for (u32 round = 0; round < 20000; round++) {
		u32 n = (u32)rand() % 9000;

		if (rand() % 100 == 0) {
			u32 want = 4096u << rand() % 4;
			i64 r = end[0]->ops->ctl(end[0], WEFT_FD_PIPE_SIZE, want, 0);

			if (len > want) {
				assert_int_equal(r, -EBUSY);
			} else {
				assert_int_equal(r, want);
				cap = want;
			}
		}
		if (rand() & 1) {
			i64 expect = n <= 4096 ? (n <= cap - len ? (i64)n : -EAGAIN)
				: len == cap   ? -EAGAIN
					       : (i64)MIN(n, cap - len);

			for (u32 i = 0; i < n; i++)
				in[i] = next + (u8)i;
			assert_int_equal(wr(in, n), expect);
			for (i64 i = 0; i < expect; i++)
				model[(head + len++) % sizeof(model)] = in[i];
			next += expect > 0 ? (u8)expect : 0;
		} else {
			i64 expect = !n ? 0 : len ? (i64)MIN(n, len) : -EAGAIN;

			assert_int_equal(rd(out, n), expect);
			for (i64 i = 0; i < expect; i++)
				assert_int_equal(out[i], model[(head + i) % sizeof(model)]);
			if (expect > 0) {
				head = (head + (u32)expect) % sizeof(model);
				len -= (u32)expect;
			}
		}
		assert_int_equal(end[0]->ops->ctl(end[0], WEFT_FD_AVAIL, 0, 0), len);
		assert_int_equal(!!(object_ready(end[0]) & WEFT_POLLIN), len > 0);
		assert_int_equal(!!(object_ready(end[1]) & WEFT_POLLOUT), cap - len >= 4096);
	}
}

static void ends(void **state)
{
	char b[8];

	assert_int_equal(wr("abc", 3), 3);
	drop(1);
	assert_true(object_ready(end[0]) & WEFT_POLLHUP);
	assert_int_equal(rd(b, 8), 3);
	assert_int_equal(rd(b, 8), 0);
}

static void broken(void **state)
{
	drop(0);
	assert_true(object_ready(end[1]) & WEFT_POLLERR);
	assert_int_equal(wr("abc", 3), -EPIPE);
}

static void faults(void **state)
{
	char *page = host_page(), b[8];

	host_bad(page, true);
	assert_int_equal(wr(page, 100), -EFAULT);
	assert_int_equal(wr("x", 1), 1);
	assert_int_equal(rd(page, 5), -EFAULT);
	assert_int_equal(rd(b, 8), 1);
	host_bad(page, false);
	host_absent(page, true);
	assert_int_equal(wr(page, 100), 100);
	assert_int_equal(host_faults, 1);
	free(page);
}

/* Two writers of records and a reader: no record is torn, all arrive. */
static struct {
	i32 fds[2];
	u32 bad, got;
} mix;

static void writer(void *arg)
{
	u8 rec[700];

	for (u32 i = 0; i < 200; i++) {
		u64 n = 1 + (i * 37) % sizeof(rec);
		struct weft_iov v;
		struct uio u;

		memset(rec, (int)(U(arg)), n);
		rec[0] = (u8)(n & 0xff);
		uio_init(&u, &v, 1, U(rec), n, false);
		IS(end[1]->ops->write(end[1], &u, -1, 0), n);
	}
}

static void reader(void *arg)
{
	u8 b[333];
	struct weft_iov v;
	struct uio u;
	i64 n;

	do {
		uio_init(&u, &v, 1, U(b), sizeof(b), false);
		n = end[0]->ops->read(end[0], &u, -1, 0);
		CHECK(n >= 0);
		mix.got += (u32)n;
	} while (mix.got < 2 * 200 * 351 - 400 && n);
}

static void blocking(void **state)
{
	u32 total = 0;

	for (u32 i = 0; i < 200; i++)
		total += 2 * (1 + (i * 37) % 700);
	end[0]->status &= ~0x800u;
	end[1]->status &= ~0x800u;
	mix.got = 0;
	host_thread(p, writer, (void *)'a');
	host_thread(p, writer, (void *)'b');
	struct thread *r = host_thread(p, reader, NULL);

	host_run();
	if (!host_done(r))
		drop(1);
	host_run();
	assert_true(host_done(r));
	assert_true(mix.got <= total && mix.got > total / 2);
	assert_true(host_switches > 10);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {T(random_model), T(ends), T(broken), T(faults),
		T(blocking)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
