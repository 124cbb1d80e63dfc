/* SPDX-License-Identifier: MIT */
#include <native/call.h>
#include <native/devput.h>
#include <native/start.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 4096

static i64 ask(u32 op, const char *path, const char *text, u64 len, const u64 args[4], i32 handle)
{
	struct weft_buf bufs[2] = {
		{PTR(path), (u32)strlen(path), WEFT_BUF_IN}, {PTR(text), (u32)len, WEFT_BUF_IN}};
	struct weft_req r = {.op = (u16)op, .nbufs = 2, .bufs = PTR(bufs),
		.args = {args[0], args[1], args[2], args[3]}, .nfds = handle >= 0, .fds = PTR(&handle)};
	i32 dev = native_fd("open:dev");

	return dev < 0 ? dev : weft_fd_call((u64)dev, PTR(&r));
}

static int put_text(u32 mode, const char *path, const char *fmt, va_list ap)
{
	char text[TEXT_MAX];
	int n = vsnprintf(text, sizeof(text), fmt, ap);

	if (n < 0 || n >= TEXT_MAX)
		return -E2BIG;
	i64 e = ask(DEVP_PUT, path, text, (u64)n, (u64[4]){mode, 0, 0, 0}, -1);

	if (e == -EEXIST && mode == DEVPUT_LINK)
		e = 0;
	if (e < 0)
		native_log("%s cannot be made: error %d", path, (int)-e);
	return e < 0 ? (int)e : 0;
}

int dev_put(u32 mode, const char *path, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int e = put_text(mode, path, fmt, ap);
	va_end(ap);
	return e;
}

int dev_put_in(u32 mode, const char *dir, const char *name, const char *fmt, ...)
{
	char path[512];
	va_list ap;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	va_start(ap, fmt);
	int e = put_text(mode, path, fmt, ap);
	va_end(ap);
	return e;
}

int dev_put_node(const char *path, u32 mode, u32 uid, u32 gid, u64 rdev, i32 handle)
{
	return (int)ask(DEVP_PUT, path, "", 0, (u64[4]){mode, uid, gid, rdev}, handle);
}

int dev_event(const char *action, const char *devpath, const char *subsystem, const char *fmt, ...)
{
	char msg[1024];
	va_list ap;
	int n = snprintf(msg, sizeof(msg), "%s@/%s ACTION=%s DEVPATH=/%s SUBSYSTEM=%s ", action,
		devpath, action, devpath, subsystem);

	if (n < 0 || n >= (int)sizeof(msg))
		return -E2BIG;
	va_start(ap, fmt);
	int more = vsnprintf(msg + n, sizeof(msg) - (size_t)n, fmt, ap);
	va_end(ap);
	if (more < 0 || n + more >= (int)sizeof(msg))
		return -E2BIG;
	n += more;
	for (int i = 0; i < n; i++)
		if (msg[i] == ' ')
			msg[i] = 0;
	struct weft_buf buf = {PTR(msg), (u32)n + 1, WEFT_BUF_IN};
	struct weft_req r = {.op = DEVP_EVENT, .args = {1}, .nbufs = 1, .bufs = PTR(&buf)};

	return (int)weft_fd_call((u64)native_fd("open:dev"), PTR(&r));
}
