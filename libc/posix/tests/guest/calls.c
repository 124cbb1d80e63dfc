/* SPDX-License-Identifier: MIT */
/*
 * Calls in their corners: what libwayland must not go without (each by its name), notification, locks, copies between fds, seals, futexes with
 * owners, options. Passes on Linux too. Runs as root, in a folder of its own below /tmp.
 */
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#define DIR_ "/tmp/calls-test"

static int cloexec(int fd)
{
	return fcntl(fd, F_GETFD) == FD_CLOEXEC;
}

static int in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();
	if (pid == 0)
		_exit(fn());
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static long ms_now(clockid_t c)
{
	struct timespec t;
	clock_gettime(c, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What libwayland asks for when it is configured, one by one. */
static int pass_fd(int s, int fd)
{
	char c[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec v = {"x", 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof c};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof(int));
	return sendmsg(s, &m, 0);
}

static int take_fd(int s, int flags)
{
	char c[CMSG_SPACE(sizeof(int))], x;
	struct iovec v = {&x, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof c};
	int fd = -1;
	if (recvmsg(s, &m, flags) == 1 && CMSG_FIRSTHDR(&m))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	return fd;
}

static volatile int pipes;
static void on_pipe(int s)
{
	(void)s;
	pipes++;
}

static int exec_closes(void)
{
	char arg[100];
	sigset_t set;
	int s[2], low = open("/", O_PATH);
	sigemptyset(&set);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s);
	pass_fd(s[0], low);
	snprintf(arg, sizeof arg, "%d %d %d %d %d %d %d", signalfd(-1, &set, SFD_CLOEXEC), timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), eventfd(0, EFD_CLOEXEC),
		fcntl(low, F_DUPFD_CLOEXEC, 30), take_fd(s[1], MSG_CMSG_CLOEXEC), epoll_create1(EPOLL_CLOEXEC), memfd_create("x", MFD_CLOEXEC));
	execl("/proc/self/exe", "calls", "closed", arg, NULL);
	return 99;
}

static int are_closed(const char *fds)
{
	int bad = 0, n = 0, fd, used;
	for (; sscanf(fds, "%d%n", &fd, &used) == 1; fds += used, n++)
		bad += fd < 3 || fcntl(fd, F_GETFD) != -1 || errno != EBADF;
	return bad || n != 7;
}

