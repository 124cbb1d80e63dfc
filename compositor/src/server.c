/* SPDX-License-Identifier: MIT */
#include "server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <wlr/backend.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_layer_shell_v1.h>
#include <wlr/types/wlr_output_layout.h>
#include <wlr/types/wlr_xdg_shell.h>
#include <wlr/util/log.h>

#include "config_watch.h"
#include "decoration.h"
#include "help.h"
#include "idle.h"
#include "ipc.h"
#include "keyboard.h"
#include "layer.h"
#include "lock.h"
#include "menu.h"
#include "notice.h"
#include "output.h"
#include "seat.h"
#include "shadow.h"
#include "spawner.h"
#include "switcher.h"
#include "view.h"
#include "wallpaper.h"
#include "workspace.h"
#include "xwayland.h"

extern const char default_config[];

static char *join_path(const char *dir, const char *name)
{
	char *path = NULL;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		abort();
	}
	return path;
}

/* The user's own file, else the system's, else NULL for the built-in text. */
static char *find_config(const char *given)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char *candidates[3] = {NULL, NULL, NULL}, *found = NULL;

	if (given != NULL) {
		return mem_strdup(given);
	}
	if (xdg != NULL && *xdg == '/') {
		candidates[0] = join_path(xdg, "weft/compositor.conf");
	} else if (home != NULL) {
		candidates[0] = join_path(home, ".config/weft/compositor.conf");
	}
	candidates[1] = mem_strdup("/etc/weft/compositor.conf");
	for (size_t i = 0; i < ARRAY_LEN(candidates); i++) {
		if (found == NULL && candidates[i] != NULL && access(candidates[i], R_OK) == 0) {
			found = candidates[i];
		} else {
			free(candidates[i]);
		}
	}
	return found;
}

static int read_config(struct server *server, struct config **out, struct config_errors *errors)
{
	struct config *config = config_create();
	int ret;

	if (server->config_path != NULL) {
		ret = config_read_file(config, server->config_path, errors);
	} else {
		ret = config_read_text(config, default_config, "built-in", errors);
	}
	*out = config;
	return ret;
}

static void report_errors(struct server *server, const struct config_errors *errors, bool kept)
{
	const char *lines[16];
	struct config_error *e;
	int n = 0;

	wl_list_for_each(e, &errors->list, link)
	{
		wlr_log(WLR_ERROR, "%s", e->text);
		if (n < (int)ARRAY_LEN(lines)) {
			lines[n++] = e->text;
		}
	}
	notice_show(server,
		kept ? "The configuration has mistakes; the old one stays in force"
		     : "The configuration has mistakes; the lines below are left out",
		lines, n);
}

static void apply_environment(const struct config *config)
{
	struct env_config *e;

	wl_list_for_each(e, &config->env, link)
	{
		setenv(e->name, e->value, 1);
	}
}

static void apply_config(struct server *server)
{
	struct output *output;
	struct view *view;

	apply_environment(server->config);
	workspace_set_count(server, server->config->workspaces);
	seat_apply_config(server->seat);
	wl_list_for_each(output, &server->outputs, link)
	{
		wallpaper_invalidate(output->wallpaper);
		output_apply_config(output);
	}
	output_handle_layout_change(server);
	wl_list_for_each(view, &server->views, link)
	{
		decoration_redraw(view->decoration);
	}
	idle_apply_config(server->idle);
	spawner_apply_config(server->spawner);
	ipc_notify(server, IPC_WORKSPACES);
	ipc_notify(server, IPC_LAYOUT);
}

/* The user may have made a file of their own since the start. */
static void find_config_again(struct server *server)
{
	char *path;

	if (server->config_given) {
		return;
	}
	path = find_config(NULL);
	if (path != NULL && server->config_path != NULL && strcmp(path, server->config_path) == 0) {
		free(path);
		return;
	}
	free(server->config_path);
	server->config_path = path;
	config_watch_destroy(server->config_watch);
	server->config_watch = config_watch_create(server);
}

