/* SPDX-License-Identifier: MIT */
/* tty_ioctl(2). Numbers and structures are asm-generic/ioctls.h's. Buffer 0 is what the argument points to. */
#include "pty.h"

#include <fcntl.h>
#include <native/call.h>
#include <stdio.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>

#define K_TCGETS2 0x802c542au
#define K_TCSETS2 0x402c542bu
#define K_TCSETSW2 0x402c542cu
#define K_TCSETSF2 0x402c542du
#define K_TIOCGPTPEER 0x5441u
#define K_TIOCGPTLCK 0x80045439u
#define K_TIOCGPKT 0x80045438u
#define K_TIOCGEXCL 0x80045440u
#define TERMIOS_SIZE 36u

static i64 put_int(struct fsreq *r, int v)
{
	return fsreq_out(r, 0, 0, &v, sizeof(v));
}

static i64 get_int(struct fsreq *r, int *v)
{
	return fsreq_in(r, 0, 0, v, sizeof(*v));
}

static i64 set_termios_now(struct fsreq *r)
{
	struct end *e = r->h->priv;
	struct tty_termios n = e->t->tty.termios;
	u32 cmd = (u32)r->sqe->args[0];
	bool two = cmd == K_TCSETS2 || cmd == K_TCSETSW2 || cmd == K_TCSETSF2;
	if (e->t->is_console) { /* a waiting change runs here when the output has drained */
		if ((cmd == TCSETSW || cmd == TCSETSF || cmd == K_TCSETSW2 || cmd == K_TCSETSF2) &&
			e->t->tty.out_len && !e->t->tty.hung_up)
			return -EAGAIN;
	}
	i64 x = fsreq_in(r, 0, 0, &n, two ? sizeof(n) : TERMIOS_SIZE);
	if (x)
		return x;
	if (cmd == TCSETSF || cmd == K_TCSETSF2)
		tty_flush(&e->t->tty, true, false);
	tty_set_termios(&e->t->tty, &n);
	return 0;
}

static i64 set_termios(struct fsreq *r, struct terminal *t)
{
	u32 cmd = (u32)r->sqe->args[0];
	i64 j = ((struct end *)r->h->priv)->master ? 0 : job_check(r, t, SIGTTOU);
	if (j)
		return j;
	/* Waiting for a pty's output to be read could be for ever if its reader waits for us: Linux waits only for
	 * the driver's own buffer, which a pty empties at once. So does this, but for the console. */
	if ((cmd == TCSETSW || cmd == TCSETSF || cmd == K_TCSETSW2 || cmd == K_TCSETSF2) && t->is_console)
		return terminal_wait_drained(r, t, set_termios_now);
	return set_termios_now(r);
}

static i64 set_controlling(struct fsreq *r, struct terminal *t)
{
	struct caller c;
	caller_of(r, t, &c);
	if (c.has_tty)
		return 0;
	if (!c.sid || c.sid != r->sqe->pid || job_terminal_of(c.sid))
		return -EPERM;
	if (t->sid) {
		if (r->sqe->args[1] != 1 || !cred_capable(r->cred, CAP_SYS_ADMIN))
			return -EPERM;
	}
	t->sid = c.sid;
	t->pgrp = c.pgid;
	return 0;
}

static i64 set_group(struct fsreq *r, struct terminal *t)
{
	struct caller c;
	int pgrp;
	bool master = ((struct end *)r->h->priv)->master;
	caller_of(r, t, &c);
	if (!master && !c.has_tty)
		return -ENOTTY;
	i64 x = master ? 0 : job_check(r, t, SIGTTOU);
	if (!x)
		x = get_int(r, &pgrp);
	if (x)
		return x;
	if (pgrp <= 0)
		return -EINVAL;
	if (!t->sid || !job_group_in_session((u32)pgrp, t->sid))
		return -EPERM;
	t->pgrp = (u32)pgrp;
	return 0;
}

static i64 set_size(struct fsreq *r, struct terminal *t)
{
	struct tty_winsize w;
	i64 x = fsreq_in(r, 0, 0, &w, sizeof(w));
	if (x)
		return x;
	if (memcmp(&w, &t->tty.size, sizeof(w)) != 0) {
		t->tty.size = w;
		job_signal(&t->tty, SIGWINCH);
	}
	return 0;
}

static i64 disassociate(struct fsreq *r, struct terminal *t)
{
	struct caller c;
	caller_of(r, t, &c);
	if (!c.has_tty)
		return -ENOTTY;
	if (c.sid == r->sqe->pid)
		job_hangup(t);
	return 0;
}

/* Opens the other end by the master, without a path (ioctl_tty(2), TIOCGPTPEER). */
static i64 open_peer(struct fsreq *r, struct terminal *t)
{
	char name[12];
	struct dentry *dir, *d;
	if (t->locked)
		return -EIO;
	if (dentry_lookup(tree.root, "pts", 3, r, &dir))
		return -EIO;
	int len = snprintf(name, sizeof(name), "%u", t->index);
	int e = dentry_lookup(dir, name, (u32)len, r, &d);
	dentry_put(dir);
	if (e)
		return e;
	i64 x = d->node ? vfs_give_handle(r, d, (u32)r->sqe->args[1] & ~(u32)(O_PATH | O_CREAT)) : -EIO;
	dentry_put(d);
	return x;
}

