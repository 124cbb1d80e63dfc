/* SPDX-License-Identifier: MIT */
#include "tty.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <termios.h>

#ifndef EXTPROC
#define EXTPROC 0200000
#endif
#define CC(t, i) ((t)->termios.cc[i])
#define L(t, f) ((t)->termios.lflag & (f))
#define I(t, f) ((t)->termios.iflag & (f))
#define O(t, f) ((t)->termios.oflag & (f))

void tty_init(struct tty *t, const struct tty_hooks *hooks, void *ctx)
{
	/* Linux's defaults for a new tty (tty_std_termios). */
	static const u8 cc[TTY_CC] = {[VINTR] = 3, [VQUIT] = 28, [VERASE] = 127, [VKILL] = 21, [VEOF] = 4,
		[VMIN] = 1, [VSTART] = 17, [VSTOP] = 19, [VSUSP] = 26, [VREPRINT] = 18, [VDISCARD] = 15,
		[VWERASE] = 23, [VLNEXT] = 22};
	memset(t, 0, sizeof(*t));
	t->hooks = hooks;
	t->ctx = ctx;
	t->termios = (struct tty_termios){.iflag = ICRNL | IXON, .oflag = OPOST | ONLCR,
		.cflag = B38400 | CS8 | CREAD, .lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
		.ispeed = 38400, .ospeed = 38400};
	memcpy(t->termios.cc, cc, sizeof(cc));
}

static bool is_cc(const struct tty *t, u32 i, u8 c)
{
	return c != 0 && CC(t, i) == c;
}

static u32 out_room(const struct tty *t)
{
	return TTY_OUT - t->out_len;
}

static void out_raw(struct tty *t, u8 c)
{
	if (!out_room(t))
		return;
	t->out[(t->out_head + t->out_len++) % TTY_OUT] = c;
}

/* One byte with output processing; false: no room for all that it becomes. */
static bool out_byte(struct tty *t, u8 c)
{
	if (!O(t, OPOST)) {
		if (!out_room(t))
			return false;
		out_raw(t, c);
		return true;
	}
	if (out_room(t) < 8)
		return false;
	switch (c) {
	case '\n':
		if (O(t, ONLRET))
			t->column = 0;
		if (O(t, ONLCR)) {
			t->column = 0;
			out_raw(t, '\r');
		}
		out_raw(t, c);
		return true;
	case '\r':
		if (O(t, ONOCR) && t->column == 0)
			return true;
		if (O(t, OCRNL)) {
			out_raw(t, '\n');
			if (O(t, ONLRET))
				t->column = 0;
			return true;
		}
		t->column = 0;
		break;
	case '\t': {
		u32 spaces = 8 - (t->column & 7);
		t->column += spaces;
		if (O(t, TABDLY) == XTABS) {
			while (spaces--)
				out_raw(t, ' ');
			return true;
		}
		break;
	}
	case '\b':
		if (t->column)
			t->column--;
		break;
	default:
		if (c >= 0x20 && c != 0x7f && (c & 0xc0) != 0x80) {
			if (O(t, OLCUC) && c >= 'a' && c <= 'z')
				c -= 32;
			t->column++;
		}
	}
	out_raw(t, c);
	return true;
}

u32 tty_write(struct tty *t, const u8 *p, u32 n)
{
	u32 done = 0;
	if (t->stopped)
		return 0;
	while (done < n && out_byte(t, p[done]))
		done++;
	return done;
}

bool tty_writable(const struct tty *t)
{
	return !t->stopped && out_room(t) >= 256;
}

u32 tty_drain(struct tty *t, u8 *p, u32 n, bool peek)
{
	u32 got = t->out_len < n ? t->out_len : n;
	for (u32 i = 0; i < got; i++)
		p[i] = t->out[(t->out_head + i) % TTY_OUT];
	if (!peek)
		tty_drop_output(t, got);
	return got;
}

void tty_drop_output(struct tty *t, u32 n)
{
	t->out_head = (t->out_head + n) % TTY_OUT;
	t->out_len -= n;
}

/* Echo. Control characters show as ^X with ECHOCTL. */
static void echo_byte(struct tty *t, u8 c)
{
	if (L(t, ECHOCTL) && (c < 0x20 || c == 0x7f) && c != '\t' && c != '\n') {
		out_raw(t, '^');
		out_raw(t, c ^ 0x40);
		t->column += 2;
	} else {
		out_byte(t, c);
	}
}

static void echo(struct tty *t, u8 c)
{
	if (L(t, ECHO) || (c == '\n' && L(t, ECHONL) && L(t, ICANON)))
		echo_byte(t, c);
}

static u32 at(const struct tty *t, u32 i)
{
	return (t->in_head + i) % TTY_IN;
}

/* Bytes of the line being typed: those after the last end mark. */
static u32 pending(const struct tty *t)
{
	u32 n = 0;
	while (n < t->in_len && !t->mark[at(t, t->in_len - 1 - n)])
		n++;
	return n;
}

