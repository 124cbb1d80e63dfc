/* SPDX-License-Identifier: MIT */
/*
 * The Linux side of `./weft bench ipc`. Each row is the nearest that Linux offers to what Weft's native benchmark of
 * the same name does; "scheme" rows are requests to another process over an AF_UNIX stream, answered by 4 bytes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

struct pair {
	int in, out;	 /* the client's ends */
	size_t size;	 /* bytes of a request */
	size_t answer;	 /* bytes of a reply */
	char *buffer;
};

static void move(int fd, char *buffer, size_t size, int writing)
{
	while (size) {
		ssize_t n = writing ? write(fd, buffer, size) : read(fd, buffer, size);
		if (n == 0)
			_exit(0);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			measure_fail("move");
		}
		buffer += n;
		size -= n;
	}
}

static void null_call(void *arg, long n)
{
	(void)arg;
	while (n--)
		syscall(SYS_getppid);
}

static void round_trips(void *arg, long n)
{
	struct pair *p = arg;

	while (n--) {
		move(p->out, p->buffer, p->size, 1);
		move(p->in, p->buffer, p->answer, 0);
	}
}

/* A child that answers every request of `size` bytes with `answer` bytes. */
static pid_t serve(int in, int out, size_t size, size_t answer, int close1, int close2)
{
	pid_t pid = fork();

	if (pid < 0)
		measure_fail("fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(close1);
	if (close2 >= 0)
		close(close2);
	char *buffer = malloc(size > answer ? size : answer);
	for (;;) {
		move(in, buffer, size, 0);
		move(out, buffer, answer, 1);
	}
}

static void stream(const char *name, size_t size, size_t answer)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		measure_fail("socketpair");
	pid_t child = serve(fds[1], fds[1], size, answer, fds[0], -1);
	close(fds[1]);
	struct pair p = {fds[0], fds[0], size, answer, calloc(1, size > answer ? size : answer)};
	measure(name, round_trips, &p);
	close(fds[0]);
	free(p.buffer);
	waitpid(child, NULL, 0);
}

static void pipes(const char *name)
{
	int there[2], back[2];
	char byte = 0;

	if (pipe2(there, O_CLOEXEC) || pipe2(back, O_CLOEXEC))
		measure_fail("pipe2");
	pid_t child = serve(there[0], back[1], 1, 1, there[1], back[0]);
	close(there[0]);
	close(back[1]);
	struct pair p = {back[0], there[1], 1, 1, &byte};
	measure(name, round_trips, &p);
	close(there[1]);
	close(back[0]);
	waitpid(child, NULL, 0);
}

/* Two processes pass a word to and fro through one futex each. */
static void futex_wait(_Atomic uint32_t *word, uint32_t value)
{
	while (atomic_load(word) == value)
		syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

static void futex_trips(void *arg, long n)
{
	_Atomic uint32_t *words = arg;

	while (n--) {
		uint32_t now = atomic_load(&words[16]);
		atomic_fetch_add(&words[0], 1);
		syscall(SYS_futex, &words[0], FUTEX_WAKE, 1, NULL, NULL, 0);
		futex_wait(&words[16], now);
	}
}

static void futexes(const char *name)
{
	_Atomic uint32_t *words =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child = fork();

	if (child == 0) {
		for (uint32_t seen = 0;; seen++) {
			futex_wait(&words[0], seen);
			atomic_fetch_add(&words[16], 1);
			syscall(SYS_futex, &words[16], FUTEX_WAKE, 1, NULL, NULL, 0);
		}
	}
	measure(name, futex_trips, (void *)words);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	munmap((void *)words, 4096);
}

static void *nothing(void *arg)
{
	return arg;
}

static void threads(void *arg, long n)
{
	(void)arg;
	while (n--) {
		pthread_t t;
		if (pthread_create(&t, NULL, nothing, NULL))
			measure_fail("pthread_create");
		pthread_join(t, NULL);
	}
}

static void forks(void *arg, long n)
{
	(void)arg;
	while (n--) {
		pid_t pid = fork();
		if (pid < 0)
			measure_fail("fork");
		if (pid == 0)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
}

/* n first touches of anonymous pages, in areas of 256 pages. */
static void faults(void *arg, long n)
{
	(void)arg;
	while (n > 0) {
		long pages = n < 256 ? n : 256;
		volatile char *area = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (area == MAP_FAILED)
			measure_fail("mmap");
		for (long i = 0; i < pages; i++)
			area[i * 4096] = 1;
		munmap((void *)area, pages * 4096);
		n -= pages;
	}
}

static void maps(void *arg, long n)
{
	(void)arg;
	while (n--) {
		void *area = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (area == MAP_FAILED)
			measure_fail("mmap");
		munmap(area, 65536);
	}
}

static void yields(void *arg, long n)
{
	(void)arg;
	while (n--)
		sched_yield();
}

static _Atomic int stop;

static void *yielder(void *arg)
{
	while (!atomic_load(&stop))
		sched_yield();
	return arg;
}

static void *sleeper(void *arg)
{
	while (!atomic_load(&stop))
		syscall(SYS_futex, &stop, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	return arg;
}

static void one_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		measure_fail("sched_setaffinity");
}

/* Two threads on one CPU yield to each other, while `sleeping` more wait on a futex. */
static void yield_with(const char *name, int sleeping)
{
	pthread_t other, *waiting = calloc(sleeping + 1, sizeof(*waiting));
	pthread_attr_t small;

	atomic_store(&stop, 0);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 16384);
	for (int i = 0; i < sleeping; i++)
		if (pthread_create(&waiting[i], &small, sleeper, NULL))
			measure_fail("pthread_create of a sleeper");
	if (pthread_create(&other, NULL, yielder, NULL))
		measure_fail("pthread_create");
	measure(name, yields, NULL);
	atomic_store(&stop, 1);
	syscall(SYS_futex, &stop, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
	pthread_join(other, NULL);
	for (int i = 0; i < sleeping; i++)
		pthread_join(waiting[i], NULL);
	free(waiting);
}

int main(void)
{
	measure("null-call", null_call, NULL);
	stream("scheme-0", 1, 4); /* a stream cannot carry 0 bytes */
	stream("scheme-4k", 4096, 4);
	stream("scheme-64k", 65536, 4);
	stream("socketpair", 1, 1);
	pipes("pipe");
	futexes("futex");
	measure("thread", threads, NULL);
	measure("fork-exit", forks, NULL);
	measure("page-fault", faults, NULL);
	measure("mmap-munmap", maps, NULL);
	one_cpu();
	yield_with("yield-2", 0);
	yield_with("yield-2-of-10000", 10000);
	return 0;
}
