/* SPDX-License-Identifier: MIT */
#include "lock.h"

#include <stdlib.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_session_lock_v1.h>
#include <wlr/util/log.h>

#include "cursor.h"
#include "help.h"
#include "menu.h"
#include "node.h"
#include "output.h"
#include "seat.h"
#include "spawner.h"
#include "switcher.h"

#define RESTART_MS 500

/* The cover of one output, and the client's surface on it, if there is one yet. */
struct lock_output {
	struct wl_list link; /* session_lock.outputs */
	struct session_lock *lock;
	struct output *output;
	struct wlr_scene_tree *tree;
	struct wlr_scene_rect *cover;
	struct node_owner owner;
	struct wlr_session_lock_surface_v1 *surface;
	bool unseen; /* the cover was not drawn yet */
	struct wl_listener surface_destroy, surface_map;
};

struct session_lock {
	struct server *server;
	struct wlr_session_lock_manager_v1 *manager;
	struct wlr_session_lock_v1 *client; /* NULL: not locked, or abandoned */
	bool locked, told;
	struct wl_list outputs;
	struct wl_event_source *restart; /* starts a locker in place of one that died */
	struct wl_listener new_lock, new_surface, unlock, destroy;
};

static const float cover_colour[4] = {0.04f, 0.05f, 0.07f, 1};
/* Tells the user that the lock program died. */
static const float abandoned_colour[4] = {0.35f, 0.08f, 0.08f, 1};

bool session_locked(struct server *server)
{
	return server->lock->locked;
}

struct wlr_surface *session_lock_focus(struct server *server)
{
	struct lock_output *lo;
	struct output *current = output_current(server);
	struct wlr_surface *any = NULL;

	wl_list_for_each(lo, &server->lock->outputs, link)
	{
		if (lo->surface == NULL || !lo->surface->surface->mapped) {
			continue;
		}
		if (lo->output == current) {
			return lo->surface->surface;
		}
		any = lo->surface->surface;
	}
	return any;
}

static void lock_output_destroy(struct lock_output *lo)
{
	listener_remove(&lo->surface_destroy);
	listener_remove(&lo->surface_map);
	wl_list_remove(&lo->link);
	wlr_scene_node_destroy(&lo->tree->node);
	free(lo);
}

static struct lock_output *find_lock_output(struct session_lock *lock, struct output *output)
{
	struct lock_output *lo;

	wl_list_for_each(lo, &lock->outputs, link)
	{
		if (lo->output == output) {
			return lo;
		}
	}
	return NULL;
}

static struct lock_output *cover_output(struct session_lock *lock, struct output *output)
{
	struct lock_output *lo = mem_zalloc(sizeof(*lo));

	lo->lock = lock;
	lo->output = output;
	lo->tree = wlr_scene_tree_create(lock->server->layers[LAYER_LOCK]);
	lo->owner = (struct node_owner){NODE_LOCK, lo};
	node_set_owner(&lo->tree->node, &lo->owner);
	lo->cover = wlr_scene_rect_create(
		lo->tree, 0, 0, lock->client != NULL ? cover_colour : abandoned_colour);
	lo->unseen = output->wlr_output->enabled;
	wl_list_insert(&lock->outputs, &lo->link);
	return lo;
}

void session_lock_arrange(struct server *server)
{
	struct session_lock *lock = server->lock;
	struct output *output;

	if (lock == NULL || !lock->locked) {
		return;
	}
	wl_list_for_each(output, &server->outputs, link)
	{
		struct lock_output *lo = find_lock_output(lock, output);

		if (lo == NULL) {
			lo = cover_output(lock, output);
		}
		wlr_scene_node_set_position(&lo->tree->node, output->box.x, output->box.y);
		wlr_scene_rect_set_size(lo->cover, output->box.width, output->box.height);
		if (lo->surface != NULL) {
			wlr_session_lock_surface_v1_configure(
				lo->surface, output->box.width, output->box.height);
		}
	}
}

/* The client hears that the session is locked once no screen shows anything else any more. */
static void tell_locked(struct session_lock *lock)
{
	struct lock_output *lo;

	if (lock->client == NULL || lock->told) {
		return;
	}
	wl_list_for_each(lo, &lock->outputs, link)
	{
		if (lo->unseen && lo->output->wlr_output->enabled) {
			return;
		}
	}
	lock->told = true;
	wlr_log(WLR_INFO, "session locked");
	wlr_session_lock_v1_send_locked(lock->client);
}

void session_lock_frame(struct server *server, struct output *output)
{
	struct lock_output *lo;

	if (!server->lock->locked || server->lock->told) {
		return;
	}
	lo = find_lock_output(server->lock, output);
	if (lo != NULL) {
		lo->unseen = false;
	}
	tell_locked(server->lock);
}

void session_lock_output_removed(struct server *server, struct output *output)
{
	struct lock_output *lo =
		server->lock != NULL ? find_lock_output(server->lock, output) : NULL;

	if (lo != NULL) {
		lock_output_destroy(lo);
		tell_locked(server->lock);
		seat_refresh_focus(server->seat);
	}
}

