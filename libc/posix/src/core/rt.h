/* SPDX-License-Identifier: MIT */
/*
 * The runtime's own structures. Nothing here is global: the blob's data is shared by every process and read-only.
 * The thread page is at GS:0; struct rt_thread is in it. struct rt_proc is reached through the process page. A child
 * that shares our memory without being a thread (vfork) has its own copies of all three.
 */
#ifndef RT_H
#define RT_H

#include <weft/types.h>
#include <weft/errno.h>
#include <weft/object.h>
#include <weft/thread.h>
#include <weft/mem.h>
#include <weft/event.h>
#include <weft/scheme.h>
#include <weft/chan.h>
#include <weft/sys.h>
#include <posix/start.h>
#include "asm.h"
#include "native.h"
#include "linux.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define ALIGN_UP(x, a) (((x) + (a)-1) & ~((u64)(a)-1))
#define ALIGN_DOWN(x, a) ((x) & ~((u64)(a)-1))
#define MIN(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ < b_ ? a_ : b_; })
#define MAX(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ > b_ ? a_ : b_; })
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* The program's registers at the top of the runtime stack. orig is the call's number, -1 outside of calls. */
struct rt_frame {
	struct weft_regs regs;
	i64 orig;
	u64 pad;
};
_Static_assert(sizeof(struct rt_frame) == FRAME_SIZE, "frame");

#define RT_TRACE 0x1u /* in the first byte of tp->rt: entry.S tests it */

struct rt_thread { /* tp->rt; the first 64 bytes come from the creator (weft_thread_new.tp_rt) */
	u32 flags;
	u32 slot;
	u64 child_tid;	/* where rt_child_begin writes the tid, or 0 */
	u64 robust, robust_len;
	u32 sched_policy, sched_prio;
	i32 nice;
	u32 pad;
	u64 reserved[2];
	/* not copied */
	u64 alt_sp, alt_size;
	u32 alt_flags;
	u32 have_saved_mask;
	u64 saved_mask;		/* what the mask goes back to after sigsuspend, ppoll ... */
	u64 restart_deadline;	/* restart_syscall */
	u64 restart_args[4];
	u32 restart_kind;
	u32 pdeathsig;
	char name[16];
};
enum rt_restart { RESTART_NONE, RESTART_SLEEP, RESTART_POLL, RESTART_FUTEX };
_Static_assert(offsetof(struct rt_thread, alt_sp) == 64, "the creator's part");
_Static_assert(sizeof(struct rt_thread) <= 3072, "fits the thread page");

/* A mutex on native futexes: 0 free, 1 held, 2 held and waited for. */
typedef struct {
	u32 word;
} rt_lock;
void rt_lock_take(rt_lock *l);
void rt_lock_drop(rt_lock *l);

struct rt_action {
	u64 handler, flags, restorer, mask;
};

struct rt_mount {
	i32 at, root;	     /* private fds; at is -1 for the root mount and for free entries */
	u64 scheme, node;    /* of the mount point: the key */
	u64 mounted, top;    /* scheme number of what is mounted, and the node of its root */
	u32 flags, id;
	char fstype[20], source[32], path[64];
};
#define RT_MOUNTS 24
#define RT_SCHEMES 32

struct rt_live { /* a file whose size the kernel is asked for: by an fd of its memory that can do nothing else */
	u64 node;
	i32 fd;
	u32 pad;
};
#define RT_LIVE 4

struct rt_template { /* path/reopen.c */
	u64 node; /* 0: free */
	u32 mode, uid, gid, flags;
	i32 fd; /* -1: opened once */
	u32 pad;
};
#define RT_TEMPLATES 4

struct rt_place { /* a directory handle as the name cache knows it */
	u64 scheme, node;
	u32 set, known;
};

struct rt_timer { /* timer_create */
	i32 fd;	      /* private timer object; -1 free */
	i32 signo, notify;
	u32 tid;
	u64 value;
	i32 clock;
	u32 overrun;
};
#define RT_TIMERS 64

struct rt_shm { /* one shmat */
	u64 addr, len;
	i32 id;
	u32 pad;
};
#define RT_SHMS 64

struct rt_inotify {
	u64 object; /* number of the receiving end; 0 free */
	i32 sender; /* private fd */
	u32 next;
};
#define RT_INOTIFIES 16
#define RT_LOCKED 8
#define RT_SOCKOPTS 64
struct rt_dgram { /* whom a connected datagram socket sends to */
	u64 object; /* the socket's number; 0 free */
	i32 fd;	    /* private: the other's sender end */
	u32 name_len;
	u8 name[110]; /* the socket's own */
};
#define RT_DGRAMS 4
struct rt_sockopt {
	u64 object; /* 0: free */
	u32 level, name;
	u64 value[2];
};
#define RT_INETS 64

