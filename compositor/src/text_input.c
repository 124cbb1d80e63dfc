/* SPDX-License-Identifier: MIT */
#include "text_input.h"

#include <stdlib.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_input_method_v2.h>
#include <wlr/types/wlr_text_input_v3.h>
#include <wlr/types/wlr_virtual_keyboard_v1.h>

#include "keyboard.h"
#include "seat.h"
#include "view.h"

struct text_input {
	struct seat *seat;
	struct wlr_text_input_manager_v3 *text_manager;
	struct wlr_input_method_manager_v2 *method_manager;
	struct wl_list clients;		    /* text_client.link */
	struct wlr_input_method_v2 *method; /* NULL: none runs */
	struct wlr_surface *focus;
	struct wl_listener focus_destroy;
	struct wl_list popups; /* method_popup.link */
	struct wl_listener new_text_input, new_method;
	struct wl_listener method_commit, method_popup, method_destroy, method_grab;
	struct wl_listener grab_destroy;
};

struct text_client {
	struct wl_list link;
	struct text_input *relay;
	struct wlr_text_input_v3 *wlr;
	struct wl_listener enable, commit, disable, destroy;
};

/* A window of the input method, such as a list of candidates. */
struct method_popup {
	struct wl_list link;
	struct text_input *relay;
	struct wlr_input_popup_surface_v2 *wlr;
	struct wlr_scene_tree *tree;
	struct wl_listener destroy, commit;
};

static struct text_client *active_client(struct text_input *relay)
{
	struct text_client *client;

	wl_list_for_each(client, &relay->clients, link)
	{
		if (client->wlr->focused_surface != NULL && client->wlr->current_enabled) {
			return client;
		}
	}
	return NULL;
}

static void place_popup(struct method_popup *popup)
{
	struct text_client *client = active_client(popup->relay);
	struct view *view = client != NULL ? view_from_surface(popup->relay->seat->server,
						     client->wlr->focused_surface)
					   : NULL;
	struct wlr_box rect;
	int x, y;

	wlr_scene_node_set_enabled(&popup->tree->node, view != NULL);
	if (view == NULL) {
		return;
	}
	rect = client->wlr->current.cursor_rectangle;
	wlr_scene_node_coords(&view->content->node, &x, &y);
	wlr_scene_node_set_position(&popup->tree->node, x + rect.x, y + rect.y + rect.height);
	wlr_input_popup_surface_v2_send_text_input_rectangle(popup->wlr, &rect);
}

static void place_popups(struct text_input *relay)
{
	struct method_popup *popup;

	wl_list_for_each(popup, &relay->popups, link)
	{
		place_popup(popup);
	}
}

static void send_state(struct text_input *relay, struct wlr_text_input_v3 *input)
{
	struct wlr_input_method_v2 *method = relay->method;

	if (method == NULL) {
		return;
	}
	if (input->active_features & WLR_TEXT_INPUT_V3_FEATURE_SURROUNDING_TEXT) {
		wlr_input_method_v2_send_surrounding_text(method,
			input->current.surrounding.text != NULL ? input->current.surrounding.text
								: "",
			input->current.surrounding.cursor, input->current.surrounding.anchor);
	}
	wlr_input_method_v2_send_text_change_cause(method, input->current.text_change_cause);
	if (input->active_features & WLR_TEXT_INPUT_V3_FEATURE_CONTENT_TYPE) {
		wlr_input_method_v2_send_content_type(method, input->current.content_type.hint,
			input->current.content_type.purpose);
	}
	wlr_input_method_v2_send_done(method);
	place_popups(relay);
}

static void deactivate_method(struct text_input *relay)
{
	if (relay->method != NULL && relay->method->active) {
		wlr_input_method_v2_send_deactivate(relay->method);
		wlr_input_method_v2_send_done(relay->method);
	}
	place_popups(relay);
}

static void handle_enable(struct wl_listener *listener, void *data)
{
	struct text_client *client = wl_container_of(listener, client, enable);

	(void)data;
	if (client->relay->method != NULL) {
		wlr_input_method_v2_send_activate(client->relay->method);
		send_state(client->relay, client->wlr);
	}
}

static void handle_commit(struct wl_listener *listener, void *data)
{
	struct text_client *client = wl_container_of(listener, client, commit);

	(void)data;
	if (client->wlr->current_enabled) {
		send_state(client->relay, client->wlr);
	}
}

static void handle_disable(struct wl_listener *listener, void *data)
{
	struct text_client *client = wl_container_of(listener, client, disable);

	(void)data;
	deactivate_method(client->relay);
}

