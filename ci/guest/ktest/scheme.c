/* SPDX-License-Identifier: MIT */
/*
 * Schemes between two processes. A test's server is a forked child, which is the only holder of the server end: the client closes
 * its copy, so that the server's end is seen.
 */
#include "t.h"

#define OP_ECHO (WEFT_OP_USER + 0)  /* result: args[0] */
#define OP_IN (WEFT_OP_USER + 1)    /* result: sum of buffer 0's bytes */
#define OP_OUT (WEFT_OP_USER + 2)   /* fills buffer 0 with args[0] */
#define OP_GIVE (WEFT_OP_USER + 3)  /* replies with args[0] fds: pipes' read ends */
#define OP_TAKE (WEFT_OP_USER + 4)  /* writes a byte to the fd that came */
#define OP_NEVER (WEFT_OP_USER + 5) /* no reply, unless it is cancelled */
#define OP_DIE (WEFT_OP_USER + 6)
#define OP_NEW (WEFT_OP_USER + 7)   /* replies with a new handle args[0] */
#define OP_WHO (WEFT_OP_USER + 8)   /* result: the handle's id; out: pid, tid, identity, flags */
#define OP_DEAF (WEFT_OP_USER + 9)  /* never replied, cancel ignored */
#define OP_READY (WEFT_OP_USER + 10) /* the reply carries readiness args[0], edge args[1] */

struct srv {
	i32 fd;
	u64 held[128];
	u32 nheld;
};

static u8 area[70000];

static void reply(struct srv *s, struct weft_cqe c)
{
	EQ(weft_scheme_serve(s->fd, PTR(&c), 1, 0, 0, WEFT_NOW), 0);
}

static void serve_buffers(struct srv *s, struct weft_sqe *e)
{
	u64 sum = 0;
	i64 r = e->len[0];
	if (e->len[0] > sizeof area)
		r = -E2BIG;
	else if (e->op == OP_OUT)
		memset(area, (int)e->args[0], e->len[0]);
	if (r >= 0)
		r = weft_req_copy(s->fd, e->tag, e->op == OP_OUT ? WEFT_COPY_OUT : WEFT_COPY_IN, 0, PTR(area), e->len[0]);
	if (r == -WEFT_EREDELIVER)
		return;
	for (i64 i = 0; e->op == OP_IN && i < r; i++)
		sum += area[i];
	reply(s, (struct weft_cqe){.tag = e->tag, .result = r < 0 ? r : e->op == OP_IN ? (i64)sum : r});
}

static void serve_fds(struct srv *s, struct weft_sqe *e)
{
	struct weft_reply_fd f[16];
	struct weft_cqe c = {.tag = e->tag, .fds = PTR(f)};
	if (e->op == OP_TAKE) {
		EQ(e->nfds, 1);
		CHECK(e->fds[0] >= WEFT_FD_PRIVATE);
		EQ(weft_fd_write(e->fds[0], PTR("!"), 1, -1, 0), 1);
		weft_fd_close(e->fds[0]);
	} else if (e->op == OP_NEW) {
		f[0] = (struct weft_reply_fd){.kind = WEFT_REPLY_NEW, .fd = -1, .rights = WEFT_RIGHT_ALL, .handle = e->args[0], .status = 2,
			.attr = {.mode = 0100644, .ino = e->args[0], .dev = 5}, .ready = WEFT_POLLOUT};
		c.nfds = 1;
	} else {
		for (u32 i = 0; i < e->args[0]; i++) {
			i32 p[2];
			t_pipe(p);
			weft_fd_write(p[1], PTR("g"), 1, -1, 0);
			weft_fd_close(p[1]);
			f[c.nfds++] = (struct weft_reply_fd){.kind = WEFT_REPLY_FD, .fd = p[0], .rights = WEFT_RIGHT_ALL, .flags = WEFT_REPLY_MOVE};
		}
	}
	reply(s, c);
}

static void serve_one(struct srv *s, struct weft_sqe *e)
{
	struct weft_cqe c = {.tag = e->tag};
	switch (e->op) {
	case OP_ECHO:
		c.result = (i64)e->args[0];
		reply(s, c);
		break;
	case OP_IN:
	case OP_OUT:
		serve_buffers(s, e);
		break;
	case OP_GIVE:
	case OP_TAKE:
	case OP_NEW:
		serve_fds(s, e);
		break;
	case OP_NEVER:
		s->held[s->nheld++ % 128] = e->tag;
		break;
	case OP_DEAF:
	case WEFT_OP_CLOSE:
		break;
	case OP_DIE:
		weft_proc_exit(0);
		break;
	case OP_WHO:
		c.result = (i64)e->handle;
		c.flags = WEFT_CQE_OUT;
		c.out[0] = e->pid;
		c.out[1] = e->tid;
		c.out[2] = e->identity;
		c.out[3] = e->flags;
		reply(s, c);
		break;
	case OP_READY:
		c.flags = WEFT_CQE_READY;
		c.ready = (u32)e->args[0];
		c.edge = (u32)e->args[1];
		reply(s, c);
		break;
	case WEFT_OP_CANCEL:
		for (u32 i = 0; i < s->nheld; i++) {
			if (s->held[i] == e->args[0])
				reply(s, (struct weft_cqe){.tag = e->args[0], .result = 4242});
		}
		break;
	case WEFT_OP_READ:
		memset(area, 'r', 10);
		c.result = weft_req_copy(s->fd, e->tag, WEFT_COPY_OUT, 0, PTR(area), e->args[1] < 10 ? e->args[1] : 10);
		if (c.result != -WEFT_EREDELIVER)
			reply(s, c);
		break;
	case WEFT_OP_WRITE:
		c.result = (i64)e->args[1];
		reply(s, c);
		break;
	default:
		c.result = -ENOSYS;
		if (e->tag)
			reply(s, c);
	}
}

