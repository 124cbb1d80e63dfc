/* SPDX-License-Identifier: MIT */
/*
 * The native memory calls (weft/mem.h).
 *
 * Every address space and object that a call works on is referenced until it returns, as any of
 * them may block. "as -1" is the caller's own; an fd of another needs MAP to change mappings, READ
 * and WRITE to read and write its memory.
 */
#include "as.h"
#include "pager.h"
#include <kernel/calls.h>
#include <kernel/ipc.h>

#define NAME_MAX      255u
#define PIN_PAGES_MAX 65536ul

int as_get_fd(i32 fd, u32 right, struct as **out)
{
	struct object *o;

	if (fd == -1) {
		*out = current_process()->as;
		as_get(*out);
		return 0;
	}
	TRY(fd_get(fd, WEFT_OBJ_AS, right, &o));
	*out = container_of(o, struct as, obj);
	return 0;
}

/*
 * The memory object of a memory fd or behind a handle. *rights (or NULL): of the fd; a handle never
 * gives CONTROL over its memory. *ref is to be put. -EBADF, -EPERM, -ENODEV (nothing to map).
 */
static int get_mem(u64 fd, u32 right, struct object **ref, struct memobj **out, u32 *rights)
{
	TRY(fd_get_in(current_process(), (i32)fd, 0, right, ref, rights));
	if (rights && (*ref)->type != WEFT_OBJ_MEM)
		*rights &= ~WEFT_RIGHT_CONTROL;
	*out = memobj_of(*ref);
	return *out ? 0 : -ENODEV;
}

i64 sys_as_create(u64 flags)
{
	struct as *a;
	i64 fd;

	if (flags & ~(u64)(WEFT_DUP_CLOEXEC | WEFT_DUP_PRIVATE))
		return -EINVAL;
	a = as_create_empty();
	if (IS_ERR(a))
		return PTR_ERR(a);
	fd = fd_install(current_process(), &a->obj, WEFT_RIGHT_ALL, flags);
	as_put(a);
	return fd;
}

/* PHYS and DMA: by the authority of a resource. */
static int create_device(u32 kind, i32 fd, u64 size, u64 arg, u32 flags, struct memobj **out)
{
	HELD struct resource *res = NULL;

	TRY(resource_require(fd, kind == WEFT_MEM_PHYS ? WEFT_RES_MEM : WEFT_RES_DMA, &res));
	if (kind == WEFT_MEM_DMA)
		return dma_create(res, size, flags, out);
	if (!size || ((size | arg) & (PAGE_SIZE - 1)) || arg > res->r.len ||
		size > res->r.len - arg)
		return -EINVAL;
	return memobj_create_phys(res->r.base + arg, size, flags & WEFT_MEM_CACHE_MASK, out);
}

static int create_pager(i32 fd, u64 size, u64 node, u32 flags, struct memobj **out)
{
	struct scheme *s = scheme_of_server_fd(fd);
	int r;

	if (IS_ERR(s))
		return PTR_ERR(s);
	r = pager_create(s, node, size, flags, out);
	scheme_put(s);
	return r;
}

static int create_clone(i32 fd, struct memobj **out)
{
	HELD struct object *ref = NULL;
	struct memobj *m;

	TRY(get_mem(fd, WEFT_RIGHT_READ | WEFT_RIGHT_MAP, &ref, &m, NULL));
	return memobj_clone(m, out);
}

static int create(u64 kind, u64 size, i32 fd, u64 arg, u32 flags, struct memobj **out)
{
	switch (kind) {
	case WEFT_MEM_ANON:
		return memobj_create(WEFT_MEM_ANON, size, flags, out);
	case WEFT_MEM_PHYS:
	case WEFT_MEM_DMA:
		return create_device(kind, fd, size, arg, flags, out);
	case WEFT_MEM_PAGER:
		return create_pager(fd, size, arg, flags, out);
	case WEFT_MEM_CLONE:
		return create_clone(fd, out);
	default:
		return -EINVAL;
	}
}

/* -EINVAL: kind, flags, size or range; -EPERM: the resource does not cover it; -EFBIG; -ENOMEM;
 * -EMFILE; -EBADF. */
