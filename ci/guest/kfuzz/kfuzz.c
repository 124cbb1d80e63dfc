/* SPDX-License-Identifier: MIT */
/*
 * kfuzz [SEED [CALLS [THREADS]]]: native calls with random and boundary arguments, from several threads of several processes at once.
 * Each worker is a process that may be killed, may run wild over its own memory and fds, and is replaced until all calls are made. It
 * holds resources, schemes, processes, channels: everything but what would end the run itself (power, the clock, killing by pid).
 * Good if the kernel lives, no worker hangs beyond being killed, and the kernel's objects are back where they were.
 */
#include <native/call.h>
#include <native/fork.h>
#include <native/start.h>
#include <native/thread.h>
#include <native/time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNTS (WEFT_OBJ_COUNT + 2)
#define WORKERS 4
#define THREADS_MAX 8
#define AREA (64ul << 12)
#define POOL_FDS 48

struct shared {
	u64 done;		   /* calls made, by all */
	u64 by_call[WEFT_CALL_COUNT];
	u64 good[WEFT_CALL_COUNT]; /* that gave 0 or more */
	u64 deaths;
};
static struct shared *shared;
static u64 wanted = 1000000;
static u32 nthreads = 3;
static u8 *area; /* where pointers point to: mapped, half of it read-only, a hole behind */
static i32 limited; /* a resource without power and clock */

struct random {
	u64 s;
};

static u64 next(struct random *r)
{
	r->s ^= r->s << 13;
	r->s ^= r->s >> 7;
	r->s ^= r->s << 17;
	return r->s * 0x2545f4914f6cdd1dul;
}

static u64 below(struct random *r, u64 n)
{
	return next(r) % n;
}

static const u64 boundary[] = {0, 1, 2, 7, 8, 63, 64, 65, 255, 4095, 4096, 4097, 0x7fff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
	0x100000000, WEFT_FD_PRIVATE, WEFT_FD_PRIVATE + 1, WEFT_USER_MAX - 4096, WEFT_USER_MAX - 1, WEFT_USER_MAX, 0x8000000000000000,
	0xffff800000000000, 0xffffffff80000000, 0xfffffffffffff000, UINT64_MAX - 1, UINT64_MAX, INT64_MAX, WEFT_RT_MIN, WEFT_RT_MAX};
#define NBOUNDARY (sizeof boundary / sizeof boundary[0])

static u64 some_fd(struct random *r)
{
	switch (below(r, 8)) {
	case 0:
		return UINT64_MAX;
	case 1:
		return below(r, 1000);
	case 2:
	case 3:
		return WEFT_FD_PRIVATE + below(r, 24);
	default:
		return below(r, POOL_FDS);
	}
}

static u64 some_pointer(struct random *r)
{
	switch (below(r, 12)) {
	case 0:
		return boundary[below(r, NBOUNDARY)];
	case 1:
		return PTR(area) + AREA - below(r, 64); /* over the edge */
	case 2:
		return PTR(area) + AREA / 2 + (below(r, AREA / 2) & ~7ul); /* read-only */
	default:
		return PTR(area) + (below(r, AREA / 2 - 512) & ~7ul);
	}
}

static u64 some_value(struct random *r)
{
	switch (below(r, 8)) {
	case 0:
		return boundary[below(r, NBOUNDARY)];
	case 1:
		return next(r);
	case 2:
		return 1ul << below(r, 64);
	case 3:
		return some_pointer(r);
	case 4:
		return some_fd(r);
	default:
		return below(r, 32);
	}
}

/* Words that structures are made of: fds, pointers into the area, small numbers. */
static void fill(struct random *r)
{
	u64 *w = (u64 *)(area + (below(r, AREA / 2 - 1024) & ~7ul));
	for (u64 n = 1 + below(r, 40); n; n--)
		*w++ = some_value(r);
	if (below(r, 2)) {
		u32 *v = (u32 *)(area + (below(r, AREA / 2 - 1024) & ~3ul));
		for (u64 n = 1 + below(r, 24); n; n--)
			*v++ = (u32)(below(r, 2) ? some_fd(r) : some_value(r));
	}
}

/* A deadline soon, now and then one that has passed; never far off, so that a worker does not sleep for long. */
static u64 some_deadline(struct random *r)
{
	switch (below(r, 4)) {
	case 0:
		return (u64)time_monotonic() + below(r, 300000);
	case 1:
		return boundary[below(r, 8)];
	default:
		return 0;
	}
}

