/* SPDX-License-Identifier: MIT */
/*
 * What an ioctl's argument is: one table per class of device. A server sees declared buffers and fds only: buffer 0 is the argument
 * itself, then come the nested ones in the order of the table. A command that no table names is ENOTTY, unless its number says
 * that it takes nothing (_IOC_NONE).
 */
#ifndef RT_IOCTL_H
#define RT_IOCTL_H

#include "../fd/fd.h"

#define IOC_NONE 0u
#define IOC_WRITE 1u
#define IOC_READ 2u
#define IOC(dir, type, nr, size) ((u32)(dir) << 30 | (u32)(size) << 16 | (u32)(type) << 8 | (nr))
#define IOC_SIZE(cmd) ((cmd) >> 16 & 0x3fff)
#define IOC_DIR(cmd) ((cmd) >> 30)

#define ARG_IN 1u
#define ARG_OUT 2u
#define ARG_INOUT 3u
#define ARG_NUMBER 4u /* the argument itself is a number (or nothing) */

/* A pointer inside the argument. */
struct ioctl_nested {
	u16 at;	      /* offset of the u64 pointer */
	u16 count_at; /* offset of the u32 count (u64 if count_wide), 0xffff: one */
	u16 size;     /* of an element */
	u8 dir;
	u8 count_wide;
};
#define IOCTL_NESTED 8
#define NO_FD 0xffffu

struct ioctl_desc {
	u32 cmd, mask; /* cmd & mask is compared */
	u32 size;      /* of the argument; 0: IOC_SIZE */
	u8 dir;	       /* ARG_*; 0: by IOC_DIR */
	u8 nested;
	u16 fd_in, fd_out; /* offsets of an fd in the argument (+1, 0: none) */
	u16 cloexec_at;	   /* offset (+1) of a u32 with O_CLOEXEC for fd_out; 0: always cloexec */
	struct ioctl_nested n[IOCTL_NESTED];
};

struct ioctl_class {
	const struct ioctl_desc *desc;
	u32 count;
};
extern const struct ioctl_class rt_ioctl_tty, rt_ioctl_input, rt_ioctl_drm, rt_ioctl_misc;

/* Looks a command up in all classes. NULL: not known. */
const struct ioctl_desc *rt_ioctl_find(u32 cmd);

/* Answers of -WEFT_ERETRY: each out[] word that is not 0 names a place in a declared buffer. */
#define RETRY_KIND(w) ((u32)((w) >> 60))
#define RETRY_BUF(w) ((u32)((w) >> 56 & 15))
#define RETRY_LEN(w) ((u32)((w) >> 32 & 0xffffff))
#define RETRY_AT(w) ((u32)(w))
enum { RETRY_FD_IN = 1, RETRY_PTR_OUT, RETRY_PTR_IN, RETRY_FD_OUT_PTR };

#endif
