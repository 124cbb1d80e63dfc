/* SPDX-License-Identifier: MIT */
/*
 * execve. All that can go wrong is found out before the point of no return: the file and its interpreters are opened and looked at, the
 * strings are collected in a start block, the new address space is filled. Then proc_exec swaps, and rt_start begins in it.
 */
#include "../path/path.h"
#include "../core/calls.h"
#include <native/procproto.h>

#define STRING_MAX 131072u
#define SCRIPT_DEPTH 5
#define HEAD 256
#define RT_MAP (WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_RUNTIME)

struct exec {
	i32 file, interp;
	u32 mode; /* the file's, 0 for a memory object */
	char head[HEAD];
	u32 head_len;
	struct weft_fd_info info;
	/* arguments put before argv[1..] by scripts: newest first */
	char script[SCRIPT_DEPTH][2][HEAD];
	u32 depth;
	char path[PATH_MAX]; /* the file as named last */
	struct posix_start *s; /* our mapping of the block */
	u64 room, used;
	i32 block;
	u64 argv, envp;
	u32 argc, envc;
	struct rt_schemes schemes;
};

static i64 open_program(struct exec *e, i32 dirfd, bool internal, u32 len, u32 walk)
{
	char copy[PATH_MAX];
	i64 r;

	memcpy(copy, e->path, len + 1);
	r = rt_open_at(dirfd, internal, copy, len, O_RDONLY | FSP_O_EXEC, 0, walk, WEFT_REQ_PRIVATE | WEFT_REQ_CLOEXEC, &e->mode);
	if (r < 0)
		return r;
	if (e->file >= 0)
		NC(FD_CLOSE, e->file);
	e->file = r;
	r = rt_fd_info(e->file, &e->info);
	if (r < 0)
		return r;
	if (e->info.type == WEFT_OBJ_HANDLE ? (e->info.attr.mode & S_IFMT) != S_IFREG : e->info.type != WEFT_OBJ_MEM)
		return -EACCES;
	r = NC(FD_READ, e->file, e->head, HEAD - 1, 0, 0);
	if (r < 0)
		return r;
	e->head_len = r;
	e->head[r] = 0;
	return 0;
}

/* "#! interpreter [one argument]" */
static i64 script_line(struct exec *e)
{
	char *at = e->head + 2, *end = e->head, *name, *arg = NULL;

	while (end < e->head + e->head_len && *end != '\n')
		end++;
	bool whole = end < e->head + e->head_len || e->head_len < HEAD - 1;
	*end = 0;
	while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = 0;
	while (*at == ' ' || *at == '\t')
		at++;
	name = at;
	while (*at && *at != ' ' && *at != '\t')
		at++;
	if (!*name || (!*at && !whole))
		return -ENOEXEC;
	if (*at) {
		*at++ = 0;
		while (*at == ' ' || *at == '\t')
			at++;
		arg = at;
	}
	if (e->depth == SCRIPT_DEPTH - 1)
		return -ELOOP;
	rt_string_set(e->script[e->depth][0], HEAD, name);
	rt_string_set(e->script[e->depth][1], HEAD, arg ? arg : "");
	e->depth++;
	return 0;
}

/* The ELF header and the interpreter's name. */
static i64 elf_check(struct exec *e)
{
	struct {
		u8 ident[16];
		u16 type, machine;
		u32 version;
		u64 entry, phoff, shoff;
		u32 flags;
		u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
	} h;
	struct {
		u32 type, flags;
		u64 offset, vaddr, paddr, filesz, memsz, align;
	} ph;
	char name[256];

	if (e->head_len < sizeof(h))
		return -ENOEXEC;
	memcpy(&h, e->head, sizeof(h));
	if (memcmp(h.ident, "\177ELF\2\1\1", 7) || h.machine != 62 || (h.type != 2 && h.type != 3) || h.phentsize != sizeof(ph) || !h.phnum || h.phnum > 64)
		return -ENOEXEC;
	for (u32 i = 0; i < h.phnum; i++) {
		if (NC(FD_READ, e->file, &ph, sizeof(ph), h.phoff + i * sizeof(ph), 0) != sizeof(ph))
			return -ENOEXEC;
		if (ph.type != 3)
			continue;
		if (ph.filesz < 2 || ph.filesz > sizeof(name))
			return -ENOEXEC;
		if (NC(FD_READ, e->file, name, ph.filesz, ph.offset, 0) != (i64)ph.filesz || name[ph.filesz - 1])
			return -ENOEXEC;
		i64 r = rt_open_private(name, O_RDONLY | FSP_O_EXEC);
		if (r < 0)
			return r;
		e->interp = r;
		u8 magic[4];
		if (NC(FD_READ, e->interp, magic, 4, 0, 0) != 4 || memcmp(magic, "\177ELF", 4))
			return -80; /* ELIBBAD */
		break;
	}
	return 0;
}

