/* SPDX-License-Identifier: MIT */
/* Requests that are answered later: each is a sleeper, woken by a fence, a time, a vblank, or because its client was interrupted. */
#include "drm.h"

#include <native/server.h>
#include <stdlib.h>

static struct fs_list all = {&all, &all};

struct sleeper *sleeper_new(struct fsreq *r, u32 size, void (*wake)(struct sleeper *s, i64 why))
{
	struct sleeper *s = calloc(1, size);
	if (!s)
		return NULL;
	s->kept = fs_keep(r);
	if (!s->kept) {
		free(s);
		return NULL;
	}
	s->wake = wake;
	fsl_append(&all, &s->link);
	return s;
}

/* The request again, as the handler saw it. */
struct fsreq sleeper_request(const struct sleeper *s)
{
	struct request *k = s->kept;
	return (struct fsreq){.fs = &tree, .rq = k, .sqe = k->sqe, .h = handle_find(&tree, k->sqe->handle), .cred = fs_identity(k->sqe->identity)};
}

/* The handle may be closed by this, with all that hangs on it: it is the last thing that its caller does with either. */
void sleeper_end(struct sleeper *s, i64 result)
{
	void *kept = s->kept;
	fsl_remove(&s->link);
	fence_unwait(&s->cb);
	loop_timer_clear(vfs_loop(&tree), &s->timer);
	free(s);
	fs_finish(kept, result);
}

static void by_fence(struct fence_cb *cb)
{
	struct sleeper *s = fsl_entry(cb, struct sleeper, cb);
	s->wake(s, 0);
}

static void by_time(struct loop_timer *t)
{
	struct sleeper *s = t->ctx;
	s->wake(s, -ETIME);
}

bool sleeper_fence(struct sleeper *s, struct fence *f)
{
	s->cb.fn = by_fence;
	return fence_wait(f, &s->cb);
}

void sleeper_deadline(struct sleeper *s, i64 deadline)
{
	s->timer.fn = by_time;
	s->timer.ctx = s;
	loop_timer_set(vfs_loop(&tree), &s->timer, deadline);
}

void sleeper_cancel(struct fsreq *r, void *kept)
{
	(void)r;
	fsl_for_each (s, &all, struct sleeper, link)
		if (s->kept == kept) {
			s->wake(s, -EINTR);
			return;
		}
}
