/* SPDX-License-Identifier: MIT */
/* The texts of /proc/PID, in the formats of proc_pid_stat(5) and its siblings. */
#include "proc.h"

#include <posix/public.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TICK 10000000ull /* USER_HZ 100 */

void text_bytes(struct text *t, const void *p, u64 n)
{
	if (t->len + n > t->cap) {
		u64 cap = (t->len + n) * 2 + 256;
		char *q = realloc(t->p, cap);
		if (!q) {
			t->failed = true;
			return;
		}
		t->p = q;
		t->cap = cap;
	}
	memcpy(t->p + t->len, p, n);
	t->len += n;
}

void text_add(struct text *t, const char *fmt, ...)
{
	char buf[1024];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	text_bytes(t, buf, n < (int)sizeof(buf) ? (u64)n : sizeof(buf) - 1);
}

/* Information on the process, and on the thread where p names one. */
static int look(const struct pnode *p, struct weft_proc_info *info, struct weft_thread_info *th)
{
	i32 fd = process_open(p->pid);
	if (fd < 0)
		return fd;
	i64 e = weft_proc_ctl((u64)fd, WEFT_PROC_INFO, PTR(info), 0, 0);
	memset(th, 0, sizeof(*th));
	if (e >= 0 && weft_thread_ctl((u64)fd, p->tid ? p->tid : p->pid, WEFT_THREAD_INFO, PTR(th), 0) < 0 && p->tid)
		e = -ESRCH;
	weft_fd_close((u64)fd);
	if (e >= 0 && p->tid) {
		info->state = th->state;
		info->used.user_ns = th->used.user_ns;
		info->used.system_ns = th->used.system_ns;
		memcpy(info->name, th->name, sizeof(info->name));
	}
	return e < 0 ? (int)e : 0;
}

static u64 clock_tick(u64 ns)
{
	return ns / TICK;
}

static int text_stat(struct text *t, const struct pnode *p, const struct fsreq *r)
{
	struct weft_proc_info i;
	struct weft_thread_info th;
	struct posix_public pub = {0};
	int e = look(p, &i, &th);
	(void)r;
	if (e)
		return e;
	const struct weft_identity *id = fs_identity(i.identity);
	read_public(p->pid, &pub);
	/* tty_nr and tpgid are not known here: the terminals are another server's. */
	text_add(t, "%u (%.15s) %c %u %u %u 0 -1 4194304 %llu 0 %llu 0 %llu %llu %llu %llu 20 %d %u 0 %llu %llu %llu 18446744073709551615 ",
		p->tid ? p->tid : p->pid, i.name, i.state ? (char)i.state : 'S', i.ppid, id ? id->pgid : 0, id ? id->sid : 0,
		(unsigned long long)i.used.faults_minor, (unsigned long long)i.used.faults_major,
		(unsigned long long)clock_tick(i.used.user_ns), (unsigned long long)clock_tick(i.used.system_ns),
		(unsigned long long)clock_tick(i.children.user_ns), (unsigned long long)clock_tick(i.children.system_ns), pub.nice,
		i.threads, (unsigned long long)clock_tick(i.start_ns), (unsigned long long)i.mem_mapped,
		(unsigned long long)(i.mem_resident / 4096));
	text_add(t, "1 1 %llu 0 0 %llu %llu %llu %llu 0 0 0 17 %u 0 0 0 0 0 0 0 %llu %llu %llu %llu %llu %u\n",
		(unsigned long long)pub.stack_top, (unsigned long long)((i.pending | th.pending) & 0x7fffffff),
		(unsigned long long)(th.blocked & 0x7fffffff), (unsigned long long)(pub.ignored & 0x7fffffff),
		(unsigned long long)(pub.caught & 0x7fffffff), th.cpu, (unsigned long long)pub.brk_start,
		(unsigned long long)pub.arg_start, (unsigned long long)pub.arg_end, (unsigned long long)pub.env_start,
		(unsigned long long)pub.env_end, i.exit_status);
	return 0;
}

