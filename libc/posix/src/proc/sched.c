/* SPDX-License-Identifier: MIT */
/* Scheduling, limits, prctl. */
#include "../path/path.h"
#include "../core/calls.h"
#include <native/procproto.h>
#include <posix/public.h>

enum { SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE = 5, SCHED_DEADLINE };
#define SCHED_RESET_ON_FORK 0x40000000u

static i64 ask(u32 op, u64 a, u64 b, u64 c, u64 d, struct weft_buf *bufs, u32 n)
{
	struct rt_proc *p = rt_proc();
	struct weft_req q = {.op = op, .flags = WEFT_REQ_NOINTR, .nbufs = n, .args = {a, b, c, d}, .bufs = (u64)bufs};

	return p->proc < 0 ? -ESRCH : NC(FD_CALL, p->proc, &q);
}

static bool is_self(u64 pid)
{
	return !(u32)pid || (u32)pid == rt_tp()->tid;
}

/* A thread of our own process, known by its tid. */
static bool is_ours(u64 pid)
{
	struct weft_thread_info ti;

	return is_self(pid) || NC(THREAD_CTL, -1, (u32)pid, WEFT_THREAD_INFO, &ti, 0) >= 0;
}

i64 rt_sys_sched_yield(void)
{
	NC(YIELD);
	return 0;
}

static i64 policy_range(u32 policy, u32 *lo, u32 *hi)
{
	switch (policy) {
	case SCHED_FIFO:
	case SCHED_RR:
		*lo = 1;
		*hi = 99;
		return 0;
	case SCHED_OTHER:
	case SCHED_BATCH:
	case SCHED_IDLE:
	case SCHED_DEADLINE:
		*lo = *hi = 0;
		return 0;
	}
	return -EINVAL;
}

i64 rt_sys_sched_get_priority_max(u64 policy)
{
	u32 lo, hi;

	return policy_range(policy, &lo, &hi) ? -EINVAL : (i64)hi;
}

i64 rt_sys_sched_get_priority_min(u64 policy)
{
	u32 lo, hi;

	return policy_range(policy, &lo, &hi) ? -EINVAL : (i64)lo;
}

static u32 native_prio(u32 policy, u32 prio, i32 nice)
{
	switch (policy) {
	case SCHED_FIFO:
	case SCHED_RR:
		return WEFT_PRIO_INTERACTIVE + (prio - 1) * (WEFT_PRIO_RT - WEFT_PRIO_INTERACTIVE) / 99;
	case SCHED_IDLE:
		return WEFT_PRIO_IDLE + 1;
	case SCHED_BATCH:
		return WEFT_PRIO_NORMAL - 2;
	}
	return WEFT_PRIO_NORMAL - nice * 7 / 20;
}

void rt_prio_restore(void)
{
	struct rt_thread *t = rt_thread();
	u32 own = native_prio(t->sched_policy, t->sched_prio, t->nice);

	if (NC(THREAD_CTL, -1, 0, WEFT_THREAD_GET_PRIO, 0, 0) > own)
		NC(THREAD_CTL, -1, 0, WEFT_THREAD_SET_PRIO, own, 0);
}

static i64 set_policy(u64 pid, u32 policy, u32 prio)
{
	struct rt_thread *t = rt_thread();
	u32 lo, hi, native;

	policy &= ~SCHED_RESET_ON_FORK;
	if ((i32)pid < 0 || policy == SCHED_DEADLINE || policy_range(policy, &lo, &hi) || prio < lo || prio > hi)
		return -EINVAL;
	if (!is_self(pid)) {
		i64 r = ask(PROCP_SCHED, (u32)pid, policy, prio, 1, NULL, 0);
		return r < 0 ? r : 0;
	}
	native = native_prio(policy, prio, t->nice);
	i64 r = 0;
	if (hi) {
		/* Real-time wants the right to it. */
		struct weft_identity id;
		NC(IDENT_CTL, -1, WEFT_IDENT_GET, 0xffffffffu, &id);
		if (!(id.cap_effective & (1ul << 23)) && prio > rt_proc()->limits[RLIMIT_RTPRIO].cur)
			return -EPERM;
		r = NC(THREAD_CTL, -1, 0, WEFT_THREAD_SET_PRIO, native, 0);
		if (r == -EPERM)
			r = NC(THREAD_CTL, -1, 0, WEFT_THREAD_SET_PRIO, WEFT_PRIO_INTERACTIVE, 0);
	} else {
		r = NC(THREAD_CTL, -1, 0, WEFT_THREAD_SET_PRIO, native, 0);
	}
	if (r < 0)
		return r;
	t->sched_policy = policy;
	t->sched_prio = prio;
	return 0;
}

