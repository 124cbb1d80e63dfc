/* SPDX-License-Identifier: MIT */
/*
 * A service's manifest: a text file etc/init/NAME.service, one `key words...` a line, `#` starts a comment.
 *
 *	program PATH [ARG...]		in the boot archive (required)
 *	runtime native|posix		how it runs; native is the default
 *	type daemon|oneshot|driver	a oneshot ends; a driver is started by drivers/pci (INIT_START)
 *	offers NAME [orphan=MS] [limit=N]	a scheme that it serves: fd "scheme:NAME"
 *	needs NAME...			schemes in its namespace; their services start first
 *	opens NAME...			root handles: fd "open:NAME"; their services start first
 *	after SERVICE...		these start first
 *	resource KIND [BASE LEN]	fd "res:KIND"; KIND: mem ports irq msi dma ident procs power clock scheme log prio
 *	give NAME...			boot, time, framebuffer, namespace, console (numbered 0 1 2)
 *	state BYTES			fd "state": memory that outlives it, zeroed at first, for its successor; at most 1 MiB
 *	paths				(posix) a root directory, pids and sockets from the schemes fs, proc, ipc
 *	may start-drivers|mount
 *	rank N				for schemes it offers; it blocks only on lower ones
 *	notify				it says when it is ready; what needs it waits for that
 *	watchdog MS			killed if it does not say "alive" for so long
 *	shutdown MS			at the end it is told, and has so long; others are killed
 *	restart always|on-failure|never [MIN MAX]	back-off in ms, doubled at each early end
 *	essential			its final end restarts the machine; unless restart is given, its first
 *	user UID GID [GROUP...]
 *	priority idle|low|normal|interactive|driver|rt
 *	env NAME=VALUE
 *	if OPTION, unless OPTION	the service is there only where the kernel's command line has (has not) OPTION=
 * In `program` and `opens`, $OPTION is the value of that option, OPTION?WORD is WORD where the option is given, OPTION!WORD where it is not.
 */
#ifndef MANIFEST_H
#define MANIFEST_H

#include <weft/types.h>
#include <stddef.h>

#define MANIFEST_NAME 32
#define MANIFEST_LIST 32

enum service_type { SERVICE_DAEMON, SERVICE_ONESHOT, SERVICE_DRIVER };
enum restart_policy { RESTART_ON_FAILURE, RESTART_ALWAYS, RESTART_NEVER };

struct manifest_scheme {
	char name[MANIFEST_NAME];
	u32 orphan_ms, limit;
};
struct manifest_resource {
	u32 kind;
	u64 base, len; /* len 0: all */
	char name[16];
};
struct manifest_list {
	u32 n;
	char *word[MANIFEST_LIST];
};
#define GIVE_BOOT	 0x01u
#define GIVE_TIME	 0x02u
#define GIVE_FRAMEBUFFER 0x04u
#define GIVE_NAMESPACE	 0x08u
#define GIVE_CONSOLE	 0x10u

struct manifest {
	char name[MANIFEST_NAME];
	struct manifest_list argv, env, needs, opens, after;
	u32 noffers, nresources, ngroups;
	struct manifest_scheme offers[8];
	struct manifest_resource resources[12];
	enum service_type type;
	enum restart_policy restart; /* RESTART_NEVER for essential ones that do not say */
	u32 backoff_min_ms, backoff_max_ms;
	u32 give, rank, prio;
	u32 watchdog_ms, shutdown_ms, state_bytes;
	u32 uid, gid, groups[16];
	bool restart_given, posix, paths, notify, essential, may_start_drivers, may_mount, has_user;
	char *when; /* an option of the kernel's command line, or NULL */
	bool unless;
	char *text; /* the words point into it */
};

/** Parses; *line is that of the first error, *why says what is wrong. 0, -EINVAL or -ENOMEM. */
int manifest_parse(const char *name, const char *text, u64 len, struct manifest *out, u32 *line, const char **why);
void manifest_finish(struct manifest *m);
/** Resolves conditions and options; option gives an option's value for good, or NULL. false: the service is not to be there. */
bool manifest_resolve(struct manifest *m, const char *(*option)(const char *name, size_t len));

#endif
