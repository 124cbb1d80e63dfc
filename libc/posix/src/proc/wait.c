/* SPDX-License-Identifier: MIT */
/* Waiting for children, and what they used. */
#include "../fd/fd.h"
#include "../core/calls.h"

static struct timeval64 tv(u64 ns)
{
	return (struct timeval64){ns / NSEC, ns % NSEC / 1000};
}

static i64 put_usage(u64 out, const struct weft_usage *u)
{
	struct linux_rusage r = {.utime = tv(u->user_ns),
		.stime = tv(u->system_ns),
		.maxrss = u->max_resident / 1024,
		.minflt = u->faults_minor,
		.majflt = u->faults_major,
		.nvcsw = u->switches_voluntary,
		.nivcsw = u->switches_forced};

	return copy_out(out, &r, sizeof(r));
}

i64 rt_sys_wait4(u64 pid, u64 status, u64 options, u64 usage)
{
	struct weft_exit x = {0};
	i32 p = pid, id = p;
	u32 which;

	if (options & ~(u64)(WNOHANG | WUNTRACED | WCONTINUED | W_NOTHREAD | W_ALL | W_CLONE))
		return -EINVAL;
	if (p == INT32_MIN)
		return -ESRCH;
	if (p > 0) {
		which = 1;
	} else if (p == -1) {
		which = 0;
	} else {
		which = 2;
		id = p ? -p : rt_own_pgid();
	}
	i64 r = rt_trace_wait(which, id, options, &x.status);
	if (!r)
		r = UNLESS_IGNORED(NC(PROC_WAIT, which, id,
			(options & (WNOHANG | WUNTRACED | WCONTINUED)) | WEXITED, &x));
	if (r <= 0)
		return rt_intr(r, ERESTARTSYS);
	if (status && put_u32(status, x.status))
		return -EFAULT;
	if (usage && put_usage(usage, &x.used))
		return -EFAULT;
	return r;
}

i64 rt_sys_waitid(u64 which, u64 id, u64 info, u64 options, u64 usage)
{
	struct linux_siginfo si;
	struct weft_exit x = {0};

	if ((options &
		    ~(u64)(WNOHANG | WSTOPPED | WEXITED | WCONTINUED | WNOWAIT | W_NOTHREAD |
			    W_ALL | W_CLONE)) ||
		!(options & (WSTOPPED | WEXITED | WCONTINUED)))
		return -EINVAL;
	switch (which) {
	case 0:
		break;
	case 1:
		if ((i32)id <= 0)
			return -EINVAL;
		break;
	case 2:
		if ((i32)id < 0)
			return -EINVAL;
		if (!(i32)id)
			id = rt_own_pgid();
		break;
	case 3: {
		i64 type = rt_fd_type(id);
		if (type != WEFT_OBJ_PROCESS)
			return -EBADF;
		break;
	}
	default:
		return -EINVAL;
	}
	i64 r = UNLESS_IGNORED(NC(PROC_WAIT, which, (i32)id,
		options & (WNOHANG | WSTOPPED | WEXITED | WCONTINUED | WNOWAIT), &x));
	if (r < 0)
		return rt_intr(r, ERESTARTSYS);
	if (usage && r && put_usage(usage, &x.used))
		return -EFAULT;
	if (info) {
		memset(&si, 0, sizeof(si));
		if (r) {
			si.signo = SIGCHLD;
			si.code = x.code;
			si.chld.pid = x.pid;
			si.chld.uid = x.uid;
			switch (x.code) {
			case CLD_EXITED:
				si.chld.status = x.status >> 8 & 0xff;
				break;
			case CLD_STOPPED:
				si.chld.status = x.status >> 8 & 0xff;
				break;
			case CLD_CONTINUED:
				si.chld.status = SIGCONT;
				break;
			default:
				si.chld.status = x.status & 0x7f;
			}
		}
		/* Only as much as Linux writes: the rest of the program's struct stays. */
		if (copy_out(info, &si, 12) || copy_out(info + 16, (u8 *)&si + 16, 12))
			return -EFAULT;
	}
	return 0;
}

i64 rt_sys_getrusage(u64 who, u64 out)
{
	struct weft_proc_info i;
	struct weft_thread_info t;
	i64 r;

	switch ((i32)who) {
	case 0:
		r = NC(PROC_CTL, -1, WEFT_PROC_INFO, &i, 0, 0);
		if (r < 0)
			return r;
		i.used.max_resident = MAX(i.used.max_resident, i.mem_resident);
		return put_usage(out, &i.used);
	case -1:
		r = NC(PROC_CTL, -1, WEFT_PROC_INFO, &i, 0, 0);
		return r < 0 ? r : put_usage(out, &i.children);
	case 1:
		r = NC(THREAD_CTL, -1, 0, WEFT_THREAD_INFO, &t, 0);
		return r < 0 ? r : put_usage(out, &t.used);
	}
	return -EINVAL;
}

i64 rt_sys_times(u64 out)
{
	struct weft_proc_info i;
	i64 r = NC(PROC_CTL, -1, WEFT_PROC_INFO, &i, 0, 0);

	if (r < 0)
		return r;
	i64 t[4] = {i.used.user_ns / 10000000, i.used.system_ns / 10000000,
		i.children.user_ns / 10000000, i.children.system_ns / 10000000};
	if (out && copy_out(out, t, sizeof(t)))
		return -EFAULT;
	return rt_now() / 10000000;
}
