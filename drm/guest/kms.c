/* SPDX-License-Identifier: MIT */
/* Modes, flips, fences of commits, vblanks, masters and leases. */
#include "check.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

struct display display;

#define CRTC_P(name) prop_id(fd, d->crtc, DRM_MODE_OBJECT_CRTC, name, NULL)
#define PLANE_P(name) prop_id(fd, d->plane, DRM_MODE_OBJECT_PLANE, name, NULL)
#define CONNECTOR_P(name) prop_id(fd, d->connector, DRM_MODE_OBJECT_CONNECTOR, name, NULL)
#define PAGE_FLIP DRM_MODE_PAGE_FLIP_EVENT

int commit(int fd, uint32_t flags, uint64_t user_data, const uint64_t (*rows)[3], unsigned n)
{
	uint32_t objects[32], counts[32], props[64];
	uint64_t values[64];
	unsigned nobjects = 0;
	for (unsigned i = 0; i < n; i++) {
		if (!nobjects || objects[nobjects - 1] != rows[i][0]) {
			objects[nobjects] = (uint32_t)rows[i][0];
			counts[nobjects++] = 0;
		}
		counts[nobjects - 1]++;
		props[i] = (uint32_t)rows[i][1];
		values[i] = rows[i][2];
	}
	struct drm_mode_atomic a = {.flags = flags, .count_objs = nobjects, .objs_ptr = (uintptr_t)objects, .count_props_ptr = (uintptr_t)counts,
		.props_ptr = (uintptr_t)props, .prop_values_ptr = (uintptr_t)values, .user_data = user_data};
	return ioctl(fd, DRM_IOCTL_MODE_ATOMIC, &a);
}

bool read_flip(int fd, uint64_t user_data, struct drm_event_vblank *out, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	if (poll(&p, 1, timeout_ms) != 1 || read(fd, out, sizeof(*out)) != sizeof(*out))
		return false;
	return out->user_data == user_data;
}

static int client_cap(int fd, uint64_t cap, uint64_t value)
{
	struct drm_set_client_cap c = {cap, value};
	return ioctl(fd, DRM_IOCTL_SET_CLIENT_CAP, &c);
}

static bool find_display(int fd, struct display *d)
{
	uint32_t crtcs[8], connectors[8], planes[16];
	static struct drm_mode_modeinfo modes[128];
	struct drm_mode_card_res res = {.crtc_id_ptr = (uintptr_t)crtcs, .count_crtcs = 8, .connector_id_ptr = (uintptr_t)connectors, .count_connectors = 8};
	NEED(ioctl(fd, DRM_IOCTL_MODE_GETRESOURCES, &res) == 0 && res.count_crtcs && res.count_connectors);
	d->crtc = crtcs[0];
	d->connector = connectors[0];
	struct drm_mode_get_connector c = {.connector_id = d->connector, .modes_ptr = (uintptr_t)modes, .count_modes = 128};
	NEED(ioctl(fd, DRM_IOCTL_MODE_GETCONNECTOR, &c) == 0 && c.connection == 1 && c.count_modes);
	d->mode = modes[0];
	NEED(modes[0].type & DRM_MODE_TYPE_PREFERRED);
	NEED(client_cap(fd, DRM_CLIENT_CAP_ATOMIC, 1) == 0);
	struct drm_mode_get_plane_res pr = {.plane_id_ptr = (uintptr_t)planes, .count_planes = 16};
	NEED(ioctl(fd, DRM_IOCTL_MODE_GETPLANERESOURCES, &pr) == 0);
	for (unsigned i = 0; i < pr.count_planes; i++) {
		uint64_t type;
		struct drm_mode_get_plane p = {.plane_id = planes[i]};
		NEED(ioctl(fd, DRM_IOCTL_MODE_GETPLANE, &p) == 0);
		if (!(p.possible_crtcs & 1))
			continue;
		NEED(prop_id(fd, planes[i], DRM_MODE_OBJECT_PLANE, "type", &type));
		if (type == 1)
			d->plane = planes[i];
		if (type == 2)
			d->cursor = planes[i];
	}
	NEED(d->plane);
	return true;
}

