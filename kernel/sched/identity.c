/* SPDX-License-Identifier: MIT */
/*
 * Identities are immutable and numbered, never twice. Equal contents share one. One that nobody
 * holds any more is kept for a while (KEEP of them, oldest go first), as a server may be about to
 * ask for a number that it has just been told.
 */
#include "internal.h"

#define BUCKETS 256u
#define KEEP	1024u

static struct list by_number[BUCKETS]; /* identity.link */
static struct list idle;	       /* identity.idle_link */
static u32 nidle, next_number;
static struct identity system_identity;
struct identity *identity_system = &system_identity;

void identity_init(void)
{
	if (system_identity.refs)
		return;
	for (u32 i = 0; i < BUCKETS; i++)
		list_init(&by_number[i]);
	list_init(&idle);
	list_init(&system_identity.idle_link);
	system_identity.refs = 1;
	system_identity.id.cap_effective = system_identity.id.cap_permitted =
		system_identity.id.cap_bounding = ~0ul;
	list_add_tail(&by_number[0], &system_identity.link);
	next_number = 1;
}

void identity_hold(struct identity *i)
{
	if (!i->refs++) {
		list_del(&i->idle_link);
		nidle--;
	}
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
	list_add_tail(&idle, &i->idle_link);
	if (++nidle <= KEEP)
		return;
	i = list_first(&idle, struct identity, idle_link);
	list_del(&i->idle_link);
	list_del(&i->link);
	nidle--;
	kfree(i);
}

struct identity *identity_get(u32 number)
{
	struct identity *i;

	list_for_each(i, &by_number[number % BUCKETS], link) {
		if (i->number == number) {
			identity_hold(i);
			return i;
		}
	}
	return NULL;
}

static struct identity *find_equal(const struct weft_identity *id)
{
	struct identity *i;

	for (u32 b = 0; b < BUCKETS; b++) {
		list_for_each(i, &by_number[b], link) {
			if (!memcmp(&i->id, id, sizeof(*id)))
				return i;
		}
	}
	return NULL;
}

static i64 mint(u64 user)
{
	struct weft_identity id;
	struct identity *i;
	u32 number;

	if (copy_from_user(&id, user, sizeof(id)))
		return -EFAULT;
	if (id.ngroups > WEFT_IDENT_GROUPS || (id.flags & ~(WEFT_IDENT_NO_NEW_PRIVS | WEFT_IDENT_MINTERS)))
		return -EINVAL;
	memset(id.groups + id.ngroups, 0, (WEFT_IDENT_GROUPS - id.ngroups) * sizeof(id.groups[0]));
	i = find_equal(&id);
	if (i) {
		identity_hold(i); /* moves it to the young end */
	} else {
		if (next_number >= 0x7fffffffu)
			return -ENOSPC;
		i = kzalloc(sizeof(*i));
		if (!i)
			return -ENOMEM;
		*i = (struct identity){.refs = 1, .number = next_number++, .id = id};
		list_add_tail(&by_number[i->number % BUCKETS], &i->link);
	}
	number = i->number;
	identity_put(i);
	return number;
}

i64 sys_ident_ctl(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct identity *i;
	u32 number;
	i64 r;

	switch (a1) {
	case WEFT_IDENT_MINT:
		r = resource_require((i32)a0, WEFT_RES_IDENT, NULL);
		return r ? r : mint(a3);
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
