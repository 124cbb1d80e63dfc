/* SPDX-License-Identifier: MIT */
/*
 * Makes a process from an ELF program in a memory object. A native program starts at its entry with argc, argv, envp and auxv on its
 * stack (start.h) and rdi 0. With `runtime`, the process begins as posix/start.h says; its named fds are then in the
 * environment as WEFT_FDS=NAME=FD,NAME=FD...
 */
#ifndef NATIVE_SPAWN_H
#define NATIVE_SPAWN_H

#include <native/elf.h>
#include <native/start.h>

struct posix_mount;
struct posix_rlimit;

struct spawn_fd {
	const char *name; /* in the child's table of named fds; NULL: none */
	i32 fd;		  /* the caller's */
	i32 to;		  /* number in the child, or -1: the next private one */
	u32 rights;	  /* 0: all that fd has */
};

/* What a program with paths has; all fds are the caller's, -1 where there is none. Mounts' fds too. */
struct spawn_posix {
	i32 root, cwd, proc, ipc, net;
	u32 nmounts;
	const struct posix_mount *mounts;
	u32 umask;
	u32 uid, euid, gid, egid; /* for the auxiliary vector only */
	const char *exe_path;	  /* NULL: argv[0] */
	/* As in struct posix_start. strings: argc + envc of them, each ended by NUL; they come before those of argv and envp */
	u32 flags;
	u64 blocked, ignored;
	const struct posix_rlimit *limits; /* [16], or NULL */
	const char *strings;
	u32 strings_size, argc, envc;
};

struct spawn_args {
	const char *name;	  /* process name */
	i32 image;		  /* memory object of the program (with a runtime: or a handle with memory) */
	u64 image_size;		  /* native programs only */
	const char *const *argv, *const *envp; /* NULL-terminated */
	const struct spawn_fd *fds;
	u32 nfds;
	i32 ns;			  /* namespace fd, or -1: the caller's */
	i32 runtime;		  /* the POSIX runtime's blob, or -1: a native program */
	i32 interp;		  /* with a runtime: memory object of the ELF interpreter, or -1 */
	const struct spawn_posix *posix; /* with a runtime: NULL: no paths, no pids */
	i32 time_page;		  /* memory object, or -1 */
	i32 ident_auth;		  /* resource for identities, or -1: the caller's identity */
	u32 identity;
	u32 prio;		  /* 0: the caller's */
	u32 flags;		  /* WEFT_PROC_NO_PARENT, WEFT_PROC_STOPPED, WEFT_PROC_IMAGE */
	u32 exit_signal;
	u64 stack_size;		  /* native; 0: 1 MiB, filled on demand */
};

struct spawned {
	i32 pid;
	i32 proc; /* private process fd: readable when it has exited */
};

/** Sets every field to "none". */
void spawn_args_init(struct spawn_args *a);
/** 0 or a negative errno: -ENOEXEC, -E2BIG (arguments over 128 KiB), or that of a native call. */
int spawn(const struct spawn_args *a, struct spawned *out);
/** Makes a memory object that holds these bytes (an archive's file, say), to be mapped and read. -> private fd or a negative errno. */
i32 spawn_image(const void *data, u64 size);

#endif