/* Argument kinds by call: f fd, p pointer, o operation, l length, v value, d deadline. The rest of the row is v. */
static const char *const shapes[WEFT_CALL_COUNT] = {
	[WEFT_CALL_IDX_FD_CLOSE] = "f", [WEFT_CALL_IDX_FD_CLOSE_RANGE] = "ffo", [WEFT_CALL_IDX_FD_DUP] = "ffov",
	[WEFT_CALL_IDX_FD_CTL] = "fopv", [WEFT_CALL_IDX_FD_READ] = "fplvo", [WEFT_CALL_IDX_FD_WRITE] = "fplvo",
	[WEFT_CALL_IDX_FD_CALL] = "fp", [WEFT_CALL_IDX_FD_POLL] = "pod", [WEFT_CALL_IDX_OBJ_CREATE] = "oovop",
	[WEFT_CALL_IDX_SCHEME_CREATE] = "opp", [WEFT_CALL_IDX_SCHEME_SERVE] = "fpopod", [WEFT_CALL_IDX_SCHEME_CTL] = "fovpv",
	[WEFT_CALL_IDX_REQ_COPY] = "fvovpl", [WEFT_CALL_IDX_NS_CTL] = "fopof", [WEFT_CALL_IDX_IDENT_CTL] = "fovp",
	[WEFT_CALL_IDX_AS_CREATE] = "o", [WEFT_CALL_IDX_MEM_CREATE] = "olfvo", [WEFT_CALL_IDX_MEM_MAP] = "fpllfl",
	[WEFT_CALL_IDX_MEM_UNMAP] = "fpl", [WEFT_CALL_IDX_MEM_PROTECT] = "fplo", [WEFT_CALL_IDX_MEM_REMAP] = "pllop",
	[WEFT_CALL_IDX_MEM_ADVISE] = "plo", [WEFT_CALL_IDX_MEM_QUERY] = "foplpl", [WEFT_CALL_IDX_MEM_CTL] = "fovlv",
	[WEFT_CALL_IDX_MEM_PIN] = "fllfpo", [WEFT_CALL_IDX_PAGER_COPY] = "folplo", [WEFT_CALL_IDX_PROC_CREATE] = "pl",
	[WEFT_CALL_IDX_PROC_CTL] = "fovvv", [WEFT_CALL_IDX_PROC_EXEC] = "pl", [WEFT_CALL_IDX_PROC_EXIT] = "o",
	[WEFT_CALL_IDX_PROC_WAIT] = "ovop", [WEFT_CALL_IDX_THREAD_CREATE] = "pl", [WEFT_CALL_IDX_THREAD_EXIT] = "",
	[WEFT_CALL_IDX_THREAD_CTL] = "fvovv", [WEFT_CALL_IDX_SIG_POST] = "fvop", [WEFT_CALL_IDX_SIG_TAKE] = "vpd",
	[WEFT_CALL_IDX_FUTEX] = "opvdpv", [WEFT_CALL_IDX_SLEEP] = "od", [WEFT_CALL_IDX_YIELD] = "", [WEFT_CALL_IDX_TIMER_SET] = "fpp",
	[WEFT_CALL_IDX_POLL_CTL] = "fofp", [WEFT_CALL_IDX_POLL_WAIT] = "fpod", [WEFT_CALL_IDX_CHAN_SEND] = "fpo",
	[WEFT_CALL_IDX_CHAN_RECV] = "fpo", [WEFT_CALL_IDX_SYS_CTL] = "foplv", [WEFT_CALL_IDX_NULL_CALL] = "",
};

static u64 argument(struct random *r, char kind)
{
	if (below(r, 24) == 0)
		return some_value(r);
	switch (kind) {
	case 'f':
		return some_fd(r);
	case 'p':
		return some_pointer(r);
	case 'o':
		return below(r, 4) ? below(r, 24) : below(r, 2) ? 0x100 + below(r, 8) : some_value(r);
	case 'l':
		return below(r, 3) ? below(r, 512) : below(r, 2) ? below(r, 16) << 12 : some_value(r);
	case 'd':
		return some_deadline(r);
	default:
		return some_value(r);
	}
}

static u64 last_tag; /* of a request that some thread received: racing for it is meant */

static u8 *room(struct random *r)
{
	return area + (below(r, AREA / 2 - 4096) & ~15ul);
}