bool display_start(int fd, struct display *d)
{
	memset(d, 0, sizeof(*d));
	if (!find_display(fd, d))
		return false;
	for (unsigned i = 0; i < 2; i++) {
		struct drm_mode_create_dumb c = {.width = d->mode.hdisplay, .height = d->mode.vdisplay, .bpp = 32};
		NEED(ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &c) == 0);
		struct drm_mode_map_dumb m = {.handle = c.handle};
		NEED(ioctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &m) == 0);
		d->handle[i] = c.handle;
		d->pitch = c.pitch;
		d->pixels[i] = mmap(NULL, c.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)m.offset);
		NEED(d->pixels[i] != MAP_FAILED);
		struct drm_mode_fb_cmd2 f = {.width = c.width, .height = c.height, .pixel_format = DRM_FORMAT_XRGB8888, .handles = {c.handle}, .pitches = {c.pitch}};
		NEED(ioctl(fd, DRM_IOCTL_MODE_ADDFB2, &f) == 0);
		d->fb[i] = f.fb_id;
	}
	struct drm_mode_create_blob b = {.data = (uintptr_t)&d->mode, .length = sizeof(d->mode)};
	NEED(ioctl(fd, DRM_IOCTL_MODE_CREATEPROPBLOB, &b) == 0);
	d->mode_blob = b.blob_id;
	const uint64_t rows[][3] = {{d->connector, CONNECTOR_P("CRTC_ID"), d->crtc}, {d->crtc, CRTC_P("MODE_ID"), d->mode_blob}, {d->crtc, CRTC_P("ACTIVE"), 1},
		{d->plane, PLANE_P("FB_ID"), d->fb[0]}, {d->plane, PLANE_P("CRTC_ID"), d->crtc}, {d->plane, PLANE_P("SRC_W"), (uint64_t)d->mode.hdisplay << 16},
		{d->plane, PLANE_P("SRC_H"), (uint64_t)d->mode.vdisplay << 16}, {d->plane, PLANE_P("CRTC_W"), d->mode.hdisplay},
		{d->plane, PLANE_P("CRTC_H"), d->mode.vdisplay}};
	NEED(commit(fd, DRM_MODE_ATOMIC_TEST_ONLY | DRM_MODE_ATOMIC_ALLOW_MODESET, 0, rows, 9) == 0);
	NEED(commit(fd, DRM_MODE_ATOMIC_ALLOW_MODESET, 0, rows, 9) == 0);
	return true;
}

void display_stop(int fd, struct display *d)
{
	for (unsigned i = 0; i < 2; i++) {
		struct drm_mode_destroy_dumb h = {.handle = d->handle[i]};
		ioctl(fd, DRM_IOCTL_MODE_RMFB, &d->fb[i]);
		ioctl(fd, DRM_IOCTL_MODE_DESTROY_DUMB, &h);
	}
}

static int flip_to(int fd, struct display *d, unsigned which, uint32_t flags, uint64_t user_data)
{
	const uint64_t rows[][3] = {{d->plane, PLANE_P("FB_ID"), d->fb[which]}};
	return commit(fd, flags, user_data, rows, 1);
}

static bool edid(void)
{
	uint64_t blob = 0;
	uint8_t data[1024];
	struct display d = {0};
	NEED(find_display(card, &d));
	NEED(prop_id(card, d.connector, DRM_MODE_OBJECT_CONNECTOR, "EDID", &blob) && blob);
	struct drm_mode_get_blob b = {.blob_id = (uint32_t)blob, .data = (uintptr_t)data};
	NEED(ioctl(card, DRM_IOCTL_MODE_GETPROPBLOB, &b) == 0 && b.length <= sizeof(data));
	NEED(ioctl(card, DRM_IOCTL_MODE_GETPROPBLOB, &b) == 0 && b.length >= 128 && b.length % 128 == 0);
	NEED(data[0] == 0 && data[1] == 0xff);
	for (unsigned k = 0; k < b.length && k < (data[126] + 1u) * 128; k += 128) {
		uint8_t sum = 0;
		for (unsigned i = 0; i < 128; i++)
			sum = (uint8_t)(sum + data[k + i]);
		NEED(sum == 0);
	}
	return true;
}

