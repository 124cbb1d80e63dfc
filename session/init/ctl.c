/* SPDX-License-Identifier: MIT */
/* The scheme init: the list of services, control, images, drivers' instances, mounts. Handle 0 is anybody's; a service's own is its id. */
#include "init.h"

#include <native/systext.h>
#include <posix/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOUNTS_MAX 24
#define INSTANCE_FDS 32

static struct server server;
static struct posix_mount mounts[MOUNTS_MAX];
static u32 nmounts;

static bool is_root(const struct request *r)
{
	struct weft_identity id;
	return weft_ident_ctl(-1, WEFT_IDENT_GET, r->sqe->identity, PTR(&id)) >= 0 && id.euid == 0;
}

/* The service that a handle was made for; handles are numbered by the address, which lives as long as init. */
static struct service *caller(const struct request *r)
{
	for (struct service *s = services; s; s = s->next) {
		if (PTR(s) == r->sqe->handle)
			return s;
	}
	return NULL;
}

static void describe(const struct service *s, struct init_service *out)
{
	memset(out, 0, sizeof *out);
	strncpy(out->name, s->m.name, sizeof out->name - 1);
	strncpy(out->program, s->m.argv.word[0], sizeof out->program - 1);
	out->state = s->state;
	out->pid = s->process.pid;
	out->restarts = s->restarts;
	out->status = s->status;
	out->since_ns = (u64)s->since;
	out->rank = s->m.rank;
	out->flags = (s->m.essential ? INIT_SERVICE_ESSENTIAL : 0) | (s->m.type == SERVICE_DRIVER ? INIT_SERVICE_DRIVER : 0);
}

static i64 handle_list(struct request *r)
{
	u32 n = 0;
	for (struct service *s = services; s; s = s->next, n++) {
		struct init_service one;
		if ((n + 1) * sizeof one > r->sqe->len[0])
			continue;
		describe(s, &one);
		int e = request_out_all(r, 0, n * sizeof one, &one, sizeof one);
		if (e < 0)
			return e;
	}
	return n;
}

static i64 handle_control(struct request *r)
{
	char name[MANIFEST_NAME];
	i64 e = request_string(r, 0, name, sizeof name);
	if (e < 0)
		return e;
	if (!is_root(r))
		return -EPERM;
	struct service *s = service_find(name);
	if (!s)
		return -ENOENT;
	switch (r->sqe->args[0]) {
	case INIT_DO_START:
		service_want(s);
		break;
	case INIT_DO_STOP:
		service_stop(s, false);
		break;
	case INIT_DO_RESTART:
		service_stop(s, true);
		break;
	case INIT_DO_KILL:
		service_kill(s);
		break;
	default:
		return -EINVAL;
	}
	services_schedule();
	return 0;
}

static i64 handle_image(struct request *r)
{
	char path[256];
	u64 size;
	i64 e = request_string(r, 0, path, sizeof path);
	if (e < 0)
		return e;
	i32 fd = archive_image(path, &size);
	if (fd < 0)
		return fd;
	e = request_give_fd(r, fd, WEFT_RIGHT_READ | WEFT_RIGHT_EXEC | WEFT_RIGHT_MAP | WEFT_RIGHT_DUP, 0);
	if (e < 0)
		return e;
	r->out[0] = size;
	r->has_out = true;
	return 0;
}

static void drop_extra(struct service *s)
{
	for (u32 i = 0; i < s->nextra; i++) {
		weft_fd_close(s->extra[i].fd);
		free((void *)s->extra[i].name);
	}
	free(s->extra);
	s->extra = NULL;
	s->nextra = 0;
}

