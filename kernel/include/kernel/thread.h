/* SPDX-License-Identifier: MIT */
/*
 * Threads, processes, scheduling, blocking, signals words.
 */
#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

#include <kernel/object.h>
#include <kernel/arch.h>
#include <weft/thread.h>
#include <weft/scheme.h>

enum thread_state { T_READY, T_RUNNING, T_BLOCKED, T_STOPPED, T_DEAD };

/* A queue of blocked threads. */
struct waitq {
	struct list threads; /* thread.wait_link */
};
static inline void waitq_init(struct waitq *q)
{
	list_init(&q->threads);
}

/* Signals that wait for a thread or a process: pending is the truth, *mirror its copy in the thread
 * or process page, if there is one. */
struct sigq {
	struct list entries; /* struct sigentry */
	u32 n;
	u64 pending, *mirror;
};

struct identity {
	u32 refs, number;
	struct weft_identity id;
	struct list link;
};

struct request; /* ipc/request.h */

/* Timers (sched/timer.c): one heap under the BKL; callbacks run with the BKL held, in
 * interrupt context, must not block. Arming cannot fail. */
struct ktimer {
	u64 deadline;
	void (*fn)(struct ktimer *t);
	struct ktimer *left, *right, *parent;
	bool armed;
};

struct thread {
	struct object obj; /* WEFT_OBJ_NONE type: threads are named by tid; counted as threads */
	struct arch_thread arch; /* saved kernel rsp, fpu area, fs base, kernel stack top */
	struct process *proc;
	u32 tid;
	u8 state;
	u8 prio, base_prio;	    /* base, and with inheritance */
	bool killed;		    /* must die at the next chance */
	bool stop_wanted, stop_own; /* own: THREAD_STOP, besides the process's stop */
	bool queued, light;	    /* in a run queue; as it was queued: hardly uses the CPU */
	u32 cpu;		    /* where it runs or last ran */
	u64 affinity;
	struct list run_link;  /* run queue */
	struct list wait_link; /* waitq */
	struct list proc_link; /* process.threads */
	int wake_result;       /* what thread_block returns */
	struct ktimer sleep;
	u8 block_mode;	    /* enum block_mode */
	struct weft_tp *tp; /* the kernel's mapping of its thread page, or NULL */
	struct frame *tp_frame;
	u64 tp_addr;
	u64 clear_tid, robust;
	u64 free_addr, free_len;
	struct identity *ident;
	struct sigq sigq;
	struct request *req; /* its own, kept for reuse (ipc/request.c) */
	struct weft_usage used;
	u64 slice_end;
	struct list futex_link;
	u64 futex_key[2];
	u32 futex_bits;
	u32 ceiling;	 /* highest priority it may give itself */
	u64 sig_waiting; /* signals that sig_take or a SIGNALS object waits for */
	u64 sig_blocked; /* used where there is no thread page */
	u64 ready_since;
	u64 run_since, usage, usage_at; /* TSC: usage of CPU in the last 25 ms or so (runq.c) */
	struct as *dead_as;		/* of a dead thread: to be dropped when nobody runs on it */
	u8 linger_luck, linger_skip;	/* how well lingering went lately */
	char name[16];
};

struct process {
	struct object obj; /* WEFT_OBJ_PROCESS; readable (POLLIN) once it has exited */
	u32 pid;
	struct as *as;
	struct fds *fds;
	struct namespace *ns;
	struct identity *ident;
	struct process *parent;
	struct list children, sibling; /* children: process.sibling */
	struct list threads;
	u32 nthreads;
	struct list all_link;
	bool exiting, exited, stopped, stop_reported, subreaper, autoreap;
	bool image, guarded; /* WEFT_PROC_IMAGE; was made from one */
	u32 exit_status, stop_signal, exit_signal, pdeathsig;
	struct waitq wait_children; /* the parent's waiters in proc_wait */
	struct thread *vfork_waiter;
	struct weft_runtime rt;
	struct weft_pp *pp;
	struct frame *pp_frame;
	u64 pp_addr;
	struct sigq sigq;
	u64 *io_bitmap; /* granted ports or NULL */
	/* max: how far it may raise its own */
	u64 limits[WEFT_LIMIT_COUNT], limits_max[WEFT_LIMIT_COUNT];
	struct ktimer cpu_timer; /* of WEFT_LIMIT_CPU_NS */
	u64 cpu_next;		 /* CPU time at which SIGXCPU is posted */
	u64 start_ns;
	struct weft_usage used, children_used;
	u64 log_next;		    /* how far its lines in the log are paid for */
	struct thread *exec_thread; /* it waits for the others to die */
	bool shares_as;		    /* its address space is another process's too */
	u32 stop_code; /* what proc_wait has to report: 0, CLD_STOPPED, CLD_CONTINUED */
	char name[16];
};

/* Per-CPU data, found through the kernel's GS (arch.h: this_cpu()). The first fields are read by
 * assembly. */
