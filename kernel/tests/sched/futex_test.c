/* SPDX-License-Identifier: MIT */
/* Futexes: values, keys, bit sets, requeueing, the combined operation, and the robust list, on
 * words of the test itself. */
#include "shim.h"

u64 monotonic(u64 realtime)
{
	return realtime;
}
static struct thread t[6];
static u32 *word_a, *word_b;
static bool present = true;

void *as_peek(struct as *a, u64 addr, bool write)
{
	(void)a;
	(void)write;
	return present ? (void *)addr : NULL;
}

u32 as_fault(struct as *a, u64 addr, bool write, bool exec)
{
	(void)a;
	(void)addr;
	(void)write;
	(void)exec;
	return WEFT_CAUSE_PAGE;
}

int as_futex_key(struct as *a, u64 addr, bool is_private, u64 key[2])
{
	(void)a;
	key[0] = is_private ? 1 : 2;
	key[1] = addr;
	return 0;
}

int copy_from_user(void *to, u64 from, size_t n)
{
	if (!from)
		return -EFAULT;
	memcpy(to, (void *)from, n);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(t); i++)
		shim_thread(&t[i], i + 1);
	shim_run(&t[0]);
	shim_blocked = NULL;
	present = true;
	*word_a = *word_b = 0;
	return 0;
}

#define P WEFT_FUTEX_PRIVATE
static i64 wait(u32 val, u32 bits)
{
	return sys_futex(WEFT_FUTEX_WAIT | P, (u64)word_a, val, WEFT_FOREVER, 0, bits);
}
static i64 wake(u32 *w, u32 n)
{
	return sys_futex(WEFT_FUTEX_WAKE | P, (u64)w, n, 0, 0, ~0u);
}

static void errors(void **state)
{
	(void)state;
	assert_int_equal(wait(1, ~0u), -EAGAIN);
	assert_int_equal(wait(0, 0), -EINVAL);
	assert_int_equal(sys_futex(WEFT_FUTEX_WAIT | P, (u64)word_a + 1, 0, WEFT_FOREVER, 0, ~0u),
		-EINVAL);
	assert_int_equal(sys_futex(WEFT_FUTEX_WAIT | P, 0, 0, WEFT_FOREVER, 0, ~0u), -EFAULT);
	assert_int_equal(sys_futex(WEFT_FUTEX_WAIT | P, (u64)word_a, 0, (u64)-5, 0, ~0u), -EINVAL);
	assert_int_equal(sys_futex(WEFT_FUTEX_WAIT | P, (u64)word_a, 0, 0, 0, ~0u), -ETIMEDOUT);
	assert_int_equal(sys_futex(0x1000, (u64)word_a, 0, 0, 0, ~0u), -EINVAL);
	assert_int_equal(sys_futex(WEFT_FUTEX_WAKE_OP + 1, (u64)word_a, 0, 0, 0, ~0u), -ENOSYS);
	present = false;
	assert_int_equal(wait(0, ~0u), -EFAULT);
	present = true;
	assert_int_equal(wake(word_a, 1), 0);
	assert_int_equal(wait(0, ~0u), -ETIMEDOUT); /* nobody woke it; it left the queue */
	assert_int_equal(wake(word_a, 1), 0);
}

/* Threads 0 .. 3 wait, each blocked "inside" the one before; then the script runs as thread 5. */
static void (*script)(void);
static i64 results[4];

static void next_waiter(struct thread *me)
{
	u32 i = (u32)(me - t) + 1;

	if (i < 4) {
		shim_run(&t[i]);
		results[i] = wait(0, 1u << i);
	} else {
		shim_run(&t[5]);
		script();
	}
}

static void run_waiters(void (*s)(void))
{
	script = s;
	shim_blocked = next_waiter;
	results[0] = wait(0, 1);
}

static void script_order(void)
{
	assert_int_equal(wake(word_b, 9), 0);
	assert_int_equal(sys_futex(WEFT_FUTEX_WAKE, (u64)word_a, 9, 0, 0, ~0u),
		0); /* shared is another key */
	assert_int_equal(wake(word_a, 2), 2);
	assert_int_equal(t[0].state, T_READY);
	assert_int_equal(t[1].state, T_READY);
	assert_int_equal(t[2].state, T_BLOCKED);
	assert_int_equal(wake(word_a, 9), 2);
}

static void first_come(void **state)
{
	(void)state;
	run_waiters(script_order);
	for (u32 i = 0; i < 4; i++)
		assert_int_equal(results[i], 0);
}

