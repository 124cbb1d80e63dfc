/* SPDX-License-Identifier: MIT */
/* Requests from end to end on the host: validation, replies that are wrong, redelivery, cancel,
 * deaths of either side, limits. */
#include "host.h"
#include "ipc/scheme_impl.h"

static struct process *server, *client;
static i32 sfd, ep, h; /* server end and endpoint in the server, a handle in the client */
static struct scheme *s;

static int setup(void **state)
{
	struct weft_res all = {.kinds = WEFT_RES_ALL, .len = ~0ul};
	struct weft_scheme_limits l = {.orphan_ns = 1000000, .max_requests = 8};
	struct weft_reply_fd f = {.kind = WEFT_REPLY_NEW,
		.fd = -1,
		.rights = WEFT_RIGHT_ALL,
		.handle = 42,
		.attr = {.ino = 4242}};
	struct resource *r;
	i32 ends[2], hs;

	host_begin();
	client = host_process();
	server = host_process();
	IS(resource_create(&all, &r), 0);
	l.authority = fd_install(server, &r->obj, WEFT_RIGHT_ALL, 0);
	object_put(&r->obj);
	IS(sys_scheme_create(0, U(ends), U(&l)), 0);
	sfd = ends[0];
	ep = ends[1];
	s = container_of(fd_peek(ep)->o, struct scheme, obj);
	hs = (i32)sys_scheme_ctl((u64)sfd, WEFT_SCHEME_NEW_HANDLE, U(&f), 0, 0);
	CHECK(hs >= 0);
	h = host_give(server, hs, client);
	fd_close(server, hs);
	return 0;
}

static int teardown(void **state)
{
	host_exit(client);
	if (server)
		host_exit(server);
	host_end();
	return 0;
}

/* What the server thread does with each SQE. */
static i64 (*serve_one)(struct weft_sqe *e, struct weft_cqe *c);
static u32 seen_close, seen_cancel, seen_reattach, served;
static u64 cancelled_tag;

static void server_main(void *arg)
{
	struct weft_sqe e[4];
	struct weft_cqe c[4];
	u64 nc = 0;
	i64 n;

	for (;;) {
		n = sys_scheme_serve((u64)sfd, U(c), nc, U(e), 4, host_time + 100000);
		if (n <= 0)
			return;
		nc = 0;
		for (i64 i = 0; i < n; i++) {
			seen_close += e[i].op == WEFT_OP_CLOSE;
			seen_reattach += e[i].op == WEFT_OP_REATTACH;
			if (e[i].op == WEFT_OP_CANCEL) {
				seen_cancel++;
				cancelled_tag = e[i].args[0];
			}
			if (!e[i].tag && e[i].op != WEFT_OP_CANCEL)
				continue;
			served++;
			c[nc] = (struct weft_cqe){.tag = e[i].tag};
			c[nc].result = serve_one ? serve_one(&e[i], &c[nc]) : (i64)e[i].args[0] + 1;
			if (c[nc].result != INT64_MIN)
				nc++;
		}
	}
}

static struct call {
	struct weft_req q;
	struct weft_buf b[4];
	i64 result;
} call;

static void client_main(void *arg)
{
	struct call *c = arg ? arg : &call;

	c->q.op = c->q.op ? c->q.op : 0x100;
	c->q.bufs = U(c->b);
	c->result = sys_fd_call((u64)h, U(&c->q));
}

static struct thread *go(i64 (*fn)(struct weft_sqe *e, struct weft_cqe *c))
{
	struct thread *t;

	serve_one = fn;
	seen_close = seen_cancel = seen_reattach = served = 0;
	t = host_thread(client, client_main, NULL);
	host_thread(server, server_main, NULL);
	host_run();
	return t;
}

static void round_trip(void **state)
{
	call = (struct call){.q.args = {41}};
	assert_true(host_done(go(NULL)));
	assert_int_equal(call.result, 42);
	assert_int_equal(s->nreq, 0);
	assert_true(list_empty(&s->delivered));
}

