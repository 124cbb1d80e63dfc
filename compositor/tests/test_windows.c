/* SPDX-License-Identifier: MIT */
/* Windows: mapping, states, decorations, workspaces, what panels see. */
#include "harness.h"

#include <linux/input-event-codes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wlr-foreign-toplevel-management-unstable-v1-client-protocol.h"
#include "xdg-activation-v1-client-protocol.h"
#include "xdg-decoration-unstable-v1-client-protocol.h"
#include "xdg-shell-client-protocol.h"

#define CONFIG                                                                                     \
	"workspaces 3\ngap 0\nshadow off\nwallpaper colour 102030\n"                               \
	"rule app=weft.test title=ruled-* maximise on\n"

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
	return 0;
}

static int disconnect_client(void **state)
{
	client_disconnect(*state);
	/* The next test starts from the same place. */
	ipc_try("workspace 1");
	return 0;
}

static void window_is_drawn_with_its_decoration(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "drawn", 300, 200, 0xff3366);
	int x = window_number("drawn", "content.x"), y = window_number("drawn", "content.y");

	assert_int_equal(w->decoration_mode, ZXDG_TOPLEVEL_DECORATION_V1_MODE_SERVER_SIDE);
	assert_int_equal(window_number("drawn", "content.width"), 300);
	assert_int_equal(window_number("drawn", "frame.y"), y - TITLE_HEIGHT);
	/* In the middle of the screen, title included. */
	assert_int_equal(x, (1280 - 300) / 2);
	expect_pixel(x, y, 0xff3366);
	expect_pixel(x + 299, y + 199, 0xff3366);
	/* The title bar has its colour away from text and buttons, the wallpaper is beside it. */
	expect_pixel(x + 60, y - 4, 0x2b3442);
	expect_pixel(x - 3, y + 50, 0x102030);
	expect_pixel(5, 5, 0x102030);
	assert_true(window_flag("drawn", "focused"));
	window_destroy(w);
	assert_false(window_exists("drawn"));
	expect_pixel(x + 10, y + 10, 0x102030);
}

static void client_side_decoration_is_left_alone(void **state)
{
	struct client *c = *state;
	struct window *w = window_prepare(c, "bare", 300, 200, 0x00ff00);
	int y;

	zxdg_toplevel_decoration_v1_set_mode(
		w->decoration, ZXDG_TOPLEVEL_DECORATION_V1_MODE_CLIENT_SIDE);
	window_show(w);
	assert_int_equal(w->decoration_mode, ZXDG_TOPLEVEL_DECORATION_V1_MODE_CLIENT_SIDE);
	y = window_number("bare", "content.y");
	assert_int_equal(window_number("bare", "frame.y"), y);
	assert_false(window_flag("bare", "decorated"));
	/* It may change its mind. */
	zxdg_toplevel_decoration_v1_set_mode(
		w->decoration, ZXDG_TOPLEVEL_DECORATION_V1_MODE_SERVER_SIDE);
	client_wait(c, window_flag("bare", "decorated"));
	window_destroy(w);
}

static void maximise_and_restore(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "max", 300, 200, 0x00ff00);
	int x = window_number("max", "content.x"), y = window_number("max", "content.y");

	xdg_toplevel_set_maximized(w->toplevel);
	client_wait(c, w->maximised && w->width == 1280);
	client_wait(c, window_number("max", "content.width") == 1280);
	assert_int_equal(w->height, 720 - TITLE_HEIGHT);
	assert_int_equal(window_number("max", "content.y"), TITLE_HEIGHT);
	expect_pixel(0, 719, 0x00ff00);
	xdg_toplevel_unset_maximized(w->toplevel);
	client_wait(c, !w->maximised && w->width == 300);
	client_wait(c, window_number("max", "content.width") == 300);
	assert_int_equal(window_number("max", "content.x"), x);
	assert_int_equal(window_number("max", "content.y"), y);
	window_destroy(w);
}

static void maximised_before_the_first_commit(void **state)
{
	struct client *c = *state;
	struct window *w = window_prepare(c, "early", 300, 200, 0x00ff00);

	xdg_toplevel_set_maximized(w->toplevel);
	window_show(w);
	assert_true(w->maximised);
	assert_int_equal(w->width, 1280);
	client_wait(c, window_is("early", "tile", "maximised"));
	ipc_do("restore");
	client_wait(c, !w->maximised && w->width > 0 && w->width < 1280);
	window_destroy(w);
}

