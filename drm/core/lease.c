/* SPDX-License-Identifier: MIT */
/*
 * Masters and leases. A master is who may set modes: the first to open the card, or whoever SET_MASTER made so. A lessee is a master of some
 * objects of its lessor's, through a file of its own; it counts for as long as its lessor is the card's master.
 * Lessors still see and may use what they have leased, as on Linux. A lease is over when its last file closes, or by REVOKE_LEASE:
 * then the lessee holds nothing.
 */
#include "drm.h"

#include <native/server.h>
#include <stdlib.h>

struct master *card_master;
static struct fs_list lessees = {&lessees, &lessees};
static u32 last_lessee;

#define MAX_LEASED (4 * MAX_OUTPUTS)

static struct master *master_new(struct master *lessor, u32 objects)
{
	struct master *m = calloc(1, sizeof(*m));
	if (!m)
		return NULL;
	*m = (struct master){.refs = 1, .lessor = lessor, .objects = objects};
	fsl_init(&m->link);
	if (lessor) {
		lessor->refs++;
		m->id = ++last_lessee;
		fsl_append(&lessees, &m->link);
	}
	return m;
}

static void master_put(struct master *m)
{
	while (m && --m->refs == 0) {
		struct master *up = m->lessor;
		fsl_remove(&m->link);
		free(m);
		m = up;
	}
}

static struct master *owner(struct master *m)
{
	return m->lessor ? m->lessor : m;
}

bool is_master(const struct drmfile *f)
{
	return f->is_master && card_master && owner(f->master) == card_master;
}

static int become(struct drmfile *f)
{
	struct master *m = master_new(NULL, 0);
	if (!m)
		return -ENOMEM;
	master_put(f->master);
	f->master = m;
	f->is_master = f->was_master = f->authenticated = true;
	card_master = m;
	m->refs++;
	return 0;
}

/* A file of the card has been opened. */
int master_open(struct drmfile *f)
{
	if (!card_master)
		return become(f);
	f->master = card_master;
	card_master->refs++;
	return 0;
}

static void drop(void)
{
	struct master *m = card_master;
	card_master = NULL;
	master_put(m);
}

void master_close(struct drmfile *f)
{
	struct master *m = f->master;
	if (!m)
		return;
	f->master = NULL;
	if (f->is_master && m == card_master)
		drop();
	bool lessee = m->lessor && f->is_master;
	if (lessee)
		m->objects = 0;
	master_put(m);
	if (lessee)
		sysfs_lease();
}

static int may_change(const struct fsreq *r)
{
	const struct drmfile *f = file_of(r);
	return (f->was_master && f->pid == r->sqe->pid) || cred_capable(r->cred, CAP_SYS_ADMIN) ? 0 : -EACCES;
}

i64 master_set(struct fsreq *r)
{
	struct drmfile *f = file_of(r);
	if (may_change(r))
		return -EACCES;
	if (is_master(f))
		return 0;
	if (card_master)
		return -EBUSY;
	if (f->master->lessor)
		return -EINVAL;
	if (!f->is_master)
		return become(f);
	card_master = f->master;
	card_master->refs++;
	return 0;
}

i64 master_drop(struct fsreq *r)
{
	struct drmfile *f = file_of(r);
	if (may_change(r))
		return -EACCES;
	if (!is_master(f) || f->master->lessor)
		return -EINVAL;
	drop();
	return 0;
}

/* An object's bit in a set; 0: not of a kind that is leased. */
static u32 bit_of(u32 id)
{
	int i = output_of_crtc(id);
	if (i >= 0)
		return 1u << i;
	i = output_of_connector(id);
	if (i >= 0)
		return 1u << (MAX_OUTPUTS + i);
	i = plane_of(id);
	return i >= 0 ? 1u << (2 * MAX_OUTPUTS + i) : 0;
}

static u32 id_of(u32 bit)
{
	return bit < MAX_OUTPUTS ? ID_CRTC + bit : bit < 2 * MAX_OUTPUTS ? ID_CONNECTOR + bit - MAX_OUTPUTS : ID_PLANE + bit - 2 * MAX_OUTPUTS;
}

bool leased_to(const struct drmfile *f, u32 id)
{
	u32 bit = bit_of(id);
	return !f->master || !f->master->lessor || !bit || f->master->objects & bit;
}

/* Of the CRTCs that a file sees, which one i is, or as a mask. */
u32 crtc_mask_for(const struct drmfile *f, u32 mask)
{
	u32 out = 0, at = 0;
	for (u32 i = 0; i < noutputs; i++) {
		if (!leased_to(f, ID_CRTC + i))
			continue;
		if (mask >> i & 1)
			out |= 1u << at;
		at++;
	}
	return out;
}

int crtc_at(const struct drmfile *f, u32 index)
{
	for (u32 i = 0; i < noutputs; i++)
		if (leased_to(f, ID_CRTC + i) && index-- == 0)
			return (int)i;
	return -1;
}

