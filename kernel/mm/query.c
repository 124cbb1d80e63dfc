/* SPDX-License-Identifier: MIT */
/* mem_query: what an address space holds. Copies to the caller may block, so every step finds its
 * place again by address. */
#include "as.h"

static void describe(struct vma *v, struct weft_vma *out)
{
	u64 anon, n = as_count(v->as, v->start, v->end, &anon);

	memset(out, 0, sizeof(*out));
	out->start = v->start;
	out->end = v->end;
	out->offset = v->off;
	out->prot_flags = v->flags & (VMA_PROT | VMA_GIVEN);
	out->resident = n;
	out->dirty = anon;
	if (!v->m)
		return;
	out->mem = v->m->obj.id;
	out->dev = v->m->dev;
	out->ino = v->m->ino;
	if (v->m->name) {
		size_t len = strlen(v->m->name);

		strlcpy(out->name, v->m->name + (len < WEFT_VMA_NAME ? 0 : len - WEFT_VMA_NAME + 1),
			WEFT_VMA_NAME);
	}
}

static i64 query_vmas(struct as *a, u64 addr, u64 len, u64 buf, u64 n)
{
	u64 end = addr + len < addr ? WEFT_USER_MAX : addr + len, done;

	for (done = 0; done < n; done++) {
		struct vma *v = vma_find_from(a, addr);
		struct weft_vma out;

		if (!v || v->start >= end)
			break;
		describe(v, &out);
		TRY(copy_to_user(buf + done * sizeof(out), &out, sizeof(out)));
		addr = out.end;
	}
	return done;
}

static bool resident(struct as *a, struct vma *v, u64 addr)
{
	pte_t *pte = arch_pte(&a->arch, addr, false);

	if (pte && *pte)
		return frame_of(arch_pte_phys(*pte)) != zero_frame;
	return v->m && (memobj_is_phys(v->m) || memobj_page(v->m, vma_index(v, addr)));
}

static i64 query_resident(struct as *a, u64 addr, u64 buf, u64 n)
{
	u8 some[128];

	if (addr & (PAGE_SIZE - 1))
		return -EINVAL;
	for (u64 done = 0; done < n;) {
		u32 part = MIN(n - done, sizeof(some));

		for (u32 i = 0; i < part; i++, addr += PAGE_SIZE) {
			struct vma *v = addr < WEFT_USER_MAX ? vma_find(a, addr) : NULL;

			if (!v)
				return -ENOMEM;
			some[i] = resident(a, v, addr);
		}
		TRY(copy_to_user(buf + done, some, part));
		done += part;
		TRY(mm_pause());
	}
	return n;
}

static i64 query_copy(struct as *a, u64 addr, u64 buf, u64 n, bool write)
{
	u64 done = 0;

	while (done < n) {
		u64 part = MIN(n - done, PAGE_SIZE - ((addr + done) & (PAGE_SIZE - 1)));
		HELD_FRAME struct frame *f = NULL;
		void *p = NULL;
		int r;

		for (u32 tries = 0; tries < 8 && !(p = as_peek(a, addr + done, write)); tries++)
			if (as_fault(a, addr + done, write, false))
				return done ? (i64)done : -EIO;
		if (!p)
			return done ? (i64)done : -EIO; /* a device */
		f = frame_of((u64)p - DIRECT_MAP);
		frame_get(f);
		r = write ? copy_from_user(p, buf + done, part) : copy_to_user(buf + done, p, part);
		if (r)
			return done ? (i64)done : r;
		done += part;
		if (done % (16 * PAGE_SIZE) < PAGE_SIZE && mm_pause())
			return done;
	}
	return done;
}

i64 as_query(struct as *a, u64 op, u64 addr, u64 len, u64 buf, u64 n)
{
	struct weft_as_usage usage;

	if (n > INT64_MAX)
		return -EINVAL;
	switch (op) {
	case WEFT_QUERY_VMAS:
		return query_vmas(a, addr, len, buf, n);
	case WEFT_QUERY_RESIDENT:
		return query_resident(a, addr, buf, n);
	case WEFT_QUERY_READ:
	case WEFT_QUERY_WRITE:
		return query_copy(a, addr, buf, n, op == WEFT_QUERY_WRITE);
	case WEFT_QUERY_USAGE:
		as_usage(a, &usage);
		return copy_to_user(buf, &usage, sizeof(usage));
	default:
		return -EINVAL;
	}
}
