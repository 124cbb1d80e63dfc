/* SPDX-License-Identifier: MIT */
#include "fence.h"

#include <native/time.h>
#include <stdlib.h>

u64 fence_context(void)
{
	static u64 last;
	return ++last;
}

struct fence *fence_new(u64 context)
{
	static u64 seqno;
	struct fence *f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->refs = 1;
	f->context = context;
	f->seqno = ++seqno;
	fsl_init(&f->callbacks);
	return f;
}

struct fence *fence_done(void)
{
	struct fence *f = fence_new(0);
	if (f) {
		f->signalled = true;
		f->when = time_monotonic();
	}
	return f;
}

struct fence *fence_get(struct fence *f)
{
	if (f)
		f->refs++;
	return f;
}

void fence_put(struct fence *f)
{
	if (!f || --f->refs)
		return;
	for (u32 i = 0; i < f->nparts; i++) {
		fence_unwait(&f->parts[i].cb);
		fence_put(f->parts[i].fence);
	}
	free(f->parts);
	free(f);
}

void fence_signal(struct fence *f, int error)
{
	if (!f || f->signalled)
		return;
	f->signalled = true;
	f->error = error;
	f->when = time_monotonic();
	fence_get(f);
	while (!fsl_empty(&f->callbacks)) {
		struct fence_cb *cb = fsl_entry(f->callbacks.next, struct fence_cb, link);
		fsl_remove(&cb->link);
		cb->fence = NULL;
		cb->fn(cb);
		fence_put(f);
	}
	fence_put(f);
}

bool fence_wait(struct fence *f, struct fence_cb *cb)
{
	if (f->signalled)
		return false;
	cb->fence = fence_get(f);
	fsl_append(&f->callbacks, &cb->link);
	return true;
}

void fence_unwait(struct fence_cb *cb)
{
	struct fence *f = cb->fence;
	if (!f)
		return;
	fsl_remove(&cb->link);
	cb->fence = NULL;
	fence_put(f);
}

static void part_done(struct fence_cb *cb)
{
	struct fence_part *p = fsl_entry(cb, struct fence_part, cb);
	struct fence *a = p->array;
	if (p->fence->error && !a->error)
		a->error = p->fence->error;
	if (--a->left == 0)
		fence_signal(a, a->error);
}

/* The parts of one fence that still count; of the same context only the last one does. */
static bool collect(struct fence **list, u32 *n, struct fence *f)
{
	u32 count = f->nparts ? f->nparts : 1;
	for (u32 i = 0; i < count; i++) {
		struct fence *p = f->nparts ? f->parts[i].fence : f;
		u32 k = 0;
		while (k < *n && (list[k]->context != p->context || !p->context))
			k++;
		if (k < *n) {
			if (p->seqno > list[k]->seqno)
				list[k] = p;
			continue;
		}
		if (p->signalled && !p->error)
			continue;
		if (*n == FENCE_PARTS)
			return false;
		list[(*n)++] = p;
	}
	return true;
}

struct fence *fence_both(struct fence *a, struct fence *b, int *error)
{
	struct fence *list[FENCE_PARTS];
	u32 n = 0;
	*error = 0;
	if (!a || !b || a == b)
		return fence_get(a ? a : b);
	if (!collect(list, &n, a) || !collect(list, &n, b)) {
		*error = -ENOSPC;
		return NULL;
	}
	if (n <= 1) {
		struct fence *one = n ? list[0] : a->when > b->when ? a : b;
		return fence_get(one);
	}
	struct fence *f = fence_new(fence_context());
	if (f)
		f->parts = calloc(n, sizeof(*f->parts));
	if (!f || !f->parts) {
		free(f);
		*error = -ENOMEM;
		return NULL;
	}
	f->nparts = n;
	f->left = 1; /* held back until all are waited for */
	for (u32 i = 0; i < n; i++) {
		struct fence_part *p = &f->parts[i];
		*p = (struct fence_part){.cb = {.fn = part_done}, .array = f, .fence = fence_get(list[i])};
		if (fence_wait(p->fence, &p->cb))
			f->left++;
		else if (p->fence->error && !f->error)
			f->error = p->fence->error;
	}
	if (--f->left == 0)
		fence_signal(f, f->error);
	return f;
}
