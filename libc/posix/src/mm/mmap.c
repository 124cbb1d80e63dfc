/* SPDX-License-Identifier: MIT */
/* The calls about address space: each is one native call with the flags translated. The runtime's own range is off limits. */
#include "../fd/fd.h"
#include "../core/calls.h"
#include <native/fsproto.h>

#define MAP_SHARED 1u
#define MAP_PRIVATE 2u
#define MAP_SHARED_VALIDATE 3u
#define MAP_DROPPABLE 8u
#define MAP_TYPE 0xfu
#define MAP_FIXED 0x10u
#define MAP_ANONYMOUS 0x20u
#define MAP_32BIT 0x40u
#define MAP_GROWSDOWN 0x100u
#define MAP_LOCKED 0x2000u
#define MAP_NORESERVE 0x4000u
#define MAP_POPULATE 0x8000u
#define MAP_STACK 0x20000u
#define MAP_HUGETLB 0x40000u
#define MAP_SYNC 0x80000u
#define MAP_FIXED_NOREPLACE 0x100000u
#define PROT_GROWS 0x03000000u

/* Programs may not map, unmap or protect where the runtime lives. */
static bool is_ours(u64 addr, u64 len)
{
	return addr + len < addr || addr + len > WEFT_RT_MIN;
}

i64 rt_sys_mmap(u64 addr, u64 len, u64 prot, u64 flags, u64 fd, u64 off)
{
	u32 f = prot & 7;
	i32 mem = -1;

	if (!len || (off & (WEFT_PAGE_SIZE - 1)))
		return -EINVAL;
	if (len > WEFT_RT_MIN || (len = ALIGN_UP(len, WEFT_PAGE_SIZE)) > WEFT_RT_MIN)
		return -ENOMEM;
	if (off + len < off)
		return -EOVERFLOW;
	if (flags & MAP_HUGETLB)
		return -ENOMEM; /* none are set aside */
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		if (addr & (WEFT_PAGE_SIZE - 1))
			return -EINVAL;
		if (is_ours(addr, len))
			return -ENOMEM;
		if (addr < WEFT_USER_MIN)
			return -EPERM;
		f |= WEFT_MAP_FIXED | (flags & MAP_FIXED_NOREPLACE ? WEFT_MAP_NOREPLACE : 0);
	} else {
		addr = ALIGN_DOWN(addr, WEFT_PAGE_SIZE);
		if (is_ours(addr, len) || addr < 0x10000)
			addr = 0;
	}
	switch (flags & MAP_TYPE) {
	case MAP_SHARED_VALIDATE:
		if (flags & MAP_SYNC)
			return -EOPNOTSUPP;
		/* fallthrough */
	case MAP_SHARED:
		f |= WEFT_MAP_SHARED;
		break;
	case MAP_DROPPABLE:
		if (!(flags & MAP_ANONYMOUS))
			return -EINVAL;
		/* fallthrough */
	case MAP_PRIVATE:
		break;
	default:
		return -EINVAL;
	}
	f |= flags & MAP_POPULATE ? WEFT_MAP_POPULATE : 0;
	f |= flags & MAP_NORESERVE ? WEFT_MAP_NORESERVE : 0;
	f |= flags & MAP_LOCKED ? WEFT_MAP_LOCKED : 0;
	f |= flags & MAP_32BIT ? WEFT_MAP_32BIT : 0;
	f |= (flags & MAP_GROWSDOWN) && (flags & MAP_TYPE) == MAP_PRIVATE ? WEFT_MAP_STACK : 0;
	if (!(flags & MAP_ANONYMOUS)) {
		struct weft_fd_info info;
		PROGRAM_FD(fd);
		mem = fd;
		i64 r = NC(MEM_MAP, -1, addr, len, f, mem, off);
		if (likely(r >= 0))
			return r;
		/* The kernel speaks of rights; Linux of access modes and kinds of file. */
		if (r != -EPERM && r != -EINVAL && r != -EBADF && r != -ENODEV)
			return r;
		if (rt_fd_info(mem, &info) < 0 || (info.status & O_PATH))
			return -EBADF;
		if (info.type != WEFT_OBJ_MEM && !(info.flags & WEFT_INFO_HAS_MEM))
			return rt_map_device(mem, addr, len, f, off);
		if (r == -EPERM && ((info.status & O_ACCMODE) == O_RDWR || (info.type == WEFT_OBJ_MEM && (info.rights & WEFT_RIGHT_WRITE))))
			return r; /* a seal */
		return r == -EPERM ? -EACCES : r;
	}
	i64 r = NC(MEM_MAP, -1, addr, len, f, -1, 0);
	return r;
}

