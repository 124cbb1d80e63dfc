/* SPDX-License-Identifier: MIT */
/* What services write to their fds 1 and 2 goes to the kernel's log, line by line, with their name. init never waits for it. */
#include "init.h"

#include <string.h>

static void log_line(struct service *s, const char *text, size_t n)
{
	while (n && (text[n - 1] == '\r' || text[n - 1] == ' '))
		n--;
	if (n)
		native_log("%s: %.*s", s->m.name, (int)n, text);
}

/* Takes whole lines off the buffer's front; a line that fills the buffer is cut. */
static void log_lines(struct service *s, bool all)
{
	struct service_output *o = &s->output;
	size_t at = 0;
	for (;;) {
		char *end = memchr(o->text + at, '\n', o->n - at);
		if (!end)
			break;
		log_line(s, o->text + at, (size_t)(end - o->text) - at);
		at = (size_t)(end - o->text) + 1;
	}
	if (all || (at == 0 && o->n == sizeof o->text)) {
		log_line(s, o->text + at, o->n - at);
		at = o->n;
	}
	memmove(o->text, o->text + at, o->n - at);
	o->n -= at;
}

static void handle_output(struct loop_source *src, u32 events)
{
	struct service *s = src->ctx;
	struct service_output *o = &s->output;
	i64 n = weft_fd_read(src->fd, PTR(o->text + o->n), sizeof o->text - o->n, -1, WEFT_IO_NONBLOCK);
	(void)events;
	if (n > 0) {
		o->n += (size_t)n;
		log_lines(s, false);
	} else if (n != -EAGAIN && n != -EINTR) {
		output_close(s);
	}
}

i32 output_open(struct service *s)
{
	i32 fds[2];
	output_close(s);
	i64 r = weft_obj_create(WEFT_OBJ_PIPE, 0, 0, WEFT_DUP_CLOEXEC | WEFT_DUP_PRIVATE, PTR(fds));
	if (r < 0)
		return (i32)r;
	s->output.source = (struct loop_source){.fn = handle_output, .ctx = s, .fd = fds[0], .events = WEFT_POLLIN};
	s->output.open = true;
	r = loop_add(&loop, &s->output.source);
	if (r < 0) {
		weft_fd_close(fds[0]);
		weft_fd_close(fds[1]);
		s->output.open = false;
		return (i32)r;
	}
	return fds[1];
}

void output_close(struct service *s)
{
	struct service_output *o = &s->output;
	if (!o->open)
		return;
	/* What it wrote last is often what matters. */
	i64 n;
	while ((n = weft_fd_read(o->source.fd, PTR(o->text + o->n), sizeof o->text - o->n, -1, WEFT_IO_NONBLOCK)) > 0) {
		o->n += (size_t)n;
		log_lines(s, false);
	}
	log_lines(s, true);
	loop_remove(&loop, &o->source);
	weft_fd_close(o->source.fd);
	o->open = false;
}