static void bad_calls(void **state)
{
	struct weft_req q = {.op = 0x100};
	struct weft_buf b = {U(&q), 4, 8};
	i32 fd = 99;

	host_as(client);
	q.op = WEFT_OP_READ;
	assert_int_equal(sys_fd_call((u64)h, U(&q)), -EINVAL);
	q = (struct weft_req){.op = 0x100, .nbufs = 17};
	assert_int_equal(sys_fd_call((u64)h, U(&q)), -EINVAL);
	q = (struct weft_req){.op = 0x100, .nfds = 17};
	assert_int_equal(sys_fd_call((u64)h, U(&q)), -EINVAL);
	q = (struct weft_req){.op = 0x100, .max_fds = 17};
	assert_int_equal(sys_fd_call((u64)h, U(&q)), -EINVAL);
	q = (struct weft_req){.op = 0x100, .flags = 0x8000};
	assert_int_equal(sys_fd_call((u64)h, U(&q)), -EINVAL);
	q = (struct weft_req){.op = 0x100, .nbufs = 1, .bufs = U(&b)};
	assert_int_equal(sys_fd_call((u64)h, U(&q)), -EINVAL);
	b = (struct weft_buf){WEFT_USER_MAX - 2, 4, WEFT_BUF_IN};
	assert_int_equal(sys_fd_call((u64)h, U(&q)), -EFAULT);
	b = (struct weft_buf){~0ul - 1, 4, WEFT_BUF_IN};
	assert_int_equal(sys_fd_call((u64)h, U(&q)), -EFAULT);
	q.bufs = 8;
	assert_int_equal(sys_fd_call((u64)h, U(&q)), -EFAULT);
	q = (struct weft_req){.op = 0x100, .nfds = 1, .fds = U(&fd)};
	assert_int_equal(sys_fd_call((u64)h, U(&q)), -EBADF);
	assert_int_equal(sys_fd_call((u64)h, 8), -EFAULT);
	assert_int_equal(sys_fd_call(77, U(&q)), -EBADF);
	assert_int_equal(s->nreq, 0);
}

static char server_mem[8192];

static i64 copies(struct weft_sqe *e, struct weft_cqe *c)
{
	u64 fd = (u64)sfd;

	IS(e->nbufs, 2);
	IS(e->len[0], 5000);
	IS(sys_req_copy(fd, e->tag, 0, 0, U(server_mem), 8192),
		5000); /* clamped to what was declared */
	IS(server_mem[4999], 'z');
	IS(sys_req_copy(fd, e->tag, 0, 5000, U(server_mem), 1), 0);
	IS(sys_req_copy(fd, e->tag, 0, 5001, U(server_mem), 1), -EINVAL);
	IS(sys_req_copy(fd, e->tag, 0, ~0ul, U(server_mem), 1), -EINVAL);
	IS(sys_req_copy(fd, e->tag, 2, 0, U(server_mem), 1), -EINVAL);
	IS(sys_req_copy(fd, e->tag, 0x200, 0, U(server_mem), 1), -EINVAL);
	IS(sys_req_copy(fd, e->tag, 0 | WEFT_COPY_OUT, 0, U(server_mem), 1), -EACCES);
	IS(sys_req_copy(fd, e->tag, 1, 0, U(server_mem), 1), -EACCES);
	IS(sys_req_copy(fd, e->tag + 1, 0, 0, U(server_mem), 1), -ESTALE);
	IS(sys_req_copy(fd, e->tag, 0, 0, 8, 1), -EFAULT);
	IS(sys_req_copy(fd, e->tag, 1 | WEFT_COPY_OUT, 2, U("ok"), 2), 2);
	return 7;
}

static void buffers(void **state)
{
	char *in = calloc(1, 5000), out[4] = "....";

	in[4999] = 'z';
	call = (struct call){.q.nbufs = 2,
		.b = {{U(in), 5000, WEFT_BUF_IN}, {U(out), 4, WEFT_BUF_OUT}}};
	go(copies);
	assert_int_equal(call.result, 7);
	assert_memory_equal(out, "..ok", 4);
	free(in);
}

static u32 rounds;
static u64 first_tag;
static i64 redelivered(struct weft_sqe *e, struct weft_cqe *c)
{
	char b[4];
	i64 n = sys_req_copy((u64)sfd, e->tag, 0, 0, U(b), 4);

	if (!rounds++) {
		IS(n, -WEFT_EREDELIVER);
		IS(sys_req_copy((u64)sfd, e->tag, 0, 0, U(b), 4), -ESTALE);
		first_tag = e->tag;
		return 666; /* a reply to a dead tag */
	}
	CHECK(e->flags & WEFT_SQE_REDELIVERED);
	CHECK(e->tag != first_tag);
	IS(n, 4);
	return b[0];
}

