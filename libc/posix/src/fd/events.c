/* SPDX-License-Identifier: MIT */
/* Pipes, eventfd, epoll, poll and select on the kernel's objects. */
#include "fd.h"
#include "../core/calls.h"

i64 rt_sys_pipe2(u64 out, u64 flags)
{
	i32 fds[2];

	if (flags & ~(u64)(O_CLOEXEC | O_NONBLOCK | O_DIRECT | 0200))
		return -EINVAL;
	i64 r = NC(OBJ_CREATE, WEFT_OBJ_PIPE, 0, 0, rt_obj_flags(flags), fds);
	if (r < 0)
		return r;
	if (flags & O_NONBLOCK) {
		NC(FD_CTL, fds[0], WEFT_FD_SET_STATUS, O_NONBLOCK, 0);
		NC(FD_CTL, fds[1], WEFT_FD_SET_STATUS, O_NONBLOCK, 0);
	}
	if (copy_out(out, fds, sizeof(fds))) {
		NC(FD_CLOSE, fds[0]);
		NC(FD_CLOSE, fds[1]);
		return -EFAULT;
	}
	return 0;
}

i64 rt_sys_pipe(u64 out)
{
	return rt_sys_pipe2(out, 0);
}

#define EFD_SEMAPHORE 1u
i64 rt_sys_eventfd2(u64 initial, u64 flags)
{
	if (flags & ~(u64)(O_CLOEXEC | O_NONBLOCK | EFD_SEMAPHORE))
		return -EINVAL;
	return rt_obj_create(WEFT_OBJ_COUNTER, (u32)initial, flags & EFD_SEMAPHORE, flags);
}

i64 rt_sys_eventfd(u64 initial)
{
	return rt_sys_eventfd2(initial, 0);
}

i64 rt_sys_epoll_create1(u64 flags)
{
	if (flags & ~(u64)O_CLOEXEC)
		return -EINVAL;
	return rt_obj_create(WEFT_OBJ_POLLSET, 0, 0, flags);
}

i64 rt_sys_epoll_create(u64 size)
{
	return (i32)size <= 0 ? -EINVAL : rt_sys_epoll_create1(0);
}

i64 rt_sys_epoll_ctl(u64 set, u64 op, u64 fd, u64 event)
{
	static const u8 ops[] = {0, WEFT_POLL_ADD, WEFT_POLL_DEL, WEFT_POLL_MOD};
	struct weft_poll_event ev = {0};

	PROGRAM_FD(set);
	PROGRAM_FD(fd);
	if (op < 1 || op > 3)
		return -EINVAL;
	if (op != 2 && copy_in(&ev, event, sizeof(ev)))
		return -EFAULT;
	if ((i32)set == (i32)fd)
		return NC(FD_CTL, (i32)fd, WEFT_FD_GET_FLAGS, 0, 0) < 0 ? -EBADF : -EINVAL;
	if (op == 1) {
		/* Files and directories are always ready: Linux does not take them. */
		struct weft_fd_info info;
		i64 r = rt_fd_info(fd, &info);
		if (r < 0)
			return r;
		u32 kind = info.attr.mode & S_IFMT;
		if (info.type == WEFT_OBJ_MEM || (info.type == WEFT_OBJ_HANDLE && (kind == S_IFREG || kind == S_IFDIR)))
			return rt_fd_type(set) == WEFT_OBJ_POLLSET ? -EPERM : rt_fd_type(set) < 0 ? -EBADF : -EINVAL;
	}
	return NC(POLL_CTL, (i32)set, ops[op], (i32)fd, &ev);
}

static i64 epoll_wait_until(u64 set, u64 events, u64 max, i64 deadline)
{
	PROGRAM_FD(set);
	if ((i32)max <= 0 || max > INT32_MAX / sizeof(struct weft_poll_event))
		return -EINVAL;
	i64 r = UNLESS_IGNORED(NC(POLL_WAIT, (i32)set, events, (i32)max, deadline));
	return r == -ETIMEDOUT ? 0 : r; /* EINTR whatever SA_RESTART says */
}

