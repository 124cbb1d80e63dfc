/* SPDX-License-Identifier: MIT */
/* Processes, threads, wait, exec, kill and stop, limits. */
#include "t.h"

#include <native/spawn.h>

#define WNOHANG 1
#define WSTOPPED 2
#define WEXITED 4
#define WCONTINUED 8
#define WNOWAIT 0x1000000

static struct weft_proc_info info_of(i32 proc)
{
	struct weft_proc_info i;
	EQ(weft_proc_ctl(proc, WEFT_PROC_INFO, PTR(&i), 0, 0), 0);
	return i;
}

static void sleep_long(void *arg)
{
	(void)arg;
	t_sleep(20000);
}

static void exit_with(void *arg)
{
	weft_proc_exit(PTR(arg));
}

TEST(proc_fork_and_wait)
{
	struct weft_exit e;
	i32 pid = t_child(exit_with, (void *)(42ul << 8), NULL);
	EQ(weft_proc_wait(1, pid, WEXITED, PTR(&e)), pid);
	EQ(e.pid, pid);
	EQ(e.status, 42 << 8);
	EQ(e.code, 1); /* CLD_EXITED */
	ERR(weft_proc_wait(1, pid, WEXITED, PTR(&e)), ECHILD);
}

TEST(proc_ids)
{
	struct weft_proc_info me = info_of(-1);
	i32 proc;
	i32 pid = t_child(sleep_long, NULL, &proc);
	struct weft_proc_info c = info_of(proc);
	EQ(c.pid, pid);
	EQ(c.ppid, me.pid);
	EQ(c.threads, 1);
	CHECK(c.start_ns > 0);
	EQ(weft_proc_ctl(proc, WEFT_PROC_KILL, 9, 0, 0), 0);
	EQ(t_wait(pid), 9);
}

TEST(proc_wait_nohang)
{
	struct weft_exit e;
	i32 proc;
	i32 pid = t_child(sleep_long, NULL, &proc);
	EQ(weft_proc_wait(0, 0, WEXITED | WNOHANG, PTR(&e)), 0);
	weft_proc_ctl(proc, WEFT_PROC_KILL, 9, 0, 0);
	EQ(t_wait(pid), 9);
}

TEST(proc_wait_any_and_nowait)
{
	struct weft_exit e;
	i32 pid = t_child(exit_with, (void *)(3ul << 8), NULL);
	EQ(weft_proc_wait(0, 0, WEXITED | WNOWAIT, PTR(&e)), pid);
	EQ(weft_proc_wait(0, 0, WEXITED, PTR(&e)), pid);
	ERR(weft_proc_wait(0, 0, WEXITED, PTR(&e)), ECHILD);
}

TEST(proc_wait_by_fd)
{
	struct weft_exit e;
	i32 proc;
	i32 pid = t_child(exit_with, (void *)(5ul << 8), &proc);
	CHECK(t_poll(proc, WEFT_POLLIN, 2000) & WEFT_POLLIN);
	EQ(weft_proc_wait(3, proc, WEXITED, PTR(&e)), pid);
	EQ(e.status, 5 << 8);
}

TEST(proc_wait_by_group)
{
	struct weft_exit e;
	struct weft_identity id = {.pgid = 4711};
	i64 n = OK(weft_ident_ctl(t_root, WEFT_IDENT_MINT, 0, PTR(&id)));
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		EQ(weft_proc_ctl(-1, WEFT_PROC_SET_IDENTITY, n, t_root, 0), 0);
		t_sleep(30);
		weft_proc_exit(0);
	}
	i32 other = t_child(exit_with, NULL, NULL);
	t_sleep(10);
	EQ(weft_proc_wait(2, 4711, WEXITED, PTR(&e)), pid);
	t_wait_ok(other);
	ERR(weft_proc_wait(2, 4712, WEXITED, PTR(&e)), ECHILD);
}

TEST(proc_wait_errors)
{
	struct weft_exit e;
	ERR(weft_proc_wait(0, 0, WEXITED, PTR(&e)), ECHILD);
	ERR(weft_proc_wait(99, 0, WEXITED, PTR(&e)), EINVAL);
	ERR(weft_proc_wait(0, 0, 0, PTR(&e)), EINVAL);
	ERR(weft_proc_wait(1, 1, WEXITED, PTR(&e)), ECHILD); /* not a child */
	ERR(weft_proc_wait(3, NOFD, WEXITED, PTR(&e)), EBADF);
	i32 pid = t_child(exit_with, NULL, NULL);
	ERR(weft_proc_wait(1, pid, WEXITED, BADPTR), EFAULT);
	weft_proc_wait(1, pid, WEXITED | WNOHANG, PTR(&e));
}

