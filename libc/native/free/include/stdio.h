/* SPDX-License-Identifier: MIT */
/* Formatted output for freestanding programs: to memory, and unbuffered to fd 1. No floating point. */
#ifndef FREE_STDIO_H
#define FREE_STDIO_H

#include <stdarg.h>
#include <stddef.h>

int vsnprintf(char *to, size_t n, const char *fmt, va_list ap);
int snprintf(char *to, size_t n, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int dprintf(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int puts(const char *s);

#endif
