/* SPDX-License-Identifier: MIT */
/*
 * System V message queues. A message is copied in when it is sent and out when it is received; who must wait is served, oldest first, when the
 * queue changes. A message leaves its queue only after its text has reached the receiver.
 */
#include "ipc.h"
#include "sysv.h"

#include <native/call.h>
#include <stdlib.h>

#define CAP_SYS_RESOURCE 24

struct message {
	struct message *next;
	i64 type;
	u32 len;
	u8 text[];
};
struct queue {
	struct sysv o;
	i64 stime, rtime;
	u64 bytes, max, count;
	u32 lspid, lrpid;
	struct message *first, **last;
};
struct msg_wait { /* a sender with its message, or a receiver */
	struct msg_wait *next;
	struct request *r;
	struct queue *q;
	struct message *m;
};
static struct sysv_table table;
static struct msg_wait *waits; /* oldest first */

static bool has_room(const struct queue *q, u32 len)
{
	return q->bytes + len <= q->max && q->count + 1 <= q->max;
}

static void enqueue(struct queue *q, struct message *m, u32 pid)
{
	*q->last = m;
	q->last = &m->next;
	q->bytes += m->len;
	q->count++;
	q->lspid = pid;
	q->stime = sysv_now();
}

/* As msgrcv's type and flags choose; a negative type wants the lowest type up to its size. */
static struct message **choose(struct queue *q, i64 type, u32 flags)
{
	struct message **best = NULL;
	for (struct message **at = &q->first; *at; at = &(*at)->next) {
		i64 t = (*at)->type;
		if (type == 0 || (type > 0 && ((flags & SYSV_MSG_EXCEPT) ? t != type : t == type)))
			return at;
		if (type < 0 && (type == INT64_MIN || t <= -type) && (!best || t < (*best)->type))
			best = at;
	}
	return best;
}

/* 1: there is none */
static i64 receive(struct request *r, struct queue *q)
{
	u32 flags = (u32)r->sqe->args[2];
	struct message **at = choose(q, (i64)r->sqe->args[1], flags);
	if (!at)
		return 1;
	struct message *m = *at;
	u32 n = m->len;
	if (n > r->sqe->len[0]) {
		if (!(flags & SYSV_MSG_NOERROR))
			return -E2BIG;
		n = r->sqe->len[0];
	}
	int e = n ? request_out_all(r, 0, 0, m->text, n) : 0;
	if (e)
		return e;
	*at = m->next;
	if (q->last == &m->next)
		q->last = at;
	q->bytes -= m->len;
	q->count--;
	q->lrpid = r->sqe->pid;
	q->rtime = sysv_now();
	r->out[0] = (u64)m->type;
	r->has_out = true;
	free(m);
	return n;
}

static void finish(struct msg_wait **at, i64 result)
{
	struct msg_wait *w = *at;
	*at = w->next;
	request_reply(w->r, result);
	if (result < 0)
		free(w->m);
	free(w);
}

/* Serves who waits until nobody can go on. */
static void serve_waits(struct queue *q)
{
	for (struct msg_wait **at = &waits; *at;) {
		struct msg_wait *w = *at;
		i64 e = 1;
		if (w->q == q && !w->m) {
			e = receive(w->r, q);
		} else if (w->q == q && has_room(q, w->m->len)) {
			enqueue(q, w->m, w->r->sqe->pid);
			e = 0;
		}
		if (e == 1) {
			at = &w->next;
			continue;
		}
		finish(at, e);
		at = &waits;
	}
}

bool msg_cancel(struct request *r)
{
	for (struct msg_wait **at = &waits; *at; at = &(*at)->next) {
		if ((*at)->r == r) {
			finish(at, -EINTR);
			return true;
		}
	}
	return false;
}

static i64 wait_for(struct request *r, struct queue *q, struct message *m)
{
	struct msg_wait *w = malloc(sizeof(*w));
	struct request *kept = w ? request_keep(r) : NULL;
	if (!kept) {
		free(w);
		free(m);
		return -ENOMEM;
	}
	*w = (struct msg_wait){.r = kept, .q = q, .m = m};
	struct msg_wait **at = &waits;
	while (*at)
		at = &(*at)->next;
	*at = w;
	return SERVER_LATER;
}

i64 op_msg_get(struct request *r)
{
	i32 key = (i32)r->sqe->args[0];
	u32 flags = (u32)r->sqe->args[1];
	struct sysv *found;
	bool make;
	i64 id = sysv_get(&table, r, key, flags, &found, &make);
	if (!make)
		return id;
	struct queue *q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->last = &q->first;
	q->max = SYSV_MSG_QUEUE;
	id = sysv_add(&table, &q->o, r, key, flags);
	if (id < 0)
		free(q);
	return id;
}

