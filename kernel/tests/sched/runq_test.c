/* SPDX-License-Identifier: MIT */
/* Run queues: highest priority, then first in first out; what another CPU may take. */
#include "shim.h"

static struct thread t[8];

static int setup(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(shim_cpu.runq); i++)
		list_init(&shim_cpu.runq[i]);
	shim_cpu.run_bits = shim_cpu.nready = 0;
	for (u32 i = 0; i < ARRAY_SIZE(t); i++)
		shim_thread(&t[i], i + 1);
	return 0;
}

static struct thread *take(void)
{
	struct thread *top = runq_top(&shim_cpu);

	if (top)
		runq_remove(&shim_cpu, top);
	return top;
}

static void order(void **state)
{
	(void)state;
	t[1].prio = 20;
	t[2].prio = 31;
	t[3].prio = 0;
	for (u32 i = 0; i < 5; i++)
		runq_push(&shim_cpu, &t[i], false);
	runq_push(&shim_cpu, &t[5], true);
	assert_int_equal(shim_cpu.nready, 6);
	assert_ptr_equal(take(), &t[2]);
	assert_ptr_equal(take(), &t[1]);
	assert_ptr_equal(take(), &t[5]);
	assert_ptr_equal(take(), &t[0]);
	assert_ptr_equal(take(), &t[4]);
	assert_ptr_equal(take(), &t[3]);
	assert_null(take());
	assert_int_equal(shim_cpu.run_bits, 0);
	assert_int_equal(shim_cpu.nready, 0);
}

static void direct_is_forgotten(void **state)
{
	(void)state;
	runq_push(&shim_cpu, &t[0], false);
	shim_cpu.direct = &t[0];
	runq_remove(&shim_cpu, &t[0]);
	assert_null(shim_cpu.direct);
	assert_false(t[0].queued);
}

static void stealing(void **state)
{
	(void)state;
	for (u32 i = 0; i < 4; i++)
		t[i].ready_since = 100 * i;
	t[0].affinity = 1;
	t[3].prio = 24;
	for (u32 i = 0; i < 4; i++)
		runq_push(&shim_cpu, &t[i], false);
	assert_null(runq_steal(&shim_cpu, 1, 50)); /* t0 is bound, the rest too young */
	assert_ptr_equal(runq_steal(&shim_cpu, 0, 50), &t[0]);
	assert_ptr_equal(runq_steal(&shim_cpu, 1, 250),
		&t[1]); /* the one of high priority is younger */
	assert_ptr_equal(runq_steal(&shim_cpu, 1, 300), &t[3]);
}

static void usage(void **state)
{
	const u64 span = 1ul << USAGE_SHIFT;
	u64 now = span;

	(void)state;
	/* Half of the time: neither 0 nor all. */
	for (u32 i = 0; i < 1000; i++) {
		t[0].run_since = now;
		now += span / 64;
		usage_charge(&t[0], now);
		now += span / 64;
	}
	assert_in_range(usage_at(&t[0], now), span * 2 / 5, span * 3 / 5);
	/* A tenth is light; a rest makes everybody so. */
	for (u32 i = 0; i < 1000; i++) {
		t[1].run_since = now;
		now += span / 100;
		usage_charge(&t[1], now);
		now += span * 9 / 100;
	}
	assert_true(usage_at(&t[1], now) < USAGE_LIGHT);
	assert_int_equal(usage_at(&t[0], now), 0);
	/* Never more than all of it. */
	t[2].run_since = now;
	usage_charge(&t[2], now + span * 50);
	assert_int_equal(t[2].usage, span);
}

static void light_before_others(void **state)
{
	(void)state;
	t[0].light = t[3].light = t[4].light = true;
	runq_push(&shim_cpu, &t[1], false);
	runq_push(&shim_cpu, &t[2], false);
	runq_push(&shim_cpu, &t[0], false);
	runq_push(&shim_cpu, &t[3], false);
	t[4].prio = 20;
	runq_push(&shim_cpu, &t[4], false);
	assert_int_equal(shim_cpu.nready, 5);
	assert_ptr_equal(take(), &t[4]);
	assert_ptr_equal(take(), &t[0]);
	assert_ptr_equal(take(), &t[3]);
	assert_ptr_equal(take(), &t[1]);
	assert_ptr_equal(take(), &t[2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup(order, setup),
		cmocka_unit_test_setup(direct_is_forgotten, setup),
		cmocka_unit_test_setup(stealing, setup), cmocka_unit_test_setup(usage, setup),
		cmocka_unit_test_setup(light_before_others, setup)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
