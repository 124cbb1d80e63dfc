/* SPDX-License-Identifier: MIT */
/* What a process has without paths: entry and exit, signals, memory, threads, fork, pipes, poll, time. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include "check.h"

/* --- entry --- */
static void test_entry(void)
{
	unsigned long rbx, r12, r13, r14, r15, rdi, rsi, rdx, r8, r9, r10, rax, cf;
	asm volatile("mov $0x1111, %%rbx\nmov $0x2222, %%r12\nmov $0x3333,%%r13\nmov $0x4444,%%r14\nmov $0x5555,%%r15\n"
		     "mov $0x66,%%rdi\nmov $0x77,%%rsi\nmov $0x88,%%rdx\nmov $0x99,%%r8\nmov $0xaa,%%r9\nmov $0xbb,%%r10\n"
		     "mov $39,%%eax\nstc\nsyscall\nsetc %%cl\nmovzbl %%cl,%%ecx\n"
		     : "=b"(rbx), "=a"(rax), "=D"(rdi), "=S"(rsi), "=d"(rdx), "=c"(cf)
		     :
		     : "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory");
	register unsigned long a12 asm("r12"), a13 asm("r13"), a14 asm("r14"), a15 asm("r15"), a8 asm("r8"), a9 asm("r9"), a10 asm("r10");
	asm volatile("" : "=r"(a12), "=r"(a13), "=r"(a14), "=r"(a15), "=r"(a8), "=r"(a9), "=r"(a10));
	r12 = a12, r13 = a13, r14 = a14, r15 = a15, r8 = a8, r9 = a9, r10 = a10;
	(void)r12, (void)r13, (void)r14, (void)r15, (void)r8, (void)r9, (void)r10;
	CHECK("entry keeps rbx", rbx == 0x1111);
	CHECK("entry keeps rdi rsi rdx", rdi == 0x66 && rsi == 0x77 && rdx == 0x88);
	CHECK("entry keeps flags", cf == 1);
	CHECK("getpid", rax == (unsigned long)getpid());
	FAILS("unserved call", syscall(500), ENOSYS);
	FAILS("huge call number", syscall(0xfffffff0), ENOSYS);
	FAILS("bad pointer", syscall(SYS_pipe2, 8, 0), EFAULT);
	FAILS("kernel pointer", syscall(SYS_pipe2, 0xffffffff80000000, 0), EFAULT);
	FAILS("non-canonical pointer", syscall(SYS_clock_gettime, 1, 0x8000000000000000), EFAULT);
	FAILS("private fd", syscall(SYS_read, 0x40000000, &rax, 1), EBADF);
	CHECK("auxv", getauxval(AT_PAGESZ) == 4096 && getauxval(AT_SYSINFO_EHDR) && getauxval(AT_RANDOM));
}

/* --- signals --- */
static volatile sig_atomic_t got, got_code;
static volatile unsigned long got_addr;
static sigjmp_buf jump;
static void on_signal(int s)
{
	got = s;
}
static void on_info(int s, siginfo_t *si, void *uc)
{
	(void)uc;
	got = s;
	got_code = si->si_code;
	got_addr = (unsigned long)si->si_addr;
}
static void on_fault(int s, siginfo_t *si, void *uc)
{
	on_info(s, si, uc);
	siglongjmp(jump, 1);
}
static void install(int s, void (*h)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = {.sa_sigaction = h, .sa_flags = flags | SA_SIGINFO};
	sigaction(s, &sa, NULL);
}
static char alt[16384];
static volatile int on_alt;
static void on_altstack(int s)
{
	char here;
	(void)s;
	on_alt = &here >= alt && &here < alt + sizeof alt;
}

