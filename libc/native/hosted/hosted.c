/* SPDX-License-Identifier: MIT */
/* libc/native under a C library (servers on musl and the POSIX runtime): its threads, its auxiliary vector. */
#include <native/call.h>
#include <native/start.h>
#include <native/thread.h>
#include <native/time.h>
#include <pthread.h>
#include <sys/auxv.h>

u64 native_auxv(u64 tag)
{
	return getauxval(tag);
}

const struct weft_start *native_boot(void)
{
	return NULL;
}

__attribute__((constructor)) static void use_time_page(void)
{
	u64 page = getauxval(NATIVE_AT_TIME);
	if (page)
		time_use_page((const struct weft_time_page *)page);
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