/* Finds the program behind the scripts. */
static i64 find_program(struct exec *e, i32 dirfd, u64 user, u64 flags)
{
	i64 n = rt_path_in(e->path, user, flags & AT_EMPTY_PATH), r;

	if (n < 0)
		return n;
	if (!n) {
		if (!(flags & AT_EMPTY_PATH) || dirfd == AT_FDCWD)
			return -ENOENT;
		PROGRAM_FD(dirfd);
	}
	if ((flags & AT_EMPTY_PATH || e->path[0] != '/') && dirfd != AT_FDCWD) {
		/* What a script sees as its name. */
		char given[PATH_MAX];
		memcpy(given, e->path, n + 1);
		if (!n) {
			struct weft_fd_info info;
			r = rt_fd_info(dirfd, &info);
			if (r < 0)
				return r;
			if (info.type == WEFT_OBJ_MEM) {
				r = NC(FD_DUP, dirfd, 0, WEFT_DUP_PRIVATE | WEFT_DUP_CLOEXEC, WEFT_RIGHT_ALL);
				if (r < 0)
					return r;
				e->file = r;
				e->info = info;
				e->head_len = MAX(NC(FD_READ, e->file, e->head, HEAD - 1, 0, 0), 0l);
				r = 0;
			} else {
				r = open_program(e, dirfd, false, 0, 0);
			}
			rt_format(e->path, PATH_MAX, "/dev/fd/%d", dirfd);
		} else {
			r = open_program(e, dirfd, false, n, flags & AT_SYMLINK_NOFOLLOW ? FSP_WALK_NOFOLLOW : 0);
			if (rt_format(e->path, PATH_MAX, "/dev/fd/%d/%s", dirfd, given) >= PATH_MAX - 1)
				return -ENAMETOOLONG;
		}
	} else {
		r = open_program(e, dirfd, false, n, flags & AT_SYMLINK_NOFOLLOW ? FSP_WALK_NOFOLLOW : 0);
	}
	for (;;) {
		if (r < 0)
			return r;
		if (e->head_len < 2 || e->head[0] != '#' || e->head[1] != '!')
			return elf_check(e);
		r = script_line(e);
		if (r < 0)
			return r;
		rt_string_set(e->path, PATH_MAX, e->script[e->depth - 1][0]);
		r = open_program(e, AT_FDCWD, true, strlen(e->path), 0);
	}
}

/* Counts a list of the program's and the bytes of its strings. */
static i64 measure(u64 list, u32 *count, u64 *bytes, u32 skip)
{
	u64 p;

	*count = 0;
	if (!list)
		return 0;
	for (;; list += 8) {
		if (get_u64(&p, list))
			return -EFAULT;
		if (!p)
			return 0;
		i64 n = rt_string_length((const char *)p, STRING_MAX);
		if (n < 0)
			return n;
		if (n == STRING_MAX || *bytes > POSIX_START_MAX)
			return -E2BIG;
		if (*count >= skip)
			*bytes += n + 1;
		++*count;
	}
}

static i64 append(struct exec *e, const char *str, u64 n)
{
	if (n + 1 > e->room - e->used)
		return -E2BIG;
	memcpy((char *)e->s + e->used, str, n);
	((char *)e->s)[e->used + n] = 0;
	e->used += n + 1;
	return 0;
}

