/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/input-event-codes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <xkbcommon/xkbcommon.h>

#include "ext-session-lock-v1-client-protocol.h"
#include "virtual-keyboard-unstable-v1-client-protocol.h"
#include "wlr-foreign-toplevel-management-unstable-v1-client-protocol.h"
#include "wlr-layer-shell-unstable-v1-client-protocol.h"
#include "wlr-screencopy-unstable-v1-client-protocol.h"
#include "wlr-virtual-pointer-unstable-v1-client-protocol.h"
#include "xdg-activation-v1-client-protocol.h"
#include "xdg-decoration-unstable-v1-client-protocol.h"
#include "xdg-shell-client-protocol.h"

#define SCREEN_WIDTH  1280
#define SCREEN_HEIGHT 720

static pid_t server_pid;
static char config_path[128], socket_name[64], ipc_path[256];

/* The client that carries input devices and takes pictures. */
static struct client *tools;
static struct zwlr_virtual_pointer_v1 *mouse;
static struct zwp_virtual_keyboard_v1 *keyboard;
static struct xkb_state *keyboard_state;
static struct {
	uint32_t *pixels;
	uint32_t format, width, height, stride;
	bool have_buffer, ready;
} shot;

uint32_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

void compositor_write_config(const char *config)
{
	FILE *f = fopen(config_path, "w");

	assert_non_null(f);
	fputs(config, f);
	assert_int_equal(fclose(f), 0);
}

int compositor_pid(void)
{
	return server_pid;
}

static void wait_for_socket(void)
{
	for (int i = 0; i < 1000; i++) {
		struct stat st;

		if (stat(ipc_path, &st) == 0) {
			struct wl_display *display = wl_display_connect(socket_name);

			if (display != NULL) {
				wl_display_disconnect(display);
				return;
			}
		}
		assert_int_equal(waitpid(server_pid, NULL, WNOHANG), 0);
		usleep(10000);
	}
	fail_msg("the compositor does not come up");
}

static int memory_file(size_t size)
{
	int fd = memfd_create("weft-test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static void create_keyboard(void)
{
	struct xkb_context *context = xkb_context_new(XKB_CONTEXT_NO_FLAGS);
	struct xkb_rule_names names = {.layout = "us"};
	struct xkb_keymap *keymap =
		xkb_keymap_new_from_names(context, &names, XKB_KEYMAP_COMPILE_NO_FLAGS);
	char *text = xkb_keymap_get_as_string(keymap, XKB_KEYMAP_FORMAT_TEXT_V1);
	size_t size = strlen(text) + 1;
	int fd = memory_file(size);

	assert_int_equal(pwrite(fd, text, size, 0), (ssize_t)size);
	keyboard = zwp_virtual_keyboard_manager_v1_create_virtual_keyboard(
		tools->keyboards, tools->seat);
	zwp_virtual_keyboard_v1_keymap(
		keyboard, WL_KEYBOARD_KEYMAP_FORMAT_XKB_V1, fd, (uint32_t)size);
	keyboard_state = xkb_state_new(keymap);
	close(fd);
	free(text);
	xkb_keymap_unref(keymap);
	xkb_context_unref(context);
}

void compositor_start(const char *config)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");

	signal(SIGPIPE, SIG_IGN);
	snprintf(socket_name, sizeof(socket_name), "weft-test-%d", (int)getpid());
	snprintf(ipc_path, sizeof(ipc_path), "%s/weft-%s.sock", dir, socket_name);
	snprintf(config_path, sizeof(config_path), "/tmp/weft-test-%d/", (int)getpid());
	mkdir(config_path, 0700);
	strcat(config_path, "conf");
	compositor_write_config(config);
	server_pid = fork();
	if (server_pid == 0) {
		setenv("WLR_BACKENDS", "headless", 1);
		setenv("WLR_RENDERER", "pixman", 0);
		setenv("ASAN_OPTIONS", "detect_leaks=1", 1);
		setenv("LSAN_OPTIONS",
			"suppressions=/src/compositor/tests/leaks.txt:print_suppressions=0", 1);
		execlp("weft-compositor", "weft-compositor", "-S", socket_name, "-c", config_path,
			NULL);
		_exit(127);
	}
	wait_for_socket();
	tools = client_connect();
	mouse = zwlr_virtual_pointer_manager_v1_create_virtual_pointer(
		tools->pointers, tools->seat);
	create_keyboard();
	client_sync(tools);
}

void compositor_stop(void)
{
	int status = 0;

	if (tools != NULL) {
		xkb_state_unref(keyboard_state);
		client_disconnect(tools);
		tools = NULL;
	}
	if (server_pid > 0) {
		kill(server_pid, SIGTERM);
		waitpid(server_pid, &status, 0);
		server_pid = 0;
	}
	unlink(config_path);
	free(shot.pixels);
	shot.pixels = NULL;
	/* A sanitizer's report is an exit status of its own. */
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		print_error("the compositor ended with status %x\n", status);
		abort();
	}
}