/* Process state, in a slot's state area. Locks are taken in the order of their declaration, and all of them by fork. */
struct rt_proc {
	rt_lock fs_lock; /* cwd, root, umask, mounts */
	rt_lock mm_lock; /* brk, shm */
	rt_lock sig_lock; /* act, ignored: writers; readers of one action copy it under the lock */
	rt_lock timer_lock;
	rt_lock misc_lock;
	u32 slot_hint; /* word of slot_used to look at first */
	u64 slot_used[POSIX_SLOTS / 64];

	struct rt_action act[65];
	u64 ignored; /* signals whose action is to do nothing */

	i32 root, cwd, exe, runtime, time_page, proc, ipc, net, trace;
	u32 umask;
	u32 flags; /* POSIX_START_* */
	u32 names_len; /* of the namespace's list when the program began */
	u32 nmounts, next_mount_id;
	struct rt_mount mounts[RT_MOUNTS];

	i64 cache; /* address of the name cache; 0: not asked for yet, -1: there is none */
	u64 cache_scheme;
	i32 cache_fd; /* its memory object, or -1 */
	struct rt_place root_place, cwd_place;
	struct rt_live live[RT_LIVE]; /* under fs_lock; not inherited */
	u32 live_next;
	struct rt_template templates[RT_TEMPLATES]; /* likewise */
	u32 template_next;
	u32 ntemplates; /* 0: none has a handle */

	u64 brk_start, brk_end, brk_limit;
	u64 stack_top, stack_bottom;
	u64 arg_start, arg_end, env_start, env_end, auxv, code_start, code_end, data_start, data_end;
	struct posix_rlimit limits[16];
	struct rt_shm shm[RT_SHMS];

	i32 itimer_fd[3];
	struct rt_timer timers[RT_TIMERS];
	struct rt_inotify inotify[RT_INOTIFIES];

	u32 nlocked; /* files with record locks of ours; over RT_LOCKED: any */
	struct {
		u64 scheme, node;
	} locked[RT_LOCKED];

	u64 uid_cache; /* (identity number + 1) << 32 | uid, for siginfo */
	struct rt_sockopt sockopt[RT_SOCKOPTS];
	u32 sockopt_next;
	struct rt_dgram dgram[RT_DGRAMS];
	u32 dgram_next;
	bool tracing; /* it has attached to a process: a wait asks for its tracees too */
	bool sock_special; /* some socket has SO_PASSCRED or a timeout */
	u64 inet[RT_INETS]; /* socket object << 8 | family: of AF_INET sockets without a name yet */
	u32 inet_next;

	u32 xsave_size; /* 0: FXSAVE only */
	u64 xsave_mask;
	u32 personality, dumpable, keepcaps, securebits, no_new_privs, thp_disable, timerslack, mce_kill, io_flusher;
	u32 unserved_told[16]; /* calls already reported, by number */
	char exe_path[256];
	char comm[16];
};
_Static_assert(sizeof(struct rt_proc) <= POSIX_STATE_SIZE, "process state");

static inline struct weft_tp *rt_tp(void)
{
	struct weft_tp *t;
	asm("mov %%gs:0, %0" : "=r"(t));
	return t;
}
static inline struct weft_pp *rt_pp(void)
{
	struct weft_pp *p;
	asm("mov %%gs:0x40, %0" : "=r"(p));
	return p;
}
static inline struct rt_thread *rt_thread(void)
{
	return (struct rt_thread *)rt_tp()->rt;
}
static inline struct rt_proc *rt_proc(void)
{
	return *(struct rt_proc **)rt_pp()->rt;
}
static inline struct rt_frame *rt_frame(void)
{
	return (struct rt_frame *)(rt_tp()->rt_stack - FRAME_SIZE);
}

/* user.S. Pointers are the program's: they may be anything. */
u64 rt_copy(void *dst, const void *src, u64 n);
u64 rt_clear(void *dst, u64 n);
i64 rt_copy_string(char *dst, const char *src, u64 max);
i64 rt_string_length(const char *s, u64 max);
int rt_xsave(void *area, u64 mask);
int rt_xrstor(const void *area, u64 mask);
int rt_fxsave(void *area);
int rt_fxrstor(const void *area);
void *memcpy(void *d, const void *s, size_t n);
void *memmove(void *d, const void *s, size_t n);
void *memset(void *d, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);

static inline int copy_in(void *dst, u64 user, u64 n)
{
	return rt_copy(dst, (const void *)user, n) ? -EFAULT : 0;
}
static inline int copy_out(u64 user, const void *src, u64 n)
{
	return rt_copy((void *)user, src, n) ? -EFAULT : 0;
}

#define EX_TABLE(from, to) \
	".pushsection .ex_table,\"a\"\n.align 4\n.long " from " - .\n.long " to " - .\n.popsection\n"
