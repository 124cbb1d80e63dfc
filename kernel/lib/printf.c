/* SPDX-License-Identifier: MIT */
/* Formatting: %d %i %u %x %X %o %p %c %s %% with flags 0 - +, width, precision (* too) and the
 * lengths h, l, ll, z, t, j. */
#include <kernel/kernel.h>

struct out {
	char *buf;
	size_t size, len;
};
struct spec {
	bool left, zero, plus;
	int width, precision;
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void put_text(struct out *o, const struct spec *f, const char *s, int n)
{
	int pad = f->width - n;

	for (; !f->left && pad > 0; pad--)
		put(o, ' ');
	for (int i = 0; i < n; i++)
		put(o, s[i]);
	for (; f->left && pad > 0; pad--)
		put(o, ' ');
}

static void put_number(struct out *o, struct spec *f, u64 v, u32 base, bool upper, char sign)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char buf[72];
	int n = sizeof(buf), least = f->precision >= 0 ? f->precision : 1;

	do {
		buf[--n] = digits[v % base];
		v /= base;
	} while (v);
	if (f->zero && !f->left && f->precision < 0)
		least = f->width - (sign != 0);
	while ((int)sizeof(buf) - n < MIN(least, 64))
		buf[--n] = '0';
	if (sign)
		buf[--n] = sign;
	put_text(o, f, buf + n, sizeof(buf) - n);
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
		struct spec f = {.precision = -1};
		int length = 0;
		i64 v;

		if (*p != '%') {
			put(&o, *p);
			continue;
		}
		for (p++; *p == '0' || *p == '-' || *p == '+' || *p == ' ' || *p == '#'; p++) {
			f.zero |= *p == '0';
			f.left |= *p == '-';
			f.plus |= *p == '+';
		}
		if (*p == '*') {
			f.width = __builtin_va_arg(ap, int);
			p++;
		} else {
			f.width = number(&p);
		}
		if (*p == '.') {
			p++;
			if (*p == '*') {
				f.precision = __builtin_va_arg(ap, int);
				p++;
			} else {
				f.precision = number(&p);
			}
		}
		for (; *p == 'l' || *p == 'z' || *p == 't' || *p == 'h' || *p == 'j'; p++)
			length += *p == 'h' ? -1 : 1;
		switch (*p) {
		case 'd':
		case 'i':
			v = length > 0 ? __builtin_va_arg(ap, long) : __builtin_va_arg(ap, int);
			put_number(&o, &f, v < 0 ? -(u64)v : (u64)v, 10, false,
				v < 0		 ? '-'
					: f.plus ? '+'
						 : 0);
			break;
		case 'u':
		case 'x':
		case 'X':
		case 'o':
			v = length > 0 ? __builtin_va_arg(ap, long)
				       : (long)__builtin_va_arg(ap, unsigned);
			put_number(&o, &f, v, *p == 'u' ? 10 : *p == 'o' ? 8 : 16, *p == 'X', 0);
			break;
		case 'p':
			put_number(&o, &f, (u64) __builtin_va_arg(ap, void *), 16, false, 0);
			break;
		case 'c': {
			char c = __builtin_va_arg(ap, int);

			put_text(&o, &f, &c, 1);
			break;
		}
		case 's': {
			const char *s = __builtin_va_arg(ap, const char *);
			int len = 0;

			if (!s)
				s = "(null)";
			while ((f.precision < 0 || len < f.precision) && s[len])
				len++;
			put_text(&o, &f, s, len);
			break;
		}
		case 0:
			p--;
			break;
		default:
			put(&o, *p);
		}
	}
	if (n)
		buf[MIN(o.len, n - 1)] = 0;
	return o.len;
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
