/* SPDX-License-Identifier: MIT */
/* The job that the tool asks for (docs/job-protocol.md): one command, its output on the console, then power off. */
#include "init.h"

#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 512

static const char *argv[WORDS_MAX + 1], *envp[WORDS_MAX + 1];
static char nonce[64];
static bool exists, started;
static struct spawned job;
static struct loop_source exit_source;

const char *option(const char *name, char *buf, u64 size)
{
	const char *p = (const char *)native_boot()->cmdline;
	size_t n = strlen(name);
	for (; p && *p; p += strcspn(p, " ")) {
		p += strspn(p, " ");
		if (strncmp(p, name, n) != 0 || p[n] != '=')
			continue;
		size_t len = strcspn(p + n + 1, " ");
		if (len >= size)
			len = size - 1;
		memcpy(buf, p + n + 1, len);
		buf[len] = 0;
		return buf;
	}
	return NULL;
}

/* NUL-ended words; -> how many. The last one may lack its NUL: then it is dropped. */
static u32 split(const struct cpio_entry *e, const char **out)
{
	const char *p = e->data, *end = p + e->size;
	u32 n = 0;
	while (p < end && n < WORDS_MAX) {
		size_t len = strnlen(p, (size_t)(end - p));
		if (p + len == end)
			break;
		out[n++] = p;
		p += len + 1;
	}
	out[n] = NULL;
	return n;
}

/* job=bin/ktest,-v on the command line: words by commas. */
static void job_from_option(void)
{
	static char text[1024];
	u32 n = 0;
	if (!option("job", text, sizeof text))
		return;
	for (char *p = text; *p && n < WORDS_MAX;) {
		argv[n++] = p;
		p += strcspn(p, ",");
		if (*p)
			*p++ = 0;
	}
	argv[n] = NULL;
	exists = n > 0;
}

void job_prepare(void)
{
	struct cpio_entry e;
	if (archive_find("job/cmd", &e) < 0) {
		job_from_option();
		return;
	}
	exists = split(&e, argv) > 0;
	if (archive_find("job/env", &e) == 0)
		split(&e, envp);
	if (archive_find("job/nonce", &e) == 0) {
		size_t n = e.size < sizeof nonce - 1 ? e.size : sizeof nonce - 1;
		memcpy(nonce, e.data, n);
		nonce[strcspn(nonce, "\r\n")] = 0;
	}
}

bool job_exists(void)
{
	return exists;
}

void job_abandon(const char *why)
{
	if (!exists)
		return;
	console_say("\n%s has ended, and the machine with it\n\n@@weft-exit %s 125\n", why, nonce);
	services_shutdown(0, 125);
}

bool job_is_native(const char *path, struct cpio_entry *e)
{
	/* A root file system may lie in the same archive; there /bin is a link, so what has its file under bin/ is one of ours.
	 * A file that the tool adds is native when it is named host/NAME, a Linux program when it is named /host/NAME. */
	if (strncmp(path, "/host/", 6) == 0)
		return false;
	while (*path == '/')
		path++;
	if (strncmp(path, "bin/", 4) != 0 && strncmp(path, "host/", 5) != 0)
		return false;
	return archive_find(path, e) == 0 && (e->mode & 0170000) == 0100000 && e->size > 4 && memcmp(e->data, "\177ELF", 4) == 0;
}

static void handle_job_exit(struct loop_source *s, u32 events)
{
	u32 status;
	(void)events;
	if (!process_ended(job.proc, &status))
		return;
	loop_remove(&loop, s);
	weft_fd_close(job.proc);
	console_say("\n@@weft-exit %s %u\n", nonce, exit_code(status));
	services_shutdown(0, exit_code(status));
}

void job_settled(void)
{
	if (!exists || started)
		return;
	started = true;
	console_say("\n@@weft-start %s\n", nonce);
	struct job_spec spec = {.argv = argv, .envp = envp};
	int r = job_spawn(&spec, &job);
	if (r < 0) {
		int status = r == -ENOENT ? 127 : 126; /* as a shell would say it */
		console_say("%s: cannot be started (error %d)\n\n@@weft-exit %s %d\n", argv[0], -r, nonce, status);
		services_shutdown(0, status);
		return;
	}
	exit_source = (struct loop_source){.fn = handle_job_exit, .fd = job.proc, .events = WEFT_POLLIN};
	loop_add(&loop, &exit_source);
}
