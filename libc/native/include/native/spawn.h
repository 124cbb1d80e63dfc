/* SPDX-License-Identifier: MIT */
/*
 * Makes a process from an ELF program in a memory object. A native program starts at its entry with argc, argv, envp and auxv on
 * its stack (start.h) and rdi 0. A program for the POSIX runtime gets the runtime's blob mapped read-execute at WEFT_RT_MIN and
 * starts at the blob's start with rdi = struct rt_start *, in the stack above argc; the blob registers itself and enters the program.
 */
#ifndef NATIVE_SPAWN_H
#define NATIVE_SPAWN_H

#include <native/elf.h>
#include <native/start.h>

struct spawn_fd {
	const char *name; /* in the child's table of named fds; NULL: none */
	i32 fd;		  /* the caller's */
	i32 to;		  /* number in the child, or -1: the next private one */
	u32 rights;	  /* 0: all that fd has */
};

/* The first bytes of the runtime's blob. Addresses are absolute: it is linked at WEFT_RT_MIN. */
#define RT_MAGIC 0x3130745274666557ul /* "WeftRt01" */
struct rt_header {
	u64 magic;
	u64 start;	/* entry of a new process's first thread: rdi = struct rt_start * */
	u64 text_size;	/* bytes mapped read-execute from the blob's start; whole pages */
	u64 data_start; /* address and size of read-write zero pages that the spawner maps, or 0 */
	u64 data_size;
	u64 stack_size; /* of the first thread's runtime stack, mapped by the spawner */
};
struct rt_start {
	u64 entry;	/* of the program (or its interpreter) */
	u64 stack;	/* the program's rsp: points to argc */
	u64 tp, pp;	/* thread page and process page */
	u64 rt_stack;	/* top of the runtime's stack */
	u64 brk;	/* first address after the program */
	u64 stack_low, stack_high;
	i32 blob;	/* private fd of the blob in the child, for exec; -1 */
	i32 pad;
};

struct spawn_args {
	const char *name;	  /* process name */
	i32 image;		  /* memory object of the program */
	u64 image_size;
	i32 interp;		  /* memory object of its interpreter, or -1 */
	u64 interp_size;
	const char *const *argv, *const *envp; /* NULL-terminated */
	const struct spawn_fd *fds;
	u32 nfds;
	i32 ns;			  /* namespace fd, or -1: the caller's */
	i32 runtime;		  /* the POSIX runtime's blob, or -1: a native program */
	u64 runtime_size;
	i32 time_page;		  /* memory object, or -1 */
	i32 ident_auth;		  /* resource for identities, or -1: the caller's identity */
	u32 identity;
	u32 prio;		  /* 0: the caller's */
	u32 flags;		  /* WEFT_PROC_NO_PARENT, WEFT_PROC_STOPPED */
	u32 exit_signal;
	u64 stack_size;		  /* 0: 8 MiB, reserved and filled on demand */
};

struct spawned {
	i32 pid;
	i32 proc; /* private process fd: readable when it has exited */
};

/** Sets every field to "none". */
void spawn_args_init(struct spawn_args *a);
/** 0 or a negative errno: -ENOEXEC, -E2BIG (arguments over 128 KiB), or that of a native call. */
int spawn(const struct spawn_args *a, struct spawned *out);

#endif
