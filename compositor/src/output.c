/* SPDX-License-Identifier: MIT */
#include "output.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>
#include <wlr/backend/headless.h>
#include <wlr/types/wlr_drm_lease_v1.h>
#include <wlr/types/wlr_gamma_control_v1.h>
#include <wlr/types/wlr_output_layout.h>
#include <wlr/util/log.h>

#include "arrange.h"
#include "cursor.h"
#include "lock.h"
#include "protocols.h"
#include "seat.h"
#include "view.h"
#include "wallpaper.h"

#define RETRY_MS 40

static void handle_first_frame(void *data)
{
	struct server *server = data;

	cursor_first_frame(server->seat->cursor);
}

static void log_first_frame(struct output *output)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	wlr_log(WLR_INFO, "first frame on %s at %lld.%03ld s", output->wlr_output->name,
		(long long)now.tv_sec, now.tv_nsec / 1000000);
	output->framed = true;
	if (output->server->first_frame_idle == NULL) {
		output->server->first_frame_idle = wl_event_loop_add_idle(
			output->server->loop, handle_first_frame, output->server);
	}
}

/* Commits the scene; a gamma ramp that the hardware refuses is given back to its client. */
static bool render(struct output *output)
{
	struct wlr_gamma_control_v1 *gamma;
	struct wlr_output_state state;
	bool ok = true;

	if (!output->gamma_dirty) {
		return wlr_scene_output_commit(output->scene_output, NULL);
	}
	output->gamma_dirty = false;
	gamma = wlr_gamma_control_manager_v1_get_control(
		output->server->protocols->gamma, output->wlr_output);
	wlr_output_state_init(&state);
	if (wlr_scene_output_build_state(output->scene_output, &state, NULL)) {
		if (!wlr_gamma_control_v1_apply(gamma, &state) ||
			!wlr_output_commit_state(output->wlr_output, &state)) {
			wlr_gamma_control_v1_send_failed_and_destroy(gamma);
			ok = wlr_scene_output_commit(output->scene_output, NULL);
		}
	}
	wlr_output_state_finish(&state);
	return ok;
}

/*
 * A display driver that is being restarted refuses frames for a while. Nobody would ask for another
 * one until something changes on the screen, so it is tried again by time.
 */
static int handle_retry(void *data)
{
	struct output *output = data;

	wlr_output_schedule_frame(output->wlr_output);
	return 0;
}

static void frame_refused(struct output *output)
{
	if (output->refused++ % 100 == 0) {
		wlr_log(WLR_ERROR, "%s: a frame was refused; trying again",
			output->wlr_output->name);
	}
	if (output->retry == NULL) {
		output->retry = wl_event_loop_add_timer(output->server->loop, handle_retry, output);
	}
	wl_event_source_timer_update(output->retry, RETRY_MS);
}

static void handle_frame(struct wl_listener *listener, void *data)
{
	struct output *output = wl_container_of(listener, output, frame);
	struct timespec now;

	(void)data;
	if (!output->wlr_output->enabled) {
		return;
	}
	if (!render(output)) {
		frame_refused(output);
		return;
	}
	output->refused = 0;
	session_lock_frame(output->server, output);
	clock_gettime(CLOCK_MONOTONIC, &now);
	wlr_scene_output_send_frame_done(output->scene_output, &now);
	/* Surfaces may have moved under the pointer without any doing of ours. */
	seat_scene_changed(output->server->seat);
	if (!output->framed) {
		log_first_frame(output);
	}
}

static void handle_request_state(struct wl_listener *listener, void *data)
{
	struct output *output = wl_container_of(listener, output, request_state);
	const struct wlr_output_event_request_state *event = data;

	output_commit(output, event->state);
}

static void output_destroy(struct output *output)
{
	struct server *server = output->server;

	listener_remove(&output->frame);
	listener_remove(&output->request_state);
	listener_remove(&output->destroy);
	if (output->retry != NULL) {
		wl_event_source_remove(output->retry);
	}
	wallpaper_destroy(output->wallpaper);
	session_lock_output_removed(server, output);
	wl_list_remove(&output->link);
	output->wlr_output->data = NULL;
	arrange_output_removed(server, output);
	free(output);
	if (server->started) {
		output_management_update(server);
	}
}

static void handle_destroy(struct wl_listener *listener, void *data)
{
	struct output *output = wl_container_of(listener, output, destroy);

	(void)data;
	output_destroy(output);
}

