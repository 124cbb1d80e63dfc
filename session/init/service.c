/* SPDX-License-Identifier: MIT */
/* The life of a service: start when what it needs is ready, see its end, mend it by its policy. */
#include "init.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct service *services;
const char *manifest_folder = "etc/init/";

/* A service that ran this long is forgiven its earlier ends: what ends later was killed, or fails seldom, and its users wait. */
#define STEADY_NS (2 * NSEC_PER_SEC)

struct service *service_find(const char *name)
{
	for (struct service *s = services; s; s = s->next) {
		if (strcmp(s->m.name, name) == 0)
			return s;
	}
	return NULL;
}

/* The value of an option of the kernel's command line, kept for good. */
static const char *kept_option(const char *name, size_t len)
{
	static struct {
		char name[32], value[64];
	} kept[8];
	static u32 n;
	char word[32];
	if (len >= sizeof word)
		return NULL;
	memcpy(word, name, len);
	word[len] = 0;
	for (u32 i = 0; i < n; i++)
		if (strcmp(kept[i].name, word) == 0)
			return kept[i].value;
	if (n == sizeof kept / sizeof kept[0] || !option(word, kept[n].value, sizeof kept[n].value))
		return NULL;
	strcpy(kept[n].name, word);
	return kept[n++].value;
}

static struct service *new_service(const char *name, const char *text, u64 len)
{
	struct service *s = calloc(1, sizeof *s);
	u32 line;
	const char *why;
	if (!s)
		return NULL;
	if (manifest_parse(name, text, len, &s->m, &line, &why) < 0) {
		native_log("init: %s%s.service:%u: %s", manifest_folder, name, line, why);
		free(s);
		return NULL;
	}
	if (!manifest_resolve(&s->m, kept_option)) {
		manifest_finish(&s->m);
		free(s);
		return NULL;
	}
	s->notify = s->shutdown = -1;
	s->process.proc = -1;
	s->backoff_ms = s->m.backoff_min_ms;
	/* Keep the order of the archive, which is by name. */
	struct service **p = &services;
	while (*p)
		p = &(*p)->next;
	*p = s;
	return s;
}

void service_add(const struct cpio_entry *e)
{
	static const char suffix[] = ".service";
	char name[MANIFEST_NAME];
	const char *file = strrchr(e->name, '/') + 1;
	size_t n = strlen(file);
	if ((e->mode & 0170000) != 0100000 || n <= sizeof suffix - 1 || strcmp(file + n - (sizeof suffix - 1), suffix) != 0)
		return;
	n -= sizeof suffix - 1;
	if (n >= sizeof name) {
		native_log("init: %s: name too long", e->name);
		return;
	}
	memcpy(name, file, n);
	name[n] = 0;
	new_service(name, e->data, e->size);
}

struct service *service_instance(struct service *driver, const char *name)
{
	struct cpio_entry e;
	char path[MANIFEST_NAME + 80];
	snprintf(path, sizeof path, "%s%s.service", manifest_folder, driver->m.name);
	if (archive_find(path, &e) < 0)
		return NULL;
	struct service *s = new_service(name, e.data, e.size);
	if (s)
		s->instance = true;
	return s;
}

void service_take_endpoints(struct service *s, struct service *driver)
{
	for (u32 i = 0; i < s->m.noffers; i++) {
		if (s->offers[i].endpoint > 0 || driver->offers[i].endpoint <= 0)
			continue;
		s->offers[i] = driver->offers[i];
		driver->offers[i].server = -1;
	}
}

int service_create_endpoints(struct service *s, u32 number)
{
	for (u32 i = 0; i < s->m.noffers; i++) {
		const struct manifest_scheme *o = &s->m.offers[i];
		struct endpoint *e = &s->offers[i];
		if (e->endpoint > 0)
			continue;
		struct weft_scheme_limits limits = {.orphan_ns = o->orphan_ms * (u64)NSEC_PER_MSEC, .max_requests = o->limit,
			.rank = s->m.rank, .authority = native_boot()->resource};
		i32 fds[2] = {-1, -1};
		if (number)
			snprintf(e->name, sizeof e->name, "%.24s.%u", o->name, number);
		else
			strcpy(e->name, o->name);
		i64 r = weft_scheme_create(0, PTR(fds), PTR(&limits));
		if (r >= 0)
			r = weft_ns_ctl(native_boot()->ns, WEFT_NS_PUBLISH, PTR(e->name), strlen(e->name), fds[1]);
		if (r < 0) {
			native_log("init: %s: scheme %s: error %d", s->m.name, e->name, (int)-r);
			return (int)r;
		}
		e->server = fds[0];
		e->endpoint = fds[1];
	}
	return 0;
}

