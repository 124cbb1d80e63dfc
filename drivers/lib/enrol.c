/* SPDX-License-Identifier: MIT */
#include <driver/enrol.h>
#include <native/call.h>
#include <native/start.h>

#include <stdlib.h>

int driver_enrol(const char *fd_name, u16 op, const void *what, u32 len, i32 *channel)
{
	i32 fds[2];
	i64 e = weft_obj_create(WEFT_OBJ_CHANNEL, WEFT_CHAN_SEQPACKET, 0,
		WEFT_DUP_PRIVATE | WEFT_DUP_CLOEXEC, PTR(fds));

	if (e < 0)
		return (int)e;
	struct weft_buf buf = {PTR(what), len, WEFT_BUF_IN};
	struct weft_req r = {.op = op, .flags = WEFT_REQ_IDEMPOTENT, .nbufs = 1, .bufs = PTR(&buf),
		.nfds = 1, .fds = PTR(&fds[1])};

	e = weft_fd_call((u64)native_fd(fd_name), PTR(&r));
	weft_fd_close((u64)fds[1]);
	if (e < 0) {
		weft_fd_close((u64)fds[0]);
		return (int)e;
	}
	*channel = fds[0];
	return 0;
}

static int enrol(struct input_link *l)
{
	int e = driver_enrol("open:inputdev", INPUTP_REGISTER, &l->d, sizeof(l->d), &l->channel);

	l->source.fd = l->channel;
	return e ? e : loop_add(l->loop, &l->source);
}

static void on_inputd(struct loop_source *s, u32 ready)
{
	struct input_link *l = s->ctx;
	struct inputp_event e;
	struct weft_iov iov = {PTR(&e), sizeof(e)};
	struct weft_msg m = {.iov = PTR(&iov), .niov = 1, .dest = -1};
	i64 n = weft_chan_recv((u64)l->channel, PTR(&m), WEFT_CHAN_NONBLOCK);

	if (n == sizeof(e)) {
		if (l->on_event)
			l->on_event(l, &e);
		return;
	}
	if (n == -EAGAIN && !(ready & WEFT_POLLHUP))
		return;
	loop_remove(l->loop, &l->source);
	weft_fd_close((u64)l->channel);
	l->channel = -1;
	int err = enrol(l);

	if (err) {
		native_log("%s: inputd does not come back: error %d", l->d.name, -err);
		exit(1);
	}
}

int input_link_open(struct input_link *l, struct loop *loop)
{
	l->loop = loop;
	l->channel = -1;
	l->source = (struct loop_source){.fn = on_inputd, .ctx = l, .events = WEFT_POLLIN};
	return enrol(l);
}

void input_link_send(struct input_link *l, const struct inputp_event *e, u32 n)
{
	struct weft_iov iov = {PTR(e), n * sizeof(*e)};
	struct weft_msg m = {.iov = PTR(&iov), .niov = 1, .dest = -1};

	if (n && l->channel >= 0)
		weft_chan_send((u64)l->channel, PTR(&m), WEFT_CHAN_NONBLOCK);
}