static void wayland_needs(void)
{
	struct signalfd_siginfo si;
	struct itimerspec in = {.it_value = {0, 1}};
	sigset_t set, old;
	uint64_t n = 0;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, &old);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	CHECK("signalfd: SFD_CLOEXEC", fd >= 0 && cloexec(fd));
	FAILS("signalfd: SFD_NONBLOCK", read(fd, &si, sizeof si), EAGAIN);
	raise(SIGUSR2);
	CHECK("signalfd: a signal", read(fd, &si, sizeof si) == sizeof si && si.ssi_signo == SIGUSR2 && si.ssi_pid == (uint32_t)getpid());
	close(fd);
	sigprocmask(SIG_SETMASK, &old, NULL);

	fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	CHECK("timerfd: TFD_CLOEXEC", fd >= 0 && cloexec(fd));
	CHECK("timerfd: TFD_TIMER_ABSTIME, long ago", timerfd_settime(fd, TFD_TIMER_ABSTIME, &in, NULL) == 0 && read(fd, &n, 8) == 8 && n == 1);
	long start = ms_now(CLOCK_MONOTONIC);
	in.it_value = (struct timespec){(start + 40) / 1000, (start + 40) % 1000 * 1000000};
	timerfd_settime(fd, TFD_TIMER_ABSTIME, &in, NULL);
	struct pollfd p = {fd, POLLIN, 0};
	CHECK("timerfd: TFD_TIMER_ABSTIME, soon", read(fd, &n, 8) == -1 && poll(&p, 1, 5000) == 1 && read(fd, &n, 8) == 8 && ms_now(CLOCK_MONOTONIC) >= start + 40);
	close(fd);

	fd = eventfd(3, EFD_CLOEXEC | EFD_NONBLOCK);
	CHECK("eventfd: EFD_CLOEXEC", fd >= 0 && cloexec(fd) && read(fd, &n, 8) == 8 && n == 3);
	int dup = fcntl(fd, F_DUPFD_CLOEXEC, 20);
	CHECK("F_DUPFD_CLOEXEC", dup >= 20 && cloexec(dup));
	close(dup);
	int s[2], got;
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s);
	pass_fd(s[0], fd);
	got = take_fd(s[1], MSG_CMSG_CLOEXEC);
	CHECK("MSG_CMSG_CLOEXEC", got >= 0 && cloexec(got));
	close(got);
	pass_fd(s[0], fd);
	got = take_fd(s[1], 0);
	CHECK("and not without it", got >= 0 && !cloexec(got));
	close(got);
	close(fd);
	signal(SIGPIPE, on_pipe);
	close(s[1]);
	CHECK("MSG_NOSIGNAL", send(s[0], "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE && pipes == 0);
	CHECK("and SIGPIPE without it", send(s[0], "x", 1, 0) == -1 && errno == EPIPE && pipes == 1);
	close(s[0]);
	signal(SIGPIPE, SIG_IGN);
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	CHECK("open_memstream", f && fprintf(f, "%s %d", "word", 7) == 6 && fclose(f) == 0 && len == 6 && strcmp(text, "word 7") == 0);
	free(text);
	CHECK("exec closes them all", in_child(exec_closes) == 0);
}

/* inotify(7) */
static int next_event(int fd, struct inotify_event **e)
{
	static char buf[4096] __attribute__((aligned(8)));
	static ssize_t len, at;
	struct pollfd p = {fd, POLLIN, 0};
	if (at >= len) {
		at = 0;
		len = poll(&p, 1, 1000) == 1 ? read(fd, buf, sizeof buf) : 0;
		if (len <= 0)
			return 0;
	}
	*e = (void *)(buf + at);
	at += sizeof **e + (*e)->len;
	return 1;
}

static int event_is(int fd, int wd, uint32_t mask, const char *name, uint32_t *cookie)
{
	struct inotify_event *e;
	if (!next_event(fd, &e))
		return 0;
	if (cookie)
		*cookie = e->cookie;
	return e->wd == wd && e->mask == mask && (!name || (e->len && strcmp(e->name, name) == 0));
}

static void notification(void)
{
	uint32_t from, to;
	char c;
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	CHECK("inotify: IN_CLOEXEC", fd >= 0 && cloexec(fd));
	FAILS("inotify: nothing yet", read(fd, &c, 1), EAGAIN);
	FAILS("inotify: no events wanted", inotify_add_watch(fd, DIR_, 0), EINVAL);
	FAILS("inotify: IN_ONLYDIR", inotify_add_watch(fd, "/etc/hostname", IN_MODIFY | IN_ONLYDIR), ENOTDIR);
	int wd = inotify_add_watch(fd, DIR_, IN_CREATE | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE | IN_MODIFY);
	CHECK("inotify: a watch", wd >= 0 && inotify_add_watch(fd, DIR_, IN_CREATE | IN_MASK_ADD) == wd);
	int f = open(DIR_ "/a", O_CREAT | O_WRONLY, 0600);
	write(f, "x", 1);
	close(f);
	CHECK("inotify: created", event_is(fd, wd, IN_CREATE, "a", NULL));
	CHECK("inotify: modified", event_is(fd, wd, IN_MODIFY, "a", NULL));
	CHECK("inotify: closed", event_is(fd, wd, IN_CLOSE_WRITE, "a", NULL));
	rename(DIR_ "/a", DIR_ "/b");
	CHECK("inotify: moved", event_is(fd, wd, IN_MOVED_FROM, "a", &from) && event_is(fd, wd, IN_MOVED_TO, "b", &to) && from && from == to);
	mkdir(DIR_ "/d", 0700);
	CHECK("inotify: IN_ISDIR", event_is(fd, wd, IN_CREATE | IN_ISDIR, "d", NULL));
	rmdir(DIR_ "/d");
	unlink(DIR_ "/b");
	CHECK("inotify: deleted", event_is(fd, wd, IN_DELETE | IN_ISDIR, "d", NULL) && event_is(fd, wd, IN_DELETE, "b", NULL));
	CHECK("inotify: removed", inotify_rm_watch(fd, wd) == 0 && event_is(fd, wd, IN_IGNORED, NULL, NULL));
	FAILS("inotify: and gone", inotify_rm_watch(fd, wd), EINVAL);
	close(open(DIR_ "/o", O_CREAT | O_WRONLY, 0600));
	wd = inotify_add_watch(fd, DIR_ "/o", IN_ATTRIB | IN_ONESHOT);
	chmod(DIR_ "/o", 0644);
	chmod(DIR_ "/o", 0600);
	CHECK("inotify: IN_ONESHOT", event_is(fd, wd, IN_ATTRIB, NULL, NULL) && event_is(fd, wd, IN_IGNORED, NULL, NULL));
	wd = inotify_add_watch(fd, DIR_ "/o", IN_DELETE_SELF);
	unlink(DIR_ "/o");
	CHECK("inotify: IN_DELETE_SELF", event_is(fd, wd, IN_DELETE_SELF, NULL, NULL) && event_is(fd, wd, IN_IGNORED, NULL, NULL));
	close(fd);
}

/* Record locks of processes and of open descriptions. */
static int lock(int fd, int cmd, short type, off_t start, off_t len)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
	return fcntl(fd, cmd, &l) ? -errno : cmd == F_GETLK || cmd == F_OFD_GETLK ? l.l_type : 0;
}

