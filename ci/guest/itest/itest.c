/* SPDX-License-Identifier: MIT */
/*
 * itest: init and the server library, tested from inside. The tool starts it as its job with manifests=etc/itest/ on the command line;
 * the same program is each of the services there (its first argument says which).
 */
#include <native/call.h>
#include <native/init.h>
#include <native/server.h>
#include <native/start.h>
#include <native/time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OP_PID (WEFT_OP_USER + 0)
#define OP_DIE (WEFT_OP_USER + 1)
#define OP_OPEN (WEFT_OP_USER + 2)  /* args[0]: id -> handle */
#define OP_ID (WEFT_OP_USER + 3)    /* result: what the handle's object remembers */
#define OP_SLOW (WEFT_OP_USER + 4)  /* on a worker: sleeps args[0] ms */
#define OP_LATER (WEFT_OP_USER + 5) /* kept until OP_NOW */
#define OP_NOW (WEFT_OP_USER + 6)
#define OP_UPPER (WEFT_OP_USER + 7) /* buffer 0 IN and OUT */
#define OP_STUCK (WEFT_OP_USER + 8) /* spins: no sign of life any more */
#define MS NSEC_PER_MSEC

static struct server server;
static struct loop loop;
static struct request *later;
static u64 open_ids[64], reattached, closed;

/* The server. */
static i64 do_pid(struct request *r)
{
	struct weft_proc_info me;
	weft_proc_ctl(-1, WEFT_PROC_INFO, PTR(&me), 0, 0);
	r->out[0] = reattached;
	r->out[1] = closed;
	r->has_out = true;
	return me.pid;
}

static i64 do_die(struct request *r)
{
	(void)r;
	exit(3);
}

static i64 do_open(struct request *r)
{
	u64 id = r->sqe->args[0];
	struct weft_reply_fd h = {.fd = -1, .rights = WEFT_RIGHT_ALL, .handle = id, .status = 2, .attr = {.ino = id * 10}};
	if (id == 0 || id >= 64)
		return -EINVAL;
	open_ids[id] = id * 10;
	return request_give_handle(r, &h);
}

static i64 do_id(struct request *r)
{
	return r->sqe->handle < 64 ? (i64)open_ids[r->sqe->handle] : -EINVAL;
}

static i64 do_slow(struct request *r)
{
	weft_sleep(WEFT_CLOCK_MONOTONIC, time_monotonic() + (i64)r->sqe->args[0] * MS);
	return (i64)r->sqe->args[0];
}

static i64 do_later(struct request *r)
{
	if (later)
		return -EBUSY;
	later = request_keep(r);
	return later ? SERVER_LATER : -ENOMEM;
}

static i64 do_now(struct request *r)
{
	struct request *k = later;
	later = NULL;
	return k ? request_reply(k, (i64)r->sqe->args[0]) : -ENOENT;
}

static i64 do_upper(struct request *r)
{
	char text[64];
	i64 n = request_in(r, 0, 0, text, sizeof text);
	for (i64 i = 0; i < n; i++)
		text[i] = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 32) : text[i];
	return n < 0 ? n : request_out(r, 0, 0, text, (u64)n);
}

static i64 do_stuck(struct request *r)
{
	/* Replies never: it stands still until it is killed. */
	while (r->server)
		__asm__ volatile("pause" : : : "memory");
	return 0;
}

static int reattach(struct server *s, u64 handle, u64 cookie, u64 status)
{
	(void)s;
	(void)status;
	if (handle >= 64 || handle == 13)
		return -EIO; /* this one is lost */
	open_ids[handle] = cookie;
	reattached++;
	return 0;
}

static void count_close(struct server *s, u64 handle)
{
	(void)s;
	(void)handle;
	closed++;
}

static int serve(void)
{
	static const struct server_op table[] = {{.op = OP_PID, .fn = do_pid}, {.op = OP_DIE, .fn = do_die}, {.op = OP_OPEN, .fn = do_open},
		{.op = OP_ID, .fn = do_id}, {.op = OP_SLOW, .flags = SERVER_WORKER, .fn = do_slow}, {.op = OP_LATER, .fn = do_later},
		{.op = OP_NOW, .fn = do_now}, {.op = OP_UPPER, .min_bufs = 1, .fn = do_upper}, {.op = OP_STUCK, .fn = do_stuck}, {0}};
	static const struct server_ops ops = {.table = table, .close = count_close, .reattach = reattach};
	if (server_init(&server, native_fd("scheme:t-echo"), &ops, NULL) < 0 || server_start_workers(&server, 4) < 0)
		return 1;
	if (loop_init(&loop) < 0 || server_attach(&server, &loop) < 0 || init_attach(&loop, 100 * MS) < 0)
		return 1;
	int r = loop_run(&loop);
	return r < 0;
}