TEST(proc_stop_and_continue)
{
	struct weft_exit e;
	i32 proc;
	i32 pid = t_child(sleep_long, NULL, &proc);
	t_sleep(20);
	EQ(weft_proc_ctl(proc, WEFT_PROC_STOP, 19, 0, 0), 0);
	EQ(weft_proc_wait(1, pid, WSTOPPED, PTR(&e)), pid);
	EQ(e.status, 19 << 8 | 0x7f);
	EQ(info_of(proc).state, 'T');
	EQ(weft_proc_ctl(proc, WEFT_PROC_CONT, 0, 0, 0), 0);
	EQ(weft_proc_wait(1, pid, WCONTINUED, PTR(&e)), pid);
	EQ(e.status, 0xffff);
	EQ(weft_proc_ctl(proc, WEFT_PROC_KILL, 9, 0, 0), 0);
	EQ(t_wait(pid), 9);
}

TEST(proc_kill_a_stopped_one)
{
	i32 proc;
	i32 pid = t_child(sleep_long, NULL, &proc);
	EQ(weft_proc_ctl(proc, WEFT_PROC_STOP, 19, 0, 0), 0);
	EQ(weft_proc_ctl(proc, WEFT_PROC_KILL, 9, 0, 0), 0);
	EQ(t_wait(pid), 9);
}

static void spin(void *arg)
{
	(void)arg;
	for (;;)
		__asm__ volatile("" : : : "memory");
}

TEST(proc_kill_one_that_spins)
{
	i32 proc;
	i32 pid = t_child(spin, NULL, &proc);
	t_sleep(30);
	EQ(weft_proc_ctl(proc, WEFT_PROC_KILL, 9, 0, 0), 0);
	EQ(t_wait(pid), 9);
}

TEST(proc_preemption)
{
	/* Two that spin on as many CPUs as there are do not keep a third from running. */
	i32 proc[8], pid[8];
	for (int i = 0; i < 8; i++)
		pid[i] = t_child(spin, NULL, &proc[i]);
	for (int i = 0; i < 5; i++)
		t_sleep(10);
	for (int i = 0; i < 8; i++)
		weft_proc_ctl(proc[i], WEFT_PROC_KILL, 9, 0, 0);
	for (int i = 0; i < 8; i++)
		EQ(t_wait(pid[i]), 9);
}

TEST(proc_orphans_go_to_the_reaper)
{
	struct weft_exit e;
	EQ(weft_proc_ctl(-1, WEFT_PROC_SUBREAPER, 1, 0, 0), 0);
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		if (native_fork(0, NULL) == 0) {
			t_sleep(50);
			weft_proc_exit(7 << 8);
		}
		weft_proc_exit(0);
	}
	t_wait_ok(pid);
	CHECK(weft_proc_wait(0, 0, WEXITED, PTR(&e)) > 0);
	EQ(e.status, 7 << 8);
}

TEST(proc_no_parent)
{
	struct weft_exit e;
	i32 proc;
	i32 pid = native_fork(WEFT_PROC_NO_PARENT, &proc);
	if (pid == 0)
		weft_proc_exit(0);
	CHECK(t_poll(proc, WEFT_POLLIN, 2000) & WEFT_POLLIN);
	ERR(weft_proc_wait(0, 0, WEXITED, PTR(&e)), ECHILD);
}

TEST(proc_autoreap)
{
	struct weft_exit e;
	i32 proc;
	EQ(weft_proc_ctl(-1, WEFT_PROC_SET_AUTOREAP, 1, 0, 0), 0);
	i32 pid = t_child(exit_with, NULL, &proc);
	CHECK(pid > 0 && (t_poll(proc, WEFT_POLLIN, 2000) & WEFT_POLLIN));
	ERR(weft_proc_wait(0, 0, WEXITED, PTR(&e)), ECHILD);
}

TEST(proc_fds_are_copied)
{
	i32 p[2];
	char c;
	t_pipe(p);
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		/* Copied, not shared: this closes only the child's. */
		weft_fd_close(p[0]);
		weft_fd_write(p[1], PTR("x"), 1, -1, 0);
		weft_proc_exit(0);
	}
	t_wait_ok(pid);
	EQ(weft_fd_read(p[0], PTR(&c), 1, -1, 0), 1);
}

TEST(proc_fds_shared)
{
	i32 p[2];
	t_pipe(p);
	i32 pid = native_fork(WEFT_PROC_SHARE_FDS, NULL);
	if (pid == 0) {
		weft_fd_close(p[0]);
		weft_proc_exit(0);
	}
	t_wait_ok(pid);
	ERR(weft_fd_ctl(p[0], WEFT_FD_GET_FLAGS, 0, 0), EBADF);
}

TEST(proc_fds_nofork)
{
	i32 p[2];
	t_pipe(p);
	i64 d = OK(weft_fd_dup(p[0], 0, WEFT_DUP_PRIVATE | WEFT_DUP_NOFORK, WEFT_RIGHT_ALL));
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		ERR(weft_fd_ctl(d, WEFT_FD_GET_FLAGS, 0, 0), EBADF);
		EQ(weft_fd_ctl(p[0], WEFT_FD_GET_FLAGS, 0, 0), 0);
		weft_proc_exit(0);
	}
	t_wait_ok(pid);
}

