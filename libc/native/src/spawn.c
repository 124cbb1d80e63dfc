/* SPDX-License-Identifier: MIT */
/*
 * A new address space gets the program, its interpreter, a stack, the time page and perhaps the runtime; then one call makes the process
 * with its fds and first thread. The stack's contents are built here and copied over with one call.
 */
#include <native/call.h>
#include <native/spawn.h>
#include <stdlib.h>
#include <string.h>

#define STACK_TOP 0x7fff7ffff000ul
#define STACK_SIZE (8ul << 20)
#define IMAGE_BIAS 0x555555554000ul
#define INTERP_BIAS 0x7ffef0000000ul
#define STRINGS_MAX (128ul << 10)
#define FDS_MAX 64
#define VECTOR_MAX 1024

enum { AT_PHDR = 3, AT_PHENT = 4, AT_PHNUM = 5, AT_PAGESZ = 6, AT_BASE = 7, AT_FLAGS = 8, AT_ENTRY = 9, AT_UID = 11, AT_EUID = 12,
	AT_GID = 13, AT_EGID = 14, AT_CLKTCK = 17, AT_SECURE = 23, AT_RANDOM = 25, AT_EXECFN = 31 };

struct build {
	const struct spawn_args *a;
	i32 as;
	struct elf_image image, interp;
	u64 time_page;
	u64 stack_low;
	u64 rt_stack, tp, pp;
	struct rt_header rt;
	/* The stack's top, as bytes that will lie at top - room. */
	u8 *bytes;
	u64 room, at; /* at: offset of what was put last; grows down */
	struct weft_fd_give give[FDS_MAX];
	struct native_fd names[FDS_MAX + 1];
	u32 nnames;
};

void spawn_args_init(struct spawn_args *a)
{
	*a = (struct spawn_args){.image = -1, .interp = -1, .ns = -1, .runtime = -1, .time_page = -1, .ident_auth = -1};
}

static u64 address_of(const struct build *b, u64 at)
{
	return STACK_TOP - b->room + at;
}

static int put(struct build *b, const void *data, u64 len, u64 align, u64 *address)
{
	if (len > b->at)
		return -E2BIG;
	b->at = (b->at - len) & ~(align - 1);
	memcpy(b->bytes + b->at, data, len);
	*address = address_of(b, b->at);
	return 0;
}

static int put_strings(struct build *b, const char *const *list, u64 *out, u32 *n)
{
	*n = 0;
	for (u32 i = 0; list && list[i]; i++) {
		if (i == VECTOR_MAX)
			return -E2BIG;
		int r = put(b, list[i], strlen(list[i]) + 1, 1, &out[i]);
		if (r < 0)
			return r;
		*n = i + 1;
	}
	return 0;
}

static u64 *aux(u64 *p, u64 tag, u64 value)
{
	p[0] = tag;
	p[1] = value;
	return p + 2;
}

/* argc, argv, envp and auxv, below the strings that they point to. */
static int build_stack(struct build *b, u64 *sp)
{
	const struct spawn_args *a = b->a;
	u64 *vec = calloc(2 * VECTOR_MAX + 64, sizeof *vec);
	u64 *strings = calloc(2 * VECTOR_MAX, sizeof *strings);
	int r = -ENOMEM;
	if (!vec || !strings)
		goto out;
	u32 argc, envc;
	u64 random_at = 0, names_at = 0, execfn = 0;
	u8 random[16];
	weft_sys_ctl(-1, WEFT_SYS_RANDOM, PTR(random), sizeof random, 0);
	if ((r = put(b, a->name, strlen(a->name) + 1, 1, &execfn)) < 0 ||
		(r = put(b, random, sizeof random, 16, &random_at)) < 0 ||
		(r = put(b, b->names, (b->nnames + 1) * sizeof b->names[0], 16, &names_at)) < 0 ||
		(r = put_strings(b, a->argv, strings, &argc)) < 0 ||
		(r = put_strings(b, a->envp, strings + VECTOR_MAX, &envc)) < 0)
		goto out;
	u64 *p = vec;
	*p++ = argc;
	for (u32 i = 0; i < argc; i++)
		*p++ = strings[i];
	*p++ = 0;
	for (u32 i = 0; i < envc; i++)
		*p++ = strings[VECTOR_MAX + i];
	*p++ = 0;
	p = aux(p, AT_PHDR, b->image.phdr);
	p = aux(p, AT_PHENT, b->image.phent);
	p = aux(p, AT_PHNUM, b->image.phnum);
	p = aux(p, AT_PAGESZ, WEFT_PAGE_SIZE);
	p = aux(p, AT_BASE, a->interp >= 0 ? b->interp.bias : 0);
	p = aux(p, AT_FLAGS, 0);
	p = aux(p, AT_ENTRY, b->image.entry);
	p = aux(p, AT_UID, 0);
	p = aux(p, AT_EUID, 0);
	p = aux(p, AT_GID, 0);
	p = aux(p, AT_EGID, 0);
	p = aux(p, AT_CLKTCK, 100);
	p = aux(p, AT_SECURE, 0);
	p = aux(p, AT_RANDOM, random_at);
	p = aux(p, AT_EXECFN, execfn);
	p = aux(p, NATIVE_AT_FDS, names_at);
	p = aux(p, NATIVE_AT_TIME, b->time_page);
	p = aux(p, 0, 0);
	r = put(b, vec, (u64)((u8 *)p - (u8 *)vec), 16, sp);
out:
	free(vec);
	free(strings);
	return r;
}

