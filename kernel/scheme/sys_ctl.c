/* SPDX-License-Identifier: MIT */
/*
 * sys_ctl: resources, the log, power, clocks, counters, random bytes, boot data. Each operation
 * names the authority that it needs. What it shows is binary; libc/native writes it as text.
 */
#include "builtin.h"

#define LOG_LINE_MAX  1024u
#define LOG_PERIOD_NS 50000000ul /* 20 lines in a second */
#define LOG_BURST_NS  (64 * LOG_PERIOD_NS)
#define RANDOM_MAX    (1ul << 20)
#define BUFFER_MAX    (256ul << 10)

static u64 calls_unserved[512]; /* Linux calls that no runtime served, by number */

static i64 log_line(i32 auth, u64 from, u64 len, u64 c)
{
	struct process *p = current_process();
	u64 now = now_ns(), start = MAX(p->log_next, now > LOG_BURST_NS ? now - LOG_BURST_NS : 0);
	char line[LOG_LINE_MAX];

	if (len > LOG_LINE_MAX)
		return -EINVAL;
	TRY(copy_from_user(line, from, len));
	if (start > now)
		return -EAGAIN;
	p->log_next = start + LOG_PERIOD_NS;
	while (len && line[len - 1] == '\n')
		len--;
	for (u64 i = 0; i < len; i++)
		if ((u8)line[i] < ' ' && line[i] != '\t')
			line[i] = ' ';
	klog("%.24s: %.*s", p->name, (int)len, line);
	return 0;
}

static i64 give(u64 to, u64 len, const void *from, u64 have)
{
	len = MIN(len, have);
	return TRY(copy_to_user(to, from, len)) + (i64)len;
}

static i64 give_text(enum log_ring ring, u64 to, u64 len, u64 *cursor)
{
	HELD_MEM char *buf = NULL;

	len = MIN(len, BUFFER_MAX);
	buf = kmalloc(len + 1);
	if (!buf)
		return -ENOMEM;
	return give(to, len, buf, klog_read(ring, cursor, buf, len));
}

static i64 log_read(i32 auth, u64 to, u64 len, u64 ucursor)
{
	u64 cursor;
	i64 n;

	TRY(copy_from_user(&cursor, ucursor, sizeof(cursor)));
	n = TRY(give_text(LOG_KERNEL, to, len, &cursor));
	TRY(copy_to_user(ucursor, &cursor, sizeof(cursor)));
	return n;
}

static i64 trace_read(i32 auth, u64 to, u64 len, u64 c)
{
	u64 cursor = 0;

	return give_text(LOG_TRACE, to, len, &cursor);
}

static i64 give_random(i32 auth, u64 to, u64 len, u64 c)
{
	char part[512];
	u64 done = 0, n;

	if (len > RANDOM_MAX)
		return -EINVAL;
	while (done < len && !mm_pause()) {
		n = MIN(len - done, sizeof(part));
		random_bytes(part, n);
		if (copy_to_user(to + done, part, n))
			break;
		done += n;
	}
	memset(part, 0, sizeof(part));
	return done || !len ? (i64)done : -EFAULT;
}

static i64 power(i32 auth, u64 what, u64 code, u64 c)
{
	if (what > 2)
		return -EINVAL;
	klog("power %s", what == 0 ? "off" : what == 1 ? "cycle" : "stays, halted");
	if (what == 1)
		arch_reset();
	if (what == 0) {
		arch_exit(code);
		return -EIO;
	}
	arch_stop_others();
	arch_halt();
}

static i64 give_info(i32 auth, u64 to, u64 b, u64 c)
{
	struct weft_sys_info i = {
		.cpus = ncpus,
		.ncalls = WEFT_CALL_COUNT,
		.mem_total = frames_total * PAGE_SIZE,
		.mem_free = frames_free * PAGE_SIZE,
		.mem_kernel = slab_bytes + (mm_stats.kstacks + mm_stats.tables) * PAGE_SIZE,
		.mem = mm_stats,
		.uptime_ns = now_ns(),
		.boot_realtime_ns = realtime_off,
		.first_user_ns = first_user_ns,
		.processes = object_count[WEFT_OBJ_PROCESS],
		.threads = object_count[WEFT_OBJ_NONE],
		.forks = fork_count,
		.lock = lock_stats,
		.tsc_hz = tsc_hz,
		.kernel_entry_tsc = boot_info.entry_tsc,
	};

	for (u32 n = 0; n < ncpus; n++) {
		i.switches += cpus[n]->switches;
		i.interrupts += cpus[n]->interrupts;
		i.syscalls += cpus[n]->syscalls;
		i.reflected += cpus[n]->reflected;
	}
	memcpy(i.load, load_avg, sizeof(i.load));
	return copy_to_user(to, &i, sizeof(i));
}

static i64 give_cpus(i32 auth, u64 to, u64 n, u64 c)
{
	struct weft_cpu_info i;

	for (u32 k = 0; k < ncpus && k < n; k++) {
		i = (struct weft_cpu_info){cpus[k]->user_ns, cpus[k]->system_ns, cpus[k]->idle_ns,
			cpus[k]->irq_ns, cpus[k]->switches, cpus[k]->interrupts, cpus[k]->ipis,
			cpus[k]->shootdowns, cpus[k]->id, cpus[k]->apic_id};
		TRY(copy_to_user(to + k * sizeof(i), &i, sizeof(i)));
	}
	return ncpus;
}