static void serve(void *arg)
{
	static struct srv s;
	struct weft_sqe e[8];
	s.fd = *(i32 *)arg;
	for (;;) {
		i64 n = weft_scheme_serve(s.fd, 0, 0, PTR(e), 8, WEFT_FOREVER);
		if (n == -EINTR)
			continue;
		if (n < 0)
			FAIL("scheme_serve: %ld", n);
		for (i64 i = 0; i < n; i++)
			serve_one(&s, &e[i]);
	}
}

struct world {
	i32 fds[2], handle, proc, pid;
};

/* A server process and a root handle here. */
static void world(struct world *w)
{
	t_scheme(w->fds);
	w->handle = t_open(w->fds[1]);
	w->pid = t_child(serve, &w->fds[0], &w->proc);
	OK(weft_fd_close(w->fds[0]));
}

static void end(struct world *w)
{
	weft_proc_ctl(w->proc, WEFT_PROC_KILL, 9, 0, 0);
	t_wait(w->pid);
}

static i64 buffer_call(i32 handle, u16 op, u64 arg, void *p, u32 len, u32 flags)
{
	struct weft_buf b = {.addr = PTR(p), .len = len, .flags = flags};
	struct weft_req r = {.op = op, .nbufs = 1, .bufs = PTR(&b), .args = {arg}};
	return weft_fd_call(handle, PTR(&r));
}

TEST(scheme_round_trip)
{
	struct world w;
	world(&w);
	for (u64 i = 0; i < 1000; i++)
		EQ(t_call(w.handle, OP_ECHO, i), i);
	ERR(t_call(w.handle, OP_ECHO, (u64)-ENOENT), ENOENT);
	end(&w);
}

TEST(scheme_copy_in)
{
	struct world w;
	world(&w);
	u8 *p = malloc(65536);
	memset(p, 1, 65536);
	EQ(buffer_call(w.handle, OP_IN, 0, p, 100, WEFT_BUF_IN), 100);
	EQ(buffer_call(w.handle, OP_IN, 0, p + 1, 4096, WEFT_BUF_IN), 4096);
	EQ(buffer_call(w.handle, OP_IN, 0, p, 65536, WEFT_BUF_IN), 65536);
	EQ(buffer_call(w.handle, OP_IN, 0, p, 0, WEFT_BUF_IN), 0);
	end(&w);
}

TEST(scheme_copy_out)
{
	struct world w;
	world(&w);
	u8 *p = malloc(65536);
	memset(p, 1, 65536);
	EQ(buffer_call(w.handle, OP_OUT, 7, p + 3, 10000, WEFT_BUF_OUT), 10000);
	EQ(p[2], 1);
	EQ(p[3], 7);
	EQ(p[10002], 7);
	EQ(p[10003], 1);
	end(&w);
}

TEST(scheme_redelivery)
{
	/* Pages that are not there yet are faulted in by the client, and the request comes again. */
	struct world w;
	world(&w);
	u8 *p = t_anon(64 * PAGE);
	EQ(buffer_call(w.handle, OP_OUT, 9, p, 65536, WEFT_BUF_OUT), 65536);
	EQ(p[65535], 9);
	i32 m = t_mem(16 * PAGE);
	u8 *q = t_map(m, 16 * PAGE);
	EQ(buffer_call(w.handle, OP_IN, 0, q, 65536, WEFT_BUF_IN), 0);
	/* A copy-on-write page of a fork. */
	p[0] = 3;
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		EQ(buffer_call(w.handle, OP_OUT, 5, p, 100, WEFT_BUF_OUT), 100);
		EQ(p[0], 5);
		weft_proc_exit(0);
	}
	t_wait_ok(pid);
	EQ(p[0], 3);
	end(&w);
}

TEST(scheme_buffer_that_is_not_there)
{
	struct world w;
	world(&w);
	ERR(buffer_call(w.handle, OP_IN, 0, (void *)0x10000, 100, WEFT_BUF_IN), EFAULT);
	ERR(buffer_call(w.handle, OP_OUT, 0, (void *)KERNELPTR, 100, WEFT_BUF_OUT), EFAULT);
	u8 *p = t_anon(2 * PAGE);
	OK(weft_mem_unmap(-1, PTR(p + PAGE), PAGE));
	ERR(buffer_call(w.handle, OP_OUT, 0, p, 2 * PAGE, WEFT_BUF_OUT), EFAULT);
	/* Read-only memory cannot be written to. */
	memset(p, 1, PAGE);
	OK(weft_mem_protect(-1, PTR(p), PAGE, WEFT_PROT_READ));
	ERR(buffer_call(w.handle, OP_OUT, 0, p, 100, WEFT_BUF_OUT), EFAULT);
	EQ(t_call(w.handle, OP_ECHO, 1), 1);
	end(&w);
}

TEST(scheme_buffer_direction)
{
	/* The server gets no more than was declared. */
	i32 s[2];
	struct weft_sqe e;
	t_scheme(s);
	i32 h = t_open(s[1]);
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		u8 b[64] = {1, 2, 3};
		buffer_call(h, OP_IN, 0, b, 8, WEFT_BUF_IN);
		weft_proc_exit(0);
	}
	u8 here[64] = {0};
	do
		t_recv(s[0], &e);
	while (weft_req_copy(s[0], e.tag, WEFT_COPY_IN, 0, PTR(here), 8) == -WEFT_EREDELIVER);
	EQ(here[2], 3);
	CHECK(weft_req_copy(s[0], e.tag, WEFT_COPY_OUT, 0, PTR(here), 8) < 0);
	CHECK(weft_req_copy(s[0], e.tag, WEFT_COPY_IN | 1, 0, PTR(here), 8) < 0);
	CHECK(weft_req_copy(s[0], e.tag, WEFT_COPY_IN, 8, PTR(here), 1) <= 0);
	i64 r = weft_req_copy(s[0], e.tag, WEFT_COPY_IN, 4, PTR(here), 64);
	CHECK(r < 0 || r == 4);
	CHECK(weft_req_copy(s[0], e.tag, WEFT_COPY_IN, UINT64_MAX - 2, PTR(here), 8) <= 0);
	ERR(weft_req_copy(s[0], e.tag, WEFT_COPY_IN, 0, BADPTR, 8), EFAULT);
	CHECK(weft_req_copy(s[0], e.tag + 1000, WEFT_COPY_IN, 0, PTR(here), 8) < 0);
	t_reply(s[0], e.tag, 0);
	CHECK(weft_req_copy(s[0], e.tag, WEFT_COPY_IN, 0, PTR(here), 8) < 0);
	t_wait_ok(pid);
}

