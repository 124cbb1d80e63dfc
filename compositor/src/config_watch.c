/* SPDX-License-Identifier: MIT */
#include "config_watch.h"

#include <libgen.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <wlr/util/log.h>

#include "server.h"

/* Editors write in several steps; the last change counts. */
#define SETTLE_MS 150

struct config_watch {
	struct server *server;
	int fd;
	char *path, *name;
	struct wl_event_source *source, *timer;
};

static int handle_settled(void *data)
{
	struct config_watch *watch = data;

	server_reload(watch->server);
	return 0;
}

static int handle_event(int fd, uint32_t mask, void *data)
{
	struct config_watch *watch = data;
	char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n = read(fd, buffer, sizeof(buffer));
	bool ours = false;

	(void)mask;
	for (char *p = buffer; n > 0 && p < buffer + n;) {
		struct inotify_event *event = (struct inotify_event *)(void *)p;

		ours |= event->len > 0 && strcmp(event->name, watch->name) == 0;
		p += sizeof(*event) + event->len;
	}
	if (ours) {
		wl_event_source_timer_update(watch->timer, SETTLE_MS);
	}
	return 0;
}

struct config_watch *config_watch_create(struct server *server)
{
	struct config_watch *watch;
	char *dir;

	if (server->config_path == NULL) {
		return NULL;
	}
	watch = mem_zalloc(sizeof(*watch));
	watch->server = server;
	watch->path = mem_strdup(server->config_path);
	watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	dir = mem_strdup(watch->path);
	if (watch->fd < 0 || inotify_add_watch(watch->fd, dirname(dir),
				     IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE) < 0) {
		wlr_log(WLR_INFO, "the configuration cannot be watched; use the reload action");
		if (watch->fd >= 0) {
			close(watch->fd);
		}
		free(dir);
		free(watch->path);
		free(watch);
		return NULL;
	}
	free(dir);
	watch->name = basename(watch->path);
	watch->source = wl_event_loop_add_fd(
		server->loop, watch->fd, WL_EVENT_READABLE, handle_event, watch);
	watch->timer = wl_event_loop_add_timer(server->loop, handle_settled, watch);
	return watch;
}

void config_watch_destroy(struct config_watch *watch)
{
	if (watch == NULL) {
		return;
	}
	wl_event_source_remove(watch->source);
	wl_event_source_remove(watch->timer);
	close(watch->fd);
	free(watch->path);
	free(watch);
}
