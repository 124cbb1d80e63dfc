/* SPDX-License-Identifier: MIT */
/* Sessions, foreground groups and the signals of terminals. Who is in which group is read from the kernel's identities. */
#include "pty.h"

#include <native/call.h>
#include <native/start.h>
#include <signal.h>
#include <stdlib.h>

#define MAX_PIDS 8192

void caller_of(const struct fsreq *r, const struct terminal *t, struct caller *c)
{
	const struct weft_identity *id = fs_identity(r->sqe->identity);
	*c = (struct caller){.sid = id ? id->sid : 0, .pgid = id ? id->pgid : 0};
	c->has_tty = c->sid && t->sid == c->sid;
}

/* Calls fn for each process of a group (or session, if by_session). */
static void each_process(u32 id, bool by_session, void (*fn)(i32 proc, u32 pid, void *arg), void *arg)
{
	static u32 pids[MAX_PIDS];
	i32 procs = native_fd("res:procs");
	i64 n = weft_proc_ctl((u64)procs, WEFT_PROC_LIST, PTR(pids), MAX_PIDS, 0);
	for (i64 i = 0; i < n && i < MAX_PIDS; i++) {
		struct weft_proc_info info;
		i64 fd = weft_proc_ctl((u64)procs, WEFT_PROC_OPEN, pids[i], 0, 0);
		if (fd < 0)
			continue;
		if (weft_proc_ctl((u64)fd, WEFT_PROC_INFO, PTR(&info), 0, 0) >= 0) {
			const struct weft_identity *who = fs_identity(info.identity);
			if (who && (by_session ? who->sid : who->pgid) == id)
				fn((i32)fd, pids[i], arg);
		}
		weft_fd_close((u64)fd);
	}
}

static void send_signal(i32 proc, u32 pid, void *arg)
{
	struct weft_siginfo si = {.signo = (u32)*(int *)arg, .code = 0x80 /* SI_KERNEL */};
	(void)pid;
	weft_sig_post((u64)proc, 0, si.signo, PTR(&si));
}

void job_signal_group(u32 pgid, int signo)
{
	if (pgid)
		each_process(pgid, false, send_signal, &signo);
}

void job_signal(struct tty *t, int signo)
{
	struct terminal *term = t->ctx;
	job_signal_group(term->pgrp, signo);
}

struct membership {
	u32 sid;
	bool found;
};

static void check_member(i32 proc, u32 pid, void *arg)
{
	struct membership *m = arg;
	struct weft_proc_info info;
	(void)pid;
	if (weft_proc_ctl((u64)proc, WEFT_PROC_INFO, PTR(&info), 0, 0) < 0)
		return;
	const struct weft_identity *who = fs_identity(info.identity);
	m->found |= who && who->sid == m->sid;
}

bool job_group_in_session(u32 pgid, u32 sid)
{
	struct membership m = {.sid = sid};
	each_process(pgid, false, check_member, &m);
	return m.found;
}

/* The session loses its terminal: its foreground group gets SIGHUP and SIGCONT (tty_ioctl(2), TIOCNOTTY; setsid(2)). */
void job_hangup(struct terminal *t)
{
	u32 leader = t->sid, group = t->pgrp;
	t->sid = t->pgrp = 0;
	job_signal_group(group, SIGHUP);
	job_signal_group(group, SIGCONT);
	if (leader && leader != group)
		job_signal_group(leader, SIGHUP);
}

i64 job_check(struct fsreq *r, struct terminal *t, int signo)
{
	struct caller c;
	struct weft_thread_info info;
	caller_of(r, t, &c);
	if (!c.has_tty || !t->pgrp || c.pgid == t->pgrp)
		return 0;
	i32 procs = native_fd("res:procs");
	i64 fd = weft_proc_ctl((u64)procs, WEFT_PROC_OPEN, r->sqe->pid, 0, 0);
	u64 bit = 1ull << (signo - 1);
	bool unwanted = false;
	if (fd >= 0) {
		if (weft_thread_ctl((u64)fd, r->sqe->tid, WEFT_THREAD_INFO, PTR(&info), 0) >= 0)
			unwanted = info.blocked & bit;
		weft_fd_close((u64)fd);
	}
	if (unwanted)
		return signo == SIGTTIN ? -EIO : 0;
	job_signal_group(c.pgid, signo);
	return -EINTR;
}

struct terminal *job_terminal_of(u32 sid)
{
	if (!sid)
		return NULL;
	struct terminal *con = console_terminal();
	if (con && con->sid == sid)
		return con;
	for (u32 i = 0; i < MAX_PTYS; i++)
		if (terminals[i] && terminals[i]->sid == sid)
			return terminals[i];
	return NULL;
}

void job_acquire(const struct fsreq *r, struct terminal *t)
{
	struct caller c;
	caller_of(r, t, &c);
	if (c.sid && c.sid == r->sqe->pid && !t->sid && !job_terminal_of(c.sid)) {
		t->sid = c.sid;
		t->pgrp = c.pgid;
	}
}

static void on_event(struct loop_source *s, u32 ready)
{
	struct weft_proc_event e[32];
	(void)ready;
	for (;;) {
		i64 n = weft_fd_read((u64)s->fd, PTR(e), sizeof(e), (u64)-1, WEFT_IO_NONBLOCK);
		if (n < (i64)sizeof(e[0]))
			return;
		for (u32 i = 0; i < (u64)n / sizeof(e[0]); i++) {
			if (e[i].what != 3)
				continue;
			struct terminal *t = job_terminal_of(e[i].pid);
			if (t)
				job_hangup(t);
		}
	}
}

int job_start(struct loop *l)
{
	static struct loop_source source;
	i32 procs = native_fd("res:procs");
	if (procs < 0)
		return procs;
	i64 fd = weft_proc_ctl((u64)procs, WEFT_PROC_EVENTS, 0, 0, 0);
	if (fd < 0)
		return (int)fd;
	source = (struct loop_source){.fn = on_event, .fd = (i32)fd, .events = WEFT_POLLIN};
	return loop_add(l, &source);
}