static void test_signals(void)
{
	signal(SIGUSR1, on_signal);
	CHECK("raise", raise(SIGUSR1) == 0 && got == SIGUSR1);
	got = 0;
	sigset_t set, old, pend;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	kill(getpid(), SIGUSR1);
	CHECK("blocked signal waits", got == 0);
	CHECK("sigpending", sigpending(&pend) == 0 && sigismember(&pend, SIGUSR1));
	sigprocmask(SIG_SETMASK, &old, NULL);
	CHECK("unblocked signal comes", got == SIGUSR1);

	install(SIGSEGV, on_fault, 0);
	install(SIGBUS, on_fault, 0);
	install(SIGFPE, on_fault, 0);
	install(SIGILL, on_fault, 0);
	got = 0;
	if (!sigsetjmp(jump, 1))
		*(volatile int *)0x10 = 1;
	CHECK("SIGSEGV unmapped", got == SIGSEGV && got_code == SEGV_MAPERR && got_addr == 0x10);
	char *ro = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	got = 0;
	if (!sigsetjmp(jump, 1))
		*(volatile char *)ro = 1;
	CHECK("SIGSEGV read-only", got == SIGSEGV && got_code == SEGV_ACCERR && got_addr == (unsigned long)ro);
	got = 0;
	if (!sigsetjmp(jump, 1))
		asm volatile("xor %%edx,%%edx\nmov $1,%%eax\nxor %%ecx,%%ecx\ndiv %%ecx" ::: "eax", "ecx", "edx");
	CHECK("SIGFPE", got == SIGFPE && got_code == FPE_INTDIV);
	got = 0;
	if (!sigsetjmp(jump, 1))
		asm volatile("ud2");
	CHECK("SIGILL", got == SIGILL);
	got = 0;
	if (!sigsetjmp(jump, 1))
		asm volatile("hlt");
	CHECK("privileged instruction", got == SIGSEGV && got_code == SI_KERNEL);
	int m = memfd_create("x", 0);
	CHECK("memfd_create", m >= 0);
	CHECK("ftruncate", ftruncate(m, 8192) == 0);
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, m, 0);
	p[4096] = 1;
	CHECK("shrink", ftruncate(m, 4096) == 0);
	got = 0;
	if (!sigsetjmp(jump, 1))
		p[4096] = 2;
	CHECK("SIGBUS beyond the object", got == SIGBUS && got_code == BUS_ADRERR && got_addr == (unsigned long)p + 4096);
	munmap(p, 8192);
	close(m);
	signal(SIGSEGV, SIG_DFL);

	stack_t st = {.ss_sp = alt, .ss_size = sizeof alt}, back;
	CHECK("sigaltstack", sigaltstack(&st, NULL) == 0);
	struct sigaction sa = {.sa_handler = on_altstack, .sa_flags = SA_ONSTACK};
	sigaction(SIGUSR2, &sa, NULL);
	raise(SIGUSR2);
	CHECK("handler on the alternate stack", on_alt == 1);
	CHECK("sigaltstack reads back", sigaltstack(NULL, &back) == 0 && back.ss_sp == alt && back.ss_flags == 0);
	st.ss_flags = SS_DISABLE;
	sigaltstack(&st, NULL);

	sa = (struct sigaction){.sa_handler = on_signal, .sa_flags = SA_RESETHAND};
	sigaction(SIGUSR2, &sa, NULL);
	raise(SIGUSR2);
	sigaction(SIGUSR2, NULL, &sa);
	CHECK("SA_RESETHAND", sa.sa_handler == SIG_DFL);
	FAILS("sigaction SIGKILL", sigaction(SIGKILL, &(struct sigaction){.sa_handler = on_signal}, NULL), EINVAL);

	/* Floating point across a handler. */
	volatile double d = 1.5;
	got = 0;
	install(SIGUSR1, on_info, 0);
	double e = d * 2;
	raise(SIGUSR1);
	CHECK("SSE state survives a handler", e == 3.0 && got == SIGUSR1 && got_code == SI_TKILL);

	/* queued realtime signals with values */
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < 3; i++)
		sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 10 + i});
	int good = 1;
	for (int i = 0; i < 3; i++) {
		siginfo_t si;
		good &= sigwaitinfo(&set, &si) == SIGRTMIN && si.si_value.sival_int == 10 + i && si.si_code == SI_QUEUE;
	}
	CHECK("sigqueue and sigwaitinfo", good);
	struct timespec zero = {0, 1000000};
	FAILS("sigtimedwait", sigtimedwait(&set, NULL, &zero), EAGAIN);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void test_restart(void)
{
	int p[2];
	char c;
	pipe(p);
	struct sigaction sa = {.sa_handler = on_signal};
	struct itimerval it = {.it_value = {0, 20000}};

	sigaction(SIGALRM, &sa, NULL);
	got = 0;
	setitimer(ITIMER_REAL, &it, NULL);
	FAILS("read is interrupted", read(p[0], &c, 1), EINTR);
	CHECK("by SIGALRM", got == SIGALRM);
	sa.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &sa, NULL);
	pid_t pid = fork();
	if (!pid) {
		usleep(60000);
		write(p[1], "z", 1);
		_exit(0);
	}
	got = 0;
	setitimer(ITIMER_REAL, &it, NULL);
	CHECK("SA_RESTART restarts read", read(p[0], &c, 1) == 1 && c == 'z' && got == SIGALRM);
	waitpid(pid, NULL, 0);
	struct timespec ts = {0, 200000000}, rem = {0, 0};
	got = 0;
	setitimer(ITIMER_REAL, &it, NULL);
	FAILS("nanosleep is interrupted", nanosleep(&ts, &rem), EINTR);
	CHECK("nanosleep tells the rest", rem.tv_nsec > 100000000 && rem.tv_nsec < 200000000);
	setitimer(ITIMER_REAL, &it, NULL);
	struct pollfd pf = {.fd = p[0], .events = POLLIN};
	FAILS("poll is interrupted", poll(&pf, 1, 1000), EINTR);
	/* An ignored signal interrupts nothing. */
	signal(SIGALRM, SIG_IGN);
	setitimer(ITIMER_REAL, &it, NULL);
	ts.tv_nsec = 60000000;
	CHECK("ignored signal does not interrupt", nanosleep(&ts, NULL) == 0);
	sigset_t set;
	sigemptyset(&set);
	signal(SIGALRM, on_signal);
	setitimer(ITIMER_REAL, &it, NULL);
	FAILS("sigsuspend", sigsuspend(&set), EINTR);
	close(p[0]);
	signal(SIGPIPE, on_signal);
	got = 0;
	FAILS("EPIPE", write(p[1], "a", 1), EPIPE);
	CHECK("SIGPIPE", got == SIGPIPE);
	close(p[1]);
	alarm(0);
}

