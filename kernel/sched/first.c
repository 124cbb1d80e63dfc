/* SPDX-License-Identifier: MIT */
/*
 * The first process: the static ELF64 program `init` of the boot archive (one or more cpio "newc"
 * archives, one behind the other), with fds 0-2 on the console, and struct weft_start on its stack.
 * It gets all authority there is.
 */
#include "internal.h"
#include <elf.h>

#define STACK_TOP   0x7fff7f000000ul
#define STACK_SIZE  (1024 * 1024ul)
#define BOOT_ADDR   0x100000000000ul
#define CPIO_HEADER 110u

static u32 hex8(const u8 *s)
{
	u32 v = 0;

	for (u32 i = 0; i < 8; i++) {
		u8 c = s[i];
		v = v << 4 | (u32)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
	}
	return v;
}

/* Finds a file by its path, with or without a leading "./" or "/". */
static const u8 *archive_find(const u8 *a, u64 size, const char *name, u64 *len)
{
	u64 at = 0, nlen = strlen(name);

	while (at + CPIO_HEADER < size) {
		const u8 *h = a + at;
		if (!*h) { /* padding between archives */
			at = (at + 4) & ~3ul;
			continue;
		}
		if (memcmp(h, "07070", 5))
			return NULL;
		u64 file = hex8(h + 54), path = hex8(h + 94);
		u64 data = ALIGN_UP(at + CPIO_HEADER + path, 4);
		if (!path || data > size || file > size - data)
			return NULL;
		const char *p = (const char *)h + CPIO_HEADER;
		if (path > 2 && p[0] == '.' && p[1] == '/') {
			p += 2;
			path -= 2;
		} else if (path > 1 && p[0] == '/') {
			p++;
			path--;
		}
		if (path == nlen + 1 && !memcmp(p, name, nlen)) {
			*len = file;
			return a + data;
		}
		at = ALIGN_UP(data + file, 4);
	}
	return NULL;
}

static void must(int r, const char *what)
{
	if (r < 0)
		panic("first process: %s failed: error %d", what, -r);
}

/* Memory at a fixed address with `len` bytes of `from` at `skip` into it. */
static void map_copy(struct as *as, u64 addr, u64 size, u32 prot, const void *from, u64 skip,
	u64 len)
{
	struct memobj *m;
	struct weft_iov iov;
	struct uio u;

	must(memobj_create_anon(size, &m), "memory for a segment");
	if (len) {
		uio_kernel(&u, &iov, (void *)(u64)from, len);
		if (memobj_write(m, &u, skip, 0) != (i64)len)
			panic("first process: out of memory for its segments");
	}
	must(as_map(as, &addr, size, prot | WEFT_MAP_FIXED, m, 0), "mapping a segment");
	object_put(memobj_object(m));
}

static u64 load(struct as *as, const u8 *file, u64 len)
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
		map_copy(as, start, end - start, prot, file + s->p_offset, s->p_vaddr - start,
			s->p_filesz);
	}
	return h->e_entry;
}

static i32 give(struct process *p, struct object *o, u32 rights)
{
	i32 fd = fd_install(p, o, rights, WEFT_DUP_PRIVATE | WEFT_DUP_CLOEXEC);

	must(fd, "giving an fd");
	return fd;
}

static void give_console(struct process *p)
{
	for (i32 fd = 0; fd < 3; fd++)
		must(fd_install(p, console_object(),
			     WEFT_RIGHT_ALL & ~(WEFT_RIGHT_EXEC | WEFT_RIGHT_MAP), 0),
			"giving the console");
}