TEST(scheme_16_buffers)
{
	i32 s[2];
	struct weft_sqe e;
	t_scheme(s);
	i32 h = t_open(s[1]);
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		static u8 text[16][8];
		struct weft_buf b[16];
		for (u32 i = 0; i < 16; i++) {
			text[i][0] = (u8)(i + 1);
			b[i] = (struct weft_buf){PTR(text[i]), 1 + i % 8, WEFT_BUF_IN | WEFT_BUF_OUT};
		}
		struct weft_req r = {.op = OP_IN, .nbufs = 16, .bufs = PTR(b)};
		EQ(weft_fd_call(h, PTR(&r)), 5);
		r.nbufs = 17;
		ERR(weft_fd_call(h, PTR(&r)), EINVAL);
		weft_proc_exit(0);
	}
	t_recv(s[0], &e);
	EQ(e.nbufs, 16);
	for (u32 i = 0; i < 16; i++) {
		u8 c = 0;
		EQ(e.len[i], 1 + i % 8);
		i64 r = weft_req_copy(s[0], e.tag, i, 0, PTR(&c), 1);
		if (r == -WEFT_EREDELIVER) {
			t_recv(s[0], &e);
			i = (u32)-1;
			continue;
		}
		EQ(c, i + 1);
	}
	t_reply(s[0], e.tag, 5);
	t_wait_ok(pid);
}

TEST(scheme_fds_to_client)
{
	struct world w;
	world(&w);
	i32 fds[16];
	char c;
	struct weft_req r = {.op = OP_GIVE, .args = {16}, .max_fds = 16, .fds_out = PTR(fds), .flags = WEFT_REQ_CLOEXEC};
	EQ(weft_fd_call(w.handle, PTR(&r)), 0);
	EQ(r.nfds_out, 16);
	for (int i = 0; i < 16; i++) {
		EQ(weft_fd_read(fds[i], PTR(&c), 1, -1, 0), 1);
		EQ(weft_fd_ctl(fds[i], WEFT_FD_GET_FLAGS, 0, 0), 1);
		EQ(weft_fd_read(fds[i], PTR(&c), 1, -1, 0), 0); /* the server kept no copy of the writer */
	}
	r = (struct weft_req){.op = OP_GIVE, .args = {1}, .max_fds = 1, .fds_out = PTR(fds), .flags = WEFT_REQ_PRIVATE};
	EQ(weft_fd_call(w.handle, PTR(&r)), 0);
	CHECK(fds[0] >= WEFT_FD_PRIVATE);
	end(&w);
}

TEST(scheme_more_fds_than_asked)
{
	struct world w;
	world(&w);
	i32 fds[4];
	struct weft_req r = {.op = OP_GIVE, .args = {3}, .max_fds = 1, .fds_out = PTR(fds)};
	/* It gets what it has room for; the others are closed. */
	EQ(weft_fd_call(w.handle, PTR(&r)), 0);
	EQ(r.nfds_out, 1);
	EQ(t_call(w.handle, OP_ECHO, 3), 3);
	end(&w);
}

TEST(scheme_fds_to_server)
{
	struct world w;
	i32 p[2];
	char c;
	world(&w);
	t_pipe(p);
	struct weft_req r = {.op = OP_TAKE, .nfds = 1, .fds = PTR(&p[1])};
	EQ(weft_fd_call(w.handle, PTR(&r)), 0);
	EQ(weft_fd_read(p[0], PTR(&c), 1, -1, 0), 1);
	i32 bad = NOFD;
	r.fds = PTR(&bad);
	ERR(weft_fd_call(w.handle, PTR(&r)), EBADF);
	i32 noright = (i32)OK(weft_fd_dup(p[1], 0, 0, WEFT_RIGHT_WRITE));
	r.fds = PTR(&noright);
	ERR(weft_fd_call(w.handle, PTR(&r)), EPERM);
	end(&w);
}

TEST(scheme_new_handle)
{
	struct world w;
	i32 fd;
	struct weft_fd_info info;
	world(&w);
	struct weft_req r = {.op = OP_NEW, .args = {77}, .max_fds = 1, .fds_out = PTR(&fd)};
	EQ(weft_fd_call(w.handle, PTR(&r)), 0);
	EQ(t_call(fd, OP_WHO, 0), 77);
	EQ(t_call(w.handle, OP_WHO, 0), 0);
	EQ(weft_fd_ctl(fd, WEFT_FD_INFO, PTR(&info), 0), 0);
	EQ(info.type, WEFT_OBJ_HANDLE);
	EQ(info.attr.ino, 77);
	EQ(info.attr.mode, 0100644);
	EQ(t_poll(fd, WEFT_POLLIN | WEFT_POLLOUT, 0), WEFT_POLLOUT);
	/* The same id again is the server's mistake. */
	ERR(weft_fd_call(w.handle, PTR(&r)), EPROTO);
	end(&w);
}