/* A handle without memory of its own: its server may give a memory object for the range (drm, frame buffers). */
i64 rt_map_device(i32 fd, u64 addr, u64 len, u32 f, u64 off)
{
	i32 got[1];
	struct weft_req q = {.op = FSP_MMAP, .flags = WEFT_REQ_PRIVATE | WEFT_REQ_CLOEXEC, .max_fds = 1, .args = {off, len, f & 7, !!(f & WEFT_MAP_SHARED)}, .fds_out = (u64)got};
	i64 r = NC(FD_CALL, fd, &q);

	if (r == -EOPNOTSUPP || r == -ENOSYS || r == -EBADF)
		return -ENODEV;
	if (r < 0)
		return r;
	if (q.nfds_out != 1)
		return -ENODEV;
	r = NC(MEM_MAP, -1, addr, len, f, got[0], q.out[0]);
	NC(FD_CLOSE, got[0]);
	return r;
}

i64 rt_sys_munmap(u64 addr, u64 len)
{
	if ((addr & (WEFT_PAGE_SIZE - 1)) || !len || len > WEFT_RT_MIN)
		return -EINVAL;
	len = ALIGN_UP(len, WEFT_PAGE_SIZE);
	if (is_ours(addr, len))
		return -EINVAL;
	return NC(MEM_UNMAP, -1, addr, len);
}

i64 rt_sys_mprotect(u64 addr, u64 len, u64 prot)
{
	if (addr & (WEFT_PAGE_SIZE - 1))
		return -EINVAL;
	if (prot & ~(u64)(7 | 8 | PROT_GROWS))
		return -EINVAL;
	if (!len)
		return 0;
	len = ALIGN_UP(len, WEFT_PAGE_SIZE);
	if (!len || is_ours(addr, len))
		return -ENOMEM;
	i64 r = NC(MEM_PROTECT, -1, addr, len, prot & 7);
	return r == -EPERM ? -EACCES : r;
}

i64 rt_sys_pkey_mprotect(u64 addr, u64 len, u64 prot, u64 key)
{
	return (i32)key == -1 ? rt_sys_mprotect(addr, len, prot) : -EINVAL;
}

#define MREMAP_MAYMOVE 1u
#define MREMAP_FIXED 2u
#define MREMAP_DONTUNMAP 4u
i64 rt_sys_mremap(u64 addr, u64 old, u64 new, u64 flags, u64 to)
{
	if ((flags & ~7ul) || (addr & (WEFT_PAGE_SIZE - 1)))
		return -EINVAL;
	if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if (!new || new > WEFT_RT_MIN || old > WEFT_RT_MIN)
		return -EINVAL;
	old = ALIGN_UP(old, WEFT_PAGE_SIZE);
	new = ALIGN_UP(new, WEFT_PAGE_SIZE);
	if (is_ours(addr, old))
		return -EFAULT;
	if ((flags & MREMAP_DONTUNMAP) && old != new)
		return -EINVAL;
	if (flags & MREMAP_FIXED) {
		if ((to & (WEFT_PAGE_SIZE - 1)) || is_ours(to, new))
			return -EINVAL;
		if (to < addr + old && addr < to + new)
			return -EINVAL;
	}
	return NC(MEM_REMAP, addr, old, new, flags, to);
}

