/* SPDX-License-Identifier: MIT */
/* The kernel's counters as text: see native/systext.h. */
#include <native/call.h>
#include <native/systext.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <weft/mem.h>
#include <weft/scheme.h>
#include <weft/sys.h>
#include <weft/thread.h>

#define CPUS	64
#define SCHEMES 128
#define PIDS	1024

struct text {
	i32 log, procs;
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
				p.mem_resident, p.faults_minor, p.faults_major, p.user_ns,
				p.system_ns, p.nfds, p.name);
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

static i64 show_unserved(struct text *t)
{
	u64 count[512];
	i64 e = get(t, WEFT_SYS_UNSERVED_READ, count, 0);

	for (u32 k = 0; e >= 0 && k < sizeof(count) / sizeof(count[0]); k++)
		if (count[k])
			add(t, "%u %lu\n", k, count[k]);
	return e;
}

static i64 show_objects(struct text *t)
{
	static const char *const names[WEFT_OBJ_COUNT] = {[WEFT_OBJ_NONE] = "thread",
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
		[WEFT_OBJ_SYS] = "sys"};
	u64 count[WEFT_OBJ_COUNT] = {0};
	i64 e = get(t, WEFT_SYS_OBJECTS, count, WEFT_OBJ_COUNT);

	for (u32 k = 0; e >= 0 && k < WEFT_OBJ_COUNT; k++)
		add_value(t, names[k], count[k]);
	return e;
}

static i64 show_schemes(struct text *t)
{
	struct weft_scheme_info s[SCHEMES];
	i64 n = get(t, WEFT_SYS_SCHEMES, s, SCHEMES);

	if (n < 0)
		return n;
	add(t, "endpoint server_pid rank requests max served dead_replies bad_replies handles\n");
	for (i64 k = 0; k < n && k < SCHEMES; k++)
		add(t, "%lu %u %u %u %u %lu %lu %lu %u%s\n", s[k].endpoint, s[k].server_pid,
			s[k].rank, s[k].requests, s[k].max_requests, s[k].served, s[k].dead_replies,
			s[k].bad_replies, s[k].handles,
			s[k].gone		  ? " gone"
				: s[k].server_pid ? ""
						  : " orphan");
	return 0;
}

static const struct {
	const char *name;
	i64 (*show)(struct text *t);
} nodes[] = {{"cpu", show_cpu}, {"mem", show_mem}, {"proc", show_proc}, {"lock", show_lock},
	{"log", show_log}, {"trace", show_trace}, {"calls", show_calls},
	{"unserved", show_unserved}, {"objects", show_objects}, {"schemes", show_schemes}};

i64 native_sys_text(i32 log, i32 procs, const char *node, char *buf, size_t n)
{
	struct text t = {.log = log, .procs = procs, .buf = buf, .cap = n};
	i64 e;

	if (!n)
		return -EINVAL;
	buf[0] = 0;
	for (u32 k = 0; k < sizeof(nodes) / sizeof(nodes[0]); k++) {
		if (strcmp(nodes[k].name, node))
			continue;
		e = nodes[k].show(&t);
		return e < 0 ? e : (i64)t.len;
	}
	return -ENOENT;
}
