/* SPDX-License-Identifier: MIT */
/* The files of /proc that speak of the whole system, in the formats of proc(5). */
#include "proc.h"

#include <cpuid.h>
#include <native/start.h>
#include <native/time.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define MAX_CPUS 64

static struct weft_sys_info sys_info(void)
{
	struct weft_sys_info i = {0};
	weft_sys_ctl((u64)-1, WEFT_SYS_INFO, PTR(&i), 0, 0);
	return i;
}

static void flag_names(struct text *t)
{
	/* CPUID leaf 1 edx and ecx, in Linux's words (asm/cpufeatures.h). */
	static const char *const edx[32] = {"fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", 0, "sep", "mtrr",
		"pge", "mca", "cmov", "pat", "pse36", "pn", "clflush", 0, "dts", "acpi", "mmx", "fxsr", "sse", "sse2", "ss", "ht", "tm", "ia64", "pbe"};
	static const char *const ecx[32] = {"pni", "pclmulqdq", "dtes64", "monitor", "ds_cpl", "vmx", "smx", "est", "tm2", "ssse3", "cid",
		"sdbg", "fma", "cx16", "xtpr", "pdcm", 0, "pcid", "dca", "sse4_1", "sse4_2", "x2apic", "movbe", "popcnt",
		"tsc_deadline_timer", "aes", "xsave", 0, "avx", "f16c", "rdrand", "hypervisor"};
	u32 a = 0, b = 0, c = 0, d = 0;
	__get_cpuid(1, &a, &b, &c, &d);
	for (u32 i = 0; i < 32; i++)
		if (edx[i] && d >> i & 1)
			text_add(t, "%s ", edx[i]);
	for (u32 i = 0; i < 32; i++)
		if (ecx[i] && c >> i & 1)
			text_add(t, "%s ", ecx[i]);
	if (__get_cpuid(0x80000001, &a, &b, &c, &d))
		text_add(t, "%s%s%slm", d >> 11 & 1 ? "syscall " : "", d >> 20 & 1 ? "nx " : "", c & 1 ? "lahf_lm " : "");
}

static void make_cpuinfo(struct text *t)
{
	struct weft_sys_info info = sys_info();
	u32 a = 0, b = 0, c = 0, d = 0, name[12] = {0}, vendor[4] = {0};
	__get_cpuid(0, &a, &vendor[0], &vendor[2], &vendor[1]);
	__get_cpuid(1, &a, &b, &c, &d);
	for (u32 i = 0; i < 3; i++)
		__get_cpuid(0x80000002 + i, &name[i * 4], &name[i * 4 + 1], &name[i * 4 + 2], &name[i * 4 + 3]);
	const char *brand = (const char *)name;
	while (*brand == ' ')
		brand++;
	u32 family = a >> 8 & 15, model = a >> 4 & 15;
	if (family == 15)
		family += a >> 20 & 255;
	if (family >= 6)
		model |= a >> 12 & 0xf0;
	for (u32 i = 0; i < info.cpus; i++) {
		text_add(t, "processor\t: %u\nvendor_id\t: %.12s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %.47s\nstepping\t: %u\n", i,
			(const char *)vendor, family, model, brand, a & 15);
		text_add(t, "cpu MHz\t\t: %llu.%03llu\ncache size\t: 16384 KB\nphysical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\n",
			(unsigned long long)(info.tsc_hz / 1000000), (unsigned long long)(info.tsc_hz / 1000 % 1000), info.cpus, i, info.cpus);
		text_add(t, "apicid\t\t: %u\nfpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: 13\nwp\t\t: yes\nflags\t\t: ", i);
		flag_names(t);
		text_add(t, "\nbogomips\t: %llu.00\nclflush size\t: 64\ncache_alignment\t: 64\naddress sizes\t: 40 bits physical, 48 bits virtual\npower management:\n\n",
			(unsigned long long)(info.tsc_hz / 500000));
	}
}

