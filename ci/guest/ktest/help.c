/* SPDX-License-Identifier: MIT */
/* What many tests need. */
#include "t.h"

#include <native/cpio.h>
#include <native/spawn.h>

i64 t_after(i64 ms)
{
	return time_monotonic() + ms * MS;
}

void t_sleep(i64 ms)
{
	weft_sleep(WEFT_CLOCK_MONOTONIC, t_after(ms));
}

i32 t_child(void (*fn)(void *arg), void *arg, i32 *proc)
{
	i32 pid = native_fork(0, proc);
	if (pid == 0) {
		if (fn)
			fn(arg);
		weft_proc_exit(0);
	}
	OK(pid);
	return pid;
}

u32 t_wait(i32 pid)
{
	struct weft_exit e = {0};
	i64 r;
	while ((r = weft_proc_wait(1, pid, 4, PTR(&e))) == -EINTR)
		;
	EQ(r, pid);
	return e.status;
}

void t_wait_ok(i32 pid)
{
	EQ(t_wait(pid), 0);
}

u32 t_poll(i32 fd, u32 events, i64 ms)
{
	struct weft_pollfd p = {.fd = fd, .events = (i16)events};
	i64 r;
	i64 deadline = t_after(ms);
	while ((r = weft_fd_poll(PTR(&p), 1, deadline)) == -EINTR)
		;
	return r > 0 ? (u16)p.revents : 0;
}

i32 t_self_image(u64 *size)
{
	struct weft_mem_info info;
	struct cpio_entry e;
	i32 boot = native_fd("boot");
	EQ(weft_mem_ctl(boot, WEFT_MEM_INFO, PTR(&info), 0, 0), 0);
	void *base = (void *)OK(weft_mem_map(-1, 0, info.size, WEFT_PROT_READ | WEFT_MAP_SHARED, boot, 0));
	EQ(cpio_find(base, info.size, "bin/ktest", &e), 0);
	*size = e.size;
	return (i32)OK(spawn_image(e.data, e.size));
}

void t_pipe(i32 fds[2])
{
	OK(weft_obj_create(WEFT_OBJ_PIPE, 0, 0, 0, PTR(fds)));
}

void t_chan(u32 type, i32 fds[2])
{
	OK(weft_obj_create(WEFT_OBJ_CHANNEL, type, 0, 0, PTR(fds)));
}

i32 t_obj(u32 kind, u64 a, u64 b)
{
	i32 fds[2] = {-1, -1};
	OK(weft_obj_create(kind, a, b, 0, PTR(fds)));
	return fds[0];
}

i32 t_mem(u64 size)
{
	return (i32)OK(weft_mem_create(WEFT_MEM_ANON, size, -1, 0, 0));
}

void *t_map(i32 mem, u64 size)
{
	return (void *)OK(weft_mem_map(-1, 0, size, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_SHARED, mem, 0));
}

void *t_anon(u64 size)
{
	return (void *)OK(weft_mem_map(-1, 0, size, WEFT_PROT_READ | WEFT_PROT_WRITE, -1, 0));
}

void t_scheme(i32 fds[2])
{
	struct weft_scheme_limits limits = {.orphan_ns = 300 * MS, .authority = t_root};
	OK(weft_scheme_create(0, PTR(fds), PTR(&limits)));
}

i32 t_open(i32 endpoint)
{
	static const char name[] = "t-open";
	OK(weft_ns_ctl(t_ns, WEFT_NS_PUBLISH, PTR(name), sizeof name - 1, endpoint));
	i32 fd = (i32)OK(weft_ns_ctl(t_ns, WEFT_NS_OPEN, PTR(name), sizeof name - 1, 0));
	OK(weft_ns_ctl(t_ns, WEFT_NS_REMOVE, PTR(name), sizeof name - 1, 0));
	return fd;
}

i32 t_handle(i32 server, u64 id)
{
	struct weft_reply_fd h = {.kind = WEFT_REPLY_NEW, .fd = -1, .rights = WEFT_RIGHT_ALL, .handle = id, .status = 2, .attr = {.ino = id}};
	return (i32)OK(weft_scheme_ctl(server, WEFT_SCHEME_NEW_HANDLE, PTR(&h), 0, 0));
}

i64 t_call(i32 handle, u16 op, u64 arg)
{
	struct weft_req r = {.op = op, .args = {arg}};
	return weft_fd_call(handle, PTR(&r));
}

void t_recv(i32 server, struct weft_sqe *e)
{
	i64 n;
	while ((n = weft_scheme_serve(server, 0, 0, PTR(e), 1, t_after(2000))) == -EINTR)
		;
	EQ(n, 1);
}

void t_reply(i32 server, u64 tag, i64 result)
{
	struct weft_cqe c = {.tag = tag, .result = result};
	EQ(weft_scheme_serve(server, PTR(&c), 1, 0, 0, WEFT_NOW), 0);
}
