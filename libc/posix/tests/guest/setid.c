/* SPDX-License-Identifier: MIT */
/*
 * Set-id exec, and attacks on it. Runs as root: copies of this program get set-id bits, children become uid 1000 and exec them with the
 * argument "report", upon which they write what they are to fd argv[2].
 */
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <native/call.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <dirent.h>
#include <grp.h>

#define DIR_ "/tmp/setid-test"
#define USER 1000

struct report {
	unsigned uid, euid, suid, gid, egid, sgid;
	int secure, pid, ppid, argc, fd9, std, threads, weft;
	unsigned umask;
	long args;
	char cwd[64], env[32];
};

static int report(int argc, char **argv)
{
	struct report r = {.secure = getauxval(AT_SECURE), .pid = getpid(), .ppid = getppid(), .argc = argc};
	struct stat st;
	getresuid(&r.uid, &r.euid, &r.suid);
	getresgid(&r.gid, &r.egid, &r.sgid);
	r.fd9 = fcntl(9, F_GETFD) >= 0;
	for (int i = 0; i < 3; i++)
		r.std += fstat(i, &st) == 0;
	r.umask = umask(0);
	for (int i = 3; i < argc; i++)
		r.args += strlen(argv[i]);
	getcwd(r.cwd, sizeof r.cwd);
	snprintf(r.env, sizeof r.env, "%s", getenv("TEST_ENV") ? getenv("TEST_ENV") : "");
	r.weft = getenv("WEFT_PROBE") != NULL;
	DIR *d = opendir("/proc/self/task");
	for (struct dirent *e; d && (e = readdir(d));)
		r.threads += e->d_name[0] != '.';
	int fd = atoi(argv[2]);
	if (write(fd, &r, sizeof r) != sizeof r)
		return 98;
	return argc > 3 && strcmp(argv[3], "stay") == 0 ? pause() : 7;
}

static void copy_self(const char *to, unsigned mode, unsigned uid, unsigned gid)
{
	static char buf[65536];
	int in = open("/proc/self/exe", O_RDONLY), out = open(to, O_CREAT | O_TRUNC | O_WRONLY, 0700);
	ssize_t n;
	while ((n = read(in, buf, sizeof buf)) > 0)
		if (write(out, buf, n) != n)
			_exit(97);
	fchown(out, uid, gid);
	fchmod(out, mode);
	close(in);
	close(out);
}

static void be_user(void)
{
	gid_t none[] = {USER};
	setgroups(1, none);
	if (setresgid(USER, USER, USER) || setresuid(USER, USER, USER))
		_exit(96);
}

/* Runs `path` as the user, after `before`; its report. The wait status, or -1 without a report. */
static int run(const char *path, void (*before)(void), struct report *r, pid_t *pid)
{
	int fds[2], status;
	memset(r, 0, sizeof *r);
	pipe2(fds, 0);
	pid_t child = fork();
	if (child == 0) {
		char number[16];
		close(fds[0]);
		fcntl(fds[1], F_DUPFD, 20);
		snprintf(number, sizeof number, "%d", 20);
		close(fds[1]);
		be_user();
		if (before)
			before();
		execle(path, "prog", "report", number, NULL, (char *[]){"TEST_ENV=kept", "WEFT_PROBE=1", "LD_PRELOAD=/tmp/x.so", NULL});
		_exit(95);
	}
	close(fds[1]);
	int n = read(fds[0], r, sizeof *r);
	close(fds[0]);
	waitpid(child, &status, 0);
	if (pid)
		*pid = child;
	return n == sizeof *r ? status : -1;
}

static void new_privs(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}
static void no_std(void)
{
	close(0);
	close(1);
	close(2);
}
static void surroundings(void)
{
	dup2(20, 9);
	fcntl(9, F_SETFD, FD_CLOEXEC);
	umask(027);
	chdir(DIR_);
}

