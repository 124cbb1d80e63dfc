/* SPDX-License-Identifier: MIT */
#include <native/call.h>
#include <native/init.h>
#include <native/start.h>
#include <native/time.h>
#include <string.h>

static struct loop_timer alive_timer;
static struct loop_source shutdown_source;
static struct loop *attached;
static i64 alive_period;

void init_notify(void)
{
	u64 one = 1;
	i32 fd = native_fd("notify");
	if (fd >= 0)
		weft_fd_write(fd, PTR(&one), sizeof one, -1, WEFT_IO_NONBLOCK);
}

static void handle_alive(struct loop_timer *t)
{
	init_notify();
	loop_timer_set(attached, t, time_monotonic() + alive_period);
}

static void handle_shutdown(struct loop_source *s, u32 ready)
{
	(void)s;
	(void)ready;
	loop_stop(attached);
}

int init_attach(struct loop *l, i64 period_ns)
{
	attached = l;
	alive_period = period_ns;
	init_notify();
	if (period_ns > 0 && native_fd("notify") >= 0) {
		alive_timer.fn = handle_alive;
		loop_timer_set(l, &alive_timer, time_monotonic() + period_ns);
	}
	i32 fd = native_fd("shutdown");
	if (fd < 0)
		return 0;
	shutdown_source = (struct loop_source){.fn = handle_shutdown, .fd = fd, .events = WEFT_POLLIN};
	return loop_add(l, &shutdown_source);
}

i32 init_image(i32 init_handle, const char *path, u64 *size)
{
	i32 fd = -1;
	struct weft_buf buf = {.addr = PTR(path), .len = (u32)strlen(path), .flags = WEFT_BUF_IN};
	struct weft_req r = {.op = INIT_IMAGE, .flags = WEFT_REQ_CLOEXEC | WEFT_REQ_PRIVATE | WEFT_REQ_IDEMPOTENT, .nbufs = 1, .max_fds = 1,
		.bufs = PTR(&buf), .fds_out = PTR(&fd)};
	i64 e = weft_fd_call(init_handle, PTR(&r));
	if (e < 0)
		return (i32)e;
	*size = r.out[0];
	return fd;
}
