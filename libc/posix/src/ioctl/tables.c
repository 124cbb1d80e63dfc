/* SPDX-License-Identifier: MIT */
/* Terminals, input devices and what does not belong to a class. */
#include "ioctl.h"

#define FIXED(c, d, s) {.cmd = (c), .mask = ~0u, .dir = (d), .size = (s)}
#define TERMIOS 36 /* kernel's struct termios */
#define TERMIOS2 44
#define WINSIZE 8

static const struct ioctl_desc tty[] = {
	FIXED(0x5401, ARG_OUT, TERMIOS),	/* TCGETS */
	FIXED(0x5402, ARG_IN, TERMIOS),		/* TCSETS */
	FIXED(0x5403, ARG_IN, TERMIOS),		/* TCSETSW */
	FIXED(0x5404, ARG_IN, TERMIOS),		/* TCSETSF */
	FIXED(0x5409, ARG_NUMBER, 0),		/* TCSBRK */
	FIXED(0x540a, ARG_NUMBER, 0),		/* TCXONC */
	FIXED(0x540b, ARG_NUMBER, 0),		/* TCFLSH */
	FIXED(0x540c, ARG_NUMBER, 0),		/* TIOCEXCL */
	FIXED(0x540d, ARG_NUMBER, 0),		/* TIOCNXCL */
	FIXED(0x540e, ARG_NUMBER, 0),		/* TIOCSCTTY */
	FIXED(0x540f, ARG_OUT, 4),		/* TIOCGPGRP */
	FIXED(0x5410, ARG_IN, 4),		/* TIOCSPGRP */
	FIXED(0x5411, ARG_OUT, 4),		/* TIOCOUTQ */
	FIXED(0x5412, ARG_IN, 1),		/* TIOCSTI */
	FIXED(0x5413, ARG_OUT, WINSIZE),	/* TIOCGWINSZ */
	FIXED(0x5414, ARG_IN, WINSIZE),		/* TIOCSWINSZ */
	FIXED(0x5415, ARG_OUT, 4),		/* TIOCMGET */
	FIXED(0x5419, ARG_OUT, 4),		/* TIOCGSOFTCAR */
	FIXED(0x541a, ARG_IN, 4),		/* TIOCSSOFTCAR */
	FIXED(0x541b, ARG_OUT, 4),		/* FIONREAD */
	FIXED(0x541d, ARG_NUMBER, 0),		/* TIOCCONS */
	FIXED(0x5420, ARG_IN, 4),		/* TIOCPKT */
	FIXED(0x5422, ARG_NUMBER, 0),		/* TIOCNOTTY */
	FIXED(0x5423, ARG_IN, 4),		/* TIOCSETD */
	FIXED(0x5424, ARG_OUT, 4),		/* TIOCGETD */
	FIXED(0x5425, ARG_NUMBER, 0),		/* TCSBRKP */
	FIXED(0x5427, ARG_NUMBER, 0),		/* TIOCSBRK */
	FIXED(0x5428, ARG_NUMBER, 0),		/* TIOCCBRK */
	FIXED(0x5429, ARG_OUT, 4),		/* TIOCGSID */
	FIXED(0x802c542a, ARG_OUT, TERMIOS2),	/* TCGETS2 */
	FIXED(0x402c542b, ARG_IN, TERMIOS2),	/* TCSETS2 */
	FIXED(0x402c542c, ARG_IN, TERMIOS2),	/* TCSETSW2 */
	FIXED(0x402c542d, ARG_IN, TERMIOS2),	/* TCSETSF2 */
	FIXED(0x80045430, ARG_OUT, 4),		/* TIOCGPTN */
	FIXED(0x40045431, ARG_IN, 4),		/* TIOCSPTLCK */
	FIXED(0x80045432, ARG_OUT, 4),		/* TIOCGDEV */
	FIXED(0x80045438, ARG_OUT, 4),		/* TIOCGPKT */
	FIXED(0x80045439, ARG_OUT, 4),		/* TIOCGPTLCK */
	FIXED(0x80045440, ARG_OUT, 4),		/* TIOCGEXCL */
	FIXED(0x4b31, ARG_OUT, 1),		/* KDGETLED */
	FIXED(0x4b32, ARG_NUMBER, 0),		/* KDSETLED */
	FIXED(0x4b33, ARG_OUT, 1),		/* KDGKBTYPE */
	FIXED(0x4b3a, ARG_NUMBER, 0),		/* KDSETMODE */
	FIXED(0x4b3b, ARG_OUT, 4),		/* KDGETMODE */
	FIXED(0x4b44, ARG_OUT, 4),		/* KDGKBMODE */
	FIXED(0x4b45, ARG_NUMBER, 0),		/* KDSKBMODE */
	FIXED(0x5600, ARG_OUT, 4),		/* VT_OPENQRY */
	FIXED(0x5601, ARG_OUT, 8),		/* VT_GETMODE */
	FIXED(0x5602, ARG_IN, 8),		/* VT_SETMODE */
	FIXED(0x5603, ARG_OUT, 6),		/* VT_GETSTATE */
	FIXED(0x5605, ARG_NUMBER, 0),		/* VT_RELDISP */
	FIXED(0x5606, ARG_NUMBER, 0),		/* VT_ACTIVATE */
	FIXED(0x5607, ARG_NUMBER, 0),		/* VT_WAITACTIVE */
	FIXED(0x5608, ARG_NUMBER, 0),		/* VT_DISALLOCATE */
};
const struct ioctl_class rt_ioctl_tty = {tty, ARRAY_SIZE(tty)};