/* The seat's events. */

static void pointer_enter(void *data, struct wl_pointer *p, uint32_t serial,
	struct wl_surface *surface, wl_fixed_t x, wl_fixed_t y)
{
	struct client *c = data;

	(void)p;
	c->serial = serial;
	c->pointer_surface = surface;
	c->pointer_x = wl_fixed_to_double(x);
	c->pointer_y = wl_fixed_to_double(y);
}

static void pointer_leave(
	void *data, struct wl_pointer *p, uint32_t serial, struct wl_surface *surface)
{
	struct client *c = data;

	(void)p;
	(void)serial;
	(void)surface;
	c->pointer_surface = NULL;
}

static void pointer_motion(
	void *data, struct wl_pointer *p, uint32_t time, wl_fixed_t x, wl_fixed_t y)
{
	struct client *c = data;

	(void)p;
	(void)time;
	c->pointer_x = wl_fixed_to_double(x);
	c->pointer_y = wl_fixed_to_double(y);
}

static void pointer_button_event(void *data, struct wl_pointer *p, uint32_t serial, uint32_t time,
	uint32_t button, uint32_t state)
{
	struct client *c = data;

	(void)p;
	(void)time;
	(void)button;
	c->serial = serial;
	c->buttons += state == WL_POINTER_BUTTON_STATE_PRESSED;
}

static void pointer_axis(
	void *data, struct wl_pointer *p, uint32_t time, uint32_t axis, wl_fixed_t value)
{
	(void)data;
	(void)p;
	(void)time;
	(void)axis;
	(void)value;
}

static const struct wl_pointer_listener pointer_listener = {
	.enter = pointer_enter,
	.leave = pointer_leave,
	.motion = pointer_motion,
	.button = pointer_button_event,
	.axis = pointer_axis,
};

static void keyboard_keymap(
	void *data, struct wl_keyboard *k, uint32_t format, int32_t fd, uint32_t size)
{
	(void)data;
	(void)k;
	(void)format;
	(void)size;
	close(fd);
}

static void keyboard_enter(void *data, struct wl_keyboard *k, uint32_t serial,
	struct wl_surface *surface, struct wl_array *keys)
{
	struct client *c = data;

	(void)k;
	(void)serial;
	(void)keys;
	c->keyboard_surface = surface;
}

static void keyboard_leave(
	void *data, struct wl_keyboard *k, uint32_t serial, struct wl_surface *surface)
{
	struct client *c = data;

	(void)k;
	(void)serial;
	(void)surface;
	c->keyboard_surface = NULL;
}

static void keyboard_key(void *data, struct wl_keyboard *k, uint32_t serial, uint32_t time,
	uint32_t key, uint32_t state)
{
	struct client *c = data;

	(void)k;
	(void)serial;
	(void)time;
	if (state == WL_KEYBOARD_KEY_STATE_PRESSED) {
		c->keys++;
		c->last_key = key;
	}
}

static void keyboard_modifiers(void *data, struct wl_keyboard *k, uint32_t serial,
	uint32_t depressed, uint32_t latched, uint32_t locked, uint32_t group)
{
	(void)data;
	(void)k;
	(void)serial;
	(void)depressed;
	(void)latched;
	(void)locked;
	(void)group;
}

static const struct wl_keyboard_listener keyboard_listener = {
	.keymap = keyboard_keymap,
	.enter = keyboard_enter,
	.leave = keyboard_leave,
	.key = keyboard_key,
	.modifiers = keyboard_modifiers,
};

static void seat_capabilities(void *data, struct wl_seat *seat, uint32_t caps)
{
	struct client *c = data;

	if (caps & WL_SEAT_CAPABILITY_POINTER && c->pointer == NULL) {
		c->pointer = wl_seat_get_pointer(seat);
		wl_pointer_add_listener(c->pointer, &pointer_listener, c);
	}
	if (caps & WL_SEAT_CAPABILITY_KEYBOARD && c->keyboard == NULL) {
		c->keyboard = wl_seat_get_keyboard(seat);
		wl_keyboard_add_listener(c->keyboard, &keyboard_listener, c);
	}
}

