/* SPDX-License-Identifier: MIT */
/* Panels, the lock, and Debian's own clients. */
#include "harness.h"

#include <linux/input-event-codes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ext-session-lock-v1-client-protocol.h"
#include "wlr-layer-shell-unstable-v1-client-protocol.h"
#include "xdg-shell-client-protocol.h"

#define CONFIG                                                                                     \
	"workspaces 2\ngap 0\nshadow off\nwallpaper colour 102030\n"                               \
	"bind Super+m maximise\nbind --locked Super+1 workspace 1\nbind Super+2 workspace 2\n"

#define TOP	      (ZWLR_LAYER_SURFACE_V1_ANCHOR_TOP)
#define WIDE	      (ZWLR_LAYER_SURFACE_V1_ANCHOR_LEFT | ZWLR_LAYER_SURFACE_V1_ANCHOR_RIGHT)
#define NONE	      ZWLR_LAYER_SURFACE_V1_KEYBOARD_INTERACTIVITY_NONE
#define EXCLUSIVE     ZWLR_LAYER_SURFACE_V1_KEYBOARD_INTERACTIVITY_EXCLUSIVE
#define ON_DEMAND     ZWLR_LAYER_SURFACE_V1_KEYBOARD_INTERACTIVITY_ON_DEMAND
#define LAYER_TOP     ZWLR_LAYER_SHELL_V1_LAYER_TOP
#define LAYER_OVERLAY ZWLR_LAYER_SHELL_V1_LAYER_OVERLAY
#define LAYER_BOTTOM  ZWLR_LAYER_SHELL_V1_LAYER_BOTTOM

static int start(void **state)
{
	(void)state;
	compositor_start(CONFIG);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	compositor_stop();
	return 0;
}

static int connect_client(void **state)
{
	*state = client_connect();
	pointer_move(5, 700);
	return 0;
}

static int disconnect_client(void **state)
{
	client_disconnect(*state);
	ipc_try("workspace 1");
	return 0;
}

static void panel_reserves_space(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "w", 300, 200, 0xff0000);
	struct panel *p;

	ipc_do("maximise on");
	client_wait(c, w->height == 720 - TITLE_HEIGHT);
	p = panel_create(c, LAYER_TOP, TOP | WIDE, 0, 40, 40, NONE, 0x00ff00);
	assert_int_equal(p->width, 1280);
	client_wait(c, w->height == 680 - TITLE_HEIGHT);
	client_wait(c, window_number("w", "frame.y") == 40);
	expect_pixel(640, 5, 0x00ff00);
	expect_pixel(640, 500, 0xff0000);
	/* Over a fullscreen window it does not show. */
	ipc_do("fullscreen on");
	client_wait(c, w->height == 720);
	expect_pixel(640, 5, 0xff0000);
	/* When another window is in front it does again. */
	ipc_do("minimise");
	expect_pixel(640, 5, 0x00ff00);
	ipc_do("switch-window next");
	expect_pixel(640, 5, 0xff0000);
	ipc_do("fullscreen off");
	panel_destroy(p);
	client_wait(c, w->height == 720 - TITLE_HEIGHT);
	window_destroy(w);
}

static void floating_windows_stay_clear_of_panels(void **state)
{
	struct client *c = *state;
	struct panel *p = panel_create(c, LAYER_TOP, TOP | WIDE, 0, 60, 60, NONE, 0x00ff00);
	struct window *w = window_create(c, "big", 1400, 900, 0xff0000);

	assert_int_equal(window_number("big", "frame.y"), 60);
	window_destroy(w);
	panel_destroy(p);
}

static void exclusive_keyboard(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "w", 300, 200, 0xff0000);
	struct panel *p;

	client_wait(c, c->keyboard_surface == w->surface);
	p = panel_create(c, LAYER_OVERLAY, 0, 200, 100, 0, EXCLUSIVE, 0x00ff00);
	client_wait(c, c->keyboard_surface == p->surface);
	/* The window stays the active one, and a click does not take the keyboard away. */
	assert_true(w->activated);
	pointer_click(window_number("w", "content.x") + 5, window_number("w", "content.y") + 5);
	client_sync(c);
	assert_ptr_equal(c->keyboard_surface, p->surface);
	panel_destroy(p);
	client_wait(c, c->keyboard_surface == w->surface);
	window_destroy(w);
}