i64 op_msg_send(struct request *r)
{
	i64 type = (i64)r->sqe->args[1], e;
	u64 len = r->sqe->args[3];
	if (type < 1 || len > SYSV_MSG_MAX || len > r->sqe->len[0])
		return -EINVAL;
	struct message *m = malloc(sizeof(*m) + len);
	if (!m)
		return -ENOMEM;
	*m = (struct message){.type = type, .len = (u32)len};
	e = len ? request_in_all(r, 0, 0, m->text, len) : 0;
	struct queue *q = e ? NULL : (struct queue *)sysv_find(&table, r->sqe->args[0], &e);
	if (q && !sysv_may(&q->o, r, SYSV_MAY_WRITE))
		e = -EACCES;
	else if (q && has_room(q, m->len))
		e = 0;
	else if (q)
		e = r->sqe->args[2] & SYSV_NOWAIT ? -EAGAIN : 1;
	if (e == 1)
		return wait_for(r, q, m);
	if (e) {
		free(m);
		return e;
	}
	enqueue(q, m, r->sqe->pid);
	serve_waits(q);
	return 0;
}

i64 op_msg_receive(struct request *r)
{
	u32 flags = (u32)r->sqe->args[2];
	i64 e;
	if (flags & SYSV_MSG_COPY) /* for checkpoints; Linux without CONFIG_CHECKPOINT_RESTORE says so too */
		return -ENOSYS;
	struct queue *q = (struct queue *)sysv_find(&table, r->sqe->args[0], &e);
	if (!q)
		return e;
	if (!sysv_may(&q->o, r, SYSV_MAY_READ))
		return -EACCES;
	e = receive(r, q);
	if (e == 1)
		return flags & SYSV_NOWAIT ? -ENOMSG : wait_for(r, q, NULL);
	if (e >= 0)
		serve_waits(q);
	return e;
}

static void remove_queue(struct queue *q)
{
	for (struct msg_wait **at = &waits; *at;) {
		if ((*at)->q == q)
			finish(at, -EIDRM);
		else
			at = &(*at)->next;
	}
	for (struct message *m = q->first, *next; m; m = next) {
		next = m->next;
		free(m);
	}
	sysv_drop(&table, &q->o);
	free(q);
}

static i64 tell(struct request *r, const struct queue *q, i64 result)
{
	struct sysv_msqid d = {.stime = q->stime, .rtime = q->rtime, .ctime = q->o.ctime, .cbytes = q->bytes, .qnum = q->count,
		.qbytes = q->max, .lspid = (i32)q->lspid, .lrpid = (i32)q->lrpid};
	sysv_perm_out(&q->o, &d.perm);
	int e = request_out_all(r, 0, 0, &d, sizeof(d));
	return e ? e : result;
}

static i64 info(struct request *r, bool used)
{
	u64 messages = 0, bytes = 0;
	for (u32 i = 0; i < SYSV_IDS; i++) {
		const struct queue *q = (const struct queue *)table.at[i];
		messages += q ? q->count : 0;
		bytes += q ? q->bytes : 0;
	}
	struct sysv_msginfo i = {.pool = used ? (i32)table.used : 0, .map = used ? (i32)messages : SYSV_MSG_QUEUE, .max = SYSV_MSG_MAX, .mnb = SYSV_MSG_QUEUE,
		.mni = SYSV_IDS, .ssz = 16, .tql = used ? (i32)bytes : SYSV_MSG_QUEUE, .seg = 0xffff};
	int e = request_out_all(r, 0, 0, &i, sizeof(i));
	return e ? e : table.highest;
}

static i64 set(struct request *r, struct queue *q)
{
	struct sysv_msqid d;
	struct weft_identity c;
	i64 e = request_in_all(r, 0, 0, &d, sizeof(d));
	sysv_caller(r, &c);
	if (!e && d.qbytes > SYSV_MSG_QUEUE && !(c.cap_effective >> CAP_SYS_RESOURCE & 1))
		e = -EPERM;
	if (!e)
		e = sysv_perm_set(&q->o, &d.perm);
	if (e)
		return e;
	q->max = d.qbytes;
	serve_waits(q);
	return 0;
}

i64 op_msg_ctl(struct request *r)
{
	u32 cmd = (u32)r->sqe->args[1];
	i64 e;
	if (cmd == SYSV_INFO || cmd == SYSV_MSG_INFO)
		return info(r, cmd == SYSV_MSG_INFO);
	if (cmd == SYSV_STAT || cmd == SYSV_MSG_STAT || cmd == SYSV_MSG_STAT_ANY) {
		struct queue *q = (struct queue *)sysv_stat(&table, r, cmd != SYSV_STAT, cmd == SYSV_MSG_STAT_ANY, &e);
		return q ? tell(r, q, cmd == SYSV_STAT ? 0 : sysv_id(&q->o)) : e;
	}
	struct queue *q = (struct queue *)sysv_find(&table, r->sqe->args[0], &e);
	if (!q)
		return e;
	if (cmd != SYSV_RMID && cmd != SYSV_SET)
		return -EINVAL;
	if (!sysv_owns(&q->o, r))
		return -EPERM;
	if (cmd == SYSV_SET)
		return set(r, q);
	remove_queue(q);
	return 0;
}