static u32 width(const struct tty *t, u8 c)
{
	if ((c < 0x20 || c == 0x7f) && c != '\t')
		return L(t, ECHOCTL) ? 2 : 0;
	return (c & 0xc0) == 0x80 ? 0 : 1;
}

static void erase_one(struct tty *t)
{
	u8 c;
	u32 columns = 0;
	bool tab = false;
	do { /* a UTF-8 character goes as a whole */
		c = t->in[at(t, --t->in_len)];
		columns += width(t, c);
		tab |= c == '\t';
	} while ((t->termios.iflag & IUTF8) && (c & 0xc0) == 0x80 && pending(t));
	if (!L(t, ECHO))
		return;
	if (!L(t, ECHOE)) {
		echo_byte(t, CC(t, VERASE));
		return;
	}
	if (tab) {
		/* Where the tab began: the width of what is before it on this line. */
		u32 col = t->line_start, n = pending(t);
		for (u32 i = t->in_len - n; i < t->in_len; i++)
			col = t->in[at(t, i)] == '\t' ? (col | 7) + 1 : col + width(t, t->in[at(t, i)]);
		while (t->column > col && t->column > 0) {
			out_raw(t, '\b');
			t->column--;
		}
		return;
	}
	while (columns--) {
		out_raw(t, '\b');
		out_raw(t, ' ');
		out_raw(t, '\b');
		if (t->column)
			t->column--;
	}
}

static bool word_byte(u8 c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_' || c >= 0x80;
}

static void erase_word(struct tty *t)
{
	bool seen = false;
	while (pending(t)) {
		bool word = word_byte(t->in[at(t, t->in_len - 1)]);
		if (seen && !word)
			return;
		seen |= word;
		erase_one(t);
	}
}

static void kill_line(struct tty *t)
{
	if (L(t, ECHOKE) && L(t, ECHOE)) {
		while (pending(t))
			erase_one(t);
		return;
	}
	t->in_len -= pending(t);
	echo(t, CC(t, VKILL));
	if (L(t, ECHOK))
		echo(t, '\n');
}

static void reprint(struct tty *t)
{
	u32 n = pending(t);
	echo_byte(t, CC(t, VREPRINT));
	out_byte(t, '\n');
	for (u32 i = t->in_len - n; i < t->in_len; i++)
		echo(t, t->in[at(t, i)]);
}

static bool put(struct tty *t, u8 c, u8 mark)
{
	/* The last place of a canonical line is for its end. */
	if (t->in_len == TTY_IN || (L(t, ICANON) && !mark && t->in_len == TTY_IN - 1)) {
		if (I(t, IMAXBEL))
			out_raw(t, '\a');
		return false;
	}
	if (!pending(t))
		t->line_start = t->column;
	u32 i = at(t, t->in_len++);
	t->in[i] = c;
	t->mark[i] = mark;
	if (mark)
		t->lines++;
	return true;
}

static bool signal_key(struct tty *t, u8 c)
{
	static const struct {
		u8 cc, signo;
	} keys[] = {{VINTR, SIGINT}, {VQUIT, SIGQUIT}, {VSUSP, SIGTSTP}};
	if (!L(t, ISIG))
		return false;
	for (u32 i = 0; i < 3; i++) {
		if (!is_cc(t, keys[i].cc, c))
			continue;
		if (!L(t, NOFLSH))
			tty_flush(t, true, true);
		if (L(t, ECHO))
			echo_byte(t, c);
		t->hooks->signal(t, keys[i].signo);
		return true;
	}
	return false;
}

static bool canonical_key(struct tty *t, u8 c)
{
	if (is_cc(t, VERASE, c)) {
		if (pending(t))
			erase_one(t);
		return true;
	}
	if (is_cc(t, VKILL, c)) {
		kill_line(t);
		return true;
	}
	if (L(t, IEXTEN) && is_cc(t, VWERASE, c)) {
		erase_word(t);
		return true;
	}
	if (L(t, IEXTEN) && is_cc(t, VREPRINT, c)) {
		reprint(t);
		return true;
	}
	if (is_cc(t, VEOF, c)) {
		put(t, 0, TTY_MARK_END | TTY_MARK_EOF);
		return true;
	}
	if (c == '\n' || is_cc(t, VEOL, c) || (L(t, IEXTEN) && is_cc(t, VEOL2, c))) {
		if (put(t, c, TTY_MARK_END))
			echo(t, c);
		return true;
	}
	return false;
}