static int other_locks(void)
{
	int fd = open(DIR_ "/l", O_RDWR);
	/* [0, 10) and [20, 30) are the parent's; what lies between is free. */
	return lock(fd, F_SETLK, F_WRLCK, 9, 1) != -EAGAIN || lock(fd, F_SETLK, F_WRLCK, 10, 10) || lock(fd, F_SETLK, F_RDLCK, 29, 5) != -EAGAIN;
}

static void on_alarm(int s)
{
	(void)s;
}

static int interrupted(void)
{
	int fd = open(DIR_ "/l", O_RDWR);
	struct sigaction a = {.sa_handler = on_alarm};
	sigaction(SIGALRM, &a, NULL);
	alarm(1);
	return lock(fd, F_SETLKW, F_WRLCK, 0, 1) != -EINTR;
}

static void locks(void)
{
	int fd = open(DIR_ "/l", O_RDWR | O_CREAT, 0600), two = open(DIR_ "/l", O_RDWR), go[2], status;
	char c;
	lock(fd, F_SETLK, F_WRLCK, 0, 30);
	CHECK("locks: the middle is given back", lock(fd, F_SETLK, F_UNLCK, 10, 10) == 0 && in_child(other_locks) == 0);
	CHECK("locks: EINTR", in_child(interrupted) == 0);
	pipe(go);
	lock(fd, F_SETLK, F_UNLCK, 0, 0);
	lock(fd, F_SETLK, F_WRLCK, 0, 1);
	pid_t pid = fork();
	if (pid == 0) {
		lock(fd, F_SETLK, F_WRLCK, 1, 1);
		write(go[1], "x", 1);
		_exit(lock(fd, F_SETLKW, F_WRLCK, 0, 1) != 0);
	}
	read(go[0], &c, 1);
	usleep(100000);
	CHECK("locks: EDEADLK", lock(fd, F_SETLKW, F_WRLCK, 1, 1) == -EDEADLK);
	lock(fd, F_SETLK, F_UNLCK, 0, 0);
	CHECK("locks: and the other goes on", waitpid(pid, &status, 0) == pid && status == 0);
	CHECK("OFD locks: one", lock(fd, F_OFD_SETLK, F_WRLCK, 0, 0) == 0);
	CHECK("OFD locks: another open description, same process", lock(two, F_OFD_SETLK, F_WRLCK, 5, 1) == -EAGAIN && lock(two, F_OFD_GETLK, F_WRLCK, 5, 1) == F_WRLCK);
	CHECK("OFD locks: against a process's", lock(two, F_SETLK, F_RDLCK, 5, 1) == -EAGAIN);
	struct flock l = {.l_type = F_WRLCK, .l_pid = 1};
	FAILS("OFD locks: l_pid", fcntl(two, F_OFD_SETLK, &l), EINVAL);
	close(open(DIR_ "/l", O_RDONLY));
	CHECK("OFD locks: another close changes nothing", lock(two, F_OFD_SETLK, F_WRLCK, 5, 1) == -EAGAIN);
	int three = dup(fd);
	close(fd);
	CHECK("OFD locks: a copy of the fd holds it", lock(two, F_OFD_SETLK, F_WRLCK, 5, 1) == -EAGAIN);
	pid = fork();
	if (pid == 0) {
		close(three);
		_exit(lock(two, F_OFD_SETLKW, F_WRLCK, 0, 0) != 0);
	}
	usleep(100000);
	close(three);
	CHECK("OFD locks: the last close lets another go on", waitpid(pid, &status, 0) == pid && status == 0);
	close(two);
}