static void handle_surface_destroy(struct wl_listener *listener, void *data)
{
	struct lock_output *lo = wl_container_of(listener, lo, surface_destroy);

	(void)data;
	seat_forget_surface(lo->lock->server->seat, lo->surface->surface);
	listener_remove(&lo->surface_destroy);
	listener_remove(&lo->surface_map);
	lo->surface = NULL;
	seat_refresh_focus(lo->lock->server->seat);
}

static void handle_surface_map(struct wl_listener *listener, void *data)
{
	struct lock_output *lo = wl_container_of(listener, lo, surface_map);

	(void)data;
	seat_refresh_focus(lo->lock->server->seat);
	seat_scene_changed(lo->lock->server->seat);
}

static void handle_new_surface(struct wl_listener *listener, void *data)
{
	struct session_lock *lock = wl_container_of(listener, lock, new_surface);
	struct wlr_session_lock_surface_v1 *surface = data;
	struct output *output = output_from_wlr(lock->server, surface->output);
	struct lock_output *lo = output != NULL ? find_lock_output(lock, output) : NULL;

	if (lo == NULL || lo->surface != NULL) {
		return;
	}
	lo->surface = surface;
	wlr_scene_subsurface_tree_create(lo->tree, surface->surface);
	listener_add(&surface->events.destroy, &lo->surface_destroy, handle_surface_destroy);
	listener_add(&surface->surface->events.map, &lo->surface_map, handle_surface_map);
	wlr_session_lock_surface_v1_configure(surface, output->box.width, output->box.height);
}

static void uncover(struct session_lock *lock)
{
	struct lock_output *lo, *next;

	wl_list_for_each_safe(lo, next, &lock->outputs, link)
	{
		lock_output_destroy(lo);
	}
}

static void forget_client(struct session_lock *lock)
{
	listener_remove(&lock->new_surface);
	listener_remove(&lock->unlock);
	listener_remove(&lock->destroy);
	lock->client = NULL;
}

static void handle_unlock(struct wl_listener *listener, void *data)
{
	struct session_lock *lock = wl_container_of(listener, lock, unlock);

	(void)data;
	wlr_log(WLR_INFO, "session unlocked");
	forget_client(lock);
	lock->locked = false;
	uncover(lock);
	seat_refresh_focus(lock->server->seat);
	seat_scene_changed(lock->server->seat);
}

static int handle_restart(void *data)
{
	struct session_lock *lock = data;
	const char *locker = lock->server->config->locker;

	if (lock->locked && lock->client == NULL && locker != NULL) {
		spawner_run(lock->server->spawner, locker);
	}
	return 0;
}

static void handle_client_destroy(struct wl_listener *listener, void *data)
{
	struct session_lock *lock = wl_container_of(listener, lock, destroy);
	struct lock_output *lo;

	(void)data;
	wlr_log(WLR_ERROR, "the lock program ended without unlocking: the session stays locked");
	forget_client(lock);
	wl_list_for_each(lo, &lock->outputs, link)
	{
		wlr_scene_rect_set_color(lo->cover, abandoned_colour);
	}
	seat_refresh_focus(lock->server->seat);
	wl_event_source_timer_update(lock->restart, RESTART_MS);
}

static void handle_new_lock(struct wl_listener *listener, void *data)
{
	struct session_lock *lock = wl_container_of(listener, lock, new_lock);
	struct wlr_session_lock_v1 *client = data;

	if (lock->client != NULL) {
		wlr_session_lock_v1_destroy(client);
		return;
	}
	menu_close(lock->server);
	help_close(lock->server);
	switcher_cancel(lock->server);
	cursor_end_grab(lock->server->seat->cursor);
	uncover(lock);
	lock->client = client;
	lock->locked = true;
	lock->told = false;
	listener_add(&client->events.new_surface, &lock->new_surface, handle_new_surface);
	listener_add(&client->events.unlock, &lock->unlock, handle_unlock);
	listener_add(&client->events.destroy, &lock->destroy, handle_client_destroy);
	session_lock_arrange(lock->server);
	seat_refresh_focus(lock->server->seat);
	seat_scene_changed(lock->server->seat);
	tell_locked(lock);
}

struct session_lock *session_lock_create(struct server *server)
{
	struct session_lock *lock = mem_zalloc(sizeof(*lock));

	lock->server = server;
	wl_list_init(&lock->outputs);
	lock->restart = wl_event_loop_add_timer(server->loop, handle_restart, lock);
	lock->manager = wlr_session_lock_manager_v1_create(server->display);
	listener_add(&lock->manager->events.new_lock, &lock->new_lock, handle_new_lock);
	return lock;
}

void session_lock_destroy(struct session_lock *lock)
{
	if (lock == NULL) {
		return;
	}
	listener_remove(&lock->new_lock);
	wl_event_source_remove(lock->restart);
	forget_client(lock);
	uncover(lock);
	free(lock);
}
