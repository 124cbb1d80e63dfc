/* SPDX-License-Identifier: MIT */
/*
 * A driver's entries in servers/dev (devproto.h): files and links of /sys, udev records, device nodes, uevents. All go to the
 * fd "open:dev". Paths are below the scheme's root: "sys/...", "udev/data/...", "dev/...".
 */
#ifndef NATIVE_DEVPUT_H
#define NATIVE_DEVPUT_H

#include <native/devproto.h>

#define DEVPUT_FILE 0100444u
#define DEVPUT_DATA 0100644u
#define DEVPUT_LINK 0120777u

/** Contents of a file, target of a link; at most 4095 bytes. 0 or a negative errno; a link that is there stays: 0. */
int dev_put(u32 mode, const char *path, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/** The same for a file in a directory: "%s/%s". */
int dev_put_in(u32 mode, const char *dir, const char *name, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/** A device node; handle: where opens go, or -1. 0 where it is new, 1 where it was there, or a negative errno. */
int dev_put_node(const char *path, u32 mode, u32 uid, u32 gid, u64 rdev, i32 handle);
/** A uevent of group 1. words: "KEY=value" separated by spaces, after ACTION, DEVPATH and SUBSYSTEM. */
int dev_event(const char *action, const char *devpath, const char *subsystem, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