static void handle_client_destroy(struct wl_listener *listener, void *data)
{
	struct text_client *client = wl_container_of(listener, client, destroy);
	struct text_input *relay = client->relay;

	(void)data;
	if (client->wlr->current_enabled) {
		deactivate_method(relay);
	}
	listener_remove(&client->enable);
	listener_remove(&client->commit);
	listener_remove(&client->disable);
	listener_remove(&client->destroy);
	wl_list_remove(&client->link);
	free(client);
}

static bool same_client(struct wlr_surface *surface, struct wl_resource *resource)
{
	return surface != NULL &&
	       wl_resource_get_client(surface->resource) == wl_resource_get_client(resource);
}

static void handle_new_text_input(struct wl_listener *listener, void *data)
{
	struct text_input *relay = wl_container_of(listener, relay, new_text_input);
	struct text_client *client = mem_zalloc(sizeof(*client));

	client->relay = relay;
	client->wlr = data;
	wl_list_insert(&relay->clients, &client->link);
	listener_add(&client->wlr->events.enable, &client->enable, handle_enable);
	listener_add(&client->wlr->events.commit, &client->commit, handle_commit);
	listener_add(&client->wlr->events.disable, &client->disable, handle_disable);
	listener_add(&client->wlr->events.destroy, &client->destroy, handle_client_destroy);
	if (relay->method != NULL && same_client(relay->focus, client->wlr->resource)) {
		wlr_text_input_v3_send_enter(client->wlr, relay->focus);
	}
}

/* What the input method composed goes to the program. */
static void handle_method_commit(struct wl_listener *listener, void *data)
{
	struct text_input *relay = wl_container_of(listener, relay, method_commit);
	struct text_client *client = active_client(relay);
	struct wlr_input_method_v2_state *state = &relay->method->current;

	(void)data;
	if (client == NULL) {
		return;
	}
	if (state->preedit.text != NULL) {
		wlr_text_input_v3_send_preedit_string(client->wlr, state->preedit.text,
			state->preedit.cursor_begin, state->preedit.cursor_end);
	}
	if (state->commit_text != NULL) {
		wlr_text_input_v3_send_commit_string(client->wlr, state->commit_text);
	}
	if (state->delete.before_length != 0 || state->delete.after_length != 0) {
		wlr_text_input_v3_send_delete_surrounding_text(
			client->wlr, state->delete.before_length, state->delete.after_length);
	}
	wlr_text_input_v3_send_done(client->wlr);
}

static void handle_popup_destroy(struct wl_listener *listener, void *data)
{
	struct method_popup *popup = wl_container_of(listener, popup, destroy);

	(void)data;
	listener_remove(&popup->destroy);
	listener_remove(&popup->commit);
	wlr_scene_node_destroy(&popup->tree->node);
	wl_list_remove(&popup->link);
	free(popup);
}

static void handle_popup_commit(struct wl_listener *listener, void *data)
{
	struct method_popup *popup = wl_container_of(listener, popup, commit);

	(void)data;
	place_popup(popup);
}

static void handle_method_popup(struct wl_listener *listener, void *data)
{
	struct text_input *relay = wl_container_of(listener, relay, method_popup);
	struct method_popup *popup = mem_zalloc(sizeof(*popup));

	popup->relay = relay;
	popup->wlr = data;
	popup->tree = wlr_scene_tree_create(relay->seat->server->layers[LAYER_POPUPS]);
	wlr_scene_subsurface_tree_create(popup->tree, popup->wlr->surface);
	listener_add(&popup->wlr->events.destroy, &popup->destroy, handle_popup_destroy);
	listener_add(&popup->wlr->surface->events.commit, &popup->commit, handle_popup_commit);
	wl_list_insert(&relay->popups, &popup->link);
	place_popup(popup);
}

static void handle_grab_destroy(struct wl_listener *listener, void *data)
{
	struct text_input *relay = wl_container_of(listener, relay, grab_destroy);
	struct wlr_input_method_keyboard_grab_v2 *grab = data;

	listener_remove(&relay->grab_destroy);
	if (grab->keyboard != NULL) {
		/* Modifiers that changed meanwhile. */
		wlr_seat_keyboard_notify_modifiers(relay->seat->wlr, &grab->keyboard->modifiers);
	}
}

static void handle_method_grab(struct wl_listener *listener, void *data)
{
	struct text_input *relay = wl_container_of(listener, relay, method_grab);
	struct wlr_input_method_keyboard_grab_v2 *grab = data;

	wlr_input_method_keyboard_grab_v2_set_keyboard(
		grab, wlr_seat_get_keyboard(relay->seat->wlr));
	listener_remove(&relay->grab_destroy);
	listener_add(&grab->events.destroy, &relay->grab_destroy, handle_grab_destroy);
}