static const struct wl_seat_listener seat_listener = {.capabilities = seat_capabilities};

static void shell_ping(void *data, struct xdg_wm_base *shell, uint32_t serial)
{
	(void)data;
	xdg_wm_base_pong(shell, serial);
}

static const struct xdg_wm_base_listener shell_listener = {.ping = shell_ping};

static void foreign_closed(void *data, struct zwlr_foreign_toplevel_handle_v1 *handle)
{
	struct client *c = data;

	c->foreign_count--;
	if (c->foreign_last == handle) {
		c->foreign_last = NULL;
	}
	zwlr_foreign_toplevel_handle_v1_destroy(handle);
}

static void foreign_text(void *d, struct zwlr_foreign_toplevel_handle_v1 *h, const char *s)
{
	(void)d;
	(void)h;
	(void)s;
}

static void foreign_output(void *d, struct zwlr_foreign_toplevel_handle_v1 *h, struct wl_output *o)
{
	(void)d;
	(void)h;
	(void)o;
}

static void foreign_state(void *d, struct zwlr_foreign_toplevel_handle_v1 *h, struct wl_array *a)
{
	(void)d;
	(void)h;
	(void)a;
}

static void foreign_done(void *d, struct zwlr_foreign_toplevel_handle_v1 *h)
{
	(void)d;
	(void)h;
}

static void foreign_parent(void *d, struct zwlr_foreign_toplevel_handle_v1 *h,
	struct zwlr_foreign_toplevel_handle_v1 *parent)
{
	(void)d;
	(void)h;
	(void)parent;
}

static const struct zwlr_foreign_toplevel_handle_v1_listener foreign_handle_listener = {
	.title = foreign_text,
	.app_id = foreign_text,
	.output_enter = foreign_output,
	.output_leave = foreign_output,
	.state = foreign_state,
	.done = foreign_done,
	.closed = foreign_closed,
	.parent = foreign_parent,
};

static void foreign_toplevel(void *data, struct zwlr_foreign_toplevel_manager_v1 *manager,
	struct zwlr_foreign_toplevel_handle_v1 *handle)
{
	struct client *c = data;

	(void)manager;
	c->foreign_count++;
	c->foreign_last = handle;
	zwlr_foreign_toplevel_handle_v1_add_listener(handle, &foreign_handle_listener, c);
}

static void foreign_finished(void *data, struct zwlr_foreign_toplevel_manager_v1 *manager)
{
	(void)data;
	(void)manager;
}

static const struct zwlr_foreign_toplevel_manager_v1_listener foreign_listener = {
	.toplevel = foreign_toplevel,
	.finished = foreign_finished,
};

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct client *c = data;
	const struct {
		const struct wl_interface *interface;
		void *slot;
		uint32_t version;
	} wanted[] = {
		{&wl_compositor_interface, &c->compositor, 4},
		{&wl_shm_interface, &c->shm, 1},
		{&wl_seat_interface, &c->seat, 1},
		{&wl_output_interface, &c->output, 1},
		{&xdg_wm_base_interface, &c->shell, 3},
		{&zxdg_decoration_manager_v1_interface, &c->decorations, 1},
		{&zwlr_layer_shell_v1_interface, &c->layer_shell, 4},
		{&zwlr_screencopy_manager_v1_interface, &c->screencopy, 1},
		{&zwlr_virtual_pointer_manager_v1_interface, &c->pointers, 1},
		{&zwp_virtual_keyboard_manager_v1_interface, &c->keyboards, 1},
		{&zwlr_foreign_toplevel_manager_v1_interface, &c->toplevels, 3},
		{&ext_session_lock_manager_v1_interface, &c->lock_manager, 1},
		{&xdg_activation_v1_interface, &c->activation, 1},
	};

	(void)version;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		void **slot = wanted[i].slot;

		if (strcmp(interface, wanted[i].interface->name) == 0 && *slot == NULL) {
			*slot = wl_registry_bind(
				registry, name, wanted[i].interface, wanted[i].version);
		}
	}
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
	(void)data;
	(void)registry;
	(void)name;
}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

struct client *client_connect(void)
{
	struct client *c = calloc(1, sizeof(*c));
	struct wl_registry *registry;

