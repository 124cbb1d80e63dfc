/* SPDX-License-Identifier: MIT */
/* Open files of an event node: a ring of events each. When it is full everything is dropped for a SYN_DROPPED (input.rst, event-codes). */
#include "inputd.h"

#include <fcntl.h>
#include <native/server.h>
#include <native/time.h>
#include <stdlib.h>
#include <time.h>

struct reader {
	struct fs_list link;
	void *kept;
};

struct client *client_of(const struct fsreq *r)
{
	return r->h->priv;
}

static void put(struct client *c, u32 type, u32 code, i32 value, i64 ns);

/* Events were lost: the client is to ask for the state. */
static void client_dropped(struct client *c)
{
	i64 now = c->clock == CLOCK_REALTIME ? time_realtime() : time_monotonic();
	put(c, EV_SYN, SYN_DROPPED, 0, now);
	put(c, EV_SYN, SYN_REPORT, 0, now);
	c->packet = c->tail;
}

static i64 event_open(struct fsreq *r, struct handle *h)
{
	struct input *in = h->node->priv;
	struct client *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->in = in;
	c->h = h;
	c->clock = CLOCK_REALTIME;
	fsl_init(&c->readers);
	fsl_append(&in->clients, &c->link);
	h->priv = c;
	r->fd.ready = WEFT_POLLOUT;
	r->fd.flags |= WEFT_HANDLE_NO_OFFSET;
	if (state_restore(c)) {
		client_dropped(c);
		r->fd.ready = c->revoked ? WEFT_POLLHUP | WEFT_POLLERR : WEFT_POLLIN | WEFT_POLLOUT;
	}
	state_client(c);
	return 0;
}

static void event_close(struct handle *h)
{
	struct client *c = h->priv;
	if (!c)
		return;
	state_client_gone(c);
	if (c->in->grab == c)
		c->in->grab = NULL;
	fsl_for_each (w, &c->readers, struct reader, link) {
		fs_finish(w->kept, -ENODEV);
		free(w);
	}
	fsl_remove(&c->link);
	for (u32 i = 0; i < EV_CNT; i++)
		free(c->masks[i]);
	free(c);
	h->priv = NULL;
}

static void put(struct client *c, u32 type, u32 code, i32 value, i64 ns)
{
	struct input_event *e = &c->queue[c->tail++ % QUEUE];
	memset(e, 0, sizeof(*e));
	e->input_event_sec = ns / 1000000000;
	e->input_event_usec = ns % 1000000000 / 1000;
	e->type = (u16)type;
	e->code = (u16)code;
	e->value = value;
}

void client_event(struct client *c, u32 type, u32 code, i32 value, i64 realtime, i64 monotonic)
{
	i64 ns = c->clock == CLOCK_REALTIME ? realtime : monotonic;
	if (c->revoked)
		return;
	if (type != EV_SYN && c->masks[type] && !bit(c->masks[type], code))
		return;
	if (type == EV_SYN && code == SYN_REPORT && c->packet == c->tail)
		return; /* an empty packet */
	if (c->tail - c->head >= QUEUE - 1) {
		c->head = c->packet = c->tail;
		put(c, EV_SYN, SYN_DROPPED, 0, ns);
	}
	put(c, type, code, value, ns);
	if (type == EV_SYN && code == SYN_REPORT)
		c->packet = c->tail;
}

static i64 read_try(struct fsreq *r)
{
	struct client *c = client_of(r);
	struct input_event out[64];
	u32 n = 0, room = (u32)(r->sqe->args[1] / sizeof(out[0]));
	if (c->revoked)
		return -ENODEV;
	if (r->sqe->args[1] && !room)
		return -EINVAL;
	while (n < room && n < 64 && c->head + n != c->packet) {
		out[n] = c->queue[(c->head + n) % QUEUE];
		n++;
	}
	if (!n)
		return r->sqe->args[1] ? -EAGAIN : 0;
	i64 sent = fsreq_spread(r, 0, out, n * sizeof(out[0]));
	if (sent < 0)
		return sent;
	c->head += n;
	if (c->head == c->packet)
		vfs_ready(&tree, c->h, WEFT_POLLOUT, false);
	return sent;
}

void client_wake(struct client *c)
{
	while (c->head != c->packet && !fsl_empty(&c->readers)) {
		struct reader *w = fsl_entry(c->readers.next, struct reader, link);
		struct request *k = w->kept;
		struct fsreq r = {.fs = &tree, .rq = k, .sqe = k->sqe, .h = c->h};
		i64 n = read_try(&r);
		fsl_remove(&w->link);
		free(w);
		fs_finish(k, n);
	}
	if (c->head != c->packet)
		vfs_ready(&tree, c->h, WEFT_POLLIN | WEFT_POLLOUT, true);
}

static i64 event_read(struct fsreq *r)
{
	struct client *c = client_of(r);
	i64 n = read_try(r);
	if (n != -EAGAIN || (r->sqe->args[2] & WEFT_IO_NONBLOCK))
		return n;
	struct reader *w = malloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->kept = fs_keep(r);
	if (!w->kept) {
		free(w);
		return -ENOMEM;
	}
	fsl_append(&c->readers, &w->link);
	return 0;
}

static void cancel(struct fsreq *r, void *kept)
{
	struct client *c = r->h ? r->h->priv : NULL;
	if (!c)
		return;
	fsl_for_each (w, &c->readers, struct reader, link) {
		if (w->kept != kept)
			continue;
		fsl_remove(&w->link);
		free(w);
		fs_finish(kept, -EINTR);
		return;
	}
}

static i64 event_write(struct fsreq *r)
{
	struct client *c = client_of(r);
	struct input_event in[32];
	if (c->revoked)
		return -ENODEV;
	if (r->sqe->args[1] < sizeof(in[0]))
		return r->sqe->args[1] ? -EINVAL : 0;
	u64 n = r->sqe->args[1] / sizeof(in[0]);
	if (n > 32)
		n = 32;
	i64 got = fsreq_gather(r, in, n * sizeof(in[0]));
	for (i64 i = 0; got > 0 && i < got / (i64)sizeof(in[0]); i++) {
		struct inputp_event e = {in[i].type, in[i].code, in[i].value};
		input_inject(c->in, &e);
	}
	return got;
}

/* Events of one type go, and packets that are empty then: a client that asks for the state must not see older changes. */
void client_flush_type(struct client *c, u32 type)
{
	u32 to = c->head, start = c->head, kept = 0;
	for (u32 i = c->head; i != c->tail; i++) {
		struct input_event e = c->queue[i % QUEUE];
		bool report = e.type == EV_SYN && e.code == SYN_REPORT;
		if (e.type == type)
			continue;
		if (report && !kept) {
			to = start;
			continue;
		}
		c->queue[to++ % QUEUE] = e;
		kept++;
		if (report) {
			kept = 0;
			start = to;
		}
	}
	c->tail = to;
	c->packet = start;
}

const struct node_ops event_ops = {.open = event_open, .close = event_close, .read = event_read, .write = event_write, .ioctl = input_ioctl,
	.cancel = cancel};
