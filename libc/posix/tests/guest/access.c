/* SPDX-License-Identifier: MIT */
/*
 * What a program cannot do: read a file that it may not, signal a process that it may not, use an fd that it was not given, name a scheme
 * outside its namespace; and that one which scribbles over its own runtime hurts only itself. Runs as root; attackers are uid 1000. What only this
 * system has (native calls, namespaces) is left out on Linux.
 */
#define _GNU_SOURCE
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <native/call.h>
#include <posix/start.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#define DIR_ "/tmp/access-test"
#define USER 1000

static int on_weft(void)
{
	struct utsname u;
	return uname(&u) == 0 && strstr(u.release, "weft") != NULL;
}

static void be_user(void)
{
	gid_t own = USER;
	if (setgroups(1, &own) || setresgid(USER, USER, USER) || setresuid(USER, USER, USER))
		_exit(99);
}

/* The checks of fn, made by a child, count here. */
static void in_child(const char *name, void (*fn)(void))
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		check_passed = check_failed = 0;
		fn();
		_exit(check_failed ? 200 : check_passed);
	}
	waitpid(pid, &status, 0);
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
	check_passed += code < 200 ? code : 0;
	if (code >= 200)
		CHECK(name, !"all its checks are good");
}

/* Files. */
static int root_only = -1, root_dir = -1; /* O_PATH fds, which name and do not open */

static void files(void)
{
	char path[64], c;
	be_user();
	FAILS("file: open", open(DIR_ "/secret", O_RDONLY), EACCES);
	FAILS("file: for writing", open(DIR_ "/secret", O_WRONLY), EACCES);
	FAILS("file: truncate", truncate(DIR_ "/secret", 0), EACCES);
	FAILS("file: chmod", chmod(DIR_ "/secret", 0666), EPERM);
	FAILS("file: chown", chown(DIR_ "/secret", USER, USER), EPERM);
	FAILS("file: unlink", unlink(DIR_ "/secret"), EACCES);
	FAILS("file: rename", rename(DIR_ "/secret", "/tmp/access-mine"), EACCES);
	FAILS("file: execute", execl(DIR_ "/secret", "x", NULL), EACCES);
	FAILS("file: behind a closed folder", open(DIR_ "/closed/open", O_RDONLY), EACCES);
	FAILS("file: an fd that only names it", read(root_only, &c, 1), EBADF);
	snprintf(path, sizeof path, "/proc/self/fd/%d", root_only);
	FAILS("file: opened through that", open(path, O_RDONLY), EACCES);
	FAILS("file: from a folder that it may not search", openat(root_dir, "open", O_RDONLY), EACCES);
	symlink(DIR_ "/secret", "/tmp/access-link");
	FAILS("file: through a link of its own", open("/tmp/access-link", O_RDONLY), EACCES);
	unlink("/tmp/access-link");
	FAILS("file: another's environment", open("/proc/1/environ", O_RDONLY), EACCES);
	if (on_weft()) {
		FAILS("file: by way of /scheme", open("/scheme/fs" DIR_ "/secret", O_RDONLY), EACCES);
		FAILS("file: by way of /scheme, a closed folder", open("/scheme/fs" DIR_ "/closed/open", O_RDONLY), EACCES);
	}
}

/* Signals. */
static pid_t victim;

static void signals(void)
{
	be_user();
	FAILS("signal: kill", kill(victim, SIGTERM), EPERM);
	FAILS("signal: kill with none", kill(victim, 0), EPERM);
	FAILS("signal: init", kill(1, SIGKILL), EPERM);
	FAILS("signal: its process group", kill(-victim, SIGKILL), EPERM);
	FAILS("signal: tgkill", syscall(SYS_tgkill, victim, victim, SIGKILL), EPERM);
	siginfo_t si = {.si_code = SI_QUEUE};
	FAILS("signal: sigqueue", syscall(SYS_rt_sigqueueinfo, victim, SIGTERM, &si), EPERM);
	int fd = syscall(SYS_pidfd_open, victim, 0);
	FAILS("signal: by a pidfd", syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0), EPERM);
	FAILS("signal: its fds by a pidfd", syscall(SYS_pidfd_getfd, fd, 0, 0), EPERM);
	FAILS("signal: its limits", syscall(SYS_prlimit64, victim, 7, NULL, &(unsigned long[2]){0}), EPERM);
	if (on_weft()) {
		CHECK("signal: the kernel's way", weft_sig_post(fd, 0, SIGKILL, 0) == -EPERM && weft_proc_ctl(fd, WEFT_PROC_KILL, 9, 0, 0) == -EPERM);
		CHECK("signal: its memory", weft_proc_ctl(fd, WEFT_PROC_AS, 0, 0, 0) == -EPERM);
		CHECK("signal: any process by its number", weft_proc_ctl((u64)-1, WEFT_PROC_OPEN, victim, 0, 0) < 0);
	}
	kill(-1, SIGUSR1); /* everybody it may: the victim is not among them */
}