static void make_meminfo(struct text *t)
{
	struct weft_sys_info i = sys_info();
	u64 cache = i.mem.cache * WEFT_PAGE_SIZE, shared = i.mem.shared * WEFT_PAGE_SIZE;
	u64 anon = i.mem.anon * WEFT_PAGE_SIZE, dirty = i.mem.dirty * WEFT_PAGE_SIZE;
	const struct {
		const char *name;
		u64 v;
	} rows[] = {{"MemTotal:", i.mem_total}, {"MemFree:", i.mem_free}, {"MemAvailable:", i.mem_free + cache},
		{"Buffers:", 0}, {"Cached:", cache + shared}, {"SwapCached:", 0}, {"Active:", anon},
		{"Inactive:", cache}, {"SwapTotal:", 0}, {"SwapFree:", 0}, {"Dirty:", dirty}, {"Writeback:", 0},
		{"AnonPages:", anon}, {"Mapped:", shared}, {"Shmem:", shared}, {"KReclaimable:", 0},
		{"Slab:", i.mem_kernel}, {"SReclaimable:", 0}, {"SUnreclaim:", i.mem_kernel}, {"CommitLimit:", i.mem_total / 2},
		{"Committed_AS:", anon}, {"VmallocTotal:", 34359738367ull * 1024}, {"VmallocUsed:", 0}};
	for (u32 k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
		text_add(t, "%-15s %8llu kB\n", rows[k].name, (unsigned long long)(rows[k].v / 1024));
	text_add(t, "HugePages_Total:       0\nHugePages_Free:        0\nHugepagesize:       2048 kB\n");
}

static void make_stat(struct text *t)
{
	static struct weft_cpu_info cpu[MAX_CPUS];
	struct weft_sys_info info = sys_info();
	i64 n = weft_sys_ctl((u64)-1, WEFT_SYS_CPU, PTR(cpu), MAX_CPUS, 0);
	struct weft_cpu_info sum = {0};
	if (n < 0)
		n = 0;
	if (n > MAX_CPUS)
		n = MAX_CPUS;
	for (i64 i = 0; i < n; i++) {
		sum.user_ns += cpu[i].user_ns;
		sum.system_ns += cpu[i].system_ns;
		sum.idle_ns += cpu[i].idle_ns;
		sum.irq_ns += cpu[i].irq_ns;
	}
	for (i64 i = -1; i < n; i++) {
		const struct weft_cpu_info *c = i < 0 ? &sum : &cpu[i];
		char name[12] = "cpu ";
		if (i >= 0)
			snprintf(name, sizeof(name), "cpu%lld", (long long)i);
		text_add(t, "%s %llu 0 %llu %llu 0 %llu 0 0 0 0\n", name, (unsigned long long)(c->user_ns / 10000000),
			(unsigned long long)(c->system_ns / 10000000), (unsigned long long)(c->idle_ns / 10000000),
			(unsigned long long)(c->irq_ns / 10000000));
	}
	text_add(t, "intr %llu\nctxt %llu\nbtime %llu\nprocesses %llu\nprocs_running 1\nprocs_blocked 0\n",
		(unsigned long long)info.interrupts, (unsigned long long)info.switches,
		(unsigned long long)(info.boot_realtime_ns / 1000000000), (unsigned long long)info.forks);
}

static void make_uptime(struct text *t)
{
	static struct weft_cpu_info cpu[MAX_CPUS];
	i64 n = weft_sys_ctl((u64)-1, WEFT_SYS_CPU, PTR(cpu), MAX_CPUS, 0);
	u64 up = (u64)time_monotonic() / 10000000, idle = 0;
	for (i64 i = 0; i < n && i < MAX_CPUS; i++)
		idle += cpu[i].idle_ns / 10000000;
	text_add(t, "%llu.%02llu %llu.%02llu\n", (unsigned long long)(up / 100), (unsigned long long)(up % 100),
		(unsigned long long)(idle / 100), (unsigned long long)(idle % 100));
}

static void make_loadavg(struct text *t)
{
	struct weft_sys_info i = sys_info();
	for (u32 k = 0; k < 3; k++)
		text_add(t, "%llu.%02llu ", (unsigned long long)(i.load[k] >> 16),
			(unsigned long long)((i.load[k] & 0xffff) * 100 >> 16));
	text_add(t, "1/%llu %llu\n", (unsigned long long)i.threads, (unsigned long long)i.forks);
}

static void make_uuid(struct text *t)
{
	u8 b[16] = {0};
	weft_sys_ctl((u64)-1, WEFT_SYS_RANDOM, PTR(b), sizeof(b), 0);
	b[6] = (b[6] & 15) | 0x40;
	b[8] = (b[8] & 63) | 0x80;
	for (u32 i = 0; i < 16; i++)
		text_add(t, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
	text_add(t, "\n");
}

static void make_boot_id(struct text *t)
{
	static struct text once;
	if (!once.len)
		make_uuid(&once);
	text_bytes(t, once.p, once.len);
}

static void make_cmdline(struct text *t)
{
	char buf[2048];
	i64 n = weft_sys_ctl((u64)native_fd("res:log"), WEFT_SYS_BOOT, WEFT_BOOT_CMDLINE, PTR(buf), sizeof(buf));
	if (n > 0)
		text_add(t, "%.*s\n", (int)strnlen(buf, (size_t)n), buf);
}

static const struct weft_identity *reader; /* of the text that is being made */

static void make_hostname(struct text *t)
{
	text_add(t, "%s\n", uts_of(reader)->host);
}

static void make_domainname(struct text *t)
{
	text_add(t, "%s\n", uts_of(reader)->domain);
}

struct generated {
	const char *path;
	void (*make)(struct text *t);
};
static const struct generated generated[] = {
	{"cpuinfo", make_cpuinfo},
	{"meminfo", make_meminfo},
	{"stat", make_stat},
	{"uptime", make_uptime},
	{"loadavg", make_loadavg},
	{"cmdline", make_cmdline},
	{"sys/kernel/random/uuid", make_uuid},
	{"sys/kernel/random/boot_id", make_boot_id},
	{"sys/kernel/hostname", make_hostname},
	{"sys/kernel/domainname", make_domainname},
};

static char *make_generated(struct node *n, const struct fsreq *r, u64 *len)
{
	struct text t = {0};
	reader = r->cred;
	((const struct generated *)n->priv)->make(&t);
	if (t.failed || !t.p) {
		free(t.p);
		return t.failed ? NULL : calloc(1, 1);
	}
	*len = t.len;
	return t.p;
}

static i64 read_generated(struct fsreq *r)
{
	return vfs_read_text(r, make_generated);
}

static void no_size(struct node *n, struct fsp_stat *st)
{
	(void)n;
	st->size = st->blocks = 0;
}

static const struct node_ops generated_ops = {.read = read_generated, .stat = no_size};

static const char *const fixed[][2] = {
	{"filesystems", "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tdevpts\n\text4\n"},
	{"version", "Linux version 6.12.0-weft (weft) (gcc) #1 SMP\n"},
	{"devices", "Character devices:\n  1 mem\n  4 tty\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n 13 input\n136 pts\n226 drm\n\nBlock devices:\n"},
	{"modules", ""},
	{"swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"},
	{"partitions", "major minor  #blocks  name\n\n"},
	{"diskstats", ""},
	{"vmstat", "nr_free_pages 0\npgfault 0\npgmajfault 0\n"},
	{"tty/drivers", "/dev/tty             /dev/tty        5       0 system:/dev/tty\n/dev/console         /dev/console    5       1 system:console\n"
			"/dev/ptmx            /dev/ptmx       5       2 system\npty_slave            /dev/pts      136 0-1048575 pty:slave\n"},
	{"sys/kernel/pid_max", "4194304\n"},
	{"sys/kernel/threads-max", "16384\n"},
	{"sys/kernel/ngroups_max", "64\n"},
	{"sys/kernel/cap_last_cap", "40\n"},
	{"sys/kernel/osrelease", "6.12.0-weft\n"},
	{"sys/kernel/ostype", "Linux\n"},
	{"sys/kernel/version", "#1 SMP\n"},
	{"sys/kernel/overflowuid", "65534\n"},
	{"sys/kernel/overflowgid", "65534\n"},
	{"sys/kernel/core_pattern", "core\n"},
	{"sys/kernel/randomize_va_space", "2\n"},
	{"sys/kernel/yama/ptrace_scope", "0\n"},
	{"sys/kernel/random/entropy_avail", "256\n"},
	{"sys/kernel/random/poolsize", "256\n"},
	{"sys/kernel/shmmax", "18446744073692774399\n"},
	{"sys/kernel/shmall", "18446744073692774399\n"},
	{"sys/kernel/shmmni", "4096\n"},
	{"sys/kernel/sem", "32000\t1024000000\t500\t32000\n"},
	{"sys/kernel/msgmax", "8192\n"},
	{"sys/vm/overcommit_memory", "0\n"},
	{"sys/vm/max_map_count", "65530\n"},
	{"sys/vm/mmap_min_addr", "4096\n"},
	{"sys/vm/swappiness", "0\n"},
	{"sys/fs/file-max", "1048576\n"},
	{"sys/fs/nr_open", "1048576\n"},
	{"sys/fs/pipe-max-size", "1048576\n"},
	{"sys/fs/inotify/max_user_instances", "128\n"},
	{"sys/fs/inotify/max_user_watches", "65536\n"},
	{"sys/fs/inotify/max_queued_events", "16384\n"},
	{"sys/fs/protected_symlinks", "0\n"},
	{"sys/fs/protected_hardlinks", "0\n"},
	{"sys/net/core/somaxconn", "4096\n"},
	{"net/unix", "Num       RefCount Protocol Flags    Type St Inode Path\n"},
};

int system_files(struct fs *fs)
{
	for (u32 i = 0; i < sizeof(generated) / sizeof(generated[0]); i++) {
		struct node *n = vfs_add(fs, generated[i].path, S_IFREG | 0444, 0, &generated_ops);
		if (!n)
			return -ENOMEM;
		n->priv = (void *)&generated[i];
	}
	for (u32 i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (!vfs_add_text(fs, fixed[i][0], 0444, fixed[i][1]))
			return -ENOMEM;
	struct node *self = vfs_add_link(fs, "self", "?"), *thread = vfs_add_link(fs, "thread-self", "?");
	if (!self || !thread || !vfs_add_link(fs, "mounts", "self/mounts"))
		return -ENOMEM;
	self->nops = &self_ops;
	thread->nops = &thread_self_ops;
	return 0;
}