i64 rt_sys_sched_setscheduler(u64 pid, u64 policy, u64 param)
{
	u32 prio;

	if (!param || (i32)policy < 0)
		return -EINVAL;
	if (get_u32(&prio, param))
		return -EFAULT;
	return set_policy(pid, policy, prio);
}

i64 rt_sys_sched_setparam(u64 pid, u64 param)
{
	u32 prio;

	if (!param)
		return -EINVAL;
	if (get_u32(&prio, param))
		return -EFAULT;
	return set_policy(pid, rt_thread()->sched_policy, prio);
}

static i64 get_policy(u64 pid, u32 *policy, u32 *prio)
{
	if ((i32)pid < 0)
		return -EINVAL;
	if (is_self(pid)) {
		*policy = rt_thread()->sched_policy;
		*prio = rt_thread()->sched_prio;
		return 0;
	}
	i64 r = ask(PROCP_SCHED, (u32)pid, 0, 0, 0, NULL, 0);
	if (r < 0 && is_ours(pid))
		r = 0;
	*policy = r & 0xff;
	*prio = r >> 8;
	return r < 0 ? r : 0;
}

i64 rt_sys_sched_getscheduler(u64 pid)
{
	u32 policy, prio;
	i64 r = get_policy(pid, &policy, &prio);

	return r < 0 ? r : (i64)policy;
}

i64 rt_sys_sched_getparam(u64 pid, u64 param)
{
	u32 policy, prio;

	if (!param)
		return -EINVAL;
	i64 r = get_policy(pid, &policy, &prio);
	return r < 0 ? r : put_u32(param, prio);
}

struct sched_attr {
	u32 size, policy;
	u64 flags;
	i32 nice;
	u32 prio;
	u64 runtime, deadline, period;
	u32 util_min, util_max;
};

i64 rt_sys_sched_getattr(u64 pid, u64 out, u64 size, u64 flags)
{
	struct sched_attr a = {.size = sizeof(a)};

	if (flags || size < 48)
		return -EINVAL;
	i64 r = get_policy(pid, &a.policy, &a.prio);
	if (r < 0)
		return r;
	a.nice = is_self(pid) ? rt_thread()->nice : 0;
	a.size = MIN(size, sizeof(a));
	return copy_out(out, &a, a.size);
}

i64 rt_sys_sched_setattr(u64 pid, u64 in, u64 flags)
{
	struct sched_attr a;

	if (flags)
		return -EINVAL;
	if (copy_in(&a, in, 48))
		return -EFAULT;
	i64 r = set_policy(pid, a.policy, a.prio);
	if (!r && a.policy == SCHED_OTHER)
		r = rt_sys_setpriority(0, pid, (u64)(i64)a.nice);
	return r;
}

i64 rt_sys_sched_rr_get_interval(u64 pid, u64 out)
{
	struct timespec64 t = {0, 4000000};

	(void)pid;
	return copy_out(out, &t, sizeof(t));
}

i64 rt_sys_sched_getaffinity(u64 pid, u64 size, u64 mask)
{
	u64 m;
	i64 r;

	if (size < 8 || (size & 7))
		return -EINVAL;
	r = NC(THREAD_CTL, -1, (u32)pid, WEFT_THREAD_GET_AFFINITY, 0, 0);
	if (r == -ESRCH) {
		struct weft_buf b = {(u64)&m, 8, WEFT_BUF_OUT};
		r = ask(PROCP_AFFINITY, (u32)pid, 0, 0, 0, &b, 1);
		if (r < 0)
			return r;
	} else if (r < 0) {
		return r;
	} else {
		m = r;
	}
	return put_u64(mask, m) ? -EFAULT : 8;
}