void service_changed(struct service *s, enum init_state state)
{
	s->state = state;
	s->since = time_monotonic();
}

/* Who offers a scheme; NULL for the kernel's own. */
static struct service *offerer(const char *scheme)
{
	for (struct service *s = services; s; s = s->next) {
		for (u32 i = 0; i < s->m.noffers; i++) {
			if (strcmp(s->m.offers[i].name, scheme) == 0)
				return s;
		}
	}
	return NULL;
}

static bool ready(const struct service *s)
{
	return s->state == INIT_RUNNING || s->state == INIT_DONE;
}

/*
 * A scheme whose server says nothing of being ready can be called at once: requests wait for it. FAILED is waited for as well: what
 * needs it stays down, and says so in the list.
 */
static bool schemes_ready(const struct service *s, const struct manifest_list *l)
{
	for (u32 i = 0; i < l->n; i++) {
		const struct service *o = offerer(l->word[i]);
		/* A driver's scheme can be called at once: whether its device is there shows later. */
		if (o && o != s && o->m.type != SERVICE_DRIVER && !ready(o))
			return false;
	}
	return true;
}

bool service_depends_ready(const struct service *s)
{
	for (u32 i = 0; i < s->m.after.n; i++) {
		const struct service *o = service_find(s->m.after.word[i]);
		if (o && !ready(o) && o->state != INIT_FAILED)
			return false;
	}
	return schemes_ready(s, &s->m.needs) && schemes_ready(s, &s->m.opens);
}

static void close_fd(i32 *fd)
{
	if (*fd >= 0)
		weft_fd_close(*fd);
	*fd = -1;
}

static void handle_notify(struct loop_source *src, u32 events);
static void handle_exit(struct loop_source *src, u32 events);
static void handle_timer(struct loop_timer *t);

static void arm(struct service *s, u64 ms)
{
	s->timer.fn = handle_timer;
	s->timer.ctx = s;
	loop_timer_set(&loop, &s->timer, time_monotonic() + (i64)ms * NSEC_PER_MSEC);
}

static void became_ready(struct service *s)
{
	service_changed(s, INIT_RUNNING);
	if (s->m.watchdog_ms)
		arm(s, s->m.watchdog_ms);
	services_schedule();
}

static void handle_notify(struct loop_source *src, u32 events)
{
	struct service *s = src->ctx;
	(void)events;
	loop_remove(&loop, src);
	if (s->state == INIT_STARTING)
		became_ready(s);
}

static void start(struct service *s)
{
	int r = service_spawn(s);
	if (r < 0) {
		native_log("init: %s: cannot start %s: error %d", s->m.name, s->m.argv.word[0], -r);
		service_changed(s, INIT_FAILED);
		return;
	}
	s->exit_source = (struct loop_source){.fn = handle_exit, .ctx = s, .fd = s->process.proc, .events = WEFT_POLLIN};
	loop_add(&loop, &s->exit_source);
	service_changed(s, INIT_STARTING);
	if (s->notify >= 0) {
		s->notify_source = (struct loop_source){.fn = handle_notify, .ctx = s, .fd = s->notify, .events = WEFT_POLLIN};
		loop_add(&loop, &s->notify_source);
		if (s->m.watchdog_ms)
			arm(s, 10 * (u64)s->m.watchdog_ms);
	} else if (s->m.type != SERVICE_ONESHOT) {
		service_changed(s, INIT_RUNNING);
	}
}

void services_schedule(void)
{
	static bool again, running;
	/* A start can make the next one possible, and comes back here: one loop does them all. */
	again = true;
	if (running || shutting_down())
		return;
	running = true;
	while (again) {
		again = false;
		for (struct service *s = services; s; s = s->next) {
			if (s->state != INIT_WAITING || !service_depends_ready(s))
				continue;
			start(s);
			again = true;
		}
	}
	running = false;
	if (services_settled())
		job_settled();
}

