/* SPDX-License-Identifier: MIT */
/*
 * Debian builds libext2fs for glibc with _FORTIFY_SOURCE: its calls of some functions go to checked
 * variants, and of others to names with a 64, that musl does not have. Here they are, so that this
 * server is linked with musl as the others are. The layouts that both share (stat, time) are the
 * kernel's.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VISIBLE __attribute__((used))

VISIBLE int __sprintf_chk(char *to, int flag, size_t room, const char *format, ...)
{
	va_list args;
	(void)flag;
	va_start(args, format);
	int n = vsnprintf(to, room, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= room)
		abort();
	return n;
}

VISIBLE int __snprintf_chk(char *to, size_t n, int flag, size_t room, const char *format, ...)
{
	va_list args;
	(void)flag;
	if (room < n)
		abort();
	va_start(args, format);
	int r = vsnprintf(to, n, format, args);
	va_end(args);
	return r;
}

VISIBLE int __fprintf_chk(FILE *f, int flag, const char *format, ...)
{
	va_list args;
	(void)flag;
	va_start(args, format);
	int n = vfprintf(f, format, args);
	va_end(args);
	return n;
}

VISIBLE int __vfprintf_chk(FILE *f, int flag, const char *format, va_list args)
{
	(void)flag;
	return vfprintf(f, format, args);
}

VISIBLE int __printf_chk(int flag, const char *format, ...)
{
	va_list args;
	(void)flag;
	va_start(args, format);
	int n = vprintf(format, args);
	va_end(args);
	return n;
}

VISIBLE char *__strcpy_chk(char *to, const char *from, size_t room)
{
	size_t n = strlen(from) + 1;
	if (n > room)
		abort();
	return memcpy(to, from, n);
}

VISIBLE char *__strcat_chk(char *to, const char *from, size_t room)
{
	size_t n = strlen(to);
	if (n > room)
		abort();
	__strcpy_chk(to + n, from, room - n);
	return to;
}

VISIBLE int __open_2(const char *path, int flags)
{
	return open(path, flags);
}

VISIBLE int __open64_2(const char *path, int flags)
{
	return open(path, flags);
}

VISIBLE int fcntl64(int fd, int command, long arg)
{
	return fcntl(fd, command, arg);
}

VISIBLE void *__memcpy_chk(void *to, const void *from, size_t n, size_t room)
{
	if (n > room)
		abort();
	return memcpy(to, from, n);
}

VISIBLE char *__stpcpy_chk(char *to, const char *from, size_t room)
{
	return __strcpy_chk(to, from, room) + strlen(from);
}
