/* SPDX-License-Identifier: MIT */
/*
 * A process begins: its state is made from the start block (posix/start.h), the program is mapped, its stack filled as the System V
 * ABI says, and the frame set to the program's (or its interpreter's) first instruction. What fails here ends the process.
 */
#include "../path/path.h"
#include "../time/clock.h"
#include <native/elf.h>
#include <posix/public.h>

#define STACK_MAX (8ul << 20)
#define STACK_TOP (WEFT_RT_MIN - 0x200000ul)
#define PIE_BASE 0x555555554000ul
#define INTERP_ROOM (8ul << 20)

enum { AT_NULL, AT_PHDR = 3, AT_PHENT, AT_PHNUM, AT_PAGESZ, AT_BASE, AT_FLAGS, AT_ENTRY, AT_UID = 11, AT_EUID, AT_GID, AT_EGID, AT_PLATFORM, AT_HWCAP,
	AT_CLKTCK, AT_SECURE = 23, AT_RANDOM = 25, AT_HWCAP2 = 26, AT_EXECFN = 31, AT_SYSINFO_EHDR = 33, AT_MINSIGSTKSZ = 51 };

static void fail(const char *what, i64 err) __attribute__((noreturn));
static void fail(const char *what, i64 err)
{
	rt_log("posix: pid %u cannot start: %s: error %ld", rt_tp()->pid, what, -err);
	rt_die(SIGKILL);
}

static void cpuid(u32 leaf, u32 sub, u32 r[4])
{
	asm volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(sub));
}

static u32 fpu_find(struct rt_proc *p)
{
	u32 r[4], lo, hi, hwcap;

	cpuid(1, 0, r);
	hwcap = r[3];
	if (r[2] & (1u << 27)) { /* OSXSAVE */
		asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
		p->xsave_mask = lo | (u64)hi << 32;
		cpuid(13, 0, r);
		p->xsave_size = r[1];
	}
	return hwcap;
}

static const struct posix_rlimit default_limits[RLIMIT_COUNT] = {
	[0 ... RLIMIT_COUNT - 1] = {RLIM_INFINITY, RLIM_INFINITY},
	[RLIMIT_STACK] = {STACK_MAX, RLIM_INFINITY},
	[RLIMIT_CORE] = {0, RLIM_INFINITY},
	[RLIMIT_NPROC] = {31000, 31000},
	[RLIMIT_NOFILE] = {1024, 524288},
	[RLIMIT_MEMLOCK] = {8ul << 20, 8ul << 20},
	[RLIMIT_SIGPENDING] = {31000, 31000},
	[RLIMIT_MSGQUEUE] = {819200, 819200},
	[RLIMIT_NICE] = {0, 0},
	[RLIMIT_RTPRIO] = {0, 0},
};

void rt_runtime_record(struct weft_runtime *r)
{
	*r = (struct weft_runtime){
		.start = (u64)rt_image,
		.end = (u64)rt_code_end,
		.entry = (u64)rt_entry,
		.upcall = (u64)rt_upcall,
		.fault = (u64)rt_fault,
		.tail_start = (u64)rt_tail_start,
		.tail_end = (u64)rt_tail_end,
	};
}

static bool in_block(const struct posix_start *s, u64 off, u64 len)
{
	return off <= s->size && len <= s->size - off;
}

static void take_mounts(struct rt_proc *p, const struct posix_start *s)
{
	const struct posix_mount *m = (const void *)((const u8 *)s + s->mounts);

	if (s->nmounts > RT_MOUNTS || !in_block(s, s->mounts, s->nmounts * sizeof(*m)) || (s->mounts & 7))
		fail("mounts", -EINVAL);
	for (u32 i = 0; i < s->nmounts; i++)
		rt_mount_set(&p->mounts[i], &m[i], i + 1);
	p->nmounts = s->nmounts;
	p->next_mount_id = s->nmounts + 1;
	if (!p->nmounts && p->root >= 0) {
		struct posix_mount root = {.at = -1, .root = p->root, .path = "/"};
		rt_mount_set(&p->mounts[0], &root, 1);
		p->nmounts = 1;
		p->next_mount_id = 2;
	}
}

