/* SPDX-License-Identifier: MIT */
#include "syncobj.h"

#include <stdlib.h>

#define MAX_POINTS 1024

struct point {
	struct fs_list link;
	u64 value;
	struct fence *fence;
};

struct syncobj *syncobj_new(void)
{
	struct syncobj *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->refs = 1;
	fsl_init(&s->points);
	fsl_init(&s->watches);
	return s;
}

struct syncobj *syncobj_get(struct syncobj *s)
{
	s->refs++;
	return s;
}

static void drop_points(struct syncobj *s)
{
	fsl_for_each (p, &s->points, struct point, link) {
		fsl_remove(&p->link);
		fence_put(p->fence);
		free(p);
	}
	s->npoints = 0;
}

void syncobj_put(struct syncobj *s)
{
	if (!s || --s->refs)
		return;
	drop_points(s);
	free(s);
}

static void look_all(struct syncobj *s)
{
	/* A look may end its wait and free watches, this object's too: start over until nobody is left to be told. */
	syncobj_get(s);
	struct fs_list todo;
	fsl_init(&todo);
	while (!fsl_empty(&s->watches)) {
		struct fs_list *l = s->watches.next;
		fsl_remove(l);
		fsl_append(&todo, l);
	}
	while (!fsl_empty(&todo)) {
		struct watch *w = fsl_entry(todo.next, struct watch, link);
		fsl_remove(&w->link);
		fsl_append(&s->watches, &w->link);
		w->look(w);
	}
	syncobj_put(s);
}

/* Drops what is over. */
static void prune(struct syncobj *s)
{
	while (s->timeline && s->npoints) {
		struct point *p = fsl_entry(s->points.next, struct point, link);
		if (!p->fence->signalled || p->fence->error)
			break;
		s->done = p->value;
		fsl_remove(&p->link);
		s->npoints--;
		fence_put(p->fence);
		free(p);
	}
}

i64 syncobj_replace(struct syncobj *s, struct fence *fence)
{
	struct point *p = fence ? calloc(1, sizeof(*p)) : NULL;
	if (fence && !p)
		return -ENOMEM;
	drop_points(s);
	s->timeline = false;
	s->done = s->last = 0;
	if (p) {
		p->fence = fence_get(fence);
		fsl_append(&s->points, &p->link);
		s->npoints = 1;
	}
	look_all(s);
	return 0;
}

i64 syncobj_point(struct syncobj *s, u64 value, struct fence *fence)
{
	int e = 0;
	if (!value)
		return syncobj_replace(s, fence);
	prune(s);
	struct point *before = s->npoints ? fsl_entry(s->points.prev, struct point, link) : NULL;
	if (s->npoints >= MAX_POINTS)
		return -ENOMEM;
	struct point *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->fence = before ? fence_both(before->fence, fence, &e) : fence_get(fence);
	if (e) {
		free(p);
		return e;
	}
	if (!s->timeline && before) { /* what was binary is a point before all others */
		s->done = 0;
		before->value = 0;
	}
	s->timeline = true;
	p->value = s->last = value > s->last ? value : s->last;
	fsl_append(&s->points, &p->link);
	s->npoints++;
	prune(s);
	look_all(s);
	return 0;
}

struct fence *syncobj_fence(struct syncobj *s, u64 value, bool *over)
{
	*over = false;
	prune(s);
	if (value == 0) {
		*over = s->timeline && !s->npoints;
		return s->npoints ? fsl_entry(s->points.prev, struct point, link)->fence : NULL;
	}
	if (!s->timeline)
		return NULL;
	if (value <= s->done) {
		*over = true;
		return NULL;
	}
	fsl_for_each (p, &s->points, struct point, link)
		if (p->value >= value)
			return p->fence;
	return NULL;
}

struct fence *syncobj_take(struct syncobj *s, u64 value, i64 *e)
{
	bool over;
	struct fence *f = syncobj_fence(s, value, &over);
	f = over ? fence_done() : fence_get(f);
	*e = f ? 0 : over ? -ENOMEM : -EINVAL;
	return f;
}

u64 syncobj_done(struct syncobj *s)
{
	prune(s);
	return s->timeline ? s->done : 0;
}
