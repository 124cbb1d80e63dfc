/* SPDX-License-Identifier: MIT */
/*
 * How a POSIX process begins. Whoever starts one (init's spawn, or execve in the runtime) does the same thing:
 *
 *   1. an empty address space, into which the runtime's blob (a memory object with the file's bytes) is mapped
 *      READ|EXEC, SHARED, FIXED at WEFT_RT_MIN; the time page READ, SHARED at POSIX_TIME_ADDR; a memory object that begins with
 *      struct posix_start, READ|WRITE, private, at POSIX_START_ADDR; and POSIX_STACK_SIZE bytes of anonymous memory
 *      READ|WRITE (MAP_RUNTIME|FIXED) at POSIX_SLOT(0) + POSIX_SLOT_STACK;
 *   2. a process with pp = POSIX_SLOT(0) + POSIX_SLOT_PP and one thread: tp = POSIX_SLOT(0) + POSIX_SLOT_TP, rt_stack and regs.rsp =
 *      POSIX_SLOT(0) + POSIX_SLOT_TP (the stack's top lies just below it), regs.rip = posix_blob.begin, regs.rdi = POSIX_START_ADDR,
 *      regs.rflags = 0x202, blocked = posix_start.blocked.
 *
 * The runtime registers itself, loads the program from `exe`, frees the start block and jumps to the program. It owns every private fd
 * named here. Numbered fds (0, 1, 2 ...) are the program's and are simply in the table.
 * A start block with a bad magic, an offset out of range or a program that cannot be loaded ends the process with SIGKILL's status.
 */
#ifndef POSIX_START_H
#define POSIX_START_H

#include <weft/types.h>

#define POSIX_START_ADDR (WEFT_RT_MIN + 0x01000000ul)
#define POSIX_START_MAX	 0x00c00000ul /* bytes of a start block */
#define POSIX_TIME_ADDR	 (WEFT_RT_MIN + 0x00800000ul)

/*
 * Thread n's pages: state, a hole as guard, stack, thread page, process page. pp and state only where a process begins (slot 0, and the
 * slot of a child that shares our address space). What the runtime itself maps lies below the kernel's pages, so that one range frees it.
 */
#define POSIX_SLOT_BASE	 (WEFT_RT_MIN + 0x10000000ul)
#define POSIX_SLOT_SIZE	 0x10000ul
#define POSIX_SLOTS	 16384u
#define POSIX_SLOT(n)	 (POSIX_SLOT_BASE + (n) * POSIX_SLOT_SIZE)
#define POSIX_SLOT_STATE 0x0ul
#define POSIX_STATE_SIZE 0x4000ul
#define POSIX_SLOT_STACK 0x5000ul
#define POSIX_STACK_SIZE 0x8000ul
#define POSIX_SLOT_TP	 0xd000ul
#define POSIX_SLOT_PP	 0xe000ul

/* First bytes of the blob. Addresses are absolute: it is linked for WEFT_RT_MIN. */
#define POSIX_BLOB_MAGIC 0x3130747274666557ul /* "Weftrt01" */
struct posix_blob {
	u64 magic;
	u64 size;	/* bytes to map, a multiple of the page size */
	u64 begin;
	u64 start, end, entry, upcall, fault, tail_start, tail_end; /* struct weft_runtime, in order but for begin */
	u64 vdso, vdso_size;
};

#define POSIX_START_MAGIC   0x74727374u
#define POSIX_START_VERSION 1u

struct posix_mount {
	i32 at;		/* handle of the mount point in the scheme above (keyed by its scheme and attr.ino), -1 for the root mount */
	i32 root;	/* handle of the root of what is mounted */
	u32 flags;	/* MS_RDONLY 1, MS_NOSUID 2, MS_NODEV 4, MS_NOEXEC 8 */
	char fstype[20];
	char source[32];
	char path[64];	/* where, for /proc/self/mountinfo and getcwd */
};

#define POSIX_START_SECURE 0x1u /* AT_SECURE: set-id */
#define POSIX_START_STRACE 0x2u /* traced from the first call (else WEFT_STRACE=1 in envp decides) */
#define POSIX_START_LOCKS  0x4u /* the process may hold record locks */
#define POSIX_START_NARROW 0x8u /* in a namespace smaller than the session's: set-id files are run as ordinary ones */

struct posix_rlimit {
	u64 cur, max;
};

struct posix_start {
	u32 magic, version;
	u32 size;	/* of the whole block */
	u32 flags;	/* POSIX_START_* */

	/* Private fds (WEFT_FD_PRIVATE + n) of the new process; -1 where there is none. */
	i32 runtime;	/* memory object of the blob */
	i32 time_page;	/* memory object of the time page */
	i32 exe;	/* the program: a handle with memory, or a memory object. Kept, for /proc/self/exe */
	i32 interp;	/* its ELF interpreter, or -1: static. With -1 and a PT_INTERP, the runtime opens it below `root` */
	i32 root;	/* handle of the root directory, or -1: no paths at all */
	i32 cwd;	/* handle of the working directory; -1: the same as root */
	i32 proc;	/* root handle of scheme `proc` (servers/proc), or -1 */
	i32 ipc;	/* root handle of scheme `ipc` (servers/ipc), or -1 */
	i32 net;	/* root handle of scheme `net`, or -1 */
	i32 name_cache;	/* the root file system's name cache (native/fscache.h), or 0: ask for it */
	i32 reserved_fds[6];

	u64 blocked, ignored; /* signals: bit n-1 is signal n */
	u32 umask;
	u32 argc, envc;
	u32 strings;	/* offset of argc + envc NUL-terminated strings, one behind the other */
	u32 strings_size;
	u32 exe_path;	/* offset of the program's path as given (AT_EXECFN); 0: argv[0] */
	u32 nmounts;
	u32 mounts;	/* offset of struct posix_mount[nmounts] */
	char comm[16];	/* empty: last component of exe_path */
	struct posix_rlimit limits[16]; /* Linux's order; all zero: the defaults */
	u32 uid, euid, gid, egid;	/* for the auxiliary vector; the kernel's identity is what counts */
	u8 reserved[64];
};

#endif