/* Fds. */
static void fds(void)
{
	char c, path[64];
	int used = 0, odd = 0, s[2];
	be_user();
	close(root_only);
	close(root_dir);
	for (int fd = 3; fd < 70000; fd++)
		used += fcntl(fd, F_GETFD) != -1 || errno != EBADF;
	CHECK("fd: nothing but what was given", used == 0);
	for (unsigned i = 0; i < 256; i++)
		odd += read(WEFT_FD_PRIVATE + i, &c, 1) != -1 || errno != EBADF || dup(WEFT_FD_PRIVATE + i) != -1 || errno != EBADF ||
			close(WEFT_FD_PRIVATE + i) != -1 || errno != EBADF || dup2(1, WEFT_FD_PRIVATE + i) != -1;
	CHECK("fd: the runtime's are none of the program's", odd == 0);
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	char buf[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec v = {"x", 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = buf, .msg_controllen = sizeof buf};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	*(int *)CMSG_DATA(h) = 777;
	FAILS("fd: sending one that it has not", sendmsg(s[0], &m, 0), EBADF);
	*(int *)CMSG_DATA(h) = WEFT_FD_PRIVATE;
	FAILS("fd: sending the runtime's", sendmsg(s[0], &m, 0), EBADF);
	snprintf(path, sizeof path, "/proc/%d/fd/0", victim);
	FAILS("fd: another's by /proc", open(path, O_RDONLY), EACCES);
	if (on_weft()) {
		struct weft_res all = {.kinds = WEFT_RES_ALL, .len = ~0ul};
		CHECK("fd: authority out of nothing", weft_sys_ctl((u64)-1, WEFT_SYS_RES_DERIVE, PTR(&all), 0, 0) < 0 &&
			weft_sys_ctl((u64)-1, WEFT_SYS_POWER, 0, 0, 0) == -EPERM && weft_sys_ctl((u64)-1, WEFT_SYS_CLOCK_SET, 1, 0, 0) == -EPERM);
		int authority = 0; /* the runtime's private fds are in its process: none is more than the program is */
		for (unsigned i = 0; i < 256; i++) {
			struct weft_fd_info info;
			authority += weft_fd_ctl(WEFT_FD_PRIVATE + i, WEFT_FD_INFO, PTR(&info), 0) >= 0 && info.type == WEFT_OBJ_RESOURCE;
		}
		CHECK("fd: no authority in the runtime's hands", authority == 0);
		struct weft_identity id = {0};
		CHECK("fd: no identity of its own making", weft_ident_ctl((u64)-1, WEFT_IDENT_MINT, 0, PTR(&id)) == -EPERM && getuid() == USER);
	}
}

/* Namespaces. */
static long open_scheme(const char *name)
{
	return weft_ns_ctl((u64)-1, WEFT_NS_OPEN, PTR(name), strlen(name), WEFT_REQ_CLOEXEC | WEFT_REQ_PRIVATE);
}

/* In a namespace of fs and dev, as a program that ns has started. The wider one's fd is argv[2]. */
static int narrow(int wider)
{
	char list[1024];
	static const char *const others[] = {"proc", "ipc", "pty", "drm", "input", "init", "sys", "debug", "disk", "pci"};
	long n = weft_ns_ctl((u64)-1, WEFT_NS_LIST, PTR(list), sizeof list, 0);
	CHECK("scheme: those named", n == 7 && (memcmp(list, "fs\ndev\n", 7) == 0 || memcmp(list, "dev\nfs\n", 7) == 0));
	int odd = 0;
	for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++)
		odd += open_scheme(others[i]) != -ENOENT;
	CHECK("scheme: no other can be opened", odd == 0 && open_scheme("fs") >= 0);
	CHECK("scheme: the namespace does not grow", weft_ns_ctl((u64)wider, WEFT_NS_ENTER, 0, 0, 0) == -EPERM && open_scheme("proc") == -ENOENT);
	CHECK("scheme: nothing can be published", weft_ns_ctl((u64)-1, WEFT_NS_PUBLISH, PTR("proc"), 4, 1) < 0);
	CHECK("scheme: /scheme shows it so", access("/scheme/fs/etc", F_OK) == 0 && access("/scheme/dev/dev/null", F_OK) == 0);
	FAILS("scheme: /scheme/proc", open("/scheme/proc/self/stat", O_RDONLY), ENOENT);
	DIR *d = opendir("/scheme");
	int entries = 0;
	for (struct dirent *e; d && (e = readdir(d));)
		entries += e->d_name[0] == '.' ? 0 : strcmp(e->d_name, "fs") == 0 || strcmp(e->d_name, "dev") == 0 ? 1 : 100;
	CHECK("scheme: readdir", entries == 2);
	FAILS("scheme: /proc is not there", open("/proc/self/stat", O_RDONLY), ENOENT);
	FAILS("scheme: nor a terminal", open("/dev/ptmx", O_RDWR), ENOENT);
	CHECK("scheme: /dev is", access("/dev/null", W_OK) == 0);
	FAILS("scheme: nobody to signal", kill(1, 0), EPERM);
	FAILS("scheme: no other identity, root though it is", setuid(USER), EPERM);
	CHECK("scheme: its children are no freer", system("test ! -e /proc/self && test -e /scheme/fs && test ! -e /scheme/proc") == 0);
	return check_failed ? 200 : check_passed;
}

