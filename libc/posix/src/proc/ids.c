/* SPDX-License-Identifier: MIT */
/* Who we are: pids from the thread page, ids from the kernel's identity; changing them and reaching others is servers/proc's business. */
#include "../path/path.h"
#include "../core/calls.h"
#include <native/procproto.h>

i64 rt_sys_getpid(void)
{
	return rt_tp()->pid;
}

i64 rt_sys_gettid(void)
{
	return rt_tp()->tid;
}

i64 rt_sys_getppid(void)
{
	return __atomic_load_n(&rt_pp()->ppid, __ATOMIC_RELAXED);
}

static void identity(struct weft_identity *id)
{
	if (NC(IDENT_CTL, -1, WEFT_IDENT_GET, 0xffffffffu, id) < 0)
		memset(id, 0, sizeof(*id));
}

u32 rt_own_pgid(void)
{
	struct weft_identity id;

	identity(&id);
	return id.pgid;
}

#define ID_GETTER(name, field)                                                                     \
	i64 rt_sys_##name(void)                                                                    \
	{                                                                                          \
		struct weft_identity id;                                                           \
		identity(&id);                                                                     \
		return id.field;                                                                   \
	}
ID_GETTER(getuid, uid)
ID_GETTER(geteuid, euid)
ID_GETTER(getgid, gid)
ID_GETTER(getegid, egid)
ID_GETTER(getpgrp, pgid)

static i64 three(u64 a, u64 b, u64 c, u32 x, u32 y, u32 z)
{
	return put_u32(a, x) || put_u32(b, y) || put_u32(c, z) ? -EFAULT : 0;
}

i64 rt_sys_getresuid(u64 r, u64 e, u64 s)
{
	struct weft_identity id;

	identity(&id);
	return three(r, e, s, id.uid, id.euid, id.suid);
}

i64 rt_sys_getresgid(u64 r, u64 e, u64 s)
{
	struct weft_identity id;

	identity(&id);
	return three(r, e, s, id.gid, id.egid, id.sgid);
}

i64 rt_sys_getgroups(u64 n, u64 list)
{
	struct weft_identity id;

	identity(&id);
	if ((i32)n < 0)
		return -EINVAL;
	if (n) {
		if ((u32)n < id.ngroups)
			return -EINVAL;
		if (copy_out(list, id.groups, id.ngroups * 4))
			return -EFAULT;
	}
	return id.ngroups;
}

i64 rt_ask_proc(u32 op, u64 a, u64 b, u64 c, u64 d, struct weft_buf *buf)
{
	struct rt_proc *p = rt_proc();
	struct weft_req q = {.op = op, .flags = WEFT_REQ_NOINTR, .nbufs = buf ? 1 : 0, .args = {a, b, c, d, p->keepcaps}, .bufs = (u64)buf};

	return p->proc < 0 ? -EPERM : NC(FD_CALL, p->proc, &q);
}

#define REBOOT_MAGIC 0xfee1deadu
#define REBOOT_RESTART 0x01234567u
#define REBOOT_HALT 0xcdef0123u
#define REBOOT_CAD_ON 0x89abcdefu
#define REBOOT_CAD_OFF 0u
#define REBOOT_POWER_OFF 0x4321fedcu
#define REBOOT_RESTART2 0xa1b2c3d4u

/* Everything ends in good order, the caller too. */
i64 rt_sys_reboot(u64 magic, u64 magic2, u64 cmd, u64 arg)
{
	static const u32 magics[] = {672274793, 85072278, 369367448, 537993216};
	bool known = false;
	u64 action;

	(void)arg;
	for (u32 i = 0; i < ARRAY_SIZE(magics); i++)
		known |= (u32)magic2 == magics[i];
	if ((u32)magic != REBOOT_MAGIC || !known)
		return -EINVAL;
	switch ((u32)cmd) {
	case REBOOT_CAD_ON:
	case REBOOT_CAD_OFF:
		return 0;
	case REBOOT_POWER_OFF:
		action = 0;
		break;
	case REBOOT_RESTART:
	case REBOOT_RESTART2:
		action = 1;
		break;
	case REBOOT_HALT:
		action = 2;
		break;
	default:
		return -EINVAL;
	}
	i64 r = rt_ask_proc(PROCP_REBOOT, action, 0, 0, 0, NULL);
	while (!r)
		r = rt_intr(NC(SLEEP, WEFT_CLOCK_MONOTONIC, WEFT_FOREVER), ERESTARTSYS);
	return r;
}

static i64 cred(u32 what, u64 a, u64 b, u64 c)
{
	return rt_ask_proc(PROCP_CRED, what, (u32)a, (u32)b, (u32)c, NULL);
}

