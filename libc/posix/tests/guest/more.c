/* SPDX-License-Identifier: MIT */
/* The runtime's checks that need servers: what several processes see of one file. */
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define NAME "/tmp/more-file"

static int record(int fd, int cmd, short type, off_t start, off_t len)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};

	return fcntl(fd, cmd, &l) ? -errno : cmd == F_GETLK ? l.l_type : 0;
}

/* Runs body in a child: its exit status, or -1. */
#define IN_CHILD(body)                                                                             \
	({                                                                                         \
		pid_t pid_ = fork();                                                               \
		int st_ = -1;                                                                      \
		if (pid_ == 0)                                                                     \
			_exit(({ body; }));                                                        \
		pid_ > 0 && waitpid(pid_, &st_, 0) == pid_ && WIFEXITED(st_) ? WEXITSTATUS(st_) : -1; \
	})

static void test_locks(void)
{
	int fd = open(NAME, O_RDWR | O_CREAT | O_TRUNC, 0600), hold[2], go[2];
	char c;

	CHECK("a record lock", record(fd, F_SETLK, F_WRLCK, 0, 10) == 0);
	CHECK("holds against a child", IN_CHILD(record(fd, F_SETLK, F_WRLCK, 5, 1) != -EAGAIN) == 0);
	int other = open(NAME, O_RDONLY);
	close(other);
	CHECK("ends with any close of the file", IN_CHILD(record(fd, F_SETLK, F_WRLCK, 5, 1) != 0) == 0);
	CHECK("ends with its process", record(fd, F_SETLK, F_WRLCK, 0, 0) == 0);
	record(fd, F_SETLK, F_UNLCK, 0, 0);
	if (pipe(hold) || pipe(go))
		return;
	pid_t pid = fork();
	if (pid == 0) {
		record(fd, F_SETLK, F_WRLCK, 0, 0);
		write(hold[1], "x", 1);
		for (;;)
			pause();
	}
	read(hold[0], &c, 1);
	CHECK("another's lock is seen", record(fd, F_GETLK, F_WRLCK, 0, 0) == F_WRLCK);
	pid_t waiter = fork();
	if (waiter == 0) {
		write(go[1], "x", 1);
		_exit(record(fd, F_SETLKW, F_WRLCK, 0, 0) != 0);
	}
	read(go[0], &c, 1);
	kill(pid, SIGKILL);
	int st;
	CHECK("a killed holder's lock goes to who waits", waitpid(waiter, &st, 0) == waiter && st == 0);
	waitpid(pid, &st, 0);
	close(fd);
}

int main(void)
{
	test_locks();
	unlink(NAME);
	return check_done();
}
