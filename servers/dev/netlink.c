/* SPDX-License-Identifier: MIT */
/*
 * The kobject-uevent netlink socket (netlink(7)) as a node: dev/.netlink-uevent. Each open handle is a socket. Bound to a
 * group it gets what DEVP_EVENT sends to it; a full queue loses messages, and tells by -ENOBUFS once.
 */
#include "dev.h"

#include <native/devproto.h>
#include <native/netlink.h>
#include <native/server.h>
#include <stdlib.h>
#include <sys/stat.h>

#define QUEUE 64
#define AF_NETLINK_NR 16
#define SOL_SOCKET_NR 1
#define MSG_PEEK_BIT 2u
#define MSG_DONTWAIT_BIT 0x40u
#define MSG_TRUNC_BIT 0x20u
enum { OPT_TYPE = 3, OPT_ERROR = 4, OPT_SNDBUF = 7, OPT_RCVBUF = 8, OPT_PASSCRED = 16, OPT_ATTACH_FILTER = 26, OPT_DETACH_FILTER = 27,
	OPT_SNDBUFFORCE = 32, OPT_RCVBUFFORCE = 33, OPT_PROTOCOL = 38, OPT_DOMAIN = 39 };

struct sockaddr_nl {
	u16 family, pad;
	u32 pid, groups;
};

struct message {
	struct message *next;
	u32 len, group;
	char data[];
};

struct nlsock {
	struct fs_list link;
	struct handle *h;
	u32 groups, port;
	int rcvbuf, passcred;
	struct message *first, **last;
	u32 queued;
	bool lost;
	void *reader; /* one kept receive */
};
static struct fs_list socks = {&socks, &socks};

static i64 nl_open(struct fsreq *r, struct handle *h)
{
	struct nlsock *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->h = h;
	s->rcvbuf = 212992;
	s->last = &s->first;
	h->priv = s;
	fsl_append(&socks, &s->link);
	r->fd.ready = WEFT_POLLOUT;
	r->fd.flags |= WEFT_HANDLE_NO_OFFSET;
	return 0;
}

static void nl_close(struct handle *h)
{
	struct nlsock *s = h->priv;
	if (!s)
		return;
	if (s->reader)
		fs_finish(s->reader, -EIO);
	while (s->first) {
		struct message *m = s->first;
		s->first = m->next;
		free(m);
	}
	fsl_remove(&s->link);
	free(s);
	h->priv = NULL;
}

static void drop_first(struct nlsock *s)
{
	struct message *m = s->first;
	s->first = m->next;
	if (!s->first)
		s->last = &s->first;
	s->queued--;
	free(m);
	if (!s->first)
		vfs_ready(s->h->node->fs, s->h, WEFT_POLLOUT, false);
}

/* Into the buffers from `from` on; NETP_RECV also tells the sender. */
static i64 receive(struct fsreq *r, struct nlsock *s, u32 from, u32 flags)
{
	struct request *rq = vfs_request(r);
	struct message *m = s->first;
	if (s->lost) {
		s->lost = false;
		return -ENOBUFS;
	}
	if (!m)
		return -EAGAIN;
	u64 room = 0;
	for (u32 i = from; i < r->sqe->nbufs; i++)
		room += r->sqe->len[i];
	i64 n = room ? request_out_spread(rq, from, 0, m->data, m->len < room ? m->len : room) : 0;
	if (n < 0)
		return n;
	if (from) {
		struct sockaddr_nl a = {AF_NETLINK_NR, 0, 0, m->group};
		u32 len = r->sqe->len[1] < sizeof(a) ? r->sqe->len[1] : sizeof(a);
		i64 e = len ? fsreq_out(r, 1, 0, &a, len) : 0;
		if (e)
			return e;
		rq->out[0] = r->out[0] = sizeof(a);
		rq->out[1] = r->out[1] = m->len > room ? MSG_TRUNC_BIT : 0;
		rq->has_out = true;
	}
	i64 result = flags & MSG_TRUNC_BIT ? (i64)m->len : n;
	if (!(flags & MSG_PEEK_BIT))
		drop_first(s);
	return result;
}

static i64 receive_or_wait(struct fsreq *r, u32 from, u32 flags, bool nonblock)
{
	struct nlsock *s = r->h->priv;
	i64 n = receive(r, s, from, flags);
	if (n != -EAGAIN || nonblock)
		return n;
	if (s->reader)
		return -EBUSY;
	s->reader = fs_keep(r);
	return s->reader ? 0 : -ENOMEM;
}

static i64 nl_read(struct fsreq *r)
{
	return receive_or_wait(r, 0, 0, r->sqe->args[2] & WEFT_IO_NONBLOCK);
}

static void nl_cancel(struct fsreq *r, void *kept)
{
	struct nlsock *s = r->h ? r->h->priv : NULL;
	if (s && s->reader == kept) {
		s->reader = NULL;
		fs_finish(kept, -EINTR);
	}
}

