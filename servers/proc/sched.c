/* SPDX-License-Identifier: MIT */
/*
 * Nice values, scheduling policies, affinity, limits of other processes. Kernel priorities: nice -20 .. 19 are spread over
 * LOW .. INTERACTIVE around NORMAL; SCHED_FIFO and SCHED_RR 1 .. 99 lie above, SCHED_IDLE below.
 */
#include "proc.h"

#include <sched.h>
#include <sys/resource.h>

/* What was set, by thread or process: Linux's values cannot be read back from a kernel priority. */
#define REMEMBERED 4096
static struct setting {
	u32 tid;
	i8 nice;
	u8 policy, prio;
} settings[REMEMBERED];

static struct setting *setting_of(u32 tid)
{
	struct setting *s = &settings[tid % REMEMBERED];
	if (s->tid != tid)
		*s = (struct setting){.tid = tid};
	return s;
}

static u32 kernel_prio(const struct setting *s)
{
	if (s->policy == SCHED_FIFO || s->policy == SCHED_RR)
		return WEFT_PRIO_INTERACTIVE + 1 + s->prio * (WEFT_PRIO_DRIVER - WEFT_PRIO_INTERACTIVE - 1) / 100;
	if (s->policy == SCHED_IDLE)
		return WEFT_PRIO_IDLE + 1;
	if (s->nice <= 0)
		return (u32)(WEFT_PRIO_NORMAL + -s->nice * (WEFT_PRIO_INTERACTIVE - WEFT_PRIO_NORMAL) / 20);
	return (u32)(WEFT_PRIO_NORMAL - s->nice * (WEFT_PRIO_NORMAL - WEFT_PRIO_LOW) / 19);
}

/* The process of a thread, and a process fd with control over it. */
static i32 open_thread(u32 tid, u32 *pid)
{
	i32 fd = process_open(tid);
	if (fd >= 0) {
		*pid = tid;
		return fd;
	}
	static u32 pids[MAX_PIDS];
	i64 n = weft_proc_ctl((u64)procs, WEFT_PROC_LIST, PTR(pids), MAX_PIDS, 0);
	for (i64 i = 0; i < n && i < MAX_PIDS; i++) {
		fd = process_open(pids[i]);
		if (fd < 0)
			continue;
		if (weft_thread_ctl((u64)fd, tid, WEFT_THREAD_GET_PRIO, 0, 0) >= 0) {
			*pid = pids[i];
			return fd;
		}
		weft_fd_close((u64)fd);
	}
	return -ESRCH;
}

static i32 open_checked(struct fsreq *r, u32 *tid, bool change)
{
	u32 pid;
	if (!*tid)
		*tid = r->sqe->tid;
	i32 fd = *tid == r->sqe->tid ? process_open(pid = r->sqe->pid) : open_thread(*tid, &pid);
	if (fd < 0 || !change || pid == r->sqe->pid)
		return fd;
	const struct weft_identity *t = process_identity(pid);
	if (!t || (r->cred->euid != t->euid && r->cred->euid != t->uid && !cred_capable(r->cred, CAP_SYS_NICE))) {
		weft_fd_close((u64)fd);
		return t ? -EPERM : -ESRCH;
	}
	return fd;
}

static int apply(i32 fd, u32 tid, const struct setting *s)
{
	i64 e = weft_thread_ctl((u64)fd, tid, WEFT_THREAD_SET_PRIO, kernel_prio(s), 0);
	return e < 0 ? (int)e : 0;
}

struct prio_search {
	struct fsreq *r;
	u64 which;
	u32 who;
	int nice; /* to set */
	bool set;
	int best;
	u32 found;
	i64 error;
};

static void prio_one(struct prio_search *s, u32 tid)
{
	i32 fd = open_checked(s->r, &tid, s->set);
	if (fd < 0) {
		if (fd != -ESRCH) {
			s->found++;
			s->error = fd;
		}
		return;
	}
	struct setting *set = setting_of(tid);
	s->found++;
	if (!s->set) {
		if (20 - set->nice > s->best)
			s->best = 20 - set->nice;
	} else if (s->nice < set->nice && !cred_capable(s->r->cred, CAP_SYS_NICE)) {
		s->error = -EACCES;
	} else {
		set->nice = (i8)s->nice;
		i64 e = apply(fd, tid, set);
		if (e)
			s->error = e;
	}
	weft_fd_close((u64)fd);
}

static bool prio_each(u32 pid, const struct weft_proc_info *info, void *arg)
{
	struct prio_search *s = arg;
	const struct weft_identity *id = fs_identity(info->identity);
	if (id && (s->which == PRIO_PGRP ? id->pgid == s->who : id->uid == s->who))
		prio_one(s, pid);
	return false;
}

