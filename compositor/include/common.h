/* SPDX-License-Identifier: MIT */
/*
 * Small helpers that every file of the compositor uses. Memory for the compositor's own objects
 * comes from mem_zalloc() and mem_strdup(), which never return NULL: a compositor that cannot
 * allocate a few hundred bytes cannot go on, and says so before it stops.
 */
#ifndef WEFT_COMMON_H
#define WEFT_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wayland-server-core.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static inline int int_min(int a, int b)
{
	return a < b ? a : b;
}

static inline int int_max(int a, int b)
{
	return a > b ? a : b;
}

static inline int int_clamp(int v, int low, int high)
{
	return v < low ? low : v > high ? high : v;
}

static inline void *mem_zalloc(size_t size)
{
	void *p = calloc(1, size);

	if (p == NULL) {
		abort();
	}
	return p;
}

/** Copies a string; NULL gives NULL. */
static inline char *mem_strdup(const char *s)
{
	char *p = s != NULL ? strdup(s) : NULL;

	if (s != NULL && p == NULL) {
		abort();
	}
	return p;
}

/** Replaces an owned string by a copy of another. */
static inline void mem_replace(char **slot, const char *s)
{
	char *copy = mem_strdup(s);

	free(*slot);
	*slot = copy;
}

static inline void listener_add(
	struct wl_signal *signal, struct wl_listener *l, wl_notify_func_t fn)
{
	l->notify = fn;
	wl_signal_add(signal, l);
}

/** Removes a listener that may never have been added (its link is then zero). */
static inline void listener_remove(struct wl_listener *l)
{
	if (l->link.next != NULL) {
		wl_list_remove(&l->link);
		l->link.next = NULL;
		l->link.prev = NULL;
	}
}

#endif
