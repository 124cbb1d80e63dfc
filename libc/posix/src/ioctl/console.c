/* SPDX-License-Identifier: MIT */
/*
 * The kernel's debug console as a terminal, for programs that init starts before servers/pty is there: it has a size and fixed settings, and no
 * job control.
 */
#include "ioctl.h"
#include "console.h"

struct linux_termios {
	u32 iflag, oflag, cflag, lflag;
	u8 line, cc[19];
};
_Static_assert(sizeof(struct linux_termios) == 36, "termios");

i64 rt_console_ioctl(i32 fd, const struct weft_fd_info *info, u32 cmd, u64 arg)
{
	static const struct linux_termios settings = {.iflag = 0x500, .oflag = 5, .cflag = 0xbf, .lflag = 0x8a3b, .cc = {3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26}};
	static const u16 size[4] = {25, 80, 0, 0};

	(void)fd;
	if (info->type != WEFT_OBJ_SYS)
		return -ENOTTY;
	switch (cmd) {
	case 0x5401: /* TCGETS */
		return copy_out(arg, &settings, sizeof(settings));
	case 0x5402: /* TCSETS, TCSETSW, TCSETSF */
	case 0x5403:
	case 0x5404:
		return 0;
	case 0x5413: /* TIOCGWINSZ */
		return copy_out(arg, size, sizeof(size));
	}
	return -ENOTTY;
}
