/* SPDX-License-Identifier: MIT */
/*
 * Threads and a lock for code that runs both freestanding (kernel threads without thread page) and under a C library
 * (its own threads, so that errno and its locks work). struct lock guards short sections; it sleeps on a futex.
 */
#ifndef NATIVE_THREAD_H
#define NATIVE_THREAD_H

#include <weft/types.h>

struct nthread {
	u32 tid;	/* cleared and woken by the kernel at the thread's death */
	u64 stack, stack_len;
	u64 handle;	/* hosted: pthread_t */
	void (*fn)(void *arg);
	void *arg;
};

/** Starts fn(arg) on a stack of `stack` bytes (0: 64 KiB). *t must stay until nthread_join. 0 or a negative errno. */
int nthread_create(struct nthread *t, void (*fn)(void *arg), void *arg, u64 stack);
/** Waits for its end and frees its stack. May block. */
void nthread_join(struct nthread *t);

struct lock {
	u32 word; /* 0 free, 1 held, 2 held and waited for */
};
void lock_take(struct lock *l);
void lock_drop(struct lock *l);

/** Sleeps while *word == value. 0, -EAGAIN, -ETIMEDOUT or -EINTR. */
int futex_wait(u32 *word, u32 value, i64 deadline);
int futex_wake(u32 *word, u32 n);

#endif
