/* SPDX-License-Identifier: MIT */
#include "ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <wlr/util/log.h>

#include "action.h"
#include "lock.h"
#include "server.h"

#define LINE_MAX_BYTES 4096
#define CLIENTS_MAX    64

static const char *const topic_names[IPC_TOPICS] = {
	[IPC_WORKSPACES] = "workspaces",
	[IPC_WINDOWS] = "windows",
	[IPC_OUTPUTS] = "outputs",
	[IPC_LAYOUT] = "layout",
};

struct ipc {
	struct server *server;
	int fd;
	struct sockaddr_un address;
	struct wl_event_source *source, *idle;
	struct wl_list clients;
	unsigned changed; /* bits of topics */
};

struct ipc_client {
	struct wl_list link;
	struct ipc *ipc;
	int fd;
	struct wl_event_source *source;
	char line[LINE_MAX_BYTES];
	size_t len;
	unsigned watched, panel; /* bits of topics */
	char *last[IPC_TOPICS];	 /* what was sent, so that only changes are */
};

static void client_destroy(struct ipc_client *client)
{
	wl_event_source_remove(client->source);
	close(client->fd);
	wl_list_remove(&client->link);
	for (int i = 0; i < IPC_TOPICS; i++) {
		free(client->last[i]);
	}
	free(client);
}

/* A client that does not read is dropped: the compositor never waits for one. */
static bool client_send(struct ipc_client *client, const char *text)
{
	size_t len = strlen(text);

	return send(client->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len;
}

static bool client_report(struct ipc_client *client, enum ipc_topic topic)
{
	struct server *server = client->ipc->server;
	char *text = client->panel & 1u << topic ? ipc_report_panel(server, topic)
						 : ipc_report(server, topic);
	bool ok = true;

	if (client->last[topic] == NULL || strcmp(client->last[topic], text) != 0) {
		ok = client_send(client, text);
		free(client->last[topic]);
		client->last[topic] = text;
	} else {
		free(text);
	}
	return ok;
}

static bool run_action(struct ipc_client *client, const char *text)
{
	struct server *server = client->ipc->server;
	struct action action;
	char error[300], reply[320];
	int ret = action_parse(text, &action, error, sizeof(error));

	if (ret < 0) {
		snprintf(reply, sizeof(reply), "error: %s\n", error);
		return client_send(client, reply);
	}
	ret = session_locked(server) ? -EPERM : action_run(server, &action, NULL);
	action_finish(&action);
	snprintf(reply, sizeof(reply), "error: %s\n",
		ret == -EPERM	 ? "the session is locked"
		: ret == -ENOENT ? "there is nothing that this can act on"
				 : strerror(-ret));
	return client_send(client, ret < 0 ? reply : "ok\n");
}

static int find_topic(const char *name)
{
	for (int i = 0; i < IPC_TOPICS; i++) {
		if (strcmp(topic_names[i], name) == 0) {
			return i;
		}
	}
	return -1;
}

static bool handle_line(struct ipc_client *client, char *line)
{
	char *arg = strchr(line, ' ');
	int topic;

	if (arg != NULL) {
		*arg++ = '\0';
	}
	if (strcmp(line, "do") == 0 && arg != NULL) {
		return run_action(client, arg);
	}
	if (strcmp(line, "get") == 0 && arg != NULL && strcmp(arg, "display") == 0) {
		const char *display = getenv("DISPLAY");
		char reply[64];

		snprintf(reply, sizeof(reply), "%s\n", display != NULL ? display : "");
		return client_send(client, reply);
	}
	topic = arg != NULL ? find_topic(arg) : -1;
	if (topic < 0) {
		return client_send(client, "error: there is no such request\n");
	}
	if (strcmp(line, "get") == 0) {
		char *text = ipc_report(client->ipc->server, topic);
		bool ok = client_send(client, text);

		free(text);
		return ok;
	}
	if (strcmp(line, "watch") == 0 || strcmp(line, "watch-panel") == 0) {
		client->watched |= 1u << topic;
		client->panel |= line[5] == '-' ? 1u << topic : 0;
		return client_report(client, topic);
	}
	return client_send(client, "error: there is no such request\n");
}

/* Handles every whole line that has arrived; false when the client is to go. */
static bool handle_lines(struct ipc_client *client)
{
	char *end;

	while ((end = memchr(client->line, '\n', client->len)) != NULL) {
		size_t taken = (size_t)(end - client->line) + 1;

		*end = '\0';
		if (!handle_line(client, client->line)) {
			return false;
		}
		client->len -= taken;
		memmove(client->line, client->line + taken, client->len);
	}
	return client->len < sizeof(client->line);
}

static int handle_client(int fd, uint32_t mask, void *data)
{
	struct ipc_client *client = data;
	ssize_t n;

	if (mask & WL_EVENT_READABLE) {
		n = recv(fd, client->line + client->len, sizeof(client->line) - client->len,
			MSG_DONTWAIT);
		if (n > 0) {
			client->len += (size_t)n;
			if (handle_lines(client)) {
				return 0;
			}
		} else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			return 0;
		}
	}
	client_destroy(client);
	return 0;
}