/* One byte typed; false: no room (raw mode). */
static bool input_byte(struct tty *t, u8 c)
{
	if (I(t, ISTRIP))
		c &= 0x7f;
	if (t->next_literal) {
		t->next_literal = false;
		if (put(t, c, 0) && L(t, ECHO))
			echo_byte(t, c);
		return true;
	}
	if (L(t, EXTPROC))
		return put(t, c, 0);
	if (I(t, IXON)) {
		if (is_cc(t, VSTOP, c)) {
			tty_set_stopped(t, true);
			return true;
		}
		if (is_cc(t, VSTART, c) || (t->stopped && I(t, IXANY))) {
			tty_set_stopped(t, false);
			if (is_cc(t, VSTART, c))
				return true;
		}
	}
	if (signal_key(t, c))
		return true;
	if (c == '\r') {
		if (I(t, IGNCR))
			return true;
		if (I(t, ICRNL))
			c = '\n';
	} else if (c == '\n' && I(t, INLCR)) {
		c = '\r';
	}
	if (I(t, IUCLC) && L(t, IEXTEN) && c >= 'A' && c <= 'Z')
		c += 32;
	if (L(t, ICANON)) {
		if (L(t, IEXTEN) && is_cc(t, VLNEXT, c)) {
			t->next_literal = true;
			if (L(t, ECHO) && L(t, ECHOCTL)) {
				out_raw(t, '^');
				out_raw(t, '\b');
			}
			return true;
		}
		if (canonical_key(t, c))
			return true;
		if (put(t, c, 0))
			echo(t, c);
		return true; /* what does not fit in a line is lost, with a bell */
	}
	if (!put(t, c, 0))
		return false;
	echo(t, c);
	return true;
}

u32 tty_input(struct tty *t, const u8 *p, u32 n)
{
	u32 done = 0;
	while (done < n && input_byte(t, p[done]))
		done++;
	if (done)
		t->hooks->changed(t);
	return done;
}

u32 tty_input_room(const struct tty *t)
{
	return L(t, ICANON) ? TTY_IN : TTY_IN - t->in_len;
}

bool tty_readable(const struct tty *t)
{
	return L(t, ICANON) ? t->lines > 0 : t->in_len > 0;
}

static u32 line_length(const struct tty *t)
{
	u32 n = 0;
	while (n < t->in_len && !t->mark[at(t, n)])
		n++;
	return n < t->in_len ? n + 1 : n;
}

u32 tty_available(const struct tty *t)
{
	if (!L(t, ICANON))
		return t->in_len;
	if (!t->lines)
		return 0;
	u32 n = line_length(t);
	return t->mark[at(t, n - 1)] & TTY_MARK_EOF ? n - 1 : n;
}

i64 tty_read(struct tty *t, u8 *p, u32 n, bool peek)
{
	if (!tty_readable(t))
		return t->hung_up ? 0 : -EAGAIN;
	u32 take = L(t, ICANON) ? line_length(t) : t->in_len, got = 0;
	for (u32 i = 0; i < take && got < n; i++)
		if (!(t->mark[at(t, i)] & TTY_MARK_EOF))
			p[got++] = t->in[at(t, i)];
	if (!peek)
		tty_read_done(t, got);
	return got;
}

void tty_read_done(struct tty *t, u32 n)
{
	u32 got = 0;
	bool line_done = false;
	while (t->in_len) {
		u8 mark = t->mark[at(t, 0)];
		/* An end of file goes with the bytes of its line, or alone as a read of nothing. */
		if (got == n && (line_done || !((mark & TTY_MARK_EOF) && L(t, ICANON))))
			break;
		line_done = mark != 0;
		t->mark[at(t, 0)] = 0;
		t->in_head = at(t, 1);
		t->in_len--;
		if (mark)
			t->lines--;
		if (!(mark & TTY_MARK_EOF))
			got++;
		else
			break;
	}
	t->hooks->changed(t);
}

void tty_flush(struct tty *t, bool in, bool out)
{
	if (in) {
		t->in_len = t->lines = 0;
		memset(t->mark, 0, sizeof(t->mark));
		t->packet |= 1; /* TIOCPKT_FLUSHREAD */
	}
	if (out) {
		t->out_len = 0;
		t->packet |= 2;
	}
	t->hooks->changed(t);
}

void tty_set_stopped(struct tty *t, bool stopped)
{
	if (t->stopped == stopped)
		return;
	t->stopped = stopped;
	t->packet = (u8)((t->packet & ~0xcu) | (stopped ? 4u : 8u));
	t->hooks->changed(t);
}

void tty_set_termios(struct tty *t, const struct tty_termios *n)
{
	bool was = L(t, ICANON);
	t->termios = *n;
	if (was && !L(t, ICANON)) {
		/* What was typed becomes plain bytes; ends of file vanish. */
		u32 len = t->in_len, k = 0;
		for (u32 i = 0; i < len; i++) {
			u32 from = at(t, i), to = at(t, k);
			if (t->mark[from] & TTY_MARK_EOF)
				continue;
			t->in[to] = t->in[from];
			k++;
		}
		t->in_len = k;
		t->lines = 0;
		memset(t->mark, 0, sizeof(t->mark));
	} else if (!was && L(t, ICANON) && t->in_len) {
		t->mark[at(t, t->in_len - 1)] = TTY_MARK_END; /* readable as it is */
		t->lines = 1;
	}
	if (!I(t, IXON))
		tty_set_stopped(t, false);
	t->hooks->changed(t);
}
