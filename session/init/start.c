/* SPDX-License-Identifier: MIT */
/* The process of a service or of the job: which fds, which namespace, which identity. What is made for it here is closed here. */
#include "init.h"

#include <posix/start.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FDS_MAX 64
#define SESSION_NAMES 128 /* bytes of them */

struct plan {
	struct spawn_args a;
	struct spawn_fd fds[FDS_MAX];
	char names[FDS_MAX][NATIVE_FD_NAME];
	bool close[FDS_MAX]; /* ours only for this */
	struct spawn_posix posix;
	i32 ns;
	const char *env[MANIFEST_LIST + 2];
	char number[24];
};

static int add(struct plan *p, const char *name, i32 fd, i32 to, u32 rights, bool close)
{
	if (fd < 0)
		return fd;
	if (p->a.nfds == FDS_MAX)
		return -E2BIG;
	u32 i = p->a.nfds++;
	p->fds[i] = (struct spawn_fd){.fd = fd, .to = to, .rights = rights};
	p->close[i] = close;
	if (name) {
		if (strlen(name) >= NATIVE_FD_NAME)
			return -ENAMETOOLONG;
		strcpy(p->names[i], name);
		p->fds[i].name = p->names[i];
	}
	return 0;
}

static void plan_init(struct plan *p)
{
	memset(p, 0, sizeof *p);
	spawn_args_init(&p->a);
	p->a.fds = p->fds;
	p->a.time_page = native_boot()->time_page;
	p->ns = -1;
}

static void plan_finish(struct plan *p)
{
	for (u32 i = 0; i < p->a.nfds; i++) {
		if (p->close[i])
			weft_fd_close(p->fds[i].fd);
	}
	if (p->ns >= 0)
		weft_fd_close(p->ns);
}

static int add_resource(struct plan *p, struct service *s, u32 i)
{
	const struct manifest *m = &s->m;
	const struct manifest_resource *r = &m->resources[i];
	struct weft_res res = {.kinds = r->kind, .base = r->base, .len = r->len};
	char name[NATIVE_FD_NAME];
	u32 same = 0;
	for (u32 k = 0; k < i; k++)
		same += strcmp(m->resources[k].name, r->name) == 0;
	if (same)
		snprintf(name, sizeof name, "res:%s.%u", r->name, same);
	else
		snprintf(name, sizeof name, "res:%s", r->name);
	if (!r->len)
		res.len = UINT64_MAX;
	if (!s->resources[i]) {
		i64 fd = weft_sys_ctl(native_boot()->resource, WEFT_SYS_RES_DERIVE, PTR(&res), 0, 0);
		if (fd < 0)
			return (int)fd;
		s->resources[i] = (i32)fd;
	}
	return add(p, name, s->resources[i], -1, 0, false);
}

static int add_state(struct plan *p, struct service *s)
{
	if (!s->m.state_bytes)
		return 0;
	if (!s->memory) {
		i64 fd = weft_mem_create(WEFT_MEM_ANON, (s->m.state_bytes + 4095) & ~4095ul, 0, 0, WEFT_MEM_CLOEXEC | WEFT_MEM_PRIVATE_FD);
		if (fd < 0)
			return (int)fd;
		s->memory = (i32)fd;
	}
	return add(p, "state", s->memory, -1, 0, false);
}

static int add_opens(struct plan *p, struct service *s)
{
	for (u32 i = 0; i < s->m.opens.n; i++) {
		const char *scheme = s->m.opens.word[i];
		char name[NATIVE_FD_NAME];
		if (snprintf(name, sizeof name, "open:%s", scheme) >= (int)sizeof name)
			return -ENAMETOOLONG;
		i64 fd = strcmp(scheme, "init") == 0
			? ctl_handle_for(s)
			: weft_ns_ctl(native_boot()->ns, WEFT_NS_OPEN, PTR(scheme), strlen(scheme), WEFT_REQ_CLOEXEC | WEFT_REQ_PRIVATE);
		int r = add(p, name, (i32)fd, -1, 0, true);
		if (r < 0) {
			native_log("init: %s: opening %s: error %d", s->m.name, scheme, -r);
			return r;
		}
	}
	return 0;
}