TEST(proc_map_nofork)
{
	u8 *p = (u8 *)OK(weft_mem_map(-1, 0, PAGE, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_NOFORK, -1, 0));
	p[0] = 1;
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		(void)*(volatile u8 *)p;
		weft_proc_exit(0);
	}
	CHECK(t_wait(pid) != 0);
}

TEST(proc_create_errors)
{
	struct weft_proc_new n;
	memset(&n, 0, sizeof n);
	n.as = n.ns = n.ident_auth = -1;
	n.thread.proc = -1;
	n.thread.regs.rip = 0x400000;
	ERR(weft_proc_create(BADPTR, sizeof n), EFAULT);
	ERR(weft_proc_create(PTR(&n), 8), EINVAL);
	n.flags = 0x80000000;
	ERR(weft_proc_create(PTR(&n), sizeof n), EINVAL);
	n.flags = WEFT_PROC_COPY_AS | WEFT_PROC_SHARE_AS;
	ERR(weft_proc_create(PTR(&n), sizeof n), EINVAL);
	n.flags = 0;
	n.as = NOFD;
	ERR(weft_proc_create(PTR(&n), sizeof n), EBADF);
	n.as = -1;
	n.ns = NOFD;
	ERR(weft_proc_create(PTR(&n), sizeof n), EBADF);
	n.ns = -1;
	n.nfds = 1;
	n.fds = BADPTR;
	ERR(weft_proc_create(PTR(&n), sizeof n), EFAULT);
	struct weft_fd_give g = {.fd = NOFD, .to = 0, .rights = WEFT_RIGHT_ALL};
	n.fds = PTR(&g);
	ERR(weft_proc_create(PTR(&n), sizeof n), EBADF);
	n.nfds = 0;
	n.thread.regs.rip = KERNELPTR;
	CHECK(weft_proc_create(PTR(&n), sizeof n) < 0);
	n.thread.regs.rip = 0x400000;
	n.thread.fs_base = KERNELPTR;
	CHECK(weft_proc_create(PTR(&n), sizeof n) < 0);
	n.thread.fs_base = 0;
	n.identity = 0xfffffff;
	n.ident_auth = t_root;
	CHECK(weft_proc_create(PTR(&n), sizeof n) < 0);
}

TEST(proc_with_an_address_space_of_its_own)
{
	/* mov $WEFT_CALL(PROC_EXIT), %eax; mov $0x2a00, %edi; syscall */
	u8 code[] = {0xb8, 0, 0, 0, 0, 0xbf, 0, 0x2a, 0, 0, 0x0f, 5};
	u32 nr = WEFT_CALL(PROC_EXIT);
	memcpy(code + 1, &nr, 4);
	i64 as = OK(weft_as_create(0));
	OK(weft_mem_map(as, 0x10000, PAGE, WEFT_PROT_READ | WEFT_PROT_EXEC | WEFT_MAP_FIXED, -1, 0));
	OK(weft_mem_map(as, 0x10000, PAGE, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_FIXED, -1, 0));
	EQ(weft_mem_query(as, WEFT_QUERY_WRITE, 0x10000, sizeof code, PTR(code), sizeof code), sizeof code);
	OK(weft_mem_protect(as, 0x10000, PAGE, WEFT_PROT_READ | WEFT_PROT_EXEC));
	struct weft_proc_new n;
	memset(&n, 0, sizeof n);
	n.as = (i32)as;
	n.ns = n.ident_auth = -1;
	n.thread.proc = -1;
	n.thread.regs.rip = 0x10000;
	n.thread.regs.rflags = 0x202;
	strcpy(n.name, "own-as");
	i32 pid = (i32)OK(weft_proc_create(PTR(&n), sizeof n));
	EQ(t_wait(pid), 42 << 8);
}

TEST(proc_flags_are_clean)
{
	/* Bits of rflags that user mode may not have do not come through. */
	struct weft_proc_new n;
	memset(&n, 0, sizeof n);
	if (native_save_regs(&n.thread.regs)) {
		u64 flags;
		__asm__ volatile("pushfq\n\tpop %0" : "=r"(flags));
		weft_proc_exit((flags & 0x3000) || !(flags & 0x200) ? 1 << 8 : 0);
	}
	n.flags = WEFT_PROC_COPY_AS;
	n.as = n.ns = n.ident_auth = -1;
	n.thread.proc = -1;
	n.thread.regs.rflags = 0x3000;
	i32 pid = (i32)OK(weft_proc_create(PTR(&n), sizeof n));
	t_wait_ok(pid);
}

