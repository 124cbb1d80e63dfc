/* SPDX-License-Identifier: MIT */
/* sys_ctl: resources, the log, power, clocks, counters, random bytes, boot data. Each operation
 * names the authority it needs. */
#include "builtin.h"

#define LOG_LINE_MAX   1024u
#define LOG_BURST      64ul /* lines */
#define LOG_PER_SECOND 20ul
#define RANDOM_MAX     (1ul << 20)
#define BUFFER_MAX     (256ul << 10)

u64 calls_unserved[512];

/* Without authority: -EPERM. */
static int need(i32 fd, u32 kind)
{
	struct resource *r;
	int err = resource_require(fd, kind, &r);

	if (!err)
		object_put(&r->obj);
	return err;
}

static i64 log_line(u64 from, u64 len)
{
	struct process *p = current_process();
	u64 now = now_ns(), grown;
	char line[LOG_LINE_MAX];

	if (len > LOG_LINE_MAX)
		return -EINVAL;
	if (copy_from_user(line, from, len))
		return -EFAULT;
	grown = (now - p->log_stamp) / (1000000000ul / LOG_PER_SECOND);
	if (!p->log_stamp || grown >= LOG_BURST) {
		p->log_tokens = LOG_BURST;
		p->log_stamp = now;
	} else if (grown) {
		p->log_tokens = MIN(p->log_tokens + grown, LOG_BURST);
		p->log_stamp += grown * (1000000000ul / LOG_PER_SECOND);
	}
	if (!p->log_tokens)
		return -EAGAIN;
	p->log_tokens--;
	while (len && line[len - 1] == '\n')
		len--;
	klog_user(p->name, line, len);
	return 0;
}

static i64 log_read(u64 to, u64 len, u64 ucursor)
{
	u64 cursor;
	size_t n;
	char *buf;
	i64 r;

	if (copy_from_user(&cursor, ucursor, sizeof(cursor)))
		return -EFAULT;
	len = MIN(len, BUFFER_MAX);
	buf = kmalloc(len + 1);
	if (!buf)
		return -ENOMEM;
	n = klog_read(&cursor, buf, len);
	r = (n && copy_to_user(to, buf, n)) || copy_to_user(ucursor, &cursor, sizeof(cursor))
		? -EFAULT
		: (i64)n;
	kfree(buf);
	return r;
}

static i64 trace_read(u64 to, u64 len)
{
	size_t n;
	char *buf;
	i64 r;

	len = MIN(len, BUFFER_MAX);
	buf = kmalloc(len + 1);
	if (!buf)
		return -ENOMEM;
	n = ktrace_text(buf, len);
	r = n && copy_to_user(to, buf, n) ? -EFAULT : (i64)n;
	kfree(buf);
	return r;
}

static i64 give_random(u64 to, u64 len)
{
	char part[512];
	u64 done = 0;

	if (len > RANDOM_MAX)
		return -EINVAL;
	while (done < len) {
		u64 n = MIN(len - done, sizeof(part));

		random_bytes(part, n);
		if (copy_to_user(to + done, part, n)) {
			memset(part, 0, sizeof(part));
			return done ? (i64)done : -EFAULT;
		}
		done += n;
		if (!(done & 0x3fff)) {
			bkl_drop();
			bkl_retake();
			if (thread_interrupted(current_thread()))
				break;
		}
	}
	memset(part, 0, sizeof(part));
	return (i64)done;
}

static i64 power(u64 what, u64 code)
{
	switch (what) {
	case 0:
		klog("power off");
		arch_power_off(code);
		return -EIO;
	case 1:
		klog("reboot");
		arch_reboot();
		return -EIO;
	case 2:
		klog("halted");
		arch_stop_others();
		arch_halt();
	}
	return -EINVAL;
}

