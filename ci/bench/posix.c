/* SPDX-License-Identifier: MIT */
/*
 * `./weft bench posix`: what programs ask of a POSIX system, measured by one binary on both kernels. The file and the
 * programs that it uses are in the root file system of the base configuration.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

#define FILE_PATH "/tmp/bench-file"

static char buffer[65536];

struct span {
	int fd;
	size_t size;
};

static void getpids(void *arg, long n)
{
	(void)arg;
	while (n--)
		syscall(SYS_getpid);
}

static void reads(void *arg, long n)
{
	struct span *s = arg;

	while (n--)
		if (pread(s->fd, buffer, s->size, 0) != (ssize_t)s->size)
			measure_fail("pread");
}

static void writes(void *arg, long n)
{
	struct span *s = arg;

	while (n--)
		if (pwrite(s->fd, buffer, s->size, 0) != (ssize_t)s->size)
			measure_fail("pwrite");
}

static void opens(void *arg, long n)
{
	(void)arg;
	while (n--) {
		int fd = open(FILE_PATH, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			measure_fail("open");
		close(fd);
	}
}

static void stats(void *arg, long n)
{
	struct stat st;

	(void)arg;
	while (n--)
		if (stat(FILE_PATH, &st))
			measure_fail("stat");
}

static void ping(void *arg, long n)
{
	int *fds = arg;
	char byte = 0;

	while (n--)
		if (write(fds[1], &byte, 1) != 1 || read(fds[0], &byte, 1) != 1)
			measure_fail("ping");
}

static void echo(int in, int out)
{
	char byte;

	while (read(in, &byte, 1) == 1)
		if (write(out, &byte, 1) != 1)
			break;
	_exit(0);
}

static void ping_pipe(void)
{
	int there[2], back[2];

	if (pipe2(there, O_CLOEXEC) || pipe2(back, O_CLOEXEC))
		measure_fail("pipe2");
	pid_t child = fork();
	if (child == 0) {
		close(there[1]);
		close(back[0]);
		echo(there[0], back[1]);
	}
	int ends[2] = {back[0], there[1]};
	close(there[0]);
	close(back[1]);
	measure("pipe", ping, ends);
	close(there[1]);
	close(back[0]);
	waitpid(child, NULL, 0);
}

static void ping_unix(void)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		measure_fail("socketpair");
	pid_t child = fork();
	if (child == 0) {
		close(fds[0]);
		echo(fds[1], fds[1]);
	}
	close(fds[1]);
	int ends[2] = {fds[0], fds[0]};
	measure("unix-stream", ping, ends);
	close(fds[0]);
	waitpid(child, NULL, 0);
}

/* Send a descriptor to oneself, receive it, close it. */
static void rights(void *arg, long n)
{
	int *fds = arg;

	while (n--) {
		char byte = 0, room[CMSG_SPACE(sizeof(int))] = {0};
		struct iovec iov = {&byte, 1};
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
			.msg_controllen = sizeof(room)};
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		int got;
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fds[0], sizeof(int));
		if (sendmsg(fds[0], &msg, 0) != 1)
			measure_fail("sendmsg");
		msg.msg_controllen = sizeof(room);
		if (recvmsg(fds[1], &msg, MSG_CMSG_CLOEXEC) != 1)
			measure_fail("recvmsg");
		c = CMSG_FIRSTHDR(&msg);
		if (!c || c->cmsg_type != SCM_RIGHTS) {
			errno = EPROTO;
			measure_fail("SCM_RIGHTS");
		}
		memcpy(&got, CMSG_DATA(c), sizeof(int));
		close(got);
	}
}

extern char **environ;

static void spawn(char *const argv[], long n)
{
	while (n--) {
		pid_t pid = fork();
		int status;
		if (pid < 0)
			measure_fail("fork");
		if (pid == 0) {
			execv(argv[0], argv);
			_exit(127);
		}
		if (waitpid(pid, &status, 0) != pid || status) {
			errno = ECHILD;
			measure_fail(argv[0]);
		}
	}
}

