/* SPDX-License-Identifier: MIT */
/*
 * Futexes. Waiters are in a hash by key: (address space, address) or (memory object, offset). The
 * word is read with the BKL held and the thread queued before anything can drop the lock; a waker
 * changes the word before it calls, so either the reader sees the change or the waker finds it
 * queued.
 */
#include "internal.h"
#include <linux/futex.h>

#define BUCKETS	   512
#define ROBUST_MAX 2048

static struct list buckets[BUCKETS];

static struct list *bucket(const u64 key[2])
{
	u64 h = (key[0] ^ key[1] >> 2) * 0x9e3779b97f4a7c15ul;
	struct list *b;

	h ^= key[1] * 0xc2b2ae3d27d4eb4ful;
	b = &buckets[h >> 40 & (BUCKETS - 1)];
	if (unlikely(!b->next))
		list_init(b);
	return b;
}

static bool same(const u64 a[2], const u64 b[2])
{
	return a[0] == b[0] && a[1] == b[1];
}

/*
 * The key of a user word, and (w not NULL) the kernel's pointer to it, good until the BKL is
 * dropped. May block then.
 */
static int word(u64 addr, bool is_private, u64 key[2], bool write, u32 **w)
{
	struct as *as = current_process()->as;

	if (addr & 3)
		return -EINVAL;
	if (addr < WEFT_USER_MIN || addr >= WEFT_USER_MAX)
		return -EFAULT;
	for (u32 tries = 0; w && !(*w = as_peek(as, addr, write)); tries++)
		if (tries == 16 || as_fault(as, addr, write, false))
			return -EFAULT;
	return as_futex_key(as, addr, is_private, key);
}

/*
 * Of those that wait for key with one of these bits, nwake are woken and the next nmove wait for
 * key2 from now on. -> how many in all.
 */
static u32 wake(const u64 key[2], u32 bits, u32 nwake, u32 nmove, const u64 key2[2])
{
	struct list *b = bucket(key), *b2 = nmove ? bucket(key2) : NULL;
	struct thread *t;
	u32 n = 0;

	list_for_each(t, b, futex_link) {
		if (n >= nwake && n - nwake >= nmove)
			break;
		if (!same(t->futex_key, key) || !(t->futex_bits & bits))
			continue;
		list_del(&t->futex_link);
		if (n++ < nwake) {
			thread_wake(t, 0);
			continue;
		}
		memcpy(t->futex_key, key2, sizeof(t->futex_key));
		/* In the same bucket: before what is still to be looked at. */
		list_add_after(b == b2 ? b : b2->prev, &t->futex_link);
	}
	return n;
}

static i64 futex_wait(u64 addr, u32 val, u64 deadline, u32 bits, bool is_private)
{
	struct thread *t = current_thread();
	u32 *w;
	int r;

	if (!bits)
		return -EINVAL;
	TRY(word(addr, is_private, t->futex_key, false, &w));
	if (__atomic_load_n(w, __ATOMIC_SEQ_CST) != val)
		return -EAGAIN;
	t->futex_bits = bits;
	list_add_tail(bucket(t->futex_key), &t->futex_link);
	r = thread_block(NULL, deadline, BLOCK_INTERRUPTIBLE);
	list_del(&t->futex_link);
	return r;
}

static i64 futex_requeue(u64 addr, u32 nwake, u32 nmove, u64 addr2, bool is_private,
	const u32 *expect)
{
	u64 key[2], key2[2];
	u32 *w;

	TRY(word(addr, is_private, key, false, &w));
	TRY(word(addr2, is_private, key2, false, NULL));
	if (expect && __atomic_load_n(w, __ATOMIC_SEQ_CST) != *expect)
		return -EAGAIN;
	if (same(key, key2))
		nmove = 0;
	return wake(key, ~0u, nwake, nmove, key2);
}

/* Linux's encoding: op 28..31 (bit 31: the operand is a shift), cmp 24..27, operand 12..23, compare
 * argument 0..11. */