static i64 append_list(struct exec *e, u64 list, u32 from, u32 count)
{
	u64 p;

	for (u32 i = from; i < count; i++) {
		if (get_u64(&p, list + i * 8ul))
			return -EFAULT;
		i64 n = rt_copy_string((char *)e->s + e->used, (const char *)p, e->room - e->used);
		if (n < 0)
			return n;
		if ((u64)n == e->room - e->used)
			return -E2BIG;
		e->used += n + 1;
	}
	return 0;
}

/* Makes and maps the block, and writes strings and mounts. name: the path that was given to execve */
static i64 fill_block(struct exec *e, const char *name)
{
	struct rt_proc *p = rt_proc();
	u64 bytes = 0, limit = p->limits[RLIMIT_STACK].cur / 4;
	u32 skip = e->depth ? 1 : 0;
	i64 r = measure(e->argv, &e->argc, &bytes, skip);

	if (!r)
		r = measure(e->envp, &e->envc, &bytes, 0);
	if (r)
		return r;
	if (bytes + (e->argc + e->envc) * 8ul > MAX(MIN(limit, 6ul << 20), 131072ul))
		return -E2BIG;
	e->room = ALIGN_UP(sizeof(*e->s) + bytes + SCRIPT_DEPTH * 2 * HEAD + 2 * PATH_MAX + RT_MOUNTS * sizeof(struct posix_mount) + 64, WEFT_PAGE_SIZE);
	if (e->room > POSIX_START_MAX)
		return -E2BIG;
	e->block = NC(MEM_CREATE, WEFT_MEM_ANON, e->room, -1, 0, WEFT_MEM_CLOEXEC | WEFT_MEM_PRIVATE_FD);
	if (e->block < 0)
		return e->block;
	r = NC(MEM_MAP, -1, 0, e->room, RT_MAP | WEFT_MAP_SHARED, e->block, 0);
	if (r < 0)
		return r;
	e->s = (struct posix_start *)r;
	e->used = sizeof(*e->s);
	e->s->strings = e->used;
	u32 args = 0;
	r = 0;
	for (u32 d = e->depth; d-- > 0 && !r;) {
		r = append(e, e->script[d][0], strlen(e->script[d][0]));
		args++;
		if (!r && e->script[d][1][0]) {
			r = append(e, e->script[d][1], strlen(e->script[d][1]));
			args++;
		}
	}
	if (!r && e->depth) {
		r = append(e, name, strlen(name));
		args++;
	}
	if (!r)
		r = append_list(e, e->argv, skip, e->argc);
	args += e->argc > skip ? e->argc - skip : 0;
	if (!args && !r) { /* Linux gives an empty argv[0] */
		r = append(e, "", 0);
		args++;
	}
	if (!r)
		r = append_list(e, e->envp, 0, e->envc);
	if (r)
		return r;
	e->s->argc = args;
	e->s->envc = e->envc;
	e->s->strings_size = e->used - e->s->strings;
	e->s->exe_path = e->used;
	r = append(e, name, strlen(name));
	if (r)
		return r;
	e->used = ALIGN_UP(e->used, 8);
	e->s->mounts = e->used;
	struct posix_mount *m = (struct posix_mount *)((u8 *)e->s + e->used);
	for (u32 i = 0; i < p->nmounts; i++) {
		const struct rt_mount *from = &p->mounts[i];
		if (!rt_schemes_keep(&e->schemes, from->at) || !rt_schemes_keep(&e->schemes, from->root))
			continue;
		*m = (struct posix_mount){.at = from->at, .root = from->root, .flags = from->flags};
		rt_string_set(m->fstype, sizeof(m->fstype), from->fstype);
		rt_string_set(m->source, sizeof(m->source), from->source);
		rt_string_set(m->path, sizeof(m->path), from->path);
		m++;
		e->s->nmounts++;
	}
	e->used += e->s->nmounts * sizeof(*m);
	e->s->size = e->used;
	return 0;
}

static i32 pass(const struct exec *e, i32 fd)
{
	return rt_schemes_keep(&e->schemes, fd) ? fd : -1;
}

