/* SPDX-License-Identifier: MIT */
/* Identifiers and permissions of System V's objects: sysvipc(7). */
#include "sysv.h"

#include <native/call.h>
#include <string.h>
#include <time.h>

#define CAP_IPC_OWNER 15
#define CAP_SYS_ADMIN 21
#define PLACE_BITS    15
#define SEQ_MASK      0xffffu

void sysv_caller(const struct request *r, struct weft_identity *out)
{
	memset(out, 0, sizeof(*out));
	if (weft_ident_ctl((u64)-1, WEFT_IDENT_GET, r->sqe->identity, PTR(out)) < 0)
		out->euid = out->egid = ~0u; /* nobody */
}

i64 sysv_now(void)
{
	return time(NULL);
}

i64 sysv_id(const struct sysv *o)
{
	return (i64)(o->seq << PLACE_BITS | o->place);
}

struct sysv *sysv_find(const struct sysv_table *t, u64 id, i64 *error)
{
	u32 place = (u32)id & ((1u << PLACE_BITS) - 1);
	struct sysv *o = (i32)id >= 0 && place < SYSV_IDS ? t->at[place] : NULL;
	*error = o ? -EIDRM : -EINVAL;
	return o && sysv_id(o) == (i64)(u32)id ? o : NULL;
}

static bool has_group(const struct weft_identity *c, u32 gid)
{
	bool found = c->egid == gid;
	for (u32 i = 0; i < c->ngroups && !found; i++)
		found = c->groups[i] == gid;
	return found;
}

bool sysv_may(const struct sysv *o, const struct request *r, u32 want)
{
	struct weft_identity c;
	sysv_caller(r, &c);
	u32 granted = o->mode;
	if (c.euid == o->cuid || c.euid == o->uid)
		granted >>= 6;
	else if (has_group(&c, o->cgid) || has_group(&c, o->gid))
		granted >>= 3;
	return !(want & ~granted & 7) || (c.cap_effective >> CAP_IPC_OWNER & 1);
}

bool sysv_owns(const struct sysv *o, const struct request *r)
{
	struct weft_identity c;
	sysv_caller(r, &c);
	return c.euid == o->cuid || c.euid == o->uid || (c.cap_effective >> CAP_SYS_ADMIN & 1);
}

i64 sysv_get(const struct sysv_table *t, const struct request *r, i32 key, u32 flags, struct sysv **found, bool *make)
{
	*found = NULL;
	for (u32 i = 0; key && i < SYSV_IDS && !*found; i++) {
		if (t->at[i] && t->at[i]->key == key)
			*found = t->at[i];
	}
	*make = !key || (!*found && (flags & SYSV_CREAT));
	if (!*found)
		return -ENOENT;
	if ((flags & (SYSV_CREAT | SYSV_EXCL)) == (SYSV_CREAT | SYSV_EXCL))
		return -EEXIST;
	/* Each class of the mode that is asked for: the caller has one of them. */
	u32 want = (flags >> 6 | flags >> 3 | flags) & 7;
	return sysv_may(*found, r, want) ? sysv_id(*found) : -EACCES;
}

i64 sysv_add(struct sysv_table *t, struct sysv *o, const struct request *r, i32 key, u32 flags)
{
	struct weft_identity c;
	u32 place = 0;
	while (place < SYSV_IDS && t->at[place])
		place++;
	if (place == SYSV_IDS)
		return -ENOSPC;
	sysv_caller(r, &c);
	o->place = place;
	o->seq = t->seq++ & SEQ_MASK;
	o->key = key;
	o->mode = flags & 0777;
	o->uid = o->cuid = c.euid;
	o->gid = o->cgid = c.egid;
	o->ctime = sysv_now();
	t->at[place] = o;
	t->used++;
	if ((i32)place > t->highest)
		t->highest = (i32)place;
	return sysv_id(o);
}

void sysv_drop(struct sysv_table *t, struct sysv *o)
{
	t->at[o->place] = NULL;
	t->used--;
	while (t->highest > 0 && !t->at[t->highest])
		t->highest--;
}

void sysv_perm_out(const struct sysv *o, struct sysv_perm *p)
{
	*p = (struct sysv_perm){.key = o->key, .uid = o->uid, .gid = o->gid, .cuid = o->cuid, .cgid = o->cgid, .mode = o->mode, .seq = (u16)o->seq};
}

int sysv_perm_set(struct sysv *o, const struct sysv_perm *p)
{
	if (p->uid == ~0u || p->gid == ~0u)
		return -EINVAL;
	o->uid = p->uid;
	o->gid = p->gid;
	o->mode = (o->mode & ~0777u) | (p->mode & 0777);
	o->ctime = sysv_now();
	return 0;
}

struct sysv *sysv_stat(const struct sysv_table *t, const struct request *r, bool by_place, bool any, i64 *error)
{
	u64 id = r->sqe->args[0];
	*error = -EINVAL;
	struct sysv *o = !by_place ? sysv_find(t, id, error) : id < SYSV_IDS ? t->at[id] : NULL;
	if (o && !any && !sysv_may(o, r, SYSV_MAY_READ)) {
		*error = -EACCES;
		return NULL;
	}
	return o;
}

bool sysv_cancel(struct request *r)
{
	return sem_cancel(r) || msg_cancel(r);
}