TEST(proc_vfork)
{
	/* The caller sleeps until the child has ended or says that it may go on. */
	i64 start = time_monotonic();
	i32 pid = native_fork(WEFT_PROC_VFORK, NULL);
	if (pid == 0) {
		t_sleep(60);
		weft_proc_exit(0);
	}
	CHECK(time_monotonic() - start >= 60 * MS);
	t_wait_ok(pid);
	start = time_monotonic();
	pid = native_fork(WEFT_PROC_VFORK, NULL);
	if (pid == 0) {
		weft_proc_ctl(-1, WEFT_PROC_RELEASE_VFORK, 0, 0, 0);
		t_sleep(300);
		weft_proc_exit(0);
	}
	CHECK(time_monotonic() - start < 200 * MS);
	t_wait_ok(pid);
}

TEST(proc_stopped_at_birth)
{
	i32 proc;
	i32 pid = native_fork(WEFT_PROC_STOPPED, &proc);
	if (pid == 0)
		weft_proc_exit(0);
	EQ(t_poll(proc, WEFT_POLLIN, 60), 0);
	EQ(weft_proc_ctl(proc, WEFT_PROC_CONT, 0, 0, 0), 0);
	t_wait_ok(pid);
}

TEST(proc_pdeathsig_and_names)
{
	char name[] = "renamed";
	EQ(weft_proc_ctl(-1, WEFT_PROC_SET_NAME, PTR(name), 7, 0), 0);
	CHECK(strcmp(info_of(-1).name, "renamed") == 0);
	ERR(weft_proc_ctl(-1, WEFT_PROC_SET_NAME, BADPTR, 7, 0), EFAULT);
	EQ(weft_proc_ctl(-1, WEFT_PROC_SET_PDEATHSIG, 9, 0, 0), 0);
	CHECK(weft_proc_ctl(-1, WEFT_PROC_SET_PDEATHSIG, 65, 0, 0) < 0);
}

TEST(proc_limits)
{
	i64 old = OK(weft_proc_ctl(-1, WEFT_PROC_LIMIT, WEFT_LIMIT_THREADS, -1, 0));
	CHECK(old > 1);
	EQ(weft_proc_ctl(-1, WEFT_PROC_LIMIT, WEFT_LIMIT_THREADS, 1, 0), old);
	struct nthread t;
	CHECK(nthread_create(&t, spin, NULL, 0) < 0);
	ERR(weft_proc_ctl(-1, WEFT_PROC_LIMIT, WEFT_LIMIT_COUNT, -1, 0), EINVAL);
}

TEST(proc_open_list_and_threads)
{
	static u32 pids[1024];
	i32 proc;
	i32 pid = t_child(sleep_long, NULL, &proc);
	i64 n = OK(weft_proc_ctl(t_root, WEFT_PROC_LIST, PTR(pids), 1024, 0));
	bool found = false;
	for (i64 i = 0; i < n; i++)
		found |= pids[i] == (u32)pid;
	CHECK(found);
	i64 fd = OK(weft_proc_ctl(t_root, WEFT_PROC_OPEN, pid, 0, 0));
	EQ(weft_fd_ctl(fd, WEFT_FD_SAME, proc, 0), 1);
	EQ(weft_proc_ctl(fd, WEFT_PROC_THREADS, PTR(pids), 8, 0), 1);
	EQ(pids[0], pid);
	ERR(weft_proc_ctl(t_root, WEFT_PROC_OPEN, 99999999, 0, 0), ESRCH);
	ERR(weft_proc_ctl(-1, WEFT_PROC_OPEN, pid, 0, 0), EPERM);
	weft_proc_ctl(proc, WEFT_PROC_KILL, 9, 0, 0);
	EQ(t_wait(pid), 9);
}

TEST(proc_look_inside)
{
	static char secret[32] = "inside";
	i32 proc, p[2], list[64];
	char got[8] = "";
	struct weft_fd_info info;
	t_pipe(p);
	i32 pid = t_child(sleep_long, NULL, &proc);
	i64 as = OK(weft_proc_ctl(proc, WEFT_PROC_AS, 0, 0, 0));
	EQ(weft_mem_query(as, WEFT_QUERY_READ, PTR(secret), 6, PTR(got), 6), 6);
	CHECK(strcmp(got, "inside") == 0);
	EQ(weft_mem_query(as, WEFT_QUERY_WRITE, PTR(secret), 6, PTR("fooled"), 6), 6);
	CHECK(strcmp(secret, "inside") == 0);
	EQ(weft_proc_ctl(proc, WEFT_PROC_FDS, PTR(&info), p[0], 0), 0);
	EQ(info.type, WEFT_OBJ_PIPE);
	i64 n = OK(weft_proc_ctl(proc, WEFT_PROC_FD_LIST, PTR(list), 64, 0));
	CHECK(n >= 5);
	i64 d = OK(weft_proc_ctl(proc, WEFT_PROC_GET_FD, p[1], 0, 0));
	EQ(weft_fd_ctl(d, WEFT_FD_SAME, p[1], 0), 1);
	ERR(weft_proc_ctl(proc, WEFT_PROC_GET_FD, NOFD, 0, 0), EBADF);
	/* Without CONTROL on it, nothing. */
	i64 weak = OK(weft_fd_dup(proc, 0, 0, WEFT_RIGHT_READ));
	ERR(weft_proc_ctl(weak, WEFT_PROC_AS, 0, 0, 0), EPERM);
	ERR(weft_proc_ctl(weak, WEFT_PROC_GET_FD, p[1], 0, 0), EPERM);
	ERR(weft_proc_ctl(weak, WEFT_PROC_KILL, 9, 0, 0), EPERM);
	weft_proc_ctl(proc, WEFT_PROC_KILL, 9, 0, 0);
	EQ(t_wait(pid), 9);
}