static int handle_connection(int fd, uint32_t mask, void *data)
{
	struct ipc *ipc = data;
	struct ipc_client *client;
	int client_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)mask;
	if (client_fd < 0) {
		return 0;
	}
	if (wl_list_length(&ipc->clients) >= CLIENTS_MAX) {
		close(client_fd);
		return 0;
	}
	client = mem_zalloc(sizeof(*client));
	client->ipc = ipc;
	client->fd = client_fd;
	client->source = wl_event_loop_add_fd(
		ipc->server->loop, client_fd, WL_EVENT_READABLE, handle_client, client);
	wl_list_insert(&ipc->clients, &client->link);
	return 0;
}

static void handle_idle(void *data)
{
	struct ipc *ipc = data;
	struct ipc_client *client, *next;
	unsigned changed = ipc->changed;

	ipc->idle = NULL;
	ipc->changed = 0;
	wl_list_for_each_safe(client, next, &ipc->clients, link)
	{
		bool ok = true;

		for (int i = 0; i < IPC_TOPICS && ok; i++) {
			if (changed & client->watched & 1u << i) {
				ok = client_report(client, i);
			}
		}
		if (!ok) {
			client_destroy(client);
		}
	}
}

void ipc_notify(struct server *server, enum ipc_topic topic)
{
	struct ipc *ipc = server->ipc;

	if (ipc == NULL || wl_list_empty(&ipc->clients)) {
		return;
	}
	ipc->changed |= 1u << topic;
	if (ipc->idle == NULL) {
		ipc->idle = wl_event_loop_add_idle(server->loop, handle_idle, ipc);
	}
}

static int bind_socket(struct ipc *ipc)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");
	int len;

	if (dir == NULL) {
		return -ENOENT;
	}
	ipc->address.sun_family = AF_UNIX;
	len = snprintf(ipc->address.sun_path, sizeof(ipc->address.sun_path), "%s/weft-%s.sock", dir,
		ipc->server->socket);
	if (len >= (int)sizeof(ipc->address.sun_path)) {
		return -ENAMETOOLONG;
	}
	ipc->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ipc->fd < 0) {
		return -errno;
	}
	/* The display's lock file says that no other compositor uses this name. */
	unlink(ipc->address.sun_path);
	if (bind(ipc->fd, (struct sockaddr *)&ipc->address, sizeof(ipc->address)) < 0 ||
		listen(ipc->fd, 16) < 0) {
		int err = errno;

		close(ipc->fd);
		return -err;
	}
	return 0;
}

struct ipc *ipc_create(struct server *server)
{
	struct ipc *ipc = mem_zalloc(sizeof(*ipc));
	int ret;

	ipc->server = server;
	wl_list_init(&ipc->clients);
	ret = bind_socket(ipc);
	if (ret < 0) {
		wlr_log(WLR_ERROR, "no control socket: %s", strerror(-ret));
		free(ipc);
		return NULL;
	}
	ipc->source = wl_event_loop_add_fd(
		server->loop, ipc->fd, WL_EVENT_READABLE, handle_connection, ipc);
	setenv("WEFT_SOCKET", ipc->address.sun_path, 1);
	return ipc;
}

void ipc_destroy(struct ipc *ipc)
{
	struct ipc_client *client, *next;

	if (ipc == NULL) {
		return;
	}
	wl_list_for_each_safe(client, next, &ipc->clients, link)
	{
		client_destroy(client);
	}
	if (ipc->idle != NULL) {
		wl_event_source_remove(ipc->idle);
	}
	wl_event_source_remove(ipc->source);
	close(ipc->fd);
	unlink(ipc->address.sun_path);
	free(ipc);
}