static u64 make_iov(struct random *r)
{
	struct weft_iov *v = (struct weft_iov *)room(r);
	for (u32 i = 0; i < 4; i++)
		v[i] = (struct weft_iov){some_pointer(r), below(r, 3) ? below(r, 5000) : some_value(r)};
	return PTR(v);
}

static u64 make_fds(struct random *r, u32 n)
{
	i32 *v = (i32 *)room(r);
	for (u32 i = 0; i < n; i++)
		v[i] = (i32)some_fd(r);
	return PTR(v);
}

static u64 make_request(struct random *r)
{
	struct weft_req *q = (struct weft_req *)room(r);
	struct weft_buf *b = (struct weft_buf *)room(r);
	for (u32 i = 0; i < 16; i++)
		b[i] = (struct weft_buf){some_pointer(r), (u32)below(r, 9000), 1 + (u32)below(r, 3)};
	*q = (struct weft_req){.op = (u16)(WEFT_OP_USER + below(r, 4)), .flags = (u16)(below(r, 16) & ~4u), .nbufs = (u8)below(r, 5),
		.nfds = (u8)below(r, 3), .max_fds = (u8)below(r, 5), .args = {some_value(r), some_value(r)}, .bufs = PTR(b)};
	q->fds = make_fds(r, 16);
	q->fds_out = PTR(room(r));
	return PTR(q);
}

static u64 make_replies(struct random *r)
{
	struct weft_cqe *c = (struct weft_cqe *)room(r);
	struct weft_reply_fd *f = (struct weft_reply_fd *)room(r);
	for (u32 i = 0; i < 4; i++) {
		f[i] = (struct weft_reply_fd){.kind = 1 + (u32)below(r, 2), .fd = (i32)some_fd(r), .rights = (u32)below(r, 64), .status = (u32)below(r, 3),
			.handle = 1 + below(r, 20), .ready = (u32)below(r, 32), .flags = below(r, 2) ? (u32)below(r, 8) : WEFT_REPLY_MOVE};
		c[i] = (struct weft_cqe){.tag = below(r, 5) ? __atomic_load_n(&last_tag, __ATOMIC_RELAXED) : some_value(r), .result = (i64)below(r, 100) - 50,
			.flags = (u32)below(r, 4), .ready = (u32)below(r, 32), .nfds = (u32)below(r, 4), .fds = PTR(f)};
	}
	return PTR(c);
}

static u64 make_message(struct random *r)
{
	struct weft_msg *m = (struct weft_msg *)room(r);
	*m = (struct weft_msg){.iov = make_iov(r), .niov = (u32)below(r, 5), .nfds = (u32)below(r, 4), .fds = make_fds(r, 4), .name = some_pointer(r),
		.name_len = (u32)below(r, 120), .dest = (i32)some_fd(r)};
	return PTR(m);
}

static void make_thread(struct random *r, struct weft_thread_new *t)
{
	memset(t, 0, sizeof *t);
	t->regs.rip = below(r, 4) ? PTR(area) + below(r, AREA) : some_value(r);
	t->regs.rsp = some_pointer(r);
	t->regs.rflags = some_value(r);
	t->proc = below(r, 3) ? -1 : (i32)some_fd(r);
	t->tp = below(r, 3) ? 0 : PTR(area) + AREA * 4 + (below(r, 64) << 12);
	t->clear_tid = below(r, 2) ? some_pointer(r) : 0;
	t->robust = below(r, 2) ? some_pointer(r) : 0;
	t->free_addr = below(r, 4) ? 0 : some_pointer(r);
	t->free_len = below(r, 4) ? 0 : 4096;
	t->flags = (u32)below(r, 2);
	t->prio = (u32)below(r, 33);
}

static u64 make_process(struct random *r)
{
	static const u32 flags[] = {0, 1, 2, 5, 6, 0x401, 0x21, 0x65, 0x121, 0x25, 0xa5, 0x205};
	struct weft_proc_new *n = (struct weft_proc_new *)room(r);
	memset(n, 0, sizeof *n);
	make_thread(r, &n->thread);
	n->flags = flags[below(r, sizeof flags / sizeof flags[0])];
	n->exit_signal = (u32)below(r, 70);
	n->as = below(r, 2) ? -1 : (i32)some_fd(r);
	n->ns = below(r, 4) ? -1 : (i32)some_fd(r);
	n->ident_auth = below(r, 4) ? -1 : (i32)some_fd(r);
	n->pp = below(r, 2) ? 0 : PTR(area) + AREA * 5;
	return PTR(n);
}

