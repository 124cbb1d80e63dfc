/* SPDX-License-Identifier: MIT */
/* A native program: its image, a stack, the time page. The stack's contents are built here and copied over with one call. */
#include "spawn_impl.h"

#include <stdlib.h>
#include <string.h>

#define STACK_TOP 0x7fff7ffff000ul
#define STACK_SIZE (1ul << 20)
#define IMAGE_BIAS 0x555555554000ul

enum { AT_PHDR = 3, AT_PHENT = 4, AT_PHNUM = 5, AT_PAGESZ = 6, AT_ENTRY = 9, AT_RANDOM = 25 };

/* The stack's top: bytes that will lie at STACK_TOP - room; `at` is the offset of what was put last and grows down. */
struct stack {
	u8 *bytes;
	u64 room, at;
};

static u64 put(struct stack *s, const void *data, u64 len, u64 align)
{
	if (len + align > s->at)
		return 0;
	s->at = (s->at - len) & ~(align - 1);
	memcpy(s->bytes + s->at, data, len);
	return STACK_TOP - s->room + s->at;
}

static int put_strings(struct stack *s, const char *const *list, u64 *out, u32 *n)
{
	*n = 0;
	for (u32 i = 0; list && list[i]; i++) {
		if (i == SPAWN_VECTOR_MAX || (out[i] = put(s, list[i], strlen(list[i]) + 1, 1)) == 0)
			return -E2BIG;
		*n = i + 1;
	}
	out[*n] = 0;
	return 0;
}

static u64 *aux(u64 *p, u64 tag, u64 value)
{
	p[0] = tag;
	p[1] = value;
	return p + 2;
}

/* argc, argv, envp and auxv, below the strings that they point to. */
static int build_stack(struct build *b, struct stack *s, const struct elf_image *image, u64 time_page, u64 *sp)
{
	u64 *argv = calloc(2 * (SPAWN_VECTOR_MAX + 1), sizeof *argv), *envp = argv + SPAWN_VECTOR_MAX + 1;
	u64 *vec = calloc(2 * SPAWN_VECTOR_MAX + 64, sizeof *vec);
	u32 argc, envc;
	int r = -ENOMEM;
	if (!argv || !vec)
		goto out;
	u8 random[16];
	weft_sys_ctl(-1, WEFT_SYS_RANDOM, PTR(random), sizeof random, 0);
	u64 random_at = put(s, random, sizeof random, 16);
	u64 names_at = put(s, b->names, (b->nnames + 1) * sizeof b->names[0], 16);
	r = put_strings(s, b->a->argv, argv, &argc);
	if (r == 0)
		r = put_strings(s, b->a->envp, envp, &envc);
	if (r < 0)
		goto out;
	u64 *p = vec;
	*p++ = argc;
	memcpy(p, argv, (argc + 1) * sizeof *p);
	p += argc + 1;
	memcpy(p, envp, (envc + 1) * sizeof *p);
	p += envc + 1;
	p = aux(p, AT_PHDR, image->phdr);
	p = aux(p, AT_PHENT, image->phent);
	p = aux(p, AT_PHNUM, image->phnum);
	p = aux(p, AT_PAGESZ, WEFT_PAGE_SIZE);
	p = aux(p, AT_ENTRY, image->entry);
	p = aux(p, AT_RANDOM, random_at);
	p = aux(p, NATIVE_AT_FDS, names_at);
	p = aux(p, NATIVE_AT_TIME, time_page);
	p = aux(p, 0, 0);
	*sp = put(s, vec, (u64)((u8 *)p - (u8 *)vec), 16);
	r = *sp ? 0 : -E2BIG;
out:
	free(argv);
	free(vec);
	return r;
}

static int map_stack(struct build *b, const struct elf_image *image, u64 time_page, u64 *sp)
{
	u64 size = b->a->stack_size ? b->a->stack_size : STACK_SIZE;
	size = (size + WEFT_PAGE_SIZE - 1) & ~(WEFT_PAGE_SIZE - 1);
	struct stack s = {.room = SPAWN_STRINGS_MAX + (40ul << 10)};
	if (size < 2 * s.room)
		size = 2 * s.room;
	i64 r = weft_mem_map(b->as, STACK_TOP - size, size, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_FIXED, -1, 0);
	if (r < 0)
		return (int)r;
	s.at = s.room;
	s.bytes = malloc(s.room);
	if (!s.bytes)
		return -ENOMEM;
	int e = build_stack(b, &s, image, time_page, sp);
	if (e == 0) {
		u64 used = s.room - s.at;
		r = weft_mem_query(b->as, WEFT_QUERY_WRITE, STACK_TOP - used, used, PTR(s.bytes + s.at), used);
		e = r < 0 ? (int)r : (u64)r == used ? 0 : -EFAULT;
	}
	free(s.bytes);
	return e;
}

int spawn_fill_native(struct build *b)
{
	struct elf_image image;
	u64 time_page = 0, sp = 0;
	int r = elf_load(b->as, b->a->image, b->a->image_size, IMAGE_BIAS, &image);
	if (r < 0)
		return r;
	if (image.interp[0])
		return -ENOEXEC;
	if (b->a->time_page >= 0) {
		i64 at = weft_mem_map(b->as, 0, WEFT_PAGE_SIZE, WEFT_PROT_READ | WEFT_MAP_SHARED, b->a->time_page, 0);
		if (at < 0)
			return (int)at;
		time_page = (u64)at;
	}
	r = map_stack(b, &image, time_page, &sp);
	if (r < 0)
		return r;
	b->n.thread.regs.rip = image.entry;
	b->n.thread.regs.rsp = sp;
	b->n.thread.regs.rflags = 0x202;
	return 0;
}
