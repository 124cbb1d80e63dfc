/* SPDX-License-Identifier: MIT */
/* The machine's console (scheme `debug`: the serial line) as a terminal. */
#include "pty.h"

#include <native/call.h>
#include <native/start.h>
#include <stdlib.h>

static struct terminal *console;
static struct loop_source source;
static i32 line_fd;

struct terminal *console_terminal(void)
{
	return console;
}

static void send_line(struct terminal *t)
{
	u8 buf[1024];
	u32 n;
	while ((n = tty_drain(&t->tty, buf, sizeof(buf), true)) > 0) {
		i64 done = weft_fd_write((u64)line_fd, PTR(buf), n, (u64)-1, 0);
		tty_drop_output(&t->tty, done > 0 ? (u32)done : n); /* a line that fails loses its output */
	}
}

static void on_input(struct loop_source *s, u32 ready)
{
	u8 buf[256];
	(void)ready;
	i64 n = weft_fd_read((u64)s->fd, PTR(buf), sizeof(buf), (u64)-1, WEFT_IO_NONBLOCK);
	if (n > 0)
		tty_input(&console->tty, buf, (u32)n);
}

int console_start(struct loop *l)
{
	line_fd = native_fd("console");
	if (line_fd < 0)
		return 0; /* none was given */
	console = terminal_new(CONSOLE_INDEX);
	if (!console)
		return -ENOMEM;
	console->is_console = true;
	console->line = send_line;
	console->tty.size = (struct tty_winsize){.rows = 24, .cols = 80};
	source = (struct loop_source){.fn = on_input, .fd = line_fd, .events = WEFT_POLLIN};
	return loop_add(l, &source);
}