static void keyboard_on_demand(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "w", 300, 200, 0xff0000);
	struct panel *p = panel_create(c, LAYER_TOP, TOP, 200, 50, 0, ON_DEMAND, 0x00ff00);

	client_wait(c, c->keyboard_surface == w->surface);
	pointer_click(640, 20);
	client_wait(c, c->keyboard_surface == p->surface);
	pointer_click(window_number("w", "content.x") + 5, window_number("w", "content.y") + 150);
	client_wait(c, c->keyboard_surface == w->surface);
	pointer_click(640, 20);
	client_wait(c, c->keyboard_surface == p->surface);
	panel_destroy(p);
	client_wait(c, c->keyboard_surface == w->surface);
	window_destroy(w);
}

static void layers_are_in_order(void **state)
{
	struct client *c = *state;
	struct panel *bottom = panel_create(c, LAYER_BOTTOM, 0, 400, 400, 0, NONE, 0x0000ff);
	struct window *w = window_create(c, "w", 300, 300, 0xff0000);
	struct panel *top = panel_create(c, LAYER_TOP, 0, 100, 100, 0, NONE, 0x00ff00);

	expect_pixel(640, 360, 0x00ff00);
	expect_pixel(640 + 120, 360 + 60, 0xff0000);
	expect_pixel(640 + 190, 360, 0x0000ff);
	zwlr_layer_surface_v1_set_layer(top->layer, LAYER_BOTTOM);
	wl_surface_commit(top->surface);
	client_sync(c);
	expect_pixel(640, 360, 0xff0000);
	panel_destroy(top);
	panel_destroy(bottom);
	window_destroy(w);
}

/* A popup of a window, placed below its anchor and kept on the screen. */
static void handle_popup_configure(
	void *data, struct xdg_popup *popup, int32_t x, int32_t y, int32_t width, int32_t height)
{
	int *box = data;

	(void)popup;
	box[0] = x;
	box[1] = y;
	box[2] = width;
	box[3] = height;
}

static void handle_popup_done(void *data, struct xdg_popup *popup)
{
	int *box = data;

	(void)popup;
	box[4]++;
}

static void handle_popup_repositioned(void *data, struct xdg_popup *popup, uint32_t token)
{
	(void)data;
	(void)popup;
	(void)token;
}

static const struct xdg_popup_listener popup_listener = {
	.configure = handle_popup_configure,
	.popup_done = handle_popup_done,
	.repositioned = handle_popup_repositioned,
};

static void handle_xdg_configure(void *data, struct xdg_surface *xdg, uint32_t serial)
{
	(void)data;
	xdg_surface_ack_configure(xdg, serial);
}

static const struct xdg_surface_listener xdg_listener = {.configure = handle_xdg_configure};

static void popups_stay_on_the_screen(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "w", 300, 200, 0xff0000);
	struct wl_surface *surface = wl_compositor_create_surface(c->compositor);
	struct xdg_surface *xdg = xdg_wm_base_get_xdg_surface(c->shell, surface);
	struct xdg_positioner *pos = xdg_wm_base_create_positioner(c->shell);
	struct xdg_popup *popup;
	int box[5] = {0}, left, bottom;

	/* At the lower edge: there is no room below, so it flips above its anchor. */
	ipc_do("maximise on");
	client_wait(c, w->height == 720 - TITLE_HEIGHT);
	xdg_positioner_set_size(pos, 100, 80);
	xdg_positioner_set_anchor_rect(pos, 10, 670, 50, 10);
	xdg_positioner_set_anchor(pos, XDG_POSITIONER_ANCHOR_BOTTOM_LEFT);
	xdg_positioner_set_gravity(pos, XDG_POSITIONER_GRAVITY_BOTTOM_RIGHT);
	xdg_positioner_set_constraint_adjustment(pos, XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_FLIP_Y);
	xdg_surface_add_listener(xdg, &xdg_listener, NULL);
	popup = xdg_surface_get_popup(xdg, w->xdg, pos);
	xdg_popup_add_listener(popup, &popup_listener, box);
	wl_surface_commit(surface);
	client_wait(c, box[2] == 100);
	assert_int_equal(box[0], 10);
	assert_int_equal(box[1], 670 - 80);
	wl_surface_attach(surface, buffer_create(c, 100, 80, 0x00ffff), 0, 0);
	wl_surface_commit(surface);
	client_sync(c);
	left = 10;
	bottom = TITLE_HEIGHT + 670;
	expect_pixel(left + 50, bottom - 5, 0x00ffff);
	pointer_move(left + 5, bottom - 5);
	client_wait(c, c->pointer_surface == surface && c->pointer_x == 5);
	xdg_popup_destroy(popup);
	xdg_surface_destroy(xdg);
	wl_surface_destroy(surface);
	xdg_positioner_destroy(pos);
	window_destroy(w);
}