static void script_bits(void)
{
	assert_int_equal(sys_futex(WEFT_FUTEX_WAKE | P, (u64)word_a, 9, 0, 0, 0), -EINVAL);
	assert_int_equal(sys_futex(WEFT_FUTEX_WAKE | P, (u64)word_a, 9, 0, 0, 4 | 8), 2);
}

static void bit_sets(void **state)
{
	(void)state;
	run_waiters(script_bits);
	assert_int_equal(results[0], -ETIMEDOUT);
	assert_int_equal(results[1], -ETIMEDOUT);
	assert_int_equal(results[2], 0);
	assert_int_equal(results[3], 0);
}

static void script_requeue(void)
{
	u64 op = WEFT_FUTEX_REQUEUE | P;

	assert_int_equal(sys_futex(op | WEFT_FUTEX_CMP, (u64)word_a, 1, 2, (u64)word_b, 77),
		-EAGAIN);
	assert_int_equal(sys_futex(op | WEFT_FUTEX_CMP, (u64)word_a, 1, 2, (u64)word_b, 0), 3);
	assert_int_equal(t[0].state, T_READY);
	assert_int_equal(wake(word_b, 1), 1);
	assert_int_equal(wake(word_b, 9), 1);
	assert_int_equal(wake(word_a, 9), 1);
}

static void requeue(void **state)
{
	(void)state;
	run_waiters(script_requeue);
	for (u32 i = 0; i < 4; i++)
		assert_int_equal(results[i], 0);
}

static void script_wake_op(void)
{
	u32 add = 1u << 28 | 4u << 24 | 5u << 12 | 6; /* *b += 5; if old > 6 */

	*word_b = 6;
	assert_int_equal(sys_futex(WEFT_FUTEX_WAKE_OP | P, (u64)word_b, 1, 9, (u64)word_a,
				 0u << 28 | 0u << 24 | 3u << 12 | 0),
		4);
	assert_int_equal(*word_a, 3);
	assert_int_equal(sys_futex(WEFT_FUTEX_WAKE_OP | P, (u64)word_a, 1, 1, (u64)word_b, add), 0);
	assert_int_equal(*word_b, 11);
	assert_int_equal(sys_futex(WEFT_FUTEX_WAKE_OP | P, (u64)word_a, 1, 1, (u64)word_b,
				 7u << 28),
		-ENOSYS);
	/* or with 1 << 8, compare with a negative number */
	assert_int_equal(sys_futex(WEFT_FUTEX_WAKE_OP | P, (u64)word_a, 1, 1, (u64)word_b,
				 10u << 28 | 1u << 24 | 8u << 12 | 0xfff),
		0);
	assert_int_equal(*word_b, 11 | 256);
}

static void wake_op(void **state)
{
	(void)state;
	run_waiters(script_wake_op);
}

struct robust {
	u64 next;
	u32 word, pad;
};
struct robust_head {
	u64 next, offset, pending;
};
static struct robust node[3];
static struct robust_head head;

static void script_robust(void)
{
	t[5].robust = (u64)&head;
	robust_walk(&t[5]);
}

static void waits_on_node(struct thread *me)
{
	(void)me;
	shim_run(&t[5]);
	script_robust();
}

static void robust_list(void **state)
{
	(void)state;
	head = (struct robust_head){(u64)&node[0], offsetof(struct robust, word), (u64)&node[2]};
	node[0] = (struct robust){(u64)&node[1], t[5].tid | 0x80000000u, 0};
	node[1] = (struct robust){(u64)&head, 99, 0}; /* somebody else's */
	node[2] = (struct robust){0, t[5].tid, 0};
	shim_blocked = waits_on_node;
	assert_int_equal(sys_futex(WEFT_FUTEX_WAIT, (u64)&node[0].word, node[0].word, WEFT_FOREVER,
				 0, ~0u),
		0);
	assert_int_equal(node[0].word, 0xc0000000u);
	assert_int_equal(node[1].word, 99);
	assert_int_equal(node[2].word, 0x40000000u);
	/* A list that never ends is left after a while. */
	node[1].next = (u64)&node[0];
	robust_walk(&t[5]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(errors, setup),
		cmocka_unit_test_setup(first_come, setup),
		cmocka_unit_test_setup(bit_sets, setup),
		cmocka_unit_test_setup(requeue, setup),
		cmocka_unit_test_setup(wake_op, setup),
		cmocka_unit_test_setup(robust_list, setup),
	};

	word_a = aligned_alloc(64, 64);
	word_b = aligned_alloc(64, 64);
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	free(word_a);
	free(word_b);
	return r;
}
