/* SPDX-License-Identifier: MIT */
/*
 * init: the first process. It owns every endpoint, and a service is a state machine:
 *
 *	DOWN -> WAITING (for what it needs) -> STARTING (until it says that it is ready) -> RUNNING -> DONE
 *	any end that its policy mends: -> BACKOFF -> WAITING; a stop: -> STOPPING -> DOWN; otherwise -> FAILED
 *
 * One thread, one loop; it calls no other service, so it blocks on nobody.
 */
#ifndef INIT_H
#define INIT_H

#include "manifest.h"

#include <native/call.h>
#include <native/cpio.h>
#include <native/init.h>
#include <native/loop.h>
#include <native/server.h>
#include <native/spawn.h>
#include <native/start.h>
#include <native/time.h>

struct endpoint {
	char name[MANIFEST_NAME];
	i32 endpoint; /* kept for good */
	i32 server;   /* the server end while no service has it, else -1 */
};

struct service_output {
	struct loop_source source; /* the read end of the pipe that its fds 1 and 2 are */
	bool open;
	size_t n;
	char text[400];
};

struct service {
	struct service *next;
	struct manifest m;
	enum init_state state;
	i64 since;
	struct spawned process; /* pid 0: none */
	struct loop_source exit_source, notify_source;
	struct loop_timer timer; /* back-off, watchdog or the end of the grace in STOPPING, by state */
	i32 notify, shutdown;	 /* counters, -1 */
	struct endpoint offers[8];
	i32 resources[12]; /* the same objects in each life: what was derived from them stays valid; 0: not yet made */
	i32 memory;	   /* that its manifest calls state; 0: not yet made */
	u32 restarts, backoff_ms, status;
	bool start_again; /* after STOPPING */
	struct service_output output;
	/* An instance of a driver. */
	u32 number;
	struct service *starter;
	struct spawn_fd *extra;
	u32 nextra;
	bool instance;
	struct request *waiter;
};

extern struct loop loop;
extern struct service *services;
extern const char *manifest_folder; /* in the archive, with its final slash */

/* archive.c: the boot archive, indexed. */
int archive_open(const struct weft_start *boot);
int archive_find(const char *path, struct cpio_entry *out);
/** A memory object with this file, shared by all who ask. -> fd (init's own) or a negative errno. */
i32 archive_image(const char *path, u64 *size);
void archive_each(const char *prefix, void (*fn)(const struct cpio_entry *e));

/* service.c */
struct service *service_find(const char *name);
void service_add(const struct cpio_entry *e);
struct service *service_instance(struct service *driver, const char *name);
/**
 * Gives every offered scheme its endpoint, published in init's namespace. A driver's are made at the start, so that who needs them can wait
 * for them; its first instance takes them over, and those of instance n are NAME.n.
 */
int service_create_endpoints(struct service *s, u32 number);
void service_take_endpoints(struct service *s, struct service *driver);
void service_want(struct service *s);	 /* DOWN -> WAITING */
void service_stop(struct service *s, bool again);
void service_kill(struct service *s);
void services_schedule(void); /* starts all that wait for nothing any more */
bool services_settled(void);  /* nothing starts, and what waits waits for what has failed */
void service_changed(struct service *s, enum init_state state);
bool service_depends_ready(const struct service *s);

/* shutdown.c */
void services_shutdown(u64 action, u64 code); /* in good order, then power */
bool shutting_down(void);
void shutdown_next(void); /* a service has ended */

/* start.c: the process of a service or job. */
int service_spawn(struct service *s);
struct job_spec {
	const char *const *argv, *const *envp;
};
int job_spawn(const struct job_spec *j, struct spawned *out);
/**
 * Whether a child has ended, and with what wait status. init's children are reaped by the kernel at their end, so that orphans, of
 * which it holds no fd, are no zombies; a process fd tells the status all the same.
 */
bool process_ended(i32 proc, u32 *status);
/** A static program in the archive that does not say that it wants a runtime. */
bool job_is_native(const char *path, struct cpio_entry *e);
void console_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* machine.c */
enum { MACHINE_OFF, MACHINE_RESET, MACHINE_HALT }; /* as WEFT_SYS_POWER has them */
/** From the clock chip. */
void machine_set_clock(void);
/** Does not return. code: what an emulator's exit status shall be made of, or 0. */
void machine_end(u64 action, u64 code) __attribute__((noreturn));

/* output.c */
/** A new pipe to the log for this service's fds 1 and 2. -> its write end, for the caller to close, or a negative errno. */
i32 output_open(struct service *s);
void output_close(struct service *s);

/* job.c */
void job_prepare(void);
void job_settled(void); /* called when services have settled */
bool job_exists(void);
void job_abandon(const char *why); /* the machine goes down under it */
const char *option(const char *name, char *buf, u64 size); /* of the kernel's command line; NULL: absent */

/* ctl.c: the scheme init */
int ctl_start(void);
void ctl_instance_ended(struct service *s);
/** A handle of the scheme init that tells which service holds it. -> fd */
i32 ctl_handle_for(struct service *s);
/** The mounts that programs with paths get. */
struct posix_mount;
const struct posix_mount *mounts_table(u32 *n);

u32 exit_code(u32 status); /* of a wait status, as a shell says it */

#endif