static struct rt_proc *state_make(const struct posix_start *s)
{
	u64 at = POSIX_SLOT(0) + POSIX_SLOT_STATE;
	i64 r = NC(MEM_MAP, -1, at, POSIX_STATE_SIZE, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_FIXED | WEFT_MAP_RUNTIME, -1, 0);
	struct rt_proc *p = (struct rt_proc *)at;

	if (r < 0)
		fail("state", r);
	((struct posix_public *)rt_pp()->rt)->state = at;
	p->slot_used[0] = 1;
	p->root = s->root;
	p->cwd = s->cwd >= 0 ? s->cwd : s->root;
	if (p->cwd == p->root && p->root >= 0)
		p->cwd = NC(FD_DUP, p->root, 0, WEFT_DUP_PRIVATE, WEFT_RIGHT_ALL);
	p->exe = s->exe;
	p->runtime = s->runtime;
	p->time_page = s->time_page;
	p->proc = s->proc;
	p->ipc = s->ipc;
	p->net = s->net;
	p->trace = -1;
	p->cache_fd = s->name_cache > 0 ? s->name_cache : -1;
	p->umask = s->umask & 0777;
	p->flags = s->flags;
	p->dumpable = !(s->flags & POSIX_START_SECURE);
	p->nlocked = s->flags & POSIX_START_LOCKS ? RT_LOCKED + 1 : 0;
	p->timerslack = 50000;
	p->mce_kill = 2; /* PR_MCE_KILL_DEFAULT */
	for (u32 i = 0; i < 3; i++)
		p->itimer_fd[i] = s->reserved_fds[i] >= WEFT_FD_PRIVATE ? s->reserved_fds[i] : -1;
	for (u32 i = 0; i < RT_TIMERS; i++)
		p->timers[i].fd = -1;
	for (u32 n = 1; n <= 64; n++)
		if ((s->ignored & SIGBIT(n)) && !(SIGBIT(n) & UNBLOCKABLE))
			p->act[n].handler = SIG_IGN;
	rt_update_ignored(p);
	bool limits = false;
	for (u32 i = 0; i < RLIMIT_COUNT; i++)
		limits |= s->limits[i].cur || s->limits[i].max;
	memcpy(p->limits, limits ? s->limits : default_limits, sizeof(p->limits));
	if (!limits)
		NC(FD_CTL, 0, WEFT_FD_LIMIT, p->limits[RLIMIT_NOFILE].cur, 0);
	take_mounts(p, s);
	rt_schemes_begin(p);
	return p;
}

/* The strings of the block as a list: s->argc + s->envc of them, each ended inside the block. */
static void check_strings(const struct posix_start *s)
{
	const char *at = (const char *)s + s->strings;
	u32 left = s->strings_size, n = s->argc + s->envc;

	if (!in_block(s, s->strings, s->strings_size) || s->argc + (u64)s->envc > s->strings_size)
		fail("strings", -EINVAL);
	for (; n; n--) {
		u32 i = 0;
		while (i < left && at[i])
			i++;
		if (i == left)
			fail("strings", -EINVAL);
		at += i + 1;
		left -= i + 1;
	}
	if (s->exe_path) {
		const char *e = (const char *)s + s->exe_path;
		u32 i = s->exe_path;
		for (; i < s->size && (*e); i++, e++)
			;
		if (i >= s->size)
			fail("path", -EINVAL);
	}
}

static u64 object_size(i32 fd)
{
	i64 r = NC(FD_CTL, fd, WEFT_FD_SEEK, 0, 2);

	return r < 0 ? 0 : (u64)r;
}

struct program {
	struct elf_image exe, interp;
	bool has_interp;
	u64 rnd[4];
};

