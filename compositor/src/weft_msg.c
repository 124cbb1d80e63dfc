/* SPDX-License-Identifier: MIT */
/*
 * weft-msg: asks a running compositor to do something, or to tell something.
 *
 *	weft-msg ACTION [ARGUMENT]...
 *	weft-msg get|watch|watch-panel TOPIC
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int connect_socket(void)
{
	const char *path = getenv("WEFT_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (path == NULL || strlen(path) >= sizeof(address.sun_path)) {
		fputs("weft-msg: WEFT_SOCKET does not name a compositor's socket\n", stderr);
		return -1;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		fprintf(stderr, "weft-msg: %s: %s\n", path, strerror(errno));
		return -1;
	}
	return fd;
}

static bool is_request(const char *word)
{
	return strcmp(word, "get") == 0 || strcmp(word, "watch") == 0 ||
	       strcmp(word, "watch-panel") == 0;
}

static int send_request(int fd, int argc, char **argv)
{
	FILE *f = fdopen(dup(fd), "w");

	if (f == NULL) {
		return -1;
	}
	if (!is_request(argv[1])) {
		fputs("do ", f);
	}
	for (int i = 1; i < argc; i++) {
		fprintf(f, "%s%c", argv[i], i + 1 < argc ? ' ' : '\n');
	}
	return fclose(f);
}

int main(int argc, char **argv)
{
	char *line = NULL;
	size_t size = 0;
	bool watch;
	int fd, status = 1;
	FILE *in;

	if (argc < 2 || argv[1][0] == '-') {
		fputs("usage: weft-msg ACTION [ARGUMENT]... | get|watch|watch-panel "
		      "workspaces|windows|outputs|layout\n",
			stderr);
		return 2;
	}
	fd = connect_socket();
	if (fd < 0 || send_request(fd, argc, argv) != 0) {
		return 1;
	}
	in = fdopen(fd, "r");
	watch = strncmp(argv[1], "watch", 5) == 0;
	while (in != NULL && getline(&line, &size, in) > 0) {
		bool error = strncmp(line, "error: ", 7) == 0;

		fputs(line, error ? stderr : stdout);
		fflush(stdout);
		status = error;
		if (!watch || error) {
			break;
		}
	}
	free(line);
	return status;
}