static int add_offers(struct plan *p, struct service *s)
{
	for (u32 i = 0; i < s->m.noffers; i++) {
		struct endpoint *e = &s->offers[i];
		if (e->server < 0) {
			i64 fd = weft_scheme_ctl(e->endpoint, WEFT_SCHEME_SUCCEED, 0, 0, 0);
			if (fd < 0)
				return (int)fd;
			e->server = (i32)fd;
		}
		char name[NATIVE_FD_NAME];
		if (snprintf(name, sizeof name, "scheme:%s", s->m.offers[i].name) >= (int)sizeof name)
			return -ENAMETOOLONG;
		int r = add(p, name, e->server, -1, 0, false);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The service has the server ends now; init must not hold them, or their loss would go unseen. */
static void drop_server_ends(struct service *s)
{
	for (u32 i = 0; i < s->m.noffers; i++) {
		if (s->offers[i].server >= 0)
			weft_fd_close(s->offers[i].server);
		s->offers[i].server = -1;
	}
}

static int add_counter(struct plan *p, const char *name, i32 *keep, u32 rights)
{
	i32 fds[2] = {-1, -1};
	if (*keep >= 0)
		weft_fd_close(*keep);
	*keep = -1;
	i64 r = weft_obj_create(WEFT_OBJ_COUNTER, 0, 0, WEFT_DUP_CLOEXEC | WEFT_DUP_PRIVATE, PTR(fds));
	if (r < 0)
		return (int)r;
	*keep = fds[0];
	return add(p, name, fds[0], -1, rights, false);
}

static int add_given(struct plan *p, struct service *s)
{
	const struct weft_start *b = native_boot();
	int r = 0;
	if (r == 0 && (s->m.give & GIVE_BOOT))
		r = add(p, "boot", b->boot, -1, WEFT_RIGHT_READ | WEFT_RIGHT_MAP | WEFT_RIGHT_EXEC | WEFT_RIGHT_DUP, false);
	if (r == 0 && (s->m.give & GIVE_TIME))
		r = add(p, "time", b->time_page, -1, 0, false);
	if (r == 0 && (s->m.give & GIVE_FRAMEBUFFER) && b->firmware_fb >= 0)
		r = add(p, "framebuffer", b->firmware_fb, -1, 0, false);
	if (r == 0 && (s->m.give & GIVE_NAMESPACE))
		r = add(p, "ns", b->ns, -1, 0, false);
	for (i32 fd = 0; r == 0 && fd < 3 && (s->m.give & GIVE_CONSOLE); fd++)
		r = add(p, NULL, fd, fd, 0, false);
	if (r == 0 && !(s->m.give & GIVE_CONSOLE)) {
		i32 fd = output_open(s);
		r = add(p, NULL, fd, 1, 0, true);
		if (r == 0)
			r = add(p, NULL, fd, 2, 0, false);
	}
	if (r == 0 && s->m.notify)
		r = add_counter(p, "notify", &s->notify, WEFT_RIGHT_WRITE);
	if (r == 0 && s->m.shutdown_ms)
		r = add_counter(p, "shutdown", &s->shutdown, WEFT_RIGHT_READ | WEFT_RIGHT_DUP);
	for (u32 i = 0; r == 0 && i < s->nextra; i++)
		r = add(p, s->extra[i].name, s->extra[i].fd, -1, 0, false);
	return r;
}

/* What people's programs can name: of these, those that some service offers. */
static u32 session_names(char *names, u32 room)
{
	static const char *const all[] = {"fs", "tmp", "dev", "proc", "ipc", "pty", "drm", "input", "net", "init"};
	static char there[256 * (WEFT_NAME_MAX + 1) + 2];
	u32 len = 0;
	i64 n = weft_ns_ctl(native_boot()->ns, WEFT_NS_LIST, PTR(there + 1), sizeof there - 2, 0);
	there[0] = '\n';
	there[n < 0 ? 1 : n + 1] = 0;
	for (u32 i = 0; i < sizeof all / sizeof all[0]; i++) {
		char word[MANIFEST_NAME + 2];
		u32 size = (u32)snprintf(word, sizeof word, "\n%s\n", all[i]);
		if (!strstr(there, word) || len + size > room)
			continue;
		memcpy(names + len, word + 1, size - 1);
		len += size - 1;
	}
	return len;
}

/* A namespace with just these names (each exists: endpoints are made before anything starts). */
static int set_namespace(struct plan *p, const char *names, u32 len)
{
	/* One newline alone keeps nothing: the null namespace. */
	i64 fd = weft_ns_ctl(native_boot()->ns, WEFT_NS_CLONE, PTR(len ? names : "\n"), len ? len : 1, WEFT_REQ_CLOEXEC | WEFT_REQ_PRIVATE);
	if (fd < 0)
		return (int)fd;
	p->ns = (i32)fd;
	/* Processes cannot publish in the namespace that they run in, whatever rights this fd has. */
	p->a.ns = (i32)fd;
	return 0;
}

static int make_namespace(struct plan *p, const struct manifest *m)
{
	char names[MANIFEST_LIST * (MANIFEST_NAME + 1) + SESSION_NAMES];
	u32 len = m->paths || m->may_mount ? session_names(names, SESSION_NAMES) : 0;
	for (u32 i = 0; i < m->needs.n; i++) {
		size_t n = strlen(m->needs.word[i]);
		if (n >= MANIFEST_NAME)
			return -ENAMETOOLONG;
		memcpy(names + len, m->needs.word[i], n);
		len += (u32)n;
		names[len++] = '\n';
	}
	return set_namespace(p, names, len);
}

static int set_identity(struct plan *p, const struct manifest *m)
{
	if (!m->has_user)
		return 0;
	struct weft_identity id = {.uid = m->uid, .euid = m->uid, .suid = m->uid, .fsuid = m->uid, .gid = m->gid, .egid = m->gid,
		.sgid = m->gid, .fsgid = m->gid, .ngroups = m->ngroups};
	memcpy(id.groups, m->groups, m->ngroups * sizeof m->groups[0]);
	if (m->uid == 0)
		id.cap_effective = id.cap_permitted = id.cap_bounding = (1ul << 41) - 1;
	i64 n = weft_ident_ctl(native_boot()->resource, WEFT_IDENT_MINT, 0, PTR(&id));
	if (n < 0)
		return (int)n;
	p->a.identity = (u32)n;
	p->a.ident_auth = native_boot()->resource;
	return 0;
}

/* Root directory, pids and sockets of a program with paths. */
static int add_paths(struct plan *p, u32 uid, u32 gid)
{
	static const char *const names[] = {"fs", "proc", "ipc", "net"};
	i32 fd[4];
	for (u32 i = 0; i < 4; i++) {
		fd[i] = (i32)weft_ns_ctl(native_boot()->ns, WEFT_NS_OPEN, PTR(names[i]), strlen(names[i]), WEFT_REQ_CLOEXEC | WEFT_REQ_PRIVATE);
		if (fd[i] < 0)
			fd[i] = -1;
	}
	if (fd[0] < 0)
		return -ENOENT;
	p->posix = (struct spawn_posix){.root = fd[0], .cwd = -1, .proc = fd[1], .ipc = fd[2], .net = fd[3], .umask = 022,
		.uid = uid, .euid = uid, .gid = gid, .egid = gid};
	p->posix.mounts = mounts_table(&p->posix.nmounts);
	p->a.posix = &p->posix;
	return 0;
}

static void close_paths(struct plan *p)
{
	if (!p->a.posix)
		return;
	i32 fd[4] = {p->posix.root, p->posix.proc, p->posix.ipc, p->posix.net};
	for (u32 i = 0; i < 4; i++) {
		if (fd[i] >= 0)
			weft_fd_close(fd[i]);
	}
}

static int set_runtime(struct plan *p)
{
	u64 size;
	p->a.runtime = archive_image("lib/posix.rt", &size);
	return p->a.runtime < 0 ? p->a.runtime : 0;
}

static void set_environment(struct plan *p, const struct service *s)
{
	u32 n = s->m.env.n;
	memcpy(p->env, s->m.env.word, n * sizeof p->env[0]);
	if (s->instance) {
		snprintf(p->number, sizeof p->number, "INSTANCE=%u", s->number);
		p->env[n] = p->number;
	}
	p->a.envp = p->env;
}

int service_spawn(struct service *s)
{
	struct plan *p = malloc(sizeof *p);
	if (!p)
		return -ENOMEM;
	plan_init(p);
	p->a.name = s->m.name;
	p->a.argv = (const char *const *)s->m.argv.word;
	set_environment(p, s);
	p->a.prio = s->m.prio;
	p->a.image = archive_image(s->m.argv.word[0], &p->a.image_size);
	int r = p->a.image < 0 ? p->a.image : 0;
	if (r == 0 && s->m.posix)
		r = set_runtime(p);
	if (r == 0)
		r = add_offers(p, s);
	if (r == 0)
		r = add_opens(p, s);
	for (u32 i = 0; r == 0 && i < s->m.nresources; i++)
		r = add_resource(p, s, i);
	if (r == 0)
		r = add_state(p, s);
	if (r == 0)
		r = add_given(p, s);
	if (r == 0)
		r = make_namespace(p, &s->m);
	if (r == 0)
		r = set_identity(p, &s->m);
	if (r == 0 && s->m.paths)
		r = add_paths(p, s->m.uid, s->m.gid);
	if (r == 0)
		r = spawn(&p->a, &s->process);
	if (r == 0)
		drop_server_ends(s);
	close_paths(p);
	plan_finish(p);
	free(p);
	return r;
}

/* Standard input of a job is at its end: a pipe nobody can write to. */
static i32 empty_input(void)
{
	i32 fds[2];
	i64 r = weft_obj_create(WEFT_OBJ_PIPE, 0, 0, WEFT_DUP_CLOEXEC | WEFT_DUP_PRIVATE, PTR(fds));
	if (r < 0)
		return (i32)r;
	weft_fd_close(fds[1]);
	return fds[0];
}

static int plan_job(struct plan *p, const struct job_spec *j)
{
	const struct weft_start *b = native_boot();
	struct cpio_entry e;
	const char *name = strrchr(j->argv[0], '/');
	p->a.name = name ? name + 1 : j->argv[0];
	p->a.argv = j->argv;
	p->a.envp = j->envp;
	int r = add(p, NULL, empty_input(), 0, 0, true);
	if (r == 0)
		r = add(p, NULL, 1, 1, 0, false);
	if (r == 0)
		r = add(p, NULL, 2, 2, 0, false);
	if (r < 0)
		return r;
	/* A native program by its path in the archive has all that init has. */
	if (job_is_native(j->argv[0], &e)) {
		p->a.image = archive_image(j->argv[0], &p->a.image_size);
		r = p->a.image < 0 ? p->a.image : 0;
		if (r == 0)
			r = add(p, "res:root", b->resource, -1, 0, false);
		if (r == 0)
			r = add(p, "boot", b->boot, -1, 0, false);
		if (r == 0)
			r = add(p, "time", b->time_page, -1, 0, false);
		if (r == 0)
			r = add(p, "ns", b->ns, -1, 0, false);
		return r;
	}
	/* Anything else is for the root file system: a small program there runs it as a shell would find it. */
	char names[SESSION_NAMES];
	r = add_paths(p, 0, 0);
	if (r == 0)
		r = set_namespace(p, names, session_names(names, sizeof names));
	if (r == 0)
		r = set_runtime(p);
	if (r == 0) {
		u64 size;
		p->a.image = archive_image("bin/job-run", &size);
		r = p->a.image < 0 ? p->a.image : 0;
	}
	return r;
}

int job_spawn(const struct job_spec *j, struct spawned *out)
{
	struct plan *p = malloc(sizeof *p);
	if (!p)
		return -ENOMEM;
	plan_init(p);
	int r = plan_job(p, j);
	if (r == 0)
		r = spawn(&p->a, out);
	close_paths(p);
	plan_finish(p);
	free(p);
	return r;
}

bool process_ended(i32 proc, u32 *status)
{
	struct weft_proc_info i;
	if (weft_proc_ctl((u64)proc, WEFT_PROC_INFO, PTR(&i), 0, 0) < 0 || i.state != 'Z')
		return false;
	*status = i.exit_status;
	return true;
}

void console_say(const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	size_t len = strlen(text), done = 0;
	while (done < len) {
		i64 r = weft_fd_write(1, PTR(text) + done, len - done, -1, 0);
		if (r <= 0 && r != -EINTR)
			return;
		done += r > 0 ? (size_t)r : 0;
	}
}