	c->display = wl_display_connect(socket_name);
	assert_non_null(c->display);
	registry = wl_display_get_registry(c->display);
	wl_registry_add_listener(registry, &registry_listener, c);
	client_sync(c);
	wl_registry_destroy(registry);
	assert_non_null(c->compositor);
	assert_non_null(c->shell);
	assert_non_null(c->seat);
	wl_seat_add_listener(c->seat, &seat_listener, c);
	xdg_wm_base_add_listener(c->shell, &shell_listener, c);
	zwlr_foreign_toplevel_manager_v1_add_listener(c->toplevels, &foreign_listener, c);
	client_sync(c);
	return c;
}

void client_disconnect(struct client *c)
{
	wl_display_disconnect(c->display);
	free(c);
}

void client_sync(struct client *c)
{
	assert_true(wl_display_roundtrip(c->display) >= 0);
	wl_display_flush(c->display);
}

void client_pump(struct client *c, int ms)
{
	struct pollfd pfd = {wl_display_get_fd(c->display), POLLIN, 0};

	while (wl_display_prepare_read(c->display) != 0) {
		wl_display_dispatch_pending(c->display);
	}
	wl_display_flush(c->display);
	if (poll(&pfd, 1, ms) > 0) {
		wl_display_read_events(c->display);
	} else {
		wl_display_cancel_read(c->display);
	}
	assert_true(wl_display_dispatch_pending(c->display) >= 0);
	/* What the handlers answered must not wait for the next round. */
	wl_display_flush(c->display);
}

struct wl_buffer *buffer_create(struct client *c, int width, int height, uint32_t colour)
{
	size_t size = (size_t)width * (size_t)height * 4;
	int fd = memory_file(size);
	uint32_t *pixels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct wl_shm_pool *pool = wl_shm_create_pool(c->shm, fd, (int)size);
	struct wl_buffer *buffer;

	assert_ptr_not_equal(pixels, MAP_FAILED);
	for (size_t i = 0; i < size / 4; i++) {
		pixels[i] = colour;
	}
	buffer = wl_shm_pool_create_buffer(
		pool, 0, width, height, width * 4, WL_SHM_FORMAT_XRGB8888);
	wl_shm_pool_destroy(pool);
	munmap(pixels, size);
	close(fd);
	return buffer;
}

static void window_draw(struct window *w)
{
	if (w->buffer != NULL) {
		wl_buffer_destroy(w->buffer);
	}
	w->buffer = buffer_create(w->client, w->width, w->height, w->colour);
	wl_surface_attach(w->surface, w->buffer, 0, 0);
	wl_surface_damage(w->surface, 0, 0, w->width, w->height);
	wl_surface_commit(w->surface);
}

static void handle_surface_configure(void *data, struct xdg_surface *xdg, uint32_t serial)
{
	struct window *w = data;

	xdg_surface_ack_configure(xdg, serial);
	w->configured = true;
	window_draw(w);
}

static const struct xdg_surface_listener surface_listener = {.configure = handle_surface_configure};

static void handle_toplevel_configure(void *data, struct xdg_toplevel *toplevel, int32_t width,
	int32_t height, struct wl_array *states)
{
	struct window *w = data;
	uint32_t *state;

	(void)toplevel;
	if (!w->lazy || w->width == 0) {
		w->width = width > 0 ? width : w->want_width;
		w->height = height > 0 ? height : w->want_height;
	}
	w->maximised = w->fullscreen = w->activated = w->resizing = false;
	wl_array_for_each(state, states)
	{
		w->maximised |= *state == XDG_TOPLEVEL_STATE_MAXIMIZED;
		w->fullscreen |= *state == XDG_TOPLEVEL_STATE_FULLSCREEN;
		w->activated |= *state == XDG_TOPLEVEL_STATE_ACTIVATED;
		w->resizing |= *state == XDG_TOPLEVEL_STATE_RESIZING;
	}
}

static void handle_toplevel_close(void *data, struct xdg_toplevel *toplevel)
{
	struct window *w = data;

	(void)toplevel;
	w->closed = true;
}

static const struct xdg_toplevel_listener toplevel_listener = {
	.configure = handle_toplevel_configure,
	.close = handle_toplevel_close,
};

static void handle_decoration(
	void *data, struct zxdg_toplevel_decoration_v1 *decoration, uint32_t mode)
{
	struct window *w = data;

	(void)decoration;
	w->decoration_mode = mode;
}