i64 rt_sys_setuid(u64 id)
{
	return cred(PROCP_SETUID, id, 0, 0);
}
i64 rt_sys_setgid(u64 id)
{
	return cred(PROCP_SETGID, id, 0, 0);
}
i64 rt_sys_setreuid(u64 r, u64 e)
{
	return cred(PROCP_SETREUID, r, e, 0);
}
i64 rt_sys_setregid(u64 r, u64 e)
{
	return cred(PROCP_SETREGID, r, e, 0);
}
i64 rt_sys_setresuid(u64 r, u64 e, u64 s)
{
	return cred(PROCP_SETRESUID, r, e, s);
}
i64 rt_sys_setresgid(u64 r, u64 e, u64 s)
{
	return cred(PROCP_SETRESGID, r, e, s);
}
i64 rt_sys_setfsuid(u64 id)
{
	struct weft_identity own;

	identity(&own);
	if ((u32)id == ~0u || (u32)id == own.fsuid)
		return own.fsuid;
	return cred(PROCP_SETFSUID, id, 0, 0);
}
i64 rt_sys_setfsgid(u64 id)
{
	struct weft_identity own;

	identity(&own);
	if ((u32)id == ~0u || (u32)id == own.fsgid)
		return own.fsgid;
	return cred(PROCP_SETFSGID, id, 0, 0);
}

i64 rt_sys_setgroups(u64 n, u64 list)
{
	struct weft_buf b = {list, (u32)n * 4, WEFT_BUF_IN};

	if (n > WEFT_IDENT_GROUPS)
		return -EINVAL;
	return rt_ask_proc(PROCP_CRED, PROCP_SETGROUPS, 0, 0, 0, &b);
}

struct cap_header {
	u32 version;
	i32 pid;
};
struct cap_data {
	u32 effective, permitted, inheritable;
};
#define CAP_ALL ((1ul << 41) - 1)
#define CAP_VERSION_1 0x19980330u
#define CAP_VERSION_2 0x20071026u
#define CAP_VERSION_3 0x20080522u

static i64 cap_words(u64 header, struct cap_header *h)
{
	if (copy_in(h, header, sizeof(*h)))
		return -EFAULT;
	if (h->version == CAP_VERSION_1)
		return 1;
	if (h->version == CAP_VERSION_2 || h->version == CAP_VERSION_3)
		return 2;
	return put_u32(header, CAP_VERSION_3) ? -EFAULT : 0;
}

i64 rt_sys_capget(u64 header, u64 data)
{
	struct weft_identity id;
	struct cap_header h;
	u64 caps[3];
	i64 n = cap_words(header, &h);

	if (n < 0)
		return n;
	if (!n)
		return data ? -EINVAL : 0;
	if (h.pid < 0)
		return -EINVAL;
	if (h.pid && (u32)h.pid != rt_tp()->pid && (u32)h.pid != rt_tp()->tid) {
		struct weft_buf b = {(u64)caps, sizeof(caps), WEFT_BUF_OUT};
		i64 r = rt_ask_proc(PROCP_CAPGET, h.pid, 0, 0, 0, &b);
		if (r < 0)
			return r;
	} else {
		identity(&id);
		caps[0] = id.cap_effective & CAP_ALL;
		caps[1] = id.cap_permitted & CAP_ALL;
		caps[2] = id.cap_inheritable;
	}
	struct cap_data d[2] = {{caps[0], caps[1], caps[2]}, {caps[0] >> 32, caps[1] >> 32, caps[2] >> 32}};
	return data ? copy_out(data, d, n * sizeof(d[0])) : 0;
}

i64 rt_sys_capset(u64 header, u64 data)
{
	struct cap_header h;
	struct cap_data d[2] = {0};
	i64 n = cap_words(header, &h);

	if (n <= 0)
		return n ? n : -EINVAL;
	if (h.pid && (u32)h.pid != rt_tp()->pid && (u32)h.pid != rt_tp()->tid)
		return -EPERM;
	if (copy_in(d, data, n * sizeof(d[0])))
		return -EFAULT;
	u64 caps[3] = {d[0].effective | (u64)d[1].effective << 32, d[0].permitted | (u64)d[1].permitted << 32,
		d[0].inheritable | (u64)d[1].inheritable << 32};
	struct weft_buf b = {(u64)caps, sizeof(caps), WEFT_BUF_IN};
	return rt_ask_proc(PROCP_CRED, PROCP_CAPSET, 0, 0, 0, &b);
}