i64 rt_sys_madvise(u64 addr, u64 len, u64 advice)
{
	/* Linux's advice -> ours; -1: a hint without effect here; -2: not known */
	static const struct {
		u8 linux;
		i8 native;
	} map[] = {
		{0, -1}, {1, -1}, {2, -1}, {3, WEFT_ADV_WILLNEED}, {4, WEFT_ADV_DONTNEED}, {8, -1}, {9, WEFT_ADV_REMOVE}, {10, WEFT_ADV_DONTFORK},
		{11, WEFT_ADV_DOFORK}, {12, -1}, {13, -1}, {14, -1}, {15, -1}, {16, -1}, {17, -1}, {18, WEFT_ADV_WIPEONFORK}, {19, WEFT_ADV_KEEPONFORK},
		{20, -1}, {21, -1}, {22, WEFT_ADV_WILLNEED}, {23, WEFT_ADV_WILLNEED},
	};

	if ((addr & (WEFT_PAGE_SIZE - 1)) || len > WEFT_RT_MIN)
		return -EINVAL;
	len = ALIGN_UP(len, WEFT_PAGE_SIZE);
	for (u32 i = 0; i < ARRAY_SIZE(map); i++) {
		if (map[i].linux != advice)
			continue;
		if (!len)
			return 0;
		if (is_ours(addr, len))
			return -ENOMEM;
		if (map[i].native >= 0)
			return NC(MEM_ADVISE, addr, len, map[i].native);
		struct weft_vma v;
		i64 n = NC(MEM_QUERY, -1, WEFT_QUERY_VMAS, addr, len, &v, 1);
		return n < 0 ? n : n == 0 ? -ENOMEM : 0;
	}
	return -EINVAL;
}

i64 rt_sys_mincore(u64 addr, u64 len, u64 vec)
{
	u8 part[256];

	if (addr & (WEFT_PAGE_SIZE - 1))
		return -EINVAL;
	if (len > WEFT_RT_MIN || is_ours(addr, ALIGN_UP(len, WEFT_PAGE_SIZE)))
		return -ENOMEM;
	for (u64 pages = ALIGN_UP(len, WEFT_PAGE_SIZE) / WEFT_PAGE_SIZE; pages;) {
		u64 n = MIN(pages, sizeof(part));
		i64 r = NC(MEM_QUERY, -1, WEFT_QUERY_RESIDENT, addr, n * WEFT_PAGE_SIZE, part, n);
		if (r < 0)
			return r == -EINVAL || r == -EFAULT ? -ENOMEM : r;
		if (copy_out(vec, part, n))
			return -EFAULT;
		vec += n;
		addr += n * WEFT_PAGE_SIZE;
		pages -= n;
	}
	return 0;
}