void fill_sys_info(struct weft_sys_info *i)
{
	i->cpus = ncpus;
	i->ncalls = WEFT_CALL_COUNT;
	i->mem_total = frames_total * PAGE_SIZE;
	i->mem_free = frames_free * PAGE_SIZE;
	i->mem_cache = mm_stats.cache * PAGE_SIZE;
	i->mem_dirty = mm_stats.dirty * PAGE_SIZE;
	i->mem_anon = mm_stats.anon * PAGE_SIZE;
	i->mem_shared = mm_stats.shared * PAGE_SIZE;
	i->mem_kernel = slab_bytes + (mm_stats.kstacks + mm_stats.tables) * PAGE_SIZE;
	i->uptime_ns = now_ns();
	i->boot_realtime_ns = realtime_off;
	i->first_user_ns = first_user_ns;
	i->processes = object_count[WEFT_OBJ_PROCESS];
	i->threads = thread_count;
	i->forks = fork_count;
	for (u32 c = 0; c < ncpus; c++) {
		i->switches += cpus[c]->switches;
		i->interrupts += cpus[c]->interrupts;
		i->syscalls += cpus[c]->syscalls;
		i->reflected += cpus[c]->reflected;
	}
	i->lock_acquired = lock_stats.acquired;
	i->lock_contended = lock_stats.contended;
	i->lock_wait_ns = lock_stats.wait_ns;
	i->lock_hold_max_ns = lock_stats.hold_max_ns;
	i->lock_hold_ns = lock_stats.hold_ns;
	for (u32 k = 0; k < 3; k++)
		i->load[k] = load_avg[k];
	i->tsc_hz = tsc_hz;
	i->kernel_entry_tsc = boot_info.entry_tsc;
	i->oom_kills = mm_stats.oom_kills;
}

static i64 give_info(u64 to)
{
	struct weft_sys_info i;

	memset(&i, 0, sizeof(i));
	fill_sys_info(&i);
	return copy_to_user(to, &i, sizeof(i)) ? -EFAULT : 0;
}

static i64 give_cpus(u64 to, u64 n)
{
	struct weft_cpu_info i;

	for (u32 c = 0; c < ncpus && c < n; c++) {
		i = (struct weft_cpu_info){cpus[c]->user_ns, cpus[c]->system_ns, cpus[c]->idle_ns,
			cpus[c]->irq_ns, cpus[c]->switches, cpus[c]->interrupts, cpus[c]->ipis,
			cpus[c]->shootdowns, cpus[c]->id, cpus[c]->apic_id};
		if (copy_to_user(to + c * sizeof(i), &i, sizeof(i)))
			return -EFAULT;
	}
	return ncpus;
}

static i64 give_objects(u64 to, u64 n)
{
	u64 v[WEFT_OBJ_COUNT + 2];

	chan_collect();
	sched_reap();
	memcpy(v, object_count, sizeof(object_count));
	v[WEFT_OBJ_COUNT] = slab_bytes;
	v[WEFT_OBJ_COUNT + 1] = frames_free;
	n = MIN(n, ARRAY_SIZE(v));
	return copy_to_user(to, v, n * sizeof(v[0])) ? -EFAULT : (i64)n;
}

static i64 give(u64 to, u64 len, const void *from, u64 have)
{
	u64 n = MIN(len, have);

	return n && copy_to_user(to, from, n) ? -EFAULT : (i64)n;
}

static i64 give_mcfg(u64 to, u64 len)
{
	const char *t = acpi_find("MCFG", 0);
	u32 size;

	if (!t)
		return -ENOENT;
	memcpy(&size, t + 4, 4);
	return size < 44 + 16 ? -ENOENT : give(to, len, t + 44, 16);
}

static i64 give_acpi(u64 to, u64 len)
{
	char sig[8];
	u32 nth, size;
	const char *t;

	if (len < sizeof(sig))
		return -EINVAL;
	if (copy_from_user(sig, to, sizeof(sig)))
		return -EFAULT;
	memcpy(&nth, sig + 4, 4);
	t = acpi_find(sig, nth);
	if (!t)
		return -ENOENT;
	memcpy(&size, t + 4, 4);
	return give(to, len, t, size);
}

