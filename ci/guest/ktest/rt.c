/* SPDX-License-Identifier: MIT */
/*
 * Reflection, the thread page, upcalls, signals: with a small runtime (rt_entry.S). Functions marked RT lie inside the runtime's range.
 * Each test body runs in a process with a process page and a thread page.
 */
#include "t.h"

#define RT __attribute__((section("rt_text"), noinline, used))
extern u8 __start_rt_text[], __stop_rt_text[], rt_entry[], rt_upcall[], rt_fault[], rt_tail_start[], rt_tail_end[];
i64 rt_call_checked(u64 nr);
u64 rt_spin_checked(u32 *stop);
i64 rt_peek(u64 address);

#define NR_SUM 1u
#define NR_GETPID 39u
#define NR_SLEEP 35u
#define NR_PEEK 600u
#define NR_UNKNOWN 999u
#define NR_STICK 700u /* stays in the exit tail until a signal comes */

#define TP 0x7fff90000000ul
#define PP 0x7fff90010000ul
#define bit(sig) (1ul << ((sig) - 1))

static struct weft_tp *const tp = (struct weft_tp *)TP;
static struct weft_pp *const pp = (struct weft_pp *)PP;
/* What the runtime saw. */
static volatile u32 taken[65], upcalls;
static struct weft_siginfo last_info;
static volatile u32 last_cause, last_vector, stop_flag;
static volatile u64 last_address, last_error, resume_at, sleep_calls;

static inline struct weft_tp *own(void)
{
	u64 self;
	__asm__ volatile("mov %%gs:0, %0" : "=r"(self));
	return (struct weft_tp *)self;
}

RT void rt_take_signals(void)
{
	struct weft_siginfo si;
	struct weft_tp *t = own();
	i64 sig;
	while ((sig = weft_sig_take(~t->blocked, PTR(&si), WEFT_NOW)) > 0) {
		taken[sig]++;
		last_info = si;
		stop_flag = 1;
		*(volatile u64 *)(t->rt + 8) = 0;
	}
}

RT void rt_program_stopped(struct weft_tp *t)
{
	upcalls++;
	last_cause = t->program.cause;
	if (t->program.cause == WEFT_CAUSE_SIGNAL)
		return; /* the tail takes them */
	last_vector = t->program.vector;
	last_error = t->program.error;
	last_address = t->program.address;
	t->program.regs.rip = resume_at;
	t->program.regs.rflags &= ~0x100ul;
}

struct frame {
	u64 rax, rbx, rdx, rsi, rdi, rbp, r8, r9, r10, r12, r13, r14, r15;
};

RT i64 rt_serve(struct frame *f)
{
	struct weft_tp *t = own();
	i64 r;
	switch (f->rax) {
	case NR_SUM:
		return (i64)(f->rdi + f->rsi + f->rdx + f->r10 + f->r8 + f->r9);
	case NR_GETPID:
		return t->pid;
	case NR_SLEEP:
		sleep_calls++;
		r = weft_sleep(WEFT_CLOCK_MONOTONIC, f->rdi);
		return r;
	case NR_PEEK:
		return rt_peek(f->rdi);
	case NR_STICK:
		*(volatile u64 *)(t->rt + 8) = 1;
		return 70;
	default:
		weft_sys_ctl(-1, WEFT_SYS_UNSERVED, f->rax, 0, 0);
		return -ENOSYS;
	}
}

static const struct weft_runtime *runtime(void)
{
	static struct weft_runtime r;
	r = (struct weft_runtime){.start = PTR(__start_rt_text), .end = PTR(__stop_rt_text), .entry = PTR(rt_entry), .upcall = PTR(rt_upcall),
		.fault = PTR(rt_fault), .tail_start = PTR(rt_tail_start), .tail_end = PTR(rt_tail_end)};
	return &r;
}

/* A fork with pages for a runtime at TP and PP. -> pid, 0 in the child */
static i32 fork_rt(u32 flags, i32 *proc, u64 rt_stack)
{
	struct weft_proc_new n;
	memset(&n, 0, sizeof n);
	if (native_save_regs(&n.thread.regs))
		return 0;
	n.flags = flags | WEFT_PROC_COPY_AS | WEFT_PROC_COPY_FDS | WEFT_PROC_FD;
	n.as = n.ns = n.ident_auth = n.thread.proc = -1;
	n.pp = PP;
	n.exit_signal = 17;
	n.thread.tp = TP;
	n.thread.rt_stack = rt_stack;
	strcpy(n.name, "rt");
	i32 pid = (i32)OK(weft_proc_create(PTR(&n), sizeof n));
	if (proc)
		*proc = n.proc_fd;
	return pid;
}

