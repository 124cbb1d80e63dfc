/* SPDX-License-Identifier: MIT */
/* Pager-backed memory objects, with a test pager in a child process. */
#include "t.h"

#define NODE 500
#define OP_LAST_OUT (WEFT_OP_USER + 1) /* out: how many PAGE_OUT, PAGE_IN, RESERVE so far; args: last offset */
#define OP_REFUSE (WEFT_OP_USER + 2)   /* reservations fail from now on */
#define OP_FAIL (WEFT_OP_USER + 3)     /* page-ins fail from now on */
#define OP_RESIZE (WEFT_OP_USER + 4)
#define OP_EVICT (WEFT_OP_USER + 5)

struct pager {
	i32 server, mem;
	u64 ins, outs, reserves;
	bool refuse, fail;
	u8 disk[64 * 4096];
};

static void page_in(struct pager *p, struct weft_sqe *e, struct weft_cqe *c)
{
	p->ins++;
	if (p->fail) {
		weft_pager_copy(p->mem, WEFT_PAGER_FAIL, e->args[0], 0, e->args[1], EIO);
		c->result = -EIO;
		return;
	}
	for (u64 off = e->args[0]; off < e->args[0] + e->args[1]; off += PAGE) {
		u64 n = off < sizeof p->disk ? PAGE : 0;
		i64 r = n ? weft_pager_copy(p->mem, WEFT_PAGER_SUPPLY, off, PTR(p->disk + off), n, 0)
			  : weft_pager_copy(p->mem, WEFT_PAGER_ZERO, off, 0, PAGE, 0);
		if (r < 0)
			c->result = r;
	}
}

static void serve_pager(struct pager *p)
{
	struct weft_sqe e;
	for (;;) {
		i64 n = weft_scheme_serve(p->server, 0, 0, PTR(&e), 1, WEFT_FOREVER);
		if (n <= 0)
			continue;
		struct weft_cqe c = {.tag = e.tag};
		switch (e.op) {
		case WEFT_OP_PAGE_IN:
			page_in(p, &e, &c);
			break;
		case WEFT_OP_PAGE_RESERVE:
			p->reserves++;
			c.result = p->refuse ? -ENOSPC : 0;
			break;
		case WEFT_OP_PAGE_OUT:
			p->outs++;
			for (u64 off = e.args[0]; off < e.args[0] + e.args[1] && off < sizeof p->disk; off += PAGE)
				weft_pager_copy(p->mem, WEFT_PAGER_FETCH, off, PTR(p->disk + off), PAGE, 0);
			break;
		case OP_LAST_OUT:
			c.flags = WEFT_CQE_OUT;
			c.out[0] = p->outs;
			c.out[1] = p->ins;
			c.out[2] = p->reserves;
			c.out[3] = p->disk[e.args[0]];
			break;
		case OP_REFUSE:
			p->refuse = e.args[0];
			break;
		case OP_FAIL:
			p->fail = true;
			break;
		case OP_RESIZE:
			c.result = weft_mem_ctl(p->mem, WEFT_MEM_RESIZE, e.args[0], 0, 0);
			break;
		case OP_EVICT:
			c.result = weft_mem_ctl(p->mem, WEFT_MEM_EVICT, 0, sizeof p->disk, 0);
			break;
		default:
			c.result = -ENOSYS;
		}
		if (e.tag)
			weft_scheme_serve(p->server, PTR(&c), 1, 0, 0, WEFT_NOW);
	}
}

struct setup {
	i32 fds[2], root, file, proc, pid;
};

