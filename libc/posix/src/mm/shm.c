/* SPDX-License-Identifier: MIT */
/* System V shared memory: segments are memory objects in servers/ipc's keeping. Attachments are ordinary shared mappings. */
#include "../fd/fd.h"
#include "../core/calls.h"
#include <native/sysvproto.h>

#define SHM_RDONLY 010000u
#define SHM_RND 020000u
#define SHM_REMAP 040000u
#define SHM_EXEC 0100000u
static i64 shm_call(u32 op, u64 a, u64 b, u64 c, struct weft_req *q)
{
	struct rt_proc *p = rt_proc();

	if (p->ipc < 0)
		return -EPERM;
	q->op = op;
	q->args[0] = a;
	q->args[1] = b;
	q->args[2] = c;
	return NC(FD_CALL, p->ipc, q);
}

i64 rt_sys_shmget(u64 key, u64 size, u64 flags)
{
	struct weft_req q = {0};

	return shm_call(SYSVP_SHM_GET, (u32)key, size, (u32)flags, &q);
}

i64 rt_sys_shmat(u64 id, u64 addr, u64 flags)
{
	struct rt_proc *p = rt_proc();
	i32 got[1];
	struct weft_req q = {.flags = WEFT_REQ_PRIVATE | WEFT_REQ_CLOEXEC, .max_fds = 1, .fds_out = (u64)got};
	u32 f = WEFT_MAP_SHARED | WEFT_PROT_READ | (flags & SHM_RDONLY ? 0 : WEFT_PROT_WRITE) | (flags & SHM_EXEC ? WEFT_PROT_EXEC : 0);
	u32 i;
	i64 r;

	if (addr & (WEFT_PAGE_SIZE - 1)) {
		if (!(flags & SHM_RND))
			return -EINVAL;
		addr = ALIGN_DOWN(addr, WEFT_PAGE_SIZE);
	}
	if (!addr && (flags & SHM_REMAP))
		return -EINVAL;
	r = shm_call(SYSVP_SHM_AT, (u32)id, !(flags & SHM_RDONLY), !!(flags & SHM_EXEC), &q);
	if (r < 0)
		return r;
	if (q.nfds_out != 1)
		return -EIO;
	if (addr)
		f |= WEFT_MAP_FIXED | (flags & SHM_REMAP ? 0 : WEFT_MAP_NOREPLACE);
	u64 len = ALIGN_UP(q.out[0], WEFT_PAGE_SIZE);
	rt_lock_take(&p->mm_lock);
	for (i = 0; i < RT_SHMS && p->shm[i].len; i++)
		;
	r = i == RT_SHMS ? -EMFILE : NC(MEM_MAP, -1, addr, len, f, got[0], 0);
	if (r >= 0)
		p->shm[i] = (struct rt_shm){.addr = r, .len = len, .id = id};
	rt_lock_drop(&p->mm_lock);
	NC(FD_CLOSE, got[0]);
	if (r < 0) {
		struct weft_req d = {0};
		shm_call(SYSVP_SHM_DT, (u32)id, 0, 0, &d);
		if (r == -EEXIST)
			r = -EINVAL;
	}
	return r;
}

i64 rt_sys_shmdt(u64 addr)
{
	struct rt_proc *p = rt_proc();
	struct weft_req q = {0};
	i32 id = -1;

	rt_lock_take(&p->mm_lock);
	for (u32 i = 0; i < RT_SHMS; i++) {
		if (!p->shm[i].len || p->shm[i].addr != addr)
			continue;
		NC(MEM_UNMAP, -1, addr, p->shm[i].len);
		p->shm[i].len = 0;
		id = p->shm[i].id;
		break;
	}
	rt_lock_drop(&p->mm_lock);
	if (id < 0)
		return -EINVAL;
	shm_call(SYSVP_SHM_DT, id, 0, 0, &q);
	return 0;
}

i64 rt_sys_shmctl(u64 id, u64 cmd, u64 buf)
{
	u8 data[sizeof(struct sysv_shmid)] = {0};
	struct weft_buf b = {.addr = (u64)data, .len = sizeof(data), .flags = WEFT_BUF_IN | WEFT_BUF_OUT};
	struct weft_req q = {.nbufs = 1, .bufs = (u64)&b};
	u32 out = 0;

	switch ((u32)cmd) {
	case SYSV_SET:
		if (copy_in(data, buf, sizeof(struct sysv_shmid)))
			return -EFAULT;
		break;
	case SYSV_STAT:
	case SYSV_SHM_STAT:
	case SYSV_SHM_STAT_ANY:
		out = sizeof(struct sysv_shmid);
		break;
	case SYSV_INFO:
		out = sizeof(struct sysv_shminfo);
		break;
	case SYSV_SHM_INFO:
		out = sizeof(struct sysv_shm_info);
		break;
	}
	i64 r = shm_call(SYSVP_SHM_CTL, (u32)id, (u32)cmd, 0, &q);
	return r >= 0 && out && copy_out(buf, data, out) ? -EFAULT : r;
}