#define DEFINE_GET(bits, ins, reg)                                                                 \
	static inline int get_u##bits(u##bits *v, u64 user)                                        \
	{                                                                                          \
		u##bits r;                                                                         \
		asm goto("1: " ins " (%1), %" reg "0\n" EX_TABLE("1b", "%l[fault]")                \
			 : "=r"(r)                                                                 \
			 : "r"(user)                                                               \
			 : "memory"                                                                \
			 : fault);                                                                 \
		*v = r;                                                                            \
		return 0;                                                                          \
	fault:                                                                                     \
		return -EFAULT;                                                                    \
	}                                                                                          \
	static inline int put_u##bits(u64 user, u##bits v)                                         \
	{                                                                                          \
		asm goto("1: " ins " %" reg "0, (%1)\n" EX_TABLE("1b", "%l[fault]")                \
			 :                                                                         \
			 : "r"(v), "r"(user)                                                       \
			 : "memory"                                                                \
			 : fault);                                                                 \
		return 0;                                                                          \
	fault:                                                                                     \
		return -EFAULT;                                                                    \
	}
/* One load or store that may fault, of each width. */
DEFINE_GET(8, "movb", "b")
DEFINE_GET(16, "movw", "w")
DEFINE_GET(32, "movl", "k")
DEFINE_GET(64, "movq", "q")

/* core/lib.c */
void rt_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int rt_format(char *buf, size_t n, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void rt_string_set(char *dst, size_t n, const char *src);
int rt_string_eq(const char *a, const char *b);
void rt_die(u32 wait_status) __attribute__((noreturn));
u64 rt_now(void);	   /* monotonic ns */
u64 rt_realtime_off(void); /* realtime - monotonic */
i64 rt_fd_info(int fd, struct weft_fd_info *info);
int rt_private(i64 fd); /* moves a numbered fd to the private table (cloexec off) -> private fd */

/* core/signal.c */
#define SIGBIT(n) (1ul << ((n)-1))
#define UNBLOCKABLE (SIGBIT(SIGKILL) | SIGBIT(SIGSTOP))
void rt_deliver(struct rt_frame *f);
void rt_set_mask(u64 mask);
int rt_push_mask(u64 user_mask, u64 size); /* for ppoll and its like: 0 pointer does nothing */
void rt_pop_mask(i64 result);
void rt_force_signal(struct rt_frame *f, int signo, const struct weft_siginfo *si);
bool rt_signal_ignored(const struct rt_proc *p, int signo);
void rt_siginfo_linux(struct linux_siginfo *out, const struct weft_siginfo *si);
void rt_siginfo_native(struct weft_siginfo *out, const struct linux_siginfo *in);
void rt_signals_reset_for_exec(struct rt_proc *p);
void rt_update_ignored(struct rt_proc *p);
static inline u64 rt_pending(void)
{
	return __atomic_load_n(&rt_tp()->pending, __ATOMIC_ACQUIRE) |
	       __atomic_load_n(&rt_pp()->pending, __ATOMIC_ACQUIRE);
}
/* A result of a native call that was interrupted becomes `code` (ERESTART*). */
static inline i64 rt_intr(i64 r, int code)
{
	return r == -EINTR ? -(i64)code : r;
}

/* core/sigframe.c */
int rt_frame_push(struct rt_frame *f, int signo, const struct weft_siginfo *si, const struct rt_action *act, u64 mask);
int rt_frame_pop(struct rt_frame *f, u64 *mask);

/* core/strace.c */
i64 rt_traced_call(struct rt_frame *f);
void rt_trace_signal(int signo);
void rt_trace_fault(const struct rt_frame *f, const struct weft_upcall *u);

extern const u8 rt_ex_table[], rt_ex_table_end[];
extern const u8 rt_begin[], rt_entry[], rt_upcall[], rt_fault[], rt_child[], rt_tail_start[], rt_tail_end[], rt_image[],
	rt_image_end[], rt_code_end[], rt_vdso[], rt_vdso_end[];
typedef i64 (*rt_call_fn)(u64, u64, u64, u64, u64, u64);
extern const rt_call_fn rt_call_table[RT_CALLS];
i64 rt_unserved(u64 nr);

bool rt_sock_passcred(u64 object);
bool rt_sock_listening(i32 fd);
u32 rt_own_pgid(void);
i64 rt_trace_wait(u32 which, i32 id, u64 options, u32 *status); /* -> pid of a tracee; 0: none has stopped */
i64 rt_ask_proc(u32 op, u64 a, u64 b, u64 c, u64 d, struct weft_buf *buf); /* one of native/procproto.h */
i64 rt_map_device(i32 fd, u64 addr, u64 len, u32 f, u64 off);

/* proc/ */
void rt_child_begin(struct rt_proc *ps, struct rt_frame *f);
i64 rt_pi_lock(u64 addr, u32 private, u32 clock, i64 deadline, bool try);
i64 rt_pi_unlock(u64 addr, u32 private);
void rt_prio_restore(void); /* the thread's priority becomes its own again */
i64 rt_slot_take(bool process); /* -> slot number with its stack (and state area) mapped */
void rt_slot_release(u32 slot);
void rt_locks_take(struct rt_proc *p);
void rt_locks_drop(struct rt_proc *p);
int rt_load_program(struct rt_proc *p, const struct posix_start *s, struct rt_frame *f);
void rt_runtime_record(struct weft_runtime *r);

#endif