TEST(scheme_who_is_calling)
{
	struct world w;
	struct weft_proc_info me;
	world(&w);
	EQ(weft_proc_ctl(-1, WEFT_PROC_INFO, PTR(&me), 0, 0), 0);
	struct weft_req r = {.op = OP_WHO};
	EQ(weft_fd_call(w.handle, PTR(&r)), 0);
	EQ(r.out[0], me.pid);
	EQ(r.out[1], me.pid);
	EQ(r.out[2], me.identity);
	EQ(weft_fd_ctl(w.handle, WEFT_FD_SET_STATUS, 04000, 0), 0);
	EQ(weft_fd_call(w.handle, PTR(&r)), 0);
	CHECK(r.out[3] & WEFT_SQE_NONBLOCK);
	end(&w);
}

TEST(scheme_read_write)
{
	struct world w;
	char b[16] = "";
	world(&w);
	EQ(weft_fd_read(w.handle, PTR(b), 16, -1, 0), 10);
	EQ(b[9], 'r');
	EQ(weft_fd_read(w.handle, PTR(b), 4, 100, 0), 4);
	EQ(weft_fd_write(w.handle, PTR(b), 16, -1, 0), 16);
	end(&w);
}

TEST(scheme_close_is_told)
{
	i32 s[2];
	struct weft_sqe e;
	t_scheme(s);
	i32 h = t_handle(s[0], 5);
	i64 d = OK(weft_fd_dup(h, 0, 0, WEFT_RIGHT_ALL));
	weft_fd_close(h);
	EQ(weft_scheme_serve(s[0], 0, 0, PTR(&e), 1, WEFT_NOW), 0);
	weft_fd_close(d);
	t_recv(s[0], &e);
	EQ(e.op, WEFT_OP_CLOSE);
	EQ(e.tag, 0);
	EQ(e.handle, 5);
}

TEST(scheme_batches)
{
	/* Ten clients wait; one call takes them all, one call answers and receives. */
	i32 s[2], pid[10];
	struct weft_sqe e[16];
	struct weft_cqe c[16] = {0};
	t_scheme(s);
	i32 h = t_open(s[1]);
	for (u64 i = 0; i < 10; i++) {
		pid[i] = native_fork(0, NULL);
		if (pid[i] == 0) {
			EQ(t_call(h, OP_ECHO, i), i * 2);
			weft_proc_exit(0);
		}
	}
	t_sleep(200);
	i64 n = OK(weft_scheme_serve(s[0], 0, 0, PTR(e), 16, t_after(1000)));
	EQ(n, 10);
	/* In any order. */
	for (u32 i = 0; i < 10; i++)
		c[9 - i] = (struct weft_cqe){.tag = e[i].tag, .result = (i64)e[i].args[0] * 2};
	EQ(weft_scheme_serve(s[0], PTR(c), 10, PTR(e), 16, WEFT_NOW), 0);
	for (u32 i = 0; i < 10; i++)
		t_wait_ok(pid[i]);
}

TEST(scheme_serve_errors)
{
	i32 s[2], p[2];
	struct weft_sqe e;
	struct weft_cqe c = {0};
	t_scheme(s);
	t_pipe(p);
	ERR(weft_scheme_serve(NOFD, 0, 0, PTR(&e), 1, WEFT_NOW), EBADF);
	ERR(weft_scheme_serve(p[0], 0, 0, PTR(&e), 1, WEFT_NOW), EINVAL);
	CHECK(weft_scheme_serve(s[1], 0, 0, PTR(&e), 1, WEFT_NOW) < 0);
	ERR(weft_scheme_serve(s[0], PTR(&c), 65, 0, 0, WEFT_NOW), EINVAL);
	ERR(weft_scheme_serve(s[0], 0, 0, PTR(&e), 65, WEFT_NOW), EINVAL);
	ERR(weft_scheme_serve(s[0], BADPTR, 1, 0, 0, WEFT_NOW), EFAULT);
	EQ(weft_scheme_serve(s[0], 0, 0, PTR(&e), 1, t_after(10)), 0);
}

TEST(scheme_create_needs_authority)
{
	i32 s[2];
	struct weft_scheme_limits limits = {.authority = -1};
	CHECK(weft_scheme_create(0, PTR(s), PTR(&limits)) < 0);
	CHECK(weft_scheme_create(0, PTR(s), 0) < 0);
	struct weft_res res = {.kinds = WEFT_RES_LOG};
	i64 other = OK(weft_sys_ctl(t_root, WEFT_SYS_RES_DERIVE, PTR(&res), 0, 0));
	limits.authority = (i32)other;
	ERR(weft_scheme_create(0, PTR(s), PTR(&limits)), EPERM);
	limits.authority = t_root;
	ERR(weft_scheme_create(0x8000, PTR(s), PTR(&limits)), EINVAL);
	ERR(weft_scheme_create(0, BADPTR, PTR(&limits)), EFAULT);
	ERR(weft_scheme_create(0, PTR(s), BADPTR), EFAULT);
}

TEST(scheme_call_errors)
{
	i32 p[2];
	struct world w;
	struct weft_req r = {.op = OP_ECHO};
	world(&w);
	t_pipe(p);
	ERR(weft_fd_call(NOFD, PTR(&r)), EBADF);
	CHECK(weft_fd_call(p[0], PTR(&r)) < 0);
	ERR(weft_fd_call(w.handle, BADPTR), EFAULT);
	r.op = WEFT_OP_CLOSE; /* the kernel's own */
	ERR(weft_fd_call(w.handle, PTR(&r)), EINVAL);
	r = (struct weft_req){.op = OP_ECHO, .nbufs = 1, .bufs = BADPTR};
	ERR(weft_fd_call(w.handle, PTR(&r)), EFAULT);
	r = (struct weft_req){.op = OP_ECHO, .nfds = 17, .fds = PTR(p)};
	ERR(weft_fd_call(w.handle, PTR(&r)), EINVAL);
	r = (struct weft_req){.op = OP_ECHO, .nfds = 1, .fds = BADPTR};
	ERR(weft_fd_call(w.handle, PTR(&r)), EFAULT);
	EQ(t_call(w.handle, OP_ECHO, 8), 8);
	end(&w);
}