/* A pager with a file of `size` bytes; s->file is an ordinary client's fd of it (no CONTROL). */
static void setup(struct setup *s, u64 size)
{
	t_scheme(s->fds);
	s->root = t_open(s->fds[1]);
	i64 mem = OK(weft_mem_create(WEFT_MEM_PAGER, size, s->fds[0], NODE, 0));
	s->file = (i32)OK(weft_fd_dup(mem, 0, 0, WEFT_RIGHT_READ | WEFT_RIGHT_WRITE | WEFT_RIGHT_MAP | WEFT_RIGHT_DUP));
	s->pid = native_fork(0, &s->proc);
	if (s->pid == 0) {
		struct pager *p = calloc(1, sizeof *p);
		p->server = s->fds[0];
		p->mem = (i32)mem;
		for (u64 i = 0; i < sizeof p->disk; i++)
			p->disk[i] = (u8)(i / PAGE + 1);
		serve_pager(p);
	}
	weft_fd_close(mem);
	weft_fd_close(s->fds[0]);
}

static void end(struct setup *s)
{
	weft_proc_ctl(s->proc, WEFT_PROC_KILL, 9, 0, 0);
	t_wait(s->pid);
}

static void stats(struct setup *s, u64 at, u64 out[4])
{
	struct weft_req r = {.op = OP_LAST_OUT, .args = {at}};
	EQ(weft_fd_call(s->root, PTR(&r)), 0);
	memcpy(out, r.out, sizeof r.out);
}

TEST(pager_read)
{
	struct setup s;
	u8 b[10];
	u64 n[4];
	setup(&s, 16 * PAGE);
	EQ(weft_fd_read(s.file, PTR(b), 10, 3 * PAGE - 5, 0), 10);
	EQ(b[4], 3);
	EQ(b[5], 4);
	stats(&s, 0, n);
	u64 before = n[1];
	/* Again: from memory. */
	EQ(weft_fd_read(s.file, PTR(b), 10, 3 * PAGE - 5, 0), 10);
	stats(&s, 0, n);
	EQ(n[1], before);
	EQ(weft_fd_read(s.file, PTR(b), 10, 16 * PAGE, 0), 0);
	end(&s);
}

TEST(pager_map)
{
	struct setup s;
	setup(&s, 16 * PAGE);
	u8 *p = (u8 *)OK(weft_mem_map(-1, 0, 16 * PAGE, WEFT_PROT_READ, s.file, 0));
	for (u64 i = 0; i < 16; i++)
		EQ(p[i * PAGE], i + 1);
	end(&s);
	EQ(p[0], 1); /* what is there stays */
}

TEST(pager_write_back)
{
	struct setup s;
	u64 n[4];
	setup(&s, 16 * PAGE);
	u8 *p = t_map(s.file, 16 * PAGE);
	p[2 * PAGE] = 99;
	EQ(weft_fd_write(s.file, PTR("w"), 1, 5 * PAGE, 0), 1);
	EQ(weft_mem_ctl(s.file, WEFT_MEM_SYNC, 0, 16 * PAGE, 0), 0);
	stats(&s, 2 * PAGE, n);
	EQ(n[3], 99);
	CHECK(n[0] >= 1 && n[2] >= 1);
	stats(&s, 5 * PAGE, n);
	EQ(n[3], 'w');
	struct weft_mem_info info;
	EQ(weft_mem_ctl(s.file, WEFT_MEM_INFO, PTR(&info), 0, 0), 0);
	EQ(info.dirty, 0);
	/* Dirty again after it was written back. */
	p[2 * PAGE] = 100;
	EQ(weft_mem_advise(PTR(p), 16 * PAGE, WEFT_ADV_SYNC), 0);
	stats(&s, 2 * PAGE, n);
	EQ(n[3], 100);
	end(&s);
}

TEST(pager_write_back_by_itself)
{
	/* Dirty pages reach the server without anybody asking. */
	struct setup s;
	u64 n[4] = {0};
	setup(&s, 16 * PAGE);
	EQ(weft_fd_write(s.file, PTR("!"), 1, PAGE, 0), 1);
	for (int i = 0; i < 120 && n[3] != '!'; i++) {
		t_sleep(100);
		stats(&s, PAGE, n);
	}
	EQ(n[3], '!');
	end(&s);
}

