/* SPDX-License-Identifier: MIT */
/*
 * The first process under Debian's kernel, for comparing it with Weft. It speaks the same job protocol on
 * the first serial port as Weft's init does (docs/job-protocol.md):
 *
 *   "@@weft-init\n"              at once
 *   "\n@@weft-start NONCE\n"     before the command's first byte of output
 *   "\n@@weft-exit NONCE STATUS\n"  after it ended; then the machine is powered off
 *
 * /modules/order lists kernel modules to load, in order. If /job/root names a block device, it is mounted and
 * becomes the root of the command, with /host and /job carried over; otherwise the command runs in the
 * archive that the kernel unpacked. /job/cmd and /job/env hold NUL-terminated strings.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define MAX_WORDS 512

static char nonce[64];

static void power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void fail(const char *what)
{
	printf("\n@@weft-fail %s: %s\n", what, strerror(errno));
	fflush(stdout);
	tcdrain(1);
	power_off();
}

/* Read a whole file; the result is NUL-terminated and never freed. */
static char *read_file(const char *path, size_t *len)
{
	size_t size = 0, room = 4096;
	char *buf = malloc(room + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || !buf)
		return NULL;
	for (;;) {
		ssize_t n = read(fd, buf + size, room - size);
		if (n < 0)
			return NULL;
		if (n == 0)
			break;
		size += n;
		if (size == room) {
			char *more = realloc(buf, (room *= 2) + 1);
			if (!more)
				return NULL;
			buf = more;
		}
	}
	close(fd);
	buf[size] = '\0';
	if (len)
		*len = size;
	return buf;
}

static void split_words(char *buf, size_t len, char **words)
{
	int n = 0;

	for (char *p = buf; p < buf + len && n < MAX_WORDS; p += strlen(p) + 1)
		words[n++] = p;
	words[n] = NULL;
}

static void open_console(void)
{
	struct termios t;
	int fd = open("/dev/ttyS0", O_RDWR | O_NOCTTY);

	if (fd < 0)
		power_off();
	if (tcgetattr(fd, &t) == 0) {
		cfmakeraw(&t);
		t.c_lflag |= ISIG;
		cfsetspeed(&t, B115200);
		tcsetattr(fd, TCSANOW, &t);
	}
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

static void load_modules(void)
{
	char *list = read_file("/modules/order", NULL);
	char *save = NULL;

	if (!list)
		return;
	for (char *name = strtok_r(list, "\n", &save); name; name = strtok_r(NULL, "\n", &save)) {
		char path[256];
		snprintf(path, sizeof(path), "/modules/%s", name);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST))
			fprintf(stderr, "init: module %s: %s\n", name, strerror(errno));
		if (fd >= 0)
			close(fd);
	}
}

static void mount_kernel_trees(const char *root)
{
	static const struct {
		const char *type, *path, *data;
	} trees[] = {
		{"proc", "/proc", NULL},     {"sysfs", "/sys", NULL},	      {"devtmpfs", "/dev", "mode=755"},
		{"devpts", "/dev/pts", "mode=620,ptmxmode=666"}, {"tmpfs", "/dev/shm", "mode=1777"},
		{"tmpfs", "/run", "mode=755"}, {"tmpfs", "/tmp", "mode=1777"},
	};

	for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s%s", root, trees[i].path);
		mkdir(path, 0755);
		mount(trees[i].type, path, trees[i].type, MS_NOSUID, trees[i].data);
	}
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
}

static void loopback_up(void)
{
	struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &r))
		fprintf(stderr, "init: lo: %s\n", strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void carry_over(const char *name)
{
	char to[64];

	snprintf(to, sizeof(to), "/newroot%s", name);
	mkdir(to, 0755);
	if (access(name, F_OK) == 0 && mount(name, to, NULL, MS_BIND | MS_REC, NULL))
		fail(to);
}

static void enter_root(char *device)
{
	device[strcspn(device, "\n")] = '\0';
	for (int tries = 0; access(device, F_OK) && tries < 500; tries++)
		usleep(10000);
	mkdir("/newroot", 0755);
	if (mount(device, "/newroot", "ext4", MS_NOATIME, NULL))
		fail(device);
	mount_kernel_trees("/newroot");
	carry_over("/host");
	carry_over("/job");
	if (chroot("/newroot") || chdir("/"))
		fail("chroot");
}

static pid_t start_command(void)
{
	static char *argv[MAX_WORDS + 1], *env[MAX_WORDS + 1];
	size_t len;
	char *cmd = read_file("/job/cmd", &len);

	if (!cmd || !len)
		fail("/job/cmd");
	split_words(cmd, len, argv);
	char *vars = read_file("/job/env", &len);
	if (vars)
		split_words(vars, len, env);
	fflush(stdout);
	pid_t pid = fork();
	if (pid)
		return pid;
	setsid();
	int null = open("/dev/null", O_RDONLY);
	if (null >= 0)
		dup2(null, 0);
	signal(SIGPIPE, SIG_DFL);
	if (vars) {
		environ = env;
	}
	if (chdir("/root"))
		chdir("/");
	execvp(argv[0], argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

int main(void)
{
	mkdir("/dev", 0755);
	mount("devtmpfs", "/dev", "devtmpfs", 0, "mode=755");
	open_console();
	printf("@@weft-init\n");
	fflush(stdout);
	mount_kernel_trees("");
	load_modules();
	char *text = read_file("/job/nonce", NULL);
	if (text)
		sscanf(text, "%63s", nonce);
	sethostname("weft", 4);
	loopback_up();
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	char *root = read_file("/job/root", NULL);
	if (root)
		enter_root(root);
	printf("\n@@weft-start %s\n", nonce);
	pid_t command = start_command();
	int status = 0;
	for (;;) {
		int how;
		pid_t pid = wait(&how);
		if (pid == command) {
			status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
			break;
		}
		if (pid < 0 && errno != EINTR)
			break;
	}
	printf("\n@@weft-exit %s %d\n", nonce, status);
	fflush(stdout);
	tcdrain(1);
	if (root)
		umount2("/", MNT_DETACH);
	power_off();
}