static void fullscreen_covers_all(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "full", 300, 200, 0x0000ff);

	xdg_toplevel_set_fullscreen(w->toplevel, NULL);
	client_wait(c, w->fullscreen && w->width == 1280 && w->height == 720);
	expect_pixel(0, 0, 0x0000ff);
	expect_pixel(1279, 719, 0x0000ff);
	xdg_toplevel_unset_fullscreen(w->toplevel);
	client_wait(c, !w->fullscreen && w->width == 300);
	expect_pixel(0, 0, 0x102030);
	window_destroy(w);
}

static void fullscreen_smaller_client_is_centred_on_black(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "small", 300, 200, 0x0000ff);

	w->lazy = true;
	ipc_do("fullscreen on");
	client_wait(c, w->fullscreen);
	expect_pixel(0, 0, 0x000000);
	expect_pixel(640, 360, 0x0000ff);
	client_wait(c, window_number("small", "content.x") == (1280 - 300) / 2);
	window_destroy(w);
}

static void snapping_to_halves_and_quarters(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "snap", 300, 200, 0x00ffff);

	ipc_do("push left");
	client_wait(c, w->width == 640 - 2 && window_number("snap", "frame.width") == 640);
	assert_int_equal(window_number("snap", "frame.height"), 720);
	assert_true(window_is("snap", "tile", "left"));
	ipc_do("push up");
	client_wait(c, window_number("snap", "frame.height") == 360);
	assert_true(window_is("snap", "tile", "up-left"));
	ipc_do("snap right");
	client_wait(c, window_number("snap", "frame.x") == 640);
	ipc_do("push left");
	client_wait(c, window_number("snap", "content.width") == 300);
	assert_true(window_is("snap", "tile", "none"));
	window_destroy(w);
}

/* A client that draws another size than asked keeps its outer edge where the tile ends. */
static void size_of_its_own_choice(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "own", 300, 200, 0x00ffff);

	w->lazy = true;
	ipc_do("snap right");
	client_sync(c);
	client_sync(c);
	client_wait(
		c, window_number("own", "frame.x") + window_number("own", "frame.width") == 1280);
	assert_int_equal(window_number("own", "content.width"), 300);
	window_destroy(w);
}

static void minimise_and_focus(void **state)
{
	struct client *c = *state;
	struct window *a = window_create(c, "a", 300, 200, 0xff0000);
	struct window *b = window_create(c, "b", 300, 200, 0x00ff00);

	assert_true(window_flag("b", "focused"));
	client_wait(c, b->activated && !a->activated);
	ipc_do("minimise");
	client_wait(c, a->activated && !b->activated);
	assert_false(window_flag("b", "visible"));
	assert_true(window_flag("b", "minimised"));
	ipc_do("switch-window next");
	client_wait(c, b->activated);
	assert_false(window_flag("b", "minimised"));
	window_destroy(b);
	client_wait(c, a->activated);
	assert_int_equal(c->keyboard_surface == a->surface, c->keyboard != NULL);
	window_destroy(a);
}

static void workspaces_hide_and_show(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "here", 300, 200, 0xff0000);
	int x = window_number("here", "content.x") + 5, y = window_number("here", "content.y") + 5;

	expect_pixel(x, y, 0xff0000);
	ipc_do("workspace 2");
	expect_pixel(x, y, 0x102030);
	assert_false(window_flag("here", "visible"));
	ipc_do("workspace last");
	expect_pixel(x, y, 0xff0000);
	client_wait(c, w->activated);
	ipc_do("send-to-workspace 3");
	expect_pixel(x, y, 0x102030);
	client_wait(c, !w->activated);
	ipc_do("workspace previous");
	expect_pixel(x, y, 0xff0000);
	ipc_do("sticky on");
	ipc_do("workspace 1");
	expect_pixel(x, y, 0xff0000);
	assert_false(ipc_try("workspace 4"));
	window_destroy(w);
}

static void show_desktop_and_back(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "desk", 300, 200, 0xff0000);
	int x = window_number("desk", "content.x") + 5, y = window_number("desk", "content.y") + 5;

	ipc_do("show-desktop");
	expect_pixel(x, y, 0x102030);
	client_wait(c, !w->activated);
	ipc_do("show-desktop");
	expect_pixel(x, y, 0xff0000);
	client_wait(c, w->activated);
	window_destroy(w);
}

