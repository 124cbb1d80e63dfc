/* SPDX-License-Identifier: MIT */
/* A small frame for checks of the DRM uAPI by plain ioctls: each prints "ok NAME" or "not ok NAME: why". */
#ifndef CHECK_H
#define CHECK_H

#include <drm.h>
#include <drm_fourcc.h>
#include <drm_mode.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

extern int card, render;

/* In a check: the condition must hold, or it has failed here. */
#define NEED(c)                                                                                                  \
	do {                                                                                                     \
		if (!(c))                                                                                        \
			return failed_at(__FILE__, __LINE__, #c);                                                \
	} while (0)
/* An ioctl that must give an error. */
#define NEED_ERROR(call, error) NEED((call) == -1 && errno == (error))

bool failed_at(const char *file, int line, const char *what);
void check(const char *name, bool (*fn)(void));
int64_t now_ns(void);
uint32_t prop_id(int fd, uint32_t object, uint32_t type, const char *name, uint64_t *value);

/* A display that is set up: kms.c. */
struct display {
	uint32_t crtc, connector, plane, cursor, fb[2], handle[2], pitch, mode_blob;
	struct drm_mode_modeinfo mode;
	uint32_t *pixels[2];
};
extern struct display display;
bool display_start(int fd, struct display *d);
void display_stop(int fd, struct display *d);
/* An atomic commit of n (object, property, value) rows. */
int commit(int fd, uint32_t flags, uint64_t user_data, const uint64_t (*rows)[3], unsigned n);
bool read_flip(int fd, uint64_t user_data, struct drm_event_vblank *out, int timeout_ms);

void sync_checks(void);
void share_checks(void);
void kms_checks(void);

#endif
