/* SPDX-License-Identifier: MIT */
/* The kernel's counters as text: see native/systext.h. */
#include <native/call.h>
#include <native/systext.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <weft/mem.h>
#include <weft/object.h>
#include <weft/scheme.h>
#include <weft/sys.h>
#include <weft/thread.h>

#define CPUS	64
#define SCHEMES 128
#define PIDS	1024
#define FDS	4096
#define NAMES	4096
#define MISSES	64 /* private fds are numbered densely: no more after so many that are free */

struct text {
	i32 log, procs;
	const char *arg; /* behind the node's name and a slash */
	char *buf;
	size_t cap, len;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, t->cap - t->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len += (size_t)n < t->cap - t->len ? (size_t)n : t->cap - t->len - 1;
}

static void add_value(struct text *t, const char *name, u64 v)
{
	add(t, "%s %lu\n", name, v);
}

static i64 get(const struct text *t, u64 op, const void *to, u64 n)
{
	return weft_sys_ctl((u64)(i64)t->log, op, PTR(to), n, 0);
}

static i64 show_cpu(struct text *t)
{
	struct weft_cpu_info c[CPUS];
	struct weft_sys_info i;
	i64 n = get(t, WEFT_SYS_CPU, c, CPUS), e = get(t, WEFT_SYS_INFO, &i, 0);

	if (n < 0 || e < 0)
		return n < 0 ? n : e;
	add(t, "cpu user_ns system_ns idle_ns irq_ns switches interrupts ipis shootdowns\n");
	for (i64 k = 0; k < n && k < CPUS; k++)
		add(t, "%u %lu %lu %lu %lu %lu %lu %lu %lu\n", c[k].id, c[k].user_ns,
			c[k].system_ns, c[k].idle_ns, c[k].irq_ns, c[k].switches, c[k].interrupts,
			c[k].ipis, c[k].shootdowns);
	add_value(t, "tsc_hz", i.tsc_hz);
	for (u32 k = 0; k < 3; k++)
		add(t, "%s%lu.%02lu", k ? " " : "load ", i.load[k] >> 16,
			(i.load[k] & 0xffff) * 100 >> 16);
	add(t, "\n");
	return 0;
}

static i64 show_mem(struct text *t)
{
	struct weft_sys_info i;
	i64 e = get(t, WEFT_SYS_INFO, &i, 0);
	const struct {
		const char *name;
		u64 v;
	} rows[] = {{"total", i.mem_total}, {"free", i.mem_free}, {"kernel", i.mem_kernel},
		{"cache", i.mem.cache * WEFT_PAGE_SIZE}, {"dirty", i.mem.dirty * WEFT_PAGE_SIZE},
		{"anon", i.mem.anon * WEFT_PAGE_SIZE}, {"shared", i.mem.shared * WEFT_PAGE_SIZE},
		{"kstacks", i.mem.kstacks * WEFT_PAGE_SIZE},
		{"tables", i.mem.tables * WEFT_PAGE_SIZE}, {"dma", i.mem.dma * WEFT_PAGE_SIZE},
		{"oom_kills", i.mem.oom_kills}, {"evicted", i.mem.evicted},
		{"paged_in", i.mem.paged_in}, {"written_back", i.mem.written_back}};

	for (u32 k = 0; e >= 0 && k < sizeof(rows) / sizeof(rows[0]); k++)
		add_value(t, rows[k].name, rows[k].v);
	return e;
}

static i64 show_proc(struct text *t)
{
	u32 pids[PIDS];
	i64 n = weft_proc_ctl((u64)(i64)t->procs, WEFT_PROC_LIST, PTR(pids), PIDS, 0), fd;
	struct weft_proc_info p;

	if (n < 0)
		return n;
	add(t, "pid ppid threads resident minor major user_ns system_ns fds name\n");
	for (i64 k = 0; k < n && k < PIDS; k++) {
		fd = weft_proc_ctl((u64)(i64)t->procs, WEFT_PROC_OPEN, pids[k], 0, 0);
		if (fd < 0)
			continue; /* gone by now */
		if (weft_proc_ctl((u64)fd, WEFT_PROC_INFO, PTR(&p), 0, 0) >= 0)
			add(t, "%u %u %u %lu %lu %lu %lu %lu %u %s\n", p.pid, p.ppid, p.threads,
				p.mem_resident, p.used.faults_minor, p.used.faults_major, p.used.user_ns,
				p.used.system_ns, p.nfds, p.name);
		weft_fd_close((u64)fd);
	}
	return 0;
}

