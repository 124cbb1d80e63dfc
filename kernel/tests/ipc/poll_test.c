/* SPDX-License-Identifier: MIT */
/* Poll sets: level, edge, one-shot, exclusive, nested; closed objects; cost by what is ready and
 * not by what is watched. */
#include "host.h"

static struct process *p;
static u32 asked; /* how often objects were asked for their readiness */

struct thing {
	struct object obj;
	u32 bits;
};

static u32 thing_ready(struct object *o)
{
	asked++;
	return container_of(o, struct thing, obj)->bits;
}

static void thing_destroy(struct object *o)
{
	free(container_of(o, struct thing, obj));
}

static const struct obj_ops thing_ops = {.ready = thing_ready, .destroy = thing_destroy};

static i32 thing(struct thing **out)
{
	struct thing *t = calloc(1, sizeof(*t));
	i32 fd;

	object_init(&t->obj, WEFT_OBJ_COUNTER, &thing_ops);
	fd = fd_install(p, &t->obj, WEFT_RIGHT_ALL, 0);
	object_put(&t->obj);
	*out = t;
	return fd;
}

static void raise_bits(struct thing *t, u32 bits)
{
	t->bits |= bits;
	object_notify(&t->obj, bits);
}

static i32 set(void)
{
	struct object *o;
	i32 fd;

	IS(pollset_create(0, 0, &o), 0);
	fd = fd_install(p, o, WEFT_RIGHT_ALL, 0);
	object_put(o);
	return fd;
}

static i64 ctl(i32 s, u32 op, i32 fd, u32 events, u64 data)
{
	struct weft_poll_event ev = {events, data};

	return sys_poll_ctl((u64)s, op, (u64)fd, U(&ev));
}

static i64 now(i32 s, struct weft_poll_event *ev, u32 n)
{
	return sys_poll_wait((u64)s, U(ev), n, WEFT_NOW);
}

static int setup(void **state)
{
	host_begin();
	p = host_process();
	p->fds->pub.limit = 65536;
	asked = 0;
	return 0;
}

static int teardown(void **state)
{
	host_exit(p);
	host_end();
	return 0;
}

static void level_edge_oneshot(void **state)
{
	struct weft_poll_event ev[4];
	struct thing *t[3];
	i32 s = set(), fd[3];

	for (u32 i = 0; i < 3; i++)
		fd[i] = thing(&t[i]);
	assert_int_equal(ctl(s, WEFT_POLL_ADD, fd[0], WEFT_POLLIN, 10), 0);
	assert_int_equal(ctl(s, WEFT_POLL_ADD, fd[1], WEFT_POLLIN | WEFT_POLLET, 11), 0);
	assert_int_equal(ctl(s, WEFT_POLL_ADD, fd[2], WEFT_POLLIN | WEFT_POLLONESHOT, 12), 0);
	assert_int_equal(ctl(s, WEFT_POLL_ADD, fd[2], WEFT_POLLIN, 12), -EEXIST);
	assert_int_equal(now(s, ev, 4), 0);
	for (u32 i = 0; i < 3; i++)
		raise_bits(t[i], WEFT_POLLIN);
	assert_int_equal(now(s, ev, 4), 3);
	assert_int_equal(now(s, ev, 4), 1); /* the level one */
	assert_int_equal(ev[0].data, 10);
	raise_bits(t[1], WEFT_POLLIN); /* an edge though the bit was set */
	raise_bits(t[2], WEFT_POLLIN); /* disarmed */
	assert_int_equal(now(s, ev, 4), 2);
	t[0]->bits = 0;
	assert_int_equal(now(s, ev, 4), 0);
	assert_int_equal(ctl(s, WEFT_POLL_MOD, fd[2], WEFT_POLLIN | WEFT_POLLONESHOT, 99), 0);
	assert_int_equal(now(s, ev, 4), 1);
	assert_int_equal(ev[0].data, 99);
	raise_bits(t[0], WEFT_POLLOUT); /* not asked for */
	assert_int_equal(now(s, ev, 4), 0);
	raise_bits(t[0], WEFT_POLLHUP); /* always told */
	assert_int_equal(now(s, ev, 4), 1);
	assert_int_equal(ev[0].events, WEFT_POLLHUP);
	assert_int_equal(ctl(s, WEFT_POLL_DEL, fd[0], 0, 0), 0);
	assert_int_equal(ctl(s, WEFT_POLL_DEL, fd[0], 0, 0), -ENOENT);
	assert_int_equal(now(s, ev, 4), 0);
}

static void closed_while_watched(void **state)
{
	struct weft_poll_event ev[4];
	struct thing *t;
	i32 s = set(), fd = thing(&t), dup;
	struct object *o;

	assert_int_equal(ctl(s, WEFT_POLL_ADD, fd, WEFT_POLLIN, 1), 0);
	assert_int_equal(fd_get(fd, 0, 0, &o), 0);
	dup = fd_install(p, o, WEFT_RIGHT_ALL, 0);
	object_put(o);
	raise_bits(t, WEFT_POLLIN);
	fd_close(p, fd);
	assert_int_equal(now(s, ev, 4), 1); /* the duplicate keeps it */
	fd_close(p, dup);
	assert_int_equal(now(s, ev, 4), 0);
	assert_int_equal(object_count[WEFT_OBJ_COUNTER], 0);
	fd = thing(&t); /* the same number, another object */
	assert_int_equal(ctl(s, WEFT_POLL_ADD, fd, WEFT_POLLIN, 2), 0);
}

