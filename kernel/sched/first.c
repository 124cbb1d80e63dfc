/* SPDX-License-Identifier: MIT */
/*
 * The first process: the static ELF64 program bin/init of the boot archive (a cpio "newc" archive,
 * which others may follow), with fds 0-2 on the console, and struct weft_start on its stack. It
 * gets all authority there is.
 */
#include "internal.h"
#include <elf.h>

#define STACK_TOP   0x7fff7f000000ul
#define STACK_SIZE  (1024 * 1024ul)
#define CPIO_HEADER 110u
#define PROGRAM	    "bin/init"

static u32 hex8(const u8 *s)
{
	u32 v = 0;

	for (u32 i = 0; i < 8; i++) {
		u8 c = s[i];
		v = v << 4 | (u32)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
	}
	return v;
}

static const u8 *find_program(const u8 *a, u64 size, u64 *len)
{
	u64 at = 0, path, data;

	while (at + CPIO_HEADER < size && !memcmp(a + at, "07070", 5)) {
		*len = hex8(a + at + 54);
		path = hex8(a + at + 94);
		data = ALIGN_UP(at + CPIO_HEADER + path, 4);
		if (!path || data > size || *len > size - data)
			break;
		if (path == sizeof(PROGRAM) && !memcmp(a + at + CPIO_HEADER, PROGRAM, path))
			return a + data;
		at = ALIGN_UP(data + *len, 4);
	}
	panic("no program " PROGRAM " in the boot archive (%lu bytes)", size);
}

/* Memory at a fixed address with `len` bytes of `from` at `skip` into it. */
static int map_copy(struct as *as, u64 addr, u64 size, u32 prot, const void *from, u64 skip,
	u64 len)
{
	HELD struct memobj *m = NULL;
	struct weft_iov iov;
	struct uio u;

	TRY(memobj_create_anon(size, &m));
	uio_kernel(&u, &iov, (void *)(u64)from, len);
	if (len && memobj_write(m, &u, skip, 0) != (i64)len)
		return -ENOMEM;
	return as_map(as, &addr, size, prot | WEFT_MAP_FIXED, m, 0);
}

static int load(struct as *as, const u8 *file, u64 len, u64 *entry)
{
	const Elf64_Ehdr *h = (const void *)file;
	const Elf64_Phdr *s;

	if (len < sizeof(*h) || memcmp(h->e_ident, ELFMAG "\2\1\1", 7) || h->e_type != ET_EXEC ||
		h->e_machine != EM_X86_64 || h->e_phentsize != sizeof(*s) || h->e_phoff > len ||
		h->e_phnum * sizeof(*s) > len - h->e_phoff)
		panic("first process: init in the boot archive is no static ELF64 x86-64 program");
	s = (const void *)(file + h->e_phoff);
	for (u32 i = 0; i < h->e_phnum; i++, s++) {
		if (s->p_type != PT_LOAD || !s->p_memsz)
			continue;
		u64 start = ALIGN_DOWN(s->p_vaddr, PAGE_SIZE),
		    end = ALIGN_UP(s->p_vaddr + s->p_memsz, PAGE_SIZE);
		if (s->p_offset > len || s->p_filesz > len - s->p_offset ||
			s->p_filesz > s->p_memsz || s->p_vaddr < WEFT_USER_MIN ||
			end >= STACK_TOP || end <= start)
			panic("first process: segment %u of init is out of bounds", i);
		u32 prot = (s->p_flags & PF_R ? WEFT_PROT_READ : 0) |
			(s->p_flags & PF_W ? WEFT_PROT_WRITE : 0) |
			(s->p_flags & PF_X ? WEFT_PROT_EXEC : 0);
		TRY(map_copy(as, start, end - start, prot, file + s->p_offset, s->p_vaddr - start,
			s->p_filesz));
	}
	*entry = h->e_entry;
	return 0;
}

static i32 give(struct process *p, struct object *o, u32 rights)
{
	return fd_install(p, o, rights, FD_NEW);
}