static void redelivery(void **state)
{
	char *page = host_page();

	page[0] = 55;
	host_absent(page, true);
	rounds = 0;
	call = (struct call){.q.nbufs = 1, .b = {{U(page), 4, WEFT_BUF_IN}}};
	go(redelivered);
	assert_int_equal(call.result, 55);
	assert_int_equal(rounds, 2);
	assert_int_equal(s->dead_replies, 1);
	free(page);
}

static i64 copies_bad(struct weft_sqe *e, struct weft_cqe *c)
{
	IS(sys_req_copy((u64)sfd, e->tag, 0, 0, U(server_mem), 4), -WEFT_EREDELIVER);
	return 0;
}

static void bad_buffer(void **state)
{
	char *page = host_page();

	host_bad(page, true);
	call = (struct call){.q.nbufs = 1, .b = {{U(page), 4, WEFT_BUF_IN}}};
	go(copies_bad);
	assert_int_equal(call.result, -EFAULT);
	host_bad(page, false);
	free(page);
}

static i64 twice(struct weft_sqe *e, struct weft_cqe *c)
{
	struct weft_cqe two[3] = {{.tag = e->tag, .result = 1}, {.tag = e->tag, .result = 2},
		{.tag = 0, .result = 3}};

	IS(sys_scheme_serve((u64)sfd, U(two), 3, 0, 0, 0), 0);
	return 4;
}

static void replies_twice(void **state)
{
	call = (struct call){0};
	go(twice);
	assert_int_equal(call.result, 1);
	assert_int_equal(s->dead_replies, 3);
}

static struct weft_reply_fd give[2];
static i64 gives(struct weft_sqe *e, struct weft_cqe *c)
{
	c->nfds = 2;
	c->fds = U(give);
	return 5;
}

static void fds_given(void **state)
{
	i32 got[2] = {-1, -1};

	give[0] = (struct weft_reply_fd){.kind = WEFT_REPLY_NEW,
		.fd = -1,
		.rights = WEFT_RIGHT_READ,
		.handle = 50,
		.status = 2};
	give[1] = (struct weft_reply_fd){.kind = WEFT_REPLY_NEW,
		.fd = -1,
		.rights = WEFT_RIGHT_READ,
		.handle = 51};
	call = (struct call){.q.max_fds = 1, .q.fds_out = U(got)};
	go(gives);
	assert_int_equal(call.result, 5);
	assert_int_equal(call.q.nfds_out, 1);
	assert_true(got[0] >= 0 && got[1] == -1);
	assert_int_equal(seen_close, 1); /* of 51, for which there was no room */
	give[1].handle = 50;		 /* in use */
	give[0].handle = 52;
	call = (struct call){.q.max_fds = 2, .q.fds_out = U(got)};
	go(gives);
	assert_int_equal(call.result, -EPROTO);
	assert_int_equal(seen_close, 1); /* of 52 */
	give[0] = (struct weft_reply_fd){.kind = WEFT_REPLY_FD, .fd = 99, .rights = WEFT_RIGHT_ALL};
	go(gives);
	assert_int_equal(call.result, -EPROTO);
	host_as(client);
	fd_close(client, got[0]);
	seen_close = 0;
	host_thread(server, server_main, NULL);
	host_run();
	assert_int_equal(seen_close, 1);
	assert_int_equal(object_count[WEFT_OBJ_HANDLE], 1);
}

static i64 too_many(struct weft_sqe *e, struct weft_cqe *c)
{
	return (i64)e->args[1] + 1;
}

static void reads(void *arg)
{
	char b[10];
	struct weft_iov v;
	struct uio u;

	uio_init(&u, &v, 1, U(b), 10, false);
	call.result = fd_peek(h)->o->ops->read(fd_peek(h)->o, &u, -1, 0);
}

static void read_result_checked(void **state)
{
	serve_one = too_many;
	host_thread(client, reads, NULL);
	host_thread(server, server_main, NULL);
	host_run();
	assert_int_equal(call.result, -EPROTO);
	assert_int_equal(s->bad_replies, 1);
}

/* The server keeps the request until it is cancelled. */
static u64 kept;
static i64 keeps(struct weft_sqe *e, struct weft_cqe *c)
{
	if (e->op != WEFT_OP_CANCEL) {
		kept = e->tag;
		return INT64_MIN;
	}
	IS(e->args[0], kept);
	c->tag = kept;
	return 3; /* a partial count */
}

