/* SPDX-License-Identifier: MIT */
/*
 * System V semaphores. An operation on several happens whole or waits whole; those that wait are tried again, oldest first, after each change.
 * What a process wants undone at its end (SEM_UNDO) is kept by pid, and the kernel tells of its exit.
 */
#include "ipc.h"
#include "sysv.h"

#include <native/call.h>
#include <native/start.h>
#include <native/time.h>
#include <stdlib.h>
#include <string.h>

#define NO_DEADLINE UINT64_MAX

struct sem {
	i32 value;
	u32 pid; /* of the last operation */
};
struct sem_set {
	struct sysv o;
	i64 otime;
	u32 n;
	struct sem sem[];
};
struct sem_undo {
	struct sem_undo *next;
	struct sem_set *set;
	u32 pid;
	i32 adjust[];
};
struct sem_wait {
	struct sem_wait *next;
	struct request *r;
	struct sem_set *set;
	struct loop_timer timer;
	u32 n, blocked_at; /* the operation that must wait */
	struct sysv_sembuf op[];
};
static struct sysv_table table;
static struct sem_undo *undos;
static struct sem_wait *waits; /* oldest first */

static void wake_all(struct sem_set *s);

static struct sem_undo *undo_of(struct sem_set *s, u32 pid)
{
	for (struct sem_undo *u = undos; u; u = u->next) {
		if (u->set == s && u->pid == pid)
			return u;
	}
	return NULL;
}

static i32 clamp(i32 v)
{
	return v < 0 ? 0 : v > SYSV_SEM_MAX ? SYSV_SEM_MAX : v;
}

static void undo_exit(u32 pid)
{
	for (struct sem_undo **at = &undos; *at;) {
		struct sem_undo *u = *at;
		if (u->pid != pid) {
			at = &u->next;
			continue;
		}
		*at = u->next;
		for (u32 i = 0; i < u->set->n; i++) {
			if (!u->adjust[i])
				continue;
			u->set->sem[i].value = clamp(u->set->sem[i].value + u->adjust[i]);
			u->set->sem[i].pid = pid;
		}
		wake_all(u->set);
		free(u);
	}
}

static void handle_event(struct loop_source *s, u32 ready)
{
	struct weft_proc_event e[16];
	i64 n;
	(void)ready;
	while ((n = weft_fd_read((u64)s->fd, PTR(e), sizeof(e), (u64)-1, WEFT_IO_NONBLOCK)) >= (i64)sizeof(e[0])) {
		for (u32 i = 0; i < (u64)n / sizeof(e[0]); i++) {
			if (e[i].what == 3)
				undo_exit(e[i].pid);
		}
	}
}

/* The record of what pid wants undone, made at its first operation with SEM_UNDO; the kernel is listened to from the very first on. */
static struct sem_undo *undo_make(struct sem_set *s, u32 pid)
{
	static struct loop_source source;
	struct sem_undo *u = undo_of(s, pid);
	if (u)
		return u;
	if (!source.fn) {
		i64 fd = weft_proc_ctl((u64)native_fd("res:procs"), WEFT_PROC_EVENTS, 0, 0, 0);
		if (fd < 0)
			return NULL;
		source = (struct loop_source){.fn = handle_event, .fd = (i32)fd, .events = WEFT_POLLIN};
		if (loop_add(&ipc_loop, &source)) {
			weft_fd_close((u64)fd);
			source.fn = NULL;
			return NULL;
		}
	}
	u = calloc(1, sizeof(*u) + s->n * sizeof(u->adjust[0]));
	if (!u)
		return NULL;
	u->set = s;
	u->pid = pid;
	u->next = undos;
	undos = u;
	return u;
}

/* 0: done; 1: it must wait at *blocked_at; or an errno. */
static i64 perform(struct sem_set *s, const struct sysv_sembuf *op, u32 n, u32 pid, u32 *blocked_at)
{
	struct sem_undo *u = undo_of(s, pid);
	u32 i;
	i64 e = 0;
	for (i = 0; i < n && !e; i++) {
		i32 *v = &s->sem[op[i].num].value, to = *v + op[i].op;
		if (op[i].op ? to < 0 : *v != 0)
			e = op[i].flags & (i16)SYSV_NOWAIT ? -EAGAIN : 1;
		else if (to > SYSV_SEM_MAX)
			e = -ERANGE;
		else
			*v = to;
	}
	if (e) {
		*blocked_at = --i;
		while (i-- > 0)
			s->sem[op[i].num].value -= op[i].op;
		return e;
	}
	for (i = 0; i < n; i++) {
		s->sem[op[i].num].pid = pid;
		if (u && (op[i].flags & SYSV_SEM_UNDO))
			u->adjust[op[i].num] -= op[i].op;
	}
	s->otime = sysv_now();
	return 0;
}

