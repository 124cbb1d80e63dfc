/* SPDX-License-Identifier: MIT */
/*
 * The compositor as a module of WLCS, Debian's Wayland conformance suite. WLCS runs our event loop
 * on its thread and sends its calls through a loop of its own, which ours drives; so all of this
 * runs on the compositor's one thread. Devices are wlroots pointers and touch screens without
 * hardware.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <wayland-client.h>
#include <wlcs/display_server.h>
#include <wlcs/pointer.h>
#include <wlcs/touch.h>
#include <wlr/backend.h>
#include <wlr/interfaces/wlr_keyboard.h>
#include <wlr/interfaces/wlr_pointer.h>
#include <wlr/interfaces/wlr_touch.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_cursor.h>
#include <wlr/util/log.h>

#include "cursor.h"
#include "output.h"
#include "seat.h"
#include "server.h"
#include "view.h"

#define CLIENTS_MAX 64
#define CONFIG_PATH "/tmp/weft-wlcs.conf"

struct module {
	WlcsDisplayServer base;
	struct server *server;
	struct wl_event_source *calls;
	struct wl_protocol_logger *logger;
	struct {
		int fd;
		struct wl_client *client;
	} clients[CLIENTS_MAX];
	int client_count;
	/* WLCS has no keyboard, and its clients want the seat's capabilities from the start. */
	struct wlr_keyboard keyboard;
	struct wlr_touch touch;
};

struct module_touch;

struct module_pointer {
	WlcsPointer base;
	struct module *module;
	struct wlr_pointer pointer;
};

struct module_touch {
	WlcsTouch base;
	struct module *module;
	struct wlr_touch touch;
	double x, y;
};

/*
 * WLCS takes it that a configure that a commit asks for is there when a sync sent after the commit
 * is answered. wlroots sends configures once the loop is idle, so idle work is done first here.
 */
static void handle_request(void *data, enum wl_protocol_logger_type type,
	const struct wl_protocol_logger_message *message)
{
	struct module *module = data;

	if (type == WL_PROTOCOL_LOGGER_REQUEST && message->message_opcode == 0 &&
		strcmp(wl_resource_get_class(message->resource), "wl_display") == 0) {
		wl_event_loop_dispatch_idle(module->server->loop);
	}
}

static uint32_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

static struct wlr_box screen(struct module *module)
{
	struct output *output = output_at(module->server, 0, 0);

	return output != NULL ? output->box : (struct wlr_box){0, 0, 1, 1};
}

static int handle_calls(int fd, uint32_t mask, void *data)
{
	(void)fd;
	(void)mask;
	wl_event_loop_dispatch(data, 0);
	return 0;
}

static void start_on_this_thread(WlcsDisplayServer *base, struct wl_event_loop *calls)
{
	struct module *module = (struct module *)base;

	module->calls = wl_event_loop_add_fd(module->server->loop, wl_event_loop_get_fd(calls),
		WL_EVENT_READABLE, handle_calls, calls);
	server_run(module->server);
}

static void stop(WlcsDisplayServer *base)
{
	struct module *module = (struct module *)base;

	server_quit(module->server, 0);
}

static int create_client_socket(WlcsDisplayServer *base)
{
	struct module *module = (struct module *)base;
	int fds[2];

	if (module->client_count == CLIENTS_MAX ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
		return -1;
	}
	module->clients[module->client_count].fd = fds[1];
	module->clients[module->client_count].client =
		wl_client_create(module->server->display, fds[0]);
	module->client_count++;
	return fds[1];
}

static struct view *find_view(
	struct module *module, struct wl_display *display, struct wl_surface *surface)
{
	int fd = wl_display_get_fd(display);

	/* The latest client of the number: a closed one's is used again. */
	for (int i = module->client_count - 1; i >= 0; i--) {
		struct wl_resource *resource;

		if (module->clients[i].fd != fd) {
			continue;
		}
		resource = wl_client_get_object(
			module->clients[i].client, wl_proxy_get_id((struct wl_proxy *)surface));
		return resource != NULL ? view_from_surface(module->server,
						  wlr_surface_from_resource(resource))
					: NULL;
	}
	return NULL;
}

static void position_window_absolute(WlcsDisplayServer *base, struct wl_display *display,
	struct wl_surface *surface, int x, int y)
{
	struct module *module = (struct module *)base;
	struct view *view = find_view(module, display, surface);
	struct wlr_box box;

	if (view != NULL) {
		box = view->box;
		box.x = x;
		box.y = y;
		view_set_box(view, box);
	}
}

/* A hair more, so that the way back to whole coordinates does not end one below. */
static double relative(wl_fixed_t value, int size)
{
	return (wl_fixed_to_double(value) + 1e-6) / size;
}

