/* SPDX-License-Identifier: MIT */
/* printf with flags "-0+", width, precision, h hh l ll z and d i u x X o c s p %. */
#include <native/call.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct sink {
	char *to;
	size_t room, n; /* n counts what would have been written */
};
struct spec {
	bool left, zero, plus, upper;
	int width, precision, size;
};

static void emit(struct sink *s, char c)
{
	if (s->n + 1 < s->room)
		s->to[s->n] = c;
	s->n++;
}

static void emit_padded(struct sink *s, const char *text, size_t n, const struct spec *f)
{
	size_t pad = f->width > 0 && (size_t)f->width > n ? (size_t)f->width - n : 0;
	if (!f->left)
		for (; pad; pad--)
			emit(s, ' ');
	while (n--)
		emit(s, *text++);
	for (; pad; pad--)
		emit(s, ' ');
}

static void emit_number(struct sink *s, unsigned long value, bool negative, unsigned base, const struct spec *f)
{
	char text[96];
	const char *digits = f->upper ? "0123456789ABCDEF" : "0123456789abcdef";
	size_t at = sizeof text;
	int count = 0, least = f->precision >= 0 ? f->precision : 1;
	char sign = negative ? '-' : f->plus ? '+' : 0;
	if (f->zero && !f->left && f->precision < 0)
		least = f->width - (sign != 0);
	if (least > 64)
		least = 64;
	for (; value || count < least; value /= base, count++)
		text[--at] = digits[value % base];
	if (sign)
		text[--at] = sign;
	emit_padded(s, text + at, sizeof text - at, f);
}

static const char *parse_spec(const char *p, struct spec *f, va_list *ap)
{
	*f = (struct spec){.precision = -1};
	for (;; p++) {
		if (*p == '-')
			f->left = true;
		else if (*p == '0')
			f->zero = true;
		else if (*p == '+')
			f->plus = true;
		else if (*p != ' ' && *p != '#')
			break;
	}
	if (*p == '*') {
		f->width = va_arg(*ap, int);
		p++;
		if (f->width < 0) {
			f->left = true;
			f->width = -f->width;
		}
	}
	while (*p >= '0' && *p <= '9')
		f->width = f->width * 10 + *p++ - '0';
	if (*p == '.') {
		f->precision = 0;
		p++;
		if (*p == '*') {
			f->precision = va_arg(*ap, int);
			p++;
		}
		while (*p >= '0' && *p <= '9')
			f->precision = f->precision * 10 + *p++ - '0';
	}
	for (;; p++) {
		if (*p == 'l' || *p == 'z' || *p == 'j' || *p == 't')
			f->size = 8;
		else if (*p == 'h')
			f->size = f->size == 2 ? 1 : 2;
		else
			return p;
	}
}

static unsigned long unsigned_arg(const struct spec *f, va_list *ap)
{
	if (f->size == 8)
		return va_arg(*ap, unsigned long);
	unsigned value = va_arg(*ap, unsigned);
	return f->size == 1 ? (unsigned char)value : f->size == 2 ? (unsigned short)value : value;
}

static long signed_arg(const struct spec *f, va_list *ap)
{
	if (f->size == 8)
		return va_arg(*ap, long);
	int value = va_arg(*ap, int);
	return f->size == 1 ? (signed char)value : f->size == 2 ? (short)value : value;
}

static void emit_spec(struct sink *s, char kind, struct spec *f, va_list *ap)
{
	switch (kind) {
	case 'd':
	case 'i': {
		long v = signed_arg(f, ap);
		emit_number(s, v < 0 ? -(unsigned long)v : (unsigned long)v, v < 0, 10, f);
		break;
	}
	case 'u':
		emit_number(s, unsigned_arg(f, ap), false, 10, f);
		break;
	case 'X':
		f->upper = true;
		emit_number(s, unsigned_arg(f, ap), false, 16, f);
		break;
	case 'x':
		emit_number(s, unsigned_arg(f, ap), false, 16, f);
		break;
	case 'o':
		emit_number(s, unsigned_arg(f, ap), false, 8, f);
		break;
	case 'p':
		emit(s, '0');
		emit(s, 'x');
		emit_number(s, (unsigned long)va_arg(*ap, void *), false, 16, f);
		break;
	case 'c': {
		char c = (char)va_arg(*ap, int);
		emit_padded(s, &c, 1, f);
		break;
	}
	case 's': {
		const char *text = va_arg(*ap, const char *);
		if (!text)
			text = "(null)";
		emit_padded(s, text, f->precision >= 0 ? strnlen(text, (size_t)f->precision) : strlen(text), f);
		break;
	}
	default:
		emit(s, kind);
	}
}

int vsnprintf(char *to, size_t n, const char *fmt, va_list list)
{
	struct sink s = {.to = to, .room = n};
	va_list ap;
	va_copy(ap, list);
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			emit(&s, *fmt);
			continue;
		}
		struct spec f;
		fmt = parse_spec(fmt + 1, &f, &ap);
		if (!*fmt)
			break;
		emit_spec(&s, *fmt, &f, &ap);
	}
	va_end(ap);
	if (n)
		to[s.n < n ? s.n : n - 1] = 0;
	return (int)s.n;
}

int snprintf(char *to, size_t n, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int r = vsnprintf(to, n, fmt, ap);
	va_end(ap);
	return r;
}

static int write_out(int fd, const char *fmt, va_list ap)
{
	char text[1024];
	int n = vsnprintf(text, sizeof text, fmt, ap);
	size_t len = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1, done = 0;
	while (done < len) {
		i64 r = weft_fd_write(fd, PTR(text + done), len - done, -1, 0);
		if (r == -EINTR)
			continue;
		if (r <= 0)
			return -1;
		done += (size_t)r;
	}
	return n;
}

int printf(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int r = write_out(1, fmt, ap);
	va_end(ap);
	return r;
}

int dprintf(int fd, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int r = write_out(fd, fmt, ap);
	va_end(ap);
	return r;
}

int puts(const char *s)
{
	return printf("%s\n", s);
}
