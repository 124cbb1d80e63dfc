/* SPDX-License-Identifier: MIT */
#include "check.h"

int card, render;
static unsigned passed, failed;
static char reason[200];

bool failed_at(const char *file, int line, const char *what)
{
	snprintf(reason, sizeof(reason), "%s:%d: %s (errno %d)", strrchr(file, '/') ? strrchr(file, '/') + 1 : file, line, what, errno);
	return false;
}

void check(const char *name, bool (*fn)(void))
{
	reason[0] = 0;
	errno = 0;
	alarm(30);
	if (fn()) {
		printf("ok %s\n", name);
		passed++;
	} else {
		printf("not ok %s: %s\n", name, reason);
		failed++;
	}
	fflush(stdout);
}

int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

uint32_t prop_id(int fd, uint32_t object, uint32_t type, const char *name, uint64_t *value)
{
	uint32_t ids[64];
	uint64_t values[64];
	struct drm_mode_obj_get_properties g = {.props_ptr = (uintptr_t)ids, .prop_values_ptr = (uintptr_t)values, .count_props = 64, .obj_id = object,
		.obj_type = type};
	if (ioctl(fd, DRM_IOCTL_MODE_OBJ_GETPROPERTIES, &g))
		return 0;
	for (unsigned i = 0; i < g.count_props && i < 64; i++) {
		struct drm_mode_get_property p = {.prop_id = ids[i]};
		if (ioctl(fd, DRM_IOCTL_MODE_GETPROPERTY, &p) == 0 && strcmp(p.name, name) == 0) {
			if (value)
				*value = values[i];
			return ids[i];
		}
	}
	return 0;
}

int main(void)
{
	card = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
	render = open("/dev/dri/renderD128", O_RDWR | O_CLOEXEC);
	if (card < 0 || render < 0) {
		perror("/dev/dri");
		return 1;
	}
	sync_checks();
	share_checks();
	kms_checks();
	printf("@@tests %u %u\n", passed, failed);
	return failed != 0;
}