static struct output_config *find_config(struct server *server, struct wlr_output *wlr_output)
{
	struct output_config *oc, *best = NULL;

	wl_list_for_each(oc, &server->config->outputs, link)
	{
		if (strcmp(oc->name, wlr_output->name) == 0 ||
			(best == NULL && strcmp(oc->name, "*") == 0)) {
			best = oc;
		}
	}
	return best;
}

/* The mode of the wanted size whose rate is nearest to the wanted one, or the fastest. */
static struct wlr_output_mode *find_mode(struct wlr_output *o, int width, int height, int refresh)
{
	struct wlr_output_mode *mode, *best = NULL;

	wl_list_for_each(mode, &o->modes, link)
	{
		if (mode->width != width || mode->height != height) {
			continue;
		}
		if (best == NULL) {
			best = mode;
		} else if (refresh == 0) {
			best = mode->refresh > best->refresh ? mode : best;
		} else if (abs(mode->refresh - refresh) < abs(best->refresh - refresh)) {
			best = mode;
		}
	}
	return best;
}

static void set_mode(struct wlr_output_state *state, struct wlr_output *o, struct output_config *oc)
{
	struct wlr_output_mode *mode = NULL;

	if (oc == NULL || oc->width == 0) {
		mode = wlr_output_preferred_mode(o);
		if (mode != NULL) {
			wlr_output_state_set_mode(state, mode);
		}
		return;
	}
	mode = find_mode(o, oc->width, oc->height, oc->refresh);
	if (mode != NULL) {
		wlr_output_state_set_mode(state, mode);
	} else {
		wlr_output_state_set_custom_mode(state, oc->width, oc->height, oc->refresh);
	}
}

/* If the wanted state is refused, tries every mode of the list until one is taken. */
static bool commit_some_mode(struct output *output, struct wlr_output_state *state)
{
	struct wlr_output_mode *mode;

	if (wlr_output_test_state(output->wlr_output, state)) {
		return output_commit(output, state);
	}
	wl_list_for_each(mode, &output->wlr_output->modes, link)
	{
		wlr_output_state_set_mode(state, mode);
		if (wlr_output_test_state(output->wlr_output, state)) {
			wlr_log(WLR_ERROR, "%s: the wanted mode was refused, using %dx%d",
				output->wlr_output->name, mode->width, mode->height);
			return output_commit(output, state);
		}
	}
	wlr_log(WLR_ERROR, "%s: no mode was accepted", output->wlr_output->name);
	return false;
}

static void place_in_layout(struct output *output, struct output_config *oc)
{
	struct server *server = output->server;
	struct wlr_output_layout_output *lo;

	if (!output->wlr_output->enabled && !output->power_off) {
		wlr_output_layout_remove(server->output_layout, output->wlr_output);
		return;
	}
	if (oc != NULL && oc->has_position) {
		lo = wlr_output_layout_add(server->output_layout, output->wlr_output, oc->x, oc->y);
	} else {
		lo = wlr_output_layout_get(server->output_layout, output->wlr_output);
		if (lo != NULL) {
			return;
		}
		lo = wlr_output_layout_add_auto(server->output_layout, output->wlr_output);
	}
	if (lo != NULL && output->scene_output != NULL) {
		wlr_scene_output_layout_add_output(server->scene_layout, lo, output->scene_output);
	}
}

void output_apply_config(struct output *output)
{
	struct output_config *oc = find_config(output->server, output->wlr_output);
	struct wlr_output_state state;

	wlr_output_state_init(&state);
	wlr_output_state_set_enabled(&state, oc == NULL || !oc->off);
	if (oc == NULL || !oc->off) {
		/* On a reload, an unnamed mode is left as it is. */
		if ((oc != NULL && oc->width != 0) || !output->wlr_output->enabled) {
			set_mode(&state, output->wlr_output, oc);
		}
		if (oc != NULL && oc->scale > 0) {
			wlr_output_state_set_scale(&state, (float)oc->scale);
		}
		if (oc != NULL && oc->transform >= 0) {
			wlr_output_state_set_transform(&state, oc->transform);
		}
	}
	commit_some_mode(output, &state);
	wlr_output_state_finish(&state);
	place_in_layout(output, oc);
}

bool output_commit(struct output *output, const struct wlr_output_state *state)
{
	bool ok = wlr_output_commit_state(output->wlr_output, state);

	if (ok && output->server->started) {
		output_handle_layout_change(output->server);
	}
	return ok;
}

