/* SPDX-License-Identifier: MIT */
/*
 * weftctl: shows and controls services through the scheme init, and shows the kernel's counters (native/systext.h) where the
 * namespace has the scheme sys.
 */
#include <native/call.h>
#include <native/init.h>
#include <native/start.h>
#include <native/systext.h>
#include <native/time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICES_MAX 256
#define TEXT_MAX     (256u << 10)

static i32 open_scheme(const char *name)
{
	i32 ns = native_fd("ns");
	return (i32)weft_ns_ctl(ns >= 0 ? ns : -1, WEFT_NS_OPEN, PTR(name), strlen(name), WEFT_REQ_CLOEXEC | WEFT_REQ_PRIVATE);
}

static i32 open_init(void)
{
	i32 fd = native_fd("open:init");
	return fd >= 0 ? fd : open_scheme("init");
}

static int show(const char *node)
{
	static char text[TEXT_MAX];
	i32 sys = open_scheme("sys"), root = native_fd("res:root");
	i64 n = sys < 0 ? sys : native_sys_text(sys, root, node, text, sizeof text);
	if (n >= 0)
		puts(text);
	return n < 0 ? (int)n : 0;
}

static const char *state_name(u32 state)
{
	static const char *const names[] = {"down", "waiting", "starting", "running", "done", "backing-off", "failed", "stopping"};
	return state < sizeof names / sizeof names[0] ? names[state] : "?";
}

static int list(i32 init)
{
	struct init_service *s = calloc(SERVICES_MAX, sizeof *s);
	if (!s)
		return -ENOMEM;
	struct weft_buf buf = {.addr = PTR(s), .len = SERVICES_MAX * sizeof *s, .flags = WEFT_BUF_OUT};
	struct weft_req r = {.op = INIT_LIST, .nbufs = 1, .bufs = PTR(&buf)};
	i64 n = weft_fd_call(init, PTR(&r));
	if (n > SERVICES_MAX)
		n = SERVICES_MAX;
	if (n >= 0)
		printf("%-16s %-12s %6s %5s %9s %4s  %s\n", "SERVICE", "STATE", "PID", "STARTS", "FOR", "RANK", "PROGRAM");
	u64 now = (u64)time_monotonic();
	for (i64 i = 0; i < n; i++) {
		u64 ms = (now - s[i].since_ns) / NSEC_PER_MSEC;
		printf("%-16s %-12s %6d %6u %5lu.%01lus %4u  %s\n", s[i].name, state_name(s[i].state), s[i].pid, s[i].restarts, ms / 1000,
			ms / 100 % 10, s[i].rank, s[i].program);
	}
	free(s);
	return n < 0 ? (int)n : 0;
}

static int control(i32 init, enum init_action what, const char *name)
{
	struct weft_buf buf = {.addr = PTR(name), .len = (u32)strlen(name), .flags = WEFT_BUF_IN};
	struct weft_req r = {.op = INIT_CONTROL, .nbufs = 1, .bufs = PTR(&buf), .args = {what}};
	return (int)weft_fd_call(init, PTR(&r));
}

static int power(i32 init, u64 action)
{
	struct weft_req r = {.op = INIT_POWER, .args = {action}};
	return (int)weft_fd_call(init, PTR(&r));
}

int main(int argc, char **argv)
{
	static const char *const actions[] = {"start", "stop", "restart", "kill"};
	i32 init = open_init();
	int r = -EINVAL;
	if (argc == 3 && strcmp(argv[1], "show") == 0) {
		r = show(argv[2]);
		if (r < 0)
			printf("weftctl: %s: error %d\n", argv[2], -r);
		return r < 0;
	}
	if (init < 0) {
		printf("weftctl: no scheme init here (error %d)\n", -init);
		return 1;
	}
	if (argc == 1 || (argc == 2 && strcmp(argv[1], "list") == 0))
		r = list(init);
	else if (argc == 2 && strcmp(argv[1], "poweroff") == 0)
		r = power(init, 0);
	else if (argc == 2 && strcmp(argv[1], "reboot") == 0)
		r = power(init, 1);
	for (u32 i = 0; i < 4 && argc == 3; i++) {
		if (strcmp(argv[1], actions[i]) == 0)
			r = control(init, (enum init_action)i, argv[2]);
	}
	if (r == -EINVAL)
		printf("usage: weftctl [list] | start|stop|restart|kill SERVICE | poweroff | reboot | show NODE\n");
	else if (r < 0)
		printf("weftctl: error %d\n", -r);
	return r < 0;
}