TEST(scheme_readiness_by_push)
{
	i32 s[2];
	t_scheme(s);
	i32 h = t_handle(s[0], 9), set = t_obj(WEFT_OBJ_POLLSET, 0, 0);
	struct weft_poll_event e = {.events = WEFT_POLLIN | WEFT_POLLET, .data = 1};
	EQ(t_poll(h, WEFT_POLLIN, 0), 0);
	EQ(weft_poll_ctl(set, WEFT_POLL_ADD, h, PTR(&e)), 0);
	EQ(weft_scheme_ctl(s[0], WEFT_SCHEME_READY, 9, WEFT_POLLIN, 0), 0);
	EQ(t_poll(h, WEFT_POLLIN, 0), WEFT_POLLIN);
	EQ(weft_poll_wait(set, PTR(&e), 1, WEFT_NOW), 1);
	EQ(weft_scheme_ctl(s[0], WEFT_SCHEME_READY, 9, WEFT_POLLIN, 0), 0);
	EQ(weft_poll_wait(set, PTR(&e), 1, WEFT_NOW), 0);
	EQ(weft_scheme_ctl(s[0], WEFT_SCHEME_READY, 9, WEFT_POLLIN, 1), 0);
	EQ(weft_poll_wait(set, PTR(&e), 1, WEFT_NOW), 1);
	EQ(weft_scheme_ctl(s[0], WEFT_SCHEME_READY, 9, 0, 0), 0);
	EQ(t_poll(h, WEFT_POLLIN, 0), 0);
	CHECK(weft_scheme_ctl(s[0], WEFT_SCHEME_READY, 1234, WEFT_POLLIN, 0) < 0);
}

TEST(scheme_readiness_in_reply)
{
	struct world w;
	i32 fd;
	world(&w);
	struct weft_req r = {.op = OP_NEW, .args = {3}, .max_fds = 1, .fds_out = PTR(&fd)};
	EQ(weft_fd_call(w.handle, PTR(&r)), 0);
	r = (struct weft_req){.op = OP_READY, .args = {WEFT_POLLIN, 1}};
	EQ(weft_fd_call(fd, PTR(&r)), 0);
	EQ(t_poll(fd, WEFT_POLLIN, 0), WEFT_POLLIN);
	r.args[0] = 0;
	EQ(weft_fd_call(fd, PTR(&r)), 0);
	EQ(t_poll(fd, WEFT_POLLIN, 0), 0);
	end(&w);
}

TEST(scheme_server_end_polls)
{
	i32 s[2];
	struct weft_sqe e;
	t_scheme(s);
	i32 h = t_handle(s[0], 4);
	EQ(t_poll(s[0], WEFT_POLLIN, 0), 0);
	weft_fd_close(h);
	EQ(t_poll(s[0], WEFT_POLLIN, 100), WEFT_POLLIN);
	t_recv(s[0], &e);
	EQ(t_poll(s[0], WEFT_POLLIN, 0), 0);
}

TEST(scheme_dies_with_100_requests)
{
	/* The clients hear of it, and nobody else is hurt. */
	struct world w, other;
	i32 pid[100];
	world(&w);
	world(&other);
	for (int i = 0; i < 100; i++) {
		pid[i] = native_fork(0, NULL);
		if (pid[i] == 0) {
			ERR(t_call(w.handle, OP_DEAF, 0), EIO);
			weft_proc_exit(0);
		}
	}
	t_sleep(300);
	end(&w);
	for (int i = 0; i < 100; i++)
		t_wait_ok(pid[i]);
	EQ(t_call(other.handle, OP_ECHO, 6), 6);
	end(&other);
}

TEST(scheme_new_requests_wait_then_fail)
{
	struct world w;
	world(&w);
	end(&w);
	i64 start = time_monotonic();
	ERR(t_call(w.handle, OP_ECHO, 1), EIO);
	CHECK(time_monotonic() - start >= 200 * MS);
	struct weft_fd_info info;
	EQ(weft_fd_ctl(w.handle, WEFT_FD_INFO, PTR(&info), 0), 0);
	CHECK(info.flags & WEFT_INFO_ORPHAN);
}

TEST(scheme_gone_for_good)
{
	struct world w;
	world(&w);
	weft_fd_close(w.fds[1]);
	end(&w);
	i64 start = time_monotonic();
	ERR(t_call(w.handle, OP_ECHO, 1), EIO);
	CHECK(time_monotonic() - start < 200 * MS);
	CHECK(t_poll(w.handle, WEFT_POLLIN, 0) & WEFT_POLLHUP);
}

static void succeed_later(void *arg)
{
	struct world *w = arg;
	t_sleep(60);
	i32 fd = (i32)OK(weft_scheme_ctl(w->fds[1], WEFT_SCHEME_SUCCEED, 0, 0, 0));
	serve(&fd);
}

TEST(scheme_successor_takes_over)
{
	/* A request made while there is no server waits for the successor. */
	struct world w;
	i32 proc;
	world(&w);
	end(&w);
	i32 pid = t_child(succeed_later, &w, &proc);
	EQ(t_call(w.handle, OP_ECHO, 55), 55);
	weft_proc_ctl(proc, WEFT_PROC_KILL, 9, 0, 0);
	t_wait(pid);
}