i64 rt_sys_sched_setaffinity(u64 pid, u64 size, u64 mask)
{
	u64 m = 0;

	if (copy_in(&m, mask, MIN(size, 8ul)))
		return -EFAULT;
	i64 r = NC(THREAD_CTL, -1, (u32)pid, WEFT_THREAD_SET_AFFINITY, m, 0);
	if (r == -ESRCH) {
		struct weft_buf b = {(u64)&m, 8, WEFT_BUF_IN};
		r = ask(PROCP_AFFINITY, (u32)pid, 1, 0, 0, &b, 1);
	}
	return r < 0 ? r : 0;
}

i64 rt_sys_getcpu(u64 cpu, u64 node)
{
	if (cpu && put_u32(cpu, rt_tp()->cpu))
		return -EFAULT;
	return node ? put_u32(node, 0) : 0;
}

/* Limits: kept here; those that the kernel enforces are told to it. */
static void enforce(u32 res, u64 v)
{
	switch (res) {
	case RLIMIT_NOFILE:
		NC(FD_CTL, 0, WEFT_FD_LIMIT, MIN(v, 1048576ul), 0);
		break;
	case RLIMIT_AS:
		NC(PROC_CTL, -1, WEFT_PROC_LIMIT, WEFT_LIMIT_AS, v == RLIM_INFINITY ? ~0ul >> 1 : v, 0);
		break;
	case RLIMIT_SIGPENDING:
		NC(PROC_CTL, -1, WEFT_PROC_LIMIT, WEFT_LIMIT_SIGNALS, MIN(v, 65536ul), 0);
		break;
	case RLIMIT_CPU:
		NC(PROC_CTL, -1, WEFT_PROC_LIMIT, WEFT_LIMIT_CPU_NS, v > INT64_MAX / NSEC ? ~0ul >> 1 : v * NSEC, 0);
		break;
	}
}

static i64 limit_change(u32 res, const struct posix_rlimit *new)
{
	struct rt_proc *p = rt_proc();
	struct weft_identity id;

	if (new->cur > new->max)
		return -EINVAL;
	if (res == RLIMIT_NOFILE && new->max != RLIM_INFINITY && new->max > 1048576)
		return -EPERM;
	if (new->max > p->limits[res].max) {
		NC(IDENT_CTL, -1, WEFT_IDENT_GET, 0xffffffffu, &id);
		if (!(id.cap_effective & (1ul << 24))) /* CAP_SYS_RESOURCE */
			return -EPERM;
	}
	p->limits[res] = *new;
	enforce(res, new->cur);
	return 0;
}

i64 rt_sys_prlimit64(u64 pid, u64 res, u64 new, u64 old)
{
	struct posix_rlimit n, o;

	if (res >= RLIMIT_COUNT)
		return -EINVAL;
	if (new && copy_in(&n, new, sizeof(n)))
		return -EFAULT;
	if ((u32)pid && (u32)pid != rt_tp()->pid) {
		struct weft_buf b[2] = {{(u64)&n, new ? sizeof(n) : 0, WEFT_BUF_IN}, {(u64)&o, sizeof(o), WEFT_BUF_OUT}};
		i64 r = ask(PROCP_PRLIMIT, (u32)pid, res, !!new, 0, b, 2);
		if (r < 0)
			return r;
		return old ? copy_out(old, &o, sizeof(o)) : 0;
	}
	struct rt_proc *p = rt_proc();
	rt_lock_take(&p->misc_lock);
	o = p->limits[res];
	i64 r = new ? limit_change(res, &n) : 0;
	rt_lock_drop(&p->misc_lock);
	if (!r && old && copy_out(old, &o, sizeof(o)))
		return -EFAULT;
	return r;
}

i64 rt_sys_getrlimit(u64 res, u64 out)
{
	return rt_sys_prlimit64(0, res, 0, out);
}

i64 rt_sys_setrlimit(u64 res, u64 in)
{
	return in ? rt_sys_prlimit64(0, res, in, 0) : -EFAULT;
}

