/* SPDX-License-Identifier: MIT */
/* Formatting: %d %u %x %s %% with the flag 0, width, precision of strings (* too) and
 * the length l. */
#include <kernel/kernel.h>

struct out {
	char *buf;
	size_t size, len;
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void put_text(struct out *o, const char *s, int n, int width, char fill)
{
	for (; width > n; width--)
		put(o, fill);
	for (int i = 0; i < n; i++)
		put(o, s[i]);
}

/* The digits of v, behind a minus in front of the filling zeros. */
static void put_number(struct out *o, u64 v, u32 base, bool minus, int width, char fill)
{
	char buf[24];
	int n = sizeof(buf);

	do {
		buf[--n] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	if (minus && fill == '0')
		put(o, '-');
	else if (minus)
		buf[--n] = '-';
	put_text(o, buf + n, sizeof(buf) - n, width - (minus && fill == '0'), fill);
}

static int number(const char **p)
{
	int n = 0;

	for (; **p >= '0' && **p <= '9'; ++*p)
		n = n < 10000 ? n * 10 + **p - '0' : n;
	return n;
}

int vsnprintf(char *buf, size_t n, const char *p, __builtin_va_list ap)
{
	struct out o = {buf, n, 0};

	for (; *p; p++) {
		bool wide, minus;
		int width, precision = -1, len = 0;
		char fill = ' ';
		const char *s;
		u64 v;

		if (*p != '%') {
			put(&o, *p);
			continue;
		}
		if (*++p == '0')
			fill = '0';
		width = number(&p);
		if (*p == '.') {
			p++;
			precision = *p == '*' ? __builtin_va_arg(ap, int) : number(&p);
			p += *p == '*';
		}
		wide = *p == 'l';
		p += wide;
		switch (*p) {
		case 'd':
		case 'u':
		case 'x':
			v = wide ? __builtin_va_arg(ap, u64) : __builtin_va_arg(ap, u32);
			minus = *p == 'd' && (wide ? (i64)v : (i32)v) < 0;
			v = minus ? (wide ? -v : -(u32)v) : v;
			put_number(&o, v, *p == 'x' ? 16 : 10, minus, width, fill);
			break;
		case 's':
			s = __builtin_va_arg(ap, const char *);
			s = s ? s : "(null)";
			while ((precision < 0 || len < precision) && s[len])
				len++;
			put_text(&o, s, len, width, ' ');
			break;
		case 0:
			p--;
			break;
		default:
			put(&o, *p);
		}
	}
	if (n)
		buf[MIN(o.len, n - 1)] = 0;
	return (int)o.len;
}

int snprintf(char *buf, size_t n, const char *fmt, ...)
{
	__builtin_va_list ap;
	int r;

	__builtin_va_start(ap, fmt);
	r = vsnprintf(buf, n, fmt, ap);
	__builtin_va_end(ap);
	return r;
}