TEST(pager_no_space)
{
	/* The first dirtying asks; a refusal is ENOSPC for write and SIGBUS for a mapping. */
	struct setup s;
	setup(&s, 16 * PAGE);
	EQ(t_call(s.root, OP_REFUSE, 1), 0);
	ERR(weft_fd_write(s.file, PTR("x"), 1, PAGE, 0), ENOSPC);
	u8 *p = t_map(s.file, 16 * PAGE);
	EQ(p[PAGE], 2);
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		*(volatile u8 *)(p + PAGE) = 1;
		weft_proc_exit(0);
	}
	EQ(t_wait(pid) & 0x7f, 7);
	EQ(t_call(s.root, OP_REFUSE, 0), 0);
	EQ(weft_fd_write(s.file, PTR("x"), 1, PAGE, 0), 1);
	end(&s);
}

TEST(pager_fails)
{
	struct setup s;
	u8 b;
	setup(&s, 16 * PAGE);
	EQ(t_call(s.root, OP_FAIL, 0), 0);
	ERR(weft_fd_read(s.file, PTR(&b), 1, 0, 0), EIO);
	u8 *p = t_map(s.file, 16 * PAGE);
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		(void)*(volatile u8 *)p;
		weft_proc_exit(0);
	}
	EQ(t_wait(pid) & 0x7f, 7);
	end(&s);
}

TEST(pager_grows_by_write)
{
	struct setup s;
	struct weft_mem_info info;
	setup(&s, PAGE);
	EQ(weft_fd_write(s.file, PTR("tail"), 4, 3 * PAGE, 0), 4);
	EQ(weft_mem_ctl(s.file, WEFT_MEM_INFO, PTR(&info), 0, 0), 0);
	EQ(info.size, 3 * PAGE + 4);
	CHECK(info.mtime_ns > 0);
	end(&s);
}

TEST(pager_resize_is_the_servers)
{
	struct setup s;
	setup(&s, 4 * PAGE);
	ERR(weft_mem_ctl(s.file, WEFT_MEM_RESIZE, PAGE, 0, 0), EPERM);
	u8 *p = t_map(s.file, 4 * PAGE);
	EQ(p[3 * PAGE], 4);
	EQ(t_call(s.root, OP_RESIZE, PAGE), 0);
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		(void)*(volatile u8 *)(p + 3 * PAGE);
		weft_proc_exit(0);
	}
	EQ(t_wait(pid) & 0x7f, 7);
	end(&s);
}

TEST(pager_private_mapping)
{
	struct setup s;
	u64 n[4];
	setup(&s, 4 * PAGE);
	u8 *p = (u8 *)OK(weft_mem_map(-1, 0, 4 * PAGE, WEFT_PROT_READ | WEFT_PROT_WRITE, s.file, 0));
	p[PAGE] = 77;
	stats(&s, PAGE, n);
	EQ(n[2], 0); /* nothing to reserve */
	u8 b;
	EQ(weft_fd_read(s.file, PTR(&b), 1, PAGE, 0), 1);
	EQ(b, 2);
	end(&s);
}

TEST(pager_dies_under_a_reader)
{
	struct setup s;
	setup(&s, 16 * PAGE);
	EQ(weft_proc_ctl(s.proc, WEFT_PROC_STOP, 19, 0, 0), 0);
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		u8 b;
		ERR(weft_fd_read(s.file, PTR(&b), 1, 0, 0), EIO);
		weft_proc_exit(0);
	}
	t_sleep(50);
	end(&s);
	t_wait_ok(pid);
}

