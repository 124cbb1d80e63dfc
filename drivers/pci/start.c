/* SPDX-License-Identifier: MIT */
#include "pci.h"

#include <native/call.h>
#include <native/init.h>
#include <native/start.h>
#include <native/time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A driver that served is started again at once. One that fails at its start waits, never so long that users take the device for dead. */
#define BACKOFF_MIN 25000000l
#define BACKOFF_MAX 800000000l
#define HEALTHY 1000000000l

static i32 device_handle(u32 index)
{
	struct weft_reply_fd h = {.kind = WEFT_REPLY_NEW, .fd = -1, .rights = WEFT_RIGHT_ALL, .handle = (u64)time_monotonic() / 1000 << 16 | (index + 1)};
	return (i32)weft_scheme_ctl((u64)server.fd, WEFT_SCHEME_NEW_HANDLE, PTR(&h), 0, 0);
}

static i32 derive(i32 from, u32 kind, u64 base, u64 len)
{
	struct weft_res r = {.kinds = kind, .base = base, .len = len};
	return (i32)weft_sys_ctl((u64)from, WEFT_SYS_RES_DERIVE, PTR(&r), 0, 0);
}

struct gift {
	char names[256];
	u32 names_len;
	i32 fds[WEFT_REQ_FDS];
	u32 n;
};

static void give(struct gift *g, const char *name, i32 fd)
{
	if (fd < 0 || g->n == WEFT_REQ_FDS)
		return;
	g->names_len += (u32)snprintf(g->names + g->names_len, sizeof(g->names) - g->names_len, "%s", name) + 1;
	g->fds[g->n++] = fd;
}

static i64 init_call(u16 op, const char *a, const char *b, u32 number, struct gift *g)
{
	struct weft_buf bufs[3] = {{PTR(a), (u32)strlen(a), WEFT_BUF_IN}, {PTR(b), b ? (u32)strlen(b) : 0, WEFT_BUF_IN},
		{PTR(g ? g->names : NULL), g ? g->names_len : 0, WEFT_BUF_IN}};
	struct weft_req r = {.op = op, .args = {number}, .nbufs = g ? 3 : 1, .bufs = PTR(bufs), .nfds = (u8)(g ? g->n : 0), .fds = PTR(g ? g->fds : NULL)};
	return weft_fd_call((u64)native_fd("open:init"), PTR(&r));
}

static void instance_name(const struct device *d, char *name, u64 size)
{
	snprintf(name, size, "%s.%02x:%02x.%x", d->info.driver, d->info.bus, d->info.dev, d->info.fn);
}

/* Among the devices with the same driver, in the order in which they were found. */
static u32 number_of(const struct device *d)
{
	u32 n = 0;
	for (const struct device *o = devices; o < d; o++)
		n += strcmp(o->info.driver, d->info.driver) == 0;
	return n;
}

static i64 start(struct device *d)
{
	struct gift g = {0};
	char name[64];
	give(&g, "pci", device_handle((u32)(d - devices)));
	for (u32 i = 0; i < 6; i++) {
		const struct pcip_bar *b = &d->info.bar[i];
		char bar[8];
		snprintf(bar, sizeof(bar), "bar%u", i);
		if (b->len && !(b->flags & PCIP_BAR_IO))
			give(&g, bar, derive(res_mem, WEFT_RES_MEM, b->addr, (b->len + 4095) & ~4095ull));
	}
	if (d->dma < 0)
		d->dma = derive(res_dma, WEFT_RES_DMA, 0, 0);
	give(&g, "dma", (i32)weft_fd_dup((u64)d->dma, 0, WEFT_DUP_PRIVATE | WEFT_DUP_CLOEXEC, WEFT_RIGHT_ALL));
	instance_name(d, name, sizeof(name));
	i64 e = init_call(INIT_START, d->info.driver, name, number_of(d), &g);
	for (u32 i = 0; i < g.n; i++)
		weft_fd_close((u64)g.fds[i]);
	return e;
}

/* A driver that a predecessor of this process started. 1: it runs, 0: it has ended; -ENOENT: there is none. */
static i64 adopt(struct device *d, const char *name)
{
	struct weft_buf bufs[2] = {{PTR(name), (u32)strlen(name), WEFT_BUF_IN}, {PTR("dma"), 3, WEFT_BUF_IN}};
	struct weft_req r = {.op = INIT_ADOPT, .flags = WEFT_REQ_PRIVATE | WEFT_REQ_CLOEXEC, .nbufs = 2, .bufs = PTR(bufs),
		.max_fds = 1, .fds_out = PTR(&d->dma)};
	i64 e = weft_fd_call((u64)native_fd("open:init"), PTR(&r));
	if (e < 0)
		d->dma = -1;
	return e;
}

/* One device's driver, for as long as the machine runs. */
static void keep(void *arg)
{
	struct device *d = arg;
	char name[64];
	i64 backoff = BACKOFF_MIN;
	instance_name(d, name, sizeof(name));
	i64 before = adopt(d, name);
	for (;; before = -ENOENT) {
		i64 began = time_monotonic();
		i64 e = before >= 0 ? 0 : start(d);
		if (e == -ENOENT || e == -ENOEXEC || e == -EPERM) {
			native_log("pci: %s cannot be started: error %d", name, (int)-e);
			return;
		}
		if (e >= 0)
			e = init_call(INIT_WAIT, name, NULL, 0, NULL);
		d->starts++;
		device_quiet(d);
		weft_sys_ctl((u64)res_dma, WEFT_SYS_RES_RESET, (u64)d->dma, 0, 0);
		native_log("pci: %s ended (%d), start %u", name, (int)e, d->starts);
		if (time_monotonic() - began > HEALTHY) {
			backoff = BACKOFF_MIN;
			continue;
		}
		weft_sleep(WEFT_CLOCK_MONOTONIC, (u64)(time_monotonic() + backoff));
		backoff = backoff * 2 < BACKOFF_MAX ? backoff * 2 : BACKOFF_MAX;
	}
}

/* VENDOR:DEVICE, or class CCSSPP, in hexadecimal. */
static bool matches(const struct device *d, const char *rule)
{
	char *end;
	unsigned long a = strtoul(rule, &end, 16);
	if (*end == ':')
		return a == d->info.vendor && strtoul(end + 1, NULL, 16) == d->info.device;
	return a == d->info.class;
}

/* Whether a device of the same base class has a driver of its own. */
static bool others_served(const struct device *d)
{
	for (u32 i = 0; i < ndevices; i++)
		if (devices[i].info.driver[0] && devices[i].info.class >> 16 == d->info.class >> 16)
			return true;
	return false;
}

static void choose(int argc, char **argv, bool last_resort)
{
	for (u32 i = 0; i < ndevices; i++) {
		struct device *d = &devices[i];
		for (int k = 1; k < argc && !d->info.driver[0]; k++) {
			const char *rule = argv[k] + (argv[k][0] == '?'), *name = strchr(rule, '=');
			if (name && (argv[k][0] == '?') == last_resort && matches(d, rule) && !(last_resort && others_served(d)))
				snprintf(d->info.driver, sizeof(d->info.driver), "%s", name + 1);
		}
	}
}

/* Arguments: rules RULE=MANIFEST, the first that matches; those with ? before them only where nothing of the device's base class has a driver. */
void drivers_start(int argc, char **argv)
{
	choose(argc, argv, false);
	choose(argc, argv, true);
	for (u32 i = 0; i < ndevices; i++) {
		struct device *d = &devices[i];
		if (d->info.driver[0] && nthread_create(&d->thread, keep, d, 0))
			native_log("pci: no thread for %s", d->info.driver);
	}
}
