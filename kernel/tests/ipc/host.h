/* SPDX-License-Identifier: MIT */
/*
 * A machine for the host tests of ipc/: processes with fd tables, and kernel threads that are
 * pthreads of which one runs at a time, until it blocks. When none can run, time jumps to the next
 * deadline. User memory is the test's own; a page can be made absent (the next as_fault brings it)
 * or bad (it never comes).
 */
#ifndef IPC_HOST_H
#define IPC_HOST_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <kernel/calls.h>
#include <kernel/ipc.h>
#include <kernel/mm.h>

/* For use in kernel threads, where cmocka's jumps cannot reach. */
#define CHECK(c)                                                                                   \
	do {                                                                                       \
		if (!(c)) {                                                                        \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #c);                    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)
#define IS(a, b)                                                                                   \
	do {                                                                                       \
		long a_ = (long)(a), b_ = (long)(b);                                               \
		if (a_ != b_) {                                                                    \
			fprintf(stderr, "%s:%d: %s is %ld, not %ld\n", __FILE__, __LINE__, #a, a_, \
				b_);                                                               \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

struct process *host_process(void);
void host_exit(struct process *p); /* closes its fds; frees it once its threads are done */
struct thread *host_thread(struct process *p, void (*fn)(void *arg), void *arg);
void host_run(void); /* until nothing can run any more */
bool host_done(struct thread *t);
void host_kill(struct thread *t);
void host_signal(struct thread *t); /* interrupts it once */
void host_as(struct process
		*p); /* calls that do not block, from the test itself, are made as this process */
i32 host_give(struct process *from, i32 fd,
	struct process *to); /* a duplicate in the other process */
void host_pass_time(u64 ns);
void *host_page(void); /* page-aligned, zeroed */
void host_absent(void *page, bool absent);
void host_bad(void *page, bool bad);
extern u32 host_faults, host_switches;
extern u64 host_time;
void host_begin(void);
void host_end(void); /* checks that nothing is left: objects, threads */

static inline u64 U(const void *p)
{
	return (u64)(uintptr_t)p;
}

#endif
