/* SPDX-License-Identifier: MIT */
/*
 * Processes, threads, the thread page, reflection and upcalls.
 *
 * Every thread has a thread page: one page, shared with the kernel, at an address in its address
 * space that GS points to. Every Linux system call number is reflected: the kernel stores the
 * return address and flags in ret_rip and ret_rflags, and enters the runtime at weft_runtime.entry
 * with all registers as they were but rcx and r11, interrupts on, other flags clean.
 *
 * Upcalls: when a thread that runs outside [start, end) of its runtime has a signal in (pending |
 * process pending) & ~blocked, or causes a CPU fault, the kernel stores its registers in
 * tp->program and enters weft_runtime.upcall. Inside the runtime, signals wait: its exit tail
 * [tail_start, tail_end) is restartable: a thread stopped in it with a signal pending is put back
 * to tail_start, which loads both pending words again. A fault inside the runtime is stored in
 * tp->runtime and enters weft_runtime.fault (for its fix-up table). rcx, rsp and the rest are as at
 * the fault: the entry must not use the user stack.
 */
#ifndef WEFT_THREAD_H
#define WEFT_THREAD_H

#include <weft/types.h>

struct weft_regs {
	u64 rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
	u64 r8, r9, r10, r11, r12, r13, r14, r15;
	u64 rip, rflags;
};

enum weft_cause {
	WEFT_CAUSE_NONE,
	WEFT_CAUSE_SIGNAL, /* look at the pending words */
	WEFT_CAUSE_PAGE,   /* nothing mapped there: SIGSEGV SEGV_MAPERR */
	WEFT_CAUSE_ACCESS, /* mapped, but not so: SIGSEGV SEGV_ACCERR */
	WEFT_CAUSE_BEYOND, /* beyond the end of the memory object, or its pager failed: SIGBUS
			      BUS_ADRERR */
	WEFT_CAUSE_OOM,	   /* no memory for the page: SIGBUS / SIGKILL by the runtime's policy */
	WEFT_CAUSE_CPU,	   /* exception `vector` with `error` */
};
struct weft_upcall {
	struct weft_regs regs;
	u32 cause;   /* enum weft_cause */
	u32 vector;  /* x86 vector for faults */
	u64 error;   /* x86 error code */
	u64 address; /* CR2 for page faults */
};

struct weft_tp {
	u64 self;	/* 0x00 user address of this page */
	u64 ret_rip;	/* 0x08 reflection: return address */
	u64 ret_rflags; /* 0x10 */
	u64 scratch[2]; /* 0x18 the runtime's: user rsp while inside, and one more */
	u64 rt_stack;	/* 0x28 the runtime's: top of its stack for this thread */
	u64 blocked;	/* 0x30 written by the runtime: bit n-1 is signal n */
	u64 pending;	/* 0x38 written by the kernel (atomically) */
	u64 proc_page;	/* 0x40 user address of the process page */
	u32 pid;	/* 0x48 written by the kernel, read by nobody who must trust it */
	u32 tid;	/* 0x4c */
	u32 cpu;	/* 0x50 kept by the kernel at every switch */
	u32 flags;	/* 0x54 */
	u64 reserved[5];
	struct weft_upcall program; /* 0x80 */
	struct weft_upcall runtime;
	u64 reserved2[70];
	u8 rt[3072]; /* 0x400: the runtime's own */
};
_Static_assert(sizeof(struct weft_tp) == 4096, "thread page");
_Static_assert(offsetof(struct weft_tp, program) == 0x80, "thread page layout");
_Static_assert(offsetof(struct weft_tp, runtime) == 0x128, "thread page layout");
_Static_assert(offsetof(struct weft_tp, rt) == 0x400, "thread page layout");