i64 sys_mem_create(u64 kind, u64 size, u64 fd, u64 arg, u64 flags)
{
	u32 known = WEFT_MEM_CACHE_MASK | WEFT_MEM_LOW | WEFT_MEM_SEALABLE | WEFT_MEM_CLOEXEC |
		WEFT_MEM_PRIVATE_FD;
	u32 cache = flags & WEFT_MEM_CACHE_MASK;
	HELD struct memobj *m = NULL;

	if ((flags & ~(u64)known) || cache > WEFT_MEM_CACHE_UC)
		return -EINVAL;
	if (cache && kind != WEFT_MEM_PHYS && kind != WEFT_MEM_DMA)
		return -EINVAL;
	TRY(create(kind, size, (i32)fd, arg, flags, &m));
	return fd_install(current_process(), &m->obj, WEFT_RIGHT_ALL,
		(flags & WEFT_MEM_CLOEXEC ? WEFT_DUP_CLOEXEC : 0) |
			(flags & WEFT_MEM_PRIVATE_FD ? WEFT_DUP_PRIVATE : 0));
}

/* What a mapping by an fd with these rights may ever allow. */
static u32 prot_of(u32 rights, bool shared)
{
	u32 prot = rights & WEFT_RIGHT_READ ? WEFT_PROT_READ : 0;

	if (rights & WEFT_RIGHT_EXEC)
		prot |= WEFT_PROT_EXEC;
	if ((rights & WEFT_RIGHT_WRITE) || !shared)
		prot |= WEFT_PROT_WRITE;
	return prot;
}

/*
 * -EINVAL: length 0, alignment, unknown flags, address out of range; -EEXIST: NOREPLACE; -ENOMEM:
 * no room, limit, memory; -EACCES: the fd lacks a right that prot needs; -EPERM: no MAP right, a
 * seal, or a kernel-owned page is in the way; -ENODEV: the fd has no memory; -EBADF; -EINTR while
 * populating.
 */
i64 sys_mem_map(u64 as, u64 addr, u64 len, u64 flags, u64 fd, u64 off)
{
	const u32 known = VMA_PROT | VMA_GIVEN | WEFT_MAP_FIXED | WEFT_MAP_NOREPLACE |
		WEFT_MAP_POPULATE | WEFT_MAP_32BIT;
	bool shared = flags & WEFT_MAP_SHARED, anon = (i32)fd == -1;
	HELD struct object *ref = NULL;
	HELD struct as *a = NULL;
	struct memobj *m = NULL;
	u32 rights, max_prot = VMA_PROT;

	if ((flags & ~(u64)known) || ((flags & WEFT_MAP_NOREPLACE) && !(flags & WEFT_MAP_FIXED)) ||
		((flags & WEFT_MAP_STACK) && (!anon || shared)))
		return -EINVAL;
	TRY(as_get_fd((i32)as, WEFT_RIGHT_MAP, &a));
	if (!anon) {
		TRY(get_mem(fd, WEFT_RIGHT_MAP, &ref, &m, &rights));
		max_prot = prot_of(rights, shared);
		if (!(rights & WEFT_RIGHT_READ) || (flags & VMA_PROT & ~max_prot))
			return -EACCES;
	}
	TRY(as_map_flags(a, &addr, len, flags, max_prot, m, off));
	return (i64)addr;
}

/* -EINVAL: alignment, length 0, range; -EPERM: a kernel-owned page; -ENOMEM: no memory to split a
 * mapping. */
i64 sys_mem_unmap(u64 as, u64 addr, u64 len)
{
	HELD struct as *a = NULL;

	TRY(as_get_fd((i32)as, WEFT_RIGHT_MAP, &a));
	return as_unmap(a, addr, len);
}

/* -EINVAL: alignment, prot; -ENOMEM: a hole in the range; -EACCES: more than the object's fd
 * allowed; -EPERM: a kernel-owned page. */
i64 sys_mem_protect(u64 as, u64 addr, u64 len, u64 prot)
{
	HELD struct as *a = NULL;

	TRY(as_get_fd((i32)as, WEFT_RIGHT_MAP, &a));
	return as_protect(a, addr, len, prot);
}

/* -EINVAL: alignment, flags, overlap; -EFAULT: not within one mapping; -ENOMEM: no room; -EPERM: a
 * kernel-owned page. */
i64 sys_mem_remap(u64 addr, u64 old_len, u64 len, u64 flags, u64 to)
{
	TRY(as_remap(current_process()->as, addr, old_len, len, flags, &to));
	return (i64)to;
}

/* -EINVAL: alignment, advice, DONTNEED of locked pages, WIPEONFORK or REMOVE where they do not
 * apply; -ENOMEM: a hole; -EIO and the like from SYNC. */