/* Copies. */
#define RWF_DSYNC_ 2
#define RWF_SYNC_ 4
#define RWF_NOWAIT_ 8
#define RWF_APPEND_ 16
static ssize_t read_at(int fd, const struct iovec *v, int n, long off, int flags)
{
	return syscall(SYS_preadv2, fd, v, n, off, 0, flags);
}

static ssize_t write_at(int fd, const struct iovec *v, int n, long off, int flags)
{
	return syscall(SYS_pwritev2, fd, v, n, off, 0, flags);
}

static void vectors(void)
{
	char a[4] = "", b[4] = "";
	struct iovec v[2] = {{a, 3}, {b, 2}}, w[2] = {{"abc", 3}, {"de", 2}};
	int fd = open(DIR_ "/v", O_RDWR | O_CREAT | O_TRUNC, 0600), p[2];
	CHECK("pwritev2: at the shared offset", write_at(fd, w, 2, -1, 0) == 5 && lseek(fd, 0, SEEK_CUR) == 5);
	CHECK("pwritev2: RWF_APPEND", write_at(fd, w, 1, 0, RWF_APPEND_) == 3 && lseek(fd, 0, SEEK_END) == 8);
	CHECK("pwritev2: RWF_SYNC", write_at(fd, w, 1, 8, RWF_SYNC_ | RWF_DSYNC_) == 3);
	CHECK("preadv2: at an offset", read_at(fd, v, 2, 1, 0) == 5 && memcmp(a, "bcd", 3) == 0 && memcmp(b, "ea", 2) == 0);
	FAILS("preadv2: an unknown flag", read_at(fd, v, 2, 1, 0x8000), EOPNOTSUPP);
	FAILS("preadv2: a negative offset", read_at(fd, v, 2, -2, 0), EINVAL);
	pipe(p);
	FAILS("preadv2: RWF_NOWAIT", read_at(p[0], v, 2, -1, RWF_NOWAIT_), EAGAIN);
	FAILS("preadv: a pipe has no offsets", preadv(p[0], v, 2, 0), ESPIPE);
	close(p[0]);
	close(p[1]);
	close(fd);
}