TEST(proc_events)
{
	i64 fd = OK(weft_proc_ctl(t_root, WEFT_PROC_EVENTS, 0, 0, 0));
	struct weft_proc_event e;
	u32 seen = 0;
	i32 pid = t_child(exit_with, NULL, NULL);
	t_wait_ok(pid);
	while (seen != (1u << 1 | 1u << 3)) {
		CHECK(t_poll((i32)fd, WEFT_POLLIN, 1000) & WEFT_POLLIN);
		EQ(weft_fd_read(fd, PTR(&e), sizeof e, -1, 0), sizeof e);
		if (e.pid == (u32)pid)
			seen |= 1u << e.what;
	}
	ERR(weft_proc_ctl(-1, WEFT_PROC_EVENTS, 0, 0, 0), EPERM);
}

TEST(proc_ctl_errors)
{
	i32 p[2];
	t_pipe(p);
	ERR(weft_proc_ctl(NOFD, WEFT_PROC_INFO, 0, 0, 0), EBADF);
	ERR(weft_proc_ctl(p[0], WEFT_PROC_INFO, 0, 0, 0), EINVAL);
	ERR(weft_proc_ctl(-1, 999, 0, 0, 0), EINVAL);
	ERR(weft_proc_ctl(-1, WEFT_PROC_INFO, BADPTR, 0, 0), EFAULT);
	ERR(weft_proc_ctl(-1, WEFT_PROC_SET_RUNTIME, BADPTR, 0, 0), EFAULT);
	struct weft_runtime bad = {.start = KERNELPTR, .end = KERNELPTR + PAGE, .entry = KERNELPTR};
	CHECK(weft_proc_ctl(-1, WEFT_PROC_SET_RUNTIME, PTR(&bad), 0, 0) < 0);
}

TEST(proc_cpu_time_of_children)
{
	struct weft_exit e;
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		i64 until = t_after(50);
		while (time_monotonic() < until)
			;
		weft_proc_exit(0);
	}
	EQ(weft_proc_wait(1, pid, WEXITED, PTR(&e)), pid);
	CHECK(e.used.user_ns + e.used.system_ns >= 5 * MS);
	CHECK(e.used.max_resident > 0);
	struct weft_proc_info me = info_of(-1);
	CHECK(me.children.user_ns + me.children.system_ns >= e.used.user_ns);
}

static u64 thread_flag;
static void set_flag(void *arg)
{
	__atomic_store_n(&thread_flag, PTR(arg), __ATOMIC_SEQ_CST);
}

TEST(thread_create_and_join)
{
	struct nthread t;
	for (u64 i = 1; i < 50; i++) {
		EQ(nthread_create(&t, set_flag, (void *)i, 0), 0);
		CHECK(t.tid != 0 || thread_flag == i);
		nthread_join(&t);
		EQ(thread_flag, i);
	}
	EQ(info_of(-1).threads, 1);
}

TEST(thread_many)
{
	static struct nthread t[200];
	for (u64 i = 0; i < 200; i++)
		EQ(nthread_create(&t[i], set_flag, (void *)i, 8192), 0);
	for (u64 i = 0; i < 200; i++)
		nthread_join(&t[i]);
}

static u64 ticket;
static struct lock count_lock;
static void count_up(void *arg)
{
	(void)arg;
	for (int i = 0; i < 5000; i++) {
		lock_take(&count_lock);
		ticket++;
		lock_drop(&count_lock);
	}
}

TEST(thread_lock)
{
	struct nthread t[4];
	for (int i = 0; i < 4; i++)
		EQ(nthread_create(&t[i], count_up, NULL, 0), 0);
	for (int i = 0; i < 4; i++)
		nthread_join(&t[i]);
	EQ(ticket, 20000);
}