i64 sys_mem_advise(u64 addr, u64 len, u64 advice)
{
	return as_advise(current_process()->as, addr, len, advice);
}

/* -EINVAL: operation, alignment; -ENOMEM (RESIDENT): a hole; -EIO (READ, WRITE): nothing accessible
 * there; -EFAULT: the buffer. */
i64 sys_mem_query(u64 as, u64 op, u64 addr, u64 len, u64 buf, u64 n)
{
	HELD struct as *a = NULL;

	TRY(as_get_fd((i32)as, op == WEFT_QUERY_WRITE ? WEFT_RIGHT_WRITE : WEFT_RIGHT_READ, &a));
	return as_query(a, op, addr, len, buf, n);
}

static i64 ctl_info(struct memobj *m, u64 to)
{
	struct weft_mem_info i = {
		.size = m->size,
		.resident = memobj_is_phys(m) ? m->size : m->pages.count << PAGE_SHIFT,
		.dirty = m->pager ? m->pager->ndirty << PAGE_SHIFT : 0,
		.mtime_ns = m->mtime,
		.ctime_ns = m->ctime,
		.id = m->obj.id,
		.node = m->pager ? m->pager->node : 0,
		.kind = m->kind,
		.seals = m->seals,
		.mappings = m->nmappings,
		.writable_mappings = m->nwritable,
	};

	return copy_to_user(to, &i, sizeof(i));
}

static i64 ctl_resize(struct memobj *m, u32 rights, u64 size)
{
	if (!(rights & (m->pager ? WEFT_RIGHT_CONTROL : WEFT_RIGHT_WRITE)))
		return -EPERM;
	if (m->seals & (size < m->size ? F_SEAL_SHRINK : size > m->size ? F_SEAL_GROW : 0))
		return -EPERM;
	return memobj_resize(m, size);
}

static i64 ctl_seal(struct memobj *m, u32 rights, u64 seals)
{
	if (seals & ~(u64)0x3f)
		return -EINVAL;
	if (!(rights & WEFT_RIGHT_WRITE) || (m->seals & F_SEAL_SEAL))
		return -EPERM;
	if ((seals & F_SEAL_WRITE) && m->nwritable)
		return -EBUSY;
	m->seals |= seals;
	return 0;
}

static i64 ctl_name(struct memobj *m, u64 from, u64 len)
{
	HELD_MEM char *name = len > NAME_MAX ? NULL : kzalloc(len + 1);

	if (!name)
		return len > NAME_MAX ? -EINVAL : -ENOMEM;
	TRY(copy_from_user(name, from, len));
	kfree(m->name);
	m->name = name;
	name = NULL;
	return 0;
}

static i64 ctl_evict(struct memobj *m, u64 off, u64 len)
{
	u64 end = len > ~0ul - off ? ~0ul : off + len;
	struct frame *f;

	if (!m->pager)
		return -EINVAL;
	for (u64 i = off >> PAGE_SHIFT; (f = radix_next(&m->pages, &i)) && i << PAGE_SHIFT < end;
		i++)
		if (!(f->flags & (FRAME_DIRTY | FRAME_WRITEBACK | FRAME_PINNED)))
			memobj_drop_page(m, i);
	return 0;
}

static i64 ctl_dirty(struct memobj *m, u64 to, u64 n)
{
	HELD_MEM u64 *pairs = n > 65536 ? NULL : kmalloc(n * 16 + 16);
	u64 runs;

	if (!m->pager || n > 65536)
		return -EINVAL;
	if (!pairs)
		return -ENOMEM;
	runs = pager_dirty_runs(m, pairs, n);
	TRY(copy_to_user(to, pairs, runs * 16));
	return (i64)runs;
}