static void stacking(void **state)
{
	struct client *c = *state;
	struct window *a = window_create(c, "low", 400, 300, 0xff0000);
	struct window *b = window_create(c, "high", 400, 300, 0x00ff00);

	ipc_do("centre");
	client_sync(c);
	expect_pixel(640, 375, 0x00ff00);
	ipc_do("lower");
	client_wait(c, a->activated);
	ipc_do("centre");
	expect_pixel(640, 375, 0xff0000);
	ipc_do("focus next");
	client_wait(c, b->activated);
	expect_pixel(640, 375, 0x00ff00);
	/* Always on top stays there when another is raised. */
	ipc_do("above on");
	ipc_do("focus next");
	client_wait(c, a->activated);
	expect_pixel(640, 375, 0x00ff00);
	window_destroy(a);
	window_destroy(b);
}

static void dialog_stays_over_its_parent(void **state)
{
	struct client *c = *state;
	struct window *parent = window_create(c, "parent", 500, 400, 0xff0000);
	struct window *dialog = window_prepare(c, "dialog", 200, 100, 0x00ff00);

	xdg_toplevel_set_parent(dialog->toplevel, parent->toplevel);
	window_show(dialog);
	client_wait(c, window_exists("dialog"));
	assert_int_equal(
		window_number("dialog", "content.x"), window_number("parent", "content.x") + 150);
	ipc_do("focus next");
	client_wait(c, parent->activated);
	expect_pixel(640, 375, 0x00ff00);
	window_destroy(dialog);
	window_destroy(parent);
}

static void new_windows_do_not_hide_each_other(void **state)
{
	struct client *c = *state;
	struct window *a = window_create(c, "first", 500, 400, 0xff0000);
	struct window *b = window_create(c, "second", 500, 400, 0x00ff00);
	int ax = window_number("first", "frame.x"), bx = window_number("second", "frame.x");
	int ay = window_number("first", "frame.y"), by = window_number("second", "frame.y");

	assert_true(abs(ax - bx) >= 30 || abs(ay - by) >= 30);
	window_destroy(a);
	window_destroy(b);
}

static void close_asks_the_client(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "close", 300, 200, 0xff0000);

	ipc_do("close");
	client_wait(c, w->closed);
	assert_true(window_exists("close"));
	window_destroy(w);
}

static void rules_apply_to_new_windows(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "ruled-one", 300, 200, 0xff0000);

	client_wait(c, w->maximised && w->width == 1280);
	window_destroy(w);
}

static void title_follows(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "before", 300, 200, 0xff0000);

	xdg_toplevel_set_title(w->toplevel, "after \\\"quotes\\\" and \t tabs");
	client_wait(c, !window_exists("before"));
	xdg_toplevel_set_title(w->toplevel, "after");
	client_wait(c, window_exists("after"));
	window_destroy(w);
}

static void panels_can_steer_windows(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "steer", 300, 200, 0xff0000);

	client_wait(c, c->foreign_count == 1);
	zwlr_foreign_toplevel_handle_v1_set_maximized(c->foreign_last);
	client_wait(c, w->maximised);
	zwlr_foreign_toplevel_handle_v1_unset_maximized(c->foreign_last);
	client_wait(c, !w->maximised);
	zwlr_foreign_toplevel_handle_v1_set_minimized(c->foreign_last);
	client_wait(c, !w->activated);
	assert_true(window_flag("steer", "minimised"));
	zwlr_foreign_toplevel_handle_v1_activate(c->foreign_last, c->seat);
	client_wait(c, w->activated);
	zwlr_foreign_toplevel_handle_v1_close(c->foreign_last);
	client_wait(c, w->closed);
	window_destroy(w);
	client_wait(c, c->foreign_count == 0);
}

static void token_done(void *data, struct xdg_activation_token_v1 *token, const char *name)
{
	char **out = data;

	(void)token;
	*out = strdup(name);
}

static const struct xdg_activation_token_v1_listener token_listener = {.done = token_done};

static char *activation_token(struct client *c, bool with_input)
{
	struct xdg_activation_token_v1 *token =
		xdg_activation_v1_get_activation_token(c->activation);
	char *name = NULL;

	xdg_activation_token_v1_add_listener(token, &token_listener, &name);
	if (with_input) {
		xdg_activation_token_v1_set_serial(token, c->serial, c->seat);
	} else {
		/* An application that no input stands behind. */
		xdg_activation_token_v1_set_app_id(token, "weft.test");
	}
	xdg_activation_token_v1_commit(token);
	client_wait(c, name != NULL);
	xdg_activation_token_v1_destroy(token);
	return name;
}