/* Other services. */
static int service_late(void)
{
	weft_sleep(WEFT_CLOCK_MONOTONIC, time_monotonic() + 300 * MS);
	init_notify();
	weft_sleep(WEFT_CLOCK_MONOTONIC, WEFT_FOREVER);
	return 0;
}

/* With an empty namespace and only the fds of its manifest. */
static int service_alone(void)
{
	char names[64];
	struct weft_identity id;
	if (weft_ns_ctl(-1, WEFT_NS_LIST, PTR(names), sizeof names, 0) != 0)
		return 1;
	if (weft_ns_ctl(-1, WEFT_NS_OPEN, PTR("debug"), 5, 0) != -ENOENT)
		return 2;
	if (native_fd("res:ports") < 0 || native_fd("res:root") != -ENOENT || native_fd("boot") != -ENOENT || native_fd("open:t-echo") < 0)
		return 3;
	if (weft_sys_ctl(native_fd("res:ports"), WEFT_SYS_POWER, 0, 0, 0) != -EPERM)
		return 4;
	if (weft_ident_ctl(-1, WEFT_IDENT_GET, 0xffffffff, PTR(&id)) < 0 || id.uid != 1234 || id.gid != 56 || id.ngroups != 1 || id.groups[0] != 7)
		return 5;
	struct weft_req r = {.op = OP_PID};
	return weft_fd_call(native_fd("open:t-echo"), PTR(&r)) > 0 ? 0 : 6;
}

/* Starts a driver's instance with an fd of its own, and waits for its end. */
static i64 named_call(i32 init, u16 op, const char *a, const char *b, const char *names, u32 len, i32 *fds, u8 nfds)
{
	struct weft_buf bufs[3] = {{PTR(a), (u32)strlen(a), WEFT_BUF_IN}, {PTR(b), b ? (u32)strlen(b) : 0, WEFT_BUF_IN}, {PTR(names), len, WEFT_BUF_IN}};
	struct weft_req r = {.op = op, .nbufs = b ? 3 : 1, .bufs = PTR(bufs), .nfds = nfds, .fds = PTR(fds)};
	return weft_fd_call(init, PTR(&r));
}

static int service_starter(void)
{
	i32 init = native_fd("open:init"), p[2];
	char byte = 0;
	for (int round = 0; round < 2; round++) {
		weft_obj_create(WEFT_OBJ_PIPE, 0, 0, 0, PTR(p));
		if (named_call(init, INIT_START, "t-driver", "t-driver.0", "device", 7, &p[1], 1) <= 0)
			return 1;
		weft_fd_close(p[1]);
		if (weft_fd_read(p[0], PTR(&byte), 1, -1, 0) != 1 || byte != 'd')
			return 2;
		if (named_call(init, INIT_WAIT, "t-driver.0", NULL, NULL, 0, NULL, 0) != 9 << 8)
			return 3;
		weft_fd_close(p[0]);
	}
	if (named_call(init, INIT_START, "t-echo", "t-x", "device", 7, NULL, 0) != -ENOENT)
		return 4;
	return 0;
}

static int service_driver(void)
{
	weft_fd_write(native_fd("device"), PTR("d"), 1, -1, 0);
	return 9;
}

/* The tests. */
static u32 passed, failed;
static i32 init_handle, echo;

static void result(const char *name, bool ok, i64 value)
{
	if (ok)
		printf("ok init-%s\n", name);
	else
		printf("not ok init-%s: got %ld\n", name, value);
	passed += ok;
	failed += !ok;
}

static bool look(const char *name, struct init_service *out)
{
	static struct init_service all[64];
	struct weft_buf buf = {.addr = PTR(all), .len = sizeof all, .flags = WEFT_BUF_OUT};
	struct weft_req r = {.op = INIT_LIST, .nbufs = 1, .bufs = PTR(&buf)};
	i64 n = weft_fd_call(init_handle, PTR(&r));
	for (i64 i = 0; i < n && i < 64; i++) {
		if (strcmp(all[i].name, name) == 0) {
			*out = all[i];
			return true;
		}
	}
	return false;
}

