/* SPDX-License-Identifier: MIT */
/*
 * A terminal: the line discipline of termios(3) between a "line" side (a pty's master, or the serial console) and the terminal
 * device. Pure state: it never waits. What it wants done is told through struct tty_hooks.
 *
 *   line --tty_input--> [in] --tty_read--> program        program --tty_write--> [out] --tty_drain--> line
 */
#ifndef PTY_TTY_H
#define PTY_TTY_H

#include <weft/types.h>

#define TTY_IN 4096
#define TTY_OUT 16384
#define TTY_CC 19

struct tty_termios { /* the kernel's struct termios2 (asm-generic/termbits.h); struct termios is its first 36 bytes */
	u32 iflag, oflag, cflag, lflag;
	u8 line, cc[TTY_CC];
	u32 ispeed, ospeed;
};
_Static_assert(sizeof(struct tty_termios) == 44, "termios2");

struct tty_winsize {
	u16 rows, cols, xpixel, ypixel;
};

struct tty;
struct tty_hooks {
	void (*signal)(struct tty *t, int signo); /* to the foreground process group */
	void (*changed)(struct tty *t); /* something may be readable or writable now */
};

struct tty {
	const struct tty_hooks *hooks;
	struct tty_termios termios;
	struct tty_winsize size;
	u8 in[TTY_IN];
	u8 mark[TTY_IN]; /* TTY_MARK_* of each byte */
	u32 in_head, in_len; /* head: oldest */
	u32 lines; /* finished lines in `in` */
	u8 out[TTY_OUT];
	u32 out_head, out_len;
	u32 column, line_start; /* where echo of this line began, for erasing */
	bool stopped; /* by ^S */
	bool next_literal; /* after ^V */
	bool hung_up;
	u8 packet; /* TIOCPKT: status bits to tell */
	bool packet_mode;
	void *ctx;
};
#define TTY_MARK_END 1u /* a line ends with this byte */
#define TTY_MARK_EOF 2u /* the byte itself is not read (end of file) */

void tty_init(struct tty *t, const struct tty_hooks *hooks, void *ctx);
/* Bytes typed. -> how many were taken (less when the input is full in raw mode; a full canonical line is beeped at). */
u32 tty_input(struct tty *t, const u8 *p, u32 n);
/* What a read of n bytes gets now: > 0; 0 end of file; -EAGAIN: must wait. peek: leaves it there (tty_read_done takes it). */
i64 tty_read(struct tty *t, u8 *p, u32 n, bool peek);
void tty_read_done(struct tty *t, u32 n); /* n as returned by a peek */
bool tty_readable(const struct tty *t);
/* Output of programs, with OPOST. -> bytes taken, 0: full or stopped. */
u32 tty_write(struct tty *t, const u8 *p, u32 n);
bool tty_writable(const struct tty *t);
u32 tty_drain(struct tty *t, u8 *p, u32 n, bool peek); /* to the line */
void tty_drop_output(struct tty *t, u32 n);
void tty_flush(struct tty *t, bool in, bool out);
void tty_set_termios(struct tty *t, const struct tty_termios *n);
void tty_set_stopped(struct tty *t, bool stopped);
u32 tty_input_room(const struct tty *t);
u32 tty_available(const struct tty *t); /* FIONREAD */

#endif
