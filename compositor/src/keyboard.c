/* SPDX-License-Identifier: MIT */
#include "keyboard.h"

#include <errno.h>
#include <stdlib.h>
#include <wlr/backend/session.h>
#include <wlr/interfaces/wlr_keyboard.h>
#include <wlr/types/wlr_keyboard_shortcuts_inhibit_v1.h>
#include <wlr/types/wlr_seat.h>
#include <wlr/util/log.h>

#include "help.h"
#include "ipc.h"
#include "lock.h"
#include "menu.h"
#include "protocols.h"
#include "seat.h"
#include "switcher.h"
#include "text_input.h"

static bool take_key(struct keyboard *kb, uint32_t key)
{
	if (kb->taken_count == WLR_KEYBOARD_KEYS_CAP) {
		return false;
	}
	kb->taken[kb->taken_count++] = key;
	return true;
}

/* True if the press of a key that is now released was taken. */
static bool give_back_key(struct keyboard *kb, uint32_t key)
{
	for (size_t i = 0; i < kb->taken_count; i++) {
		if (kb->taken[i] == key) {
			kb->taken[i] = kb->taken[--kb->taken_count];
			return true;
		}
	}
	return false;
}

size_t keyboard_client_keys(struct wlr_keyboard *wlr, uint32_t keys[static WLR_KEYBOARD_KEYS_CAP])
{
	struct keyboard *kb = wlr->data;
	size_t count = 0;

	for (size_t i = 0; i < wlr->num_keycodes; i++) {
		bool taken = false;

		for (size_t t = 0; kb != NULL && t < kb->taken_count; t++) {
			taken |= kb->taken[t] == wlr->keycodes[i];
		}
		if (!taken) {
			keys[count++] = wlr->keycodes[i];
		}
	}
	return count;
}

static bool shortcuts_inhibited(struct seat *seat)
{
	struct wlr_keyboard_shortcuts_inhibitor_v1 *inhibitor;

	wl_list_for_each(inhibitor, &seat->server->protocols->shortcuts_inhibit->inhibitors, link)
	{
		if (inhibitor->active &&
			inhibitor->surface == seat->wlr->keyboard_state.focused_surface) {
			return true;
		}
	}
	return false;
}

static bool binding_allowed(struct seat *seat, const struct key_binding *b)
{
	if (session_locked(seat->server)) {
		return b->locked;
	}
	return b->always || !shortcuts_inhibited(seat);
}

static const struct key_binding *find_binding(
	struct seat *seat, uint32_t mods, xkb_keysym_t sym, bool tap)
{
	struct key_binding *b;

	wl_list_for_each(b, &seat->server->config->bindings, link)
	{
		if (b->mods == mods && b->sym == sym && b->tap == tap && binding_allowed(seat, b)) {
			return b;
		}
	}
	return NULL;
}

/*
 * A binding matches the symbol that the key makes with the modifiers that this used up left out,
 * or the key's plain symbol in the current layout or the first one, so that Super+Shift+1 and
 * Super+Q work in every layout.
 */
static const struct key_binding *match_key(struct keyboard *kb, uint32_t code)
{
	struct xkb_state *state = kb->wlr->xkb_state;
	struct xkb_keymap *keymap = kb->wlr->keymap;
	uint32_t mods = wlr_keyboard_get_modifiers(kb->wlr) & MOD_MASK;
	const struct key_binding *b;
	const xkb_keysym_t *syms;
	xkb_mod_mask_t consumed;
	xkb_layout_index_t layouts[2];

	if (state == NULL) {
		return NULL;
	}
	layouts[0] = xkb_state_key_get_layout(state, code);
	layouts[1] = 0;
	for (size_t l = 0; l < ARRAY_LEN(layouts); l++) {
		int n = xkb_keymap_key_get_syms_by_level(keymap, code, layouts[l], 0, &syms);

		for (int i = 0; i < n; i++) {
			b = find_binding(kb->seat, mods, xkb_keysym_to_lower(syms[i]), false);
			if (b != NULL) {
				return b;
			}
		}
	}
	consumed = xkb_state_key_get_consumed_mods2(state, code, XKB_CONSUMED_MODE_XKB);
	return find_binding(kb->seat, mods & ~consumed,
		xkb_keysym_to_lower(xkb_state_key_get_one_sym(state, code)), false);
}