static u64 new_stack(void)
{
	return PTR(t_anon(4 * PAGE)) + 4 * PAGE;
}

/* Runs fn in a process with the runtime, and waits for its end. */
static void with_runtime(void (*fn)(void))
{
	i32 pid = fork_rt(0, NULL, new_stack());
	if (pid == 0) {
		EQ(weft_proc_ctl(-1, WEFT_PROC_SET_RUNTIME, PTR(runtime()), 0, 0), 0);
		fn();
		weft_proc_exit(0);
	}
	t_wait_ok(pid);
}

static i64 post(u32 tid, u32 sig, u64 value)
{
	struct weft_siginfo si = {.signo = sig, .code = -1, .value = value, .pid = 77};
	return weft_sig_post(-1, tid, sig, PTR(&si));
}

static i64 linux_call(u64 nr, u64 a)
{
	return native_call(nr, a, 0, 0, 0, 0, 0);
}

static void body_reflection(void)
{
	EQ(rt_call_checked(NR_SUM), 63);
	for (int i = 0; i < 1000; i++)
		EQ(rt_call_checked(NR_SUM), 63);
}
TEST(rt_reflection_keeps_registers_and_flags)
{
	with_runtime(body_reflection);
}

static void body_numbers(void)
{
	EQ(linux_call(NR_GETPID, 0), tp->pid);
	ERR(linux_call(NR_UNKNOWN, 0), ENOSYS);
	ERR(linux_call(WEFT_CALL_BASE + WEFT_CALL_COUNT, 0), ENOSYS);
	ERR(linux_call(UINT64_MAX, 0), ENOSYS);
	EQ(weft_null_call(), 0);
}
TEST(rt_every_other_number)
{
	with_runtime(body_numbers);
}

static void body_pages(void)
{
	struct weft_proc_info me;
	EQ(weft_proc_ctl(-1, WEFT_PROC_INFO, PTR(&me), 0, 0), 0);
	EQ(tp->self, TP);
	EQ(tp->proc_page, PP);
	EQ(pp->self, PP);
	EQ(tp->pid, me.pid);
	EQ(tp->tid, me.pid);
	EQ(pp->pid, me.pid);
	EQ(pp->ppid, me.ppid);
	EQ(pp->threads, 1);
	EQ(own(), tp);
	u64 low;
	__asm__ volatile("mov %%gs:0x48, %0" : "=r"(low));
	EQ((u32)low, me.pid);
}
TEST(rt_thread_and_process_page)
{
	with_runtime(body_pages);
}

static void body_pages_fixed(void)
{
	/* The pages are the kernel's: they can be neither unmapped nor replaced nor protected. */
	CHECK(weft_mem_unmap(-1, TP, PAGE) < 0);
	CHECK(weft_mem_map(-1, TP, PAGE, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_FIXED, -1, 0) < 0);
	CHECK(weft_mem_protect(-1, TP, PAGE, WEFT_PROT_READ) < 0);
	CHECK(weft_mem_remap(TP, PAGE, PAGE, WEFT_REMAP_MAYMOVE | WEFT_REMAP_FIXED, 0x10000000) < 0);
	EQ(linux_call(NR_GETPID, 0), tp->pid);
}
TEST(rt_pages_cannot_be_taken_away)
{
	with_runtime(body_pages_fixed);
}

static void body_scribble(void)
{
	/* A program that scribbles over its pages hurts only itself. */
	memset(tp, 0xff, PAGE);
	memset(pp, 0xff, PAGE);
	weft_null_call();
	weft_yield();
	t_sleep(1);
	weft_proc_exit(0);
}
TEST(rt_scribbled_pages)
{
	i32 pid = fork_rt(0, NULL, new_stack());
	if (pid == 0) {
		OK(weft_proc_ctl(-1, WEFT_PROC_SET_RUNTIME, PTR(runtime()), 0, 0));
		body_scribble();
	}
	t_wait(pid);
	EQ(weft_null_call(), 0);
}

static void post_soon(void *arg)
{
	t_sleep(30);
	EQ(post((u32)PTR(arg), 10, 123), 0);
}

