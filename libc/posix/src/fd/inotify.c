/* SPDX-License-Identifier: MIT */
/*
 * inotify: the program's fd is the receiving end of a seqpacket channel, on which servers post events. The sender end stays here, by the
 * receiving end's number, and is given along with each watch.
 */
#include "../path/path.h"
#include "../core/calls.h"

#define IN_DONT_FOLLOW 0x02000000u
#define IN_ONLYDIR 0x01000000u

i64 rt_sys_inotify_init1(u64 flags)
{
	struct rt_proc *p = rt_proc();
	struct weft_fd_info info;
	i32 fds[2];
	u32 i;

	if (flags & ~(u64)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	i64 r = NC(OBJ_CREATE, WEFT_OBJ_CHANNEL, WEFT_CHAN_SEQPACKET, 0, rt_obj_flags(flags), fds);
	if (r < 0)
		return r;
	if (flags & O_NONBLOCK)
		NC(FD_CTL, fds[0], WEFT_FD_SET_STATUS, O_NONBLOCK, 0);
	i32 sender = rt_private(fds[1]);
	rt_fd_info(fds[0], &info);
	rt_lock_take(&p->misc_lock);
	for (i = 0; i < RT_INOTIFIES && p->inotify[i].object; i++)
		if (NC(FD_CTL, p->inotify[i].sender, WEFT_FD_READY, 0, 0) & WEFT_POLLHUP) { /* the program closed its end */
			NC(FD_CLOSE, p->inotify[i].sender);
			p->inotify[i].object = 0;
			break;
		}
	if (i < RT_INOTIFIES)
		p->inotify[i] = (struct rt_inotify){.object = info.object, .sender = sender};
	rt_lock_drop(&p->misc_lock);
	if (i == RT_INOTIFIES) {
		NC(FD_CLOSE, sender);
		NC(FD_CLOSE, fds[0]);
		return -EMFILE;
	}
	return fds[0];
}

i64 rt_sys_inotify_init(void)
{
	return rt_sys_inotify_init1(0);
}

static i32 sender_of(u64 fd)
{
	struct rt_proc *p = rt_proc();
	struct weft_fd_info info;

	PROGRAM_FD(fd);
	if (rt_fd_info(fd, &info) < 0)
		return -EBADF;
	for (u32 i = 0; i < RT_INOTIFIES; i++)
		if (p->inotify[i].object == info.object)
			return p->inotify[i].sender;
	return -EINVAL;
}

i64 rt_sys_inotify_add_watch(u64 fd, u64 user, u64 mask)
{
	char path[PATH_MAX];
	i64 sender = sender_of(fd), n;

	if (sender < 0)
		return sender;
	if (!(mask & 0xfff))
		return -EINVAL;
	n = rt_path_in(path, user, false);
	if (n < 0)
		return n;
	struct path_call c = {.op = FSP_WATCH, .req_flags = WEFT_REQ_NOINTR, .dirfd = AT_FDCWD, .path = path, .len = n, .arg0 = (u32)mask,
		.walk = (mask & IN_DONT_FOLLOW ? FSP_WALK_NOFOLLOW : 0) | (mask & IN_ONLYDIR ? FSP_WALK_DIRECTORY : 0), .send = {sender}, .nsend = 1};
	i64 r = rt_path_do(&c);
	return r < 0 ? r : (i64)c.out[2];
}

i64 rt_sys_inotify_rm_watch(u64 fd, u64 wd)
{
	struct rt_proc *p = rt_proc();
	i32 sender = sender_of(fd);

	if (sender < 0)
		return sender;
	/* Watch descriptors are unique over a channel's servers: the one that made it knows it. */
	for (u32 i = 0; i <= p->nmounts; i++) {
		struct weft_req q = {.op = FSP_UNWATCH, .flags = WEFT_REQ_NOINTR, .nfds = 1, .args = {(u32)wd}, .fds = (u64)&sender};
		if (NC(FD_CALL, i < p->nmounts ? p->mounts[i].root : p->root, &q) >= 0)
			return 0;
	}
	return -EINVAL;
}
