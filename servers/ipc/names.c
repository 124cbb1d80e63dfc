/* SPDX-License-Identifier: MIT */
#include "names.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 512
static struct binding *buckets[BUCKETS];
static u32 count;

static u32 key_hash(const struct key *k)
{
	u64 h = k->scheme * 31 + k->node;
	for (u32 i = 0; i < k->len; i++)
		h = (h ^ k->bytes[i]) * 0x100000001b3ull;
	return (u32)((h ^ h >> 32) % BUCKETS);
}

static bool key_equal(const struct key *a, const struct key *b)
{
	return a->scheme == b->scheme && a->node == b->node && a->len == b->len &&
	       memcmp(a->bytes, b->bytes, a->len) == 0;
}

struct binding *binding_find(const struct key *k)
{
	struct binding *b = buckets[key_hash(k)];
	while (b && !key_equal(&b->key, k))
		b = b->next;
	return b;
}

struct binding *binding_of(u64 socket)
{
	for (u32 i = 0; i < BUCKETS; i++)
		for (struct binding *b = buckets[i]; b; b = b->next)
			if (b->socket == socket)
				return b;
	return NULL;
}

struct binding *binding_add(const struct key *k, const struct addr *a, u64 socket)
{
	struct binding *b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->key = *k;
	b->addr = *a;
	b->socket = socket;
	b->fd = -1;
	u32 i = key_hash(k);
	b->next = buckets[i];
	buckets[i] = b;
	count++;
	return b;
}

void binding_remove(struct binding *b)
{
	struct binding **at = &buckets[key_hash(&b->key)];
	while (*at != b)
		at = &(*at)->next;
	*at = b->next;
	count--;
	free(b);
}

u32 binding_count(void)
{
	return count;
}

/* A ring of the last sockets, found through an open hash by object number. */
struct name {
	u64 socket;
	struct addr own, peer;
	u32 next; /* in its bucket, index + 1 */
};
static struct name names[NAME_MEMORY];
static u32 heads[NAME_MEMORY]; /* index + 1 */
static u32 at;

static struct name *name_find(u64 socket)
{
	u32 i = heads[socket % NAME_MEMORY];
	while (i && names[i - 1].socket != socket)
		i = names[i - 1].next;
	return i ? &names[i - 1] : NULL;
}

void name_remember(u64 socket, const struct addr *own, const struct addr *peer)
{
	struct name *n = name_find(socket);
	if (!n) {
		n = &names[at];
		if (n->socket) { /* the oldest is forgotten */
			u32 *link = &heads[n->socket % NAME_MEMORY];
			while (*link != at + 1)
				link = &names[*link - 1].next;
			*link = n->next;
		}
		memset(n, 0, sizeof(*n));
		n->socket = socket;
		n->next = heads[socket % NAME_MEMORY];
		heads[socket % NAME_MEMORY] = at + 1;
		at = (at + 1) % NAME_MEMORY;
	}
	if (own)
		n->own = *own;
	if (peer)
		n->peer = *peer;
}

bool name_recall(u64 socket, bool peer, struct addr *out)
{
	struct name *n = name_find(socket);
	if (!n)
		return false;
	*out = peer ? n->peer : n->own;
	return out->len != 0;
}
