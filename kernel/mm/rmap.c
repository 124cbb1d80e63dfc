/* SPDX-License-Identifier: MIT */
/* From an object's pages to the page-table entries that map them, through the list of its VMAs. */
#include "as.h"

/* The addresses of v that show pages [first, first + n) of its object; false: none. */
static bool vma_range(const struct vma *v, u64 first, u64 n, u64 *start, u64 *end)
{
	u64 vfirst = v->off >> PAGE_SHIFT, vn = (v->end - v->start) >> PAGE_SHIFT;
	u64 lo = MAX(first, vfirst), hi = MIN(n > ~0ul - first ? ~0ul : first + n, vfirst + vn);

	if (lo >= hi)
		return false;
	*start = v->start + ((lo - vfirst) << PAGE_SHIFT);
	*end = v->start + ((hi - vfirst) << PAGE_SHIFT);
	return true;
}

void memobj_unmap_range(struct memobj *m, u64 first, u64 n, bool private_too)
{
	u64 start, end;
	struct vma *v;

	list_for_each(v, &m->mappings, obj_link)
		if (vma_range(v, first, n, &start, &end))
			as_zap(v->as, start, end, private_too ? NULL : m);
}

void memobj_reprotect_page(struct memobj *m, u64 idx)
{
	u64 start, end;
	struct vma *v;

	list_for_each(v, &m->mappings, obj_link)
		if (vma_range(v, idx, 1, &start, &end))
			as_reprotect(v, start, end);
}