static void body_upcall(void)
{
	/* The program spins with every register in use; a signal comes and goes without changing one. */
	struct nthread t;
	for (int i = 0; i < 5; i++) {
		stop_flag = 0;
		EQ(nthread_create(&t, post_soon, (void *)(u64)tp->tid, 0), 0);
		EQ(rt_spin_checked((u32 *)&stop_flag), 0);
		nthread_join(&t);
		EQ(taken[10], i + 1);
	}
	CHECK(upcalls >= 5);
	EQ(last_cause, WEFT_CAUSE_SIGNAL);
	EQ(last_info.value, 123);
	EQ(last_info.signo, 10);
	EQ(last_info.code, -1);
}
TEST(rt_signal_upcall_keeps_registers)
{
	with_runtime(body_upcall);
}

static void body_blocked(void)
{
	/* sigprocmask is a store. */
	tp->blocked = bit(12);
	EQ(post(tp->tid, 12, 0), 0);
	weft_yield();
	t_sleep(10);
	EQ(taken[12], 0);
	CHECK(tp->pending & bit(12));
	tp->blocked = 0;
	__asm__ volatile("mfence" : : : "memory");
	linux_call(NR_SUM, 0); /* unblocking looks at both pending words: here in the exit tail */
	EQ(taken[12], 1);
	CHECK(!(tp->pending & bit(12)));
}
TEST(rt_blocked_word)
{
	with_runtime(body_blocked);
}

static void body_process_wide(void)
{
	tp->blocked = bit(15);
	EQ(post(0, 15, 5), 0);
	CHECK(pp->pending & bit(15));
	CHECK(!(tp->pending & bit(15)));
	tp->blocked = 0;
	linux_call(NR_SUM, 0);
	EQ(taken[15], 1);
	EQ(pp->pending, 0);
}
TEST(rt_process_wide_signal)
{
	with_runtime(body_process_wide);
}

static void body_interrupt(void)
{
	struct nthread t;
	EQ(nthread_create(&t, post_soon, (void *)(u64)tp->tid, 0), 0);
	i64 start = time_monotonic();
	ERR(linux_call(NR_SLEEP, (u64)t_after(5000)), EINTR);
	CHECK(time_monotonic() - start < 2000 * MS);
	nthread_join(&t);
	EQ(taken[10], 1);
}
TEST(rt_blocking_call_is_interrupted)
{
	with_runtime(body_interrupt);
}

static void body_no_lost_wakeup(void)
{
	/* A signal that came while the thread was inside, just before it blocks: the call must not sleep. */
	for (int i = 0; i < 200; i++) {
		i32 me = (i32)tp->tid;
		struct nthread t;
		EQ(nthread_create(&t, post_soon, (void *)(u64)me, 0), 0);
		u32 before = taken[10];
		i64 r = linux_call(NR_SLEEP, (u64)t_after(3000));
		if (r == 0)
			FAIL("slept through a signal (round %d)", i);
		nthread_join(&t);
		CHECK(taken[10] == before + 1);
		if (i > 5)
			break;
	}
	/* Pending before the call: at once. An interrupt between the store and the call delivers it already there: then again. */
	i64 r = 0;
	for (int i = 0; i < 20 && r != -EINTR; i++) {
		i64 deadline = t_after(200);
		u32 before = taken[10];
		tp->blocked = bit(10);
		EQ(post(tp->tid, 10, 0), 0);
		tp->blocked = 0;
		r = weft_sleep(WEFT_CLOCK_MONOTONIC, deadline);
		EQ(taken[10], before + 1);
	}
	EQ(r, -EINTR);
}
TEST(rt_no_lost_wakeup)
{
	with_runtime(body_no_lost_wakeup);
}

static volatile u32 storm_stop, storm_calls;
static void storm(void *arg)
{
	u32 tid = (u32)PTR(arg);
	while (!storm_stop) {
		u32 seen = storm_calls;
		post(tid, 34, 0);
		post(0, 35, 0);
		/* At most one pair for each call, or a fast sender would leave the other no time for anything but signals. */
		while (!storm_stop && storm_calls == seen)
			weft_yield();
	}
}

