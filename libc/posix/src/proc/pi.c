/* SPDX-License-Identifier: MIT */
/*
 * Futexes that a thread owns (futex(2), "Priority-inheritance futexes"): the word holds the owner's tid, FUTEX_WAITERS while somebody may wait,
 * FUTEX_OWNER_DIED after the kernel's walk of a robust list. Who waits lifts the owner to its own priority, if that is a thread of the same
 * process, and the owner goes back to its own when it unlocks. Waiters are woken in the order in which they came.
 */
#include "../fd/fd.h"
#include "../core/calls.h"

#define WAITERS 0x80000000u
#define OWNER_DIED 0x40000000u
#define TID_MASK 0x3fffffffu

/* 1: done; 0: the word was not `old`; -EFAULT */
static int replace(u64 user, u32 old, u32 new)
{
	u32 was;

	asm goto("1: lock cmpxchgl %k3, (%2)\n" EX_TABLE("1b", "%l[fault]")
		 : "=a"(was)
		 : "0"(old), "r"(user), "r"(new)
		 : "memory"
		 : fault);
	return was == old;
fault:
	return -EFAULT;
}

static bool exists(u32 tid)
{
	struct weft_thread_info ti;

	if (NC(THREAD_CTL, -1, tid, WEFT_THREAD_INFO, &ti, 0) >= 0)
		return true;
	i64 r = rt_sys_tkill(tid, 0); /* another process's: shared memory */
	return r != -ESRCH;
}

static void lift(u32 owner)
{
	i64 mine = NC(THREAD_CTL, -1, 0, WEFT_THREAD_GET_PRIO, 0, 0), its = NC(THREAD_CTL, -1, owner, WEFT_THREAD_GET_PRIO, 0, 0);

	if (its >= 0 && its < mine)
		NC(THREAD_CTL, -1, owner, WEFT_THREAD_SET_PRIO, mine, 0);
}

i64 rt_pi_lock(u64 addr, u32 private, u32 clock, i64 deadline, bool try)
{
	u32 self = rt_tp()->tid, waited = 0, v;

	for (;;) {
		if (get_u32(&v, addr))
			return -EFAULT;
		u32 owner = v & TID_MASK;
		if (owner == self)
			return -EDEADLK;
		if (!owner) {
			int r = replace(addr, v, self | (v & (WAITERS | OWNER_DIED)) | waited);
			if (r < 0)
				return r;
			if (r)
				return 0;
			continue;
		}
		if (try)
			return -EAGAIN;
		if (!exists(owner))
			return -ESRCH;
		int r = v & WAITERS ? 1 : replace(addr, v, v | WAITERS);
		if (r < 0)
			return r;
		if (!r)
			continue;
		lift(owner);
		i64 e = UNLESS_IGNORED(NC(FUTEX, WEFT_FUTEX_WAIT | private | clock, addr, v | WAITERS, deadline, 0, ~0u));
		if (e == -EINTR)
			return -ERESTARTNOINTR;
		if (e < 0 && e != -EAGAIN)
			return e;
		waited = WAITERS; /* others may wait still */
	}
}

i64 rt_pi_unlock(u64 addr, u32 private)
{
	u32 self = rt_tp()->tid, v;
	int r;

	do {
		if (get_u32(&v, addr))
			return -EFAULT;
		if ((v & TID_MASK) != self)
			return -EPERM;
		r = replace(addr, v, 0);
	} while (!r);
	if (r < 0)
		return r;
	if (v & WAITERS)
		NC(FUTEX, WEFT_FUTEX_WAKE | private, addr, 1, 0, 0, ~0u);
	rt_prio_restore();
	return 0;
}