static bool switch_vt(struct keyboard *kb, uint32_t code)
{
	xkb_keysym_t sym;

	if (kb->wlr->xkb_state == NULL) {
		return false;
	}
	sym = xkb_state_key_get_one_sym(kb->wlr->xkb_state, code);
	if (sym < XKB_KEY_XF86Switch_VT_1 || sym > XKB_KEY_XF86Switch_VT_12 ||
		kb->seat->server->session == NULL) {
		return false;
	}
	wlr_session_change_vt(kb->seat->server->session, sym - XKB_KEY_XF86Switch_VT_1 + 1);
	return true;
}

static void stop_repeat(struct keyboard *kb)
{
	kb->repeat_action = NULL;
	wl_event_source_timer_update(kb->repeat_timer, 0);
}

static int handle_repeat(void *data)
{
	struct keyboard *kb = data;
	const struct action *action = kb->repeat_action;

	if (action != NULL && kb->wlr->repeat_info.rate > 0) {
		wl_event_source_timer_update(kb->repeat_timer, 1000 / kb->wlr->repeat_info.rate);
		action_run(kb->seat->server, action, NULL);
	}
	return 0;
}

static void start_binding(struct keyboard *kb, const struct action *action, uint32_t key)
{
	struct server *server = kb->seat->server;

	stop_repeat(kb);
	if (action->def->repeats && kb->wlr->repeat_info.delay > 0) {
		kb->repeat_action = action;
		kb->repeat_key = key;
		wl_event_source_timer_update(kb->repeat_timer, kb->wlr->repeat_info.delay);
	}
	/* Reloading frees the bindings, so nothing of `action` may be used after this. */
	action_run(server, action, NULL);
}

static bool is_tap_symbol(xkb_keysym_t sym)
{
	return sym == XKB_KEY_Super_L || sym == XKB_KEY_Alt_L || sym == XKB_KEY_Control_L ||
	       sym == XKB_KEY_Shift_L;
}

/* The symbol that tap bindings use for a modifier key: left and right are the same. */
static xkb_keysym_t tap_symbol(struct keyboard *kb, uint32_t code)
{
	const xkb_keysym_t *syms;
	xkb_keysym_t sym = XKB_KEY_NoSymbol;

	if (kb->wlr->keymap != NULL &&
		xkb_keymap_key_get_syms_by_level(kb->wlr->keymap, code, 0, 0, &syms) > 0) {
		sym = syms[0];
	}
	switch (sym) {
	case XKB_KEY_Super_R:
		return XKB_KEY_Super_L;
	case XKB_KEY_Alt_R:
		return XKB_KEY_Alt_L;
	case XKB_KEY_Control_R:
		return XKB_KEY_Control_L;
	case XKB_KEY_Shift_R:
		return XKB_KEY_Shift_L;
	default:
		return is_tap_symbol(sym) ? sym : XKB_KEY_NoSymbol;
	}
}

/* A modifier by itself: remembered when pressed, run when released with nothing in between. */
static void update_tap(struct keyboard *kb, uint32_t key, bool pressed)
{
	xkb_keysym_t sym = tap_symbol(kb, key + 8);
	const struct key_binding *b;

	if (pressed) {
		bool alone = kb->wlr->num_keycodes <= 1;

		kb->tap_key = alone && sym != XKB_KEY_NoSymbol ? key : 0;
		return;
	}
	if (kb->tap_key != key || key == 0) {
		return;
	}
	kb->tap_key = 0;
	b = find_binding(kb->seat, 0, sym, true);
	if (b != NULL) {
		action_run(kb->seat->server, &b->action, NULL);
	}
}

/* Whether something of the compositor's own that is open takes a press. */
static bool press_for_overlay(struct keyboard *kb, uint32_t code)
{
	struct server *server = kb->seat->server;
	xkb_keysym_t sym = kb->wlr->xkb_state != NULL
				   ? xkb_state_key_get_one_sym(kb->wlr->xkb_state, code)
				   : XKB_KEY_NoSymbol;

	if (session_locked(server)) {
		return false;
	}
	return switcher_key(server, sym) || menu_key(server, sym) || help_key(server, sym);
}