TEST(thread_stack_is_freed)
{
	/* free_addr is unmapped by the kernel at the thread's death. */
	struct weft_thread_new n;
	u32 tid = 1;
	u8 *stack = t_anon(4 * PAGE);
	memset(&n, 0, sizeof n);
	u8 code[] = {0xb8, 0, 0, 0, 0, 0x0f, 5};
	u32 nr = WEFT_CALL(THREAD_EXIT);
	memcpy(code + 1, &nr, 4);
	u8 *text = t_anon(PAGE);
	memcpy(text, code, sizeof code);
	OK(weft_mem_protect(-1, PTR(text), PAGE, WEFT_PROT_READ | WEFT_PROT_EXEC));
	n.proc = -1;
	n.regs.rip = PTR(text);
	n.regs.rsp = PTR(stack + 4 * PAGE);
	n.regs.rflags = 0x202;
	n.clear_tid = PTR(&tid);
	n.free_addr = PTR(stack);
	n.free_len = 4 * PAGE;
	OK(weft_thread_create(PTR(&n), sizeof n));
	for (int i = 0; i < 200 && __atomic_load_n(&tid, __ATOMIC_SEQ_CST); i++)
		t_sleep(5);
	EQ(tid, 0);
	struct weft_vma v;
	EQ(weft_mem_query(-1, WEFT_QUERY_VMAS, PTR(stack), 4 * PAGE, PTR(&v), 1), 0);
}

TEST(thread_create_errors)
{
	struct weft_thread_new n;
	memset(&n, 0, sizeof n);
	n.proc = -1;
	n.regs.rip = PTR(spin);
	ERR(weft_thread_create(BADPTR, sizeof n), EFAULT);
	ERR(weft_thread_create(PTR(&n), 4), EINVAL);
	n.proc = NOFD;
	ERR(weft_thread_create(PTR(&n), sizeof n), EBADF);
	n.proc = -1;
	n.flags = 0x80000000;
	ERR(weft_thread_create(PTR(&n), sizeof n), EINVAL);
	n.flags = 0;
	n.regs.rip = KERNELPTR;
	CHECK(weft_thread_create(PTR(&n), sizeof n) < 0);
	n.regs.rip = 1ul << 50; /* not canonical */
	CHECK(weft_thread_create(PTR(&n), sizeof n) < 0);
	n.regs.rip = PTR(spin);
	n.tp = 0x123; /* not a page */
	CHECK(weft_thread_create(PTR(&n), sizeof n) < 0);
	u8 *p = t_anon(PAGE);
	n.tp = PTR(p); /* not free */
	CHECK(weft_thread_create(PTR(&n), sizeof n) < 0);
}

TEST(thread_priority)
{
	EQ(weft_thread_ctl(-1, 0, WEFT_THREAD_GET_PRIO, 0, 0), WEFT_PRIO_NORMAL);
	EQ(weft_thread_ctl(-1, 0, WEFT_THREAD_SET_PRIO, WEFT_PRIO_LOW, 0) >= 0, 1);
	EQ(weft_thread_ctl(-1, 0, WEFT_THREAD_GET_PRIO, 0, 0), WEFT_PRIO_LOW);
	ERR(weft_thread_ctl(-1, 0, WEFT_THREAD_SET_PRIO, 0, 0), EINVAL);
	ERR(weft_thread_ctl(-1, 0, WEFT_THREAD_SET_PRIO, 32, 0), EINVAL);
}

TEST(thread_affinity)
{
	struct weft_sys_info i;
	OK(weft_sys_ctl(-1, WEFT_SYS_INFO, PTR(&i), 0, 0));
	struct weft_thread_info t;
	for (u32 c = 0; c < i.cpus; c++) {
		EQ(weft_thread_ctl(-1, 0, WEFT_THREAD_SET_AFFINITY, 1ul << c, 0), 0);
		weft_yield();
		EQ(weft_thread_ctl(-1, 0, WEFT_THREAD_INFO, PTR(&t), 0), 0);
		EQ(t.cpu, c);
		EQ(weft_thread_ctl(-1, 0, WEFT_THREAD_GET_AFFINITY, 0, 0), 1ul << c);
	}
	ERR(weft_thread_ctl(-1, 0, WEFT_THREAD_SET_AFFINITY, 0, 0), EINVAL);
	ERR(weft_thread_ctl(-1, 0, WEFT_THREAD_SET_AFFINITY, 1ul << 63, 0), EINVAL);
}

TEST(thread_fs_base)
{
	static u64 word = 0x1122334455667788;
	u64 got;
	EQ(weft_thread_ctl(-1, 0, WEFT_THREAD_SET_FS, PTR(&word), 0), 0);
	__asm__ volatile("mov %%fs:0, %0" : "=r"(got));
	EQ(got, word);
	weft_yield();
	t_sleep(5);
	__asm__ volatile("mov %%fs:0, %0" : "=r"(got));
	EQ(got, word);
	EQ(weft_thread_ctl(-1, 0, WEFT_THREAD_GET_FS, 0, 0), PTR(&word));
	CHECK(weft_thread_ctl(-1, 0, WEFT_THREAD_SET_FS, KERNELPTR, 0) < 0);
	CHECK(weft_thread_ctl(-1, 0, WEFT_THREAD_SET_FS, 1ul << 50, 0) < 0);
}

static u32 spinning;
static void spin_visibly(void *arg)
{
	(void)arg;
	__asm__ volatile("mov $0x5a5a5a5a, %%r15d\n1:\tlock incl %0\n\tjmp 1b" : "+m"(spinning) : : "r15", "memory");
}