static int nothing(void)
{
	char list[64];
	CHECK("none: no scheme at all", weft_ns_ctl((u64)-1, WEFT_NS_LIST, PTR(list), sizeof list, 0) == 0 && open_scheme("fs") == -ENOENT);
	FAILS("none: no root directory", open("/", O_RDONLY), ENOENT);
	FAILS("none: no working directory", open(".", O_RDONLY), ENOENT);
	FAILS("none: no program", execl("/bin/true", "true", NULL), ENOENT);
	CHECK("none: what was given works", write(1, "", 0) == 0);
	int s[2];
	CHECK("none: memory, pipes and children are one's own", mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED && pipe(s) == 0);
	return check_failed ? 200 : check_passed;
}

static void run_ns(const char *name, char *const argv[])
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		execv("/usr/bin/ns", argv);
		_exit(254);
	}
	waitpid(pid, &status, 0);
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
	check_passed += code < 100 ? code : 0;
	if (code == 0 || code >= 100)
		CHECK(name, !"all its checks are good");
}

static void namespaces(void)
{
	static char self[] = DIR_ "/self";
	char number[16];
	long wider = weft_ns_ctl((u64)-1, WEFT_NS_CLONE, 0, 0, 0);
	snprintf(number, sizeof number, "%ld", wider);
	run_ns("ns fs,dev", (char *[]){"ns", "fs,dev", self, "narrow", number, NULL});
	run_ns("ns -n", (char *[]){"ns", "-n", self, "nothing", NULL});
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		be_user();
		execl("/usr/bin/ns", "ns", "fs,dev,proc", DIR_ "/suid", "who", NULL);
		_exit(254);
	}
	waitpid(pid, &status, 0);
	CHECK("scheme: a set-id program is an ordinary one there", WIFEXITED(status) && WEXITSTATUS(status) == 10);
	close(wider);
}

/* The runtime's memory is the program's own: what it writes there reaches nobody else. */
static volatile unsigned long *const state = (void *)(POSIX_SLOT(0) + POSIX_SLOT_STATE), *const thread_page = (void *)(POSIX_SLOT(0) + POSIX_SLOT_TP),
	*const process_page = (void *)(POSIX_SLOT(0) + POSIX_SLOT_PP);

static void scribble(volatile unsigned long *at, unsigned long bytes, unsigned seed)
{
	for (unsigned long i = 0; i < bytes / 8; i++)
		at[i] = seed ? seed * 0x9e3779b97f4a7c15ul * (i + 1) : ~0ul;
}