static void spawns(void *arg, long n)
{
	spawn(arg, n);
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

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

static void kills(void *arg, long n)
{
	(void)arg;
	while (n--)
		raise(SIGUSR1);
}

struct watch {
	int set, fd;
};

static void epolls(void *arg, long n)
{
	struct watch *w = arg;
	struct epoll_event event;
	uint64_t value = 1;

	while (n--) {
		if (write(w->fd, &value, 8) != 8 || epoll_wait(w->set, &event, 1, -1) != 1 ||
			read(w->fd, &value, 8) != 8)
			measure_fail("epoll");
	}
}

static void epoll_1000(void)
{
	struct watch w = {epoll_create1(EPOLL_CLOEXEC), -1};
	int fds[1000];

	for (int i = 0; i < 1000; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.fd = i};
		fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (fds[i] < 0 || epoll_ctl(w.set, EPOLL_CTL_ADD, fds[i], &event))
			measure_fail("eventfd");
	}
	w.fd = fds[500];
	measure("epoll-1000", epolls, &w);
	for (int i = 0; i < 1000; i++)
		close(fds[i]);
	close(w.set);
}

/* Map 1 MiB, touch every page, unmap. */
static void touches(void *arg, long n)
{
	(void)arg;
	while (n--) {
		volatile char *area =
			mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (area == MAP_FAILED)
			measure_fail("mmap");
		for (int i = 0; i < 256; i++)
			area[i * 4096] = 1;
		munmap((void *)area, 1 << 20);
	}
}

/* Long programs: a few runs each, the median counts. */
static void programs(const char *name, char *const argv[], int runs)
{
	double times[16] = {0};

	spawn(argv, 1); /* brings the program into memory */
	for (int i = 0; i < runs; i++) {
		uint64_t start = measure_now();
		spawn(argv, 1);
		times[i] = (measure_now() - start) / 1e6;
	}
	qsort(times, runs, sizeof(times[0]), measure_compare);
	printf("@@row %s ms %.2f lower\n", name, times[runs / 2]);
	fflush(stdout);
}

int main(void)
{
	int pair[2];
	int fd = open(FILE_PATH, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, buffer, sizeof(buffer)) != sizeof(buffer))
		measure_fail(FILE_PATH);
	measure("getpid", getpids, NULL);
	measure("read-1", reads, &(struct span){fd, 1});
	measure("read-64k", reads, &(struct span){fd, 65536});
	measure("write-1", writes, &(struct span){fd, 1});
	measure("write-64k", writes, &(struct span){fd, 65536});
	measure("open-close", opens, NULL);
	measure("stat", stats, NULL);
	ping_pipe();
	ping_unix();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		measure_fail("socketpair");
	measure("scm-rights", rights, pair);
	measure("fork-exec-wait", spawns, (char *[]){"/bin/true", NULL});
	measure("thread", threads, NULL);
	signal(SIGUSR1, count_signal);
	measure("signal-self", kills, NULL);
	epoll_1000();
	measure("mmap-touch-1m", touches, NULL);
	programs("bash-200-forks",
		(char *const[]){"/bin/bash", "-c", "for ((i = 0; i < 200; i++)); do (:); done", NULL}, 3);
	programs("python-pass", (char *const[]){"/usr/bin/python3", "-c", "pass", NULL}, 5);
	FILE *c = fopen("/tmp/small.c", "w");
	if (!c || fputs("#include <stdio.h>\nint main(void)\n{\n\tputs(\"x\");\n\treturn 0;\n}\n", c) < 0 ||
		fclose(c))
		measure_fail("/tmp/small.c");
	programs("gcc-small",
		(char *const[]){"/usr/bin/gcc", "-O1", "-o", "/tmp/small", "/tmp/small.c", NULL}, 3);
	return 0;
}
