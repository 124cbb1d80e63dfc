/* SPDX-License-Identifier: MIT */
/*
 * The scheme `init`, and what a service does for its part. A service holds the fds that its manifest names (start.h): "scheme:NAME" for
 * each offered scheme, "open:NAME", "res:KIND", "notify" (a counter: the first write says "ready", later ones "alive"), and
 * "shutdown" (polls readable when the service should end in good order).
 */
#ifndef NATIVE_INIT_H
#define NATIVE_INIT_H

#include <native/loop.h>
#include <weft/scheme.h>

enum init_op {
	/* Buffer 0 OUT: struct init_service[]. -> number of services */
	INIT_LIST = WEFT_OP_USER + 0x400, /* no operation of the file protocol: paths below /scheme come here too */
	/* Buffer 0 IN: name. args[0]: enum init_action. Root only */
	INIT_CONTROL,
	/* Buffer 0 IN: path in the boot archive. -> 0 and fds_out[0]: a read-only memory object; out[0] its size. */
	INIT_IMAGE,
	/*
	 * Starts an instance of a driver's manifest with fds of its own (device resources). Buffer 0 IN: manifest's name; buffer 1 IN: instance's name;
	 * buffer 2 IN: the names of the fds sent, each ended by NUL; args[0]: 0 for the manifest's first instance, its schemes have their own names
	 * then, else they end in .NUMBER; the number is INSTANCE in the environment. -> pid. When an instance has ended it is not started again: its starter,
	 * which must reset the device first, is told by INIT_WAIT. Needs `may start-drivers` in the caller's manifest.
	 */
	INIT_START,
	/*
	 * For a starter that was itself started again. Buffer 0 IN: instance's name, buffer 1 IN: name of an fd that it was given. -> fds_out[0];
	 * 1: it runs, 0: it has ended meanwhile; -ENOENT: there is none
	 */
	INIT_ADOPT,
	/* Buffer 0 IN: instance's name. Answers when it has ended, with its wait status */
	INIT_WAIT,
	/* args[0]: 0 off, 1 reboot; args[1]: exit code. Services end in good order first. Root only */
	INIT_POWER,
	/*
	 * Adds to the mounts that programs with paths get. Buffer 0 IN: struct posix_mount[] (at and root are not looked at);
	 * fds: for each, the handle of the mount point and that of the root mounted. Needs `may mount` in the caller's manifest
	 */
	INIT_MOUNTS,
	/* Buffer 0 IN: name of a text (native/systext.h); buffer 1 OUT. -> its length; what does not fit is cut off. Root only */
	INIT_TEXT,
};
enum init_action { INIT_DO_START, INIT_DO_STOP, INIT_DO_RESTART, INIT_DO_KILL };
enum init_state { INIT_DOWN, INIT_WAITING, INIT_STARTING, INIT_RUNNING, INIT_DONE, INIT_BACKOFF, INIT_FAILED, INIT_STOPPING };

struct init_service {
	char name[32];
	char program[64];
	u32 state;	/* enum init_state */
	i32 pid;	/* 0: none */
	u32 restarts;
	u32 status;	/* wait status of the last end */
	u64 since_ns;	/* of this state */
	u32 rank;
	u32 flags;	/* INIT_SERVICE_* */
};
#define INIT_SERVICE_ESSENTIAL 0x1u
#define INIT_SERVICE_DRIVER    0x2u

/** Tells init that this service is ready, or still alive. Does nothing where init did not ask for it. */
void init_notify(void);
/** Does so from the loop every period_ns, and stops the loop when init asks for the service's end. */
int init_attach(struct loop *l, i64 period_ns);
/** A file of the boot archive as a memory object, through the scheme `init`. -> private fd or a negative errno. */
i32 init_image(i32 init_handle, const char *path, u64 *size);

#endif