static int text_statm(struct text *t, const struct pnode *p, const struct fsreq *r)
{
	struct weft_proc_info i;
	int e = process_info(p->pid, &i);
	(void)r;
	if (!e)
		text_add(t, "%llu %llu %llu 1 0 %llu 0\n", (unsigned long long)(i.mem_mapped / 4096),
			(unsigned long long)(i.mem_resident / 4096), (unsigned long long)(i.mem_shared / 4096),
			(unsigned long long)((i.mem_resident - i.mem_shared) / 4096));
	return e;
}

static const char *state_name(u32 s)
{
	switch (s) {
	case 'R': return "R (running)";
	case 'D': return "D (disk sleep)";
	case 'T': return "T (stopped)";
	case 'Z': return "Z (zombie)";
	}
	return "S (sleeping)";
}

static int text_status(struct text *t, const struct pnode *p, const struct fsreq *r)
{
	struct weft_proc_info i;
	struct weft_thread_info th;
	struct posix_public pub = {0};
	int e = look(p, &i, &th);
	(void)r;
	if (e)
		return e;
	read_public(p->pid, &pub);
	static const struct weft_identity nobody;
	const struct weft_identity *id = fs_identity(i.identity);
	if (!id)
		id = &nobody;
	text_add(t, "Name:\t%.15s\nUmask:\t%04o\nState:\t%s\nTgid:\t%u\nNgid:\t0\nPid:\t%u\nPPid:\t%u\nTracerPid:\t0\n", i.name,
		pub.umask, state_name(i.state), p->pid, p->tid ? p->tid : p->pid, i.ppid);
	text_add(t, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t%u\nGroups:\t", id->uid, id->euid, id->suid, id->fsuid,
		id->gid, id->egid, id->sgid, id->fsgid, i.nfds < 64 ? 64 : i.nfds);
	for (u32 k = 0; k < id->ngroups && k < WEFT_IDENT_GROUPS; k++)
		text_add(t, "%u ", id->groups[k]);
	text_add(t, "\nNStgid:\t%u\nNSpid:\t%u\nNSpgid:\t%u\nNSsid:\t%u\n", p->pid, p->tid ? p->tid : p->pid, id->pgid, id->sid);
	text_add(t, "VmPeak:\t%8llu kB\nVmSize:\t%8llu kB\nVmLck:\t       0 kB\nVmHWM:\t%8llu kB\nVmRSS:\t%8llu kB\nRssAnon:\t%8llu kB\n"
		    "RssFile:\t%8llu kB\nRssShmem:\t       0 kB\nVmData:\t%8llu kB\nVmStk:\t     132 kB\nVmSwap:\t       0 kB\n",
		(unsigned long long)(i.mem_mapped / 1024), (unsigned long long)(i.mem_mapped / 1024),
		(unsigned long long)(i.mem_resident / 1024), (unsigned long long)(i.mem_resident / 1024),
		(unsigned long long)((i.mem_resident - i.mem_shared) / 1024), (unsigned long long)(i.mem_shared / 1024),
		(unsigned long long)(i.mem_mapped / 1024));
	text_add(t, "Threads:\t%u\nSigQ:\t0/7000\nSigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\nSigIgn:\t%016llx\nSigCgt:\t%016llx\n",
		i.threads, (unsigned long long)th.pending, (unsigned long long)i.pending,
		(unsigned long long)th.blocked, (unsigned long long)pub.ignored, (unsigned long long)pub.caught);
	text_add(t, "CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\nCapAmb:\t%016llx\nNoNewPrivs:\t%u\nSeccomp:\t0\n",
		(unsigned long long)id->cap_inheritable, (unsigned long long)id->cap_permitted & 0x1ffffffffffull,
		(unsigned long long)id->cap_effective & 0x1ffffffffffull, (unsigned long long)id->cap_bounding & 0x1ffffffffffull,
		(unsigned long long)id->cap_ambient, id->flags & WEFT_IDENT_NO_NEW_PRIVS ? 1 : 0);
	text_add(t, "Cpus_allowed:\t%llx\nvoluntary_ctxt_switches:\t%llu\nnonvoluntary_ctxt_switches:\t%llu\n",
		(unsigned long long)th.affinity, (unsigned long long)i.used.switches_voluntary, (unsigned long long)i.used.switches_forced);
	return 0;
}