static const struct zxdg_toplevel_decoration_v1_listener decoration_listener = {
	.configure = handle_decoration,
};

struct window *window_prepare(
	struct client *c, const char *title, int width, int height, uint32_t colour)
{
	struct window *w = calloc(1, sizeof(*w));

	w->client = c;
	w->colour = colour;
	w->want_width = width;
	w->want_height = height;
	w->surface = wl_compositor_create_surface(c->compositor);
	w->xdg = xdg_wm_base_get_xdg_surface(c->shell, w->surface);
	xdg_surface_add_listener(w->xdg, &surface_listener, w);
	w->toplevel = xdg_surface_get_toplevel(w->xdg);
	xdg_toplevel_add_listener(w->toplevel, &toplevel_listener, w);
	xdg_toplevel_set_title(w->toplevel, title);
	xdg_toplevel_set_app_id(w->toplevel, "weft.test");
	w->decoration =
		zxdg_decoration_manager_v1_get_toplevel_decoration(c->decorations, w->toplevel);
	zxdg_toplevel_decoration_v1_add_listener(w->decoration, &decoration_listener, w);
	zxdg_toplevel_decoration_v1_set_mode(
		w->decoration, ZXDG_TOPLEVEL_DECORATION_V1_MODE_SERVER_SIDE);
	return w;
}

void window_show(struct window *w)
{
	wl_surface_commit(w->surface);
	client_wait(w->client, w->configured);
	client_sync(w->client);
	client_sync(w->client);
}

struct window *window_create(
	struct client *c, const char *title, int width, int height, uint32_t colour)
{
	struct window *w = window_prepare(c, title, width, height, colour);

	window_show(w);
	client_wait(c, window_exists(title));
	return w;
}

void window_destroy(struct window *w)
{
	if (w->decoration != NULL) {
		zxdg_toplevel_decoration_v1_destroy(w->decoration);
	}
	xdg_toplevel_destroy(w->toplevel);
	xdg_surface_destroy(w->xdg);
	wl_surface_destroy(w->surface);
	if (w->buffer != NULL) {
		wl_buffer_destroy(w->buffer);
	}
	client_sync(w->client);
	free(w);
}

static void handle_layer_configure(void *data, struct zwlr_layer_surface_v1 *layer, uint32_t serial,
	uint32_t width, uint32_t height)
{
	struct panel *p = data;

	p->width = (int)width;
	p->height = (int)height;
	zwlr_layer_surface_v1_ack_configure(layer, serial);
}

static void handle_layer_closed(void *data, struct zwlr_layer_surface_v1 *layer)
{
	struct panel *p = data;

	(void)layer;
	p->closed = true;
}

static const struct zwlr_layer_surface_v1_listener layer_listener = {
	.configure = handle_layer_configure,
	.closed = handle_layer_closed,
};

struct panel *panel_create(struct client *c, uint32_t layer, uint32_t anchor, int width, int height,
	int zone, uint32_t interactivity, uint32_t colour)
{
	struct panel *p = calloc(1, sizeof(*p));
	struct wl_buffer *buffer;

	p->client = c;
	p->surface = wl_compositor_create_surface(c->compositor);
	p->layer = zwlr_layer_shell_v1_get_layer_surface(
		c->layer_shell, p->surface, NULL, layer, "test");
	zwlr_layer_surface_v1_add_listener(p->layer, &layer_listener, p);
	zwlr_layer_surface_v1_set_size(p->layer, (uint32_t)width, (uint32_t)height);
	zwlr_layer_surface_v1_set_anchor(p->layer, anchor);
	zwlr_layer_surface_v1_set_exclusive_zone(p->layer, zone);
	zwlr_layer_surface_v1_set_keyboard_interactivity(p->layer, interactivity);
	wl_surface_commit(p->surface);
	client_wait(c, p->width > 0);
	buffer = buffer_create(c, p->width, p->height, colour);
	wl_surface_attach(p->surface, buffer, 0, 0);
	wl_surface_commit(p->surface);
	client_sync(c);
	client_sync(c);
	return p;
}

void panel_destroy(struct panel *p)
{
	zwlr_layer_surface_v1_destroy(p->layer);
	wl_surface_destroy(p->surface);
	client_sync(p->client);
	free(p);
}

