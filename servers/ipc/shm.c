/* SPDX-License-Identifier: MIT */
/*
 * System V shared memory. A segment is a memory object; who attaches it maps it, and the kernel counts the mappings: fork copies them and exit
 * and exec drop them with nobody's help. One that was removed lives until its last mapping is gone.
 */
#include "ipc.h"
#include "sysv.h"

#include <native/call.h>
#include <native/time.h>
#include <stdio.h>
#include <stdlib.h>

#define SIZE_MAX_ ((u64)1 << 46)
#define MODE_DEST 01000u
#define MODE_LOCKED 02000u
#define SWEEP NSEC_PER_SEC

struct segment {
	struct sysv o;
	i32 mem;
	u64 size;
	i64 atime, dtime;
	u32 cpid, lpid;
};
static struct sysv_table table;
static struct loop_timer sweeper;

static u32 attached(const struct segment *s)
{
	struct weft_mem_info m;
	return weft_mem_ctl((u64)s->mem, WEFT_MEM_INFO, PTR(&m), 0, 0) < 0 ? 0 : m.mappings;
}

static void reap(struct segment *s)
{
	if (!(s->o.mode & MODE_DEST) || attached(s))
		return;
	sysv_drop(&table, &s->o);
	weft_fd_close((u64)s->mem);
	free(s);
}

/* Nobody tells of the last mapping's end: while a removed segment is mapped it is looked at now and then, and before every use. */
static void sweep(struct loop_timer *t)
{
	bool left = false;
	for (u32 i = 0; i < SYSV_IDS; i++) {
		if (table.at[i])
			reap((struct segment *)table.at[i]);
		left |= table.at[i] && (table.at[i]->mode & MODE_DEST);
	}
	if (left)
		loop_timer_set(&ipc_loop, t, time_monotonic() + SWEEP);
	else
		loop_timer_clear(&ipc_loop, t);
}

static void sweep_now(void)
{
	if (sweeper.armed)
		sweep(&sweeper);
}

i64 op_shm_get(struct request *r)
{
	i32 key = (i32)r->sqe->args[0];
	u64 size = r->sqe->args[1];
	u32 flags = (u32)r->sqe->args[2];
	struct sysv *found;
	bool make;
	sweep_now();
	i64 id = sysv_get(&table, r, key, flags, &found, &make);
	if (found && id >= 0 && size > ((struct segment *)found)->size)
		return -EINVAL;
	if (!make)
		return id;
	if (!size || size > SIZE_MAX_)
		return -EINVAL;
	struct segment *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->size = size;
	s->cpid = r->sqe->pid;
	i64 mem = weft_mem_create(WEFT_MEM_ANON, (size + WEFT_PAGE_SIZE - 1) & ~(WEFT_PAGE_SIZE - 1), (u64)-1, 0, WEFT_MEM_CLOEXEC | WEFT_MEM_PRIVATE_FD);
	s->mem = (i32)mem;
	id = mem < 0 ? mem : sysv_add(&table, &s->o, r, key, flags);
	if (id < 0) {
		if (mem >= 0)
			weft_fd_close((u64)mem);
		free(s);
		return id;
	}
	char name[32];
	int n = snprintf(name, sizeof(name), "/SYSV%08x (deleted)", (u32)key);
	weft_mem_ctl((u64)mem, WEFT_MEM_SET_NAME, PTR(name), (u64)n, 0);
	return id;
}

i64 op_shm_at(struct request *r)
{
	bool write = r->sqe->args[1], exec = r->sqe->args[2];
	i64 e;
	sweep_now();
	struct segment *s = (struct segment *)sysv_find(&table, r->sqe->args[0], &e);
	if (!s)
		return e;
	if (!sysv_may(&s->o, r, SYSV_MAY_READ | (write ? SYSV_MAY_WRITE : 0) | exec))
		return -EACCES;
	e = request_give_fd(r, s->mem, WEFT_RIGHT_READ | WEFT_RIGHT_MAP | (write ? WEFT_RIGHT_WRITE : 0) | (exec ? WEFT_RIGHT_EXEC : 0), 0);
	if (e < 0)
		return e;
	s->atime = sysv_now();
	s->lpid = r->sqe->pid;
	r->out[0] = s->size;
	r->has_out = true;
	return 0;
}

