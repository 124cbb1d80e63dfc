/* SPDX-License-Identifier: MIT */
/*
 * Advisory locks: flock(2) per open handle, and record locks (fcntl(2)) per process or, for OFD locks, per open handle.
 * A blocked request waits on its node's list and is tried again, in order, after each release.
 */
#include "vfs.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#define OFD_GETLK 36
#define OFD_SETLK 37
#define OFD_SETLKW 38

struct flock_held {
	struct fs_list link;
	struct handle *h;
	bool exclusive;
};

struct record {
	struct fs_list link;
	u64 owner; /* pid, or handle id with the top bit set */
	const struct handle *via; /* by which it was taken: when that goes, its process has closed it */
	u32 pid;
	bool write;
	u64 start, end; /* inclusive */
};

struct waiter {
	struct fs_list link;
	struct node *node;
	struct handle *h;
	void *kept;
	bool is_flock;
	bool exclusive;
	struct record want;
};


static struct flock_held *held_by(struct node *n, struct handle *h)
{
	fsl_for_each (f, &n->flocks, struct flock_held, link)
		if (f->h == h)
			return f;
	return NULL;
}

static int flock_try(struct node *n, struct handle *h, bool exclusive)
{
	fsl_for_each (f, &n->flocks, struct flock_held, link)
		if (f->h != h && (exclusive || f->exclusive))
			return -EAGAIN;
	struct flock_held *mine = held_by(n, h);
	if (!mine) {
		mine = calloc(1, sizeof(*mine));
		if (!mine)
			return -ENOLCK;
		mine->h = h;
		fsl_append(&n->flocks, &mine->link);
	}
	mine->exclusive = exclusive;
	return 0;
}

static struct record *conflict(struct node *n, const struct record *w)
{
	fsl_for_each (l, &n->locks, struct record, link)
		if (l->owner != w->owner && l->start <= w->end && w->start <= l->end &&
			(l->write || w->write))
			return l;
	return NULL;
}

/* Gives [start, end] of the owner's locks back; what sticks out stays. May need one more record: *spare. */
static void cut(struct node *n, const struct record *w, struct record **spare)
{
	fsl_for_each (l, &n->locks, struct record, link) {
		if (l->owner != w->owner || l->start > w->end || w->start > l->end)
			continue;
		bool before = l->start < w->start, after = l->end > w->end;
		if (before && after) {
			struct record *tail = *spare;
			*spare = NULL;
			*tail = *l;
			tail->start = w->end + 1;
			l->end = w->start - 1;
			fsl_append(&n->locks, &tail->link);
		} else if (before) {
			l->end = w->start - 1;
		} else if (after) {
			l->start = w->end + 1;
		} else {
			fsl_remove(&l->link);
			free(l);
		}
	}
}

static int record_try(struct node *n, const struct record *w, bool unlock)
{
	if (!unlock && conflict(n, w))
		return -EAGAIN;
	struct record *spare = calloc(1, sizeof(*spare)), *add = NULL;
	if (!unlock)
		add = calloc(1, sizeof(*add));
	if (!spare || (!unlock && !add)) {
		free(spare);
		free(add);
		return -ENOLCK;
	}
	cut(n, w, &spare);
	free(spare);
	if (add) {
		*add = *w;
		/* Neighbours of the same kind become one. */
		fsl_for_each (l, &n->locks, struct record, link) {
			if (l->owner != w->owner || l->write != w->write)
				continue;
			if (l->end + 1 == add->start || (add->end != UINT64_MAX && add->end + 1 == l->start)) {
				add->start = l->start < add->start ? l->start : add->start;
				add->end = l->end > add->end ? l->end : add->end;
				fsl_remove(&l->link);
				free(l);
			}
		}
		fsl_append(&n->locks, &add->link);
	}
	return 0;
}

static void retry_waiters(struct node *n)
{
	node_get(n);
	fsl_for_each (w, &n->lock_waiters, struct waiter, link) {
		int e = w->is_flock ? flock_try(n, w->h, w->exclusive) : record_try(n, &w->want, false);
		if (e == -EAGAIN)
			continue;
		fsl_remove(&w->link);
		fs_finish(w->kept, e);
		free(w);
	}
	node_put(n);
}

static i64 wait_for(struct fsreq *r, const struct waiter *proto)
{
	struct waiter *w = malloc(sizeof(*w));
	if (!w)
		return -ENOLCK;
	*w = *proto;
	w->node = r->h->node;
	w->h = r->h;
	w->kept = fs_keep(r);
	if (!w->kept) {
		free(w);
		return -ENOLCK;
	}
	fsl_append(&w->node->lock_waiters, &w->link);
	return 0;
}

void lock_cancel(void *kept)
{
	struct node *n = fs_kept_node(kept);
	fsl_for_each (w, &n->lock_waiters, struct waiter, link) {
		if (w->kept != kept)
			continue;
		fsl_remove(&w->link);
		free(w);
		fs_finish(kept, -EINTR);
		return;
	}
}

