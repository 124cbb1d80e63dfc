/* SPDX-License-Identifier: MIT */
/* ktest [-v] [NAME-PREFIX...]: runs the tests whose names begin so (all without), and prints ok and not ok lines. */
#include "t.h"

#include <stdarg.h>

#define TEST_MS 30000
#define COUNTS (WEFT_OBJ_COUNT + 2)

extern const struct test __start_tests[], __stop_tests[];
i32 t_root, t_ns;
static i32 why_fds[2]; /* the test process tells the runner here why it failed */

_Noreturn void t_fail(const char *file, int line, const char *fmt, ...)
{
	char text[240];
	va_list ap;
	int n = snprintf(text, sizeof text, "%s:%d: ", file, line);
	va_start(ap, fmt);
	vsnprintf(text + n, sizeof text - (size_t)n, fmt, ap);
	va_end(ap);
	weft_fd_write(why_fds[1], PTR(text), strlen(text), -1, WEFT_IO_NONBLOCK);
	weft_proc_exit(1 << 8);
	__builtin_unreachable();
}

static bool counts_now(u64 *counts)
{
	return weft_sys_ctl(t_root, WEFT_SYS_OBJECTS, PTR(counts), COUNTS, 0) >= 0;
}

/* The kernel frees the last of a process a little after its parent hears of the end. */
static bool leaked(const u64 *before, char *why, size_t size)
{
	u64 now[COUNTS];
	for (int attempt = 0; attempt < 50; attempt++) {
		u32 kind;
		if (!counts_now(now))
			return false;
		for (kind = 0; kind < WEFT_OBJ_COUNT && now[kind] <= before[kind]; kind++)
			;
		if (kind == WEFT_OBJ_COUNT)
			return false;
		snprintf(why, size, "leak: objects of kind %u: %lu before, %lu after", kind, before[kind], now[kind]);
		t_sleep(10);
	}
	return true;
}

static void read_why(char *why, size_t size)
{
	i64 n = weft_fd_read(why_fds[0], PTR(why), size - 1, -1, WEFT_IO_NONBLOCK);
	why[n > 0 ? n : 0] = 0;
	for (char *p = why; *p; p++) {
		if (*p == '\n')
			*p = ' ';
	}
}

static bool run(const struct test *t, char *why, size_t size)
{
	u64 before[COUNTS];
	bool counted = counts_now(before);
	i32 proc = -1;
	i32 pid = native_fork(0, &proc);
	if (pid == 0) {
		t->fn();
		weft_proc_exit(0);
	}
	if (pid < 0) {
		snprintf(why, size, "fork: %d", pid);
		return false;
	}
	bool hung = !t_poll(proc, WEFT_POLLIN, TEST_MS);
	if (hung)
		weft_proc_ctl(proc, WEFT_PROC_KILL, 9, 0, 0);
	u32 status = t_wait(pid);
	weft_fd_close(proc);
	read_why(why, size);
	if (hung)
		snprintf(why, size, "still running after %d s", TEST_MS / 1000);
	else if (status && !why[0])
		snprintf(why, size, "ended with wait status 0x%x", status);
	if (hung || status)
		return false;
	if (why[0])
		return false; /* a child of it failed */
	return !counted || (t->flags & T_LEAKS) || !leaked(before, why, size);
}

static bool wanted(const char *name, int argc, char **argv)
{
	bool any = false;
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-')
			continue;
		any = true;
		if (strncmp(name, argv[i], strlen(argv[i])) == 0)
			return true;
	}
	return !any;
}

/* What a spawned copy of this program looks at: exec_replaces_the_program in proc.c. */
static int check_start(int argc, char **argv)
{
	const char *who = getenv("WHO");
	if (argc != 2 || strcmp(argv[0], "ktest") != 0 || argv[2] || !who || strcmp(who, "weft") != 0)
		return 1;
	if (native_fd("hello") != 1 || native_fd("boot") != -ENOENT || native_auxv(6) != PAGE || time_monotonic() <= 0)
		return 2;
	return 77;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "-exec") == 0)
		return check_start(argc, argv);
	u32 passed = 0, failed = 0;
	char why[300];
	t_root = native_fd("res:root");
	t_ns = native_fd("ns");
	t_pipe(why_fds);
	/* Once, so that what the kernel makes at the first use is not taken for a leak. */
	t_wait(t_child(NULL, NULL, NULL));
	for (const struct test *t = __start_tests; t < __stop_tests; t++) {
		if (!wanted(t->name, argc, argv))
			continue;
		if (argc > 1 && strcmp(argv[1], "-v") == 0)
			printf("# %s\n", t->name);
		why[0] = 0;
		if (run(t, why, sizeof why)) {
			printf("ok %s\n", t->name);
			passed++;
		} else {
			printf("not ok %s: %s\n", t->name, why);
			failed++;
		}
	}
	printf("@@tests %u %u\n", passed, failed);
	return failed != 0;
}