static bool flips(void)
{
	struct display *d = &display;
	struct drm_event_vblank e, before;
	int64_t period = (int64_t)d->mode.htotal * d->mode.vtotal * 1000000 / d->mode.clock;
	NEED(flip_to(card, d, 1, DRM_MODE_ATOMIC_NONBLOCK | PAGE_FLIP, 1) == 0);
	NEED_ERROR(flip_to(card, d, 0, DRM_MODE_ATOMIC_NONBLOCK | PAGE_FLIP, 2), EBUSY);
	NEED(read_flip(card, 1, &before, 2000) && before.crtc_id == d->crtc && before.base.type == DRM_EVENT_FLIP_COMPLETE);
	int64_t start = now_ns();
	for (unsigned i = 0; i < 20; i++) {
		NEED(flip_to(card, d, i & 1, DRM_MODE_ATOMIC_NONBLOCK | PAGE_FLIP, 100 + i) == 0);
		NEED(read_flip(card, 100 + i, &e, 2000));
	}
	if (getenv("VBLANKS")) { /* Debian's virtio-gpu has none */
		NEED(now_ns() - start >= 19 * period);
		NEED(e.sequence - before.sequence >= 20);
		int64_t at = e.tv_sec * 1000000000ll + e.tv_usec * 1000ll, was = before.tv_sec * 1000000000ll + before.tv_usec * 1000ll;
		int64_t want = (int64_t)(e.sequence - before.sequence) * period;
		NEED(llabs(at - was - want) < 2000);
	}
	NEED(flip_to(card, d, 0, 0, 0) == 0 && flip_to(card, d, 1, 0, 0) == 0); /* each waits for its own */
	NEED(flip_to(card, d, 0, DRM_MODE_ATOMIC_NONBLOCK | PAGE_FLIP, 3) == 0 && flip_to(card, d, 1, 0, 0) == 0);
	NEED(read_flip(card, 3, &e, 2000));
	return true;
}

/* What is not allowed, or makes no sense, changes nothing. */
static bool refused(void)
{
	struct display *d = &display;
	int fd = card;
	const uint64_t off[][3] = {{d->connector, CONNECTOR_P("CRTC_ID"), 0}, {d->crtc, CRTC_P("MODE_ID"), 0}, {d->crtc, CRTC_P("ACTIVE"), 0},
		{d->plane, PLANE_P("FB_ID"), 0}, {d->plane, PLANE_P("CRTC_ID"), 0}};
	NEED_ERROR(commit(fd, 0, 0, off, 5), EINVAL); /* a modeset that was not allowed */
	NEED(commit(fd, DRM_MODE_ATOMIC_TEST_ONLY | DRM_MODE_ATOMIC_ALLOW_MODESET, 0, off, 5) == 0);
	NEED_ERROR(commit(fd, DRM_MODE_ATOMIC_TEST_ONLY | PAGE_FLIP, 0, off, 5), EINVAL);
	const uint64_t no_fb[][3] = {{d->plane, PLANE_P("FB_ID"), 0xdead}};
	NEED(commit(fd, 0, 0, no_fb, 1) == -1);
	const uint64_t no_prop[][3] = {{d->plane, 0xdead, 0}};
	NEED_ERROR(commit(fd, 0, 0, no_prop, 1), ENOENT);
	const uint64_t outside[][3] = {{d->plane, PLANE_P("SRC_X"), 1 << 16}};
	NEED(commit(fd, 0, 0, outside, 1) == -1);
	NEED(flip_to(fd, d, 0, 0, 0) == 0);
	return true;
}