static void copies(void)
{
	char buf[64] = "";
	off_t a = 2, b = 1;
	int in = open(DIR_ "/in", O_RDWR | O_CREAT | O_TRUNC, 0600), out = open(DIR_ "/out", O_RDWR | O_CREAT | O_TRUNC, 0600), p[2], q[2], s[2];
	int dir = open(DIR_, O_RDONLY), ro = open(DIR_ "/out", O_RDONLY), app = open(DIR_ "/out", O_WRONLY | O_APPEND);
	write(in, "0123456789", 10);
	CHECK("copy_file_range: with offsets", copy_file_range(in, &a, out, &b, 4, 0) == 4 && a == 6 && b == 5 && pread(out, buf, 9, 0) == 5 && memcmp(buf, "\0002345", 5) == 0);
	lseek(in, 8, SEEK_SET);
	CHECK("copy_file_range: at the fds' own, to the end", copy_file_range(in, NULL, out, NULL, 100, 0) == 2 && lseek(in, 0, SEEK_CUR) == 10 && lseek(out, 0, SEEK_CUR) == 2);
	CHECK("copy_file_range: nothing is left", copy_file_range(in, NULL, out, NULL, 100, 0) == 0);
	FAILS("copy_file_range: a folder", copy_file_range(dir, NULL, out, NULL, 1, 0), EISDIR);
	FAILS("copy_file_range: not for writing", copy_file_range(in, NULL, ro, NULL, 1, 0), EBADF);
	FAILS("copy_file_range: to the end only", copy_file_range(in, NULL, app, NULL, 1, 0), EBADF);
	a = 0, b = 2;
	FAILS("copy_file_range: onto itself", copy_file_range(in, &a, in, &b, 4, 0), EINVAL);
	FAILS("copy_file_range: flags", copy_file_range(in, NULL, out, NULL, 1, 1), EINVAL);
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	pipe(p);
	pipe(q);
	a = 3;
	lseek(in, 1, SEEK_SET);
	CHECK("sendfile: with an offset", sendfile(s[0], in, &a, 4) == 4 && a == 7 && lseek(in, 0, SEEK_CUR) == 1 && read(s[1], buf, 64) == 4 && memcmp(buf, "3456", 4) == 0);
	CHECK("sendfile: without one", sendfile(p[1], in, NULL, 100) == 9 && lseek(in, 0, SEEK_CUR) == 10 && read(p[0], buf, 64) == 9);
	FAILS("sendfile: from a pipe", sendfile(s[0], p[0], NULL, 1), EINVAL);
	a = 5;
	CHECK("splice: file to pipe", splice(in, &a, p[1], NULL, 100, 0) == 5 && a == 10);
	CHECK("tee: and it stays", tee(p[0], q[1], 100, 0) == 5 && read(q[0], buf, 64) == 5 && memcmp(buf, "56789", 5) == 0);
	b = 0;
	CHECK("splice: pipe to file", splice(p[0], NULL, out, &b, 3, 0) == 3 && b == 3 && pread(out, buf, 3, 0) == 3 && memcmp(buf, "567", 3) == 0);
	CHECK("splice: pipe to socket", splice(p[0], NULL, s[0], NULL, 100, 0) == 2 && read(s[1], buf, 64) == 2 && memcmp(buf, "89", 2) == 0);
	FAILS("splice: no pipe", splice(in, NULL, out, NULL, 1, 0), EINVAL);
	FAILS("splice: a pipe has no offsets", splice(p[0], &a, out, NULL, 1, 0), ESPIPE);
	FAILS("splice: SPLICE_F_NONBLOCK", splice(p[0], NULL, out, NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	FAILS("tee: SPLICE_F_NONBLOCK", tee(p[0], q[1], 1, SPLICE_F_NONBLOCK), EAGAIN);
	struct iovec v = {"vm", 2};
	CHECK("vmsplice", vmsplice(p[1], &v, 1, 0) == 2 && read(p[0], buf, 64) == 2 && memcmp(buf, "vm", 2) == 0);
	int fds[] = {in, out, dir, ro, app, p[0], p[1], q[0], q[1], s[0], s[1]};
	for (unsigned i = 0; i < sizeof fds / sizeof fds[0]; i++)
		close(fds[i]);
}

#define STATX_MNT_ID_ 0x1000u
static unsigned long long mount_id(const char *path, int *root)
{
	unsigned long long x[32] = {0}; /* struct statx: attributes at 8, which of them at 56, the mount at 144 */
	if (syscall(SYS_statx, AT_FDCWD, path, 0, STATX_MNT_ID_ | 0x7ff, x) || !(x[0] & STATX_MNT_ID_))
		return 0;
	if (root)
		*root = (x[7] & 0x2000) && (x[1] & 0x2000);
	return x[18];
}

static int in_mountinfo(unsigned long long id, const char *path)
{
	char line[1024], where[512];
	unsigned long long n;
	int found = 0;
	FILE *f = fopen("/proc/self/mountinfo", "r");
	while (f && fgets(line, sizeof line, f))
		found |= sscanf(line, "%llu %*d %*s %*s %500s", &n, where) == 2 && n == id && strcmp(where, path) == 0;
	if (f)
		fclose(f);
	return found;
}

static void names_of_files(void)
{
	int root = 0, plain = 1, id;
	char handle[256] = {0};
	unsigned long long top = mount_id("/", &root), proc = mount_id("/proc", NULL);
	CHECK("statx: STATX_MNT_ID", top && proc && top != proc && mount_id("/etc/hostname", &plain) == top && mount_id("/proc/self/stat", NULL) == proc);
	CHECK("statx: STATX_ATTR_MOUNT_ROOT", root && !plain);
	CHECK("statx: as /proc/self/mountinfo has it", in_mountinfo(top, "/") && in_mountinfo(proc, "/proc"));
	/* A refusal where there are no handles, or the size that one needs. */
	CHECK("name_to_handle_at", syscall(SYS_name_to_handle_at, AT_FDCWD, DIR_, handle, &id, 0) == -1 &&
		(errno == EOVERFLOW || errno == EOPNOTSUPP || errno == ENOSYS));
	char cwd[256] = "";
	CHECK("getcwd: in a mount of its own", chdir("/sys/class") == 0 && getcwd(cwd, sizeof cwd) && strcmp(cwd, "/sys/class") == 0);
	CHECK("getcwd: in another", chdir("/dev/pts") == 0 && getcwd(cwd, sizeof cwd) && strcmp(cwd, "/dev/pts") == 0 && chdir("/") == 0);
	int fd = open("/dev/null", O_RDONLY);
	snprintf(handle, sizeof handle, "/proc/self/fd/%d", fd);
	CHECK("/proc/self/fd: a device", readlink(handle, cwd, sizeof cwd) == 9 && memcmp(cwd, "/dev/null", 9) == 0);
	snprintf(handle, sizeof handle, "/proc/%d/task/%d/fd/%d", getpid(), getpid(), fd);
	CHECK("/proc/PID/task/TID/fd", readlink(handle, cwd, sizeof cwd) == 9 && memcmp(cwd, "/dev/null", 9) == 0);
	close(fd);
}

static void seals(void)
{
	int fd = memfd_create("plain", MFD_CLOEXEC);
	CHECK("seals: not allowed", fcntl(fd, F_GET_SEALS) == F_SEAL_SEAL);
	FAILS("seals: and none to be had", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
	close(fd);
	fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ftruncate(fd, 8192);
	CHECK("seals: none yet", fcntl(fd, F_GET_SEALS) == 0);
	CHECK("seals: F_SEAL_SHRINK", fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0 && ftruncate(fd, 4096) == -1 && errno == EPERM && ftruncate(fd, 16384) == 0);
	CHECK("seals: F_SEAL_GROW", fcntl(fd, F_ADD_SEALS, F_SEAL_GROW) == 0 && ftruncate(fd, 32768) == -1 && errno == EPERM && fallocate(fd, 0, 16384, 4096) == -1 &&
		errno == EPERM && pwrite(fd, "x", 1, 16384) == -1 && errno == EPERM);
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	FAILS("seals: F_SEAL_WRITE while it can be written", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	CHECK("seals: F_SEAL_FUTURE_WRITE", fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) == 0 && (p[0] = 'y') && pwrite(fd, "x", 1, 0) == -1 && errno == EPERM);
	FAILS("seals: no new mapping for writing", (long)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EPERM);
	munmap(p, 4096);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CHECK("seals: nor one that could become so", p != MAP_FAILED && p[0] == 'y' && mprotect(p, 4096, PROT_READ | PROT_WRITE) == -1 && errno == EACCES);
	CHECK("seals: F_SEAL_WRITE", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0 && write(fd, "x", 1) == -1 && errno == EPERM);
	FAILS("seals: nor a hole", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), EPERM);
	CHECK("seals: F_SEAL_SEAL", fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == -1 && errno == EPERM);
	CHECK("seals: a private copy may be written", mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) != MAP_FAILED);
	close(fd);
	FAILS("seals: a file has none", fcntl(open(DIR_, O_RDONLY), F_GET_SEALS), EINVAL);
}

/* Futexes with owners. */
#define FUTEX_LOCK_PI 6
#define FUTEX_UNLOCK_PI 7
#define FUTEX_TRYLOCK_PI 8
static pthread_mutex_t pi;
static volatile int shared_count, phase;

static void *count(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&pi);
		int was = shared_count;
		if (i % 50 == 0)
			sched_yield();
		shared_count = was + 1;
		pthread_mutex_unlock(&pi);
	}
	return NULL;
}

