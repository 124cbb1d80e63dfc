/* SPDX-License-Identifier: MIT */
#ifndef RT_CONSOLE_H
#define RT_CONSOLE_H
#include "../fd/fd.h"
i64 rt_console_ioctl(i32 fd, const struct weft_fd_info *info, u32 cmd, u64 arg);
#endif
