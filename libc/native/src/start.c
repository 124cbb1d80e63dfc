/* SPDX-License-Identifier: MIT */
/* Named fds and the kernel log. Where the table comes from is the start code's (free/, hosted/). */
#include <native/call.h>
#include <native/start.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

i32 native_fd(const char *name)
{
	for (const struct native_fd *f = native_fds(); f->name[0]; f++) {
		if (strcmp(f->name, name) == 0)
			return f->fd;
	}
	return -ENOENT;
}

void native_log(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof line - 1)
		n = sizeof line - 1;
	if (n > 0)
		weft_sys_ctl(-1, WEFT_SYS_LOG, PTR(line), n, 0);
}
