/* SPDX-License-Identifier: MIT */
/*
 * What the POSIX runtime asks of servers/proc, on the root handle of scheme `proc` (besides the file protocol for /proc itself).
 * The caller is the SQE's pid, tid and identity; permissions are Linux's. Results are 0 or more, or a negative errno.
 */
#ifndef NATIVE_PROCPROTO_H
#define NATIVE_PROCPROTO_H

#include <native/fsproto.h>

enum procp_op {
	/* args: pid as kill(2) takes it (> 0, 0, -1, < -1), signal. Buffer 0 IN, if any: struct weft_siginfo (rt_sigqueueinfo: code < 0) */
	PROCP_KILL = FSP_PRIVATE,
	/* args: tgid or 0 (tkill), tid, signal. Buffer 0 as above */
	PROCP_TGKILL,
	/* args: enum procp_cred, a, b, c, 1 to keep permitted capabilities (PR_SET_KEEPCAPS). Buffer 0 IN: u32 gids[] (SETGROUPS) or u64 {effective, permitted, inheritable} (CAPSET). Mints an
	 * identity and attaches it to the calling thread (glibc does the rest by its own broadcast) */
	PROCP_CRED,
	/* args: pid or 0, pgid or 0. Sets the identity of every thread of that process */
	PROCP_SETPGID,
	/* -> new session id */
	PROCP_SETSID,
	PROCP_GETPGID, /* args: pid */
	PROCP_GETSID,  /* args: pid */
	/* args: pid, 1: O_NONBLOCK. -> fds_out[0]: process fd (READ and DUP rights: poll, wait, no control) */
	PROCP_PIDFD,
	/* args: pid, resource, 1 if buffer 0 IN holds a new struct posix_rlimit. Buffer 1 OUT: the old one. Other processes than the caller */
	PROCP_PRLIMIT,
	/* args: which, who. -> 1..40 (20 - nice) */
	PROCP_GETPRIORITY,
	PROCP_SETPRIORITY, /* args: which, who, nice */
	/* args: pid or tid, policy, priority, 1 to set. -> policy | priority << 8. The kernel's priority is set from it */
	PROCP_SCHED,
	/* args: pid or tid, 1 to set. Buffer 0 IN or OUT: u64 mask */
	PROCP_AFFINITY,
	/* Set-id exec. Buffer 0 IN: the new program's struct posix_start (with strings); fds: {the file, as the program opened it; its working
	 * directory}. The server opens the file again by itself and builds the whole process. -> fds_out[0]: an image, for
	 * proc_exec with WEFT_EXEC_BECOME. -EPERM: here the file is run without its set-id bits (nosuid, no_new_privs) */
	PROCP_EXEC_SETID,
	/* args: pidfd in fds[0], fd number. -> fds_out[0] (needs the rights of ptrace) */
	PROCP_PIDFD_GETFD,
	/* args: pid. Buffer 0 OUT: u64 {effective, permitted, inheritable} */
	PROCP_CAPGET,
	/* args: 0 off, 1 reboot, 2 halt, by way of init: programs and services end in good order. Needs CAP_SYS_BOOT, or the group `seat`: who
	 * sits at the machine may switch it off */
	PROCP_REBOOT,
	/* CAP_SYS_ADMIN: what programs that the server builds begin with. fds: root directory, root handles of proc and ipc, namespace, root
	 * handle of net if there is one */
	PROCP_SESSION,
	/* CAP_SYS_ADMIN: one more mount. Buffer 0 IN: struct posix_mount (at and root are not looked at); fds: {mount point, root} */
	PROCP_MOUNT,
	/* CAP_SYS_TIME. args: nanoseconds since 1970. -EINVAL: before the machine began */
	PROCP_SET_CLOCK,
	/* Buffer 0 OUT: the names of the caller's UTS namespace, one struct procp_uts */
	PROCP_UTS,
	/* args: 0 host, 1 domain. Buffer 0 IN: the new name. CAP_SYS_ADMIN */
	PROCP_SET_UTS,
	/* args: CLONE_NEW* flags of unshare(2). The calling thread gets namespaces of its own. CAP_SYS_ADMIN */
	PROCP_UNSHARE,
	/* args: type as setns(2) takes it; fds: a file of /proc/PID/ns. CAP_SYS_ADMIN */
	PROCP_SETNS,
	/* args: enum procp_ptrace, pid, address, signal. PEEK: out[0] = the word */
	PROCP_PTRACE,
	/* args: pid, or 0: any tracee. -> the pid of one that has stopped, told once; out[0] = its wait status. 0: none; -ECHILD: no tracee;
	 * -EAGAIN: one is about to stop */
	PROCP_PTRACE_WAIT,
};

enum procp_ptrace { /* Linux's numbers */
	PROCP_PTRACE_PEEK = 1,
	PROCP_PTRACE_CONT = 7,
	PROCP_PTRACE_KILL = 8,
	PROCP_PTRACE_ATTACH = 16,
	PROCP_PTRACE_DETACH = 17,
};

struct procp_uts {
	char host[65], domain[65];
};

enum procp_cred {
	PROCP_SETUID, PROCP_SETGID,
	PROCP_SETREUID, PROCP_SETREGID,
	PROCP_SETRESUID, PROCP_SETRESGID,
	PROCP_SETFSUID, PROCP_SETFSGID, /* -> the old one, whatever happens */
	PROCP_SETGROUPS,
	PROCP_CAPSET,
	PROCP_NO_NEW_PRIVS,
	PROCP_CAP_DROP_BOUNDING, /* a: capability */
	PROCP_CAP_AMBIENT,	 /* a: PR_CAP_AMBIENT_*, b: capability */
	PROCP_EXEC,		 /* what exec of an ordinary program does to ids and capabilities */
};

#endif
