/* SPDX-License-Identifier: MIT */
/* TCP and UDP over the loopback: names, peers, what is heard and what is not. Passes on Linux too. */
#define _GNU_SOURCE
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

static struct sockaddr_in at(const char *host, int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
	inet_pton(AF_INET, host, &a.sin_addr);
	return a;
}

static struct sockaddr_in name_of(int s, int peer)
{
	struct sockaddr_in a = {0};
	socklen_t n = sizeof a;
	errno = 0;
	if ((peer ? getpeername : getsockname)(s, (void *)&a, &n) < 0)
		a.sin_family = 0;
	return a;
}

static int udp(const char *host)
{
	struct sockaddr_in a = at(host ? host : "0.0.0.0", 0);
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return host && bind(s, (void *)&a, sizeof a) ? -1 : s;
}

static int readable(int s)
{
	struct pollfd p = {s, POLLIN, 0};
	return poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
}

static void udp_names(void)
{
	struct sockaddr_in from = {0}, a_name, c_name;
	socklen_t n = sizeof from;
	int a = udp("127.0.0.1"), b = udp("127.0.0.1"), c = udp(NULL), v = 0;
	char buf[64];
	CHECK("udp: sockets", a >= 0 && b >= 0 && c >= 0);
	CHECK("udp: SO_TYPE", getsockopt(a, SOL_SOCKET, SO_TYPE, &v, &(socklen_t){sizeof v}) == 0 && v == SOCK_DGRAM);
	CHECK("udp: SO_PROTOCOL", getsockopt(a, SOL_SOCKET, SO_PROTOCOL, &v, &(socklen_t){sizeof v}) == 0 && v == IPPROTO_UDP);
	a_name = name_of(a, 0);
	CHECK("udp: a port of the system's choice", a_name.sin_family == AF_INET && a_name.sin_port && ntohl(a_name.sin_addr.s_addr) == INADDR_LOOPBACK);
	FAILS("udp: a port that is taken", bind(c, (void *)&a_name, sizeof a_name), EADDRINUSE);
	FAILS("udp: bound already", bind(a, (void *)&a_name, sizeof a_name), EINVAL);
	c_name = name_of(c, 0);
	CHECK("udp: no name yet", c_name.sin_family == AF_INET && !c_name.sin_port && !c_name.sin_addr.s_addr);
	FAILS("udp: no peer", name_of(c, 1).sin_family ? 0 : -1, ENOTCONN);
	FAILS("udp: send without a peer", send(c, "x", 1, 0), EDESTADDRREQ);
	CHECK("udp: sendto", sendto(c, "one", 3, 0, (void *)&a_name, sizeof a_name) == 3);
	c_name = name_of(c, 0);
	CHECK("udp: sending gives a port", c_name.sin_port && !c_name.sin_addr.s_addr);
	CHECK("udp: heard, with its sender", recvfrom(a, buf, sizeof buf, 0, (void *)&from, &n) == 3 && n == sizeof from && from.sin_family == AF_INET &&
		from.sin_port == c_name.sin_port && ntohl(from.sin_addr.s_addr) == INADDR_LOOPBACK);
	CHECK("udp: an answer", sendto(a, "back", 4, 0, (void *)&from, n) == 4 && recv(c, buf, sizeof buf, 0) == 4);
	CHECK("udp: an empty datagram", sendto(a, "", 0, 0, (void *)&from, n) == 0 && recv(c, buf, sizeof buf, 0) == 0);
	CHECK("udp: cut off", sendto(a, "12345", 5, 0, (void *)&from, n) == 5 && recv(c, buf, 2, MSG_TRUNC) == 5 && !readable(c));
	struct sockaddr_in nobody = name_of(b, 0);
	close(b);
	CHECK("udp: to nobody", sendto(c, "x", 1, 0, (void *)&nobody, sizeof nobody) == 1);
	FAILS("udp: nothing to accept", listen(a, 1), EOPNOTSUPP);
	close(a);
	close(c);
}

static void udp_connect(void)
{
	struct sockaddr_in none = {.sin_family = AF_UNSPEC}, name;
	int a = udp("127.0.0.1"), b = udp(NULL), c = udp("127.0.0.1");
	char buf[16];
	name = name_of(a, 0);
	CHECK("udp: connect", connect(b, (void *)&name, sizeof name) == 0 && name_of(b, 1).sin_port == name.sin_port);
	CHECK("udp: connecting gives an address", name_of(b, 0).sin_port && ntohl(name_of(b, 0).sin_addr.s_addr) == INADDR_LOOPBACK);
	CHECK("udp: send", send(b, "one", 3, 0) == 3 && recv(a, buf, sizeof buf, 0) == 3);
	name = name_of(b, 0);
	CHECK("udp: a stranger is not heard", sendto(c, "x", 1, 0, (void *)&name, sizeof name) == 1 && !readable(b));
	CHECK("udp: the peer is", sendto(a, "yes", 3, 0, (void *)&name, sizeof name) == 3 && recv(b, buf, sizeof buf, 0) == 3);
	CHECK("udp: connected no longer", connect(b, (void *)&none, sizeof none) == 0 && !name_of(b, 1).sin_family && errno == ENOTCONN);
	close(a);
	close(b);
	close(c);
}