static i64 priority(struct fsreq *r, bool set)
{
	struct prio_search s = {.r = r, .which = r->sqe->args[0], .who = (u32)r->sqe->args[1], .set = set};
	i64 nice = (i32)r->sqe->args[2];
	s.nice = (int)(nice < -20 ? -20 : nice > 19 ? 19 : nice);
	if (s.which > PRIO_USER)
		return -EINVAL;
	if (s.which == PRIO_PROCESS) {
		prio_one(&s, s.who);
	} else {
		if (!s.who)
			s.who = s.which == PRIO_PGRP ? r->cred->pgid : r->cred->uid;
		process_each(prio_each, &s);
	}
	if (!s.found)
		return -ESRCH;
	return s.error ? s.error : set ? 0 : s.best;
}

i64 op_getpriority(struct fsreq *r)
{
	return priority(r, false);
}

i64 op_setpriority(struct fsreq *r)
{
	return priority(r, true);
}

i64 op_sched(struct fsreq *r)
{
	u32 tid = (u32)r->sqe->args[0], policy = (u32)r->sqe->args[1], prio = (u32)r->sqe->args[2];
	bool set = r->sqe->args[3];
	if ((i32)tid < 0)
		return -EINVAL;
	bool rt = policy == SCHED_FIFO || policy == SCHED_RR;
	if (set) {
		if (!rt && policy != SCHED_OTHER && policy != SCHED_BATCH && policy != SCHED_IDLE)
			return -EINVAL;
		if (rt ? prio < 1 || prio > 99 : prio != 0)
			return -EINVAL;
		if (rt && !cred_capable(r->cred, CAP_SYS_NICE))
			return -EPERM;
	}
	i32 fd = open_checked(r, &tid, set);
	if (fd < 0)
		return fd;
	struct setting *s = setting_of(tid);
	i64 e = 0;
	if (set) {
		s->policy = (u8)policy;
		s->prio = (u8)prio;
		e = apply(fd, tid, s);
	}
	weft_fd_close((u64)fd);
	return e < 0 ? e : (i64)(s->policy | (u32)s->prio << 8);
}

i64 op_affinity(struct fsreq *r)
{
	u32 tid = (u32)r->sqe->args[0];
	bool set = r->sqe->args[1];
	u64 mask = 0;
	if (r->sqe->nbufs < 1 || r->sqe->len[0] < sizeof(mask))
		return -EINVAL;
	int x = set ? fsreq_in(r, 0, 0, &mask, sizeof(mask)) : 0;
	if (x)
		return x;
	i32 fd = open_checked(r, &tid, set);
	if (fd < 0)
		return fd;
	i64 e = weft_thread_ctl((u64)fd, tid, set ? WEFT_THREAD_SET_AFFINITY : WEFT_THREAD_GET_AFFINITY, mask, 0);
	weft_fd_close((u64)fd);
	if (e < 0 || set)
		return e < 0 ? e : 0;
	mask = (u64)e;
	return fsreq_out(r, 0, 0, &mask, sizeof(mask));
}

/* The limits that the kernel keeps are changed there; the rest is the runtime's of the process itself, out of reach. */
i64 op_prlimit(struct fsreq *r)
{
	static const i8 kernel_limit[16] = {[RLIMIT_CPU] = WEFT_LIMIT_CPU_NS + 1, [RLIMIT_AS] = WEFT_LIMIT_AS + 1,
		[RLIMIT_NOFILE] = WEFT_LIMIT_FDS + 1};
	u32 pid = (u32)r->sqe->args[0], res = (u32)r->sqe->args[1];
	u64 limit[2];
	if (res >= 16)
		return -EINVAL;
	int e = process_may_look(pid, r->cred);
	if (e)
		return e == -EACCES ? -EPERM : e;
	if (!kernel_limit[res])
		return -ENOSYS;
	if (r->sqe->args[2]) {
		e = fsreq_in(r, 0, 0, limit, sizeof(limit));
		if (!e && limit[0] > limit[1])
			e = -EINVAL;
		if (e)
			return e;
	}
	i32 fd = process_open(pid);
	if (fd < 0)
		return fd;
	i64 old = weft_proc_ctl((u64)fd, WEFT_PROC_LIMIT, (u64)(kernel_limit[res] - 1),
		r->sqe->args[2] ? limit[0] : (u64)-1, 0);
	weft_fd_close((u64)fd);
	if (r->sqe->nbufs > 1) {
		u64 out[2] = {(u64)old, (u64)old};
		return fsreq_out(r, 1, 0, out, sizeof(out));
	}
	return 0;
}
