/* SPDX-License-Identifier: MIT */
/*
 * The native calls. Number in rax (WEFT_CALL_BASE + index), arguments in rdi, rsi, rdx, r10, r8,
 * r9, result in rax; rcx and r11 are clobbered. Any other number is reflected to the process's
 * runtime (see thread.h), or is answered with -ENOSYS where no runtime is registered.
 *
 * The table is the only list of calls: the kernel's dispatch, libc/native's stubs and the tests are
 * made from it: fds (object.h), schemes (scheme.h), memory (mem.h), processes and threads
 * (thread.h), synchronisation and time (event.h), channels (chan.h), the machine (sys.h).
 * X(NAME, name, number of arguments)
 */
#ifndef WEFT_CALL_H
#define WEFT_CALL_H

#define WEFT_CALL_BASE 0x1000

/* clang-format off */
#define WEFT_CALLS(X) \
	X(FD_CLOSE, fd_close, 1)	     /* fd */ \
	X(FD_CLOSE_RANGE, fd_close_range, 3) /* lo, hi, flags */ \
	X(FD_DUP, fd_dup, 4)		     /* fd, where, flags, rights -> fd */ \
	X(FD_CTL, fd_ctl, 4)		     /* fd, op, a, b */ \
	X(FD_READ, fd_read, 5)		     /* fd, buf|iov, len|n, offset, flags -> bytes */ \
	X(FD_WRITE, fd_write, 5)	     /* fd, buf|iov, len|n, offset, flags -> bytes */ \
	X(FD_CALL, fd_call, 2)		     /* fd, weft_req * -> result */ \
	X(FD_POLL, fd_poll, 3)		     /* weft_pollfd *, n, deadline -> ready fds */ \
	X(OBJ_CREATE, obj_create, 5)	     /* kind, a, b, flags, i32 fds[2] */ \
	X(SCHEME_CREATE, scheme_create, 3)   /* flags, i32 fds[2] {server, endpoint}, weft_scheme_limits *or0 */ \
	X(SCHEME_SERVE, scheme_serve, 6)     /* fd, weft_cqe *, ncqe, weft_sqe *, nsqe, deadline -> nsqe */ \
	X(SCHEME_CTL, scheme_ctl, 5)	     /* fd, op, a, b, c */ \
	X(REQ_COPY, req_copy, 6)	     /* fd, tag, buffer|dir, offset, local, len -> bytes */ \
	X(NS_CTL, ns_ctl, 5)		     /* ns fd or -1, op, name, len, a */ \
	X(IDENT_CTL, ident_ctl, 4)	     /* authority fd or -1, op, number, weft_identity * */ \
	X(AS_CREATE, as_create, 1)	     /* flags -> fd */ \
	X(MEM_CREATE, mem_create, 5)	     /* kind, size, fd, arg, flags -> fd */ \
	X(MEM_MAP, mem_map, 6)		     /* as or -1, addr, len, prot|flags, mem fd or -1, off -> addr */ \
	X(MEM_UNMAP, mem_unmap, 3)	     /* as or -1, addr, len */ \
	X(MEM_PROTECT, mem_protect, 4)	     /* as or -1, addr, len, prot */ \
	X(MEM_REMAP, mem_remap, 5)	     /* addr, old len, new len, flags, new addr -> addr */ \
	X(MEM_ADVISE, mem_advise, 3)	     /* addr, len, advice */ \
	X(MEM_QUERY, mem_query, 6)	     /* as or -1, op, addr, len, buffer, n -> n */ \
	X(MEM_CTL, mem_ctl, 5)		     /* mem fd, op, a, b, c */ \
	X(MEM_PIN, mem_pin, 6)		     /* mem fd, off, len, res fd, u64 bus[], n -> pin fd */ \
	X(PAGER_COPY, pager_copy, 6)	     /* mem fd, op, off, buf, len, flags */ \
	X(PROC_CREATE, proc_create, 2)	     /* weft_proc_new *, size -> pid */ \
	X(PROC_CTL, proc_ctl, 5)	     /* proc fd or -1, op, a, b, c */ \
	X(PROC_EXEC, proc_exec, 2)	     /* weft_exec *, size; does not return on success */ \
	X(PROC_EXIT, proc_exit, 1)	     /* wait status */ \
	X(PROC_WAIT, proc_wait, 4)	     /* which, id, options, weft_exit * -> pid or 0 */ \
	X(THREAD_CREATE, thread_create, 2)   /* weft_thread_new *, size -> tid */ \
	X(THREAD_EXIT, thread_exit, 0) \
	X(THREAD_CTL, thread_ctl, 5)	     /* proc fd or -1, tid or 0, op, a, b */ \
	X(SIG_POST, sig_post, 4)	     /* proc fd or -1, tid or 0, signal, weft_siginfo *or0 */ \
	X(SIG_TAKE, sig_take, 3)	     /* mask, weft_siginfo *, deadline -> signal */ \
	X(FUTEX, futex, 6)		     /* op, u32 *, val, deadline | n, u32 *2, val3 */ \
	X(SLEEP, sleep, 2)		     /* clock, deadline */ \
	X(YIELD, yield, 0) \
	X(TIMER_SET, timer_set, 3)	     /* fd, weft_timer_spec *, old * */ \
	X(POLL_CTL, poll_ctl, 4)	     /* set, op, fd, weft_poll_event * */ \
	X(POLL_WAIT, poll_wait, 4)	     /* set, weft_poll_event *, n, deadline -> n */ \
	X(CHAN_SEND, chan_send, 3)	     /* fd, weft_msg *, flags -> bytes */ \
	X(CHAN_RECV, chan_recv, 3)	     /* fd, weft_msg *, flags -> bytes */ \
	X(SYS_CTL, sys_ctl, 5)		     /* authority fd or -1, op, a, b, c */ \
	X(NULL_CALL, null_call, 0)	     /* does nothing; for measuring */

/* clang-format on */

enum weft_call {
#define X(N, n, a) WEFT_CALL_IDX_##N,
	WEFT_CALLS(X)
#undef X
		WEFT_CALL_COUNT
};
#define WEFT_CALL(N) (WEFT_CALL_BASE + WEFT_CALL_IDX_##N)

#endif
