/* SPDX-License-Identifier: MIT */
/* The timer heap against a plain array, with random insertions and removals from anywhere. */
#include "shim.h"

#define N 2000

static struct ktimer timers[N];

static struct ktimer *smallest(void)
{
	struct ktimer *min = NULL;

	for (u32 i = 0; i < N; i++) {
		if (timers[i].armed && (!min || timers[i].deadline < min->deadline))
			min = &timers[i];
	}
	return min;
}

static void random_use(void **state)
{
	(void)state;
	srand(7);
	for (u32 i = 0; i < 20000; i++) {
		struct ktimer *t = &timers[(u32)rand() % N];
		if (t->armed) {
			heap_remove(t);
			assert_false(t->armed);
		} else {
			t->deadline = (u64)rand() % 5000;
			heap_insert(t);
		}
		struct ktimer *want = smallest(), *top = heap_top;
		assert_true(!want == !top);
		if (top) {
			assert_int_equal(top->deadline, want->deadline);
			assert_null(top->parent);
		}
	}
}

static void drains_in_order(void **state)
{
	u64 last = 0;
	u32 n = 0;

	(void)state;
	for (u32 i = 0; i < N; i++) {
		if (timers[i].armed)
			heap_remove(&timers[i]);
		timers[i].deadline = (u64)rand();
		heap_insert(&timers[i]);
	}
	while (heap_top) {
		struct ktimer *t = heap_top;
		assert_true(t->deadline >= last);
		last = t->deadline;
		heap_remove(t);
		n++;
	}
	assert_int_equal(n, N);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(random_use),
		cmocka_unit_test(drains_in_order)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