static void fill_rest(struct exec *e, const char *name)
{
	struct rt_proc *p = rt_proc();
	struct posix_start *s = e->s;
	struct weft_identity id;

	s->magic = POSIX_START_MAGIC;
	s->version = POSIX_START_VERSION;
	s->flags = (p->trace >= 0 ? POSIX_START_STRACE : 0) | (p->nlocked ? POSIX_START_LOCKS : 0) |
		(e->schemes.fewer ? POSIX_START_NARROW : p->flags & POSIX_START_NARROW);
	s->runtime = p->runtime;
	s->time_page = p->time_page;
	s->exe = e->file;
	s->interp = e->interp;
	s->root = pass(e, p->root);
	s->cwd = pass(e, p->cwd);
	s->proc = pass(e, p->proc);
	s->ipc = pass(e, p->ipc);
	s->net = pass(e, p->net);
	s->name_cache = s->root < 0 ? 0 : MAX(p->cache_fd, 0);
	for (u32 i = 0; i < ARRAY_SIZE(s->reserved_fds); i++)
		s->reserved_fds[i] = i < 3 ? p->itimer_fd[i] : -1;
	s->blocked = rt_tp()->blocked;
	for (u32 n = 1; n <= 64; n++)
		if (p->act[n].handler == SIG_IGN)
			s->ignored |= SIGBIT(n);
	s->umask = p->umask;
	memcpy(s->limits, p->limits, sizeof(s->limits));
	if (NC(IDENT_CTL, -1, WEFT_IDENT_GET, 0xffffffffu, &id) >= 0) {
		s->uid = id.uid;
		s->euid = id.euid;
		s->gid = id.gid;
		s->egid = id.egid;
	}
	const char *base = name;
	for (const char *c = name; *c; c++)
		if (*c == '/')
			base = c + 1;
	rt_string_set(s->comm, sizeof(s->comm), base);
}

/* The new address space, as posix/start.h says. */
static i64 fill_space(struct exec *e, i32 as)
{
	struct rt_proc *p = rt_proc();
	u64 image = (u64)rt_image_end - (u64)rt_image;
	i64 r = NC(MEM_MAP, as, WEFT_RT_MIN, image, WEFT_PROT_READ | WEFT_PROT_EXEC | WEFT_MAP_SHARED | WEFT_MAP_FIXED | WEFT_MAP_RUNTIME, p->runtime, 0);

	if (r >= 0)
		r = NC(MEM_MAP, as, POSIX_TIME_ADDR, WEFT_PAGE_SIZE, WEFT_PROT_READ | WEFT_MAP_SHARED | WEFT_MAP_FIXED | WEFT_MAP_RUNTIME, p->time_page, 0);
	if (r >= 0)
		r = NC(MEM_MAP, as, POSIX_START_ADDR, e->room, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_SHARED | WEFT_MAP_FIXED | WEFT_MAP_RUNTIME, e->block, 0);
	if (r >= 0)
		r = NC(MEM_MAP, as, POSIX_SLOT(0) + POSIX_SLOT_STACK, POSIX_STACK_SIZE,
			WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_FIXED | WEFT_MAP_RUNTIME, -1, 0);
	return r;
}

static void prepare(struct weft_exec *x, const struct exec *e, i32 as)
{
	struct rt_thread t = {.sched_policy = rt_thread()->sched_policy, .sched_prio = rt_thread()->sched_prio, .nice = rt_thread()->nice};

	*x = (struct weft_exec){.as = as, .pp = POSIX_SLOT(0) + POSIX_SLOT_PP};
	rt_runtime_record(&x->runtime);
	x->thread.tp = POSIX_SLOT(0) + POSIX_SLOT_TP;
	x->thread.rt_stack = x->thread.tp;
	x->thread.regs.rsp = x->thread.tp;
	x->thread.regs.rip = (u64)rt_begin;
	x->thread.regs.rdi = POSIX_START_ADDR;
	x->thread.regs.rflags = 0x202;
	x->thread.blocked = e->s->blocked;
	x->thread.proc = -1;
	memcpy(x->thread.tp_rt, &t, sizeof(x->thread.tp_rt));
	memcpy(x->name, e->s->comm, sizeof(x->name));
}

