/* SPDX-License-Identifier: MIT */
/* The runtime's checks that need servers: what several processes see of one file. */
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

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

static long size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -errno : (long)st.st_size;
}

static int append_one(void)
{
	int fd = open(NAME, O_WRONLY | O_APPEND);

	return write(fd, "x", 1) == 1 && close(fd) == 0 ? 0 : 1;
}

/* stat is answered from a cache that the file server shares: whoever changes a file, every process sees it at once. */
static void test_attributes(void)
{
	struct stat st;
	int fd, good = 0, up[2], down[2];
	char c = 0;

	CHECK("absent", size_of(NAME) == -ENOENT && size_of(NAME) == -ENOENT);
	fd = open(NAME, O_RDWR | O_CREAT | O_TRUNC, 0644);
	CHECK("made", size_of(NAME) == 0);
	write(fd, "four", 4);
	CHECK("written while open", size_of(NAME) == 4 && fstat(fd, &st) == 0 && st.st_size == 4);
	close(fd);
	CHECK("written and closed", size_of(NAME) == 4 && size_of(NAME) == 4);
	for (int i = 0; i < 50; i++) {
		int in_child = IN_CHILD(append_one());
		good += in_child == 0 && size_of(NAME) == 5 + i;
	}
	CHECK("written by others", good == 50);
	CHECK("truncate", truncate(NAME, 7) == 0 && size_of(NAME) == 7);
	CHECK("mode", chmod(NAME, 0600) == 0 && stat(NAME, &st) == 0 && (st.st_mode & 0777) == 0600);
	CHECK("hard link", link(NAME, NAME ".2") == 0 && stat(NAME, &st) == 0 && st.st_nlink == 2 && chmod(NAME ".2", 0640) == 0 &&
				   stat(NAME, &st) == 0 && (st.st_mode & 0777) == 0640);
	unlink(NAME ".2");
	CHECK("unlinked one of two", stat(NAME, &st) == 0 && st.st_nlink == 1);
	fd = open(NAME, O_RDONLY);
	CHECK("renamed", rename(NAME, NAME ".3") == 0 && size_of(NAME) == -ENOENT && size_of(NAME ".3") == 7 && fstat(fd, &st) == 0 && st.st_size == 7);
	CHECK("replaced", close(open(NAME, O_CREAT | O_WRONLY, 0600)) == 0 && size_of(NAME) == 0 && rename(NAME ".3", NAME) == 0 && size_of(NAME) == 7);
	CHECK("unlinked while open", unlink(NAME) == 0 && size_of(NAME) == -ENOENT && fstat(fd, &st) == 0 && st.st_nlink == 0 && st.st_size == 7);
	close(fd);
	fd = open(NAME, O_RDWR | O_CREAT, 0644);
	ftruncate(fd, 4096);
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	stat(NAME, &st);
	struct timespec before = st.st_mtim, nap = {0, 20000000};
	nanosleep(&nap, NULL);
	p[0] = 1;
	msync(p, 4096, MS_SYNC);
	munmap(p, 4096);
	CHECK("changed through a mapping", stat(NAME, &st) == 0 && (st.st_mtim.tv_sec != before.tv_sec || st.st_mtim.tv_nsec >= before.tv_nsec));
	/* Two processes by turns. */
	if (pipe(up) || pipe(down))
		return;
	pid_t pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 200 && read(down[0], &c, 1) == 1; i++) {
			truncate(NAME, i);
			write(up[1], &c, 1);
		}
		_exit(0);
	}
	good = 0;
	for (int i = 0; i < 200; i++) {
		write(down[1], &c, 1);
		read(up[0], &c, 1);
		good += size_of(NAME) == i;
	}
	waitpid(pid, NULL, 0);
	CHECK("by turns", good == 200);
	mkdir("/tmp/more-dir", 0755);
	CHECK("in a directory", close(open("/tmp/more-dir/a", O_CREAT | O_WRONLY, 0644)) == 0 && size_of("/tmp/more-dir/a") == 0 && size_of("/tmp/more-dir/a") == 0);
	CHECK("whose search is taken away", chmod("/tmp/more-dir", 0700) == 0 &&
		IN_CHILD(setgid(1000) || setuid(1000) || size_of("/tmp/more-dir/a") != -EACCES) == 0 && size_of("/tmp/more-dir/a") == 0);
	CHECK("access", access("/tmp/more-dir", W_OK) == 0 && access(NAME, R_OK) == 0 && access(NAME, X_OK) == -1 && errno == EACCES);
	CHECK("working directory", chdir("/tmp/more-dir") == 0 && size_of("a") == 0 && size_of("../more-file") == 199 && chdir("/") == 0 && size_of("tmp/more-dir/a") == 0);
	CHECK("renamed directory", rename("/tmp/more-dir", "/tmp/more-moved") == 0 && size_of("/tmp/more-dir/a") == -ENOENT && size_of("/tmp/more-moved/a") == 0);
	symlink("more-moved", "/tmp/more-link");
	CHECK("through a link", size_of("/tmp/more-link/a") == 0 && lstat("/tmp/more-link", &st) == 0 && S_ISLNK(st.st_mode) && stat("/tmp/more-link", &st) == 0 &&
				 S_ISDIR(st.st_mode));
	unlink("/tmp/more-link");
	unlink("/tmp/more-moved/a");
	CHECK("removed directory", rmdir("/tmp/more-moved") == 0 && size_of("/tmp/more-moved") == -ENOENT && size_of("/tmp/more-moved/a") == -ENOENT);
	CHECK("a file is no directory", size_of(NAME "/x") == -ENOTDIR && size_of(NAME "/") == -ENOTDIR);
}

