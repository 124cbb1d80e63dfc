/* SPDX-License-Identifier: MIT */
#include "spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <wlr/types/wlr_xdg_activation_v1.h>
#include <wlr/util/log.h>

#include "protocols.h"
#include "seat.h"
#include "server.h"

extern char **environ;

#define RESTART_MIN_MS 250
#define RESTART_MAX_MS 30000
/* A service that ran this long starts over with the shortest pause. */
#define STEADY_MS 10000
/* The shell's exit status for a program that is not there. */
#define NOT_FOUND 127

/* A child that is waited for: a service, or a program that was just started. */
struct child {
	struct wl_list link; /* spawner.children */
	struct spawner *spawner;
	pid_t pid; /* 0: a service between two runs */
	char *command;
	bool service;
	int64_t started;
	int pause;
	struct wl_event_source *timer;
};

struct spawner {
	struct server *server;
	struct wl_list children;
	bool started;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The environment with an activation token, so that a program started by a key may take focus. */
static char **make_environment(struct spawner *spawner)
{
	struct wlr_xdg_activation_v1 *activation = spawner->server->protocols->activation;
	struct wlr_xdg_activation_token_v1 *token = wlr_xdg_activation_token_v1_create(activation);
	const char *name = token != NULL ? wlr_xdg_activation_token_v1_get_name(token) : NULL;
	size_t count = 0, n = 0;
	char **env;

	while (environ[count] != NULL) {
		count++;
	}
	env = mem_zalloc((count + 2) * sizeof(*env));
	for (size_t i = 0; i < count; i++) {
		if (strncmp(environ[i], "XDG_ACTIVATION_TOKEN=", 21) != 0) {
			env[n++] = environ[i];
		}
	}
	if (name != NULL) {
		static const char prefix[] = "XDG_ACTIVATION_TOKEN=";

		env[n] = mem_zalloc(sizeof(prefix) + strlen(name));
		strcpy(stpcpy(env[n], prefix), name);
	}
	return env;
}

static void free_environment(char **env)
{
	size_t last = 0;

	while (env[last] != NULL) {
		last++;
	}
	if (last > 0 && strncmp(env[last - 1], "XDG_ACTIVATION_TOKEN=", 21) == 0) {
		free(env[last - 1]);
	}
	free(env);
}

/* A session and group of its own, no blocked signals, the shell to run the command. */
static int start_process(struct spawner *spawner, const char *command, pid_t *pid)
{
	char *argv[] = {"/bin/sh", "-c", (char *)command, NULL};
	char **env = make_environment(spawner);
	posix_spawnattr_t attr;
	sigset_t none, all;
	int ret;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(
		&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	ret = -posix_spawn(pid, argv[0], NULL, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	free_environment(env);
	if (ret < 0) {
		wlr_log(WLR_ERROR, "cannot start '%s': %s", command, strerror(-ret));
	}
	return ret;
}

static void child_destroy(struct child *child)
{
	if (child->timer != NULL) {
		wl_event_source_remove(child->timer);
	}
	wl_list_remove(&child->link);
	free(child->command);
	free(child);
}

static int child_start(struct child *child)
{
	child->started = now_ms();
	return start_process(child->spawner, child->command, &child->pid);
}

static struct child *child_create(struct spawner *spawner, const char *command, bool service)
{
	struct child *child = mem_zalloc(sizeof(*child));

	child->spawner = spawner;
	child->command = mem_strdup(command);
	child->service = service;
	child->pause = RESTART_MIN_MS;
	wl_list_insert(&spawner->children, &child->link);
	return child;
}

int spawner_run(struct spawner *spawner, const char *command)
{
	struct child *child = child_create(spawner, command, false);
	int ret = child_start(child);

	if (ret < 0) {
		child_destroy(child);
	}
	return ret;
}

static int handle_restart(void *data)
{
	struct child *child = data;

	if (child_start(child) < 0) {
		child->pid = 0;
		wl_event_source_timer_update(child->timer, RESTART_MAX_MS);
	}
	return 0;
}

static void service_ended(struct child *child)
{
	struct spawner *spawner = child->spawner;

	if (now_ms() - child->started >= STEADY_MS) {
		child->pause = RESTART_MIN_MS;
	}
	wlr_log(WLR_ERROR, "'%s' ended; starting it again in %d ms", child->command, child->pause);
	child->pid = 0;
	if (child->timer == NULL) {
		child->timer =
			wl_event_loop_add_timer(spawner->server->loop, handle_restart, child);
	}
	wl_event_source_timer_update(child->timer, child->pause);
	child->pause = int_min(child->pause * 2, RESTART_MAX_MS);
}

void spawner_reap(struct spawner *spawner)
{
	struct child *child, *next;

	/* Only our own: wlroots waits for Xwayland itself. */
	wl_list_for_each_safe(child, next, &spawner->children, link)
	{
		int status;

		if (child->pid == 0 || waitpid(child->pid, &status, WNOHANG) != child->pid) {
			continue;
		}
		if (child->service && WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND) {
			wlr_log(WLR_ERROR, "'%s' is not installed", child->command);
			child_destroy(child);
		} else if (child->service) {
			service_ended(child);
		} else {
			child_destroy(child);
		}
	}
}

static struct child *find_service(struct spawner *spawner, const char *command)
{
	struct child *child;

	wl_list_for_each(child, &spawner->children, link)
	{
		if (child->service && strcmp(child->command, command) == 0) {
			return child;
		}
	}
	return NULL;
}

static void start_service(struct spawner *spawner, const char *command)
{
	struct child *child = child_create(spawner, command, true);

	if (child_start(child) < 0) {
		child_destroy(child);
	}
}

void spawner_start_session(struct spawner *spawner)
{
	struct spawn_config *sc;

	spawner->started = true;
	wl_list_for_each(sc, &spawner->server->config->spawns, link)
	{
		if (sc->service) {
			start_service(spawner, sc->command);
		} else {
			spawner_run(spawner, sc->command);
		}
	}
}

static bool still_wanted(struct spawner *spawner, const char *command)
{
	struct spawn_config *sc;

	wl_list_for_each(sc, &spawner->server->config->spawns, link)
	{
		if (sc->service && strcmp(sc->command, command) == 0) {
			return true;
		}
	}
	return false;
}

/* Ends a whole service: the shell and what it started are one process group. */
static void stop_service(struct child *child)
{
	if (child->pid > 0) {
		kill(-child->pid, SIGTERM);
	}
	child->service = false;
	if (child->pid == 0) {
		child_destroy(child);
	}
}

void spawner_apply_config(struct spawner *spawner)
{
	struct child *child, *next;
	struct spawn_config *sc;

	if (!spawner->started) {
		return;
	}
	wl_list_for_each_safe(child, next, &spawner->children, link)
	{
		if (child->service && !still_wanted(spawner, child->command)) {
			stop_service(child);
		}
	}
	wl_list_for_each(sc, &spawner->server->config->spawns, link)
	{
		if (sc->service && find_service(spawner, sc->command) == NULL) {
			start_service(spawner, sc->command);
		}
	}
}

struct spawner *spawner_create(struct server *server)
{
	struct spawner *spawner = mem_zalloc(sizeof(*spawner));

	spawner->server = server;
	wl_list_init(&spawner->children);
	return spawner;
}

void spawner_destroy(struct spawner *spawner)
{
	struct child *child, *next;

	if (spawner == NULL) {
		return;
	}
	wl_list_for_each_safe(child, next, &spawner->children, link)
	{
		if (child->service && child->pid > 0) {
			kill(-child->pid, SIGTERM);
		}
		child_destroy(child);
	}
	free(spawner);
}
