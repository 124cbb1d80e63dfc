/* SPDX-License-Identifier: MIT */
/*
 * Memory and strings. Eight bytes at a time by plain moves: string instructions are slow where the
 * CPU is emulated, and not much faster elsewhere at the sizes that occur here.
 */
#include <kernel/kernel.h>

typedef u64 __attribute__((may_alias, aligned(1))) word;

void *memcpy(void *restrict d, const void *restrict s, size_t n)
{
	u8 *to = d;
	const u8 *from = s;

	for (; n >= 64; n -= 64, to += 64, from += 64) {
		const word *f = (const word *)from;
		word *t = (word *)to;

#pragma GCC unroll 8
		for (u32 i = 0; i < 8; i++)
			t[i] = f[i];
	}
	for (; n >= 8; n -= 8, to += 8, from += 8)
		*(word *)to = *(const word *)from;
	for (; n; n--)
		*to++ = *from++;
	return d;
}

void *memset(void *d, int c, size_t n)
{
	u64 v = (u8)c * 0x0101010101010101ul;
	u8 *to = d;

	for (; n >= 64; n -= 64, to += 64)
#pragma GCC unroll 8
		for (u32 i = 0; i < 8; i++)
			((word *)to)[i] = v;
	for (; n >= 8; n -= 8, to += 8)
		*(word *)to = v;
	for (; n; n--)
		*to++ = c;
	return d;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *p = a, *q = b;

	for (; n >= 8 && *(const word *)p == *(const word *)q; n -= 8, p += 8, q += 8)
		;
	for (; n; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return (u8)*a - (u8)*b;
}

size_t strlcpy(char *d, const char *s, size_t n)
{
	size_t len = strlen(s);

	if (n) {
		size_t k = MIN(len, n - 1);

		memcpy(d, s, k);
		d[k] = 0;
	}
	return len;
}