static void popup_with_a_grab_closes_on_a_click_outside(void **state)
{
	struct client *c = *state;
	struct client *other = client_connect();
	struct window *w = window_create(c, "w", 300, 200, 0xff0000);
	struct window *o = window_create(other, "o", 300, 200, 0x00ff00);
	struct wl_surface *surface = wl_compositor_create_surface(c->compositor);
	struct xdg_surface *xdg = xdg_wm_base_get_xdg_surface(c->shell, surface);
	struct xdg_positioner *pos = xdg_wm_base_create_positioner(c->shell);
	struct xdg_popup *popup;
	int box[5] = {0};

	pointer_click(window_number("w", "content.x") + 5, window_number("w", "content.y") + 150);
	client_wait(c, c->buttons == 1 && w->activated);
	xdg_positioner_set_size(pos, 100, 80);
	xdg_positioner_set_anchor_rect(pos, 10, 10, 1, 1);
	xdg_surface_add_listener(xdg, &xdg_listener, NULL);
	popup = xdg_surface_get_popup(xdg, w->xdg, pos);
	xdg_popup_add_listener(popup, &popup_listener, box);
	xdg_popup_grab(popup, c->seat, c->serial);
	wl_surface_commit(surface);
	client_wait(c, box[2] == 100);
	wl_surface_attach(surface, buffer_create(c, 100, 80, 0x00ffff), 0, 0);
	wl_surface_commit(surface);
	client_sync(c);
	pointer_click(window_number("o", "content.x") + 5, window_number("o", "content.y") + 150);
	client_wait(c, box[4] >= 1);
	xdg_popup_destroy(popup);
	xdg_surface_destroy(xdg);
	wl_surface_destroy(surface);
	client_sync(c);
	window_destroy(o);
	client_disconnect(other);
	client_wait(c, c->keyboard_surface == w->surface);
	window_destroy(w);
}

struct lock {
	struct client *client;
	struct ext_session_lock_v1 *lock;
	struct wl_surface *surface;
	int width, height;
	bool locked, finished;
};

static void handle_locked(void *data, struct ext_session_lock_v1 *l)
{
	(void)l;
	((struct lock *)data)->locked = true;
}

static void handle_finished(void *data, struct ext_session_lock_v1 *l)
{
	(void)l;
	((struct lock *)data)->finished = true;
}

static const struct ext_session_lock_v1_listener lock_listener = {
	.locked = handle_locked,
	.finished = handle_finished,
};

static void handle_lock_configure(void *data, struct ext_session_lock_surface_v1 *s,
	uint32_t serial, uint32_t width, uint32_t height)
{
	struct lock *l = data;

	l->width = (int)width;
	l->height = (int)height;
	ext_session_lock_surface_v1_ack_configure(s, serial);
}

static const struct ext_session_lock_surface_v1_listener lock_surface_listener = {
	.configure = handle_lock_configure,
};

