/* SPDX-License-Identifier: MIT */
/* The few native calls that the core's objects make themselves: the host tests have their own. */
#include "drm.h"

#include <native/call.h>

int sys_fd_info(i32 fd, struct weft_fd_info *info)
{
	return (int)weft_fd_ctl((u64)fd, WEFT_FD_INFO, PTR(info), 0);
}

bool sys_is_counter(i32 fd)
{
	struct weft_fd_info info;
	return sys_fd_info(fd, &info) >= 0 && info.type == WEFT_OBJ_COUNTER;
}

void sys_count(i32 fd)
{
	u64 one = 1;
	weft_fd_write((u64)fd, PTR(&one), sizeof(one), (u64)-1, WEFT_IO_NONBLOCK);
}
