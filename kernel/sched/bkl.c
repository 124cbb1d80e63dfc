/* SPDX-License-Identifier: MIT */
/*
 * The big kernel lock: guards everything in the kernel that does not say otherwise. Interrupts are
 * off while it is held or waited for. It belongs to a CPU, not a thread: a thread switch hands it
 * on. A waiter answers TLB shootdowns, as the holder may wait for it. The two time stamps that
 * measure the lock also measure CPU time: from unlock to lock a CPU is in user mode (or idle), else
 * in the kernel.
 */
#include "internal.h"

struct weft_lock_stats lock_stats;
static u32 lock_word;

static __attribute__((noinline)) void wait_for_lock(struct cpu *c)
{
	u64 start = arch_tsc();
	u32 n = 0;

	do {
		do {
			tlb_poll();
			/* Not each time: an emulated CPU takes microseconds over it, and would
			 * never meet the lock free. */
			if (!(++n % 16))
				cpu_relax();
		} while (__atomic_load_n(&lock_word, __ATOMIC_RELAXED));
	} while (__atomic_exchange_n(&lock_word, 1, __ATOMIC_ACQUIRE));
	c->hold_stamp = arch_tsc();
	lock_stats.contended++;
	lock_stats.wait_ns += tsc_delta_ns(c->hold_stamp - start);
}

static inline void acquire(struct cpu *c)
{
	if (unlikely(__atomic_exchange_n(&lock_word, 1, __ATOMIC_ACQUIRE)))
		wait_for_lock(c);
	lock_stats.acquired++;
	c->lock_depth = 1;
}

static inline void release(struct cpu *c, u64 now)
{
	u64 held = tsc_delta_ns(now - c->hold_stamp);

	lock_stats.hold_ns += held;
	if (held > lock_stats.hold_max_ns)
		lock_stats.hold_max_ns = held;
	c->lock_depth = 0;
	__atomic_store_n(&lock_word, 0, __ATOMIC_RELEASE);
}

void bkl_lock(void)
{
	struct cpu *c = this_cpu();

	kassert(!c->lock_depth);
	c->hold_stamp = arch_tsc();
	acct(c, c->hold_stamp, true);
	acquire(c);
}

void bkl_unlock(void)
{
	struct cpu *c = this_cpu();
	u64 now = arch_tsc();

	acct(c, now, false);
	release(c, now);
}

void bkl_drop(void)
{
	struct cpu *c = this_cpu();

	kassert(c->lock_depth);
	release(c, arch_tsc());
}

void bkl_retake(void)
{
	struct cpu *c = this_cpu();

	c->hold_stamp = arch_tsc();
	acquire(c);
}