static void lock_begin(struct lock *l, struct client *c, uint32_t colour)
{
	struct ext_session_lock_surface_v1 *s;

	*l = (struct lock){.client = c};
	l->lock = ext_session_lock_manager_v1_lock(c->lock_manager);
	ext_session_lock_v1_add_listener(l->lock, &lock_listener, l);
	l->surface = wl_compositor_create_surface(c->compositor);
	s = ext_session_lock_v1_get_lock_surface(l->lock, l->surface, c->output);
	ext_session_lock_surface_v1_add_listener(s, &lock_surface_listener, l);
	client_wait(c, l->width == 1280 && l->height == 720);
	wl_surface_attach(l->surface, buffer_create(c, 1280, 720, colour), 0, 0);
	wl_surface_commit(l->surface);
	client_wait(c, l->locked);
}

static void locked_session_shows_and_hears_nothing_else(void **state)
{
	struct client *c = *state, *locker = client_connect();
	struct window *w = window_create(c, "w", 300, 200, 0xff0000), *late;
	int x = window_number("w", "content.x") + 5, y = window_number("w", "content.y") + 5;
	struct lock l, second = {0};
	struct panel *p;

	client_wait(c, c->keyboard_surface == w->surface);
	lock_begin(&l, locker, 0x445566);
	expect_pixel(x, y, 0x445566);
	client_wait(locker, locker->keyboard_surface == l.surface);
	client_wait(c, c->keyboard_surface == NULL);
	pointer_move(x, y);
	client_wait(locker, locker->pointer_surface == l.surface);
	c->keys = c->buttons = 0;
	pointer_click(x, y);
	pointer_move(x, y + 100);
	key_chord("a");
	key_chord("Super+m");
	key_chord("Super+2");
	assert_false(ipc_try("maximise"));
	client_sync(c);
	assert_false(w->maximised);
	assert_int_equal(c->keys + c->buttons, 0);
	assert_true(window_flag("w", "visible"));
	/* Neither a new window nor an overlay comes over it or takes the keyboard. */
	late = window_create(c, "late", 1280, 720, 0x00ff00);
	p = panel_create(c, LAYER_OVERLAY, 0, 1280, 720, 0, EXCLUSIVE, 0x00ff00);
	client_sync(c);
	expect_pixel(x, y, 0x445566);
	assert_null(c->keyboard_surface);
	/* A second locker is turned away. */
	second.lock = ext_session_lock_manager_v1_lock(c->lock_manager);
	ext_session_lock_v1_add_listener(second.lock, &lock_listener, &second);
	client_wait(c, second.finished);
	ext_session_lock_v1_destroy(second.lock);
	panel_destroy(p);
	window_destroy(late);
	ext_session_lock_v1_unlock_and_destroy(l.lock);
	client_sync(locker);
	expect_pixel(x, y, 0xff0000);
	client_wait(c, c->keyboard_surface == w->surface);
	client_disconnect(locker);
	window_destroy(w);
}

static void dead_locker_leaves_the_session_locked(void **state)
{
	struct client *c = *state, *locker = client_connect();
	struct window *w = window_create(c, "w", 300, 200, 0xff0000);
	int x = window_number("w", "content.x") + 5, y = window_number("w", "content.y") + 5;
	struct lock l;

	lock_begin(&l, locker, 0x445566);
	client_disconnect(locker);
	client_sync(c);
	for (int i = 0; i < 100 && screen_pixel(x, y) == 0x445566; i++) {
		usleep(10000);
	}
	assert_int_not_equal(screen_pixel(x, y), 0xff0000);
	assert_int_equal(screen_pixel(5, 5), screen_pixel(x, y));
	key_chord("a");
	client_sync(c);
	assert_null(c->keyboard_surface);
	/* A new locker takes over and can end it. */
	locker = client_connect();
	lock_begin(&l, locker, 0x778899);
	expect_pixel(x, y, 0x778899);
	ext_session_lock_v1_unlock_and_destroy(l.lock);
	client_sync(locker);
	expect_pixel(x, y, 0xff0000);
	client_disconnect(locker);
	window_destroy(w);
}

/* Runs a shell command with this compositor's display; returns its status. */
static int shell(const char *command)
{
	char line[1024];
	int status;

	snprintf(line, sizeof(line),
		"WAYLAND_DISPLAY=weft-test-%d WEFT_SOCKET=$XDG_RUNTIME_DIR/weft-weft-test-%d.sock; "
		"export WAYLAND_DISPLAY WEFT_SOCKET; %s",
		(int)getpid(), (int)getpid(), command);
	status = system(line);
	if (status != 0) {
		print_message("status %x: %s\n", status, command);
	}
	return status;
}