TEST(pager_request_with_absent_page)
{
	/* A server's copy never waits for a pager: the client faults the page in and the request comes again. */
	struct setup s;
	i32 other[2];
	struct weft_sqe e;
	u8 got = 0;
	setup(&s, 16 * PAGE);
	u8 *p = (u8 *)OK(weft_mem_map(-1, 0, 16 * PAGE, WEFT_PROT_READ, s.file, 0));
	t_scheme(other);
	i32 h = t_open(other[1]);
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		struct weft_buf b = {PTR(p + 6 * PAGE), 16, WEFT_BUF_IN};
		struct weft_req r = {.op = WEFT_OP_USER, .nbufs = 1, .bufs = PTR(&b)};
		EQ(weft_fd_call(h, PTR(&r)), 1);
		weft_proc_exit(0);
	}
	t_recv(other[0], &e);
	ERR(weft_req_copy(other[0], e.tag, WEFT_COPY_IN, 0, PTR(&got), 1), WEFT_EREDELIVER);
	t_recv(other[0], &e);
	CHECK(e.flags & WEFT_SQE_REDELIVERED);
	EQ(weft_req_copy(other[0], e.tag, WEFT_COPY_IN, 0, PTR(&got), 1), 1);
	EQ(got, 7);
	t_reply(other[0], e.tag, 1);
	t_wait_ok(pid);
	end(&s);
}

TEST(pager_evict)
{
	struct setup s;
	u64 n[4];
	u8 b;
	setup(&s, 16 * PAGE);
	EQ(weft_fd_read(s.file, PTR(&b), 1, 0, 0), 1);
	stats(&s, 0, n);
	u64 before = n[1];
	ERR(weft_mem_ctl(s.file, WEFT_MEM_EVICT, 0, 16 * PAGE, 0), EPERM);
	OK(t_call(s.root, OP_EVICT, 0));
	EQ(weft_fd_read(s.file, PTR(&b), 1, 0, 0), 1);
	EQ(b, 1);
	stats(&s, 0, n);
	CHECK(n[1] > before);
	end(&s);
}

TEST(pager_idle_is_told)
{
	i32 s[2];
	struct weft_sqe e;
	t_scheme(s);
	i64 mem = OK(weft_mem_create(WEFT_MEM_PAGER, PAGE, s[0], NODE, 0));
	i64 file = OK(weft_fd_dup(mem, 0, 0, WEFT_RIGHT_READ | WEFT_RIGHT_MAP));
	i64 at = OK(weft_mem_map(-1, 0, PAGE, WEFT_PROT_READ, file, 0));
	weft_fd_close(file);
	EQ(weft_scheme_serve(s[0], 0, 0, PTR(&e), 1, t_after(20)), 0);
	OK(weft_mem_unmap(-1, at, PAGE));
	t_recv(s[0], &e);
	EQ(e.op, WEFT_OP_PAGE_IDLE);
	EQ(e.handle, NODE);
}

TEST(pager_copy_errors)
{
	i32 s[2], m = t_mem(PAGE);
	static u8 page[4096];
	t_scheme(s);
	i64 mem = OK(weft_mem_create(WEFT_MEM_PAGER, 4 * PAGE, s[0], NODE, 0));
	EQ(weft_pager_copy(mem, WEFT_PAGER_SUPPLY, 0, PTR(page), PAGE, 0) >= 0, 1);
	CHECK(weft_pager_copy(mem, WEFT_PAGER_SUPPLY, 1, PTR(page), PAGE, 0) < 0);
	ERR(weft_pager_copy(mem, WEFT_PAGER_SUPPLY, PAGE, BADPTR, PAGE, 0), EFAULT);
	CHECK(weft_pager_copy(m, WEFT_PAGER_SUPPLY, 0, PTR(page), PAGE, 0) < 0);
	ERR(weft_pager_copy(mem, 99, 0, PTR(page), PAGE, 0), EINVAL);
	ERR(weft_pager_copy(NOFD, WEFT_PAGER_SUPPLY, 0, PTR(page), PAGE, 0), EBADF);
	i64 weak = OK(weft_fd_dup(mem, 0, 0, WEFT_RIGHT_READ | WEFT_RIGHT_WRITE));
	ERR(weft_pager_copy(weak, WEFT_PAGER_SUPPLY, PAGE, PTR(page), PAGE, 0), EPERM);
	CHECK(weft_mem_create(WEFT_MEM_PAGER, PAGE, m, 1, 0) < 0);
}
