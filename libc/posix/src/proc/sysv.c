/* SPDX-License-Identifier: MIT */
/* System V semaphores and message queues, which are servers/ipc's. */
#include "../fd/fd.h"
#include "../core/calls.h"
#include <native/sysvproto.h>

static i64 call(struct weft_req *q)
{
	struct rt_proc *p = rt_proc();

	return p->ipc < 0 ? -EPERM : UNLESS_IGNORED(NC(FD_CALL, p->ipc, q));
}

/* What xxxctl does with its argument: a struct that goes in with IPC_SET, and one that comes out of the commands that look. */
struct ctl {
	u32 op, set_size, stat_size, info_size;
	u32 stat, stat_any, info; /* commands */
};

static i64 control(const struct ctl *c, u64 id, u64 arg1, u64 arg2, u32 cmd, u64 user)
{
	u8 data[sizeof(struct sysv_msqid)] = {0};
	struct weft_buf b = {(u64)data, sizeof(data), WEFT_BUF_IN | WEFT_BUF_OUT};
	struct weft_req q = {.op = c->op, .flags = WEFT_REQ_NOINTR, .nbufs = 1, .args = {(u32)id, arg1, arg2}, .bufs = (u64)&b};
	u32 out = cmd == SYSV_STAT || cmd == c->stat || cmd == c->stat_any ? c->stat_size : cmd == SYSV_INFO || cmd == c->info ? c->info_size : 0;

	if (cmd == SYSV_SET && copy_in(data, user, c->set_size))
		return -EFAULT;
	i64 r = call(&q);
	return r >= 0 && out && copy_out(user, data, out) ? -EFAULT : r;
}

i64 rt_sys_semget(u64 key, u64 n, u64 flags)
{
	struct weft_req q = {.op = SYSVP_SEM_GET, .flags = WEFT_REQ_NOINTR, .args = {(u32)key, (u32)n, (u32)flags}};

	return call(&q);
}

static i64 sem_op(u64 id, u64 ops, u64 n, i64 deadline)
{
	struct weft_buf b = {ops, MIN((u32)n, SYSV_SEM_OPS) * sizeof(struct sysv_sembuf), WEFT_BUF_IN};
	struct weft_req q = {.op = SYSVP_SEM_OP, .nbufs = 1, .args = {(u32)id, (u32)n, deadline}, .bufs = (u64)&b};

	return rt_intr(call(&q), ERESTARTNOHAND);
}

i64 rt_sys_semop(u64 id, u64 ops, u64 n)
{
	return sem_op(id, ops, n, -1);
}

i64 rt_sys_semtimedop(u64 id, u64 ops, u64 n, u64 timeout)
{
	i64 deadline = -1;
	i64 r = timeout ? rt_deadline_relative(timeout, &deadline) : 0;

	return r ? r : sem_op(id, ops, n, deadline);
}

i64 rt_sys_semctl(u64 id, u64 num, u64 command, u64 arg)
{
	static const struct ctl ctl = {SYSVP_SEM_CTL, sizeof(struct sysv_semid), sizeof(struct sysv_semid), sizeof(struct sysv_seminfo), SYSV_SEM_STAT,
		SYSV_SEM_STAT_ANY, SYSV_SEM_INFO};
	u32 cmd = command;

	if (cmd < SYSV_GETPID || cmd > SYSV_SETALL)
		return control(&ctl, id, (u32)num, cmd, cmd, arg);
	/* As many values as the set has, which only the server knows. */
	struct weft_buf b = {arg, cmd == SYSV_GETALL || cmd == SYSV_SETALL ? SYSV_SEMS * sizeof(u16) : 0, cmd == SYSV_SETALL ? WEFT_BUF_IN : WEFT_BUF_OUT};
	struct weft_req q = {.op = SYSVP_SEM_CTL, .flags = WEFT_REQ_NOINTR, .nbufs = 1, .args = {(u32)id, (u32)num, cmd, (u32)arg}, .bufs = (u64)&b};
	return call(&q);
}

i64 rt_sys_msgget(u64 key, u64 flags)
{
	struct weft_req q = {.op = SYSVP_MSG_GET, .flags = WEFT_REQ_NOINTR, .args = {(u32)key, (u32)flags}};

	return call(&q);
}

i64 rt_sys_msgsnd(u64 id, u64 msg, u64 len, u64 flags)
{
	u64 type;

	if (get_u64(&type, msg))
		return -EFAULT;
	if (len > SYSV_MSG_MAX)
		return -EINVAL;
	struct weft_buf b = {msg + 8, len, WEFT_BUF_IN};
	struct weft_req q = {.op = SYSVP_MSG_SEND, .nbufs = 1, .args = {(u32)id, type, (u32)flags, len}, .bufs = (u64)&b};
	return rt_intr(call(&q), ERESTARTNOHAND);
}

i64 rt_sys_msgrcv(u64 id, u64 msg, u64 len, u64 type, u64 flags)
{
	if ((i64)len < 0)
		return -EINVAL;
	struct weft_buf b = {msg + 8, MIN(len, (u64)SYSV_MSG_MAX), WEFT_BUF_OUT};
	struct weft_req q = {.op = SYSVP_MSG_RECEIVE, .nbufs = 1, .args = {(u32)id, type, (u32)flags}, .bufs = (u64)&b};
	i64 r = call(&q);
	if (r >= 0 && put_u64(msg, q.out[0]))
		return -EFAULT;
	return rt_intr(r, ERESTARTNOHAND);
}

i64 rt_sys_msgctl(u64 id, u64 cmd, u64 buf)
{
	static const struct ctl ctl = {SYSVP_MSG_CTL, sizeof(struct sysv_msqid), sizeof(struct sysv_msqid), sizeof(struct sysv_msginfo), SYSV_MSG_STAT,
		SYSV_MSG_STAT_ANY, SYSV_MSG_INFO};

	return control(&ctl, id, (u32)cmd, 0, cmd, buf);
}