TEST(thread_stop_and_registers)
{
	struct nthread t;
	struct weft_regs r;
	EQ(nthread_create(&t, spin_visibly, NULL, 0), 0);
	while (__atomic_load_n(&spinning, __ATOMIC_SEQ_CST) == 0)
		weft_yield();
	CHECK(weft_thread_ctl(-1, t.tid, WEFT_THREAD_GET_REGS, PTR(&r), 0) < 0);
	EQ(weft_thread_ctl(-1, t.tid, WEFT_THREAD_STOP, 0, 0), 0);
	for (int i = 0; i < 100 && weft_thread_ctl(-1, t.tid, WEFT_THREAD_GET_REGS, PTR(&r), 0) < 0; i++)
		t_sleep(1);
	u32 at = __atomic_load_n(&spinning, __ATOMIC_SEQ_CST);
	t_sleep(20);
	EQ(__atomic_load_n(&spinning, __ATOMIC_SEQ_CST), at);
	EQ(weft_thread_ctl(-1, t.tid, WEFT_THREAD_GET_REGS, PTR(&r), 0), 0);
	EQ(r.r15, 0x5a5a5a5a);
	/* Send it to its end. */
	r.rip = PTR(weft_thread_exit);
	static u8 *text;
	u8 code[] = {0xb8, 0, 0, 0, 0, 0x0f, 5};
	u32 nr = WEFT_CALL(THREAD_EXIT);
	text = t_anon(PAGE);
	memcpy(code + 1, &nr, 4);
	memcpy(text, code, sizeof code);
	OK(weft_mem_protect(-1, PTR(text), PAGE, WEFT_PROT_READ | WEFT_PROT_EXEC));
	r.rip = PTR(text);
	EQ(weft_thread_ctl(-1, t.tid, WEFT_THREAD_SET_REGS, PTR(&r), 0), 0);
	EQ(weft_thread_ctl(-1, t.tid, WEFT_THREAD_START, 0, 0), 0);
	nthread_join(&t);
}

TEST(thread_ctl_errors)
{
	struct weft_thread_info i;
	ERR(weft_thread_ctl(-1, 99999999, WEFT_THREAD_INFO, PTR(&i), 0), ESRCH);
	ERR(weft_thread_ctl(NOFD, 0, WEFT_THREAD_INFO, PTR(&i), 0), EBADF);
	ERR(weft_thread_ctl(-1, 0, 999, 0, 0), EINVAL);
	ERR(weft_thread_ctl(-1, 0, WEFT_THREAD_INFO, BADPTR, 0), EFAULT);
	CHECK(weft_thread_ctl(-1, 0, WEFT_THREAD_GET_REGS, PTR(&i), 0) < 0);
}

TEST(thread_sse_is_kept)
{
	/* Vector registers live through switches between two threads that use them. */
	i32 pid = native_fork(0, NULL);
	for (u64 k = 0; k < 2000; k++) {
		u64 in[2] = {k * 3 + (u64)pid, ~k}, out[2];
		__asm__ volatile("movdqu %1, %%xmm7\n\tmovdqu %1, %%xmm15" : : "r"(0), "m"(in) : "xmm7", "xmm15");
		weft_yield();
		__asm__ volatile("movdqu %%xmm7, %0" : "=m"(out));
		if (out[0] != in[0] || out[1] != in[1])
			FAIL("xmm7 changed");
	}
	if (pid == 0)
		weft_proc_exit(0);
	t_wait_ok(pid);
}

TEST(robust_list_at_death)
{
	/* The kernel marks a robust futex of a dead thread and wakes one waiter. */
	struct node {
		u64 next;
		u32 pad, futex;
	};
	struct head {
		u64 next;
		i64 offset;
		u64 pending;
	};
	struct both {
		struct head h;
		struct node n;
	} *b = (struct both *)OK(weft_mem_map(-1, 0, PAGE, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_SHARED, -1, 0));
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		struct weft_proc_info me = info_of(-1);
		b->h = (struct head){PTR(&b->n), (i64)offsetof(struct node, futex), 0};
		b->n.next = PTR(&b->h);
		b->n.futex = me.pid;
		EQ(weft_thread_ctl(-1, 0, WEFT_THREAD_SET_ROBUST, PTR(&b->h), 0), 0);
		weft_proc_exit(0);
	}
	t_wait_ok(pid);
	EQ(b->n.futex, 0x40000000);
}

TEST(robust_list_hostile)
{
	/* A list without end, and one that points to nowhere. */
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		u64 *head = t_anon(PAGE);
		head[0] = PTR(head + 4);
		head[4] = PTR(head + 4);
		EQ(weft_thread_ctl(-1, 0, WEFT_THREAD_SET_ROBUST, PTR(head), 0), 0);
		weft_proc_exit(0);
	}
	t_wait_ok(pid);
	pid = native_fork(0, NULL);
	if (pid == 0) {
		weft_thread_ctl(-1, 0, WEFT_THREAD_SET_ROBUST, 0x12345678, 0);
		weft_thread_ctl(-1, 0, WEFT_THREAD_SET_CLEAR_TID, 0x10, 0);
		weft_proc_exit(0);
	}
	t_wait_ok(pid);
}