static i64 ms_deadline(i64 ms)
{
	return ms < 0 ? WEFT_FOREVER : ms == 0 ? WEFT_NOW : rt_deadline_after(ms * 1000000ul);
}

i64 rt_sys_epoll_wait(u64 set, u64 events, u64 max, u64 timeout)
{
	return epoll_wait_until(set, events, max, ms_deadline((i32)timeout));
}

static i64 with_mask(i64 r)
{
	if (r == -EINTR)
		r = -ERESTARTNOHAND; /* a handler makes it EINTR again; the mask is put back by delivery */
	rt_pop_mask(r);
	return r;
}

i64 rt_sys_epoll_pwait(u64 set, u64 events, u64 max, u64 timeout, u64 mask, u64 size)
{
	int err = rt_push_mask(mask, size);

	if (err)
		return err;
	return with_mask(epoll_wait_until(set, events, max, ms_deadline((i32)timeout)));
}

i64 rt_sys_epoll_pwait2(u64 set, u64 events, u64 max, u64 timeout, u64 mask, u64 size)
{
	i64 deadline = WEFT_FOREVER, r;

	if (timeout) {
		r = rt_deadline_relative(timeout, &deadline);
		if (r)
			return r;
	}
	r = rt_push_mask(mask, size);
	return r ? r : with_mask(epoll_wait_until(set, events, max, deadline));
}

/* poll: the kernel reads and writes the program's array itself. */
static i64 poll_limit(u64 n)
{
	return n > (u64)NC(FD_CTL, 0, WEFT_FD_LIMIT, -1l, 0) ? -EINVAL : 0;
}

static i64 poll_until(u64 fds, u64 n, i64 deadline)
{
	i64 r = UNLESS_IGNORED(NC(FD_POLL, fds, n, deadline));

	return r == -ETIMEDOUT ? 0 : r;
}

static i64 poll_restartable(u64 fds, u64 n, i64 deadline)
{
	i64 r = poll_until(fds, n, deadline);

	if (r == -EINTR) {
		struct rt_thread *t = rt_thread();
		t->restart_kind = RESTART_POLL;
		t->restart_deadline = deadline;
		t->restart_args[0] = fds;
		t->restart_args[1] = n;
		return -ERESTART_BLOCK;
	}
	return r;
}

i64 rt_poll_restart(void);
i64 rt_poll_restart(void)
{
	struct rt_thread *t = rt_thread();

	return poll_restartable(t->restart_args[0], t->restart_args[1], t->restart_deadline);
}

i64 rt_sys_poll(u64 fds, u64 n, u64 timeout)
{
	n = (u32)n;
	if (n > 64 && poll_limit(n))
		return -EINVAL;
	return poll_restartable(fds, n, ms_deadline((i32)timeout));
}

/* What is left of a relative timeout goes back to the program, as Linux does. */
static void timeout_out(u64 ts, i64 deadline, u64 unit)
{
	if (!ts || deadline == WEFT_FOREVER)
		return;
	i64 now = rt_now();
	u64 left = deadline > now ? deadline - now : 0;
	u64 v[2] = {left / NSEC, left % NSEC / unit};
	copy_out(ts, v, sizeof(v));
}

i64 rt_sys_ppoll(u64 fds, u64 n, u64 timeout, u64 mask, u64 size)
{
	i64 deadline = WEFT_FOREVER, r;

	n = (u32)n;
	if (timeout) {
		r = rt_deadline_relative(timeout, &deadline);
		if (r)
			return r;
	}
	if (n > 64 && poll_limit(n))
		return -EINVAL;
	r = rt_push_mask(mask, size);
	if (r)
		return r;
	r = with_mask(poll_until(fds, n, deadline));
	timeout_out(timeout, deadline, 1);
	return r;
}