static void cancel(void **state)
{
	struct thread *t, *t2;

	call = (struct call){0};
	serve_one = keeps;
	seen_cancel = 0;
	t = host_thread(client, client_main, NULL);
	host_thread(server, server_main, NULL);
	host_pass_time(10);
	assert_false(host_done(t));
	host_signal(t);
	host_run();
	assert_true(host_done(t));
	assert_int_equal(call.result, 3);
	assert_int_equal(seen_cancel, 1);
	/* Not received yet: it is taken back, the server hears nothing. */
	t2 = host_thread(client, client_main, NULL);
	host_pass_time(10);
	host_signal(t2);
	host_pass_time(10);
	assert_true(host_done(t2));
	assert_int_equal(call.result, -EINTR);
	assert_true(list_empty(&s->queue));
	assert_int_equal(s->nreq, 0);
}

static void client_dies(void **state)
{
	struct thread *t;

	call = (struct call){0};
	serve_one = keeps;
	seen_cancel = 0;
	t = host_thread(client, client_main, NULL);
	host_thread(server, server_main, NULL);
	host_pass_time(10);
	host_kill(t);
	host_pass_time(10);
	assert_true(host_done(t)); /* at once */
	host_run();
	assert_int_equal(seen_cancel, 1);
	assert_int_equal(s->dead_replies, 1);
	assert_true(list_empty(&s->delivered));
}

static void deaths_of_the_server(void **state)
{
	struct thread *t[3];
	static struct call c[3];
	i64 fd;

	memset(c, 0, sizeof(c));
	c[0].q.flags = 0;
	c[1].q.flags = WEFT_REQ_IDEMPOTENT;
	serve_one = keeps;
	for (u32 i = 0; i < 2; i++)
		t[i] = host_thread(client, client_main, &c[i]);
	host_thread(server, server_main, NULL);
	host_pass_time(10);
	assert_false(host_done(t[0]) || host_done(t[1]));
	host_as(server);
	fd_close(server, sfd); /* the server end's only fd */
	host_pass_time(10);
	assert_true(host_done(t[0]));
	assert_int_equal(c[0].result, -EIO);
	assert_false(host_done(t[1]));
	t[2] = host_thread(client, client_main, &c[2]); /* waits for a successor */
	host_pass_time(10);
	assert_false(host_done(t[2]));
	host_as(server);
	assert_int_equal(object_ready(&s->obj), WEFT_POLLIN);
	fd = sys_scheme_ctl((u64)ep, WEFT_SCHEME_SUCCEED, 0, 0, 0);
	assert_true(fd >= 0);
	assert_int_equal(sys_scheme_ctl((u64)ep, WEFT_SCHEME_SUCCEED, 0, 0, 0), -EBUSY);
	sfd = (i32)fd;
	serve_one = NULL;
	seen_reattach = 0;
	host_thread(server, server_main, NULL);
	host_run();
	assert_true(host_done(t[1]) && host_done(t[2]));
	assert_int_equal(c[1].result, 1);
	assert_int_equal(c[2].result, 1);
	assert_int_equal(seen_reattach, 1);
	/* Again, and nobody comes: after the limit all fails, and new requests at once. */
	host_as(server);
	fd_close(server, sfd);
	t[0] = host_thread(client, client_main, &c[0]);
	host_pass_time(500000);
	assert_false(host_done(t[0]));
	host_run();
	assert_int_equal(c[0].result, -EIO);
	t[0] = host_thread(client, client_main, &c[0]);
	host_pass_time(1);
	assert_true(host_done(t[0]));
	/* The endpoint goes as well: gone for good. */
	host_as(server);
	fd_close(server, ep);
	host_as(client);
	assert_true(object_ready(fd_peek(h)->o) & WEFT_POLLHUP);
}

static void limit(void **state)
{
	static struct call c[20];
	struct thread *t[20];
	u32 done = 0;

	memset(c, 0, sizeof(c));
	serve_one = NULL;
	for (u32 i = 0; i < 20; i++)
		t[i] = host_thread(client, client_main, &c[i]);
	host_pass_time(1);
	assert_int_equal(s->nreq, 8);
	host_kill(t[15]); /* one that waits for room */
	host_thread(server, server_main, NULL);
	host_thread(server, server_main, NULL);
	host_run();
	for (u32 i = 0; i < 20; i++)
		done += host_done(t[i]) && c[i].result == 1;
	assert_int_equal(done, 19);
	assert_int_equal(s->nreq, 0);
}

static u32 completed, ends_with;
static void complete(struct request *r, i64 result)
{
	completed++;
	if (result == -WEFT_EREDELIVER) {
		static const u64 args[6];

		IS(scheme_kernel_request(r, s, WEFT_OP_PAGE_IN, 9, args, complete), 0);
	} else {
		ends_with = (u32)result;
	}
}

