/* SPDX-License-Identifier: MIT */
/* Inside the built-in schemes. */
#ifndef KERNEL_SCHEME_BUILTIN_H
#define KERNEL_SCHEME_BUILTIN_H

#include "../ipc/scheme_impl.h"
#include <weft/call.h>

/* A text being written: too long is cut off. */
struct text {
	char *buf;
	size_t cap, len;
};
void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

int console_root(struct object **out);
int sys_root(struct object **out);
int sys_open(const char *path, struct object **out); /* a text node of sys */
void fill_sys_info(struct weft_sys_info *i);
int ns_publish(struct namespace *n, const char *name, struct object *o);
i64 resource_derive(i32 fd, u64 ures);
i64 resource_reset(i32 fd, i32 dma);
int chan_post(struct object *to, const void *data, u32 len);
void chan_collect(void);
void pressure_init(void);

#endif