static void body_storm(void)
{
	/* Signals from another thread hit every place, the exit tail too: results stay right, none is left behind. */
	struct nthread t;
	EQ(nthread_create(&t, storm, (void *)(u64)tp->tid, 0), 0);
	i64 until = t_after(1500);
	while (time_monotonic() < until) {
		for (int i = 0; i < 200; i++) {
			i64 r = rt_call_checked(NR_SUM);
			if (r != 63)
				FAIL("a call gave %ld", r);
			storm_calls++;
		}
	}
	storm_stop = 1;
	nthread_join(&t);
	linux_call(NR_SUM, 0);
	CHECK(taken[34] > 10);
	CHECK(taken[35] > 10);
	EQ(tp->pending | pp->pending, 0);
}
TEST(rt_signal_storm)
{
	with_runtime(body_storm);
}

static void body_tail(void)
{
	/* The thread hangs in its exit tail, after it has looked at the words. A signal must put it back to the start. */
	struct nthread t;
	EQ(nthread_create(&t, post_soon, (void *)(u64)tp->tid, 0), 0);
	EQ(linux_call(NR_STICK, 0), 70);
	nthread_join(&t);
	EQ(taken[10], 1);
	EQ(upcalls, 0); /* not from the program */
}
TEST(rt_exit_tail_restarts)
{
	with_runtime(body_tail);
}

#define FAULT(code)                                                                                \
	do {                                                                                       \
		upcalls = 0;                                                                       \
		last_cause = last_vector = 0;                                                      \
		last_address = 1;                                                                  \
		__asm__ volatile("lea 1f(%%rip), %%rax\n\tmov %%rax, %0\n\t" code "\n1:"           \
				 : "=m"(resume_at)                                                 \
				 : "D"(fault_at)                                                   \
				 : "rax", "rcx", "rdx", "memory", "cc");                           \
		EQ(upcalls, 1);                                                                    \
	} while (0)

static u64 fault_at;
static void body_fault_page(void)
{
	fault_at = 0x123456789;
	FAULT("movb (%%rdi), %%al");
	EQ(last_cause, WEFT_CAUSE_PAGE);
	EQ(last_address, 0x123456789);
	EQ(last_vector, 14);
	FAULT("movb $1, (%%rdi)");
	EQ(last_cause, WEFT_CAUSE_PAGE);
	CHECK(last_error & 2);
}
TEST(rt_fault_nothing_mapped)
{
	with_runtime(body_fault_page);
}

static void body_fault_access(void)
{
	u8 *p = t_anon(PAGE);
	p[0] = 0xc3;
	OK(weft_mem_protect(-1, PTR(p), PAGE, WEFT_PROT_READ));
	fault_at = PTR(p) + 5;
	FAULT("movb $1, (%%rdi)");
	EQ(last_cause, WEFT_CAUSE_ACCESS);
	EQ(last_address, fault_at);
	fault_at = PTR(p);
	FAULT("jmp *%%rdi");
	EQ(last_cause, WEFT_CAUSE_ACCESS);
	fault_at = KERNELPTR;
	FAULT("movb (%%rdi), %%al");
	CHECK(last_cause == WEFT_CAUSE_ACCESS || last_cause == WEFT_CAUSE_PAGE);
	EQ(last_address, KERNELPTR);
}
TEST(rt_fault_access)
{
	with_runtime(body_fault_access);
}

static void body_fault_beyond(void)
{
	i32 m = t_mem(4 * PAGE);
	u8 *p = t_map(m, 4 * PAGE);
	p[3 * PAGE] = 1;
	EQ(weft_mem_ctl(m, WEFT_MEM_RESIZE, PAGE, 0, 0), 0);
	fault_at = PTR(p) + 3 * PAGE + 7;
	FAULT("movb (%%rdi), %%al");
	EQ(last_cause, WEFT_CAUSE_BEYOND);
	EQ(last_address, fault_at);
	EQ(weft_mem_ctl(m, WEFT_MEM_RESIZE, 4 * PAGE, 0, 0), 0);
	EQ(p[3 * PAGE], 0);
}
TEST(rt_fault_beyond_a_shrunk_object)
{
	with_runtime(body_fault_beyond);
}

