/* SPDX-License-Identifier: MIT */
/* Pointer and keyboard: delivery, decorations, moving, resizing, bindings, menus, the switcher. */
#include "harness.h"

#include <linux/input-event-codes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xdg-shell-client-protocol.h"

#define CONFIG                                                                                     \
	"workspaces 2\ngap 0\nshadow off\nsnap-distance 10\nwallpaper colour 102030\n"             \
	"keyboard layout us\n"                                                                     \
	"bind Super+q close\nbind Super+m maximise\nbind Super+Left push left\n"                   \
	"bind Super \"Tap\" workspace 2\nbind Super+1 workspace 1\n"                               \
	"bind Alt+Tab switch-window next\nbind Super+F1 help\nbind Super+a menu root\n"            \
	"mouse Super+left move\nmouse Super+right resize\nmouse right menu root\n"                 \
	"menu root\nitem First workspace 2\nseparator\nitem Second maximise\nend\n"

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
	pointer_move(5, 5);
	return 0;
}

static int disconnect_client(void **state)
{
	client_disconnect(*state);
	ipc_try("workspace 1");
	return 0;
}

static int content_x(const char *title)
{
	return window_number(title, "content.x");
}

static int content_y(const char *title)
{
	return window_number(title, "content.y");
}

static void pointer_goes_to_the_surface(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "p", 300, 200, 0xff0000);

	pointer_move(content_x("p") + 30, content_y("p") + 40);
	client_wait(
		c, c->pointer_surface == w->surface && c->pointer_x == 30 && c->pointer_y == 40);
	pointer_button(BTN_LEFT, true);
	client_wait(c, c->buttons == 1);
	/* Held: the surface keeps the pointer outside of itself too. */
	pointer_move(content_x("p") - 100, content_y("p"));
	client_wait(c, c->pointer_x == -100);
	assert_ptr_equal(c->pointer_surface, w->surface);
	pointer_button(BTN_LEFT, false);
	client_wait(c, c->pointer_surface == NULL);
	window_destroy(w);
}

static void click_focuses_and_raises(void **state)
{
	struct client *c = *state;
	struct window *a = window_create(c, "a", 400, 300, 0xff0000);
	struct window *b = window_create(c, "b", 400, 300, 0x00ff00);

	client_wait(c, b->activated);
	pointer_click(content_x("a") + 10, content_y("a") + 290);
	client_wait(c, a->activated && !b->activated);
	client_wait(c, c->keyboard_surface == a->surface);
	window_destroy(a);
	window_destroy(b);
}

static void keys_go_to_the_focus(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "k", 300, 200, 0xff0000);

	client_wait(c, c->keyboard_surface == w->surface);
	key_chord("a");
	client_wait(c, c->keys == 1 && c->last_key == KEY_A);
	window_destroy(w);
}

static void bindings_take_their_keys(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "b", 300, 200, 0xff0000);

	client_wait(c, c->keyboard_surface == w->surface);
	key_chord("Super+m");
	client_wait(c, w->maximised);
	key_chord("Super+m");
	client_wait(c, !w->maximised);
	key_chord("Super+q");
	client_wait(c, w->closed);
	client_sync(c);
	/* Only the modifier went to the client, once for each chord. */
	assert_int_equal(c->keys, 3);
	assert_int_equal(c->last_key, KEY_LEFTMETA);
	window_destroy(w);
}

static void tapped_modifier(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "t", 300, 200, 0xff0000);

	key_chord("Super+a");
	key_chord("Escape");
	assert_true(window_flag("t", "visible"));
	/* A click in between makes it no tap. */
	key_send(KEY_LEFTMETA, true);
	pointer_click(5, 700);
	key_send(KEY_LEFTMETA, false);
	assert_true(window_flag("t", "visible"));
	key_chord("Super");
	assert_false(window_flag("t", "visible"));
	key_chord("Super+1");
	assert_true(window_flag("t", "visible"));
	window_destroy(w);
}

static void drag_by_the_title(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "d", 300, 200, 0xff0000);
	int x = content_x("d"), y = content_y("d");

	pointer_move(x + 80, y - 15);
	pointer_button(BTN_LEFT, true);
	pointer_move(x + 80 + 50, y - 15 + 60);
	client_wait(c, content_x("d") == x + 50 && content_y("d") == y + 60);
	/* Near the left edge of the screen it lines up with it. */
	pointer_move(80 + 7, y + 45);
	client_wait(c, window_number("d", "frame.x") == 0);
	pointer_button(BTN_LEFT, false);
	pointer_move(600, 600);
	assert_int_equal(window_number("d", "frame.x"), 0);
	window_destroy(w);
}