/* One per process, shared with the kernel. */
struct weft_pp {
	u64 self;
	u64 pending; /* process-wide pending signals */
	u32 pid, ppid;
	u32 identity; /* current identity number of the process (threads may differ) */
	u32 threads;
	u64 reserved[60];
	u8 rt[3584]; /* 0x200 the runtime's own */
};
_Static_assert(sizeof(struct weft_pp) == 4096, "process page");
_Static_assert(offsetof(struct weft_pp, rt) == 0x200, "process page layout");

struct weft_runtime {
	u64 start, end;
	u64 entry, upcall, fault;
	u64 tail_start, tail_end;
};

struct weft_thread_new {
	struct weft_regs regs;
	u64 fs_base;
	u64 tp; /* user address for its thread page: page aligned, must be free; the kernel maps it
		 */
	u64 clear_tid; /* u32 cleared and woken at death, or 0 */
	u64 robust;    /* robust list head, or 0 */
	u64 blocked;   /* first value of tp->blocked */
	u64 rt_stack;
	u8 tp_rt[64];		 /* copied to the start of tp->rt */
	i32 proc;		 /* process fd, or -1 */
	u32 flags;		 /* WEFT_THREAD_* */
	u32 prio;		 /* 0: the creator's */
	u64 free_addr, free_len; /* unmapped by the kernel at the thread's death (its runtime
				    stack), or 0 */
	u64 set_tid; /* u32 in the caller's memory that gets the tid before the thread runs, or 0 */
};
#define WEFT_THREAD_STOPPED 0x1u

enum weft_proc_flags {
	WEFT_PROC_COPY_AS = 0x1, /* copy-on-write copy of the caller's (fork) */
	WEFT_PROC_SHARE_AS =
		0x2, /* the caller's own (vfork, posix_spawn): needs another tp and pp */
	WEFT_PROC_COPY_FDS = 0x4, /* else both tables start empty */
	WEFT_PROC_VFORK = 0x10, /* the caller sleeps (uninterruptibly but by death) until the child
				   execs or exits */
	WEFT_PROC_FD = 0x20,	/* give back a process fd (private, cloexec unless FD_PUBLIC) */
	WEFT_PROC_FD_PUBLIC = 0x40, /* ... numbered: pidfd */
	WEFT_PROC_NO_PARENT = 0x80, /* not a child: nobody waits for it */
	WEFT_PROC_STOPPED = 0x100,
	WEFT_PROC_SIBLING = 0x200,   /* CLONE_PARENT: a child of the caller's parent; exit_signal is
					then the caller's own */
	WEFT_PROC_SHARE_FDS = 0x400, /* CLONE_FILES without CLONE_VM|CLONE_THREAD */
	WEFT_PROC_IMAGE = 0x800,     /* never to run: what a holder of its process fd with EXEC
					becomes by proc_exec */
};
/*
 * proc_create makes a process with one thread; with COPY_AS the tp page (and pp page) are private
 * copies at the same addresses: tp->rt is copied whole and thread.tp_rt is not applied. With
 * SHARE_AS the pp page starts as a copy of the caller's. The runtime (SET_RUNTIME) is inherited in
 * both.
 */
struct weft_proc_new {
	u32 flags;
	u32 exit_signal; /* posted to the parent at death, or 0 */
	i32 as; /* with neither COPY_AS nor SHARE_AS: address space fd, or -1 for a new empty one */
	i32 ns; /* namespace fd, or -1: the caller's */
	u64 pp; /* user address of the process page, or 0 for none */
	i32 proc_fd;	/* out */
	u32 identity;	/* used only with a resource WEFT_RES_IDENT in ident_auth; else the caller's
			   thread's */
	i32 ident_auth; /* resource fd or -1 */
	u32 nfds;	/* with neither COPY_FDS nor SHARE_FDS: fds to give */
	u64 fds;	/* struct weft_fd_give[nfds] */
	char name[16];
	struct weft_thread_new
		thread; /* its proc is ignored; its tp 0: no thread page, no runtime */
};
struct weft_fd_give {
	i32 fd; /* the caller's */
	i32 to; /* number in the child: numbered or WEFT_FD_PRIVATE + n */
	u32 rights;
	u32 flags; /* WEFT_DUP_CLOEXEC, WEFT_DUP_NOFORK */
};