static bool press(struct keyboard *kb, uint32_t key)
{
	const struct key_binding *b;
	uint32_t code = key + 8;

	if (switch_vt(kb, code)) {
		return take_key(kb, key);
	}
	if (press_for_overlay(kb, code)) {
		kb->tap_key = 0;
		return take_key(kb, key);
	}
	b = match_key(kb, code);
	if (b != NULL && take_key(kb, key)) {
		start_binding(kb, &b->action, key);
		return true;
	}
	return false;
}

static bool release(struct keyboard *kb, uint32_t key)
{
	if (kb->repeat_action != NULL && kb->repeat_key == key) {
		stop_repeat(kb);
	}
	return give_back_key(kb, key);
}

static void handle_key(struct wl_listener *listener, void *data)
{
	struct keyboard *kb = wl_container_of(listener, kb, key);
	struct wlr_keyboard_key_event *event = data;
	bool pressed = event->state == WL_KEYBOARD_KEY_STATE_PRESSED;
	struct seat *seat = kb->seat;
	bool taken;

	seat_activity(seat);
	wlr_seat_set_keyboard(seat->wlr, kb->wlr);
	update_tap(kb, event->keycode, pressed);
	taken = pressed ? press(kb, event->keycode) : release(kb, event->keycode);
	if (taken || text_input_key(seat->text_input, kb, event)) {
		return;
	}
	wlr_seat_keyboard_notify_key(seat->wlr, event->time_msec, event->keycode, event->state);
}

static void handle_modifiers(struct wl_listener *listener, void *data)
{
	struct keyboard *kb = wl_container_of(listener, kb, modifiers);
	struct seat *seat = kb->seat;

	(void)data;
	wlr_seat_set_keyboard(seat->wlr, kb->wlr);
	switcher_modifiers(seat->server, wlr_keyboard_get_modifiers(kb->wlr));
	if (!text_input_modifiers(seat->text_input, kb)) {
		wlr_seat_keyboard_notify_modifiers(seat->wlr, &kb->wlr->modifiers);
	}
	ipc_notify(seat->server, IPC_LAYOUT);
}

static void handle_destroy(struct wl_listener *listener, void *data)
{
	struct keyboard *kb = wl_container_of(listener, kb, destroy);
	struct seat *seat = kb->seat;
	void (*changed)(struct seat * seat) = kb->changed;

	(void)data;
	listener_remove(&kb->key);
	listener_remove(&kb->modifiers);
	listener_remove(&kb->destroy);
	wl_event_source_remove(kb->repeat_timer);
	wl_list_remove(&kb->link);
	kb->wlr->data = NULL;
	free(kb);
	changed(seat);
}

static void set_numlock(struct keyboard *kb)
{
	xkb_mod_index_t index = xkb_keymap_mod_get_index(kb->wlr->keymap, XKB_MOD_NAME_NUM);

	if (index != XKB_MOD_INVALID && kb->seat->server->config->numlock) {
		wlr_keyboard_notify_modifiers(kb->wlr, 0, 0, 1u << index, 0);
	}
}

static struct xkb_keymap *compile_keymap(const struct config *config)
{
	struct xkb_rule_names names = {
		.model = config->kb_model,
		.layout = config->kb_layout,
		.variant = config->kb_variant,
		.options = config->kb_options,
	};
	struct xkb_context *context = xkb_context_new(XKB_CONTEXT_NO_FLAGS);
	struct xkb_keymap *keymap = NULL;

	if (context == NULL) {
		return NULL;
	}
	keymap = xkb_keymap_new_from_names(context, &names, XKB_KEYMAP_COMPILE_NO_FLAGS);
	if (keymap == NULL) {
		wlr_log(WLR_ERROR, "keyboard layout '%s' cannot be used; using 'us'",
			config->kb_layout);
		names = (struct xkb_rule_names){.layout = "us"};
		keymap = xkb_keymap_new_from_names(context, &names, XKB_KEYMAP_COMPILE_NO_FLAGS);
	}
	xkb_context_unref(context);
	return keymap;
}

