/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <wlr/util/log.h>

#include "server.h"

static const char usage[] =
	"usage: weft-compositor [options]\n"
	"  -c, --config FILE    read FILE, not the user's or the system's configuration\n"
	"  -C, --check          read the configuration, print its mistakes, exit 1 if any\n"
	"  -s, --startup CMD    run CMD in place of the configuration's programs\n"
	"  -S, --socket NAME    listen on this Wayland socket\n"
	"  -d, --debug          log everything\n"
	"  -l, --list-actions   print the actions that keys and menus can use\n"
	"  -h, --help           print this\n"
	"WLR_RENDERER=pixman|gles2 chooses how to draw, WLR_BACKENDS=headless|wayland|drm where.\n";

static const struct option options[] = {
	{"config", required_argument, NULL, 'c'},
	{"check", no_argument, NULL, 'C'},
	{"startup", required_argument, NULL, 's'},
	{"socket", required_argument, NULL, 'S'},
	{"debug", no_argument, NULL, 'd'},
	{"list-actions", no_argument, NULL, 'l'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static int check_config(const char *path)
{
	struct config *config = config_create();
	struct config_errors errors;
	struct config_error *e;
	int ret, status;

	config_errors_init(&errors);
	ret = config_read_file(config, path, &errors);
	wl_list_for_each(e, &errors.list, link)
	{
		fprintf(stderr, "%s\n", e->text);
	}
	if (ret < 0 && errors.count == 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(-ret));
	}
	status = ret < 0;
	config_errors_finish(&errors);
	config_destroy(config);
	return status;
}

static void list_actions(void)
{
	size_t count;
	const struct action_def *table = action_table(&count);

	for (size_t i = 0; i < count; i++) {
		const char *arg = table[i].arg == ARG_COMMAND ? "COMMAND"
				  : table[i].arg == ARG_NAME  ? "NAME"
				  : table[i].arg == ARG_PAIR  ? "X Y"
				  : table[i].arg == ARG_WORD  ? table[i].words
							      : "";

		printf("%-20s %s\n", table[i].name, arg);
	}
}

int main(int argc, char **argv)
{
	struct server_options so = {0};
	struct server *server;
	bool check = false, debug = false;
	int opt, status;

	while ((opt = getopt_long(argc, argv, "c:Cs:S:dlh", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			so.config_path = optarg;
			break;
		case 'C':
			check = true;
			break;
		case 's':
			so.startup_command = optarg;
			break;
		case 'S':
			so.socket = optarg;
			break;
		case 'd':
			debug = true;
			break;
		case 'l':
			list_actions();
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fputs(usage, stderr);
		return 2;
	}
	if (check) {
		return check_config(
			so.config_path != NULL ? so.config_path : "/etc/weft/compositor.conf");
	}
	wlr_log_init(debug ? WLR_DEBUG : WLR_INFO, NULL);
	if (server_create(&so, &server) < 0) {
		return 1;
	}
	status = server_run(server);
	server_destroy(server);
	return status;
}