TEST(scheme_reattach)
{
	i32 s[2];
	struct weft_sqe e;
	struct weft_fd_info info;
	t_scheme(s);
	i32 h[3] = {t_handle(s[0], 10), t_handle(s[0], 11), t_handle(s[0], 12)};
	u32 seen = 0;
	weft_fd_close(s[0]);
	i32 n = (i32)OK(weft_scheme_ctl(s[1], WEFT_SCHEME_SUCCEED, 0, 0, 0));
	for (int i = 0; i < 3; i++) {
		t_recv(n, &e);
		EQ(e.op, WEFT_OP_REATTACH);
		EQ(e.args[0], e.handle); /* the cookie is the inode number */
		seen |= 1u << (e.handle - 10);
	}
	EQ(seen, 7);
	EQ(weft_scheme_ctl(n, WEFT_SCHEME_HANDLE_INFO, 11, PTR(&info), 0), 0);
	EQ(info.attr.ino, 11);
	/* One cannot be taken back. */
	EQ(weft_scheme_ctl(n, WEFT_SCHEME_ABANDON, 11, 0, 0), 0);
	ERR(t_call(h[1], OP_ECHO, 0), EIO);
	CHECK(t_poll(h[1], WEFT_POLLIN, 0) & WEFT_POLLERR);
	EQ(t_poll(h[0], WEFT_POLLERR, 0), 0);
	/* Only while there is no server. */
	CHECK(weft_scheme_ctl(s[1], WEFT_SCHEME_SUCCEED, 0, 0, 0) < 0);
}

TEST(scheme_reopen)
{
	i32 s[2];
	struct weft_sqe e;
	char c[2] = "";
	t_scheme(s);
	i32 mem = t_mem(4096), plain = t_handle(s[0], 10), h = t_handle(s[0], 11);
	EQ(weft_fd_write(mem, PTR("ab"), 2, 0, 0), 2);
	/* Only what its server allows, of what has memory. */
	ERR(weft_fd_dup(plain, 0, WEFT_DUP_REOPEN, WEFT_RIGHT_ALL), EAGAIN);
	ERR(weft_fd_dup(mem, 0, WEFT_DUP_REOPEN, WEFT_RIGHT_ALL), EINVAL);
	EQ(weft_scheme_ctl(s[0], WEFT_SCHEME_ATTACH_MEM, 11, mem, WEFT_HANDLE_REOPEN), 0);
	i32 a = (i32)OK(weft_fd_dup(h, 0, WEFT_DUP_REOPEN, WEFT_RIGHT_ALL)), b = (i32)OK(weft_fd_dup(h, 0, WEFT_DUP_REOPEN, WEFT_RIGHT_READ));
	EQ(weft_fd_ctl(a, WEFT_FD_SAME, b, 0), 0);
	EQ(weft_fd_read(a, PTR(c), 1, -1, 0), 1);
	EQ(weft_fd_read(b, PTR(c + 1), 1, -1, 0), 1);
	CHECK(c[0] == 'a' && c[1] == 'a');
	ERR(weft_fd_write(b, PTR("x"), 1, -1, 0), EBADF);
	/* Of one that is closed unheard the server never hears; of the others before it is asked anything, and then of their end. */
	weft_fd_close(b);
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		EQ(t_call(a, OP_ECHO, 5), 5);
		weft_proc_exit(0);
	}
	t_recv(s[0], &e);
	EQ(e.op, WEFT_OP_REOPENED);
	EQ(e.args[0], 11);
	u64 id = e.handle;
	CHECK(id >= WEFT_ID_KERNEL);
	t_recv(s[0], &e);
	CHECK(e.op == OP_ECHO && e.handle == id);
	t_reply(s[0], e.tag, 5);
	t_wait_ok(pid);
	weft_fd_close(a);
	t_recv(s[0], &e);
	CHECK(e.op == WEFT_OP_CLOSE && e.handle == id);
	/* Not when it is no longer allowed, nor for somebody else than the one for whom it was opened first. */
	a = (i32)OK(weft_fd_dup(h, 0, WEFT_DUP_REOPEN, WEFT_RIGHT_ALL));
	struct weft_identity other = {.uid = 7, .euid = 7};
	i64 number = OK(weft_ident_ctl(t_root, WEFT_IDENT_MINT, 0, PTR(&other)));
	pid = native_fork(0, NULL);
	if (pid == 0) {
		OK(weft_proc_ctl(-1, WEFT_PROC_SET_IDENTITY, (u64)number, t_root, 0));
		ERR(weft_fd_dup(a, 0, WEFT_DUP_REOPEN, WEFT_RIGHT_ALL), EPERM);
		weft_proc_exit(0);
	}
	t_wait_ok(pid);
	EQ(weft_scheme_ctl(s[0], WEFT_SCHEME_ATTACH_MEM, 11, mem, 0), 0);
	ERR(weft_fd_dup(h, 0, WEFT_DUP_REOPEN, WEFT_RIGHT_ALL), EAGAIN);
}

TEST(scheme_idempotent_is_done_again)
{
	i32 s[2];
	struct weft_sqe e;
	t_scheme(s);
	i32 h = t_open(s[1]);
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		weft_fd_close(s[0]);
		struct weft_req r = {.op = OP_ECHO, .flags = WEFT_REQ_IDEMPOTENT};
		EQ(weft_fd_call(h, PTR(&r)), 99);
		weft_proc_exit(0);
	}
	t_recv(s[0], &e);
	weft_fd_close(s[0]);
	i32 n = (i32)OK(weft_scheme_ctl(s[1], WEFT_SCHEME_SUCCEED, 0, 0, 0));
	do
		t_recv(n, &e);
	while (e.tag == 0);
	CHECK(e.flags & WEFT_SQE_REDELIVERED);
	t_reply(n, e.tag, 99);
	t_wait_ok(pid);
}