void pointer_move(int x, int y)
{
	zwlr_virtual_pointer_v1_motion_absolute(
		mouse, clock_ms(), (uint32_t)x, (uint32_t)y, SCREEN_WIDTH, SCREEN_HEIGHT);
	zwlr_virtual_pointer_v1_frame(mouse);
	client_sync(tools);
}

void pointer_button(uint32_t button, bool pressed)
{
	zwlr_virtual_pointer_v1_button(mouse, clock_ms(), button, pressed);
	zwlr_virtual_pointer_v1_frame(mouse);
	client_sync(tools);
}

void pointer_click(int x, int y)
{
	pointer_move(x, y);
	pointer_button(BTN_LEFT, true);
	pointer_button(BTN_LEFT, false);
}

void key_send(uint32_t key, bool pressed)
{
	xkb_state_update_key(keyboard_state, key + 8, pressed ? XKB_KEY_DOWN : XKB_KEY_UP);
	zwp_virtual_keyboard_v1_key(keyboard, clock_ms(), key, pressed);
	zwp_virtual_keyboard_v1_modifiers(keyboard,
		xkb_state_serialize_mods(keyboard_state, XKB_STATE_MODS_DEPRESSED),
		xkb_state_serialize_mods(keyboard_state, XKB_STATE_MODS_LATCHED),
		xkb_state_serialize_mods(keyboard_state, XKB_STATE_MODS_LOCKED), 0);
	client_sync(tools);
}

static uint32_t key_named(const char *name)
{
	static const struct {
		const char *name;
		uint32_t code;
	} keys[] = {{"Super", KEY_LEFTMETA}, {"Shift", KEY_LEFTSHIFT}, {"Ctrl", KEY_LEFTCTRL},
		{"Alt", KEY_LEFTALT}, {"Left", KEY_LEFT}, {"Right", KEY_RIGHT}, {"Up", KEY_UP},
		{"Down", KEY_DOWN}, {"Tab", KEY_TAB}, {"Escape", KEY_ESC}, {"Return", KEY_ENTER},
		{"q", KEY_Q}, {"a", KEY_A}, {"f", KEY_F}, {"m", KEY_M}, {"1", KEY_1}, {"2", KEY_2},
		{"F1", KEY_F1}};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].name, name) == 0) {
			return keys[i].code;
		}
	}
	fail_msg("no key %s", name);
	return 0;
}

void key_chord(const char *chord)
{
	uint32_t codes[8];
	char copy[64], *save = NULL;
	int count = 0;

	snprintf(copy, sizeof(copy), "%s", chord);
	for (char *p = strtok_r(copy, "+", &save); p != NULL; p = strtok_r(NULL, "+", &save)) {
		codes[count++] = key_named(p);
	}
	for (int i = 0; i < count; i++) {
		key_send(codes[i], true);
	}
	while (count > 0) {
		key_send(codes[--count], false);
	}
}

char *ipc_request(const char *line)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char *answer = calloc(1, 65536);
	size_t len = 0;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", ipc_path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	/* Too long a line is cut off by the compositor, and that shows in the answer. */
	if (write(fd, line, strlen(line)) == (ssize_t)strlen(line)) {
		(void)!write(fd, "\n", 1);
	}
	while (len < 65535) {
		ssize_t n = read(fd, answer + len, 65535 - len);

		if (n <= 0) {
			break;
		}
		len += (size_t)n;
		if (answer[len - 1] == '\n') {
			break;
		}
	}
	close(fd);
	return answer;
}

bool ipc_try(const char *action)
{
	char line[512], *answer;
	bool ok;

	snprintf(line, sizeof(line), "do %s", action);
	answer = ipc_request(line);
	ok = strcmp(answer, "ok\n") == 0;
	free(answer);
	return ok;
}

void ipc_do(const char *action)
{
	if (!ipc_try(action)) {
		fail_msg("the compositor refuses '%s'", action);
	}
}

/* The JSON object of a window, from its opening brace; NULL. */
static char *window_object(const char *title)
{
	char *all = ipc_request("get windows"), key[128], *found, *start, *copy = NULL;

	snprintf(key, sizeof(key), "\"title\":\"%s\"", title);
	found = strstr(all, key);
	if (found != NULL) {
		start = found;
		while (start > all && *start != '{') {
			start--;
		}
		copy = strdup(start);
		found = strstr(copy + 1, "},{\"id\"");
		if (found != NULL) {
			*found = '\0';
		}
	}
	free(all);
	return copy;
}