static i64 boot_data(u64 what, u64 to, u64 len)
{
	switch (what) {
	case WEFT_BOOT_CMDLINE:
		return give(to, len, boot_info.cmdline, strlen(boot_info.cmdline) + 1);
	case WEFT_BOOT_RSDP:
		return give(to, len, &boot_info.rsdp, sizeof(boot_info.rsdp));
	case WEFT_BOOT_FB:
		return boot_info.fb.width ? give(to, len, &boot_info.fb, sizeof(boot_info.fb))
					  : -ENOENT;
	case WEFT_BOOT_MEMMAP:
		return give(to, len, boot_info.ranges,
			boot_info.nranges * sizeof(boot_info.ranges[0]));
	case WEFT_BOOT_MCFG:
		return give_mcfg(to, len);
	case WEFT_BOOT_ACPI:
		return give_acpi(to, len);
	}
	return -EINVAL;
}

/* Rises each time that free memory falls under its low mark. One for all who ask. */
static struct object *pressure;

static void pressure_rise(void)
{
	counter_add(pressure, 1);
}

void pressure_init(void)
{
	kassert(!counter_create(0, false, &pressure));
	mm_pressure_hook = pressure_rise;
}

static i64 memory_pressure(void)
{
	return fd_install(current_process(), pressure, WEFT_RIGHT_READ | WEFT_RIGHT_DUP,
		WEFT_DUP_CLOEXEC | WEFT_DUP_PRIVATE);
}

static i64 clock_get(u64 clock)
{
	switch (clock) {
	case WEFT_CLOCK_REALTIME:
	case WEFT_CLOCK_MONOTONIC:
	case WEFT_CLOCK_PROCESS_CPU:
	case WEFT_CLOCK_THREAD_CPU:
	case WEFT_CLOCK_BOOTTIME:
		return (i64)clock_ns((u32)clock, current_thread());
	}
	return -EINVAL;
}

static u32 authority_for(u64 op)
{
	switch (op) {
	case WEFT_SYS_LOG_READ:
	case WEFT_SYS_BOOT:
	case WEFT_SYS_OBJECTS:
	case WEFT_SYS_TRACE_READ:
	case WEFT_SYS_UNSERVED_READ:
		return WEFT_RES_LOG;
	case WEFT_SYS_POWER:
		return WEFT_RES_POWER;
	case WEFT_SYS_CLOCK_SET:
		return WEFT_RES_CLOCK;
	}
	return 0;
}

i64 sys_sys_ctl(u64 auth, u64 op, u64 a, u64 b, u64 c)
{
	u32 kind = authority_for(op);
	int err = kind ? need((i32)auth, kind) : 0;

	if (err)
		return err;
	switch (op) {
	case WEFT_SYS_RES_DERIVE:
		return resource_derive((i32)auth, a);
	case WEFT_SYS_RES_RESET:
		return resource_reset((i32)auth, (i32)a);
	case WEFT_SYS_LOG:
		return log_line(a, b);
	case WEFT_SYS_LOG_READ:
		return log_read(a, b, c);
	case WEFT_SYS_POWER:
		return power(a, b);
	case WEFT_SYS_CLOCK_GET:
		return clock_get(a);
	case WEFT_SYS_CLOCK_SET:
		if ((i64)a < 0 || a < now_ns())
			return -EINVAL;
		time_set_realtime(a);
		return 0;
	case WEFT_SYS_INFO:
		return give_info(a);
	case WEFT_SYS_RANDOM:
		return give_random(a, b);
	case WEFT_SYS_UNSERVED:
		if (a >= ARRAY_SIZE(calls_unserved))
			return -EINVAL;
		calls_unserved[a]++;
		return 0;
	case WEFT_SYS_BOOT:
		return boot_data(a, b, c);
	case WEFT_SYS_OBJECTS:
		return give_objects(a, b);
	case WEFT_SYS_TRACE_READ:
		return trace_read(a, b);
	case WEFT_SYS_CPU:
		return give_cpus(a, b);
	case WEFT_SYS_UNSERVED_READ:
		return copy_to_user(a, calls_unserved, sizeof(calls_unserved)) ? -EFAULT : 0;
	case WEFT_SYS_MEMORY_PRESSURE:
		return memory_pressure();
	}
	return -EINVAL;
}
