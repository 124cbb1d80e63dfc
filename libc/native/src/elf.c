/* SPDX-License-Identifier: MIT */
/*
 * ELF64 for x86-64: ET_EXEC and ET_DYN. Each PT_LOAD becomes a private mapping of the file and, for what its memory size has beyond,
 * an anonymous one; the tail of the last file page is zeroed where the segment may be written.
 */
#include <native/call.h>
#include <native/elf.h>
#include <string.h>

#define PHNUM_MAX 64
#define PT_LOAD 1
#define PT_INTERP 3
#define PT_PHDR 6
#define PT_GNU_STACK 0x6474e551

struct elf_header {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct elf_segment {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

static u64 page_down(u64 a)
{
	return a & ~(WEFT_PAGE_SIZE - 1);
}

static u64 page_up(u64 a)
{
	return page_down(a + WEFT_PAGE_SIZE - 1);
}

static int read_all(i32 mem, u64 size, u64 offset, void *to, u64 len)
{
	if (offset > size || len > size - offset)
		return -ENOEXEC;
	i64 r = weft_fd_read(mem, PTR(to), len, offset, 0);
	if (r < 0)
		return (int)r;
	return (u64)r == len ? 0 : -ENOEXEC;
}

static u32 segment_prot(u32 flags)
{
	return (flags & 4 ? WEFT_PROT_READ : 0) | (flags & 2 ? WEFT_PROT_WRITE : 0) | (flags & 1 ? WEFT_PROT_EXEC : 0);
}

static int check_segment(const struct elf_segment *s, u64 size, u64 bias)
{
	if (s->filesz > s->memsz || s->offset > size || s->filesz > size - s->offset)
		return -ENOEXEC;
	if ((s->offset ^ s->vaddr) & (WEFT_PAGE_SIZE - 1))
		return -ENOEXEC;
	u64 start = bias + s->vaddr;
	if (start < bias || start < WEFT_USER_MIN || s->memsz > WEFT_USER_MAX || start > WEFT_USER_MAX - s->memsz - WEFT_PAGE_SIZE)
		return -ENOEXEC;
	return 0;
}

static int zero_tail(i32 as, u64 from, u64 to)
{
	static const u8 zero[256];
	while (from < to) {
		u64 n = to - from < sizeof zero ? to - from : sizeof zero;
		i64 r = 0;
		if (as == -1)
			memset((void *)from, 0, n);
		else
			r = weft_mem_query(as, WEFT_QUERY_WRITE, from, n, PTR(zero), n);
		if (r < 0)
			return (int)r;
		from += n;
	}
	return 0;
}

static int map_segment(i32 as, i32 mem, const struct elf_segment *s, u64 bias)
{
	u32 prot = segment_prot(s->flags);
	u64 start = page_down(bias + s->vaddr);
	u64 file_end = bias + s->vaddr + s->filesz, end = page_up(bias + s->vaddr + s->memsz);
	u64 mapped = start;
	if (s->filesz) {
		mapped = page_up(file_end);
		i64 r = weft_mem_map(as, start, mapped - start, prot | WEFT_MAP_FIXED, mem, page_down(s->offset));
		if (r < 0)
			return (int)r;
		if ((s->flags & 2) && s->memsz > s->filesz && file_end < mapped) {
			int e = zero_tail(as, file_end, mapped);
			if (e < 0)
				return e;
		}
	}
	if (end > mapped) {
		i64 r = weft_mem_map(as, mapped, end - mapped, prot | WEFT_MAP_FIXED, -1, 0);
		if (r < 0)
			return (int)r;
	}
	return 0;
}

static int read_headers(i32 mem, u64 size, struct elf_header *h, struct elf_segment *seg)
{
	int r = read_all(mem, size, 0, h, sizeof *h);
	if (r < 0)
		return r;
	static const u8 ident[7] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
	if (memcmp(h->ident, ident, sizeof ident) != 0 || h->machine != 62 || (h->type != 2 && h->type != 3))
		return -ENOEXEC;
	if (h->phentsize != sizeof *seg || h->phnum == 0 || h->phnum > PHNUM_MAX)
		return -ENOEXEC;
	return read_all(mem, size, h->phoff, seg, h->phnum * sizeof *seg);
}

int elf_load(i32 as, i32 mem, u64 size, u64 bias_hint, struct elf_image *out)
{
	struct elf_header h;
	struct elf_segment seg[PHNUM_MAX];
	int r = read_headers(mem, size, &h, seg);
	if (r < 0)
		return r;
	memset(out, 0, sizeof *out);
	out->bias = h.type == 3 ? bias_hint : 0;
	out->low = UINT64_MAX;
	u64 phdr = 0;
	for (u32 i = 0; i < h.phnum; i++) {
		const struct elf_segment *s = &seg[i];
		if (s->type == PT_INTERP) {
			if (s->filesz == 0 || s->filesz > ELF_INTERP_MAX)
				return -ENOEXEC;
			r = read_all(mem, size, s->offset, out->interp, s->filesz);
			if (r < 0)
				return r;
			if (out->interp[s->filesz - 1] != 0)
				return -ENOEXEC;
		} else if (s->type == PT_GNU_STACK) {
			out->exec_stack = s->flags & 1;
		} else if (s->type == PT_PHDR) {
			phdr = out->bias + s->vaddr;
		} else if (s->type == PT_LOAD && s->memsz) {
			r = check_segment(s, size, out->bias);
			if (r == 0)
				r = map_segment(as, mem, s, out->bias);
			if (r < 0)
				return r;
			u64 start = out->bias + s->vaddr, end = start + s->memsz;
			if (page_down(start) < out->low)
				out->low = page_down(start);
			if (page_up(end) > out->high)
				out->high = page_up(end);
			if (!phdr && h.phoff >= s->offset && h.phoff < s->offset + s->filesz)
				phdr = start + (h.phoff - s->offset);
		}
	}
	if (out->high == 0)
		return -ENOEXEC;
	out->entry = out->bias + h.entry;
	out->phdr = phdr;
	out->phnum = h.phnum;
	out->phent = sizeof *seg;
	return 0;
}