void netlink_broadcast(u32 group, const char *data, u32 len)
{
	fsl_for_each (s, &socks, struct nlsock, link) {
		if (!(s->groups & group))
			continue;
		struct message *m = s->queued < QUEUE ? malloc(sizeof(*m) + len) : NULL;
		if (!m) {
			s->lost = true;
			continue;
		}
		*m = (struct message){.len = len, .group = group};
		memcpy(m->data, data, len);
		*s->last = m;
		s->last = &m->next;
		s->queued++;
		if (s->reader) {
			struct request *k = s->reader;
			struct fsreq r = {.fs = s->h->node->fs, .rq = k, .sqe = k->sqe, .h = s->h};
			s->reader = NULL;
			fs_finish(k, receive(&r, s, k->sqe->op == NETP_RECV ? 2 : 0, k->sqe->op == NETP_RECV ? (u32)k->sqe->args[0] : 0));
		}
		if (s->first)
			vfs_ready(s->h->node->fs, s->h, WEFT_POLLIN | WEFT_POLLOUT, true);
	}
}

static i64 name(struct fsreq *r, bool peer)
{
	struct nlsock *s = r->h->priv;
	struct sockaddr_nl a = {AF_NETLINK_NR, 0, peer ? 0 : s->port, peer ? 0 : s->groups};
	u32 len = r->sqe->nbufs > 1 && r->sqe->len[1] < sizeof(a) ? r->sqe->len[1] : sizeof(a);
	r->out[0] = sizeof(a);
	return fsreq_out(r, 1, 0, &a, len);
}

static i64 nl_bind(struct fsreq *r)
{
	struct nlsock *s = r->h->priv;
	struct sockaddr_nl a;
	i64 e = r->sqe->len[0] < sizeof(a) ? -EINVAL : fsreq_in(r, 0, 0, &a, sizeof(a));
	if (e)
		return e;
	if (a.family != AF_NETLINK_NR)
		return -EINVAL;
	s->groups = a.groups;
	if (!s->port)
		s->port = a.pid ? a.pid : r->sqe->pid;
	return 0;
}

static i64 option(struct fsreq *r, bool set)
{
	struct nlsock *s = r->h->priv;
	u32 nr = (u32)r->sqe->args[1];
	int v = 0, *at;
	if (r->sqe->args[0] != SOL_SOCKET_NR)
		return -ENOPROTOOPT;
	switch (nr) {
	case OPT_RCVBUF:
	case OPT_RCVBUFFORCE:
	case OPT_SNDBUF:
	case OPT_SNDBUFFORCE: at = &s->rcvbuf; break;
	case OPT_PASSCRED: at = &s->passcred; break;
	case OPT_TYPE: v = 3; at = set ? NULL : &v; break;
	case OPT_PROTOCOL: v = 15; at = set ? NULL : &v; break;
	case OPT_DOMAIN: v = AF_NETLINK_NR; at = set ? NULL : &v; break;
	case OPT_ERROR: at = set ? NULL : &v; break;
	/* A filter only keeps a program from waking for what it then skips itself. */
	case OPT_ATTACH_FILTER:
	case OPT_DETACH_FILTER: return set ? 0 : -ENOPROTOOPT;
	default: return -ENOPROTOOPT;
	}
	if (!at)
		return -ENOPROTOOPT;
	if (set) {
		i64 e = r->sqe->len[0] < sizeof(v) ? -EINVAL : fsreq_in(r, 0, 0, &v, sizeof(v));
		if (!e)
			*at = nr == OPT_PASSCRED ? !!v : 2 * v;
		return e;
	}
	u32 len = r->sqe->len[1] < sizeof(v) ? r->sqe->len[1] : sizeof(v);
	r->out[0] = len;
	return fsreq_out(r, 1, 0, at, len);
}

static i64 nl_other(struct fsreq *r)
{
	switch (r->sqe->op) {
	case NETP_BIND: return nl_bind(r);
	case NETP_CONNECT: return 0;
	case NETP_SOCKNAME: return name(r, false);
	case NETP_PEERNAME: return name(r, true);
	case NETP_RECV: return receive_or_wait(r, 2, (u32)r->sqe->args[0], (r->sqe->args[0] & MSG_DONTWAIT_BIT) || (r->sqe->flags & WEFT_SQE_NONBLOCK));
	case NETP_SEND: return -EPERM; /* only drivers speak, through DEVP_EVENT */
	case NETP_GETSOCKOPT: return option(r, false);
	case NETP_SETSOCKOPT: return option(r, true);
	}
	return -EOPNOTSUPP;
}

static const struct node_ops netlink_ops = {.open = nl_open, .close = nl_close, .read = nl_read, .other = nl_other, .cancel = nl_cancel};

int netlink_node(struct fs *fs)
{
	return vfs_add(fs, "dev/.netlink-uevent", S_IFSOCK | 0666, 0, &netlink_ops) ? 0 : -ENOMEM;
}