static void body_fault_cpu(void)
{
	FAULT("xor %%edx, %%edx\n\txor %%ecx, %%ecx\n\tdiv %%ecx");
	EQ(last_cause, WEFT_CAUSE_CPU);
	EQ(last_vector, 0);
	FAULT("ud2");
	EQ(last_vector, 6);
	FAULT("mov $0x8000000000000000, %%rax\n\tmovb (%%rax), %%al");
	EQ(last_vector, 13);
	FAULT("int3");
	EQ(last_vector, 3);
	FAULT("hlt");
	EQ(last_vector, 13);
	FAULT("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\tnop\n\tnop");
	EQ(last_vector, 1);
}
TEST(rt_fault_of_the_cpu)
{
	with_runtime(body_fault_cpu);
}

static void body_fixup(void)
{
	u8 byte = 42;
	EQ(linux_call(NR_PEEK, PTR(&byte)), 42);
	ERR(linux_call(NR_PEEK, 0x123456), EFAULT);
	ERR(linux_call(NR_PEEK, KERNELPTR), EFAULT);
	EQ(linux_call(NR_PEEK, PTR(&byte)), 42);
}
TEST(rt_fault_inside_the_runtime)
{
	with_runtime(body_fixup);
}

static void body_fault_without_fixup(void)
{
	/* A runtime that faults without a fix-up: its fault entry faults too, and the process ends rather than to loop for ever. */
	i32 pid = fork_rt(0, NULL, tp->rt_stack);
	if (pid == 0) {
		struct weft_runtime r = *runtime();
		r.entry = r.upcall = r.fault = 0x10000; /* nothing is there */
		r.start = 0x10000;
		r.end = 0x20000;
		r.tail_start = r.tail_end = 0x10000;
		OK(weft_proc_ctl(-1, WEFT_PROC_SET_RUNTIME, PTR(&r), 0, 0));
		linux_call(NR_SUM, 0);
		weft_proc_exit(0);
	}
	CHECK((t_wait(pid) & 0x7f) != 0);
}
TEST(rt_broken_runtime_dies)
{
	with_runtime(body_fault_without_fixup);
}

static void body_fork(void)
{
	/* fork: the thread page is a copy at the same address, the runtime is inherited. */
	tp->rt[100] = 55;
	i32 mine = (i32)tp->pid;
	struct weft_proc_new n;
	memset(&n, 0, sizeof n);
	i32 pid = -1;
	if (!native_save_regs(&n.thread.regs)) {
		n.flags = WEFT_PROC_COPY_AS | WEFT_PROC_COPY_FDS;
		n.as = n.ns = n.ident_auth = n.thread.proc = -1;
		n.pp = PP;
		n.thread.tp = TP;
		n.thread.rt_stack = tp->rt_stack;
		pid = (i32)OK(weft_proc_create(PTR(&n), sizeof n));
	} else {
		CHECK((i32)tp->pid != mine);
		EQ(pp->ppid, mine);
		EQ(tp->rt[100], 55);
		EQ(rt_call_checked(NR_SUM), 63);
		EQ(linux_call(NR_GETPID, 0), tp->pid);
		tp->rt[100] = 66;
		weft_proc_exit(0);
	}
	t_wait_ok(pid);
	EQ(tp->rt[100], 55);
	EQ(linux_call(NR_GETPID, 0), mine);
}
TEST(rt_fork)
{
	with_runtime(body_fork);
}

static volatile u32 vfork_seen;
static void body_vfork(void)
{
	/* The same address space, other pages; the caller sleeps until the child ends. */
	struct weft_proc_new n;
	memset(&n, 0, sizeof n);
	u64 stack = new_stack(), child_stack = new_stack();
	if (!native_save_regs(&n.thread.regs)) {
		n.flags = WEFT_PROC_SHARE_AS | WEFT_PROC_COPY_FDS | WEFT_PROC_VFORK;
		n.as = n.ns = n.ident_auth = n.thread.proc = -1;
		n.pp = PP + 0x100000;
		n.thread.tp = TP + 0x100000;
		n.thread.rt_stack = child_stack;
		/* A stack of its own, with what this frame needs below and above. */
		u64 used = 512, sp = stack - 2048;
		memcpy((void *)(sp - used), (void *)(n.thread.regs.rsp - used), used + 1024);
		i64 pid = weft_proc_create(PTR(&n), sizeof n);
		OK(pid);
		EQ(vfork_seen, 1);
		t_wait_ok((i32)pid);
		return;
	}
	if (PTR(own()) == TP + 0x100000 && rt_call_checked(NR_SUM) == 63 && own()->pid != tp->pid)
		vfork_seen = 1;
	weft_proc_exit(0);
}
TEST(rt_vfork)
{
	with_runtime(body_vfork);
	CHECK(true);
}

