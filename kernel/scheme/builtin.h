/* SPDX-License-Identifier: MIT */
/* Inside the built-in schemes. */
#ifndef KERNEL_SCHEME_BUILTIN_H
#define KERNEL_SCHEME_BUILTIN_H

#include "../ipc/scheme_impl.h"
#include <weft/call.h>

int ns_publish(struct namespace *n, const char *name, struct object *o);
i64 resource_derive(i32 fd, u64 ures, u64 b, u64 c);
i64 resource_reset(i32 fd, u64 dma, u64 b, u64 c);
void chan_collect(void);

#endif