i64 op_shm_dt(struct request *r)
{
	i64 e;
	struct segment *s = (struct segment *)sysv_find(&table, r->sqe->args[0], &e);
	if (!s)
		return e;
	s->dtime = sysv_now();
	s->lpid = r->sqe->pid;
	reap(s);
	return 0;
}

static i64 tell(struct request *r, const struct segment *s, i64 result)
{
	struct sysv_shmid d = {.segsz = s->size, .atime = s->atime, .dtime = s->dtime, .ctime = s->o.ctime, .cpid = (i32)s->cpid,
		.lpid = (i32)s->lpid, .nattch = attached(s)};
	sysv_perm_out(&s->o, &d.perm);
	int e = request_out_all(r, 0, 0, &d, sizeof(d));
	return e ? e : result;
}

static i64 limits(struct request *r)
{
	struct sysv_shminfo i = {.max = SIZE_MAX_, .min = 1, .mni = SYSV_IDS, .seg = SYSV_IDS, .all = SIZE_MAX_ / WEFT_PAGE_SIZE};
	int e = request_out_all(r, 0, 0, &i, sizeof(i));
	return e ? e : table.highest;
}

static i64 usage(struct request *r)
{
	struct sysv_shm_info i = {.used_ids = (i32)table.used};
	for (u32 k = 0; k < SYSV_IDS; k++) {
		struct weft_mem_info m;
		const struct segment *s = (const struct segment *)table.at[k];
		if (!s || weft_mem_ctl((u64)s->mem, WEFT_MEM_INFO, PTR(&m), 0, 0) < 0)
			continue;
		i.tot += m.size / WEFT_PAGE_SIZE;
		i.rss += m.resident / WEFT_PAGE_SIZE;
	}
	int e = request_out_all(r, 0, 0, &i, sizeof(i));
	return e ? e : table.highest;
}

static i64 set(struct request *r, struct segment *s)
{
	struct sysv_shmid d;
	int e = request_in_all(r, 0, 0, &d, sizeof(d));
	return e ? e : sysv_perm_set(&s->o, &d.perm);
}

static i64 remove_segment(struct segment *s)
{
	s->o.mode |= MODE_DEST;
	s->o.key = 0;
	sweep(&sweeper);
	return 0;
}

i64 op_shm_ctl(struct request *r)
{
	u32 cmd = (u32)r->sqe->args[1];
	i64 e;
	sweeper.fn = sweep;
	sweep_now();
	if (cmd == SYSV_INFO || cmd == SYSV_SHM_INFO)
		return cmd == SYSV_INFO ? limits(r) : usage(r);
	if (cmd == SYSV_STAT || cmd == SYSV_SHM_STAT || cmd == SYSV_SHM_STAT_ANY) {
		struct segment *s = (struct segment *)sysv_stat(&table, r, cmd != SYSV_STAT, cmd == SYSV_SHM_STAT_ANY, &e);
		return s ? tell(r, s, cmd == SYSV_STAT ? 0 : sysv_id(&s->o)) : e;
	}
	struct segment *s = (struct segment *)sysv_find(&table, r->sqe->args[0], &e);
	if (!s)
		return e;
	if (!sysv_owns(&s->o, r))
		return -EPERM;
	switch (cmd) {
	case SYSV_RMID:
		return remove_segment(s);
	case SYSV_SET:
		return set(r, s);
	case SYSV_SHM_LOCK: /* memory is never swapped out: only the mark is kept */
		s->o.mode |= MODE_LOCKED;
		return 0;
	case SYSV_SHM_UNLOCK:
		s->o.mode &= ~MODE_LOCKED;
		return 0;
	}
	return -EINVAL;
}
