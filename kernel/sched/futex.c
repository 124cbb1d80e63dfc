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

void futex_init(void)
{
	for (u32 i = 0; i < BUCKETS; i++)
		list_init(&buckets[i]);
}

static struct list *bucket(const u64 key[2])
{
	u64 h = (key[0] ^ key[1] >> 2) * 0x9e3779b97f4a7c15ul;

	h ^= key[1] * 0xc2b2ae3d27d4eb4ful;
	return &buckets[h >> 40 & (BUCKETS - 1)];
}

static struct as *space(void)
{
	return current_process()->as;
}

/* The kernel's pointer to a user word, good until the BKL is dropped. May block. */
static int word(u64 addr, bool write, u32 **out)
{
	if ((addr & 3) || addr < WEFT_USER_MIN || addr >= WEFT_USER_MAX)
		return addr & 3 ? -EINVAL : -EFAULT;
	for (u32 i = 0; i < 16; i++) {
		*out = as_peek(space(), addr, write);
		if (*out)
			return 0;
		if (as_fault(space(), addr, write, false))
			return -EFAULT;
	}
	return -EFAULT;
}

static int key_of(u64 addr, bool is_private, u64 key[2])
{
	if (addr & 3)
		return -EINVAL;
	if (addr < WEFT_USER_MIN || addr >= WEFT_USER_MAX)
		return -EFAULT;
	return as_futex_key(space(), addr, is_private, key);
}

static u32 wake(const u64 key[2], u32 n, u32 bits)
{
	struct list *b = bucket(key);
	struct thread *t;
	u32 woken = 0;

	list_for_each(t, b, futex_link) {
		if (woken >= n)
			break;
		if (t->futex_key[0] != key[0] || t->futex_key[1] != key[1] ||
			!(t->futex_bits & bits))
			continue;
		list_del(&t->futex_link);
		thread_wake(t, 0);
		woken++;
	}
	return woken;
}

static i64 futex_wait(u64 addr, u32 val, u64 deadline, u32 bits, bool is_private)
{
	struct thread *t = current_thread();
	u32 *w;
	int r;

	if (!bits)
		return -EINVAL;
	r = word(addr, false, &w);
	if (!r)
		r = key_of(addr, is_private, t->futex_key);
	if (r)
		return r;
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
	struct thread *t;
	struct list *b, *b2;
	u32 *w, woken, moved = 0;
	int r = word(addr, false, &w);

	if (!r)
		r = key_of(addr, is_private, key);
	if (!r)
		r = key_of(addr2, is_private, key2);
	if (r)
		return r;
	if (expect && __atomic_load_n(w, __ATOMIC_SEQ_CST) != *expect)
		return -EAGAIN;
	woken = wake(key, nwake, ~0u);
	b = bucket(key);
	b2 = bucket(key2);
	if (key[0] == key2[0] && key[1] == key2[1])
		return woken;
	list_for_each(t, b, futex_link) {
		if (moved >= nmove)
			break;
		if (t->futex_key[0] != key[0] || t->futex_key[1] != key[1])
			continue;
		list_del(&t->futex_link);
		t->futex_key[0] = key2[0];
		t->futex_key[1] = key2[1];
		if (b == b2)
			list_add_after(b, &t->futex_link); /* before what is still to be looked at:
							      not met again */
		else
			list_add_tail(b2, &t->futex_link);
		moved++;
	}
	return woken + moved;
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
	int r = word(addr2, true, &w);

	if (!r)
		r = key_of(addr, is_private, key);
	if (!r)
		r = key_of(addr2, is_private, key2);
	if (!r)
		r = apply_op(w, code, &hit);
	if (r)
		return r;
	u32 woken = wake(key, n, ~0u);
	if (hit)
		woken += wake(key2, n2, ~0u);
	return woken;
}

i64 sys_futex(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	bool is_private = a0 & WEFT_FUTEX_PRIVATE;
	u64 key[2], deadline = a3;
	u32 expect = (u32)a5;
	int r;

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
		r = key_of(a1, is_private, key);
		return r ? r : (i64)wake(key, (u32)a2, (u32)a5);
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
	u64 key[2], shared[2];
	u32 woken = 0;

	if (!key_of(addr, true, key))
		woken = wake(key, n, ~0u);
	if (woken < n && !key_of(addr, false, shared) &&
		(shared[0] != key[0] || shared[1] != key[1]))
		woken += wake(shared, n - woken, ~0u);
	return woken;
}

static void robust_release(struct thread *t, u64 addr, bool pending)
{
	u32 *w, old, new;

	if (word(addr, true, &w))
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
	u64 head[3], entry, next, pending;

	if (!t->robust || copy_from_user(head, t->robust, sizeof(head)))
		return;
	entry = head[0];
	pending = head[2] & ~1ul;
	for (u32 n = 0; n < ROBUST_MAX && (entry & ~1ul) != t->robust; n++) {
		/* The next link first: the woken thread may free this entry. */
		bool bad = copy_from_user(&next, entry & ~1ul, sizeof(next)) != 0;
		if ((entry & ~1ul) != pending)
			robust_release(t, (entry & ~1ul) + head[1], false);
		if (bad)
			break;
		entry = next;
	}
	if (pending)
		robust_release(t, pending + head[1], true);
}