/* --- memory --- */
static void test_memory(void)
{
	char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK("mmap", p != MAP_FAILED);
	memset(p, 7, 65536);
	CHECK("munmap a part", munmap(p + 16384, 4096) == 0);
	unsigned char vec[16];
	FAILS("mincore over a hole", mincore(p, 65536, vec), ENOMEM);
	CHECK("mincore", mincore(p, 16384, vec) == 0 && (vec[0] & 1));
	CHECK("madvise DONTNEED", madvise(p, 4096, MADV_DONTNEED) == 0 && p[0] == 0 && p[4096] == 7);
	char *q = mremap(p, 8192, 32768, MREMAP_MAYMOVE);
	CHECK("mremap", q != MAP_FAILED && q[4096] == 7 && q[8192] == 0);
	CHECK("mprotect", mprotect(q, 4096, PROT_NONE) == 0);
	FAILS("mprotect unaligned", syscall(SYS_mprotect, q + 1, 4096, PROT_NONE), EINVAL);
	FAILS("mmap of nothing", (long)mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
	FAILS("mmap bad fd", (long)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 99, 0), EBADF);
	FAILS("mmap in the runtime", (long)mmap((void *)0x7fff80000000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), ENOMEM);
	FAILS("MAP_FIXED_NOREPLACE", (long)mmap(q, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	unsigned long b = syscall(SYS_brk, 0);
	CHECK("brk", (unsigned long)syscall(SYS_brk, b + 100000) == b + 100000 && (((char *)b)[99999] = 1));
	syscall(SYS_brk, b);
	int m = memfd_create("seal", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	CHECK("write to memfd", write(m, "hello", 5) == 5 && lseek(m, 0, SEEK_SET) == 0);
	CHECK("fallocate of memfd", fallocate(m, 0, 0, 5) == 0 && fallocate(m, FALLOC_FL_KEEP_SIZE, 0, 8192) == 0);
	CHECK("seal", fcntl(m, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0);
	CHECK("get seals", fcntl(m, F_GET_SEALS) == (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
	FAILS("sealed write", write(m, "x", 1), EPERM);
	FAILS("sealed shrink", ftruncate(m, 0), EPERM);
	char buf[8];
	CHECK("read back", pread(m, buf, 8, 0) == 5 && !memcmp(buf, "hello", 5));
	struct stat st;
	CHECK("fstat of memfd", fstat(m, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 5);
	close(m);
}

/* --- threads --- */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int counter;
static __thread int local = 5;
static void *adder(void *arg)
{
	local += (int)(long)arg;
	for (int i = 0; i < 1000; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
	}
	return (void *)(long)local;
}
static volatile pid_t thread_tid;
static void *sleeper(void *arg)
{
	thread_tid = syscall(SYS_gettid);
	(void)arg;
	pthread_mutex_lock(&mutex);
	counter = -1;
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&mutex);
	sigset_t set;
	int s;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigwait(&set, &s);
	return (void *)(long)s;
}

static void test_threads(void)
{
	pthread_t t[8];
	int good = 1;
	for (long i = 0; i < 8; i++)
		good &= pthread_create(&t[i], NULL, adder, (void *)i) == 0;
	for (long i = 0; i < 8; i++) {
		void *r;
		good &= pthread_join(t[i], &r) == 0 && (long)r == 5 + i;
	}
	CHECK("threads with TLS", good && counter == 8000);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_mutex_lock(&mutex);
	pthread_create(&t[0], NULL, sleeper, NULL);
	while (counter != -1)
		pthread_cond_wait(&cond, &mutex);
	pthread_mutex_unlock(&mutex);
	void *r;
	pthread_kill(t[0], SIGUSR1);
	pthread_join(t[0], &r);
	CHECK("condition, pthread_kill, sigwait", (long)r == SIGUSR1 && thread_tid != getpid());
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	good = 1;
	for (int i = 0; i < 200; i++)
		good &= pthread_create(&t[0], NULL, adder, NULL) == 0 && pthread_join(t[0], NULL) == 0;
	CHECK("200 threads one after another", good);
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_nsec += 20000000;
	if (ts.tv_nsec >= 1000000000)
		ts.tv_nsec -= 1000000000, ts.tv_sec++;
	pthread_mutex_lock(&mutex);
	CHECK("timed wait", pthread_cond_timedwait(&cond, &mutex, &ts) == ETIMEDOUT);
	pthread_mutex_unlock(&mutex);
}

/* --- processes --- */
static void test_processes(void)
{
	int st;
	pid_t pid = fork();
	if (!pid)
		_exit(getppid() == getpid() ? 1 : 42);
	CHECK("fork and wait", waitpid(pid, &st, 0) == pid && WIFEXITED(st) && WEXITSTATUS(st) == 42);
	FAILS("no child", waitpid(-1, &st, 0), ECHILD);
	pid = fork();
	if (!pid) {
		raise(SIGTERM);
		_exit(0);
	}
	CHECK("killed child", waitpid(pid, &st, 0) == pid && WIFSIGNALED(st) && WTERMSIG(st) == SIGTERM);
	pid = fork();
	if (!pid) {
		*(volatile int *)0x20 = 1;
		_exit(0);
	}
	CHECK("crashed child", waitpid(pid, &st, 0) == pid && WIFSIGNALED(st) && WTERMSIG(st) == SIGSEGV);
	volatile int shared = 0;
	pid = vfork();
	if (!pid) {
		shared = 9;
		_exit(3);
	}
	CHECK("vfork shares memory", shared == 9 && waitpid(pid, &st, 0) == pid && WEXITSTATUS(st) == 3);
	int vforks = 0;
	for (; vforks < 200; vforks++) {
		pid = vfork();
		if (pid == 0) {
			if (vforks & 1)
				execl("/proc/self/exe", "basic", "exit", "0", NULL);
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, &st, 0) != pid || st)
			break;
	}
	CHECK("200 vfork children leave nothing behind", vforks == 200);
	int v[2] = {0, 0};
	int m = 5;
	pid = fork();
	if (!pid) {
		m = 6;
		_exit(m);
	}
	CHECK("fork copies memory", waitpid(pid, &st, 0) == pid && WEXITSTATUS(st) == 6 && m == 5);
	(void)v;
	signal(SIGCHLD, on_signal);
	got = 0;
	pid = fork();
	if (!pid)
		_exit(0);
	siginfo_t si;
	CHECK("waitid NOWAIT", waitid(P_PID, pid, &si, WEXITED | WNOWAIT) == 0 && si.si_pid == pid && si.si_code == CLD_EXITED);
	CHECK("waitid", waitid(P_PID, pid, &si, WEXITED) == 0 && si.si_pid == pid);
	CHECK("SIGCHLD", got == SIGCHLD);
	signal(SIGCHLD, SIG_IGN);
	pid = fork();
	if (!pid)
		_exit(0);
	FAILS("ignored SIGCHLD reaps", waitpid(pid, &st, 0), ECHILD);
	signal(SIGCHLD, SIG_DFL);
	pid = fork();
	if (!pid) {
		raise(SIGSTOP);
		_exit(7);
	}
	CHECK("stopped child", waitpid(pid, &st, WUNTRACED) == pid && WIFSTOPPED(st) && WSTOPSIG(st) == SIGSTOP);
	int good = 1;
	for (int i = 0; i < 50; i++) {
		pid_t c = fork();
		if (!c)
			_exit(i);
		good &= waitpid(c, &st, 0) == c && WEXITSTATUS(st) == i;
	}
	CHECK("50 forks", good);
	kill(pid, SIGCONT);
	kill(pid, SIGKILL);
}

/* --- fds and events --- */
static void test_fds(void)
{
	int p[2], fd;
	char buf[64];
	CHECK("pipe2", pipe2(p, O_CLOEXEC | O_NONBLOCK) == 0 && (fcntl(p[0], F_GETFD) & FD_CLOEXEC) && (fcntl(p[0], F_GETFL) & O_NONBLOCK));
	FAILS("empty pipe", read(p[0], buf, 1), EAGAIN);
	CHECK("writev", writev(p[1], (struct iovec[]){{"ab", 2}, {"cd", 2}}, 2) == 4);
	CHECK("readv", readv(p[0], (struct iovec[]){{buf, 1}, {buf + 1, 3}}, 2) == 4 && !memcmp(buf, "abcd", 4));
	FAILS("lseek on a pipe", lseek(p[0], 0, SEEK_SET), ESPIPE);
	FAILS("pread on a pipe", pread(p[0], buf, 1, 0), ESPIPE);
	fd = fcntl(p[0], F_DUPFD_CLOEXEC, 50);
	CHECK("F_DUPFD_CLOEXEC", fd == 50 && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
	CHECK("dup2", dup2(p[1], 51) == 51 && fcntl(51, F_GETFD) == 0);
	CHECK("dup3", dup3(p[1], 52, O_CLOEXEC) == 52 && fcntl(52, F_GETFD) == FD_CLOEXEC);
	FAILS("dup3 same", dup3(p[1], p[1], 0), EINVAL);
	CHECK("close_range", syscall(SYS_close_range, 50, ~0u, 0) == 0 && fcntl(52, F_GETFD) == -1);
	struct pollfd pf[2] = {{.fd = p[0], .events = POLLIN}, {.fd = p[1], .events = POLLOUT}};
	CHECK("poll", poll(pf, 2, 0) == 1 && pf[1].revents == POLLOUT);
	write(p[1], "x", 1);
	CHECK("poll both", poll(pf, 2, -1) == 2);
	fd_set in, out;
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(p[0], &in);
	FD_SET(p[1], &out);
	struct timeval tv = {1, 0};
	CHECK("select", select(p[1] + 1, &in, &out, NULL, &tv) == 2 && FD_ISSET(p[0], &in) && FD_ISSET(p[1], &out));
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.u64 = 0x123456789abcdef};
	CHECK("epoll add", epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev) == 0);
	FAILS("epoll add twice", epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev), EEXIST);
	struct epoll_event got_ev[4];
	CHECK("epoll edge", epoll_wait(ep, got_ev, 4, 100) == 1 && got_ev[0].data.u64 == 0x123456789abcdef && epoll_wait(ep, got_ev, 4, 0) == 0);
	write(p[1], "y", 1);
	CHECK("epoll next edge", epoll_wait(ep, got_ev, 4, 100) == 1);
	CHECK("epoll del", epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL) == 0);
	FAILS("epoll del twice", epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL), ENOENT);
	int e = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC);
	uint64_t v = 4;
	CHECK("eventfd", write(e, &v, 8) == 8 && read(e, &v, 8) == 8 && v == 7);
	FAILS("eventfd empty", read(e, &v, 8), EAGAIN);
	int t = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	struct itimerspec its = {.it_value = {0, 10000000}, .it_interval = {0, 5000000}}, cur;
	CHECK("timerfd", t >= 0 && timerfd_settime(t, 0, &its, NULL) == 0);
	CHECK("timerfd_gettime", timerfd_gettime(t, &cur) == 0 && cur.it_value.tv_nsec > 0 && cur.it_interval.tv_nsec == 5000000);
	struct pollfd tp = {.fd = t, .events = POLLIN};
	CHECK("timerfd fires", poll(&tp, 1, 1000) == 1 && read(t, &v, 8) == 8 && v >= 1);
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	its = (struct itimerspec){.it_value = {now.tv_sec, now.tv_nsec > 0 ? now.tv_nsec : 1}};
	CHECK("timerfd absolute in the past", timerfd_settime(t, TFD_TIMER_ABSTIME, &its, NULL) == 0 && poll(&tp, 1, 1000) == 1);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int s = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	struct signalfd_siginfo ssi;
	FAILS("signalfd empty", read(s, &ssi, sizeof ssi), EAGAIN);
	kill(getpid(), SIGUSR2);
	struct pollfd sp = {.fd = s, .events = POLLIN};
	CHECK("signalfd", poll(&sp, 1, 1000) == 1 && read(s, &ssi, sizeof ssi) == sizeof ssi && ssi.ssi_signo == SIGUSR2 && ssi.ssi_pid == (unsigned)getpid());
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	int sv[2];
	CHECK("socketpair", socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == 0);
	struct ucred uc;
	socklen_t ul = sizeof uc;
	CHECK("SO_PEERCRED", getsockopt(sv[0], SOL_SOCKET, SO_PEERCRED, &uc, &ul) == 0 && uc.pid == getpid());
	char cb[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {"m", 1};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = cb, .msg_controllen = sizeof cb};
	struct cmsghdr *c = CMSG_FIRSTHDR(&mh);
	c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &e, sizeof e);
	CHECK("send an fd", sendmsg(sv[0], &mh, MSG_NOSIGNAL) == 1);
	iov = (struct iovec){buf, 8};
	mh.msg_controllen = sizeof cb;
	memset(cb, 0, sizeof cb);
	CHECK("receive an fd", recvmsg(sv[1], &mh, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&mh) && CMSG_FIRSTHDR(&mh)->cmsg_type == SCM_RIGHTS);
	int r = -1;
	if (CMSG_FIRSTHDR(&mh))
		memcpy(&r, CMSG_DATA(CMSG_FIRSTHDR(&mh)), sizeof r);
	v = 1;
	CHECK("the fd is the same object", r >= 0 && (fcntl(r, F_GETFD) & FD_CLOEXEC) && write(e, &v, 8) == 8 && read(r, &v, 8) == 8 && v == 1);
	FAILS("recv nothing", recv(sv[1], buf, 1, MSG_DONTWAIT), EAGAIN);
	close(sv[0]);
	CHECK("end of stream", recv(sv[1], buf, 1, 0) == 0);
	FAILS("send to a closed peer", send(sv[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	FAILS("getsockopt on a pipe", getsockopt(p[0], SOL_SOCKET, SO_TYPE, buf, &ul), ENOTSOCK);
	char *stream;
	size_t size;
	FILE *f = open_memstream(&stream, &size);
	fprintf(f, "%d", 123);
	fclose(f);
	CHECK("open_memstream", size == 3 && !strcmp(stream, "123"));
}

static void test_time(void)
{
	struct timespec a, b, ts = {0, 10000000};
	clock_gettime(CLOCK_MONOTONIC, &a);
	nanosleep(&ts, NULL);
	clock_gettime(CLOCK_MONOTONIC, &b);
	long d = (b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec;
	CHECK("nanosleep", d >= 10000000 && d < 2000000000);
	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &a);
	d = (a.tv_sec - b.tv_sec) * 1000000000 + a.tv_nsec - b.tv_nsec;
	CHECK("vDSO and call agree", d >= 0 && d < 1000000000);
	CHECK("CPU clocks", clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a) == 0 && clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b) == 0 && a.tv_nsec > 0);
	FAILS("bad clock", syscall(SYS_clock_gettime, 55, &a), EINVAL);
	timer_t t;
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 77};
	signal(SIGUSR1, on_signal);
	got = 0;
	CHECK("timer_create", timer_create(CLOCK_MONOTONIC, &ev, &t) == 0);
	struct itimerspec its = {.it_value = {0, 5000000}};
	CHECK("timer_settime", timer_settime(t, 0, &its, NULL) == 0);
	for (int i = 0; i < 100 && got != SIGUSR1; i++)
		usleep(2000);
	CHECK("timer signal", got == SIGUSR1);
	CHECK("timer_delete", timer_delete(t) == 0);
	FAILS("timer is gone", syscall(SYS_timer_delete, 63), EINVAL);
	struct rusage ru;
	CHECK("getrusage", getrusage(RUSAGE_SELF, &ru) == 0 && ru.ru_maxrss > 0);
	struct rlimit rl;
	CHECK("getrlimit", getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur >= 256);
	struct utsname u;
	CHECK("uname", uname(&u) == 0 && !strcmp(u.machine, "x86_64") && !strcmp(u.sysname, "Linux"));
	unsigned char r[32] = {0};
	CHECK("getrandom", syscall(SYS_getrandom, r, sizeof r, 0) == sizeof r);
	char name[16];
	prctl(PR_SET_NAME, "renamed");
	CHECK("PR_SET_NAME", prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "renamed"));
	cpu_set_t cs;
	CHECK("sched_getaffinity", sched_getaffinity(0, sizeof cs, &cs) == 0 && CPU_COUNT(&cs) >= 1);
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1) /* a child of test_processes */
		return 0;
	test_entry();
	test_signals();
	test_memory();
	test_restart();
	test_fds();
	test_time();
	test_threads();
	test_processes();
	return check_done();
}