void output_handle_new(struct server *server, struct wlr_output *wlr_output)
{
	struct output *output;

	if (wlr_output->non_desktop) {
		if (server->drm_lease != NULL) {
			wlr_drm_lease_v1_manager_offer_output(server->drm_lease, wlr_output);
		}
		return;
	}
	if (!wlr_output_init_render(wlr_output, server->allocator, server->renderer)) {
		wlr_log(WLR_ERROR, "cannot draw on output %s", wlr_output->name);
		return;
	}
	output = mem_zalloc(sizeof(*output));
	output->server = server;
	output->wlr_output = wlr_output;
	wlr_output->data = output;
	wl_list_insert(server->outputs.prev, &output->link);
	listener_add(&wlr_output->events.frame, &output->frame, handle_frame);
	listener_add(
		&wlr_output->events.request_state, &output->request_state, handle_request_state);
	listener_add(&wlr_output->events.destroy, &output->destroy, handle_destroy);
	output->scene_output = wlr_scene_output_create(server->scene, wlr_output);
	output_apply_config(output);
	output_handle_layout_change(server);
}

void output_handle_layout_change(struct server *server)
{
	struct output *output;

	wl_list_for_each(output, &server->outputs, link)
	{
		wlr_output_layout_get_box(server->output_layout, output->wlr_output, &output->box);
		wallpaper_update(output);
	}
	arrange_layers(server);
	arrange_views(server);
	session_lock_arrange(server);
	seat_outputs_changed(server->seat);
	output_management_update(server);
}

struct output *output_from_wlr(struct server *server, struct wlr_output *wlr_output)
{
	struct output *output;

	wl_list_for_each(output, &server->outputs, link)
	{
		if (output->wlr_output == wlr_output) {
			return output;
		}
	}
	return NULL;
}

struct output *output_at(struct server *server, double lx, double ly)
{
	double x, y;
	struct wlr_output *found;

	wlr_output_layout_closest_point(server->output_layout, NULL, lx, ly, &x, &y);
	found = wlr_output_layout_output_at(server->output_layout, x, y);
	return found != NULL ? output_from_wlr(server, found) : NULL;
}

struct output *output_current(struct server *server)
{
	double x, y;

	seat_pointer_position(server->seat, &x, &y);
	return output_at(server, x, y);
}

static struct output *output_beside(
	struct server *server, struct output *from, enum wlr_direction direction)
{
	struct wlr_output *found;

	found = wlr_output_layout_adjacent_output(server->output_layout, direction,
		from->wlr_output, from->box.x + from->box.width / 2.0,
		from->box.y + from->box.height / 2.0);
	return found != NULL ? output_from_wlr(server, found) : NULL;
}

struct output *output_find(struct server *server, struct output *from, const char *name)
{
	static const struct {
		const char *name;
		enum wlr_direction direction;
	} directions[] = {{"left", WLR_DIRECTION_LEFT}, {"right", WLR_DIRECTION_RIGHT},
		{"up", WLR_DIRECTION_UP}, {"down", WLR_DIRECTION_DOWN}};
	struct output *output;

	if (from != NULL && strcmp(name, "next") == 0) {
		struct wl_list *next = from->link.next;

		next = next == &server->outputs ? next->next : next;
		return wl_container_of(next, output, link);
	}
	for (size_t i = 0; from != NULL && i < ARRAY_LEN(directions); i++) {
		if (strcmp(directions[i].name, name) == 0) {
			return output_beside(server, from, directions[i].direction);
		}
	}
	wl_list_for_each(output, &server->outputs, link)
	{
		if (strcmp(output->wlr_output->name, name) == 0) {
			return output;
		}
	}
	return NULL;
}

void output_set_power(struct output *output, bool on)
{
	struct wlr_output_state state;

	if (output->wlr_output->enabled == on) {
		return;
	}
	wlr_output_state_init(&state);
	wlr_output_state_set_enabled(&state, on);
	output->power_off = !on;
	if (!wlr_output_commit_state(output->wlr_output, &state)) {
		output->power_off = on;
		wlr_log(WLR_ERROR, "%s: cannot switch %s", output->wlr_output->name,
			on ? "on" : "off");
	}
	wlr_output_state_finish(&state);
	if (on) {
		wlr_output_schedule_frame(output->wlr_output);
	}
}