static void handle_method_destroy(struct wl_listener *listener, void *data)
{
	struct text_input *relay = wl_container_of(listener, relay, method_destroy);
	struct text_client *client;

	(void)data;
	listener_remove(&relay->method_commit);
	listener_remove(&relay->method_popup);
	listener_remove(&relay->method_grab);
	listener_remove(&relay->method_destroy);
	relay->method = NULL;
	wl_list_for_each(client, &relay->clients, link)
	{
		if (client->wlr->focused_surface != NULL) {
			wlr_text_input_v3_send_leave(client->wlr);
		}
	}
}

static void enter_clients(struct text_input *relay)
{
	struct text_client *client;

	wl_list_for_each(client, &relay->clients, link)
	{
		if (client->wlr->focused_surface == NULL && relay->method != NULL &&
			same_client(relay->focus, client->wlr->resource)) {
			wlr_text_input_v3_send_enter(client->wlr, relay->focus);
		}
	}
}

static void handle_new_method(struct wl_listener *listener, void *data)
{
	struct text_input *relay = wl_container_of(listener, relay, new_method);
	struct wlr_input_method_v2 *method = data;

	if (relay->method != NULL || method->seat != relay->seat->wlr) {
		wlr_input_method_v2_send_unavailable(method);
		return;
	}
	relay->method = method;
	listener_add(&method->events.commit, &relay->method_commit, handle_method_commit);
	listener_add(&method->events.new_popup_surface, &relay->method_popup, handle_method_popup);
	listener_add(&method->events.grab_keyboard, &relay->method_grab, handle_method_grab);
	listener_add(&method->events.destroy, &relay->method_destroy, handle_method_destroy);
	enter_clients(relay);
}

static void handle_focus_destroy(struct wl_listener *listener, void *data)
{
	struct text_input *relay = wl_container_of(listener, relay, focus_destroy);

	(void)data;
	text_input_focus(relay, NULL);
}

void text_input_focus(struct text_input *relay, struct wlr_surface *surface)
{
	struct text_client *client;

	if (relay->focus == surface) {
		return;
	}
	listener_remove(&relay->focus_destroy);
	wl_list_for_each(client, &relay->clients, link)
	{
		if (client->wlr->focused_surface != NULL) {
			deactivate_method(relay);
			wlr_text_input_v3_send_leave(client->wlr);
		}
	}
	relay->focus = surface;
	if (surface != NULL) {
		listener_add(&surface->events.destroy, &relay->focus_destroy, handle_focus_destroy);
	}
	enter_clients(relay);
}

/* The grab that takes this keyboard's keys: never those that the input method itself makes. */
static struct wlr_input_method_keyboard_grab_v2 *grab_for(
	struct text_input *relay, struct keyboard *kb)
{
	struct wlr_input_method_v2 *method = relay->method;
	struct wlr_virtual_keyboard_v1 *vk =
		kb->is_virtual ? wlr_input_device_get_virtual_keyboard(&kb->wlr->base) : NULL;

	if (method == NULL || method->keyboard_grab == NULL ||
		(vk != NULL && wl_resource_get_client(vk->resource) ==
				       wl_resource_get_client(method->keyboard_grab->resource))) {
		return NULL;
	}
	return method->keyboard_grab;
}

bool text_input_key(
	struct text_input *relay, struct keyboard *kb, const struct wlr_keyboard_key_event *event)
{
	struct wlr_input_method_keyboard_grab_v2 *grab = grab_for(relay, kb);

	if (grab == NULL) {
		return false;
	}
	wlr_input_method_keyboard_grab_v2_set_keyboard(grab, kb->wlr);
	wlr_input_method_keyboard_grab_v2_send_key(
		grab, event->time_msec, event->keycode, event->state);
	return true;
}

bool text_input_modifiers(struct text_input *relay, struct keyboard *kb)
{
	struct wlr_input_method_keyboard_grab_v2 *grab = grab_for(relay, kb);

	if (grab == NULL) {
		return false;
	}
	wlr_input_method_keyboard_grab_v2_set_keyboard(grab, kb->wlr);
	wlr_input_method_keyboard_grab_v2_send_modifiers(grab, &kb->wlr->modifiers);
	return true;
}

struct text_input *text_input_create(struct seat *seat)
{
	struct text_input *relay = mem_zalloc(sizeof(*relay));
	struct wl_display *display = seat->server->display;

	relay->seat = seat;
	wl_list_init(&relay->clients);
	wl_list_init(&relay->popups);
	relay->text_manager = wlr_text_input_manager_v3_create(display);
	relay->method_manager = wlr_input_method_manager_v2_create(display);
	listener_add(&relay->text_manager->events.text_input, &relay->new_text_input,
		handle_new_text_input);
	listener_add(
		&relay->method_manager->events.input_method, &relay->new_method, handle_new_method);
	return relay;
}

void text_input_destroy(struct text_input *relay)
{
	listener_remove(&relay->focus_destroy);
	listener_remove(&relay->new_text_input);
	listener_remove(&relay->new_method);
	free(relay);
}