/* Names, each ended by NUL, for the fds that came; takes the fds over. */
static int take_extra(struct request *r, struct service *s, const char *names, u32 len)
{
	u32 at = 0;
	s->extra = calloc(r->sqe->nfds + 1u, sizeof *s->extra);
	if (!s->extra)
		return -ENOMEM;
	for (u32 i = 0; i < r->sqe->nfds; i++) {
		size_t n = strnlen(names + at, len - at);
		if (at + n >= len || n == 0 || n >= NATIVE_FD_NAME)
			return -EINVAL;
		char *name = strdup(names + at);
		if (!name)
			return -ENOMEM;
		s->extra[s->nextra++] = (struct spawn_fd){.name = name, .fd = request_take_fd(r, i), .to = -1};
		at += (u32)n + 1;
	}
	return 0;
}

static i64 handle_start(struct request *r)
{
	char driver[MANIFEST_NAME], name[MANIFEST_NAME], names[1024];
	struct service *who = caller(r);
	i64 e = request_string(r, 0, driver, sizeof driver);
	if (e >= 0)
		e = request_string(r, 1, name, sizeof name);
	if (e < 0)
		return e;
	u32 len = r->sqe->len[2];
	if (len > sizeof names || name[0] == 0)
		return -EINVAL;
	e = len ? request_in_all(r, 2, 0, names, len) : 0;
	if (e < 0)
		return e;
	if (!who || !who->m.may_start_drivers)
		return -EPERM;
	struct service *d = service_find(driver), *s = service_find(name);
	if (!d || d->m.type != SERVICE_DRIVER || d->instance)
		return -ENOENT;
	if (!s)
		s = service_instance(d, name);
	if (!s)
		return -ENOMEM;
	if (!s->instance || s->process.pid)
		return -EBUSY;
	drop_extra(s);
	e = take_extra(r, s, names, len);
	s->number = (u32)r->sqe->args[0];
	if (s->number == 0)
		service_take_endpoints(s, d);
	if (e == 0)
		e = service_create_endpoints(s, s->number);
	if (e < 0) {
		drop_extra(s);
		return e;
	}
	s->starter = who;
	if (s->state != INIT_DOWN)
		s->restarts++;
	service_changed(s, INIT_WAITING);
	services_schedule();
	return s->state == INIT_FAILED ? -ENOEXEC : s->process.pid;
}

static i64 handle_adopt(struct request *r)
{
	char name[MANIFEST_NAME], what[NATIVE_FD_NAME];
	i64 e = request_string(r, 0, name, sizeof name);
	if (e >= 0)
		e = request_string(r, 1, what, sizeof what);
	if (e < 0)
		return e;
	struct service *s = service_find(name);
	if (!s || !s->instance)
		return -ENOENT;
	if (s->starter != caller(r))
		return -EPERM;
	for (u32 i = 0; i < s->nextra; i++) {
		if (strcmp(s->extra[i].name, what) != 0)
			continue;
		e = request_give_fd(r, s->extra[i].fd, WEFT_RIGHT_ALL, 0);
		return e < 0 ? e : s->process.pid != 0;
	}
	return -ENOENT;
}

static i64 handle_wait(struct request *r)
{
	char name[MANIFEST_NAME];
	i64 e = request_string(r, 0, name, sizeof name);
	if (e < 0)
		return e;
	struct service *s = service_find(name);
	if (!s || !s->instance)
		return -ENOENT;
	if (s->starter != caller(r))
		return -EPERM;
	if (s->state == INIT_DONE || s->state == INIT_FAILED || s->state == INIT_DOWN)
		return s->status;
	if (s->waiter)
		return -EBUSY;
	s->waiter = request_keep(r);
	if (!s->waiter)
		return -ENOMEM;
	s->waiter->data = s;
	return SERVER_LATER;
}

void ctl_instance_ended(struct service *s)
{
	struct request *w = s->waiter;
	s->waiter = NULL;
	/* Its fds stay until the next start: its starter may have died, and its successor needs them to quiet the device. */
	if (w)
		request_reply(w, s->status);
}

static void handle_cancel(struct request *r)
{
	struct service *s = r->data;
	s->waiter = NULL;
	request_reply(r, -EINTR);
}