i64 memobj_ctl(struct memobj *m, u32 rights, u64 op, u64 a, u64 b)
{
	static const u32 needs[] = {[WEFT_MEM_PUNCH... WEFT_MEM_COMMIT] = WEFT_RIGHT_WRITE,
		[WEFT_MEM_SET_NAME... WEFT_MEM_SET_ID] = WEFT_RIGHT_CONTROL,
		[WEFT_MEM_EVICT... WEFT_MEM_RELEASE] = WEFT_RIGHT_CONTROL};

	if (op < ARRAY_SIZE(needs) && (needs[op] & ~rights))
		return -EPERM;
	switch (op) {
	case WEFT_MEM_INFO:
		return ctl_info(m, a);
	case WEFT_MEM_RESIZE:
		return ctl_resize(m, rights, a);
	case WEFT_MEM_GET_SEALS:
		return m->seals;
	case WEFT_MEM_ADD_SEALS:
		return ctl_seal(m, rights, a);
	case WEFT_MEM_SYNC:
		return m->pager ? pager_sync(m, a, b) : 0;
	case WEFT_MEM_PUNCH:
		return m->seals & F_SEAL_WRITE ? -EPERM : memobj_punch(m, a, b);
	case WEFT_MEM_COMMIT:
		return memobj_commit(m, a, b);
	case WEFT_MEM_SET_NAME:
		return ctl_name(m, a, b);
	case WEFT_MEM_SET_ID:
		m->dev = a;
		m->ino = b;
		return 0;
	case WEFT_MEM_EVICT:
		return ctl_evict(m, a, b);
	case WEFT_MEM_SET_TIMES:
		m->mtime = a;
		m->ctime = b;
		return 0;
	case WEFT_MEM_DIRTY:
		return ctl_dirty(m, a, b);
	case WEFT_MEM_PHYS_ADDR:
		return memobj_is_phys(m) && a < m->size ? (i64)(m->phys + a) : -EINVAL;
	case WEFT_MEM_RELEASE:
		return dma_release(&m->obj);
	default:
		return -EINVAL;
	}
}

/* -EBADF; -ENODEV: no memory behind it; -EPERM: right missing or sealed; -EINVAL: operation or
 * range; others as the operation's function says. */
i64 sys_mem_ctl(u64 fd, u64 op, u64 a, u64 b, u64)
{
	HELD struct object *ref = NULL;
	struct memobj *m;
	u32 rights;

	if (op == WEFT_MEM_RELEASE && !fd_get((i32)fd, WEFT_OBJ_PIN, WEFT_RIGHT_CONTROL, &ref))
		return dma_release(ref);
	TRY(get_mem(fd, 0, &ref, &m, &rights));
	return memobj_ctl(m, rights, op, a, b);
}

/*
 * bus[] gets one address for each page. -EINVAL: alignment, empty, beyond the end, n too small;
 * -EPERM: rights, no DMA resource; -ENODEV: no memory behind the fd; -E2BIG: more than 256 MiB;
 * -EBUSY: a page has 65,535 pins; -ENOMEM; -EFAULT; -EMFILE.
 */
i64 sys_mem_pin(u64 fd, u64 off, u64 len, u64 resfd, u64 bus, u64 n)
{
	u64 pages = (len + PAGE_SIZE - 1) >> PAGE_SHIFT;
	HELD struct object *ref = NULL, *pin = NULL;
	HELD struct resource *res = NULL;
	HELD_MEM u64 *list = NULL;
	struct memobj *m;
	i64 r;

	if ((off & (PAGE_SIZE - 1)) || !len || off + len < off || n < pages)
		return -EINVAL;
	if (pages > PIN_PAGES_MAX)
		return -E2BIG;
	TRY(get_mem(fd, WEFT_RIGHT_READ | WEFT_RIGHT_WRITE, &ref, &m, NULL));
	TRY(resource_require((i32)resfd, WEFT_RES_DMA, &res));
	if (off + len > ALIGN_UP(m->size, PAGE_SIZE))
		return -EINVAL;
	list = kmalloc(pages * 8);
	TRY(list ? pin_create(m, off >> PAGE_SHIFT, pages, res, list, &pin) : -ENOMEM);
	r = copy_to_user(bus, list, pages * 8);
	if (!r)
		r = fd_install(current_process(), pin, WEFT_RIGHT_ALL, FD_NEW);
	if (r < 0)
		dma_release(pin); /* nobody has the addresses */
	return r;
}

/* -EBADF; -EINVAL: no pager-backed object, operation, alignment, length; -EPERM: no CONTROL;
 * -ENODATA (FETCH): absent; -EFAULT; -ENOMEM. */
i64 sys_pager_copy(u64 fd, u64 op, u64 off, u64 buf, u64 len, u64 flags)
{
	HELD struct object *o = NULL;
	struct memobj *m;

	TRY(fd_get((i32)fd, WEFT_OBJ_MEM, WEFT_RIGHT_CONTROL, &o));
	m = memobj_of(o);
	return m->pager ? pager_copy(m, op, off, buf, len, flags) : -EINVAL;
}