static void drop_at_the_edge_snaps(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "e", 300, 200, 0xff0000);
	int x = content_x("e"), y = content_y("e");

	pointer_move(x + 80, y - 15);
	pointer_button(BTN_LEFT, true);
	pointer_move(300, 300);
	pointer_move(0, 300);
	/* The place that it would take is shown. */
	for (int i = 0; i < 100 && screen_pixel(300, 690) == 0x102030; i++) {
		usleep(10000);
	}
	assert_int_not_equal(screen_pixel(300, 690), 0x102030);
	pointer_button(BTN_LEFT, false);
	client_wait(c, w->width == 638 && window_number("e", "frame.width") == 640);
	expect_pixel(900, 690, 0x102030);
	/* Dragged away it has its old size again, under the pointer. */
	pointer_move(300, 15);
	pointer_button(BTN_LEFT, true);
	pointer_move(300, 200);
	pointer_move(500, 300);
	client_wait(c, w->width == 300 && window_number("e", "content.width") == 300);
	assert_true(content_x("e") < 500 && content_x("e") + 300 > 500);
	pointer_button(BTN_LEFT, false);
	window_destroy(w);
}

static void drop_at_the_top_maximises(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "t", 300, 200, 0xff0000);

	pointer_move(content_x("t") + 80, content_y("t") - 15);
	pointer_button(BTN_LEFT, true);
	pointer_move(640, 100);
	pointer_move(640, 0);
	pointer_button(BTN_LEFT, false);
	client_wait(c, w->maximised);
	window_destroy(w);
}

static void resize_by_the_border(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "r", 300, 200, 0xff0000);
	int x = content_x("r"), y = content_y("r");

	pointer_move(x + 302, y + 202);
	pointer_button(BTN_LEFT, true);
	client_wait(c, w->resizing);
	pointer_move(x + 402, y + 252);
	client_wait(c, w->width == 400 && w->height == 250);
	client_wait(c, window_number("r", "content.width") == 400);
	assert_int_equal(content_x("r"), x);
	pointer_button(BTN_LEFT, false);
	client_wait(c, !w->resizing);
	/* The left edge: the right one stays. */
	pointer_move(x - 3, y + 100);
	pointer_button(BTN_LEFT, true);
	pointer_move(x + 47, y + 100);
	client_wait(c, w->width == 350 && window_number("r", "content.width") == 350);
	assert_int_equal(content_x("r"), x + 50);
	/* Not smaller than is sensible. */
	pointer_move(x + 900, y + 100);
	client_wait(c, w->width == 60 && window_number("r", "content.width") == 60);
	assert_int_equal(content_x("r") + 60, x + 400);
	pointer_button(BTN_LEFT, false);
	window_destroy(w);
}

static void move_and_resize_with_super(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "s", 300, 200, 0xff0000);
	int x = content_x("s"), y = content_y("s");

	key_send(KEY_LEFTMETA, true);
	pointer_move(x + 20, y + 20);
	pointer_button(BTN_LEFT, true);
	pointer_move(x + 60, y + 50);
	client_wait(c, content_x("s") == x + 40 && content_y("s") == y + 30);
	pointer_button(BTN_LEFT, false);
	pointer_move(x + 40 + 290, y + 30 + 190);
	pointer_button(BTN_RIGHT, true);
	pointer_move(x + 40 + 310, y + 30 + 220);
	client_wait(c, w->width == 320 && w->height == 230);
	pointer_button(BTN_RIGHT, false);
	key_send(KEY_LEFTMETA, false);
	client_sync(c);
	assert_int_equal(c->buttons, 0);
	window_destroy(w);
}

static void title_buttons(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "b", 300, 200, 0xff0000);
	int right = content_x("b") + 300, y = content_y("b") - 15;

	/* Pressed and moved away is no click. */
	pointer_move(right - 15, y);
	pointer_button(BTN_LEFT, true);
	pointer_move(right - 15, y + 100);
	pointer_button(BTN_LEFT, false);
	client_sync(c);
	assert_false(w->closed);
	pointer_click(right - 48, y);
	client_wait(c, w->maximised && window_number("b", "content.width") == 1280);
	pointer_click(1280 - 49, 15);
	client_wait(c, !w->maximised && window_number("b", "content.width") == 300);
	pointer_click(right - 78, y);
	client_wait(c, window_flag("b", "minimised"));
	ipc_do("switch-window next");
	pointer_click(right - 18, y);
	client_wait(c, w->closed);
	window_destroy(w);
}

static void double_click_on_the_title(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "dd", 300, 200, 0xff0000);

	pointer_click(content_x("dd") + 80, content_y("dd") - 15);
	pointer_button(BTN_LEFT, true);
	pointer_button(BTN_LEFT, false);
	client_wait(c, w->maximised);
	window_destroy(w);
}

static void client_starts_a_move(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "cm", 300, 200, 0xff0000);
	int x = content_x("cm"), y = content_y("cm");

	/* Without a press the request is not honoured. */
	xdg_toplevel_move(w->toplevel, c->seat, 12345);
	client_sync(c);
	pointer_move(x + 50, y + 50);
	client_wait(c, c->pointer_surface == w->surface);
	pointer_button(BTN_LEFT, true);
	client_wait(c, c->buttons == 1);
	xdg_toplevel_move(w->toplevel, c->seat, c->serial);
	client_wait(c, c->pointer_surface == NULL);
	pointer_move(x + 90, y + 50);
	client_wait(c, content_x("cm") == x + 40);
	pointer_button(BTN_LEFT, false);
	/* The window is under the pointer again. */
	client_wait(c, c->pointer_surface == w->surface);
	window_destroy(w);
}