static volatile u32 threads_ok;
static void thread_with_page(u64 n)
{
	for (int i = 0; i < 2000; i++) {
		if (rt_call_checked(NR_SUM) != 63 || PTR(own()) != TP + n * 0x10000 + 0x200000)
			FAIL("thread %lu", n);
	}
	__atomic_add_fetch(&threads_ok, 1, __ATOMIC_SEQ_CST);
	weft_thread_exit();
}

static void body_threads(void)
{
	u32 tids[4];
	for (u64 i = 0; i < 4; i++) {
		struct weft_thread_new n;
		memset(&n, 0, sizeof n);
		n.proc = -1;
		n.regs.rip = PTR(thread_with_page);
		n.regs.rdi = i;
		n.regs.rsp = new_stack() - 24;
		n.regs.rflags = 0x202;
		n.tp = TP + i * 0x10000 + 0x200000;
		n.rt_stack = new_stack();
		n.clear_tid = n.set_tid = PTR(&tids[i]);
		memcpy(n.tp_rt, "seed", 4);
		OK(weft_thread_create(PTR(&n), sizeof n));
	}
	for (int i = 0; i < 1000 && threads_ok < 4; i++)
		t_sleep(5);
	EQ(threads_ok, 4);
	for (int i = 0; i < 4; i++) {
		while (__atomic_load_n(&tids[i], __ATOMIC_SEQ_CST))
			t_sleep(1);
	}
	/* Their pages went with them. */
	struct weft_vma v;
	for (int i = 0; i < 100 && weft_mem_query(-1, WEFT_QUERY_VMAS, TP + 0x200000, PAGE, PTR(&v), 1); i++)
		t_sleep(2);
	EQ(weft_mem_query(-1, WEFT_QUERY_VMAS, TP + 0x200000, PAGE, PTR(&v), 1), 0);
}
TEST(rt_threads_have_their_own_page)
{
	with_runtime(body_threads);
}

static void body_queue(void)
{
	/* Real-time signals queue with their values and come in order; ordinary ones once. */
	tp->blocked = ~0ul;
	for (u64 i = 0; i < 5; i++) {
		EQ(post(tp->tid, 40, i), 0);
		EQ(post(tp->tid, 10, i), 0);
	}
	struct weft_siginfo si;
	for (u64 i = 0; i < 5; i++) {
		EQ(weft_sig_take(bit(40), PTR(&si), WEFT_NOW), 40);
		EQ(si.value, i);
	}
	ERR(weft_sig_take(bit(40), PTR(&si), WEFT_NOW), EAGAIN);
	EQ(weft_sig_take(bit(10), PTR(&si), WEFT_NOW), 10);
	ERR(weft_sig_take(bit(10), PTR(&si), WEFT_NOW), EAGAIN);
	EQ(tp->pending, 0);
}
TEST(rt_signal_queue)
{
	with_runtime(body_queue);
}

static void body_queue_bounded(void)
{
	i64 r = 0;
	tp->blocked = ~0ul;
	OK(weft_proc_ctl(-1, WEFT_PROC_LIMIT, WEFT_LIMIT_SIGNALS, 100, 0));
	int n = 0;
	while (n < 100000 && (r = post(tp->tid, 50, 1)) == 0)
		n++;
	ERR(r, EAGAIN);
	CHECK(n >= 50 && n <= 200);
}
TEST(rt_signal_queue_is_bounded)
{
	with_runtime(body_queue_bounded);
}

static void body_take_waits(void)
{
	struct weft_siginfo si;
	struct nthread t;
	tp->blocked = bit(10);
	EQ(nthread_create(&t, post_soon, (void *)(u64)tp->tid, 0), 0);
	EQ(weft_sig_take(bit(10), PTR(&si), t_after(3000)), 10);
	nthread_join(&t);
	ERR(weft_sig_take(bit(10), PTR(&si), t_after(20)), EAGAIN);
	EQ(taken[10], 0);
}
TEST(rt_sig_take_waits)
{
	with_runtime(body_take_waits);
}