i64 lock_flock(struct fsreq *r, u32 how)
{
	struct node *n = r->h->node;
	u32 op = how & ~(u32)LOCK_NB;
	if (op == LOCK_UN) {
		struct flock_held *f = held_by(n, r->h);
		if (f) {
			fsl_remove(&f->link);
			free(f);
			retry_waiters(n);
		}
		return 0;
	}
	if (op != LOCK_SH && op != LOCK_EX)
		return -EINVAL;
	int e = flock_try(n, r->h, op == LOCK_EX);
	if (e == 0 && op == LOCK_SH)
		retry_waiters(n); /* it may have been exclusive */
	if (e != -EAGAIN || (how & LOCK_NB))
		return e;
	return wait_for(r, &(struct waiter){.is_flock = true, .exclusive = op == LOCK_EX});
}

/* A process that waits for one that waits for it (through any number of others) would wait for ever. */
static bool would_deadlock(struct node *n, const struct record *w)
{
	u64 owner = w->owner;
	const struct record *want = w;
	for (int depth = 0; depth < 64; depth++) {
		struct record *c = conflict(n, want);
		if (!c)
			return false;
		if (c->owner == w->owner && depth > 0)
			return true;
		owner = c->owner;
		const struct record *next = NULL;
		fsl_for_each (x, &n->lock_waiters, struct waiter, link)
			if (!x->is_flock && x->want.owner == owner)
				next = &x->want;
		if (!next)
			return false;
		want = next;
		if (conflict(n, want) && conflict(n, want)->owner == w->owner)
			return true;
	}
	return false;
}

i64 lock_record(struct fsreq *r, u32 cmd, bool ofd)
{
	struct fsp_lock l;
	struct node *n = r->h->node;
	if (r->sqe->nbufs < 1 || r->sqe->len[0] < sizeof(l))
		return -EINVAL;
	int e = fsreq_in(r, 0, 0, &l, sizeof(l));
	if (e)
		return e;
	if (cmd >= OFD_GETLK && cmd <= OFD_SETLKW) {
		ofd = true;
		cmd = cmd - OFD_GETLK + F_GETLK;
	}
	if (l.whence != SEEK_SET || l.start < 0 || l.type < F_RDLCK || l.type > F_UNLCK)
		return -EINVAL;
	u64 start = (u64)l.start, end = UINT64_MAX;
	if (l.len < 0) {
		if (l.start + l.len < 0)
			return -EINVAL;
		end = start - 1;
		start = (u64)(l.start + l.len);
	} else if (l.len > 0) {
		end = start + (u64)l.len - 1;
	}
	struct record want = {.owner = ofd ? r->h->id | 1ull << 63 : r->sqe->pid,
		.pid = ofd ? (u32)-1 : r->sqe->pid, .via = r->h, .write = l.type == F_WRLCK, .start = start,
		.end = end};
	if (cmd == F_GETLK) {
		struct record *c = l.type == F_UNLCK ? NULL : conflict(n, &want);
		l.type = F_UNLCK;
		if (c) {
			l.type = c->write ? F_WRLCK : F_RDLCK;
			l.pid = c->pid;
			l.start = (i64)c->start;
			l.len = c->end == UINT64_MAX ? 0 : (i64)(c->end - c->start + 1);
		}
		return fsreq_out(r, 0, 0, &l, sizeof(l));
	}
	if (cmd != F_SETLK && cmd != F_SETLKW)
		return -EINVAL;
	u32 acc = r->h->flags & O_ACCMODE;
	if ((l.type == F_RDLCK && acc == O_WRONLY) || (l.type == F_WRLCK && acc == O_RDONLY))
		return -EBADF;
	if (!ofd && l.type != F_UNLCK && !r->h->owned && !n->nops) {
		e = fs_mem_trap(r->fs, r->h, r->h->trapped, true);
		r->h->reopens = false;
		if (e)
			return e;
		r->h->owned = true;
		return -WEFT_ERETRY;
	}
	e = record_try(n, &want, l.type == F_UNLCK);
	if (e == 0)
		retry_waiters(n); /* a downgrade or unlock may let others in */
	if (e != -EAGAIN || cmd == F_SETLK)
		return e;
	if (!ofd && would_deadlock(n, &want))
		return -EDEADLK;
	return wait_for(r, &(struct waiter){.want = want});
}

static bool release(struct node *n, u64 owner)
{
	bool changed = false;
	fsl_for_each (l, &n->locks, struct record, link)
		if (l->owner == owner) {
			fsl_remove(&l->link);
			free(l);
			changed = true;
		}
	return changed;
}

void lock_handle_closed(struct handle *h)
{
	struct node *n = h->node;
	struct flock_held *f = held_by(n, h);
	bool changed = f != NULL;
	if (f) {
		fsl_remove(&f->link);
		free(f);
	}
	/* Taken one by one: a process's release frees any number of them. */
	for (bool again = true; again;) {
		again = false;
		fsl_for_each (l, &n->locks, struct record, link)
			if (l->via == h) {
				again = changed = true;
				release(n, l->owner);
				break;
			}
	}
	if (changed)
		retry_waiters(n);
}

void lock_release_pid(struct node *n, u32 pid)
{
	if (release(n, pid))
		retry_waiters(n);
}