static void window_dies_while_it_is_moved(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "die", 300, 200, 0xff0000);

	pointer_move(content_x("die") + 80, content_y("die") - 15);
	pointer_button(BTN_LEFT, true);
	pointer_move(400, 400);
	window_destroy(w);
	pointer_move(500, 500);
	pointer_button(BTN_LEFT, false);
	assert_false(window_exists("die"));
}

static void menu_by_pointer_and_keys(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "m", 300, 200, 0xff0000);

	pointer_move(100, 600);
	pointer_button(BTN_RIGHT, true);
	pointer_button(BTN_RIGHT, false);
	for (int i = 0; i < 100 && screen_pixel(130, 640) == 0x102030; i++) {
		usleep(10000);
	}
	assert_int_not_equal(screen_pixel(130, 640), 0x102030);
	/* Outside closes it and does no more. */
	pointer_click(content_x("m") + 50, content_y("m") + 50);
	expect_pixel(130, 640, 0x102030);
	client_sync(c);
	assert_int_equal(c->buttons, 0);
	/* The second entry by keys; separators are passed over. */
	key_chord("Super+a");
	key_chord("Down");
	key_chord("Down");
	key_chord("Return");
	client_wait(c, w->maximised);
	client_sync(c);
	assert_int_equal(c->last_key, KEY_LEFTMETA);
	ipc_do("restore");
	client_wait(c, window_number("m", "content.width") == 300);
	/* An entry by a click. */
	pointer_move(100, 600);
	pointer_button(BTN_RIGHT, true);
	pointer_button(BTN_RIGHT, false);
	pointer_click(130, 600 + 6 + 10);
	assert_false(window_flag("m", "visible"));
	window_destroy(w);
}

static void window_menu_survives_its_window(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "wm", 300, 200, 0xff0000);

	ipc_do("window-menu");
	window_destroy(w);
	key_chord("Down");
	key_chord("Return");
	key_chord("Escape");
	assert_false(window_exists("wm"));
}

static void switcher_goes_through_windows(void **state)
{
	struct client *c = *state;
	struct window *a = window_create(c, "a", 200, 100, 0xff0000);
	struct window *b = window_create(c, "b", 200, 100, 0x00ff00);
	struct window *d = window_create(c, "c", 200, 100, 0x0000ff);

	key_chord("Alt+Tab");
	client_wait(c, b->activated);
	key_chord("Alt+Tab");
	client_wait(c, d->activated);
	/* Twice in one go reaches the third. */
	key_send(KEY_LEFTALT, true);
	key_chord("Tab");
	key_chord("Tab");
	client_sync(c);
	assert_true(window_flag("c", "focused"));
	key_send(KEY_LEFTALT, false);
	client_wait(c, a->activated);
	/* Escape leaves all as it was. */
	key_send(KEY_LEFTALT, true);
	key_chord("Tab");
	key_chord("Escape");
	key_send(KEY_LEFTALT, false);
	client_sync(c);
	assert_true(window_flag("a", "focused"));
	/* A window that goes away meanwhile. */
	key_send(KEY_LEFTALT, true);
	key_chord("Tab");
	window_destroy(d);
	key_send(KEY_LEFTALT, false);
	window_destroy(a);
	window_destroy(b);
}

static void help_shows_and_goes(void **state)
{
	struct client *c = *state;
	struct window *w = window_create(c, "h", 300, 200, 0xff0000);

	client_wait(c, c->keyboard_surface == w->surface);
	key_chord("Super+F1");
	for (int i = 0; i < 100 && screen_pixel(900, 5) == 0x102030; i++) {
		usleep(10000);
	}
	assert_int_not_equal(screen_pixel(900, 5), 0x102030);
	client_sync(c);
	c->keys = 0;
	key_chord("a");
	expect_pixel(900, 5, 0x102030);
	client_sync(c);
	assert_int_equal(c->keys, 0);
	window_destroy(w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, connect_client, disconnect_client)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pointer_goes_to_the_surface),
		TEST(click_focuses_and_raises),
		TEST(keys_go_to_the_focus),
		TEST(bindings_take_their_keys),
		TEST(tapped_modifier),
		TEST(drag_by_the_title),
		TEST(drop_at_the_edge_snaps),
		TEST(drop_at_the_top_maximises),
		TEST(resize_by_the_border),
		TEST(move_and_resize_with_super),
		TEST(title_buttons),
		TEST(double_click_on_the_title),
		TEST(client_starts_a_move),
		TEST(window_dies_while_it_is_moved),
		TEST(menu_by_pointer_and_keys),
		TEST(window_menu_survives_its_window),
		TEST(switcher_goes_through_windows),
		TEST(help_shows_and_goes),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