void keyboard_apply_config(struct keyboard *kb)
{
	const struct config *config = kb->seat->server->config;
	struct xkb_keymap *keymap;

	stop_repeat(kb);
	wlr_keyboard_set_repeat_info(kb->wlr, config->repeat_rate, config->repeat_delay);
	if (kb->is_virtual) {
		return; /* it brings its own keymap */
	}
	keymap = compile_keymap(config);
	if (keymap == NULL) {
		wlr_log(WLR_ERROR, "no keymap can be made: is xkb-data installed?");
		return;
	}
	if (kb->wlr->keymap == NULL || !wlr_keyboard_keymaps_match(kb->wlr->keymap, keymap)) {
		wlr_keyboard_set_keymap(kb->wlr, keymap);
		set_numlock(kb);
	}
	xkb_keymap_unref(keymap);
}

struct keyboard *keyboard_create(struct seat *seat, struct wlr_keyboard *wlr, bool is_virtual,
	void (*changed)(struct seat *seat))
{
	struct keyboard *kb = mem_zalloc(sizeof(*kb));

	kb->seat = seat;
	kb->wlr = wlr;
	kb->is_virtual = is_virtual;
	kb->changed = changed;
	kb->repeat_timer = wl_event_loop_add_timer(seat->server->loop, handle_repeat, kb);
	wlr->data = kb;
	wl_list_insert(&seat->keyboards, &kb->link);
	keyboard_apply_config(kb);
	listener_add(&wlr->events.key, &kb->key, handle_key);
	listener_add(&wlr->events.modifiers, &kb->modifiers, handle_modifiers);
	listener_add(&wlr->base.events.destroy, &kb->destroy, handle_destroy);
	if (!is_virtual || wlr_seat_get_keyboard(seat->wlr) == NULL) {
		wlr_seat_set_keyboard(seat->wlr, wlr);
	}
	return kb;
}

void keyboard_stop_repeat(struct seat *seat)
{
	struct keyboard *kb;

	wl_list_for_each(kb, &seat->keyboards, link)
	{
		stop_repeat(kb);
	}
}

void keyboard_cancel_taps(struct seat *seat)
{
	struct keyboard *kb;

	wl_list_for_each(kb, &seat->keyboards, link)
	{
		kb->tap_key = 0;
	}
}

/* The keyboard that tells the layout: the first real one. */
static struct keyboard *main_keyboard(struct seat *seat)
{
	struct keyboard *kb;

	wl_list_for_each_reverse(kb, &seat->keyboards, link)
	{
		if (!kb->is_virtual && kb->wlr->keymap != NULL) {
			return kb;
		}
	}
	return NULL;
}

int keyboard_layout_count(struct seat *seat)
{
	struct keyboard *kb = main_keyboard(seat);

	return kb != NULL ? (int)xkb_keymap_num_layouts(kb->wlr->keymap) : 0;
}

int keyboard_layout(struct seat *seat)
{
	struct keyboard *kb = main_keyboard(seat);

	return kb != NULL ? (int)kb->wlr->modifiers.group : 0;
}

const char *keyboard_layout_name(struct seat *seat)
{
	struct keyboard *kb = main_keyboard(seat);
	const char *name =
		kb != NULL ? xkb_keymap_layout_get_name(kb->wlr->keymap, kb->wlr->modifiers.group)
			   : NULL;

	return name != NULL ? name : "";
}

int keyboard_set_layout(struct seat *seat, int index)
{
	struct keyboard *kb;

	if (index < 0 || index >= keyboard_layout_count(seat)) {
		return -ENOENT;
	}
	wl_list_for_each(kb, &seat->keyboards, link)
	{
		if (!kb->is_virtual) {
			wlr_keyboard_notify_modifiers(kb->wlr, kb->wlr->modifiers.depressed,
				kb->wlr->modifiers.latched, kb->wlr->modifiers.locked,
				(uint32_t)index);
		}
	}
	return index;
}