static long ms_since(const struct timespec *from)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000;
}

static int loopback(int type, int port, struct sockaddr_in *a)
{
	*a = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return socket(AF_INET, type | SOCK_CLOEXEC, 0);
}

static void test_sockets(void)
{
	struct timeval tv = {0, 200000}, got;
	struct sockaddr_in a, b;
	socklen_t len = sizeof(got);
	struct timespec start;
	int pair[2], on = 1, out = 0;
	char c;

	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
	CHECK("SO_RCVTIMEO is kept", setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0 &&
		getsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &got, &len) == 0 && len == sizeof(got) && got.tv_sec == 0 && got.tv_usec == 200000);
	clock_gettime(CLOCK_MONOTONIC, &start);
	FAILS("and ends a read", read(pair[0], &c, 1), EAGAIN);
	CHECK("in time", ms_since(&start) >= 200);
	FAILS("and a recv", recv(pair[0], &c, 1, 0), EAGAIN);
	CHECK("not one that finds data", write(pair[1], "x", 1) == 1 && read(pair[0], &c, 1) == 1);
	setsockopt(pair[1], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	static char much[65536];
	long n = 0;
	for (long w; (w = write(pair[1], much, sizeof(much))) > 0; n += w)
		;
	int why = errno;
	CHECK("SO_SNDTIMEO ends a write", why == EAGAIN && n > 0);
	CHECK("an option is told as it was set", setsockopt(pair[0], SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) == 0 && (len = sizeof(out)) &&
		getsockopt(pair[0], SOL_SOCKET, SO_KEEPALIVE, &out, &len) == 0 && out == 1);
	FAILS("an option of another protocol", setsockopt(pair[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), EOPNOTSUPP);
	close(pair[0]);
	close(pair[1]);

	int s = loopback(SOCK_STREAM, 0, &a), t = loopback(SOCK_STREAM, 0, &b);
	a.sin_addr.s_addr = INADDR_ANY;
	len = sizeof(a);
	CHECK("a port is found", bind(s, (void *)&a, sizeof(a)) == 0 && getsockname(s, (void *)&a, &len) == 0 && a.sin_port && !a.sin_addr.s_addr);
	FAILS("and is taken", bind(t, (void *)&a, sizeof(a)), EADDRINUSE);
	close(s);
	CHECK("until its socket is closed", bind(t, (void *)&a, sizeof(a)) == 0 && listen(t, 4) == 0);
	s = loopback(SOCK_STREAM, ntohs(a.sin_port), &b);
	CHECK("TCP_NODELAY", getsockopt(s, IPPROTO_TCP, TCP_NODELAY, &out, &len) == 0 && out == 0 &&
		setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 && getsockopt(s, IPPROTO_TCP, TCP_NODELAY, &out, &len) == 0 && out == 1);
	CHECK("connected", connect(s, (void *)&b, sizeof(b)) == 0);
	len = sizeof(a);
	int u = accept(t, (void *)&a, &len);
	CHECK("accepted", u >= 0 && a.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && write(s, "x", 1) == 1 && read(u, &c, 1) == 1);
	len = sizeof(a);
	CHECK("its own address is the one asked for", getsockname(u, (void *)&a, &len) == 0 && a.sin_addr.s_addr == b.sin_addr.s_addr && a.sin_port == b.sin_port);
	close(s);
	CHECK("and its end is seen", read(u, &c, 1) == 0);
	close(u);
	close(t);
	s = loopback(SOCK_STREAM, 0, &a);
	CHECK("any port", bind(s, (void *)&a, sizeof(a)) == 0);
	FAILS("nobody listens", connect(s, (void *)&b, sizeof(b)), ECONNREFUSED);
	close(s);
}

/* Reads up to n events that have no name, waiting a little for each. */
static void read_events(int queue, char *to, ssize_t *len, int n)
{
	for (int tries = 0; tries < 100 && *len < n * (ssize_t)sizeof(struct inotify_event); tries++) {
		ssize_t got = read(queue, to + *len, 4096 - *len);
		if (got > 0)
			*len += got;
		else
			usleep(20000);
	}
}

static int open_as_user(void)
{
	if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
		return 99;
	int fd = open(NAME, O_RDONLY);
	return fd < 0 ? errno : 0;
}

/* As root until it is kept open for us, then as somebody who may not. */
static int open_in_turns(void)
{
	for (int i = 0; i < 4; i++)
		close(open(NAME, O_RDONLY));
	return open_as_user();
}

/* A file that is opened again and again: each open is one of its own, and asks what the first one asked. */
static void test_reopen(void)
{
	int fd[6], queue;
	char c[8], events[4096];
	struct stat st;

	int w = open(NAME, O_RDWR | O_CREAT | O_TRUNC, 0644);
	CHECK("reopen: a file", w >= 0 && write(w, "abcdef", 6) == 6);
	for (int i = 0; i < 6; i++)
		fd[i] = open(NAME, O_RDONLY | (i & 1 ? O_CLOEXEC : 0));
	CHECK("reopen: offsets of their own", read(fd[5], c, 2) == 2 && read(fd[4], c, 1) == 1 && c[0] == 'a' && read(fd[5], c, 1) == 1 && c[0] == 'c');
	CHECK("reopen: close on exec is as asked", fcntl(fd[4], F_GETFD) == 0 && fcntl(fd[5], F_GETFD) == FD_CLOEXEC);
	FAILS("reopen: for reading only", write(fd[5], "x", 1), EBADF);
	CHECK("reopen: what is written is seen", pwrite(w, "X", 1, 0) == 1 && pread(fd[5], c, 1, 0) == 1 && c[0] == 'X');
	CHECK("reopen: locks of their own", flock(fd[4], LOCK_EX | LOCK_NB) == 0 && flock(fd[5], LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK);
	close(fd[4]);
	CHECK("reopen: a lock ends with its open file", flock(fd[5], LOCK_EX | LOCK_NB) == 0);
	queue = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	CHECK("reopen: watched", inotify_add_watch(queue, NAME, IN_OPEN | IN_CLOSE_NOWRITE) > 0);
	close(open(NAME, O_RDONLY));
	ssize_t n = 0;
	read_events(queue, events, &n, 2);
	close(fd[5]);
	read_events(queue, events, &n, 3);
	CHECK("reopen: opens and closes of a watched file are told", n == 3 * (ssize_t)sizeof(struct inotify_event));
	close(queue);
	for (int i = 0; i < 4; i++)
		close(open(NAME, O_RDONLY));
	CHECK("reopen: others may as well", IN_CHILD(open_as_user()) == 0);
	chmod(NAME, 0600);
	CHECK("reopen: while they may", IN_CHILD(open_as_user()) == EACCES && IN_CHILD(open_in_turns()) == EACCES);
	rename(NAME, NAME "-old");
	FAILS("reopen: a name that is gone", open(NAME, O_RDONLY), ENOENT);
	int other = open(NAME, O_WRONLY | O_CREAT, 0644);
	CHECK("reopen: a new file with the old name", write(other, "new", 3) == 3 && (fd[4] = open(NAME, O_RDONLY)) >= 0 && fstat(fd[4], &st) == 0 && st.st_size == 3);
	for (int i = 0; i < 5; i++)
		close(fd[i]);
	close(other);
	close(w);
	unlink(NAME "-old");
	unlink(NAME);
}

/* ptrace: attaching to a process that is no child of the tracer, and what is left of it when the tracer dies. */

static volatile long beat[2] __attribute__((aligned(64)));

static char state_of(pid_t pid)
{
	char name[40], text[200] = "";
	snprintf(name, sizeof name, "/proc/%d/stat", (int)pid);
	int fd = open(name, O_RDONLY);
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	const char *after = n > 0 ? strrchr(text, ')') : NULL;
	return after ? after[2] : '?';
}

static int goes_on(volatile long *count)
{
	long before = *count;
	for (int i = 0; i < 200 && *count == before; i++)
		usleep(10000);
	return *count != before;
}

static void test_trace(void)
{
	volatile long *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 0;
	pid_t pid = fork(), other;
	if (pid == 0) {
		beat[0] = 0x1234567890l;
		prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
		for (;;) {
			shared[0]++;
			usleep(2000);
		}
	}
	CHECK("trace: it runs", goes_on(&shared[0]));
	FAILS("trace: nobody attaches to himself", ptrace(PTRACE_ATTACH, getpid(), NULL, NULL), EPERM);
	FAILS("trace: not attached yet", ptrace(PTRACE_CONT, pid, NULL, NULL), ESRCH);
	CHECK("trace: attach", ptrace(PTRACE_ATTACH, pid, NULL, NULL) == 0);
	CHECK("trace: the stop is waited for", waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	CHECK("trace: it is stopped", (state_of(pid) == 't' || state_of(pid) == 'T'));
	errno = 0;
	CHECK("trace: its memory", ptrace(PTRACE_PEEKDATA, pid, (void *)&beat[0], NULL) == 0x1234567890l && !errno);
	FAILS("trace: no memory there", ptrace(PTRACE_PEEKDATA, pid, (void *)8, NULL), EIO);
	other = fork();
	if (other == 0)
		_exit(ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0 && errno == EPERM ? 0 : 1);
	waitpid(other, &status, 0);
	CHECK("trace: one tracer only", status == 0);
	CHECK("trace: it goes on", ptrace(PTRACE_DETACH, pid, NULL, NULL) == 0 && goes_on(&shared[0]));
	other = fork();
	if (other == 0) {
		if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) == 0 && waitpid(-1, &status, 0) == pid && WIFSTOPPED(status))
			_exit(0);
		_exit(1);
	}
	waitpid(other, &status, 0);
	CHECK("trace: by one who is not the parent; it goes on when he dies", status == 0 && goes_on(&shared[0]));
	kill(pid, SIGKILL);
	do
		waitpid(pid, &status, 0);
	while (WIFSTOPPED(status)); /* what is left of the stop, if anything */
	CHECK("trace: it dies", WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	munmap((void *)shared, 4096);
}

int main(void)
{
	unlink(NAME);
	test_reopen();
	test_sockets();
	test_attributes();
	test_locks();
	test_trace();
	unlink(NAME);
	return check_done();
}