static i64 give_schemes(i32 auth, u64 to, u64 n, u64 c)
{
	struct weft_scheme_info i;
	struct scheme *s;
	struct handle *h;
	u64 k = 0;

	list_for_each(s, &schemes, all_link) {
		i = (struct weft_scheme_info){s->obj.id, s->served, s->dead_replies, s->bad_replies,
			s->server ? s->server_pid : 0, s->rank, s->nreq, s->max, 0, s->gone};
		list_for_each(h, &s->handles, link)
			i.handles++;
		if (k++ < n)
			TRY(copy_to_user(to + (k - 1) * sizeof(i), &i, sizeof(i)));
	}
	return (i64)k;
}

static i64 give_objects(i32 auth, u64 to, u64 n, u64 c)
{
	u64 v[WEFT_OBJ_COUNT + 2];

	chan_collect();
	sched_reap();
	memcpy(v, object_count, sizeof(object_count));
	v[WEFT_OBJ_COUNT] = slab_bytes;
	v[WEFT_OBJ_COUNT + 1] = frames_free;
	n = MIN(n, ARRAY_SIZE(v));
	TRY(copy_to_user(to, v, n * sizeof(v[0])));
	return (i64)n;
}

static i64 unserved(i32 auth, u64 call, u64 b, u64 c)
{
	if (call >= ARRAY_SIZE(calls_unserved))
		return -EINVAL;
	calls_unserved[call]++;
	return 0;
}

static i64 unserved_read(i32 auth, u64 to, u64 b, u64 c)
{
	return copy_to_user(to, calls_unserved, sizeof(calls_unserved));
}

static i64 give_acpi(u64 to, u64 len)
{
	struct {
		char sig[4];
		u32 nth;
	} want;
	const char *t;
	u32 size;

	if (len < sizeof(want))
		return -EINVAL;
	TRY(copy_from_user(&want, to, sizeof(want)));
	t = acpi_find(want.sig, want.nth);
	if (!t)
		return -ENOENT;
	memcpy(&size, t + 4, 4);
	return give(to, len, t, size);
}

static i64 boot_data(i32 auth, u64 what, u64 to, u64 len)
{
	const struct boot_info *b = &boot_info;

	switch (what) {
	case WEFT_BOOT_CMDLINE:
		return give(to, len, b->cmdline, strlen(b->cmdline) + 1);
	case WEFT_BOOT_FB:
		return b->fb.width ? give(to, len, &b->fb, sizeof(b->fb)) : -ENOENT;
	case WEFT_BOOT_ACPI:
		return give_acpi(to, len);
	}
	return -EINVAL;
}

static i64 clock_get(i32 auth, u64 clock, u64 b, u64 c)
{
	if (clock > WEFT_CLOCK_THREAD_CPU && clock != WEFT_CLOCK_BOOTTIME)
		return -EINVAL;
	return (i64)clock_ns((u32)clock, current_thread());
}

static i64 clock_set(i32 auth, u64 ns, u64 b, u64 c)
{
	if ((i64)ns < 0 || ns < now_ns())
		return -EINVAL;
	time_set_realtime(ns);
	return 0;
}

static const struct {
	i64 (*fn)(i32 auth, u64 a, u64 b, u64 c);
	u32 authority; /* that auth must have, but where fn looks at it */
} ops[] = {
	[WEFT_SYS_RES_DERIVE] = {resource_derive, 0},
	[WEFT_SYS_RES_RESET] = {resource_reset, 0},
	[WEFT_SYS_LOG] = {log_line, 0},
	[WEFT_SYS_LOG_READ] = {log_read, WEFT_RES_LOG},
	[WEFT_SYS_POWER] = {power, WEFT_RES_POWER},
	[WEFT_SYS_CLOCK_GET] = {clock_get, 0},
	[WEFT_SYS_CLOCK_SET] = {clock_set, WEFT_RES_CLOCK},
	[WEFT_SYS_INFO] = {give_info, 0},
	[WEFT_SYS_RANDOM] = {give_random, 0},
	[WEFT_SYS_UNSERVED] = {unserved, 0},
	[WEFT_SYS_BOOT] = {boot_data, WEFT_RES_LOG},
	[WEFT_SYS_OBJECTS] = {give_objects, WEFT_RES_LOG},
	[WEFT_SYS_TRACE_READ] = {trace_read, WEFT_RES_LOG},
	[WEFT_SYS_CPU] = {give_cpus, 0},
	[WEFT_SYS_UNSERVED_READ] = {unserved_read, WEFT_RES_LOG},
	[WEFT_SYS_SCHEMES] = {give_schemes, WEFT_RES_LOG},
};

i64 sys_sys_ctl(u64 auth, u64 op, u64 a, u64 b, u64 c)
{
	if (op >= ARRAY_SIZE(ops))
		return -EINVAL;
	if (ops[op].authority && resource_require((i32)auth, ops[op].authority, NULL))
		return -EPERM;
	return ops[op].fn((i32)auth, a, b, c);
}

/* Publishes the console as `debug`, and as `sys` the authority to see counters and logs. */
void builtin_init(struct namespace *root)
{
	const struct weft_res log = {.kinds = WEFT_RES_LOG};
	struct resource *sys;

	kassert(!ns_publish(root, "debug", console_object()));
	kassert(!resource_create(&log, &sys) && !ns_publish(root, "sys", &sys->obj));
	object_put(&sys->obj);
}
