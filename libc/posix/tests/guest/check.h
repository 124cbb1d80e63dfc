/* SPDX-License-Identifier: MIT */
/* Checks of a program in the guest: `ok NAME` or `not ok NAME: why`, and at the end `@@tests PASSED FAILED`. */
#ifndef POSIX_CHECK_H
#define POSIX_CHECK_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int check_passed, check_failed;

static inline void check_line(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof line - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof line - 2)
		n = sizeof line - 2;
	line[n++] = '\n';
	if (write(1, line, n) != n)
		_exit(99);
}

#define CHECK(name, cond)                                                                          \
	do {                                                                                       \
		errno = 0;                                                                         \
		if (cond) {                                                                        \
			check_passed++;                                                            \
			check_line("ok %s", name);                                                 \
		} else {                                                                           \
			check_failed++;                                                            \
			check_line("not ok %s: line %d: %s (errno %d)", name, __LINE__, #cond, errno); \
		}                                                                                  \
	} while (0)
/* That a call fails with one errno. */
#define FAILS(name, call, err)                                                                     \
	do {                                                                                       \
		errno = 0;                                                                         \
		long r_ = (long)(call);                                                            \
		if (r_ == -1 && errno == (err)) {                                                  \
			check_passed++;                                                            \
			check_line("ok %s", name);                                                 \
		} else {                                                                           \
			check_failed++;                                                            \
			check_line("not ok %s: line %d: %s gives %ld, errno %d", name, __LINE__, #call, r_, errno); \
		}                                                                                  \
	} while (0)

static inline int check_done(void)
{
	check_line("@@tests %d %d", check_passed, check_failed);
	return check_failed != 0;
}

#endif
