/* SPDX-License-Identifier: MIT */
#include <native/call.h>
#include <native/fork.h>
#include <string.h>

_Static_assert(offsetof(struct weft_regs, rsp) == 56 && offsetof(struct weft_regs, r12) == 96 && offsetof(struct weft_regs, rip) == 128 &&
		offsetof(struct weft_regs, rflags) == 136,
	"crt.S knows these");

i32 native_fork(u32 flags, i32 *proc)
{
	struct weft_proc_new n;
	memset(&n, 0, sizeof n);
	if (native_save_regs(&n.thread.regs))
		return 0;
	n.flags = flags | WEFT_PROC_COPY_AS | (flags & WEFT_PROC_SHARE_FDS ? 0 : WEFT_PROC_COPY_FDS) | (proc ? WEFT_PROC_FD : 0);
	n.as = n.ns = n.ident_auth = n.proc_fd = -1;
	n.thread.proc = -1;
	strcpy(n.name, "fork");
	i64 pid = weft_proc_create(PTR(&n), sizeof n);
	if (pid > 0 && proc)
		*proc = n.proc_fd;
	return (i32)pid;
}