static u32 leased_by(const struct master *m)
{
	u32 all = 0;
	fsl_for_each (l, &lessees, struct master, link)
		if (l->lessor == m)
			all |= l->objects;
	return all;
}

/* The set that a list of ids makes: each once, free, and of all the kinds that a display needs. */
static int wanted(const struct drmfile *f, const u32 *ids, u32 n, u32 *set)
{
	const u32 crtcs = (1u << MAX_OUTPUTS) - 1, planes = ((1u << 2 * MAX_OUTPUTS) - 1) << 2 * MAX_OUTPUTS;
	*set = 0;
	for (u32 i = 0; i < n; i++) {
		u32 bit = bit_of(ids[i]);
		if (!bit)
			return fb_find(ids[i]) || ids[i] - ID_ENCODER < noutputs ? -EINVAL : -ENOENT;
		if (*set & bit)
			return -EINVAL;
		*set |= bit;
		if (!f->universal && bit & crtcs)
			*set |= 3u << (2 * MAX_OUTPUTS + 2 * (ids[i] - ID_CRTC));
	}
	if (n && (!(*set & crtcs) || !(*set & crtcs << MAX_OUTPUTS) || !(*set & planes)))
		return -EINVAL;
	return *set & leased_by(f->master) ? -EBUSY : 0;
}

i64 lease_create(struct fsreq *r)
{
	struct drm_mode_create_lease a;
	struct drmfile *f = file_of(r);
	u32 ids[MAX_LEASED], set;
	i64 e = ARG_GET(r, a);
	if (e)
		return e;
	if (a.flags & ~(u32)(O_CLOEXEC | O_NONBLOCK) || f->master->lessor || a.object_count > MAX_LEASED)
		return -EINVAL;
	e = a.object_count ? fsreq_in(r, 1, 0, ids, a.object_count * 4) : 0;
	if (!e)
		e = wanted(f, ids, a.object_count, &set);
	if (e)
		return e;
	a.lessee_id = last_lessee + 1;
	e = ARG_PUT(r, a);
	if (e)
		return e;
	struct master *m = master_new(f->master, set);
	if (!m)
		return -ENOMEM;
	e = vfs_give_handle(r, r->h->dentry, O_RDWR | (a.flags & O_NONBLOCK));
	if (e < 0) {
		master_put(m);
		return e;
	}
	struct drmfile *lessee = handle_find(&tree, r->fd.handle)->priv;
	master_put(lessee->master);
	lessee->master = m;
	lessee->is_master = lessee->authenticated = true;
	return 0;
}

static i64 list(struct fsreq *r, const u32 *ids, u32 n)
{
	struct drm_mode_list_lessees a; /* GET_LEASE has the same layout */
	i64 e = ARG_GET(r, a);
	if (!e && a.pad)
		e = -EINVAL;
	if (e)
		return e;
	/* What fits is given, and how many there are. */
	u32 fit = n < a.count_lessees ? n : a.count_lessees;
	e = put_list(r, 1, ids, fit, 4, a.count_lessees);
	a.count_lessees = n;
	return e ? e : ARG_PUT(r, a);
}

i64 lease_list(struct fsreq *r)
{
	u32 ids[64], n = 0;
	fsl_for_each (l, &lessees, struct master, link)
		if (l->lessor == file_of(r)->master && l->objects && n < 64)
			ids[n++] = l->id;
	return list(r, ids, n);
}

i64 lease_get(struct fsreq *r)
{
	const struct drmfile *f = file_of(r);
	u32 ids[MAX_LEASED], n = 0;
	for (u32 bit = 0; bit < MAX_LEASED; bit++)
		if (bit_of(id_of(bit)) && leased_to(f, id_of(bit)))
			ids[n++] = id_of(bit);
	return list(r, ids, n);
}

i64 lease_revoke(struct fsreq *r)
{
	struct drm_mode_revoke_lease a;
	i64 e = ARG_GET(r, a);
	if (e)
		return e;
	fsl_for_each (l, &lessees, struct master, link) {
		if (l->id != a.lessee_id)
			continue;
		if (l->lessor != file_of(r)->master)
			return -EACCES;
		l->objects = 0;
		sysfs_lease();
		return 0;
	}
	return -ENOENT;
}

i64 master_magic(struct fsreq *r)
{
	struct drm_auth a = {.magic = file_of(r)->magic};
	return ARG_PUT(r, a);
}

/* Authenticates a file of the same master's. */
i64 master_auth(struct fsreq *r)
{
	struct drm_auth a;
	i64 e = ARG_GET(r, a);
	if (e)
		return e;
	fsl_for_each (f, &files, struct drmfile, link)
		if (a.magic && f->magic == a.magic && f->master && f->master == file_of(r)->master) {
			f->authenticated = true;
			f->magic = 0;
			return 0;
		}
	return -EINVAL;
}