static void udp_six(void)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT}, from;
	socklen_t n = sizeof a;
	char buf[16];
	int s = socket(AF_INET6, SOCK_DGRAM, 0), c = socket(AF_INET6, SOCK_DGRAM, 0);
	CHECK("udp6: bound", bind(s, (void *)&a, sizeof a) == 0 && getsockname(s, (void *)&a, &n) == 0 && n == sizeof a && a.sin6_port);
	n = sizeof from;
	CHECK("udp6: heard, with its sender", sendto(c, "six", 3, 0, (void *)&a, sizeof a) == 3 &&
		recvfrom(s, buf, sizeof buf, 0, (void *)&from, &n) == 3 && n == sizeof from && IN6_IS_ADDR_LOOPBACK(&from.sin6_addr) && from.sin6_port);
	close(s);
	close(c);
}

static void tcp_names(void)
{
	struct sockaddr_in any = at("127.0.0.1", 0), name, own;
	int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0), d = socket(AF_INET, SOCK_STREAM, 0), s;
	FAILS("tcp: a new socket has no peer", name_of(c, 1).sin_family ? 0 : -1, ENOTCONN);
	CHECK("tcp: bind", bind(l, (void *)&any, sizeof any) == 0);
	FAILS("tcp: nor has a bound one", name_of(l, 1).sin_family ? 0 : -1, ENOTCONN);
	listen(l, 4);
	FAILS("tcp: nor a listening one", name_of(l, 1).sin_family ? 0 : -1, ENOTCONN);
	name = name_of(l, 0);
	CHECK("tcp: connect", connect(c, (void *)&name, sizeof name) == 0 && name_of(c, 1).sin_port == name.sin_port);
	s = accept(l, NULL, NULL);
	CHECK("tcp: both ends call each other the same", s >= 0 && name_of(s, 1).sin_port == name_of(c, 0).sin_port && name_of(c, 0).sin_port &&
		name_of(s, 0).sin_port == name.sin_port);
	close(s);
	int bound = bind(d, (void *)&any, sizeof any);
	own = name_of(d, 0);
	CHECK("tcp: a bound socket connects with its own port", bound == 0 && own.sin_port && connect(d, (void *)&name, sizeof name) == 0 &&
		name_of(d, 0).sin_port == own.sin_port);
	s = accept(l, NULL, NULL);
	CHECK("tcp: and is told by it", s >= 0 && name_of(s, 1).sin_port == own.sin_port);
	close(s);
	close(d);
	close(c);
	close(l);
}

/* More at once than the listener has room for: none is refused, and what each sends arrives. */
static void tcp_crowd(void)
{
	struct sockaddr_in any = at("127.0.0.1", 0), name;
	int l = socket(AF_INET, SOCK_STREAM, 0), begun = 0, said = 0, status = 1;
	struct pollfd c[12];
	CHECK("tcp: a listener with little room", bind(l, (void *)&any, sizeof any) == 0 && listen(l, 2) == 0);
	name = name_of(l, 0);
	for (int i = 0; i < 12; i++) {
		c[i] = (struct pollfd){socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), POLLOUT, 0};
		begun += connect(c[i].fd, (void *)&name, sizeof name) < 0 && errno == EINPROGRESS;
	}
	CHECK("tcp: twelve connect at once", begun == 12);
	pid_t pid = fork();
	if (pid == 0) {
		int heard = 0;
		for (int i = 0; i < 12; i++) {
			char byte = 0;
			int s = accept(l, NULL, NULL);
			heard += recv(s, &byte, 1, 0) == 1 && byte == 'x';
			close(s);
		}
		_exit(heard == 12 ? 0 : 1);
	}
	for (int tries = 0; tries < 200 && said < 12; tries++) {
		poll(c, 12, 200);
		for (int i = 0; i < 12; i++)
			if (c[i].fd >= 0 && c[i].revents == POLLOUT && name_of(c[i].fd, 1).sin_family && send(c[i].fd, "x", 1, 0) == 1) {
				said++;
				c[i].events = 0;
				c[i].fd = ~c[i].fd;
			}
	}
	CHECK("tcp: all are connected", said == 12);
	waitpid(pid, &status, 0);
	CHECK("tcp: and heard", status == 0);
	for (int i = 0; i < 12; i++)
		close(c[i].fd < 0 ? ~c[i].fd : c[i].fd);
	close(l);
}

int main(void)
{
	udp_names();
	udp_connect();
	udp_six();
	tcp_names();
	tcp_crowd();
	return check_done();
}
