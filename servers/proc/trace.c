/* SPDX-License-Identifier: MIT */
/*
 * ptrace(2), as far as it goes: attach to a process, wait until it has stopped, read its memory, let it go on. System calls and signals are
 * not traced: those stops need the help of the tracee's runtime.
 *
 * A process has one tracer at most. When the tracer dies its tracees go on; when a tracee dies the tracing is over.
 */
#include "proc.h"

#include <native/loop.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define TRACES_MAX 256

struct trace {
	struct trace *next;
	u32 tracee, tracer;
	bool stopped, told; /* what the tracer knows of it */
	i32 fds[2]; /* process fds: tracee, tracer */
	struct loop_source ends[2];
};
static struct trace *traces;
static u32 count;

static struct trace *find(u32 tracee)
{
	struct trace *t = traces;
	while (t && t->tracee != tracee)
		t = t->next;
	return t;
}

static void trace_free(struct trace *t)
{
	struct trace **at = &traces;
	while (*at && *at != t)
		at = &(*at)->next;
	if (*at) {
		*at = t->next;
		count--;
	}
	if (t->stopped)
		weft_proc_ctl((u64)t->fds[0], WEFT_PROC_CONT, 0, 0, 0);
	for (u32 i = 0; i < 2; i++) {
		if (t->ends[i].fn)
			loop_remove(vfs_loop(&tree), &t->ends[i]);
		if (t->fds[i] >= 0)
			weft_fd_close((u64)t->fds[i]);
	}
	free(t);
}

static void ended(struct loop_source *s, u32 ready)
{
	if (ready)
		trace_free(s->ctx);
}

static int watch(struct trace *t, u32 which, u32 pid)
{
	t->fds[which] = process_open(pid);
	if (t->fds[which] < 0)
		return t->fds[which];
	t->ends[which] = (struct loop_source){.fn = ended, .ctx = t, .fd = t->fds[which], .events = WEFT_POLLIN};
	int e = loop_add(vfs_loop(&tree), &t->ends[which]);
	if (e)
		t->ends[which].fn = NULL;
	return e;
}

static i64 attach(const struct fsreq *r, u32 pid)
{
	if (!pid || (i32)pid < 0)
		return -ESRCH;
	if (pid == r->sqe->pid || pid == (u32)getpid() || find(pid))
		return -EPERM;
	int e = process_may_look(pid, r->cred);
	if (e)
		return e == -EACCES ? -EPERM : e;
	struct trace *t = count < TRACES_MAX ? calloc(1, sizeof(*t)) : NULL;
	if (!t)
		return -ENOMEM;
	*t = (struct trace){.tracee = pid, .tracer = r->sqe->pid, .fds = {-1, -1}};
	e = watch(t, 0, pid);
	if (!e)
		e = watch(t, 1, r->sqe->pid);
	if (!e)
		e = (int)weft_proc_ctl((u64)t->fds[0], WEFT_PROC_STOP, SIGSTOP, 0, 0);
	t->stopped = !e;
	if (e) {
		trace_free(t);
		return e;
	}
	t->next = traces;
	traces = t;
	count++;
	return 0;
}

static i64 resume(struct trace *t, u64 signo)
{
	if (signo > 64)
		return -EIO;
	if (signo) {
		struct weft_siginfo si = {.signo = (u32)signo, .code = SI_USER, .pid = t->tracer};
		i64 e = weft_sig_post((u64)t->fds[0], 0, signo, PTR(&si));
		if (e < 0)
			return e;
	}
	t->stopped = t->told = false;
	i64 e = weft_proc_ctl((u64)t->fds[0], WEFT_PROC_CONT, 0, 0, 0);
	return e < 0 ? e : 0;
}

i64 op_ptrace(struct fsreq *r)
{
	u32 request = (u32)r->sqe->args[0], pid = (u32)r->sqe->args[1];
	if (request == PROCP_PTRACE_ATTACH)
		return attach(r, pid);
	struct trace *t = find(pid);
	if (!t || t->tracer != r->sqe->pid || !t->stopped)
		return -ESRCH;
	i64 e;
	switch (request) {
	case PROCP_PTRACE_PEEK:
		e = read_memory(pid, r->sqe->args[2], &r->out[0], sizeof(r->out[0]));
		return e ? -EIO : 0;
	case PROCP_PTRACE_CONT:
		return resume(t, r->sqe->args[3]);
	case PROCP_PTRACE_DETACH:
		e = resume(t, r->sqe->args[3]);
		if (!e)
			trace_free(t);
		return e;
	case PROCP_PTRACE_KILL:
		e = weft_proc_ctl((u64)t->fds[0], WEFT_PROC_KILL, SIGKILL, 0, 0);
		return e < 0 ? e : 0;
	}
	return -ENOSYS;
}

/* The stop of one of the caller's tracees that it has not been told of. */
i64 op_ptrace_wait(struct fsreq *r)
{
	u32 pid = (u32)r->sqe->args[0];
	i64 none = -ECHILD;
	for (struct trace *t = traces; t; t = t->next) {
		struct weft_proc_info info;
		if (t->tracer != r->sqe->pid || (pid && t->tracee != pid))
			continue;
		if (none == -ECHILD)
			none = 0;
		if (!t->stopped || t->told || process_info(t->tracee, &info))
			continue;
		if (info.state != 'T') {
			none = -EAGAIN; /* on its way there */
			continue;
		}
		t->told = true;
		r->out[0] = SIGSTOP << 8 | 0x7f;
		return t->tracee;
	}
	return none;
}