static void activation_needs_input(void **state)
{
	struct client *c = *state;
	struct window *a = window_create(c, "asks", 300, 200, 0xff0000);
	struct window *b = window_create(c, "has", 300, 200, 0x00ff00);
	char *token = activation_token(c, false);

	xdg_activation_v1_activate(c->activation, token, a->surface);
	client_sync(c);
	client_wait(c, window_flag("asks", "urgent"));
	assert_true(b->activated);
	free(token);
	/* With a click behind it the focus goes over. */
	pointer_click(
		window_number("has", "content.x") + 20, window_number("has", "content.y") + 20);
	client_wait(c, c->buttons == 1);
	token = activation_token(c, true);
	xdg_activation_v1_activate(c->activation, token, a->surface);
	client_wait(c, a->activated);
	assert_false(window_flag("asks", "urgent"));
	free(token);
	window_destroy(a);
	window_destroy(b);
}

static void clients_that_vanish(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		struct client *c = client_connect();
		char title[32];

		snprintf(title, sizeof(title), "gone-%d", i);
		window_create(c, title, 200 + i, 200, 0xff0000);
		if (i % 3 == 0) {
			ipc_do("maximise");
		} else if (i % 3 == 1) {
			ipc_do("fullscreen");
		}
		wl_display_flush(c->display);
		close(wl_display_get_fd(c->display));
		while (window_exists(title)) {
			usleep(1000);
		}
	}
}

static void many_windows(void **state)
{
	struct client *c = *state;
	struct window *w[40];
	char title[32];

	for (int i = 0; i < 40; i++) {
		snprintf(title, sizeof(title), "many-%d", i);
		w[i] = window_create(c, title, 200, 150, 0x00ff00);
	}
	for (int i = 0; i < 60; i++) {
		ipc_do(i % 2 ? "focus next" : "focus previous");
	}
	for (int i = 0; i < 40; i++) {
		window_destroy(w[i]);
	}
}

static void reload_and_its_errors(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "reload", 300, 200, 0xff0000);

	/* Saving the file is enough; a mistake changes nothing and is shown. */
	compositor_write_config(CONFIG "wallpaper colour 405060\n");
	expect_pixel(5, 700, 0x405060);
	compositor_write_config("wallpaper colour 708090\nnonsense\n");
	for (int i = 0; i < 100 && screen_pixel(640, 20) == 0x405060; i++) {
		usleep(10000);
	}
	assert_int_not_equal(screen_pixel(640, 20), 0x405060);
	assert_int_equal(screen_pixel(5, 700), 0x405060);
	/* A click takes the message away. */
	pointer_click(640, 20);
	pointer_move(5, 600);
	expect_pixel(640, 20, 0x405060);
	compositor_write_config(CONFIG);
	expect_pixel(5, 700, 0x102030);
	expect_pixel(640, 20, 0x102030);
	assert_true(window_exists("reload"));
	window_destroy(w);
}

static void bad_requests(void **state)
{
	char *answer, *line = malloc(10000);

	(void)state;
	assert_false(ipc_try("nothing"));
	assert_false(ipc_try(""));
	assert_false(ipc_try("workspace 99"));
	assert_false(ipc_try("close"));
	answer = ipc_request("get nothing");
	assert_int_equal(strncmp(answer, "error: ", 7), 0);
	free(answer);
	answer = ipc_request("get");
	assert_int_equal(strncmp(answer, "error: ", 7), 0);
	free(answer);
	/* A line without end: the client is dropped, the compositor goes on. */
	memset(line, 'x', 9999);
	line[9999] = '\0';
	answer = ipc_request(line);
	free(answer);
	answer = ipc_request("get outputs");
	assert_non_null(strstr(answer, "\"HEADLESS-1\""));
	free(answer);
	free(line);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, connect_client, disconnect_client)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(window_is_drawn_with_its_decoration),
		TEST(client_side_decoration_is_left_alone),
		TEST(maximise_and_restore),
		TEST(maximised_before_the_first_commit),
		TEST(fullscreen_covers_all),
		TEST(fullscreen_smaller_client_is_centred_on_black),
		TEST(snapping_to_halves_and_quarters),
		TEST(size_of_its_own_choice),
		TEST(minimise_and_focus),
		TEST(workspaces_hide_and_show),
		TEST(show_desktop_and_back),
		TEST(stacking),
		TEST(dialog_stays_over_its_parent),
		TEST(new_windows_do_not_hide_each_other),
		TEST(close_asks_the_client),
		TEST(rules_apply_to_new_windows),
		TEST(title_follows),
		TEST(panels_can_steer_windows),
		TEST(activation_needs_input),
		cmocka_unit_test(clients_that_vanish),
		TEST(many_windows),
		TEST(reload_and_its_errors),
		TEST(bad_requests),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