static void finish(struct sem_wait **at, i64 result)
{
	struct sem_wait *w = *at;
	*at = w->next;
	loop_timer_clear(&ipc_loop, &w->timer);
	request_reply(w->r, result);
	free(w);
}

/* One that goes on may let another go on that had to wait before: from the beginning again. */
static void wake_all(struct sem_set *s)
{
	for (struct sem_wait **at = &waits; *at;) {
		struct sem_wait *w = *at;
		i64 e = w->set == s ? perform(s, w->op, w->n, w->r->sqe->pid, &w->blocked_at) : 1;
		if (e == 1) {
			at = &w->next;
			continue;
		}
		finish(at, e);
		at = &waits;
	}
}

static void handle_timeout(struct loop_timer *t)
{
	for (struct sem_wait **at = &waits; *at; at = &(*at)->next) {
		if (&(*at)->timer == t) {
			finish(at, -EAGAIN);
			return;
		}
	}
}

bool sem_cancel(struct request *r)
{
	for (struct sem_wait **at = &waits; *at; at = &(*at)->next) {
		if ((*at)->r == r) {
			finish(at, -EINTR);
			return true;
		}
	}
	return false;
}

i64 op_sem_get(struct request *r)
{
	i32 key = (i32)r->sqe->args[0], n = (i32)r->sqe->args[1];
	u32 flags = (u32)r->sqe->args[2];
	struct sysv *found;
	bool make;
	if (n < 0 || n > (i32)SYSV_SEMS)
		return -EINVAL;
	i64 id = sysv_get(&table, r, key, flags, &found, &make);
	if (found && id >= 0 && (u32)n > ((struct sem_set *)found)->n)
		return -EINVAL;
	if (!make)
		return id;
	if (!n)
		return -EINVAL;
	struct sem_set *s = calloc(1, sizeof(*s) + (u32)n * sizeof(s->sem[0]));
	if (!s)
		return -ENOMEM;
	s->n = (u32)n;
	id = sysv_add(&table, &s->o, r, key, flags);
	if (id < 0)
		free(s);
	return id;
}

static i64 wait_for(struct request *r, struct sem_set *s, const struct sysv_sembuf *op, u32 n, u32 blocked_at, u64 deadline)
{
	struct sem_wait *w = calloc(1, sizeof(*w) + n * sizeof(*op));
	struct request *kept = w ? request_keep(r) : NULL;
	if (!kept) {
		free(w);
		return -ENOMEM;
	}
	*w = (struct sem_wait){.r = kept, .set = s, .timer = {.fn = handle_timeout}, .n = n, .blocked_at = blocked_at};
	memcpy(w->op, op, n * sizeof(*op));
	struct sem_wait **at = &waits;
	while (*at)
		at = &(*at)->next;
	*at = w;
	if (deadline != NO_DEADLINE)
		loop_timer_set(&ipc_loop, &w->timer, deadline > INT64_MAX ? INT64_MAX : (i64)deadline);
	return SERVER_LATER;
}

i64 op_sem_op(struct request *r)
{
	static struct sysv_sembuf op[SYSV_SEM_OPS];
	u64 n = r->sqe->args[1];
	bool change = false, undo = false;
	u32 blocked_at;
	i64 e;
	if (!n)
		return -EINVAL;
	if (n > SYSV_SEM_OPS)
		return -E2BIG;
	e = request_in_all(r, 0, 0, op, n * sizeof(op[0]));
	if (e)
		return e;
	struct sem_set *s = (struct sem_set *)sysv_find(&table, r->sqe->args[0], &e);
	if (!s)
		return e;
	for (u32 i = 0; i < n; i++) {
		if (op[i].num >= s->n)
			return -EFBIG;
		change |= op[i].op != 0;
		undo |= op[i].op && (op[i].flags & SYSV_SEM_UNDO);
	}
	if (!sysv_may(&s->o, r, change ? SYSV_MAY_WRITE : SYSV_MAY_READ))
		return -EACCES;
	if (undo && !undo_make(s, r->sqe->pid))
		return -ENOMEM;
	e = perform(s, op, (u32)n, r->sqe->pid, &blocked_at);
	if (e == 1)
		return wait_for(r, s, op, (u32)n, blocked_at, r->sqe->args[2]);
	if (!e && change)
		wake_all(s);
	return e;
}

static void remove_set(struct sem_set *s)
{
	for (struct sem_wait **at = &waits; *at;) {
		if ((*at)->set == s)
			finish(at, -EIDRM);
		else
			at = &(*at)->next;
	}
	for (struct sem_undo **at = &undos; *at;) {
		struct sem_undo *u = *at;
		if (u->set != s) {
			at = &u->next;
			continue;
		}
		*at = u->next;
		free(u);
	}
	sysv_drop(&table, &s->o);
	free(s);
}

static i64 tell(struct request *r, const struct sem_set *s, i64 result)
{
	struct sysv_semid d = {.otime = s->otime, .ctime = s->o.ctime, .nsems = s->n};
	sysv_perm_out(&s->o, &d.perm);
	int e = request_out_all(r, 0, 0, &d, sizeof(d));
	return e ? e : result;
}