/* Whatever comes of it: calls that fail, calls that work, death. */
static void go_on(void)
{
	char c;
	int s[2];
	void *volatile at; /* whatever that is */
	for (int i = 0; i < 50; i++) {
		open("/etc/hostname", O_RDONLY);
		read(0, &c, 0);
		pipe(s);
		kill(victim, SIGKILL);
		socketpair(AF_UNIX, SOCK_STREAM, 0, s);
		syscall(SYS_getuid);
		at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	}
	(void)at;
}

static void scribbler(unsigned how)
{
	be_user();
	alarm(20);
	switch (how % 6) {
	case 0:
		scribble(state, POSIX_STATE_SIZE, how);
		break;
	case 1:
		scribble(process_page, 4096, how);
		break;
	case 2:
		scribble(thread_page + 8, 4096 - 64, how);
		break;
	case 3: /* another's numbers in its own pages */
		((volatile unsigned *)thread_page)[0x48 / 4] = 1;
		((volatile unsigned *)process_page)[0x10 / 4] = 1;
		((volatile unsigned *)process_page)[0x18 / 4] = 0;
		break;
	case 4: /* the stack below the runtime's feet */
		scribble((void *)(POSIX_SLOT(0) + POSIX_SLOT_STACK), POSIX_STACK_SIZE, how);
		break;
	case 5: /* words here and there */
		for (unsigned i = 0; i < 64; i++)
			state[(how * 7919 + i * 104729) % (POSIX_STATE_SIZE / 8)] = i * 0x100000001ul;
		break;
	}
	go_on();
}

static int code_is_read_only(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		*(volatile char *)WEFT_RT_MIN = 0;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static void scribbles(void)
{
	int ended = 0, status, fd;
	char path[64], text[8] = "";
	for (unsigned how = 0; how < 60; how++) {
		pid_t pid = fork();
		if (pid == 0) {
			scribbler(how);
			_exit(0);
		}
		ended += waitpid(pid, &status, 0) == pid && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
	}
	CHECK("scribble: every one came to its end", ended == 60);
	CHECK("scribble: the runtime's code cannot be written", code_is_read_only());
	CHECK("scribble: the victim lives", kill(victim, 0) == 0 && waitpid(victim, &status, WNOHANG) == 0);
	snprintf(path, sizeof path, "/proc/%d/comm", victim);
	fd = open(path, O_RDONLY);
	CHECK("scribble: the servers serve", fd >= 0 && read(fd, text, sizeof text) > 0 && access(DIR_ "/secret", R_OK) == 0);
	close(fd);
	CHECK("scribble: and this process is as before", getuid() == 0 && getppid() > 0 && system(NULL) != 0 && system("exit 5") == 5 << 8);
}

static void copy_self(const char *to, unsigned mode)
{
	static char buf[65536];
	int in = open("/proc/self/exe", O_RDONLY), out = open(to, O_CREAT | O_TRUNC | O_WRONLY, 0700);
	ssize_t n;
	while ((n = read(in, buf, sizeof buf)) > 0)
		if (write(out, buf, n) != n)
			_exit(97);
	fchmod(out, mode);
	close(in);
	close(out);
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "narrow") == 0)
		return narrow(atoi(argv[2]));
	if (argc > 1 && strcmp(argv[1], "nothing") == 0)
		return nothing();
	if (argc > 1 && strcmp(argv[1], "who") == 0)
		return geteuid() == 0 ? 20 : geteuid() == USER ? 10 : 30;
	syscall(SYS_close_range, 3, ~0u, 0); /* what the test itself was given */
	mkdir(DIR_, 0755);
	mkdir(DIR_ "/closed", 0700);
	copy_self(DIR_ "/secret", 0600);
	copy_self(DIR_ "/self", 0755);
	copy_self(DIR_ "/suid", 04755);
	close(open(DIR_ "/closed/open", O_CREAT | O_WRONLY, 0644));
	root_only = open(DIR_ "/secret", O_PATH);
	root_dir = open(DIR_ "/closed", O_PATH | O_DIRECTORY);
	victim = fork();
	if (victim == 0) {
		setpgid(0, 0);
		for (;;)
			pause();
	}
	setpgid(victim, victim);
	in_child("files", files);
	in_child("signals", signals);
	in_child("fds", fds);
	int status;
	CHECK("signal: the victim lives", waitpid(victim, &status, WNOHANG) == 0);
	if (on_weft()) {
		namespaces();
		scribbles();
	}
	kill(victim, SIGKILL);
	waitpid(victim, &status, 0);
	return check_done();
}