static void clipboard_programs(void **state)
{
	(void)state;
	assert_int_equal(shell("wl-copy 'some text' </dev/null >/dev/null 2>&1"), 0);
	assert_int_equal(shell("test \"$(timeout 5 wl-paste -n)\" = 'some text'"), 0);
	assert_int_equal(shell("wl-copy --primary 'other' </dev/null >/dev/null 2>&1"), 0);
	assert_int_equal(shell("test \"$(timeout 5 wl-paste -n --primary)\" = other"), 0);
	assert_int_equal(shell("test \"$(timeout 5 wl-paste -n)\" = 'some text'"), 0);
	assert_int_equal(shell("wl-copy --clear; wl-copy --primary --clear"), 0);
}

static void pictures_by_grim(void **state)
{
	(void)state;
	assert_int_equal(shell("timeout 10 grim -t ppm /tmp/shot.ppm"), 0);
	assert_int_equal(
		shell("test \"$(head -c 15 /tmp/shot.ppm | tr '\\n' ' ')\" = 'P6 1280 720 255'"),
		0);
}

static void outputs_by_wlr_randr(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "w", 300, 200, 0xff0000);

	ipc_do("maximise on");
	client_wait(c, w->width == 1280);
	assert_int_equal(
		shell("timeout 10 wlr-randr --output HEADLESS-1 --custom-mode 800x600"), 0);
	client_wait(c, w->width == 800 && w->height == 600 - TITLE_HEIGHT);
	assert_int_equal(shell("timeout 10 wlr-randr --output HEADLESS-1 --scale 2"), 0);
	client_wait(c, w->width == 400);
	assert_int_equal(shell("timeout 10 wlr-randr --output HEADLESS-1 --transform 90"), 0);
	client_wait(c, w->width == 300);
	assert_int_equal(shell("timeout 10 wlr-randr --output HEADLESS-1 --transform normal "
			       "--scale 1 --custom-mode 1280x720"),
		0);
	client_wait(c, w->width == 1280);
	window_destroy(w);
}

#define X11_LOG "/tmp/x11-programs.log"

/* Starts xclock, and Xwayland if need be; what they print is told when no window comes. */
static void xclock_open(struct client *c)
{
	/* A first start reads 200 MB of libraries from the disk: its limit is a hang's. */
	const uint32_t end = clock_ms() + 60000;

	assert_int_equal(shell("display=$(weft-msg get display) && test -n \"$display\" && "
			       "{ DISPLAY=$display xclock -digital >>" X11_LOG " 2>&1 & }"),
		0);
	while (!window_exists("xclock") && clock_ms() < end) {
		client_pump(c, 10);
	}
	if (!window_exists("xclock")) {
		shell("echo 'xclock printed:'; cat " X11_LOG "; echo 'display and sockets:'; "
		      "weft-msg get display; ls -la /tmp/.X*; echo 'X server:'; pidof Xwayland");
		fail_msg("no window of xclock");
	}
}

/* Through Xwayland: a window like the others, and one that comes after the X server died. */
static void x11_programs(void **state)
{
	struct client *c = *state;

	xclock_open(c);
	assert_true(window_flag("xclock", "decorated"));
	ipc_do("push left");
	client_wait(c, window_number("xclock", "frame.width") == 640);
	ipc_do("fullscreen on");
	client_wait(c, window_number("xclock", "content.width") == 1280);
	ipc_do("close");
	client_wait(c, !window_exists("xclock"));
	xclock_open(c);
	assert_int_equal(shell("kill -9 $(pidof Xwayland)"), 0);
	client_wait(c, !window_exists("xclock"));
	xclock_open(c);
	ipc_do("close");
	client_wait(c, !window_exists("xclock"));
}

/*
 * An X server that dies takes down its own connections only. They close one after the other, and
 * whoever connects in between gets their numbers: none of these may be cut off.
 */