static void map_program(struct rt_proc *p, const struct posix_start *s, struct program *g)
{
	u64 bias = PIE_BASE + ((g->rnd[2] & 0xffffff) << WEFT_PAGE_SHIFT);
	int r = elf_load(-1, s->exe, object_size(s->exe), bias, &g->exe);
	i32 interp = s->interp;

	if (r)
		fail("program", r);
	g->has_interp = g->exe.interp[0];
	if (g->has_interp) {
		if (interp < 0)
			interp = rt_open_private(g->exe.interp, O_RDONLY);
		if (interp < 0)
			fail(g->exe.interp, interp);
		i64 at = NC(MEM_MAP, -1, 0, INTERP_ROOM, WEFT_MAP_NORESERVE, -1, 0);
		if (at < 0)
			fail("interpreter", at);
		NC(MEM_UNMAP, -1, at, INTERP_ROOM);
		r = elf_load(-1, interp, object_size(interp), at, &g->interp);
		if (r)
			fail("interpreter", r);
	}
	if (interp >= 0)
		NC(FD_CLOSE, interp);
	p->brk_start = p->brk_end = ALIGN_UP(g->exe.high, WEFT_PAGE_SIZE);
	if (g->exe.bias) {
		p->brk_start += (g->rnd[3] & 0xfff) << WEFT_PAGE_SHIFT;
		p->brk_end = p->brk_start;
	}
	p->code_start = g->exe.low;
	p->code_end = g->exe.high;
}

static u64 push_bytes(u64 *sp, const void *data, u64 n)
{
	*sp -= n;
	memcpy((void *)*sp, data, n);
	return *sp;
}

/* Takes the stack's place before the program is loaded: addresses for the interpreter are searched from the top down too. */
static void map_stack(struct rt_proc *p, const struct posix_start *s)
{
	u64 size = p->limits[RLIMIT_STACK].cur;

	size = ALIGN_UP(MIN(MAX(size, 131072ul + s->strings_size), 64 * STACK_MAX), WEFT_PAGE_SIZE);
	if (p->limits[RLIMIT_STACK].cur == RLIM_INFINITY)
		size = STACK_MAX;
	size = MAX(size, ALIGN_UP(s->strings_size + (s->argc + s->envc) * 8ul + 65536, WEFT_PAGE_SIZE));
	i64 r = NC(MEM_MAP, -1, STACK_TOP - size, size, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_FIXED | WEFT_MAP_NORESERVE, -1, 0);
	if (r < 0)
		fail("stack", r);
	p->stack_top = STACK_TOP;
	p->stack_bottom = STACK_TOP - size;
}

/* From the top: strings, random bytes, the vector, envp, argv, argc. */
static u64 fill_stack(struct rt_proc *p, const struct posix_start *s, const struct program *g, u32 hwcap)
{
	const char *strings = (const char *)s + s->strings;
	const char *exe = s->exe_path ? (const char *)s + s->exe_path : s->argc ? strings : "";
	u64 top = STACK_TOP - ((g->rnd[0] >> 8 & 0xfff) << 4), sp = top;
	if (g->exe.exec_stack)
		NC(MEM_PROTECT, -1, p->stack_bottom, STACK_TOP - p->stack_bottom, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_PROT_EXEC);

	sp -= 8;
	u64 execfn = push_bytes(&sp, exe, strlen(exe) + 1);
	u64 first = push_bytes(&sp, strings, s->strings_size);
	u64 platform = push_bytes(&sp, "x86_64", 7);
	sp = ALIGN_DOWN(sp, 16);
	u64 random = push_bytes(&sp, g->rnd, 16);
	const u64 auxv[][2] = {
		{AT_SYSINFO_EHDR, (u64)rt_vdso},
		{AT_MINSIGSTKSZ, sizeof(struct linux_sigframe) + (p->xsave_size ? p->xsave_size + 4 : 512) + 256},
		{AT_HWCAP, hwcap},
		{AT_PAGESZ, WEFT_PAGE_SIZE},
		{AT_CLKTCK, 100},
		{AT_PHDR, g->exe.phdr},
		{AT_PHENT, g->exe.phent},
		{AT_PHNUM, g->exe.phnum},
		{AT_BASE, g->has_interp ? g->interp.bias : 0},
		{AT_FLAGS, 0},
		{AT_ENTRY, g->exe.entry},
		{AT_UID, s->uid},
		{AT_EUID, s->euid},
		{AT_GID, s->gid},
		{AT_EGID, s->egid},
		{AT_SECURE, !!(s->flags & POSIX_START_SECURE)},
		{AT_RANDOM, random},
		{AT_HWCAP2, 0},
		{AT_EXECFN, execfn},
		{AT_PLATFORM, platform},
		{AT_NULL, 0},
	};
	u64 words = 1 + s->argc + 1 + s->envc + 1;
	sp -= sizeof(auxv) + words * 8;
	sp = ALIGN_DOWN(sp, 16);
	u64 *w = (u64 *)sp;
	const char *str = (const char *)first;
	*w++ = s->argc;
	p->arg_start = first;
	for (u32 i = 0; i < s->argc; i++, str += strlen(str) + 1)
		*w++ = (u64)str;
	*w++ = 0;
	p->arg_end = p->env_start = (u64)str;
	for (u32 i = 0; i < s->envc; i++, str += strlen(str) + 1)
		*w++ = (u64)str;
	*w++ = 0;
	p->env_end = (u64)str;
	p->auxv = (u64)w;
	memcpy(w, auxv, sizeof(auxv));
	rt_string_set(p->exe_path, sizeof(p->exe_path), exe);
	return sp;
}

