/* SPDX-License-Identifier: MIT */
/* Start and end of a freestanding program; it supplies int main(int argc, char **argv, char **envp). */
#include <native/call.h>
#include <native/start.h>
#include <native/time.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv, char **envp);

static const struct weft_start *boot;
static const u64 *auxv;
static char **environment;

const struct weft_start *native_boot(void)
{
	return boot;
}

u64 native_auxv(u64 tag)
{
	for (const u64 *p = auxv; p && p[0]; p += 2) {
		if (p[0] == tag)
			return p[1];
	}
	return 0;
}

const struct native_fd *native_fds(void)
{
	static const struct native_fd none[1];
	u64 table = native_auxv(NATIVE_AT_FDS);
	return table ? (const struct native_fd *)table : none;
}

const char *getenv(const char *name)
{
	size_t n = strlen(name);
	for (char **e = environment; e && *e; e++) {
		if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
			return *e + n + 1;
	}
	return NULL;
}

_Noreturn void exit(int status)
{
	for (;;)
		weft_proc_exit((u64)(status & 0xff) << 8);
}

_Noreturn void abort(void)
{
	for (;;)
		weft_proc_exit(6); /* as if killed by SIGABRT */
}

static void start_first(void)
{
	i64 at = weft_mem_map(-1, 0, WEFT_PAGE_SIZE, WEFT_PROT_READ | WEFT_MAP_SHARED, boot->time_page, 0);
	if (at > 0)
		time_use_page((const struct weft_time_page *)at);
}

_Noreturn void native_start(const struct weft_start *first, u64 *stack);
_Noreturn void native_start(const struct weft_start *first, u64 *stack)
{
	static char *nothing[2] = {"init", NULL};
	int argc = 1;
	char **argv = nothing;
	if (first) {
		boot = first;
		environment = nothing + 1;
		start_first();
	} else {
		argc = (int)stack[0];
		argv = (char **)(stack + 1);
		environment = argv + argc + 1;
		char **end = environment;
		while (*end)
			end++;
		auxv = (const u64 *)(end + 1);
		u64 page = native_auxv(NATIVE_AT_TIME);
		if (page)
			time_use_page((const struct weft_time_page *)page);
	}
	exit(main(argc, argv, environment));
}
