/* SPDX-License-Identifier: MIT */
/*
 * The process's namespace as programs see it: /scheme, and which handles a next program may have. A process whose namespace has become
 * smaller since its program began (as ns makes it) has the handles of that program still; exec passes on those of schemes that
 * it can name, and no others.
 */
#include "path.h"

#define LIST_MAX (RT_SCHEMES * (WEFT_NAME_MAX + 1))

/* -> length; one that does not fit counts as longer than any that does */
static u32 names(char *list)
{
	i64 n = NC(NS_CTL, -1, WEFT_NS_LIST, list, LIST_MAX, 0);

	return n < 0 ? LIST_MAX + 1 : (u32)n;
}

i64 rt_scheme_open(const char *path, u64 len, u32 *used)
{
	u32 n = 0;

	while (n < len && path[n] != '/')
		n++;
	*used = n;
	while (*used < len && path[*used] == '/')
		++*used;
	i64 r = NC(NS_CTL, -1, WEFT_NS_OPEN, path, n, WEFT_REQ_PRIVATE | WEFT_REQ_CLOEXEC);
	return r == -EINVAL || r == -ENAMETOOLONG ? -ENOENT : r;
}

/* The endpoint's number, 0 if it is none with handles. */
static u64 number_of(const char *name, u32 n)
{
	struct weft_fd_info info = {0};
	u32 used;
	i64 fd = rt_scheme_open(name, n, &used);

	if (fd < 0)
		return 0;
	rt_fd_info(fd, &info);
	NC(FD_CLOSE, fd);
	return info.scheme;
}

static u32 name_end(const char *list, u32 at, u32 len)
{
	while (at < len && list[at] != '\n')
		at++;
	return at;
}

i64 rt_scheme_getdents(i32 fd, struct weft_buf *entries)
{
	char list[LIST_MAX];
	u32 n = names(list);
	struct weft_buf bufs[2] = {*entries, {(u64)list, n, WEFT_BUF_IN}};
	struct weft_req q = {.op = FSP_GETDENTS, .nbufs = 2, .bufs = (u64)bufs, .flags = WEFT_REQ_NOINTR};

	return n > LIST_MAX ? -EINVAL : NC(FD_CALL, fd, &q);
}

void rt_schemes_begin(struct rt_proc *p)
{
	char list[LIST_MAX];

	p->names_len = names(list);
}

void rt_schemes_look(struct rt_schemes *s)
{
	char list[LIST_MAX];
	u32 len = names(list);

	/* A program's namespace can only lose names: of the same length it is the same. */
	*s = (struct rt_schemes){.fewer = len < rt_proc()->names_len};
	for (u32 at = 0, end; s->fewer && at < len && s->n < RT_SCHEMES; at = end + 1) {
		end = name_end(list, at, len);
		u64 number = number_of(list + at, end - at);
		if (number)
			s->number[s->n++] = number;
	}
}

u32 rt_scheme_place(u64 number, char *to, u32 size)
{
	char list[LIST_MAX + 1];
	u32 len = names(list);

	for (u32 at = 0, end; len <= LIST_MAX && at < len; at = end + 1) {
		end = name_end(list, at, len);
		list[end] = 0;
		if (number_of(list + at, end - at) == number)
			return rt_format(to, size, "/scheme/%s", list + at);
	}
	return rt_format(to, size, "(unreachable)");
}

bool rt_schemes_keep(const struct rt_schemes *s, i32 fd)
{
	struct weft_fd_info info;

	if (!s->fewer || fd < 0)
		return true;
	if (rt_fd_info(fd, &info) < 0)
		return false;
	for (u32 i = 0; i < s->n; i++)
		if (s->number[i] == info.scheme)
			return true;
	return false;
}
