/* SPDX-License-Identifier: MIT */
/*
 * Runs the tool's command (docs/job-protocol.md) in the root file system, as root would from a login shell.
 * As the program of a service it gives its command the job's environment too, as the first process on Linux
 * does: what the service's manifest says is not overridden.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void set_default(const char *name, const char *value)
{
	if (setenv(name, value, 0) < 0)
		perror(name);
}

/* NAME=VALUE, each ended by a NUL; a machine without a job has no such file. */
static void job_environment(void)
{
	FILE *f = fopen("/job/env", "re");
	char *word = NULL;
	size_t room = 0;
	if (!f)
		return;
	while (getdelim(&word, &room, '\0', f) > 0) {
		char *value = strchr(word, '=');
		if (!value || value == word)
			continue;
		*value = 0;
		set_default(word, value + 1);
	}
	free(word);
	fclose(f);
}

int main(int argc, char **argv)
{
	/* As a service's program it has its own name first; as a job's, only the command. */
	if (argc > 1 && strcmp(argv[0], "bin/job-run") == 0) {
		argv++;
		job_environment();
	}
	if (argc < 1 || !argv[0] || !argv[0][0])
		return 127;
	set_default("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	set_default("HOME", "/root");
	set_default("USER", "root");
	set_default("LOGNAME", "root");
	set_default("SHELL", "/bin/bash");
	set_default("LANG", "C.UTF-8");
	if (chdir("/root") < 0 && chdir("/") < 0)
		perror("/");
	execvp(argv[0], argv);
	int e = errno;
	fprintf(stderr, "%s: %s\n", argv[0], strerror(e));
	return e == ENOENT ? 127 : 126;
}
