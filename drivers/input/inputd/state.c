/* SPDX-License-Identifier: MIT */
/*
 * What the next inputd must know, in memory that outlives this one (`state` in its manifest): which devices have which number, and of
 * each open file its clock, masks, grab and revocation. Queued events and pressed keys are lost, and clients are told so
 * (SYN_DROPPED): they ask for the state then, as after any overflow.
 */
#include "inputd.h"

#include <native/start.h>
#include <stdlib.h>

#define MAGIC	    0x64706e69u
#define MAX_CLIENTS 96
#define MASK_BYTES  (INPUTP_KEYS / 8)

struct saved_input {
	bool used;
	u32 repeat_delay, repeat_period;
	u8 leds[2];
	struct inputp_device d;
};

struct saved_client {
	u64 handle; /* 0: free */
	i32 clock;
	bool revoked, grabs, found;
	u32 masked; /* bit per event type */
	u8 mask[EV_CNT][MASK_BYTES];
};

struct saved {
	u32 magic;
	struct saved_input input[MAX_INPUTS];
	struct saved_client client[MAX_CLIENTS];
};
_Static_assert(sizeof(struct saved) <= 524288, "the manifest's size");

static struct saved *saved;

static struct saved_client *slot(u64 handle)
{
	for (u32 i = 0; saved && i < MAX_CLIENTS; i++)
		if (saved->client[i].handle == handle)
			return &saved->client[i];
	return NULL;
}

void state_input(const struct input *in)
{
	if (!saved)
		return;
	struct saved_input *s = &saved->input[in->number];

	s->d = in->d;
	s->repeat_delay = in->repeat_delay;
	s->repeat_period = in->repeat_period;
	memcpy(s->leds, in->leds, sizeof(s->leds));
	s->used = true;
}

void state_client(const struct client *c)
{
	struct saved_client *s = slot(c->h->id);

	if (!s)
		s = slot(0);
	if (!s)
		return;
	s->clock = c->clock;
	s->revoked = c->revoked;
	s->grabs = c->in->grab == c;
	s->masked = 0;
	for (u32 type = 0; type < EV_CNT; type++) {
		if (!c->masks[type])
			continue;
		memcpy(s->mask[type], c->masks[type], (code_max(type) + 7) / 8);
		s->masked |= 1u << type;
	}
	s->found = true;
	s->handle = c->h->id;
}

void state_client_gone(const struct client *c)
{
	struct saved_client *s = slot(c->h->id);

	if (s)
		s->handle = 0;
}

bool state_restore(struct client *c)
{
	struct saved_client *s = slot(c->h->id);

	if (!s)
		return false;
	s->found = true;
	c->clock = s->clock;
	c->revoked = s->revoked;
	if (s->grabs)
		c->in->grab = c;
	for (u32 type = 0; type < EV_CNT; type++) {
		u32 bytes = (code_max(type) + 7) / 8;

		if (!(s->masked >> type & 1) || !bytes)
			continue;
		c->masks[type] = malloc(bytes);
		if (c->masks[type])
			memcpy(c->masks[type], s->mask[type], bytes);
	}
	return true;
}

void state_load(struct input *(*make)(const struct inputp_device *d))
{
	i32 fd = native_fd("state");
	i64 at = fd < 0 ? fd :
		weft_mem_map(-1, 0, sizeof(*saved),
			WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_SHARED, (u64)fd, 0);

	if (at <= 0)
		return;
	saved = (struct saved *)at;
	if (saved->magic != MAGIC) {
		saved->magic = MAGIC;
		return;
	}
	for (u32 i = 0; i < MAX_INPUTS && saved->input[i].used; i++) {
		struct saved_input s = saved->input[i];
		struct input *in = make(&s.d);

		if (!in)
			return;
		in->repeat_delay = s.repeat_delay;
		in->repeat_period = s.repeat_period;
		memcpy(in->leds, s.leds, sizeof(in->leds));
		state_input(in);
	}
	for (u32 i = 0; i < MAX_CLIENTS; i++)
		saved->client[i].found = false;
}

/* Files that were closed while there was no inputd. */
void state_sweep(void)
{
	for (u32 i = 0; saved && i < MAX_CLIENTS; i++)
		if (!saved->client[i].found)
			saved->client[i].handle = 0;
}
