/* SPDX-License-Identifier: MIT */
/*
 * A compositor of one's own to test against, a Wayland client inside the test program, virtual
 * input devices, and pictures of the screen. Everything fails the running test when it does not
 * come about within a few seconds; nothing sleeps longer than it must.
 */
#ifndef WEFT_TESTS_HARNESS_H
#define WEFT_TESTS_HARNESS_H

#include "check.h"

#include <wayland-client.h>

#define TITLE_HEIGHT 30

struct client {
	struct wl_display *display;
	struct wl_compositor *compositor;
	struct wl_shm *shm;
	struct wl_seat *seat;
	struct wl_output *output;
	struct wl_pointer *pointer;
	struct wl_keyboard *keyboard;
	struct xdg_wm_base *shell;
	struct zxdg_decoration_manager_v1 *decorations;
	struct zwlr_layer_shell_v1 *layer_shell;
	struct zwlr_screencopy_manager_v1 *screencopy;
	struct zwlr_virtual_pointer_manager_v1 *pointers;
	struct zwp_virtual_keyboard_manager_v1 *keyboards;
	struct zwlr_foreign_toplevel_manager_v1 *toplevels;
	struct ext_session_lock_manager_v1 *lock_manager;
	struct xdg_activation_v1 *activation;

	/* What the seat told. */
	struct wl_surface *pointer_surface, *keyboard_surface;
	double pointer_x, pointer_y;
	uint32_t serial;
	int buttons, keys;
	uint32_t last_key;
	/* What foreign toplevel management told. */
	int foreign_count;
	struct zwlr_foreign_toplevel_handle_v1 *foreign_last;
};

struct window {
	struct client *client;
	struct wl_surface *surface;
	struct xdg_surface *xdg;
	struct xdg_toplevel *toplevel;
	struct zxdg_toplevel_decoration_v1 *decoration;
	struct wl_buffer *buffer;
	uint32_t colour;
	int want_width, want_height; /* when the compositor leaves it to us */
	int width, height;
	bool configured, maximised, fullscreen, activated, resizing, closed;
	uint32_t decoration_mode;
	bool lazy; /* does not follow size configures */
};

struct panel {
	struct client *client;
	struct wl_surface *surface;
	struct zwlr_layer_surface_v1 *layer;
	int width, height;
	bool closed;
};

/* Starts weft-compositor with a configuration; a group's setup and teardown. */
void compositor_start(const char *config);
void compositor_stop(void);
/** Writes the configuration file again. */
void compositor_write_config(const char *config);
int compositor_pid(void);

struct client *client_connect(void);
void client_disconnect(struct client *client);
void client_sync(struct client *client);
/** Milliseconds of the clock that never jumps. */
uint32_t clock_ms(void);
/** Dispatches until the condition holds; fails the test after ten seconds. */
#define client_wait(client, condition)                                                             \
	do {                                                                                       \
		const uint32_t end_ = clock_ms() + 10000;                                          \
		wl_display_flush((client)->display);                                               \
		while (!(condition)) {                                                             \
			if (clock_ms() > end_) {                                                   \
				fail_msg("%s:%d: never true: %s", __FILE__, __LINE__, #condition); \
			}                                                                          \
			client_pump(client, 10);                                                   \
		}                                                                                  \
	} while (0)
void client_pump(struct client *client, int ms);

struct window *window_create(
	struct client *client, const char *title, int width, int height, uint32_t colour);
/** As window_create(), before anything is committed. */
struct window *window_prepare(
	struct client *client, const char *title, int width, int height, uint32_t colour);
void window_show(struct window *window);
void window_destroy(struct window *window);

struct panel *panel_create(struct client *client, uint32_t layer, uint32_t anchor, int width,
	int height, int zone, uint32_t interactivity, uint32_t colour);
void panel_destroy(struct panel *panel);
struct wl_buffer *buffer_create(struct client *client, int width, int height, uint32_t colour);

/* Input, by virtual devices that stay for the whole program. */
void pointer_move(int x, int y);
void pointer_button(uint32_t button, bool pressed);
void pointer_click(int x, int y);
void key_send(uint32_t key, bool pressed);
/** Presses and releases keys such as "Super+Shift+Left". */
void key_chord(const char *chord);

/** Asks the control socket; the caller frees the answer. */
char *ipc_request(const char *line);
void ipc_do(const char *action);
bool ipc_try(const char *action);
/** A number of a window in "get windows": path as "content.x"; fails if there is none. */
int window_number(const char *title, const char *path);
bool window_flag(const char *title, const char *name);
bool window_exists(const char *title);
/** Whether a window's "name":"value" is this. */
bool window_is(const char *title, const char *name, const char *value);

/** The colour of a point of the screen, 0xRRGGBB. */
uint32_t screen_pixel(int x, int y);
/** Waits until a point has a colour. */
void expect_pixel(int x, int y, uint32_t colour);

#endif