enum { PR_SET_PDEATHSIG = 1, PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_GET_KEEPCAPS = 7, PR_SET_KEEPCAPS, PR_GET_TIMING = 13, PR_SET_TIMING,
	PR_SET_NAME, PR_GET_NAME, PR_GET_SECCOMP = 21, PR_SET_SECCOMP, PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_GET_TSC, PR_SET_TSC, PR_GET_SECUREBITS,
	PR_SET_SECUREBITS, PR_SET_TIMERSLACK, PR_GET_TIMERSLACK, PR_TASK_PERF_EVENTS_DISABLE, PR_TASK_PERF_EVENTS_ENABLE, PR_MCE_KILL, PR_MCE_KILL_GET, PR_SET_MM = 35, PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS,
	PR_GET_NO_NEW_PRIVS, PR_GET_TID_ADDRESS, PR_SET_THP_DISABLE, PR_GET_THP_DISABLE, PR_CAP_AMBIENT = 47, PR_GET_SPECULATION_CTRL = 52, PR_SET_IO_FLUSHER = 57,
	PR_GET_IO_FLUSHER, PR_GET_MDWE = 66, PR_GET_AUXV = 0x41555856, PR_SET_PTRACER = 0x59616d61,
	PR_SET_VMA = 0x53564d41 };
#define CAP_LAST 40

static i64 cred(u32 what, u64 a, u64 b)
{
	i64 r = ask(PROCP_CRED, what, a, b, 0, NULL, 0);

	return r == -ESRCH ? -EPERM : r;
}

static i64 io_flusher(struct rt_proc *p, bool set, u64 v, bool more)
{
	struct weft_identity id = {0};

	NC(IDENT_CTL, -1, WEFT_IDENT_GET, 0xffffffffu, &id);
	if (!(id.cap_effective & (1ul << 24))) /* CAP_SYS_RESOURCE */
		return -EPERM;
	if (more || v > set)
		return -EINVAL;
	if (!set)
		return p->io_flusher;
	p->io_flusher = v;
	return 0;
}

