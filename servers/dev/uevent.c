/* SPDX-License-Identifier: MIT */
/* Subscribers of uevents. A subscriber that does not read loses messages, as a full netlink socket would. */
#include "dev.h"

#include <native/call.h>
#include <native/devproto.h>
#include <stdlib.h>

#define MAX_SUBSCRIBERS 256
#define MAX_EVENT 8192

static struct {
	i32 fd;
	u32 groups;
} subscribers[MAX_SUBSCRIBERS];
static u32 nsubscribers;

static bool post(i32 fd, const void *data, u64 len)
{
	struct weft_iov iov = {PTR(data), len};
	struct weft_msg m = {.iov = PTR(&iov), .niov = 1, .dest = -1};
	i64 e = weft_chan_send((u64)fd, PTR(&m), WEFT_CHAN_NONBLOCK);
	return e >= 0 || e == -EAGAIN;
}

i64 uevent_send(struct fsreq *r)
{
	static char event[MAX_EVENT];
	u32 len = r->sqe->nbufs ? r->sqe->len[0] : 0;
	if (!cred_capable(r->cred, CAP_SYS_ADMIN))
		return -EPERM;
	if (!len || len > sizeof(event))
		return -EINVAL;
	int e = fsreq_in(r, 0, 0, event, len);
	if (e)
		return e;
	netlink_broadcast((u32)r->sqe->args[0], event, len);
	for (u32 i = 0; i < nsubscribers;) {
		bool wants = subscribers[i].groups & (u32)r->sqe->args[0];
		if (wants && !post(subscribers[i].fd, event, len)) { /* its reader is gone */
			fs_close_fd(subscribers[i].fd);
			subscribers[i] = subscribers[--nsubscribers];
			continue;
		}
		i++;
	}
	return 0;
}

/* Those whose reader has gone make room. */
static void prune(void)
{
	for (u32 i = 0; i < nsubscribers;) {
		i64 ready = weft_fd_ctl((u64)subscribers[i].fd, WEFT_FD_READY, 0, 0);
		if (ready < 0 || (ready & WEFT_POLLHUP)) {
			fs_close_fd(subscribers[i].fd);
			subscribers[i] = subscribers[--nsubscribers];
		} else {
			i++;
		}
	}
}

i64 uevent_subscribe(struct fsreq *r)
{
	u32 groups = (u32)r->sqe->args[0];
	if (!groups || groups & ~3u)
		return -EINVAL;
	prune();
	if (nsubscribers == MAX_SUBSCRIBERS)
		return -ENOBUFS;
	i32 fd = fs_take_fd(r);
	if (fd < 0)
		return fd;
	subscribers[nsubscribers].fd = fd;
	subscribers[nsubscribers++].groups = groups;
	return 0;
}