/* select by poll. Sets have room for 1024 fds at most on the runtime's stack; more are refused (glibc's FD_SETSIZE is 1024). */
#define SELECT_MAX 1024
#define SELECT_IN (WEFT_POLLIN | WEFT_POLLHUP | WEFT_POLLERR)
#define SELECT_OUT (WEFT_POLLOUT | WEFT_POLLERR)

static i64 select_until(u64 n, const u64 user[3], i64 deadline)
{
	u64 sets[3][SELECT_MAX / 64];
	struct weft_pollfd fds[SELECT_MAX];
	u32 count = 0, bytes, words;
	i64 ready = 0;

	if ((i32)n < 0)
		return -EINVAL;
	n = MIN(n, (u64)SELECT_MAX);
	words = (n + 63) / 64;
	bytes = words * 8;
	for (int i = 0; i < 3; i++) {
		memset(sets[i], 0, bytes);
		if (user[i] && copy_in(sets[i], user[i], bytes))
			return -EFAULT;
	}
	for (u32 fd = 0; fd < n; fd++) {
		u64 bit = 1ul << (fd & 63);
		u32 w = fd / 64, want = 0;
		if (!((sets[0][w] | sets[1][w] | sets[2][w]) & bit))
			continue;
		want |= sets[0][w] & bit ? WEFT_POLLIN : 0;
		want |= sets[1][w] & bit ? WEFT_POLLOUT : 0;
		want |= sets[2][w] & bit ? WEFT_POLLPRI : 0;
		fds[count++] = (struct weft_pollfd){.fd = fd, .events = want};
	}
	i64 r = poll_until((u64)fds, count, deadline);
	if (r < 0)
		return r;
	for (u32 i = 0; i < count; i++)
		if (fds[i].revents & WEFT_POLLNVAL)
			return -EBADF;
	u64 out[3][SELECT_MAX / 64];
	memset(out, 0, sizeof(out));
	for (u32 i = 0; i < count; i++) {
		u32 w = fds[i].fd / 64, got = (u16)fds[i].revents;
		u64 bit = 1ul << (fds[i].fd & 63);
		if ((got & SELECT_IN) && (sets[0][w] & bit))
			out[0][w] |= bit, ready++;
		if ((got & SELECT_OUT) && (sets[1][w] & bit))
			out[1][w] |= bit, ready++;
		if ((got & WEFT_POLLPRI) && (sets[2][w] & bit))
			out[2][w] |= bit, ready++;
	}
	for (int i = 0; i < 3; i++)
		if (user[i] && copy_out(user[i], out[i], bytes))
			return -EFAULT;
	return ready;
}

i64 rt_sys_select(u64 n, u64 in, u64 out, u64 ex, u64 timeout)
{
	u64 user[3] = {in, out, ex};
	i64 deadline = WEFT_FOREVER;
	struct timeval64 tv;

	if (timeout) {
		if (copy_in(&tv, timeout, sizeof(tv)))
			return -EFAULT;
		if (tv.sec < 0 || tv.usec < 0)
			return -EINVAL;
		u64 sec = tv.sec + tv.usec / 1000000;
		deadline = sec > INT64_MAX / NSEC - 1 ? WEFT_FOREVER : rt_deadline_after(sec * NSEC + tv.usec % 1000000 * 1000);
	}
	i64 r = select_until(n, user, deadline);
	timeout_out(timeout, deadline, 1000);
	return rt_intr(r, ERESTARTNOHAND);
}

i64 rt_sys_pselect6(u64 n, u64 in, u64 out, u64 ex, u64 timeout, u64 sig)
{
	u64 user[3] = {in, out, ex}, mask[2] = {0, 0};
	i64 deadline = WEFT_FOREVER, r;

	if (sig && copy_in(mask, sig, sizeof(mask)))
		return -EFAULT;
	if (timeout) {
		r = rt_deadline_relative(timeout, &deadline);
		if (r)
			return r;
	}
	r = rt_push_mask(mask[0], mask[1]);
	if (r)
		return r;
	r = with_mask(select_until(n, user, deadline));
	timeout_out(timeout, deadline, 1);
	return r;
}
