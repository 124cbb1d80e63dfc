/* SPDX-License-Identifier: MIT */
#ifndef RT_FD_H
#define RT_FD_H

#include "../time/clock.h"

/* A program names numbered fds only: the private range does not exist for it. */
#define PROGRAM_FD(fd)                                                                             \
	do {                                                                                       \
		if (unlikely((u32)(fd) >= WEFT_FD_PRIVATE))                                        \
			return -EBADF;                                                             \
	} while (0)
/* Repeats an interrupted native call while only ignored signals are pending. */
#define UNLESS_IGNORED(call)                                                                       \
	({                                                                                         \
		i64 r_;                                                                            \
		do                                                                                 \
			r_ = (call);                                                               \
		while (unlikely(r_ == -EINTR) && rt_drop_ignored());                               \
		r_;                                                                                \
	})

enum { F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_SETOWN, F_GETOWN, F_SETSIG, F_GETSIG,
	F_SETOWN_EX = 15, F_GETOWN_EX, F_GETOWNER_UIDS, F_OFD_GETLK = 36, F_OFD_SETLK, F_OFD_SETLKW, F_SETLEASE = 1024, F_GETLEASE, F_NOTIFY,
	F_DUPFD_QUERY, F_DUPFD_CLOEXEC = 1030, F_SETPIPE_SZ, F_GETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS, F_GET_RW_HINT, F_SET_RW_HINT, F_GET_FILE_RW_HINT,
	F_SET_FILE_RW_HINT };

i64 rt_sock_write(i32 fd, u64 iov, u64 n); /* message.c: a write that wants a destination */

/* lock.c. Closing any fd of a file ends the process's record locks on it: told before an fd closes. */
i64 rt_record_lock(u64 fd, u32 cmd, u64 arg);
void rt_lock_closing_any(struct rt_proc *p, i32 fd);
static inline void rt_lock_closing(i32 fd)
{
	struct rt_proc *p = rt_proc();

	if (unlikely(p->nlocked))
		rt_lock_closing_any(p, fd);
}
void rt_lock_closing_range(u32 lo, u32 hi, bool cloexec_only);
/*
 * A socket with SO_RCVTIMEO or SO_SNDTIMEO is tried without blocking and waited for until its deadline; any other fd is simply
 * called. WEFT_FOREVER: no timeout. The wait gives 0, -EAGAIN when it is too late, or -ERESTARTNOHAND.
 */
u64 rt_sock_timeout_any(i32 fd, bool send);
i64 rt_sock_wait(i32 fd, bool send, u64 deadline);
static inline u64 rt_sock_timeout(i32 fd, bool send)
{
	return likely(!rt_proc()->sock_special) ? (u64)WEFT_FOREVER : rt_sock_timeout_any(fd, send);
}
#define SOCK_TIMED(fd, send, call, nonblocking)                                                    \
	({                                                                                         \
		u64 until_ = rt_sock_timeout(fd, send);                                            \
		i64 t_;                                                                            \
		if (likely(until_ == (u64)WEFT_FOREVER))                                           \
			t_ = UNLESS_IGNORED(call);                                                 \
		else                                                                               \
			do                                                                         \
				t_ = (nonblocking);                                                \
			while (t_ == -EAGAIN && (t_ = rt_sock_wait(fd, send, until_)) == 0);       \
		t_;                                                                                \
	})

/* enum weft_obj of a program's fd, or -EBADF */
i64 rt_fd_type(u64 fd);
i64 rt_raise(int signo); /* to the calling thread, as the kernel's own doing */
#define RW_MAX 0x7ffff000ul

#endif