i64 rt_sys_prctl(u64 op, u64 a, u64 b, u64 c, u64 d)
{
	struct rt_proc *p = rt_proc();
	struct rt_thread *t = rt_thread();
	struct weft_identity id;
	char name[16];
	i64 n;

	switch ((u32)op) {
	case PR_SET_NAME:
		n = rt_copy_string(name, (const char *)a, 15);
		if (n < 0)
			return n;
		name[MIN(n, 15l)] = 0;
		rt_string_set(t->name, sizeof(t->name), name);
		NC(THREAD_CTL, -1, 0, WEFT_THREAD_SET_NAME, name, strlen(name));
		if (rt_tp()->tid == rt_tp()->pid) {
			rt_string_set(p->comm, sizeof(p->comm), name);
			NC(PROC_CTL, -1, WEFT_PROC_SET_NAME, name, strlen(name), 0);
		}
		return 0;
	case PR_GET_NAME:
		memset(name, 0, sizeof(name));
		rt_string_set(name, sizeof(name), t->name[0] ? t->name : p->comm);
		return copy_out(a, name, sizeof(name));
	case PR_SET_PDEATHSIG:
		if (a > 64)
			return -EINVAL;
		t->pdeathsig = a;
		n = NC(PROC_CTL, -1, WEFT_PROC_SET_PDEATHSIG, a, 0, 0);
		return n < 0 ? n : 0;
	case PR_GET_PDEATHSIG:
		return put_u32(a, t->pdeathsig);
	case PR_GET_DUMPABLE:
		return p->dumpable;
	case PR_SET_DUMPABLE:
		if (a > 1)
			return -EINVAL;
		p->dumpable = a;
		rt_publish(p);
		return 0;
	case PR_GET_KEEPCAPS:
		return p->keepcaps;
	case PR_SET_KEEPCAPS:
		if (a > 1)
			return -EINVAL;
		p->keepcaps = a;
		return 0;
	case PR_CAPBSET_READ:
		if (a > CAP_LAST)
			return -EINVAL;
		NC(IDENT_CTL, -1, WEFT_IDENT_GET, 0xffffffffu, &id);
		return id.cap_bounding >> a & 1;
	case PR_CAPBSET_DROP:
		return a > CAP_LAST ? -EINVAL : cred(PROCP_CAP_DROP_BOUNDING, a, 0);
	case PR_CAP_AMBIENT:
		if (c || d || a < 1 || a > 4 || (a != 4 && b > CAP_LAST))
			return -EINVAL;
		if (a == 1) {
			NC(IDENT_CTL, -1, WEFT_IDENT_GET, 0xffffffffu, &id);
			return id.cap_ambient >> b & 1;
		}
		return cred(PROCP_CAP_AMBIENT, a, b);
	case PR_GET_SECUREBITS:
		return p->securebits;
	case PR_SET_SECUREBITS:
		return a == p->securebits ? 0 : -EPERM;
	case PR_SET_TIMERSLACK:
		p->timerslack = a ? a : 50000;
		return 0;
	case PR_GET_TIMERSLACK:
		return p->timerslack;
	case PR_SET_CHILD_SUBREAPER:
		n = NC(PROC_CTL, -1, WEFT_PROC_SUBREAPER, !!a, 0, 0);
		if (n < 0)
			return n;
		p->personality = (p->personality & ~(1u << 31)) | (a ? 1u << 31 : 0);
		return 0;
	case PR_GET_CHILD_SUBREAPER:
		return put_u32(a, p->personality >> 31);
	case PR_SET_NO_NEW_PRIVS:
		if (a != 1 || b || c || d)
			return -EINVAL;
		n = cred(PROCP_NO_NEW_PRIVS, 0, 0);
		if (n >= 0)
			p->no_new_privs = 1;
		return n < 0 ? n : 0;
	case PR_GET_NO_NEW_PRIVS:
		NC(IDENT_CTL, -1, WEFT_IDENT_GET, 0xffffffffu, &id);
		return id.flags & WEFT_IDENT_NO_NEW_PRIVS ? 1 : 0;
	case PR_GET_TIMING:
		return 0;
	case PR_SET_TIMING:
		return a ? -EINVAL : 0;
	case PR_GET_SECCOMP:
		return 0;
	case PR_GET_TSC:
		return put_u32(a, 1);
	case PR_SET_TSC:
		return a == 1 ? 0 : -EINVAL;
	case PR_SET_THP_DISABLE:
		if (b || c || d)
			return -EINVAL;
		p->thp_disable = !!a;
		return 0;
	case PR_GET_THP_DISABLE:
		return a || b || c || d ? -EINVAL : (i64)p->thp_disable;
	case PR_TASK_PERF_EVENTS_DISABLE: /* there are none */
	case PR_TASK_PERF_EVENTS_ENABLE:
		return 0;
	case PR_MCE_KILL: /* how memory errors are told: the default, early or late */
		if (c || d || a > 1 || (a == 0 && b) || b > 2)
			return -EINVAL;
		p->mce_kill = a ? b : 2;
		return 0;
	case PR_MCE_KILL_GET:
		return a || b || c || d ? -EINVAL : (i64)p->mce_kill;
	case PR_GET_SPECULATION_CTRL:
		return b || c || d ? -EINVAL : -ENODEV;
	case PR_SET_IO_FLUSHER:
	case PR_GET_IO_FLUSHER:
		return io_flusher(p, (u32)op == PR_SET_IO_FLUSHER, a, b || c || d);
	case PR_GET_MDWE:
		return a || b || c || d ? -EINVAL : 0;
	case PR_SET_PTRACER: /* who may look may trace; the pid must be one */
		return !a || a == ~0ul || (u32)a == rt_tp()->pid ? 0 : ask(PROCP_GETPGID, (u32)a, 0, 0, 0, NULL, 0) < 0 ? -EINVAL : 0;
	case PR_GET_AUXV:
		if (c || d)
			return -EINVAL;
		n = ((const struct posix_public *)rt_pp()->rt)->auxv_end - p->auxv;
		return copy_out(a, (const void *)p->auxv, MIN((u64)n, b)) ? -EFAULT : n;
	}
	return -EINVAL;
}