static bool out_fence(void)
{
	struct display *d = &display;
	int fd = card;
	int32_t fence = -1;
	const uint64_t rows[][3] = {{d->crtc, CRTC_P("OUT_FENCE_PTR"), (uintptr_t)&fence}, {d->plane, PLANE_P("FB_ID"), d->fb[0]}};
	NEED(commit(fd, DRM_MODE_ATOMIC_NONBLOCK, 0, rows, 2) == 0 && fence >= 0);
	struct pollfd p = {.fd = fence, .events = POLLIN};
	NEED(poll(&p, 1, 2000) == 1 && p.revents & POLLIN);
	close(fence);
	fence = -1;
	NEED(commit(fd, 0, 0, rows, 2) == 0 && fence >= 0); /* blocking: over when it returns */
	p.fd = fence;
	NEED(poll(&p, 1, 0) == 1);
	/* an in-fence that is signalled */
	const uint64_t in[][3] = {{d->plane, PLANE_P("FB_ID"), d->fb[1]}, {d->plane, PLANE_P("IN_FENCE_FD"), (uint64_t)(int64_t)fence}};
	NEED(commit(fd, 0, 0, in, 2) == 0);
	close(fence);
	const uint64_t bad[][3] = {{d->plane, PLANE_P("FB_ID"), d->fb[1]}, {d->plane, PLANE_P("IN_FENCE_FD"), (uint64_t)card}};
	NEED_ERROR(commit(fd, 0, 0, bad, 2), EINVAL);
	return true;
}

static bool vblanks(void)
{
	struct display *d = &display;
	if (!getenv("VBLANKS"))
		return true;
	int64_t period = (int64_t)d->mode.htotal * d->mode.vtotal * 1000000 / d->mode.clock;
	union drm_wait_vblank v = {.request = {.type = _DRM_VBLANK_RELATIVE, .sequence = 0}};
	NEED(ioctl(card, DRM_IOCTL_WAIT_VBLANK, &v) == 0);
	uint32_t first = v.reply.sequence;
	int64_t at = v.reply.tval_sec * 1000000000ll + v.reply.tval_usec * 1000ll, start = now_ns();
	v = (union drm_wait_vblank){.request = {.type = _DRM_VBLANK_RELATIVE, .sequence = 6}};
	NEED(ioctl(card, DRM_IOCTL_WAIT_VBLANK, &v) == 0);
	NEED(now_ns() - start >= 5 * period - 1000000 && v.reply.sequence - first >= 6);
	int64_t then = v.reply.tval_sec * 1000000000ll + v.reply.tval_usec * 1000ll;
	NEED(llabs(then - at - (int64_t)(v.reply.sequence - first) * period) < 2000);
	uint32_t target = v.reply.sequence + 3;
	v = (union drm_wait_vblank){.request = {.type = _DRM_VBLANK_ABSOLUTE | _DRM_VBLANK_EVENT, .sequence = target, .signal = 77}};
	NEED(ioctl(card, DRM_IOCTL_WAIT_VBLANK, &v) == 0);
	struct drm_event_vblank e;
	NEED(read_flip(card, 77, &e, 2000) && e.base.type == DRM_EVENT_VBLANK && e.sequence - target < 100);
	struct drm_crtc_get_sequence g = {.crtc_id = d->crtc};
	NEED(ioctl(card, DRM_IOCTL_CRTC_GET_SEQUENCE, &g) == 0 && g.active && g.sequence >= e.sequence);
	struct drm_crtc_queue_sequence q = {.crtc_id = d->crtc, .flags = DRM_CRTC_SEQUENCE_RELATIVE, .sequence = 2, .user_data = 78};
	NEED(ioctl(card, DRM_IOCTL_CRTC_QUEUE_SEQUENCE, &q) == 0);
	struct drm_event_crtc_sequence s;
	struct pollfd p = {.fd = card, .events = POLLIN};
	NEED(poll(&p, 1, 2000) == 1 && read(card, &s, sizeof(s)) == sizeof(s));
	NEED(s.base.type == DRM_EVENT_CRTC_SEQUENCE && s.user_data == 78 && s.sequence >= q.sequence && s.time_ns > 0);
	q.crtc_id = 0xdead;
	NEED_ERROR(ioctl(card, DRM_IOCTL_CRTC_QUEUE_SEQUENCE, &q), ENOENT);
	return true;
}

