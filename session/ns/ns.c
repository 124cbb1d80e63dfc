/* SPDX-License-Identifier: MIT */
/*
 * ns: runs a program in a namespace of the named schemes only, or in none. A namespace only ever shrinks, for its children as well, and the
 * program gets no handle of any other scheme: without fs it has no root directory, without proc it sees and signals no process. Fds that were open stay
 * open: they are given.
 */
#include <errno.h>
#include <native/call.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMES_MAX 4096

static int usage(void)
{
	fprintf(stderr, "usage: ns [--] SCHEME[,SCHEME...] COMMAND [ARGUMENT...]\n"
			"       ns -n COMMAND [ARGUMENT...]          in the empty namespace\n"
			"       ns -l                                list what there is\n");
	return 2;
}

static i64 own_names(char *list)
{
	i64 n = weft_ns_ctl((u64)-1, WEFT_NS_LIST, PTR(list), NAMES_MAX - 1, 0);
	list[n < 0 ? 0 : n] = 0;
	return n;
}

static bool is_listed(const char *list, const char *name, size_t n)
{
	for (const char *at = list; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		if (strcspn(at, "\n") == n && memcmp(at, name, n) == 0)
			return true;
	}
	return false;
}

/* Commas become newlines; each name must be one that we have. */
static int choose(char *names)
{
	char list[NAMES_MAX];
	if (own_names(list) < 0) {
		fprintf(stderr, "ns: this kernel has no namespaces\n");
		return -1;
	}
	for (char *at = names; *at;) {
		size_t n = strcspn(at, ",");
		if (!is_listed(list, at, n)) {
			fprintf(stderr, "ns: %.*s: no such scheme in this namespace\n", (int)n, at);
			return -1;
		}
		at += n;
		if (*at)
			*at++ = '\n';
	}
	return 0;
}

static int enter(const char *names)
{
	i64 ns = weft_ns_ctl((u64)-1, WEFT_NS_CLONE, PTR(names), strlen(names), WEFT_REQ_CLOEXEC | WEFT_REQ_PRIVATE);
	i64 r = ns < 0 ? ns : weft_ns_ctl((u64)ns, WEFT_NS_ENTER, 0, 0, 0);
	if (r < 0)
		fprintf(stderr, "ns: %s\n", strerror((int)-r));
	return r < 0 ? -1 : 0;
}

static int show(void)
{
	char list[NAMES_MAX];
	if (own_names(list) < 0) {
		fprintf(stderr, "ns: this kernel has no namespaces\n");
		return 1;
	}
	return fputs(list, stdout) < 0;
}

int main(int argc, char **argv)
{
	int at = 1;
	if (argc == 2 && strcmp(argv[1], "-l") == 0)
		return show();
	bool none = argc > 1 && strcmp(argv[1], "-n") == 0;
	at += none;
	at += argc > at && strcmp(argv[at], "--") == 0;
	char *names = none || argc <= at ? NULL : argv[at++];
	if (argc <= at || (!none && (!names || !*names || *names == '-')))
		return usage();
	if (names && choose(names) < 0)
		return 125;
	if (enter(none ? "\n" : names) < 0)
		return 125;
	execvp(argv[at], argv + at);
	int e = errno;
	fprintf(stderr, "ns: %s: %s\n", argv[at], strerror(e));
	return e == ENOENT ? 127 : 126;
}