static void reload_now(void *data)
{
	struct server *server = data;
	struct config_errors errors;
	struct config *config, *old = server->config;
	int ret;

	find_config_again(server);
	config_errors_init(&errors);
	ret = read_config(server, &config, &errors);
	if (ret == 0) {
		menu_close(server);
		help_close(server);
		notice_close(server);
		keyboard_stop_repeat(server->seat);
		server->config = config;
		apply_config(server);
		config_destroy(old);
		wlr_log(WLR_INFO, "configuration read again");
	} else {
		if (errors.count == 0) {
			wlr_log(WLR_ERROR, "%s: %s", server->config_path, strerror(-ret));
		}
		report_errors(server, &errors, true);
		config_destroy(config);
	}
	config_errors_finish(&errors);
}

void server_reload(struct server *server)
{
	/* Whoever asks may be running from the configuration that goes away. */
	wl_event_loop_add_idle(server->loop, reload_now, server);
}

void server_quit(struct server *server, int status)
{
	server->exit_status = status;
	wl_display_terminate(server->display);
}

static int handle_signal(int number, void *data)
{
	struct server *server = data;

	if (number == SIGCHLD) {
		spawner_reap(server->spawner);
	} else if (number == SIGHUP) {
		server_reload(server);
	} else {
		server_quit(server, 0);
	}
	return 0;
}

static void handle_new_output(struct wl_listener *listener, void *data)
{
	struct server *server = wl_container_of(listener, server, new_output);

	output_handle_new(server, data);
}

static void handle_layout_change(struct wl_listener *listener, void *data)
{
	struct server *server = wl_container_of(listener, server, layout_change);

	(void)data;
	if (server->started) {
		output_handle_layout_change(server);
		ipc_notify(server, IPC_OUTPUTS);
	}
}

static void create_scene(struct server *server)
{
	server->scene = wlr_scene_create();
	for (int i = 0; i < LAYER_COUNT; i++) {
		server->layers[i] = wlr_scene_tree_create(&server->scene->tree);
	}
	server->output_layout = wlr_output_layout_create(server->display);
	server->scene_layout = wlr_scene_attach_output_layout(server->scene, server->output_layout);
}

static void create_shells(struct server *server)
{
	server->xdg_shell = wlr_xdg_shell_create(server->display, 6);
	listener_add(&server->xdg_shell->events.new_toplevel, &server->new_toplevel,
		xdg_handle_new_toplevel);
	listener_add(
		&server->xdg_shell->events.new_popup, &server->new_popup, xdg_handle_new_popup);
	server->layer_shell = wlr_layer_shell_v1_create(server->display, 4);
	listener_add(&server->layer_shell->events.new_surface, &server->new_layer_surface,
		layer_handle_new);
}

static void watch_signals(struct server *server)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		server->signals[i] =
			wl_event_loop_add_signal(server->loop, numbers[i], handle_signal, server);
	}
}

static int open_socket(struct server *server, const char *wanted)
{
	if (wanted != NULL) {
		if (wl_display_add_socket(server->display, wanted) < 0) {
			wlr_log(WLR_ERROR, "cannot listen on %s: %s", wanted, strerror(errno));
			return -errno;
		}
		server->socket = wanted;
		return 0;
	}
	server->socket = wl_display_add_socket_auto(server->display);
	if (server->socket == NULL) {
		wlr_log(WLR_ERROR, "no Wayland socket: is XDG_RUNTIME_DIR set? %s",
			strerror(errno));
		return -ENOENT;
	}
	return 0;
}

static int create_parts(struct server *server, const struct server_options *options)
{
	int ret;

	server->backend = wlr_backend_autocreate(server->loop, &server->session);
	if (server->backend == NULL) {
		wlr_log(WLR_ERROR, "no backend can be started");
		return -ENODEV;
	}
	create_scene(server);
	ret = renderer_init(server);
	if (ret < 0) {
		return ret;
	}
	server->compositor = wlr_compositor_create(server->display, 6, server->renderer);
	protocols_create(server);
	server->workspaces = workspaces_create(server->config->workspaces);
	server->seat = seat_create(server);
	server->lock = session_lock_create(server);
	server->idle = idle_create(server);
	server->spawner = spawner_create(server);
	create_shells(server);
	listener_add(&server->backend->events.new_output, &server->new_output, handle_new_output);
	listener_add(&server->backend->events.new_input, &server->new_input, seat_handle_new_input);
	listener_add(&server->output_layout->events.change, &server->layout_change,
		handle_layout_change);
	ret = open_socket(server, options->socket);
	if (ret < 0) {
		return ret;
	}
	server->ipc = ipc_create(server);
	server->xwayland = xwayland_create(server);
	return 0;
}