static void body_signals_object(void)
{
	u32 si[32]; /* struct signalfd_siginfo */
	tp->blocked = bit(12);
	i32 fd = t_obj(WEFT_OBJ_SIGNALS, bit(12), 0);
	EQ(t_poll(fd, WEFT_POLLIN, 0), 0);
	EQ(post(0, 12, 9), 0);
	EQ(t_poll(fd, WEFT_POLLIN, 0), WEFT_POLLIN);
	EQ(weft_fd_read(fd, PTR(&si), sizeof si, -1, WEFT_IO_NONBLOCK), 128);
	EQ(si[0], 12);
	EQ(t_poll(fd, WEFT_POLLIN, 0), 0);
	ERR(weft_fd_read(fd, PTR(&si), sizeof si, -1, WEFT_IO_NONBLOCK), EAGAIN);
}
TEST(rt_signals_object)
{
	with_runtime(body_signals_object);
}

static void body_timer_signal(void)
{
	i32 t = t_obj(WEFT_OBJ_TIMER, WEFT_CLOCK_MONOTONIC, 0);
	struct weft_timer_spec s = {.value = 10 * MS, .flags = WEFT_TIMER_RELATIVE | WEFT_TIMER_SIGNAL, .signo = 36, .id = 3, .sigval = 88};
	EQ(weft_timer_set(t, PTR(&s), 0), 0);
	i64 until = t_after(3000);
	while (!taken[36] && time_monotonic() < until)
		;
	EQ(taken[36], 1);
	EQ(last_info.value, 88);
	EQ(last_info.status, 3);
	EQ(last_info.code, -2); /* SI_TIMER */
}
TEST(rt_timer_signal)
{
	with_runtime(body_timer_signal);
}

static void body_child_signal(void)
{
	i32 pid = fork_rt(0, NULL, tp->rt_stack);
	if (pid == 0)
		weft_proc_exit(3 << 8);
	i64 until = t_after(3000);
	while (!taken[17] && time_monotonic() < until)
		;
	EQ(taken[17], 1);
	EQ(last_info.pid, pid);
	EQ(t_wait(pid), 3 << 8);
}
TEST(rt_exit_signal_to_the_parent)
{
	with_runtime(body_child_signal);
}

TEST(rt_kill_needs_no_cooperation)
{
	i32 proc, pid = fork_rt(0, &proc, new_stack());
	if (pid == 0) {
		OK(weft_proc_ctl(-1, WEFT_PROC_SET_RUNTIME, PTR(runtime()), 0, 0));
		tp->blocked = ~0ul;
		for (;;)
			linux_call(NR_STICK, 0);
	}
	t_sleep(30);
	EQ(weft_sig_post(proc, 0, 9, 0), 0);
	EQ(t_wait(pid), 9);
}

static void body_post_errors(void)
{
	ERR(weft_sig_post(-1, tp->tid, 65, 0), EINVAL);
	ERR(weft_sig_post(-1, 99999999, 10, 0), ESRCH);
	ERR(weft_sig_post(NOFD, 0, 10, 0), EBADF);
	ERR(weft_sig_post(-1, tp->tid, 10, BADPTR), EFAULT);
	EQ(weft_sig_post(-1, tp->tid, 0, 0), 0); /* asks only */
	struct weft_siginfo si;
	ERR(weft_sig_take(bit(10), BADPTR, WEFT_NOW), EAGAIN);
	tp->blocked = bit(10);
	EQ(post(tp->tid, 10, 0), 0);
	ERR(weft_sig_take(bit(10), BADPTR, WEFT_NOW), EFAULT);
	(void)si;
}
TEST(rt_signal_call_errors)
{
	with_runtime(body_post_errors);
}

static void idle_thread(void *arg)
{
	(void)arg;
	while (!storm_stop)
		t_sleep(5);
}

