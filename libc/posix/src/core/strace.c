/* SPDX-License-Identifier: MIT */
/* WEFT_STRACE=1: each call as a line on the fd that was 2 at the start. Letters of the table say how an argument is shown. */
#include "rt.h"
#include "calls.h"

struct call_info {
	const char *name, *args;
};
static const struct call_info infos[RT_CALLS] = {
#define CALL(nr, name, args, state) [nr] = {#name, args},
#define NONE(nr, name, args) [nr] = {#name, args},
#include "calls.def"
#undef CALL
#undef NONE
};

static const char *const errnos[] = {"0", "EPERM", "ENOENT", "ESRCH", "EINTR", "EIO", "ENXIO", "E2BIG", "ENOEXEC", "EBADF", "ECHILD", "EAGAIN", "ENOMEM",
	"EACCES", "EFAULT", "ENOTBLK", "EBUSY", "EEXIST", "EXDEV", "ENODEV", "ENOTDIR", "EISDIR", "EINVAL", "ENFILE", "EMFILE", "ENOTTY", "ETXTBSY", "EFBIG",
	"ENOSPC", "ESPIPE", "EROFS", "EMLINK", "EPIPE", "EDOM", "ERANGE", "EDEADLK", "ENAMETOOLONG", "ENOLCK", "ENOSYS", "ENOTEMPTY", "ELOOP"};

static int show_string(char *buf, u32 room, u64 s)
{
	char text[48];
	i64 n = rt_copy_string(text, (const char *)s, sizeof(text) - 1);

	if (n < 0)
		return rt_format(buf, room, "0x%lx", s);
	text[n] = 0;
	for (i64 i = 0; i < n; i++)
		if (text[i] < 32 || text[i] > 126)
			text[i] = '.';
	return rt_format(buf, room, "\"%s\"%s", text, n == sizeof(text) - 1 ? "..." : "");
}

static int show_call(char *buf, u32 room, const struct rt_frame *f)
{
	const u64 a[6] = {f->regs.rdi, f->regs.rsi, f->regs.rdx, f->regs.r10, f->regs.r8, f->regs.r9};
	const struct call_info *c = f->orig >= 0 && f->orig < RT_CALLS ? &infos[f->orig] : NULL;
	const char *args = c && c->args ? c->args : "xxxxxx";
	int n = c && c->name ? rt_format(buf, room, "[%u] %s(", rt_tp()->tid, c->name) : rt_format(buf, room, "[%u] call_%ld(", rt_tp()->tid, f->orig);

	for (u32 i = 0; i < 6 && args[i]; i++) {
		if (i)
			n += rt_format(buf + n, room - n, ", ");
		switch (args[i]) {
		case 'd':
			n += rt_format(buf + n, room - n, "%d", (i32)a[i]);
			break;
		case 'l':
			n += rt_format(buf + n, room - n, "%ld", (i64)a[i]);
			break;
		case 's':
			n += show_string(buf + n, room - n, a[i]);
			break;
		default:
			n += rt_format(buf + n, room - n, "0x%lx", a[i]);
		}
	}
	return n + rt_format(buf + n, room - n, ")");
}

static void show(const char *buf, u32 n)
{
	i32 fd = rt_proc()->trace;

	if (fd < 0)
		NC(SYS_CTL, -1, WEFT_SYS_LOG, buf, n, 0);
	else
		NC(FD_WRITE, fd, buf, n, -1l, 0);
}

i64 rt_traced_call(struct rt_frame *f)
{
	const struct weft_regs *r = &f->regs;
	char line[320];
	i64 result, nr = f->orig;
	int n = show_call(line, sizeof(line) - 32, f);

	/* What does not come back is told before. */
	if (nr == 59 || nr == 60 || nr == 231 || nr == 322 || nr == 15) {
		line[n++] = '\n';
		show(line, n);
	}
	result = (u64)nr >= RT_CALLS ? rt_unserved(nr) : rt_call_table[nr](r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9);
	if (result < 0 && -result < (i64)ARRAY_SIZE(errnos))
		n += rt_format(line + n, sizeof(line) - n, " = -%s\n", errnos[-result]);
	else if (result < 0 && result > -4096)
		n += rt_format(line + n, sizeof(line) - n, " = %ld\n", result);
	else
		n += rt_format(line + n, sizeof(line) - n, result > 0xffff ? " = 0x%lx\n" : " = %lu\n", (u64)result);
	show(line, n);
	return result;
}

/* Where the fault was: the mappings around it. */
static void show_maps(u64 addr)
{
	struct weft_vma v[4];
	char line[160];
	u64 low = addr > 0x100000 ? addr - 0x100000 : 0;
	i64 n = NC(MEM_QUERY, -1, WEFT_QUERY_VMAS, low, 0x200000, v, 4);

	for (i64 i = 0; i < n; i++)
		show(line, rt_format(line, sizeof(line), "      0x%lx-0x%lx prot 0x%x offset 0x%lx %s\n", v[i].start, v[i].end, v[i].prot_flags,
					v[i].offset, v[i].name));
}

void rt_trace_signal(int signo)
{
	char line[160];

	show(line, rt_format(line, sizeof(line), "[%u] --- signal %d rip 0x%lx cause %u addr 0x%lx rsp 0x%lx ---\n", rt_tp()->tid, signo, rt_tp()->program.regs.rip, rt_tp()->program.cause, rt_tp()->program.address, rt_tp()->program.regs.rsp));
	if (rt_tp()->program.cause != WEFT_CAUSE_SIGNAL)
		show_maps(rt_tp()->program.address);
}

void rt_trace_fault(const struct rt_frame *f, const struct weft_upcall *u)
{
	char line[256];

	show(line, rt_format(line, sizeof(line), "[%u] fault: cause %u vector %u error %lx address %lx rip %lx rsp %lx rax %lx rdi %lx\n", rt_tp()->tid, u->cause,
			   u->vector, u->error, u->address, f->regs.rip, f->regs.rsp, f->regs.rax, f->regs.rdi));
}