/* Arguments that hang together, so that calls get further than to their first check. */
static void plausible(struct random *r, u32 call, u64 *a)
{
	static const char names[4][8] = {"fuzz-a", "fuzz-b", "sys", "debug"};
	switch (call) {
	case WEFT_CALL_IDX_FD_CALL:
		a[1] = make_request(r);
		break;
	case WEFT_CALL_IDX_SCHEME_SERVE:
		a[1] = make_replies(r);
		a[2] = below(r, 5);
		a[3] = PTR(room(r));
		a[4] = below(r, 5);
		a[5] = some_deadline(r);
		break;
	case WEFT_CALL_IDX_SCHEME_CREATE: {
		struct weft_scheme_limits *l = (struct weft_scheme_limits *)room(r);
		*l = (struct weft_scheme_limits){.orphan_ns = below(r, 5000000), .max_requests = (u32)below(r, 4), .authority = (i32)some_fd(r)};
		a[0] = 0;
		a[2] = PTR(l);
		break;
	}
	case WEFT_CALL_IDX_SCHEME_CTL:
		a[1] = below(r, 10);
		if (a[1] == WEFT_SCHEME_NEW_HANDLE) {
			struct weft_reply_fd *f = (struct weft_reply_fd *)room(r);
			*f = (struct weft_reply_fd){.kind = 2, .fd = below(r, 2) ? -1 : (i32)some_fd(r), .rights = 63, .handle = below(r, 20), .status = 2};
			a[2] = PTR(f);
		} else if (below(r, 2)) {
			a[2] = below(r, 20);
		}
		break;
	case WEFT_CALL_IDX_REQ_COPY:
		a[1] = __atomic_load_n(&last_tag, __ATOMIC_RELAXED);
		a[2] = below(r, 3) | (below(r, 2) << 8);
		a[3] = below(r, 9000);
		a[5] = below(r, 9000);
		break;
	case WEFT_CALL_IDX_CHAN_SEND:
	case WEFT_CALL_IDX_CHAN_RECV:
		a[1] = make_message(r);
		a[2] = below(r, 64);
		break;
	case WEFT_CALL_IDX_FD_READ:
	case WEFT_CALL_IDX_FD_WRITE:
		a[4] = below(r, 8) | 2;
		a[3] = below(r, 2) ? UINT64_MAX : below(r, 100000);
		a[2] = below(r, 9000);
		if (a[4] & WEFT_IO_VEC) {
			a[1] = make_iov(r);
			a[2] = below(r, 5);
		}
		break;
	case WEFT_CALL_IDX_PROC_CREATE:
		a[0] = make_process(r);
		a[1] = sizeof(struct weft_proc_new);
		break;
	case WEFT_CALL_IDX_THREAD_CREATE: {
		struct weft_thread_new *t = (struct weft_thread_new *)room(r);
		make_thread(r, t);
		a[0] = PTR(t);
		a[1] = sizeof *t;
		break;
	}
	case WEFT_CALL_IDX_POLL_CTL:
		a[1] = 1 + below(r, 3);
		break;
	case WEFT_CALL_IDX_POLL_WAIT:
	case WEFT_CALL_IDX_FD_POLL:
		a[call == WEFT_CALL_IDX_FD_POLL ? 1 : 2] = below(r, 8);
		a[call == WEFT_CALL_IDX_FD_POLL ? 2 : 3] = some_deadline(r);
		break;
	case WEFT_CALL_IDX_NS_CTL:
		a[2] = PTR(names[below(r, 4)]);
		a[3] = strlen((const char *)a[2]);
		break;
	case WEFT_CALL_IDX_TIMER_SET: {
		struct weft_timer_spec *t = (struct weft_timer_spec *)room(r);
		*t = (struct weft_timer_spec){.value = some_deadline(r), .interval = below(r, 3) ? 0 : 1 + below(r, 1000000), .flags = (u32)below(r, 8),
			.signo = (i32)below(r, 65)};
		a[1] = PTR(t);
		a[2] = 0;
		break;
	}
	case WEFT_CALL_IDX_MEM_CREATE:
		a[1] = below(r, 64) << 10;
		a[4] = below(r, 64) & ~4u;
		break;
	case WEFT_CALL_IDX_MEM_MAP:
		a[0] = UINT64_MAX;
		a[1] = PTR(area) + AREA * 2 + (below(r, 64) << 12);
		a[2] = (1 + below(r, 16)) << 12;
		a[3] = below(r, 8) | (below(r, 32) << 8);
		a[4] = below(r, 2) ? UINT64_MAX : some_fd(r);
		a[5] = below(r, 8) << 12;
		break;
	case WEFT_CALL_IDX_MEM_REMAP:
	case WEFT_CALL_IDX_MEM_ADVISE:
	case WEFT_CALL_IDX_MEM_UNMAP:
	case WEFT_CALL_IDX_MEM_PROTECT: {
		u32 i = call == WEFT_CALL_IDX_MEM_REMAP || call == WEFT_CALL_IDX_MEM_ADVISE ? 0 : 1;
		a[0] = UINT64_MAX;
		a[i] = PTR(area) + AREA * 2 + (below(r, 64) << 12);
		a[i + 1] = (1 + below(r, 16)) << 12;
		a[i + 2] = call == WEFT_CALL_IDX_MEM_REMAP ? below(r, 16) << 12 : below(r, 10);
		break;
	}
	case WEFT_CALL_IDX_PAGER_COPY:
		a[1] = below(r, 4);
		a[2] = below(r, 16) << 12;
		a[3] = PTR(room(r));
		a[4] = below(r, 3) << 12;
		break;
	case WEFT_CALL_IDX_FUTEX:
		a[0] = below(r, 4) | (below(r, 8) << 7);
		a[2] = below(r, 3);
		a[3] = a[0] & 3 ? below(r, 4) : some_deadline(r);
		a[5] = UINT32_MAX;
		break;
	case WEFT_CALL_IDX_SLEEP:
		a[0] = 1;
		a[1] = some_deadline(r);
		break;
	case WEFT_CALL_IDX_PROC_WAIT:
		a[0] = below(r, 4);
		a[2] = 1 | below(r, 16);
		break;
	default:
		break;
	}
}