int server_create(const struct server_options *options, struct server **out)
{
	struct server *server = mem_zalloc(sizeof(*server));
	struct config_errors errors;
	int ret;

	wl_list_init(&server->outputs);
	wl_list_init(&server->views);
	wl_list_init(&server->layer_surfaces);
	server->config_path = find_config(options->config_path);
	server->config_given = options->config_path != NULL;
	server->startup_command = options->startup_command;
	server->display = wl_display_create();
	if (server->display == NULL) {
		free(server);
		return -ENOMEM;
	}
	wl_display_set_default_max_buffer_size(server->display, 1024 * 1024);
	server->loop = wl_display_get_event_loop(server->display);
	watch_signals(server);
	config_errors_init(&errors);
	ret = read_config(server, &server->config, &errors);
	if (ret < 0 && errors.count == 0) {
		wlr_log(WLR_ERROR, "%s: %s", server->config_path, strerror(-ret));
	} else {
		ret = 0;
	}
	apply_environment(server->config);
	ret = ret < 0 ? ret : create_parts(server, options);
	if (ret == 0 && errors.count > 0) {
		report_errors(server, &errors, false);
	}
	config_errors_finish(&errors);
	if (ret < 0) {
		server_destroy(server);
		return ret;
	}
	*out = server;
	return 0;
}

static void start_programs(void *data)
{
	struct server *server = data;

	if (server->startup_command != NULL) {
		spawner_run(server->spawner, server->startup_command);
	} else {
		spawner_start_session(server->spawner);
	}
}

static void show_startup_errors(struct server *server)
{
	struct config_errors errors;
	struct config *config;

	/* There was no output to show them on when the file was read. */
	config_errors_init(&errors);
	read_config(server, &config, &errors);
	if (errors.count > 0) {
		report_errors(server, &errors, false);
	}
	config_errors_finish(&errors);
	config_destroy(config);
}

int server_run(struct server *server)
{
	setenv("WAYLAND_DISPLAY", server->socket, 1);
	if (!wlr_backend_start(server->backend)) {
		wlr_log(WLR_ERROR, "the backend does not start");
		return 1;
	}
	server->started = true;
	output_handle_layout_change(server);
	show_startup_errors(server);
	server->config_watch = config_watch_create(server);
	wlr_log(WLR_INFO, "running on WAYLAND_DISPLAY=%s", server->socket);
	wl_event_loop_add_idle(server->loop, start_programs, server);
	wl_display_run(server->display);
	return server->exit_status;
}

static void destroy_parts(struct server *server)
{
	menu_close(server);
	help_close(server);
	switcher_cancel(server);
	notice_close(server);
	config_watch_destroy(server->config_watch);
	spawner_destroy(server->spawner);
	ipc_destroy(server->ipc);
	server->ipc = NULL;
	xwayland_destroy(server->xwayland);
	wl_display_destroy_clients(server->display);
	listener_remove(&server->new_output);
	listener_remove(&server->new_input);
	listener_remove(&server->layout_change);
	listener_remove(&server->new_toplevel);
	listener_remove(&server->new_popup);
	listener_remove(&server->new_layer_surface);
}

void server_destroy(struct server *server)
{
	if (server == NULL) {
		return;
	}
	destroy_parts(server);
	server->started = false;
	if (server->backend != NULL) {
		wlr_backend_destroy(server->backend);
	}
	idle_destroy(server->idle);
	session_lock_destroy(server->lock);
	if (server->seat != NULL) {
		seat_destroy(server->seat);
	}
	if (server->protocols != NULL) {
		protocols_destroy(server->protocols);
	}
	renderer_finish(server);
	if (server->scene != NULL) {
		wlr_scene_node_destroy(&server->scene->tree.node);
	}
	shadow_finish_shared();
	workspaces_destroy(server->workspaces);
	for (size_t i = 0; i < ARRAY_LEN(server->signals); i++) {
		wl_event_source_remove(server->signals[i]);
	}
	wl_display_destroy(server->display);
	config_destroy(server->config);
	free(server->config_path);
	free(server);
}