static void identities(void)
{
	struct report r;
	pid_t pid;
	int s = run(DIR_ "/suid", surroundings, &r, &pid);
	CHECK("setuid: it runs and its status comes back", WIFEXITED(s) && WEXITSTATUS(s) == 7);
	CHECK("setuid: real id kept, effective and saved the owner's", r.uid == USER && r.euid == 0 && r.suid == 0 && r.egid == USER);
	CHECK("setuid: AT_SECURE", r.secure == 1);
	CHECK("setuid: the same pid and parent", r.pid == pid && r.ppid == getpid());
	CHECK("setuid: close-on-exec fds are gone", !r.fd9);
	CHECK("setuid: umask and working directory are kept", r.umask == 027 && strcmp(r.cwd, DIR_) == 0);
	CHECK("setuid: environment is passed", strcmp(r.env, "kept") == 0);
	CHECK("setuid: but not what our own start code reads", !r.weft);
	CHECK("setuid: one thread", r.threads == 1);
	run(DIR_ "/sgid", NULL, &r, NULL);
	CHECK("setgid: the group only", r.gid == USER && r.egid == 42 && r.sgid == 42 && r.euid == USER && r.secure == 1);
	run(DIR_ "/both", NULL, &r, NULL);
	CHECK("setuid and setgid to an ordinary user", r.euid == 1234 && r.egid == 42 && r.uid == USER && r.secure == 1);
	run(DIR_ "/own", NULL, &r, NULL);
	CHECK("a set-id file of one's own changes nothing", r.euid == USER && r.secure == 0);
	run(DIR_ "/sgid-no-x", NULL, &r, NULL);
	CHECK("setgid without group execution is not set-id", r.egid == USER && r.secure == 0);
	s = run(DIR_ "/no-x", NULL, &r, NULL);
	CHECK("a set-id file that the caller may not execute", WEXITSTATUS(s) != 7 || s == -1);
	run(DIR_ "/suid", new_privs, &r, NULL);
	CHECK("no_new_privs suppresses it", r.euid == USER && r.secure == 0);
	run("/dev/shm/setid-test", NULL, &r, NULL);
	CHECK("a nosuid mount suppresses it", r.euid == USER && r.pid);
	run(DIR_ "/script", NULL, &r, NULL);
	CHECK("a set-id script is not set-id", r.euid == USER && r.pid);
	run(DIR_ "/suid", no_std, &r, NULL);
	CHECK("closed fds 0, 1, 2 are opened for it", r.std == 3 && r.euid == 0);
}

/* What the caller does while it execs. */
static volatile unsigned *counter;
static void *spin(void *arg)
{
	(void)arg;
	for (;;)
		++*counter;
	return NULL;
}
static void with_thread(void)
{
	pthread_t t;
	pthread_create(&t, NULL, spin, NULL);
	while (!*counter)
		sched_yield();
}

static int other_in_memory(void *arg)
{
	(void)arg;
	/* Shares memory and fds with the caller of exec, and does what it can to both. */
	for (int i = 0; i < 300; i++) {
		dup2(0, 9);
		close(9);
		++*counter;
		usleep(1000);
	}
	_exit(0);
}
static char other_stack[65536] __attribute__((aligned(16)));
static void with_sharer(void)
{
	clone(other_in_memory, other_stack + sizeof other_stack, CLONE_VM | CLONE_FILES | SIGCHLD, NULL);
	while (!*counter)
		sched_yield();
}

static void company(void)
{
	struct report r;
	int fds[2], status;
	counter = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	run(DIR_ "/suid", with_thread, &r, NULL);
	unsigned was = *counter;
	usleep(20000);
	CHECK("a thread that runs on ends at the exec", r.euid == 0 && r.threads == 1 && *counter == was);
	*counter = 0;
	run(DIR_ "/suid", with_sharer, &r, NULL);
	CHECK("another process in the same memory and fd table is left behind", r.euid == 0 && r.std == 3 && !r.fd9);
	/* posix_spawn's way. */
	pipe(fds);
	be_user();
	volatile int mine = 1;
	char number[16];
	snprintf(number, sizeof number, "%d", fds[1]);
	pid_t child = vfork();
	if (child == 0) {
		mine = 2;
		execl(DIR_ "/suid", "prog", "report", number, NULL);
		_exit(95);
	}
	read(fds[0], &r, sizeof r);
	waitpid(child, &status, 0);
	CHECK("vfork: the parent's memory is untouched", mine == 2 && WEXITSTATUS(status) == 7 && r.euid == 0 && r.pid == child);
}

static void arguments(void)
{
	enum { N = 40, LEN = 25000 };
	static char big[LEN + 1];
	char *argv[N + 4] = {"prog", "report", "5"};
	struct report r = {0};
	int fds[2], status;
	memset(big, 'a', LEN);
	for (int i = 0; i < N; i++)
		argv[3 + i] = big;
	pipe(fds);
	pid_t child = fork();
	if (child == 0) {
		dup2(fds[1], 5);
		be_user();
		execv(DIR_ "/suid", argv);
		_exit(95);
	}
	close(fds[1]);
	read(fds[0], &r, sizeof r);
	close(fds[0]);
	waitpid(child, &status, 0);
	CHECK("a megabyte of arguments", r.euid == 0 && r.argc == N + 3 && r.args == (long)N * LEN);
	char **many = calloc(1000, sizeof *many);
	for (int i = 0; i < 900; i++)
		many[i] = big;
	child = fork();
	if (child == 0) {
		be_user();
		execv(DIR_ "/suid", many);
		_exit(errno == E2BIG ? 94 : 95);
	}
	waitpid(child, &status, 0);
	CHECK("too many are E2BIG", WEXITSTATUS(status) == 94);
}

static int processes(void)
{
	DIR *d = opendir("/proc");
	int n = 0;
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] >= '1' && e->d_name[0] <= '9';
	closedir(d);
	return n;
}