static i64 control(enum init_action what, const char *name)
{
	struct weft_buf buf = {.addr = PTR(name), .len = (u32)strlen(name), .flags = WEFT_BUF_IN};
	struct weft_req r = {.op = INIT_CONTROL, .nbufs = 1, .bufs = PTR(&buf), .args = {what}};
	return weft_fd_call(init_handle, PTR(&r));
}

static i64 call(i32 fd, u16 op, u64 arg)
{
	struct weft_req r = {.op = op, .args = {arg}};
	return weft_fd_call(fd, PTR(&r));
}

/* Until a service is in that state with at least so many restarts; 5 s. */
static bool wait_for(const char *name, u32 state, u32 restarts, struct init_service *s)
{
	for (int i = 0; i < 500; i++) {
		if (look(name, s) && s->state == state && s->restarts >= restarts)
			return true;
		weft_sleep(WEFT_CLOCK_MONOTONIC, time_monotonic() + 10 * MS);
	}
	return false;
}

static i32 open_scheme(const char *name)
{
	return (i32)weft_ns_ctl(native_fd("ns"), WEFT_NS_OPEN, PTR(name), strlen(name), 0);
}

static i32 open_node(u64 id)
{
	i32 fd = -1;
	struct weft_req r = {.op = OP_OPEN, .args = {id}, .max_fds = 1, .fds_out = PTR(&fd)};
	i64 e = weft_fd_call(echo, PTR(&r));
	return e < 0 ? (i32)e : fd;
}

static void test_states(void)
{
	struct init_service s = {0};
	result("oneshot", wait_for("t-once", INIT_DONE, 0, &s) && s.status == 0, s.state);
	result("never-restarted", wait_for("t-never", INIT_FAILED, 0, &s) && s.restarts == 0 && s.status == 5 << 8, s.state);
	result("restarts", wait_for("t-crash", INIT_BACKOFF, 3, &s), s.restarts);
	result("alone", wait_for("t-alone", INIT_DONE, 0, &s), s.status >> 8);
	result("driver-instances", wait_for("t-starter", INIT_DONE, 0, &s), s.status >> 8);
	result("driver-waits-to-be-started", look("t-driver", &s) && s.state == INIT_DOWN && s.pid == 0, s.state);
	struct init_service late = {0}, needy = {0};
	result("order", wait_for("t-needy", INIT_DONE, 0, &needy) && look("t-late", &late) && late.state == INIT_RUNNING &&
			needy.since_ns >= late.since_ns, needy.state);
	result("missing-program", wait_for("t-missing", INIT_FAILED, 0, &s), s.state);
}

static void test_server(void)
{
	char text[] = "upper case";
	struct weft_buf buf = {.addr = PTR(text), .len = 10, .flags = WEFT_BUF_IN | WEFT_BUF_OUT};
	struct weft_req r = {.op = OP_UPPER, .nbufs = 1, .bufs = PTR(&buf)};
	result("server-buffers", weft_fd_call(echo, PTR(&r)) == 10 && strcmp(text, "UPPER CASE") == 0, 0);
	r.nbufs = 0;
	result("server-min-buffers", weft_fd_call(echo, PTR(&r)) == -EINVAL, 0);
	result("server-unknown", call(echo, 0x7000, 0) == -ENOSYS, 0);
	i32 a = open_node(5);
	result("server-handles", call(a, OP_ID, 0) == 50, a);
	weft_fd_close(a);
	struct weft_req who = {.op = OP_PID};
	weft_fd_call(echo, PTR(&who));
	result("server-close", who.out[1] == 1, (i64)who.out[1]);
}

struct caller {
	struct nthread t;
	u16 op;
	u64 arg;
	i64 got;
};
static void call_main(void *arg)
{
	struct caller *c = arg;
	c->got = call(echo, c->op, c->arg);
}

