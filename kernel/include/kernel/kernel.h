/* SPDX-License-Identifier: MIT */
/*
 * What every kernel file may use. The kernel runs under one big lock (BKL) with interrupts off: a
 * function that says nothing about locking is called with the BKL held. Functions marked "may
 * block" may switch threads (thread_block) or drop and retake the BKL (bkl_drop/bkl_retake): what
 * was looked up before must be pinned by a reference.
 */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include <weft/types.h>
#include <weft/errno.h>

#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))
#define ARRAY_SIZE(a)		      (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)		      ((a) < (b) ? (a) : (b))
#define MAX(a, b)		      ((a) > (b) ? (a) : (b))
#define ALIGN_UP(x, a)		      (((x) + ((a)-1)) & ~((u64)(a)-1))
#define ALIGN_DOWN(x, a)	      ((x) & ~((u64)(a)-1))
#define likely(x)		      __builtin_expect(!!(x), 1)
#define unlikely(x)		      __builtin_expect(!!(x), 0)
#define PAGE_SIZE		      WEFT_PAGE_SIZE
#define PAGE_SHIFT		      WEFT_PAGE_SHIFT
#define NORETURN		      __attribute__((noreturn))

/* Error pointers: a pointer result is valid, or holds a negative errno. Never NULL unless said. */
#define ERR_PTR(e) ((void *)(long)(e))
#define PTR_ERR(p) ((long)(p))
#define IS_ERR(p)  ((u64)(p) >= (u64)-4095l)

/* The value of e, an int or i64; if it is negative the calling function returns it. What was held
 * by scope (HELD) is released on the way. */
#define TRY(e)                                                                                     \
	({                                                                                         \
		__typeof__(e) try_ = (e);                                                          \
		if (unlikely(try_ < 0))                                                            \
			return try_;                                                               \
		try_;                                                                              \
	})

/* Doubly linked lists; an empty head or unlinked node points to itself. */
struct list {
	struct list *next, *prev;
};
static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}
static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}
static inline void list_add_after(struct list *at, struct list *n)
{
	n->next = at->next;
	n->prev = at;
	at->next->prev = n;
	at->next = n;
}
static inline void list_add_tail(struct list *head, struct list *n)
{
	list_add_after(head->prev, n);
}
static inline void list_del(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}
#define list_entry(p, type, member)    container_of(p, type, member)
#define list_first(head, type, member) list_entry((head)->next, type, member)
#define list_for_each(it, head, member)                                                            \
	for (__typeof__(it) it##_next = (it = list_entry((head)->next, __typeof__(*it), member),   \
					list_entry(it->member.next, __typeof__(*it), member));     \
		&it->member != (head);                                                             \
		it = it##_next, it##_next = list_entry(it->member.next, __typeof__(*it), member))
/* (list_for_each allows the body to remove `it`, not its successor.) */

/* lib/string.c, lib/printf.c */
void *memcpy(void *restrict d, const void *restrict s, size_t n);
void *memset(void *d, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
size_t strlcpy(char *d, const char *s, size_t n);
int vsnprintf(char *buf, size_t n, const char *fmt, __builtin_va_list ap);
int snprintf(char *buf, size_t n, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* lib/log.c: rings of lines, and klog's also go to the debug port. Never blocks; callable from
 * anywhere. */
enum log_ring { LOG_KERNEL, LOG_TRACE, LOG_RINGS };
void klog(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Copies what came after *cursor (0: the oldest kept) and moves it on -> bytes. Drops nothing but
 * what the ring has lost. */
size_t klog_read(enum log_ring ring, u64 *cursor, char *buf, size_t n);
/* Prints, with a symbolisable back trace ("@@bt ADDR ..."), stops every CPU. */
NORETURN void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
#define kassert(c)                                                                                 \
	do {                                                                                       \
		if (unlikely(!(c)))                                                                \
			panic("%s:%d: %s", __FILE__, __LINE__, #c);                                \
	} while (0)

/* Lines of the ring LOG_TRACE, where the command line says "trace". */
extern bool trace_on;
void trace_add(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
#define ktrace(event, a, b)                                                                        \
	do {                                                                                       \
		if (unlikely(trace_on))                                                            \
			trace_add("%.40s %lx %lx", event, (u64)(a), (u64)(b));                     \
	} while (0)
bool boot_option(const char *word); /* whether it is on the kernel's command line */

#endif