static void pointer_move_absolute(WlcsPointer *base, wl_fixed_t x, wl_fixed_t y)
{
	struct module_pointer *p = (struct module_pointer *)base;
	struct wlr_box box = screen(p->module);
	struct wlr_pointer_motion_absolute_event event = {
		.pointer = &p->pointer,
		.time_msec = now_ms(),
		.x = relative(x, box.width),
		.y = relative(y, box.height),
	};

	wl_signal_emit_mutable(&p->pointer.events.motion_absolute, &event);
	wl_signal_emit_mutable(&p->pointer.events.frame, &p->pointer);
}

static void pointer_move_relative(WlcsPointer *base, wl_fixed_t dx, wl_fixed_t dy)
{
	struct module_pointer *p = (struct module_pointer *)base;
	struct wlr_pointer_motion_event event = {
		.pointer = &p->pointer,
		.time_msec = now_ms(),
		.delta_x = wl_fixed_to_double(dx),
		.delta_y = wl_fixed_to_double(dy),
		.unaccel_dx = wl_fixed_to_double(dx),
		.unaccel_dy = wl_fixed_to_double(dy),
	};

	wl_signal_emit_mutable(&p->pointer.events.motion, &event);
	wl_signal_emit_mutable(&p->pointer.events.frame, &p->pointer);
}

static void pointer_button(WlcsPointer *base, int button, enum wl_pointer_button_state state)
{
	struct module_pointer *p = (struct module_pointer *)base;
	struct wlr_pointer_button_event event = {
		.pointer = &p->pointer,
		.time_msec = now_ms(),
		.button = (uint32_t)button,
		.state = state,
	};

	wl_signal_emit_mutable(&p->pointer.events.button, &event);
	wl_signal_emit_mutable(&p->pointer.events.frame, &p->pointer);
}

static void pointer_button_up(WlcsPointer *base, int button)
{
	pointer_button(base, button, WL_POINTER_BUTTON_STATE_RELEASED);
}

static void pointer_button_down(WlcsPointer *base, int button)
{
	pointer_button(base, button, WL_POINTER_BUTTON_STATE_PRESSED);
}

static void pointer_destroy(WlcsPointer *base)
{
	struct module_pointer *p = (struct module_pointer *)base;

	wlr_pointer_finish(&p->pointer);
	free(p);
}

static WlcsPointer *create_pointer(WlcsDisplayServer *base)
{
	static const struct wlr_pointer_impl impl = {.name = "wlcs"};
	struct module *module = (struct module *)base;
	struct module_pointer *p = mem_zalloc(sizeof(*p));

	p->base = (WlcsPointer){
		.version = WLCS_POINTER_VERSION,
		.move_absolute = pointer_move_absolute,
		.move_relative = pointer_move_relative,
		.button_up = pointer_button_up,
		.button_down = pointer_button_down,
		.destroy = pointer_destroy,
	};
	p->module = module;
	wlr_pointer_init(&p->pointer, &impl, "wlcs pointer");
	wl_signal_emit_mutable(&module->server->backend->events.new_input, &p->pointer.base);
	return &p->base;
}

static void touch_frame(struct module_touch *t)
{
	wl_signal_emit_mutable(&t->touch.events.frame, NULL);
}

/* Whatever their type says, touches come in whole pixels. */
static void touch_down(WlcsTouch *base, wl_fixed_t x, wl_fixed_t y)
{
	struct module_touch *t = (struct module_touch *)base;
	struct wlr_box box = screen(t->module);
	struct wlr_touch_down_event event = {
		.touch = &t->touch,
		.time_msec = now_ms(),
		.x = relative(wl_fixed_from_int(x), box.width),
		.y = relative(wl_fixed_from_int(y), box.height),
	};

	wl_signal_emit_mutable(&t->touch.events.down, &event);
	touch_frame(t);
}

static void touch_move(WlcsTouch *base, wl_fixed_t x, wl_fixed_t y)
{
	struct module_touch *t = (struct module_touch *)base;
	struct wlr_box box = screen(t->module);
	struct wlr_touch_motion_event event = {
		.touch = &t->touch,
		.time_msec = now_ms(),
		.x = relative(wl_fixed_from_int(x), box.width),
		.y = relative(wl_fixed_from_int(y), box.height),
	};

	wl_signal_emit_mutable(&t->touch.events.motion, &event);
	touch_frame(t);
}

static void touch_up(WlcsTouch *base)
{
	struct module_touch *t = (struct module_touch *)base;
	struct wlr_touch_up_event event = {.touch = &t->touch, .time_msec = now_ms()};

	wl_signal_emit_mutable(&t->touch.events.up, &event);
	touch_frame(t);
}