static i64 show_lock(struct text *t)
{
	struct weft_sys_info i;
	i64 e = get(t, WEFT_SYS_INFO, &i, 0);

	if (e >= 0)
		add(t, "acquired %lu\ncontended %lu\nwait_ns %lu\nhold_max_ns %lu\nhold_ns %lu\n",
			i.lock.acquired, i.lock.contended, i.lock.wait_ns, i.lock.hold_max_ns,
			i.lock.hold_ns);
	return e;
}

static i64 show_log(struct text *t)
{
	u64 cursor = 0;
	i64 n;

	do {
		n = weft_sys_ctl((u64)(i64)t->log, WEFT_SYS_LOG_READ, PTR(t->buf + t->len),
			t->cap - 1 - t->len, PTR(&cursor));
		t->len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	t->buf[t->len] = 0;
	return n;
}

static i64 show_trace(struct text *t)
{
	i64 n = get(t, WEFT_SYS_TRACE_READ, t->buf, t->cap - 1);

	t->len = n > 0 ? (size_t)n : 0;
	t->buf[t->len] = 0;
	return n;
}

static i64 show_calls(struct text *t)
{
	struct weft_sys_info i;
	i64 e = get(t, WEFT_SYS_INFO, &i, 0);

	if (e >= 0)
		add(t, "native %lu\nreflected %lu\nknown %u\n", i.syscalls, i.reflected, i.ncalls);
	return e;
}

/* Linux's names of its calls, by number. */
static const char *const call_names[512] = {
#define CALL(nr, name, args, state) [nr] = #name,
#define NONE(nr, name, args)	    [nr] = #name,
#include "../../posix/src/core/calls.def"
#undef CALL
#undef NONE
};

static i64 show_unserved(struct text *t)
{
	u64 count[512];
	i64 e = get(t, WEFT_SYS_UNSERVED_READ, count, 0);

	for (u32 k = 0; e >= 0 && k < sizeof(count) / sizeof(count[0]); k++)
		if (count[k])
			add(t, "%u %s %lu\n", k, call_names[k] ? call_names[k] : "-", count[k]);
	return e;
}

static const char *const type_names[WEFT_OBJ_COUNT] = {
	[WEFT_OBJ_NONE] = "thread",
	[WEFT_OBJ_PROCESS] = "process",
	[WEFT_OBJ_AS] = "as",
	[WEFT_OBJ_MEM] = "mem",
	[WEFT_OBJ_PIN] = "pin",
	[WEFT_OBJ_SCHEME] = "scheme",
	[WEFT_OBJ_ENDPOINT] = "endpoint",
	[WEFT_OBJ_HANDLE] = "handle",
	[WEFT_OBJ_NS] = "ns",
	[WEFT_OBJ_PIPE] = "pipe",
	[WEFT_OBJ_CHANNEL] = "channel",
	[WEFT_OBJ_DGRAM] = "dgram",
	[WEFT_OBJ_POLLSET] = "pollset",
	[WEFT_OBJ_COUNTER] = "counter",
	[WEFT_OBJ_TIMER] = "timer",
	[WEFT_OBJ_SIGNALS] = "signals",
	[WEFT_OBJ_FENCE] = "fence",
	[WEFT_OBJ_IRQ] = "irq",
	[WEFT_OBJ_RESOURCE] = "resource",
	[WEFT_OBJ_SYS] = "sys",
};

static i64 show_objects(struct text *t)
{
	u64 count[WEFT_OBJ_COUNT] = {0};
	i64 e = get(t, WEFT_SYS_OBJECTS, count, WEFT_OBJ_COUNT);

	for (u32 k = 0; e >= 0 && k < WEFT_OBJ_COUNT; k++)
		add_value(t, type_names[k], count[k]);
	return e;
}

/* The names by which the caller can open them. */
static void scheme_name(const char *names, u64 endpoint, char *name, size_t n)
{
	struct weft_fd_info info;

	strcpy(name, "-");
	for (const char *at = names, *end; *at; at = end + 1) {
		end = at + strcspn(at, "\n");
		i64 fd = weft_ns_ctl((u64)-1, WEFT_NS_OPEN, PTR(at), (u64)(end - at), WEFT_REQ_PRIVATE | WEFT_REQ_CLOEXEC);
		if (fd < 0)
			continue;
		bool it = weft_fd_ctl((u64)fd, WEFT_FD_INFO, PTR(&info), 0) >= 0 && info.scheme == endpoint;
		weft_fd_close((u64)fd);
		if (it) {
			snprintf(name, n, "%.*s", (int)(end - at), at);
			return;
		}
	}
}

static i64 show_schemes(struct text *t)
{
	struct weft_scheme_info s[SCHEMES];
	char names[NAMES], name[WEFT_NAME_MAX + 1];
	i64 n = get(t, WEFT_SYS_SCHEMES, s, SCHEMES);
	i64 len = weft_ns_ctl((u64)-1, WEFT_NS_LIST, PTR(names), sizeof(names) - 1, 0);

	if (n < 0)
		return n;
	names[len < 0 ? 0 : len] = 0;
	add(t, "endpoint server_pid rank requests max served dead_replies bad_replies handles state name\n");
	for (i64 k = 0; k < n && k < SCHEMES; k++) {
		scheme_name(names, s[k].endpoint, name, sizeof(name));
		add(t, "%lu %u %u %u %u %lu %lu %lu %u %s %s\n", s[k].endpoint, s[k].server_pid,
			s[k].rank, s[k].requests, s[k].max_requests, s[k].served, s[k].dead_replies,
			s[k].bad_replies, s[k].handles,
			s[k].gone		  ? "gone"
				: s[k].server_pid ? "served"
						  : "orphan",
			name);
	}
	return 0;
}

static bool show_fd(struct text *t, i64 process, i32 fd)
{
	struct weft_fd_info f;

	if (weft_proc_ctl((u64)process, WEFT_PROC_FDS, PTR(&f), (u64)fd, 0) < 0)
		return false;
	add(t, "%s%d %s %c%c%c%c%c%c %lu %lu %lu\n", fd >= WEFT_FD_PRIVATE ? "private+" : "", fd >= WEFT_FD_PRIVATE ? fd - WEFT_FD_PRIVATE : fd,
		f.type < WEFT_OBJ_COUNT && f.type ? type_names[f.type] : "?", f.rights & WEFT_RIGHT_READ ? 'r' : '-',
		f.rights & WEFT_RIGHT_WRITE ? 'w' : '-', f.rights & WEFT_RIGHT_EXEC ? 'x' : '-', f.rights & WEFT_RIGHT_MAP ? 'm' : '-',
		f.rights & WEFT_RIGHT_DUP ? 'd' : '-', f.rights & WEFT_RIGHT_CONTROL ? 'c' : '-', f.object, f.scheme, f.attr.ino);
	return true;
}

static i64 show_fds(struct text *t)
{
	static i32 fds[FDS];
	u32 pid = 0;

	for (const char *c = t->arg; *c; c++) {
		if (*c < '0' || *c > '9' || pid > 100000000)
			return -EINVAL;
		pid = pid * 10 + (u32)(*c - '0');
	}
	i64 p = weft_proc_ctl((u64)(i64)t->procs, WEFT_PROC_OPEN, pid, 0, 0);
	if (p < 0)
		return p;
	i64 n = weft_proc_ctl((u64)p, WEFT_PROC_FD_LIST, PTR(fds), FDS, 0);
	add(t, "fd type rights object scheme node\n");
	for (i64 k = 0; k < n && k < FDS; k++)
		show_fd(t, p, fds[k]);
	for (i32 k = 0, misses = 0; n >= 0 && misses < MISSES; k++)
		misses = show_fd(t, p, WEFT_FD_PRIVATE + k) ? 0 : misses + 1;
	weft_fd_close((u64)p);
	return n < 0 ? n : 0;
}

static const struct {
	const char *name;
	i64 (*show)(struct text *t);
} nodes[] = {{"cpu", show_cpu}, {"mem", show_mem}, {"proc", show_proc}, {"lock", show_lock},
	{"log", show_log}, {"trace", show_trace}, {"calls", show_calls},
	{"unserved", show_unserved}, {"objects", show_objects}, {"schemes", show_schemes}, {"fds", show_fds}};

i64 native_sys_text(i32 log, i32 procs, const char *node, char *buf, size_t n)
{
	struct text t = {.log = log, .procs = procs, .buf = buf, .cap = n};
	i64 e;

	if (!n)
		return -EINVAL;
	buf[0] = 0;
	size_t len = strcspn(node, "/");
	t.arg = node + len + (node[len] == '/');
	for (u32 k = 0; k < sizeof(nodes) / sizeof(nodes[0]); k++) {
		if (strlen(nodes[k].name) != len || memcmp(nodes[k].name, node, len) != 0)
			continue;
		e = nodes[k].show(&t);
		return e < 0 ? e : (i64)t.len;
	}
	return -ENOENT;
}