static i64 handle_power(struct request *r)
{
	if (!is_root(r))
		return -EPERM;
	services_shutdown(r->sqe->args[0], r->sqe->args[1]);
	return 0;
}

/* From the service that mounts file systems: the whole table anew. Buffer 0: struct init_mount[]; fds: at, root of each. */
static i64 handle_mounts(struct request *r)
{
	struct service *who = caller(r);
	struct posix_mount m;
	u32 n = r->sqe->nfds / 2;
	if (!who || !who->m.may_mount)
		return -EPERM;
	if (r->sqe->len[0] != n * sizeof m || r->sqe->nfds % 2 || nmounts + n > MOUNTS_MAX)
		return -EINVAL;
	struct posix_mount more[WEFT_REQ_FDS / 2];
	int e = n ? request_in_all(r, 0, 0, more, n * sizeof m) : 0;
	if (e < 0)
		return e;
	for (u32 i = 0; i < n; i++) {
		more[i].at = request_take_fd(r, 2 * i);
		more[i].root = request_take_fd(r, 2 * i + 1);
		more[i].fstype[sizeof m.fstype - 1] = more[i].source[sizeof m.source - 1] = more[i].path[sizeof m.path - 1] = 0;
		mounts[nmounts++] = more[i];
	}
	return 0;
}

const struct posix_mount *mounts_table(u32 *n)
{
	*n = nmounts;
	return mounts;
}

i32 ctl_handle_for(struct service *s)
{
	struct weft_reply_fd h = {.kind = WEFT_REPLY_NEW, .fd = -1, .rights = WEFT_RIGHT_ALL, .handle = PTR(s)};
	return (i32)weft_scheme_ctl(server.fd, WEFT_SCHEME_NEW_HANDLE, PTR(&h), 0, 0);
}

static i64 handle_text(struct request *r)
{
	static char text[1u << 18];
	char node[64];
	i64 e = request_string(r, 0, node, sizeof node);
	if (e < 0)
		return e;
	if (!is_root(r))
		return -EPERM;
	i32 authority = native_boot()->resource;
	i64 n = native_sys_text(authority, authority, node, text, sizeof text);
	if (n > (i64)r->sqe->len[1])
		n = r->sqe->len[1];
	e = n > 0 ? request_out_all(r, 1, 0, text, (u64)n) : 0;
	return e < 0 ? e : n;
}

static const struct server_op table[] = {
	{.op = INIT_LIST, .min_bufs = 1, .fn = handle_list},
	{.op = INIT_CONTROL, .min_bufs = 1, .fn = handle_control},
	{.op = INIT_IMAGE, .min_bufs = 1, .fn = handle_image},
	{.op = INIT_START, .min_bufs = 3, .fn = handle_start},
	{.op = INIT_ADOPT, .min_bufs = 2, .fn = handle_adopt},
	{.op = INIT_WAIT, .min_bufs = 1, .fn = handle_wait},
	{.op = INIT_POWER, .fn = handle_power},
	{.op = INIT_MOUNTS, .min_bufs = 1, .fn = handle_mounts},
	{.op = INIT_TEXT, .min_bufs = 2, .fn = handle_text},
	{0},
};
static const struct server_ops ops = {.table = table, .cancel = handle_cancel};

int ctl_start(void)
{
	struct weft_scheme_limits limits = {.authority = native_boot()->resource};
	i32 fds[2] = {-1, -1};
	i64 r = weft_scheme_create(0, PTR(fds), PTR(&limits));
	if (r >= 0)
		r = weft_ns_ctl(native_boot()->ns, WEFT_NS_PUBLISH, PTR("init"), 4, fds[1]);
	if (r < 0)
		return (int)r;
	r = server_init(&server, fds[0], &ops, NULL);
	return r < 0 ? (int)r : server_attach(&server, &loop);
}