static void touch_destroy(WlcsTouch *base)
{
	struct module_touch *t = (struct module_touch *)base;

	wlr_touch_finish(&t->touch);
	free(t);
}

static WlcsTouch *create_touch(WlcsDisplayServer *base)
{
	static const struct wlr_touch_impl impl = {.name = "wlcs"};
	struct module *module = (struct module *)base;
	struct module_touch *t = mem_zalloc(sizeof(*t));

	t->base = (WlcsTouch){
		.version = WLCS_TOUCH_VERSION,
		.touch_down = touch_down,
		.touch_move = touch_move,
		.touch_up = touch_up,
		.destroy = touch_destroy,
	};
	t->module = module;
	wlr_touch_init(&t->touch, &impl, "wlcs touch");
	wl_signal_emit_mutable(&module->server->backend->events.new_input, &t->touch.base);
	return &t->base;
}

static const WlcsIntegrationDescriptor *get_descriptor(const WlcsDisplayServer *base)
{
	static const WlcsExtensionDescriptor extensions[] = {
		{"wl_compositor", 6},
		{"wl_shm", 1},
		{"wl_subcompositor", 1},
		{"wl_data_device_manager", 3},
		{"wl_seat", 9},
		{"wl_output", 4},
		{"xdg_wm_base", 6},
		{"zxdg_output_manager_v1", 3},
		{"zwlr_layer_shell_v1", 4},
		{"zwlr_foreign_toplevel_manager_v1", 3},
		{"zwp_primary_selection_device_manager_v1", 1},
		{"zwp_pointer_constraints_v1", 1},
		{"zwp_relative_pointer_manager_v1", 1},
		{"zwp_text_input_manager_v3", 1},
		{"zwp_input_method_manager_v2", 1},
		{"zwlr_virtual_pointer_manager_v1", 2},
		{"zwp_virtual_keyboard_manager_v1", 1},
		{"xdg_activation_v1", 1},
	};
	static const WlcsIntegrationDescriptor descriptor = {
		.version = WLCS_INTEGRATION_DESCRIPTOR_VERSION,
		.num_extensions = ARRAY_LEN(extensions),
		.supported_extensions = extensions,
	};

	(void)base;
	return &descriptor;
}

static void add_lasting_devices(struct module *module)
{
	static const struct wlr_keyboard_impl keyboard_impl = {.name = "wlcs"};
	static const struct wlr_touch_impl touch_impl = {.name = "wlcs"};
	struct wl_signal *new_input = &module->server->backend->events.new_input;

	wlr_keyboard_init(&module->keyboard, &keyboard_impl, "wlcs keyboard");
	wlr_touch_init(&module->touch, &touch_impl, "wlcs touch");
	wl_signal_emit_mutable(new_input, &module->keyboard.base);
	wl_signal_emit_mutable(new_input, &module->touch.base);
}

static WlcsDisplayServer *create_server(int argc, const char **argv)
{
	struct server_options options = {.config_path = CONFIG_PATH, .startup_command = "true"};
	struct module *module = mem_zalloc(sizeof(*module));
	FILE *config = fopen(CONFIG_PATH, "w");

	(void)argc;
	(void)argv;
	setenv("WLR_BACKENDS", "headless", 1);
	setenv("WLR_RENDERER", "pixman", 1);
	wlr_log_init(WLR_ERROR, NULL);
	if (config == NULL) {
		abort();
	}
	fputs("xwayland off\nwallpaper none\nsnap-distance 0\n", config);
	fclose(config);
	if (server_create(&options, &module->server) < 0) {
		abort();
	}
	add_lasting_devices(module);
	module->logger =
		wl_display_add_protocol_logger(module->server->display, handle_request, module);
	module->base = (WlcsDisplayServer){
		.version = WLCS_DISPLAY_SERVER_VERSION,
		.stop = stop,
		.create_client_socket = create_client_socket,
		.position_window_absolute = position_window_absolute,
		.create_pointer = create_pointer,
		.create_touch = create_touch,
		.get_descriptor = get_descriptor,
		.start_on_this_thread = start_on_this_thread,
	};
	return &module->base;
}

static void destroy_server(WlcsDisplayServer *base)
{
	struct module *module = (struct module *)base;

	if (module->calls != NULL) {
		wl_event_source_remove(module->calls);
	}
	wl_protocol_logger_destroy(module->logger);
	wlr_keyboard_finish(&module->keyboard);
	wlr_touch_finish(&module->touch);
	server_destroy(module->server);
	free(module);
}

const WlcsServerIntegration wlcs_server_integration = {
	.version = WLCS_SERVER_INTEGRATION_VERSION,
	.create_server = create_server,
	.destroy_server = destroy_server,
};