TEST(exec_replaces_the_program)
{
	/* The same program with the argument "exec" in a new address space: see main.c. */
	struct spawned s;
	struct spawn_args a;
	const char *const argv[] = {"ktest", "-exec", NULL}, *const envp[] = {"WHO=weft", NULL};
	struct spawn_fd fds[] = {{.name = "hello", .fd = 1, .to = 1}};
	spawn_args_init(&a);
	a.name = "kchild";
	a.argv = argv;
	a.envp = envp;
	a.fds = fds;
	a.nfds = 1;
	u64 size;
	a.image = t_self_image(&size);
	a.image_size = size;
	a.time_page = native_fd("time");
	EQ(spawn(&a, &s), 0);
	EQ(t_wait(s.pid), 77 << 8);
	weft_fd_close(s.proc);
}

TEST(exec_in_place)
{
	struct weft_proc_info me;
	u8 code[] = {0xb8, 0, 0, 0, 0, 0xbf, 0, 0x21, 0, 0, 0x0f, 5};
	u32 nr = WEFT_CALL(PROC_EXIT);
	i32 p[2];
	memcpy(code + 1, &nr, 4);
	t_pipe(p);
	OK(weft_fd_ctl(p[1], WEFT_FD_SET_FLAGS, 1, 0));
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		struct nthread t;
		nthread_create(&t, spin, NULL, 0); /* the others end */
		i64 as = OK(weft_as_create(WEFT_DUP_CLOEXEC));
		OK(weft_mem_map(as, 0x10000, PAGE, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_FIXED, -1, 0));
		EQ(weft_mem_query(as, WEFT_QUERY_WRITE, 0x10000, sizeof code, PTR(code), sizeof code), sizeof code);
		OK(weft_mem_protect(as, 0x10000, PAGE, WEFT_PROT_READ | WEFT_PROT_EXEC));
		struct weft_exec x;
		memset(&x, 0, sizeof x);
		x.as = (i32)as;
		x.thread.proc = -1;
		x.thread.regs.rip = 0x10000;
		x.thread.regs.rflags = 0x202;
		strcpy(x.name, "after");
		i64 r = weft_proc_exec(PTR(&x), sizeof x);
		FAIL("proc_exec: %ld", r);
	}
	weft_fd_close(p[1]);
	EQ(t_wait(pid), 0x2100);
	/* Its close-on-exec copy of the writer went. */
	char c;
	EQ(weft_fd_read(p[0], PTR(&c), 1, -1, 0), 0);
	(void)me;
}

TEST(exec_errors)
{
	struct weft_exec x;
	memset(&x, 0, sizeof x);
	x.as = NOFD;
	x.thread.proc = -1;
	x.thread.regs.rip = 0x10000;
	ERR(weft_proc_exec(BADPTR, sizeof x), EFAULT);
	ERR(weft_proc_exec(PTR(&x), 3), EINVAL);
	ERR(weft_proc_exec(PTR(&x), sizeof x), EBADF);
	i64 as = OK(weft_as_create(0));
	x.as = (i32)as;
	x.thread.regs.rip = KERNELPTR;
	CHECK(weft_proc_exec(PTR(&x), sizeof x) < 0);
}

TEST(proc_exit_with_many_things)
{
	/* A process that ends with threads, mappings, timers and sets open; the leak check is the test. */
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		struct nthread t[8];
		i32 p[2], set = t_obj(WEFT_OBJ_POLLSET, 0, 0);
		for (int i = 0; i < 8; i++)
			nthread_create(&t[i], i & 1 ? sleep_long : spin, NULL, 0);
		for (int i = 0; i < 50; i++) {
			t_pipe(p);
			struct weft_poll_event e = {.events = WEFT_POLLIN};
			weft_poll_ctl(set, WEFT_POLL_ADD, p[0], PTR(&e));
			struct weft_timer_spec s = {.value = 1000 * MS, .flags = WEFT_TIMER_RELATIVE};
			weft_timer_set(t_obj(WEFT_OBJ_TIMER, 1, 0), PTR(&s), 0);
			memset(t_anon(4 * PAGE), 1, 4 * PAGE);
			memset(t_map(t_mem(4 * PAGE), 4 * PAGE), 1, 4 * PAGE);
		}
		weft_proc_exit(0);
	}
	t_wait_ok(pid);
}

TEST(proc_fork_bomb_of_200)
{
	i32 pid[200];
	for (int i = 0; i < 200; i++)
		pid[i] = t_child(exit_with, NULL, NULL);
	for (int i = 0; i < 200; i++)
		t_wait_ok(pid[i]);
}