struct cpu {
	struct cpu *self;   /* 0 */
	u64 kstack;	    /* 8: top of the current thread's kernel stack */
	u64 scratch;	    /* 16 */
	struct weft_tp *tp; /* 24: current thread's page, or NULL */
	u64 rt_entry;	    /* 32: current process's runtime entry, or 0 */
	u64 reflected;	    /* 40: count */
	u64 scratch2;	    /* 48 */
	struct thread *current;
	struct thread *idle;
	u32 id, apic_id;
	u32 lock_depth;
	bool need_resched;
	struct as *as; /* loaded in CR3 */
	struct list runq[32];
	u32 run_bits; /* which queues are not empty */
	u32 nready;
	u64 user_ns, system_ns, idle_ns, irq_ns, switches, interrupts, ipis, shootdowns, syscalls;
	struct thread *direct; /* preferred by the next switch; it is in this CPU's run queue */
	u64 timer_at;	       /* what arch_timer_set was told */
	u64 tick_at; /* end of the slice, or when ready threads should be spread; WEFT_FOREVER: none
		      */
	u64 acct_stamp, hold_stamp; /* TSC */
	bool online;
	bool polling; /* looks at need_resched: no interrupt is needed to have it look for work */
	/* The current thread, if it has blocked and waits a while without leaving. */
	struct thread *linger;
	u32 hops; /* switches between address spaces since hops_since */
	u64 hops_since, poll_until;
	struct arch_cpu arch;
};
extern struct cpu *cpus[];
extern u32 ncpus;
static inline struct thread *current_thread(void)
{
	return this_cpu()->current;
}
static inline struct process *current_process(void)
{
	return this_cpu()->current->proc;
}

/* The big kernel lock (sched/bkl.c). Counts hold and wait times. A waiter answers TLB shootdowns.
 */
void bkl_lock(void);
void bkl_unlock(void);
/* For long copies: drop it, with everything used pinned, and take it again. Interrupts stay off. */
void bkl_drop(void);
void bkl_retake(void);

/*
 * Blocking (sched/sched.c). thread_block puts the current thread on q (may be NULL: only deadline
 * or wake) and switches away.
 * -> the waker's result; -ETIMEDOUT; -EINTR if interruptible and (a signal is pending and not
 * blocked, or the thread must die or stop). Not interruptible: only death ends it (-EINTR too,
 * killed is set) when `killable`.
 */
enum block_mode { BLOCK_UNKILLABLE, BLOCK_KILLABLE, BLOCK_INTERRUPTIBLE };
int thread_block(struct waitq *q, u64 deadline, enum block_mode mode);
/* A read or write that has to wait: 0: look again; -EAGAIN with WEFT_IO_NONBLOCK in flags; -EINTR.
 */
static inline int wait_io(struct waitq *q, u32 flags)
{
	return flags & WEFT_IO_NONBLOCK ? -EAGAIN
					: thread_block(q, WEFT_FOREVER, BLOCK_INTERRUPTIBLE);
}
/* Removes it from its queue; ignores one that is not blocked. */
void thread_wake(struct thread *t, int result);
/* Wakes and, at the next exit or block of this CPU, prefers it: the direct switch of IPC. */
void thread_wake_direct(struct thread *t, int result);
u32 waitq_wake(struct waitq *q, u32 n, int result); /* -> woken */
void sched_yield(void);
void sched_ready(struct thread *t);
void sched_set_prio(struct thread *t, u32 prio);
bool thread_interrupted(struct thread *t); /* signal deliverable, killed or stop wanted */
void sched_init(void);
void sched_start_cpu(void) NORETURN; /* idle loop of each CPU */

/* Threads and processes (sched/thread.c, sched/process.c). Created threads hold a ref to themselves
 * until dead. */
NORETURN void thread_exit_current(void);
/* Frees dead threads and their address spaces; not on their own stacks. */
void sched_reap(void);
struct thread *thread_find(struct process *p, u32 tid); /* no ref */
void process_kill(struct process *p, u32 status);
struct process *process_find(u32 pid); /* no ref */
extern struct list process_list;       /* all of them, by process.all_link */
void first_process_start(void);	       /* from boot data */
/* On the way to user mode with the BKL held: dies if killed, stops if wanted, prepares a signal
 * upcall. frame = the user's registers. */
void user_return_work(struct weft_regs *frame);
/* A fault of user code that the memory system could not resolve: upcall, or death of the process.
 */
void user_fault(struct weft_regs *frame, u32 cause, u32 vector, u64 error, u64 address);

/* Signals (sched/signal.c). */
struct sigentry {
	struct list link;
	struct weft_siginfo si;
};
/* t NULL: process-wide. */
int signal_post(struct process *p, struct thread *t, const struct weft_siginfo *si);
bool signal_deliverable(struct thread *t);

static inline u64 signal_pending(const struct thread *t)
{
	return t->sigq.pending | t->proc->sigq.pending;
}

/* Whether user_return_work has anything to do for the current thread t of c. */
static inline bool user_work_wanted(const struct cpu *c, struct thread *t)
{
	return t->killed | t->stop_wanted | c->need_resched ||
		(signal_pending(t) && signal_deliverable(t));
}

/* Identities (sched/identity.c). */
extern struct identity *identity_system;
struct identity *identity_get(u32 number); /* referenced, or NULL */
void identity_put(struct identity *i);

void ktimer_init(struct ktimer *t, void (*fn)(struct ktimer *t));
void ktimer_arm(struct ktimer *t, u64 deadline);
void ktimer_cancel(struct ktimer *t);
void ktimer_interrupt(void); /* runs what is due and programs the next */
u64 now_ns(void);	     /* monotonic */
extern u64 realtime_off;
void time_init(void); /* boot_info.entry_tsc is time 0 */
void time_set_realtime(u64 ns);
struct memobj *time_page_object(void);	   /* no reference taken */
u64 clock_ns(u32 clock, struct thread *t); /* enum weft_clock; CPU clocks of t or its process */
void usage_add(struct weft_usage *to, const struct weft_usage *more);
struct weft_usage thread_usage(struct thread *t);
struct weft_usage process_usage(struct process *p);
u64 process_cpu_ns(struct process *p);

/* Counters for sys_ctl(INFO): processes and threads are object_count[PROCESS] and [NONE]. */
extern u64 fork_count, load_avg[3], first_user_ns;
extern struct weft_lock_stats lock_stats;

#endif
