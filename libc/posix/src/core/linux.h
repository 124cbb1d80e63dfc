/* SPDX-License-Identifier: MIT */
/* The Linux x86-64 ABI as the runtime serves it: numbers and structures of the uAPI. */
#ifndef RT_LINUX_H
#define RT_LINUX_H

#include <weft/types.h>

enum {
	SIGHUP = 1, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1, SIGSEGV, SIGUSR2,
	SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGXCPU,
	SIGXFSZ, SIGVTALRM, SIGPROF, SIGWINCH, SIGIO, SIGPWR, SIGSYS, SIGRTMIN,
};
#define SIG_DFL 0ul
#define SIG_IGN 1ul
#define SA_NOCLDSTOP 0x1u
#define SA_NOCLDWAIT 0x2u
#define SA_SIGINFO 0x4u
#define SA_EXPOSE_TAGBITS 0x800u
#define SA_RESTORER 0x04000000u
#define SA_ONSTACK 0x08000000u
#define SA_RESTART 0x10000000u
#define SA_NODEFER 0x40000000u
#define SA_RESETHAND 0x80000000u
#define SA_KNOWN (SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_EXPOSE_TAGBITS | SA_RESTORER | SA_ONSTACK | SA_RESTART | SA_NODEFER | SA_RESETHAND)
#define SS_ONSTACK 1u
#define SS_DISABLE 2u
#define SS_AUTODISARM 0x80000000u
#define MINSIGSTKSZ 2048u
enum { SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK };

#define SI_USER 0
#define SI_KERNEL 0x80
#define SI_QUEUE (-1)
#define SI_TIMER (-2)
#define SI_TKILL (-6)
#define SEGV_MAPERR 1
#define SEGV_ACCERR 2
#define BUS_ADRALN 1
#define BUS_ADRERR 2
#define ILL_ILLOPN 2
#define FPE_INTDIV 1
#define FPE_FLTINV 7
#define TRAP_BRKPT 1
#define TRAP_TRACE 2
#define CLD_EXITED 1
#define CLD_KILLED 2
#define CLD_DUMPED 3
#define CLD_STOPPED 5
#define CLD_CONTINUED 6

struct linux_siginfo {
	i32 signo, errno_, code, pad0;
	union {
		struct { u32 pid, uid; u64 value; } rt;
		struct { i32 id, overrun; u64 value; } timer;
		struct { u32 pid, uid; i32 status; i32 pad; i64 utime, stime; } chld;
		struct { u64 addr; i16 lsb; } fault;
		struct { i64 band; i32 fd; } poll;
		u8 bytes[112];
	};
};
_Static_assert(sizeof(struct linux_siginfo) == 128, "siginfo_t");

struct linux_stack {
	u64 sp;
	i32 flags, pad;
	u64 size;
};
struct linux_sigcontext {
	u64 r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
	u16 cs, gs, fs, ss;
	u64 err, trapno, oldmask, cr2, fpstate, reserved[8];
};
struct linux_ucontext {
	u64 flags, link;
	struct linux_stack stack;
	struct linux_sigcontext mc;
	u64 sigmask;
};
struct linux_sigframe {
	u64 pretcode;
	struct linux_ucontext uc;
	struct linux_siginfo info;
};
_Static_assert(sizeof(struct linux_sigcontext) == 256, "sigcontext");
_Static_assert(offsetof(struct linux_ucontext, sigmask) == 296, "ucontext");
_Static_assert(sizeof(struct linux_sigframe) == 440, "rt_sigframe");
#define UC_FP_XSTATE 0x1u
#define UC_SIGCONTEXT_SS 0x2u
#define UC_STRICT_RESTORE_SS 0x4u
#define FP_XSTATE_MAGIC1 0x46505853u
#define FP_XSTATE_MAGIC2 0x46505845u
struct linux_fpx_sw {
	u32 magic1, extended_size;
	u64 xfeatures;
	u32 xstate_size, pad[7];
};
_Static_assert(sizeof(struct linux_fpx_sw) == 48, "fpx_sw_bytes");

struct timespec64 {
	i64 sec, nsec;
};
struct timeval64 {
	i64 sec, usec;
};
struct itimerval64 {
	struct timeval64 interval, value;
};
struct itimerspec64 {
	struct timespec64 interval, value;
};