/* Set-id programs are built by servers/proc from the file itself. */
static bool is_set_id(const struct exec *e)
{
	struct fsp_stat st;
	struct weft_identity id;

	if (!(e->mode & 06000))
		return false;
	if (rt_stat_fd(e->file, &st) || NC(IDENT_CTL, -1, WEFT_IDENT_GET, 0xffffffffu, &id) < 0)
		return false;
	if ((id.flags & WEFT_IDENT_NO_NEW_PRIVS) || (e->s->flags & POSIX_START_NARROW))
		return false;
	return ((st.mode & 04000) && st.uid != id.euid) || ((st.mode & 02010) == 02010 && st.gid != id.egid);
}

/* The swap itself. A vfork child leaves nothing behind in its parent's memory: *gone says that e is no more. */
static i64 leave(struct exec *e, struct weft_exec *x, bool *gone)
{
	i32 fds[] = {e->file, e->interp, e->block};

	NC(MEM_UNMAP, -1, e->s, e->room);
	NC(MEM_UNMAP, -1, e, ALIGN_UP(sizeof(*e), WEFT_PAGE_SIZE));
	*gone = true;
	rt_lock_closing_range(0, WEFT_FD_PRIVATE - 1, true);
	i64 r = NC(PROC_EXEC, x, sizeof(*x));
	for (u32 i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			NC(FD_CLOSE, fds[i]);
	return r;
}

static i64 set_id_exec(struct exec *e, bool *gone)
{
	struct rt_proc *p = rt_proc();
	struct weft_buf b = {(u64)e->s, e->used, WEFT_BUF_IN};
	i32 fds[2] = {e->file, p->cwd >= 0 ? p->cwd : p->root}, image[1];
	struct weft_req q = {.op = PROCP_EXEC_SETID, .flags = WEFT_REQ_PRIVATE | WEFT_REQ_CLOEXEC, .nbufs = 1, .nfds = 2, .max_fds = 1,
		.bufs = (u64)&b, .fds = (u64)fds, .fds_out = (u64)image};

	if (p->proc < 0)
		return -EPERM;
	i64 r = NC(FD_CALL, p->proc, &q);
	if (r < 0)
		return r == -EINTR ? -ERESTARTNOINTR : r;
	struct weft_exec x = {.as = image[0], .flags = WEFT_EXEC_BECOME};
	r = leave(e, &x, gone);
	NC(FD_CLOSE, x.as);
	return r;
}

/* What exec does to saved ids and capabilities, where it changes anything. */
static i64 identity_after_exec(void)
{
	struct rt_proc *p = rt_proc();
	struct weft_identity id;
	struct weft_req q = {.op = PROCP_CRED, .flags = WEFT_REQ_NOINTR, .args = {PROCP_EXEC}};
	i64 r = NC(IDENT_CTL, -1, WEFT_IDENT_GET, 0xffffffffu, &id);

	if (r < 0 || p->proc < 0)
		return r < 0 ? r : 0;
	u64 caps = id.uid == 0 || id.euid == 0 ? id.cap_inheritable | id.cap_bounding : id.cap_ambient;
	if (id.suid == id.euid && id.fsuid == id.euid && id.sgid == id.egid && id.fsgid == id.egid && id.cap_permitted == caps &&
		id.cap_effective == (id.euid == 0 ? caps : id.cap_ambient))
		return 0;
	return NC(FD_CALL, p->proc, &q);
}

static void keep(i32 fd, bool yes)
{
	if (fd >= 0)
		NC(FD_CTL, fd, WEFT_FD_SET_FLAGS, yes ? 0 : 1, 0);
}

/* Whether the handles of schemes that the next program cannot name stay open in it. */
static void keep_unnamed(const struct rt_schemes *s, bool yes)
{
	struct rt_proc *p = rt_proc();
	const i32 own[] = {p->root, p->cwd, p->proc, p->ipc, p->net};

	for (u32 i = 0; i < ARRAY_SIZE(own); i++)
		if (!rt_schemes_keep(s, own[i]))
			keep(own[i], yes);
	for (u32 i = 0; i < p->nmounts; i++) {
		const struct rt_mount *m = &p->mounts[i];
		if (!rt_schemes_keep(s, m->at) || !rt_schemes_keep(s, m->root)) {
			keep(m->at, yes);
			keep(m->root, yes);
		}
	}
	if (!rt_schemes_keep(s, p->root))
		keep(p->cache_fd, yes);
}

static i64 swap(struct exec *e, bool *gone)
{
	struct rt_proc *p = rt_proc();
	struct weft_exec x;
	struct rt_schemes schemes = e->schemes; /* which outlives e */
	i64 as = NC(AS_CREATE, WEFT_DUP_PRIVATE | WEFT_DUP_CLOEXEC), r;

	if (as < 0)
		return as;
	r = fill_space(e, as);
	if (r < 0)
		goto out;
	prepare(&x, e, as);
	/* What the new program's start names stays open; the rest of the private fds made here goes with cloexec. */
	keep(e->file, true);
	keep(e->interp, true);
	keep(p->exe, false);
	keep(p->trace, false);
	for (u32 i = 0; i < RT_TIMERS; i++)
		keep(p->timers[i].fd, false);
	for (u32 i = 0; i < RT_INOTIFIES; i++)
		if (p->inotify[i].object)
			keep(p->inotify[i].sender, false);
	if (schemes.fewer)
		keep_unnamed(&schemes, false);
	r = identity_after_exec();
	if (r >= 0)
		r = leave(e, &x, gone);
	if (schemes.fewer)
		keep_unnamed(&schemes, true);
	keep(p->exe, true);
	keep(p->trace, true);
	for (u32 i = 0; i < RT_TIMERS; i++)
		keep(p->timers[i].fd, true);
	for (u32 i = 0; i < RT_INOTIFIES; i++)
		if (p->inotify[i].object)
			keep(p->inotify[i].sender, true);
out:
	NC(FD_CLOSE, as);
	return r;
}

static i64 do_exec(i32 dirfd, u64 path, u64 argv, u64 envp, u64 flags)
{
	/* Too large for the runtime's stack. */
	i64 at = NC(MEM_MAP, -1, 0, ALIGN_UP(sizeof(struct exec), WEFT_PAGE_SIZE), RT_MAP, -1, 0), r;
	char name[PATH_MAX];
	bool gone = false;

	if (at < 0)
		return at;
	struct exec *e = (struct exec *)at;
	e->file = e->interp = e->block = -1;
	e->argv = argv;
	e->envp = envp;
	r = find_program(e, dirfd, path, flags);
	if (r >= 0) {
		/* What execve was told, for argv of scripts and AT_EXECFN. */
		i64 n = rt_path_in(name, path, true);
		if (n < 0)
			r = n;
		else if (dirfd != AT_FDCWD && name[0] != '/') {
			char tail[PATH_MAX];
			memcpy(tail, name, n + 1);
			rt_format(name, sizeof(name), n ? "/dev/fd/%d/%s" : "/dev/fd/%d", dirfd, tail);
		}
	}
	if (r >= 0) {
		rt_schemes_look(&e->schemes);
		r = fill_block(e, name);
	}
	if (r >= 0) {
		fill_rest(e, name);
		r = is_set_id(e) ? set_id_exec(e, &gone) : -EPERM;
		if (r == -EPERM && !gone)
			r = swap(e, &gone);
	}
	if (gone)
		return r;
	if (e->s)
		NC(MEM_UNMAP, -1, e->s, e->room);
	if (e->block >= 0)
		NC(FD_CLOSE, e->block);
	if (e->file >= 0)
		NC(FD_CLOSE, e->file);
	if (e->interp >= 0)
		NC(FD_CLOSE, e->interp);
	NC(MEM_UNMAP, -1, e, ALIGN_UP(sizeof(*e), WEFT_PAGE_SIZE));
	return r;
}

i64 rt_sys_execve(u64 path, u64 argv, u64 envp)
{
	return do_exec(AT_FDCWD, path, argv, envp, 0);
}

i64 rt_sys_execveat(u64 dirfd, u64 path, u64 argv, u64 envp, u64 flags)
{
	if (flags & ~(u64)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	return do_exec(dirfd, path, argv, envp, flags);
}