static void nested(void **state)
{
	struct weft_poll_event ev[4];
	struct thing *t;
	i32 s[8], fd = thing(&t);

	for (u32 i = 0; i < 8; i++)
		s[i] = set();
	assert_int_equal(ctl(s[0], WEFT_POLL_ADD, s[0], WEFT_POLLIN, 0),
		-EINVAL); /* as Linux has it */
	assert_int_equal(ctl(s[0], WEFT_POLL_ADD, fd, WEFT_POLLIN, 7), 0);
	for (u32 i = 1; i < 5; i++)
		assert_int_equal(ctl(s[i], WEFT_POLL_ADD, s[i - 1], WEFT_POLLIN, i), 0);
	assert_int_equal(ctl(s[0], WEFT_POLL_ADD, s[4], WEFT_POLLIN, 0), -ELOOP);
	assert_int_equal(now(s[4], ev, 4), 0);
	raise_bits(t, WEFT_POLLIN);
	assert_int_equal(now(s[4], ev, 4), 1);
	assert_int_equal(ev[0].data, 4);
	t->bits = 0;
	assert_int_equal(now(s[4], ev, 4), 0); /* the truth is asked all the way down */
	assert_int_equal(ctl(s[5], WEFT_POLL_ADD, s[4], WEFT_POLLIN, 0), 0);
	assert_int_equal(ctl(s[6], WEFT_POLL_ADD, s[5], WEFT_POLLIN, 0), -ELOOP);
	assert_int_equal(ctl(s[6], WEFT_POLL_ADD, s[7], WEFT_POLLIN | WEFT_POLLEXCLUSIVE, 0),
		-EINVAL);
}

static void thousands(void **state)
{
	static struct thing *t[5000];
	struct weft_poll_event ev[16];
	i32 s = set();

	for (u32 i = 0; i < 5000; i++)
		assert_int_equal(ctl(s, WEFT_POLL_ADD, thing(&t[i]), WEFT_POLLIN, i), 0);
	asked = 0;
	raise_bits(t[4321], WEFT_POLLIN);
	raise_bits(t[17], WEFT_POLLIN);
	assert_int_equal(now(s, ev, 16), 2);
	assert_int_equal(ev[0].data, 4321);
	assert_true(asked <= 4);
	/* Fair: with less room than is ready, all get their turn. */
	bool seen[100] = {false};
	for (u32 i = 0; i < 100; i++)
		raise_bits(t[i], WEFT_POLLIN);
	for (u32 k = 0; k < 15; k++) {
		i64 n = now(s, ev, 8);

		for (i64 i = 0; i < n; i++)
			if (ev[i].data < 100)
				seen[ev[i].data] = true;
	}
	for (u32 i = 0; i < 100; i++)
		assert_true(seen[i]);
}

static struct {
	i32 s[3];
	i64 got[3];
} wt;

static void waiter(void *arg)
{
	struct weft_poll_event ev;
	u64 i = U(arg);

	wt.got[i] = sys_poll_wait((u64)wt.s[i], U(&ev), 1, host_time + 1000);
}

static void exclusive_wakes_one(void **state)
{
	struct thing *t;
	i32 fd = thing(&t);
	u32 woken = 0;

	for (u64 i = 0; i < 3; i++) {
		wt.s[i] = set();
		wt.got[i] = -1;
		assert_int_equal(ctl(wt.s[i], WEFT_POLL_ADD, fd,
					 WEFT_POLLIN | WEFT_POLLEXCLUSIVE | WEFT_POLLET, i),
			0);
		host_thread(p, waiter, (void *)i);
	}
	host_pass_time(10);
	raise_bits(t, WEFT_POLLIN);
	host_pass_time(10);
	for (u32 i = 0; i < 3; i++)
		woken += wt.got[i] == 1;
	assert_int_equal(woken, 1);
	host_run();
	for (u32 i = 0; i < 3; i++)
		assert_true(wt.got[i] >= 0);
}

static void poller(void *arg)
{
	struct weft_pollfd f[2] = {{.fd = wt.s[0], .events = WEFT_POLLIN},
		{.fd = wt.s[1], .events = WEFT_POLLIN}};

	wt.got[0] = sys_fd_poll(U(f), 2, host_time + 5000);
	wt.got[1] = f[0].revents;
	wt.got[2] = f[1].revents;
}

static void fd_poll_blocks(void **state)
{
	struct thing *t[2];
	struct thread *th;

	wt.s[0] = thing(&t[0]);
	wt.s[1] = thing(&t[1]);
	th = host_thread(p, poller, NULL);
	host_pass_time(100);
	assert_false(host_done(th));
	raise_bits(t[1], WEFT_POLLOUT); /* not of interest */
	host_pass_time(100);
	assert_false(host_done(th));
	raise_bits(t[1], WEFT_POLLIN);
	host_pass_time(100);
	assert_true(host_done(th));
	assert_int_equal(wt.got[0], 1);
	assert_int_equal(wt.got[1], 0);
	assert_int_equal(wt.got[2], WEFT_POLLIN);
	t[1]->bits = 0;
	host_thread(p, poller, NULL);
	host_run();
	assert_int_equal(wt.got[0], 0);
	assert_true(list_empty(&t[0]->obj.watchers));
	th = host_thread(p, poller, NULL);
	host_pass_time(1);
	host_signal(th);
	host_run();
	assert_int_equal(wt.got[0], -EINTR);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {T(level_edge_oneshot), T(closed_while_watched),
		T(nested), T(thousands), T(exclusive_wakes_one), T(fd_poll_blocks)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