/* What was sent with a request that no server answers is closed, and does not come back as if it were an answer. */
static void server_dies_with_fds(bool received)
{
	i32 s[2], p[2], back = -1;
	struct weft_sqe e;
	t_scheme(s);
	t_pipe(p);
	i32 h = t_open(s[1]);
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		weft_fd_close(s[0]);
		weft_fd_close(s[1]);
		struct weft_req r = {.op = OP_ECHO, .nfds = 1, .max_fds = 1, .fds = PTR(&p[1]), .fds_out = PTR(&back)};
		ERR(weft_fd_call(h, PTR(&r)), EIO);
		EQ(r.nfds_out, 0);
		weft_fd_close(p[1]);
		CHECK(t_poll(p[0], WEFT_POLLIN, 5000) & WEFT_POLLHUP);
		weft_proc_exit(0);
	}
	weft_fd_close(p[1]);
	if (received)
		t_recv(s[0], &e);
	else
		CHECK(t_poll(s[0], WEFT_POLLIN, 5000) & WEFT_POLLIN);
	weft_fd_close(h);
	weft_fd_close(s[1]);
	weft_fd_close(s[0]);
	if (received)
		weft_fd_close(e.fds[0]);
	t_wait_ok(pid);
	weft_fd_close(p[0]);
}

TEST(scheme_server_dies_with_fds)
{
	server_dies_with_fds(false);
	server_dies_with_fds(true);
}

TEST(scheme_client_dies)
{
	/* Its request is detached: copies and the reply go nowhere, fds given are closed. */
	i32 s[2], proc, p[2];
	struct weft_sqe e;
	t_scheme(s);
	t_pipe(p);
	i32 h = t_open(s[1]);
	i32 pid = native_fork(0, &proc);
	if (pid == 0) {
		u8 b[100];
		buffer_call(h, OP_OUT, 0, b, 100, WEFT_BUF_OUT);
		weft_proc_exit(0);
	}
	t_recv(s[0], &e);
	EQ(weft_proc_ctl(proc, WEFT_PROC_KILL, 9, 0, 0), 0);
	t_wait(pid);
	CHECK(weft_req_copy(s[0], e.tag, WEFT_COPY_OUT, 0, PTR(area), 100) < 0);
	struct weft_reply_fd f = {.kind = WEFT_REPLY_FD, .fd = p[0], .rights = WEFT_RIGHT_ALL, .flags = WEFT_REPLY_MOVE};
	struct weft_cqe c = {.tag = e.tag, .fds = PTR(&f), .nfds = 1};
	EQ(weft_scheme_serve(s[0], PTR(&c), 1, 0, 0, WEFT_NOW), 0);
	CHECK(t_poll(p[1], WEFT_POLLOUT, 100) & WEFT_POLLERR);
}

TEST(scheme_replies_twice)
{
	i32 s[2];
	struct weft_sqe e;
	t_scheme(s);
	i32 h = t_open(s[1]);
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		EQ(t_call(h, OP_ECHO, 0), 1);
		EQ(t_call(h, OP_ECHO, 0), 3);
		weft_proc_exit(0);
	}
	t_recv(s[0], &e);
	u64 first = e.tag;
	t_reply(s[0], first, 1);
	t_reply(s[0], first, 2);
	t_recv(s[0], &e);
	CHECK(e.tag != first);
	t_reply(s[0], first, 2);
	t_reply(s[0], 0x123456789, 2);
	t_reply(s[0], 0, 2);
	t_reply(s[0], e.tag, 3);
	t_wait_ok(pid);
}

TEST(scheme_bad_replies)
{
	i32 s[2];
	struct weft_sqe e;
	t_scheme(s);
	i32 h = t_open(s[1]);
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		i32 fd;
		for (int i = 0; i < 4; i++) {
			struct weft_req r = {.op = OP_ECHO, .max_fds = 1, .fds_out = PTR(&fd)};
			ERR(weft_fd_call(h, PTR(&r)), EPROTO);
		}
		weft_proc_exit(0);
	}
	struct weft_reply_fd f = {.kind = WEFT_REPLY_FD, .fd = NOFD, .rights = WEFT_RIGHT_ALL};
	struct weft_cqe c = {.fds = PTR(&f), .nfds = 1};
	for (int i = 0; i < 4; i++) {
		t_recv(s[0], &e);
		c.tag = e.tag;
		if (i == 1)
			f.kind = 99;
		else if (i == 2)
			c.fds = BADPTR;
		else if (i == 3)
			c.nfds = 1000000;
		weft_scheme_serve(s[0], PTR(&c), 1, 0, 0, WEFT_NOW);
	}
	t_wait_ok(pid);
}

TEST(scheme_reads_more_than_asked)
{
	/* A READ's result cannot be larger than what was asked for. */
	i32 s[2];
	struct weft_sqe e;
	t_scheme(s);
	i32 h = t_open(s[1]);
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		char b[10];
		ERR(weft_fd_read(h, PTR(b), 10, -1, 0), EPROTO);
		weft_proc_exit(0);
	}
	t_recv(s[0], &e);
	EQ(e.op, WEFT_OP_READ);
	EQ(e.args[1], 10);
	t_reply(s[0], e.tag, 1000);
	t_wait_ok(pid);
}

TEST(scheme_never_replies)
{
	/* Its client can be killed all the same. */
	struct world w;
	i32 proc;
	world(&w);
	i32 pid = native_fork(0, &proc);
	if (pid == 0) {
		t_call(w.handle, OP_DEAF, 0);
		weft_proc_exit(0);
	}
	t_sleep(50);
	EQ(weft_proc_ctl(proc, WEFT_PROC_KILL, 9, 0, 0), 0);
	EQ(t_wait(pid), 9);
	EQ(t_call(w.handle, OP_ECHO, 2), 2);
	end(&w);
}

TEST(scheme_identify)
{
	i32 a[2], b[2], p[2];
	t_scheme(a);
	t_scheme(b);
	t_pipe(p);
	i32 h = t_handle(a[0], 321);
	EQ(weft_scheme_ctl(a[0], WEFT_SCHEME_IDENTIFY, h, 0, 0), 321);
	ERR(weft_scheme_ctl(b[0], WEFT_SCHEME_IDENTIFY, h, 0, 0), EXDEV);
	ERR(weft_scheme_ctl(a[0], WEFT_SCHEME_IDENTIFY, p[0], 0, 0), EXDEV);
	ERR(weft_scheme_ctl(a[0], WEFT_SCHEME_IDENTIFY, NOFD, 0, 0), EBADF);
}