/* evdev: lengths are in the numbers. */
#define EV(nr) (0x4500u | (nr))
static const struct ioctl_desc input[] = {
	{.cmd = IOC(IOC_READ, 'E', 0x01, 4), .mask = ~0u},		/* EVIOCGVERSION */
	{.cmd = IOC(IOC_READ, 'E', 0x02, 8), .mask = ~0u},		/* EVIOCGID */
	{.cmd = IOC(IOC_READ, 'E', 0x03, 8), .mask = ~0u},		/* EVIOCGREP */
	{.cmd = IOC(IOC_WRITE, 'E', 0x03, 8), .mask = ~0u},		/* EVIOCSREP */
	{.cmd = IOC(IOC_READ, 'E', 0x04, 0), .mask = 0xc000ffffu},	/* EVIOCGKEYCODE, _V2 */
	{.cmd = IOC(IOC_WRITE, 'E', 0x04, 0), .mask = 0xc000ffffu},
	{.cmd = IOC(IOC_READ, 'E', 0x06, 0), .mask = 0xc000fffeu},	/* EVIOCGNAME, GPHYS */
	{.cmd = IOC(IOC_READ, 'E', 0x08, 0), .mask = 0xc000fffeu},	/* EVIOCGUNIQ, GPROP */
	{.cmd = IOC(IOC_READ, 'E', 0x0a, 0), .mask = 0xc000ffffu, .dir = ARG_INOUT}, /* EVIOCGMTSLOTS */
	{.cmd = IOC(IOC_READ, 'E', 0x18, 0), .mask = 0xc000fffcu},	/* EVIOCGKEY, GLED, GSND, GSW */
	{.cmd = IOC(IOC_READ, 'E', 0x20, 0), .mask = 0xc000ffe0u},	/* EVIOCGBIT */
	{.cmd = IOC(IOC_READ, 'E', 0x40, 0), .mask = 0xc000ffc0u},	/* EVIOCGABS */
	{.cmd = IOC(IOC_WRITE, 'E', 0xc0, 0), .mask = 0xc000ffc0u},	/* EVIOCSABS */
	{.cmd = IOC(IOC_WRITE, 'E', 0x80, 48), .mask = ~0u},		/* EVIOCSFF */
	{.cmd = IOC(IOC_WRITE, 'E', 0x81, 4), .mask = ~0u, .dir = ARG_NUMBER}, /* EVIOCRMFF */
	{.cmd = IOC(IOC_READ, 'E', 0x84, 4), .mask = ~0u},		/* EVIOCGEFFECTS */
	{.cmd = IOC(IOC_WRITE, 'E', 0x90, 4), .mask = ~0u, .dir = ARG_NUMBER}, /* EVIOCGRAB */
	{.cmd = IOC(IOC_WRITE, 'E', 0x91, 4), .mask = ~0u, .dir = ARG_NUMBER}, /* EVIOCREVOKE */
	{.cmd = IOC(IOC_READ, 'E', 0x92, 16), .mask = ~0u, .dir = ARG_INOUT, .nested = 1, .n = {{8, 4, 1, ARG_OUT, 0}}}, /* EVIOCGMASK */
	{.cmd = IOC(IOC_WRITE, 'E', 0x93, 16), .mask = ~0u, .nested = 1, .n = {{8, 4, 1, ARG_IN, 0}}},			/* EVIOCSMASK */
	{.cmd = IOC(IOC_WRITE, 'E', 0xa0, 4), .mask = ~0u},		/* EVIOCSCLOCKID */
};
const struct ioctl_class rt_ioctl_input = {input, ARRAY_SIZE(input)};