static void alarmed(int sig)
{
	(void)sig;
}

/* A signal during a wait ends it with EINTR. */
static bool interrupted(void)
{
	if (!getenv("VBLANKS"))
		return true;
	struct sigaction a = {.sa_handler = alarmed};
	sigaction(SIGUSR1, &a, NULL);
	pid_t me = getpid(), p = fork();
	if (p == 0) {
		usleep(150000);
		kill(me, SIGUSR1);
		_exit(0);
	}
	union drm_wait_vblank v = {.request = {.type = _DRM_VBLANK_RELATIVE, .sequence = 600}};
	int64_t start = now_ns();
	NEED_ERROR(ioctl(card, DRM_IOCTL_WAIT_VBLANK, &v), EINTR);
	NEED(now_ns() - start < 5000000000);
	waitpid(p, NULL, 0);
	return true;
}

static bool masters(void)
{
	int fd = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
	struct drm_auth a = {0};
	NEED(fd >= 0 && ioctl(fd, DRM_IOCTL_GET_MAGIC, &a) == 0 && a.magic);
	NEED_ERROR(ioctl(fd, DRM_IOCTL_AUTH_MAGIC, &a), EACCES); /* not the master */
	/* Dumb buffers are for anybody who may open the node. */
	struct drm_mode_create_dumb dumb = {.width = 64, .height = 64, .bpp = 32};
	NEED(ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &dumb) == 0 && dumb.size >= 64 * 64 * 4);
	struct drm_mode_map_dumb where = {.handle = dumb.handle};
	NEED(ioctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &where) == 0);
	NEED_ERROR(ioctl(fd, DRM_IOCTL_SET_MASTER, 0), EBUSY);
	NEED_ERROR(ioctl(fd, DRM_IOCTL_DROP_MASTER, 0), EINVAL);
	NEED(ioctl(card, DRM_IOCTL_AUTH_MAGIC, &a) == 0);
	struct drm_auth wrong = {.magic = 0x7fffffff};
	NEED_ERROR(ioctl(card, DRM_IOCTL_AUTH_MAGIC, &wrong), EINVAL);
	NEED(ioctl(card, DRM_IOCTL_DROP_MASTER, 0) == 0);
	NEED_ERROR(flip_to(card, &display, 0, 0, 0), EACCES);
	NEED(ioctl(fd, DRM_IOCTL_SET_MASTER, 0) == 0);
	NEED_ERROR(ioctl(card, DRM_IOCTL_SET_MASTER, 0), EBUSY);
	NEED(ioctl(fd, DRM_IOCTL_DROP_MASTER, 0) == 0);
	NEED(ioctl(card, DRM_IOCTL_SET_MASTER, 0) == 0);
	NEED(flip_to(card, &display, 0, 0, 0) == 0);
	NEED(close(fd) == 0);
	return true;
}

static int lease(int fd, const uint32_t *objects, uint32_t n, uint32_t *id)
{
	struct drm_mode_create_lease l = {.object_ids = (uintptr_t)objects, .object_count = n, .flags = O_CLOEXEC};
	if (ioctl(fd, DRM_IOCTL_MODE_CREATE_LEASE, &l))
		return -1;
	*id = l.lessee_id;
	return (int)l.fd;
}

static uint32_t lessees(int fd)
{
	uint32_t ids[8];
	struct drm_mode_list_lessees l = {.lessees_ptr = (uintptr_t)ids, .count_lessees = 8};
	return ioctl(fd, DRM_IOCTL_MODE_LIST_LESSEES, &l) ? ~0u : l.count_lessees;
}

