/* SPDX-License-Identifier: MIT */
/* An event loop for servers and drivers: fds, timers and schemes (server.h) on one poll set, in one thread. */
#ifndef NATIVE_LOOP_H
#define NATIVE_LOOP_H

#include <weft/event.h>

struct server;
struct loop_source {
	void (*fn)(struct loop_source *s, u32 ready);
	void *ctx;
	i32 fd;
	u32 events;
	struct server *server; /* the loop's own */
};
struct loop_timer {
	void (*fn)(struct loop_timer *t);
	void *ctx;
	i64 deadline;
	bool armed;
	struct loop_timer *next;
};
struct loop {
	i32 set;
	u32 nservers, nsources;
	struct server *servers;
	struct loop_timer *timers; /* by deadline */
	struct weft_poll_event *batch; /* being dispatched: loop_remove takes its source out */
	u32 nbatch;
	bool stop;
};

int loop_init(struct loop *l);
void loop_finish(struct loop *l);
/** Calls s->fn when s->fd is ready for s->events (WEFT_POLL*; level unless WEFT_POLLET). s stays the caller's. */
int loop_add(struct loop *l, struct loop_source *s);
int loop_modify(struct loop *l, struct loop_source *s, u32 events);
void loop_remove(struct loop *l, struct loop_source *s);
/** Arms or moves a timer; the deadline is absolute. */
void loop_timer_set(struct loop *l, struct loop_timer *t, i64 deadline);
void loop_timer_clear(struct loop *l, struct loop_timer *t);
/** Serves until loop_stop (0) or a call fails (its errno). */
int loop_run(struct loop *l);
void loop_stop(struct loop *l);

#endif