i64 rt_sys_setpgid(u64 pid, u64 pgid)
{
	if ((i32)pgid < 0)
		return -EINVAL;
	return rt_ask_proc(PROCP_SETPGID, (u32)pid, (u32)pgid, 0, 0, NULL);
}

i64 rt_sys_setsid(void)
{
	return rt_ask_proc(PROCP_SETSID, 0, 0, 0, 0, NULL);
}

i64 rt_sys_getpgid(u64 pid)
{
	if (!(u32)pid || (u32)pid == rt_tp()->pid)
		return rt_own_pgid();
	return rt_ask_proc(PROCP_GETPGID, (u32)pid, 0, 0, 0, NULL);
}

i64 rt_sys_getsid(u64 pid)
{
	if (!(u32)pid || (u32)pid == rt_tp()->pid) {
		struct weft_identity id;
		identity(&id);
		return id.sid;
	}
	return rt_ask_proc(PROCP_GETSID, (u32)pid, 0, 0, 0, NULL);
}

/* Sending signals. Our own process needs nobody; without a siginfo the kernel says who sent it. */
static u32 own_uid(void)
{
	struct rt_proc *p = rt_proc();
	struct weft_identity id;
	u32 number = rt_pp()->identity;
	u64 cached = __atomic_load_n(&p->uid_cache, __ATOMIC_RELAXED);

	if (cached >> 32 != number + 1ul) {
		identity(&id);
		cached = (number + 1ul) << 32 | id.uid;
		__atomic_store_n(&p->uid_cache, cached, __ATOMIC_RELAXED);
	}
	return cached;
}

static i64 post_own(u32 tid, u32 signo, i32 code, const struct weft_siginfo *given)
{
	struct weft_siginfo si = {.signo = signo, .code = code, .pid = rt_tp()->pid};

	if (given)
		return NC(SIG_POST, -1, tid, signo, given);
	if (code == SI_USER)
		return NC(SIG_POST, -1, tid, signo, NULL);
	si.uid = own_uid();
	return NC(SIG_POST, -1, tid, signo, &si);
}

i64 rt_sys_kill(u64 pid, u64 signo)
{
	if (signo > 64)
		return -EINVAL;
	if ((i32)pid > 0 && (u32)pid == rt_tp()->pid)
		return post_own(0, signo, SI_USER, NULL);
	return rt_ask_proc(PROCP_KILL, (u64)(i64)(i32)pid, signo, 0, 0, NULL);
}

static i64 to_thread(u32 tgid, u32 tid, u64 signo, const struct weft_siginfo *si)
{
	if (signo > 64 || (i32)tid <= 0)
		return -EINVAL;
	if (!tgid || tgid == rt_tp()->pid) {
		i64 r = post_own(tid, signo, SI_TKILL, si);
		if (r != -ESRCH || tgid)
			return r;
	}
	struct weft_buf b = {(u64)si, sizeof(*si), WEFT_BUF_IN};
	return rt_ask_proc(PROCP_TGKILL, tgid, tid, signo, 0, si ? &b : NULL);
}

i64 rt_sys_tkill(u64 tid, u64 signo)
{
	return to_thread(0, tid, signo, NULL);
}

i64 rt_sys_tgkill(u64 tgid, u64 tid, u64 signo)
{
	return (i32)tgid <= 0 ? -EINVAL : to_thread(tgid, tid, signo, NULL);
}

static i64 siginfo_in(u64 info, u64 signo, struct weft_siginfo *si)
{
	struct linux_siginfo li;

	if (copy_in(&li, info, sizeof(li)))
		return -EFAULT;
	rt_siginfo_native(si, &li);
	si->signo = signo;
	return 0;
}

i64 rt_sys_rt_sigqueueinfo(u64 pid, u64 signo, u64 info)
{
	struct weft_siginfo si;
	i64 r = siginfo_in(info, signo, &si);

	if (r)
		return r;
	if (signo > 64)
		return -EINVAL;
	if ((u32)pid == rt_tp()->pid)
		return post_own(0, signo, 0, &si);
	if (si.code >= 0 || si.code == SI_TKILL)
		return -EPERM;
	struct weft_buf b = {(u64)&si, sizeof(si), WEFT_BUF_IN};
	return rt_ask_proc(PROCP_KILL, (u32)pid, signo, 0, 0, &b);
}

i64 rt_sys_rt_tgsigqueueinfo(u64 tgid, u64 tid, u64 signo, u64 info)
{
	struct weft_siginfo si;
	i64 r = siginfo_in(info, signo, &si);

	if (r)
		return r;
	if ((i32)tgid <= 0)
		return -EINVAL;
	if ((u32)tgid != rt_tp()->pid && (si.code >= 0 || si.code == SI_TKILL))
		return -EPERM;
	return to_thread(tgid, tid, signo, &si);
}