static void kills(void)
{
	int before = processes(), odd = 0, after = 0;
	for (int i = 0; i < 60; i++) {
		int status;
		pid_t child = fork();
		if (child == 0) {
			int null = open("/dev/null", O_WRONLY);
			char number[16];
			snprintf(number, sizeof number, "%d", null);
			be_user();
			execl(DIR_ "/suid", "prog", "report", number, NULL);
			_exit(95);
		}
		usleep(i * 137 % 6000);
		kill(child, SIGKILL);
		odd += waitpid(child, &status, 0) != child || (WIFEXITED(status) && WEXITSTATUS(status) != 7);
	}
	CHECK("killed anywhere in the exec it dies", !odd);
	for (int i = 0; i < 60 && (after = processes()) > before; i++)
		usleep(100000);
	CHECK("and nothing is left of it", after <= before);
}

/* The parent has the strongest process fd that the kernel gives for a child: it must not reach the set-id program. */
static void parents_hands(void)
{
	struct report r = {0};
	char path[64], c;
	int fds[2], pidfd = -1, status;
	pipe(fds);
	struct {
		unsigned long flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
	} args = {.flags = 0x1000 /* CLONE_PIDFD */, .pidfd = (unsigned long)&pidfd, .exit_signal = SIGCHLD};
	be_user();
	pid_t child = syscall(SYS_clone3, &args, sizeof args);
	if (child == 0) {
		char number[16];
		snprintf(number, sizeof number, "%d", fds[1]);
		execl(DIR_ "/suid", "prog", "report", number, "stay", NULL);
		_exit(95);
	}
	CHECK("clone3 gives a pidfd", child > 0 && pidfd >= 0);
	read(fds[0], &r, sizeof r);
	CHECK("the program runs set-id", r.euid == 0);
	CHECK("its address space is out of the parent's reach", weft_proc_ctl(pidfd, WEFT_PROC_AS, 0, 0, 0) == -EPERM);
	CHECK("and its fds", weft_proc_ctl(pidfd, WEFT_PROC_GET_FD, 1, 0, 0) == -EPERM);
	CHECK("and its threads", weft_thread_ctl(pidfd, child, WEFT_THREAD_STOP, 0, 0) == -EPERM);
	CHECK("and its life by the native way", weft_proc_ctl(pidfd, WEFT_PROC_KILL, 9, 0, 0) == -EPERM);
	CHECK("and its signals", weft_sig_post(pidfd, 0, SIGTERM, 0) == -EPERM);
	static const char *const closed[] = {"environ", "mem", "maps", "auxv", "io"};
	for (unsigned i = 0; i < sizeof closed / sizeof closed[0]; i++) {
		char name[64];
		snprintf(path, sizeof path, "/proc/%d/%s", child, closed[i]);
		snprintf(name, sizeof name, "/proc/PID/%s is closed", closed[i]);
		int fd = open(path, O_RDONLY);
		CHECK(name, fd < 0 || read(fd, &c, 1) <= 0);
		close(fd);
	}
	snprintf(path, sizeof path, "/proc/%d/fd", child);
	CHECK("/proc/PID/fd is closed", open(path, O_RDONLY | O_DIRECTORY) < 0);
	snprintf(path, sizeof path, "/proc/%d/exe", child);
	CHECK("/proc/PID/exe is closed", open(path, O_RDONLY) < 0);
	FAILS("pidfd_getfd is refused", syscall(SYS_pidfd_getfd, pidfd, 1, 0), EPERM);
	CHECK("it is still the parent's child", waitpid(child, &status, WNOHANG) == 0);
	CHECK("kill(2) by the real user ends it, as on Linux", kill(child, SIGTERM) == 0);
	struct pollfd p = {pidfd, POLLIN, 0};
	CHECK("the pidfd tells of the end", poll(&p, 1, 5000) == 1);
	CHECK("the parent gets the status", waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void in_child(void (*fn)(void))
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		check_passed = check_failed = 0;
		fn();
		_exit(check_failed ? 100 + (check_failed > 20 ? 20 : check_failed) : check_passed);
	}
	waitpid(child, &status, 0);
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 101;
	if (code < 100)
		check_passed += code;
	else
		CHECK("the child's checks", !"all good");
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "report") == 0)
		return report(argc, argv);
	/* A script gives its own name first. */
	if (argc > 3 && strcmp(argv[2], "report") == 0)
		return report(argc - 1, argv + 1);
	mkdir(DIR_, 0755);
	copy_self(DIR_ "/suid", 04755, 0, 0);
	copy_self(DIR_ "/sgid", 02755, 0, 42);
	copy_self(DIR_ "/both", 06755, 1234, 42);
	copy_self(DIR_ "/own", 04755, USER, USER);
	copy_self(DIR_ "/sgid-no-x", 02745, 0, 42);
	copy_self(DIR_ "/no-x", 04700, 0, 0);
	copy_self(DIR_ "/plain", 0755, 0, 0);
	copy_self("/dev/shm/setid-test", 04755, 0, 0);
	int fd = open(DIR_ "/script", O_CREAT | O_TRUNC | O_WRONLY, 0755);
	dprintf(fd, "#!%s/plain\n", DIR_);
	fchmod(fd, 04755);
	close(fd);
	identities();
	in_child(company);
	arguments();
	kills();
	in_child(parents_hands);
	return check_done();
}
