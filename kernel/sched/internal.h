/* SPDX-License-Identifier: MIT */
/* What the files of sched/ share among themselves. */
#ifndef SCHED_INTERNAL_H
#define SCHED_INTERNAL_H

#include <kernel/calls.h>
#include <kernel/ipc.h>
#include <kernel/mm.h>
#include <kernel/thread.h>
#include <asm-generic/siginfo.h> /* CLD_*, SI_TIMER */

#define MAX_CPUS   64
#define ALL_CPUS   ((2ul << (ncpus - 1)) - 1)
#define SIG_BIT(n) (1ul << ((n)-1))
#define SIGNO_KILL 9
#define SIGNO_STOP 19
#define SIGNO_CONT 18
#define SIGNO_CHLD 17

/* runq.c: the queues of one CPU, nothing but lists and the bit map. */
/* Behind its equals; head: before them; a light one before the first that is not. */
void runq_push(struct cpu *c, struct thread *t, bool head);
void runq_remove(struct cpu *c, struct thread *t);
struct thread *runq_top(struct cpu *c); /* NULL: empty */
/*
 * Usage of CPU, damped over USAGE_SPAN ticks of the TSC. Among equals a light thread (a quarter of
 * a CPU at most: what waits for people and devices) goes before those that compute. usage_charge:
 * the thread ran from run_since to now.
 */
#define USAGE_SHIFT 26u
#define USAGE_LIGHT (1ul << (USAGE_SHIFT - 2))
u64 usage_at(const struct thread *t, u64 now);
void usage_charge(struct thread *t, u64 now);
/* The thread that another CPU (bit `cpu`) should take: ready since `before` or longer, highest
 * first. */
struct thread *runq_steal(struct cpu *c, u32 cpu, u64 before);

/* timer.c: the heap. */
extern struct ktimer *heap_top; /* NULL: empty */
void heap_insert(struct ktimer *t);
void heap_remove(struct ktimer *t);
void timer_program(struct cpu *c, u64 deadline_ns); /* this CPU, only if it is earlier */

/* time.c */
u64 monotonic(u64 realtime);		  /* the same moment on the monotonic clock */
u64 tsc_to_ns(u64 tsc);			  /* of the machine's clock */
static inline u64 tsc_delta_ns(u64 ticks) /* a difference */
{
	return (u64)((unsigned __int128)ticks * tsc_mult >> tsc_shift);
}

/* Charges the time since the stamp to user mode or to the kernel side of the current thread. */
static inline void acct(struct cpu *c, u64 tsc, bool user)
{
	u64 ns = tsc_delta_ns(tsc - c->acct_stamp);
	struct thread *t = c->current;

	c->acct_stamp = tsc;
	*(!user ? &c->system_ns : t == c->idle ? &c->idle_ns : &c->user_ns) += ns;
	if (t)
		*(user ? &t->used.user_ns : &t->used.system_ns) += ns;
}

/* sched.c */
void sched_tick(struct cpu *c, u64 tsc);
void sched_switch_away(void);	    /* the current thread's state is set already */
void sched_preempt(void);	    /* gives way to who deserves it more; on the way to user mode */
void thread_poke(struct thread *t); /* makes it pass through user_return_work soon */

/* thread.c */
u32 id_alloc(void);
int thread_new(struct process *p, struct as *as, const struct weft_thread_new *n, u32 tid,
	struct thread *from, bool copy_tp, struct thread **out);
void thread_discard(struct thread *t, struct as *as); /* one that never ran */
void thread_start(struct thread *t);
void thread_update(struct thread *t); /* after a change of what decides whether it runs */
void thread_adopt(struct thread *t, struct process *p); /* the current process's, by exec */
NORETURN void thread_replace(struct thread *new, struct as *dead_as);
/* Robust list, child-tid word, pages; the current thread in its own AS. */
void thread_release_user(struct thread *t, bool as_dies);
int thread_check(const struct weft_thread_new *n);

/* process.c */
extern struct process kernel_process, *init_process;
void process_attach(struct process *p, struct process *parent); /* now it can be found */
i32 fd_install_from(struct process *p, struct object *o, u32 rights, u32 flags, u32 from);
i64 fd_describe(struct process *p, i32 fd, u64 user); /* writes its struct weft_fd_info */
/* A record of a fixed size by a pointer and the size that the caller thinks it has. */
static inline int copy_record(void *to, u64 size, u64 from, u64 said)
{
	return said == size ? copy_from_user(to, from, size) : -EINVAL;
}
bool runtime_valid(const struct weft_runtime *rt);
struct process *process_new(const char *name);
int set_name(char name[16], u64 from, u64 len);
u32 exit_code(u32 status); /* CLD_* of a wait status */
void process_set_page(struct process *p, struct frame *f, u64 addr);
void process_write_page(struct process *p); /* after a change of what it tells */
struct as *process_leave_as(struct process *p);
struct as *process_finish(struct process *p); /* its last thread dies; -> what is to be put later */
void process_end(struct process *p);	      /* then: tells the parent; may free p */
void vfork_release(struct process *p);
void process_reap(struct process *p);
void process_stop(struct process *p, u32 signo);
void process_cont(struct process *p);
void process_check_stopped(struct process *p);
void cpu_limit_arm(struct process *p);			   /* timerfd.c: by its limits */
int process_get(i32 fd, u32 rights, struct process **out); /* -1: the current one; referenced */
int page_install(struct as *as, u64 addr, const void *copy, struct frame **out);
void page_remove(struct as *as, u64 addr, struct frame *f, bool unmap);

/* futex.c */
u32 futex_wake_addr(u64 addr, u32 n); /* private and shared, in the current address space */
void robust_walk(struct thread *t);

/* signal.c */
void sigq_drop(struct sigq *q, u64 mask);
void sigq_move(struct sigq *to, struct sigq *from); /* what was in `to` is lost; `from` ends */
i64 signal_take(struct thread *t, u64 mask, struct weft_siginfo *out); /* -> signal or 0 */
void signal_retarget(struct process *p);
u64 signal_blocked(const struct thread *t);
/* 0: there may be one. */
int signal_wait(struct thread *t, u64 mask, u64 deadline);

/* sigobj.c, timerfd.c, counter.c, fence.c */
create_fn counter_create, fence_create, signals_create, timer_create_object;
void signals_notify(u64 bit);
void timers_clock_set(void);

/* identity.c */
void identity_hold(struct identity *i);
void identity_set(struct identity **at, struct identity *i); /* instead of the one there */

#endif