i64 rt_sys_pidfd_open(u64 pid, u64 flags)
{
	struct rt_proc *p = rt_proc();
	i32 got[1];
	struct weft_req q = {.op = PROCP_PIDFD, .flags = WEFT_REQ_CLOEXEC, .max_fds = 1, .args = {(u32)pid, !!(flags & O_NONBLOCK)}, .fds_out = (u64)got};

	if ((i32)pid <= 0 || (flags & ~(u64)O_NONBLOCK))
		return -EINVAL;
	i64 r = p->proc < 0 ? -EPERM : NC(FD_CALL, p->proc, &q);
	if (r < 0)
		return r;
	return q.nfds_out == 1 ? got[0] : -EIO;
}

/* A directory /proc/PID serves as a pidfd for signals. */
static i64 proc_dir_pid(i32 fd)
{
	char path[64];
	i64 n = rt_fd_path(fd, path, sizeof(path)), pid = 0;

	if (n < 7 || memcmp(path, "/proc/", 6))
		return 0;
	for (i64 i = 6; i < n; i++) {
		if (path[i] < '0' || path[i] > '9')
			return 0;
		pid = pid * 10 + path[i] - '0';
	}
	return pid;
}

i64 rt_sys_pidfd_send_signal(u64 fd, u64 signo, u64 info, u64 flags)
{
	struct weft_fd_info fi;
	struct weft_siginfo si;

	if (flags & ~7ul)
		return -EINVAL;
	i64 type = rt_fd_type(fd), pid;
	if (type < 0)
		return type;
	rt_fd_info(fd, &fi);
	pid = type == WEFT_OBJ_PROCESS ? (i64)fi.koid2 : proc_dir_pid(fd);
	if (pid <= 0)
		return -EBADF;
	if (!info)
		return rt_sys_kill(pid, signo);
	i64 r = siginfo_in(info, signo, &si);
	return r ? r : rt_sys_rt_sigqueueinfo(pid, signo, info);
}

i64 rt_sys_pidfd_getfd(u64 pidfd, u64 fd, u64 flags)
{
	struct rt_proc *p = rt_proc();
	i32 got[1], send = pidfd;
	struct weft_req q = {.op = PROCP_PIDFD_GETFD, .flags = WEFT_REQ_CLOEXEC, .nfds = 1, .max_fds = 1, .args = {(u32)fd}, .fds = (u64)&send, .fds_out = (u64)got};

	if (flags)
		return -EINVAL;
	i64 type = rt_fd_type(pidfd);
	if (type != WEFT_OBJ_PROCESS)
		return -EBADF;
	i64 r = p->proc < 0 ? -EPERM : NC(FD_CALL, p->proc, &q);
	return r < 0 ? r : q.nfds_out == 1 ? got[0] : -EIO;
}

/* Priorities. Our own nice value is kept here and becomes the kernel's priority; others' by servers/proc. */
static u32 prio_of_nice(i32 nice)
{
	return WEFT_PRIO_NORMAL - nice * 7 / 20;
}

i64 rt_sys_getpriority(u64 which, u64 who)
{
	if (which > 2)
		return -EINVAL;
	if (which == 0 && (!(u32)who || (u32)who == rt_tp()->pid || (u32)who == rt_tp()->tid))
		return 20 - rt_thread()->nice;
	i64 r = rt_ask_proc(PROCP_GETPRIORITY, which, (u32)who, 0, 0, NULL);
	return r;
}

i64 rt_sys_setpriority(u64 which, u64 who, u64 nice)
{
	struct rt_thread *t = rt_thread();
	struct weft_identity id;
	i32 n = MAX(MIN((i32)nice, 19), -20);

	if (which > 2)
		return -EINVAL;
	if (which == 0 && (!(u32)who || (u32)who == rt_tp()->pid || (u32)who == rt_tp()->tid)) {
		identity(&id);
		i64 floor = 20 - (i64)MIN(rt_proc()->limits[RLIMIT_NICE].cur, 40ul);
		if (n < t->nice && n < floor && !(id.cap_effective & (1ul << 23)))
			return -EACCES;
		t->nice = n;
		NC(THREAD_CTL, -1, 0, WEFT_THREAD_SET_PRIO, prio_of_nice(n), 0);
		return 0;
	}
	return rt_ask_proc(PROCP_SETPRIORITY, which, (u32)who, (u64)(i64)n, 0, NULL);
}