/*
 * proc_exec: the calling process goes on in address space `as` with one thread, which keeps the pid
 * as tid. With BECOME `as` is the process fd of an image: its address space, private fds, identity,
 * name and first thread are taken as they are, and nothing else of this record counts. -EPERM
 * unless the image's namespace is within the caller's. From then on the process is guarded: only
 * process fds with GUARDED control or signal it.
 */
#define WEFT_EXEC_BECOME 0x1u
struct weft_exec {
	i32 as;
	u32 flags;
	u64 pp;
	struct weft_runtime runtime;
	struct weft_thread_new thread;
	char name[16];
};

enum weft_proc_op {
	WEFT_PROC_SET_RUNTIME, /* a: struct weft_runtime * */
	WEFT_PROC_INFO,	       /* a: struct weft_proc_info * */
	WEFT_PROC_KILL,	       /* dies with wait status a, without cooperation */
	WEFT_PROC_STOP, /* all threads stop at the next kernel exit; a: stop signal for wait */
	WEFT_PROC_CONT,
	WEFT_PROC_SET_IDENTITY, /* a: number, b: authority fd (WEFT_RES_IDENT), c: tid or 0 for all
				   threads */
	WEFT_PROC_SET_NAME,	/* a: bytes, b: length */
	WEFT_PROC_GRANT_PORTS,	/* a: resource fd WEFT_RES_PORTS: user-mode in/out on it */
	WEFT_PROC_LIMIT, /* a: enum weft_limit, b: new or -1 -> old. By the process fd also the
			    bound up to which the process itself may set it later (-EPERM above).
			    CPU_NS: SIGXCPU is posted at the limit and after each second more */
	WEFT_PROC_OPEN,	 /* proc = resource fd WEFT_RES_PROCS: a: pid -> process fd (private,
			    cloexec, GUARDED) */
	WEFT_PROC_LIST,	 /* proc = resource fd WEFT_RES_PROCS: a: u32 pids[], b: n -> count */
	WEFT_PROC_AS,	 /* -> fd of its address space (for /proc/pid/mem, maps; needs CONTROL) */
	WEFT_PROC_FDS, /* a: struct weft_fd_info *, b: fd -> 0; for /proc/pid/fd (needs CONTROL) */
	WEFT_PROC_GET_FD, /* a: fd of that process -> duplicate here (needs CONTROL): pidfd_getfd,
			     /proc/pid/fd */
	WEFT_PROC_EVENTS, /* proc = resource fd WEFT_RES_PROCS: -> fd of kind CHANNEL seqpacket that
			     yields struct weft_proc_event */
	WEFT_PROC_THREADS,   /* a: u32 tids[], b: n -> count */
	WEFT_PROC_SUBREAPER, /* a: 0/1 */
	WEFT_PROC_FD_LIST, /* a: i32 *, b: n -> number of numbered fds (fills at most n, ascending)
			    */
	WEFT_PROC_RELEASE_VFORK, /* own process: wakes the parent that waits in VFORK */
	WEFT_PROC_SET_PDEATHSIG, /* a: signal */
	WEFT_PROC_SET_AUTOREAP,	 /* own process, a: 0/1: children that exit are reaped at once
				    (SIGCHLD ignored, SA_NOCLDWAIT); the signal is posted all the
				    same */
};
struct weft_usage {
	u64 user_ns, system_ns, max_resident;
	u64 faults_minor, faults_major, switches_voluntary, switches_forced;
};
struct weft_proc_info {
	u32 pid, ppid, identity, threads;
	u32 state; /* 'R' 'S' 'D' 'T' 'Z' */
	u32 exit_status;
	u32 nfds, flags;
	u64 start_ns;
	struct weft_usage used, children;	  /* children: of those waited for */
	u64 mem_mapped, mem_resident, mem_shared; /* bytes */
	u64 pending;				  /* for the process as a whole */
	char name[16];
};
struct weft_proc_event {
	u32 what; /* 1 created, 2 exec, 3 exited, 4 identity changed */
	u32 pid, ppid, arg;
};
enum weft_limit {
	WEFT_LIMIT_AS,
	WEFT_LIMIT_FDS,
	WEFT_LIMIT_THREADS,
	WEFT_LIMIT_RESIDENT,
	WEFT_LIMIT_SIGNALS,
	WEFT_LIMIT_CPU_NS,
	WEFT_LIMIT_COUNT
};