/* Blocking for ever is right for some calls: what waits without a deadline is waited for by the watcher, which kills the worker. */
static void one_call(struct random *r)
{
	u32 call = (u32)below(r, WEFT_CALL_COUNT);
	u64 a[6];
	/* These end the worker: rarely. */
	if ((call == WEFT_CALL_IDX_PROC_EXIT || call == WEFT_CALL_IDX_THREAD_EXIT || call == WEFT_CALL_IDX_PROC_EXEC) && below(r, 50))
		return;
	const char *shape = shapes[call];
	if (below(r, 4) == 0)
		fill(r);
	for (u32 i = 0; i < 6; i++) {
		char kind = *shape ? *shape++ : 'v';
		a[i] = argument(r, kind);
	}
	if (below(r, 3))
		plausible(r, call, a);
	if (call == WEFT_CALL_IDX_FD_CLOSE && below(r, 3))
		return;
	if (call == WEFT_CALL_IDX_FD_CLOSE_RANGE && below(r, 20))
		a[0] = a[1] = below(r, POOL_FDS);
	if (call == WEFT_CALL_IDX_SCHEME_SERVE && below(r, 8))
		a[5] = some_deadline(r);
	/* The stack and the code stay, or each worker would live for a few calls only. */
	if ((call == WEFT_CALL_IDX_MEM_UNMAP || call == WEFT_CALL_IDX_MEM_PROTECT || call == WEFT_CALL_IDX_MEM_MAP) && (i32)a[0] == -1 && below(r, 8)) {
		a[1] = PTR(area) + AREA * 2 + (below(r, 64) << 12);
		a[2] = below(r, 16) << 12;
	}
	__atomic_add_fetch(&shared->by_call[call], 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&shared->done, 1, __ATOMIC_RELAXED);
	i64 result = native_call(WEFT_CALL_BASE + call, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (call == WEFT_CALL_IDX_SCHEME_SERVE && result > 0 && a[3] >= PTR(area) && a[3] < PTR(area) + AREA / 2)
		__atomic_store_n(&last_tag, ((struct weft_sqe *)a[3])->tag, __ATOMIC_RELAXED);
	if (result >= 0)
		__atomic_add_fetch(&shared->good[call], 1, __ATOMIC_RELAXED);
}

static i32 served = -1; /* a server end that one thread serves half sanely, so that the others' calls are answered */

static void server_step(struct random *r)
{
	static struct weft_sqe e[4];
	static struct weft_reply_fd f[2];
	struct weft_cqe c[4];
	i64 n = weft_scheme_serve(served, 0, 0, PTR(e), 4, (u64)time_monotonic() + 200000);
	u32 ncqe = 0;
	for (i64 i = 0; i < n; i++) {
		__atomic_store_n(&last_tag, e[i].tag, __ATOMIC_RELAXED);
		i64 copied = weft_req_copy(served, e[i].tag, below(r, 2) | (below(r, 2) << 8), below(r, 4000), PTR(room(r)), below(r, 4000));
		if (copied == -WEFT_EREDELIVER || below(r, 16) == 0)
			continue; /* now and then it never replies */
		f[0] = (struct weft_reply_fd){.kind = 1, .fd = (i32)some_fd(r), .rights = 63};
		f[1] = (struct weft_reply_fd){.kind = 2, .fd = -1, .rights = 63, .handle = 4 + below(r, 40), .status = 2};
		c[ncqe++] = (struct weft_cqe){.tag = e[i].tag, .result = (i64)below(r, 9), .nfds = (u32)below(r, 3), .fds = PTR(f)};
		if (below(r, 16) == 0)
			weft_scheme_serve(served, PTR(&c[ncqe - 1]), 1, 0, 0, WEFT_NOW); /* and replies twice */
	}
	if (ncqe)
		weft_scheme_serve(served, PTR(c), ncqe, 0, 0, WEFT_NOW);
	__atomic_add_fetch(&shared->done, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&shared->by_call[WEFT_CALL_IDX_SCHEME_SERVE], 1, __ATOMIC_RELAXED);
}

static u64 seeds[THREADS_MAX];
static void thread_main(void *arg)
{
	struct random r = {.s = *(u64 *)arg | 1};
	while (__atomic_load_n(&shared->done, __ATOMIC_RELAXED) < wanted) {
		if (arg == &seeds[0] && below(&r, 2))
			server_step(&r);
		else
			one_call(&r);
	}
}

/* Something of every kind, so that random fds hit. */
static void open_things(struct random *r)
{
	i32 fds[2];
	struct weft_scheme_limits limits = {.orphan_ns = 1000000, .max_requests = 8, .authority = limited};
	for (u32 kind = 1; kind < WEFT_OBJ_COUNT; kind++)
		weft_obj_create(kind, kind == WEFT_OBJ_CHANNEL ? 1 + below(r, 2) * 4 : 1, 0, 0, PTR(fds));
	weft_scheme_create(0, PTR(fds), PTR(&limits));
	struct weft_reply_fd h = {.kind = WEFT_REPLY_NEW, .fd = -1, .rights = WEFT_RIGHT_ALL, .handle = 3, .status = 2};
	weft_scheme_ctl(fds[0], WEFT_SCHEME_NEW_HANDLE, PTR(&h), 0, 0);
	served = fds[0];
	h.handle = 2;
	for (u32 i = 0; i < 6; i++, h.handle++)
		weft_fd_dup((u64)weft_scheme_ctl(fds[0], WEFT_SCHEME_NEW_HANDLE, PTR(&h), 0, 0), 0, WEFT_DUP_MOVE, WEFT_RIGHT_ALL);
	weft_fd_dup(fds[0], 0, 0, WEFT_RIGHT_ALL);
	weft_fd_dup(fds[1], 0, 0, WEFT_RIGHT_ALL);
	weft_mem_create(WEFT_MEM_PAGER, 1 << 16, fds[0], 9, 0);
	weft_mem_create(WEFT_MEM_ANON, 1 << 16, -1, 0, WEFT_MEM_SEALABLE);
	weft_mem_create(WEFT_MEM_ANON, 1 << 14, -1, 0, 0);
	weft_as_create(0);
	weft_fd_dup(limited, 0, 0, WEFT_RIGHT_ALL);
}

static void worker(u64 seed)
{
	struct random r = {.s = seed * 0x9e3779b97f4a7c15ul + 1};
	struct nthread t[THREADS_MAX];
	for (int i = 0; i < 8; i++)
		next(&r);
	/* No authority that could end the machine, no console. */
	for (const struct native_fd *f = native_fds(); f->name[0]; f++)
		weft_fd_close(f->fd);
	weft_fd_close_range(0, 2, 0);
	weft_proc_ctl(-1, WEFT_PROC_LIMIT, WEFT_LIMIT_AS, 256ul << 20, 0);
	weft_proc_ctl(-1, WEFT_PROC_LIMIT, WEFT_LIMIT_THREADS, 64, 0);
	weft_proc_ctl(-1, WEFT_PROC_LIMIT, WEFT_LIMIT_RESIDENT, 64ul << 20, 0);
	open_things(&r);
	for (u32 i = 0; i < nthreads; i++) {
		seeds[i] = next(&r);
		nthread_create(&t[i], thread_main, &seeds[i], 0);
	}
	for (u32 i = 0; i < nthreads; i++)
		nthread_join(&t[i]);
	weft_proc_exit(0);
}

static __attribute__((noinline)) i32 start_worker(u64 seed, i32 *proc)
{
	i32 pid = native_fork(0, proc);
	if (pid == 0)
		worker(seed);
	return pid;
}

static bool alive(i32 proc)
{
	struct weft_pollfd p = {.fd = proc, .events = WEFT_POLLIN};
	return weft_fd_poll(PTR(&p), 1, WEFT_NOW) == 0;
}

/* Workers' own children (proc_create) have us as reaper: they too must go. */
static void reap(void)
{
	struct weft_exit e;
	while (weft_proc_wait(0, 0, 4 | 1, PTR(&e)) > 0)
		;
}

/* Kills every process younger than us but these. -> how many there were */
static u32 kill_others(const i32 *but, u32 n)
{
	static u32 pids[8192];
	struct weft_proc_info me, info;
	i32 root = native_fd("res:root");
	u32 found = 0;
	weft_proc_ctl(-1, WEFT_PROC_INFO, PTR(&me), 0, 0);
	i64 all = weft_proc_ctl(root, WEFT_PROC_LIST, PTR(pids), 8192, 0);
	for (i64 k = 0; k < all; k++) {
		bool spare = pids[k] <= me.pid;
		for (u32 i = 0; i < n; i++)
			spare |= (i32)pids[k] == but[i];
		i64 p = spare ? -1 : weft_proc_ctl(root, WEFT_PROC_OPEN, pids[k], 0, 0);
		if (p < 0)
			continue;
		if (weft_proc_ctl(p, WEFT_PROC_INFO, PTR(&info), 0, 0) == 0 && info.state != 'Z') {
			weft_proc_ctl(p, WEFT_PROC_KILL, 9, 0, 0);
			found++;
		}
		weft_fd_close(p);
	}
	return found;
}

static void kill_children(void)
{
	for (int round = 0; round < 50; round++) {
		u32 found = kill_others(NULL, 0);
		weft_sleep(WEFT_CLOCK_MONOTONIC, time_monotonic() + 10 * NSEC_PER_MSEC);
		reap();
		if (!found)
			return;
	}
}

/* Runs workers until all calls are made. Where there is no progress all wait for something: then, and now and then, one is killed. */
static void run(u64 seed)
{
	i32 proc[WORKERS], pid[WORKERS];
	u64 generation = seed * 1000003, last = 0;
	i64 still_since = time_monotonic(), swept = still_since, began = still_since;
	u64 told = 0;
	for (u32 i = 0; i < WORKERS; i++)
		pid[i] = -1;
	while (__atomic_load_n(&shared->done, __ATOMIC_RELAXED) < wanted) {
		for (u32 i = 0; i < WORKERS; i++) {
			if (pid[i] > 0 && alive(proc[i]))
				continue;
			if (pid[i] > 0) {
				weft_fd_close(proc[i]);
				shared->deaths++;
			}
			pid[i] = start_worker(++generation + i * 7919, &proc[i]);
		}
		reap();
		/* Processes that workers have made and left stopped would pile up. */
		if (time_monotonic() - swept > 300 * NSEC_PER_MSEC) {
			kill_others(pid, WORKERS);
			swept = time_monotonic();
		}
		if (__atomic_load_n(&shared->done, __ATOMIC_RELAXED) / 100000 != told) {
			told = __atomic_load_n(&shared->done, __ATOMIC_RELAXED) / 100000;
			printf("# %lu00000 calls after %ld ms\n", told, (time_monotonic() - began) / NSEC_PER_MSEC);
		}
		weft_sleep(WEFT_CLOCK_MONOTONIC, time_monotonic() + 5 * NSEC_PER_MSEC);
		u64 done = __atomic_load_n(&shared->done, __ATOMIC_RELAXED);
		if (done != last) {
			last = done;
			still_since = time_monotonic();
		}
		/* The oldest goes now and then too, so that one blocked thread after another does not silence a worker. */
		u32 victim = (u32)(generation++ % WORKERS);
		if (time_monotonic() - still_since > 20 * NSEC_PER_MSEC || generation % 8 == 0)
			weft_proc_ctl(proc[victim], WEFT_PROC_KILL, 9, 0, 0);
	}
	for (u32 i = 0; i < WORKERS; i++) {
		if (pid[i] > 0) {
			weft_proc_ctl(proc[i], WEFT_PROC_KILL, 9, 0, 0);
			weft_fd_close(proc[i]);
		}
	}
	kill_children();
}

static bool counts(u64 *c)
{
	return weft_sys_ctl(native_fd("res:root"), WEFT_SYS_OBJECTS, PTR(c), COUNTS, 0) >= 0;
}

static u32 check_leaks(const u64 *before)
{
	u64 now[COUNTS];
	u32 bad = 0;
	for (int attempt = 0; attempt < 100; attempt++) {
		bad = 0;
		counts(now);
		for (u32 k = 0; k < WEFT_OBJ_COUNT; k++)
			bad += now[k] > before[k];
		if (!bad)
			break;
		weft_sleep(WEFT_CLOCK_MONOTONIC, time_monotonic() + 30 * NSEC_PER_MSEC);
	}
	for (u32 k = 0; k < WEFT_OBJ_COUNT && bad; k++) {
		if (now[k] > before[k])
			printf("# kind %u: %lu before, %lu after\n", k, before[k], now[k]);
	}
	printf("# slab bytes %lu -> %lu, free frames %lu -> %lu\n", before[WEFT_OBJ_COUNT], now[WEFT_OBJ_COUNT], before[WEFT_OBJ_COUNT + 1],
		now[WEFT_OBJ_COUNT + 1]);
	return bad;
}

static i32 limited_resource(void)
{
	struct weft_res r = {.kinds = WEFT_RES_DMA | WEFT_RES_IDENT | WEFT_RES_SCHEME | WEFT_RES_LOG | WEFT_RES_PRIO, .len = UINT64_MAX};
	return (i32)weft_sys_ctl(native_fd("res:root"), WEFT_SYS_RES_DERIVE, PTR(&r), 0, 0);
}

int main(int argc, char **argv)
{
	u64 seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1, before[COUNTS];
	if (argc > 2)
		wanted = strtoul(argv[2], NULL, 0);
	if (argc > 3)
		nthreads = (u32)strtoul(argv[3], NULL, 0);
	if (nthreads == 0 || nthreads > THREADS_MAX)
		nthreads = 3;
	i64 start = time_monotonic();
	weft_proc_ctl(-1, WEFT_PROC_SUBREAPER, 1, 0, 0);
	limited = limited_resource();
	shared = (struct shared *)weft_mem_map(-1, 0, (sizeof *shared + 4095) & ~4095ul, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_SHARED, -1, 0);
	area = (u8 *)weft_mem_map(-1, 0, 8 * AREA, WEFT_PROT_READ | WEFT_PROT_WRITE, -1, 0);
	if ((i64)shared < 0 || (i64)area < 0 || limited < 0)
		return 1;
	weft_mem_protect(-1, PTR(area) + AREA / 2, AREA / 2, WEFT_PROT_READ);
	/* Workers map, unmap and punch above it, where nothing of the runner may be. */
	weft_mem_unmap(-1, PTR(area) + AREA, 7 * AREA);
	counts(before);
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		weft_proc_ctl(-1, WEFT_PROC_SUBREAPER, 1, 0, 0);
		run(seed);
		weft_proc_exit(0);
	}
	struct weft_exit e;
	while (weft_proc_wait(1, pid, 4, PTR(&e)) == -EINTR)
		;
	reap();
	u32 idle = 0;
	for (u32 k = 0; k < WEFT_CALL_COUNT; k++)
		idle += shared->by_call[k] == 0;
	printf("# seed %lu: %lu calls, %lu workers died, %ld ms\n", seed, shared->done, shared->deaths, (time_monotonic() - start) / NSEC_PER_MSEC);
	u32 failed = 0;
	printf("%s fuzz-%lu-all-calls\n", shared->done >= wanted && idle == 0 ? "ok" : (failed++, "not ok"), seed);
	printf("%s fuzz-%lu-runner%s\n", e.status == 0 ? "ok" : (failed++, "not ok"), seed, e.status ? ": died" : "");
	printf("%s fuzz-%lu-no-leak\n", check_leaks(before) == 0 ? "ok" : (failed++, "not ok"), seed);
	for (u32 k = 0; argc > 4 && k < WEFT_CALL_COUNT; k++)
		printf("# call %u: %lu made, %lu good\n", k, shared->by_call[k], shared->good[k]);
	printf("@@tests %u %u\n", 3 - failed, failed);
	return failed != 0;
}