static void kernel_requests(void **state)
{
	static const u64 args[6] = {11};
	static struct request r;
	i64 fd;

	completed = 0;
	assert_int_equal(scheme_kernel_request(&r, s, WEFT_OP_PAGE_IN, 9, args, complete), 0);
	serve_one = keeps;
	host_thread(server, server_main, NULL);
	host_pass_time(1);
	assert_int_equal(completed, 0);
	host_as(server);
	fd_close(server, sfd);
	assert_int_equal(completed, 1); /* and sent again */
	host_pass_time(1);
	host_as(server);
	fd = sys_scheme_ctl((u64)ep, WEFT_SCHEME_SUCCEED, 0, 0, 0);
	sfd = (i32)fd;
	serve_one = NULL;
	host_thread(server, server_main, NULL);
	host_run();
	assert_int_equal(completed, 2);
	assert_int_equal(ends_with, 1);
	assert_true(list_empty(&s->delivered) && list_empty(&s->queue));
}

static void readiness(void **state)
{
	struct weft_poll_event ev = {WEFT_POLLIN | WEFT_POLLET, 1};
	struct object *o;
	i32 set;

	host_as(client);
	IS(pollset_create(0, 0, &o), 0);
	set = fd_install(client, o, WEFT_RIGHT_ALL, 0);
	object_put(o);
	assert_int_equal(sys_poll_ctl((u64)set, WEFT_POLL_ADD, (u64)h, U(&ev)), 0);
	assert_int_equal(sys_poll_wait((u64)set, U(&ev), 1, WEFT_NOW), 0);
	host_as(server);
	assert_int_equal(sys_scheme_ctl((u64)sfd, WEFT_SCHEME_READY, 42, WEFT_POLLIN, 0), 0);
	assert_int_equal(sys_scheme_ctl((u64)sfd, WEFT_SCHEME_READY, 43, WEFT_POLLIN, 0), -ENOENT);
	host_as(client);
	assert_int_equal(sys_poll_wait((u64)set, U(&ev), 1, WEFT_NOW), 1);
	host_as(server);
	assert_int_equal(sys_scheme_ctl((u64)sfd, WEFT_SCHEME_READY, 42, WEFT_POLLIN, 0), 0);
	host_as(client);
	assert_int_equal(sys_poll_wait((u64)set, U(&ev), 1, WEFT_NOW), 0); /* no edge */
	host_as(server);
	assert_int_equal(sys_scheme_ctl((u64)sfd, WEFT_SCHEME_READY, 42, WEFT_POLLIN, 1), 0);
	host_as(client);
	assert_int_equal(sys_poll_wait((u64)set, U(&ev), 1, WEFT_NOW), 1);
	fd_close(client, set);
}

static void server_memory_absent(void **state)
{
	/* The server's own pages are absent where its SQE and CQE lie: nothing is lost. */
	static char room[3 * 4096] __attribute__((aligned(4096)));
	struct weft_sqe *e = (void *)(room + 4096 - 40);
	struct weft_cqe *c = (void *)(room + 8192 - 8);
	struct thread *t = host_thread(client, client_main, NULL);

	call = (struct call){.q.args = {9}};
	host_pass_time(1);
	host_as(server);
	host_bad(room + 4096, true);
	assert_int_equal(sys_scheme_serve((u64)sfd, 0, 0, U(e), 1, WEFT_NOW), -EFAULT);
	host_bad(room + 4096, false);
	host_absent(room, true);
	host_absent(room + 4096, true);
	assert_int_equal(sys_scheme_serve((u64)sfd, 0, 0, U(e), 1, WEFT_NOW), 1);
	assert_int_equal(e->args[0], 9);
	*c = (struct weft_cqe){.tag = e->tag, .result = 1234};
	host_absent(room + 8192, true);
	assert_int_equal(sys_scheme_serve((u64)sfd, U(c), 1, 0, 0, WEFT_NOW), 0);
	host_run();
	assert_true(host_done(t));
	assert_int_equal(call.result, 1234);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {T(round_trip), T(bad_calls), T(buffers), T(redelivery),
		T(bad_buffer), T(replies_twice), T(fds_given), T(read_result_checked), T(cancel),
		T(client_dies), T(deaths_of_the_server), T(limit), T(kernel_requests), T(readiness),
		T(server_memory_absent)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