static i64 drained(struct fsreq *r)
{
	struct end *e = r->h->priv;
	return e->t->tty.out_len && !e->t->tty.hung_up ? -EAGAIN : 0;
}

static i64 flush(struct fsreq *r, struct terminal *t)
{
	u64 what = r->sqe->args[1];
	bool master = ((struct end *)r->h->priv)->master;
	if (what > 2)
		return -EINVAL;
	i64 j = master ? 0 : job_check(r, t, SIGTTOU);
	/* The master's input is the terminal's output, and the other way round. */
	bool first = what == 0 || what == 2, second = what == 1 || what == 2;
	if (!j)
		tty_flush(&t->tty, master ? second : first, master ? first : second);
	return j;
}

static i64 flow(struct fsreq *r, struct terminal *t)
{
	i64 j = ((struct end *)r->h->priv)->master ? 0 : job_check(r, t, SIGTTOU);
	if (j)
		return j;
	switch (r->sqe->args[1]) {
	case 0: /* TCOOFF */
	case 1: /* TCOON */
		tty_set_stopped(&t->tty, r->sqe->args[1] == 0);
		return 0;
	case 2: /* TCIOFF, TCION: ask the line to stop or go on */
	case 3:
		return 0;
	}
	return -EINVAL;
}

i64 terminal_ioctl(struct fsreq *r)
{
	struct end *e = r->h->priv;
	struct terminal *t = e->t;
	struct caller c;
	int v;
	u8 byte;
	i64 x;
	u32 cmd = (u32)r->sqe->args[0];
	if (t->tty.hung_up && !e->master)
		return -EIO;
	switch (cmd) {
	case TCGETS:
		return fsreq_out(r, 0, 0, &t->tty.termios, TERMIOS_SIZE);
	case K_TCGETS2:
		return fsreq_out(r, 0, 0, &t->tty.termios, sizeof(t->tty.termios));
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
	case K_TCSETS2:
	case K_TCSETSW2:
	case K_TCSETSF2:
		return set_termios(r, t);
	case TIOCGWINSZ:
		return fsreq_out(r, 0, 0, &t->tty.size, sizeof(t->tty.size));
	case TIOCSWINSZ:
		return set_size(r, t);
	case TIOCSCTTY:
		return set_controlling(r, t);
	case TIOCNOTTY:
		return disassociate(r, t);
	case TIOCGPGRP:
		caller_of(r, t, &c);
		return e->master || c.has_tty ? put_int(r, (int)t->pgrp) : -ENOTTY;
	case TIOCSPGRP:
		return set_group(r, t);
	case TIOCGSID:
		caller_of(r, t, &c);
		return (e->master || c.has_tty) && t->sid ? put_int(r, (int)t->sid) : -ENOTTY;
	case TIOCOUTQ:
		return put_int(r, (int)t->tty.out_len);
	case FIONREAD:
		return put_int(r, (int)(e->master ? t->tty.out_len : tty_available(&t->tty)));
	case TCFLSH:
		return flush(r, t);
	case TCXONC:
		return flow(r, t);
	case TCSBRK:
	case TCSBRKP:
		if (cmd == TCSBRK && r->sqe->args[1] == 0)
			return 0;
		return t->is_console ? terminal_wait_drained(r, t, drained) : 0;
	case TIOCSTI:
		if (!cred_capable(r->cred, CAP_SYS_ADMIN))
			return -EPERM;
		x = fsreq_in(r, 0, 0, &byte, 1);
		if (!x)
			tty_input(&t->tty, &byte, 1);
		return x;
	case TIOCEXCL:
	case TIOCNXCL:
		t->exclusive = cmd == TIOCEXCL;
		return 0;
	case K_TIOCGEXCL:
		return put_int(r, t->exclusive);
	case TIOCGETD:
		return put_int(r, 0);
	case TIOCSETD:
		x = get_int(r, &v);
		return x ? x : v == 0 ? 0 : -EINVAL;
	}
	if (!e->master)
		return -ENOTTY;
	switch (cmd) {
	case TIOCGPTN:
		return put_int(r, (int)t->index);
	case TIOCSPTLCK:
		x = get_int(r, &v);
		if (!x)
			t->locked = v;
		return x;
	case K_TIOCGPTLCK:
		return put_int(r, t->locked);
	case TIOCPKT:
		x = get_int(r, &v);
		if (!x) {
			t->tty.packet_mode = v;
			t->tty.packet = 0;
		}
		return x;
	case K_TIOCGPKT:
		return put_int(r, t->tty.packet_mode);
	case K_TIOCGPTPEER:
		return open_peer(r, t);
	case TIOCSIG:
		if (r->sqe->args[1] < 1 || r->sqe->args[1] > 64)
			return -EINVAL;
		job_signal(&t->tty, (int)r->sqe->args[1]);
		return 0;
	}
	return -ENOTTY;
}
