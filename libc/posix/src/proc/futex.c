/* SPDX-License-Identifier: MIT */
/* Linux's futex on the native one, and the words that the kernel looks at when a thread dies. */
#include "../fd/fd.h"
#include "../core/calls.h"

enum { FUTEX_WAIT, FUTEX_WAKE, FUTEX_FD, FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP, FUTEX_LOCK_PI, FUTEX_UNLOCK_PI, FUTEX_TRYLOCK_PI,
	FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET, FUTEX_WAIT_REQUEUE_PI, FUTEX_CMP_REQUEUE_PI, FUTEX_LOCK_PI2 };
#define FUTEX_PRIVATE 128u
#define FUTEX_CLOCK_REALTIME 256u

static i64 futex_wait(u64 addr, u32 val, u32 op, i64 deadline, u32 bits)
{
	i64 r = UNLESS_IGNORED(NC(FUTEX, op, addr, val, deadline, 0, bits));

	if (r != -EINTR)
		return r;
	if (deadline == WEFT_FOREVER)
		return -ERESTARTSYS;
	struct rt_thread *t = rt_thread();
	t->restart_kind = RESTART_FUTEX;
	t->restart_deadline = deadline;
	t->restart_args[0] = addr;
	t->restart_args[1] = val;
	t->restart_args[2] = op;
	t->restart_args[3] = bits;
	return -ERESTART_BLOCK;
}

i64 rt_futex_restart(void);
i64 rt_futex_restart(void)
{
	struct rt_thread *t = rt_thread();

	return futex_wait(t->restart_args[0], t->restart_args[1], t->restart_args[2], t->restart_deadline, t->restart_args[3]);
}

i64 rt_sys_futex(u64 addr, u64 op, u64 val, u64 timeout, u64 addr2, u64 val3)
{
	u32 private = op & FUTEX_PRIVATE ? WEFT_FUTEX_PRIVATE : 0;
	i64 deadline = WEFT_FOREVER, r;
	u64 ns;

	if (addr & 3)
		return -EINVAL;
	switch (op & 127) {
	case FUTEX_WAIT:
		if (op & FUTEX_CLOCK_REALTIME)
			return -ENOSYS;
		if (timeout) {
			r = rt_deadline_relative(timeout, &deadline);
			if (r)
				return r;
		}
		return futex_wait(addr, val, WEFT_FUTEX_WAIT | private, deadline, ~0u);
	case FUTEX_WAIT_BITSET:
		if (!(u32)val3)
			return -EINVAL;
		if (timeout) {
			r = rt_timespec_in(timeout, &ns);
			if (r)
				return r;
			deadline = MIN(ns, (u64)INT64_MAX);
		}
		return futex_wait(addr, val, WEFT_FUTEX_WAIT | private | (op & FUTEX_CLOCK_REALTIME && timeout ? WEFT_FUTEX_REALTIME : 0), deadline, val3);
	case FUTEX_WAKE:
		return NC(FUTEX, WEFT_FUTEX_WAKE | private, addr, (u32)val, 0, 0, ~0u);
	case FUTEX_WAKE_BITSET:
		if (!(u32)val3)
			return -EINVAL;
		return NC(FUTEX, WEFT_FUTEX_WAKE | private, addr, (u32)val, 0, 0, (u32)val3);
	case FUTEX_REQUEUE:
		if ((i32)val < 0 || (i32)timeout < 0)
			return -EINVAL;
		return NC(FUTEX, WEFT_FUTEX_REQUEUE | private, addr, (u32)val, (u32)timeout, addr2, 0);
	case FUTEX_CMP_REQUEUE:
		if ((i32)val < 0 || (i32)timeout < 0)
			return -EINVAL;
		return NC(FUTEX, WEFT_FUTEX_REQUEUE | WEFT_FUTEX_CMP | private, addr, (u32)val, (u32)timeout, addr2, (u32)val3);
	case FUTEX_WAKE_OP:
		return NC(FUTEX, WEFT_FUTEX_WAKE_OP | private, addr, (u32)val, (u32)timeout, addr2, (u32)val3);
	case FUTEX_LOCK_PI: /* its timeout is of the real-time clock, always */
	case FUTEX_LOCK_PI2:
		if (timeout) {
			r = rt_timespec_in(timeout, &ns);
			if (r)
				return r;
			deadline = MIN(ns, (u64)INT64_MAX);
		}
		return rt_pi_lock(addr, private, timeout && ((op & 127) == FUTEX_LOCK_PI || (op & FUTEX_CLOCK_REALTIME)) ? WEFT_FUTEX_REALTIME : 0,
			deadline, false);
	case FUTEX_TRYLOCK_PI:
		return rt_pi_lock(addr, private, 0, WEFT_NOW, true);
	case FUTEX_UNLOCK_PI:
		return rt_pi_unlock(addr, private);
	case FUTEX_WAIT_REQUEUE_PI:
	case FUTEX_CMP_REQUEUE_PI:
		rt_unserved(202);
		return -ENOSYS;
	}
	return -ENOSYS;
}

i64 rt_sys_set_robust_list(u64 head, u64 len)
{
	struct rt_thread *t = rt_thread();

	if (len != 24)
		return -EINVAL;
	i64 r = NC(THREAD_CTL, -1, 0, WEFT_THREAD_SET_ROBUST, head, 0);
	if (r < 0)
		return r;
	t->robust = head;
	t->robust_len = len;
	return 0;
}

i64 rt_sys_get_robust_list(u64 tid, u64 head, u64 len)
{
	struct rt_thread *t = rt_thread();

	if ((u32)tid && (u32)tid != rt_tp()->tid)
		return -EPERM;
	return put_u64(head, t->robust) || put_u64(len, 24) ? -EFAULT : 0;
}

i64 rt_sys_set_tid_address(u64 addr)
{
	NC(THREAD_CTL, -1, 0, WEFT_THREAD_SET_CLEAR_TID, addr, 0);
	return rt_tp()->tid;
}

#define ARCH_SET_GS 0x1001
#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003
#define ARCH_GET_GS 0x1004
#define ARCH_GET_CPUID 0x1011
#define ARCH_SET_CPUID 0x1012
#define ARCH_GET_XCOMP_SUPP 0x1021
#define ARCH_GET_XCOMP_PERM 0x1022
#define ARCH_REQ_XCOMP_PERM 0x1023
#define XFEATURE_MAX 19u
i64 rt_sys_arch_prctl(u64 op, u64 addr)
{
	i64 r;

	switch (op) {
	case ARCH_SET_FS:
		if (addr >= WEFT_USER_MAX)
			return -EPERM;
		return NC(THREAD_CTL, -1, 0, WEFT_THREAD_SET_FS, addr, 0);
	case ARCH_GET_FS:
		r = NC(THREAD_CTL, -1, 0, WEFT_THREAD_GET_FS, 0, 0);
		return r < 0 ? r : put_u64(addr, r);
	case ARCH_SET_GS: /* GS is the thread page's */
		return -EPERM;
	case ARCH_GET_GS:
		return put_u64(addr, 0);
	case ARCH_GET_CPUID:
		return 1;
	case ARCH_SET_CPUID: /* no processor here lets cpuid fault */
		return -ENODEV;
	case ARCH_GET_XCOMP_SUPP:
	case ARCH_GET_XCOMP_PERM:
		return put_u64(addr, rt_proc()->xsave_size ? rt_proc()->xsave_mask : 3);
	case ARCH_REQ_XCOMP_PERM: /* what there is needs no permission */
		return addr >= XFEATURE_MAX ? -EINVAL : -EOPNOTSUPP;
	}
	return -EINVAL;
}