/* proc_wait: which/id as waitid's: 0 any, 1 pid, 2 process group, 3 process fd. Options are Linux's
 * WNOHANG 1, WSTOPPED 2, WEXITED 4, WCONTINUED 8, WNOWAIT 0x1000000. */
struct weft_exit {
	u32 pid;
	u32 status;		/* Linux wait status word */
	u32 uid, code;		/* real uid; CLD_* */
	struct weft_usage used; /* with its own children's */
};

enum weft_thread_op {
	WEFT_THREAD_GET_REGS, /* a: struct weft_regs *: only a stopped thread of another, or self
				 never */
	WEFT_THREAD_SET_REGS,
	WEFT_THREAD_STOP,
	WEFT_THREAD_START,
	WEFT_THREAD_SET_FS, /* a: base (canonical, user): own thread */
	WEFT_THREAD_GET_FS,
	WEFT_THREAD_SET_CLEAR_TID, /* a: address */
	WEFT_THREAD_SET_ROBUST,	   /* a: head */
	WEFT_THREAD_SET_PRIO,	   /* a: enum weft_prio value 1..31; above the process's ceiling is
				      -EPERM */
	WEFT_THREAD_GET_PRIO,
	WEFT_THREAD_SET_AFFINITY, /* a: mask; empty after masking with the CPUs there are: -EINVAL
				   */
	WEFT_THREAD_GET_AFFINITY,
	WEFT_THREAD_INFO,	     /* a: struct weft_thread_info * */
	WEFT_THREAD_SET_NAME,	     /* a: bytes, b: length */
	WEFT_THREAD_SIGMASK_CHANGED, /* the thread has blocked signals: process-wide ones queued on
					it are given to another */
};
struct weft_thread_info {
	u32 tid, pid, state, cpu, prio, identity;
	struct weft_usage used; /* no faults: they are the process's */
	u64 pending, blocked, affinity, rip, rsp;
	char name[16];
};
enum weft_prio {
	WEFT_PRIO_IDLE = 1,
	WEFT_PRIO_LOW = 8,
	WEFT_PRIO_NORMAL = 16,
	WEFT_PRIO_INTERACTIVE = 20,
	WEFT_PRIO_DRIVER = 24,
	WEFT_PRIO_RT = 28,
	WEFT_PRIO_MAX = 31
};

/* Linux's siginfo_t is made from this by the runtime. 48 bytes used of it. */
struct weft_siginfo {
	u32 signo;
	i32 code;
	u32 pid, uid;
	i32 status; /* SIGCHLD; timer id for SI_TIMER */
	i32 overrun;
	u64 value;
	u64 addr;
};

/* Passed in rdi to the first process (its stack holds it). Its numbered fds 0, 1, 2 are the
 * console. */
struct weft_start {
	i32 self;     /* process fd */
	i32 resource; /* root resource: all authorities */
	i32 ns;	      /* its namespace, with CONTROL */
	i32 boot;     /* memory object: the boot archive(s), cpio newc, as loaded */
	u64 boot_size;
	u64 cmdline;	 /* NUL-terminated */
	i32 time_page;	 /* memory object: struct weft_time_page, read-only */
	i32 firmware_fb; /* memory object of the firmware's frame buffer, or -1 */
};

#endif
