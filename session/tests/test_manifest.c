/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <weft/sys.h>
#include <weft/thread.h>

#include "manifest.h"

static struct manifest m;
static u32 line;
static const char *why;

static int parse(const char *text)
{
	/* Not NUL-terminated, as in the archive. */
	size_t n = strlen(text);
	char *copy = malloc(n ? n : 1);
	memcpy(copy, text, n);
	int r = manifest_parse("test", copy, n, &m, &line, &why);
	free(copy);
	return r;
}

static void test_full(void **state)
{
	(void)state;
	assert_int_equal(parse("# a comment\n"
			       "program bin/fs --root  boot # and one behind\n"
			       "runtime posix\n"
			       "\n"
			       "offers fs orphan=2000 limit=64\n"
			       "offers tmp\n"
			       "needs log dev\n"
			       "opens log\n"
			       "after proc\n"
			       "resource ports 0x60 5\n"
			       "resource msi\n"
			       "give boot console\n"
			       "rank 3\n"
			       "watchdog 500\n"
			       "shutdown 1000\n"
			       "restart always 50 800\n"
			       "essential\n"
			       "user 1000 100 4 20\n"
			       "priority driver\n"
			       "env A=b"),
		0);
	assert_int_equal(m.argv.n, 3);
	assert_string_equal(m.argv.word[2], "boot");
	assert_null(m.argv.word[3]);
	assert_true(m.posix);
	assert_int_equal(m.noffers, 2);
	assert_int_equal(m.offers[0].orphan_ms, 2000);
	assert_int_equal(m.offers[0].limit, 64);
	assert_int_equal(m.needs.n, 2);
	assert_int_equal(m.resources[0].kind, WEFT_RES_PORTS);
	assert_int_equal(m.resources[0].base, 0x60);
	assert_int_equal(m.resources[1].base, WEFT_IRQ_MSI);
	assert_int_equal(m.give, GIVE_BOOT | GIVE_CONSOLE);
	assert_true(m.notify && m.essential && m.has_user);
	assert_int_equal(m.watchdog_ms, 500);
	assert_int_equal(m.restart, RESTART_ALWAYS);
	assert_int_equal(m.backoff_min_ms, 50);
	assert_int_equal(m.ngroups, 2);
	assert_int_equal(m.groups[1], 20);
	assert_int_equal(m.prio, WEFT_PRIO_DRIVER);
	manifest_finish(&m);
}

static void test_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse("program bin/x"), 0);
	assert_int_equal(m.type, SERVICE_DAEMON);
	assert_int_equal(m.restart, RESTART_ON_FAILURE);
	assert_int_equal(m.backoff_min_ms, 100);
	assert_false(m.posix || m.essential || m.notify);
	manifest_finish(&m);
}

static void test_errors(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		u32 line;
	} bad[] = {
		{"", 1},
		{"rank 1\n", 2}, /* no program */
		{"program x\nnonsense\n", 2},
		{"program\n", 1},
		{"program x\nrank\n", 2},
		{"program x\nrank 1 2\n", 2},
		{"program x\nrank -1\n", 2},
		{"program x\nrank 5000000000\n", 2},
		{"program x\nrestart maybe\n", 2},
		{"program x\nrestart always 100\n", 2},
		{"program x\nrestart always 100 50\n", 2},
		{"program x\nrestart always 0 50\n", 2},
		{"program x\nresource ports 1\n", 2},
		{"program x\nresource ports 1 0\n", 2},
		{"program x\nresource gold\n", 2},
		{"program x\nresource msi 1 1\n", 2},
		{"program x\noffers a size=3\n", 2},
		{"program x\noffers abcdefghijklmnopqrstuvwxyzabcdefgh\n", 2},
		{"program x\nuser 1\n", 2},
		{"program x\nuser root root\n", 2},
		{"program x\nenv NAME\n", 2},
		{"program x\ngive gift\n", 2},
		{"program x\nmay fly\n", 2},
		{"program x\nessential yes\n", 2},
		{"program a b c d e f g h i j k l m n o p q r s t u v w x y z 0 1 2 3 4 5 6\n", 1},
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (parse(bad[i].text) == 0)
			fail_msg("taken: %s", bad[i].text);
		assert_int_equal(line, bad[i].line);
		assert_non_null(why);
	}
}

static void test_too_many(void **state)
{
	(void)state;
	char text[4096] = "program x\n";
	for (int i = 0; i < MANIFEST_LIST; i++)
		strcat(text, "env A=b\n");
	assert_int_equal(parse(text), -EINVAL);
	strcpy(text, "program x\n");
	for (int i = 0; i < 9; i++)
		strcat(text, "offers a\n");
	assert_int_equal(parse(text), -EINVAL);
}

static const char *given(const char *name, size_t len)
{
	return len == 4 && memcmp(name, "root", 4) == 0 ? "/dev/vda3" : NULL;
}

/* Words that depend on the kernel's command line, and drivers/pci's own words, which look alike and do not. */
static void test_options(void **state)
{
	(void)state;
	static const char *const left[] = {"bin/x", "/dev/vda3", "$other", "yes:a=b", "?30000=firmware", "1af4:1042=blk", "no=a?b"};
	assert_int_equal(parse("program bin/x $root $other root?yes:a=b root!no other?no ?30000=firmware 1af4:1042=blk no=a?b\n"
			       "opens fs root?tmp other?none dev\n"),
		0);
	assert_true(manifest_resolve(&m, given));
	assert_int_equal(m.argv.n, sizeof left / sizeof left[0]);
	for (u32 i = 0; i < m.argv.n; i++)
		assert_string_equal(m.argv.word[i], left[i]);
	assert_int_equal(m.opens.n, 3);
	assert_string_equal(m.opens.word[1], "tmp");
	manifest_finish(&m);
	assert_int_equal(parse("program bin/x\nunless root\n"), 0);
	assert_false(manifest_resolve(&m, given));
	manifest_finish(&m);
	assert_int_equal(parse("program bin/x\nif root\n"), 0);
	assert_true(manifest_resolve(&m, given));
	manifest_finish(&m);
}

static void test_random_bytes(void **state)
{
	(void)state;
	unsigned seed = 1;
	for (int round = 0; round < 20000; round++) {
		char text[200];
		static const char *const words[] = {"program ", "offers ", "needs ", "resource ", "user ", "restart ", "\n", "#", " ", "1", "x", "=", "always "};
		text[0] = 0;
		for (int k = 0; k < 12; k++) {
			seed = seed * 1103515245 + 12345;
			strcat(text, words[(seed >> 16) % 13]);
		}
		if (parse(text) == 0)
			manifest_finish(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_full), cmocka_unit_test(test_defaults), cmocka_unit_test(test_errors),
		cmocka_unit_test(test_too_many), cmocka_unit_test(test_options), cmocka_unit_test(test_random_bytes)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
