/* SPDX-License-Identifier: MIT */
/* Synchronisation objects and sync files. */
#include "check.h"

#include <linux/sync_file.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

static uint32_t create(uint32_t flags)
{
	struct drm_syncobj_create c = {.flags = flags};
	return ioctl(render, DRM_IOCTL_SYNCOBJ_CREATE, &c) ? 0 : c.handle;
}

static int destroy(uint32_t handle)
{
	struct drm_syncobj_destroy d = {.handle = handle};
	return ioctl(render, DRM_IOCTL_SYNCOBJ_DESTROY, &d);
}

static int wait_for(uint32_t *handles, unsigned n, uint32_t flags, int64_t ms, uint32_t *first)
{
	struct drm_syncobj_wait w = {.handles = (uintptr_t)handles, .count_handles = n, .flags = flags, .timeout_nsec = ms < 0 ? 0 : now_ns() + ms * 1000000};
	int e = ioctl(render, DRM_IOCTL_SYNCOBJ_WAIT, &w);
	if (first)
		*first = w.first_signaled;
	return e;
}

static int wait_point(uint32_t handle, uint64_t point, uint32_t flags, int64_t ms)
{
	struct drm_syncobj_timeline_wait w = {.handles = (uintptr_t)&handle, .points = (uintptr_t)&point, .count_handles = 1, .flags = flags,
		.timeout_nsec = ms < 0 ? 0 : now_ns() + ms * 1000000};
	return ioctl(render, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &w);
}

static int signal_one(uint32_t handle)
{
	struct drm_syncobj_array a = {.handles = (uintptr_t)&handle, .count_handles = 1};
	return ioctl(render, DRM_IOCTL_SYNCOBJ_SIGNAL, &a);
}

static int reset_one(uint32_t handle)
{
	struct drm_syncobj_array a = {.handles = (uintptr_t)&handle, .count_handles = 1};
	return ioctl(render, DRM_IOCTL_SYNCOBJ_RESET, &a);
}

static int signal_point(uint32_t handle, uint64_t point)
{
	struct drm_syncobj_timeline_array a = {.handles = (uintptr_t)&handle, .points = (uintptr_t)&point, .count_handles = 1};
	return ioctl(render, DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &a);
}

static uint64_t query(uint32_t handle, uint32_t flags)
{
	uint64_t point = 0;
	struct drm_syncobj_timeline_array a = {.handles = (uintptr_t)&handle, .points = (uintptr_t)&point, .count_handles = 1, .flags = flags};
	return ioctl(render, DRM_IOCTL_SYNCOBJ_QUERY, &a) ? ~0ull : point;
}

/* As a sync file; -1. */
static int export(uint32_t handle)
{
	struct drm_syncobj_handle h = {.handle = handle, .flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE, .fd = -1};
	return ioctl(render, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &h) ? -1 : h.fd;
}

/* Runs fn in a child after ms. */
static pid_t later(unsigned ms, int (*fn)(uint32_t, uint64_t), uint32_t handle, uint64_t point)
{
	pid_t p = fork();
	if (p == 0) {
		usleep(ms * 1000);
		_exit(fn(handle, point) != 0);
	}
	return p;
}

static bool reap(pid_t p)
{
	int status;
	return waitpid(p, &status, 0) == p && status == 0;
}

static int signal_later(uint32_t handle, uint64_t point)
{
	return point ? signal_point(handle, point) : signal_one(handle);
}

static bool binary(void)
{
	uint32_t s = create(0), done = create(DRM_SYNCOBJ_CREATE_SIGNALED), both[2] = {s, done}, first = 9;
	NEED(s && done && s != done);
	NEED_ERROR(wait_for(&s, 1, 0, 0, NULL), EINVAL); /* nothing submitted */
	NEED_ERROR(wait_for(&s, 1, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT, 20, NULL), ETIME);
	NEED(wait_for(&done, 1, 0, -1, &first) == 0 && first == 0);
	NEED(wait_for(both, 2, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT, 20, &first) == 0 && first == 1);
	NEED_ERROR(wait_for(both, 2, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT | DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL, 20, NULL), ETIME);
	NEED(signal_one(s) == 0);
	NEED(wait_for(both, 2, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL, -1, NULL) == 0);
	NEED(reset_one(s) == 0);
	NEED_ERROR(wait_for(&s, 1, 0, 0, NULL), EINVAL);
	NEED(destroy(s) == 0 && destroy(done) == 0);
	NEED_ERROR(destroy(s), EINVAL);
	NEED_ERROR(wait_for(&s, 1, 0, 0, NULL), ENOENT);
	return true;
}

