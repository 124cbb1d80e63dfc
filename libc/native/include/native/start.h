/* SPDX-License-Identifier: MIT */
/*
 * What a program finds at its start. Its stack holds argc, argv, envp and the auxiliary vector as on Linux; besides Linux's
 * entries the vector has those below. A fd that its parent gave has a name there, such as "scheme:fs" (the server end of a
 * scheme that it serves), "open:log" (an open root handle), "res:dma" (a resource), "init" (its line to init).
 */
#ifndef NATIVE_START_H
#define NATIVE_START_H

#include <weft/event.h>
#include <weft/thread.h>

#define NATIVE_AT_FDS  0x57454601ul /* struct native_fd[], ended by an empty name */
#define NATIVE_AT_TIME 0x57454602ul /* address of the time page, or 0 */

#define NATIVE_FD_NAME 28
struct native_fd {
	char name[NATIVE_FD_NAME];
	i32 fd;
};

/** The fd that the parent gave under this name, or -ENOENT. */
i32 native_fd(const char *name);
/** The whole table, ended by an empty name; never NULL. */
const struct native_fd *native_fds(void);
/** The first process's start block, else NULL. Freestanding programs only. */
const struct weft_start *native_boot(void);
/** A value of the auxiliary vector, 0 if absent. */
u64 native_auxv(u64 tag);

/** Writes a line to the kernel log (at most 1024 bytes; rate limited by the kernel). */
void native_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
