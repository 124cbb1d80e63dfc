/* SPDX-License-Identifier: MIT */
/* Signals to other processes (kill(2), tgkill(2), rt_sigqueueinfo(2)) and process fds. */
#include "proc.h"

#include <signal.h>
#include <sys/types.h>

struct sending {
	const struct fsreq *r;
	int signo;
	struct weft_siginfo si;
	u32 group; /* 0: everybody */
	u32 reached, found;
	i64 error;
};

static bool may_signal(const struct weft_identity *c, const struct weft_identity *t, int signo)
{
	if (cred_capable(c, CAP_KILL) || c->euid == t->suid || c->euid == t->uid || c->uid == t->suid ||
		c->uid == t->uid)
		return true;
	return signo == SIGCONT && c->sid == t->sid;
}

static i64 deliver(struct sending *s, u32 pid, u32 tid)
{
	struct weft_identity me = *s->r->cred;
	const struct weft_identity *target = process_identity(pid);
	if (!target)
		return -ESRCH;
	if (!may_signal(&me, target, s->signo))
		return -EPERM;
	i32 fd = process_open(pid);
	if (fd < 0)
		return fd;
	i64 e = 0;
	if (s->signo)
		e = weft_sig_post((u64)fd, tid, (u64)s->signo, PTR(&s->si));
	else if (tid)
		e = weft_thread_ctl((u64)fd, tid, WEFT_THREAD_GET_PRIO, 0, 0) < 0 ? -ESRCH : 0;
	weft_fd_close((u64)fd);
	return e;
}

static int prepare(struct fsreq *r, struct sending *s, int signo, int code)
{
	if (signo < 0 || signo > 64)
		return -EINVAL;
	*s = (struct sending){.r = r, .signo = signo};
	s->si = (struct weft_siginfo){.signo = (u32)signo, .code = code, .pid = r->sqe->pid, .uid = r->cred->uid};
	if (r->sqe->nbufs > 0 && r->sqe->len[0]) {
		if (r->sqe->len[0] < sizeof(s->si))
			return -EINVAL;
		int e = fsreq_in(r, 0, 0, &s->si, sizeof(s->si));
		if (e)
			return e;
		s->si.signo = (u32)signo;
	}
	return 0;
}

static bool to_each(u32 pid, const struct weft_proc_info *info, void *arg)
{
	struct sending *s = arg;
	const struct weft_identity *id = fs_identity(info->identity);
	if (!id || (s->group && id->pgid != s->group))
		return false;
	if (!s->group && (pid <= 1 || pid == s->r->sqe->pid))
		return false;
	s->found++;
	i64 e = deliver(s, pid, 0);
	if (e >= 0)
		s->reached++;
	else if (e != -ESRCH)
		s->error = e;
	return false;
}

i64 op_kill(struct fsreq *r)
{
	struct sending s;
	i64 pid = (i32)r->sqe->args[0];
	int e = prepare(r, &s, (int)r->sqe->args[1], 0 /* SI_USER */);
	if (e)
		return e;
	/* Only a process itself may say that the kernel or kill(2) sent something. */
	if ((s.si.code >= 0 || s.si.code == -6) && r->sqe->nbufs > 0 && r->sqe->len[0] && pid != r->sqe->pid)
		return -EPERM;
	if (pid > 0)
		return deliver(&s, (u32)pid, 0);
	if (pid == 0)
		s.group = r->cred->pgid;
	else if (pid != -1)
		s.group = (u32)-pid;
	if (pid == 0 && !s.group)
		return -ESRCH;
	process_each(to_each, &s);
	if (s.reached)
		return 0;
	return s.found && s.error ? s.error : -ESRCH;
}

i64 op_tgkill(struct fsreq *r)
{
	struct sending s;
	u32 tgid = (u32)r->sqe->args[0], tid = (u32)r->sqe->args[1];
	int e = prepare(r, &s, (int)r->sqe->args[2], -6 /* SI_TKILL */);
	if (e)
		return e;
	if ((i32)tid <= 0 || (i32)tgid < 0)
		return -EINVAL;
	if (tgid)
		return deliver(&s, tgid, tid);
	/* tkill(2): whose thread is it? Most often a process's first. */
	struct weft_proc_info info;
	if (process_info(tid, &info) == 0)
		return deliver(&s, tid, tid);
	static u32 pids[MAX_PIDS];
	i64 n = weft_proc_ctl((u64)procs, WEFT_PROC_LIST, PTR(pids), MAX_PIDS, 0);
	for (i64 i = 0; i < n && i < MAX_PIDS; i++) {
		i32 fd = process_open(pids[i]);
		i64 has = fd < 0 ? -1 : weft_thread_ctl((u64)fd, tid, WEFT_THREAD_GET_PRIO, 0, 0);
		if (fd >= 0)
			weft_fd_close((u64)fd);
		if (has >= 0)
			return deliver(&s, pids[i], tid);
	}
	return -ESRCH;
}

i64 op_pidfd(struct fsreq *r)
{
	i32 fd = (i32)r->sqe->args[0] > 0 ? process_open((u32)r->sqe->args[0]) : -EINVAL;
	if (fd < 0)
		return fd;
	int e = request_give_fd(vfs_request(r), fd, WEFT_RIGHT_READ | WEFT_RIGHT_DUP, WEFT_REPLY_MOVE);
	if (e)
		weft_fd_close((u64)fd);
	return e;
}

i64 op_pidfd_getfd(struct fsreq *r)
{
	struct weft_fd_info info;
	if (r->sqe->nfds < 1)
		return -EBADF;
	i64 e = weft_fd_ctl((u64)r->sqe->fds[0], WEFT_FD_INFO, PTR(&info), 0);
	if (e < 0 || info.type != WEFT_OBJ_PROCESS)
		return -EBADF;
	u32 pid = (u32)info.koid2;
	e = process_may_look(pid, r->cred);
	if (e)
		return e == -EACCES ? -EPERM : e;
	i32 fd = process_open(pid);
	if (fd < 0)
		return fd;
	i64 got = (i32)r->sqe->args[0] < 0 || r->sqe->args[0] >= WEFT_FD_PRIVATE ?
			  -EBADF :
			  weft_proc_ctl((u64)fd, WEFT_PROC_GET_FD, r->sqe->args[0], 0, 0);
	weft_fd_close((u64)fd);
	if (got < 0)
		return got;
	e = request_give_fd(vfs_request(r), (i32)got, WEFT_RIGHT_ALL, WEFT_REPLY_MOVE);
	if (e)
		weft_fd_close((u64)got);
	return e;
}