bool services_settled(void)
{
	for (struct service *s = services; s; s = s->next) {
		if (s->state == INIT_STARTING)
			return false;
		if (s->state == INIT_WAITING && service_depends_ready(s))
			return false;
	}
	return true;
}

void service_want(struct service *s)
{
	if (s->state != INIT_DOWN && s->state != INIT_FAILED && s->state != INIT_DONE)
		return;
	service_changed(s, INIT_WAITING);
}

void service_kill(struct service *s)
{
	if (s->process.pid)
		weft_proc_ctl(s->process.proc, WEFT_PROC_KILL, 9, 0, 0);
}

void service_stop(struct service *s, bool again)
{
	s->start_again = again;
	if (!s->process.pid) {
		loop_timer_clear(&loop, &s->timer);
		service_changed(s, INIT_DOWN);
		if (again)
			service_want(s);
		return;
	}
	u64 one = 1;
	service_changed(s, INIT_STOPPING);
	if (s->shutdown >= 0 && weft_fd_write(s->shutdown, PTR(&one), sizeof one, -1, WEFT_IO_NONBLOCK) == sizeof one)
		arm(s, s->m.shutdown_ms);
	else
		service_kill(s);
}

static void handle_timer(struct loop_timer *t)
{
	struct service *s = t->ctx;
	u64 count;
	switch (s->state) {
	case INIT_BACKOFF:
		service_changed(s, INIT_WAITING);
		services_schedule();
		break;
	case INIT_RUNNING:
		if (weft_fd_read(s->notify, PTR(&count), sizeof count, -1, WEFT_IO_NONBLOCK) == sizeof count) {
			arm(s, s->m.watchdog_ms);
			break;
		}
		native_log("init: %s: silent for %u ms: killed", s->m.name, s->m.watchdog_ms);
		service_kill(s);
		break;
	case INIT_STARTING:
		native_log("init: %s: does not get ready: killed", s->m.name);
		service_kill(s);
		break;
	case INIT_STOPPING:
		native_log("init: %s: does not end: killed", s->m.name);
		service_kill(s);
		break;
	default:
		break;
	}
}

static void mend(struct service *s, bool failed)
{
	bool again = s->m.restart == RESTART_ALWAYS || (s->m.restart == RESTART_ON_FAILURE && failed);
	if (s->m.type == SERVICE_ONESHOT && !failed)
		again = false;
	if (s->instance)
		again = false;
	if (again) {
		if (time_monotonic() - s->since > STEADY_NS)
			s->backoff_ms = s->m.backoff_min_ms;
		arm(s, s->backoff_ms);
		s->backoff_ms = s->backoff_ms * 2 < s->m.backoff_max_ms ? s->backoff_ms * 2 : s->m.backoff_max_ms;
		s->restarts++;
		service_changed(s, INIT_BACKOFF);
	} else {
		service_changed(s, failed ? INIT_FAILED : INIT_DONE);
		if (s->m.essential) {
			native_log("init: %s was essential: restarting the machine", s->m.name);
			job_abandon(s->m.name);
			services_shutdown(1, 0);
		}
	}
}

static void handle_exit(struct loop_source *src, u32 events)
{
	struct service *s = src->ctx;
	u32 status;
	(void)events;
	if (!process_ended(s->process.proc, &status))
		return;
	loop_remove(&loop, src);
	if (s->notify >= 0) {
		loop_remove(&loop, &s->notify_source);
		close_fd(&s->notify);
	}
	output_close(s);
	close_fd(&s->shutdown);
	close_fd(&s->process.proc);
	loop_timer_clear(&loop, &s->timer);
	i32 pid = s->process.pid;
	s->process.pid = 0;
	s->status = status;
	bool stopping = s->state == INIT_STOPPING, failed = status != 0;
	if (!stopping && (failed || s->m.type == SERVICE_DAEMON))
		native_log("init: %s (pid %d) ended with status %u", s->m.name, pid, exit_code(status));
	if (stopping) {
		service_changed(s, INIT_DOWN);
		if (s->start_again && !shutting_down())
			service_want(s);
	} else {
		mend(s, failed);
	}
	if (s->instance)
		ctl_instance_ended(s);
	if (shutting_down())
		shutdown_next();
	else
		services_schedule();
}

u32 exit_code(u32 status)
{
	return status & 0x7f ? 128 + (status & 0x7f) : (status >> 8) & 0xff;
}