#define MS_ASYNC 1u
#define MS_INVALIDATE 2u
#define MS_SYNC 4u
i64 rt_sys_msync(u64 addr, u64 len, u64 flags)
{
	if ((flags & ~7ul) || (addr & (WEFT_PAGE_SIZE - 1)) || (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -EINVAL;
	len = ALIGN_UP(len, WEFT_PAGE_SIZE);
	if (!len)
		return 0;
	if (is_ours(addr, len))
		return -ENOMEM;
	if (flags & MS_SYNC)
		return NC(MEM_ADVISE, addr, len, WEFT_ADV_SYNC);
	struct weft_vma v;
	i64 n = NC(MEM_QUERY, -1, WEFT_QUERY_VMAS, addr, len, &v, 1);
	return n < 0 ? n : n == 0 ? -ENOMEM : 0;
}

static i64 lock_range(u64 addr, u64 len, u32 advice)
{
	len = ALIGN_UP(len + (addr & (WEFT_PAGE_SIZE - 1)), WEFT_PAGE_SIZE);
	addr = ALIGN_DOWN(addr, WEFT_PAGE_SIZE);
	if (!len)
		return 0;
	if (is_ours(addr, len))
		return -ENOMEM;
	return NC(MEM_ADVISE, addr, len, advice);
}

i64 rt_sys_mlock(u64 addr, u64 len)
{
	return lock_range(addr, len, WEFT_ADV_LOCK);
}

i64 rt_sys_mlock2(u64 addr, u64 len, u64 flags)
{
	return flags & ~1ul ? -EINVAL : flags & 1 ? lock_range(addr, len, WEFT_ADV_LOCK) : rt_sys_mlock(addr, len);
}

i64 rt_sys_munlock(u64 addr, u64 len)
{
	return lock_range(addr, len, WEFT_ADV_UNLOCK);
}

/* All mappings below the runtime's range. */
static i64 lock_all(u32 advice)
{
	u64 at = 0;

	for (;;) {
		struct weft_vma v[16];
		i64 n = NC(MEM_QUERY, -1, WEFT_QUERY_VMAS, at, WEFT_RT_MIN - at, v, 16);
		if (n <= 0)
			return n;
		for (i64 i = 0; i < n; i++) {
			if (v[i].start >= WEFT_RT_MIN)
				return 0;
			if (v[i].prot_flags & 7)
				NC(MEM_ADVISE, v[i].start, v[i].end - v[i].start, advice);
			at = v[i].end;
		}
		if (n < 16)
			return 0;
	}
}

i64 rt_sys_mlockall(u64 flags)
{
	if (!flags || (flags & ~7ul) || flags == 4)
		return -EINVAL;
	return flags & 1 ? lock_all(WEFT_ADV_LOCK) : 0;
}

i64 rt_sys_munlockall(void)
{
	return lock_all(WEFT_ADV_UNLOCK);
}

i64 rt_sys_brk(u64 to)
{
	struct rt_proc *p = rt_proc();
	i64 r;

	rt_lock_take(&p->mm_lock);
	u64 old = ALIGN_UP(p->brk_end, WEFT_PAGE_SIZE), new = ALIGN_UP(to, WEFT_PAGE_SIZE);
	if (to >= p->brk_start && to < p->brk_start + (1ul << 40)) {
		if (new > old) {
			u64 data = p->limits[RLIMIT_DATA].cur;
			r = data != RLIM_INFINITY && to - p->brk_start > data ? -ENOMEM :
				NC(MEM_MAP, -1, old, new - old, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_FIXED | WEFT_MAP_NOREPLACE, -1, 0);
			if (r >= 0)
				p->brk_end = to;
		} else {
			if (new < old)
				NC(MEM_UNMAP, -1, new, old - new);
			p->brk_end = to;
		}
	}
	r = p->brk_end;
	rt_lock_drop(&p->mm_lock);
	return r;
}

#define MFD_CLOEXEC 1u
#define MFD_ALLOW_SEALING 2u
#define MFD_NOEXEC_SEAL 8u
#define MFD_EXEC 16u
i64 rt_sys_memfd_create(u64 name, u64 flags)
{
	char text[6 + 250] = "memfd:";

	if (flags & ~(u64)(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC))
		return -EINVAL;
	if ((flags & MFD_EXEC) && (flags & MFD_NOEXEC_SEAL))
		return -EINVAL;
	i64 n = rt_copy_string(text + 6, (const char *)name, 250);
	if (n < 0)
		return n;
	if (n == 250)
		return -EINVAL;
	bool seal = flags & (MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	i64 fd = NC(MEM_CREATE, WEFT_MEM_ANON, 0, -1, 0, (seal ? WEFT_MEM_SEALABLE : 0) | (flags & MFD_CLOEXEC ? WEFT_MEM_CLOEXEC : 0));
	if (fd < 0)
		return fd;
	NC(MEM_CTL, fd, WEFT_MEM_SET_NAME, text, n + 6, 0);
	if (flags & MFD_NOEXEC_SEAL)
		NC(MEM_CTL, fd, WEFT_MEM_ADD_SEALS, 0x20, 0, 0); /* F_SEAL_EXEC */
	return fd;
}

i64 rt_sys_membarrier(u64 cmd, u64 flags)
{
	/* QUERY; the rest would need an interrupt to every CPU. */
	(void)flags;
	return cmd == 0 ? 0 : -EINVAL;
}
