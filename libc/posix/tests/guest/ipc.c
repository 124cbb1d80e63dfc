/* SPDX-License-Identifier: MIT */
/* Datagram sockets with names. Passes on Linux too. Runs as root. */
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#define DIR_ "/tmp/ipc-test"

static socklen_t address(struct sockaddr_un *a, const char *name)
{
	memset(a, 0, sizeof *a);
	a->sun_family = AF_UNIX;
	memcpy(a->sun_path + (name[0] == '@'), name + (name[0] == '@'), strlen(name) - (name[0] == '@'));
	return offsetof(struct sockaddr_un, sun_path) + strlen(name);
}

static int dgram(const char *name)
{
	struct sockaddr_un a;
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (name && bind(s, (void *)&a, address(&a, name)) < 0) {
		close(s);
		return -1;
	}
	return s;
}

static void dgram_names(void)
{
	struct sockaddr_un to, from;
	socklen_t n, len;
	char buf[64];
	int a = dgram(DIR_ "/a"), b = dgram("@ipc-test-b"), c = dgram(NULL);
	CHECK("datagram: bound to a path and to an abstract name", a >= 0 && b >= 0 && c >= 0);
	FAILS("datagram: a path that exists", dgram(DIR_ "/a"), EADDRINUSE);
	FAILS("datagram: a name that is taken", dgram("@ipc-test-b"), EADDRINUSE);
	n = address(&to, DIR_ "/a");
	CHECK("datagram: sendto from the abstract name", sendto(b, "one", 3, 0, (void *)&to, n) == 3);
	CHECK("datagram: sendto without a name", sendto(c, "two!", 4, 0, (void *)&to, n) == 4);
	len = sizeof from;
	CHECK("datagram: the first, with its sender", recvfrom(a, buf, sizeof buf, 0, (void *)&from, &len) == 3 && memcmp(buf, "one", 3) == 0 &&
		len == offsetof(struct sockaddr_un, sun_path) + 11 && from.sun_path[0] == 0 && memcmp(from.sun_path + 1, "ipc-test-b", 10) == 0);
	CHECK("datagram: a reply to it", sendto(a, "back", 4, 0, (void *)&from, len) == 4 && recv(b, buf, sizeof buf, 0) == 4);
	len = sizeof from;
	CHECK("datagram: the second has none", recvfrom(a, buf, 2, MSG_TRUNC, (void *)&from, &len) == 4 && len == 0);
	len = sizeof from;
	CHECK("datagram: getsockname", getsockname(a, (void *)&from, &len) == 0 && strcmp(from.sun_path, DIR_ "/a") == 0);
	n = address(&to, "@nobody");
	FAILS("datagram: to nobody", sendto(a, "x", 1, 0, (void *)&to, n), ECONNREFUSED);
	n = address(&to, DIR_ "/none");
	FAILS("datagram: to no file", sendto(a, "x", 1, 0, (void *)&to, n), ENOENT);
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	n = address(&to, DIR_ "/a");
	FAILS("datagram: a stream cannot connect to it", connect(s, (void *)&to, n), EPROTOTYPE);
	close(s);
	int type = 0;
	len = sizeof type;
	CHECK("datagram: SO_TYPE", getsockopt(a, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_DGRAM);
	close(a);
	FAILS("datagram: its end", sendto(b, "x", 1, 0, (void *)&to, n), ECONNREFUSED);
	close(b);
	b = dgram("@ipc-test-b");
	CHECK("datagram: the abstract name is free again", b >= 0);
	close(b);
	close(c);
	unlink(DIR_ "/a");
	a = socket(AF_UNIX, SOCK_DGRAM, 0);
	len = sizeof from;
	from.sun_family = AF_UNIX;
	CHECK("datagram: autobind", bind(a, (void *)&from, 2) == 0 && getsockname(a, (void *)&from, &len) == 0 && len == 8 && from.sun_path[0] == 0);
	close(a);
}

static void dgram_connect(void)
{
	struct sockaddr_un to, from = {.sun_family = AF_UNSPEC};
	socklen_t n, len = sizeof from;
	char buf[64];
	int status, a = dgram(DIR_ "/a"), b = dgram("@ipc-test-b"), c = dgram(NULL);
	FAILS("connect: not yet", send(c, "x", 1, 0), ENOTCONN);
	n = address(&to, DIR_ "/a");
	CHECK("connect: a datagram socket", connect(c, (void *)&to, n) == 0 && connect(b, (void *)&to, n) == 0);
	CHECK("connect: send and write", send(c, "1", 1, 0) == 1 && write(c, "22", 2) == 2 && write(b, "333", 3) == 3);
	ssize_t got[] = {recv(a, buf, 64, 0), recv(a, buf, 64, 0), recv(a, buf, 64, 0)};
	CHECK("connect: all arrive", got[0] == 1 && got[1] == 2 && got[2] == 3);
	CHECK("connect: getpeername", getpeername(c, (void *)&from, &len) == 0 && strcmp(from.sun_path, DIR_ "/a") == 0);
	pid_t child = fork();
	if (child == 0) {
		fcntl(c, F_SETFD, 0);
		char number[64];
		snprintf(number, sizeof number, "printf over >&%d", c);
		execl("/bin/sh", "sh", "-c", number, NULL);
		_exit(99);
	}
	waitpid(child, &status, 0);
	CHECK("connect: it holds over exec", status == 0 && recv(a, buf, 64, 0) == 4 && memcmp(buf, "over", 4) == 0);
	int d = dgram(NULL);
	struct sockaddr_un name_b;
	socklen_t nb = address(&name_b, "@ipc-test-b");
	FAILS("connect: a connected socket hears its peer only", sendto(d, "x", 1, 0, (void *)&name_b, nb), EPERM);
	close(d);
	CHECK("connect: the peer answers", connect(a, (void *)&name_b, nb) == 0 && send(a, "ok", 2, 0) == 2 && recv(b, buf, 64, 0) == 2);
	struct sockaddr_un none = {.sun_family = AF_UNSPEC};
	CHECK("connect: dissolved", connect(c, (void *)&none, 2) == 0);
	FAILS("connect: and refused again", send(c, "x", 1, 0), ENOTCONN);
	close(a);
	FAILS("connect: the other's end", send(b, "x", 1, 0), ECONNREFUSED);
	close(b);
	close(c);
	unlink(DIR_ "/a");
}

static void dgram_queue(void)
{
	struct sockaddr_un to;
	socklen_t n = address(&to, "@ipc-test-q");
	int a = dgram("@ipc-test-q"), b = dgram(NULL), sent = 0;
	char buf[4096] = {0};
	CHECK("queue: connect", connect(b, (void *)&to, n) == 0);
	fcntl(b, F_SETFL, O_NONBLOCK);
	while (sent < 100000 && send(b, buf, 1000, 0) == 1000)
		sent++;
	int full = errno;
	CHECK("queue: full is EAGAIN", sent > 2 && sent < 100000 && full == EAGAIN);
	int left = 0;
	while (recv(a, buf, sizeof buf, MSG_DONTWAIT) == 1000)
		left++;
	CHECK("queue: nothing is lost", left == sent);
	struct timeval tv = {0, 50000};
	setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	FAILS("queue: SO_RCVTIMEO", recv(a, buf, 10, 0), EAGAIN);
	struct pollfd p = {a, POLLIN, 0};
	CHECK("queue: empty does not poll readable", poll(&p, 1, 0) == 0);
	send(b, "x", 1, 0);
	CHECK("queue: and then it does", poll(&p, 1, 1000) == 1 && p.revents == POLLIN);
	close(a);
	close(b);
}

static void dgram_control(void)
{
	struct sockaddr_un to;
	socklen_t n = address(&to, DIR_ "/cred");
	int a = dgram(DIR_ "/cred"), on = 1, status, fds[2];
	chmod(DIR_ "/cred", 0777);
	setsockopt(a, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
	pipe(fds);
	pid_t child = fork();
	if (child == 0) {
		setresgid(1000, 1000, 1000);
		setresuid(1000, 1000, 1000);
		int b = dgram(NULL);
		char c[CMSG_SPACE(sizeof(int))] = {0};
		struct iovec v = {"fd", 2};
		struct msghdr m = {.msg_name = &to, .msg_namelen = n, .msg_iov = &v, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof c};
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(h), &fds[1], sizeof(int));
		_exit(sendmsg(b, &m, 0) != 2);
	}
	char buf[16], c[256];
	struct iovec v = {buf, sizeof buf};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof c};
	struct ucred cred = {0};
	int got = -1;
	CHECK("control: received", recvmsg(a, &m, 0) == 2);
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
		if (h->cmsg_type == SCM_CREDENTIALS)
			memcpy(&cred, CMSG_DATA(h), sizeof cred);
		if (h->cmsg_type == SCM_RIGHTS)
			memcpy(&got, CMSG_DATA(h), sizeof got);
	}
	waitpid(child, &status, 0);
	CHECK("control: SO_PASSCRED tells the sender", status == 0 && cred.pid == child && cred.uid == 1000 && cred.gid == 1000);
	CHECK("control: and an fd comes with it", got >= 0 && write(got, "x", 1) == 1 && read(fds[0], buf, 1) == 1);
	chmod(DIR_ "/cred", 0700);
	child = fork();
	if (child == 0) {
		setresuid(1000, 1000, 1000);
		int b = dgram(NULL);
		_exit(sendto(b, "x", 1, 0, (void *)&to, n) < 0 && errno == EACCES ? 0 : 1);
	}
	waitpid(child, &status, 0);
	CHECK("control: the file's permissions hold", status == 0);
	close(a);
	unlink(DIR_ "/cred");
}

static void many(void)
{
	int ok = 0;
	for (int i = 0; i < 3000; i++) {
		int s = dgram(i % 2 ? NULL : "@ipc-test-many");
		ok += s >= 0;
		close(s);
	}
	CHECK("many sockets come and go", ok == 3000);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	mkdir(DIR_, 0755);
	dgram_names();
	dgram_connect();
	dgram_queue();
	dgram_control();
	many();
	return check_done();
}