TEST(scheme_ctl_errors)
{
	i32 s[2];
	t_scheme(s);
	ERR(weft_scheme_ctl(NOFD, WEFT_SCHEME_READY, 0, 0, 0), EBADF);
	ERR(weft_scheme_ctl(s[0], 999, 0, 0, 0), EINVAL);
	CHECK(weft_scheme_ctl(s[0], WEFT_SCHEME_SUCCEED, 0, 0, 0) < 0);
	CHECK(weft_scheme_ctl(s[1], WEFT_SCHEME_READY, 0, 0, 0) < 0);
	ERR(weft_scheme_ctl(s[0], WEFT_SCHEME_NEW_HANDLE, BADPTR, 0, 0), EFAULT);
	CHECK(weft_scheme_ctl(s[0], WEFT_SCHEME_HANDLE_INFO, 98765, PTR(area), 0) < 0);
	CHECK(weft_scheme_ctl(s[0], WEFT_SCHEME_ABANDON, 98765, 0, 0) < 0);
}

TEST(scheme_memory_behind_a_handle)
{
	i32 s[2];
	char b[8] = "";
	struct weft_fd_info info;
	t_scheme(s);
	i32 h = t_handle(s[0], 1), m = t_mem(0);
	EQ(weft_fd_write(m, PTR("in memory"), 9, 0, 0), 9);
	EQ(weft_scheme_ctl(s[0], WEFT_SCHEME_ATTACH_MEM, 1, m, 0), 0);
	/* No server answers: the kernel does. */
	EQ(weft_fd_read(h, PTR(b), 2, -1, 0), 2);
	EQ(weft_fd_read(h, PTR(b), 6, -1, 0), 6);
	CHECK(memcmp(b, " memor", 6) == 0);
	EQ(weft_fd_ctl(h, WEFT_FD_SEEK, -1, 2), 8);
	EQ(weft_fd_ctl(h, WEFT_FD_INFO, PTR(&info), 0), 0);
	CHECK(info.flags & WEFT_INFO_HAS_MEM);
	u8 *p = (u8 *)OK(weft_mem_map(-1, 0, PAGE, WEFT_PROT_READ, h, 0));
	EQ(p[0], 'i');
	EQ(weft_scheme_ctl(s[0], WEFT_SCHEME_ATTACH_MEM, 1, -1, 0), 0);
}

TEST(scheme_trapped_writes)
{
	i32 s[2];
	struct weft_sqe e;
	t_scheme(s);
	i32 h = t_handle(s[0], 1), m = t_mem(PAGE);
	EQ(weft_scheme_ctl(s[0], WEFT_SCHEME_ATTACH_MEM, 1, m, WEFT_HANDLE_TRAP_WRITE), 0);
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		EQ(weft_fd_write(h, PTR("abc"), 3, 0, 0), 3);
		weft_proc_exit(0);
	}
	t_recv(s[0], &e);
	EQ(e.op, WEFT_OP_WRITE);
	t_reply(s[0], e.tag, 3);
	t_wait_ok(pid);
}

TEST(scheme_owner_gone)
{
	i32 s[2];
	struct weft_sqe e;
	t_scheme(s);
	struct weft_reply_fd h = {.kind = WEFT_REPLY_NEW, .fd = -1, .rights = WEFT_RIGHT_ALL, .handle = 6, .flags = WEFT_HANDLE_WATCH_OWNER};
	i32 fd = (i32)OK(weft_scheme_ctl(s[0], WEFT_SCHEME_NEW_HANDLE, PTR(&h), 0, 0));
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		/* Who has used it is an owner (and may hold a lock). */
		EQ(t_call(fd, OP_ECHO, 0), 0);
		weft_proc_exit(0);
	}
	t_recv(s[0], &e);
	t_reply(s[0], e.tag, 0);
	t_wait(pid);
	do
		t_recv(s[0], &e);
	while (e.op != WEFT_OP_OWNER_GONE);
	EQ(e.handle, 6);
	EQ(e.args[0], pid);
	EQ(t_poll(fd, WEFT_POLLERR, 0), 0);
}

TEST(scheme_limit_of_requests)
{
	/* Over the limit clients wait; none is lost. */
	i32 s[2], pid[8];
	struct weft_sqe e[8];
	struct weft_scheme_limits limits = {.max_requests = 2, .authority = t_root};
	OK(weft_scheme_create(0, PTR(s), PTR(&limits)));
	i32 h = t_open(s[1]);
	for (int i = 0; i < 8; i++) {
		pid[i] = native_fork(0, NULL);
		if (pid[i] == 0) {
			EQ(t_call(h, OP_ECHO, 0), 7);
			weft_proc_exit(0);
		}
	}
	for (int done = 0; done < 8;) {
		t_sleep(30);
		i64 n = OK(weft_scheme_serve(s[0], 0, 0, PTR(e), 8, t_after(2000)));
		CHECK(n >= 1 && n <= 2);
		for (i64 i = 0; i < n; i++, done++)
			t_reply(s[0], e[i].tag, 7);
	}
	for (int i = 0; i < 8; i++)
		t_wait_ok(pid[i]);
}

TEST(scheme_priority_is_inherited)
{
	i32 s[2];
	struct weft_sqe e;
	t_scheme(s);
	i32 h = t_open(s[1]);
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		OK(weft_thread_ctl(-1, 0, WEFT_THREAD_SET_PRIO, WEFT_PRIO_LOW, 0));
		t_call(h, OP_ECHO, 0);
		weft_proc_exit(0);
	}
	t_recv(s[0], &e);
	EQ(e.prio, WEFT_PRIO_LOW);
	t_reply(s[0], e.tag, 0);
	t_wait_ok(pid);
}
