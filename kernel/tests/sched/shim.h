/* SPDX-License-Identifier: MIT */
/* What the host tests of sched/ share: one CPU, user memory that is the test's own, and a
 * thread_block that runs a script. */
#ifndef SCHED_SHIM_H
#define SCHED_SHIM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "sched/internal.h"

extern struct cpu shim_cpu;
extern struct process shim_process;
extern bool shim_no_memory; /* allocations fail */
/* Called by thread_block, in place of whatever else would run; the result of the block is the
 * waker's, or -ETIMEDOUT. */
extern void (*shim_blocked)(struct thread *t);
void shim_thread(struct thread *t, u32 tid); /* of shim_process; becomes nothing but initialised */
void shim_run(struct thread *t);	     /* becomes the current thread */
struct object *shim_object(void);
extern u32 shim_destroyed, shim_closed;

#endif