static int name_fds(struct build *b)
{
	const struct spawn_args *a = b->a;
	u32 next = 0;
	if (a->nfds > FDS_MAX - 1)
		return -E2BIG;
	for (u32 i = 0; i < a->nfds; i++) {
		const struct spawn_fd *f = &a->fds[i];
		i32 to = f->to >= 0 ? f->to : (i32)(WEFT_FD_PRIVATE + next++);
		struct weft_fd_info info;
		u32 rights = f->rights;
		if (!rights) {
			i64 r = weft_fd_ctl(f->fd, WEFT_FD_INFO, PTR(&info), 0);
			if (r < 0)
				return (int)r;
			rights = info.rights;
		}
		b->give[i] = (struct weft_fd_give){.fd = f->fd, .to = to, .rights = rights};
		if (!f->name)
			continue;
		if (strlen(f->name) >= NATIVE_FD_NAME)
			return -ENAMETOOLONG;
		strcpy(b->names[b->nnames].name, f->name);
		b->names[b->nnames++].fd = to;
	}
	return 0;
}

static int map_runtime(struct build *b, u32 *ngive)
{
	const struct spawn_args *a = b->a;
	i64 r = weft_fd_read(a->runtime, PTR(&b->rt), sizeof b->rt, 0, 0);
	if (r < 0)
		return (int)r;
	u64 text = b->rt.text_size, mask = WEFT_PAGE_SIZE - 1;
	if (r != sizeof b->rt || b->rt.magic != RT_MAGIC || text == 0 || ((text | b->rt.data_start | b->rt.data_size | b->rt.stack_size) & mask))
		return -ENOEXEC;
	r = weft_mem_map(b->as, WEFT_RT_MIN, text, WEFT_PROT_READ | WEFT_PROT_EXEC | WEFT_MAP_SHARED | WEFT_MAP_FIXED, a->runtime, 0);
	if (r >= 0 && b->rt.data_size)
		r = weft_mem_map(b->as, b->rt.data_start, b->rt.data_size, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_FIXED, -1, 0);
	if (r < 0)
		return (int)r;
	/* The thread page, the process page and the first runtime stack lie at the range's end, guard pages between them. */
	b->tp = WEFT_RT_MAX - 2 * WEFT_PAGE_SIZE;
	b->pp = WEFT_RT_MAX - 4 * WEFT_PAGE_SIZE;
	b->rt_stack = WEFT_RT_MAX - 6 * WEFT_PAGE_SIZE;
	if (b->rt.stack_size) {
		r = weft_mem_map(b->as, b->rt_stack - b->rt.stack_size, b->rt.stack_size, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_FIXED, -1, 0);
		if (r < 0)
			return (int)r;
	}
	b->give[*ngive] = (struct weft_fd_give){.fd = a->runtime, .to = WEFT_FD_PRIVATE + 1000,
		.rights = WEFT_RIGHT_READ | WEFT_RIGHT_MAP | WEFT_RIGHT_EXEC | WEFT_RIGHT_DUP};
	(*ngive)++;
	return 0;
}

static int map_stack(struct build *b)
{
	u64 size = b->a->stack_size ? b->a->stack_size : STACK_SIZE;
	b->stack_low = STACK_TOP - ((size + WEFT_PAGE_SIZE - 1) & ~(WEFT_PAGE_SIZE - 1));
	u32 prot = WEFT_PROT_READ | WEFT_PROT_WRITE | (b->image.exec_stack && b->a->runtime >= 0 ? WEFT_PROT_EXEC : 0);
	i64 r = weft_mem_map(b->as, b->stack_low, STACK_TOP - b->stack_low, prot | WEFT_MAP_FIXED | WEFT_MAP_NORESERVE, -1, 0);
	return r < 0 ? (int)r : 0;
}