static const struct ioctl_desc misc[] = {
	FIXED(0x80045200, ARG_OUT, 4),		/* RNDGETENTCNT */
	FIXED(0x5203, ARG_NUMBER, 0),		/* RNDADDTOENTCNT, by number as old programs do */
	FIXED(0x1260, ARG_OUT, 8),		/* BLKGETSIZE */
	FIXED(0x1268, ARG_OUT, 4),		/* BLKSSZGET */
	FIXED(0x80081272, ARG_OUT, 8),		/* BLKGETSIZE64 */
	FIXED(0x125e, ARG_OUT, 4),		/* BLKROGET */
	FIXED(0x1261, ARG_NUMBER, 0),		/* BLKFLSBUF */
	FIXED(0x80086601, ARG_OUT, 4),		/* FS_IOC_GETFLAGS */
	FIXED(0x40086602, ARG_IN, 4),		/* FS_IOC_SETFLAGS */
	/* UDMABUF_CREATE {memfd, flags, offset, size} -> dma-buf */
	{.cmd = 0x40187542, .mask = ~0u, .fd_in = 1, .fd_out = NO_FD, .cloexec_at = 5},
	/* DMA_BUF_IOCTL_SYNC, SET_NAME, EXPORT_SYNC_FILE, IMPORT_SYNC_FILE */
	FIXED(0x40086200, ARG_IN, 8),
	{.cmd = 0xc0086202, .mask = ~0u, .fd_out = 5},
	{.cmd = 0x40086203, .mask = ~0u, .fd_in = 5},
	FIXED(0x40046201, ARG_NUMBER, 0), FIXED(0x40086201, ARG_NUMBER, 0),
	/* SYNC_IOC_MERGE {name, fd2, fence, ...}, FILE_INFO, SET_DEADLINE */
	{.cmd = 0xc0303e03, .mask = ~0u, .fd_in = 33, .fd_out = 37},
	{.cmd = 0xc0383e04, .mask = ~0u, .nested = 1, .n = {{48, 40, 80, ARG_OUT, 0}}},
	FIXED(0x40103e05, ARG_IN, 16),
	/* frame buffers */
	FIXED(0x4600, ARG_OUT, 160),		/* FBIOGET_VSCREENINFO */
	FIXED(0x4601, ARG_INOUT, 160),		/* FBIOPUT_VSCREENINFO */
	FIXED(0x4602, ARG_OUT, 80),		/* FBIOGET_FSCREENINFO */
	FIXED(0x4606, ARG_INOUT, 160),		/* FBIOPAN_DISPLAY */
	FIXED(0x4611, ARG_NUMBER, 0),		/* FBIOBLANK */
	/* disks: numbers from before sizes were a part of them */
	FIXED(0x0301, ARG_OUT, 16),	 /* HDIO_GETGEO */
	FIXED(0x125d, ARG_IN, 4),	 /* BLKROSET */
	FIXED(0x125e, ARG_OUT, 4),	 /* BLKROGET */
	FIXED(0x125f, ARG_NUMBER, 0),	 /* BLKRRPART */
	FIXED(0x1260, ARG_OUT, 8),	 /* BLKGETSIZE */
	FIXED(0x1261, ARG_NUMBER, 0),	 /* BLKFLSBUF */
	FIXED(0x1262, ARG_NUMBER, 0),	 /* BLKRASET */
	FIXED(0x1263, ARG_OUT, 8),	 /* BLKRAGET */
	FIXED(0x1267, ARG_OUT, 2),	 /* BLKSECTGET */
	FIXED(0x1268, ARG_OUT, 4),	 /* BLKSSZGET */
	FIXED(0x80081270, ARG_OUT, 4),	 /* BLKBSZGET */
	FIXED(0x40081271, ARG_IN, 4),	 /* BLKBSZSET */
	FIXED(0x80081272, ARG_OUT, 8),	 /* BLKGETSIZE64 */
	FIXED(0x1277, ARG_IN, 16),	 /* BLKDISCARD */
	FIXED(0x1278, ARG_OUT, 4),	 /* BLKIOMIN */
	FIXED(0x1279, ARG_OUT, 4),	 /* BLKIOOPT */
	FIXED(0x127a, ARG_OUT, 4),	 /* BLKALIGNOFF */
	FIXED(0x127b, ARG_OUT, 4),	 /* BLKPBSZGET */
	FIXED(0x127c, ARG_OUT, 4),	 /* BLKDISCARDZEROES */
	FIXED(0x127e, ARG_OUT, 2),	 /* BLKROTATIONAL */
	FIXED(0x127f, ARG_IN, 16),	 /* BLKZEROOUT */
};
const struct ioctl_class rt_ioctl_misc = {misc, ARRAY_SIZE(misc)};
