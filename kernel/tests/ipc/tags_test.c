/* SPDX-License-Identifier: MIT */
/* The tag table against a model: no tag comes twice, a dead one finds nothing, growth keeps what is
 * there. */
#include "host.h"
#include "ipc/scheme_impl.h"

#define N 300

static void random_use(void **state)
{
	static struct request r[N];
	static u64 tag[N], dead[20000];
	struct tags t = {0};
	u32 live = 0, ndead = 0;

	srand(1);
	for (u32 i = 0; i < 20000; i++) {
		u32 k = (u32)rand() % N;

		if (tag[k]) {
			assert_ptr_equal(tags_find(&t, tag[k]), &r[k]);
			tags_del(&t, tag[k]);
			dead[ndead++] = tag[k];
			tag[k] = 0;
			live--;
		} else {
			assert_int_equal(tags_reserve(&t, live + 1), 0);
			tag[k] = tags_add(&t, &r[k]);
			assert_true(tag[k] >> 16);
			live++;
		}
		assert_int_equal(t.used, live);
		if (ndead)
			assert_null(tags_find(&t, dead[(u32)rand() % ndead]));
	}
	for (u32 i = 0; i < ndead; i++)
		assert_null(tags_find(&t, dead[i]));
	assert_null(tags_find(&t, 0));
	assert_null(tags_find(&t, ~0ul));
	assert_int_equal(tags_reserve(&t, TAGS_MAX + 1), -ENOMEM);
	tags_finish(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(random_use)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
