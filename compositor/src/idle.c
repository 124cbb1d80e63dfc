/* SPDX-License-Identifier: MIT */
#include "idle.h"

#include <stdlib.h>
#include <time.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_idle_inhibit_v1.h>
#include <wlr/types/wlr_idle_notify_v1.h>

#include "action.h"
#include "seat.h"
#include "view.h"

struct idle {
	struct server *server;
	struct wlr_idle_notifier_v1 *notifier;
	struct wlr_idle_inhibit_manager_v1 *inhibit;
	struct wl_event_source *timer;
	int64_t last_activity; /* ms */
	int done;	       /* how many of the actions, by time, have run */
	bool inhibited, armed;
	struct wl_listener new_inhibitor;
};

struct inhibitor {
	struct idle *idle;
	struct wl_listener destroy;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The action that comes next after `done` ones, in the order of their times; NULL. */
static struct idle_config *next_action(struct idle *idle)
{
	struct idle_config *ic, *best = NULL;
	int skip = idle->done, last = 0;

	for (int i = 0; i <= skip; i++) {
		best = NULL;
		wl_list_for_each(ic, &idle->server->config->idles, link)
		{
			if (ic->seconds > last && (best == NULL || ic->seconds < best->seconds)) {
				best = ic;
			}
		}
		if (best == NULL) {
			return NULL;
		}
		last = best->seconds;
	}
	return best;
}

static void arm(struct idle *idle)
{
	struct idle_config *next = next_action(idle);
	int64_t wait;

	if (next == NULL || idle->inhibited) {
		idle->armed = false;
		wl_event_source_timer_update(idle->timer, 0);
		return;
	}
	wait = idle->last_activity + (int64_t)next->seconds * 1000 - now_ms();
	idle->armed = true;
	wl_event_source_timer_update(idle->timer, wait < 1 ? 1 : (int)wait);
}

static void run_at(struct idle *idle, int seconds)
{
	struct idle_config *ic;

	wl_list_for_each(ic, &idle->server->config->idles, link)
	{
		if (ic->seconds == seconds) {
			action_run(idle->server, &ic->action, NULL);
		}
	}
}

static int handle_timer(void *data)
{
	struct idle *idle = data;
	struct idle_config *next = next_action(idle);

	if (next != NULL && !idle->inhibited &&
		now_ms() >= idle->last_activity + (int64_t)next->seconds * 1000) {
		idle->done++;
		run_at(idle, next->seconds);
	}
	arm(idle);
	return 0;
}

static void resume(struct idle *idle)
{
	struct idle_config *ic;
	int64_t idle_for = now_ms() - idle->last_activity;

	idle->done = 0;
	wl_list_for_each(ic, &idle->server->config->idles, link)
	{
		if (ic->resume.def != NULL && idle_for >= (int64_t)ic->seconds * 1000) {
			action_run(idle->server, &ic->resume, NULL);
		}
	}
}

void idle_activity(struct idle *idle)
{
	if (idle == NULL) {
		return;
	}
	if (idle->done > 0) {
		resume(idle);
	}
	idle->last_activity = now_ms();
	if (!idle->armed) {
		arm(idle);
	}
	wlr_idle_notifier_v1_notify_activity(idle->notifier, idle->server->seat->wlr);
}

void idle_apply_config(struct idle *idle)
{
	idle->done = 0;
	idle->last_activity = now_ms();
	arm(idle);
}

void idle_update_inhibited(struct idle *idle)
{
	struct wlr_idle_inhibitor_v1 *inhibitor;
	bool inhibited = false;

	if (idle == NULL) {
		return;
	}
	wl_list_for_each(inhibitor, &idle->inhibit->inhibitors, link)
	{
		struct view *view = view_from_surface(idle->server, inhibitor->surface);

		inhibited |= view != NULL ? view_visible(view) : inhibitor->surface->mapped;
	}
	if (inhibited == idle->inhibited) {
		return;
	}
	idle->inhibited = inhibited;
	idle->last_activity = now_ms();
	wlr_idle_notifier_v1_set_inhibited(idle->notifier, inhibited);
	arm(idle);
}

static void handle_update(void *data)
{
	idle_update_inhibited(data);
}

static void handle_inhibitor_destroy(struct wl_listener *listener, void *data)
{
	struct inhibitor *i = wl_container_of(listener, i, destroy);

	(void)data;
	listener_remove(&i->destroy);
	/* It is still in wlroots' list now. */
	wl_event_loop_add_idle(i->idle->server->loop, handle_update, i->idle);
	free(i);
}

static void handle_new_inhibitor(struct wl_listener *listener, void *data)
{
	struct idle *idle = wl_container_of(listener, idle, new_inhibitor);
	struct wlr_idle_inhibitor_v1 *wlr = data;
	struct inhibitor *i = mem_zalloc(sizeof(*i));

	i->idle = idle;
	listener_add(&wlr->events.destroy, &i->destroy, handle_inhibitor_destroy);
	idle_update_inhibited(idle);
}

struct idle *idle_create(struct server *server)
{
	struct idle *idle = mem_zalloc(sizeof(*idle));

	idle->server = server;
	idle->notifier = wlr_idle_notifier_v1_create(server->display);
	idle->inhibit = wlr_idle_inhibit_v1_create(server->display);
	idle->timer = wl_event_loop_add_timer(server->loop, handle_timer, idle);
	listener_add(
		&idle->inhibit->events.new_inhibitor, &idle->new_inhibitor, handle_new_inhibitor);
	idle_apply_config(idle);
	return idle;
}

void idle_destroy(struct idle *idle)
{
	if (idle != NULL) {
		listener_remove(&idle->new_inhibitor);
		wl_event_source_remove(idle->timer);
		free(idle);
	}
}