static i64 info(struct request *r, bool used)
{
	u32 all = 0;
	for (u32 i = 0; i < SYSV_IDS; i++)
		all += table.at[i] ? ((struct sem_set *)table.at[i])->n : 0;
	struct sysv_seminfo i = {.map = 1024000000, .mni = SYSV_IDS, .mns = 1024000000, .mnu = 1024000000, .msl = SYSV_SEMS, .opm = SYSV_SEM_OPS,
		.ume = SYSV_SEM_OPS, .usz = used ? (i32)table.used : 20, .vmx = SYSV_SEM_MAX, .aem = used ? (i32)all : SYSV_SEM_MAX};
	int e = request_out_all(r, 0, 0, &i, sizeof(i));
	return e ? e : table.highest;
}

static i64 waiting_for(const struct sem_set *s, u32 num, bool zero)
{
	u32 n = 0;
	for (const struct sem_wait *w = waits; w; w = w->next)
		n += w->set == s && w->op[w->blocked_at].num == num && (w->op[w->blocked_at].op == 0) == zero;
	return n;
}

/* A set value is nobody's to undo. */
static void set_value(struct sem_set *s, u32 num, i32 v, u32 pid)
{
	s->sem[num].value = v;
	s->sem[num].pid = pid;
	for (struct sem_undo *u = undos; u; u = u->next) {
		if (u->set == s)
			u->adjust[num] = 0;
	}
}

static i64 all_values(struct request *r, struct sem_set *s, bool set)
{
	static u16 v[SYSV_SEMS];
	u64 len = s->n * sizeof(v[0]);
	for (u32 i = 0; i < s->n; i++)
		v[i] = (u16)s->sem[i].value;
	int e = set ? request_in_all(r, 0, 0, v, len) : request_out_all(r, 0, 0, v, len);
	for (u32 i = 0; i < s->n && !e; i++)
		e = v[i] > SYSV_SEM_MAX ? -ERANGE : 0;
	if (e || !set)
		return e;
	for (u32 i = 0; i < s->n; i++)
		set_value(s, i, v[i], r->sqe->pid);
	s->o.ctime = sysv_now();
	wake_all(s);
	return 0;
}

/* The commands that name one semaphore, or all. */
static i64 control_values(struct request *r, struct sem_set *s, u32 num, u32 cmd, i32 v)
{
	bool set = cmd == SYSV_SETVAL || cmd == SYSV_SETALL;
	if (!sysv_may(&s->o, r, set ? SYSV_MAY_WRITE : SYSV_MAY_READ))
		return -EACCES;
	if (cmd == SYSV_GETALL || cmd == SYSV_SETALL)
		return all_values(r, s, set);
	if (num >= s->n)
		return -EINVAL;
	switch (cmd) {
	case SYSV_GETVAL:
		return s->sem[num].value;
	case SYSV_GETPID:
		return s->sem[num].pid;
	case SYSV_GETNCNT:
	case SYSV_GETZCNT:
		return waiting_for(s, num, cmd == SYSV_GETZCNT);
	}
	if (v < 0 || v > SYSV_SEM_MAX)
		return -ERANGE;
	set_value(s, num, v, r->sqe->pid);
	s->o.ctime = sysv_now();
	wake_all(s);
	return 0;
}

i64 op_sem_ctl(struct request *r)
{
	u32 num = (u32)r->sqe->args[1], cmd = (u32)r->sqe->args[2];
	struct sysv_semid d;
	i64 e;
	if (cmd == SYSV_INFO || cmd == SYSV_SEM_INFO)
		return info(r, cmd == SYSV_SEM_INFO);
	if (cmd == SYSV_STAT || cmd == SYSV_SEM_STAT || cmd == SYSV_SEM_STAT_ANY) {
		struct sem_set *s = (struct sem_set *)sysv_stat(&table, r, cmd != SYSV_STAT, cmd == SYSV_SEM_STAT_ANY, &e);
		return s ? tell(r, s, cmd == SYSV_STAT ? 0 : sysv_id(&s->o)) : e;
	}
	struct sem_set *s = (struct sem_set *)sysv_find(&table, r->sqe->args[0], &e);
	if (!s)
		return e;
	if (cmd >= SYSV_GETPID && cmd <= SYSV_SETALL)
		return control_values(r, s, num, cmd, (i32)r->sqe->args[3]);
	if (cmd != SYSV_RMID && cmd != SYSV_SET)
		return -EINVAL;
	if (!sysv_owns(&s->o, r))
		return -EPERM;
	if (cmd == SYSV_SET) {
		e = request_in_all(r, 0, 0, &d, sizeof(d));
		return e ? e : sysv_perm_set(&s->o, &d.perm);
	}
	remove_set(s);
	return 0;
}
