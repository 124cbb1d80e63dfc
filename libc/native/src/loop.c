/* SPDX-License-Identifier: MIT */
/*
 * One poll set whose data words are the sources. A loop with nothing but one server waits in the server's own receive call, which
 * also sends the replies; otherwise replies go out before the loop waits in the poll set.
 */
#include <native/call.h>
#include <native/loop.h>
#include <native/server.h>
#include <native/time.h>

#define LOOP_BATCH 16

int loop_init(struct loop *l)
{
	i32 fds[2] = {-1, -1};
	i64 r = weft_obj_create(WEFT_OBJ_POLLSET, 0, 0, WEFT_DUP_CLOEXEC | WEFT_DUP_PRIVATE, PTR(fds));
	if (r < 0)
		return (int)r;
	*l = (struct loop){.set = fds[0]};
	return 0;
}

void loop_finish(struct loop *l)
{
	if (l->set >= 0)
		weft_fd_close(l->set);
	l->set = -1;
}

static int control(struct loop *l, struct loop_source *s, u32 op, u32 events)
{
	struct weft_poll_event e = {.events = events, .data = PTR(s)};
	return (int)weft_poll_ctl(l->set, op, s->fd, PTR(&e));
}

int loop_add(struct loop *l, struct loop_source *s)
{
	int r = control(l, s, WEFT_POLL_ADD, s->events);
	if (r == 0 && !s->server)
		l->nsources++;
	return r;
}

int loop_modify(struct loop *l, struct loop_source *s, u32 events)
{
	int r = control(l, s, WEFT_POLL_MOD, events);
	if (r == 0)
		s->events = events;
	return r;
}

void loop_remove(struct loop *l, struct loop_source *s)
{
	control(l, s, WEFT_POLL_DEL, 0);
	if (!s->server && l->nsources)
		l->nsources--;
	for (u32 i = 0; i < l->nbatch; i++) {
		if (l->batch[i].data == PTR(s))
			l->batch[i].data = 0;
	}
}

void loop_timer_clear(struct loop *l, struct loop_timer *t)
{
	if (!t->armed)
		return;
	for (struct loop_timer **p = &l->timers; *p; p = &(*p)->next) {
		if (*p == t) {
			*p = t->next;
			break;
		}
	}
	t->armed = false;
}

void loop_timer_set(struct loop *l, struct loop_timer *t, i64 deadline)
{
	loop_timer_clear(l, t);
	struct loop_timer **p = &l->timers;
	while (*p && (*p)->deadline <= deadline)
		p = &(*p)->next;
	t->deadline = deadline;
	t->armed = true;
	t->next = *p;
	*p = t;
}

/* Runs what is due; -> the next deadline. */
static i64 run_timers(struct loop *l)
{
	while (l->timers && !l->stop) {
		struct loop_timer *t = l->timers;
		if (t->deadline > time_monotonic())
			return t->deadline;
		l->timers = t->next;
		t->armed = false;
		t->fn(t);
	}
	return WEFT_FOREVER;
}

static bool no_events(i64 r)
{
	return r == 0 || r == -EAGAIN || r == -ETIMEDOUT || r == -EINTR;
}

static int wait_and_dispatch(struct loop *l, i64 deadline)
{
	struct weft_poll_event events[LOOP_BATCH];
	i64 n = weft_poll_wait(l->set, PTR(events), LOOP_BATCH, deadline);
	if (n < 0)
		return no_events(n) ? 0 : (int)n;
	l->batch = events;
	l->nbatch = (u32)n;
	for (i64 i = 0; i < n && !l->stop; i++) {
		struct loop_source *s = (struct loop_source *)(uintptr_t)events[i].data;
		if (s)
			s->fn(s, events[i].events);
	}
	l->nbatch = 0;
	l->batch = NULL;
	return 0;
}

int loop_run(struct loop *l)
{
	l->stop = false;
	while (!l->stop) {
		i64 deadline = run_timers(l);
		if (l->stop)
			break;
		int r;
		if (l->nservers == 1 && l->nsources == 0) {
			i64 n = server_turn(l->servers, deadline);
			r = n < 0 && !no_events(n) ? (int)n : 0;
		} else {
			for (struct server *s = l->servers; s; s = s->loop_next)
				server_flush(s);
			r = wait_and_dispatch(l, deadline);
		}
		if (r < 0)
			return r;
	}
	for (struct server *s = l->servers; s; s = s->loop_next)
		server_flush(s);
	return 0;
}

void loop_stop(struct loop *l)
{
	l->stop = true;
}