static bool leases(void)
{
	struct display *d = &display;
	uint32_t id, again, objects[] = {d->crtc, d->connector, d->plane}, ids[8], crtc_only = d->crtc;
	NEED(lease(card, &crtc_only, 1, &id) == -1 && errno == EINVAL);
	uint32_t wrong[] = {d->crtc, d->connector, 0xdead};
	NEED(lease(card, wrong, 3, &id) == -1 && errno == ENOENT);
	int fd = lease(card, objects, 3, &id);
	NEED(fd >= 0 && lessees(card) == 1);
	NEED(lease(card, objects, 3, &again) == -1 && errno == EBUSY);
	struct drm_mode_get_lease g = {.objects_ptr = (uintptr_t)ids, .count_objects = 8};
	NEED(ioctl(fd, DRM_IOCTL_MODE_GET_LEASE, &g) == 0 && g.count_objects == 3);
	NEED(lease(fd, objects, 3, &again) == -1 && errno == EINVAL); /* no leases of leases */
	struct display mine;
	NEED(display_start(fd, &mine) && mine.crtc == d->crtc && mine.plane == d->plane && !mine.cursor);
	struct drm_event_vblank e;
	NEED(flip_to(fd, &mine, 1, DRM_MODE_ATOMIC_NONBLOCK | PAGE_FLIP, 9) == 0 && read_flip(fd, 9, &e, 2000));
	if (d->cursor) {
		struct drm_mode_get_plane p = {.plane_id = d->cursor};
		NEED_ERROR(ioctl(fd, DRM_IOCTL_MODE_GETPLANE, &p), ENOENT);
	}
	struct drm_mode_revoke_lease r = {.lessee_id = id + 100};
	NEED_ERROR(ioctl(card, DRM_IOCTL_MODE_REVOKE_LEASE, &r), ENOENT);
	r.lessee_id = id;
	NEED(ioctl(card, DRM_IOCTL_MODE_REVOKE_LEASE, &r) == 0);
	NEED(flip_to(fd, &mine, 0, 0, 0) == -1);
	display_stop(fd, &mine);
	NEED(close(fd) == 0 && lessees(card) == 0);
	/* A lessee that dies gives everything back. */
	int pipefd[2];
	NEED(pipe(pipefd) == 0);
	fd = lease(card, objects, 3, &id);
	NEED(fd >= 0);
	pid_t p = fork();
	if (p == 0) {
		struct display dead;
		bool ok = display_start(fd, &dead);
		if (write(pipefd[1], &ok, 1) != 1)
			_exit(1);
		for (unsigned k = 0;; k++) {
			flip_to(fd, &dead, k & 1, DRM_MODE_ATOMIC_NONBLOCK | PAGE_FLIP, k);
			usleep(3000);
		}
	}
	bool ok = false;
	NEED(read(pipefd[0], &ok, 1) == 1 && ok);
	usleep(100000);
	close(fd);
	kill(p, 9);
	NEED(waitpid(p, NULL, 0) == p);
	for (unsigned k = 0; k < 100 && lessees(card); k++)
		usleep(10000);
	NEED(lessees(card) == 0);
	close(pipefd[0]);
	close(pipefd[1]);
	fd = lease(card, NULL, 0, &id); /* of nothing: another file of the card */
	NEED(fd >= 0 && close(fd) == 0);
	return true;
}

static bool starts(void)
{
	return display_start(card, &display);
}

static bool again(void)
{
	struct display *d = &display;
	display_stop(card, d);
	NEED(display_start(card, d));
	struct drm_event_vblank e;
	NEED(flip_to(card, d, 1, DRM_MODE_ATOMIC_NONBLOCK | PAGE_FLIP, 5) == 0 && read_flip(card, 5, &e, 2000));
	display_stop(card, d);
	return true;
}

void kms_checks(void)
{
	check("EDID", edid);
	check("a mode is set", starts);
	check("flips", flips);
	check("commits that are refused", refused);
	check("fences of commits", out_fence);
	check("vblanks", vblanks);
	check("a signal ends a wait", interrupted);
	check("masters", masters);
	check("leases", leases);
	check("modes and flips after that", again);
}