static int text_comm(struct text *t, const struct pnode *p, const struct fsreq *r)
{
	struct weft_proc_info i;
	struct weft_thread_info th;
	int e = look(p, &i, &th);
	(void)r;
	if (!e)
		text_add(t, "%.15s\n", i.name);
	return e;
}

static int memory_range(struct text *t, u32 pid, u64 start, u64 end)
{
	static char buf[65536];
	while (start < end && end - start < 4 << 20) {
		u64 n = end - start < sizeof(buf) ? end - start : sizeof(buf);
		int e = read_memory(pid, start, buf, n);
		if (e)
			return t->len ? 0 : e == -EFAULT ? 0 : e;
		text_bytes(t, buf, n);
		start += n;
	}
	return 0;
}

static int text_cmdline(struct text *t, const struct pnode *p, const struct fsreq *r)
{
	struct posix_public pub;
	(void)r;
	return read_public(p->pid, &pub) ? 0 : memory_range(t, p->pid, pub.arg_start, pub.arg_end);
}

static int text_environ(struct text *t, const struct pnode *p, const struct fsreq *r)
{
	struct posix_public pub;
	(void)r;
	return read_public(p->pid, &pub) ? 0 : memory_range(t, p->pid, pub.env_start, pub.env_end);
}

static int text_auxv(struct text *t, const struct pnode *p, const struct fsreq *r)
{
	struct posix_public pub;
	(void)r;
	return read_public(p->pid, &pub) ? 0 : memory_range(t, p->pid, pub.auxv, pub.auxv_end);
}

static int text_maps(struct text *t, const struct pnode *p, const struct fsreq *r)
{
	static struct weft_vma v[512];
	struct posix_public pub = {0};
	(void)r;
	i32 fd = process_open(p->pid);
	if (fd < 0)
		return fd;
	i64 as = weft_proc_ctl((u64)fd, WEFT_PROC_AS, 0, 0, 0);
	weft_fd_close((u64)fd);
	if (as < 0)
		return as == -ESRCH ? 0 : (int)as;
	read_public(p->pid, &pub);
	u64 at = 0;
	for (;;) {
		i64 n = weft_mem_query((u64)as, WEFT_QUERY_VMAS, at, WEFT_USER_MAX - at, PTR(v), 512);
		for (i64 i = 0; i < n; i++) {
			if (v[i].end > WEFT_RT_MIN) /* the runtime's own range is not the program's */
				continue;
			const char *name = v[i].name;
			if (v[i].end == pub.stack_top || (v[i].start < pub.stack_top && pub.stack_top <= v[i].end))
				name = "[stack]";
			else if (!v[i].mem && v[i].start >= pub.brk_start && v[i].start < pub.brk_end)
				name = "[heap]";
			text_add(t, "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu %*s%.56s\n", (unsigned long long)v[i].start,
				(unsigned long long)v[i].end, v[i].prot_flags & WEFT_PROT_READ ? 'r' : '-',
				v[i].prot_flags & WEFT_PROT_WRITE ? 'w' : '-', v[i].prot_flags & WEFT_PROT_EXEC ? 'x' : '-',
				v[i].prot_flags & WEFT_MAP_SHARED ? 's' : 'p', (unsigned long long)v[i].offset,
				(unsigned)(v[i].dev >> 8 & 0xfff), (unsigned)(v[i].dev & 0xff), (unsigned long long)v[i].ino,
				name[0] ? 20 : 0, "", name);
			}
		if (n < 512)
			break;
		at = v[n - 1].end;
	}
	weft_fd_close((u64)as);
	return 0;
}

static int text_mounts(struct text *t, const struct pnode *p, const struct fsreq *r)
{
	(void)r;
	mounts_text(t, strcmp(p->file->name, "mountinfo") == 0);
	return 0;
}