static int give_memory(struct process *p, struct weft_start *st)
{
	const u32 ro = WEFT_RIGHT_READ | WEFT_RIGHT_MAP | WEFT_RIGHT_DUP;
	const struct weft_fb *fb = &boot_info.fb;
	HELD struct memobj *archive = NULL, *screen = NULL;
	u64 size = ALIGN_UP(boot_info.archive_size, PAGE_SIZE);
	u64 start = ALIGN_DOWN(fb->phys, PAGE_SIZE);
	u64 end = ALIGN_UP(fb->phys + (u64)fb->pitch * fb->height, PAGE_SIZE);

	TRY(memobj_create_phys(boot_info.archive_phys, size, WEFT_MEM_CACHE_WB, &archive));
	st->boot = TRY(give(p, memobj_object(archive), ro | WEFT_RIGHT_EXEC));
	st->boot_size = boot_info.archive_size;
	st->time_page = TRY(give(p, memobj_object(time_page_object()), ro));
	st->firmware_fb = -1;
	if (fb->width && !memobj_create_phys(start, end - start, WEFT_MEM_CACHE_WC, &screen))
		st->firmware_fb =
			TRY(give(p, memobj_object(screen), WEFT_RIGHT_ALL & ~WEFT_RIGHT_EXEC));
	return 0;
}

/* The stack's top page: struct weft_start, then the command line. */
static int make_stack(struct process *p, u64 *sp)
{
	static const struct weft_res all = {.kinds = WEFT_RES_ALL, .len = ~0ul};
	static u8 top[PAGE_SIZE] __attribute__((aligned(16)));
	struct weft_start *st = (void *)top;
	HELD struct resource *res = NULL;

	TRY(resource_create(&all, &res));
	st->self = TRY(give(p, &p->obj, WEFT_RIGHT_ALL));
	st->resource = TRY(give(p, &res->obj, WEFT_RIGHT_ALL));
	st->ns = TRY(give(p, &p->ns->obj, WEFT_RIGHT_ALL));
	TRY(give_memory(p, st));
	*sp = STACK_TOP - PAGE_SIZE;
	st->cmdline = *sp + sizeof(*st);
	strlcpy((char *)top + sizeof(*st), boot_info.cmdline, sizeof(top) - sizeof(*st));
	return map_copy(p->as, STACK_TOP - STACK_SIZE, STACK_SIZE, WEFT_PROT_READ | WEFT_PROT_WRITE,
		top, STACK_SIZE - PAGE_SIZE, PAGE_SIZE);
}

static int make(struct process *p, struct thread **t)
{
	struct weft_thread_new n = {.prio = WEFT_PRIO_NORMAL, .proc = -1};
	struct thread *idle = current_thread();
	const u8 *file;
	u64 len;

	p->fds = fds_create();
	p->as = as_create_empty();
	p->ns = ns_create_root();
	if (!p->fds || IS_ERR(p->as) || !p->ns)
		return -ENOMEM;
	builtin_init(p->ns);
	p->ident = identity_get(0);
	p->subreaper = true;
	for (i32 fd = 0; fd < 3; fd++)
		TRY(fd_install(p, console_object(),
			WEFT_RIGHT_ALL & ~(WEFT_RIGHT_EXEC | WEFT_RIGHT_MAP), 0));
	file = find_program(phys_to_virt(boot_info.archive_phys), boot_info.archive_size, &len);
	TRY(load(p->as, file, len, &n.regs.rip));
	TRY(make_stack(p, &n.regs.rsp));
	n.regs.rdi = n.regs.rsp;
	idle->ceiling = WEFT_PRIO_MAX;
	TRY(thread_new(p, p->as, &n, p->pid, idle, false, t));
	(*t)->affinity = ~0ul;
	return 0;
}

void first_process_start(void)
{
	struct process *p = process_new("init");
	struct thread *t;
	int r = p ? make(p, &t) : -ENOMEM;

	if (r)
		panic("first process: error %d", -r);
	init_process = p;
	process_attach(p, NULL);
	thread_start(t);
}