static void test_deferred(void)
{
	struct caller c[4];
	i64 start = time_monotonic();
	for (u64 i = 0; i < 4; i++) {
		c[i] = (struct caller){.op = OP_SLOW, .arg = 200 + i};
		nthread_create(&c[i].t, call_main, &c[i], 0);
	}
	/* The loop serves others while workers sleep. */
	bool quick = call(echo, OP_PID, 0) > 0 && time_monotonic() - start < 150 * MS;
	bool good = true;
	for (u64 i = 0; i < 4; i++) {
		nthread_join(&c[i].t);
		good &= c[i].got == (i64)(200 + i);
	}
	i64 took = (time_monotonic() - start) / MS;
	result("server-workers", good && took < 700, took);
	result("server-is-not-blocked", quick, took);
	c[0] = (struct caller){.op = OP_LATER};
	nthread_create(&c[0].t, call_main, &c[0], 0);
	i64 r = -ENOENT;
	for (int i = 0; i < 100 && r == -ENOENT; i++) {
		weft_sleep(WEFT_CLOCK_MONOTONIC, time_monotonic() + 5 * MS);
		r = call(echo, OP_NOW, 77);
	}
	nthread_join(&c[0].t);
	result("server-deferred-reply", r == 0 && c[0].got == 77, c[0].got);
}

static void test_restart(void)
{
	struct init_service s;
	i32 a = open_node(11), lost = open_node(13);
	i64 first = call(echo, OP_PID, 0);
	/* It dies while it has a request: that one fails; the handles live on. */
	result("death-fails-the-request", call(echo, OP_DIE, 0) == -EIO, 0);
	i64 second = call(echo, OP_PID, 0);
	result("successor-answers", second > 0 && second != first, second);
	result("handle-survives", call(a, OP_ID, 0) == 110, 0);
	result("handle-abandoned", call(lost, OP_ID, 0) == -EIO, 0);
	result("restart-counted", look("t-echo", &s) && s.restarts == 1, s.restarts);
	result("kill", control(INIT_DO_KILL, "t-echo") == 0 && call(a, OP_ID, 0) == 110, 0);
	/* A loop that does not turn says nothing, and is killed for it. */
	i64 r = call(echo, OP_STUCK, 0);
	result("watchdog", r == -EIO && call(a, OP_ID, 0) == 110, r);
	result("stop", control(INIT_DO_STOP, "t-echo") == 0 && wait_for("t-echo", INIT_DOWN, 0, &s) && s.status == 0, s.status);
	result("start", control(INIT_DO_START, "t-echo") == 0 && call(a, OP_ID, 0) == 110, 0);
	result("no-such-service", control(INIT_DO_STOP, "nobody") == -ENOENT, 0);
	weft_fd_close(a);
	weft_fd_close(lost);
}

static void test_images(void)
{
	u64 size = 0;
	char head[4];
	i32 fd = init_image(init_handle, "bin/itest", &size);
	result("image", fd >= 0 && size > 1000 && weft_fd_read(fd, PTR(head), 4, 0, 0) == 4 && memcmp(head, "\177ELF", 4) == 0, fd);
	result("image-read-only", weft_fd_write(fd, PTR("x"), 1, 0, 0) == -EBADF, 0);
	result("image-missing", init_image(init_handle, "bin/none", &size) == -ENOENT, 0);
}

static void test_rights(void)
{
	struct weft_identity id = {.uid = 1000, .euid = 1000};
	i64 n = weft_ident_ctl(native_fd("res:root"), WEFT_IDENT_MINT, 0, PTR(&id));
	weft_proc_ctl(-1, WEFT_PROC_SET_IDENTITY, (u64)n, native_fd("res:root"), 0);
	result("control-needs-root", control(INIT_DO_KILL, "t-echo") == -EPERM, 0);
	result("power-needs-root", call(init_handle, INIT_POWER, 0) == -EPERM, 0);
	result("start-needs-right", named_call(init_handle, INIT_START, "t-driver", "t-driver.9", "", 0, NULL, 0) == -EPERM, 0);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*fn)(void);
	} roles[] = {{"echo", serve}, {"late", service_late}, {"alone", service_alone}, {"starter", service_starter}, {"driver", service_driver}};
	for (u32 i = 0; argc > 1 && i < sizeof roles / sizeof roles[0]; i++) {
		if (strcmp(argv[1], roles[i].name) == 0)
			return roles[i].fn();
	}
	if (argc > 1)
		return atoi(argv[1]);
	init_handle = open_scheme("init");
	echo = open_scheme("t-echo");
	if (init_handle < 0 || echo < 0) {
		printf("not ok init-schemes: %d %d (is manifests=etc/itest/ on the command line?)\n@@tests 0 1\n", init_handle, echo);
		return 1;
	}
	test_states();
	test_server();
	test_deferred();
	test_restart();
	test_images();
	test_rights();
	printf("@@tests %u %u\n", passed, failed);
	return failed != 0;
}
