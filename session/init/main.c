/* SPDX-License-Identifier: MIT */
/* The first process: reads the archive's manifests, makes every endpoint, starts what can start, and serves. */
#include "init.h"

#include <string.h>

struct loop loop;

/* manifests=FOLDER/ on the command line: others than etc/init/, for tests. */
static void start_services(void)
{
	static char folder[64];
	if (option("manifests", folder, sizeof folder))
		manifest_folder = folder;
	archive_each(manifest_folder, service_add);
	for (struct service *s = services; s; s = s->next) {
		service_create_endpoints(s, 0);
	}
	for (struct service *s = services; s; s = s->next) {
		if (s->m.type != SERVICE_DRIVER)
			service_want(s);
	}
	services_schedule();
}

static void fail(const char *what, int error)
{
	console_say("\n@@weft-fail %s: error %d\n", what, -error);
	machine_end(MACHINE_OFF, 125);
}

int main(void)
{
	console_say("@@weft-init\n");
	machine_set_clock();
	int r = archive_open(native_boot());
	if (r < 0)
		fail("the boot archive", r);
	r = loop_init(&loop);
	if (r == 0)
		r = ctl_start();
	if (r < 0)
		fail("the scheme init", r);
	r = (int)weft_proc_ctl((u64)-1, WEFT_PROC_SET_AUTOREAP, 1, 0, 0);
	if (r < 0)
		fail("the end of orphans", r);
	job_prepare();
	start_services();
	r = loop_run(&loop);
	fail("init's loop", r);
	return 1;
}
