/* SPDX-License-Identifier: MIT */
/* A futex lock: 0 free, 1 held, 2 held with waiters. The waker hands nothing over: who comes first takes it. */
#include <native/call.h>
#include <native/thread.h>

int futex_wait(u32 *word, u32 value, i64 deadline)
{
	return (int)weft_futex(WEFT_FUTEX_WAIT | WEFT_FUTEX_PRIVATE, PTR(word), value, deadline, 0, 0xffffffffu);
}

int futex_wake(u32 *word, u32 n)
{
	return (int)weft_futex(WEFT_FUTEX_WAKE | WEFT_FUTEX_PRIVATE, PTR(word), n, 0, 0, 0xffffffffu);
}

void lock_take(struct lock *l)
{
	u32 old = 0;
	if (__atomic_compare_exchange_n(&l->word, &old, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(&l->word, 2, __ATOMIC_ACQUIRE) != 0)
		futex_wait(&l->word, 2, WEFT_FOREVER);
}

void lock_drop(struct lock *l)
{
	if (__atomic_exchange_n(&l->word, 0, __ATOMIC_RELEASE) == 2)
		futex_wake(&l->word, 1);
}
