/* SPDX-License-Identifier: MIT */
/* Open ends of terminals: reads and writes that wait, readiness, hang-up. */
#include "pty.h"

#include <fcntl.h>
#include <native/call.h>
#include <native/server.h>
#include <native/time.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>

#define IO_CHUNK 4096

struct terminal *terminals[MAX_PTYS];

static const struct tty_hooks hooks = {.signal = job_signal, .changed = terminal_changed};

/* A kept request: tried again whenever its terminal changes. */
struct waiter {
	struct fs_list link;
	struct end *e;
	void *kept;
	i64 (*again)(struct fsreq *r);
	u64 done; /* bytes written so far */
	struct loop_timer timer; /* VTIME */
	bool timed_out;
};

struct terminal *terminal_new(u32 index)
{
	struct terminal *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	tty_init(&t->tty, &hooks, t);
	t->index = index;
	fsl_init(&t->ends);
	fsl_init(&t->waiters);
	return t;
}

static u32 end_ready(const struct end *e)
{
	const struct terminal *t = e->t;
	u32 m = 0;
	if (e->master) {
		if (t->tty.out_len || (t->tty.packet_mode && t->tty.packet))
			m |= WEFT_POLLIN;
		if (t->had_slave && !t->slaves)
			m |= WEFT_POLLHUP;
		else if (tty_input_room(&t->tty))
			m |= WEFT_POLLOUT;
		return m;
	}
	if (t->tty.hung_up)
		return WEFT_POLLIN | WEFT_POLLOUT | WEFT_POLLHUP;
	if (tty_readable(&t->tty))
		m |= WEFT_POLLIN;
	if (tty_writable(&t->tty))
		m |= WEFT_POLLOUT;
	return m;
}

static void forget_waiter(struct waiter *w)
{
	fsl_remove(&w->link);
	loop_timer_clear(vfs_loop(&tree), &w->timer);
	free(w);
}

static struct waiter *current_waiter; /* whose request is being tried again */
static u64 progress; /* bytes that the last try of a write took */

static void retry(struct terminal *t)
{
	static bool busy, again;
	if (busy) {
		again = true;
		return;
	}
	busy = true;
	do {
		again = false;
		fsl_for_each (w, &t->waiters, struct waiter, link) {
			struct request *k = w->kept;
			struct fsreq r = {.fs = &tree, .rq = k, .sqe = k->sqe, .h = w->e->h,
				.cred = fs_identity(k->sqe->identity)};
			current_waiter = w;
			i64 e = w->again(&r);
			current_waiter = NULL;
			if (e == -EAGAIN)
				continue;
			forget_waiter(w);
			fs_finish(k, e);
			again = true;
			break;
		}
	} while (again);
	busy = false;
}

void terminal_changed(struct tty *tt)
{
	struct terminal *t = tt->ctx;
	if (t->line && tt->out_len)
		t->line(t);
	retry(t);
	fsl_for_each (e, &t->ends, struct end, link) {
		u32 m = end_ready(e);
		if (m != e->ready || (m & WEFT_POLLIN)) {
			e->ready = m;
			vfs_ready(&tree, e->h, m, m & WEFT_POLLIN);
		}
	}
}

static void vtime_over(struct loop_timer *lt)
{
	struct waiter *w = lt->ctx;
	w->timed_out = true;
	retry(w->e->t);
}

static i64 wait_for(struct fsreq *r, i64 (*again)(struct fsreq *r))
{
	if (current_waiter)
		return -EAGAIN;
	struct waiter *w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->kept = fs_keep(r);
	if (!w->kept) {
		free(w);
		return -ENOMEM;
	}
	w->e = r->h->priv;
	w->again = again;
	w->done = progress;
	progress = 0;
	w->timer = (struct loop_timer){.fn = vtime_over, .ctx = w};
	fsl_append(&w->e->t->waiters, &w->link);
	return 0;
}

static void cancel(struct fsreq *r, void *kept)
{
	struct end *e = r->h ? r->h->priv : NULL;
	if (!e)
		return;
	fsl_for_each (w, &e->t->waiters, struct waiter, link) {
		if (w->kept != kept)
			continue;
		i64 result = w->done ? (i64)w->done : -EINTR;
		forget_waiter(w);
		fs_finish(kept, result);
		return;
	}
}

static bool nonblocking(const struct fsreq *r)
{
	return r->sqe->args[2] & WEFT_IO_NONBLOCK;
}

/* VMIN and VTIME (termios(3)): whether a raw read may return what there is. */
static bool raw_enough(const struct fsreq *r, struct terminal *t)
{
	u32 min = t->tty.termios.cc[VMIN], time = t->tty.termios.cc[VTIME];
	u32 want = min < r->sqe->args[1] ? min : (u32)r->sqe->args[1];
	struct waiter *w = current_waiter;
	if (t->tty.in_len >= want && (t->tty.in_len || min == 0)) {
		if (t->tty.in_len || !time || (w && w->timed_out))
			return true;
	}
	if (w && time && !(min && !t->tty.in_len)) {
		if (w->timed_out)
			return true;
		if (!w->timer.armed || t->tty.in_len)
			loop_timer_set(vfs_loop(&tree), &w->timer, time_monotonic() + (i64)time * 100000000);
	}
	return false;
}

