/* SPDX-License-Identifier: MIT */
/*
 * servers/proc: /proc, and what needs an authority over other processes (native/procproto.h). The kernel keeps the processes; this server
 * looks at them through WEFT_RES_PROCS and mints identities through WEFT_RES_IDENT.
 *
 *   process.c  looking at processes      kill.c   signals         cred.c  uids, gids, capabilities
 *   group.c    sessions and groups       sched.c  priorities      system.c  /proc/cpuinfo, meminfo ...
 *   pid.c      the tree of /proc/PID     pidtext.c its texts      links.c fd/N, exe, cwd, root
 *   setid.c    set-id exec               mounts.c  what is mounted
 *   ns.c       namespaces, /proc/PID/ns      trace.c  ptrace
 */
#ifndef PROC_PROC_H
#define PROC_PROC_H

#include "vfs.h"
#include <native/call.h>
#include <native/procproto.h>
#include <native/server.h>

#define CAP_KILL 5
#define CAP_SETGID 6
#define CAP_SETUID 7
#define CAP_SETPCAP 8
#define CAP_SYS_PTRACE 19
#define CAP_SYS_BOOT 22
#define CAP_SYS_NICE 23
#define CAP_SYS_RESOURCE 24
#define CAP_SYS_TIME 25
#define MAX_PIDS 8192

extern struct fs tree;
extern i32 procs, identities; /* authorities */

/* process.c */
i32 process_open(u32 pid); /* process fd (private), or -ESRCH */
int process_info(u32 pid, struct weft_proc_info *out);
const struct weft_identity *process_identity(u32 pid); /* valid until the next call of fs_identity; NULL: gone */
/* Calls fn for each process until it returns true. */
void process_each(bool (*fn)(u32 pid, const struct weft_proc_info *info, void *arg), void *arg);
/* May `c` look into `pid` (ptrace(2), "Ptrace access mode checking")? 0, -EACCES, -ESRCH. */
int process_may_look(u32 pid, const struct weft_identity *c);
int set_identity(u32 pid, u32 tid, const struct weft_identity *id); /* tid 0: every thread */
void cred_after_exec(struct weft_identity *n); /* cred.c */

/* kill.c, cred.c, group.c, sched.c: the PROCP_* operations */
i64 op_kill(struct fsreq *r);
i64 op_tgkill(struct fsreq *r);
i64 op_pidfd(struct fsreq *r);
i64 op_pidfd_getfd(struct fsreq *r);
i64 op_cred(struct fsreq *r);
i64 op_capget(struct fsreq *r);
i64 op_setpgid(struct fsreq *r);
i64 op_setsid(struct fsreq *r);
i64 op_getpgid(struct fsreq *r);
i64 op_getsid(struct fsreq *r);
i64 op_getpriority(struct fsreq *r);
i64 op_setpriority(struct fsreq *r);
i64 op_sched(struct fsreq *r);
i64 op_affinity(struct fsreq *r);
i64 op_prlimit(struct fsreq *r);

/* A text being made. */
struct text {
	char *p;
	u64 len, cap;
	bool failed;
};
void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_bytes(struct text *t, const void *p, u64 n);

/* mounts.c: what PROCP_SESSION and PROCP_MOUNT told. nmounts: how many; each has fds of ours. */
struct session {
	i32 root, proc, ipc, ns, net; /* -1: none */
};
extern struct session session;
struct posix_mount;
const struct posix_mount *mounts_all(u32 *n);
const char *mounts_place(u64 scheme, u64 node); /* where the root of a mount is */
bool mounts_suid(u64 scheme); /* may a program of this scheme's files be set-id? */
i64 op_session(struct fsreq *r);
i64 op_mount(struct fsreq *r);
void mounts_text(struct text *t, bool info);

/* setid.c */
int setid_init(void);
i64 op_exec_setid(struct fsreq *r);

/* ns.c */
i64 op_uts(struct fsreq *r);
i64 op_set_uts(struct fsreq *r);
i64 op_unshare(struct fsreq *r);
i64 op_setns(struct fsreq *r);
const struct procp_uts *uts_of(const struct weft_identity *id);

/* trace.c */
i64 op_ptrace(struct fsreq *r);
i64 op_ptrace_wait(struct fsreq *r);

/* system.c */
int system_files(struct fs *fs);

/* pid.c */
struct pnode { /* node.priv of everything below /proc/PID */
	u32 pid, tid; /* tid 0: the process itself */
	i32 fd;
	const struct pfile *file;
};
extern const struct node_ops root_ops, self_ops, thread_self_ops;
struct node *pid_node(u32 pid, u32 tid, i32 fd, const struct pfile *file, u32 mode);

/* pidtext.c: fills t; 0 or -errno */
struct pfile {
	const char *name;
	u32 mode;
	int (*text)(struct text *t, const struct pnode *p, const struct fsreq *r);
	bool private_file; /* only for those who may look */
	bool process_only; /* not below task/ */
};
extern const struct pfile pid_files[];

/* links.c */
extern const struct node_ops ns_ops; /* ns.c */
extern const struct node_ops fd_link_ops, exe_ops, cwd_ops, root_link_ops;
int read_memory(u32 pid, u64 addr, void *to, u64 len);
struct posix_public;
int read_public(u32 pid, struct posix_public *out);

#endif