static int apply_op(u32 *w, u32 code, bool *hit)
{
	i32 arg = (i32)(code << 8) >> 20, cmp = (i32)(code << 20) >> 20;
	u32 op = code >> 28 & 7, test = code >> 24 & 15, old, new;

	if (code >> 31)
		arg = (i32)(1u << (arg & 31));
	if (op > 4 || test > 5)
		return -ENOSYS;
	old = __atomic_load_n(w, __ATOMIC_SEQ_CST);
	do {
		const u32 result[] = {arg, old + arg, old | arg, old & ~arg, old ^ arg};

		new = result[op];
	} while (!__atomic_compare_exchange_n(w, &old, new, false, __ATOMIC_SEQ_CST,
		__ATOMIC_SEQ_CST));
	const bool is[] = {(i32)old == cmp, (i32)old != cmp,
		(i32)old<cmp, (i32)old <= cmp, (i32)old> cmp, (i32)old >= cmp};
	*hit = is[test];
	return 0;
}

static i64 futex_wake_op(u64 addr, u32 n, u32 n2, u64 addr2, u32 code, bool is_private)
{
	u64 key[2], key2[2];
	bool hit;
	u32 *w;

	TRY(word(addr, is_private, key, false, NULL));
	TRY(word(addr2, is_private, key2, true, &w));
	TRY(apply_op(w, code, &hit));
	return wake(key, ~0u, n, 0, NULL) + (hit ? wake(key2, ~0u, n2, 0, NULL) : 0);
}

i64 sys_futex(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	bool is_private = a0 & WEFT_FUTEX_PRIVATE;
	u64 key[2], deadline = a3;
	u32 expect = (u32)a5;

	if (a0 & ~(u64)(0x7f | WEFT_FUTEX_PRIVATE | WEFT_FUTEX_CMP | WEFT_FUTEX_REALTIME))
		return -EINVAL;
	switch (a0 & 0x7f) {
	case WEFT_FUTEX_WAIT:
		if ((i64)deadline < 0)
			return -EINVAL;
		if (a0 & WEFT_FUTEX_REALTIME)
			deadline = monotonic(deadline);
		return futex_wait(a1, (u32)a2, deadline, (u32)a5, is_private);
	case WEFT_FUTEX_WAKE:
		if (!(u32)a5)
			return -EINVAL;
		TRY(word(a1, is_private, key, false, NULL));
		return wake(key, (u32)a5, (u32)a2, 0, NULL);
	case WEFT_FUTEX_REQUEUE:
		return futex_requeue(a1, (u32)a2, (u32)a3, a4, is_private,
			a0 & WEFT_FUTEX_CMP ? &expect : NULL);
	case WEFT_FUTEX_WAKE_OP:
		return futex_wake_op(a1, (u32)a2, (u32)a3, a4, (u32)a5, is_private);
	default:
		return -ENOSYS;
	}
}

u32 futex_wake_addr(u64 addr, u32 n)
{
	u64 key[2] = {0}, shared[2];
	u32 woken = 0;

	if (!word(addr, true, key, false, NULL))
		woken = wake(key, ~0u, n, 0, NULL);
	if (woken < n && !word(addr, false, shared, false, NULL) && !same(key, shared))
		woken += wake(shared, ~0u, n - woken, 0, NULL);
	return woken;
}

static void robust_release(struct thread *t, u64 addr, bool pending)
{
	u32 *w, old, new;
	u64 key[2];

	if (word(addr, true, key, true, &w))
		return;
	old = __atomic_load_n(w, __ATOMIC_SEQ_CST);
	if (pending && !old) {
		futex_wake_addr(addr, 1);
		return;
	}
	do {
		if ((old & FUTEX_TID_MASK) != t->tid)
			return;
		new = (old & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
	} while (!__atomic_compare_exchange_n(w, &old, new, false, __ATOMIC_SEQ_CST,
		__ATOMIC_SEQ_CST));
	if (old & FUTEX_WAITERS)
		futex_wake_addr(addr, 1);
}

/* Linux's struct robust_list_head: { next; offset of the futex word; pending }, entries are { next
 * }. Bit 0 marks PI futexes. */
void robust_walk(struct thread *t)
{
	u64 head[3], entry, at, pending;

	if (!t->robust || copy_from_user(head, t->robust, sizeof(head)))
		return;
	entry = head[0];
	pending = head[2] & ~1ul;
	for (u32 n = 0; n < ROBUST_MAX && (entry & ~1ul) != t->robust; n++) {
		at = entry & ~1ul;
		/* The next link first: the woken thread may free this entry. */
		if (copy_from_user(&entry, at, sizeof(entry)))
			entry = t->robust;
		if (at != pending)
			robust_release(t, at + head[1], false);
	}
	if (pending)
		robust_release(t, pending + head[1], true);
}