static i64 slave_read_try(struct fsreq *r)
{
	struct end *e = r->h->priv;
	struct terminal *t = e->t;
	u8 buf[IO_CHUNK];
	if (t->tty.hung_up)
		return 0;
	if (r->sqe->args[1] == 0)
		return 0;
	i64 j = job_check(r, t, SIGTTIN);
	if (j)
		return j;
	bool canonical = t->tty.termios.lflag & ICANON;
	if (!canonical && !raw_enough(r, t))
		return -EAGAIN;
	u32 n = r->sqe->args[1] < sizeof(buf) ? (u32)r->sqe->args[1] : sizeof(buf);
	i64 got = tty_read(&t->tty, buf, n, true);
	if (got == -EAGAIN)
		return canonical ? -EAGAIN : 0; /* VMIN 0 */
	if (got > 0) {
		i64 sent = fsreq_spread(r, 0, buf, (u64)got);
		if (sent < 0)
			return sent;
		got = sent;
	}
	if (got >= 0)
		tty_read_done(&t->tty, (u32)got);
	return got;
}

static i64 slave_read(struct fsreq *r)
{
	progress = 0;
	i64 n = slave_read_try(r);
	if (n != -EAGAIN || nonblocking(r))
		return n;
	n = wait_for(r, slave_read_try);
	if (!n)
		retry(((struct end *)r->h->priv)->t); /* arms VTIME */
	return n;
}

static i64 slave_write_try(struct fsreq *r)
{
	struct end *e = r->h->priv;
	struct terminal *t = e->t;
	u8 buf[IO_CHUNK];
	u64 total = r->sqe->args[1], done = current_waiter ? current_waiter->done : 0;
	if (t->tty.hung_up)
		return -EIO;
	if (t->tty.termios.lflag & TOSTOP) {
		i64 j = job_check(r, t, SIGTTOU);
		if (j)
			return j;
	}
	while (done < total) {
		u64 n = total - done < sizeof(buf) ? total - done : sizeof(buf);
		if (!tty_writable(&t->tty))
			break;
		i64 got = request_in_gather(vfs_request(r), 0, done, buf, n);
		if (got <= 0)
			return got == -WEFT_EREDELIVER || !done ? got : (i64)done;
		u32 put = tty_write(&t->tty, buf, (u32)got);
		done += put;
		if (t->line)
			t->line(t);
		if (put < got)
			break;
	}
	progress = done;
	if (current_waiter)
		current_waiter->done = done;
	if (done == total)
		return (i64)done;
	return nonblocking(r) && done ? (i64)done : -EAGAIN;
}

static i64 slave_write(struct fsreq *r)
{
	struct end *e = r->h->priv;
	progress = 0;
	i64 n = slave_write_try(r);
	if (n == -EAGAIN && !nonblocking(r))
		n = wait_for(r, slave_write_try);
	terminal_changed(&e->t->tty);
	return n;
}

static i64 master_read_try(struct fsreq *r)
{
	struct end *e = r->h->priv;
	struct terminal *t = e->t;
	u8 buf[IO_CHUNK];
	u32 head = t->tty.packet_mode ? 1 : 0;
	if (r->sqe->args[1] == 0)
		return 0;
	if (head && t->tty.packet) {
		buf[0] = t->tty.packet;
		i64 sent = fsreq_spread(r, 0, buf, 1);
		if (sent == 1)
			t->tty.packet = 0;
		return sent;
	}
	if (!t->tty.out_len)
		return t->had_slave && !t->slaves ? -EIO : -EAGAIN;
	u32 n = r->sqe->args[1] < sizeof(buf) ? (u32)r->sqe->args[1] : sizeof(buf);
	buf[0] = 0;
	u32 got = tty_drain(&t->tty, buf + head, n - head, true);
	i64 sent = fsreq_spread(r, 0, buf, got + head);
	if (sent > 0) {
		tty_drop_output(&t->tty, (u32)sent - head);
		terminal_changed(&t->tty);
	}
	return sent;
}

static i64 master_write_try(struct fsreq *r)
{
	struct end *e = r->h->priv;
	struct terminal *t = e->t;
	u8 buf[IO_CHUNK];
	u64 total = r->sqe->args[1], done = current_waiter ? current_waiter->done : 0;
	if (t->had_slave && !t->slaves)
		return -EIO;
	while (done < total) {
		u64 n = total - done < sizeof(buf) ? total - done : sizeof(buf);
		i64 got = request_in_gather(vfs_request(r), 0, done, buf, n);
		if (got <= 0)
			return got == -WEFT_EREDELIVER || !done ? got : (i64)done;
		u32 put = tty_input(&t->tty, buf, (u32)got);
		done += put;
		if (put < got)
			break;
	}
	if (current_waiter)
		current_waiter->done = done;
	return done ? (i64)done : -EAGAIN;
}

