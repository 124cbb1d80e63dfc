/* SPDX-License-Identifier: MIT */
/* libc/native under a C library (servers on musl and the POSIX runtime): its threads, the named fds in its environment. */
#include <native/call.h>
#include <native/start.h>
#include <native/thread.h>
#include <native/time.h>
#include <posix/start.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

u64 native_auxv(u64 tag)
{
	return getauxval(tag);
}

const struct weft_start *native_boot(void)
{
	return NULL;
}

static struct native_fd table[96];

const struct native_fd *native_fds(void)
{
	return table;
}

/* WEFT_FDS=NAME=FD,NAME=FD... (spawn_posix.c). A name may have ':' but neither '=' nor ','. */
__attribute__((constructor)) static void read_fd_names(void)
{
	const char *p = getenv("WEFT_FDS");
	u32 n = 0;
	while (p && *p && n < sizeof table / sizeof table[0] - 1) {
		size_t len = strcspn(p, "=");
		if (p[len] != '=' || len >= NATIVE_FD_NAME)
			break;
		memcpy(table[n].name, p, len);
		char *end;
		table[n++].fd = (i32)strtol(p + len + 1, &end, 10);
		p = *end == ',' ? end + 1 : end;
	}
	unsetenv("WEFT_FDS");
	/* The runtime has it mapped for every process that it runs. */
	time_use_page((const struct weft_time_page *)POSIX_TIME_ADDR);
}

static void *thread_main(void *arg)
{
	struct nthread *t = arg;
	t->fn(t->arg);
	return NULL;
}

int nthread_create(struct nthread *t, void (*fn)(void *arg), void *arg, u64 stack)
{
	pthread_attr_t attr;
	pthread_t id;
	t->fn = fn;
	t->arg = arg;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, stack ? stack : 256 << 10);
	int e = pthread_create(&id, &attr, thread_main, t);
	pthread_attr_destroy(&attr);
	t->handle = (u64)id;
	return -e;
}

void nthread_join(struct nthread *t)
{
	pthread_join((pthread_t)t->handle, NULL);
}