static void *hold(void *arg)
{
	uint32_t *word = arg;
	syscall(SYS_futex, word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
	phase = 1;
	while (phase != 2)
		usleep(1000);
	syscall(SYS_futex, word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
	return NULL;
}

static void owned_futexes(void)
{
	static uint32_t word;
	struct timespec until;
	pthread_mutexattr_t a;
	pthread_t t[3];
	uint32_t self = syscall(SYS_gettid);
	CHECK("PI: locked", syscall(SYS_futex, &word, FUTEX_LOCK_PI, 0, NULL, NULL, 0) == 0 && word == self);
	FAILS("PI: by itself again", syscall(SYS_futex, &word, FUTEX_LOCK_PI, 0, NULL, NULL, 0), EDEADLK);
	CHECK("PI: unlocked", syscall(SYS_futex, &word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0) == 0 && word == 0);
	FAILS("PI: not its owner", syscall(SYS_futex, &word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), EPERM);
	CHECK("PI: tried", syscall(SYS_futex, &word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0) == 0 && syscall(SYS_futex, &word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0) == 0);
	pthread_create(&t[0], NULL, hold, &word);
	while (!phase)
		usleep(1000);
	FAILS("PI: tried in vain", syscall(SYS_futex, &word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), EAGAIN);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 50000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	FAILS("PI: in time", syscall(SYS_futex, &word, FUTEX_LOCK_PI, 0, &until, NULL, 0), ETIMEDOUT);
	phase = 2;
	CHECK("PI: waited for", syscall(SYS_futex, &word, FUTEX_LOCK_PI, 0, NULL, NULL, 0) == 0 && (word & 0x3fffffff) == self);
	syscall(SYS_futex, &word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
	pthread_join(t[0], NULL);
	word = 0x3ffffff0;
	FAILS("PI: an owner that is none", syscall(SYS_futex, &word, FUTEX_LOCK_PI, 0, NULL, NULL, 0), ESRCH);

	pthread_mutexattr_init(&a);
	CHECK("PI: PTHREAD_PRIO_INHERIT", pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT) == 0 && pthread_mutex_init(&pi, &a) == 0);
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, count, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	CHECK("PI: one at a time", shared_count == 6000);
	pthread_mutex_t *there = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(there, &a);
	pid_t pid = fork();
	if (pid == 0) {
		pthread_mutex_lock(there);
		usleep(100000);
		_exit(0);
	}
	usleep(50000);
	CHECK("PI: a robust one whose owner dies", pthread_mutex_lock(there) == EOWNERDEAD && pthread_mutex_consistent(there) == 0 && pthread_mutex_unlock(there) == 0 &&
		pthread_mutex_lock(there) == 0 && pthread_mutex_unlock(there) == 0);
	waitpid(pid, NULL, 0);
}

/* Options. */
static int no_clock(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	if (setresuid(1000, 1000, 1000))
		return 2;
	return clock_settime(CLOCK_REALTIME, &t) != -1 || errno != EPERM;
}

static void options(void)
{
	char name[16] = "";
	int v = -1, s[2], p[2], pidfd = -1;
	socklen_t len = sizeof v;
	uint64_t cookie = 0, feature = 0;
	CHECK("prctl: a name", prctl(PR_SET_NAME, "a-name-of-more-than-15") == 0 && prctl(PR_GET_NAME, name) == 0 && strcmp(name, "a-name-of-more-") == 0);
	FAILS("prctl: no such capability", prctl(PR_CAPBSET_READ, 63), EINVAL);
	CHECK("prctl: PR_MCE_KILL", prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0) == 0 && prctl(PR_MCE_KILL_GET, 0, 0, 0, 0) == PR_MCE_KILL_EARLY &&
		prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 0, 0) == 0 && prctl(PR_MCE_KILL_GET, 0, 0, 0, 0) == PR_MCE_KILL_DEFAULT);
	CHECK("prctl: PR_GET_AUXV", prctl(0x41555856, &feature, 8, 0, 0) >= 16 && feature);
	CHECK("prctl: PR_SET_IO_FLUSHER", prctl(57, 1, 0, 0, 0) == 0 && prctl(58, 0, 0, 0, 0) == 1 && prctl(57, 0, 0, 0, 0) == 0);
	FAILS("prctl: unknown", prctl(9999, 0, 0, 0, 0), EINVAL);
	unsigned long base = 0;
	CHECK("arch_prctl: ARCH_GET_FS", syscall(SYS_arch_prctl, 0x1003, &base) == 0 && base == (unsigned long)pthread_self());
	CHECK("arch_prctl: ARCH_GET_CPUID", syscall(SYS_arch_prctl, 0x1011, 0) == 1);
	CHECK("arch_prctl: ARCH_GET_XCOMP_SUPP", syscall(SYS_arch_prctl, 0x1021, &feature) == 0 && (feature & 3) == 3);
	FAILS("arch_prctl: unknown", syscall(SYS_arch_prctl, 0x99999, 0), EINVAL);
	FAILS("socket: no such family", socket(99, SOCK_STREAM, 0), EAFNOSUPPORT);
	FAILS("socket: no such type", socket(AF_UNIX, 12, 0), EINVAL);
	FAILS("socket: a type that it has not", socket(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
	FAILS("socket: a protocol that it has not", socket(AF_UNIX, SOCK_STREAM, 9), EPROTONOSUPPORT);
	FAILS("socketpair: of TCP", socketpair(AF_INET, SOCK_STREAM, 0, s), EOPNOTSUPP);
	socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s);
	CHECK("SO_TYPE", getsockopt(s[0], SOL_SOCKET, SO_TYPE, &v, &len) == 0 && v == SOCK_SEQPACKET);
	CHECK("SO_DOMAIN", getsockopt(s[0], SOL_SOCKET, SO_DOMAIN, &v, &len) == 0 && v == AF_UNIX);
	CHECK("SO_ACCEPTCONN", getsockopt(s[0], SOL_SOCKET, SO_ACCEPTCONN, &v, &len) == 0 && v == 0);
	len = sizeof cookie;
	CHECK("SO_COOKIE", getsockopt(s[0], SOL_SOCKET, 57, &cookie, &len) == 0 && cookie);
	len = sizeof pidfd;
	struct pollfd alive = {-1, POLLIN, 0};
	CHECK("SO_PEERPIDFD", getsockopt(s[0], SOL_SOCKET, 77, &pidfd, &len) == 0 && (alive.fd = pidfd) >= 0 && poll(&alive, 1, 0) == 0);
	FAILS("an option that nobody has", setsockopt(s[0], SOL_SOCKET, 9999, &v, sizeof v), ENOPROTOOPT);
	pipe(p);
	CHECK("F_SETPIPE_SZ", fcntl(p[0], F_SETPIPE_SZ, 5000) == 8192 && fcntl(p[1], F_GETPIPE_SZ) == 8192);
	FAILS("F_GETPIPE_SZ: no pipe", fcntl(s[0], F_GETPIPE_SZ), EBADF);
	struct timespec was, now;
	clock_gettime(CLOCK_REALTIME, &was);
	long start = ms_now(CLOCK_MONOTONIC);
	was.tv_sec += 5000;
	CHECK("clock_settime: later", clock_settime(CLOCK_REALTIME, &was) == 0 && clock_gettime(CLOCK_REALTIME, &now) == 0 && now.tv_sec >= was.tv_sec &&
		now.tv_sec < was.tv_sec + 100 && ms_now(CLOCK_MONOTONIC) < start + 100000);
	was.tv_sec -= 5000;
	CHECK("clock_settime: and back", clock_settime(CLOCK_REALTIME, &was) == 0 && time(NULL) < now.tv_sec - 1000);
	FAILS("clock_settime: not the monotonic one", clock_settime(CLOCK_MONOTONIC, &was), EINVAL);
	CHECK("clock_settime: root's only", in_child(no_clock) == 0);
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "closed") == 0)
		return are_closed(argv[2]);
	mkdir(DIR_, 0700);
	wayland_needs();
	notification();
	locks();
	vectors();
	copies();
	names_of_files();
	seals();
	owned_futexes();
	options();
	return check_done();
}