/* open */
#define O_ACCMODE 3u
#define O_RDONLY 0u
#define O_WRONLY 1u
#define O_RDWR 2u
#define O_CREAT 0100u
#define O_EXCL 0200u
#define O_NOCTTY 0400u
#define O_TRUNC 01000u
#define O_APPEND 02000u
#define O_NONBLOCK 04000u
#define O_DSYNC 010000u
#define O_ASYNC 020000u
#define O_DIRECT 040000u
#define O_LARGEFILE 0100000u
#define O_DIRECTORY 0200000u
#define O_NOFOLLOW 0400000u
#define O_NOATIME 01000000u
#define O_CLOEXEC 02000000u
#define O_SYNC 04010000u
#define O_PATH 010000000u
#define O_TMPFILE 020200000u
#define AT_FDCWD (-100)
#define AT_SYMLINK_NOFOLLOW 0x100u
#define AT_EACCESS 0x200u
#define AT_REMOVEDIR 0x200u
#define AT_SYMLINK_FOLLOW 0x400u
#define AT_NO_AUTOMOUNT 0x800u
#define AT_EMPTY_PATH 0x1000u
#define AT_STATX_SYNC_TYPE 0x6000u
#define PATH_MAX 4096

#define S_IFMT 0170000u
#define S_IFSOCK 0140000u
#define S_IFLNK 0120000u
#define S_IFREG 0100000u
#define S_IFBLK 0060000u
#define S_IFDIR 0040000u
#define S_IFCHR 0020000u
#define S_IFIFO 0010000u

struct linux_stat {
	u64 dev, ino, nlink;
	u32 mode, uid, gid, pad0;
	u64 rdev;
	i64 size, blksize, blocks;
	struct timespec64 atime, mtime, ctime;
	i64 unused[3];
};
_Static_assert(sizeof(struct linux_stat) == 144, "struct stat");
struct linux_statx_time {
	i64 sec;
	u32 nsec;
	i32 pad;
};
struct linux_statx {
	u32 mask, blksize;
	u64 attributes;
	u32 nlink, uid, gid;
	u16 mode, pad0;
	u64 ino, size, blocks, attributes_mask;
	struct linux_statx_time atime, btime, ctime, mtime;
	u32 rdev_major, rdev_minor, dev_major, dev_minor;
	u64 mnt_id;
	u32 dio_mem_align, dio_offset_align;
	u64 spare[12];
};
_Static_assert(sizeof(struct linux_statx) == 256, "struct statx");
struct linux_statfs {
	i64 type, bsize;
	u64 blocks, bfree, bavail, files, ffree;
	i32 fsid[2];
	i64 namelen, frsize, flags, spare[4];
};
_Static_assert(sizeof(struct linux_statfs) == 120, "struct statfs");

struct linux_rusage {
	struct timeval64 utime, stime;
	i64 maxrss, ixrss, idrss, isrss, minflt, majflt, nswap, inblock, oublock, msgsnd, msgrcv, nsignals, nvcsw, nivcsw;
};

/* clone */
#define CLONE_VM 0x100u
#define CLONE_FS 0x200u
#define CLONE_FILES 0x400u
#define CLONE_SIGHAND 0x800u
#define CLONE_PIDFD 0x1000u
#define CLONE_PTRACE 0x2000u
#define CLONE_VFORK 0x4000u
#define CLONE_PARENT 0x8000u
#define CLONE_THREAD 0x10000u
#define CLONE_NEWNS 0x20000u
#define CLONE_SYSVSEM 0x40000u
#define CLONE_SETTLS 0x80000u
#define CLONE_PARENT_SETTID 0x100000u
#define CLONE_CHILD_CLEARTID 0x200000u
#define CLONE_DETACHED 0x400000u
#define CLONE_UNTRACED 0x800000u
#define CLONE_CHILD_SETTID 0x1000000u
#define CLONE_NEW_ANY 0x7e020080u /* namespaces of every sort */
#define CLONE_CLEAR_SIGHAND 0x100000000ul
#define CLONE_INTO_CGROUP 0x200000000ul

#define WNOHANG 1u
#define WUNTRACED 2u
#define WSTOPPED 2u
#define WEXITED 4u
#define WCONTINUED 8u
#define WNOWAIT 0x1000000u
#define W_NOTHREAD 0x20000000u
#define W_ALL 0x40000000u
#define W_CLONE 0x80000000u

enum { RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE, RLIMIT_RSS, RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_AS, RLIMIT_LOCKS,
	RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_RTPRIO, RLIMIT_RTTIME, RLIMIT_COUNT };
#define RLIM_INFINITY (~0ul)

struct linux_iov {
	u64 base, len;
};

#endif