static void dying_x_server_cuts_off_nobody(void **state)
{
	struct client *c = *state, *others[24];
	char *answer;

	for (int round = 0; round < 5; round++) {
		xclock_open(c);
		assert_int_equal(shell("kill -9 $(pidof Xwayland)"), 0);
		for (size_t i = 0; i < 24; i++) {
			others[i] = client_connect();
			answer = ipc_request("get windows");
			assert_string_not_equal(answer, "");
			free(answer);
		}
		client_wait(c, !window_exists("xclock"));
		for (size_t i = 0; i < 24; i++) {
			client_sync(others[i]);
			client_disconnect(others[i]);
		}
	}
}

static void globals_are_there(void **state)
{
	static const char *const names[] = {"wl_compositor", "wl_subcompositor", "wl_shm",
		"wl_data_device_manager", "xdg_wm_base", "zxdg_decoration_manager_v1",
		"org_kde_kwin_server_decoration_manager", "zwlr_layer_shell_v1",
		"zwlr_screencopy_manager_v1", "zwlr_export_dmabuf_manager_v1",
		"zwlr_data_control_manager_v1", "zwp_primary_selection_device_manager_v1",
		"zwlr_foreign_toplevel_manager_v1", "ext_foreign_toplevel_list_v1",
		"zwlr_output_manager_v1", "zwlr_output_power_manager_v1", "wp_viewporter",
		"wp_fractional_scale_manager_v1", "wp_presentation", "wp_cursor_shape_manager_v1",
		"xdg_activation_v1", "ext_idle_notifier_v1", "zwp_idle_inhibit_manager_v1",
		"ext_session_lock_manager_v1", "zwp_virtual_keyboard_manager_v1",
		"zwlr_virtual_pointer_manager_v1", "wp_single_pixel_buffer_manager_v1",
		"zwlr_gamma_control_manager_v1", "zwp_relative_pointer_manager_v1",
		"zwp_pointer_constraints_v1", "zwp_pointer_gestures_v1",
		"zwp_text_input_manager_v3", "zwp_input_method_manager_v2", "zxdg_exporter_v2",
		"zxdg_importer_v2", "wp_security_context_manager_v1", "zxdg_output_manager_v1",
		"zwp_keyboard_shortcuts_inhibit_manager_v1", "wp_content_type_manager_v1"};

	(void)state;
	assert_int_equal(shell("timeout 10 wayland-info >/tmp/info"), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char command[256];

		snprintf(command, sizeof(command), "grep -q \"interface: '%s'\" /tmp/info",
			names[i]);
		assert_int_equal(shell(command), 0);
	}
}

static void message_program(void **state)
{
	(void)state;
	assert_int_equal(shell("weft-msg workspace 2 >/dev/null"), 0);
	assert_int_equal(
		shell("weft-msg get workspaces | grep -q '\"number\":2,\"current\":true'"), 0);
	assert_int_equal(shell("weft-msg workspace 1 >/dev/null"), 0);
	assert_int_equal(shell("! weft-msg nothing 2>/dev/null"), 0);
	assert_int_equal(shell("weft-msg watch-panel workspaces >/tmp/watch & sleep 0.2; "
			       "weft-msg workspace 2 >/dev/null; weft-msg workspace 1 >/dev/null; "
			       "sleep 0.2; kill $!; "
			       "test $(wc -l </tmp/watch) -ge 2"),
		0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, connect_client, disconnect_client)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(panel_reserves_space),
		TEST(floating_windows_stay_clear_of_panels),
		TEST(exclusive_keyboard),
		TEST(keyboard_on_demand),
		TEST(layers_are_in_order),
		TEST(popups_stay_on_the_screen),
		TEST(popup_with_a_grab_closes_on_a_click_outside),
		TEST(locked_session_shows_and_hears_nothing_else),
		TEST(dead_locker_leaves_the_session_locked),
		TEST(clipboard_programs),
		TEST(pictures_by_grim),
		TEST(outputs_by_wlr_randr),
		TEST(x11_programs),
		TEST(dying_x_server_cuts_off_nobody),
		TEST(globals_are_there),
		TEST(message_program),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