static int map_time(struct build *b)
{
	if (b->a->time_page < 0)
		return 0;
	i64 r = weft_mem_map(b->as, 0, WEFT_PAGE_SIZE, WEFT_PROT_READ | WEFT_MAP_SHARED | (b->a->runtime >= 0 ? WEFT_MAP_RUNTIME : 0), b->a->time_page, 0);
	if (r < 0)
		return (int)r;
	b->time_page = (u64)r;
	return 0;
}

static int start_process(struct build *b, u64 sp, u32 ngive, struct spawned *out)
{
	const struct spawn_args *a = b->a;
	struct weft_proc_new n;
	memset(&n, 0, sizeof n);
	n.flags = a->flags | WEFT_PROC_FD;
	n.exit_signal = a->exit_signal;
	n.as = b->as;
	n.ns = a->ns;
	n.ident_auth = a->ident_auth;
	n.identity = a->identity;
	n.nfds = ngive;
	n.fds = PTR(b->give);
	strncpy(n.name, a->name, sizeof n.name - 1);
	n.thread.proc = -1;
	n.thread.prio = a->prio;
	n.thread.regs.rip = a->interp >= 0 ? b->interp.entry : b->image.entry;
	n.thread.regs.rsp = sp;
	n.thread.regs.rflags = 0x202;
	if (a->runtime >= 0) {
		struct rt_start start = {.entry = n.thread.regs.rip, .stack = sp, .tp = b->tp, .pp = b->pp, .rt_stack = b->rt_stack,
			.brk = b->image.high, .stack_low = b->stack_low, .stack_high = STACK_TOP, .blob = WEFT_FD_PRIVATE + 1000};
		/* Under the program's stack pointer and its red zone: the program's pushes overwrite it once the runtime has read it. */
		u64 at = (sp - 128 - sizeof start) & ~15ul;
		i64 r = weft_mem_query(b->as, WEFT_QUERY_WRITE, at, sizeof start, PTR(&start), sizeof start);
		if (r < 0)
			return (int)r;
		n.pp = b->pp;
		n.thread.tp = b->tp;
		n.thread.rt_stack = b->rt_stack;
		n.thread.regs.rip = b->rt.start;
		n.thread.regs.rsp = b->rt_stack;
		n.thread.regs.rdi = at;
	}
	i64 pid = weft_proc_create(PTR(&n), sizeof n);
	if (pid < 0)
		return (int)pid;
	out->pid = (i32)pid;
	out->proc = n.proc_fd;
	return 0;
}

static int fill(struct build *b, u32 *ngive, u64 *sp)
{
	const struct spawn_args *a = b->a;
	int r = elf_load(b->as, a->image, a->image_size, IMAGE_BIAS, &b->image);
	if (r == 0 && a->interp >= 0)
		r = elf_load(b->as, a->interp, a->interp_size, INTERP_BIAS, &b->interp);
	if (r == 0)
		r = name_fds(b);
	if (r == 0 && a->runtime >= 0)
		r = map_runtime(b, ngive);
	if (r == 0)
		r = map_time(b);
	if (r == 0)
		r = map_stack(b);
	if (r == 0)
		r = build_stack(b, sp);
	if (r == 0) {
		i64 w = weft_mem_query(b->as, WEFT_QUERY_WRITE, address_of(b, b->at), b->room - b->at, PTR(b->bytes + b->at), b->room - b->at);
		r = w < 0 ? (int)w : 0;
	}
	return r;
}

int spawn(const struct spawn_args *a, struct spawned *out)
{
	struct build *b = calloc(1, sizeof *b);
	if (!b)
		return -ENOMEM;
	b->a = a;
	b->room = b->at = STRINGS_MAX + (32ul << 10);
	b->bytes = malloc(b->room);
	int r = -ENOMEM;
	if (!b->bytes)
		goto out_build;
	i64 as = weft_as_create(WEFT_MEM_CLOEXEC | WEFT_MEM_PRIVATE_FD);
	r = (int)as;
	if (as < 0)
		goto out_bytes;
	b->as = (i32)as;
	u32 ngive = a->nfds;
	u64 sp = 0;
	r = fill(b, &ngive, &sp);
	if (r == 0)
		r = start_process(b, sp, ngive, out);
	weft_fd_close(b->as);
out_bytes:
	free(b->bytes);
out_build:
	free(b);
	return r;
}