static int text_limits(struct text *t, const struct pnode *p, const struct fsreq *r)
{
	static const struct {
		const char *name, *unit;
		int kernel; /* enum weft_limit, or -1 */
		const char *soft, *hard;
	} rows[] = {
		{"Max cpu time", "seconds", -1, "unlimited", "unlimited"},
		{"Max file size", "bytes", -1, "unlimited", "unlimited"},
		{"Max data size", "bytes", -1, "unlimited", "unlimited"},
		{"Max stack size", "bytes", -1, "8388608", "unlimited"},
		{"Max core file size", "bytes", -1, "0", "unlimited"},
		{"Max resident set", "bytes", -1, "unlimited", "unlimited"},
		{"Max open files", "files", WEFT_LIMIT_FDS, "1024", "1048576"},
		{"Max address space", "bytes", WEFT_LIMIT_AS, "unlimited", "unlimited"},
	};
	(void)r;
	i32 fd = process_open(p->pid);
	if (fd < 0)
		return fd;
	text_add(t, "%-26s%-21s%-21s%-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units     ");
	for (u32 i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char soft[24];
		i64 v = rows[i].kernel < 0 ? -1 : weft_proc_ctl((u64)fd, WEFT_PROC_LIMIT, (u64)rows[i].kernel, (u64)-1, 0);
		if (rows[i].kernel >= 0 && v >= 0 && v < INT64_MAX)
			snprintf(soft, sizeof(soft), "%lld", (long long)v);
		else
			snprintf(soft, sizeof(soft), "%s", rows[i].soft);
		text_add(t, "%-26s%-21s%-21s%-10s\n", rows[i].name, soft, rows[i].hard, rows[i].unit);
	}
	weft_fd_close((u64)fd);
	return 0;
}

static int text_fdinfo(struct text *t, const struct pnode *p, const struct fsreq *r)
{
	struct weft_fd_info info;
	(void)r;
	i32 proc = process_open(p->pid);
	if (proc < 0)
		return proc;
	i64 e = weft_proc_ctl((u64)proc, WEFT_PROC_FDS, PTR(&info), (u64)p->fd, 0);
	weft_fd_close((u64)proc);
	if (e < 0)
		return -ENOENT;
	text_add(t, "pos:\t0\nflags:\t0%o\nmnt_id:\t%llu\nino:\t%llu\n", info.status, (unsigned long long)info.attr.mount,
		(unsigned long long)info.attr.ino);
	if (info.type == WEFT_OBJ_PROCESS)
		text_add(t, "Pid:\t%llu\nNSpid:\t%llu\n", (unsigned long long)info.koid2, (unsigned long long)info.koid2);
	return 0;
}

static int text_constant(struct text *t, const struct pnode *p, const struct fsreq *r)
{
	static const char *const texts[][2] = {{"cgroup", "0::/\n"}, {"oom_score", "0\n"}, {"oom_score_adj", "0\n"},
		{"oom_adj", "0\n"}, {"loginuid", "4294967295"}, {"sessionid", "4294967295"}, {"wchan", "0"}};
	(void)r;
	for (u32 i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(texts[i][0], p->file->name) == 0)
			text_add(t, "%s", texts[i][1]);
	return 0;
}

static int text_io(struct text *t, const struct pnode *p, const struct fsreq *r)
{
	(void)p;
	(void)r;
	text_add(t, "rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n");
	return 0;
}

const struct pfile pid_files[] = {
	{"stat", 0444, text_stat, false, false},
	{"statm", 0444, text_statm, false, false},
	{"status", 0444, text_status, false, false},
	{"comm", 0644, text_comm, false, false},
	{"cmdline", 0444, text_cmdline, false, false},
	{"environ", 0400, text_environ, true, false},
	{"auxv", 0400, text_auxv, true, false},
	{"maps", 0444, text_maps, true, false},
	{"mounts", 0444, text_mounts, false, false},
	{"mountinfo", 0444, text_mounts, false, false},
	{"limits", 0444, text_limits, false, false},
	{"io", 0400, text_io, true, false},
	{"cgroup", 0444, text_constant, false, false},
	{"oom_score", 0444, text_constant, false, true},
	{"oom_score_adj", 0644, text_constant, false, true},
	{"oom_adj", 0644, text_constant, false, true},
	{"loginuid", 0644, text_constant, false, true},
	{"sessionid", 0444, text_constant, false, true},
	{"wchan", 0444, text_constant, false, false},
	{"fdinfo/", 0444, text_fdinfo, true, true},
	{0},
};
