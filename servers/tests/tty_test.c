/* SPDX-License-Identifier: MIT */
/* The line discipline on the host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tty.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>

static int last_signal;
static void on_signal(struct tty *t, int signo)
{
	(void)t;
	last_signal = signo;
}
static void on_change(struct tty *t)
{
	(void)t;
}
static const struct tty_hooks hooks = {on_signal, on_change};
static struct tty t;

static int setup(void **state)
{
	(void)state;
	last_signal = 0;
	tty_init(&t, &hooks, NULL);
	return 0;
}

static void type(const char *s)
{
	assert_int_equal(tty_input(&t, (const u8 *)s, (u32)strlen(s)), strlen(s));
}

static void expect_read(const char *s)
{
	u8 buf[TTY_IN];
	i64 n = tty_read(&t, buf, sizeof(buf), false);
	assert_int_equal(n, strlen(s));
	assert_memory_equal(buf, s, strlen(s));
}

static void expect_out(const char *s)
{
	u8 buf[TTY_OUT];
	u32 n = tty_drain(&t, buf, sizeof(buf), false);
	assert_int_equal(n, strlen(s));
	assert_memory_equal(buf, s, n);
}

static void test_lines(void **state)
{
	u8 b[8];
	(void)state;
	type("ab");
	assert_false(tty_readable(&t));
	assert_int_equal(tty_read(&t, b, 8, false), -EAGAIN);
	type("c\rde\n");
	expect_out("abc\r\nde\r\n");
	assert_int_equal(tty_read(&t, b, 2, false), 2);
	expect_read("c\n");
	expect_read("de\n");
	assert_false(tty_readable(&t));
}

static void test_editing(void **state)
{
	(void)state;
	type("abc\x7f\x7fx\n");
	expect_out("abc\b \b\b \bx\r\n");
	expect_read("ax\n");
	type("one two\x17three\n");
	expect_read("one three\n");
	tty_flush(&t, false, true);
	type("gone\x15kept\n");
	expect_read("kept\n");
	type("\x16\x03literal\n");
	expect_read("\x03literal\n");
	assert_int_equal(last_signal, 0);
	t.termios.iflag |= IUTF8;
	tty_flush(&t, false, true);
	type("\xc3\xa9\x7f\n");
	expect_read("\n");
	expect_out("\xc3\xa9\b \b\r\n");
	type("\x7f\x7f\n"); /* nothing to erase */
	expect_read("\n");
}

static void test_eof(void **state)
{
	u8 b[8];
	(void)state;
	type("ab\x04");
	expect_read("ab");
	assert_false(tty_readable(&t));
	type("\x04");
	assert_true(tty_readable(&t));
	assert_int_equal(tty_available(&t), 0);
	assert_int_equal(tty_read(&t, b, 8, false), 0);
	assert_false(tty_readable(&t));
	type("ab\n\x04"); /* the line before it is not its own */
	expect_read("ab\n");
	assert_true(tty_readable(&t));
	assert_int_equal(tty_read(&t, b, 8, false), 0);
	assert_false(tty_readable(&t));
}

static void test_signals(void **state)
{
	(void)state;
	type("half\x03");
	assert_int_equal(last_signal, SIGINT);
	type("x\n");
	expect_read("x\n"); /* the half line was flushed */
	type("\x1a");
	assert_int_equal(last_signal, SIGTSTP);
	t.termios.lflag &= ~(u32)ISIG;
	last_signal = 0;
	type("\x03\n");
	assert_int_equal(last_signal, 0);
	expect_read("\x03\n");
}

static void test_raw(void **state)
{
	struct tty_termios raw = t.termios;
	(void)state;
	raw.lflag = 0;
	raw.iflag = 0;
	raw.oflag = 0;
	type("typed\nbefore");
	tty_set_termios(&t, &raw);
	expect_read("typed\nbefore");
	tty_flush(&t, false, true);
	type("\x03\x04\r\n");
	expect_read("\x03\x04\r\n");
	assert_int_equal(tty_write(&t, (const u8 *)"a\n", 2), 2);
	expect_out("a\n");
	u8 big[TTY_IN + 100];
	memset(big, 'x', sizeof(big));
	assert_int_equal(tty_input(&t, big, sizeof(big)), TTY_IN);
	assert_int_equal(tty_input_room(&t), 0);
}

static void test_flow(void **state)
{
	(void)state;
	type("\x13");
	assert_int_equal(tty_write(&t, (const u8 *)"x", 1), 0);
	assert_false(tty_writable(&t));
	type("\x11");
	assert_int_equal(tty_write(&t, (const u8 *)"a\tb\n", 4), 4);
	expect_out("a\tb\r\n");
	t.termios.oflag |= XTABS;
	assert_int_equal(tty_write(&t, (const u8 *)"a\tb\n", 4), 4);
	expect_out("a       b\r\n");
}

static void test_full(void **state)
{
	(void)state;
	char *big = malloc(2 * TTY_IN + 1);
	memset(big, 'y', 2 * TTY_IN);
	big[2 * TTY_IN] = 0;
	type(big); /* a canonical line takes 4095 and loses the rest */
	type("\n");
	u8 buf[2 * TTY_IN];
	assert_int_equal(tty_read(&t, buf, sizeof(buf), false), TTY_IN);
	free(big);
}

static void test_random(void **state)
{
	struct tty_termios x;
	(void)state;
	srand(3);
	for (int i = 0; i < 300000; i++) {
		u8 b[64];
		u32 n = (u32)rand() % sizeof(b);
		switch (rand() % 8) {
		case 0:
			x = t.termios;
			x.lflag = (u32)rand() & 0x1ffff;
			x.iflag = (u32)rand() & 0x7fff;
			x.oflag = (u32)rand() & 0x1fff;
			tty_set_termios(&t, &x);
			break;
		case 1:
			tty_read(&t, b, n, rand() & 1);
			break;
		case 2:
			tty_drain(&t, b, n, rand() & 1);
			break;
		case 3:
			tty_flush(&t, rand() & 1, rand() & 1);
			break;
		default:
			for (u32 k = 0; k < n; k++)
				b[k] = (u8)(rand() % 4 ? rand() % 32 : rand());
			if (rand() & 1)
				tty_input(&t, b, n);
			else
				tty_write(&t, b, n);
		}
		assert_true(t.in_len <= TTY_IN && t.out_len <= TTY_OUT && t.lines <= t.in_len);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {T(test_lines), T(test_editing), T(test_eof), T(test_signals), T(test_raw),
		T(test_flow), T(test_full), T(test_random)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
