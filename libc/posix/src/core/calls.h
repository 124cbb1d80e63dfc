/* SPDX-License-Identifier: MIT */
/* One prototype per served call. Handlers take what they need of the six arguments. */
#ifndef RT_CALLS_H
#define RT_CALLS_H

#include <weft/types.h>

#define CALL(nr, name, args, state) i64 rt_sys_##name();
#define NONE(nr, name, args)
#include "calls.def"
#undef CALL
#undef NONE
i64 rt_sys_none(void);

#endif
