/* SPDX-License-Identifier: MIT */
#include "pci.h"

#include <native/call.h>
#include <native/init.h>
#include <native/start.h>
#include <string.h>

struct server server;

/* Handle 0 is the root; device i has handles whose low bits are i + 1. A driver's handle may outlive it, so the next one's differs. */
static struct device *device_of(struct request *r)
{
	u64 h = r->sqe->handle & HANDLE_DEVICE;
	return h >= 1 && h <= ndevices ? &devices[h - 1] : NULL;
}

static i64 op_info(struct request *r)
{
	struct device *d = device_of(r);
	return d ? request_out_all(r, 0, 0, &d->info, sizeof(d->info)) : -EINVAL;
}

static i64 op_list(struct request *r)
{
	u64 room = r->sqe->len[0] / sizeof(struct pcip_info);
	for (u32 i = 0; i < ndevices && i < room; i++) {
		int e = request_out_all(r, 0, i * sizeof(struct pcip_info), &devices[i].info, sizeof(struct pcip_info));
		if (e)
			return e;
	}
	return ndevices;
}

static bool bad_access(u64 offset, u64 width)
{
	return (width != 1 && width != 2 && width != 4) || offset % width || offset + width > 4096;
}

static i64 op_read(struct request *r)
{
	struct device *d = device_of(r);
	u64 *a = r->sqe->args;
	if (!d || bad_access(a[0], a[1]))
		return -EINVAL;
	lock_take(&config_lock);
	u32 v = config_read(d, (u32)a[0], (u32)a[1]);
	lock_drop(&config_lock);
	return v;
}

static i64 op_write(struct request *r)
{
	struct device *d = device_of(r);
	u64 *a = r->sqe->args;
	if (!d || bad_access(a[0], a[1]))
		return -EINVAL;
	if (!config_writable(d, (u32)a[0], (u32)a[1]))
		return -EPERM;
	lock_take(&config_lock);
	config_write(d, (u32)a[0], (u32)a[1], (u32)a[2]);
	lock_drop(&config_lock);
	return 0;
}

static i64 op_enable(struct request *r)
{
	struct device *d = device_of(r);
	if (!d || r->sqe->args[0] & ~7ull)
		return -EINVAL;
	lock_take(&config_lock);
	config_write(d, 4, 2, (config_read(d, 4, 2) & ~7u) | (u32)r->sqe->args[0]);
	lock_drop(&config_lock);
	return 0;
}

static i64 op_vector(struct request *r)
{
	struct device *d = device_of(r);
	u64 kind = 0;
	if (!d)
		return -EINVAL;
	lock_take(&config_lock);
	i32 fd = vector_get(d, (u32)r->sqe->args[0], &kind);
	int e = fd < 0 ? fd : request_give_fd(r, fd, WEFT_RIGHT_ALL, 0);
	lock_drop(&config_lock);
	r->out[0] = kind;
	r->has_out = true;
	return e;
}

static const struct server_op table[] = {
	{PCIP_INFO, 1, 0, 0, op_info},
	{PCIP_LIST, 1, 0, 0, op_list},
	{PCIP_READ, 0, 0, 0, op_read},
	{PCIP_WRITE, 0, 0, 0, op_write},
	{PCIP_ENABLE, 0, 0, 0, op_enable},
	{PCIP_VECTOR, 0, 0, 0, op_vector},
	{0, 0, 0, 0, NULL},
};
/* Drivers' handles are their devices', whoever serves them. */
static int reattach(struct server *s, u64 handle, u64 cookie, u64 status)
{
	(void)s;
	(void)cookie;
	(void)status;
	return (handle & HANDLE_DEVICE) <= ndevices ? 0 : -EIO;
}

static const struct server_ops ops = {.table = table, .reattach = reattach};

int serve_run(void)
{
	int e = server_init(&server, native_fd("scheme:pci"), &ops, NULL);
	if (e)
		return e;
	return 0;
}