static bool sleeps(void)
{
	uint32_t s = create(0);
	int64_t t = now_ns();
	pid_t p = later(150, signal_later, s, 0);
	NEED(wait_for(&s, 1, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT, 10000, NULL) == 0);
	t = now_ns() - t;
	NEED(t > 100000000 && t < 5000000000);
	NEED(reap(p));
	t = now_ns();
	reset_one(s);
	NEED_ERROR(wait_for(&s, 1, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT, 100, NULL), ETIME);
	t = now_ns() - t;
	NEED(t >= 99000000 && t < 3000000000);
	NEED(destroy(s) == 0);
	return true;
}

static bool timeline(void)
{
	uint32_t s = create(0), other = create(0);
	NEED(query(s, 0) == 0);
	NEED_ERROR(wait_point(s, 5, 0, -1), EINVAL);
	NEED(signal_point(s, 5) == 0 && query(s, 0) == 5);
	NEED(wait_point(s, 3, 0, -1) == 0 && wait_point(s, 5, 0, -1) == 0);
	NEED_ERROR(wait_point(s, 6, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT, 20), ETIME);
	pid_t p = later(100, signal_later, s, 9);
	NEED(wait_point(s, 7, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT, 10000) == 0);
	NEED(reap(p) && query(s, 0) == 9 && query(s, DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED) == 9);
	p = later(100, signal_later, s, 12);
	NEED(wait_point(s, 12, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE | DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT, 10000) == 0);
	NEED(reap(p));
	struct drm_syncobj_transfer t = {.src_handle = s, .dst_handle = other, .src_point = 12, .dst_point = 40};
	NEED(ioctl(render, DRM_IOCTL_SYNCOBJ_TRANSFER, &t) == 0 && query(other, 0) == 40);
	t = (struct drm_syncobj_transfer){.src_handle = s, .dst_handle = other, .src_point = 99, .dst_point = 50};
	NEED_ERROR(ioctl(render, DRM_IOCTL_SYNCOBJ_TRANSFER, &t), EINVAL);
	NEED(destroy(s) == 0 && destroy(other) == 0);
	return true;
}

static bool shared(void)
{
	uint32_t s = create(0);
	struct drm_syncobj_handle h = {.handle = s, .fd = -1};
	NEED(ioctl(render, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &h) == 0 && h.fd >= 0);
	NEED(fcntl(h.fd, F_GETFD) == FD_CLOEXEC);
	struct drm_syncobj_handle b = {.fd = h.fd};
	NEED(ioctl(card, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &b) == 0 && b.handle);
	struct drm_syncobj_array a = {.handles = (uintptr_t)&b.handle, .count_handles = 1};
	NEED(ioctl(card, DRM_IOCTL_SYNCOBJ_SIGNAL, &a) == 0);
	NEED(wait_for(&s, 1, 0, -1, NULL) == 0); /* the same object under another name */
	NEED(close(h.fd) == 0 && destroy(s) == 0);
	NEED(ioctl(card, DRM_IOCTL_SYNCOBJ_RESET, &a) == 0); /* lives on */
	b.fd = card;
	NEED_ERROR(ioctl(card, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &b), EINVAL);
	return true;
}

