/* SPDX-License-Identifier: MIT */
#include "proc.h"

#include <native/call.h>
#include <native/init.h>
#include <native/start.h>

#define GROUP_SEAT 106 /* image/config/base.toml */
#define PROC_MAGIC 0x9fa0u /* linux/magic.h: PROC_SUPER_MAGIC */

struct fs tree;
i32 procs, identities;

/* init blocks on nobody, so it may be asked from here. */
static i64 op_reboot(struct fsreq *r)
{
	struct weft_req q = {.op = INIT_POWER, .args = {r->sqe->args[0]}};
	if (!cred_capable(r->cred, CAP_SYS_BOOT) && !cred_in_group(r->cred, GROUP_SEAT))
		return -EPERM;
	return r->sqe->args[0] > 2 ? -EINVAL : weft_fd_call((u64)native_fd("open:init"), PTR(&q));
}

static i64 op_set_clock(struct fsreq *r)
{
	if (!cred_capable(r->cred, CAP_SYS_TIME))
		return -EPERM;
	return weft_sys_ctl((u64)native_fd("res:clock"), WEFT_SYS_CLOCK_SET, r->sqe->args[0], 0, 0);
}

static const struct {
	u16 op;
	i64 (*fn)(struct fsreq *r);
} table[] = {
	{PROCP_KILL, op_kill},
	{PROCP_TGKILL, op_tgkill},
	{PROCP_CRED, op_cred},
	{PROCP_SETPGID, op_setpgid},
	{PROCP_SETSID, op_setsid},
	{PROCP_GETPGID, op_getpgid},
	{PROCP_GETSID, op_getsid},
	{PROCP_PIDFD, op_pidfd},
	{PROCP_PRLIMIT, op_prlimit},
	{PROCP_GETPRIORITY, op_getpriority},
	{PROCP_SETPRIORITY, op_setpriority},
	{PROCP_SCHED, op_sched},
	{PROCP_AFFINITY, op_affinity},
	{PROCP_PIDFD_GETFD, op_pidfd_getfd},
	{PROCP_CAPGET, op_capget},
	{PROCP_REBOOT, op_reboot},
	{PROCP_EXEC_SETID, op_exec_setid},
	{PROCP_SESSION, op_session},
	{PROCP_MOUNT, op_mount},
	{PROCP_SET_CLOCK, op_set_clock},
	{PROCP_UTS, op_uts},
	{PROCP_SET_UTS, op_set_uts},
	{PROCP_UNSHARE, op_unshare},
	{PROCP_SETNS, op_setns},
	{PROCP_PTRACE, op_ptrace},
	{PROCP_PTRACE_WAIT, op_ptrace_wait},
};

static bool private_op(struct fs *fs, struct fsreq *r, i64 *result)
{
	(void)fs;
	for (u32 i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].op != r->sqe->op)
			continue;
		*result = table[i].fn(r);
		return true;
	}
	return false;
}

int main(void)
{
	procs = native_fd("res:procs");
	identities = native_fd("res:ident");
	if (procs < 0 || identities < 0) {
		native_log("proc: needs res:procs and res:ident");
		return 1;
	}
	int e = memfs_create(&tree, 0x17, PROC_MAGIC);
	if (!e)
		e = system_files(&tree);
	if (!e) {
		tree.root->node->nops = &root_ops;
		tree.root->node->mode = (tree.root->node->mode & ~0777u) | 0555;
		vfs_other = private_op;
		e = vfs_init(&tree, "scheme:proc");
	}
	if (!e)
		e = setid_init();
	if (!e)
		e = vfs_run(&tree);
	native_log("proc: %s", strerror(-e));
	return 1;
}
