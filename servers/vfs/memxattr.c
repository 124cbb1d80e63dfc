/* SPDX-License-Identifier: MIT */
/* Extended attributes of a tree in memory: a list with each node, newest first. What a node's attributes take is limited. */
#include "vfs.h"

#include <stdlib.h>
#include <sys/xattr.h>

#define ROOM (128u << 10) /* names and values of one node */

struct mem_xattr {
	struct mem_xattr *next;
	char *name;
	u64 len;
	char value[];
};

static struct mem_xattr **find(struct node *n, const char *name)
{
	struct mem_xattr **at = &n->xattrs;
	while (*at && strcmp((*at)->name, name))
		at = &(*at)->next;
	return at;
}

static u64 taken(const struct node *n)
{
	u64 sum = 0;
	for (const struct mem_xattr *x = n->xattrs; x; x = x->next)
		sum += strlen(x->name) + 1 + x->len;
	return sum;
}

static void drop(struct mem_xattr **at)
{
	struct mem_xattr *x = *at;
	*at = x->next;
	free(x->name);
	free(x);
}

i64 mem_getxattr(struct node *n, const char *name, void *to, u64 room)
{
	const struct mem_xattr *x = *find(n, name);
	if (!x)
		return -ENODATA;
	if (x->len > room)
		return -ERANGE;
	memcpy(to, x->value, x->len);
	return (i64)x->len;
}

i64 mem_listxattr(struct node *n, char *to, u64 room)
{
	u64 at = 0;
	for (const struct mem_xattr *x = n->xattrs; x; x = x->next) {
		u64 len = strlen(x->name) + 1;
		if (at + len > room)
			return -ERANGE;
		memcpy(to + at, x->name, len);
		at += len;
	}
	return (i64)at;
}

int mem_setxattr(struct node *n, const char *name, const void *value, u64 len, u32 flags)
{
	struct mem_xattr **old = find(n, name), *x;
	if (*old && (flags & XATTR_CREATE))
		return -EEXIST;
	if (!*old && (flags & XATTR_REPLACE))
		return -ENODATA;
	u64 freed = *old ? strlen(name) + 1 + (*old)->len : 0;
	if (taken(n) - freed + strlen(name) + 1 + len > ROOM)
		return -ENOSPC;
	x = malloc(sizeof(*x) + len);
	if (!x)
		return -ENOMEM;
	x->name = strdup(name);
	if (!x->name) {
		free(x);
		return -ENOMEM;
	}
	x->len = len;
	memcpy(x->value, value, len);
	if (*old)
		drop(old);
	x->next = n->xattrs;
	n->xattrs = x;
	return 0;
}

int mem_removexattr(struct node *n, const char *name)
{
	struct mem_xattr **at = find(n, name);
	if (!*at)
		return -ENODATA;
	drop(at);
	return 0;
}

void mem_xattrs_free(struct node *n)
{
	while (n->xattrs)
		drop(&n->xattrs);
}