static bool events(void)
{
	uint32_t s = create(0);
	int fd = eventfd(0, EFD_NONBLOCK);
	struct {
		uint32_t handle, flags;
		uint64_t point;
		int32_t fd;
		uint32_t pad;
	} e = {s, 0, 3, fd, 0};
	uint64_t n = 0;
	NEED(ioctl(render, DRM_IOWR(0xcf, e), &e) == 0);
	NEED_ERROR(read(fd, &n, 8), EAGAIN);
	NEED(signal_point(s, 2) == 0);
	NEED_ERROR(read(fd, &n, 8), EAGAIN);
	NEED(signal_point(s, 3) == 0);
	NEED(read(fd, &n, 8) == 8 && n == 1);
	NEED(ioctl(render, DRM_IOWR(0xcf, e), &e) == 0); /* passed already */
	NEED(read(fd, &n, 8) == 8 && n == 1);
	e.point = 10;
	NEED(ioctl(render, DRM_IOWR(0xcf, e), &e) == 0); /* left behind: nobody may trip over it */
	close(fd);
	NEED(signal_point(s, 10) == 0 && destroy(s) == 0);
	return true;
}

static bool sync_files(void)
{
	uint32_t s = create(DRM_SYNCOBJ_CREATE_SIGNALED), t = create(0);
	int a = export(s);
	NEED(a >= 0);
	struct pollfd p = {.fd = a, .events = POLLIN};
	NEED(poll(&p, 1, 0) == 1 && p.revents == POLLIN);
	NEED_ERROR(export(t), EINVAL);
	struct sync_file_info info = {0};
	NEED(ioctl(a, SYNC_IOC_FILE_INFO, &info) == 0 && info.status == 1 && info.num_fences == 1);
	struct sync_fence_info fence = {0};
	info = (struct sync_file_info){.num_fences = 1, .sync_fence_info = (uintptr_t)&fence};
	NEED(ioctl(a, SYNC_IOC_FILE_INFO, &info) == 0 && fence.status == 1 && fence.timestamp_ns != 0);
	int b = export(s);
	struct sync_merge_data m = {.name = "merged", .fd2 = b};
	NEED(b >= 0 && ioctl(a, SYNC_IOC_MERGE, &m) == 0 && m.fence >= 0);
	info = (struct sync_file_info){0};
	NEED(ioctl(m.fence, SYNC_IOC_FILE_INFO, &info) == 0 && info.status == 1 && strcmp(info.name, "merged") == 0);
	m = (struct sync_merge_data){.fd2 = card};
	NEED_ERROR(ioctl(a, SYNC_IOC_MERGE, &m), ENOENT);
	struct drm_syncobj_handle h = {.handle = t, .flags = DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE, .fd = a};
	NEED(ioctl(render, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &h) == 0);
	NEED(wait_for(&t, 1, 0, -1, NULL) == 0);
	NEED(close(a) == 0 && close(b) == 0);
	NEED(destroy(s) == 0 && destroy(t) == 0);
	return true;
}

/* A client that dies while it waits leaves nothing that trips the others. */
static bool dies_waiting(void)
{
	uint32_t s = create(0);
	pid_t p = fork();
	if (p == 0) {
		int fd = open("/dev/dri/renderD128", O_RDWR);
		struct drm_syncobj_create c = {0};
		ioctl(fd, DRM_IOCTL_SYNCOBJ_CREATE, &c);
		render = fd;
		_exit(wait_for(&c.handle, 1, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT, 20000, NULL) != 0);
	}
	pid_t q = fork();
	if (q == 0)
		_exit(wait_for(&s, 1, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT, 20000, NULL) != 0);
	usleep(200000);
	int status;
	kill(p, 9);
	kill(q, 9);
	NEED(waitpid(p, &status, 0) == p && waitpid(q, &status, 0) == q);
	NEED(signal_one(s) == 0 && wait_for(&s, 1, 0, -1, NULL) == 0 && destroy(s) == 0);
	return true;
}

void sync_checks(void)
{
	check("syncobj: binary", binary);
	check("syncobj: waits", sleeps);
	check("syncobj: timeline", timeline);
	check("syncobj: shared by fd", shared);
	check("syncobj: eventfd", events);
	check("sync files", sync_files);
	check("syncobj: a waiter dies", dies_waiting);
}
