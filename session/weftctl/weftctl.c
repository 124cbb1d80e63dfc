/* SPDX-License-Identifier: MIT */
/*
 * weftctl: shows and controls the system below the programs, through the scheme init, which decides what the caller may. Built twice: for
 * the boot archive, and for the root file system.
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
#define TEXT_MAX     (1u << 18)
#define COLUMNS_MAX  16

static i32 open_init(void)
{
	i32 fd = native_fd("open:init");
	if (fd >= 0)
		return fd;
	i32 ns = native_fd("ns");
	return (i32)weft_ns_ctl(ns >= 0 ? (u64)ns : (u64)-1, WEFT_NS_OPEN, PTR("init"), 4, WEFT_REQ_CLOEXEC | WEFT_REQ_PRIVATE);
}

static const char *state_name(u32 state)
{
	static const char *const names[] = {"down", "waiting", "starting", "running", "done", "backing-off", "failed", "stopping"};
	return state < sizeof names / sizeof names[0] ? names[state] : "?";
}

static int list(i32 init, const char *arg)
{
	(void)arg;
	struct init_service *s = calloc(SERVICES_MAX, sizeof *s);
	if (!s)
		return -ENOMEM;
	struct weft_buf buf = {.addr = PTR(s), .len = SERVICES_MAX * sizeof *s, .flags = WEFT_BUF_OUT};
	struct weft_req r = {.op = INIT_LIST, .nbufs = 1, .bufs = PTR(&buf)};
	i64 n = weft_fd_call((u64)init, PTR(&r));
	if (n > SERVICES_MAX)
		n = SERVICES_MAX;
	if (n >= 0)
		printf("%-16s %-12s %6s %5s %9s %4s  %s\n", "SERVICE", "STATE", "PID", "STARTS", "FOR", "RANK", "PROGRAM");
	u64 now = (u64)time_monotonic();
	for (i64 i = 0; i < n; i++) {
		unsigned long ms = (now - s[i].since_ns) / NSEC_PER_MSEC;
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
	return (int)weft_fd_call((u64)init, PTR(&r));
}

static int start(i32 init, const char *name)
{
	return control(init, INIT_DO_START, name);
}

static int stop(i32 init, const char *name)
{
	return control(init, INIT_DO_STOP, name);
}

static int restart(i32 init, const char *name)
{
	return control(init, INIT_DO_RESTART, name);
}

static int kill_service(i32 init, const char *name)
{
	return control(init, INIT_DO_KILL, name);
}

static int power(i32 init, u64 action)
{
	struct weft_req r = {.op = INIT_POWER, .args = {action}};
	return (int)weft_fd_call((u64)init, PTR(&r));
}

static int power_off(i32 init, const char *arg)
{
	(void)arg;
	return power(init, 0);
}

static int reboot(i32 init, const char *arg)
{
	(void)arg;
	return power(init, 1);
}

/* The word at *p, which goes on behind it; NULL at the end of a line. */
static const char *word(const char **p, size_t *n)
{
	const char *at = *p + strspn(*p, " ");
	*n = strcspn(at, " \n");
	*p = at + *n;
	return *n ? at : NULL;
}

/* Lines of words become columns of equal width. */
static void print_columns(const char *text)
{
	size_t width[COLUMNS_MAX] = {0}, n;
	for (const char *p = text; *p; p += *p == '\n') {
		for (u32 c = 0; word(&p, &n); c++)
			if (c < COLUMNS_MAX && n > width[c])
				width[c] = n;
	}
	for (const char *p = text, *w; *p; p += *p == '\n') {
		for (u32 c = 0; (w = word(&p, &n)); c++)
			printf("%s%.*s%*s", c ? "  " : "", (int)n, w, *p != '\n' && c < COLUMNS_MAX ? (int)(width[c] - n) : 0, "");
		printf("\n");
	}
}

static int show_text(i32 init, const char *node, bool columns)
{
	char *text = malloc(TEXT_MAX + 1);
	if (!text)
		return -ENOMEM;
	struct weft_buf bufs[2] = {{PTR(node), (u32)strlen(node), WEFT_BUF_IN}, {PTR(text), TEXT_MAX, WEFT_BUF_OUT}};
	struct weft_req r = {.op = INIT_TEXT, .nbufs = 2, .bufs = PTR(bufs)};
	i64 n = weft_fd_call((u64)init, PTR(&r));
	if (n >= 0) {
		text[n] = 0;
		if (columns)
			print_columns(text);
		else
			printf("%s", text);
	}
	free(text);
	return n < 0 ? (int)n : 0;
}

#define TEXT(fn, node, columns)                                                                    \
	static int fn(i32 init, const char *arg)                                                   \
	{                                                                                          \
		(void)arg;                                                                         \
		return show_text(init, node, columns);                                             \
	}
TEXT(processes, "proc", true)
TEXT(schemes, "schemes", true)
TEXT(memory, "mem", true)
TEXT(objects, "objects", true)
TEXT(cpus, "cpu", true)
TEXT(unserved, "unserved", true)
TEXT(log_lines, "log", false)

static int fds(i32 init, const char *pid)
{
	char node[40];
	snprintf(node, sizeof node, "fds/%.30s", pid);
	return show_text(init, node, true);
}

static const struct command {
	const char *name, *arg, *help;
	int (*fn)(i32 init, const char *arg);
} commands[] = {
	{"list", NULL, "services, what they are and since when", list},
	{"start", "SERVICE", "start it", start},
	{"stop", "SERVICE", "end it", stop},
	{"restart", "SERVICE", "end it and start it again", restart},
	{"kill", "SERVICE", "kill its process, and see what its manifest says to that", kill_service},
	{"ps", NULL, "processes, native ones too", processes},
	{"schemes", NULL, "schemes, who serves them and how many requests they had", schemes},
	{"fds", "PID", "what a process holds, its private fds too", fds},
	{"memory", NULL, "bytes by use, and what the pagers did", memory},
	{"objects", NULL, "kernel objects by kind", objects},
	{"cpu", NULL, "time and events of each processor", cpus},
	{"calls", NULL, "Linux calls asked for and not served: number, name, how often", unserved},
	{"log", NULL, "the kernel's log", log_lines},
	{"poweroff", NULL, "end everything in good order, then switch off", power_off},
	{"reboot", NULL, "the same, and start again", reboot},
};

static int usage(void)
{
	printf("usage: weftctl [COMMAND]\n\n");
	for (u32 i = 0; i < sizeof commands / sizeof commands[0]; i++)
		printf("  %-9s%-9s%s\n", commands[i].name, commands[i].arg ? commands[i].arg : "", commands[i].help);
	return 2;
}

static const char *why(int error)
{
	switch (-error) {
	case EPERM:
		return "only root may do that";
	case ENOENT:
		return "there is no such service";
	case ESRCH:
		return "there is no such process";
	case EINVAL:
		return "that makes no sense to init";
	case ENOMEM:
		return "not enough memory";
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "list";
	const struct command *c = NULL;
	for (u32 i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		if (strcmp(commands[i].name, name) == 0)
			c = &commands[i];
	}
	if (!c || (argc > 1 ? argc - 2 : 0) != (c->arg != NULL))
		return usage();
	i32 init = open_init();
	if (init < 0) {
		printf("weftctl: no scheme init here (error %d)\n", -init);
		return 1;
	}
	int r = c->fn(init, argc > 2 ? argv[2] : NULL);
	if (r < 0 && why(r))
		printf("weftctl: %s: %s\n", name, why(r));
	else if (r < 0)
		printf("weftctl: %s: error %d\n", name, -r);
	return r < 0;
}
