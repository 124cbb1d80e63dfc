/* SPDX-License-Identifier: MIT */
/*
 * Identities are immutable and numbered, never twice. Equal contents share one. One that nobody
 * holds any more is kept for a while (KEEP of them, oldest go first), as a server may be about to
 * ask for a number that it has just been told.
 */
#include "internal.h"

#define KEEP 1024u

static struct list all; /* identity.link: those last made or put first */
static struct identity system = {.refs = 1,
	.id = {.cap_effective = ~0ul, .cap_permitted = ~0ul, .cap_bounding = ~0ul},
	.link = {&all, &all}};
static struct list all = {&system.link, &system.link};
static u32 nidle, last_number;
struct identity *identity_system = &system;

void identity_hold(struct identity *i)
{
	if (!i->refs++)
		nidle--;
}

void identity_set(struct identity **at, struct identity *i)
{
	identity_hold(i);
	identity_put(*at);
	*at = i;
}

void identity_put(struct identity *i)
{
	if (!i || --i->refs)
		return;
	list_del(&i->link);
	list_add_after(&all, &i->link);
	if (++nidle <= KEEP)
		return;
	i = list_entry(all.prev, struct identity, link);
	while (i->refs)
		i = list_entry(i->link.prev, struct identity, link);
	list_del(&i->link);
	nidle--;
	kfree(i);
}

struct identity *identity_get(u32 number)
{
	struct identity *i;

	list_for_each(i, &all, link) {
		if (i->number == number) {
			identity_hold(i);
			return i;
		}
	}
	return NULL;
}

/* Referenced; NULL: no memory or no number. */
static struct identity *find_or_make(const struct weft_identity *id)
{
	struct identity *i;

	list_for_each(i, &all, link) {
		if (!memcmp(&i->id, id, sizeof(*id))) {
			identity_hold(i);
			return i;
		}
	}
	i = last_number < 0x7fffffff ? kzalloc(sizeof(*i)) : NULL;
	if (i) {
		*i = (struct identity){.refs = 1, .number = ++last_number, .id = *id};
		list_add_after(&all, &i->link);
	}
	return i;
}

static i64 mint(u64 user)
{
	struct weft_identity id;
	struct identity *i;

	TRY(copy_from_user(&id, user, sizeof(id)));
	if (id.ngroups > WEFT_IDENT_GROUPS ||
		(id.flags & ~(WEFT_IDENT_NO_NEW_PRIVS | WEFT_IDENT_MINTERS)))
		return -EINVAL;
	memset(id.groups + id.ngroups, 0, (WEFT_IDENT_GROUPS - id.ngroups) * sizeof(id.groups[0]));
	i = find_or_make(&id);
	if (!i)
		return -ENOMEM;
	identity_put(i); /* as the youngest */
	return i->number;
}

i64 sys_ident_ctl(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct identity *i;
	u32 number;
	i64 r;

	switch (a1) {
	case WEFT_IDENT_MINT:
		TRY(resource_require((i32)a0, WEFT_RES_IDENT, NULL));
		return mint(a3);
	case WEFT_IDENT_GET:
		number = (u32)a2 == ~0u ? current_thread()->ident->number : (u32)a2;
		i = identity_get(number);
		if (!i)
			return -ENOENT;
		r = copy_to_user(a3, &i->id, sizeof(i->id));
		identity_put(i);
		return r ? r : number;
	default:
		return -EINVAL;
	}
}