static bool env_is(const struct rt_proc *p, const char *want)
{
	for (const char *e = (const char *)p->env_start; (u64)e < p->env_end; e += strlen(e) + 1)
		if (rt_string_eq(e, want))
			return true;
	return false;
}

static void set_name(struct rt_proc *p, const struct posix_start *s)
{
	const char *name = s->comm[0] ? s->comm : p->exe_path, *slash = name;

	for (const char *c = name; *c && c < name + 255; c++)
		if (*c == '/' && c[1])
			slash = c + 1;
	rt_string_set(p->comm, sizeof(p->comm), slash);
	rt_string_set(rt_thread()->name, 16, p->comm);
	NC(PROC_CTL, -1, WEFT_PROC_SET_NAME, p->comm, strlen(p->comm), 0);
}

void rt_publish(struct rt_proc *p)
{
	struct posix_public *pub = (struct posix_public *)rt_pp()->rt;
	u64 caught = 0;

	for (u32 n = 1; n <= 64; n++)
		caught |= p->act[n].handler > SIG_IGN ? SIGBIT(n) : 0;
	*pub = (struct posix_public){
		.state = pub->state, .arg_start = p->arg_start, .arg_end = p->arg_end, .env_start = p->env_start, .env_end = p->env_end,
		.auxv = p->auxv, .auxv_end = p->auxv + 21 * 16, .brk_start = p->brk_start, .brk_end = p->brk_end, .stack_top = p->stack_top,
		.ignored = p->ignored, .caught = caught, .root = p->root, .cwd = p->cwd, .exe = p->exe, .umask = p->umask, .nice = rt_thread()->nice,
		.undumpable = !p->dumpable,
	};
}

void rt_start(struct posix_start *s, struct rt_frame *f);
void rt_start(struct posix_start *s, struct rt_frame *f)
{
	struct weft_runtime record;
	struct program g = {0};
	u32 size;

	if (s->magic != POSIX_START_MAGIC || s->version != POSIX_START_VERSION || s->size < sizeof(*s) || s->size > POSIX_START_MAX)
		fail("start block", -EINVAL);
	size = s->size;
	check_strings(s);
	struct rt_proc *p = state_make(s);
	rt_runtime_record(&record);
	i64 r = NC(PROC_CTL, -1, WEFT_PROC_SET_RUNTIME, &record, 0, 0);
	if (r < 0)
		fail("runtime", r);
	NC(SYS_CTL, -1, WEFT_SYS_RANDOM, g.rnd, sizeof(g.rnd), 0);
	u32 hwcap = fpu_find(p);
	map_stack(p, s);
	map_program(p, s, &g);
	u64 sp = fill_stack(p, s, &g, hwcap);
	set_name(p, s);
	/* What a set-id program does is not its caller's to watch. */
	if (!(s->flags & POSIX_START_SECURE) && ((s->flags & POSIX_START_STRACE) || env_is(p, "WEFT_STRACE=1"))) {
		p->trace = NC(FD_DUP, 2, 0, WEFT_DUP_PRIVATE, WEFT_RIGHT_ALL);
		rt_thread()->flags |= RT_TRACE;
	}
	rt_publish(p);
	NC(MEM_UNMAP, -1, POSIX_START_ADDR, ALIGN_UP(size, WEFT_PAGE_SIZE));
	memset(f, 0, sizeof(*f));
	f->orig = -1;
	f->regs.rip = g.has_interp ? g.interp.entry : g.exe.entry;
	f->regs.rsp = sp;
	f->regs.rflags = 0x202;
}
