/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "action.h"

static int parse(const char *text, struct action *a)
{
	char error[300] = "";
	int ret = action_parse(text, a, error, sizeof(error));

	/* An error always says something, success never does. */
	assert_int_equal(ret < 0, *error != '\0');
	return ret;
}

static void commands_keep_their_quotes(void **state)
{
	struct action a;

	(void)state;
	assert_int_equal(parse("  exec sh -c 'echo \"a  b\"'  \n", &a), 0);
	assert_int_equal(a.def->id, ACTION_EXEC);
	assert_string_equal(a.text, "sh -c 'echo \"a  b\"'");
	action_finish(&a);
	assert_int_equal(parse("exec", &a), -EINVAL);
	assert_int_equal(parse("exec   ", &a), -EINVAL);
}

static void words_are_checked(void **state)
{
	struct action a;

	(void)state;
	assert_int_equal(parse("push left", &a), 0);
	assert_string_equal(a.text, "left");
	action_finish(&a);
	assert_int_equal(parse("push lef", &a), -EINVAL);
	assert_int_equal(parse("push left right", &a), -EINVAL);
	assert_int_equal(parse("push", &a), -EINVAL);
	assert_int_equal(parse("maximise", &a), 0);
	assert_string_equal(a.text, "toggle");
	action_finish(&a);
}

static void numbers_are_checked(void **state)
{
	struct action a;

	(void)state;
	assert_int_equal(parse("workspace 3", &a), 0);
	assert_int_equal(a.number, 3);
	action_finish(&a);
	assert_int_equal(parse("workspace next", &a), 0);
	assert_int_equal(a.number, 0);
	action_finish(&a);
	assert_int_equal(parse("workspace 0", &a), -EINVAL);
	assert_int_equal(parse("workspace 3x", &a), -EINVAL);
	assert_int_equal(parse("workspace -1", &a), -EINVAL);
	assert_int_equal(parse("workspace 100", &a), -EINVAL);
	assert_int_equal(parse("move-by -20 7", &a), 0);
	assert_int_equal(a.number, -20);
	assert_int_equal(a.second, 7);
	action_finish(&a);
	assert_int_equal(parse("move-by 1", &a), -EINVAL);
	assert_int_equal(parse("move-by 1 2 3", &a), -EINVAL);
	assert_int_equal(parse("move-by 99999 0", &a), -EINVAL);
}

static void unknown_and_surplus_are_refused(void **state)
{
	struct action a;

	(void)state;
	assert_int_equal(parse("", &a), -EINVAL);
	assert_int_equal(parse("clos", &a), -EINVAL);
	assert_int_equal(parse("closer", &a), -EINVAL);
	assert_int_equal(parse("close now", &a), -EINVAL);
	assert_int_equal(parse("menu", &a), -EINVAL);
}

static void every_row_parses(void **state)
{
	size_t count;
	const struct action_def *table = action_table(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		char text[200];
		struct action a, copy;
		const char *arg = table[i].arg == ARG_NONE   ? ""
				  : table[i].arg == ARG_PAIR ? "1 2"
				  : table[i].arg == ARG_WORD ? table[i].words
							     : "x";

		snprintf(text, sizeof(text), "%s %.*s", table[i].name, (int)strcspn(arg, "|"), arg);
		if (strchr(text, '#') != NULL) {
			*strchr(text, '#') = '1';
		}
		assert_int_equal(parse(text, &a), 0);
		assert_ptr_equal(a.def, &table[i]);
		action_copy(&copy, &a);
		action_finish(&a);
		action_finish(&copy);
		for (size_t k = 0; k < i; k++) {
			assert_string_not_equal(table[i].name, table[k].name);
			assert_int_not_equal(table[i].id, table[k].id);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_keep_their_quotes),
		cmocka_unit_test(words_are_checked),
		cmocka_unit_test(numbers_are_checked),
		cmocka_unit_test(unknown_and_surplus_are_refused),
		cmocka_unit_test(every_row_parses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