static void body_interrupt_each(void)
{
	/* Every blocking call ends with EINTR. */
	struct nthread t;
	i32 p[2], c[2], s[2], set = t_obj(WEFT_OBJ_POLLSET, 0, 0);
	u32 word = 0;
	char b[8];
	struct weft_sqe e;
	struct weft_poll_event ev;
	struct weft_exit x;
	struct weft_msg m = {.dest = -1};
	struct weft_iov iov = {PTR(b), 8};
	struct weft_pollfd pf = {.fd = -1};
	t_pipe(p);
	t_chan(WEFT_CHAN_STREAM, c);
	t_scheme(s);
	i32 counter = t_obj(WEFT_OBJ_COUNTER, 0, 0), h = t_open(s[1]);
	i32 proc, pid = t_child(idle_thread, NULL, &proc);
	pf.fd = p[0];
	m.iov = PTR(&iov);
	m.niov = 1;
	for (int i = 0; i < 9; i++) {
		i64 r = 0;
		EQ(nthread_create(&t, post_soon, (void *)(u64)tp->tid, 0), 0);
		switch (i) {
		case 0:
			r = weft_fd_read(p[0], PTR(b), 8, -1, 0);
			break;
		case 1:
			r = weft_chan_recv(c[0], PTR(&m), 0);
			break;
		case 2:
			r = weft_fd_poll(PTR(&pf), 1, t_after(5000));
			break;
		case 3:
			r = weft_poll_wait(set, PTR(&ev), 1, t_after(5000));
			break;
		case 4:
			r = weft_futex(WEFT_FUTEX_WAIT, PTR(&word), 0, t_after(5000), 0, ~0u);
			break;
		case 5:
			r = weft_proc_wait(1, pid, 4, PTR(&x));
			break;
		case 6:
			r = weft_scheme_serve(s[0], 0, 0, PTR(&e), 1, t_after(5000));
			break;
		case 7:
			r = weft_fd_read(counter, PTR(b), 8, -1, 0);
			break;
		case 8:
			r = t_call(h, WEFT_OP_USER, 0); /* not received yet: taken back */
			break;
		}
		nthread_join(&t);
		if (r != -EINTR)
			FAIL("call %d gave %ld", i, r);
	}
	weft_proc_ctl(proc, WEFT_PROC_KILL, 9, 0, 0);
	t_wait(pid);
}
TEST(rt_every_blocking_call_is_interrupted)
{
	with_runtime(body_interrupt_each);
}

static i32 cancel_server;
static void cancel_main(void *arg)
{
	/* Answers a cancelled request with a partial count. */
	struct weft_sqe e;
	u64 tag = 0;
	(void)arg;
	for (;;) {
		if (weft_scheme_serve(cancel_server, 0, 0, PTR(&e), 1, t_after(3000)) != 1)
			return;
		if (e.tag)
			tag = e.tag;
		if (e.op == WEFT_OP_CANCEL) {
			EQ(e.args[0], tag);
			t_reply(cancel_server, tag, 4242);
			return;
		}
	}
}

static void body_cancel(void)
{
	i32 s[2];
	struct nthread t, server;
	t_scheme(s);
	cancel_server = s[0];
	i32 h = t_open(s[1]);
	EQ(nthread_create(&server, cancel_main, NULL, 0), 0);
	EQ(nthread_create(&t, post_soon, (void *)(u64)tp->tid, 0), 0);
	EQ(t_call(h, WEFT_OP_USER, 0), 4242);
	nthread_join(&t);
	nthread_join(&server);
	EQ(taken[10], 1);
}
TEST(rt_cancel_has_one_final_reply)
{
	with_runtime(body_cancel);
}

static void body_nointr(void)
{
	i32 s[2];
	struct weft_sqe e;
	struct nthread t;
	t_scheme(s);
	i32 h = t_open(s[1]), pid = native_fork(0, NULL);
	if (pid == 0) {
		t_recv(s[0], &e);
		t_sleep(120);
		t_reply(s[0], e.tag, 6);
		weft_proc_exit(0);
	}
	EQ(nthread_create(&t, post_soon, (void *)(u64)tp->tid, 0), 0);
	struct weft_req r = {.op = WEFT_OP_USER, .flags = WEFT_REQ_NOINTR};
	EQ(weft_fd_call(h, PTR(&r)), 6);
	nthread_join(&t);
	EQ(taken[10], 1);
	t_wait_ok(pid);
}
TEST(rt_nointr)
{
	with_runtime(body_nointr);
}

static void body_retarget(void)
{
	/* A process-wide signal goes to a thread that has not blocked it, even when the one it was meant for blocks it later. */
	tp->blocked = bit(10);
	EQ(post(0, 10, 0), 0);
	EQ(weft_thread_ctl(-1, 0, WEFT_THREAD_SIGMASK_CHANGED, 0, 0) >= 0, 1);
	EQ(taken[10], 0);
	CHECK(pp->pending & bit(10));
	tp->blocked = 0;
	linux_call(NR_SUM, 0);
	EQ(taken[10], 1);
}
TEST(rt_sigmask_changed)
{
	with_runtime(body_retarget);
}
