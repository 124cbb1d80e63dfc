/* SPDX-License-Identifier: MIT */
#include "inputd.h"

#include <native/server.h>
#include <native/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define BATCH 64

struct fs tree;
struct input *inputs[MAX_INPUTS];
static struct server server; /* scheme inputdev */

static void on_driver(struct loop_source *s, u32 ready)
{
	struct input *in = s->ctx;
	for (;;) {
		struct inputp_event e[BATCH];
		struct weft_iov iov = {PTR(e), sizeof(e)};
		struct weft_msg m = {.iov = PTR(&iov), .niov = 1, .dest = -1};
		i64 n = weft_chan_recv((u64)in->channel, PTR(&m), WEFT_CHAN_NONBLOCK);
		if (n == -EAGAIN)
			break;
		if (n <= 0 || n % (i64)sizeof(e[0])) {
			input_driver_gone(in);
			return;
		}
		input_feed(in, e, (u32)(n / (i64)sizeof(e[0])));
	}
	if (ready & (WEFT_POLLHUP | WEFT_POLLERR))
		input_driver_gone(in);
}

static struct input *make(const struct inputp_device *d);

static struct input *find_or_make(const struct inputp_device *d)
{
	u32 i = 0;
	for (; i < MAX_INPUTS && inputs[i]; i++)
		if (inputs[i]->channel < 0 && strcmp(inputs[i]->d.phys, d->phys) == 0 && strcmp(inputs[i]->d.name, d->name) == 0)
			return inputs[i];
	struct input *in = i < MAX_INPUTS ? make(d) : NULL;
	if (in) {
		state_input(in);
		sysfs_add(in);
	}
	return in;
}

/* The next number's node. */
static struct input *make(const struct inputp_device *d)
{
	u32 i = 0;
	while (i < MAX_INPUTS && inputs[i])
		i++;
	struct input *in = i == MAX_INPUTS ? NULL : calloc(1, sizeof(*in));
	char name[16];
	if (!in)
		return NULL;
	snprintf(name, sizeof(name), "event%u", i);
	struct node *n = vfs_add(&tree, name, S_IFCHR | 0660, 13u << 8 | (64 + i), &event_ops);
	if (!n) {
		free(in);
		return NULL;
	}
	n->priv = in;
	n->gid = 104; /* as Debian's udev has it: group input; servers know numbers only */
	in->number = i;
	in->channel = -1;
	in->d = *d;
	in->repeat_delay = 250; /* Linux's defaults, ms */
	in->repeat_period = 33;
	fsl_init(&in->clients);
	inputs[i] = in;
	return in;
}

static i64 op_register(struct request *r)
{
	static struct inputp_device d;
	int e = request_in_all(r, 0, 0, &d, sizeof(d));
	if (e)
		return e;
	d.name[sizeof(d.name) - 1] = d.phys[sizeof(d.phys) - 1] = d.uniq[sizeof(d.uniq) - 1] = d.parent[sizeof(d.parent) - 1] = 0;
	if (!d.name[0] || strchr(d.name, '\n') || strstr(d.parent, ".."))
		return -EINVAL;
	struct input *in = find_or_make(&d);
	if (!in)
		return -ENOMEM;
	i32 fd = request_take_fd(r, 0);
	if (fd < 0)
		return fd;
	in->channel = fd;
	in->source = (struct loop_source){.fn = on_driver, .ctx = in, .fd = fd, .events = WEFT_POLLIN};
	e = loop_add(vfs_loop(&tree), &in->source);
	return e ? e : (i64)in->number;
}

static const struct server_op table[] = {{INPUTP_REGISTER, 1, 1, 0, op_register}, {0, 0, 0, 0, NULL}};
static const struct server_ops ops = {.table = table};

int main(void)
{
	int e = memfs_create(&tree, 9, 0x01021994);
	tree.reattach = memfs_reattach;
	if (!e) {
		state_load(make);
		e = vfs_init(&tree, "scheme:input");
	}
	if (!e) {
		vfs_take_back(&tree);
		state_sweep();
	}
	if (!e)
		e = server_init(&server, native_fd("scheme:inputdev"), &ops, NULL);
	if (!e)
		e = server_attach(&server, vfs_loop(&tree));
	if (!e)
		e = vfs_run(&tree);
	native_log("inputd: %s", strerror(-e));
	return 1;
}