bool window_exists(const char *title)
{
	char *object = window_object(title);
	bool found = object != NULL;

	free(object);
	return found;
}

int window_number(const char *title, const char *path)
{
	char *object = window_object(title), key[64], copy[64], *p = object, *save = NULL;
	int value;

	if (object == NULL) {
		fail_msg("there is no window '%s'", title);
	}
	snprintf(copy, sizeof(copy), "%s", path);
	for (char *part = strtok_r(copy, ".", &save); part != NULL;
		part = strtok_r(NULL, ".", &save)) {
		snprintf(key, sizeof(key), "\"%s\":", part);
		p = strstr(p, key);
		assert_non_null(p);
		p += strlen(key);
	}
	value = atoi(p);
	free(object);
	return value;
}

bool window_is(const char *title, const char *name, const char *value)
{
	char *object = window_object(title), key[128];
	bool is;

	snprintf(key, sizeof(key), "\"%s\":\"%s\"", name, value);
	is = object != NULL && strstr(object, key) != NULL;
	free(object);
	return is;
}

bool window_flag(const char *title, const char *name)
{
	char *object = window_object(title), key[64];
	bool set;

	if (object == NULL) {
		fail_msg("there is no window '%s'", title);
	}
	snprintf(key, sizeof(key), "\"%s\":true", name);
	set = strstr(object, key) != NULL;
	free(object);
	return set;
}

static void shot_buffer(void *data, struct zwlr_screencopy_frame_v1 *frame, uint32_t format,
	uint32_t width, uint32_t height, uint32_t stride)
{
	(void)data;
	(void)frame;
	shot.format = format;
	shot.width = width;
	shot.height = height;
	shot.stride = stride;
	shot.have_buffer = true;
}

static void shot_flags(void *data, struct zwlr_screencopy_frame_v1 *frame, uint32_t flags)
{
	(void)data;
	(void)frame;
	(void)flags;
}

static void shot_ready(
	void *data, struct zwlr_screencopy_frame_v1 *frame, uint32_t hi, uint32_t lo, uint32_t nsec)
{
	(void)data;
	(void)frame;
	(void)hi;
	(void)lo;
	(void)nsec;
	shot.ready = true;
}

static void shot_failed(void *data, struct zwlr_screencopy_frame_v1 *frame)
{
	(void)data;
	(void)frame;
	fail_msg("no picture of the screen");
}

static const struct zwlr_screencopy_frame_v1_listener shot_listener = {
	.buffer = shot_buffer,
	.flags = shot_flags,
	.ready = shot_ready,
	.failed = shot_failed,
};

uint32_t screen_pixel(int x, int y)
{
	struct zwlr_screencopy_frame_v1 *frame = zwlr_screencopy_manager_v1_capture_output_region(
		tools->screencopy, 0, tools->output, x, y, 1, 1);
	struct wl_shm_pool *pool;
	struct wl_buffer *buffer;
	uint32_t pixel = 0;
	int fd;

	shot.have_buffer = shot.ready = false;
	zwlr_screencopy_frame_v1_add_listener(frame, &shot_listener, NULL);
	client_wait(tools, shot.have_buffer);
	fd = memory_file(shot.stride * shot.height);
	pool = wl_shm_create_pool(tools->shm, fd, (int)(shot.stride * shot.height));
	buffer = wl_shm_pool_create_buffer(
		pool, 0, (int)shot.width, (int)shot.height, (int)shot.stride, shot.format);
	zwlr_screencopy_frame_v1_copy(frame, buffer);
	client_wait(tools, shot.ready);
	assert_int_equal(pread(fd, &pixel, 4, 0), 4);
	wl_buffer_destroy(buffer);
	wl_shm_pool_destroy(pool);
	zwlr_screencopy_frame_v1_destroy(frame);
	close(fd);
	if (shot.format == WL_SHM_FORMAT_XBGR8888 || shot.format == WL_SHM_FORMAT_ABGR8888) {
		pixel = (pixel & 0xff) << 16 | (pixel & 0xff00) | (pixel >> 16 & 0xff);
	}
	return pixel & 0xffffff;
}

void expect_pixel(int x, int y, uint32_t colour)
{
	uint32_t seen = 0;

	for (int i = 0; i < 100; i++) {
		seen = screen_pixel(x, y);
		if (seen == colour) {
			return;
		}
		usleep(10000);
	}
	fail_msg("(%d, %d) is %06x, not %06x", x, y, seen, colour);
}