static void give_start(struct process *p, struct weft_start *st)
{
	struct weft_res all = {.kinds = WEFT_RES_ALL, .base = 0, .len = ~0ul};
	const u32 ro = WEFT_RIGHT_READ | WEFT_RIGHT_MAP | WEFT_RIGHT_DUP;
	const struct weft_fb *fb = &boot_info.fb;
	struct resource *res;
	struct memobj *m;

	st->self = give(p, &p->obj, WEFT_RIGHT_ALL);
	must(resource_create(&all, &res), "the root resource");
	st->resource = give(p, &res->obj, WEFT_RIGHT_ALL);
	object_put(&res->obj);
	st->ns = give(p, &p->ns->obj, WEFT_RIGHT_ALL);
	st->time_page = give(p, memobj_object(time_page_object()), ro);
	st->boot = -1;
	st->firmware_fb = -1;
	if (boot_info.archive_size) {
		u64 size = ALIGN_UP(boot_info.archive_size, PAGE_SIZE);
		must(memobj_create_phys(boot_info.archive_phys, size, WEFT_MEM_CACHE_WB, &m),
			"the archive's object");
		st->boot = give(p, memobj_object(m), ro | WEFT_RIGHT_EXEC);
		st->boot_size = boot_info.archive_size;
		st->boot_addr = BOOT_ADDR;
		must(as_map(p->as, &st->boot_addr, size,
			     WEFT_PROT_READ | WEFT_MAP_SHARED | WEFT_MAP_FIXED, m, 0),
			"the archive");
		object_put(memobj_object(m));
	}
	if (fb->width) {
		u64 start = ALIGN_DOWN(fb->phys, PAGE_SIZE);
		u64 size = ALIGN_UP(fb->phys + (u64)fb->pitch * fb->height, PAGE_SIZE) - start;
		if (memobj_create_phys(start, size, WEFT_MEM_CACHE_WC, &m) == 0) {
			st->firmware_fb =
				give(p, memobj_object(m), WEFT_RIGHT_ALL & ~WEFT_RIGHT_EXEC);
			object_put(memobj_object(m));
		}
	}
}

/* The stack's top page: struct weft_start, then the command line. */
static u64 make_stack(struct process *p)
{
	static u8 top[PAGE_SIZE] __attribute__((aligned(16)));
	struct weft_start *st = (void *)top;
	u64 at = STACK_TOP - PAGE_SIZE;

	give_start(p, st);
	st->cmdline = at + sizeof(*st);
	strlcpy((char *)top + sizeof(*st), boot_info.cmdline, sizeof(top) - sizeof(*st));
	map_copy(p->as, STACK_TOP - STACK_SIZE, STACK_SIZE, WEFT_PROT_READ | WEFT_PROT_WRITE, top,
		STACK_SIZE - PAGE_SIZE, PAGE_SIZE);
	return at;
}

void first_process_start(void)
{
	struct weft_thread_new n = {.prio = WEFT_PRIO_NORMAL, .proc = -1};
	const u8 *archive = phys_to_virt(boot_info.archive_phys), *file = NULL;
	struct thread *idle = current_thread(), *t;
	struct process *p = process_new("init");
	u64 len = 0;

	if (boot_info.archive_size)
		file = archive_find(archive, boot_info.archive_size, "bin/init", &len);
	if (!file)
		panic("no program bin/init in the boot archive (%lu bytes)",
			boot_info.archive_size);
	if (!p || !(p->fds = fds_create()))
		panic("first process: out of memory");
	p->as = as_create_empty();
	p->ns = ns_create_root();
	if (IS_ERR(p->as) || IS_ERR(p->ns))
		panic("first process: out of memory");
	builtin_init(p->ns);
	p->ident = identity_get(0);
	p->subreaper = true;
	give_console(p);
	n.regs.rip = load(p->as, file, len);
	n.regs.rsp = n.regs.rdi = make_stack(p);
	idle->base_prio = WEFT_PRIO_NORMAL;
	idle->ceiling = WEFT_PRIO_MAX;
	must(thread_new(p, p->as, &n, p->pid, idle, false, &t), "making the thread");
	t->affinity = ~0ul;
	idle->base_prio = idle->prio = 0;
	init_process = p;
	process_attach(p, NULL);
	thread_start(t);
}
