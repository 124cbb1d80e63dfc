/* SPDX-License-Identifier: MIT */
/*
 * The end of the machine, in good order: programs of the root file system are asked to end (SIGTERM), and made to (SIGKILL) after a
 * grace; then the services end, highest rank first, so that nobody loses what it needs: a service with `shutdown` in its
 * manifest is told and has that long (servers/fs writes everything back), others are killed. Then the power.
 * Every wait has its end, and the whole has one too.
 */
#include "init.h"

#include <native/systext.h>
#include <string.h>

#define PIDS_MAX   4096
#define GRACE_NS   (5 * NSEC_PER_SEC)
#define JOB_NS	   (500 * NSEC_PER_MSEC) /* a job has ended already; who it left behind is of no interest */
#define KILL_NS	   NSEC_PER_SEC
#define LOOK_NS	   (20 * NSEC_PER_MSEC)
#define OVERALL_NS (90 * NSEC_PER_SEC)

static struct loop_timer overall, look;
static bool under_way, programs_gone, killed;
static u64 action, code;
static i64 began, grace;

bool shutting_down(void)
{
	return under_way;
}

/* What programs asked for and the runtime does not serve: each call by its number and name, and how often. */
static void log_unserved(void)
{
	static char text[8192];
	i32 authority = native_boot()->resource;
	i64 n = native_sys_text(authority, authority, "unserved", text, sizeof text);
	if (n > 0)
		native_log("init: Linux calls asked for and not served:");
	for (char *at = text, *end; n > 0 && *at; at = end + (*end != 0)) {
		end = at + strcspn(at, "\n");
		native_log("unserved: %.*s", (int)(end - at), at);
	}
}

static void power(void)
{
	log_unserved();
	machine_end(action, code);
}

/* A service that is a part of the system below: programs with paths end with the others of the root file system. */
static bool is_low_service(u32 pid)
{
	for (struct service *s = services; s; s = s->next) {
		if (s->process.pid == (i32)pid)
			return !s->m.paths;
	}
	return false;
}

/* Sends every program the signal (0: none). -> how many there are. */
static u32 each_program(u32 signo)
{
	static u32 pids[PIDS_MAX];
	i32 res = native_boot()->resource;
	i64 n = weft_proc_ctl(res, WEFT_PROC_LIST, PTR(pids), PIDS_MAX, 0);
	u32 found = 0;
	for (i64 i = 0; i < n && i < PIDS_MAX; i++) {
		struct weft_proc_info info;
		struct weft_siginfo si = {.signo = (i32)signo, .code = 0, .pid = 1};
		if (pids[i] == 1 || is_low_service(pids[i]))
			continue;
		i64 fd = weft_proc_ctl(res, WEFT_PROC_OPEN, pids[i], 0, 0);
		if (fd < 0)
			continue;
		if (weft_proc_ctl(fd, WEFT_PROC_INFO, PTR(&info), 0, 0) >= 0 && info.state != 'Z') {
			found++;
			if (signo == 9)
				weft_proc_ctl(fd, WEFT_PROC_KILL, 9, 0, 0);
			else if (signo)
				weft_sig_post(fd, 0, signo, PTR(&si));
			if (signo) /* a stopped one could not end */
				weft_proc_ctl(fd, WEFT_PROC_CONT, 0, 0, 0);
		}
		weft_fd_close(fd);
	}
	return found;
}

void shutdown_next(void)
{
	struct service *last = NULL;
	if (!programs_gone)
		return;
	for (struct service *s = services; s; s = s->next) {
		if (s->state == INIT_STOPPING && s->process.pid)
			return;
		if (s->process.pid && (!last || s->m.rank > last->m.rank))
			last = s;
	}
	if (last)
		service_stop(last, false);
	else
		power();
}

static void handle_look(struct loop_timer *t)
{
	i64 now = time_monotonic();
	u32 left = each_program(0);
	if (left && !killed && now > began + grace) {
		native_log("init: %u programs do not end: killed", left);
		killed = true;
		each_program(9);
	}
	if (left && now < began + grace + KILL_NS) {
		loop_timer_set(&loop, t, now + LOOK_NS);
		return;
	}
	programs_gone = true;
	shutdown_next();
}

static void handle_overall(struct loop_timer *t)
{
	(void)t;
	native_log("init: services do not end: switching off");
	power();
}

void services_shutdown(u64 what, u64 exit_status)
{
	if (under_way)
		return;
	under_way = true;
	action = what;
	code = exit_status;
	began = time_monotonic();
	grace = job_exists() ? JOB_NS : GRACE_NS;
	overall.fn = handle_overall;
	loop_timer_set(&loop, &overall, began + OVERALL_NS);
	look.fn = handle_look;
	for (struct service *s = services; s; s = s->next) {
		if (s->process.pid && s->m.paths)
			service_changed(s, INIT_STOPPING);
	}
	each_program(15);
	handle_look(&look);
}