static i64 term_read(struct fsreq *r)
{
	struct end *e = r->h->priv;
	progress = 0;
	if (!e->master)
		return slave_read(r);
	i64 n = master_read_try(r);
	return n != -EAGAIN || nonblocking(r) ? n : wait_for(r, master_read_try);
}

static i64 term_write(struct fsreq *r)
{
	struct end *e = r->h->priv;
	if (!e->master)
		return slave_write(r);
	if (r->sqe->args[1] == 0)
		return 0;
	i64 n = master_write_try(r);
	return n != -EAGAIN || nonblocking(r) ? n : wait_for(r, master_write_try);
}

i64 terminal_wait_drained(struct fsreq *r, struct terminal *t, i64 (*then)(struct fsreq *r))
{
	if (!t->tty.out_len || t->tty.hung_up)
		return then(r);
	progress = 0;
	return current_waiter ? -EAGAIN : wait_for(r, then);
}

i64 end_open(struct fsreq *r, struct handle *h, struct terminal *t, bool master)
{
	struct end *e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->t = t;
	e->h = h;
	e->master = master;
	h->priv = e;
	fsl_append(&t->ends, &e->link);
	if (master) {
		t->masters++;
	} else {
		t->slaves++;
		t->had_slave = true;
	}
	e->ready = end_ready(e);
	r->fd.ready = e->ready;
	r->fd.flags |= WEFT_HANDLE_NO_OFFSET;
	return 0;
}

static i64 slave_open(struct fsreq *r, struct handle *h)
{
	struct terminal *t = h->node->priv;
	if (!t || t->tty.hung_up || t->locked)
		return -EIO;
	if (t->exclusive && !cred_capable(r->cred, CAP_SYS_ADMIN))
		return -EBUSY;
	i64 e = end_open(r, h, t, false);
	if (!e && !(h->flags & O_NOCTTY))
		job_acquire(r, t);
	return e;
}

/* The caller's controlling terminal. */
static i64 tty_open(struct fsreq *r, struct handle *h)
{
	const struct weft_identity *id = fs_identity(r->sqe->identity);
	struct terminal *t = job_terminal_of(id ? id->sid : 0);
	if (!t)
		return -ENXIO;
	return t->tty.hung_up ? -EIO : end_open(r, h, t, false);
}

static i64 console_open(struct fsreq *r, struct handle *h)
{
	struct terminal *t = console_terminal();
	if (!t)
		return -EIO;
	i64 e = end_open(r, h, t, false);
	if (!e && !(h->flags & O_NOCTTY))
		job_acquire(r, t);
	return e;
}

static i64 ptmx_open(struct fsreq *r, struct handle *h)
{
	char path[24];
	u32 i = 0;
	while (i < MAX_PTYS && terminals[i])
		i++;
	if (i == MAX_PTYS)
		return -ENOSPC;
	struct terminal *t = terminal_new(i);
	if (!t)
		return -ENOMEM;
	snprintf(path, sizeof(path), "pts/%u", i);
	struct node *n = vfs_add(&tree, path, S_IFCHR | 0620, 136u << 8 | (i & 0xff) | (u64)(i & ~0xffu) << 12,
		&slave_ops);
	i64 e = n ? end_open(r, h, t, true) : -ENOMEM;
	if (e) {
		free(t);
		return e;
	}
	n->priv = t;
	n->uid = r->cred->fsuid;
	n->gid = 5; /* Debian's group tty */
	t->node = node_get(n);
	t->locked = true;
	terminals[i] = t;
	return 0;
}

static void free_terminal(struct terminal *t)
{
	if (t->is_console || t->masters || t->slaves)
		return;
	terminals[t->index] = NULL;
	node_put(t->node);
	free(t);
}

static void term_close(struct handle *h)
{
	struct end *e = h->priv;
	if (!e)
		return;
	struct terminal *t = e->t;
	fsl_remove(&e->link);
	fsl_for_each (w, &t->waiters, struct waiter, link)
		if (w->e == e) {
			void *k = w->kept;
			forget_waiter(w);
			fs_finish(k, -EIO);
		}
	if (e->master && --t->masters == 0) {
		char path[24];
		t->tty.hung_up = true;
		snprintf(path, sizeof(path), "pts/%u", t->index);
		t->node->priv = NULL;
		vfs_remove(&tree, path);
		job_hangup(t);
	} else if (!e->master) {
		t->slaves--;
		if (!t->slaves)
			t->exclusive = false;
	}
	free(e);
	h->priv = NULL;
	terminal_changed(&t->tty);
	free_terminal(t);
}

#define TERMINAL(open_fn) {.open = open_fn, .close = term_close, .read = term_read, .write = term_write, \
	.ioctl = terminal_ioctl, .cancel = cancel}
const struct node_ops slave_ops = TERMINAL(slave_open);
const struct node_ops ptmx_ops = TERMINAL(ptmx_open);
const struct node_ops tty_ops = TERMINAL(tty_open);
const struct node_ops console_ops = TERMINAL(console_open);
