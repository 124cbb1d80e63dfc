/* SPDX-License-Identifier: MIT */
/*
 * servers/pty: terminals. The tree of the scheme is
 *   pts/N  the slaves      ptmx  opens a new master      tty  the caller's controlling terminal
 *   console  the machine's console (also the first virtual terminals' text side)      tty0, tty1 ...  virtual terminals (vt.c)
 *
 *   main.c  start-up and the tree   node.c  open, read, write, close   ioctl.c  tty_ioctl(2)   job.c  sessions and signals
 *   tty.c   the line discipline     console.c  the serial console      vt.c  what seatd asks of a virtual terminal
 */
#ifndef PTY_PTY_H
#define PTY_PTY_H

#include "tty.h"
#include "vfs.h"
#include <native/loop.h>

#define MAX_PTYS 1024
#define CONSOLE_INDEX MAX_PTYS

struct terminal {
	struct tty tty;
	u32 index; /* pts/N, or CONSOLE_INDEX + k */
	bool is_console;
	bool locked, exclusive;
	bool had_slave; /* a slave was open: the master sees a hang-up when none is */
	u32 masters, slaves; /* open ends */
	u32 sid, pgrp; /* of the session whose controlling terminal it is; 0: none */
	u32 uid;
	struct fs_list ends, waiters;
	struct node *node; /* pts/N, referenced while the master is open */
	void (*line)(struct terminal *t); /* console: there is output */
};

/* An open handle on a terminal: handle.priv. */
struct end {
	struct terminal *t;
	struct handle *h;
	bool master;
	u32 ready;
	struct fs_list link;
};

extern struct fs tree;
extern struct terminal *terminals[MAX_PTYS];

/* node.c */
extern const struct node_ops slave_ops, ptmx_ops, tty_ops, console_ops;
struct terminal *terminal_new(u32 index);
void terminal_changed(struct tty *t);
i64 terminal_wait_drained(struct fsreq *r, struct terminal *t, i64 (*then)(struct fsreq *r));
i64 end_open(struct fsreq *r, struct handle *h, struct terminal *t, bool master);

/* ioctl.c */
i64 terminal_ioctl(struct fsreq *r);

/* job.c */
struct caller {
	u32 sid, pgid;
	bool has_tty; /* this terminal is its controlling one */
};
void caller_of(const struct fsreq *r, const struct terminal *t, struct caller *c);
void job_signal_group(u32 pgid, int signo);
void job_signal(struct tty *t, int signo); /* hook: to the foreground group */
void job_hangup(struct terminal *t);
/* A background process reads or changes its terminal: 0 to go on, -EINTR after a stop signal, -EIO. */
i64 job_check(struct fsreq *r, struct terminal *t, int signo);
void job_acquire(const struct fsreq *r, struct terminal *t); /* O_NOCTTY was not given */
struct terminal *job_terminal_of(u32 sid);
bool job_group_in_session(u32 pgid, u32 sid);
int job_start(struct loop *l); /* hears of session leaders that exit */

/* console.c */
int console_start(struct loop *l);
struct terminal *console_terminal(void);

/* vt.c */
int vt_make(struct fs *fs);

#endif
